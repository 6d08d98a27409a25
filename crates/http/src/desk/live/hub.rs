//! One task per workspace: it hears what happens there, and tells each desk what has changed for it.
//!
//! A desk is a user's: all their browsers are told the same, under the same numbers. The hub keeps what it told last and
//! tells the difference, so a client that takes a snapshot and the events after it has what a later snapshot would say.

use super::socket::TOO_SLOW;
use super::view;
use crate::Api;
use axum::extract::ws::Utf8Bytes;
use base::*;
use engine::call::port::{LineView, TalkView};
use engine::routing::Workspace;
use engine::routing::event::{Event, Recorded};
use engine::routing::model::TransferTarget;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::model::User;
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{error, warn};
use wire::desk::*;

/// Messages that may wait for a hub.
const MAILBOX_MAX: usize = 1_024;
/// Frames that may wait for a slow reader before its socket is closed.
pub(super) const FRAMES_MAX: usize = 256;
/// Sockets of one user; one more closes the oldest.
const SOCKETS_PER_USER_MAX: usize = 8;
/// Events that are looked at together.
const BATCH_MAX: usize = 512;
/// Events kept for a desk that comes back.
const KEPT_MAX: usize = 512;
/// How long a desk without sockets is kept.
const LINGER: Duration = Duration::from_secs(60);
/// How often the queues, and what only the switchboard knows, are looked at again.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a socket is to send.
#[derive(Debug)]
pub(super) enum Frame {
    Text(Utf8Bytes),
    Close(u16, &'static str),
}

/// A new socket.
#[derive(Debug)]
pub(super) struct Join {
    pub id: u64,
    pub user: User,
    pub frames: mpsc::Sender<Frame>,
    /// Epoch and number of the last event that the client had.
    pub since: Option<(String, u32)>,
}

#[derive(Debug)]
enum Message {
    Join(Box<Join>),
    Leave {
        id: u64,
        user: UserSid,
    },
    /// A conversation of this worker's was changed.
    Touch(WorkerSid),
}

/// The hubs of all workspaces that have had a desk.
pub(crate) struct Desks {
    workspaces: owner::Workspaces,
    voices: owner::Voices,
    clock: Clock,
    epochs: crate::Sids,
    hubs: Mutex<Hubs>,
}

#[derive(Default)]
struct Hubs {
    of: HashMap<WorkspaceSid, mpsc::Sender<Message>>,
    tasks: JoinSet<()>,
    next_socket: u64,
}

impl Desks {
    pub fn new(api: &Api) -> Self {
        Self {
            workspaces: api.workspaces.clone(),
            voices: api.voices.clone(),
            clock: api.clock.clone(),
            epochs: api.sids.clone(),
            hubs: Mutex::default(),
        }
    }

    /// A number that no other socket has.
    pub(super) fn socket_id(&self) -> u64 {
        let mut hubs = self.hubs.lock().unwrap_or_else(PoisonError::into_inner);
        hubs.next_socket += 1;
        hubs.next_socket
    }

    pub(super) async fn join(&self, of: WorkspaceSid, join: Join) {
        // A workspace whose account has no calls has been deleted: nothing is told of it.
        let account = self.workspaces.account_of(of);
        let Some(voice) = account.and_then(|account| self.voices.any_of(account)) else { return };
        let mailbox = {
            let mut hubs = self.hubs.lock().unwrap_or_else(PoisonError::into_inner);
            while hubs.tasks.try_join_next().is_some() {}
            match hubs.of.get(&of).filter(|mailbox| !mailbox.is_closed()) {
                Some(mailbox) => mailbox.clone(),
                None => {
                    let (mailbox, messages) = mpsc::channel(MAILBOX_MAX);
                    let events = self.workspaces.subscribe(of);
                    let hub = Hub {
                        of,
                        workspaces: self.workspaces.clone(),
                        voice,
                        clock: self.clock.clone(),
                        epoch: self.epochs.make(|entropy| format!("{:016x}", entropy.next_u64())),
                        desks: HashMap::new(),
                        board: Board::default(),
                        held: HashMap::new(),
                    };
                    hubs.tasks.spawn(hub.run(messages, events));
                    hubs.of.insert(of, mailbox.clone());
                    mailbox
                }
            }
        };
        // A hub that has ended drops the socket's frames, which ends the socket.
        let _ = mailbox.send(Message::Join(Box::new(join))).await;
    }

