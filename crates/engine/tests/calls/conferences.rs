//! Conferences over the API: participants called, held, muted, coached, announced to and sent away.

use crate::day::*;
use base::*;
use engine::call::*;
use sip::port::Cause;
use std::collections::BTreeMap;

const ROOM: &str = r#"<Dial action="/after"><Conference beep="false" statusCallback="/room" statusCallbackEvent="start end join leave mute hold modify speaker announcement">room</Conference></Dial>"#;

fn day() -> Day {
    let mut day = Day::that_runs(ROOM);
    day.document("http://app/after", "<Say>after</Say>");
    day
}

/// The live conference called `room`.
fn room(day: &Day) -> ConferenceSid {
    let live =
        day.conferences().into_values().filter(|c| c.friendly_name == "room" && c.status != "completed");
    live.map(|c| c.sid).next().expect("a live conference")
}

fn change(day: &mut Day, who: &str, change: ParticipantChange) -> Response {
    let conference = room(day);
    day.ask(Request::UpdateParticipant { conference, participant: who.to_owned(), change })
}

fn shown(response: Response) -> ParticipantView {
    match response {
        Response::Participant(view) => *view,
        other => panic!("no participant: {other:?}"),
    }
}

fn code(response: Response) -> u32 {
    match response {
        Response::Refused { code, .. } => code,
        other => panic!("not refused: {other:?}"),
    }
}

fn events(day: &Day) -> Vec<BTreeMap<String, String>> {
    day.told("http://app/room")
}

fn names(day: &Day) -> Vec<String> {
    events(day).iter().map(|e| e["StatusCallbackEvent"].clone()).collect()
}

fn call_to(number: &str) -> NewCall {
    NewCall {
        to: number.to_owned(),
        from: NUMBER.to_owned(),
        program: Program::Inline(String::new()),
        fallback: None,
        status_callback: None,
        send_digits: None,
        timeout: std::time::Duration::from_secs(60),
        time_limit: None,
        sip_credentials: None,
        record: None,
        machine: None,
    }
}

pub fn guest(number: &str) -> NewParticipant {
    NewParticipant {
        call: call_to(number),
        label: None,
        muted: false,
        beep: "false".to_owned(),
        start_on_enter: true,
        end_on_exit: false,
        wait: None,
        early_media: false,
        coach: None,
        seats_max: 250,
        conference_callback: None,
        conference_record: None,
    }
}

fn add(day: &mut Day, conference: &str, new: NewParticipant) -> Response {
    day.ask(Request::AddParticipant { conference: conference.to_owned(), new: Box::new(new) })
}

#[test]
fn somebody_is_called_into_a_conference_and_joins_when_they_answer() {
    let mut day = day();
    let caller = day.call();
    let view =
        shown(add(&mut day, "room", NewParticipant { label: Some("guest".into()), ..guest("+15557770001") }));
    assert_eq!((view.conference, view.status), (room(&day), "queued"));
    let leg = day.last_invited();
    day.rings(leg);
    assert_eq!(day.board.conference(room(&day)).unwrap().participants[1].status, "ringing");
    assert_eq!(day.heard(caller), Heard::Music, "nobody to talk to yet");
    day.answers(leg);
    assert_eq!(day.heard(caller), Heard::Mixer);
    assert_eq!(day.record(view.call).direction, CallDirection::OutboundApi);
    assert_eq!(names(&day), ["participant-join", "participant-join", "conference-start"]);
    assert_eq!(events(&day)[1]["ParticipantLabel"], "guest");
    assert_eq!(
        code(add(&mut day, "room", NewParticipant { label: Some("guest".into()), ..guest("+15557770002") })),
        16025
    );
    day.hangs_up(caller);
    assert_eq!(names(&day)[3..], ["participant-leave"]);
    day.hangs_up(leg);
    assert_eq!(events(&day).last().unwrap()["ReasonConferenceEnded"], "last-participant-left");
    day.legs_match_calls();
}

