use crate::assignment::{self, AssignmentFailure};
use crate::batch::Release;
use crate::owner::{Check, MAILBOX_MAX, Message, Owner, SUBSCRIBER_LAG_MAX, keep, keep_snapshot};
use crate::{AskError, effects};
use base::*;
use engine::routing::Workspace;
use engine::routing::command::{Answer, Command, NewWorkspace, RoutingError};
use engine::routing::effect::{Effect, VoiceOrder};
use engine::routing::event::{Event, Recorded};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use store::model::{Notification, Row};
use store::{Append, Commit, Seq, Store, StoreError};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinSet;
use tracing::{error, info};

/// What the registry of workspaces needs.
#[derive(Debug, Clone)]
pub struct WorkspacesSettings {
    /// Journals and rows.
    pub store: Store,
    /// The one clock.
    pub clock: Clock,
    /// For SIDs.
    pub entropy: Entropy,
}

/// All workspaces of this node: one task each. A cheap handle.
///
/// Every answer is given after what it tells is durable; reads see everything that was decided before them and are
/// answered only once that is committed.
#[derive(Clone)]
pub struct Workspaces {
    shared: Arc<Shared>,
}

/// What handles and owners share. The maps are caches of what the journals say.
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    entropy: Mutex<Entropy>,
    owners: RwLock<BTreeMap<WorkspaceSid, Entry>>,
    workflows: RwLock<HashMap<WorkflowSid, WorkspaceSid>>,
    workers: RwLock<HashMap<WorkerSid, WorkspaceSid>>,
    voices: RwLock<HashMap<AccountSid, mpsc::Sender<VoiceOrder>>>,
    /// Serialises the claiming of workspaces that nobody here owns yet.
    claiming: tokio::sync::Mutex<()>,
    keepers: Mutex<JoinSet<()>>,
    draining: AtomicBool,
}

struct Entry {
    account: AccountSid,
    created: Timestamp,
    mailbox: mpsc::Sender<Message>,
    events: broadcast::Sender<Arc<Recorded>>,
    watchers: Watchers,
}

/// Looks at a workspace as it is right after what happened, and tells of it once that is durable.
///
/// It is asked in the owner's own time: what it does for every event, all decisions wait for.
pub trait Watcher: Send + Sync {
    /// `events` have just been applied to `workspace`, and nothing after them. What is returned is called when they are
    /// committed, before anybody who asked is answered; it is dropped if they are not.
    fn look(&self, workspace: &Workspace, now: Timestamp, events: &[Arc<Recorded>]) -> Option<Tell>;
    /// Nobody listens any more: it is dropped.
    fn is_over(&self) -> bool;
}

/// Tells what a [`Watcher`] has seen. It must not wait.
pub type Tell = Box<dyn FnOnce() + Send>;

/// The watchers of a workspace, whichever owner it has.
pub(crate) type Watchers = Arc<Mutex<Vec<Box<dyn Watcher>>>>;

