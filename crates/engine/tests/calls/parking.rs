//! Several calls per agent: park, pick-up, swap, recall, and the feature codes of plain phones.

use super::day::{CALLER, Day, Heard};
use super::tasks::{talking, waiting};
use base::*;
use engine::call::*;
use engine::routing::command::*;
use engine::routing::effect::{Offer, VoiceOrder};
use sip::port::{Cause, Command as Sip, Destination};

/// The caller of `offer` is parked and the agent's leg let go.
fn parked() -> (Day, LegId, Offer) {
    let (mut day, caller, agent, offer) = talking();
    day.order(park(&day, &offer, false));
    assert!(day.is_gone(agent));
    (day, caller, offer)
}

fn park(_: &Day, offer: &Offer, keep_agent: bool) -> VoiceOrder {
    VoiceOrder::Park {
        reservation: offer.reservation,
        task: offer.task,
        call: offer.call.unwrap(),
        keep_agent,
    }
}

fn ended(day: &Day) -> usize {
    day.reports().iter().filter(|r| matches!(r, VoiceReport::ConversationEnded { .. })).count()
}

#[test]
fn a_parked_caller_hears_music_outside_the_conference_and_the_agent_is_let_go() {
    let (day, caller, offer) = parked();
    assert_eq!(day.heard(caller), Heard::Music);
    assert_eq!(day.conferences().values().next().unwrap().status, "completed");
    assert_eq!(ended(&day), 0, "a park ends no conversation");
    let view = day.board.parked(offer.worker);
    assert_eq!(view.len(), 1);
    assert_eq!((view[0].reservation, view[0].task), (offer.reservation, offer.task));
    assert_eq!(day.status(day.sid(caller)), CallStatus::InProgress);
}

#[test]
fn a_pick_up_rings_an_agent_who_has_no_leg() {
    let (mut day, caller, offer) = parked();
    day.order(VoiceOrder::PickUp { offer: offer.clone(), recalled: false });
    assert_eq!(day.heard(caller), Heard::Music, "until the phone is answered");
    assert_eq!(day.board.parked(offer.worker).len(), 1);
    let agent = day.last_invited();
    day.answers(agent);
    assert!(day.talk(caller, agent));
    assert_eq!(day.connected(), 2);
    assert!(day.board.parked(offer.worker).is_empty());
    day.hangs_up(agent);
    assert_eq!(ended(&day), 1);
}

#[test]
fn two_pick_ups_are_one() {
    let (mut day, _, offer) = parked();
    let before = day.invites.len();
    day.order(VoiceOrder::PickUp { offer: offer.clone(), recalled: false });
    day.order(VoiceOrder::PickUp { offer: offer.clone(), recalled: false });
    assert_eq!(day.invites.len(), before + 1);
    day.answers(day.last_invited());
    day.order(VoiceOrder::PickUp { offer, recalled: false });
    assert!(day.last.is_empty());
}

#[test]
fn a_pick_up_that_nobody_answers_is_parked_again() {
    for cause in [Cause::NoAnswer, Cause::Declined, Cause::Failed] {
        let (mut day, caller, offer) = parked();
        day.order(VoiceOrder::PickUp { offer: offer.clone(), recalled: true });
        day.goes(day.last_invited(), cause);
        assert!(matches!(day.reports().last(), Some(VoiceReport::Failed { .. })));
        assert_eq!(day.heard(caller), Heard::Music);
        assert_eq!(day.board.parked(offer.worker).len(), 1);
    }
}

/// Two callers; `ana` talks to the second, the first is parked, all on one leg.
fn swapped() -> (Day, [LegId; 2], LegId, [Offer; 2]) {
    let (mut day, first, agent, one) = talking();
    let second = day.call();
    let mut two = day.offer((one.workspace, one.worker), second, "ana");
    two.park = Some((one.reservation, one.task, one.call.unwrap()));
    day.order(VoiceOrder::PickUp { offer: two.clone(), recalled: false });
    day.now = day.now + std::time::Duration::from_secs(5);
    (day, [first, second], agent, [one, two])
}

