//! What every backend must do. Written against `Store` only: PostgreSQL runs the same functions.

mod prompts;
mod voicemails;

pub use prompts::*;
pub use voicemails::*;

use base::*;
use engine::call::port::*;
use engine::routing::event::{Event, Recorded};
use engine::routing::model::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use store::model::*;
use store::*;

pub const PATIENCE: Duration = Duration::from_secs(20);

/// Every test of the suite, for one kind of store.
#[macro_export]
macro_rules! for_every_store {
    ($place:expr) => {
        for_every_store! { $place =>
            an_append_that_expects_another_sequence_number_is_refused
            a_journal_is_loaded_from_its_snapshot_and_tail
            events_are_found_by_what_they_are_about
            what_the_api_tells_of_events_is_found_by_all_that_it_names
            a_commit_is_written_as_a_whole_or_not_at_all
            a_deleted_workspace_has_no_journal_to_load
            concurrent_appends_to_one_journal_never_both_succeed
            what_was_answered_is_there_after_reopening
            numbers_are_unique_and_found_by_their_digits
            queues_have_one_name_each
            changes_in_place_do_not_lose_each_other
            calls_page_newest_first_in_both_directions
            calls_are_filtered_by_every_condition
            live_calls_are_closed_after_a_crash
            a_timeline_keeps_its_order
            settings_keep_the_first_value
            a_map_item_is_created_once_and_updated_by_revision
            map_items_page_in_the_byte_order_of_their_keys
            what_expired_is_gone_and_swept_once
            an_items_size_is_limited
            who_is_in_a_tasks_conference_is_an_item_of_its_map
            deliveries_keep_the_order_of_their_lane
            a_claim_runs_out
            a_failed_delivery_can_be_sent_again
            accounts_and_keys_are_found
            users_have_one_login_each_and_their_sessions_end
            what_people_did_is_listed_newest_first_and_by_workspace
            messages_are_listed_counted_heard_and_removed
            prompts_have_one_name_each_in_an_account
            what_is_old_and_covered_is_forgotten
            another_handle_on_the_same_store_is_fenced
            whoever_served_before_is_refused
            a_long_append_is_written_in_order
        }
    };
    ($place:expr => $($name:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            suite::$name(&$place).await;
        }
    )*};
}

/// Where a store is: it can be opened, dropped, and opened again.
pub trait Place {
    fn open(&self) -> Store;
}

/// Waits for a condition, not for time.
#[allow(dead_code, reason = "only SQLite's tests hold commits up")]
pub async fn until(condition: impl Fn() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    });
    waited.await.expect("the condition came true in time");
}

fn at(seconds: i64) -> Timestamp {
    Timestamp(1_774_432_800_000_000 + seconds * 1_000_000)
}

pub fn account() -> AccountSid {
    AccountSid([1; 16])
}

pub fn sid_of(n: u64) -> [u8; 16] {
    Entropy::seeded(n).bytes()
}

fn created(workspace: WorkspaceSid) -> Recorded {
    let activity = ActivitySid(sid_of(1));
    let settings = WorkspaceSettings {
        sid: workspace,
        account: account(),
        friendly_name: "Support".to_owned(),
        event_callback_url: String::new(),
        events_filter: None,
        multi_task_enabled: true,
        prioritize_queue_order: QueueOrder::Fifo,
        default_activity: activity,
        timeout_activity: activity,
        voice_policy: None,
        created: at(0),
        updated: at(0),
    };
    Recorded { sid: EventSid(sid_of(2)), at: at(0), event: Event::WorkspaceCreated { settings } }
}

pub fn event(n: u64) -> Recorded {
    let activity = Activity {
        sid: ActivitySid(sid_of(n)),
        friendly_name: format!("activity {n}"),
        available: true,
        created: at(0),
        updated: at(0),
    };
    Recorded {
        sid: EventSid(sid_of(1_000 + n)),
        at: at(n as i64),
        event: Event::ActivityCreated { activity },
    }
}

/// A workspace whose journal holds its first event.
pub async fn begun(store: &Store, n: u64) -> WorkspaceSid {
    let workspace = WorkspaceSid(sid_of(7_000 + n));
    assert_eq!(store.append(workspace, Seq(0), &[created(workspace)]).await, Ok(Seq(1)));
    workspace
}

// Journals.

pub async fn an_append_that_expects_another_sequence_number_is_refused(place: &impl Place) {
    let store = place.open();
    let workspace = begun(&store, 1).await;
    assert_eq!(store.append(workspace, Seq(1), &[event(1), event(2)]).await, Ok(Seq(3)));
    for stale in [0, 1, 2, 4] {
        let refused = store.append(workspace, Seq(stale), &[created(workspace)]).await;
        assert_eq!(refused, Err(AppendError::Fenced { current: Seq(3) }), "expecting {stale}");
    }
    let nowhere = WorkspaceSid(sid_of(99));
    let refused = store.append(nowhere, Seq(5), &[event(1)]).await;
    assert_eq!(refused, Err(AppendError::Fenced { current: Seq(0) }));
    assert!(store.append(nowhere, Seq(0), &[event(1)]).await.is_err(), "a journal begins with its workspace");
    assert_eq!(store.journal_seq(workspace).await, Ok(Seq(3)));
}

pub async fn a_journal_is_loaded_from_its_snapshot_and_tail(place: &impl Place) {
    let store = place.open();
    let workspace = begun(&store, 1).await;
    store.append(workspace, Seq(1), &[event(1), event(2), event(3)]).await.unwrap();
    let whole = store.load(workspace).await.unwrap().unwrap();
    assert_eq!((whole.snapshot, whole.tail.len(), whole.seq), (None, 4, Seq(4)));
    store.snapshot_save(workspace, Seq(3), "three".to_owned()).await.unwrap();
    store.snapshot_save(workspace, Seq(2), "two".to_owned()).await.unwrap();
    store.snapshot_save(workspace, Seq(9), "nine".to_owned()).await.unwrap();
    let loaded = store.load(workspace).await.unwrap().unwrap();
    assert_eq!(
        loaded.snapshot,
        Some((Seq(3), "three".to_owned())),
        "not an older one, not one from the future"
    );
    assert_eq!(loaded.tail, [event(3)]);
    assert_eq!(store.workspaces(account()).await, Ok(vec![workspace]));
    assert_eq!(store.workspaces(AccountSid([2; 16])).await, Ok(vec![]));
    assert_eq!(store.load(WorkspaceSid([9; 16])).await, Ok(None));
}

