//! `POST …/Reservations/{Sid}`: a status, or an instruction with its parameters.

use crate::error::ApiError;
use crate::form::{Params, bad};
use crate::taskrouter::reservation_status;
use base::ActivitySid;
use engine::routing::command::*;
use engine::routing::model::ReservationStatus;

/// Longest time to ring, in seconds.
const RING_S_MAX: u64 = 999;
const CALL_EVENTS: &[&str] = &["initiated", "ringing", "answered", "completed"];
const CONFERENCE_EVENTS: &[&str] = &["start", "end", "join", "leave", "mute", "hold", "speaker"];
const BEEPS: &[(&str, &str)] =
    &[("true", "true"), ("false", "false"), ("onEnter", "onEnter"), ("onExit", "onExit")];
const METHODS: &[(&str, &str)] = &[("GET", "GET"), ("POST", "POST")];

/// Conference parameters that are kept as they came, for the issues that give them a meaning.
const CONFERENCE_MORE: &[&str] = &[
    "Record",
    "EarlyMedia",
    "MaxParticipants",
    "ConferenceRecord",
    "ConferenceTrim",
    "RecordingChannels",
    "RecordingStatusCallback",
    "RecordingStatusCallbackMethod",
    "ConferenceRecordingStatusCallback",
    "ConferenceRecordingStatusCallbackMethod",
    "Region",
    "SipAuthUsername",
    "SipAuthPassword",
    "JitterBufferSize",
    "Transcribe",
    "TranscriptionConfiguration",
];

/// Their words, where the reference lists them.
const WORDS: &[(&str, &[&str])] = &[
    ("ConferenceRecord", &["true", "false", "record-from-start", "do-not-record"]),
    ("ConferenceTrim", &["trim-silence", "do-not-trim"]),
    ("RecordingChannels", &["mono", "dual"]),
    ("RecordingStatusCallbackMethod", &["GET", "POST"]),
    ("ConferenceRecordingStatusCallbackMethod", &["GET", "POST"]),
    ("Region", &["us1", "us2", "ie1", "de1", "sg1", "br1", "au1", "jp1"]),
    ("JitterBufferSize", &["small", "medium", "large", "off"]),
];

/// What an update of a reservation asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum ReservationUpdate {
    /// `ReservationStatus=`
    Status {
        /// The status asked for.
        status: ReservationStatus,
        /// `WorkerActivitySid=`
        activity: Option<ActivitySid>,
    },
    /// `Instruction=`
    Instruct(Box<Instruction>),
}

/// Reads the form. A status and an instruction cannot be carried out at once: the instruction counts.
pub fn reservation_update(form: &Params) -> Result<ReservationUpdate, ApiError> {
    if let Some(name) = form.filled("Instruction") {
        return instruction(form, name).map(|it| ReservationUpdate::Instruct(Box::new(it)));
    }
    match reservation_status(form)? {
        Some(status) => Ok(ReservationUpdate::Status { status, activity: form.parsed("WorkerActivitySid")? }),
        None => Err(ApiError::invalid("Missing required parameter ReservationStatus or Instruction")),
    }
}

fn instruction(form: &Params, name: &str) -> Result<Instruction, ApiError> {
    match name.to_ascii_lowercase().as_str() {
        "accept" => Ok(Instruction::Accept),
        "reject" => Ok(Instruction::Reject { activity: form.parsed("WorkerActivitySid")? }),
        "dequeue" => dequeue(form).map(Instruction::Dequeue),
        "call" => call(form).map(Instruction::Call),
        "redirect" => redirect(form).map(Instruction::Redirect),
        "conference" => conference(form).map(Instruction::Conference),
        "supervise" => supervise(form).map(Instruction::Supervise),
        _ => Err(ApiError::with(55555, format!("Unknown instruction '{name}'"))),
    }
}

fn dequeue(form: &Params) -> Result<DequeueInstruction, ApiError> {
    let mut events = events(form, "DequeueStatusCallbackEvent", CALL_EVENTS, 40134)?;
    events.extend(self::events(form, "DequeueStatusCallbackEvents", CALL_EVENTS, 40134)?);
    Ok(DequeueInstruction {
        to: text(form, "DequeueTo"),
        from: text(form, "DequeueFrom"),
        post_work_activity: form.parsed("DequeuePostWorkActivitySid").map_err(|e| e.coded(40130))?,
        record: form.text("DequeueRecord") == Some("record-from-answer"),
        timeout: form.seconds("DequeueTimeout", 1, RING_S_MAX)?,
        status_callback_url: form.url("DequeueStatusCallbackUrl", 40157)?.flatten(),
        status_callback_events: events,
    })
}

