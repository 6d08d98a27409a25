//! The voice policy of a workspace, and a worker's overrides.

use crate::answer::{Outcome, deleted, ok};
use crate::ask::{App, Asked, At};
use axum::extract::State;
use base::*;
use engine::routing::Workspace;
use engine::routing::command::{Command, WorkspaceChange};
use engine::routing::model::{VoiceOverrides, VoicePolicy};
use expr::{Context, Expression};
use serde_json::{Value, json};
use tracing::info;
use wire::ApiError;
use wire::form::bad;
use wire::tandem::{OverridesBody, PolicyBody};

fn show(w: &Workspace) -> Result<Value, ApiError> {
    let policy = w.settings().voice_policy.as_ref().ok_or_else(|| ApiError::not_found(""))?;
    Ok(json!(PolicyBody::from(policy)))
}

fn change(policy: Option<VoicePolicy>) -> Command {
    Command::UpdateWorkspace(WorkspaceChange { voice_policy: Some(policy), ..WorkspaceChange::default() })
}

pub(super) async fn fetch(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    Ok(ok(app.read(&asked, ws, |w, _| show(w)).await?))
}

pub(super) async fn set(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    let policy = PolicyBody::parse(&asked.body)?;
    Expression::parse(&policy.direct, Context::Task).map_err(|why| bad("direct", &policy.direct, why))?;
    let shown = app.change(&asked, ws, change(Some(policy)), |w, _, _| show(w)).await?;
    info!(workspace.sid = %ws, "the voice policy of {ws} was set");
    Ok(ok(shown))
}

pub(super) async fn remove(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    app.ask(&asked, ws, change(None)).await?;
    info!(workspace.sid = %ws, "the voice policy of {ws} was removed");
    Ok(deleted())
}

fn show_of(w: &Workspace, wk: WorkerSid) -> Result<Value, ApiError> {
    let worker = w.worker(wk).ok_or_else(|| ApiError::not_found(wk))?;
    Ok(json!(OverridesBody::from(worker.voice)))
}

pub(super) async fn fetch_of(
    State(app): State<App>,
    At((ws, wk)): At<(WorkspaceSid, WorkerSid)>,
    asked: Asked,
) -> Outcome {
    Ok(ok(app.read(&asked, ws, move |w, _| show_of(w, wk)).await?))
}

pub(super) async fn set_of(
    State(app): State<App>,
    At((ws, wk)): At<(WorkspaceSid, WorkerSid)>,
    asked: Asked,
) -> Outcome {
    let command = Command::SetVoiceOverrides { worker: wk, voice: OverridesBody::parse(&asked.body)? };
    let shown = app.change(&asked, ws, command, move |w, _, _| show_of(w, wk)).await?;
    info!(workspace.sid = %ws, worker.sid = %wk, "the voice policy of {wk} was set");
    Ok(ok(shown))
}

pub(super) async fn remove_of(
    State(app): State<App>,
    At((ws, wk)): At<(WorkspaceSid, WorkerSid)>,
    asked: Asked,
) -> Outcome {
    let command = Command::SetVoiceOverrides { worker: wk, voice: VoiceOverrides::default() };
    app.ask(&asked, ws, command).await?;
    info!(workspace.sid = %ws, worker.sid = %wk, "the voice policy of {wk} was removed");
    Ok(deleted())
}
