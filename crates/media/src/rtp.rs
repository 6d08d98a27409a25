//! RTP packets (RFC 3550 §5.1).

/// The fixed header.
pub const HEADER: usize = 12;
/// Largest payload we take or send: 200 ms of G.711 (RFC 3551 §4.2).
pub const PAYLOAD_MAX: usize = 1_600;
/// Largest packet we send.
pub const PACKET_MAX: usize = HEADER + PAYLOAD_MAX;

/// A received packet; `payload` without padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// First packet of a talk spurt or of a telephone event.
    pub marker: bool,
    /// What the payload is.
    pub payload_type: u8,
    /// Sequence number.
    pub seq: u16,
    /// Sampling instant of the first sample, in 1/8000 s for all we carry.
    pub timestamp: u32,
    /// The sender's stream.
    pub ssrc: u32,
    /// What it carries.
    pub payload: &'a [u8],
}

/// Why bytes are no RTP packet that we take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RtpError {
    /// Fewer bytes than the headers say.
    #[error("RTP packet is cut short")]
    Short,
    /// Not version 2.
    #[error("RTP version is not 2")]
    Version,
    /// The padding length is nothing or more than there is.
    #[error("RTP padding is wrong")]
    Padding,
    /// More payload than [`PAYLOAD_MAX`].
    #[error("RTP payload is longer than 200 ms")]
    Long,
    /// Payload types 72 to 76 are RTCP on the wrong port (RFC 5761 §4).
    #[error("RTCP where RTP belongs")]
    Rtcp,
}

impl<'a> Packet<'a> {
    /// Reads and checks a datagram.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, RtpError> {
        let (header, mut rest) = bytes.split_first_chunk::<HEADER>().ok_or(RtpError::Short)?;
        let [flags, kind, s0, s1, t0, t1, t2, t3, i0, i1, i2, i3] = *header;
        if flags >> 6 != 2 {
            return Err(RtpError::Version);
        }
        let payload_type = kind & 0x7F;
        if (72..=76).contains(&payload_type) {
            return Err(RtpError::Rtcp);
        }
        rest = rest.get(usize::from(flags & 0x0F) * 4..).ok_or(RtpError::Short)?;
        if flags & 0x10 != 0 {
            let ([_, _, l0, l1], after) = rest.split_first_chunk::<4>().ok_or(RtpError::Short)?;
            rest = after.get(usize::from(u16::from_be_bytes([*l0, *l1])) * 4..).ok_or(RtpError::Short)?;
        }
        if flags & 0x20 != 0 {
            let padding = usize::from(*rest.last().ok_or(RtpError::Padding)?);
            let kept = rest.len().checked_sub(padding).filter(|_| padding > 0).ok_or(RtpError::Padding)?;
            rest = &rest[..kept];
        }
        if rest.len() > PAYLOAD_MAX {
            return Err(RtpError::Long);
        }
        Ok(Self {
            marker: kind & 0x80 != 0,
            payload_type,
            seq: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([i0, i1, i2, i3]),
            payload: rest,
        })
    }

    /// Writes the packet and answers the bytes used; a payload beyond [`PAYLOAD_MAX`] is cut.
    pub fn write<'b>(&self, buffer: &'b mut [u8; PACKET_MAX]) -> &'b [u8] {
        let payload = &self.payload[..self.payload.len().min(PAYLOAD_MAX)];
        buffer[0] = 0x80;
        buffer[1] = (u8::from(self.marker) << 7) | (self.payload_type & 0x7F);
        buffer[2..4].copy_from_slice(&self.seq.to_be_bytes());
        buffer[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        buffer[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        buffer[HEADER..HEADER + payload.len()].copy_from_slice(payload);
        &buffer[..HEADER + payload.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn extension_contributors_and_padding_are_passed_over() {
        let mut bytes = vec![0xB1, 0x80, 0, 7, 0, 0, 0, 160, 1, 2, 3, 4];
        bytes.extend([9, 9, 9, 9]);
        bytes.extend([0xBE, 0xDE, 0, 1, 1, 1, 1, 1]);
        bytes.extend([0x55, 0x66, 0, 0, 3]);
        let packet = Packet::parse(&bytes).unwrap();
        assert_eq!(packet.payload, [0x55, 0x66]);
        assert!(packet.marker);
        assert_eq!((packet.seq, packet.timestamp, packet.ssrc), (7, 160, 0x0102_0304));
    }

    #[test]
    fn what_is_not_rtp_is_refused() {
        let good = [0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1];
        assert_eq!(Packet::parse(&good[..11]), Err(RtpError::Short));
        let with = |at: usize, value: u8| {
            let mut bytes = good;
            bytes[at] = value;
            Packet::parse(&bytes).map(|_| ())
        };
        assert_eq!(with(0, 0x40), Err(RtpError::Version));
        assert_eq!(with(0, 0x8F), Err(RtpError::Short));
        assert_eq!(with(0, 0x90), Err(RtpError::Short));
        assert_eq!(with(0, 0xA0), Err(RtpError::Padding));
        assert_eq!(with(1, 200), Err(RtpError::Rtcp));
        let long = [&good[..], &[0; PAYLOAD_MAX + 1]].concat();
        assert_eq!(Packet::parse(&long), Err(RtpError::Long));
        let padding_of_zero = [0xA0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 5, 0];
        assert_eq!(Packet::parse(&padding_of_zero), Err(RtpError::Padding));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            marker: bool, payload_type in (0u8..128).prop_filter("RTCP", |t| !(72..=76).contains(t)),
            seq: u16, timestamp: u32, ssrc: u32, payload in proptest::collection::vec(any::<u8>(), 0..=PAYLOAD_MAX),
        ) {
            let packet = Packet { marker, payload_type, seq, timestamp, ssrc, payload: &payload };
            let mut buffer = [0; PACKET_MAX];
            let written = packet.write(&mut buffer);
            prop_assert_eq!(Packet::parse(written), Ok(packet));
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = Packet::parse(&bytes);
        }
    }
}
