//! `/healthz`, `/readyz` and `/metrics`.

use crate::ask::App;
use axum::extract;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
use store::Store;

/// Where the process is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not everything is up.
    Starting,
    /// Serving.
    Serving,
    /// Finishing what was begun; nothing new.
    Draining,
}

/// Where the process is in its life, shared. Begins as [`State::Starting`].
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicU8>);

impl Readiness {
    /// From now on `state`.
    pub fn set(&self, state: State) {
        self.0.store(state as u8, Ordering::Release);
    }

    /// Where it is.
    pub fn state(&self) -> State {
        match self.0.load(Ordering::Acquire) {
            0 => State::Starting,
            1 => State::Serving,
            _ => State::Draining,
        }
    }
}

/// How long the store may take to show that it is there.
const LOOK_MAX: Duration = Duration::from_secs(2);

/// Whether the store answers.
pub(crate) async fn reachable(store: &Store) -> bool {
    tokio::time::timeout(LOOK_MAX, store.look()).await.is_ok_and(|looked| looked.is_ok())
}

pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

pub(crate) async fn readyz(extract::State(app): extract::State<App>) -> (StatusCode, &'static str) {
    match app.readiness.state() {
        State::Serving if !reachable(&app.store).await => {
            (StatusCode::SERVICE_UNAVAILABLE, "the database cannot be reached\n")
        }
        State::Serving => (StatusCode::OK, "ready\n"),
        State::Starting => (StatusCode::SERVICE_UNAVAILABLE, "starting\n"),
        State::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
    }
}

pub(crate) async fn metrics(extract::State(app): extract::State<App>) -> Response {
    let text = app.metrics.render(&app).await;
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
        .into_response()
}
