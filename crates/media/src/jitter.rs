//! A jitter buffer: packets in as they come, 20 ms out at every tick.
//!
//! Samples lie in a ring by their RTP timestamps, so that order, packet length and duplicates do not matter. Playing
//! starts `delay` behind the first packet; the delay follows the jitter between 40 and 120 ms. What is missing is
//! concealed by the last 20 ms, fading; Opus makes up for it from the packet that comes after. Where the peer says that it pauses
//! (RFC 3389) nothing is missing, and its noise is heard.

use crate::codec::{DECODED_MAX, Decoder};
use crate::g711::{FRAME, Frame};
use crate::noise::{Level, Noise};
use crate::session::Codec;
use base::Mono;

/// One stream's buffer.
#[derive(Debug)]
pub struct JitterBuffer {
    samples: Box<[i16]>,
    present: Box<[bool]>,
    stream: Option<Stream>,
    /// Wanted delay in samples.
    delay: u32,
    last: Frame,
    missed: u32,
    full_for: u32,
    /// Samples by which playing is to be put off, because something came that much too late.
    put_off: u32,
    concealed: u64,
    late: u64,
    /// For codecs that remember.
    decoding: Option<Box<Decoding>>,
    rest: Option<Rest>,
    noise: Noise,
}

/// The peer says nothing, and says so.
#[derive(Debug, Clone, Copy)]
struct Rest {
    /// Timestamp of its first sample.
    from: u32,
    /// Timestamp after its last, once the peer spoke again.
    until: Option<u32>,
    level: Level,
}

impl Rest {
    fn covers(&self, at: u32) -> bool {
        !after(self.from, at) && self.until.is_none_or(|until| after(until, at))
    }
}

/// A stream whose codec has a state, and whose clock may not be ours.
#[derive(Debug)]
struct Decoding {
    codec: Codec,
    ssrc: u32,
    decoder: Decoder,
    /// A timestamp of the stream and the same instant at 8 kHz.
    known: (u32, u32),
    /// After the last sample decoded, at 8 kHz.
    next: u32,
}

#[derive(Debug, Clone, Copy)]
struct Stream {
    ssrc: u32,
    /// Timestamp of the next sample to be played.
    play: u32,
    /// Timestamp after the newest sample.
    end: u32,
    transit: u32,
    /// Interarrival jitter times 16.
    jitter_16: u32,
}

/// What a tick has to offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// What was sent, at least in part.
    Voice,
    /// A guess at what was lost.
    Concealed,
    /// The noise of a peer that pauses and says so.
    Noise,
    /// Nothing: the stream has not begun, pauses or was lost for too long.
    Silence,
}

impl Default for JitterBuffer {
    fn default() -> Self {
        Self {
            samples: vec![0; WINDOW].into_boxed_slice(),
            present: vec![false; WINDOW].into_boxed_slice(),
            stream: None,
            delay: DELAY_MIN,
            last: [0; FRAME],
            missed: 0,
            full_for: 0,
            put_off: 0,
            concealed: 0,
            late: 0,
            decoding: None,
            rest: None,
            noise: Noise::default(),
        }
    }
}

impl JitterBuffer {
    /// Takes a packet of the stream `ssrc`; `timestamp` at the codec's clock.
    pub fn insert(&mut self, now: Mono, ssrc: u32, timestamp: u32, codec: Codec, payload: &[u8]) {
        let mut samples = [0; DECODED_MAX];
        if let Some(law) = codec.law() {
            law.decode_into(payload, &mut samples);
            return self.place(now, ssrc, timestamp, &samples[..payload.len().min(DECODED_MAX)]);
        }
        let decoding = match self.decoding.take() {
            Some(decoding) if decoding.codec == codec && decoding.ssrc == ssrc => Some(decoding),
            _ => Decoder::new(codec).ok().map(|decoder| {
                let next = timestamp;
                Box::new(Decoding { codec, ssrc, decoder, known: (timestamp, timestamp), next })
            }),
        };
        let Some(mut decoding) = decoding else { return };
        let timestamp = decoding.at_8_khz(timestamp);
        let missing = timestamp.wrapping_sub(decoding.next) as i32;
        if (1..=RECOVERED_MAX as i32).contains(&missing) {
            let mut lost = [0; RECOVERED_MAX];
            let lost = &mut lost[..missing as usize];
            if decoding.decoder.recover(payload, lost) {
                self.write(decoding.next, lost);
            }
        }
        // A packet out of order has been made up for; decoding it now would disturb those after it.
        let passed = (-(WINDOW as i32)..0).contains(&missing) && codec == Codec::Opus;
        match decoding.decoder.decode(payload, &mut samples) {
            Ok(count) if !passed => {
                decoding.next = timestamp.wrapping_add(count as u32);
                self.place(now, ssrc, timestamp, &samples[..count]);
            }
            _ => {}
        }
        self.decoding = Some(decoding);
    }

