//! Several calls per agent, in the engine (scenarios S1, native form).

use crate::day::Day;
use engine::routing::command::*;
use engine::routing::effect::VoiceOrder;
use engine::routing::event::Event;
use engine::routing::model::*;
use engine::routing::{AgentCallState, Workspace};
use serde_json::json;
use std::time::Duration;

fn policy() -> VoicePolicy {
    VoicePolicy::default()
}

/// Ana talks on a queue call; bo is away.
fn ana_talks() -> (Day, base::WorkerSid, base::WorkflowSid, base::TaskSid) {
    let mut day = Day::with_policy(policy());
    let workflow = day.demo();
    let [ana, bo] = day.ana_and_bo();
    day.move_to(bo, "Offline");
    let first = day.call(workflow, None);
    assert!(matches!(day.orders()[..], [VoiceOrder::Ring(offer)] if offer.worker == ana));
    day.does(Day::connected(day.offer(first)));
    (day, ana, workflow, first)
}

#[test]
fn an_answered_queue_call_makes_its_agent_not_ready_in_the_same_decision() {
    let mut day = Day::with_policy(policy());
    let workflow = day.demo();
    let [ana, bo] = day.ana_and_bo();
    day.move_to(bo, "Offline");
    assert!(day.is_ready(ana) && !day.is_ready(bo));
    assert_eq!(day.voice_capacity(ana), 1);
    let call = day.call(workflow, None);
    assert_eq!((day.status(call), day.holder(call)), (TaskStatus::Reserved, ana));
    assert!(!day.is_ready(ana), "an offer is enough");
    day.does(Day::connected(day.offer(call)));
    assert_eq!(day.status(call), TaskStatus::Assigned);
    assert_eq!(day.voice_capacity(ana), 2);
    assert_eq!(day.ws.eligible_workers(day.ws.task(call).unwrap().queue.unwrap()).count(), 0);
}

#[test]
fn a_second_queue_call_waits_although_there_is_capacity() {
    let (mut day, ana, workflow, _) = ana_talks();
    let second = day.call(workflow, None);
    assert_eq!(day.status(second), TaskStatus::Pending);
    assert_eq!(day.voice_capacity(ana), 2);
    let everyone = day.ws.task_queues().find(|q| q.target_workers == "1==1").unwrap().sid;
    let plain = day.workflow(json!({"default_filter": {"queue": everyone}}));
    let third = day.call(plain, None);
    assert_eq!(
        day.status(third),
        TaskStatus::Pending,
        "not even where the queue does not ask for isAcdReady"
    );
}

#[test]
fn a_direct_call_is_answered_and_the_live_one_parked_in_one_decision() {
    let (mut day, ana, workflow, first) = ana_talks();
    let second = day.call(workflow, Some("1001"));
    assert!(matches!(day.orders()[..], [VoiceOrder::Ring(offer)] if offer.park.is_some()));
    day.does(Day::connected(day.offer(second)));
    assert!(matches!(day.orders()[..], [VoiceOrder::Park { task, keep_agent: true, .. }] if *task == first));
    assert!(matches!(day.voice_state(first), Some(VoiceState::Parked { .. })));
    assert!(matches!(day.voice_state(second), Some(VoiceState::Live { .. })));
    let attributes = day.ws.task(first).unwrap().attributes.value().clone();
    assert_eq!(attributes["conversations"]["outcome"], "Parked Call");
    assert_eq!(attributes["conversations"]["conversation_id"], first.to_string());
    assert_eq!((day.is_ready(ana), day.voice_capacity(ana)), (false, 3));
    let states: Vec<_> = day.ws.calls_of(ana).into_iter().map(|call| call.state).collect();
    assert!(states.contains(&AgentCallState::Parked) && states.contains(&AgentCallState::Live));
}

