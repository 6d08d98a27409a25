//! The owner of one workspace: decides batches, commits them one at a time, tells afterwards.

use crate::batch::{Batch, Release};
use crate::workspaces::{Shared, Tell, Watchers, release};
use crate::{AskError, effects, timers};
use base::*;
use engine::routing::Workspace;
use engine::routing::command::{Answer, Command, RoutingError, VoiceReport};
use engine::routing::effect::{Effect, Offer, VoiceOrder};
use engine::routing::event::Recorded;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use store::{Append, AppendError, Commit, Seq, StoreError};
use tokio::sync::{Mutex, broadcast, mpsc, oneshot};
use tokio::task::JoinSet;
use tracing::{error, info, warn};

/// Messages that may wait for an owner.
pub(crate) const MAILBOX_MAX: usize = 4_096;
/// Most messages decided in one batch.
const BATCH_MAX: usize = 512;
/// Events after which a snapshot is taken at the earliest: a restart replays at most about so many, or for a large
/// workspace about [`SNAPSHOT_SHARE`] for each thing in it.
const SNAPSHOT_EVERY: u64 = 1_000;
/// Events for each worker, task and reservation between two snapshots: what snapshots cost stays a fixed share of what
/// the events cost, however large the workspace is.
const SNAPSHOT_SHARE: u64 = 4;
/// Committed events that a slow subscriber may be behind.
pub(crate) const SUBSCRIBER_LAG_MAX: usize = 4_096;
/// Between two tries to load a workspace whose owner fell over.
const RELOAD_PAUSE: Duration = Duration::from_millis(200);
/// No two timer ticks are closer than this.
const TICK_MIN: Duration = Duration::from_millis(1);

/// What comes of a command, seen by its caller's closure while the state is as it was decided.
pub(crate) type Decided<'a> = Result<(&'a Workspace, Timestamp, &'a Answer), RoutingError>;

/// Looks at the state and says whom to tell.
pub(crate) type Read = Box<dyn FnOnce(&Workspace, Timestamp) -> Release + Send>;

/// Refuses a command for what it sees.
pub(crate) type Check = Box<dyn FnOnce(&Workspace) -> Result<(), RoutingError> + Send>;

/// What an owner is sent. A message that is dropped tells its caller [`AskError::Busy`].
pub(crate) enum Message {
    Ask {
        /// Stands before the decision.
        check: Option<Check>,
        command: Box<Command>,
        then: Box<dyn FnOnce(Decided<'_>) -> Release + Send>,
    },
    Read(Read),
    /// Tell the state and where it is in the journal.
    Snapshot(oneshot::Sender<Result<(Seq, engine::routing::Snapshot), AskError>>),
    /// Take a snapshot and end.
    Drain(oneshot::Sender<()>),
    /// The clock has jumped: look at the timers again.
    Wake,
}

/// Why an owner's loop ended.
enum Ended {
    /// Its state is no longer to be believed: load it again.
    Reload,
    /// Drained, deleted, or nobody is left to ask.
    Over,
}

/// An owner with its state in memory.
pub(crate) struct Owner {
    shared: Arc<Shared>,
    sid: WorkspaceSid,
    account: AccountSid,
    workspace: Workspace,
    /// Where the journal will be once everything that was decided is committed.
    seq: Seq,
    /// Where the last snapshot was taken.
    snapshot: Seq,
    entropy: Entropy,
    events: broadcast::Sender<Arc<Recorded>>,
    watchers: Watchers,
    /// Commands of our own: reports for orders that nobody could take.
    follow_ups: Vec<Command>,
    ticked: Timestamp,
    /// Snapshots being written.
    writing: JoinSet<()>,
}

struct InFlight {
    outcome: Pin<Box<dyn Future<Output = Result<Seq, AppendError>> + Send>>,
    /// Whom to tell, and of what; what is written is with the store.
    batch: Batch,
    /// A snapshot of the state as it is when this commit is done.
    snapshot: Option<(Seq, engine::routing::Snapshot)>,
}

impl Owner {
    /// An owner of what was just created and committed.
    pub(crate) fn new(shared: Arc<Shared>, workspace: Workspace, seq: Seq, entropy: Entropy) -> Self {
        let settings = workspace.settings();
        let (sid, account) = (settings.sid, settings.account);
        let (events, watchers) = (shared.events_of(sid), shared.watchers_of(sid));
        let (follow_ups, ticked, writing) = (Vec::new(), Timestamp(0), JoinSet::new());
        let snapshot = seq;
        Self {
            shared,
            sid,
            account,
            workspace,
            seq,
            snapshot,
            entropy,
            events,
            watchers,
            follow_ups,
            ticked,
            writing,
        }
    }

