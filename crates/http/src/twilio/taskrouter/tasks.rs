//! Tasks and their reservations.

use super::{List, by_age, settings, unexpected};
use crate::answer::{Answer, Outcome, created, deleted, ok};
use crate::ask::{App, Asked, At};
use crate::routes::routes;
use axum::extract::State;
use base::*;
use engine::routing::Workspace;
use engine::routing::command::{Answer as Decided, Command, RoutingError};
use engine::routing::model::{Reservation, RoutingTarget, Task, TaskStatus};
use expr::{Context, Expression, TaskScope};
use serde_json::Value;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use wire::form::bad;
use wire::instruction::{ReservationUpdate, reservation_update};
use wire::taskrouter::{ReservationView, TaskNames};
use wire::{Address, ApiError, Params, taskrouter};

routes! {
    "/Workspaces/{ws}/Tasks" => get list, post create;
    "/Workspaces/{ws}/Tasks/{wt}" => get fetch, post update, delete remove;
    "/Workspaces/{ws}/Tasks/{wt}/Reservations" => get list_reservations;
    "/Workspaces/{ws}/Tasks/{wt}/Reservations/{wr}" => get fetch_reservation, post update_reservation;
}

fn show(at: &Address, w: &Workspace, task: &Task, now: Timestamp) -> Value {
    let names = TaskNames {
        queue: task.queue.and_then(|sid| Some(w.task_queue(sid)?.friendly_name.as_str())),
        channel: w.task_channels().find(|c| c.sid == task.channel).map(|c| c.unique_name.as_str()),
        workflow: w.workflow(task.workflow).map(|f| f.friendly_name.as_str()),
    };
    taskrouter::task(at, settings(w), task, names, now)
}

fn find(w: &Workspace, wt: TaskSid) -> Result<&Task, ApiError> {
    w.task(wt).ok_or_else(|| ApiError::not_found(wt))
}

/// A task with its version.
fn one(at: &Address, w: &Workspace, wt: TaskSid, now: Timestamp) -> Result<Answer, ApiError> {
    let task = find(w, wt)?;
    Ok(ok(show(at, w, task, now)).version(task.version))
}

const FILTERS: &[&str] = &[
    "Priority",
    "AssignmentStatus",
    "WorkflowSid",
    "WorkflowName",
    "TaskQueueSid",
    "TaskQueueName",
    "EvaluateTaskAttributes",
    "RoutingTarget",
    "Ordering",
    "HasAddons",
];

/// Which tasks a list shows; every condition that is set must hold.
struct Filter {
    priority: Option<u32>,
    statuses: Vec<TaskStatus>,
    workflow: Option<WorkflowSid>,
    workflow_name: Option<String>,
    queue: Option<TaskQueueSid>,
    queue_name: Option<String>,
    expression: Option<Expression>,
    routing_target: Option<String>,
    has_addons: bool,
}

impl Filter {
    fn parse(params: &Params) -> Result<Self, ApiError> {
        let text = |name: &str| params.filled(name).map(str::to_owned);
        let expression = params.filled("EvaluateTaskAttributes").map(|text| {
            Expression::parse(text, Context::Task).map_err(|why| bad("EvaluateTaskAttributes", text, why))
        });
        Ok(Self {
            priority: params.number32("Priority", 0, taskrouter::PRIORITY_MAX)?,
            statuses: taskrouter::task_statuses(params)?,
            workflow: params.parsed("WorkflowSid")?,
            workflow_name: text("WorkflowName"),
            queue: params.parsed("TaskQueueSid")?,
            queue_name: text("TaskQueueName"),
            expression: expression.transpose()?,
            routing_target: text("RoutingTarget"),
            has_addons: params.boolean("HasAddons").unwrap_or(false),
        })
    }

    fn select<'w>(&self, w: &'w Workspace) -> Vec<&'w Task> {
        let queues: Option<BTreeSet<_>> = self
            .queue_name
            .as_ref()
            .map(|name| w.task_queues().filter(|q| q.friendly_name == *name).map(|q| q.sid).collect());
        let workflows: Option<BTreeSet<_>> = self
            .workflow_name
            .as_ref()
            .map(|name| w.workflows().filter(|f| f.friendly_name == *name).map(|f| f.sid).collect());
        let admits = |task: &&Task| {
            self.priority.is_none_or(|priority| priority == task.priority)
                && (self.statuses.is_empty() || self.statuses.contains(&task.status))
                && self.workflow.is_none_or(|sid| sid == task.workflow)
                && workflows.as_ref().is_none_or(|named| named.contains(&task.workflow))
                && self.queue.is_none_or(|sid| task.queue == Some(sid))
                && queues.as_ref().is_none_or(|named| task.queue.is_some_and(|sid| named.contains(&sid)))
                && self.routing_target.as_ref().is_none_or(|text| target_is(task, text))
                && self.expression.as_ref().is_none_or(|expression| {
                    expression.eval(&TaskScope { attributes: task.attributes.value() })
                })
        };
        // No task has add-ons.
        if self.has_addons { Vec::new() } else { w.tasks().filter(admits).collect() }
    }
}