    pub(super) async fn leave(&self, of: WorkspaceSid, id: u64, user: UserSid) {
        self.tell(of, Message::Leave { id, user }).await;
    }

    /// A conversation of this worker's was changed in a way that no event tells of.
    pub(crate) async fn touch(&self, of: WorkspaceSid, worker: WorkerSid) {
        self.tell(of, Message::Touch(worker)).await;
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
}

/// What everybody in the workspace is shown.
#[derive(Debug, Default)]
struct Board {
    /// False until it was read whole.
    known: bool,
    people: BTreeMap<WorkerSid, DeskPerson>,
    queues: Vec<DeskQueue>,
    activities: Vec<DeskActivity>,
    policy: Option<DeskPolicy>,
}

/// One user's desk.
struct Desk {
    user: User,
    me: Option<DeskMe>,
    calls: BTreeMap<ReservationSid, DeskCall>,
    sockets: Vec<(u64, mpsc::Sender<Frame>)>,
    seq: u32,
    kept: VecDeque<(u32, Utf8Bytes)>,
    /// When it is forgotten, if nobody comes.
    lingers: Option<Instant>,
}

/// What has to be looked at again.
#[derive(Debug, Default)]
struct Dirty {
    everything: bool,
    settings: bool,
    queues: bool,
    workers: BTreeSet<WorkerSid>,
    reservations: BTreeSet<ReservationSid>,
    tasks: BTreeSet<TaskSid>,
}

/// An agent's own state, and the calls they have.
type MeAndCalls = (UserSid, DeskMe, Vec<(ReservationSid, DeskCall)>);

/// What the switchboard knows of conversations, and of the phones of who is at a desk.
type Talks = HashMap<ReservationSid, TalkView>;
type Lines = HashMap<UserSid, LineView>;

/// What was read.
struct Fresh {
    people: Vec<DeskPerson>,
    gone: Vec<WorkerSid>,
    sids: Vec<WorkerSid>,
    mes: Vec<MeAndCalls>,
    went: HashMap<ReservationSid, DeskGone>,
    queues: Option<Vec<DeskQueue>>,
    settings: Option<(Vec<DeskActivity>, DeskPolicy)>,
}

struct Hub {
    of: WorkspaceSid,
    workspaces: owner::Workspaces,
    voice: owner::Voice,
    clock: Clock,
    epoch: String,
    desks: HashMap<UserSid, Desk>,
    board: Board,
    /// Since when customers are on hold.
    held: HashMap<ReservationSid, String>,
}

impl Hub {
    async fn run(
        mut self,
        mut messages: mpsc::Receiver<Message>,
        mut events: broadcast::Receiver<Arc<Recorded>>,
    ) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut queues_dirty = false;
        loop {
            let mut dirty = Dirty::default();
            tokio::select! {
                event = events.recv() => match event {
                    Ok(first) => {
                        dirty.note(&first.event);
                        for _ in 1..BATCH_MAX {
                            let Ok(next) = events.try_recv() else { break };
                            dirty.note(&next.event);
                        }
                        // Queues are told of once a second.
                        queues_dirty |= std::mem::take(&mut dirty.queues);
                    }
                    Err(broadcast::error::RecvError::Lagged(missed)) => {
                        warn!(workspace.sid = %self.of, missed, "desks of {} missed {missed} events", self.of);
                        dirty.everything = true;
                    }
                    Err(broadcast::error::RecvError::Closed) => return self.close_all("The workspace is gone"),
                },
                message = messages.recv() => match message {
                    Some(Message::Join(join)) => {
                        dirty.everything = !self.board.known;
                        dirty.workers.extend(join.user.worker);
                        dirty.queues = true;
                        self.enter(&join);
                        self.refresh(dirty).await;
                        self.welcome(*join);
                        continue;
                    }
                    Some(Message::Leave { id, user }) => {
                        self.leave(id, user);
                        continue;
                    }
                    Some(Message::Touch(worker)) => drop(dirty.workers.insert(worker)),
                    None => return,
                },
                _ = looks.tick() => {
                    let now = Instant::now();
                    self.desks.retain(|_, desk| desk.lingers.is_none_or(|until| until > now));
                    dirty.queues = std::mem::take(&mut queues_dirty);
                    let talks = |desk: &&Desk| desk.calls.values().any(|c| TALKS.contains(&c.state));
                    // A phone on the table says nothing when it is put down.
                    let line = |desk: &&Desk| desk.me.as_ref().is_some_and(|me| me.line.is_some());
                    let looked_at = self.desks.values().filter(|desk| talks(desk) || line(desk));
                    dirty.workers.extend(looked_at.filter_map(|desk| desk.user.worker));
                }
            }
            if dirty.is_clean() || self.desks.is_empty() {
                continue;
            }
            self.refresh(dirty).await;
        }
    }

