//! What must hold for every document and every text.
#![allow(clippy::unwrap_used, reason = "a test ends there")]

use base::{ActivitySid, CallSid, ReservationSid, Secret, WorkflowSid};
use proptest::option::of;
use proptest::prelude::*;
use std::time::Duration;
use twiml::*;

/// Text without blanks at its ends, as it is after parsing.
fn words() -> impl Strategy<Value = String> {
    "[!-~äß漢]([ -~äß漢]{0,12}[!-~äß漢])?"
        .prop_map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn method() -> impl Strategy<Value = Method> {
    prop_oneof![Just(Method::Get), Just(Method::Post)]
}

fn hook() -> impl Strategy<Value = Hook> {
    (words(), method()).prop_map(|(url, method)| Hook { url, method })
}

fn seconds(max: u64) -> impl Strategy<Value = Duration> {
    (1..=max).prop_map(Duration::from_secs)
}

fn times() -> impl Strategy<Value = u32> {
    1..=LOOP_MAX
}

fn language() -> impl Strategy<Value = String> {
    "[a-z]{2}(-[A-Z]{2})?"
}

fn say() -> impl Strategy<Value = Say> {
    (parts(), of(words()), language(), times()).prop_map(|(parts, voice, language, times)| Say {
        parts,
        voice,
        language,
        times,
    })
}

/// Words and pauses by turns: what is said alike would be one part.
fn parts() -> impl Strategy<Value = Vec<SayPart>> {
    let volume = prop_oneof![Just(Delivery::SILENT), -40i8..=20];
    let delivery =
        (20u16..=200, 67u16..=150, volume).prop_map(|(rate, pitch, volume)| Delivery { rate, pitch, volume });
    let said = (words(), of(language()), delivery, 1u64..=10_000);
    prop::collection::vec(said, 1..4).prop_map(|all| {
        let part = |(text, language, delivery, millis)| {
            let words = SayPart::Words(Words { text, language, delivery });
            [words, SayPart::Pause(Duration::from_millis(millis))]
        };
        all.into_iter().flat_map(part).collect()
    })
}

fn play() -> impl Strategy<Value = Play> {
    let source =
        prop_oneof![words().prop_map(PlaySource::Url), "[0-9A-D*#wW]{1,5}".prop_map(PlaySource::Digits),];
    (source, times()).prop_map(|(source, times)| Play { source, times })
}

fn pause() -> impl Strategy<Value = Pause> {
    seconds(86_400).prop_map(|length| Pause { length })
}

fn stream() -> impl Strategy<Value = Stream> {
    let track = prop_oneof![Just(StreamTrack::Inbound), Just(StreamTrack::Outbound), Just(StreamTrack::Both)];
    let parameters = prop::collection::vec((words(), words()), 0..3);
    (words(), of(words()), track, of(hook()), parameters)
        .prop_map(|(url, name, track, status, parameters)| Stream { url, name, track, status, parameters })
}

fn prompt() -> impl Strategy<Value = Prompt> {
    prop_oneof![
        say().prop_map(Prompt::Say),
        (words(), times())
            .prop_map(|(url, times)| Prompt::Play(Play { source: PlaySource::Url(url), times })),
        pause().prop_map(Prompt::Pause),
    ]
}

fn gather() -> impl Strategy<Value = Gather> {
    let input = prop_oneof![Just((true, false)), Just((false, true)), Just((true, true))];
    let speech_timeout = prop_oneof![
        Just(SpeechTimeout::Timeout),
        Just(SpeechTimeout::Auto),
        seconds(100).prop_map(SpeechTimeout::After),
    ];
    let first =
        (of(words()), method(), input, seconds(100), of(prop::sample::select(vec!['0', '9', '#', '*'])));
    let second = (of(1u32..99), any::<bool>(), speech_timeout, seconds(100), "[a-z_]{1,8}x");
    let third = (any::<bool>(), prop::collection::vec("[a-z]{1,5}", 0..3), language(), any::<bool>());
    let fourth = (of(hook()), any::<bool>(), prop::collection::vec(prompt(), 0..3));
    (first, second, third, fourth).prop_map(|(a, b, c, d)| Gather {
        action: a.0,
        method: a.1,
        dtmf: a.2.0,
        speech: a.2.1,
        timeout: a.3,
        finish_on_key: a.4,
        num_digits: b.0,
        action_on_empty_result: b.1,
        speech_timeout: b.2,
        max_speech_time: b.3,
        speech_model: b.4,
        enhanced: c.0,
        hints: c.1,
        language: c.2,
        profanity_filter: c.3,
        partial_result_callback: d.0,
        barge_in: d.1,
        prompts: d.2,
    })
}

fn status<E: Clone + std::fmt::Debug + Ord + 'static>(
    events: Vec<E>,
) -> impl Strategy<Value = StatusHook<E>> {
    let max = events.len();
    (hook(), prop::sample::subsequence(events, 1..=max)).prop_map(|(hook, mut events)| {
        events.sort();
        StatusHook { hook, events }
    })
}

