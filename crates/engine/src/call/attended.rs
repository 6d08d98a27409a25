//! Attended transfers (RFC 5589 §7): a phone that talks with two parties puts them together, and leaves. And a party
//! that comes back on another leg (RFC 3891).

use super::calls::CALL_LIMIT;
use super::port::*;
use super::refer::{DECLINED, FORBIDDEN};
use super::shape::Shape;
use super::state::*;
use super::switchboard::{Asked, Switchboard, Timer};
use super::talk::{Stage as TalkStage, Talk};
use crate::routing::command::Command as Routing;
use crate::routing::effect::Offer;
use crate::routing::model::{TransferMode, TransferTarget};
use base::*;
use media::control::Route;
use serde_json::json;
use sip::port::Command;

/// The call whose leg another is to replace is not there any more.
const GONE: u16 = 481;

/// A task on its way to a colleague whom its agent has asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attended {
    /// The agent's call with the caller, over which they referred.
    pub referrer: CallSid,
    /// The agent's call with the colleague.
    pub consult: CallSid,
    /// The colleague's leg of it.
    pub colleague: CallSid,
    pub worker: WorkerSid,
}

impl Switchboard {
    /// The peer of `sid` wants to leave its party of this call and that of `other` to each other. `true`: the outcome
    /// is told later, or was.
    pub(super) fn refer_attended(&mut self, sid: CallSid, other: CallSid) -> Result<bool, u16> {
        let phone = |sid: &CallSid| self.calls.get(sid).and_then(|call| call.phone.clone());
        if sid == other || phone(&sid).is_none() || phone(&sid) != phone(&other) {
            // Somebody from outside does not say who talks with whom.
            return Err(FORBIDDEN);
        }
        let live = |sid: &CallSid| {
            let talk = self.calls.get(sid).filter(|call| call.agent().is_some())?.talk?;
            self.talks.get(&talk).filter(|talk| talk.is_live()).map(|_| talk)
        };
        match (live(&sid), live(&other)) {
            (Some(talk), None) => self.hand_task_to(sid, talk, sid, other),
            (None, Some(talk)) => self.hand_task_to(sid, talk, other, sid),
            (None, None) => {
                let (of_one, of_other) = (self.dialled_with(sid)?, self.dialled_with(other)?);
                self.settle_refer(sid, 200);
                self.let_go_of(sid, of_one);
                self.let_go_of(other, of_other);
                self.put_together(of_one.1, of_other.1)
            }
            (Some(_), Some(_)) => Err(DECLINED),
        }
    }

    /// The owner of the `<Dial>` that this call is part of, and the other side of it.
    fn dialled_with(&self, sid: CallSid) -> Result<(CallSid, CallSid), u16> {
        let call = self.calls.get(&sid).ok_or(DECLINED)?;
        let Join::Bridge(other) = call.join else { return Err(DECLINED) };
        match call.doing {
            Doing::Child { parent, .. } => Ok((parent, other)),
            Doing::Dial(_) => Ok((sid, other)),
            _ => Err(DECLINED),
        }
    }

    /// The phone leaves a call, whose other side has nothing to do afterwards.
    fn let_go_of(&mut self, sid: CallSid, (owner, other): (CallSid, CallSid)) {
        self.leave_behind(sid, owner, other);
        self.cut(other, Cut::Redirected, None);
        self.hang_up(sid);
    }

    /// Two who have lost their partners talk with each other, and the call is over when one of them leaves.
    fn put_together(&mut self, one: CallSid, other: CallSid) -> Result<bool, u16> {
        if !self.calls.contains_key(&one) || !self.calls.contains_key(&other) {
            self.hang_up(one);
            self.hang_up(other);
            return Ok(true);
        }
        for sid in [one, other] {
            if let Some(call) = self.calls.get_mut(&sid) {
                call.doing = Doing::Customer;
            }
            self.arm(Timer::Limit(sid), CALL_LIMIT);
        }
        self.join_two(one, other);
        Ok(true)
    }

