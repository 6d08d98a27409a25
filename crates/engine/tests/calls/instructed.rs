//! What the parameters of assignment instructions do (reference: TaskRouter §5.5), and what their failures are called.

use crate::day::*;
use crate::tasks::{Agent, waiting};
use base::*;
use engine::call::*;
use engine::routing::command::*;
use engine::routing::effect::{Offer, VoiceOrder};
use media::control::{RecordSource, Sides};
use sip::port::{Cause, Command, Destination, Event};
use std::time::Duration;

fn conference(change: impl FnOnce(&mut ConferenceInstruction)) -> ConferenceInstruction {
    let mut instruction = ConferenceInstruction {
        from: Some("+15550100042".to_owned()),
        beep: "false".to_owned(),
        beep_on_customer_entrance: false,
        timeout: Some(Duration::from_secs(60)),
        ..ConferenceInstruction::default()
    };
    change(&mut instruction);
    instruction
}

/// A caller whose agent is called as `instruction` says.
fn called(instruction: ConferenceInstruction) -> (Day, LegId, LegId) {
    let (mut day, caller, ana) = waiting();
    let offer = day.offer(ana, caller, "ana");
    day.order(VoiceOrder::Conference { offer, instruction });
    let agent = day.last_invited();
    (day, caller, agent)
}

/// The same, and the agent answers.
fn answered(instruction: ConferenceInstruction) -> (Day, LegId, LegId) {
    let (mut day, caller, agent) = called(instruction);
    day.answers(agent);
    (day, caller, agent)
}

/// An agent who has answered and whose outbound customer is being called.
fn dialing(instruction: ConferenceInstruction) -> (Day, LegId, LegId) {
    let mut day = Day::new();
    day.document("http://app/wait", "<Say>one moment</Say>");
    let ana = day.agent("ana", "1001");
    let offer = outbound(&mut day, ana, "+15550106666");
    day.order(VoiceOrder::Conference { offer, instruction });
    let agent = day.last_invited();
    day.answers(agent);
    let customer = day.last_invited();
    (day, agent, customer)
}

fn outbound(day: &mut Day, ana: Agent, to: &str) -> Offer {
    let mut offer = day.offer_of(ana, None, TaskSid([9; 16]), "ana");
    offer.attributes = offer.attributes.with("outbound_to", to.into());
    offer
}

fn room(day: &Day) -> ConferenceView {
    let live = day.conferences().into_values().find(|c| c.status != "completed").expect("a live conference");
    day.board.conference(live.sid).unwrap()
}

/// What the last report says: code, what was wrong with the number.
fn failure(day: &Day) -> (u32, Option<u32>) {
    match day.reports().last() {
        Some(VoiceReport::Failed { code, dialled, .. }) => (*code, *dialled),
        other => panic!("no failure: {other:?}"),
    }
}

#[test]
fn record_and_recording_channels_record_the_workers_leg() {
    let (mut day, caller, agent) = answered(conference(|i| {
        i.record = true;
        i.record_dual = true;
        i.recording_status_callback = Some("http://app/leg-recorded".to_owned());
        i.recording_status_callback_method = Some("GET".to_owned());
    }));
    let sources: Vec<RecordSource> = day.tapes.values().map(|(source, _)| *source).collect();
    assert_eq!((sources, day.plans[0].sides), (vec![RecordSource::Leg(agent.0)], Sides::Apart));
    day.wait(3.0);
    day.hangs_up(caller);
    day.hangs_up(agent);
    let recordings = day.recordings();
    assert_eq!((recordings.len(), recordings[0].channels), (1, 2));
    assert_eq!(day.told("http://app/leg-recorded")[0]["RecordingStatus"], "completed");
    let method = day.log.iter().find_map(|effect| match effect {
        Effect::Callback { webhook, .. } if webhook.url.ends_with("leg-recorded") => Some(webhook.method),
        _ => None,
    });
    assert_eq!(method, Some(Method::Get));
    let (day, ..) = answered(conference(|_| {}));
    assert!(day.tapes.is_empty(), "nothing is recorded unasked");
}

