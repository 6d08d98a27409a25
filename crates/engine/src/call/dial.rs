//! `<Dial>`: calling numbers and SIP addresses, conferences and queues (reference: voice §2.6).

use super::calls::Outgoing;
use super::conference::{ConferenceCallback, ConferencePlan, NotAdmitted, Seat};
use super::parameters::{Parameters, pair};
use super::port::*;
use super::state::*;
use super::switchboard::{Switchboard, Timer};
use base::*;
use serde_json::{Value, json};
use sip::port::Destination;
use std::time::Duration;

/// Parties one `<Dial>` may call.
const LEGS_PER_DIAL_MAX: usize = 10;
/// Shortest and longest ring of a `<Dial>`.
const RING_MIN: Duration = Duration::from_secs(5);
const RING_MAX: Duration = Duration::from_secs(600);
/// What the address of a browser begins with.
pub(super) const CLIENT: &str = "client:";
/// Header parameters taken from one SIP URI, custom parameters from one `client:` address.
const HEADERS_MAX: usize = 20;
/// Headers that an application may set on a call, besides `x-…`.
const HEADERS_ALLOWED: [&str; 4] =
    ["user-to-user", "remote-party-id", "p-preferred-identity", "p-called-party-id"];

impl Switchboard {
    pub(super) fn dial(&mut self, sid: CallSid, verb: twiml::Dial) {
        let action = self.optional_hook(sid, verb.action.as_ref());
        match &verb.target {
            twiml::DialTarget::Parties(parties) => self.dial_parties(sid, &verb, parties, action),
            twiml::DialTarget::Conference(room) => self.dial_conference(sid, room, action),
            twiml::DialTarget::Queue(queue) => self.dial_queue(sid, &verb, queue, action),
        }
    }

    fn dial_parties(
        &mut self,
        sid: CallSid,
        verb: &twiml::Dial,
        parties: &[twiml::Party],
        action: Option<Webhook>,
    ) {
        let targets: Vec<Target> =
            parties.iter().take(LEGS_PER_DIAL_MAX).filter_map(|p| self.target(sid, p)).collect();
        let record = self.dial_record(sid, verb);
        let refer = self.optional_hook(sid, verb.refer.as_ref());
        let Some(from) = self.dial_from(sid, verb.caller_id.as_deref(), &targets) else { return };
        let Some(call) = self.calls.get_mut(&sid) else { return };
        call.doing = Doing::Dial(Box::new(Dial {
            action,
            from,
            timeout: verb.timeout.clamp(RING_MIN, RING_MAX),
            time_limit: Some(verb.time_limit),
            hangup_on_star: verb.hangup_on_star,
            refer,
            ring_tone: verb.ring_tone.clone(),
            rest: targets.into(),
            children: Vec::new(),
            bridged: None,
            record,
            recording: None,
            failed: None,
        }));
        self.dirty.insert(sid);
        let rings = |d: &Doing| matches!(d, Doing::Dial(dial) if dial.record.as_ref().is_some_and(|r| r.1));
        if self.calls.get(&sid).is_some_and(|c| c.is_up() && rings(&c.doing)) {
            self.record_dial(sid, None);
        }
        loop {
            let more = match self.calls.get_mut(&sid).map(|c| &mut c.doing) {
                Some(Doing::Dial(dial)) if !verb.sequential || dial.children.is_empty() => {
                    dial.rest.pop_front()
                }
                _ => None,
            };
            match more {
                Some(target) => self.call_target(sid, target),
                None => break,
            }
        }
        self.dial_if_exhausted(sid);
    }

    /// Whom those who are called see. Over a trunk that is a number of the account's, one that it has proved to be its own, or
    /// one of the two that are on the call (reference: voice §2.6); with any other it is as if none had been said.
    fn dial_from(&mut self, sid: CallSid, asked: Option<&str>, targets: &[Target]) -> Option<String> {
        let record = &self.calls.get(&sid)?.record;
        let own = record.from.clone();
        let Some(asked) = asked else { return Some(own) };
        let by_trunk = targets.iter().any(|target| matches!(target.destination, Destination::Trunk(_)));
        let on_call = asked == record.from || asked == record.to;
        let owned = || {
            let number = asked.parse::<PhoneNumber>();
            number.is_ok_and(|number| self.numbers.contains_key(&number) || self.caller_ids.contains(&number))
        };
        if !by_trunk || on_call || owned() {
            return Some(asked.to_owned());
        }
        self.notify_warning(
            sid,
            13214,
            "callerId is neither a number of the account nor a verified caller ID",
        );
        Some(own)
    }

