//! The sum of several voices, and for each of them the sum without itself.

use crate::g711::{FRAME, Frame, Law};
use crate::jitter::{Heard, JitterBuffer};
use crate::reel::is_quiet;

/// Sums 20 ms of its inputs: 16-bit in, 32-bit sum, one limiter for all, mix-minus out.
#[derive(Debug)]
pub struct Mixer {
    members: Vec<Member>,
    sum: [i32; FRAME],
    /// What the limiter lets through, in 1/32768, at the end of the last frame and of this one.
    limit: (i32, i32),
    shared: Frame,
    /// How many voices and announcements are in it.
    voices: usize,
    encoded: [Option<[u8; FRAME]>; 2],
}

#[derive(Debug)]
struct Member {
    id: u64,
    input: JitterBuffer,
    frame: Frame,
    gain: i32,
    speaking: bool,
    /// The only one who hears it.
    whispers_to: Option<u64>,
    watched: bool,
    meter: Meter,
}

/// Tells speech from a cough and from a pause for breath.
#[derive(Debug, Clone, Copy, Default)]
struct Meter {
    talking: bool,
    /// Frames in a row that say otherwise.
    against: u32,
}

impl Meter {
    /// `Some` when it changes its mind.
    fn hear(&mut self, loud: bool) -> Option<bool> {
        if loud == self.talking {
            self.against = 0;
            return None;
        }
        self.against += 1;
        let enough = if self.talking { QUIET_FRAMES } else { LOUD_FRAMES };
        if self.against < enough {
            return None;
        }
        *self = Self { talking: loud, against: 0 };
        Some(loud)
    }
}

/// There is no room for another member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a mixer holds at most {MEMBERS_MAX} legs")]
pub struct MixerFull;

/// Most members of one mixer, as the compatible API allows.
pub const MEMBERS_MAX: usize = 250;

/// A gain of one.
pub const UNITY: i32 = 256;

impl Default for Mixer {
    fn default() -> Self {
        Self {
            members: Vec::new(),
            sum: [0; FRAME],
            limit: (ONE, ONE),
            shared: [0; FRAME],
            voices: 0,
            encoded: [None; 2],
        }
    }
}

impl Mixer {
    /// Lets a member in; it stays as it is if it is in already.
    pub fn join(&mut self, id: u64) -> Result<(), MixerFull> {
        if self.at(id).is_none() {
            if self.members.len() >= MEMBERS_MAX {
                return Err(MixerFull);
            }
            self.members.push(Member {
                id,
                input: JitterBuffer::default(),
                frame: [0; FRAME],
                gain: UNITY,
                speaking: false,
                whispers_to: None,
                watched: false,
                meter: Meter::default(),
            });
        }
        Ok(())
    }

    /// Lets a member go.
    pub fn leave(&mut self, id: u64) {
        self.members.retain(|member| member.id != id);
    }

    /// Whether nobody is in.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// How loudly a member is heard by the others, in 1/256: 0 mutes, 256 is as it is.
    pub fn set_gain(&mut self, id: u64, gain: i32) {
        if let Some(at) = self.at(id) {
            self.members[at].gain = gain.clamp(0, GAIN_MAX);
        }
    }

    /// The only member who hears this one; `None`: all of them.
    pub fn set_whisper(&mut self, id: u64, only: Option<u64>) {
        if let Some(at) = self.at(id) {
            self.members[at].whispers_to = only;
        }
    }

    /// Whether [`Mixer::changes`] tells of this member.
    pub fn set_watched(&mut self, id: u64, watched: bool) {
        if let Some(at) = self.at(id) {
            self.members[at].watched = watched;
        }
    }

    /// What all hear who say nothing themselves: the last 20 ms.
    pub fn shared(&self) -> &Frame {
        &self.shared
    }

    /// Who began to speak, or fell silent, in the last 20 ms, among those that are watched.
    pub fn changes(&mut self) -> impl Iterator<Item = (u64, bool)> {
        self.members.iter_mut().filter(|member| member.watched).filter_map(|member| {
            let loud = member.speaking && !is_quiet(&member.frame);
            member.meter.hear(loud).map(|talking| (member.id, talking))
        })
    }

    /// Where a member's packets go.
    pub fn input(&mut self, id: u64) -> Option<&mut JitterBuffer> {
        self.at(id).map(|at| &mut self.members[at].input)
    }