#[test]
fn answer_and_park_changes_only_what_the_legs_hear() {
    let (day, [first, second], agent, [one, _]) = swapped();
    assert_eq!(day.heard(first), Heard::Music);
    assert!(day.talk(second, agent));
    assert_eq!(day.board.parked(one.worker).len(), 1);
    assert!(day.last_sip().is_empty(), "no leg is made, ended or negotiated anew");
    let media = day.last.iter().filter(|e| matches!(e, Effect::Media(_))).count();
    assert!(media <= 5, "{media} media commands");
}

#[test]
fn ten_swaps_on_one_leg_leak_nothing() {
    let (mut day, callers, agent, mut offers) = swapped();
    for round in 0..10 {
        let (next, now) = (round % 2, (round + 1) % 2);
        let mut offer = offers[next].clone();
        offer.park = Some((offers[now].reservation, offers[now].task, offers[now].call.unwrap()));
        day.order(VoiceOrder::PickUp { offer: offer.clone(), recalled: false });
        offers[next] = offer;
        assert!(day.talk(callers[next], agent), "round {round}");
        assert_eq!(day.heard(callers[now]), Heard::Music, "round {round}");
        // In between, the one who is parked never hears the other.
        assert_eq!(day.board.parked(offers[0].worker).len(), 1);
        assert!(day.last_sip().is_empty());
        day.order(park(&day, &offers[now], true));
        assert!(day.talk(callers[next], agent), "the order that says it again changes nothing");
    }
    assert_eq!(day.board.live_calls().len(), 3);
    assert_eq!(day.conferences().values().filter(|c| c.status != "completed").count(), 1);
    assert_eq!(ended(&day), 0);
    day.hangs_up(agent);
    assert_eq!(ended(&day), 1);
    assert_eq!(day.board.live_calls().len(), 2);
    assert!(day.plays_are_accounted_for());
}

#[test]
fn a_second_phone_call_that_is_answered_parks_the_first_and_drops_its_leg() {
    let (mut day, first, agent, one) = talking();
    let second = day.call();
    let mut two = day.offer((one.workspace, one.worker), second, "ana");
    two.park = Some((one.reservation, one.task, one.call.unwrap()));
    day.order(VoiceOrder::Ring(two.clone()));
    assert!(day.talk(first, agent), "it rings beside the live call");
    let other = day.last_invited();
    day.answers(other);
    assert!(day.talk(second, other));
    assert_eq!(day.heard(first), Heard::Music);
    assert!(day.is_gone(agent));
    day.order(park(&day, &one, true));
    assert_eq!(day.heard(first), Heard::Music);
    assert_eq!(day.board.agent_leg(one.worker), Some(day.sid(other)));
}

#[test]
fn a_kept_leg_hears_nothing_and_is_let_go_after_a_while() {
    let (mut day, caller, agent, offer) = talking();
    day.order(park(&day, &offer, true));
    assert_eq!((day.heard(caller), day.heard(agent)), (Heard::Music, Heard::Silence));
    day.wait(130.0);
    assert!(day.is_gone(agent));
    assert_eq!(day.heard(caller), Heard::Music);
    assert_eq!(ended(&day), 0);
}

#[test]
fn a_caller_who_hangs_up_while_parked_is_told_once() {
    let (mut day, caller, offer) = parked();
    day.hangs_up(caller);
    let last = day.reports().pop();
    assert!(
        matches!(last, Some(VoiceReport::CallEnded { task, cause: CallEnd::Hangup }) if task == offer.task)
    );
    assert_eq!(day.reports().len(), 2);
    assert!(day.board.parked(offer.worker).is_empty());
    day.order(VoiceOrder::PickUp { offer, recalled: false });
    assert!(matches!(day.reports().last(), Some(VoiceReport::Failed { code: 40144, .. })));
}

#[test]
fn a_caller_who_hangs_up_while_the_pick_up_rings_stops_the_phone() {
    let (mut day, caller, offer) = parked();
    day.order(VoiceOrder::PickUp { offer, recalled: true });
    let agent = day.last_invited();
    day.hangs_up(caller);
    assert!(day.is_gone(agent));
    assert!(matches!(day.reports().last(), Some(VoiceReport::CallEnded { .. })));
    day.legs_match_calls();
}

