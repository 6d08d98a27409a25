//! What happens when a lease runs out. Every ending that is not the ordinary one is recorded for the operator.

use super::*;
use crate::routing::deadline::{ASSIGNED_MAX, Due, PURGE_AFTER, alive_until, assigned_until};
use crate::routing::model::*;

/// Timers fired by one tick; the rest is due at once in the next.
const FIRED_MAX: usize = 10_000;
pub(super) const EXPIRED: &str = "Task TTL Exceeded";
pub(super) const UNREACHED: &str = "RoutingTarget SLA for Reservation creation was not met";

impl Deciding<'_> {
    /// Fires every timer that is due.
    pub(super) fn tick(&mut self) -> Answer {
        for _ in 0..FIRED_MAX {
            match self.ws.index.deadlines.due(self.now) {
                Some(Due::Reservation(sid)) => self.reservation_due(sid),
                Some(Due::Task(sid)) => self.task_due(sid),
                None => break,
            }
        }
        Answer::Done
    }

    pub(super) fn expired(&mut self, what: String, outcome: &str) {
        self.emit(Event::LeaseExpired { what, outcome: outcome.to_owned() });
    }

    fn task_due(&mut self, sid: TaskSid) {
        let entry = self.ws.state.task(sid);
        let task = &entry.task;
        let over = |at: Option<Timestamp>| at.is_some_and(|at| at <= self.now);
        match task.status {
            status if entry.lease.is_some() && !status.is_terminal() && assigned_until(entry) <= self.now => {
                self.delete_overdue(sid);
            }
            status if !status.is_terminal() && over(entry.lease) => self.transfer_due(sid),
            TaskStatus::Pending if entry.lease.is_some() => {
                self.emit(Event::CoolDownEnded { task: sid });
                self.ws.index.touch_task(sid);
            }
            TaskStatus::Pending | TaskStatus::Reserved if alive_until(entry) <= self.now => {
                let unreached = match task.routing_target {
                    Some(RoutingTarget::Worker(worker)) if task.status == TaskStatus::Pending => Some(worker),
                    _ => None,
                };
                self.expired(format!("task {sid}"), "canceled: its time to live was over");
                self.cancel_task(sid, if unreached.is_some() { UNREACHED } else { EXPIRED });
                if let Some(worker) = unreached.filter(|w| self.ws.state.workers.contains_key(w)) {
                    self.emit(Event::ReservationFailed { task: sid, worker });
                }
            }
            TaskStatus::Pending => {
                let step_over = task.step.and_then(|step| step.until).is_some_and(|until| until <= self.now);
                if step_over {
                    self.step_timed_out(sid);
                } else {
                    self.emit(Event::CoolDownEnded { task: sid });
                    self.ws.index.touch_task(sid);
                }
            }
            TaskStatus::Reserved => {}
            TaskStatus::Assigned | TaskStatus::Wrapping => {
                debug_assert!(entry.assigned.is_none_or(|at| at + ASSIGNED_MAX <= self.now));
                self.delete_overdue(sid);
            }
            TaskStatus::Completed | TaskStatus::Canceled => {
                debug_assert!(task.updated + PURGE_AFTER <= self.now);
                self.emit(Event::TaskPurged { task: sid });
            }
        }
    }

    fn delete_overdue(&mut self, sid: TaskSid) {
        let entry = self.ws.state.task(sid);
        let waits = entry.lease.is_some() || self.has_parked_call(sid);
        let task = entry.task.clone();
        self.expired(format!("task {sid}"), "deleted: assigned for too long");
        self.cancel_reservations(sid, None);
        self.emit(Event::TaskDeleted { task: sid, by_system: true });
        if waits {
            self.close_call(&task, true);
        }
    }

    fn reservation_due(&mut self, sid: ReservationSid) {
        let reservation = self.ws.state.reservation(sid);
        let worker = reservation.worker;
        let over = |at: Option<Timestamp>| at.is_some_and(|at| at <= self.now);
        match (reservation.status, reservation.voice) {
            (ReservationStatus::Pending, _) if over(reservation.lease) => {
                self.expired(format!("instruction of {sid}"), "canceled: it was not carried out in time");
                self.cancel_offer(sid, None);
            }
            (ReservationStatus::Pending, _) => self.time_out(sid),
            (ReservationStatus::Accepted, Some(VoiceState::Parked { recall, .. })) if recall <= self.now => {
                self.expired(format!("park of {sid}"), "recalled to its agent");
                self.recall(sid);
            }
            (ReservationStatus::Accepted, Some(VoiceState::PickingUp { recalled, .. })) => {
                if recalled {
                    self.expired(format!("recall of {sid}"), "not answered");
                    self.park_unanswered(sid);
                } else {
                    self.expired(format!("pick-up of {sid}"), "parked again");
                    self.effects.push(Effect::Voice(VoiceOrder::Withdraw { reservation: sid }));
                    self.park_again(sid);
                }
            }
            (ReservationStatus::Wrapping, Some(VoiceState::HungUp { until, .. })) if until > self.now => {
                self.expired(format!("wrap-up of {sid}"), "over: the notice of the hang-up stays");
                self.emit(Event::CallNoticeLeft { reservation: sid });
                self.keep_ready(worker);
            }
            (ReservationStatus::Wrapping, Some(VoiceState::HungUp { .. })) => {
                self.expired(format!("notice of {sid}"), "completed");
                self.complete(sid, Some("Hangup While Parked".to_owned()));
            }
            (ReservationStatus::Wrapping, _) => {
                self.expired(format!("wrap-up of {sid}"), "completed");
                self.complete(sid, Some("Wrap-up time over".to_owned()));
            }
            _ => {}
        }
    }
}