#[test]
fn dequeue_and_call_record_the_workers_leg_from_its_answer() {
    let (mut day, caller, ana) = waiting();
    let offer = day.offer(ana, caller, "ana");
    let instruction = DequeueInstruction { record: true, ..DequeueInstruction::default() };
    day.order(VoiceOrder::Dequeue { offer, instruction });
    let agent = day.last_invited();
    assert!(day.tapes.is_empty(), "not while it rings");
    day.answers(agent);
    assert!(day.tapes.values().all(|(source, _)| *source == RecordSource::Leg(agent.0)));
    assert_eq!((day.tapes.len(), day.plans[0].sides), (1, Sides::Both));

    let (mut day, caller, ana) = waiting();
    let offer = day.offer(ana, caller, "ana");
    day.document("http://app/worker", "<Pause length=\"60\"/>");
    let url = Some("http://app/worker".to_owned());
    let instruction = CallInstruction { url, record: true, ..CallInstruction::default() };
    day.order(VoiceOrder::Call { offer, instruction });
    let agent = day.last_invited();
    day.answers(agent);
    assert_eq!(
        day.tapes.values().map(|(source, _)| *source).collect::<Vec<_>>(),
        [RecordSource::Leg(agent.0)]
    );
}

#[test]
fn conference_record_and_trim_record_the_conference() {
    for trim in [true, false] {
        let (mut day, caller, agent) = answered(conference(|i| {
            i.conference_record = true;
            i.conference_trim = trim;
            i.conference_recording_status_callback = Some("http://app/room-recorded".to_owned());
        }));
        assert!(matches!(day.tapes.values().next(), Some((RecordSource::Mixer(_), _))), "{:?}", day.tapes);
        assert_eq!(day.plans[0].trim, trim);
        day.wait(2.0);
        day.hangs_up(agent);
        day.hangs_up(caller);
        let told = &day.told("http://app/room-recorded")[0];
        assert_eq!(
            (told["RecordingStatus"].as_str(), told["RecordingSource"].as_str()),
            ("completed", "Conference")
        );
        assert_eq!(told["ConferenceSid"], day.conferences().keys().next().unwrap().to_string());
    }
}

#[test]
fn max_participants_closes_the_conference() {
    for (most, admitted) in [(2, false), (3, true)] {
        let (mut day, ..) = answered(conference(|i| i.max_participants = most));
        let name = room(&day).record.friendly_name;
        day.document("http://app/third", &format!("<Dial><Conference>{name}</Conference></Dial>"));
        let third = day.call_from("+15550107777", NUMBER);
        day.redirect(day.sid(third), &format!("<Dial><Conference beep=\"false\">{name}</Conference></Dial>"));
        assert_eq!(room(&day).participants.len() == 3, admitted);
        assert_eq!(day.notices().contains(&16020), !admitted);
    }
}

#[test]
fn early_media_lets_the_agent_hear_how_the_customer_is_called() {
    let (mut day, agent, customer) = dialing(conference(|_| {}));
    assert_eq!(day.heard(agent), Heard::Ringback);
    day.give(engine::call::Input::Sip(Event::Ringing { leg: customer, early_media: true }));
    assert_eq!(day.heard(agent), Heard::Leg(customer), "what the far end says before it answers");
    day.answers(customer);
    assert!(day.talk(agent, customer));

    let (mut day, agent, customer) = dialing(conference(|i| i.early_media = false));
    day.give(engine::call::Input::Sip(Event::Ringing { leg: customer, early_media: true }));
    assert_eq!(day.heard(agent), Heard::Music);
    day.answers(customer);
    assert!(day.talk(agent, customer));
}

#[test]
fn wait_url_is_heard_by_who_waits_for_the_customer() {
    let waits = |url: &str, method: Option<&str>| {
        conference(|i| {
            i.early_media = false;
            i.wait_url = Some(url.to_owned());
            i.wait_method = method.map(str::to_owned);
        })
    };
    let (mut day, agent, customer) = dialing(waits("http://app/wait", Some("GET")));
    assert_eq!(day.heard(agent), Heard::Said("one moment".to_owned()));
    let asked = day.log.iter().find_map(|effect| match effect {
        Effect::Fetch { webhook, .. } => Some(webhook.method),
        _ => None,
    });
    assert_eq!(asked, Some(Method::Get));
    day.played_out(agent);
    assert_eq!(day.heard(agent), Heard::Music, "after its end");
    day.answers(customer);
    assert!(day.talk(agent, customer));

    let (day, agent, _) = dialing(waits("", None));
    assert_eq!(day.heard(agent), Heard::Silence);

    let (mut day, agent, customer) = dialing(waits("http://app/nowhere", None));
    assert_eq!((day.heard(agent), day.notices()), (Heard::Music, vec![11200]));
    day.answers(customer);
    assert!(day.talk(agent, customer), "a wait document that is not there ends nothing");
}

