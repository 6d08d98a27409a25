//! Our own API: agents' calls, voice policy, TwiML bins, SIP accounts, timelines, deliveries.

use crate::address::Address;
use crate::error::ApiError;
use base::*;
use engine::call::port::{
    CallRecord, Greeting, Mailbox, MailboxSettings, TimelineEntry, Transcript, VoicemailRecord,
};
use engine::routing::model::{ParkUnanswered, VoiceOverrides, VoicePolicy};
use engine::routing::replay::Report;
use engine::routing::trial::Trial;
use engine::routing::{AgentCall, AgentCallState, Explanation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;
use store::model::{Delivery, DeliveryState, Prompt, SipAccount, TwimlBin};

/// Longest duration of a voice policy, in seconds.
pub const POLICY_S_MAX: u64 = 86_400;
/// Most live or parked calls that a policy may allow.
pub const POLICY_CALLS_MAX: u32 = 100;
/// Longest TwiML document kept as a bin, in bytes.
pub const BIN_BYTES_MAX: usize = 64 * 1024;
/// Longest SIP user name.
pub const SIP_USER_CHARS_MAX: usize = 32;

// --- Several calls per agent ----------------------------------------------------------------------------------

/// An agent's call as the desk shows it. `record` is the caller's call, if it is known.
pub fn agent_call(of: &AgentCall, record: Option<&CallRecord>) -> Value {
    let state = match of.state {
        AgentCallState::Ringing => "ringing",
        AgentCallState::Live => "live",
        AgentCallState::Parked => "parked",
        AgentCallState::PickingUp => "picking-up",
        AgentCallState::HungUp => "hung-up",
        AgentCallState::WrapUp => "wrap-up",
    };
    let text = |name: &str| of.attributes.map().get(name).and_then(Value::as_str);
    json!({
        "reservation_sid": of.reservation,
        "task_sid": of.task,
        "worker_sid": of.worker,
        "state": state,
        "since": of.since.iso8601_precise(),
        "until": of.until.map(Timestamp::iso8601_precise),
        "call_sid": of.call,
        "call_status": record.map(|call| call.status),
        "from": record.map(|call| call.from.as_str()).or_else(|| text("from")),
        "to": record.map(|call| call.to.as_str()).or_else(|| text("to")),
        "name": text("name"),
        "task_queue_sid": of.queue,
        "direct": of.direct,
        "attributes": of.attributes.text(),
    })
}

/// A voice policy as JSON; durations are whole seconds. Whatever is not named has its default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyBody {
    /// Calls an agent may talk on at once.
    pub live_max: u32,
    /// Calls an agent may have parked at once.
    pub parked_max: u32,
    /// A direct task may be offered while a call is live.
    pub direct_while_live: bool,
    /// A queue task may be offered while a call is live or parked.
    pub queue_while_live: bool,
    /// Accepting a second call parks the live one.
    pub accept_parks_live: bool,
    /// A colleague may pick up a parked call.
    pub colleague_pickup: bool,
    /// A park is offered back to its agent after so many seconds.
    pub park_recall_s: u64,
    /// How long that rings.
    pub recall_ring_s: u64,
    /// Where a recall that nobody answers goes: `queue` or `continue`.
    pub park_unanswered: ParkUnanswered,
    /// How long the notice of a caller who hung up while parked stays.
    pub hangup_notice_s: u64,
    /// Wrap-up that completes by itself after so many seconds; null waits for the agent.
    pub wrap_up_s: Option<u64>,
    /// The engine rings the worker's phone for offers of calls.
    pub ring_phone: bool,
    /// An agent who did not answer in time stays in their activity, instead of going to the timeout activity.
    pub timeout_keeps_activity: bool,
    /// Expression over the task that makes it direct.
    pub direct: String,
}

impl Default for PolicyBody {
    fn default() -> Self {
        Self::from(&VoicePolicy::default())
    }
}

impl From<&VoicePolicy> for PolicyBody {
    fn from(policy: &VoicePolicy) -> Self {
        Self {
            live_max: policy.live_max,
            parked_max: policy.parked_max,
            direct_while_live: policy.direct_while_live,
            queue_while_live: policy.queue_while_live,
            accept_parks_live: policy.accept_parks_live,
            colleague_pickup: policy.colleague_pickup,
            park_recall_s: policy.park_recall.as_secs(),
            recall_ring_s: policy.recall_ring.as_secs(),
            park_unanswered: policy.park_unanswered,
            hangup_notice_s: policy.hangup_notice.as_secs(),
            wrap_up_s: policy.wrap_up.map(|wait| wait.as_secs()),
            ring_phone: policy.ring_phone,
            timeout_keeps_activity: policy.timeout_keeps_activity,
            direct: policy.direct.clone(),
        }
    }
}

