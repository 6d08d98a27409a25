//! A live call takes a new document, or its end, in whatever state it is.

use crate::scene::*;
use testkit::{End, Heard, Outside, WITHIN};

const NUMBER: &str = "+15550120001";

#[tokio::test(flavor = "multi_thread")]
async fn a_call_in_play_or_gather_goes_elsewhere_and_ends_on_request() {
    let it = Scene::start().await;
    for (round, verbs) in
        [it.play(FIRST), format!(r#"<Gather timeout="60" action="/digits">{}</Gather>"#, it.play(FIRST))]
            .iter()
            .enumerate()
    {
        let number = format!("+1555012010{round}");
        it.number(&number, &format!("/voice{round}"), &[]).await;
        it.says(&format!("/voice{round}"), verbs);
        let (caller, sid) = it.caller(&format!("+1555888000{round}"), CALLER, &number).await;
        caller.hears(FIRST, WITHIN).await.unwrap();
        it.redirect(&sid, &it.play(ELSEWHERE)).await;
        caller.hears(ELSEWHERE, WITHIN).await.unwrap();

        it.says("/next", &it.play(FIRST));
        it.update(&sid, &[("Url", &it.app.url("/next"))]).await.ok().unwrap();
        caller.hears(FIRST, WITHIN).await.unwrap();
        assert_eq!(it.posted("/next", "CallStatus").await, "in-progress");

        let ended = it.app.url(&format!("/ended{round}"));
        it.update(&sid, &[("StatusCallback", &ended), ("Status", "completed")]).await.ok().unwrap();
        assert_eq!(caller.ends(WITHIN).await.unwrap(), End::TheyHungUp);
        it.becomes(&sid, "completed").await;
        assert_eq!(it.posted(&format!("/ended{round}"), "CallStatus").await, "completed");
        let refused = it.update(&sid, &[("Twiml", "<Response/>")]).await;
        assert_eq!((refused.status, refused.code()), (400, Some(21220)), "{refused:?}");
    }
    assert!(it.app.received("/digits").is_empty(), "no action of a Gather that was left");
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_in_a_queue_leaves_it_for_elsewhere() {
    let it = Scene::start().await;
    it.number(NUMBER, "/voice", &[]).await;
    it.says("/voice", r#"<Enqueue action="/left">holding</Enqueue>"#);
    let (caller, sid) = it.caller("+15558880001", CALLER, NUMBER).await;
    caller.hears(Heard::Music, WITHIN).await.unwrap();
    it.redirect(&sid, &it.play(ELSEWHERE)).await;
    caller.hears(ELSEWHERE, WITHIN).await.unwrap();
    assert_eq!(it.posted("/left", "QueueResult").await, "redirected");
    let queues = it.rest.list(&it.rest.account_path("/Queues.json"), "queues").await.unwrap();
    let queue = queues.iter().find(|queue| queue["friendly_name"] == "holding").unwrap();
    assert_eq!(queue["current_size"], 0);
    it.update(&sid, &[("Status", "completed")]).await.ok().unwrap();
    caller.ends(WITHIN).await.unwrap();
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_side_of_a_dialled_bridge_goes_elsewhere_by_itself() {
    let it = Scene::start().await;
    it.number(NUMBER, "/voice", &[]).await;
    it.says("/voice", &format!(r#"<Dial action="/dialled">{FRIEND}</Dial>"#));
    it.says("/dialled", &it.play(FIRST));

    // The parent leaves: the child ends, and the action's reply is not run.
    let (caller, sid) = it.caller("+15558880001", CALLER, NUMBER).await;
    let friend = it.trunk.receives(WITHIN).await.unwrap();
    caller.hears(OUTSIDE, WITHIN).await.unwrap();
    friend.hears(CALLER, WITHIN).await.unwrap();
    let child = it.child(&sid).await;
    it.redirect(&sid, &it.play(ELSEWHERE)).await;
    caller.hears(ELSEWHERE, WITHIN).await.unwrap();
    assert_eq!(friend.ends(WITHIN).await.unwrap(), End::TheyHungUp);
    it.becomes(&child, "completed").await;
    assert_eq!(it.posted("/dialled", "DialCallStatus").await, "completed");
    caller.hears(ELSEWHERE, WITHIN).await.unwrap();
    caller.hangs_up().await.unwrap();

    // The child leaves: it lives on alone, and the parent goes on with the action.
    let (caller, sid) = it.caller("+15558880002", CALLER, NUMBER).await;
    let friend = it.trunk.receives(WITHIN).await.unwrap();
    caller.hears(OUTSIDE, WITHIN).await.unwrap();
    let child = it.child(&sid).await;
    it.redirect(&child, &it.play(ELSEWHERE)).await;
    friend.hears(ELSEWHERE, WITHIN).await.unwrap();
    caller.hears(FIRST, WITHIN).await.unwrap();
    let action = it.app.receives("/dialled", WITHIN, |r| r.parameter("CallSid") == sid).await.unwrap();
    assert_eq!(action.parameter("DialCallDuration"), "", "the child was redirected");
    caller.hangs_up().await.unwrap();
    it.becomes(&sid, "completed").await;
    friend.hears(ELSEWHERE, WITHIN).await.unwrap();
    it.update(&child, &[("Status", "completed")]).await.ok().unwrap();
    friend.ends(WITHIN).await.unwrap();
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_participant_leaves_a_conference_and_the_others_talk_on() {
    let it = Scene::start().await;
    it.number(NUMBER, "/voice", &[]).await;
    it.says("/voice", "<Dial><Conference>room</Conference></Dial>");
    let (one, sid) = it.caller("+15558880001", CALLER, NUMBER).await;
    let (two, two_sid) = it.caller("+15558880002", SECOND, NUMBER).await;
    one.hears(SECOND, WITHIN).await.unwrap();
    two.hears(CALLER, WITHIN).await.unwrap();
    it.redirect(&sid, &it.play(ELSEWHERE)).await;
    one.hears(ELSEWHERE, WITHIN).await.unwrap();
    let (three, _) = it.caller("+15558880003", OUTSIDE, NUMBER).await;
    two.hears(OUTSIDE, WITHIN).await.unwrap();
    three.hears(SECOND, WITHIN).await.unwrap();
    it.update(&two_sid, &[("Status", "completed")]).await.ok().unwrap();
    assert_eq!(two.ends(WITHIN).await.unwrap(), End::TheyHungUp);
    for call in [one, three] {
        call.hangs_up().await.unwrap();
    }
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_rings_can_be_canceled_or_completed() {
    let it = Scene::start().await;
    it.trunk.expects("+15557779002", Outside::NoAnswer);
    for (asked, shown) in [("canceled", "canceled"), ("completed", "canceled")] {
        let form =
            [("To", "+15557779002"), ("From", "+15550100001"), ("Twiml", "<Response><Pause/></Response>")];
        let path = it.rest.account_path("/Calls.json");
        let made = it.rest.post(&path, &form).await.unwrap().ok().unwrap();
        let sid = made["sid"].as_str().unwrap();
        let ringing = it.trunk.receives(WITHIN).await.unwrap();
        it.becomes(sid, "ringing").await;
        it.update(sid, &[("Status", asked)]).await.ok().unwrap();
        assert_eq!(ringing.ends(WITHIN).await.unwrap(), End::Canceled, "{asked}");
        eventually("the call has ended", async || {
            let status = it.call(sid).await["status"].clone();
            status == shown || (asked == "completed" && status == "completed")
        })
        .await;
    }

    // A call in progress is not canceled.
    it.number(NUMBER, "/voice", &[]).await;
    it.says("/voice", &it.play(FIRST));
    let (caller, sid) = it.caller("+15558880001", CALLER, NUMBER).await;
    caller.hears(FIRST, WITHIN).await.unwrap();
    it.update(&sid, &[("Status", "canceled")]).await;
    caller.hears(FIRST, WITHIN).await.unwrap();
    assert_eq!(it.call(&sid).await["status"], "in-progress");
    caller.hangs_up().await.unwrap();

    // Inbound: it rings while the application thinks.
    let slow = "+15550120002";
    it.number(slow, &it.slow(FIRST), &[]).await;
    let (caller, sid) = it.caller("+15558880002", CALLER, slow).await;
    assert_eq!(it.call(&sid).await["status"], "ringing");
    it.update(&sid, &[("Status", "completed")]).await.ok().unwrap();
    assert!(matches!(caller.ends(WITHIN).await.unwrap(), End::Refused(_)));
    let (caller, sid) = it.caller("+15558880003", CALLER, slow).await;
    it.redirect(&sid, &it.play(ELSEWHERE)).await;
    caller.hears(ELSEWHERE, WITHIN).await.unwrap();
    pass(std::time::Duration::from_secs(2)).await;
    caller.hears(ELSEWHERE, WITHIN).await.unwrap();
    caller.hangs_up().await.unwrap();
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dialled_child_and_a_call_bridged_from_a_queue_end_on_request() {
    let it = Scene::start().await;
    it.number(NUMBER, "/voice", &[]).await;
    it.says("/voice", &format!(r#"<Dial action="/dialled">{FRIEND}</Dial>"#));
    it.says("/dialled", &it.play(ELSEWHERE));
    let (caller, sid) = it.caller("+15558880001", CALLER, NUMBER).await;
    let friend = it.trunk.receives(WITHIN).await.unwrap();
    caller.hears(OUTSIDE, WITHIN).await.unwrap();
    let child = it.child(&sid).await;
    it.update(&child, &[("Status", "completed")]).await.ok().unwrap();
    assert_eq!(friend.ends(WITHIN).await.unwrap(), End::TheyHungUp);
    it.becomes(&child, "completed").await;
    assert_eq!(it.posted("/dialled", "DialCallStatus").await, "completed");
    caller.hears(ELSEWHERE, WITHIN).await.unwrap();
    caller.hangs_up().await.unwrap();

    // Taken out of a queue by somebody outside: the waiting call ends, the other goes on with its document.
    it.number("+15550120009", "/wait", &[]).await;
    it.says("/wait", r#"<Enqueue action="/left">desk</Enqueue>"#);
    it.says("/left", "<Hangup/>");
    it.says("/served", &it.play(ELSEWHERE));
    let (waiting, sid) = it.caller("+15558880009", CALLER, "+15550120009").await;
    waiting.hears(Heard::Music, WITHIN).await.unwrap();
    let url = it.app.url("/served");
    let twiml = format!(r#"<Response><Dial action="{url}"><Queue>desk</Queue></Dial></Response>"#);
    let form = [("To", FRIEND), ("From", "+15550100001"), ("Twiml", &*twiml)];
    it.rest.post(&it.rest.account_path("/Calls.json"), &form).await.unwrap().ok().unwrap();
    let friend = it.trunk.receives(WITHIN).await.unwrap();
    friend.hears(CALLER, WITHIN).await.unwrap();
    waiting.hears(OUTSIDE, WITHIN).await.unwrap();
    it.update(&sid, &[("Status", "completed")]).await.ok().unwrap();
    assert_eq!(waiting.ends(WITHIN).await.unwrap(), End::TheyHungUp);
    it.becomes(&sid, "completed").await;
    friend.hears(ELSEWHERE, WITHIN).await.unwrap();
    assert_eq!(it.posted("/left", "QueueResult").await, "bridged");
    friend.hangs_up().await.unwrap();
    it.stop().await;
}
