//! What a workflow was before: its published documents, who published each, and why.

use crate::answer::{Outcome, ok};
use crate::ask::{App, Asked, At};
use axum::extract::State;
use base::*;
use engine::routing::event::Event;
use engine::routing::model::Workflow;
use serde_json::{Value, json};
use std::time::Duration;
use store::model::AuditEntry;
use store::{JournalFilter, Page, Rows};
use wire::ApiError;

/// Changes of all workflows of a workspace that are looked through.
const CHANGES_MAX: u32 = 1_000;
/// Published documents that are shown.
const REVISIONS_MAX: usize = 50;
/// Entries of the audit list that are looked through, and how many at once.
const AUDIT_MAX: usize = 4_000;
const AUDIT_PAGE: u32 = 1_000;
/// An act is noted so long before its event at most.
const NOTED_BEFORE: Duration = Duration::from_secs(30);

/// Newest first, for as long as the workspace's events are kept.
pub(super) async fn list(
    State(app): State<App>,
    At((ws, ww)): At<(WorkspaceSid, WorkflowSid)>,
    asked: Asked,
) -> Outcome {
    app.read(&asked, ws, move |w, _| w.workflow(ww).map(|_| ()).ok_or_else(|| ApiError::not_found(ww)))
        .await?;
    let mut published: Vec<(Timestamp, Workflow)> = Vec::new();
    for event_type in ["workflow-created", "workflow-updated"] {
        let filter = JournalFilter { event_type: Some(event_type.to_owned()), ..JournalFilter::default() };
        let rows = app.store.journal(ws, filter, None, CHANGES_MAX).await?;
        published.extend(rows.into_iter().filter_map(|row| match row.recorded.event {
            Event::WorkflowCreated { workflow } | Event::WorkflowUpdated { workflow } => {
                (workflow.sid == ww).then_some((row.recorded.at, workflow))
            }
            _ => None,
        }));
    }
    published.sort_by_key(|(at, workflow)| (workflow.revision, *at));
    // A change of something else than the document is the same revision.
    published.dedup_by_key(|(_, workflow)| workflow.revision);
    let acts = acts(&app, ws, ww).await?;
    let shown: Vec<Value> =
        published.iter().rev().take(REVISIONS_MAX).map(|(at, of)| show(*at, of, &acts)).collect();
    Ok(ok(json!({ "workflow_sid": ww, "revisions": shown })))
}

/// What people did to the workflow, newest first.
async fn acts(app: &App, ws: WorkspaceSid, ww: WorkflowSid) -> Result<Vec<AuditEntry>, ApiError> {
    let subject = ww.to_string();
    let (mut found, mut seen, mut page) = (Vec::new(), 0, Page::first(AUDIT_PAGE));
    loop {
        let Rows { rows, more } = app.store.audit(ws, page).await?;
        seen += rows.len();
        let last = rows.last().map(|entry| entry.sid.to_string());
        found.extend(rows.into_iter().filter(|entry| {
            entry.act == "workflow.create" || (entry.act == "workflow.update" && entry.subject == subject)
        }));
        match last.filter(|_| more && seen < AUDIT_MAX) {
            Some(last) => page = Page::after(AUDIT_PAGE, last),
            None => return Ok(found),
        }
    }
}

fn show(at: Timestamp, of: &Workflow, acts: &[AuditEntry]) -> Value {
    let act = act_of(at, of, acts);
    json!({
        "revision": of.revision,
        "friendly_name": of.friendly_name,
        "configuration": of.configuration,
        "login": act.and_then(|act| act.login.as_deref()),
        "reason": act.and_then(|act| reason(act.detail.as_deref()?)),
        "date_created": wire::desk::at(at),
    })
}

/// The act that an event came of: it is noted right before.
fn act_of<'a>(at: Timestamp, of: &Workflow, acts: &'a [AuditEntry]) -> Option<&'a AuditEntry> {
    acts.iter().find(|act| {
        let is_its = act.subject == of.sid.to_string() || act.subject == of.friendly_name;
        is_its && act.created <= at && at <= act.created + NOTED_BEFORE
    })
}

/// The last member of an act's detail, `…, reason=why`.
fn reason(detail: &str) -> Option<&str> {
    let (before, reason) = detail.split_once("reason=")?;
    ((before.is_empty() || before.ends_with(", ")) && !reason.is_empty()).then_some(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_last_thing_that_is_noted() {
        assert_eq!(reason("configuration, reason=Bills, and more"), Some("Bills, and more"));
        assert_eq!(reason("reason=one"), Some("one"));
        for none in ["configuration", "friendly_name=no reason=given", "configuration, reason="] {
            assert_eq!(reason(none), None, "{none}");
        }
    }
}
