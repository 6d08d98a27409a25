//! The lower band of G.722 (ITU-T G.722, 64 kbit/s): what of a wideband stream lies in the telephone band.
//!
//! The media plane works at 8 kHz, so the upper band of what is decoded is left out, and is silent in what is encoded:
//! the quadrature filters fall away, and one sample is one byte. Streams between two G.722 legs do not come by here.

/// Encodes or decodes one stream; a fresh one for each direction.
#[derive(Debug, Clone)]
pub struct LowerBand {
    /// Predicted sample.
    predicted: i32,
    /// What the zero section adds to it.
    zeros: i32,
    /// The last two reconstructed samples.
    reconstructed: [i32; 2],
    /// Pole coefficients.
    poles: [i32; 2],
    /// Signs of the last two partial reconstructions: 0 or -1.
    signs: [i32; 2],
    /// The last six quantised differences.
    differences: [i32; 6],
    /// Zero coefficients.
    coefficients: [i32; 6],
    /// Logarithmic quantiser scale.
    scale_log: i32,
    /// Quantiser scale.
    scale: i32,
}

impl Default for LowerBand {
    fn default() -> Self {
        Self {
            predicted: 0,
            zeros: 0,
            reconstructed: [0; 2],
            poles: [0; 2],
            signs: [0; 2],
            differences: [0; 6],
            coefficients: [0; 6],
            scale_log: 0,
            scale: 32,
        }
    }
}

impl LowerBand {
    /// Encodes as many samples as both slices hold.
    pub fn encode(&mut self, samples: &[i16], bytes: &mut [u8]) {
        bytes.iter_mut().zip(samples).for_each(|(byte, &sample)| *byte = self.encode_sample(sample));
    }

    /// Decodes as many bytes as both slices hold.
    pub fn decode(&mut self, bytes: &[u8], samples: &mut [i16]) {
        samples.iter_mut().zip(bytes).for_each(|(sample, &byte)| *sample = self.decode_sample(byte));
    }

    fn encode_sample(&mut self, sample: i16) -> u8 {
        // The band-splitting filter would halve it.
        let difference = saturate((i32::from(sample) >> 1) - self.predicted);
        let magnitude = if difference >= 0 { difference } else { -(difference + 1) };
        let step = DECISIONS.iter().take_while(|&&level| magnitude >= (level * self.scale) >> 12).count();
        let code = if difference < 0 { NEGATIVE[step] } else { POSITIVE[step] };
        self.adapt(code >> 2);
        UPPER_SILENCE | code
    }

    fn decode_sample(&mut self, byte: u8) -> i16 {
        let code = byte & 0x3F;
        let difference = (self.scale * INVERSE_6[usize::from(code)]) >> 15;
        let sample = (self.predicted + difference).clamp(-16_384, 16_383);
        self.adapt(code >> 2);
        (sample << 1) as i16
    }

    /// Blocks 2L to 4L: both sides follow the four upper bits of the code.
    fn adapt(&mut self, code: u8) {
        let code = usize::from(code);
        let difference = (self.scale * INVERSE_4[code]) >> 15;
        self.scale_log = (((self.scale_log * 127) >> 7) + SCALE_STEPS[code]).clamp(0, 18_432);
        let mantissa = INVERSE_LOG[(self.scale_log >> 6 & 31) as usize];
        let shift = 8 - (self.scale_log >> 11);
        self.scale = (if shift < 0 { mantissa << -shift } else { mantissa >> shift }) << 2;

        let reconstructed = saturate(self.predicted + difference);
        let sign = saturate(self.zeros + difference) >> 15;
        self.adapt_poles(sign);
        self.adapt_zeros(difference);
        self.signs = [sign, self.signs[0]];
        self.differences.rotate_right(1);
        self.differences[0] = difference;
        self.reconstructed = [reconstructed, self.reconstructed[0]];

        let poles: i32 =
            self.poles.iter().zip(self.reconstructed).map(|(a, r)| (a * saturate(r << 1)) >> 15).sum();
        let zeros = self.coefficients.iter().zip(self.differences);
        self.zeros = saturate(zeros.map(|(b, d)| (b * saturate(d << 1)) >> 15).sum());
        self.predicted = saturate(saturate(poles) + self.zeros);
    }

