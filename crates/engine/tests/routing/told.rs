//! What applications are told: every event type with its parameters (reference: TaskRouter §7.1, §7.2), and every refusal of
//! an instruction with its code (§5.5, §5.6).

use crate::day::Day;
use base::*;
use engine::routing::command::*;
use engine::routing::effect::Effect;
use engine::routing::model::*;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const ALWAYS: &str = "EventType AccountSid WorkspaceSid WorkspaceName EventDescription ResourceType ResourceSid Timestamp \
                      TimestampMs Sid OperatingUnitSid";
const TASK: &str = "TaskSid TaskAttributes TaskAge TaskPriority TaskAssignmentStatus TaskVersion TaskDateCreated \
                    TaskChannelSid TaskChannelUniqueName TaskVirtualStartTime TaskIgnoreCapacity WorkflowSid WorkflowName";
const QUEUE: &str = "TaskQueueSid TaskQueueName TaskQueueTargetExpression";
const WORKER: &str =
    "WorkerSid WorkerName WorkerAttributes WorkerActivitySid WorkerActivityName WorkerVersion";
const RESERVATION: &str = "ReservationSid ReservationVersion WorkerChannelCapacity WorkerChannelConsumedCapacity \
                           TaskQueueEnteredDate";
const CHANNEL: &str = "TaskChannelSid TaskChannelName TaskChannelUniqueName TaskChannelOptimizedRouting";
const WORKER_CHANNEL: &str = "WorkerChannelAvailable WorkerChannelAvailableCapacity WorkerChannelTaskCount \
                              TaskChannelSid TaskChannelUniqueName";
const ACTIVITY: &str = "ActivitySid ActivityName ActivityAvailable";

/// A day that remembers every callback.
struct Told {
    day: Day,
    all: BTreeMap<&'static str, BTreeMap<String, String>>,
}

impl Told {
    fn take(&mut self) {
        for effect in &self.day.effects {
            if let Effect::Callback { event_type, parameters, .. } = effect {
                let owned = parameters.iter().map(|(name, value)| (name.to_string(), value.clone()));
                self.all.insert(*event_type, owned.collect());
            }
        }
    }

    fn does(&mut self, command: Command) -> Answer {
        let answer = self.day.does(command);
        self.take();
        answer
    }

    fn wait(&mut self, seconds: u64) {
        self.day.wait(seconds);
        self.take();
    }

    fn task(&mut self, new: NewTask) -> TaskSid {
        match self.does(Command::CreateTask(new)) {
            Answer::Task(sid) => sid,
            other => panic!("{other:?}"),
        }
    }

    fn set(&mut self, reservation: ReservationSid, status: ReservationStatus) {
        self.does(Day::setting(reservation, status));
    }

    fn move_to(&mut self, worker: WorkerSid, activity: &str) {
        self.day.move_to(worker, activity);
        self.take();
    }
}