#[test]
fn credentials_and_the_ringing_time_go_with_the_invitation() {
    let (day, ..) = called(conference(|i| {
        i.sip_auth = Some(("ana".to_owned(), Secret::new("secret".to_owned())));
        i.timeout = Some(Duration::from_secs(33));
    }));
    let Some(Command::Invite { credentials, timeout, .. }) = day.last_sip().into_iter().next_back() else {
        panic!("nobody is called")
    };
    assert_eq!(credentials.unwrap(), ("ana".to_owned(), Secret::new("secret".to_owned())));
    assert_eq!(timeout, Duration::from_secs(33));
}

#[test]
fn beeps_are_heard_at_the_door() {
    // The customer comes to the agent, who waits there.
    let (mut day, caller, agent) = answered(conference(|i| i.beep_on_customer_entrance = true));
    assert_eq!((day.heard(agent), day.heard(caller)), (Heard::Beep, Heard::Leg(agent)));
    day.played_out(agent);
    assert!(day.talk(caller, agent));
    let (day, caller, agent) = answered(conference(|_| {}));
    assert!(day.talk(caller, agent), "no beep unasked");
    // When the agent leaves, whoever stays hears it.
    for (beep, heard) in [("onExit", true), ("true", true), ("onEnter", false), ("false", false)] {
        let (mut day, caller, agent) = answered(conference(|i| i.beep = beep.to_owned()));
        let third = day.call_from("+15550107777", NUMBER);
        let name = room(&day).record.friendly_name;
        let joins = format!("<Dial><Conference beep=\"false\">{name}</Conference></Dial>");
        day.redirect(day.sid(third), &joins);
        let before = day.log.len();
        day.hangs_up(agent);
        let beeps = day.log[before..].iter().any(|effect| match effect {
            Effect::Media(media::control::Command::Announce { prompts, .. }) => {
                prompts[0] == media::control::Prompt::Beep
            }
            Effect::Media(media::control::Command::Play { prompts, .. }) => {
                prompts[0] == media::control::Prompt::Beep
            }
            _ => false,
        });
        assert_eq!(beeps, heard, "{beep}");
        assert!(!day.is_gone(caller));
    }
}

#[test]
fn muted_and_the_rules_of_the_door_are_the_workers() {
    let (day, caller, agent) = answered(conference(|i| {
        i.muted = true;
        i.start_conference_on_enter = false;
        i.end_conference_on_exit = true;
    }));
    let seats = room(&day).participants;
    let of = |leg: LegId| seats.iter().find(|seat| seat.call == day.sid(leg)).unwrap();
    let rules = |leg| (of(leg).muted, of(leg).start_on_enter, of(leg).end_on_exit);
    assert_eq!((rules(agent), rules(caller)), ((true, false, true), (false, true, false)));
    assert!(day.ears[&agent].muted);
}

#[test]
fn the_conference_tells_of_the_events_that_were_asked_for() {
    let (mut day, caller, agent) = answered(conference(|i| {
        i.conference_status_callback = Some("http://app/room".to_owned());
        i.conference_status_callback_method = Some("GET".to_owned());
        i.conference_status_callback_events = ["join", "leave", "end"].map(str::to_owned).to_vec();
    }));
    day.hangs_up(caller);
    day.hangs_up(agent);
    let told = day.told("http://app/room");
    let names: Vec<_> = told.iter().map(|p| p["StatusCallbackEvent"].as_str()).collect();
    let (join, leave) = ("participant-join", "participant-leave");
    assert_eq!(names, [join, join, leave, leave, "conference-end"]);
    let methods = day.log.iter().filter_map(|effect| match effect {
        Effect::Callback { webhook, .. } if webhook.url == "http://app/room" => Some(webhook.method),
        _ => None,
    });
    assert!(methods.into_iter().all(|method| method == Method::Get));
}

#[test]
fn a_transcription_without_a_provider_is_a_notice() {
    let (day, ..) = answered(conference(|i| i.transcribe = true));
    assert_eq!(day.notices(), [12200]);
}

