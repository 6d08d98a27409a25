//! The life of a call: how it begins, is answered and ends, and who is told.

use super::parameters::{duration_parameters, pair};
use super::port::*;
use super::state::*;
use super::switchboard::{Asked, CallEnd, Switchboard, Timer};
use base::*;
use media::control::Route;
use serde_json::{Value, json};
use sip::port::{Cause, Command, Destination, Event, Progress};
use std::time::Duration;

/// What SIP says of a call that was answered.
const ANSWERED: u16 = 200;
/// An answer of ours, or a ring whose own timeout failed, is given up after this long.
const GUARD: Duration = Duration::from_secs(40);
/// What we wait beyond a ring's timeout for the gateway to report it.
const GUARD_MARGIN: Duration = Duration::from_secs(15);
/// No call lasts longer unless it says so.
pub(super) const CALL_LIMIT: Duration = Duration::from_secs(14_400);

/// How the leg of an ended call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Close {
    /// It is gone already.
    Gone(Cause, Option<u16>),
    Hangup,
    /// Refused with this SIP status.
    Refuse(u16),
}

/// A leg to be called.
pub(super) struct Outgoing {
    pub sid: CallSid,
    pub to: String,
    pub from: String,
    pub destination: Destination,
    pub parent: Option<CallSid>,
    pub direction: CallDirection,
    pub doing: Doing,
    pub timeout: Duration,
    pub callback: Option<CallbackPlan>,
    pub credentials: Option<(String, Secret<String>)>,
    pub headers: Vec<(String, String)>,
    pub send_digits: Option<String>,
}

impl Switchboard {
    pub(super) fn on_sip(&mut self, event: Event) {
        match event {
            Event::Incoming { .. } => self.incoming(event),
            Event::Ringing { leg, early_media } => {
                if let Some(sid) = self.legs.get(&leg).copied() {
                    self.rings(sid, early_media);
                }
            }
            Event::Answered { leg } => {
                if let Some(sid) = self.legs.get(&leg).copied() {
                    self.answered(sid);
                }
            }
            Event::Digit { leg, digit } => {
                if let Some(sid) = self.legs.get(&leg).copied() {
                    self.digit(sid, digit);
                }
            }
            Event::PeerHold { leg, held } => {
                if let Some(sid) = self.legs.get(&leg).copied() {
                    self.peer_held(sid, held);
                }
            }
            Event::Referred { leg, to, replaces } => {
                if let Some(sid) = self.legs.get(&leg).copied() {
                    self.referred(sid, &to, replaces);
                }
            }
            Event::Replacing { leg, replaced, peer } => self.replace_leg(leg, replaced, &peer),
            Event::ReferAnswered { leg, status } => {
                if let Some(sid) = self.legs.get(&leg).copied() {
                    self.refer_answered(sid, status);
                }
            }
            Event::ReferNotified { leg, status, over } => {
                if let Some(sid) = self.legs.get(&leg).copied() {
                    self.refer_notified(sid, status, over);
                }
            }
            Event::Gone { leg, cause, status } => match self.legs.get(&leg).copied() {
                Some(sid) => self.gone(sid, cause, status),
                None => {
                    self.closing.remove(&leg);
                    self.disarm(Timer::Closing(leg));
                }
            },
            Event::Registration { .. } => {}
        }
    }

    /// A call with nothing but its leg. The caller says what it does.
    pub(super) fn new_call(&mut self, record: CallRecord, leg: LegId, stage: Stage, doing: Doing) -> CallSid {
        let sid = record.sid;
        let call = Call {
            record,
            leg,
            stage,
            sip_parameters: Vec::new(),
            phone: None,
            fallback: None,
            asked_with: Vec::new(),
            status_callback: None,
            sequence: 0,
            answered_mono: None,
            at_answer: None,
            send_digits: None,
            main: None,
            side: None,
            step: Step::Ready,
            doing,
            join: Join::Nobody,
            talk: None,
            owes: None,
            machine: None,
            detection: Vec::new(),
            to_record: None,
            tapes_wanted: Vec::new(),
            recording: None,
            apologised: false,
            peer_held: false,
            early_media: false,
            audio: Audio {
                route: Route::Silence,
                muted: false,
                whispers_to: None,
                watched: false,
                playing: None,
                music_failed: false,
            },
            diversions: Diversions::default(),
            message: None,
            sent_to: None,
            documents: (self.now.mono, 0),
            star: false,
            line: None,
        };
        self.calls.insert(sid, call);
        self.legs.insert(leg, sid);
        self.arm(Timer::Limit(sid), CALL_LIMIT);
        sid
    }

