use std::time::{Duration, Instant};

/// Samples in one analysed frame: 20 ms at 8 kHz.
pub const FRAME: usize = 160;
/// The tones people may have. Far enough apart to be told from each other within 20 ms.
pub const TONES: [u16; 10] = [440, 620, 800, 1000, 1200, 1400, 1600, 1850, 2100, 2400];
/// Peak of every phone's tone. A tone counts as heard only at about this level, so a note of music is not taken for one.
pub const AMPLITUDE: f64 = 6000.0;

/// Relative error of the level at which a tone still counts.
const LEVEL_TOLERANCE: f64 = 0.2;
/// Share of the frame's energy that known tones must explain.
const PURITY_MIN: f64 = 0.8;
/// Below this RMS a frame is silent (about -50 dBFS).
const SILENCE_RMS: f64 = 90.0;
/// Frames in a row before a tone is believed.
const RUN: usize = 3;
/// Window over which sound without a tone is told to be music or speech.
const WINDOW: Duration = Duration::from_millis(1500);
/// Speech has pauses: at least this share of its frames is far below its loud ones.
const PAUSES_MIN: f64 = 0.06;
/// What far below is, as a share of the loud frames' level.
const PAUSE_LEVEL: f64 = 0.12;
/// No packet for this long is `Nothing`.
const GAP: Duration = Duration::from_millis(300);

/// One party's tone in Hz; one of [`TONES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tone(pub u16);

impl Tone {
    fn bit(self) -> u16 {
        TONES.iter().position(|hz| *hz == self.0).map_or(0, |at| 1 << at)
    }
}

/// The tones of one or several parties at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Tones(u16);

impl Tones {
    /// Whether `tone` is among them.
    pub fn has(self, tone: Tone) -> bool {
        self.0 & tone.bit() != 0
    }

    /// These and `tone`.
    #[must_use]
    pub fn with(self, tone: Tone) -> Self {
        Self(self.0 | tone.bit())
    }

    /// Each of them, lowest first.
    pub fn iter(self) -> impl Iterator<Item = Tone> {
        TONES.iter().enumerate().filter(move |(at, _)| self.0 & 1 << at != 0).map(|(_, hz)| Tone(*hz))
    }
}

impl From<Tone> for Tones {
    fn from(tone: Tone) -> Self {
        Tones(tone.bit())
    }
}

/// What is heard over some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Heard {
    /// No packets came.
    Nothing,
    /// Packets of silence.
    Silence,
    /// Exactly these parties.
    Tones(Tones),
    /// Sound without a party's tone and without pauses: hold music.
    Music,
    /// Sound without a party's tone, with pauses: a prompt.
    Speech,
}

impl From<Tone> for Heard {
    fn from(tone: Tone) -> Self {
        Heard::Tones(tone.into())
    }
}

impl std::fmt::Display for Heard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Heard::Nothing => f.write_str("nothing"),
            Heard::Silence => f.write_str("silence"),
            Heard::Music => f.write_str("music"),
            Heard::Speech => f.write_str("speech"),
            Heard::Tones(tones) => {
                let names: Vec<String> = tones.iter().map(|Tone(hz)| format!("{hz} Hz")).collect();
                f.write_str(&names.join(" + "))
            }
        }
    }
}

/// A stretch of time in which the same was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First frame.
    pub from: Instant,
    /// Last frame.
    pub to: Instant,
    /// What.
    pub heard: Heard,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Sound {
    Silence,
    Tones(Tones),
    Other,
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    at: Instant,
    sound: Sound,
    rms: f64,
}

/// Listens to one stream, frame by frame, and remembers what it was.
#[derive(Debug)]
pub struct Ear {
    frames: Vec<Frame>,
    rest: Vec<i16>,
    digits: Vec<(Instant, char)>,
    opened: Instant,
    any_level: bool,
}

impl Ear {
    /// An ear that opens at `now`.
    pub fn new(now: Instant) -> Self {
        Self { frames: Vec::new(), rest: Vec::new(), digits: Vec::new(), opened: now, any_level: false }
    }

