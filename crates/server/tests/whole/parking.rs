//! Several calls of one agent, over our own API and by feature codes, on plain phones.

use crate::scene::*;
use serde_json::{Value, json};
use testkit::{Call, End, Heard, Outside, Phone, Tone, WITHIN};

const QUEUE: &str = "+15550130001";
const DIRECT: &str = "+15550130002";
const BO: Tone = Tone(620);

/// The demo's policy with `changed` members.
async fn policy(it: &Scene, changed: Value) {
    let path = it.centre.own_path("/VoicePolicy");
    let mut policy = it.rest.fetch(&path).await.unwrap().ok().unwrap();
    let mut kept = serde_json::Map::new();
    for name in [
        "live_max",
        "parked_max",
        "direct_while_live",
        "queue_while_live",
        "accept_parks_live",
        "colleague_pickup",
        "park_recall_s",
        "recall_ring_s",
        "park_unanswered",
        "hangup_notice_s",
        "wrap_up_s",
        "ring_phone",
        "timeout_keeps_activity",
        "direct",
    ] {
        kept.insert(name.to_owned(), policy[name].take());
    }
    kept.extend(changed.as_object().unwrap().clone());
    it.rest.put_json(&path, &Value::Object(kept)).await.unwrap().ok().unwrap();
}

