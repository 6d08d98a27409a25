//! Task transfers with real audio: warm and cold to a colleague, and the transfer-park to oneself (scenarios S4).

mod desk;

use desk::{Desk, eventually};
use serde_json::{Value, json};
use testkit::{End, Heard, Tone, WITHIN};

const CALLER: Tone = Tone(800);
const ANA: Tone = Tone(440);
const BO: Tone = Tone(620);

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_transfer_keeps_the_caller_on_hold_while_the_agents_talk_until_the_first_leaves() {
    let it = Desk::open().await;
    let caller = it.trunk.caller("+15557770001", CALLER).dials(desk::NUMBER).await.expect("dials");
    let (task, first) = it.offered(&it.ana.worker).await;
    let ana = it.accepts(&it.ana, &task, &first).await;
    caller.hears(ANA, WITHIN).await.expect("talks with Ana");
    let transfer = it.transfers(&task, &first, &it.bo.worker, "WARM").await;
    assert_eq!(
        (&transfer["transfer_status"], &transfer["transfer_mode"]),
        (&"initiated".into(), &"WARM".into())
    );
    caller.hears(Heard::Music, WITHIN).await.expect("on hold");
    ana.hears(Heard::Silence, WITHIN).await.expect("does not hear a caller on hold");
    assert_eq!(it.task(&task).await["assignment_status"], "reserved");
    let (again, second) = it.offered(&it.bo.worker).await;
    assert_eq!(again, task, "one task, two reservations");
    let bo = it.accepts(&it.bo, &task, &second).await;
    ana.hears(BO, WITHIN).await.expect("talks with Bo first");
    bo.hears(ANA, WITHIN).await.expect("and Bo with Ana");
    caller.hears(Heard::Music, WITHIN).await.expect("still on hold");
    it.transfer_is(&task, &transfer, "complete").await;
    assert_eq!(it.task(&task).await["assignment_status"], "assigned");
    ana.hangs_up().await.expect("Ana leaves");
    it.reservation_is(&first, "wrapping").await;
    caller.hears(BO, WITHIN).await.expect("off hold, goes on with Bo");
    bo.hears(CALLER, WITHIN).await.expect("Bo hears the caller");
    assert_eq!(it.task(&task).await["assignment_status"], "assigned");
    caller.hangs_up().await.expect("hangs up");
    assert!(matches!(bo.ends(WITHIN).await.expect("Bo's leg ends"), End::TheyHungUp));
    it.reservation_is(&second, "wrapping").await;
    it.completes(&first).await;
    it.completes(&second).await;
    assert_eq!(it.open_tasks().await, 0);
    it.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cold_transfer_lets_the_first_agent_go_and_keeps_the_conference_for_the_next() {
    let it = Desk::open().await;
    let caller = it.trunk.caller("+15557770001", CALLER).dials(desk::NUMBER).await.expect("dials");
    let (task, first) = it.offered(&it.ana.worker).await;
    let ana = it.accepts(&it.ana, &task, &first).await;
    caller.hears(ANA, WITHIN).await.expect("talks with Ana");
    let room = it.conference(&task).await;
    let transfer = it.transfers(&task, &first, &it.bo.worker, "COLD").await;
    assert!(matches!(ana.ends(WITHIN).await.expect("Ana's leg leaves"), End::TheyHungUp));
    caller.hears(Heard::Music, WITHIN).await.expect("on hold");
    it.reservation_is(&first, "wrapping").await;
    it.completes(&first).await;
    let (_, second) = it.offered(&it.bo.worker).await;
    let bo = it.accepts(&it.bo, &task, &second).await;
    caller.hears(BO, WITHIN).await.expect("talks with Bo");
    bo.hears(CALLER, WITHIN).await.expect("Bo hears the caller");
    assert_eq!(it.conference(&task).await, room, "the same conference");
    it.transfer_is(&task, &transfer, "complete").await;
    caller.hangs_up().await.expect("hangs up");
    it.reservation_is(&second, "wrapping").await;
    it.completes(&second).await;
    assert_eq!(it.open_tasks().await, 0);
    it.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s4_1_and_s4_2_a_park_by_transfer_to_oneself_and_back() {
    let it = Desk::open().await;
    let caller = it.trunk.caller("+15557770001", CALLER).dials(desk::NUMBER).await.expect("dials");
    let (task, mut live) = it.offered(&it.ana.worker).await;
    let mut ana = it.accepts(&it.ana, &task, &live).await;
    let room = it.conference(&task).await;
    for round in 0..2 {
        caller.hears(ANA, WITHIN).await.expect("talks");
        let transfer = it.transfers(&task, &live, &it.ana.worker, "COLD").await;
        ana.ends(WITHIN).await.expect("Ana's leg leaves");
        caller.hears(Heard::Music, WITHIN).await.expect("parked, on hold");
        it.completes(&live).await;
        assert_eq!(it.task(&task).await["assignment_status"], "reserved", "round {round}: stays open");
        let (same, parked) = it.offered(&it.ana.worker).await;
        assert_eq!(same, task);
        ana = it.accepts(&it.ana, &task, &parked).await;
        caller.hears(ANA, WITHIN).await.expect("talks again");
        assert_eq!(it.conference(&task).await, room, "the same conference");
        it.transfer_is(&task, &transfer, "complete").await;
        live = parked;
    }
    assert_eq!(it.open_tasks().await, 1);
    caller.hangs_up().await.expect("hangs up");
    it.reservation_is(&live, "wrapping").await;
    it.completes(&live).await;
    assert_eq!(it.open_tasks().await, 0);
    it.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s4_5_a_caller_who_hangs_up_while_parked_leaves_nothing() {
    let it = Desk::open().await;
    let caller = it.trunk.caller("+15557770001", CALLER).dials(desk::NUMBER).await.expect("dials");
    let (task, first) = it.offered(&it.ana.worker).await;
    let ana = it.accepts(&it.ana, &task, &first).await;
    let transfer = it.transfers(&task, &first, &it.ana.worker, "COLD").await;
    ana.ends(WITHIN).await.expect("Ana's leg leaves");
    it.completes(&first).await;
    let (_, parked) = it.offered(&it.ana.worker).await;
    caller.hears(Heard::Music, WITHIN).await.expect("parked, on hold");
    caller.hangs_up().await.expect("hangs up");
    it.transfer_is(&task, &transfer, "failed").await;
    it.reservation_is(&parked, "canceled").await;
    eventually("the task is closed", async || it.task(&task).await["assignment_status"] == "completed").await;
    it.close().await;
}

// With the official package `twilio-taskrouter` at the agents' desks (reference §10.5): run after `npm ci` in
// tests/sdk/node, with `--ignored`.

/// Options of the conference instruction that an agent's desk sends.
fn conference() -> Value {
    json!({"from": desk::NUMBER, "beep": false, "endConferenceOnExit": true, "endConferenceOnCustomerExit": true})
}

// covers: EB Reservation.conference, EB Reservation.updateParticipant, EB Task.updateParticipant, EB Task.kick
// covers: EB Supervisor.monitor
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and the packages of tests/sdk/node"]
async fn an_agent_holds_and_mutes_and_a_supervisor_listens_whispers_and_barges_in() {
    let it = Desk::open().await;
    let mut anas = it.client(&it.ana, "worker").await;
    let mut bos = it.client(&it.bo, "supervisor").await;
    let caller = it.trunk.caller("+15557770001", CALLER).dials(desk::NUMBER).await.expect("dials");
    let (reservation, task) = anas.offered().await;
    let early = bos.tries("monitor", &[json!(task), json!(reservation)]).await.expect_err("nobody talks yet");
    assert!(early.contains("400"), "{early}");
    anas.does("conference", &[json!(reservation), conference()]).await;
    let ana = it.ana.phone.rings(WITHIN).await.expect("Ana's phone rings").answers().await.expect("answers");
    anas.hears_of(&reservation, "accepted").await;
    caller.hears(ANA, WITHIN).await.expect("talks with Ana");

    anas.does("updateCustomer", &[json!(reservation), json!({"hold": true})]).await;
    caller.hears(Heard::Music, WITHIN).await.expect("on hold");
    ana.hears(Heard::Silence, WITHIN).await.expect("is not heard");
    anas.does("updateCustomer", &[json!(reservation), json!({"hold": false})]).await;
    caller.hears(ANA, WITHIN).await.expect("off hold");
    anas.does("updateOwn", &[json!(reservation), json!({"mute": true})]).await;
    caller.hears(Heard::Silence, WITHIN).await.expect("Ana is muted");
    anas.does("updateOwn", &[json!(reservation), json!({"mute": false, "endConferenceOnExit": true})]).await;
    caller.hears(ANA, WITHIN).await.expect("and heard again");

    let stranger = anas.tries("hold", &[json!(reservation), json!(it.bo.worker), json!(true)]).await;
    assert!(stranger.expect_err("Bo is not there").contains("400"));
    bos.does("monitor", &[json!(task), json!(reservation)]).await;
    let bo = it.bo.phone.rings(WITHIN).await.expect("Bo's phone rings").answers().await.expect("answers");
    caller.sings(None);
    bo.hears(ANA, WITHIN).await.expect("Bo listens to Ana");
    ana.hears(Heard::Silence, WITHIN).await.expect("who does not hear Bo");
    ana.sings(None);
    caller.hears(Heard::Silence, WITHIN).await.expect("nor does the caller");
    it.supervises(&task, &reservation, &it.bo, "whisper").await;
    ana.hears(BO, WITHIN).await.expect("Bo whispers to Ana");
    caller.hears(Heard::Silence, WITHIN).await.expect("and to nobody else");
    caller.sings(Some(CALLER));
    bo.hears(CALLER, WITHIN).await.expect("Bo hears the caller");
    it.supervises(&task, &reservation, &it.bo, "barge").await;
    caller.hears(BO, WITHIN).await.expect("Bo talks with the caller");
    anas.does("kick", &[json!(reservation), json!(it.bo.worker)]).await;
    assert!(matches!(bo.ends(WITHIN).await.expect("Bo is put out"), End::TheyHungUp));
    ana.sings(Some(ANA));
    caller.hears(ANA, WITHIN).await.expect("goes on with Ana");
    caller.hangs_up().await.expect("hangs up");
    anas.hears_of(&reservation, "wrapup").await;
    anas.does("complete", &[json!(reservation)]).await;
    anas.hears_of(&reservation, "completed").await;
    assert_eq!(it.open_tasks().await, 0);
    drop((anas, bos));
    it.close().await;
}

// covers: EB Reservation.dequeue, EB Task.transfer, EB Transfer.cancel, EB Task.hold, EB Task.kick
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and the packages of tests/sdk/node"]
async fn a_call_that_was_dequeued_is_transferred_warm_cold_and_to_a_queue() {
    let it = Desk::open().await;
    let mut anas = it.client(&it.ana, "worker").await;
    let mut bos = it.client(&it.bo, "worker").await;
    let caller = it.trunk.caller("+15557770001", CALLER).dials(desk::NUMBER).await.expect("dials");
    let (first, task) = anas.offered().await;
    anas.does("dequeue", &[json!(first), json!({"from": desk::NUMBER})]).await;
    let ana = it.ana.phone.rings(WITHIN).await.expect("Ana's phone rings").answers().await.expect("answers");
    anas.hears_of(&first, "accepted").await;
    caller.hears(ANA, WITHIN).await.expect("talks with Ana, bridged");

    // WARM: canceled, then taken.
    let warm = [json!(first), json!(it.bo.worker), json!({"mode": "WARM"})];
    anas.does("transfer", &warm).await;
    caller.hears(Heard::Music, WITHIN).await.expect("on hold, which a bridge cannot do");
    ana.hears(Heard::Silence, WITHIN).await.expect("does not hear a caller on hold");
    let (lost, _) = bos.offered().await;
    anas.does("cancelTransfer", &[json!(first)]).await;
    anas.hears_of(&first, "transfer.canceled").await;
    bos.hears_of(&lost, "canceled").await;
    caller.hears(ANA, WITHIN).await.expect("back with Ana");
    anas.does("transfer", &warm).await;
    let (second, same) = bos.offered().await;
    assert_eq!(same, task);
    bos.does("conference", &[json!(second), conference()]).await;
    let bo = it.bo.phone.rings(WITHIN).await.expect("Bo's phone rings").answers().await.expect("answers");
    anas.hears_of(&first, "transfer.completed").await;
    ana.hears(BO, WITHIN).await.expect("talks with Bo first");
    caller.hears(Heard::Music, WITHIN).await.expect("still on hold");
    anas.does("updateCustomer", &[json!(first), json!({"hold": false})]).await;
    bo.sings(None);
    caller.hears(ANA, WITHIN).await.expect("off hold");
    ana.sings(None);
    bo.sings(Some(BO));
    caller.hears(BO, WITHIN).await.expect("all three");
    anas.does("hold", &[json!(first), json!(it.bo.worker), json!(true)]).await;
    bo.hears(Heard::Music, WITHIN).await.expect("Bo is on hold");
    caller.hears(Heard::Silence, WITHIN).await.expect("and not heard");
    anas.does("hold", &[json!(first), json!(it.bo.worker), json!(false)]).await;
    caller.hears(BO, WITHIN).await.expect("Bo is back");
    ana.sings(Some(ANA));
    anas.does("kick", &[json!(first), json!(it.bo.worker)]).await;
    bo.ends(WITHIN).await.expect("Bo is put out");
    bos.hears_of(&second, "wrapup").await;
    bos.does("complete", &[json!(second)]).await;
    caller.hears(ANA, WITHIN).await.expect("goes on with Ana");

    // COLD.
    anas.does("transfer", &[json!(first), json!(it.bo.worker), json!({"mode": "COLD"})]).await;
    ana.ends(WITHIN).await.expect("Ana's leg leaves");
    anas.hears_of(&first, "wrapup").await;
    anas.does("complete", &[json!(first)]).await;
    caller.hears(Heard::Music, WITHIN).await.expect("on hold");
    let (third, _) = bos.offered().await;
    bos.does("conference", &[json!(third), conference()]).await;
    let bo = it.bo.phone.rings(WITHIN).await.expect("Bo's phone rings").answers().await.expect("answers");
    caller.hears(BO, WITHIN).await.expect("talks with Bo");

    // To Ana's queue: refused once, then taken.
    bos.does("transfer", &[json!(third), json!(it.queue), json!({"mode": "WARM", "priority": 7})]).await;
    let (refused, _) = anas.offered().await;
    caller.hears(Heard::Music, WITHIN).await.expect("on hold");
    anas.does("reject", &[json!(refused)]).await;
    bos.hears_of(&third, "transfer.attemptFailed").await;
    let (fourth, _) = anas.offered().await;
    anas.does("conference", &[json!(fourth), conference()]).await;
    let ana = it.ana.phone.rings(WITHIN).await.expect("Ana's phone rings").answers().await.expect("answers");
    bos.hears_of(&third, "transfer.completed").await;
    assert_eq!(it.task(&task).await["priority"], 7);
    bo.hangs_up().await.expect("Bo leaves");
    bos.hears_of(&third, "wrapup").await;
    caller.hears(ANA, WITHIN).await.expect("talks with Ana");
    ana.hangs_up().await.expect("Ana hangs up");
    caller.ends(WITHIN).await.expect("and so the call is over");
    anas.hears_of(&fourth, "wrapup").await;
    anas.does("complete", &[json!(fourth)]).await;
    bos.does("complete", &[json!(third)]).await;
    assert_eq!(it.open_tasks().await, 0);
    drop((anas, bos));
    it.close().await;
}
