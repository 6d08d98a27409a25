//! Blind transfers by phones (REFER), with real audio.

use crate::scene::*;
use testkit::{End, WITHIN};

const BO: testkit::Tone = testkit::Tone(620);

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_hands_its_caller_to_a_colleague_and_to_a_number_outside() {
    let it = Scene::start().await;
    let ana = it.phone("ana", AGENT).await;
    let bo = it.phone("bo", BO).await;
    it.says("/direct", "<Dial><Sip>sip:ana@tandem.localhost</Sip></Dial>");
    it.number("+15550170001", "/direct", &[]).await;
    for (n, to) in [(1, "bo"), (2, FRIEND)] {
        let (caller, _) = it.caller(&format!("+1555888700{n}"), CALLER, "+15550170001").await;
        let talk = ana.rings(WITHIN).await.unwrap().answers().await.unwrap();
        caller.hears(AGENT, WITHIN).await.unwrap();
        assert_eq!(talk.refers(to).await.unwrap(), 202);
        talk.is_told("SIP/2.0 100 Trying", WITHIN).await.unwrap();
        talk.is_told("SIP/2.0 200 OK", WITHIN).await.unwrap();
        assert_eq!(talk.ends(WITHIN).await.unwrap(), End::TheyHungUp);
        let (next, tone) = match n {
            1 => (bo.rings(WITHIN).await.unwrap().answers().await.unwrap(), BO),
            _ => (it.trunk.receives(WITHIN).await.unwrap(), OUTSIDE),
        };
        caller.hears(tone, WITHIN).await.unwrap();
        next.hears(CALLER, WITHIN).await.unwrap();
        // Somebody from outside does not say whom we call.
        assert_eq!(caller.refers("+15557770999").await.unwrap(), 202);
        caller.is_told("SIP/2.0 403 Forbidden", WITHIN).await.unwrap();
        caller.hears(tone, WITHIN).await.unwrap();
        caller.hangs_up().await.unwrap();
        next.ends(WITHIN).await.unwrap();
    }
    drop((ana, bo));
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_transfers_a_queue_call_with_the_keys_of_the_phone() {
    let it = Scene::start().await;
    for agent in ["ana", "bo"] {
        it.centre.says(agent, "Break").await.unwrap();
    }
    let ana = it.phone("ana", AGENT).await;
    let bo = it.phone("bo", BO).await;
    it.centre.says("ana", "Available").await.unwrap();
    let caller = it.trunk.caller("+15558887001", CALLER).dials("+15550100001").await.unwrap();
    let talk = ana.rings(WITHIN * 3).await.unwrap().answers().await.unwrap();
    caller.hears(AGENT, WITHIN).await.unwrap();
    it.centre.has_calls("ana", "live", 1, WITHIN).await.unwrap();
    it.centre.says("bo", "Available").await.unwrap();
    assert_eq!(talk.refers("bo").await.unwrap(), 202);
    // A transfer that was refused would be told; one that is under way lets the agent go.
    assert_eq!(talk.ends(WITHIN).await.unwrap(), End::TheyHungUp);
    let next = bo.rings(WITHIN).await.unwrap().answers().await.unwrap();
    caller.hears(BO, WITHIN).await.unwrap();
    next.hears(CALLER, WITHIN).await.unwrap();
    it.centre.has_calls("bo", "live", 1, WITHIN).await.unwrap();
    it.centre.has_calls("ana", "live", 0, WITHIN).await.unwrap();

    // And from there to a number outside: nobody of ours is in it any more.
    assert_eq!(next.refers(FRIEND).await.unwrap(), 202);
    let friend = it.trunk.receives(WITHIN).await.unwrap();
    caller.hears(OUTSIDE, WITHIN).await.unwrap();
    friend.hears(CALLER, WITHIN).await.unwrap();
    it.centre.has_calls("bo", "live", 0, WITHIN).await.unwrap();
    caller.hangs_up().await.unwrap();
    friend.ends(WITHIN).await.unwrap();
    it.nothing_is_open().await;
    drop((ana, bo));
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_asks_a_colleague_and_puts_the_caller_through() {
    let it = Scene::start().await;
    for agent in ["ana", "bo"] {
        it.centre.says(agent, "Break").await.unwrap();
    }
    let ana = it.phone("ana", AGENT).await;
    let bo = it.phone("bo", BO).await;
    it.centre.says("ana", "Available").await.unwrap();
    let caller = it.trunk.caller("+15558887003", CALLER).dials("+15550100001").await.unwrap();
    let talk = ana.rings(WITHIN * 3).await.unwrap().answers().await.unwrap();
    caller.hears(AGENT, WITHIN).await.unwrap();
    it.centre.has_calls("ana", "live", 1, WITHIN).await.unwrap();
    it.centre.says("bo", "Available").await.unwrap();
    // She puts the caller on hold and asks bo on a second line.
    talk.holds().await.unwrap();
    let asked = ana.dials("bo").await.unwrap();
    let colleague = bo.rings(WITHIN).await.unwrap().answers().await.unwrap();
    asked.hears(BO, WITHIN).await.unwrap();
    colleague.hears(AGENT, WITHIN).await.unwrap();
    assert_eq!(talk.refers_to_partner_of(&asked).await.unwrap(), 202);
    for call in [&talk, &asked] {
        assert_eq!(call.ends(WITHIN).await.unwrap(), End::TheyHungUp);
    }
    caller.hears(BO, WITHIN).await.unwrap();
    colleague.hears(CALLER, WITHIN).await.unwrap();
    // The task has gone with the caller, and bo's phone has rung once.
    it.centre.has_calls("bo", "live", 1, WITHIN).await.unwrap();
    it.centre.has_calls("ana", "live", 0, WITHIN).await.unwrap();
    caller.hangs_up().await.unwrap();
    colleague.ends(WITHIN).await.unwrap();
    it.centre.has_calls("bo", "live", 0, WITHIN).await.unwrap();
    it.nothing_is_open().await;
    drop((ana, bo));
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_is_referred_by_a_document_and_its_action_learns_what_came_of_it() {
    let it = Scene::start().await;
    it.says("/refer", r#"<Refer action="/referred"><Sip>sip:desk@pbx.example</Sip></Refer>"#);
    it.says("/referred", &it.play(ELSEWHERE));
    it.number("+15550170003", "/refer", &[]).await;
    let (caller, sid) = it.caller("+15558887004", CALLER, "+15550170003").await;
    // Our phones cannot be referred, and say so: the document goes on.
    caller.hears(ELSEWHERE, WITHIN).await.unwrap();
    assert_eq!(it.posted("/referred", "ReferCallStatus").await, "failed");
    assert_eq!(it.posted("/referred", "ReferSipResponseCode").await, "501");
    caller.hangs_up().await.unwrap();
    // What the call sounded like stays known.
    eventually("a score", async || {
        let path = format!("/tandem/v1/Calls/{sid}/Quality");
        let quality = it.rest.fetch(&path).await.unwrap().ok().unwrap()["quality"].clone();
        quality["mos"].as_f64().is_some_and(|mos| mos > 4.0) && quality["received"].as_u64() > Some(0)
    })
    .await;
    it.stop().await;
}
