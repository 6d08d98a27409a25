//! XML elements into verbs.

mod dial;
mod element;
mod enqueue;
mod gather;
pub(crate) mod record;
mod say;
mod say_as;
pub(crate) mod stream;

use crate::document::{Document, Parsed, VERBS_MAX, WARNINGS_MAX, Warning};
use crate::verb::{Method, Pause, Play, PlaySource, Redirect, Reject, RejectReason, Verb};
use crate::vocabulary::SKIPPED_VERBS;
use element::Element;

pub(crate) use dial::{
    BEEPS, CALL_EVENTS, CONFERENCE_EVENTS, DIAL_RECORDS, RECORDING_EVENTS, SILENCE_MS, SPEECH_END_MS,
    SPEECH_MS, TRACKS,
};
use roxmltree::Node;
use std::time::Duration;

/// Longest `<Pause>`, `<Gather timeout>` and the like, in seconds.
const SECONDS_MAX: u32 = 86_400;

pub(crate) fn response(xml: &roxmltree::Document<'_>) -> Parsed {
    let mut notes = Notes::default();
    let root = xml.root_element();
    let mut verbs = Vec::new();
    Element::new(root, &mut notes).finish_unless_failed();
    for child in root.children() {
        if child.is_element() {
            verbs.extend(verb(child, &mut notes));
        } else if child.is_text() && !child.text().unwrap_or_default().trim().is_empty() {
            notes.warn(child, 12200, "text between verbs is ignored");
        }
        if verbs.len() > VERBS_MAX {
            break;
        }
    }
    Parsed { document: Document { verbs }, warnings: notes.warnings }
}

/// The verb that `node` is; `None` where it is skipped.
fn verb(node: Node<'_, '_>, notes: &mut Notes) -> Option<Verb> {
    let name = node.tag_name().name();
    let read = match name {
        "Say" => say::say(node, notes, say::SAY_CODES).map(|say| say.map(Verb::Say)),
        "Play" => play(node, notes).map(|play| play.map(Verb::Play)),
        "Pause" => Ok(Some(Verb::Pause(pause(node, notes)))),
        "Gather" => gather::gather(node, notes).map(|gather| Some(Verb::Gather(gather))),
        "Record" => record::record(node, notes).map(|record| Some(Verb::Record(record))),
        "Dial" => dial::dial(node, notes).map(|dial| Some(Verb::Dial(Box::new(dial)))),
        "Enqueue" => enqueue::enqueue(node, notes).map(|enqueue| Some(Verb::Enqueue(enqueue))),
        "Redirect" => Ok(Some(Verb::Redirect(redirect(node, notes)))),
        "Reject" => Ok(Some(Verb::Reject(reject(node, notes)))),
        "Start" => stream::start(node, notes),
        "Stop" => stream::stop(node, notes),
        "Connect" => stream::connect(node, notes),
        "Refer" => dial::refer(node, notes).map(|refer| refer.map(Verb::Refer)),
        "Hangup" => {
            Element::new(node, notes).finish_unless_failed();
            Ok(Some(Verb::Hangup))
        }
        "Leave" => {
            Element::new(node, notes).finish_unless_failed();
            Ok(Some(Verb::Leave))
        }
        _ if SKIPPED_VERBS.contains(&name) => {
            notes.warn(node, 12200, format!("<{name}> is not supported and is skipped"));
            Ok(Some(Verb::Unsupported { name: name.to_owned() }))
        }
        _ => {
            notes.warn(node, 12200, format!("<{}> is not a verb and is skipped", shorten(name)));
            Ok(None)
        }
    };
    read.unwrap_or_else(|Failure { code, message }| Some(Verb::Failed { code, message }))
}

fn play(node: Node<'_, '_>, notes: &mut Notes) -> Result<Option<Play>, Failure> {
    let mut element = Element::new(node, notes);
    let times = element.times(13410);
    let digits = element.raw("digits").map(str::trim).filter(|digits| !digits.is_empty());
    let source = match digits {
        Some(digits) if is_tones(digits) => Some(PlaySource::Digits(digits.to_owned())),
        Some(digits) => {
            element.illegal(13430, format!("'{}' are not digits to play", shorten(digits)));
            None
        }
        None => None,
    };
    let url = element.content();
    let source = match source {
        None if !url.is_empty() => Some(PlaySource::Url(url)),
        None if digits.is_none() => {
            element.illegal(11100, "<Play> has no URL");
            None
        }
        source => source,
    };
    element.finish()?;
    Ok(source.map(|source| Play { source, times }))
}

fn pause(node: Node<'_, '_>, notes: &mut Notes) -> Pause {
    let mut element = Element::new(node, notes);
    let length = element.seconds("length", 1..=SECONDS_MAX, Duration::from_secs(1), 13910);
    element.finish_unless_failed();
    Pause { length }
}

fn redirect(node: Node<'_, '_>, notes: &mut Notes) -> Redirect {
    let mut element = Element::new(node, notes);
    let method = element.method("method", Method::Post, 13710);
    let url = element.content();
    element.finish_unless_failed();
    Redirect { url, method }
}

fn reject(node: Node<'_, '_>, notes: &mut Notes) -> Reject {
    const REASONS: [(&str, RejectReason); 2] =
        [("rejected", RejectReason::Rejected), ("busy", RejectReason::Busy)];
    let mut element = Element::new(node, notes);
    let reason = element.choice("reason", &REASONS, RejectReason::Rejected, 13810);
    element.finish_unless_failed();
    Reject { reason }
}

fn is_tones(text: &str) -> bool {
    text.chars().all(|c| matches!(c, '0'..='9' | 'A'..='D' | '*' | '#' | 'w' | 'W'))
}

/// A value as a message shows it.
fn shorten(text: &str) -> String {
    const SHOWN: usize = 60;
    match text.char_indices().nth(SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// A verb that cannot run.
pub(crate) struct Failure {
    code: u32,
    message: String,
}

/// What was odd so far.
#[derive(Default)]
pub(crate) struct Notes {
    warnings: Vec<Warning>,
}

impl Notes {
    fn warn(&mut self, node: Node<'_, '_>, code: u32, message: impl Into<String>) {
        if self.warnings.len() < WARNINGS_MAX {
            let line = node.document().text_pos_at(node.range().start).row;
            self.warnings.push(Warning { code, message: message.into(), line });
        }
    }
}
