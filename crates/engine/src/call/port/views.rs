//! What is live, as it is shown.

use super::*;

/// A stream, as Streams shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamView {
    pub sid: StreamSid,
    pub call: CallSid,
    pub name: Option<String>,
    /// `in-progress`, else `stopped`.
    pub live: bool,
    pub updated: Timestamp,
}

/// A live conference and who is in it.
#[derive(Debug, Clone, PartialEq)]
pub struct ConferenceView {
    pub record: ConferenceRecord,
    /// Those who are called to it and not in it yet come last.
    pub participants: Vec<ParticipantView>,
}

/// A participant, as Participants shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct ParticipantView {
    pub conference: ConferenceSid,
    pub call: CallSid,
    pub label: Option<String>,
    pub muted: bool,
    pub hold: bool,
    pub coaching: bool,
    pub coach: Option<CallSid>,
    pub start_on_enter: bool,
    pub end_on_exit: bool,
    /// `queued connecting ringing connected complete failed`
    pub status: &'static str,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// A queue of waiting calls, as Queues shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueView {
    pub sid: QueueSid,
    pub friendly_name: String,
    pub current_size: u32,
    pub max_size: u32,
    /// Mean wait of those who are waiting now, in whole seconds.
    pub average_wait_s: u32,
    /// From the front.
    pub members: Vec<MemberView>,
}

/// A call that waits under an agent's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedView {
    pub call: CallSid,
    pub task: TaskSid,
    pub reservation: ReservationSid,
    pub worker: WorkerSid,
    pub since: Timestamp,
}

/// A SIP phone that stays connected between calls: they come and go on it without another INVITE, and are answered at the
/// desk, over REST, or with `*2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineView {
    pub call: CallSid,
    /// It is connected; else the phone rings for it.
    pub open: bool,
}

/// The conversation of a reservation as it is held now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TalkView {
    /// The agent is there, the far end rings.
    pub dialing: bool,
    /// They talk.
    pub live: bool,
    /// The customer's leg, once there is one.
    pub customer: Option<CallSid>,
    /// The customer is on hold.
    pub held: bool,
    /// The agent is not heard.
    pub muted: bool,
    /// Who else is in it.
    pub others: Vec<PartyView>,
}

/// A colleague, a supervisor, or somebody outside in a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartyView {
    /// `None`: somebody outside.
    pub worker: Option<WorkerSid>,
    pub call: CallSid,
    /// Who was called, outside.
    pub number: Option<String>,
    /// Not there yet.
    pub ringing: bool,
    pub muted: bool,
    pub held: bool,
    pub supervises: bool,
}

/// One waiting call, as Members shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberView {
    pub call: CallSid,
    pub enqueued: Timestamp,
    /// From 1.
    pub position: u32,
    pub wait: Duration,
}
