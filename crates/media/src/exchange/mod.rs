//! The legs of one media thread: who hears whom, what is played, and what is heard.
//!
//! Packets, orders and ticks come in with the time; packets, events and messages to other exchanges go out through
//! [`Out`]. Legs and mixers live where [`Exchange::home`] says; a packet for a leg of another exchange is passed to it
//! as an order, so a bridge or a mixer may join legs of several threads.

mod leg;
mod order;
mod room;

pub use order::{Ear, Mixed, Order, Out, VoicePacket};

use crate::clip::{Keys, Piece, Player};
use crate::control::{Event, LegId, MixerId, PlayEnd, PlayId, RecordSource, Route};
use crate::egress::{Kind, Voice};
use crate::g711::FRAME;
use crate::noise::Level;
use crate::rtp::PACKET_MAX;
use crate::session::{Codec, Session};
use base::{Entropy, Mono, Now};
use leg::{Arrival, Leg};
use room::Room;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

/// The legs and mixers of one thread.
pub struct Exchange {
    place: Place,
    rtp_timeout: Duration,
    entropy: Entropy,
    keys: Keys,
    legs: HashMap<LegId, Leg>,
    /// Who hears a leg, by the leg that is heard. It may live elsewhere or not be open yet.
    ears: HashMap<LegId, Vec<Ear>>,
    rooms: HashMap<MixerId, Room>,
    /// Legs closed lately: what is still asked of them comes too late rather than too early.
    closed: VecDeque<LegId>,
    buffer: Box<[u8; PACKET_MAX]>,
    dropped: u64,
}

/// Which of how many exchanges this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// From 0.
    pub index: usize,
    /// At least 1.
    pub count: usize,
}

impl Place {
    /// The exchange a leg lives in.
    pub fn of_leg(self, leg: LegId) -> usize {
        // Inbound legs are odd and outbound ones even: neighbours share a place.
        (leg as usize / 2) % self.count.max(1)
    }

    /// The exchange a mixer lives in.
    pub fn of_mixer(self, mixer: MixerId) -> usize {
        mixer.0 as usize % self.count.max(1)
    }
}

impl Exchange {
    /// An empty exchange. A peer that should send and does not for `rtp_timeout` is reported.
    pub fn new(place: Place, rtp_timeout: Duration, entropy: Entropy) -> Self {
        Self {
            place,
            rtp_timeout,
            entropy,
            keys: Keys::default(),
            legs: HashMap::new(),
            ears: HashMap::new(),
            rooms: HashMap::new(),
            closed: VecDeque::with_capacity(CLOSED_MAX),
            buffer: Box::new([0; PACKET_MAX]),
            dropped: 0,
        }
    }

    /// Legs that are open.
    pub fn legs(&self) -> usize {
        self.legs.values().filter(|leg| leg.is_open()).count()
    }

    /// Packets that were no RTP, from strangers, or of a payload that was not agreed, since this was last asked.
    pub fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    /// Takes a datagram from the RTP socket of `leg`.
    pub fn packet(&mut self, now: Now, leg: LegId, from: SocketAddr, bytes: &[u8], out: &mut impl Out) {
        let Some(speaker) = self.legs.get_mut(&leg) else { return };
        let (voice, muted) = match speaker.arrive(now.mono, leg, from, bytes, out) {
            Arrival::Voice(voice) => (voice, speaker.muted),
            Arrival::Nothing => return,
            Arrival::Dropped => {
                self.dropped += 1;
                return;
            }
        };
        if muted {
            return;
        }
        let Some(ears) = self.ears.get(&leg) else { return };
        for &ear in ears {
            let home = ear.home(self.place);
            if home != self.place.index {
                out.pass(home, Order::Voice { ear, packet: Box::new(VoicePacket::of(&voice)) });
            } else {
                hear(&mut self.legs, &mut self.rooms, &mut self.buffer, now.mono, ear, &voice, out);
            }
        }
    }

    /// Takes a datagram from the RTCP socket of `leg`.
    pub fn control(&mut self, now: Now, leg: LegId, from: SocketAddr, bytes: &[u8]) {
        if let Some(leg) = self.legs.get_mut(&leg) {
            leg.control(now, from, bytes);
        }
    }