    /// Loads a workspace: its snapshot, and the events since. `None` if there is no such workspace.
    pub(crate) async fn load(shared: &Arc<Shared>, sid: WorkspaceSid) -> Result<Option<Self>, StoreError> {
        let Some(loaded) = shared.store.load(sid).await? else { return Ok(None) };
        let corrupt = |what: &str| StoreError::Corrupt(format!("{what} of workspace {sid} does not fit"));
        let at = loaded.snapshot.as_ref().map_or(Seq(0), |(seq, _)| *seq);
        let workspace = match loaded.snapshot {
            Some((_, json)) => {
                let snapshot =
                    serde_json::from_str(&json).map_err(|e| corrupt(&format!("snapshot ({e})")))?;
                let mut workspace = Workspace::restore(snapshot);
                loaded.tail.iter().for_each(|recorded| workspace.apply(recorded));
                workspace
            }
            None => Workspace::replay(loaded.tail).ok_or_else(|| corrupt("journal"))?,
        };
        shared.index(&workspace);
        let mut owner = Self::new(shared.clone(), workspace, loaded.seq, shared.fork_entropy());
        owner.snapshot = at;
        Ok(Some(owner))
    }

    pub(crate) fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    pub(crate) fn account(&self) -> AccountSid {
        self.account
    }

    /// Tells of events once they are committed.
    pub(crate) fn events(&self) -> broadcast::Sender<Arc<Recorded>> {
        self.events.clone()
    }

    /// Who watches.
    pub(crate) fn watchers(&self) -> Watchers {
        self.watchers.clone()
    }

    /// Shows the watchers what is about to be committed, and the state that it led to.
    fn shown(&self, events: &[Arc<Recorded>]) -> Vec<Tell> {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        if watchers.is_empty() {
            return Vec::new();
        }
        watchers.retain(|watcher| !watcher.is_over());
        let now = self.shared.clock.now().wall;
        watchers.iter().filter_map(|watcher| watcher.look(&self.workspace, now, events)).collect()
    }

    /// Runs until there is a reason to stop. Decides the next batch while one commits.
    async fn run(mut self, mailbox: Arc<Mutex<mpsc::Receiver<Message>>>) -> Ended {
        let mut mailbox = mailbox.lock().await;
        let mut batch = Batch::default();
        let mut in_flight: Option<InFlight> = None;
        let mut over: Option<Over> = None;
        loop {
            self.decide_follow_ups(&mut batch);
            if in_flight.is_none() && !batch.is_empty() {
                let ready = std::mem::take(&mut batch);
                if ready.writes() {
                    in_flight = Some(self.commit(ready));
                } else {
                    self.release(ready).await;
                    continue;
                }
            }
            if in_flight.is_none()
                && let Some(over) = over.take()
            {
                return self.end(over).await;
            }
            let open = over.is_none() && batch.releases.len() < BATCH_MAX;
            tokio::select! {
                biased;
                committed = outcome(&mut in_flight) => {
                    let done = in_flight.take().expect("its outcome has just come");
                    if let Err(failed) = committed {
                        return self.fall(&failed, done.batch, batch);
                    }
                    self.save_snapshot(done.snapshot);
                    self.release(done.batch).await;
                }
                message = mailbox.recv(), if open => {
                    match message {
                        Some(message) => over = self.take(message, &mut batch),
                        None => over = Some(Over::Unowned),
                    }
                    while over.is_none() && batch.releases.len() < BATCH_MAX
                        && let Ok(message) = mailbox.try_recv()
                    {
                        over = self.take(message, &mut batch);
                    }
                }
                () = timers::wall(&self.shared.clock, self.next_tick()), if open => self.tick(&mut batch),
            }
        }
    }

    fn next_tick(&self) -> Option<Timestamp> {
        self.workspace.next_deadline().map(|deadline| deadline.max(self.ticked + TICK_MIN))
    }

    fn tick(&mut self, batch: &mut Batch) {
        self.ticked = self.shared.clock.now().wall;
        self.decide_own(Command::Tick, batch);
    }

    /// Decides one message into `batch`; says so if it is the last one.
    fn take(&mut self, message: Message, batch: &mut Batch) -> Option<Over> {
        match message {
            Message::Ask { check, command, then } => {
                let now = self.shared.clock.now().wall;
                let deletes = matches!(*command, Command::DeleteWorkspace);
                let decided = match check.map_or(Ok(()), |check| check(&self.workspace)) {
                    Ok(()) => self.decide(*command, now, batch),
                    Err(refused) => Err(refused),
                };
                let release = match &decided {
                    Ok(answer) => then(Ok((&self.workspace, now, answer))),
                    Err(refused) => then(Err(refused.clone())),
                };
                batch.releases.push(release);
                if deletes && decided.is_ok() {
                    return Some(Over::Deleted);
                }
            }
            Message::Read(read) => {
                batch.releases.push(read(&self.workspace, self.shared.clock.now().wall));
            }
            Message::Snapshot(tell) => {
                batch.releases.push(release(tell, (self.seq, self.workspace.snapshot())));
            }
            Message::Drain(done) => return Some(Over::Drained(done)),
            Message::Wake => {}
        }
        None
    }

