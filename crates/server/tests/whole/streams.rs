//! Media streams with real phones and a real websocket server: what one says the other hears.

use crate::scene::*;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::routing::any;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use testkit::{DEV_TOKEN, Ear, Heard, Server, ServerOptions, Tone, Trunk, WITHIN, ulaw_decode, ulaw_encode};
use tokio::sync::mpsc;

/// An application at the other end of a stream: it remembers what it is told, listens, and says what the test wants.
#[derive(Clone)]
struct Talker {
    address: std::net::SocketAddr,
    shared: Arc<Shared>,
    say: mpsc::UnboundedSender<Option<Value>>,
}

struct Shared {
    /// `ws://…`, as the service knows it.
    root: Mutex<String>,
    signed: Mutex<Vec<bool>>,
    messages: Mutex<Vec<Value>>,
    ears: Mutex<HashMap<String, Ear>>,
    to_say: tokio::sync::Mutex<mpsc::UnboundedReceiver<Option<Value>>>,
}

impl Talker {
    async fn start() -> Self {
        let (say, to_say) = mpsc::unbounded_channel();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            root: Mutex::new(format!("ws://{address}")),
            signed: Mutex::default(),
            messages: Mutex::default(),
            ears: Mutex::default(),
            to_say: tokio::sync::Mutex::new(to_say),
        });
        let app = axum::Router::new().route("/{name}", any(talk)).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, shared, say }
    }

    fn url(&self, name: &str) -> String {
        format!("ws://{}/{name}", self.address)
    }

    /// Says a message of this stream.
    async fn says(&self, event: &str, body: Value) {
        let stream = self.told("start").await["streamSid"].clone();
        self.say.send(Some(json!({"event": event, "streamSid": stream, event: body}))).unwrap();
    }

    /// Says this tone for so many seconds, in one message.
    async fn sings(&self, Tone(hz): Tone, seconds: u32) {
        let sample = |n: u32| {
            let angle = f64::from(n) * f64::from(hz) * std::f64::consts::TAU / 8000.0;
            ulaw_encode((angle.sin() * 6000.0) as i16)
        };
        let bytes: Vec<u8> = (0..8_000 * seconds).map(sample).collect();
        self.says("media", json!({"payload": STANDARD.encode(bytes)})).await;
    }

    /// Closes the websocket.
    fn goes(&self) {
        self.say.send(None).unwrap();
    }

    fn all(&self, event: &str) -> Vec<Value> {
        let messages = self.shared.messages.lock().unwrap();
        messages.iter().filter(|m| m["event"] == event).cloned().collect()
    }

    /// The last message of this kind, once there is one.
    async fn told(&self, event: &str) -> Value {
        eventually(&format!("the application is told {event}"), async || !self.all(event).is_empty()).await;
        self.all(event).pop().unwrap()
    }

    /// Waits until the application hears nothing but this on a track.
    async fn hears(&self, track: &str, tone: Tone) {
        let since = tokio::time::Instant::now().into_std();
        let hears = async || {
            let now = tokio::time::Instant::now().into_std();
            let ears = self.shared.ears.lock().unwrap();
            ears.get(track).is_some_and(|ear| ear.now_hears(Heard::Tones(tone.into()), since, now))
        };
        eventually(&format!("the application hears {tone:?} on {track}"), hears).await;
    }
}