#[test]
fn a_parked_caller_who_is_redirected_settles_the_task() {
    let (mut day, caller, _) = parked();
    day.redirect(day.sid(caller), "<Say>elsewhere</Say>");
    assert!(matches!(day.reports().last(), Some(VoiceReport::CallEnded { cause: CallEnd::Redirected, .. })));
    assert_eq!(day.heard(caller), Heard::Said("elsewhere".to_owned()));
    day.hangs_up(caller);
    assert_eq!(day.reports().len(), 2);
}

#[test]
fn an_unanswered_park_goes_back_to_the_queue_with_music() {
    let (mut day, caller, offer) = parked();
    day.order(VoiceOrder::Requeue { task: offer.task, call: offer.call.unwrap() });
    assert_eq!(day.heard(caller), Heard::Music);
    assert_eq!(day.board.queue_by_name(&WorkflowSid([5; 16]).to_string()).unwrap().current_size, 1);
    assert!(day.board.parked(offer.worker).is_empty());
    let bo = day.agent("bo", "1002");
    let next = day.offer_of(bo, offer.call, offer.task, "bo");
    day.order(VoiceOrder::Ring(next));
    day.answers(day.last_invited());
    assert!(day.talk(caller, day.last_invited()));
}

#[test]
fn an_unanswered_park_may_go_on_after_the_queue() {
    let (mut day, caller, offer) = parked();
    day.order(VoiceOrder::TaskClosed { task: offer.task, call: offer.call.unwrap(), release: true });
    assert_eq!(day.heard(caller), Heard::Said("survey".to_owned()));
    assert_eq!(day.fetched("http://app/done")[0]["QueueResult"], "bridged");
    day.hangs_up(caller);
    assert_eq!(day.reports().len(), 1, "only that they were connected");
}

#[test]
fn a_recall_rings_even_an_agent_who_talks() {
    let (mut day, [first, second], agent, [one, _]) = swapped();
    day.order(VoiceOrder::PickUp { offer: one, recalled: true });
    assert!(day.talk(second, agent), "nobody is cut off for it");
    assert_eq!(day.heard(first), Heard::Music);
    assert_eq!(day.invites.last().unwrap().2, Destination::Phone("ana".to_owned()));
}

#[test]
fn a_colleague_picks_up_under_their_own_name() {
    let (mut day, caller, offer) = parked();
    let bo = day.agent("bo", "1002");
    let fetched = Offer {
        worker: bo.1,
        worker_name: "bo".to_owned(),
        contact_uri: Some("sip:bo@pbx.example".to_owned()),
        ..offer.clone()
    };
    day.order(VoiceOrder::PickUp { offer: fetched, recalled: false });
    let phone = day.last_invited();
    assert_eq!(day.invites.last().unwrap().2, Destination::Phone("bo".to_owned()));
    day.answers(phone);
    assert!(day.talk(caller, phone));
    assert_eq!(day.board.agent_leg(bo.1), Some(day.sid(phone)));
    // Routing moved the call to a reservation of bo's, of which the next order is the first word.
    let moved = ReservationSid([4; 16]);
    day.order(VoiceOrder::Park {
        reservation: moved,
        task: offer.task,
        call: offer.call.unwrap(),
        keep_agent: false,
    });
    assert_eq!(day.heard(caller), Heard::Music);
    assert_eq!(day.board.parked(bo.1)[0].reservation, moved);
}

#[test]
fn star_one_asks_to_park_and_star_two_to_pick_up_the_longest_parked() {
    let (mut day, [_, _], agent, [one, two]) = swapped();
    day.presses(agent, "*1");
    assert!(
        matches!(day.asked().last(), Some(Command::Park { reservation }) if *reservation == two.reservation)
    );
    day.order(park(&day, &two, true));
    day.presses(agent, "*");
    day.wait(1.9);
    day.presses(agent, "2");
    let asked = day.asked();
    assert!(
        matches!(asked.last(), Some(Command::PickUp { reservation, by }) if *reservation == one.reservation && *by == one.worker)
    );
}

#[test]
fn a_star_alone_is_no_code() {
    let (mut day, _, agent, _) = talking();
    let before = day.asked().len();
    day.presses(agent, "*");
    day.wait(2.1);
    day.presses(agent, "1");
    day.presses(agent, "*9");
    assert_eq!(day.asked().len(), before);
}

