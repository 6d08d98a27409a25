//! Why a task is where it is.

use super::model::*;
use super::scope::task_matches;
use super::state::{Entered, TaskState};
use super::waiting::{Gate, Named};
use super::workspace::Workspace;
use base::*;
use expr::{TargetScope, TaskScope};
use serde::Serialize;
use std::collections::BTreeMap;

/// Workers that one explanation lists; the others are counted.
pub const WORKERS_EXPLAINED_MAX: usize = 50;

/// Why a task is where it is, and what would make it route now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The task.
    pub task: TaskSid,
    /// Where it is.
    pub status: TaskStatus,
    /// One sentence.
    pub summary: String,
    /// The workflow's filters from the top, up to the one that took the task, with its present attributes.
    pub filters: Vec<FilterTried>,
    /// The steps it has been in, oldest first.
    pub steps: Vec<StepTaken>,
    /// The queue it is in.
    pub queue: Option<TaskQueueSid>,
    /// Tasks that are offered before it in that queue.
    pub ahead: usize,
    /// Workers who could take it, and for the others the first reason why not; at most [`WORKERS_EXPLAINED_MAX`], the
    /// closest to taking it first.
    pub workers: Vec<Considered>,
    /// How many workers each reason ruled out.
    pub ruled_out: BTreeMap<&'static str, usize>,
    /// What would make it route now.
    pub would_route: Vec<String>,
}

/// A filter and whether it takes the task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FilterTried {
    /// From 0; `None` is the default filter.
    pub filter: Option<usize>,
    /// Its label.
    pub friendly_name: Option<String>,
    /// Its expression.
    pub expression: String,
    /// The expression's value.
    pub matched: bool,
    /// What made it false.
    pub because: Option<String>,
}

/// A step and how it went.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepTaken {
    /// Filter, target and times.
    #[serde(flatten)]
    pub entered: Entered,
    /// The queue's name.
    pub queue_name: String,
    /// When it left the step; `None` while it is in it.
    pub left: Option<Timestamp>,
    /// How it left.
    pub outcome: StepOutcome,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepOutcome {
    /// The task is in it.
    Here,
    /// Nobody could be reserved at once, and its `skip_if` was true.
    Skipped,
    /// Its time ran out.
    TimedOut,
    /// The task was matched again, and went elsewhere.
    Left,
    /// The task ended in it.
    Ended,
}

/// A worker and what rules them out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Considered {
    /// The worker.
    pub worker: WorkerSid,
    /// Their name.
    pub friendly_name: String,
    /// The first reason; `None` means they have it or would get it.
    pub ruled_out: Option<RuledOut>,
}

/// Why a worker does not get a task. Checked in this order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum RuledOut {
    /// Another worker is named by the target.
    NotTheKnownWorker,
    /// The queue's expression does not match them.
    NotInQueue {
        /// The comparison that failed, with its values.
        because: String,
    },
    /// The target's expression does not match them.
    TargetExpression {
        /// The comparison that failed, with its values.
        because: String,
    },
    /// They do not work now.
    Activity {
        /// What they do instead.
        activity: String,
    },
    /// They take no tasks of this channel now.
    ChannelUnavailable,
    /// They hold as many tasks of this channel as they may.
    NoCapacity {
        /// Reservations that take capacity.
        used: u32,
        /// How many may.
        configured: u32,
    },
    /// The voice policy has no room for another phone call of this kind.
    VoicePolicy {
        /// Which of its rules.
        because: String,
    },
    /// They turned it down, let it ring, or could not be reached a moment ago.
    CoolingDown {
        /// Until then.
        until: Timestamp,
    },
    /// They have an offer of it, or work on it.
    HasItAlready,
}

