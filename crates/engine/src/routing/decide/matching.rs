//! Who gets what: every task that can be offered is offered before a decision ends.
//!
//! Before a command no free worker had a task to take. So after it only two kinds of pair can be new: a worker who
//! changed with any waiting task, and a task that changed with any free worker. Both are remembered as dirty while
//! events are applied; nothing else is looked at. Workers go first: a task that waits longer than the new one is
//! found through its worker.

use super::*;
use crate::routing::bitmap::Bitmap;
use crate::routing::model::*;
use crate::routing::state::TaskState;
use crate::routing::waiting::{Gate, Place, Rank, gate};
use crate::routing::workflow::Target;
use crate::routing::workspace::call_of;
use std::time::Duration;

/// With at most this many candidates they are sorted; with more the free workers are walked in their order.
const CANDIDATES_SORTED_MAX: usize = 64;

impl Deciding<'_> {
    /// Offers everything that can be offered.
    pub(super) fn settle(&mut self) {
        loop {
            self.settle_workers();
            match self.ws.index.dirty.tasks.pop_first() {
                Some((_, task)) => drop(self.offer(task)),
                None => break,
            }
        }
    }

    /// Gives every worker who changed the best tasks that wait for them.
    pub(super) fn settle_workers(&mut self) {
        while let Some(worker) = self.ws.index.dirty.workers.pop_first() {
            while let Some(task) = self.best_for(worker) {
                if self.offer(task) == 0 {
                    break;
                }
            }
        }
    }

    /// The first in line of all tasks that this worker could take now.
    pub(in crate::routing) fn best_for(&self, sid: WorkerSid) -> Option<TaskSid> {
        self.ws.best_for(sid, self.now)
    }

    /// Reserves the best workers for a pending task; how many.
    pub(super) fn offer(&mut self, sid: TaskSid) -> usize {
        let Some(place) = self.ws.index.waiting.places.get(&sid).cloned() else { return 0 };
        let task = self.ws.state.task(sid);
        let most =
            place.queue.and_then(|queue| self.ws.task_queue(queue)).map_or(1, |q| q.max_reserved_workers);
        let chosen = self.ws.choose(task, &place, most as usize, self.now);
        for worker in &chosen {
            self.reserve(sid, *worker);
        }
        chosen.len()
    }

    pub(super) fn reserve(&mut self, sid: TaskSid, worker: WorkerSid) {
        let entry = self.ws.state.task(sid);
        let (task, transfer) = (entry.task.clone(), entry.transfer);
        let workflow = self.ws.state.workflows.get(&task.workflow);
        let timeout = workflow.map_or(Duration::from_secs(120), |w| w.task_reservation_timeout);
        let parks = transfer.is_some_and(|transfer| self.ws.state.transfer(transfer).is_park());
        let timeout = if parks { timeout.max(self.park_time()) } else { timeout };
        // A phone far away may ring for longer than an agent is asked.
        let calls_out = transfer.is_none()
            && self.ws.state.policy_on(task.channel).is_some()
            && self.ws.state.is_call_of(&task, worker);
        let timeout = if calls_out { timeout.max(ATTEMPT_TIME_MIN) } else { timeout };
        let reservation = Reservation {
            sid: ReservationSid::generate_at(self.now, self.entropy),
            task: sid,
            worker,
            status: ReservationStatus::Pending,
            queue: task.queue,
            expires: Some(self.now + timeout),
            timeout,
            previous_activity: self.ws.state.worker(worker).activity,
            voice: None,
            instruction: None,
            canceled_reason_code: None,
            lease: None,
            transfer,
            moved_to: None,
            version: 0,
            created: self.now,
            updated: self.now,
        };
        let callback = workflow.and_then(|w| {
            Some((w.assignment_callback_url.clone()?, w.fallback_assignment_callback_url.clone()))
        });
        let made = reservation.sid;
        self.emit(Event::ReservationCreated { reservation });
        let queue = task.queue.and_then(|queue| self.ws.task_queue(queue));
        if let Some(activity) =
            queue.and_then(|q| q.reservation_activity).filter(|_| self.is_single_tasking())
        {
            self.set_activity(worker, activity);
        }
        self.keep_ready(worker);
        if let Some((url, fallback)) = callback {
            let parameters = self.assignment_parameters(self.ws.state.reservation(made));
            self.effects.push(Effect::AssignmentCallback { reservation: made, url, fallback, parameters });
        } else if !parks {
            self.ring(made, &task);
        }
    }

    /// Under a voice policy the worker's phone rings for a call that waits, unless an application is asked instead.
    fn ring(&mut self, sid: ReservationSid, task: &Task) {
        let rings = self.ws.state.policy_on(task.channel).is_some_and(|policy| policy.ring_phone);
        if !rings || call_of(&task.attributes).is_none() {
            return;
        }
        let offer = self.offer_of(sid);
        if offer.contact_uri.is_none() {
            return;
        }
        let until = self.now + offer.timeout;
        self.emit(Event::ReservationInstructed { reservation: sid, kind: InstructionKind::Ring, until });
        self.effects.push(Effect::Voice(VoiceOrder::Ring(offer)));
    }
}