    /// What `record` asks for; `true`: from the first ring.
    fn dial_record(&mut self, sid: CallSid, verb: &twiml::Dial) -> Option<(NewRecording, bool)> {
        let (channels, from_ringing) = match verb.record {
            twiml::DialRecord::No => return None,
            twiml::DialRecord::FromAnswer => (1, false),
            twiml::DialRecord::FromRinging => (1, true),
            twiml::DialRecord::FromAnswerDual => (2, false),
            twiml::DialRecord::FromRingingDual => (2, true),
        };
        let track = verb.recording_track.into();
        let callback = self.recording_callback(sid, verb.recording_status.as_ref());
        Some((NewRecording { channels, track, trim: verb.trim, callback }, from_ringing))
    }

    /// Where a noun leads; `None` (with a notice) where it cannot be called.
    fn target(&mut self, sid: CallSid, party: &twiml::Party) -> Option<Target> {
        let screen = self.optional_hook(sid, party.whisper.as_ref());
        let callback = party.status.as_ref().and_then(|status| {
            let webhook = self.optional_hook(sid, Some(&status.hook))?;
            let events = status.events.iter().map(|e| event_name(*e).to_owned()).collect();
            Some(CallbackPlan { webhook, events, extra: Vec::new() })
        });
        let machine = party.machine_detection.as_ref().map(|detection| MachineDetection {
            plan: MachinePlan {
                until_message_end: detection.until_message_end,
                timeout: detection.timeout,
                speech: detection.speech,
                speech_end: detection.speech_end,
                silence: detection.silence,
            },
            in_background: true,
            callback: self.optional_hook(sid, detection.callback.as_ref()),
        });
        let (to, send_digits, credentials) = match &party.address {
            twiml::Address::Number { number, send_digits } => (number.clone(), send_digits.clone(), None),
            twiml::Address::Sip { uri, username, password } => {
                (uri.clone(), None, username.clone().zip(password.clone()))
            }
            twiml::Address::Client { identity, parameters } => {
                let to = format!("{CLIENT}{identity}");
                let destination = Destination::Client(identity.clone());
                let headers = parameters.clone();
                return Some(Target {
                    to,
                    destination,
                    screen,
                    send_digits: None,
                    callback,
                    credentials: None,
                    headers,
                    // A browser has a person before it.
                    machine: None,
                });
            }
        };
        let Some((to, destination, headers)) = self.resolve(&to) else {
            self.notify_error(sid, 13223, "is neither a phone number nor a SIP address");
            return None;
        };
        Some(Target { to, destination, screen, send_digits, callback, credentials, headers, machine })
    }

    /// Where an address leads: a public number to the trunk, a `client:` to its browsers, a user of our domains to their phone, any other SIP
    /// address straight there. With it, the address without, and the headers from, its header parameters.
    #[allow(clippy::type_complexity, reason = "three things of one address, used in two places")]
    pub(super) fn resolve(&self, to: &str) -> Option<(String, Destination, Vec<(String, String)>)> {
        let to = to.trim();
        if let Ok(number) = to.parse::<PhoneNumber>() {
            return Some((to.to_owned(), Destination::Trunk(number.to_string()), Vec::new()));
        }
        if let Some(client) = to.strip_prefix(CLIENT) {
            let (identity, parameters) = client.split_once('?').unwrap_or((client, ""));
            let parameters = parameters
                .split('&')
                .filter_map(|p| p.split_once('='))
                .take(HEADERS_MAX)
                .map(|(name, value)| (unescape(name), unescape(&value.replace('+', " "))))
                .collect();
            let identity = identity.to_owned();
            let destination = Destination::Client(identity.clone());
            return (!identity.is_empty()).then(|| (format!("{CLIENT}{identity}"), destination, parameters));
        }
        let lower = to.to_ascii_lowercase();
        if !(lower.starts_with("sip:") || lower.starts_with("sips:")) || !to.contains('@') {
            return None;
        }
        let (address, parameters) = to.split_once('?').unwrap_or((to, ""));
        let headers = parameters
            .split('&')
            .filter_map(|p| p.split_once('='))
            .filter(|(name, _)| {
                let name = name.to_ascii_lowercase();
                name.starts_with("x-") || HEADERS_ALLOWED.contains(&name.as_str())
            })
            .take(HEADERS_MAX)
            .map(|(name, value)| (name.to_owned(), unescape(value)))
            .collect();
        let (user, host) = address.split_once(':')?.1.split_once('@')?;
        let domain = host.split([':', ';']).next().unwrap_or_default();
        let user = user.split([';', ':']).next().unwrap_or_default();
        let ours = self.settings.sip_domains.iter().any(|d| d.eq_ignore_ascii_case(domain));
        let destination = if ours && !user.is_empty() {
            Destination::Phone(user.to_owned())
        } else if let Some(registered) = self.domain(domain).filter(|d| d.registers && !user.is_empty()) {
            Destination::Phone(format!("{user}@{}", registered.name))
        } else {
            Destination::Uri(address.to_owned())
        };
        Some((address.to_owned(), destination, headers))
    }