impl RuledOut {
    /// The reason's name, for counting.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotTheKnownWorker => "not-the-known-worker",
            Self::NotInQueue { .. } => "not-in-queue",
            Self::TargetExpression { .. } => "target-expression",
            Self::Activity { .. } => "activity",
            Self::ChannelUnavailable => "channel-unavailable",
            Self::NoCapacity { .. } => "no-capacity",
            Self::VoicePolicy { .. } => "voice-policy",
            Self::CoolingDown { .. } => "cooling-down",
            Self::HasItAlready => "has-it-already",
        }
    }

    /// How far from taking the task: the later in the order of checks, the closer.
    fn distance(&self) -> u8 {
        match self {
            Self::HasItAlready => 0,
            Self::CoolingDown { .. } => 1,
            Self::VoicePolicy { .. } => 2,
            Self::NoCapacity { .. } => 3,
            Self::ChannelUnavailable => 4,
            Self::Activity { .. } => 5,
            Self::TargetExpression { .. } => 6,
            Self::NotInQueue { .. } => 7,
            Self::NotTheKnownWorker => 8,
        }
    }
}

pub(super) fn explain(ws: &Workspace, sid: TaskSid, now: Timestamp) -> Option<Explanation> {
    let entry = ws.state.tasks.get(&sid)?;
    let task = &entry.task;
    let place = ws.index.place_of(&ws.state, entry);
    let mut workers = Vec::new();
    let mut ruled_out = BTreeMap::new();
    if !task.status.is_terminal() {
        workers = considered(ws, task, now);
        for reason in workers.iter().filter_map(|one| one.ruled_out.as_ref()) {
            *ruled_out.entry(reason.name()).or_default() += 1;
        }
        workers.truncate(WORKERS_EXPLAINED_MAX);
    }
    let ahead = match (&place, task.queue) {
        (Some(place), Some(queue)) => {
            let before = |t: &TaskSid| ws.index.waiting.places.get(t).is_some_and(|p| p.rank < place.rank);
            ws.index.waiting_in(queue).iter().filter(|t| before(t)).count()
        }
        _ => 0,
    };
    let nobody = place.as_ref().is_some_and(|place| place.gate == Gate::Nobody);
    let mut explanation = Explanation {
        task: sid,
        status: task.status,
        summary: String::new(),
        filters: filters(ws, task),
        steps: steps(ws, entry),
        queue: task.queue,
        ahead,
        workers,
        ruled_out,
        would_route: Vec::new(),
    };
    explanation.would_route = would_route(ws, task, &explanation, nobody);
    explanation.summary = summary(ws, task, &explanation);
    Some(explanation)
}

/// Every worker with the first reason why they do not get `task` now, the closest to taking it first.
pub(super) fn considered(ws: &Workspace, task: &Task, now: Timestamp) -> Vec<Considered> {
    let one = |worker: &Worker| Considered {
        worker: worker.sid,
        friendly_name: worker.friendly_name.clone(),
        ruled_out: rule_out(ws, task, worker, now),
    };
    let mut workers: Vec<Considered> = ws.workers().map(one).collect();
    workers.sort_by_key(|c| c.ruled_out.as_ref().map_or(0, |reason| reason.distance() + 1));
    workers
}

fn steps(ws: &Workspace, entry: &TaskState) -> Vec<StepTaken> {
    let task = &entry.task;
    let step = |(at, entered): (usize, &Entered)| {
        let next = entry.entered.get(at + 1).map(|next| next.step.entered);
        let over = task.status.is_terminal().then_some(task.updated);
        let skips = || {
            let definition = ws.index.definition(task.workflow, entered.step.revision)?;
            Some(definition.target(entered.step.filter, entered.step.target)?.skip_if.is_some())
        };
        let left = next.or(over);
        let at_once = left == Some(entered.step.entered) && skips() == Some(true);
        let outcome = match (left, next) {
            _ if entered.timed_out => StepOutcome::TimedOut,
            (None, _) => StepOutcome::Here,
            (Some(_), _) if at_once => StepOutcome::Skipped,
            (Some(_), Some(_)) => StepOutcome::Left,
            (Some(_), None) => StepOutcome::Ended,
        };
        let queue = ws.task_queue(entered.queue);
        let queue_name = queue.map_or_else(String::new, |queue| queue.friendly_name.clone());
        StepTaken { entered: *entered, queue_name, left, outcome }
    };
    entry.entered.iter().enumerate().map(step).collect()
}

