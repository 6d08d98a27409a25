//! `flite` and `espeak-ng` as subprocesses.

use super::voices::{Gender, voice};
use super::{Audio, Speech, SpeechError, Utterance};
use media::control::Delivery;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::process::Command;
use tokio::sync::Semaphore;

/// The engines of this machine: `flite` for English, `espeak-ng` for every other language. Works offline.
///
/// The text reaches an engine in a file, never on a command line or through a shell. What it makes is without silence at
/// its ends, so that pauses are as long as they are meant.
#[derive(Debug, Clone)]
pub struct LocalSpeech {
    time_limit: Duration,
    running: Arc<Semaphore>,
}

impl Default for LocalSpeech {
    fn default() -> Self {
        Self { time_limit: TIME_LIMIT, running: Arc::new(Semaphore::new(ENGINES_MAX)) }
    }
}

impl Speech for LocalSpeech {
    fn say<'a>(
        &'a self,
        what: &'a Utterance,
    ) -> Pin<Box<dyn Future<Output = Result<Audio, SpeechError>> + Send + 'a>> {
        Box::pin(self.render(what))
    }
}

impl LocalSpeech {
    async fn render(&self, what: &Utterance) -> Result<Audio, SpeechError> {
        let text = tidy(&what.text);
        if text.is_empty() {
            return Err(SpeechError::Empty);
        }
        let named = voice(&what.voice);
        // A voice speaks its own language unless another was asked for.
        let own = named.language.filter(|_| what.language.eq_ignore_ascii_case(DEFAULT_LANGUAGE));
        let language = language(own.as_deref().unwrap_or(&what.language));
        let Delivery { rate, pitch, volume } = what.delivery;
        // What is played faster by its pitch is said slower by as much.
        let pace = f64::from(rate.max(1)) / f64::from(pitch.max(1));
        let _permit = self.running.acquire().await.map_err(failed)?;
        let folder = tempfile::tempdir().map_err(failed)?;
        let (from, to) = (folder.path().join("text"), folder.path().join("speech.wav"));
        tokio::fs::write(&from, text).await.map_err(failed)?;
        let attempt = if language.starts_with("en") {
            match self.run(flite(named.gender, pace, &from, &to)).await {
                // A machine with only the other engine still speaks English.
                Err(SpeechError::NoEngine(_)) => {
                    self.run(espeak(&language, named.gender, pace, &from, &to)).await
                }
                done => done,
            }
        } else {
            self.run(espeak(&language, named.gender, pace, &from, &to)).await
        };
        match attempt {
            Err(SpeechError::NoEngine(_)) => return Err(SpeechError::NoEngine(what.language.clone())),
            done => done?,
        }
        let wav = tokio::fs::read(&to).await.map_err(failed)?;
        let mut audio = read_wav(&wav).ok_or_else(|| SpeechError::Failed("it made no audio".to_owned()))?;
        trim(&mut audio);
        audio.rate = audio.rate * u32::from(pitch.max(1)) / 100;
        amplify(&mut audio.samples, volume);
        Ok(audio)
    }

    async fn run(&self, mut engine: Command) -> Result<(), SpeechError> {
        engine.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let child = match engine.spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(SpeechError::NoEngine(String::new()));
            }
            Err(error) => return Err(failed(error)),
        };
        let done = tokio::time::timeout(self.time_limit, child.wait_with_output()).await;
        let output = done.map_err(|_| SpeechError::TimedOut(self.time_limit))?.map_err(failed)?;
        if output.status.success() {
            return Ok(());
        }
        let complaint: String = String::from_utf8_lossy(&output.stderr).chars().take(COMPLAINT_MAX).collect();
        // espeak-ng's way of saying that it does not know a language.
        if complaint.contains("voice does not exist") || complaint.contains("does not exist") {
            return Err(SpeechError::NoEngine(String::new()));
        }
        Err(SpeechError::Failed(format!("{}: {}", output.status, complaint.trim())))
    }
}

/// `pace` is 1 for the voice's own.
fn flite(gender: Gender, pace: f64, from: &Path, to: &Path) -> Command {
    let mut flite = Command::new("flite");
    let name = match gender {
        Gender::Woman => "slt",
        Gender::Man => "rms",
    };
    flite.args(["-voice", name, "--setf", &format!("duration_stretch={:.3}", 1.0 / pace)]);
    flite.arg("-f").arg(from).arg("-o").arg(to);
    flite
}

fn espeak(language: &str, gender: Gender, pace: f64, from: &Path, to: &Path) -> Command {
    let mut espeak = Command::new("espeak-ng");
    let variant = match gender {
        Gender::Woman => "f2",
        Gender::Man => "m3",
    };
    let words_per_minute = (WORDS_PER_MINUTE * pace).round();
    espeak.args(["-s", &words_per_minute.to_string(), "-v", &format!("{language}+{variant}"), "-f"]);
    espeak.arg(from).arg("-w").arg(to);
    espeak
}

