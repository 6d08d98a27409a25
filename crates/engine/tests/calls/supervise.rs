//! Who hears whom in the conversation of a task: hold, mute, kick, supervisors, and `dequeue` bridges that become
//! conferences for it (TaskRouter §5.5 supervise, §10.5).

use super::conferences::guest;
use super::day::{Day, Heard, post};
use super::tasks::{talking, waiting};
use base::*;
use engine::call::*;
use engine::routing::command::*;
use engine::routing::effect::{Offer, VoiceOrder};

fn change(day: &mut Day, of: &Offer, party: TalkParty, change: SeatChange) -> Response {
    day.ask(Request::UpdateTalk { reservation: of.reservation, party, change })
}

fn hold(held: bool) -> SeatChange {
    SeatChange { hold: Some(held), ..SeatChange::default() }
}

fn supervise(day: &mut Day, of: &Offer, worker: WorkerSid, mode: SuperviseMode) {
    let order = SuperviseOrder {
        worker: Some(worker),
        to: "sip:kim@pbx.example".to_owned(),
        from: "+15550109999".to_owned(),
        mode,
        timeout: None,
        status_callback: None,
        status_callback_events: Vec::new(),
    };
    day.order(VoiceOrder::Supervise { offer: of.clone(), order });
}

/// A caller, `ana`, and Kim who supervises so.
fn supervised(mode: SuperviseMode) -> (Day, LegId, LegId, LegId, Offer, WorkerSid) {
    let (mut day, caller, ana, offer) = talking();
    let (_, kim) = day.agent("kim", "1003");
    supervise(&mut day, &offer, kim, mode);
    let leg = day.last_invited();
    assert_eq!((day.heard(caller), day.heard(ana)), (Heard::Leg(ana), Heard::Leg(caller)), "while it rings");
    day.answers(leg);
    (day, caller, ana, leg, offer, kim)
}

fn ended(day: &Day) -> usize {
    day.reports().iter().filter(|r| matches!(r, VoiceReport::ConversationEnded { .. })).count()
}

#[test]
fn a_customer_on_hold_hears_music_and_is_not_heard() {
    let (mut day, caller, ana, offer) = talking();
    assert_eq!(change(&mut day, &offer, TalkParty::Customer, hold(true)), Response::Done);
    assert_eq!((day.heard(caller), day.heard(ana)), (Heard::Music, Heard::Silence));
    day.document("http://app/hold", "<Play>http://app/one.mp3</Play>");
    let own = SeatChange { hold_music: Some(post("http://app/hold")), ..hold(true) };
    change(&mut day, &offer, TalkParty::Customer, own);
    assert_eq!(day.heard(caller), Heard::File("http://app/one.mp3".to_owned()));
    day.played_out(caller);
    assert_eq!(
        day.heard(caller),
        Heard::File("http://app/one.mp3".to_owned()),
        "for as long as the hold lasts"
    );
    change(&mut day, &offer, TalkParty::Customer, hold(false));
    assert!(day.talk(caller, ana));
}

#[test]
fn an_agent_mutes_their_own_leg_and_says_what_its_end_means() {
    let (mut day, caller, ana, offer) = talking();
    let muted = SeatChange { muted: Some(true), ends: Some(false), ..SeatChange::default() };
    change(&mut day, &offer, TalkParty::Agent, muted);
    assert!(day.ears[&ana].muted);
    change(&mut day, &offer, TalkParty::Agent, SeatChange { muted: Some(false), ..SeatChange::default() });
    assert!(!day.ears[&ana].muted);
    day.hangs_up(ana);
    assert!(!day.is_gone(caller), "the conference goes on without her");
    assert_eq!(ended(&day), 1);
}

