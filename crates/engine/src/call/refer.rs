//! REFER: a phone hands whoever it talks with to somebody else (reference: voice §9.3, RFC 3515).

use super::inbound::{is_user, public};
use super::parameters::pair;
use super::port::*;
use super::program::escape;
use super::state::*;
use super::switchboard::{Asked, Switchboard, Timer};
use crate::routing::command::Command as Routing;
use crate::routing::model::{TransferMode, TransferTarget};
use base::*;
use serde_json::json;
use sip::port::Command;

pub(super) const FORBIDDEN: u16 = 403;
const NOBODY: u16 = 404;
pub(super) const DECLINED: u16 = 603;

/// Whom a phone refers to.
enum Referred {
    Agent(WorkspaceSid, WorkerSid),
    /// A noun of `<Dial>`.
    Noun(String),
}

impl Switchboard {
    /// The peer of this call asks that the other side be connected with `to`.
    pub(super) fn referred(&mut self, sid: CallSid, to: &str, replaces: Option<LegId>) {
        let other = replaces.map(|leg| self.legs.get(&leg).copied());
        let data = json!({"to": to, "replaces": other.flatten()});
        self.note(sid, "sip", "asks for a transfer", data);
        let referred = match other {
            None => self.refer(sid, to),
            Some(Some(other)) => self.refer_attended(sid, other),
            Some(None) => Err(DECLINED),
        };
        match referred {
            Ok(true) => {}
            Ok(false) => self.settle_refer(sid, 200),
            Err(status) => self.settle_refer(sid, status),
        }
    }

    pub(super) fn settle_refer(&mut self, sid: CallSid, status: u16) {
        if let Some(call) = self.calls.get(&sid) {
            let leg = call.leg;
            self.sip(Command::Referred { leg, status });
        }
    }

    /// Routing has said whether an agent's transfer is under way.
    pub(super) fn refer_decided(&mut self, sid: CallSid, outcome: &Result<RoutingAnswer, RoutingRefusal>) {
        if let Err(refusal) = outcome {
            self.attended.retain(|_, attended| attended.referrer != sid);
            self.note(sid, "sip", refusal.message.clone(), json!({"code": refusal.code}));
        }
        self.settle_refer(sid, if outcome.is_ok() { 200 } else { DECLINED });
    }

    /// `true`: the outcome is told later, or was.
    fn refer(&mut self, sid: CallSid, to: &str) -> Result<bool, u16> {
        let call = self.calls.get(&sid).ok_or(DECLINED)?;
        if let Some(talk) = call.talk.filter(|_| call.agent().is_some()) {
            return self.refer_customer(sid, talk, to);
        }
        let Join::Bridge(other) = call.join else { return Err(DECLINED) };
        let (owner, is_phone) = match call.doing {
            Doing::Child { parent, .. } => (parent, call.phone.is_some()),
            Doing::Dial(_) => (sid, call.phone.is_some()),
            _ => return Err(DECLINED),
        };
        let hook = match self.calls.get(&owner).map(|c| &c.doing) {
            Some(Doing::Dial(dial)) => dial.refer.clone(),
            _ => return Err(DECLINED),
        };
        if let Some(webhook) = hook {
            self.settle_refer(sid, 200);
            self.leave_behind(sid, owner, other);
            self.cut(other, Cut::Redirected, None);
            self.fetch_main(other, webhook, vec![pair("ReferTransferTarget", to)]);
            self.hang_up(sid);
            return Ok(true);
        }
        // Somebody from outside does not say whom we call.
        if !is_phone || !self.settings.phones_dial_out {
            return Err(FORBIDDEN);
        }
        let noun = self.refer_noun(to).ok_or(NOBODY)?;
        self.settle_refer(sid, 200);
        self.leave_behind(sid, owner, other);
        self.cut(other, Cut::Redirected, None);
        self.run_own(other, &format!("<Dial>{noun}</Dial>"));
        self.hang_up(sid);
        Ok(true)
    }

    /// The other side of a `<Dial>` goes on alone: the dial is over.
    pub(super) fn leave_behind(&mut self, sid: CallSid, owner: CallSid, other: CallSid) {
        if owner != sid {
            // The other side dialled: cutting it short lets this one go.
            return;
        }
        let Some(call) = self.calls.get_mut(&sid) else { return };
        let dial = std::mem::replace(&mut call.doing, Doing::Program);
        call.join = Join::Nobody;
        self.dirty.extend([sid, other]);
        if let Some(other) = self.calls.get_mut(&other) {
            (other.join, other.doing) = (Join::Nobody, Doing::Program);
        }
        self.disarm(Timer::DialLimit(sid));
        if let Doing::Dial(dial) = dial {
            if let Some(recording) = dial.recording {
                self.stop_recording(recording);
            }
            let parameters = self.dial_result(&dial, false);
            self.request_and_ignore(sid, dial.action, parameters);
        }
    }

    /// An agent's customer goes to a colleague by a transfer of their task, and anywhere else with a document of ours.
    fn refer_customer(&mut self, sid: CallSid, talk: ReservationSid, to: &str) -> Result<bool, u16> {
        let talk = self.talks.get(&talk).filter(|t| t.is_live()).ok_or(DECLINED)?;
        let (offer, customer) = (&talk.offer, talk.customer.ok_or(DECLINED)?);
        let (workspace, reservation, task) = (offer.workspace, offer.reservation, offer.task);
        match self.refer_target(to).ok_or(NOBODY)? {
            Referred::Agent(of, worker) if of == workspace => {
                let command = Routing::CreateTransfer {
                    reservation,
                    task,
                    to: TransferTarget::Worker(worker),
                    attributes: None,
                    mode: TransferMode::Cold,
                    priority: None,
                };
                self.ask_routing(Asked::Refer(sid), RoutingTargetRef::Workspace(workspace), command);
                Ok(true)
            }
            Referred::Agent(..) => Err(FORBIDDEN),
            Referred::Noun(noun) => {
                self.settle_refer(sid, 200);
                self.cut(customer, Cut::Redirected, None);
                self.run_own(customer, &format!("<Dial>{noun}</Dial>"));
                Ok(true)
            }
        }
    }

    fn refer_target(&self, to: &str) -> Option<Referred> {
        let agent = self.agents.values().find(|a| a.user == to || a.extension.as_deref() == Some(to));
        match agent {
            Some(agent) => Some(Referred::Agent(agent.workspace, agent.worker)),
            None => self.refer_noun(to).map(Referred::Noun),
        }
    }

    fn refer_noun(&self, to: &str) -> Option<String> {
        if let Some(number) = public(to) {
            return Some(format!("<Number>{number}</Number>"));
        }
        if to.starts_with("sip:") || to.starts_with("sips:") {
            return Some(format!("<Sip>{}</Sip>", escape(to)));
        }
        let agent = self.agents.values().find(|a| a.extension.as_deref() == Some(to));
        let user = agent.map_or(to, |a| a.user.as_str());
        let domain = self.settings.sip_domains.first().filter(|_| is_user(user))?;
        Some(format!("<Sip>{}</Sip>", escape(&format!("sip:{user}@{domain}"))))
    }
}
