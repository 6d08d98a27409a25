//! A talk: the agent and the caller of one reservation, from the first ring to the last word, parked time included.

use super::calls::{Close, Outgoing};
use super::conference::{ConferenceCallback, ConferencePlan, Ender, Leave, Seat};
use super::port::*;
use super::shape::*;
use super::state::*;
use super::switchboard::{Asked, CallEnd, Switchboard, Timer};
use crate::routing::command::{CallInstruction, ConferenceInstruction, PostWork, VoiceReport};
use crate::routing::effect::Offer;
use base::*;
use serde_json::{Map, Value, json};
use sip::port::{Cause, Destination, Progress, client};
use std::time::Duration;

/// An agent's leg without a call is let go after this long.
const AGENT_IDLE_MAX: Duration = Duration::from_secs(120);
/// The far end of an agent's own call has answered: how long its offer may still take.
const OWN_OFFER_WAIT: Duration = Duration::from_secs(3);
/// A ring that nobody ended is given up this long after its own timeout.
const RING_MARGIN: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(super) struct Talk {
    pub offer: Offer,
    pub shape: Shape,
    pub stage: Stage,
    pub agent: Option<CallSid>,
    pub customer: Option<CallSid>,
    pub post_work: Option<PostWork>,
    /// Since when the caller is parked, while they are.
    pub parked: Option<Now>,
    /// The task is being transferred to somebody else: the caller is on hold in the conference, with the agent or,
    /// once the agent has left, alone.
    pub handing_over: bool,
    /// It took the caller over in the conference they were in.
    pub transferred: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The agent's phone rings.
    Ringing,
    /// The agent is there, the far end rings.
    Dialing,
    /// They talk. The question whether they may is answered when it is refused, or never.
    Live(RoutingRequestId),
    Parked,
}

impl Talk {
    pub fn is_parked(&self) -> bool {
        self.parked.is_some() && !self.is_live()
    }

    pub fn is_live(&self) -> bool {
        matches!(self.stage, Stage::Live(_))
    }

    pub fn is_dialing(&self) -> bool {
        self.stage == Stage::Dialing
    }
}

impl Switchboard {
    /// The agent's leg that an offer can be connected on at once: up, or dialling us this moment.
    pub(super) fn leg_of(&self, worker: WorkerSid) -> Option<CallSid> {
        let theirs = |c: &&Call| c.agent().is_some_and(|a| a.worker == worker && a.dialing.is_none());
        let usable = self.calls.values().filter(theirs).filter(|c| c.is_up() || c.is_incoming());
        // Whose far end rings is not free for another call.
        let dials = |c: &&Call| c.talk.and_then(|r| self.talks.get(&r)).is_some_and(Talk::is_dialing);
        let usable = usable.filter(|c| !dials(c));
        let is_live = |c: &Call| c.talk.and_then(|r| self.talks.get(&r)).is_some_and(Talk::is_live);
        usable.max_by_key(|c| (is_live(c), c.is_up())).map(|c| c.record.sid)
    }

