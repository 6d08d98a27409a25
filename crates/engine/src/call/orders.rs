//! What routing asks of the voice side, carried out with real legs (reference: TaskRouter §5.5, §8).

use super::conference::Leave;
use super::dial::CLIENT;
use super::port::*;
use super::shape::Shape;
use super::state::*;
use super::switchboard::{Asked, CallEnd, Switchboard};
use super::talk::{Stage, Talk};
use crate::routing::command::{Command, PostWork, RedirectInstruction, VoiceReport};
use crate::routing::effect::{Offer, VoiceOrder};
use crate::routing::model::ReservationStatus;
use base::*;
use serde_json::{Map, Value, json};
use std::collections::{BTreeSet, VecDeque};

/// The code of a workspace that does not know what it was asked about.
const NOT_FOUND: u32 = 20404;

impl Switchboard {
    pub(super) fn on_order(&mut self, order: VoiceOrder) {
        match order {
            VoiceOrder::Ring(offer) => self.begin_offer(offer, Shape::plain(), None, None),
            VoiceOrder::Conference { offer, instruction } => {
                let (to, from) = (instruction.to.clone(), instruction.from.clone());
                // Nobody has called: it is the agent who calls, and waits to be rung for it.
                if offer.call.is_none() {
                    self.asked_for = Some(offer.reservation);
                }
                self.begin_offer(offer, Shape::Conference(Box::new(instruction)), to, from);
            }
            VoiceOrder::Dequeue { offer, instruction } => {
                if offer.call.is_none() {
                    return self.report_failed(&offer, 40140, "the task has no call_sid");
                }
                let to = instruction.to.clone();
                let called = offer.attributes.value().get("to").and_then(Value::as_str).map(str::to_owned);
                let from = instruction.from.clone().or(called);
                self.begin_offer(offer, Shape::Bridge(instruction), to, from);
            }
            VoiceOrder::Call { offer, instruction } => {
                let (to, from) = (instruction.to.clone().map(as_client), instruction.from.clone());
                if !self.talks.contains_key(&offer.reservation) {
                    self.ring(offer, Shape::Document(instruction), to, from);
                }
            }
            VoiceOrder::Redirect { offer, instruction } => self.redirect_by_offer(offer, instruction),
            VoiceOrder::Withdraw { reservation } => self.withdraw(reservation),
            VoiceOrder::Accepted { offer } => self.accepted(offer),
            VoiceOrder::Park { reservation, call, keep_agent, .. } => {
                self.adopt(reservation, call);
                let worker = self.talks.get(&reservation).map(|t| (t.offer.worker, t.agent));
                // Of two legs of one agent, the one that talks stays.
                let other = worker.and_then(|(w, agent)| self.leg_of(w).filter(|leg| Some(*leg) != agent));
                if !self.park(reservation, keep_agent && other.is_none()) {
                    self.note(call, "park", "there is no conversation to park", Value::Null);
                }
            }
            VoiceOrder::PickUp { offer, recalled } => self.pick_up(offer, recalled),
            VoiceOrder::HandOver { reservation, call, cold, .. } => {
                self.adopt(reservation, call);
                self.hand_over(reservation, cold);
            }
            VoiceOrder::HandOverEnded { reservation, call } => {
                self.adopt(reservation, call);
                self.hand_over_ended(reservation);
            }
            VoiceOrder::Supervise { offer, order } => self.supervise(offer, order),
            VoiceOrder::Requeue { task, call } => self.requeue(task, call),
            VoiceOrder::TaskClosed { task, call, release } => self.task_closed(task, call, release),
            VoiceOrder::Divert { task, call, steps } => self.divert(task, call, steps),
        }
    }

    /// An offer to be connected: on the agent's own call, on the leg that parks its call for it, or by ringing.
    fn begin_offer(&mut self, offer: Offer, shape: Shape, to: Option<String>, from: Option<String>) {
        if self.talks.contains_key(&offer.reservation) {
            return;
        }
        if let Some(agent) = self.own_call_of(&offer) {
            return self.bind_own_call(offer, agent);
        }
        if self.meets_colleague(&offer, &shape) {
            return;
        }
        if let Some(customer) = offer.call {
            let Some(call) = self.calls.get_mut(&customer) else {
                return self.report_failed(&offer, 40144, "the caller has gone");
            };
            // The order may be faster than the answer that names the task.
            if let Some(waiting) = call.waiting_mut() {
                waiting.task.get_or_insert(TaskLink { workspace: offer.workspace, task: offer.task });
            }
        } else if offer.attributes.value().get("outbound_to").and_then(Value::as_str).is_none() {
            return self.report_failed(&offer, 40142, "the task has neither call_sid nor outbound_to");
        }
        self.ring(offer, shape, to, from);
    }

