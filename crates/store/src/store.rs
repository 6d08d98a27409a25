use crate::model::{NewDelivery, Row};
use crate::sql::rows;
use crate::threads::{SERVER, Threads};
use crate::{AppendError, Commit, Seq, StoreError};
use crate::{postgres, sqlite};
use base::{Secret, WorkspaceSid};
use engine::routing::event::Recorded;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::watch;

/// Readers of a store unless the options say otherwise.
const READERS: usize = 2;

/// How a store is opened.
#[derive(Clone)]
pub struct Options {
    /// The SQLite file; made if it is not there. Not looked at if there is a `database`.
    pub file: PathBuf,
    /// A PostgreSQL database instead: `postgres://user:password@host:port/database`, and `?schema=name` for a schema of
    /// its own, which is made if it is not there.
    pub database: Option<Secret<String>>,
    /// Bring the schema up to date first (and make what is not there). Without it a store must be there, and stays of the
    /// schema that it has.
    pub migrate: bool,
    /// Reader connections, at least one.
    pub readers: usize,
    /// Stands before every commit. For tests that delay commits or make them fail.
    pub gate: Option<Arc<dyn CommitGate>>,
}

/// Something every commit has to pass.
pub trait CommitGate: Send + Sync {
    /// Called in the writer's thread with everything written and nothing committed yet. May block. An error makes the
    /// whole group fail as if the disk had.
    fn before_commit(&self) -> Result<(), String>;
}

/// What a store has done since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Transactions committed.
    pub commits: u64,
    /// Writes that were in them.
    pub writes: u64,
}

/// The handle: cheap to clone, usable from any task. Dropping the last one finishes what waits and closes.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) threads: Arc<Threads>,
    deliveries: Arc<watch::Sender<u64>>,
    voicemails: Arc<watch::Sender<u64>>,
}

impl Options {
    /// The usual options for this file.
    pub fn file(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into(), database: None, migrate: true, readers: READERS, gate: None }
    }

    /// Where the store is, without credentials.
    pub fn shown(&self) -> String {
        match &self.database {
            None => self.file.display().to_string(),
            Some(url) => match postgres::Address::parse(url.expose()) {
                Ok(address) => address.to_string(),
                Err(_) => "a database whose address cannot be understood".to_owned(),
            },
        }
    }

    /// The usual options for this PostgreSQL database.
    pub fn database(url: impl Into<String>) -> Self {
        Self { database: Some(Secret::new(url.into())), ..Self::file(PathBuf::new()) }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("file", &self.file)
            .field("database", &self.database)
            .field("readers", &self.readers)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the store and brings its schema up to date. Blocks for a moment: call it before serving.
    pub fn open(options: &Options) -> Result<Self, StoreError> {
        let threads = match &options.database {
            Some(url) => {
                let address = postgres::Address::parse(url.expose())?;
                Threads::start(options, move |purpose| postgres::connect(&address, purpose))?
            }
            None => {
                let file = options.file.clone();
                Threads::start(options, move |purpose| sqlite::connect(&file, purpose))?
            }
        };
        Ok(Self {
            threads: Arc::new(threads),
            deliveries: Arc::new(watch::Sender::new(0)),
            voicemails: Arc::default(),
        })
    }

    /// Finishes what waits and closes, if this is the last handle. Blocks.
    pub fn close(self) {
        if let Some(threads) = Arc::into_inner(self.threads) {
            threads.close();
        }
    }

    /// This process serves the store from now on. Whichever served it before is refused with its next write
    /// ([`StoreError::Overtaken`]), even if it was only believed to be dead. `token`: unlike any other's.
    pub async fn take_over(&self, token: String) -> Result<(), StoreError> {
        self.setting_save(SERVER.to_owned(), token.clone()).await?;
        self.threads.held().hold(token);
        Ok(())
    }

    /// Becomes true when it is found out that another process has taken over; see [`Store::look`].
    pub fn overtaken(&self) -> watch::Receiver<bool> {
        self.threads.held().overtaken()
    }

    /// Asks the database whether it is there, and whether this process still serves it.
    pub async fn look(&self) -> Result<(), StoreError> {
        let held = self.threads.held().clone();
        self.threads
            .read(move |db| {
                db.query("SELECT 1", &[], &mut |_| Ok(()))?;
                held.check(db)
            })
            .await
    }

    /// What was done since it was opened.
    pub fn counts(&self) -> Counts {
        self.threads.counts()
    }

    /// Writes that wait for the writer: how far it is behind.
    pub fn waiting(&self) -> usize {
        self.threads.waiting()
    }

    /// Writes `commit` as a whole; answers once it is durable, with where the journal is then (zero without
    /// [`Commit::append`]). Waits for room in the writer's queue.
    pub async fn commit(&self, commit: Commit) -> Result<Seq, AppendError> {
        let deliveries = commit.rows.iter().any(|row| matches!(row, Row::Delivery(_)));
        let voicemails = commit.rows.iter().any(|row| matches!(row, Row::Voicemail { .. }));
        let committed = self.threads.write_waiting(move |tx| rows::commit(tx, &commit)).await;
        if committed.is_ok() && deliveries {
            self.deliveries_changed();
        }
        if committed.is_ok() && voicemails {
            self.voicemails_changed();
        }
        committed
    }

    /// Appends events to the journal of `workspace`, which must be at `expected`.
    pub async fn append(
        &self,
        workspace: WorkspaceSid,
        expected: Seq,
        events: &[Recorded],
    ) -> Result<Seq, AppendError> {
        let events = events.iter().cloned().map(Arc::new).collect();
        let append = crate::Append { workspace, expected, events, told: Default::default() };
        self.commit(Commit { append: Some(append), rows: Vec::new() }).await
    }

    /// Writes webhooks to be sent.
    pub async fn deliver(&self, deliveries: Vec<NewDelivery>) -> Result<(), StoreError> {
        let rows = deliveries.into_iter().map(|one| Row::Delivery(Box::new(one))).collect();
        match self.commit(Commit { append: None, rows }).await {
            Ok(_) => Ok(()),
            Err(AppendError::Store(error)) => Err(error),
            Err(fenced @ AppendError::Fenced { .. }) => Err(StoreError::Backend(fenced.to_string())),
        }
    }

    /// Changes whenever there may be more to deliver: rows were written, or a lane has become free.
    pub fn deliveries_watch(&self) -> watch::Receiver<u64> {
        self.deliveries.subscribe()
    }

    /// Changes whenever a mailbox may hold something else.
    pub fn voicemails_watch(&self) -> watch::Receiver<u64> {
        self.voicemails.subscribe()
    }

    /// A message was heard or removed.
    pub fn voicemails_changed(&self) {
        self.voicemails.send_modify(|n| *n += 1);
    }

    pub(crate) fn deliveries_changed(&self) {
        self.deliveries.send_modify(|n| *n += 1);
    }
}
