use super::model::*;
use base::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Everything a workspace knows that cannot be worked out from the rest. Its copy is a [`Snapshot`]: what there may be many
/// of is shared by the two until one of them changes it, so that taking one does not hold up the decisions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    pub settings: WorkspaceSettings,
    pub activities: BTreeMap<ActivitySid, Activity>,
    pub channels: BTreeMap<TaskChannelSid, TaskChannel>,
    pub workers: BTreeMap<WorkerSid, Arc<WorkerState>>,
    pub queues: BTreeMap<TaskQueueSid, TaskQueue>,
    pub workflows: BTreeMap<WorkflowSid, Workflow>,
    /// Configurations that were replaced while tasks were still in them, by revision.
    pub retired: BTreeMap<WorkflowSid, BTreeMap<u64, String>>,
    pub tasks: BTreeMap<TaskSid, Arc<TaskState>>,
    pub reservations: BTreeMap<ReservationSid, Arc<Reservation>>,
    #[serde(default)]
    pub transfers: BTreeMap<TransferSid, Transfer>,
    /// Counts tasks: the tie-break among those that began at the same instant.
    pub tasks_created: u64,
    pub deleted: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct WorkerState {
    pub worker: Worker,
    /// Its bit in every bitmap.
    pub slot: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct TaskState {
    pub task: Task,
    pub ordinal: u64,
    /// Where its time to live runs from: its creation, or when a parked call went back to its queue.
    pub alive_from: Timestamp,
    /// When it was first assigned.
    pub assigned: Option<Timestamp>,
    /// Steps it has been in, oldest first; at most [`ENTERED_MAX`].
    pub entered: Vec<Entered>,
    /// Workers who are not offered it again before the time.
    pub cool_downs: Vec<(WorkerSid, Timestamp)>,
    /// Its transfers, oldest first; at most [`TRANSFERS_MAX`].
    #[serde(default)]
    pub transfers: Vec<TransferSid>,
    /// The one that is under way.
    #[serde(default)]
    pub transfer: Option<TransferSid>,
    /// When the transfer under way is given up, or a task that nobody has after one waits in line again.
    #[serde(default)]
    pub lease: Option<Timestamp>,
}

/// Transfers of one task that are remembered; the oldest makes room.
pub(super) const TRANSFERS_MAX: usize = 64;

/// Steps of a task that are remembered for the explanation.
pub(super) const ENTERED_MAX: usize = 32;
/// Workers of one task that can be cooling down at once; the oldest entry makes room.
pub(super) const COOL_DOWNS_MAX: usize = 32;

/// A step that a task has been in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entered {
    /// Filter and target, and when.
    pub step: Step,
    /// The step's queue.
    pub queue: TaskQueueSid,
    /// Its timeout ran out while the task waited.
    pub timed_out: bool,
}

/// A workspace at rest: what a store keeps so that a restart need not replay the whole journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot(pub(super) State);

impl Snapshot {
    /// Whose snapshot it is.
    pub fn workspace(&self) -> WorkspaceSid {
        self.0.settings.sid
    }
}

impl State {
    pub fn task(&self, sid: TaskSid) -> &TaskState {
        self.tasks.get(&sid).expect("tasks are removed together with everything that names them")
    }

    pub fn task_mut(&mut self, sid: TaskSid) -> &mut TaskState {
        Arc::make_mut(
            self.tasks.get_mut(&sid).expect("tasks are removed together with everything that names them"),
        )
    }

    pub fn worker(&self, sid: WorkerSid) -> &Worker {
        &self.workers.get(&sid).expect("a deleted worker has no open reservation").worker
    }

    pub fn worker_mut(&mut self, sid: WorkerSid) -> &mut Worker {
        let entry = self.workers.get_mut(&sid).expect("a deleted worker has no open reservation");
        &mut Arc::make_mut(entry).worker
    }

    pub fn reservation(&self, sid: ReservationSid) -> &Reservation {
        self.reservations.get(&sid).expect("reservations are removed together with their task")
    }

    pub fn reservation_mut(&mut self, sid: ReservationSid) -> &mut Reservation {
        Arc::make_mut(
            self.reservations.get_mut(&sid).expect("reservations are removed together with their task"),
        )
    }

    pub fn activity_available(&self, sid: ActivitySid) -> bool {
        self.activities.get(&sid).is_some_and(|activity| activity.available)
    }

    pub fn channel_named(&self, name: &str) -> Option<&TaskChannel> {
        self.channels.values().find(|channel| channel.unique_name == name)
    }

    /// The channel of phone calls.
    pub fn is_voice(&self, channel: TaskChannelSid) -> bool {
        self.channels.get(&channel).is_some_and(|c| c.unique_name == VOICE_CHANNEL)
    }

    /// The policy, if `channel` is the one it is about.
    pub fn policy_on(&self, channel: TaskChannelSid) -> Option<&VoicePolicy> {
        self.settings.voice_policy.as_ref().filter(|_| self.is_voice(channel))
    }

    pub fn transfer(&self, sid: TransferSid) -> &Transfer {
        self.transfers.get(&sid).expect("transfers are removed together with their task")
    }

    pub fn transfer_mut(&mut self, sid: TransferSid) -> &mut Transfer {
        self.transfers.get_mut(&sid).expect("transfers are removed together with their task")
    }

    /// The transfer of a task that is under way.
    pub fn open_transfer(&self, task: TaskSid) -> Option<&Transfer> {
        self.transfers.get(&self.tasks.get(&task)?.transfer?)
    }

    /// A pending offer of a worker's own parked task to themselves.
    pub fn is_own_park(&self, reservation: &Reservation) -> bool {
        let transfer = reservation.transfer.and_then(|sid| self.transfers.get(&sid));
        reservation.status == ReservationStatus::Pending && transfer.is_some_and(Transfer::is_park)
    }

    /// A pending offer of a call that its worker makes: the task was made for them and says whom to call, and the far
    /// end has not answered yet.
    pub fn is_own_attempt(&self, reservation: &Reservation) -> bool {
        let Some(entry) = self.tasks.get(&reservation.task) else { return false };
        reservation.status == ReservationStatus::Pending
            && reservation.transfer.is_none()
            && self.is_call_of(&entry.task, reservation.worker)
    }

    /// A call that this worker makes: the task was made for them and says whom to call.
    pub fn is_call_of(&self, task: &Task, worker: WorkerSid) -> bool {
        let outbound = task.attributes.map().get("outbound_to").and_then(|to| to.as_str());
        task.routing_target == Some(RoutingTarget::Worker(worker))
            && self.is_voice(task.channel)
            && outbound.is_some_and(|to| !to.is_empty())
    }

    /// Reservations of a task that take capacity.
    pub fn open_reservations(&self, task: TaskSid) -> impl Iterator<Item = &Reservation> {
        self.tasks
            .get(&task)
            .into_iter()
            .flat_map(|t| &t.task.reservations)
            .filter_map(|sid| self.reservations.get(sid).map(Arc::as_ref))
            .filter(|r| r.status.is_open())
    }
}

/// The task channel of phone calls.
pub(super) const VOICE_CHANNEL: &str = "voice";
