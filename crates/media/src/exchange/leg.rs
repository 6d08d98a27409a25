//! One leg: what it hears and what is heard from it.

use super::{Mixed, Out, ended};
use crate::amd::Detector;
use crate::clip::{Clip, Keys, Piece, Player, Step};
use crate::codec::{DECODED_MAX, Decoder, ENCODED_MAX, Encoder};
use crate::control::{
    Event, LegId, MachinePlan, Pause, PlayEnd, PlayId, Quality, RecordPlan, RecordingId, Route,
};
use crate::detect::DtmfDecoder;
use crate::dtmf::{EventReceiver, EventSender, TelephoneEvent};
use crate::egress::{Egress, Kind, Source, Voice};
use crate::g711::{FRAME, Frame, Law};
use crate::jitter::{Heard, JitterBuffer};
use crate::latch::{Admission, Latch};
use crate::noise::{self, Level, Noise};
use crate::reel::Tap;
use crate::rtcp::{REPORT_MAX, Report, ntp};
use crate::rtp::{PACKET_MAX, PAYLOAD_MAX, Packet};
use crate::session::{Codec, Session};
use crate::stats::{Reception, mos_x100};
use base::{Entropy, Mono, Now};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub(super) struct Leg {
    pub(super) route: Route,
    pub(super) muted: bool,
    /// Who alone hears it in its mixer.
    pub(super) whispers_to: Option<LegId>,
    /// Told of when it speaks in its mixer.
    pub(super) watched: bool,
    taps: Vec<Tap>,
    /// Finds out who answered.
    detector: Option<Box<Detector>>,
    made: Mono,
    open: bool,
    line: Option<Line>,
    egress: Egress,
    player: Option<Player>,
    /// A key that the bridge peer pressed and this peer can only hear as a tone.
    tone: Option<(Arc<Clip>, usize)>,
    /// Timestamp of the last event that became such a tone.
    tone_of: Option<u32>,
    pending_tone: Option<char>,
    /// A key of the bridge peer, whose clock is another, on its way to this one as an event of our own.
    press: Option<EventSender>,
    /// What the bridge peer says in a codec that is not this leg's.
    relay: Option<Box<JitterBuffer>>,
    /// The bridge peer says nothing but noise of this level.
    resting: Option<Level>,
    noise: Noise,
    reception: Reception,
    digits: EventReceiver,
    heard: bool,
    silent: bool,
    last_heard: Mono,
    next_report: Mono,
    /// Middle of the NTP time of the peer's last sender report, and when it came.
    peer_report: Option<(u32, Mono)>,
    /// What the peer's last report says of our stream: lost, jitter and round trip in microseconds.
    peer_view: (u32, u32, u32),
}

/// What there is once SDP was agreed.
struct Line {
    session: Session,
    latch: Latch,
    /// For codecs that remember.
    encoder: Option<Encoder>,
    /// Listens for tones where events were not agreed.
    ear: Option<Box<Tones>>,
}

/// Hears keys in the voice itself.
#[derive(Default)]
struct Tones {
    keys: DtmfDecoder,
    decoder: Option<(Codec, Decoder)>,
}

/// What became of a datagram.
pub(super) enum Arrival<'a> {
    /// For those who hear this leg.
    Voice(Voice<'a>),
    /// Taken, but nothing to be heard.
    Nothing,
    /// No valid packet of this leg's peer.
    Dropped,
}

impl Leg {
    pub(super) fn new(now: Mono, entropy: &mut Entropy) -> Self {
        Self {
            route: Route::Silence,
            muted: false,
            whispers_to: None,
            watched: false,
            taps: Vec::new(),
            detector: None,
            made: now,
            open: false,
            line: None,
            egress: Egress::new(entropy),
            player: None,
            tone: None,
            tone_of: None,
            pending_tone: None,
            press: None,
            relay: None,
            resting: None,
            noise: Noise::default(),
            reception: Reception::default(),
            digits: EventReceiver::default(),
            heard: false,
            silent: false,
            last_heard: now,
            next_report: now + REPORT_EVERY,
            peer_report: None,
            peer_view: (0, 0, 0),
        }
    }

    pub(super) fn open(&mut self, now: Mono) {
        self.open = true;
        self.last_heard = now;
    }

    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    pub(super) fn made(&self) -> Mono {
        self.made
    }

    pub(super) fn codec(&self) -> Option<Codec> {
        self.line.as_ref().map(|line| line.session.codec)
    }

