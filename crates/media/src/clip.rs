//! Prompts as they are played: encoded once, shared by every leg that hears them.

use crate::control::{PlayId, Turns};
use crate::dtmf::{EventSender, TelephoneEvent};
use crate::g711::{FRAME, Law};
use crate::tone;
use std::sync::Arc;
use std::time::Duration;

/// Audio in both laws of G.711, a whole number of 20 ms frames.
#[derive(PartialEq, Eq)]
pub struct Clip {
    ulaw: Box<[u8]>,
    alaw: Box<[u8]>,
}

impl Clip {
    /// Encodes 8 kHz samples; the last frame is filled up with silence.
    pub fn new(samples: &[i16]) -> Self {
        let encode = |law: Law| {
            let mut bytes = vec![law.silence(); samples.len().next_multiple_of(FRAME)];
            law.encode_into(samples, &mut bytes);
            bytes.into_boxed_slice()
        };
        Self { ulaw: encode(Law::Mu), alaw: encode(Law::A) }
    }

    /// How many frames of 20 ms.
    pub fn frames(&self) -> usize {
        self.ulaw.len() / FRAME
    }

    /// How long it is.
    pub fn duration(&self) -> Duration {
        Duration::from_millis(20) * u32::try_from(self.frames()).unwrap_or(u32::MAX)
    }

    /// Bytes it takes in memory.
    pub fn bytes(&self) -> usize {
        self.ulaw.len() + self.alaw.len()
    }

    /// One frame.
    pub fn frame(&self, law: Law, index: usize) -> Option<&[u8; FRAME]> {
        let bytes = match law {
            Law::Mu => &self.ulaw,
            Law::A => &self.alaw,
        };
        bytes.get(index * FRAME..)?.first_chunk()
    }
}

impl std::fmt::Debug for Clip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Clip({:?})", self.duration())
    }
}

/// One prompt, ready to be played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Audio.
    Clip(Arc<Clip>),
    /// So many frames of nothing.
    Silence(u32),
    /// Keys and pauses, as events where agreed and as tones otherwise.
    Digits(Arc<str>),
}

impl Piece {
    /// Silence of this length, rounded up to 20 ms.
    pub fn silence(length: Duration) -> Self {
        Piece::Silence(u32::try_from(length.as_millis().div_ceil(20)).unwrap_or(u32::MAX))
    }
}

/// The in-band tones of the keys.
#[derive(Debug, Clone)]
pub struct Keys(Arc<[(char, Arc<Clip>); 16]>);

impl Default for Keys {
    fn default() -> Self {
        Self(Arc::new(tone::KEYS.map(|key| {
            let key = char::from(key);
            (key, Arc::new(Clip::new(&tone::render(&tone::dtmf(key), tone::DTMF_LEVEL))))
        })))
    }
}

impl Keys {
    /// The tones of a key.
    pub fn clip(&self, key: char) -> Option<&Arc<Clip>> {
        let key = key.to_ascii_uppercase();
        self.0.iter().find(|(k, _)| *k == key).map(|(_, clip)| clip)
    }
}

/// Plays a list of pieces, some of which may still be on their way.
#[derive(Debug)]
pub struct Player {
    /// What the engine calls it.
    pub play: PlayId,
    pieces: Vec<Option<Piece>>,
    turns: Turns,
    at: usize,
    position: usize,
    /// Whether this turn has played anything: a list of nothing must not be repeated forever.
    sounded: bool,
    press: Option<Press>,
}

#[derive(Debug)]
enum Press {
    Event(EventSender),
    Tone(Arc<Clip>, usize),
    Gap(u32),
}

/// What a player does in 20 ms.
#[derive(Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are named after what they hold; variants carry the documentation")]
pub enum Step<'a> {
    /// This is heard.
    Audio(&'a [u8; FRAME]),
    /// Nothing is heard.
    Silence,
    /// A key is down: this event, so many times; `first` bears the marker and a new timestamp.
    Event { event: TelephoneEvent, times: u32, first: bool },
    /// It was over before this.
    Ended,
}

impl Player {
    /// Plays `pieces`; those that are `None` come later by [`supply`](Self::supply).
    pub fn new(play: PlayId, pieces: Vec<Option<Piece>>, turns: Turns) -> Self {
        Self { play, pieces, turns, at: 0, position: 0, sounded: false, press: None }
    }

    /// Brings a piece that was missing.
    pub fn supply(&mut self, index: usize, piece: Piece) {
        if let Some(slot) = self.pieces.get_mut(index) {
            slot.get_or_insert(piece);
        }
    }

