//! A phone on the table that stays connected for a shift: one INVITE in the morning, and calls come and go on it.

use crate::scene::*;
use testkit::{Heard, WITHIN};

const QUEUE: &str = "+15550130001";
const DIRECT: &str = "+15550130002";
/// What a ringing tone is to an ear that knows parties only: sound, and nobody's.
const RINGING: Heard = Heard::Music;

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_takes_parks_and_ends_calls_on_a_phone_that_is_called_once() {
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
    let worker = it.centre.worker("ana").await.unwrap();
    let below = |path: &str| it.centre.own_path(&format!("/Workers/{worker}{path}"));
    let phone = |line: &'static str| [("phone", "sip"), ("line", line)];

    it.rest.post(&below("/Phone"), &phone("true")).await.unwrap().ok().unwrap();
    let line = ana.rings(WITHIN).await.unwrap().answers().await.unwrap();

    // The first call is taken at the desk: the handset is not touched.
    let (first, _) = it.caller("+15558890001", CALLER, QUEUE).await;
    let ringing = it.centre.has_calls("ana", "ringing", 1, WITHIN).await.unwrap().remove(0);
    line.hears(RINGING, WITHIN).await.unwrap();
    it.rest.post(&below(&format!("/Calls/{ringing}/Answer")), &[]).await.unwrap().ok().unwrap();
    line.hears(CALLER, WITHIN).await.unwrap();
    first.hears(AGENT, WITHIN).await.unwrap();

    // The second with a key: the first is parked.
    let (second, _) = it.caller("+15558890002", SECOND, DIRECT).await;
    it.centre.has_calls("ana", "ringing", 1, WITHIN).await.unwrap();
    line.presses("*2").await;
    line.hears(SECOND, WITHIN).await.unwrap();
    second.hears(AGENT, WITHIN).await.unwrap();
    first.hears(Heard::Music, WITHIN).await.unwrap();
    it.centre.swap("ana").await.unwrap();
    line.hears(CALLER, WITHIN).await.unwrap();
    second.hears(Heard::Music, WITHIN).await.unwrap();

    // Callers leave; the line stays, and no second call came to the phone all the while.
    first.hangs_up().await.unwrap();
    second.hangs_up().await.unwrap();
    line.hears(Heard::Silence, WITHIN).await.unwrap();
    it.centre.has_calls("ana", "live", 0, WITHIN).await.unwrap();
    assert_eq!(line.phase(), testkit::Phase::Up);

    it.rest.post(&below("/Phone"), &phone("false")).await.unwrap().ok().unwrap();
    line.ends(WITHIN).await.unwrap();
    let wrong = it.rest.post(&below("/Phone"), &[("phone", "browser"), ("line", "true")]).await.unwrap();
    assert_eq!(wrong.status, 400);
    it.stop().await;
}
