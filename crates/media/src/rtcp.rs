//! RTCP sender and receiver reports (RFC 3550 §6.4), the least that a peer expects.

use crate::stats::ReportBlock;
use base::Timestamp;

/// What a sender says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderInfo {
    /// NTP time, 32.32 bits.
    pub ntp: u64,
    /// The same instant in the stream's timestamps.
    pub rtp: u32,
    /// Packets sent.
    pub packets: u32,
    /// Payload bytes sent.
    pub octets: u32,
}

/// A sender report, or a receiver report if nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Whose report it is.
    pub ssrc: u32,
    /// `None` in a receiver report.
    pub sender: Option<SenderInfo>,
    /// About the stream the reporter receives. Of several blocks, the first.
    pub block: Option<ReportBlock>,
}

/// Why bytes are no report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RtcpError {
    /// Fewer bytes than the headers say.
    #[error("RTCP packet is cut short")]
    Short,
    /// Not version 2.
    #[error("RTCP version is not 2")]
    Version,
    /// A compound packet must begin with a report.
    #[error("RTCP does not begin with a report")]
    NoReport,
}

/// Most bytes a report of ours takes: SR with one block, and SDES with an empty CNAME.
pub const REPORT_MAX: usize = 28 + 24 + 12;

impl Report {
    /// Reads the report a compound packet begins with.
    pub fn parse(bytes: &[u8]) -> Result<Self, RtcpError> {
        let [flags, kind, l0, l1, rest @ ..] = bytes else { return Err(RtcpError::Short) };
        if flags >> 6 != 2 {
            return Err(RtcpError::Version);
        }
        let length = usize::from(u16::from_be_bytes([*l0, *l1])) * 4;
        let mut words = Words(rest.get(..length).ok_or(RtcpError::Short)?);
        let sender = match kind {
            200 => true,
            201 => false,
            _ => return Err(RtcpError::NoReport),
        };
        let ssrc = words.next()?;
        let sender = if sender {
            let ntp = (u64::from(words.next()?) << 32) | u64::from(words.next()?);
            Some(SenderInfo { ntp, rtp: words.next()?, packets: words.next()?, octets: words.next()? })
        } else {
            None
        };
        let block = if flags & 0x1F == 0 { None } else { Some(words.block()?) };
        Ok(Self { ssrc, sender, block })
    }

    /// Writes the report, followed by the SDES that every compound packet must have, and answers the bytes used.
    pub fn write<'b>(&self, buffer: &'b mut [u8; REPORT_MAX]) -> &'b [u8] {
        let mut at = 4;
        let mut put = |word: u32| {
            buffer[at..at + 4].copy_from_slice(&word.to_be_bytes());
            at += 4;
        };
        put(self.ssrc);
        if let Some(sender) = &self.sender {
            for word in
                [(sender.ntp >> 32) as u32, sender.ntp as u32, sender.rtp, sender.packets, sender.octets]
            {
                put(word);
            }
        }
        if let Some(block) = &self.block {
            let lost = (block.lost as u32) & 0x00FF_FFFF;
            for word in [
                block.ssrc,
                (u32::from(block.fraction_lost) << 24) | lost,
                block.highest_seq,
                block.jitter,
                block.last_report,
                block.since_last_report,
            ] {
                put(word);
            }
        }
        let words = (at / 4 - 1) as u16;
        buffer[0] = 0x80 | u8::from(self.block.is_some());
        buffer[1] = if self.sender.is_some() { 200 } else { 201 };
        buffer[2..4].copy_from_slice(&words.to_be_bytes());
        // One chunk: SSRC, CNAME of no length, end of items.
        buffer[at..at + 4].copy_from_slice(&[0x81, 202, 0, 2]);
        buffer[at + 4..at + 8].copy_from_slice(&self.ssrc.to_be_bytes());
        buffer[at + 8..at + 12].copy_from_slice(&[1, 0, 0, 0]);
        &buffer[..at + 12]
    }
}

/// Wall time as NTP has it: seconds since 1900 and their fraction.
pub fn ntp(at: Timestamp) -> u64 {
    let seconds = (at.seconds() + NTP_TO_UNIX) as u64;
    let micros = at.0.rem_euclid(1_000_000) as u64;
    (seconds << 32) | ((micros << 32) / 1_000_000)
}

const NTP_TO_UNIX: i64 = 2_208_988_800;

struct Words<'a>(&'a [u8]);

impl Words<'_> {
    fn next(&mut self) -> Result<u32, RtcpError> {
        let (word, rest) = self.0.split_first_chunk::<4>().ok_or(RtcpError::Short)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*word))
    }

    fn block(&mut self) -> Result<ReportBlock, RtcpError> {
        let ssrc = self.next()?;
        let loss = self.next()?;
        Ok(ReportBlock {
            ssrc,
            fraction_lost: (loss >> 24) as u8,
            lost: ((loss << 8) as i32) >> 8,
            highest_seq: self.next()?,
            jitter: self.next()?,
            last_report: self.next()?,
            since_last_report: self.next()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ntp_time_counts_from_1900() {
        assert_eq!(ntp(Timestamp(0)) >> 32, 2_208_988_800);
        assert_eq!(ntp(Timestamp(500_000)) as u32, 1 << 31);
    }

    #[test]
    fn what_is_not_a_report_is_refused() {
        assert_eq!(Report::parse(&[0x80, 201, 0]), Err(RtcpError::Short));
        assert_eq!(Report::parse(&[0x80, 201, 0, 1]), Err(RtcpError::Short));
        assert_eq!(Report::parse(&[0x00, 201, 0, 0]), Err(RtcpError::Version));
        assert_eq!(Report::parse(&[0x81, 202, 0, 1, 0, 0, 0, 0]), Err(RtcpError::NoReport));
        assert_eq!(Report::parse(&[0x81, 201, 0, 1, 0, 0, 0, 0]), Err(RtcpError::Short));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            ssrc: u32, sends: bool, hears: bool, ntp: u64, packets: u32, lost in -0x80_0000i32..0x80_0000, jitter: u32,
        ) {
            let report = Report {
                ssrc,
                sender: sends.then_some(SenderInfo { ntp, rtp: 5, packets, octets: 7 }),
                block: hears.then_some(ReportBlock { ssrc: 9, fraction_lost: 3, lost, highest_seq: 8, jitter,
                    last_report: 1, since_last_report: 2 }),
            };
            let mut buffer = [0; REPORT_MAX];
            prop_assert_eq!(Report::parse(report.write(&mut buffer)), Ok(report));
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = Report::parse(&bytes);
        }
    }
}
