//! Task transfers without the JavaScript SDK.

use super::fields;
use crate::answer::{Outcome, created, ok};
use crate::ask::{App, Asked, At};
use axum::extract::State;
use base::*;
use engine::routing::Workspace;
use engine::routing::command::{Answer, Command};
use serde_json::{Value, json};
use tracing::info;
use wire::form::bad;
use wire::{ApiError, transfer};

fn show(w: &Workspace, wt: TaskSid, tt: TransferSid) -> Result<Value, ApiError> {
    let found = w.transfer(tt).filter(|transfer| transfer.task == wt);
    found.map(|found| transfer::payload(w, found)).ok_or_else(|| ApiError::not_found(tt))
}

pub(super) async fn list(
    State(app): State<App>,
    At((ws, wt)): At<(WorkspaceSid, TaskSid)>,
    asked: Asked,
) -> Outcome {
    let read = move |w: &Workspace, _| {
        w.task(wt).ok_or_else(|| ApiError::not_found(wt))?;
        let shown: Vec<Value> = w.transfers_of(wt).map(|of| transfer::payload(w, of)).collect();
        Ok(json!({ "task_sid": wt, "transfers": shown }))
    };
    Ok(ok(app.read(&asked, ws, read).await?))
}

pub(super) async fn create(
    State(app): State<App>,
    At((ws, wt)): At<(WorkspaceSid, TaskSid)>,
    asked: Asked,
) -> Outcome {
    let command = transfer::create(&fields(&asked)?, &transfer::OURS, Some(wt))?;
    let read = move |w: &Workspace, _, made: &Answer| match made {
        Answer::Transfer(tt) => show(w, wt, *tt),
        _ => Err(ApiError::not_found(wt)),
    };
    let shown = app.change(&asked, ws, command, read).await?;
    info!(task.sid = %wt, "a transfer of {wt} was asked for");
    Ok(created(shown))
}

pub(super) async fn fetch(
    State(app): State<App>,
    At((ws, wt, tt)): At<(WorkspaceSid, TaskSid, TransferSid)>,
    asked: Asked,
) -> Outcome {
    Ok(ok(app.read(&asked, ws, move |w, _| show(w, wt, tt)).await?))
}

/// `Status=canceled`, nothing else.
pub(super) async fn update(
    State(app): State<App>,
    At((ws, wt, tt)): At<(WorkspaceSid, TaskSid, TransferSid)>,
    asked: Asked,
) -> Outcome {
    let fields = fields(&asked)?;
    let status = fields.required("status")?;
    if status != "canceled" {
        return Err(bad("status", status, "can only be canceled").into());
    }
    app.read(&asked, ws, move |w, _| show(w, wt, tt)).await?;
    let cancel = Command::CancelTransfer { sid: tt };
    Ok(ok(app.change(&asked, ws, cancel, move |w, _, _| show(w, wt, tt)).await?))
}