fn call_status() -> impl Strategy<Value = StatusHook<CallEvent>> {
    status(vec![CallEvent::Initiated, CallEvent::Ringing, CallEvent::Answered, CallEvent::Completed])
}

fn recording_status() -> impl Strategy<Value = StatusHook<RecordingEvent>> {
    status(vec![RecordingEvent::InProgress, RecordingEvent::Completed, RecordingEvent::Absent])
}

fn party() -> impl Strategy<Value = Party> {
    let address = prop_oneof![
        ("\\+?[0-9]{1,15}", of("[0-9w]{1,3}"))
            .prop_map(|(number, send_digits)| Address::Number { number, send_digits }),
        (words(), prop::collection::vec((words(), words()), 0..3))
            .prop_map(|(identity, parameters)| Address::Client { identity, parameters }),
        ("sip:[a-z]{1,5}@[a-z]{1,5}(\\?x-a=[0-9]{1,3})?", of(words()), of(words())).prop_map(
            |(uri, username, password)| Address::Sip { uri, username, password: password.map(Secret::new) }
        ),
    ];
    let detection =
        (any::<bool>(), 3u64..=60, 1_000u64..=6_000, 500u64..=5_000, 2_000u64..=10_000, of(hook())).prop_map(
            |(until_message_end, timeout, speech, speech_end, silence, callback)| MachineDetection {
                until_message_end,
                timeout: Duration::from_secs(timeout),
                speech: Duration::from_millis(speech),
                speech_end: Duration::from_millis(speech_end),
                silence: Duration::from_millis(silence),
                callback,
            },
        );
    (address, of(hook()), of(call_status()), of(detection)).prop_map(
        |(address, whisper, status, machine_detection)| Party { address, whisper, status, machine_detection },
    )
}

fn wait() -> impl Strategy<Value = Wait> {
    prop_oneof![Just(Wait::Music), Just(Wait::Silence), hook().prop_map(Wait::Url)]
}

fn conference() -> impl Strategy<Value = Conference> {
    let beeps = prop::sample::select(vec![Beep::Both, Beep::No, Beep::OnEnter, Beep::OnExit]);
    let events = vec![ConferenceEvent::Start, ConferenceEvent::Join, ConferenceEvent::Announcement];
    let first = (words(), any::<bool>(), beeps, any::<bool>(), any::<bool>(), of("[a-z]{1,9}"), wait());
    let second = (1..=PARTICIPANTS_MAX, any::<bool>(), any::<bool>(), of(any::<[u8; 16]>()));
    (first, second, of(status(events)), of(recording_status()), of(routing())).prop_map(
        |(a, b, status, recording_status, routing)| Conference {
            name: a.0,
            muted: a.1,
            beep: a.2,
            start_on_enter: a.3,
            end_on_exit: a.4,
            participant_label: a.5,
            wait: a.6,
            max_participants: b.0,
            record: b.1,
            trim: b.2,
            coach: b.3.map(CallSid),
            status,
            recording_status,
            routing,
        },
    )
}