    fn call_target(&mut self, parent: CallSid, target: Target) {
        let Some((from, timeout)) = self.calls.get(&parent).and_then(|c| match &c.doing {
            Doing::Dial(dial) => Some((dial.from.clone(), dial.timeout)),
            _ => None,
        }) else {
            return;
        };
        let from = self.caller_id_for(&target.destination, from);
        let mut headers = target.headers;
        headers.extend(self.signature_of(parent, &target.destination, &from));
        let sid = CallSid::generate(&mut self.entropy);
        let made = self.call_out(Outgoing {
            sid,
            to: target.to,
            from,
            destination: target.destination,
            parent: Some(parent),
            direction: CallDirection::OutboundDial,
            doing: Doing::Child { parent, screen: target.screen },
            timeout,
            callback: target.callback,
            credentials: target.credentials,
            headers,
            send_digits: target.send_digits,
        });
        if let Some(call) = made.and_then(|child| self.calls.get_mut(&child)) {
            call.machine = target.machine;
        }
        match (made, self.calls.get_mut(&parent).map(|c| &mut c.doing)) {
            (Some(child), Some(Doing::Dial(dial))) => dial.children.push(child),
            (None, _) => self.notify_error(parent, 12400, "too many live calls"),
            _ => {}
        }
    }

    /// A caller whose number was signed on its way here (STIR, RFC 8224) and goes on over a trunk under that number
    /// takes the signature along.
    fn signature_of(
        &self,
        parent: CallSid,
        destination: &Destination,
        from: &str,
    ) -> Option<(String, String)> {
        let call = self.calls.get(&parent)?;
        let passes = matches!(destination, Destination::Trunk(_)) && call.record.from == from;
        let (_, value) = call.sip_parameters.iter().find(|(name, _)| name == "SipHeader_Identity")?;
        passes.then(|| ("Identity".to_owned(), value.clone()))
    }

    /// A trunk is shown a number of ours where the caller has none of their own.
    pub(super) fn caller_id_for(&self, destination: &Destination, from: String) -> String {
        match (destination, &self.settings.caller_id) {
            (Destination::Trunk(_), Some(ours)) if from.parse::<PhoneNumber>().is_err() => ours.to_string(),
            _ => from,
        }
    }

    /// A callee answered: the others stop ringing. False if the caller has gone elsewhere.
    pub(super) fn child_answered(&mut self, parent: CallSid, child: CallSid) -> bool {
        let others = match self.calls.get_mut(&parent).map(|c| &mut c.doing) {
            Some(Doing::Dial(dial)) if dial.children.contains(&child) => {
                dial.rest.clear();
                let others = dial.children.clone();
                dial.children.retain(|c| *c == child);
                others
            }
            _ => {
                self.hang_up(child);
                return false;
            }
        };
        for other in others.into_iter().filter(|c| *c != child) {
            self.hang_up(other);
        }
        self.dirty.insert(parent);
        true
    }

