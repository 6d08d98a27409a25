//! Who answered: documents that wait for it and documents that do not, and who is told.

use crate::day::*;
use engine::call::*;
use media::control::{AnsweredBy, Command, Event};
use std::time::Duration;

fn call(day: &mut Day, in_background: bool) -> CallRecord {
    let plan = MachinePlan {
        until_message_end: false,
        timeout: Duration::from_secs(30),
        speech: Duration::from_millis(2_400),
        speech_end: Duration::from_millis(1_200),
        silence: Duration::from_secs(5),
    };
    let webhook = post("http://app/status");
    let new = NewCall {
        to: "+15557770001".to_owned(),
        from: NUMBER.to_owned(),
        program: Program::Webhook(post("http://app/answered")),
        fallback: None,
        status_callback: Some(StatusCallback { webhook, events: vec!["completed".to_owned()] }),
        send_digits: None,
        timeout: Duration::from_secs(60),
        time_limit: None,
        sip_credentials: None,
        record: None,
        machine: Some(MachineDetection { plan, in_background, callback: Some(post("http://app/who")) }),
    };
    match day.ask(Request::CreateCall(new)) {
        Response::Call(record) => *record,
        other => panic!("no call: {other:?}"),
    }
}

fn detected(day: &mut Day, leg: LegId, by: AnsweredBy) {
    let after = Duration::from_millis(2_600);
    day.give(Input::Media(Event::AnsweredBy { leg: leg.0, by, after }));
}

#[test]
fn a_document_waits_until_it_is_known_who_answered() {
    let mut day = Day::new();
    day.document("http://app/answered", "<Say>hello</Say>");
    let record = call(&mut day, false);
    let leg = day.last_invited();
    day.answers(leg);
    assert!(day.last.iter().any(|e| matches!(e, Effect::Media(Command::Detect { .. }))));
    assert!(day.fetched("http://app/answered").is_empty() && day.heard(leg) == Heard::Silence);
    detected(&mut day, leg, AnsweredBy::MachineStart);
    assert_eq!(day.heard(leg), Heard::Said("hello".to_owned()));
    for told in [&day.fetched("http://app/answered")[0], &day.told("http://app/who")[0]] {
        let shown = ["AnsweredBy", "MachineDetectionDuration"].map(|name| told[name].as_str());
        assert_eq!(shown, ["machine_start", "2600"]);
    }
    assert_eq!(day.record(record.sid).answered_by.as_deref(), Some("machine_start"));
    day.hangs_up(leg);
    assert_eq!(day.told("http://app/status")[0]["AnsweredBy"], "machine_start");
}

#[test]
fn a_document_runs_at_once_when_it_is_found_out_in_the_background() {
    let mut day = Day::new();
    day.document("http://app/answered", "<Say>hello</Say>");
    call(&mut day, true);
    let leg = day.last_invited();
    day.answers(leg);
    assert_eq!(day.heard(leg), Heard::Said("hello".to_owned()));
    assert!(!day.fetched("http://app/answered")[0].contains_key("AnsweredBy"));
    detected(&mut day, leg, AnsweredBy::Human);
    assert_eq!(day.told("http://app/who")[0]["AnsweredBy"], "human");
    assert_eq!(day.heard(leg), Heard::Said("hello".to_owned()), "undisturbed");
}

#[test]
fn who_never_becomes_known_is_unknown() {
    let mut day = Day::new();
    day.document("http://app/answered", "<Say>hello</Say>");
    call(&mut day, false);
    let leg = day.last_invited();
    day.answers(leg);
    day.wait(36.0);
    assert_eq!(day.heard(leg), Heard::Said("hello".to_owned()));
    assert_eq!(day.fetched("http://app/answered")[0]["AnsweredBy"], "unknown");
}

#[test]
fn a_dialled_number_says_who_answered_to_its_own_callback() {
    let mut day = Day::that_runs(
        r#"<Dial><Number machineDetection="DetectMessageEnd" amdStatusCallback="/who" machineDetectionSpeechThreshold="1500">+15557770001</Number></Dial>"#,
    );
    let caller = day.call();
    let callee = day.last_invited();
    day.answers(callee);
    assert!(day.talk(caller, callee), "nobody waits for it");
    let asked = day.log.iter().find_map(|e| match e {
        Effect::Media(Command::Detect { plan, .. }) => Some(*plan),
        _ => None,
    });
    assert_eq!(asked.map(|plan| (plan.until_message_end, plan.speech.as_millis())), Some((true, 1_500)));
    detected(&mut day, callee, AnsweredBy::MachineEndBeep);
    assert_eq!(day.told("http://app/who")[0]["AnsweredBy"], "machine_end_beep");
}