pub async fn events_are_found_by_what_they_are_about(place: &impl Place) {
    let store = place.open();
    let workspace = begun(&store, 1).await;
    let (task, other) = (TaskSid(sid_of(50)), TaskSid(sid_of(51)));
    let about = |n: i64, task| Recorded {
        sid: EventSid(sid_of(2_000 + n as u64)),
        at: at(n),
        event: Event::TaskCompleted { task, reason: None },
    };
    store.append(workspace, Seq(1), &[about(10, task), about(20, other), about(30, task)]).await.unwrap();
    let filter = JournalFilter { task: Some(task), ..Default::default() };
    let rows = store.journal(workspace, filter.clone(), None, 10).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.seq.0).collect::<Vec<_>>(), [4, 2], "newest first");
    let rows = store.journal(workspace, filter, Some(Seq(4)), 10).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.seq.0).collect::<Vec<_>>(), [2]);
    let filter = JournalFilter {
        event_type: Some("task-completed".to_owned()),
        from: Some(at(20)),
        before: Some(at(30)),
        ..Default::default()
    };
    let rows = store.journal(workspace, filter, None, 10).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].recorded, about(20, other));
    let one = store.journal_event(workspace, EventSid(sid_of(2_030))).await.unwrap().unwrap();
    assert_eq!(one.recorded, about(30, task));
}

pub async fn what_the_api_tells_of_events_is_found_by_all_that_it_names(place: &impl Place) {
    let store = place.open();
    let workspace = begun(&store, 1).await;
    let (task, worker, queue) = (TaskSid(sid_of(50)), WorkerSid(sid_of(60)), TaskQueueSid(sid_of(70)));
    let channel = TaskChannelSid(sid_of(80));
    let events: Vec<Recorded> = (1..=5).map(event).collect();
    let telling = |event_type: &str| Telling {
        event_type: event_type.to_owned(),
        parameters: [
            ("TaskQueueSid", TaskQueueSid(sid_of(71)).to_string()),
            ("TaskSid", task.to_string()),
            ("WorkerSid", worker.to_string()),
            ("TaskQueueSid", queue.to_string()),
            ("TaskChannelSid", channel.to_string()),
        ]
        .map(|(name, value)| (name.into(), value))
        .into(),
    };
    let told: BTreeMap<_, _> = events[..4]
        .iter()
        .zip(["a.one", "a.two", "a.one", "a.three"])
        .map(|(event, name)| (event.sid, telling(name)))
        .collect();
    let append =
        Append { workspace, expected: Seq(1), events: events.iter().cloned().map(Arc::new).collect(), told };
    store.commit(Commit { append: Some(append), rows: Vec::new() }).await.unwrap();
    let found = async |filter: ToldFilter, page: Page| {
        let rows = store.told(workspace, filter, page).await.unwrap();
        (rows.rows.iter().map(|row| row.sid).collect::<Vec<_>>(), rows.more)
    };
    let sids: Vec<_> = events.iter().map(|event| event.sid).collect();
    let newest_first = [3, 2, 1, 0].map(|n| sids[n]).to_vec();
    let first = |limit| Page { limit, start: Start::First };
    assert_eq!(
        found(ToldFilter::default(), first(9)).await,
        (newest_first.clone(), false),
        "the fifth is not told"
    );
    for filter in [
        ToldFilter { task: Some(task), ..Default::default() },
        ToldFilter { worker: Some(worker), ..Default::default() },
        ToldFilter { queue: Some(queue), ..Default::default() },
        ToldFilter { channel: Some(channel), from: Some(events[0].at), ..Default::default() },
    ] {
        assert_eq!(found(filter, first(9)).await.0, newest_first);
    }
    for filter in [
        ToldFilter { queue: Some(TaskQueueSid(sid_of(71))), ..Default::default() },
        ToldFilter { workflow: Some(WorkflowSid(sid_of(1))), ..Default::default() },
        ToldFilter { reservation: Some(ReservationSid(sid_of(1))), ..Default::default() },
        ToldFilter { before: Some(events[0].at), ..Default::default() },
    ] {
        assert_eq!(found(filter, first(9)).await.0, []);
    }
    let ones = ToldFilter { event_types: vec!["a.one".to_owned()], ..Default::default() };
    assert_eq!(found(ones, first(9)).await.0, [sids[2], sids[0]]);
    let one = ToldFilter { sid: Some(sids[1]), ..Default::default() };
    let row = store.told(workspace, one, first(1)).await.unwrap().rows.remove(0);
    assert_eq!((row.at, row.telling), (events[1].at, telling("a.two")));
    assert_eq!(found(ToldFilter::default(), first(3)).await, (newest_first[..3].to_vec(), true));
    let after = Page { limit: 2, start: Start::After(sids[2].to_string()) };
    assert_eq!(found(ToldFilter::default(), after).await, (vec![sids[1], sids[0]], false));
    let before = Page { limit: 1, start: Start::Before(sids[1].to_string()) };
    assert_eq!(found(ToldFilter::default(), before).await, (vec![sids[2]], true));
}

pub async fn a_commit_is_written_as_a_whole_or_not_at_all(place: &impl Place) {
    let store = place.open();
    let workspace = begun(&store, 1).await;
    let commit = |expected, n| Commit {
        append: Some(Append {
            workspace,
            expected: Seq(expected),
            events: vec![Arc::new(event(n))],
            told: BTreeMap::new(),
        }),
        rows: vec![Row::Delivery(Box::new(delivery(n, "lane")))],
    };
    let mut heard = store.deliveries_watch();
    assert!(store.commit(commit(5, 1)).await.is_err());
    assert_eq!(store.deliveries(account(), None, Page::all()).await.unwrap().rows.len(), 0);
    assert!(!heard.has_changed().unwrap());
    assert_eq!(store.commit(commit(1, 2)).await, Ok(Seq(2)));
    assert_eq!(store.deliveries(account(), None, Page::all()).await.unwrap().rows.len(), 1);
    assert!(heard.has_changed().unwrap());
    heard.mark_unchanged();
    // Rows that were written before the connection broke, and are written again, are there once.
    let again = Commit { append: None, ..commit(0, 2) };
    assert!(store.commit(again).await.is_ok());
    assert_eq!(store.deliveries(account(), None, Page::all()).await.unwrap().rows.len(), 1);
}

