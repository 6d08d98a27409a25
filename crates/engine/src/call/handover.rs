//! Transfers of a task whose agent and caller are in a conference: the caller is put on hold in it, the transferor leaves
//! (at once, or when they like), and whoever takes the task joins the same conference.

use super::conference::{ConferencePlan, Leave, Seat};
use super::shape::Shape;
use super::state::*;
use super::switchboard::Switchboard;
use super::talk::{Stage, Talk};
use crate::routing::command::{ConferenceInstruction, VoiceReport};
use crate::routing::effect::Offer;
use base::*;
use serde_json::{Map, Value, json};

impl Switchboard {
    /// The caller of a live talk is put on hold; `cold`: the agent lets go of them now.
    pub(super) fn hand_over(&mut self, reservation: ReservationSid, cold: bool) {
        let Some(talk) = self.talks.get(&reservation).filter(|t| t.is_live()) else { return };
        let (agent, customer, name) = (talk.agent, talk.customer, talk.offer.worker_name.clone());
        let Some(customer) = customer else { return };
        let Some(room) = self.room_of(reservation) else {
            if cold {
                self.park(reservation, false);
            }
            return;
        };
        if let Some(talk) = self.talks.get_mut(&reservation) {
            talk.handing_over = true;
        }
        self.hold(room, customer, true, None);
        if let Some(agent) = agent {
            self.set_ends(room, agent, false);
        }
        let data = json!({"reservation_sid": reservation, "cold": cold});
        self.note(customer, "hold", format!("on hold: {name} transfers the task"), data);
        if cold {
            self.keep_on_hold(reservation);
            if let Some(agent) = agent {
                self.leave_conference(agent, Leave::Updated);
                self.let_agent_go(agent, false);
            }
        }
    }

    /// The caller of a talk that its agent leaves stays on hold, under the transferor's reservation until another has
    /// them.
    fn keep_on_hold(&mut self, reservation: ReservationSid) {
        let now = self.now;
        let Some(talk) = self.talks.get_mut(&reservation) else { return };
        if let Stage::Live(request) = talk.stage {
            self.asked.remove(&request);
        }
        talk.stage = Stage::Parked;
        talk.parked = Some(now);
        talk.handing_over = true;
        let (agent, customer) = (talk.agent.take(), talk.customer);
        if let Some(agent) = agent.and_then(|agent| self.calls.get_mut(&agent)) {
            agent.talk = None;
        }
        if let Some(call) = customer.and_then(|customer| self.calls.get_mut(&customer)) {
            call.talk = Some(reservation);
        }
    }

    /// Nobody took the task: the caller is back with the transferor. One who has left is waited for no more: the caller
    /// stays on hold until routing says where they go.
    pub(super) fn hand_over_ended(&mut self, reservation: ReservationSid) {
        let Some(talk) = self.talks.get_mut(&reservation).filter(|t| t.is_live() && t.handing_over) else {
            return;
        };
        talk.handing_over = false;
        let (agent, customer, ends) = (talk.agent, talk.customer, talk.ends());
        let (Some(agent), Some(customer)) = (agent, customer) else { return };
        if let Some(Join::Conference(room)) = self.calls.get(&customer).map(|c| c.join) {
            self.hold(room, customer, false, None);
            self.set_ends(room, agent, ends);
            self.note(customer, "hold", "off hold: the transfer is over", Value::Null);
        }
    }

    fn set_ends(&mut self, room: ConferenceSid, call: CallSid, ends: bool) {
        if let Some(seat) = self.seat_mut(room, call) {
            seat.ends = ends;
        }
    }

    /// The caller of this offer is in the task's conference already: the task is transferred.
    pub(super) fn is_in_room(&self, customer: CallSid, offer: &Offer, shape: &Shape) -> bool {
        let Some(Join::Conference(room)) = self.calls.get(&customer).map(|c| c.join) else { return false };
        let named = self.conferences.get(&room).map(|c| c.record.friendly_name.as_str());
        matches!(shape, Shape::Conference(_)) && named == Some(offer.task.to_string().as_str())
    }

