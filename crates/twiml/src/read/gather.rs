//! `<Gather>` and its prompts.

use super::element::Element;
use super::{Failure, Notes, SECONDS_MAX, pause, play, say, shorten};
use crate::verb::{Gather, HINT_CHARS_MAX, HINTS_MAX, Hook, Method, PlaySource, Prompt, SpeechTimeout};
use roxmltree::Node;
use std::time::Duration;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Dtmf,
    Speech,
}

pub(super) fn gather(node: Node<'_, '_>, notes: &mut Notes) -> Result<Gather, Failure> {
    let mut element = Element::new(node, notes);
    let kinds =
        element.choices("input", &[("dtmf", Kind::Dtmf), ("speech", Kind::Speech)], &[Kind::Dtmf], 13326);
    let speech_model = element.text("speechModel");
    let speech_timeout = speech_timeout(&mut element, speech_model.as_deref());
    let partial_method = element.method("partialResultCallbackMethod", Method::Post, 13329);
    let gather = Gather {
        action: element.text("action"),
        method: element.method("method", Method::Post, 13312),
        dtmf: kinds.contains(&Kind::Dtmf),
        speech: kinds.contains(&Kind::Speech),
        timeout: element.seconds("timeout", 1..=SECONDS_MAX, Duration::from_secs(5), 13313),
        finish_on_key: element.parse("finishOnKey", 13310, finish_on_key).unwrap_or(Some('#')),
        num_digits: element.whole("numDigits", 1..=u32::MAX, 13314),
        action_on_empty_result: element.flag("actionOnEmptyResult", false, 13338),
        speech_timeout,
        max_speech_time: element.seconds("maxSpeechTime", 1..=SECONDS_MAX, Duration::from_secs(60), 13328),
        speech_model: speech_model.unwrap_or_else(|| "default".to_owned()),
        enhanced: element.flag("enhanced", false, 12200),
        hints: hints(&mut element),
        language: element.parse("language", 13331, say::language).unwrap_or_else(say::default_language),
        profanity_filter: element.flag("profanityFilter", true, 13333),
        partial_result_callback: element
            .text("partialResultCallback")
            .map(|url| Hook { url, method: partial_method }),
        barge_in: element.flag("bargeIn", true, 13332),
        prompts: Vec::new(),
    };
    let prompts = prompts(&mut element)?;
    element.finish()?;
    Ok(Gather { prompts, ..gather })
}

/// Empty takes every key as input.
fn finish_on_key(text: &str) -> Option<Option<char>> {
    let mut keys = text.chars();
    match (keys.next(), keys.next()) {
        (None, _) => Some(None),
        (Some(key @ ('0'..='9' | '#' | '*')), None) => Some(Some(key)),
        _ => None,
    }
}

fn speech_timeout(element: &mut Element<'_, '_, '_>, model: Option<&str>) -> SpeechTimeout {
    let read = |text: &str| match text {
        "auto" => Some(SpeechTimeout::Auto),
        seconds => seconds
            .parse()
            .ok()
            .filter(|seconds| (1..=u64::from(SECONDS_MAX)).contains(seconds))
            .map(|seconds| SpeechTimeout::After(Duration::from_secs(seconds))),
    };
    let timeout = element.parse("speechTimeout", 13327, read).unwrap_or(SpeechTimeout::Timeout);
    if timeout == SpeechTimeout::Auto && model == Some("default") {
        element.illegal(13335, "speechTimeout=\"auto\" does not go with speechModel=\"default\"");
    }
    timeout
}

fn hints(element: &mut Element<'_, '_, '_>) -> Vec<String> {
    let mut hints = Vec::new();
    for hint in element.raw("hints").unwrap_or_default().split(',').map(str::trim) {
        if hint.chars().count() > HINT_CHARS_MAX {
            element.illegal(13330, format!("a hint has at most {HINT_CHARS_MAX} characters"));
        } else if hints.len() == HINTS_MAX {
            element.illegal(13330, format!("there are at most {HINTS_MAX} hints"));
            break;
        } else if !hint.is_empty() {
            hints.push(hint.to_owned());
        }
    }
    hints
}

fn prompts(element: &mut Element<'_, '_, '_>) -> Result<Vec<Prompt>, Failure> {
    let mut prompts = Vec::new();
    for child in element.node.children().filter(Node::is_element) {
        let notes = &mut *element.notes;
        let prompt = match child.tag_name().name() {
            "Say" => say::say(child, notes, [13322, 13512])?.map(Prompt::Say),
            "Play" => match play(child, notes)? {
                Some(play) if matches!(play.source, PlaySource::Digits(_)) => {
                    notes.warn(child, 13320, "<Play digits> is not allowed inside <Gather>; it is skipped");
                    None
                }
                play => play.map(Prompt::Play),
            },
            "Pause" => Some(Prompt::Pause(pause(child, notes))),
            other => {
                let message = format!("<{}> is not allowed inside <Gather>; it is skipped", shorten(other));
                notes.warn(child, 13320, message);
                None
            }
        };
        prompts.extend(prompt);
    }
    Ok(prompts)
}
