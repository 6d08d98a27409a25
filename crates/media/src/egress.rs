//! The stream a leg hears: one SSRC, one sequence, one clock, whatever the source.
//!
//! Frames of our own (prompts, mixes, silence) and packets forwarded from another leg are spliced so that sequence
//! numbers never jump, timestamps follow the clock, and the first packet after a change bears the marker.

use crate::codec::packet_ticks;
use crate::dtmf::TelephoneEvent;
use crate::noise::Level;
use crate::rtcp::SenderInfo;
use crate::rtp::{PACKET_MAX, Packet};
use crate::session::Codec;
use base::{Entropy, Mono};

/// A packet on its way from one leg to those that hear it.
#[derive(Debug, Clone, Copy)]
pub struct Voice<'a> {
    /// The leg that sent it.
    pub from: u64,
    /// Its stream.
    pub ssrc: u32,
    /// Its number in the stream.
    pub seq: u16,
    /// Its time in the stream.
    pub timestamp: u32,
    /// First of a talk spurt or event.
    pub marker: bool,
    /// The clock of its stream in kHz.
    pub clock_khz: u32,
    /// What the payload is.
    pub kind: Kind,
    /// Audio or event.
    pub payload: &'a [u8],
}

/// What a forwarded packet carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Voice in this codec.
    Audio(Codec),
    /// A telephone event.
    Event,
    /// Comfort noise: the peer says nothing until its next audio.
    Noise,
}

/// Where the last packet came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Nothing was sent yet.
    Nothing,
    /// A prompt or a tone.
    Prompt,
    /// Silence, to keep the stream alive.
    Fill,
    /// A mixer.
    Mix,
    /// Another leg.
    Leg(u64),
    /// Comfort noise, which the peer makes itself.
    Noise(Level),
}

/// The sending side of one leg.
#[derive(Debug, Clone)]
pub struct Egress {
    ssrc: u32,
    /// How far a timestamp goes in a millisecond.
    clock_khz: u32,
    /// Last sequence number sent.
    seq: u16,
    /// Timestamp after the last sample sent.
    end: u32,
    /// An instant and the timestamp that belongs to it.
    anchor: Option<(Mono, u32)>,
    sent_at: Mono,
    source: Source,
    splice: Splice,
    spliced: bool,
    event_at: u32,
    packets: u64,
    octets: u64,
}

/// How the numbers of the forwarded stream become ours.
#[derive(Debug, Clone, Copy, Default)]
struct Splice {
    ssrc: u32,
    first: u16,
    seq: u16,
    timestamp: u32,
    last_in: (u16, u32),
}

impl Egress {
    /// A new stream with random numbers.
    pub fn new(entropy: &mut Entropy) -> Self {
        Self {
            ssrc: entropy.next_u64() as u32,
            clock_khz: Codec::Pcmu.clock_khz(),
            seq: entropy.next_u64() as u16,
            end: entropy.next_u64() as u32,
            anchor: None,
            sent_at: Mono(0),
            source: Source::Nothing,
            splice: Splice::default(),
            spliced: false,
            event_at: 0,
            packets: 0,
            octets: 0,
        }
    }

    /// From now on timestamps go at the clock of this codec. They go on from where they are.
    pub fn set_codec(&mut self, codec: Codec) {
        if self.clock_khz != codec.clock_khz() {
            self.clock_khz = codec.clock_khz();
            self.anchor = None;
            self.cut();
        }
    }

    /// How far a timestamp goes in a millisecond.
    pub fn clock_khz(&self) -> u32 {
        self.clock_khz
    }

    /// Where the last packet came from.
    pub fn source(&self) -> Source {
        self.source
    }

    /// When the last packet was sent.
    pub fn sent_at(&self) -> Mono {
        self.sent_at
    }

    /// Packets sent.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Our stream.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// What a sender report says; `None` before the first packet.
    pub fn sender_info(&self, now: Mono, ntp: u64) -> Option<SenderInfo> {
        let (at, timestamp) = self.anchor?;
        let rtp = timestamp.wrapping_add(self.ticks(now, at));
        Some(SenderInfo { ntp, rtp, packets: self.packets as u32, octets: self.octets as u32 })
    }