    /// Accepts a party's tone at any level: for phones that are not ours.
    pub fn at_any_level(mut self) -> Self {
        self.any_level = true;
        self
    }

    /// The same for an ear that listens already.
    pub fn accept_any_level(&mut self) {
        self.any_level = true;
    }

    /// Samples that arrived at `at`.
    pub fn hear(&mut self, at: Instant, samples: &[i16]) {
        self.rest.extend_from_slice(samples);
        while self.rest.len() >= FRAME {
            let frame: Vec<i16> = self.rest.drain(..FRAME).collect();
            let (sound, rms) = classify(&frame, self.any_level);
            self.frames.push(Frame { at, sound, rms });
        }
    }

    /// A DTMF digit that arrived at `at`.
    pub fn hear_digit(&mut self, at: Instant, digit: char) {
        self.digits.push((at, digit));
    }

    /// Digits so far.
    pub fn digits(&self) -> String {
        self.digits.iter().map(|(_, digit)| digit).collect()
    }

    /// When the ear opened.
    pub fn opened(&self) -> Instant {
        self.opened
    }

    /// Frames so far.
    pub fn frames(&self) -> usize {
        self.frames.len()
    }

    /// Root mean square of every frame so far, in order: 20 ms each, as they were played.
    pub fn levels(&self) -> impl Iterator<Item = f64> {
        self.frames.iter().map(|frame| frame.rms)
    }

    /// When `tone` (alone or with others) was first heard after `since`: its first frame of a run of three.
    pub fn first(&self, tone: Tone, since: Instant) -> Option<Instant> {
        let after = &self.frames[self.frames.partition_point(|f| f.at < since)..];
        let heard = |f: &Frame| matches!(f.sound, Sound::Tones(tones) if tones.has(tone));
        after.windows(RUN).find(|run| run.iter().all(heard)).map(|run| run[0].at)
    }

    /// When exactly `heard` is what there is, at the end of what came after `since`. Tones need three frames, the rest
    /// the whole window of 1.5 s.
    pub fn now_hears(&self, heard: Heard, since: Instant, now: Instant) -> bool {
        let after = &self.frames[self.frames.partition_point(|f| f.at < since)..];
        match heard {
            Heard::Tones(tones) => {
                let run = after.len().saturating_sub(RUN);
                let last = &after[run..];
                last.len() == RUN
                    && last.iter().all(|f| f.sound == Sound::Tones(tones))
                    && last.last().is_some_and(|f| now.saturating_duration_since(f.at) < GAP)
            }
            Heard::Nothing => {
                now.saturating_duration_since(since) >= WINDOW
                    && after.iter().all(|f| now.saturating_duration_since(f.at) >= WINDOW)
            }
            Heard::Silence | Heard::Music | Heard::Speech => {
                now.saturating_duration_since(since) >= WINDOW && {
                    let window =
                        &after[after.partition_point(|f| now.saturating_duration_since(f.at) > WINDOW)..];
                    window.len() * FRAME * 2 >= WINDOW.as_millis() as usize * 8 && summary(window) == heard
                }
            }
        }
    }

    /// What was heard in most of `from..to`.
    pub fn between(&self, from: Instant, to: Instant) -> Heard {
        let low = self.frames.partition_point(|f| f.at < from);
        let high = self.frames.partition_point(|f| f.at < to);
        summary(&self.frames[low..high])
    }

    /// Second by second from `from` to `to`: a second is what most of it was. Music and speech are told apart over
    /// the neighbouring seconds too.
    pub fn seconds(&self, from: Instant, to: Instant) -> Vec<Heard> {
        let second = Duration::from_secs(1);
        let mut heard = Vec::new();
        let mut at = from;
        while at < to {
            let end = (at + second).min(to);
            let mut what = self.between(at, end);
            if matches!(what, Heard::Music | Heard::Speech) {
                let wider = self.between(at.checked_sub(second / 2).unwrap_or(at), end + second / 2);
                if matches!(wider, Heard::Music | Heard::Speech) {
                    what = wider;
                }
            }
            heard.push(what);
            at += second;
        }
        heard
    }

