//! The suite on SQLite, and what only SQLite can show: groups, files, crashes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

extern crate tandem_store as store;

mod suite;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use store::{AppendError, CommitGate, Options, Seq, Store, StoreError};
use suite::*;

/// A store in a folder of its own.
struct Here {
    _folder: tempfile::TempDir,
    file: PathBuf,
}

impl Here {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tandem.sqlite");
        Self { _folder: folder, file }
    }
}

impl Place for Here {
    fn open(&self) -> Store {
        Store::open(&Options::file(&self.file)).unwrap()
    }
}

for_every_store!(Here::new());

/// Holds every commit until it is told to go on, or makes it fail.
#[derive(Default)]
struct Gate {
    closed: Mutex<bool>,
    changed: Condvar,
    failing: AtomicBool,
    seen: AtomicU64,
}

impl Gate {
    fn close(&self, closed: bool) {
        *self.closed.lock().unwrap() = closed;
        self.changed.notify_all();
    }
}

impl CommitGate for Gate {
    fn before_commit(&self) -> Result<(), String> {
        self.seen.fetch_add(1, Ordering::SeqCst);
        let closed = self.closed.lock().unwrap();
        drop(self.changed.wait_while(closed, |closed| *closed).unwrap());
        if self.failing.load(Ordering::SeqCst) { Err("the disk is full".to_owned()) } else { Ok(()) }
    }
}

fn gated(here: &Here) -> (Store, Arc<Gate>) {
    let gate = Arc::new(Gate::default());
    let options = Options { gate: Some(gate.clone()), ..Options::file(&here.file) };
    (Store::open(&options).unwrap(), gate)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_waits_is_one_commit() {
    let here = Here::new();
    let (store, gate) = gated(&here);
    gate.close(true);
    let first = tokio::spawn({
        let store = store.clone();
        async move { store.setting_save("first".to_owned(), "1".to_owned()).await }
    });
    until(|| gate.seen.load(Ordering::SeqCst) == 1).await;
    let more: Vec<_> = (0..100)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { store.setting_save(format!("n{n}"), n.to_string()).await })
        })
        .collect();
    until(|| store.waiting() == 100).await;
    gate.close(false);
    first.await.unwrap().unwrap();
    for task in more {
        task.await.unwrap().unwrap();
    }
    let counts = store.counts();
    assert_eq!(counts.writes, 101);
    assert!(counts.commits <= 3, "101 writes took {} commits", counts.commits);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_fails_is_told_to_all_and_leaves_nothing() {
    let here = Here::new();
    let (store, gate) = gated(&here);
    let workspace = begun(&store, 1).await;
    gate.failing.store(true, Ordering::SeqCst);
    let failed = store.append(workspace, Seq(1), &[event(1)]).await;
    assert!(matches!(failed, Err(AppendError::Store(StoreError::Backend(_)))), "{failed:?}");
    assert!(store.setting_save("a".to_owned(), "b".to_owned()).await.is_err());
    gate.failing.store(false, Ordering::SeqCst);
    assert_eq!(store.journal_seq(workspace).await, Ok(Seq(1)));
    assert_eq!(store.setting("a".to_owned()).await, Ok(None));
    assert_eq!(store.append(workspace, Seq(1), &[event(2)]).await, Ok(Seq(2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_refused_write_does_not_take_its_group_with_it() {
    let here = Here::new();
    let (store, gate) = gated(&here);
    let workspace = begun(&store, 1).await;
    gate.close(true);
    let held = gate.seen.load(Ordering::SeqCst);
    let good = tokio::spawn({
        let store = store.clone();
        async move { store.setting_save("good".to_owned(), "yes".to_owned()).await }
    });
    until(|| gate.seen.load(Ordering::SeqCst) > held).await;
    let stale = tokio::spawn({
        let store = store.clone();
        async move { store.append(workspace, Seq(0), &[event(1)]).await }
    });
    let later = tokio::spawn({
        let store = store.clone();
        async move { store.setting_save("later".to_owned(), "yes".to_owned()).await }
    });
    until(|| store.waiting() == 2).await;
    gate.close(false);
    good.await.unwrap().unwrap();
    later.await.unwrap().unwrap();
    assert!(stale.await.unwrap().is_err());
    assert_eq!(store.setting("later".to_owned()).await, Ok(Some("yes".to_owned())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_on_the_same_file_is_fenced() {
    let here = Here::new();
    let (one, other) = (here.open(), here.open());
    let workspace = begun(&one, 1).await;
    assert_eq!(other.append(workspace, Seq(1), &[event(1)]).await, Ok(Seq(2)));
    let fenced = one.append(workspace, Seq(1), &[event(2)]).await;
    assert_eq!(fenced, Err(AppendError::Fenced { current: Seq(2) }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_the_handles_without_closing_loses_nothing_that_was_answered() {
    let here = Here::new();
    let store = here.open();
    let workspace = begun(&store, 1).await;
    for n in 0..50 {
        store.append(workspace, Seq(1 + n), &[event(n)]).await.unwrap();
    }
    drop(store);
    let loaded = here.open().load(workspace).await.unwrap().unwrap();
    assert_eq!((loaded.seq, loaded.tail.len()), (Seq(51), 51));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_file_goes_forward_with_its_rows_and_a_newer_one_is_refused() {
    let here = Here::new();
    let file = rusqlite::Connection::open(&here.file).unwrap();
    file.execute_batch(include_str!("../migrations/0001_foundation.sqlite.sql")).unwrap();
    file.execute_batch(&rows_of_the_first_schema()).unwrap();
    file.pragma_update(None, "user_version", 1).unwrap();
    went_forward(&here.open()).await;
    file.pragma_update(None, "user_version", 999).unwrap();
    let newer = Store::open(&Options::file(&here.file)).expect_err("is newer");
    assert!(matches!(newer, StoreError::Newer { found: 999, .. }), "{newer}");
    let nowhere = Options { migrate: false, ..Options::file(here.file.with_extension("none")) };
    assert!(Store::open(&nowhere).is_err(), "nothing is made unless it is wanted");
}
