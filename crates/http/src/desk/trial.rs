//! Trying before changing: does an expression parse and whom does it match, and what would a workflow do with a task.

use super::fields;
use crate::answer::{Outcome, ok};
use crate::ask::{App, Asked, At};
use axum::extract::State;
use base::*;
use engine::routing::Workspace;
use engine::routing::model::Attributes;
use engine::routing::trial::{Tried, try_task as play};
use expr::{Context, Expression, OrderBy};
use serde::Deserialize;
use serde_json::{Value, json};
use wire::form::bad;
use wire::{ApiError, tandem};

/// Workers that one answer names; all are counted.
const WORKERS_SHOWN_MAX: usize = 50;
/// Trials that run at once: each copies the workspace.
const TRIALS_MAX: usize = 2;

static RUNNING: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(TRIALS_MAX);

/// `expression`, and what it is over: `context` `worker` (a queue's), `task` (a filter's), `target`, `skip`, or `order` for
/// an `order_by`. An expression that is wrong is a good answer that says where; for `worker` it says whom it matches now.
pub(super) async fn check(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    let form = fields(&asked)?;
    let text = form.text("expression").unwrap_or_default().to_owned();
    let contexts = [
        ("worker", Some(Context::Worker)),
        ("task", Some(Context::Task)),
        ("target", Some(Context::Target)),
        ("skip", Some(Context::Skip)),
        ("order", None),
    ];
    let context = form.one_of("context", &contexts)?.unwrap_or(Some(Context::Worker));
    let parsed = match context {
        Some(context) => Expression::parse(&text, context).map(Some),
        None => OrderBy::parse(&text).map(|_| None),
    };
    let read = move |w: &Workspace, _| {
        let answer = match parsed {
            Err(fault) => json!({
                "valid": false, "column": fault.column, "message": fault.message, "workers": Value::Null, "matching": Value::Null,
            }),
            Ok(Some(expression)) if context == Some(Context::Worker) => {
                let mut matching = 0;
                let mut named = Vec::new();
                for worker in w.matching_workers(&expression) {
                    matching += 1;
                    if named.len() < WORKERS_SHOWN_MAX {
                        let activity = w.activity(worker.activity);
                        named.push(json!({
                            "worker_sid": worker.sid,
                            "friendly_name": worker.friendly_name,
                            "activity_name": activity.map(|of| &of.friendly_name),
                            "available": activity.is_some_and(|of| of.available),
                        }));
                    }
                }
                json!({ "valid": true, "column": null, "message": null, "workers": named, "matching": matching })
            }
            Ok(_) => {
                json!({ "valid": true, "column": null, "message": null, "workers": null, "matching": null })
            }
        };
        Ok(answer)
    };
    Ok(ok(app.read(&asked, ws, read).await?))
}

/// The body of a trial.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    /// A workflow document, as an object or as its text.
    configuration: Value,
    /// What is known of the task, as an object or as its text.
    #[serde(default)]
    attributes: Value,
    /// Unique name or SID of its channel.
    channel: Option<String>,
    #[serde(default)]
    priority: u32,
}

/// An object as it came, or the text of one.
fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Null => "{}".to_owned(),
        document => document.to_string(),
    }
}

/// What the workflow would do with such a task, as things are now. Nothing is changed by asking.
pub(super) async fn try_task(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    let body: Body = serde_json::from_slice(&asked.body).map_err(|why| {
        ApiError::invalid(format!("The body must be {{configuration, attributes, channel, priority}}: {why}"))
    })?;
    let attributes = text(body.attributes);
    let attributes = Attributes::parse(&attributes).map_err(|why| bad("attributes", &attributes, why))?;
    let tried = Tried {
        configuration: text(body.configuration),
        attributes,
        channel: body.channel.filter(|channel| !channel.is_empty()),
        priority: body.priority,
    };
    let Ok(_running) = RUNNING.try_acquire() else {
        return Err(ApiError::with(20429, "Another trial is running: try again in a moment").into());
    };
    let (snapshot, now) = app.read(&asked, ws, |w, now| Ok((w.snapshot(), now))).await?;
    let played = tokio::task::spawn_blocking(move || play(Workspace::restore(snapshot), tried, now));
    let trial = played.await.map_err(ApiError::internal)??;
    Ok(ok(tandem::trial(&trial)))
}
