//! `flite` and `espeak-ng` as subprocesses.

use super::markup::spoken;
use super::{Audio, Speech, SpeechError, Utterance};
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
/// The text reaches an engine in a file, never on a command line or through a shell.
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
        let text = spoken(&what.text);
        if text.is_empty() {
            return Err(SpeechError::Empty);
        }
        let language = language(&what.language);
        let _permit = self.running.acquire().await.map_err(failed)?;
        let folder = tempfile::tempdir().map_err(failed)?;
        let (from, to) = (folder.path().join("text"), folder.path().join("speech.wav"));
        tokio::fs::write(&from, text).await.map_err(failed)?;
        let attempt = if language.starts_with("en") {
            match self.run(flite(&from, &to)).await {
                // A machine with only the other engine still speaks English.
                Err(SpeechError::NoEngine(_)) => self.run(espeak(&language, &from, &to)).await,
                done => done,
            }
        } else {
            self.run(espeak(&language, &from, &to)).await
        };
        match attempt {
            Err(SpeechError::NoEngine(_)) => return Err(SpeechError::NoEngine(what.language.clone())),
            done => done?,
        }
        let wav = tokio::fs::read(&to).await.map_err(failed)?;
        read_wav(&wav).ok_or_else(|| SpeechError::Failed("it made no audio".to_owned()))
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

fn flite(from: &Path, to: &Path) -> Command {
    let mut flite = Command::new("flite");
    flite.args(["-voice", "slt", "-f"]).arg(from).arg("-o").arg(to);
    flite
}

fn espeak(language: &str, from: &Path, to: &Path) -> Command {
    let mut espeak = Command::new("espeak-ng");
    espeak.args(["-s", "150", "-v", language, "-f"]).arg(from).arg("-w").arg(to);
    espeak
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

/// An engine that takes longer is ended.
const TIME_LIMIT: Duration = Duration::from_secs(20);
/// Engines that run at a time.
const ENGINES_MAX: usize = 2;
const COMPLAINT_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;
    use media::detect::level;

    async fn say(text: &str, language: &str) -> Result<Audio, SpeechError> {
        let what = Utterance { text: text.into(), language: language.into(), voice: "woman".into() };
        LocalSpeech::default().say(&what).await
    }

    #[tokio::test]
    async fn english_and_other_languages_are_spoken() {
        for (text, language) in
            [("Please hold the line; $(reboot) `x` 'y'.", "en-US"), ("Guten Tag", "de-DE")]
        {
            let audio = say(text, language).await.unwrap();
            let seconds = audio.samples.len() as f64 / f64::from(audio.rate);
            assert!((0.5..10.0).contains(&seconds), "{language}: {seconds} s");
            assert!(level(&audio.samples) > -40.0, "{language}: {}", level(&audio.samples));
        }
    }

    #[tokio::test]
    async fn what_cannot_be_said_is_refused() {
        assert_eq!(say("hello", "tlh-QQ").await, Err(SpeechError::NoEngine("tlh-QQ".into())));
        assert_eq!(say(" \n", "en-US").await, Err(SpeechError::Empty));
        let slow = LocalSpeech { time_limit: Duration::ZERO, ..LocalSpeech::default() };
        let what = Utterance { text: "hello".into(), language: "en".into(), voice: String::new() };
        assert_eq!(slow.say(&what).await, Err(SpeechError::TimedOut(Duration::ZERO)));
    }

    #[test]
    fn a_tag_cannot_become_an_option_or_a_path() {
        assert_eq!(language("de-DE"), "de");
        assert_eq!(language("-../etc"), "en");
        assert_eq!(language("PT-br"), "pt-br");
        assert_eq!(language(""), "en");
    }
}
