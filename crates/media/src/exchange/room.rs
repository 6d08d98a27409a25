//! A mixer with its members and what is announced to them.

use super::{Out, ended};
use crate::clip::{Keys, Piece, Player, Step};
use crate::control::{Event, LegId, Pause, PlayEnd, PlayId, RecordingId, Turns};
use crate::g711::{FRAME, Frame, Law};
use crate::mixer::Mixer;
use crate::reel::Reel;
use crate::session::Codec;
use std::collections::HashMap;

#[derive(Default)]
pub(super) struct Room {
    pub(super) mixer: Mixer,
    pub(super) members: HashMap<LegId, Member>,
    announcements: Vec<Player>,
    reels: Vec<Reel>,
}

pub(super) struct Member {
    /// What the leg hears it in; `None` until its SDP is agreed.
    pub(super) codec: Option<Codec>,
}

impl Room {
    pub(super) fn join(&mut self, leg: LegId, codec: Option<Codec>) {
        if self.mixer.join(leg).is_ok() {
            self.members.insert(leg, Member { codec });
        }
    }

    /// Records everybody from now on. A recording there is no room for ends at once.
    pub(super) fn record(&mut self, recording: RecordingId, out: &mut impl Out) {
        let reel = Reel::new(recording, 1);
        if self.reels.len() >= RECORDINGS_MAX {
            return reel.end(out);
        }
        self.reels.push(reel);
    }

    pub(super) fn pause_recording(&mut self, recording: RecordingId, pause: Option<Pause>) {
        if let Some(reel) = self.reels.iter_mut().find(|reel| reel.recording() == recording) {
            reel.pause(pause);
        }
    }

    pub(super) fn stop_recording(&mut self, recording: RecordingId, out: &mut impl Out) {
        if let Some(at) = self.reels.iter().position(|reel| reel.recording() == recording) {
            self.reels.swap_remove(at).end(out);
        }
    }

    pub(super) fn leave(&mut self, leg: LegId) {
        self.mixer.leave(leg);
        self.members.remove(&leg);
    }

    /// Nobody is in and nothing is announced or recorded: it may be forgotten.
    pub(super) fn is_idle(&self) -> bool {
        self.members.is_empty() && self.announcements.is_empty() && self.reels.is_empty()
    }

    pub(super) fn announce(&mut self, play: PlayId, pieces: Vec<Option<Piece>>, out: &mut impl Out) {
        if self.announcements.len() >= ANNOUNCEMENTS_MAX {
            return ended(None, play, full(), out);
        }
        self.announcements.push(Player::new(play, pieces, Turns::Times(1)));
    }

    pub(super) fn supply(
        &mut self,
        play: PlayId,
        index: usize,
        piece: Result<Piece, (u32, String)>,
        out: &mut impl Out,
    ) {
        let Some(at) = self.announcements.iter().position(|player| player.play == play) else { return };
        match piece {
            Ok(piece) => self.announcements[at].supply(index, piece),
            Err((code, reason)) => {
                self.announcements.remove(at);
                ended(None, play, PlayEnd::Failed { code, reason }, out);
            }
        }
    }

    pub(super) fn close(&mut self, out: &mut impl Out) {
        for player in self.announcements.drain(..) {
            ended(None, player.play, PlayEnd::Stopped, out);
        }
        for reel in self.reels.drain(..) {
            reel.end(out);
        }
    }

    /// Sums the next 20 ms.
    pub(super) fn mix(&mut self, keys: &Keys, out: &mut impl Out) {
        let mut announced = [[0; FRAME]; ANNOUNCEMENTS_MAX];
        let mut count = 0;
        self.announcements.retain_mut(|player| match player.step(Law::Mu, false, keys) {
            Step::Audio(bytes) => {
                decode(bytes, &mut announced[count]);
                count += 1;
                true
            }
            Step::Silence | Step::Event { .. } => true,
            Step::Ended => {
                ended(None, player.play, PlayEnd::Finished, out);
                false
            }
        });
        self.mixer.mix(&announced[..count]);
        for reel in &mut self.reels {
            reel.take(self.mixer.shared(), None, out);
        }
        for (leg, speaking) in self.mixer.changes() {
            out.event(Event::Speaking { leg, speaking });
        }
    }
}

fn decode(bytes: &[u8; FRAME], frame: &mut Frame) {
    Law::Mu.decode_into(bytes, frame);
}

/// What comes of an announcement there is no room for.
pub(super) fn full() -> PlayEnd {
    PlayEnd::Failed { code: 12400, reason: "too much is being announced at once".to_owned() }
}

/// Most announcements that sound in one mixer at a time.
const ANNOUNCEMENTS_MAX: usize = 8;
/// Most recordings of one mixer at a time.
const RECORDINGS_MAX: usize = 8;