impl Workspaces {
    /// Loads every workspace of the store and starts its owner.
    pub async fn start(settings: WorkspacesSettings) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared {
            store: settings.store,
            clock: settings.clock,
            entropy: Mutex::new(settings.entropy),
            owners: RwLock::default(),
            workflows: RwLock::default(),
            workers: RwLock::default(),
            voices: RwLock::default(),
            claiming: tokio::sync::Mutex::default(),
            keepers: Mutex::default(),
            draining: AtomicBool::new(false),
        });
        for entry in shared.store.workspaces_all().await? {
            if let Some(owner) = Owner::load(&shared, entry.sid).await? {
                shared.own(owner);
            }
        }
        Ok(Self { shared })
    }

    /// Makes a workspace.
    pub async fn create(&self, account: AccountSid, new: NewWorkspace) -> Result<WorkspaceSid, AskError> {
        self.shared.not_draining()?;
        let mut entropy = self.shared.fork_entropy();
        let now = self.shared.clock.now().wall;
        let sid = WorkspaceSid::generate(&mut entropy);
        let (workspace, events, made) = Workspace::create(sid, account, new, now, &mut entropy);
        let settings = workspace.settings();
        let kept = made.into_iter().map(|effect| effects::kept(effect, settings, now, &mut entropy));
        let (told, rows): (Vec<_>, Vec<_>) = kept.unzip();
        let (told, rows) = (told.into_iter().flatten().collect(), rows.into_iter().flatten().collect());
        let events = events.into_iter().map(Arc::new).collect();
        let append = Append { workspace: sid, expected: Seq(0), events, told };
        let seq = self.shared.store.commit(Commit { append: Some(append), rows }).await?;
        self.shared.own(Owner::new(self.shared.clone(), workspace, seq, entropy));
        info!(workspace.sid = %sid, "workspace {sid} was created");
        Ok(sid)
    }

    /// Removes a workspace with everything in it. Its journal stays.
    pub async fn delete(&self, workspace: WorkspaceSid) -> Result<(), AskError> {
        self.ask(workspace, Command::DeleteWorkspace).await.map(|_| ())
    }

    /// The workspaces of an account, oldest first.
    pub fn list(&self, account: AccountSid) -> Vec<WorkspaceSid> {
        let owners = self.shared.owners.read().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<_> = owners
            .iter()
            .filter(|(_, entry)| entry.account == account)
            .map(|(sid, e)| (e.created, *sid))
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, sid)| sid).collect()
    }

    /// The workspaces of all accounts.
    pub fn all(&self) -> Vec<WorkspaceSid> {
        self.shared.owners.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    /// Whose workspace this is, if it is one.
    pub fn account_of(&self, workspace: WorkspaceSid) -> Option<AccountSid> {
        let owners = self.shared.owners.read().unwrap_or_else(PoisonError::into_inner);
        owners.get(&workspace).map(|entry| entry.account)
    }

    /// The workspace that has this workflow.
    pub fn workspace_of(&self, workflow: WorkflowSid) -> Option<WorkspaceSid> {
        self.shared.workflows.read().unwrap_or_else(PoisonError::into_inner).get(&workflow).copied()
    }

    /// Decides a command; answered once it is durable.
    pub async fn ask(&self, workspace: WorkspaceSid, command: Command) -> Result<Answer, AskError> {
        self.ask_and_read(workspace, command, |_, _, answer| answer.clone()).await
    }

    /// Decides a command and reads the state that it left, before anything else is decided.
    pub async fn ask_and_read<R: Send + 'static>(
        &self,
        workspace: WorkspaceSid,
        command: Command,
        read: impl FnOnce(&Workspace, Timestamp, &Answer) -> R + Send + 'static,
    ) -> Result<R, AskError> {
        self.ask_if_and_read(workspace, |_| Ok(()), command, read).await
    }

    /// The same, if `check` finds nothing against it in the state right before.
    pub async fn ask_if_and_read<R: Send + 'static>(
        &self,
        workspace: WorkspaceSid,
        check: impl FnOnce(&Workspace) -> Result<(), RoutingError> + Send + 'static,
        command: Command,
        read: impl FnOnce(&Workspace, Timestamp, &Answer) -> R + Send + 'static,
    ) -> Result<R, AskError> {
        let (message, told) = ask_message(Some(Box::new(check)), command, read);
        self.send(workspace, message).await?;
        told.await.map_err(|_| AskError::Busy)?
    }

    /// Reads the state after everything that was asked before; answered once all of that is durable.
    pub async fn read<R: Send + 'static>(
        &self,
        workspace: WorkspaceSid,
        read: impl FnOnce(&Workspace, Timestamp) -> R + Send + 'static,
    ) -> Result<R, AskError> {
        let (tell, told) = oneshot::channel();
        let message = Message::Read(Box::new(move |state, now| release(tell, read(state, now))));
        self.send(workspace, message).await?;
        told.await.map_err(|_| AskError::Busy)?
    }

    /// Keeps a snapshot of a workspace as it is, so that no event from before is needed to load it.
    pub async fn keep_snapshot(&self, workspace: WorkspaceSid) -> Result<(), AskError> {
        let (tell, told) = oneshot::channel();
        self.send(workspace, Message::Snapshot(tell)).await?;
        let (seq, snapshot) = told.await.map_err(|_| AskError::Busy)??;
        Ok(keep_snapshot(&self.shared.store, workspace, seq, snapshot).await?)
    }

    /// Committed events of a workspace from now on. For a workspace that is not here, nothing ever comes.
    pub fn subscribe(&self, workspace: WorkspaceSid) -> broadcast::Receiver<Arc<Recorded>> {
        let owners = self.shared.owners.read().unwrap_or_else(PoisonError::into_inner);
        owners
            .get(&workspace)
            .map_or_else(|| broadcast::Sender::new(1).subscribe(), |entry| entry.events.subscribe())
    }

    /// Has `watcher` look at what happens in a workspace from now on. It is dropped when the workspace is gone.
    pub fn watch(&self, workspace: WorkspaceSid, watcher: Box<dyn Watcher>) {
        let owners = self.shared.owners.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = owners.get(&workspace) {
            entry.watchers.lock().unwrap_or_else(PoisonError::into_inner).push(watcher);
        }
    }

    /// What an assignment callback answered: `None` for an empty answer, the JSON document otherwise. An instruction is carried
    /// out; what is none, or is refused, becomes a notification with its documented code.
    pub async fn assignment_answered(
        &self,
        workspace: WorkspaceSid,
        reservation: ReservationSid,
        answer: Result<Option<serde_json::Value>, AssignmentFailure>,
    ) -> Result<(), AskError> {
        let (command, note) = match answer {
            Ok(None) => (None, None),
            Ok(Some(json)) => match assignment::instruction(&json) {
                Ok(None) => (None, None),
                Ok(Some(instruction)) => (Some(Command::Instruct { reservation, instruction }), None),
                Err(misread) => (None, Some((misread.code, misread.message))),
            },
            Err(AssignmentFailure::NotJson { message }) => (None, Some((40001, message))),
            Err(AssignmentFailure::Failed { code, message }) => {
                (Some(Command::AssignmentCallbackFailed { reservation }), Some((code, message)))
            }
        };
        let refused = match command {
            Some(command) => match self.ask(workspace, command).await {
                Err(AskError::Refused(RoutingError::Refused { code, message })) => Some((code, message)),
                // The reservation has gone since: nothing to instruct any more.
                Err(AskError::Refused(_) | AskError::Missing(_)) | Ok(_) => None,
                Err(other) => return Err(other),
            },
            None => None,
        };
        for (code, message) in note.into_iter().chain(refused) {
            self.notify(workspace, reservation, code, message).await?;
        }
        Ok(())
    }

    async fn notify(
        &self,
        workspace: WorkspaceSid,
        reservation: ReservationSid,
        code: u32,
        message: String,
    ) -> Result<(), AskError> {
        let effect = Effect::Notify { code, message, resource: reservation.to_string() };
        let shared = self.shared.clone();
        let row: Option<Notification> = self
            .read(workspace, move |state, now| {
                match effects::row(effect, state.settings(), now, &mut shared.fork_entropy()) {
                    Some(Row::Notification(notification)) => Some(notification),
                    _ => None,
                }
            })
            .await?;
        match row {
            Some(row) => Ok(self.shared.store.notification_add(row).await?),
            None => Ok(()),
        }
    }

    /// Makes every owner look at its timers: a virtual clock was moved.
    pub fn wake(&self) {
        let owners = self.shared.owners.read().unwrap_or_else(PoisonError::into_inner);
        for entry in owners.values() {
            // An owner with a full mailbox is awake.
            let _ = entry.mailbox.try_send(Message::Wake);
        }
    }

    /// Refuses new commands, finishes what was asked, keeps a snapshot of every workspace, ends the owners.
    pub async fn drain(&self) {
        self.shared.draining.store(true, Ordering::SeqCst);
        let mailboxes: Vec<_> = {
            let owners = self.shared.owners.read().unwrap_or_else(PoisonError::into_inner);
            owners.values().map(|entry| entry.mailbox.clone()).collect()
        };
        let mut drained = Vec::new();
        for mailbox in mailboxes {
            let (tell, told) = oneshot::channel();
            if mailbox.send(Message::Drain(tell)).await.is_ok() {
                drained.push(told);
            }
        }
        for told in drained {
            // An owner that fell over on the way has nothing more to keep.
            let _ = told.await;
        }
        let mut keepers = std::mem::take(&mut *self.shared.keepers());
        while keepers.join_next().await.is_some() {}
    }

    /// Gives the orders of an account's workspaces to its voice side.
    pub(crate) fn attach_voice(&self, account: AccountSid, orders: mpsc::Sender<VoiceOrder>) {
        self.shared.voices.write().unwrap_or_else(PoisonError::into_inner).insert(account, orders);
    }

    /// Puts a command into the mailbox, waiting for room; the answer comes on its own. For senders that must keep their
    /// order without waiting for each answer.
    pub(crate) async fn submit(
        &self,
        workspace: WorkspaceSid,
        command: Command,
    ) -> Result<oneshot::Receiver<Result<Answer, AskError>>, AskError> {
        let (message, told) = ask_message(None, command, |_, _, answer: &Answer| answer.clone());
        let mailbox = self.shared.mailbox(workspace).await?;
        mailbox.send(message).await.map_err(|_| AskError::Busy)?;
        Ok(told)
    }

    async fn send(&self, workspace: WorkspaceSid, message: Message) -> Result<(), AskError> {
        self.shared.not_draining()?;
        let mailbox = self.shared.mailbox(workspace).await?;
        mailbox.try_send(message).map_err(|_| AskError::Busy)
    }
}