pub async fn who_is_in_a_tasks_conference_is_an_item_of_its_map(place: &impl Place) {
    let store = place.open();
    let (workspace, task) = (WorkspaceSid([3; 16]), TaskSid([4; 16]));
    let participant = |call: u8, joined: bool, seconds: i64| TaskParticipant {
        workspace,
        task,
        conference: ConferenceSid([5; 16]),
        call: CallSid([call; 16]),
        participant_type: if call == 6 { ParticipantType::Worker } else { ParticipantType::Customer },
        worker: (call == 6).then_some(WorkerSid([7; 16])),
        reservation: (call == 6).then_some(ReservationSid([8; 16])),
        joined,
        hold: false,
        muted: false,
        at: at(seconds),
    };
    let row = |participant| Row::TaskParticipant { account: account(), participant: Box::new(participant) };
    let rows = vec![row(participant(6, true, 1)), row(participant(9, true, 1))];
    store.commit(Commit { append: None, rows }).await.unwrap();
    let rows = vec![row(participant(6, false, 2))];
    store.commit(Commit { append: None, rows }).await.unwrap();
    let service = store.sync_service(account(), format!("{workspace}.insights")).await.unwrap().unwrap();
    let map = store.sync_map(service.sid, format!("{task}.CS"), at(3)).await.unwrap().unwrap();
    let item = async |call: u8| -> serde_json::Value {
        let item = store.sync_item(map.sid, CallSid([call; 16]).to_string(), at(3)).await.unwrap().unwrap();
        serde_json::from_str(&item.data).unwrap()
    };
    let worker = item(6).await;
    assert_eq!((&worker["participant_type"], &worker["status"]), (&"worker".into(), &"left".into()));
    assert_eq!(worker["worker_sid"], WorkerSid([7; 16]).to_string());
    assert_eq!((&item(9).await["status"], &item(9).await["worker_sid"]), (&"joined".into(), &().into()));
    // It goes away by itself, a day after the last change.
    let expires = at(2) + Duration::from_secs(86_400);
    assert_eq!(map.expires, Some(expires));
}

pub async fn a_deleted_workspace_has_no_journal_to_load(place: &impl Place) {
    let store = place.open();
    let workspace = begun(&store, 1).await;
    let last = Recorded { event: Event::WorkspaceDeleted, ..event(1) };
    store.append(workspace, Seq(1), &[last]).await.unwrap();
    assert_eq!(store.load(workspace).await, Ok(None));
    assert_eq!(store.workspaces(account()).await, Ok(vec![]));
    assert!(store.append(workspace, Seq(2), &[event(2)]).await.is_err());
    assert!(store.append(workspace, Seq(0), &[created(workspace)]).await.is_err());
}

pub async fn concurrent_appends_to_one_journal_never_both_succeed(place: &impl Place) {
    let store = place.open();
    let workspace = begun(&store, 1).await;
    for round in 0..10 {
        let expected = Seq(1 + round);
        let tries: Vec<_> = (0..16)
            .map(|n| {
                let store = store.clone();
                tokio::spawn(
                    async move { store.append(workspace, expected, &[event(round * 100 + n)]).await },
                )
            })
            .collect();
        let mut won = 0;
        for one in tries {
            won += u64::from(one.await.unwrap().is_ok());
        }
        assert_eq!(won, 1, "round {round}");
    }
    let loaded = store.load(workspace).await.unwrap().unwrap();
    assert_eq!((loaded.seq, loaded.tail.len()), (Seq(11), 11));
}

pub async fn what_was_answered_is_there_after_reopening(place: &impl Place) {
    let store = place.open();
    let workspace = begun(&store, 1).await;
    store.append(workspace, Seq(1), &[event(1)]).await.unwrap();
    store.setting_save("a".to_owned(), "b".to_owned()).await.unwrap();
    store.close();
    let store = place.open();
    assert_eq!(store.load(workspace).await.unwrap().unwrap().tail, [created(workspace), event(1)]);
    assert_eq!(store.setting("a".to_owned()).await, Ok(Some("b".to_owned())));
    assert_eq!(store.workspaces_all().await.unwrap()[0].seq, Seq(2));
}

pub async fn another_handle_on_the_same_store_is_fenced(place: &impl Place) {
    let (one, other) = (place.open(), place.open());
    let workspace = begun(&one, 1).await;
    assert_eq!(other.append(workspace, Seq(1), &[event(1)]).await, Ok(Seq(2)));
    let fenced = one.append(workspace, Seq(1), &[event(2)]).await;
    assert_eq!(fenced, Err(AppendError::Fenced { current: Seq(2) }));
    for round in 0..10 {
        let expected = Seq(2 + round);
        let (event, same) = ([event(10 + round)], [event(50 + round)]);
        let tried =
            tokio::join!(one.append(workspace, expected, &event), other.append(workspace, expected, &same));
        assert!(tried.0.is_ok() != tried.1.is_ok(), "round {round}: {tried:?}");
    }
    assert_eq!(one.load(workspace).await.unwrap().unwrap().tail.len(), 12);
}

pub async fn whoever_served_before_is_refused(place: &impl Place) {
    let (old, new) = (place.open(), place.open());
    old.take_over("old".to_owned()).await.unwrap();
    let workspace = begun(&old, 1).await;
    assert_eq!(old.look().await, Ok(()));
    assert!(!*old.overtaken().borrow());
    new.take_over("new".to_owned()).await.unwrap();
    // It is right about the journal, and refused all the same.
    let refused = old.append(workspace, Seq(1), &[event(1)]).await;
    assert_eq!(refused, Err(AppendError::Store(StoreError::Overtaken)));
    assert_eq!(old.setting_save("a".to_owned(), "b".to_owned()).await, Err(StoreError::Overtaken));
    assert_eq!(old.look().await, Err(StoreError::Overtaken));
    assert!(*old.overtaken().borrow());
    assert_eq!(new.append(workspace, Seq(1), &[event(2)]).await, Ok(Seq(2)));
    assert_eq!(new.setting("a".to_owned()).await, Ok(None));
    // Who does not serve (a backup, a report) is not asked.
    assert_eq!(place.open().look().await, Ok(()));
}

pub async fn a_long_append_is_written_in_order(place: &impl Place) {
    let store = place.open();
    let workspace = begun(&store, 1).await;
    let events: Vec<_> = (0..203).map(event).collect();
    assert_eq!(store.append(workspace, Seq(1), &events).await, Ok(Seq(204)));
    assert_eq!(store.load(workspace).await.unwrap().unwrap().tail[1..], events[..]);
}

/// SQL for a store as the first schema had it: a workspace with an event, and a setting.
#[allow(dead_code, reason = "one backend's tests at a time")]
pub fn rows_of_the_first_schema() -> String {
    let workspace = WorkspaceSid(sid_of(7_001));
    let mut sql = format!(
        "INSERT INTO settings (name, value) VALUES ('kept', 'yes');
         INSERT INTO workspaces (sid, account, seq, created) VALUES ('{workspace}', '{}', 2, {});",
        account(),
        at(0).0
    );
    for (n, recorded) in [created(workspace), event(1)].iter().enumerate() {
        let json = serde_json::to_string(&recorded.event).unwrap().replace('\'', "''");
        sql += &format!(
            "INSERT INTO journal (workspace, seq, sid, at, type, event)
             VALUES ('{workspace}', {}, '{}', {}, 'x', '{json}');",
            n + 1,
            recorded.sid,
            recorded.at.0
        );
    }
    sql
}

