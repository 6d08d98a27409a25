//! Tasks and reservations (reference: TaskRouter §4-§6).

use crate::day::Day;
use engine::routing::command::*;
use engine::routing::effect::{Effect, VoiceOrder};
use engine::routing::event::Event;
use engine::routing::model::*;
use serde_json::json;
use std::time::Duration;

fn open() -> (Day, base::WorkflowSid) {
    let mut day = Day::new();
    let queue = day.queue("1==1");
    let workflow = day.workflow(json!({"default_filter": {"queue": queue}}));
    (day, workflow)
}

#[test]
fn a_workspace_begins_with_three_activities_and_five_channels() {
    let day = Day::new();
    let mut names: Vec<_> = day.ws.activities().map(|a| (a.friendly_name.as_str(), a.available)).collect();
    names.sort_unstable();
    assert_eq!(names, [("Available", true), ("Offline", false), ("Unavailable", false)]);
    let mut channels: Vec<_> = day.ws.task_channels().map(|c| c.unique_name.as_str()).collect();
    channels.sort_unstable();
    assert_eq!(channels, ["chat", "default", "sms", "video", "voice"]);
    assert_eq!(day.ws.settings().timeout_activity, day.activity("Offline"));
}

#[test]
fn a_task_goes_to_the_longest_idle_worker_and_to_its_end() {
    let (mut day, workflow) = open();
    let ana = day.worker("ana", json!({}));
    day.wait(1);
    day.worker("bo", json!({}));
    let task = day.task(workflow, "chat", json!({}));
    assert_eq!((day.status(task), day.holder(task)), (TaskStatus::Reserved, ana));
    day.set(day.offer(task), ReservationStatus::Accepted);
    assert_eq!(day.callbacks(), ["reservation.accepted"]);
    let refused = day.refused(Day::setting(day.offer(task), ReservationStatus::Accepted));
    let sid = day.offer(task);
    let text =
        format!("Reservation {sid} is already in state [accepted] and cannot be updated to [accepted]");
    assert_eq!(refused, (20001, text));
    day.set(sid, ReservationStatus::Wrapping);
    assert_eq!(day.callbacks(), ["reservation.wrapup", "task.wrapup"]);
    day.set(sid, ReservationStatus::Completed);
    assert_eq!(day.callbacks(), ["reservation.completed", "task.completed"]);
    day.wait(301);
    assert!(day.ws.task(task).is_none());
}