impl PolicyBody {
    /// Reads and checks a JSON body. Whether `direct` is an expression is the engine's to say.
    pub fn parse(body: &[u8]) -> Result<VoicePolicy, ApiError> {
        let it: Self = from_json(body)?;
        let seconds = |name: &str, value: u64| match value {
            1..=POLICY_S_MAX => Ok(Duration::from_secs(value)),
            _ => Err(ApiError::invalid(format!("{name} {value} must be from 1 to {POLICY_S_MAX} seconds"))),
        };
        if !(1..=POLICY_CALLS_MAX).contains(&it.live_max) || it.parked_max > POLICY_CALLS_MAX {
            return Err(ApiError::invalid(format!(
                "live_max must be from 1 and parked_max from 0, to {POLICY_CALLS_MAX}"
            )));
        }
        Ok(VoicePolicy {
            live_max: it.live_max,
            parked_max: it.parked_max,
            direct_while_live: it.direct_while_live,
            queue_while_live: it.queue_while_live,
            accept_parks_live: it.accept_parks_live,
            colleague_pickup: it.colleague_pickup,
            park_recall: seconds("park_recall_s", it.park_recall_s)?,
            recall_ring: seconds("recall_ring_s", it.recall_ring_s)?,
            park_unanswered: it.park_unanswered,
            hangup_notice: seconds("hangup_notice_s", it.hangup_notice_s)?,
            wrap_up: it.wrap_up_s.map(|wait| seconds("wrap_up_s", wait)).transpose()?,
            ring_phone: it.ring_phone,
            timeout_keeps_activity: it.timeout_keeps_activity,
            direct: it.direct,
        })
    }
}

/// One worker's overrides; null takes the workspace's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct OverridesBody {
    /// Calls the agent may talk on at once.
    pub live_max: Option<u32>,
    /// Calls the agent may have parked at once.
    pub parked_max: Option<u32>,
    /// A direct task may be offered while a call is live.
    pub direct_while_live: Option<bool>,
    /// A queue task may be offered while a call is live or parked.
    pub queue_while_live: Option<bool>,
}

impl OverridesBody {
    /// Reads and checks a JSON body.
    pub fn parse(body: &[u8]) -> Result<VoiceOverrides, ApiError> {
        let it: Self = from_json(body)?;
        let live_ok = it.live_max.is_none_or(|n| (1..=POLICY_CALLS_MAX).contains(&n));
        if !live_ok || it.parked_max.is_some_and(|n| n > POLICY_CALLS_MAX) {
            return Err(ApiError::invalid(format!(
                "live_max must be from 1 and parked_max from 0, to {POLICY_CALLS_MAX}"
            )));
        }
        Ok(VoiceOverrides {
            live_max: it.live_max,
            parked_max: it.parked_max,
            direct_while_live: it.direct_while_live,
            queue_while_live: it.queue_while_live,
        })
    }
}

impl From<VoiceOverrides> for OverridesBody {
    fn from(of: VoiceOverrides) -> Self {
        Self {
            live_max: of.live_max,
            parked_max: of.parked_max,
            direct_while_live: of.direct_while_live,
            queue_while_live: of.queue_while_live,
        }
    }
}

fn from_json<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|why| ApiError::invalid(format!("The body is not valid: {why}")))
}

// --- TwiML bins -----------------------------------------------------------------------------------------------

/// A TwiML document kept in Tandem. `document_url` is what a number's `VoiceUrl` points to, so it is at our public URL,
/// however the client came here.
pub fn twiml_bin(at: &Address, public_url: &str, bin: &TwimlBin) -> Value {
    let url = at.url(format_args!("/TwimlBins/{}", bin.sid));
    json!({
        "sid": bin.sid,
        "account_sid": bin.account,
        "friendly_name": bin.friendly_name,
        "twiml": bin.body,
        "date_created": bin.created.iso8601(),
        "date_updated": bin.updated.iso8601(),
        "url": url,
        "document_url": format!("{}/tandem/v1/TwimlBins/{}/Document", public_url.trim_end_matches('/'), bin.sid),
    })
}

// --- Prompts --------------------------------------------------------------------------------------------------

/// Most characters that are spoken for a prompt.
pub const PROMPT_CHARS_MAX: usize = 4_000;