impl std::fmt::Debug for Workspaces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Workspaces")
    }
}

type Told<R> = oneshot::Receiver<Result<R, AskError>>;

fn ask_message<R: Send + 'static>(
    check: Option<Check>,
    command: Command,
    read: impl FnOnce(&Workspace, Timestamp, &Answer) -> R + Send + 'static,
) -> (Message, Told<R>) {
    let (tell, told) = oneshot::channel();
    let then = Box::new(move |decided: crate::owner::Decided<'_>| -> Release {
        match decided {
            Ok((state, now, answer)) => release(tell, read(state, now, answer)),
            Err(refused) => Box::new(move |committed: Result<(), AskError>| {
                // A refusal, too, was seen in a state that has to be durable before it is told.
                let _ = tell.send(committed.and(Err(AskError::Refused(refused))));
            }),
        }
    });
    (Message::Ask { check, command: Box::new(command), then }, told)
}

/// Tells `value` once the batch is durable. A caller that no longer waits does not want to know.
pub(crate) fn release<R: Send + 'static>(tell: oneshot::Sender<Result<R, AskError>>, value: R) -> Release {
    Box::new(move |committed| {
        let _ = tell.send(committed.map(|()| value));
    })
}

impl Shared {
    fn own(self: &Arc<Self>, owner: Owner) {
        let settings = owner.workspace().settings();
        let (sid, created) = (settings.sid, settings.created);
        let (mailbox, messages) = mpsc::channel(MAILBOX_MAX);
        let (events, watchers) = (owner.events(), owner.watchers());
        let entry = Entry { account: owner.account(), created, mailbox, events, watchers };
        self.index(owner.workspace());
        self.owners.write().unwrap_or_else(PoisonError::into_inner).insert(sid, entry);
        self.keepers().spawn(keep(self.clone(), owner, messages));
    }