#[test]
fn a_worker_who_came_by_dial_queue_is_held_under_their_own_sid() {
    let (mut day, caller, ana) = waiting();
    let offer = day.offer(ana, caller, "ana");
    let reservation = offer.reservation;
    day.document("http://app/worker", &format!(r#"<Dial><Queue reservationSid="{reservation}"/></Dial>"#));
    let instruction =
        CallInstruction { url: Some("http://app/worker".to_owned()), ..CallInstruction::default() };
    day.order(VoiceOrder::Call { offer: offer.clone(), instruction });
    let agent = day.last_invited();
    day.answers(agent);
    day.order(VoiceOrder::Accepted { offer: offer.clone() });
    assert!(day.talk(caller, agent));
    let worker = TalkParty::Worker(offer.worker);
    assert_eq!(change(&mut day, &offer, worker, hold(true)), Response::Done);
    assert_eq!((day.heard(caller), day.heard(agent)), (Heard::Silence, Heard::Music));
    assert_eq!(change(&mut day, &offer, worker, hold(false)), Response::Done);
    assert!(day.talk(caller, agent));
}

#[test]
fn only_who_is_in_the_conference_can_be_held_or_put_out() {
    let (mut day, .., offer) = talking();
    let stranger = TalkParty::Worker(WorkerSid([9; 16]));
    let refused = change(&mut day, &offer, stranger, hold(true));
    assert!(matches!(refused, Response::Refused { status: 400, code: 20001, .. }), "{refused:?}");
    let nobody = Offer { reservation: ReservationSid([9; 16]), ..offer };
    let refused = change(&mut day, &nobody, TalkParty::Customer, hold(true));
    assert!(matches!(refused, Response::Refused { status: 400, .. }), "{refused:?}");
}

#[test]
fn a_supervisor_who_monitors_hears_both_and_is_heard_by_nobody() {
    let (mut day, caller, ana, kim, offer, worker) = supervised(SuperviseMode::Monitor);
    assert_eq!([caller, ana, kim].map(|leg| day.heard(leg)), [Heard::Mixer, Heard::Mixer, Heard::Mixer]);
    assert!(day.ears[&kim].muted);
    // The same supervisor again, on the leg that is there.
    supervise(&mut day, &offer, worker, SuperviseMode::Barge);
    assert!(!day.ears[&kim].muted && day.ears[&kim].whispers_to.is_none());
    supervise(&mut day, &offer, worker, SuperviseMode::Whisper);
    assert_eq!(day.ears[&kim].whispers_to, Some(ana.0));
    day.hangs_up(kim);
    assert!(day.talk(caller, ana), "the conference goes on without the supervisor");
    assert_eq!(ended(&day), 0);
}

#[test]
fn a_whisper_is_for_the_agent_alone_even_when_nobody_else_is_there() {
    let (mut day, caller, ana, kim, offer, _) = supervised(SuperviseMode::Whisper);
    assert_eq!(day.ears[&kim].whispers_to, Some(ana.0));
    change(&mut day, &offer, TalkParty::Agent, SeatChange { ends: Some(false), ..SeatChange::default() });
    day.hangs_up(ana);
    assert_eq!(day.heard(caller), Heard::Silence, "a whisper is never for the customer");
    assert_eq!(day.heard(kim), Heard::Leg(caller));
    day.hangs_up(caller);
    assert!(day.is_gone(kim), "supervisors alone are no conference");
    day.legs_match_calls();
}

#[test]
fn a_supervisor_can_be_put_out_and_leaves_with_the_last_of_the_others() {
    let (mut day, caller, ana, kim, offer, worker) = supervised(SuperviseMode::Barge);
    let out = SeatChange { leave: true, ..SeatChange::default() };
    change(&mut day, &offer, TalkParty::Worker(worker), out);
    assert!(day.is_gone(kim) && day.talk(caller, ana));
    supervise(&mut day, &offer, worker, SuperviseMode::Monitor);
    let again = day.last_invited();
    day.answers(again);
    day.hangs_up(caller);
    assert!(day.is_gone(ana) && day.is_gone(again));
    assert_eq!(ended(&day), 1);
    let rung = day.invites.len();
    supervise(&mut day, &offer, worker, SuperviseMode::Monitor);
    assert_eq!(day.invites.len(), rung, "nobody rings for a conversation that is over");
    day.legs_match_calls();
}

/// A caller and `ana`, connected by `dequeue`.
fn dequeued() -> (Day, LegId, LegId, Offer) {
    let (mut day, caller, first, ringing) = talking();
    day.hangs_up(first);
    day.hangs_up(caller);
    let caller = day.call();
    let ana = (ringing.workspace, ringing.worker);
    let offer = day.offer(ana, caller, "ana");
    let instruction = DequeueInstruction::default();
    day.order(VoiceOrder::Dequeue { offer: offer.clone(), instruction });
    let agent = day.last_invited();
    day.answers(agent);
    assert!(day.talk(caller, agent));
    assert!(day.conferences().values().all(|c| c.status == "completed"), "a bridge");
    (day, caller, agent, offer)
}

#[test]
fn a_bridge_of_dequeue_becomes_the_tasks_conference_when_its_caller_is_transferred() {
    for cold in [false, true] {
        let (mut day, caller, ana, offer) = dequeued();
        let (reservation, task, call) = (offer.reservation, offer.task, offer.call.unwrap());
        day.order(VoiceOrder::HandOver { reservation, task, call, cold });
        assert_eq!(day.heard(caller), Heard::Music);
        assert_eq!(day.is_gone(ana), cold);
        let told = day.log.iter().rev().find_map(|e| match e {
            Effect::Routing { command, .. } => match &**command {
                Command::UpdateTask { sid, change, .. } if *sid == task => change.merge.clone(),
                _ => None,
            },
            _ => None,
        });
        let conference = &told.expect("the task carries its conference")["conference"];
        assert_eq!(conference["room_name"], task.to_string());
        let bo = day.agent("bo", "1002");
        let second = Offer { task, ..day.offer(bo, caller, "bo") };
        day.order(VoiceOrder::Ring(second.clone()));
        let colleague = day.last_invited();
        day.answers(colleague);
        if cold {
            assert!(day.talk(caller, colleague));
        } else {
            assert_eq!(
                [caller, ana, colleague].map(|leg| day.heard(leg)),
                [Heard::Music, Heard::Mixer, Heard::Mixer]
            );
            // Put out, which is no end of the conference.
            let out = SeatChange { leave: true, ..SeatChange::default() };
            change(&mut day, &second, TalkParty::Worker(offer.worker), out);
            assert!(day.is_gone(ana) && day.talk(caller, colleague));
        }
        day.hangs_up(caller);
        assert!(day.is_gone(colleague));
        day.legs_match_calls();
    }
}

#[test]
fn a_bridge_of_dequeue_can_be_held_and_supervised_and_ends_as_before() {
    let (mut day, caller, ana, offer) = dequeued();
    change(&mut day, &offer, TalkParty::Customer, hold(true));
    assert_eq!((day.heard(caller), day.heard(ana)), (Heard::Music, Heard::Silence));
    change(&mut day, &offer, TalkParty::Customer, hold(false));
    assert!(day.talk(caller, ana));
    day.hangs_up(ana);
    assert_eq!(ended(&day), 2, "of the first conversation of the day, and of this one");
    day.legs_match_calls();
}

#[test]
fn somebody_outside_is_consulted_while_the_caller_is_on_hold_and_stays_with_them_when_the_agent_leaves() {
    let (mut day, caller, agent, offer) = talking();
    change(&mut day, &offer, TalkParty::Customer, hold(true));
    let new = NewParticipant { end_on_exit: false, ..guest("+15557770009") };
    let name = offer.task.to_string();
    day.ask(Request::AddParticipant { conference: name, new: Box::new(new) });
    let outside = day.last_invited();
    let seen = |day: &Day| day.board.talk(offer.reservation).unwrap().others;
    let ringing = seen(&day);
    assert_eq!((ringing.len(), ringing[0].ringing, ringing[0].worker), (1, true, None));
    assert_eq!(ringing[0].number.as_deref(), Some("+15557770009"));
    day.answers(outside);
    assert!(!seen(&day)[0].ringing);
    let heard = |day: &Day| [caller, agent, outside].map(|leg| day.heard(leg));
    assert_eq!(heard(&day), [Heard::Music, Heard::Mixer, Heard::Mixer]);
    let out = SeatChange { leave: true, ..SeatChange::default() };
    change(&mut day, &offer, TalkParty::Agent, out);
    assert!(day.is_gone(agent) && !day.is_gone(caller) && !day.is_gone(outside));
    assert!(day.talk(caller, outside), "they go on without the agent");
    assert_eq!(ended(&day), 1);
    day.hangs_up(outside);
    assert_eq!(day.heard(caller), Heard::Said("survey".to_owned()), "nobody is left waiting for nobody");
}
