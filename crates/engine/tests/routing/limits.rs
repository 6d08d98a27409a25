//! What a workspace may have at most (reference: TaskRouter §11.1), and what a queue that cannot match is told of (§11.2).

use crate::day::Day;
use base::*;
use engine::routing::command::*;
use engine::routing::effect::Effect;
use engine::routing::limits::*;
use engine::routing::model::*;
use serde_json::json;
use std::time::Duration;

/// The same without what `Day` checks around every command, which takes too long for thousands.
fn decide(day: &mut Day, command: Command) -> Result<Answer, (u32, String)> {
    match day.ws.decide(command, day.now, &mut day.entropy) {
        Ok(decision) => Ok(decision.answer),
        Err(RoutingError::Refused { code, message }) => Err((code, message)),
        Err(other) => panic!("{other:?}"),
    }
}

fn worker(n: usize, activity: ActivitySid) -> Command {
    Command::CreateWorker {
        friendly_name: format!("w{n}"),
        activity: Some(activity),
        attributes: Attributes::default(),
    }
}

#[test]
fn workers_are_limited_and_so_are_those_who_are_active_with_14240() {
    let mut day = Day::new();
    let (available, offline) = (day.available(), day.activity("Offline"));
    let active = usize::try_from(ACTIVE_WORKERS_MAX).unwrap();
    for n in 0..active {
        decide(&mut day, worker(n, available)).unwrap();
    }
    assert_eq!(decide(&mut day, worker(active, available)).unwrap_err().0, 14240);
    let rest = active..WORKERS_MAX;
    let made: Vec<Answer> = rest.map(|n| decide(&mut day, worker(n, offline)).unwrap()).collect();
    let (code, message) = decide(&mut day, worker(WORKERS_MAX, offline)).unwrap_err();
    assert_eq!(code, 20001);
    assert!(message.contains("15000 workers"), "{message}");
    // Nobody else may become active until one of them goes.
    let Answer::Worker(waiting) = made[0] else { panic!("{:?}", made[0]) };
    let to = |sid, activity| {
        let change = WorkerChange { activity: Some(activity), ..WorkerChange::default() };
        Command::UpdateWorker { sid, if_match: None, change }
    };
    assert_eq!(decide(&mut day, to(waiting, available)).unwrap_err().0, 14240);
    let first = day.ws.worker_named("w0").unwrap().sid;
    decide(&mut day, to(first, available)).unwrap();
    decide(&mut day, to(first, offline)).unwrap();
    decide(&mut day, to(waiting, available)).unwrap();
}

