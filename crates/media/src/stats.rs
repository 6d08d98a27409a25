//! What a stream was like to receive (RFC 3550 §6.4.1, appendix A).

use base::Mono;

/// Reception statistics of one leg. A new SSRC starts a new count that adds to the old.
#[derive(Debug, Clone)]
pub struct Reception {
    clock_khz: u32,
    stream: Option<Stream>,
    received_before: u64,
    lost_before: u64,
}

#[derive(Debug, Clone)]
struct Stream {
    ssrc: u32,
    base: u16,
    highest: u16,
    cycles: u64,
    received: u64,
    /// Interarrival jitter times 16, in ticks of the clock.
    jitter_16: u32,
    transit: u32,
    expected_prior: u64,
    received_prior: u64,
}

/// The block of a sender or receiver report about one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReportBlock {
    /// Whose packets this is about.
    pub ssrc: u32,
    /// Share lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost in all; negative with duplicates. 24 bits on the wire.
    pub lost: i32,
    /// Highest sequence number with its cycles.
    pub highest_seq: u32,
    /// Jitter in ticks of the stream's clock.
    pub jitter: u32,
    /// Middle 32 bits of the last sender report's time, zero if none.
    pub last_report: u32,
    /// Time since then in 1/65536 s.
    pub since_last_report: u32,
}

impl Default for Reception {
    fn default() -> Self {
        Self { clock_khz: 8, stream: None, received_before: 0, lost_before: 0 }
    }
}

impl Reception {
    /// Counts a packet. `audio`: whether its timestamp says when it was made (telephone events keep theirs).
    pub fn packet(&mut self, now: Mono, ssrc: u32, seq: u16, timestamp: u32, audio: bool) {
        let arrival = (now.0 * u64::from(self.clock_khz) / 1_000) as u32;
        let transit = arrival.wrapping_sub(timestamp);
        let jumped = self.stream.as_ref().is_none_or(|stream| {
            let ahead = seq.wrapping_sub(stream.highest) as i16;
            stream.ssrc != ssrc || ahead.unsigned_abs() > SEQ_JUMP
        });
        if jumped {
            self.settle();
            self.stream = Some(Stream {
                ssrc,
                base: seq,
                highest: seq,
                cycles: 0,
                received: 1,
                jitter_16: 0,
                transit,
                expected_prior: 0,
                received_prior: 0,
            });
            return;
        }
        let Some(stream) = &mut self.stream else { return };
        if (seq.wrapping_sub(stream.highest) as i16) > 0 {
            if seq < stream.highest {
                stream.cycles += 1 << 16;
            }
            stream.highest = seq;
        }
        stream.received += 1;
        if audio {
            let change = (transit.wrapping_sub(stream.transit) as i32).unsigned_abs();
            stream.transit = transit;
            if change < TRANSIT_JUMP_MS * self.clock_khz {
                stream.jitter_16 = stream.jitter_16 + change - ((stream.jitter_16 + 8) >> 4);
            }
        }
    }

    /// Packets received.
    pub fn received(&self) -> u64 {
        self.received_before + self.stream.as_ref().map_or(0, |stream| stream.received)
    }

    /// Packets that never came.
    pub fn lost(&self) -> u64 {
        self.lost_before + self.stream.as_ref().map_or(0, |s| s.expected().saturating_sub(s.received))
    }

    /// Interarrival jitter now, in microseconds.
    pub fn jitter_us(&self) -> u32 {
        let ticks = self.stream.as_ref().map_or(0, |stream| stream.jitter_16 >> 4);
        ticks.saturating_mul(1_000) / self.clock_khz
    }

    /// The clock of the timestamps, in kHz; 8 until told otherwise.
    pub fn set_clock(&mut self, khz: u32) {
        if khz != self.clock_khz && khz > 0 {
            self.settle();
            self.clock_khz = khz;
        }
    }