    fn enter(&mut self, join: &Join) {
        let desk = self.desks.entry(join.user.sid).or_insert_with(|| Desk {
            user: join.user.clone(),
            me: None,
            calls: BTreeMap::new(),
            sockets: Vec::new(),
            seq: 0,
            kept: VecDeque::new(),
            lingers: None,
        });
        desk.user = join.user.clone();
        desk.lingers = None;
    }

    /// Shows a new socket what its desk was told so far.
    fn welcome(&mut self, join: Join) {
        let at = at(self.clock.now().wall);
        let Some(desk) = self.desks.get_mut(&join.user.sid) else { return };
        let resumes = join.since.filter(|(epoch, seq)| {
            let oldest = desk.kept.front().map_or(desk.seq, |(first, _)| first - 1);
            *epoch == self.epoch && (oldest..=desk.seq).contains(seq)
        });
        let Some(me) = desk.me.clone() else { return };
        match resumes {
            Some((_, seq)) => {
                offer(&join.frames, &DeskMessage::Resumed { seq, at });
                for (_, text) in desk.kept.iter().filter(|(number, _)| *number > seq) {
                    let _ = join.frames.try_send(Frame::Text(text.clone()));
                }
            }
            None => {
                let snapshot = DeskSnapshot {
                    me,
                    activities: self.board.activities.clone(),
                    calls: in_order(&desk.calls),
                    people: self.board.people.values().take(PEOPLE_MAX).cloned().collect(),
                    queues: self.board.queues.clone(),
                    policy: self.board.policy.clone().unwrap_or(NO_POLICY),
                };
                let (epoch, seq) = (self.epoch.clone(), desk.seq);
                offer(&join.frames, &DeskMessage::Snapshot { epoch, seq, at, desk: Box::new(snapshot) });
            }
        }
        desk.sockets.push((join.id, join.frames));
        if desk.sockets.len() > SOCKETS_PER_USER_MAX {
            let (_, oldest) = desk.sockets.remove(0);
            let _ = oldest.try_send(Frame::Close(TOO_SLOW, "Too many desks of one user"));
        }
    }

    fn leave(&mut self, id: u64, user: UserSid) {
        let Some(desk) = self.desks.get_mut(&user) else { return };
        desk.sockets.retain(|(socket, _)| *socket != id);
        if desk.sockets.is_empty() {
            desk.lingers = Some(Instant::now() + LINGER);
        }
    }

    fn close_all(self, why: &'static str) {
        for (_, socket) in self.desks.into_values().flat_map(|desk| desk.sockets) {
            let _ = socket.try_send(Frame::Close(1001, why));
        }
    }

