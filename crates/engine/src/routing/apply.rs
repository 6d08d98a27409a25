//! `apply`: what each event does to the state. It never fails and never decides.

use super::deadline::Due;
use super::event::{Event, Recorded};
use super::model::*;
use super::state::*;
use super::workspace::Workspace;
use base::*;
use std::sync::Arc;
use std::time::Duration;

/// A worker who rejected a direct call, or let it time out, is not offered the same one again before this; nor is one whose
/// phone could not be reached as an instruction said.
pub const COOL_DOWN: Duration = Duration::from_secs(30);

impl Workspace {
    /// Applies one event to state and index.
    pub(super) fn record(&mut self, recorded: &Recorded) {
        let at = recorded.at;
        match &recorded.event {
            Event::WorkspaceCreated { settings } | Event::WorkspaceUpdated { settings } => {
                let before = std::mem::replace(&mut self.state.settings, settings.clone());
                let same = before.voice_policy == settings.voice_policy
                    && before.prioritize_queue_order == settings.prioritize_queue_order
                    && before.multi_task_enabled == settings.multi_task_enabled;
                if !same {
                    self.index.policy_changed(&self.state);
                }
            }
            Event::WorkspaceDeleted => self.state.deleted = true,
            Event::ActivityCreated { activity } | Event::ActivityUpdated { activity } => {
                let before = self.state.activities.insert(activity.sid, activity.clone());
                // Its name is what `activity_name` reads.
                if before.is_some_and(|before| before.friendly_name != activity.friendly_name) {
                    let inside = self.state.workers.values().filter(|w| w.worker.activity == activity.sid);
                    for worker in inside {
                        self.index.activity_changed(&self.state, worker.worker.sid, activity.sid);
                    }
                }
            }
            Event::ActivityDeleted { sid } => {
                self.state.activities.remove(sid);
            }
            Event::TaskChannelCreated { channel, worker_channels } => {
                self.state.channels.insert(channel.sid, channel.clone());
                for (worker, sid) in worker_channels {
                    self.state
                        .worker_mut(*worker)
                        .channels
                        .insert(channel.sid, worker_channel(channel.sid, *sid, at));
                    self.index.refresh(&self.state, *worker);
                }
            }
            Event::TaskChannelUpdated { channel } => {
                self.state.channels.insert(channel.sid, channel.clone());
                for worker in self.state.workers.keys() {
                    self.index.refresh(&self.state, *worker);
                }
            }
            Event::TaskChannelDeleted { sid } => {
                self.state.channels.remove(sid);
                for entry in self.state.workers.values_mut() {
                    Arc::make_mut(entry).worker.channels.remove(sid);
                }
                for worker in self.state.workers.keys() {
                    self.index.refresh(&self.state, *worker);
                }
            }
            event => self.record_worker(at, event),
        }
    }