#[test]
fn callbacks_carry_strings_with_the_documented_names() {
    let (mut day, workflow) = open();
    day.worker("ana", json!({}));
    day.task(workflow, "chat", json!({"a": 1}));
    let created = day.effects.iter().find_map(|effect| match effect {
        Effect::Callback { event_type: "reservation.created", parameters, .. } => Some(parameters.clone()),
        _ => None,
    });
    let created: std::collections::BTreeMap<_, _> = created.unwrap().into_iter().collect();
    for name in [
        "EventType",
        "AccountSid",
        "WorkspaceSid",
        "WorkspaceName",
        "EventDescription",
        "ResourceType",
        "ResourceSid",
        "Timestamp",
        "TimestampMs",
        "Sid",
        "TaskSid",
        "TaskAttributes",
        "TaskAge",
        "TaskPriority",
        "TaskAssignmentStatus",
        "TaskQueueSid",
        "TaskQueueName",
        "WorkflowSid",
        "WorkflowName",
        "WorkerSid",
        "WorkerName",
        "WorkerAttributes",
        "WorkerActivitySid",
        "WorkerActivityName",
        "ReservationSid",
        "TaskChannelUniqueName",
    ] {
        assert!(created.contains_key(name), "{name}");
    }
    assert_eq!(created["TaskAttributes"], r#"{"a":1}"#);
    assert_eq!(created["TaskAssignmentStatus"], "reserved");
}

#[test]
fn a_reservation_that_times_out_sends_its_worker_offline_and_the_task_on() {
    let (mut day, workflow) = open();
    let ana = day.worker("ana", json!({}));
    day.wait(1);
    let bo = day.worker("bo", json!({}));
    let task = day.task(workflow, "chat", json!({}));
    day.wait(61);
    assert_eq!(day.offers(task), [(ana, ReservationStatus::Timeout), (bo, ReservationStatus::Pending)]);
    assert_eq!(day.ws.worker(ana).unwrap().activity, day.activity("Offline"));
}

#[test]
fn a_rejected_task_is_offered_again_until_the_thousandth_time() {
    let (mut day, workflow) = open();
    day.worker("ana", json!({}));
    let task = day.task(workflow, "chat", json!({}));
    for _ in 0..1_000 {
        assert_eq!(day.status(task), TaskStatus::Reserved);
        day.ws
            .decide(Day::setting(day.offer(task), ReservationStatus::Rejected), day.now, &mut day.entropy)
            .unwrap();
    }
    let reason = day.ws.task(task).unwrap().reason.as_deref();
    assert_eq!(reason, Some("Task TTL Exceeded or Max assignment count exceeded"));
}

#[test]
fn of_several_offers_the_first_acceptance_wins_and_the_others_are_rescinded() {
    let mut day = Day::new();
    let queue = day.queue_of("1==1", 3);
    let workflow = day.workflow(json!({"default_filter": {"queue": queue}}));
    for name in ["ana", "bo", "kim", "lee"] {
        day.worker(name, json!({}));
    }
    let task = day.task(workflow, "chat", json!({}));
    assert_eq!(day.offers(task).len(), 3);
    assert_eq!(day.ws.task(task).unwrap().assignments, 1);
    let first = day.ws.task(task).unwrap().reservations[1];
    day.set(first, ReservationStatus::Accepted);
    let statuses: Vec<_> = day.offers(task).into_iter().map(|(_, status)| status).collect();
    use ReservationStatus::{Accepted, Rescinded};
    assert_eq!(statuses, [Rescinded, Accepted, Rescinded]);
}

#[test]
fn waiting_tasks_go_by_priority_then_age_and_lifo_by_age_alone() {
    let (mut day, workflow) = open();
    let low = day.task(workflow, "chat", json!({}));
    let mut urgent = Day::new_task(workflow, "chat", json!({}));
    urgent.priority = 5;
    day.now = day.now + Duration::from_secs(1);
    let Answer::Task(urgent) = day.does(Command::CreateTask(urgent)) else { panic!() };
    let ana = day.worker("ana", json!({}));
    assert_eq!((day.holder(urgent), day.status(low)), (ana, TaskStatus::Pending));
    day.set(day.offer(urgent), ReservationStatus::Accepted);
    day.set(day.offer(urgent), ReservationStatus::Completed);
    assert_eq!(day.holder(low), ana);
}

#[test]
fn ttl_ends_a_task_that_waits_and_24_hours_one_that_is_assigned() {
    let (mut day, workflow) = open();
    let mut short = Day::new_task(workflow, "chat", json!({}));
    short.timeout = Duration::from_secs(10);
    let Answer::Task(short) = day.does(Command::CreateTask(short)) else { panic!() };
    day.wait(11);
    assert_eq!(day.ws.task(short).unwrap().reason.as_deref(), Some("Task TTL Exceeded"));
    day.worker("ana", json!({}));
    let long = day.task(workflow, "chat", json!({}));
    day.set(day.offer(long), ReservationStatus::Accepted);
    day.wait(86_401);
    assert!(day.ws.task(long).is_none());
    assert_eq!(day.happened(|event| matches!(event, Event::TaskDeleted { by_system: true, .. })), 1);
}

#[test]
fn a_task_sent_to_a_worker_ignores_capacity_and_ends_with_a_rejection() {
    let (mut day, workflow) = open();
    let ana = day.worker("ana", json!({}));
    day.move_to(ana, "Offline");
    let mut new = Day::new_task(workflow, "voice", json!({"outbound_to": "+15550100009"}));
    new.routing_target = Some(RoutingTarget::Worker(ana));
    let Answer::Task(task) = day.does(Command::CreateTask(new.clone())) else { panic!() };
    assert_eq!(day.holder(task), ana);
    day.set(day.offer(task), ReservationStatus::Rejected);
    let reason = day.ws.task(task).unwrap().reason.clone().unwrap();
    assert_eq!(reason, format!("RoutingTarget not available for Reservation acceptance: {ana}"));
    new.routing_target = None;
    new.ignore_capacity = Some(true);
    assert!(day.refused(Command::CreateTask(new)).1.contains("IgnoreCapacity"));
}

/// Reference §4.5: `canceled_reason_code` says why the number could not be called; 40145 is for the debugger.
#[test]
fn a_number_that_cannot_be_called_is_the_reservations_reason() {
    for (dialled, kept) in [(Some(13223), 13223), (Some(21215), 21215), (None, 40145)] {
        let (mut day, workflow) = open();
        let [ana, _] = day.ana_and_bo();
        let mut new = Day::new_task(workflow, "voice", json!({"outbound_to": "+15550100009"}));
        new.routing_target = Some(RoutingTarget::Worker(ana));
        let Answer::Task(task) = day.does(Command::CreateTask(new)) else { panic!() };
        let reservation = day.offer(task);
        let from = Some("+15550100001".to_owned());
        let instruction = ConferenceInstruction { from, ..ConferenceInstruction::default() };
        day.does(Command::Instruct { reservation, instruction: Instruction::Conference(instruction) });
        let failed = VoiceReport::Failed { reservation, code: 40145, dialled, reason: "no".to_owned() };
        day.does(Command::Voice(failed));
        let told = |name: &str| {
            day.effects.iter().find_map(|effect| match effect {
                Effect::Callback { event_type: "reservation.canceled", parameters, .. } => {
                    parameters.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone())
                }
                _ => None,
            })
        };
        assert_eq!(told("CanceledReasonCode"), Some(kept.to_string()));
        assert!(day.effects.iter().any(|e| matches!(e, Effect::Notify { code: 40145, .. })));
        assert_eq!(day.ws.reservation(reservation).unwrap().canceled_reason_code, Some(kept));
        let reason = day.ws.task(task).unwrap().reason.clone().unwrap();
        assert_eq!(reason, format!("RoutingTarget not available for Reservation acceptance: {ana}"));
    }
}

