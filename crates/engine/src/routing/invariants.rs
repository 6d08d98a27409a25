//! What must always hold. For tests and simulations: it rebuilds and compares everything.

use super::deadline;
use super::decide::ready::{READY, capacity, is_ready};
use super::index::Index;
use super::model::*;
use super::workspace::Workspace;
use base::*;
use serde_json::Value;

impl Workspace {
    /// Checks everything that must hold between two commands, timers due by `now` having been fired: the leases and
    /// work conservation of [`Workspace::check_promises`], every count, and the indexes against a rebuild.
    pub fn check_invariants(&self, now: Timestamp) -> Result<(), String> {
        self.check_promises(now)?;
        self.check_counts()?;
        match self.index.difference(&Index::build(&self.state)) {
            Some(difference) => Err(difference),
            None => Ok(()),
        }
    }

    /// What is promised at every step: no free eligible worker while an eligible task waits, nothing past its lease,
    /// nothing without one, no task accepted twice, `isAcdReady` and voice capacity as the policy has them.
    pub fn check_promises(&self, now: Timestamp) -> Result<(), String> {
        if self.state.deleted {
            return Ok(());
        }
        for worker in self.state.workers.keys() {
            if let Some(task) = self.best_for(*worker, now) {
                return Err(format!("worker {worker} is free for task {task}, which waits"));
            }
            self.check_worker(*worker)?;
        }
        for entry in self.state.tasks.values() {
            let task = &entry.task;
            let lease = deadline::of_task(entry);
            if lease <= now {
                return Err(format!(
                    "task {} is {} past its lease {lease:?}",
                    task.sid,
                    task.status.as_str()
                ));
            }
            let open = || self.state.open_reservations(task.sid);
            let accepted = open().filter(|r| r.status == ReservationStatus::Accepted).count();
            let pending = open().filter(|r| r.status == ReservationStatus::Pending).count();
            let wrong = match task.status {
                // A transfer leaves the transferor on the task, accepted (warm) or wrapping (cold), and when nobody has
                // it after one that failed, a lease.
                TaskStatus::Pending if entry.transfer.is_some() => pending > 0,
                TaskStatus::Reserved if entry.transfer.is_some() => pending == 0,
                TaskStatus::Pending if !entry.transfers.is_empty() => accepted + pending > 0,
                TaskStatus::Assigned if !entry.transfers.is_empty() => accepted == 0 && entry.lease.is_none(),
                TaskStatus::Pending | TaskStatus::Completed | TaskStatus::Canceled => open().count() > 0,
                TaskStatus::Reserved => pending == 0 || accepted > 0,
                TaskStatus::Assigned => accepted != 1,
                TaskStatus::Wrapping => accepted > 0 || pending > 0,
            };
            let under_way = matches!(task.status, TaskStatus::Pending | TaskStatus::Reserved);
            if entry.transfer.is_some() && (!under_way || entry.lease.is_none()) {
                return Err(format!("task {} is in transfer and {}", task.sid, task.status.as_str()));
            }
            if wrong {
                let status = task.status.as_str();
                return Err(format!(
                    "task {} is {status} with {pending} offers and {accepted} acceptances",
                    task.sid
                ));
            }
            if task.status == TaskStatus::Pending
                && let Some(place) = self.index.waiting.places.get(&task.sid)
                && !self.choose(entry, place, 1, now).is_empty()
            {
                return Err(format!("task {} waits although a worker is free for it", task.sid));
            }
        }
        for reservation in self.state.reservations.values() {
            let lease = deadline::of_reservation(reservation);
            if lease.is_some_and(|lease| lease <= now) {
                return Err(format!("reservation {} is past its lease {lease:?}", reservation.sid));
            }
            if reservation.status == ReservationStatus::Pending && lease.is_none() {
                return Err(format!("reservation {} is pending without a lease", reservation.sid));
            }
        }
        Ok(())
    }

    fn check_worker(&self, sid: WorkerSid) -> Result<(), String> {
        let worker = self.state.worker(sid);
        let Some(policy) = &self.state.settings.voice_policy else { return Ok(()) };
        let Some(channel) = self.task_channel("voice") else { return Ok(()) };
        let load = self.index.voice_load(&self.state, sid);
        let ready = is_ready(self.state.activity_available(worker.activity), load);
        let shown = worker.attributes.map().get(READY);
        if shown != Some(&Value::Bool(ready)) {
            return Err(format!(
                "worker {sid} has isAcdReady {shown:?}, which should be {ready} with {load:?}"
            ));
        }
        let capacity = capacity(policy, &worker.voice, load);
        let configured = worker.channels.get(&channel.sid).map(|of| of.configured_capacity);
        if configured != Some(capacity) {
            return Err(format!(
                "worker {sid} has voice capacity {configured:?}, which should be {capacity}"
            ));
        }
        Ok(())
    }

    fn check_counts(&self) -> Result<(), String> {
        for worker in self.workers() {
            for (channel, of) in &worker.channels {
                let count = |wanted: fn(&Reservation) -> bool| {
                    let open = self.reservations_of(worker.sid).filter(|r| wanted(r));
                    open.filter(|r| self.task(r.task).is_some_and(|task| task.channel == *channel)).count()
                        as u32
                };
                let used = count(Reservation::takes_capacity);
                let assigned = count(|r| r.status == ReservationStatus::Accepted);
                if (of.used_capacity, of.assigned_tasks) != (used, assigned) {
                    return Err(format!(
                        "worker {} counts {} used and {} assigned on {channel}, which are {used} and {assigned}",
                        worker.sid, of.used_capacity, of.assigned_tasks
                    ));
                }
            }
        }
        for reservation in self.state.reservations.values() {
            let known =
                self.task(reservation.task).is_some_and(|t| t.reservations.contains(&reservation.sid));
            if !known {
                return Err(format!("reservation {} belongs to no task", reservation.sid));
            }
        }
        let ours =
            |workflow: &WorkflowSid, revision: &u64| self.index.definition(*workflow, *revision).is_some();
        for entry in self.state.tasks.values().filter(|t| !t.task.status.is_terminal()) {
            if let Some(step) = entry.task.step
                && !ours(&entry.task.workflow, &step.revision)
            {
                return Err(format!("task {} is in a configuration that is gone", entry.task.sid));
            }
        }
        Ok(())
    }
}