#[test]
fn the_leg_tells_of_every_event_that_a_dequeue_asks_for() {
    let (mut day, caller, ana) = waiting();
    let offer = day.offer(ana, caller, "ana");
    let events = ["initiated", "ringing", "answered", "completed"].map(str::to_owned).to_vec();
    let instruction = DequeueInstruction {
        to: Some("+15550107777".to_owned()),
        from: Some("+15550100042".to_owned()),
        timeout: Some(Duration::from_secs(20)),
        status_callback_url: Some("http://app/dequeue".to_owned()),
        status_callback_events: events,
        ..DequeueInstruction::default()
    };
    day.order(VoiceOrder::Dequeue { offer, instruction });
    let (agent, _, to, from) = day.invites[0].clone();
    assert_eq!((to, from.as_str()), (Destination::Trunk("+15550107777".to_owned()), "+15550100042"));
    day.rings(agent);
    day.answers(agent);
    day.hangs_up(agent);
    let told: Vec<_> = day.told("http://app/dequeue").iter().map(|p| p["CallStatus"].clone()).collect();
    assert_eq!(told, ["initiated", "ringing", "in-progress", "completed"]);
    assert!(day.told("http://app/dequeue").iter().all(|p| p["taskCallSid"] == day.sid(caller).to_string()));
}

/// 40145, 40133 and 40113, and why the number could not be called: 13223 for one that nobody has, 21215 for one that
/// may not be called.
#[test]
fn a_dial_that_fails_has_its_codes() {
    let (dequeue, call) = (DequeueInstruction::default(), CallInstruction::default());
    for (status, dialled) in [
        (404, Some(13223)),
        (410, Some(13223)),
        (484, Some(13223)),
        (604, Some(13223)),
        (403, Some(21215)),
        (503, None),
    ] {
        for code in [40145, 40133, 40113] {
            let (mut day, caller, ana) = waiting();
            let offer = day.offer(ana, caller, "ana");
            day.order(match code {
                40145 => VoiceOrder::Conference { offer, instruction: conference(|_| {}) },
                40133 => VoiceOrder::Dequeue { offer, instruction: dequeue.clone() },
                _ => VoiceOrder::Call { offer, instruction: call.clone() },
            });
            day.fails(day.last_invited(), status);
            assert_eq!(failure(&day), (code, dialled), "{status}");
            assert_eq!(day.heard(caller), Heard::Said("please wait".to_owned()));
        }
        let (mut day, agent, customer) = dialing(conference(|_| {}));
        day.fails(customer, status);
        assert_eq!(failure(&day), (40145, dialled), "{status}");
        assert!(day.is_gone(agent));
    }
    for cause in [Cause::NoAnswer, Cause::Busy] {
        let (mut day, _, customer) = dialing(conference(|_| {}));
        day.goes(customer, cause);
        assert_eq!(failure(&day), (40145, None));
    }
}

#[test]
fn what_is_no_number_is_13223_at_once() {
    let (mut day, caller, ana) = waiting();
    let offer = day.offer(ana, caller, "ana");
    let instruction = conference(|i| i.to = Some("my mother".to_owned()));
    day.order(VoiceOrder::Conference { offer, instruction });
    assert_eq!((failure(&day), day.invites.len()), ((40145, Some(13223)), 0));

    let mut day = Day::new();
    let ana = day.agent("ana", "1001");
    let offer = outbound(&mut day, ana, "nobody");
    day.order(VoiceOrder::Conference { offer, instruction: conference(|_| {}) });
    let agent = day.last_invited();
    day.answers(agent);
    assert_eq!(failure(&day), (40145, Some(13223)));
    assert!(day.is_gone(agent));
}

#[test]
fn a_bare_name_in_a_call_instruction_is_a_client() {
    for (to, meant) in [
        ("joey", Destination::Client("joey".to_owned())),
        ("client:joey", Destination::Client("joey".to_owned())),
        ("sip:joey@pbx.example", Destination::Phone("joey".to_owned())),
        ("+15550107777", Destination::Trunk("+15550107777".to_owned())),
    ] {
        let (mut day, caller, ana) = waiting();
        let offer = day.offer(ana, caller, "ana");
        let instruction = CallInstruction { to: Some(to.to_owned()), ..CallInstruction::default() };
        day.order(VoiceOrder::Call { offer, instruction });
        assert_eq!(day.invites[0].2, meant, "{to}");
    }
}

