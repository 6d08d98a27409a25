//! Conferences with real phones: what each participant hears, and what the conference's application is told.

use crate::scene::*;
use serde_json::Value;
use testkit::{Heard, Outside, Tones, WITHIN};

const SECOND_FRIEND: &str = "+15557779002";
const EVENTS: &str = "start end join leave mute hold modify speaker announcement";

/// These and nothing else.
fn both(a: testkit::Tone, b: testkit::Tone) -> Heard {
    Heard::Tones(Tones::from(a).with(b))
}

impl Scene {
    /// Calls somebody into a conference.
    async fn invites(&self, conference: &str, to: &str, more: &[(&str, &str)]) -> Value {
        let path = self.rest.account_path(&format!("/Conferences/{conference}/Participants.json"));
        let form = [&[("From", "+15550100001"), ("To", to)], more].concat();
        self.rest.post(&path, &form).await.unwrap().ok().unwrap()
    }

    /// Changes a participant.
    async fn seat(&self, conference: &str, who: &str, form: &[(&str, &str)]) -> Value {
        let path = self.rest.account_path(&format!("/Conferences/{conference}/Participants/{who}.json"));
        self.rest.post(&path, form).await.unwrap().ok().unwrap()
    }

    /// Names of the events that the conference's application was told, in order.
    fn told(&self, path: &str) -> Vec<String> {
        self.app.received(path).iter().map(|r| r.parameter("StatusCallbackEvent").to_owned()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_hears_whom_they_should() {
    let it = Scene::start().await;
    it.trunk.expects(SECOND_FRIEND, Outside::Answers(SECOND));
    it.says("/after", &it.play(ELSEWHERE));
    it.says("/hold", &it.play(FIRST));
    it.says("/news", &format!("<Play>{}</Play>", it.tone(ELSEWHERE)));
    it.says(
        "/voice",
        &format!(
            r#"<Dial action="/after"><Conference beep="false" participantLabel="host" statusCallback="/room"
               statusCallbackEvent="{EVENTS}">room</Conference></Dial>"#
        ),
    );
    it.number("+15550121001", "/voice", &[]).await;
    let (host, host_sid) = it.caller("+15558881001", CALLER, "+15550121001").await;
    host.hears(Heard::Music, WITHIN).await.unwrap();

    // Dialled out, joined on answer, found by label.
    let friend = it.invites("room", FRIEND, &[("Label", "friend"), ("Beep", "false")]).await;
    assert_eq!((&friend["label"], &friend["hold"]), (&"friend".into(), &false.into()));
    let conference = friend["conference_sid"].as_str().unwrap().to_owned();
    let friend_phone = it.trunk.receives(WITHIN).await.unwrap();
    host.hears(OUTSIDE, WITHIN).await.unwrap();
    friend_phone.hears(CALLER, WITHIN).await.unwrap();
    let second = it.invites(&conference, SECOND_FRIEND, &[("Label", "second"), ("Beep", "false")]).await;
    let second_phone = it.trunk.receives(WITHIN).await.unwrap();
    host.hears(both(OUTSIDE, SECOND), WITHIN).await.unwrap();
    friend_phone.hears(both(CALLER, SECOND), WITHIN).await.unwrap();

    // Held: hears its document, and is heard by nobody.
    it.seat(
        &conference,
        "friend",
        &[("Hold", "true"), ("HoldUrl", &it.app.url("/hold")), ("HoldMethod", "POST")],
    )
    .await;
    friend_phone.hears(FIRST, WITHIN).await.unwrap();
    host.hears(SECOND, WITHIN).await.unwrap();
    it.seat(&conference, "friend", &[("Hold", "false")]).await;
    friend_phone.hears(both(CALLER, SECOND), WITHIN).await.unwrap();

    // Muted: hears, and is heard by nobody.
    it.seat(&conference, "second", &[("Muted", "true")]).await;
    host.hears(OUTSIDE, WITHIN).await.unwrap();
    second_phone.hears(both(CALLER, OUTSIDE), WITHIN).await.unwrap();
    it.seat(&conference, "second", &[("Muted", "false")]).await;

    // Coaching: heard by the coached one alone.
    let coached = friend["call_sid"].as_str().unwrap();
    it.seat(&conference, "second", &[("Coaching", "true"), ("CallSidToCoach", coached)]).await;
    friend_phone.hears(both(CALLER, SECOND), WITHIN).await.unwrap();
    host.hears(OUTSIDE, WITHIN).await.unwrap();
    second_phone.hears(both(CALLER, OUTSIDE), WITHIN).await.unwrap();
    it.seat(&conference, "second", &[("Coaching", "false")]).await;
    host.hears(both(OUTSIDE, SECOND), WITHIN).await.unwrap();

    // Said to everybody, beside what they say themselves; then to one.
    let path = it.rest.account_path(&format!("/Conferences/{conference}.json"));
    let since = tokio::time::Instant::now().into_std();
    let announce = [("AnnounceUrl", it.app.url("/news"))];
    let announce: Vec<(&str, &str)> = announce.iter().map(|(a, b)| (*a, b.as_str())).collect();
    it.rest.post(&path, &announce).await.unwrap().ok().unwrap();
    for phone in [&host, &friend_phone, &second_phone] {
        phone.first_hears(ELSEWHERE, since, WITHIN).await.unwrap();
    }
    host.hears(both(OUTSIDE, SECOND), WITHIN).await.unwrap();
    it.seat(&conference, "second", &announce).await;
    second_phone.hears(ELSEWHERE, WITHIN).await.unwrap();
    second_phone.hears(both(CALLER, OUTSIDE), WITHIN).await.unwrap();

    // Sent away by label; the leg was the API's own, so it ends.
    let gone = it.rest.account_path(&format!("/Conferences/{conference}/Participants/second.json"));
    assert_eq!(it.rest.delete(&gone).await.unwrap().status, 204);
    second_phone.ends(WITHIN).await.unwrap();
    it.becomes(second["call_sid"].as_str().unwrap(), "completed").await;
    host.hears(OUTSIDE, WITHIN).await.unwrap();

    // Ended: the host goes on, the friend's leg ends.
    let ended = it.rest.post(&path, &[("Status", "completed")]).await.unwrap().ok().unwrap();
    assert_eq!(ended["reason_conference_ended"], "conference-ended-via-api");
    host.hears(ELSEWHERE, WITHIN).await.unwrap();
    friend_phone.ends(WITHIN).await.unwrap();
    let after = it.app.receives("/after", WITHIN, |_| true).await.unwrap();
    assert_eq!((after.parameter("DialCallStatus"), after.parameter("CallSid")), ("answered", &*host_sid));
    let done = |told: &[String]| told.last().is_some_and(|last| last == "conference-end");
    eventually("the end is told", async || done(&it.told("/room"))).await;

    let requests = it.app.received("/room");
    assert!(requests.iter().all(|r| r.signed && r.parameter("ConferenceSid") == conference));
    let numbers: Vec<usize> =
        requests.iter().map(|r| r.parameter("SequenceNumber").parse().unwrap()).collect();
    assert_eq!(numbers, (1..=requests.len()).collect::<Vec<_>>(), "in order");
    let told: Vec<String> = it.told("/room").into_iter().filter(|name| !name.contains("speech")).collect();
    assert_eq!(
        told,
        [
            "participant-join",
            "participant-join",
            "conference-start",
            "participant-join",
            "participant-hold",
            "participant-unhold",
            "participant-mute",
            "participant-unmute",
            "participant-modify",
            "participant-modify",
            "announcement-end",
            "announcement-end",
            "participant-leave",
            "participant-leave",
            "participant-leave",
            "conference-end"
        ]
    );
    let spoke = requests.iter().filter(|r| r.parameter("StatusCallbackEvent") == "participant-speech-start");
    let labels: std::collections::BTreeSet<&str> = spoke.map(|r| r.parameter("ParticipantLabel")).collect();
    assert!(labels.contains("host") && labels.contains("friend") && labels.contains("second"), "{labels:?}");
    host.hangs_up().await.unwrap();
    it.stop().await;
}
