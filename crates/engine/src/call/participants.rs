//! Conferences and their participants as the API sees and changes them (reference: voice §4.1, §4.2).

use super::calls::Outgoing;
use super::conference::{ConferenceCallback, ConferencePlan, Leave, NotAdmitted, Seat};
use super::port::*;
use super::requests::refused;
use super::state::*;
use super::switchboard::{Switchboard, Timer};
use base::*;

impl Switchboard {
    pub(super) fn add_participant(&mut self, name: String, new: NewParticipant) -> Response {
        let Some((to, destination, headers)) = self.resolve(&new.call.to) else {
            let message =
                format!("The phone number you are attempting to call, {}, is not valid.", new.call.to);
            return refused(400, 21211, message);
        };
        if name.parse::<ConferenceSid>().is_ok() && self.conference_named(&name).is_none() {
            return self.no_conference(&name);
        }
        let sid = CallSid::generate(&mut self.entropy);
        let seat = Seat {
            muted: new.muted,
            starts: new.start_on_enter,
            ends: new.end_on_exit,
            label: new.label.clone(),
            wait: wait_plan(new.wait),
            whispers_to: new.coach,
            early_media: new.early_media,
            since: self.now.wall,
            changed: self.now.wall,
            ..Seat::plain(sid).beeps(&new.beep)
        };
        if let Some(coached) = new.coach
            && let Err(refusal) = self.may_coach(&name, coached)
        {
            return refusal;
        }
        let callback =
            new.conference_callback.map(|c| ConferenceCallback { webhook: c.webhook, events: c.events });
        let plan = ConferencePlan { seats_max: new.seats_max, callback, record: new.conference_record };
        let conference = match self.conference_with_room(&name, &seat, plan) {
            Ok(conference) => conference,
            Err(NotAdmitted::Full) => {
                return refused(400, 16020, format!("Conference {name} is full"));
            }
            Err(NotAdmitted::LabelInUse) => {
                return refused(400, 16025, "The participant label is in use".to_owned());
            }
        };
        let from = self.caller_id_for(&destination, new.call.from);
        let callback = new.call.status_callback.map(|s| CallbackPlan {
            webhook: s.webhook,
            events: s.events,
            extra: Vec::new(),
        });
        if let Some(room) = self.conferences.get_mut(&conference) {
            room.invited.push(seat);
        }
        let made = self.call_out(Outgoing {
            sid,
            to,
            from,
            destination,
            parent: None,
            direction: CallDirection::OutboundApi,
            doing: Doing::Participant(conference),
            timeout: new.call.timeout,
            callback,
            credentials: new.call.sip_credentials,
            headers,
            send_digits: new.call.send_digits,
        });
        if made.is_none() {
            self.invited_lost(sid, conference);
            return refused(503, 20503, "Too many live calls".to_owned());
        }
        if let Some(call) = self.calls.get_mut(&sid) {
            call.to_record = new.call.record;
            call.machine = new.call.machine;
        }
        if let Some(limit) = new.call.time_limit {
            self.arm(Timer::Limit(sid), limit);
        }
        self.shown_participant(conference, sid)
    }

    /// Whether `coached` may be coached in this conference now.
    fn may_coach(&self, name: &str, coached: CallSid) -> Result<(), Response> {
        let conference = self.conference_named(name).and_then(|sid| self.conferences.get(&sid));
        match conference.and_then(|c| c.seats.iter().find(|s| s.call == coached)) {
            Some(seat) if seat.hold => {
                Err(refused(400, 16027, "The participant to be coached is on hold".to_owned()))
            }
            Some(_) => Ok(()),
            None => Err(refused(400, 16028, format!("{coached} is not in the conference"))),
        }
    }

    fn no_conference(&self, name: &str) -> Response {
        let account = self.settings.account;
        let path = format!("/2010-04-01/Accounts/{account}/Conferences/{name}.json");
        refused(404, 20404, format!("The requested resource {path} was not found"))
    }