    /// Rings the agent for an offer.
    pub(super) fn ring(&mut self, offer: Offer, shape: Shape, to: Option<String>, from: Option<String>) {
        if let Some(line) = self.line_for(&offer, &shape, to.as_deref()) {
            return self.ring_in_line(offer, shape, line);
        }
        let reservation = offer.reservation;
        let attribute =
            |name: &str| offer.attributes.value().get(name).and_then(Value::as_str).map(str::to_owned);
        let Some(to) = to.or_else(|| offer.contact_uri.clone()) else {
            return self.report_failed(&offer, shape.no_address_code(), "the worker has no contact_uri");
        };
        let Some((to, destination, mut headers)) = self.resolve(&to) else {
            let reason = "the worker's address cannot be called";
            return self.report_undialled(&offer, shape.failure_code(), Some(NOT_A_NUMBER), reason);
        };
        if let Destination::Client(_) = &destination {
            let own =
                [(client::TASK, offer.task.to_string()), (client::RESERVATION, reservation.to_string())];
            headers.extend(own.map(|(name, value)| (name.to_owned(), value)));
            if matches!(self.asked_for, Some(asked) if asked == reservation) {
                headers.push((client::ANSWER.to_owned(), client::ANSWER_AT_ONCE.to_owned()));
            }
        }
        let from = from
            .or_else(|| attribute("from"))
            .or_else(|| self.settings.caller_id.as_ref().map(|n| n.to_string()));
        let from = self.caller_id_for(&destination, from.unwrap_or_else(|| "anonymous".to_owned()));
        let (callback, timeout) = self.leg_plan(&shape, &offer);
        let agent = AgentLeg { workspace: offer.workspace, worker: offer.worker, dialing: None };
        let sid = CallSid::generate(&mut self.entropy);
        let made = self.call_out(Outgoing {
            sid,
            to,
            from,
            destination,
            parent: None,
            direction: CallDirection::OutboundApi,
            doing: Doing::Agent(agent),
            timeout,
            callback,
            credentials: shape.credentials(),
            headers,
            send_digits: None,
        });
        if made.is_none() {
            return self.report_failed(&offer, shape.failure_code(), "too many live calls");
        }
        if let Some(call) = self.calls.get_mut(&sid) {
            call.to_record = shape.recording();
        }
        if matches!(&shape, Shape::Conference(instruction) if instruction.transcribe) {
            let message = "no transcription provider is configured: the conversation is not transcribed";
            self.notify_warning(sid, NOT_TRANSCRIBED, message);
        }
        if let Some(call) = offer.call {
            let data = json!({"worker_sid": offer.worker, "reservation_sid": reservation, "call_sid": sid});
            self.note(call, "reservation", format!("rings {}", offer.worker_name), data);
        }
        self.arm_talk(reservation, timeout);
        let talk = self.ringing(offer, shape, Some(sid));
        self.talks.insert(reservation, talk);
    }

    /// A ring ends by itself after this long, should nobody end it.
    pub(super) fn arm_talk(&mut self, reservation: ReservationSid, timeout: Duration) {
        self.arm(Timer::Talk(reservation), timeout + RING_MARGIN);
    }

    /// A talk whose agent's phone rings, by a call of its own unless it rings in their line.
    pub(super) fn ringing(&self, offer: Offer, shape: Shape, agent: Option<CallSid>) -> Talk {
        // A pick-up has put its caller's park here.
        let parked = self.talks.get(&offer.reservation).and_then(|t| t.parked);
        let post_work =
            |activity: Option<ActivitySid>, code| activity.map(|activity| PostWork { activity, code });
        let post_work = match &shape {
            Shape::Conference(instruction) => post_work(instruction.post_work_activity, 40139),
            Shape::Bridge(instruction) => post_work(instruction.post_work_activity, 40130),
            Shape::Document(_) | Shape::Dialled => None,
        };
        let customer = offer.call;
        Talk {
            offer,
            shape,
            stage: Stage::Ringing,
            agent,
            customer,
            post_work,
            parked,
            handing_over: false,
            transferred: false,
        }
    }

    pub(super) fn leg_plan(&self, shape: &Shape, offer: &Offer) -> (Option<CallbackPlan>, Duration) {
        let plan = |url: &Option<String>, method: Method, events: &[String], extra| {
            let webhook = Webhook { url: url.clone()?, method };
            Some(CallbackPlan { webhook, events: events.to_vec(), extra })
        };
        let customer = offer.call.map(|c| super::parameters::pair("taskCallSid", c));
        match shape {
            Shape::Conference(i) => (
                plan(
                    &i.status_callback,
                    method_of(&i.status_callback_method),
                    &i.status_callback_events,
                    Vec::new(),
                ),
                i.timeout.unwrap_or(offer.timeout),
            ),
            Shape::Bridge(i) => (
                plan(
                    &i.status_callback_url,
                    Method::Get,
                    &i.status_callback_events,
                    customer.into_iter().collect(),
                ),
                i.timeout.unwrap_or(offer.timeout),
            ),
            Shape::Document(i) => (
                plan(&i.status_callback_url, Method::Post, &[], Vec::new()),
                i.timeout.unwrap_or(offer.timeout),
            ),
            Shape::Dialled => (None, offer.timeout),
        }
    }

    pub(super) fn report_failed(&mut self, offer: &Offer, code: u32, reason: &str) {
        self.report_undialled(offer, code, None, reason);
    }

