//! One task per workspace: it hears what happens there, and tells the websockets of the workers it happened to.
//!
//! A client loads its worker, activities, channels and reservations over HTTP after its socket is open, and drops what
//! it is told before it has. So notices are held back for each socket until the reservations have been answered, plus
//! [`SETTLE`]; then those are told that the answer did not contain.

use super::events::{About, Notice, concerns_workers, notices};
use crate::Metrics;
use axum::extract::ws::Utf8Bytes;
use base::*;
use engine::routing::Workspace;
use engine::routing::command::{Command, WorkerChange};
use engine::routing::event::Recorded;
use engine::routing::model::ReservationStatus;
use owner::{Tell, Watcher};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{info, warn};
use wire::event_bridge::message;

/// Messages that may wait for a hub.
const MAILBOX_MAX: usize = 1_024;
/// Frames that may wait for a slow reader before its socket is closed.
pub(super) const FRAMES_MAX: usize = 256;
/// Notices that may be held back for a socket whose client is still loading.
const HELD_MAX: usize = 256;
/// Sockets of one worker; one more closes the oldest.
const SOCKETS_PER_WORKER_MAX: usize = 16;
/// Longest time that notices are held back: the client has given up its requests by then.
const HOLD_MAX: Duration = Duration::from_secs(20);
/// How long a client needs to take in the answer that it waited for.
const SETTLE: Duration = Duration::from_millis(300);
/// For so long after it began to listen a client may still be setting its first activity.
const YOUNG: Duration = Duration::from_secs(5);
/// How long a worker may be without a socket: after a goodbye, and after a lost connection.
const GRACE_CLEAN: Duration = Duration::from_millis(500);
const GRACE_LOST: Duration = Duration::from_secs(30);

/// What a socket is to send.
#[derive(Debug)]
pub(super) enum Frame {
    Text(Utf8Bytes),
    Close(u16, &'static str),
}

/// How a socket ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The client said goodbye.
    Clean,
    /// The connection was lost, or we ended it.
    Lost,
    /// The program stops: nothing follows from it.
    Stopping,
}

/// A new socket of a worker.
#[derive(Debug)]
pub(super) struct Join {
    pub id: u64,
    pub worker: WorkerSid,
    pub frames: mpsc::Sender<Frame>,
    /// Ends the worker's other sockets.
    pub alone: bool,
    /// The worker goes offline some time after the last socket that asked for it has gone.
    pub offline_after: bool,
    /// The client loads its reservations first (all do but the oldest).
    pub loads: bool,
}

#[derive(Debug)]
enum Message {
    Join(Join),
    /// What happened is durable.
    Told(Vec<Notice>),
    Leave {
        id: u64,
        worker: WorkerSid,
        ended: Ended,
    },
    /// The open reservations were answered to a client of this worker, as they were at `at`.
    Listed {
        worker: WorkerSid,
        at: Timestamp,
        open: BTreeMap<ReservationSid, Arc<Value>>,
    },
    /// A client of this worker is changing its activity; and the answer is about to be given.
    Acting {
        worker: WorkerSid,
    },
    Acted {
        worker: WorkerSid,
    },
}

/// The hubs of all workspaces that have had a socket.
pub(crate) struct Bridge {
    hubs: Mutex<Hubs>,
    /// When the newest token of a worker that was seen over HTTP ends, in microseconds.
    newest: Mutex<HashMap<(WorkspaceSid, WorkerSid), Arc<AtomicI64>>>,
}

#[derive(Default)]
struct Hubs {
    of: HashMap<WorkspaceSid, mpsc::Sender<Message>>,
    tasks: JoinSet<()>,
    next_socket: u64,
}

impl Bridge {
    pub fn new() -> Self {
        Self { hubs: Mutex::default(), newest: Mutex::default() }
    }

    /// A number that no other socket has.
    pub(super) fn socket_id(&self) -> u64 {
        let mut hubs = self.hubs.lock().unwrap_or_else(PoisonError::into_inner);
        hubs.next_socket += 1;
        hubs.next_socket
    }