    /// The next 20 ms. `events`: whether keys are sent as telephone events.
    pub fn step(&mut self, law: Law, events: bool, keys: &Keys) -> Step<'_> {
        loop {
            if self.at >= self.pieces.len() {
                if !self.next_turn() {
                    return Step::Ended;
                }
                continue;
            }
            let over = match &self.pieces[self.at] {
                None => return Step::Silence,
                Some(Piece::Silence(frames)) => self.position >= *frames as usize,
                Some(Piece::Clip(clip)) => self.position >= clip.frames(),
                Some(Piece::Digits(digits)) => {
                    if self.press.is_none() {
                        self.press = press(digits, &mut self.position, events, keys);
                    }
                    self.press.is_none()
                }
            };
            if over {
                (self.at, self.position) = (self.at + 1, 0);
                continue;
            }
            self.sounded = true;
            break;
        }
        if matches!(self.pieces[self.at], Some(Piece::Digits(_))) {
            return self.step_press(law);
        }
        let frame = self.position;
        self.position += 1;
        match &self.pieces[self.at] {
            Some(Piece::Clip(clip)) => clip.frame(law, frame).map_or(Step::Silence, Step::Audio),
            _ => Step::Silence,
        }
    }

    fn step_press(&mut self, law: Law) -> Step<'_> {
        match &mut self.press {
            Some(Press::Event(sender)) => {
                let first = sender.is_fresh();
                let Some((event, times)) = sender.next_20_ms() else { return Step::Silence };
                if event.end {
                    self.press = Some(Press::Gap(GAP_FRAMES));
                }
                return Step::Event { event, times, first };
            }
            Some(Press::Gap(left)) => {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    self.press = None;
                }
                return Step::Silence;
            }
            Some(Press::Tone(clip, frame)) => {
                *frame += 1;
                if *frame > clip.frames() {
                    self.press = Some(Press::Gap(GAP_FRAMES - 1));
                    return Step::Silence;
                }
            }
            None => return Step::Silence,
        }
        match &self.press {
            Some(Press::Tone(clip, frame)) => clip.frame(law, frame - 1).map_or(Step::Silence, Step::Audio),
            _ => Step::Silence,
        }
    }

    fn next_turn(&mut self) -> bool {
        self.turns = match self.turns {
            Turns::Forever => Turns::Forever,
            Turns::Times(left) if left > 1 => Turns::Times(left - 1),
            Turns::Times(_) => return false,
        };
        (self.at, self.position) = (0, 0);
        std::mem::take(&mut self.sounded)
    }
}

/// The next key or pause of a `digits` string; what is neither is passed over.
fn press(digits: &str, position: &mut usize, events: bool, keys: &Keys) -> Option<Press> {
    while let Some(&digit) = digits.as_bytes().get(*position) {
        *position += 1;
        let digit = char::from(digit);
        let press = match digit {
            'w' => Some(Press::Gap(25)),
            'W' => Some(Press::Gap(50)),
            _ if events => EventSender::new(digit).map(Press::Event),
            _ => keys.clip(digit).map(|clip| Press::Tone(Arc::clone(clip), 0)),
        };
        if press.is_some() {
            return press;
        }
    }
    None
}

/// Silence after a key: 100 ms.
const GAP_FRAMES: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::DtmfDecoder;

    fn clip(frames: usize) -> Option<Piece> {
        Some(Piece::Clip(Arc::new(Clip::new(&vec![1_000; frames * FRAME]))))
    }

    /// One letter per 20 ms until it ends.
    fn played(player: &mut Player, events: bool, most: usize) -> String {
        let keys = Keys::default();
        let mut story = String::new();
        while story.len() < most {
            story.push(match player.step(Law::Mu, events, &keys) {
                Step::Audio(_) => 'a',
                Step::Silence => '-',
                Step::Event { first: true, .. } => 'F',
                Step::Event { times: 3, .. } => 'E',
                Step::Event { .. } => 'e',
                Step::Ended => break,
            });
        }
        story
    }

    #[test]
    fn pieces_are_played_in_order_and_in_turns() {
        let pieces = vec![clip(2), Some(Piece::silence(Duration::from_millis(30))), clip(1)];
        assert_eq!(played(&mut Player::new(PlayId(1), pieces.clone(), Turns::Times(1)), true, 99), "aa--a");
        assert_eq!(
            played(&mut Player::new(PlayId(1), pieces.clone(), Turns::Times(2)), true, 99),
            "aa--aaa--a"
        );
        assert_eq!(played(&mut Player::new(PlayId(1), pieces, Turns::Forever), true, 13), "aa--aaa--aaa-");
    }

    #[test]
    fn nothing_forever_ends() {
        assert_eq!(played(&mut Player::new(PlayId(1), vec![], Turns::Forever), true, 9), "");
        let empty = vec![clip(0), Some(Piece::Silence(0)), Some(Piece::Digits("x".into()))];
        assert_eq!(played(&mut Player::new(PlayId(1), empty, Turns::Forever), true, 9), "");
    }

    #[test]
    fn what_is_not_there_yet_is_waited_for() {
        let mut player = Player::new(PlayId(1), vec![clip(1), None, clip(1)], Turns::Times(1));
        assert_eq!(played(&mut player, true, 4), "a---");
        player.supply(1, Piece::Silence(1));
        player.supply(0, Piece::Silence(7));
        assert_eq!(played(&mut player, true, 9), "-a");
    }

    #[test]
    fn digits_are_events_where_agreed_with_pauses() {
        let mut player = Player::new(PlayId(1), vec![Some(Piece::Digits("1w#".into()))], Turns::Times(1));
        let gap = "-".repeat(5);
        let pause = "-".repeat(25);
        assert_eq!(played(&mut player, true, 99), format!("FeeeE{gap}{pause}FeeeE{gap}"));
    }

    #[test]
    fn digits_are_tones_where_events_are_not_agreed() {
        let mut player = Player::new(PlayId(1), vec![Some(Piece::Digits("42d".into()))], Turns::Times(1));
        let (keys, mut decoder, mut heard) = (Keys::default(), DtmfDecoder::default(), String::new());
        loop {
            let samples = match player.step(Law::A, false, &keys) {
                Step::Audio(bytes) => bytes.map(|b| Law::A.decode(b)),
                Step::Silence => [0; FRAME],
                Step::Event { .. } => panic!("an event was sent"),
                Step::Ended => break,
            };
            heard.extend(decoder.hear(&samples));
        }
        assert_eq!(heard, "42D");
    }
}