    /// The same, with what was wrong with the number that was dialled.
    fn report_undialled(&mut self, offer: &Offer, code: u32, dialled: Option<u32>, reason: &str) {
        let (reservation, reason_text) = (offer.reservation, reason.to_owned());
        self.report(offer.workspace, VoiceReport::Failed { reservation, code, dialled, reason: reason_text });
        if let Some(call) = offer.call {
            self.note(call, "reservation", format!("could not be offered: {reason}"), json!({"code": code}));
        }
    }

    /// The talk whose agent (or far end, while it is being called) this leg is.
    fn talk_with(&self, is: impl Fn(&Talk) -> bool) -> Option<ReservationSid> {
        self.talks.iter().find(|(_, t)| is(t)).map(|(r, _)| *r)
    }

    pub(super) fn agent_answered(&mut self, sid: CallSid) {
        let Some(reservation) = self.talk_with(|t| t.agent == Some(sid) && t.stage == Stage::Ringing) else {
            if !self.line_answered(sid) {
                self.hang_up(sid);
            }
            return;
        };
        self.disarm(Timer::Talk(reservation));
        let Some(talk) = self.talks.get(&reservation) else { return };
        if let Shape::Document(instruction) = talk.shape.clone() {
            return self.run_instruction(reservation, sid, instruction);
        }
        let outbound =
            talk.offer.attributes.value().get("outbound_to").and_then(Value::as_str).map(str::to_owned);
        match (talk.customer, outbound) {
            (None, Some(to)) => self.dial_customer(reservation, to),
            _ => self.connect_talk(reservation),
        }
    }

    /// The `call` instruction: the agent's leg runs a document and is connected, if at all, by it.
    fn run_instruction(&mut self, reservation: ReservationSid, sid: CallSid, instruction: CallInstruction) {
        let Some(talk) = self.talks.remove(&reservation) else { return };
        let workspace = talk.offer.workspace;
        let mut merge = Map::new();
        merge.insert("worker_call_sid".to_owned(), sid.to_string().into());
        if instruction.accept {
            self.report(workspace, VoiceReport::Connected { reservation, merge });
        } else {
            let change = crate::routing::command::TaskChange { merge: Some(merge), ..Default::default() };
            let command =
                crate::routing::command::Command::UpdateTask { sid: talk.offer.task, if_match: None, change };
            self.ask_routing(Asked::Attributes, RoutingTargetRef::Workspace(workspace), command);
        }
        if let Some(call) = self.calls.get_mut(&sid) {
            call.doing = Doing::Program;
        }
        match instruction.url {
            Some(url) => self.fetch_main(sid, Webhook { url, method: Method::Post }, Vec::new()),
            None => self.hang_up(sid),
        }
    }

    /// Calls the far end of an outbound task; the agent hears it ring.
    fn dial_customer(&mut self, reservation: ReservationSid, to: String) {
        let Some(talk) = self.talks.get(&reservation) else { return };
        let offer = talk.offer.clone();
        let from = match &talk.shape {
            Shape::Conference(i) => i.from.clone(),
            _ => None,
        };
        let from =
            from.or_else(|| offer.attributes.value().get("from").and_then(Value::as_str).map(str::to_owned));
        let sid = CallSid::generate(&mut self.entropy);
        let timeout = match &talk.shape {
            Shape::Conference(i) => i.timeout.unwrap_or(offer.timeout),
            _ => offer.timeout,
        };
        let waits = match &talk.shape {
            Shape::Conference(i) if !i.early_media => Some(wait_of(i)),
            _ => None,
        };
        if !self.call_customer(sid, &to, from.unwrap_or_default(), timeout) {
            let reason = "the number in outbound_to cannot be called";
            self.report_undialled(&offer, 40145, Some(NOT_A_NUMBER), reason);
            return self.drop_talk(reservation);
        }
        let Some(talk) = self.talks.get_mut(&reservation) else { return };
        talk.stage = Stage::Dialing;
        talk.customer = Some(sid);
        let agent = talk.agent;
        self.bind(reservation);
        if let (Some(agent), Some(WaitPlan::Url(webhook))) = (agent, waits) {
            self.start_side(agent, Purpose::ConferenceWait, webhook, Vec::new());
        }
    }

