//! What happens to everyone else when a call's doing is cut short: redirected over the API, or ended.

use super::calls::Close;
use super::conference::Leave;
use super::parameters::pair;
use super::port::CallStatus;
use super::state::*;
use super::switchboard::{CallEnd, Switchboard, Timer};
use crate::routing::command::VoiceReport;
use base::*;
use sip::port::Cause;

impl Switchboard {
    /// Stops whatever `sid` does and settles it with everyone concerned. Afterwards the call has nothing to do.
    pub(super) fn cut(&mut self, sid: CallSid, how: Cut, close: Option<Close>) {
        let whispering = match self.calls.get(&sid).and_then(|c| c.side.as_ref()).map(|s| s.purpose) {
            Some(Purpose::Whisper(asker)) => Some(asker),
            _ => None,
        };
        if how == Cut::Ended {
            self.record_hung_up(sid);
        }
        self.stop_step(sid);
        let Some(call) = self.calls.get_mut(&sid) else { return };
        call.side = None;
        call.main = None;
        call.at_answer = None;
        call.star = false;
        call.diversions = Diversions::default();
        call.message = None;
        let joined = call.join != Join::Nobody;
        let status = call.record.status;
        let doing = std::mem::replace(&mut call.doing, Doing::Program);
        let cause = if how == Cut::Ended { CallEnd::Hangup } else { CallEnd::Redirected };
        self.dirty.insert(sid);
        self.drop_parked(sid, cause);
        let leave = if how == Cut::Ended { Leave::HungUp } else { Leave::Updated };
        let task_settled = self.calls.get(&sid).is_some_and(|c| c.talk.is_some());
        match doing {
            Doing::Program | Doing::Supervisor(_) => self.part(sid, leave),
            Doing::Dial(dial) => self.cut_dial(sid, *dial, leave),
            Doing::DialQueue(dial) => self.cut_dial_queue(sid, *dial, leave),
            Doing::Conference { action, .. } => {
                self.part(sid, leave);
                self.leave_task(sid, cause);
                self.request_and_ignore(sid, action, vec![pair("DialCallStatus", "answered")]);
            }
            Doing::Queue(mut waiting) => {
                self.part(sid, leave);
                self.leave_line(waiting.queue, sid);
                if task_settled {
                    waiting.task = None;
                }
                self.settle_waiting(sid, &waiting, cause);
                if let Some(asker) = whispering {
                    self.dial_queue_over(asker);
                }
                let result = match (how, joined) {
                    (Cut::Redirected, true) => "redirected-from-bridged",
                    (Cut::Redirected, false) => "redirected",
                    (Cut::Ended, true) => "bridged",
                    (Cut::Ended, false) => "hangup",
                };
                let parameters = self.queue_result(&waiting, result);
                self.request_and_ignore(sid, waiting.action, parameters);
            }
            Doing::Connected { stream, .. } => self.close_stream(stream),
            Doing::Child { parent, .. } => {
                self.part(sid, leave);
                if joined {
                    // The parent's dial is over; a child that goes its own way leaves no duration.
                    self.dial_over(parent, how == Cut::Ended);
                } else {
                    self.child_failed(parent, sid, dial_status(status, close));
                }
            }
            Doing::Agent(agent) => self.cut_agent(sid, agent, close, leave),
            Doing::Customer => {
                self.part(sid, leave);
                let sip = match close {
                    Some(Close::Gone(_, sip)) => sip,
                    _ => None,
                };
                self.customer_lost(sid, status, sip);
            }
            Doing::Participant(conference) => {
                self.part(sid, leave);
                self.invited_lost(sid, conference);
            }
        }
        self.drop_offers_of(sid);
        if let Some(call) = self.calls.get_mut(&sid) {
            call.talk = None;
            call.step = Step::Ready;
        }
    }

    fn cut_dial(&mut self, sid: CallSid, dial: Dial, leave: Leave) {
        self.part(sid, leave);
        self.disarm(Timer::DialLimit(sid));
        if let Some(recording) = dial.recording {
            self.stop_recording(recording);
        }
        for child in &dial.children {
            self.hang_up(*child);
        }
        let mut parameters = self.dial_result(&dial, true);
        if dial.bridged.is_none() {
            parameters.retain(|(name, _)| name != "DialCallStatus");
            parameters.insert(0, pair("DialCallStatus", DialStatus::Canceled.as_str()));
        }
        self.request_and_ignore(sid, dial.action, parameters);
    }

    fn cut_dial_queue(&mut self, sid: CallSid, dial: DialQueue, leave: Leave) {
        self.forget_asker(&dial, sid);
        match dial.partner {
            Some(Partner { call, bridged: None, .. }) => {
                self.stop_side(call, |p| p == Purpose::Whisper(sid));
                self.back_in_line(call);
            }
            _ => self.part(sid, leave),
        }
        let parameters = self.dial_queue_result(&dial);
        self.request_and_ignore(sid, dial.action, parameters);
    }

    /// Takes a call out of whatever joins it to others, and lets them go on.
    pub(super) fn part(&mut self, sid: CallSid, why: Leave) {
        let Some(call) = self.calls.get_mut(&sid) else { return };
        match call.join {
            Join::Nobody => {}
            Join::Bridge(other) => {
                call.join = Join::Nobody;
                self.dirty.insert(sid);
                self.dirty.insert(other);
                if let Some(other) = self.calls.get_mut(&other) {
                    other.join = Join::Nobody;
                }
                self.talk_left(sid);
                self.partner_left(other);
            }
            Join::Conference(_) => {
                self.talk_left(sid);
                self.leave_conference(sid, why);
            }
        }
    }

    /// The other side of a bridge has left.
    fn partner_left(&mut self, sid: CallSid) {
        match self.calls.get(&sid).map(|c| &c.doing) {
            Some(Doing::DialQueue(_)) => self.dial_queue_over(sid),
            Some(Doing::Queue(_)) => self.finish_enqueue(sid, "bridged"),
            Some(Doing::Child { .. } | Doing::Agent(_) | Doing::Customer) => self.hang_up(sid),
            // `cut` of the child tells the parent of a `<Dial>`.
            _ => {}
        }
    }

    /// A call whose task outlives it in our books is over.
    pub(super) fn settle_tasks_of(&mut self, sid: CallSid) {
        let owed = self.calls.get_mut(&sid).and_then(|c| c.owes.take());
        if let Some(TaskLink { workspace, task }) = owed {
            self.report(workspace, VoiceReport::CallEnded { task, cause: CallEnd::Hangup });
        }
    }
}

fn dial_status(status: CallStatus, close: Option<Close>) -> DialStatus {
    use CallStatus as S;
    match (status, close) {
        (_, None) => DialStatus::Completed,
        (S::Busy, _) | (_, Some(Close::Gone(Cause::Declined, _))) => DialStatus::Busy,
        (S::Failed, _) => DialStatus::Failed,
        (S::Canceled, _) => DialStatus::Canceled,
        // It answered, and left before the two were connected (its screening said so).
        (S::Completed | S::NoAnswer, _) => DialStatus::NoAnswer,
        (S::Queued | S::Ringing | S::InProgress, _) => DialStatus::Failed,
    }
}