    /// The agent's own leg from which the far end of this offer's task is being called.
    fn own_call_of(&self, offer: &Offer) -> Option<CallSid> {
        let customer = offer.call?;
        let mut legs = self.calls.values();
        let agent = legs
            .find(|c| c.agent().is_some_and(|a| a.worker == offer.worker && a.dialing == Some(customer)))?;
        Some(agent.record.sid)
    }

    /// The reservation of a call that the agent makes: no phone rings, they are on it.
    fn bind_own_call(&mut self, offer: Offer, agent: CallSid) {
        let (reservation, customer) = (offer.reservation, offer.call);
        let answered = customer.and_then(|c| self.calls.get(&c)).is_some_and(Call::is_up);
        let talk = Talk {
            offer,
            shape: Shape::plain(),
            stage: Stage::Dialing,
            agent: Some(agent),
            customer,
            post_work: None,
            parked: None,
            handing_over: false,
            transferred: false,
        };
        self.talks.insert(reservation, talk);
        self.bind(reservation);
        if answered {
            self.connect_talk(reservation);
        }
    }

    /// `redirect`: the waiting call runs another document; its task lives on.
    fn redirect_by_offer(&mut self, offer: Offer, instruction: RedirectInstruction) {
        let call = instruction.call.as_deref().and_then(|c| c.parse().ok()).or(offer.call);
        let Some(call) = call.filter(|c| self.calls.contains_key(c)) else {
            return self.report_failed(&offer, 40122, "the call is not in progress");
        };
        let Some(url) = instruction.url else {
            return self.report_failed(&offer, 40120, "there is no URL to redirect to");
        };
        if let Some(waiting) = self.calls.get_mut(&call).and_then(Call::waiting_mut) {
            waiting.task = None;
        }
        self.cut(call, Cut::Redirected, None);
        if let Some(call) = self.calls.get_mut(&call) {
            call.owes = Some(TaskLink { workspace: offer.workspace, task: offer.task });
        }
        if instruction.accept {
            let report = VoiceReport::Connected { reservation: offer.reservation, merge: Map::new() };
            self.report(offer.workspace, report);
        }
        self.note(call, "reservation", "redirected by the offer", json!({"url": url}));
        self.fetch_main(call, Webhook { url, method: Method::Post }, Vec::new());
    }

    fn withdraw(&mut self, reservation: ReservationSid) {
        match self.talks.get(&reservation).map(|t| t.stage) {
            Some(Stage::Ringing | Stage::Dialing) => self.drop_talk(reservation),
            Some(Stage::Live(_)) => self.undo_talk(reservation),
            Some(Stage::Parked) | None => {}
        }
    }

    /// Accepted by other means: a browser that rings for it is taken to be the phone that the agent will talk on, any
    /// other phone stops, and a `<Dial><Queue>` that asked for it may have its caller.
    fn accepted(&mut self, offer: Offer) {
        let (reservation, task) = (offer.reservation, offer.task);
        let asker = self.calls.values().find(|c| c.asks_for(reservation)).map(|c| c.record.sid);
        if asker.is_none() && self.talks.get(&reservation).is_some_and(Talk::rings_in_line) {
            return self.answer_in_line(reservation);
        }
        if self.talks.get(&reservation).is_some_and(|t| t.stage == Stage::Ringing) {
            match asker.is_none() && self.rings_a_browser(reservation) {
                true => return self.take(reservation),
                false => self.drop_talk(reservation),
            }
        }
        let Some(asker) = asker else { return };
        if matches!(self.calls.get(&asker).map(|c| &c.doing), Some(Doing::Conference { .. })) {
            return self.enter_accepted(offer, asker);
        }
        let Some(member) = self.caller_of(task) else {
            self.notify_error(asker, 14217, "the caller of this reservation does not wait");
            return self.dial_queue_over(asker);
        };
        self.connect_queued(asker, member);
        self.keep_dialled_talk(offer, asker, member);
    }

    fn rings_a_browser(&self, reservation: ReservationSid) -> bool {
        let agent = self.talks.get(&reservation).and_then(|t| t.agent).and_then(|a| self.calls.get(&a));
        agent.is_some_and(|call| call.record.to.starts_with(CLIENT))
    }

