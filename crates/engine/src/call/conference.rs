//! Conferences: rooms that legs meet in (reference: voice §2.9).

use super::announcement::Announcement;
use super::parameters::{Parameters, pair};
use super::port::*;
use super::state::*;
use super::switchboard::{CallEnd, Switchboard};
use base::*;
use media::control::{Command, MixerId, Prompt, Turns};
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};

/// Most legs in one conference.
pub(super) const SEATS_MAX: usize = crate::routing::command::PARTICIPANTS_MAX;

#[derive(Debug)]
pub(super) struct Conference {
    pub record: ConferenceRecord,
    pub seats: Vec<Seat>,
    /// Called, and not in it yet.
    pub invited: Vec<Seat>,
    /// Two are in it and somebody was there who starts it.
    pub started: bool,
    /// While three or more are in it, or all of it is listened to.
    pub mixer: Option<MixerId>,
    /// What is being said to everybody, and what will be after that.
    pub announcements: VecDeque<Announcement>,
    pub callback: Option<ConferenceCallback>,
    /// It is to be recorded from its start.
    pub to_record: Option<NewRecording>,
    /// What it is recorded in.
    pub recording: Option<RecordingSid>,
    pub sequence: u32,
    pub seats_max: usize,
    /// Who is in it, as the task's Sync map was told last.
    pub shown: BTreeMap<CallSid, TaskParticipant>,
}

/// What the first participant says about the conference that is made for them.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct ConferencePlan {
    pub seats_max: usize,
    pub callback: Option<ConferenceCallback>,
    pub record: Option<NewRecording>,
}

impl ConferencePlan {
    /// As large as can be, told to this application.
    pub fn told(callback: Option<ConferenceCallback>) -> Self {
        Self { seats_max: SEATS_MAX, callback, record: None }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct ConferenceCallback {
    pub webhook: Webhook,
    /// `start end join leave …`
    pub events: Vec<String>,
}

/// One leg in a conference.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seat {
    pub call: CallSid,
    pub muted: bool,
    pub beep_on_enter: bool,
    pub beep_on_exit: bool,
    pub starts: bool,
    pub ends: bool,
    pub label: Option<String>,
    pub wait: WaitPlan,
    /// Hears music, and is not heard.
    pub hold: bool,
    /// What it hears then, if not ours; an empty URL is silence.
    pub hold_music: Option<Webhook>,
    /// The only one who hears it: a coach's agent.
    pub whispers_to: Option<CallSid>,
    /// Where the document comes from that is being said to this one alone.
    pub announce: Option<String>,
    pub since: Timestamp,
    pub changed: Timestamp,
    /// While it is being called, who waits for it hears how that goes.
    pub early_media: bool,
    /// `ends` counts only for the last agent: nobody asked for it in so many words.
    pub ends_as_last: bool,
}

/// Why a leg leaves, as `ReasonParticipantLeft` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    HungUp,
    Updated,
    /// Over the API, out of the conference.
    Kicked,
    /// Whoever ends the conference has left.
    Moderator,
    EndedViaApi,
    /// Was called and did not come.
    AddFailed,
}

impl Leave {
    fn reason(self) -> &'static str {
        match self {
            Self::HungUp => "participant_hung_up",
            Self::Updated | Self::Kicked => "participant_updated_via_api",
            Self::Moderator => "moderator_ended_conference",
            Self::EndedViaApi => "conference_ended_via_api",
            Self::AddFailed => "participant_add_failed",
        }
    }
}

/// By whose leaving a conference ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ender {
    pub call: CallSid,
    pub label: Option<String>,
}

impl Ender {
    fn of(seat: &Seat) -> Self {
        Self { call: seat.call, label: seat.label.clone() }
    }
}

/// Why somebody could not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotAdmitted {
    /// 16020
    Full,
    /// 16025
    LabelInUse,
}

impl Conference {
    /// `listener` may hear this call: it is not on hold, and whispers to nobody else.
    pub fn is_heard(&self, call: CallSid, listener: CallSid) -> bool {
        let mut seats = self.seats.iter().filter(|s| s.call == call);
        seats.all(|s| !s.hold && s.whispers_to.is_none_or(|coached| coached == listener))
    }