    pub(super) fn connect(&mut self, now: Mono, session: Session) {
        let received = self.line.as_ref().is_some_and(|line| line.session.receive);
        let (latch, encoder) = match self.line.take() {
            Some(mut line) => {
                line.latch.signal(session.remote);
                (line.latch, line.encoder.filter(|_| line.session.codec == session.codec))
            }
            None => (Latch::new(session.remote), None),
        };
        let encoder = match session.codec.law() {
            Some(_) => None,
            // Without an encoder the leg hears nothing; it does not take the call down.
            None => encoder.or_else(|| Encoder::new(session.codec).ok()),
        };
        self.egress.set_codec(session.codec);
        self.reception.set_clock(session.codec.clock_khz());
        self.relay = None;
        self.resting = None;
        let ear = session.dtmf_payload_type.is_none().then(Box::default);
        self.line = Some(Line { session, latch, encoder, ear });
        // From hold or from nothing: the peer has the whole time to begin.
        if session.receive && !received {
            self.last_heard = now;
            self.silent = false;
        }
    }

    /// Records this leg from now on. A recording there is no room for ends at once.
    pub(super) fn record(&mut self, recording: RecordingId, plan: &RecordPlan, out: &mut impl Out) {
        let tap = Tap::new(recording, plan);
        if self.taps.len() >= RECORDINGS_MAX {
            return tap.end(out);
        }
        self.taps.push(tap);
    }

    /// Finds out who answered, from now on.
    pub(super) fn detect(&mut self, plan: MachinePlan) {
        self.detector = Some(Box::new(Detector::new(plan)));
    }

    pub(super) fn pause_recording(&mut self, recording: RecordingId, pause: Option<Pause>) {
        if let Some(tap) = self.taps.iter_mut().find(|tap| tap.recording() == recording) {
            tap.pause(pause);
        }
    }

    pub(super) fn stop_recording(&mut self, recording: RecordingId, out: &mut impl Out) {
        if let Some(at) = self.taps.iter().position(|tap| tap.recording() == recording) {
            self.taps.swap_remove(at).end(out);
        }
    }

    pub(super) fn stop_recordings(&mut self, out: &mut impl Out) {
        for tap in self.taps.drain(..) {
            tap.end(out);
        }
    }

    pub(super) fn set_route(&mut self, route: Route) -> Route {
        self.egress.cut();
        self.relay = None;
        self.resting = None;
        std::mem::replace(&mut self.route, route)
    }

    pub(super) fn quality(&self) -> Quality {
        let (received, lost) = (self.reception.received(), self.reception.lost());
        let sent = self.egress.packets();
        let (peer_lost, peer_jitter_us, round_trip_us) = self.peer_view;
        let jitter_us = self.reception.jitter_us();
        let share = |lost: u64, came: u64| lost as f64 / (lost + came).max(1) as f64;
        let worse = share(lost, received).max(share(peer_lost.into(), sent.saturating_sub(peer_lost.into())));
        // Half the way around, what the buffer waits, and the packet itself.
        let delay_ms = f64::from(round_trip_us) / 2_000.0 + 60.0 + 2.0 * f64::from(jitter_us) / 1_000.0;
        let mos_x100 = if received == 0 { 0 } else { mos_x100(worse, delay_ms) };
        Quality { received, sent, lost, jitter_us, peer_lost, peer_jitter_us, round_trip_us, mos_x100 }
    }