    /// Reads what may have changed and tells each desk what has.
    async fn refresh(&mut self, dirty: Dirty) {
        let fresh = match self.read(dirty).await {
            Ok(fresh) => fresh,
            Err(why) => return error!(workspace.sid = %self.of, "desks of {} wait: {why}", self.of),
        };
        let mut all = Vec::new();
        if let Some((activities, policy)) = fresh.settings {
            if activities != self.board.activities {
                self.board.activities = activities.clone();
                all.push(DeskEvent::Activities { activities });
            }
            if self.board.policy.as_ref() != Some(&policy) {
                self.board.policy = Some(policy.clone());
                all.push(DeskEvent::Policy { policy });
            }
        }
        for (wk, person) in fresh.sids.into_iter().zip(fresh.people) {
            if self.board.people.get(&wk) != Some(&person) {
                self.board.people.insert(wk, person.clone());
                all.push(DeskEvent::Person { person });
            }
        }
        for wk in fresh.gone {
            if self.board.people.remove(&wk).is_some() {
                all.push(DeskEvent::PersonGone { worker_sid: wk.to_string() });
            }
        }
        if let Some(queues) = fresh.queues {
            let before: HashMap<&str, &DeskQueue> =
                self.board.queues.iter().map(|queue| (queue.sid.as_str(), queue)).collect();
            let there: HashSet<&str> = queues.iter().map(|queue| queue.sid.as_str()).collect();
            let changed = queues.iter().filter(|queue| before.get(queue.sid.as_str()) != Some(queue));
            all.extend(changed.map(|queue| DeskEvent::Queue { queue: queue.clone() }));
            let gone = before.keys().filter(|sid| !there.contains(*sid));
            all.extend(gone.map(|sid| DeskEvent::QueueGone { queue_sid: (*sid).to_owned() }));
            self.board.queues = queues;
        }
        self.board.known = true;
        let at = at(self.clock.now().wall);
        for (user, me, calls) in fresh.mes {
            let Some(desk) = self.desks.get_mut(&user) else { continue };
            let mut own = Vec::new();
            if desk.me.as_ref() != Some(&me) {
                desk.me = Some(me.clone());
                own.push(DeskEvent::Me { me });
            }
            let there: HashSet<ReservationSid> = calls.iter().map(|(wr, _)| *wr).collect();
            for wr in desk.calls.keys().copied().collect::<Vec<_>>() {
                if !there.contains(&wr) {
                    desk.calls.remove(&wr);
                    let how = fresh.went.get(&wr).copied().unwrap_or(DeskGone::Completed);
                    own.push(DeskEvent::CallGone { reservation_sid: wr.to_string(), how });
                }
            }
            for (wr, call) in calls {
                if desk.calls.get(&wr) != Some(&call) {
                    desk.calls.insert(wr, call.clone());
                    own.push(DeskEvent::Call { call: Box::new(call) });
                }
            }
            desk.tell(own, &at);
        }
        for desk in self.desks.values_mut() {
            desk.tell(all.clone(), &at);
        }
    }