    /// Does the work of 20 ms. `now` is the time of the tick, not of its being late.
    pub fn tick(&mut self, now: Now, out: &mut impl Out) {
        for (&mixer, room) in &mut self.rooms {
            room.mix(&self.keys, out);
            let Room { mixer: sum, members, .. } = room;
            for (&id, member) in members {
                let Some(codec) = member.codec else { continue };
                let audio = match codec.law() {
                    _ if sum.is_quiet_for(id) => Mixed::Nobody,
                    Some(law) => {
                        let mut bytes = [0; FRAME];
                        sum.heard_by(id, law, &mut bytes);
                        Mixed::Encoded { law, bytes }
                    }
                    None => {
                        let mut frame = [0; FRAME];
                        sum.frame_for(id, &mut frame);
                        Mixed::Samples(frame)
                    }
                };
                let home = self.place.of_leg(id);
                if home != self.place.index {
                    out.pass(home, Order::Mixed { leg: id, mixer, audio: Box::new(audio) });
                } else if let Some(leg) = self.legs.get_mut(&id) {
                    leg.hear_mix(now.mono, id, &audio, &mut self.buffer, out);
                }
            }
        }
        self.rooms.retain(|_, room| !room.is_idle());
        let mut late = Vec::new();
        for (&id, leg) in &mut self.legs {
            if leg.is_open() {
                leg.tick(now, id, self.rtp_timeout, &self.keys, &mut self.buffer, out);
            } else if now.mono.since(leg.made()) >= EARLY_TIME {
                late.push(id);
            }
        }
        for leg in late {
            self.close(leg, out);
        }
    }