    /// Another talk has the caller from now on; the transferor's goes on beside it, or ends if its agent has left.
    pub(super) fn take_over(&mut self, customer: CallSid, by: ReservationSid) {
        let before: Vec<ReservationSid> = self
            .talks
            .iter()
            .filter(|(r, t)| **r != by && t.customer == Some(customer))
            .map(|(r, _)| *r)
            .collect();
        for reservation in before {
            match self.talks.get_mut(&reservation) {
                Some(talk) if talk.is_live() => talk.handing_over = false,
                Some(talk) if talk.stage == Stage::Parked => drop(self.talks.remove(&reservation)),
                _ => {}
            }
        }
        if let Some(call) = self.calls.get_mut(&customer) {
            call.talk = Some(by);
        }
    }

    /// The agent joins the conference in which the caller is on hold. The hold ends if nobody else is there for the caller.
    pub(super) fn meet_in_room(
        &mut self,
        reservation: ReservationSid,
        offer: &Offer,
        instruction: &ConferenceInstruction,
        agent: CallSid,
        customer: CallSid,
    ) -> Option<Map<String, Value>> {
        let room = offer.task.to_string();
        let seat = Seat {
            starts: instruction.start_conference_on_enter,
            ends: instruction.end_conference_on_exit,
            // Only an instruction from outside names a caller ID; ours mean "both leave together".
            ends_as_last: instruction.from.is_none(),
            muted: instruction.muted,
            ..Seat::plain(agent).beeps(&instruction.beep)
        };
        let Ok(conference) = self.join_conference(&room, seat, ConferencePlan::told(None)) else {
            self.report_failed(offer, 40145, "the conference is full");
            self.drop_talk(reservation);
            return None;
        };
        // The transferor who is still there talks with their colleague first, and takes the caller off hold when they like.
        if self.colleague_of(reservation, customer).is_none() {
            self.off_hold(conference, customer, format!("off hold: {} takes over", offer.worker_name));
        }
        let participants = json!({"worker": agent, "customer": customer});
        let conference = json!({"sid": conference, "room_name": room, "participants": participants});
        Some(Map::from_iter([("conference".to_owned(), conference)]))
    }

    /// A transferred caller is brought to an agent who picks them up: on their leg, or by ringing them.
    pub(super) fn join_transferor(&mut self, offer: Offer, leg: Option<CallSid>) {
        let reservation = offer.reservation;
        let rings = self.talks.get(&reservation).is_some_and(|t| t.stage == Stage::Ringing);
        match leg {
            None if rings => {}
            None => self.ring(offer, Shape::plain(), None, None),
            Some(_) => {
                if rings {
                    self.drop_talk(reservation);
                }
                let talk = Talk {
                    customer: offer.call,
                    offer,
                    shape: Shape::plain(),
                    stage: Stage::Parked,
                    agent: leg,
                    post_work: None,
                    parked: None,
                    handing_over: false,
                    transferred: false,
                };
                self.talks.insert(reservation, talk);
                self.connect_talk(reservation);
            }
        }
    }

    /// Two agents talk with this caller, or one does and the task is on its way to another.
    pub(super) fn is_shared(&self, reservation: ReservationSid) -> bool {
        let Some(talk) = self.talks.get(&reservation) else { return false };
        (talk.is_live() && talk.handing_over) || self.colleague(reservation).is_some()
    }

    /// The other live talk with the same caller.
    fn colleague(&self, reservation: ReservationSid) -> Option<ReservationSid> {
        self.colleague_of(reservation, self.talks.get(&reservation)?.customer?)
    }

    fn colleague_of(&self, reservation: ReservationSid, customer: CallSid) -> Option<ReservationSid> {
        let others = self.talks.iter().filter(|(r, _)| **r != reservation);
        let mut live = others.filter(|(_, t)| t.is_live() && t.customer == Some(customer));
        live.next().map(|(r, _)| *r)
    }

    /// This leg is the agent of a live talk.
    pub(super) fn is_agent_live(&self, call: CallSid) -> bool {
        let talk = self.calls.get(&call).and_then(|c| c.talk).and_then(|r| self.talks.get(&r));
        talk.is_some_and(|t| t.is_live() && t.agent == Some(call))
    }

    /// The live talks that end when this leg leaves: the agent's own, or all of a caller's.
    pub(super) fn talks_that_end(&self, sid: CallSid, own: ReservationSid) -> Vec<ReservationSid> {
        if self.talks.get(&own).is_some_and(|t| t.customer != Some(sid)) {
            return vec![own];
        }
        let theirs = self.talks.iter().filter(|(_, t)| t.is_live() && t.customer == Some(sid));
        theirs.map(|(r, _)| *r).collect()
    }