/// Reference §11.2: a phone that is not registered does not lead to a thousand offers within seconds.
#[test]
fn a_worker_whose_phone_could_not_be_reached_is_not_asked_again_at_once() {
    let (mut day, workflow) = open();
    let ana = day.worker("ana", json!({"contact_uri": "sip:ana@pbx.example"}));
    let call = day.call(workflow, None);
    let fails = |day: &mut Day| {
        let reservation = day.offer(call);
        let from = Some("+15550100001".to_owned());
        let instruction = ConferenceInstruction { from, ..ConferenceInstruction::default() };
        day.does(Command::Instruct { reservation, instruction: Instruction::Conference(instruction) });
        let reason = "not registered".to_owned();
        day.does(Command::Voice(VoiceReport::Failed { reservation, code: 40145, dialled: None, reason }));
    };
    fails(&mut day);
    assert_eq!((day.status(call), day.offers(call).len()), (TaskStatus::Pending, 1));
    day.wait(29);
    assert_eq!(day.offers(call).len(), 1);
    day.wait(2);
    assert_eq!((day.offers(call).len(), day.holder(call)), (2, ana));
    // Whoever comes meanwhile gets it at once.
    fails(&mut day);
    let bo = day.worker("bo", json!({"contact_uri": "sip:bo@pbx.example"}));
    assert_eq!(day.holder(call), bo);
}

/// 14239, 14218, 40130, 40139: an activity that is gone by the end keeps nobody in a conversation that is over.
#[test]
fn a_post_work_activity_that_is_gone_is_told_of_and_the_work_is_over() {
    let (mut day, workflow) = open();
    let [ana, _] = day.ana_and_bo();
    for code in [14218, 14239] {
        let call = day.call(workflow, None);
        let reservation = day.offer(call);
        day.set(reservation, ReservationStatus::Accepted);
        let before = day.ws.worker(ana).unwrap().activity;
        let post_work_activity = Some(PostWork { activity: base::ActivitySid([9; 16]), code });
        day.does(Command::Voice(VoiceReport::ConversationEnded { reservation, post_work_activity }));
        assert_eq!(day.ws.reservation(reservation).unwrap().status, ReservationStatus::Wrapping);
        assert!(day.effects.iter().any(|e| matches!(e, Effect::Notify { code: told, .. } if *told == code)));
        assert_eq!(day.ws.worker(ana).unwrap().activity, before);
    }
}