    /// Whoever is in it, or called to it, under this SID or label.
    pub fn seat_named(&self, name: &str) -> Option<&Seat> {
        let sid = name.parse::<CallSid>().ok();
        let is = |s: &&Seat| Some(s.call) == sid || s.label.as_deref() == Some(name);
        self.seats.iter().chain(&self.invited).find(is)
    }

    pub fn seat_mut(&mut self, call: CallSid) -> Option<&mut Seat> {
        self.seats.iter_mut().chain(&mut self.invited).find(|s| s.call == call)
    }

    /// Somebody tells of who speaks.
    pub fn is_watched(&self) -> bool {
        self.callback.as_ref().is_some_and(|c| c.events.iter().any(|e| e == "speaker"))
    }

    /// A bridge is not enough for what goes on in it.
    fn needs_mixer(&self) -> bool {
        self.started
            && (self.seats.len() >= 3
                || !self.announcements.is_empty()
                || self.is_watched()
                || self.to_record.is_some()
                || self.recording.is_some())
    }

    /// The other one, when two are in it.
    pub fn other_than(&self, call: CallSid) -> Option<CallSid> {
        match self.seats.as_slice() {
            [a, b] if a.call == call => Some(b.call),
            [a, b] if b.call == call => Some(a.call),
            _ => None,
        }
    }
}

impl Seat {
    /// Comes in, starts the conference, ends nothing, without a beep.
    pub fn plain(call: CallSid) -> Self {
        Self {
            call,
            muted: false,
            beep_on_enter: false,
            beep_on_exit: false,
            starts: true,
            ends: false,
            label: None,
            wait: WaitPlan::Music,
            hold: false,
            hold_music: None,
            whispers_to: None,
            announce: None,
            since: Timestamp(0),
            changed: Timestamp(0),
            early_media: false,
            ends_as_last: false,
        }
    }

    /// `beep="true|false|onEnter|onExit"`.
    pub fn beeps(mut self, beep: &str) -> Self {
        self.beep_on_enter = matches!(beep, "true" | "onEnter");
        self.beep_on_exit = matches!(beep, "true" | "onExit");
        self
    }
}

impl Switchboard {
    /// The live conference of this name, or with this SID.
    pub(super) fn conference_named(&self, name: &str) -> Option<ConferenceSid> {
        let by_sid = name.parse().ok().filter(|sid| self.conferences.contains_key(sid));
        by_sid.or_else(|| self.conference_names.get(name).copied())
    }

    /// Puts a call into the live conference of this name, making it if there is none.
    pub(super) fn join_conference(
        &mut self,
        name: &str,
        seat: Seat,
        plan: ConferencePlan,
    ) -> Result<ConferenceSid, NotAdmitted> {
        let sid = self.conference_with_room(name, &seat, plan)?;
        self.sit_down(sid, seat);
        Ok(sid)
    }

    /// The conference of this name, made if there is none, if `seat` may have a place in it.
    pub(super) fn conference_with_room(
        &mut self,
        name: &str,
        seat: &Seat,
        plan: ConferencePlan,
    ) -> Result<ConferenceSid, NotAdmitted> {
        let sid = match self.conference_named(name) {
            Some(sid) => sid,
            None => self.make_conference(name, plan),
        };
        let Some(conference) = self.conferences.get(&sid) else { return Err(NotAdmitted::Full) };
        if conference.seats.len() + conference.invited.len() >= conference.seats_max {
            return Err(NotAdmitted::Full);
        }
        let mut others = conference.seats.iter().chain(&conference.invited);
        if seat.label.is_some() && others.any(|s| s.label == seat.label) {
            return Err(NotAdmitted::LabelInUse);
        }
        Ok(sid)
    }