#[test]
fn star_three_is_told_to_the_agent_only_and_the_call_comes_back() {
    let (mut day, [_, second], agent, _) = swapped();
    day.presses(agent, "*3");
    assert!(matches!(day.heard(agent), Heard::Said(text) if text.contains("one parked call")));
    assert_eq!(day.heard(second), Heard::Leg(agent));
    day.played_out(agent);
    assert!(day.talk(second, agent));
}

#[test]
fn a_refused_code_is_told_to_the_agent() {
    let (mut day, caller, agent, _) = talking();
    day.hold_routing = true;
    day.presses(agent, "*1");
    day.held.clear();
    day.wait(11.0);
    assert!(matches!(day.heard(agent), Heard::Said(text) if text.contains("not possible")));
    assert_eq!(day.heard(caller), Heard::Leg(agent));
}

#[test]
fn dialling_star_two_picks_up_on_the_leg_that_dialled() {
    let (mut day, caller, offer) = parked();
    let invites = day.invites.len();
    let phone = day.phone_dials("ana", "*2");
    assert!(
        matches!(day.asked().last(), Some(Command::PickUp { reservation, .. }) if *reservation == offer.reservation)
    );
    day.order(VoiceOrder::PickUp { offer, recalled: false });
    assert_eq!(day.invites.len(), invites, "nobody is called");
    assert!(day.talk(caller, phone));
}

#[test]
fn dialling_star_three_lists_and_hangs_up_and_star_two_with_nothing_parked_says_so() {
    let (mut day, ..) = parked();
    let phone = day.phone_dials("ana", "*3");
    assert!(matches!(day.heard(phone), Heard::Said(text) if text.contains("1 5 5 5 0 1 0 9 9 9 9")));
    day.played_out(phone);
    assert!(day.is_gone(phone));
    let mut day = Day::new();
    day.agent("ana", "1001");
    let phone = day.phone_dials("ana", "*2");
    assert!(matches!(day.heard(phone), Heard::Said(text) if text.contains("no parked calls")));
}

#[test]
fn an_agent_who_dials_out_gets_a_task_and_is_connected_when_the_far_end_answers() {
    for order_first in [true, false] {
        let mut day = Day::new();
        let ana = day.agent("ana", "1001");
        day.hold_routing = true;
        let phone = day.phone_dials("ana", "+15550106666");
        let made = day.tasks_made().pop().expect("a task");
        let map = made.attributes.map();
        assert_eq!(
            (map["direction"].as_str(), map["outbound_to"].as_str()),
            (Some("outbound"), Some("+15550106666"))
        );
        let customer_call: CallSid = map["call_sid"].as_str().unwrap().parse().unwrap();
        let offer = day.offer_of(ana, Some(customer_call), TaskSid([9; 16]), "ana");
        if order_first {
            day.order(VoiceOrder::Ring(offer.clone()));
            day.release_held();
        } else {
            day.release_held();
            day.order(VoiceOrder::Ring(offer.clone()));
        }
        assert_eq!(day.invites.len(), 1, "only the far end is called");
        let (customer, call, to, from) = day.invites[0].clone();
        assert_eq!((call, to), (customer_call, Destination::Trunk("+15550106666".to_owned())));
        assert_eq!(from, super::day::NUMBER);
        day.rings(customer);
        assert!(day.last_sip().iter().any(|c| matches!(c, Sip::Progress { leg, .. } if *leg == phone)));
        assert_eq!(day.connected(), 0);
        day.answers(customer);
        assert!(day.talk(phone, customer), "order first: {order_first}");
        assert_eq!(day.connected(), 1);
        day.order(park(&day, &offer, false));
        assert_eq!(day.heard(customer), Heard::Music);
        assert!(day.is_gone(phone));
        day.hangs_up(customer);
        assert!(matches!(day.reports().last(), Some(VoiceReport::CallEnded { cause: CallEnd::Hangup, .. })));
    }
}

#[test]
fn an_agents_own_call_that_is_busy_is_busy_to_the_phone() {
    let mut day = Day::new();
    let ana = day.agent("ana", "1001");
    let phone = day.phone_dials("ana", "15550106666");
    let call = day.invites[0].1;
    let offer = day.offer_of(ana, Some(call), TaskSid([9; 16]), "ana");
    day.order(VoiceOrder::Ring(offer));
    day.goes(day.last_invited(), Cause::Busy);
    assert!(day.last_sip().contains(&Sip::Refuse { leg: phone, status: 486 }));
    assert!(matches!(day.reports()[..], [VoiceReport::Failed { code: 40145, .. }]));
    day.legs_match_calls();
}

