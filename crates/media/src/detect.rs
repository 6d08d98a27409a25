//! Hearing tones: single frequencies (for tests and the demo) and in-band DTMF.

use crate::tone::{COLUMNS, KEYS, RATE, ROWS};
use std::f64::consts::TAU;

/// Goertzel's filter: the squared magnitude of one frequency in the samples.
pub fn power(samples: &[i16], hertz: f64) -> f64 {
    let coefficient = 2.0 * (TAU * hertz / f64::from(RATE)).cos();
    let (mut before, mut last) = (0.0, 0.0);
    for &sample in samples {
        (before, last) = (last, f64::from(sample) + coefficient * last - before);
    }
    before * before + last * last - coefficient * before * last
}

/// How much of the samples' energy is at this frequency: 1 for a pure tone, near 0 for anything else. Silence has 0.
pub fn share(samples: &[i16], hertz: f64) -> f64 {
    let energy = energy(samples);
    if energy < 1.0 { 0.0 } else { 2.0 * power(samples, hertz) / (energy * samples.len() as f64) }
}

/// Root mean square of the samples in dBFS (a full-scale sine is −3); −100 for silence.
pub fn level(samples: &[i16]) -> f64 {
    let mean = energy(samples) / samples.len().max(1) as f64;
    if mean < 1.0 { -100.0 } else { 20.0 * (mean.sqrt() / 32_768.0).log10() }
}

fn energy(samples: &[i16]) -> f64 {
    samples.iter().map(|&s| f64::from(s) * f64::from(s)).sum()
}

/// Hears in-band DTMF (after ITU-T Q.24): tones of 40 ms and more, each press once.
#[derive(Debug, Clone)]
pub struct DtmfDecoder {
    filters: [Filter; 8],
    energy: f64,
    count: usize,
    candidate: Option<char>,
    pressed: Option<char>,
    misses: u32,
}

#[derive(Debug, Clone, Copy)]
struct Filter {
    coefficient: f64,
    before: f64,
    last: f64,
}

impl Default for DtmfDecoder {
    fn default() -> Self {
        let frequencies = [ROWS, COLUMNS].concat();
        let filters = std::array::from_fn(|i| Filter {
            coefficient: 2.0 * (TAU * frequencies[i] / f64::from(RATE)).cos(),
            before: 0.0,
            last: 0.0,
        });
        Self { filters, energy: 0.0, count: 0, candidate: None, pressed: None, misses: 0 }
    }
}

impl DtmfDecoder {
    /// Listens on; answers a key when its press is sure. Feed at most [`BLOCK`](Self::BLOCK) samples at a time:
    /// of several keys in one call, the last is answered.
    pub fn hear(&mut self, samples: &[i16]) -> Option<char> {
        let mut heard = None;
        for &sample in samples {
            let sample = f64::from(sample);
            for filter in &mut self.filters {
                (filter.before, filter.last) =
                    (filter.last, sample + filter.coefficient * filter.last - filter.before);
            }
            self.energy += sample * sample;
            self.count += 1;
            if self.count == Self::BLOCK {
                heard = self.judge().or(heard);
            }
        }
        heard
    }

    /// Samples that are judged together: 16 ms, so that a tone of 40 ms fills at least one block, with its half.
    pub const BLOCK: usize = 128;

    fn judge(&mut self) -> Option<char> {
        let now = self.key();
        for filter in &mut self.filters {
            (filter.before, filter.last) = (0.0, 0.0);
        }
        (self.energy, self.count) = (0.0, 0);
        let steady = now.is_some() && now == self.candidate;
        self.candidate = now;
        if now.is_some() && now == self.pressed {
            self.misses = 0;
        } else if self.pressed.is_some() {
            self.misses += 1;
            if self.misses >= RELEASE_BLOCKS {
                self.pressed = None;
            }
        }
        if steady && self.pressed.is_none() {
            (self.pressed, self.misses) = (now, 0);
            return now;
        }
        None
    }

    fn key(&self) -> Option<char> {
        if self.energy < QUIETEST * QUIETEST * Self::BLOCK as f64 {
            return None;
        }
        let powers =
            self.filters.map(|f| f.before * f.before + f.last * f.last - f.coefficient * f.before * f.last);
        let (row, row_power) = strongest(&powers[..4]);
        let (column, column_power) = strongest(&powers[4..]);
        let both = 2.0 * (row_power + column_power) / (self.energy * Self::BLOCK as f64);
        let twist = row_power / column_power;
        let sure = both > PURITY && (1.0 / TWIST..TWIST).contains(&twist);
        sure.then(|| char::from(KEYS[row * 4 + column]))
    }
}

fn strongest(powers: &[f64]) -> (usize, f64) {
    powers.iter().copied().enumerate().fold((0, 0.0), |best, next| if next.1 > best.1 { next } else { best })
}

/// Two blocks without the key: it was let go.
const RELEASE_BLOCKS: u32 = 2;
/// Below this amplitude nothing is a key: about −36 dBFS.
const QUIETEST: f64 = 500.0;
/// So much of the energy must be in the two tones: speech rarely has it.
const PURITY: f64 = 0.7;
/// One tone may be so much stronger than the other: 8 dB.
const TWIST: f64 = 6.3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::g711::FRAME;
    use crate::g711::Law;
    use crate::tone::{DTMF_LEVEL, Tone, dtmf, render};

    fn press(digit: char, ms: u32) -> Vec<i16> {
        let tones: Vec<Tone> = dtmf(digit).into_iter().map(|tone| Tone { ms, ..tone }).collect();
        render(&tones, DTMF_LEVEL)
    }

    fn hear(samples: &[i16]) -> String {
        let mut decoder = DtmfDecoder::default();
        samples.chunks(FRAME).filter_map(|chunk| decoder.hear(chunk)).collect()
    }

    #[test]
    fn every_key_is_heard_once_at_any_offset_through_either_codec() {
        for law in [Law::Mu, Law::A] {
            for offset in [0, 37, 81, 127] {
                let mut samples = vec![0; offset];
                for digit in "0123456789*#ABCD".chars() {
                    samples.extend(press(digit, 60));
                    samples.extend([0; 480]);
                }
                samples.iter_mut().for_each(|s| *s = law.decode(law.encode(*s)));
                assert_eq!(hear(&samples), "0123456789*#ABCD", "{law:?} +{offset}");
            }
        }
    }

    #[test]
    fn the_same_key_twice_is_two_presses_and_a_long_one_is_one() {
        let samples = [press('7', 80), vec![0; 480], press('7', 3_000)].concat();
        assert_eq!(hear(&samples), "77");
    }

    #[test]
    fn single_tones_and_noise_are_no_keys() {
        let mut seed = 1u32;
        let noise: Vec<i16> = (0..80_000)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 16) as i16 / 2
            })
            .collect();
        assert_eq!(hear(&noise), "");
        for hertz in [697.0, 1_209.0, 440.0] {
            assert_eq!(hear(&render(&[Tone { hertz: [hertz, 0.0], ms: 500 }], -10.0)), "");
        }
    }

    #[test]
    fn a_tone_has_its_own_frequency_and_no_other() {
        let tone = render(&[Tone { hertz: [440.0, 0.0], ms: 1_000 }], -10.0);
        assert!(share(&tone, 440.0) > 0.95);
        assert!(share(&tone, 660.0) < 0.01);
        assert_eq!(share(&[0; 160], 440.0), 0.0);
        assert!((level(&tone) + 13.0).abs() < 0.2);
    }
}