/// The store holds what [`rows_of_the_first_schema`] wrote, is of today's schema, and goes on.
pub async fn went_forward(store: &Store) {
    assert_eq!(store.schema_version().await, store.schema_known().await);
    let workspace = WorkspaceSid(sid_of(7_001));
    let loaded = store.load(workspace).await.unwrap().unwrap();
    assert_eq!(loaded.tail, [created(workspace), event(1)]);
    assert_eq!(store.setting("kept".to_owned()).await, Ok(Some("yes".to_owned())));
    assert_eq!(store.append(workspace, Seq(2), &[event(2)]).await, Ok(Seq(3)));
    let told = store.told(workspace, ToldFilter::default(), Page::all()).await.unwrap();
    assert_eq!(told.rows, [], "what was not told then is not told now");
}

pub async fn what_is_old_and_covered_is_forgotten(place: &impl Place) {
    let store = place.open();
    let (workspace, deleted) = (begun(&store, 1).await, begun(&store, 2).await);
    store.append(workspace, Seq(1), &[event(1), event(2), event(3), event(4)]).await.unwrap();
    let last = Recorded { event: Event::WorkspaceDeleted, ..event(1) };
    store.append(deleted, Seq(1), &[last]).await.unwrap();
    let held = |sid| {
        let store = store.clone();
        async move {
            let rows = store.journal(sid, JournalFilter::default(), None, 100).await.unwrap();
            rows.iter().map(|row| row.seq.0).collect::<Vec<_>>()
        }
    };
    assert_eq!(store.journal_prune(at(1), 100).await, Ok(1), "no snapshot: only what was deleted");
    assert_eq!(store.journal_uncovered(at(1)).await, Ok(vec![workspace]), "that is why");
    assert_eq!(store.journal_uncovered(at(0)).await, Ok(vec![]), "nothing is so old");
    assert_eq!((held(workspace).await.len(), held(deleted).await), (5, vec![2]));
    store.snapshot_save(workspace, Seq(4), "four".to_owned()).await.unwrap();
    assert_eq!(store.journal_uncovered(at(4)).await, Ok(vec![]));
    assert_eq!(store.journal_uncovered(at(5)).await, Ok(vec![workspace]), "the event after the snapshot");
    assert_eq!(store.journal_prune(at(3), 2).await, Ok(2), "at most so many");
    assert_eq!(store.journal_prune(at(3), 100).await, Ok(2));
    assert_eq!(held(workspace).await, [5, 4], "young ones stay");
    assert_eq!(store.journal_prune(at(100), 100).await, Ok(1));
    assert_eq!(held(workspace).await, [5], "and what no snapshot covers");
    let loaded = store.load(workspace).await.unwrap().unwrap();
    assert_eq!((loaded.seq, loaded.tail), (Seq(5), vec![event(4)]));
    assert_eq!(store.append(workspace, Seq(5), &[event(5)]).await, Ok(Seq(6)));
}

// Configuration.

fn number(n: u64) -> IncomingNumber {
    IncomingNumber {
        sid: PhoneNumberSid(sid_of(n)),
        account: account(),
        number: format!("+1555010{n:04}").parse().unwrap(),
        friendly_name: format!("number {n}"),
        voice_url: "http://127.0.0.1/voice".to_owned(),
        voice_method: Method::Post,
        voice_fallback_url: String::new(),
        voice_fallback_method: Method::Post,
        voice_application: None,
        voice_caller_id_lookup: false,
        status_callback: String::new(),
        status_callback_method: Method::Post,
        sms_url: String::new(),
        sms_method: Method::Post,
        sms_fallback_url: String::new(),
        sms_fallback_method: Method::Post,
        sms_application: None,
        created: at(n as i64),
        updated: at(n as i64),
    }
}

pub async fn numbers_are_unique_and_found_by_their_digits(place: &impl Place) {
    let store = place.open();
    for n in 1..=3 {
        store.number_add(number(n)).await.unwrap();
    }
    let twice = IncomingNumber { sid: PhoneNumberSid(sid_of(77)), ..number(2) };
    assert_eq!(store.number_add(twice).await, Err(StoreError::Conflict { what: "number" }));
    let two = store.number_called("+15550100002".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(two, number(2));
    let found = |filter: NumberFilter| {
        let store = store.clone();
        async move {
            let rows = store.numbers(account(), filter, Page::all()).await.unwrap().rows;
            rows.into_iter().map(|number| number.friendly_name).collect::<Vec<_>>()
        }
    };
    assert_eq!(found(NumberFilter::default()).await, ["number 3", "number 2", "number 1"]);
    let part = NumberFilter { number: Some("+1555*0003".to_owned()), ..Default::default() };
    assert_eq!(found(part).await, ["number 3"]);
    let name = NumberFilter { friendly_name: Some("number 1".to_owned()), ..Default::default() };
    assert_eq!(found(name).await, ["number 1"]);
    let sid = number(1).sid;
    let changed = store.number_update(sid, |number| number.voice_url = "http://b/".to_owned()).await.unwrap();
    assert_eq!(changed.voice_url, "http://b/");
    assert_eq!(store.number_remove(sid).await, Ok(Some(changed)));
    assert_eq!(store.number_remove(sid).await, Ok(None));
    let gone = store.number_update(sid, |_| {}).await;
    assert_eq!(gone, Err(StoreError::Missing { what: "number" }));
}

fn queue(n: u64, name: &str) -> VoiceQueue {
    VoiceQueue {
        sid: QueueSid(sid_of(n)),
        account: account(),
        friendly_name: name.to_owned(),
        max_size: 100,
        created: at(n as i64),
        updated: at(n as i64),
    }
}

pub async fn queues_have_one_name_each(place: &impl Place) {
    let store = place.open();
    store.queue_add(queue(1, "sales")).await.unwrap();
    assert_eq!(store.queue_add(queue(2, "sales")).await, Err(StoreError::Conflict { what: "friendly_name" }));
    let elsewhere = VoiceQueue { account: AccountSid([2; 16]), ..queue(3, "sales") };
    store.queue_add(elsewhere).await.unwrap();
    // A call that makes the queue on demand finds the one that is there.
    let rows = vec![Row::Queue(queue(4, "sales")), Row::Queue(queue(5, "support"))];
    store.commit(Commit { append: None, rows }).await.unwrap();
    assert_eq!(store.queue_named(account(), "sales".to_owned()).await, Ok(Some(queue(1, "sales"))));
    let renamed =
        store.queue_update(QueueSid(sid_of(5)), |queue| queue.friendly_name = "sales".to_owned()).await;
    assert_eq!(renamed, Err(StoreError::Conflict { what: "friendly_name" }));
    assert_eq!(store.queues(account(), Page::all()).await.unwrap().rows.len(), 2);
    assert_eq!(store.queue_remove(QueueSid(sid_of(1))).await, Ok(true));
    assert_eq!(store.queue(QueueSid(sid_of(1))).await, Ok(None));
}

pub async fn changes_in_place_do_not_lose_each_other(place: &impl Place) {
    let store = place.open();
    store.queue_add(VoiceQueue { max_size: 0, ..queue(1, "sales") }).await.unwrap();
    let changes: Vec<_> = (0..50)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                store.queue_update(QueueSid(sid_of(1)), |queue| queue.max_size += 1).await.unwrap();
            })
        })
        .collect();
    for change in changes {
        change.await.unwrap();
    }
    assert_eq!(store.queue(QueueSid(sid_of(1))).await.unwrap().unwrap().max_size, 50);
}

