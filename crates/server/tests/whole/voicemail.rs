//! Calls that their workflow sends away, without any web server, and the messages that are left then (scenarios S1.D,
//! S3.8).

use crate::assignment::sid;
use crate::recording::{channels_of, tone};
use crate::scene::*;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Call, End, Heard, Outside, Phone, WITHIN};

const DIRECT: &str = "+15550100002";
const ESCALATION: &str = "+15550100003";
/// Where the demo's escalation ends.
const LAST_RESORT: &str = "+15557770100";
/// Prompts are spoken before anything happens.
const PROMPT: Duration = Duration::from_secs(20);

impl Scene {
    /// Somebody dials an extension of the demo.
    async fn dials_extension(&self, from: &str, extension: &str) -> Call {
        let caller = self.trunk.caller(from, CALLER).dials(DIRECT).await.unwrap();
        caller.hears(Heard::Speech, PROMPT).await.unwrap();
        caller.presses(extension).await;
        caller
    }

    /// The caller is greeted, speaks for a while, and presses a key.
    async fn leaves_a_message(&self, caller: &Call) {
        self.is_asked_for_a_message(caller).await;
        pass(Duration::from_secs(3)).await;
        caller.presses("#").await;
        caller.hears(Heard::Speech, WITHIN).await.unwrap();
        assert_eq!(caller.ends(WITHIN).await.unwrap(), End::TheyHungUp);
    }

    /// Waits until a call is being recorded: the beep is over.
    async fn is_asked_for_a_message(&self, caller: &Call) {
        let path = format!("/Calls.json?From={}", caller.caller().replace('+', "%2B"));
        let mut call = String::new();
        eventually("the call", async || {
            let calls = self.rest.list(&self.rest.account_path(&path), "calls").await.unwrap();
            let live = calls.iter().find(|call| call["status"] == "in-progress");
            call = live.map(sid).unwrap_or_default();
            !call.is_empty()
        })
        .await;
        let path = self.rest.account_path(&format!("/Calls/{call}/Recordings.json"));
        let recording = async || !self.rest.list(&path, "recordings").await.unwrap().is_empty();
        eventually_within(PROMPT, "the message is recorded", recording).await;
    }

    fn mailbox(&self, worker: &str) -> String {
        self.centre.own_path(&format!("/Workers/{worker}/Voicemail"))
    }

