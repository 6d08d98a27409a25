//! The owners of workspaces over a real store: batches, fences, failures, restarts.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

extern crate tandem_owner as owner;

mod common;

use base::*;
use common::*;
use engine::routing::Workspace;
use engine::routing::command::*;
use engine::routing::event::Recorded;
use owner::{AskError, Tell, Watcher, Workspaces};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use store::model::{DeliveryKind, DeliveryState};
use store::{Page, Seq};

on_both_stores! {
    many_commands_at_once_are_few_commits
    the_next_batch_is_decided_while_one_commits
    nobody_hears_of_a_decision_before_it_is_durable
    a_watcher_sees_the_state_of_its_events_and_tells_when_they_are_durable
    a_commit_that_fails_leaves_no_trace_and_no_false_answer
    a_second_owner_wins_and_the_first_is_fenced
    a_restart_from_snapshot_and_tail_gives_the_same_workspace
    a_panic_takes_down_one_owner_which_comes_back
    a_refusal_changes_nothing
    a_deleted_workspace_is_gone_for_good
    the_events_filter_chooses_what_is_sent
}

async fn ask_all(
    workspaces: &Workspaces,
    sid: WorkspaceSid,
    from: u32,
    to: u32,
) -> Vec<Result<Answer, AskError>> {
    let asked: Vec<_> = (from..to)
        .map(|n| {
            let workspaces = workspaces.clone();
            tokio::spawn(async move { workspaces.ask(sid, worker(n)).await })
        })
        .collect();
    let mut answers = Vec::new();
    for one in asked {
        answers.push(one.await.unwrap());
    }
    answers
}

async fn many_commands_at_once_are_few_commits(house: House) {
    let store = house.store();
    let workspaces = house.workspaces(&store).await;
    let sid = workspaces.create(account(), new_workspace("Support")).await.unwrap();
    house.gate.slow(Duration::from_millis(4));
    let before = store.counts().commits;
    let answers = ask_all(&workspaces, sid, 0, 1_000).await;
    assert!(answers.iter().all(Result::is_ok));
    let commits = store.counts().commits - before;
    assert!(commits <= 100, "1000 commands took {commits} commits");
    assert_eq!(workspaces.read(sid, |state, _| state.workers().count()).await.unwrap(), 1_000);
}

async fn the_next_batch_is_decided_while_one_commits(house: House) {
    let store = house.store();
    let workspaces = house.workspaces(&store).await;
    let sid = workspaces.create(account(), new_workspace("Support")).await.unwrap();
    house.gate.close();
    let seen = house.gate.seen();
    let first = tokio::spawn(ask_one(workspaces.clone(), sid, "activity 1"));
    until("the first commit", || house.gate.seen() > seen).await;
    // A read runs in the owner while that commit is held up: it is decided, but not told.
    let (ran, mut has_run) = tokio::sync::watch::channel(false);
    let second = tokio::spawn(ask_one(workspaces.clone(), sid, "activity 2"));
    let read = tokio::spawn({
        let workspaces = workspaces.clone();
        async move {
            let seen = move |state: &engine::routing::Workspace, _| {
                ran.send_replace(true);
                names(state)
            };
            workspaces.read(sid, seen).await
        }
    });
    tokio::time::timeout(PATIENCE, has_run.wait_for(|ran| *ran)).await.unwrap().unwrap();
    assert!(!first.is_finished() && !second.is_finished() && !read.is_finished());
    house.gate.open();
    assert!(first.await.unwrap().is_ok() && second.await.unwrap().is_ok());
    assert!(read.await.unwrap().unwrap().contains(&"activity 1".to_owned()));
}

async fn ask_one(workspaces: Workspaces, sid: WorkspaceSid, name: &'static str) -> Result<Answer, AskError> {
    workspaces.ask(sid, activity(name)).await
}