pub async fn settings_keep_the_first_value(place: &impl Place) {
    let store = place.open();
    assert_eq!(store.setting_or("secret".to_owned(), "first".to_owned()).await, Ok("first".to_owned()));
    assert_eq!(store.setting_or("secret".to_owned(), "second".to_owned()).await, Ok("first".to_owned()));
    store.setting_save("secret".to_owned(), "third".to_owned()).await.unwrap();
    assert_eq!(store.setting("secret".to_owned()).await, Ok(Some("third".to_owned())));
}

pub async fn accounts_and_keys_are_found(place: &impl Place) {
    let store = place.open();
    let one = Account {
        owner: None,
        sid: account(),
        friendly_name: "Demo".to_owned(),
        status: AccountStatus::Active,
        auth_token: Secret::new("tandem-dev-token".to_owned()),
        created: at(1),
        updated: at(1),
    };
    store.account_add(one.clone()).await.unwrap();
    assert_eq!(store.account_add(one.clone()).await, Err(StoreError::Conflict { what: "sid" }));
    assert_eq!(store.account(account()).await, Ok(Some(one.clone())));
    assert_eq!(store.accounts(Page::all()).await.unwrap().rows, [one]);
    let closed =
        store.account_update(account(), |account| account.status = AccountStatus::Closed).await.unwrap();
    assert_eq!(closed.status, AccountStatus::Closed);
    let key = ApiKey {
        sid: ApiKeySid(sid_of(1)),
        account: account(),
        friendly_name: "CI".to_owned(),
        secret: Secret::new("s".to_owned()),
        created: at(2),
        updated: at(2),
    };
    store.api_key_add(key.clone()).await.unwrap();
    assert_eq!(store.api_key(key.sid).await, Ok(Some(key.clone())));
    assert_eq!(store.api_keys(account(), Page::all()).await.unwrap().rows.len(), 1);
    let renamed = ApiKey { friendly_name: "Nightly".to_owned(), ..key.clone() };
    assert_eq!(store.api_key_update(renamed.clone()).await, Ok(true));
    assert_eq!(store.api_key(key.sid).await, Ok(Some(renamed)));
    assert_eq!(store.api_key_remove(key.sid).await, Ok(true));
    assert_eq!(store.api_key_update(key.clone()).await, Ok(false));
    assert_eq!(store.api_key(key.sid).await, Ok(None));
}

// Calls.

fn call(n: u64) -> CallRecord {
    CallRecord {
        sid: CallSid(sid_of(n)),
        parent: None,
        number: None,
        to: "+15550100001".to_owned(),
        from: format!("+1555020{n:04}"),
        from_name: None,
        direction: CallDirection::Inbound,
        status: CallStatus::Completed,
        forwarded_from: None,
        sip_call_id: None,
        created: at(n as i64),
        updated: at(n as i64),
        answered: Some(at(n as i64)),
        ended: Some(at(n as i64 + 5)),
        answered_by: None,
    }
}

pub async fn calls_page_newest_first_in_both_directions(place: &impl Place) {
    let store = place.open();
    for n in 1..=7 {
        store.call_save(account(), call(n)).await.unwrap();
    }
    // Two at the same moment: the SID decides, and paging neither repeats nor skips.
    store.call_save(account(), CallRecord { created: at(4), ..call(8) }).await.unwrap();
    let all = store.calls(account(), CallFilter::default(), Page::all()).await.unwrap();
    assert!(!all.more);
    let order: Vec<CallSid> = all.rows.iter().map(|call| call.sid).collect();
    assert_eq!(order.len(), 8);
    assert_eq!((order[0], order[7]), (call(7).sid, call(1).sid));
    let mut paged = Vec::new();
    let mut page = Page::first(3);
    loop {
        let rows = store.calls(account(), CallFilter::default(), page).await.unwrap();
        paged.extend(rows.rows.iter().map(|call| call.sid));
        page = Page::after(3, paged.last().unwrap());
        if !rows.more {
            break;
        }
    }
    assert_eq!(paged, order);
    let back = store.calls(account(), CallFilter::default(), Page::before(3, order[6])).await.unwrap();
    assert_eq!(back.rows.iter().map(|call| call.sid).collect::<Vec<_>>(), order[3..6]);
    assert!(back.more);
    let front = store.calls(account(), CallFilter::default(), Page::before(3, order[2])).await.unwrap();
    assert_eq!(front.rows.len(), 2);
    assert!(!front.more);
}

pub async fn calls_are_filtered_by_every_condition(place: &impl Place) {
    let store = place.open();
    store.call_save(account(), call(1)).await.unwrap();
    let live = CallRecord {
        parent: Some(call(1).sid),
        to: "sip:ana@desk".to_owned(),
        status: CallStatus::InProgress,
        ended: None,
        ..call(2)
    };
    store.call_save(account(), live.clone()).await.unwrap();
    store.call_save(AccountSid([2; 16]), call(3)).await.unwrap();
    let found = |filter: CallFilter| {
        let store = store.clone();
        async move {
            let rows = store.calls(account(), filter, Page::all()).await.unwrap().rows;
            rows.into_iter().map(|call| call.sid).collect::<Vec<_>>()
        }
    };
    let any = CallFilter::default;
    assert_eq!(found(any()).await, [live.sid, call(1).sid]);
    assert_eq!(found(CallFilter { to: Some(live.to.clone()), ..any() }).await, [live.sid]);
    assert_eq!(found(CallFilter { from: Some(call(1).from), ..any() }).await, [call(1).sid]);
    assert_eq!(found(CallFilter { parent: Some(call(1).sid), ..any() }).await, [live.sid]);
    assert_eq!(found(CallFilter { status: Some(CallStatus::InProgress), ..any() }).await, [live.sid]);
    assert_eq!(found(CallFilter { started_from: Some(at(2)), ..any() }).await, [live.sid]);
    assert_eq!(found(CallFilter { started_before: Some(at(2)), ..any() }).await, [call(1).sid]);
    assert_eq!(found(CallFilter { ended_from: Some(at(6)), ..any() }).await, [call(1).sid]);
    assert_eq!(found(CallFilter { ended_before: Some(at(6)), ..any() }).await, []);
    assert_eq!(store.call(account(), live.sid).await, Ok(Some(live.clone())));
    assert_eq!(store.call(account(), call(3).sid).await, Ok(None), "another account's");
    assert_eq!(store.call_remove(account(), live.sid).await, Ok(false), "it has not ended");
    assert_eq!(store.call_remove(account(), call(1).sid).await, Ok(true));
}

