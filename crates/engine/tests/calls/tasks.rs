//! Calls that wait for an agent: what routing orders, and what it is told.

use super::day::{CALLER, Day, Heard, post};
use base::*;
use engine::call::*;
use engine::routing::command::*;
use engine::routing::effect::{Offer, VoiceOrder};
use serde_json::Value;
use sip::port::{Cause, Destination};

pub type Agent = (WorkspaceSid, WorkerSid);

pub fn waiting() -> (Day, LegId, Agent) {
    let workflow = WorkflowSid([5; 16]);
    let mut day = Day::that_runs(&format!(
        r#"<Enqueue workflowSid="{workflow}" action="/done" waitUrl="/wait"/><Say>next</Say>"#
    ));
    day.document("http://app/wait", "<Say>please wait</Say>");
    day.document("http://app/done", "<Say>survey</Say>");
    let ana = day.agent("ana", "1001");
    let caller = day.call();
    (day, caller, ana)
}

/// A caller and `ana`, talking.
pub fn talking() -> (Day, LegId, LegId, Offer) {
    let (mut day, caller, ana) = waiting();
    let offer = day.offer(ana, caller, "ana");
    day.order(VoiceOrder::Ring(offer.clone()));
    let agent = day.last_invited();
    day.answers(agent);
    (day, caller, agent, offer)
}

fn ended(day: &Day) -> usize {
    day.reports().iter().filter(|r| matches!(r, VoiceReport::ConversationEnded { .. })).count()
}

#[test]
fn the_task_is_made_before_the_wait_document_is_asked_for() {
    let (day, caller, _) = waiting();
    let task = day.log.iter().position(|e| matches!(e, Effect::Routing { .. })).unwrap();
    let wait = day
        .log
        .iter()
        .position(|e| matches!(e, Effect::Fetch { webhook, .. } if webhook.url.ends_with("/wait")));
    assert!(task < wait.unwrap());
    let made = &day.tasks_made()[0];
    assert_eq!(made.channel.as_deref(), Some("voice"));
    let mut keys: Vec<&str> = made.attributes.map().keys().map(String::as_str).collect();
    keys.sort_unstable();
    let expected = "account_sid api_version call_sid call_status called called_city called_country called_state \
                    called_zip caller caller_city caller_country caller_state caller_zip direction from from_city \
                    from_country from_state from_zip to to_city to_country to_state to_zip";
    assert_eq!(keys.join(" "), expected);
    assert_eq!(made.attributes.map()["call_sid"], Value::from(day.sid(caller).to_string()));
    assert_eq!(made.attributes.map()["call_status"], "in-progress");
    let queue = day.board.queue_by_name(&WorkflowSid([5; 16]).to_string()).unwrap();
    assert_eq!((queue.current_size, queue.max_size), (1, 100));
}

// covers: twiml Enqueue.workflowSid Task.priority Task.timeout
#[test]
fn the_body_of_task_is_merged_over_the_calls_own_attributes() {
    let workflow = WorkflowSid([5; 16]);
    let mut day = Day::that_runs(&format!(
        r#"<Enqueue workflowSid="{workflow}"><Task priority="5" timeout="200">{{"from":"me","call_sid":"x","account_number":"12345"}}</Task></Enqueue>"#
    ));
    let caller = day.call();
    let made = &day.tasks_made()[0];
    assert_eq!((made.priority, made.timeout.as_secs()), (5, 200));
    let map = made.attributes.map();
    assert_eq!((map["from"].as_str(), map["account_number"].as_str()), (Some("me"), Some("12345")));
    assert_eq!(map["call_sid"], Value::from(day.sid(caller).to_string()), "a task cannot claim another call");
}

