//! Answers of assignment callbacks (reference: TaskRouter §5.4, §5.5).

use base::{ActivitySid, Secret};
use engine::routing::command::*;
use serde_json::{Map, Value};
use std::time::Duration;

/// Longest ring that an instruction may ask for.
const TIMEOUT_MAX: Duration = Duration::from_secs(999);

/// Why an assignment callback gave no instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AssignmentFailure {
    /// Neither URL answered as it should (no 2xx in time, or a body that is not `application/json`, which is 40000): the
    /// reservation is canceled. With the documented code and a sentence.
    Failed {
        /// 11200, 11205, 40000, …
        code: u32,
        /// For the notification.
        message: String,
    },
    /// The body is not JSON (40001): a warning, the reservation stays pending.
    NotJson {
        /// For the notification.
        message: String,
    },
}

/// Why a JSON answer is not an instruction: the documented code and a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misread {
    pub(crate) code: u32,
    pub(crate) message: String,
}

/// Reads the answer of an assignment callback. `None` for one that says nothing (an empty object).
pub(crate) fn instruction(answer: &Value) -> Result<Option<Instruction>, Misread> {
    let Some(keys) = answer.as_object() else {
        return Err(misread(40005, "The assignment callback's answer is not a JSON object"));
    };
    if keys.is_empty() {
        return Ok(None);
    }
    let Some(name) = keys.get("instruction").and_then(Value::as_str) else {
        return Err(misread(40005, "The assignment callback's answer has no instruction"));
    };
    let keys = Keys(keys);
    let read = match name {
        "accept" => Instruction::Accept,
        "reject" => Instruction::Reject { activity: keys.activity("activity_sid", 40100)? },
        "dequeue" => Instruction::Dequeue(dequeue(&keys)?),
        "call" => Instruction::Call(CallInstruction {
            to: keys.text("to"),
            from: keys.text("from"),
            url: keys.text("url"),
            accept: keys.flag("accept").unwrap_or(false),
            record: keys.text("record").as_deref() == Some("record-from-answer"),
            timeout: keys.seconds("timeout"),
            status_callback_url: keys.text("status_callback_url"),
        }),
        "redirect" => Instruction::Redirect(RedirectInstruction {
            call: keys.text("call_sid"),
            url: keys.text("url"),
            accept: keys.flag("accept").unwrap_or(false),
        }),
        "conference" => Instruction::Conference(conference(&keys)?),
        other => return Err(misread(55555, format!("Unknown instruction '{other}'"))),
    };
    Ok(Some(read))
}

fn dequeue(keys: &Keys<'_>) -> Result<DequeueInstruction, Misread> {
    Ok(DequeueInstruction {
        to: keys.text("to"),
        from: keys.text("from"),
        post_work_activity: keys.activity("post_work_activity_sid", 40130)?,
        record: keys.text("record").as_deref() == Some("record-from-answer"),
        timeout: keys.seconds("timeout"),
        status_callback_url: keys.text("status_callback_url"),
        status_callback_events: keys.words("status_callback_events"),
    })
}

fn conference(keys: &Keys<'_>) -> Result<ConferenceInstruction, Misread> {
    let default = ConferenceInstruction::default();
    let most = match keys.text("max_participants") {
        Some(text) => text.parse().map_err(|_| misread(20001, format!("'{text}' is no max_participants")))?,
        None => default.max_participants,
    };
    Ok(ConferenceInstruction {
        to: keys.text("to"),
        from: keys.text("from"),
        post_work_activity: keys.activity("post_work_activity_sid", 40139)?,
        timeout: keys.ringing()?,
        status_callback: keys.text("status_callback"),
        status_callback_method: keys.text("status_callback_method"),
        status_callback_events: keys.words("status_callback_event"),
        muted: keys.flag("muted").unwrap_or(default.muted),
        beep: keys.text("beep").unwrap_or(default.beep),
        start_conference_on_enter: keys
            .flag("start_conference_on_enter")
            .unwrap_or(default.start_conference_on_enter),
        end_conference_on_exit: keys.flag("end_conference_on_exit").unwrap_or(default.end_conference_on_exit),
        end_conference_on_customer_exit: keys
            .flag("end_conference_on_customer_exit")
            .unwrap_or(default.end_conference_on_customer_exit),
        beep_on_customer_entrance: keys
            .flag("beep_on_customer_entrance")
            .unwrap_or(default.beep_on_customer_entrance),
        wait_url: keys.text("wait_url"),
        wait_method: keys.text("wait_method"),
        conference_status_callback: keys.text("conference_status_callback"),
        conference_status_callback_method: keys.text("conference_status_callback_method"),
        conference_status_callback_events: keys.words("conference_status_callback_event"),
        early_media: keys.flag("early_media").unwrap_or(default.early_media),
        max_participants: most,
        record: keys.flag("record").unwrap_or(default.record),
        record_dual: keys.text("recording_channels").as_deref() == Some("dual"),
        recording_status_callback: keys.text("recording_status_callback"),
        recording_status_callback_method: keys.text("recording_status_callback_method"),
        conference_record: matches!(
            keys.text("conference_record").as_deref(),
            Some("true" | "record-from-start")
        ),
        conference_trim: keys.text("conference_trim").as_deref() != Some("do-not-trim"),
        conference_recording_status_callback: keys.text("conference_recording_status_callback"),
        conference_recording_status_callback_method: keys.text("conference_recording_status_callback_method"),
        sip_auth: keys.text("sip_auth_username").zip(keys.text("sip_auth_password").map(Secret::new)),
        transcribe: keys.flag("transcribe").unwrap_or(default.transcribe),
    })
}

