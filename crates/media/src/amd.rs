//! Who answered: a person says a word and waits, a machine talks on (reference: voice §3.1, `MachineDetection`).

use crate::control::{AnsweredBy, MachinePlan};
use crate::g711::{FRAME, Frame};
use crate::jitter::JitterBuffer;
use crate::reel::is_quiet;
use crate::session::Codec;
use base::Mono;
use std::time::Duration;

/// Length of a frame.
const TICK: Duration = Duration::from_millis(20);
/// A tone for so long after a message is its beep: 120 ms.
const BEEP_FRAMES: u32 = 6;
/// A fax answers with 2100 Hz for longer than any word is held: 1 s.
const FAX_FRAMES: u32 = 50;
/// Hertz around 2100 that are a fax's.
const FAX_HERTZ: std::ops::Range<f64> = 2_070.0..2_130.0;
/// Hertz of a beep.
const BEEP_HERTZ: std::ops::Range<f64> = 300.0..3_400.0;
/// Share of a frame's energy that a single tone may leave unexplained.
const IMPURITY_MAX: f64 = 0.02;

/// Listens to one leg from the answer on, until it knows.
#[derive(Debug)]
pub struct Detector {
    plan: MachinePlan,
    input: JitterBuffer,
    elapsed: Duration,
    /// From the first sound to the last, short pauses included.
    speech: Duration,
    /// Since the last sound.
    silence: Duration,
    heard: bool,
    machine: bool,
    tone: Tone,
}

/// A run of frames of one tone.
#[derive(Debug, Clone, Copy, Default)]
struct Tone {
    hertz: f64,
    frames: u32,
}

impl Detector {
    /// Begins to listen.
    pub fn new(plan: MachinePlan) -> Self {
        Self {
            plan,
            input: JitterBuffer::default(),
            elapsed: Duration::ZERO,
            speech: Duration::ZERO,
            silence: Duration::ZERO,
            heard: false,
            machine: false,
            tone: Tone::default(),
        }
    }

    /// A packet of the leg.
    pub fn hears(&mut self, now: Mono, ssrc: u32, timestamp: u32, codec: Codec, payload: &[u8]) {
        self.input.insert(now, ssrc, timestamp, codec, payload);
    }

    /// 20 ms have passed: who answered, and after how long that was clear.
    pub fn tick(&mut self) -> Option<(AnsweredBy, Duration)> {
        let mut frame = [0; FRAME];
        self.input.next_20_ms(&mut frame);
        self.frame(&frame).map(|by| (by, self.elapsed))
    }

    fn frame(&mut self, frame: &Frame) -> Option<AnsweredBy> {
        self.elapsed += TICK;
        let loud = !is_quiet(frame);
        let beeped = self.follow_tone(frame, loud);
        if self.tone.frames >= FAX_FRAMES && FAX_HERTZ.contains(&self.tone.hertz) && !self.machine {
            return Some(AnsweredBy::Fax);
        }
        if loud {
            self.speech += if self.heard { self.silence + TICK } else { TICK };
            self.silence = Duration::ZERO;
            self.heard = true;
        } else {
            self.silence += TICK;
        }
        if self.machine {
            return self.message_ends(beeped);
        }
        if self.speech >= self.plan.speech {
            if !self.plan.until_message_end {
                return Some(AnsweredBy::MachineStart);
            }
            self.machine = true;
        } else if self.heard && self.silence >= self.plan.speech_end {
            return Some(AnsweredBy::Human);
        } else if !self.heard && self.silence >= self.plan.silence {
            return Some(AnsweredBy::Unknown);
        }
        self.times_out(AnsweredBy::Unknown)
    }

    fn message_ends(&mut self, beeped: bool) -> Option<AnsweredBy> {
        if beeped {
            return Some(AnsweredBy::MachineEndBeep);
        }
        if self.silence >= self.plan.speech_end {
            return Some(AnsweredBy::MachineEndSilence);
        }
        self.times_out(AnsweredBy::MachineEndOther)
    }

    fn times_out(&self, by: AnsweredBy) -> Option<AnsweredBy> {
        (self.elapsed >= self.plan.timeout).then_some(by)
    }

