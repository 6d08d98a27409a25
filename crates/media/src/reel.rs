//! Recordings on their way to the disk: frames are gathered, paused and flagged here, and written elsewhere.

use crate::control::{Pause, RecordPlan, RecordingId, Sides};
use crate::g711::{FRAME, Frame};
use crate::jitter::JitterBuffer;
use crate::session::Codec;
use base::Mono;
use std::time::Duration;

/// Part of a recording: 16-bit samples at 8 kHz, channels interleaved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Which.
    pub recording: RecordingId,
    /// Frames of 20 ms before these samples that were lost because the disk did not keep up.
    pub missed: u32,
    /// A whole number of frames.
    pub samples: Vec<i16>,
}

/// Takes the batches of recordings. Never waits.
pub trait Tape {
    /// Takes a batch; false if there is no room.
    fn recorded(&mut self, batch: Batch) -> bool;
    /// Nothing more comes of this recording.
    fn record_ended(&mut self, recording: RecordingId);
}

/// One recording of frames that come every 20 ms.
#[derive(Debug)]
pub struct Reel {
    recording: RecordingId,
    channels: usize,
    /// Frames that are handed over at a time.
    frames: usize,
    pause: Option<Pause>,
    samples: Vec<i16>,
    missed: u32,
}

impl Reel {
    /// A recording of so many channels, one or two.
    pub fn new(recording: RecordingId, channels: u16) -> Self {
        let channels = usize::from(channels.clamp(1, 2));
        Self { recording, channels, frames: FRAMES_PER_BATCH, pause: None, samples: Vec::new(), missed: 0 }
    }

    /// The same, handing over every 20 ms.
    fn live(mut self) -> Self {
        self.frames = 1;
        self
    }

    /// Which recording.
    pub fn recording(&self) -> RecordingId {
        self.recording
    }

    /// Pauses, or goes on.
    pub fn pause(&mut self, pause: Option<Pause>) {
        self.pause = pause;
    }

    /// Takes 20 ms. `second` is the second channel, or summed with the first where there is only one.
    pub fn take(&mut self, first: &Frame, second: Option<&Frame>, tape: &mut impl Tape) {
        const SILENCE: Frame = [0; FRAME];
        let (first, second) = match self.pause {
            Some(Pause::Skip) => return,
            Some(Pause::Silence) => (&SILENCE, None),
            None => (first, second),
        };
        if self.samples.is_empty() {
            self.samples.reserve_exact(FRAME * self.channels * self.frames);
        }
        let second = second.unwrap_or(&SILENCE);
        if self.channels == 2 {
            self.samples.extend(first.iter().zip(second).flat_map(|(a, b)| [*a, *b]));
        } else {
            self.samples.extend(first.iter().zip(second).map(|(a, b)| a.saturating_add(*b)));
        }
        if self.samples.len() >= FRAME * self.channels * self.frames {
            self.flush(tape);
        }
    }

    /// Gives away what was gathered, and says that it is all.
    pub fn end(mut self, tape: &mut impl Tape) {
        if !self.samples.is_empty() {
            self.flush(tape);
        }
        tape.record_ended(self.recording);
    }

    fn flush(&mut self, tape: &mut impl Tape) {
        let samples = std::mem::take(&mut self.samples);
        let frames = (samples.len() / FRAME / self.channels) as u32;
        let batch = Batch { recording: self.recording, missed: self.missed, samples };
        self.missed = if tape.recorded(batch) { 0 } else { self.missed.saturating_add(frames) };
    }
}

/// A recording of one leg: packets in as they come and go, frames out by the clock.
#[derive(Debug)]
pub struct Tap {
    reel: Reel,
    sides: Sides,
    said: JitterBuffer,
    heard: JitterBuffer,
    quiet: u32,
    quiet_max: Option<u32>,
}

impl Tap {
    /// A recording as `plan` says.
    pub fn new(recording: RecordingId, plan: &RecordPlan) -> Self {
        let frames = |time: Duration| u32::try_from(time.as_millis() / 20).unwrap_or(u32::MAX);
        let reel = Reel::new(recording, plan.sides.channels());
        Self {
            reel: if plan.live { reel.live() } else { reel },
            sides: plan.sides,
            said: JitterBuffer::default(),
            heard: JitterBuffer::default(),
            quiet: 0,
            quiet_max: plan.quiet.map(frames),
        }
    }

    /// Which recording.
    pub fn recording(&self) -> RecordingId {
        self.reel.recording()
    }

    /// Pauses, or goes on.
    pub fn pause(&mut self, pause: Option<Pause>) {
        self.reel.pause(pause);
    }

    /// A packet that the leg sent.
    pub fn says(&mut self, now: Mono, ssrc: u32, timestamp: u32, codec: Codec, payload: &[u8]) {
        if self.sides != Sides::Heard || self.quiet_max.is_some() {
            self.said.insert(now, ssrc, timestamp, codec, payload);
        }
    }