fn target_is(task: &Task, text: &str) -> bool {
    task.routing_target.is_some_and(|target| match target {
        RoutingTarget::Worker(sid) => sid.to_string() == text,
        RoutingTarget::Queue(sid) => sid.to_string() == text,
        RoutingTarget::Workflow(sid) => sid.to_string() == text,
    })
}

/// What a list is ordered by, first things first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Created,
    Priority,
    VirtualStart,
}

/// `Ordering`: a comma list of `Attribute:asc|desc`.
fn ordering(params: &Params) -> Result<Vec<(Key, bool)>, ApiError> {
    let text = params.filled("Ordering").unwrap_or("DateCreated:asc");
    let mut clauses = Vec::new();
    for word in text.split(',') {
        let (name, direction) = word.trim().split_once(':').unwrap_or((word.trim(), "asc"));
        let key = match name {
            "DateCreated" => Key::Created,
            "Priority" => Key::Priority,
            "VirtualStartTime" => Key::VirtualStart,
            _ => return Err(bad("Ordering", text, "must be DateCreated, Priority or VirtualStartTime")),
        };
        let descending = match direction {
            "asc" => false,
            "desc" => true,
            _ => return Err(bad("Ordering", text, "must be asc or desc")),
        };
        if clauses.iter().any(|(k, _)| *k == key) {
            return Err(bad("Ordering", text, "names an attribute twice"));
        }
        clauses.push((key, descending));
    }
    let has = |key| clauses.iter().any(|(k, _)| *k == key);
    if has(Key::Created) && has(Key::VirtualStart) {
        return Err(bad("Ordering", text, "cannot combine DateCreated and VirtualStartTime"));
    }
    Ok(clauses)
}

fn compare(clauses: &[(Key, bool)], a: &Task, b: &Task) -> Ordering {
    let by_clauses = clauses.iter().fold(Ordering::Equal, |so_far, (key, descending)| {
        let order = match key {
            Key::Created => a.created.cmp(&b.created),
            Key::Priority => a.priority.cmp(&b.priority),
            Key::VirtualStart => a.virtual_start.cmp(&b.virtual_start),
        };
        so_far.then(if *descending { order.reverse() } else { order })
    });
    by_clauses.then(by_age(a.created, a.sid).cmp(&by_age(b.created, b.sid)))
}

async fn list(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    let list = List::new(&asked, ws, "Tasks", "tasks", FILTERS)?;
    let (filter, clauses) = (Filter::parse(&asked.params)?, ordering(&asked.params)?);
    let read = move |w: &Workspace, now| {
        Ok(list.show(
            filter.select(w),
            |a, b| compare(&clauses, a, b),
            |task| task.sid,
            |at, task| show(at, w, task, now),
        ))
    };
    Ok(app.list(&asked, ws, read).await?)
}

async fn create(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    taskrouter::check_target_workflow(&asked.params, ws, asked.account)?;
    let command = Command::CreateTask(taskrouter::new_task(&asked.params, app.now())?);
    let at = asked.at.clone();
    let read = move |w: &Workspace, now, answer: &Decided| match answer {
        Decided::Task(sid) => {
            let task = find(w, *sid)?;
            // Answered as it was created, even if the same decision has reserved (or canceled) it already. The version
            // is the current one: an update guarded by it is not refused for what the client did not do.
            let born = Task { status: TaskStatus::Pending, reason: None, ..task.clone() };
            Ok(created(show(&at, w, &born, now)).version(task.version))
        }
        other => Err(unexpected(other)),
    };
    Ok(app.change(&asked, ws, command, read).await?)
}

async fn fetch(State(app): State<App>, At((ws, wt)): At<(WorkspaceSid, TaskSid)>, asked: Asked) -> Outcome {
    let at = asked.at.clone();
    Ok(app.read(&asked, ws, move |w, now| one(&at, w, wt, now)).await?)
}

async fn update(State(app): State<App>, At((ws, wt)): At<(WorkspaceSid, TaskSid)>, asked: Asked) -> Outcome {
    let change = taskrouter::task_change(&asked.params, app.now())?;
    let command = Command::UpdateTask { sid: wt, if_match: asked.if_match, change };
    let at = asked.at.clone();
    Ok(app.change(&asked, ws, command, move |w, now, _| one(&at, w, wt, now)).await?)
}

async fn remove(State(app): State<App>, At((ws, wt)): At<(WorkspaceSid, TaskSid)>, asked: Asked) -> Outcome {
    app.ask(&asked, ws, Command::DeleteTask { sid: wt, if_match: asked.if_match }).await?;
    Ok(deleted())
}

