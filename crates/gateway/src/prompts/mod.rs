//! Prompts: fetched, decoded, encoded once per codec, and kept.

mod cache;
mod decode;
mod error;
mod fetch;
mod shelf;

pub use error::PromptError;
pub use shelf::{Finding, KEPT_LENGTH_MAX, KeepError, KeptAudio, KeptPrompts, PromptShelf};

/// What a file holds, at 8 kHz, for tests of what writes files.
#[cfg(test)]
pub(crate) fn decoded(bytes: Vec<u8>, kind: &str) -> Vec<i16> {
    let clip = decode(bytes, Some(kind)).unwrap();
    let frames = (0..clip.frames()).filter_map(|at| clip.frame(media::g711::Law::Mu, at));
    frames.flat_map(|frame| frame.map(|byte| media::g711::Law::Mu.decode(byte))).collect()
}

use crate::speech::{LocalSpeech, Speech, Utterance};
use cache::{Cache, Kept, Key};
use decode::decode;
use fetch::{FRESH_MIN, Fetched, Fetcher, Validators};
use media::clip::{Clip, Piece};
use media::control::Prompt;
use media::{resample, tone};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;
use tokio::time::Instant;

/// Where prompts come from and how much of them is kept.
#[derive(Clone)]
pub struct PromptSettings {
    /// Whether prompt URLs may point to loopback and private networks. Off unless configured (SSRF).
    pub private_networks: bool,
    /// Most bytes of a prompt's body.
    pub body_bytes_max: usize,
    /// Longest time for fetching one prompt.
    pub fetch_timeout: Duration,
    /// Most bytes of encoded audio kept in memory.
    pub cache_bytes_max: usize,
    /// Who speaks.
    pub speech: Arc<dyn Speech>,
    /// Prompts that are here already.
    pub kept: Option<Arc<dyn KeptPrompts>>,
    /// Authorities (certificates in DER) that are believed beside the public ones.
    pub authorities: Vec<Vec<u8>>,
}

impl Default for PromptSettings {
    fn default() -> Self {
        Self {
            private_networks: false,
            body_bytes_max: 20 << 20,
            fetch_timeout: Duration::from_secs(15),
            cache_bytes_max: 256 << 20,
            speech: Arc::new(LocalSpeech::default()),
            kept: None,
            authorities: Vec::new(),
        }
    }
}

impl std::fmt::Debug for PromptSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PromptSettings")
            .field("private_networks", &self.private_networks)
            .finish_non_exhaustive()
    }
}

/// Turns prompts into what can be played. Clones share one cache.
#[derive(Clone)]
pub struct PromptLoader(Arc<Loader>);

struct Loader {
    settings: PromptSettings,
    fetcher: Fetcher,
    hold_music: Arc<Clip>,
    beep: Arc<Clip>,
    ringbacks: Mutex<HashMap<Arc<str>, Arc<Clip>>>,
    cache: Mutex<Cache>,
    /// Whoever loads a prompt holds its lock; others who want it wait and find it in the cache.
    loading: Mutex<HashMap<Key, Weak<tokio::sync::Mutex<()>>>>,
}

impl PromptLoader {
    /// A loader with an empty cache.
    pub fn new(settings: PromptSettings) -> Result<Self, PromptError> {
        let hold_music = decode(HOLD_MUSIC.to_vec(), Some("audio/wav"))?;
        let beep = Clip::new(&tone::render(&tone::beep(), tone::BEEP_LEVEL));
        let loader = Loader {
            fetcher: Fetcher::new(&settings)?,
            cache: Mutex::new(Cache::new(settings.cache_bytes_max)),
            settings,
            hold_music: Arc::new(hold_music),
            beep: Arc::new(beep),
            ringbacks: Mutex::new(HashMap::new()),
            loading: Mutex::new(HashMap::new()),
        };
        Ok(Self(Arc::new(loader)))
    }

    /// What can be played at once: tones, silence, our own music, and what is in the cache and still fresh.
    pub fn ready(&self, prompt: &Prompt) -> Option<Piece> {
        let loader = &self.0;
        match prompt {
            Prompt::Silence(length) => Some(Piece::silence(*length)),
            Prompt::HoldMusic => Some(Piece::Clip(Arc::clone(&loader.hold_music))),
            Prompt::Beep => Some(Piece::Clip(Arc::clone(&loader.beep))),
            Prompt::Digits(digits) => Some(Piece::Digits(Arc::clone(digits))),
            Prompt::Ringback(country) => Some(Piece::Clip(loader.ringback(country))),
            Prompt::Url(_) | Prompt::Speech { .. } => {
                let kept = lock(&loader.cache).find(&Key::of(prompt)?)?;
                kept.is_fresh(Instant::now()).then_some(Piece::Clip(kept.clip))
            }
        }
    }