    /// The agent has said yes elsewhere: their station takes the call that rings there.
    fn take(&mut self, reservation: ReservationSid) {
        let agent = self.talks.get(&reservation).and_then(|t| t.agent).and_then(|a| self.calls.get(&a));
        if let Some(leg) = agent.map(|call| call.leg) {
            self.sip(sip::port::Command::Take { leg });
        }
    }

    /// The call that waits for this task.
    fn caller_of(&self, task: TaskSid) -> Option<CallSid> {
        let mut calls = self.calls.values();
        calls.find(|c| c.waiting().and_then(|w| w.task).is_some_and(|l| l.task == task)).map(|c| c.record.sid)
    }

    fn keep_dialled_talk(&mut self, offer: Offer, asker: CallSid, member: CallSid) {
        let reservation = offer.reservation;
        let post_work = match self.calls.get(&asker).map(|c| &c.doing) {
            Some(Doing::DialQueue(dial)) => dial.post_work,
            _ => None,
        };
        let post_work = post_work.map(|activity| PostWork { activity, code: 14218 });
        let request = RoutingRequestId(self.fresh());
        let talk = Talk {
            offer: Offer { call: Some(member), park: None, ..offer },
            shape: Shape::Dialled,
            stage: Stage::Live(request),
            agent: Some(asker),
            customer: Some(member),
            post_work,
            parked: None,
            handing_over: false,
            transferred: false,
        };
        self.talks.insert(reservation, talk);
        self.bind(reservation);
    }

    /// A `<Dial><Queue reservationSid>`: the reservation is accepted first, the caller follows with the order that
    /// says so.
    pub(super) fn accept_for_dial(&mut self, call: CallSid, reservation: ReservationSid) {
        let links = self.calls.values().filter_map(|c| c.waiting().and_then(|w| w.task).or(c.owes));
        let workspaces: BTreeSet<_> = links.map(|link| link.workspace).collect();
        self.accept_in(call, reservation, workspaces.into_iter().collect());
    }

    /// Only its workspace knows the reservation. Those whose callers wait are asked one after the other.
    fn accept_in(&mut self, call: CallSid, reservation: ReservationSid, mut rest: VecDeque<WorkspaceSid>) {
        let Some(workspace) = rest.pop_front() else {
            return self.not_accepted(call, "no caller waits for this reservation");
        };
        let command = Command::UpdateReservation {
            sid: reservation,
            if_match: None,
            status: ReservationStatus::Accepted,
            activity: None,
        };
        let asked = Asked::Accept { call, reservation, rest };
        self.ask_routing(asked, RoutingTargetRef::Workspace(workspace), command);
    }

    pub(super) fn on_routed(
        &mut self,
        request: RoutingRequestId,
        outcome: Result<RoutingAnswer, RoutingRefusal>,
    ) {
        self.disarm(super::switchboard::Timer::Asked(request));
        let Some(asked) = self.asked.remove(&request) else {
            // Too late for whoever asked: a task that was made after all has no caller.
            if let Ok(RoutingAnswer::Task { workspace, task }) = outcome {
                self.report(workspace, VoiceReport::CallEnded { task, cause: CallEnd::Left });
            }
            return;
        };
        match (asked, outcome) {
            (Asked::Task { abandoned: Some(cause), .. }, Ok(RoutingAnswer::Task { workspace, task })) => {
                self.report(workspace, VoiceReport::CallEnded { task, cause });
            }
            (Asked::Task { call, .. }, outcome) => self.task_made(request, call, outcome),
            (Asked::ConferenceTask(call), outcome) => self.conference_task_made(call, outcome),
            (Asked::TaskLeft { call, code }, Err(refusal)) => self.notify_error(call, code, refusal.message),
            (Asked::TaskLeft { .. }, Ok(_)) => {}
            (Asked::OutboundTask { agent, to }, outcome) => self.outbound_task_made(agent, to, outcome),
            (Asked::Connected(reservation), Err(refusal)) => {
                let lost = self.talks.get(&reservation).is_some_and(|t| t.stage == Stage::Live(request));
                if lost {
                    if let Some(customer) = self.talks.get(&reservation).and_then(|t| t.customer) {
                        self.note(customer, "reservation", refusal.message, json!({"code": refusal.code}));
                    }
                    self.undo_talk(reservation);
                }
            }
            (Asked::Connected(_), Ok(_)) | (Asked::Attributes, _) => {}
            (Asked::Refer(agent), outcome) => self.refer_decided(agent, &outcome),
            (Asked::Feature(agent), Err(refusal)) => self.feature_refused(agent, &refusal.message),
            (Asked::Feature(agent), Ok(_)) => self.feature_accepted(agent),
            (Asked::Accept { call, reservation, rest }, Err(refusal)) => {
                let waits = self.calls.get(&call).is_some_and(|c| c.asks_for(reservation));
                if waits && refusal.code == NOT_FOUND {
                    self.accept_in(call, reservation, rest);
                } else if waits {
                    self.not_accepted(call, "the reservation could not be accepted");
                }
            }
            // The order that says so brings the caller.
            (Asked::Accept { .. }, Ok(_)) => {}
        }
    }

