//! What the API asks: new calls, changes to live ones in every state (reference: voice §3.1, §3.5), queue members.

use super::calls::Outgoing;
use super::parameters::pair;
use super::port::*;
use super::state::*;
use super::switchboard::{Switchboard, Timer};
use base::*;
use std::time::Duration;

const TIMEOUT_MAX: Duration = Duration::from_secs(600);
/// A redirect that was asked for already counts as the same for this long.
const REPEATED_MAX: Duration = Duration::from_secs(120);

impl Switchboard {
    pub(super) fn on_request(&mut self, what: Request) -> Response {
        match what {
            Request::CreateCall(new) => self.create_call(new),
            Request::UpdateCall { call, change } => self.update_call(call, change),
            Request::DequeueMember { queue, call, webhook } => self.dequeue_member(queue, call, webhook),
            Request::UpdateTalk { reservation, party, change } => {
                self.update_talk(reservation, party, change)
            }
            Request::AddParticipant { conference, new } => self.add_participant(conference, *new),
            Request::UpdateParticipant { conference, participant, change } => {
                self.update_participant(conference, &participant, change)
            }
            Request::RemoveParticipant { conference, participant } => {
                self.remove_participant(conference, &participant)
            }
            Request::StartRecording { call, new } => self.start_recording(call, new),
            Request::UpdateRecording { of, recording, change } => {
                self.update_recording(of, recording, change)
            }
            Request::StartStream { call, new } => self.start_stream(call, new),
            Request::StopStream { call, stream } => self.stop_stream(call, &stream),
            Request::UpdateConference { conference, change } => self.update_conference(conference, change),
            Request::OpenLine { workspace, worker, to } => self.open_line(workspace, worker, &to),
            Request::CloseLine { worker } => self.close_line(worker),
        }
    }

    /// A new call of an application has its URLs instead of its own; `Err` if it has none.
    fn of_application(&self, mut new: NewCall) -> Result<(NewCall, Option<ApplicationSid>), Response> {
        let Program::Application(sid) = new.program else { return Ok((new, None)) };
        let known = self.applications.get(&sid);
        let Some(ApplicationSettings { voice: Some(voice), voice_fallback, status_callback, .. }) = known
        else {
            return Err(refused(400, 21218, format!("ApplicationSid {sid} is not valid")));
        };
        new.program = Program::Webhook(voice.clone());
        new.fallback.clone_from(voice_fallback);
        new.status_callback = status_callback.clone().map(|webhook| {
            // Told of the end, as a number's is.
            StatusCallback { webhook, events: Vec::new() }
        });
        Ok((new, Some(sid)))
    }

    fn create_call(&mut self, new: NewCall) -> Response {
        let (new, application) = match self.of_application(new) {
            Ok(new) => new,
            Err(refused) => return refused,
        };
        let Some((to, destination, headers)) = self.resolve(&new.to) else {
            return refused(
                400,
                21211,
                format!("The phone number you are attempting to call, {}, is not valid.", new.to),
            );
        };
        let sid = CallSid::generate(&mut self.entropy);
        let from = self.caller_id_for(&destination, new.from);
        let callback = new.status_callback.map(|s| CallbackPlan {
            webhook: s.webhook,
            events: s.events,
            extra: Vec::new(),
        });
        let made = self.call_out(Outgoing {
            sid,
            to,
            from,
            destination,
            parent: None,
            direction: CallDirection::OutboundApi,
            doing: Doing::Program,
            timeout: new.timeout.min(TIMEOUT_MAX),
            callback,
            credentials: new.sip_credentials,
            headers,
            send_digits: new.send_digits,
        });
        let Some(call) = made.and_then(|sid| self.calls.get_mut(&sid)) else {
            return refused(503, 20503, "Too many live calls".to_owned());
        };
        call.at_answer = Some(new.program);
        call.fallback = new.fallback;
        call.sip_parameters.extend(application.map(|sid| pair("ApplicationSid", sid)));
        call.to_record = new.record;
        call.machine = new.machine;
        if let Some(limit) = new.time_limit {
            self.arm(Timer::Limit(sid), limit);
        }
        self.shown(sid)
    }

    fn shown(&self, sid: CallSid) -> Response {
        match self.calls.get(&sid) {
            Some(call) => Response::Call(Box::new(call.record.clone())),
            None => self.missing(sid),
        }
    }

    pub(super) fn missing(&self, sid: CallSid) -> Response {
        if self.ended.contains(&sid) {
            refused(400, 21220, "Call is not in-progress. Cannot redirect.".to_owned())
        } else {
            let account = self.settings.account;
            refused(
                404,
                20404,
                format!(
                    "The requested resource /2010-04-01/Accounts/{account}/Calls/{sid}.json was not found"
                ),
            )
        }
    }

