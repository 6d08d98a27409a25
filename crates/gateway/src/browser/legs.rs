//! What is known of one leg of a browser, of one websocket, and of one station.

use super::connection::{ConnectionId, Outgoing};
use super::peers::{Agreed, PeerId};
use super::{Party, VoiceAccess};
use base::{CallSid, Mono};
use tokio::sync::mpsc;

/// A websocket.
pub(super) struct Line {
    pub out: mpsc::Sender<Outgoing>,
    /// What its token lets it do; `None` before the first good one.
    pub access: Option<Box<VoiceAccess>>,
    /// It may be called.
    pub registered: bool,
    /// How long its calls are kept without it.
    pub hold: std::time::Duration,
    /// It was told that its token has ended.
    pub expired: bool,
}

/// One leg.
pub(super) struct Leg {
    pub call: CallSid,
    /// What the browser called it before it was told the SID.
    pub told: Option<String>,
    pub party: Party,
    /// Proves, after a lost websocket, that a browser had this call.
    pub reconnect: String,
    /// Where it rings, or where its answer is being awaited: browsers by their own peer connections.
    pub offers: Vec<(ConnectionId, PeerId)>,
    /// It rings at the station of its identity, or is there.
    pub at_station: bool,
    /// The websocket that has it.
    pub line: Option<ConnectionId>,
    /// Its own peer connection.
    pub peer: Option<PeerId>,
    pub agreed: Option<Agreed>,
    /// The browser's certificate, by which a new description is told from a new peer connection.
    pub fingerprint: Option<String>,
    pub stage: Stage,
    /// Who calls, for a station that is told again after a reload.
    pub from: String,
    pub to: String,
    pub parameters: Vec<(String, String)>,
    /// When what is being waited for has taken too long.
    pub deadline: Option<Mono>,
}

/// How far a leg has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The browser calls, nothing is decided.
    Calling,
    /// Rings.
    Ringing,
    /// Answered; audio cannot flow yet.
    Connecting,
    /// Audio flows.
    Up,
}

impl Stage {
    /// As stations are told.
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Calling => "calling",
            Stage::Ringing => "ringing",
            Stage::Connecting | Stage::Up => "live",
        }
    }
}

/// A browser that stays connected for a shift.
pub(super) struct Station {
    /// `None` while its page is being loaded again.
    pub line: Option<ConnectionId>,
    pub peer: PeerId,
    pub agreed: Agreed,
    pub fingerprint: Option<String>,
    pub up: bool,
    /// The leg that is heard.
    pub hears: Option<sip::port::LegId>,
    /// When it is given up.
    pub deadline: Option<Mono>,
}

/// The certificate's fingerprint in a description.
pub(super) fn fingerprint(sdp: &str) -> Option<String> {
    sdp.lines().find_map(|line| line.strip_prefix("a=fingerprint:")).map(|text| text.trim().to_owned())
}
