//! `<Refer>`: a SIP caller is asked to call somebody else (reference: voice §2.8, RFC 3515).

use super::dial::CLIENT;
use super::parameters::{Parameters, pair};
use super::port::*;
use super::state::*;
use super::switchboard::{Switchboard, Timer};
use base::*;
use serde_json::json;
use sip::port::Command;
use std::time::Duration;

/// The caller is no SIP phone.
const NOT_SIP: u32 = 13801;
/// How long the caller's new call may take, from our REFER to the last word about it.
const REFER_WAIT: Duration = Duration::from_secs(120);

/// A running `<Refer>`.
#[derive(Debug)]
pub(super) struct Referring {
    action: Option<Webhook>,
    /// What the REFER was answered with.
    answered: Option<u16>,
    /// The last word about the new call.
    notified: Option<u16>,
}

impl Switchboard {
    pub(super) fn refer_verb(&mut self, sid: CallSid, verb: twiml::Refer) {
        let action = self.optional_hook(sid, verb.action.as_ref());
        let Some(call) = self.calls.get_mut(&sid) else { return };
        let party = match call.record.direction {
            CallDirection::Inbound => &call.record.from,
            CallDirection::OutboundApi | CallDirection::OutboundDial => &call.record.to,
        };
        if party.starts_with(CLIENT) {
            return self.failed(sid, NOT_SIP, "only a SIP call can be referred".to_owned());
        }
        let leg = call.leg;
        call.step = Step::Referring(Box::new(Referring { action, answered: None, notified: None }));
        self.note(sid, "sip", "is asked to call somebody else", json!({"to": verb.uri}));
        self.sip(Command::Refer { leg, to: verb.uri });
        self.arm(Timer::Step(sid), REFER_WAIT);
    }

    fn referring(&mut self, sid: CallSid) -> Option<&mut Referring> {
        match self.calls.get_mut(&sid).map(|call| &mut call.step) {
            Some(Step::Referring(referring)) => Some(referring),
            _ => None,
        }
    }

    /// The peer has answered our REFER; what comes of it, it says later.
    pub(super) fn refer_answered(&mut self, sid: CallSid, status: Option<u16>) {
        self.note(sid, "sip", "answered the REFER", json!({"sip": status}));
        let Some(referring) = self.referring(sid) else { return };
        referring.answered = status;
        if !status.is_some_and(|status| (200..300).contains(&status)) {
            self.refer_over(sid);
        }
    }

    /// The peer says how its new call goes.
    pub(super) fn refer_notified(&mut self, sid: CallSid, status: Option<u16>, over: bool) {
        self.note(sid, "sip", "says how the REFER goes", json!({"sip": status, "over": over}));
        let Some(referring) = self.referring(sid) else { return };
        referring.notified = status.or(referring.notified);
        if over {
            self.refer_over(sid);
        }
    }

    /// Nothing more will be said: the action decides what comes next, or the verb after it.
    pub(super) fn refer_over(&mut self, sid: CallSid) {
        let Some(call) = self.calls.get_mut(&sid) else { return };
        let Step::Referring(referring) = std::mem::replace(&mut call.step, Step::Ready) else { return };
        self.disarm(Timer::Step(sid));
        let parameters = result(&referring);
        self.finish_verb(sid, referring.action, parameters);
    }

    /// The caller has hung up, as one may who has got where they were sent. The action is told; its reply has nobody.
    pub(super) fn refer_cut(&mut self, sid: CallSid, referring: Referring) {
        let parameters = result(&referring);
        self.request_and_ignore(sid, referring.action, parameters);
    }
}

/// What came of it. Without a word about the new call there is a status only if the REFER itself was refused.
fn result(referring: &Referring) -> Parameters {
    let accepted = referring.answered.is_none_or(|status| (200..300).contains(&status));
    let status = match referring.notified {
        _ if !accepted => Some("failed"),
        None => None,
        Some(100..=299) => Some("in-progress"),
        Some(486 | 600 | 603) => Some("busy"),
        Some(408 | 480) => Some("no-answer"),
        Some(487) => Some("canceled"),
        Some(_) => Some("failed"),
    };
    let mut all: Parameters = Vec::new();
    all.extend(status.map(|status| pair("ReferCallStatus", status)));
    all.extend(referring.answered.map(|status| pair("ReferSipResponseCode", status)));
    all.extend(referring.notified.map(|status| pair("NotifySipResponseCode", status)));
    all
}
