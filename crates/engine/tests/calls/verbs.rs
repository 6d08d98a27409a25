//! Each TwiML verb, on a call that came in.

use super::day::{CALLER, Day, Heard, NUMBER, Reply, post};
use base::*;
use engine::call::*;
use sip::port::{Cause, Command as Sip, Destination, Progress};

fn said(text: &str) -> Heard {
    Heard::Said(text.to_owned())
}

#[test]
fn the_voice_url_gets_the_standard_parameters_while_the_call_rings() {
    let mut day = Day::that_runs("<Say>hello</Say>");
    let caller = day.call();
    let request = &day.fetched("http://app/voice")[0];
    for (name, value) in [
        ("CallStatus", "ringing"),
        ("Direction", "inbound"),
        ("From", CALLER),
        ("To", NUMBER),
        ("Called", NUMBER),
        ("Caller", CALLER),
        ("ApiVersion", "2010-04-01"),
        ("FromCity", ""),
        ("CalledZip", ""),
    ] {
        assert_eq!(request.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert_eq!(request["CallSid"], day.sid(caller).to_string());
    assert!(request["AccountSid"].starts_with("AC"));
    assert_eq!(day.status(day.sid(caller)), CallStatus::InProgress, "Say answers");
}

#[test]
fn an_unknown_number_is_404_and_one_without_voice_url_a_refusal_with_a_notice() {
    let mut day = Day::new();
    let leg = day.call_from(CALLER, "+15550177777");
    assert_eq!(day.last_sip(), [Sip::Refuse { leg, status: 404 }]);
    day.number("+15550100002", None);
    let leg = day.call_from(CALLER, "+15550100002");
    assert!(day.last_sip().contains(&Sip::Refuse { leg, status: 480 }));
    assert_eq!(day.notices(), [11100]);
}

#[test]
fn a_full_switchboard_answers_503() {
    let mut day = Day::with(|s| s.live_calls_max = 1);
    day.document("http://app/voice", "<Say>one</Say>");
    day.call();
    let second = day.call();
    assert_eq!(day.last_sip(), [Sip::Refuse { leg: second, status: 503 }]);
}

// covers: twiml Play.loop Play.digits Pause.length
#[test]
fn say_play_and_pause_run_in_order_and_the_end_hangs_up() {
    let mut day = Day::that_runs(
        r#"<Say>one</Say><Play loop="2">/two.mp3</Play><Pause length="3"/><Play digits="1w2"/>"#,
    );
    let caller = day.call();
    let call = day.sid(caller);
    assert_eq!(day.heard(caller), said("one"));
    day.played_out(caller);
    assert_eq!(day.heard(caller), Heard::File("http://app/two.mp3".to_owned()), "relative to the document");
    assert_eq!(day.ears[&caller].playing.as_ref().unwrap().2, media::control::Turns::Times(2));
    day.played_out(caller);
    assert_eq!(day.heard(caller), Heard::Silence);
    day.wait(2.9);
    assert_eq!(day.heard(caller), Heard::Silence);
    day.wait(0.2);
    assert_eq!(day.heard(caller), Heard::Digits("1w2".to_owned()));
    day.played_out(caller);
    assert!(day.is_gone(caller));
    assert_eq!(day.status(call), CallStatus::Completed);
    let told = day.told("http://app/number-status");
    assert_eq!(told.len(), 1, "a number hears of the end only");
    assert_eq!(told[0]["CallStatus"], "completed");
    assert_eq!(told[0]["CallDuration"], "3");
    assert_eq!(told[0]["SequenceNumber"], "0");
    assert_eq!(told[0]["CallbackSource"], "call-progress-events");
}

// covers: twiml Reject.reason
#[test]
fn reject_first_never_answers() {
    for (verb, status, end) in
        [("<Reject/>", 603, CallStatus::NoAnswer), (r#"<Reject reason="busy"/>"#, 486, CallStatus::Busy)]
    {
        let mut day = Day::that_runs(verb);
        let leg = day.call();
        assert!(day.last_sip().contains(&Sip::Refuse { leg, status }));
        assert!(!day.last_sip().iter().any(|c| matches!(c, Sip::Answer { .. })));
        let call = day.fetched("http://app/voice")[0]["CallSid"].parse().unwrap();
        assert_eq!(day.status(call), end);
    }
}

#[test]
fn a_caller_who_gives_up_before_the_answer_is_no_answer() {
    let mut day = Day::that_runs("<Pause length=\"10\"/><Say>late</Say>");
    let caller = day.call();
    let call = day.sid(caller);
    day.hangs_up(caller);
    assert_eq!(day.status(call), CallStatus::NoAnswer);
    assert!(day.board.live_calls().is_empty());
}

// covers: twiml Hangup
#[test]
fn pause_and_redirect_leave_the_caller_ringing() {
    let mut day = Day::that_runs(r#"<Pause length="2"/><Redirect>/next</Redirect>"#);
    day.document("http://app/next", "<Hangup/>");
    let caller = day.call();
    assert!(day.last_sip().contains(&Sip::Progress { leg: caller, progress: Progress::Ringing }));
    day.wait(2.1);
    assert_eq!(day.fetched("http://app/next")[0]["CallStatus"], "ringing");
}

// covers: twiml Gather.action Gather.numDigits
#[test]
fn gather_ends_by_number_of_digits_and_barges_into_its_prompt() {
    let mut day =
        Day::that_runs(r#"<Gather numDigits="2" action="/got"><Say>press</Say></Gather><Say>none</Say>"#);
    day.document("http://app/got", "<Say>thanks</Say>");
    let caller = day.call();
    assert_eq!(day.heard(caller), said("press"));
    day.presses(caller, "4");
    assert_eq!(day.heard(caller), Heard::Silence, "the prompt stops at the first key");
    day.presses(caller, "2");
    let got = &day.fetched("http://app/got")[0];
    assert_eq!((got["Digits"].as_str(), got["FinishedOnKey"].as_str()), ("42", ""));
    assert_eq!(got["CallStatus"], "in-progress");
    assert_eq!(day.heard(caller), said("thanks"));
}

#[test]
fn gather_ends_by_its_key_which_is_no_digit() {
    let mut day = Day::that_runs(r#"<Gather action="/got"/>"#);
    day.document("http://app/got", "<Say>thanks</Say>");
    let caller = day.call();
    day.presses(caller, "17#");
    let got = &day.fetched("http://app/got")[0];
    assert_eq!((got["Digits"].as_str(), got["FinishedOnKey"].as_str()), ("17", "#"));
}

// covers: twiml Gather.timeout
#[test]
fn gather_counts_its_timeout_from_the_end_of_the_prompt_and_between_digits() {
    let mut day =
        Day::that_runs(r#"<Gather timeout="4" action="/got"><Say>press</Say></Gather><Say>none</Say>"#);
    day.document("http://app/got", "<Say>thanks</Say>");
    let caller = day.call();
    day.wait(60.0);
    assert_eq!(day.heard(caller), said("press"), "no timeout while it speaks");
    day.played_out(caller);
    day.wait(3.0);
    day.presses(caller, "5");
    day.wait(3.9);
    assert!(day.fetched("http://app/got").is_empty());
    day.wait(0.2);
    assert_eq!(day.fetched("http://app/got")[0]["Digits"], "5");
}

// covers: twiml Gather.actionOnEmptyResult
#[test]
fn gather_without_input_falls_through_unless_told_otherwise() {
    let mut day = Day::that_runs(r#"<Gather timeout="2" action="/got"/><Say>none</Say>"#);
    let caller = day.call();
    day.wait(2.1);
    assert_eq!(day.heard(caller), said("none"));
    let mut day =
        Day::that_runs(r#"<Gather timeout="2" action="/got" actionOnEmptyResult="true"/><Say>none</Say>"#);
    day.document("http://app/got", "<Say>empty</Say>");
    let caller = day.call();
    day.wait(2.1);
    assert!(!day.fetched("http://app/got")[0].contains_key("Digits"));
    assert_eq!(day.heard(caller), said("empty"));
}

// covers: twiml Gather.finishOnKey
#[test]
fn digits_before_a_gather_are_not_taken_and_an_empty_finish_key_takes_every_key() {
    let mut day = Day::that_runs(r##"<Say>x</Say><Gather finishOnKey="" numDigits="3" action="/got"/>"##);
    day.document("http://app/got", "<Hangup/>");
    let caller = day.call();
    day.presses(caller, "9");
    day.played_out(caller);
    day.presses(caller, "1#*");
    assert_eq!(day.fetched("http://app/got")[0]["Digits"], "1#*");
}

#[test]
fn a_failing_document_is_reported_and_the_caller_told() {
    let mut day = Day::new();
    let caller = day.call();
    let call = day.sid(caller);
    assert_eq!(day.notices(), [11200]);
    assert!(matches!(day.heard(caller), Heard::Said(text) if text.contains("sorry")));
    day.played_out(caller);
    assert_eq!(day.status(call), CallStatus::Completed);
}

#[test]
fn content_types_mean_what_the_reference_says() {
    let reply = |kind: &str, body: &str| Reply { content_type: Some(kind.to_owned()), body: body.to_owned() };
    let mut day = Day::new();
    day.app.insert("http://app/voice".to_owned(), reply("text/plain; charset=utf-8", "good day"));
    let caller = day.call();
    assert_eq!(day.heard(caller), said("good day"));
    day.app.insert("http://app/voice".to_owned(), reply("audio/mpeg", "ID3"));
    let caller = day.call();
    assert_eq!(day.heard(caller), Heard::File("http://app/voice".to_owned()));
    for (kind, body, code) in [
        ("application/json", "{}", 12300),
        ("text/xml", "", 11770),
        ("text/xml", "<Response>", 12100),
        ("text/xml", "<R/>", 12102),
    ] {
        day.app.insert("http://app/voice".to_owned(), reply(kind, body));
        day.call();
        assert_eq!(day.notices().last(), Some(&code), "{kind} {body}");
    }
}

#[test]
fn a_redirect_loop_is_stopped() {
    let mut day = Day::that_runs("<Redirect>/voice</Redirect>");
    let caller = day.call();
    assert!(day.fetched("http://app/voice").len() <= 61);
    assert!(matches!(day.heard(caller), Heard::Said(_)));
}

// covers: twiml Dial.action Dial.callerId
#[test]
fn dial_rings_the_callee_bridges_both_and_reports_to_its_action() {
    let mut day = Day::that_runs(
        r#"<Dial action="/after" callerId="+15550100042"><Number statusCallback="/child" statusCallbackEvent="initiated ringing answered completed">+15550108888</Number></Dial>"#,
    );
    day.give(Input::CallerId("+15550100042".parse().unwrap()));
    day.document("http://app/after", "<Say>bye</Say>");
    let caller = day.call();
    assert_eq!(day.heard(caller), Heard::Ringback);
    let (callee, child, to, from) = day.invites[0].clone();
    assert_eq!(to, Destination::Trunk("+15550108888".to_owned()));
    assert_eq!(from, "+15550100042");
    assert_eq!(day.record(child).parent, Some(day.sid(caller)));
    assert_eq!(day.record(child).direction, CallDirection::OutboundDial);
    day.rings(callee);
    day.answers(callee);
    assert!(day.talk(caller, callee));
    day.wait(9.0);
    day.hangs_up(callee);
    let after = &day.fetched("http://app/after")[0];
    assert_eq!(after["DialCallStatus"], "completed");
    assert_eq!(after["DialCallDuration"], "9");
    assert_eq!(after["DialBridged"], "true");
    assert_eq!(after["DialCallSid"], child.to_string());
    assert_eq!(day.heard(caller), said("bye"));
    let events: Vec<(String, String)> = day
        .told("http://app/child")
        .into_iter()
        .map(|e| (e["CallStatus"].clone(), e["SequenceNumber"].clone()))
        .collect();
    let expected = [("initiated", "0"), ("ringing", "1"), ("in-progress", "2"), ("completed", "3")];
    assert_eq!(events, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    assert_eq!(day.told("http://app/child")[0]["ParentCallSid"], day.sid(caller).to_string());
}

#[test]
fn dial_status_says_why_nobody_came() {
    for (cause, status) in [
        (Cause::Busy, "busy"),
        (Cause::Declined, "busy"),
        (Cause::NoAnswer, "no-answer"),
        (Cause::Failed, "failed"),
    ] {
        let mut day = Day::that_runs(r#"<Dial action="/after">+15550108888</Dial>"#);
        day.document("http://app/after", "<Hangup/>");
        day.call();
        let callee = day.last_invited();
        day.goes(callee, cause);
        assert_eq!(day.fetched("http://app/after")[0]["DialCallStatus"], status);
    }
}

#[test]
fn of_several_nouns_the_first_to_answer_wins() {
    let mut day = Day::that_runs(
        "<Dial><Number>+15550108881</Number><Sip>sip:bo@pbx.example</Sip></Dial><Say>after</Say>",
    );
    let caller = day.call();
    let (first, first_call) = (day.invites[0].0, day.invites[0].1);
    let second = day.invites[1].0;
    assert_eq!(day.invites[1].2, Destination::Phone("bo".to_owned()));
    day.answers(second);
    assert!(day.is_gone(first));
    assert_eq!(day.status(first_call), CallStatus::Canceled);
    assert!(day.talk(caller, second));
    day.hangs_up(second);
    assert_eq!(day.heard(caller), said("after"), "without an action the next verb runs");
}

// covers: twiml Dial.sequential
#[test]
fn sequential_nouns_are_called_one_by_one() {
    let mut day = Day::that_runs(
        r#"<Dial sequential="true"><Number>+15550108881</Number><Number>+15550108882</Number></Dial>"#,
    );
    let caller = day.call();
    assert_eq!(day.invites.len(), 1);
    day.goes(day.last_invited(), Cause::Busy);
    assert_eq!(day.invites.len(), 2);
    day.answers(day.last_invited());
    assert!(day.talk(caller, day.last_invited()));
}

// covers: twiml Dial.answerOnBridge
#[test]
fn answer_on_bridge_keeps_the_caller_ringing_until_somebody_answers() {
    let mut day = Day::that_runs(r#"<Dial answerOnBridge="true">+15550108888</Dial>"#);
    let caller = day.call();
    assert_eq!(day.status(day.sid(caller)), CallStatus::Ringing);
    day.answers(day.last_invited());
    assert_eq!(day.status(day.sid(caller)), CallStatus::InProgress);
    assert!(day.talk(caller, day.last_invited()));
}

// covers: twiml Dial.hangupOnStar
#[test]
fn star_drops_the_callee_where_the_dial_says_so() {
    for (attribute, dropped) in [(r#" hangupOnStar="true""#, true), ("", false)] {
        let mut day = Day::that_runs(&format!("<Dial{attribute}>+15550108888</Dial><Say>on</Say>"));
        let caller = day.call();
        let callee = day.last_invited();
        day.answers(callee);
        day.presses(callee, "*");
        assert!(!day.is_gone(callee), "only the caller's star counts");
        day.presses(caller, "*");
        assert_eq!(day.is_gone(callee), dropped);
    }
}

// covers: twiml Dial.timeLimit
#[test]
fn the_time_limit_ends_the_dialled_call_only() {
    let mut day = Day::that_runs(r#"<Dial timeLimit="60">+15550108888</Dial><Say>on</Say>"#);
    let caller = day.call();
    let callee = day.last_invited();
    day.answers(callee);
    day.wait(61.0);
    assert!(day.is_gone(callee));
    assert_eq!(day.heard(caller), said("on"));
}

#[test]
fn a_whisper_runs_on_the_callee_before_they_are_joined() {
    let mut day =
        Day::that_runs(r#"<Dial><Number url="/whisper">+15550108888</Number></Dial><Say>after</Say>"#);
    day.document("http://app/whisper", "<Say>for you</Say>");
    let caller = day.call();
    let callee = day.last_invited();
    day.answers(callee);
    assert_eq!(day.fetched("http://app/whisper")[0]["Direction"], "outbound-dial");
    assert_eq!((day.heard(callee), day.heard(caller)), (said("for you"), Heard::Ringback));
    day.played_out(callee);
    assert!(day.talk(caller, callee));
}

#[test]
fn a_callee_whose_whisper_hangs_up_is_not_joined() {
    let mut day =
        Day::that_runs(r#"<Dial action="/after"><Number url="/whisper">+15550108888</Number></Dial>"#);
    day.document("http://app/whisper", "<Hangup/>");
    day.document("http://app/after", "<Say>after</Say>");
    let caller = day.call();
    day.answers(day.last_invited());
    let after = &day.fetched("http://app/after")[0];
    assert_eq!((after["DialCallStatus"].as_str(), after["DialBridged"].as_str()), ("no-answer", "false"));
    assert_eq!(day.heard(caller), said("after"));
}

#[test]
fn a_browser_phone_is_dialled_by_its_identity_and_its_end_is_told() {
    let mut day = Day::that_runs(r#"<Dial action="/after"><Client>ana</Client></Dial>"#);
    day.document("http://app/after", "<Hangup/>");
    day.call();
    let browser = day.last_invited();
    assert_eq!(day.invites.last().unwrap().2, sip::port::Destination::Client("ana".to_owned()));
    day.answers(browser);
    day.hangs_up(browser);
    assert_eq!(day.fetched("http://app/after")[0]["DialCallStatus"], "completed");
    day.legs_match_calls();
}

#[test]
fn a_caller_who_hangs_up_takes_the_callee_along_and_the_action_is_told() {
    let mut day = Day::that_runs(r#"<Dial action="/after">+15550108888</Dial>"#);
    let caller = day.call();
    let callee = day.last_invited();
    day.answers(callee);
    day.hangs_up(caller);
    assert!(day.is_gone(callee));
    assert_eq!(day.told("http://app/after")[0]["DialCallStatus"], "completed");
    day.legs_match_calls();
}

// covers: twiml Conference.beep
#[test]
fn two_in_a_conference_are_bridged_and_three_are_mixed() {
    let mut day = Day::that_runs(
        r#"<Dial action="/after"><Conference beep="false" statusCallback="/room" statusCallbackEvent="start end join leave">room</Conference></Dial>"#,
    );
    day.document("http://app/after", "<Say>left</Say>");
    let [a, b, c] = [(); 3].map(|()| day.call());
    assert_eq!([a, b, c].map(|l| day.heard(l)), [Heard::Mixer, Heard::Mixer, Heard::Mixer]);
    day.hangs_up(c);
    assert!(day.talk(a, b));
    day.hangs_up(b);
    assert_eq!(day.heard(a), Heard::Silence);
    day.hangs_up(a);
    let names: Vec<String> =
        day.told("http://app/room").iter().map(|e| e["StatusCallbackEvent"].clone()).collect();
    assert_eq!(
        names,
        [
            "participant-join",
            "participant-join",
            "conference-start",
            "participant-join",
            "participant-leave",
            "participant-leave",
            "participant-leave",
            "conference-end"
        ]
    );
    let numbers: Vec<String> =
        day.told("http://app/room").iter().map(|e| e["SequenceNumber"].clone()).collect();
    assert_eq!(numbers, ["1", "2", "3", "4", "5", "6", "7", "8"]);
    let rooms = day.conferences();
    assert_eq!(rooms.len(), 1);
    assert!(rooms.values().all(|r| r.status == "completed"));
}

// covers: twiml Conference.startConferenceOnEnter Conference.endConferenceOnExit
#[test]
fn a_conference_waits_with_music_for_who_starts_it() {
    let mut day = Day::that_runs(
        r#"<Dial><Conference startConferenceOnEnter="false" beep="false">room</Conference></Dial>"#,
    );
    day.number("+15550100002", Some("http://app/boss"));
    day.document(
        "http://app/boss",
        r#"<Dial><Conference beep="true" endConferenceOnExit="true">room</Conference></Dial>"#,
    );
    let [a, b] = [(); 2].map(|()| day.call());
    assert_eq!([a, b].map(|l| day.heard(l)), [Heard::Music, Heard::Music]);
    let boss = day.call_from(CALLER, "+15550100002");
    assert_eq!(day.heard(boss), Heard::Mixer);
    let gone = day.board.live_calls().len();
    day.hangs_up(boss);
    assert_eq!(
        (gone, day.board.live_calls().len()),
        (3, 0),
        "the end of the conference ends their documents"
    );
}

// covers: twiml Conference.muted Conference.maxParticipants
#[test]
fn a_muted_seat_is_muted_and_a_full_conference_refuses() {
    let mut day = Day::that_runs(
        r#"<Dial action="/after"><Conference muted="true" beep="false" maxParticipants="2">room</Conference></Dial>"#,
    );
    day.document("http://app/after", "<Say>full</Say>");
    let [a, _b, c] = [(); 3].map(|()| day.call());
    assert!(day.ears[&a].muted);
    assert_eq!(day.heard(c), said("full"));
    assert!(day.notices().contains(&16020));
}

#[test]
fn a_conference_wait_document_plays_until_the_start() {
    let mut day =
        Day::that_runs(r#"<Dial><Conference beep="false" waitUrl="/wait">room</Conference></Dial>"#);
    day.document("http://app/wait", "<Say>one moment</Say>");
    let a = day.call();
    assert_eq!(day.heard(a), said("one moment"));
    let b = day.call();
    assert!(day.talk(a, b));
}

#[test]
fn a_queue_is_made_on_demand_and_dial_queue_takes_the_front() {
    let mut day = Day::that_runs(r#"<Enqueue action="/done" waitUrl="/wait">support</Enqueue>"#);
    day.document("http://app/wait", "<Say>please wait</Say>");
    day.document("http://app/done", "<Say>bye</Say>");
    day.number("+15550100002", Some("http://app/agent"));
    day.document(
        "http://app/agent",
        r#"<Dial action="/dialled"><Queue url="/whisper">support</Queue></Dial>"#,
    );
    day.document("http://app/whisper", "<Say>connecting</Say>");
    day.document("http://app/dialled", "<Hangup/>");
    let [first, second] = [(); 2].map(|()| day.call());
    day.wait(7.0);
    let view = day.board.queue_by_name("support").unwrap();
    assert_eq!((view.current_size, view.max_size), (2, 100));
    assert_eq!(day.heard(first), said("please wait"));
    let wait = &day.fetched("http://app/wait")[1];
    for (name, value) in
        [("QueuePosition", "2"), ("QueueTime", "0"), ("CurrentQueueSize", "2"), ("MaxQueueSize", "100")]
    {
        assert_eq!(wait[name], value, "{name}");
    }
    assert_eq!(wait["QueueSid"], view.sid.to_string());
    let agent = day.call_from("+15550101234", "+15550100002");
    assert_eq!(day.heard(first), said("connecting"));
    assert_eq!(day.fetched("http://app/whisper")[0]["QueueTime"], "7");
    day.played_out(first);
    assert!(day.talk(agent, first));
    assert_eq!(day.heard(second), said("please wait"));
    day.wait(5.0);
    day.hangs_up(agent);
    let done = &day.fetched("http://app/done")[0];
    assert_eq!((done["QueueResult"].as_str(), done["QueueTime"].as_str()), ("bridged", "7"));
    let dialled = &day.told("http://app/dialled")[0];
    assert_eq!(
        (dialled["DequeueResult"].as_str(), dialled["DequeuedCallDuration"].as_str()),
        ("bridged", "5")
    );
}

#[test]
fn the_wait_document_is_asked_for_again_at_its_end() {
    let mut day = Day::that_runs(r#"<Enqueue waitUrl="/wait">support</Enqueue>"#);
    day.document("http://app/wait", "<Say>please wait</Say>");
    let caller = day.call();
    for _ in 0..3 {
        day.wait(5.0);
        day.played_out(caller);
    }
    let times: Vec<String> = day.fetched("http://app/wait").iter().map(|p| p["QueueTime"].clone()).collect();
    assert_eq!(times, ["0", "5", "10", "15"]);
}

#[test]
fn a_wait_document_without_time_in_it_does_not_spin() {
    let mut day = Day::that_runs(r#"<Enqueue waitUrl="/wait">support</Enqueue>"#);
    day.document("http://app/wait", "");
    let caller = day.call();
    assert!(day.fetched("http://app/wait").len() <= 61);
    assert_eq!(day.heard(caller), Heard::Music, "the caller is not dropped for it");
}

// covers: twiml Leave
#[test]
fn leave_goes_on_after_the_queue() {
    let mut day = Day::that_runs(r#"<Enqueue waitUrl="/wait">support</Enqueue><Say>voicemail</Say>"#);
    day.document("http://app/wait", r#"<Gather numDigits="1" action="/key"/><Redirect/>"#);
    day.document("http://app/key", "<Leave/>");
    let caller = day.call();
    day.presses(caller, "1");
    assert_eq!(day.heard(caller), said("voicemail"));
    assert_eq!(day.board.queue_by_name("support").unwrap().current_size, 0);
    assert!(day.fetched("http://app/key")[0].contains_key("QueuePosition"));
}

#[test]
fn a_full_queue_refuses_without_a_task() {
    let mut day = Day::with(|s| s.queue_size_default = 1);
    let workflow = WorkflowSid([5; 16]);
    day.document("http://app/voice", &format!(r#"<Enqueue workflowSid="{workflow}" action="/done"/>"#));
    day.document("http://app/done", "<Say>full</Say>");
    day.call();
    let second = day.call();
    assert_eq!(day.tasks_made().len(), 1);
    assert_eq!(day.heard(second), said("full"));
    let done = &day.fetched("http://app/done")[0];
    assert_eq!(done["QueueResult"], "queue-full");
    assert!(!done.contains_key("QueueSid"));
    assert!(day.notices().contains(&14207));
}

#[test]
fn a_caller_who_hangs_up_waiting_is_told_to_the_action() {
    let mut day = Day::that_runs(r#"<Enqueue action="/done">support</Enqueue>"#);
    let caller = day.call();
    assert_eq!(day.heard(caller), Heard::Music);
    day.hangs_up(caller);
    assert_eq!(day.told("http://app/done")[0]["QueueResult"], "hangup");
    assert_eq!(day.board.queue_by_name("support").unwrap().current_size, 0);
}

#[test]
fn a_call_made_over_the_api_runs_its_document_at_the_answer() {
    let mut day = Day::new();
    day.document("http://app/out", "<Say>hello</Say>");
    let response = day.ask(Request::CreateCall(NewCall {
        to: "+15550108888".to_owned(),
        from: NUMBER.to_owned(),
        program: Program::Webhook(post("http://app/out")),
        fallback: None,
        status_callback: Some(StatusCallback {
            webhook: post("http://app/status"),
            events: ["initiated", "ringing", "answered", "completed"].map(str::to_owned).to_vec(),
        }),
        send_digits: Some("ww12".to_owned()),
        timeout: std::time::Duration::from_secs(20),
        time_limit: None,
        sip_credentials: None,
        record: None,
        machine: None,
    }));
    let Response::Call(record) = response else { panic!("{response:?}") };
    assert_eq!((record.status, record.direction), (CallStatus::Queued, CallDirection::OutboundApi));
    let leg = day.last_invited();
    day.rings(leg);
    assert_eq!(day.status(record.sid), CallStatus::Ringing);
    assert!(day.fetched("http://app/out").is_empty(), "never while it rings");
    day.answers(leg);
    assert_eq!(day.heard(leg), Heard::Digits("ww12".to_owned()));
    day.played_out(leg);
    assert_eq!(day.fetched("http://app/out")[0]["CallStatus"], "in-progress");
    day.hangs_up(leg);
    let events: Vec<String> = day.told("http://app/status").iter().map(|e| e["CallStatus"].clone()).collect();
    assert_eq!(events, ["initiated", "ringing", "in-progress", "completed"]);
}

#[test]
fn hold_by_a_peer_gives_the_other_music() {
    let mut day = Day::that_runs("<Dial>+15550108888</Dial>");
    let caller = day.call();
    let callee = day.last_invited();
    day.answers(callee);
    for (holder, other) in [(callee, caller), (caller, callee)] {
        day.give(Input::Sip(sip::port::Event::PeerHold { leg: holder, held: true }));
        assert_eq!(day.heard(other), Heard::Music);
        day.give(Input::Sip(sip::port::Event::PeerHold { leg: holder, held: false }));
        assert!(day.talk(caller, callee));
    }
}

#[test]
fn a_dial_shows_a_number_of_ours_one_that_was_proved_or_one_of_the_calls_own() {
    const OTHER: &str = "+15550100042";
    let shown = |caller_id: &str, target: &str, proved: bool| {
        let mut day = Day::that_runs(&format!(r#"<Dial callerId="{caller_id}">{target}</Dial>"#));
        if proved {
            day.give(Input::CallerId(OTHER.parse().unwrap()));
        }
        day.call();
        (day.invites.last().unwrap().3.clone(), day.notices())
    };
    let number = "<Number>+15550108888</Number>";
    assert_eq!(shown(OTHER, number, true), (OTHER.to_owned(), vec![]));
    let (own, notices) = shown(OTHER, number, false);
    assert_eq!(notices, [13214]);
    assert_ne!(own, OTHER, "it is as if none had been said");
    assert_eq!(shown(&own, number, false), (own.clone(), vec![]), "the caller's own");
    let ours = "+15550100001";
    assert_eq!(shown(ours, number, false), (ours.to_owned(), vec![]), "the number that was called");
    assert_eq!(shown("desk", number, false), (own, vec![13214]));
    assert_eq!(shown("client:desk", "<Client>ana</Client>", false), ("client:desk".to_owned(), vec![]));
}

#[test]
fn a_signed_number_keeps_its_signature_where_the_call_goes_on_under_it() {
    for (attribute, signed) in [("", true), (r#" callerId="+15550100042""#, false)] {
        let mut day = Day::that_runs(&format!("<Dial{attribute}>+15550108888</Dial>"));
        day.give(Input::CallerId("+15550100042".parse().unwrap()));
        day.verstat = Some("TN-Validation-Passed-A".to_owned());
        day.call_with(&[
            ("Identity", "eyJhbGci.eyJkZXN0.c2ln;info=<https://cert.example/p.cer>"),
            ("Diversion", "<sip:+15550100777@pbx.example>;reason=no-answer, <sip:+15550100778@pbx.example>"),
        ]);
        let invited = day.last_sip().into_iter().find_map(|command| match command {
            Sip::Invite { headers, .. } => Some(headers),
            _ => None,
        });
        let headers = invited.expect("the number is called");
        assert_eq!(headers.iter().any(|(name, _)| name == "Identity"), signed, "{attribute}");
        let asked = &day.fetched("http://app/voice")[0];
        assert_eq!(asked["ForwardedFrom"], "+15550100777");
        assert_eq!(asked["StirVerstat"], "TN-Validation-Passed-A");
        assert_eq!(asked["StirPassportToken"], "eyJhbGci.eyJkZXN0.c2ln");
    }
}
