//! A live call is updated over the API, in every state it can be in (reference: voice §3.5).

use super::day::{CALLER, Day, Heard, NUMBER, post};
use base::*;
use engine::call::*;
use engine::routing::command::{CallEnd, VoiceReport};
use sip::port::{Cause, Command as Sip};

const NEW: &str = "<Say>new</Say>";

fn new() -> Heard {
    Heard::Said("new".to_owned())
}

#[test]
fn in_play_the_file_stops_and_the_new_document_starts() {
    let mut day = Day::that_runs("<Play loop=\"99\">/music.mp3</Play><Say>after</Say>");
    let caller = day.call();
    let call = day.sid(caller);
    let Response::Call(record) = day.redirect(call, NEW) else { panic!() };
    assert_eq!(record.status, CallStatus::InProgress);
    assert_eq!(day.heard(caller), new());
    day.played_out(caller);
    assert!(day.is_gone(caller), "nothing of the old document is left");
}

#[test]
fn in_gather_its_action_is_not_requested() {
    let mut day = Day::that_runs(r#"<Gather action="/got"><Say>press</Say></Gather>"#);
    let caller = day.call();
    day.presses(caller, "1");
    day.redirect(day.sid(caller), NEW);
    day.presses(caller, "2#");
    day.wait(20.0);
    assert!(day.fetched("http://app/got").is_empty());
    assert_eq!(day.heard(caller), new());
}

#[test]
fn while_a_document_is_fetched_its_late_answer_is_ignored() {
    let mut day = Day::that_runs("<Redirect>/slow</Redirect>");
    day.document("http://app/slow", "<Say>slow</Say>");
    day.hold_fetches = true;
    let caller = day.call();
    day.release_held();
    day.redirect(day.sid(caller), NEW);
    assert_eq!(day.heard(caller), new());
    day.release_held();
    assert_eq!(day.heard(caller), new());
}

#[test]
fn in_a_queue_the_task_is_settled_and_the_action_told() {
    let workflow = WorkflowSid([5; 16]);
    let mut day =
        Day::that_runs(&format!(r#"<Enqueue workflowSid="{workflow}" action="/done"/><Say>next</Say>"#));
    let caller = day.call();
    day.redirect(day.sid(caller), NEW);
    assert_eq!(day.told("http://app/done")[0]["QueueResult"], "redirected");
    assert!(day.fetched("http://app/done").is_empty(), "the reply is ignored");
    assert!(matches!(day.reports()[..], [VoiceReport::CallEnded { cause: CallEnd::Redirected, .. }]));
    assert_eq!(day.heard(caller), new());
    assert_eq!(day.board.queue_by_name(&workflow.to_string()).unwrap().current_size, 0);
}

#[test]
fn before_its_task_is_made_the_task_is_settled_as_soon_as_it_is() {
    let workflow = WorkflowSid([5; 16]);
    for redirected in [true, false] {
        let mut day = Day::that_runs(&format!(r#"<Enqueue workflowSid="{workflow}"/>"#));
        day.hold_routing = true;
        let caller = day.call();
        if redirected {
            day.redirect(day.sid(caller), NEW);
        } else {
            day.hangs_up(caller);
        }
        assert!(day.reports().is_empty());
        day.release_held();
        let expected = if redirected { CallEnd::Redirected } else { CallEnd::Hangup };
        assert!(matches!(day.reports()[..], [VoiceReport::CallEnded { cause, .. }] if cause == expected));
    }
}

#[test]
fn the_parent_of_a_dial_drops_the_callee_and_the_action_is_told_only() {
    let mut day = Day::that_runs(r#"<Dial action="/after">+15550108888</Dial>"#);
    let caller = day.call();
    let callee = day.last_invited();
    day.answers(callee);
    day.wait(3.0);
    day.redirect(day.sid(caller), NEW);
    assert!(day.is_gone(callee));
    assert_eq!(day.heard(caller), new());
    assert_eq!(day.told("http://app/after")[0]["DialCallStatus"], "completed");
    assert!(day.fetched("http://app/after").is_empty());
}

#[test]
fn the_parent_of_a_dial_that_rings_cancels_it() {
    let mut day = Day::that_runs(r#"<Dial action="/after">+15550108888</Dial>"#);
    let caller = day.call();
    let (callee, child) = (day.last_invited(), day.invites[0].1);
    day.redirect(day.sid(caller), NEW);
    assert!(day.is_gone(callee));
    assert_eq!(day.status(child), CallStatus::Canceled);
    assert_eq!(day.told("http://app/after")[0]["DialCallStatus"], "canceled");
}

#[test]
fn the_child_of_a_dial_goes_its_own_way_and_the_parent_goes_on() {
    let mut day = Day::that_runs(r#"<Dial action="/after">+15550108888</Dial>"#);
    day.document("http://app/after", "<Say>parent</Say>");
    let caller = day.call();
    let callee = day.last_invited();
    day.answers(callee);
    day.redirect(day.sid(callee), NEW);
    assert_eq!(day.heard(callee), new());
    assert_eq!(day.heard(caller), Heard::Said("parent".to_owned()));
    let after = &day.fetched("http://app/after")[0];
    assert!(!after.contains_key("DialCallDuration"));
}

#[test]
fn in_a_conference_the_leg_leaves_and_its_seat_decides_for_the_others() {
    for (ends, others_stay) in [("false", true), ("true", false)] {
        let room = format!(
            r#"<Dial><Conference beep="false" endConferenceOnExit="{ends}" statusCallback="/room" statusCallbackEvent="leave">room</Conference></Dial>"#
        );
        let mut day = Day::that_runs(&room);
        let [a, b, c] = [(); 3].map(|()| day.call());
        day.redirect(day.sid(a), NEW);
        assert_eq!(day.heard(a), new());
        assert_eq!(!day.is_gone(b), others_stay);
        if others_stay {
            assert!(day.talk(b, c));
        }
        assert_eq!(day.told("http://app/room")[0]["ReasonParticipantLeft"], "participant_updated_via_api");
    }
}

#[test]
fn bridged_from_a_queue_the_other_leg_goes_on() {
    let mut day = Day::that_runs(r#"<Enqueue action="/done">support</Enqueue>"#);
    day.number("+15550100002", Some("http://app/agent"));
    day.document("http://app/agent", "<Dial><Queue>support</Queue></Dial><Say>next</Say>");
    let caller = day.call();
    let agent = day.call_from(CALLER, "+15550100002");
    assert!(day.talk(caller, agent));
    day.redirect(day.sid(caller), NEW);
    assert_eq!(day.heard(caller), new());
    assert_eq!(day.heard(agent), Heard::Said("next".to_owned()));
    assert_eq!(day.told("http://app/done")[0]["QueueResult"], "redirected-from-bridged");
}

#[test]
fn an_inbound_call_that_rings_is_redirected() {
    let mut day = Day::that_runs(r#"<Pause length="30"/><Say>old</Say>"#);
    let caller = day.call();
    let Response::Call(_) = day.redirect(day.sid(caller), NEW) else { panic!() };
    assert_eq!(day.heard(caller), new());
}

#[test]
fn an_outbound_call_that_rings_runs_the_new_document_when_answered() {
    let mut day = Day::new();
    let call = make_call(&mut day);
    let leg = day.last_invited();
    day.rings(leg);
    day.redirect(call, NEW);
    day.answers(leg);
    assert_eq!(day.heard(leg), new());
    assert!(day.fetched("http://app/out").is_empty());
}

fn make_call(day: &mut Day) -> CallSid {
    let response = day.ask(Request::CreateCall(NewCall {
        to: "+15550108888".to_owned(),
        from: NUMBER.to_owned(),
        program: Program::Webhook(post("http://app/out")),
        fallback: None,
        status_callback: Some(StatusCallback {
            webhook: post("http://app/status"),
            events: vec!["completed".to_owned()],
        }),
        send_digits: None,
        timeout: std::time::Duration::from_secs(20),
        time_limit: None,
        sip_credentials: None,
        record: None,
        machine: None,
    }));
    let Response::Call(record) = response else { panic!("{response:?}") };
    record.sid
}

fn end(status: EndStatus) -> CallChange {
    CallChange { status: Some(status), ..CallChange::default() }
}

#[test]
fn completed_and_canceled_end_a_ringing_call_as_canceled() {
    for status in [EndStatus::Completed, EndStatus::Canceled] {
        let mut day = Day::new();
        let call = make_call(&mut day);
        let leg = day.last_invited();
        day.rings(leg);
        let Response::Call(record) = day.update(call, end(status)) else { panic!() };
        assert_eq!((record.status, day.status(call)), (CallStatus::Canceled, CallStatus::Canceled));
        assert!(day.is_gone(leg));
        assert_eq!(day.told("http://app/status")[0]["CallStatus"], "canceled");
    }
}

#[test]
fn canceled_from_queued_fires_no_callback() {
    let mut day = Day::new();
    let call = make_call(&mut day);
    day.update(call, end(EndStatus::Canceled));
    assert!(day.told("http://app/status").is_empty());
}

#[test]
fn canceled_leaves_a_call_in_progress_alone_and_completed_ends_it() {
    let mut day = Day::that_runs("<Say>hello</Say>");
    let caller = day.call();
    let call = day.sid(caller);
    day.update(call, end(EndStatus::Canceled));
    assert_eq!(day.heard(caller), Heard::Said("hello".to_owned()));
    let Response::Call(record) = day.update(call, end(EndStatus::Completed)) else { panic!() };
    assert_eq!(record.status, CallStatus::Completed);
    assert!(day.is_gone(caller));
}

#[test]
fn answer_and_cancel_may_cross() {
    let mut day = Day::new();
    let call = make_call(&mut day);
    let leg = day.last_invited();
    day.update(call, end(EndStatus::Canceled));
    day.give(Input::Sip(sip::port::Event::Answered { leg }));
    assert!(day.last.is_empty(), "an answer after the end changes nothing");
}

#[test]
fn an_ended_call_is_21220_and_an_unknown_one_20404() {
    let mut day = Day::that_runs("<Say>hello</Say>");
    let caller = day.call();
    let call = day.sid(caller);
    day.hangs_up(caller);
    for (call, status, code) in [(call, 400, 21220), (CallSid([1; 16]), 404, 20404)] {
        let Response::Refused { status: s, code: c, .. } = day.redirect(call, NEW) else { panic!() };
        assert_eq!((s, c), (status, code));
    }
}

#[test]
fn a_status_callback_set_later_hears_the_end() {
    let mut day = Day::that_runs("<Play loop=\"99\">/music.mp3</Play>");
    let caller = day.call();
    let change = CallChange { status_callback: Some(post("http://app/parked")), ..CallChange::default() };
    day.update(day.sid(caller), change);
    day.goes(caller, Cause::PeerHungUp);
    assert_eq!(day.told("http://app/parked").len(), 1);
    assert_eq!(day.told("http://app/parked")[0]["CallStatus"], "completed");
    assert!(day.told("http://app/number-status").is_empty(), "it replaces the number's");
}

#[test]
fn a_time_limit_set_later_holds() {
    let mut day = Day::that_runs("<Play loop=\"99\">/music.mp3</Play>");
    let caller = day.call();
    let limit = Some(std::time::Duration::from_secs(30));
    day.update(day.sid(caller), CallChange { time_limit: limit, ..CallChange::default() });
    day.wait(31.0);
    assert!(day.is_gone(caller));
}

#[test]
fn a_queue_member_is_dequeued_to_a_document() {
    let mut day = Day::that_runs(r#"<Enqueue action="/done">support</Enqueue>"#);
    day.document("http://app/member", NEW);
    let [first, second] = [(); 2].map(|()| day.call());
    let queue = day.board.queue_by_name("support").unwrap().sid;
    let response = day.ask(Request::DequeueMember { queue, call: None, webhook: post("http://app/member") });
    let Response::Member { member, .. } = response else { panic!("{response:?}") };
    assert_eq!((member.call, member.position), (day.sid(first), 1));
    assert_eq!((day.heard(first), day.heard(second)), (new(), Heard::Music));
    assert_eq!(day.told("http://app/done")[0]["QueueResult"], "redirected");
    let again = day.ask(Request::DequeueMember {
        queue,
        call: Some(member.call),
        webhook: post("http://app/member"),
    });
    assert!(matches!(again, Response::Refused { status: 404, code: 20404, .. }));
}

#[test]
fn a_child_that_is_redirected_while_it_rings_leaves_the_dial() {
    let mut day = Day::that_runs(r#"<Dial>+15550108888</Dial><Say>parent</Say>"#);
    let caller = day.call();
    let (leg, child) = (day.last_invited(), day.invites[0].1);
    day.redirect(child, NEW);
    assert_eq!(day.heard(caller), Heard::Said("parent".to_owned()));
    day.answers(leg);
    assert_eq!(day.heard(leg), new());
    assert!(!day.last_sip().iter().any(|c| matches!(c, Sip::Hangup { .. })));
}

#[test]
fn a_redirect_that_is_asked_for_again_does_not_disturb_whom_it_rings() {
    let mut day = Day::that_runs(r#"<Enqueue>support</Enqueue>"#);
    day.document("http://app/out", "<Dial>+15557770001</Dial>");
    let caller = day.call();
    let call = day.sid(caller);
    let to_out =
        || CallChange { program: Some(Program::Webhook(post("http://app/out"))), ..CallChange::default() };
    day.update(call, to_out());
    let callee = day.last_invited();
    day.update(call, to_out());
    assert_eq!(day.last_invited(), callee, "while it rings");
    day.answers(callee);
    let Response::Call(record) = day.update(call, to_out()) else { panic!() };
    assert_eq!(record.status, CallStatus::InProgress);
    assert!(day.talk(caller, callee), "and while they talk");
    assert_eq!(day.fetched("http://app/out").len(), 1);

    // Another document is another wish, and so is the same one much later.
    day.wait(121.0);
    day.update(call, to_out());
    assert_ne!(day.last_invited(), callee);
    assert_eq!(day.fetched("http://app/out").len(), 2);
    day.redirect(call, NEW);
    assert_eq!(day.heard(caller), new());
    day.update(call, to_out());
    assert_eq!(day.fetched("http://app/out").len(), 3);
}
