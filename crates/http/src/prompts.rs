//! Where the audio of prompts is kept, and who speaks their words.

use crate::Pending;
use std::path::PathBuf;
use std::time::Duration;

/// Largest audio file that is taken as a prompt, in bytes.
pub const PROMPT_BYTES_MAX: usize = 20 * 1024 * 1024;

/// Words for the speech provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptWords {
    /// Plain text or SSML.
    pub text: String,
    /// BCP 47, `en-US`.
    pub language: String,
}

/// A file that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptPrompt {
    /// Its name in the folder.
    pub file: String,
    /// `audio/wav` or `audio/mpeg`.
    pub content_type: &'static str,
    /// Its size.
    pub bytes: u64,
    /// How long it plays.
    pub length: Duration,
}

/// Where the audio of prompts is kept. Errors are for the operator; an inner one is for whoever brought the audio or the words.
pub trait PromptMedia: Send + Sync {
    /// Keeps an audio file under a new name.
    fn keep(&self, name: String, audio: Vec<u8>) -> Pending<'_, Result<KeptPrompt, String>>;
    /// Has words spoken and keeps them under a new name.
    fn speak(&self, name: String, words: PromptWords) -> Pending<'_, Result<KeptPrompt, String>>;
    /// Where a file is.
    fn path(&self, file: &str) -> PathBuf;
    /// Removes a file; one that is not there is no error.
    fn remove(&self, file: String) -> Pending<'_, ()>;
}

/// No prompts: an API without telephony.
#[derive(Debug, Clone, Copy)]
pub struct NoPrompts;

const NOBODY: &str = "this server keeps no prompts";

impl PromptMedia for NoPrompts {
    fn keep(&self, _: String, _: Vec<u8>) -> Pending<'_, Result<KeptPrompt, String>> {
        Box::pin(async { Ok(Err(NOBODY.to_owned())) })
    }

    fn speak(&self, _: String, _: PromptWords) -> Pending<'_, Result<KeptPrompt, String>> {
        Box::pin(async { Ok(Err(NOBODY.to_owned())) })
    }

    fn path(&self, file: &str) -> PathBuf {
        PathBuf::from(file)
    }

    fn remove(&self, _: String) -> Pending<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}