    /// The workspace that has this worker.
    pub(crate) fn workspace_of_worker(&self, worker: WorkerSid) -> Option<WorkspaceSid> {
        self.workers.read().unwrap_or_else(PoisonError::into_inner).get(&worker).copied()
    }

    /// Puts the workflows and workers of a workspace, and no others of it, into the directory.
    pub(crate) fn index(&self, workspace: &Workspace) {
        let sid = workspace.settings().sid;
        let mut workflows = self.workflows.write().unwrap_or_else(PoisonError::into_inner);
        workflows.retain(|_, of| *of != sid);
        workflows.extend(workspace.workflows().map(|workflow| (workflow.sid, sid)));
        drop(workflows);
        let mut workers = self.workers.write().unwrap_or_else(PoisonError::into_inner);
        workers.retain(|_, of| *of != sid);
        workers.extend(workspace.workers().map(|worker| (worker.sid, sid)));
    }

    /// The mailbox of a workspace's owner. One that nobody here owns yet is claimed.
    async fn mailbox(self: &Arc<Self>, workspace: WorkspaceSid) -> Result<mpsc::Sender<Message>, AskError> {
        if let Some(mailbox) = self.mailbox_here(workspace) {
            return Ok(mailbox);
        }
        let _claiming = self.claiming.lock().await;
        if let Some(mailbox) = self.mailbox_here(workspace) {
            return Ok(mailbox);
        }
        match Owner::load(self, workspace).await? {
            Some(owner) => {
                self.own(owner);
                self.mailbox_here(workspace).ok_or(AskError::Busy)
            }
            None => Err(AskError::Missing(workspace)),
        }
    }

