//! The SIP gateway against real peers on loopback: sipp and baresip, and datagrams nobody should send.
//!
//! Both programs come from Debian's packages (`sip-tester`, `baresip`); a test that lacks its peer fails and says so.

#![allow(clippy::unwrap_used, reason = "in a test, what is not there fails the test")]

#[path = "sip/interop.rs"]
mod interop;
#[path = "sip/names.rs"]
mod names;
mod peers;
#[path = "sip/transfers.rs"]
mod transfers;
#[path = "sip/websockets.rs"]
mod websockets;

use base::CallSid;
use media::control::Event as MediaEvent;
use peers::{Baresip, House, Policy, Sipp, Speaker, by_name, deadline};
use sip::port::{Cause, Command, Destination, Event, LegId, Source};
use std::time::Duration;
use tandem_gateway::sip::{Limits, SipSettings, TlsListener, TrunkSettings};

fn invite(leg: u64, to: Destination, timeout: Duration) -> Command {
    Command::Invite {
        leg: LegId(leg),
        call: CallSid::generate(&mut base::Entropy::seeded(leg)),
        to,
        from: "+15550100001".to_owned(),
        from_name: Some("Tandem \"test\"".to_owned()),
        headers: vec![("X-Twilio-CallSid".to_owned(), "CA1\r\nEvil: yes".to_owned())],
        credentials: None,
        timeout,
    }
}