    pub(super) async fn join(
        &self,
        workspaces: &owner::Workspaces,
        metrics: &Metrics,
        of: WorkspaceSid,
        join: Join,
    ) {
        let mailbox = {
            let mut hubs = self.hubs.lock().unwrap_or_else(PoisonError::into_inner);
            while hubs.tasks.try_join_next().is_some() {}
            match hubs.of.get(&of).filter(|mailbox| !mailbox.is_closed()) {
                Some(mailbox) => mailbox.clone(),
                None => {
                    let (mailbox, messages) = mpsc::channel(MAILBOX_MAX);
                    let hub = Hub::new(of, workspaces.clone(), metrics.clone());
                    let missed = Arc::new(AtomicBool::new(false));
                    let gone = CancellationToken::new();
                    let lookout = Lookout {
                        mailbox: mailbox.downgrade(),
                        listening: hub.listening.clone(),
                        missed: missed.clone(),
                        _over: gone.clone().drop_guard(),
                    };
                    workspaces.watch(of, Box::new(lookout));
                    hubs.tasks.spawn(hub.run(messages, missed, gone));
                    hubs.of.insert(of, mailbox.clone());
                    mailbox
                }
            }
        };
        // A hub that has ended drops the socket's frames, which ends the socket.
        let _ = mailbox.send(Message::Join(join)).await;
    }

    pub(super) async fn leave(&self, of: WorkspaceSid, id: u64, worker: WorkerSid, ended: Ended) {
        self.tell(of, Message::Leave { id, worker, ended }).await;
    }

    pub(super) async fn listed(
        &self,
        of: WorkspaceSid,
        worker: WorkerSid,
        at: Timestamp,
        open: BTreeMap<ReservationSid, Value>,
    ) {
        let open = open.into_iter().map(|(sid, payload)| (sid, Arc::new(payload))).collect();
        self.tell(of, Message::Listed { worker, at, open }).await;
    }

    pub(super) async fn acting(&self, of: WorkspaceSid, worker: WorkerSid) {
        self.tell(of, Message::Acting { worker }).await;
    }

    pub(super) async fn acted(&self, of: WorkspaceSid, worker: WorkerSid) {
        self.tell(of, Message::Acted { worker }).await;
    }

    async fn tell(&self, of: WorkspaceSid, message: Message) {
        let mailbox = {
            let hubs = self.hubs.lock().unwrap_or_else(PoisonError::into_inner);
            hubs.of.get(&of).cloned()
        };
        if let Some(mailbox) = mailbox {
            // A hub that has ended has no sockets.
            let _ = mailbox.send(message).await;
        }
    }

    /// The end of the newest token of a worker with sockets; kept while one of them holds it.
    pub(super) fn newest_token(&self, of: WorkspaceSid, worker: WorkerSid) -> Arc<AtomicI64> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        newest.retain(|_, end| Arc::strong_count(end) > 1);
        newest.entry((of, worker)).or_default().clone()
    }

    /// A good token of this worker was seen over HTTP.
    pub(super) fn token_seen(&self, of: WorkspaceSid, worker: WorkerSid, expires: Timestamp) {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(end) = newest.get(&(of, worker)) {
            end.fetch_max(expires.0, Ordering::Relaxed);
        }
    }
}

/// What a socket's client had when it loaded its reservations.
#[derive(Debug, Clone)]
struct Listing {
    at: Timestamp,
    open: BTreeMap<ReservationSid, ReservationStatus>,
}

/// What the client of a socket that is held back knows.
#[derive(Debug)]
enum Knows {
    /// Its reservations have not been answered.
    Nothing,
    /// These reservations.
    Listed(Listing),
    /// Everything up to the hold.
    Everything,
}

/// Notices that wait until the client can take them.
#[derive(Debug)]
struct Hold {
    until: Instant,
    knows: Knows,
    held: Vec<(About, Timestamp, Utf8Bytes)>,
}