    /// What an agent hears whose far end is being called: what it sends of itself, ringing, or, without early media,
    /// what one hears who waits for a conference to begin.
    pub(super) fn hears_dialing(&self, talk: &Talk) -> DialingSound {
        let customer = talk.customer.and_then(|customer| self.calls.get(&customer));
        match &talk.shape {
            Shape::Conference(i) if !i.early_media => DialingSound::Wait(wait_of(i)),
            _ => match customer {
                Some(customer) if customer.early_media && !customer.is_up() => {
                    DialingSound::Leg(customer.leg)
                }
                _ => DialingSound::Ringback,
            },
        }
    }

    /// Calls the far end of an outbound conversation.
    pub(super) fn call_customer(&mut self, sid: CallSid, to: &str, from: String, timeout: Duration) -> bool {
        let Some((to, destination, headers)) = self.resolve(to) else { return false };
        let from = self.caller_id_for(&destination, from);
        self.call_out(Outgoing {
            sid,
            to,
            from,
            destination,
            parent: None,
            direction: CallDirection::OutboundApi,
            doing: Doing::Customer,
            timeout,
            callback: None,
            credentials: None,
            headers,
            send_digits: None,
        })
        .is_some()
    }

    pub(super) fn customer_answered(&mut self, sid: CallSid) {
        if let Some(reservation) = self.talk_with(|t| t.customer == Some(sid) && t.stage == Stage::Dialing) {
            return self.connect_talk(reservation);
        }
        // The offer for an agent's own call is on its way, or the agent has gone.
        match self.dialing_agent(sid) {
            Some(agent) => self.arm(Timer::Idle(agent), OWN_OFFER_WAIT),
            None => self.hang_up(sid),
        }
    }

    /// The agent whose own call goes to this far end.
    pub(super) fn dialing_agent(&self, customer: CallSid) -> Option<CallSid> {
        let mut agents =
            self.calls.values().filter(|c| c.agent().is_some_and(|a| a.dialing == Some(customer)));
        agents.next().map(|c| c.record.sid)
    }

    /// The far end rings: the agent's phone may say so.
    pub(super) fn far_end_rings(&mut self, customer: CallSid) {
        let agent = self.dialing_agent(customer).or_else(|| {
            let reservation =
                self.talk_with(|t| t.customer == Some(customer) && t.stage == Stage::Dialing)?;
            self.talks.get(&reservation)?.agent
        });
        if let Some(agent) = agent {
            self.progress(agent, Progress::Ringing);
            self.dirty.insert(agent);
        }
    }

    /// The far end of an outbound conversation is gone before it talked to anybody.
    pub(super) fn customer_lost(&mut self, sid: CallSid, status: CallStatus, sip: Option<u16>) {
        let reservation = self.talk_with(|t| t.customer == Some(sid) && t.stage == Stage::Dialing);
        let waiting_agent = self.dialing_agent(sid);
        let agent = reservation.and_then(|r| self.talks.get(&r)).and_then(|t| t.agent).or(waiting_agent);
        if let Some(talk) = reservation.and_then(|r| self.talks.remove(&r)) {
            // The failed reservation settles the task.
            if let Some(call) = self.calls.get_mut(&sid) {
                call.owes = None;
            }
            self.report_undialled(&talk.offer, 40145, sip.and_then(dialled_code), status.as_str());
        }
        let Some(agent) = agent else { return };
        if let Some(call) = self.calls.get_mut(&agent) {
            call.talk = None;
            if let Doing::Agent(leg) = &mut call.doing {
                leg.dialing = None;
            }
        }
        let (code, end) = match status {
            CallStatus::Busy => (486, CallStatus::Busy),
            CallStatus::NoAnswer => (480, CallStatus::NoAnswer),
            CallStatus::Canceled => (487, CallStatus::Canceled),
            _ => (404, CallStatus::Failed),
        };
        self.refuse(agent, code, end);
    }