    /// Fetches or renders what is not ready.
    pub async fn load(&self, prompt: &Prompt) -> Result<Piece, PromptError> {
        if let Some(piece) = self.ready(prompt) {
            return Ok(piece);
        }
        let Some(key) = Key::of(prompt) else {
            return Err(PromptError::Undecodable("nothing to load".into()));
        };
        let turn = self.0.turn(&key);
        let _mine = turn.lock().await;
        if let Some(piece) = self.ready(prompt) {
            return Ok(piece);
        }
        let kept = match &key {
            Key::Url(url) => self.0.fetch(&key, url).await?,
            Key::Speech(utterance) => Kept::forever(self.0.speak(utterance).await?),
        };
        let clip = Arc::clone(&kept.clip);
        lock(&self.0.cache).keep(key, kept);
        Ok(Piece::Clip(clip))
    }
}

impl Loader {
    fn ringback(&self, country: &Arc<str>) -> Arc<Clip> {
        let mut ringbacks = lock(&self.ringbacks);
        if let Some(clip) = ringbacks.get(country) {
            return Arc::clone(clip);
        }
        let clip = Arc::new(Clip::new(&tone::render(&tone::ringback(country), tone::PROGRESS_LEVEL)));
        if ringbacks.len() < RINGBACKS_MAX {
            ringbacks.insert(Arc::clone(country), Arc::clone(&clip));
        }
        clip
    }

    fn turn(&self, key: &Key) -> Arc<tokio::sync::Mutex<()>> {
        let mut loading = lock(&self.loading);
        if let Some(turn) = loading.get(key).and_then(Weak::upgrade) {
            return turn;
        }
        loading.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::default();
        loading.insert(key.clone(), Arc::downgrade(&turn));
        turn
    }

    async fn fetch(&self, key: &Key, url: &str) -> Result<Kept, PromptError> {
        if let Some(kept) = &self.settings.kept
            && let Some((path, kind)) = kept.file(url).await
        {
            return self.open(key, path, kind).await;
        }
        let before = lock(&self.cache).find(key);
        let validators = before.as_ref().map(|kept| kept.validators.clone()).unwrap_or_default();
        match self.fetcher.fetch(url, &validators).await? {
            Fetched::Unchanged { freshness } => match before {
                Some(kept) => Ok(Kept { fresh_until: Some(Instant::now() + freshness), ..kept }),
                None => Err(PromptError::Status(304)),
            },
            Fetched::Body { bytes, content_type, validators, freshness } => {
                let clip = off_thread(move || decode(bytes, content_type.as_deref())).await?;
                Ok(Kept { clip: Arc::new(clip), validators, fresh_until: Some(Instant::now() + freshness) })
            }
        }
    }

    /// A prompt of our own; what replaces it is another file.
    async fn open(&self, key: &Key, path: PathBuf, kind: String) -> Result<Kept, PromptError> {
        let validators = Validators::of_file(&path);
        let before = lock(&self.cache).find(key).filter(|kept| kept.validators == validators);
        let clip = match before {
            Some(kept) => kept.clip,
            None => {
                let read = move || {
                    let bytes = std::fs::read(&path);
                    decode(bytes.map_err(|why| PromptError::Connection(why.to_string()))?, Some(&kind))
                };
                Arc::new(off_thread(read).await?)
            }
        };
        Ok(Kept { clip, validators, fresh_until: Some(Instant::now() + FRESH_MIN) })
    }

    async fn speak(&self, utterance: &Utterance) -> Result<Arc<Clip>, PromptError> {
        let audio = self.settings.speech.say(utterance).await?;
        let clip = off_thread(move || {
            let samples: Vec<f32> = audio.samples.iter().map(|&s| f32::from(s) / 32_768.0).collect();
            Ok(Clip::new(&resample::to_8k(&samples, audio.rate)))
        })
        .await?;
        Ok(Arc::new(clip))
    }
}