    pub(super) fn new_record(
        &mut self,
        sid: CallSid,
        to: &str,
        from: &str,
        direction: CallDirection,
    ) -> CallRecord {
        let status = match direction {
            CallDirection::OutboundApi => CallStatus::Queued,
            CallDirection::Inbound | CallDirection::OutboundDial => CallStatus::Ringing,
        };
        CallRecord {
            sid,
            parent: None,
            number: None,
            to: to.to_owned(),
            from: from.to_owned(),
            from_name: None,
            direction,
            status,
            forwarded_from: None,
            sip_call_id: None,
            created: self.now.wall,
            updated: self.now.wall,
            answered: None,
            ended: None,
            answered_by: None,
        }
    }

    /// Calls somebody. `None` if too many calls live.
    pub(super) fn call_out(&mut self, out: Outgoing) -> Option<CallSid> {
        if self.calls.len() >= self.settings.live_calls_max {
            return None;
        }
        let sid = out.sid;
        let leg = self.fresh_leg();
        let mut record = self.new_record(sid, &out.to, &out.from, out.direction);
        record.parent = out.parent;
        let from_name = record.from_name.clone();
        self.new_call(record, leg, Stage::Dialing, out.doing);
        if let Some(call) = self.calls.get_mut(&sid) {
            call.status_callback = out.callback;
            call.send_digits = out.send_digits;
            if let Destination::Phone(user) = &out.destination {
                call.phone = Some(user.clone());
            }
        }
        self.record_call(sid);
        self.note(sid, "sip", format!("calls {}", out.to), json!({"to": out.to, "from": out.from}));
        self.fire(sid, "initiated");
        self.arm(Timer::Guard(sid), out.timeout + GUARD_MARGIN);
        self.sip(Command::Invite {
            leg,
            call: sid,
            to: out.destination,
            from: out.from,
            from_name,
            headers: out.headers,
            credentials: out.credentials,
            timeout: out.timeout,
        });
        Some(sid)
    }

    /// Tells the peer of an unanswered inbound call to wait.
    pub(super) fn progress(&mut self, sid: CallSid, progress: Progress) {
        let Some(call) = self.calls.get_mut(&sid) else { return };
        if matches!(call.stage, Stage::Incoming(said) if said != Some(progress)) {
            call.stage = Stage::Incoming(Some(progress));
            let leg = call.leg;
            self.sip(Command::Progress { leg, progress });
        }
    }

    /// Answers an inbound call; harmless if it is answered.
    pub(super) fn answer(&mut self, sid: CallSid) {
        let Some(call) = self.calls.get_mut(&sid) else { return };
        if matches!(call.stage, Stage::Incoming(_)) {
            call.stage = Stage::Answering;
            let leg = call.leg;
            self.sip(Command::Answer { leg });
            self.arm(Timer::Guard(sid), GUARD);
        }
    }

    fn rings(&mut self, sid: CallSid, early_media: bool) {
        let Some(call) = self.calls.get_mut(&sid) else { return };
        let first = match call.stage {
            Stage::Dialing => true,
            Stage::Ringing => false,
            _ => return,
        };
        call.stage = Stage::Ringing;
        call.early_media |= early_media;
        call.record.status = CallStatus::Ringing;
        let parent = call.record.parent;
        self.dirty.extend(parent);
        if first {
            self.record_call(sid);
            self.note(sid, "sip", "rings", json!({"early_media": early_media}));
            self.fire(sid, "ringing");
            if let Some(parent) = parent {
                self.progress(parent, Progress::Ringing);
            }
        }
        self.far_end_rings(sid);
        if let Some(Doing::Participant(conference)) = self.calls.get(&sid).map(|c| &c.doing) {
            self.guest_rings(*conference);
        }
    }

    fn answered(&mut self, sid: CallSid) {
        let Some(call) = self.calls.get_mut(&sid) else { return };
        let outbound = match call.stage {
            Stage::Answering => false,
            Stage::Dialing | Stage::Ringing => true,
            Stage::Up | Stage::Incoming(_) => return,
        };
        call.stage = Stage::Up;
        call.answered_mono = Some(self.now.mono);
        call.record.answered = Some(self.now.wall);
        call.record.status = CallStatus::InProgress;
        self.disarm(Timer::Guard(sid));
        self.dirty.insert(sid);
        self.record_call(sid);
        self.note(sid, "sip", "answered", Value::Null);
        self.fire(sid, "answered");
        self.detect(sid);
        if let Some(new) = self.calls.get_mut(&sid).and_then(|c| c.to_record.take()) {
            let recording = self.record_call_as(sid, "OutboundAPI", new);
            if let Some(call) = self.calls.get_mut(&sid) {
                call.recording = recording;
            }
        }
        self.begin_wanted_tapes(sid);
        if outbound {
            self.callee_answered(sid);
        } else {
            self.now_up(sid);
        }
    }