#[test]
fn a_redirect_of_a_call_that_is_not_there_is_40122() {
    let (mut day, caller, ana) = waiting();
    let offer = day.offer(ana, caller, "ana");
    let instruction = RedirectInstruction {
        call: Some(CallSid([1; 16]).to_string()),
        url: Some("http://app/elsewhere".to_owned()),
        accept: true,
    };
    day.order(VoiceOrder::Redirect { offer, instruction });
    assert_eq!(failure(&day), (40122, None));
    assert_eq!(day.heard(caller), Heard::Said("please wait".to_owned()));
}

/// Reference §8.5: what the Sync map `{TaskSid}.CS` shows.
#[test]
fn a_task_shows_who_is_in_its_conference() {
    let (mut day, caller, ana) = waiting();
    let offer = day.offer(ana, caller, "ana");
    let (task, reservation) = (offer.task, offer.reservation);
    day.order(VoiceOrder::Conference { offer, instruction: conference(|_| {}) });
    let agent = day.last_invited();
    day.answers(agent);
    let (agent_call, caller_call) = (day.sid(agent), day.sid(caller));
    let mut seen = 0;
    let mut shown = |day: &Day| -> Vec<TaskParticipant> {
        let all = day.log.iter().filter_map(|effect| match effect {
            Effect::Record(Record::TaskParticipant(participant)) => Some((**participant).clone()),
            _ => None,
        });
        let new: Vec<_> = all.skip(seen).collect();
        seen += new.len();
        new
    };
    let joined = shown(&day);
    let of = |call| joined.iter().find(|p| p.call == call).unwrap();
    assert_eq!(joined.len(), 2, "{joined:?}");
    assert!(joined.iter().all(|p| p.joined && p.task == task && p.workspace == ana.0));
    let who = (of(agent_call).participant_type, of(agent_call).worker, of(agent_call).reservation);
    assert_eq!(who, (ParticipantType::Worker, Some(ana.1), Some(reservation)));
    assert_eq!((of(caller_call).participant_type, of(caller_call).worker), (ParticipantType::Customer, None));
    let change = SeatChange { hold: Some(true), ..SeatChange::default() };
    day.ask(Request::UpdateTalk { reservation, party: TalkParty::Customer, change });
    let held = shown(&day);
    assert!(matches!(&held[..], [p] if p.call == caller_call && p.hold), "{held:?}");
    let third = day.call_from("+15550107777", NUMBER);
    let third_call = day.sid(third);
    day.redirect(third_call, &format!("<Dial><Conference beep=\"false\">{task}</Conference></Dial>"));
    let other = shown(&day);
    let kind = ParticipantType::Unknown;
    assert!(matches!(&other[..], [p] if p.call == third_call && p.participant_type == kind), "{other:?}");
    day.hangs_up(third);
    let left = shown(&day);
    assert!(matches!(&left[..], [p] if p.call == third_call && !p.joined), "{left:?}");
    day.hangs_up(agent);
    day.hangs_up(caller);
    let left: Vec<_> = shown(&day).iter().filter(|p| !p.joined).map(|p| p.call).collect();
    assert!(left.contains(&agent_call) && left.contains(&caller_call), "{left:?}");
}

/// Every notification about a document says what was asked, and how.
#[test]
fn a_notification_names_the_request_that_it_is_about() {
    let asked = |url: &str| Some(post(url));
    let mut day = Day::new();
    day.call();
    assert_eq!(day.noticed(), [(11200, asked("http://app/voice"))], "never had");

    let mut day =
        Day::that_runs("<Dance/><Play>relative.mp3</Play><Redirect method=\"GET\">/next</Redirect>");
    let caller = day.call();
    assert!(
        day.noticed().iter().all(|(_, request)| *request == asked("http://app/voice")),
        "{:?}",
        day.noticed()
    );
    assert!(!day.noticed().is_empty(), "an unknown verb is told of");
    day.played_out(caller);
    let next = Webhook { url: "http://app/next".to_owned(), method: Method::Get };
    assert_eq!(day.noticed().last(), Some(&(11200, Some(next))));

    let (mut day, caller, _) = waiting();
    day.app.remove("http://app/wait");
    day.played_out(caller);
    assert_eq!(day.noticed(), [(11200, asked("http://app/wait"))], "beside the call's own document");
}