#[test]
fn who_waits_alone_hears_a_guest_ring() {
    let mut day = day();
    let caller = day.call();
    shown(add(&mut day, "room", NewParticipant { early_media: true, ..guest("+15557770001") }));
    let leg = day.last_invited();
    assert_eq!(day.heard(caller), Heard::Music);
    day.rings(leg);
    assert_eq!(day.heard(caller), Heard::Ringback);
    // What the network says in place of ringing.
    day.give(Input::Sip(sip::port::Event::Ringing { leg, early_media: true }));
    assert_eq!(day.heard(caller), Heard::Leg(leg));
    day.goes(leg, Cause::Busy);
    assert_eq!(day.heard(caller), Heard::Music);
    shown(add(&mut day, "room", NewParticipant { early_media: true, ..guest("+15557770002") }));
    let leg = day.last_invited();
    day.rings(leg);
    day.answers(leg);
    assert_eq!(day.heard(caller), Heard::Mixer);
    day.legs_match_calls();
}

#[test]
fn somebody_who_does_not_come_is_told_of_and_an_empty_conference_ends() {
    let mut day = Day::new();
    let callback = StatusCallback {
        webhook: post("http://app/room"),
        events: vec!["join".into(), "leave".into(), "end".into()],
    };
    let new = NewParticipant { conference_callback: Some(callback), ..guest("+15557770001") };
    let view = shown(add(&mut day, "room", new));
    let leg = day.last_invited();
    day.goes(leg, Cause::Busy);
    assert_eq!(names(&day), ["participant-leave", "conference-end"]);
    let left = &events(&day)[0];
    assert_eq!(left["ReasonParticipantLeft"], "participant_add_failed");
    assert_eq!(left["ParticipantCallStatus"], "busy");
    assert_eq!(left["CallSid"], view.call.to_string());
    assert!(day.conferences().values().all(|c| c.status == "completed"));
    assert_eq!(code(add(&mut day, "CF00000000000000000000000000000009", guest("+15557770001"))), 20404);
}

#[test]
fn a_held_participant_hears_the_hold_document_over_and_over() {
    let mut day = day();
    day.document("http://app/hold", "<Say>still there</Say>");
    let [a, b] = [(); 2].map(|()| day.call());
    let who = day.sid(a).to_string();
    let hold = ParticipantChange {
        hold: Some(true),
        hold_wait: Some(post("http://app/hold")),
        ..Default::default()
    };
    assert!(shown(change(&mut day, &who, hold)).hold);
    assert_eq!(day.heard(a), Heard::Said("still there".into()));
    assert_eq!(day.heard(b), Heard::Mixer, "alone in it");
    for _ in 0..3 {
        day.played_out(a);
        assert_eq!(day.heard(a), Heard::Said("still there".into()));
    }
    let resume = ParticipantChange { hold: Some(false), ..Default::default() };
    assert!(!shown(change(&mut day, &who, resume)).hold);
    assert_eq!(day.heard(a), Heard::Mixer);
    let mute = ParticipantChange { muted: Some(true), ..Default::default() };
    assert!(shown(change(&mut day, &who, mute)).muted && day.ears[&a].muted);
    let music = ParticipantChange { hold: Some(true), ..Default::default() };
    change(&mut day, &who, music);
    assert_eq!(day.heard(a), Heard::Music);
    assert_eq!(
        names(&day)[3..],
        ["participant-hold", "participant-unhold", "participant-mute", "participant-hold"]
    );
    assert_eq!((events(&day)[3]["Hold"].as_str(), events(&day)[5]["Muted"].as_str()), ("true", "true"));
}

#[test]
fn a_coach_is_heard_by_one_and_by_nobody_once_that_one_has_gone() {
    let mut day = day();
    let [a, b, c] = [(); 3].map(|()| day.call());
    let (coach, coached) = (day.sid(c).to_string(), day.sid(a));
    let start = ParticipantChange { coach: Some(Some(coached)), ..Default::default() };
    assert!(shown(change(&mut day, &coach, start)).coaching);
    assert_eq!(day.ears[&c].whispers_to, Some(a.0));
    let event = events(&day).pop().unwrap();
    assert_eq!(
        (event["StatusCallbackEvent"].as_str(), event["Coaching"].as_str()),
        ("participant-modify", "true")
    );
    let stranger = ParticipantChange { coach: Some(Some(CallSid([9; 16]))), ..Default::default() };
    assert_eq!(code(change(&mut day, &coach, stranger)), 16028);
    day.hangs_up(a);
    assert_eq!(day.ears[&c].whispers_to, Some(c.0), "heard by nobody else");
    let end = ParticipantChange { coach: Some(None), ..Default::default() };
    assert!(!shown(change(&mut day, &coach, end)).coaching);
    assert!(day.ears[&c].whispers_to.is_none() && day.ears[&c].watched);
    assert_eq!(day.heard(b), Heard::Mixer, "who speaks is asked for, so all of it is heard");
}