    fn mailbox_here(&self, workspace: WorkspaceSid) -> Option<mpsc::Sender<Message>> {
        let owners = self.owners.read().unwrap_or_else(PoisonError::into_inner);
        owners.get(&workspace).map(|entry| entry.mailbox.clone())
    }

    /// The channel that tells of a workspace's events; the same one before and after its owner is loaded again.
    pub(crate) fn events_of(&self, workspace: WorkspaceSid) -> broadcast::Sender<Arc<Recorded>> {
        let owners = self.owners.read().unwrap_or_else(PoisonError::into_inner);
        owners
            .get(&workspace)
            .map_or_else(|| broadcast::Sender::new(SUBSCRIBER_LAG_MAX), |entry| entry.events.clone())
    }

    /// Who watches a workspace; the same before and after its owner is loaded again.
    pub(crate) fn watchers_of(&self, workspace: WorkspaceSid) -> Watchers {
        let owners = self.owners.read().unwrap_or_else(PoisonError::into_inner);
        owners.get(&workspace).map_or_else(Watchers::default, |entry| entry.watchers.clone())
    }

    pub(crate) fn fork_entropy(&self) -> Entropy {
        self.entropy.lock().unwrap_or_else(PoisonError::into_inner).fork()
    }

    fn keepers(&self) -> MutexGuard<'_, JoinSet<()>> {
        let mut keepers = self.keepers.lock().unwrap_or_else(PoisonError::into_inner);
        while keepers.try_join_next().is_some() {}
        keepers
    }

    fn not_draining(&self) -> Result<(), AskError> {
        if self.draining.load(Ordering::SeqCst) { Err(AskError::Draining) } else { Ok(()) }
    }

    /// Keeps the directory as the committed event says.
    pub(crate) fn note(&self, workspace: WorkspaceSid, event: &Event) {
        let workflows = || self.workflows.write().unwrap_or_else(PoisonError::into_inner);
        let workers = || self.workers.write().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::WorkflowCreated { workflow } => drop(workflows().insert(workflow.sid, workspace)),
            Event::WorkflowDeleted { sid } => drop(workflows().remove(sid)),
            Event::WorkerCreated { worker } => drop(workers().insert(worker.sid, workspace)),
            Event::WorkerDeleted { sid } => drop(workers().remove(sid)),
            _ => {}
        }
    }

    /// A workspace that is no longer there.
    pub(crate) fn forget(&self, workspace: WorkspaceSid) {
        self.owners.write().unwrap_or_else(PoisonError::into_inner).remove(&workspace);
        self.workflows.write().unwrap_or_else(PoisonError::into_inner).retain(|_, of| *of != workspace);
        self.workers.write().unwrap_or_else(PoisonError::into_inner).retain(|_, of| *of != workspace);
    }

    /// Hands an order to the voice side of the account; false if there is none.
    pub(crate) async fn order(&self, account: AccountSid, order: VoiceOrder) -> bool {
        let voice = self.voices.read().unwrap_or_else(PoisonError::into_inner).get(&account).cloned();
        match voice {
            Some(voice) => {
                let taken = voice.send(order).await.is_ok();
                if !taken {
                    error!("the voice side of account {account} has gone");
                }
                taken
            }
            None => false,
        }
    }
}