    /// From `timestamp` at 8 kHz on the peer says nothing, and what is heard until it does is noise of this level.
    pub fn rest(&mut self, now: Mono, ssrc: u32, timestamp: u32, level: Level) {
        match self.stream {
            // It was overtaken by what the peer said next.
            Some(stream) if stream.ssrc == ssrc && after(stream.end, timestamp) => return,
            Some(stream) if stream.ssrc == ssrc && !jumped(&stream, timestamp, timestamp) => {}
            _ => self.place(now, ssrc, timestamp, &[]),
        }
        let from = match self.rest {
            Some(Rest { from, until: None, .. }) => from,
            _ => timestamp,
        };
        self.rest = Some(Rest { from, until: None, level });
    }

    /// Puts samples where they belong if they are still to be played.
    fn write(&mut self, timestamp: u32, samples: &[i16]) {
        let Some(stream) = self.stream else { return };
        for (i, &sample) in samples.iter().enumerate() {
            let at = timestamp.wrapping_add(i as u32);
            if !after(stream.play, at) {
                self.samples[at as usize % WINDOW] = sample;
                self.present[at as usize % WINDOW] = true;
            }
        }
    }

    fn place(&mut self, now: Mono, ssrc: u32, timestamp: u32, samples: &[i16]) {
        let length = samples.len() as u32;
        let end = timestamp.wrapping_add(length);
        let transit = ((now.0 * 8 / 1_000) as u32).wrapping_sub(timestamp);
        let mut stream = match self.stream {
            Some(stream) if stream.ssrc == ssrc && !jumped(&stream, timestamp, end) => stream,
            _ => self.begin(ssrc, timestamp, transit),
        };
        let change = (transit.wrapping_sub(stream.transit) as i32).unsigned_abs();
        stream.transit = transit;
        stream.jitter_16 = stream.jitter_16 + change.min(WINDOW as u32) - ((stream.jitter_16 + 8) >> 4);
        self.delay = (FRAME as u32 + stream.jitter_16 / 4).clamp(DELAY_MIN, DELAY_MAX);
        if after(stream.play, end) || stream.play == end {
            self.late += 1;
            if !after(stream.end, stream.play) {
                // Nothing is left to play: the network has become slower. Wait for it.
                stream.play = timestamp.wrapping_sub(self.delay);
            } else {
                let lateness = stream.play.wrapping_sub(timestamp).next_multiple_of(FRAME as u32);
                let room = DELAY_MAX.saturating_sub(stream.end.wrapping_sub(stream.play));
                self.put_off = self.put_off.max(lateness.min(room));
                self.stream = Some(stream);
                return;
            }
        }
        if after(end, stream.end) {
            stream.end = end;
        }
        self.stream = Some(stream);
        if let Some(rest) =
            self.rest.as_mut().filter(|rest| !samples.is_empty() && !after(rest.from, timestamp))
        {
            rest.until = Some(rest.until.filter(|until| !after(*until, timestamp)).unwrap_or(timestamp));
        }
        self.write(timestamp, samples);
    }