    fn decide(
        &mut self,
        command: Command,
        now: Timestamp,
        batch: &mut Batch,
    ) -> Result<Answer, RoutingError> {
        let decision = self.workspace.decide(command, now, &mut self.entropy)?;
        self.record(decision.events, batch);
        for effect in decision.effects {
            match effect {
                Effect::Voice(order) => batch.orders.push(order),
                Effect::UnknownWorker { task, worker } => {
                    let of = worker.and_then(|worker| self.shared.workspace_of_worker(worker));
                    let (code, whose) = match of.filter(|of| *of != self.workspace.settings().sid) {
                        Some(_) => (40155, "belongs to another workspace"),
                        None => (40154, "does not exist"),
                    };
                    let message = format!("Task {task} names a known worker that {whose}");
                    let note = Effect::Notify { code, message, resource: task.to_string() };
                    batch.rows.extend(effects::row(note, self.workspace.settings(), now, &mut self.entropy));
                }
                other => {
                    let (told, row) = effects::kept(other, self.workspace.settings(), now, &mut self.entropy);
                    batch.told.extend(told);
                    batch.rows.extend(row);
                }
            }
        }
        Ok(decision.answer)
    }

    fn record(&mut self, events: Vec<Recorded>, batch: &mut Batch) {
        self.seq = self.seq.plus(events.len());
        batch.events.extend(events.into_iter().map(Arc::new));
    }

    /// A command that nobody waits for.
    fn decide_own(&mut self, command: Command, batch: &mut Batch) {
        if let Err(refused) = self.decide(command, self.shared.clock.now().wall, batch) {
            info!(workspace.sid = %self.sid, %refused, "workspace {} refused a command of its own: {refused}", self.sid);
        }
    }

    fn decide_follow_ups(&mut self, batch: &mut Batch) {
        for command in std::mem::take(&mut self.follow_ups) {
            self.decide_own(command, batch);
        }
    }

    fn commit(&mut self, mut batch: Batch) -> InFlight {
        batch.tells = self.shown(&batch.events);
        let events = batch.events.clone();
        let expected = Seq(self.seq.0 - events.len() as u64);
        let append = (!events.is_empty()).then_some(Append {
            workspace: self.sid,
            expected,
            events,
            told: std::mem::take(&mut batch.told),
        });
        let commit = Commit { append, rows: std::mem::take(&mut batch.rows) };
        let store = self.shared.store.clone();
        let every = SNAPSHOT_EVERY.max(self.workspace.size() as u64 * SNAPSHOT_SHARE);
        let snapshot = (self.seq.0 >= self.snapshot.0 + every && self.writing.is_empty())
            .then(|| (self.seq, self.workspace.snapshot()));
        InFlight { outcome: Box::pin(async move { store.commit(commit).await }), batch, snapshot }
    }

    /// Everything in `batch` is durable: tell.
    async fn release(&mut self, batch: Batch) {
        for event in batch.events {
            self.shared.note(self.sid, &event.event);
            // Nobody may be listening.
            let _ = self.events.send(event);
        }
        batch.tells.into_iter().for_each(|tell| tell());
        batch.releases.into_iter().for_each(|release| release(Ok(())));
        for order in batch.orders {
            let failed = untaken(&order);
            if !self.shared.order(self.account, order).await {
                self.follow_ups.extend(failed);
            }
        }
    }

    /// Our state holds what was not committed: nobody is told anything but that.
    fn fall(self, failed: &AppendError, committing: Batch, deciding: Batch) -> Ended {
        match failed {
            AppendError::Fenced { current } => warn!(
                workspace.sid = %self.sid,
                "workspace {} was written to by another owner, which is at {current}; loading it again", self.sid
            ),
            AppendError::Store(error) => error!(
                workspace.sid = %self.sid, %error,
                "could not commit to the journal of workspace {}: {error}; loading it again", self.sid
            ),
        }
        let error = AskError::from(failed.clone());
        committing.fail(&error);
        deciding.fail(&error);
        Ended::Reload
    }

    fn save_snapshot(&mut self, snapshot: Option<(Seq, engine::routing::Snapshot)>) {
        let Some((seq, snapshot)) = snapshot else { return };
        self.snapshot = seq;
        while self.writing.try_join_next().is_some() {}
        self.writing.spawn(write_snapshot(self.shared.store.clone(), self.sid, seq, snapshot));
    }