    /// Runs of equal seconds, `0-3 s speech, 3-9 s music, 9-14 s 440 Hz`.
    pub fn timeline(&self, from: Instant, to: Instant) -> String {
        let seconds = self.seconds(from, to);
        let mut runs: Vec<(usize, usize, Heard)> = Vec::new();
        for (at, heard) in seconds.into_iter().enumerate() {
            match runs.last_mut() {
                Some((_, end, last)) if *last == heard => *end = at + 1,
                _ => runs.push((at, at + 1, heard)),
            }
        }
        let texts: Vec<String> =
            runs.iter().map(|(from, to, heard)| format!("{from}-{to} s {heard}")).collect();
        texts.join(", ")
    }

    /// Stretches of the same tone of at least three frames, and of everything else, in order.
    pub fn spans(&self) -> Vec<Span> {
        let mut spans: Vec<(Span, usize, usize)> = Vec::new();
        for (index, frame) in self.frames.iter().enumerate() {
            let key = match frame.sound {
                Sound::Tones(tones) => Heard::Tones(tones),
                Sound::Silence => Heard::Silence,
                Sound::Other => Heard::Music,
            };
            match spans.last_mut() {
                Some((span, _, end))
                    if span.heard == key && frame.at.saturating_duration_since(span.to) < GAP =>
                {
                    span.to = frame.at;
                    *end = index + 1;
                }
                _ => spans.push((Span { from: frame.at, to: frame.at, heard: key }, index, index + 1)),
            }
        }
        let long = |(_, start, end): &(Span, usize, usize)| end - start >= RUN;
        spans
            .into_iter()
            .filter(long)
            .map(|(mut span, start, end)| {
                if span.heard == Heard::Music {
                    span.heard = summary(&self.frames[start..end]);
                }
                span
            })
            .collect()
    }
}

fn classify(samples: &[i16], any_level: bool) -> (Sound, f64) {
    let energy: f64 = samples.iter().map(|s| f64::from(*s) * f64::from(*s)).sum();
    let count = samples.len() as f64;
    let rms = (energy / count).sqrt();
    if rms < SILENCE_RMS {
        return (Sound::Silence, rms);
    }
    let mut found = 0;
    let mut explained = 0.0;
    for (at, hz) in TONES.iter().enumerate() {
        let amplitude = goertzel(samples, f64::from(*hz));
        let share = amplitude * amplitude * count / 2.0 / energy;
        let level_fits = (amplitude / AMPLITUDE - 1.0).abs() < LEVEL_TOLERANCE;
        if share > 0.15 && (level_fits || any_level) {
            found |= 1 << at;
            explained += share;
        }
    }
    let sound = if explained > PURITY_MIN { Sound::Tones(Tones(found)) } else { Sound::Other };
    (sound, rms)
}

/// Amplitude of the sine at `hz` in `samples` (8 kHz).
fn goertzel(samples: &[i16], hz: f64) -> f64 {
    let omega = std::f64::consts::TAU * hz / 8000.0;
    let coefficient = 2.0 * omega.cos();
    let (mut s1, mut s2) = (0.0, 0.0);
    for sample in samples {
        let s0 = f64::from(*sample) + coefficient * s1 - s2;
        s2 = s1;
        s1 = s0;
    }
    let power = s1 * s1 + s2 * s2 - coefficient * s1 * s2;
    2.0 * power.max(0.0).sqrt() / samples.len() as f64
}