pub async fn live_calls_are_closed_after_a_crash(place: &impl Place) {
    let store = place.open();
    let with = |n, status, ended| CallRecord { status, ended, ..call(n) };
    store.call_save(account(), with(1, CallStatus::InProgress, None)).await.unwrap();
    store.call_save(account(), with(2, CallStatus::Ringing, None)).await.unwrap();
    store.call_save(account(), with(3, CallStatus::Busy, Some(at(3)))).await.unwrap();
    let conference = ConferenceRecord {
        sid: ConferenceSid(sid_of(1)),
        friendly_name: "WT1".to_owned(),
        status: "in-progress".to_owned(),
        reason_ended: None,
        call_ending: None,
        created: at(1),
        updated: at(1),
    };
    let row = Row::Conference { account: account(), record: conference.clone() };
    store.commit(Commit { append: None, rows: vec![row] }).await.unwrap();
    assert_eq!(store.calls_close(account(), at(100)).await.unwrap().len(), 2);
    let status = |n| {
        let store = store.clone();
        async move {
            let call = store.call(account(), call(n).sid).await.unwrap().unwrap();
            (call.status, call.ended)
        }
    };
    assert_eq!(status(1).await, (CallStatus::Completed, Some(at(100))));
    assert_eq!(status(2).await, (CallStatus::Failed, Some(at(100))));
    assert_eq!(status(3).await, (CallStatus::Busy, Some(at(3))));
    let closed = store.conference(account(), conference.sid).await.unwrap().unwrap();
    assert_eq!(closed.status, "completed");
    assert_eq!(store.calls_close(account(), at(200)).await, Ok(vec![]));
}

pub async fn a_timeline_keeps_its_order(place: &impl Place) {
    let store = place.open();
    let entry = |n: i64| TimelineEntry {
        call: call(1).sid,
        at: at(n),
        kind: "digit".to_owned(),
        text: format!("pressed {n}"),
        data: serde_json::json!({"digit": n}),
    };
    let line = |n: i64| Row::Timeline { sid: EventSid(sid_of(2_000 + n as u64)), entry: entry(n) };
    let commit = |lines: &[i64]| Commit { append: None, rows: lines.iter().map(|n| line(*n)).collect() };
    store.commit(commit(&[3, 1])).await.unwrap();
    // Nobody knew whether it had been written.
    store.commit(commit(&[3, 1, 2])).await.unwrap();
    assert_eq!(store.timeline(call(1).sid).await, Ok(vec![entry(3), entry(1), entry(2)]));
    assert_eq!(store.timeline(call(2).sid).await, Ok(vec![]));
}

// Sync.

fn new_map(n: u64, name: Option<&str>) -> NewSyncMap {
    NewSyncMap {
        sid: SyncMapSid(sid_of(n)),
        service: ServiceSid([5; 16]),
        unique_name: name.map(str::to_owned),
        expires: None,
        created_by: "system".to_owned(),
    }
}

fn new_item(map: SyncMapSid, key: &str) -> NewSyncItem {
    NewSyncItem {
        map,
        key: key.to_owned(),
        data: format!("{{\"key\":\"{key}\"}}"),
        expires: None,
        map_expires: None,
        created_by: "system".to_owned(),
    }
}

pub async fn a_map_item_is_created_once_and_updated_by_revision(place: &impl Place) {
    let store = place.open();
    let map = store.sync_map_add(new_map(1, Some("parked")), at(1)).await.unwrap();
    assert_eq!(map.revision, 0);
    let twice = store.sync_map_add(new_map(2, Some("parked")), at(1)).await;
    assert_eq!(twice, Err(StoreError::Conflict { what: "unique_name" }));
    store.sync_map_add(new_map(3, None), at(1)).await.unwrap();
    store.sync_map_add(new_map(4, None), at(1)).await.unwrap();
    for name in ["parked".to_owned(), map.sid.to_string()] {
        assert_eq!(store.sync_map(map.service, name, at(2)).await.unwrap().unwrap().sid, map.sid);
    }
    let item = store.sync_item_add(new_item(map.sid, "ana"), at(2)).await.unwrap();
    assert_eq!((item.revision, item.created), (0, at(2)));
    let again = store.sync_item_add(new_item(map.sid, "ana"), at(2)).await;
    assert_eq!(again, Err(StoreError::Conflict { what: "key" }));
    let nowhere = store.sync_item_add(new_item(SyncMapSid([9; 16]), "ana"), at(2)).await;
    assert_eq!(nowhere, Err(StoreError::Missing { what: "map" }));
    let change =
        |if_match, data: &str| SyncItemChange { if_match, data: Some(data.to_owned()), ..Default::default() };
    let key = || "ana".to_owned();
    let updated = store.sync_item_update(map.sid, key(), change(Some(0), "{}"), at(3)).await.unwrap();
    assert_eq!((updated.revision, updated.data.as_str(), updated.created), (1, "{}", at(2)));
    let stale = store.sync_item_update(map.sid, key(), change(Some(0), "[]"), at(3)).await;
    assert_eq!(stale, Err(StoreError::Revision { current: 1 }));
    let missing = store.sync_item_update(map.sid, "bo".to_owned(), change(None, "[]"), at(3)).await;
    assert_eq!(missing, Err(StoreError::Missing { what: "item" }));
    let stale = store.sync_item_remove(map.sid, key(), Some(7), at(3)).await;
    assert_eq!(stale, Err(StoreError::Revision { current: 1 }));
    store.sync_item_remove(map.sid, key(), Some(1), at(3)).await.unwrap();
    assert_eq!(store.sync_item(map.sid, key(), at(3)).await, Ok(None));
    let written = store.sync_map(map.service, "parked".to_owned(), at(4)).await.unwrap().unwrap();
    assert!(written.revision > map.revision, "every write changes the map's revision");
    store.sync_item_add(new_item(map.sid, "bo"), at(4)).await.unwrap();
    store.sync_map_remove(map.sid).await.unwrap().unwrap();
    assert_eq!(store.sync_item(map.sid, "bo".to_owned(), at(4)).await, Ok(None), "its items go with it");
}

