//! Transfers: a task goes from the worker who has it to another, or to a queue (reference: TaskRouter §4.6).
//!
//! While it is under way the task is reserved (or, between two workers of a queue, pending) and the transferor keeps
//! their reservation: accepted when WARM, wrapping when COLD. A COLD transfer to oneself is a park: one task, two
//! reservations. When a COLD transfer fails nobody has the task; after [`RETURN_AFTER`] it waits in line again, before
//! everything else, so that no caller is left on hold for ever.

use super::tasks::check_priority;
use super::voice::REQUEUE_PRIORITY;
use super::*;
use crate::routing::index::VoiceLoad;
use crate::routing::limits::ASSIGNMENTS_MAX;
use crate::routing::model::*;
use crate::routing::waiting::Pool;
use crate::routing::workspace::call_of;
use serde_json::{Map, Value};
use std::time::Duration;

/// How long a task that nobody has after a failed transfer is left as it is.
pub(in crate::routing) const RETURN_AFTER: Duration = Duration::from_secs(20);
/// The marker of a parked task, cleared when it is picked up: a later transfer must not come back to the parker.
const PARKED: &str = "workerParked";

/// What is asked for.
pub(super) struct NewTransfer {
    pub reservation: ReservationSid,
    pub task: TaskSid,
    pub to: TransferTarget,
    pub attributes: Option<Attributes>,
    pub mode: TransferMode,
    pub priority: Option<u32>,
}

