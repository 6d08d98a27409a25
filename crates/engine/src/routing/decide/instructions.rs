//! Assignment instructions (reference: TaskRouter §5.5), checked with their documented codes.

use super::*;
use crate::routing::model::*;
use crate::routing::workspace::call_of;
use std::time::Duration;

/// How long a worker is rung unless the instruction says otherwise, and at most.
const TIMEOUT: Duration = Duration::from_secs(60);
const TIMEOUT_MAX: Duration = Duration::from_secs(999);
/// What carrying out an instruction may take beyond its ringing before it is given up.
const GRACE: Duration = Duration::from_secs(30);
/// How many a conference may be limited to.
const PARTICIPANTS: std::ops::RangeInclusive<usize> = 2..=PARTICIPANTS_MAX;
const CALL_EVENTS: [&str; 4] = ["initiated", "ringing", "answered", "completed"];

fn refuse<T>(code: u32, message: impl Into<String>) -> Decided<T> {
    Err(RoutingError::Refused { code, message: message.into() })
}

fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

fn check_url(url: Option<&str>, code: u32, name: &str) -> Decided<()> {
    match url {
        Some(url) if !is_url(url) => refuse(code, format!("'{url}' is not a URL and cannot be the {name}")),
        _ => Ok(()),
    }
}

/// `http://host…` or `https://host…`, without blanks.
fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && !text.contains(char::is_whitespace))
}

/// A number, a SIP user or URI, or `client:name`: one word.
fn is_caller_id(text: &str) -> bool {
    !text.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"'))
}

fn check_ringing(timeout: Option<Duration>, code: u32) -> Decided<()> {
    match timeout {
        Some(timeout) if timeout.is_zero() || timeout > TIMEOUT_MAX => {
            refuse(code, "Timeout of an instruction must be from 1 to 999 seconds")
        }
        _ => Ok(()),
    }
}

