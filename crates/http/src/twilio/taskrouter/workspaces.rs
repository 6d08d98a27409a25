//! Workspaces, their activities and their task channels.

use super::{List, activity_name, by_age, settings, unexpected};
use crate::answer::{Outcome, created, deleted, ok};
use crate::ask::{App, Asked, At};
use crate::routes::routes;
use axum::extract::State;
use base::*;
use engine::routing::Workspace;
use engine::routing::command::{Answer as Decided, Command};
use serde_json::Value;
use tracing::info;
use wire::page::{Listing, Page, PageQuery, SIZE_MAX};
use wire::{Address, ApiError, taskrouter};

routes! {
    "/Workspaces" => get list, post create;
    "/Workspaces/{ws}" => get fetch, post update, delete remove;
    "/Workspaces/{ws}/Activities" => get list_activities, post create_activity;
    "/Workspaces/{ws}/Activities/{sid}" => get fetch_activity, post update_activity, delete remove_activity;
    "/Workspaces/{ws}/TaskChannels" => get list_channels, post create_channel;
    "/Workspaces/{ws}/TaskChannels/{sid}" => get fetch_channel, post update_channel, delete remove_channel;
}

fn show(at: &Address, w: &Workspace) -> Value {
    let of = settings(w);
    let name = |sid| activity_name(w, Some(sid));
    taskrouter::workspace(at, of, name(of.default_activity), name(of.timeout_activity))
}

async fn create(State(app): State<App>, asked: Asked) -> Outcome {
    let ws = app.workspaces.create(asked.account, taskrouter::new_workspace(&asked.params)?).await?;
    info!(workspace.sid = %ws, account.sid = %asked.account, "workspace {ws} was created");
    let at = asked.at.clone();
    Ok(created(app.read(&asked, ws, move |w, _| Ok(show(&at, w))).await?))
}

async fn list(State(app): State<App>, asked: Asked) -> Outcome {
    let query = PageQuery::parse(&asked.params, SIZE_MAX)?;
    let filters = asked.params.filters(&["FriendlyName"]);
    let name = asked.params.filled("FriendlyName").map(str::to_owned);
    let mut found = Vec::new();
    for ws in app.workspaces.list(asked.account) {
        let (at, name) = (asked.at.clone(), name.clone());
        let read = app.workspaces.read(ws, move |w, _| {
            let of = settings(w);
            name.is_none_or(|name| name == of.friendly_name).then(|| (of.created, of.sid, show(&at, w)))
        });
        match read.await {
            Ok(shown) => found.extend(shown),
            // Deleted since the list was read.
            Err(owner::AskError::Missing(_)) => {}
            Err(other) => return Err(other.into()),
        }
    }
    let page = Page::cut(
        found,
        &query,
        |a, b| by_age(a.0, a.1).cmp(&by_age(b.0, b.1)),
        |item| item.1,
        |item, text| text.parse().is_ok_and(|sid: WorkspaceSid| sid == item.1),
    );
    let listing = Listing { path: asked.at.url("/Workspaces"), key: "workspaces", filters, query };
    Ok(ok(listing.v1(page.map(|item| item.2))))
}

async fn fetch(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    let at = asked.at.clone();
    Ok(ok(app.read(&asked, ws, move |w, _| Ok(show(&at, w))).await?))
}

/// A multitasking workspace becomes single-tasking only where another of the account is (reference: §1.1).
async fn check_single_tasking(app: &App, asked: &Asked, ws: WorkspaceSid) -> Result<(), ApiError> {
    let is_multi = |w: &Workspace, _| Ok::<_, ApiError>(settings(w).multi_task_enabled);
    if !app.read(asked, ws, is_multi).await? {
        return Ok(());
    }
    for other in app.workspaces.list(asked.account).into_iter().filter(|other| *other != ws) {
        // One that was deleted meanwhile is no other.
        if app.workspaces.read(other, |w, _| !settings(w).multi_task_enabled).await.unwrap_or(false) {
            return Ok(());
        }
    }
    Err(wire::form::bad(
        "MultiTaskEnabled",
        "false",
        "multitasking can be disabled only where another workspace of the account is single-tasking",
    ))
}

async fn update(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    let change = taskrouter::workspace_change(&asked.params)?;
    if change.multi_task_enabled == Some(false) {
        check_single_tasking(&app, &asked, ws).await?;
    }
    let command = Command::UpdateWorkspace(change);
    let at = asked.at.clone();
    Ok(ok(app.change(&asked, ws, command, move |w, _, _| Ok(show(&at, w))).await?))
}

async fn remove(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    app.own(asked.account, ws)?;
    app.workspaces.delete(ws).await?;
    info!(workspace.sid = %ws, account.sid = %asked.account, "workspace {ws} was deleted");
    Ok(deleted())
}

// --- Activities -----------------------------------------------------------------------------------------------

fn show_activity(at: &Address, w: &Workspace, sid: ActivitySid) -> Result<Value, ApiError> {
    let activity = w.activity(sid).ok_or_else(|| ApiError::not_found(sid))?;
    Ok(taskrouter::activity(at, settings(w), activity))
}