#[test]
fn ten_swaps_leave_two_calls_and_nothing_else() {
    let (mut day, ana, workflow, first) = ana_talks();
    let second = day.call(workflow, Some("1001"));
    day.does(Command::AnswerAndPark { reservation: day.offer(second) });
    assert!(matches!(day.orders()[..], [VoiceOrder::PickUp { offer, recalled: false }]
        if offer.park.is_some_and(|(_, task, _)| task == first)));
    day.does(Day::connected(day.offer(second)));
    for swap in 0..10 {
        day.wait(5);
        let (parked, live) = if swap % 2 == 0 { (first, second) } else { (second, first) };
        day.does(Command::PickUp { reservation: day.offer(parked), by: ana });
        day.does(Command::PickUp { reservation: day.offer(parked), by: ana });
        assert!(day.orders().is_empty(), "asked twice, done once");
        assert!(matches!(day.voice_state(live), Some(VoiceState::Parked { .. })));
        day.does(Day::connected(day.offer(parked)));
        assert!(matches!(day.voice_state(parked), Some(VoiceState::Live { .. })));
    }
    assert_eq!(day.ws.calls_of(ana).len(), 2);
    assert_eq!(day.ws.tasks().count(), 2);
    assert_eq!(day.ws.task(first).unwrap().attributes.value()["conversations"]["hold_time"], 25);
}

#[test]
fn a_caller_who_hangs_up_while_parked_leaves_a_notice_that_goes_by_itself() {
    let (mut day, ana, _, first) = ana_talks();
    day.does(Command::Park { reservation: day.offer(first) });
    assert!(matches!(day.orders()[..], [VoiceOrder::Park { keep_agent: false, .. }]));
    day.does(Command::Voice(VoiceReport::CallEnded { task: first, cause: CallEnd::Hangup }));
    assert_eq!(day.status(first), TaskStatus::Wrapping);
    assert!(matches!(day.voice_state(first), Some(VoiceState::HungUp { .. })));
    let attributes = day.ws.task(first).unwrap().attributes.value().clone();
    assert_eq!(attributes["conversations"]["outcome"], "Hangup While Parked");
    assert!(!day.is_ready(ana));
    day.wait(121);
    assert_eq!(day.status(first), TaskStatus::Completed);
    assert!(day.is_ready(ana));
}

#[test]
fn the_notice_of_a_hang_up_outlasts_the_wrap_up_and_keeps_nobody_from_other_calls() {
    let mut day = Day::with_policy(VoicePolicy { wrap_up: Some(Duration::from_secs(5)), ..policy() });
    let workflow = day.demo();
    let [ana, bo] = day.ana_and_bo();
    day.move_to(bo, "Offline");
    let first = day.call(workflow, None);
    day.does(Day::connected(day.offer(first)));
    day.does(Command::Park { reservation: day.offer(first) });
    day.does(Command::Voice(VoiceReport::CallEnded { task: first, cause: CallEnd::Hangup }));
    let second = day.call(workflow, None);
    assert_eq!(day.status(second), TaskStatus::Pending, "not in the wrap-up time");
    day.wait(6);
    assert_eq!((day.status(first), day.status(second)), (TaskStatus::Wrapping, TaskStatus::Reserved));
    assert_eq!(day.holder(second), ana);
    let calls = day.ws.calls_of(ana);
    assert!(calls.iter().any(|call| call.state == AgentCallState::HungUp), "{calls:?}");
    day.does(Day::connected(day.offer(second)));
    day.wait(115);
    assert_eq!((day.status(first), day.status(second)), (TaskStatus::Completed, TaskStatus::Assigned));
    day.does(Command::Voice(VoiceReport::CallEnded { task: second, cause: CallEnd::Hangup }));
    day.wait(6);
    assert!(day.is_ready(ana));
}

#[test]
fn a_hang_up_after_the_pick_up_is_an_ordinary_end() {
    let (mut day, ana, _, first) = ana_talks();
    day.does(Command::Park { reservation: day.offer(first) });
    day.does(Command::PickUp { reservation: day.offer(first), by: ana });
    day.does(Day::connected(day.offer(first)));
    day.does(Command::Voice(VoiceReport::CallEnded { task: first, cause: CallEnd::Hangup }));
    assert_eq!((day.status(first), day.voice_state(first)), (TaskStatus::Wrapping, None));
}

