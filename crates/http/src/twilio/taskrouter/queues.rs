//! Task queues and workflows.

use super::{List, activity_name, by_age, settings, unexpected};
use crate::answer::{Outcome, created, deleted, ok};
use crate::ask::{App, Asked, At};
use crate::routes::routes;
use axum::extract::State;
use base::*;
use engine::routing::Workspace;
use engine::routing::command::{Answer as Decided, Command};
use engine::routing::model::{Attributes, TaskQueue};
use expr::{Context, Expression, WorkerScope, no_channels};
use serde_json::Value;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use wire::form::bad;
use wire::{Address, ApiError, Params, taskrouter};

routes! {
    "/Workspaces/{ws}/TaskQueues" => get list, post create;
    "/Workspaces/{ws}/TaskQueues/{wq}" => get fetch, post update, delete remove;
    "/Workspaces/{ws}/Workflows" => get list_workflows, post create_workflow;
    "/Workspaces/{ws}/Workflows/{ww}" => get fetch_workflow, post update_workflow, delete remove_workflow;
}

fn show(at: &Address, w: &Workspace, queue: &TaskQueue) -> Value {
    let name = |sid| activity_name(w, sid);
    taskrouter::task_queue(
        at,
        settings(w),
        queue,
        name(queue.reservation_activity),
        name(queue.assignment_activity),
    )
}

fn one(at: &Address, w: &Workspace, wq: TaskQueueSid) -> Result<Value, ApiError> {
    w.task_queue(wq).map(|queue| show(at, w, queue)).ok_or_else(|| ApiError::not_found(wq))
}

/// `EvaluateWorkerAttributes`: the attributes of an imagined worker, or an expression that a worker of the queue must
/// match.
enum Imagined {
    Worker(Attributes),
    Workers(Expression),
}

impl Imagined {
    /// JSON first; what is none may be an expression.
    fn parse(params: &Params) -> Result<Option<Self>, ApiError> {
        const NAME: &str = "EvaluateWorkerAttributes";
        let Some(text) = params.filled(NAME) else { return Ok(None) };
        if text.trim_start().starts_with('{') {
            return Ok(params.attributes(NAME)?.map(Self::Worker));
        }
        match Expression::parse(text, Context::Worker) {
            Ok(expression) => Ok(Some(Self::Workers(expression))),
            Err(why) => {
                Err(bad(NAME, text, format_args!("is neither a JSON object nor an expression: {why}")))
            }
        }
    }

    /// The queues it admits.
    fn queues(&self, w: &Workspace) -> BTreeSet<TaskQueueSid> {
        match self {
            Self::Worker(imagined) => {
                w.task_queues().filter(|queue| serves(queue, imagined)).map(|queue| queue.sid).collect()
            }
            Self::Workers(expression) => {
                let found = w.matching_workers(expression);
                found.flat_map(|worker| w.queues_of(worker.sid)).map(|queue| queue.sid).collect()
            }
        }
    }
}

/// Would an imagined worker with these attributes serve the queue?
fn serves(queue: &TaskQueue, imagined: &Attributes) -> bool {
    let worker = WorkerScope {
        sid: WorkerSid([0; 16]),
        friendly_name: "",
        attributes: imagined.value(),
        activity_sid: ActivitySid([0; 16]),
        activity_name: "",
        channels: &no_channels,
    };
    Expression::parse(&queue.target_workers, Context::Worker).is_ok_and(|expression| expression.eval(&worker))
}

pub(crate) fn ordering(params: &Params) -> Result<fn(&&TaskQueue, &&TaskQueue) -> Ordering, ApiError> {
    Ok(match params.filled("Ordering") {
        None => |a, b| by_age(a.created, a.sid).cmp(&by_age(b.created, b.sid)),
        Some("DateUpdated:asc" | "DateUpdated") => |a, b| (a.updated, a.sid).cmp(&(b.updated, b.sid)),
        Some("DateUpdated:desc") => |a, b| (b.updated, b.sid).cmp(&(a.updated, a.sid)),
        Some(other) => return Err(bad("Ordering", other, "must be DateUpdated:asc or DateUpdated:desc")),
    })
}