    fn update_call(&mut self, sid: CallSid, change: CallChange) -> Response {
        let Some(call) = self.calls.get_mut(&sid) else { return self.missing(sid) };
        if let Some(webhook) = change.status_callback {
            // Fires `completed` at the end, whatever was wanted before.
            call.status_callback = Some(CallbackPlan { webhook, events: Vec::new(), extra: Vec::new() });
        }
        if let Some(fallback) = change.fallback {
            call.fallback = Some(fallback);
        }
        let record = call.record.clone();
        if let Some(limit) = change.time_limit {
            self.arm(Timer::Limit(sid), limit);
        }
        match change.status {
            Some(EndStatus::Completed) => return self.end_by_request(sid, record),
            Some(EndStatus::Canceled) if self.calls.get(&sid).is_some_and(|c| !c.is_up()) => {
                return self.end_by_request(sid, record);
            }
            Some(EndStatus::Canceled) | None => {}
        }
        match change.program {
            Some(Program::Webhook(webhook)) if self.is_repeated(sid, &webhook) => {
                self.note(sid, "twiml", "redirected again: it dials already", serde_json::Value::Null);
            }
            Some(program) => self.redirect(sid, program),
            None => {}
        }
        self.record_call(sid);
        match self.calls.get(&sid) {
            Some(call) => Response::Call(Box::new(call.record.clone())),
            // Its new document ended it at once.
            None => Response::Call(Box::new(record)),
        }
    }

    fn end_by_request(&mut self, sid: CallSid, mut record: CallRecord) -> Response {
        let queued = record.status == CallStatus::Queued;
        if queued && let Some(call) = self.calls.get_mut(&sid) {
            // Nobody was called yet, as far as the application knows: no callback.
            call.status_callback = None;
        }
        let incoming = self.calls.get(&sid).is_some_and(|c| matches!(c.stage, Stage::Incoming(_)));
        if incoming {
            self.refuse(sid, 480, CallStatus::Canceled);
        } else {
            self.end_line(sid);
        }
        record.updated = self.now.wall;
        record.ended = Some(self.now.wall);
        record.status = match (record.status, record.answered) {
            (_, Some(_)) => CallStatus::Completed,
            _ => CallStatus::Canceled,
        };
        Response::Call(Box::new(record))
    }

    /// The call runs the document at this URL because the API said so a moment ago, and is calling somebody for it. An
    /// event that is told twice makes its receiver ask twice; whoever rings or talks is not to notice.
    fn is_repeated(&self, sid: CallSid, webhook: &Webhook) -> bool {
        let Some(call) = self.calls.get(&sid).filter(|c| matches!(c.doing, Doing::Dial(_))) else {
            return false;
        };
        let recent = |at: Mono| self.now.mono.since(at) < REPEATED_MAX;
        call.sent_to.as_ref().is_some_and(|(to, at)| to == webhook && recent(*at))
    }

    /// The call runs another document from now on, whatever it does.
    fn redirect(&mut self, sid: CallSid, program: Program) {
        let webhook = match &program {
            Program::Webhook(webhook) => Some(webhook.clone()),
            Program::Inline(_) | Program::Application(_) => None,
        };
        self.send_to(sid, program);
        let now = self.now.mono;
        if let Some(call) = self.calls.get_mut(&sid) {
            call.sent_to = webhook.map(|webhook| (webhook, now));
        }
    }

    fn send_to(&mut self, sid: CallSid, program: Program) {
        let rings = self.forget_line(sid);
        self.run_now(sid, program);
        self.ring_anew(rings);
    }

    fn run_now(&mut self, sid: CallSid, program: Program) {
        let Some(call) = self.calls.get_mut(&sid) else { return };
        self.out.push(Effect::Record(Record::Timeline(TimelineEntry {
            call: sid,
            at: self.now.wall,
            kind: "twiml".to_owned(),
            text: "redirected by the API".to_owned(),
            data: serde_json::Value::Null,
        })));
        match (call.stage, &call.doing) {
            // Runs when somebody answers.
            (Stage::Dialing | Stage::Ringing, Doing::Program) => call.at_answer = Some(program),
            (Stage::Dialing | Stage::Ringing, _) => {
                self.cut(sid, Cut::Redirected, None);
                if let Some(call) = self.calls.get_mut(&sid) {
                    call.at_answer = Some(program);
                }
            }
            _ => {
                self.cut(sid, Cut::Redirected, None);
                self.start_program(sid, program);
            }
        }
    }

    fn dequeue_member(&mut self, queue: QueueSid, call: Option<CallSid>, webhook: Webhook) -> Response {
        let missing = || refused(404, 20404, "The requested queue member was not found".to_owned());
        let Some(view) = self.queue(queue) else { return missing() };
        let member = match call {
            Some(call) => view.members.into_iter().find(|m| m.call == call),
            None => view.members.into_iter().next(),
        };
        let Some(member) = member else { return missing() };
        self.redirect(member.call, Program::Webhook(webhook));
        Response::Member { queue, member }
    }
}

pub(super) fn refused(status: u16, code: u32, message: String) -> Response {
    Response::Refused { status, code, message }
}
