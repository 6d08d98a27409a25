//! The demo with other people's phones: sipp calls, baresip answers. Needs both programs, so `make test` runs it.
#![expect(clippy::unwrap_used, reason = "a test ends there")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use testkit::{
    Baresip, Centre, DEV_ACCOUNT, DEV_TOKEN, Outside, Server, ServerOptions, TONES, Tone, Trunk, WITHIN,
    WebhookReceiver, free_udp_port,
};

const SCENARIO: &str = include_str!("sipp/call.xml");
const ANSWERS: &str = include_str!("sipp/answers.xml");
/// A prompt before the phone rings.
const PROMPT: Duration = Duration::from_secs(20);

/// A server whose trunk is wherever sipp calls from.
async fn server() -> (Server, u16) {
    let trunk = free_udp_port().unwrap();
    let options = ServerOptions { trunk: Some(format!("sip:127.0.0.1:{trunk}")), ..Default::default() };
    (Server::start(options).await.unwrap(), trunk)
}

/// sipp as one or many callers, each for `wait` and with a tone.
fn sipp(
    folder: &Path,
    server: &Server,
    port: u16,
    to: &str,
    tone: Tone,
    wait: Duration,
    more: &[&str],
) -> Command {
    let sound = folder.join(format!("{}.ul", tone.0));
    std::fs::write(&sound, ulaw(tone)).unwrap();
    let scenario: PathBuf = folder.join(format!("{to}-{}.xml", tone.0));
    let text = SCENARIO.replace("TONE_FILE", &sound.display().to_string());
    std::fs::write(&scenario, text.replace("WAIT_MS", &wait.as_millis().to_string())).unwrap();
    let mut command = Command::new("sipp");
    command
        .arg(server.sip().to_string())
        .arg("-sf")
        .arg(scenario)
        .args(["-s", to, "-i", "127.0.0.1", "-mi", "127.0.0.1", "-p", &port.to_string()])
        .args(["-nostdin", "-timeout", "150s", "-timeout_error"])
        .args(more)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

/// One second of the tone at its usual level.
fn ulaw(tone: Tone) -> Vec<u8> {
    assert!(TONES.contains(&tone.0));
    let sample = |n: u32| 6000.0 * (std::f64::consts::TAU * f64::from(tone.0) * f64::from(n) / 8000.0).sin();
    (0..8000).map(|n| testkit::ulaw_encode(sample(n) as i16)).collect()
}

/// A number of ours that enqueues for ana, without asking for her extension.
async fn direct_number(centre: &Centre, number: &str) {
    let workflow = centre.sid("Workflows", "workflows", "Direct Extension").await.unwrap();
    let twiml = format!(
        "<Response><Enqueue workflowSid=\"{workflow}\"><Task priority=\"1000\">{{\"directExtension\":\"1001\"}}</Task></Enqueue></Response>"
    );
    let body = serde_json::json!({ "friendly_name": "Straight to ana", "twiml": twiml });
    let bin = centre.rest.post_json("/tandem/v1/TwimlBins", &body).await.unwrap().ok().unwrap();
    let url = bin["document_url"].as_str().unwrap();
    let path = format!("/2010-04-01/Accounts/{DEV_ACCOUNT}/IncomingPhoneNumbers.json");
    let form = [("PhoneNumber", number), ("VoiceUrl", url)];
    centre.rest.post(&path, &form).await.unwrap().ok().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs sipp and baresip"]
async fn baresip_takes_the_demo_calls_that_sipp_makes() {
    let (server, trunk) = server().await;
    let folder = tempfile::tempdir().unwrap();
    let centre = Centre::demo(server.rest()).await.unwrap();
    direct_number(&centre, "+15550100011").await;
    let mut ana = Baresip::registered("ana", "ana-demo-phone", server.sip(), Tone(440)).await.unwrap();

    let long = Duration::from_secs(25);
    let mut caller_a =
        sipp(folder.path(), &server, trunk, "+15550100001", Tone(800), long, &["-m", "1"]).spawn().unwrap();
    ana.rings(1, PROMPT).await.unwrap();
    ana.answers(1, WITHIN).await.unwrap();
    ana.hears(Tone(800), WITHIN).await.unwrap();

    // Both callers come from the trunk's address; sipp needs a port of its own for the second.
    let second = free_udp_port().unwrap();
    let more = ["-m", "1", "-mp", "31000"];
    let mut caller_b =
        sipp(folder.path(), &server, second, "+15550100011", Tone(1000), long, &more).spawn().unwrap();
    ana.rings(2, PROMPT).await.unwrap();
    ana.answers(2, WITHIN).await.unwrap();
    ana.hears(Tone(1000), WITHIN).await.unwrap();
    centre.has_calls("ana", "parked", 1, WITHIN).await.unwrap();

    for tone in [Tone(800), Tone(1000), Tone(800), Tone(1000)] {
        centre.swap("ana").await.unwrap();
        ana.hears(tone, WITHIN).await.unwrap();
    }
    let live = centre.has_calls("ana", "live", 1, WITHIN).await.unwrap();
    centre.park("ana", &live[0]).await.unwrap();
    centre.has_calls("ana", "parked", 2, WITHIN).await.unwrap();

    // Both callers hang up while parked: two notices, nothing live, nothing parked.
    centre.has_calls("ana", "hung-up", 2, Duration::from_secs(40)).await.unwrap();
    centre.has_calls("ana", "parked", 0, WITHIN).await.unwrap();
    assert!(caller_a.wait().unwrap().success(), "caller A's call failed\n{}", server.log());
    assert!(caller_b.wait().unwrap().success(), "caller B's call failed\n{}", server.log());
    drop(ana);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs sipp and baresip"]
async fn baresip_parks_calls_out_over_the_trunk_and_lets_a_call_ring() {
    const FRIEND: &str = "+15557770100";
    let network = Trunk::open().await.unwrap();
    network.expects(FRIEND, Outside::Answers(Tone(1200)));
    let options = ServerOptions { trunk: Some(network.uri()), ..Default::default() };
    let server = Server::start(options).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let centre = Centre::demo(server.rest()).await.unwrap();
    let mut ana = Baresip::registered("ana", "ana-demo-phone", server.sip(), Tone(440)).await.unwrap();

    let port = free_udp_port().unwrap();
    let long = Duration::from_secs(40);
    let mut caller_a =
        sipp(folder.path(), &server, port, "+15550100001", Tone(800), long, &["-m", "1"]).spawn().unwrap();
    ana.rings(1, PROMPT).await.unwrap();
    ana.answers(1, WITHIN).await.unwrap();
    ana.hears(Tone(800), WITHIN).await.unwrap();

    // Parked by hand; then she dials, and somebody outside answers.
    let live = centre.has_calls("ana", "live", 1, WITHIN).await.unwrap();
    centre.park("ana", &live[0]).await.unwrap();
    centre.has_calls("ana", "parked", 1, WITHIN).await.unwrap();
    ana.has_ended(1, WITHIN).await.unwrap();
    ana.dials(FRIEND).await.unwrap();
    let outside = network.receives(WITHIN).await.unwrap();
    assert_eq!((outside.dialled().as_str(), outside.caller().as_str()), (FRIEND, "+15550100001"));
    outside.listens_at_any_level();
    ana.hears(Tone(1200), WITHIN).await.unwrap();
    outside.hears(Tone(440), WITHIN).await.unwrap();
    centre.has_calls("ana", "live", 1, WITHIN).await.unwrap();
    centre.has_calls("ana", "parked", 1, WITHIN).await.unwrap();
    outside.hangs_up().await.unwrap();
    ana.has_ended(2, WITHIN).await.unwrap();

    let parked = centre.has_calls("ana", "parked", 1, WITHIN).await.unwrap();
    centre.pick_up("ana", &parked[0]).await.unwrap();
    ana.rings(2, WITHIN).await.unwrap();
    ana.answers(3, WITHIN).await.unwrap();
    ana.hears(Tone(800), WITHIN).await.unwrap();
    ana.has_ended(3, long).await.unwrap();
    assert!(caller_a.wait().unwrap().success(), "caller A's call failed\n{}", server.log());

    // Nobody answers: her phone stops, she is offline, and the caller waits until she is back.
    centre.wraps_up("ana", PROMPT).await.unwrap();
    let mut caller_c =
        sipp(folder.path(), &server, port, "+15550100001", Tone(1000), long, &["-m", "1"]).spawn().unwrap();
    ana.rings(3, PROMPT).await.unwrap();
    ana.has_ended(4, PROMPT).await.unwrap();
    let ana_now = centre.worker_now("ana").await.unwrap();
    assert_eq!(ana_now["activity_name"], "Offline");
    let waits = |tasks: &serde_json::Value| tasks["tasks"].as_array().is_some_and(|tasks| tasks.len() == 1);
    let path = centre.path("/Tasks?AssignmentStatus=pending");
    centre.until(&path, "one caller who waits", WITHIN, waits).await.unwrap();
    centre.says("ana", "Available").await.unwrap();
    ana.rings(4, WITHIN).await.unwrap();
    ana.answers(4, WITHIN).await.unwrap();
    ana.hears(Tone(1000), WITHIN).await.unwrap();
    ana.has_ended(5, long).await.unwrap();
    assert!(caller_c.wait().unwrap().success(), "caller C's call failed\n{}", server.log());
    drop((ana, network));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs sipp"]
async fn sipp_makes_five_hundred_calls_at_twenty_per_second_without_a_failure() {
    let (server, trunk) = server().await;
    let folder = tempfile::tempdir().unwrap();
    let second = Duration::from_secs(1);
    let more = ["-m", "500", "-r", "20", "-l", "200"];
    let mut sipp = sipp(folder.path(), &server, trunk, "+15550100004", Tone(800), second, &more);
    let status = tokio::task::spawn_blocking(move || sipp.status()).await.unwrap().unwrap();
    assert!(status.success(), "sipp ended with {status}\n{}", server.log());
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs baresip"]
async fn baresip_goes_where_a_document_refers_it_and_says_how_that_went() {
    let (server, _) = server().await;
    let centre = Centre::demo(server.rest()).await.unwrap();
    let verb = "<Response><Refer><Sip>sip:bo@tandem.localhost</Sip></Refer></Response>";
    let body = serde_json::json!({ "friendly_name": "Elsewhere", "twiml": verb });
    let bin = centre.rest.post_json("/tandem/v1/TwimlBins", &body).await.unwrap().ok().unwrap();
    let form = [("PhoneNumber", "+15550100012"), ("VoiceUrl", bin["document_url"].as_str().unwrap())];
    let numbers = format!("/2010-04-01/Accounts/{DEV_ACCOUNT}/IncomingPhoneNumbers.json");
    centre.rest.post(&numbers, &form).await.unwrap().ok().unwrap();
    let bo = testkit::Phone::registered("bo", "bo-demo-phone", server.sip(), Tone(620)).await.unwrap();
    let mut ana = Baresip::registered("ana", "ana-demo-phone", server.sip(), Tone(440)).await.unwrap();
    ana.dials("+15550100012").await.unwrap();
    let talk = bo.rings(PROMPT).await.unwrap().answers().await.unwrap();
    talk.listens_at_any_level();
    talk.hears(Tone(440), WITHIN).await.unwrap();
    ana.hears(Tone(620), WITHIN).await.unwrap();
    // The first call is over when baresip has said that the second stands.
    let calls = format!("/2010-04-01/Accounts/{DEV_ACCOUNT}/Calls.json?To=%2B15550100012&Status=completed");
    let over = |calls: &serde_json::Value| calls["calls"].as_array().is_some_and(|calls| calls.len() == 1);
    let ended = centre.until(&calls, "the first call to be over", WITHIN, over).await.unwrap();
    let sid = ended["calls"][0]["sid"].as_str().unwrap();
    let story = centre.rest.fetch(&format!("/tandem/v1/Calls/{sid}/Timeline")).await.unwrap().ok().unwrap();
    let said: Vec<_> =
        story["timeline"].as_array().unwrap().iter().map(|e| (&e["text"], &e["data"])).collect();
    let has = |text: &str, sip: u64| said.iter().any(|(t, data)| *t == text && data["sip"] == sip);
    assert!(has("answered the REFER", 202) && has("says how the REFER goes", 200), "{said:#?}");
    drop((ana, bo));
    server.stop().await.unwrap();
}

/// What somebody says, in PCMU: words by a voice, or none.
fn said(folder: &Path, words: &str) -> Vec<u8> {
    if words.is_empty() {
        return Vec::new();
    }
    let wav = folder.join("words.wav");
    let flite = Command::new("flite").args(["-voice", "kal", "-t", words, "-o"]).arg(&wav).status();
    assert!(flite.unwrap().success());
    let wav = std::fs::read(wav).unwrap();
    assert_eq!(u32::from_le_bytes(wav[24..28].try_into().unwrap()), 8_000, "as it is sent");
    wav[44..]
        .chunks_exact(2)
        .map(|pair| testkit::ulaw_encode(i16::from_le_bytes([pair[0], pair[1]])))
        .collect()
}

/// 1000 Hz for half a second.
fn beep() -> Vec<u8> {
    let sample = |n: u32| 6000.0 * (std::f64::consts::TAU * f64::from(n) / 8.0).sin();
    (0..4_000).map(|n| testkit::ulaw_encode(sample(n) as i16)).collect()
}

fn silence(ms: usize) -> Vec<u8> {
    vec![0xFF; ms * 8]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs sipp and flite"]
async fn a_greeting_with_its_beep_a_person_and_nobody_are_told_apart() {
    const GREETING: &str = "Hello, you have reached the office. There is nobody here at the moment. \
                            Please leave a message after the tone.";
    let (server, port) = server().await;
    let folder = tempfile::tempdir().unwrap();
    let rest = server.rest();
    let app = WebhookReceiver::start(DEV_TOKEN).await.unwrap();
    app.answers_twiml("/answered", "<Response><Hangup/></Response>");
    app.answers_twiml("/waits", "<Response><Pause length=\"30\"/></Response>");
    let greeting = said(folder.path(), GREETING);
    let spoken = Duration::from_millis(greeting.len() as u64 / 8);
    assert!(spoken > Duration::from_secs(4), "{spoken:?}");
    let machine = [silence(400), greeting, silence(500), beep(), silence(8_000)].concat();
    let person = [silence(300), said(folder.path(), "Hello?"), silence(8_000)].concat();
    for (sounds, detection, background, by, least, most) in [
        (&machine, "DetectMessageEnd", false, "machine_end_beep", spoken, spoken + Duration::from_secs(4)),
        (&machine, "DetectMessageEnd", true, "machine_end_beep", spoken, spoken + Duration::from_secs(4)),
        (&machine, "Enable", false, "machine_start", Duration::from_millis(2_400), Duration::from_secs(4)),
        (&person, "DetectMessageEnd", false, "human", Duration::from_millis(1_200), Duration::from_secs(4)),
        (&person, "Enable", true, "human", Duration::from_millis(1_200), Duration::from_secs(4)),
        (&silence(12_000), "Enable", false, "unknown", Duration::from_secs(5), Duration::from_secs(7)),
    ] {
        let sound = folder.path().join("sound.ul");
        std::fs::write(&sound, sounds).unwrap();
        let scenario = folder.path().join("answers.xml");
        std::fs::write(&scenario, ANSWERS.replace("SOUND_FILE", &sound.display().to_string())).unwrap();
        let mut sipp = Command::new("sipp");
        sipp.arg("-sf").arg(&scenario).args(["-i", "127.0.0.1", "-mi", "127.0.0.1", "-p", &port.to_string()]);
        sipp.args(["-m", "1", "-nostdin", "-timeout", "60s", "-timeout_error"]).current_dir(folder.path());
        let mut answers = sipp.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let [document, who] =
            [if background { "/waits" } else { "/answered" }, "/who"].map(|path| app.url(path));
        let mut form = vec![
            ("To", "+15557779001"),
            ("From", "+15550100001"),
            ("Url", &*document),
            ("MachineDetection", detection),
        ];
        if background {
            form.extend([("AsyncAmd", "true"), ("AsyncAmdStatusCallback", &*who)]);
        }
        let made = rest.post(&rest.account_path("/Calls.json"), &form).await.unwrap().ok().unwrap();
        let call = made["sid"].as_str().unwrap().to_owned();
        let path = if background { "/who" } else { "/answered" };
        let told = app.receives(path, WITHIN * 3, |r| r.parameter("CallSid") == call).await.unwrap();
        assert!(told.signed);
        assert_eq!(told.parameter("AnsweredBy"), by, "{detection}: {told:?}");
        let took = Duration::from_millis(told.parameter("MachineDetectionDuration").parse().unwrap());
        assert!((least..most).contains(&took), "{by} after {took:?}, the greeting takes {spoken:?}");
        if background {
            assert_eq!(app.received("/waits").last().unwrap().parameter("AnsweredBy"), "", "it did not wait");
            let path = rest.account_path(&format!("/Calls/{call}.json"));
            rest.post(&path, &[("Status", "completed")]).await.unwrap().ok().unwrap();
        }
        assert!(answers.wait().unwrap().success(), "{}", server.log());
    }
    server.stop().await.unwrap();
}

/// sipp as ana's phone with one of its two calls.
fn one_line_of_ana(folder: &Path, server: &Server, scenario: &str, to: &str, more: &[&str]) -> Command {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sipp").join(scenario);
    let mut command = Command::new("sipp");
    command
        .arg(server.sip().to_string())
        .arg("-sf")
        .arg(scenario)
        .args(["-s", to, "-i", "127.0.0.1", "-mi", "127.0.0.1", "-m", "1"])
        .args(["-p", &free_udp_port().unwrap().to_string()])
        .args(["-nostdin", "-timeout", "60s", "-timeout_error"])
        .args(more)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

/// The 200 that sipp has acknowledged, from its log of messages on.
#[expect(clippy::disallowed_methods, reason = "polls a condition until a deadline")]
async fn answer_in(log: &Path) -> String {
    let waited = tokio::time::timeout(WITHIN, async {
        loop {
            let said = std::fs::read_to_string(log).unwrap_or_default();
            match said.split_once("SIP/2.0 200 OK") {
                Some((_, answer)) if answer.contains("\nACK ") => return answer.to_owned(),
                _ => tokio::time::sleep(Duration::from_millis(40)).await,
            }
        }
    });
    waited.await.expect("sipp acknowledges an answer")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs sipp and baresip"]
async fn sipp_puts_the_callees_of_its_two_calls_through() {
    const FRIEND: &str = "+15557770101";
    let network = Trunk::open().await.unwrap();
    network.expects(FRIEND, Outside::Answers(Tone(1000)));
    let options = ServerOptions { trunk: Some(network.uri()), ..Default::default() };
    let server = Server::start(options).await.unwrap();
    let centre = Centre::demo(server.rest()).await.unwrap();
    centre.says("bo", "Available").await.unwrap();
    let bo = testkit::Phone::registered("bo", "bo-demo-phone", server.sip(), Tone(620)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let log = ["-trace_msg", "-message_file", "messages.log"];
    let mut asks = one_line_of_ana(folder.path(), &server, "phone_asks.xml", "bo", &log).spawn().unwrap();
    let colleague = bo.rings(WITHIN).await.unwrap().answers().await.unwrap();

    // What its other line has to name is what stands in the answer to this one.
    let answer = answer_in(&folder.path().join("messages.log")).await;
    let header = |name: &str| answer.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim();
    let tag = |name: &str| header(name).split_once("tag=").unwrap().1;
    let (call, ours, theirs) = (header("Call-ID:"), tag("To:"), tag("From:"));
    let replaces = format!("{call}%3Bto-tag%3D{ours}%3Bfrom-tag%3D{theirs}");
    let more = ["-key", "replaces", &replaces, "-key", "other", "bo"];
    let mut through =
        one_line_of_ana(folder.path(), &server, "phone_puts_through.xml", FRIEND, &more).spawn().unwrap();
    let friend = network.receives(WITHIN).await.unwrap();

    // The others hear each other, and sipp is out of it.
    friend.hears(Tone(620), WITHIN).await.unwrap();
    colleague.hears(Tone(1000), WITHIN).await.unwrap();
    assert!(through.wait().unwrap().success(), "the transfer failed\n{}", server.log());
    assert!(asks.wait().unwrap().success(), "the first call was not ended\n{}", server.log());
    friend.hangs_up().await.unwrap();
    colleague.ends(WITHIN).await.unwrap();
    drop(bo);
    server.stop().await.unwrap();
}