async fn list(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    let filters = &["FriendlyName", "EvaluateWorkerAttributes", "WorkerSid", "Ordering"];
    let list = List::new(&asked, ws, "TaskQueues", "task_queues", filters)?;
    let name = asked.params.filled("FriendlyName").map(str::to_owned);
    let imagined = Imagined::parse(&asked.params)?;
    let worker = asked.params.parsed::<WorkerSid>("WorkerSid")?;
    let order = ordering(&asked.params)?;
    let read = move |w: &Workspace, _| {
        let of_worker: Option<BTreeSet<_>> =
            worker.map(|wk| w.queues_of(wk).map(|queue| queue.sid).collect());
        let imagined = imagined.map(|imagined| imagined.queues(w));
        let found = w.task_queues().filter(|queue| {
            name.as_ref().is_none_or(|name| *name == queue.friendly_name)
                && of_worker.as_ref().is_none_or(|queues| queues.contains(&queue.sid))
                && imagined.as_ref().is_none_or(|queues| queues.contains(&queue.sid))
        });
        Ok(list.show(found.collect(), order, |queue| queue.sid, |at, queue| show(at, w, queue)))
    };
    Ok(app.list(&asked, ws, read).await?)
}

async fn create(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    let command = Command::CreateTaskQueue(taskrouter::new_task_queue(&asked.params)?);
    let at = asked.at.clone();
    let read = move |w: &Workspace, _, answer: &Decided| match answer {
        Decided::TaskQueue(sid) => one(&at, w, *sid),
        other => Err(unexpected(other)),
    };
    Ok(created(app.change(&asked, ws, command, read).await?))
}

async fn fetch(
    State(app): State<App>,
    At((ws, wq)): At<(WorkspaceSid, TaskQueueSid)>,
    asked: Asked,
) -> Outcome {
    let at = asked.at.clone();
    Ok(ok(app.read(&asked, ws, move |w, _| one(&at, w, wq)).await?))
}

async fn update(
    State(app): State<App>,
    At((ws, wq)): At<(WorkspaceSid, TaskQueueSid)>,
    asked: Asked,
) -> Outcome {
    let command = Command::UpdateTaskQueue { sid: wq, change: taskrouter::task_queue_change(&asked.params)? };
    let at = asked.at.clone();
    Ok(ok(app.change(&asked, ws, command, move |w, _, _| one(&at, w, wq)).await?))
}

async fn remove(
    State(app): State<App>,
    At((ws, wq)): At<(WorkspaceSid, TaskQueueSid)>,
    asked: Asked,
) -> Outcome {
    app.ask(&asked, ws, Command::DeleteTaskQueue { sid: wq }).await?;
    Ok(deleted())
}

// --- Workflows ------------------------------------------------------------------------------------------------

fn show_workflow(at: &Address, w: &Workspace, ww: WorkflowSid) -> Result<Value, ApiError> {
    let workflow = w.workflow(ww).ok_or_else(|| ApiError::not_found(ww))?;
    Ok(taskrouter::workflow(at, settings(w), workflow))
}

async fn list_workflows(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    let list = List::new(&asked, ws, "Workflows", "workflows", &["FriendlyName"])?;
    let name = asked.params.filled("FriendlyName").map(str::to_owned);
    let read = move |w: &Workspace, _| {
        Ok(list.show(
            w.workflows().filter(|f| name.as_ref().is_none_or(|name| *name == f.friendly_name)).collect(),
            |a, b| by_age(a.created, a.sid).cmp(&by_age(b.created, b.sid)),
            |f| f.sid,
            |at, f| taskrouter::workflow(at, settings(w), f),
        ))
    };
    Ok(app.list(&asked, ws, read).await?)
}

async fn create_workflow(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    let command = Command::CreateWorkflow(taskrouter::new_workflow(&asked.params)?);
    let at = asked.at.clone();
    let read = move |w: &Workspace, _, answer: &Decided| match answer {
        Decided::Workflow(sid) => show_workflow(&at, w, *sid),
        other => Err(unexpected(other)),
    };
    Ok(created(app.change(&asked, ws, command, read).await?))
}

async fn fetch_workflow(
    State(app): State<App>,
    At((ws, ww)): At<(WorkspaceSid, WorkflowSid)>,
    asked: Asked,
) -> Outcome {
    let at = asked.at.clone();
    Ok(ok(app.read(&asked, ws, move |w, _| show_workflow(&at, w, ww)).await?))
}

async fn update_workflow(
    State(app): State<App>,
    At((ws, ww)): At<(WorkspaceSid, WorkflowSid)>,
    asked: Asked,
) -> Outcome {
    let command = Command::UpdateWorkflow { sid: ww, change: taskrouter::workflow_change(&asked.params)? };
    let at = asked.at.clone();
    Ok(ok(app.change(&asked, ws, command, move |w, _, _| show_workflow(&at, w, ww)).await?))
}

async fn remove_workflow(
    State(app): State<App>,
    At((ws, ww)): At<(WorkspaceSid, WorkflowSid)>,
    asked: Asked,
) -> Outcome {
    app.ask(&asked, ws, Command::DeleteWorkflow { sid: ww }).await?;
    Ok(deleted())
}