    /// Forwards a packet of another leg as `payload_type`. `None` for a late packet from before the splice.
    pub fn forward<'b>(
        &mut self,
        now: Mono,
        voice: &Voice<'_>,
        payload_type: u8,
        buffer: &'b mut [u8; PACKET_MAX],
    ) -> Option<&'b [u8]> {
        let (last_seq, last_timestamp) = self.splice.last_in;
        let follows = self.spliced
            && self.source == Source::Leg(voice.from)
            && self.splice.ssrc == voice.ssrc
            && (voice.seq.wrapping_sub(last_seq) as i16).unsigned_abs() < SEQ_JUMP
            && (voice.timestamp.wrapping_sub(last_timestamp) as i32).unsigned_abs()
                < JUMP_MS * self.clock_khz;
        let mut marker = voice.marker;
        if !follows {
            marker = true;
            self.spliced = true;
            self.source = Source::Leg(voice.from);
            let first = self.seq.wrapping_add(1);
            let start = self.next_timestamp(now);
            self.splice = Splice {
                ssrc: voice.ssrc,
                first,
                seq: first.wrapping_sub(voice.seq),
                timestamp: start.wrapping_sub(voice.timestamp),
                last_in: (voice.seq, voice.timestamp),
            };
        }
        let seq = voice.seq.wrapping_add(self.splice.seq);
        if (seq.wrapping_sub(self.splice.first) as i16) < 0 {
            return None;
        }
        if (seq.wrapping_sub(self.seq) as i16) > 0 {
            self.seq = seq;
            self.splice.last_in = (voice.seq, voice.timestamp);
        }
        let timestamp = voice.timestamp.wrapping_add(self.splice.timestamp);
        let length = match voice.kind {
            Kind::Audio(codec) => packet_ticks(codec, voice.payload).unwrap_or(0),
            Kind::Event => TelephoneEvent::parse(voice.payload).map_or(0, |event| self.event_ticks(event)),
            Kind::Noise => 0,
        };
        self.reach(timestamp.wrapping_add(length));
        self.count(now, voice.payload.len());
        let ssrc = self.ssrc;
        Some(Packet { marker, payload_type, seq, timestamp, ssrc, payload: voice.payload }.write(buffer))
    }

    /// What is forwarded next is spliced anew: packets between were kept from this leg, and are not lost.
    pub fn cut(&mut self) {
        self.spliced = false;
    }

    /// Sends 20 ms of our own, encoded.
    pub fn frame<'b>(
        &mut self,
        now: Mono,
        source: Source,
        payload_type: u8,
        payload: &[u8],
        buffer: &'b mut [u8; PACKET_MAX],
    ) -> &'b [u8] {
        let goes_on = self.source == source;
        let gap = now.since(self.sent_at).as_micros() >= GAP_US;
        let timestamp = if goes_on && !gap { self.end } else { self.next_timestamp(now) };
        self.source = source;
        self.seq = self.seq.wrapping_add(1);
        self.end = timestamp.wrapping_add(self.clock_khz * FRAME_MS);
        self.count(now, payload.len());
        let (ssrc, seq) = (self.ssrc, self.seq);
        // What comes after noise begins a talk spurt, not the noise itself (RFC 3551 §4.1).
        let marker = (!goes_on || gap) && !matches!(source, Source::Noise(_));
        Packet { marker, payload_type, seq, timestamp, ssrc, payload }.write(buffer)
    }

    /// Sends one packet of a telephone event of our own; `first` starts a new one.
    pub fn event<'b>(
        &mut self,
        now: Mono,
        first: bool,
        payload_type: u8,
        event: TelephoneEvent,
        buffer: &'b mut [u8; PACKET_MAX],
    ) -> &'b [u8] {
        if first {
            self.event_at = self.next_timestamp(now);
        }
        self.source = Source::Prompt;
        self.seq = self.seq.wrapping_add(1);
        self.reach(self.event_at.wrapping_add(self.event_ticks(event)));
        self.count(now, 4);
        let (ssrc, seq, timestamp) = (self.ssrc, self.seq, self.event_at);
        Packet { marker: first, payload_type, seq, timestamp, ssrc, payload: &event.bytes() }.write(buffer)
    }

    /// What the clock says, but never before what was sent.
    fn next_timestamp(&mut self, now: Mono) -> u32 {
        let Some((at, timestamp)) = self.anchor else {
            self.anchor = Some((now, self.end));
            return self.end;
        };
        let clock = timestamp.wrapping_add(self.ticks(now, at));
        // The anchor moves along, lest the circle of timestamps be left behind.
        self.anchor = Some((now, clock));
        if (clock.wrapping_sub(self.end) as i32) > 0 { clock } else { self.end }
    }

    /// Events count in 1/8000 s, whatever the clock of the audio beside them.
    fn event_ticks(&self, event: TelephoneEvent) -> u32 {
        u32::from(event.duration) * self.clock_khz / 8
    }

    fn ticks(&self, now: Mono, since: Mono) -> u32 {
        (now.since(since).as_micros() * u128::from(self.clock_khz) / 1_000) as u32
    }

    fn reach(&mut self, end: u32) {
        if (end.wrapping_sub(self.end) as i32) > 0 {
            self.end = end;
        }
    }

    fn count(&mut self, now: Mono, octets: usize) {
        self.sent_at = now;
        self.packets += 1;
        self.octets += octets as u64;
    }
}