async fn nobody_hears_of_a_decision_before_it_is_durable(house: House) {
    let store = house.store();
    let workspaces = house.workspaces(&store).await;
    let new =
        NewWorkspace { event_callback_url: "http://127.0.0.1:1/".to_owned(), ..new_workspace("Support") };
    let sid = workspaces.create(account(), new).await.unwrap();
    let deliveries = async || store.deliveries(account(), None, Page::all()).await.unwrap().rows;
    let before = deliveries().await.len();
    let mut events = workspaces.subscribe(sid);
    house.gate.close();
    let seen = house.gate.seen();
    let asked = tokio::spawn(ask_one(workspaces.clone(), sid, "activity 1"));
    until("a commit", || house.gate.seen() > seen).await;
    assert!(!asked.is_finished());
    assert!(events.try_recv().is_err(), "no subscriber has heard");
    assert_eq!(deliveries().await.len(), before, "no webhook can be claimed");
    house.gate.open();
    asked.await.unwrap().unwrap();
    let heard = events.recv().await.unwrap();
    assert!(matches!(&heard.event, engine::routing::event::Event::ActivityCreated { .. }));
    let after = deliveries().await;
    assert_eq!(after.len(), before + 1);
    assert_eq!((after[0].order.kind, after[0].state), (DeliveryKind::Event, DeliveryState::Waiting));
    let parameters = &after[0].order.parameters;
    assert!(parameters.contains(&("EventType".to_owned(), "activity.created".to_owned())), "{parameters:?}");
}

/// Notes how many activities there were, and tells it with the number of events.
struct Counting {
    told: std::sync::mpsc::Sender<(usize, usize)>,
    over: Arc<AtomicBool>,
}

impl Watcher for Counting {
    fn look(&self, workspace: &Workspace, _: Timestamp, events: &[Arc<Recorded>]) -> Option<Tell> {
        let (told, seen) = (self.told.clone(), (events.len(), workspace.activities().count()));
        Some(Box::new(move || told.send(seen).unwrap()))
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }
}

async fn a_watcher_sees_the_state_of_its_events_and_tells_when_they_are_durable(house: House) {
    let store = house.store();
    let workspaces = house.workspaces(&store).await;
    let sid = workspaces.create(account(), new_workspace("Support")).await.unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    let over = Arc::new(AtomicBool::new(false));
    workspaces.watch(sid, Box::new(Counting { told: tell, over: over.clone() }));
    let at_first = workspaces.read(sid, |state, _| state.activities().count()).await.unwrap();
    house.gate.close();
    let seen = house.gate.seen();
    let first = tokio::spawn(ask_one(workspaces.clone(), sid, "activity 1"));
    until("a commit", || house.gate.seen() > seen).await;
    // Decided while the first commits: the first is told as it was.
    let second = tokio::spawn(ask_one(workspaces.clone(), sid, "activity 2"));
    assert!(told.try_recv().is_err(), "nothing is told before it is durable");
    house.gate.open();
    first.await.unwrap().unwrap();
    assert_eq!(told.try_recv(), Ok((1, at_first + 1)), "told before whoever asked is answered");
    second.await.unwrap().unwrap();
    assert_eq!(told.try_recv(), Ok((1, at_first + 2)));
    house.gate.fail(true);
    ask_one(workspaces.clone(), sid, "activity 3").await.unwrap_err();
    house.gate.fail(false);
    assert!(told.try_recv().is_err(), "what was not recorded is not told");
    // The owner was loaded again; who watches does not notice.
    ask_one(workspaces.clone(), sid, "activity 4").await.unwrap();
    assert_eq!(told.try_recv(), Ok((1, at_first + 3)));
    over.store(true, Ordering::SeqCst);
    ask_one(workspaces.clone(), sid, "activity 5").await.unwrap();
    let ended = std::sync::mpsc::TryRecvError::Disconnected;
    assert_eq!(told.try_recv(), Err(ended), "who is over is dropped");
}

async fn a_commit_that_fails_leaves_no_trace_and_no_false_answer(house: House) {
    let store = house.store();
    let workspaces = house.workspaces(&store).await;
    let sid = workspaces.create(account(), new_workspace("Support")).await.unwrap();
    workspaces.ask(sid, activity("activity 1")).await.unwrap();
    let whole_before = whole(&workspaces, sid).await;
    house.gate.close();
    house.gate.fail(true);
    let seen = house.gate.seen();
    let asked = tokio::spawn(ask_one(workspaces.clone(), sid, "activity 2"));
    until("a commit", || house.gate.seen() > seen).await;
    // Decided on what is about to fail.
    let read = tokio::spawn({
        let workspaces = workspaces.clone();
        async move { names_of(&workspaces, sid).await }
    });
    let (ran, mut has_run) = tokio::sync::watch::channel(false);
    let marker = tokio::spawn({
        let workspaces = workspaces.clone();
        async move { workspaces.read(sid, move |_, _| ran.send_replace(true)).await }
    });
    tokio::time::timeout(PATIENCE, has_run.wait_for(|ran| *ran)).await.unwrap().unwrap();
    house.gate.open();
    assert!(matches!(asked.await.unwrap(), Err(AskError::Store(_))));
    match read.await.unwrap() {
        Err(AskError::Store(_)) => {}
        // It came after the owner had loaded the journal again.
        Ok(names) => assert_eq!(names, ["activity 1"]),
        other => panic!("{other:?}"),
    }
    assert!(matches!(marker.await.unwrap(), Err(AskError::Store(_))), "it saw what was not to be");
    house.gate.fail(false);
    assert_eq!(whole(&workspaces, sid).await, whole_before);
    workspaces.ask(sid, activity("activity 2")).await.unwrap();
    assert_eq!(names_of(&workspaces, sid).await.unwrap(), ["activity 1", "activity 2"]);
}