    /// The caller of a live talk goes to whom the agent has asked: with their task to a colleague, else with the call
    /// alone, and the conversation is over.
    fn hand_task_to(
        &mut self,
        referrer: CallSid,
        talk: ReservationSid,
        agent: CallSid,
        consult: CallSid,
    ) -> Result<bool, u16> {
        let parts = self.dialled_with(consult)?;
        let colleague = parts.1;
        let talk = self.talks.get(&talk).ok_or(DECLINED)?;
        let customer = talk.customer.ok_or(DECLINED)?;
        let (workspace, reservation, task) = (talk.offer.workspace, talk.offer.reservation, talk.offer.task);
        let phone = self.calls.get(&colleague).and_then(|call| call.phone.as_ref());
        let worker = phone.and_then(|user| self.agents.get(user)).filter(|a| a.workspace == workspace);
        if let Some(worker) = worker.map(|agent| agent.worker) {
            self.attended.insert(task, Attended { referrer, consult, colleague, worker });
            let command = Routing::CreateTransfer {
                reservation,
                task,
                to: TransferTarget::Worker(worker),
                attributes: None,
                mode: TransferMode::Cold,
                priority: None,
            };
            self.ask_routing(Asked::Refer(referrer), RoutingTargetRef::Workspace(workspace), command);
            return Ok(true);
        }
        self.settle_refer(referrer, 200);
        self.let_go_of(consult, parts);
        self.cut(customer, Cut::Redirected, None);
        self.hang_up(agent);
        self.put_together(customer, colleague)
    }

    /// An offer for a task that comes with a colleague who was asked before: they are on the line, nothing rings. False
    /// if it is no such offer.
    pub(super) fn meets_colleague(&mut self, offer: &Offer, shape: &Shape) -> bool {
        let Some(attended) = self.attended.get(&offer.task).copied() else { return false };
        if attended.worker != offer.worker {
            return false;
        }
        self.attended.remove(&offer.task);
        let Ok(parts) = self.dialled_with(attended.consult) else { return false };
        if parts.1 != attended.colleague || offer.call.is_none() {
            return false;
        }
        self.let_go_of(attended.consult, parts);
        let Some(call) = self.calls.get_mut(&attended.colleague) else { return false };
        call.doing =
            Doing::Agent(AgentLeg { workspace: offer.workspace, worker: offer.worker, dialing: None });
        let reservation = offer.reservation;
        let talk = Talk {
            customer: offer.call,
            offer: offer.clone(),
            shape: shape.clone(),
            stage: TalkStage::Parked,
            agent: Some(attended.colleague),
            post_work: None,
            parked: None,
            handing_over: false,
            transferred: false,
        };
        self.talks.insert(reservation, talk);
        self.connect_talk(reservation);
        true
    }

    /// Nobody waits on this call for a task any more.
    pub(super) fn forget_attended(&mut self, sid: CallSid) {
        self.attended.retain(|_, attended| attended.consult != sid && attended.colleague != sid);
    }

    /// A leg that is up goes on as another one of the same party: the call stays what it is.
    pub(super) fn replace_leg(&mut self, new: LegId, old: LegId, peer: &str) {
        let sid = self.legs.get(&old).copied();
        let Some((sid, call)) = sid.and_then(|sid| Some((sid, self.calls.get_mut(&sid)?))) else {
            return self.sip(Command::Refuse { leg: new, status: GONE });
        };
        // What is being played or asked would not be heard on the new leg.
        if !call.is_up() || !matches!(call.step, Step::Ready) {
            return self.sip(Command::Refuse { leg: new, status: GONE });
        }
        call.leg = new;
        call.peer_held = false;
        call.audio = Audio {
            route: Route::Silence,
            muted: false,
            whispers_to: None,
            watched: false,
            playing: None,
            music_failed: call.audio.music_failed,
        };
        self.note(sid, "sip", "goes on with another leg", json!({"peer": peer}));
        self.close_leg(old, sid);
        self.legs.insert(new, sid);
        self.sip(Command::Answer { leg: new });
        self.sip(Command::Hangup { leg: old });
        self.dirty_partners(sid);
    }
}