    /// So many messages, newest first.
    async fn messages(&self, path: &str, count: usize) -> Vec<Value> {
        let mut all = Vec::new();
        eventually(&format!("{count} messages at {path}"), async || {
            all = self.rest.list(path, "voicemails").await.unwrap();
            all.len() == count
        })
        .await;
        all
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_direct_call_that_is_declined_or_not_answered_leaves_a_message_and_lights_the_lamp() {
    let it = Scene::start().await;
    let worker = it.centre.worker("ana").await.unwrap();
    it.centre.says("ana", "Available").await.unwrap();
    let ana = it.phone("ana", AGENT).await;
    assert_eq!(ana.subscribes("presence").await.unwrap(), 489);
    assert_eq!(ana.subscribes("message-summary").await.unwrap(), 200);
    ana.lamp_shows(0, 0, WITHIN).await.unwrap();

    let caller = it.dials_extension("+15558870001", "1001").await;
    ana.rings(PROMPT).await.unwrap().declines(603).await;
    it.leaves_a_message(&caller).await;
    let path = it.mailbox(&worker);
    let message = it.messages(&path, 1).await.remove(0);
    ana.lamp_shows(1, 0, WITHIN).await.unwrap();
    ana.stays_quiet(Duration::from_millis(500)).await.unwrap();
    assert_eq!((&message["from"], &message["to"]), (&json!("+15558870001"), &json!(DIRECT)));
    assert_eq!((&message["heard"], &message["worker_sid"]), (&json!(false), &json!(worker)));
    assert!((2..=5).contains(&message["duration_s"].as_u64().unwrap()), "{message}");
    assert_eq!(message["transcription_status"], "none");
    it.nothing_is_open().await;

    // What was said, for those who may hear it.
    let media = message["media_url"].as_str().unwrap();
    let (status, kind, wav) = it.rest.download(media, false).await.unwrap();
    assert_eq!((status, kind.as_str()), (200, "audio/x-wav"));
    assert_eq!(channels_of(&wav), [tone(CALLER)], "the caller, and no beep");
    let (status, kind, mp3) = it.rest.download(&format!("{media}?Format=mp3"), false).await.unwrap();
    assert_eq!((status, kind.as_str(), mp3[0]), (200, "audio/mpeg", 0xFF));
    assert_eq!(it.rest.download(media, true).await.unwrap().0, 401, "behind credentials");

    // Heard, new again, and gone.
    let url = message["url"].as_str().unwrap();
    let heard = it.rest.post(url, &[("Heard", "true")]).await.unwrap().ok().unwrap();
    assert!(heard["heard"] == true && heard["date_heard"].is_string(), "{heard}");
    ana.lamp_shows(0, 1, WITHIN).await.unwrap();
    assert!(it.messages(&format!("{path}?Heard=false"), 0).await.is_empty());
    it.rest.post_json(url, &json!({"heard": false})).await.unwrap().ok().unwrap();
    ana.lamp_shows(1, 0, WITHIN).await.unwrap();
    assert_eq!(it.rest.delete(url).await.unwrap().status, 204);
    ana.lamp_shows(0, 0, WITHIN).await.unwrap();
    for gone in [url, media] {
        assert_eq!(it.rest.download(gone, false).await.unwrap().0, 404);
    }
    let recording =
        it.rest.account_path(&format!("/Recordings/{}.json", message["recording_sid"].as_str().unwrap()));
    assert_eq!(it.rest.fetch(&recording).await.unwrap().status, 404, "its media has gone too");

    // Not at work: nothing rings. Whoever hangs up has left their message too.
    it.centre.says("ana", "Break").await.unwrap();
    let caller = it.dials_extension("+15558870002", "1001").await;
    it.is_asked_for_a_message(&caller).await;
    ana.stays_quiet(Duration::from_secs(2)).await.unwrap();
    caller.hangs_up().await.unwrap();
    it.messages(&path, 1).await;
    ana.lamp_shows(1, 0, WITHIN).await.unwrap();

    // A phone that says with its registration that it takes notice is told without a subscription.
    let other = Phone::unregistered("ana", it.server.sip(), AGENT).await.unwrap();
    drop(ana);
    let other = other.with_password("ana-demo-phone");
    let allows = [("Allow-Events", "talk, message-summary")];
    other.registers_with(Duration::from_secs(600), &allows).await.unwrap();
    other.lamp_shows(1, 0, WITHIN).await.unwrap_or_else(|e| panic!("{e}"));
    drop(other);
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_of_nobody_is_said_to_be_one_and_the_caller_may_try_again() {
    let it = Scene::start().await;
    it.centre.says("ana", "Available").await.unwrap();
    let ana = it.phone("ana", AGENT).await;
    let caller = it.trunk.caller("+15558870001", CALLER).dials(DIRECT).await.unwrap();
    caller.hears(Heard::Speech, PROMPT).await.unwrap();
    caller.presses("9999").await;
    let mut call = String::new();
    eventually("the call", async || {
        let path = it.rest.account_path("/Calls.json?Status=in-progress");
        call = it.rest.list(&path, "calls").await.unwrap().first().map(sid).unwrap_or_default();
        !call.is_empty()
    })
    .await;
    let timeline = format!("/tandem/v1/Calls/{call}/Timeline");
    eventually_within(PROMPT, "it is asked again", async || {
        let story = it.rest.fetch(&timeline).await.unwrap().ok().unwrap();
        let lines = story["timeline"].as_array().unwrap().clone();
        let said = lines.iter().position(|line| line["text"] == "redirected by the workflow");
        said.is_some_and(|at| lines[at..].iter().any(|line| line["text"] == "Gather"))
    })
    .await;
    caller.hears(Heard::Speech, WITHIN).await.unwrap();
    ana.stays_quiet(Duration::from_millis(300)).await.unwrap();
    caller.presses("1001").await;
    let talk = ana.rings(PROMPT).await.unwrap().answers().await.unwrap();
    caller.hears(AGENT, WITHIN).await.unwrap();
    talk.hears(CALLER, WITHIN).await.unwrap();
    caller.hangs_up().await.unwrap();
    talk.ends(WITHIN).await.unwrap();
    drop(ana);
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_8_nobody_accepts_the_number_outside_is_called_and_then_the_queues_mailbox_answers() {
    let it = Scene::start().await;
    it.trunk.expects(LAST_RESORT, Outside::Answers(OUTSIDE));
    let caller = it.trunk.caller("+15558870001", CALLER).dials(ESCALATION).await.unwrap();
    let outside = it.trunk.receives(PROMPT * 3).await.unwrap();
    assert_eq!((outside.dialled().as_str(), outside.caller().as_str()), (LAST_RESORT, ESCALATION));
    caller.hears(OUTSIDE, WITHIN).await.unwrap();
    outside.hears(CALLER, WITHIN).await.unwrap();
    it.nothing_is_open().await;
    outside.hangs_up().await.unwrap();
    assert_eq!(caller.ends(WITHIN).await.unwrap(), End::TheyHungUp, "they have talked: no mailbox");

    it.trunk.expects(LAST_RESORT, Outside::Busy);
    let caller = it.trunk.caller("+15558870002", CALLER).dials(ESCALATION).await.unwrap();
    let outside = it.trunk.receives(PROMPT * 3).await.unwrap();
    assert_eq!(outside.dialled(), LAST_RESORT);
    it.leaves_a_message(&caller).await;
    let queue = it.centre.sid("TaskQueues", "task_queues", "Call Redirection").await.unwrap();
    let path = it.centre.own_path(&format!("/TaskQueues/{queue}/Voicemail"));
    let message = it.messages(&path, 1).await.remove(0);
    assert_eq!((&message["task_queue_sid"], &message["worker_sid"]), (&json!(queue), &json!(null)));
    assert_eq!(it.messages(&it.centre.own_path("/Voicemail"), 1).await[0]["sid"], message["sid"]);
    it.stop().await;
}

// covers: GET /2010-04-01/Accounts/{AccountSid}/Transcriptions.json
// covers: GET /2010-04-01/Accounts/{AccountSid}/Transcriptions/{Sid}.json, DELETE /2010-04-01/Accounts/{AccountSid}/Transcriptions/{Sid}.json
// covers: GET /2010-04-01/Accounts/{AccountSid}/Recordings/{RecordingSid}/Transcriptions.json
// covers: GET /2010-04-01/Accounts/{AccountSid}/Recordings/{RecordingSid}/Transcriptions/{Sid}.json
// covers: DELETE /2010-04-01/Accounts/{AccountSid}/Recordings/{RecordingSid}/Transcriptions/{Sid}.json
#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_greets_as_its_agent_wants_and_has_messages_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("tandem.toml");
    let program = r#"transcription-command = ["sh", "-c", "test -s {file} && echo please call me back"]"#;
    std::fs::write(&settings, program).unwrap();
    let trunk = testkit::Trunk::open().await.unwrap();
    let flags = vec!["--config".to_owned(), settings.display().to_string()];
    let options = testkit::ServerOptions { trunk: Some(trunk.uri()), flags, ..Default::default() };
    let server = testkit::Server::start(options).await.unwrap();
    let it = Scene::around(server, trunk).await;
    let worker = it.centre.worker("bo").await.unwrap();
    let greeting = it.centre.own_path(&format!("/Workers/{worker}/VoicemailGreeting"));
    let usual = it.rest.fetch(&greeting).await.unwrap().ok().unwrap();
    assert_eq!((&usual["greeting_text"], &usual["length_max_s"]), (&json!(null), &json!(180)));
    let url = it.tone(ELSEWHERE);
    for (wrong, expected) in [
        (json!({"length_max_s": 1}), "length_max_s"),
        (json!({"greeting_url": "ftp://a"}), "greeting_url"),
        (json!({"greeting_text": "a", "greeting_url": url}), "exclude each other"),
        (json!({"transcribe": "perhaps"}), "transcribe"),
    ] {
        let refused = it.rest.put_json(&greeting, &wrong).await.unwrap();
        assert_eq!(refused.status, 400, "{refused:?}");
        assert!(refused.text.contains(expected), "{refused:?}");
    }
    let set = json!({"greeting_url": url, "length_max_s": 60, "transcribe": true});
    it.rest.put_json(&greeting, &set).await.unwrap().ok().unwrap();

    // Bo is offline.
    let caller = it.dials_extension("+15558870001", "1002").await;
    caller.hears(ELSEWHERE, PROMPT).await.unwrap();
    it.leaves_a_message(&caller).await;
    let path = it.mailbox(&worker);
    it.messages(&path, 1).await;
    eventually("a transcript", async || {
        let message = it.messages(&path, 1).await.remove(0);
        message["transcription_status"] == "completed"
            && message["transcription_text"] == "please call me back"
    })
    .await;
    // The API shows it too, by itself and with its recording.
    let all = it.rest.account_path("/Transcriptions.json");
    let written = it.rest.list(&all, "transcriptions").await.unwrap().remove(0);
    assert_eq!(
        (&written["status"], &written["transcription_text"]),
        (&json!("completed"), &json!("please call me back"))
    );
    let text = |name: &str| written[name].as_str().unwrap().to_owned();
    let (tr, re) = (text("sid"), text("recording_sid"));
    let of = it.rest.account_path(&format!("/Recordings/{re}/Transcriptions.json"));
    assert_eq!(it.rest.list(&of, "transcriptions").await.unwrap()[0]["sid"], tr);
    let one = it.rest.account_path(&format!("/Recordings/{re}/Transcriptions/{tr}.json"));
    assert_eq!(it.rest.fetch(&one).await.unwrap().ok().unwrap()["sid"], tr);
    assert_eq!(it.rest.delete(&one).await.unwrap().status, 204);
    let alone = it.rest.account_path(&format!("/Transcriptions/{tr}.json"));
    assert_eq!(it.rest.fetch(&alone).await.unwrap().code(), Some(20404));
    assert_eq!(it.rest.delete(&alone).await.unwrap().code(), Some(20404));
    let nobody = it.centre.own_path("/Workers/WK00000000000000000000000000000009/Voicemail");
    assert_eq!(it.rest.fetch(&nobody).await.unwrap().code(), Some(20404));
    assert_eq!(it.rest.delete(&greeting).await.unwrap().status, 204);
    assert_eq!(it.rest.fetch(&greeting).await.unwrap().ok().unwrap()["greeting_url"], json!(null));
    it.stop().await;
}