    /// Puts agent and caller together, parks what the agent was on, and asks routing for its blessing.
    pub(super) fn connect_talk(&mut self, reservation: ReservationSid) {
        let Some(talk) = self.talks.get(&reservation) else { return };
        let (offer, shape) = (talk.offer.clone(), talk.shape.clone());
        let (Some(agent), Some(customer)) = (talk.agent, talk.customer) else { return };
        if !self.calls.contains_key(&customer) || agent == customer {
            self.report_failed(&offer, 40144, "the caller has gone");
            return self.drop_talk(reservation);
        }
        self.disarm(Timer::Talk(reservation));
        self.give_up_dialing(offer.worker, agent);
        self.park_others(reservation, &offer, agent);
        if let Some(Doing::Agent(leg)) = self.calls.get_mut(&agent).map(|c| &mut c.doing) {
            leg.dialing = None;
        }
        let transferred = self.is_in_room(customer, &offer, &shape);
        if transferred {
            self.take_over(customer, reservation);
        } else {
            self.free_customer(customer, reservation);
        }
        self.stop_side(agent, |p| p == Purpose::ConferenceWait);
        // Whoever was left alone in a room leaves it.
        self.part(agent, Leave::Updated);
        if !transferred {
            self.part(customer, Leave::Updated);
        }
        if !self.calls.contains_key(&agent) || !self.calls.contains_key(&customer) {
            return self.drop_talk(reservation);
        }
        self.answer(agent);
        let merge = match &shape {
            Shape::Conference(instruction) => {
                match self.meet(reservation, &offer, instruction, agent, customer) {
                    Some(merge) => merge,
                    None => return,
                }
            }
            Shape::Bridge(_) | Shape::Document(_) | Shape::Dialled => {
                self.join_two(agent, customer);
                let mut merge = Map::new();
                merge.insert("worker_call_sid".to_owned(), agent.to_string().into());
                merge
            }
        };
        let request = self.report(offer.workspace, VoiceReport::Connected { reservation, merge });
        self.asked.insert(request, Asked::Connected(reservation));
        let picked_up = match self.talks.get_mut(&reservation) {
            Some(talk) => {
                talk.transferred = transferred;
                talk.stage = Stage::Live(request);
                talk.parked.is_some()
            }
            None => return,
        };
        self.bind(reservation);
        self.disarm(Timer::Idle(agent));
        let data = json!({"worker_sid": offer.worker, "reservation_sid": reservation, "call_sid": agent});
        let text = if picked_up { "picked up by" } else { "connected with" };
        self.note(customer, "reservation", format!("{text} {}", offer.worker_name), data);
    }

    /// Both legs know their talk.
    pub(super) fn bind(&mut self, reservation: ReservationSid) {
        let Some(talk) = self.talks.get(&reservation) else { return };
        for sid in [talk.agent, talk.customer].into_iter().flatten() {
            if let Some(call) = self.calls.get_mut(&sid) {
                call.talk = Some(reservation);
                self.dirty.insert(sid);
            }
        }
    }

    /// The agent takes another call: the one they are making from another leg is given up before.
    fn give_up_dialing(&mut self, worker: WorkerSid, agent: CallSid) {
        let dials = |c: &&Call| {
            let theirs = c.record.sid != agent && c.agent().is_some_and(|a| a.worker == worker);
            let own = c.talk.and_then(|r| self.talks.get(&r)).is_some_and(Talk::is_dialing);
            theirs && (own || c.agent().is_some_and(|a| a.dialing.is_some()))
        };
        let legs: Vec<_> = self.calls.values().filter(dials).map(|c| c.record.sid).collect();
        for leg in legs {
            self.refuse(leg, 487, CallStatus::Canceled);
        }
    }

    /// What the agent was on is parked in the same movement.
    pub(super) fn park_others(&mut self, reservation: ReservationSid, offer: &Offer, agent: CallSid) {
        if let Some((other, _, _)) = offer.park {
            let keep = self.talks.get(&other).is_some_and(|t| t.agent == Some(agent));
            self.park(other, keep);
        }
        let on_this_leg: Vec<ReservationSid> = self
            .talks
            .iter()
            .filter(|(r, t)| **r != reservation && t.agent == Some(agent) && t.is_live())
            .map(|(r, _)| *r)
            .collect();
        for other in on_this_leg {
            self.park(other, true);
        }
    }