#[test]
fn every_event_type_happens_and_has_its_parameters() {
    let mut told = Told { day: Day::new(), all: BTreeMap::new() };
    told.take();
    told.does(Command::UpdateWorkspace(WorkspaceChange {
        friendly_name: Some("Help".to_owned()),
        ..WorkspaceChange::default()
    }));
    // Things that are configured.
    let Answer::Activity(lunch) =
        told.does(Command::CreateActivity { friendly_name: "Lunch".to_owned(), available: false })
    else {
        panic!("an activity")
    };
    let renamed = Some("Dinner".to_owned());
    told.does(Command::UpdateActivity { sid: lunch, friendly_name: renamed, available: None });
    told.does(Command::DeleteActivity { sid: lunch });
    let Answer::TaskChannel(mail) = told.does(Command::CreateTaskChannel {
        unique_name: "mail".to_owned(),
        friendly_name: "Mail".to_owned(),
        channel_optimized_routing: false,
    }) else {
        panic!("a channel")
    };
    told.does(Command::UpdateTaskChannel {
        sid: mail,
        friendly_name: Some("Post".to_owned()),
        channel_optimized_routing: None,
    });
    told.does(Command::DeleteTaskChannel { sid: mail });
    let queue = told.day.queue("1==1");
    told.take();
    let change = TaskQueueChange { target_workers: Some("2==2".to_owned()), ..TaskQueueChange::default() };
    told.does(Command::UpdateTaskQueue { sid: queue, change });
    let other = told.day.queue("1==2");
    let both = told.day.queue_of("1==1", 2);
    let spare = told.day.queue("1==1");
    told.does(Command::DeleteTaskQueue { sid: spare });
    let target = |queue, timeout: u32| json!({"queue": queue, "timeout": timeout});
    let workflow = told.day.workflow(json!({"filters": [
        {"expression": "kind == 'two'", "targets": [{"queue": both}]},
        {"expression": "kind == 'skip'", "targets": [{"queue": other, "skip_if": "1==1"}]},
        {"expression": "kind == 'late'", "targets": [target(other, 5), target(queue, 5)]},
        {"expression": "kind == 'one'", "targets": [{"queue": queue}]}]}));
    told.take();
    let change = WorkflowChange { friendly_name: Some("Flow 2".to_owned()), ..WorkflowChange::default() };
    told.does(Command::UpdateWorkflow { sid: workflow, change });
    let spare = told.day.workflow(json!({"default_filter": {"queue": queue}}));
    told.does(Command::DeleteWorkflow { sid: spare });
    // Workers.
    let ana = told.day.worker("ana", json!({}));
    told.take();
    let change = WorkerChange {
        attributes: Some(Attributes::parse(r#"{"level":1}"#).unwrap()),
        ..WorkerChange::default()
    };
    told.does(Command::UpdateWorker { sid: ana, if_match: None, change });
    let chat = told.day.ws.task_channel("chat").unwrap().sid;
    for (capacity, available) in [(Some(5), None), (None, Some(false)), (None, Some(true))] {
        told.does(Command::UpdateWorkerChannel { worker: ana, channel: chat, capacity, available });
    }
    let bo = told.day.worker("bo", json!({}));
    told.move_to(bo, "Offline");
    // Tasks.
    let new = |kind: &str| Day::new_task(workflow, "chat", json!({"kind": kind}));
    let task = told.task(new("one"));
    told.set(told.day.offer(task), ReservationStatus::Rejected);
    let offer = told.day.offer(task);
    told.set(offer, ReservationStatus::Accepted);
    let change = TaskChange { priority: Some(3), ..TaskChange::default() };
    told.does(Command::UpdateTask { sid: task, if_match: None, change });
    // Transfers: refused by a queue's worker, canceled, failed, taken.
    told.move_to(bo, "Available");
    let transfer = |to| Command::CreateTransfer {
        reservation: offer,
        task,
        to,
        attributes: None,
        mode: TransferMode::Warm,
        priority: None,
    };
    let Answer::Transfer(sid) = told.does(transfer(TransferTarget::Queue(queue))) else {
        panic!("a transfer")
    };
    told.set(told.day.offer(task), ReservationStatus::Rejected);
    told.does(Command::CancelTransfer { sid });
    told.does(transfer(TransferTarget::Worker(bo)));
    told.set(told.day.offer(task), ReservationStatus::Rejected);
    told.does(transfer(TransferTarget::Worker(bo)));
    let bos = told.day.offer(task);
    told.set(bos, ReservationStatus::Accepted);
    for reservation in [offer, bos] {
        told.set(reservation, ReservationStatus::Wrapping);
    }
    for reservation in [offer, bos] {
        told.set(reservation, ReservationStatus::Completed);
    }
    // Two are asked and one accepts.
    let task = told.task(new("two"));
    let first = told.day.ws.task(task).unwrap().reservations[0];
    told.set(first, ReservationStatus::Accepted);
    told.does(Command::DeleteTask { sid: task, if_match: None });
    // Nobody is asked, or nobody answers.
    let long = told.task(new("one"));
    told.set(told.day.offer(long), ReservationStatus::Accepted);
    told.task(new("late"));
    told.wait(5);
    let free = told.day.offers(told.day.ws.tasks().last().unwrap().sid);
    assert!(!free.is_empty(), "the second target's worker was asked");
    told.wait(61);
    told.wait(61);
    for worker in [ana, bo] {
        told.move_to(worker, "Offline");
    }
    told.task(new("late"));
    told.wait(5);
    told.wait(5);
    told.task(new("skip"));
    let targeted = NewTask {
        routing_target: Some(RoutingTarget::Worker(ana)),
        ignore_capacity: Some(false),
        timeout: Duration::from_secs(3),
        ..new("one")
    };
    told.task(targeted);
    told.wait(3);
    told.wait(86_400);
    told.does(Command::DeleteWorker { sid: bo, if_match: None });
    told.does(Command::DeleteWorkspace);

    let expected: &[(&str, &[&str])] = &[
        ("activity.created", &[ACTIVITY]),
        ("activity.updated", &[ACTIVITY]),
        ("activity.deleted", &[ACTIVITY]),
        ("task.created", &[TASK]),
        ("task.updated", &[TASK, QUEUE]),
        ("task.canceled", &[TASK, "Reason TaskCanceledReason"]),
        ("task.wrapup", &[TASK, QUEUE]),
        ("task.completed", &[TASK, QUEUE]),
        ("task.deleted", &[TASK, QUEUE]),
        ("task.system-deleted", &[]),
        ("task.transfer-initiated", &[TASK, WORKER, "TransferSid TransferMode TransferTo TransferStatus"]),
        ("task.transfer-attempt-failed", &[TASK, WORKER, "TransferSid"]),
        ("task.transfer-failed", &[TASK, WORKER, "TransferSid TransferFailedReason"]),
        ("task.transfer-canceled", &[TASK, WORKER, "TransferSid"]),
        ("task.transfer-completed", &[TASK, WORKER, "TransferSid"]),
        ("task-channel.created", &[CHANNEL]),
        ("task-channel.updated", &[CHANNEL]),
        ("task-channel.deleted", &[CHANNEL]),
        ("task-queue.created", &[QUEUE]),
        ("task-queue.expression.updated", &[QUEUE]),
        ("task-queue.deleted", &[QUEUE]),
        ("task-queue.entered", &[TASK, QUEUE, "TaskQueueEnteredDate"]),
        ("task-queue.timeout", &[TASK, QUEUE]),
        ("task-queue.moved", &[TASK, QUEUE]),
        ("reservation.created", &[TASK, QUEUE, WORKER, RESERVATION]),
        ("reservation.accepted", &[TASK, QUEUE, WORKER, RESERVATION]),
        ("reservation.rejected", &[TASK, QUEUE, WORKER, RESERVATION]),
        ("reservation.timeout", &[TASK, QUEUE, WORKER, RESERVATION]),
        ("reservation.canceled", &[TASK, QUEUE, WORKER, RESERVATION]),
        ("reservation.rescinded", &[TASK, QUEUE, WORKER, RESERVATION]),
        ("reservation.wrapup", &[TASK, QUEUE, WORKER, RESERVATION]),
        ("reservation.completed", &[TASK, QUEUE, WORKER, RESERVATION]),
        ("reservation.failed", &[TASK, WORKER, "Reason TaskCanceledReason"]),
        ("worker.created", &[WORKER]),
        (
            "worker.activity.update",
            &[
                WORKER,
                "WorkerPreviousActivitySid WorkerPreviousActivityName WorkerTimeInPreviousActivity \
                 WorkerTimeInPreviousActivityMs",
            ],
        ),
        ("worker.attributes.update", &[WORKER]),
        ("worker.capacity.update", &[WORKER, WORKER_CHANNEL, "WorkerChannelPreviousCapacity"]),
        ("worker.channel.availability.update", &[WORKER, WORKER_CHANNEL]),
        ("worker.deleted", &[WORKER]),
        ("workflow.created", &["WorkflowSid WorkflowName"]),
        ("workflow.updated", &["WorkflowSid WorkflowName"]),
        ("workflow.deleted", &["WorkflowSid WorkflowName"]),
        ("workflow.target-matched", &[TASK]),
        ("workflow.entered", &[TASK]),
        ("workflow.timeout", &[TASK]),
        ("workflow.skipped", &[TASK]),
        ("workspace.created", &[]),
        ("workspace.updated", &[]),
        ("workspace.deleted", &[]),
    ];
    let mut missing = Vec::new();
    for (event_type, groups) in expected {
        let Some(parameters) = told.all.get(event_type) else {
            missing.push(format!("{event_type} did not happen"));
            continue;
        };
        for name in [ALWAYS].iter().chain(*groups).flat_map(|group| group.split_whitespace()) {
            if !parameters.contains_key(name) {
                missing.push(format!("{event_type} has no {name}"));
            }
        }
        if parameters.get("EventType").map(String::as_str) != Some(*event_type) {
            missing.push(format!("{event_type} calls itself {:?}", parameters.get("EventType")));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    let known: BTreeSet<_> = expected.iter().map(|(event_type, _)| *event_type).collect();
    let beyond: Vec<_> = told.all.keys().filter(|event_type| !known.contains(*event_type)).collect();
    assert!(beyond.is_empty(), "not documented: {beyond:?}");
}

/// A pending voice reservation of a worker, with these attributes of the task and the worker.
fn offered(task: serde_json::Value, worker: serde_json::Value) -> (Day, ReservationSid) {
    let mut day = Day::new();
    let queue = day.queue("1==1");
    let workflow = day.workflow(json!({"default_filter": {"queue": queue}}));
    day.worker("ana", worker);
    let task = day.task(workflow, "voice", task);
    let reservation = day.offer(task);
    (day, reservation)
}

#[test]
fn every_instruction_that_cannot_be_carried_out_is_refused_with_its_code() {
    let call = CallSid([7; 16]).to_string();
    let text = |it: &str| Some(it.to_owned());
    let number = || text("+15550100001");
    let url = || text("http://app.example/twiml");
    let activity = ActivitySid([9; 16]);
    let dequeue =
        |with: DequeueInstruction| Instruction::Dequeue(DequeueInstruction { from: number(), ..with });
    let place = |with: CallInstruction| Instruction::Call(with);
    let meet = |with: ConferenceInstruction| Instruction::Conference(with);
    let redirect = |call: Option<String>, url: Option<String>| {
        Instruction::Redirect(RedirectInstruction { call, url, accept: false })
    };
    let conference = || ConferenceInstruction { from: number(), ..Default::default() };
    let dial = || CallInstruction { from: number(), url: url(), ..Default::default() };
    let whole = json!({"call_sid": call, "from": "+15550109999", "to": "+15550100001"});
    let reachable = json!({"contact_uri": "sip:ana@pbx.example"});
    let cases = [
        (40100, &whole, &reachable, Instruction::Reject { activity: Some(activity) }),
        (40110, &whole, &json!({}), place(dial())),
        (40111, &whole, &reachable, place(CallInstruction { from: None, ..dial() })),
        (40112, &whole, &reachable, place(CallInstruction { url: text("ftp://x"), ..dial() })),
        (40158, &whole, &reachable, place(CallInstruction { status_callback_url: text("x"), ..dial() })),
        (40120, &whole, &reachable, redirect(Some(call.clone()), None)),
        (40121, &whole, &reachable, redirect(text("CAx"), url())),
        (
            40130,
            &whole,
            &reachable,
            dequeue(DequeueInstruction { post_work_activity: Some(activity), ..Default::default() }),
        ),
        (40131, &whole, &json!({}), dequeue(DequeueInstruction::default())),
        (40132, &json!({"call_sid": call}), &reachable, Instruction::Dequeue(DequeueInstruction::default())),
        (
            40134,
            &whole,
            &reachable,
            dequeue(DequeueInstruction {
                status_callback_events: vec!["sung".to_owned()],
                ..Default::default()
            }),
        ),
        (40140, &json!({}), &reachable, dequeue(DequeueInstruction::default())),
        (
            40157,
            &whole,
            &reachable,
            dequeue(DequeueInstruction { status_callback_url: text("x"), ..Default::default() }),
        ),
        (40137, &whole, &json!({}), meet(conference())),
        (40138, &whole, &reachable, meet(ConferenceInstruction::default())),
        (40141, &whole, &reachable, meet(ConferenceInstruction { from: text("the boss"), ..conference() })),
        (
            40139,
            &whole,
            &reachable,
            meet(ConferenceInstruction { post_work_activity: Some(activity), ..conference() }),
        ),
        (40142, &json!({}), &reachable, meet(conference())),
        (
            40159,
            &whole,
            &reachable,
            meet(ConferenceInstruction { status_callback: text("x"), ..conference() }),
        ),
    ];
    for (code, task, worker, instruction) in cases {
        let (mut day, reservation) = offered(task.clone(), worker.clone());
        let (refused, message) =
            day.refused(Command::Instruct { reservation, instruction: instruction.clone() });
        assert_eq!(refused, code, "{instruction:?}: {message}");
    }
    // With an activity of the workspace, in a multitasking workspace.
    let (mut day, reservation) = offered(whole.clone(), reachable.clone());
    let post_work_activity = Some(day.activity("Offline"));
    let instruction = meet(ConferenceInstruction { post_work_activity, ..conference() });
    assert_eq!(day.refused(Command::Instruct { reservation, instruction }).0, 40143);
    // And once it is no longer pending.
    day.set(reservation, ReservationStatus::Accepted);
    for (code, instruction) in [
        (40135, dequeue(DequeueInstruction::default())),
        (40114, place(dial())),
        (40123, redirect(Some(call), url())),
        (40136, meet(conference())),
    ] {
        assert_eq!(day.refused(Command::Instruct { reservation, instruction }).0, code);
    }
}
