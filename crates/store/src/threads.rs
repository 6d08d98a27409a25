//! One writer thread that **commits in groups**, and a few reader threads, each with a connection of its own.
//!
//! Each job of a group runs in a savepoint of its own, so one that fails takes nothing else with it; all of them become
//! durable by the same commit. Both databases are spoken to this way, so a question is a plain function.

use crate::db::Db;
use crate::sql::accounts;
use crate::store::{CommitGate, Counts, Options};
use crate::{AppendError, StoreError};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::error;

/// Writes that may wait for the writer.
const WRITES_WAITING_MAX: usize = 4_096;
/// Reads that may wait for a reader.
const READS_WAITING_MAX: usize = 4_096;
/// Most writes in one transaction.
const GROUP_MAX: usize = 512;

type Tell = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
/// Runs in its savepoint, unless there is none; says whether to keep what it wrote, and how to tell its caller once that
/// is durable.
type Write = Box<dyn FnOnce(Result<&dyn Db, StoreError>) -> (bool, Tell) + Send>;
type Read = Box<dyn FnOnce(Result<&dyn Db, StoreError>) + Send>;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Migrating, then writing.
    Migrate,
    /// Writing to a schema that stays as it is.
    Write,
    Read,
}

/// What a question answers when the store itself could not.
pub(crate) trait Failure: From<StoreError> + Send + 'static {}
impl Failure for StoreError {}
impl Failure for AppendError {}

#[derive(Debug)]
pub(crate) struct Threads {
    writes: mpsc::Sender<Write>,
    reads: mpsc::Sender<Read>,
    commits: Arc<AtomicU64>,
    jobs: Arc<AtomicU64>,
    held: Arc<Held>,
    threads: Mutex<Vec<std::thread::JoinHandle<()>>>,
}

/// Whether this process is the one that serves the store: see [`crate::Store::take_over`].
#[derive(Debug)]
pub(crate) struct Held {
    /// What the setting [`SERVER`] must say; `None`: nobody asked to serve.
    token: Mutex<Option<String>>,
    overtaken: watch::Sender<bool>,
}

/// The setting that names the process that serves.
pub(crate) const SERVER: &str = "server";

impl Held {
    pub(crate) fn hold(&self, token: String) {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
    }

    pub(crate) fn overtaken(&self) -> watch::Receiver<bool> {
        self.overtaken.subscribe()
    }

    /// Refuses once another process serves the store.
    pub(crate) fn check(&self, db: &dyn Db) -> Result<(), StoreError> {
        let Some(token) = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone() else {
            return Ok(());
        };
        if accounts::setting(db, &SERVER.to_owned())?.as_deref() == Some(token.as_str()) {
            return Ok(());
        }
        self.overtaken.send_replace(true);
        Err(StoreError::Overtaken)
    }
}

impl Threads {
    /// Starts the threads, each with a connection of its own. The first connection, the writer's, is made before the
    /// others: it may have the schema to bring up to date.
    pub(crate) fn start<C>(options: &Options, connect: C) -> Result<Self, StoreError>
    where
        C: Fn(Purpose) -> Result<Box<dyn Db>, StoreError> + Clone + Send + 'static,
    {
        let (writes, writes_waiting) = mpsc::channel(WRITES_WAITING_MAX);
        let (reads, reads_waiting) = mpsc::channel(READS_WAITING_MAX);
        let (commits, jobs) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let mut threads = Vec::new();
        let held = Arc::new(Held { token: Mutex::default(), overtaken: watch::Sender::new(false) });
        let (gate, counted) = (options.gate.clone(), (commits.clone(), jobs.clone()));
        let guard = held.clone();
        let write_all = move |connection| {
            let (commits, jobs) = counted;
            Writer { connection, waiting: writes_waiting, gate, held: guard, commits, jobs }.run();
        };
        let connecting = connect.clone();
        let purpose = if options.migrate { Purpose::Migrate } else { Purpose::Write };
        threads.push(spawn("store-writer", move || connecting(purpose), write_all)?);
        let reads_waiting = Arc::new(Mutex::new(reads_waiting));
        for _ in 0..options.readers.max(1) {
            let (connect, waiting) = (connect.clone(), reads_waiting.clone());
            let read_all = move |connection: Box<dyn Db>| read_all(connection.as_ref(), &waiting);
            threads.push(spawn("store-reader", move || connect(Purpose::Read), read_all)?);
        }
        Ok(Self { writes, reads, commits, jobs, held, threads: Mutex::new(threads) })
    }

    /// Runs `work` in the writer's next transaction; answers when that is durable. A full queue is `Busy`.
    pub(crate) async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: Failure,
        F: FnOnce(&dyn Db) -> Result<T, E> + Send + 'static,
    {
        let (write, answer) = write_job(work);
        self.writes.try_send(write).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => StoreError::Busy,
            mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
        })?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// The same, for owners: waits for room in the queue instead.
    pub(crate) async fn write_waiting<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: Failure,
        F: FnOnce(&dyn Db) -> Result<T, E> + Send + 'static,
    {
        let (write, answer) = write_job(work);
        self.writes.send(write).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Runs `work` on a reader: it sees everything that was answered before it was asked.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&dyn Db) -> Result<T, StoreError> + Send + 'static,
    {
        let (tell, answer) = oneshot::channel();
        let read: Read = Box::new(move |connection| {
            // A caller that no longer waits does not want to know.
            let _ = tell.send(connection.and_then(work));
        });
        self.reads.try_send(read).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => StoreError::Busy,
            mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
        })?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    pub(crate) fn held(&self) -> &Arc<Held> {
        &self.held
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts { commits: self.commits.load(Ordering::Relaxed), writes: self.jobs.load(Ordering::Relaxed) }
    }

    pub(crate) fn waiting(&self) -> usize {
        self.writes.max_capacity() - self.writes.capacity()
    }

    /// Finishes what waits and closes the file. Blocks.
    pub(crate) fn close(self) {
        let Self { writes, reads, threads, .. } = self;
        drop((writes, reads));
        for thread in threads.into_inner().unwrap_or_default() {
            if thread.join().is_err() {
                error!("a thread of the store had panicked");
            }
        }
    }
}