impl Workspace {
    /// The first in line of all tasks that a worker could take now.
    pub(in crate::routing) fn best_for(&self, sid: WorkerSid, now: Timestamp) -> Option<TaskSid> {
        let entry = self.state.workers.get(&sid)?;
        if !self.index.is_in_any_pool(entry.slot) {
            return None;
        }
        let values = self.index.values_of(entry.slot);
        let mut best: Option<(Rank, TaskSid)> = None;
        let queues = self.index.crowded_queues_of(entry.slot).into_iter().map(Some).chain([None]);
        for lanes in queues.filter_map(|queue| self.index.waiting.lanes.get(&queue)) {
            for (gate, pool, lane) in lanes.for_worker(sid, &values) {
                let better = |first: &(Rank, TaskSid)| best.is_none_or(|best| *first < best);
                if !lane.first().is_some_and(better) || !self.index.is_free(pool, entry.slot) {
                    continue;
                }
                let first = lane
                    .iter()
                    .take_while(|entry| better(entry))
                    .find(|(_, task)| !is_cooling(self.state.task(*task), sid, now));
                if let Some(first) = first
                    && self.passes(gate, &self.state.task(first.1).task, &entry.worker)
                {
                    best = Some(*first);
                }
            }
        }
        best.map(|(_, task)| task)
    }

    /// Whether the target's expression lets the worker through.
    fn passes(&self, gate: &Gate, task: &Task, worker: &Worker) -> bool {
        match gate {
            Gate::Open | Gate::Known(_, None) => true,
            Gate::Nobody => false,
            Gate::Known(_, Some(_)) | Gate::Equal { .. } | Gate::Where(_) => {
                let expression = self.index.target(task).and_then(|target| target.expression.as_ref());
                expression.is_none_or(|expression| self.state.pair_matches(task, worker, expression))
            }
        }
    }

    /// The workers of a target's queue who fit it, whatever they do at the moment.
    pub(in crate::routing) fn fitting(&self, task: &Task, target: &Target, step: Step) -> Vec<WorkerSid> {
        let fits = |sid: &WorkerSid| {
            let Some(known) = self.state.workers.get(sid) else { return false };
            let matches = |e| self.state.pair_matches(task, &known.worker, e);
            self.index.is_eligible(target.queue, known.slot) && target.expression.as_ref().is_none_or(matches)
        };
        match gate(task, target, step, self.index.named(&self.state, task, target)) {
            Gate::Nobody => Vec::new(),
            Gate::Known(worker, _) => Some(worker).filter(fits).into_iter().collect(),
            Gate::Equal { path, key, .. } => {
                let filed = self.index.filed_under(&path, &key).map(Bitmap::iter);
                filed
                    .into_iter()
                    .flatten()
                    .filter_map(|slot| self.index.worker_at(slot))
                    .filter(fits)
                    .collect()
            }
            Gate::Open | Gate::Where(_) => self.index.eligible(target.queue).filter(fits).collect(),
        }
    }

