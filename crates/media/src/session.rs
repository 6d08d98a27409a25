//! What SDP agreed about one leg's RTP stream.

use std::net::SocketAddr;

use crate::g711::Law;

/// An audio codec of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 µ-law, `PCMU/8000`, static payload type 0.
    Pcmu,
    /// G.711 A-law, `PCMA/8000`, static payload type 8.
    Pcma,
    /// G.722 at 64 kbit/s: `G722/8000`, static payload type 9. It samples at 16 kHz, its RTP clock is 8 kHz
    /// (RFC 3551 §4.5.2).
    G722,
    /// Opus: `opus/48000/2`, no static payload type; its RTP clock is 48 kHz (RFC 7587 §4.1).
    Opus,
}

impl Codec {
    /// The G.711 law, if it is G.711.
    pub const fn law(self) -> Option<Law> {
        match self {
            Codec::Pcmu => Some(Law::Mu),
            Codec::Pcma => Some(Law::A),
            Codec::G722 | Codec::Opus => None,
        }
    }

    /// The RTP clock in kHz: how far a timestamp goes in a millisecond.
    pub const fn clock_khz(self) -> u32 {
        match self {
            Codec::Pcmu | Codec::Pcma | Codec::G722 => 8,
            Codec::Opus => 48,
        }
    }

    /// How far a timestamp goes in 20 ms.
    pub const fn frame_ticks(self) -> u32 {
        self.clock_khz() * 20
    }
}

/// One leg's negotiated RTP session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// Where the peer said it receives; packets go there until the peer has been heard from elsewhere.
    pub remote: SocketAddr,
    /// The codec, both ways.
    pub codec: Codec,
    /// Its payload type, both ways.
    pub payload_type: u8,
    /// Payload type of RFC 4733 telephone events, if agreed.
    pub dtmf_payload_type: Option<u8>,
    /// Whether comfort noise (RFC 3389) was agreed: then we send it instead of silence.
    pub comfort_noise: bool,
    /// Whether we may send: false while the peer holds us with `sendonly` or `inactive`.
    pub send: bool,
    /// Whether the peer sends: false while it said `recvonly` or `inactive`. Its silence is then no fault.
    pub receive: bool,
}