    /// Somebody who was admitted comes in.
    fn sit_down(&mut self, sid: ConferenceSid, mut seat: Seat) {
        let now = self.now.wall;
        let Some(conference) = self.conferences.get_mut(&sid) else { return };
        let call = seat.call;
        if seat.since == Timestamp(0) {
            seat.since = now;
        }
        seat.changed = now;
        let name = conference.record.friendly_name.clone();
        conference.seats.push(seat.clone());
        let starts =
            !conference.started && conference.seats.len() >= 2 && conference.seats.iter().any(|s| s.starts);
        if let Some(call) = self.calls.get_mut(&call) {
            call.join = Join::Conference(sid);
        }
        self.note(call, "bridge", format!("joins conference {name}"), json!({"conference_sid": sid}));
        self.conference_event(sid, "join", "participant-join", Some(&seat), Vec::new());
        if starts {
            self.start_conference(sid);
        } else if self.conferences.get(&sid).is_some_and(|c| !c.started)
            && let WaitPlan::Url(webhook) = seat.wait
        {
            self.start_side(call, Purpose::ConferenceWait, webhook, Vec::new());
        }
        self.seats_changed(sid);
        self.dirty_partners(call);
        // Whoever waited alone hears it too.
        if seat.beep_on_enter && self.conferences.get(&sid).is_some_and(|c| c.started) {
            self.beep(sid, call);
        }
    }

    /// Somebody who was called to a conference has answered.
    pub(super) fn invited_answered(&mut self, call: CallSid, sid: ConferenceSid) {
        let seat = self.conferences.get_mut(&sid).and_then(|conference| {
            let at = conference.invited.iter().position(|s| s.call == call)?;
            Some(conference.invited.remove(at))
        });
        match seat {
            Some(seat) => self.sit_down(sid, seat),
            None => self.hang_up(call),
        }
    }

    /// Somebody who was called to a conference did not come, or goes elsewhere.
    pub(super) fn invited_lost(&mut self, call: CallSid, sid: ConferenceSid) {
        let seat = self.conferences.get_mut(&sid).and_then(|conference| {
            let at = conference.invited.iter().position(|s| s.call == call)?;
            Some(conference.invited.remove(at))
        });
        let Some(seat) = seat else { return };
        self.guest_rings(sid);
        let more = self.leave_parameters(call, Leave::AddFailed);
        self.conference_event(sid, "leave", "participant-leave", Some(&seat), more);
        if self.conferences.get(&sid).is_some_and(|c| c.seats.is_empty() && c.invited.is_empty()) {
            self.end_conference(sid, "last-participant-left", Some(Ender::of(&seat)), Leave::AddFailed);
        }
    }

    fn make_conference(&mut self, name: &str, plan: ConferencePlan) -> ConferenceSid {
        let sid = ConferenceSid::generate(&mut self.entropy);
        let record = ConferenceRecord {
            sid,
            friendly_name: name.to_owned(),
            status: "init".to_owned(),
            reason_ended: None,
            call_ending: None,
            created: self.now.wall,
            updated: self.now.wall,
        };
        self.out.push(Effect::Record(Record::Conference(record.clone())));
        self.conference_names.insert(name.to_owned(), sid);
        let seats_max = plan.seats_max.min(SEATS_MAX);
        let room = Conference {
            record,
            seats: Vec::new(),
            invited: Vec::new(),
            started: false,
            mixer: None,
            announcements: VecDeque::new(),
            callback: plan.callback,
            to_record: plan.record,
            recording: None,
            sequence: 0,
            seats_max,
            shown: BTreeMap::new(),
        };
        self.conferences.insert(sid, room);
        sid
    }

    fn start_conference(&mut self, sid: ConferenceSid) {
        let Some(conference) = self.conferences.get_mut(&sid) else { return };
        conference.started = true;
        conference.record.status = "in-progress".to_owned();
        conference.record.updated = self.now.wall;
        let record = conference.record.clone();
        let seats: Vec<CallSid> = conference.seats.iter().map(|s| s.call).collect();
        self.out.push(Effect::Record(Record::Conference(record)));
        for call in seats {
            self.stop_side(call, |p| p == Purpose::ConferenceWait);
        }
        self.conference_event(sid, "start", "conference-start", None, Vec::new());
    }

