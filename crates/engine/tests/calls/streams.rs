//! Applications that hear calls, and speak in them (reference: voice §2.8).

use crate::day::*;
use engine::call::*;
use twiml::StreamTrack;

/// The last stream that was opened.
fn opened(day: &Day) -> StreamPlan {
    let plan = day.streams.iter().rev().find_map(|order| match order {
        StreamOrder::Open(plan) => Some(plan.as_ref().clone()),
        _ => None,
    });
    plan.unwrap()
}

fn is_closed(day: &Day, stream: base::StreamSid) -> bool {
    day.streams.contains(&StreamOrder::Close { stream })
}

/// What a status callback said, event by event.
fn events(day: &Day, url: &str) -> Vec<String> {
    day.told(url).iter().map(|told| told["StreamEvent"].clone()).collect()
}

// covers: twiml Start Stop Stream.url Stream.name Stream.track Parameter.name Parameter.value
#[test]
fn a_call_goes_on_while_an_application_listens() {
    let mut day = Day::that_runs(
        "<Start><Stream name='ai' url='wss://ai.example/s' track='both_tracks' statusCallback='http://app/s'>\
         <Parameter name='k' value='v'/></Stream></Start><Say>hello</Say><Stop><Stream name='ai'/></Stop><Say>x</Say>",
    );
    let caller = day.call();
    let plan = opened(&day);
    assert_eq!((plan.url.as_str(), plan.track, plan.voice), ("wss://ai.example/s", StreamTrack::Both, None));
    assert_eq!((plan.parameters, plan.leg), (vec![("k".to_owned(), "v".to_owned())], caller));
    assert_eq!(day.told("http://app/s").len(), 0, "the application has not answered yet");
    day.give(Input::Stream(StreamEvent::Started { stream: plan.stream }));
    day.presses(caller, "5");
    assert!(day.streams.contains(&StreamOrder::Digit { stream: plan.stream, digit: '5' }));
    assert!(!is_closed(&day, plan.stream));
    day.played_out(caller);
    assert!(is_closed(&day, plan.stream));
    assert_eq!(events(&day, "http://app/s"), ["stream-started", "stream-stopped"]);
    let told = &day.told("http://app/s")[0];
    assert_eq!((told["StreamName"].as_str(), told["StreamSid"].parse()), ("ai", Ok(plan.stream)));
    day.hangs_up(caller);
    day.legs_match_calls();
}

#[test]
fn a_stream_ends_with_its_call() {
    let mut day = Day::that_runs("<Start><Stream url='wss://ai.example/s'/></Start><Say loop='0'>x</Say>");
    let caller = day.call();
    let stream = opened(&day).stream;
    assert_eq!(opened(&day).track, StreamTrack::Inbound);
    day.hangs_up(caller);
    assert!(is_closed(&day, stream));
}

#[test]
fn a_connected_caller_talks_with_the_application_until_it_goes() {
    let verbs = "<Connect action='/then'><Stream url='wss://ai.example/s'/></Connect><Say>never</Say>";
    let mut day = Day::that_runs(verbs);
    day.document("http://app/then", "<Say>bye</Say>");
    let caller = day.call();
    let plan = opened(&day);
    assert_eq!(day.heard(caller), Heard::Leg(plan.voice.unwrap()));
    day.give(Input::Stream(StreamEvent::Started { stream: plan.stream }));
    assert!(!day.is_gone(caller));
    day.give(Input::Stream(StreamEvent::Ended { stream: plan.stream, error: None }));
    assert_eq!(day.fetched("http://app/then").len(), 1);
    assert!(day.notices().is_empty());
    day.played_out(caller);
    assert!(day.is_gone(caller));
    day.legs_match_calls();
}

#[test]
fn an_application_that_cannot_be_had_is_told_of_and_the_call_goes_on() {
    let mut day = Day::that_runs(
        "<Connect><Stream url='wss://ai.example/s' statusCallback='http://app/s'/></Connect><Say>sorry</Say>",
    );
    let caller = day.call();
    let stream = opened(&day).stream;
    let error = Some(FetchError { code: 31920, message: "the application answered 404".to_owned() });
    day.give(Input::Stream(StreamEvent::Ended { stream, error }));
    assert_eq!(day.notices(), [31920]);
    assert_eq!(events(&day, "http://app/s"), ["stream-error"]);
    assert_eq!(day.told("http://app/s")[0]["StreamError"], "the application answered 404");
    assert_eq!(day.heard(caller), Heard::Said("sorry".to_owned()));
}

#[test]
fn a_redirected_call_leaves_its_application() {
    let mut day = Day::that_runs("<Connect><Stream url='wss://ai.example/s'/></Connect>");
    let caller = day.call();
    let stream = opened(&day).stream;
    let sid = day.sid(caller);
    day.redirect(sid, "<Say>elsewhere</Say>");
    assert!(is_closed(&day, stream));
    // What it says afterwards is too late.
    day.give(Input::Stream(StreamEvent::Ended { stream, error: None }));
    assert!(!day.is_gone(caller));
}

#[test]
fn streams_are_started_and_stopped_over_the_api() {
    let mut day = Day::that_runs("<Say loop='0'>x</Say>");
    let caller = day.call();
    let call = day.sid(caller);
    let new = |name: &str, url: &str| NewStream {
        url: url.to_owned(),
        name: Some(name.to_owned()),
        track: StreamTrack::Inbound,
        callback: None,
        parameters: Vec::new(),
    };
    let start =
        |day: &mut Day, name: &str, url: &str| day.ask(Request::StartStream { call, new: new(name, url) });
    let Response::Stream(view) = start(&mut day, "a", "wss://ai.example/s") else { panic!() };
    assert!(view.live);
    let code = |response: Response| match response {
        Response::Refused { code, .. } => code,
        other => panic!("{other:?}"),
    };
    assert_eq!(code(start(&mut day, "a", "wss://ai.example/s")), 12400, "the name is taken");
    assert_eq!(code(start(&mut day, "b", "https://ai.example/s")), 31922);
    assert_eq!(code(start(&mut day, "b", "ai.example")), 31923);
    for name in ["b", "c", "d"] {
        assert!(matches!(start(&mut day, name, "wss://ai.example/s"), Response::Stream(_)));
    }
    assert_eq!(code(start(&mut day, "e", "wss://ai.example/s")), 12400, "four are enough");
    let stop = |day: &mut Day, stream: &str| day.ask(Request::StopStream { call, stream: stream.to_owned() });
    let Response::Stream(stopped) = stop(&mut day, &view.sid.to_string()) else { panic!() };
    assert_eq!((stopped.sid, stopped.live, stopped.name.as_deref()), (view.sid, false, Some("a")));
    assert!(matches!(stop(&mut day, "b"), Response::Stream(_)));
    assert_eq!(code(stop(&mut day, "b")), 20404);
    day.hangs_up(caller);
    assert_eq!(code(start(&mut day, "f", "wss://ai.example/s")), 21220);
}
