//! Tasks that wait, arranged so that a worker who becomes free finds the best one without looking at the others.

use super::bitmap::Bitmap;
use super::model::*;
use super::state::{State, TaskState};
use super::workflow::{Definition, KnownWorker, Target};
use base::*;
use expr::{Path, ScalarKey, Scope, TaskScope, Value};
use std::collections::{BTreeMap, BTreeSet};

/// A task's place in line: the smallest is offered first. The order within a queue is the queue's; between queues of
/// different order the workspace's `prioritize_queue_order` comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank(u8, i64, i64, i64);

impl Rank {
    pub fn of(task: &TaskState, order: QueueOrder, preferred: QueueOrder) -> Self {
        let (start, ordinal) = (task.task.virtual_start.0, task.ordinal as i64);
        let kind = u8::from(order != preferred);
        match order {
            QueueOrder::Fifo => Self(kind, -i64::from(task.task.priority), start, ordinal),
            QueueOrder::Lifo => Self(kind, -start, -ordinal, 0),
        }
    }
}

/// Which workers have room for a task: those with room on its channel, and for a phone call under the voice policy
/// also whether it is a direct one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pool {
    pub channel: TaskChannelSid,
    pub direct: bool,
}

/// What a worker must be besides eligible and free. Tasks behind the same gate are interchangeable: who may take one
/// may take any of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gate {
    /// Nothing.
    Open,
    /// This worker.
    Known(WorkerSid, Option<Condition>),
    /// A known worker was asked for and there is none: nobody.
    Nobody,
    /// Workers filed under this value.
    Equal { path: Box<str>, key: ScalarKey, condition: Condition },
    /// Whoever matches.
    Where(Condition),
}

/// A target's expression with what it reads of the task.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Condition {
    workflow: WorkflowSid,
    revision: u64,
    filter: Option<usize>,
    target: usize,
    values: Box<str>,
}

/// Tasks in line, best first.
pub(super) type Lane = BTreeSet<(Rank, TaskSid)>;

/// Where a waiting task stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// `None` for a task sent to one worker: no queue has a say.
    pub queue: Option<TaskQueueSid>,
    pub gate: Gate,
    pub pool: Pool,
    pub rank: Rank,
}

/// The lanes of one queue.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Lanes(BTreeMap<Gate, BTreeMap<Pool, Lane>>);

impl Lanes {
    /// Lanes whose gate `worker` may pass, as far as the gate's kind tells: those of values it is filed under
    /// (`values`: path and key), its own, and all that must be evaluated.
    pub fn for_worker<'a>(
        &'a self,
        worker: WorkerSid,
        values: &'a [(Box<str>, ScalarKey)],
    ) -> impl Iterator<Item = (&'a Gate, Pool, &'a Lane)> {
        let open = self.0.range(Gate::Open..=Gate::Open);
        let known = self
            .0
            .range(Gate::Known(worker, None)..Gate::Nobody)
            .take_while(move |(gate, _)| matches!(gate, Gate::Known(named, _) if *named == worker));
        let equal = values.iter().flat_map(move |(path, key)| {
            let from = Gate::Equal { path: path.clone(), key: key.clone(), condition: Condition::first() };
            self.0.range(from..).take_while(
                move |(gate, _)| matches!(gate, Gate::Equal { path: p, key: k, .. } if p == path && k == key),
            )
        });
        let others = self.0.range(Gate::Where(Condition::first())..);
        open.chain(known)
            .chain(equal)
            .chain(others)
            .flat_map(|(gate, pools)| pools.iter().map(move |(pool, lane)| (gate, *pool, lane)))
    }

    fn tasks(&self) -> impl Iterator<Item = &(Rank, TaskSid)> {
        self.0.values().flat_map(|pools| pools.values().flatten())
    }
}

impl Condition {
    /// Sorts before every other.
    fn first() -> Self {
        Self { workflow: WorkflowSid([0; 16]), revision: 0, filter: None, target: 0, values: "".into() }
    }
}

/// All waiting tasks of a workspace.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Waiting {
    pub lanes: BTreeMap<Option<TaskQueueSid>, Lanes>,
    pub places: BTreeMap<TaskSid, Place>,
}

impl Waiting {
    /// Puts a task into its lane; gives back whether its queue had none before.
    pub fn insert(&mut self, task: TaskSid, place: Place) -> bool {
        let lanes = self.lanes.entry(place.queue).or_default();
        let first = lanes.0.is_empty();
        lanes
            .0
            .entry(place.gate.clone())
            .or_default()
            .entry(place.pool)
            .or_default()
            .insert((place.rank, task));
        self.places.insert(task, place);
        first
    }

    /// Takes a task out; gives back its queue if that has none left.
    pub fn remove(&mut self, task: TaskSid) -> Option<Option<TaskQueueSid>> {
        let place = self.places.remove(&task)?;
        let lanes = self.lanes.get_mut(&place.queue)?;
        let pools = lanes.0.get_mut(&place.gate)?;
        let lane = pools.get_mut(&place.pool)?;
        lane.remove(&(place.rank, task));
        if lane.is_empty() {
            pools.remove(&place.pool);
        }
        if pools.is_empty() {
            lanes.0.remove(&place.gate);
        }
        if lanes.0.is_empty() {
            self.lanes.remove(&place.queue);
            return Some(place.queue);
        }
        None
    }