struct Socket {
    id: u64,
    frames: mpsc::Sender<Frame>,
    offline_after: bool,
    hold: Option<Hold>,
    /// Since when it hears what happens.
    open_since: Instant,
}

/// A worker who listens, or has just stopped.
#[derive(Default)]
struct Listener {
    sockets: Vec<Socket>,
    /// Sockets whose clients have not loaded their reservations. Which of several it was, a request does not say: all
    /// are held until the last.
    unlisted: usize,
    /// The last that was told of reservations that were open.
    told: BTreeMap<ReservationSid, Arc<Value>>,
    /// When the worker goes offline.
    offline: Option<Instant>,
}

/// Who has (or just had) a socket: what the lookout need not look at, it leaves alone.
type Listening = Arc<RwLock<HashSet<WorkerSid>>>;

/// Renders what happens for the workers who listen, in the workspace owner's time: nobody else sees the workspace as it was
/// right then, and nobody has to ask for it again.
struct Lookout {
    mailbox: mpsc::WeakSender<Message>,
    listening: Listening,
    /// Something could not be told: the hub was too far behind.
    missed: Arc<AtomicBool>,
    /// Says that the workspace is gone.
    _over: DropGuard,
}

impl Watcher for Lookout {
    fn look(&self, w: &Workspace, now: Timestamp, events: &[Arc<Recorded>]) -> Option<Tell> {
        if !events.iter().any(|recorded| concerns_workers(&recorded.event)) {
            return None;
        }
        let notices = {
            let listening = self.listening.read().unwrap_or_else(PoisonError::into_inner);
            notices(w, now, events, &listening)
        };
        if notices.is_empty() {
            return None;
        }
        let (mailbox, missed) = (self.mailbox.upgrade()?, self.missed.clone());
        Some(Box::new(move || {
            if let Err(mpsc::error::TrySendError::Full(_)) = mailbox.try_send(Message::Told(notices)) {
                missed.store(true, Ordering::Release);
            }
        }))
    }

    fn is_over(&self) -> bool {
        self.mailbox.strong_count() == 0
    }
}

struct Hub {
    of: WorkspaceSid,
    workspaces: owner::Workspaces,
    metrics: Metrics,
    workers: HashMap<WorkerSid, Listener>,
    /// The keys of `workers`.
    listening: Listening,
    /// Those of them with something that is due one day.
    timed: HashSet<WorkerSid>,
}

impl Hub {
    fn new(of: WorkspaceSid, workspaces: owner::Workspaces, metrics: Metrics) -> Self {
        let (workers, listening, timed) = (HashMap::new(), Listening::default(), HashSet::new());
        Self { of, workspaces, metrics, workers, listening, timed }
    }

    async fn run(
        mut self,
        // What is told and what is asked come in one line: in the order in which it happened.
        mut messages: mpsc::Receiver<Message>,
        missed: Arc<AtomicBool>,
        gone: CancellationToken,
    ) {
        loop {
            let due = self.next_due();
            tokio::select! {
                biased;
                message = messages.recv() => match message {
                    Some(message) => self.take(message),
                    None => return,
                },
                () = gone.cancelled() => {
                    self.close_all(1001, "The workspace is gone");
                    return;
                }
                () = at(due) => self.fire().await,
            }
            if missed.swap(false, Ordering::AcqRel) {
                warn!(workspace.sid = %self.of, "websockets of workspace {} missed what happened", self.of);
                self.close_all(1013, "Too much happened at once");
            }
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Join(join) => self.join(join),
            Message::Told(notices) => notices.into_iter().for_each(|notice| self.pass_on(notice)),
            Message::Leave { id, worker, ended } => self.leave(id, worker, ended),
            Message::Listed { worker, at, open } => self.listed(worker, at, open),
            Message::Acting { worker } => {
                let Some(listener) = self.workers.get_mut(&worker) else { return };
                for socket in &mut listener.sockets {
                    let young = socket.open_since.elapsed() < YOUNG;
                    match &mut socket.hold {
                        Some(hold) => hold.until = Instant::now() + HOLD_MAX,
                        None if young => socket.hold = Some(Hold::of(Knows::Everything)),
                        None => {}
                    }
                }
                self.timed.insert(worker);
            }
            Message::Acted { worker } => {
                if let Some(listener) = self.workers.get_mut(&worker).filter(|l| l.unlisted == 0) {
                    listener.settle();
                }
            }
        }
    }

