//! A peer refers whoever it talks with to somebody else (RFC 3515).

use crate::day::*;
use engine::call::*;
use engine::routing::command::Command as Routing;
use engine::routing::effect::VoiceOrder;
use engine::routing::model::*;
use sip::port::{Command as Sip, Destination, Event, LegId};

fn refers(day: &mut Day, leg: LegId, to: &str) {
    day.give(Input::Sip(Event::Referred { leg, to: to.to_owned() }));
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
