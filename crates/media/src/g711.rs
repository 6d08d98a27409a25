//! G.711: µ-law and A-law, and the way between them (ITU-T G.711).

/// Samples in 20 ms at 8 kHz, and bytes of G.711.
pub const FRAME: usize = 160;

/// 20 ms of one channel at 8 kHz.
pub type Frame = [i16; FRAME];

/// A law of G.711: one byte per sample, nothing remembered between samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Law {
    /// µ-law: North America, Japan.
    Mu,
    /// A-law: the rest of the world.
    A,
}

impl Law {
    /// The byte that decodes to (nearly) nothing.
    pub const fn silence(self) -> u8 {
        match self {
            Law::Mu => 0xFF,
            Law::A => 0xD5,
        }
    }

    /// One sample's byte.
    pub fn encode(self, sample: i16) -> u8 {
        match self {
            Law::Mu => encode_ulaw(sample),
            Law::A => encode_alaw(sample),
        }
    }

    /// One byte's sample.
    pub fn decode(self, byte: u8) -> i16 {
        self.table()[usize::from(byte)]
    }

    /// Encodes as many samples as both slices hold.
    pub fn encode_into(self, samples: &[i16], bytes: &mut [u8]) {
        match self {
            Law::Mu => bytes.iter_mut().zip(samples).for_each(|(byte, &s)| *byte = encode_ulaw(s)),
            Law::A => bytes.iter_mut().zip(samples).for_each(|(byte, &s)| *byte = encode_alaw(s)),
        }
    }

    /// Decodes as many samples as both slices hold.
    pub fn decode_into(self, bytes: &[u8], samples: &mut [i16]) {
        let table = self.table();
        samples.iter_mut().zip(bytes).for_each(|(sample, &byte)| *sample = table[usize::from(byte)]);
    }

    /// Turns bytes of this codec into the other's, byte by byte: no samples in between, no delay.
    pub fn transcode_into(self, bytes: &[u8], other: &mut [u8]) {
        let table = match self {
            Law::Mu => &ULAW_TO_ALAW,
            Law::A => &ALAW_TO_ULAW,
        };
        other.iter_mut().zip(bytes).for_each(|(to, &from)| *to = table[usize::from(from)]);
    }

    /// The other one.
    pub const fn other(self) -> Law {
        match self {
            Law::Mu => Law::A,
            Law::A => Law::Mu,
        }
    }

    fn table(self) -> &'static [i16; 256] {
        match self {
            Law::Mu => &ULAW,
            Law::A => &ALAW,
        }
    }
}

const fn encode_ulaw(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let level = sample.unsigned_abs() as u32;
    let level = (if level > ULAW_CLIP { ULAW_CLIP } else { level }) + ULAW_BIAS;
    let exponent = 24 - level.leading_zeros();
    let mantissa = (level >> (exponent + 3)) & 0x0F;
    !(sign | (exponent << 4) as u8 | mantissa as u8)
}

const fn decode_ulaw(byte: u8) -> i16 {
    let byte = !byte;
    let level = ((((byte & 0x0F) as i32) << 3) + ULAW_BIAS as i32) << ((byte & 0x70) >> 4);
    let level = level - ULAW_BIAS as i32;
    (if byte & 0x80 == 0 { level } else { -level }) as i16
}

const fn encode_alaw(sample: i16) -> u8 {
    let (mask, level) = if sample >= 0 { (0xD5, sample >> 3) } else { (0x55, -(sample >> 3) - 1) };
    let segment = if level < 32 { 0 } else { 11 - (level as u16).leading_zeros() };
    let low = if segment < 2 { level >> 1 } else { level >> segment };
    ((segment << 4) as u8 | (low & 0x0F) as u8) ^ mask
}

const fn decode_alaw(byte: u8) -> i16 {
    let byte = byte ^ 0x55;
    let low = ((byte & 0x0F) as i16) << 4;
    let level = match (byte & 0x70) >> 4 {
        0 => low + 0x08,
        segment => (low + 0x108) << (segment - 1),
    };
    if byte & 0x80 == 0 { -level } else { level }
}

const ULAW_BIAS: u32 = 132;
const ULAW_CLIP: u32 = 32_635;

static ULAW: [i16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = decode_ulaw(byte as u8);
        byte += 1;
    }
    table
};

static ALAW: [i16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = decode_alaw(byte as u8);
        byte += 1;
    }
    table
};

static ULAW_TO_ALAW: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = encode_alaw(decode_ulaw(byte as u8));
        byte += 1;
    }
    table
};

static ALAW_TO_ULAW: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = encode_ulaw(decode_alaw(byte as u8));
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_values_are_as_the_standard_lists_them() {
        assert_eq!([0xFF, 0x80, 0x00, 0x7F].map(|b| Law::Mu.decode(b)), [0, 32_124, -32_124, 0]);
        assert_eq!([0xD5, 0x55, 0xAA, 0x2A].map(|b| Law::A.decode(b)), [8, -8, 32_256, -32_256]);
        assert_eq!([0, 32_767, -32_768].map(|s| Law::Mu.encode(s)), [0xFF, 0x80, 0x00]);
        assert_eq!([0, -1, 32_767, -32_768].map(|s| Law::A.encode(s)), [0xD5, 0x55, 0xAA, 0x2A]);
    }

    #[test]
    fn every_byte_survives_decoding_and_encoding() {
        for byte in 0..=255 {
            let again = Law::Mu.encode(Law::Mu.decode(byte));
            // µ-law has two zeros; both mean silence.
            assert!(again == byte || (byte == 0x7F && again == 0xFF), "{byte:#x} became {again:#x}");
            assert_eq!(Law::A.encode(Law::A.decode(byte)), byte);
        }
    }

    proptest! {
        #[test]
        fn a_sample_comes_back_within_a_quantisation_step(sample: i16) {
            for codec in [Law::Mu, Law::A] {
                let back = i32::from(codec.decode(codec.encode(sample)));
                let step = (i32::from(sample).abs() / 16).max(16);
                prop_assert!((back - i32::from(sample)).abs() <= step + 140, "{codec:?} {sample} {back}");
                prop_assert!(i32::from(sample).abs() < 64 || back.signum() == i32::from(sample).signum());
            }
        }

        #[test]
        fn transcoding_is_decoding_and_encoding(bytes: Vec<u8>) {
            for codec in [Law::Mu, Law::A] {
                let mut quick = vec![0; bytes.len()];
                codec.transcode_into(&bytes, &mut quick);
                let slow: Vec<u8> = bytes.iter().map(|&b| codec.other().encode(codec.decode(b))).collect();
                prop_assert_eq!(quick, slow);
            }
        }
    }
}