fn misread(code: u32, message: impl Into<String>) -> Misread {
    Misread { code, message: message.into() }
}

/// A JSON object whose writers take words for values: `true`, `"true"`, `30` and `"30"` are all fine.
struct Keys<'a>(&'a Map<String, Value>);

impl Keys<'_> {
    fn text(&self, key: &str) -> Option<String> {
        match self.0.get(key)? {
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(text.clone()),
            Value::Bool(_) | Value::Number(_) => Some(self.0[key].to_string()),
            _ => None,
        }
    }

    fn flag(&self, key: &str) -> Option<bool> {
        match self.text(key)?.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    fn seconds(&self, key: &str) -> Option<Duration> {
        let seconds: u64 = self.text(key)?.parse().ok()?;
        Some(Duration::from_secs(seconds).min(TIMEOUT_MAX))
    }

    /// One string, comma or space separated, blanks tolerated; or a list of strings.
    fn words(&self, key: &str) -> Vec<String> {
        let split = |text: &str| -> Vec<String> {
            text.split([',', ' ']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
        };
        match self.0.get(key) {
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).flat_map(split).collect(),
            _ => self.text(key).map(|text| split(&text)).unwrap_or_default(),
        }
    }

    fn activity(&self, key: &str, code: u32) -> Result<Option<ActivitySid>, Misread> {
        self.text(key)
            .map(|text| text.parse().map_err(|_| misread(code, format!("'{text}' is not an activity SID"))))
            .transpose()
    }

    /// `timeout` of a conference, which is refused where the others' is taken as it can be.
    fn ringing(&self) -> Result<Option<Duration>, Misread> {
        let Some(text) = self.text("timeout") else { return Ok(None) };
        let seconds = text.parse().ok().filter(|seconds| (1..=TIMEOUT_MAX.as_secs()).contains(seconds));
        match seconds {
            Some(seconds) => Ok(Some(Duration::from_secs(seconds))),
            None => Err(misread(14233, format!("timeout '{text}' is no number of seconds from 1 to 999"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_instruction_is_read_with_its_keys() {
        let activity = "WA0123456789abcdef0123456789abcdef";
        assert_eq!(instruction(&json!({"instruction": "accept"})), Ok(Some(Instruction::Accept)));
        assert_eq!(
            instruction(&json!({"instruction": "reject", "activity_sid": activity})),
            Ok(Some(Instruction::Reject { activity: Some(activity.parse().unwrap()) }))
        );
        let dequeue = json!({"instruction": "dequeue", "timeout": "30", "post_work_activity_sid": activity,
            "record": "record-from-answer", "status_callback_events": "initiated, completed"});
        let Ok(Some(Instruction::Dequeue(read))) = instruction(&dequeue) else { panic!("not a dequeue") };
        assert_eq!(read.timeout, Some(Duration::from_secs(30)));
        assert_eq!(read.status_callback_events, ["initiated", "completed"]);
        assert!(read.record);
        let conference = json!({"instruction": "conference", "from": "+15550100001", "beep": false,
            "end_conference_on_exit": true, "timeout": 999, "max_participants": 3, "early_media": "false",
            "record": true, "recording_channels": "dual", "recording_status_callback": "http://app/leg",
            "conference_record": true, "conference_trim": "do-not-trim", "sip_auth_username": "ana",
            "sip_auth_password": "secret", "transcribe": true, "region": "de1",
            "conference_status_callback_event": "start end,join"});
        let Ok(Some(Instruction::Conference(read))) = instruction(&conference) else {
            panic!("not a conference")
        };
        assert_eq!(read.beep, "false");
        assert!(read.end_conference_on_exit && read.start_conference_on_enter);
        assert_eq!(read.timeout, Some(TIMEOUT_MAX));
        assert_eq!(read.conference_status_callback_events, ["start", "end", "join"]);
        assert!(read.record && read.record_dual && !read.early_media && read.transcribe);
        // As a boolean too, which is told to have no effect elsewhere (reference §11.2).
        assert!(read.conference_record && !read.conference_trim);
        assert_eq!((read.max_participants, read.sip_auth.unwrap().0.as_str()), (3, "ana"));
    }

    #[test]
    fn what_is_no_instruction_has_its_documented_code() {
        let code = |answer| instruction(&answer).map_err(|misread| misread.code);
        assert_eq!(code(json!({})), Ok(None));
        assert_eq!(code(json!([1])), Err(40005));
        assert_eq!(code(json!({"to": "x"})), Err(40005));
        assert_eq!(code(json!({"instruction": "juggle"})), Err(55555));
        assert_eq!(code(json!({"instruction": "reject", "activity_sid": "busy"})), Err(40100));
        for timeout in [json!("soon"), json!(0), json!(1_000), json!(1.5)] {
            assert_eq!(code(json!({"instruction": "conference", "timeout": timeout})), Err(14233));
        }
    }
}
