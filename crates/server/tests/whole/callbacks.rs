//! Everything that an application is told of one call, in the order and form in which it is documented (reference: voice
//! §1.1, §1.4, §1.5).

use crate::scene::*;
use std::time::Duration;
use testkit::{Outside, Received, WITHIN};

const SECOND_FRIEND: &str = "+15557779002";
/// What every request about a call has.
const STANDARD: [&str; 7] = ["CallSid", "AccountSid", "ApiVersion", "From", "To", "CallStatus", "Direction"];
/// What every request about a call has too, empty where it is not known.
const PLACES: [&str; 16] = [
    "FromCity",
    "FromState",
    "FromZip",
    "FromCountry",
    "ToCity",
    "ToState",
    "ToZip",
    "ToCountry",
    "CalledCity",
    "CalledState",
    "CalledZip",
    "CalledCountry",
    "CallerCity",
    "CallerState",
    "CallerZip",
    "CallerCountry",
];

/// One request as a form, signed, with what every request about a call has.
#[track_caller]
fn is_in_form(request: &Received, direction: &str) {
    assert!(request.signed, "{request:?}");
    assert_eq!(request.method, "POST");
    assert_eq!(request.headers["content-type"], "application/x-www-form-urlencoded; charset=UTF-8");
    assert_eq!(request.headers["user-agent"], "TwilioProxy/1.1");
    assert!(!request.headers["i-twilio-idempotency-token"].is_empty());
    for name in STANDARD {
        assert!(!request.parameter(name).is_empty(), "{name} in {request:?}");
    }
    let has = |name: &&str| request.parameters.iter().any(|(known, _)| known == name);
    assert!(PLACES.iter().all(has), "{request:?}");
    assert_eq!(request.parameter("ApiVersion"), "2010-04-01");
    assert_eq!(request.parameter("Direction"), direction);
    assert_eq!(request.parameter("Called"), request.parameter("To"));
    assert_eq!(request.parameter("Caller"), request.parameter("From"));
}

/// Names and values, without what may be absent.
fn shown<'a>(request: &'a Received, names: &[&str]) -> Vec<&'a str> {
    names.iter().map(|name| request.parameter(name)).collect()
}

/// The one request to a path.
fn only(it: &Scene, path: &str) -> Received {
    let mut all = it.app.received(path);
    assert_eq!(all.len(), 1, "{path}");
    all.remove(0)
}

