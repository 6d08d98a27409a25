//! Prompts that this Tandem keeps itself: files in a folder, uploaded or spoken.

use super::decode::decode;
use super::{PromptError, off_thread};
use crate::media::wav_header_at;
use crate::speech::{Speech, Utterance};
use std::io::{self, Write};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// Longest prompt that is kept.
pub const KEPT_LENGTH_MAX: Duration = Duration::from_secs(30 * 60);

/// The folder, and who speaks.
#[derive(Clone)]
pub struct PromptShelf {
    folder: PathBuf,
    speech: Arc<dyn Speech>,
}

/// A file on the shelf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAudio {
    /// Its name in the folder.
    pub file: String,
    /// `audio/wav` or `audio/mpeg`.
    pub content_type: &'static str,
    /// Its size.
    pub bytes: u64,
    /// How long it plays.
    pub length: Duration,
}

/// Why something was not kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// It is nothing that callers could hear.
    #[error(transparent)]
    Unfit(#[from] PromptError),
    /// It plays for too long.
    #[error("it plays for {0:?}, longer than {KEPT_LENGTH_MAX:?}")]
    TooLong(Duration),
    /// The folder could not be written to.
    #[error("the file could not be written")]
    Io(#[from] io::Error),
}

/// Looks for a file and its content type.
pub type Finding<'a> = Pin<Box<dyn Future<Output = Option<(PathBuf, String)>> + Send + 'a>>;

/// Where the audio of a URL is, if this Tandem keeps it: nobody is asked over HTTP then.
pub trait KeptPrompts: Send + Sync {
    /// The file and its content type; `None` for a URL that names nothing of ours.
    fn file<'a>(&'a self, url: &'a str) -> Finding<'a>;
}

impl PromptShelf {
    /// Prompts in this folder, which is made when it is needed.
    pub fn new(folder: impl Into<PathBuf>, speech: Arc<dyn Speech>) -> Self {
        Self { folder: folder.into(), speech }
    }

    /// Keeps an audio file as it came, WAV or MP3, as `name` and its kind's ending.
    pub async fn keep(&self, name: &str, bytes: Vec<u8>) -> Result<KeptAudio, KeepError> {
        let (content_type, ending) = kind(&bytes)?;
        let checked = bytes.clone();
        let length = off_thread(move || Ok(decode(checked, Some(content_type))?.duration())).await?;
        if length > KEPT_LENGTH_MAX {
            return Err(KeepError::TooLong(length));
        }
        let file = format!("{name}.{ending}");
        let kept = KeptAudio { file: file.clone(), content_type, bytes: bytes.len() as u64, length };
        let path = self.path(&file);
        off_the_runtime(move || {
            let folder = path.parent().map_or_else(PathBuf::new, PathBuf::from);
            std::fs::create_dir_all(&folder)?;
            let mut partial = tempfile::NamedTempFile::new_in(&folder)?;
            partial.write_all(&bytes)?;
            partial.as_file().sync_all()?;
            partial.persist(&path).map_err(|why| why.error)?;
            Ok(())
        })
        .await?;
        Ok(kept)
    }

    /// Has words spoken, and keeps them as WAV.
    pub async fn speak(&self, name: &str, words: &Utterance) -> Result<KeptAudio, KeepError> {
        let audio = self.speech.say(words).await.map_err(PromptError::from)?;
        let bytes = u32::try_from(audio.samples.len() * 2).unwrap_or(u32::MAX);
        let mut wav = wav_header_at(audio.rate, 1, bytes).to_vec();
        wav.extend(audio.samples.iter().flat_map(|sample| sample.to_le_bytes()));
        self.keep(name, wav).await
    }

    /// Where a file is.
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    /// Removes a file; one that is not there is no error.
    pub async fn remove(&self, file: &str) -> io::Result<()> {
        let path = self.path(file);
        off_the_runtime(move || match std::fs::remove_file(path) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
            _ => Ok(()),
        })
        .await
    }
}

