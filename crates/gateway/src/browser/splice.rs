//! One stream to a browser, whichever leg it hears: sequence numbers never jump, and the clock never goes back.

use media::rtp::Packet;
use std::time::{Duration, Instant};

/// The numbers of the stream that a browser gets.
#[derive(Debug, Default)]
pub(super) struct Splice {
    /// Number of the last packet sent, with its rollovers, and its timestamp. Begins below the first rollover.
    last: Option<(u64, u32, Instant)>,
    /// The stream that is being passed on: its SSRC, and what turns its numbers into ours.
    source: Option<(u32, u16, u32)>,
}

/// The numbers of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Numbers {
    /// With its rollovers, as SRTP counts.
    pub seq: u64,
    pub timestamp: u32,
}

impl Splice {
    /// The numbers of `packet` in our stream, whose clock goes at `clock_khz`; `None` for one that is older than the
    /// beginning of its source.
    pub fn place(&mut self, now: Instant, packet: &Packet<'_>, clock_khz: u32) -> Option<Numbers> {
        let Some((last_seq, last_timestamp, at)) = self.last else {
            let seq = u64::from(packet.seq);
            self.source = Some((packet.ssrc, 0, 0));
            return Some(self.sent(now, seq, packet.timestamp));
        };
        let (seq_shift, timestamp_shift) = match self.source {
            Some((ssrc, seq, timestamp)) if ssrc == packet.ssrc => (seq, timestamp),
            _ => {
                let passed = now.saturating_duration_since(at).min(GAP_MAX).as_millis() as u32;
                let next = last_timestamp.wrapping_add(passed.max(FRAME_MS) * clock_khz);
                let seq = (last_seq as u16).wrapping_add(1).wrapping_sub(packet.seq);
                let timestamp = next.wrapping_sub(packet.timestamp);
                self.source = Some((packet.ssrc, seq, timestamp));
                (seq, timestamp)
            }
        };
        let seq = packet.seq.wrapping_add(seq_shift);
        let ahead = seq.wrapping_sub(last_seq as u16) as i16;
        let seq = last_seq.checked_add_signed(i64::from(ahead))?;
        Some(self.sent(now, seq, packet.timestamp.wrapping_add(timestamp_shift)))
    }

    fn sent(&mut self, now: Instant, seq: u64, timestamp: u32) -> Numbers {
        if self.last.is_none_or(|(last, ..)| seq > last) {
            self.last = Some((seq, timestamp, now));
        }
        Numbers { seq, timestamp }
    }
}

const FRAME_MS: u32 = 20;
/// A longer silence between two sources is not told by the clock.
const GAP_MAX: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(ssrc: u32, seq: u16, timestamp: u32) -> Packet<'static> {
        Packet { marker: false, payload_type: 0, seq, timestamp, ssrc, payload: &[0; 160] }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "an instant to begin with; nothing is measured")]
    fn legs_follow_each_other_in_one_stream_with_rollovers() {
        let begin = Instant::now();
        let at = |ms: u64| begin + Duration::from_millis(ms);
        let mut splice = Splice::default();
        let place = |splice: &mut Splice, ms, packet: Packet<'_>| splice.place(at(ms), &packet, 8).unwrap();
        assert_eq!(place(&mut splice, 0, packet(1, 65_535, 500)), Numbers { seq: 65_535, timestamp: 500 });
        assert_eq!(place(&mut splice, 20, packet(1, 0, 660)), Numbers { seq: 65_536, timestamp: 660 });
        // Another leg, a second later.
        let other = place(&mut splice, 1_020, packet(2, 9_000, 77));
        assert_eq!(other, Numbers { seq: 65_537, timestamp: 660 + 8_000 });
        assert_eq!(
            place(&mut splice, 1_040, packet(2, 9_002, 77 + 320)),
            Numbers { seq: 65_539, timestamp: other.timestamp + 320 }
        );
        // Late, but of this source: its own place.
        assert_eq!(place(&mut splice, 1_041, packet(2, 9_001, 77 + 160)).seq, 65_538);
    }
}
