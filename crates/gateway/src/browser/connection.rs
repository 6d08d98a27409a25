//! One websocket: frames in, frames out, a heartbeat.

use super::Browsers;
use super::frames::{Frame, SignalError, frame};
use super::signalling::Input;
use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::get;
use serde_json::json;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tracing::debug;

/// One websocket, for as long as it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ConnectionId(pub u64);

/// What is sent on a websocket.
#[derive(Debug)]
pub(super) enum Outgoing {
    Text(String),
    /// Closes it with this code.
    Close(u16),
}

/// What is read at once: each connection has a buffer of so much, and clears it for every read.
const READ_BYTES: usize = 8 * 1024;

static NEXT: AtomicU64 = AtomicU64::new(1);

pub(super) fn routes(browsers: Browsers) -> Router {
    Router::new().route("/signal", get(upgrade)).with_state(browsers)
}

async fn upgrade(State(browsers): State<Browsers>, upgrade: WebSocketUpgrade) -> Response {
    upgrade
        .max_message_size(FRAME_BYTES_MAX)
        .read_buffer_size(READ_BYTES)
        .on_upgrade(move |socket| talk(browsers, socket))
}

async fn talk(browsers: Browsers, mut socket: WebSocket) {
    let id = ConnectionId(NEXT.fetch_add(1, Ordering::Relaxed));
    let (out, mut outbox) = mpsc::channel(OUTBOX_MAX);
    if browsers.inbox.send(Input::Opened { id, out }).await.is_err() {
        return;
    }
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    let mut last_heard = 0u32;
    loop {
        tokio::select! {
            message = outbox.recv() => {
                let (message, last) = match message {
                    Some(Outgoing::Text(text)) => (Message::Text(text.into()), false),
                    Some(Outgoing::Close(code)) => (close(code), true),
                    None => (close(1012), true),
                };
                let sent = tokio::time::timeout(SEND_TIME, socket.send(message)).await;
                if last || !matches!(sent, Ok(Ok(()))) {
                    break;
                }
            }
            _ = heartbeat.tick() => {
                last_heard += 1;
                let sent = tokio::time::timeout(SEND_TIME, socket.send(Message::Text("\n".into()))).await;
                if last_heard > BEATS_MISSED_MAX || !matches!(sent, Ok(Ok(()))) {
                    break;
                }
            }
            received = socket.recv() => {
                last_heard = 0;
                let text = match received {
                    Some(Ok(Message::Text(text))) => text,
                    Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => continue,
                    Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                };
                if text.trim().is_empty() {
                    continue;
                }
                let Some(input) = input(&browsers, id, &text).await else {
                    let error = json!({"error": SignalError::of(31100)});
                    let text = frame("error", error);
                    if socket.send(Message::Text(text.into())).await.is_err() {
                        break;
                    }
                    continue;
                };
                if browsers.inbox.send(input).await.is_err() {
                    break;
                }
            }
        }
    }
    // Without a switch there is nobody to tell.
    let _ = browsers.inbox.send(Input::Closed { id }).await;
}

/// What a frame means; `None` for what is no frame.
async fn input(browsers: &Browsers, id: ConnectionId, text: &str) -> Option<Input> {
    let frame: Frame = match serde_json::from_str(text) {
        Ok(frame) => frame,
        Err(error) => {
            debug!(%error, "a browser sent what is no frame: {error}");
            return None;
        }
    };
    if frame.kind != "listen" {
        return Some(Input::Frame { id, frame });
    }
    let access = match frame.payload.token.as_deref() {
        Some(token) => browsers.doorkeeper.check(token).await,
        None => Err(SignalError::of(31102)),
    };
    let hold = frame.payload.reconnect_timeout.unwrap_or(0.0).clamp(0.0, HOLD_S_MAX);
    Some(Input::Listen { id, access: access.map(Box::new), hold: Duration::from_secs_f64(hold) })
}

fn close(code: u16) -> Message {
    Message::Close(Some(axum::extract::ws::CloseFrame { code, reason: "".into() }))
}

/// The client gives up after 15 s without a frame (reference: voice §6.1).
const HEARTBEAT: Duration = Duration::from_secs(8);
/// Heartbeats a browser may leave unanswered.
const BEATS_MISSED_MAX: u32 = 3;
/// How long one frame may take to be sent.
const SEND_TIME: Duration = Duration::from_secs(10);
/// Frames that may wait for one browser; one that reads slower is cut off.
const OUTBOX_MAX: usize = 256;
/// Longest frame: a description with many candidates and a token fit well.
const FRAME_BYTES_MAX: usize = 128 * 1024;
/// The longest a call is kept without its websocket, in seconds.
const HOLD_S_MAX: f64 = 30.0;
