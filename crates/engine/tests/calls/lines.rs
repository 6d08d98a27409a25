//! Phones that stay connected for a shift: calls come and go on them.

use super::day::{Day, Heard};
use super::tasks::{Agent, waiting};
use base::*;
use engine::call::*;
use engine::routing::command::*;
use engine::routing::effect::{Offer, VoiceOrder};
use sip::port::{Cause, Command as Sip};

fn open(day: &mut Day, (workspace, worker): Agent) -> LegId {
    let to = "sip:ana@pbx.example".to_owned();
    assert_eq!(day.ask(Request::OpenLine { workspace, worker, to }), Response::Done);
    let line = day.last_invited();
    assert!(!day.board.line(worker).unwrap().open);
    day.answers(line);
    assert!(day.board.line(worker).unwrap().open);
    line
}

/// A caller waits, and the phone of `ana` is connected.
fn connected() -> (Day, LegId, LegId, Agent) {
    let (mut day, caller, ana) = waiting();
    let line = open(&mut day, ana);
    (day, caller, line, ana)
}

/// The offer of the caller rings in the line.
fn ringing() -> (Day, LegId, LegId, Offer) {
    let (mut day, caller, line, ana) = connected();
    let offer = day.offer(ana, caller, "ana");
    day.order(VoiceOrder::Ring(offer.clone()));
    (day, caller, line, offer)
}

/// They talk on the line.
fn talking() -> (Day, LegId, LegId, Offer) {
    let (mut day, caller, line, offer) = ringing();
    day.order(VoiceOrder::Accepted { offer: offer.clone() });
    (day, caller, line, offer)
}

fn ended(day: &Day) -> usize {
    day.reports().iter().filter(|r| matches!(r, VoiceReport::ConversationEnded { .. })).count()
}

#[test]
fn an_open_line_hears_nothing_for_hours() {
    let (mut day, _, line, ana) = connected();
    assert_eq!(day.heard(line), Heard::Silence);
    day.wait(12.0 * 3_600.0);
    assert!(!day.is_gone(line), "a shift is longer than a call may be");
    day.wait(13.0 * 3_600.0);
    assert!(day.is_gone(line));
    assert_eq!(day.board.line(ana.1), None);
}

#[test]
fn an_offer_rings_in_the_line_and_is_taken_at_the_desk() {
    let (mut day, caller, line, offer) = ringing();
    assert_eq!(day.invites.len(), 1, "no phone is called for it");
    assert_eq!(day.heard(line), Heard::Ringback);
    day.order(VoiceOrder::Accepted { offer: offer.clone() });
    assert!(day.talk(caller, line));
    assert_eq!(day.connected(), 1);
    day.hangs_up(caller);
    assert_eq!(ended(&day), 1);
    assert_eq!(day.heard(line), Heard::Silence, "the line stays");
    assert!(day.board.line(offer.worker).unwrap().open);
    assert_eq!(day.status(day.sid(line)), CallStatus::InProgress);
    day.legs_match_calls();
}

#[test]
fn star_2_takes_what_rings() {
    let (mut day, caller, line, _) = ringing();
    day.presses(line, "*2");
    assert!(day.talk(caller, line));
    assert_eq!(day.connected(), 1);
}

#[test]
fn an_offer_that_is_withdrawn_or_whose_caller_hangs_up_rings_no_more() {
    let (mut day, caller, line, offer) = ringing();
    day.order(VoiceOrder::Withdraw { reservation: offer.reservation });
    assert_eq!(day.heard(line), Heard::Silence);
    day.order(VoiceOrder::Ring(Offer { reservation: ReservationSid([9; 16]), ..offer }));
    assert_eq!(day.heard(line), Heard::Ringback);
    day.hangs_up(caller);
    assert_eq!(day.heard(line), Heard::Silence);
    day.presses(line, "*2");
    assert_eq!(day.connected(), 0);
    assert!(!day.is_gone(line));
}

#[test]
fn a_ring_that_nobody_ends_is_given_up() {
    let (mut day, _, line, _) = ringing();
    day.wait(60.0);
    assert!(matches!(day.reports().last(), Some(VoiceReport::Failed { .. })));
    assert_eq!(day.heard(line), Heard::Silence);
}

#[test]
fn a_second_caller_beeps_and_the_first_is_parked_for_them_on_the_same_leg() {
    let (mut day, first, line, one) = talking();
    let second = day.call();
    let mut two = day.offer((one.workspace, one.worker), second, "ana");
    two.park = Some((one.reservation, one.task, one.call.unwrap()));
    day.order(VoiceOrder::Ring(two.clone()));
    assert_eq!(day.heard(line), Heard::Beep);
    day.played_out(line);
    assert!(day.talk(first, line), "they talk on");
    day.order(VoiceOrder::Accepted { offer: two.clone() });
    assert!(day.talk(second, line));
    assert_eq!(day.heard(first), Heard::Music);
    for _ in 0..3 {
        day.order(VoiceOrder::PickUp { offer: one.clone(), recalled: false });
        assert!(day.talk(first, line));
        day.order(VoiceOrder::PickUp { offer: two.clone(), recalled: false });
        assert!(day.talk(second, line));
    }
    assert_eq!(day.invites.len(), 1);
    day.hangs_up(second);
    assert_eq!((day.heard(first), day.heard(line)), (Heard::Music, Heard::Silence));
    // What the agent parked and forgot rings in the line again.
    day.order(VoiceOrder::PickUp { offer: one.clone(), recalled: true });
    assert_eq!((day.heard(first), day.heard(line)), (Heard::Music, Heard::Ringback));
    day.presses(line, "*2");
    assert!(day.talk(first, line));
    assert_eq!((day.invites.len(), ended(&day)), (1, 1));
    assert!(day.plays_are_accounted_for());
}

