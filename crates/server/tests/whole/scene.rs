//! A demo server, a trunk, an application's web server and a server of tones, and what people do with them.

use axum::extract::Path;
use axum::routing::{any, get};
use serde_json::Value;
use std::time::Duration;
use testkit::{
    Answer, Call, Centre, DEV_TOKEN, Phone, Rest, Server, ServerOptions, Tone, Trunk, WITHIN, WebhookReceiver,
};

/// What a caller hears who was sent to a new document.
pub const ELSEWHERE: Tone = Tone(2400);
/// What a document plays first.
pub const FIRST: Tone = Tone(2100);
/// Somebody outside.
pub const OUTSIDE: Tone = Tone(1200);
/// An agent.
pub const AGENT: Tone = Tone(440);
/// A caller.
pub const CALLER: Tone = Tone(800);
/// Another caller.
pub const SECOND: Tone = Tone(1000);
/// A number outside that answers.
pub const FRIEND: &str = "+15557779001";

const POLL: Duration = Duration::from_millis(40);
const SLOW: Duration = Duration::from_millis(1500);

/// Waits until `holds`.
pub async fn eventually(what: &str, holds: impl AsyncFnMut() -> bool) {
    eventually_within(WITHIN * 2, what, holds).await;
}

/// The same for as long as this.
#[expect(clippy::disallowed_methods, reason = "polls a condition until a deadline")]
pub async fn eventually_within(within: Duration, what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(within, async {
        while !holds().await {
            tokio::time::sleep(POLL).await;
        }
    });
    assert!(waited.await.is_ok(), "never: {what}");
}

pub struct Scene {
    pub trunk: Trunk,
    pub app: WebhookReceiver,
    pub rest: Rest,
    pub centre: Centre,
    pub server: Server,
    tones: std::net::SocketAddr,
}

impl Scene {
    pub async fn start() -> Self {
        let trunk = Trunk::open().await.unwrap();
        let options = ServerOptions { trunk: Some(trunk.uri()), ..Default::default() };
        let server = Server::start(options).await.unwrap();
        Self::around(server, trunk).await
    }

    /// Everything around a started server.
    pub async fn around(server: Server, trunk: Trunk) -> Self {
        trunk.serves(server.sip());
        trunk.expects(FRIEND, testkit::Outside::Answers(OUTSIDE));
        let centre = Centre::demo(server.rest()).await.unwrap();
        let app = WebhookReceiver::start(DEV_TOKEN).await.unwrap();
        Self { trunk, app, rest: server.rest(), centre, server, tones: tone_server().await }
    }

    /// Nobody is in a call, and the server drains.
    pub async fn stop(self) {
        drop(self.trunk);
        self.server.stop().await.unwrap();
    }

    /// URL of a second of this tone.
    pub fn tone(&self, Tone(hz): Tone) -> String {
        format!("http://{}/tones/{hz}.wav", self.tones)
    }

    /// `<Play>` of that tone until something else happens.
    pub fn play(&self, tone: Tone) -> String {
        self.play_times(tone, 0)
    }