fn filters(ws: &Workspace, task: &Task) -> Vec<FilterTried> {
    let revision = task.step.map(|step| step.revision).or_else(|| Some(ws.workflow(task.workflow)?.revision));
    let definition = revision.and_then(|revision| ws.index.definition(task.workflow, revision));
    let (Some(definition), None) =
        (definition, task.routing_target.filter(|t| !matches!(t, RoutingTarget::Workflow(_))))
    else {
        return Vec::new();
    };
    let mut tried = Vec::new();
    for (at, filter) in definition.filters.iter().enumerate() {
        let matched = task_matches(&task.attributes, &filter.expression);
        let why = filter.expression.explain(&TaskScope { attributes: task.attributes.value() });
        tried.push(FilterTried {
            filter: Some(at),
            friendly_name: filter.friendly_name.clone(),
            expression: filter.expression.text().to_owned(),
            matched,
            because: (!matched).then(|| why.to_string()),
        });
        if task.step.is_some_and(|step| step.filter == Some(at)) {
            return tried;
        }
    }
    if definition.default.is_some() {
        tried.push(FilterTried {
            filter: None,
            friendly_name: None,
            expression: "default_filter".to_owned(),
            matched: true,
            because: None,
        });
    }
    tried
}

/// The first reason why `worker` does not get `task` now.
fn rule_out(ws: &Workspace, task: &Task, worker: &Worker, now: Timestamp) -> Option<RuledOut> {
    let state = &ws.state;
    if state.open_reservations(task.sid).any(|r| r.worker == worker.sid) {
        return Some(RuledOut::HasItAlready);
    }
    if let Some(RoutingTarget::Worker(target)) = task.routing_target
        && target != worker.sid
    {
        return Some(RuledOut::NotTheKnownWorker);
    }
    let to_worker = matches!(task.routing_target, Some(RoutingTarget::Worker(_)));
    if let Some(target) = ws.index.target(task).filter(|_| !to_worker) {
        match ws.index.named(state, task, target) {
            Named::Anyone => {}
            Named::Worker(named) if named == worker.sid => {}
            _ => return Some(RuledOut::NotTheKnownWorker),
        }
    }
    if let Some(queue) = task.queue.filter(|_| !to_worker) {
        let holds =
            ws.index.queue_expression(queue).map(|e| state.with_scope(worker, |scope| e.explain(scope)));
        match holds {
            Some(why) if why.holds => {}
            Some(why) => return Some(RuledOut::NotInQueue { because: why.to_string() }),
            None => return Some(RuledOut::NotInQueue { because: "the queue matches nobody".to_owned() }),
        }
    }
    if let Some(expression) =
        ws.index.target(task).filter(|_| !to_worker).and_then(|target| target.expression.as_ref())
    {
        let of_task = TaskScope { attributes: task.attributes.value() };
        let why =
            state.with_scope(worker, |w| expression.explain(&TargetScope { task: of_task, worker: *w }));
        if !why.holds {
            return Some(RuledOut::TargetExpression { because: why.to_string() });
        }
    }
    if !task.ignore_capacity
        && let Some(reason) = no_room(ws, task, worker)
    {
        return Some(reason);
    }
    let cooling = &state.tasks.get(&task.sid)?.cool_downs;
    let until = cooling
        .iter()
        .find(|(cooling, until)| *cooling == worker.sid && *until > now)
        .map(|(_, until)| *until);
    until.map(|until| RuledOut::CoolingDown { until })
}

fn no_room(ws: &Workspace, task: &Task, worker: &Worker) -> Option<RuledOut> {
    let state = &ws.state;
    if !state.activity_available(worker.activity) {
        let activity = ws.activity(worker.activity).map_or_else(String::new, |a| a.friendly_name.clone());
        return Some(RuledOut::Activity { activity });
    }
    let of = worker.channels.get(&task.channel)?;
    if !of.available {
        return Some(RuledOut::ChannelUnavailable);
    }
    if state.settings.multi_task_enabled && of.used_capacity >= of.configured_capacity {
        return Some(RuledOut::NoCapacity { used: of.used_capacity, configured: of.configured_capacity });
    }
    let pool = ws.index.pool_of(state, task);
    let slot = state.workers.get(&worker.sid)?.slot;
    if ws.index.is_free(pool, slot) {
        return None;
    }
    let held = ws.reservations_of(worker.sid).filter(|r| r.takes_capacity()).count();
    if !state.settings.multi_task_enabled && held > 0 {
        return Some(RuledOut::NoCapacity { used: u32::try_from(held).unwrap_or(u32::MAX), configured: 1 });
    }
    if state.policy_on(task.channel).is_some() {
        let load = ws.index.voice_load(state, worker.sid);
        let because = if load.pending + load.picking > 0 {
            "another call is being offered or picked up".to_owned()
        } else if pool.direct {
            format!("{} live and {} parked calls leave no room for a direct call", load.live, load.parked)
        } else {
            format!("a queue call is not offered beside {} other calls", load.tasks())
        };
        return Some(RuledOut::VoicePolicy { because });
    }
    None
}

