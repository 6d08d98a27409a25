//! Lines: an agent's SIP phone that is called once and stays connected for the shift ("nailed up"). Offers ring in it, and calls
//! come and go on it without another INVITE: like a station, a line is a phone that hears something else from moment to moment.

use super::calls::{Close, Outgoing};
use super::port::*;
use super::requests::refused;
use super::shape::Shape;
use super::state::*;
use super::switchboard::{Switchboard, Timer};
use super::talk::{Stage as TalkStage, Talk};
use crate::routing::effect::Offer;
use base::*;
use media::control::{Prompt, Turns};
use serde_json::{Value, json};
use sip::port::Destination;
use std::collections::BTreeSet;
use std::time::Duration;

/// How long the phone rings when its line is opened.
const RING: Duration = Duration::from_secs(45);
/// A line that nobody closed is closed after this long: the longest call there is.
const LINE_MAX: Duration = Duration::from_secs(86_400);

/// A worker's line.
#[derive(Debug)]
pub(super) struct Line {
    pub call: CallSid,
    agent: AgentLeg,
    /// What was called: offers that ring elsewhere do not ring here.
    address: String,
    /// Offers that ring in it, the first one first.
    rings: BTreeSet<(u64, ReservationSid)>,
    /// What was on it is being settled.
    resting: bool,
}

impl Switchboard {
    /// Calls a worker's phone, to stay connected. A line that is open, or rings, is left as it is.
    pub(super) fn open_line(&mut self, workspace: WorkspaceSid, worker: WorkerSid, to: &str) -> Response {
        if self.lines.contains_key(&worker) {
            return Response::Done;
        }
        let Some((called, destination, headers)) = self.resolve(to) else {
            return refused(400, 21211, format!("The phone {to} cannot be called"));
        };
        if matches!(destination, Destination::Client(_)) {
            let message = "A browser keeps its own connection: a line is for a SIP phone";
            return refused(400, 20001, message.to_owned());
        }
        let agent = AgentLeg { workspace, worker, dialing: None };
        let from = self.settings.caller_id.as_ref().map_or_else(|| "anonymous".to_owned(), |n| n.to_string());
        let from = self.caller_id_for(&destination, from);
        let sid = CallSid::generate(&mut self.entropy);
        let made = self.call_out(Outgoing {
            sid,
            to: called,
            from,
            destination,
            parent: None,
            direction: CallDirection::OutboundApi,
            doing: Doing::Agent(agent),
            timeout: RING,
            callback: None,
            credentials: None,
            headers,
            send_digits: None,
        });
        let Some(call) = made.and_then(|sid| self.calls.get_mut(&sid)) else {
            return refused(503, 20503, "Too many live calls".to_owned());
        };
        call.line = Some(worker);
        let line = Line { call: sid, agent, address: to.to_owned(), rings: BTreeSet::new(), resting: false };
        self.lines.insert(worker, line);
        self.arm(Timer::Limit(sid), LINE_MAX);
        self.note(sid, "line", "opens a line", json!({"worker_sid": worker}));
        Response::Done
    }

    /// Hangs up a worker's line, and whatever is on it. What rings in it rings the phone from now on.
    pub(super) fn close_line(&mut self, worker: WorkerSid) -> Response {
        if let Some(sid) = self.lines.get(&worker).map(|line| line.call) {
            self.end_line(sid);
        }
        Response::Done
    }

    /// The same by the line's call; any other call is hung up.
    pub(super) fn end_line(&mut self, sid: CallSid) {
        let rings = self.forget_line(sid);
        self.hang_up(sid);
        self.ring_anew(rings);
    }

    /// This call is a line no more. What rang in it, for [`Self::ring_anew`] once the call is out of the way.
    pub(super) fn forget_line(&mut self, sid: CallSid) -> Vec<ReservationSid> {
        let worker = self.calls.get_mut(&sid).and_then(|call| call.line.take());
        let line = worker.and_then(|worker| self.lines.remove(&worker));
        line.into_iter().flat_map(|line| line.rings).map(|(_, reservation)| reservation).collect()
    }

    /// Offers that rang in a line which is no more ring the phone itself.
    pub(super) fn ring_anew(&mut self, rings: Vec<ReservationSid>) {
        for reservation in rings {
            let Some(talk) = self.talks.get(&reservation).filter(|talk| talk.rings_in_line()) else {
                continue;
            };
            let (offer, shape) = (talk.offer.clone(), talk.shape.clone());
            self.ring(offer, shape, None, None);
        }
    }

    /// The phone has answered: it hears nothing until somebody calls.
    pub(super) fn line_answered(&mut self, sid: CallSid) -> bool {
        let open = self.calls.get(&sid).is_some_and(|call| call.line.is_some());
        if open {
            self.note(sid, "line", "the line is open", Value::Null);
        }
        open
    }