#[test]
fn queues_workflows_activities_and_channels_are_limited() {
    let mut day = Day::new();
    let queue = |n| {
        Command::CreateTaskQueue(NewTaskQueue {
            friendly_name: format!("q{n}"),
            target_workers: "1==2".to_owned(),
            max_reserved_workers: 1,
            task_order: QueueOrder::Fifo,
            reservation_activity: None,
            assignment_activity: None,
        })
    };
    let activity = |n| Command::CreateActivity { friendly_name: format!("a{n}"), available: false };
    let channel = |n| Command::CreateTaskChannel {
        unique_name: format!("c{n}"),
        friendly_name: format!("c{n}"),
        channel_optimized_routing: false,
    };
    let Ok(Answer::TaskQueue(first)) = decide(&mut day, queue(0)) else { panic!() };
    let workflow =
        |_| Command::CreateWorkflow(Day::new_workflow(json!({"default_filter": {"queue": first}})));
    type Make<'a> = &'a dyn Fn(usize) -> Command;
    let kinds: [(Make<'_>, usize, usize, &str); 4] = [
        (&queue, 1, QUEUES_MAX, "5000 task queues"),
        (&activity, 3, ACTIVITIES_MAX, "100 activities"),
        (&channel, 5, CHANNELS_MAX, "100 task channels"),
        (&workflow, 0, WORKFLOWS_MAX, "5000 workflows"),
    ];
    for (make, there, most, said) in kinds {
        for n in there..most {
            decide(&mut day, make(n)).unwrap();
        }
        let (code, message) = decide(&mut day, make(most)).unwrap_err();
        assert!(code == 20001 && message.contains(said), "{message}");
    }
}

#[test]
fn names_attributes_numbers_and_times_are_limited() {
    let mut day = Day::new();
    let queue = day.queue("1==1");
    let flow = day.workflow(json!({"default_filter": {"queue": queue}}));
    let long = "x".repeat(NAME_CHARS_MAX + 1);
    let named = Command::CreateActivity { friendly_name: long, available: false };
    assert!(day.refused(named).1.contains("64 characters"));
    let attributes = |length: usize| Attributes::parse(&format!(r#"{{"a":"{}"}}"#, "x".repeat(length - 8)));
    assert!(attributes(ATTRIBUTES_CHARS_MAX).is_ok() && attributes(ATTRIBUTES_CHARS_MAX + 1).is_err());
    let task = |change: &dyn Fn(&mut NewTask)| {
        let mut new = Day::new_task(flow, "chat", json!({}));
        change(&mut new);
        Command::CreateTask(new)
    };
    let second = Duration::from_secs(1);
    assert!(day.refused(task(&|new| new.timeout = TASK_TIMEOUT_MAX + second)).1.contains("1209600"));
    assert!(day.refused(task(&|new| new.priority = PRIORITY_MAX + 1)).1.contains("2147483647"));
    day.does(task(&|new| (new.timeout, new.priority) = (TASK_TIMEOUT_MAX, PRIORITY_MAX)));
    let mut reserved =
        WorkflowChange { task_reservation_timeout: Some(RESERVATION_TIMEOUT_MAX), ..Default::default() };
    day.does(Command::UpdateWorkflow { sid: flow, change: reserved.clone() });
    reserved.task_reservation_timeout = Some(RESERVATION_TIMEOUT_MAX + second);
    assert!(day.refused(Command::UpdateWorkflow { sid: flow, change: reserved }).1.contains("86400"));
    for (most, good) in
        [(0, false), (1, true), (RESERVED_WORKERS_MAX, true), (RESERVED_WORKERS_MAX + 1, false)]
    {
        let change = TaskQueueChange { max_reserved_workers: Some(most), ..TaskQueueChange::default() };
        assert_eq!(day.tries(Command::UpdateTaskQueue { sid: queue, change }).is_ok(), good, "{most}");
    }
}

fn warnings(day: &Day) -> Vec<String> {
    let told = day.effects.iter().filter_map(|effect| match effect {
        Effect::Notify { code: 20001, message, .. } => Some(message.clone()),
        _ => None,
    });
    told.collect()
}

/// Reference §11.2: `HAS` on a scalar never matches, and nothing warns of it there.
#[test]
fn a_queue_that_serves_nobody_for_a_wrong_type_is_warned_of() {
    let mut day = Day::new();
    day.worker("ana", json!({"skills": "sales", "level": 3}));
    let wrong = day.queue("skills HAS 'sales'");
    let told = warnings(&day);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains(&wrong.to_string()) && told[0].contains("skills HAS 'sales'"), "{told:?}");
    assert!(told[0].contains("ana"), "{told:?}");
    for (expression, warned) in [
        ("level IN skills", true),
        ("level == 4", false),
        ("missing HAS 'sales'", false),
        ("1 == 2", false),
        ("skills HAS 'sales' OR level == 3", false),
        ("skills HAS 'sales' OR level == 4", true),
    ] {
        day.queue(expression);
        assert_eq!(!warnings(&day).is_empty(), warned, "{expression}");
    }
    // Again when the first task waits there, and not for every one after it.
    let workflow = day.workflow(json!({"default_filter": {"queue": wrong}}));
    for times in [1, 0] {
        day.task(workflow, "chat", json!({}));
        assert_eq!(warnings(&day).len(), times);
    }
    // Put right, it serves.
    let change =
        TaskQueueChange { target_workers: Some("skills CONTAINS 'sales'".to_owned()), ..Default::default() };
    day.does(Command::UpdateTaskQueue { sid: wrong, change });
    assert!(warnings(&day).is_empty());
    let bo = day.worker("bo", json!({"skills": ["sales"]}));
    let change =
        TaskQueueChange { target_workers: Some("skills HAS 'sales'".to_owned()), ..Default::default() };
    day.does(Command::UpdateTaskQueue { sid: wrong, change });
    assert_eq!(day.ws.eligible_workers(wrong).map(|w| w.sid).collect::<Vec<_>>(), [bo]);
    assert!(warnings(&day).is_empty(), "somebody serves it");
}