#[test]
fn an_agent_who_gives_up_their_own_call_cancels_it() {
    for ordered in [true, false] {
        let mut day = Day::new();
        let ana = day.agent("ana", "1001");
        let phone = day.phone_dials("ana", "+15550106666");
        let (customer, call, ..) = day.invites[0].clone();
        if ordered {
            let offer = day.offer_of(ana, Some(call), TaskSid([9; 16]), "ana");
            day.order(VoiceOrder::Ring(offer));
        }
        day.hangs_up(phone);
        assert!(day.is_gone(customer));
        assert_eq!(day.status(call), CallStatus::Canceled);
        let reports = day.reports();
        assert_eq!(reports.len(), 1, "{reports:?}");
        assert_eq!(matches!(reports[0], VoiceReport::CallEnded { .. }), !ordered);
    }
}

#[test]
fn an_agent_in_a_call_is_asked_to_park_it_before_calling_out() {
    let (mut day, ..) = talking();
    let invites = day.invites.len();
    let phone = day.phone_dials("ana", "+15550106666");
    assert!(matches!(day.heard(phone), Heard::Said(text) if text.contains("park")));
    assert_eq!(day.invites.len(), invites);
}

#[test]
fn phones_call_each_other_our_numbers_and_the_outside() {
    let mut day = Day::that_runs("<Say>hello</Say>");
    day.agent("ana", "1001");
    day.agent("bo", "1002");
    for dialled in ["1002", "bo"] {
        let phone = day.phone_dials("ana", dialled);
        assert_eq!(day.invites.last().unwrap().2, Destination::Phone("bo".to_owned()));
        day.answers(day.last_invited());
        assert!(day.talk(phone, day.last_invited()));
    }
    let phone = day.phone_dials("ana", super::day::NUMBER);
    assert_eq!(day.heard(phone), Heard::Said("hello".to_owned()));
    let asked = &day.fetched("http://app/voice")[0];
    assert_eq!((asked["From"].as_str(), asked["SipUsername"].as_str()), ("sip:ana@pbx.example", "ana"));
    let phone = day.phone_dials("lobby", CALLER);
    assert_eq!(day.invites.last().unwrap().2, Destination::Trunk(CALLER.to_owned()));
    day.answers(day.last_invited());
    assert!(day.talk(phone, day.last_invited()));
    let phone = day.phone_dials("lobby", "*2");
    assert!(day.last_sip().contains(&Sip::Refuse { leg: phone, status: 404 }));
}

#[test]
fn one_side_on_hold_while_parked_changes_nothing_for_anybody_else() {
    let (mut day, [first, second], agent, _) = swapped();
    day.give(Input::Sip(sip::port::Event::PeerHold { leg: first, held: true }));
    assert!(day.talk(second, agent));
    assert_eq!(day.heard(first), Heard::Music);
}

#[test]
fn a_call_that_is_taken_before_the_phone_is_answered_counts_as_parked() {
    let (mut day, first, agent, one) = talking();
    day.hangs_up(agent);
    assert_eq!(day.heard(first), Heard::Said("survey".to_owned()));
    let second = day.call();
    let two = day.offer((one.workspace, one.worker), second, "ana");
    for ringing in [false, true] {
        if ringing {
            day.order(VoiceOrder::Ring(two.clone()));
        }
        let before = day.invites.len();
        day.order(VoiceOrder::PickUp { offer: two.clone(), recalled: false });
        assert_eq!(day.invites.len(), before + usize::from(!ringing), "one phone rings, once");
        assert_eq!(day.heard(second), Heard::Music);
        day.goes(day.last_invited(), Cause::NoAnswer);
        assert!(matches!(day.reports().last(), Some(VoiceReport::Failed { .. })));
        assert_eq!((day.heard(second), day.board.parked(one.worker).len()), (Heard::Music, 1));
        day.order(VoiceOrder::Requeue { task: two.task, call: two.call.unwrap() });
    }
}