#[test]
fn a_refused_task_is_an_error_and_the_call_goes_on() {
    let workflow = WorkflowSid([5; 16]);
    let mut day = Day::that_runs(&format!(r#"<Enqueue workflowSid="{workflow}"/><Say>next</Say>"#));
    day.refuse_tasks = true;
    let caller = day.call();
    assert_eq!(day.notices(), [14222]);
    assert_eq!(day.heard(caller), Heard::Said("next".to_owned()));
}

#[test]
fn a_caller_who_hangs_up_waiting_cancels_the_task() {
    let (mut day, caller, _) = waiting();
    day.hangs_up(caller);
    assert!(matches!(day.reports()[..], [VoiceReport::CallEnded { cause: CallEnd::Hangup, .. }]));
    assert_eq!(day.told("http://app/done")[0]["QueueResult"], "hangup");
}

#[test]
fn a_phone_that_rings_and_answers_is_connected_in_the_tasks_conference() {
    let (mut day, caller, ana) = waiting();
    let offer = day.offer(ana, caller, "ana");
    day.order(VoiceOrder::Ring(offer.clone()));
    let (agent, agent_call, to, from) = day.invites[0].clone();
    assert_eq!((to, from.as_str()), (Destination::Phone("ana".to_owned()), CALLER));
    assert_eq!(day.heard(caller), Heard::Said("please wait".to_owned()), "waits on while it rings");
    day.answers(agent);
    assert!(day.talk(caller, agent));
    let [VoiceReport::Connected { reservation, merge }] = &day.reports()[..] else {
        panic!("{:?}", day.reports())
    };
    assert_eq!(*reservation, offer.reservation);
    let room = day.conferences().into_values().next().unwrap();
    assert_eq!(
        (room.friendly_name.as_str(), room.status.as_str()),
        (offer.task.to_string().as_str(), "in-progress")
    );
    let conference = &merge["conference"];
    assert_eq!(conference["sid"], room.sid.to_string());
    assert_eq!(conference["room_name"], offer.task.to_string());
    assert_eq!(conference["participants"]["worker"], agent_call.to_string());
    assert_eq!(conference["participants"]["customer"], day.sid(caller).to_string());
    assert_eq!(day.board.agent_leg(ana.1), Some(agent_call));
    assert_eq!(day.board.queue_by_name(&WorkflowSid([5; 16]).to_string()).unwrap().current_size, 0);
}

#[test]
fn when_the_agent_hangs_up_the_conversation_is_over_and_the_call_goes_on() {
    let (mut day, caller, agent, offer) = talking();
    day.wait(4.0);
    day.hangs_up(agent);
    assert_eq!(ended(&day), 1);
    assert!(
        matches!(day.reports().last(), Some(VoiceReport::ConversationEnded { reservation, .. }) if *reservation == offer.reservation)
    );
    assert_eq!(day.heard(caller), Heard::Said("survey".to_owned()));
    assert_eq!(day.fetched("http://app/done")[0]["QueueResult"], "bridged");
    assert_eq!(day.conferences().values().next().unwrap().status, "completed");
    day.hangs_up(caller);
    assert_eq!(day.reports().len(), 2, "the task is settled once");
}

#[test]
fn when_the_caller_hangs_up_the_agent_is_let_go() {
    let (mut day, caller, agent, _) = talking();
    day.hangs_up(caller);
    assert!(day.is_gone(agent));
    assert_eq!((ended(&day), day.reports().len()), (1, 2));
    assert!(day.board.live_calls().is_empty());
}

#[test]
fn a_declined_phone_is_declined_and_a_dead_one_failed() {
    for (cause, declined) in
        [(Cause::Declined, true), (Cause::Busy, true), (Cause::NoAnswer, false), (Cause::Failed, false)]
    {
        let (mut day, caller, ana) = waiting();
        let offer = day.offer(ana, caller, "ana");
        day.order(VoiceOrder::Ring(offer.clone()));
        day.goes(day.last_invited(), cause);
        let reports = day.reports();
        assert_eq!(matches!(reports[..], [VoiceReport::Declined { .. }]), declined, "{cause:?} {reports:?}");
        assert_eq!(matches!(reports[..], [VoiceReport::Failed { .. }]), !declined);
        assert_eq!(day.heard(caller), Heard::Said("please wait".to_owned()));
    }
}

#[test]
fn a_withdrawn_offer_stops_ringing() {
    let (mut day, caller, ana) = waiting();
    let offer = day.offer(ana, caller, "ana");
    day.order(VoiceOrder::Ring(offer.clone()));
    let agent = day.last_invited();
    day.order(VoiceOrder::Withdraw { reservation: offer.reservation });
    assert!(day.is_gone(agent));
    assert!(day.reports().is_empty(), "what routing ended it need not hear");
    assert_eq!(day.heard(caller), Heard::Said("please wait".to_owned()));
}

#[test]
fn a_caller_who_hangs_up_while_it_rings_stops_the_phone() {
    let (mut day, caller, ana) = waiting();
    let offer = day.offer(ana, caller, "ana");
    day.order(VoiceOrder::Ring(offer.clone()));
    let agent = day.last_invited();
    day.hangs_up(caller);
    assert!(day.is_gone(agent));
    assert!(matches!(day.reports()[..], [VoiceReport::CallEnded { .. }]));
    day.order(VoiceOrder::Withdraw { reservation: offer.reservation });
    day.legs_match_calls();
}

#[test]
fn a_connection_that_routing_refuses_leaves_the_caller_waiting() {
    let (mut day, caller, ana) = waiting();
    day.refuse_connections = true;
    let offer = day.offer(ana, caller, "ana");
    day.order(VoiceOrder::Ring(offer));
    let agent = day.last_invited();
    day.answers(agent);
    assert!(day.is_gone(agent));
    assert_eq!(day.heard(caller), Heard::Said("please wait".to_owned()));
    assert_eq!(day.board.queue_by_name(&WorkflowSid([5; 16]).to_string()).unwrap().current_size, 1);
    assert_eq!(ended(&day), 0);
}

#[test]
fn a_withdrawal_that_crosses_the_answer_undoes_it() {
    let (mut day, caller, agent, offer) = talking();
    day.order(VoiceOrder::Withdraw { reservation: offer.reservation });
    assert!(day.is_gone(agent));
    assert_eq!(day.heard(caller), Heard::Said("please wait".to_owned()));
}

#[test]
fn an_offer_whose_caller_has_gone_fails_at_once() {
    let (mut day, caller, ana) = waiting();
    let offer = day.offer(ana, caller, "ana");
    day.hangs_up(caller);
    day.order(VoiceOrder::Ring(offer));
    assert!(matches!(day.reports().last(), Some(VoiceReport::Failed { code: 40144, .. })));
    assert!(day.invites.is_empty());
}

fn conference(change: impl FnOnce(&mut ConferenceInstruction)) -> ConferenceInstruction {
    let mut instruction = ConferenceInstruction {
        from: Some("+15550100042".to_owned()),
        beep: "false".to_owned(),
        beep_on_customer_entrance: false,
        ..ConferenceInstruction::default()
    };
    change(&mut instruction);
    instruction
}

#[test]
fn a_conference_instruction_rings_as_it_says_and_ends_as_it_says() {
    for (on_customer_exit, agent_stays) in [(true, false), (false, true)] {
        let (mut day, caller, ana) = waiting();
        let offer = day.offer(ana, caller, "ana");
        let instruction = conference(|i| {
            i.to = Some("+15550107777".to_owned());
            i.status_callback = Some("http://app/leg".to_owned());
            i.status_callback_events = vec!["ringing".to_owned(), "completed".to_owned()];
            i.conference_status_callback = Some("http://app/room".to_owned());
            i.end_conference_on_customer_exit = on_customer_exit;
        });
        day.order(VoiceOrder::Conference { offer, instruction });
        let (agent, _, to, from) = day.invites[0].clone();
        assert_eq!((to, from.as_str()), (Destination::Trunk("+15550107777".to_owned()), "+15550100042"));
        day.rings(agent);
        day.answers(agent);
        assert!(day.talk(caller, agent));
        day.hangs_up(caller);
        assert_eq!(!day.is_gone(agent), agent_stays);
        assert_eq!(ended(&day), 1);
        if agent_stays {
            day.hangs_up(agent);
        }
        let leg: Vec<String> = day.told("http://app/leg").iter().map(|p| p["CallStatus"].clone()).collect();
        assert_eq!(leg, ["ringing", "completed"]);
        let room: Vec<String> =
            day.told("http://app/room").iter().map(|p| p["StatusCallbackEvent"].clone()).collect();
        assert_eq!(room, ["conference-start", "conference-end"]);
        assert_eq!(ended(&day), 1);
    }
}

#[test]
fn an_outbound_task_calls_the_agent_then_the_customer() {
    let mut day = Day::new();
    let ana = day.agent("ana", "1001");
    let task = TaskSid([9; 16]);
    let mut offer = day.offer_of(ana, None, task, "ana");
    offer.attributes = offer.attributes.with("outbound_to", "+15550106666".into());
    day.order(VoiceOrder::Conference { offer, instruction: conference(|_| {}) });
    let agent = day.last_invited();
    day.answers(agent);
    let (customer, customer_call, to, _) = day.invites[1].clone();
    assert_eq!(to, Destination::Trunk("+15550106666".to_owned()));
    assert_eq!(day.heard(agent), Heard::Ringback);
    assert_eq!(day.connected(), 0, "not before the far end answers");
    day.answers(customer);
    assert!(day.talk(agent, customer));
    let [VoiceReport::Connected { merge, .. }] = &day.reports()[..] else { panic!() };
    assert_eq!(merge["call_sid"], customer_call.to_string());
    day.hangs_up(customer);
    assert_eq!(ended(&day), 1);
}

#[test]
fn an_outbound_customer_who_is_busy_fails_the_reservation() {
    let mut day = Day::new();
    let ana = day.agent("ana", "1001");
    let mut offer = day.offer_of(ana, None, TaskSid([9; 16]), "ana");
    offer.attributes = offer.attributes.with("outbound_to", "+15550106666".into());
    day.order(VoiceOrder::Conference { offer, instruction: conference(|_| {}) });
    let agent = day.last_invited();
    day.answers(agent);
    day.goes(day.last_invited(), Cause::Busy);
    assert!(day.is_gone(agent));
    assert!(matches!(day.reports()[..], [VoiceReport::Failed { code: 40145, .. }]));
}

#[test]
fn dequeue_bridges_and_names_the_workers_call() {
    let (mut day, caller, ana) = waiting();
    let offer = day.offer(ana, caller, "ana");
    let instruction = DequeueInstruction {
        status_callback_url: Some("http://app/dequeue".to_owned()),
        ..DequeueInstruction::default()
    };
    day.order(VoiceOrder::Dequeue { offer, instruction });
    let (agent, agent_call, ..) = day.invites[0].clone();
    day.answers(agent);
    assert!(day.talk(caller, agent));
    assert!(day.conferences().is_empty());
    let [VoiceReport::Connected { merge, .. }] = &day.reports()[..] else { panic!() };
    assert_eq!(merge["worker_call_sid"], agent_call.to_string());
    day.hangs_up(agent);
    assert_eq!(ended(&day), 1);
    assert_eq!(day.told("http://app/dequeue")[0]["taskCallSid"], day.sid(caller).to_string());
    assert_eq!(day.heard(caller), Heard::Said("survey".to_owned()));
    day.hangs_up(caller);
    assert_eq!(day.reports().len(), 2);
}

// covers: twiml Queue.reservationSid Queue.postWorkActivitySid
#[test]
fn call_runs_a_document_on_the_workers_leg_and_dial_queue_connects_it() {
    let (mut day, caller, ana) = waiting();
    let offer = day.offer(ana, caller, "ana");
    let reservation = offer.reservation;
    let activity = ActivitySid([8; 16]);
    let verbs =
        format!(r#"<Dial><Queue reservationSid="{reservation}" postWorkActivitySid="{activity}"/></Dial>"#);
    day.document("http://app/worker", &verbs);
    let instruction =
        CallInstruction { url: Some("http://app/worker".to_owned()), ..CallInstruction::default() };
    day.order(VoiceOrder::Call { offer: offer.clone(), instruction });
    let agent = day.last_invited();
    day.answers(agent);
    assert_eq!(day.connected(), 0, "accept is false");
    let accepts = |c: &Command| matches!(c, Command::UpdateReservation { sid, .. } if *sid == reservation);
    assert!(day.asked().iter().any(accepts));
    day.order(VoiceOrder::Accepted { offer });
    assert!(day.talk(caller, agent));
    assert!(day.reports().is_empty(), "they talk: {:?}", day.reports());
    day.hangs_up(agent);
    assert_eq!(ended(&day), 1);
    let goes_to = |report: &VoiceReport| match report {
        VoiceReport::ConversationEnded { post_work_activity, .. } => {
            post_work_activity.map(|goes| goes.activity) == Some(activity)
        }
        _ => false,
    };
    assert!(day.reports().iter().any(goes_to), "{:?}", day.reports());
    assert_eq!(day.heard(caller), Heard::Said("survey".to_owned()));
}

#[test]
fn a_dialled_reservation_is_looked_for_in_every_workspace_whose_callers_wait() {
    let (mut day, _, ana) = waiting();
    day.hold_routing = true;
    day.call();
    let asked = |day: &mut Day| match day.held.pop_back() {
        Some(Input::Routed { request, .. }) => request,
        other => panic!("{other:?}"),
    };
    let request = asked(&mut day);
    let elsewhere = WorkspaceSid([9; 16]);
    let task = RoutingAnswer::Task { workspace: elsewhere, task: TaskSid([9; 16]) };
    day.give(Input::Routed { request, outcome: Ok(task) });
    let mut offer = day.offer_of(ana, None, TaskSid([9; 16]), "ana");
    offer.workspace = elsewhere;
    let reservation = offer.reservation;
    day.document(
        "http://app/worker",
        &format!(r#"<Dial><Queue reservationSid="{reservation}"/></Dial><Say>nobody</Say>"#),
    );
    let url = Some("http://app/worker".to_owned());
    let instruction = CallInstruction { url, ..CallInstruction::default() };
    day.order(VoiceOrder::Call { offer, instruction });
    let agent = day.last_invited();
    day.answers(agent);
    for workspace in [WorkspaceSid([7; 16]), elsewhere] {
        let accepts = day.last.iter().any(|effect| {
            matches!(effect, Effect::Routing { target: RoutingTargetRef::Workspace(of), command, .. }
                if *of == workspace && matches!(**command, Command::UpdateReservation { .. }))
        });
        assert!(accepts, "{workspace} is asked: {:?}", day.last);
        let request = asked(&mut day);
        let refusal = RoutingRefusal { code: 20404, message: "not found".to_owned() };
        day.give(Input::Routed { request, outcome: Err(refusal) });
    }
    assert_eq!(day.notices(), [14217]);
    assert_eq!(day.heard(agent), Heard::Said("nobody".to_owned()));
}

#[test]
fn redirect_takes_the_call_elsewhere_and_keeps_the_task() {
    let (mut day, caller, ana) = waiting();
    let offer = day.offer(ana, caller, "ana");
    day.document("http://app/elsewhere", "<Say>elsewhere</Say>");
    let instruction =
        RedirectInstruction { call: None, url: Some("http://app/elsewhere".to_owned()), accept: true };
    day.order(VoiceOrder::Redirect { offer, instruction });
    assert_eq!(day.heard(caller), Heard::Said("elsewhere".to_owned()));
    assert!(matches!(day.reports()[..], [VoiceReport::Connected { .. }]));
    day.hangs_up(caller);
    assert!(matches!(day.reports()[1..], [VoiceReport::CallEnded { cause: CallEnd::Hangup, .. }]));
}

#[test]
fn a_canceled_task_leaves_the_caller_waiting_unless_released() {
    for (release, heard) in [(false, "please wait"), (true, "survey")] {
        let (mut day, caller, _) = waiting();
        let call = day.sid(caller);
        let task = day.task_of(call).unwrap();
        day.order(VoiceOrder::TaskClosed { task, call, release });
        assert_eq!(day.heard(caller), Heard::Said(heard.to_owned()));
        day.hangs_up(caller);
        assert!(day.reports().is_empty(), "the task is over already");
    }
}

#[test]
fn leaving_the_queue_ends_the_wait_of_the_task() {
    let (mut day, caller, _) = waiting();
    day.document("http://app/wait", "<Leave/>");
    day.played_out(caller);
    assert!(matches!(day.reports()[..], [VoiceReport::CallEnded { cause: CallEnd::Left, .. }]));
    assert_eq!(day.fetched("http://app/done")[0]["QueueResult"], "leave");
}

#[test]
fn an_order_may_overtake_the_answer_that_names_its_task() {
    let workflow = WorkflowSid([5; 16]);
    let mut day = Day::that_runs(&format!(r#"<Enqueue workflowSid="{workflow}"/>"#));
    let ana = day.agent("ana", "1001");
    day.hold_routing = true;
    let caller = day.call();
    let offer = day.offer(ana, caller, "ana");
    day.order(VoiceOrder::Ring(offer));
    let agent = day.last_invited();
    day.answers(agent);
    assert!(day.talk(caller, agent));
    day.release_held();
    assert!(day.talk(caller, agent));
    day.hangs_up(agent);
    assert_eq!(ended(&day), 1);
}

#[test]
fn a_hand_made_task_fetches_its_call_from_whatever_it_does() {
    let mut day = Day::that_runs("<Play loop=\"99\">/music.mp3</Play>");
    let ana = day.agent("ana", "1001");
    let caller = day.call();
    let offer = day.offer(ana, caller, "ana");
    day.order(VoiceOrder::Conference { offer, instruction: conference(|_| {}) });
    day.answers(day.last_invited());
    assert!(day.talk(caller, day.last_invited()));
}

#[test]
fn an_agent_on_hold_gives_the_caller_music() {
    let (mut day, caller, agent, _) = talking();
    day.give(Input::Sip(sip::port::Event::PeerHold { leg: agent, held: true }));
    assert_eq!(day.heard(caller), Heard::Music);
    day.give(Input::Sip(sip::port::Event::PeerHold { leg: agent, held: false }));
    assert!(day.talk(caller, agent));
}

#[test]
fn parked_the_published_way_by_moving_the_customer_out_of_the_conference() {
    // S1.3: the customer's leg is updated with hold music; the conference ends and the agent is let go.
    let (mut day, caller, agent, offer) = talking();
    let call = day.sid(caller);
    let program = Program::Inline(
        "<Response><Play loop=\"99\">https://x.example/hold.mp3</Play></Response>".to_owned(),
    );
    let change = CallChange {
        program: Some(program),
        status_callback: Some(post("http://app/call-status-handler")),
        ..CallChange::default()
    };
    let Response::Call(record) = day.update(call, change) else { panic!() };
    assert_eq!(record.status, CallStatus::InProgress);
    assert_eq!(day.heard(caller), Heard::File("https://x.example/hold.mp3".to_owned()));
    assert!(day.is_gone(agent));
    assert_eq!(day.conferences().values().next().unwrap().status, "completed");
    assert!(
        matches!(day.reports()[1..], [VoiceReport::ConversationEnded { reservation, .. }] if reservation == offer.reservation)
    );
    assert_eq!(day.told("http://app/done")[0]["QueueResult"], "redirected-from-bridged");

    // S1.4: picked up by enqueuing the same call again.
    let workflow = WorkflowSid([5; 16]);
    let again = format!(
        r#"<Enqueue workflowSid="{workflow}"><Task priority="1000">{{"isParkPickup":true}}</Task></Enqueue>"#
    );
    day.redirect(call, &again);
    assert_eq!((day.tasks_made().len(), day.tasks_made()[1].priority), (2, 1000));
    let picked = day.offer((offer.workspace, offer.worker), caller, "ana");
    day.order(VoiceOrder::Ring(picked));
    day.answers(day.last_invited());
    assert!(day.talk(caller, day.last_invited()));

    // S1.9: the end is still told to who parked it, once.
    day.hangs_up(caller);
    assert_eq!(day.told("http://app/call-status-handler").len(), 1);
    assert_eq!(day.told("http://app/call-status-handler")[0]["CallStatus"], "completed");
    day.legs_match_calls();
}