    /// A call leaves; the rules of its seat decide what becomes of the others.
    pub(super) fn leave_conference(&mut self, call: CallSid, why: Leave) {
        let Some(sid) = self.unseat(call, why) else { return };
        let Some((seat, conference)) = self.last_unseated.take().zip(self.conferences.get(&sid)) else {
            return;
        };
        let empty = conference.seats.is_empty() || self.only_supervisors(sid);
        let expected = !conference.invited.is_empty();
        let stays = seat.ends_as_last && conference.seats.iter().any(|s| self.is_agent_live(s.call));
        let kicked = why == Leave::Kicked;
        if seat.ends && (!empty || expected) && !stays {
            let reason = match kicked {
                true => "participant-with-end-conference-on-exit-kicked",
                false => "participant-with-end-conference-on-exit-left",
            };
            self.end_conference(sid, reason, Some(Ender::of(&seat)), Leave::Moderator);
        } else if empty && !expected {
            let reason = if kicked { "last-participant-kicked" } else { "last-participant-left" };
            self.end_conference(sid, reason, Some(Ender::of(&seat)), Leave::Moderator);
        } else {
            if seat.beep_on_exit {
                self.beep(sid, call);
            }
            self.seats_changed(sid);
        }
    }

    /// Takes a call out of its seat, and tells the conference's application.
    fn unseat(&mut self, call: CallSid, why: Leave) -> Option<ConferenceSid> {
        let known = self.calls.get_mut(&call)?;
        let Join::Conference(sid) = known.join else { return None };
        known.join = Join::Nobody;
        self.stop_side(call, Purpose::is_conferences);
        self.dirty.insert(call);
        let conference = self.conferences.get_mut(&sid)?;
        let at = conference.seats.iter().position(|s| s.call == call)?;
        let seat = conference.seats.remove(at);
        self.dirty.extend(conference.seats.iter().map(|s| s.call));
        self.note(call, "bridge", "leaves the conference", json!({"conference_sid": sid}));
        let more = self.leave_parameters(call, why);
        self.conference_event(sid, "leave", "participant-leave", Some(&seat), more);
        self.last_unseated = Some(seat);
        Some(sid)
    }

    fn leave_parameters(&self, call: CallSid, why: Leave) -> Parameters {
        let status = self.calls.get(&call).map_or("completed", |c| c.record.status.as_str());
        vec![pair("ParticipantCallStatus", status), pair("ReasonParticipantLeft", why.reason())]
    }

    /// The conference is over; whoever is still in it goes on with what comes after it.
    pub(super) fn end_conference(&mut self, sid: ConferenceSid, reason: &str, by: Option<Ender>, why: Leave) {
        let released = self.close_conference(sid, reason, by, why);
        for call in released {
            self.talk_left(call);
            self.released(call);
        }
    }

    /// Closes a conference and gives back the calls that were in it, which hear nothing for the moment. `by` is who
    /// ended it; the others leave for the reason `why`.
    pub(super) fn close_conference(
        &mut self,
        sid: ConferenceSid,
        reason: &str,
        by: Option<Ender>,
        why: Leave,
    ) -> Vec<CallSid> {
        let Some(conference) = self.conferences.get_mut(&sid) else { return Vec::new() };
        let seats = std::mem::take(&mut conference.seats);
        let invited = std::mem::take(&mut conference.invited);
        for seat in &seats {
            if let Some(call) = self.calls.get_mut(&seat.call) {
                call.join = Join::Nobody;
            }
            self.stop_side(seat.call, Purpose::is_conferences);
            self.dirty.insert(seat.call);
            let more = self.leave_parameters(seat.call, why);
            self.conference_event(sid, "leave", "participant-leave", Some(seat), more);
        }
        let text = by.as_ref().map_or_else(|| reason.to_owned(), |by| format!("{reason} (call {})", by.call));
        let mut more = Vec::new();
        let label = by.as_ref().and_then(|by| by.label.as_ref());
        more.extend(by.as_ref().map(|by| pair("CallSidEndingConference", by.call)));
        more.extend(label.map(|label| pair("ParticipantLabelEndingConference", label)));
        more.extend([pair("ReasonConferenceEnded", reason), pair("Reason", text)]);
        self.conference_event(sid, "end", "conference-end", None, more);
        let Some(mut conference) = self.conferences.remove(&sid) else { return Vec::new() };
        self.show_left(std::mem::take(&mut conference.shown).into_values());
        self.conference_names.remove(&conference.record.friendly_name);
        self.done_mixers.extend(conference.mixer);
        self.source_gone(|record| record.conference == Some(sid));
        conference.record.status = "completed".to_owned();
        conference.record.reason_ended = Some(reason.to_owned());
        conference.record.call_ending = by.map(|by| by.call);
        conference.record.updated = self.now.wall;
        self.out.push(Effect::Record(Record::Conference(conference.record)));
        for seat in invited {
            self.hang_up(seat.call);
        }
        seats.into_iter().map(|s| s.call).collect()
    }

