//! What networks and phones do beside plain calls, done by other people's programs: sipp and Kamailio.

use super::peers::{House, Kamailio, Policy, Sipp};
use super::{RING, invite, trunk_at};
use sip::port::{Cause, Command, Destination, Event, LegId};
use std::time::Duration;

fn to_trunk() -> Destination {
    Destination::Trunk("+15550100099".into())
}

/// A house whose one trunk leads to this callee, which is called as leg 2.
async fn calling(policy: Policy, callee: &'static str) -> (House, super::peers::RunningSipp) {
    let (callee, trunk) = Sipp::callee(callee);
    let house = House::with(policy, |settings| settings.trunks = vec![trunk]).await;
    let callee = callee.start_callee();
    house.gateway.command(invite(2, to_trunk(), RING));
    (house, callee)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_wants_longer_session_intervals_has_its_way() {
    let (callee, trunk) = Sipp::callee("too_soon.xml");
    let mut house = House::with(Policy::HangUpOnAnswer, |settings| settings.trunks = vec![trunk]).await;
    // The second try is another call to sipp.
    let callee = callee.calls(2, 10).start_callee();
    house.gateway.command(invite(2, to_trunk(), RING));
    assert_eq!(house.end_of(LegId(2)).await, (Cause::WeHungUp, None));
    callee.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provisional_answer_that_must_not_get_lost_is_acknowledged() {
    let (mut house, callee) = calling(Policy::HangUpOnRinging, "rings_reliably.xml").await;
    assert_eq!(house.end_of(LegId(2)).await, (Cause::WeHungUp, Some(487)));
    callee.finish().await;
    assert!(house.events().await.contains(&Event::Ringing { leg: LegId(2), early_media: true }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_call_that_was_forked_on_its_way_the_answer_counts() {
    let (mut house, callee) = calling(Policy::HangUpOnAnswer, "forked.xml").await;
    let events = house.story_of(LegId(2)).await;
    let answers = events.iter().filter(|event| matches!(event, Event::Answered { .. })).count();
    assert_eq!(answers, 1, "{events:?}");
    assert_eq!(events.last(), Some(&Event::Gone { leg: LegId(2), cause: Cause::WeHungUp, status: None }));
    callee.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirection_is_followed() {
    let (there, other) = Sipp::callee("answer.xml");
    let there = there.start_callee();
    let (first, trunk) = Sipp::callee("moved.xml");
    let mut house = House::with(Policy::HangUpOnAnswer, |settings| settings.trunks = vec![trunk]).await;
    let moved_to = other.uri.replace("sip:", "sip:+15550100099@");
    let first = first.saying("moved_to", &moved_to).start_callee();
    house.gateway.command(invite(2, to_trunk(), RING));
    assert_eq!(house.end_of(LegId(2)).await, (Cause::WeHungUp, None));
    first.finish().await;
    there.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withheld_number_stays_withheld_on_its_way_out() {
    let (callee, mut trunk) = Sipp::callee("sees_nobody.xml");
    trunk.asserts_identity = true;
    let mut house = House::with(Policy::RingAndAnswer, |settings| settings.trunks = vec![trunk]).await;
    let callee = callee.start_callee();
    let Command::Invite { leg, call, to, from_name: _, headers, credentials, timeout, .. } =
        invite(2, to_trunk(), RING)
    else {
        panic!("an INVITE")
    };
    let from = "anonymous".to_owned();
    house.gateway.command(Command::Invite {
        leg,
        call,
        to,
        from,
        from_name: None,
        headers,
        credentials,
        timeout,
    });
    assert_eq!(house.end_of(LegId(2)).await, (Cause::Busy, Some(486)));
    callee.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_trunk_says_of_a_number_arrives_unless_it_is_withheld() {
    for (privacy, number) in [("none", "+15550100088"), ("id", "anonymous")] {
        let mut house = House::start(Policy::RingAndAnswer).await;
        Sipp::caller("signed.xml").saying("privacy", privacy).to(&house, "+15550100001").run().await;
        let events = house.story_of(LegId(1)).await;
        let Event::Incoming { from, from_name, verstat, headers, .. } = &events[0] else {
            panic!("{events:?}")
        };
        assert_eq!(from, number);
        assert_eq!(from_name.as_deref(), (privacy == "none").then_some("Cleo"));
        assert_eq!(verstat.as_deref(), Some("TN-Validation-Passed-A"));
        let signature = headers.iter().find(|(name, _)| name == "Identity").map(|(_, value)| value.as_str());
        assert!(signature.is_some_and(|value| value.ends_with("ppt=shaken")), "{headers:?}");
        assert!(!headers.iter().any(|(name, _)| name == "P-Asserted-Identity"), "{headers:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sits_behind_a_router_is_answered_where_it_came_from() {
    let house = House::start(Policy::RingAndAnswer).await;
    Sipp::caller("behind_a_router.xml").to(&house, "1001").run().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_changed_and_refreshed_by_update() {
    let mut house = House::start(Policy::RingAndAnswer).await;
    Sipp::caller("updates.xml").to(&house, "1001").run().await;
    let events = house.story_of(LegId(1)).await;
    assert!(events.contains(&Event::PeerHold { leg: LegId(1), held: true }), "{events:?}");
    assert_eq!(events.last(), Some(&Event::Gone { leg: LegId(1), cause: Cause::PeerHungUp, status: None }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_puts_the_parties_of_its_two_calls_through() {
    let mut house = House::start(Policy::RingAndAnswer).await;
    let asked = Sipp::caller("asked.xml").to(&house, "1002").watched().start();
    house.wait_for(|events| events.contains(&Event::Answered { leg: LegId(1) })).await;
    let replaces = asked.replaces();
    let through = Sipp::caller("puts_through.xml").saying("replaces", &replaces).to(&house, "1001").start();
    let referred = Event::Referred { leg: LegId(3), to: "bo".to_owned(), replaces: Some(LegId(1)) };
    house.wait_for(|events| events.contains(&referred)).await;
    house.gateway.command(Command::Referred { leg: LegId(3), status: 200 });
    house.gateway.command(Command::Hangup { leg: LegId(3) });
    through.finish().await;
    house.gateway.command(Command::Hangup { leg: LegId(1) });
    asked.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_is_told_the_password_in_the_hash_it_asks_for() {
    for algorithm in ["MD5", "SHA-256"] {
        for (password, taken) in [("s3cret", true), ("guess", false)] {
            let (callee, network) = Sipp::callee("proxied_answer.xml");
            let network = network.uri.trim_start_matches("sip:").parse().unwrap();
            let kamailio = Kamailio::with_algorithm(network, algorithm);
            let mut trunk = trunk_at("provider", kamailio.address, 1);
            trunk.credentials = Some(("line7".to_owned(), base::Secret::new(password.to_owned())));
            trunk.register_for = Some(Duration::from_secs(600));
            let mut house =
                House::with(Policy::HangUpOnAnswer, |settings| settings.trunks = vec![trunk]).await;
            kamailio.knows("line7").await;
            let callee = taken.then(|| callee.start_callee());
            house.gateway.command(invite(2, Destination::Trunk("+15556660099".into()), RING));
            let (cause, _) = house.end_of(LegId(2)).await;
            assert_eq!(cause, if taken { Cause::WeHungUp } else { Cause::Failed }, "{algorithm} {password}");
            if let Some(callee) = callee {
                callee.finish().await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trunk_begins_no_more_calls_in_a_second_than_it_may() {
    let (callee, mut trunk) = Sipp::callee("busy.xml");
    trunk.calls_per_second_max = Some(1);
    let mut house = House::with(Policy::RingAndAnswer, |settings| settings.trunks = vec![trunk]).await;
    let callee = callee.start_callee();
    for leg in [2, 4, 6] {
        house.gateway.command(invite(leg, to_trunk(), RING));
    }
    let mut ends = [house.end_of(LegId(2)).await, house.end_of(LegId(4)).await, house.end_of(LegId(6)).await];
    ends.sort_by_key(|(_, status)| *status);
    // The callee takes one call, and hears of one.
    assert_eq!(ends[0], (Cause::Busy, Some(486)), "{ends:?}");
    assert_eq!(ends[1..], [(Cause::Failed, Some(503)); 2]);
    callee.finish().await;
}
