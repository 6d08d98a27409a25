//! One desk's websocket: we talk, the client listens.

use super::hub::{FRAMES_MAX, Frame, Join};
use crate::ask::App;
use crate::desk::access::SignedIn;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use base::WorkspaceSid;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_util::sync::CancellationToken;
use tracing::info;
use wire::desk::DeskMessage;

/// How often a sign of life is sent, and the session looked at.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Heartbeats without any sign of the client after which it is lost.
const SILENT_BEATS_MAX: u32 = 6;
/// Longest time for one frame to leave.
const SEND_MAX: Duration = Duration::from_secs(10);
/// Largest frame that is read: clients send nothing but signs of life.
pub(super) const INCOMING_BYTES_MAX: usize = 4 * 1024;
/// Close codes of our own: the session is over; the client is too slow.
pub(super) const SIGNED_OUT: u16 = 4401;
pub(super) const TOO_SLOW: u16 = 4408;

/// Serves a websocket to its end.
pub(super) async fn run(
    app: App,
    ws: WorkspaceSid,
    signed_in: SignedIn,
    since: Option<(String, u32)>,
    socket: WebSocket,
    stop: CancellationToken,
) {
    let (frames, inbox) = mpsc::channel(FRAMES_MAX);
    let (id, user) = (app.desks.socket_id(), signed_in.user.sid);
    let digest = signed_in.session.digest.clone();
    app.desks.join(ws, Join { id, user: signed_in.user, frames, since }).await;
    info!(user.sid = %user, "a desk of {user} is connected");
    let why = Talk { app: &app, socket, inbox, digest }.run(&stop).await;
    info!(user.sid = %user, "a desk of {user} is gone: {why}");
    app.desks.leave(ws, id, user).await;
}

struct Talk<'a> {
    app: &'a App,
    socket: WebSocket,
    inbox: mpsc::Receiver<Frame>,
    digest: String,
}

impl Talk<'_> {
    async fn run(mut self, stop: &CancellationToken) -> &'static str {
        let mut beats = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut silent = 0;
        loop {
            tokio::select! {
                frame = self.inbox.recv() => match frame {
                    Some(Frame::Text(text)) => {
                        if !self.send(Message::Text(text)).await {
                            return "it does not read";
                        }
                    }
                    Some(Frame::Close(code, why)) => {
                        self.close(code, why).await;
                        return why;
                    }
                    None => {
                        self.close(1013, "Try again").await;
                        return "its hub has ended";
                    }
                },
                message = self.socket.recv() => match message {
                    Some(Ok(Message::Close(_))) | None => return "it said goodbye",
                    Some(Err(_)) => return "the connection was lost",
                    Some(Ok(_)) => silent = 0,
                },
                _ = beats.tick() => {
                    silent += 1;
                    if silent > SILENT_BEATS_MAX {
                        return "it is silent";
                    }
                    let session = self.app.store.user_session(self.digest.clone(), self.app.now()).await;
                    if matches!(session, Ok(None)) {
                        self.close(SIGNED_OUT, "Signed out").await;
                        return "its session is over";
                    }
                    let beat = DeskMessage::Beat { at: wire::desk::at(self.app.now()) };
                    let text = serde_json::to_string(&beat).unwrap_or_default();
                    if !self.send(Message::Text(text.into())).await {
                        return "it does not read";
                    }
                    if !self.send(Message::Ping(Default::default())).await {
                        return "it does not read";
                    }
                }
                () = stop.cancelled() => {
                    self.close(1012, "The server restarts").await;
                    return "the server stops";
                }
            }
        }
    }

    /// False if it did not leave in time.
    async fn send(&mut self, message: Message) -> bool {
        matches!(timeout(SEND_MAX, self.socket.send(message)).await, Ok(Ok(())))
    }

    async fn close(&mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
        let _ = timeout(SEND_MAX, self.socket.send(Message::Close(Some(frame)))).await;
    }
}
