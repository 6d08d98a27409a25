//! Attributes that no other story is about: each has its effect (reference: voice §2.2–§2.9).

use crate::day::*;
use base::*;
use engine::call::*;
use engine::routing::command::Command as Ask;
use media::control::{AnsweredBy, Command as Media, Delivery, Event as Said, Prompt, Turns};
use sip::port::{Command as Sip, Destination, Event};
use std::time::Duration;

const SECOND: &str = "+15550100002";

/// How `url` was asked for, every time.
fn methods(day: &Day, url: &str) -> Vec<Method> {
    let asked = day.log.iter().filter_map(|effect| match effect {
        Effect::Fetch { webhook, .. } | Effect::Callback { webhook, .. } => Some(webhook),
        _ => None,
    });
    asked.filter(|webhook| webhook.url == url).map(|webhook| webhook.method).collect()
}

#[track_caller]
fn only_got(day: &Day, paths: &[&str]) {
    for path in paths {
        let asked = methods(day, &format!("http://app{path}"));
        assert!(!asked.is_empty() && asked.iter().all(|method| *method == Method::Get), "{path}: {asked:?}");
    }
}

/// The last INVITE.
struct Invited {
    headers: Vec<(String, String)>,
    credentials: Option<(String, String)>,
    timeout: Duration,
}

fn invited(day: &Day) -> Invited {
    let last = day.log.iter().rev().find_map(|effect| match effect {
        Effect::Sip(Sip::Invite { headers, credentials, timeout, .. }) => {
            let credentials = credentials.as_ref().map(|(name, word)| (name.clone(), word.expose().clone()));
            Some(Invited { headers: headers.clone(), credentials, timeout: *timeout })
        }
        _ => None,
    });
    last.unwrap()
}

// covers: twiml Say.voice Say.language Say.loop
#[test]
fn a_say_keeps_its_voice_and_pauses_and_is_said_again() {
    let mut day = Day::that_runs(
        "<Say voice='Polly.Hans' language='de-DE' loop='3'>eins<break time='2s'/><prosody rate='slow' volume='-6dB'>\
         zwei</prosody><lang xml:lang='en-GB'>three</lang></Say>",
    );
    let caller = day.call();
    let (_, prompts, turns) = day.ears[&caller].playing.as_ref().unwrap();
    let words = |text: &str, language: &str, delivery| Prompt::Speech {
        text: text.into(),
        language: language.into(),
        voice: "Polly.Hans".into(),
        delivery,
    };
    let plain = Delivery::default();
    let expected = [
        words("eins", "de-DE", plain),
        Prompt::Silence(Duration::from_secs(2)),
        words("zwei", "de-DE", Delivery { rate: 75, volume: -6, ..plain }),
        words("three", "en-GB", plain),
    ];
    assert_eq!((&prompts[..4], *turns), (&expected[..], Turns::Times(3)));
    assert!(matches!(prompts[4..], [Prompt::Silence(_)]), "a breath before what comes next");
}

