//! A peer refers whoever it talks with to somebody else (RFC 3515).

use crate::day::*;
use engine::call::*;
use engine::routing::command::Command as Routing;
use engine::routing::effect::VoiceOrder;
use engine::routing::model::*;
use sip::port::{Command as Sip, Destination, Event, LegId};

fn refers(day: &mut Day, leg: LegId, to: &str) {
    day.give(Input::Sip(Event::Referred { leg, to: to.to_owned(), replaces: None }));
}

/// A phone puts whoever it talks with on this leg together with whoever it talks with on the other.
fn refers_attended(day: &mut Day, leg: LegId, other: LegId) {
    let to = "somebody".to_owned();
    day.give(Input::Sip(Event::Referred { leg, to, replaces: Some(other) }));
}

/// What the peer was told last of its REFER.
fn told(day: &Day, leg: LegId) -> Option<u16> {
    day.log.iter().rev().find_map(|effect| match effect {
        Effect::Sip(Sip::Referred { leg: of, status }) if *of == leg => Some(*status),
        _ => None,
    })
}

/// A caller who was connected with bo's phone by `<Dial>`.
fn dialled(attributes: &str) -> (Day, LegId, LegId) {
    let mut day =
        Day::that_runs(&format!("<Dial {attributes}><Sip>sip:bo@pbx.example</Sip></Dial><Say>after</Say>"));
    let caller = day.call();
    let bo = day.last_invited();
    day.answers(bo);
    assert!(day.talk(caller, bo));
    (day, caller, bo)
}

#[test]
fn a_phone_that_was_called_hands_its_caller_on() {
    for (to, destination) in [
        ("+15557770001", Destination::Trunk("+15557770001".to_owned())),
        ("kim", Destination::Phone("kim".to_owned())),
        ("sip:desk@203.0.113.9", Destination::Uri("sip:desk@203.0.113.9".to_owned())),
    ] {
        let (mut day, caller, bo) = dialled("");
        refers(&mut day, bo, to);
        assert_eq!(told(&day, bo), Some(200));
        assert!(day.is_gone(bo));
        assert_eq!(day.invites.last().unwrap().2, destination);
        let next = day.last_invited();
        day.answers(next);
        assert!(day.talk(caller, next), "{to}");
        day.legs_match_calls();
    }
}

#[test]
fn a_phone_that_called_hands_on_whom_it_called() {
    let mut day = Day::new();
    let ana = day.phone_dials("ana", "bo");
    let bo = day.last_invited();
    day.answers(bo);
    assert!(day.talk(ana, bo));
    refers(&mut day, ana, "kim");
    assert_eq!(told(&day, ana), Some(200));
    assert!(day.is_gone(ana) && !day.is_gone(bo));
    let kim = day.last_invited();
    assert_eq!(day.invites.last().unwrap().2, Destination::Phone("kim".to_owned()));
    day.answers(kim);
    assert!(day.talk(bo, kim));
    day.hangs_up(kim);
    assert!(day.is_gone(bo));
    day.legs_match_calls();
}

#[test]
fn somebody_from_outside_does_not_say_whom_we_call() {
    let (mut day, caller, bo) = dialled("");
    let before = day.invites.len();
    refers(&mut day, caller, "+15557770001");
    assert_eq!(told(&day, caller), Some(403));
    assert!(day.talk(caller, bo) && day.invites.len() == before);

    let mut day = Day::with(|settings| settings.phones_dial_out = false);
    day.document("http://app/voice", "<Dial><Sip>sip:bo@pbx.example</Sip></Dial>");
    let caller = day.call();
    let bo = day.last_invited();
    day.answers(bo);
    refers(&mut day, bo, "+15557770001");
    assert_eq!(told(&day, bo), Some(403));
    assert!(day.talk(caller, bo));
    refers(&mut day, bo, "no such thing");
    assert_ne!(told(&day, bo), Some(200));
}

