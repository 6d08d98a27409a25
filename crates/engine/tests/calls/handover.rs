//! Transfers at the switchboard: hold, release, and the same conference for whoever takes the task (TaskRouter §4.6, S4).

use super::day::{Day, Heard};
use super::tasks::talking;
use base::*;
use engine::call::*;
use engine::routing::command::*;
use engine::routing::effect::{Offer, VoiceOrder};

fn hand_over(offer: &Offer, cold: bool) -> VoiceOrder {
    let (reservation, task, call) = (offer.reservation, offer.task, offer.call.unwrap());
    VoiceOrder::HandOver { reservation, task, call, cold }
}

fn ended(offer: &Offer) -> VoiceOrder {
    VoiceOrder::HandOverEnded { reservation: offer.reservation, call: offer.call.unwrap() }
}

/// The task of `offer`, offered to Bo.
fn to_bo(day: &mut Day, offer: &Offer, caller: LegId) -> Offer {
    let bo = day.agent("bo", "1002");
    Offer { task: offer.task, ..day.offer(bo, caller, "bo") }
}

fn taken(day: &mut Day, offer: &Offer) -> LegId {
    let instruction =
        ConferenceInstruction { from: Some("+15550100001".to_owned()), ..ConferenceInstruction::default() };
    day.order(VoiceOrder::Conference { offer: offer.clone(), instruction });
    let leg = day.last_invited();
    day.answers(leg);
    // Beeps at the door.
    for leg in day.ears.keys().copied().collect::<Vec<_>>() {
        if day.heard(leg) == Heard::Beep {
            day.played_out(leg);
        }
    }
    leg
}

fn over(day: &Day) -> Vec<ReservationSid> {
    let reports = day.reports().into_iter().filter_map(|r| match r {
        VoiceReport::ConversationEnded { reservation, .. } => Some(reservation),
        _ => None,
    });
    reports.collect()
}

fn rooms(day: &Day) -> Vec<String> {
    day.conferences().into_values().map(|c| c.status).collect()
}

#[test]
fn a_warm_transfer_holds_the_caller_while_the_agents_talk_and_leaves_them_to_the_colleague() {
    let (mut day, caller, ana, first) = talking();
    day.order(hand_over(&first, false));
    assert_eq!((day.heard(caller), day.heard(ana)), (Heard::Music, Heard::Silence));
    let second = to_bo(&mut day, &first, caller);
    let bo = taken(&mut day, &second);
    let all = (day.heard(caller), day.heard(ana), day.heard(bo));
    assert_eq!(all, (Heard::Music, Heard::Mixer, Heard::Mixer), "the agents talk first");
    assert_eq!(rooms(&day), ["in-progress"]);
    day.hangs_up(ana);
    assert_eq!(over(&day), [first.reservation]);
    assert!(day.talk(caller, bo), "off hold, the caller goes on with Bo");
    day.hangs_up(caller);
    assert_eq!(over(&day), [first.reservation, second.reservation]);
    assert_eq!(rooms(&day), ["completed"]);
    day.legs_match_calls();
}

#[test]
fn a_colleague_who_leaves_first_gives_the_caller_back_to_the_transferor() {
    let (mut day, caller, ana, first) = talking();
    day.order(hand_over(&first, false));
    let second = to_bo(&mut day, &first, caller);
    let bo = taken(&mut day, &second);
    day.hangs_up(bo);
    assert_eq!(over(&day), [second.reservation]);
    assert!(day.talk(caller, ana));
    day.hangs_up(ana);
    assert_eq!(over(&day), [second.reservation, first.reservation]);
    assert_eq!(rooms(&day), ["completed"], "she ends it as she was told to at first");
}

#[test]
fn a_cold_transfer_leaves_the_caller_alone_on_hold_in_the_conference() {
    let (mut day, caller, ana, first) = talking();
    day.order(hand_over(&first, true));
    assert!(day.is_gone(ana));
    assert_eq!((day.heard(caller), rooms(&day)), (Heard::Music, vec!["in-progress".to_owned()]));
    assert!(over(&day).is_empty(), "routing has wrapped it up itself");
    assert!(day.board.parked(first.worker).is_empty());
    let second = to_bo(&mut day, &first, caller);
    let bo = taken(&mut day, &second);
    assert!(day.talk(caller, bo));
    assert_eq!(day.conferences().len(), 1, "the same conference");
    assert_eq!(day.connected(), 2);
    day.hangs_up(caller);
    assert_eq!(over(&day), [second.reservation]);
    day.legs_match_calls();
}

