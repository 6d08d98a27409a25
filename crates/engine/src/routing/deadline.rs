//! Every lease of a workspace: nothing that can wait waits without one.

use super::model::*;
use super::state::TaskState;
use base::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A completed or canceled task can be read this long.
pub(super) const PURGE_AFTER: Duration = Duration::from_secs(5 * 60);
/// The system deletes a task that has been assigned this long.
pub(super) const ASSIGNED_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Whose deadline it is. What is due is read off the state when it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    Reservation(ReservationSid),
    Task(TaskSid),
}

/// The earliest deadline of every task and reservation, in order of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Deadlines {
    by_time: BTreeSet<(Timestamp, Due)>,
    armed: BTreeMap<Due, Timestamp>,
}

impl Deadlines {
    /// Arms, moves or (with `None`) disarms.
    pub fn set(&mut self, due: Due, at: Option<Timestamp>) {
        let before = match at {
            Some(at) => self.armed.insert(due, at),
            None => self.armed.remove(&due),
        };
        if before == at {
            return;
        }
        if let Some(before) = before {
            self.by_time.remove(&(before, due));
        }
        if let Some(at) = at {
            self.by_time.insert((at, due));
        }
    }

    pub fn next(&self) -> Option<Timestamp> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// The first that is due at `now`.
    pub fn due(&self, now: Timestamp) -> Option<Due> {
        self.by_time.first().filter(|(at, _)| *at <= now).map(|(_, due)| *due)
    }
}

/// When a task's time to live ends.
pub(super) fn alive_until(task: &TaskState) -> Timestamp {
    task.alive_from + task.task.timeout
}

/// When a task that somebody took is deleted by the system.
pub(super) fn assigned_until(task: &TaskState) -> Timestamp {
    task.assigned.unwrap_or(task.task.updated) + ASSIGNED_MAX
}

/// The earliest deadline of a task.
pub(super) fn of_task(task: &TaskState) -> Timestamp {
    if let Some(lease) = task.lease.filter(|_| !task.task.status.is_terminal()) {
        let pending = task.task.status == TaskStatus::Pending;
        let cool = task.cool_downs.iter().map(|(_, until)| *until).filter(|_| pending).min();
        return lease.min(assigned_until(task)).min(cool.unwrap_or(lease));
    }
    match task.task.status {
        TaskStatus::Pending => {
            let cool = task.cool_downs.iter().map(|(_, until)| *until).min();
            let step = task.task.step.and_then(|step| step.until);
            [Some(alive_until(task)), step, cool].into_iter().flatten().min().unwrap_or(alive_until(task))
        }
        TaskStatus::Reserved => alive_until(task),
        TaskStatus::Assigned | TaskStatus::Wrapping => assigned_until(task),
        TaskStatus::Completed | TaskStatus::Canceled => task.task.updated + PURGE_AFTER,
    }
}

/// The earliest deadline of a reservation; accepted ones live as long as their task unless a call says otherwise.
pub(super) fn of_reservation(reservation: &Reservation) -> Option<Timestamp> {
    let voice = match reservation.voice {
        Some(VoiceState::Parked { recall, .. }) => Some(recall),
        Some(VoiceState::PickingUp { until, .. } | VoiceState::HungUp { until, .. }) => Some(until),
        Some(VoiceState::Live { .. }) | None => None,
    };
    match reservation.status {
        ReservationStatus::Pending => [reservation.expires, reservation.lease].into_iter().flatten().min(),
        ReservationStatus::Accepted | ReservationStatus::Wrapping => {
            [voice, reservation.lease].into_iter().flatten().min()
        }
        _ => None,
    }
}
