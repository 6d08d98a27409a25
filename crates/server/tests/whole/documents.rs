//! What a caller lives through, document by document, with real audio and signed requests.

use crate::scene::*;
use testkit::{Call, End, Heard, Outside, Tones, WITHIN};

/// A number for each document, all called by somebody new.
async fn calls(it: &Scene, n: u8, verbs: &str) -> (Call, String) {
    let (path, number) = (format!("/voice{n}"), format!("+155501210{n:02}"));
    it.says(&path, verbs);
    it.number(&number, &path, &[]).await;
    it.caller(&format!("+155588810{n:02}"), CALLER, &number).await
}

#[tokio::test(flavor = "multi_thread")]
async fn prompts_play_in_order_and_digits_are_gathered() {
    let it = Scene::start().await;
    // Relative URLs are resolved against the document that holds them.
    let verbs = format!(
        r##"<Play loop="2">{}</Play><Pause length="1"/><Play digits="15#"/>
           <Gather numDigits="4" finishOnKey="#" timeout="30" action="got?from=menu"><Say loop="0">Please enter your number.</Say></Gather>"##,
        it.tone(FIRST)
    );
    let (caller, sid) = calls(&it, 1, &verbs).await;
    caller.hears(FIRST, WITHIN).await.unwrap();
    caller.hears(Heard::Silence, WITHIN).await.unwrap();
    caller.hears_digits("15#", WITHIN).await.unwrap();
    caller.hears(Heard::Speech, WITHIN).await.unwrap();
    it.says("/got", r#"<Gather timeout="1" action="/silent"/><Gather timeout="1" actionOnEmptyResult="true" action="/empty"/>"#);
    it.says("/empty", "<Hangup/>");
    caller.presses("42#").await;
    let got = it.app.receives("/got", WITHIN, |_| true).await.unwrap();
    assert!(got.signed, "{got:?}");
    let shown = ["Digits", "FinishedOnKey", "from", "CallSid"].map(|name| got.parameter(name));
    assert_eq!(shown, ["42", "#", "menu", &sid]);
    let empty = it.app.receives("/empty", WITHIN, |_| true).await.unwrap();
    assert!(empty.signed && empty.parameter("Digits").is_empty(), "{empty:?}");
    assert!(it.app.received("/silent").is_empty(), "no input and no wish to know");
    assert_eq!(caller.ends(WITHIN).await.unwrap(), End::TheyHungUp);
    it.becomes(&sid, "completed").await;
    assert!(it.app.received("/voice1").iter().all(|request| request.signed));
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dial_ends_as_the_other_side_does() {
    let it = Scene::start().await;
    it.trunk.expects("+15557779002", Outside::Busy);
    it.trunk.expects("+15557779003", Outside::NoAnswer);
    let mut n = 0;
    for (number, status) in
        [("+15557779002", "busy"), ("+15557779003", "no-answer"), ("+15557779404", "failed")]
    {
        n += 1;
        let verbs = format!(r#"<Dial timeout="5" callerId="+15550100001" action="/done{n}">{number}</Dial>"#);
        it.says(&format!("/done{n}"), &it.play(ELSEWHERE));
        let (caller, sid) = calls(&it, n, &verbs).await;
        let out = it.trunk.receives(WITHIN).await.unwrap();
        assert_eq!((out.caller().as_str(), out.dialled().as_str()), ("+15550100001", number));
        caller.hears(ELSEWHERE, WITHIN * 2).await.unwrap();
        let done = it.app.receives(&format!("/done{n}"), WITHIN, |_| true).await.unwrap();
        assert!(done.signed);
        assert_eq!((done.parameter("DialCallStatus"), done.parameter("CallSid")), (status, &*sid));
        let child = it.child(&sid).await;
        assert_eq!(done.parameter("DialCallSid"), child);
        assert_eq!(it.call(&child).await["status"], status);
        caller.hangs_up().await.unwrap();
    }
    let (caller, sid) = calls(&it, 9, &format!(r#"<Dial action="/done9">{FRIEND}</Dial>"#)).await;
    it.says("/done9", &it.play(ELSEWHERE));
    caller.hears(OUTSIDE, WITHIN).await.unwrap();
    let out = it.trunk.receives(WITHIN).await.unwrap();
    out.hears(CALLER, WITHIN).await.unwrap();
    out.hangs_up().await.unwrap();
    caller.hears(ELSEWHERE, WITHIN).await.unwrap();
    let done = it.app.receives("/done9", WITHIN, |_| true).await.unwrap();
    assert_eq!((done.parameter("DialCallStatus"), done.parameter("DialBridged")), ("completed", "true"));
    assert_eq!(done.parameter("CallSid"), sid);
    assert!(done.parameter("DialCallDuration").parse::<u32>().is_ok(), "{done:?}");
    caller.hangs_up().await.unwrap();
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_is_dialled_and_a_queue_is_served() {
    let it = Scene::start().await;
    let bo = it.phone("bo", AGENT).await;
    let (caller, _) = calls(&it, 1, "<Dial><Sip>sip:bo@tandem.localhost</Sip></Dial>").await;
    let talk = bo.rings(WITHIN).await.unwrap().answers().await.unwrap();
    caller.hears(AGENT, WITHIN).await.unwrap();
    talk.hears(CALLER, WITHIN).await.unwrap();
    caller.hangs_up().await.unwrap();
    talk.ends(WITHIN).await.unwrap();

    it.says("/wait", &format!(r#"<Play>{}</Play>"#, it.tone(FIRST)));
    let verbs = r#"<Enqueue waitUrl="/wait" action="/left" maxQueueSize="1">line</Enqueue>"#;
    let (waiting, sid) = calls(&it, 2, verbs).await;
    waiting.hears(FIRST, WITHIN).await.unwrap();
    let again = async || it.app.received("/wait").len() >= 2;
    eventually("the wait document is asked for again", again).await;
    let asked = &it.app.received("/wait")[0];
    let shown = ["QueuePosition", "CurrentQueueSize", "MaxQueueSize"].map(|name| asked.parameter(name));
    assert!(asked.signed);
    assert_eq!((shown[0], shown[1]), ("1", "1"), "{asked:?}");

    let full = r#"<Enqueue action="/full" maxQueueSize="1">line</Enqueue>"#;
    it.says("/full", "<Hangup/>");
    it.says("/voice3", full);
    it.number("+15550121003", "/voice3", &[]).await;
    let refused = it.trunk.caller("+15558881003", SECOND).dials("+15550121003").await.unwrap();
    assert_eq!(it.posted("/full", "QueueResult").await, "queue-full");
    refused.ends(WITHIN).await.unwrap();

    let path = it.rest.account_path("/Calls.json");
    let form = [
        ("To", FRIEND),
        ("From", "+15550100001"),
        ("Twiml", "<Response><Dial action=\"/served\"><Queue>line</Queue></Dial></Response>"),
    ];
    it.rest.post(&path, &form).await.unwrap().ok().unwrap();
    waiting.hears(OUTSIDE, WITHIN).await.unwrap();
    let friend = it.trunk.receives(WITHIN).await.unwrap();
    friend.hears(CALLER, WITHIN).await.unwrap();
    friend.hangs_up().await.unwrap();
    let left = it.app.receives("/left", WITHIN, |r| r.parameter("CallSid") == sid).await.unwrap();
    assert_eq!(left.parameter("QueueResult"), "bridged");
    waiting.ends(WITHIN).await.unwrap();

    let verbs = r#"<Enqueue waitUrl="/leave" action="/went">line</Enqueue>"#;
    it.says("/leave", "<Leave/>");
    it.says("/went", &it.play(ELSEWHERE));
    let (caller, _) = calls(&it, 4, verbs).await;
    caller.hears(ELSEWHERE, WITHIN).await.unwrap();
    assert_eq!(it.posted("/went", "QueueResult").await, "leave");
    caller.hangs_up().await.unwrap();
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_in_a_conference_hears_the_sum_of_the_others() {
    let it = Scene::start().await;
    it.says("/room", "<Dial><Conference endConferenceOnExit=\"false\">sum</Conference></Dial>");
    it.number("+15550121010", "/room", &[]).await;
    let people = [CALLER, SECOND, OUTSIDE];
    let mut calls = Vec::new();
    for (n, tone) in people.into_iter().enumerate() {
        calls.push(it.caller(&format!("+1555888200{n}"), tone, "+15550121010").await.0);
    }
    for (n, call) in calls.iter().enumerate() {
        let others = people.into_iter().enumerate().filter(|(other, _)| *other != n);
        let sum = others.map(|(_, tone)| tone).fold(Tones::default(), |sum, tone| sum.with(tone));
        call.hears(Heard::Tones(sum), WITHIN).await.unwrap();
    }
    for call in calls {
        call.hangs_up().await.unwrap();
    }
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_rejected_and_redirected() {
    let it = Scene::start().await;
    for (n, verbs, code) in [(1, "<Reject reason=\"busy\"/>", 486), (2, "<Reject/>", 603)] {
        let (path, number) = (format!("/voice{n}"), format!("+155501210{n:02}"));
        it.says(&path, verbs);
        it.number(&number, &path, &[]).await;
        let call = it.trunk.caller("+15558883000", CALLER).dials(&number).await.unwrap();
        let end = call.ends(WITHIN).await.unwrap();
        if n == 1 {
            assert_eq!(end, End::Refused(code));
        } else {
            assert!(matches!(end, End::Refused(_)), "{end:?}");
        }
    }
    it.says("/there", &it.play(ELSEWHERE));
    let (caller, _) = calls(&it, 3, "<Redirect method=\"GET\">there?x=1</Redirect><Hangup/>").await;
    caller.hears(ELSEWHERE, WITHIN).await.unwrap();
    let there = &it.app.received("/there")[0];
    assert_eq!((there.method.as_str(), there.parameter("x"), there.signed), ("GET", "1", true));
    caller.hangs_up().await.unwrap();
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_fails_is_replaced_by_the_fallback() {
    let it = Scene::start().await;
    it.says("/spare", &it.play(ELSEWHERE));
    it.app.answers_twiml("/bad-xml", "<Response><Play>");
    it.app.answers("/gone", 404, "text/html", "<h1>Not here</h1>");
    it.app.answers("/broken", 500, "text/plain", "oh");
    let spare = it.app.url("/spare");
    for (n, path) in ["/bad-xml", "/gone", "/broken"].into_iter().enumerate() {
        let number = format!("+1555012110{n}");
        it.number(&number, path, &[("VoiceFallbackUrl", &spare)]).await;
        let (caller, sid) = it.caller(&format!("+1555888400{n}"), CALLER, &number).await;
        caller.hears(ELSEWHERE, WITHIN).await.unwrap();
        let asked = it.app.receives("/spare", WITHIN, |r| r.parameter("CallSid") == sid).await.unwrap();
        assert!(asked.signed && !asked.parameter("ErrorCode").is_empty(), "{path}: {asked:?}");
        caller.hangs_up().await.unwrap();
        it.becomes(&sid, "completed").await;
    }
    // A verb nobody knows is passed over.
    let (caller, _) = calls(&it, 9, &format!("<Sing/>{}", it.play(FIRST))).await;
    caller.hears(FIRST, WITHIN).await.unwrap();
    caller.hangs_up().await.unwrap();
    // Without a fallback the caller is told, and the call ends.
    it.number("+15550121108", "/gone", &[]).await;
    let call = it.trunk.caller("+15558884008", CALLER).dials("+15550121108").await.unwrap();
    call.ends(WITHIN * 2).await.unwrap();
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digit_ends_the_prompt_of_a_gather_however_it_is_sent() {
    let it = Scene::start().await;
    let verbs = format!(r#"<Gather numDigits="3" timeout="60" action="/got">{}</Gather>"#, it.play(FIRST));
    it.says("/got", &it.play(ELSEWHERE));
    for in_info in [false, true] {
        let (caller, sid) = calls(&it, u8::from(in_info), &verbs).await;
        caller.hears(FIRST, WITHIN).await.unwrap();
        match in_info {
            false => caller.presses("4").await,
            true => caller.presses_in_info('4').await.unwrap(),
        }
        caller.hears(Heard::Silence, WITHIN).await.unwrap();
        for digit in ['*', '7'] {
            match in_info {
                false => caller.presses(&digit.to_string()).await,
                true => caller.presses_in_info(digit).await.unwrap(),
            }
        }
        let got = it.app.receives("/got", WITHIN, |r| r.parameter("CallSid") == sid).await.unwrap();
        assert_eq!(got.parameter("Digits"), "4*7", "in INFO: {in_info}");
        caller.hears(ELSEWHERE, WITHIN).await.unwrap();
        caller.hangs_up().await.unwrap();
    }
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_may_take_its_time_or_answer_elsewhere_within_limits() {
    let it = Scene::start().await;
    it.says("/spare", &it.play(ELSEWHERE));
    let spare = it.app.url("/spare");
    // The number's URL allows half a second; the application takes longer.
    let slow = format!("{}#tt=500", it.slow(FIRST));
    it.number("+15550125001", &slow, &[("VoiceFallbackUrl", &spare)]).await;
    let (caller, sid) = it.caller("+15558898001", CALLER, "+15550125001").await;
    caller.hears(ELSEWHERE, WITHIN).await.unwrap();
    let asked = it.app.receives("/spare", WITHIN, |r| r.parameter("CallSid") == sid).await.unwrap();
    assert_eq!((asked.signed, asked.parameter("ErrorCode")), (true, "11205"), "{asked:?}");
    caller.hangs_up().await.unwrap();

    // Redirections are followed, as often as is documented.
    it.says("/there", &format!(r#"<Redirect>/again?y=1</Redirect>{}"#, it.play(FIRST)));
    it.says("/again", &it.play(FIRST));
    for status in [301, 302, 303, 307, 308] {
        let (number, path) = (format!("+15550125{status}"), format!("/moved{status}"));
        it.app.redirects(&path, status, &it.app.url("/there"));
        it.number(&number, &path, &[]).await;
        let before = it.app.received("/there").len();
        let (caller, sid) = it.caller(&format!("+15558898{status}"), CALLER, &number).await;
        caller.hears(FIRST, WITHIN).await.unwrap();
        let there = it.app.received("/there").pop().unwrap();
        assert_eq!(it.app.received("/there").len(), before + 1, "{status}");
        // As browsers do: most turn a POST into a GET, without what it carried.
        let (method, call) = if status < 307 { ("GET", "") } else { ("POST", &*sid) };
        assert_eq!(
            (there.signed, there.method.as_str(), there.parameter("CallSid")),
            (true, method, call),
            "{status}"
        );
        caller.hangs_up().await.unwrap();
    }
    // One that leads to itself does not go on for ever.
    it.app.redirects("/loop", 302, &it.app.url("/loop"));
    it.number("+15550125099", "/loop", &[("VoiceFallbackUrl", &spare)]).await;
    let (caller, _) = it.caller("+15558898099", CALLER, "+15550125099").await;
    caller.hears(ELSEWHERE, WITHIN).await.unwrap();
    caller.hangs_up().await.unwrap();
    it.stop().await;
}