impl Deciding<'_> {
    pub(super) fn instruct(&mut self, sid: ReservationSid, instruction: Instruction) -> Decided {
        let reservation = self.known_reservation(sid)?;
        let (status, busy) = (reservation.status, reservation.instruction);
        let transferred = reservation.transfer.is_some();
        let not_pending = match &instruction {
            Instruction::Accept => {
                return self.update_reservation(sid, None, ReservationStatus::Accepted, None);
            }
            Instruction::Reject { activity } => {
                if let Some(activity) = activity.filter(|a| !self.ws.state.activities.contains_key(a)) {
                    return refuse(
                        40100,
                        format!("activity_sid {activity} of the reject instruction is invalid"),
                    );
                }
                return self.update_reservation(sid, None, ReservationStatus::Rejected, *activity);
            }
            Instruction::Supervise(with) => return self.supervise(sid, with.clone()),
            Instruction::Dequeue(_) => 40135,
            Instruction::Call(_) => 40114,
            Instruction::Redirect(_) => 40123,
            Instruction::Conference(_) => 40136,
        };
        if status != ReservationStatus::Pending {
            return refuse(
                not_pending,
                format!("Reservation {sid} is not pending, it is {}", status.as_str()),
            );
        }
        if transferred && !matches!(instruction, Instruction::Conference(_)) {
            return refuse(
                40151,
                format!(
                    "Reservation {sid} is of a transferred task: only accept, reject, \
                conference and supervise are possible"
                ),
            );
        }
        if busy.is_some_and(|kind| kind != InstructionKind::Ring) {
            return refuse(not_pending, format!("Reservation {sid} is already carrying out an instruction"));
        }
        let offer = self.offer_of(sid);
        let (order, kind, accepts, ringing) = match instruction {
            Instruction::Dequeue(instruction) => {
                let instruction = self.check_dequeue(&offer, instruction)?;
                let ringing = instruction.timeout;
                (VoiceOrder::Dequeue { offer, instruction }, InstructionKind::Dequeue, true, ringing)
            }
            Instruction::Call(instruction) => {
                let instruction = check_call(&offer, instruction)?;
                let (accepts, ringing) = (instruction.accept, instruction.timeout);
                (VoiceOrder::Call { offer, instruction }, InstructionKind::Call, accepts, ringing)
            }
            Instruction::Redirect(instruction) => {
                check_redirect(&instruction)?;
                let accepts = instruction.accept;
                (VoiceOrder::Redirect { offer, instruction }, InstructionKind::Redirect, accepts, None)
            }
            Instruction::Conference(instruction) => {
                if transferred && !names_conference(&offer.attributes) {
                    return refuse(
                        40149,
                        format!("transferred task {} does not carry its conference", offer.task),
                    );
                }
                let instruction = self.check_conference(&offer, instruction)?;
                let ringing = instruction.timeout;
                (VoiceOrder::Conference { offer, instruction }, InstructionKind::Conference, true, ringing)
            }
            Instruction::Accept | Instruction::Reject { .. } | Instruction::Supervise(_) => {
                return Ok(Answer::Reservation(sid));
            }
        };
        if busy.is_some() {
            self.effects.push(Effect::Voice(VoiceOrder::Withdraw { reservation: sid }));
        }
        if accepts {
            let until = self.now + ringing.unwrap_or(TIMEOUT) + GRACE;
            self.emit(Event::ReservationInstructed { reservation: sid, kind, until });
        }
        self.effects.push(Effect::Voice(order));
        Ok(Answer::Reservation(sid))
    }

    /// Whatever the supervisor's activity: they join a conversation that is under way.
    fn supervise(&mut self, sid: ReservationSid, with: SuperviseInstruction) -> Decided {
        let reservation = self.known_reservation(sid)?;
        if reservation.status != ReservationStatus::Accepted {
            let status = reservation.status.as_str();
            return refuse(40146, format!("Reservation {sid} is {status} and cannot be supervised"));
        }
        let (worker, to) = match with.supervisor {
            Supervisor::Uri(uri) => (None, uri),
            Supervisor::Worker(worker) => {
                let attributes = self.ws.state.workers.get(&worker).map(|w| w.worker.attributes.map());
                let uri = attributes.and_then(|a| a.get("contact_uri")?.as_str().map(str::to_owned));
                match uri.filter(|uri| !uri.is_empty()) {
                    Some(uri) => (Some(worker), uri),
                    None => return refuse(40147, format!("supervise: worker {worker} has no contact_uri")),
                }
            }
        };
        let offer = self.offer_of(sid);
        let from = offer.attributes.map().get("from").and_then(|from| from.as_str()).map(str::to_owned);
        let Some(from) = from.filter(|from| !from.is_empty()) else {
            return refuse(40148, format!("supervise: task {} has no 'from' attribute", offer.task));
        };
        check_url(given(&with.status_callback), 20001, "status_callback")?;
        check_ringing(with.timeout, 20001)?;
        let SuperviseInstruction { mode, timeout, status_callback, status_callback_events, .. } = with;
        let order =
            SuperviseOrder { worker, to, from, mode, timeout, status_callback, status_callback_events };
        self.effects.push(Effect::Voice(VoiceOrder::Supervise { offer, order }));
        Ok(Answer::Reservation(sid))
    }

    fn check_dequeue(&self, offer: &Offer, mut with: DequeueInstruction) -> Decided<DequeueInstruction> {
        if let Some(activity) = with.post_work_activity.filter(|a| !self.ws.state.activities.contains_key(a))
        {
            return refuse(40130, format!("post_work_activity_sid {activity} is invalid"));
        }
        if offer.call.is_none() {
            return refuse(40140, format!("task {} has no call_sid attribute", offer.task));
        }
        let Some(to) = given(&with.to).map(str::to_owned).or_else(|| offer.contact_uri.clone()) else {
            return refuse(
                40131,
                format!("no 'to' was given and worker {} has no contact_uri", offer.worker),
            );
        };
        with.to = Some(to);
        let dialled = offer.attributes.map().get("to").and_then(|to| to.as_str()).map(str::to_owned);
        let Some(from) = given(&with.from).map(str::to_owned).or(dialled.filter(|to| !to.is_empty())) else {
            return refuse(
                40132,
                format!("no 'from' was given and task {} has no 'to' attribute", offer.task),
            );
        };
        with.from = Some(from);
        if let Some(event) = with.status_callback_events.iter().find(|e| !CALL_EVENTS.contains(&e.as_str())) {
            return refuse(40134, format!("'{event}' is not a status callback event"));
        }
        check_url(given(&with.status_callback_url), 40157, "status_callback_url")?;
        check_ringing(with.timeout, 20001)?;
        with.timeout.get_or_insert(TIMEOUT);
        Ok(with)
    }

    fn check_conference(
        &self,
        offer: &Offer,
        mut with: ConferenceInstruction,
    ) -> Decided<ConferenceInstruction> {
        let Some(to) = given(&with.to).map(str::to_owned).or_else(|| offer.contact_uri.clone()) else {
            return refuse(
                40137,
                format!("no 'to' was given and worker {} has no contact_uri", offer.worker),
            );
        };
        with.to = Some(to);
        match given(&with.from) {
            None => return refuse(40138, "conference: 'from' is missing"),
            Some(from) if !is_caller_id(from) => {
                return refuse(40141, format!("conference: '{from}' cannot be a caller ID"));
            }
            Some(_) => {}
        }
        if let Some(activity) = with.post_work_activity {
            if !self.ws.state.activities.contains_key(&activity) {
                return refuse(40139, format!("post_work_activity_sid {activity} is invalid"));
            }
            if !self.is_single_tasking() {
                return refuse(40143, "post_work_activity_sid is not valid in a multitasking workspace");
            }
        }
        let outbound = offer.attributes.map().get("outbound_to").and_then(|to| to.as_str());
        if offer.call.is_none() && outbound.is_none_or(str::is_empty) {
            return refuse(40142, format!("task {} has neither call_sid nor outbound_to", offer.task));
        }
        check_url(given(&with.status_callback), 40159, "status_callback")?;
        for (url, name) in [
            (&with.conference_status_callback, "conference_status_callback"),
            (&with.recording_status_callback, "recording_status_callback"),
            (&with.conference_recording_status_callback, "conference_recording_status_callback"),
        ] {
            check_url(given(url), 40159, name)?;
        }
        if !PARTICIPANTS.contains(&with.max_participants) {
            return refuse(20001, format!("max_participants must be from 2 to {PARTICIPANTS_MAX}"));
        }
        check_ringing(with.timeout, 14233)?;
        with.timeout.get_or_insert(TIMEOUT);
        Ok(with)
    }

    /// All that the voice side needs to act on a reservation.
    pub(super) fn offer_of(&self, sid: ReservationSid) -> Offer {
        let reservation = self.ws.state.reservation(sid);
        self.offer_to(sid, reservation.worker)
    }

    /// The same for a worker who is not (yet) the reservation's.
    pub(super) fn offer_to(&self, sid: ReservationSid, to: WorkerSid) -> Offer {
        let state = &self.ws.state;
        let reservation = state.reservation(sid);
        let task = &state.task(reservation.task).task;
        let worker = state.worker(to);
        let contact = worker.attributes.map().get("contact_uri").and_then(|uri| uri.as_str());
        Offer {
            workspace: state.settings.sid,
            workflow: task.workflow,
            task: task.sid,
            reservation: sid,
            worker: to,
            worker_name: worker.friendly_name.clone(),
            contact_uri: contact.filter(|uri| !uri.is_empty()).map(str::to_owned),
            call: call_of(&task.attributes),
            attributes: task.attributes.clone(),
            park: self.live_to_park(to, sid),
            timeout: reservation.timeout,
        }
    }
}

