//! What another workflow would have done with the tasks of a recorded time.

use crate::answer::{Outcome, ok};
use crate::ask::{App, Asked, At};
use axum::extract::State;
use base::*;
use engine::routing::replay::{Bounds, ReplayError, replay as play};
use serde::Deserialize;
use serde_json::Value;
use store::RecordingError;
use wire::ApiError;

/// Tasks that one request may replay.
const TASKS_MAX: usize = 10_000;
/// Events of the recorded time that one request may replay.
const EVENTS_MAX: usize = 200_000;
/// Events before it that one request may read.
const HISTORY_MAX: usize = 1_000_000;
/// Replays that run at once; more are asked to come back.
const REPLAYS_MAX: usize = 1;

static RUNNING: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(REPLAYS_MAX);

/// The request's body.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    /// A workflow document, as an object or as its text.
    configuration: Value,
    /// From when: ISO 8601.
    since: String,
}

/// Plays the time from `since` until now twice, with the workflow as it was and with the draft.
pub(super) async fn replay(
    State(app): State<App>,
    At((ws, ww)): At<(WorkspaceSid, WorkflowSid)>,
    asked: Asked,
) -> Outcome {
    app.read(&asked, ws, move |w, _| w.workflow(ww).map(|_| ()).ok_or_else(|| ApiError::not_found(ww)))
        .await?;
    let body: Body = serde_json::from_slice(&asked.body)
        .map_err(|why| ApiError::invalid(format!("The body must be {{configuration, since}}: {why}")))?;
    let configuration = match body.configuration {
        Value::String(text) => text,
        document => document.to_string(),
    };
    let since = Timestamp::parse(&body.since)
        .filter(|since| *since < app.now())
        .ok_or_else(|| ApiError::invalid("since must be an ISO 8601 time in the past"))?;
    let Ok(_running) = RUNNING.try_acquire() else {
        return Err(ApiError::with(20429, "Another replay is running: try again later").into());
    };
    let bounds = Bounds { tasks_max: TASKS_MAX, events_max: EVENTS_MAX, history_max: HISTORY_MAX };
    let recording = app.store.recording(ws, ww, since, bounds).await.map_err(refused)?;
    let until = app.now();
    let played = tokio::task::spawn_blocking(move || play(recording, &configuration, until)).await;
    let report = played.map_err(ApiError::internal)?.map_err(|why| refused(why.into()))?;
    Ok(ok(wire::tandem::replay(&report)))
}

fn refused(error: RecordingError) -> ApiError {
    match error {
        RecordingError::Store(error) => error.into(),
        RecordingError::Replay(ReplayError::Draft(error)) => error.into(),
        RecordingError::Replay(error) => ApiError::invalid(sentence(&error.to_string())),
    }
}

/// `more than …` → `More than …`
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
