//! What can be worked out from the state and is kept so that it need not be: a change touches what it changes.

use super::bitmap::Bitmap;
use super::deadline::{self, Deadlines, Due};
use super::model::*;
use super::scope::task_matches;
use super::state::{State, TaskState};
use super::tally::Tally;
use super::waiting::*;
use super::workflow::{Definition, Target};
use base::*;
use expr::{Context, Expression, ScalarKey, Side};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    /// Worker by slot.
    slots: Vec<Option<WorkerSid>>,
    /// Lower-case friendly name.
    pub by_name: BTreeMap<String, WorkerSid>,
    /// Workers by activity, as slots.
    by_activity: BTreeMap<ActivitySid, Bitmap>,
    queues: BTreeMap<TaskQueueSid, QueueIndex>,
    numbers: Vec<Option<TaskQueueSid>>,
    /// Queue numbers by worker slot.
    memberships: Vec<Bitmap>,
    /// Queue numbers with waiting tasks.
    crowded: Bitmap,
    dependents: Dependents,
    pools: BTreeMap<Pool, Free>,
    /// Pools by worker slot, with the worker's place in each.
    pooled: Vec<Vec<(Pool, Timestamp)>>,
    filed: BTreeMap<Box<str>, Filed>,
    definitions: BTreeMap<(WorkflowSid, u64), Arc<Definition>>,
    /// Unfinished tasks by the configuration they are in.
    users: BTreeMap<(WorkflowSid, u64), usize>,
    direct: Option<Expression>,
    of_worker: BTreeMap<WorkerSid, OfWorker>,
    pub waiting: Waiting,
    pub tally: Tally,
    pub deadlines: Deadlines,
    pub dirty: Dirty,
}

#[derive(Debug, Clone, PartialEq)]
struct QueueIndex {
    number: u32,
    /// `None` matches nobody.
    expression: Option<Expression>,
    /// Worker slots.
    eligible: Bitmap,
}

/// Which queues a change can concern.
#[derive(Debug, Clone, Default, PartialEq)]
struct Dependents {
    attributes: BTreeMap<Box<str>, BTreeSet<TaskQueueSid>>,
    activity: BTreeSet<TaskQueueSid>,
    channels: BTreeSet<TaskQueueSid>,
    name: BTreeSet<TaskQueueSid>,
}

/// Workers with room, longest idle first.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Free {
    pub slots: Bitmap,
    pub order: BTreeSet<(Timestamp, WorkerSid)>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct OfWorker {
    all: BTreeSet<(Timestamp, ReservationSid)>,
    open: BTreeSet<ReservationSid>,
    /// Other workers' parked calls on their way to this one.
    fetching: BTreeSet<ReservationSid>,
}

/// Who may find work, or a worker, since the last look.
#[derive(Debug, Clone, Default)]
pub(super) struct Dirty {
    pub workers: BTreeSet<WorkerSid>,
    pub tasks: BTreeSet<(Rank, TaskSid)>,
}

impl Dirty {
    pub fn clear(&mut self) {
        self.workers.clear();
        self.tasks.clear();
    }
}

/// What a worker has to do with phone calls at this moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct VoiceLoad {
    pub pending: u32,
    /// Calls that the worker makes and nobody has answered yet.
    pub dialing: u32,
    pub live: u32,
    pub parked: u32,
    /// On their way to this worker, own and others'.
    pub picking: u32,
    pub wrapping: u32,
}

impl VoiceLoad {
    /// Voice tasks in any state.
    pub fn tasks(self) -> u32 {
        self.pending + self.dialing + self.live + self.parked + self.picking + self.wrapping
    }
}