    /// Takes 20 ms of every member and, for all of them, of what is announced.
    pub fn mix(&mut self, announced: &[Frame]) {
        self.sum.fill(0);
        self.voices = announced.len();
        for member in &mut self.members {
            let heard = member.input.next_20_ms(&mut member.frame);
            if member.gain != UNITY {
                for sample in &mut member.frame {
                    *sample = (i32::from(*sample) * member.gain / UNITY).clamp(-32_768, 32_767) as i16;
                }
            }
            let says_something = matches!(heard, Heard::Voice | Heard::Concealed);
            member.speaking = says_something && member.frame.iter().any(|s| s.unsigned_abs() > WHISPER);
            if member.speaking && member.whispers_to.is_none() {
                self.voices += 1;
                add(&mut self.sum, &member.frame);
            }
        }
        for frame in announced {
            add(&mut self.sum, frame);
        }
        let peak = self.sum.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0);
        let wanted = if peak > 32_767 { (i64::from(ONE) * 32_767 / i64::from(peak)) as i32 } else { ONE };
        // Down at once, up slowly.
        self.limit = (self.limit.1, wanted.min(self.limit.1 + RELEASE));
        let mut shared = [0; FRAME];
        self.limited(None, &mut shared);
        self.shared = shared;
        self.encoded = [None; 2];
    }

    /// Whether nobody but the member itself is to be heard.
    pub fn is_quiet_for(&self, id: u64) -> bool {
        if self.voices > 1 {
            return false;
        }
        let own = self.members.iter().filter(|m| m.id == id && m.speaking && m.whispers_to.is_none()).count();
        let coached = || self.members.iter().any(|m| m.speaking && m.whispers_to == Some(id));
        self.voices == own && !coached()
    }

    /// What a member hears: everybody but itself, and those who whisper to it.
    pub fn frame_for(&self, id: u64, frame: &mut Frame) {
        let own =
            self.at(id).filter(|&at| self.members[at].speaking && self.members[at].whispers_to.is_none());
        match own {
            Some(at) => self.limited(Some(&self.members[at].frame), frame),
            None => *frame = self.shared,
        }
        for coach in self.members.iter().filter(|m| m.speaking && m.whispers_to == Some(id)) {
            for (sample, whisper) in frame.iter_mut().zip(&coach.frame) {
                *sample = sample.saturating_add(*whisper);
            }
        }
    }

    /// What a member hears, in G.711. Those who say nothing share one encoding.
    pub fn heard_by(&mut self, id: u64, law: Law, bytes: &mut [u8; FRAME]) {
        let coached = self.members.iter().any(|m| m.speaking && m.whispers_to == Some(id));
        let own = self.at(id).is_some_and(|at| {
            let member = &self.members[at];
            member.speaking && member.whispers_to.is_none()
        });
        if own || coached {
            let mut frame = [0; FRAME];
            self.frame_for(id, &mut frame);
            return law.encode_into(&frame, bytes);
        }
        let slot = match law {
            Law::Mu => 0,
            Law::A => 1,
        };
        let shared = &self.shared;
        *bytes = *self.encoded[slot].get_or_insert_with(|| {
            let mut encoded = [0; FRAME];
            law.encode_into(shared, &mut encoded);
            encoded
        });
    }

    fn limited(&self, without: Option<&Frame>, frame: &mut Frame) {
        let (from, to) = self.limit;
        for (i, sample) in frame.iter_mut().enumerate() {
            let others = self.sum[i] - without.map_or(0, |own| i32::from(own[i]));
            // A loud frame is limited from its first sample; a recovery is a ramp.
            let limit = if to <= from { to } else { from + (to - from) * i as i32 / FRAME as i32 };
            *sample = ((i64::from(others) * i64::from(limit)) >> 15).clamp(-32_768, 32_767) as i16;
        }
    }

    fn at(&self, id: u64) -> Option<usize> {
        self.members.iter().position(|member| member.id == id)
    }
}

fn add(sum: &mut [i32; FRAME], frame: &Frame) {
    sum.iter_mut().zip(frame).for_each(|(sum, &sample)| *sum += i32::from(sample));
}