pub async fn map_items_page_in_the_byte_order_of_their_keys(place: &impl Place) {
    let store = place.open();
    let map = store.sync_map_add(new_map(1, None), at(1)).await.unwrap().sid;
    for key in ["b", "a", "Z", "é", "a/b", "aa"] {
        store.sync_item_add(new_item(map, key), at(1)).await.unwrap();
    }
    let keys = |descending, from: Option<&str>, exclusive, limit| {
        let query = SyncItemsQuery { descending, from: from.map(str::to_owned), exclusive, limit };
        let store = store.clone();
        async move {
            let rows = store.sync_items(map, query, at(2)).await.unwrap();
            (rows.rows.into_iter().map(|item| item.key).collect::<Vec<_>>(), rows.more)
        }
    };
    let words = |words: &[&str], more| (words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>(), more);
    assert_eq!(keys(false, None, false, 50).await, words(&["Z", "a", "a/b", "aa", "b", "é"], false));
    assert_eq!(keys(false, Some("a"), false, 2).await, words(&["a", "a/b"], true));
    assert_eq!(keys(false, Some("a/b"), true, 2).await, words(&["aa", "b"], true));
    assert_eq!(keys(true, Some("aa"), false, 50).await, words(&["aa", "a/b", "a", "Z"], false));
    assert_eq!(keys(true, Some("aa"), true, 1).await, words(&["a/b"], true));
    assert_eq!(keys(false, Some("zz"), false, 50).await, words(&["é"], false));
}

pub async fn what_expired_is_gone_and_swept_once(place: &impl Place) {
    let store = place.open();
    let map = store.sync_map_add(new_map(1, Some("m")), at(1)).await.unwrap().sid;
    let item = NewSyncItem { expires: Some(at(10)), ..new_item(map, "ana") };
    let first = store.sync_item_add(item.clone(), at(1)).await.unwrap();
    store.sync_item_add(new_item(map, "bo"), at(1)).await.unwrap();
    assert_eq!(store.sync_next_expiry().await, Ok(Some(at(10))));
    assert_eq!(store.sync_item(map, "ana".to_owned(), at(10)).await, Ok(None), "over, if not swept yet");
    let query = SyncItemsQuery { limit: 50, ..Default::default() };
    assert_eq!(store.sync_items(map, query, at(10)).await.unwrap().rows.len(), 1);
    // Its key is free again before it is swept.
    let again = NewSyncItem { expires: Some(at(20)), ..item };
    assert_eq!(store.sync_item_add(again, at(11)).await.unwrap().created, at(11));
    assert_eq!(store.sync_sweep(at(12), 10).await, Ok(vec![]));
    let swept = store.sync_sweep(at(20), 10).await.unwrap();
    assert_eq!(swept.len(), 1);
    let SyncRemoved::Item { service, item } = &swept[0] else { panic!("an item") };
    assert_eq!((*service, &item.key), (ServiceSid([5; 16]), &first.key));
    assert_eq!(store.sync_sweep(at(20), 10).await, Ok(vec![]));
    // A write with CollectionTtl resets the map's own expiry; then the map goes with all that is in it.
    let change = SyncItemChange { map_expires: Some(Some(at(40))), ..Default::default() };
    store.sync_item_update(map, "bo".to_owned(), change, at(30)).await.unwrap();
    assert_eq!(store.sync_map(ServiceSid([5; 16]), "m".to_owned(), at(40)).await, Ok(None));
    assert_eq!(
        store.sync_item_add(new_item(map, "x"), at(41)).await,
        Err(StoreError::Missing { what: "map" })
    );
    let swept = store.sync_sweep(at(41), 10).await.unwrap();
    assert!(matches!(&swept[..], [SyncRemoved::Map(gone)] if gone.sid == map), "{swept:?}");
    assert_eq!(store.sync_next_expiry().await, Ok(None));
    // And its name is free again even where nobody has swept.
    let over = NewSyncMap { expires: Some(at(50)), ..new_map(2, Some("m")) };
    store.sync_map_add(over, at(42)).await.unwrap();
    store.sync_map_add(new_map(3, Some("m")), at(51)).await.unwrap();
}

pub async fn an_items_size_is_limited(place: &impl Place) {
    let store = place.open();
    let map = store.sync_map_add(new_map(1, None), at(1)).await.unwrap().sid;
    let of = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    let item = |bytes, key| NewSyncItem { data: of(bytes), ..new_item(map, key) };
    store.sync_item_add(item(SYNC_DATA_BYTES_MAX, "fits"), at(1)).await.unwrap();
    let large = Err(StoreError::TooLarge { what: "data" });
    assert_eq!(store.sync_item_add(item(SYNC_DATA_BYTES_MAX + 1, "not"), at(1)).await, large);
    let change = SyncItemChange { data: Some(of(SYNC_DATA_BYTES_MAX + 1)), ..Default::default() };
    assert_eq!(store.sync_item_update(map, "fits".to_owned(), change, at(1)).await, large);
}

// Outgoing webhooks.

pub fn delivery(n: u64, lane: &str) -> NewDelivery {
    NewDelivery {
        sid: DeliverySid(sid_of(n)),
        account: account(),
        kind: DeliveryKind::Event,
        lane: lane.to_owned(),
        webhook: Webhook { url: "http://127.0.0.1/".to_owned(), method: Method::Post },
        fallback: None,
        parameters: vec![("N".to_owned(), n.to_string())],
        assignment: None,
        created: at(0),
    }
}

async fn claimed(store: &Store, now: Timestamp) -> Vec<DeliverySid> {
    let claimed = store.deliveries_claim(now, CLAIM_LEASE, 10).await.unwrap();
    claimed.into_iter().map(|one| one.order.sid).collect()
}

