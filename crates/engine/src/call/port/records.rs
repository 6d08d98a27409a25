//! What is recorded: rows of the store, and what the 2010 API shows.

use super::*;

/// A message that a caller left; also its row in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoicemailRecord {
    pub sid: VoicemailSid,
    pub workspace: WorkspaceSid,
    pub mailbox: Mailbox,
    pub call: CallSid,
    /// Its media.
    pub recording: RecordingSid,
    /// The task that ended with it.
    pub task: Option<TaskSid>,
    pub from: String,
    pub from_name: Option<String>,
    pub to: String,
    pub duration_s: u64,
    pub created: Timestamp,
    pub updated: Timestamp,
    /// When somebody first said that they had heard it; `None` is new.
    pub heard: Option<Timestamp>,
    #[serde(default)]
    pub transcript: Transcript,
}

/// What a message says, written down.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transcript {
    /// Nobody wanted it, or nobody can.
    #[default]
    None,
    /// It is being written.
    InProgress,
    Completed(String),
    /// Why not.
    Failed(String),
}

/// A recording as the 2010 API shows it; also its row in the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordingRecord {
    pub sid: RecordingSid,
    pub call: Option<CallSid>,
    pub conference: Option<ConferenceSid>,
    pub status: RecordingStatus,
    /// `DialVerb Conference OutboundAPI RecordVerb StartCallRecordingAPI StartCallRecordingTwiML`
    pub source: String,
    pub channels: u16,
    pub track: RecordingTrack,
    pub started: Timestamp,
    pub duration_s: Option<u64>,
    pub error_code: Option<u32>,
    pub created: Timestamp,
    pub updated: Timestamp,
    /// Its media is gone since then.
    #[serde(default)]
    pub deleted: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordingStatus {
    InProgress,
    Paused,
    Stopped,
    Processing,
    Completed,
    Absent,
    Deleted,
}

/// What is said in a recording, as Transcriptions shows it; also its row in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TranscriptionRecord {
    pub sid: TranscriptionSid,
    pub account: AccountSid,
    pub recording: RecordingSid,
    /// `in-progress`, `completed` or `failed`
    pub status: String,
    pub text: String,
    /// Length of the recording.
    pub duration_s: u64,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// A call as the 2010 API shows it; also its row in the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    pub sid: CallSid,
    pub parent: Option<CallSid>,
    pub number: Option<PhoneNumberSid>,
    pub to: String,
    pub from: String,
    pub from_name: Option<String>,
    pub direction: CallDirection,
    pub status: CallStatus,
    pub forwarded_from: Option<String>,
    pub sip_call_id: Option<String>,
    pub created: Timestamp,
    pub updated: Timestamp,
    /// When it was answered.
    pub answered: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    /// `human`, `machine_start`, …, once that is known.
    #[serde(default)]
    pub answered_by: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallDirection {
    Inbound,
    OutboundApi,
    OutboundDial,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallStatus {
    Queued,
    Ringing,
    InProgress,
    Completed,
    Busy,
    Failed,
    NoAnswer,
    Canceled,
}

/// A conference as it is recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConferenceRecord {
    pub sid: ConferenceSid,
    pub friendly_name: String,
    /// `init`, `in-progress`, `completed`
    pub status: String,
    pub reason_ended: Option<String>,
    /// By whose leaving it ended.
    #[serde(default)]
    pub call_ending: Option<CallSid>,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// Somebody in the conference of a task, as the Sync map `{TaskSid}.CS` shows them (reference: TaskRouter §8.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskParticipant {
    pub workspace: WorkspaceSid,
    pub task: TaskSid,
    pub conference: ConferenceSid,
    pub call: CallSid,
    pub participant_type: ParticipantType,
    pub worker: Option<WorkerSid>,
    /// The agent's own, or the one that a supervisor listens to.
    pub reservation: Option<ReservationSid>,
    /// `joined`, else `left`.
    pub joined: bool,
    pub hold: bool,
    pub muted: bool,
    pub at: Timestamp,
}

/// What somebody is in the conference of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParticipantType {
    Worker,
    Customer,
    Supervisor,
    /// Anybody else.
    Unknown,
}

/// One line of a call's story.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimelineEntry {
    pub call: CallSid,
    pub at: Timestamp,
    /// `sip`, `twiml`, `webhook`, `digit`, `queue`, `reservation`, `bridge`, `park`, `hold`, `record`, `quality`
    pub kind: String,
    pub text: String,
    pub data: serde_json::Value,
}