fn would_route(ws: &Workspace, task: &Task, so_far: &Explanation, nobody: bool) -> Vec<String> {
    if task.status != TaskStatus::Pending {
        return Vec::new();
    }
    let mut ways = Vec::new();
    if nobody {
        ways.push("its target names a worker who is not there: correct the task's attribute".to_owned());
    }
    if so_far.workers.is_empty() {
        ways.push("the workspace has no workers: create one that matches its queue's expression".to_owned());
    }
    let known = so_far.ruled_out.contains_key("not-the-known-worker");
    let outside = so_far.ruled_out.get("not-in-queue").copied().unwrap_or(0);
    if !so_far.workers.is_empty() && outside == ws.workers().count() {
        ways.push(
            "no worker matches its queue's expression: change the expression or a worker's attributes"
                .to_owned(),
        );
    }
    for considered in so_far.workers.iter().take(5) {
        let name = &considered.friendly_name;
        match &considered.ruled_out {
            Some(RuledOut::Activity { activity }) => {
                ways.push(format!("{name} leaves {activity} for an available activity"));
            }
            Some(RuledOut::NoCapacity { used, configured }) => {
                ways.push(format!(
                    "{name} finishes one of {used} tasks or gets more capacity than {configured}"
                ));
            }
            Some(RuledOut::ChannelUnavailable) => {
                ways.push(format!("{name} becomes available on its channel"))
            }
            Some(RuledOut::VoicePolicy { because }) => {
                ways.push(format!("{name} has no other call: now {because}"))
            }
            Some(RuledOut::CoolingDown { until }) => {
                ways.push(format!("{name} may be asked again at {}", until.iso8601()))
            }
            Some(RuledOut::TargetExpression { because }) => {
                ways.push(format!("{name} matches its target: {because}"))
            }
            Some(RuledOut::NotInQueue { because }) if known => {
                ways.push(format!("{name}, whom it asks for, comes into its queue: {because}"));
            }
            _ => {}
        }
    }
    if let Some(until) = task.step.and_then(|step| step.until) {
        ways.push(format!("its step ends at {} and the workflow goes on", until.iso8601()));
    }
    ways
}

fn summary(ws: &Workspace, task: &Task, explanation: &Explanation) -> String {
    let queue = task.queue.and_then(|queue| ws.task_queue(queue));
    let queue =
        queue.map_or_else(|| "no queue".to_owned(), |queue| format!("queue '{}'", queue.friendly_name));
    let holders: Vec<&str> = (ws.state.open_reservations(task.sid))
        .filter_map(|r| ws.worker(r.worker))
        .map(|worker| worker.friendly_name.as_str())
        .collect();
    let holders = holders.join(", ");
    match task.status {
        TaskStatus::Pending => {
            let counts: Vec<String> =
                explanation.ruled_out.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
            let counts = match counts.is_empty() {
                true => "there are no workers".to_owned(),
                false => format!("workers ruled out: {}", counts.join(", ")),
            };
            format!("waits in {queue}, {} ahead; {counts}", explanation.ahead)
        }
        TaskStatus::Reserved => format!("offered from {queue} to {holders}"),
        TaskStatus::Assigned => format!("taken from {queue} by {holders}"),
        TaskStatus::Wrapping => format!("wrapping up with {holders}"),
        TaskStatus::Completed => {
            format!("completed: {}", task.reason.as_deref().unwrap_or("no reason given"))
        }
        TaskStatus::Canceled => format!("canceled: {}", task.reason.as_deref().unwrap_or("no reason given")),
    }
}