    async fn end(mut self, over: Over) -> Ended {
        match over {
            Over::Deleted => {
                self.shared.forget(self.sid);
            }
            Over::Drained(done) => {
                while self.writing.join_next().await.is_some() {}
                if self.seq > self.snapshot {
                    let snapshot = self.workspace.snapshot();
                    write_snapshot(self.shared.store.clone(), self.sid, self.seq, snapshot).await;
                }
                // Whoever drained may have gone.
                let _ = done.send(());
            }
            Over::Unowned => {}
        }
        Ended::Over
    }
}

/// Why no more messages are taken.
enum Over {
    Deleted,
    Drained(oneshot::Sender<()>),
    /// Every handle was dropped.
    Unowned,
}

async fn outcome(in_flight: &mut Option<InFlight>) -> Result<Seq, AppendError> {
    match in_flight {
        Some(in_flight) => in_flight.outcome.as_mut().await,
        None => std::future::pending().await,
    }
}

/// Keeps a snapshot that was taken at `seq`; a later one that is there stays.
pub(crate) async fn keep_snapshot(
    store: &store::Store,
    sid: WorkspaceSid,
    seq: Seq,
    snapshot: engine::routing::Snapshot,
) -> Result<(), StoreError> {
    let json = tokio::task::spawn_blocking(move || serde_json::to_string(&snapshot)).await;
    let json = json.map_err(|panicked| StoreError::Backend(panicked.to_string()))?;
    store.snapshot_save(sid, seq, json.map_err(|e| StoreError::Corrupt(e.to_string()))?).await
}

async fn write_snapshot(
    store: store::Store,
    sid: WorkspaceSid,
    seq: Seq,
    snapshot: engine::routing::Snapshot,
) {
    if let Err(error) = keep_snapshot(&store, sid, seq, snapshot).await {
        // The journal has everything; the next restart takes longer.
        warn!(workspace.sid = %sid, %error, "could not keep a snapshot of workspace {sid}: {error}");
    }
}

/// What to report for an order when the account has no voice side: an offer that can fail has failed.
fn untaken(order: &VoiceOrder) -> Option<Command> {
    let failed = |offer: &Offer, code| {
        let reason = "This account takes no calls".to_owned();
        let reservation = offer.reservation;
        Some(Command::Voice(VoiceReport::Failed { reservation, code, dialled: None, reason }))
    };
    match order {
        VoiceOrder::Dequeue { offer, .. } => failed(offer, 40133),
        VoiceOrder::Call { offer, .. } => failed(offer, 40113),
        VoiceOrder::Redirect { offer, .. } => failed(offer, 40122),
        VoiceOrder::Conference { offer, .. } | VoiceOrder::PickUp { offer, .. } => failed(offer, 40145),
        _ => None,
    }
}

/// Keeps a workspace owned: runs its owner, and loads it again when it fell over or was overtaken. A panic takes down one
/// owner and the messages it was deciding, never the process.
pub(crate) async fn keep(shared: Arc<Shared>, first: Owner, mailbox: mpsc::Receiver<Message>) {
    let sid = first.sid;
    let mailbox = Arc::new(Mutex::new(mailbox));
    let mut next = Some(first);
    // While the database is away it is tried often and said once.
    let mut said = false;
    loop {
        let owner = match next.take() {
            Some(owner) => owner,
            None => match Owner::load(&shared, sid).await {
                Ok(Some(owner)) => {
                    if std::mem::take(&mut said) {
                        info!(workspace.sid = %sid, "workspace {sid} is loaded again");
                    }
                    owner
                }
                Ok(None) => return shared.forget(sid),
                Err(error) => {
                    if !std::mem::replace(&mut said, true) {
                        error!(workspace.sid = %sid, %error, "could not load workspace {sid}: {error}; trying again");
                    }
                    if !refuse_waiting(&mailbox).await {
                        return;
                    }
                    timers::pause(RELOAD_PAUSE).await;
                    continue;
                }
            },
        };
        let mut running = JoinSet::new();
        running.spawn(owner.run(mailbox.clone()));
        match running.join_next().await {
            Some(Ok(Ended::Reload)) => {}
            Some(Ok(Ended::Over)) | None => return,
            Some(Err(fallen)) => {
                error!(workspace.sid = %sid, "the owner of workspace {sid} fell over ({fallen}); loading it again");
                timers::pause(RELOAD_PAUSE).await;
            }
        }
    }
}

/// While a workspace cannot be loaded nobody waits for it. False once every handle was dropped.
async fn refuse_waiting(mailbox: &Mutex<mpsc::Receiver<Message>>) -> bool {
    let mut mailbox = mailbox.lock().await;
    loop {
        match mailbox.try_recv() {
            Ok(Message::Drain(_)) | Err(mpsc::error::TryRecvError::Disconnected) => return false,
            Ok(refused) => drop(refused),
            Err(mpsc::error::TryRecvError::Empty) => return true,
        }
    }
}