#[test]
fn an_agents_own_call_without_an_offer_is_a_plain_call() {
    let mut day = Day::new();
    day.agent("ana", "1001");
    let phone = day.phone_dials("ana", "+15550106666");
    let customer = day.last_invited();
    day.answers(customer);
    day.wait(3.1);
    assert!(day.talk(phone, customer));
    day.wait(600.0);
    assert!(day.talk(phone, customer), "and lasts");
    day.hangs_up(phone);
    assert!(day.is_gone(customer));
    assert!(matches!(day.reports()[..], [VoiceReport::CallEnded { cause: CallEnd::Hangup, .. }]));
}

#[test]
fn an_agent_who_answers_another_call_gives_up_the_one_they_are_making_first() {
    for ordered in [true, false] {
        let mut day = Day::that_runs(&format!("<Enqueue workflowSid=\"{}\"/>", WorkflowSid([5; 16])));
        let ana = day.agent("ana", "1001");
        let caller = day.call();
        let phone = day.phone_dials("ana", "+15550106666");
        let (far_end, out, ..) = day.invites[0].clone();
        let attempt = day.offer_of(ana, Some(out), TaskSid([9; 16]), "ana");
        if ordered {
            day.order(VoiceOrder::Ring(attempt.clone()));
        }
        day.rings(far_end);
        let offer = day.offer(ana, caller, "ana");
        day.order(VoiceOrder::Ring(offer.clone()));
        let other = day.last_invited();
        assert!(other != far_end && !day.is_gone(phone), "the phone rings beside the attempt");
        day.answers(other);
        assert!(day.talk(caller, other));
        assert!(day.is_gone(phone) && day.is_gone(far_end));
        assert_eq!(day.status(out), CallStatus::Canceled);
        let reports = day.reports();
        assert_eq!(reports.len(), 2, "{reports:?}");
        let ended = match &reports[0] {
            VoiceReport::Failed { reservation, .. } => ordered && *reservation == attempt.reservation,
            VoiceReport::CallEnded { .. } => !ordered,
            _ => false,
        };
        assert!(ended, "the attempt ends before the other call is taken: {reports:?}");
        assert!(day.board.parked(ana.1).is_empty());
        day.legs_match_calls();
    }
}

#[test]
fn a_yes_that_was_said_elsewhere_is_the_stations_to_take_and_stops_any_other_phone() {
    for (address, taken) in [("client:ana", true), ("sip:ana@example.com", false)] {
        let (mut day, caller, ana) = waiting();
        let offer = Offer { contact_uri: Some(address.to_owned()), ..day.offer(ana, caller, "ana") };
        day.order(VoiceOrder::Ring(offer.clone()));
        let rings = day.last_invited();
        day.order(VoiceOrder::Accepted { offer });
        assert_eq!(day.taken.contains(&rings), taken, "{address}");
        assert_eq!(day.is_gone(rings), !taken, "{address}");
        if taken {
            day.answers(rings);
            assert!(day.talk(caller, rings));
        }
    }
}

#[test]
fn a_yes_at_the_desk_is_the_stations_to_take() {
    let (mut day, caller, ana) = waiting();
    let offer = Offer { contact_uri: Some("client:ana".to_owned()), ..day.offer(ana, caller, "ana") };
    day.order(VoiceOrder::Ring(offer.clone()));
    let rings = day.last_invited();
    day.order(VoiceOrder::PickUp { offer, recalled: false });
    assert_eq!(day.taken, [rings]);
    day.answers(rings);
    assert!(day.talk(caller, rings));
}

#[test]
fn who_waits_hears_the_music_that_was_chosen_and_ours_if_it_cannot_be_had() {
    let (mut day, caller, offer) = parked();
    assert_eq!(day.heard(caller), Heard::Music);
    day.give(Input::HoldMusic(Some("http://tandem/prompt.mp3".to_owned())));
    assert_eq!(day.heard(caller), Heard::Music, "nobody's music is broken off");
    day.order(VoiceOrder::PickUp { offer: offer.clone(), recalled: false });
    let agent = day.last_invited();
    day.answers(agent);
    day.order(park(&day, &offer, false));
    assert_eq!(day.heard(caller), Heard::File("http://tandem/prompt.mp3".to_owned()));
    day.play_fails(caller);
    assert_eq!(day.heard(caller), Heard::Music);
}
