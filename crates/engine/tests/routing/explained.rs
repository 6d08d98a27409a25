//! Why a task is where it is.

use crate::day::Day;
use base::*;
use engine::routing::command::{Command, WorkspaceChange};
use engine::routing::model::*;
use engine::routing::{Explanation, RuledOut, StepOutcome, WORKERS_EXPLAINED_MAX};
use serde_json::json;

fn explain(day: &Day, task: TaskSid) -> Explanation {
    day.ws.explain(task, day.now).unwrap()
}

fn reason(why: &Explanation, worker: WorkerSid) -> Option<RuledOut> {
    why.workers.iter().find(|c| c.worker == worker).unwrap().ruled_out.clone()
}

fn ways(why: &Explanation, text: &str) -> bool {
    why.would_route.iter().any(|way| way.contains(text))
}

#[test]
fn every_worker_has_the_first_reason_that_ruled_them_out() {
    let mut day = Day::new();
    let queue = day.queue("skills HAS 'de'");
    let workflow = day.workflow(json!({"filters": [
        {"expression": "vip == true", "targets": [{"queue": queue}]},
        {"expression": "lang == 'de'", "targets": [{"queue": queue, "expression": "worker.level > task.level", "timeout": 30}]}]}));
    let ana = day.worker("ana", json!({"skills": ["fr"], "level": 9}));
    let bo = day.worker("bo", json!({"skills": ["de"], "level": 1}));
    let kim = day.worker("kim", json!({"skills": ["de"], "level": 9}));
    day.move_to(kim, "Unavailable");
    let task = day.task(workflow, "chat", json!({"lang": "de", "level": 5}));
    let why = day.ws.explain(task, day.now).unwrap();
    assert_eq!(why.status, TaskStatus::Pending);
    assert_eq!(why.filters.iter().map(|f| f.matched).collect::<Vec<_>>(), [false, true]);
    assert!(why.filters[0].because.as_deref().unwrap().contains("vip == true"));
    assert_eq!(why.steps.len(), 1);
    let of = |worker| why.workers.iter().find(|c| c.worker == worker).unwrap().ruled_out.clone().unwrap();
    assert!(matches!(of(ana), RuledOut::NotInQueue { because } if because.contains("skills HAS 'de'")));
    assert!(
        matches!(of(bo), RuledOut::TargetExpression { because } if because.contains("worker.level > task.level"))
    );
    assert!(matches!(of(kim), RuledOut::Activity { activity } if activity == "Unavailable"));
    assert!(
        why.would_route.iter().any(|way| way.contains("kim leaves Unavailable")),
        "{:?}",
        why.would_route
    );
    day.move_to(kim, "Available");
    let why = day.ws.explain(task, day.now).unwrap();
    assert!(why.summary.contains("offered") && why.summary.contains("kim"), "{}", why.summary);
    let _ = (bo, kim);
}

#[test]
fn the_list_of_workers_is_bounded_and_the_rest_is_counted() {
    let mut day = Day::new();
    let queue = day.queue("1==2");
    let workflow = day.workflow(json!({"default_filter": {"queue": queue}}));
    for number in 0..WORKERS_EXPLAINED_MAX + 10 {
        day.worker(&format!("agent{number}"), json!({}));
    }
    let task = day.task(workflow, "chat", json!({}));
    let why = day.ws.explain(task, day.now).unwrap();
    assert_eq!(why.workers.len(), WORKERS_EXPLAINED_MAX);
    assert_eq!(why.ruled_out["not-in-queue"], WORKERS_EXPLAINED_MAX + 10);
}

#[test]
fn a_queue_that_matches_nobody_is_named_as_what_is_wrong() {
    let mut day = Day::new();
    let queue = day.queue("skills HAS 'de'");
    let workflow = day.workflow(json!({"default_filter": {"queue": queue}}));
    let task = day.task(workflow, "chat", json!({}));
    assert!(ways(&explain(&day, task), "no workers"));
    let ana = day.worker("ana", json!({"skills": ["fr"]}));
    let why = explain(&day, task);
    assert!(matches!(reason(&why, ana), Some(RuledOut::NotInQueue { .. })));
    assert!(ways(&why, "no worker matches its queue's expression"), "{:?}", why.would_route);
}

#[test]
fn busy_workers_are_ruled_out_by_capacity_and_the_line_is_counted() {
    let mut day = Day::new();
    let queue = day.queue("1==1");
    let workflow = day.workflow(json!({"default_filter": {"queue": queue}}));
    let ana = day.worker("ana", json!({}));
    let taken = day.task(workflow, "chat", json!({}));
    let first = day.task(workflow, "chat", json!({}));
    let second = day.task(workflow, "chat", json!({}));
    let why = explain(&day, second);
    assert_eq!(reason(&why, ana), Some(RuledOut::NoCapacity { used: 1, configured: 1 }));
    assert_eq!((explain(&day, first).ahead, why.ahead), (0, 1));
    assert!(ways(&why, "ana finishes one of 1 tasks"), "{:?}", why.would_route);
    day.set(day.offer(taken), ReservationStatus::Accepted);
    let why = explain(&day, taken);
    assert_eq!(reason(&why, ana), Some(RuledOut::HasItAlready));
    assert!(why.summary.contains("taken from queue '1==1' by ana"), "{}", why.summary);
    assert_eq!(why.steps[0].outcome, StepOutcome::Here);
    assert!(why.would_route.is_empty());
}