async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// Content type and ending of a file, by what it looks like: whoever uploads it need not know.
fn kind(bytes: &[u8]) -> Result<(&'static str, &'static str), PromptError> {
    let is_mp3 = bytes.starts_with(b"ID3") || matches!(bytes, [0xff, second, ..] if second & 0xe0 == 0xe0);
    match bytes {
        _ if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WAVE") => Ok(("audio/wav", "wav")),
        _ if is_mp3 => Ok(("audio/mpeg", "mp3")),
        _ => Err(PromptError::Undecodable("it is neither WAV nor MP3".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompts::decoded;
    use crate::speech::{Audio, SpeechError};
    use media::detect::share;
    use media::tone::{Tone, render};

    /// Says 500 Hz, whatever the words.
    struct Hum;

    impl Speech for Hum {
        fn say<'a>(
            &'a self,
            what: &'a Utterance,
        ) -> Pin<Box<dyn Future<Output = Result<Audio, SpeechError>> + Send + 'a>> {
            Box::pin(async move {
                match what.language.as_str() {
                    "xx" => Err(SpeechError::NoEngine("xx".into())),
                    _ => Ok(Audio {
                        rate: 8_000,
                        samples: render(&[Tone { hertz: [500.0, 0.0], ms: 1_000 }], -10.0),
                    }),
                }
            })
        }
    }

    fn shelf() -> (tempfile::TempDir, PromptShelf) {
        let folder = tempfile::tempdir().unwrap();
        let shelf = PromptShelf::new(folder.path().join("prompts"), Arc::new(Hum));
        (folder, shelf)
    }

    fn words(language: &str) -> Utterance {
        Utterance {
            text: "hello".into(),
            language: language.into(),
            voice: "woman".into(),
            delivery: Default::default(),
        }
    }

    #[tokio::test]
    async fn a_file_is_kept_as_it_came_and_words_as_they_were_spoken() {
        let (_folder, shelf) = shelf();
        let mp3 = include_bytes!("../../tests/tone-500.mp3").to_vec();
        let kept = shelf.keep("PR1-1", mp3.clone()).await.unwrap();
        assert_eq!((kept.file.as_str(), kept.content_type), ("PR1-1.mp3", "audio/mpeg"));
        assert!(kept.length.as_millis().abs_diff(2_000) < 200, "{:?}", kept.length);
        assert_eq!(std::fs::read(shelf.path(&kept.file)).unwrap(), mp3);

        let spoken = shelf.speak("PR1-2", &words("en")).await.unwrap();
        assert_eq!((spoken.file.as_str(), spoken.length), ("PR1-2.wav", Duration::from_secs(1)));
        let heard = decoded(std::fs::read(shelf.path(&spoken.file)).unwrap(), "audio/wav");
        assert!(share(&heard, 500.0) > 0.99);
        shelf.remove(&spoken.file).await.unwrap();
        shelf.remove(&spoken.file).await.unwrap();
        assert!(!shelf.path(&spoken.file).exists());
    }

    #[tokio::test]
    async fn what_callers_could_not_hear_is_not_kept() {
        let (folder, shelf) = shelf();
        for bytes in [&b"<html>"[..], b"", b"RIFFxxxxWAVE", b"ID3 and then nothing", b"\xff\xfb\x90"] {
            let refused = shelf.keep("PR1-1", bytes.to_vec()).await;
            assert!(matches!(refused, Err(KeepError::Unfit(_))), "{refused:?}");
        }
        let refused = shelf.speak("PR1-1", &words("xx")).await;
        assert!(matches!(refused, Err(KeepError::Unfit(PromptError::Speech(_)))), "{refused:?}");
        let silence = vec![0u8; 8_000 * 60 * 31];
        let mut long = wav_header_at(4_000, 1, u32::try_from(silence.len()).unwrap()).to_vec();
        long.extend(silence);
        let refused = shelf.keep("PR1-1", long).await;
        assert!(matches!(refused, Err(KeepError::TooLong(_))), "{refused:?}");
        assert!(!folder.path().join("prompts").exists());
    }
}