impl Deciding<'_> {
    pub(super) fn create_transfer(&mut self, new: NewTransfer) -> Decided {
        let task = self.known_task(new.task)?.clone();
        let from = self.known_reservation(new.reservation)?.clone();
        self.check_transfer(&new, &task, &from)?;
        let attributes = new.attributes.filter(|attributes| attributes.text() != task.attributes.text());
        let priority = new.priority.filter(|priority| *priority != task.priority);
        if attributes.is_some() || priority.is_some() {
            self.emit(Event::TaskUpdated {
                task: task.sid,
                attributes,
                priority,
                virtual_start: None,
                channel: None,
            });
        }
        let sid = TransferSid::generate_at(self.now, self.entropy);
        let transfer = Transfer {
            sid,
            task: task.sid,
            mode: new.mode,
            to: new.to,
            status: TransferStatus::Initiated,
            failed_reason: None,
            initiating_reservation: from.sid,
            initiating_worker: from.worker,
            initiating_queue: task.queue,
            initiating_workflow: task.workflow,
            created: self.now,
            updated: self.now,
        };
        let cold = new.mode == TransferMode::Cold;
        self.emit(Event::TransferInitiated { transfer, until: self.now + task.timeout });
        if cold {
            self.emit(Event::ReservationWrapup { reservation: from.sid });
            self.keep_ready(from.worker);
        }
        if let Some(call) = self.call_of_task(task.sid) {
            let order = VoiceOrder::HandOver { reservation: from.sid, task: task.sid, call, cold };
            self.effects.push(Effect::Voice(order));
        }
        if let TransferTarget::Worker(worker) = new.to {
            self.reserve(task.sid, worker);
        }
        Ok(Answer::Transfer(sid))
    }

    fn check_transfer(&self, new: &NewTransfer, task: &Task, from: &Reservation) -> Decided<()> {
        let refuse = |message: String| Err(RoutingError::refused(message));
        let state = &self.ws.state;
        if from.task != task.sid {
            return refuse(format!("Reservation {} is not of task {}", from.sid, task.sid));
        }
        if task.status != TaskStatus::Assigned || from.status != ReservationStatus::Accepted {
            return refuse(format!(
                "Cannot transfer task {} in workspace {} for account {} because it is not currently assigned.",
                task.sid, state.settings.sid, state.settings.account
            ));
        }
        if !matches!(from.voice, None | Some(VoiceState::Live { .. })) {
            return refuse(format!("Reservation {} is parked and cannot be transferred", from.sid));
        }
        if let Some(priority) = new.priority {
            check_priority(priority)?;
        }
        match new.to {
            TransferTarget::Queue(queue) if !state.queues.contains_key(&queue) => {
                refuse(format!("TaskQueue {queue} does not exist and cannot be transferred to"))
            }
            TransferTarget::Queue(_) => Ok(()),
            TransferTarget::Worker(worker) if !state.workers.contains_key(&worker) => {
                refuse(format!("Worker {worker} does not exist and cannot be transferred to"))
            }
            TransferTarget::Worker(worker) if worker == from.worker && new.mode == TransferMode::Warm => {
                refuse(format!("A transfer of a task to its own worker {worker} must be COLD"))
            }
            TransferTarget::Worker(worker) => match self.may_be_given(worker, task, worker == from.worker) {
                true => Ok(()),
                false => refuse(format!(
                    "Worker {worker} is not available or has no capacity for a transfer of task {}",
                    task.sid
                )),
            },
        }
    }

    /// Whether a worker can be offered a task by transfer: available, and with room for it beside what they have.
    fn may_be_given(&self, worker: WorkerSid, task: &Task, own: bool) -> bool {
        let state = &self.ws.state;
        let policy = state.policy_on(task.channel);
        if !own {
            let pool = Pool { channel: task.channel, direct: policy.is_some() };
            return self.ws.index.is_free(pool, state.workers[&worker].slot);
        }
        // A park keeps the wrapping reservation beside the pending one until the former is completed.
        let of = state.worker(worker);
        let room = of
            .channels
            .get(&task.channel)
            .is_some_and(|channel| channel.available && channel.used_capacity < channel.configured_capacity);
        let parks = policy.is_none_or(|policy| {
            let VoiceLoad { parked, .. } = self.ws.index.voice_load(state, worker);
            parked < of.voice.parked_max.unwrap_or(policy.parked_max)
        });
        room && parks && !self.is_single_tasking() && state.activity_available(of.activity)
    }

    pub(super) fn cancel_transfer(&mut self, sid: TransferSid) -> Decided {
        let transfer = self.ws.transfer(sid).ok_or_else(|| RoutingError::missing(sid))?;
        if transfer.status != TransferStatus::Initiated {
            return Err(RoutingError::refused(format!(
                "Transfer {sid} is already {} . Cannot cancel transfer.",
                transfer.status.as_str()
            )));
        }
        let task = transfer.task;
        self.end_transfer_offers(task);
        self.emit(Event::TransferCanceled { transfer: sid, task, until: self.now + RETURN_AFTER });
        self.hand_back(sid);
        Ok(Answer::Transfer(sid))
    }

    /// How long a parked task is offered to its own worker before its transfer fails.
    pub(super) fn park_time(&self) -> Duration {
        self.policy().park_recall
    }

    fn call_of_task(&self, task: TaskSid) -> Option<CallSid> {
        let task = &self.ws.state.task(task).task;
        call_of(&task.attributes).filter(|_| self.ws.state.is_voice(task.channel))
    }

    fn end_transfer_offers(&mut self, task: TaskSid) {
        let pending: Vec<_> = (self.ws.state.open_reservations(task))
            .filter(|r| r.status == ReservationStatus::Pending)
            .map(|r| r.sid)
            .collect();
        for reservation in pending {
            self.end_offer(reservation, Event::ReservationCanceled { reservation, code: None });
        }
    }

    fn fail_transfer(&mut self, sid: TransferSid, why: &str) {
        let reason = format!("Transfer failed because {why}");
        let task = self.ws.state.transfer(sid).task;
        self.emit(Event::TransferFailed { transfer: sid, task, reason, until: self.now + RETURN_AFTER });
        self.hand_back(sid);
    }

    /// The caller is the transferor's again, if they are still there.
    pub(super) fn hand_back(&mut self, sid: TransferSid) {
        let transfer = self.ws.state.transfer(sid);
        let (task, reservation) = (transfer.task, transfer.initiating_reservation);
        if let Some(call) = self.call_of_task(task) {
            self.effects.push(Effect::Voice(VoiceOrder::HandOverEnded { reservation, call }));
        }
    }

    /// A task was accepted: if it was in transfer that is complete, and if it was parked it is no longer.
    pub(super) fn transfer_accepted(&mut self, task: TaskSid) {
        let entry = self.ws.state.task(task);
        let transferred = !entry.transfers.is_empty();
        let parked = entry.task.attributes.map().get(PARKED) == Some(&Value::Bool(true));
        if let Some(transfer) = entry.transfer {
            self.emit(Event::TransferCompleted { transfer, task });
        }
        if transferred && parked {
            self.merge_attributes(task, Map::from_iter([(PARKED.to_owned(), Value::Bool(false))]));
        }
    }

    /// An offer of a task came to nothing: what that means if it was made by a transfer. False if it was not.
    pub(super) fn transfer_back(&mut self, task: TaskSid) -> bool {
        let Some(entry) = self.ws.state.tasks.get(&task).filter(|t| !t.task.status.is_terminal()) else {
            return false;
        };
        let Some(transfer) = self.ws.state.open_transfer(task) else {
            let nobody = self.ws.state.open_reservations(task).next().is_none();
            let orphan = entry.lease.is_some() && nobody;
            if orphan {
                self.return_task(task);
            }
            return orphan;
        };
        let (sid, to) = (transfer.sid, transfer.to);
        let offered = |r: &Reservation| r.status == ReservationStatus::Pending;
        if self.ws.state.open_reservations(task).any(offered) {
            return true;
        }
        let last = entry.task.reservations.last().map(|r| self.ws.state.reservation(*r).status);
        let why = match last {
            Some(ReservationStatus::Rejected) => "the reservation was rejected",
            Some(ReservationStatus::Timeout) => "the reservation timed out",
            _ => "the reservation was canceled",
        };
        match to {
            TransferTarget::Worker(_) => self.fail_transfer(sid, why),
            TransferTarget::Queue(_) if entry.task.assignments >= ASSIGNMENTS_MAX => {
                self.fail_transfer(sid, "the task was offered too often");
            }
            TransferTarget::Queue(_) => self.emit(Event::TransferAttemptFailed { transfer: sid, task }),
        }
        true
    }

    /// The lease of a transfer, or of a task that nobody has after one, is over.
    pub(super) fn transfer_due(&mut self, task: TaskSid) {
        match self.ws.state.task(task).transfer {
            Some(transfer) => {
                self.expired(format!("transfer {transfer}"), "failed: nobody took the task in time");
                self.end_transfer_offers(task);
                self.fail_transfer(transfer, "nobody took the task in time");
            }
            None => {
                self.expired(format!("task {task}"), "put back in line after a failed transfer");
                self.return_task(task);
            }
        }
    }

    /// A task that nobody has goes through its workflow again; its caller waits in line.
    fn return_task(&mut self, task: TaskSid) {
        self.emit(Event::TaskReturned { task, priority: REQUEUE_PRIORITY });
        if let Some(call) = self.call_of_task(task) {
            self.effects.push(Effect::Voice(VoiceOrder::Requeue { task, call }));
        }
        match self.ws.state.task(task).task.routing_target {
            None | Some(RoutingTarget::Workflow(_)) => self.route(task),
            Some(RoutingTarget::Worker(_) | RoutingTarget::Queue(_)) => {}
        }
    }

    /// The last reservation of a task has ended: whether the task is over. One that is on its way to somebody, or that
    /// waits for somebody, is not; one that nobody took over waits in line again.
    pub(super) fn is_over(&mut self, task: TaskSid) -> bool {
        if self.ws.state.open_reservations(task).next().is_some() {
            return false;
        }
        let entry = self.ws.state.task(task);
        let waits = matches!(entry.task.status, TaskStatus::Pending | TaskStatus::Reserved);
        if entry.transfer.is_some() || waits {
            return false;
        }
        if entry.lease.is_some() {
            self.return_task(task);
            return false;
        }
        true
    }

    /// On its way to somebody, or with two workers.
    pub(super) fn is_shared(&self, task: TaskSid) -> bool {
        let accepted = |r: &&Reservation| r.status == ReservationStatus::Accepted;
        self.ws.open_transfer(task).is_some()
            || self.ws.state.open_reservations(task).filter(accepted).count() > 1
    }

    /// In transfer, or with nobody after one.
    pub(super) fn is_handed_over(&self, task: TaskSid) -> bool {
        self.ws.state.tasks.get(&task).is_some_and(|t| t.lease.is_some())
    }

    /// The wrapping reservation from which a task is being transferred COLD.
    pub(super) fn cold_transferor(&self, task: TaskSid) -> Option<ReservationSid> {
        let transfer = self.ws.open_transfer(task).filter(|t| t.mode == TransferMode::Cold)?;
        let from = self.ws.reservation(transfer.initiating_reservation)?;
        (from.status == ReservationStatus::Wrapping).then_some(from.sid)
    }

    /// The caller of a task in transfer has gone, or of one that nobody has after it: an assigned task is never
    /// canceled. False if it is neither.
    pub(super) fn call_ended_in_transfer(&mut self, task: TaskSid) -> bool {
        if !self.is_handed_over(task) {
            return false;
        }
        self.end_transfer_offers(task);
        if let Some(transfer) = self.ws.state.task(task).transfer {
            let reason = "Transfer failed because the caller has gone".to_owned();
            self.emit(Event::TransferFailed { transfer, task, reason, until: self.now + RETURN_AFTER });
        }
        let accepted: Vec<_> = (self.ws.state.open_reservations(task))
            .filter(|r| r.status == ReservationStatus::Accepted)
            .map(|r| r.sid)
            .collect();
        for reservation in accepted {
            self.end_conversation(reservation);
        }
        if self.ws.state.task(task).task.status == TaskStatus::Assigned {
            let wrapping = self.ws.state.open_reservations(task).next().is_some();
            match wrapping {
                true => self.emit(Event::TaskWrapup { task, reason: None }),
                false => self.emit(Event::TaskCompleted { task, reason: Some("hangup".to_owned()) }),
            }
        }
        true
    }
}