/// One line, without control characters and without doubled spaces.
fn tidy(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Leaves the silence at both ends out, but for a breath.
fn trim(audio: &mut Audio) {
    let breath = audio.rate as usize * BREATH_MS / 1_000;
    let loud = |sample: &i16| sample.unsigned_abs() > SILENCE;
    let Some(first) = audio.samples.iter().position(loud) else { return };
    let last = audio.samples.iter().rposition(loud).unwrap_or(first);
    audio.samples.truncate((last + breath).min(audio.samples.len()));
    audio.samples.drain(..first.saturating_sub(breath));
}

/// Louder by so many dB; what would be too loud is bent, not cut.
fn amplify(samples: &mut [i16], volume: i8) {
    if volume == 0 {
        return;
    }
    let gain = if volume == i8::MIN { 0.0 } else { 10f32.powf(f32::from(volume) / 20.0) };
    for sample in samples {
        let wanted = f32::from(*sample) / FULL * gain;
        let over = wanted.abs() - KNEE;
        let bent = if over > 0.0 { KNEE + (1.0 - KNEE) * (over / (1.0 - KNEE)).tanh() } else { wanted.abs() };
        *sample = (bent.copysign(wanted) * FULL) as i16;
    }
}

/// A BCP 47 tag that an engine can be given: lower case letters, digits and hyphens; English if there is nothing left.
/// Engines know few regions, so only those are kept that change the language.
fn language(tag: &str) -> String {
    let tag: String =
        tag.to_ascii_lowercase().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    match tag.as_str() {
        "pt-br" | "es-419" | "fr-be" | "fr-ch" | "en-us" | "en-gb" => tag,
        "es-mx" | "es-us" => "es-419".to_owned(),
        "zh-hk" | "yue-hk" => "yue".to_owned(),
        "zh-cn" | "zh-tw" | "cmn-cn" => "cmn".to_owned(),
        _ => match tag.split('-').next() {
            Some("") | None => "en".to_owned(),
            Some(primary) => primary.to_owned(),
        },
    }
}

/// Reads the 16-bit PCM file of an engine.
fn read_wav(bytes: &[u8]) -> Option<Audio> {
    let mut rest = bytes.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WAVE")?;
    let (mut rate, mut channels) = (0, 0);
    loop {
        let (id, after) = rest.split_first_chunk::<4>()?;
        let (length, after) = after.split_first_chunk::<4>()?;
        // Engines that write to a pipe do not know the length: take what there is.
        let length = (u32::from_le_bytes(*length) as usize).min(after.len());
        let (body, after) = after.split_at(length);
        match id {
            b"fmt " => {
                channels = usize::from(u16::from_le_bytes([*body.get(2)?, *body.get(3)?]));
                rate = u32::from_le_bytes(*body.get(4..)?.first_chunk()?);
                if u16::from_le_bytes([*body.get(14)?, *body.get(15)?]) != 16 {
                    return None;
                }
            }
            b"data" => {
                let samples: Vec<i16> = body
                    .chunks_exact(2 * channels.max(1))
                    .map(|frame| i16::from_le_bytes([frame[0], frame[1]]))
                    .collect();
                return (rate > 0 && !samples.is_empty()).then_some(Audio { rate, samples });
            }
            _ => {}
        }
        rest = after.get(length % 2..).unwrap_or_default();
    }
}

fn failed(error: impl std::fmt::Display) -> SpeechError {
    SpeechError::Failed(error.to_string())
}

/// The language of a document that names none.
const DEFAULT_LANGUAGE: &str = "en-US";
const WORDS_PER_MINUTE: f64 = 150.0;
/// Quieter is silence.
const SILENCE: u16 = 150;
/// Silence that is left at either end.
const BREATH_MS: usize = 20;
const FULL: f32 = 32_767.0;
/// From here on it is bent.
const KNEE: f32 = 0.7;
/// An engine that takes longer is ended.
const TIME_LIMIT: Duration = Duration::from_secs(20);
/// Engines that run at a time.
const ENGINES_MAX: usize = 2;
const COMPLAINT_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn what(text: &str, language: &str, voice: &str, delivery: Delivery) -> Utterance {
        Utterance { text: text.into(), language: language.into(), voice: voice.into(), delivery }
    }

    async fn say(text: &str, language: &str) -> Result<Audio, SpeechError> {
        LocalSpeech::default().say(&what(text, language, "woman", Delivery::default())).await
    }

    #[tokio::test]
    async fn what_cannot_be_said_is_refused() {
        assert_eq!(say("hello", "tlh-QQ").await, Err(SpeechError::NoEngine("tlh-QQ".into())));
        assert_eq!(say(" \n", "en-US").await, Err(SpeechError::Empty));
        let slow = LocalSpeech { time_limit: Duration::ZERO, ..LocalSpeech::default() };
        let hello = what("hello", "en", "", Delivery::default());
        assert_eq!(slow.say(&hello).await, Err(SpeechError::TimedOut(Duration::ZERO)));
    }

    #[test]
    fn what_is_said_is_one_line() {
        assert_eq!(tidy("Please   hold\n the\u{0}line; if a < b."), "Please hold the line; if a < b.");
    }

    #[test]
    fn a_tag_cannot_become_an_option_or_a_path() {
        assert_eq!(language("de-DE"), "de");
        assert_eq!(language("-../etc"), "en");
        assert_eq!(language("PT-br"), "pt-br");
        assert_eq!(language(""), "en");
    }
}
