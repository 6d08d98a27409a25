//! What each leg hears. It follows from the call's state; media is told only what changed, once per input.

use super::conference::Seat;
use super::port::*;
use super::shape::DialingSound;
use super::state::*;
use super::switchboard::Switchboard;
use base::*;
use media::control::{Command, Event, PlayEnd, PlayId, Prompt, Route, Turns};
use serde_json::json;

impl Switchboard {
    pub(super) fn on_media(&mut self, event: Event) {
        match event {
            Event::Digit { leg, digit } => {
                if let Some(sid) = self.legs.get(&LegId(leg)).copied() {
                    self.digit(sid, digit);
                }
            }
            Event::PlayEnded { leg: None, play, end } => self.announcement_over(play, end),
            Event::PlayEnded { leg, play, end } => {
                if let Some(sid) = leg.and_then(|leg| self.legs.get(&LegId(leg)).copied()) {
                    self.play_over(sid, play, end);
                }
            }
            Event::Silent { leg } => {
                if let Some(sid) = self.legs.get(&LegId(leg)).copied() {
                    self.note(sid, "quality", "no audio arrives from this party", serde_json::Value::Null);
                }
            }
            Event::Quality { leg, quality } => {
                let sid = self.legs.get(&LegId(leg)).or_else(|| self.past_legs.get(&LegId(leg))).copied();
                if let Some(sid) = sid {
                    let data = json!({"received": quality.received, "sent": quality.sent, "lost": quality.lost,
                        "jitter_us": quality.jitter_us, "peer_lost": quality.peer_lost,
                        "peer_jitter_us": quality.peer_jitter_us, "round_trip_us": quality.round_trip_us,
                        "mos": f64::from(quality.mos_x100) / 100.0});
                    self.note(sid, "quality", "media session closed", data);
                }
            }
            Event::Speaking { leg, speaking } => {
                if let Some(sid) = self.legs.get(&LegId(leg)).copied() {
                    self.speaks(sid, speaking);
                }
            }
            Event::AnsweredBy { leg, by, after } => {
                if let Some(sid) = self.legs.get(&LegId(leg)).copied() {
                    self.answered_by(sid, by, after);
                }
            }
            Event::RecordingQuiet { recording } => self.record_quiet(recording),
            Event::Recorded { recording, outcome } => self.recorded(recording, outcome),
            Event::Heard { .. } => {}
        }
    }

    /// Plays `prompts` to a call in place of what it hears.
    pub(super) fn play(&mut self, sid: CallSid, prompts: Vec<Prompt>, turns: Turns) -> Option<PlayId> {
        let leg = self.calls.get(&sid)?.leg;
        let play = self.fresh_play();
        self.media(Command::Play { leg: leg.0, play, prompts, turns });
        let call = self.calls.get_mut(&sid)?;
        call.audio.playing = Some((play, Sound::Foreground));
        Some(play)
    }

    /// Stops what a document or a notice plays to a call.
    pub(super) fn stop_playing(&mut self, sid: CallSid) {
        let Some(call) = self.calls.get_mut(&sid) else { return };
        if matches!(call.audio.playing, Some((_, Sound::Foreground))) {
            call.audio.playing = None;
            let leg = call.leg.0;
            self.media(Command::Stop { leg });
            self.dirty.insert(sid);
        }
    }

    fn play_over(&mut self, sid: CallSid, play: PlayId, end: PlayEnd) {
        let Some(call) = self.calls.get_mut(&sid) else { return };
        match &call.audio.playing {
            Some((current, sound)) if *current == play => {
                let foreground = *sound == Sound::Foreground;
                if !foreground && matches!(end, PlayEnd::Failed { .. }) {
                    call.audio.music_failed = true;
                }
                call.audio.playing = None;
                self.dirty.insert(sid);
                if foreground {
                    self.foreground_over(sid, play, end);
                }
            }
            _ => {}
        }
    }

    /// Everyone who may hear something else because of a change at `sid`.
    pub(super) fn dirty_partners(&mut self, sid: CallSid) {
        self.dirty.insert(sid);
        match self.calls.get(&sid).map(|c| c.join) {
            Some(Join::Bridge(other)) => drop(self.dirty.insert(other)),
            Some(Join::Conference(conference)) => {
                if let Some(conference) = self.conferences.get(&conference) {
                    self.dirty.extend(conference.seats.iter().map(|s| s.call));
                }
            }
            Some(Join::Nobody) | None => {}
        }
    }

