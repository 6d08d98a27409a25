//! How the engines of this machine speak: measured in what they say.
#![expect(clippy::unwrap_used, reason = "an engine that fails fails its test")]

use media::control::Delivery;
use media::detect::level;
use tandem_gateway::speech::{Audio, LocalSpeech, Speech, SpeechError, Utterance};

fn what(text: &str, language: &str, voice: &str, delivery: Delivery) -> Utterance {
    Utterance { text: text.into(), language: language.into(), voice: voice.into(), delivery }
}

async fn say(text: &str, language: &str) -> Result<Audio, SpeechError> {
    LocalSpeech::default().say(&what(text, language, "woman", Delivery::default())).await
}

/// A sentence as it is heard, at 8 kHz.
async fn heard(language: &str, voice: &str, delivery: Delivery) -> Vec<i16> {
    let text = if language == "de-DE" { "eins zwei drei vier elf" } else { "one two three four five" };
    let audio = LocalSpeech::default().say(&what(text, language, voice, delivery)).await.unwrap();
    let samples: Vec<f32> = audio.samples.iter().map(|&s| f32::from(s) / 32_768.0).collect();
    media::resample::to_8k(&samples, audio.rate)
}

/// The middle of the pitches of what is voiced, in Hz: the shortest time after which a window is much like itself.
fn pitch(samples: &[i16]) -> f64 {
    const WINDOW: usize = 320;
    const LAGS: std::ops::Range<usize> = 8_000 / 400..8_000 / 65;
    let loud = level(samples) - 3.0;
    let pitch_of = |window: &[i16]| {
        let product = |a: &[i16], b: &[i16]| -> f64 {
            a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let alike = |lag: usize| {
            let (now, then) = (&window[..WINDOW], &window[lag..lag + WINDOW]);
            product(now, then) / (product(now, now) * product(then, then)).sqrt().max(1.0)
        };
        let all: Vec<f64> = LAGS.map(alike).collect();
        let enough = 0.85 * all.iter().copied().fold(0.0, f64::max);
        // Past the first samples, which are alike at any pitch.
        let top = |at: &usize| all[*at] >= enough && all[*at] >= all[at - 1] && all[*at] >= all[at + 1];
        (1..all.len() - 1).find(top).map(|at| 8_000.0 / (LAGS.start + at) as f64)
    };
    let windows = samples.windows(2 * WINDOW).step_by(WINDOW);
    let mut found: Vec<f64> = windows.filter(|w| level(w) > loud).filter_map(pitch_of).collect();
    found.sort_by(f64::total_cmp);
    found[found.len() / 2]
}

// covers: twiml Say.voice
#[tokio::test]
async fn fast_slow_high_low_loud_and_soft_are_heard() {
    let so = |rate, pitch, volume| Delivery { rate, pitch, volume };
    for language in ["en-US", "de-DE"] {
        let plain = heard(language, "woman", Delivery::default()).await;
        let ratio = |other: &[i16]| other.len() as f64 / plain.len() as f64;
        let slow = heard(language, "woman", so(50, 100, 0)).await;
        assert!((1.6..2.2).contains(&ratio(&slow)), "{language} slow: {}", ratio(&slow));
        let fast = heard(language, "woman", so(170, 100, 0)).await;
        assert!((0.5..0.7).contains(&ratio(&fast)), "{language} fast: {}", ratio(&fast));

        let high = heard(language, "woman", so(100, 140, 0)).await;
        let by = pitch(&high) / pitch(&plain);
        assert!((1.25..1.55).contains(&by), "{language} high: {by}");
        assert!((0.85..1.15).contains(&ratio(&high)), "{language}, as long as before: {}", ratio(&high));
        let low = heard(language, "woman", so(100, 70, 0)).await;
        let by = pitch(&low) / pitch(&plain);
        assert!((0.6..0.8).contains(&by), "{language} low: {by}");

        let soft = heard(language, "woman", so(100, 100, -12)).await;
        assert!((level(&plain) - level(&soft) - 12.0).abs() < 1.0, "{language} soft: {}", level(&soft));
        let loud = heard(language, "woman", so(100, 100, 6)).await;
        assert!(level(&loud) - level(&plain) > 3.0, "{language} loud: {}", level(&loud));
        let silent = heard(language, "woman", so(100, 100, i8::MIN)).await;
        assert_eq!((level(&silent), ratio(&silent)), (-100.0, 1.0));

        let man = heard(language, "man", Delivery::default()).await;
        assert!(pitch(&man) < 0.8 * pitch(&plain), "{language}: {} {}", pitch(&man), pitch(&plain));
    }
}

#[tokio::test]
async fn a_voice_speaks_its_own_language_unless_told_otherwise() {
    let say = async |language: &str, voice: &str| {
        let what = what("one two three", language, voice, Delivery::default());
        LocalSpeech::default().say(&what).await.unwrap()
    };
    assert_eq!(say("en-US", "Polly.Hans").await, say("de-DE", "man").await);
    assert_ne!(say("en-US", "man").await, say("de-DE", "man").await);
    assert_eq!(say("fr-FR", "Polly.Hans").await, say("fr-FR", "man").await);
}

#[tokio::test]
async fn silence_around_what_is_said_is_left_out() {
    for language in ["en-US", "de-DE"] {
        let samples = heard(language, "woman", Delivery::default()).await;
        let loud = |sample: &i16| sample.unsigned_abs() > 150;
        let (first, last) = (samples.iter().position(loud), samples.iter().rposition(loud));
        assert!(first.unwrap() < 400 && samples.len() - last.unwrap() < 400, "{language}");
    }
}

#[tokio::test]
async fn english_and_other_languages_are_spoken() {
    for (text, language) in [("Please hold the line; $(reboot) `x` 'y'.", "en-US"), ("Guten Tag", "de-DE")] {
        let audio = say(text, language).await.unwrap();
        let seconds = audio.samples.len() as f64 / f64::from(audio.rate);
        assert!((0.5..10.0).contains(&seconds), "{language}: {seconds} s");
        assert!(level(&audio.samples) > -40.0, "{language}: {}", level(&audio.samples));
    }
}