    /// A call that a colleague picked up has a new reservation, of which this is the first we hear.
    fn adopt(&mut self, reservation: ReservationSid, call: CallSid) {
        if self.talks.contains_key(&reservation) {
            return;
        }
        let Some(old) = self.calls.get(&call).and_then(|c| c.talk) else { return };
        let Some(mut talk) = self.talks.remove(&old) else { return };
        talk.offer.reservation = reservation;
        self.talks.insert(reservation, talk);
        self.bind(reservation);
    }

    /// The caller hears music under the agent's name. False if there is no such conversation.
    pub(super) fn park(&mut self, reservation: ReservationSid, keep_agent: bool) -> bool {
        let now = self.now;
        if self.is_shared(reservation) {
            return false;
        }
        let Some(talk) = self.talks.get_mut(&reservation) else { return false };
        match talk.stage {
            Stage::Live(request) => drop(self.asked.remove(&request)),
            Stage::Parked => return true,
            Stage::Ringing | Stage::Dialing => return false,
        }
        talk.stage = Stage::Parked;
        talk.parked = Some(now);
        let (agent, customer, name) = (talk.agent.take(), talk.customer, talk.offer.worker_name.clone());
        self.separate(agent, customer);
        if let Some(customer) = customer {
            self.dirty.insert(customer);
            self.note(customer, "park", format!("parked by {name}"), json!({"reservation_sid": reservation}));
        }
        if let Some(agent) = agent {
            self.let_agent_go(agent, keep_agent);
        }
        true
    }

    /// Brings a parked caller (or one who waits for an answer that the agent has given elsewhere) to the agent: on
    /// the leg they are on, without a new one; else by ringing them.
    fn pick_up(&mut self, offer: Offer, recalled: bool) {
        let reservation = offer.reservation;
        let Some(customer) = offer.call.filter(|c| self.calls.contains_key(c)) else {
            return self.report_failed(&offer, 40144, "the caller has gone");
        };
        let old = self.calls.get(&customer).and_then(|c| c.talk).or(Some(reservation));
        let old = old.filter(|r| self.talks.contains_key(r));
        // A recall asks; everything else was asked for by the agent, who may be on a leg.
        let leg = if recalled { None } else { self.leg_of(offer.worker) };
        if leg == Some(customer) {
            return self.report_failed(&offer, 40144, "the caller is the agent's own leg");
        }
        let in_transfer = old.filter(|r| *r != reservation).and_then(|r| self.talks.get(&r));
        if in_transfer.is_some_and(|t| t.is_live() && t.handing_over) {
            return self.join_transferor(offer, leg);
        }
        let busy = old.and_then(|r| self.talks.get(&r)).is_some_and(|t| match t.stage {
            Stage::Parked => false,
            // Asked twice, or on its way already. A phone that still rings is answered by this, on another leg.
            Stage::Live(_) | Stage::Dialing => true,
            Stage::Ringing => t.parked.is_some() && leg.is_none(),
        });
        if busy {
            return;
        }
        let parked = old.and_then(|r| self.talks.get(&r)).and_then(|t| t.parked);
        let rings = old.and_then(|r| self.talks.get(&r)).is_some_and(|t| t.stage == Stage::Ringing);
        if leg.is_none() && rings {
            // The phone rings for this very offer and there is no other leg to answer on: it goes on ringing.
            self.park_while_ringing(old, customer);
            return self.take(old.unwrap_or(reservation));
        }
        if let Some(old) = old {
            if rings {
                self.drop_talk(old);
            }
            self.talks.remove(&old);
        }
        let talk = Talk {
            customer: Some(customer),
            offer: offer.clone(),
            shape: Shape::plain(),
            stage: Stage::Parked,
            agent: leg,
            post_work: None,
            parked,
            handing_over: false,
            transferred: false,
        };
        match leg {
            Some(_) => {
                self.talks.insert(reservation, talk);
                self.connect_talk(reservation);
            }
            None => {
                // Parked until the phone is answered, and again if it is not.
                self.talks.insert(reservation, talk);
                self.park_while_ringing(Some(reservation), customer);
                let text = if recalled { "recalls the agent" } else { "picked up: rings the agent" };
                self.note(customer, "park", text, Value::Null);
                self.asked_for = (!recalled).then_some(reservation);
                self.ring(offer, Shape::plain(), None, None);
            }
        }
    }