    /// The line that this offer would ring in: open, at the address that it goes to, and not calling somebody. An offer with a
    /// document, a recording or callbacks of its own has a call of its own.
    pub(super) fn line_for(&self, offer: &Offer, shape: &Shape, to: Option<&str>) -> Option<CallSid> {
        let line = self.lines.get(&offer.worker)?;
        let here = to.or(offer.contact_uri.as_deref()) == Some(line.address.as_str());
        let call = self.calls.get(&line.call).filter(|call| call.is_up())?;
        let free = call.agent().is_some_and(|agent| agent.dialing.is_none());
        let dials = call.talk.and_then(|r| self.talks.get(&r)).is_some_and(Talk::is_dialing);
        (here && free && !dials && shape.fits_a_line()).then_some(line.call)
    }

    /// An offer rings in the agent's line. One that the agent asked for is answered: they are there. So is one whose
    /// application says how it is to be connected.
    pub(super) fn ring_in_line(&mut self, offer: Offer, shape: Shape, line: CallSid) {
        let reservation = offer.reservation;
        let asked = self.asked_for == Some(reservation) || !shape.is_plain();
        let (_, timeout) = self.leg_plan(&shape, &offer);
        if let Some(call) = offer.call {
            let data = json!({"worker_sid": offer.worker, "reservation_sid": reservation, "call_sid": line});
            self.note(call, "reservation", format!("rings in the line of {}", offer.worker_name), data);
        }
        self.arm_talk(reservation, timeout);
        let (order, worker) = (self.fresh(), offer.worker);
        let talk = self.ringing(offer, shape, None);
        self.talks.insert(reservation, talk);
        if let Some(line) = self.lines.get_mut(&worker) {
            line.rings.insert((order, reservation));
        }
        if asked {
            return self.answer_in_line(reservation);
        }
        self.dirty.insert(line);
        if self.calls.get(&line).is_some_and(|call| call.join != Join::Nobody) {
            // Somebody else calls: what every phone says in a conversation.
            self.play(line, vec![Prompt::Beep], Turns::Times(1));
        }
    }

    /// The agent takes what rings in their line.
    pub(super) fn answer_in_line(&mut self, reservation: ReservationSid) {
        let Some(talk) = self.talks.get(&reservation).filter(|talk| talk.rings_in_line()) else { return };
        let (offer, worker, makes) = (talk.offer.clone(), talk.offer.worker, talk.customer.is_none());
        let Some(line) = self.lines.get(&worker).map(|line| line.call) else { return };
        self.stop_in_line(worker, reservation);
        if makes {
            // Whoever was on it is parked before somebody is called.
            self.park_others(reservation, &offer, line);
        }
        if let Some(talk) = self.talks.get_mut(&reservation) {
            talk.agent = Some(line);
        }
        self.agent_answered(line);
    }

    /// It rings in the line no more.
    pub(super) fn stop_in_line(&mut self, worker: WorkerSid, reservation: ReservationSid) {
        let Some(line) = self.lines.get_mut(&worker) else { return };
        let before = line.rings.len();
        line.rings.retain(|(_, rings)| *rings != reservation);
        if line.rings.len() < before {
            self.dirty.insert(line.call);
        }
    }

    /// What has rung longest in the line of this worker.
    pub(super) fn first_in_line(&self, worker: WorkerSid) -> Option<ReservationSid> {
        self.lines.get(&worker)?.rings.first().map(|(_, reservation)| *reservation)
    }

    /// Whether this call is an idle line in which something rings.
    pub(super) fn rings_in(&self, call: &Call) -> bool {
        call.line.is_some_and(|worker| self.first_in_line(worker).is_some())
    }

    /// What was on a line is over: it is settled with everybody, and the line stays. False for every other call, and for a line
    /// that is not open yet or is closed for good.
    pub(super) fn rest(&mut self, sid: CallSid) -> bool {
        let worker = self.calls.get(&sid).filter(|call| call.is_up()).and_then(|call| call.line);
        let Some(line) = worker.and_then(|worker| self.lines.get_mut(&worker)) else { return false };
        if std::mem::replace(&mut line.resting, true) {
            return true;
        }
        let agent = line.agent;
        self.cut(sid, Cut::Ended, Some(Close::Hangup));
        self.settle_tasks_of(sid);
        self.forget_attended(sid);
        self.source_gone(|record| record.call == Some(sid));
        self.close_streams_of(sid);
        self.stop_playing(sid);
        if let Some(call) = self.calls.get_mut(&sid) {
            call.doing = Doing::Agent(agent);
        }
        if let Some(line) = self.lines.get_mut(&agent.worker) {
            line.resting = false;
        }
        self.dirty.insert(sid);
        true
    }

    /// A worker's line, if there is one.
    pub fn line(&self, worker: WorkerSid) -> Option<LineView> {
        let call = self.lines.get(&worker)?.call;
        Some(LineView { call, open: self.calls.get(&call)?.is_up() })
    }
}

impl Talk {
    /// It rings in the agent's line, and not by a call of its own.
    pub fn rings_in_line(&self) -> bool {
        self.stage == TalkStage::Ringing && self.agent.is_none()
    }
}