pub async fn deliveries_keep_the_order_of_their_lane(place: &impl Place) {
    let store = place.open();
    let orders = [(1, "a"), (2, "a"), (3, "b"), (4, "a")].map(|(n, lane)| delivery(n, lane));
    store.deliver(orders.to_vec()).await.unwrap();
    let sid = |n| DeliverySid(sid_of(n));
    assert_eq!(claimed(&store, at(1)).await, [sid(1), sid(3)]);
    assert_eq!(claimed(&store, at(1)).await, [], "they are claimed");
    let retry = DeliveryOutcome::Retry { at: at(10), status: Some(500), error: "500".to_owned() };
    assert_eq!(store.delivery_done(sid(1), retry, at(2)).await, Ok(true));
    assert_eq!(claimed(&store, at(3)).await, [], "the lane waits for its first");
    assert_eq!(store.deliveries_next().await, Ok(Some(at(10))));
    assert_eq!(claimed(&store, at(10)).await, [sid(1)]);
    let one = store.delivery(account(), sid(1)).await.unwrap().unwrap();
    assert_eq!((one.attempts, one.last_status, one.state), (2, Some(500), DeliveryState::Waiting));
    store.delivery_done(sid(1), DeliveryOutcome::Delivered { status: 204 }, at(11)).await.unwrap();
    assert_eq!(claimed(&store, at(11)).await, [sid(2)]);
    let failed = DeliveryOutcome::Failed { status: None, error: "refused".to_owned() };
    store.delivery_done(sid(2), failed, at(12)).await.unwrap();
    assert_eq!(claimed(&store, at(12)).await, [sid(4)], "a failure does not hold up the lane");
    let done = DeliveryOutcome::Delivered { status: 200 };
    assert_eq!(store.delivery_done(sid(1), done, at(13)).await, Ok(false), "it is done already");
    let waiting = store.deliveries(account(), Some(DeliveryState::Waiting), Page::all()).await.unwrap();
    assert_eq!(waiting.rows.iter().map(|one| one.order.sid).collect::<Vec<_>>(), [sid(4), sid(3)]);
    let page = store.deliveries(account(), None, Page::after(2, sid(4))).await.unwrap();
    assert_eq!(page.rows.iter().map(|one| one.order.sid).collect::<Vec<_>>(), [sid(3), sid(2)]);
    assert!(page.more);
    assert_eq!(store.deliveries_purge(at(12), 10).await, Ok(1));
}

pub async fn a_claim_runs_out(place: &impl Place) {
    let store = place.open();
    store.deliver(vec![delivery(1, "a")]).await.unwrap();
    assert_eq!(claimed(&store, at(0)).await.len(), 1);
    let over = at(0) + CLAIM_LEASE;
    assert_eq!(store.deliveries_next().await, Ok(Some(over)));
    assert_eq!(claimed(&store, over).await.len(), 1, "whoever had it has gone");
}

pub async fn a_failed_delivery_can_be_sent_again(place: &impl Place) {
    let store = place.open();
    store.deliver(vec![delivery(1, "a"), delivery(2, "a")]).await.unwrap();
    let sid = |n| DeliverySid(sid_of(n));
    claimed(&store, at(0)).await;
    assert_eq!(store.delivery_again(account(), sid(1), at(1)).await, Ok(false), "it has not failed");
    let failed = DeliveryOutcome::Failed { status: Some(404), error: "404".to_owned() };
    store.delivery_done(sid(1), failed, at(1)).await.unwrap();
    assert_eq!(store.delivery_again(account(), sid(1), at(2)).await, Ok(true));
    assert_eq!(claimed(&store, at(2)).await, [sid(2)], "it stands at the end of its lane");
    store.delivery_done(sid(2), DeliveryOutcome::Delivered { status: 200 }, at(3)).await.unwrap();
    assert_eq!(claimed(&store, at(3)).await, [sid(1)]);
}

pub async fn users_have_one_login_each_and_their_sessions_end(place: &impl Place) {
    let store = place.open();
    let entropy = &mut Entropy::seeded(77);
    let account = AccountSid::generate(entropy);
    let user = |login: &str, entropy: &mut Entropy| User {
        sid: UserSid::generate(entropy),
        account,
        login: login.to_owned(),
        password: Secret::new("$argon2id$".to_owned()),
        role: Role::Agent,
        workspace: None,
        worker: None,
        created: Timestamp(1),
        updated: Timestamp(1),
    };
    let (ana, again) = (user("ana", entropy), user("ana", entropy));
    store.user_add(ana.clone()).await.unwrap();
    assert!(matches!(store.user_add(again).await, Err(StoreError::Conflict { what: "login" })));
    assert_eq!(store.user_named("ana".to_owned()).await.unwrap(), Some(ana.clone()));
    assert_eq!(store.user_named("bo".to_owned()).await.unwrap(), None);
    let changed = store.user_update(ana.sid, |of| of.role = Role::Supervisor).await.unwrap();
    assert_eq!(store.user(ana.sid).await.unwrap(), Some(changed));
    let session = |digest: &str, expires| UserSession {
        digest: digest.to_owned(),
        user: ana.sid,
        csrf: Secret::new("c".to_owned()),
        id_token: None,
        created: Timestamp(10),
        expires: Timestamp(expires),
    };
    store.user_session_add(session("short", 20)).await.unwrap();
    store.user_session_add(session("long", 100)).await.unwrap();
    let of = async |digest: &str, now| store.user_session(digest.to_owned(), Timestamp(now)).await.unwrap();
    assert!(of("short", 19).await.is_some());
    assert!(of("short", 20).await.is_none(), "its time is over");
    assert!(store.user_session_remove("long".to_owned()).await.unwrap());
    assert!(of("long", 19).await.is_none());
    store.user_session_add(session("last", 100)).await.unwrap();
    assert_eq!(store.users(account, Page::first(10)).await.unwrap().rows.len(), 1);
    assert!(store.user_remove(ana.sid).await.unwrap());
    assert!(of("last", 19).await.is_none(), "sessions go with their user");
}

pub async fn what_people_did_is_listed_newest_first_and_by_workspace(place: &impl Place) {
    let store = place.open();
    let entropy = &mut Entropy::seeded(78);
    let (account, workspace) = (AccountSid::generate(entropy), WorkspaceSid::generate(entropy));
    let mut entry = |act: &str, workspace, at| AuditEntry {
        sid: AuditSid::generate(entropy),
        account,
        workspace,
        user: None,
        login: Some("kim".to_owned()),
        act: act.to_owned(),
        subject: "WR1".to_owned(),
        detail: None,
        created: Timestamp(at),
    };
    let [first, second, elsewhere] = [
        entry("call.listen", Some(workspace), 1),
        entry("call.whisper", Some(workspace), 2),
        entry("x", None, 3),
    ];
    for one in [&first, &second, &elsewhere] {
        store.audit_add(one.clone()).await.unwrap();
    }
    let rows = store.audit(workspace, Page::first(10)).await.unwrap().rows;
    assert_eq!(rows, [second.clone(), first.clone()]);
    let rows = store.audit(workspace, Page::after(10, second.sid)).await.unwrap().rows;
    assert_eq!(rows, [first]);
}