    /// The agent has taken this caller and their phone still rings: the caller counts as parked.
    fn park_while_ringing(&mut self, reservation: Option<ReservationSid>, customer: CallSid) {
        let now = self.now;
        let Some(reservation) = reservation else { return };
        self.free_customer(customer, reservation);
        let Some(talk) = self.talks.get_mut(&reservation) else { return };
        talk.parked.get_or_insert(now);
        if let Some(call) = self.calls.get_mut(&customer) {
            call.talk = Some(reservation);
        }
        self.dirty.insert(customer);
    }

    fn requeue(&mut self, task: TaskSid, customer: CallSid) {
        let Some(call) = self.calls.get(&customer) else { return };
        let talk = call.talk.filter(|r| self.talks.get(r).is_some_and(|t| t.offer.task == task));
        let Some(talk) = talk.and_then(|r| self.talks.get(&r)) else { return };
        let (reservation, workspace, workflow) =
            (talk.offer.reservation, talk.offer.workspace, talk.offer.workflow);
        if talk.is_live() {
            return;
        }
        if talk.stage == Stage::Ringing {
            self.drop_talk(reservation);
        }
        self.talks.remove(&reservation);
        self.leave_conference(customer, Leave::Updated);
        let known = self.calls.get(&customer).and_then(Call::waiting).map(|w| w.queue);
        let queue = known.or_else(|| self.queue_on_demand(&workflow.to_string()));
        let (now, link) = (self.now, Some(TaskLink { workspace, task }));
        let (Some(queue), Some(call)) = (queue, self.calls.get_mut(&customer)) else { return };
        call.talk = None;
        match &mut call.doing {
            Doing::Queue(waiting) => {
                waiting.place = Place::Taken;
                waiting.wait = WaitPlan::Music;
                waiting.task = link;
            }
            doing => {
                *doing = Doing::Queue(Box::new(Waiting {
                    queue,
                    since: now,
                    waited: None,
                    action: None,
                    wait: WaitPlan::Music,
                    task: link,
                    place: Place::Taken,
                }));
            }
        }
        self.back_in_line(customer);
    }

    /// The task of a waiting or parked caller is over, and they are not.
    fn task_closed(&mut self, task: TaskSid, customer: CallSid, release: bool) {
        let Some(call) = self.calls.get_mut(&customer) else { return };
        let talk = call.talk;
        let linked = call.waiting().and_then(|w| w.task).is_some_and(|l| l.task == task);
        if let Some(waiting) = call.waiting_mut()
            && linked
        {
            waiting.task = None;
        }
        if call.owes.is_some_and(|l| l.task == task) {
            call.owes = None;
        }
        self.drop_offers_of(customer);
        let parked =
            talk.filter(|r| self.talks.get(r).is_some_and(|t| t.is_parked() && t.offer.task == task));
        if let Some(reservation) = parked {
            if self.talks.get(&reservation).is_some_and(|t| t.stage == Stage::Ringing) {
                self.drop_talk(reservation);
            }
            self.talks.remove(&reservation);
            if let Some(call) = self.calls.get_mut(&customer) {
                call.talk = None;
            }
            // After a transfer that failed they are on hold in their conference.
            self.leave_conference(customer, Leave::Updated);
        }
        if !linked && parked.is_none() {
            return;
        }
        self.dirty.insert(customer);
        self.note(customer, "queue", "the task is closed", json!({"task_sid": task, "release": release}));
        let release = release || (parked.is_none() && self.settings.canceled_task_releases_caller);
        match self.calls.get(&customer).map(|c| &c.doing) {
            Some(Doing::Queue(waiting)) if release => {
                let result = if waiting.waited.is_some() { "bridged" } else { "leave" };
                self.finish_enqueue(customer, result);
            }
            Some(Doing::Queue(_)) => self.back_in_line(customer),
            Some(Doing::Customer) => {
                self.part(customer, Leave::Updated);
                self.hang_up(customer);
            }
            _ => {}
        }
    }
}

/// A bare name is a browser's (reference: TaskRouter §5.5, `call`).
fn as_client(to: String) -> String {
    let is_name = to.chars().next().is_some_and(|first| first.is_ascii_alphabetic())
        && to.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    if is_name { format!("client:{to}") } else { to }
}
