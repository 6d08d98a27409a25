//! What happened in a workspace: the journal. Each is small, complete and final; `apply` never fails and never decides.

use super::model::*;
use base::*;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One entry of the journal: when, and what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    pub sid: EventSid,
    pub at: Timestamp,
    pub event: Event,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Event {
    /// Always the first.
    WorkspaceCreated {
        settings: WorkspaceSettings,
    },
    WorkspaceUpdated {
        settings: WorkspaceSettings,
    },
    /// Always the last.
    WorkspaceDeleted,
    ActivityCreated {
        activity: Activity,
    },
    ActivityUpdated {
        activity: Activity,
    },
    ActivityDeleted {
        sid: ActivitySid,
    },
    TaskChannelCreated {
        channel: TaskChannel,
        worker_channels: Vec<(WorkerSid, WorkerChannelSid)>,
    },
    TaskChannelUpdated {
        channel: TaskChannel,
    },
    TaskChannelDeleted {
        sid: TaskChannelSid,
    },
    WorkerCreated {
        worker: Worker,
    },
    WorkerRenamed {
        sid: WorkerSid,
        friendly_name: String,
    },
    WorkerActivityUpdated {
        sid: WorkerSid,
        activity: ActivitySid,
    },
    /// `by_engine`: `isAcdReady` kept by the voice policy.
    WorkerAttributesUpdated {
        sid: WorkerSid,
        attributes: Attributes,
        by_engine: bool,
    },
    WorkerCapacityUpdated {
        sid: WorkerSid,
        channel: TaskChannelSid,
        capacity: u32,
        by_engine: bool,
    },
    WorkerChannelAvailabilityUpdated {
        sid: WorkerSid,
        channel: TaskChannelSid,
        available: bool,
    },
    VoiceOverridesSet {
        sid: WorkerSid,
        voice: VoiceOverrides,
    },
    WorkerDeleted {
        sid: WorkerSid,
    },
    TaskQueueCreated {
        queue: TaskQueue,
    },
    TaskQueueUpdated {
        queue: TaskQueue,
        expression_changed: bool,
    },
    TaskQueueDeleted {
        sid: TaskQueueSid,
    },
    WorkflowCreated {
        workflow: Workflow,
    },
    WorkflowUpdated {
        workflow: Workflow,
    },
    WorkflowDeleted {
        sid: WorkflowSid,
    },
    TaskCreated {
        task: Task,
    },
    /// The task starts (again) at the first filter.
    WorkflowEntered {
        task: TaskSid,
    },
    WorkflowTargetMatched {
        task: TaskSid,
        step: Step,
        priority: Option<u32>,
    },
    TaskQueueMoved {
        task: TaskSid,
        from: TaskQueueSid,
    },
    TaskQueueEntered {
        task: TaskSid,
        queue: TaskQueueSid,
    },
    TaskQueueTimeout {
        task: TaskSid,
        queue: TaskQueueSid,
    },
    WorkflowTimeout {
        task: TaskSid,
    },
    WorkflowSkipped {
        task: TaskSid,
    },
    /// No reservation was made in time for the worker that the task was routed to.
    ReservationFailed {
        task: TaskSid,
        worker: WorkerSid,
    },
    TaskUpdated {
        task: TaskSid,
        attributes: Option<Attributes>,
        priority: Option<u32>,
        virtual_start: Option<Timestamp>,
        channel: Option<TaskChannelSid>,
    },
    TaskCanceled {
        task: TaskSid,
        reason: String,
    },
    TaskWrapup {
        task: TaskSid,
        reason: Option<String>,
    },
    TaskCompleted {
        task: TaskSid,
        reason: Option<String>,
    },
    /// By the API, or by the system after 24 hours assigned.
    TaskDeleted {
        task: TaskSid,
        by_system: bool,
    },
    /// Completed or canceled five minutes ago: no longer readable. No webhook.
    TaskPurged {
        task: TaskSid,
    },
    ReservationCreated {
        reservation: Reservation,
    },
    ReservationAccepted {
        reservation: ReservationSid,
    },
    ReservationRejected {
        reservation: ReservationSid,
    },
    ReservationTimeout {
        reservation: ReservationSid,
    },
    ReservationCanceled {
        reservation: ReservationSid,
        code: Option<u32>,
    },
    ReservationRescinded {
        reservation: ReservationSid,
    },
    ReservationWrapup {
        reservation: ReservationSid,
    },
    ReservationCompleted {
        reservation: ReservationSid,
    },
    /// An instruction is being carried out: the offer's timeout is replaced by the lease `until`.
    ReservationInstructed {
        reservation: ReservationSid,
        kind: InstructionKind,
        until: Timestamp,
    },
    CallParked {
        reservation: ReservationSid,
        recall: Timestamp,
    },
    CallPickingUp {
        reservation: ReservationSid,
        by: WorkerSid,
        recalled: bool,
        until: Timestamp,
    },
    /// A parked call talks to an agent again; `by` may be a colleague, who then has the reservation `moved_to`.
    CallPickedUp {
        reservation: ReservationSid,
        moved_to: Option<ReservationSid>,
    },
    CallHungUpWhileParked {
        reservation: ReservationSid,
        until: Timestamp,
    },
    /// The wrap-up time after a hang-up is over and its notice stays: the worker is free for other calls.
    CallNoticeLeft {
        reservation: ReservationSid,
    },
    /// A park that nobody picked up: the task waits in its queue again, with this priority.
    CallRequeued {
        reservation: ReservationSid,
        task: TaskSid,
        priority: u32,
    },
    /// The task is reserved again: for a worker at once, for a queue's workers as they are free. COLD is followed by
    /// the wrap-up of the transferor's reservation.
    TransferInitiated {
        transfer: Transfer,
        /// When it is given up.
        until: Timestamp,
    },
    /// A worker of the queue turned it down; the next is tried.
    TransferAttemptFailed {
        transfer: TransferSid,
        task: TaskSid,
    },
    /// The task is assigned as before. With nobody left on it (COLD) it waits in line again from `until`.
    TransferFailed {
        transfer: TransferSid,
        task: TaskSid,
        reason: String,
        until: Timestamp,
    },
    TransferCanceled {
        transfer: TransferSid,
        task: TaskSid,
        until: Timestamp,
    },
    TransferCompleted {
        transfer: TransferSid,
        task: TaskSid,
    },
    /// Nobody had the task after its transfer failed: it is pending again, with this priority.
    TaskReturned {
        task: TaskSid,
        priority: u32,
    },
    /// Workers who turned this task down a while ago may be asked again.
    CoolDownEnded {
        task: TaskSid,
    },
    /// A lease ran out: what was in which state, and how it was ended (for metrics; the ending has its own event).
    LeaseExpired {
        what: String,
        outcome: String,
    },
}

/// How long a carried-out instruction may keep a reservation from timing out.
pub const INSTRUCTION_LEASE: Duration = Duration::from_secs(60 + 30);