    /// The best `most` workers for a task in its place, best first.
    pub(in crate::routing) fn choose(
        &self,
        entry: &TaskState,
        place: &Place,
        most: usize,
        now: Timestamp,
    ) -> Vec<WorkerSid> {
        let task = &entry.task;
        let Some(queue) = place.queue else { return self.choose_target(entry, place, now) };
        let fits = |sid: WorkerSid| {
            !is_cooling(entry, sid, now) && self.passes(&place.gate, task, self.state.worker(sid))
        };
        let candidates = match &place.gate {
            Gate::Nobody => return Vec::new(),
            Gate::Known(worker, _) => {
                let Some(known) = self.state.workers.get(worker) else { return Vec::new() };
                let may =
                    self.index.is_eligible(queue, known.slot) && self.index.is_free(place.pool, known.slot);
                return (may && fits(*worker)).then_some(*worker).into_iter().collect();
            }
            Gate::Equal { path, key, .. } => match self.index.filed_under(path, key) {
                Some(filed) => filed.and(&self.index.candidates(queue, place.pool)),
                None => return Vec::new(),
            },
            Gate::Open | Gate::Where(_) => self.index.candidates(queue, place.pool),
        };
        if candidates.is_empty() {
            return Vec::new();
        }
        if let Some(order_by) = self.index.target(task).and_then(|target| target.order_by.as_ref()) {
            let fitting = self.by_idle_time(&candidates, place).into_iter().filter(|sid| fits(*sid));
            let key = |sid| self.state.with_scope(self.state.worker(sid), |scope| order_by.key(scope));
            let mut keyed: Vec<_> = fitting.map(|sid| (key(sid), sid)).collect();
            order_by.sort(&mut keyed);
            return keyed.into_iter().take(most).map(|(_, sid)| sid).collect();
        }
        let count = candidates.len();
        if count > CANDIDATES_SORTED_MAX
            && let Some(free) = self.index.free(place.pool)
        {
            let mut chosen = Vec::new();
            let mut passed = 0;
            for (_, sid) in free.order.iter().take(count) {
                if candidates.contains(self.state.workers[sid].slot) {
                    passed += 1;
                    if fits(*sid) {
                        chosen.push(*sid);
                        if chosen.len() == most {
                            return chosen;
                        }
                    }
                }
            }
            if passed == count {
                return chosen;
            }
        }
        self.by_idle_time(&candidates, place).into_iter().filter(|sid| fits(*sid)).take(most).collect()
    }

    /// A task that was sent to one worker: no queue has a say, and with `ignore_capacity` nothing else.
    fn choose_target(&self, entry: &TaskState, place: &Place, now: Timestamp) -> Vec<WorkerSid> {
        let Gate::Known(worker, _) = place.gate else { return Vec::new() };
        let Some(known) = self.state.workers.get(&worker) else { return Vec::new() };
        let free = entry.task.ignore_capacity
            || (self.index.is_free(place.pool, known.slot) && !is_cooling(entry, worker, now));
        free.then_some(worker).into_iter().collect()
    }

    fn by_idle_time(&self, candidates: &Bitmap, place: &Place) -> Vec<WorkerSid> {
        let mut order: Vec<_> = candidates
            .iter()
            .filter_map(|slot| Some((self.index.idle_in(place.pool, slot), self.index.worker_at(slot)?)))
            .collect();
        order.sort_unstable();
        order.into_iter().map(|(_, sid)| sid).collect()
    }
}

fn is_cooling(task: &TaskState, worker: WorkerSid, now: Timestamp) -> bool {
    task.cool_downs.iter().any(|(cooling, until)| *cooling == worker && *until > now)
}