    fn join(&mut self, join: Join) {
        let listener = self.workers.entry(join.worker).or_default();
        self.listening.write().unwrap_or_else(PoisonError::into_inner).insert(join.worker);
        listener.offline = None;
        if join.alone {
            listener.close_all(1000, "Closed by a newer session");
        }
        if listener.sockets.len() >= SOCKETS_PER_WORKER_MAX {
            let oldest = listener.sockets.remove(0);
            oldest.close(1008, "Too many sessions of one worker");
            listener.recount();
        }
        let hold = join.loads.then(|| Hold::of(Knows::Nothing));
        if hold.is_some() {
            self.timed.insert(join.worker);
        }
        listener.unlisted += usize::from(hold.is_some());
        listener.sockets.push(Socket {
            id: join.id,
            frames: join.frames,
            offline_after: join.offline_after,
            hold,
            open_since: Instant::now(),
        });
    }

    fn leave(&mut self, id: u64, worker: WorkerSid, ended: Ended) {
        let Some(listener) = self.workers.get_mut(&worker) else { return };
        let Some(at) = listener.sockets.iter().position(|socket| socket.id == id) else { return };
        let socket = listener.sockets.remove(at);
        listener.recount();
        if !listener.sockets.is_empty() {
            return;
        }
        let grace = match ended {
            Ended::Clean => Some(GRACE_CLEAN),
            Ended::Lost => Some(GRACE_LOST),
            Ended::Stopping => None,
        };
        match grace.filter(|_| socket.offline_after) {
            Some(grace) => {
                listener.offline = Some(Instant::now() + grace);
                self.timed.insert(worker);
            }
            None => self.forget(worker),
        }
    }

    fn forget(&mut self, worker: WorkerSid) {
        self.workers.remove(&worker);
        self.timed.remove(&worker);
        self.listening.write().unwrap_or_else(PoisonError::into_inner).remove(&worker);
    }

    fn listed(&mut self, worker: WorkerSid, at: Timestamp, open: BTreeMap<ReservationSid, Arc<Value>>) {
        let Some(listener) = self.workers.get_mut(&worker) else { return };
        let status = |payload: &Value| {
            let of = payload["reservation_status"].as_str();
            let open = [ReservationStatus::Pending, ReservationStatus::Accepted, ReservationStatus::Wrapping];
            open.into_iter().find(|status| Some(status.as_str()) == of)
        };
        let listing = Listing {
            at,
            open: open.iter().filter_map(|(sid, payload)| Some((*sid, status(payload)?))).collect(),
        };
        listener.told.extend(open);
        listener.unlisted = listener.unlisted.saturating_sub(1);
        for hold in listener.sockets.iter_mut().filter_map(|socket| socket.hold.as_mut()) {
            if matches!(hold.knows, Knows::Nothing) {
                hold.knows = Knows::Listed(listing.clone());
            }
        }
        if listener.unlisted == 0 {
            listener.settle();
        }
    }