    /// Judges a datagram from the socket.
    pub(super) fn arrive<'a>(
        &mut self,
        now: Mono,
        id: LegId,
        from: SocketAddr,
        bytes: &'a [u8],
        out: &mut impl Out,
    ) -> Arrival<'a> {
        let Some(line) = &mut self.line else { return Arrival::Dropped };
        let Ok(packet) = Packet::parse(bytes) else { return Arrival::Dropped };
        let Some(kind) = line.content(packet.payload_type) else { return Arrival::Dropped };
        if line.latch.admit(now, from, packet.ssrc, packet.seq) == Admission::Refused {
            return Arrival::Dropped;
        }
        let audio = matches!(kind, Kind::Audio(_));
        self.reception.packet(now, packet.ssrc, packet.seq, packet.timestamp, audio);
        self.last_heard = now;
        self.silent = false;
        if !self.heard {
            self.heard = true;
            out.event(Event::Heard { leg: id });
        }
        let digit = match kind {
            Kind::Event => self.digits.receive(packet.ssrc, packet.timestamp, packet.payload),
            Kind::Audio(codec) => line.listen(codec, packet.payload),
            Kind::Noise => None,
        };
        if let Some(digit) = digit {
            out.event(Event::Digit { leg: id, digit });
        }
        let Packet { marker, seq, timestamp, ssrc, payload, .. } = packet;
        if payload.is_empty() {
            return Arrival::Nothing;
        }
        let clock_khz = line.session.codec.clock_khz();
        if let Kind::Audio(codec) = kind {
            for tap in &mut self.taps {
                tap.says(now, ssrc, timestamp, codec, payload);
            }
            if let Some(detector) = &mut self.detector {
                detector.hears(now, ssrc, timestamp, codec, payload);
            }
        }
        Arrival::Voice(Voice { from: id, ssrc, seq, timestamp, marker, clock_khz, kind, payload })
    }

    /// Takes the peer's report: what it says of our stream, and, so that ours tells how long it lay here and the peer
    /// learns the round trip too, when it was sent.
    pub(super) fn control(&mut self, now: Now, from: SocketAddr, bytes: &[u8]) {
        let Some(line) = &self.line else { return };
        if from.ip() != line.latch.remote().ip() {
            return;
        }
        let Ok(report) = Report::parse(bytes) else { return };
        if let Some(sender) = report.sender {
            self.peer_report = Some(((sender.ntp >> 16) as u32, now.mono));
        }
        if let Some(block) = report.block.filter(|block| block.ssrc == self.egress.ssrc()) {
            let jitter_us = block.jitter.saturating_mul(1_000) / self.egress.clock_khz();
            let middle = (ntp(now.wall) >> 16) as u32;
            let away = middle.wrapping_sub(block.last_report).wrapping_sub(block.since_last_report);
            let round_trip_us = match block.last_report {
                0 => self.peer_view.2,
                // A clock that was set, or a peer that makes its numbers up.
                _ if away > ROUND_TRIP_MAX => self.peer_view.2,
                _ => (u64::from(away) * 1_000_000 / 65_536) as u32,
            };
            self.peer_view = (block.lost.max(0) as u32, jitter_us, round_trip_us);
        }
    }

    /// Forwards what the bridge peer said.
    pub(super) fn hear(
        &mut self,
        now: Mono,
        id: LegId,
        voice: &Voice<'_>,
        buffer: &mut [u8; PACKET_MAX],
        out: &mut impl Out,
    ) {
        let Some(line) = self.line.as_ref().filter(|line| line.session.send && self.open) else { return };
        if self.player.is_some() {
            self.relay = None;
            return self.egress.cut();
        }
        let session = &line.session;
        let mut other = [0; PAYLOAD_MAX];
        let mut voice = *voice;
        let payload_type = match (voice.kind, session.dtmf_payload_type) {
            (Kind::Event, Some(payload_type)) if voice.clock_khz == self.egress.clock_khz() => payload_type,
            (Kind::Event, agreed) => {
                if self.tone_of.replace(voice.timestamp) != Some(voice.timestamp) {
                    let digit = TelephoneEvent::parse(voice.payload).and_then(|event| event.digit());
                    match agreed {
                        Some(_) => self.press = digit.and_then(EventSender::new),
                        None => self.pending_tone = digit,
                    }
                }
                return;
            }
            (Kind::Noise, _) => {
                let level = Level::of_packet(voice.payload).unwrap_or(Level::FLOOR);
                if let Some(relay) = &mut self.relay {
                    return relay.rest(now, voice.ssrc, voice.timestamp, level);
                }
                self.resting = Some(level);
                return;
            }
            // While a key sounds, it alone sounds.
            (Kind::Audio(_), _) if self.tone.is_some() || self.pending_tone.is_some() => return,
            (Kind::Audio(codec), _) => {
                self.resting = None;
                if codec != session.codec {
                    let (Some(law), Some(_)) = (codec.law(), session.codec.law()) else {
                        let relay = self.relay.get_or_insert_default();
                        relay.insert(now, voice.ssrc, voice.timestamp, codec, voice.payload);
                        return;
                    };
                    let other = &mut other[..voice.payload.len().min(PAYLOAD_MAX)];
                    law.transcode_into(voice.payload, other);
                    voice.payload = other;
                    voice.kind = Kind::Audio(session.codec);
                }
                self.relay = None;
                session.payload_type
            }
        };
        if let Some(packet) = self.egress.forward(now, &voice, payload_type, buffer) {
            out.rtp(id, line.latch.remote(), packet);
            if voice.kind != Kind::Event {
                tapped(&mut self.taps, now, session.codec, packet);
            }
        }
    }

    /// Sends 20 ms of a mixer, unless something is played.
    pub(super) fn hear_mix(
        &mut self,
        now: Mono,
        id: LegId,
        audio: &Mixed,
        buffer: &mut [u8; PACKET_MAX],
        out: &mut impl Out,
    ) {
        let Some(codec) = self.codec().filter(|_| self.player.is_none()) else { return };
        match (audio, codec.law()) {
            (Mixed::Encoded { law, bytes }, Some(own)) if *law == own => {
                self.send(now, id, Source::Mix, bytes, buffer, out);
            }
            (Mixed::Samples(frame), None) => self.say(now, id, Source::Mix, frame, buffer, out),
            (Mixed::Nobody, _) => self.rest(now, id, Source::Mix, Level::FLOOR, buffer, out),
            // From before the codec changed.
            _ => {}
        }
    }

    /// The work of 20 ms.
    pub(super) fn tick(
        &mut self,
        now: Now,
        id: LegId,
        rtp_timeout: Duration,
        keys: &Keys,
        buffer: &mut [u8; PACKET_MAX],
        out: &mut impl Out,
    ) {
        let Some(session) = self.line.as_ref().map(|line| line.session) else { return };
        self.speak(now.mono, id, &session, keys, buffer, out);
        if let Some((by, after)) = self.detector.as_mut().and_then(|detector| detector.tick()) {
            self.detector = None;
            out.event(Event::AnsweredBy { leg: id, by, after });
        }
        for tap in &mut self.taps {
            if tap.tick(out) {
                out.event(Event::RecordingQuiet { recording: tap.recording() });
            }
        }
        if session.receive && !self.silent && now.mono.since(self.last_heard) >= rtp_timeout {
            self.silent = true;
            out.event(Event::Silent { leg: id });
        }
        if now.mono >= self.next_report {
            self.next_report = now.mono + REPORT_EVERY;
            self.report(now, id, out);
        }
    }

    pub(super) fn play(&mut self, id: LegId, player: Player, out: &mut impl Out) {
        self.stop(id, PlayEnd::Stopped, out);
        self.player = Some(player);
    }

    pub(super) fn stop(&mut self, id: LegId, end: PlayEnd, out: &mut impl Out) {
        if let Some(player) = self.player.take() {
            ended(Some(id), player.play, end, out);
        }
    }

    pub(super) fn supply(
        &mut self,
        id: LegId,
        play: PlayId,
        index: usize,
        piece: Result<Piece, (u32, String)>,
        out: &mut impl Out,
    ) {
        let Some(player) = self.player.as_mut().filter(|player| player.play == play) else { return };
        match piece {
            Ok(piece) => player.supply(index, piece),
            Err((code, reason)) => self.stop(id, PlayEnd::Failed { code, reason }, out),
        }
    }

    /// Sends what this tick owes: the prompt, a key's tone, or silence where nothing else comes.
    fn speak(
        &mut self,
        now: Mono,
        id: LegId,
        session: &Session,
        keys: &Keys,
        buffer: &mut [u8; PACKET_MAX],
        out: &mut impl Out,
    ) {
        let law = session.codec.law().unwrap_or(Law::Mu);
        let silence = [law.silence(); FRAME];
        if let Some(player) = &mut self.player {
            match player.step(law, session.dtmf_payload_type.is_some(), keys) {
                Step::Ended => self.stop(id, PlayEnd::Finished, out),
                Step::Audio(frame) => {
                    let frame = *frame;
                    return self.send_g711(now, id, Source::Prompt, law, &frame, buffer, out);
                }
                Step::Silence => {
                    return self.send_g711(now, id, Source::Prompt, law, &silence, buffer, out);
                }
                Step::Event { event, times, first } => {
                    return self.send_event(now, id, event, times, first, buffer, out);
                }
            }
        }
        if let Some(clip) = self.pending_tone.take().and_then(|key| keys.clip(key)) {
            self.tone = Some((Arc::clone(clip), 0));
        }
        if let Some((clip, at)) = &mut self.tone {
            let frame = clip.frame(law, *at).copied();
            *at += 1;
            match frame {
                Some(frame) => return self.send_g711(now, id, Source::Prompt, law, &frame, buffer, out),
                None => self.tone = None,
            }
        }
        if let Some(press) = &mut self.press {
            let first = press.is_fresh();
            match press.next_20_ms() {
                Some((event, times)) => return self.send_event(now, id, event, times, first, buffer, out),
                None => self.press = None,
            }
        }
        if let (Route::Bridge(from), Some(relay)) = (self.route, &mut self.relay) {
            let mut frame = [0; FRAME];
            if relay.next_20_ms(&mut frame) != Heard::Silence {
                return self.say(now, id, Source::Leg(from), &frame, buffer, out);
            }
        }
        let fills = match (self.route, self.egress.source()) {
            (Route::Silence, _) | (_, Source::Nothing | Source::Prompt | Source::Fill) => true,
            (_, Source::Mix | Source::Leg(_) | Source::Noise(_)) => {
                now.since(self.egress.sent_at()) >= FILL_AFTER
            }
        };
        if fills || self.resting.is_some() {
            // Who hears nobody is told by the noise that the line is not dead; a leg that is by itself needs no telling.
            let level = match self.route {
                Route::Silence => Level::NONE,
                Route::Bridge(_) | Route::Mixer(_) => self.resting.unwrap_or(Level::FLOOR),
            };
            self.rest(now, id, Source::Fill, level, buffer, out);
        }
    }

    /// Sends noise, or says once in a while that it is to be heard, if the peer makes its own.
    fn rest(
        &mut self,
        now: Mono,
        id: LegId,
        source: Source,
        level: Level,
        buffer: &mut [u8; PACKET_MAX],
        out: &mut impl Out,
    ) {
        let Some(session) = self.line.as_ref().map(|line| line.session) else { return };
        if session.comfort_noise {
            let said = self.egress.source() == Source::Noise(level)
                && now.since(self.egress.sent_at()) < noise::REPEAT;
            if !said {
                let (payload, kind) = (level.packet(), noise::PAYLOAD_TYPE);
                self.send_as(now, id, Source::Noise(level), kind, &payload, buffer, out);
            }
            return;
        }
        match session.codec.law() {
            Some(law) if level == Level::NONE => {
                self.send(now, id, source, &[law.silence(); FRAME], buffer, out);
            }
            _ => {
                let mut frame = [0; FRAME];
                self.noise.fill(level, &mut frame);
                self.say(now, id, source, &frame, buffer, out);
            }
        }
    }

    /// Sends 20 ms of G.711, in the leg's own codec if that is another.
    #[expect(clippy::too_many_arguments, reason = "what a packet is made of")]
    fn send_g711(
        &mut self,
        now: Mono,
        id: LegId,
        source: Source,
        law: Law,
        bytes: &[u8; FRAME],
        buffer: &mut [u8; PACKET_MAX],
        out: &mut impl Out,
    ) {
        if self.line.as_ref().is_some_and(|line| line.session.codec.law() == Some(law)) {
            return self.send(now, id, source, bytes, buffer, out);
        }
        let mut frame = [0; FRAME];
        law.decode_into(bytes, &mut frame);
        self.say(now, id, source, &frame, buffer, out);
    }

    /// Encodes and sends 20 ms.
    fn say(
        &mut self,
        now: Mono,
        id: LegId,
        source: Source,
        frame: &Frame,
        buffer: &mut [u8; PACKET_MAX],
        out: &mut impl Out,
    ) {
        let Some(line) = self.line.as_mut().filter(|line| line.session.send && self.open) else { return };
        let mut bytes = [0; ENCODED_MAX];
        let length = match (line.session.codec.law(), &mut line.encoder) {
            (Some(law), _) => {
                law.encode_into(frame, &mut bytes);
                FRAME
            }
            (None, Some(encoder)) => match encoder.encode(frame, &mut bytes) {
                Ok(length) => length,
                Err(_) => return,
            },
            (None, None) => return,
        };
        self.send(now, id, source, &bytes[..length], buffer, out);
    }

    fn send(
        &mut self,
        now: Mono,
        id: LegId,
        source: Source,
        payload: &[u8],
        buffer: &mut [u8; PACKET_MAX],
        out: &mut impl Out,
    ) {
        let Some(payload_type) = self.line.as_ref().map(|line| line.session.payload_type) else { return };
        self.send_as(now, id, source, payload_type, payload, buffer, out);
    }

    #[expect(clippy::too_many_arguments, reason = "what a packet is made of")]
    fn send_as(
        &mut self,
        now: Mono,
        id: LegId,
        source: Source,
        payload_type: u8,
        payload: &[u8],
        buffer: &mut [u8; PACKET_MAX],
        out: &mut impl Out,
    ) {
        let Some(line) = self.line.as_ref().filter(|line| line.session.send && self.open) else { return };
        let packet = self.egress.frame(now, source, payload_type, payload, buffer);
        out.rtp(id, line.latch.remote(), packet);
        if payload_type == line.session.payload_type {
            tapped(&mut self.taps, now, line.session.codec, packet);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what an event packet is made of")]
    fn send_event(
        &mut self,
        now: Mono,
        id: LegId,
        event: TelephoneEvent,
        times: u32,
        first: bool,
        buffer: &mut [u8; PACKET_MAX],
        out: &mut impl Out,
    ) {
        let Some(line) = self.line.as_ref().filter(|line| line.session.send && self.open) else { return };
        let Some(payload_type) = line.session.dtmf_payload_type else { return };
        for _ in 0..times {
            let packet = self.egress.event(now, first, payload_type, event, buffer);
            out.rtp(id, line.latch.remote(), packet);
        }
    }

    fn report(&mut self, now: Now, id: LegId, out: &mut impl Out) {
        let Some(line) = &self.line else { return };
        let sender = self.egress.sender_info(now.mono, ntp(now.wall));
        let mut block = self.reception.report();
        if let (Some(block), Some((report, at))) = (&mut block, self.peer_report) {
            block.last_report = report;
            block.since_last_report = (now.mono.since(at).as_micros() * 65_536 / 1_000_000) as u32;
        }
        if sender.is_none() && block.is_none() {
            return;
        }
        let remote = line.latch.remote();
        let Some(port) = remote.port().checked_add(1) else { return };
        let mut buffer = [0; REPORT_MAX];
        let packet = Report { ssrc: self.egress.ssrc(), sender, block }.write(&mut buffer);
        out.rtcp(id, SocketAddr::new(remote.ip(), port), packet);
    }
}

/// A packet that goes to the leg, for those who record what it hears.
fn tapped(taps: &mut [Tap], now: Mono, codec: Codec, packet: &[u8]) {
    if taps.is_empty() {
        return;
    }
    let Ok(packet) = Packet::parse(packet) else { return };
    for tap in taps {
        tap.hears(now, packet.ssrc, packet.timestamp, codec, packet.payload);
    }
}

/// Most recordings of one leg at a time.
const RECORDINGS_MAX: usize = 4;

impl Line {
    /// What a payload type stands for. Either G.711 is taken by its static type too: some phones switch unasked.
    fn content(&self, payload_type: u8) -> Option<Kind> {
        let session = &self.session;
        if payload_type == session.payload_type {
            return Some(Kind::Audio(session.codec));
        }
        if Some(payload_type) == session.dtmf_payload_type {
            return Some(Kind::Event);
        }
        match payload_type {
            0 => Some(Kind::Audio(Codec::Pcmu)),
            8 => Some(Kind::Audio(Codec::Pcma)),
            noise::PAYLOAD_TYPE => Some(Kind::Noise),
            _ => None,
        }
    }

    fn listen(&mut self, codec: Codec, payload: &[u8]) -> Option<char> {
        let ear = self.ear.as_mut()?;
        let mut samples = [0; DECODED_MAX];
        let count = match codec.law() {
            Some(law) => {
                law.decode_into(payload, &mut samples);
                payload.len().min(DECODED_MAX)
            }
            None => ear.decode(codec, payload, &mut samples)?,
        };
        let mut digit = None;
        for block in samples[..count].chunks(DtmfDecoder::BLOCK) {
            digit = ear.keys.hear(block).or(digit);
        }
        digit
    }
}

impl Tones {
    fn decode(&mut self, codec: Codec, payload: &[u8], samples: &mut [i16; DECODED_MAX]) -> Option<usize> {
        if self.decoder.as_ref().is_none_or(|(known, _)| *known != codec) {
            self.decoder = Some((codec, Decoder::new(codec).ok()?));
        }
        self.decoder.as_mut().and_then(|(_, decoder)| decoder.decode(payload, samples).ok())
    }
}

/// A bridge or mixer that brings nothing for so long is filled with silence, to keep the stream alive.
const FILL_AFTER: Duration = Duration::from_millis(200);
/// Longest round trip that is believed: ten seconds, in 1/65536 s.
const ROUND_TRIP_MAX: u32 = 10 * 65_536;
/// How often a leg reports by RTCP.
const REPORT_EVERY: Duration = Duration::from_secs(5);