async fn a_second_owner_wins_and_the_first_is_fenced(house: House) {
    let store = house.store();
    let old = house.workspaces(&store).await;
    let sid = old.create(account(), new_workspace("Support")).await.unwrap();
    old.ask(sid, activity("activity 1")).await.unwrap();
    let new = house.workspaces(&store).await;
    new.ask(sid, activity("activity 2")).await.unwrap();
    let at = store.journal_seq(sid).await.unwrap();
    assert_eq!(old.ask(sid, activity("activity 3")).await, Err(AskError::Busy));
    assert_eq!(store.journal_seq(sid).await.unwrap(), at, "nothing of it was written");
    // It has loaded what the other wrote, and may try again.
    assert_eq!(names_of(&old, sid).await.unwrap(), ["activity 1", "activity 2"]);
    old.ask(sid, activity("activity 3")).await.unwrap();
    assert_eq!(new.ask(sid, activity("activity 4")).await, Err(AskError::Busy));
    assert_eq!(names_of(&new, sid).await.unwrap(), ["activity 1", "activity 2", "activity 3"]);
}

async fn a_restart_from_snapshot_and_tail_gives_the_same_workspace(house: House) {
    let store = house.store();
    let first = house.workspaces(&store).await;
    let new = NewWorkspace { fifo_template: true, ..new_workspace("Support") };
    let sid = first.create(account(), new).await.unwrap();
    for n in 0..20 {
        first.ask(sid, activity(format!("activity {n}"))).await.unwrap();
    }
    let (before, seq) = (whole(&first, sid).await, store.journal_seq(sid).await.unwrap());
    first.drain().await;
    assert_eq!(first.ask(sid, activity("late")).await, Err(AskError::Draining));
    let loaded = store.load(sid).await.unwrap().unwrap();
    assert_eq!(loaded.snapshot.map(|(seq, _)| seq), Some(seq), "draining keeps a snapshot");
    assert_eq!(loaded.tail, []);

    let second = house.workspaces(&store).await;
    assert_eq!(whole(&second, sid).await, before);
    assert_eq!(second.list(account()), [sid]);
    let workflow = second.read(sid, |state, _| state.workflows().next().unwrap().sid).await.unwrap();
    assert_eq!(second.workspace_of(workflow), Some(sid), "the directory is there after a restart");
    // Now with a tail after the snapshot.
    second.ask(sid, activity("activity 20")).await.unwrap();
    let before = whole(&second, sid).await;
    let loaded = store.load(sid).await.unwrap().unwrap();
    assert!(loaded.snapshot.is_some() && !loaded.tail.is_empty());
    let third = house.workspaces(&store).await;
    assert_eq!(whole(&third, sid).await, before);
}

#[test]
fn what_was_answered_survives_a_process_that_just_ends() {
    it_is_there_after_the_process_just_ends(House::new());
}

#[test]
fn what_was_answered_survives_a_process_that_just_ends_on_postgresql() {
    it_is_there_after_the_process_just_ends(House::in_postgresql());
}

