//! Any rate to 8 kHz, for prompts, off the call path.

use crate::tone::RATE;
use std::f64::consts::PI;

/// One channel at `rate` as 8 kHz, through a windowed-sinc low-pass (Blackman, 32 zero crossings on either side): what
/// lies above 3.8 kHz does not fold back.
pub fn to_8k(samples: &[f32], rate: u32) -> Vec<i16> {
    let rate = rate.max(1);
    if rate == RATE {
        return samples.iter().map(|&s| sample(f64::from(s))).collect();
    }
    let step = f64::from(rate) / f64::from(RATE);
    // Cut off below the lower of the two Nyquist frequencies, in cycles per input sample.
    let cut = CUT * (1.0 / step).min(1.0) / 2.0;
    let reach = (CROSSINGS / (2.0 * cut)).ceil();
    let count = (samples.len() as u64 * u64::from(RATE) / u64::from(rate)) as usize;
    let phases = Phases::new(rate, cut, reach);
    (0..count)
        .map(|i| {
            let centre = (i as u64 * u64::from(rate) / u64::from(RATE)) as i64;
            let taps = phases.taps(i);
            let first = centre - reach as i64;
            let sum: f64 = taps
                .iter()
                .enumerate()
                .filter_map(|(k, tap)| {
                    let at = usize::try_from(first + k as i64).ok()?;
                    Some(tap * f64::from(*samples.get(at)?))
                })
                .sum();
            sample(sum)
        })
        .collect()
}

/// The filter for every fractional position that occurs: they repeat.
struct Phases {
    period: usize,
    width: usize,
    taps: Vec<f64>,
}

impl Phases {
    fn new(rate: u32, cut: f64, reach: f64) -> Self {
        let period = ((RATE / gcd(rate, RATE)) as usize).max(1);
        let width = 2 * reach as usize + 2;
        let mut taps = Vec::with_capacity(period * width);
        for phase in 0..period {
            let position = phase as u64 * u64::from(rate);
            let fraction = (position % u64::from(RATE)) as f64 / f64::from(RATE);
            let start = taps.len();
            for k in 0..width {
                let x = k as f64 - reach - fraction;
                let window = 0.42 + 0.5 * (PI * x / reach).cos() + 0.08 * (2.0 * PI * x / reach).cos();
                let sinc =
                    if x.abs() < 1e-9 { 1.0 } else { (2.0 * PI * cut * x).sin() / (2.0 * PI * cut * x) };
                taps.push(if x.abs() > reach { 0.0 } else { 2.0 * cut * sinc * window });
            }
            let sum: f64 = taps[start..].iter().sum();
            taps[start..].iter_mut().for_each(|tap| *tap /= sum);
        }
        Self { period, width, taps }
    }

    fn taps(&self, output: usize) -> &[f64] {
        &self.taps[(output % self.period) * self.width..][..self.width]
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn sample(value: f64) -> i16 {
    (value * 32_767.0).clamp(-32_768.0, 32_767.0) as i16
}

/// Share of the band below Nyquist that passes.
const CUT: f64 = 0.93;
const CROSSINGS: f64 = 32.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{level, share};
    use std::f64::consts::TAU;

    fn tone(hertz: f64, rate: u32) -> Vec<f32> {
        (0..rate).map(|i| (0.5 * (TAU * hertz * f64::from(i) / f64::from(rate)).sin()) as f32).collect()
    }

    #[test]
    fn a_tone_stays_what_it_is_from_every_common_rate() {
        for rate in [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 6_000] {
            let heard = to_8k(&tone(1_000.0, rate), rate);
            assert_eq!(heard.len(), 8_000, "{rate}");
            let middle = &heard[400..7_600];
            assert!(share(middle, 1_000.0) > 0.999, "{rate}: {}", share(middle, 1_000.0));
            assert!((level(middle) + 9.03).abs() < 0.2, "{rate}: {}", level(middle));
        }
    }

    #[test]
    fn what_8_khz_cannot_carry_does_not_fold_back() {
        for rate in [16_000, 44_100, 48_000] {
            let heard = to_8k(&tone(5_000.0, rate), rate);
            assert!(level(&heard[400..7_600]) < -70.0, "{rate}: {}", level(&heard[400..7_600]));
        }
    }

    #[test]
    fn nothing_gives_nothing() {
        assert_eq!(to_8k(&[], 44_100), []);
    }
}