fn routing() -> impl Strategy<Value = ConferenceRouting> {
    let sid = any::<[u8; 16]>;
    prop_oneof![
        (sid(), task()).prop_map(|(sid, task)| ConferenceRouting::Task { workflow: WorkflowSid(sid), task }),
        (sid(), of(sid())).prop_map(|(reservation, activity)| ConferenceRouting::Reservation {
            reservation: ReservationSid(reservation),
            post_work_activity: activity.map(ActivitySid),
        }),
    ]
}

fn task() -> impl Strategy<Value = EnqueueTask> {
    (of(Just("{\"a\": \"<&>\"}".to_owned())), of(any::<i64>()), of(seconds(1000)))
        .prop_map(|(attributes, priority, timeout)| EnqueueTask { attributes, priority, timeout })
}

fn target() -> impl Strategy<Value = DialTarget> {
    let queue = (words(), of(hook()), of(any::<[u8; 16]>()), of(any::<[u8; 16]>())).prop_map(
        |(name, whisper, r, a)| QueueNoun {
            name,
            whisper,
            reservation: r.map(ReservationSid),
            post_work_activity: a.map(ActivitySid),
        },
    );
    prop_oneof![
        prop::collection::vec(party(), 1..4).prop_map(DialTarget::Parties),
        conference().prop_map(DialTarget::Conference),
        queue.prop_map(DialTarget::Queue),
    ]
}

fn dial() -> impl Strategy<Value = Dial> {
    let records = prop::sample::select(vec![
        DialRecord::No,
        DialRecord::FromAnswer,
        DialRecord::FromRinging,
        DialRecord::FromAnswerDual,
        DialRecord::FromRingingDual,
    ]);
    let first = (of(hook()), any::<bool>(), of("[a-z+0-9:]{1,9}"), seconds(600), seconds(86_400));
    let tracks =
        prop::sample::select(vec![RecordingTrack::Inbound, RecordingTrack::Outbound, RecordingTrack::Both]);
    let second = (any::<bool>(), records, any::<bool>(), of(recording_status()), tracks);
    let third = (of(Just("uk".to_owned())), any::<bool>(), of(hook()), target());
    (first, second, third).prop_map(|(a, b, c)| Dial {
        action: a.0,
        answer_on_bridge: a.1,
        caller_id: a.2,
        timeout: a.3,
        time_limit: a.4,
        hangup_on_star: b.0,
        record: b.1,
        trim: b.2,
        recording_track: b.4,
        recording_status: b.3,
        ring_tone: c.0,
        sequential: c.1,
        refer: c.2,
        target: c.3,
    })
}

fn record() -> impl Strategy<Value = Record> {
    let first = (of(words()), method(), of(seconds(100)), "[0-9*#]{0,4}", 2u64..=86_400);
    let second = (any::<bool>(), any::<bool>(), of(recording_status()), any::<bool>(), of(words()));
    (first, second).prop_map(|(a, b)| Record {
        action: a.0,
        method: a.1,
        timeout: a.2,
        finish_on_key: a.3,
        max_length: Duration::from_secs(a.4),
        play_beep: b.0,
        trim: b.1,
        recording_status: b.2,
        transcribe: b.3,
        transcribe_callback: b.4,
    })
}

fn started() -> impl Strategy<Value = Started> {
    let tracks =
        prop::sample::select(vec![RecordingTrack::Inbound, RecordingTrack::Outbound, RecordingTrack::Both]);
    let recording = (of(words()), any::<bool>(), tracks, any::<bool>(), of(recording_status()))
        .prop_map(|(name, dual, track, trim, status)| CallRecording { name, dual, track, trim, status });
    prop_oneof![stream().prop_map(Started::Stream), recording.prop_map(Started::Recording)]
}

fn stopped() -> impl Strategy<Value = Stopped> {
    prop_oneof![words().prop_map(Stopped::Stream), words().prop_map(Stopped::Recording)]
}