const ONE: i32 = 32_768;
/// What the limiter gives back per frame: from half to full in a quarter of a second.
const RELEASE: i32 = ONE / 24;
/// Louder than line noise for so long is speech: 100 ms.
const LOUD_FRAMES: u32 = 5;
/// No louder for so long is the end of it: 0.8 s.
const QUIET_FRAMES: u32 = 40;
/// Twice as loud is the most.
const GAIN_MAX: i32 = 2 * UNITY;
/// Below this a member says nothing worth a mix of its own: about −66 dBFS.
const WHISPER: u16 = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::share;
    use crate::session::Codec;
    use crate::tone::{Tone, render};
    use base::Mono;

    /// Members speak one tone each; answers what each hears after the buffers have filled.
    fn conference(tones: &[(f64, f64)], seconds: u32, gains: &[(u64, i32)]) -> Vec<Vec<i16>> {
        conference_of(tones, seconds, |mixer| {
            gains.iter().for_each(|&(id, gain)| mixer.set_gain(id, gain));
        })
    }

    fn conference_of(tones: &[(f64, f64)], seconds: u32, arrange: impl Fn(&mut Mixer)) -> Vec<Vec<i16>> {
        let mut mixer = Mixer::default();
        let voices: Vec<Vec<i16>> = tones
            .iter()
            .map(|&(hertz, level)| render(&[Tone { hertz: [hertz, 0.0], ms: seconds * 1_000 }], level))
            .collect();
        (0..tones.len()).for_each(|id| mixer.join(id as u64).unwrap());
        arrange(&mut mixer);
        let mut heard = vec![Vec::new(); tones.len()];
        for tick in 0..seconds as usize * 50 {
            for (id, voice) in voices.iter().enumerate() {
                let mut payload = [0; FRAME];
                Law::Mu.encode_into(&voice[tick * FRAME..][..FRAME], &mut payload);
                let now = Mono(tick as u64 * 20_000);
                let input = mixer.input(id as u64).unwrap();
                input.insert(now, id as u32, (tick * FRAME) as u32, Codec::Pcmu, &payload);
            }
            mixer.mix(&[]);
            for (id, heard) in heard.iter_mut().enumerate() {
                let mut bytes = [0; FRAME];
                mixer.heard_by(id as u64, Law::A, &mut bytes);
                heard.extend(bytes.map(|byte| Law::A.decode(byte)));
            }
        }
        heard.iter().map(|heard| heard[8_000 / 5..].to_vec()).collect()
    }

    #[test]
    fn each_of_three_hears_the_other_two_and_not_itself() {
        let hertz = [440.0, 660.0, 1_000.0];
        let heard = conference(&hertz.map(|h| (h, -15.0)), 2, &[]);
        for (me, heard) in heard.iter().enumerate() {
            for (other, &hertz) in hertz.iter().enumerate() {
                let share = share(heard, hertz);
                assert!(if me == other { share < 0.001 } else { share > 0.45 }, "{me} {hertz} {share}");
            }
        }
    }

    #[test]
    fn a_member_without_gain_is_heard_by_nobody() {
        let heard = conference(&[(440.0, -15.0), (660.0, -15.0), (1_000.0, -15.0)], 1, &[(1, 0)]);
        assert!(share(&heard[0], 660.0) < 0.001 && share(&heard[2], 660.0) < 0.001);
        assert!(share(&heard[1], 440.0) > 0.45);
    }

    #[test]
    fn a_whisper_is_heard_by_one_member_who_hears_the_others_too() {
        let heard = conference_of(&[(440.0, -15.0), (660.0, -15.0), (1_000.0, -15.0)], 1, |mixer| {
            mixer.set_whisper(2, Some(0));
        });
        let [coached, other, coach] = [0, 1, 2].map(|id| &heard[id]);
        assert!(share(coached, 660.0) > 0.4 && share(coached, 1_000.0) > 0.4);
        assert!(share(other, 440.0) > 0.9 && share(other, 1_000.0) < 0.001);
        assert!(share(coach, 440.0) > 0.4 && share(coach, 660.0) > 0.4 && share(coach, 1_000.0) < 0.001);
    }

    #[test]
    fn a_watched_member_begins_and_ends_to_speak() {
        let mut mixer = Mixer::default();
        mixer.join(7).unwrap();
        mixer.set_watched(7, true);
        let tone = render(&[Tone { hertz: [500.0, 0.0], ms: 1_000 }], -10.0);
        let mut changes = Vec::new();
        for tick in 0..150 {
            let mut payload = [Law::Mu.silence(); FRAME];
            if let Some(chunk) = tone.get(tick * FRAME..(tick + 1) * FRAME) {
                Law::Mu.encode_into(chunk, &mut payload);
            }
            let now = Mono(tick as u64 * 20_000);
            mixer.input(7).unwrap().insert(now, 1, (tick * FRAME) as u32, Codec::Pcmu, &payload);
            mixer.mix(&[]);
            changes.extend(mixer.changes());
        }
        assert_eq!(changes, [(7, true), (7, false)]);
    }

    #[test]
    fn loud_voices_are_turned_down_together_and_not_clipped() {
        let heard = conference(&[(300.0, -1.0), (700.0, -1.0), (1_100.0, -1.0), (1_900.0, -1.0)], 2, &[]);
        // Clipping would spread energy beyond the three tones.
        let pure: f64 = [700.0, 1_100.0, 1_900.0].iter().map(|&h| share(&heard[0], h)).sum();
        assert!(pure > 0.95, "{pure}");
    }

    #[test]
    fn an_announcement_is_heard_by_everyone() {
        let mut mixer = Mixer::default();
        mixer.join(1).unwrap();
        let tone = render(&[Tone { hertz: [500.0, 0.0], ms: 20 }], -10.0);
        mixer.mix(&[tone.try_into().unwrap()]);
        let mut bytes = [0; FRAME];
        mixer.heard_by(1, Law::Mu, &mut bytes);
        assert!(share(&bytes.map(|b| Law::Mu.decode(b)), 500.0) > 0.8);
    }

    #[test]
    fn a_mixer_is_bounded() {
        let mut mixer = Mixer::default();
        (0..MEMBERS_MAX as u64).for_each(|id| mixer.join(id).unwrap());
        assert_eq!(mixer.join(999), Err(MixerFull));
        assert_eq!(mixer.join(0), Ok(()));
    }
}