    /// A callee is up, its tones sent, and its screening (if any) not yet or no longer running.
    pub(super) fn child_ready(&mut self, child: CallSid) {
        let Some(call) = self.calls.get_mut(&child) else { return };
        if !call.is_up() || call.join != Join::Nobody {
            return;
        }
        let Doing::Child { parent, screen } = &mut call.doing else { return };
        let (parent, screen) = (*parent, screen.take());
        if let Some(webhook) = screen {
            return self.start_side(child, Purpose::Screen, webhook, Vec::new());
        }
        let now = self.now.mono;
        let limit = match self.calls.get_mut(&parent).map(|c| &mut c.doing) {
            Some(Doing::Dial(dial)) => {
                dial.bridged = Some((child, now));
                dial.children.clear();
                dial.time_limit
            }
            _ => return self.hang_up(child),
        };
        if let Some(limit) = limit {
            self.arm(Timer::DialLimit(parent), limit);
        }
        self.answer(parent);
        self.join_two(parent, child);
        self.record_dial(parent, Some(child));
    }

    /// Joins two calls: each hears the other.
    pub(super) fn join_two(&mut self, a: CallSid, b: CallSid) {
        for (one, other) in [(a, b), (b, a)] {
            if let Some(call) = self.calls.get_mut(&one) {
                call.join = Join::Bridge(other);
            }
            self.dirty.insert(one);
            self.note(one, "bridge", "connected", json!({"with": other}));
        }
    }

    /// A callee ended without having been connected.
    pub(super) fn child_failed(&mut self, parent: CallSid, child: CallSid, status: DialStatus) {
        let Some(Doing::Dial(dial)) = self.calls.get_mut(&parent).map(|c| &mut c.doing) else { return };
        if !dial.children.contains(&child) {
            return;
        }
        dial.children.retain(|c| *c != child);
        dial.failed = Some((child, status));
        self.dirty.insert(parent);
        self.dial_if_exhausted(parent);
    }

    fn dial_if_exhausted(&mut self, sid: CallSid) {
        loop {
            let next = match self.calls.get_mut(&sid).map(|c| &mut c.doing) {
                Some(Doing::Dial(dial)) if dial.children.is_empty() && dial.bridged.is_none() => {
                    dial.rest.pop_front()
                }
                _ => return,
            };
            match next {
                Some(target) => self.call_target(sid, target),
                None => return self.dial_over(sid, true),
            }
        }
    }

    /// The dialled part of a call is over, and the call goes on. `timed`: the action is told how long it lasted.
    pub(super) fn dial_over(&mut self, sid: CallSid, timed: bool) {
        let Some(call) = self.calls.get_mut(&sid) else { return };
        let Doing::Dial(dial) = std::mem::replace(&mut call.doing, Doing::Program) else { return };
        if dial.bridged.is_some() {
            // Somebody has taken it.
            call.diversions = Diversions::default();
        }
        self.disarm(Timer::DialLimit(sid));
        if let Some(recording) = dial.recording {
            self.stop_recording(recording);
        }
        let parameters = self.dial_result(&dial, timed);
        self.note(sid, "bridge", "the dialled call is over", parameters_json(&parameters));
        self.finish_verb(sid, dial.action, parameters);
    }

    pub(super) fn dial_result(&self, dial: &Dial, timed: bool) -> Parameters {
        let mut all = match (dial.bridged, dial.failed) {
            (Some((child, since)), _) => {
                let mut all = vec![pair("DialCallStatus", "completed"), pair("DialCallSid", child)];
                if timed {
                    all.push(pair("DialCallDuration", self.now.mono.since(since).as_secs()));
                }
                all.push(pair("DialBridged", true));
                all
            }
            (None, Some((child, status))) => vec![
                pair("DialCallStatus", status.as_str()),
                pair("DialCallSid", child),
                pair("DialCallDuration", 0),
                pair("DialBridged", false),
            ],
            (None, None) => vec![pair("DialCallStatus", "failed"), pair("DialBridged", false)],
        };
        all.extend(self.dial_recording(dial));
        all
    }

    /// The parties have talked as long as they may, or the caller pressed `*`: the callee is let go.
    pub(super) fn dial_limit_reached(&mut self, sid: CallSid) {
        let other = match self.calls.get(&sid).map(|c| (&c.doing, c.join)) {
            Some((Doing::Dial(_), Join::Bridge(other))) => other,
            Some((Doing::DialQueue(_), Join::Bridge(_))) => {
                self.part(sid, super::conference::Leave::HungUp);
                return self.dial_queue_over(sid);
            }
            _ => return,
        };
        self.hang_up(other);
    }