#[test]
fn a_transfer_that_came_to_nothing_ends_the_hold_with_the_transferor_only() {
    let (mut day, caller, ana, first) = talking();
    day.order(hand_over(&first, false));
    day.order(ended(&first));
    assert!(day.talk(caller, ana));
    day.order(hand_over(&first, true));
    day.order(ended(&first));
    assert_eq!(day.heard(caller), Heard::Music, "nobody is there");
    day.order(VoiceOrder::Requeue { task: first.task, call: first.call.unwrap() });
    assert_eq!(rooms(&day), ["completed"]);
    let next = to_bo(&mut day, &first, caller);
    let bo = taken(&mut day, &next);
    assert!(day.talk(caller, bo));
}

#[test]
fn a_caller_who_hangs_up_in_transfer_is_reported_once() {
    for cold in [true, false] {
        let (mut day, caller, ana, first) = talking();
        day.order(hand_over(&first, cold));
        let second = to_bo(&mut day, &first, caller);
        day.order(VoiceOrder::Ring(second));
        let bo = day.last_invited();
        let before = day.reports().len();
        day.hangs_up(caller);
        let after = &day.reports()[before..];
        assert!(
            matches!(after, [VoiceReport::CallEnded { task, cause: CallEnd::Hangup }] if *task == first.task),
            "{after:?}"
        );
        assert!(day.is_gone(ana) && day.is_gone(bo));
        assert_eq!(rooms(&day), ["completed"]);
        day.legs_match_calls();
    }
}

#[test]
fn a_transferor_who_leaves_a_warm_transfer_leaves_the_caller_on_hold_for_the_colleague() {
    let (mut day, caller, ana, first) = talking();
    day.order(hand_over(&first, false));
    let second = to_bo(&mut day, &first, caller);
    day.order(VoiceOrder::Ring(second));
    let bo = day.last_invited();
    day.hangs_up(ana);
    assert_eq!((over(&day), day.heard(caller)), (vec![first.reservation], Heard::Music));
    day.answers(bo);
    assert!(day.talk(caller, bo));
}

#[test]
fn a_colleague_whom_routing_refuses_leaves_the_caller_where_they_were() {
    for cold in [true, false] {
        let (mut day, caller, ana, first) = talking();
        day.order(hand_over(&first, cold));
        let second = to_bo(&mut day, &first, caller);
        day.refuse_connections = true;
        day.order(VoiceOrder::Ring(second));
        let bo = day.last_invited();
        day.answers(bo);
        assert!(day.is_gone(bo));
        match cold {
            true => assert_eq!(day.heard(caller), Heard::Music),
            false => assert!(day.talk(caller, ana)),
        }
        assert_eq!(rooms(&day), ["in-progress"]);
    }
}

#[test]
fn a_task_that_ends_on_hold_lets_the_caller_go_on() {
    let (mut day, caller, _, first) = talking();
    day.order(hand_over(&first, true));
    day.order(VoiceOrder::TaskClosed { task: first.task, call: first.call.unwrap(), release: true });
    assert_eq!(day.heard(caller), Heard::Said("survey".to_owned()));
    assert_eq!(rooms(&day), ["completed"]);
}

#[test]
fn two_agents_and_a_caller_are_not_parked_by_one_of_them() {
    let (mut day, caller, ana, first) = talking();
    day.order(hand_over(&first, false));
    let second = to_bo(&mut day, &first, caller);
    let bo = taken(&mut day, &second);
    for offer in [&first, &second] {
        let (reservation, task, call) = (offer.reservation, offer.task, offer.call.unwrap());
        day.order(VoiceOrder::Park { reservation, task, call, keep_agent: false });
    }
    assert_eq!(
        (day.heard(caller), day.heard(ana), day.heard(bo)),
        (Heard::Music, Heard::Mixer, Heard::Mixer)
    );
}