    /// One side of a live talk has left while its task was in transfer, or an agent while a colleague stays. False: the
    /// conversation ends as any other.
    pub(super) fn left_in_transfer(&mut self, sid: CallSid, reservation: ReservationSid) -> bool {
        let Some(talk) = self.talks.get(&reservation) else { return false };
        let (workspace, task, post_work) = (talk.offer.workspace, talk.offer.task, talk.post_work);
        let (is_agent, handing_over) = (talk.agent == Some(sid), talk.handing_over);
        let ended = VoiceReport::ConversationEnded { reservation, post_work_activity: post_work };
        if is_agent && handing_over {
            self.keep_on_hold(reservation);
            self.report(workspace, ended);
            return true;
        }
        if handing_over {
            // The task is over for whoever was to have it, too.
            let Some(talk) = self.talks.remove(&reservation) else { return false };
            for leg in [talk.agent, talk.customer].into_iter().flatten() {
                if let Some(call) = self.calls.get_mut(&leg) {
                    call.talk = None;
                    call.owes = None;
                    if let Some(waiting) = call.waiting_mut() {
                        waiting.task = None;
                    }
                }
            }
            let cause = crate::routing::command::CallEnd::Hangup;
            self.report(workspace, VoiceReport::CallEnded { task, cause });
            return true;
        }
        match self.colleague(reservation).filter(|_| is_agent) {
            Some(other) => {
                self.leave_to_colleague(reservation, other);
                self.report(workspace, ended);
                true
            }
            None => false,
        }
    }

    /// One of two agents leaves: the caller is the other's, who ends the conference as they were told to at first.
    fn leave_to_colleague(&mut self, reservation: ReservationSid, other: ReservationSid) {
        let Some(talk) = self.talks.remove(&reservation) else { return };
        if let Stage::Live(request) = talk.stage {
            self.asked.remove(&request);
        }
        if let Some(agent) = talk.agent.and_then(|agent| self.calls.get_mut(&agent)) {
            agent.talk = None;
        }
        self.bind(other);
        let Some(stays) = self.talks.get(&other) else { return };
        let (agent, ends) = (stays.agent, stays.ends());
        let room = talk.customer.and_then(|customer| self.calls.get(&customer)).map(|c| c.join);
        if let (Some(Join::Conference(room)), Some(agent)) = (room, agent) {
            self.set_ends(room, agent, ends);
        }
        // Nobody is left alone with music by those who were to talk with them.
        if let (Some(Join::Conference(room)), Some(customer)) = (room, talk.customer) {
            self.off_hold(room, customer, format!("off hold: {} has left", talk.offer.worker_name));
        }
    }

    fn off_hold(&mut self, room: ConferenceSid, customer: CallSid, text: String) {
        if self.seat_mut(room, customer).is_some_and(|seat| seat.hold) {
            self.hold(room, customer, false, None);
            self.note(customer, "hold", text, Value::Null);
        }
    }

    /// Routing says that an agent may not have a transferred caller: the agent leaves the conference, in which the
    /// caller stays with a colleague or on hold. False if it is no such conference.
    pub(super) fn leaves_room_to_others(&mut self, reservation: ReservationSid) -> bool {
        let Some(talk) = self.talks.get(&reservation) else { return false };
        let (agent, customer, took_over) = (talk.agent, talk.customer, talk.transferred);
        let other = self.colleague(reservation);
        if other.is_none() && !took_over {
            return false;
        }
        match other {
            Some(other) => self.leave_to_colleague(reservation, other),
            None => {
                self.keep_on_hold(reservation);
                let room = customer.and_then(|customer| Some((customer, self.calls.get(&customer)?.join)));
                if let Some((customer, Join::Conference(room))) = room {
                    self.hold(room, customer, true, None);
                    if let Some(agent) = agent {
                        self.set_ends(room, agent, false);
                    }
                }
            }
        }
        if let Some(agent) = agent {
            self.leave_conference(agent, Leave::Updated);
            self.let_agent_go(agent, false);
        }
        true
    }
}

impl Talk {
    /// Whether the conference is to end when its agent leaves.
    fn ends(&self) -> bool {
        matches!(&self.shape, Shape::Conference(instruction) if instruction.end_conference_on_exit)
    }
}
