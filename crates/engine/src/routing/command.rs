//! What a workspace can be asked. Commands carry parsed values; SIDs of new things are made while deciding.

use super::model::*;
use base::*;
use serde_json::{Map, Value};
use std::time::Duration;

/// Everything a workspace can be asked.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "commands come one by one and are matched by value")]
pub enum Command {
    /// Fire every timer that is due. Sent when `Workspace::next_deadline` has passed.
    Tick,
    UpdateWorkspace(WorkspaceChange),
    /// Ends the workspace with everything in it; every later command is refused as missing.
    DeleteWorkspace,
    CreateActivity {
        friendly_name: String,
        available: bool,
    },
    UpdateActivity {
        sid: ActivitySid,
        friendly_name: Option<String>,
        /// Cannot change: another value than the activity's is ignored with a warning.
        available: Option<bool>,
    },
    DeleteActivity {
        sid: ActivitySid,
    },
    CreateTaskChannel {
        unique_name: String,
        friendly_name: String,
        channel_optimized_routing: bool,
    },
    UpdateTaskChannel {
        sid: TaskChannelSid,
        friendly_name: Option<String>,
        channel_optimized_routing: Option<bool>,
    },
    DeleteTaskChannel {
        sid: TaskChannelSid,
    },
    CreateWorker {
        friendly_name: String,
        activity: Option<ActivitySid>,
        attributes: Attributes,
    },
    UpdateWorker {
        sid: WorkerSid,
        if_match: Option<u64>,
        change: WorkerChange,
    },
    DeleteWorker {
        sid: WorkerSid,
        if_match: Option<u64>,
    },
    UpdateWorkerChannel {
        worker: WorkerSid,
        channel: TaskChannelSid,
        capacity: Option<u32>,
        available: Option<bool>,
    },
    SetVoiceOverrides {
        worker: WorkerSid,
        voice: VoiceOverrides,
    },
    CreateTaskQueue(NewTaskQueue),
    UpdateTaskQueue {
        sid: TaskQueueSid,
        change: TaskQueueChange,
    },
    DeleteTaskQueue {
        sid: TaskQueueSid,
    },
    CreateWorkflow(NewWorkflow),
    UpdateWorkflow {
        sid: WorkflowSid,
        change: WorkflowChange,
    },
    DeleteWorkflow {
        sid: WorkflowSid,
    },
    CreateTask(NewTask),
    UpdateTask {
        sid: TaskSid,
        if_match: Option<u64>,
        change: TaskChange,
    },
    DeleteTask {
        sid: TaskSid,
        if_match: Option<u64>,
    },
    /// `ReservationStatus=` over REST, or by the voice side.
    UpdateReservation {
        sid: ReservationSid,
        if_match: Option<u64>,
        status: ReservationStatus,
        activity: Option<ActivitySid>,
    },
    /// `Instruction=` over REST, or the answer to an assignment callback.
    Instruct {
        reservation: ReservationSid,
        instruction: Instruction,
    },
    /// Both assignment callback URLs failed: the reservation is canceled.
    AssignmentCallbackFailed {
        reservation: ReservationSid,
    },
    /// What the voice side reports.
    Voice(VoiceReport),
    /// Park a live call.
    Park {
        reservation: ReservationSid,
    },
    /// Bring a parked call back to `by` (its own agent, or a colleague where allowed). The agent's live call, if any,
    /// is parked in the same decision.
    PickUp {
        reservation: ReservationSid,
        by: WorkerSid,
    },
    /// Send a parked call back to its queue, before everything that waits there.
    ReturnToQueue {
        reservation: ReservationSid,
    },
    /// Accept a pending offer of a call, parking the live one in the same decision.
    AnswerAndPark {
        reservation: ReservationSid,
    },
    /// Hand an assigned task to another worker, to a queue, or (cold) to oneself as a park.
    CreateTransfer {
        reservation: ReservationSid,
        task: TaskSid,
        to: TransferTarget,
        /// Replace the task's.
        attributes: Option<Attributes>,
        mode: TransferMode,
        priority: Option<u32>,
    },
    CancelTransfer {
        sid: TransferSid,
    },
    /// On restart: these calls are gone with the node that had them; everything else with a `call_sid` of a call that
    /// is not in `alive` is settled too.
    SettleLostCalls {
        alive: Vec<CallSid>,
    },
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct NewWorkspace {
    pub friendly_name: String,
    pub event_callback_url: String,
    pub events_filter: Option<String>,
    pub multi_task_enabled: bool,
    /// `Template=FIFO`: a sample queue and workflow.
    pub fifo_template: bool,
    pub prioritize_queue_order: QueueOrder,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct WorkspaceChange {
    pub friendly_name: Option<String>,
    pub event_callback_url: Option<String>,
    pub events_filter: Option<Option<String>>,
    pub default_activity: Option<ActivitySid>,
    pub timeout_activity: Option<ActivitySid>,
    pub multi_task_enabled: Option<bool>,
    pub prioritize_queue_order: Option<QueueOrder>,
    pub voice_policy: Option<Option<VoicePolicy>>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct WorkerChange {
    pub friendly_name: Option<String>,
    pub activity: Option<ActivitySid>,
    pub attributes: Option<Attributes>,
    pub reject_pending: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct NewTaskQueue {
    pub friendly_name: String,
    pub target_workers: String,
    pub max_reserved_workers: u32,
    pub task_order: QueueOrder,
    pub reservation_activity: Option<ActivitySid>,
    pub assignment_activity: Option<ActivitySid>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TaskQueueChange {
    pub friendly_name: Option<String>,
    pub target_workers: Option<String>,
    pub max_reserved_workers: Option<u32>,
    pub task_order: Option<QueueOrder>,
    pub reservation_activity: Option<ActivitySid>,
    pub assignment_activity: Option<ActivitySid>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct NewWorkflow {
    pub friendly_name: String,
    pub configuration: String,
    pub assignment_callback_url: Option<String>,
    pub fallback_assignment_callback_url: Option<String>,
    pub task_reservation_timeout: Duration,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct WorkflowChange {
    pub friendly_name: Option<String>,
    pub configuration: Option<String>,
    pub assignment_callback_url: Option<Option<String>>,
    pub fallback_assignment_callback_url: Option<Option<String>>,
    pub task_reservation_timeout: Option<Duration>,
    pub re_evaluate: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct NewTask {
    /// `None` is allowed only when the workspace has exactly one workflow.
    pub workflow: Option<WorkflowSid>,
    pub attributes: Attributes,
    pub priority: u32,
    pub timeout: Duration,
    /// Unique name or SID; `default` if absent.
    pub channel: Option<String>,
    pub virtual_start: Option<Timestamp>,
    pub routing_target: Option<RoutingTarget>,
    pub ignore_capacity: Option<bool>,
    pub queue: Option<TaskQueueSid>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TaskChange {
    pub attributes: Option<Attributes>,
    /// Merged over the attributes that are there (used by the voice side: `conference`, `worker_call_sid`).
    pub merge: Option<Map<String, Value>>,
    pub status: Option<TaskStatus>,
    pub reason: Option<String>,
    pub priority: Option<u32>,
    pub channel: Option<String>,
    pub virtual_start: Option<Timestamp>,
}

/// An assignment instruction (reference: TaskRouter §5.5); the parameters are the API's.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "instructions come one by one and are matched by value")]
pub enum Instruction {
    Accept,
    Reject { activity: Option<ActivitySid> },
    Dequeue(DequeueInstruction),
    Call(CallInstruction),
    Redirect(RedirectInstruction),
    Conference(ConferenceInstruction),
    Supervise(SuperviseInstruction),
}

/// `supervise`: REST and SDK only.
#[derive(Debug, Clone, PartialEq)]
pub struct SuperviseInstruction {
    pub supervisor: Supervisor,
    pub mode: SuperviseMode,
    pub timeout: Option<Duration>,
    pub status_callback: Option<String>,
    pub status_callback_events: Vec<String>,
}

/// Who supervises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Supervisor {
    /// Their `contact_uri` is called.
    Worker(WorkerSid),
    Uri(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SuperviseMode {
    /// Hears both and is heard by nobody.
    Monitor,
    /// Hears both and is heard by the agent.
    Whisper,
    /// Talks with both.
    Barge,
}

impl SuperviseMode {
    /// As parameters spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Monitor => "monitor",
            Self::Whisper => "whisper",
            Self::Barge => "barge",
        }
    }
}

/// A [`SuperviseInstruction`] that was checked: whom to ring.
#[derive(Debug, Clone, PartialEq)]
pub struct SuperviseOrder {
    pub worker: Option<WorkerSid>,
    pub to: String,
    pub from: String,
    pub mode: SuperviseMode,
    pub timeout: Option<Duration>,
    pub status_callback: Option<String>,
    pub status_callback_events: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DequeueInstruction {
    pub to: Option<String>,
    pub from: Option<String>,
    pub post_work_activity: Option<ActivitySid>,
    pub record: bool,
    pub timeout: Option<Duration>,
    pub status_callback_url: Option<String>,
    pub status_callback_events: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct CallInstruction {
    pub to: Option<String>,
    pub from: Option<String>,
    pub url: Option<String>,
    pub accept: bool,
    pub record: bool,
    pub timeout: Option<Duration>,
    pub status_callback_url: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct RedirectInstruction {
    pub call: Option<String>,
    pub url: Option<String>,
    pub accept: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ConferenceInstruction {
    pub to: Option<String>,
    pub from: Option<String>,
    pub post_work_activity: Option<ActivitySid>,
    pub timeout: Option<Duration>,
    pub status_callback: Option<String>,
    pub status_callback_method: Option<String>,
    pub status_callback_events: Vec<String>,
    pub muted: bool,
    pub beep: String,
    pub start_conference_on_enter: bool,
    pub end_conference_on_exit: bool,
    pub end_conference_on_customer_exit: bool,
    pub beep_on_customer_entrance: bool,
    pub wait_url: Option<String>,
    pub wait_method: Option<String>,
    pub conference_status_callback: Option<String>,
    pub conference_status_callback_method: Option<String>,
    pub conference_status_callback_events: Vec<String>,
    /// Whoever calls out hears the far end ring; else they hear what `wait_url` says.
    pub early_media: bool,
    pub max_participants: usize,
    /// The worker's leg is recorded from its answer.
    pub record: bool,
    /// Of that recording: each side on its own.
    pub record_dual: bool,
    pub recording_status_callback: Option<String>,
    pub recording_status_callback_method: Option<String>,
    /// The conference is recorded from its start.
    pub conference_record: bool,
    /// Silence at both ends of that recording is left out.
    pub conference_trim: bool,
    pub conference_recording_status_callback: Option<String>,
    pub conference_recording_status_callback_method: Option<String>,
    /// User and password for a phone that asks for them.
    pub sip_auth: Option<(String, Secret<String>)>,
    /// Asked for; there is no provider.
    pub transcribe: bool,
}

/// Most participants of a conference.
pub const PARTICIPANTS_MAX: usize = 250;

impl Default for ConferenceInstruction {
    fn default() -> Self {
        Self {
            to: None,
            from: None,
            post_work_activity: None,
            timeout: None,
            status_callback: None,
            status_callback_method: None,
            status_callback_events: Vec::new(),
            muted: false,
            beep: "true".to_owned(),
            start_conference_on_enter: true,
            end_conference_on_exit: false,
            end_conference_on_customer_exit: false,
            beep_on_customer_entrance: true,
            wait_url: None,
            wait_method: None,
            conference_status_callback: None,
            conference_status_callback_method: None,
            conference_status_callback_events: Vec::new(),
            early_media: true,
            max_participants: PARTICIPANTS_MAX,
            record: false,
            record_dual: false,
            recording_status_callback: None,
            recording_status_callback_method: None,
            conference_record: false,
            conference_trim: true,
            conference_recording_status_callback: None,
            conference_recording_status_callback_method: None,
            sip_auth: None,
            transcribe: false,
        }
    }
}

/// What the voice side reports about the call of a task.
#[derive(Debug, Clone, PartialEq)]
pub enum VoiceReport {
    /// Agent and caller talk: a pending reservation becomes accepted (and `merge` goes into the task's attributes:
    /// `conference`, `worker_call_sid`), a picking-up one live. If the reservation has just been lost (caller gone, timed
    /// out) the answer is an error and the voice side lets the agent's leg go.
    Connected { reservation: ReservationSid, merge: Map<String, Value> },
    /// The agent's phone said no.
    Declined { reservation: ReservationSid },
    /// An instruction or ring failed (busy, unreachable, no answer, bad `to`). `code` is for the notification. A pending
    /// reservation is canceled with `dialled` (13223, 21215) where the number itself was at fault, else with `code`; for a
    /// ring of the voice policy with no answer it is left to its own timeout; a pick-up is parked again.
    Failed { reservation: ReservationSid, code: u32, dialled: Option<u32>, reason: String },
    /// The caller (or whoever the task's `call_sid` is) has gone, or was moved elsewhere by the API.
    CallEnded { task: TaskSid, cause: CallEnd },
    /// Agent and caller no longer talk and the conversation is over: wrap up, or complete in a single-tasking workspace.
    ConversationEnded { reservation: ReservationSid, post_work_activity: Option<PostWork> },
}

/// The activity of a worker after a conversation, and the documented code for one that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostWork {
    pub activity: ActivitySid,
    pub code: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallEnd {
    /// Hung up.
    Hangup,
    /// Redirected out of its queue or conference over the API.
    Redirected,
    /// `<Leave>` or a queue timeout.
    Left,
}

/// What a decided command answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Done,
    Activity(ActivitySid),
    TaskChannel(TaskChannelSid),
    Worker(WorkerSid),
    TaskQueue(TaskQueueSid),
    Workflow(WorkflowSid),
    Task(TaskSid),
    Reservation(ReservationSid),
    Transfer(TransferSid),
}

/// Why a command was refused. Nothing has changed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RoutingError {
    /// 404 / 20404. `what` is the SID or name that was asked for.
    #[error("{what} was not found")]
    Missing { what: String },
    /// 412 / 20412.
    #[error("version {current} is not the one that was named")]
    VersionMismatch { current: u64 },
    /// 400 with this documented code (20001 unless one fits better). `message` is for the client, word for word.
    #[error("{message}")]
    Refused { code: u32, message: String },
}

impl RoutingError {
    /// A 400 with code 20001.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::Refused { code: 20001, message: message.into() }
    }

    /// A 404 for `what`.
    pub fn missing(what: impl std::fmt::Display) -> Self {
        Self::Missing { what: what.to_string() }
    }
}
