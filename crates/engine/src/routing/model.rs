//! What a workspace is made of. Everything here is plain data, read by the API and changed by events only.

use base::*;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Longest attributes text, in characters (reference: TaskRouter limits).
pub const ATTRIBUTES_CHARS_MAX: usize = 4096;
/// How long at least the reservation of a call that an agent makes under a voice policy lasts, so that it does not end
/// while the far end still rings.
pub const ATTEMPT_TIME_MIN: std::time::Duration = std::time::Duration::from_secs(75);

/// A JSON object as it was sent: the text is echoed exactly, the value is what expressions read.
#[derive(Debug, Clone, PartialEq)]
pub struct Attributes {
    text: Arc<str>,
    value: Arc<Value>,
}

/// Why a text cannot be attributes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttributesError {
    #[error("is not valid JSON: {0}")]
    NotJson(String),
    #[error("must be a JSON object")]
    NotAnObject,
    #[error("is longer than {ATTRIBUTES_CHARS_MAX} characters")]
    TooLong,
}

impl Attributes {
    /// Checks and keeps `text`.
    pub fn parse(text: &str) -> Result<Self, AttributesError> {
        if text.chars().count() > ATTRIBUTES_CHARS_MAX {
            return Err(AttributesError::TooLong);
        }
        match serde_json::from_str::<Value>(text) {
            Ok(value @ Value::Object(_)) => Ok(Self { text: text.into(), value: Arc::new(value) }),
            Ok(_) => Err(AttributesError::NotAnObject),
            Err(e) => Err(AttributesError::NotJson(e.to_string())),
        }
    }

    /// Attributes made by us. The length limit is for what users send.
    pub fn from_map(map: Map<String, Value>) -> Self {
        let value = Value::Object(map);
        Self { text: value.to_string().into(), value: Arc::new(value) }
    }

    /// As it was sent.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Always a [`Value::Object`].
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The object's members.
    pub fn map(&self) -> &Map<String, Value> {
        self.value.as_object().expect("checked by both constructors")
    }

    /// A copy with `key` set to `value`; the order of the other keys stays.
    pub fn with(&self, key: &str, value: Value) -> Self {
        let mut map = self.map().clone();
        map.insert(key.to_owned(), value);
        Self::from_map(map)
    }
}

impl Default for Attributes {
    fn default() -> Self {
        Self { text: "{}".into(), value: Arc::new(Value::Object(Map::new())) }
    }
}