#[test]
fn a_worker_with_one_task_at_a_time_is_ruled_out_by_capacity_on_every_channel() {
    let mut day = Day::new();
    let queue = day.queue("1==1");
    let workflow = day.workflow(json!({"default_filter": {"queue": queue}}));
    let ana = day.worker("ana", json!({}));
    let single = WorkspaceChange { multi_task_enabled: Some(false), ..WorkspaceChange::default() };
    day.does(Command::UpdateWorkspace(single));
    day.task(workflow, "chat", json!({}));
    let task = day.task(workflow, "sms", json!({}));
    let why = explain(&day, task);
    assert_eq!(reason(&why, ana), Some(RuledOut::NoCapacity { used: 1, configured: 1 }));
}

#[test]
fn a_known_worker_is_ruled_out_by_what_keeps_them_and_everybody_else_by_not_being_asked_for() {
    let mut day = Day::new();
    let queue = day.queue("team == 'a'");
    let target = json!({"queue": queue, "known_worker_friendly_name": "task.agent"});
    let workflow = day.workflow(json!({"filters": [{"expression": "1==1", "targets": [target]}]}));
    let ana = day.worker("ana", json!({"team": "b"}));
    let bo = day.worker("bo", json!({"team": "a"}));
    day.move_to(bo, "Unavailable");
    let kim = day.worker("kim", json!({"team": "a"}));
    let outside = explain_new(&mut day, workflow, "ana");
    assert!(matches!(reason(&outside, ana), Some(RuledOut::NotInQueue { .. })));
    assert_eq!(reason(&outside, kim), Some(RuledOut::NotTheKnownWorker));
    assert!(ways(&outside, "ana, whom it asks for"), "{:?}", outside.would_route);
    let away = explain_new(&mut day, workflow, "bo");
    assert_eq!(reason(&away, bo), Some(RuledOut::Activity { activity: "Unavailable".to_owned() }));
    assert!(ways(&away, "bo leaves Unavailable"), "{:?}", away.would_route);
    let unknown = explain_new(&mut day, workflow, "zoe");
    assert!(ways(&unknown, "names a worker who is not there"), "{:?}", unknown.would_route);
}

fn explain_new(day: &mut Day, workflow: WorkflowSid, agent: &str) -> Explanation {
    let task = day.task(workflow, "chat", json!({"agent": agent}));
    explain(day, task)
}

#[test]
fn a_live_call_rules_an_agent_out_by_the_voice_policy() {
    let mut day = Day::with_policy(VoicePolicy::default());
    let everyone = day.queue("1==1");
    let workflow = day.workflow(json!({"default_filter": {"queue": everyone}}));
    let ana = day.worker("ana", json!({"directExtension": "1001", "contact_uri": "sip:ana@pbx.example"}));
    let live = day.call(workflow, None);
    day.does(Day::connected(day.offer(live)));
    let waiting = day.call(workflow, None);
    let why = explain(&day, waiting);
    let ruled = reason(&why, ana);
    assert!(
        matches!(&ruled, Some(RuledOut::VoicePolicy { because }) if because.contains("1 other call")),
        "{ruled:?}"
    );
    assert!(ways(&why, "ana has no other call"), "{:?}", why.would_route);
}

#[test]
fn steps_tell_when_they_were_entered_and_how_they_were_left() {
    let mut day = Day::new();
    let [experts, nobody, others] = ["level > 5", "1==2", "1==1"].map(|queue| day.queue(queue));
    let workflow = day.workflow(json!({"filters": [{"expression": "1==1", "targets": [
        {"queue": experts, "timeout": 30},
        {"queue": nobody, "skip_if": "workers.available == 0"},
        {"queue": others, "timeout": 60}]}]}));
    let ana = day.worker("ana", json!({"level": 9}));
    day.move_to(ana, "Unavailable");
    let task = day.task(workflow, "chat", json!({}));
    let began = day.now;
    let why = explain(&day, task);
    assert_eq!(why.steps.iter().map(|s| s.outcome).collect::<Vec<_>>(), [StepOutcome::Here]);
    let wait = began + std::time::Duration::from_secs(30);
    assert!(ways(&why, &format!("its step ends at {}", wait.iso8601())), "{:?}", why.would_route);
    day.wait(31);
    let why = explain(&day, task);
    let taken: Vec<_> = why
        .steps
        .iter()
        .map(|s| (s.queue_name.as_str(), s.entered.step.entered, s.left, s.outcome))
        .collect();
    assert_eq!(
        taken,
        [
            ("level > 5", began, Some(wait), StepOutcome::TimedOut),
            ("1==2", wait, Some(wait), StepOutcome::Skipped),
            ("1==1", wait, None, StepOutcome::Here),
        ]
    );
    day.wait(60);
    let why = explain(&day, task);
    assert_eq!(why.status, TaskStatus::Canceled);
    assert!(why.workers.is_empty() && why.summary.contains("Workflow timeout"), "{}", why.summary);
    assert_eq!(why.steps[2].outcome, StepOutcome::TimedOut);
}

#[test]
fn a_worker_who_turned_a_direct_call_down_is_cooling_down() {
    let mut day = Day::with_policy(VoicePolicy::default());
    let workflow = day.demo();
    let [ana, _] = day.ana_and_bo();
    let call = day.call(workflow, Some("1001"));
    day.set(day.offer(call), ReservationStatus::Rejected);
    let why = explain(&day, call);
    if why.status == TaskStatus::Pending {
        let cooling = reason(&why, ana);
        assert!(matches!(cooling, Some(RuledOut::CoolingDown { until }) if until > day.now), "{cooling:?}");
        assert!(ways(&why, "ana may be asked again at"), "{:?}", why.would_route);
    } else {
        panic!("nobody else has that extension: {}", why.summary);
    }
}