    /// `*` alone, from a caller who may drop the callee with it.
    pub(super) fn hang_up_on_star(&mut self, sid: CallSid) {
        match self.calls.get(&sid).map(|c| &c.doing) {
            Some(Doing::Dial(dial)) if dial.hangup_on_star => match dial.bridged {
                Some(_) => self.dial_limit_reached(sid),
                None => {
                    for child in dial.children.clone() {
                        self.hang_up(child);
                    }
                }
            },
            Some(Doing::DialQueue(dial)) if dial.hangup_on_star => self.dial_limit_reached(sid),
            _ => {}
        }
    }

    fn dial_conference(&mut self, sid: CallSid, room: &twiml::Conference, action: Option<Webhook>) {
        let wait = self.conference_wait_plan(sid, &room.wait);
        let callback = room.status.as_ref().and_then(|status| {
            let webhook = self.optional_hook(sid, Some(&status.hook))?;
            let events = status.events.iter().map(|e| conference_event_name(*e).to_owned()).collect();
            Some(ConferenceCallback { webhook, events })
        });
        let seat = Seat {
            muted: room.muted,
            beep_on_enter: matches!(room.beep, twiml::Beep::Both | twiml::Beep::OnEnter),
            beep_on_exit: matches!(room.beep, twiml::Beep::Both | twiml::Beep::OnExit),
            starts: room.start_on_enter,
            ends: room.end_on_exit,
            label: room.participant_label.clone(),
            wait,
            whispers_to: room.coach,
            ..Seat::plain(sid)
        };
        if let Some(coached) = room.coach {
            let there = self.conference_named(&room.name).and_then(|sid| self.conferences.get(&sid));
            if !there.is_some_and(|c| c.seats.iter().any(|s| s.call == coached)) {
                self.notify_error(sid, 13240, format!("{coached} is not in conference {}", room.name));
                return self.finish_verb(sid, action, vec![pair("DialCallStatus", "failed")]);
            }
        }
        if let Some(call) = self.calls.get_mut(&sid) {
            call.doing = Doing::Conference { action: action.clone(), accepts: None };
        }
        let recorded = self.recording_callback(sid, room.recording_status.as_ref());
        let record = room.record.then_some(NewRecording {
            channels: 1,
            track: RecordingTrack::Both,
            trim: room.trim,
            callback: recorded,
        });
        let wanted = ConferencePlan { seats_max: room.max_participants as usize, callback, record };
        match room.routing.clone() {
            Some(twiml::ConferenceRouting::Reservation { reservation, post_work_activity }) => {
                let accepts = Accepts {
                    reservation,
                    post_work: post_work_activity,
                    room: room.name.clone(),
                    seat,
                    plan: wanted,
                };
                self.accept_for_conference(sid, action, accepts);
            }
            Some(twiml::ConferenceRouting::Task { workflow, task }) => {
                if self.enter_conference(sid, &room.name, seat, wanted, action) {
                    self.create_conference_task(sid, workflow, task);
                }
            }
            None => drop(self.enter_conference(sid, &room.name, seat, wanted, action)),
        }
    }

    /// Somebody whose document says so comes into a conference. False if they may not.
    pub(super) fn enter_conference(
        &mut self,
        sid: CallSid,
        room: &str,
        seat: Seat,
        plan: ConferencePlan,
        action: Option<Webhook>,
    ) -> bool {
        match self.join_conference(room, seat, plan) {
            Ok(_) => return true,
            Err(NotAdmitted::Full) => {
                self.notify_error(sid, 16020, format!("conference {room} is full"));
                self.finish_verb(sid, action, vec![pair("DialCallStatus", "failed")]);
            }
            Err(NotAdmitted::LabelInUse) => {
                self.notify_error(sid, 16025, "the participant label is in use");
                self.finish_verb(sid, None, Vec::new());
            }
        }
        false
    }