async fn list_activities(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    let list = List::new(&asked, ws, "Activities", "activities", &["FriendlyName", "Available"])?;
    let name = asked.params.filled("FriendlyName").map(str::to_owned);
    let available = asked.params.boolean("Available");
    let read = move |w: &Workspace, _| {
        let found = w.activities().filter(|a| {
            name.as_ref().is_none_or(|name| *name == a.friendly_name)
                && available.is_none_or(|available| available == a.available)
        });
        Ok(list.show(
            found.collect(),
            |a, b| by_age(a.created, a.sid).cmp(&by_age(b.created, b.sid)),
            |a| a.sid,
            |at, a| taskrouter::activity(at, settings(w), a),
        ))
    };
    Ok(app.list(&asked, ws, read).await?)
}

async fn create_activity(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    let (command, at) = (taskrouter::new_activity(&asked.params)?, asked.at.clone());
    let read = move |w: &Workspace, _, answer: &Decided| match answer {
        Decided::Activity(sid) => show_activity(&at, w, *sid),
        other => Err(unexpected(other)),
    };
    Ok(created(app.change(&asked, ws, command, read).await?))
}

async fn fetch_activity(
    State(app): State<App>,
    At((ws, sid)): At<(WorkspaceSid, ActivitySid)>,
    asked: Asked,
) -> Outcome {
    let at = asked.at.clone();
    Ok(ok(app.read(&asked, ws, move |w, _| show_activity(&at, w, sid)).await?))
}

async fn update_activity(
    State(app): State<App>,
    At((ws, sid)): At<(WorkspaceSid, ActivitySid)>,
    asked: Asked,
) -> Outcome {
    let (command, at) = (taskrouter::activity_change(sid, &asked.params)?, asked.at.clone());
    Ok(ok(app.change(&asked, ws, command, move |w, _, _| show_activity(&at, w, sid)).await?))
}

async fn remove_activity(
    State(app): State<App>,
    At((ws, sid)): At<(WorkspaceSid, ActivitySid)>,
    asked: Asked,
) -> Outcome {
    app.ask(&asked, ws, Command::DeleteActivity { sid }).await?;
    Ok(deleted())
}

// --- Task channels --------------------------------------------------------------------------------------------

fn show_channel(at: &Address, w: &Workspace, name: &str) -> Result<Value, ApiError> {
    let channel = w.task_channel(name).ok_or_else(|| ApiError::not_found(name))?;
    Ok(taskrouter::task_channel(at, settings(w), channel))
}

/// The SID behind a SID or unique name.
async fn channel_sid(
    app: &App,
    asked: &Asked,
    ws: WorkspaceSid,
    name: &str,
) -> Result<TaskChannelSid, ApiError> {
    let name = name.to_owned();
    app.read(asked, ws, move |w, _| {
        w.task_channel(&name).map(|channel| channel.sid).ok_or_else(|| ApiError::not_found(&name))
    })
    .await
}

async fn list_channels(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    let list = List::new(&asked, ws, "TaskChannels", "channels", &[])?;
    let read = move |w: &Workspace, _| {
        Ok(list.show(
            w.task_channels().collect(),
            |a, b| by_age(a.created, a.sid).cmp(&by_age(b.created, b.sid)),
            |c| c.sid,
            |at, c| taskrouter::task_channel(at, settings(w), c),
        ))
    };
    Ok(app.list(&asked, ws, read).await?)
}

async fn create_channel(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    let (command, at) = (taskrouter::new_task_channel(&asked.params)?, asked.at.clone());
    let read = move |w: &Workspace, _, answer: &Decided| match answer {
        Decided::TaskChannel(sid) => show_channel(&at, w, &sid.to_string()),
        other => Err(unexpected(other)),
    };
    Ok(created(app.change(&asked, ws, command, read).await?))
}

async fn fetch_channel(
    State(app): State<App>,
    At((ws, name)): At<(WorkspaceSid, String)>,
    asked: Asked,
) -> Outcome {
    let at = asked.at.clone();
    Ok(ok(app.read(&asked, ws, move |w, _| show_channel(&at, w, &name)).await?))
}

async fn update_channel(
    State(app): State<App>,
    At((ws, name)): At<(WorkspaceSid, String)>,
    asked: Asked,
) -> Outcome {
    let sid = channel_sid(&app, &asked, ws, &name).await?;
    let (command, at) = (taskrouter::task_channel_change(sid, &asked.params)?, asked.at.clone());
    Ok(ok(app.change(&asked, ws, command, move |w, _, _| show_channel(&at, w, &sid.to_string())).await?))
}

async fn remove_channel(
    State(app): State<App>,
    At((ws, name)): At<(WorkspaceSid, String)>,
    asked: Asked,
) -> Outcome {
    let sid = channel_sid(&app, &asked, ws, &name).await?;
    app.ask(&asked, ws, Command::DeleteTaskChannel { sid }).await?;
    Ok(deleted())
}