    /// The report since the last one; `None` before the first packet.
    pub fn report(&mut self) -> Option<ReportBlock> {
        let stream = self.stream.as_mut()?;
        let expected = stream.expected();
        let expected_now = expected - stream.expected_prior;
        let received_now = stream.received - stream.received_prior;
        stream.expected_prior = expected;
        stream.received_prior = stream.received;
        let lost_now = expected_now.saturating_sub(received_now);
        let fraction = (lost_now * 256).checked_div(expected_now).unwrap_or(0);
        let lost = expected as i64 - stream.received as i64;
        Some(ReportBlock {
            ssrc: stream.ssrc,
            fraction_lost: fraction.min(255) as u8,
            lost: lost.clamp(-0x80_0000, 0x7F_FFFF) as i32,
            highest_seq: (stream.cycles + u64::from(stream.highest)) as u32,
            jitter: stream.jitter_16 >> 4,
            last_report: 0,
            since_last_report: 0,
        })
    }

    fn settle(&mut self) {
        (self.received_before, self.lost_before) = (self.received(), self.lost());
        self.stream = None;
    }
}

/// The mean opinion score, in hundredths, of a stream that lost this share of its packets and arrives after `delay_ms`:
/// the E-model of ITU-T G.107 with the values of G.711 with concealment (G.113: Ie 0, Bpl 25.1), its delay impairment as
/// the two straight lines of R. Cole and J. Rosenbluth, "Voice over IP performance monitoring" (2001), and the score of
/// G.107 annex B. An estimate for other codecs.
pub fn mos_x100(lost: f64, delay_ms: f64) -> u16 {
    let lost = (lost * 100.0).clamp(0.0, 100.0);
    let late = (delay_ms - 177.3).max(0.0);
    let rating = 93.2 - (0.024 * delay_ms + 0.11 * late) - 95.0 * lost / (lost + 25.1);
    let rating = rating.clamp(0.0, 100.0);
    let score = 1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7e-6;
    (score.clamp(1.0, 4.5) * 100.0).round() as u16
}

impl Stream {
    fn expected(&self) -> u64 {
        self.cycles + u64::from(self.highest) - u64::from(self.base) + 1
    }
}

/// A sequence number this far off is a new count, as after a restart of the sender.
const SEQ_JUMP: u16 = 3_000;
/// A transit time that changes by more than a second is a new clock, not jitter.
const TRANSIT_JUMP_MS: u32 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_score_falls_with_loss_and_delay() {
        // A clean call, one that loses a twentieth, and one over two satellites.
        assert_eq!(mos_x100(0.0, 50.0), 438);
        assert!((370..400).contains(&mos_x100(0.05, 50.0)), "{}", mos_x100(0.05, 50.0));
        assert!((300..370).contains(&mos_x100(0.0, 400.0)), "{}", mos_x100(0.0, 400.0));
        assert_eq!(mos_x100(1.0, 2_000.0), 100);
    }

    fn at(ms: u64) -> Mono {
        Mono(ms * 1_000)
    }

    #[test]
    fn loss_is_what_the_numbers_miss_across_the_wrap() {
        let mut reception = Reception::default();
        for (i, seq) in (65_530u16..=65_535).chain(0..10).enumerate() {
            if seq != 65_534 && seq != 3 {
                reception.packet(at(i as u64 * 20), 1, seq, i as u32 * 160, true);
            }
        }
        assert_eq!((reception.received(), reception.lost()), (14, 2));
        let report = reception.report().unwrap();
        assert_eq!((report.lost, report.highest_seq, report.fraction_lost), (2, 65_536 + 9, 32));
        assert_eq!(reception.report().unwrap().fraction_lost, 0);
    }

    #[test]
    fn steady_arrival_has_no_jitter_and_a_wobble_has() {
        let mut steady = Reception::default();
        let mut wobbly = Reception::default();
        for i in 0..200u64 {
            steady.packet(at(i * 20), 1, i as u16, i as u32 * 160, true);
            wobbly.packet(at(i * 20 + (i % 2) * 10), 1, i as u16, i as u32 * 160, true);
        }
        assert_eq!(steady.jitter_us(), 0);
        // Every packet is 10 ms, 80 samples, off the one before.
        assert!((8_750..=10_000).contains(&wobbly.jitter_us()), "{}", wobbly.jitter_us());
    }

    #[test]
    fn a_new_stream_adds_to_the_count_and_loses_nothing() {
        let mut reception = Reception::default();
        for (ssrc, seq) in [(1, 10), (1, 12), (2, 40_000), (2, 40_001), (2, 50)] {
            reception.packet(at(0), ssrc, seq, 0, true);
        }
        assert_eq!((reception.received(), reception.lost()), (5, 1));
    }
}
