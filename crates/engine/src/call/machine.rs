//! Who answered a call of ours: a person or a machine (reference: voice §1.4, §3.1).

use super::parameters::{Parameters, pair};
use super::port::*;
use super::state::*;
use super::switchboard::{Switchboard, Timer};
use base::*;
use media::control::{AnsweredBy, Command};
use serde_json::json;
use std::time::Duration;

/// What we wait beyond the detection's own timeout.
const MARGIN: Duration = Duration::from_secs(5);

impl Switchboard {
    /// A call was answered of which somebody wants to know by whom.
    pub(super) fn detect(&mut self, sid: CallSid) {
        let Some(call) = self.calls.get(&sid) else { return };
        let Some(machine) = &call.machine else { return };
        let (leg, plan) = (call.leg.0, machine.plan);
        self.media(Command::Detect { leg, plan });
        self.arm(Timer::Machine(sid), plan.timeout + MARGIN);
    }

    /// Its document waits for the answer.
    pub(super) fn is_detecting(call: &Call) -> bool {
        call.record.answered_by.is_none() && call.machine.as_ref().is_some_and(|m| !m.in_background)
    }

    /// It is known who answered, or never will be.
    pub(super) fn answered_by(&mut self, sid: CallSid, by: AnsweredBy, after: Duration) {
        self.disarm(Timer::Machine(sid));
        let Some(call) = self.calls.get_mut(&sid).filter(|c| c.record.answered_by.is_none()) else { return };
        let Some(machine) = call.machine.clone() else { return };
        call.record.answered_by = Some(by.as_str().to_owned());
        call.detection =
            vec![pair("AnsweredBy", by.as_str()), pair("MachineDetectionDuration", after.as_millis())];
        let detection = call.detection.clone();
        self.record_call(sid);
        self.note(
            sid,
            "quality",
            format!("answered by {}", by.as_str()),
            json!({"ms": after.as_millis() as u64}),
        );
        if let Some(webhook) = machine.callback {
            let mut parameters = vec![pair("CallSid", sid), pair("AccountSid", self.settings.account)];
            parameters.extend(detection);
            self.out.push(Effect::Callback { lane: sid.to_string(), webhook, parameters });
        }
        self.make_ready(sid);
    }

    pub(super) fn detection_timed_out(&mut self, sid: CallSid) {
        let timeout = self.calls.get(&sid).and_then(|c| c.machine.as_ref()).map(|m| m.plan.timeout);
        self.answered_by(sid, AnsweredBy::Unknown, timeout.unwrap_or_default());
    }

    /// What the first document of a call is asked with beside the standard parameters.
    pub(super) fn detection(&self, sid: CallSid) -> Parameters {
        self.calls.get(&sid).map(|c| c.detection.clone()).unwrap_or_default()
    }
}