    /// Does what is asked.
    pub fn order(&mut self, now: Now, order: Order, out: &mut impl Out) {
        match order {
            Order::Open { leg } => {
                if let Some(leg) = self.leg(now.mono, leg) {
                    leg.open(now.mono);
                }
            }
            Order::Connect { leg, session } => self.connect(now.mono, leg, session, out),
            Order::Close { leg } => self.close(leg, out),
            Order::Route { leg, route } => self.route(now.mono, leg, route, out),
            Order::Mute { leg, muted } => {
                if let Some(leg) = self.leg(now.mono, leg) {
                    leg.muted = muted;
                }
            }
            Order::Whisper { leg, only } => self.whisper(now.mono, leg, only, out),
            Order::Play { leg: id, play, pieces, turns } => match self.leg(now.mono, id) {
                Some(leg) => leg.play(id, Player::new(play, pieces, turns), out),
                None => ended(Some(id), play, PlayEnd::Stopped, out),
            },
            Order::Stop { leg: id } => {
                if let Some(leg) = self.legs.get_mut(&id) {
                    leg.stop(id, PlayEnd::Stopped, out);
                }
            }
            Order::Supply { ear: Ear::Leg(id), play, index, piece } => {
                if let Some(leg) = self.legs.get_mut(&id) {
                    leg.supply(id, play, index, piece, out);
                }
            }
            Order::Supply { ear: Ear::Mixer(mixer), play, index, piece } => {
                if let Some(room) = self.rooms.get_mut(&mixer) {
                    room.supply(play, index, piece, out);
                }
            }
            Order::Announce { mixer, play, pieces } => self.announce(mixer, play, pieces, out),
            Order::CloseMixer { mixer } => {
                if let Some(mut room) = self.rooms.remove(&mixer) {
                    room.close(out);
                }
            }
            Order::Listen { source, ear } => self.listen(source, ear),
            Order::Unlisten { source, ear } => self.unlisten(source, ear),
            Order::Join { mixer, leg, codec } => self.join(mixer, leg, codec),
            Order::WhisperIn { mixer, leg, only } => self.whisper_in(mixer, leg, only),
            Order::WatchIn { mixer, leg, watched } => self.watch_in(mixer, leg, watched),
            Order::Watch { leg, watched } => self.watch(now.mono, leg, watched, out),
            Order::Detect { leg, plan } => {
                if let Some(leg) = self.leg(now.mono, leg) {
                    leg.detect(plan);
                }
            }
            Order::Record { recording, source: RecordSource::Leg(id), plan } => {
                match self.leg(now.mono, id) {
                    Some(leg) => leg.record(recording, &plan, out),
                    None => out.record_ended(recording),
                }
            }
            Order::Record { recording, source: RecordSource::Mixer(mixer), .. } => match self.room(mixer) {
                Some(room) => room.record(recording, out),
                None => out.record_ended(recording),
            },
            Order::PauseRecording { recording, source: RecordSource::Leg(id), pause } => {
                if let Some(leg) = self.legs.get_mut(&id) {
                    leg.pause_recording(recording, pause);
                }
            }
            Order::PauseRecording { recording, source: RecordSource::Mixer(mixer), pause } => {
                if let Some(room) = self.rooms.get_mut(&mixer) {
                    room.pause_recording(recording, pause);
                }
            }
            Order::StopRecording { recording, source: RecordSource::Leg(id) } => {
                if let Some(leg) = self.legs.get_mut(&id) {
                    leg.stop_recording(recording, out);
                }
            }
            Order::StopRecording { recording, source: RecordSource::Mixer(mixer) } => {
                if let Some(room) = self.rooms.get_mut(&mixer) {
                    room.stop_recording(recording, out);
                }
            }
            Order::Leave { mixer, leg } => {
                if let Some(room) = self.rooms.get_mut(&mixer) {
                    room.leave(leg);
                }
            }
            Order::Voice { ear, packet } => {
                let voice = packet.voice();
                hear(&mut self.legs, &mut self.rooms, &mut self.buffer, now.mono, ear, &voice, out);
            }
            Order::Mixed { leg: id, mixer, audio } => {
                if let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.route == Route::Mixer(mixer)) {
                    leg.hear_mix(now.mono, id, &audio, &mut self.buffer, out);
                }
            }
        }
    }

    /// Ends everything: every playing and every session is reported as it must be.
    pub fn close_all(&mut self, out: &mut impl Out) {
        for leg in self.legs.keys().copied().collect::<Vec<_>>() {
            self.close(leg, out);
        }
        for (_, mut room) in self.rooms.drain() {
            room.close(out);
        }
    }

    /// The leg, made if it is not there: an order may overtake the opening. `None` if it was closed, or there are
    /// too many.
    fn leg(&mut self, now: Mono, id: LegId) -> Option<&mut Leg> {
        if !self.legs.contains_key(&id) {
            if self.closed.contains(&id) || self.legs.len() >= LEGS_MAX {
                return None;
            }
            let leg = Leg::new(now, &mut self.entropy);
            self.legs.insert(id, leg);
        }
        self.legs.get_mut(&id)
    }

    fn connect(&mut self, now: Mono, id: LegId, session: Session, out: &mut impl Out) {
        let Some(leg) = self.leg(now, id) else { return };
        leg.connect(now, session);
        if let Route::Mixer(mixer) = leg.route {
            self.tell_mixer(mixer, Order::Join { mixer, leg: id, codec: Some(session.codec) }, out);
        }
    }

    /// Kept for every mixer that the leg comes into.
    fn watch(&mut self, now: Mono, id: LegId, watched: bool, out: &mut impl Out) {
        let Some(leg) = self.leg(now, id) else { return };
        leg.watched = watched;
        if let Route::Mixer(mixer) = leg.route {
            self.tell_mixer(mixer, Order::WatchIn { mixer, leg: id, watched }, out);
        }
    }

    fn watch_in(&mut self, mixer: MixerId, leg: LegId, watched: bool) {
        if let Some(room) = self.rooms.get_mut(&mixer) {
            room.mixer.set_watched(leg, watched);
        }
    }

    fn close(&mut self, id: LegId, out: &mut impl Out) {
        let Some(mut leg) = self.legs.remove(&id) else { return };
        leg.stop(id, PlayEnd::Stopped, out);
        leg.stop_recordings(out);
        self.forget_route(id, leg.route, out);
        if leg.is_open() {
            out.event(Event::Quality { leg: id, quality: leg.quality() });
        }
        if self.closed.len() == CLOSED_MAX {
            self.closed.pop_front();
        }
        self.closed.push_back(id);
    }

    fn route(&mut self, now: Mono, id: LegId, route: Route, out: &mut impl Out) {
        let Some(leg) = self.leg(now, id) else { return };
        let (codec, only, watched) = (leg.codec(), leg.whispers_to, leg.watched);
        if leg.route == route {
            return;
        }
        let before = leg.set_route(route);
        self.forget_route(id, before, out);
        match route {
            Route::Silence => {}
            Route::Bridge(source) => self.tell_leg(source, Order::Listen { source, ear: Ear::Leg(id) }, out),
            Route::Mixer(mixer) => {
                self.listen(id, Ear::Mixer(mixer));
                self.tell_mixer(mixer, Order::Join { mixer, leg: id, codec }, out);
                if only.is_some() {
                    self.tell_mixer(mixer, Order::WhisperIn { mixer, leg: id, only }, out);
                }
                if watched {
                    self.tell_mixer(mixer, Order::WatchIn { mixer, leg: id, watched }, out);
                }
            }
        }
    }

    /// Kept for every mixer that the leg comes into.
    fn whisper(&mut self, now: Mono, id: LegId, only: Option<LegId>, out: &mut impl Out) {
        let Some(leg) = self.leg(now, id) else { return };
        leg.whispers_to = only;
        if let Route::Mixer(mixer) = leg.route {
            self.tell_mixer(mixer, Order::WhisperIn { mixer, leg: id, only }, out);
        }
    }

    fn whisper_in(&mut self, mixer: MixerId, leg: LegId, only: Option<LegId>) {
        if let Some(room) = self.rooms.get_mut(&mixer) {
            room.mixer.set_whisper(leg, only);
        }
    }

    fn forget_route(&mut self, id: LegId, route: Route, out: &mut impl Out) {
        match route {
            Route::Silence => {}
            Route::Bridge(source) => {
                self.tell_leg(source, Order::Unlisten { source, ear: Ear::Leg(id) }, out)
            }
            Route::Mixer(mixer) => {
                self.unlisten(id, Ear::Mixer(mixer));
                self.tell_mixer(mixer, Order::Leave { mixer, leg: id }, out);
            }
        }
    }

    fn tell_leg(&mut self, leg: LegId, order: Order, out: &mut impl Out) {
        self.tell(self.place.of_leg(leg), order, out);
    }

    fn tell_mixer(&mut self, mixer: MixerId, order: Order, out: &mut impl Out) {
        self.tell(self.place.of_mixer(mixer), order, out);
    }

    fn tell(&mut self, home: usize, order: Order, out: &mut impl Out) {
        if home != self.place.index {
            return out.pass(home, order);
        }
        match order {
            Order::Listen { source, ear } => self.listen(source, ear),
            Order::Unlisten { source, ear } => self.unlisten(source, ear),
            Order::Join { mixer, leg, codec } => self.join(mixer, leg, codec),
            Order::WhisperIn { mixer, leg, only } => self.whisper_in(mixer, leg, only),
            Order::WatchIn { mixer, leg, watched } => self.watch_in(mixer, leg, watched),
            Order::Leave { mixer, leg } => {
                if let Some(room) = self.rooms.get_mut(&mixer) {
                    room.leave(leg);
                }
            }
            _ => {}
        }
    }

    fn listen(&mut self, source: LegId, ear: Ear) {
        let ears = self.ears.entry(source).or_default();
        if ears.len() < EARS_MAX && !ears.contains(&ear) {
            ears.push(ear);
        }
    }

    fn unlisten(&mut self, source: LegId, ear: Ear) {
        if let Some(ears) = self.ears.get_mut(&source) {
            ears.retain(|other| *other != ear);
            if ears.is_empty() {
                self.ears.remove(&source);
            }
        }
    }

    fn join(&mut self, mixer: MixerId, leg: LegId, codec: Option<Codec>) {
        if let Some(room) = self.room(mixer) {
            room.join(leg, codec);
        }
    }

    fn announce(&mut self, mixer: MixerId, play: PlayId, pieces: Vec<Option<Piece>>, out: &mut impl Out) {
        match self.room(mixer) {
            Some(room) => room.announce(play, pieces, out),
            None => ended(None, play, room::full(), out),
        }
    }

    fn room(&mut self, mixer: MixerId) -> Option<&mut Room> {
        if self.rooms.len() >= MIXERS_MAX && !self.rooms.contains_key(&mixer) {
            return None;
        }
        Some(self.rooms.entry(mixer).or_default())
    }
}

