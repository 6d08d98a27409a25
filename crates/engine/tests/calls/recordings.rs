//! Recordings: `<Record>`, `<Dial record>`, `<Conference record>`, and those that the API begins, pauses and ends.

use crate::day::*;
use engine::call::*;
use media::control::{Pause, RecordSource, Sides};
use std::time::Duration;

fn new(channels: u16) -> NewRecording {
    let webhook = post("http://app/recorded");
    let events = vec!["in-progress".to_owned(), "completed".to_owned(), "absent".to_owned()];
    let callback = Some(StatusCallback { webhook, events });
    NewRecording { channels, track: RecordingTrack::Both, trim: false, callback }
}

fn shown(response: Response) -> RecordingRecord {
    match response {
        Response::Recording(record) => *record,
        other => panic!("no recording: {other:?}"),
    }
}

fn code(response: Response) -> u32 {
    match response {
        Response::Refused { code, .. } => code,
        other => panic!("not refused: {other:?}"),
    }
}

fn recorder(attributes: &str) -> Day {
    let mut day = Day::that_runs(&format!("<Record action=\"/done\" {attributes}/><Say>nothing</Say>"));
    day.document("http://app/done", "<Say>thanks</Say>");
    day
}

#[test]
fn a_caller_is_recorded_after_the_beep_until_a_key() {
    let mut day = recorder(r##"finishOnKey="#" recordingStatusCallback="/recorded""##);
    let caller = day.call();
    assert_eq!(day.heard(caller), Heard::Beep);
    assert!(day.tapes.is_empty(), "the beep is not recorded");
    day.played_out(caller);
    assert_eq!(day.plans[0].sides, Sides::Said);
    day.wait(4.0);
    day.presses(caller, "1#");
    assert_eq!(day.heard(caller), said("thanks"));
    let done = &day.fetched("http://app/done")[0];
    let sid = day.recordings()[0].sid;
    assert!(
        done["RecordingUrl"]
            .ends_with(&format!("/2010-04-01/Accounts/{}/Recordings/{sid}", done["AccountSid"]))
    );
    assert_eq!([&done["Digits"], &done["RecordingDuration"]], ["#", "4"]);
    let told = &day.told("http://app/recorded")[0];
    let shown = ["RecordingStatus", "RecordingDuration", "RecordingChannels", "RecordingSource"]
        .map(|n| told[n].as_str());
    assert_eq!(shown, ["completed", "4", "1", "RecordVerb"]);
    assert_eq!(day.recordings()[0].status, RecordingStatus::Completed);
}

#[test]
fn silence_time_and_the_end_of_the_call_end_a_recording() {
    let mut day = recorder(r#"playBeep="false" maxLength="10""#);
    let caller = day.call();
    day.wait(10.5);
    assert_eq!(day.heard(caller), said("thanks"));
    assert_eq!(day.fetched("http://app/done")[0]["Digits"], "");

    let caller = day.call();
    let recording = *day.tapes.keys().next().unwrap();
    assert_eq!(day.plans[1].quiet, Some(Duration::from_secs(5)));
    day.wait(3.0);
    day.give(Input::Media(media::control::Event::RecordingQuiet { recording }));
    assert_eq!(day.heard(caller), said("thanks"));

    let caller = day.call();
    let sid = day.sid(caller);
    day.wait(2.0);
    day.hangs_up(caller);
    let told = &day.told("http://app/done")[0];
    assert_eq!((told["Digits"].as_str(), told["RecordingDuration"].as_str()), ("hangup", "2"));
    assert_eq!(
        (told["CallSid"].as_str(), told["CallStatus"].as_str()),
        (sid.to_string().as_str(), "completed")
    );
    assert!(day.recordings().iter().all(|r| r.status == RecordingStatus::Completed));
}

#[test]
fn who_says_nothing_goes_on_with_the_next_verb() {
    let mut day = recorder(
        r#"playBeep="false" recordingStatusCallback="/recorded" recordingStatusCallbackEvent="absent""#,
    );
    day.nobody_speaks = true;
    let caller = day.call();
    day.wait(5.0);
    day.presses(caller, "5");
    assert_eq!(day.heard(caller), said("nothing"));
    let told = &day.told("http://app/recorded")[0];
    assert_eq!((told["RecordingStatus"].as_str(), told["ErrorCode"].as_str()), ("absent", "16102"));
    assert!(day.fetched("http://app/done").is_empty());
}

#[test]
fn transcription_without_a_provider_is_a_notice() {
    let mut day = recorder(r#"transcribe="true" transcribeCallback="/text""#);
    day.call();
    assert!(day.notices().contains(&12200));
}

// covers: twiml Dial.record
#[test]
fn a_dial_is_recorded_from_answer_or_ringing_and_its_action_says_where() {
    for (record, sides, begun_while_ringing) in [
        ("record-from-answer", Sides::Both, false),
        ("record-from-answer-dual", Sides::Apart, false),
        ("record-from-ringing-dual", Sides::Apart, true),
    ] {
        let mut day = Day::that_runs(&format!(
            r#"<Dial action="/after" record="{record}" recordingStatusCallback="/recorded"><Number statusCallback="/leg">+15557770001</Number></Dial>"#
        ));
        day.document("http://app/after", "<Say>after</Say>");
        let caller = day.call();
        let callee = day.last_invited();
        day.wait(2.0);
        assert_eq!(!day.tapes.is_empty(), begun_while_ringing, "{record}");
        day.answers(callee);
        assert_eq!(day.plans[0].sides, sides);
        assert_eq!(day.tapes.values().next().unwrap().0, RecordSource::Leg(caller.0));
        day.wait(3.0);
        day.hangs_up(callee);
        let sid = day.recordings()[0].sid.to_string();
        assert!(day.fetched("http://app/after")[0]["RecordingUrl"].ends_with(&sid));
        assert_eq!(day.told("http://app/leg")[0]["RecordingSid"], sid);
        let told = &day.told("http://app/recorded")[0];
        assert_eq!(
            (told["RecordingSource"].as_str(), told["CallSid"].clone()),
            ("DialVerb", day.sid(caller).to_string())
        );
    }
}

#[test]
fn a_conference_is_recorded_from_its_start_and_without_those_who_wait() {
    let mut day = Day::that_runs(
        r#"<Dial><Conference beep="false" record="record-from-start" recordingStatusCallback="/recorded">room</Conference></Dial>"#,
    );
    let a = day.call();
    assert!(day.tapes.is_empty());
    day.wait(5.0);
    let b = day.call();
    assert_eq!([a, b].map(|l| day.heard(l)), [Heard::Mixer, Heard::Mixer], "a bridge cannot be recorded");
    assert!(matches!(day.tapes.values().next().unwrap().0, RecordSource::Mixer(_)));
    day.wait(4.0);
    day.hangs_up(a);
    assert_eq!(day.tapes.len(), 1, "somebody is left");
    day.hangs_up(b);
    let told = &day.told("http://app/recorded")[0];
    assert_eq!((told["RecordingSource"].as_str(), told["RecordingDuration"].as_str()), ("Conference", "4"));
    assert!(told.contains_key("ConferenceSid") && !told.contains_key("CallSid"));
}

#[test]
fn the_api_begins_pauses_resumes_and_ends_a_recording() {
    let mut day = Day::that_runs("<Pause length=\"100\"/><Say>still here</Say>");
    let caller = day.call();
    let call = day.sid(caller);
    assert_eq!(code(day.ask(Request::StartRecording { call, new: new(2) })), 21220, "not answered yet");
    day.redirect(call, "<Say>hello</Say><Pause length=\"100\"/>");
    day.played_out(caller);
    let record = shown(day.ask(Request::StartRecording { call, new: new(2) }));
    assert_eq!((record.source.as_str(), record.channels), ("StartCallRecordingAPI", 2));
    let of = RecordingOf::Call(call);
    let update =
        |day: &mut Day, recording, change| day.ask(Request::UpdateRecording { of, recording, change });
    let paused = shown(update(&mut day, None, RecordingChange::Pause(Pause::Skip)));
    assert_eq!((paused.sid, paused.status), (record.sid, RecordingStatus::Paused));
    assert_eq!(day.paused.last().unwrap().1, Some(Pause::Skip));
    let goes_on = shown(update(&mut day, Some(record.sid), RecordingChange::Resume));
    assert_eq!((goes_on.status, day.paused.last().unwrap().1), (RecordingStatus::InProgress, None));
    day.wait(3.0);
    let stopped = shown(update(&mut day, None, RecordingChange::Stop));
    assert_eq!(stopped.status, RecordingStatus::Stopped);
    assert_eq!(day.recordings()[0].status, RecordingStatus::Completed);
    assert_eq!(
        code(update(&mut day, Some(record.sid), RecordingChange::Resume)),
        20404,
        "it is not under way"
    );
    let told: Vec<String> =
        day.told("http://app/recorded").iter().map(|t| t["RecordingStatus"].clone()).collect();
    assert_eq!(told, ["in-progress", "completed"]);
    for _ in 0..3 {
        shown(day.ask(Request::StartRecording { call, new: new(1) }));
    }
    assert_eq!(code(day.ask(Request::StartRecording { call, new: new(1) })), 16108);
    day.hangs_up(caller);
    assert!(day.tapes.is_empty() && day.recordings().iter().all(|r| r.status.is_final()));
    assert_eq!(code(day.ask(Request::StartRecording { call, new: new(1) })), 21220);
}

// covers: twiml Recording.name Recording.channels Recording.track Recording.trim Recording.recordingStatusCallbackEvent
#[test]
fn a_document_records_its_call_beside_what_follows() {
    let mut day = Day::that_runs(
        "<Start><Recording name='all' recordingStatusCallback='/recorded' \
         recordingStatusCallbackEvent='in-progress completed'/></Start><Say>hello</Say>\
         <Start><Recording name='me' channels='mono' track='inbound' trim='do-not-trim'/></Start><Pause length='4'/>\
         <Stop><Recording name='me'/></Stop><Say>bye</Say>",
    );
    day.answer_at_once = false;
    let caller = day.call();
    assert!(day.tapes.is_empty(), "nothing is recorded of a call that rings");
    day.answer_at_once = true;
    day.give(Input::Sip(sip::port::Event::Answered { leg: caller }));
    assert_eq!(day.heard(caller), said("hello"));
    assert_eq!((day.plans[0].sides, day.plans[0].trim), (Sides::Apart, true));
    assert_eq!(day.recordings()[0].source, "StartCallRecordingTwiML");
    assert_eq!(day.tapes.values().next().unwrap().0, RecordSource::Leg(caller.0));
    day.played_out(caller);
    assert_eq!((day.plans[1].sides, day.plans[1].trim), (Sides::Said, false));
    day.wait(4.5);
    assert_eq!(day.heard(caller), said("bye"));
    let shown: Vec<_> = day.recordings().iter().map(|r| (r.status, r.channels)).collect();
    assert_eq!(shown, [(RecordingStatus::InProgress, 2), (RecordingStatus::Completed, 1)]);
    day.played_out(caller);
    assert!(day.is_gone(caller) && day.tapes.is_empty(), "it ends with its call");
    let told: Vec<_> = day.told("http://app/recorded").iter().map(|t| t["RecordingStatus"].clone()).collect();
    assert_eq!(told, ["in-progress", "completed"]);
    assert_eq!(day.told("http://app/recorded")[1]["RecordingSource"], "StartCallRecordingTwiML");
    assert_eq!(day.notices(), [0; 0]);
}

#[test]
fn a_call_that_cannot_be_recorded_goes_on_with_a_notice() {
    let mut day = Day::that_runs(
        "<Start><Recording/><Recording/><Recording/><Recording/></Start><Stop><Recording name='x'/></Stop><Say>on</Say>",
    );
    let caller = day.call();
    assert_eq!(day.notices(), [16108, 12200]);
    assert_eq!((day.heard(caller), day.tapes.len()), (said("on"), 3));
    let mut day =
        Day::that_runs("<Start><Recording name='x'/></Start><Stop><Recording name='x'/></Stop><Say>on</Say>");
    day.call();
    assert!(day.tapes.is_empty() && day.notices().is_empty(), "it was taken back before the answer");
}

#[test]
fn what_start_stop_and_connect_cannot_do_is_a_notice() {
    for verbs in [
        "<Start><Siprec connectorName='x'/></Start>",
        "<Start><Transcription name='x'/></Start>",
        "<Stop><Siprec name='x'/></Stop>",
        "<Stop><Transcription name='x'/></Stop>",
        "<Connect action='/x'><ConversationRelay url='wss://x.example'/></Connect>",
        "<Pay paymentConnector='x'><Prompt for='payment-card-number'><Say>card</Say></Prompt></Pay>",
        "<Prompt/>",
    ] {
        let mut day = Day::that_runs(&format!("{verbs}<Say>on</Say>"));
        let caller = day.call();
        assert_eq!((day.heard(caller), day.notices()), (said("on"), vec![12200]), "{verbs}");
    }
}

#[test]
fn a_file_that_never_comes_is_given_up() {
    let mut day = Day::that_runs("<Say>hello</Say><Pause length=\"100\"/>");
    let caller = day.call();
    let call = day.sid(caller);
    shown(day.ask(Request::StartRecording { call, new: new(1) }));
    day.tapes.clear();
    day.hangs_up(caller);
    assert_eq!(day.recordings()[0].status, RecordingStatus::Processing);
    day.wait(31.0);
    assert_eq!(day.recordings()[0].status, RecordingStatus::Absent);
}

fn said(text: &str) -> Heard {
    Heard::Said(text.to_owned())
}
