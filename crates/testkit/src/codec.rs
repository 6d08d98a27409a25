//! G.711, from the definition: sign, exponent, mantissa.

/// 16-bit linear to µ-law (G.711 µ, 8-bit, inverted).
pub fn ulaw_encode(sample: i16) -> u8 {
    const BIAS: i32 = 0x84;
    let sign = if sample < 0 { 0x80u8 } else { 0 };
    let magnitude = (i32::from(sample).abs().min(32635)) + BIAS;
    let exponent = (31 - magnitude.leading_zeros() as i32 - 7).clamp(0, 7);
    let mantissa = ((magnitude >> (exponent + 3)) & 0x0f) as u8;
    !(sign | (exponent as u8) << 4 | mantissa)
}

/// µ-law to 16-bit linear.
pub fn ulaw_decode(byte: u8) -> i16 {
    let byte = !byte;
    let exponent = i32::from(byte >> 4 & 7);
    let magnitude = (((i32::from(byte & 0x0f) << 3) + 0x84) << exponent) - 0x84;
    (if byte & 0x80 != 0 { -magnitude } else { magnitude }) as i16
}

/// 16-bit linear to A-law (even bits inverted).
pub fn alaw_encode(sample: i16) -> u8 {
    let (sign, magnitude) =
        if sample >= 0 { (0x80u8, i32::from(sample)) } else { (0, -(i32::from(sample) + 1)) };
    let magnitude = magnitude >> 3;
    let (exponent, mantissa) = if magnitude < 32 {
        (0, magnitude >> 1)
    } else {
        let exponent = 31 - magnitude.leading_zeros() as i32 - 4;
        (exponent, magnitude >> exponent & 0x0f)
    };
    (sign | (exponent as u8) << 4 | (mantissa & 0x0f) as u8) ^ 0x55
}

/// A-law to 16-bit linear.
pub fn alaw_decode(byte: u8) -> i16 {
    let byte = byte ^ 0x55;
    let exponent = i32::from(byte >> 4 & 7);
    let mantissa = i32::from(byte & 0x0f);
    let magnitude =
        if exponent == 0 { (mantissa << 4) + 8 } else { ((mantissa << 4) + 0x108) << (exponent - 1) };
    (if byte & 0x80 != 0 { magnitude } else { -magnitude }) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worst(encode: fn(i16) -> u8, decode: fn(u8) -> i16) -> f64 {
        (-32000..32000)
            .step_by(37)
            .map(|s: i32| {
                let back = i32::from(decode(encode(s as i16)));
                f64::from((back - s).abs()) / f64::from(s.abs().max(400))
            })
            .fold(0.0, f64::max)
    }

    #[test]
    fn both_laws_come_back_within_a_sixteenth_of_the_level() {
        assert!(worst(ulaw_encode, ulaw_decode) < 0.0625, "{}", worst(ulaw_encode, ulaw_decode));
        assert!(worst(alaw_encode, alaw_decode) < 0.0625, "{}", worst(alaw_encode, alaw_decode));
    }

    #[test]
    fn silence_has_its_well_known_bytes() {
        assert_eq!(ulaw_encode(0), 0xff);
        assert_eq!(alaw_encode(0), 0xd5);
        assert_eq!(ulaw_decode(0xff), 0);
    }
}
