//! What was loaded and may be wanted again.

use super::fetch::Validators;
use crate::speech::Utterance;
use media::clip::Clip;
use media::control::Prompt;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::time::Instant;

/// What a kept prompt is known by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Url(Arc<str>),
    Speech(Utterance),
}

impl Key {
    /// `None` for what need not be kept.
    pub(super) fn of(prompt: &Prompt) -> Option<Self> {
        match prompt {
            Prompt::Url(url) => Some(Self::Url(Arc::clone(url))),
            Prompt::Speech { text, language, voice, delivery } => Some(Self::Speech(Utterance {
                text: text.to_string(),
                language: language.to_string(),
                voice: voice.to_string(),
                delivery: *delivery,
            })),
            _ => None,
        }
    }
}

/// A prompt in the cache.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) clip: Arc<Clip>,
    /// To ask the server whether it is still the same.
    pub(super) validators: Validators,
    /// Until then nobody asks; `None`: never.
    pub(super) fresh_until: Option<Instant>,
}

impl Kept {
    /// What never changes.
    pub(super) fn forever(clip: Arc<Clip>) -> Self {
        Self { clip, validators: Validators::default(), fresh_until: None }
    }

    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        self.fresh_until.is_none_or(|until| now < until)
    }
}

/// Keeps so many bytes; what was not used for longest goes first.
pub(super) struct Cache {
    bytes_max: usize,
    bytes: usize,
    uses: u64,
    kept: HashMap<Key, (Kept, u64)>,
}

impl Cache {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, bytes: 0, uses: 0, kept: HashMap::new() }
    }

    pub(super) fn find(&mut self, key: &Key) -> Option<Kept> {
        self.uses += 1;
        let (kept, used) = self.kept.get_mut(key)?;
        *used = self.uses;
        Some(kept.clone())
    }

    pub(super) fn keep(&mut self, key: Key, kept: Kept) {
        self.remove(&key);
        let bytes = kept.clip.bytes();
        if bytes > self.bytes_max {
            return;
        }
        while self.bytes + bytes > self.bytes_max || self.kept.len() >= PROMPTS_MAX {
            let oldest = self.kept.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { break };
            self.remove(&oldest);
        }
        self.uses += 1;
        self.bytes += bytes;
        self.kept.insert(key, (kept, self.uses));
    }

    fn remove(&mut self, key: &Key) {
        if let Some((kept, _)) = self.kept.remove(key) {
            self.bytes -= kept.clip.bytes();
        }
    }
}

/// Most prompts kept, however short.
const PROMPTS_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(frames: usize) -> Kept {
        Kept::forever(Arc::new(Clip::new(&vec![0; frames * 160])))
    }

    fn key(url: &str) -> Key {
        Key::Url(url.into())
    }

    #[test]
    fn what_was_not_used_for_longest_makes_room() {
        let mut cache = Cache::new(3 * 320);
        for url in ["a", "b", "c"] {
            cache.keep(key(url), kept(1));
        }
        assert!(cache.find(&key("a")).is_some());
        cache.keep(key("d"), kept(2));
        let left: Vec<_> =
            ["a", "b", "c", "d"].into_iter().filter(|u| cache.find(&key(u)).is_some()).collect();
        assert_eq!(left, ["a", "d"]);
        cache.keep(key("huge"), kept(4));
        assert!(cache.find(&key("huge")).is_none() && cache.find(&key("a")).is_some());
        cache.keep(key("a"), kept(1));
        assert_eq!(cache.bytes, 3 * 320);
    }
}
