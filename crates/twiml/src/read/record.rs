//! `<Record>`

use super::dial::{TRIMS, recording_status};
use super::element::Element;
use super::{Failure, Notes};
use crate::verb::{Method, Record};
use roxmltree::Node;
use std::time::Duration;

/// Keys that end a recording unless it says otherwise.
pub(crate) const FINISH_KEYS: &str = "1234567890*#";
/// Longest silence that can be waited for, in seconds.
const QUIET_SECONDS_MAX: u32 = 14_400;
/// Longest recording, in seconds.
const LENGTH_SECONDS_MAX: u32 = 86_400;
/// How long silence ends a recording unless it says otherwise, in seconds.
pub(crate) const QUIET_SECONDS: u64 = 5;
/// Longest recording unless it says otherwise, in seconds.
pub(crate) const LENGTH_SECONDS: u64 = 3_600;
/// The same if it is to be transcribed.
pub(crate) const TRANSCRIBED_SECONDS: u64 = 120;

pub(super) fn record(node: Node<'_, '_>, notes: &mut Notes) -> Result<Record, Failure> {
    let mut element = Element::new(node, notes);
    let transcribe = element.flag("transcribe", false, 13614);
    let length = Duration::from_secs(if transcribe { TRANSCRIBED_SECONDS } else { LENGTH_SECONDS });
    let quiet = element.whole("timeout", 0..=QUIET_SECONDS_MAX, 13611).map_or(QUIET_SECONDS, u64::from);
    let record = Record {
        action: element.text("action"),
        method: element.method("method", Method::Post, 13610),
        timeout: (quiet > 0).then(|| Duration::from_secs(quiet)),
        finish_on_key: element
            .parse("finishOnKey", 13613, finish_on_key)
            .unwrap_or_else(|| FINISH_KEYS.to_owned()),
        max_length: element.seconds("maxLength", 2..=LENGTH_SECONDS_MAX, length, 13612),
        play_beep: element.flag("playBeep", true, 13618),
        trim: element.choice("trim", &TRIMS, true, 12200),
        recording_status: recording_status(&mut element),
        transcribe,
        transcribe_callback: element.text("transcribeCallback"),
    };
    element.finish()?;
    Ok(record)
}

/// A set of keys; empty lets no key end it.
fn finish_on_key(text: &str) -> Option<String> {
    text.chars().all(|c| c.is_ascii_digit() || matches!(c, '*' | '#')).then(|| text.to_owned())
}