#[test]
fn a_park_is_recalled_and_then_waits_in_its_queue_for_anybody_else() {
    let (mut day, ana, workflow, first) = ana_talks();
    day.does(Command::Park { reservation: day.offer(first) });
    let reservation = day.offer(first);
    day.wait(181);
    assert!(matches!(day.orders()[..], [VoiceOrder::PickUp { recalled: true, .. }]));
    day.wait(31);
    assert_eq!(day.ws.reservation(reservation).unwrap().status, ReservationStatus::Completed);
    let task = day.ws.task(first).unwrap();
    assert_eq!((task.status, task.priority), (TaskStatus::Pending, 1_000));
    assert!(day.orders().iter().any(|order| matches!(order, VoiceOrder::Requeue { .. })));
    assert!(day.is_ready(ana), "though not asked again at once");
    let bo = day.ws.worker_named("bo").unwrap().sid;
    day.move_to(bo, "Available");
    assert_eq!((day.status(first), day.holder(first)), (TaskStatus::Reserved, bo));
    let _ = workflow;
}

#[test]
fn an_unanswered_park_can_let_the_call_go_on() {
    let mut day = Day::with_policy(VoicePolicy { park_unanswered: ParkUnanswered::Continue, ..policy() });
    let workflow = day.demo();
    let [ana, _] = day.ana_and_bo();
    let call = day.call(workflow, Some("1001"));
    day.does(Day::connected(day.offer(call)));
    day.does(Command::Park { reservation: day.offer(call) });
    day.move_to(ana, "Offline");
    day.wait(181);
    assert_eq!(day.status(call), TaskStatus::Completed);
    assert!(day.orders().iter().any(|order| matches!(order, VoiceOrder::TaskClosed { release: true, .. })));
}

#[test]
fn a_rejected_direct_call_is_not_offered_to_the_same_agent_at_once() {
    let mut day = Day::with_policy(policy());
    let workflow = day.demo();
    let [ana, _] = day.ana_and_bo();
    let call = day.call(workflow, Some("1001"));
    day.does(Command::Voice(VoiceReport::Declined { reservation: day.offer(call) }));
    assert_eq!(day.status(call), TaskStatus::Pending);
    day.wait(29);
    assert_eq!(day.offers(call).len(), 1);
    day.wait(2);
    assert_eq!(day.offers(call), [(ana, ReservationStatus::Rejected), (ana, ReservationStatus::Pending)]);
}

#[test]
fn a_parked_call_can_be_picked_up_by_a_colleague_only_where_allowed() {
    for allowed in [false, true] {
        let mut day = Day::with_policy(VoicePolicy { colleague_pickup: allowed, ..policy() });
        let workflow = day.demo();
        let [ana, bo] = day.ana_and_bo();
        let call = day.call(workflow, Some("1001"));
        day.does(Day::connected(day.offer(call)));
        let first = day.offer(call);
        day.does(Command::Park { reservation: first });
        if !allowed {
            assert!(
                day.refused(Command::PickUp { reservation: first, by: bo }).1.contains("may not pick up")
            );
            continue;
        }
        day.does(Command::PickUp { reservation: first, by: bo });
        assert!(!day.is_ready(bo));
        day.does(Day::connected(first));
        assert_eq!((day.status(call), day.holder(call)), (TaskStatus::Assigned, bo));
        assert_eq!(day.ws.reservation(first).unwrap().status, ReservationStatus::Completed);
        assert!(day.is_ready(ana) && !day.is_ready(bo));
    }
}

#[test]
fn a_pick_up_is_refused_to_an_agent_who_is_away_and_parks_again_when_it_fails() {
    let (mut day, ana, _, first) = ana_talks();
    let reservation = day.offer(first);
    day.does(Command::Park { reservation });
    day.move_to(ana, "Unavailable");
    assert!(day.refused(Command::PickUp { reservation, by: ana }).1.contains("available activity"));
    day.move_to(ana, "Available");
    day.does(Command::PickUp { reservation, by: ana });
    let failed = VoiceReport::Failed { reservation, code: 40145, dialled: None, reason: "busy".to_owned() };
    day.does(Command::Voice(failed));
    assert!(matches!(day.voice_state(first), Some(VoiceState::Parked { .. })));
    day.does(Command::PickUp { reservation, by: ana });
    day.wait(61);
    assert!(matches!(day.voice_state(first), Some(VoiceState::Parked { .. })), "a pick-up has a lease");
    assert!(day.happened(|event| matches!(event, Event::LeaseExpired { .. })) > 0);
}

