//! Speech in a `<Gather>` (reference: voice §2.4).

use crate::day::*;
use engine::call::*;
use sip::port::LegId;

/// A day with somebody who recognises speech.
fn day(verbs: &str) -> Day {
    let mut day = Day::with(|settings| settings.recognises = true);
    day.document("http://app/voice", verbs);
    day.document("http://app/said", "<Say>thanks</Say>");
    day
}

/// The last that somebody was asked to listen to.
fn plan(day: &Day) -> ListenPlan {
    let plan = day.listens.iter().rev().find_map(|order| match order {
        ListenOrder::Begin(plan) => Some(plan.as_ref().clone()),
        ListenOrder::End { .. } => None,
    });
    plan.unwrap()
}

fn has_ended(day: &Day, listen: ListenId) -> bool {
    day.listens.contains(&ListenOrder::End { listen })
}

fn speaks(day: &mut Day) {
    let listen = plan(day).listen;
    day.give(Input::Heard(ListenEvent::Spoke { listen }));
}

fn said(day: &mut Day, text: &str, confidence: Option<f64>) {
    let outcome = Ok(Recognised { text: text.to_owned(), confidence });
    let listen = plan(day).listen;
    day.give(Input::Heard(ListenEvent::Recognised { listen, outcome }));
}

const MENU: &str = "<Gather input='dtmf speech' action='http://app/said' hints='sales, support' language='de-DE' \
                    timeout='4' speechTimeout='2'><Say>how can I help</Say></Gather><Say>nobody there</Say>";

// covers: twiml Gather.input Gather.speechTimeout Gather.hints Gather.language
#[test]
fn speech_ends_the_prompt_and_goes_to_the_action() {
    let mut day = day(MENU);
    let caller = day.call();
    let plan = plan(&day);
    assert_eq!((plan.leg, plan.language.as_str(), plan.hints.len()), (caller, "de-DE", 2));
    assert_eq!((plan.quiet.as_secs(), plan.longest.as_secs(), plan.partial), (2, 60, false));
    assert_eq!(day.heard(caller), Heard::Said("how can I help".to_owned()));
    speaks(&mut day);
    assert_eq!(day.heard(caller), Heard::Silence, "the caller is not talked over");
    day.wait(30.0);
    assert!(day.fetched("http://app/said").is_empty(), "the timeout counts no more");
    day.presses(caller, "1");
    said(&mut day, "sales please", Some(0.875));
    let asked = &day.fetched("http://app/said")[0];
    let told = ["SpeechResult", "Confidence", "Language"].map(|name| asked[name].as_str());
    assert_eq!(told, ["sales please", "0.8750", "de-DE"]);
    assert!(!asked.contains_key("Digits"), "speech came first");
    assert_eq!(day.heard(caller), Heard::Said("thanks".to_owned()));
}

#[test]
fn a_key_before_any_speech_wins() {
    let mut day = day(MENU);
    let caller = day.call();
    let listen = plan(&day).listen;
    day.presses(caller, "1#");
    assert!(has_ended(&day, listen));
    let asked = &day.fetched("http://app/said")[0];
    assert_eq!(asked["Digits"], "1");
    assert!(!asked.contains_key("SpeechResult"));
}

#[test]
fn silence_goes_on_with_the_next_verb_and_nobody_listens_any_more() {
    let mut day = day(MENU);
    let caller = day.call();
    let listen = plan(&day).listen;
    day.played_out(caller);
    day.wait(3.0);
    assert!(!has_ended(&day, listen));
    day.wait(1.5);
    assert!(has_ended(&day, listen));
    assert_eq!(day.heard(caller), Heard::Said("nobody there".to_owned()));
    day.hangs_up(caller);
    day.legs_match_calls();
}

// covers: twiml Gather.bargeIn
#[test]
fn a_prompt_that_may_not_be_interrupted_is_heard_to_its_end() {
    let mut day = day(&MENU.replace("timeout=", "bargeIn='false' timeout="));
    let caller = day.call();
    assert!(day.listens.is_empty(), "nobody listens while it plays");
    day.played_out(caller);
    speaks(&mut day);
    said(&mut day, "support", None);
    assert_eq!(day.fetched("http://app/said")[0]["Confidence"], "1.0000");
}

#[test]
fn what_cannot_be_recognised_is_noted_and_is_no_input() {
    let mut day = day(MENU);
    let caller = day.call();
    speaks(&mut day);
    let (listen, outcome) = (plan(&day).listen, Err("the program failed".to_owned()));
    day.give(Input::Heard(ListenEvent::Recognised { listen, outcome }));
    assert_eq!(day.notices(), [12400]);
    assert_eq!(day.heard(caller), Heard::Said("nobody there".to_owned()));
}

// covers: twiml Gather.partialResultCallback
#[test]
fn guesses_are_told_while_the_caller_speaks() {
    let mut day = day(&MENU.replace("timeout=", "partialResultCallback='http://app/partly' timeout="));
    day.call();
    assert!(plan(&day).partial);
    speaks(&mut day);
    for text in ["sales", "sales please"] {
        let listen = plan(&day).listen;
        day.give(Input::Heard(ListenEvent::Partial { listen, text: text.to_owned() }));
    }
    let told = day.told("http://app/partly");
    let of = |name: &str| told.iter().map(|t| t[name].clone()).collect::<Vec<_>>();
    assert_eq!(of("UnstableSpeechResult"), ["sales", "sales please"]);
    assert_eq!(of("SequenceNumber"), ["0", "1"]);
}

#[test]
fn a_caller_who_is_sent_elsewhere_is_not_listened_to() {
    let mut day = day(MENU);
    let caller: LegId = day.call();
    let listen = plan(&day).listen;
    let sid = day.sid(caller);
    day.redirect(sid, "<Say>elsewhere</Say>");
    assert!(has_ended(&day, listen));
    said(&mut day, "too late", None);
    assert_eq!(day.heard(caller), Heard::Said("elsewhere".to_owned()));
}

#[test]
fn without_a_recogniser_keys_are_taken_and_that_is_told() {
    let mut day = Day::that_runs("<Gather input='speech' action='http://app/said' numDigits='1'/>");
    day.document("http://app/said", "<Say>thanks</Say>");
    let caller = day.call();
    assert_eq!(day.notices(), [13326]);
    assert!(day.listens.is_empty());
    day.presses(caller, "1");
    assert_eq!(day.fetched("http://app/said")[0]["Digits"], "1");
}