// --- Reservations ---------------------------------------------------------------------------------------------

/// A reservation, if it is this task's.
fn reservation(w: &Workspace, wt: TaskSid, wr: ReservationSid) -> Result<&Reservation, ApiError> {
    w.reservation(wr).filter(|r| r.task == wt).ok_or_else(|| ApiError::not_found(wr))
}

fn show_reservation(at: &Address, w: &Workspace, r: &Reservation) -> Value {
    let name = w.worker(r.worker).map(|worker| worker.friendly_name.as_str());
    taskrouter::reservation(at, settings(w), ReservationView::Task, r, name)
}

async fn list_reservations(
    State(app): State<App>,
    At((ws, wt)): At<(WorkspaceSid, TaskSid)>,
    asked: Asked,
) -> Outcome {
    let path = format!("Tasks/{wt}/Reservations");
    let list = List::new(&asked, ws, path, "reservations", &["ReservationStatus", "WorkerSid"])?;
    let status = taskrouter::reservation_status(&asked.params)?;
    let worker = asked.params.parsed::<WorkerSid>("WorkerSid")?;
    let read = move |w: &Workspace, _| {
        let of_task = find(w, wt)?.reservations.iter().filter_map(|sid| w.reservation(*sid));
        let found = of_task.filter(|r| {
            status.is_none_or(|status| status == r.status) && worker.is_none_or(|worker| worker == r.worker)
        });
        Ok(list.show(
            found.collect(),
            |a, b| by_age(a.created, a.sid).cmp(&by_age(b.created, b.sid)),
            |r| r.sid,
            |at, r| show_reservation(at, w, r),
        ))
    };
    Ok(app.list(&asked, ws, read).await?)
}

async fn fetch_reservation(
    State(app): State<App>,
    At((ws, wt, wr)): At<(WorkspaceSid, TaskSid, ReservationSid)>,
    asked: Asked,
) -> Outcome {
    let at = asked.at.clone();
    let read = move |w: &Workspace, _| {
        reservation(w, wt, wr).map(|r| ok(show_reservation(&at, w, r)).version(r.version))
    };
    Ok(app.read(&asked, ws, read).await?)
}

async fn update_reservation(
    State(app): State<App>,
    At((ws, wt, wr)): At<(WorkspaceSid, TaskSid, ReservationSid)>,
    asked: Asked,
) -> Outcome {
    let command = reservation_command(&asked, wr)?;
    let at = asked.at.clone();
    let is_of_task = move |r: &Reservation| r.task == wt;
    change_reservation(&app, &asked, ws, wr, is_of_task, command, move |w, r| show_reservation(&at, w, r))
        .await
}

/// What an update of a reservation asks the engine.
pub(super) fn reservation_command(asked: &Asked, wr: ReservationSid) -> Result<Command, ApiError> {
    Ok(match reservation_update(&asked.params)? {
        ReservationUpdate::Status { status, activity } => {
            Command::UpdateReservation { sid: wr, if_match: asked.if_match, status, activity }
        }
        ReservationUpdate::Instruct(instruction) => {
            Command::Instruct { reservation: wr, instruction: *instruction }
        }
    })
}

/// Asks, if it is the reservation `belongs`, and shows it as it is then.
pub(super) async fn change_reservation(
    app: &App,
    asked: &Asked,
    ws: WorkspaceSid,
    wr: ReservationSid,
    belongs: impl FnOnce(&Reservation) -> bool + Send + 'static,
    command: Command,
    show: impl FnOnce(&Workspace, &Reservation) -> Value + Send + 'static,
) -> Outcome {
    let check = move |w: &Workspace| match w.reservation(wr).is_some_and(belongs) {
        true => Ok(()),
        false => Err(RoutingError::missing(wr)),
    };
    let read = move |w: &Workspace, _, _: &Decided| {
        let r = w.reservation(wr).ok_or_else(|| ApiError::not_found(wr))?;
        Ok(ok(show(w, r)).version(r.version))
    };
    Ok(app.change_if(asked, ws, check, command, read).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orderings_are_lists_and_two_dates_do_not_combine() {
        let of = |text| ordering(&Params::of([("Ordering", text)]));
        assert_eq!(
            of("Priority:desc,DateCreated:asc"),
            Ok(vec![(Key::Priority, true), (Key::Created, false)])
        );
        assert_eq!(of("VirtualStartTime"), Ok(vec![(Key::VirtualStart, false)]));
        for text in
            ["DateCreated:asc,VirtualStartTime:asc", "Age:asc", "Priority:up", "Priority:asc,Priority:asc"]
        {
            let error = of(text).unwrap_err();
            assert!(error.code == 20001 && error.message.contains(text), "{}", error.message);
        }
    }
}