/// Decoding and resampling take a core for a while; calls' tasks do not wait for it.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PromptError> + Send + 'static,
) -> Result<T, PromptError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(PromptError::Undecodable(error.to_string())),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Made by `tools/hold-music/make.py`.
const HOLD_MUSIC: &[u8] = include_bytes!("../../../../tools/hold-music/hold-music.wav");
const RINGBACKS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech::{Audio, SpeechError};
    use media::detect::level;
    use media::g711::Law;
    use std::future::Future;
    use std::pin::Pin;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[derive(Default)]
    struct Parrot(AtomicU32);

    impl Speech for Parrot {
        fn say<'a>(
            &'a self,
            what: &'a Utterance,
        ) -> Pin<Box<dyn Future<Output = Result<Audio, SpeechError>> + Send + 'a>> {
            Box::pin(async move {
                self.0.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                if what.language == "xx" {
                    return Err(SpeechError::NoEngine("xx".into()));
                }
                Ok(Audio { rate: 16_000, samples: vec![0; 16_000] })
            })
        }
    }

    fn speech(text: &str, language: &str) -> Prompt {
        Prompt::Speech {
            text: text.into(),
            language: language.into(),
            voice: "woman".into(),
            delivery: Default::default(),
        }
    }

    fn samples(clip: &Clip) -> Vec<i16> {
        (0..clip.frames()).flat_map(|i| clip.frame(Law::Mu, i).unwrap().map(|b| Law::Mu.decode(b))).collect()
    }

    #[tokio::test]
    async fn what_is_said_is_rendered_once() {
        let parrot = Arc::new(Parrot::default());
        let settings = PromptSettings { speech: parrot.clone(), ..PromptSettings::default() };
        let loader = PromptLoader::new(settings).unwrap();
        assert_eq!(loader.ready(&speech("hello", "en")), None);
        let prompt = speech("hello", "en");
        let (a, b) = tokio::join!(loader.load(&prompt), loader.load(&prompt));
        assert_eq!(a.unwrap(), b.unwrap());
        assert!(loader.ready(&prompt).is_some());
        assert_eq!(parrot.0.load(Ordering::Relaxed), 1);
        assert_eq!(loader.load(&speech("hello", "xx")).await.unwrap_err().code(), 13_512);
    }

    /// A prompt at `/kept`, in whatever file it is now.
    struct Ours(Mutex<PathBuf>);

    impl KeptPrompts for Ours {
        fn file<'a>(&'a self, url: &'a str) -> Finding<'a> {
            let path = lock(&self.0).clone();
            Box::pin(async move { url.ends_with("/kept").then(|| (path, "audio/wav".to_owned())) })
        }
    }

    #[tokio::test]
    async fn a_prompt_of_our_own_is_read_from_its_file_and_anew_when_it_was_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, frames: usize| {
            let samples = vec![0u8; frames * 320];
            let mut wav = crate::media::wav_header(1, u32::try_from(samples.len()).unwrap()).to_vec();
            wav.extend(samples);
            let path = folder.path().join(name);
            std::fs::write(&path, wav).unwrap();
            path
        };
        let ours = Arc::new(Ours(Mutex::new(file("one.wav", 10))));
        let settings = PromptSettings { kept: Some(ours.clone()), ..PromptSettings::default() };
        let loader = PromptLoader::new(settings).unwrap();
        // Loopback is not allowed: nobody is asked over HTTP.
        let prompt = Prompt::Url("http://127.0.0.1:1/kept".into());
        let frames = async || match loader.load(&prompt).await.unwrap() {
            Piece::Clip(clip) => clip.frames(),
            other => panic!("{other:?}"),
        };
        assert_eq!(frames().await, 10);
        *lock(&ours.0) = file("two.wav", 20);
        let replaced = async {
            while frames().await != 20 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(FRESH_MIN * 10, replaced).await.expect("the new file is read");
        let elsewhere = Prompt::Url("http://127.0.0.1:1/elsewhere".into());
        assert_eq!(loader.load(&elsewhere).await.unwrap_err().code(), 11_210);
    }

    #[test]
    fn hold_music_is_quiet_and_its_seam_is_no_click() {
        let loader = PromptLoader::new(PromptSettings::default()).unwrap();
        let Some(Piece::Clip(music)) = loader.ready(&Prompt::HoldMusic) else { panic!("no music") };
        assert_eq!(music.duration(), Duration::from_secs(24));
        let samples = samples(&music);
        assert!((level(&samples) + 18.0).abs() < 1.0, "{}", level(&samples));
        let step = |a: i16, b: i16| (i32::from(a) - i32::from(b)).abs();
        let largest = samples.windows(2).map(|w| step(w[0], w[1])).max().unwrap();
        assert!(step(samples[0], samples[samples.len() - 1]) <= largest);
        for second in samples.chunks(8_000) {
            assert!(level(second) > -30.0, "a second of the music is silent");
        }
    }

    #[test]
    fn tones_are_ready_at_once() {
        let loader = PromptLoader::new(PromptSettings::default()).unwrap();
        let Some(Piece::Clip(us)) = loader.ready(&Prompt::Ringback("us".into())) else { panic!("no tone") };
        assert_eq!(us.duration(), Duration::from_secs(6));
        assert!(loader.ready(&Prompt::Beep).is_some());
        assert_eq!(loader.ready(&Prompt::Silence(Duration::from_secs(1))), Some(Piece::Silence(50)));
    }
}