    fn pass_on(&mut self, notice: Notice) {
        let Some(listener) = self.workers.get_mut(&notice.worker) else { return };
        let payload = match (notice.about, notice.payload) {
            (About::End, _) => return listener.close_all(1008, "The worker was deleted"),
            (About::Reservation(sid, status), Some(payload)) => {
                if status.is_open() {
                    listener.told.insert(sid, payload.clone());
                } else {
                    listener.told.remove(&sid);
                }
                payload
            }
            (About::Reservation(sid, status), None) => {
                let Some(mut payload) = listener.told.remove(&sid) else { return };
                let last = Arc::make_mut(&mut payload);
                last["reservation_status"] = status.as_str().into();
                last["date_updated"] = notice.at.seconds().into();
                payload
            }
            (_, Some(payload)) => payload,
            (_, None) => return,
        };
        let text = Utf8Bytes::from(message(notice.event_type, &payload));
        self.metrics.told_worker();
        listener.send(notice.about, notice.at, &text);
    }

    fn next_due(&mut self) -> Option<Instant> {
        let holds = |of: &Listener| of.sockets.iter().filter_map(|s| Some(s.hold.as_ref()?.until)).min();
        let mut next: Option<Instant> = None;
        self.timed.retain(|worker| {
            let due =
                self.workers.get(worker).and_then(|of| [of.offline, holds(of)].into_iter().flatten().min());
            next = next.into_iter().chain(due).min();
            due.is_some()
        });
        next
    }

    async fn fire(&mut self) {
        let now = Instant::now();
        let mut offline = Vec::new();
        for worker in &self.timed {
            let Some(listener) = self.workers.get_mut(worker) else { continue };
            listener.release(now);
            if listener.offline.is_some_and(|due| due <= now) {
                offline.push(*worker);
            }
        }
        offline.iter().for_each(|worker| self.forget(*worker));
        for worker in offline {
            self.take_offline(worker).await;
        }
    }

    /// To the activity named Offline, else to where timeouts lead, if no task is offered there.
    async fn take_offline(&self, worker: WorkerSid) {
        let read = move |w: &Workspace, _: Timestamp| {
            let of = w.worker(worker)?;
            let named = w.activities().find(|a| a.friendly_name == "Offline" && !a.available).map(|a| a.sid);
            let settings = w.settings();
            let quiet = |sid: &ActivitySid| w.activity(*sid).is_some_and(|a| !a.available);
            let fallback = [settings.timeout_activity, settings.default_activity].into_iter().find(quiet);
            named.or(fallback).filter(|sid| *sid != of.activity)
        };
        let Ok(Some(activity)) = self.workspaces.read(self.of, read).await else { return };
        let change = WorkerChange { activity: Some(activity), ..WorkerChange::default() };
        let command = Command::UpdateWorker { sid: worker, if_match: None, change };
        match self.workspaces.ask(self.of, command).await {
            Ok(_) => info!(worker.sid = %worker, "worker {worker} went offline with their last connection"),
            Err(why) => warn!(worker.sid = %worker, "could not take worker {worker} offline: {why}"),
        }
    }

    fn close_all(&mut self, code: u16, reason: &'static str) {
        self.workers.values_mut().for_each(|listener| listener.close_all(code, reason));
    }
}

impl Hold {
    fn of(knows: Knows) -> Self {
        Self { until: Instant::now() + HOLD_MAX, knows, held: Vec::new() }
    }

    /// What the client does not know yet, in order. It cannot take news of a reservation that it does not have.
    fn news(self) -> impl Iterator<Item = Utf8Bytes> {
        let Self { knows, held, .. } = self;
        let (since, mut known) = match knows {
            Knows::Listed(Listing { at, open }) => (at, Some(open)),
            Knows::Nothing | Knows::Everything => (Timestamp(i64::MIN), None),
        };
        let mut is_news = move |about: About, at: Timestamp| match (&mut known, about) {
            (None, _) | (_, About::Worker | About::End) => true,
            (Some(_), _) if at < since => false,
            // In the same moment: the answer itself tells whether it was before or after.
            (Some(known), About::Reservation(sid, status)) => match known.get(&sid) {
                Some(before) if *before == status || status == ReservationStatus::Pending => false,
                None if status != ReservationStatus::Pending => false,
                _ => {
                    known.insert(sid, status);
                    true
                }
            },
            (Some(_), About::Task) => true,
        };
        held.into_iter().filter_map(move |(about, at, text)| is_news(about, at).then_some(text))
    }
}