/// Brings a packet to one ear of this exchange.
fn hear(
    legs: &mut HashMap<LegId, Leg>,
    rooms: &mut HashMap<MixerId, Room>,
    buffer: &mut [u8; PACKET_MAX],
    now: Mono,
    ear: Ear,
    voice: &Voice<'_>,
    out: &mut impl Out,
) {
    match ear {
        Ear::Leg(id) => {
            if let Some(leg) = legs.get_mut(&id).filter(|leg| leg.route == Route::Bridge(voice.from)) {
                leg.hear(now, id, voice, buffer, out);
            }
        }
        Ear::Mixer(mixer) => {
            let input = rooms.get_mut(&mixer).and_then(|room| room.mixer.input(voice.from));
            let Some(input) = input else { return };
            match voice.kind {
                Kind::Audio(codec) => input.insert(now, voice.ssrc, voice.timestamp, codec, voice.payload),
                Kind::Noise => {
                    let level = Level::of_packet(voice.payload).unwrap_or(Level::FLOOR);
                    input.rest(now, voice.ssrc, voice.timestamp, level);
                }
                Kind::Event => {}
            }
        }
    }
}

fn ended(leg: Option<LegId>, play: PlayId, end: PlayEnd, out: &mut impl Out) {
    out.event(Event::PlayEnded { leg, play, end });
}

/// Most legs of one thread.
pub const LEGS_MAX: usize = 20_000;
/// Most mixers of one thread.
pub const MIXERS_MAX: usize = 5_000;
/// Most listeners of one leg: its peer, its mixer, and a few who listen in.
const EARS_MAX: usize = 16;
/// How many closed legs are remembered.
const CLOSED_MAX: usize = 1_024;
/// A leg that something was asked of is forgotten if it is not opened within this.
const EARLY_TIME: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