    /// The next 20 ms.
    pub fn next_20_ms(&mut self, frame: &mut Frame) -> Heard {
        let Some(mut stream) = self.stream else {
            frame.fill(0);
            return Heard::Silence;
        };
        let gain = FADE.get(self.missed as usize).copied().unwrap_or(0);
        if self.put_off >= FRAME as u32 {
            self.put_off -= FRAME as u32;
            self.missed += 1;
            self.concealed += 1;
            frame.iter_mut().zip(&self.last).for_each(|(to, &from)| *to = faded(from, gain));
            return Heard::Concealed;
        }
        self.catch_up(&mut stream);
        let (mut present, mut noisy) = (0, false);
        let rest = self.rest;
        let mut noise = self.noise.samples(rest.map_or(Level::NONE, |rest| rest.level));
        for (i, sample) in frame.iter_mut().enumerate() {
            let at = stream.play.wrapping_add(i as u32) as usize % WINDOW;
            if std::mem::take(&mut self.present[at]) {
                *sample = self.samples[at];
                present += 1;
            } else if rest.is_some_and(|rest| rest.covers(stream.play.wrapping_add(i as u32))) {
                *sample = noise();
                noisy = true;
            } else {
                *sample = faded(self.last[i], gain);
            }
        }
        stream.play = stream.play.wrapping_add(FRAME as u32);
        self.stream = Some(stream);
        self.rest = rest.filter(|rest| rest.until.is_none_or(|until| after(until, stream.play)));
        if present > 0 || noisy {
            self.last = *frame;
            self.missed = 0;
            return if present > 0 { Heard::Voice } else { Heard::Noise };
        }
        self.missed += 1;
        if self.missed as usize <= FADE.len() {
            self.concealed += 1;
            return Heard::Concealed;
        }
        if self.missed >= PAUSE && !after(stream.end, stream.play) {
            self.stream = None;
            self.missed = 0;
            self.last.fill(0);
        }
        Heard::Silence
    }

    /// Samples between what is played and the newest that came.
    pub fn level(&self) -> u32 {
        self.stream.map_or(0, |s| if after(s.end, s.play) { s.end.wrapping_sub(s.play) } else { 0 })
    }

    /// The wanted delay in samples.
    pub fn delay(&self) -> u32 {
        self.delay
    }

    /// Frames that were guessed.
    pub fn concealed(&self) -> u64 {
        self.concealed
    }

    /// Packets that came too late to be played.
    pub fn late(&self) -> u64 {
        self.late
    }

    fn begin(&mut self, ssrc: u32, timestamp: u32, transit: u32) -> Stream {
        self.present.fill(false);
        self.rest = None;
        self.full_for = 0;
        self.put_off = 0;
        self.last.fill(0);
        // The first frame is silence of the delay, and so is no loss.
        self.missed = FADE.len() as u32;
        let play = timestamp.wrapping_sub(self.delay);
        Stream { ssrc, play, end: timestamp, transit, jitter_16: 0 }
    }

    /// Drops 20 ms when there has been too much for a while, and everything but the delay when there is far too much.
    fn catch_up(&mut self, stream: &mut Stream) {
        let level = if after(stream.end, stream.play) { stream.end.wrapping_sub(stream.play) } else { 0 };
        let drop = if level > DELAY_MAX + SLACK {
            level - self.delay
        } else if level > self.delay + SLACK {
            self.full_for += 1;
            if self.full_for >= FULL_TICKS { FRAME as u32 } else { 0 }
        } else {
            self.full_for = 0;
            0
        };
        if drop > 0 {
            self.full_for = 0;
            for _ in 0..drop {
                self.present[stream.play as usize % WINDOW] = false;
                stream.play = stream.play.wrapping_add(1);
            }
        }
    }
}

impl Decoding {
    /// A timestamp of the stream at 8 kHz, on the circle of all timestamps.
    fn at_8_khz(&mut self, timestamp: u32) -> u32 {
        let ratio = (self.codec.clock_khz() / 8) as i32;
        let (theirs, ours) = self.known;
        let steps = timestamp.wrapping_sub(theirs) as i32 / ratio;
        self.known = (theirs.wrapping_add((steps * ratio) as u32), ours.wrapping_add(steps as u32));
        self.known.1
    }
}

/// Whether a packet cannot belong to where the stream is: beyond the window, or older than the window.
fn jumped(stream: &Stream, timestamp: u32, end: u32) -> bool {
    let ahead = end.wrapping_sub(stream.play) as i32;
    let behind = stream.play.wrapping_sub(timestamp) as i32;
    ahead > WINDOW as i32 || behind > WINDOW as i32 / 2
}

fn faded(sample: i16, gain: i32) -> i16 {
    ((i32::from(sample) * gain) >> 8) as i16
}

/// Whether `a` comes after `b` on the circle of timestamps.
fn after(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) > 0
}