impl Socket {
    fn is_loading(&self) -> bool {
        self.hold.as_ref().is_some_and(|hold| !matches!(hold.knows, Knows::Everything))
    }

    /// False if the socket takes no more: dropping it closes it.
    fn send(&mut self, about: About, at: Timestamp, text: &Utf8Bytes) -> bool {
        match &mut self.hold {
            Some(hold) if hold.held.len() >= HELD_MAX => false,
            Some(hold) => {
                hold.held.push((about, at, text.clone()));
                true
            }
            None => self.frames.try_send(Frame::Text(text.clone())).is_ok(),
        }
    }

    fn close(self, code: u16, reason: &'static str) {
        // One with full frames ends by being dropped.
        let _ = self.frames.try_send(Frame::Close(code, reason));
    }
}

impl Listener {
    fn send(&mut self, about: About, at: Timestamp, text: &Utf8Bytes) {
        self.keep(|socket| socket.send(about, at, text));
    }

    /// Sends what has been held back long enough.
    fn release(&mut self, now: Instant) {
        self.keep(|socket| {
            let Some(hold) = socket.hold.take_if(|hold| hold.until <= now) else { return true };
            socket.open_since = now;
            let frames = &socket.frames;
            hold.news().all(|text| frames.try_send(Frame::Text(text)).is_ok())
        });
    }

    /// Keeps the sockets that `still` take part; the others end, and may come back.
    fn keep(&mut self, mut still: impl FnMut(&mut Socket) -> bool) {
        self.sockets.retain_mut(|socket| still(socket));
        self.recount();
    }

    /// No more clients have to load than there are.
    fn recount(&mut self) {
        self.unlisted = self.unlisted.min(self.sockets.iter().filter(|socket| socket.is_loading()).count());
    }

    /// The answer that the clients waited for is on its way.
    fn settle(&mut self) {
        let until = Instant::now() + SETTLE;
        for hold in self.sockets.iter_mut().filter_map(|socket| socket.hold.as_mut()) {
            hold.until = until;
        }
    }

    fn close_all(&mut self, code: u16, reason: &'static str) {
        self.unlisted = 0;
        self.sockets.drain(..).for_each(|socket| socket.close(code, reason));
    }
}