    /// The caller is taken out of the line, off their document, or out of the park.
    pub(super) fn free_customer(&mut self, customer: CallSid, reservation: ReservationSid) {
        let Some(call) = self.calls.get(&customer) else { return };
        if let Some(old) = call.talk.filter(|old| *old != reservation)
            && let Some(talk) = self.talks.remove(&old)
        {
            self.stop_in_line(talk.offer.worker, old);
        }
        match self.calls.get(&customer).map(|c| &c.doing) {
            Some(Doing::Queue(_)) => self.take_from_line(customer),
            Some(Doing::Customer) | None => {}
            Some(_) => {
                // Its own offer must survive the cut, and so must the task of one who waits in a conference.
                let own = self.talks.remove(&reservation);
                let owes = self.calls.get_mut(&customer).and_then(|call| call.owes.take());
                self.cut(customer, Cut::Redirected, None);
                self.talks.extend(own.map(|talk| (reservation, talk)));
                if let Some(call) = self.calls.get_mut(&customer) {
                    call.doing = Doing::Customer;
                    call.owes = owes;
                }
            }
        }
    }

    /// Agent and caller in the conference named by the task; what the task is told of it.
    fn meet(
        &mut self,
        reservation: ReservationSid,
        offer: &Offer,
        instruction: &ConferenceInstruction,
        agent: CallSid,
        customer: CallSid,
    ) -> Option<Map<String, Value>> {
        let room = offer.task.to_string();
        let callback = instruction.conference_status_callback.clone().map(|url| ConferenceCallback {
            webhook: Webhook { url, method: method_of(&instruction.conference_status_callback_method) },
            events: if instruction.conference_status_callback_events.is_empty() {
                vec!["start".to_owned(), "end".to_owned()]
            } else {
                instruction.conference_status_callback_events.clone()
            },
        });
        if self.is_in_room(customer, offer, &Shape::Conference(Box::new(instruction.clone()))) {
            return self.meet_in_room(reservation, offer, instruction, agent, customer);
        }
        let seat = Seat {
            starts: instruction.start_conference_on_enter,
            ends: instruction.end_conference_on_exit,
            muted: instruction.muted,
            ..Seat::plain(agent).beeps(&instruction.beep)
        };
        let other = Seat {
            ends: instruction.end_conference_on_customer_exit,
            beep_on_enter: instruction.beep_on_customer_entrance,
            ..Seat::plain(customer)
        };
        let plan = ConferencePlan {
            seats_max: instruction.max_participants,
            callback,
            record: instruction.conference_record.then(|| NewRecording {
                channels: 1,
                track: RecordingTrack::Both,
                trim: instruction.conference_trim,
                callback: told_of_recording(
                    &instruction.conference_recording_status_callback,
                    &instruction.conference_recording_status_callback_method,
                ),
            }),
        };
        let joined = self
            .join_conference(&room, seat, plan)
            .and_then(|_| self.join_conference(&room, other, ConferencePlan::told(None)));
        let Ok(conference) = joined else {
            self.report_failed(offer, 40145, "the conference is full");
            self.drop_talk(reservation);
            return None;
        };
        let mut merge = Map::new();
        if offer.call.is_none() {
            merge.insert("call_sid".to_owned(), customer.to_string().into());
        }
        merge.insert(
            "conference".to_owned(),
            json!({"sid": conference, "room_name": room, "participants": {"worker": agent, "customer": customer}}),
        );
        Some(merge)
    }

    /// Routing says they may not talk: the agent's leg goes, the caller is where they were.
    pub(super) fn undo_talk(&mut self, reservation: ReservationSid) {
        let Some(talk) = self.talks.get_mut(&reservation) else { return };
        let Stage::Live(request) = talk.stage else { return };
        self.asked.remove(&request);
        let (agent, customer, parked) = (talk.agent, talk.customer, talk.parked);
        if self.leaves_room_to_others(reservation) {
            return;
        }
        let Some(talk) = self.talks.get_mut(&reservation) else { return };
        talk.stage = Stage::Parked;
        talk.agent = None;
        self.separate(agent, customer);
        if parked.is_none() {
            self.talks.remove(&reservation);
        }
        if let Some(agent) = agent {
            self.let_agent_go(agent, false);
        }
        let Some(customer) = customer else { return };
        self.note(customer, "reservation", "the offer was lost as it was answered", Value::Null);
        if parked.is_some() {
            return;
        }
        match self.calls.get_mut(&customer) {
            Some(call) => call.talk = None,
            None => return,
        }
        match self.calls.get(&customer).map(|c| &c.doing) {
            Some(Doing::Queue(_)) => self.back_in_line(customer),
            _ => self.hang_up(customer),
        }
    }

