//! Direct targets, and where a call goes that nobody takes: what `tandem` in a target means.

use crate::day::Day;
use base::*;
use engine::routing::command::Command;
use engine::routing::effect::{Diversion, VoiceOrder};
use engine::routing::event::Event;
use engine::routing::model::*;
use engine::routing::workflow::Redirection;
use serde_json::json;

/// Whoever has the extension, and else their mailbox; an extension of nobody is said to be one.
fn direct(day: &mut Day) -> WorkflowSid {
    let everyone = day.queue("1==1");
    day.workflow(json!({"filters": [{"expression": "directExtension != null", "targets": [
        {"queue": everyone, "expression": "task.directExtension == worker.directExtension", "timeout": 60,
         "tandem": {"direct": true}},
        {"queue": everyone, "tandem": {"redirect": [
            {"voicemail": "agent"}, {"say": "That is not a valid extension."}, {"voicemail": "queue"}]}}]}],
        "default_filter": {"queue": everyone}}))
}

/// Where the last decision sent a call.
fn diverted(day: &Day) -> Option<(TaskSid, Vec<Diversion>)> {
    day.orders().into_iter().find_map(|order| match order {
        VoiceOrder::Divert { task, steps, .. } => Some((*task, steps.clone())),
        _ => None,
    })
}

fn mailboxes(steps: &[Diversion]) -> Vec<(Mailbox, &str)> {
    let boxes = steps.iter().filter_map(|step| match step {
        Diversion::Voicemail { mailbox, name, .. } => Some((*mailbox, name.as_str())),
        Diversion::Step(_) => None,
    });
    boxes.collect()
}

#[test]
fn a_direct_call_that_is_rejected_goes_to_the_mailbox_and_is_not_offered_again() {
    let mut day = Day::with_policy(VoicePolicy::default());
    let [ana, _] = day.ana_and_bo();
    let workflow = direct(&mut day);
    let task = day.call(workflow, Some("1001"));
    assert_eq!(day.offers(task), [(ana, ReservationStatus::Pending)]);
    day.set(day.offer(task), ReservationStatus::Rejected);
    let (sent, steps) = diverted(&day).expect("the call leaves");
    assert_eq!(sent, task);
    assert_eq!(mailboxes(&steps)[0], (Mailbox::Worker(ana), "ana"));
    assert_eq!(day.status(task), TaskStatus::Canceled);
    assert_eq!(day.ws.task(task).unwrap().reason.as_deref(), Some("Task redirected by its Workflow"));
    assert_eq!(day.offers(task), [(ana, ReservationStatus::Rejected)], "asked once");
}

#[test]
fn a_direct_call_that_is_not_answered_or_whose_agent_is_away_goes_to_the_mailbox() {
    let mut day = Day::with_policy(VoicePolicy::default());
    let [ana, bo] = day.ana_and_bo();
    let workflow = direct(&mut day);
    let task = day.call(workflow, Some("1001"));
    day.wait(61);
    assert_eq!(day.offers(task), [(ana, ReservationStatus::Timeout)]);
    assert_eq!(day.status(task), TaskStatus::Canceled);

    day.move_to(bo, "Offline");
    let task = day.call(workflow, Some("1002"));
    let (_, steps) = diverted(&day).expect("at once");
    assert_eq!(mailboxes(&steps)[0], (Mailbox::Worker(bo), "bo"));
    assert!(day.offers(task).is_empty());
}

#[test]
fn a_direct_call_waits_for_an_agent_who_is_at_work_and_busy() {
    let mut day = Day::with_policy(VoicePolicy { direct_while_live: false, ..VoicePolicy::default() });
    let [ana, _] = day.ana_and_bo();
    let workflow = direct(&mut day);
    let first = day.call(workflow, Some("1001"));
    day.does(Day::connected(day.offer(first)));
    let second = day.call(workflow, Some("1001"));
    assert_eq!(day.status(second), TaskStatus::Pending);
    assert!(diverted(&day).is_none() && day.offers(second).is_empty());
    day.does(Command::Voice(engine::routing::command::VoiceReport::CallEnded {
        task: first,
        cause: engine::routing::command::CallEnd::Hangup,
    }));
    day.set(day.offer(first), ReservationStatus::Completed);
    assert_eq!(day.offers(second), [(ana, ReservationStatus::Pending)]);
}

