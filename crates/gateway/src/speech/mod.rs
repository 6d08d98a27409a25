//! Text to speech: a trait, and the engines of this machine.

mod local;
mod voices;

pub use local::LocalSpeech;

use media::control::Delivery;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// Samples of one channel and their rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audio {
    /// Samples per second.
    pub rate: u32,
    /// 16-bit samples.
    pub samples: Vec<i16>,
}

/// What is to be said.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Utterance {
    /// Plain text.
    pub text: String,
    /// BCP 47, `en-US`.
    pub language: String,
    /// As in TwiML: `man`, `woman`, `Polly.Joanna`.
    pub voice: String,
    /// How fast, how high, how loud.
    pub delivery: Delivery,
}

/// Why something could not be said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpeechError {
    /// No installed engine speaks it.
    #[error("no speech engine for language {0} is installed")]
    NoEngine(String),
    /// There is nothing to say.
    #[error("there is no text")]
    Empty,
    /// The engine took too long.
    #[error("speech engine did not finish in {0:?}")]
    TimedOut(Duration),
    /// The engine failed.
    #[error("speech engine failed: {0}")]
    Failed(String),
}

/// A speech engine.
pub trait Speech: Send + Sync {
    /// Says it.
    fn say<'a>(
        &'a self,
        what: &'a Utterance,
    ) -> Pin<Box<dyn Future<Output = Result<Audio, SpeechError>> + Send + 'a>>;
}