fn summary(frames: &[Frame]) -> Heard {
    if frames.is_empty() {
        return Heard::Nothing;
    }
    let share = |count: usize| count as f64 / frames.len() as f64;
    let mut counts: Vec<(Tones, usize)> = Vec::new();
    let (mut silent, mut other) = (0, 0);
    for frame in frames {
        match frame.sound {
            Sound::Silence => silent += 1,
            Sound::Other => other += 1,
            Sound::Tones(tones) => match counts.iter_mut().find(|(t, _)| *t == tones) {
                Some((_, n)) => *n += 1,
                None => counts.push((tones, 1)),
            },
        }
    }
    if let Some((tones, count)) = counts.iter().max_by_key(|(_, n)| *n)
        && share(*count) > 0.5
    {
        return Heard::Tones(*tones);
    }
    if other == 0 || share(silent) > 0.8 {
        return Heard::Silence;
    }
    // Only pauses inside the sound count, not the silence before and after it.
    let sounds = |f: &Frame| f.sound != Sound::Silence;
    let first = frames.iter().position(sounds).unwrap_or(0);
    let last = frames.iter().rposition(sounds).unwrap_or(0);
    let mut levels: Vec<f64> = frames[first..=last].iter().map(|f| f.rms).collect();
    levels.sort_by(f64::total_cmp);
    let loud = levels[levels.len() * 9 / 10];
    let pauses = levels.iter().filter(|rms| **rms < loud * PAUSE_LEVEL).count();
    if pauses as f64 / levels.len() as f64 >= PAUSES_MIN { Heard::Speech } else { Heard::Music }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hz: f64, count: usize, amplitude: f64) -> Vec<i16> {
        (0..count)
            .map(|n| (amplitude * (std::f64::consts::TAU * hz * n as f64 / 8000.0).sin()) as i16)
            .collect()
    }

    fn feed(ear: &mut Ear, start: Instant, samples: &[i16]) -> Instant {
        let mut at = start;
        for chunk in samples.chunks(FRAME) {
            ear.hear(at, chunk);
            at += Duration::from_millis(20);
        }
        at
    }

    #[test]
    fn every_tone_is_told_from_every_other_through_both_laws() {
        for hz in TONES {
            for law in [0, 8] {
                let start = Instant::now();
                let mut ear = Ear::new(start);
                let samples: Vec<i16> = sine(f64::from(hz), 1600, AMPLITUDE)
                    .into_iter()
                    .map(|s| match law {
                        0 => crate::codec::ulaw_decode(crate::codec::ulaw_encode(s)),
                        _ => crate::codec::alaw_decode(crate::codec::alaw_encode(s)),
                    })
                    .collect();
                let end = feed(&mut ear, start, &samples);
                assert_eq!(ear.between(start, end), Tone(hz).into(), "{hz} Hz, law {law}");
            }
        }
    }

    #[test]
    fn two_parties_at_once_are_both_heard() {
        let start = Instant::now();
        let mut ear = Ear::new(start);
        let (a, b) = (sine(440.0, 1600, AMPLITUDE), sine(800.0, 1600, AMPLITUDE));
        let sum: Vec<i16> = a.iter().zip(&b).map(|(x, y)| x + y).collect();
        let end = feed(&mut ear, start, &sum);
        let Heard::Tones(tones) = ear.between(start, end) else { panic!("{}", ear.between(start, end)) };
        assert!(tones.has(Tone(440)) && tones.has(Tone(800)) && !tones.has(Tone(620)));
    }

    #[test]
    fn a_note_at_another_level_is_not_a_party() {
        let start = Instant::now();
        let mut ear = Ear::new(start);
        let end = feed(&mut ear, start, &sine(440.0, 16000, AMPLITUDE / 2.0));
        assert_eq!(ear.between(start, end), Heard::Music);
    }

    #[test]
    fn the_timeline_and_the_first_instant_follow_the_sound() {
        let start = Instant::now();
        let mut ear = Ear::new(start);
        let mut at = feed(&mut ear, start, &[0; 16000]);
        let chord: Vec<i16> = (0..16000)
            .map(|n| {
                [262.0, 330.0, 392.0]
                    .iter()
                    .map(|hz| (1500.0 * (std::f64::consts::TAU * hz * f64::from(n) / 8000.0).sin()) as i16)
                    .sum()
            })
            .collect();
        at = feed(&mut ear, at, &chord);
        let tone_at = at;
        at = feed(&mut ear, at, &sine(620.0, 8000, AMPLITUDE));
        assert_eq!(ear.timeline(start, at), "0-2 s silence, 2-4 s music, 4-5 s 620 Hz");
        assert_eq!(ear.first(Tone(620), start), Some(tone_at));
        assert_eq!(ear.first(Tone(440), start), None);
        assert!(ear.now_hears(Tone(620).into(), start, at));
        assert!(!ear.now_hears(Heard::Music, start, at));
    }
}