    fn no_participant(&self, conference: ConferenceSid, name: &str) -> Response {
        let account = self.settings.account;
        let path =
            format!("/2010-04-01/Accounts/{account}/Conferences/{conference}/Participants/{name}.json");
        refused(404, 20404, format!("The requested resource {path} was not found"))
    }

    fn shown_participant(&self, sid: ConferenceSid, call: CallSid) -> Response {
        let view = self.conference(sid).and_then(|c| c.participants.into_iter().find(|p| p.call == call));
        match view {
            Some(view) => Response::Participant(Box::new(view)),
            None => self.no_participant(sid, &call.to_string()),
        }
    }

    pub(super) fn update_participant(
        &mut self,
        sid: ConferenceSid,
        name: &str,
        change: ParticipantChange,
    ) -> Response {
        let Some(conference) = self.conferences.get(&sid) else {
            return self.no_conference(&sid.to_string());
        };
        let Some(before) = conference.seat_named(name).cloned() else {
            return self.no_participant(sid, name);
        };
        let call = before.call;
        let seated = conference.seats.iter().any(|s| s.call == call);
        let (title, started) = (conference.record.friendly_name.clone(), conference.started);
        if let Some(Some(coached)) = change.coach
            && let Err(refusal) = self.may_coach(&title, coached)
        {
            return refusal;
        }
        if change.announce.is_some() && !(seated && started) {
            return refused(400, 16001, "The participant is not connected to the conference".to_owned());
        }
        let now = self.now.wall;
        let Some(seat) = self.conferences.get_mut(&sid).and_then(|c| c.seat_mut(call)) else {
            return self.no_participant(sid, name);
        };
        seat.changed = now;
        seat.muted = change.muted.unwrap_or(seat.muted);
        seat.ends = change.end_on_exit.unwrap_or(seat.ends);
        seat.beep_on_exit = change.beep_on_exit.unwrap_or(seat.beep_on_exit);
        if let Some(coach) = change.coach {
            seat.whispers_to = coach;
        }
        if let Some(wait) = change.wait {
            seat.wait = wait_plan(Some(wait));
        }
        let after = seat.clone();
        if after.wait != before.wait && seated && !started {
            self.stop_side(call, |p| p == Purpose::ConferenceWait);
            if let WaitPlan::Url(webhook) = after.wait.clone() {
                self.start_side(call, Purpose::ConferenceWait, webhook, Vec::new());
            }
        }
        if after.muted != before.muted {
            let name = if after.muted { "participant-mute" } else { "participant-unmute" };
            self.conference_event(sid, "mute", name, Some(&after), Vec::new());
        }
        let modified = |s: &Seat| (s.ends, s.beep_on_exit, s.whispers_to, s.wait.clone());
        if modified(&after) != modified(&before) {
            self.conference_event(sid, "modify", "participant-modify", Some(&after), Vec::new());
        }
        if let Some(held) = change.hold {
            self.hold(sid, call, held, change.hold_wait);
        }
        if let Some(webhook) = change.announce {
            self.announce_to(sid, call, webhook);
        }
        self.seats_changed(sid);
        self.dirty_partners(call);
        self.shown_participant(sid, call)
    }

    /// Says a document to one participant.
    fn announce_to(&mut self, sid: ConferenceSid, call: CallSid, webhook: Webhook) {
        if let Some(seat) = self.conferences.get_mut(&sid).and_then(|c| c.seat_mut(call)) {
            seat.announce = Some(webhook.url.clone());
        }
        self.start_side(call, Purpose::Announce, webhook, Vec::new());
    }

    /// What was said to one participant is over; `failed` says why it was not said.
    pub(super) fn announced_to(&mut self, call: CallSid, failed: Option<String>) {
        let Some(Join::Conference(sid)) = self.calls.get(&call).map(|c| c.join) else { return };
        let Some(seat) = self.conferences.get_mut(&sid).and_then(|c| c.seat_mut(call)) else { return };
        let url = seat.announce.take().unwrap_or_default();
        let seat = seat.clone();
        self.tell_announced(sid, Some(&seat), url, failed);
        if seat.hold
            && let Some(webhook) = seat.hold_music.filter(|music| !music.url.is_empty())
        {
            self.start_side(call, Purpose::Hold, webhook, Vec::new());
        }
    }