impl Serialize for Attributes {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        match serde_json::from_str::<Value>(&text) {
            Ok(value @ Value::Object(_)) => Ok(Self { text: text.into(), value: Arc::new(value) }),
            _ => Err(serde::de::Error::custom("attributes are not a JSON object")),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub enum QueueOrder {
    #[default]
    Fifo,
    Lifo,
}

/// The workspace's own settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkspaceSettings {
    pub sid: WorkspaceSid,
    pub account: AccountSid,
    pub friendly_name: String,
    pub event_callback_url: String,
    /// Comma list of event types; `None` is all.
    pub events_filter: Option<String>,
    pub multi_task_enabled: bool,
    pub prioritize_queue_order: QueueOrder,
    pub default_activity: ActivitySid,
    pub timeout_activity: ActivitySid,
    /// Several calls per agent; `None` behaves exactly as TaskRouter.
    pub voice_policy: Option<VoicePolicy>,
    pub created: Timestamp,
    pub updated: Timestamp,
}

impl WorkspaceSettings {
    /// The account's operating unit. There is one for each account, of the same digits.
    pub fn operating_unit(&self) -> String {
        let account = self.account.to_string();
        format!("OU{}", account.strip_prefix("AC").unwrap_or(&account))
    }
}

/// The rule for several calls per agent (design: "Several calls per agent, in the engine").
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VoicePolicy {
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
    /// A park is offered back to its agent after this long.
    pub park_recall: Duration,
    /// How long the recall rings before the call goes to `park_unanswered`.
    pub recall_ring: Duration,
    /// Where a recall that nobody answers goes.
    pub park_unanswered: ParkUnanswered,
    /// How long the notice of a caller who hung up while parked stays before it completes by itself.
    pub hangup_notice: Duration,
    /// Wrap-up that completes by itself after this long; `None` waits for the agent.
    pub wrap_up: Option<Duration>,
    /// The engine rings a worker's `contact_uri` when a voice task with a live call is offered: answering accepts,
    /// declining rejects.
    pub ring_phone: bool,
    /// An agent whose phone nobody answered in time stays in their activity, instead of the workspace's timeout activity.
    pub timeout_keeps_activity: bool,
    /// Expression over the task that makes it direct.
    pub direct: String,
}

impl Default for VoicePolicy {
    fn default() -> Self {
        Self {
            live_max: 1,
            parked_max: 4,
            direct_while_live: true,
            queue_while_live: false,
            accept_parks_live: true,
            colleague_pickup: false,
            park_recall: Duration::from_secs(180),
            recall_ring: Duration::from_secs(30),
            park_unanswered: ParkUnanswered::Queue,
            hangup_notice: Duration::from_secs(120),
            wrap_up: None,
            ring_phone: true,
            timeout_keeps_activity: false,
            direct: "directExtension != null OR targetWorker != null".to_owned(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParkUnanswered {
    /// Back into its task's queue with the highest priority, for any eligible worker.
    Queue,
    /// The task completes; the call goes on with the TwiML after `<Enqueue>` (its action, or voicemail written there).
    Continue,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Activity {
    pub sid: ActivitySid,
    pub friendly_name: String,
    pub available: bool,
    pub created: Timestamp,
    pub updated: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskChannel {
    pub sid: TaskChannelSid,
    pub unique_name: String,
    pub friendly_name: String,
    pub channel_optimized_routing: bool,
    pub created: Timestamp,
    pub updated: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Worker {
    pub sid: WorkerSid,
    pub friendly_name: String,
    pub attributes: Attributes,
    pub activity: ActivitySid,
    /// When the activity last changed.
    pub status_changed: Timestamp,
    /// When a reservation was last accepted, else created or made available: the longest idle goes first.
    pub idle_since: Timestamp,
    pub channels: BTreeMap<TaskChannelSid, WorkerChannel>,
    /// Overrides of the workspace's voice policy.
    pub voice: VoiceOverrides,
    pub version: u64,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// Per-worker overrides of [`VoicePolicy`]; `None` takes the workspace's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct VoiceOverrides {
    pub live_max: Option<u32>,
    pub parked_max: Option<u32>,
    pub direct_while_live: Option<bool>,
    pub queue_while_live: Option<bool>,
}

/// One worker's share of one task channel. Counts are kept by the engine, not stored in events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerChannel {
    pub sid: WorkerChannelSid,
    pub task_channel: TaskChannelSid,
    pub configured_capacity: u32,
    pub available: bool,
    /// When a reservation was last created on it.
    pub last_reserved: Option<Timestamp>,
    /// Reservations in `accepted`.
    pub assigned_tasks: u32,
    /// Reservations in `pending`, `accepted` and `wrapping`.
    pub used_capacity: u32,
    pub created: Timestamp,
    pub updated: Timestamp,
}

impl WorkerChannel {
    /// `floor((1 − used/configured)·100)`, never below zero; zero when nothing is configured.
    pub fn available_capacity_percentage(&self) -> u32 {
        let free = self.configured_capacity.saturating_sub(self.used_capacity);
        (free * 100).checked_div(self.configured_capacity).unwrap_or(0)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskQueue {
    pub sid: TaskQueueSid,
    pub friendly_name: String,
    /// The expression as it was sent; empty matches nobody.
    pub target_workers: String,
    pub max_reserved_workers: u32,
    pub task_order: QueueOrder,
    pub reservation_activity: Option<ActivitySid>,
    pub assignment_activity: Option<ActivitySid>,
    pub created: Timestamp,
    pub updated: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Workflow {
    pub sid: WorkflowSid,
    pub friendly_name: String,
    /// The JSON text as it was sent.
    pub configuration: String,
    pub assignment_callback_url: Option<String>,
    pub fallback_assignment_callback_url: Option<String>,
    pub task_reservation_timeout: Duration,
    /// Counts configurations: a task keeps the one it entered with.
    pub revision: u64,
    pub created: Timestamp,
    pub updated: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskStatus {
    Pending,
    Reserved,
    Assigned,
    Wrapping,
    Completed,
    Canceled,
}

impl TaskStatus {
    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Reserved => "reserved",
            Self::Assigned => "assigned",
            Self::Wrapping => "wrapping",
            Self::Completed => "completed",
            Self::Canceled => "canceled",
        }
    }

    /// Completed or canceled: purged five minutes later.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Canceled)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReservationStatus {
    Pending,
    Accepted,
    Rejected,
    Timeout,
    Canceled,
    Rescinded,
    Wrapping,
    Completed,
}

impl ReservationStatus {
    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Timeout => "timeout",
            Self::Canceled => "canceled",
            Self::Rescinded => "rescinded",
            Self::Wrapping => "wrapping",
            Self::Completed => "completed",
        }
    }

    /// Pending, accepted or wrapping: takes capacity, unless [`Reservation::takes_capacity`] says otherwise.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Accepted | Self::Wrapping)
    }
}

/// Where a task is told to go without looking at its workflow's filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RoutingTarget {
    Worker(WorkerSid),
    Queue(TaskQueueSid),
    Workflow(WorkflowSid),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    pub sid: TaskSid,
    pub attributes: Attributes,
    pub status: TaskStatus,
    pub priority: u32,
    pub reason: Option<String>,
    pub workflow: WorkflowSid,
    pub channel: TaskChannelSid,
    pub queue: Option<TaskQueueSid>,
    pub queue_entered: Option<Timestamp>,
    /// Filter and target (step) the task is in; `None` outside any.
    pub step: Option<Step>,
    pub timeout: Duration,
    pub virtual_start: Timestamp,
    pub routing_target: Option<RoutingTarget>,
    pub ignore_capacity: bool,
    /// Moves from pending to reserved; the task is canceled at 1,000.
    pub assignments: u32,
    /// Its reservations, oldest first.
    pub reservations: Vec<ReservationSid>,
    pub version: u64,
    pub created: Timestamp,
    pub updated: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Index into `filters`; `None` is the default filter.
    pub filter: Option<usize>,
    pub target: usize,
    pub entered: Timestamp,
    /// When the step's timeout runs out.
    pub until: Option<Timestamp>,
    /// The configuration it was entered with.
    pub revision: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reservation {
    pub sid: ReservationSid,
    pub task: TaskSid,
    pub worker: WorkerSid,
    pub status: ReservationStatus,
    pub queue: Option<TaskQueueSid>,
    /// When a pending offer runs out. `None` while an instruction that accepts is being carried out ("on hold").
    pub expires: Option<Timestamp>,
    /// The offer's full time.
    pub timeout: Duration,
    pub previous_activity: ActivitySid,
    /// A call under the voice policy: where it is. `None` for everything else.
    pub voice: Option<VoiceState>,
    /// An instruction being carried out by the voice side.
    pub instruction: Option<InstructionKind>,
    pub canceled_reason_code: Option<u32>,
    /// When an instruction that is being carried out, or a wrap-up that ends by itself, is given up.
    pub lease: Option<Timestamp>,
    /// The transfer that it offers the task in.
    #[serde(default)]
    pub transfer: Option<TransferSid>,
    /// Its call was picked up by a colleague, who has this reservation.
    #[serde(default)]
    pub moved_to: Option<ReservationSid>,
    pub version: u64,
    pub created: Timestamp,
    pub updated: Timestamp,
}

impl Reservation {
    /// Open, and more than the notice of a caller who hung up while parked.
    pub fn takes_capacity(&self) -> bool {
        self.status.is_open() && !matches!(self.voice, Some(VoiceState::HungUp { free: true, .. }))
    }
}

/// Where the call of an accepted reservation is, under the voice policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum VoiceState {
    /// The agent talks (or holds).
    Live { since: Timestamp },
    /// The agent let go of it; music plays. At `recall` it is offered back.
    Parked { since: Timestamp, recall: Timestamp },
    /// On its way back to an agent: their phone rings, or the swap is under way. At `until` it is parked again, or,
    /// when it was a recall, goes to `park_unanswered`.
    PickingUp { parked_since: Timestamp, by: WorkerSid, recalled: bool, until: Timestamp },
    /// The caller hung up while parked: a notice until `until`. With `free` the wrap-up time is over: the notice alone is
    /// left, and takes no capacity.
    HungUp {
        since: Timestamp,
        until: Timestamp,
        #[serde(default)]
        free: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InstructionKind {
    Dequeue,
    Call,
    Redirect,
    Conference,
    /// The engine rings the worker's phone by itself (voice policy).
    Ring,
}

/// A task on its way from the worker who has it to another, or to a queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transfer {
    pub sid: TransferSid,
    pub task: TaskSid,
    pub mode: TransferMode,
    pub to: TransferTarget,
    pub status: TransferStatus,
    /// A sentence, once it has failed.
    pub failed_reason: Option<String>,
    /// The transferor's.
    pub initiating_reservation: ReservationSid,
    pub initiating_worker: WorkerSid,
    pub initiating_queue: Option<TaskQueueSid>,
    pub initiating_workflow: WorkflowSid,
    pub created: Timestamp,
    pub updated: Timestamp,
}

impl Transfer {
    /// A park: the worker lets go of the task and keeps it as an offer to themselves.
    pub fn is_park(&self) -> bool {
        self.mode == TransferMode::Cold && self.to == TransferTarget::Worker(self.initiating_worker)
    }
}

/// Whether the transferor stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TransferMode {
    Warm,
    Cold,
}

impl TransferMode {
    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warm => "WARM",
            Self::Cold => "COLD",
        }
    }
}

/// Who is to have the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TransferTarget {
    Worker(WorkerSid),
    /// Whoever matches the queue's `TargetWorkers`; the workflow has no say.
    Queue(TaskQueueSid),
}

impl TransferTarget {
    /// The API's word.
    pub fn type_str(self) -> &'static str {
        match self {
            Self::Worker(_) => "WORKER",
            Self::Queue(_) => "QUEUE",
        }
    }
}

impl std::fmt::Display for TransferTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Worker(sid) => sid.fmt(f),
            Self::Queue(sid) => sid.fmt(f),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransferStatus {
    Initiated,
    Complete,
    Failed,
    Canceled,
}

impl TransferStatus {
    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Initiated => "initiated",
            Self::Complete => "complete",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }
}

/// Where messages for an agent, or for whoever serves a queue, are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Mailbox {
    /// An agent's own.
    Worker(WorkerSid),
    /// A queue's.
    Queue(TaskQueueSid),
}

/// Neither a worker's nor a queue's SID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is neither a worker's nor a queue's SID")]
pub struct NoMailbox(String);

impl std::str::FromStr for Mailbox {
    type Err = NoMailbox;

    fn from_str(text: &str) -> Result<Self, NoMailbox> {
        let worker = text.parse().map(Self::Worker);
        worker.or_else(|_| text.parse().map(Self::Queue)).map_err(|_| NoMailbox(text.to_owned()))
    }
}

impl std::fmt::Display for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Worker(worker) => worker.fmt(f),
            Self::Queue(queue) => queue.fmt(f),
        }
    }
}

impl TryFrom<String> for Mailbox {
    type Error = NoMailbox;

    fn try_from(text: String) -> Result<Self, NoMailbox> {
        text.parse()
    }
}

impl From<Mailbox> for String {
    fn from(mailbox: Mailbox) -> Self {
        mailbox.to_string()
    }
}
