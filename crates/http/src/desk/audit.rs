//! What people did to the work of others and to the set-up: kept before it is answered, read by supervisors.

use crate::answer::{Outcome, ok};
use crate::ask::{App, Asked, At};
use crate::store_page;
use axum::extract::State;
use base::*;
use serde_json::{Value, json};
use std::fmt::Display;
use store::model::AuditEntry;
use wire::ApiError;
use wire::page::{Listing, PageQuery, SIZE_MAX};

/// Keeps that whoever asked did `act` to `subject`.
pub(super) async fn note(
    app: &App,
    asked: &Asked,
    workspace: Option<WorkspaceSid>,
    act: &str,
    subject: impl Display,
    detail: Option<String>,
) -> Result<(), ApiError> {
    let entry = AuditEntry {
        sid: app.sids.make(AuditSid::generate),
        account: asked.account,
        workspace,
        user: asked.user.as_ref().map(|user| user.sid),
        login: asked.user.as_ref().map(|user| user.login.clone()),
        act: act.to_owned(),
        subject: subject.to_string(),
        detail,
        created: app.now(),
    };
    Ok(app.store.audit_add(entry).await?)
}

/// The same, if what it is done to is another worker's.
pub(super) async fn note_of_other(
    app: &App,
    asked: &Asked,
    (ws, wk): (WorkspaceSid, WorkerSid),
    act: &str,
    detail: Option<String>,
) -> Result<(), ApiError> {
    match &asked.user {
        Some(user) if user.worker == Some(wk) => Ok(()),
        _ => note(app, asked, Some(ws), act, wk, detail).await,
    }
}

fn show(of: &AuditEntry) -> Value {
    json!({
        "sid": of.sid,
        "account_sid": of.account,
        "workspace_sid": of.workspace,
        "user_sid": of.user,
        "login": of.login,
        "act": of.act,
        "subject": of.subject,
        "detail": of.detail,
        "date_created": wire::desk::at(of.created),
    })
}

/// Newest first.
pub(super) async fn list(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    app.own(asked.account, ws)?;
    let query = PageQuery::parse(&asked.params, SIZE_MAX)?;
    let rows = app.store.audit(ws, store_page::ask(&query)).await?;
    let page = store_page::page(&query, rows, |of| of.sid, |of| show(&of));
    let path = asked.at.url(format_args!("/Workspaces/{ws}/Audit"));
    Ok(ok(Listing { path, key: "audit", filters: Vec::new(), query }.v1(page)))
}