/// Whether a time is written as RFC 2822 has it: `Sat, 21 Nov 2026 22:48:17 +0000`.
fn is_rfc2822(text: &str) -> bool {
    let parts: Vec<&str> = text.split(' ').collect();
    parts.len() == 6 && parts[0].ends_with(',') && parts[4].split(':').count() == 3 && parts[5] == "+0000"
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_told_in_order_and_in_its_documented_form() {
    let it = Scene::start().await;
    it.trunk.expects(SECOND_FRIEND, Outside::Answers(SECOND));
    it.says(
        "/answered",
        &format!(
            r#"<Dial action="/after" record="record-from-answer-dual" recordingStatusCallback="/recording"
            recordingStatusCallbackEvent="in-progress completed"><Number statusCallback="/leg"
            statusCallbackEvent="initiated ringing answered completed">{SECOND_FRIEND}</Number></Dial>"#
        ),
    );
    it.says("/after", r#"<Enqueue waitUrl="/wait" action="/left">told</Enqueue>"#);
    it.says("/wait", r#"<Pause length="1"/><Leave/>"#);
    it.says("/left", "<Hangup/>");
    let urls = ["/answered", "/call", "/who"].map(|path| it.app.url(path));
    let form = [
        ("To", FRIEND),
        ("From", "+15550100001"),
        ("Url", &*urls[0]),
        ("StatusCallback", &*urls[1]),
        ("StatusCallbackEvent", "initiated"),
        ("StatusCallbackEvent", "ringing"),
        ("StatusCallbackEvent", "answered"),
        ("StatusCallbackEvent", "completed"),
        ("MachineDetection", "Enable"),
        ("AsyncAmd", "true"),
        ("AsyncAmdStatusCallback", &*urls[2]),
    ];
    let made = it.rest.post(&it.rest.account_path("/Calls.json"), &form).await.unwrap().ok().unwrap();
    let call = made["sid"].as_str().unwrap().to_owned();
    let first = it.trunk.receives(WITHIN).await.unwrap();
    let second = it.trunk.receives(WITHIN).await.unwrap();
    first.hears(SECOND, WITHIN).await.unwrap();
    second.hears(OUTSIDE, WITHIN).await.unwrap();
    // Talks on and on: a machine.
    let who = it.app.receives("/who", WITHIN, |_| true).await.unwrap();
    pass(Duration::from_secs(1)).await;
    second.hangs_up().await.unwrap();
    first.ends(WITHIN * 2).await.unwrap();
    let ended = |r: &Received| r.parameter("CallStatus") == "completed";
    it.app.receives("/call", WITHIN, ended).await.unwrap();
    let done = |r: &Received| r.parameter("RecordingStatus") == "completed";
    it.app.receives("/recording", WITHIN * 2, done).await.unwrap();

    // The call of the API.
    let told = it.app.received("/call");
    let events: Vec<_> = told.iter().map(|r| shown(r, &["CallStatus", "SequenceNumber"])).collect();
    assert_eq!(events, [["initiated", "0"], ["ringing", "1"], ["in-progress", "2"], ["completed", "3"]]);
    for request in &told {
        is_in_form(request, "outbound-api");
        assert_eq!(shown(request, &["CallbackSource", "CallSid"]), ["call-progress-events", &*call]);
        assert!(is_rfc2822(request.parameter("Timestamp")), "{request:?}");
    }
    let last = &told[3];
    let seconds: u32 = last.parameter("CallDuration").parse().unwrap();
    assert!(seconds >= 3, "{last:?}");
    assert_eq!(shown(last, &["Duration", "SipResponseCode", "AnsweredBy"]), ["1", "200", "machine_start"]);
    assert_eq!(shown(&told[0], &["CallDuration", "Duration"]), ["", ""], "not before the end");

    // Who answered.
    assert!(who.signed);
    assert_eq!(shown(&who, &["CallSid", "AnsweredBy"]), [&*call, "machine_start"]);
    assert_eq!(who.parameter("AccountSid"), it.rest.account());
    assert!(who.parameter("MachineDetectionDuration").parse::<u32>().unwrap() >= 2_400, "{who:?}");

    // Whom it dialled.
    let told = it.app.received("/leg");
    let events: Vec<_> = told.iter().map(|r| shown(r, &["CallStatus", "SequenceNumber"])).collect();
    assert_eq!(events, [["initiated", "0"], ["ringing", "1"], ["in-progress", "2"], ["completed", "3"]]);
    for request in &told {
        is_in_form(request, "outbound-dial");
        assert_eq!(shown(request, &["ParentCallSid", "To"]), [&*call, SECOND_FRIEND]);
    }
    let leg = told[0].parameter("CallSid").to_owned();

    // What was recorded.
    let told = it.app.received("/recording");
    let events: Vec<_> = told.iter().map(|r| r.parameter("RecordingStatus")).collect();
    assert_eq!(events, ["in-progress", "completed"]);
    let recording = told[0].parameter("RecordingSid").to_owned();
    for request in &told {
        assert!(request.signed);
        let names = ["CallSid", "RecordingSid", "RecordingSource", "RecordingChannels", "RecordingTrack"];
        assert_eq!(shown(request, &names), [&*call, &*recording, "DialVerb", "2", "both"]);
        assert!(request.parameter("RecordingUrl").ends_with(&recording));
        assert!(is_rfc2822(request.parameter("RecordingStartTime")), "{request:?}");
    }
    assert_eq!(told[0].parameter("RecordingDuration"), "");
    assert!(told[1].parameter("RecordingDuration").parse::<u32>().unwrap() >= 1);

    // What came of dialling.
    let after = only(&it, "/after");
    is_in_form(&after, "outbound-api");
    assert_eq!(
        shown(&after, &["DialCallStatus", "DialCallSid", "DialBridged"]),
        ["completed", &*leg, "true"]
    );
    assert!(after.parameter("DialCallDuration").parse::<u32>().unwrap() >= 1);
    assert!(after.parameter("RecordingUrl").ends_with(&recording));

    // The queue.
    let wait = only(&it, "/wait");
    is_in_form(&wait, "outbound-api");
    let names = ["QueuePosition", "QueueTime", "AvgQueueTime", "CurrentQueueSize", "MaxQueueSize"];
    assert_eq!(shown(&wait, &names), ["1", "0", "0", "1", "100"]);
    let left = only(&it, "/left");
    is_in_form(&left, "outbound-api");
    assert_eq!(shown(&left, &["QueueResult", "QueueSid"]), ["leave", wait.parameter("QueueSid")]);
    assert!(["1", "2"].contains(&left.parameter("QueueTime")), "{left:?}");

    // Every request is a request of its own.
    let paths = ["/call", "/leg", "/recording", "/answered", "/after", "/wait", "/left", "/who"];
    let all: Vec<Received> = paths.iter().flat_map(|path| it.app.received(path)).collect();
    let tokens: std::collections::BTreeSet<_> =
        all.iter().map(|r| &r.headers["i-twilio-idempotency-token"]).collect();
    assert_eq!(tokens.len(), all.len());
    it.stop().await;
}
