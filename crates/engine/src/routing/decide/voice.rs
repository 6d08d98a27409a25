//! The voice policy at work: parked calls, pick-ups, recalls, and what the voice side reports.
//!
//! A park that nobody picks up is offered back to its agent (`park_recall`, for `recall_ring`). Unanswered, it goes
//! to `park_unanswered`: with `Queue` the agent's reservation completes and the same task is pending in its queue
//! again with priority [`REQUEUE_PRIORITY`] and a fresh time to live, its step's timer restarted, not offered to that
//! agent for a while; with `Continue` the task completes and the call goes on after its `<Enqueue>`.

use super::reservations::illegal;
use super::*;
use crate::routing::model::*;
use crate::routing::workspace::call_of;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// A parked call that nobody picked up goes before everything that waits.
pub(in crate::routing) const REQUEUE_PRIORITY: u32 = 1_000;
/// How long a pick-up may take before the call counts as parked again.
pub(in crate::routing) const PICK_UP_LEASE: Duration = Duration::from_secs(60);

impl Deciding<'_> {
    pub(super) fn voice_report(&mut self, mut report: VoiceReport) -> Decided {
        match &mut report {
            VoiceReport::Connected { reservation, .. }
            | VoiceReport::Declined { reservation }
            | VoiceReport::Failed { reservation, .. }
            | VoiceReport::ConversationEnded { reservation, .. } => {
                *reservation = self.moved(*reservation);
            }
            VoiceReport::CallEnded { .. } => {}
        }
        match report {
            VoiceReport::Connected { reservation, merge } => self.connected(reservation, merge),
            VoiceReport::Declined { reservation } => {
                match self.known_reservation(reservation)?.status {
                    ReservationStatus::Pending => self.reject(reservation, None),
                    _ => self.pick_up_failed(reservation),
                }
                Ok(Answer::Reservation(reservation))
            }
            VoiceReport::Failed { reservation, code, dialled, reason } => {
                self.failed(reservation, code, dialled, reason)
            }
            VoiceReport::CallEnded { task, cause } => {
                self.known_task(task)?;
                self.call_ended(task, cause);
                Ok(Answer::Task(task))
            }
            VoiceReport::ConversationEnded { reservation, post_work_activity } => {
                self.conversation_ended(reservation, post_work_activity)
            }
        }
    }

    /// The reservation that a call is under now: the voice side may not have heard of a colleague's pick-up.
    fn moved(&self, mut sid: ReservationSid) -> ReservationSid {
        // Each was made after the one before it: this ends.
        while let Some(to) = self.ws.reservation(sid).and_then(|r| r.moved_to) {
            sid = to;
        }
        sid
    }

    /// Agent and caller talk.
    fn connected(&mut self, sid: ReservationSid, merge: Map<String, Value>) -> Decided {
        let reservation = self.known_reservation(sid)?;
        let (task, worker) = (reservation.task, reservation.worker);
        match (reservation.status, reservation.voice) {
            (ReservationStatus::Pending, _) => {
                self.give_up_attempts(worker, sid);
                self.park_live_of(worker, sid);
                self.merge_attributes(task, merge);
                self.accept(sid);
            }
            (ReservationStatus::Accepted, Some(VoiceState::PickingUp { by, parked_since, .. })) => {
                self.give_up_attempts(by, sid);
                self.park_live_of(by, sid);
                self.picked_up_attributes(task, parked_since, merge);
                self.picked_up(sid, by);
            }
            (ReservationStatus::Accepted, Some(VoiceState::Live { .. }) | None) => {
                self.merge_attributes(task, merge)
            }
            (from, _) => return Err(illegal(sid, from, ReservationStatus::Accepted)),
        }
        Ok(Answer::Reservation(sid))
    }

    /// A parked call talks to `by`: its own agent, or a colleague who has a reservation of their own from now on.
    fn picked_up(&mut self, sid: ReservationSid, by: WorkerSid) {
        let owner = self.ws.state.reservation(sid).clone();
        if owner.worker == by {
            self.emit(Event::CallPickedUp { reservation: sid, moved_to: None });
            self.keep_ready(by);
            return;
        }
        let moved = Reservation {
            sid: ReservationSid::generate_at(self.now, self.entropy),
            worker: by,
            status: ReservationStatus::Pending,
            previous_activity: self.ws.state.worker(by).activity,
            expires: Some(self.now + owner.timeout),
            voice: None,
            instruction: None,
            lease: None,
            transfer: None,
            moved_to: None,
            version: 0,
            created: self.now,
            updated: self.now,
            ..owner.clone()
        };
        let moved_to = moved.sid;
        self.emit(Event::ReservationCreated { reservation: moved });
        self.emit(Event::ReservationAccepted { reservation: moved_to });
        self.emit(Event::ReservationCompleted { reservation: sid });
        self.emit(Event::CallPickedUp { reservation: sid, moved_to: Some(moved_to) });
        self.keep_ready(owner.worker);
        self.keep_ready(by);
    }

    fn failed(&mut self, sid: ReservationSid, code: u32, dialled: Option<u32>, reason: String) -> Decided {
        let reservation = self.known_reservation(sid)?;
        match (reservation.status, reservation.instruction) {
            // They are busy, or the worker has hung up: nobody is offered it again.
            (ReservationStatus::Pending, Some(InstructionKind::Ring))
                if self.ws.state.is_own_attempt(reservation) =>
            {
                self.end_attempt(sid, &reason);
            }
            // The phone could not be rung; the offer stands until its own timeout and can be taken elsewhere.
            (ReservationStatus::Pending, Some(InstructionKind::Ring)) => {}
            (ReservationStatus::Pending, _) => {
                self.cancel_offer(sid, dialled.or(Some(code)));
                self.effects.push(Effect::Notify { code, message: reason, resource: sid.to_string() });
            }
            _ => self.pick_up_failed(sid),
        }
        Ok(Answer::Reservation(sid))
    }

    /// A call that its worker makes is over before anybody answered it.
    pub(super) fn end_attempt(&mut self, sid: ReservationSid, reason: &str) {
        let task = self.ws.state.reservation(sid).task;
        self.cancel_reservations(task, None);
        self.emit(Event::TaskCanceled { task, reason: reason.to_owned() });
    }

    /// Under a voice policy, who takes a call gives up the one that they are making: nothing is parked for it.
    pub(super) fn give_up_attempts(&mut self, worker: WorkerSid, taken: ReservationSid) {
        let state = &self.ws.state;
        if state.policy_on(state.task(state.reservation(taken).task).task.channel).is_none() {
            return;
        }
        let attempts: Vec<_> = (self.ws.index.open_reservations_of(worker).into_iter())
            .filter(|sid| *sid != taken && state.is_own_attempt(state.reservation(*sid)))
            .collect();
        for attempt in attempts {
            self.end_attempt(attempt, "given up for another call");
        }
    }

    /// A pick-up came to nothing: parked again, or, when it was a recall, to where unanswered parks go.
    fn pick_up_failed(&mut self, sid: ReservationSid) {
        match self.ws.state.reservation(sid).voice {
            Some(VoiceState::PickingUp { recalled: true, .. }) => self.park_unanswered(sid),
            Some(VoiceState::PickingUp { .. }) => self.park_again(sid),
            _ => {}
        }
    }

    /// Back to the music, with a new recall; or to whoever transferred the call and still has it.
    pub(super) fn park_again(&mut self, sid: ReservationSid) {
        let reservation = self.ws.state.reservation(sid);
        let Some(VoiceState::PickingUp { by, .. }) = reservation.voice else { return };
        let (worker, task, transfer) = (reservation.worker, reservation.task, reservation.transfer);
        if self.is_shared(task) {
            self.complete(sid, None);
            if let Some(transfer) = transfer.filter(|transfer| self.ws.transfer(*transfer).is_some()) {
                self.hand_back(transfer);
            }
            return;
        }
        self.emit(Event::CallParked { reservation: sid, recall: self.now + self.policy().park_recall });
        self.keep_ready(worker);
        self.keep_ready(by);
    }

    /// The policy, or what it would be: calls that were parked under one end by its times.
    pub(super) fn policy(&self) -> VoicePolicy {
        self.ws.state.settings.voice_policy.clone().unwrap_or_default()
    }

    /// The caller has gone, or was moved elsewhere.
    fn call_ended(&mut self, task: TaskSid, cause: CallEnd) {
        if self.call_ended_in_transfer(task) {
            return;
        }
        match self.ws.state.task(task).task.status {
            TaskStatus::Pending | TaskStatus::Reserved => {
                let reason = match cause {
                    CallEnd::Hangup => "hangup",
                    CallEnd::Redirected => "redirected",
                    CallEnd::Left => "left",
                };
                self.cancel_reservations(task, None);
                self.emit(Event::TaskCanceled { task, reason: reason.to_owned() });
            }
            TaskStatus::Assigned => {
                let accepted: Vec<_> = (self.ws.state.open_reservations(task))
                    .filter(|r| r.status == ReservationStatus::Accepted)
                    .map(|r| (r.sid, r.voice))
                    .collect();
                for (sid, voice) in accepted {
                    match (voice, cause) {
                        (Some(VoiceState::Parked { since, .. }), CallEnd::Hangup) => self.hung_up(sid, since),
                        (Some(VoiceState::PickingUp { parked_since, .. }), CallEnd::Hangup) => {
                            self.hung_up(sid, parked_since);
                        }
                        // Moved by the API while parked: somebody else has the call now.
                        (Some(VoiceState::Parked { .. } | VoiceState::PickingUp { .. }), _) => {
                            self.end_offer(sid, Event::ReservationCompleted { reservation: sid });
                        }
                        _ => self.end_conversation(sid),
                    }
                }
                self.over_if_nobody_has_it(task);
            }
            _ => {}
        }
    }

    /// Nobody talks on an assigned task any more, and nobody has it parked: it wraps up with the agents who do, or is over.
    fn over_if_nobody_has_it(&mut self, task: TaskSid) {
        let assigned = self.ws.state.tasks.get(&task).is_some_and(|t| t.task.status == TaskStatus::Assigned);
        if !assigned || self.is_live(task) {
            return;
        }
        let wrapping = self.ws.state.open_reservations(task).next().is_some();
        match wrapping {
            true => self.emit(Event::TaskWrapup { task, reason: None }),
            false => self.emit(Event::TaskCompleted { task, reason: Some("redirected".to_owned()) }),
        }
    }

    /// Hung up while parked: the agent gets a notice, in wrap-up, that goes by itself.
    fn hung_up(&mut self, sid: ReservationSid, parked_since: Timestamp) {
        let task = self.ws.state.reservation(sid).task;
        let held = self.conversation(task, parked_since, Some("Hangup While Parked"));
        self.merge_attributes(task, held);
        let before = self.ws.state.reservation(sid).voice;
        let until = self.now + self.policy().hangup_notice;
        self.emit(Event::CallHungUpWhileParked { reservation: sid, until });
        self.wrap(sid);
        if let Some(VoiceState::PickingUp { by, .. }) = before {
            self.effects.push(Effect::Voice(VoiceOrder::Withdraw { reservation: sid }));
            self.keep_ready(by);
        }
    }

    fn conversation_ended(&mut self, sid: ReservationSid, post_work: Option<PostWork>) -> Decided {
        let reservation = self.known_reservation(sid)?;
        let worker = reservation.worker;
        let talks = matches!(reservation.voice, Some(VoiceState::Live { .. }) | None);
        if reservation.status == ReservationStatus::Accepted && talks {
            self.end_conversation(sid);
            match post_work {
                Some(PostWork { activity, .. }) if self.ws.state.activities.contains_key(&activity) => {
                    self.set_activity(worker, activity);
                }
                // The conversation is over whatever the activity.
                Some(PostWork { activity, code }) => {
                    let message = format!("post-work activity {activity} does not exist");
                    self.effects.push(Effect::Notify { code, message, resource: sid.to_string() });
                }
                None => {}
            }
        }
        Ok(Answer::Reservation(sid))
    }

    /// Wrap up, or complete in a single-tasking workspace.
    pub(super) fn end_conversation(&mut self, sid: ReservationSid) {
        match self.is_single_tasking() {
            true => self.complete(sid, None),
            false => self.wrap(sid),
        }
    }

    // ---- parking -------------------------------------------------------------------------------------------------

    /// The worker's longest live call, if another may only go live when it is parked.
    pub(super) fn live_to_park(
        &self,
        worker: WorkerSid,
        except: ReservationSid,
    ) -> Option<(ReservationSid, TaskSid, CallSid)> {
        let state = &self.ws.state;
        let policy = state.settings.voice_policy.as_ref().filter(|policy| policy.accept_parks_live)?;
        if !state.is_voice(state.task(state.reservation(except).task).task.channel) {
            return None;
        }
        let live_max = self.ws.worker(worker)?.voice.live_max.unwrap_or(policy.live_max) as usize;
        let live: Vec<_> = (self.ws.reservations_of(worker))
            .filter(|r| r.sid != except && r.status == ReservationStatus::Accepted)
            .filter(|r| matches!(r.voice, Some(VoiceState::Live { .. })))
            // Two agents and a caller are not parked by one of them.
            .filter(|r| !self.is_shared(r.task))
            .collect();
        let first = live.first().filter(|_| live.len() >= live_max)?;
        Some((first.sid, first.task, call_of(&state.task(first.task).task.attributes)?))
    }

    /// Refuses a call that could only go live beside too many others.
    pub(super) fn check_can_go_live(&self, sid: ReservationSid, worker: WorkerSid) -> Decided<()> {
        if self.live_to_park(worker, sid).is_none() {
            return Ok(());
        }
        let load = self.ws.index.voice_load(&self.ws.state, worker);
        let own = &self.ws.state.worker(worker).voice;
        let parked_max = own.parked_max.unwrap_or(self.policy().parked_max);
        // A parked call that is picked up makes room for the one it replaces.
        let leaving = self.ws.state.reservation(sid);
        let makes_room = leaving.worker == worker && matches!(leaving.voice, Some(VoiceState::Parked { .. }));
        if load.parked.saturating_sub(u32::from(makes_room)) >= parked_max {
            return Err(RoutingError::refused(format!(
                "Worker {worker} already has {parked_max} parked calls"
            )));
        }
        Ok(())
    }

    /// Parks the worker's live call because `sid` is about to go live, and tells the voice side.
    pub(super) fn park_live_of(&mut self, worker: WorkerSid, sid: ReservationSid) {
        if let Some((reservation, task, call)) = self.live_to_park(worker, sid) {
            self.park_quietly(reservation);
            let order = VoiceOrder::Park { reservation, task, call, keep_agent: true };
            self.effects.push(Effect::Voice(order));
        }
    }

    /// Parks a live call without an order: another order says so.
    fn park_quietly(&mut self, sid: ReservationSid) {
        let (task, worker) = {
            let reservation = self.ws.state.reservation(sid);
            (reservation.task, reservation.worker)
        };
        let conversation = self.conversation(task, self.now, Some("Parked Call"));
        self.merge_attributes(task, conversation);
        self.emit(Event::CallParked { reservation: sid, recall: self.now + self.policy().park_recall });
        self.keep_ready(worker);
    }

    /// `conversations` with its ID, the time parked so far, and the outcome.
    fn conversation(
        &self,
        task: TaskSid,
        parked_since: Timestamp,
        outcome: Option<&str>,
    ) -> Map<String, Value> {
        let attributes = &self.ws.state.task(task).task.attributes;
        let mut conversations = match attributes.map().get("conversations") {
            Some(Value::Object(conversations)) => conversations.clone(),
            _ => Map::new(),
        };
        conversations.entry("conversation_id").or_insert_with(|| json!(task.to_string()));
        let parked = self.now.since(parked_since).as_secs();
        let held = conversations.get("hold_time").and_then(Value::as_u64).unwrap_or(0);
        if parked > 0 || outcome.is_none() {
            conversations.insert("hold_time".to_owned(), json!(held + parked));
        }
        match outcome {
            Some(outcome) => drop(conversations.insert("outcome".to_owned(), json!(outcome))),
            None => drop(conversations.shift_remove("outcome")),
        }
        Map::from_iter([("conversations".to_owned(), Value::Object(conversations))])
    }

    fn picked_up_attributes(&mut self, task: TaskSid, parked_since: Timestamp, merge: Map<String, Value>) {
        let mut all = self.conversation(task, parked_since, None);
        all.extend(merge);
        self.merge_attributes(task, all);
    }

    /// An accepted phone call under the policy, or why it is none.
    fn call_under_policy(&self, sid: ReservationSid) -> Decided<(&Reservation, CallSid)> {
        let reservation = self.known_reservation(sid)?;
        let task = &self.ws.state.task(reservation.task).task;
        if self.ws.state.policy_on(task.channel).is_none() {
            return Err(RoutingError::refused(format!(
                "Reservation {sid} is not a call under a voice policy"
            )));
        }
        match call_of(&task.attributes) {
            Some(call) => Ok((reservation, call)),
            None => Err(RoutingError::refused(format!("Task {} has no call_sid", task.sid))),
        }
    }

    pub(super) fn park(&mut self, sid: ReservationSid) -> Decided {
        let (reservation, call) = self.call_under_policy(sid)?;
        let (task, worker) = (reservation.task, reservation.worker);
        match (reservation.status, reservation.voice) {
            (ReservationStatus::Accepted, Some(VoiceState::Live { .. })) if self.is_shared(task) => {
                return Err(RoutingError::refused(format!("Task {task} is being transferred")));
            }
            (ReservationStatus::Accepted, Some(VoiceState::Live { .. })) => {}
            (ReservationStatus::Accepted, Some(VoiceState::Parked { .. })) => {
                return Ok(Answer::Reservation(sid));
            }
            (status, _) => {
                let status = status.as_str();
                return Err(RoutingError::refused(format!(
                    "Reservation {sid} is {status} and cannot be parked"
                )));
            }
        }
        let parked_max = self.ws.state.worker(worker).voice.parked_max.unwrap_or(self.policy().parked_max);
        if self.ws.index.voice_load(&self.ws.state, worker).parked >= parked_max {
            return Err(RoutingError::refused(format!(
                "Worker {worker} already has {parked_max} parked calls"
            )));
        }
        self.park_quietly(sid);
        let order = VoiceOrder::Park { reservation: sid, task, call, keep_agent: false };
        self.effects.push(Effect::Voice(order));
        Ok(Answer::Reservation(sid))
    }

    pub(super) fn pick_up(&mut self, sid: ReservationSid, by: WorkerSid) -> Decided {
        let (reservation, _) = self.call_under_policy(sid)?;
        let (owner, status, voice) = (reservation.worker, reservation.status, reservation.voice);
        self.known_worker(by)?;
        let recalled = match (status, voice) {
            (ReservationStatus::Accepted, Some(VoiceState::Parked { .. })) => false,
            // Asked twice: the first is under way. A recall is answered by picking up.
            (_, Some(VoiceState::PickingUp { by: other, recalled, .. })) if other == by => recalled,
            (_, Some(VoiceState::PickingUp { .. })) => {
                return Err(RoutingError::refused(format!(
                    "Reservation {sid} is being picked up by a colleague"
                )));
            }
            _ => return Err(RoutingError::refused(format!("Reservation {sid} is not parked"))),
        };
        if let Some(VoiceState::PickingUp { .. }) = voice
            && !recalled
        {
            return Ok(Answer::Reservation(sid));
        }
        if owner != by && !self.policy().colleague_pickup {
            return Err(RoutingError::refused(format!(
                "Worker {by} may not pick up a call that {owner} parked"
            )));
        }
        let activity = self.ws.state.worker(by).activity;
        if !self.ws.state.activity_available(activity) {
            return Err(RoutingError::refused(format!(
                "Worker {by} must change to an available activity first"
            )));
        }
        let load = self.ws.index.voice_load(&self.ws.state, by);
        if load.picking > u32::from(recalled) {
            return Err(RoutingError::refused(format!("Worker {by} is picking up another call")));
        }
        self.check_can_go_live(sid, by)?;
        self.fetch(sid, by, false, PICK_UP_LEASE, true);
        Ok(Answer::Reservation(sid))
    }

    /// A call starts on its way to `by`; with `park`, the live call is parked in the same movement.
    fn fetch(&mut self, sid: ReservationSid, by: WorkerSid, recalled: bool, within: Duration, park: bool) {
        let offer = Offer { timeout: within, ..self.offer_to(sid, by) };
        if let Some((live, ..)) = offer.park.filter(|_| park) {
            self.park_quietly(live);
        }
        let until = self.now + within;
        self.emit(Event::CallPickingUp { reservation: sid, by, recalled, until });
        self.keep_ready(self.ws.state.reservation(sid).worker);
        self.keep_ready(by);
        self.effects.push(Effect::Voice(VoiceOrder::PickUp { offer, recalled }));
    }

    pub(super) fn answer_and_park(&mut self, sid: ReservationSid) -> Decided {
        let (reservation, _) = self.call_under_policy(sid)?;
        let (status, worker) = (reservation.status, reservation.worker);
        if status != ReservationStatus::Pending {
            return Err(illegal(sid, status, ReservationStatus::Accepted));
        }
        self.check_can_go_live(sid, worker)?;
        self.give_up_attempts(worker, sid);
        let offer = Offer { timeout: PICK_UP_LEASE, ..self.offer_of(sid) };
        if let Some((live, ..)) = offer.park {
            self.park_quietly(live);
        }
        self.accept(sid);
        let until = self.now + PICK_UP_LEASE;
        self.emit(Event::CallPickingUp { reservation: sid, by: worker, recalled: false, until });
        self.keep_ready(worker);
        self.effects.push(Effect::Voice(VoiceOrder::PickUp { offer, recalled: false }));
        Ok(Answer::Reservation(sid))
    }

    // ---- timers --------------------------------------------------------------------------------------------------

    /// A park has lasted long enough: it is offered back to its agent, or goes where unanswered parks go.
    pub(super) fn recall(&mut self, sid: ReservationSid) {
        let reservation = self.ws.state.reservation(sid);
        let worker = reservation.worker;
        let present = self.ws.state.activity_available(self.ws.state.worker(worker).activity);
        if present {
            self.fetch(sid, worker, true, self.policy().recall_ring, false);
        } else {
            self.park_unanswered(sid);
        }
    }

    /// A recall that nobody answered.
    pub(super) fn park_unanswered(&mut self, sid: ReservationSid) {
        match self.policy().park_unanswered {
            ParkUnanswered::Continue => {
                // `complete` lets a parked call go on after its `<Enqueue>`.
                self.complete(sid, Some("Parked call was not picked up".to_owned()));
            }
            ParkUnanswered::Queue => self.requeue(sid),
        }
    }

    /// A parked call goes back to its queue, and its agent is done with it.
    pub(super) fn return_to_queue(&mut self, sid: ReservationSid) -> Decided {
        let (reservation, _) = self.call_under_policy(sid)?;
        match (reservation.status, reservation.voice) {
            (ReservationStatus::Accepted, Some(VoiceState::Parked { .. })) => self.requeue(sid),
            _ => return Err(RoutingError::refused(format!("Reservation {sid} is not parked"))),
        }
        Ok(Answer::Reservation(sid))
    }

    fn requeue(&mut self, sid: ReservationSid) {
        let task = self.ws.state.reservation(sid).task;
        let entry = self.ws.state.task(task);
        let call = call_of(&entry.task.attributes);
        let step = entry.task.step;
        let target = self.ws.index.target(&entry.task);
        let timeout = target.and_then(|target| target.timeout);
        self.end_offer(sid, Event::ReservationCompleted { reservation: sid });
        self.emit(Event::CallRequeued { reservation: sid, task, priority: REQUEUE_PRIORITY });
        if let Some(step) = step {
            let until = timeout.map(|timeout| self.now + timeout);
            let step = Step { entered: self.now, until, ..step };
            self.emit(Event::WorkflowTargetMatched { task, step, priority: None });
        }
        if let Some(call) = call {
            self.effects.push(Effect::Voice(VoiceOrder::Requeue { task, call }));
        }
    }

    /// After a restart: tasks of calls that did not survive are settled as if their callers had hung up.
    pub(super) fn settle_lost_calls(&mut self, alive: &[CallSid]) -> Answer {
        let alive: std::collections::BTreeSet<_> = alive.iter().collect();
        let lost: Vec<TaskSid> = (self.ws.state.tasks.values())
            .filter(|t| !t.task.status.is_terminal())
            .filter(|t| call_of(&t.task.attributes).is_some_and(|call| !alive.contains(&call)))
            .map(|t| t.task.sid)
            .collect();
        for task in lost {
            self.call_ended(task, CallEnd::Hangup);
        }
        Answer::Done
    }
}
