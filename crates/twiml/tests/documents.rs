//! Documents as applications write them.
#![allow(clippy::unwrap_used, reason = "a test ends there")]

use std::time::Duration;
use twiml::*;

fn parse(text: &str) -> Parsed {
    Document::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The verbs of `<Response>{body}</Response>`, which must be without warnings.
#[track_caller]
fn verbs(body: &str) -> Vec<Verb> {
    let parsed = parse(&format!("<Response>{body}</Response>"));
    assert_eq!(parsed.warnings, [], "{body}");
    parsed.document.verbs
}

/// The one verb of a document, and the codes of its warnings.
#[track_caller]
fn warned(body: &str) -> (Vec<Verb>, Vec<u32>) {
    let parsed = parse(&format!("<Response>{body}</Response>"));
    (parsed.document.verbs, parsed.warnings.iter().map(|warning| warning.code).collect())
}

#[track_caller]
fn failed(body: &str) -> u32 {
    match &warned(body).0[..] {
        [Verb::Failed { code, message }] => {
            assert!(!message.is_empty());
            *code
        }
        other => panic!("{body}: {other:?}"),
    }
}

fn say(text: &str) -> Say {
    Say::plain(text)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[track_caller]
fn dial(body: &str) -> Dial {
    match verbs(body).remove(0) {
        Verb::Dial(dial) => *dial,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn parties(body: &str) -> Vec<Party> {
    match dial(body).target {
        DialTarget::Parties(parties) => parties,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_menu_is_read() {
    let parsed = parse(
        r#"<?xml version="1.0" encoding="UTF-8"?>
        <!-- the main menu -->
        <Response>
          <Gather action="/ivr/choice" numDigits="1" timeout="6">
            <Say>Press 1 for sales.</Say>
            <Play loop="2"> tone.mp3 </Play><Pause/>
          </Gather>
          <Redirect method="get">
             /ivr/again
          </Redirect>
        </Response>"#,
    );
    assert_eq!(parsed.warnings, []);
    let [Verb::Gather(gather), Verb::Redirect(redirect)] = &parsed.document.verbs[..] else {
        panic!("{parsed:?}")
    };
    assert_eq!(gather.action.as_deref(), Some("/ivr/choice"));
    assert_eq!((gather.num_digits, gather.timeout), (Some(1), seconds(6)));
    assert_eq!((gather.dtmf, gather.speech, gather.finish_on_key), (true, false, Some('#')));
    assert_eq!(
        gather.prompts,
        [
            Prompt::Say(say("Press 1 for sales.")),
            Prompt::Play(Play { source: PlaySource::Url("tone.mp3".into()), times: 2 }),
            Prompt::Pause(Pause { length: seconds(1) }),
        ]
    );
    assert_eq!(*redirect, Redirect { url: "/ivr/again".into(), method: Method::Get });
}

#[test]
fn what_is_no_document_has_its_documented_code() {
    for (text, code, line) in [
        ("", 11770, 1),
        (" \n ", 11770, 1),
        ("hello", 12100, 1),
        ("<Response>\n<Say>a</Play></Response>", 12100, 2),
        ("<Response><Say>", 12100, 1),
        ("<Response a='1' a='2'/>", 12100, 1),
        ("<Response/><Response/>", 12100, 1),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><Response>&a;</Response>", 12100, 1),
        ("<Response>&nope;</Response>", 12100, 1),
        ("<?xml version=\"1.1\"?><Response/>", 12101, 1),
        ("<?xml version='2'?><Response/>", 12101, 1),
        ("<response/>", 12102, 1),
        ("<!-- x -->\n<html><Response/></html>", 12102, 2),
    ] {
        let error = Document::parse(text).expect_err(text);
        assert_eq!((error.code, error.line), (code, line), "{text}: {error}");
    }
}

#[test]
fn documents_have_limits() {
    let body = |body: &str| format!("<Response>{body}</Response>");
    let code = |text: &str| Document::parse(text).map_err(|error| error.code).map(|_| ());
    assert_eq!(code(&body(&"x".repeat(BYTES_MAX))), Err(11750));
    assert_eq!(code(&body(&"<Leave/>".repeat(VERBS_MAX))), Ok(()));
    assert_eq!(code(&body(&"<Leave/>".repeat(VERBS_MAX + 1))), Err(11750));
    assert_eq!(code(&body(&"<x/>".repeat(NODES_MAX as usize))), Err(11750));
    let nested = |depth: usize| body(&format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth)));
    assert_eq!(code(&nested(DEPTH_MAX - 1)), Ok(()));
    assert_eq!(code(&nested(DEPTH_MAX)), Err(12100));
    assert_eq!(code(&"<a>".repeat(20_000)), Err(12100));
    assert_eq!(code(&body(&format!("<!--{}--><![CDATA[{}]]>", "<a>".repeat(99), "<a>".repeat(99)))), Ok(()));
    let attributes = |count: usize| (0..count).map(|n| format!(" a{n}='>'")).collect::<String>();
    assert_eq!(code(&body(&format!("<Say{}>a</Say>", attributes(ATTRIBUTES_MAX)))), Ok(()));
    assert_eq!(code(&body(&format!("<Say{}>a</Say>", attributes(ATTRIBUTES_MAX + 1)))), Err(12100));
    let (_, warnings) = warned(&"<x/>".repeat(WARNINGS_MAX + 50));
    assert_eq!(warnings.len(), WARNINGS_MAX);
}

#[test]
fn an_empty_response_has_no_verbs() {
    for text in ["<Response/>", "<Response></Response>", "\u{feff}<Response>\n</Response>"] {
        assert_eq!(parse(text), Parsed::default());
    }
}

#[test]
fn unknown_elements_and_attributes_warn_and_are_skipped() {
    let parsed = parse("<Response>\n<say>no</say>\nwords\n<Say foo='1' xml:lang='de'>yes</Say></Response>");
    assert_eq!(parsed.document.verbs, [Verb::Say(say("yes"))]);
    let seen: Vec<_> = parsed.warnings.iter().map(|warning| (warning.code, warning.line)).collect();
    assert_eq!(seen[0], (12200, 2));
    assert_eq!(seen[2], (12200, 4));
    assert_eq!(seen.len(), 3);
    assert!(parsed.warnings[2].message.contains("'foo'"), "{parsed:?}");
}

#[test]
fn verbs_that_are_not_performed_are_named() {
    for name in SKIPPED_VERBS {
        let parsed = parse(&format!("<Response><{name} a='b'>x</{name}><Hangup/></Response>"));
        assert_eq!(parsed.document.verbs, [Verb::Unsupported { name: (*name).into() }, Verb::Hangup]);
        assert_eq!(parsed.warnings[0].code, 12200);
        assert!(parsed.warnings[0].message.contains(name));
    }
}

#[test]
fn what_has_no_meaning_here_is_accepted_without_a_warning() {
    let around = |element: &str| match element {
        "Number" | "Client" | "Conference" | "Queue" => ["<Dial>", "+15550100001", "</Dial>"],
        "Sip" => ["<Dial>", "sip:a@b", "</Dial>"],
        "Uri" => ["<Dial><Sip>", "sip:a@b", "</Sip></Dial>"],
        "Stream" => ["<Start>", "", "</Start>"],
        "Dial" => ["", "+15550100001", ""],
        "Start" => ["", "<Recording/>", ""],
        _ => ["", "", ""],
    };
    for word in VOCABULARY {
        for name in word.accepted {
            let [before, inside, after] = around(word.element);
            let value = match *name {
                "enhanced" | "profanityFilter" => "true",
                "machineDetection" => "Enable",
                "machineDetectionTimeout" => "9",
                "amdStatusCallbackMethod" => "GET",
                name if name.starts_with("machineDetection") => "2000",
                _ => "x",
            };
            let more = if word.element == "Stream" { "url='wss://a.example'" } else { "" };
            let element = word.element;
            let body = format!("{before}<{element} {name}='{value}' {more}>{inside}</{element}>{after}");
            assert_eq!(verbs(&body).len(), 1, "{body}");
        }
    }
}

#[test]
fn streams_are_started_connected_and_stopped() {
    let read = verbs(
        "<Start><Stream name='s' url='wss://a.example/s' track='both_tracks' statusCallback='/x' \
         statusCallbackMethod='GET'><Parameter name='k' value='v'/></Stream></Start>\
         <Stop><Stream name='s'/></Stop><Connect action='/then'><Stream url='wss://a.example/s'/></Connect>",
    );
    let bare = Stream { url: "wss://a.example/s".into(), ..Stream::default() };
    let forked = Stream {
        name: Some("s".into()),
        track: StreamTrack::Both,
        status: Some(Hook { url: "/x".into(), method: Method::Get }),
        parameters: vec![("k".into(), "v".into())],
        ..bare.clone()
    };
    let action = Some(Hook { url: "/then".into(), method: Method::Post });
    let connect = Verb::Connect(Connect { action, stream: bare });
    let started = Verb::Start(vec![Started::Stream(forked)]);
    assert_eq!(read, [started, Verb::Stop(vec![Stopped::Stream("s".into())]), connect]);
}

#[test]
fn a_recording_of_the_call_has_its_settings() {
    let read = verbs(
        "<Start><Recording/><Recording name='r' channels='mono' track='inbound' trim='do-not-trim' \
         recordingStatusCallback='/r' recordingStatusCallbackMethod='GET' \
         recordingStatusCallbackEvent='absent in-progress'/></Start><Stop><Recording name='r'/></Stop>",
    );
    let hook = Hook { url: "/r".into(), method: Method::Get };
    let told = CallRecording {
        name: Some("r".into()),
        dual: false,
        track: RecordingTrack::Inbound,
        trim: false,
        status: Some(StatusHook { hook, events: vec![RecordingEvent::InProgress, RecordingEvent::Absent] }),
    };
    let started = vec![Started::Recording(CallRecording::default()), Started::Recording(told)];
    assert_eq!(read, [Verb::Start(started), Verb::Stop(vec![Stopped::Recording("r".into())])]);
    for attribute in
        ["channels='3'", "track='third'", "trim='yes'", "recordingStatusCallbackMethod='PUT'", "x='y'"]
    {
        let (read, codes) = warned(&format!("<Start><Recording {attribute}/></Start>"));
        assert_eq!(codes, [12200], "{attribute}");
        assert_eq!(read, [Verb::Start(vec![Started::Recording(CallRecording::default())])]);
    }
    assert_eq!(failed("<Start><Recording recordingStatusCallbackEvent='x'/></Start>"), 13621);
    assert_eq!(warned("<Stop><Recording/></Stop>"), (vec![], vec![12200]));
    assert_eq!(failed("<Connect><Recording/></Connect>"), 14300, "it does not talk");
}

#[test]
fn nouns_that_are_not_performed_are_named_and_the_document_goes_on() {
    let verbs = ["Start", "Stop", "Connect"];
    for (verb, noun) in verbs.iter().flat_map(|verb| SKIPPED_NOUNS.iter().map(move |noun| (verb, noun))) {
        let text =
            format!("<Response><{verb}><{noun} name='x'><Parameter/></{noun}></{verb}><Hangup/></Response>");
        let parsed = parse(&text);
        assert_eq!(parsed.document.verbs, [Verb::Hangup], "{text}");
        let [warning] = &parsed.warnings[..] else { panic!("{parsed:?}") };
        assert!(warning.code == 12200 && warning.message.contains(noun), "{warning:?}");
    }
}

#[test]
fn what_is_wrong_with_a_stream_is_told() {
    assert_eq!(failed("<Start><Stream/></Start>"), 11100);
    assert_eq!(failed("<Start><Say>x</Say></Start>"), 14300);
    assert_eq!(warned("<Start><Siprec/></Start>"), (vec![], vec![12200]));
    assert_eq!(warned("<Stop><Stream/></Stop>"), (vec![], vec![12200]));
    let (read, codes) = warned("<Connect><Stream url='wss://a.example' track='both_tracks'/></Connect>");
    assert_eq!(codes, [12200]);
    assert!(matches!(&read[..], [Verb::Connect(c)] if c.stream.track == StreamTrack::Inbound));
    let (read, codes) = warned("<Start><Stream url='wss://a.example'><Foo/></Stream></Start>");
    assert_eq!((read.len(), codes), (1, vec![12200]));
}

#[test]
fn simple_verbs_have_their_values() {
    assert_eq!(
        verbs("<Say voice='Polly.Joanna' language='de-DE' loop='0'> Guten\n Tag </Say>"),
        [Verb::Say(Say {
            voice: Some("Polly.Joanna".into()),
            language: "de-DE".into(),
            times: LOOP_MAX,
            ..say("Guten Tag")
        })]
    );
    assert_eq!(
        verbs("<Play digits='1w2W#'/><Play loop='99'>http://h/x.mp3</Play>"),
        [
            Verb::Play(Play { source: PlaySource::Digits("1w2W#".into()), times: 1 }),
            Verb::Play(Play { source: PlaySource::Url("http://h/x.mp3".into()), times: 99 }),
        ]
    );
    assert_eq!(
        verbs("<Pause length='3'/><Reject/><Reject reason='busy'/><Leave/><Hangup/><Redirect/>"),
        [
            Verb::Pause(Pause { length: seconds(3) }),
            Verb::Reject(Reject { reason: RejectReason::Rejected }),
            Verb::Reject(Reject { reason: RejectReason::Busy }),
            Verb::Leave,
            Verb::Hangup,
            Verb::Redirect(Redirect { url: String::new(), method: Method::Post }),
        ]
    );
}

#[test]
fn a_refer_names_a_sip_address() {
    let hook = |url: &str, method| Some(Hook { url: url.into(), method });
    assert_eq!(
        verbs(
            "<Refer action='/done' method='GET'><Sip> sip:bo@pbx.example?X-Task=7 </Sip></Refer><Refer><Sip>sips:a@b</Sip></Refer>"
        ),
        [
            Verb::Refer(Refer {
                action: hook("/done", Method::Get),
                uri: "sip:bo@pbx.example?X-Task=7".into()
            }),
            Verb::Refer(Refer { action: None, uri: "sips:a@b".into() }),
        ]
    );
    // One that names nobody is skipped.
    for (body, code) in [("<Refer/>", 13243), ("<Refer><Sip>+15550100001</Sip></Refer>", 13243)] {
        assert_eq!(warned(body), (vec![], vec![code]), "{body}");
    }
    let (verbs, codes) = warned("<Refer><Number>1</Number><Sip>sip:a@b</Sip><Sip>sip:c@d</Sip></Refer>");
    assert_eq!(codes, [12200, 12200]);
    assert_eq!(verbs, [Verb::Refer(Refer { action: None, uri: "sip:a@b".into() })]);
}

#[test]
fn wrong_values_warn_with_their_code_and_take_the_default() {
    for (body, code) in [
        ("<Say loop='x'>a</Say>", 13510),
        ("<Say language='english!'>a</Say>", 13512),
        ("<Play loop='-1'>a</Play>", 13410),
        ("<Play digits='12x'>a</Play>", 13430),
        ("<Pause length='0'/>", 13910),
        ("<Redirect method='PUT'>/a</Redirect>", 13710),
        ("<Reject reason='tired'/>", 13810),
        ("<Gather finishOnKey='12'/>", 13310),
        ("<Gather method='PATCH'/>", 13312),
        ("<Gather timeout='0'/>", 13313),
        ("<Gather numDigits='0'/>", 13314),
        ("<Gather input='telepathy'/>", 13326),
        ("<Gather speechTimeout='soon'/>", 13327),
        ("<Gather maxSpeechTime='-1'/>", 13328),
        ("<Gather partialResultCallbackMethod='x'/>", 13329),
        ("<Gather language=''/>", 13331),
        ("<Gather bargeIn='yes'/>", 13332),
        ("<Gather profanityFilter='1'/>", 13333),
        ("<Gather speechTimeout='auto' speechModel='default'/>", 13335),
        ("<Gather><Dial>1234567</Dial></Gather>", 13320),
        ("<Gather><Play digits='1'/></Gather>", 13320),
        ("<Gather><Say loop='x'>a</Say></Gather>", 13322),
        ("<Dial method='x'>+15550100001</Dial>", 13210),
        ("<Dial timeout='601'>+15550100001</Dial>", 13212),
        ("<Dial hangupOnStar='x'>+15550100001</Dial>", 13213),
        ("<Dial callerId='&lt;x&gt;'>+15550100001</Dial>", 13214),
        ("<Dial><Say>a</Say><Number>+15550100001</Number></Dial>", 13215),
        ("<Dial timeLimit='0'>+15550100001</Dial>", 13216),
        ("<Dial record='x'>+15550100001</Dial>", 13217),
        ("<Dial sequential='x'>+15550100001</Dial>", 13218),
        ("<Dial answerOnBridge='x'>+15550100001</Dial>", 13219),
        ("<Dial ringTone='xx'>+15550100001</Dial>", 13220),
        ("<Dial><Number method='x' url='u'>+15550100001</Number></Dial>", 13221),
        ("<Dial><Number sendDigits='x'>+15550100001</Number></Dial>", 13222),
        ("<Dial>my mother</Dial>", 13223),
        ("<Dial/>", 13223),
        ("<Dial><Number/></Dial>", 13223),
        ("<Dial><Conference muted='x'>a</Conference></Dial>", 13230),
        ("<Dial><Conference startConferenceOnEnter='x'>a</Conference></Dial>", 13232),
        ("<Dial><Conference waitMethod='x'>a</Conference></Dial>", 13234),
        ("<Dial><Conference beep='x'>a</Conference></Dial>", 13235),
        ("<Dial><Conference/></Dial>", 13237),
        ("<Dial><Conference>a</Conference><Number>+15550100001</Number></Dial>", 13000),
        ("<Dial><Queue>a</Queue><Conference>a</Conference></Dial>", 13000),
        ("<Dial><Sip method='x' url='u'>sip:a@b</Sip></Dial>", 13241),
        ("<Dial><Sip>ana</Sip></Dial>", 13243),
        ("<Dial><Sip>sip:a@b?Via=x</Sip></Dial>", 13252),
        ("<Dial><Application>AP</Application></Dial>", 12200),
        ("<Dial><Sim>DE</Sim></Dial>", 12200),
        ("<Dial><WhatsApp>+15550100001</WhatsApp></Dial>", 12200),
        ("<Enqueue maxQueueSize='0'>a</Enqueue>", 12200),
        ("<Enqueue><Task>{}</Task>a</Enqueue>", 12200),
    ] {
        let (verbs, codes) = warned(body);
        assert_eq!(codes, [code], "{body}");
        assert_eq!(verbs.len(), 1, "{body}");
        assert!(!matches!(verbs[0], Verb::Failed { .. }), "{body}");
    }
}

fn of_conference(task: &str) -> String {
    format!("<Dial><Conference workflowSid='WW01010101010101010101010101010101'>a{task}</Conference></Dial>")
}

#[test]
fn wrong_values_of_error_level_fail_their_verb_in_its_place() {
    for (body, code) in [
        ("<Play/>", 11100),
        ("<Gather actionOnEmptyResult='x'/>", 13338),
        ("<Dial><Conference endConferenceOnExit='x'>a</Conference></Dial>", 13231),
        ("<Dial><Conference trim='x'>a</Conference></Dial>", 13239),
        ("<Dial><Conference coach='ana'>a</Conference></Dial>", 13240),
        ("<Dial><Conference participantLabel='a/b'>a</Conference></Dial>", 16023),
        ("<Dial recordingStatusCallback='u' recordingStatusCallbackEvent='x'>+15550100001</Dial>", 13621),
        ("<Dial><Queue method='x' url='u'>a</Queue></Dial>", 14210),
        ("<Dial><Queue/></Dial>", 14212),
        ("<Dial><Queue reservationSid='x'/></Dial>", 14215),
        ("<Dial><Queue postWorkActivitySid='x'>a</Queue></Dial>", 14216),
        ("<Enqueue method='x'>a</Enqueue>", 14201),
        ("<Enqueue/>", 14204),
        ("<Enqueue waitUrlMethod='x'>a</Enqueue>", 14206),
        ("<Enqueue workflowSid='WW12'/>", 14220),
        ("<Enqueue workflowSid='WW01010101010101010101010101010101'><Task>[]</Task></Enqueue>", 14221),
        ("<Dial><Conference workflowSid='WW12'>a</Conference></Dial>", 14230),
        (&of_conference("<Task>[]</Task>"), 14231),
        (&of_conference("<Task priority='high'/>"), 14232),
        (&of_conference("<Task timeout='0'/>"), 14233),
        ("<Dial><Conference reservationSid='WR12'>a</Conference></Dial>", 14236),
        ("<Dial><Conference postWorkActivitySid='WA12'>a</Conference></Dial>", 14237),
    ] {
        assert_eq!(failed(body), code, "{body}");
    }
    assert_eq!(failed(&format!("<Enqueue>{}</Enqueue>", "q".repeat(QUEUE_NAME_CHARS_MAX + 1))), 14205);
    assert_eq!(
        failed(&format!("<Dial><Queue>{}</Queue></Dial>", "q".repeat(QUEUE_NAME_CHARS_MAX + 1))),
        14213
    );
    let (verbs, _) = warned("<Say>first</Say><Enqueue/><Hangup/>");
    assert!(matches!(verbs[..], [Verb::Say(_), Verb::Failed { code: 14204, .. }, Verb::Hangup]), "{verbs:?}");
}

#[test]
fn a_conference_has_a_task_or_a_reservation() {
    let of = |body: &str| match warned(body) {
        (verbs, codes) if codes.is_empty() => match &verbs[..] {
            [Verb::Dial(dial)] => match &dial.target {
                DialTarget::Conference(conference) => (conference.name.clone(), conference.routing.clone()),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    let (name, routing) = of(&of_conference("<Task priority='5' timeout='9'>{\"a\":1}</Task>"));
    let Some(ConferenceRouting::Task { workflow, task }) = routing else { panic!("{routing:?}") };
    assert_eq!((name.as_str(), workflow), ("a", base::WorkflowSid([1; 16])));
    assert_eq!((task.priority, task.timeout), (Some(5), Some(Duration::from_secs(9))));
    let (_, routing) = of("<Dial><Conference reservationSid='WR01010101010101010101010101010101' \
         postWorkActivitySid='WA01010101010101010101010101010101'>a</Conference></Dial>");
    let reservation = base::ReservationSid([1; 16]);
    let post_work_activity = Some(base::ActivitySid([1; 16]));
    assert_eq!(routing, Some(ConferenceRouting::Reservation { reservation, post_work_activity }));
    assert_eq!(of("<Dial><Conference>a</Conference></Dial>").1, None);
}

#[test]
fn a_say_without_words_is_skipped_and_a_long_one_is_cut() {
    assert_eq!(warned("<Say> </Say>"), (vec![], vec![13520]));
    let (verbs, codes) = warned(&format!("<Say>{}</Say>", "ä".repeat(SAY_CHARS_MAX + 5)));
    assert_eq!(codes, [13521]);
    assert_eq!(verbs, [Verb::Say(say(&"ä".repeat(SAY_CHARS_MAX)))]);
}

#[test]
fn a_gather_listens_as_it_is_told() {
    let Verb::Gather(gather) = verbs(
        "<Gather input='speech dtmf' finishOnKey='' speechTimeout='auto' maxSpeechTime='9' speechModel='phone_call' \
         enhanced='true' hints='yes, no,,maybe so' language='fr-FR' profanityFilter='false' bargeIn='false' debug='true' \
         partialResultCallback='/p' partialResultCallbackMethod='GET' actionOnEmptyResult='true'/>",
    )
    .remove(0) else {
        panic!()
    };
    assert!(gather.dtmf && gather.speech && gather.enhanced && gather.action_on_empty_result);
    assert!(!gather.profanity_filter && !gather.barge_in);
    assert_eq!(gather.finish_on_key, None);
    assert_eq!(gather.speech_timeout, SpeechTimeout::Auto);
    assert_eq!((gather.max_speech_time, gather.num_digits), (seconds(9), None));
    assert_eq!(gather.hints, ["yes", "no", "maybe so"]);
    assert_eq!((&*gather.language, &*gather.speech_model), ("fr-FR", "phone_call"));
    assert_eq!(gather.partial_result_callback, Some(Hook::new("/p", Method::Get)));
    let many = vec!["x"; HINTS_MAX + 1].join(",");
    assert_eq!(warned(&format!("<Gather hints='{many}'/>")).1, [13330]);
    assert_eq!(warned(&format!("<Gather hints='{}'/>", "x".repeat(HINT_CHARS_MAX + 1))).1, [13330]);
}

// covers: twiml Identity
#[test]
fn a_dial_knows_whom() {
    let plain = Party {
        address: Address::Number { number: "+15550100001".into(), send_digits: None },
        whisper: None,
        status: None,
        machine_detection: None,
    };
    assert_eq!(parties("<Dial> +1 (555) 010-0001 </Dial>"), std::slice::from_ref(&plain));
    assert_eq!(parties("<Dial><Number>+15550100001</Number></Dial>"), [plain]);
    let mixed = parties(
        "<Dial><Number sendDigits='ww1' url='/w' method='GET' machineDetection='DetectMessageEnd' \
           machineDetectionTimeout='9' statusCallback='/s' statusCallbackEvent='completed ringing ringing'>1001</Number>\
         <Client statusCallback='/s'><Identity>ana</Identity><Parameter name='a' value='b'/></Client><Client>bo</Client>\
         <Sip username='u' password='p'>sip:kim@pbx.example;transport=tcp?x-a=1&amp;User-to-User=2</Sip></Dial>",
    );
    let [number, client, bo, sip] = &mixed[..] else { panic!("{mixed:?}") };
    assert_eq!(number.address, Address::Number { number: "1001".into(), send_digits: Some("ww1".into()) });
    assert_eq!(number.whisper, Some(Hook::new("/w", Method::Get)));
    assert_eq!(number.status.as_ref().unwrap().events, [CallEvent::Ringing, CallEvent::Completed]);
    assert_eq!(
        number.machine_detection,
        Some(MachineDetection {
            until_message_end: true,
            timeout: seconds(9),
            speech: Duration::from_millis(2_400),
            speech_end: Duration::from_millis(1_200),
            silence: seconds(5),
            callback: None,
        })
    );
    let parameters = vec![("a".to_owned(), "b".to_owned())];
    assert_eq!(client.address, Address::Client { identity: "ana".into(), parameters });
    assert_eq!(client.status.as_ref().unwrap().events, [CallEvent::Completed]);
    assert_eq!(bo.address, Address::Client { identity: "bo".into(), parameters: vec![] });
    let Address::Sip { uri, username, password } = &sip.address else { panic!() };
    assert_eq!(uri, "sip:kim@pbx.example;transport=tcp?x-a=1&User-to-User=2");
    assert_eq!(username.as_deref(), Some("u"));
    assert_eq!(password.as_ref().unwrap().expose(), "p");
}

#[test]
fn a_sip_noun_may_hold_uris_and_headers() {
    let body = "<Dial><Sip><Uri username='u' password='p'>sip:a@b</Uri>\
                <Headers><Header name='X-A' value='1 &amp; 2'/></Headers></Sip></Dial>";
    let Address::Sip { uri, username, .. } = &parties(body)[0].address else { panic!() };
    assert_eq!((uri.as_str(), username.as_deref()), ("sip:a@b?X-A=1%20%26%202", Some("u")));
    let long = format!("<Dial><Sip>sip:a@b?x-a={}</Sip></Dial>", "1".repeat(1100));
    assert_eq!(warned(&long).1, [13253]);
}

#[test]
fn a_dial_calls_at_most_ten() {
    let (verbs, codes) = warned(&format!("<Dial>{}</Dial>", "<Client>a</Client>".repeat(NOUNS_MAX + 2)));
    let [Verb::Dial(dial)] = &verbs[..] else { panic!() };
    assert!(matches!(&dial.target, DialTarget::Parties(parties) if parties.len() == NOUNS_MAX));
    assert_eq!(codes, [12200]);
}

#[test]
fn a_dial_has_its_settings() {
    let dial = dial(
        "<Dial action='/a' method='GET' answerOnBridge='true' callerId='+15550100009' timeout='5' timeLimit='60' \
         hangupOnStar='true' record='true' trim='trim-silence' ringTone='de' sequential='true' referUrl='/r' \
         recordingStatusCallback='/rs' recordingTrack='both' callReason='x'>+15550100001</Dial>",
    );
    assert_eq!(dial.action, Some(Hook::new("/a", Method::Get)));
    assert!(dial.answer_on_bridge && dial.hangup_on_star && dial.trim && dial.sequential);
    assert_eq!((dial.timeout, dial.time_limit), (seconds(5), seconds(60)));
    assert_eq!((dial.caller_id.as_deref(), dial.ring_tone.as_deref()), (Some("+15550100009"), Some("de")));
    assert_eq!(dial.record, DialRecord::FromAnswer);
    assert_eq!(dial.refer, Some(Hook::new("/r", Method::Post)));
    assert_eq!(dial.recording_status.unwrap().events, [RecordingEvent::Completed]);
}

#[test]
fn a_conference_has_its_settings() {
    let body = "<Dial><Conference muted='true' beep='onExit' startConferenceOnEnter='false' endConferenceOnExit='true' \
        participantLabel='ana' waitUrl='' maxParticipants='3' record='record-from-start' trim='do-not-trim' \
        coach='CA01010101010101010101010101010101' statusCallback='/s' statusCallbackEvent='leave join' region='us1' \
        jitterBufferSize='off'> Room 7 </Conference></Dial>";
    let DialTarget::Conference(conference) = dial(body).target else { panic!() };
    assert_eq!(conference.name, "Room 7");
    assert!(conference.muted && !conference.start_on_enter && conference.end_on_exit && conference.record);
    assert_eq!(
        (conference.beep, conference.wait, conference.max_participants),
        (Beep::OnExit, Wait::Silence, 3)
    );
    assert_eq!(conference.coach.unwrap().to_string(), "CA01010101010101010101010101010101");
    assert_eq!(conference.status.unwrap().events, [ConferenceEvent::Join, ConferenceEvent::Leave]);
    let DialTarget::Conference(plain) = dial("<Dial><Conference>a</Conference></Dial>").target else {
        panic!()
    };
    assert_eq!(plain, Conference::named("a"));
}

// covers: twiml TaskAttributes.priority TaskAttributes.timeout
#[test]
fn an_enqueue_names_a_queue_or_a_workflow() {
    let only = |body: &str| match verbs(body).remove(0) {
        Verb::Enqueue(enqueue) => enqueue,
        other => panic!("{other:?}"),
    };
    let queue =
        only("<Enqueue action='/a' waitUrl='/w' waitUrlMethod='GET' maxQueueSize='9'> support </Enqueue>");
    assert_eq!(queue.queue, EnqueueTarget::Queue("support".into()));
    assert_eq!(queue.action, Some(Hook::new("/a", Method::Post)));
    assert_eq!(queue.wait, Wait::Url(Hook::new("/w", Method::Get)));
    assert_eq!(queue.max_queue_size, Some(9));
    assert_eq!(only("<Enqueue waitUrl=''>a</Enqueue>").wait, Wait::Silence);
    assert_eq!(only("<Enqueue>a</Enqueue>").wait, Wait::Music);

    let sid = "WW01010101010101010101010101010101";
    for (body, attributes, priority, timeout) in [
        ("", None, None, None),
        (
            "<Task priority='-5' timeout='200'>\n{\"a\": 1}</Task>",
            Some("{\"a\": 1}"),
            Some(-5),
            Some(seconds(200)),
        ),
        ("<TaskAttributes>{}</TaskAttributes>", Some("{}"), None, None),
        (
            "<TaskAttributes priority='1' timeout='2'>{}</TaskAttributes>",
            Some("{}"),
            Some(1),
            Some(seconds(2)),
        ),
        ("<Task/>", None, None, None),
    ] {
        let enqueue = only(&format!("<Enqueue workflowSid='{sid}'>{body}</Enqueue>"));
        let task = EnqueueTask { attributes: attributes.map(str::to_owned), priority, timeout };
        assert_eq!(enqueue.queue, EnqueueTarget::Workflow { workflow: sid.parse().unwrap(), task }, "{body}");
    }
}

#[test]
fn a_dialled_queue_may_name_a_reservation() {
    let body = "<Dial><Queue url='/w' reservationSid='WR01010101010101010101010101010101' \
                postWorkActivitySid='WA01010101010101010101010101010101'/></Dial>";
    let DialTarget::Queue(queue) = dial(body).target else { panic!() };
    assert_eq!(queue.name, "");
    assert!(queue.reservation.is_some() && queue.post_work_activity.is_some() && queue.whisper.is_some());
    let DialTarget::Queue(queue) = dial("<Dial><Queue>support</Queue></Dial>").target else { panic!() };
    assert_eq!((&*queue.name, queue.reservation), ("support", None));
}