    /// True when a beep has just ended.
    fn follow_tone(&mut self, frame: &Frame, loud: bool) -> bool {
        let hertz = if loud { tone_of(frame).filter(|hz| BEEP_HERTZ.contains(hz)) } else { None };
        match hertz {
            Some(hz) if self.tone.frames > 0 && (hz / self.tone.hertz - 1.0).abs() < 0.03 => {
                self.tone.frames += 1;
                false
            }
            Some(hz) => {
                self.tone = Tone { hertz: hz, frames: 1 };
                false
            }
            None => std::mem::take(&mut self.tone).frames >= BEEP_FRAMES,
        }
    }
}

/// The frequency of a frame that is one sine: for those, neighbours sum to a constant times what is between them.
fn tone_of(frame: &Frame) -> Option<f64> {
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for window in frame.windows(3) {
        let (x, y) = (f64::from(window[1]), f64::from(window[0]) + f64::from(window[2]));
        xx += x * x;
        xy += x * y;
        yy += y * y;
    }
    let factor = xy / xx;
    let unexplained = (yy - factor * xy) / (yy + xx);
    let pure = xx > 0.0 && factor.abs() < 2.0 && unexplained < IMPURITY_MAX;
    pure.then(|| (factor / 2.0).acos() * 8_000.0 / std::f64::consts::TAU)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{Tone as Rendered, render};

    fn plan(until_message_end: bool) -> MachinePlan {
        MachinePlan {
            until_message_end,
            timeout: Duration::from_secs(30),
            speech: Duration::from_millis(2_400),
            speech_end: Duration::from_millis(1_200),
            silence: Duration::from_secs(5),
        }
    }

    /// Who answers with these sounds: two frequencies (a voice has many; one is a tone, none is silence) and how long.
    fn answers(plan: MachinePlan, sounds: &[([f64; 2], u32)]) -> Option<(AnsweredBy, u128)> {
        let mut detector = Detector::new(plan);
        let mut samples = Vec::new();
        for &(hertz, ms) in sounds {
            match hertz {
                [0.0, 0.0] => samples.extend(vec![0; ms as usize * 8]),
                hertz => samples.extend(render(&[Rendered { hertz, ms }], -15.0)),
            }
        }
        samples.chunks_exact(FRAME).find_map(|frame| {
            let by = detector.frame(frame.try_into().unwrap())?;
            Some((by, detector.elapsed.as_millis()))
        })
    }

    const VOICE: [f64; 2] = [310.0, 1_730.0];
    const SILENCE: [f64; 2] = [0.0, 0.0];

    #[test]
    fn a_word_and_a_wait_is_a_person() {
        let (by, after) = answers(plan(false), &[(SILENCE, 400), (VOICE, 800), (SILENCE, 3_000)]).unwrap();
        assert_eq!((by, after), (AnsweredBy::Human, 2_400));
        let two_words = [(VOICE, 500), (SILENCE, 600), (VOICE, 700), (SILENCE, 2_000)];
        assert_eq!(answers(plan(true), &two_words).unwrap().0, AnsweredBy::Human);
    }

    #[test]
    fn who_talks_on_is_a_machine() {
        let message = [(VOICE, 1_500), (SILENCE, 500), (VOICE, 2_000)];
        assert_eq!(answers(plan(false), &message), Some((AnsweredBy::MachineStart, 2_400)));
    }

    #[test]
    fn the_end_of_a_message_is_a_beep_or_silence_or_not_found() {
        let beep = [(VOICE, 4_000), (SILENCE, 300), ([1_000.0, 0.0], 400), (SILENCE, 500)];
        assert_eq!(answers(plan(true), &beep), Some((AnsweredBy::MachineEndBeep, 4_720)));
        let silence = [(VOICE, 4_000), (SILENCE, 2_000)];
        assert_eq!(answers(plan(true), &silence), Some((AnsweredBy::MachineEndSilence, 5_200)));
        let endless = [(VOICE, 40_000)];
        assert_eq!(answers(plan(true), &endless), Some((AnsweredBy::MachineEndOther, 30_000)));
    }

    #[test]
    fn nobody_says_anything() {
        assert_eq!(answers(plan(false), &[(SILENCE, 9_000)]), Some((AnsweredBy::Unknown, 5_000)));
    }

    #[test]
    fn a_fax_says_so() {
        assert_eq!(answers(plan(false), &[([2_100.0, 0.0], 3_000)]), Some((AnsweredBy::Fax, 1_000)));
    }
}