fn call(form: &Params) -> Result<CallInstruction, ApiError> {
    let url = form.url("CallUrl", 40112)?.flatten();
    if url.is_none() {
        return Err(ApiError::with(40112, "Missing required parameter CallUrl"));
    }
    let Some(from) = text(form, "CallFrom") else {
        return Err(ApiError::with(40111, "Missing required parameter CallFrom"));
    };
    Ok(CallInstruction {
        to: text(form, "CallTo"),
        from: Some(from),
        url,
        accept: form.boolean("CallAccept").unwrap_or(false),
        record: form.text("CallRecord") == Some("record-from-answer"),
        timeout: form.seconds("CallTimeout", 1, RING_S_MAX)?,
        status_callback_url: form.url("CallStatusCallbackUrl", 40158)?.flatten(),
    })
}

fn redirect(form: &Params) -> Result<RedirectInstruction, ApiError> {
    let Some(call) = text(form, "RedirectCallSid") else {
        return Err(ApiError::with(40121, "Missing required parameter RedirectCallSid"));
    };
    let url = form.url("RedirectUrl", 40120)?.flatten();
    if url.is_none() {
        return Err(ApiError::with(40120, "Missing required parameter RedirectUrl"));
    }
    let accept = form.boolean("RedirectAccept").unwrap_or(false);
    Ok(RedirectInstruction { call: Some(call), url, accept })
}

fn conference(form: &Params) -> Result<ConferenceInstruction, ApiError> {
    let default = ConferenceInstruction::default();
    check_more(form)?;
    let method = |name: &str| form.one_of(name, METHODS).map(|m| m.map(str::to_owned));
    Ok(ConferenceInstruction {
        to: text(form, "To"),
        from: text(form, "From"),
        post_work_activity: form.parsed("PostWorkActivitySid").map_err(|e| e.coded(40139))?,
        timeout: form.seconds("Timeout", 1, RING_S_MAX)?,
        status_callback: form.url("StatusCallback", 40159)?.flatten(),
        status_callback_method: method("StatusCallbackMethod")?,
        status_callback_events: events(form, "StatusCallbackEvent", CALL_EVENTS, 20001)?,
        muted: form.boolean("Muted").unwrap_or(default.muted),
        beep: form.one_of("Beep", BEEPS)?.map_or(default.beep, str::to_owned),
        start_conference_on_enter: form
            .boolean("StartConferenceOnEnter")
            .unwrap_or(default.start_conference_on_enter),
        end_conference_on_exit: form.boolean("EndConferenceOnExit").unwrap_or(default.end_conference_on_exit),
        end_conference_on_customer_exit: form
            .boolean("EndConferenceOnCustomerExit")
            .unwrap_or(default.end_conference_on_customer_exit),
        beep_on_customer_entrance: form
            .boolean("BeepOnCustomerEntrance")
            .unwrap_or(default.beep_on_customer_entrance),
        wait_url: form.url("WaitUrl", 20001)?.flatten(),
        wait_method: method("WaitMethod")?,
        conference_status_callback: form.url("ConferenceStatusCallback", 40159)?.flatten(),
        conference_status_callback_method: method("ConferenceStatusCallbackMethod")?,
        conference_status_callback_events: events(
            form,
            "ConferenceStatusCallbackEvent",
            CONFERENCE_EVENTS,
            20001,
        )?,
        more: form.filters(CONFERENCE_MORE),
    })
}

/// Refuses a value that the reference (§5.5) does not list, for parameters that are kept as they came.
fn check_more(form: &Params) -> Result<(), ApiError> {
    for (name, words) in WORDS {
        if let Some(value) = form.filled(name)
            && !words.contains(&value)
        {
            return Err(bad(name, value, format_args!("must be one of {}", words.join(", "))));
        }
    }
    for name in ["RecordingStatusCallback", "ConferenceRecordingStatusCallback"] {
        form.url(name, 20001)?;
    }
    form.number("MaxParticipants", 2, 250)?;
    Ok(())
}

fn supervise(form: &Params) -> Result<SuperviseInstruction, ApiError> {
    let who = form.required("Supervisor")?;
    let supervisor = match who.parse() {
        Ok(worker) => Supervisor::Worker(worker),
        Err(_) => Supervisor::Uri(who.to_owned()),
    };
    let modes = [
        ("monitor", SuperviseMode::Monitor),
        ("whisper", SuperviseMode::Whisper),
        ("barge", SuperviseMode::Barge),
    ];
    Ok(SuperviseInstruction {
        supervisor,
        mode: form.one_of("SupervisorMode", &modes)?.unwrap_or(SuperviseMode::Monitor),
        timeout: form.seconds("Timeout", 1, RING_S_MAX)?,
        status_callback: form.url("StatusCallback", 20001)?.flatten(),
        status_callback_events: events(form, "StatusCallbackEvent", CALL_EVENTS, 20001)?,
    })
}

