//! What an exchange is asked, and where it puts what comes of it.

use super::Place;
use crate::clip::Piece;
use crate::control::{
    Event, LegId, MachinePlan, MixerId, Pause, PlayId, RecordPlan, RecordSource, RecordingId, Route, Turns,
};
use crate::egress::{Kind, Voice};
use crate::g711::{FRAME, Frame, Law};
use crate::reel::Tape;
use crate::session::{Codec, Session};
use std::net::SocketAddr;
use std::sync::Arc;

/// Somebody who hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ear {
    /// A leg.
    Leg(LegId),
    /// A mixer.
    Mixer(MixerId),
}

impl Ear {
    pub(super) fn home(self, place: Place) -> usize {
        match self {
            Ear::Leg(leg) => place.of_leg(leg),
            Ear::Mixer(mixer) => place.of_mixer(mixer),
        }
    }
}

/// What an exchange is asked. The first half comes from outside, the second from other exchanges.
#[derive(Debug)]
#[allow(missing_docs, reason = "fields are named after what they hold; variants carry the documentation")]
pub enum Order {
    /// The leg has sockets now.
    Open { leg: LegId },
    /// SDP was agreed, or agreed anew.
    Connect { leg: LegId, session: Session },
    /// The leg is over.
    Close { leg: LegId },
    /// As [`Command::Route`](crate::control::Command::Route).
    Route { leg: LegId, route: Route },
    /// As [`Command::Mute`](crate::control::Command::Mute).
    Mute { leg: LegId, muted: bool },
    /// As [`Command::Whisper`](crate::control::Command::Whisper).
    Whisper { leg: LegId, only: Option<LegId> },
    /// As [`Command::Watch`](crate::control::Command::Watch).
    Watch { leg: LegId, watched: bool },
    /// As [`Command::Detect`](crate::control::Command::Detect).
    Detect { leg: LegId, plan: MachinePlan },
    /// As [`Command::Record`](crate::control::Command::Record).
    Record { recording: RecordingId, source: RecordSource, plan: Arc<RecordPlan> },
    /// As [`Command::PauseRecording`](crate::control::Command::PauseRecording).
    PauseRecording { recording: RecordingId, source: RecordSource, pause: Option<Pause> },
    /// As [`Command::StopRecording`](crate::control::Command::StopRecording).
    StopRecording { recording: RecordingId, source: RecordSource },
    /// As [`Command::Play`](crate::control::Command::Play); what is `None` is supplied later.
    Play { leg: LegId, play: PlayId, pieces: Vec<Option<Piece>>, turns: Turns },
    /// As [`Command::Stop`](crate::control::Command::Stop).
    Stop { leg: LegId },
    /// As [`Command::Announce`](crate::control::Command::Announce).
    Announce { mixer: MixerId, play: PlayId, pieces: Vec<Option<Piece>> },
    /// As [`Command::CloseMixer`](crate::control::Command::CloseMixer).
    CloseMixer { mixer: MixerId },
    /// A piece that was missing, or the code and reason why it cannot be had.
    Supply { ear: Ear, play: PlayId, index: usize, piece: Result<Piece, (u32, String)> },
    /// From now on `ear` hears `source`.
    Listen { source: LegId, ear: Ear },
    /// No longer.
    Unlisten { source: LegId, ear: Ear },
    /// `leg` is in the mixer now, and hears it in this codec once it has one.
    Join { mixer: MixerId, leg: LegId, codec: Option<Codec> },
    /// In this mixer `leg` is heard by `only` alone, while that is a leg.
    WhisperIn { mixer: MixerId, leg: LegId, only: Option<LegId> },
    /// In this mixer it is told when `leg` speaks.
    WatchIn { mixer: MixerId, leg: LegId, watched: bool },
    /// No longer.
    Leave { mixer: MixerId, leg: LegId },
    /// A packet for an ear of this exchange. May be dropped when there are too many.
    Voice { ear: Ear, packet: Box<VoicePacket> },
    /// 20 ms of a mixer for a leg of this exchange. May be dropped when there are too many.
    Mixed { leg: LegId, mixer: MixerId, audio: Box<Mixed> },
}

/// 20 ms of a mixer for one leg: encoded where legs may share the encoding, as samples where each has its own.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "fields are named after what they hold; variants carry the documentation")]
pub enum Mixed {
    /// G.711.
    Encoded { law: Law, bytes: [u8; FRAME] },
    /// For the leg to encode.
    Samples(Frame),
    /// Nobody is to be heard.
    Nobody,
}

impl Order {
    /// Whether it is audio, which may be dropped; everything else must arrive.
    pub fn is_audio(&self) -> bool {
        matches!(self, Order::Voice { .. } | Order::Mixed { .. })
    }
}

/// A [`Voice`] that travels between exchanges.
#[derive(Debug, Clone)]
pub struct VoicePacket {
    from: LegId,
    ssrc: u32,
    seq: u16,
    timestamp: u32,
    marker: bool,
    clock_khz: u32,
    kind: Kind,
    payload: Box<[u8]>,
}

impl VoicePacket {
    pub(super) fn of(voice: &Voice<'_>) -> Self {
        let Voice { from, ssrc, seq, timestamp, marker, clock_khz, kind, payload } = *voice;
        Self { from, ssrc, seq, timestamp, marker, clock_khz, kind, payload: payload.into() }
    }

    pub(super) fn voice(&self) -> Voice<'_> {
        let Self { from, ssrc, seq, timestamp, marker, clock_khz, kind, .. } = *self;
        Voice { from, ssrc, seq, timestamp, marker, clock_khz, kind, payload: &self.payload }
    }
}

/// Where an exchange puts what it makes. Nothing here may wait.
pub trait Out: Tape {
    /// An RTP packet of a leg.
    fn rtp(&mut self, leg: LegId, to: SocketAddr, packet: &[u8]);
    /// An RTCP packet of a leg.
    fn rtcp(&mut self, leg: LegId, to: SocketAddr, packet: &[u8]);
    /// For the engine.
    fn event(&mut self, event: Event);
    /// For another exchange, by its index.
    fn pass(&mut self, exchange: usize, order: Order);
}