#[test]
fn a_wrong_transition_is_refused_in_the_words_of_the_reference() {
    let (mut day, workflow) = open();
    let task = day.task(workflow, "chat", json!({}));
    let (ws, account) = (day.ws.settings().sid, day.ws.settings().account);
    let to = |status, reason: Option<&str>| Command::UpdateTask {
        sid: task,
        if_match: None,
        change: TaskChange {
            status: Some(status),
            reason: reason.map(str::to_owned),
            ..TaskChange::default()
        },
    };
    let (_, message) = day.refused(to(TaskStatus::Completed, Some("done")));
    let text = format!(
        "Cannot complete task {task} in workspace {ws} for account {account} because it is not currently assigned."
    );
    assert_eq!(message, text);
    assert!(day.refused(to(TaskStatus::Canceled, None)).1.contains("Reason"));
    day.does(to(TaskStatus::Canceled, Some("no")));
    assert!(
        day.refused(to(TaskStatus::Canceled, Some("no")))
            .1
            .contains("because it is not pending or reserved.")
    );
}

#[test]
fn if_match_refuses_a_stale_version_and_changes_nothing() {
    let (mut day, workflow) = open();
    let task = day.task(workflow, "chat", json!({}));
    let change = TaskChange { priority: Some(3), ..TaskChange::default() };
    let stale = Command::UpdateTask { sid: task, if_match: Some(9), change: change.clone() };
    assert_eq!(day.tries(stale), Err(RoutingError::VersionMismatch { current: 0 }));
    day.does(Command::UpdateTask { sid: task, if_match: Some(0), change });
    assert_eq!(day.ws.task(task).unwrap().version, 1);
}

#[test]
fn instructions_are_checked_with_their_documented_codes() {
    let (mut day, workflow) = open();
    day.worker("ana", json!({}));
    let task = day.task(workflow, "voice", json!({}));
    let reservation = day.offer(task);
    let dequeue = Instruction::Dequeue(DequeueInstruction::default());
    assert_eq!(day.refused(Command::Instruct { reservation, instruction: dequeue.clone() }).0, 40140);
    let call =
        Instruction::Call(CallInstruction { to: Some("sip:a@b".to_owned()), ..CallInstruction::default() });
    assert_eq!(day.refused(Command::Instruct { reservation, instruction: call }).0, 40111);
    let redirect = Instruction::Redirect(RedirectInstruction::default());
    assert_eq!(day.refused(Command::Instruct { reservation, instruction: redirect }).0, 40120);
    let conference = Instruction::Conference(ConferenceInstruction::default());
    assert_eq!(day.refused(Command::Instruct { reservation, instruction: conference }).0, 40137);
    day.set(reservation, ReservationStatus::Accepted);
    assert_eq!(day.refused(Command::Instruct { reservation, instruction: dequeue }).0, 40135);
}

#[test]
fn a_dequeue_suspends_the_timeout_and_its_failure_cancels_the_reservation() {
    let (mut day, workflow) = open();
    day.ana_and_bo();
    let call = day.call(workflow, None);
    let reservation = day.offer(call);
    let dequeue =
        DequeueInstruction { from: Some("+15550100001".to_owned()), ..DequeueInstruction::default() };
    day.does(Command::Instruct { reservation, instruction: Instruction::Dequeue(dequeue) });
    let [VoiceOrder::Dequeue { instruction, .. }] = &day.orders()[..] else { panic!("{:?}", day.orders()) };
    assert_eq!(instruction.timeout, Some(Duration::from_secs(60)), "the default, whatever the offer's own");
    day.wait(70);
    assert_eq!(day.ws.reservation(reservation).unwrap().status, ReservationStatus::Pending, "60 s are over");
    let failed = VoiceReport::Failed { reservation, code: 40133, dialled: None, reason: "busy".to_owned() };
    day.does(Command::Voice(failed));
    assert_eq!(day.ws.reservation(reservation).unwrap().status, ReservationStatus::Canceled);
    assert_eq!(day.offers(call).len(), 2);
    let reservation = day.offer(call);
    day.does(Command::AssignmentCallbackFailed { reservation });
    assert_eq!(day.ws.reservation(reservation).unwrap().status, ReservationStatus::Canceled);
}