#[test]
fn a_caller_who_is_gone_when_the_agent_answers_is_not_accepted() {
    let mut day = Day::with_policy(policy());
    let workflow = day.demo();
    day.ana_and_bo();
    let call = day.call(workflow, Some("1001"));
    let reservation = day.offer(call);
    day.does(Command::Voice(VoiceReport::CallEnded { task: call, cause: CallEnd::Hangup }));
    assert_eq!(day.status(call), TaskStatus::Canceled);
    assert!(matches!(day.orders()[..], [VoiceOrder::Withdraw { .. }]));
    assert!(day.refused(Day::connected(reservation)).1.contains("[canceled]"));
}

#[test]
fn calls_that_a_crash_took_are_settled_and_others_stay() {
    let (mut day, ana, workflow, first) = ana_talks();
    let second = day.call(workflow, Some("1001"));
    let alive = day.ws.task(second).unwrap().attributes.map()["call_sid"].as_str().unwrap().parse().unwrap();
    day.does(Command::SettleLostCalls { alive: vec![alive] });
    assert_eq!(day.status(first), TaskStatus::Wrapping);
    assert_eq!((day.status(second), day.holder(second)), (TaskStatus::Reserved, ana));
}

#[test]
fn wrap_up_ends_by_itself_where_the_policy_says_so() {
    let wrap_up = Some(Duration::from_secs(20));
    let mut day = Day::with_policy(VoicePolicy { wrap_up, ..policy() });
    let workflow = day.demo();
    day.ana_and_bo();
    let call = day.call(workflow, Some("1001"));
    let reservation = day.offer(call);
    day.does(Day::connected(reservation));
    day.does(Command::Voice(VoiceReport::ConversationEnded { reservation, post_work_activity: None }));
    assert_eq!(day.status(call), TaskStatus::Wrapping);
    day.wait(21);
    assert_eq!(day.status(call), TaskStatus::Completed);
}

#[test]
fn without_a_policy_nothing_is_kept_and_nothing_rings() {
    let mut day = Day::new();
    let workflow = {
        let everyone = day.queue("1==1");
        day.workflow(json!({"default_filter": {"queue": everyone}}))
    };
    let [ana, _] = day.ana_and_bo();
    let call = day.call(workflow, Some("1001"));
    assert!(day.orders().is_empty());
    assert!(!day.ws.worker(ana).unwrap().attributes.map().contains_key("isAcdReady"));
    assert!(day.refused(Command::Park { reservation: day.offer(call) }).1.contains("voice policy"));
    let journal = day.journal.clone();
    assert_eq!(Workspace::replay(journal).unwrap().snapshot(), day.ws.snapshot());
}

/// Reference §11.2: a timeout that parks an agent in Offline for good, unless the policy says otherwise.
#[test]
fn an_agent_who_did_not_answer_in_time_stays_where_they_are_if_the_policy_says_so() {
    for keeps in [false, true] {
        let mut day = Day::with_policy(VoicePolicy { timeout_keeps_activity: keeps, ..policy() });
        let workflow = day.demo();
        let [ana, bo] = day.ana_and_bo();
        day.move_to(bo, "Offline");
        let call = day.call(workflow, None);
        let offer = day.offer(call);
        day.wait(day.ws.reservation(offer).unwrap().timeout.as_secs() + 1);
        assert_eq!(day.ws.reservation(offer).unwrap().status, ReservationStatus::Timeout);
        let expected = day.activity(if keeps { "Available" } else { "Offline" });
        assert_eq!(day.ws.worker(ana).unwrap().activity, expected);
        assert_eq!(day.status(call), if keeps { TaskStatus::Reserved } else { TaskStatus::Pending });
    }
}