    /// An inbound call that we answered is up.
    fn now_up(&mut self, sid: CallSid) {
        let Some(call) = self.calls.get_mut(&sid) else { return };
        if matches!(call.step, Step::Answering) {
            call.step = Step::Ready;
        }
        self.make_ready(sid);
        // Whoever this call is joined to, or rings for, may hear it now.
        self.dirty_partners(sid);
        self.agent_leg_up(sid);
    }

    fn callee_answered(&mut self, sid: CallSid) {
        let Some(call) = self.calls.get_mut(&sid) else { return };
        let digits = call.send_digits.take();
        match &call.doing {
            Doing::Child { parent, .. } => {
                let parent = *parent;
                if !self.child_answered(parent, sid) {
                    return;
                }
            }
            Doing::Agent(_) => return self.agent_answered(sid),
            Doing::Customer => return self.customer_answered(sid),
            Doing::Supervisor(supervisor) => {
                let supervisor = *supervisor;
                return self.supervisor_answered(sid, supervisor);
            }
            Doing::Participant(conference) if digits.is_none() => {
                let conference = *conference;
                return self.invited_answered(sid, conference);
            }
            _ => {}
        }
        match digits {
            Some(digits) => {
                let prompt = media::control::Prompt::Digits(digits.into());
                if let Some(play) = self.play(sid, vec![prompt], media::control::Turns::Times(1))
                    && let Some(call) = self.calls.get_mut(&sid)
                {
                    call.step = Step::Playing(play);
                }
            }
            None => self.make_ready(sid),
        }
    }

    fn peer_held(&mut self, sid: CallSid, held: bool) {
        let Some(call) = self.calls.get_mut(&sid) else { return };
        if call.peer_held == held {
            return;
        }
        call.peer_held = held;
        let text = if held { "put us on hold" } else { "took us off hold" };
        self.note(sid, "hold", text, Value::Null);
        self.dirty_partners(sid);
    }

    fn gone(&mut self, sid: CallSid, cause: Cause, status: Option<u16>) {
        let Some(call) = self.calls.get(&sid) else { return };
        let end = match (call.stage, cause) {
            (Stage::Up, _) => CallStatus::Completed,
            (Stage::Incoming(_) | Stage::Answering, Cause::Failed | Cause::Lost) => CallStatus::Failed,
            (Stage::Incoming(_) | Stage::Answering, _) => CallStatus::NoAnswer,
            // A browser says no without a SIP status, and applications are told what they are told of one.
            (_, Cause::Declined) if status.is_none() => CallStatus::NoAnswer,
            (_, Cause::Busy | Cause::Declined) => CallStatus::Busy,
            (_, Cause::NoAnswer | Cause::PeerHungUp) => CallStatus::NoAnswer,
            (_, Cause::WeHungUp) => CallStatus::Canceled,
            (_, Cause::Failed | Cause::Lost) => CallStatus::Failed,
        };
        self.end(sid, end, Close::Gone(cause, status));
    }

    /// Ends a call in whatever state it is. A line only ends what is on it.
    pub(super) fn hang_up(&mut self, sid: CallSid) {
        if self.rest(sid) {
            return;
        }
        let Some(call) = self.calls.get(&sid) else { return };
        let status = match call.stage {
            Stage::Up | Stage::Answering => CallStatus::Completed,
            Stage::Incoming(_) => CallStatus::NoAnswer,
            Stage::Dialing | Stage::Ringing => CallStatus::Canceled,
        };
        self.end(sid, status, Close::Hangup);
    }

    /// Refuses an inbound call that is not answered; hangs up one that is.
    pub(super) fn refuse(&mut self, sid: CallSid, sip_status: u16, status: CallStatus) {
        match self.calls.get(&sid).map(|c| c.stage) {
            Some(Stage::Incoming(_)) => self.end(sid, status, Close::Refuse(sip_status)),
            _ => self.hang_up(sid),
        }
    }

