//! Tones: ringback by country, the beep, in-band DTMF.

use std::f64::consts::TAU;

/// Samples per second of everything here.
pub const RATE: u32 = 8_000;

/// One or two frequencies, or silence, for some time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tone {
    /// Hertz; zero is nothing.
    pub hertz: [f64; 2],
    /// Milliseconds.
    pub ms: u32,
}

impl Tone {
    const fn on(a: f64, b: f64, ms: u32) -> Self {
        Self { hertz: [a, b], ms }
    }

    const fn off(ms: u32) -> Self {
        Self { hertz: [0.0, 0.0], ms }
    }
}

/// The tones one after the other, at `level` dBFS per frequency, with soft edges so that nothing clicks.
pub fn render(tones: &[Tone], level: f64) -> Vec<i16> {
    let amplitude = 32_767.0 * 10f64.powf(level / 20.0);
    let mut samples = Vec::new();
    for tone in tones {
        let count = (tone.ms * RATE / 1_000) as usize;
        let voices: Vec<f64> = tone.hertz.iter().copied().filter(|&hertz| hertz > 0.0).collect();
        for i in 0..count {
            let edge = (i.min(count - 1 - i) as f64 / EDGE).min(1.0);
            let at = i as f64 / f64::from(RATE);
            let sum: f64 = voices.iter().map(|hertz| (TAU * hertz * at).sin()).sum();
            samples.push((sum * edge * amplitude).clamp(-32_767.0, 32_767.0) as i16);
        }
    }
    samples
}

/// Samples of a rising or falling edge: 4 ms.
const EDGE: f64 = 32.0;

/// One cadence of what a caller hears while the callee's phone rings. `country` is an ISO 3166 code in either case,
/// with `uk` for `gb`; a country that is not listed has the tone most of the world has (ITU-T E.180 supplement 2).
pub fn ringback(country: &str) -> Vec<Tone> {
    let on = Tone::on;
    let off = Tone::off;
    match country.to_ascii_lowercase().as_str() {
        "us" | "ca" | "pr" | "us-old" => vec![on(440.0, 480.0, 2_000), off(4_000)],
        "uk" | "gb" | "ie" | "nz" | "my" => {
            vec![on(400.0, 450.0, 400), off(200), on(400.0, 450.0, 400), off(2_000)]
        }
        "au" => vec![on(413.0, 438.0, 400), off(200), on(413.0, 438.0, 400), off(2_000)],
        "in" | "sg" | "za" => vec![on(400.0, 425.0, 400), off(200), on(400.0, 425.0, 400), off(2_000)],
        "hk" => vec![on(440.0, 480.0, 400), off(200), on(440.0, 480.0, 400), off(3_000)],
        "fr" => vec![on(440.0, 0.0, 1_500), off(3_500)],
        "jp" => vec![on(392.0, 408.0, 1_000), off(2_000)],
        "es" => vec![on(425.0, 0.0, 1_500), off(3_000)],
        "be" | "cl" => vec![on(425.0, 0.0, 1_000), off(3_000)],
        "se" | "dk" => vec![on(425.0, 0.0, 1_000), off(5_000)],
        "ru" => vec![on(425.0, 0.0, 800), off(3_200)],
        "tw" | "ph" => vec![on(440.0, 480.0, 1_000), off(2_000)],
        _ => vec![on(425.0, 0.0, 1_000), off(4_000)],
    }
}

/// Level of call progress tones, per frequency.
pub const PROGRESS_LEVEL: f64 = -19.0;

/// A short beep.
pub fn beep() -> Vec<Tone> {
    vec![Tone::on(1_000.0, 0.0, 300), Tone::off(60)]
}

/// Level of the beep.
pub const BEEP_LEVEL: f64 = -16.0;

/// 100 ms of a key's two tones; nothing for what is not a key.
pub fn dtmf(digit: char) -> Vec<Tone> {
    let Some(at) = KEYS.iter().position(|&key| char::from(key) == digit.to_ascii_uppercase()) else {
        return Vec::new();
    };
    vec![Tone::on(ROWS[at / 4], COLUMNS[at % 4], 100)]
}

/// Level of in-band DTMF, per frequency.
pub const DTMF_LEVEL: f64 = -10.0;

/// The keys in rows, as on the phone.
pub(crate) const KEYS: &[u8; 16] = b"123A456B789C*0#D";
pub(crate) const ROWS: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
pub(crate) const COLUMNS: [f64; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::share;

    #[test]
    fn the_ringback_of_a_country_has_its_frequencies_and_rhythm() {
        let us = render(&ringback("US"), PROGRESS_LEVEL);
        assert_eq!(us.len(), 48_000);
        assert!(share(&us[..16_000], 440.0) > 0.4 && share(&us[..16_000], 480.0) > 0.4);
        assert!(us[16_000..].iter().all(|&s| s == 0));
        let uk = render(&ringback("uk"), PROGRESS_LEVEL);
        assert_eq!(uk.len(), 24_000);
        assert!(share(&uk[..3_200], 400.0) > 0.4 && share(&uk[..3_200], 450.0) > 0.4);
        assert!(share(&render(&ringback("de"), PROGRESS_LEVEL)[..8_000], 425.0) > 0.9);
    }

    #[test]
    fn tones_have_the_level_asked_for() {
        let beep = render(&beep(), -16.0);
        let peak = f64::from(*beep.iter().max().unwrap());
        assert!((peak - 32_767.0 * 10f64.powf(-0.8)).abs() < 60.0, "{peak}");
        assert!(dtmf('x').is_empty());
    }
}