// covers: twiml Conference.coach
#[test]
fn a_coach_by_document_needs_somebody_to_coach() {
    let mut day = Day::that_runs(&format!(
        r#"<Dial action="/after"><Conference coach="{}">room</Conference></Dial>"#,
        CallSid([9; 16])
    ));
    day.document("http://app/after", "<Say>after</Say>");
    let caller = day.call();
    assert_eq!(day.heard(caller), Heard::Said("after".into()));
    assert!(day.notices().contains(&13240));
    assert_eq!(day.fetched("http://app/after")[0]["DialCallStatus"], "failed");
}

#[test]
fn a_kicked_participant_goes_on_and_the_last_one_ends_the_conference() {
    let mut day = day();
    let [a, b] = [(); 2].map(|()| day.call());
    let conference = room(&day);
    let kick = |day: &mut Day, leg| {
        let participant = day.sid(leg).to_string();
        day.ask(Request::RemoveParticipant { conference, participant })
    };
    assert_eq!(kick(&mut day, a), Response::Done);
    assert_eq!(day.heard(a), Heard::Said("after".into()));
    assert_eq!(events(&day).last().unwrap()["ReasonParticipantLeft"], "participant_updated_via_api");
    assert_eq!(kick(&mut day, b), Response::Done);
    assert_eq!(events(&day).last().unwrap()["ReasonConferenceEnded"], "last-participant-kicked");
    assert_eq!(code(kick(&mut day, b)), 20404);
}

#[test]
fn a_conference_is_ended_and_everybody_goes_on() {
    let mut day = day();
    let [a, b] = [(); 2].map(|()| day.call());
    let invited = shown(add(&mut day, "room", guest("+15557770001")));
    let conference = room(&day);
    let end = ConferenceChange { end: true, announce: None };
    let Response::Conference(record) = day.ask(Request::UpdateConference { conference, change: end }) else {
        panic!("no conference")
    };
    assert_eq!(record.status, "completed");
    assert_eq!([a, b].map(|l| day.heard(l)), [Heard::Said("after".into()), Heard::Said("after".into())]);
    assert_eq!(day.status(invited.call), CallStatus::Canceled);
    let last = events(&day).pop().unwrap();
    assert_eq!(last["ReasonConferenceEnded"], "conference-ended-via-api");
    assert!(!last.contains_key("CallSidEndingConference"));
    assert_eq!(events(&day)[3]["ReasonParticipantLeft"], "conference_ended_via_api");
    day.legs_match_calls();
}

#[test]
fn everybody_hears_an_announcement_and_one_alone_hears_theirs() {
    let mut day = day();
    day.document("http://app/news", "<Say>news</Say><Pause/><Redirect>/more</Redirect>");
    day.document("http://app/more", "<Say>more news</Say>");
    day.document("http://app/bad", "<Gather/>");
    let [a, b] = [(); 2].map(|()| day.call());
    let conference = room(&day);
    let announce = |url: &str| ConferenceChange { end: false, announce: Some(post(url)) };
    day.ask(Request::UpdateConference { conference, change: announce("http://app/news") });
    let told = events(&day).pop().unwrap();
    assert_eq!(
        (told["StatusCallbackEvent"].as_str(), told["AnnounceUrl"].as_str()),
        ("announcement-end", "http://app/news")
    );
    assert_eq!(day.fetched("http://app/more").len(), 1);
    day.ask(Request::UpdateConference { conference, change: announce("http://app/bad") });
    let told = events(&day).pop().unwrap();
    assert_eq!(told["StatusCallbackEvent"], "announcement-fail");
    assert!(told["ReasonAnnouncementFailed"].contains("13238"));
    let who = day.sid(a).to_string();
    let alone = ParticipantChange { announce: Some(post("http://app/more")), ..Default::default() };
    shown(change(&mut day, &who, alone));
    assert_eq!(day.heard(a), Heard::Said("more news".into()));
    assert_eq!(day.heard(b), Heard::Mixer);
    day.played_out(a);
    assert_eq!(day.heard(a), Heard::Mixer);
    assert_eq!(events(&day).pop().unwrap()["CallSid"], who);
}