#[test]
fn an_extension_of_nobody_is_said_to_be_one_before_anything_else() {
    let mut day = Day::with_policy(VoicePolicy::default());
    day.ana_and_bo();
    let workflow = direct(&mut day);
    day.call(workflow, Some("9999"));
    let (_, steps) = diverted(&day).expect("at once");
    assert!(
        matches!(&steps[0], Diversion::Step(Redirection::Say { text, .. }) if text.contains("not a valid"))
    );
    let [(Mailbox::Queue(queue), _)] = mailboxes(&steps)[..] else { panic!("{steps:?}") };
    assert_eq!(day.ws.task_queue(queue).unwrap().friendly_name, "1==1");
}

#[test]
fn a_call_that_ran_through_its_queues_is_redirected_and_a_chat_waits_there() {
    let mut day = Day::new();
    let [nobody, last] = ["team == 'x'", "1==2"].map(|expression| day.queue(expression));
    let number = json!({"number": "+15557770100", "timeout": 9, "caller_id": "+15550100001"});
    let workflow = day.workflow(json!({"filters": [{"expression": "1==1", "targets": [
        {"queue": nobody, "timeout": 5},
        {"queue": last, "tandem": {"redirect": [number, {"voicemail": nobody}]}}]}]}));
    let task = day.task(workflow, "voice", json!({"call_sid": "CA00000000000000000000000000000001"}));
    let chat = day.task(workflow, "chat", json!({"call_sid": "CA00000000000000000000000000000002"}));
    day.wait(6);
    assert_eq!((day.status(task), day.status(chat)), (TaskStatus::Canceled, TaskStatus::Pending));
    assert_eq!(day.ws.task(chat).unwrap().queue, Some(last));
    let entered = day.journal.iter().rev().find_map(|recorded| match recorded.event {
        Event::TaskQueueEntered { task: of, queue } if of == task => Some(queue),
        _ => None,
    });
    assert_eq!(entered, Some(last), "the event of the published solution is told all the same");
}

#[test]
fn a_mailbox_may_be_named_by_the_task() {
    let mut day = Day::new();
    let [ana, _] = day.ana_and_bo();
    let nobody = day.queue("1==2");
    let workflow = day.workflow(json!({"filters": [{"expression": "1==1", "targets": [
        {"queue": nobody, "tandem": {"redirect": [{"voicemail": "task.owner"}, {"play": "http://app/bye.wav"}]}}]}]}));
    let call = "CA00000000000000000000000000000001";
    day.task(workflow, "voice", json!({"call_sid": call, "owner": ana}));
    assert_eq!(mailboxes(&diverted(&day).unwrap().1), [(Mailbox::Worker(ana), "ana")]);
    for owner in [json!("nobody"), json!(null), json!(WorkerSid([9; 16]))] {
        day.task(workflow, "voice", json!({"call_sid": call, "owner": owner}));
        let (_, steps) = diverted(&day).unwrap();
        assert!(matches!(steps[..], [Diversion::Step(Redirection::Play(_))]), "{steps:?}");
    }
}

#[test]
fn a_call_that_came_back_from_a_failed_transfer_leaves_nobody_wrapping_up_a_redirected_task() {
    let mut day = Day::with_policy(VoicePolicy::default());
    let [_, bo] = day.ana_and_bo();
    let workflow = direct(&mut day);
    let task = day.call(workflow, Some("1001"));
    let first = day.offer(task);
    day.does(Day::connected(first));
    let (to, mode) = (TransferTarget::Worker(bo), TransferMode::Cold);
    day.does(Command::CreateTransfer {
        reservation: first,
        task,
        to,
        attributes: None,
        mode,
        priority: None,
    });
    day.set(day.offer(task), ReservationStatus::Rejected);
    assert_eq!(day.ws.reservation(first).unwrap().status, ReservationStatus::Wrapping);
    day.wait(21);
    day.wait(61);
    assert_eq!(day.status(task), TaskStatus::Canceled);
    assert_eq!(day.ws.reservation(first).unwrap().status, ReservationStatus::Canceled);
}