    /// A packet that was sent to the leg.
    pub fn hears(&mut self, now: Mono, ssrc: u32, timestamp: u32, codec: Codec, payload: &[u8]) {
        if self.sides != Sides::Said {
            self.heard.insert(now, ssrc, timestamp, codec, payload);
        }
    }

    /// 20 ms have passed. True once, when the leg has said nothing for as long as was asked about.
    pub fn tick(&mut self, tape: &mut impl Tape) -> bool {
        let (mut said, mut heard) = ([0; FRAME], [0; FRAME]);
        self.said.next_20_ms(&mut said);
        self.heard.next_20_ms(&mut heard);
        match self.sides {
            Sides::Said => self.reel.take(&said, None, tape),
            Sides::Heard => self.reel.take(&heard, None, tape),
            Sides::Both | Sides::Apart => self.reel.take(&said, Some(&heard), tape),
        }
        self.quiet = if is_quiet(&said) { self.quiet.saturating_add(1) } else { 0 };
        let reached = self.quiet_max.is_some_and(|max| self.quiet >= max);
        if reached {
            self.quiet_max = None;
        }
        reached
    }

    /// The recording is over.
    pub fn end(self, tape: &mut impl Tape) {
        self.reel.end(tape);
    }
}

/// Nothing but line noise.
pub fn is_quiet(samples: &[i16]) -> bool {
    samples.iter().all(|sample| sample.unsigned_abs() < QUIET)
}

/// Below this a sample is line noise: about -42 dBFS.
const QUIET: u16 = 256;
/// 200 ms go to the disk at a time.
const FRAMES_PER_BATCH: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::g711::Law;
    use crate::tone::{Tone, render};

    #[derive(Default)]
    struct Shelf {
        samples: Vec<i16>,
        missed: u32,
        full: bool,
        ended: usize,
    }

    impl Tape for Shelf {
        fn recorded(&mut self, batch: Batch) -> bool {
            if self.full {
                return false;
            }
            self.missed += batch.missed;
            self.samples.extend(batch.samples);
            true
        }
        fn record_ended(&mut self, _: RecordingId) {
            self.ended += 1;
        }
    }

    fn frame(sample: i16) -> Frame {
        [sample; FRAME]
    }

    #[test]
    fn two_channels_are_interleaved_and_one_is_their_sum() {
        for (channels, expected) in [(2, vec![5, 7]), (1, vec![12])] {
            let (mut reel, mut tape) = (Reel::new(RecordingId(1), channels), Shelf::default());
            reel.take(&frame(5), Some(&frame(7)), &mut tape);
            reel.end(&mut tape);
            assert_eq!(tape.samples.len(), FRAME * usize::from(channels));
            assert_eq!(tape.samples[..expected.len()], expected);
            assert_eq!(tape.ended, 1);
        }
    }

    #[test]
    fn a_pause_is_left_out_or_silent() {
        for (pause, samples) in [(Pause::Skip, 2 * FRAME), (Pause::Silence, 3 * FRAME)] {
            let (mut reel, mut tape) = (Reel::new(RecordingId(1), 1), Shelf::default());
            reel.take(&frame(5), None, &mut tape);
            reel.pause(Some(pause));
            reel.take(&frame(6), None, &mut tape);
            reel.pause(None);
            reel.take(&frame(7), None, &mut tape);
            reel.end(&mut tape);
            assert_eq!(tape.samples.len(), samples);
            assert!(!tape.samples.contains(&6));
        }
    }

    #[test]
    fn what_the_disk_did_not_take_is_counted() {
        let (mut reel, mut tape) = (Reel::new(RecordingId(1), 1), Shelf { full: true, ..Shelf::default() });
        (0..FRAMES_PER_BATCH).for_each(|_| reel.take(&frame(5), None, &mut tape));
        tape.full = false;
        reel.take(&frame(5), None, &mut tape);
        reel.end(&mut tape);
        assert_eq!((tape.missed as usize, tape.samples.len()), (FRAMES_PER_BATCH, FRAME));
    }

    #[test]
    fn silence_is_reported_once_after_speech() {
        let plan = RecordPlan {
            name: "x".into(),
            sides: Sides::Said,
            trim: false,
            quiet: Some(Duration::from_millis(400)),
            live: false,
        };
        let (mut tap, mut tape) = (Tap::new(RecordingId(1), &plan), Shelf::default());
        let tone = render(&[Tone { hertz: [440.0, 0.0], ms: 1_000 }], -12.0);
        let mut reported = Vec::new();
        for tick in 0..100 {
            let mut payload = [Law::Mu.silence(); FRAME];
            if let Some(chunk) = tone.get(tick * FRAME..(tick + 1) * FRAME) {
                Law::Mu.encode_into(chunk, &mut payload);
            }
            tap.says(Mono(tick as u64 * 20_000), 1, (tick * FRAME) as u32, Codec::Pcmu, &payload);
            if tap.tick(&mut tape) {
                reported.push(tick);
            }
        }
        assert_eq!(reported.len(), 1, "{reported:?}");
        assert!((68..80).contains(&reported[0]), "{reported:?}");
        tap.end(&mut tape);
        assert_eq!(tape.samples.len(), 100 * FRAME);
    }
}