fn enqueue() -> impl Strategy<Value = Enqueue> {
    let queue = prop_oneof![
        words().prop_map(EnqueueTarget::Queue),
        (any::<[u8; 16]>(), task())
            .prop_map(|(sid, task)| EnqueueTarget::Workflow { workflow: WorkflowSid(sid), task }),
    ];
    (queue, of(hook()), wait(), of(1u32..=5000)).prop_map(|(queue, action, wait, max_queue_size)| Enqueue {
        queue,
        action,
        wait,
        max_queue_size,
    })
}

fn verb() -> impl Strategy<Value = Verb> {
    prop_oneof![
        say().prop_map(Verb::Say),
        play().prop_map(Verb::Play),
        pause().prop_map(Verb::Pause),
        gather().prop_map(Verb::Gather),
        record().prop_map(Verb::Record),
        dial().prop_map(|dial| Verb::Dial(Box::new(dial))),
        enqueue().prop_map(Verb::Enqueue),
        Just(Verb::Leave),
        prop::collection::vec(started(), 1..3).prop_map(Verb::Start),
        prop::collection::vec(stopped(), 1..3).prop_map(Verb::Stop),
        (of(hook()), stream()).prop_map(|(action, stream)| {
            Verb::Connect(Connect { action, stream: Stream { track: StreamTrack::Inbound, ..stream } })
        }),
        (of(words()), method())
            .prop_map(|(url, method)| { Verb::Redirect(Redirect { url: url.unwrap_or_default(), method }) }),
        Just(Verb::Hangup),
        prop_oneof![Just(RejectReason::Rejected), Just(RejectReason::Busy)]
            .prop_map(|reason| Verb::Reject(Reject { reason })),
        Just(Verb::Unsupported { name: "Pay".to_owned() }),
    ]
}

proptest! {
    #[test]
    fn a_document_prints_what_parses_back_equal(verbs in prop::collection::vec(verb(), 0..5)) {
        let document = Document { verbs };
        let printed = document.to_string();
        let parsed = Document::parse(&printed).map_err(|e| TestCaseError::fail(format!("{printed}: {e}")))?;
        prop_assert_eq!(&parsed.document, &document, "{}", printed);
        let unsupported = document.verbs.iter().filter(|v| matches!(v, Verb::Unsupported { .. })).count();
        prop_assert_eq!(parsed.warnings.len(), unsupported, "{:?} {}", parsed.warnings, printed);
    }

    #[test]
    fn no_text_panics(text in ".{0,80}") {
        let _ = Document::parse(&text);
        let _ = resolve(Some("https://a.example/b"), &text);
        let _ = fill(&text, &[(text.clone(), text.clone())]);
    }

    #[test]
    fn no_tangle_of_tags_panics(parts in prop::collection::vec(prop::sample::select(vec![
        "<Response>", "</Response>", "<Say>", "</Say>", "<Dial ", "<Gather>", "</Gather>", "</Dial>", "<Enqueue ", "/>", ">",
        " a='", "'", "\"", " timeout='9'", "<![CDATA[", "]]>", "<!--", "-->", "<?", "?>", "&amp;", "&", "text", "<Number>",
    ]), 0..30)) {
        let body = parts.concat();
        let _ = Document::parse(&body);
        let _ = Document::parse(&format!("<Response>{body}</Response>"));
    }

    #[test]
    fn a_filled_parameter_is_the_same_text_in_the_document(value in "[ -~\n\täß漢]{0,40}") {
        let template = "<Response><Redirect>{{x}}</Redirect><Dial action=\"{{ x }}\">+15550100001</Dial></Response>";
        let filled = fill(template, &[("x".to_owned(), value.clone())]).unwrap();
        let verbs = Document::parse(&filled).unwrap().document.verbs;
        let Verb::Redirect(redirect) = &verbs[0] else { panic!() };
        prop_assert_eq!(&redirect.url, value.trim());
        let Verb::Dial(dial) = &verbs[1] else { panic!() };
        let action = dial.action.as_ref().map(|hook| hook.url.as_str()).unwrap_or_default();
        prop_assert_eq!(action, value.trim());
    }
}