    fn dial_queue(
        &mut self,
        sid: CallSid,
        verb: &twiml::Dial,
        noun: &twiml::QueueNoun,
        action: Option<Webhook>,
    ) {
        let whisper = self.optional_hook(sid, noun.whisper.as_ref());
        let queue = if noun.reservation.is_some() { None } else { self.queue_sid(&noun.name) };
        if queue.is_none() && noun.reservation.is_none() {
            let result = vec![pair("DialCallStatus", "failed"), pair("DequeueResult", "queue-not-found")];
            return self.finish_verb(sid, action, result);
        }
        let Some(call) = self.calls.get_mut(&sid) else { return };
        call.doing = Doing::DialQueue(Box::new(DialQueue {
            action,
            queue,
            reservation: noun.reservation,
            post_work: noun.post_work_activity,
            whisper,
            hangup_on_star: verb.hangup_on_star,
            time_limit: Some(verb.time_limit),
            partner: None,
        }));
        self.dirty.insert(sid);
        self.arm(Timer::DialWait(sid), verb.timeout.clamp(RING_MIN, RING_MAX));
        match (queue, noun.reservation) {
            (_, Some(reservation)) => self.accept_for_dial(sid, reservation),
            (Some(queue), None) => {
                if let Some(known) = self.queues.get_mut(&queue) {
                    known.askers.push_back(sid);
                }
                self.serve_askers(queue);
            }
            (None, None) => {}
        }
    }

    pub(super) fn dial_queue_timed_out(&mut self, sid: CallSid) {
        match self.calls.get(&sid).map(|c| &c.doing) {
            Some(Doing::DialQueue(dial)) if dial.partner.is_none() => self.dial_queue_over(sid),
            Some(Doing::Conference { accepts: Some(_), .. }) => {
                self.not_accepted(sid, "the caller of this reservation did not come");
            }
            _ => {}
        }
    }

    /// A `<Dial><Queue>` is over, with or without having had a partner.
    pub(super) fn dial_queue_over(&mut self, sid: CallSid) {
        let Some(call) = self.calls.get_mut(&sid) else { return };
        let Doing::DialQueue(dial) = std::mem::replace(&mut call.doing, Doing::Program) else { return };
        self.forget_asker(&dial, sid);
        let parameters = self.dial_queue_result(&dial);
        self.finish_verb(sid, dial.action, parameters);
    }

    pub(super) fn forget_asker(&mut self, dial: &DialQueue, sid: CallSid) {
        self.disarm(Timer::DialWait(sid));
        self.disarm(Timer::DialLimit(sid));
        if let Some(queue) = dial.queue.and_then(|q| self.queues.get_mut(&q)) {
            queue.askers.retain(|a| *a != sid);
        }
    }

    pub(super) fn dial_queue_result(&self, dial: &DialQueue) -> Parameters {
        let mut all = Vec::new();
        match dial.partner {
            Some(Partner { call, waited, bridged: Some(since) }) => all.extend([
                pair("DialCallStatus", "completed"),
                pair("DialBridged", true),
                pair("DequeueResult", "bridged"),
                pair("DequeuedCallSid", call),
                pair("DequeuedCallQueueTime", waited.as_secs()),
                pair("DequeuedCallDuration", self.now.mono.since(since).as_secs()),
            ]),
            _ => all.extend([
                pair("DialCallStatus", "no-answer"),
                pair("DialBridged", false),
                pair("DequeueResult", "queue-empty"),
            ]),
        }
        all.extend(dial.queue.map(|q| pair("QueueSid", q)));
        all
    }
}

fn parameters_json(parameters: &Parameters) -> Value {
    parameters.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect()
}

fn event_name(event: twiml::CallEvent) -> &'static str {
    match event {
        twiml::CallEvent::Initiated => "initiated",
        twiml::CallEvent::Ringing => "ringing",
        twiml::CallEvent::Answered => "answered",
        twiml::CallEvent::Completed => "completed",
    }
}

fn conference_event_name(event: twiml::ConferenceEvent) -> &'static str {
    match event {
        twiml::ConferenceEvent::Start => "start",
        twiml::ConferenceEvent::End => "end",
        twiml::ConferenceEvent::Join => "join",
        twiml::ConferenceEvent::Leave => "leave",
        twiml::ConferenceEvent::Mute => "mute",
        twiml::ConferenceEvent::Hold => "hold",
        twiml::ConferenceEvent::Modify => "modify",
        twiml::ConferenceEvent::Speaker => "speaker",
        twiml::ConferenceEvent::Announcement => "announcement",
    }
}

/// `%20` and the like in a header parameter.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after
            .get(..2)
            .and_then(|h| std::str::from_utf8(h).ok())
            .and_then(|h| u8::from_str_radix(h, 16).ok());
        match (first, hex) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    // A header is one line.
    String::from_utf8_lossy(&bytes).replace(['\r', '\n'], " ")
}