async fn at(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ReservationStatus::{Accepted, Completed, Pending};

    const A: ReservationSid = ReservationSid([1; 16]);
    const B: ReservationSid = ReservationSid([2; 16]);

    fn news(knows: Knows, held: &[(About, i64)]) -> Vec<usize> {
        let held = held.iter().enumerate();
        let held = held.map(|(n, (about, at))| (*about, Timestamp(*at), n.to_string().into())).collect();
        let hold = Hold { until: Instant::now(), knows, held };
        hold.news().map(|text| text.as_str().parse().unwrap()).collect()
    }

    #[tokio::test]
    async fn a_client_is_told_what_its_list_did_not_say_and_nothing_twice() {
        let of = |sid, status| About::Reservation(sid, status);
        let held = [
            (About::Worker, 1),
            (of(A, Pending), 2),
            (About::Task, 3),
            // The moment of the list: A was in it as pending.
            (of(A, Pending), 10),
            (of(A, Accepted), 10),
            (of(B, Completed), 10),
            (of(B, Pending), 11),
            (of(B, Accepted), 12),
            (About::Task, 13),
        ];
        let listing = Listing { at: Timestamp(10), open: [(A, Pending)].into() };
        assert_eq!(news(Knows::Listed(listing), &held), [0, 4, 6, 7, 8]);
        let accepted = Listing { at: Timestamp(10), open: [(A, Accepted)].into() };
        assert_eq!(news(Knows::Listed(accepted), &held), [0, 6, 7, 8]);
        assert_eq!(news(Knows::Everything, &held).len(), held.len());
    }

    fn socket(id: u64, loads: bool) -> (Join, mpsc::Receiver<Frame>) {
        let (frames, inbox) = mpsc::channel(FRAMES_MAX);
        let worker = WorkerSid([7; 16]);
        (Join { id, worker, frames, alone: false, offline_after: false, loads }, inbox)
    }

    fn hear(listener: &mut Listener) {
        listener.send(About::Worker, Timestamp(1), &Utf8Bytes::from_static("{}"));
    }

    async fn hub() -> Hub {
        let folder = tempfile::tempdir().unwrap();
        let store = store::Store::open(&store::Options::file(folder.path().join("db"))).unwrap();
        let clock = Clock::new(|| Now { mono: Mono(1), wall: Timestamp(1) });
        let settings = owner::WorkspacesSettings { store, clock, entropy: Entropy::seeded(1) };
        let workspaces = owner::Workspaces::start(settings).await.unwrap();
        let of = WorkspaceSid([1; 16]);
        Hub::new(of, workspaces, Metrics::default())
    }

    #[tokio::test]
    async fn a_reader_that_is_too_slow_is_let_go_and_nothing_grows() {
        let mut hub = hub().await;
        let (slow, mut inbox) = socket(1, false);
        let (loading, mut held) = socket(2, true);
        let worker = slow.worker;
        hub.join(slow);
        hub.join(loading);
        let listener = hub.workers.get_mut(&worker).unwrap();
        (0..FRAMES_MAX.max(HELD_MAX)).for_each(|_| hear(listener));
        assert_eq!(listener.sockets.len(), 2);
        hear(listener);
        assert_eq!((listener.sockets.len(), listener.unlisted), (0, 0));
        let mut got = 0;
        while let Some(frame) = inbox.recv().await {
            assert!(matches!(frame, Frame::Text(_)));
            got += 1;
        }
        assert_eq!(got, FRAMES_MAX, "what was taken on is still sent, then the end is seen");
        assert!(held.recv().await.is_none());
    }

    #[tokio::test]
    async fn sockets_of_one_worker_wait_until_every_client_has_loaded() {
        let mut hub = hub().await;
        let ((first, mut a), (second, mut b)) = (socket(1, true), socket(2, true));
        let worker = first.worker;
        hub.join(first);
        hub.join(second);
        hear(hub.workers.get_mut(&worker).unwrap());
        let soon = Instant::now() + SETTLE * 2;
        hub.listed(worker, Timestamp(1), BTreeMap::new());
        hub.workers.get_mut(&worker).unwrap().release(soon);
        assert!(a.try_recv().is_err() && b.try_recv().is_err(), "which of the two has loaded is not known");
        hub.listed(worker, Timestamp(1), BTreeMap::new());
        hub.workers.get_mut(&worker).unwrap().release(soon + SETTLE);
        assert!(a.try_recv().is_ok() && b.try_recv().is_ok());
    }

    #[tokio::test]
    async fn one_session_may_be_alone_and_too_many_end_the_oldest() {
        let mut hub = hub().await;
        let mut inboxes = Vec::new();
        for id in 0..=SOCKETS_PER_WORKER_MAX as u64 {
            let (join, inbox) = socket(id, true);
            hub.join(join);
            inboxes.push(inbox);
        }
        assert!(matches!(inboxes[0].try_recv(), Ok(Frame::Close(1008, _))));
        let (mut alone, _inbox) = socket(99, true);
        alone.alone = true;
        let worker = alone.worker;
        hub.join(alone);
        assert!(matches!(inboxes[1].try_recv(), Ok(Frame::Close(1000, _))));
        let listener = &hub.workers[&worker];
        assert_eq!((listener.sockets.len(), listener.unlisted), (1, 1));
        hub.leave(99, worker, Ended::Clean);
        assert!(hub.workers.is_empty(), "nothing is kept of a worker without sockets");
    }
}