    /// `<Play>` of that tone for so many seconds.
    pub fn play_times(&self, tone: Tone, seconds: u32) -> String {
        format!(r#"<Play loop="{seconds}">{}</Play>"#, self.tone(tone))
    }

    /// A document's URL that answers after a while with what `<Play>`s that tone.
    pub fn slow(&self, Tone(hz): Tone) -> String {
        format!("http://{}/slow/{hz}", self.tones)
    }

    /// `<Response>` around these verbs at `path`.
    pub fn says(&self, path: &str, verbs: &str) {
        self.app.answers_twiml(path, &format!("<Response>{verbs}</Response>"));
    }

    /// A number of ours, answered by the document at `path`; more parameters as given.
    pub async fn number(&self, number: &str, path: &str, more: &[(&str, &str)]) {
        let url = if path.starts_with("http") { path.to_owned() } else { self.app.url(path) };
        let form = [&[("PhoneNumber", number), ("VoiceUrl", &url)], more].concat();
        let path = self.rest.account_path("/IncomingPhoneNumbers.json");
        self.rest.post(&path, &form).await.unwrap().ok().unwrap();
    }

    /// A caller from outside, with the SID of the call.
    pub async fn caller(&self, from: &str, tone: Tone, number: &str) -> (Call, String) {
        let call = self.trunk.caller(from, tone).dials(number).await.unwrap();
        let mut found = String::new();
        eventually(&format!("a call from {from}"), async || {
            let path = format!("/Calls.json?From={}", from.replace('+', "%2B"));
            let calls = self.rest.list(&self.rest.account_path(&path), "calls").await.unwrap();
            let live = |call: &&Value| {
                call["direction"] == "inbound"
                    && ["ringing", "in-progress"].iter().any(|live| call["status"] == *live)
            };
            let sid = calls.iter().find(live).and_then(|call| call["sid"].as_str());
            found = sid.unwrap_or_default().to_owned();
            !found.is_empty()
        })
        .await;
        (call, found)
    }

    /// A call as the API shows it.
    pub async fn call(&self, sid: &str) -> Value {
        let path = self.rest.account_path(&format!("/Calls/{sid}.json"));
        self.rest.fetch(&path).await.unwrap().ok().unwrap()
    }

    /// Updates a call.
    pub async fn update(&self, sid: &str, form: &[(&str, &str)]) -> Answer {
        let path = self.rest.account_path(&format!("/Calls/{sid}.json"));
        self.rest.post(&path, form).await.unwrap()
    }

    /// Sends a live call to these verbs.
    pub async fn redirect(&self, sid: &str, verbs: &str) {
        let twiml = format!("<Response>{verbs}</Response>");
        self.update(sid, &[("Twiml", &twiml)]).await.ok().unwrap();
    }

    /// Waits until a call has this status.
    pub async fn becomes(&self, sid: &str, status: &str) {
        eventually(&format!("{sid} is {status}"), async || self.call(sid).await["status"] == status).await;
    }

    /// The one child that a call has now.
    pub async fn child(&self, parent: &str) -> String {
        let path = self.rest.account_path(&format!("/Calls.json?ParentCallSid={parent}"));
        let mut found = String::new();
        eventually("a child call", async || {
            let calls = self.rest.list(&path, "calls").await.unwrap();
            found = calls.first().and_then(|call| call["sid"].as_str()).unwrap_or_default().to_owned();
            !found.is_empty()
        })
        .await;
        found
    }

    /// A phone of the demo, registered.
    pub async fn phone(&self, user: &str, tone: Tone) -> Phone {
        Phone::registered(user, &format!("{user}-demo-phone"), self.server.sip(), tone).await.unwrap()
    }

    /// Parameter of the first request to `path`.
    pub async fn posted(&self, path: &str, name: &str) -> String {
        let request = self.app.receives(path, WITHIN * 2, |_| true).await.unwrap();
        assert!(request.signed, "{request:?}");
        request.parameter(name).to_owned()
    }

    /// Waits until no task of the demo waits for anybody or is being worked on.
    pub async fn nothing_is_open(&self) {
        let path = self.centre.path("/Tasks?AssignmentStatus=pending,reserved,assigned");
        let empty = |tasks: &Value| tasks["tasks"].as_array().is_some_and(Vec::is_empty);
        self.centre.until(&path, "no open task", WITHIN * 2, empty).await.unwrap();
    }
}

async fn tone_server() -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tone = async |Path(file): Path<String>| {
        let hz = file.trim_end_matches(".wav").parse().unwrap();
        ([("content-type", "audio/wav")], wav(hz))
    };
    let slow = async move |Path(hz): Path<u16>| {
        pass(SLOW).await;
        let twiml = format!(r#"<Response><Play loop="0">http://{address}/tones/{hz}.wav</Play></Response>"#);
        ([("content-type", "text/xml")], twiml)
    };
    let app = axum::Router::new().route("/tones/{file}", get(tone)).route("/slow/{hz}", any(slow));
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

#[expect(clippy::disallowed_methods, reason = "a web server that takes its time")]
pub async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

/// One second of a tone.
/// A second of a tone as a WAV file.
pub fn wav(hz: u16) -> Vec<u8> {
    let samples: Vec<u8> = (0..8000)
        .flat_map(|n| {
            let angle = f64::from(n) * f64::from(hz) * std::f64::consts::TAU / 8000.0;
            ((angle.sin() * 6000.0) as i16).to_le_bytes()
        })
        .collect();
    let size = u32::try_from(samples.len()).unwrap();
    let mut wav = b"RIFF".to_vec();
    wav.extend((size + 36).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16u32.to_le_bytes());
    wav.extend([1, 0, 1, 0]);
    wav.extend(8000u32.to_le_bytes());
    wav.extend(16000u32.to_le_bytes());
    wav.extend([2, 0, 16, 0]);
    wav.extend(b"data");
    wav.extend(size.to_le_bytes());
    wav.extend(samples);
    wav
}