/// `conference.sid` or `conference_sid`.
fn names_conference(attributes: &Attributes) -> bool {
    let attributes = attributes.value();
    let sid = attributes.pointer("/conference/sid").or_else(|| attributes.get("conference_sid"));
    sid.and_then(|sid| sid.as_str()).is_some_and(|sid| sid.parse::<ConferenceSid>().is_ok())
}

fn check_call(offer: &Offer, mut with: CallInstruction) -> Decided<CallInstruction> {
    let Some(to) = given(&with.to).map(str::to_owned).or_else(|| offer.contact_uri.clone()) else {
        return refuse(
            40110,
            format!("call: no 'to' was given and worker {} has no contact_uri", offer.worker),
        );
    };
    with.to = Some(to);
    if given(&with.from).is_none() {
        return refuse(40111, "call: 'from' is missing");
    }
    match given(&with.url) {
        Some(url) if is_url(url) => {}
        _ => return refuse(40112, "call: 'url' is missing or not a URL"),
    }
    check_url(given(&with.status_callback_url), 40158, "status_callback_url")?;
    check_ringing(with.timeout, 20001)?;
    with.timeout.get_or_insert(TIMEOUT);
    Ok(with)
}

fn check_redirect(with: &RedirectInstruction) -> Decided<()> {
    match given(&with.url) {
        Some(url) if is_url(url) => {}
        _ => return refuse(40120, "redirect: 'url' is missing or not a URL"),
    }
    match given(&with.call).map(str::parse::<CallSid>) {
        Some(Ok(_)) => Ok(()),
        _ => refuse(40121, "redirect: 'call_sid' is missing or not a call"),
    }
}