#[test]
fn a_park_keeps_the_line() {
    let (mut day, caller, line, offer) = talking();
    let order = VoiceOrder::Park {
        reservation: offer.reservation,
        task: offer.task,
        call: offer.call.unwrap(),
        keep_agent: false,
    };
    day.order(order);
    assert_eq!((day.heard(caller), day.heard(line)), (Heard::Music, Heard::Silence));
    day.wait(150.0);
    assert!(!day.is_gone(line));
    day.order(VoiceOrder::PickUp { offer, recalled: false });
    assert!(day.talk(caller, line));
}

#[test]
fn an_agent_dials_from_their_line_and_hears_the_far_end_ring() {
    let (mut day, caller, line, offer) = talking();
    let mut out = day.offer_of((offer.workspace, offer.worker), None, TaskSid([7; 16]), "ana");
    out.attributes = out.attributes.with("outbound_to", "+15550106666".into());
    let instruction = ConferenceInstruction::default();
    day.order(VoiceOrder::Conference { offer: out, instruction });
    assert_eq!((day.heard(caller), day.heard(line)), (Heard::Music, Heard::Ringback));
    let far = day.last_invited();
    assert_ne!(far, line);
    day.fails(far, 486);
    assert!(matches!(day.reports().last(), Some(VoiceReport::Failed { .. })));
    assert_eq!(day.heard(line), Heard::Silence, "busy, and the line stays");
    day.order(VoiceOrder::PickUp { offer, recalled: false });
    assert!(day.talk(caller, line));
}

#[test]
fn what_rings_in_a_line_that_is_hung_up_rings_the_phone() {
    for closed in [true, false] {
        let (mut day, caller, line, offer) = ringing();
        if closed {
            day.ask(Request::CloseLine { worker: offer.worker });
        } else {
            day.hangs_up(line);
        }
        assert!(day.is_gone(line));
        let phone = day.last_invited();
        assert_ne!(phone, line);
        day.answers(phone);
        assert!(day.talk(caller, phone));
        assert_eq!(day.connected(), 1);
        day.hangs_up(caller);
        assert!(day.is_gone(phone), "a phone of its own is let go");
    }
}

#[test]
fn a_line_that_is_hung_up_in_a_conversation_ends_it() {
    let (mut day, caller, line, _) = talking();
    day.hangs_up(line);
    assert_eq!(ended(&day), 1);
    assert!(day.is_gone(caller) || day.heard(caller) != Heard::Silence);
    day.legs_match_calls();
}

#[test]
fn an_instruction_of_an_application_is_connected_at_once() {
    let (mut day, caller, line, ana) = connected();
    let offer = day.offer(ana, caller, "ana");
    day.order(VoiceOrder::Dequeue { offer, instruction: DequeueInstruction::default() });
    assert!(day.talk(caller, line));
    day.hangs_up(caller);
    assert_eq!(day.heard(line), Heard::Silence);
}

#[test]
fn an_instruction_that_needs_a_call_of_its_own_has_one() {
    let (mut day, caller, line, ana) = connected();
    let offer = day.offer(ana, caller, "ana");
    let instruction = DequeueInstruction { record: true, ..DequeueInstruction::default() };
    day.order(VoiceOrder::Dequeue { offer, instruction });
    let phone = day.last_invited();
    assert_ne!(phone, line);
    day.answers(phone);
    assert!(day.talk(caller, phone));
    assert_eq!(day.heard(line), Heard::Silence);
}

#[test]
fn a_line_that_nobody_answers_is_none() {
    let (mut day, caller, ana) = waiting();
    let (workspace, worker) = ana;
    let to = "sip:ana@pbx.example".to_owned();
    day.ask(Request::OpenLine { workspace, worker, to: to.clone() });
    let line = day.last_invited();
    // While it rings, an offer calls the phone as ever; a second wish changes nothing.
    day.ask(Request::OpenLine { workspace, worker, to });
    assert_eq!(day.invites.len(), 1);
    let offer = day.offer(ana, caller, "ana");
    day.order(VoiceOrder::Ring(offer));
    assert_ne!(day.last_invited(), line);
    day.goes(line, Cause::NoAnswer);
    assert_eq!(day.board.line(worker), None);
    assert!(day.reports().is_empty(), "no reservation is lost by it");
    assert!(!day.last_sip().iter().any(|sip| matches!(sip, Sip::Invite { .. })));
}

#[test]
fn browsers_and_nonsense_have_no_line() {
    let (mut day, _, (workspace, worker)) = waiting();
    for (to, expected) in [("client:ana", 20001), ("nobody at all", 21211)] {
        let answer = day.ask(Request::OpenLine { workspace, worker, to: to.to_owned() });
        assert!(matches!(answer, Response::Refused { code, .. } if code == expected), "{to}: {answer:?}");
    }
    assert_eq!(day.ask(Request::CloseLine { worker }), Response::Done);
}

#[test]
fn a_line_that_is_redirected_or_ended_over_the_api_is_a_call_like_others() {
    let (mut day, _, line, offer) = ringing();
    day.redirect(day.sid(line), "<Say>elsewhere</Say>");
    assert_eq!(day.heard(line), Heard::Said("elsewhere".to_owned()));
    assert_eq!(day.board.line(offer.worker), None);
    assert_ne!(day.last_invited(), line, "what rang in it rings the phone");

    let (mut day, caller, line, _) = talking();
    let change = CallChange { status: Some(EndStatus::Completed), ..CallChange::default() };
    day.update(day.sid(line), change);
    assert!(day.is_gone(line));
    assert_eq!(ended(&day), 1);
    assert!(day.is_gone(caller) || day.heard(caller) != Heard::Silence);
}