const RING: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_with_audio_comes_in_and_is_hung_up_by_the_caller() {
    let mut house = House::start(Policy::RingAndAnswer).await;
    Sipp::caller("call_rtp.xml").to(&house, "+15550100001").with_tone().run().await;
    let events = house.story_of(LegId(1)).await;
    let Event::Incoming { source, to, to_domain, from, .. } = &events[0] else { panic!("{events:?}") };
    assert_eq!(*source, Source::Trunk("dev".to_owned()));
    assert_eq!(
        (to.as_str(), to_domain.as_str(), from.as_str()),
        ("+15550100001", "127.0.0.1", "+15550100077")
    );
    assert_eq!(
        events[1..],
        [
            Event::Answered { leg: LegId(1) },
            Event::Gone { leg: LegId(1), cause: Cause::PeerHungUp, status: None },
        ]
    );
    let quality = house.media(|event| match event {
        MediaEvent::Quality { quality, .. } => Some(*quality),
        _ => None,
    });
    assert!(quality.await.received > 50, "the gateway connected the caller's audio");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_hung_up_by_us() {
    let mut house = House::start(Policy::AnswerAndHangUp).await;
    Sipp::caller("called_hangup.xml").to(&house, "1001").run().await;
    let gone = house.end_of(LegId(1)).await;
    assert_eq!(gone, (Cause::WeHungUp, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_gives_up_is_told_so() {
    let mut house = House::start(Policy::Ring).await;
    Sipp::caller("cancel.xml").to(&house, "1001").run().await;
    assert_eq!(house.end_of(LegId(1)).await, (Cause::PeerHungUp, Some(487)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_may_give_up_by_bye() {
    let mut house = House::start(Policy::Ring).await;
    let caller = Speaker::new().await;
    caller.say(&house, &caller.invite("1001", "early")).await;
    let ringing = loop {
        let heard = caller.hear().await;
        if heard.starts_with("SIP/2.0 180") {
            break heard;
        }
    };
    let to = ringing.lines().find(|line| line.starts_with("To: ")).unwrap();
    let bye =
        caller.request("BYE", "sip:tandem@127.0.0.1", "bye", "").replace("To: <sip:callee@127.0.0.1>", to);
    let bye = bye
        .replace("Call-ID: bye", "Call-ID: early")
        .replace("tag=t-bye", "tag=t-early")
        .replace("CSeq: 1", "CSeq: 2");
    caller.say(&house, &bye).await;
    let mut answers = [caller.hear().await, caller.hear().await];
    answers.sort();
    assert!(answers[0].starts_with("SIP/2.0 200") && answers[0].contains("BYE"), "{answers:?}");
    assert!(answers[1].starts_with("SIP/2.0 487") && answers[1].contains("INVITE"), "{answers:?}");
    assert_eq!(house.end_of(LegId(1)).await, (Cause::PeerHungUp, Some(487)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_works_over_tcp() {
    let mut house = House::start(Policy::RingAndAnswer).await;
    for scenario in ["call.xml", "hold.xml", "options.xml"] {
        Sipp::caller(scenario).to(&house, "1001").over_tcp().run().await;
    }
    assert_eq!(house.end_of(LegId(1)).await, (Cause::PeerHungUp, None));
    assert_eq!(house.end_of(LegId(3)).await, (Cause::PeerHungUp, None));
    let mut house = House::start(Policy::AnswerAndHangUp).await;
    Sipp::caller("called_hangup.xml").to(&house, "1001").over_tcp().run().await;
    assert_eq!(house.end_of(LegId(1)).await, (Cause::WeHungUp, None));
    let mut house = House::start(Policy::Ring).await;
    Sipp::caller("cancel.xml").to(&house, "1001").over_tcp().run().await;
    assert_eq!(house.end_of(LegId(1)).await, (Cause::PeerHungUp, Some(487)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_holds_and_resumes_in_every_way() {
    let mut house = House::start(Policy::RingAndAnswer).await;
    Sipp::caller("hold.xml").to(&house, "1001").run().await;
    let events = house.story_of(LegId(1)).await;
    let holds: Vec<bool> = events
        .iter()
        .filter_map(|event| match event {
            Event::PeerHold { held, .. } => Some(*held),
            _ => None,
        })
        .collect();
    assert_eq!(holds, [true, false, true, false, true], "{events:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offers_may_come_late_and_provisionals_reliably() {
    let mut house = House::start(Policy::EarlyMediaThenAnswer).await;
    Sipp::caller("delayed_offer.xml").to(&house, "1001").run().await;
    assert_eq!(house.end_of(LegId(1)).await, (Cause::PeerHungUp, None));
    Sipp::caller("prack.xml").to(&house, "1001").run().await;
    assert_eq!(house.end_of(LegId(3)).await, (Cause::PeerHungUp, None));
    Sipp::caller("timer.xml").to(&house, "1001").run().await;
    assert_eq!(house.end_of(LegId(5)).await, (Cause::PeerHungUp, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_repeated_until_its_ack() {
    let mut house = House::start(Policy::RingAndAnswer).await;
    let caller = Speaker::new().await;
    let answer = caller.ask(&house, &caller.invite("1001", "late")).await;
    for _ in 0..2 {
        assert_eq!(caller.hear().await, answer, "the same answer once more");
    }
    assert!(
        !house.events().await.contains(&Event::Answered { leg: LegId(1) }),
        "not answered before the ACK"
    );
    let to = answer.lines().find(|line| line.starts_with("To: ")).unwrap();
    let in_dialog = |method, id: &str, cseq| {
        let request =
            caller.request(method, "sip:tandem@127.0.0.1", id, "").replace("To: <sip:callee@127.0.0.1>", to);
        let request = request
            .replace(&format!("Call-ID: {id}"), "Call-ID: late")
            .replace(&format!("tag=t-{id}"), "tag=t-late");
        request.replace("CSeq: 1", &format!("CSeq: {cseq}"))
    };
    caller.say(&house, &in_dialog("ACK", "ack", 1)).await;
    house.wait_for(|events| events.contains(&Event::Answered { leg: LegId(1) })).await;
    // A gap in the numbers is no fault (RFC 3261 §12.2.2).
    let bye = caller.ask(&house, &in_dialog("BYE", "bye", 9)).await;
    assert!(bye.starts_with("SIP/2.0 200 ") && bye.contains("CSeq: 9 BYE"), "{bye}");
    assert_eq!(house.end_of(LegId(1)).await, (Cause::PeerHungUp, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_vanishes_before_its_ack_is_lost() {
    let mut house =
        House::with(Policy::RingAndAnswer, |settings| settings.t1 = Duration::from_millis(20)).await;
    let silent = Speaker::new().await;
    silent.say(&house, &silent.invite("1001", "vanish")).await;
    assert_eq!(house.end_of(LegId(1)).await, (Cause::Lost, Some(408)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_refused_with_the_engines_status() {
    let mut house = House::start(Policy::Refuse(486)).await;
    Sipp::caller("refused.xml").to(&house, "1001").run().await;
    assert_eq!(house.end_of(LegId(1)).await, (Cause::WeHungUp, Some(486)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_or_draining_house_says_come_back_later() {
    let house = House::with(Policy::RingAndAnswer, |settings| settings.limits.legs = 0).await;
    Sipp::caller("unavailable.xml").to(&house, "1001").run().await;
    let house = House::with(Policy::RingAndAnswer, |settings| settings.limits.invites_per_second = 0).await;
    Sipp::caller("unavailable.xml").to(&house, "1001").run().await;
    let mut house = House::start(Policy::RingAndAnswer).await;
    let live = Sipp::caller("call_rtp.xml").to(&house, "1001").with_tone().start();
    house.wait_for(|events| events.contains(&Event::Answered { leg: LegId(1) })).await;
    house.gateway.drain();
    Sipp::caller("unavailable.xml").to(&house, "1001").run().await;
    live.finish().await;
    assert_eq!(house.end_of(LegId(1)).await, (Cause::PeerHungUp, None), "the live call went on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_may_not_call() {
    let house = House::with(Policy::RingAndAnswer, |settings| {
        settings.dev = false;
        settings.advertised = "127.0.0.2".parse().unwrap();
        settings.bind = "127.0.0.2:0".parse().unwrap();
    })
    .await;
    Sipp::caller("forbidden.xml").to(&house, "1001").run().await;
    assert!(house.events().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn phones_register_with_the_right_password_only() {
    let mut house = House::start(Policy::RingAndAnswer).await;
    for (user, password) in [("ana", "wrong"), ("nobody", "sesame")] {
        Sipp::caller("register_wrong.xml").to(&house, "x").for_phone(user, password).run().await;
        assert!(house.gateway.bindings(user).is_empty());
    }
    Sipp::caller("register.xml").to(&house, "x").for_phone("ana", "sesame").run().await;
    house.wait_for(|events| !events.is_empty()).await;
    assert_eq!(house.events().await, [Event::Registration { user: "ana".to_owned(), bound: true }]);
    assert_eq!(house.gateway.bindings("ana").len(), 1);
    Sipp::caller("register.xml").to(&house, "x").for_phone("bo", "sesame").over_tcp().run().await;
    assert_eq!(house.gateway.bindings("bo").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guesser_of_passwords_has_to_wait() {
    let house = House::with(Policy::RingAndAnswer, |settings| {
        settings.limits.failures_per_minute_per_source = 3;
    })
    .await;
    for _ in 0..3 {
        Sipp::caller("register_wrong.xml").to(&house, "x").for_phone("ana", "wrong").run().await;
    }
    let phone = Speaker::new().await;
    let refused = phone.ask(&house, &phone.request("REGISTER", "sip:127.0.0.1", "late", "")).await;
    assert!(refused.starts_with("SIP/2.0 503") && refused.contains("Retry-After: 60"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_calls_at_twenty_a_second_all_succeed() {
    let mut house = House::start(Policy::RingAndAnswer).await;
    Sipp::caller("call.xml").to(&house, "+15550100001").calls(500, 20).run().await;
    house.wait_for(|events| events.iter().filter(|e| matches!(e, Event::Gone { .. })).count() == 500).await;
    let events = house.events().await;
    let odd: Vec<&Event> = events
        .iter()
        .filter(|e| matches!(e, Event::Gone { cause, .. } if *cause != Cause::PeerHungUp))
        .collect();
    assert!(odd.is_empty(), "{odd:?}");
    assert_eq!(house.gateway.live_legs(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_go_out_to_the_trunk_and_end_from_either_side() {
    let (callee, trunk) = Sipp::callee("answer.xml");
    let mut house = House::with(Policy::HangUpOnAnswer, |settings| settings.trunks = vec![trunk]).await;
    let callee = callee.start_callee();
    house.gateway.command(invite(2, Destination::Trunk("+15550100099".into()), RING));
    let events = house.story_of(LegId(2)).await;
    assert_eq!(
        events,
        [
            Event::Ringing { leg: LegId(2), early_media: false },
            Event::Answered { leg: LegId(2) },
            Event::Gone { leg: LegId(2), cause: Cause::WeHungUp, status: None },
        ]
    );
    callee.finish().await;
    let (callee, trunk) = Sipp::callee("answer_and_leave.xml");
    let mut house = House::with(Policy::RingAndAnswer, |settings| settings.trunks = vec![trunk]).await;
    let callee = callee.start_callee();
    house.gateway.command(invite(2, Destination::Trunk("+15550100099".into()), RING));
    assert_eq!(house.end_of(LegId(2)).await, (Cause::PeerHungUp, None));
    callee.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trunk_may_be_reached_over_tcp() {
    let (callee, mut trunk) = Sipp::callee("answer.xml");
    trunk.uri.push_str(";transport=tcp");
    let mut house = House::with(Policy::HangUpOnAnswer, |settings| settings.trunks = vec![trunk]).await;
    let callee = callee.over_tcp().start_callee();
    house.gateway.command(invite(2, Destination::Trunk("+15550100099".into()), RING));
    assert_eq!(house.end_of(LegId(2)).await, (Cause::WeHungUp, None));
    callee.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_way_of_not_answering_has_its_cause() {
    for (scenario, timeout, cause, status) in [
        ("busy.xml", RING, Cause::Busy, Some(486)),
        ("declines.xml", RING, Cause::Declined, Some(603)),
        ("rings.xml", Duration::from_secs(1), Cause::NoAnswer, Some(487)),
    ] {
        let (callee, trunk) = Sipp::callee(scenario);
        let mut house = House::with(Policy::RingAndAnswer, |settings| settings.trunks = vec![trunk]).await;
        let callee = callee.start_callee();
        house.gateway.command(invite(2, Destination::Trunk("+15550100099".into()), timeout));
        assert_eq!(house.end_of(LegId(2)).await, (cause, status), "{scenario}");
        callee.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_cancelled_while_it_rings_and_when_it_is_just_being_answered() {
    for scenario in ["rings.xml", "crossing.xml"] {
        let (callee, trunk) = Sipp::callee(scenario);
        let mut house = House::with(Policy::HangUpOnRinging, |settings| settings.trunks = vec![trunk]).await;
        let callee = callee.start_callee();
        house.gateway.command(invite(2, Destination::Trunk("+15550100099".into()), RING));
        assert_eq!(house.end_of(LegId(2)).await, (Cause::WeHungUp, Some(487)), "{scenario}");
        callee.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_may_be_cancelled_before_anything_was_heard() {
    let mut house = House::start(Policy::RingAndAnswer).await;
    let silent = Speaker::new().await;
    let to = format!("sip:bo@{}", silent.address());
    house.gateway.command(invite(2, Destination::Uri(to), RING));
    let begun = silent.hear().await;
    assert!(begun.starts_with("INVITE sip:bo@127.0.0.1"), "{begun}");
    assert!(begun.contains("X-Twilio-CallSid: CA1Evil: yes\r\n"), "no header was smuggled in: {begun}");
    house.gateway.command(Command::Hangup { leg: LegId(2) });
    house.gateway.command(Command::Hangup { leg: LegId(2) });
    assert_eq!(house.end_of(LegId(2)).await, (Cause::WeHungUp, Some(487)));
    assert_eq!(house.events().await.len(), 1, "one end, and nothing after it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn early_media_is_heard_before_the_answer() {
    let (callee, trunk) = Sipp::callee("early.xml");
    let mut house = House::with(Policy::HangUpOnAnswer, |settings| settings.trunks = vec![trunk]).await;
    let callee = callee.start_callee();
    house.gateway.command(invite(2, Destination::Trunk("+15550100099".into()), RING));
    let events = house.story_of(LegId(2)).await;
    assert_eq!(
        events[..2],
        [Event::Ringing { leg: LegId(2), early_media: true }, Event::Answered { leg: LegId(2) }]
    );
    callee.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trunk_that_wants_a_password_gets_it() {
    let (callee, mut trunk) = Sipp::callee("challenges.xml");
    trunk.credentials = Some(("tandem".to_owned(), base::Secret::new("carrier".to_owned())));
    let mut house = House::with(Policy::HangUpOnAnswer, |settings| settings.trunks = vec![trunk]).await;
    let callee = callee.start_callee();
    house.gateway.command(invite(2, Destination::Trunk("+15550100099".into()), RING));
    assert_eq!(house.end_of(LegId(2)).await, (Cause::WeHungUp, None));
    callee.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_allowed_is_called() {
    let (_callee, mut trunk) = Sipp::callee("answer.xml");
    trunk.rules.allowed_prefixes = vec!["+1".to_owned()];
    let mut house = House::with(Policy::RingAndAnswer, |settings| settings.trunks = vec![trunk]).await;
    for (leg, to, status) in [
        (2, Destination::Trunk("+8816123456".into()), 403),
        (4, Destination::Trunk("ana".into()), 403),
        (6, Destination::Uri("sip:x@203.0.113.5".into()), 403),
        (8, Destination::Uri("mailto:x@h".into()), 400),
        (10, Destination::Phone("ana".into()), 480),
        (12, Destination::Phone("nobody".into()), 404),
    ] {
        house.gateway.command(invite(leg, to, RING));
        assert_eq!(house.end_of(LegId(leg)).await, (Cause::Failed, Some(status)));
    }
    let mut house = House::start(Policy::RingAndAnswer).await;
    house.gateway.command(invite(2, Destination::Trunk("+15550100099".into()), RING));
    assert_eq!(house.end_of(LegId(2)).await, (Cause::Failed, Some(404)), "no trunk, no route");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_messages_leave_the_gateway_answering() {
    let house = House::start(Policy::RingAndAnswer).await;
    let speaker = Speaker::new().await;
    for (name, datagram, answer) in peers::torture(speaker.address()) {
        match answer {
            Some(status) => {
                let heard = speaker.ask_raw(&house, &datagram).await;
                assert!(heard.starts_with(&format!("SIP/2.0 {status} ")), "{name}: {heard}");
            }
            None => speaker.say_raw(&house, &datagram).await,
        }
    }
    let heard = speaker.ask(&house, &speaker.request("OPTIONS", "sip:127.0.0.1", "after", "")).await;
    assert!(heard.starts_with("SIP/2.0 200 "), "{heard}");
    Sipp::caller("call.xml").to(&house, "1001").run().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_streams_are_closed_and_others_go_on() {
    let house = House::start(Policy::RingAndAnswer).await;
    for bytes in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], &[b'A'; 20_000][..], b"\xff\xfe\x00\r\n\r\n"] {
        let heard = deadline(peers::talk_tcp(&house, bytes)).await;
        assert!(!heard.contains("SIP/2.0 200"), "{heard}");
    }
    Sipp::caller("options.xml").to(&house, "1001").over_tcp().run().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn baresip_registers_is_called_and_calls() {
    let mut house = House::start(Policy::RingAndAnswer).await;
    let ana = Baresip::start(&house, "ana", "sesame").await;
    house.wait_for(|events| by_name(events, "ana")).await;
    // We call it: it rings and answers by itself.
    house.gateway.command(invite(2, Destination::Phone("ana".into()), RING));
    house.wait_for(|events| events.contains(&Event::Ringing { leg: LegId(2), early_media: false })).await;
    house.wait_for(|events| events.contains(&Event::Answered { leg: LegId(2) })).await;
    let heard = house.media(|event| match event {
        MediaEvent::Heard { leg: 2 } => Some(()),
        _ => None,
    });
    heard.await;
    house.gateway.command(Command::Hangup { leg: LegId(2) });
    assert_eq!(house.end_of(LegId(2)).await, (Cause::WeHungUp, None));
    // It calls us, and proves who it is.
    ana.command("dial", &format!("sip:1002@{}", house.gateway.local_addr())).await;
    house.wait_for(|events| events.contains(&Event::Answered { leg: LegId(1) })).await;
    let events = house.events().await;
    let came = events.iter().find_map(|event| match event {
        Event::Incoming { source, to, .. } => Some((source.clone(), to.clone())),
        _ => None,
    });
    assert_eq!(came, Some((Source::Phone("ana".to_owned()), "1002".to_owned())));
    ana.command("hangup", "").await;
    assert_eq!(house.end_of(LegId(1)).await, (Cause::PeerHungUp, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_phones_of_a_user_ring_and_the_first_to_answer_wins() {
    let mut house = House::start(Policy::RingAndAnswer).await;
    let (slow, quick) = (peers::free_port(), peers::free_port());
    for port in [slow, quick] {
        Sipp::caller("register.xml").to(&house, "x").for_phone("ana", "sesame").on_port(port).run().await;
    }
    assert_eq!(house.gateway.bindings("ana").len(), 2);
    let slow = Sipp::caller("rings.xml").on_port(slow).start_callee();
    let quick = Sipp::caller("answer.xml").on_port(quick).start_callee();
    house.gateway.command(invite(2, Destination::Phone("ana".into()), RING));
    house.wait_for(|events| events.contains(&Event::Answered { leg: LegId(2) })).await;
    slow.finish().await;
    house.gateway.command(Command::Hangup { leg: LegId(2) });
    quick.finish().await;
    assert_eq!(house.end_of(LegId(2)).await, (Cause::WeHungUp, None));
}

/// A trunk at this address, with numbers as they are.
fn trunk_at(name: &str, address: std::net::SocketAddr, priority: u16) -> TrunkSettings {
    let uri = format!("sip:{address}");
    TrunkSettings { priority, ..TrunkSettings::from_uri(name, &uri, vec!["+".to_owned()]).unwrap() }
}

/// The answer to a request as it was heard, with more headers.
fn answer(request: &str, status: &str, more: &str) -> String {
    let kept = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
    let headers: String = request
        .lines()
        .filter(|line| kept.iter().any(|name| line.starts_with(name)))
        .map(|line| {
            let tag = if line.starts_with("To:") && !line.contains("tag=") { ";tag=other" } else { "" };
            format!("{line}{tag}\r\n")
        })
        .collect();
    format!("SIP/2.0 {status}\r\n{headers}{more}Content-Length: 0\r\n\r\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_moves_on_from_a_trunk_that_is_silent_or_refuses() {
    for refusal in [None, Some("503 Service Unavailable"), Some("403 Forbidden")] {
        let first = Speaker::new().await;
        let (callee, second) = Sipp::callee("answer.xml");
        let trunks = vec![TrunkSettings { priority: 20, ..second }, trunk_at("first", first.address(), 1)];
        let mut house = House::with(Policy::HangUpOnAnswer, |settings| settings.trunks = trunks).await;
        let callee = callee.start_callee();
        house.gateway.command(invite(2, Destination::Trunk("+15550100099".into()), RING));
        let heard = first.hear().await;
        assert!(heard.starts_with("INVITE sip:+15550100099@"), "{heard}");
        if let Some(status) = refusal {
            first.say(&house, &answer(&heard, status, "")).await;
        }
        assert_eq!(house.end_of(LegId(2)).await, (Cause::WeHungUp, None), "{refusal:?}");
        callee.finish().await;
        // The one that failed to answer is asked last for a while.
        if refusal != Some("403 Forbidden") {
            house.gateway.command(invite(
                4,
                Destination::Trunk("+15550100099".into()),
                Duration::from_secs(1),
            ));
            house.end_of(LegId(4)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_callee_is_not_called_again_over_another_trunk() {
    let (first, second) = (Speaker::new().await, Speaker::new().await);
    let trunks = vec![trunk_at("first", first.address(), 1), trunk_at("second", second.address(), 2)];
    let mut house = House::with(Policy::RingAndAnswer, |settings| settings.trunks = trunks).await;
    house.gateway.command(invite(2, Destination::Trunk("+15550100099".into()), RING));
    let heard = first.hear().await;
    first.say(&house, &answer(&heard, "486 Busy Here", "")).await;
    assert_eq!(house.end_of(LegId(2)).await, (Cause::Busy, Some(486)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trunk_may_redirect_to_its_other_server_but_not_to_a_number_we_do_not_allow() {
    let first = Speaker::new().await;
    let (callee, other) = Sipp::callee("answer.xml");
    let mut trunk = trunk_at("first", first.address(), 1);
    trunk.rules.allowed_prefixes = vec!["+1".to_owned()];
    let mut house = House::with(Policy::HangUpOnAnswer, |settings| settings.trunks = vec![trunk]).await;
    house.gateway.command(invite(2, Destination::Trunk("+15550100099".into()), RING));
    let heard = first.hear().await;
    let dear = format!("Contact: <{}>\r\n", other.uri.replace("sip:", "sip:+8816123456@"));
    first.say(&house, &answer(&heard, "302 Moved Temporarily", &dear)).await;
    assert_eq!(house.end_of(LegId(2)).await.0, Cause::Failed);

    let callee = callee.start_callee();
    house.gateway.command(invite(4, Destination::Trunk("+15550100099".into()), RING));
    let heard = loop {
        let heard = first.hear().await;
        if heard.starts_with("INVITE") {
            break heard;
        }
    };
    let same = format!("Contact: <{}>\r\n", other.uri.replace("sip:", "sip:+15550100099@"));
    first.say(&house, &answer(&heard, "302 Moved Temporarily", &same)).await;
    assert_eq!(house.end_of(LegId(4)).await, (Cause::WeHungUp, None));
    callee.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trunk_carries_no_more_calls_than_it_may_and_dials_as_it_is_told() {
    let far = Speaker::new().await;
    let mut trunk = trunk_at("small", far.address(), 1);
    trunk.calls_max = Some(1);
    trunk.rules.rewrite = sip::trunk::Rewrite { strip: "+1".to_owned(), prepend: "9".to_owned() };
    trunk.asserts_identity = true;
    let mut house = House::with(Policy::RingAndAnswer, |settings| settings.trunks = vec![trunk]).await;
    house.gateway.command(invite(2, Destination::Trunk("+15550100099".into()), RING));
    let heard = far.hear().await;
    assert!(heard.starts_with("INVITE sip:95550100099@"), "{heard}");
    assert!(heard.contains("P-Asserted-Identity: <sip:+15550100001@"), "{heard}");
    house.gateway.command(invite(4, Destination::Trunk("+15550100098".into()), RING));
    assert_eq!(house.end_of(LegId(4)).await, (Cause::Failed, Some(503)));
    house.gateway.command(Command::Hangup { leg: LegId(2) });
    house.end_of(LegId(2)).await;
    house.gateway.command(invite(6, Destination::Trunk("+15550100097".into()), RING));
    loop {
        let heard = far.hear().await;
        if heard.starts_with("INVITE sip:95550100097@") {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn we_register_with_a_provider_and_ask_after_its_health() {
    let provider = Speaker::new().await;
    let mut trunk = trunk_at("provider", provider.address(), 1);
    trunk.credentials = Some(("line7".to_owned(), base::Secret::new("s3cret".to_owned())));
    trunk.register_for = Some(Duration::from_secs(600));
    trunk.ping_every = Some(Duration::from_secs(1));
    let house = House::with(Policy::RingAndAnswer, |settings| settings.trunks = vec![trunk]).await;
    let (mut registered, mut pings) = (false, 0);
    while !registered || pings < 2 {
        let heard = provider.hear().await;
        if heard.starts_with("OPTIONS") {
            pings += 1;
            provider.say(&house, &answer(&heard, "200 OK", "")).await;
        } else if heard.starts_with("REGISTER") && heard.contains("Authorization: Digest username=\"line7\"")
        {
            assert!(heard.contains("Contact: <sip:line7@127.0.0.1:"), "{heard}");
            registered = true;
            let contact = heard.lines().find(|line| line.starts_with("Contact:")).unwrap();
            let granted = format!("{contact};expires=600\r\nExpires: 600\r\n");
            provider.say(&house, &answer(&heard, "200 OK", &granted)).await;
        } else if heard.starts_with("REGISTER") {
            let challenge =
                "WWW-Authenticate: Digest realm=\"provider\", nonce=\"n1\", qop=\"auth\", algorithm=MD5\r\n";
            provider.say(&house, &answer(&heard, "401 Unauthorized", challenge)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scanners_and_those_who_call_from_nowhere_are_not_heard_any_more() {
    let strict = |settings: &mut SipSettings| {
        settings.dev = false;
        settings.limits =
            tandem_gateway::sip::Limits { offences_per_minute_per_source: 3, ..Limits::default() };
    };
    let house = House::with(Policy::RingAndAnswer, strict).await;
    let stranger = Speaker::new().await;
    for n in 0..4 {
        let invite = stranger.invite("+15550100001", &format!("s{n}"));
        let invite = invite.replace("From: <sip:caller@127.0.0.1", "From: <sip:caller@203.0.113.50");
        let refused = stranger.ask(&house, &invite).await;
        assert!(refused.starts_with("SIP/2.0 403"), "{refused}");
        stranger
            .say(&house, &stranger.request("ACK", "sip:+15550100001@127.0.0.1", &format!("s{n}"), ""))
            .await;
    }
    let options = stranger.request("OPTIONS", "sip:127.0.0.1", "after", "");
    stranger.say(&house, &options).await;
    assert!(stranger.hears_nothing(Duration::from_millis(700)).await, "a banned source gets no answer");

    let house = House::with(Policy::RingAndAnswer, strict).await;
    let scanner = Speaker::new().await;
    let scan = scanner.request("OPTIONS", "sip:100@127.0.0.1", "scan", "User-Agent: friendly-scanner\r\n");
    scanner.say(&house, &scan).await;
    scanner.say(&house, &scanner.request("OPTIONS", "sip:127.0.0.1", "again", "")).await;
    assert!(scanner.hears_nothing(Duration::from_millis(700)).await, "nor does a scanner");
}

#[path = "../../sip/tests/torture/mod.rs"]
mod torture;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_torture_messages_of_rfc_4475_leave_the_gateway_as_it_was() {
    let mut house = House::start(Policy::RingAndAnswer).await;
    let peer = Speaker::new().await;
    for (name, message, _) in torture::MESSAGES {
        let bytes = torture::bytes(message);
        peer.say_raw(&house, &bytes).await;
        // Over a connection as well, whole and in two pieces.
        let mut stream = tokio::net::TcpStream::connect(house.gateway.local_addr()).await.unwrap();
        let (first, second) = bytes.split_at(bytes.len() / 2);
        for part in [&bytes[..], first, second] {
            // The gateway may have closed a connection that cannot be told into messages.
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, part).await;
        }
        drop(stream);
        let id = format!("alive-{name}");
        let alive = peer.ask_about(&house, &peer.request("OPTIONS", "sip:127.0.0.1", &id, ""), &id).await;
        assert!(alive.starts_with("SIP/2.0 200"), "after {name}: {alive}");
    }
    Sipp::caller("call_rtp.xml").to(&house, "+15550100001").with_tone().run().await;
    house.wait_for(|events| events.iter().any(|event| matches!(event, Event::Answered { .. }))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_oddest_valid_invite_of_rfc_4475_is_a_call() {
    let mut house = House::start(Policy::RingAndAnswer).await;
    let (_, wsinv, _) = torture::MESSAGES.iter().find(|(name, ..)| *name == "wsinv").unwrap();
    let peer = Speaker::new().await;
    // As it stands it belongs to a call that nobody knows: its To has a tag.
    let fresh = wsinv.replace(" ;   tag    = 1918181833n", "");
    assert_ne!(fresh, *wsinv);
    peer.say_raw(&house, &torture::bytes(&fresh)).await;
    house
        .wait_for(|events| {
            events.iter().any(|event| {
                matches!(event, Event::Incoming { to, call_id, .. } if to == "vivekg" && call_id == "wsinv.ndaksdj@192.0.2.1")
            })
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_go_both_ways_through_kamailio_as_registrar_and_proxy() {
    let (callee, network) = Sipp::callee("proxied_answer.xml");
    let network: std::net::SocketAddr = network.uri.trim_start_matches("sip:").parse().unwrap();
    let kamailio = peers::Kamailio::start(network);
    let mut trunk = trunk_at("provider", kamailio.address, 1);
    trunk.credentials = Some(("line7".to_owned(), base::Secret::new("unasked".to_owned())));
    trunk.register_for = Some(Duration::from_secs(600));
    trunk.ping_every = Some(Duration::from_secs(5));
    let mut house =
        House::with(Policy::RingAndAnswer, |settings| settings.trunks = vec![trunk.clone()]).await;
    kamailio.knows("line7").await;
    Sipp::caller("proxied_call.xml").calling_address(kamailio.address, "+15550100001").run().await;
    let events = house.story_of(LegId(1)).await;
    let Event::Incoming { to, source, .. } = &events[0] else { panic!("{events:?}") };
    assert_eq!((to.as_str(), source), ("+15550100001", &Source::Trunk("provider".to_owned())));
    assert_eq!(events.last(), Some(&Event::Gone { leg: LegId(1), cause: Cause::PeerHungUp, status: None }));

    let callee = callee.start_callee();
    house.gateway.command(invite(2, Destination::Trunk("+15557770099".into()), RING));
    house.wait_for(|events| events.contains(&Event::Answered { leg: LegId(2) })).await;
    house.gateway.command(Command::Hangup { leg: LegId(2) });
    assert_eq!(house.end_of(LegId(2)).await, (Cause::WeHungUp, None));
    callee.finish().await;
}

/// A certificate for `localhost` and its key, in files.
fn certificate() -> (tempfile::TempDir, std::path::PathBuf, std::path::PathBuf) {
    certificate_for("localhost")
}

fn certificate_for(name: &str) -> (tempfile::TempDir, std::path::PathBuf, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj"])
        .args([format!("/CN={name}"), "-addext".to_owned(), format!("subjectAltName=DNS:{name}")])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(folder.path())
        .output()
        .expect("openssl is installed");
    assert!(made.status.success(), "{made:?}");
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    (folder, certificate, key)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trunk_over_tls_proves_who_it_is_and_carries_encrypted_audio() {
    let (_folder, certificate, key) = certificate();
    let listener =
        TlsListener { bind: "127.0.0.1:0".parse().unwrap(), certificate: certificate.clone(), key };
    let mut far = House::with(Policy::RingAndAnswer, |settings| settings.tls = vec![listener]).await;
    let port = far.gateway.tls_addr().unwrap().port();
    let trunk = |host: &str| {
        let uri = format!("sip:{host}:{port};transport=tls");
        let mut trunk = TrunkSettings::from_uri("secure", &uri, vec!["+".to_owned()]).unwrap();
        trunk.srtp = sip::offer::Srtp::Required;
        trunk
    };
    let believes = |settings: &mut SipSettings| {
        settings.tls_authorities = Some(certificate.clone());
        settings.trunks = vec![trunk("localhost")];
    };
    let mut near = House::with(Policy::HangUpOnAnswer, believes).await;
    near.gateway.command(invite(2, Destination::Trunk("+15550100099".into()), RING));
    assert_eq!(near.end_of(LegId(2)).await, (Cause::WeHungUp, None));
    assert_eq!(far.end_of(LegId(1)).await, (Cause::PeerHungUp, None));
    // The certificate is for another name.
    let mistaken = |settings: &mut SipSettings| {
        settings.tls_authorities = Some(certificate.clone());
        settings.trunks = vec![trunk("127.0.0.1")];
    };
    let mut near = House::with(Policy::HangUpOnAnswer, mistaken).await;
    near.gateway.command(invite(2, Destination::Trunk("+15550100099".into()), RING));
    assert_eq!(near.end_of(LegId(2)).await, (Cause::Failed, Some(503)));
}