#[test]
fn going_away_can_reject_what_is_pending_and_only_going_away() {
    let (mut day, workflow) = open();
    let ana = day.worker("ana", json!({}));
    let task = day.task(workflow, "chat", json!({}));
    let away = |activity| Command::UpdateWorker {
        sid: ana,
        if_match: None,
        change: WorkerChange { activity: Some(activity), reject_pending: true, ..WorkerChange::default() },
    };
    assert!(day.refused(away(day.available())).1.contains("RejectPendingReservations"));
    day.does(away(day.activity("Offline")));
    assert_eq!((day.status(task), day.offers(task).len()), (TaskStatus::Pending, 1));
}

#[test]
fn what_is_in_use_cannot_be_deleted() {
    let (mut day, workflow) = open();
    let ana = day.worker("ana", json!({}));
    let task = day.task(workflow, "chat", json!({}));
    let queue = day.ws.task(task).unwrap().queue.unwrap();
    for command in [
        Command::DeleteActivity { sid: day.available() },
        Command::DeleteActivity { sid: day.activity("Offline") },
        Command::DeleteTaskQueue { sid: queue },
        Command::DeleteWorkflow { sid: workflow },
        Command::DeleteTaskChannel { sid: day.ws.task_channel("chat").unwrap().sid },
    ] {
        assert!(day.refused(command).1.starts_with("Cannot delete"));
    }
    day.does(Command::DeleteWorker { sid: ana, if_match: None });
    assert_eq!(day.status(task), TaskStatus::Pending);
    day.does(Command::DeleteTask { sid: task, if_match: None });
    day.does(Command::DeleteWorkflow { sid: workflow });
    day.does(Command::DeleteTaskQueue { sid: queue });
    day.does(Command::DeleteWorkspace);
    assert!(matches!(day.tries(Command::Tick), Err(RoutingError::Missing { .. })));
}

#[test]
fn a_name_is_unique_in_any_case() {
    let mut day = Day::new();
    day.worker("Ana", json!({}));
    let again = Command::CreateWorker {
        friendly_name: "aNA".to_owned(),
        activity: None,
        attributes: Attributes::default(),
    };
    assert!(day.refused(again).1.contains("already exists"));
}

#[test]
fn a_worker_who_becomes_eligible_gets_what_waits() {
    let mut day = Day::new();
    let queue = day.queue("skills HAS 'de'");
    let workflow = day.workflow(json!({"default_filter": {"queue": queue}}));
    let ana = day.worker("ana", json!({"skills": []}));
    let task = day.task(workflow, "chat", json!({}));
    assert_eq!(day.status(task), TaskStatus::Pending);
    let attributes = Some(Attributes::parse(r#"{"skills":["de"]}"#).unwrap());
    let change = WorkerChange { attributes, ..WorkerChange::default() };
    day.does(Command::UpdateWorker { sid: ana, if_match: None, change });
    assert_eq!(day.holder(task), ana);
}

#[test]
fn a_renamed_activity_changes_who_is_eligible() {
    let mut day = Day::new();
    let queue = day.queue("activity_name == 'Ready'");
    let ana = day.worker("ana", json!({}));
    assert_eq!(day.ws.eligible_workers(queue).count(), 0);
    day.does(Command::UpdateActivity {
        sid: day.available(),
        friendly_name: Some("Ready".to_owned()),
        available: None,
    });
    assert_eq!(day.ws.eligible_workers(queue).map(|w| w.sid).collect::<Vec<_>>(), [ana]);
}
