//! Workers, their channels and their reservations.

use super::tasks::{change_reservation, reservation_command};
use super::{List, by_age, settings, unexpected};
use crate::answer::{Answer, Outcome, created, deleted, ok};
use crate::ask::{App, Asked, At};
use crate::routes::routes;
use axum::extract::State;
use base::*;
use engine::routing::Workspace;
use engine::routing::command::{Answer as Decided, Command};
use engine::routing::model::{Reservation, Worker, WorkerChannel};
use expr::{Context, Expression};
use serde_json::Value;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use wire::form::bad;
use wire::taskrouter::ReservationView;
use wire::{Address, ApiError, Params, taskrouter};

routes! {
    "/Workspaces/{ws}/Workers" => get list, post create;
    "/Workspaces/{ws}/Workers/{wk}" => get fetch, post update, delete remove;
    "/Workspaces/{ws}/Workers/{wk}/Channels" => get list_channels;
    "/Workspaces/{ws}/Workers/{wk}/Channels/{sid}" => get fetch_channel, post update_channel;
    "/Workspaces/{ws}/Workers/{wk}/Reservations" => get list_reservations;
    "/Workspaces/{ws}/Workers/{wk}/Reservations/{wr}" => get fetch_reservation, post update_reservation;
}

fn show(at: &Address, w: &Workspace, worker: &Worker) -> Value {
    taskrouter::worker(at, settings(w), worker, w.activity(worker.activity))
}

fn find(w: &Workspace, wk: WorkerSid) -> Result<&Worker, ApiError> {
    w.worker(wk).ok_or_else(|| ApiError::not_found(wk))
}

/// A worker with its version.
fn one(at: &Address, w: &Workspace, wk: WorkerSid) -> Result<Answer, ApiError> {
    let worker = find(w, wk)?;
    Ok(ok(show(at, w, worker)).version(worker.version))
}

const FILTERS: &[&str] = &[
    "ActivityName",
    "ActivitySid",
    "Available",
    "FriendlyName",
    "TargetWorkersExpression",
    "TaskQueueSid",
    "TaskQueueName",
    "Ordering",
];

/// Which workers a list shows; every condition that is set must hold.
pub(crate) struct Filter {
    activity: Option<ActivitySid>,
    activity_name: Option<String>,
    available: Option<bool>,
    friendly_name: Option<String>,
    expression: Option<Expression>,
    queue: Option<TaskQueueSid>,
    queue_name: Option<String>,
}

impl Filter {
    pub(crate) fn parse(params: &Params) -> Result<Self, ApiError> {
        let text = |name: &str| params.filled(name).map(str::to_owned);
        let expression = params.filled("TargetWorkersExpression").map(|text| {
            Expression::parse(text, Context::Worker).map_err(|why| bad("TargetWorkersExpression", text, why))
        });
        Ok(Self {
            activity: params.parsed("ActivitySid")?,
            activity_name: text("ActivityName"),
            available: params.boolean("Available"),
            friendly_name: text("FriendlyName"),
            expression: expression.transpose()?,
            queue: params.parsed("TaskQueueSid")?,
            queue_name: text("TaskQueueName"),
        })
    }

    pub(crate) fn select<'w>(&self, w: &'w Workspace) -> Vec<&'w Worker> {
        let mut found: Vec<&Worker> = match &self.expression {
            Some(expression) => w.matching_workers(expression).collect(),
            None => w.workers().collect(),
        };
        let eligible =
            |queue| -> BTreeSet<WorkerSid> { w.eligible_workers(queue).map(|wk| wk.sid).collect() };
        if let Some(queue) = self.queue {
            let eligible = eligible(queue);
            found.retain(|worker| eligible.contains(&worker.sid));
        }
        if let Some(name) = &self.queue_name {
            let named = w.task_queues().filter(|queue| queue.friendly_name == *name);
            let eligible: BTreeSet<_> = named.flat_map(|queue| eligible(queue.sid)).collect();
            found.retain(|worker| eligible.contains(&worker.sid));
        }
        found.retain(|worker| {
            let activity = w.activity(worker.activity);
            self.activity.is_none_or(|sid| sid == worker.activity)
                && self.activity_name.as_ref().is_none_or(|n| activity.is_some_and(|a| a.friendly_name == *n))
                && self.available.is_none_or(|is| activity.is_some_and(|a| a.available) == is)
                && self.friendly_name.as_ref().is_none_or(|name| *name == worker.friendly_name)
        });
        found
    }
}