    async fn read(&mut self, dirty: Dirty) -> Result<Fresh, owner::AskError> {
        let users: Vec<(User, Vec<ReservationSid>)> =
            self.desks.values().map(|d| (d.user.clone(), d.calls.keys().copied().collect())).collect();
        let mut fresh = self.workspaces.read(self.of, move |w, _| dirty.read(w, users)).await?;
        let talking: Vec<ReservationSid> = fresh
            .mes
            .iter()
            .flat_map(|(_, _, calls)| calls)
            .filter(|(_, call)| TALKS.contains(&call.state))
            .map(|(wr, _)| *wr)
            .collect();
        self.held.retain(|wr, _| self.desks.values().any(|desk| desk.calls.contains_key(wr)));
        let workers: Vec<(UserSid, WorkerSid)> = fresh
            .mes
            .iter()
            .filter_map(|(user, ..)| Some((*user, self.desks.get(user)?.user.worker?)))
            .collect();
        if workers.is_empty() {
            return Ok(fresh);
        }
        let heard = move |calls: &engine::call::Switchboard, _| -> (Talks, Lines) {
            let talks = talking.iter().filter_map(|wr| Some((*wr, calls.talk(*wr)?))).collect();
            let lines = workers.iter().filter_map(|(user, wk)| Some((*user, calls.line(*wk)?))).collect();
            (talks, lines)
        };
        let (talks, lines) = self.voice.read(heard).await?;
        for (user, me, _) in &mut fresh.mes {
            me.line = lines.get(user).map(|line| if line.open { DeskLine::Open } else { DeskLine::Ringing });
        }
        let others: Vec<WorkerSid> =
            talks.values().flat_map(|t| &t.others).filter_map(|party| party.worker).collect();
        let names = match others.is_empty() {
            true => HashMap::new(),
            false => self.workspaces.read(self.of, move |w, _| view::names(w, &others)).await?,
        };
        let now = at(self.clock.now().wall);
        for (wr, call) in fresh.mes.iter_mut().flat_map(|(_, _, calls)| calls) {
            let Some(talk) = talks.get(wr) else { continue };
            if !talk.held {
                self.held.remove(wr);
            }
            let since = match talk.held {
                true => self.held.entry(*wr).or_insert_with(|| now.clone()).as_str(),
                false => "",
            };
            view::heard(call, talk, since, |wk| names.get(&wk).cloned().unwrap_or_default());
        }
        Ok(fresh)
    }
}

/// States in which the switchboard knows more of a call.
const TALKS: &[DeskCallState] = &[DeskCallState::Ringing, DeskCallState::Dialing, DeskCallState::Live];

const NO_POLICY: DeskPolicy =
    DeskPolicy { on: false, parked_max: 0, park_recall_s: 0, hangup_notice_s: 0, wrap_up_s: None };

fn in_order(calls: &BTreeMap<ReservationSid, DeskCall>) -> Vec<DeskCall> {
    let mut all: Vec<DeskCall> = calls.values().cloned().collect();
    all.sort_by(|a, b| (&a.since, &a.reservation_sid).cmp(&(&b.since, &b.reservation_sid)));
    all
}

fn offer(frames: &mpsc::Sender<Frame>, message: &DeskMessage) {
    if let Ok(text) = serde_json::to_string(message) {
        let _ = frames.try_send(Frame::Text(text.into()));
    }
}

impl Desk {
    fn tell(&mut self, events: Vec<DeskEvent>, at: &str) {
        for event in events {
            self.seq += 1;
            let message = DeskMessage::Event { seq: self.seq, at: at.to_owned(), event: Box::new(event) };
            let Ok(text) = serde_json::to_string(&message) else { continue };
            let text = Utf8Bytes::from(text);
            // Whoever does not keep up comes back and asks for what they missed.
            self.sockets.retain(|(_, socket)| socket.try_send(Frame::Text(text.clone())).is_ok());
            self.kept.push_back((self.seq, text));
            if self.kept.len() > KEPT_MAX {
                self.kept.pop_front();
            }
        }
    }
}

impl Dirty {
    fn is_clean(&self) -> bool {
        let nobody = self.workers.is_empty() && self.reservations.is_empty() && self.tasks.is_empty();
        nobody && !self.everything && !self.settings && !self.queues
    }