    fn record_worker(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::WorkerCreated { worker } => {
                let slot = self.index.free_slot();
                let entry = WorkerState { worker: worker.clone(), slot };
                self.state.workers.insert(worker.sid, Arc::new(entry));
                self.index.add_worker(&self.state, worker.sid);
            }
            Event::WorkerRenamed { sid, friendly_name } => {
                let worker = self.state.worker_mut(*sid);
                let before = std::mem::replace(&mut worker.friendly_name, friendly_name.clone());
                worker.version += 1;
                worker.updated = at;
                self.index.renamed(&self.state, *sid, &before);
            }
            Event::WorkerActivityUpdated { sid, activity } => {
                let available = |of| self.state.activities.get(&of).is_some_and(|a: &Activity| a.available);
                let becomes_free = available(*activity) && !available(self.state.worker(*sid).activity);
                let worker = self.state.worker_mut(*sid);
                let before = std::mem::replace(&mut worker.activity, *activity);
                worker.status_changed = at;
                if becomes_free {
                    worker.idle_since = at;
                }
                worker.version += 1;
                worker.updated = at;
                self.index.activity_changed(&self.state, *sid, before);
            }
            Event::WorkerAttributesUpdated { sid, attributes, .. } => {
                let worker = self.state.worker_mut(*sid);
                let before = std::mem::replace(&mut worker.attributes, attributes.clone());
                worker.version += 1;
                worker.updated = at;
                self.index.attributes_changed(&self.state, *sid, &before);
            }
            Event::WorkerCapacityUpdated { sid, channel, capacity, .. } => {
                self.change_channel(at, *sid, *channel, |of| of.configured_capacity = *capacity);
            }
            Event::WorkerChannelAvailabilityUpdated { sid, channel, available } => {
                self.change_channel(at, *sid, *channel, |of| of.available = *available);
            }
            Event::VoiceOverridesSet { sid, voice } => {
                let worker = self.state.worker_mut(*sid);
                worker.voice = *voice;
                worker.version += 1;
                worker.updated = at;
                self.index.refresh(&self.state, *sid);
            }
            Event::WorkerDeleted { sid } => {
                self.index.remove_worker(&self.state, *sid);
                self.state.workers.remove(sid);
                self.index.name_waiting(&self.state, Some(*sid));
            }
            event => self.record_queue(at, event),
        }
    }

    fn change_channel(
        &mut self,
        at: Timestamp,
        sid: WorkerSid,
        channel: TaskChannelSid,
        change: impl FnOnce(&mut WorkerChannel),
    ) {
        let worker = self.state.worker_mut(sid);
        if let Some(of) = worker.channels.get_mut(&channel) {
            change(of);
            of.updated = at;
        }
        worker.version += 1;
        self.index.load_changed(&self.state, sid);
    }

    fn record_queue(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::TaskQueueCreated { queue } => {
                self.state.queues.insert(queue.sid, queue.clone());
                self.index.add_queue(&self.state, queue);
            }
            Event::TaskQueueUpdated { queue, expression_changed } => {
                let before = self.state.queues.insert(queue.sid, queue.clone());
                if *expression_changed {
                    self.index.add_queue(&self.state, queue);
                }
                if before.is_some_and(|before| before.task_order != queue.task_order) {
                    for task in self.index.waiting_in(queue.sid) {
                        self.index.place(&self.state, &self.state.tasks[&task]);
                    }
                }
            }
            Event::TaskQueueDeleted { sid } => {
                self.state.queues.remove(sid);
                self.index.remove_queue(*sid);
            }
            Event::WorkflowCreated { workflow } | Event::WorkflowUpdated { workflow } => {
                let before = self.state.workflows.insert(workflow.sid, workflow.clone());
                if let Some(before) = before.filter(|before| before.revision != workflow.revision) {
                    let retired = self.state.retired.entry(workflow.sid).or_default();
                    retired.insert(before.revision, before.configuration);
                    self.retire(workflow.sid, before.revision);
                }
                if self.index.definition(workflow.sid, workflow.revision).is_none() {
                    self.index.add_definition(
                        &self.state,
                        workflow.sid,
                        workflow.revision,
                        &workflow.configuration,
                    );
                }
            }
            Event::WorkflowDeleted { sid } => {
                if let Some(workflow) = self.state.workflows.remove(sid) {
                    self.index.remove_definition(*sid, workflow.revision);
                }
            }
            event => self.record_task(at, event),
        }
    }

    /// Forgets a replaced configuration once no unfinished task is in it.
    fn retire(&mut self, workflow: WorkflowSid, revision: u64) {
        let Some(retired) = self.state.retired.get_mut(&workflow) else { return };
        if self.index.is_used(workflow, revision) || retired.remove(&revision).is_none() {
            return;
        }
        if retired.is_empty() {
            self.state.retired.remove(&workflow);
        }
        self.index.remove_definition(workflow, revision);
    }

    fn record_task(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::TaskCreated { task } => {
                let ordinal = self.state.tasks_created;
                self.state.tasks_created += 1;
                let (sid, alive_from) = (task.sid, task.created);
                let state = TaskState {
                    task: task.clone(),
                    ordinal,
                    alive_from,
                    assigned: None,
                    entered: Vec::new(),
                    cool_downs: Vec::new(),
                    transfers: Vec::new(),
                    transfer: None,
                    lease: None,
                };
                self.state.tasks.insert(sid, Arc::new(state));
                self.index.use_definition(task.workflow, task.step, task, 1);
                self.settle_task(sid);
            }
            Event::WorkflowEntered { task } => self.change_task(at, *task, false, |t| {
                t.task.step = None;
            }),
            Event::WorkflowTargetMatched { task, step, priority } => {
                let queue = self
                    .index
                    .definition(self.state.task(*task).task.workflow, step.revision)
                    .and_then(|definition| definition.target(step.filter, step.target))
                    .map(|target| target.queue);
                self.change_task(at, *task, false, |t| {
                    t.task.step = Some(*step);
                    if let Some(priority) = priority {
                        t.task.priority = *priority;
                    }
                    if let Some(queue) = queue {
                        t.enter(*step, queue);
                    }
                });
            }
            Event::TaskQueueMoved { task, .. } => self.change_task(at, *task, false, |t| {
                t.task.queue = None;
                t.task.queue_entered = None;
            }),
            Event::TaskQueueEntered { task, queue } => self.change_task(at, *task, false, |t| {
                t.task.queue = Some(*queue);
                t.task.queue_entered = Some(at);
            }),
            Event::TaskQueueTimeout { task, .. } => self.change_task(at, *task, false, |t| {
                if let Some(step) = &mut t.task.step {
                    step.until = None;
                }
                if let Some(entered) = t.entered.last_mut() {
                    entered.timed_out = true;
                }
            }),
            Event::WorkflowTimeout { .. }
            | Event::WorkflowSkipped { .. }
            | Event::ReservationFailed { .. }
            | Event::LeaseExpired { .. } => {}
            Event::TaskUpdated { task, attributes, priority, virtual_start, channel } => {
                self.change_task(at, *task, true, |t| {
                    let t = &mut t.task;
                    if let Some(attributes) = attributes {
                        t.attributes = attributes.clone();
                    }
                    t.priority = priority.unwrap_or(t.priority);
                    t.virtual_start = virtual_start.unwrap_or(t.virtual_start);
                    t.channel = channel.unwrap_or(t.channel);
                });
                if attributes.is_some() {
                    self.offered_workers_changed(*task);
                }
            }
            Event::CoolDownEnded { task } => {
                self.change_task(at, *task, false, |t| t.cool_downs.retain(|(_, until)| *until > at));
            }
            Event::TaskCanceled { task, reason } => self.change_task(at, *task, true, |t| {
                t.task.status = TaskStatus::Canceled;
                t.task.reason = Some(reason.clone());
            }),
            Event::TaskWrapup { task, reason } => self.change_task(at, *task, true, |t| {
                t.task.status = TaskStatus::Wrapping;
                t.lease = None;
                if reason.is_some() {
                    t.task.reason.clone_from(reason);
                }
            }),
            Event::TaskCompleted { task, reason } => self.change_task(at, *task, true, |t| {
                t.task.status = TaskStatus::Completed;
                if reason.is_some() {
                    t.task.reason.clone_from(reason);
                }
            }),
            Event::TaskDeleted { task, .. } | Event::TaskPurged { task } => self.forget_task(*task),
            event => self.record_reservation(at, event),
        }
    }

    /// Whether an offer is of a call that its worker makes depends on the task's attributes.
    fn offered_workers_changed(&mut self, task: TaskSid) {
        let pending = |r: &&Reservation| r.status == ReservationStatus::Pending;
        let workers: Vec<_> = self.state.open_reservations(task).filter(pending).map(|r| r.worker).collect();
        for worker in workers {
            self.index.refresh(&self.state, worker);
        }
    }

    /// Changes a task and everything that is kept about it.
    fn change_task(
        &mut self,
        at: Timestamp,
        sid: TaskSid,
        version: bool,
        change: impl FnOnce(&mut TaskState),
    ) {
        let entry = self.state.task_mut(sid);
        let before = (entry.task.step, entry.task.status.is_terminal());
        self.index.use_definition(entry.task.workflow, entry.task.step, &entry.task, -1);
        change(entry);
        if version {
            entry.task.version += 1;
            entry.task.updated = at;
        }
        if entry.task.status.is_terminal() {
            entry.cool_downs.clear();
            entry.lease = None;
        }
        self.index.use_definition(entry.task.workflow, entry.task.step, &entry.task, 1);
        let (workflow, after) = (entry.task.workflow, (entry.task.step, entry.task.status.is_terminal()));
        self.settle_task(sid);
        if let (Some(step), true) = (before.0, before != after) {
            self.retire(workflow, step.revision);
        }
    }

    fn settle_task(&mut self, sid: TaskSid) {
        let entry = &self.state.tasks[&sid];
        self.index.place(&self.state, entry);
        self.index.arm_task(entry);
    }

    fn forget_task(&mut self, sid: TaskSid) {
        let Some(entry) = self.state.tasks.get(&sid) else { return };
        for reservation in entry.task.reservations.clone() {
            if let Some(reservation) = self.state.reservations.remove(&reservation) {
                self.index.remove_reservation(&reservation);
            }
        }
        for transfer in &self.state.tasks[&sid].transfers {
            self.state.transfers.remove(transfer);
        }
        self.index.deadlines.set(Due::Task(sid), None);
        let entry = self.state.task_mut(sid);
        self.index.use_definition(entry.task.workflow, entry.task.step, &entry.task, -1);
        entry.task.status = TaskStatus::Canceled;
        let (step, workflow) = (entry.task.step, entry.task.workflow);
        self.index.place(&self.state, &self.state.tasks[&sid]);
        self.state.tasks.remove(&sid);
        if let Some(step) = step {
            self.retire(workflow, step.revision);
        }
    }

    fn record_reservation(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::ReservationCreated { reservation } => self.reserve(at, reservation),
            Event::ReservationAccepted { reservation } => self.accept(at, *reservation),
            Event::ReservationRejected { reservation } => {
                self.close(at, *reservation, ReservationStatus::Rejected, None);
            }
            Event::ReservationTimeout { reservation } => {
                self.close(at, *reservation, ReservationStatus::Timeout, None);
            }
            Event::ReservationCanceled { reservation, code } => {
                self.close(at, *reservation, ReservationStatus::Canceled, *code);
            }
            Event::ReservationRescinded { reservation } => {
                self.close(at, *reservation, ReservationStatus::Rescinded, None);
            }
            Event::ReservationCompleted { reservation } => {
                self.close(at, *reservation, ReservationStatus::Completed, None);
            }
            Event::ReservationWrapup { reservation } => {
                let wrap_up = self.policy_of(*reservation).and_then(|policy| policy.wrap_up);
                let of = self.state.reservation_mut(*reservation);
                let (worker, task) = (of.worker, of.task);
                let fetching = fetching(of);
                of.status = ReservationStatus::Wrapping;
                if !matches!(of.voice, Some(VoiceState::HungUp { .. })) {
                    of.voice = None;
                }
                of.lease = wrap_up.map(|wrap_up| at + wrap_up);
                self.changed_reservation(at, *reservation, fetching);
                let channel = self.state.task(task).task.channel;
                self.load(worker, channel, |of| of.assigned_tasks = of.assigned_tasks.saturating_sub(1));
            }
            Event::ReservationInstructed { reservation, kind, until } => {
                let of = self.state.reservation_mut(*reservation);
                of.instruction = Some(*kind);
                if *kind != InstructionKind::Ring {
                    of.expires = None;
                    of.lease = Some(*until);
                }
                self.changed_reservation(at, *reservation, None);
            }
            Event::CallParked { reservation, recall } => {
                self.voice(at, *reservation, VoiceState::Parked { since: at, recall: *recall });
            }
            Event::CallPickingUp { reservation, by, recalled, until } => {
                let parked_since = match self.state.reservation(*reservation).voice {
                    Some(VoiceState::Parked { since, .. }) => since,
                    Some(VoiceState::PickingUp { parked_since, .. }) => parked_since,
                    _ => at,
                };
                let picking =
                    VoiceState::PickingUp { parked_since, by: *by, recalled: *recalled, until: *until };
                self.voice(at, *reservation, picking);
            }
            Event::CallPickedUp { reservation, moved_to } => {
                self.state.reservation_mut(*reservation).moved_to = *moved_to;
                self.voice(at, moved_to.unwrap_or(*reservation), VoiceState::Live { since: at });
            }
            Event::CallHungUpWhileParked { reservation, until } => {
                self.voice(at, *reservation, VoiceState::HungUp { since: at, until: *until, free: false });
            }
            Event::CallNoticeLeft { reservation } => {
                let of = self.state.reservation_mut(*reservation);
                let (worker, task) = (of.worker, of.task);
                of.lease = None;
                if let Some(VoiceState::HungUp { since, until, .. }) = of.voice {
                    self.voice(at, *reservation, VoiceState::HungUp { since, until, free: true });
                    let channel = self.state.task(task).task.channel;
                    self.load(worker, channel, |of| of.used_capacity = of.used_capacity.saturating_sub(1));
                    self.index.dirty.workers.insert(worker);
                }
            }
            Event::CallRequeued { reservation, task, priority } => {
                let worker = self.state.reservation(*reservation).worker;
                self.change_task(at, *task, true, |t| {
                    t.task.status = TaskStatus::Pending;
                    t.task.priority = *priority;
                    t.alive_from = at;
                    t.assigned = None;
                    t.cool(worker, at + COOL_DOWN);
                });
            }
            event => self.record_transfer(at, event),
        }
    }

    fn record_transfer(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::TransferInitiated { transfer, until } => {
                let (sid, to) = (transfer.sid, transfer.to);
                self.state.transfers.insert(sid, transfer.clone());
                let full = self.state.task(transfer.task).transfers.len() == TRANSFERS_MAX;
                if full {
                    let oldest = self.state.task_mut(transfer.task).transfers.remove(0);
                    self.state.transfers.remove(&oldest);
                }
                self.change_task(at, transfer.task, true, |t| {
                    t.transfers.push(sid);
                    t.transfer = Some(sid);
                    t.lease = Some(*until);
                    // The workflow's target expressions have no say in it.
                    t.task.step = None;
                    t.task.status = TaskStatus::Reserved;
                    if let TransferTarget::Queue(queue) = to {
                        t.task.status = TaskStatus::Pending;
                        t.task.queue = Some(queue);
                        t.task.queue_entered = Some(at);
                        // It goes away from its transferor.
                        t.cool(transfer.initiating_worker, *until);
                    }
                });
            }
            Event::TransferFailed { transfer, reason, until, .. } => {
                self.end_transfer(at, *transfer, TransferStatus::Failed, Some(reason), Some(*until));
            }
            Event::TransferCanceled { transfer, until, .. } => {
                self.end_transfer(at, *transfer, TransferStatus::Canceled, None, Some(*until));
            }
            Event::TransferCompleted { transfer, .. } => {
                self.end_transfer(at, *transfer, TransferStatus::Complete, None, None);
            }
            Event::TaskReturned { task, priority } => self.change_task(at, *task, true, |t| {
                t.task.status = TaskStatus::Pending;
                t.task.priority = *priority;
                t.alive_from = at;
                t.assigned = None;
                t.lease = None;
            }),
            _ => {}
        }
    }

    /// A transfer is over; one that came to nothing leaves the task as it was before, or with nobody `until` it waits
    /// in line again.
    fn end_transfer(
        &mut self,
        at: Timestamp,
        sid: TransferSid,
        status: TransferStatus,
        reason: Option<&String>,
        until: Option<Timestamp>,
    ) {
        let transfer = self.state.transfer_mut(sid);
        transfer.status = status;
        transfer.failed_reason = reason.cloned();
        transfer.updated = at;
        let task = transfer.task;
        let queue = transfer.initiating_queue.filter(|queue| self.state.queues.contains_key(queue));
        let held = self.state.open_reservations(task).any(|r| r.status == ReservationStatus::Accepted);
        self.change_task(at, task, until.is_some(), |t| {
            t.transfer = None;
            t.cool_downs.clear();
            t.lease = until.filter(|_| !held);
            if until.is_some() {
                t.task.status = TaskStatus::Assigned;
                t.task.queue = queue;
            }
        });
    }

    fn policy_of(&self, reservation: ReservationSid) -> Option<&VoicePolicy> {
        let task = self.state.reservation(reservation).task;
        self.state.policy_on(self.state.task(task).task.channel)
    }

    fn reserve(&mut self, at: Timestamp, reservation: &Reservation) {
        self.state.reservations.insert(reservation.sid, Arc::new(reservation.clone()));
        self.index.add_reservation(reservation);
        self.index.arm_reservation(reservation);
        self.change_task(at, reservation.task, false, |t| {
            t.task.reservations.push(reservation.sid);
            if t.task.status == TaskStatus::Pending {
                t.task.status = TaskStatus::Reserved;
                t.task.assignments += 1;
                t.task.version += 1;
                t.task.updated = at;
            }
        });
        let channel = self.state.task(reservation.task).task.channel;
        self.state.worker_mut(reservation.worker).version += 1;
        self.load(reservation.worker, channel, |of| {
            of.used_capacity += 1;
            of.last_reserved = Some(at);
        });
    }

    fn accept(&mut self, at: Timestamp, sid: ReservationSid) {
        let voice = self.policy_of(sid).is_some().then_some(VoiceState::Live { since: at });
        let of = self.state.reservation_mut(sid);
        of.status = ReservationStatus::Accepted;
        of.expires = None;
        of.lease = None;
        of.instruction = None;
        of.voice = voice;
        let (worker, task) = (of.worker, of.task);
        self.changed_reservation(at, sid, None);
        self.change_task(at, task, true, |t| {
            t.task.status = TaskStatus::Assigned;
            t.assigned.get_or_insert(at);
            t.lease = t.lease.filter(|_| t.transfer.is_some());
            t.cool_downs.clear();
        });
        self.state.worker_mut(worker).idle_since = at;
        let channel = self.state.task(task).task.channel;
        self.load(worker, channel, |of| of.assigned_tasks += 1);
    }

    /// Ends a reservation in `status`; a task that was only offered is pending again when its last offer ends.
    fn close(&mut self, at: Timestamp, sid: ReservationSid, status: ReservationStatus, code: Option<u32>) {
        let declined = matches!(status, ReservationStatus::Rejected | ReservationStatus::Timeout)
            && self.policy_of(sid).is_some()
            && self.index.is_direct(&self.state.task(self.state.reservation(sid).task).task);
        // Whose phone could not be reached would be asked again at once, and again.
        let unreached = status == ReservationStatus::Canceled && code.is_some();
        let cools = declined || unreached;
        let of = self.state.reservation_mut(sid);
        let took = u32::from(of.takes_capacity());
        let was = std::mem::replace(&mut of.status, status);
        let fetching = fetching(of);
        of.expires = None;
        of.lease = None;
        of.instruction = None;
        of.voice = None;
        of.canceled_reason_code = code.or(of.canceled_reason_code);
        let (worker, task) = (of.worker, of.task);
        self.changed_reservation(at, sid, fetching);
        self.index.closed_reservation(self.state.reservations.get(&sid).expect("just changed"));
        let offered = self.state.task(task).task.status == TaskStatus::Reserved
            && !self.state.open_reservations(task).any(|r| r.status == ReservationStatus::Pending);
        // Of a transfer to one worker: as before it.
        let to_worker = (self.state.open_transfer(task))
            .is_some_and(|transfer| matches!(transfer.to, TransferTarget::Worker(_)));
        self.change_task(at, task, offered, |t| {
            if offered {
                t.task.status = if to_worker { TaskStatus::Assigned } else { TaskStatus::Pending };
                t.cool_downs.retain(|(_, until)| *until > at);
            }
            if cools {
                t.cool(worker, at + COOL_DOWN);
            }
        });
        let channel = self.state.task(task).task.channel;
        if self.state.workers.contains_key(&worker) {
            self.load(worker, channel, |of| {
                of.used_capacity = of.used_capacity.saturating_sub(took);
                if was == ReservationStatus::Accepted {
                    of.assigned_tasks = of.assigned_tasks.saturating_sub(1);
                }
            });
            self.index.dirty.workers.insert(worker);
        }
    }

    fn voice(&mut self, at: Timestamp, sid: ReservationSid, voice: VoiceState) {
        let of = self.state.reservation_mut(sid);
        let fetching = fetching(of);
        of.voice = Some(voice);
        let worker = of.worker;
        self.changed_reservation(at, sid, fetching);
        let of = &self.state.reservations[&sid];
        self.index.fetch(of);
        self.index.load_changed(&self.state, worker);
        let by = match voice {
            VoiceState::PickingUp { by, .. } => Some(by),
            _ => fetching,
        };
        if let Some(by) = by.filter(|by| *by != worker) {
            self.index.load_changed(&self.state, by);
        }
    }

    /// A reservation has changed: its version, its timer, and who was fetching it (`fetching`, before the change).
    fn changed_reservation(&mut self, at: Timestamp, sid: ReservationSid, fetching: Option<WorkerSid>) {
        let of = self.state.reservation_mut(sid);
        of.version += 1;
        of.updated = at;
        self.index.arm_reservation(&self.state.reservations[&sid]);
        if let Some(by) = fetching {
            self.index.fetched(by, sid);
            self.index.load_changed(&self.state, by);
        }
    }

    fn load(&mut self, worker: WorkerSid, channel: TaskChannelSid, change: impl FnOnce(&mut WorkerChannel)) {
        if let Some(of) = self.state.worker_mut(worker).channels.get_mut(&channel) {
            change(of);
        }
        self.index.load_changed(&self.state, worker);
    }
}

/// Who is fetching this parked call, if it is on its way.
fn fetching(reservation: &Reservation) -> Option<WorkerSid> {
    match reservation.voice {
        Some(VoiceState::PickingUp { by, .. }) => Some(by),
        _ => None,
    }
}

/// A new worker's share of a channel: capacity 1, available.
pub(super) fn worker_channel(channel: TaskChannelSid, sid: WorkerChannelSid, at: Timestamp) -> WorkerChannel {
    WorkerChannel {
        sid,
        task_channel: channel,
        configured_capacity: 1,
        available: true,
        last_reserved: None,
        assigned_tasks: 0,
        used_capacity: 0,
        created: at,
        updated: at,
    }
}

impl TaskState {
    fn enter(&mut self, step: Step, queue: TaskQueueSid) {
        if self.entered.len() == ENTERED_MAX {
            self.entered.remove(0);
        }
        self.entered.push(Entered { step, queue, timed_out: false });
    }

    fn cool(&mut self, worker: WorkerSid, until: Timestamp) {
        self.cool_downs.retain(|(cooling, _)| *cooling != worker);
        if self.cool_downs.len() == COOL_DOWNS_MAX {
            self.cool_downs.remove(0);
        }
        self.cool_downs.push((worker, until));
    }
}