    /// Tells media what changed for the calls that something happened to.
    pub(super) fn sync_audio(&mut self) {
        for sid in std::mem::take(&mut self.dirty) {
            self.sync_leg(sid);
        }
        for mixer in std::mem::take(&mut self.done_mixers) {
            self.media(Command::CloseMixer { mixer });
        }
    }

    fn sync_leg(&mut self, sid: CallSid) {
        let Some(call) = self.calls.get(&sid) else { return };
        if !call.is_up() {
            return;
        }
        let leg = call.leg.0;
        let (route, background) = self.hears(call);
        let (muted, whispers_to) = (self.is_muted(call), self.whispers_to(call));
        let watched = self.is_watched(call);
        let music = self.music_prompt(call.audio.music_failed);
        let play = self.fresh_play();
        let mut commands = Vec::new();
        let Some(call) = self.calls.get_mut(&sid) else { return };
        if call.audio.muted != muted {
            call.audio.muted = muted;
            commands.push(Command::Mute { leg, muted });
        }
        if call.audio.whispers_to != whispers_to {
            call.audio.whispers_to = whispers_to;
            commands.push(Command::Whisper { leg, only: whispers_to });
        }
        if call.audio.watched != watched {
            call.audio.watched = watched;
            commands.push(Command::Watch { leg, watched });
        }
        if call.audio.route != route {
            call.audio.route = route;
            commands.push(Command::Route { leg, route });
        }
        let now = match &call.audio.playing {
            Some((_, Sound::Foreground)) => background.clone(),
            Some((_, Sound::Background(now))) => Some(now.clone()),
            None => None,
        };
        if now != background {
            match background {
                Some(background) => {
                    let prompt = match &background {
                        Background::Music => music,
                        Background::Ringback(country) => Prompt::Ringback(country.as_str().into()),
                    };
                    call.audio.playing = Some((play, Sound::Background(background)));
                    commands.push(Command::Play { leg, play, prompts: vec![prompt], turns: Turns::Forever });
                }
                None => {
                    call.audio.playing = None;
                    commands.push(Command::Stop { leg });
                }
            }
        }
        self.out.extend(commands.into_iter().map(Effect::Media));
    }

    fn music_prompt(&self, failed: bool) -> Prompt {
        match &self.hold_music {
            Some(url) if !failed => Prompt::Url(url.as_str().into()),
            _ => Prompt::HoldMusic,
        }
    }

    fn seat_of(&self, call: &Call) -> Option<&Seat> {
        let Join::Conference(sid) = call.join else { return None };
        self.conferences.get(&sid)?.seats.iter().find(|s| s.call == call.record.sid)
    }

    fn is_muted(&self, call: &Call) -> bool {
        self.seat_of(call).is_some_and(|s| s.muted)
    }

    /// Whose leg alone hears this one. A coach whose agent has gone is heard by nobody else: by itself, that is.
    fn whispers_to(&self, call: &Call) -> Option<u64> {
        let coached = self.seat_of(call)?.whispers_to?;
        Some(self.calls.get(&coached).map_or(call.leg.0, |coached| coached.leg.0))
    }

    fn is_watched(&self, call: &Call) -> bool {
        let Join::Conference(sid) = call.join else { return false };
        self.conferences.get(&sid).is_some_and(|conference| conference.is_watched())
    }

