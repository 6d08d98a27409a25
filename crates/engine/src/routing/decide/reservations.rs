//! Reservations: accepted, rejected, timed out, wrapped up, completed (reference: TaskRouter §5.1-5.3).

use super::*;
use crate::routing::model::*;
use crate::routing::workspace::call_of;

impl Deciding<'_> {
    pub(super) fn known_reservation(&self, sid: ReservationSid) -> Decided<&Reservation> {
        self.ws.reservation(sid).ok_or_else(|| RoutingError::missing(sid))
    }

    pub(super) fn is_single_tasking(&self) -> bool {
        !self.ws.state.settings.multi_task_enabled
    }

    pub(super) fn update_reservation(
        &mut self,
        sid: ReservationSid,
        if_match: Option<u64>,
        status: ReservationStatus,
        activity: Option<ActivitySid>,
    ) -> Decided {
        let reservation = self.known_reservation(sid)?;
        matching(if_match, reservation.version)?;
        if let Some(activity) = activity {
            self.known_activity(activity)?;
        }
        use ReservationStatus::*;
        match (status, self.ws.state.reservation(sid).status) {
            (Accepted, Pending) => self.accept_by_hand(sid)?,
            (Rejected, Pending) => self.reject(sid, activity),
            (Wrapping, Accepted) => self.wrap(sid),
            (Completed, Accepted | Wrapping) => self.complete(sid, None),
            (to, from) => return Err(illegal(sid, from, to)),
        }
        Ok(Answer::Reservation(sid))
    }

    /// Accepted over REST or by an SDK: under a voice policy the live call is parked in the same movement.
    fn accept_by_hand(&mut self, sid: ReservationSid) -> Decided<()> {
        let reservation = self.ws.state.reservation(sid);
        let (task, worker) = (reservation.task, reservation.worker);
        self.check_can_go_live(sid, worker)?;
        self.give_up_attempts(worker, sid);
        self.park_live_of(worker, sid);
        let transfer = self.ws.open_transfer(task).map(|transfer| transfer.sid);
        self.accept(sid);
        if let Some(transfer) = transfer {
            self.hand_back(transfer);
        }
        let task = &self.ws.state.task(task).task;
        if self.ws.state.is_voice(task.channel) && call_of(&task.attributes).is_some() {
            let offer = self.offer_of(sid);
            self.effects.push(Effect::Voice(VoiceOrder::Accepted { offer }));
        }
        Ok(())
    }

    /// A pending reservation is accepted; its siblings are rescinded.
    pub(super) fn accept(&mut self, sid: ReservationSid) {
        let reservation = self.ws.state.reservation(sid);
        let (task, worker, queue) = (reservation.task, reservation.worker, reservation.queue);
        self.emit(Event::ReservationAccepted { reservation: sid });
        self.transfer_accepted(task);
        let assignment = queue.and_then(|queue| self.ws.task_queue(queue)?.assignment_activity);
        if let Some(activity) = assignment.filter(|_| self.is_single_tasking()) {
            self.set_activity(worker, activity);
        }
        self.keep_ready(worker);
        let siblings: Vec<_> = (self.ws.state.open_reservations(task))
            .filter(|r| r.status == ReservationStatus::Pending)
            .map(|r| r.sid)
            .collect();
        for sibling in siblings {
            self.end_offer(sibling, Event::ReservationRescinded { reservation: sibling });
        }
    }

    /// Ends an open reservation: the voice side lets go of what it was doing for it, and in a single-tasking
    /// workspace an offer that led to nothing gives the worker their activity back.
    pub(super) fn end_offer(&mut self, sid: ReservationSid, event: Event) {
        let before = self.ws.state.reservation(sid).clone();
        self.emit(event);
        let fetching = match before.voice {
            Some(VoiceState::PickingUp { by, .. }) => Some(by),
            _ => None,
        };
        if before.instruction.is_some() || fetching.is_some() {
            self.effects.push(Effect::Voice(VoiceOrder::Withdraw { reservation: sid }));
        }
        let timed_out = self.ws.state.reservation(sid).status == ReservationStatus::Timeout;
        if before.status == ReservationStatus::Pending && self.is_single_tasking() && !timed_out {
            let known = self.ws.state.activities.contains_key(&before.previous_activity);
            if known && self.ws.worker(before.worker).is_some() {
                self.set_activity(before.worker, before.previous_activity);
            }
        }
        for worker in fetching.into_iter().chain([before.worker]) {
            self.keep_ready(worker);
        }
    }

    pub(super) fn reject(&mut self, sid: ReservationSid, activity: Option<ActivitySid>) {
        let reservation = self.ws.state.reservation(sid);
        let (task, worker) = (reservation.task, reservation.worker);
        self.end_offer(sid, Event::ReservationRejected { reservation: sid });
        if let Some(activity) = activity {
            self.set_activity(worker, activity);
        }
        self.task_back(task);
    }

    pub(super) fn time_out(&mut self, sid: ReservationSid) {
        let reservation = self.ws.state.reservation(sid);
        let (task, worker) = (reservation.task, reservation.worker);
        // A park that nobody picked up, or a far end that does not answer, does not take a worker away from the desk.
        let own = self.ws.state.is_own_park(reservation) || self.ws.state.is_own_attempt(reservation);
        let channel = self.ws.state.task(task).task.channel;
        let stays = self.ws.state.policy_on(channel).is_some_and(|policy| policy.timeout_keeps_activity);
        self.end_offer(sid, Event::ReservationTimeout { reservation: sid });
        if !own && !stays {
            self.set_activity(worker, self.ws.state.settings.timeout_activity);
        }
        self.task_back(task);
    }

    /// A pending reservation is canceled; the task goes to somebody else.
    pub(super) fn cancel_offer(&mut self, sid: ReservationSid, code: Option<u32>) {
        let task = self.ws.state.reservation(sid).task;
        self.end_offer(sid, Event::ReservationCanceled { reservation: sid, code });
        self.task_back(task);
    }

    /// The conversation is over, the work is not.
    pub(super) fn wrap(&mut self, sid: ReservationSid) {
        let before = self.ws.state.reservation(sid).clone();
        self.emit(Event::ReservationWrapup { reservation: sid });
        if let Some(VoiceState::PickingUp { by, .. }) = before.voice {
            self.effects.push(Effect::Voice(VoiceOrder::Withdraw { reservation: sid }));
            self.keep_ready(by);
        }
        self.keep_ready(before.worker);
        if !self.is_live(before.task) {
            self.emit(Event::TaskWrapup { task: before.task, reason: None });
        }
    }

    /// Somebody has the task, or it is being offered or transferred.
    pub(super) fn is_live(&self, task: TaskSid) -> bool {
        let live =
            |r: &Reservation| matches!(r.status, ReservationStatus::Accepted | ReservationStatus::Pending);
        self.ws.open_transfer(task).is_some() || self.ws.state.open_reservations(task).any(live)
    }

    /// The work is over; the task with it unless somebody else is on it.
    pub(super) fn complete(&mut self, sid: ReservationSid, reason: Option<String>) {
        let before = self.ws.state.reservation(sid).clone();
        self.end_offer(sid, Event::ReservationCompleted { reservation: sid });
        self.after_end(&before, reason);
    }

    /// What the end of somebody's reservation means for its task, and for its caller if they were parked.
    fn after_end(&mut self, before: &Reservation, reason: Option<String>) {
        if self.is_over(before.task) {
            self.emit(Event::TaskCompleted { task: before.task, reason });
        } else if before.status == ReservationStatus::Accepted && !self.is_live(before.task) {
            // Whoever transferred it still wraps up.
            self.emit(Event::TaskWrapup { task: before.task, reason: None });
        }
        if is_parked(before) && !self.is_live(before.task) {
            let task = self.ws.state.task(before.task).task.clone();
            self.close_call(&task, true);
        }
    }

    pub(super) fn has_parked_call(&self, task: TaskSid) -> bool {
        self.ws.state.open_reservations(task).any(is_parked)
    }

    pub(super) fn assignment_failed(&mut self, sid: ReservationSid) -> Decided {
        if self.known_reservation(sid)?.status == ReservationStatus::Pending {
            self.cancel_offer(sid, None);
        }
        Ok(Answer::Reservation(sid))
    }

    /// `RejectPendingReservations`: the worker stays in the activity that came with it.
    pub(super) fn reject_pending(&mut self, worker: WorkerSid, activity: Option<ActivitySid>) {
        for sid in self.ws.index.open_reservations_of(worker) {
            if self.ws.state.reservation(sid).status == ReservationStatus::Pending {
                self.reject(sid, activity);
            }
        }
    }

    /// A worker who is about to be deleted: what they were on is over, what they were offered (the answer) goes to
    /// somebody else once they are gone.
    pub(super) fn release_worker(&mut self, worker: WorkerSid) -> Vec<TaskSid> {
        let mut offered = Vec::new();
        for sid in self.ws.index.fetching(worker) {
            self.park_again(sid);
        }
        for sid in self.ws.index.open_reservations_of(worker) {
            let before = self.ws.state.reservation(sid).clone();
            self.end_offer(sid, Event::ReservationCanceled { reservation: sid, code: None });
            if before.status == ReservationStatus::Pending {
                offered.push(before.task);
            } else if self.is_handed_over(before.task) {
                // Where it goes is decided once the worker is gone.
                offered.extend(self.ws.open_transfer(before.task).is_none().then_some(before.task));
            } else {
                self.after_end(&before, Some("Worker deleted".to_owned()));
            }
        }
        offered
    }
}

/// Waits under an agent's name, or is on its way back.
fn is_parked(reservation: &Reservation) -> bool {
    matches!(reservation.voice, Some(VoiceState::Parked { .. } | VoiceState::PickingUp { .. }))
}

/// A transition that does not exist (text: reference TaskRouter §5.1).
pub(super) fn illegal(sid: ReservationSid, from: ReservationStatus, to: ReservationStatus) -> RoutingError {
    let (from, to) = (from.as_str(), to.as_str());
    RoutingError::refused(format!(
        "Reservation {sid} is already in state [{from}] and cannot be updated to [{to}]"
    ))
}