/// `Ordering=DateStatusChanged:asc|desc`; else oldest first.
pub(crate) fn ordering(params: &Params) -> Result<fn(&&Worker, &&Worker) -> Ordering, ApiError> {
    Ok(match params.filled("Ordering") {
        None => |a, b| by_age(a.created, a.sid).cmp(&by_age(b.created, b.sid)),
        Some("DateStatusChanged:asc" | "DateStatusChanged") => {
            |a, b| (a.status_changed, a.sid).cmp(&(b.status_changed, b.sid))
        }
        Some("DateStatusChanged:desc") => |a, b| (b.status_changed, b.sid).cmp(&(a.status_changed, a.sid)),
        Some(other) => {
            return Err(bad("Ordering", other, "must be DateStatusChanged:asc or DateStatusChanged:desc"));
        }
    })
}

async fn list(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    let list = List::new(&asked, ws, "Workers", "workers", FILTERS)?;
    let (filter, order) = (Filter::parse(&asked.params)?, ordering(&asked.params)?);
    let read = move |w: &Workspace, _| {
        Ok(list.show(filter.select(w), order, |worker| worker.sid, |at, worker| show(at, w, worker)))
    };
    Ok(app.list(&asked, ws, read).await?)
}

async fn create(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    let (command, at) = (taskrouter::new_worker(&asked.params)?, asked.at.clone());
    let read = move |w: &Workspace, _, answer: &Decided| match answer {
        Decided::Worker(sid) => {
            find(w, *sid).map(|worker| created(show(&at, w, worker)).version(worker.version))
        }
        other => Err(unexpected(other)),
    };
    Ok(app.change(&asked, ws, command, read).await?)
}

async fn fetch(State(app): State<App>, At((ws, wk)): At<(WorkspaceSid, WorkerSid)>, asked: Asked) -> Outcome {
    let at = asked.at.clone();
    Ok(app.read(&asked, ws, move |w, _| one(&at, w, wk)).await?)
}

async fn update(
    State(app): State<App>,
    At((ws, wk)): At<(WorkspaceSid, WorkerSid)>,
    asked: Asked,
) -> Outcome {
    let change = taskrouter::worker_change(&asked.params)?;
    let command = Command::UpdateWorker { sid: wk, if_match: asked.if_match, change };
    let at = asked.at.clone();
    Ok(app.change(&asked, ws, command, move |w, _, _| one(&at, w, wk)).await?)
}

async fn remove(
    State(app): State<App>,
    At((ws, wk)): At<(WorkspaceSid, WorkerSid)>,
    asked: Asked,
) -> Outcome {
    app.ask(&asked, ws, Command::DeleteWorker { sid: wk, if_match: asked.if_match }).await?;
    Ok(deleted())
}

// --- Channels -------------------------------------------------------------------------------------------------

fn show_channel(at: &Address, w: &Workspace, wk: WorkerSid, channel: &WorkerChannel) -> Value {
    let named = w.task_channels().find(|c| c.sid == channel.task_channel);
    taskrouter::worker_channel(at, settings(w), wk, channel, named.map(|c| c.unique_name.as_str()))
}

/// By its own SID, its task channel's SID, or its unique name.
fn channel<'w>(w: &'w Workspace, wk: WorkerSid, name: &str) -> Result<&'w WorkerChannel, ApiError> {
    let channels = &find(w, wk)?.channels;
    let own = name.parse().ok().and_then(|sid: WorkerChannelSid| channels.values().find(|c| c.sid == sid));
    own.or_else(|| channels.get(&w.task_channel(name)?.sid)).ok_or_else(|| ApiError::not_found(name))
}