/// Audio that callers hear. `media_url` is what `<Play>` and settings take.
pub fn prompt(at: &Address, public_url: &str, of: &Prompt) -> Value {
    json!({
        "sid": of.sid,
        "account_sid": of.account,
        "friendly_name": of.friendly_name,
        "language": of.language,
        "text": of.text,
        "content_type": of.content_type,
        "bytes": of.bytes,
        "length_ms": u64::try_from(of.length.as_millis()).unwrap_or(u64::MAX),
        "date_created": of.created.iso8601(),
        "date_updated": of.updated.iso8601(),
        "url": at.url(format_args!("/Prompts/{}", of.sid)),
        "media_url": Prompt::media_url(public_url, of.sid),
    })
}

/// What callers hear who are held, parked or in a queue: a prompt's SID or a URL; `None` is our own music.
pub fn hold_music(at: &Address, kept: Option<&str>) -> Value {
    let prompt: Option<PromptSid> = kept.and_then(|kept| kept.parse().ok());
    json!({
        "prompt_sid": prompt,
        "music_url": kept.filter(|_| prompt.is_none()),
        "url": at.url("/HoldMusic"),
    })
}

// --- SIP accounts ---------------------------------------------------------------------------------------------

/// A phone's account. Its password is never shown.
pub fn sip_account(at: &Address, of: &SipAccount) -> Value {
    json!({
        "sid": of.sid,
        "account_sid": of.account,
        "user": of.user,
        "realm": of.realm,
        "workspace_sid": of.workspace,
        "worker_sid": of.worker,
        "extension": of.extension,
        "outbound_workflow_sid": of.outbound_workflow,
        "caller_id": of.caller_id,
        "date_created": of.created.iso8601(),
        "date_updated": of.updated.iso8601(),
        "url": at.url(format_args!("/SipAccounts/{}", of.sid)),
    })
}

// --- Voicemail ------------------------------------------------------------------------------------------------

/// Longest greeting, in characters.
pub const GREETING_CHARS_MAX: usize = 1_000;
/// Longest message, in seconds.
pub const MESSAGE_S_MAX: u64 = 3_600;

/// Where the messages of a mailbox are, below the root of our API.
pub fn mailbox_path(ws: WorkspaceSid, mailbox: Mailbox) -> String {
    let kind = match mailbox {
        Mailbox::Worker(_) => "Workers",
        Mailbox::Queue(_) => "TaskQueues",
    };
    format!("/Workspaces/{ws}/{kind}/{mailbox}/Voicemail")
}

fn owner(mailbox: Mailbox) -> (Option<WorkerSid>, Option<TaskQueueSid>) {
    match mailbox {
        Mailbox::Worker(worker) => (Some(worker), None),
        Mailbox::Queue(queue) => (None, Some(queue)),
    }
}

/// A message that a caller left.
pub fn voicemail(at: &Address, account: AccountSid, of: &VoicemailRecord) -> Value {
    let url = at.url(format_args!("{}/{}", mailbox_path(of.workspace, of.mailbox), of.sid));
    let (worker, queue) = owner(of.mailbox);
    let (status, text, why) = match &of.transcript {
        Transcript::None => ("none", None, None),
        Transcript::InProgress => ("in-progress", None, None),
        Transcript::Completed(text) => ("completed", Some(text), None),
        Transcript::Failed(why) => ("failed", None, Some(why)),
    };
    json!({
        "sid": of.sid,
        "account_sid": account,
        "workspace_sid": of.workspace,
        "worker_sid": worker,
        "task_queue_sid": queue,
        "call_sid": of.call,
        "task_sid": of.task,
        "recording_sid": of.recording,
        "from": of.from,
        "from_name": of.from_name,
        "to": of.to,
        "duration_s": of.duration_s,
        "heard": of.heard.is_some(),
        "date_heard": of.heard.map(Timestamp::iso8601),
        "transcription_status": status,
        "transcription_text": text,
        "transcription_error": why,
        "date_created": of.created.iso8601(),
        "date_updated": of.updated.iso8601(),
        "url": url,
        "media_url": format!("{url}/Media"),
    })
}

/// How a mailbox greets.
pub fn mailbox(at: &Address, of: &MailboxSettings) -> Value {
    let (worker, queue) = owner(of.mailbox);
    let (text, url) = match &of.greeting {
        Some(Greeting::Say(text)) => (Some(text), None),
        Some(Greeting::Play(url)) => (None, Some(url)),
        None => (None, None),
    };
    json!({
        "workspace_sid": of.workspace,
        "worker_sid": worker,
        "task_queue_sid": queue,
        "greeting_text": text,
        "greeting_url": url,
        "length_max_s": of.length_max.as_secs(),
        "transcribe": of.transcribe,
        "url": at.url(format_args!("{}Greeting", mailbox_path(of.workspace, of.mailbox))),
    })
}

