//! Events: what the journal told of the past.

use super::{List, settings};
use crate::answer::{Outcome, ok};
use crate::ask::{App, Asked, At};
use crate::routes::routes;
use crate::store_page;
use axum::extract::State;
use base::*;
use engine::routing::Workspace;
use engine::routing::model::WorkspaceSettings;
use store::ToldFilter;
use wire::form::bad;
use wire::statistics::{self, Window};
use wire::{ApiError, Params};

routes! {
    "/Workspaces/{ws}/Events" => get list;
    "/Workspaces/{ws}/Events/{ev}" => get fetch;
}

const FILTERS: &[&str] = &[
    "StartDate",
    "EndDate",
    "Minutes",
    "EventType",
    "TaskSid",
    "WorkerSid",
    "TaskQueueSid",
    "WorkflowSid",
    "ReservationSid",
    "TaskChannel",
    "Sid",
];

fn filter(params: &Params, now: Timestamp, channel: Option<TaskChannelSid>) -> Result<ToldFilter, ApiError> {
    let window = Window::parse(params, now)?;
    Ok(ToldFilter {
        event_types: params.filled("EventType").map(str::to_owned).into_iter().collect(),
        sid: params.parsed("Sid")?,
        task: params.parsed("TaskSid")?,
        worker: params.parsed("WorkerSid")?,
        reservation: params.parsed("ReservationSid")?,
        queue: params.parsed("TaskQueueSid")?,
        workflow: params.parsed("WorkflowSid")?,
        channel,
        from: Some(window.from),
        before: Some(window.until),
    })
}

/// The channel that a text names: one of the workspace's, or by its SID one that is no more.
pub(super) fn channel(w: &Workspace, text: Option<&str>) -> Result<Option<TaskChannelSid>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let known = w.task_channel(text).map(|channel| channel.sid).or_else(|| text.parse().ok());
    known.map(Some).ok_or_else(|| bad("TaskChannel", text, "is no TaskChannel of this Workspace"))
}

async fn of(app: &App, asked: &Asked, ws: WorkspaceSid) -> Result<(WorkspaceSettings, ToldFilter), ApiError> {
    let params = asked.params.clone();
    let read = move |w: &Workspace, now| {
        let channel = channel(w, params.filled("TaskChannel"))?;
        Ok((settings(w).clone(), filter(&params, now, channel)?))
    };
    app.read(asked, ws, read).await
}

/// Newest first.
async fn list(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    let list = List::new(&asked, ws, "Events", "events", FILTERS)?;
    let (settings, filter) = of(&app, &asked, ws).await?;
    let rows = app.store.told(ws, filter, store_page::ask(&list.listing.query)).await?;
    let page = store_page::page(
        &list.listing.query,
        rows,
        |told| told.sid,
        |told| statistics::event(&list.at, &settings, &told),
    );
    Ok(ok(list.listing.v1(page)))
}

async fn fetch(State(app): State<App>, At((ws, ev)): At<(WorkspaceSid, EventSid)>, asked: Asked) -> Outcome {
    let settings = app.read(&asked, ws, |w, _| Ok(settings(w).clone())).await?;
    let one = ToldFilter { sid: Some(ev), ..ToldFilter::default() };
    let rows = app.store.told(ws, one, store::Page::first(1)).await?;
    let told = rows.rows.first().ok_or_else(|| ApiError::not_found(ev))?;
    Ok(ok(statistics::event(&asked.at, &settings, told)))
}