async fn list_channels(
    State(app): State<App>,
    At((ws, wk)): At<(WorkspaceSid, WorkerSid)>,
    asked: Asked,
) -> Outcome {
    let list = List::new(&asked, ws, format_args!("Workers/{wk}/Channels"), "channels", &[])?;
    let read = move |w: &Workspace, _| {
        Ok(list.show(
            find(w, wk)?.channels.values().collect(),
            |a, b| by_age(a.created, a.sid).cmp(&by_age(b.created, b.sid)),
            |c| c.sid,
            |at, c| show_channel(at, w, wk, c),
        ))
    };
    Ok(app.list(&asked, ws, read).await?)
}

async fn fetch_channel(
    State(app): State<App>,
    At((ws, wk, name)): At<(WorkspaceSid, WorkerSid, String)>,
    asked: Asked,
) -> Outcome {
    let at = asked.at.clone();
    let read = move |w: &Workspace, _| channel(w, wk, &name).map(|c| show_channel(&at, w, wk, c));
    Ok(ok(app.read(&asked, ws, read).await?))
}

async fn update_channel(
    State(app): State<App>,
    At((ws, wk, name)): At<(WorkspaceSid, WorkerSid, String)>,
    asked: Asked,
) -> Outcome {
    let (capacity, available) = taskrouter::worker_channel_change(&asked.params)?;
    let named = name.clone();
    let task_channel =
        app.read(&asked, ws, move |w, _| channel(w, wk, &named).map(|c| c.task_channel)).await?;
    let command = Command::UpdateWorkerChannel { worker: wk, channel: task_channel, capacity, available };
    let at = asked.at.clone();
    let read =
        move |w: &Workspace, _, _: &Decided| channel(w, wk, &name).map(|c| show_channel(&at, w, wk, c));
    Ok(ok(app.change(&asked, ws, command, read).await?))
}

// --- Reservations ---------------------------------------------------------------------------------------------

/// A reservation, if it is this worker's.
fn reservation(w: &Workspace, wk: WorkerSid, wr: ReservationSid) -> Result<&Reservation, ApiError> {
    w.reservation(wr).filter(|r| r.worker == wk).ok_or_else(|| ApiError::not_found(wr))
}

fn show_reservation(at: &Address, w: &Workspace, r: &Reservation) -> Value {
    let name = w.worker(r.worker).map(|worker| worker.friendly_name.as_str());
    taskrouter::reservation(at, settings(w), ReservationView::Worker, r, name)
}

async fn list_reservations(
    State(app): State<App>,
    At((ws, wk)): At<(WorkspaceSid, WorkerSid)>,
    asked: Asked,
) -> Outcome {
    let path = format_args!("Workers/{wk}/Reservations").to_string();
    let list = List::new(&asked, ws, path, "reservations", &["ReservationStatus"])?;
    let status = taskrouter::reservation_status(&asked.params)?;
    let read = move |w: &Workspace, _| {
        find(w, wk)?;
        Ok(list.show(
            w.reservations_of(wk).filter(|r| status.is_none_or(|status| status == r.status)).collect(),
            |a, b| by_age(a.created, a.sid).cmp(&by_age(b.created, b.sid)),
            |r| r.sid,
            |at, r| show_reservation(at, w, r),
        ))
    };
    Ok(app.list(&asked, ws, read).await?)
}

async fn fetch_reservation(
    State(app): State<App>,
    At((ws, wk, wr)): At<(WorkspaceSid, WorkerSid, ReservationSid)>,
    asked: Asked,
) -> Outcome {
    let at = asked.at.clone();
    let read = move |w: &Workspace, _| {
        reservation(w, wk, wr).map(|r| ok(show_reservation(&at, w, r)).version(r.version))
    };
    Ok(app.read(&asked, ws, read).await?)
}

async fn update_reservation(
    State(app): State<App>,
    At((ws, wk, wr)): At<(WorkspaceSid, WorkerSid, ReservationSid)>,
    asked: Asked,
) -> Outcome {
    let command = reservation_command(&asked, wr)?;
    let at = asked.at.clone();
    let is_of_worker = move |r: &Reservation| r.worker == wk;
    change_reservation(&app, &asked, ws, wr, is_of_worker, command, move |w, r| show_reservation(&at, w, r))
        .await
}
