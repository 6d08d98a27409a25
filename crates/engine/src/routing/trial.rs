//! What would become of a task that is not there: a draft of a workflow is tried on a copy of the workspace.

use super::command::{Answer, Command, NewTask, NewWorkflow, RoutingError};
use super::explain::{self, Considered, Explanation, WORKERS_EXPLAINED_MAX};
use super::model::{Attributes, Step, Task};
use super::workflow::Target;
use super::workspace::Workspace;
use base::*;
use serde::Serialize;
use std::time::Duration;

/// Steps that one trial shows.
pub const STEPS_TRIED_MAX: usize = 20;
/// Name of the workflow that a trial makes in its copy.
const NAME: &str = "Trial";
/// How long the task would live, and how long an offer: neither passes in a trial.
const LIFE: Duration = Duration::from_secs(86_400);
const OFFER: Duration = Duration::from_secs(120);

/// A task that is tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    /// The workflow document that it is given to.
    pub configuration: String,
    /// What is known of it.
    pub attributes: Attributes,
    /// Unique name or SID; `default` if absent.
    pub channel: Option<String>,
    /// Before its filter says another.
    pub priority: u32,
}

/// What a workflow would do with a task, as things are in the workspace now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trial {
    /// Right after it was created.
    pub explanation: Explanation,
    /// Who is offered it at once.
    pub offered: Vec<WorkerSid>,
    /// The steps of the filter that takes it, from the first; at most [`STEPS_TRIED_MAX`].
    pub steps: Vec<StepAhead>,
}

/// One step that the task would take, and who could take it there as things are now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepAhead {
    /// Seconds after its creation, if nobody takes it before.
    pub from_s: u64,
    /// How long it stays, in seconds; `None`: as long as it lives.
    pub timeout_s: Option<u64>,
    /// Where it would be.
    pub queue: TaskQueueSid,
    /// That queue's name.
    pub queue_name: String,
    /// The further condition on task and worker.
    pub expression: Option<String>,
    /// Who goes first.
    pub order_by: Option<String>,
    /// Its priority from there on.
    pub priority: Option<u32>,
    /// It was left at once, because its `skip_if` is true and nobody could be reserved.
    pub skipped: bool,
    /// The call would be sent away from here.
    pub redirects: bool,
    /// How many workers could take it there now.
    pub free: usize,
    /// Workers, the closest to taking it first; at most [`WORKERS_EXPLAINED_MAX`].
    pub workers: Vec<Considered>,
}

/// Tries it on `copy`, which is not the same afterwards.
pub fn try_task(mut copy: Workspace, tried: Tried, now: Timestamp) -> Result<Trial, RoutingError> {
    let entropy = &mut Entropy::seeded(0);
    let draft = NewWorkflow {
        friendly_name: NAME.to_owned(),
        configuration: tried.configuration,
        assignment_callback_url: None,
        fallback_assignment_callback_url: None,
        task_reservation_timeout: OFFER,
    };
    let Answer::Workflow(workflow) = copy.decide(Command::CreateWorkflow(draft), now, entropy)?.answer else {
        unreachable!("a workflow was created")
    };
    let task = NewTask {
        workflow: Some(workflow),
        attributes: tried.attributes,
        priority: tried.priority,
        timeout: LIFE,
        channel: tried.channel,
        virtual_start: None,
        routing_target: None,
        ignore_capacity: None,
        queue: None,
    };
    let Answer::Task(sid) = copy.decide(Command::CreateTask(task), now, entropy)?.answer else {
        unreachable!("a task was created")
    };
    let explanation = copy.explain(sid, now).ok_or_else(|| RoutingError::missing(sid))?;
    let task = copy.task(sid).cloned().ok_or_else(|| RoutingError::missing(sid))?;
    let reserved = task.reservations.iter().filter_map(|wr| copy.reservation(*wr));
    let offered = reserved.map(|r| r.worker).collect();
    // Whoever is offered it now must not look busy with it in the steps to come.
    copy.decide(Command::DeleteTask { sid, if_match: None }, now, entropy)?;
    Ok(Trial { explanation, offered, steps: steps(&copy, &task, now) })
}

fn steps(copy: &Workspace, task: &Task, now: Timestamp) -> Vec<StepAhead> {
    let (Some(step), Some(definition)) = (task.step, copy.definition(task.workflow)) else {
        return Vec::new();
    };
    let mut ahead = Vec::new();
    let mut from = Duration::ZERO;
    for at in 0..STEPS_TRIED_MAX {
        let Some(target) = definition.target(step.filter, at) else { break };
        let mut there = task.clone();
        there.step = Some(Step { target: at, ..step });
        there.queue = Some(target.queue);
        let skipped = at < step.target;
        ahead.push(one(copy, &there, target, from, skipped, now));
        match target.timeout {
            _ if skipped => {}
            Some(timeout) => from += timeout,
            None => break,
        }
    }
    ahead
}

fn one(
    copy: &Workspace,
    there: &Task,
    target: &Target,
    from: Duration,
    skipped: bool,
    now: Timestamp,
) -> StepAhead {
    let workers = explain::considered(copy, there, now);
    let free = workers.iter().filter(|one| one.ruled_out.is_none()).count();
    StepAhead {
        from_s: from.as_secs(),
        timeout_s: target.timeout.map(|timeout| timeout.as_secs()),
        queue: target.queue,
        queue_name: copy
            .task_queue(target.queue)
            .map_or_else(String::new, |queue| queue.friendly_name.clone()),
        expression: target.expression.as_ref().map(|expression| expression.text().to_owned()),
        order_by: target.order_by.as_ref().map(|order| order.text().to_owned()),
        priority: target.priority,
        skipped,
        redirects: !target.redirect.is_empty(),
        free,
        workers: workers.into_iter().take(WORKERS_EXPLAINED_MAX).collect(),
    }
}