    fn adapt_poles(&mut self, sign: i32) {
        let first = saturate(self.poles[0] << 2);
        let turn = if sign == self.signs[0] { -first } else { first }.min(32_767) >> 7;
        let push = if sign == self.signs[1] { 128 } else { -128 };
        let second = (turn + push + ((self.poles[1] * 32_512) >> 15)).clamp(-12_288, 12_288);
        let step = if sign == self.signs[0] { 192 } else { -192 };
        let bound = saturate(15_360 - second);
        let first = saturate(step + ((self.poles[0] * 32_640) >> 15)).clamp(-bound, bound);
        self.poles = [first, second];
    }

    fn adapt_zeros(&mut self, difference: i32) {
        let step = if difference == 0 { 0 } else { 128 };
        let sign = difference >> 15;
        for (coefficient, past) in self.coefficients.iter_mut().zip(self.differences) {
            let step = if past >> 15 == sign { step } else { -step };
            *coefficient = saturate(step + ((*coefficient * 32_640) >> 15));
        }
    }
}

fn saturate(value: i32) -> i32 {
    value.clamp(-32_768, 32_767)
}

/// The two bits of an upper band that says nothing.
const UPPER_SILENCE: u8 = 0xC0;

/// Quantiser decision levels (table 4), from the first that is not zero.
const DECISIONS: [i32; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1_023, 1_121,
    1_219, 1_339, 1_458, 1_612, 1_765, 1_980, 2_195, 2_557, 2_919,
];

/// Codes of the intervals between them, for differences below zero.
const NEGATIVE: [u8; 30] = [
    63, 62, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7,
    6, 5, 4,
];

/// And for the others.
const POSITIVE: [u8; 30] = [
    61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36,
    35, 34, 33, 32,
];

/// By how much the scale's logarithm changes after a code.
const SCALE_STEPS: [i32; 16] =
    [-60, 3_042, 1_198, 538, 334, 172, 58, -30, 3_042, 1_198, 538, 334, 172, 58, -30, -60];

const INVERSE_LOG: [i32; 32] = [
    2_048, 2_093, 2_139, 2_186, 2_233, 2_282, 2_332, 2_383, 2_435, 2_489, 2_543, 2_599, 2_656, 2_714, 2_774,
    2_834, 2_896, 2_960, 3_025, 3_091, 3_158, 3_228, 3_298, 3_371, 3_444, 3_520, 3_597, 3_676, 3_756, 3_838,
    3_922, 4_008,
];

/// What four bits stand for, in units of the scale.
const INVERSE_4: [i32; 16] = [
    0, -20_456, -12_896, -8_968, -6_288, -4_240, -2_584, -1_200, 20_456, 12_896, 8_968, 6_288, 4_240, 2_584,
    1_200, 0,
];

/// What six bits stand for.
const INVERSE_6: [i32; 64] = [
    -136, -136, -136, -136, -24_808, -21_904, -19_008, -16_704, -14_984, -13_512, -12_280, -11_192, -10_232,
    -9_360, -8_576, -7_856, -7_192, -6_576, -6_000, -5_456, -4_944, -4_464, -4_008, -3_576, -3_168, -2_776,
    -2_400, -2_032, -1_688, -1_360, -1_040, -728, 24_808, 21_904, 19_008, 16_704, 14_984, 13_512, 12_280,
    11_192, 10_232, 9_360, 8_576, 7_856, 7_192, 6_576, 6_000, 5_456, 4_944, 4_464, 4_008, 3_576, 3_168,
    2_776, 2_400, 2_032, 1_688, 1_360, 1_040, 728, 432, 136, -432, -136,
];