    /// The end of every call: what it did is settled, its application is told, its leg goes.
    pub(super) fn end(&mut self, sid: CallSid, status: CallStatus, close: Close) {
        let Some(call) = self.calls.get_mut(&sid) else { return };
        if call.record.ended.is_some() {
            return;
        }
        call.record.status = status;
        call.record.ended = Some(self.now.wall);
        let leg = call.leg;
        let rings = self.forget_line(sid);
        self.cut(sid, Cut::Ended, Some(close));
        self.settle_tasks_of(sid);
        self.forget_attended(sid);
        for asked in self.asked.values_mut() {
            if let Asked::Task { call, abandoned } = asked
                && *call == sid
            {
                abandoned.get_or_insert(CallEnd::Hangup);
            }
        }
        self.record_call(sid);
        let data = match close {
            Close::Gone(cause, code) => {
                json!({"status": status.as_str(), "cause": format!("{cause:?}"), "sip": code})
            }
            Close::Hangup => json!({"status": status.as_str()}),
            Close::Refuse(code) => json!({"status": status.as_str(), "sip": code}),
        };
        self.note(sid, "sip", "ended", data);
        self.fire_completed(sid, close);
        self.source_gone(|record| record.call == Some(sid));
        self.close_streams_of(sid);
        for timer in [
            Timer::Step(sid),
            Timer::Guard(sid),
            Timer::Limit(sid),
            Timer::DialLimit(sid),
            Timer::DialWait(sid),
            Timer::Star(sid),
            Timer::Idle(sid),
            Timer::Machine(sid),
        ] {
            self.disarm(timer);
        }
        self.calls.remove(&sid);
        self.dirty.remove(&sid);
        self.remember_ended(sid);
        match close {
            Close::Gone(..) => {
                self.legs.remove(&leg);
                self.remember_leg(leg, sid);
            }
            Close::Hangup => {
                self.close_leg(leg, sid);
                self.sip(Command::Hangup { leg });
            }
            Close::Refuse(status) => {
                self.close_leg(leg, sid);
                self.sip(Command::Refuse { leg, status });
            }
        }
        self.ring_anew(rings);
    }

    /// The leg was not answered, or our answer not confirmed, and nobody reported it.
    pub(super) fn guard_timed_out(&mut self, sid: CallSid) {
        let Some(call) = self.calls.get(&sid) else { return };
        let status = match call.stage {
            Stage::Up => return,
            Stage::Dialing | Stage::Ringing => CallStatus::NoAnswer,
            Stage::Incoming(_) | Stage::Answering => CallStatus::Failed,
        };
        self.end(sid, status, Close::Hangup);
    }

    // Status callbacks (reference: voice §1.5, §3.3).

    pub(super) fn fire(&mut self, sid: CallSid, event: &str) {
        let status = match event {
            "answered" => "in-progress",
            other => other,
        };
        self.fire_event(sid, event, status, Vec::new());
    }

    fn fire_completed(&mut self, sid: CallSid, close: Close) {
        let Some(call) = self.calls.get(&sid) else { return };
        let status = call.record.status.as_str();
        let mut more = duration_parameters(call.record.answered, self.now.wall);
        more.extend(call.record.answered_by.as_ref().map(|by| pair("AnsweredBy", by)));
        let code = match close {
            Close::Gone(_, Some(code)) => Some(code),
            _ => call.record.answered.map(|_| ANSWERED),
        };
        more.extend(code.map(|code| pair("SipResponseCode", code)));
        if let Some(recording) = call.recording {
            more.extend(self.recording_parameters(recording));
        }
        self.fire_event(sid, "completed", status, more);
    }

    fn fire_event(&mut self, sid: CallSid, event: &str, status: &str, more: Vec<(String, String)>) {
        let Some(call) = self.calls.get(&sid) else { return };
        let Some(plan) = call.status_callback.clone() else { return };
        let wanted = if plan.events.is_empty() {
            event == "completed"
        } else {
            plan.events.iter().any(|e| e == event)
        };
        if !wanted {
            return;
        }
        let mut parameters = self.standard_with_status(call, status);
        parameters.push(pair("CallbackSource", "call-progress-events"));
        parameters.push(pair("SequenceNumber", call.sequence));
        parameters.push(pair("Timestamp", self.now.wall.rfc2822()));
        parameters.extend(more);
        parameters.extend(plan.extra);
        if let Some(call) = self.calls.get_mut(&sid) {
            call.sequence += 1;
        }
        self.out.push(Effect::Callback { lane: sid.to_string(), webhook: plan.webhook, parameters });
    }
}