    /// Agent and caller hear each other no more. Their conference is over; a third party in it is let go.
    pub(super) fn separate(&mut self, agent: Option<CallSid>, customer: Option<CallSid>) {
        let Some(sid) = customer.or(agent) else { return };
        match self.calls.get(&sid).map(|c| c.join) {
            Some(Join::Conference(conference)) => {
                let by = Some(Ender { call: sid, label: None });
                let others =
                    self.close_conference(conference, "conference-ended-via-api", by, Leave::EndedViaApi);
                for other in others.into_iter().filter(|o| Some(*o) != agent && Some(*o) != customer) {
                    self.released(other);
                }
            }
            Some(Join::Bridge(_)) => {
                for sid in [agent, customer].into_iter().flatten() {
                    if let Some(call) = self.calls.get_mut(&sid) {
                        call.join = Join::Nobody;
                        self.dirty.insert(sid);
                    }
                }
            }
            Some(Join::Nobody) | None => {}
        }
    }

    /// An agent's leg that nothing is on: kept for a moment, or let go.
    pub(super) fn let_agent_go(&mut self, agent: CallSid, keep: bool) {
        let Some(call) = self.calls.get_mut(&agent) else { return };
        call.talk = None;
        match call.doing {
            Doing::Agent(_) if keep => self.arm(Timer::Idle(agent), AGENT_IDLE_MAX),
            Doing::DialQueue(_) => self.dial_queue_over(agent),
            _ => self.hang_up(agent),
        }
    }

    pub(super) fn agent_idle_too_long(&mut self, sid: CallSid) {
        let Some(agent) = self.calls.get(&sid).filter(|c| c.talk.is_none()).and_then(Call::agent) else {
            return;
        };
        let alone = |c: &Call| c.is_up() && c.join == Join::Nobody && c.talk.is_none();
        match agent.dialing.filter(|c| self.calls.get(c).is_some_and(alone)) {
            // Both are there and no offer came (no voice policy): a plain call, whose task ends with it.
            Some(customer) => {
                if let Some(Doing::Agent(leg)) = self.calls.get_mut(&sid).map(|c| &mut c.doing) {
                    leg.dialing = None;
                }
                self.answer(sid);
                self.join_two(sid, customer);
            }
            None if self.calls.get(&sid).is_some_and(|c| c.join == Join::Nobody) => self.hang_up(sid),
            None => {}
        }
    }

    /// One side of a live talk has left for good: the conversation is over.
    pub(super) fn talk_left(&mut self, sid: CallSid) {
        let Some(reservation) = self.calls.get(&sid).and_then(|c| c.talk) else { return };
        if !self.talks.get(&reservation).is_some_and(Talk::is_live) {
            return;
        }
        for reservation in self.talks_that_end(sid, reservation) {
            if !self.left_in_transfer(sid, reservation) {
                self.end_talk(reservation);
            }
        }
    }

    fn end_talk(&mut self, reservation: ReservationSid) {
        let Some(talk) = self.talks.remove(&reservation) else { return };
        if let Stage::Live(request) = talk.stage {
            self.asked.remove(&request);
        }
        for leg in [talk.agent, talk.customer].into_iter().flatten() {
            if let Some(call) = self.calls.get_mut(&leg) {
                call.talk = None;
                call.owes = None;
                // The task is settled by this report alone.
                if let Some(waiting) = call.waiting_mut() {
                    waiting.task = None;
                }
            }
        }
        let report = VoiceReport::ConversationEnded { reservation, post_work_activity: talk.post_work };
        self.report(talk.offer.workspace, report);
        if let Some(customer) = talk.customer {
            self.note(
                customer,
                "reservation",
                "the conversation is over",
                json!({"reservation_sid": reservation}),
            );
        }
    }