    fn note(&mut self, event: &Event) {
        match event {
            Event::WorkspaceCreated { .. } | Event::WorkspaceDeleted => self.everything = true,
            Event::WorkspaceUpdated { .. }
            | Event::ActivityCreated { .. }
            | Event::ActivityUpdated { .. }
            | Event::ActivityDeleted { .. } => self.settings = true,
            Event::TaskChannelCreated { .. }
            | Event::TaskChannelUpdated { .. }
            | Event::TaskChannelDeleted { .. }
            | Event::WorkerCapacityUpdated { .. }
            | Event::WorkerChannelAvailabilityUpdated { .. }
            | Event::VoiceOverridesSet { .. }
            | Event::WorkflowCreated { .. }
            | Event::WorkflowUpdated { .. }
            | Event::WorkflowDeleted { .. }
            | Event::WorkflowEntered { .. }
            | Event::WorkflowTargetMatched { .. }
            | Event::WorkflowTimeout { .. }
            | Event::WorkflowSkipped { .. }
            | Event::CoolDownEnded { .. }
            | Event::LeaseExpired { .. } => {}
            Event::WorkerCreated { worker } => self.worker(worker.sid),
            Event::WorkerRenamed { sid, .. }
            | Event::WorkerActivityUpdated { sid, .. }
            | Event::WorkerAttributesUpdated { sid, .. }
            | Event::WorkerDeleted { sid } => self.worker(*sid),
            Event::TaskQueueCreated { .. }
            | Event::TaskQueueUpdated { .. }
            | Event::TaskQueueDeleted { .. } => self.queues = true,
            Event::TaskCreated { task: made } => self.task(made.sid),
            Event::TaskQueueMoved { task, .. }
            | Event::TaskQueueEntered { task, .. }
            | Event::TaskQueueTimeout { task, .. }
            | Event::TaskUpdated { task, .. }
            | Event::TaskCanceled { task, .. }
            | Event::TaskWrapup { task, .. }
            | Event::TaskCompleted { task, .. }
            | Event::TaskDeleted { task, .. }
            | Event::TaskPurged { task }
            | Event::TransferAttemptFailed { task, .. }
            | Event::TransferFailed { task, .. }
            | Event::TransferCanceled { task, .. }
            | Event::TransferCompleted { task, .. }
            | Event::TaskReturned { task, .. } => self.task(*task),
            Event::ReservationFailed { task, worker } => {
                self.task(*task);
                self.worker(*worker);
            }
            Event::TransferInitiated { transfer, .. } => {
                self.task(transfer.task);
                if let TransferTarget::Worker(worker) = transfer.to {
                    self.worker(worker);
                }
            }
            Event::ReservationCreated { reservation } => {
                self.worker(reservation.worker);
                self.queues = true;
            }
            Event::ReservationAccepted { reservation }
            | Event::ReservationRejected { reservation }
            | Event::ReservationTimeout { reservation }
            | Event::ReservationCanceled { reservation, .. }
            | Event::ReservationRescinded { reservation }
            | Event::ReservationWrapup { reservation }
            | Event::ReservationCompleted { reservation }
            | Event::ReservationInstructed { reservation, .. }
            | Event::CallParked { reservation, .. }
            | Event::CallPickingUp { reservation, .. }
            | Event::CallPickedUp { reservation, .. }
            | Event::CallHungUpWhileParked { reservation, .. }
            | Event::CallNoticeLeft { reservation }
            | Event::CallRequeued { reservation, .. } => {
                self.reservations.insert(*reservation);
                self.queues = true;
            }
        }
    }

    fn worker(&mut self, sid: WorkerSid) {
        self.workers.insert(sid);
        self.queues = true;
    }

    fn task(&mut self, sid: TaskSid) {
        self.tasks.insert(sid);
        self.queues = true;
    }

    /// `users`: whose desks there are, and which calls they were told of.
    fn read(self, w: &Workspace, users: Vec<(User, Vec<ReservationSid>)>) -> Fresh {
        let mut workers = self.workers;
        if self.everything {
            workers.extend(w.workers().map(|worker| worker.sid));
        }
        workers.extend(self.reservations.iter().filter_map(|wr| w.reservation(*wr)).map(|r| r.worker));
        workers.extend(
            self.tasks.iter().filter_map(|wt| w.task(*wt)).flat_map(|task| view::workers_of(w, task)),
        );
        // A call whose task is gone altogether was some desk's.
        let lost = |wr: &ReservationSid| w.reservation(*wr).is_none_or(|r| !r.status.is_open());
        workers.extend(
            users.iter().filter(|(_, told)| told.iter().any(lost)).filter_map(|(user, _)| user.worker),
        );
        let (there, gone): (Vec<WorkerSid>, Vec<WorkerSid>) =
            workers.iter().partition(|wk| w.worker(**wk).is_some());
        let people = there.iter().filter_map(|wk| w.worker(*wk)).map(|worker| view::person(w, worker));
        let mut went = HashMap::new();
        let mut mes = Vec::new();
        for (user, told) in users {
            let touched = user.worker.is_none_or(|wk| workers.contains(&wk)) || self.everything;
            if !touched {
                continue;
            }
            let calls = user.worker.map(|wk| w.calls_of(wk)).unwrap_or_default();
            went.extend(told.into_iter().map(|wr| (wr, view::gone(w, wr))));
            let calls = calls.iter().map(|call| (call.reservation, view::call(w, call))).collect();
            mes.push((user.sid, view::me(w, &user), calls));
        }
        Fresh {
            people: people.collect(),
            sids: there.clone(),
            gone,
            mes,
            went,
            queues: (self.queues || self.everything).then(|| view::queues(w)),
            settings: (self.settings || self.everything).then(|| (view::activities(w), view::policy(w))),
        }
    }
}