/// A number for the queue and one for ana herself, without prompts; ana at her phone.
async fn start() -> (Scene, Phone) {
    let it = Scene::start().await;
    for (number, path, workflow, task) in [
        (QUEUE, "/queue", "Inbound ACD", ""),
        (DIRECT, "/direct", "Direct Extension", r#"<Task priority="1000">{"directExtension":"1001"}</Task>"#),
    ] {
        let sid = it.centre.sid("Workflows", "workflows", workflow).await.unwrap();
        it.says(path, &format!(r#"<Enqueue workflowSid="{sid}">{task}</Enqueue>"#));
        it.number(number, path, &[]).await;
    }
    let ana = it.phone("ana", AGENT).await;
    (it, ana)
}

/// Ana talks to a caller from the queue.
async fn talking(it: &Scene, ana: &Phone) -> (Call, String, Call) {
    let (caller, sid) = it.caller("+15558890001", CALLER, QUEUE).await;
    let talk = ana.rings(WITHIN).await.unwrap().answers().await.unwrap();
    caller.hears(AGENT, WITHIN).await.unwrap();
    talk.hears(CALLER, WITHIN).await.unwrap();
    (caller, sid, talk)
}

/// The one call that ana has in this state.
async fn one(it: &Scene, state: &str) -> String {
    it.centre.has_calls("ana", state, 1, WITHIN).await.unwrap().remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn feature_codes_park_tell_and_pick_up() {
    let (it, ana) = start().await;
    let (caller, _, talk) = talking(&it, &ana).await;
    talk.presses("*1").await;
    caller.hears(Heard::Music, WITHIN).await.unwrap();
    one(&it, "parked").await;
    if talk.phase() == testkit::Phase::Up {
        talk.presses("*3").await;
        talk.hears(Heard::Speech, WITHIN).await.unwrap();
        talk.presses("*2").await;
        talk.hears(CALLER, WITHIN).await.unwrap();
    } else {
        let told = ana.dials("*3").await.unwrap();
        told.hears(Heard::Speech, WITHIN).await.unwrap();
        told.hangs_up().await.unwrap();
        ana.dials("*2").await.unwrap().answered(WITHIN).await.unwrap();
    }
    caller.hears(AGENT, WITHIN).await.unwrap();
    one(&it, "live").await;
    caller.hangs_up().await.unwrap();
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_direct_call_is_answered_and_the_live_one_parked_and_both_are_swapped() {
    let (it, ana) = start().await;
    let (first, first_sid, talk) = talking(&it, &ana).await;
    let (second, _) = it.caller("+15558890002", SECOND, DIRECT).await;
    let ringing = one(&it, "ringing").await;
    let worker = it.centre.worker("ana").await.unwrap();
    let path = it.centre.own_path(&format!("/Workers/{worker}/Calls/{ringing}/Answer"));
    it.rest.post(&path, &[]).await.unwrap().ok().unwrap();
    second.hears(AGENT, WITHIN).await.unwrap();
    first.hears(Heard::Music, WITHIN).await.unwrap();
    talk.hears(SECOND, WITHIN).await.unwrap();
    it.centre.swap("ana").await.unwrap();
    first.hears(AGENT, WITHIN).await.unwrap();
    second.hears(Heard::Music, WITHIN).await.unwrap();
    it.centre.swap("ana").await.unwrap();
    second.hears(AGENT, WITHIN).await.unwrap();

    // A parked call goes elsewhere like any other.
    one(&it, "parked").await;
    it.redirect(&first_sid, &it.play(ELSEWHERE)).await;
    first.hears(ELSEWHERE, WITHIN).await.unwrap();
    it.centre.has_calls("ana", "parked", 0, WITHIN).await.unwrap();
    second.hears(AGENT, WITHIN).await.unwrap();
    for caller in [first, second] {
        caller.hangs_up().await.unwrap();
    }
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_while_parked_leaves_a_notice() {
    let (it, ana) = start().await;
    let (caller, sid, _talk) = talking(&it, &ana).await;
    let live = one(&it, "live").await;
    it.centre.park("ana", &live).await.unwrap();
    caller.hears(Heard::Music, WITHIN).await.unwrap();
    caller.hangs_up().await.unwrap();
    one(&it, "hung-up").await;
    it.centre.has_calls("ana", "parked", 0, WITHIN).await.unwrap();
    it.becomes(&sid, "completed").await;
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_call_comes_back_to_its_agent_and_then_to_the_queue() {
    let (it, ana) = start().await;
    policy(&it, json!({"park_recall_s": 2, "recall_ring_s": 2})).await;
    let (caller, _, talk) = talking(&it, &ana).await;
    let live = one(&it, "live").await;
    it.centre.park("ana", &live).await.unwrap();
    caller.hears(Heard::Music, WITHIN).await.unwrap();
    talk.hangs_up().await.unwrap();
    let back = ana.rings(WITHIN * 2).await.unwrap().answers().await.unwrap();
    caller.hears(AGENT, WITHIN).await.unwrap();

    let bo = it.phone("bo", BO).await;
    let live = one(&it, "live").await;
    it.centre.park("ana", &live).await.unwrap();
    caller.hears(Heard::Music, WITHIN).await.unwrap();
    back.hangs_up().await.unwrap();
    let unanswered = ana.rings(WITHIN * 2).await.unwrap();
    let worker = it.centre.worker("bo").await.unwrap();
    let attributes =
        json!({"contact_uri": "sip:bo@tandem.localhost", "isAcdReady": true, "skills": ["support"]});
    let path = it.centre.path(&format!("/Workers/{worker}"));
    it.rest.post(&path, &[("Attributes", &attributes.to_string())]).await.unwrap().ok().unwrap();
    it.centre.says("bo", "Available").await.unwrap();
    unanswered.ends(WITHIN * 2).await.unwrap();
    it.centre.says("ana", "Break").await.unwrap();
    let _taken = bo.rings(WITHIN * 2).await.unwrap().answers().await.unwrap();
    caller.hears(BO, WITHIN).await.unwrap();
    it.centre.has_calls("ana", "parked", 0, WITHIN).await.unwrap();
    caller.hangs_up().await.unwrap();
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_colleague_picks_up_only_if_the_policy_says_so_and_once() {
    let (it, ana) = start().await;
    let bo = it.phone("bo", BO).await;
    it.centre.says("bo", "Available").await.unwrap();
    let (caller, _, _talk) = talking(&it, &ana).await;
    let live = one(&it, "live").await;
    it.centre.park("ana", &live).await.unwrap();
    caller.hears(Heard::Music, WITHIN).await.unwrap();
    let (ana_sid, bo_sid) = (it.centre.worker("ana").await.unwrap(), it.centre.worker("bo").await.unwrap());
    let path = it.centre.own_path(&format!("/Workers/{ana_sid}/Calls/{live}/PickUp"));
    let refused = it.rest.post(&path, &[("By", &bo_sid)]).await.unwrap();
    assert!((400..500).contains(&refused.status), "{refused:?}");
    policy(&it, json!({"colleague_pickup": true})).await;
    let form = [("By", &*bo_sid)];
    let (one, two) = tokio::join!(it.rest.post(&path, &form), it.rest.post(&path, &form));
    let statuses = [one.unwrap().status, two.unwrap().status];
    assert!(statuses.contains(&200), "{statuses:?}");
    assert!(statuses.iter().all(|status| *status < 500), "{statuses:?}");
    let talk = bo.rings(WITHIN).await.unwrap().answers().await.unwrap();
    caller.hears(BO, WITHIN).await.unwrap();
    talk.hears(CALLER, WITHIN).await.unwrap();
    bo.stays_quiet(std::time::Duration::from_millis(500)).await.unwrap();
    it.centre.has_calls("bo", "live", 1, WITHIN).await.unwrap();
    it.centre.has_calls("ana", "parked", 0, WITHIN).await.unwrap();
    caller.hangs_up().await.unwrap();
    it.nothing_is_open().await;
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_calls_out_while_a_call_is_parked() {
    let (it, ana) = start().await;
    let (caller, _, talk) = talking(&it, &ana).await;
    talk.presses("*1").await;
    caller.hears(Heard::Music, WITHIN).await.unwrap();
    one(&it, "parked").await;
    talk.hangs_up().await.unwrap();
    let out = ana.dials(FRIEND).await.unwrap();
    out.answered(WITHIN).await.unwrap();
    out.hears(OUTSIDE, WITHIN).await.unwrap();
    caller.hears(Heard::Music, WITHIN).await.unwrap();
    it.centre.swap("ana").await.unwrap();
    out.hears(CALLER, WITHIN).await.unwrap();
    caller.hears(AGENT, WITHIN).await.unwrap();
    it.centre.has_calls("ana", "parked", 1, WITHIN).await.unwrap();
    caller.hangs_up().await.unwrap();
    it.trunk.receives(WITHIN).await.unwrap().hangs_up().await.unwrap();
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_direct_call_does_not_ring_again_at_once() {
    let (it, ana) = start().await;
    let (caller, _) = it.caller("+15558890002", SECOND, DIRECT).await;
    ana.rings(WITHIN).await.unwrap().declines(603).await;
    ana.stays_quiet(std::time::Duration::from_secs(3)).await.unwrap();
    caller.hears(Heard::Music, WITHIN).await.unwrap();
    caller.hangs_up().await.unwrap();
    it.nothing_is_open().await;
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_direct_call_is_taken_instead_of_a_call_out_that_rings() {
    const SILENT: &str = "+15557779007";
    const BUSY: &str = "+15557779008";
    let (it, ana) = start().await;
    it.trunk.expects(SILENT, Outside::NoAnswer);
    it.trunk.expects(BUSY, Outside::Busy);
    let worker = it.centre.worker("ana").await.unwrap();

    // A number that is busy keeps nobody from the next call.
    let out = ana.dials(BUSY).await.unwrap();
    assert_eq!(out.ends(WITHIN).await.unwrap(), End::Refused(486));
    it.trunk.receives(WITHIN).await.unwrap();
    it.nothing_is_open().await;
    assert_eq!(it.centre.worker_now("ana").await.unwrap()["activity_name"], "Available");

    let out = ana.dials(SILENT).await.unwrap();
    let far_end = it.trunk.receives(WITHIN).await.unwrap();
    out.rings(WITHIN).await.unwrap();
    let attempt = one(&it, "ringing").await;
    let (caller, _) = it.caller("+15558890002", SECOND, DIRECT).await;
    let ringing = ana.rings(WITHIN).await.unwrap();
    assert_eq!(far_end.phase(), testkit::Phase::Ringing, "offered beside it");
    let talk = ringing.answers().await.unwrap();
    assert_eq!(far_end.ends(WITHIN).await.unwrap(), End::Canceled);
    assert_eq!(out.ends(WITHIN).await.unwrap(), End::Refused(487));
    caller.hears(AGENT, WITHIN).await.unwrap();
    talk.hears(SECOND, WITHIN).await.unwrap();
    let live = one(&it, "live").await;
    it.centre.has_calls("ana", "ringing", 0, WITHIN).await.unwrap();
    it.centre.has_calls("ana", "parked", 0, WITHIN).await.unwrap();

    let reservation = async |sid: &str| {
        let path = it.centre.path(&format!("/Workers/{worker}/Reservations/{sid}"));
        it.rest.fetch(&path).await.unwrap().ok().unwrap()
    };
    let (attempt, live) = (reservation(&attempt).await, reservation(&live).await);
    assert_eq!(attempt["reservation_status"], "canceled");
    assert_eq!(live["reservation_status"], "accepted");
    let path = it.rest.account_path(&format!("/Calls.json?To={}", SILENT.replace('+', "%2B")));
    let calls = it.rest.list(&path, "calls").await.unwrap();
    assert_eq!(calls.first().map(|call| call["status"].clone()), Some("canceled".into()), "{calls:?}");
    caller.hangs_up().await.unwrap();
    it.nothing_is_open().await;
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_call_ends_on_request_and_is_not_picked_up_by_an_agent_who_is_away() {
    let (it, ana) = start().await;
    let (caller, sid, talk) = talking(&it, &ana).await;
    let live = one(&it, "live").await;
    it.centre.park("ana", &live).await.unwrap();
    caller.hears(Heard::Music, WITHIN).await.unwrap();
    talk.ends(WITHIN).await.unwrap();
    it.centre.says("ana", "Break").await.unwrap();
    let worker = it.centre.worker("ana").await.unwrap();
    let path = it.centre.own_path(&format!("/Workers/{worker}/Calls/{live}/PickUp"));
    let refused = it.rest.post(&path, &[]).await.unwrap();
    assert_eq!(refused.status, 400, "{refused:?}");
    assert!(refused.text.contains("available activity"), "{refused:?}");
    assert_eq!(one(&it, "parked").await, live, "it is where it was");
    ana.stays_quiet(std::time::Duration::from_millis(500)).await.unwrap();
    caller.hears(Heard::Music, WITHIN).await.unwrap();

    it.update(&sid, &[("Status", "completed")]).await.ok().unwrap();
    assert_eq!(caller.ends(WITHIN).await.unwrap(), End::TheyHungUp);
    it.becomes(&sid, "completed").await;
    it.centre.has_calls("ana", "parked", 0, WITHIN).await.unwrap();
    it.nothing_is_open().await;
    it.stop().await;
}