// --- Records --------------------------------------------------------------------------------------------------

/// Why a task is where it is.
pub fn explanation(of: &Explanation) -> Value {
    with_times(json!(of))
}

/// What another workflow would have done.
pub fn replay(of: &Report) -> Value {
    with_times(json!(of))
}

/// What a workflow would do with a task.
pub fn trial(of: &Trial) -> Value {
    with_times(json!(of))
}

/// Members of explanations and replays that are times.
const TIMES: &[&str] = &["since", "until", "created", "entered", "left"];

/// The machine's times, in microseconds, as the API prints times.
fn with_times(value: Value) -> Value {
    match value {
        Value::Array(values) => values.into_iter().map(with_times).collect(),
        Value::Object(members) => {
            let member = |(name, value): (String, Value)| match value.as_i64() {
                Some(at) if TIMES.contains(&name.as_str()) => (name, json!(Timestamp(at).iso8601_precise())),
                _ => (name, with_times(value)),
            };
            members.into_iter().map(member).collect()
        }
        other => other,
    }
}

/// One line of a call's story.
pub fn timeline_entry(entry: &TimelineEntry) -> Value {
    json!({
        "call_sid": entry.call,
        "at": entry.at.iso8601_precise(),
        "kind": entry.kind,
        "text": entry.text,
        "data": entry.data,
    })
}

/// What the audio of a call's own leg was like, by the report that ends its story: `null` before it.
pub fn call_quality(call: base::CallSid, story: &[TimelineEntry]) -> Value {
    let report = story.iter().rev().find(|entry| entry.kind == "quality" && entry.data["mos"].is_number());
    let quality = report.map(|entry| {
        let mut quality = entry.data.clone();
        quality["at"] = entry.at.iso8601_precise().into();
        quality
    });
    json!({ "call_sid": call, "quality": quality })
}

/// The words of delivery states.
pub const DELIVERY_STATES: &[(&str, DeliveryState)] = &[
    ("waiting", DeliveryState::Waiting),
    ("delivered", DeliveryState::Delivered),
    ("failed", DeliveryState::Failed),
];

/// An outgoing webhook as it stands.
pub fn delivery(at: &Address, of: &Delivery) -> Value {
    let parameters: serde_json::Map<_, _> =
        of.order.parameters.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    json!({
        "sid": of.order.sid,
        "account_sid": of.order.account,
        "kind": of.order.kind,
        "lane": of.order.lane,
        "state": DELIVERY_STATES.iter().find(|(_, s)| *s == of.state).map(|(word, _)| *word),
        "webhook_url": of.order.webhook.url,
        "webhook_method": of.order.webhook.method,
        "fallback_url": of.order.fallback.as_ref().map(|hook| hook.url.as_str()),
        "parameters": parameters,
        "attempts": of.attempts,
        "next_attempt": (of.state == DeliveryState::Waiting).then(|| of.next_attempt.iso8601_precise()),
        "last_status": of.last_status,
        "last_error": of.last_error,
        "date_created": of.order.created.iso8601(),
        "date_updated": of.updated.iso8601(),
        "url": at.url(format_args!("/WebhookDeliveries/{}", of.order.sid)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_printed_and_read_back() {
        let policy = VoicePolicy { wrap_up: Some(Duration::from_secs(30)), ..VoicePolicy::default() };
        let text = serde_json::to_vec(&PolicyBody::from(&policy)).unwrap();
        assert_eq!(PolicyBody::parse(&text), Ok(policy));
        assert_eq!(PolicyBody::parse(b"{}"), Ok(VoicePolicy::default()));
    }

    #[test]
    fn a_bad_policy_is_refused_with_the_reason() {
        for (body, word) in [
            ("{", "EOF"),
            ("{\"live\":1}", "live"),
            ("{\"live_max\":0}", "live_max"),
            ("{\"park_recall_s\":0}", "park_recall_s"),
            ("{\"park_unanswered\":\"drop\"}", "drop"),
        ] {
            let error = PolicyBody::parse(body.as_bytes()).unwrap_err();
            assert!(error.code == 20001 && error.message.contains(word), "{}", error.message);
        }
        assert!(OverridesBody::parse(b"{\"live_max\":0}").is_err());
        assert_eq!(OverridesBody::parse(b"{\"parked_max\":2}").unwrap().parked_max, Some(2));
    }
}
