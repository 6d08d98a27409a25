//! REFER both ways, and calls that take the place of others.

use super::peers::{House, Policy, Sipp, Speaker};
use sip::port::{Command, Event, LegId};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_is_referred_and_says_how_that_goes() {
    let mut house = House::start(Policy::RingAndAnswer).await;
    let leg = LegId(1);
    let peer = Sipp::caller("referred.xml").to(&house, "1001").start();
    house.wait_for(|events| events.contains(&Event::Answered { leg })).await;
    house.gateway.command(Command::Refer { leg, to: "sip:desk@pbx.example".to_owned() });
    let last = Event::ReferNotified { leg, status: Some(486), over: true };
    house.wait_for(|events| events.contains(&last)).await;
    // The call goes on until we end it: a transfer that fails leaves the caller with us.
    house.gateway.command(Command::Hangup { leg });
    peer.finish().await;
    let events = house.story_of(leg).await;
    let said = |event: &Event| events.iter().any(|heard| heard == event);
    assert!(said(&Event::ReferAnswered { leg, status: Some(202) }), "{events:?}");
    assert!(said(&Event::ReferNotified { leg, status: Some(100), over: false }), "{events:?}");

    let leg = LegId(3);
    let peer = Sipp::caller("refer_refused.xml").to(&house, "1001").start();
    house.wait_for(|events| events.contains(&Event::Answered { leg })).await;
    house.gateway.command(Command::Refer { leg, to: "sip:desk@pbx.example".to_owned() });
    house.wait_for(|events| events.contains(&Event::ReferAnswered { leg, status: Some(405) })).await;
    house.gateway.command(Command::Hangup { leg });
    peer.finish().await;
}

/// A dialog that a speaker began and acknowledged; its To line with our tag.
async fn established(house: &mut House, speaker: &Speaker, id: &str, leg: LegId) -> String {
    let answer = speaker.ask_about(house, &speaker.invite("1001", id), &format!("Call-ID: {id}\r\n")).await;
    assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
    let to = answer.lines().find(|line| line.starts_with("To: ")).unwrap().to_owned();
    let ack =
        speaker.request("ACK", "sip:tandem@127.0.0.1", id, "").replace("To: <sip:callee@127.0.0.1>", &to);
    speaker.say(house, &ack.replace("branch=z9hG4bK-", "branch=z9hG4bK-ack-")).await;
    house.wait_for(|events| events.contains(&Event::Answered { leg })).await;
    to
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_takes_the_place_of_one_of_the_same_party_only() {
    let mut house = House::start(Policy::RingAndAnswer).await;
    let speaker = Speaker::new().await;
    let to = established(&mut house, &speaker, "first", LegId(1)).await;
    let tag = to.split_once("tag=").unwrap().1.to_owned();
    let asks = |id: &str, replaces: &str| {
        let invite = speaker.invite("1001", id);
        invite.replace(
            "Max-Forwards: 70",
            &format!("Max-Forwards: 70\r\nRequire: replaces\r\nReplaces: {replaces}"),
        )
    };
    for (id, replaces, status) in [
        ("other", format!("first;to-tag={tag}x;from-tag=t-first"), 481),
        ("half", format!("first;to-tag={tag};from-tag=t-other"), 481),
        ("none", "nothing;to-tag=a;from-tag=b".to_owned(), 481),
        ("early", format!("first;to-tag={tag};from-tag=t-first;early-only"), 486),
        ("bad", "first".to_owned(), 400),
    ] {
        let answer = speaker.ask_about(&house, &asks(id, &replaces), &format!("Call-ID: {id}\r\n")).await;
        assert!(answer.starts_with(&format!("SIP/2.0 {status} ")), "{id}: {answer}");
    }
    assert!(house.events().await.iter().all(|event| !matches!(event, Event::Replacing { .. })));
    let good = format!("first;to-tag={tag};from-tag=t-first");
    speaker.say(&house, &asks("second", &good)).await;
    house
        .wait_for(|events| {
            events.iter().any(
                |event| matches!(event, Event::Replacing { replaced: LegId(1), leg, .. } if *leg != LegId(1)),
            )
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refer_with_replaces_names_a_leg_of_ours() {
    let mut house = House::start(Policy::RingAndAnswer).await;
    let speaker = Speaker::new().await;
    let first = established(&mut house, &speaker, "one", LegId(1)).await;
    let second = established(&mut house, &speaker, "two", LegId(3)).await;
    let tag = second.split_once("tag=").unwrap().1;
    let refers = |replaces: &str, cseq: u32| {
        let to = format!("Refer-To: <sip:bo@127.0.0.1?Replaces={replaces}>\r\n");
        let request = speaker.request("REFER", "sip:tandem@127.0.0.1", "one", &to);
        request
            .replace("To: <sip:callee@127.0.0.1>", &first)
            .replace("CSeq: 1", &format!("CSeq: {cseq}"))
            .replace("branch=z9hG4bK-", &format!("branch=z9hG4bK-{cseq}-"))
    };
    let wrong = speaker.ask_about(&house, &refers("two%3Bto-tag%3Dx%3Bfrom-tag%3Dt-two", 2), "2 REFER").await;
    assert!(wrong.starts_with("SIP/2.0 481 "), "{wrong}");
    let right = refers(&format!("two%3Bto-tag%3D{tag}%3Bfrom-tag%3Dt-two"), 3);
    let accepted = speaker.ask_about(&house, &right, "3 REFER").await;
    assert!(accepted.starts_with("SIP/2.0 202 "), "{accepted}");
    let referred = Event::Referred { leg: LegId(1), to: "bo".to_owned(), replaces: Some(LegId(3)) };
    house.wait_for(|events| events.contains(&referred)).await;
}