    /// A call's conference or bridge is over and not by the call's own doing: it goes on.
    pub(super) fn released(&mut self, sid: CallSid) {
        let Some(call) = self.calls.get_mut(&sid) else { return };
        match &mut call.doing {
            Doing::Conference { action, .. } => {
                let action = action.take();
                self.leave_task(sid, CallEnd::Left);
                self.finish_verb(sid, action, vec![pair("DialCallStatus", "answered")]);
            }
            Doing::Queue(_) => self.finish_enqueue(sid, "bridged"),
            Doing::DialQueue(_) => self.dial_queue_over(sid),
            Doing::Agent(_) | Doing::Customer | Doing::Supervisor(_) | Doing::Participant(_) => {
                self.hang_up(sid);
            }
            _ => {}
        }
    }

    pub(super) fn seats_changed(&mut self, sid: ConferenceSid) {
        let mixer = self.fresh_mixer();
        let Some(conference) = self.conferences.get_mut(&sid) else { return };
        if conference.needs_mixer() {
            conference.mixer.get_or_insert(mixer);
        } else if let Some(mixer) = conference.mixer.take() {
            self.done_mixers.push(mixer);
        }
        self.dirty.extend(conference.seats.iter().map(|s| s.call));
        self.record_conference(sid);
    }

    fn beep(&mut self, sid: ConferenceSid, but: CallSid) {
        let Some(conference) = self.conferences.get(&sid) else { return };
        if let Some(mixer) = conference.mixer {
            let play = self.fresh_play();
            self.media(Command::Announce { mixer, play, prompts: vec![Prompt::Beep] });
            return;
        }
        let others: Vec<CallSid> = conference.seats.iter().map(|s| s.call).filter(|c| *c != but).collect();
        for call in others {
            self.play(call, vec![Prompt::Beep], Turns::Times(1));
        }
    }

    /// Tells the conference's application, if it wants to hear of `event`; `name` is what it is called there.
    pub(super) fn conference_event(
        &mut self,
        sid: ConferenceSid,
        event: &str,
        name: &str,
        seat: Option<&Seat>,
        more: Parameters,
    ) {
        let Some(conference) = self.conferences.get_mut(&sid) else { return };
        let Some(callback) = &conference.callback else { return };
        if !callback.events.iter().any(|e| e == event) {
            return;
        }
        conference.sequence += 1;
        let mut parameters = vec![
            pair("ConferenceSid", sid),
            pair("FriendlyName", &conference.record.friendly_name),
            pair("AccountSid", self.settings.account),
            pair("SequenceNumber", conference.sequence),
            pair("Timestamp", self.now.wall.rfc2822()),
            pair("StatusCallbackEvent", name),
        ];
        if let Some(seat) = seat {
            parameters.extend([
                pair("CallSid", seat.call),
                pair("Muted", seat.muted),
                pair("Hold", seat.hold),
                pair("Coaching", seat.whispers_to.is_some()),
                pair("EndConferenceOnExit", seat.ends),
                pair("StartConferenceOnEnter", seat.starts),
            ]);
            parameters.extend(seat.whispers_to.map(|coached| pair("CallSidToCoach", coached)));
            parameters.extend(seat.label.iter().map(|l| pair("ParticipantLabel", l)));
        }
        parameters.extend(more);
        let webhook = callback.webhook.clone();
        self.out.push(Effect::Callback { lane: sid.to_string(), webhook, parameters });
    }
}
