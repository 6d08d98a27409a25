//! Comfort noise (RFC 3389): what a line sounds like while nobody speaks.
//!
//! It is white. What a packet says about its colour is not made use of: at these levels nobody hears it.

use std::time::Duration;

/// The static payload type of comfort noise beside codecs with a clock of 8 kHz.
pub const PAYLOAD_TYPE: u8 = 13;

/// How often a peer is told that we go on saying nothing.
pub const REPEAT: Duration = Duration::from_millis(400);

/// How loud noise is: decibels below overload, 0 to 127 (RFC 3389 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level(u8);

impl Level {
    /// A line that is open and on which nothing comes: told from a dead one, and nothing more.
    pub const FLOOR: Self = Self(66);
    /// None at all.
    pub const NONE: Self = Self(127);

    /// The level that a packet names; `None` for an empty one.
    pub fn of_packet(payload: &[u8]) -> Option<Self> {
        payload.first().map(|byte| Self(byte & 0x7F))
    }

    /// The payload that names it.
    pub fn packet(self) -> [u8; 1] {
        [self.0]
    }

    /// The largest sample: that of even noise whose mean power is the level.
    fn peak(self) -> i32 {
        if self == Self::NONE {
            return 0;
        }
        let mean = 32_768.0 * 10_f64.powf(-f64::from(self.0) / 20.0);
        (mean * 3_f64.sqrt()).min(32_767.0) as i32
    }
}

/// A source of noise.
#[derive(Debug, Clone)]
pub struct Noise(u32);

impl Default for Noise {
    fn default() -> Self {
        Self(0x2545_F491)
    }
}

impl Noise {
    /// Fills `samples` with noise of this level.
    pub fn fill(&mut self, level: Level, samples: &mut [i16]) {
        let peak = level.peak();
        samples.iter_mut().for_each(|sample| *sample = self.next(peak));
    }

    /// Samples of noise of this level, as many as are asked for.
    pub fn samples(&mut self, level: Level) -> impl FnMut() -> i16 + use<'_> {
        let peak = level.peak();
        move || self.next(peak)
    }

    /// Xorshift: chance is good enough that nobody hears a pattern.
    fn next(&mut self, peak: i32) -> i16 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        let even = (self.0 >> 16) as i32 - 32_768;
        ((even * peak) >> 15) as i16
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::g711::Law;

    /// Mean power in dB below overload.
    fn level_of(samples: &[i16]) -> f64 {
        let power: f64 = samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64;
        -10.0 * (power / 32_768_f64.powi(2)).log10()
    }

    #[test]
    fn noise_is_as_loud_as_its_level_says() {
        for level in [20, 40, 55, 66] {
            let mut samples = [0; 16_000];
            Noise::default().fill(Level(level), &mut samples);
            let heard = level_of(&samples);
            assert!((heard - f64::from(level)).abs() < 1.0, "{level}: {heard}");
            // It survives the coarse steps of G.711.
            for law in [Law::Mu, Law::A] {
                let coded: Vec<i16> = samples.iter().map(|s| law.decode(law.encode(*s))).collect();
                assert!((level_of(&coded) - f64::from(level)).abs() < 3.0, "{level}: {}", level_of(&coded));
            }
            let mean = samples.iter().map(|s| f64::from(*s)).sum::<f64>() / 16_000.0;
            let loudest = samples.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0);
            assert!(mean.abs() < f64::from(loudest) / 20.0, "{level}: it leans to one side by {mean}");
        }
        let mut samples = [1; 160];
        Noise::default().fill(Level::NONE, &mut samples);
        assert_eq!(samples, [0; 160]);
    }

    #[test]
    fn any_payload_names_a_level_or_none() {
        assert_eq!(Level::of_packet(&[]), None);
        assert_eq!(Level::of_packet(&[40, 1, 2]), Some(Level(40)));
        assert_eq!(Level::of_packet(&[0xFF]), Some(Level::NONE));
        for byte in 0..=255 {
            let mut samples = [0; 160];
            Noise::default().fill(Level::of_packet(&[byte]).unwrap(), &mut samples);
        }
        assert_eq!(Level::of_packet(&Level::FLOOR.packet()), Some(Level::FLOOR));
    }
}
