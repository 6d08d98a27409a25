//! `<Say>` and the speech markup inside it.

use super::element::Element;
use super::{Failure, Notes, shorten};
use crate::verb::{SAY_CHARS_MAX, Say};
use roxmltree::Node;
use std::collections::BTreeSet;

/// Codes of a wrong loop and a wrong language.
pub(super) type SayCodes = [u32; 2];

pub(super) const SAY_CODES: SayCodes = [13510, 13512];

/// `None` for a `<Say>` without words, which is skipped.
pub(super) fn say(node: Node<'_, '_>, notes: &mut Notes, codes: SayCodes) -> Result<Option<Say>, Failure> {
    let mut element = Element::new(node, notes);
    let times = element.times(codes[0]);
    let voice = element.text("voice");
    let language = element.parse("language", codes[1], language).unwrap_or_else(default_language);
    let (mut text, plain) = spoken(node);
    for name in plain {
        let message = format!("<{}> in <Say> changes nothing: its words are said plainly", shorten(&name));
        element.notes.warn(node, 12200, message);
    }
    if text.is_empty() {
        element.illegal(13520, "<Say> has nothing to say");
    }
    if let Some((end, _)) = text.char_indices().nth(SAY_CHARS_MAX) {
        element
            .illegal(13521, format!("<Say> has more than {SAY_CHARS_MAX} characters; the rest is not said"));
        text.truncate(end);
        text.truncate(text.trim_end().len());
    }
    element.finish()?;
    Ok((!text.is_empty()).then_some(Say { text, voice, language, times }))
}

pub(super) fn default_language() -> String {
    "en-US".to_owned()
}

/// A language tag: two or three letters, then subtags (BCP 47, loosely).
pub(super) fn language(text: &str) -> Option<String> {
    let mut parts = text.split('-');
    let primary = parts.next()?;
    let letters = (2..=3).contains(&primary.len()) && primary.bytes().all(|b| b.is_ascii_alphabetic());
    let subtag =
        |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
    (letters && text.len() <= 35 && parts.all(subtag)).then(|| text.to_owned())
}

/// The words to be said: markup is turned into punctuation and spelling, blanks are collapsed. With the names of what
/// cannot be heard, each once.
fn spoken(node: Node<'_, '_>) -> (String, BTreeSet<String>) {
    let mut speech = Speech::default();
    speech.children(node);
    speech.text.truncate(speech.text.trim_end().len());
    (speech.text, speech.plain)
}

#[derive(Default)]
struct Speech {
    text: String,
    /// Tags without an effect.
    plain: BTreeSet<String>,
}

impl Speech {
    /// Depth is bounded by the document's.
    fn children(&mut self, node: Node<'_, '_>) {
        for child in node.children() {
            if child.is_text() {
                self.words(child.text().unwrap_or_default());
            } else if child.is_element() {
                self.element(child);
            }
        }
    }

    fn element(&mut self, node: Node<'_, '_>) {
        match node.tag_name().name() {
            "break" => self.stop(',', node),
            "p" | "s" => {
                self.children(node);
                self.stop('.', node);
            }
            "sub" => match node.attribute("alias") {
                Some(alias) => self.words(alias),
                None => self.children(node),
            },
            "say-as" => match node.attribute("interpret-as") {
                Some("characters" | "spell-out" | "digits" | "telephone") => self.spelled(node),
                Some("expletive") => self.words(" beep "),
                _ => self.children(node),
            },
            "speak" => self.children(node),
            other => {
                self.plain.insert(other.to_owned());
                self.children(node);
            }
        }
    }

    /// Adds text, collapsing blanks across pieces.
    fn words(&mut self, text: &str) {
        for (at, word) in text.split_whitespace().enumerate() {
            if at > 0 || text.starts_with(char::is_whitespace) {
                self.blank();
            }
            self.text.push_str(word);
        }
        if text.ends_with(char::is_whitespace) {
            self.blank();
        }
    }

    fn spelled(&mut self, node: Node<'_, '_>) {
        let mut inner = Self::default();
        inner.children(node);
        self.plain.append(&mut inner.plain);
        let mut letters = String::new();
        for letter in inner.text.chars().filter(|c| c.is_alphanumeric()) {
            letters.push(letter);
            letters.push(' ');
        }
        self.blank();
        self.words(letters.trim_end());
    }

    /// A pause, as a punctuation mark, unless one is there already or nothing was said before.
    fn stop(&mut self, mark: char, node: Node<'_, '_>) {
        let none = node.attribute("strength") == Some("none") || node.attribute("time") == Some("0s");
        let said = self.text.trim_end();
        if !none && said.ends_with(|c: char| !matches!(c, ',' | '.' | ';' | ':' | '!' | '?')) {
            self.text.truncate(said.len());
            self.text.push(mark);
        }
        self.blank();
    }

    fn blank(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with(' ') {
            self.text.push(' ');
        }
    }
}