async fn talk(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> axum::response::Response {
    let url = format!("{}/{name}", shared.root.lock().unwrap());
    let given = headers.get("x-twilio-signature").map_or("", |value| value.to_str().unwrap());
    shared.signed.lock().unwrap().push(webhook::matches(DEV_TOKEN, &url, &[], given));
    upgrade.on_upgrade(move |socket| converse(shared, socket))
}

async fn converse(shared: Arc<Shared>, mut socket: WebSocket) {
    let mut to_say = shared.to_say.lock().await;
    loop {
        tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => shared.take(serde_json::from_str(text.as_str()).unwrap()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
            said = to_say.recv() => match said {
                Some(Some(message)) => socket.send(Message::text(message.to_string())).await.unwrap(),
                // Goes politely.
                Some(None) | None => return socket.send(Message::Close(None)).await.unwrap(),
            },
        }
    }
}

impl Shared {
    fn take(&self, message: Value) {
        if message["event"] == "media" {
            let bytes = STANDARD.decode(message["media"]["payload"].as_str().unwrap()).unwrap();
            let samples: Vec<i16> = bytes.into_iter().map(ulaw_decode).collect();
            let now = tokio::time::Instant::now().into_std();
            let track = message["media"]["track"].as_str().unwrap().to_owned();
            self.ears.lock().unwrap().entry(track).or_insert_with(|| Ear::new(now)).hear(now, &samples);
        }
        self.messages.lock().unwrap().push(message);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_and_an_application_hear_each_other() {
    let (it, talker) = (Scene::start().await, Talker::start().await);
    it.says("/voice", &format!(
        r#"<Connect action="/after"><Stream url="{}" statusCallback="/stream"><Parameter name="who" value="ann"/></Stream></Connect>"#,
        talker.url("talk")
    ));
    it.says("/after", &it.play(FIRST));
    it.number("+15550122101", "/voice", &[]).await;
    let (caller, sid) = it.caller("+15558882101", CALLER, "+15550122101").await;
    let start = talker.told("start").await["start"].clone();
    assert_eq!((&start["callSid"], &start["tracks"]), (&json!(sid), &json!(["inbound"])));
    assert_eq!(start["customParameters"], json!({"who": "ann"}));
    assert_eq!(start["mediaFormat"], json!({"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}));
    assert_eq!(*talker.shared.signed.lock().unwrap(), [true]);
    assert_eq!(it.posted("/stream", "StreamEvent").await, "stream-started");
    talker.hears("inbound", CALLER).await;

    // What the application says is heard, and it is told when it was.
    talker.sings(ELSEWHERE, 2).await;
    talker.says("mark", json!({"name": "said"})).await;
    caller.hears(ELSEWHERE, WITHIN).await.unwrap();
    assert!(talker.all("mark").is_empty(), "there is more to hear");
    assert_eq!(talker.told("mark").await["mark"]["name"], "said");

    // A key interrupts it.
    talker.sings(SECOND, 60).await;
    talker.says("mark", json!({"name": "long"})).await;
    caller.hears(SECOND, WITHIN).await.unwrap();
    caller.presses("7").await;
    assert_eq!(talker.told("dtmf").await["dtmf"], json!({"track": "inbound_track", "digit": "7"}));
    talker.says("clear", json!({})).await;
    eventually("the mark comes back", async || talker.all("mark").len() == 2).await;
    talker.sings(ELSEWHERE, 60).await;
    caller.hears(ELSEWHERE, WITHIN).await.unwrap();

    // The application goes, and the call goes on.
    talker.goes();
    caller.hears(FIRST, WITHIN).await.unwrap();
    let stopped = |r: &testkit::Received| r.parameter("StreamEvent") == "stream-stopped";
    let told = it.app.receives("/stream", WITHIN, stopped).await.unwrap();
    assert!(told.signed && told.parameter("CallSid") == sid, "{told:?}");
    caller.hangs_up().await.unwrap();
    it.stop().await;
}

// covers: POST /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/Streams.json
// covers: POST /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/Streams/{Sid}.json
#[tokio::test(flavor = "multi_thread")]
async fn an_application_hears_both_sides_of_a_call() {
    let (it, talker) = (Scene::start().await, Talker::start().await);
    it.says(
        "/voice",
        &format!(
            r#"<Start><Stream name="ears" url="{}" track="both_tracks"/></Start><Dial>{FRIEND}</Dial>"#,
            talker.url("both")
        ),
    );
    it.number("+15550122102", "/voice", &[]).await;
    let (caller, sid) = it.caller("+15558882102", CALLER, "+15550122102").await;
    caller.hears(OUTSIDE, WITHIN).await.unwrap();
    talker.hears("inbound", CALLER).await;
    talker.hears("outbound", OUTSIDE).await;
    let path = |rest: &str| it.rest.account_path(&format!("/Calls/{sid}/Streams{rest}.json"));
    let stopped = it.rest.post(&path("/ears"), &[("Status", "stopped")]).await.unwrap().ok().unwrap();
    assert_eq!((&stopped["status"], &stopped["name"]), (&json!("stopped"), &json!("ears")));
    assert_eq!(talker.told("stop").await["stop"]["callSid"], sid);
    caller.hears(OUTSIDE, WITHIN).await.unwrap();

    // Another one, begun over the API; it ends with the call.
    let url = talker.url("again");
    let form =
        [("Url", &*url), ("Track", "outbound_track"), ("Parameter1.Name", "k"), ("Parameter1.Value", "v")];
    let begun = it.rest.post(&path(""), &form).await.unwrap().ok().unwrap();
    assert_eq!((&begun["status"], &begun["call_sid"]), (&json!("in-progress"), &json!(sid)));
    eventually("the second start", async || talker.all("start").len() == 2).await;
    assert_eq!(talker.told("start").await["start"]["customParameters"], json!({"k": "v"}));
    talker.hears("outbound", OUTSIDE).await;
    caller.hangs_up().await.unwrap();
    eventually("the second stop", async || talker.all("stop").len() == 2).await;
    let after = it.rest.post(&path(""), &form).await.unwrap();
    assert_eq!((after.status, after.code()), (400, Some(21220)));
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_is_no_websocket_is_told_of_and_the_call_goes_on() {
    let it = Scene::start().await;
    let plain = it.app.url("/plain").replace("http://", "ws://");
    let verbs =
        format!(r#"<Connect><Stream url="{plain}" statusCallback="/stream"/></Connect>{}"#, it.play(FIRST));
    it.says("/voice", &verbs);
    it.number("+15550122103", "/voice", &[]).await;
    let (caller, sid) = it.caller("+15558882103", CALLER, "+15550122103").await;
    caller.hears(FIRST, WITHIN).await.unwrap();
    let told = it.app.receives("/stream", WITHIN, |_| true).await.unwrap();
    assert_eq!(told.parameter("StreamEvent"), "stream-error", "{told:?}");
    let path = it.rest.account_path(&format!("/Calls/{sid}/Notifications.json"));
    let codes = async || {
        let all = it.rest.list(&path, "notifications").await.unwrap();
        all.iter().map(|n| n["error_code"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    eventually("the error is noted", async || codes().await.contains(&"31920".to_owned())).await;
    caller.hangs_up().await.unwrap();
    it.stop().await;
}

/// TLS on a port of its own, with a certificate that `authority` signed for `localhost`; what comes goes on to `plain`.
async fn encrypted(plain: std::net::SocketAddr, folder: &std::path::Path) -> std::net::SocketAddr {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
    use tokio_rustls::rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
    let key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::<String>::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    std::fs::write(folder.join("authority.pem"), authority.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(authority, key);
    let own = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&own, &issuer);
    let own = PrivateKeyDer::try_from(own.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.unwrap().der().clone()], own)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that does not believe the certificate goes away.
                let Ok(mut secure) = acceptor.accept(stream).await else { return };
                let mut plain = tokio::net::TcpStream::connect(plain).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut secure, &mut plain).await;
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_is_believed_by_its_certificate() {
    let (talker, folder) = (Talker::start().await, tempfile::tempdir().unwrap());
    let address = encrypted(talker.address, folder.path()).await;
    let secure = format!("wss://localhost:{}", address.port());
    talker.shared.root.lock().unwrap().clone_from(&secure);
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("tandem.toml"), format!("webhook-authorities = \"{}\"\n", path("authority.pem")))
        .unwrap();
    for believed in [true, false] {
        let trunk = Trunk::open().await.unwrap();
        let flags = if believed { vec!["--config".to_owned(), path("tandem.toml")] } else { Vec::new() };
        let options = ServerOptions { trunk: Some(trunk.uri()), flags, ..Default::default() };
        let it = Scene::around(Server::start(options).await.unwrap(), trunk).await;
        let connect = format!(r#"<Connect><Stream url="{secure}/talk" statusCallback="/stream"/></Connect>"#);
        it.says("/voice", &format!("{connect}{}", it.play(FIRST)));
        it.number("+15550122104", "/voice", &[]).await;
        let (caller, sid) = it.caller("+15558882104", CALLER, "+15550122104").await;
        if believed {
            talker.hears("inbound", CALLER).await;
            talker.sings(ELSEWHERE, 30).await;
            caller.hears(ELSEWHERE, WITHIN).await.unwrap();
            assert_eq!(*talker.shared.signed.lock().unwrap(), [true]);
        } else {
            caller.hears(FIRST, WITHIN).await.unwrap();
            assert_eq!(it.posted("/stream", "StreamEvent").await, "stream-error");
            let path = it.rest.account_path(&format!("/Calls/{sid}/Notifications.json"));
            let noted = it.rest.list(&path, "notifications").await.unwrap();
            assert!(noted.iter().any(|n| n["error_code"] == "31910"), "{noted:?}");
        }
        caller.hangs_up().await.unwrap();
        it.stop().await;
    }
}
