//! The Voice SDK in Chromium against a whole Tandem: what each side hears. Needs Chromium, node and the packages of
//! tests/browser, so `make test` runs it.
#![expect(clippy::unwrap_used, reason = "a test ends there")]

use serde_json::{Value, json};
use std::time::Duration;
use testkit::{
    Browser, Centre, DEV_ACCOUNT, DEV_TOKEN, Heard, Outside, Rest, Server, ServerOptions, Tone, Trunk,
    WITHIN, WebhookReceiver, free_tcp_port, voice_token,
};
use tokio::io::{AsyncBufReadExt, BufReader};

const HOUR: Duration = Duration::from_secs(3600);
/// A browser on a busy machine.
const LONG: Duration = Duration::from_secs(30);

const POLL: Duration = Duration::from_millis(100);

/// Waits until `holds`.
#[expect(clippy::disallowed_methods, reason = "polls a condition until a deadline")]
async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(LONG, async {
        while !holds().await {
            tokio::time::sleep(POLL).await;
        }
    });
    assert!(waited.await.is_ok(), "never: {what}");
}

struct Floor {
    server: Server,
    trunk: Trunk,
    browser: Browser,
    rest: Rest,
    host: String,
    key: (String, String),
}

impl Floor {
    async fn open() -> Self {
        Self::open_with(&[]).await
    }

    /// With more flags for the server.
    async fn open_with(more: &[&str]) -> Self {
        let trunk = Trunk::open().await.unwrap();
        let port = free_tcp_port().unwrap();
        let options = ServerOptions {
            trunk: Some(trunk.uri()),
            flags: ["--https", &format!("127.0.0.1:{port}")]
                .iter()
                .chain(more)
                .map(ToString::to_string)
                .collect(),
            ..Default::default()
        };
        let server = Server::start(options).await.unwrap();
        trunk.serves(server.sip());
        let rest = server.rest();
        let made = rest.post(&rest.account_path("/Keys.json"), &[]).await.unwrap().ok().unwrap();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        let key = (text("sid"), text("secret"));
        let browser = Browser::start().await.unwrap();
        Self { server, trunk, browser, rest, host: format!("localhost:{port}"), key }
    }

    fn token(&self, identity: &str, application: Option<&str>, life: Duration) -> String {
        voice_token(DEV_ACCOUNT, (&self.key.0, &self.key.1), identity, application, life)
    }

    /// A document of ours; its URL.
    async fn document(&self, twiml: &str) -> String {
        let body = json!({ "friendly_name": "test", "twiml": twiml });
        let bin = self.rest.post_json("/tandem/v1/TwimlBins", &body).await.unwrap().ok().unwrap();
        bin["document_url"].as_str().unwrap().to_owned()
    }

    async fn number(&self, number: &str, twiml: &str) {
        let url = self.document(twiml).await;
        let form = [("PhoneNumber", number), ("VoiceUrl", &url)];
        self.rest
            .post(&self.rest.account_path("/IncomingPhoneNumbers.json"), &form)
            .await
            .unwrap()
            .ok()
            .unwrap();
    }

    /// A TwiML application; its SID.
    async fn application_at(&self, url: &str) -> String {
        let form = [("FriendlyName", "browser"), ("VoiceUrl", url)];
        let path = self.rest.account_path("/Applications.json");
        let made = self.rest.post(&path, &form).await.unwrap().ok().unwrap();
        made["sid"].as_str().unwrap().to_owned()
    }