fn it_is_there_after_the_process_just_ends(house: House) {
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let first = runtime();
    let (sid, answered) = first.block_on(async {
        let store = house.store();
        let workspaces = house.workspaces(&store).await;
        let sid = workspaces.create(account(), new_workspace("Support")).await.unwrap();
        let answers = ask_all(&workspaces, sid, 0, 100).await;
        // And some whose answers nobody waits for.
        for n in 100..200 {
            let workspaces = workspaces.clone();
            tokio::spawn(async move { workspaces.ask(sid, worker(n)).await });
        }
        (sid, answers.into_iter().filter(Result::is_ok).count())
    });
    first.shutdown_background();
    assert_eq!(answered, 100);
    runtime().block_on(async {
        let store = house.store();
        let workspaces = house.workspaces(&store).await;
        let there: Vec<String> = workspaces
            .read(sid, |state, _| state.workers().map(|worker| worker.friendly_name.clone()).collect())
            .await
            .unwrap();
        for n in 0..100 {
            assert!(there.contains(&format!("worker {n}")), "worker {n} was answered");
        }
        let loaded = store.load(sid).await.unwrap().unwrap();
        assert_eq!(loaded.seq, Seq(loaded.tail.len() as u64), "the sequence is unbroken");
    });
}

async fn a_panic_takes_down_one_owner_which_comes_back(house: House) {
    let store = house.store();
    let workspaces = house.workspaces(&store).await;
    let sid = workspaces.create(account(), new_workspace("Support")).await.unwrap();
    let other = workspaces.create(account(), new_workspace("Other")).await.unwrap();
    workspaces.ask(sid, activity("activity 1")).await.unwrap();
    let fallen = workspaces.read(sid, |_, _| -> u32 { panic!("a broken invariant") }).await;
    assert_eq!(fallen, Err(AskError::Busy));
    workspaces.ask(other, activity("activity 1")).await.unwrap();
    assert_eq!(names_of(&workspaces, sid).await.unwrap(), ["activity 1"]);
    workspaces.ask(sid, activity("activity 2")).await.unwrap();
    assert_eq!(names_of(&workspaces, sid).await.unwrap(), ["activity 1", "activity 2"]);
}

async fn a_refusal_changes_nothing(house: House) {
    let store = house.store();
    let workspaces = house.workspaces(&store).await;
    let sid = workspaces.create(account(), new_workspace("Support")).await.unwrap();
    let before = (whole(&workspaces, sid).await, store.journal_seq(sid).await);
    let missing = ActivitySid([9; 16]);
    let refused = workspaces.ask(sid, Command::DeleteActivity { sid: missing }).await;
    assert!(matches!(refused, Err(AskError::Refused(RoutingError::Missing { .. }))), "{refused:?}");
    assert_eq!((whole(&workspaces, sid).await, store.journal_seq(sid).await), before);
    let nowhere = WorkspaceSid([9; 16]);
    assert_eq!(workspaces.ask(nowhere, Command::Tick).await, Err(AskError::Missing(nowhere)));
}

async fn a_deleted_workspace_is_gone_for_good(house: House) {
    let store = house.store();
    let workspaces = house.workspaces(&store).await;
    let new = NewWorkspace { fifo_template: true, ..new_workspace("Support") };
    let sid = workspaces.create(account(), new).await.unwrap();
    let workflow = workspaces.read(sid, |state, _| state.workflows().next().unwrap().sid).await.unwrap();
    assert_eq!(workspaces.workspace_of(workflow), Some(sid));
    workspaces.delete(sid).await.unwrap();
    until("the workspace is forgotten", || workspaces.list(account()).is_empty()).await;
    assert_eq!(workspaces.workspace_of(workflow), None);
    assert_eq!(workspaces.ask(sid, Command::Tick).await, Err(AskError::Missing(sid)));
    let again = house.workspaces(&store).await;
    assert_eq!(again.list(account()), []);
}

async fn the_events_filter_chooses_what_is_sent(house: House) {
    let store = house.store();
    let workspaces = house.workspaces(&store).await;
    let new = NewWorkspace {
        event_callback_url: "http://127.0.0.1:1/".to_owned(),
        events_filter: Some("activity.deleted, worker.created".to_owned()),
        ..new_workspace("Support")
    };
    let sid = workspaces.create(account(), new).await.unwrap();
    let Answer::Activity(made) = workspaces.ask(sid, activity("activity 1")).await.unwrap() else {
        panic!("an activity")
    };
    workspaces.ask(sid, Command::DeleteActivity { sid: made }).await.unwrap();
    let sent = store.deliveries(account(), None, Page::all()).await.unwrap().rows;
    assert_eq!(sent.len(), 1, "only the deletion: {sent:?}");
    assert_eq!(sent[0].order.webhook.url, "http://127.0.0.1:1/");
}
