//! The published way of handling several calls, on the APIs alone: the agent's desktop and its functions are played by the
//! test, in a workspace without a voice policy, with real audio. Source: the multi-call handling solution, S1.1 to S1.9.

mod common;

use common::{Solution, eventually};
use serde_json::{Value, json};
use testkit::{End, Heard, Tone, WITHIN};

const CALLER_A: Tone = Tone(800);
const CALLER_B: Tone = Tone(1000);
const AGENT: Tone = Tone(440);
/// What the solution's hold_music_1.mp3 is here: a file with a tone nobody else has.
const HOLD_FILE: Tone = Tone(2100);

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_call_reaches_the_idle_agent_and_a_second_one_waits() {
    let it = Solution::start().await;
    let caller = it.trunk.caller("+15557770001", CALLER_A).dials(&it.acd_number).await.expect("dials");
    let (reservation, task) = it.offered(1).await;
    assert_eq!(it.task(&task).await["task_queue_friendly_name"], "Inbound ACD");
    let agent = it.accepts(&reservation, &task).await;

    caller.hears(AGENT, WITHIN).await.expect("the caller hears the agent");
    agent.hears(CALLER_A, WITHIN).await.expect("the agent hears the caller");
    assert_eq!(it.task(&task).await["assignment_status"], "assigned");
    let attributes: Value =
        serde_json::from_str(it.task(&task).await["attributes"].as_str().expect("text")).expect("JSON");
    assert!(attributes.pointer("/conference/participants/customer").is_some(), "{attributes}");
    assert_eq!(attributes.pointer("/conference/participants/customer"), attributes.get("call_sid"));

    it.set_ready(false).await;
    it.set_capacity(2).await;
    let second = it.trunk.caller("+15557770002", CALLER_B).dials(&it.acd_number).await.expect("dials");
    second.hears(Heard::Music, WITHIN).await.expect("the second caller hears music");
    let waiting = it.pending_tasks().await;
    assert_eq!(waiting.len(), 1, "the second task waits although capacity is 2: {waiting:?}");
    assert!(it.pending_reservations().await.is_empty());
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_direct_call_parks_the_live_one_and_pick_up_swaps_them_ten_times() {
    let it = Solution::start().await;
    let caller_a = it.trunk.caller("+15557770001", CALLER_A).dials(&it.acd_number).await.expect("dials");
    let (reservation, task) = it.offered(1).await;
    let agent = it.accepts(&reservation, &task).await;
    caller_a.hears(AGENT, WITHIN).await.expect("talks to A");
    it.set_ready(false).await;
    it.set_capacity(2).await;

    let caller_b = it.trunk.caller("+15557770002", CALLER_B).dials(&it.direct_number).await.expect("dials");
    let (second_reservation, second_task) = it.offered(1).await;
    assert_eq!(it.task(&second_task).await["priority"], 1000);

    // Park first, then accept: what the desktop does.
    let call_a = it.park(&reservation, &task).await;
    assert!(matches!(agent.ends(WITHIN).await.expect("the agent's leg ends"), End::TheyHungUp));
    caller_a.hears(HOLD_FILE, WITHIN).await.expect("the parked caller hears the file");
    it.reservation_becomes(&reservation, "wrapping").await;
    it.completes(&reservation).await;
    assert_eq!(it.call(&call_a).await["status"], "in-progress");
    assert_eq!(it.item_status(&call_a).await, (200, 200), "in both maps");
    let mut agent = it.accepts(&second_reservation, &second_task).await;
    caller_b.hears(AGENT, WITHIN).await.expect("talks to B");

    let (mut parked, mut parked_caller, mut live_caller) = (call_a, &caller_a, &caller_b);
    let (mut live_reservation, mut live_task) = (second_reservation, second_task);
    for round in 0..10 {
        let picked = it.picks_up(&parked).await;
        assert_eq!(it.item_status(&parked).await, (404, 404), "round {round}: gone from both maps");
        let (reservation, task) = it.offered(1).await;
        assert_eq!(task, picked, "round {round}");
        let view = it.task(&task).await;
        assert_eq!(
            (&view["priority"], &view["task_queue_friendly_name"]),
            (&json!(1000), &json!("Park Pickup"))
        );
        let attributes: Value =
            serde_json::from_str(view["attributes"].as_str().expect("text")).expect("JSON");
        assert_eq!(attributes["isParkPickup"], true, "round {round}: {attributes}");
        let other = it.park(&live_reservation, &live_task).await;
        agent.ends(WITHIN).await.expect("the agent's leg ends");
        it.reservation_becomes(&live_reservation, "wrapping").await;
        it.completes(&live_reservation).await;
        agent = it.accepts(&reservation, &task).await;
        parked_caller.hears(AGENT, WITHIN).await.expect("talks to the one picked up");
        live_caller.hears(HOLD_FILE, WITHIN).await.expect("the other one is parked");
        std::mem::swap(&mut parked_caller, &mut live_caller);
        (parked, live_reservation, live_task) = (other, reservation, task);
    }
    assert_eq!(it.open_tasks().await, 1, "nothing is left over from ten swaps");
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_while_parked_leaves_a_wrap_up_task() {
    let it = Solution::start().await;
    let caller = it.trunk.caller("+15557770001", CALLER_A).dials(&it.acd_number).await.expect("dials");
    let (reservation, task) = it.offered(1).await;
    let _agent = it.accepts(&reservation, &task).await;
    caller.hears(AGENT, WITHIN).await.expect("talks");
    let call = it.park(&reservation, &task).await;
    it.reservation_becomes(&reservation, "wrapping").await;
    it.completes(&reservation).await;
    caller.hears(HOLD_FILE, WITHIN).await.expect("hears the file");

    caller.hangs_up().await.expect("hangs up");
    let posted = it
        .functions
        .receives("/call-status-handler", WITHIN, |r| r.parameter("CallStatus") == "completed")
        .await
        .expect("the status callback set while parking fires at the end");
    assert!(posted.signed, "signed");
    assert_eq!(posted.parameter("CallSid"), call);
    it.handles_hang_up(&call).await;
    let (wrap_up, wrap_up_task) = it.offered(1).await;
    it.set_reservation(&wrap_up, "accepted").await;
    it.set_task_status(&wrap_up_task, "wrapping").await;
    it.reservation_becomes(&wrap_up, "wrapping").await;
    it.agent_phone.stays_quiet(std::time::Duration::from_millis(800)).await.expect("no conference is made");
    it.completes(&wrap_up).await;
    assert_eq!(it.open_tasks().await, 0);
    let posts = it.functions.received("/call-status-handler");
    assert_eq!(posts.iter().filter(|r| r.parameter("CallStatus") == "completed").count(), 1, "exactly once");
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hang_up_after_pick_up_still_posts_the_callback_and_makes_no_task() {
    let it = Solution::start().await;
    let caller = it.trunk.caller("+15557770001", CALLER_A).dials(&it.acd_number).await.expect("dials");
    let (reservation, task) = it.offered(1).await;
    let _agent = it.accepts(&reservation, &task).await;
    let call = it.park(&reservation, &task).await;
    it.reservation_becomes(&reservation, "wrapping").await;
    it.completes(&reservation).await;
    it.picks_up(&call).await;
    let (reservation, task) = it.offered(1).await;
    let _agent = it.accepts(&reservation, &task).await;
    caller.hears(AGENT, WITHIN).await.expect("talks again");
    caller.hangs_up().await.expect("hangs up");
    it.functions
        .receives("/call-status-handler", WITHIN, |r| r.parameter("CallSid") == call)
        .await
        .expect("the callback set at park time still fires");
    assert_eq!(it.item_status(&call).await, (404, 404), "the handler finds no item, so no task is created");
    it.reservation_becomes(&reservation, "wrapping").await;
    it.completes(&reservation).await;
    eventually("nothing open", async || it.open_tasks().await == 0).await;
    it.stop().await;
}