/// Ana calls somebody from her phone.
fn ana_dials(day: &mut Day, workflow: base::WorkflowSid, ana: base::WorkerSid) -> base::TaskSid {
    let call = base::CallSid::generate(&mut day.entropy);
    let attributes = json!({"call_sid": call, "outbound_to": "+15550106666", "direction": "outbound"});
    let new = NewTask {
        routing_target: Some(RoutingTarget::Worker(ana)),
        ignore_capacity: Some(true),
        ..Day::new_task(workflow, "voice", attributes)
    };
    match day.does(Command::CreateTask(new)) {
        Answer::Task(sid) => sid,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_direct_call_is_offered_beside_a_call_out_and_taking_it_gives_that_up_first() {
    let takes = |day: &mut Day, offer, how| match how {
        0 => day.does(Day::connected(offer)),
        1 => day.does(Command::AnswerAndPark { reservation: offer }),
        _ => day.does(Day::setting(offer, ReservationStatus::Accepted)),
    };
    for how in 0..3 {
        let mut day = Day::with_policy(policy());
        let workflow = day.demo();
        let [ana, bo] = day.ana_and_bo();
        day.move_to(bo, "Offline");
        let out = ana_dials(&mut day, workflow, ana);
        assert_eq!((day.status(out), day.is_ready(ana)), (TaskStatus::Reserved, false));
        let queued = day.call(workflow, None);
        assert_eq!(day.status(queued), TaskStatus::Pending, "no queue call beside it");
        let direct = day.call(workflow, Some("1001"));
        assert_eq!((day.status(direct), day.holder(direct)), (TaskStatus::Reserved, ana));
        let (attempt, offer) = (day.offer(out), day.offer(direct));
        let before = day.journal.len();
        takes(&mut day, offer, how);
        let story = &day.journal[before..];
        let at = |wanted: &dyn Fn(&Event) -> bool| story.iter().position(|r| wanted(&r.event)).unwrap();
        let gone =
            at(&|e| matches!(e, Event::ReservationCanceled { reservation, .. } if *reservation == attempt));
        let taken = at(&|e| matches!(e, Event::ReservationAccepted { reservation } if *reservation == offer));
        assert!(gone < taken, "the attempt ends first");
        assert_eq!(day.status(out), TaskStatus::Canceled);
        assert!(matches!(day.orders()[0], VoiceOrder::Withdraw { reservation } if *reservation == attempt));
        assert_eq!(day.happened(|event| matches!(event, Event::CallParked { .. })), 0);
        assert_eq!(day.voice_capacity(ana), 2);
    }
}

#[test]
fn a_call_out_that_is_given_up_busy_or_unanswered_leaves_its_agent_ready() {
    for failed in [true, false] {
        let mut day = Day::with_policy(policy());
        let workflow = day.demo();
        let [ana, _] = day.ana_and_bo();
        let out = ana_dials(&mut day, workflow, ana);
        let reservation = day.offer(out);
        if failed {
            let report =
                VoiceReport::Failed { reservation, code: 40145, dialled: None, reason: "busy".to_owned() };
            day.does(Command::Voice(report));
        } else {
            let timeout = day.ws.reservation(reservation).unwrap().timeout.as_secs();
            assert!(timeout > 60, "a phone may ring for a minute, not {timeout} s");
            day.wait(timeout + 1);
        }
        assert_eq!(day.status(out), TaskStatus::Canceled);
        assert!(day.is_ready(ana), "failed: {failed}");
        assert_eq!(day.ws.calls_of(ana).len(), 0);
    }
}

#[test]
fn a_task_that_is_found_to_be_a_call_out_makes_room_for_a_direct_call() {
    let mut day = Day::with_policy(policy());
    let workflow = day.demo();
    let [ana, _] = day.ana_and_bo();
    let out = ana_dials(&mut day, workflow, ana);
    let mut plain = day.ws.task(out).unwrap().attributes.map().clone();
    let number = plain.shift_remove("outbound_to").unwrap();
    let change = TaskChange { attributes: Some(Attributes::from_map(plain)), ..TaskChange::default() };
    day.does(Command::UpdateTask { sid: out, if_match: None, change });
    let direct = day.call(workflow, Some("1001"));
    assert_eq!(day.status(direct), TaskStatus::Pending, "something else is being offered");
    let merge = Some(serde_json::Map::from_iter([("outbound_to".to_owned(), number)]));
    let change = TaskChange { merge, ..TaskChange::default() };
    day.does(Command::UpdateTask { sid: out, if_match: None, change });
    assert_eq!(day.status(direct), TaskStatus::Reserved);
}