/// Frames of one source further apart than this are a new talk spurt: ticks were missed.
const GAP_US: u128 = 35_000;
/// A forwarded stream whose numbers jump like this is spliced anew.
const SEQ_JUMP: u16 = 3_000;
/// And so do timestamps that jump by ten seconds.
const JUMP_MS: u32 = 10_000;
const FRAME_MS: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::g711::FRAME;

    fn at(ms: u64) -> Mono {
        Mono(1_000_000 + ms * 1_000)
    }

    fn voice(from: u64, seq: u16, timestamp: u32) -> Voice<'static> {
        Voice {
            from,
            ssrc: from as u32,
            seq,
            timestamp,
            marker: false,
            clock_khz: 8,
            kind: Kind::Audio(Codec::Pcmu),
            payload: &[1; FRAME],
        }
    }

    struct Peer {
        egress: Egress,
        packets: Vec<(u16, u32, bool)>,
    }

    impl Peer {
        fn new() -> Self {
            Self { egress: Egress::new(&mut Entropy::seeded(3)), packets: vec![] }
        }

        fn hears(&mut self, ms: u64, voice: &Voice<'_>) -> bool {
            let mut buffer = [0; PACKET_MAX];
            let sent = self.egress.forward(at(ms), voice, 0, &mut buffer).map(|b| Packet::parse(b).unwrap());
            self.packets.extend(sent.map(|p| (p.seq, p.timestamp, p.marker)));
            sent.is_some()
        }

        fn frame(&mut self, ms: u64, source: Source) {
            let mut buffer = [0; PACKET_MAX];
            let packet =
                Packet::parse(self.egress.frame(at(ms), source, 0, &[2; FRAME], &mut buffer)).unwrap();
            self.packets.push((packet.seq, packet.timestamp, packet.marker));
        }

        /// Numbers relative to the first packet's.
        fn story(&self) -> Vec<(u16, u32, bool)> {
            let (seq, timestamp, _) = self.packets[0];
            self.packets.iter().map(|p| (p.0.wrapping_sub(seq), p.1.wrapping_sub(timestamp), p.2)).collect()
        }
    }

    #[test]
    fn sources_are_spliced_into_one_stream() {
        let mut peer = Peer::new();
        peer.hears(0, &voice(1, 65_535, 5));
        peer.hears(20, &voice(1, 0, 165));
        peer.frame(40, Source::Prompt);
        peer.frame(60, Source::Prompt);
        peer.hears(90, &voice(2, 900, 77_777));
        peer.hears(110, &voice(2, 901, 77_937));
        assert_eq!(
            peer.story(),
            [(0, 0, true), (1, 160, false), (2, 320, true), (3, 480, false), (4, 720, true), (5, 880, false)]
        );
    }

    #[test]
    fn loss_and_order_of_the_source_are_passed_on() {
        let mut peer = Peer::new();
        for seq in [10u16, 13, 12, 14] {
            peer.hears(u64::from(seq), &voice(1, seq, u32::from(seq) * 160));
        }
        assert_eq!(peer.story().iter().map(|p| p.0).collect::<Vec<_>>(), [0, 3, 2, 4]);
        // Late, from before the splice.
        assert!(!peer.hears(20, &voice(1, 9, 9 * 160)));
    }

    #[test]
    fn many_changes_do_not_move_the_clock_away() {
        let mut peer = Peer::new();
        for change in 0..200u64 {
            // Each source sends one packet, 13 ms after the last one's: earlier than its 20 ms are over.
            peer.hears(change * 23, &voice(change % 2 + 1, change as u16, change as u32 * 1_000));
        }
        let (_, last, _) = *peer.story().last().unwrap();
        assert!(last.abs_diff(199 * 23 * 8) <= 160, "{last}");
        assert!(peer.story().windows(2).all(|w| w[1].1 > w[0].1 && w[1].0 == w[0].0 + 1));
    }

    #[test]
    fn a_stream_that_jumps_is_spliced_and_missed_ticks_are_a_gap_in_time_only() {
        let mut peer = Peer::new();
        peer.hears(0, &voice(1, 1, 160));
        peer.hears(20, &voice(1, 30_000, 4_000_000));
        peer.frame(40, Source::Fill);
        peer.frame(140, Source::Fill);
        assert_eq!(peer.story(), [(0, 0, true), (1, 160, true), (2, 320, true), (3, 1_120, true)]);
    }

    #[test]
    fn an_event_of_ours_keeps_its_timestamp_and_audio_goes_on_after_it() {
        let mut peer = Peer::new();
        let mut buffer = [0; PACKET_MAX];
        peer.frame(0, Source::Prompt);
        let mut press = crate::dtmf::EventSender::new('5').unwrap();
        let mut stamps = vec![];
        for tick in 1..=5 {
            let first = press.is_fresh();
            let (event, _) = press.next_20_ms().unwrap();
            let packet =
                Packet::parse(peer.egress.event(at(tick * 20), first, 101, event, &mut buffer)).unwrap();
            stamps.push((packet.timestamp.wrapping_sub(peer.packets[0].1), packet.marker));
        }
        assert_eq!(stamps, [(160, true), (160, false), (160, false), (160, false), (160, false)]);
        peer.frame(120, Source::Prompt);
        assert_eq!(peer.story()[1], (6, 960, false));
    }
}
