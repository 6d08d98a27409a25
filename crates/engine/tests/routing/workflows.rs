//! Filters, targets, timeouts, skips, known workers (reference: TaskRouter §3).

use crate::day::Day;
use engine::routing::command::*;
use engine::routing::effect::Effect;
use engine::routing::event::Event;
use engine::routing::model::*;
use serde_json::json;

#[test]
fn a_task_walks_through_its_targets_and_ends_in_the_queue_that_matches_nobody() {
    let mut day = Day::new();
    let queues =
        ["team == 'sales'", "team == 'support'", "1==1", "1==2"].map(|expression| day.queue(expression));
    let workflow = day.workflow(json!({"filters": [{"expression": "1==1", "targets": [
        {"queue": queues[0], "timeout": 5}, {"queue": queues[1], "timeout": 5}, {"queue": queues[2], "timeout": 10},
        {"queue": queues[3]}]}]}));
    let call = day.task(workflow, "voice", json!({"call_sid": "CA00000000000000000000000000000001"}));
    let expected = ["task.created", "workflow.entered", "workflow.target-matched", "task-queue.entered"];
    assert_eq!(day.callbacks(), expected);
    let start = day.now;
    day.wait(25);
    let entered: Vec<_> = (day.journal.iter())
        .filter_map(|recorded| match recorded.event {
            Event::TaskQueueEntered { queue, .. } => Some((queue, recorded.at.since(start).as_secs())),
            _ => None,
        })
        .collect();
    assert_eq!(entered, [(queues[0], 0), (queues[1], 5), (queues[2], 10), (queues[3], 20)]);
    assert_eq!(day.status(call), TaskStatus::Pending);
}

#[test]
fn a_task_that_times_out_of_its_last_target_is_canceled_and_never_reaches_the_default() {
    let mut day = Day::new();
    let [none, everyone] = ["1==2", "1==1"].map(|expression| day.queue(expression));
    let workflow = day
        .workflow(json!({"filters": [{"expression": "1==1", "targets": [{"queue": none, "timeout": 5}]}],
        "default_filter": {"queue": everyone}}));
    let task = day.task(workflow, "chat", json!({}));
    day.wait(6);
    assert_eq!(day.ws.task(task).unwrap().reason.as_deref(), Some("Task canceled on Workflow timeout"));
    day.wait(300);
    assert!(day.ws.task(task).is_none(), "purged five minutes later");
}

#[test]
fn a_skipped_filter_counts_as_not_matched() {
    let mut day = Day::new();
    let [none, everyone] = ["1==2", "1==1"].map(|expression| day.queue(expression));
    let workflow = day.workflow(json!({"filters": [
        {"expression": "1==1", "targets": [{"queue": none, "skip_if": "1==1"}, {"queue": none, "skip_if": "workers.available == 0"}]}],
        "default_filter": {"queue": everyone}}));
    let task = day.task(workflow, "chat", json!({}));
    assert_eq!(day.ws.task(task).unwrap().queue, Some(everyone));
}

#[test]
fn a_task_that_nothing_takes_is_not_created() {
    let mut day = Day::new();
    let queue = day.queue("1==1");
    let workflow =
        day.workflow(json!({"filters": [{"expression": "vip == true", "targets": [{"queue": queue}]}]}));
    let (code, message) = day.refused(Command::CreateTask(Day::new_task(workflow, "chat", json!({}))));
    assert_eq!(code, 20001);
    assert!(message.contains("matches no filter"));
}

#[test]
fn a_known_worker_is_waited_for_and_a_wrong_one_is_reported() {
    let mut day = Day::new();
    let queue = day.queue("1==1");
    let other = day.queue("team == 'x'");
    let [ana, bo] = day.ana_and_bo();
    let workflow = day.workflow(json!({"filters": [
        {"expression": "other == true", "targets": [{"queue": other, "known_worker_sid": "task.agent"}]},
        {"expression": "1==1", "targets": [{"queue": queue, "known_worker_sid": "task.agent"}]}]}));
    day.move_to(ana, "Unavailable");
    let task = day.task(workflow, "chat", json!({"agent": ana.to_string()}));
    assert_eq!(day.status(task), TaskStatus::Pending, "bo is free but not meant");
    day.move_to(ana, "Available");
    assert_eq!(day.holder(task), ana);
    let codes = |day: &Day| -> Vec<u32> {
        let codes = day.effects.iter().filter_map(|effect| match effect {
            Effect::Notify { code, .. } => Some(*code),
            Effect::UnknownWorker { .. } => Some(40154),
            _ => None,
        });
        codes.collect()
    };
    day.task(workflow, "chat", json!({"agent": "WK0"}));
    assert_eq!(codes(&day), [40154]);
    day.task(workflow, "chat", json!({"agent": null}));
    assert!(codes(&day).is_empty());
    day.task(workflow, "chat", json!({"agent": bo.to_string(), "other": true}));
    assert_eq!(codes(&day), [40152]);

    day.move_to(bo, "Unavailable");
    let waits = day.task(workflow, "chat", json!({"agent": bo.to_string()}));
    day.does(Command::DeleteWorker { sid: bo, if_match: None });
    assert_eq!(day.status(waits), TaskStatus::Pending);
    day.ws.check_invariants(day.now).unwrap();
}

#[test]
fn order_by_beats_idle_time_and_workers_without_the_attribute_come_last() {
    let mut day = Day::new();
    let queue = day.queue("1==1");
    let workflow = day.workflow(json!({"default_filter": {"queue": queue, "order_by": "worker.level DESC"}}));
    let workers = [json!({}), json!({"level": 1}), json!({"level": 5})];
    let workers: Vec<_> =
        workers.into_iter().enumerate().map(|(n, a)| day.worker(&format!("w{n}"), a)).collect();
    for expected in [2, 1, 0] {
        let task = day.task(workflow, "chat", json!({}));
        assert_eq!(day.holder(task), workers[expected]);
    }
}

#[test]
fn a_changed_configuration_is_for_new_tasks_unless_they_are_evaluated_again() {
    let mut day = Day::new();
    let [old, new] = ["1==2", "1==3"].map(|expression| day.queue(expression));
    let workflow = day.workflow(json!({"default_filter": {"queue": old}}));
    let first = day.task(workflow, "chat", json!({}));
    let configuration = json!({"task_routing": {"default_filter": {"queue": new}}}).to_string();
    let change = WorkflowChange { configuration: Some(configuration), ..WorkflowChange::default() };
    day.does(Command::UpdateWorkflow { sid: workflow, change });
    let second = day.task(workflow, "chat", json!({}));
    assert_eq!(day.ws.task(first).unwrap().queue, Some(old));
    assert_eq!(day.ws.task(second).unwrap().queue, Some(new));
    assert!(day.refused(Command::DeleteTaskQueue { sid: old }).1.contains("is in it"));
    let change = WorkflowChange { re_evaluate: true, ..WorkflowChange::default() };
    day.does(Command::UpdateWorkflow { sid: workflow, change });
    assert_eq!(day.ws.task(first).unwrap().queue, Some(new));
    day.does(Command::DeleteTaskQueue { sid: old });
}