fn text(form: &Params, name: &str) -> Option<String> {
    form.filled(name).map(str::to_owned)
}

fn events(form: &Params, name: &str, known: &[&str], code: u32) -> Result<Vec<String>, ApiError> {
    form.words(name)
        .map(|word| {
            if known.contains(&word) {
                Ok(word.to_owned())
            } else {
                let why = format_args!("must be among {}", known.join(", ")).to_string();
                Err(bad(name, word, why).coded(code))
            }
        })
        .collect()
}

impl ApiError {
    /// The same error under a more precise code.
    pub fn coded(mut self, code: u32) -> Self {
        self.code = code;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(form: Params) -> u32 {
        reservation_update(&form).unwrap_err().code
    }

    #[test]
    fn a_status_is_read_with_its_activity() {
        let form = Params::of([
            ("ReservationStatus", "rejected"),
            ("WorkerActivitySid", "WA0123456789abcdef0123456789abcdef"),
        ]);
        let ReservationUpdate::Status { status, activity } = reservation_update(&form).unwrap() else {
            panic!("a status")
        };
        assert_eq!((status, activity.is_some()), (ReservationStatus::Rejected, true));
    }

    #[test]
    fn what_cannot_be_done_has_its_documented_code() {
        assert_eq!(code(Params::default()), 20001);
        assert_eq!(code(Params::of([("ReservationStatus", "gone")])), 20001);
        assert_eq!(code(Params::of([("Instruction", "dance")])), 55555);
        assert_eq!(code(Params::of([("Instruction", "supervise")])), 20001);
        let mode = [("Instruction", "supervise"), ("Supervisor", "sip:kim@x"), ("SupervisorMode", "shout")];
        assert_eq!(code(Params::of(mode)), 20001);
        assert_eq!(code(Params::of([("Instruction", "call"), ("CallUrl", "http://x/")])), 40111);
        assert_eq!(code(Params::of([("Instruction", "call"), ("CallFrom", "+15550001111")])), 40112);
        assert_eq!(code(Params::of([("Instruction", "redirect"), ("RedirectUrl", "http://x/")])), 40121);
        assert_eq!(code(Params::of([("Instruction", "redirect"), ("RedirectCallSid", "CA1")])), 40120);
        assert_eq!(
            code(Params::of([("Instruction", "dequeue"), ("DequeueStatusCallbackEvent", "x")])),
            40134
        );
        assert_eq!(
            code(Params::of([("Instruction", "dequeue"), ("DequeuePostWorkActivitySid", "x")])),
            40130
        );
        assert_eq!(code(Params::of([("Instruction", "dequeue"), ("DequeueStatusCallbackUrl", "x")])), 40157);
        assert_eq!(code(Params::of([("Instruction", "conference"), ("StatusCallback", "x")])), 40159);
    }

    /// Reference §5.5: the conference's value sets.
    #[test]
    fn a_conference_takes_only_documented_words() {
        for (name, value) in [
            ("Beep", "loud"),
            ("MaxParticipants", "1"),
            ("MaxParticipants", "251"),
            ("ConferenceRecord", "sometimes"),
            ("ConferenceTrim", "trim"),
            ("RecordingChannels", "both"),
            ("Region", "mars1"),
            ("JitterBufferSize", "huge"),
            ("WaitMethod", "PUT"),
            ("RecordingStatusCallback", "here"),
            ("ConferenceStatusCallbackEvent", "lunch"),
        ] {
            let error =
                reservation_update(&Params::of([("Instruction", "conference"), (name, value)])).unwrap_err();
            assert!(error.status == 400 && error.message.contains(value), "{name}: {}", error.message);
        }
        assert_eq!(code(Params::of([("Instruction", "conference"), ("Timeout", "1000")])), 20001);
    }

    #[test]
    fn a_conference_has_the_documented_defaults_and_keeps_the_rest() {
        let form = Params::of([
            ("Instruction", "conference"),
            ("EndConferenceOnCustomerExit", "true"),
            ("ConferenceStatusCallbackEvent", "start end"),
            ("ConferenceRecord", "true"),
        ]);
        let ReservationUpdate::Instruct(it) = reservation_update(&form).unwrap() else {
            panic!("an instruction")
        };
        let Instruction::Conference(it) = *it else { panic!("a conference") };
        assert!(
            it.start_conference_on_enter && !it.end_conference_on_exit && it.end_conference_on_customer_exit
        );
        assert_eq!(it.conference_status_callback_events, ["start", "end"]);
        assert_eq!(it.more, [("ConferenceRecord".to_owned(), "true".to_owned())]);
    }
}
