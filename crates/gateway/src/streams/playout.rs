//! What an application has said and nobody has heard yet.

use media::g711::{FRAME, Law};
use std::collections::VecDeque;

/// Audio that may wait: ten minutes.
const BYTES_MAX: usize = 8_000 * 600;
/// Marks that may wait.
const MARKS_MAX: usize = 1_000;

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// 20 ms; `first` after silence.
    Frame {
        first: bool,
    },
    Nothing,
}

/// Audio and marks, in order.
#[derive(Debug, Default)]
pub(super) struct Playout {
    bytes: VecDeque<u8>,
    /// Marks by how much is played before each.
    marks: VecDeque<(u64, String)>,
    added: u64,
    played: u64,
    playing: bool,
}

impl Playout {
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.bytes.len() + bytes <= BYTES_MAX
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        self.added += bytes.len() as u64;
    }

    /// False if too many wait.
    pub(super) fn mark(&mut self, name: String) -> bool {
        let room = self.marks.len() < MARKS_MAX;
        if room {
            self.marks.push_back((self.added, name));
        }
        room
    }

    /// Nothing that waits is played; its marks have passed.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.played = self.added;
    }

    pub(super) fn next_20_ms(&mut self, frame: &mut [u8; FRAME]) -> Next {
        if self.bytes.is_empty() {
            self.playing = false;
            return Next::Nothing;
        }
        let length = self.bytes.len().min(FRAME);
        frame.fill(Law::Mu.silence());
        for (place, byte) in frame.iter_mut().zip(self.bytes.drain(..length)) {
            *place = byte;
        }
        self.played += length as u64;
        Next::Frame { first: !std::mem::replace(&mut self.playing, true) }
    }

    /// The marks that have been reached since this was last asked.
    pub(super) fn passed(&mut self) -> Vec<String> {
        let reached = self.marks.iter().take_while(|(at, _)| *at <= self.played).count();
        self.marks.drain(..reached).map(|(_, name)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_passes_when_what_was_said_before_it_is_played() {
        let mut playout = Playout::default();
        let mut frame = [0; FRAME];
        playout.mark("first".to_owned());
        playout.add(&[1; 200]);
        playout.mark("second".to_owned());
        assert_eq!(playout.passed(), ["first"]);
        assert_eq!(playout.next_20_ms(&mut frame), Next::Frame { first: true });
        assert!(playout.passed().is_empty());
        assert_eq!(playout.next_20_ms(&mut frame), Next::Frame { first: false });
        assert_eq!((frame[39], frame[40]), (1, Law::Mu.silence()));
        assert_eq!(playout.passed(), ["second"]);
        assert_eq!(playout.next_20_ms(&mut frame), Next::Nothing);
    }

    #[test]
    fn what_is_cleared_is_not_played_and_its_marks_pass() {
        let mut playout = Playout::default();
        playout.add(&[1; 2_000]);
        playout.mark("end".to_owned());
        playout.clear();
        assert_eq!(playout.passed(), ["end"]);
        assert_eq!(playout.next_20_ms(&mut [0; FRAME]), Next::Nothing);
        playout.add(&[2; FRAME]);
        assert_eq!(playout.next_20_ms(&mut [0; FRAME]), Next::Frame { first: true });
        assert!(!playout.has_room(BYTES_MAX + 1));
    }
}
