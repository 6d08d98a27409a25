//! What the tests of the owners share: a clock that is moved by hand, a gate before every commit, stores in folders.
#![allow(dead_code, reason = "each test binary uses its part")]

use base::*;
use engine::routing::Workspace;
use engine::routing::command::*;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use store::{CommitGate, Options, Store};
use tandem_owner::{AskError, Workspaces, WorkspacesSettings};

pub const PATIENCE: Duration = Duration::from_secs(30);
const START: i64 = 1_774_432_800_000_000;

/// Waits for a condition, not for time.
pub async fn until(what: &str, condition: impl Fn() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{what} did not come true in time"));
}

/// A clock that stands still until it is moved.
#[derive(Clone, Default)]
pub struct Hands(Arc<AtomicU64>);

impl Hands {
    pub fn clock(&self) -> Clock {
        let moved = self.0.clone();
        Clock::new(move || {
            let mono = Mono(moved.load(Ordering::SeqCst));
            Now { mono, wall: Timestamp(START + i64::try_from(mono.0).unwrap()) }
        })
    }

    pub fn forward(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

/// Stands before every commit: open, closed, failing, or slow.
#[derive(Default)]
pub struct Gate {
    closed: Mutex<bool>,
    changed: Condvar,
    failing: AtomicBool,
    slow_us: AtomicU64,
    seen: AtomicU64,
}

impl Gate {
    pub fn close(&self) {
        *self.closed.lock().unwrap() = true;
    }

    pub fn open(&self) {
        *self.closed.lock().unwrap() = false;
        self.changed.notify_all();
    }

    pub fn fail(&self, failing: bool) {
        self.failing.store(failing, Ordering::SeqCst);
    }

    /// Every commit takes this long: a disk.
    pub fn slow(&self, by: Duration) {
        self.slow_us.store(u64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }

    /// Commits that have come to the gate.
    pub fn seen(&self) -> u64 {
        self.seen.load(Ordering::SeqCst)
    }
}

impl CommitGate for Gate {
    fn before_commit(&self) -> Result<(), String> {
        self.seen.fetch_add(1, Ordering::SeqCst);
        let closed = self.closed.lock().unwrap();
        let closed = self.changed.wait_while(closed, |closed| *closed).unwrap();
        let slow = Duration::from_micros(self.slow_us.load(Ordering::SeqCst));
        if !slow.is_zero() {
            drop(self.changed.wait_timeout_while(closed, slow, |_| true).unwrap());
        }
        if self.failing.load(Ordering::SeqCst) { Err("the disk is full".to_owned()) } else { Ok(()) }
    }
}

/// The same tests on SQLite and on PostgreSQL.
#[macro_export]
macro_rules! on_both_stores {
    ($($name:ident)*) => {
        on_both_stores! { sqlite House::new, $($name)* }
        on_both_stores! { postgres House::in_postgresql, $($name)* }
    };
    ($module:ident $house:expr, $($name:ident)*) => {
        mod $module {
            use super::House;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($house()).await;
            })*
        }
    };
}

/// A store in a folder or a schema of its own, its gate, and the clock.
pub struct House {
    _folder: tempfile::TempDir,
    schema: Option<testkit::Schema>,
    file: PathBuf,
    pub gate: Arc<Gate>,
    pub hands: Hands,
    seed: AtomicU64,
}

impl House {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tandem.sqlite");
        let (gate, hands, seed) = (Arc::default(), Hands::default(), AtomicU64::new(1));
        Self { _folder: folder, schema: None, file, gate, hands, seed }
    }

    pub fn in_postgresql() -> Self {
        Self { schema: Some(testkit::Schema::new().unwrap()), ..Self::new() }
    }

    pub fn store(&self) -> Store {
        let options = match &self.schema {
            Some(schema) => Options::database(schema.url()),
            None => Options::file(&self.file),
        };
        Store::open(&Options { gate: Some(self.gate.clone()), ..options }).unwrap()
    }

    pub fn entropy(&self) -> Entropy {
        Entropy::seeded(self.seed.fetch_add(1, Ordering::SeqCst))
    }

    pub async fn workspaces(&self, store: &Store) -> Workspaces {
        let settings =
            WorkspacesSettings { store: store.clone(), clock: self.hands.clock(), entropy: self.entropy() };
        Workspaces::start(settings).await.unwrap()
    }
}

pub fn account() -> AccountSid {
    AccountSid([1; 16])
}

pub fn new_workspace(name: &str) -> NewWorkspace {
    NewWorkspace { friendly_name: name.to_owned(), multi_task_enabled: true, ..Default::default() }
}

pub fn activity(name: impl Into<String>) -> Command {
    Command::CreateActivity { friendly_name: name.into(), available: true }
}

pub fn worker(n: u32) -> Command {
    Command::CreateWorker {
        friendly_name: format!("worker {n}"),
        activity: None,
        attributes: Default::default(),
    }
}

/// The names of the activities that were made by `activity`.
pub fn names(state: &Workspace) -> Vec<String> {
    let mut names: Vec<_> = state.activities().map(|activity| activity.friendly_name.clone()).collect();
    names.retain(|name| name.starts_with("activity"));
    names.sort();
    names
}

pub async fn names_of(workspaces: &Workspaces, sid: WorkspaceSid) -> Result<Vec<String>, AskError> {
    workspaces.read(sid, |state, _| names(state)).await
}

/// Everything in a workspace, comparable.
pub async fn whole(workspaces: &Workspaces, sid: WorkspaceSid) -> serde_json::Value {
    workspaces.read(sid, |state, _| serde_json::to_value(state.snapshot()).unwrap()).await.unwrap()
}
