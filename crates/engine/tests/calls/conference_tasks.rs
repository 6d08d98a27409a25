//! The TaskRouter attributes of `<Conference>`, and what goes wrong with them (reference: TaskRouter §5.6).

use crate::day::*;
use base::*;
use engine::call::*;
use engine::routing::command::*;
use engine::routing::effect::{Offer, VoiceOrder};
use std::collections::VecDeque;

const WORKFLOW: WorkflowSid = WorkflowSid([5; 16]);

/// A caller who waits in `hall` with a task, and the offer of it.
fn waiting() -> (Day, LegId, Offer) {
    let mut day = Day::that_runs(&format!(
        r#"<Dial action="/after"><Conference beep="false" workflowSid="{WORKFLOW}">hall<Task priority="7" timeout="60">{{"vip":true}}</Task></Conference></Dial>"#
    ));
    day.document("http://app/after", "<Say>after</Say>");
    let ana = day.agent("ana", "1001");
    let caller = day.call();
    let offer = day.offer(ana, caller, "ana");
    (day, caller, offer)
}

/// An agent whose document accepts the offer's reservation.
fn accepting(day: &mut Day, offer: &Offer, more: &str) -> LegId {
    let reservation = offer.reservation;
    let verbs = format!(
        r#"<Dial action="/worked"><Conference beep="false" reservationSid="{reservation}" {more}>hall</Conference></Dial>"#
    );
    day.document("http://app/worker", &verbs);
    day.document("http://app/worked", "<Say>worked</Say>");
    let url = Some("http://app/worker".to_owned());
    let instruction = CallInstruction { url, ..CallInstruction::default() };
    day.order(VoiceOrder::Call { offer: offer.clone(), instruction });
    let agent = day.last_invited();
    day.answers(agent);
    agent
}

fn left(day: &Day) -> Vec<CallEnd> {
    let told = day.asked().into_iter().filter_map(|command| match command {
        Command::Voice(VoiceReport::CallEnded { cause, .. }) => Some(cause),
        _ => None,
    });
    told.collect()
}

// covers: twiml Conference.workflowSid
#[test]
fn a_task_is_made_for_whoever_waits_in_a_conference_and_ends_when_they_leave() {
    let (mut day, caller, _) = waiting();
    let made = &day.tasks_made()[0];
    assert_eq!((made.workflow, made.priority, made.timeout.as_secs()), (Some(WORKFLOW), 7, 60));
    assert_eq!(made.attributes.map()["vip"], true);
    assert_eq!(made.attributes.map()["call_sid"], day.sid(caller).to_string());
    assert_eq!((day.heard(caller), left(&day)), (Heard::Music, vec![]));
    day.hangs_up(caller);
    assert_eq!(left(&day), [CallEnd::Hangup]);
    let (mut day, caller, _) = waiting();
    let call = day.sid(caller);
    day.redirect(call, "<Say>elsewhere</Say>");
    assert_eq!(left(&day), [CallEnd::Redirected]);
}

// covers: twiml Conference.reservationSid Conference.postWorkActivitySid
#[test]
fn a_reservation_is_accepted_by_coming_to_the_conference() {
    let (mut day, caller, offer) = waiting();
    let activity = ActivitySid([8; 16]);
    let agent = accepting(&mut day, &offer, &format!("postWorkActivitySid=\"{activity}\""));
    let accepts =
        |c: &Command| matches!(c, Command::UpdateReservation { sid, .. } if *sid == offer.reservation);
    assert!(day.asked().iter().any(accepts));
    assert_eq!(day.heard(caller), Heard::Music, "not before it is accepted");
    day.order(VoiceOrder::Accepted { offer: offer.clone() });
    assert!(day.talk(caller, agent));
    day.hangs_up(agent);
    let Some(VoiceReport::ConversationEnded { reservation, post_work_activity }) = day.reports().pop() else {
        panic!("{:?}", day.reports())
    };
    assert_eq!(reservation, offer.reservation);
    assert_eq!(post_work_activity, Some(PostWork { activity, code: 14239 }));
    day.hangs_up(caller);
    assert_eq!(left(&day), [], "the task is settled once");
}

#[test]
fn a_conference_instruction_takes_the_caller_who_waits_in_a_conference() {
    let (mut day, caller, offer) = waiting();
    let instruction = ConferenceInstruction {
        from: Some(NUMBER.to_owned()),
        beep: "false".to_owned(),
        beep_on_customer_entrance: false,
        ..Default::default()
    };
    day.order(VoiceOrder::Conference { offer, instruction });
    let agent = day.last_invited();
    day.answers(agent);
    assert!(day.talk(caller, agent));
    assert_eq!(left(&day), [], "the task lives on");
}

/// 14230: no such workflow. 14234: the task was not made.
#[test]
fn a_task_that_cannot_be_made_is_an_error_and_the_call_goes_on() {
    for (refused, code) in [(20404, 14230), (20001, 14234)] {
        let mut day = Day::that_runs(&format!(
            r#"<Dial action="/after"><Conference workflowSid="{WORKFLOW}">hall</Conference></Dial>"#
        ));
        day.document("http://app/after", "<Say>after</Say>");
        day.hold_routing = true;
        let caller = day.call();
        refuse(&mut day, refused);
        assert_eq!(day.notices(), [code]);
        assert_eq!(day.heard(caller), Heard::Said("after".to_owned()));
        assert_eq!(day.fetched("http://app/after")[0]["DialCallStatus"], "failed");
    }
}

/// What routing was asked last is refused.
fn refuse(day: &mut Day, code: u32) {
    let Some(Input::Routed { request, .. }) = day.held.pop_back() else { panic!("{:?}", day.held) };
    day.held = VecDeque::new();
    let refusal = RoutingRefusal { code, message: "no".to_owned() };
    day.give(Input::Routed { request, outcome: Err(refusal) });
}

/// 14235: the task of somebody who has left could not be canceled.
#[test]
fn a_task_that_cannot_be_cleaned_up_is_an_error() {
    let (mut day, caller, _) = waiting();
    day.hold_routing = true;
    day.hangs_up(caller);
    refuse(&mut day, 20404);
    assert_eq!(day.notices(), [14235]);
}

#[test]
fn a_task_that_is_made_too_late_is_ended() {
    let mut day =
        Day::that_runs(&format!(r#"<Dial><Conference workflowSid="{WORKFLOW}">hall</Conference></Dial>"#));
    day.hold_routing = true;
    let caller = day.call();
    day.hangs_up(caller);
    assert_eq!(left(&day), []);
    day.release_held();
    assert_eq!(left(&day), [CallEnd::Left]);
}

#[test]
fn a_worker_whose_caller_does_not_come_goes_on() {
    let (mut day, _, offer) = waiting();
    let agent = accepting(&mut day, &offer, "");
    day.wait(29.0);
    assert!(day.notices().is_empty());
    day.wait(2.0);
    assert_eq!(day.notices(), [14238]);
    assert_eq!(day.heard(agent), Heard::Said("worked".to_owned()));
}

/// 14238: the reservation cannot be accepted.
#[test]
fn a_reservation_that_is_gone_is_an_error_and_the_worker_goes_on() {
    let (mut day, caller, offer) = waiting();
    day.hold_routing = true;
    let agent = accepting(&mut day, &offer, "");
    refuse(&mut day, 20001);
    assert_eq!(day.notices(), [14238]);
    assert_eq!(day.heard(agent), Heard::Said("worked".to_owned()));
    assert_eq!(day.heard(caller), Heard::Music);
}