/// Longest loss that the codec itself makes up for: 60 ms.
const RECOVERED_MAX: usize = 3 * FRAME;
/// Samples in the ring: about a second. A power of two, so that timestamps wrap where the ring does.
const WINDOW: usize = 8_192;
/// 40 ms.
const DELAY_MIN: u32 = 320;
/// 120 ms.
const DELAY_MAX: u32 = 960;
/// So much more than the delay may lie waiting: 40 ms.
const SLACK: u32 = 320;
/// For so many ticks in a row before 20 ms are dropped.
const FULL_TICKS: u32 = 25;
/// Loudness of concealed frames, in 1/256.
const FADE: [i32; 3] = [205, 128, 51];
/// After so many empty ticks the stream has paused, and begins anew with its next packet.
const PAUSE: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{ENCODED_MAX, Encoder};
    use crate::detect::share;
    use crate::g711::Law;
    use crate::tone::{Tone, render};
    use proptest::prelude::*;

    /// Plays packets `(arrival ms, timestamp, value)` and answers what each tick heard and its middle sample.
    fn play(packets: &[(u64, u32, i16)], ticks: u64) -> (Vec<(Heard, i16)>, JitterBuffer) {
        let mut buffer = JitterBuffer::default();
        let mut packets: Vec<_> = packets.to_vec();
        packets.sort_by_key(|p| p.0);
        let mut next = 0;
        let mut frame = [0; FRAME];
        let heard = (0..ticks)
            .map(|tick| {
                while let Some(&(ms, timestamp, value)) = packets.get(next).filter(|p| p.0 <= tick * 20) {
                    let payload = [Law::A.encode(value); FRAME];
                    buffer.insert(Mono(ms * 1_000), 1, timestamp, Codec::Pcma, &payload);
                    next += 1;
                }
                let heard = buffer.next_20_ms(&mut frame);
                (heard, frame[80])
            })
            .collect();
        (heard, buffer)
    }

    fn value(i: u64) -> i16 {
        Law::A.decode(Law::A.encode(1_000 + (i as i16) * 100))
    }

    fn steady(count: u64) -> Vec<(u64, u32, i16)> {
        (0..count).map(|i| (i * 20, i as u32 * 160, value(i))).collect()
    }

    fn voices(heard: &[(Heard, i16)]) -> Vec<i16> {
        heard.iter().filter(|h| h.0 == Heard::Voice).map(|h| h.1).collect()
    }

    #[test]
    fn a_steady_stream_comes_out_whole_after_40_ms() {
        let (heard, buffer) = play(&steady(50), 52);
        assert_eq!(heard[..2].iter().map(|h| h.0).collect::<Vec<_>>(), [Heard::Silence; 2]);
        assert_eq!(voices(&heard), (0..50).map(value).collect::<Vec<_>>());
        assert_eq!(buffer.concealed(), 0);
    }

    #[test]
    fn order_and_duplicates_do_not_matter() {
        let mut packets = steady(50);
        packets[10].0 += 25;
        packets[20].0 -= 15;
        packets.push((400, 19 * 160, value(19)));
        let (heard, buffer) = play(&packets, 52);
        assert_eq!(voices(&heard), (0..50).map(value).collect::<Vec<_>>());
        assert_eq!((buffer.concealed(), buffer.late()), (0, 0));
    }

    #[test]
    fn packets_of_any_length_are_heard_alike() {
        let tone = render(&[Tone { hertz: [440.0, 0.0], ms: 2_000 }], -10.0);
        for ms in [10, 20, 30, 40, 60] {
            let (mut buffer, length) = (JitterBuffer::default(), ms * 8);
            let mut packets = tone.chunks(length).enumerate().peekable();
            let (mut heard, mut frame) = (Vec::new(), [0; FRAME]);
            for tick in 0..100 {
                while let Some((n, chunk)) = packets.next_if(|(n, _)| (n + 1) * ms <= tick * 20) {
                    let payload: Vec<u8> = chunk.iter().map(|sample| Law::A.encode(*sample)).collect();
                    let now = Mono(((n + 1) * ms * 1_000) as u64);
                    buffer.insert(now, 1, (n * length) as u32, Codec::Pcma, &payload);
                }
                buffer.next_20_ms(&mut frame);
                heard.extend(frame);
            }
            assert!(share(&heard[1_600..], 440.0) > 0.98, "{ms} ms: {}", share(&heard[1_600..], 440.0));
            assert_eq!((buffer.concealed(), buffer.late()), (0, 0), "{ms} ms");
        }
    }

    #[test]
    fn what_a_peer_does_not_say_is_no_loss_once_it_said_so() {
        let mut buffer = JitterBuffer::default();
        let mut frame = [0; FRAME];
        let mut heard = Vec::new();
        for tick in 0..200_u32 {
            let (now, timestamp) = (Mono(u64::from(tick) * 20_000), tick * FRAME as u32);
            match tick {
                // Its voice, a pause that it announces, and its voice again, of which one packet is lost.
                0..20 | 120..=149 | 151..160 => {
                    buffer.insert(now, 1, timestamp, Codec::Pcma, &[Law::A.encode(9_000); FRAME]);
                }
                20 | 60 => buffer.rest(now, 1, timestamp, Level::FLOOR),
                _ => {}
            }
            heard.push(buffer.next_20_ms(&mut frame));
            if heard.last() == Some(&Heard::Noise) {
                assert!(frame.iter().all(|sample| sample.abs() < 100), "{tick}: a word is repeated");
            }
        }
        let count = |what| heard.iter().filter(|heard| **heard == what).count();
        assert_eq!(count(Heard::Noise), 100);
        assert_eq!(count(Heard::Voice), 20 + 30 + 9);
        // The packet that was lost, and the end that nobody announced.
        assert_eq!(count(Heard::Concealed), 1 + FADE.len());
        assert_eq!(buffer.concealed(), 1 + FADE.len() as u64);
        // News of a pause that is over by now changes nothing.
        buffer.insert(Mono(4_000_000), 1, 200 * FRAME as u32, Codec::Pcma, &[Law::A.encode(9_000); FRAME]);
        buffer.rest(Mono(4_000_000), 1, 199 * FRAME as u32, Level::FLOOR);
        assert!((0..10).all(|_| buffer.next_20_ms(&mut frame) != Heard::Noise));
    }

    #[test]
    fn a_lost_packet_is_concealed_and_a_long_loss_fades_to_silence() {
        let mut packets = steady(60);
        packets.retain(|p| p.1 != 10 * 160 && !(30..36).contains(&(p.1 / 160)));
        let (heard, _) = play(&packets, 62);
        assert_eq!(heard[12].0, Heard::Concealed);
        assert!((heard[12].1 - value(9) * 4 / 5).abs() < 20, "{:?} {}", heard[12], value(9));
        let lost: Vec<_> = heard[32..38].to_vec();
        assert!(lost[..3].iter().all(|h| h.0 == Heard::Concealed), "{lost:?}");
        assert!(lost[..3].windows(2).all(|w| w[1].1 < w[0].1));
        assert!(lost[3..].iter().all(|h| *h == (Heard::Silence, 0)), "{lost:?}");
        assert_eq!(heard[38], (Heard::Voice, value(36)));
    }

    #[test]
    fn the_delay_grows_with_jitter_within_its_bounds() {
        let mut packets = steady(200);
        for (i, packet) in packets.iter_mut().enumerate() {
            packet.0 += (i as u64 * 37) % 60;
        }
        let (heard, buffer) = play(&packets, 200);
        assert!((DELAY_MIN + 1..=DELAY_MAX).contains(&buffer.delay()), "{}", buffer.delay());
        let settled = &heard[50..];
        let gaps = settled.iter().filter(|h| h.0 != Heard::Voice).count();
        assert!(gaps <= 2, "{gaps} gaps in {} frames", settled.len());
    }

    #[test]
    fn a_new_stream_and_a_timestamp_jump_begin_anew() {
        let mut packets = steady(20);
        packets.extend((20..40).map(|i| (i * 20, 4_000_000_000 + i as u32 * 160, value(i))));
        let (heard, _) = play(&packets, 44);
        assert!(voices(&heard).ends_with(&(20..40).map(value).collect::<Vec<_>>()));

        let mut buffer = JitterBuffer::default();
        let mut frame = [0; FRAME];
        for i in 0..10u32 {
            let ssrc = if i < 5 { 1 } else { 2 };
            let ms = u64::from(i) * 20;
            buffer.insert(Mono(ms * 1_000), ssrc, i * 160 + ssrc * 77_777, Codec::Pcmu, &[0x80; FRAME]);
            buffer.next_20_ms(&mut frame);
        }
        assert_eq!(buffer.level(), 320);
    }

    #[test]
    fn a_burst_is_absorbed_and_the_surplus_is_let_go() {
        // Nothing for 300 ms, then all of it at once.
        let mut packets = steady(100);
        for packet in &mut packets[20..35] {
            packet.0 = 35 * 20;
        }
        let (heard, buffer) = play(&packets, 100);
        assert!(voices(&heard).len() > 80, "{}", voices(&heard).len());
        assert!(buffer.level() <= DELAY_MAX + SLACK);
        // A sender whose clock is fast does not fill the buffer.
        let fast: Vec<_> = (0..2_000u64).map(|i| (i * 19, i as u32 * 160, value(i % 100))).collect();
        let (_, buffer) = play(&fast, 1_900);
        assert!(buffer.level() <= DELAY_MAX + SLACK, "{}", buffer.level());
    }

    #[test]
    fn a_tone_in_any_codec_is_heard_whole_though_packets_are_lost() {
        let tone = render(&[Tone { hertz: [440.0, 0.0], ms: 2_000 }], -12.0);
        for (codec, least) in [(Codec::Pcmu, 0.75), (Codec::G722, 0.75), (Codec::Opus, 0.75)] {
            let (mut encoder, mut buffer) = (Encoder::new(codec).unwrap(), JitterBuffer::default());
            let (mut heard, mut frame, mut bytes) = (Vec::new(), [0; FRAME], [0; ENCODED_MAX]);
            for (i, chunk) in tone.chunks(FRAME).enumerate() {
                let length = encoder.encode(chunk.try_into().unwrap(), &mut bytes).unwrap();
                // The circle of timestamps closes on the way.
                let timestamp = (i as u32 * codec.frame_ticks()).wrapping_sub(20_000);
                if i % 10 != 7 {
                    buffer.insert(Mono(i as u64 * 20_000), 1, timestamp, codec, &bytes[..length]);
                }
                buffer.next_20_ms(&mut frame);
                heard.extend(frame);
            }
            // By tenths of a second: after a loss the phase may be another.
            let mut shares: Vec<f64> = heard[1_600..].chunks(800).map(|part| share(part, 440.0)).collect();
            shares.sort_by(f64::total_cmp);
            assert!(
                shares[0] > 0.4 && shares[shares.len() / 2] > least,
                "{codec:?} {shares:?} {}",
                buffer.concealed()
            );
        }
    }

    #[test]
    fn a_full_band_stereo_stream_is_heard_in_telephone_band() {
        // As phones send it: 48 kHz, two channels.
        let mut encoder =
            opus::Encoder::new(48_000, opus::Channels::Stereo, opus::Application::Audio).unwrap();
        let sample =
            |n: usize| ((n as f64 * 440.0 * std::f64::consts::TAU / 48_000.0).sin() * 8_000.0) as i16;
        let (mut buffer, mut frame, mut heard) = (JitterBuffer::default(), [0; FRAME], Vec::new());
        for i in 0..200_usize {
            let samples: Vec<i16> = (0..1_920).map(|n| sample(i * 960 + n / 2)).collect();
            let mut bytes = [0; ENCODED_MAX];
            let length = encoder.encode(&samples, &mut bytes).unwrap();
            buffer.insert(Mono(i as u64 * 20_000), 1, i as u32 * 960, Codec::Opus, &bytes[..length]);
            buffer.next_20_ms(&mut frame);
            heard.extend(frame);
        }
        assert!(share(&heard[8_000..], 440.0) > 0.95, "{}", share(&heard[8_000..], 440.0));
    }

    proptest! {
        #[test]
        fn whatever_comes_nothing_panics_and_the_level_is_bounded(
            packets in proptest::collection::vec((0u64..400, any::<u32>(), 0u32..3, 0usize..2_000), 0..200)
        ) {
            let mut buffer = JitterBuffer::default();
            let mut frame = [0; FRAME];
            for (ms, timestamp, ssrc, length) in packets {
                let codec = [Codec::Pcmu, Codec::G722, Codec::Opus][ssrc as usize];
                buffer.insert(Mono(ms * 1_000), ssrc, timestamp, codec, &vec![0; length]);
                buffer.next_20_ms(&mut frame);
                prop_assert!(buffer.level() <= WINDOW as u32);
            }
        }

        #[test]
        fn within_40_ms_of_jitter_nothing_is_lost(delays in proptest::collection::vec(0u64..18, 100)) {
            let packets: Vec<_> =
                (0..100u64).map(|i| (i * 20 + delays[i as usize], i as u32 * 160, value(i))).collect();
            let (heard, _) = play(&packets, 110);
            let heard = voices(&heard);
            let wanted: Vec<_> = (0..100).map(value).collect();
            prop_assert!(heard == wanted, "{heard:?}");
        }
    }
}