#[test]
fn the_application_says_what_becomes_of_a_referred_call() {
    let (mut day, caller, bo) = dialled(r#"referUrl="/refer" action="/done""#);
    day.document("http://app/refer", "<Say>one moment</Say>");
    refers(&mut day, bo, "+15557770001");
    assert_eq!(told(&day, bo), Some(200));
    assert_eq!(day.fetched("http://app/refer")[0]["ReferTransferTarget"], "+15557770001");
    assert_eq!(day.heard(caller), Heard::Said("one moment".to_owned()));
    assert!(day.is_gone(bo));
    assert_eq!(day.told("http://app/done").len(), 1);
}

#[test]
fn an_agents_customer_goes_to_a_colleague_by_transfer_and_elsewhere_by_a_call() {
    let (mut day, caller, agent, offer) = crate::tasks::talking();
    day.agent("bo", "1002");
    refers(&mut day, agent, "1002");
    let asked = day.asked().into_iter().rev().find_map(|ask| match ask {
        Routing::CreateTransfer { reservation, to, mode, .. } => Some((reservation, to, mode)),
        _ => None,
    });
    let Some((reservation, TransferTarget::Worker(_), TransferMode::Cold)) = asked else {
        panic!("{asked:?}")
    };
    assert_eq!(reservation, offer.reservation);
    assert_eq!(told(&day, agent), Some(200));

    refers(&mut day, agent, "+15557770001");
    assert_eq!(told(&day, agent), Some(200));
    let out = day.last_invited();
    day.answers(out);
    assert!(day.talk(caller, out));
    assert!(!day.talk(caller, agent));
    let nobody = day.call();
    refers(&mut day, nobody, "1002");
    assert_eq!(told(&day, nobody), Some(603), "who talks with nobody has nobody to refer");
    day.order(VoiceOrder::Withdraw { reservation });
}

#[test]
fn a_phone_that_talks_with_two_puts_them_together_and_leaves() {
    // Over the call that it got, over the call that it made, and whoever was called by whom.
    for first in [true, false] {
        let (mut day, caller, bo) = dialled(r#"action="/done""#);
        day.document("http://app/done", "<Hangup/>");
        let asked = day.phone_dials("bo", "kim");
        let kim = day.last_invited();
        day.answers(kim);
        assert!(day.talk(asked, kim));
        let (over, other) = if first { (bo, asked) } else { (asked, bo) };
        refers_attended(&mut day, over, other);
        assert_eq!(told(&day, over), Some(200));
        assert_eq!(told(&day, other), None, "only who asked is told");
        assert!(day.is_gone(bo) && day.is_gone(asked));
        assert!(day.talk(caller, kim));
        assert_eq!(day.told("http://app/done").len(), 1);
        day.legs_match_calls();
        day.hangs_up(kim);
        assert!(day.is_gone(caller));
        day.legs_match_calls();
    }
}

#[test]
fn nobody_puts_together_the_calls_of_others() {
    let (mut day, caller, bo) = dialled("");
    let ana = day.phone_dials("ana", "kim");
    let kim = day.last_invited();
    day.answers(kim);
    for (leg, other) in [(bo, ana), (caller, bo), (bo, bo), (caller, kim), (bo, LegId(9_999))] {
        refers_attended(&mut day, leg, other);
        assert!(matches!(told(&day, leg), Some(403 | 603)), "{leg:?} {other:?}");
    }
    assert!(day.talk(caller, bo) && day.talk(ana, kim));
    // Whom it has called and who has not answered cannot be given to anybody.
    let asked = day.phone_dials("bo", "eve");
    refers_attended(&mut day, bo, asked);
    assert_eq!(told(&day, bo), Some(603));
    assert!(day.talk(caller, bo));
    day.legs_match_calls();
}

#[test]
fn an_agent_who_has_asked_a_colleague_hands_them_the_task_without_another_ring() {
    let (mut day, caller, agent, offer) = crate::tasks::talking();
    let bo = day.agent("bo", "1002");
    let asked = day.phone_dials("ana", "1002");
    let colleague = day.last_invited();
    day.answers(colleague);
    assert!(day.talk(asked, colleague) && day.talk(caller, agent));
    refers_attended(&mut day, agent, asked);
    let transfer = day.asked().into_iter().rev().find_map(|ask| match ask {
        Routing::CreateTransfer { task, to, mode, .. } => Some((task, to, mode)),
        _ => None,
    });
    let Some((task, TransferTarget::Worker(worker), TransferMode::Cold)) = transfer else { panic!() };
    assert_eq!((task, worker), (offer.task, bo.1));
    assert_eq!(told(&day, agent), Some(200));
    // Routing lets the agent go, and offers the task to the colleague, whose phone does not ring again.
    day.order(VoiceOrder::HandOver {
        reservation: offer.reservation,
        task: offer.task,
        call: day.sid(caller),
        cold: true,
    });
    let invited = day.invites.len();
    let mut next = day.offer(bo, caller, "bo");
    next.task = offer.task;
    day.order(VoiceOrder::Ring(next.clone()));
    assert_eq!(day.invites.len(), invited, "nothing rings");
    assert!(day.is_gone(agent) && day.is_gone(asked));
    assert!(day.talk(caller, colleague));
    day.legs_match_calls();
    day.hangs_up(colleague);
    let ended = day.reports().into_iter().any(|report| {
        matches!(report, engine::routing::command::VoiceReport::ConversationEnded { reservation, .. } if reservation == next.reservation)
    });
    assert!(ended, "it was the colleague's conversation");
    day.legs_match_calls();
}

#[test]
fn an_agent_who_has_asked_somebody_else_leaves_them_the_caller() {
    let (mut day, caller, agent, offer) = crate::tasks::talking();
    let asked = day.phone_dials("ana", "kim");
    let kim = day.last_invited();
    day.answers(kim);
    // Some phones refer over the call with whom they asked.
    refers_attended(&mut day, asked, agent);
    assert_eq!(told(&day, asked), Some(200));
    assert!(day.is_gone(agent) && day.is_gone(asked));
    assert!(day.talk(caller, kim));
    let ended = day.reports().into_iter().any(|report| {
        matches!(report, engine::routing::command::VoiceReport::ConversationEnded { reservation, .. } if reservation == offer.reservation)
    });
    assert!(ended, "the agent's conversation is over");
    day.legs_match_calls();
    day.hangs_up(caller);
    assert!(day.is_gone(kim));
}

#[test]
fn a_party_goes_on_with_another_leg() {
    let (mut day, caller, bo) = dialled("");
    let desk = LegId(71);
    day.appears(desk, day.sid(bo));
    day.give(Input::Sip(Event::Replacing { leg: desk, replaced: bo, peer: "192.0.2.9:5060".to_owned() }));
    let answered = day.log.iter().any(|e| matches!(e, Effect::Sip(Sip::Answer { leg }) if *leg == desk));
    assert!(answered && day.is_gone(bo));
    assert!(day.talk(caller, desk));
    day.legs_match_calls();
    // One that is not there any more cannot be replaced.
    let late = LegId(73);
    day.give(Input::Sip(Event::Replacing { leg: late, replaced: bo, peer: "192.0.2.9:5060".to_owned() }));
    assert!(matches!(day.log.last(), Some(Effect::Sip(Sip::Refuse { leg, status: 481 })) if *leg == late));
    day.hangs_up(desk);
    assert_eq!(day.heard(caller), Heard::Said("after".to_owned()));
}

/// A caller whose document refers them.
fn referred(verb: &str) -> (Day, LegId) {
    let mut day = Day::that_runs(&format!("{verb}<Say>after</Say>"));
    day.document("http://app/done", "<Say>done</Say>");
    let caller = day.call();
    let asked = day.log.iter().any(
        |e| matches!(e, Effect::Sip(Sip::Refer { leg, to }) if *leg == caller && to == "sip:desk@pbx.example"),
    );
    assert!(asked, "the caller is asked to call the desk");
    (day, caller)
}

const REFER: &str = r#"<Refer action="/done"><Sip>sip:desk@pbx.example</Sip></Refer>"#;

#[test]
fn a_refer_waits_for_the_last_word_about_it() {
    for (status, meaning) in
        [(200, "in-progress"), (486, "busy"), (480, "no-answer"), (487, "canceled"), (404, "failed")]
    {
        let (mut day, caller) = referred(REFER);
        day.give(Input::Sip(Event::ReferAnswered { leg: caller, status: Some(202) }));
        day.give(Input::Sip(Event::ReferNotified { leg: caller, status: Some(100), over: false }));
        assert!(day.fetched("http://app/done").is_empty() && !day.is_gone(caller));
        day.give(Input::Sip(Event::ReferNotified { leg: caller, status: Some(status), over: true }));
        let told = &day.fetched("http://app/done")[0];
        assert_eq!(told["ReferCallStatus"], meaning);
        assert_eq!(told["ReferSipResponseCode"], "202");
        assert_eq!(told["NotifySipResponseCode"], status.to_string());
        assert_eq!(day.heard(caller), Heard::Said("done".to_owned()));
    }
}

#[test]
fn a_refer_that_is_refused_or_never_settled_says_so() {
    let (mut day, caller) = referred(REFER);
    day.give(Input::Sip(Event::ReferAnswered { leg: caller, status: Some(405) }));
    let told = &day.fetched("http://app/done")[0];
    assert_eq!((&*told["ReferCallStatus"], &*told["ReferSipResponseCode"]), ("failed", "405"));
    assert!(!told.contains_key("NotifySipResponseCode"));

    let (mut day, caller) = referred(REFER);
    day.give(Input::Sip(Event::ReferAnswered { leg: caller, status: Some(202) }));
    day.wait(121.0);
    let told = &day.fetched("http://app/done")[0];
    assert!(!told.contains_key("ReferCallStatus") && told["ReferSipResponseCode"] == "202");

    // Without an action the next verb runs.
    let (mut day, caller) = referred("<Refer><Sip>sip:desk@pbx.example</Sip></Refer>");
    day.give(Input::Sip(Event::ReferAnswered { leg: caller, status: None }));
    assert_eq!(day.heard(caller), Heard::Said("after".to_owned()));
}

#[test]
fn a_caller_who_leaves_for_whom_they_were_referred_to_is_told_of() {
    let (mut day, caller) = referred(REFER);
    day.give(Input::Sip(Event::ReferAnswered { leg: caller, status: Some(202) }));
    day.give(Input::Sip(Event::ReferNotified { leg: caller, status: Some(180), over: false }));
    day.hangs_up(caller);
    let told = day.told("http://app/done");
    assert_eq!((told.len(), &*told[0]["ReferCallStatus"]), (1, "in-progress"));
}
