//! From whom a leg takes RTP, and where it sends: symmetric RTP with a lock on the source.
//!
//! A peer behind a NAT sends from another address than its SDP says, so the first valid source is believed. After
//! that only this source is heard: another one takes over only when the leg's own has fallen quiet and the new one
//! has sent several packets in sequence, or, without waiting, when it is the very address the peer signalled.

use base::Mono;
use std::net::SocketAddr;
use std::time::Duration;

/// The lock of one leg.
#[derive(Debug, Clone)]
pub struct Latch {
    signalled: SocketAddr,
    locked: Option<SocketAddr>,
    heard: Mono,
    candidate: Option<Candidate>,
    refused: u64,
}

#[derive(Debug, Clone)]
struct Candidate {
    from: SocketAddr,
    ssrc: u32,
    next: u16,
    in_sequence: u32,
}

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// From the source we are locked to.
    Known,
    /// From a source we have just locked to.
    Latched,
    /// From somebody else.
    Refused,
}

impl Latch {
    /// Not locked yet; packets go to `signalled`.
    pub fn new(signalled: SocketAddr) -> Self {
        Self { signalled, locked: None, heard: Mono(0), candidate: None, refused: 0 }
    }

    /// A new offer or answer: another address than before unlocks.
    pub fn signal(&mut self, remote: SocketAddr) {
        if remote != self.signalled {
            *self = Self { refused: self.refused, ..Self::new(remote) };
        }
    }

    /// Where packets go.
    pub fn remote(&self) -> SocketAddr {
        self.locked.unwrap_or(self.signalled)
    }

    /// Packets that came from strangers.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Judges a valid packet.
    pub fn admit(&mut self, now: Mono, from: SocketAddr, ssrc: u32, seq: u16) -> Admission {
        match self.locked {
            None => return self.lock(now, from),
            Some(locked) if locked == from => {
                self.heard = now;
                return Admission::Known;
            }
            Some(_) => {}
        }
        let in_sequence = match &self.candidate {
            Some(c) if c.from == from && c.ssrc == ssrc && c.next == seq => c.in_sequence + 1,
            _ => 1,
        };
        self.candidate = Some(Candidate { from, ssrc, next: seq.wrapping_add(1), in_sequence });
        let free = from == self.signalled || now.since(self.heard) >= RELATCH_QUIET;
        if in_sequence >= RELATCH_PACKETS && free {
            return self.lock(now, from);
        }
        self.refused += 1;
        Admission::Refused
    }

    fn lock(&mut self, now: Mono, from: SocketAddr) -> Admission {
        self.locked = Some(from);
        self.heard = now;
        self.candidate = None;
        Admission::Latched
    }
}

/// So many packets of one SSRC, one after the other, must come from a new source.
const RELATCH_PACKETS: u32 = 5;
/// For so long must nothing have come from the source we are locked to.
const RELATCH_QUIET: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    fn port(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn at(ms: u64) -> Mono {
        Mono(ms * 1_000)
    }

    #[test]
    fn the_first_source_is_believed_and_a_second_is_not() {
        let mut latch = Latch::new(port(1));
        assert_eq!(latch.remote(), port(1));
        assert_eq!(latch.admit(at(0), port(2), 7, 0), Admission::Latched);
        for i in 0..100u16 {
            let now = at(u64::from(i) * 20);
            assert_eq!(latch.admit(now, port(2), 7, i), Admission::Known);
            assert_eq!(latch.admit(now, port(3), 8, i), Admission::Refused);
        }
        assert_eq!((latch.remote(), latch.refused()), (port(2), 100));
    }

    #[test]
    fn a_new_source_takes_over_after_quiet_and_packets_in_sequence() {
        let mut latch = Latch::new(port(1));
        latch.admit(at(0), port(2), 7, 0);
        for seq in [1, 2, 4, 5, 6, 7] {
            assert_eq!(latch.admit(at(1_000), port(3), 8, seq), Admission::Refused);
        }
        assert_eq!(latch.admit(at(1_000), port(3), 9, 8), Admission::Refused);
        for seq in 9..=11 {
            assert_eq!(latch.admit(at(1_000), port(3), 9, seq), Admission::Refused);
        }
        assert_eq!(latch.admit(at(1_000), port(3), 9, 12), Admission::Latched);
        assert_eq!(latch.remote(), port(3));
    }

    #[test]
    fn the_signalled_address_wins_back_a_stream_without_waiting() {
        let mut latch = Latch::new(port(1));
        latch.admit(at(0), port(666), 6, 0);
        let admissions: Vec<_> = (0..5).map(|seq| latch.admit(at(5), port(1), 7, seq)).collect();
        assert_eq!(admissions[3..], [Admission::Refused, Admission::Latched]);
    }

    #[test]
    fn a_new_address_in_sdp_unlocks_and_the_same_does_not() {
        let mut latch = Latch::new(port(1));
        latch.admit(at(0), port(2), 7, 0);
        latch.signal(port(1));
        assert_eq!(latch.remote(), port(2));
        latch.signal(port(4));
        assert_eq!(latch.remote(), port(4));
        assert_eq!(latch.admit(at(1), port(5), 7, 1), Admission::Latched);
    }
}