// covers: twiml Gather.method Redirect.method
#[test]
fn what_comes_next_is_asked_for_as_it_is_written() {
    let mut day = Day::that_runs(r#"<Gather action="/got" method="GET" numDigits="1"/>"#);
    day.document("http://app/got", r#"<Redirect method="get">/next</Redirect>"#);
    day.document("http://app/next", "<Say>next</Say>");
    let caller = day.call();
    day.presses(caller, "1");
    assert_eq!(day.heard(caller), Heard::Said("next".to_owned()));
    only_got(&day, &["/got", "/next"]);
}

// covers: twiml Gather.speechModel Gather.maxSpeechTime Gather.partialResultCallbackMethod
#[test]
fn a_recogniser_is_told_its_model_and_how_long_it_may_take() {
    let mut day = Day::with(|settings| settings.recognises = true);
    day.document(
        "http://app/voice",
        "<Gather input='speech' speechModel='phone_call' maxSpeechTime='9' speechTimeout='2' \
         partialResultCallback='/partly' partialResultCallbackMethod='GET'/>",
    );
    day.call();
    let Some(ListenOrder::Begin(plan)) = day.listens.last().cloned() else { panic!("{:?}", day.listens) };
    assert_eq!((plan.model.as_str(), plan.longest), ("phone_call", Duration::from_secs(9)));
    day.give(Input::Heard(ListenEvent::Spoke { listen: plan.listen }));
    day.give(Input::Heard(ListenEvent::Partial { listen: plan.listen, text: "so".to_owned() }));
    only_got(&day, &["/partly"]);
}

// covers: twiml Record.action Record.method Record.timeout Record.finishOnKey Record.maxLength Record.playBeep Record.trim
// covers: twiml Record.recordingStatusCallback Record.recordingStatusCallbackMethod Record.recordingStatusCallbackEvent
#[test]
fn a_record_is_as_it_is_written() {
    let mut day = Day::that_runs(
        r#"<Record action="/done" method="GET" playBeep="false" timeout="2" trim="do-not-trim" maxLength="20"
        finishOnKey="7" recordingStatusCallback="/recorded" recordingStatusCallbackMethod="GET"
        recordingStatusCallbackEvent="in-progress completed"/>"#,
    );
    day.document("http://app/done", "<Say>thanks</Say>");
    let caller = day.call();
    assert_eq!((day.plans[0].quiet, day.plans[0].trim), (Some(Duration::from_secs(2)), false));
    day.wait(1.0);
    day.presses(caller, "1");
    assert!(day.fetched("http://app/done").is_empty(), "another key");
    day.presses(caller, "7");
    assert_eq!(day.fetched("http://app/done")[0]["Digits"], "7");
    only_got(&day, &["/done", "/recorded"]);
    assert_eq!(day.told("http://app/recorded").len(), 2);
    day.call();
    day.wait(20.5);
    assert_eq!(day.fetched("http://app/done").len(), 2, "and no longer than it may be");
}

// covers: twiml Dial.timeout Dial.ringTone Dial.method Dial.hangupOnStar
#[test]
fn a_dial_rings_as_long_and_sounds_as_it_is_told() {
    let mut day = Day::that_runs(
        r#"<Dial action="/after" method="GET" timeout="12" ringTone="de">+15557770001</Dial>"#,
    );
    day.document("http://app/after", "<Say>after</Say>");
    let caller = day.call();
    assert_eq!(invited(&day).timeout, Duration::from_secs(12));
    let playing = day.ears[&caller].playing.as_ref().map(|(_, prompts, _)| prompts.clone());
    assert_eq!(playing, Some(vec![Prompt::Ringback("de".into())]));
    day.goes(day.last_invited(), sip::port::Cause::NoAnswer);
    only_got(&day, &["/after"]);
    let mut day = Day::that_runs(r#"<Dial hangupOnStar="true">+15557770001</Dial><Say>on</Say>"#);
    let caller = day.call();
    day.answers(day.last_invited());
    day.presses(caller, "*");
    assert_eq!(day.heard(caller), Heard::Said("on".to_owned()));
}

// covers: twiml Dial.record Dial.trim Dial.recordingTrack Dial.recordingStatusCallback Dial.recordingStatusCallbackMethod
// covers: twiml Dial.recordingStatusCallbackEvent
#[test]
fn a_dial_is_recorded_as_it_is_written() {
    let mut day = Day::that_runs(
        r#"<Dial record="record-from-answer" trim="trim-silence" recordingTrack="inbound" recordingStatusCallback="/rec"
        recordingStatusCallbackMethod="GET" recordingStatusCallbackEvent="in-progress">+15557770001</Dial>"#,
    );
    day.call();
    let callee = day.last_invited();
    day.answers(callee);
    assert_eq!((day.plans[0].sides, day.plans[0].trim), (media::control::Sides::Said, true));
    day.hangs_up(callee);
    only_got(&day, &["/rec"]);
    assert_eq!(day.told("http://app/rec").len(), 1, "the beginning only");
    assert_eq!(day.told("http://app/rec")[0]["RecordingTrack"], "inbound");
}

// covers: twiml Dial.referUrl Dial.referMethod
#[test]
fn an_application_is_asked_about_a_referred_call_as_it_is_written() {
    let mut day = Day::that_runs(
        r#"<Dial referUrl="/refer" referMethod="GET"><Sip>sip:bo@pbx.example</Sip></Dial><Say>after</Say>"#,
    );
    day.document("http://app/refer", "<Say>one moment</Say>");
    day.call();
    let leg = day.last_invited();
    day.answers(leg);
    day.give(Input::Sip(Event::Referred { leg, to: "+15557770002".to_owned(), replaces: None }));
    only_got(&day, &["/refer"]);
}

// covers: twiml Number.sendDigits
#[test]
fn a_dialled_number_is_sent_its_digits_before_it_is_heard() {
    let mut day = Day::that_runs(r#"<Dial><Number sendDigits="1w2">+15557770001</Number></Dial>"#);
    let caller = day.call();
    let callee = day.last_invited();
    day.answers(callee);
    assert_eq!(day.heard(callee), Heard::Digits("1w2".to_owned()));
    day.played_out(callee);
    assert!(day.talk(caller, callee));
}

// covers: twiml Number.url Number.method Number.statusCallback Number.statusCallbackMethod Number.statusCallbackEvent
// covers: twiml Client.url Client.method Client.statusCallback Client.statusCallbackMethod Client.statusCallbackEvent
// covers: twiml Sip.url Sip.method Sip.statusCallback Sip.statusCallbackMethod Sip.statusCallbackEvent
#[test]
fn numbers_clients_and_sip_addresses_are_screened_and_told_of_alike() {
    for (noun, whom) in [("Number", "+15557770001"), ("Client", "ana"), ("Sip", "sip:bo@pbx.example")] {
        let mut day = Day::that_runs(&format!(
            r#"<Dial><{noun} url="/screen" method="GET" statusCallback="/leg" statusCallbackMethod="GET"
            statusCallbackEvent="initiated answered">{whom}</{noun}></Dial>"#
        ));
        day.document("http://app/screen", "<Say>for you</Say>");
        let caller = day.call();
        let callee = day.last_invited();
        day.rings(callee);
        day.answers(callee);
        assert_eq!(day.heard(callee), Heard::Said("for you".to_owned()), "{noun}");
        day.played_out(callee);
        assert!(day.talk(caller, callee));
        day.hangs_up(callee);
        only_got(&day, &["/screen", "/leg"]);
        let told: Vec<_> = day.told("http://app/leg").iter().map(|t| t["CallStatus"].clone()).collect();
        assert_eq!(told, ["initiated", "in-progress"], "{noun}");
    }
}

// covers: twiml Number.machineDetection Number.machineDetectionTimeout Number.machineDetectionSpeechThreshold
// covers: twiml Number.machineDetectionSpeechEndThreshold Number.machineDetectionSilenceTimeout
// covers: twiml Number.amdStatusCallback Number.amdStatusCallbackMethod
// covers: twiml Sip.machineDetection Sip.machineDetectionTimeout Sip.machineDetectionSpeechThreshold
// covers: twiml Sip.machineDetectionSpeechEndThreshold Sip.machineDetectionSilenceTimeout
// covers: twiml Sip.amdStatusCallback Sip.amdStatusCallbackMethod
#[test]
fn who_answered_is_found_out_as_it_is_written() {
    for (noun, whom) in [("Number", "+15557770001"), ("Sip", "sip:bo@pbx.example")] {
        let mut day = Day::that_runs(&format!(
            r#"<Dial><{noun} machineDetection="Enable" machineDetectionTimeout="9" machineDetectionSpeechThreshold="1500"
            machineDetectionSpeechEndThreshold="700" machineDetectionSilenceTimeout="3000" amdStatusCallback="/who"
            amdStatusCallbackMethod="GET">{whom}</{noun}></Dial>"#
        ));
        day.call();
        let callee = day.last_invited();
        day.answers(callee);
        let plan = day.log.iter().find_map(|effect| match effect {
            Effect::Media(Media::Detect { plan, .. }) => Some(*plan),
            _ => None,
        });
        let plan = plan.unwrap();
        let millis = [plan.timeout, plan.speech, plan.speech_end, plan.silence].map(|time| time.as_millis());
        assert_eq!((plan.until_message_end, millis), (false, [9_000, 1_500, 700, 3_000]), "{noun}");
        let after = Duration::from_millis(900);
        day.give(Input::Media(Said::AnsweredBy { leg: callee.0, by: AnsweredBy::Human, after }));
        assert_eq!(day.told("http://app/who")[0]["AnsweredBy"], "human");
        only_got(&day, &["/who"]);
    }
}

// covers: twiml Sip.username Sip.password Uri.username Uri.password Headers Header.name Header.value
#[test]
fn a_sip_address_is_called_with_its_credentials_and_headers() {
    for sip in [
        r#"<Sip username="u" password="p">sip:a@pbx2.example?X-A=1%202</Sip>"#,
        r#"<Sip><Uri username="u" password="p">sip:a@pbx2.example</Uri><Headers><Header name="X-A" value="1 2"/></Headers></Sip>"#,
    ] {
        let mut day = Day::that_runs(&format!("<Dial>{sip}</Dial>"));
        day.call();
        let Invited { headers, credentials, .. } = invited(&day);
        assert_eq!(credentials, Some(("u".to_owned(), "p".to_owned())), "{sip}");
        assert!(headers.contains(&("X-A".to_owned(), "1 2".to_owned())), "{sip}: {headers:?}");
        assert_eq!(day.invites[0].2, Destination::Uri("sip:a@pbx2.example".to_owned()));
    }
}

// covers: twiml Conference.waitUrl Conference.waitMethod Conference.statusCallback Conference.statusCallbackMethod
// covers: twiml Conference.statusCallbackEvent Conference.record Conference.trim Conference.participantLabel
// covers: twiml Conference.recordingStatusCallback Conference.recordingStatusCallbackMethod
// covers: twiml Conference.recordingStatusCallbackEvent
#[test]
fn a_conference_waits_records_and_tells_as_it_is_written() {
    let mut day = Day::that_runs(
        r#"<Dial><Conference beep="false" waitUrl="/wait" waitMethod="GET" participantLabel="ana" statusCallback="/room"
        statusCallbackMethod="GET" statusCallbackEvent="join" record="record-from-start" trim="do-not-trim"
        recordingStatusCallback="/rec" recordingStatusCallbackMethod="GET"
        recordingStatusCallbackEvent="in-progress">room</Conference></Dial>"#,
    );
    day.number(SECOND, Some("http://app/second"));
    day.document("http://app/second", r#"<Dial><Conference beep="false">room</Conference></Dial>"#);
    day.document("http://app/wait", "<Say>wait</Say>");
    let first = day.call();
    assert_eq!(day.heard(first), Heard::Said("wait".to_owned()));
    let second = day.call_from(CALLER, SECOND);
    assert_eq!([first, second].map(|leg| day.heard(leg)), [Heard::Mixer, Heard::Mixer]);
    assert!(!day.plans[0].trim);
    day.hangs_up(first);
    day.hangs_up(second);
    only_got(&day, &["/wait", "/room", "/rec"]);
    let told = day.told("http://app/room");
    assert!(told.iter().all(|t| t["StatusCallbackEvent"] == "participant-join"), "{told:?}");
    assert_eq!(told[0]["ParticipantLabel"], "ana");
    let recorded: Vec<_> = day.told("http://app/rec").iter().map(|t| t["RecordingStatus"].clone()).collect();
    assert_eq!(recorded, ["in-progress"]);
}

// covers: twiml Enqueue.action Enqueue.method Enqueue.waitUrl Enqueue.waitUrlMethod Enqueue.maxQueueSize Queue.url Queue.method
#[test]
fn a_queue_is_as_long_and_asks_as_it_is_written() {
    let mut day = Day::that_runs(
        r#"<Enqueue action="/left" method="GET" waitUrl="/wait" waitUrlMethod="GET" maxQueueSize="1">support</Enqueue>"#,
    );
    day.document("http://app/wait", "<Say>wait</Say>");
    day.document("http://app/left", "<Say>left</Say>");
    day.number(SECOND, Some("http://app/second"));
    day.document("http://app/second", r#"<Dial><Queue url="/whisper" method="GET">support</Queue></Dial>"#);
    day.document("http://app/whisper", "<Say>here they come</Say>");
    let first = day.call();
    let full = day.call();
    assert_eq!(day.fetched("http://app/left")[0]["QueueResult"], "queue-full");
    assert_eq!(day.heard(full), Heard::Said("left".to_owned()));
    let server = day.call_from(CALLER, SECOND);
    assert_eq!(day.heard(first), Heard::Said("here they come".to_owned()));
    day.played_out(first);
    assert!(day.talk(first, server));
    only_got(&day, &["/wait", "/left", "/whisper"]);
}

/// 14223: the task of somebody who has left the queue could not be canceled.
#[test]
fn a_task_of_a_queue_that_cannot_be_cleaned_up_is_an_error() {
    let workflow = WorkflowSid([5; 16]);
    let mut day = Day::that_runs(&format!(r#"<Enqueue workflowSid="{workflow}"/>"#));
    let caller = day.call();
    assert!(matches!(day.asked()[..], [Ask::CreateTask(_)]));
    day.hangs_up(caller);
    let request = day.log.iter().rev().find_map(|effect| match effect {
        Effect::Report { request, .. } => Some(*request),
        _ => None,
    });
    let request = request.unwrap();
    let refusal = RoutingRefusal { code: 20404, message: "the task was not found".to_owned() };
    day.give(Input::Routed { request, outcome: Err(refusal) });
    assert_eq!(day.notices(), [14223]);
}

// covers: twiml Refer.action Refer.method
#[test]
fn what_came_of_a_refer_is_told_as_it_is_written() {
    let mut day =
        Day::that_runs(r#"<Refer action="/done" method="GET"><Sip>sip:desk@pbx.example</Sip></Refer>"#);
    day.document("http://app/done", "<Say>done</Say>");
    let leg = day.call();
    day.give(Input::Sip(Event::ReferAnswered { leg, status: Some(405) }));
    assert_eq!(day.heard(leg), Heard::Said("done".to_owned()));
    only_got(&day, &["/done"]);
}

// covers: twiml Connect.action Connect.method Stream.statusCallback Stream.statusCallbackMethod
// covers: twiml Recording.recordingStatusCallback Recording.recordingStatusCallbackMethod
#[test]
fn streams_and_recordings_tell_as_they_are_written() {
    let mut day = Day::that_runs(
        r#"<Start><Recording recordingStatusCallback="/rec" recordingStatusCallbackMethod="GET"/></Start>
        <Connect action="/then" method="GET"><Stream url="wss://ai.example/s" statusCallback="/s"
        statusCallbackMethod="GET"/></Connect>"#,
    );
    day.document("http://app/then", "<Say>bye</Say>");
    let caller = day.call();
    let Some(StreamOrder::Open(plan)) = day.streams.last().cloned() else { panic!("{:?}", day.streams) };
    day.give(Input::Stream(StreamEvent::Started { stream: plan.stream }));
    day.wait(2.0);
    day.give(Input::Stream(StreamEvent::Ended { stream: plan.stream, error: None }));
    day.hangs_up(caller);
    only_got(&day, &["/then", "/s", "/rec"]);
}