    /// Tasks that name a worker who is not there, or this one.
    pub fn unnamed(&self, renamed: Option<WorkerSid>) -> impl Iterator<Item = TaskSid> + '_ {
        self.lanes.values().flat_map(move |lanes| {
            let nobody = lanes.0.range(Gate::Nobody..=Gate::Nobody);
            let named = renamed.into_iter().flat_map(move |worker| {
                let known = lanes.0.range(Gate::Known(worker, None)..Gate::Nobody);
                known.take_while(move |(gate, _)| matches!(gate, Gate::Known(named, _) if *named == worker))
            });
            nobody.chain(named).flat_map(|(_, pools)| pools.values().flatten().map(|(_, task)| *task))
        })
    }

    /// A queue's tasks in the order in which they are offered.
    pub fn in_queue(&self, queue: TaskQueueSid) -> Vec<TaskSid> {
        let mut tasks: Vec<_> =
            self.lanes.get(&Some(queue)).into_iter().flat_map(Lanes::tasks).copied().collect();
        tasks.sort_unstable();
        tasks.into_iter().map(|(_, task)| task).collect()
    }
}

/// The worker a target names for this task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// The target names none.
    Anyone,
    Worker(WorkerSid),
    /// Named with JSON `null`: nobody, and nothing to report.
    Null,
    /// Missing, malformed or unknown (40154), or, if it is a worker's SID, somebody of another workspace (40155).
    Unknown(Option<WorkerSid>),
}

impl Named {
    pub fn by(
        target: &Target,
        attributes: &Attributes,
        by_name: impl Fn(&str) -> Option<WorkerSid>,
        exists: impl Fn(WorkerSid) -> bool,
    ) -> Self {
        let (path, by_sid) = match &target.known_worker {
            None => return Self::Anyone,
            Some(KnownWorker::Literal(sid)) if exists(*sid) => return Self::Worker(*sid),
            Some(KnownWorker::Literal(sid)) => return Self::Unknown(Some(*sid)),
            Some(KnownWorker::Sid(path)) => (path, true),
            Some(KnownWorker::FriendlyName(path)) => (path, false),
        };
        let Path::Task(attribute) = path else { return Self::Unknown(None) };
        match attribute.find(attributes.value()) {
            Some(serde_json::Value::Null) => Self::Null,
            Some(serde_json::Value::String(text)) => {
                let named = text.parse().ok().filter(|_| by_sid);
                let worker = if by_sid { named.filter(|sid| exists(*sid)) } else { by_name(text) };
                worker.map_or(Self::Unknown(named), Self::Worker)
            }
            _ => Self::Unknown(None),
        }
    }
}

/// The gate of a task in a target.
pub(super) fn gate(task: &Task, target: &Target, step: Step, named: Named) -> Gate {
    let condition = target.expression.as_ref().map(|expression| Condition {
        workflow: task.workflow,
        revision: step.revision,
        filter: step.filter,
        target: step.target,
        values: task_values(task, expression.reads()).into(),
    });
    match (named, condition) {
        (Named::Worker(worker), condition) => Gate::Known(worker, condition),
        (Named::Null | Named::Unknown(_), _) => Gate::Nobody,
        (Named::Anyone, None) => Gate::Open,
        (Named::Anyone, Some(condition)) => {
            let scope = TaskScope { attributes: task.attributes.value() };
            let equal =
                indexed_equality(target).map(|(of_task, of_worker)| (scope.value(&of_task).key(), of_worker));
            match equal {
                Some((Some(key), path)) => Gate::Equal { path: path.to_string().into(), key, condition },
                // The task's value equals nothing: the expression cannot be true.
                Some((None, _)) => Gate::Nobody,
                None => Gate::Where(condition),
            }
        }
    }
}

/// The equality by which workers are filed for this target.
pub(super) fn indexed_equality(target: &Target) -> Option<(Path, Path)> {
    target.expression.as_ref()?.equalities().into_iter().find(|(_, of_worker)| !of_worker.is_channel())
}

/// What an expression reads of a task, as text.
fn task_values(task: &Task, reads: &[Path]) -> String {
    let mut text = String::new();
    for path in reads {
        if let Path::Task(attribute) = path {
            match attribute.find(task.attributes.value()) {
                Some(value) => text.push_str(&value.to_string()),
                None => text.push('-'),
            }
            text.push('\n');
        }
    }
    text
}

/// Workers filed under their value at one path.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Filed {
    pub path: Path,
    pub workers: BTreeMap<ScalarKey, Bitmap>,
    /// By slot.
    pub keys: BTreeMap<u32, ScalarKey>,
}

impl Filed {
    pub fn new(path: Path) -> Self {
        Self { path, workers: BTreeMap::new(), keys: BTreeMap::new() }
    }

    /// Files a worker anew; `None` takes it out.
    pub fn file(&mut self, slot: u32, key: Option<ScalarKey>) {
        if self.keys.get(&slot) == key.as_ref() {
            return;
        }
        if let Some(before) = self.keys.remove(&slot)
            && let Some(workers) = self.workers.get_mut(&before)
        {
            workers.remove(slot);
            if workers.is_empty() {
                self.workers.remove(&before);
            }
        }
        if let Some(key) = key {
            self.workers.entry(key.clone()).or_default().insert(slot);
            self.keys.insert(slot, key);
        }
    }

    pub fn key_of(&self, state: &State, worker: &Worker) -> Option<ScalarKey> {
        state.with_scope(worker, |scope| {
            let value: Value<'_> = scope.value(&self.path);
            value.key()
        })
    }
}

/// The paths that a definition's targets are filed by.
pub(super) fn filed_paths(definition: &Definition) -> impl Iterator<Item = Path> + '_ {
    definition.targets().filter_map(|target| indexed_equality(target).map(|(_, of_worker)| of_worker))
}
