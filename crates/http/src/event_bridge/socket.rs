//! One websocket: we talk, the client listens.

use super::access::Caller;
use super::hub::{Ended, FRAMES_MAX, Frame, Join};
use crate::ask::App;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use base::Timestamp;
use engine::routing::Workspace;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};
use wire::event_bridge::{init, message};

/// How often the client hears a blank: it gives up after 30 s without any text.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Heartbeats without any sign of the client after which it is lost.
const SILENT_BEATS_MAX: u32 = 3;
/// Longest time for one frame to leave.
const SEND_MAX: Duration = Duration::from_secs(10);
/// Largest frame that is read; clients send nothing but pongs and goodbyes.
pub(super) const INCOMING_BYTES_MAX: usize = 4 * 1024;
/// A token whose time is over is looked at again after this long at least.
const EXPIRY_CHECK_MIN: Duration = Duration::from_secs(1);

/// What the upgrade asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wishes {
    pub close_existing: bool,
    pub offline_if_disconnected: bool,
    /// The client loads its reservations before it listens.
    pub loads: bool,
}

/// Serves a websocket to its end.
pub(super) async fn run(
    app: App,
    caller: Caller,
    wishes: Wishes,
    mut socket: WebSocket,
    stop: CancellationToken,
) {
    let of = caller.workspace;
    let now = app.now();
    let left = u64::try_from(caller.expires.since(now).as_millis()).unwrap_or(u64::MAX);
    let channel = caller.channel.clone();
    let first = move |w: &Workspace, _| message("init", &init(w.settings(), &channel, left));
    let Ok(first) = app.workspaces.read(of, first).await else {
        return close(&mut socket, 1013, "Try again").await;
    };
    let (frames, inbox) = mpsc::channel(FRAMES_MAX);
    let mut talk = Talk { app: &app, socket, inbox, expires: caller.expires, newest: None };
    app.metrics.sockets_changed(1);
    match caller.worker {
        Some(worker) => {
            talk.newest = Some(app.bridge.newest_token(of, worker));
            let join = Join {
                id: app.bridge.socket_id(),
                worker,
                frames,
                alone: wishes.close_existing,
                offline_after: wishes.offline_if_disconnected,
                loads: wishes.loads,
            };
            let id = join.id;
            app.bridge.join(&app.workspaces, &app.metrics, of, join).await;
            info!(worker.sid = %worker, "worker {worker} is connected");
            let ended = talk.run(first, &stop).await;
            info!(worker.sid = %worker, ?ended, "a connection of worker {worker} ended");
            app.bridge.leave(of, id, worker, ended).await;
        }
        None => {
            // Nothing is told to a workspace as such: there are only heartbeats, for as long as `frames` lives.
            let ended = talk.run(first, &stop).await;
            debug!(workspace.sid = %of, ?ended, "a connection of workspace {of} ended");
            drop(frames);
        }
    }
    app.metrics.sockets_changed(-1);
}

struct Talk<'a> {
    app: &'a App,
    socket: WebSocket,
    inbox: mpsc::Receiver<Frame>,
    /// When the token ends.
    expires: Timestamp,
    /// When the newest token that this worker used ends.
    newest: Option<Arc<AtomicI64>>,
}

impl Talk<'_> {
    async fn run(mut self, first: String, stop: &CancellationToken) -> Ended {
        if !self.send(Message::Text(first.into())).await {
            return Ended::Lost;
        }
        let mut beats = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut silent = 0;
        let mut end = self.token_end();
        loop {
            tokio::select! {
                frame = self.inbox.recv() => {
                    let (code, reason) = match frame {
                        Some(Frame::Text(text)) => {
                            if !self.send(Message::Text(text)).await {
                                return Ended::Lost;
                            }
                            continue;
                        }
                        Some(Frame::Close(code, reason)) => (code, reason),
                        None => (1013, "Too slow to read"),
                    };
                    close(&mut self.socket, code, reason).await;
                    return Ended::Lost;
                }
                incoming = self.socket.recv() => match incoming {
                    None | Some(Ok(Message::Close(_))) => return Ended::Clean,
                    Some(Ok(_)) => silent = 0,
                    Some(Err(why)) => {
                        debug!("a websocket was lost: {why}");
                        return Ended::Lost;
                    }
                },
                _ = beats.tick() => {
                    silent += 1;
                    // A blank for the client's own check, a ping for ours.
                    if silent > SILENT_BEATS_MAX
                        || !self.send(Message::Text(Utf8Bytes::from_static(" "))).await
                        || !self.send(Message::Ping(Default::default())).await
                    {
                        return Ended::Lost;
                    }
                }
                () = sleep_until(end) => {
                    let newest = self.newest.as_ref().map_or(0, |newest| newest.load(Ordering::Relaxed));
                    self.expires = self.expires.max(Timestamp(newest));
                    if self.expires <= self.app.now() {
                        close(&mut self.socket, 1008, "The token has expired").await;
                        return Ended::Lost;
                    }
                    end = self.token_end().max(Instant::now() + EXPIRY_CHECK_MIN);
                }
                () = stop.cancelled() => {
                    close(&mut self.socket, 1012, "The server restarts").await;
                    return Ended::Stopping;
                }
            }
        }
    }

    fn token_end(&self) -> Instant {
        Instant::now() + self.expires.since(self.app.now())
    }

    /// False if it did not leave in time.
    async fn send(&mut self, message: Message) -> bool {
        matches!(timeout(SEND_MAX, self.socket.send(message)).await, Ok(Ok(())))
    }
}

/// Says why, if the connection still takes it.
async fn close(socket: &mut WebSocket, code: u16, reason: &'static str) {
    let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
    let _ = timeout(SEND_MAX, socket.send(Message::Close(Some(frame)))).await;
}