    /// A page with a registered device.
    async fn device(&self, identity: &str, tone: Tone, application: Option<&str>, options: Value) {
        self.browser.open(identity, tone).await.unwrap();
        let token = self.token(identity, application, HOUR);
        self.browser.call(identity, "phone.start", json!([token, self.host, options])).await.unwrap();
        self.browser.call(identity, "phone.register", json!([])).await.unwrap();
        self.browser.told(identity, "registered", WITHIN).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn a_caller_and_a_browser_hear_each_other_through_client() {
    let floor = Floor::open().await;
    let Floor { browser, trunk, .. } = &floor;
    floor
        .number(
            "+15550107001",
            r#"<Response><Dial><Client><Identity>alice</Identity><Parameter name="queue" value="Sales &amp; more"/></Client></Dial></Response>"#,
        )
        .await;
    floor.device("alice", Tone(620), None, json!({})).await;

    let maria = trunk.caller("+15557770001", Tone(800));
    let caller = maria.dials("+15550107001").await.unwrap();
    let told = browser.told("alice", "incoming", LONG).await.unwrap();
    assert_eq!(told["from"], "+15557770001");
    assert_eq!(told["custom"], json!({"queue": "Sales & more"}));
    browser.call("alice", "phone.accept", json!([])).await.unwrap();
    browser.told("alice", "accept", LONG).await.unwrap();
    browser.hears("alice", "phone", Tone(800), LONG).await.unwrap();
    caller.hears(Tone(620), LONG).await.unwrap();
    caller.hangs_up().await.unwrap();
    browser.told("alice", "disconnect", LONG).await.unwrap();
    floor.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn one_identity_in_two_accounts_is_two_people() {
    let floor = Floor::open().await;
    let Floor { browser, rest, .. } = &floor;
    let made = rest.post("/2010-04-01/Accounts.json", &[]).await.unwrap().ok().unwrap();
    let text = |of: &Value, name: &str| of[name].as_str().unwrap().to_owned();
    let (sub, secret) = (text(&made, "sid"), text(&made, "auth_token"));
    let theirs = Rest::new(&floor.server.url(), &sub, &secret);
    let functions = WebhookReceiver::start(&secret).await.unwrap();
    functions.answers_twiml("/app", "<Response><Pause length=\"60\"/></Response>");
    let form = [("FriendlyName", "browser"), ("VoiceUrl", &*functions.url("/app"))];
    let path = theirs.account_path("/Applications.json");
    let application = text(&theirs.post(&path, &form).await.unwrap().ok().unwrap(), "sid");
    let key = theirs.post(&theirs.account_path("/Keys.json"), &[]).await.unwrap().ok().unwrap();
    let key = (text(&key, "sid"), text(&key, "secret"));

    floor.device("alice", Tone(620), None, json!({})).await;
    browser.open("theirs", Tone(1000)).await.unwrap();
    let token = voice_token(&sub, (&key.0, &key.1), "alice", Some(&application), HOUR);
    browser.call("theirs", "phone.start", json!([token, floor.host, {}])).await.unwrap();
    browser.call("theirs", "phone.register", json!([])).await.unwrap();
    browser.told("theirs", "registered", WITHIN).await.unwrap();

    // Each account rings its own.
    let calls = async |of: &Rest, from: &str| {
        let form = [("To", "client:alice"), ("From", from), ("Twiml", "<Response/>")];
        of.post(&of.account_path("/Calls.json"), &form).await.unwrap().ok().unwrap();
    };
    calls(&theirs, "client:branch").await;
    let told = browser.told("theirs", "incoming", LONG).await.unwrap();
    assert_eq!(told["from"], "client:branch");
    browser.call("theirs", "phone.accept", json!([])).await.unwrap();
    browser.told("theirs", "disconnect", LONG).await.unwrap();
    calls(rest, "client:head").await;
    let told = browser.told("alice", "incoming", LONG).await.unwrap();
    assert_eq!(told["from"], "client:head", "the first that it hears of");

    // What a browser calls is the application of its own account.
    browser.call("theirs", "phone.connect", json!([{}])).await.unwrap();
    let asked = functions.receives("/app", LONG, |_| true).await.unwrap();
    assert!(asked.signed, "{asked:?}");
    assert_eq!((asked.parameter("From"), asked.parameter("AccountSid")), ("client:alice", &*sub));
    browser.call("theirs", "phone.hangUp", json!([])).await.unwrap();
    floor.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn a_browser_calls_its_application_with_parameters_and_keys_and_gets_back_a_lost_websocket() {
    let floor = Floor::open().await;
    let Floor { browser, trunk, .. } = &floor;
    let functions = WebhookReceiver::start(DEV_TOKEN).await.unwrap();
    let url = functions.url("/app");
    let application = floor.application_at(&url).await;
    functions.answers_twiml(
        "/app",
        r#"<Response><Dial answerOnBridge="true" callerId="+15550100001">+15557770002</Dial></Response>"#,
    );
    floor
        .device("alice", Tone(620), Some(&application), json!({"codecs": ["opus", "pcmu"], "hold": 10000}))
        .await;

    trunk.expects("+15557770002", Outside::Answers(Tone(800)));
    let params = json!({"To": "+15557770002", "TaskSid": "WT & more", "From": "somebody else"});
    browser.call("alice", "phone.connect", json!([params])).await.unwrap();
    let outside = trunk.receives(LONG).await.unwrap();
    browser.told("alice", "ringing", LONG).await.unwrap();
    browser.told("alice", "accept", LONG).await.unwrap();
    outside.hears(Tone(620), LONG).await.unwrap();
    let asked = &functions.received("/app")[0];
    assert_eq!(asked.parameter("From"), "client:alice");
    assert_eq!(asked.parameter("To"), "+15557770002");
    assert_eq!(asked.parameter("TaskSid"), "WT & more");
    assert_eq!(asked.parameter("ApplicationSid"), application);
    let sid = browser.call("alice", "phone.sid", json!([])).await.unwrap();
    assert_eq!(asked.parameter("CallSid"), sid.as_str().unwrap());
    browser.hears("alice", "phone", Tone(800), LONG).await.unwrap();

    browser.call("alice", "phone.press", json!(["15#"])).await.unwrap();
    outside.hears_digits("15#", LONG).await.unwrap();

    // The websocket is lost: the SDK comes back with its token, and nobody has missed a word.
    browser.call("alice", "phone.cutSignalling", json!([])).await.unwrap();
    browser.told("alice", "reconnecting", LONG).await.unwrap();
    browser.told("alice", "reconnected", LONG).await.unwrap();
    outside.hears(Tone(620), LONG).await.unwrap();

    // Another network: the same call with new addresses.
    browser.call("alice", "phone.restartIce", json!([])).await.unwrap();
    outside.hears(Tone(620), LONG).await.unwrap();
    browser.hears("alice", "phone", Tone(800), LONG).await.unwrap();

    // Muted is silent, and only for as long.
    browser.call("alice", "phone.mute", json!([true])).await.unwrap();
    outside.hears(Heard::Silence, LONG).await.unwrap();
    browser.call("alice", "phone.mute", json!([false])).await.unwrap();
    outside.hears(Tone(620), LONG).await.unwrap();

    browser.call("alice", "phone.hangUp", json!([])).await.unwrap();
    outside.ends(LONG).await.unwrap();
    floor.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn a_browser_rejects_is_withdrawn_from_hangs_up_and_renews_its_token() {
    let floor = Floor::open().await;
    let Floor { browser, trunk, rest, .. } = &floor;
    floor
        .number(
            "+15550107002",
            r#"<Response><Dial timeout="20"><Client>bo</Client></Dial><Pause length="60"/></Response>"#,
        )
        .await;
    floor.device("bo", Tone(1000), None, json!({})).await;
    let maria = trunk.caller("+15557770003", Tone(800));

    // Rejected: the caller's document goes on, and the child call says no-answer.
    let call = maria.dials("+15550107002").await.unwrap();
    let told = browser.told("bo", "incoming", LONG).await.unwrap();
    assert_eq!(told["from"], "+15557770003");
    browser.call("bo", "phone.reject", json!([])).await.unwrap();
    eventually("the child call has not been answered", async || {
        let calls = rest.list(&rest.account_path("/Calls.json"), "calls").await.unwrap();
        calls.iter().any(|call| call["to"] == "client:bo" && call["status"] == "no-answer")
    })
    .await;
    call.hangs_up().await.unwrap();

    // The caller gives up: it stops ringing.
    let call = maria.dials("+15550107002").await.unwrap();
    browser.told("bo", "incoming", LONG).await.unwrap();
    call.hangs_up().await.unwrap();
    browser.told("bo", "cancel", LONG).await.unwrap();

    // Called over the API, and the browser hangs up.
    let twiml = "<Response><Pause length=\"60\"/></Response>";
    let form = [("To", "client:bo?why=test"), ("From", "client:desk"), ("Twiml", twiml)];
    let made = rest.post(&rest.account_path("/Calls.json"), &form).await.unwrap().ok().unwrap();
    let told = browser.told("bo", "incoming", LONG).await.unwrap();
    assert_eq!(told["custom"], json!({"why": "test"}));
    browser.call("bo", "phone.accept", json!([])).await.unwrap();
    browser.told("bo", "accept", LONG).await.unwrap();
    browser.call("bo", "phone.hangUp", json!([])).await.unwrap();
    let path = rest.account_path(&format!("/Calls/{}.json", made["sid"].as_str().unwrap()));
    eventually("the call is completed", async || {
        rest.fetch(&path).await.unwrap().ok().unwrap()["status"] == "completed"
    })
    .await;

    // A token that ends soon is announced, and another takes its place.
    let soon = floor.token("bo", None, Duration::from_secs(14));
    browser.call("bo", "phone.updateToken", json!([soon])).await.unwrap();
    browser.told("bo", "tokenWillExpire", LONG).await.unwrap();
    let next = floor.token("bo", None, HOUR);
    browser.call("bo", "phone.updateToken", json!([next])).await.unwrap();
    let bad = voice_token(DEV_ACCOUNT, (&floor.key.0, "not the secret"), "bo", None, HOUR);
    browser.call("bo", "phone.updateToken", json!([bad])).await.unwrap();
    let told = browser.told("bo", "error", LONG).await.unwrap();
    assert!(
        told["code"].as_u64().is_some_and(|code| code == 31202 || code == 53000 || code == 20151),
        "{told}"
    );
    browser.call("bo", "phone.unregister", json!([])).await.unwrap();
    browser.told("bo", "unregistered", LONG).await.unwrap();
    floor.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn a_station_takes_parks_swaps_and_survives_a_reload_and_another_network() {
    let floor = Floor::open().await;
    let Floor { browser, trunk, rest, .. } = &floor;
    let centre = Centre::demo(rest.clone()).await.unwrap();
    let ana = centre.worker("ana").await.unwrap();
    let shown = centre.worker_now("ana").await.unwrap();
    let mut attributes: Value = serde_json::from_str(shown["attributes"].as_str().unwrap()).unwrap();
    attributes["contact_uri"] = "client:ana".into();
    let form = [("Attributes", &*attributes.to_string())];
    rest.post(&centre.path(&format!("/Workers/{ana}")), &form).await.unwrap().ok().unwrap();
    let workflow = centre.sid("Workflows", "workflows", "Direct Extension").await.unwrap();
    floor
        .number(
            "+15550107003",
            &format!(
                r#"<Response><Enqueue workflowSid="{workflow}"><Task priority="1000">{{"directExtension":"1001"}}</Task></Enqueue></Response>"#
            ),
        )
        .await;

    browser.open("ana", Tone(620)).await.unwrap();
    let token = floor.token("ana", None, HOUR);
    let start = async || browser.call("ana", "station.start", json!([token, floor.host])).await.unwrap();
    let told = async |what: &str| browser.call("ana", "station.told", json!([what, 30_000])).await.unwrap();
    let say = async |what: &str, payload: Value| {
        browser.call("ana", "station.send", json!([what, payload])).await.unwrap();
    };
    assert_eq!(start().await["calls"], json!([]));
    told("audio").await;

    // A call rings, and the answer accepts its reservation.
    let maria = trunk.caller("+15557770005", Tone(800));
    let first = maria.dials("+15550107003").await.unwrap();
    let ring = told("ring").await;
    assert_eq!(ring["from"], "+15557770005");
    assert!(ring["reservation_sid"].as_str().is_some_and(|sid| sid.starts_with("WR")), "{ring}");
    say("answer", json!({"callsid": ring["callsid"]})).await;
    browser.hears("ana", "station", Tone(800), LONG).await.unwrap();
    first.hears(Tone(620), LONG).await.unwrap();
    centre.has_calls("ana", "live", 1, LONG).await.unwrap();

    // A second: answering parks the first, and no description was exchanged.
    let omar = trunk.caller("+15557770006", Tone(1000));
    let second = omar.dials("+15550107003").await.unwrap();
    let ring = told("ring").await;
    say("answer", json!({"callsid": ring["callsid"]})).await;
    browser.hears("ana", "station", Tone(1000), LONG).await.unwrap();
    second.hears(Tone(620), LONG).await.unwrap();
    centre.has_calls("ana", "parked", 1, LONG).await.unwrap();
    centre.swap("ana").await.unwrap();
    browser.hears("ana", "station", Tone(800), LONG).await.unwrap();
    first.hears(Tone(620), LONG).await.unwrap();

    // Another network, and then the page is loaded again.
    browser.call("ana", "station.restartIce", json!([])).await.unwrap();
    told("station").await;
    browser.hears("ana", "station", Tone(800), LONG).await.unwrap();
    browser.reload("ana").await.unwrap();
    let back = start().await;
    assert_eq!(back["calls"].as_array().unwrap().len(), 1, "{back}");
    assert_eq!(back["hears"], back["calls"][0]["callsid"]);
    browser.hears("ana", "station", Tone(800), LONG).await.unwrap();
    first.hears(Tone(620), LONG).await.unwrap();

    // Everything parked: the next pick-up is there without a ring.
    let live = centre.has_calls("ana", "live", 1, LONG).await.unwrap();
    centre.park("ana", &live[0]).await.unwrap();
    centre.has_calls("ana", "parked", 2, LONG).await.unwrap();
    centre.pick_up("ana", &live[0]).await.unwrap();
    browser.hears("ana", "station", Tone(800), LONG).await.unwrap();

    // A call out, as the agent's phone would make it.
    first.hangs_up().await.unwrap();
    second.hangs_up().await.unwrap();
    trunk.expects("+15557770007", Outside::Answers(Tone(1200)));
    centre.has_calls("ana", "live", 0, LONG).await.unwrap();
    centre.says("ana", "Available").await.unwrap();
    say("dial", json!({"to": "+15557770007"})).await;
    told("dialing").await;
    browser.hears("ana", "station", Tone(1200), LONG).await.unwrap();
    say("leave", json!({})).await;
    told("left").await;
    floor.server.stop().await.unwrap();
}

/// A TURN server on loopback, for as long as it is kept.
struct Relay {
    _program: tokio::process::Child,
    _folder: tempfile::TempDir,
    port: u16,
}

impl Relay {
    async fn start(secret: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = testkit::free_udp_port().unwrap();
        let file = |name: &str| folder.path().join(name).display().to_string();
        let mut program = tokio::process::Command::new("turnserver")
            .args(["-n", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--use-auth-secret"])
            .args([
                "--realm=tandem.test",
                "--allow-loopback-peers",
                "--no-cli",
                "--no-tls",
                "--no-dtls",
                "--no-tcp",
            ])
            .args(["--log-file=stdout", "--simple-log", "--verbose", "--min-port=60000", "--max-port=60999"])
            .arg(format!("--listening-port={port}"))
            .arg(format!("--static-auth-secret={secret}"))
            .args([format!("--pidfile={}", file("pid")), format!("--userdb={}", file("db"))])
            .stdout(std::process::Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
        let listens = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if line.to_lowercase().contains("listener opened on") {
                    return;
                }
            }
            panic!("the relay has ended");
        };
        tokio::time::timeout(WITHIN, listens).await.expect("the relay listens");
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { _program: program, _folder: folder, port }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and coturn"]
async fn the_sdk_talks_over_a_relay_alone_with_the_servers_of_a_token() {
    const SECRET: &str = "between-us-and-the-relay";
    let relay = Relay::start(SECRET).await;
    let servers = format!("turn:127.0.0.1:{}?transport=udp", relay.port);
    let floor = Floor::open_with(&["--ice-servers", &servers, "--turn-secret", SECRET]).await;
    let Floor { browser, trunk, rest, .. } = &floor;
    let token = rest.post(&rest.account_path("/Tokens.json"), &[("Ttl", "600")]).await.unwrap().ok().unwrap();
    assert!(token["ice_servers"][0]["credential"].is_string(), "{token}");
    let options =
        json!({"rtcConfiguration": {"iceServers": token["ice_servers"], "iceTransportPolicy": "relay"}});
    floor.number("+15550107009", "<Response><Dial><Client>alice</Client></Dial></Response>").await;
    let application = floor
        .application_at(
            &floor.document("<Response><Dial><Number>+15557770109</Number></Dial></Response>").await,
        )
        .await;
    floor.device("alice", Tone(620), Some(&application), options).await;

    // She is called.
    let caller = trunk.caller("+15557770001", Tone(800)).dials("+15550107009").await.unwrap();
    browser.told("alice", "incoming", LONG).await.unwrap();
    browser.call("alice", "phone.accept", json!([])).await.unwrap();
    browser.told("alice", "accept", LONG).await.unwrap();
    browser.hears("alice", "phone", Tone(800), LONG).await.unwrap();
    caller.hears(Tone(620), LONG).await.unwrap();
    assert_eq!(browser.call("alice", "phone.goesBy", json!([])).await.unwrap(), "relay");
    caller.hangs_up().await.unwrap();
    browser.told("alice", "disconnect", LONG).await.unwrap();

    // She calls.
    trunk.expects("+15557770109", Outside::Answers(Tone(1200)));
    browser.call("alice", "phone.connect", json!([{}])).await.unwrap();
    browser.told("alice", "accept", LONG).await.unwrap();
    browser.hears("alice", "phone", Tone(1200), LONG).await.unwrap();
    assert_eq!(browser.call("alice", "phone.goesBy", json!([])).await.unwrap(), "relay");
    browser.call("alice", "phone.hangUp", json!([])).await.unwrap();
    browser.told("alice", "disconnect", LONG).await.unwrap();
}