impl Index {
    pub fn build(state: &State) -> Self {
        let mut index = Self { direct: direct_expression(&state.settings), ..Self::default() };
        for (sid, revisions) in &state.retired {
            for (revision, text) in revisions {
                index.add_definition(state, *sid, *revision, text);
            }
        }
        for workflow in state.workflows.values() {
            index.add_definition(state, workflow.sid, workflow.revision, &workflow.configuration);
        }
        for worker in state.workers.values() {
            index.add_worker(state, worker.worker.sid);
        }
        for queue in state.queues.values() {
            index.add_queue(state, queue);
        }
        for reservation in state.reservations.values() {
            index.add_reservation(reservation);
            index.arm_reservation(reservation);
        }
        for task in state.tasks.values() {
            index.use_definition(task.task.workflow, task.task.step, &task.task, 1);
            index.arm_task(task);
            index.place(state, task);
        }
        for worker in state.workers.keys() {
            index.refresh(state, *worker);
        }
        index.dirty.clear();
        index
    }

    // ---- workers -------------------------------------------------------------------------------------------------

    /// The lowest free slot.
    pub fn free_slot(&self) -> u32 {
        self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len()) as u32
    }

    pub fn worker_at(&self, slot: u32) -> Option<WorkerSid> {
        self.slots.get(slot as usize).copied().flatten()
    }

    /// A worker that is new in the state.
    pub fn add_worker(&mut self, state: &State, sid: WorkerSid) {
        let entry = &state.workers[&sid];
        let slot = entry.slot;
        while self.slots.len() <= slot as usize {
            self.slots.push(None);
            self.memberships.push(Bitmap::default());
            self.pooled.push(Vec::new());
        }
        self.slots[slot as usize] = Some(sid);
        self.by_name.insert(entry.worker.friendly_name.to_lowercase(), sid);
        self.by_activity.entry(entry.worker.activity).or_default().insert(slot);
        let queues: Vec<TaskQueueSid> = self.queues.keys().copied().collect();
        self.judge(state, &entry.worker, slot, queues);
        self.file(state, &entry.worker, slot);
        self.refresh(state, sid);
        self.name_waiting(state, None);
    }

    /// A worker that is about to leave the state.
    pub fn remove_worker(&mut self, state: &State, sid: WorkerSid) {
        let entry = &state.workers[&sid];
        let slot = entry.slot;
        for queue in self.queues.values_mut() {
            queue.eligible.remove(slot);
        }
        self.memberships[slot as usize] = Bitmap::default();
        self.set_pools(sid, slot, Vec::new());
        for filed in self.filed.values_mut() {
            filed.file(slot, None);
        }
        self.by_name.remove(&entry.worker.friendly_name.to_lowercase());
        self.leave_activity(entry.worker.activity, slot);
        self.slots[slot as usize] = None;
        while self.slots.last() == Some(&None) {
            self.slots.pop();
            self.memberships.pop();
            self.pooled.pop();
        }
        self.dirty.workers.remove(&sid);
    }

    fn leave_activity(&mut self, activity: ActivitySid, slot: u32) {
        if let Some(slots) = self.by_activity.get_mut(&activity) {
            slots.remove(slot);
            if slots.is_empty() {
                self.by_activity.remove(&activity);
            }
        }
    }

    pub fn activity_changed(&mut self, state: &State, sid: WorkerSid, before: ActivitySid) {
        let entry = &state.workers[&sid];
        self.leave_activity(before, entry.slot);
        self.by_activity.entry(entry.worker.activity).or_default().insert(entry.slot);
        let queues: Vec<_> = self.dependents.activity.iter().copied().collect();
        self.judge(state, &entry.worker, entry.slot, queues);
        self.file(state, &entry.worker, entry.slot);
        self.refresh(state, sid);
        self.dirty.workers.insert(sid);
    }

    pub fn renamed(&mut self, state: &State, sid: WorkerSid, before: &str) {
        let entry = &state.workers[&sid];
        self.by_name.remove(&before.to_lowercase());
        self.by_name.insert(entry.worker.friendly_name.to_lowercase(), sid);
        let queues: Vec<_> = self.dependents.name.iter().copied().collect();
        self.judge(state, &entry.worker, entry.slot, queues);
        self.file(state, &entry.worker, entry.slot);
        self.name_waiting(state, Some(sid));
        self.dirty.workers.insert(sid);
    }

    /// Only queues that read a changed attribute are judged again.
    pub fn attributes_changed(&mut self, state: &State, sid: WorkerSid, before: &Attributes) {
        let entry = &state.workers[&sid];
        let (old, new) = (before.map(), entry.worker.attributes.map());
        let changed = new.iter().filter(|(key, value)| old.get(*key) != Some(value)).map(|(key, _)| key);
        let gone = old.keys().filter(|key| !new.contains_key(*key));
        let queues: BTreeSet<TaskQueueSid> = changed
            .chain(gone)
            .filter_map(|key| self.dependents.attributes.get(key.as_str()))
            .flatten()
            .copied()
            .collect();
        self.judge(state, &entry.worker, entry.slot, queues);
        self.file(state, &entry.worker, entry.slot);
        self.dirty.workers.insert(sid);
    }

    /// Load, capacity or availability of a channel changed.
    pub fn load_changed(&mut self, state: &State, sid: WorkerSid) {
        if !self.dependents.channels.is_empty()
            && let Some(entry) = state.workers.get(&sid)
        {
            let queues: Vec<_> = self.dependents.channels.iter().copied().collect();
            self.judge(state, &entry.worker, entry.slot, queues);
        }
        self.refresh(state, sid);
    }

    /// Puts the worker into the pools it has room in, in its place by idle time.
    pub fn refresh(&mut self, state: &State, sid: WorkerSid) {
        let Some(entry) = state.workers.get(&sid) else { return };
        let worker = &entry.worker;
        let mut pools = Vec::new();
        if state.activity_available(worker.activity) {
            for (channel, of) in &worker.channels {
                let policy = state.policy_on(*channel);
                let capacity = match state.settings.multi_task_enabled {
                    true => of.used_capacity < of.configured_capacity,
                    false => self.takes_nothing(state, sid),
                };
                let has_room = of.available && capacity;
                if !has_room {
                    continue;
                }
                let optimized = state.channels.get(channel).is_some_and(|c| c.channel_optimized_routing);
                let idle =
                    if optimized { of.last_reserved.unwrap_or(worker.created) } else { worker.idle_since };
                let (queue, direct) = match policy {
                    None => (true, false),
                    Some(policy) => room(policy, &worker.voice, self.voice_load(state, sid)),
                };
                if queue {
                    pools.push((Pool { channel: *channel, direct: false }, idle));
                }
                if direct {
                    pools.push((Pool { channel: *channel, direct: true }, idle));
                }
            }
        }
        self.set_pools(sid, entry.slot, pools);
    }

    fn set_pools(&mut self, sid: WorkerSid, slot: u32, pools: Vec<(Pool, Timestamp)>) {
        let before = std::mem::replace(&mut self.pooled[slot as usize], pools);
        if before == self.pooled[slot as usize] {
            return;
        }
        for (pool, idle) in before.iter().filter(|entry| !self.pooled[slot as usize].contains(entry)) {
            if let Some(free) = self.pools.get_mut(pool) {
                free.order.remove(&(*idle, sid));
                free.slots.remove(slot);
                if free.slots.is_empty() {
                    self.pools.remove(pool);
                }
            }
        }
        for (pool, idle) in &self.pooled[slot as usize] {
            let free = self.pools.entry(*pool).or_default();
            free.slots.insert(slot);
            free.order.insert((*idle, sid));
            if !before.iter().any(|(p, _)| p == pool) {
                self.dirty.workers.insert(sid);
            }
        }
    }

    /// Judges the worker's membership of these queues.
    fn judge(
        &mut self,
        state: &State,
        worker: &Worker,
        slot: u32,
        queues: impl IntoIterator<Item = TaskQueueSid>,
    ) {
        for sid in queues {
            let Some(queue) = self.queues.get_mut(&sid) else { continue };
            let matches = queue.expression.as_ref().is_some_and(|e| state.worker_matches(worker, e));
            if queue.eligible.set(slot, matches) {
                self.memberships[slot as usize].set(queue.number, matches);
                if matches {
                    self.dirty.workers.insert(worker.sid);
                }
            }
        }
    }

    fn file(&mut self, state: &State, worker: &Worker, slot: u32) {
        for filed in self.filed.values_mut() {
            let key = filed.key_of(state, worker);
            filed.file(slot, key);
        }
    }

    /// Tasks that name a worker who was not there, or was called otherwise.
    pub fn name_waiting(&mut self, state: &State, renamed: Option<WorkerSid>) {
        let stale: Vec<TaskSid> =
            self.waiting.unnamed(renamed).filter(|task| state.tasks.contains_key(task)).collect();
        for task in stale {
            self.place(state, &state.tasks[&task]);
        }
    }

    /// What the worker has to do with phone calls.
    pub fn voice_load(&self, state: &State, sid: WorkerSid) -> VoiceLoad {
        let mut load = VoiceLoad::default();
        let Some(of) = self.of_worker.get(&sid) else { return load };
        load.picking = of.fetching.len() as u32;
        for reservation in of.open.iter().filter_map(|r| state.reservations.get(r)) {
            if !state.tasks.get(&reservation.task).is_some_and(|task| state.is_voice(task.task.channel)) {
                continue;
            }
            match (reservation.status, reservation.voice) {
                (_, Some(VoiceState::HungUp { free: true, .. })) => {}
                (ReservationStatus::Pending, _) if state.is_own_park(reservation) => load.parked += 1,
                (ReservationStatus::Pending, _) if state.is_own_attempt(reservation) => load.dialing += 1,
                (ReservationStatus::Pending, _) => load.pending += 1,
                (ReservationStatus::Wrapping, _) => load.wrapping += 1,
                (_, Some(VoiceState::Parked { .. })) => load.parked += 1,
                (_, Some(VoiceState::PickingUp { by, .. })) if by == sid => load.picking += 1,
                (_, Some(VoiceState::PickingUp { .. })) => load.parked += 1,
                _ => load.live += 1,
            }
        }
        load
    }

    /// None of the worker's reservations takes capacity.
    fn takes_nothing(&self, state: &State, worker: WorkerSid) -> bool {
        let Some(of) = self.of_worker.get(&worker) else { return true };
        !of.open.iter().filter_map(|r| state.reservations.get(r)).any(|r| r.takes_capacity())
    }

    pub fn open_reservations_of(&self, worker: WorkerSid) -> Vec<ReservationSid> {
        self.of_worker.get(&worker).map(|of| of.open.iter().copied().collect()).unwrap_or_default()
    }

    /// Other workers' parked calls on their way to this one.
    pub fn fetching(&self, worker: WorkerSid) -> Vec<ReservationSid> {
        self.of_worker.get(&worker).map(|of| of.fetching.iter().copied().collect()).unwrap_or_default()
    }

    pub fn reservations_of(&self, worker: WorkerSid) -> impl Iterator<Item = ReservationSid> + '_ {
        self.of_worker.get(&worker).into_iter().flat_map(|of| of.all.iter().map(|(_, sid)| *sid))
    }

    // ---- queues --------------------------------------------------------------------------------------------------

    /// A queue that is new in the state, or has another expression.
    pub fn add_queue(&mut self, state: &State, queue: &TaskQueue) {
        self.remove_dependents(queue.sid);
        let number = match self.queues.get(&queue.sid) {
            Some(known) => known.number,
            None => {
                let free = self.numbers.iter().position(Option::is_none).unwrap_or(self.numbers.len());
                if free == self.numbers.len() {
                    self.numbers.push(None);
                }
                self.numbers[free] = Some(queue.sid);
                free as u32
            }
        };
        let expression = Expression::parse(&queue.target_workers, Context::Worker).ok();
        if let Some(expression) = &expression {
            self.depend(queue.sid, expression);
        }
        let before = self.queues.remove(&queue.sid).map(|known| known.eligible).unwrap_or_default();
        let mut eligible = Bitmap::default();
        for entry in state.workers.values() {
            let matches = expression.as_ref().is_some_and(|e| state.worker_matches(&entry.worker, e));
            eligible.set(entry.slot, matches);
            self.memberships[entry.slot as usize].set(number, matches);
            if matches && !before.contains(entry.slot) {
                self.dirty.workers.insert(entry.worker.sid);
            }
        }
        self.queues.insert(queue.sid, QueueIndex { number, expression, eligible });
    }

    pub fn remove_queue(&mut self, sid: TaskQueueSid) {
        self.remove_dependents(sid);
        let Some(queue) = self.queues.remove(&sid) else { return };
        for slot in queue.eligible.iter() {
            self.memberships[slot as usize].remove(queue.number);
        }
        self.numbers[queue.number as usize] = None;
        self.crowded.remove(queue.number);
    }

    fn depend(&mut self, queue: TaskQueueSid, expression: &Expression) {
        for path in expression.reads() {
            if path.side() == Side::Worker
                && let Some(root) = path.root()
            {
                self.dependents.attributes.entry(root.into()).or_default().insert(queue);
            }
            // `worker.x` means the attribute literally called `worker` where there is one.
            if expression.reads_attribute(Side::Worker, "worker") {
                self.dependents.attributes.entry("worker".into()).or_default().insert(queue);
            }
        }
        if expression.reads_activity() {
            self.dependents.activity.insert(queue);
        }
        if expression.reads_channels() {
            self.dependents.channels.insert(queue);
        }
        if expression.reads_friendly_name() {
            self.dependents.name.insert(queue);
        }
    }

    fn remove_dependents(&mut self, queue: TaskQueueSid) {
        let Dependents { attributes, activity, channels, name } = &mut self.dependents;
        attributes.retain(|_, queues| {
            queues.remove(&queue);
            !queues.is_empty()
        });
        for queues in [activity, channels, name] {
            queues.remove(&queue);
        }
    }

    pub fn eligible(&self, queue: TaskQueueSid) -> impl Iterator<Item = WorkerSid> + '_ {
        let slots = self.queues.get(&queue).into_iter().flat_map(|queue| queue.eligible.iter());
        slots.filter_map(|slot| self.worker_at(slot))
    }

    pub fn is_eligible(&self, queue: TaskQueueSid, slot: u32) -> bool {
        self.queues.get(&queue).is_some_and(|queue| queue.eligible.contains(slot))
    }

    pub fn queue_expression(&self, queue: TaskQueueSid) -> Option<&Expression> {
        self.queues.get(&queue)?.expression.as_ref()
    }

    pub fn queues_of(&self, worker: WorkerSid, state: &State) -> impl Iterator<Item = TaskQueueSid> + '_ {
        let slot = state.workers.get(&worker).map(|entry| entry.slot);
        let numbers =
            slot.and_then(|slot| self.memberships.get(slot as usize)).into_iter().flat_map(Bitmap::iter);
        numbers.filter_map(|number| self.numbers[number as usize])
    }

    /// Queues that the worker serves and where tasks wait.
    pub fn crowded_queues_of(&self, slot: u32) -> Vec<TaskQueueSid> {
        let numbers = self.memberships[slot as usize].and(&self.crowded);
        numbers.iter().filter_map(|number| self.numbers[number as usize]).collect()
    }

    /// Workers of a queue: (in an available activity, in any other).
    pub fn head_counts(&self, state: &State, queue: TaskQueueSid) -> (u32, u32) {
        let Some(queue) = self.queues.get(&queue) else { return (0, 0) };
        let available: usize = (self.by_activity.iter())
            .filter(|(activity, _)| state.activity_available(**activity))
            .map(|(_, slots)| slots.count_and(&queue.eligible))
            .sum();
        (available as u32, (queue.eligible.len() - available) as u32)
    }

    /// Workers of a queue in this activity.
    pub fn head_count(&self, queue: TaskQueueSid, activity: ActivitySid) -> u32 {
        match (self.queues.get(&queue), self.by_activity.get(&activity)) {
            (Some(queue), Some(slots)) => slots.count_and(&queue.eligible) as u32,
            _ => 0,
        }
    }

    /// Workers in this activity.
    pub fn in_activity(&self, activity: ActivitySid) -> u64 {
        self.by_activity.get(&activity).map_or(0, |slots| slots.len() as u64)
    }

    pub fn is_in_use(&self, activity: ActivitySid) -> bool {
        self.by_activity.contains_key(&activity)
    }

    pub fn free(&self, pool: Pool) -> Option<&Free> {
        self.pools.get(&pool)
    }

    pub fn is_free(&self, pool: Pool, slot: u32) -> bool {
        self.pools.get(&pool).is_some_and(|free| free.slots.contains(slot))
    }

    /// The worker's place by idle time in a pool.
    pub fn idle_in(&self, pool: Pool, slot: u32) -> Timestamp {
        let pooled = self.pooled[slot as usize].iter();
        pooled.into_iter().find(|(p, _)| *p == pool).map_or(Timestamp(i64::MAX), |(_, idle)| *idle)
    }

    pub fn is_in_any_pool(&self, slot: u32) -> bool {
        self.pooled.get(slot as usize).is_some_and(|pools| !pools.is_empty())
    }

    /// Who is both eligible for the queue and free.
    pub fn candidates(&self, queue: TaskQueueSid, pool: Pool) -> Bitmap {
        match (self.queues.get(&queue), self.pools.get(&pool)) {
            (Some(queue), Some(free)) => queue.eligible.and(&free.slots),
            _ => Bitmap::default(),
        }
    }

    /// Slots filed under a value.
    pub fn filed_under(&self, path: &str, key: &ScalarKey) -> Option<&Bitmap> {
        self.filed.get(path)?.workers.get(key)
    }

    /// What a worker is filed under.
    pub fn values_of(&self, slot: u32) -> Vec<(Box<str>, ScalarKey)> {
        let filed = self.filed.iter();
        filed.filter_map(|(path, filed)| Some((path.clone(), filed.keys.get(&slot)?.clone()))).collect()
    }

    // ---- workflows -----------------------------------------------------------------------------------------------

    pub fn definition(&self, workflow: WorkflowSid, revision: u64) -> Option<&Arc<Definition>> {
        self.definitions.get(&(workflow, revision))
    }

    /// The target a task is in.
    pub fn target(&self, task: &Task) -> Option<&Target> {
        let step = task.step?;
        self.definition(task.workflow, step.revision)?.target(step.filter, step.target)
    }

    pub fn add_definition(&mut self, state: &State, workflow: WorkflowSid, revision: u64, text: &str) {
        // Checked when it was created; a configuration that no longer parses routes nothing.
        let definition = Definition::parse(text).unwrap_or_default();
        for path in filed_paths(&definition) {
            let name: Box<str> = path.to_string().into();
            self.filed.entry(name).or_insert_with(|| {
                let mut filed = Filed::new(path);
                for entry in state.workers.values() {
                    let key = filed.key_of(state, &entry.worker);
                    filed.file(entry.slot, key);
                }
                filed
            });
        }
        self.definitions.insert((workflow, revision), Arc::new(definition));
    }

    pub fn remove_definition(&mut self, workflow: WorkflowSid, revision: u64) {
        self.definitions.remove(&(workflow, revision));
        let used: BTreeSet<Box<str>> = self
            .definitions
            .values()
            .flat_map(|d| filed_paths(d))
            .map(|path| path.to_string().into())
            .collect();
        self.filed.retain(|path, _| used.contains(path));
    }

    /// Counts an unfinished task in (`by` 1) or out (-1) of the configuration it is in.
    pub fn use_definition(&mut self, workflow: WorkflowSid, step: Option<Step>, task: &Task, by: i64) {
        let Some(step) = step.filter(|_| !task.status.is_terminal()) else { return };
        let key = (workflow, step.revision);
        let count = self.users.get(&key).copied().unwrap_or(0) as i64 + by;
        if count > 0 {
            self.users.insert(key, count as usize);
        } else {
            self.users.remove(&key);
        }
    }

    pub fn is_used(&self, workflow: WorkflowSid, revision: u64) -> bool {
        self.users.contains_key(&(workflow, revision))
    }

    // ---- tasks and reservations ----------------------------------------------------------------------------------

    pub fn policy_changed(&mut self, state: &State) {
        self.direct = direct_expression(&state.settings);
        for sid in state.workers.keys() {
            self.refresh(state, *sid);
        }
        for task in state.tasks.values() {
            self.place(state, task);
        }
    }

    /// Meant for one agent rather than for whoever is free, in the policy's words. Without a policy nothing is.
    pub fn is_direct(&self, task: &Task) -> bool {
        self.direct.as_ref().is_some_and(|direct| task_matches(&task.attributes, direct))
    }

    pub fn pool_of(&self, state: &State, task: &Task) -> Pool {
        let direct = state.policy_on(task.channel).is_some() && self.is_direct(task);
        Pool { channel: task.channel, direct }
    }

    pub fn named(&self, state: &State, task: &Task, target: &Target) -> Named {
        let by_name = |name: &str| self.by_name.get(&name.to_lowercase()).copied();
        Named::by(target, &task.attributes, by_name, |sid| state.workers.contains_key(&sid))
    }

    /// Puts a pending task into its lane, takes any other out.
    pub fn place(&mut self, state: &State, task: &TaskState) {
        let sid = task.task.sid;
        self.tally.note(&task.task);
        let place = self.place_of(state, task);
        if place.as_ref() == self.waiting.places.get(&sid) {
            return;
        }
        if let Some(old) = self.waiting.places.get(&sid) {
            self.dirty.tasks.remove(&(old.rank, sid));
        }
        if let Some(Some(empty)) = self.waiting.remove(sid)
            && let Some(queue) = self.queues.get(&empty)
        {
            self.crowded.remove(queue.number);
        }
        if let Some(place) = place {
            if let Some(queue) = place.queue.and_then(|queue| self.queues.get(&queue)) {
                self.crowded.insert(queue.number);
            }
            self.dirty.tasks.insert((place.rank, sid));
            self.waiting.insert(sid, place);
        }
    }

    pub fn place_of(&self, state: &State, entry: &TaskState) -> Option<Place> {
        let task = &entry.task;
        if task.status != TaskStatus::Pending {
            return None;
        }
        let preferred = state.settings.prioritize_queue_order;
        let order = |queue: TaskQueueSid| state.queues.get(&queue).map_or(QueueOrder::Fifo, |q| q.task_order);
        let pool = self.pool_of(state, task);
        if let Some(RoutingTarget::Worker(worker)) = task.routing_target
            && entry.transfer.is_none()
        {
            let rank = Rank::of(entry, QueueOrder::Fifo, preferred);
            return Some(Place { queue: None, gate: Gate::Known(worker, None), pool, rank });
        }
        let queue = task.queue?;
        let rank = Rank::of(entry, order(queue), preferred);
        let gate = match (task.step, self.target(task)) {
            (None, _) => Gate::Open,
            (Some(step), Some(target)) => gate(task, target, step, self.named(state, task, target)),
            (Some(_), None) => Gate::Nobody,
        };
        Some(Place { queue: Some(queue), gate, pool, rank })
    }

    /// A waiting task may find a worker although neither has changed.
    pub fn touch_task(&mut self, sid: TaskSid) {
        if let Some(place) = self.waiting.places.get(&sid) {
            self.dirty.tasks.insert((place.rank, sid));
        }
    }

    pub fn arm_task(&mut self, task: &TaskState) {
        self.deadlines.set(Due::Task(task.task.sid), Some(deadline::of_task(task)));
    }

    pub fn arm_reservation(&mut self, reservation: &Reservation) {
        self.deadlines.set(Due::Reservation(reservation.sid), deadline::of_reservation(reservation));
    }

    pub fn add_reservation(&mut self, reservation: &Reservation) {
        let of = self.of_worker.entry(reservation.worker).or_default();
        of.all.insert((reservation.created, reservation.sid));
        if reservation.status.is_open() {
            of.open.insert(reservation.sid);
        }
        self.fetch(reservation);
    }

    /// A reservation that is on its way to somebody else than its worker.
    pub fn fetch(&mut self, reservation: &Reservation) {
        if let Some(VoiceState::PickingUp { by, .. }) = reservation.voice
            && by != reservation.worker
            && reservation.status.is_open()
        {
            self.of_worker.entry(by).or_default().fetching.insert(reservation.sid);
        }
    }

    /// A pick-up by a colleague is over.
    pub fn fetched(&mut self, by: WorkerSid, reservation: ReservationSid) {
        if let Some(of) = self.of_worker.get_mut(&by) {
            of.fetching.remove(&reservation);
            if *of == OfWorker::default() {
                self.of_worker.remove(&by);
            }
        }
    }

    pub fn closed_reservation(&mut self, reservation: &Reservation) {
        if let Some(of) = self.of_worker.get_mut(&reservation.worker) {
            of.open.remove(&reservation.sid);
        }
    }

    pub fn remove_reservation(&mut self, reservation: &Reservation) {
        self.deadlines.set(Due::Reservation(reservation.sid), None);
        if let Some(VoiceState::PickingUp { by, .. }) = reservation.voice {
            self.fetched(by, reservation.sid);
        }
        if let Some(of) = self.of_worker.get_mut(&reservation.worker) {
            of.open.remove(&reservation.sid);
            of.all.remove(&(reservation.created, reservation.sid));
            if *of == OfWorker::default() {
                self.of_worker.remove(&reservation.worker);
            }
        }
    }

    pub fn waiting_in(&self, queue: TaskQueueSid) -> Vec<TaskSid> {
        self.waiting.in_queue(queue)
    }

    // ---- comparison ----------------------------------------------------------------------------------------------

    /// What differs from `other`, whatever numbers the queues were given. For tests.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let parts = |index: &Self| {
            let numbers = |bits: &Bitmap| -> BTreeSet<TaskQueueSid> {
                bits.iter().filter_map(|n| index.numbers.get(n as usize).copied().flatten()).collect()
            };
            let queues: Vec<_> = index
                .queues
                .iter()
                .map(|(sid, q)| (*sid, q.expression.clone(), q.eligible.clone()))
                .collect();
            vec![
                ("slots", format!("{:?}", index.slots)),
                ("names", format!("{:?}", index.by_name)),
                ("activities", format!("{:?}", index.by_activity)),
                ("queues", format!("{queues:?}")),
                ("memberships", format!("{:?}", index.memberships.iter().map(numbers).collect::<Vec<_>>())),
                ("crowded", format!("{:?}", numbers(&index.crowded))),
                ("dependents", format!("{:?}", index.dependents)),
                ("pools", format!("{:?}", index.pools)),
                ("pooled", format!("{:?}", index.pooled)),
                ("filed", format!("{:?}", index.filed)),
                ("definitions", format!("{:?}", index.definitions.keys().collect::<Vec<_>>())),
                ("users", format!("{:?}", index.users)),
                ("reservations", format!("{:?}", index.of_worker)),
                ("waiting", format!("{:?}", index.waiting)),
                ("tally", format!("{:?}", index.tally)),
                ("deadlines", format!("{:?}", index.deadlines)),
            ]
        };
        let found = parts(self).into_iter().zip(parts(other)).find(|(a, b)| a != b);
        found.map(|((name, kept), (_, built))| format!("index of {name}: kept {kept}, rebuilt {built}"))
    }
}

fn direct_expression(settings: &WorkspaceSettings) -> Option<Expression> {
    Expression::parse(&settings.voice_policy.as_ref()?.direct, Context::Task).ok()
}

/// Whether the policy has room for one more (queue call, direct call).
///
/// A call that the worker is making does not keep a direct one from being offered: who takes that gives up the attempt.
pub(super) fn room(policy: &VoicePolicy, overrides: &VoiceOverrides, load: VoiceLoad) -> (bool, bool) {
    if load.pending > 0 || load.picking > 0 {
        return (false, false);
    }
    let live_max = overrides.live_max.unwrap_or(policy.live_max);
    let parked_max = overrides.parked_max.unwrap_or(policy.parked_max);
    let fits = load.live < live_max || (policy.accept_parks_live && load.parked < parked_max);
    let while_live = |allowed: bool| load.live + load.dialing == 0 || allowed;
    let direct = fits && while_live(overrides.direct_while_live.unwrap_or(policy.direct_while_live));
    let queue = fits && (load.tasks() == 0 || overrides.queue_while_live.unwrap_or(policy.queue_while_live));
    (queue, direct)
}