    /// What is heard on hold could not be had: music instead.
    pub(super) fn hold_wait_failed(&mut self, call: CallSid) {
        let Some(Join::Conference(sid)) = self.calls.get(&call).map(|c| c.join) else { return };
        if let Some(seat) = self.conferences.get_mut(&sid).and_then(|c| c.seat_mut(call)) {
            seat.hold_music = None;
        }
        self.dirty.insert(call);
    }

    pub(super) fn remove_participant(&mut self, sid: ConferenceSid, name: &str) -> Response {
        let Some(conference) = self.conferences.get(&sid) else {
            return self.no_conference(&sid.to_string());
        };
        let Some(seat) = conference.seat_named(name) else { return self.no_participant(sid, name) };
        let call = seat.call;
        if !conference.seats.iter().any(|s| s.call == call) {
            self.hang_up(call);
            return Response::Done;
        }
        self.part(call, Leave::Kicked);
        self.released(call);
        Response::Done
    }

    pub(super) fn update_conference(&mut self, sid: ConferenceSid, change: ConferenceChange) -> Response {
        let Some(conference) = self.conferences.get(&sid) else {
            return self.no_conference(&sid.to_string());
        };
        let mut record = conference.record.clone();
        let started = conference.started;
        if let Some(webhook) = change.announce {
            if !started {
                return refused(400, 16001, "The conference has not begun".to_owned());
            }
            if !self.announce(sid, webhook) {
                return refused(429, 20429, "Too many announcements wait".to_owned());
            }
        }
        if change.end {
            self.end_conference(sid, "conference-ended-via-api", None, Leave::EndedViaApi);
            record.status = "completed".to_owned();
            record.reason_ended = Some("conference-ended-via-api".to_owned());
            record.updated = self.now.wall;
        }
        Response::Conference(Box::new(record))
    }

    /// A leg that is watched in a mixer began to speak, or fell silent.
    pub(super) fn speaks(&mut self, call: CallSid, speaking: bool) {
        let Some(Join::Conference(sid)) = self.calls.get(&call).map(|c| c.join) else { return };
        let seat = self.conferences.get(&sid).and_then(|c| c.seats.iter().find(|s| s.call == call));
        let Some(seat) = seat.cloned() else { return };
        let name = if speaking { "participant-speech-start" } else { "participant-speech-stop" };
        self.conference_event(sid, "speaker", name, Some(&seat), Vec::new());
    }

    /// One live conference with its participants, those first who came first.
    pub fn conference(&self, sid: ConferenceSid) -> Option<ConferenceView> {
        let conference = self.conferences.get(&sid)?;
        let view = |seat: &Seat, seated: bool| {
            let status = match self.calls.get(&seat.call).map(|c| c.stage) {
                _ if seated => "connected",
                Some(Stage::Ringing) => "ringing",
                Some(Stage::Up) => "connecting",
                Some(_) => "queued",
                None => "complete",
            };
            ParticipantView {
                conference: sid,
                call: seat.call,
                label: seat.label.clone(),
                muted: seat.muted,
                hold: seat.hold,
                coaching: seat.whispers_to.is_some(),
                coach: seat.whispers_to,
                start_on_enter: seat.starts,
                end_on_exit: seat.ends,
                status,
                created: seat.since,
                updated: seat.changed,
            }
        };
        let seated = conference.seats.iter().map(|s| view(s, true));
        let participants = seated.chain(conference.invited.iter().map(|s| view(s, false))).collect();
        Some(ConferenceView { record: conference.record.clone(), participants })
    }
}

/// What a participant hears while it waits; an empty URL is silence.
fn wait_plan(wait: Option<Webhook>) -> WaitPlan {
    match wait {
        None => WaitPlan::Music,
        Some(webhook) if webhook.url.is_empty() => WaitPlan::Silence,
        Some(webhook) => WaitPlan::Url(webhook),
    }
}