    /// A parked caller has gone: their task is told, and nobody waits for them.
    pub(super) fn drop_parked(&mut self, sid: CallSid, cause: CallEnd) {
        let theirs = self.talks.iter().filter(|(_, t)| t.is_parked() && t.customer == Some(sid));
        let parked: Vec<ReservationSid> = theirs.map(|(r, _)| *r).collect();
        for reservation in parked {
            self.disarm(Timer::Talk(reservation));
            let Some(talk) = self.talks.remove(&reservation) else { continue };
            self.stop_in_line(talk.offer.worker, reservation);
            self.report(talk.offer.workspace, VoiceReport::CallEnded { task: talk.offer.task, cause });
            self.note(sid, "park", "ended while parked", json!({"reservation_sid": reservation}));
            if let Some(agent) = talk.agent.filter(|_| talk.stage == Stage::Ringing) {
                self.let_agent_go(agent, false);
            }
        }
    }

    /// Offers of this caller that still ring: the phones stop.
    pub(super) fn drop_offers_of(&mut self, customer: CallSid) {
        let ringing: Vec<ReservationSid> = self
            .talks
            .iter()
            .filter(|(_, t)| t.customer == Some(customer) && t.stage == Stage::Ringing && t.parked.is_none())
            .map(|(r, _)| *r)
            .collect();
        for reservation in ringing {
            self.drop_talk(reservation);
        }
    }

    /// Forgets a talk that has not begun; its legs go, and nobody is told.
    pub(super) fn drop_talk(&mut self, reservation: ReservationSid) {
        self.disarm(Timer::Talk(reservation));
        let Some(talk) = self.talks.remove(&reservation) else { return };
        let parked_again = talk.parked.is_some();
        self.stop_in_line(talk.offer.worker, reservation);
        let (agent, customer, stage) = (talk.agent, talk.customer, talk.stage);
        if parked_again {
            self.talks.insert(reservation, Talk { stage: Stage::Parked, agent: None, ..talk });
        }
        if let Some(agent) = agent {
            self.let_agent_go(agent, false);
        }
        if stage == Stage::Dialing
            && let Some(customer) = customer
        {
            self.hang_up(customer);
        }
    }

    pub(super) fn talk_timed_out(&mut self, reservation: ReservationSid) {
        let Some(talk) = self.talks.get(&reservation) else { return };
        if talk.stage == Stage::Ringing {
            let offer = talk.offer.clone();
            let code = talk.shape.failure_code();
            self.report_failed(&offer, code, "nobody answered");
            self.drop_talk(reservation);
        }
    }

    /// An agent's leg is gone, or runs a document of its own.
    pub(super) fn cut_agent(&mut self, sid: CallSid, agent: AgentLeg, close: Option<Close>, leave: Leave) {
        self.disarm(Timer::Idle(sid));
        if let Some(customer) = agent.dialing {
            self.hang_up(customer);
        }
        let begun = |t: &Talk| matches!(t.stage, Stage::Ringing | Stage::Dialing);
        if let Some(reservation) = self.talk_with(|t| t.agent == Some(sid) && begun(t)) {
            self.agent_lost(reservation, close);
        }
        self.part(sid, leave);
    }

    /// An agent's leg is gone before it was connected.
    fn agent_lost(&mut self, reservation: ReservationSid, close: Option<Close>) {
        let Some(talk) = self.talks.get_mut(&reservation) else { return };
        talk.agent = None;
        let offer = talk.offer.clone();
        let declined = matches!(close, Some(Close::Gone(Cause::Declined | Cause::Busy, _)));
        if declined && talk.parked.is_none() {
            self.report(offer.workspace, VoiceReport::Declined { reservation });
            if let Some(call) = offer.call {
                self.note(call, "reservation", format!("declined by {}", offer.worker_name), Value::Null);
            }
        } else {
            let code = talk.shape.failure_code();
            let (dialled, reason) = match close {
                Some(Close::Gone(Cause::NoAnswer, _)) => (None, "no answer"),
                Some(Close::Gone(Cause::Declined | Cause::Busy, _)) => (None, "busy"),
                Some(Close::Gone(Cause::PeerHungUp, _)) => (None, "the worker hung up"),
                Some(Close::Gone(_, sip)) => (sip.and_then(dialled_code), "the worker could not be reached"),
                _ => (None, "the worker could not be reached"),
            };
            self.report_undialled(&offer, code, dialled, reason);
        }
        self.drop_talk(reservation);
    }
}