fn write_job<T, E, F>(work: F) -> (Write, oneshot::Receiver<Result<T, E>>)
where
    T: Send + 'static,
    E: Failure,
    F: FnOnce(&dyn Db) -> Result<T, E> + Send + 'static,
{
    let (tell, answer) = oneshot::channel();
    let write: Write = Box::new(move |connection| {
        let result = connection.map_err(E::from).and_then(work);
        let keep = result.is_ok();
        let tell: Tell = Box::new(move |committed| {
            // A caller that no longer waits does not want to know.
            let _ = tell.send(match committed {
                Ok(()) => result,
                Err(error) => Err(E::from(error)),
            });
        });
        (keep, tell)
    });
    (write, answer)
}

/// Starts a thread, which connects and then runs; answers once it has connected.
fn spawn(
    name: &str,
    connect: impl FnOnce() -> Result<Box<dyn Db>, StoreError> + Send + 'static,
    run: impl FnOnce(Box<dyn Db>) + Send + 'static,
) -> Result<std::thread::JoinHandle<()>, StoreError> {
    let (tell, connected) = std::sync::mpsc::channel();
    let thread = std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || match connect() {
            Ok(connection) => {
                let _ = tell.send(Ok(()));
                run(connection);
            }
            Err(error) => {
                let _ = tell.send(Err(error));
            }
        })
        .map_err(|e| StoreError::Backend(e.to_string()))?;
    connected.recv().map_err(|_| StoreError::Closed)??;
    Ok(thread)
}

fn read_all(connection: &dyn Db, waiting: &Mutex<mpsc::Receiver<Read>>) {
    loop {
        let next = match waiting.lock() {
            Ok(mut waiting) => waiting.blocking_recv(),
            Err(_) => return,
        };
        let Some(read) = next else { return };
        let ready = connection.revive().map(|()| connection);
        if std::panic::catch_unwind(AssertUnwindSafe(|| read(ready))).is_err() {
            let _ = connection.rollback();
            error!("a question to the store panicked; its caller was told that the store is closed");
        }
    }
}

struct Writer {
    connection: Box<dyn Db>,
    waiting: mpsc::Receiver<Write>,
    gate: Option<Arc<dyn CommitGate>>,
    held: Arc<Held>,
    commits: Arc<AtomicU64>,
    jobs: Arc<AtomicU64>,
}

impl Writer {
    fn run(mut self) {
        while let Some(first) = self.waiting.blocking_recv() {
            let mut group = vec![first];
            while group.len() < GROUP_MAX
                && let Ok(next) = self.waiting.try_recv()
            {
                group.push(next);
            }
            self.jobs.fetch_add(group.len() as u64, Ordering::Relaxed);
            let (tell, committed) = self.commit(group);
            tell.into_iter().for_each(|tell| tell(committed.clone()));
        }
    }

    fn commit(&self, group: Vec<Write>) -> (Vec<Tell>, Result<(), StoreError>) {
        let begun = self.begin();
        let mut tell = Vec::with_capacity(group.len());
        let mut outcome = begun;
        for write in group {
            if let Err(error) = &outcome {
                tell.push(write(Err(error.clone())).1);
                continue;
            }
            match std::panic::catch_unwind(AssertUnwindSafe(|| self.run_one(write))) {
                Ok(Ok(one)) => tell.push(one),
                Ok(Err((one, error))) => {
                    tell.push(one);
                    outcome = outcome.and(Err(error));
                }
                Err(_) => {
                    error!("a write to the store panicked; its caller was told that the store is closed");
                    if let Err(error) = self.sql("ROLLBACK TO job") {
                        outcome = outcome.and(Err(error));
                    }
                }
            }
        }
        let outcome = outcome.and_then(|()| self.gate()).and_then(|()| self.connection.commit());
        match &outcome {
            Ok(()) => {
                self.commits.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                error!(%error, writes = tell.len(), "a group of writes was not committed: {error}");
                if let Err(error) = self.connection.rollback() {
                    error!(%error, "and could not be rolled back: {error}");
                }
            }
        }
        (tell, outcome)
    }

    /// Begins a group and its first savepoint. Once another process serves the store, none begins any more.
    fn begin(&self) -> Result<(), StoreError> {
        self.connection.revive()?;
        self.connection.begin()?;
        self.held.check(self.connection.as_ref())?;
        self.sql("SAVEPOINT job")
    }

    /// Runs one write in its savepoint, and leaves a savepoint for the next. The error is of the savepoint, not of the write.
    fn run_one(&self, write: Write) -> Result<Tell, (Tell, StoreError)> {
        let (keep, tell) = write(Ok(self.connection.as_ref()));
        let ended = if keep { self.connection.next_job() } else { self.sql("ROLLBACK TO job") };
        match ended {
            Ok(()) => Ok(tell),
            Err(error) => Err((tell, error)),
        }
    }

    fn gate(&self) -> Result<(), StoreError> {
        self.gate.as_ref().map_or(Ok(()), |gate| gate.before_commit().map_err(StoreError::Backend))
    }

    fn sql(&self, sql: &str) -> Result<(), StoreError> {
        self.connection.batch(sql)
    }
}
