//! `POST …/Reservations/{Sid}`: a status, or an instruction with its parameters.

use crate::error::ApiError;
use crate::form::{Params, bad};
use crate::taskrouter::reservation_status;
use base::{ActivitySid, Secret};
use engine::routing::command::*;
use engine::routing::model::ReservationStatus;

/// Longest time to ring, in seconds.
const RING_S_MAX: u64 = 999;
const CALL_EVENTS: &[&str] = &["initiated", "ringing", "answered", "completed"];
const CONFERENCE_EVENTS: &[&str] = &["start", "end", "join", "leave", "mute", "hold", "speaker"];
const BEEPS: &[(&str, &str)] =
    &[("true", "true"), ("false", "false"), ("onEnter", "onEnter"), ("onExit", "onExit")];
const METHODS: &[(&str, &str)] = &[("GET", "GET"), ("POST", "POST")];

const RECORDS: &[(&str, bool)] =
    &[("true", true), ("false", false), ("record-from-start", true), ("do-not-record", false)];
const TRIMS: &[(&str, bool)] = &[("trim-silence", true), ("do-not-trim", false)];
const CHANNELS: &[(&str, bool)] = &[("mono", false), ("dual", true)];
/// Accepted, and without a meaning on servers of one's own (docs/reference/differences.md).
const REGIONS: &[&str] = &["us1", "us2", "ie1", "de1", "sg1", "br1", "au1", "jp1"];
const JITTER_BUFFERS: &[&str] = &["small", "medium", "large", "off"];

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
    for (name, words) in [("Region", REGIONS), ("JitterBufferSize", JITTER_BUFFERS)] {
        if let Some(value) = form.filled(name).filter(|value| !words.contains(value)) {
            return Err(bad(name, value, format_args!("must be one of {}", words.join(", "))));
        }
    }
    let method = |name: &str| form.one_of(name, METHODS).map(|m| m.map(str::to_owned));
    Ok(ConferenceInstruction {
        to: text(form, "To"),
        from: text(form, "From"),
        post_work_activity: form.parsed("PostWorkActivitySid").map_err(|e| e.coded(40139))?,
        timeout: form.seconds("Timeout", 1, RING_S_MAX).map_err(|e| e.coded(14233))?,
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
        early_media: form.boolean("EarlyMedia").unwrap_or(default.early_media),
        max_participants: max_participants(form)?.unwrap_or(default.max_participants),
        record: form.boolean("Record").unwrap_or(default.record),
        record_dual: form.one_of("RecordingChannels", CHANNELS)?.unwrap_or(default.record_dual),
        recording_status_callback: form.url("RecordingStatusCallback", 20001)?.flatten(),
        recording_status_callback_method: method("RecordingStatusCallbackMethod")?,
        conference_record: form.one_of("ConferenceRecord", RECORDS)?.unwrap_or(default.conference_record),
        conference_trim: form.one_of("ConferenceTrim", TRIMS)?.unwrap_or(default.conference_trim),
        conference_recording_status_callback: form.url("ConferenceRecordingStatusCallback", 20001)?.flatten(),
        conference_recording_status_callback_method: method("ConferenceRecordingStatusCallbackMethod")?,
        sip_auth: sip_auth(form),
        transcribe: form.boolean("Transcribe").unwrap_or(default.transcribe),
    })
}

/// User and password; one without the other is none.
fn sip_auth(form: &Params) -> Option<(String, Secret<String>)> {
    Some((text(form, "SipAuthUsername")?, Secret::new(text(form, "SipAuthPassword")?)))
}

fn max_participants(form: &Params) -> Result<Option<usize>, ApiError> {
    let most = form.number("MaxParticipants", 2, PARTICIPANTS_MAX as u64)?;
    Ok(most.and_then(|most| usize::try_from(most).ok()))
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
        for timeout in ["1000", "0", "1.5", "soon"] {
            assert_eq!(code(Params::of([("Instruction", "conference"), ("Timeout", timeout)])), 14233);
        }
    }

    #[test]
    fn a_conference_has_the_documented_defaults() {
        let read = |pairs: &[(&str, &str)]| {
            let form = [("Instruction", "conference")].iter().chain(pairs);
            let form = form.map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
            let ReservationUpdate::Instruct(it) = reservation_update(&form).unwrap() else {
                panic!("an instruction")
            };
            let Instruction::Conference(it) = *it else { panic!("a conference") };
            it
        };
        assert_eq!(read(&[]), ConferenceInstruction::default());
        let it = read(&[
            ("EndConferenceOnCustomerExit", "true"),
            ("ConferenceStatusCallbackEvent", "start end"),
            ("ConferenceRecord", "record-from-start"),
            ("ConferenceTrim", "do-not-trim"),
            ("ConferenceRecordingStatusCallback", "http://app.example/room"),
            ("ConferenceRecordingStatusCallbackMethod", "GET"),
            ("Record", "true"),
            ("RecordingChannels", "dual"),
            ("RecordingStatusCallback", "http://app.example/leg"),
            ("EarlyMedia", "false"),
            ("MaxParticipants", "3"),
            ("SipAuthUsername", "ana"),
            ("SipAuthPassword", "secret"),
            ("Transcribe", "true"),
            ("Region", "de1"),
            ("JitterBufferSize", "off"),
        ]);
        assert!(it.end_conference_on_customer_exit && it.conference_record && !it.conference_trim);
        assert_eq!(it.conference_status_callback_events, ["start", "end"]);
        assert_eq!(it.conference_recording_status_callback.as_deref(), Some("http://app.example/room"));
        assert_eq!(it.conference_recording_status_callback_method.as_deref(), Some("GET"));
        assert!(it.record && it.record_dual && !it.early_media && it.transcribe);
        assert_eq!(it.recording_status_callback.as_deref(), Some("http://app.example/leg"));
        assert_eq!((it.max_participants, it.sip_auth.unwrap().0.as_str()), (3, "ana"));
    }
}
