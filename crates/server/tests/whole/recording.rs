//! Recordings with real phones: what is played back is what was said, each side where it belongs.

use crate::scene::*;
use testkit::{Ear, Heard, Tone, Tones, WITHIN};

/// What most of each channel of a WAV file is.
pub fn channels_of(wav: &[u8]) -> Vec<Heard> {
    assert_eq!((&wav[..4], &wav[8..12]), (b"RIFF".as_slice(), b"WAVE".as_slice()));
    let channels = usize::from(wav[22]);
    let samples: Vec<i16> = wav[44..].chunks(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    assert!(samples.len() / channels >= 4_000, "only {} samples", samples.len());
    let from = tokio::time::Instant::now().into_std();
    let to = from + WITHIN;
    let heard = |channel: usize| {
        let mut ear = Ear::new(from);
        ear.hear(from, &samples.iter().skip(channel).step_by(channels).copied().collect::<Vec<_>>());
        ear.between(from, to)
    };
    (0..channels).map(heard).collect()
}

/// Nothing but this.
pub fn tone(tone: Tone) -> Heard {
    Heard::Tones(tone.into())
}

impl Scene {
    /// The media of a recording, which is there as soon as its callback says so.
    async fn media(&self, url: &str) -> Vec<u8> {
        let (status, kind, bytes) = self.rest.download(url, false).await.unwrap();
        assert_eq!((status, kind.as_str()), (200, "audio/x-wav"), "{url}");
        bytes
    }

    /// A finished recording, as its callback at `path` tells it.
    async fn recorded(&self, path: &str) -> (String, String) {
        let done = |r: &testkit::Received| r.parameter("RecordingStatus") == "completed";
        let told = self.app.receives(path, WITHIN * 2, done).await.unwrap();
        assert!(told.signed, "{told:?}");
        (told.parameter("RecordingSid").to_owned(), told.parameter("RecordingUrl").to_owned())
    }

    /// A caller of a new number that is answered with these verbs.
    async fn calls_up(&self, n: u8, verbs: &str) -> (testkit::Call, String) {
        let (path, number) = (format!("/voice{n}"), format!("+155501220{n:02}"));
        self.says(&path, verbs);
        self.number(&number, &path, &[]).await;
        self.caller(&format!("+155588820{n:02}"), CALLER, &number).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_recorded_and_played_back() {
    let it = Scene::start().await;
    it.says("/done", "<Pause length=\"30\"/>");
    let verbs = r##"<Record action="/done" finishOnKey="#" timeout="10" recordingStatusCallback="/recorded"
        recordingStatusCallbackEvent="in-progress completed"/>"##;
    let (caller, sid) = it.calls_up(1, verbs).await;
    let begun = |r: &testkit::Received| r.parameter("RecordingStatus") == "in-progress";
    it.app.receives("/recorded", WITHIN, begun).await.unwrap();
    pass(std::time::Duration::from_secs(2)).await;
    caller.presses("#").await;
    let done = it.app.receives("/done", WITHIN, |_| true).await.unwrap();
    assert_eq!((done.parameter("Digits"), done.parameter("CallSid")), ("#", &*sid));
    let url = done.parameter("RecordingUrl").to_owned();
    assert_eq!(channels_of(&it.media(&url).await), [tone(CALLER)], "and no beep");
    assert_eq!(channels_of(&it.media(&format!("{url}.wav")).await), [tone(CALLER)]);
    let (status, kind, mp3) = it.rest.download(&format!("{url}.mp3"), false).await.unwrap();
    assert_eq!((status, kind.as_str(), mp3[0]), (200, "audio/mpeg", 0xFF));
    let (status, ..) = it.rest.download(&url, true).await.unwrap();
    assert_eq!(status, 401, "media needs credentials");

    let (recording, told_url) = it.recorded("/recorded").await;
    assert_eq!(told_url, url);
    let path = it.rest.account_path(&format!("/Recordings/{recording}.json"));
    let shown = it.rest.fetch(&path).await.unwrap().ok().unwrap();
    assert_eq!((&shown["source"], &shown["status"]), (&"RecordVerb".into(), &"completed".into()));
    assert!(["2", "3"].contains(&shown["duration"].as_str().unwrap()), "{shown}");
    assert_eq!(it.rest.delete(&path).await.unwrap().status, 204);
    assert_eq!(it.rest.fetch(&path).await.unwrap().code(), Some(20404));
    assert_eq!(it.rest.download(&url, false).await.unwrap().0, 404);
    caller.hangs_up().await.unwrap();
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_side_of_a_call_is_on_its_own_channel() {
    let it = Scene::start().await;
    // A dialled call, both sides apart.
    let verbs = format!(
        r#"<Dial record="record-from-answer-dual" action="/after" recordingStatusCallback="/dialled">{FRIEND}</Dial>"#
    );
    it.says("/after", "<Hangup/>");
    let (caller, _) = it.calls_up(1, &verbs).await;
    let friend = it.trunk.receives(WITHIN).await.unwrap();
    caller.hears(OUTSIDE, WITHIN).await.unwrap();
    friend.hears(CALLER, WITHIN).await.unwrap();
    pass(std::time::Duration::from_secs(2)).await;
    friend.hangs_up().await.unwrap();
    let (_, url) = it.recorded("/dialled").await;
    assert_eq!(channels_of(&it.media(&url).await), [tone(CALLER), tone(OUTSIDE)]);
    let one = channels_of(&it.media(&format!("{url}?RequestedChannels=1")).await);
    assert_eq!(one.len(), 1);
    assert_eq!(it.posted("/after", "RecordingUrl").await, url);
    caller.ends(WITHIN).await.unwrap();

    // A live call, begun, paused and ended over the API.
    let (caller, sid) = it.calls_up(2, &format!("{}<Pause length=\"60\"/>", it.play(FIRST))).await;
    caller.hears(FIRST, WITHIN).await.unwrap();
    let path = it.rest.account_path(&format!("/Calls/{sid}/Recordings.json"));
    let live = it.app.url("/live");
    let form = [("RecordingChannels", "dual"), ("RecordingStatusCallback", &*live)];
    let begun = it.rest.post(&path, &form).await.unwrap();
    assert_eq!(begun.status, 201, "{begun:?}");
    let current = it.rest.account_path(&format!("/Calls/{sid}/Recordings/Twilio.CURRENT.json"));
    let update = async |status: &str| {
        let form = [("Status", status), ("PauseBehavior", "skip")];
        it.rest.post(&current, &form).await.unwrap().ok().unwrap()["status"].as_str().unwrap().to_owned()
    };
    pass(std::time::Duration::from_secs(1)).await;
    assert_eq!(update("paused").await, "paused");
    // What is said meanwhile is not in it.
    caller.sings(Some(SECOND));
    pass(std::time::Duration::from_secs(3)).await;
    caller.sings(Some(CALLER));
    pass(std::time::Duration::from_millis(300)).await;
    assert_eq!(update("in-progress").await, "in-progress");
    pass(std::time::Duration::from_secs(1)).await;
    assert_eq!(update("stopped").await, "stopped");
    let (_, url) = it.recorded("/live").await;
    let wav = it.media(&url).await;
    assert_eq!(channels_of(&wav), [tone(CALLER), tone(FIRST)]);
    let seconds = (wav.len() - 44) / 4 / 8_000;
    assert!((1..=3).contains(&seconds), "{seconds} s: the pause is left out");
    caller.hangs_up().await.unwrap();
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_records_its_call_while_it_goes_on() {
    let it = Scene::start().await;
    let verbs = format!(
        r#"<Start><Recording recordingStatusCallback="/whole"/>
        <Recording name="mine" channels="mono" track="inbound" recordingStatusCallback="/mine"/></Start>
        {}<Stop><Recording name="mine"/></Stop><Dial>{FRIEND}</Dial>"#,
        it.play_times(FIRST, 3)
    );
    let (caller, sid) = it.calls_up(1, &verbs).await;
    caller.hears(FIRST, WITHIN).await.unwrap();
    let (mine, url) = it.recorded("/mine").await;
    assert_eq!(channels_of(&it.media(&url).await), [tone(CALLER)], "what the caller said, and nothing else");
    // The other goes on, through the conversation with somebody else, to the end of the call.
    let friend = it.trunk.receives(WITHIN).await.unwrap();
    caller.hears(OUTSIDE, WITHIN).await.unwrap();
    pass(std::time::Duration::from_secs(5)).await;
    caller.hangs_up().await.unwrap();
    friend.ends(WITHIN).await.unwrap();
    let (whole, url) = it.recorded("/whole").await;
    let wav = it.media(&url).await;
    let second = 2 * 2 * 8_000;
    let begins = &wav[..44 + 2 * second];
    let ends = [&wav[..44], &wav[wav.len() - 3 * second..]].concat();
    assert_eq!(channels_of(begins), [tone(CALLER), tone(FIRST)]);
    assert_eq!(channels_of(&ends), [tone(CALLER), tone(OUTSIDE)]);
    let of_call = it.rest.account_path(&format!("/Calls/{sid}/Recordings.json"));
    let all = it.rest.list(&of_call, "recordings").await.unwrap();
    let shown = |of: &str| all.iter().find(|r| r["sid"] == of).unwrap();
    for (of, channels, track) in [(&whole, 2, "both"), (&mine, 1, "inbound")] {
        assert_eq!(shown(of)["source"], "StartCallRecordingTwiML");
        assert_eq!((&shown(of)["channels"], &shown(of)["track"]), (&channels.into(), &track.into()));
    }
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conference_and_a_call_of_the_api_are_recorded() {
    let it = Scene::start().await;
    let verbs = r#"<Dial><Conference beep="false" endConferenceOnExit="true" record="record-from-start"
        recordingStatusCallback="/room">room</Conference></Dial>"#;
    let (caller, _) = it.calls_up(1, verbs).await;
    it.says("/join", verbs);
    let path = it.rest.account_path("/Calls.json");
    let [join, leg, status] = ["/join", "/leg", "/status"].map(|path| it.app.url(path));
    let form = [
        ("To", FRIEND),
        ("From", "+15550100001"),
        ("Url", &*join),
        ("Record", "true"),
        ("RecordingChannels", "dual"),
        ("RecordingStatusCallback", &*leg),
        ("StatusCallback", &*status),
    ];
    let made = it.rest.post(&path, &form).await.unwrap().ok().unwrap();
    caller.hears(OUTSIDE, WITHIN).await.unwrap();
    pass(std::time::Duration::from_secs(2)).await;
    caller.hangs_up().await.unwrap();
    let (recording, url) = it.recorded("/room").await;
    let both = Heard::Tones(Tones::from(CALLER).with(OUTSIDE));
    assert_eq!(channels_of(&it.media(&url).await), [both]);
    let (_, url) = it.recorded("/leg").await;
    assert_eq!(channels_of(&it.media(&url).await), [tone(OUTSIDE), tone(CALLER)]);
    let status = it.app.receives("/status", WITHIN, |_| true).await.unwrap();
    assert_eq!(status.parameter("RecordingUrl"), url);

    let conferences = it.rest.account_path("/Conferences.json?Status=completed&FriendlyName=room");
    let room =
        it.rest.list(&conferences, "conferences").await.unwrap()[0]["sid"].as_str().unwrap().to_owned();
    let of_room = it.rest.account_path(&format!("/Conferences/{room}/Recordings.json"));
    assert_eq!(it.rest.list(&of_room, "recordings").await.unwrap()[0]["sid"], recording);
    let of_call = it.rest.account_path(&format!("/Calls/{}/Recordings.json", made["sid"].as_str().unwrap()));
    assert_eq!(it.rest.list(&of_call, "recordings").await.unwrap().len(), 1);
    let all = it.rest.account_path("/Recordings.json?PageSize=1");
    assert_eq!(it.rest.list(&all, "recordings").await.unwrap().len(), 2);
    it.stop().await;
}