    /// What an answered leg hears beneath its document, by the state it is in.
    fn hears(&self, call: &Call) -> (Route, Option<Background>) {
        let nothing = (Route::Silence, None);
        let music = (Route::Silence, Some(Background::Music));
        match call.join {
            Join::Bridge(other) => return self.hears_other(other),
            Join::Conference(sid) => return self.hears_conference(sid, call),
            Join::Nobody => {}
        }
        if let Some(talk) = call.talk.and_then(|r| self.talks.get(&r))
            && talk.is_parked()
            && talk.customer == Some(call.record.sid)
        {
            return music;
        }
        match &call.doing {
            Doing::Dial(dial) => self.hears_dial(dial),
            Doing::DialQueue(dial) if dial.partner.is_none() => music,
            Doing::Queue(waiting) => match (waiting.place, &waiting.wait) {
                (Place::InLine, WaitPlan::Music) => music,
                _ => nothing,
            },
            Doing::Connected { stream, .. } => match self.streams.get(stream).and_then(|s| s.voice) {
                Some(voice) => (Route::Bridge(voice.0), None),
                None => nothing,
            },
            Doing::Agent(agent) if agent.dialing.is_some() => self.ringback(None),
            Doing::Agent(_) => match call.talk.and_then(|r| self.talks.get(&r)).filter(|t| t.is_dialing()) {
                Some(talk) => match self.hears_dialing(talk) {
                    DialingSound::Ringback => self.ringback(None),
                    DialingSound::Leg(leg) => (Route::Bridge(leg.0), None),
                    DialingSound::Wait(WaitPlan::Silence) => nothing,
                    DialingSound::Wait(WaitPlan::Url(_)) if call.side.is_some() => nothing,
                    // After a document that has ended, or could not be had, too.
                    DialingSound::Wait(WaitPlan::Music | WaitPlan::Url(_)) => music,
                },
                None if self.rings_in(call) => self.ringback(None),
                None => nothing,
            },
            _ => nothing,
        }
    }

    fn ringback(&self, tone: Option<&str>) -> (Route, Option<Background>) {
        let tone = tone.unwrap_or(&self.settings.ring_tone);
        (Route::Silence, Some(Background::Ringback(tone.to_owned())))
    }

    fn hears_dial(&self, dial: &Dial) -> (Route, Option<Background>) {
        let children: Vec<&Call> = dial.children.iter().filter_map(|c| self.calls.get(c)).collect();
        // A callee that is being screened is not to be heard yet.
        match children.as_slice() {
            [] => (Route::Silence, None),
            [child] if dial.ring_tone.is_none() && child.early_media && !child.is_up() => {
                (Route::Bridge(child.leg.0), None)
            }
            _ => self.ringback(dial.ring_tone.as_deref()),
        }
    }

    fn hears_other(&self, other: CallSid) -> (Route, Option<Background>) {
        match self.calls.get(&other) {
            Some(other) if other.is_up() && other.peer_held => (Route::Silence, Some(Background::Music)),
            Some(other) if other.is_up() => (Route::Bridge(other.leg.0), None),
            Some(_) | None => (Route::Silence, None),
        }
    }

    /// Somebody who is being called to a conference, and whom those who wait may hear ring.
    fn ringing_guest(&self, conference: &super::conference::Conference) -> Option<&Call> {
        let mut invited = conference.invited.iter().filter(|seat| seat.early_media);
        let rings = |call: &&Call| call.stage == Stage::Ringing;
        invited.find_map(|seat| self.calls.get(&seat.call).filter(rings))
    }

    /// A guest of this conference rings, or does so no more.
    pub(super) fn guest_rings(&mut self, sid: ConferenceSid) {
        if let Some(conference) = self.conferences.get(&sid) {
            self.dirty.extend(conference.seats.iter().map(|seat| seat.call));
        }
    }

    fn hears_conference(&self, sid: ConferenceSid, call: &Call) -> (Route, Option<Background>) {
        let Some(conference) = self.conferences.get(&sid) else { return (Route::Silence, None) };
        if let [seat] = conference.seats.as_slice()
            && !seat.hold
            && let Some(guest) = self.ringing_guest(conference)
        {
            return match guest.early_media {
                true => (Route::Bridge(guest.leg.0), None),
                false => self.ringback(None),
            };
        }
        if !conference.started {
            let seat = conference.seats.iter().find(|s| s.call == call.record.sid);
            return match seat.map(|s| &s.wait) {
                Some(WaitPlan::Music) => (Route::Silence, Some(Background::Music)),
                _ => (Route::Silence, None),
            };
        }
        if let Some(seat) = conference.seats.iter().find(|s| s.call == call.record.sid && s.hold) {
            let background = seat.hold_music.is_none().then_some(Background::Music);
            return (Route::Silence, background);
        }
        match (conference.mixer, conference.other_than(call.record.sid)) {
            (Some(mixer), _) => (Route::Mixer(mixer), None),
            (None, Some(other)) if conference.is_heard(other, call.record.sid) => self.hears_other(other),
            (None, _) => (Route::Silence, None),
        }
    }
}
