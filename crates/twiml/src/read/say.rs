//! `<Say>` and the speech markup inside it (SSML, as far as it can be heard).

use super::element::Element;
use super::say_as::{self, Reading};
use super::{Failure, Notes, shorten};
use crate::document::{DEPTH_MAX, NODES_MAX};
use crate::say::{BREAK_MAX, Delivery, SAY_CHARS_MAX, SAY_PARTS_MAX, Say, SayPart, Words};
use crate::vocabulary::{UNHEARD_TAGS, knows};
use roxmltree::{Node, ParsingOptions};
use std::collections::BTreeSet;
use std::time::Duration;

/// Codes of a wrong loop and a wrong language.
pub(super) type SayCodes = [u32; 2];

pub(super) const SAY_CODES: SayCodes = [13510, 13512];

/// Pauses of `<break strength>`.
const STRENGTHS: [(&str, u64); 6] =
    [("none", 0), ("x-weak", 150), ("weak", 250), ("medium", 400), ("strong", 700), ("x-strong", 1_000)];
/// The pause of a `<break>` without attributes, in milliseconds.
const MEDIUM_MS: u64 = 400;
/// Pauses after a sentence and a paragraph.
const SENTENCE: Duration = Duration::from_millis(400);
const PARAGRAPH: Duration = Duration::from_millis(800);
/// `rate`, in percent.
const RATES: [(&str, u16); 6] =
    [("x-slow", 50), ("slow", 75), ("medium", 100), ("default", 100), ("fast", 130), ("x-fast", 170)];
const RATE: (u16, u16) = (20, 200);
/// `pitch`, in percent.
const PITCHES: [(&str, u16); 6] =
    [("x-low", 70), ("low", 85), ("medium", 100), ("default", 100), ("high", 120), ("x-high", 145)];
const PITCH: (u16, u16) = (67, 150);
/// `volume`, in dB.
const VOLUMES: [(&str, i8); 7] = [
    ("silent", Delivery::SILENT),
    ("x-soft", -12),
    ("soft", -6),
    ("medium", 0),
    ("default", 0),
    ("loud", 4),
    ("x-loud", 8),
];
const VOLUME: (i8, i8) = (-40, 20);
/// Rate in percent and volume in dB of `<emphasis level>`.
const EMPHASES: [(&str, (u16, i8)); 4] =
    [("strong", (80, 5)), ("moderate", (90, 3)), ("none", (100, 0)), ("reduced", (110, -4))];

/// `None` for a `<Say>` without words, which is skipped.
pub(super) fn say(node: Node<'_, '_>, notes: &mut Notes, codes: SayCodes) -> Result<Option<Say>, Failure> {
    let mut element = Element::new(node, notes);
    let times = element.times(codes[0]);
    let voice = element.text("voice");
    let language = element.parse("language", codes[1], language).unwrap_or_else(default_language);
    let mut speech = Speech::new(&language);
    speech.all(node);
    for message in &speech.odd {
        element.notes.warn(node, 12200, message);
    }
    if speech.full {
        element
            .illegal(13521, format!("<Say> has more than {SAY_CHARS_MAX} characters; the rest is not said"));
    }
    let parts = speech.finish();
    if parts.is_empty() {
        element.illegal(13520, "<Say> has nothing to say");
    }
    element.finish()?;
    Ok((!parts.is_empty()).then_some(Say { parts, voice, language, times }))
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

/// How what stands in a tag is said.
#[derive(Clone, PartialEq)]
struct Manner {
    language: Option<String>,
    delivery: Delivery,
}

/// A `<Say>` as it is read.
struct Speech<'a> {
    /// Of the whole.
    language: &'a str,
    parts: Vec<SayPart>,
    manner: Manner,
    /// Characters so far.
    chars: usize,
    full: bool,
    /// The last pause stands between sentences, and gives way to a longer one.
    between: bool,
    /// A blank came after the last word.
    blank: bool,
    /// What cannot be heard, each once.
    odd: BTreeSet<String>,
}

impl<'a> Speech<'a> {
    fn new(language: &'a str) -> Self {
        let manner = Manner { language: None, delivery: Delivery::default() };
        let (parts, odd) = (Vec::new(), BTreeSet::new());
        Self { language, parts, manner, chars: 0, full: false, between: false, blank: false, odd }
    }

    /// Markup may also come as text: applications escape what they put into a document.
    fn all(&mut self, node: Node<'_, '_>) {
        let text = super::element::content(node);
        if text.starts_with("<speak") && text.matches('<').count() <= 2 * DEPTH_MAX {
            let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX };
            if let Ok(inner) = roxmltree::Document::parse_with_options(&text, options) {
                return self.children(inner.root());
            }
        }
        self.children(node);
    }

    /// Pauses between sentences at either end are nobody's.
    fn finish(mut self) -> Vec<SayPart> {
        if self.between && matches!(self.parts.last(), Some(SayPart::Pause(_))) {
            self.parts.pop();
        }
        let said = |part: &SayPart| matches!(part, SayPart::Words(_));
        if self.parts.iter().any(said) { self.parts } else { Vec::new() }
    }

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
        let name = node.tag_name().name();
        match name {
            "speak" => self.children(node),
            "break" => self.pause(node),
            "p" => self.sentence(node, PARAGRAPH),
            "s" => self.sentence(node, SENTENCE),
            "sub" => match node.attribute("alias") {
                Some(alias) => self.words(alias),
                None => self.children(node),
            },
            "say-as" => self.read_as(node),
            "prosody" => {
                let delivery = self.prosody(node);
                self.within(Manner { delivery, ..self.manner.clone() }, node);
            }
            "emphasis" => {
                let level = self.choose(node, "level", &EMPHASES).unwrap_or((90, 3));
                let delivery = combine(self.manner.delivery, level.0, 100, level.1);
                self.within(Manner { delivery, ..self.manner.clone() }, node);
            }
            "lang" => {
                let tag = attribute(node, "lang").and_then(language);
                if tag.is_none() {
                    self.odd.insert("<lang> in <Say> has no valid xml:lang; it changes nothing".to_owned());
                }
                let language = tag.or_else(|| self.manner.language.clone());
                self.within(Manner { language, ..self.manner.clone() }, node);
            }
            _ => {
                let is = if UNHEARD_TAGS.contains(&name) {
                    "changes nothing"
                } else {
                    "is no markup that is known"
                };
                self.odd.insert(format!("<{}> in <Say> {is}: its words are said plainly", shorten(name)));
                self.children(node);
            }
        }
    }

    fn within(&mut self, manner: Manner, node: Node<'_, '_>) {
        let before = std::mem::replace(&mut self.manner, manner);
        self.children(node);
        self.manner = before;
    }

    fn sentence(&mut self, node: Node<'_, '_>, pause: Duration) {
        self.children(node);
        if let Some(SayPart::Words(words)) = self.parts.last_mut()
            && !words.text.ends_with([',', '.', ';', ':', '!', '?'])
        {
            words.text.push('.');
        }
        match self.parts.last_mut() {
            None => {}
            Some(SayPart::Pause(last)) if self.between => *last = pause.max(*last),
            Some(SayPart::Pause(_)) => {}
            Some(SayPart::Words(_)) => {
                self.silence(pause);
                self.between = true;
            }
        }
    }

    fn pause(&mut self, node: Node<'_, '_>) {
        let strength = self.choose(node, "strength", &STRENGTHS).unwrap_or(MEDIUM_MS);
        let length = match attribute(node, "time") {
            None => Duration::from_millis(strength),
            Some(text) => match time(text) {
                Some(length) if length <= BREAK_MAX => length,
                read => {
                    let why = if read.is_some() { "is longer than 10 s" } else { "is no time" };
                    self.odd.insert(format!("time=\"{}\" of <break> {why}", shorten(text)));
                    read.map_or(Duration::from_millis(strength), |_| BREAK_MAX)
                }
            },
        };
        self.silence(length);
    }

    fn silence(&mut self, length: Duration) {
        self.blank = length.is_zero();
        // The last part is for words.
        let room = self.parts.len() + 1 < SAY_PARTS_MAX;
        match self.parts.last_mut() {
            _ if length.is_zero() => {}
            Some(SayPart::Pause(last)) if !self.between && *last + length <= BREAK_MAX => *last += length,
            _ if room => self.parts.push(SayPart::Pause(length)),
            _ => {
                self.odd.insert(too_many());
                self.blank = true;
            }
        }
        self.between = false;
    }

    fn prosody(&mut self, node: Node<'_, '_>) -> Delivery {
        let own = self.manner.delivery;
        let rate = self.value(node, "rate", &RATES, |text| percent(text, false)).unwrap_or(100);
        let pitch = self.value(node, "pitch", &PITCHES, |text| percent(text, true)).unwrap_or(100);
        let volume = self.value(node, "volume", &VOLUMES, decibels).unwrap_or(0);
        combine(own, rate, pitch, volume)
    }

    /// The word or number of an attribute; what is neither is told and counts as not given.
    fn value<T: Copy>(
        &mut self,
        node: Node<'_, '_>,
        name: &str,
        words: &[(&str, T)],
        number: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = attribute(node, name)?.trim();
        let word = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        let value = word.or_else(|| number(text));
        if value.is_none() {
            let tag = node.tag_name().name();
            self.odd.insert(format!("{name}=\"{}\" is not valid in <{tag}>", shorten(text)));
        }
        value
    }

    fn choose<T: Copy>(&mut self, node: Node<'_, '_>, name: &str, words: &[(&str, T)]) -> Option<T> {
        self.value(node, name, words, |_| None)
    }

    fn read_as(&mut self, node: Node<'_, '_>) {
        let mut inner = Speech::new(self.language);
        inner.children(node);
        self.odd.append(&mut inner.odd);
        let parts = inner.finish();
        let words = parts.iter().filter_map(|part| match part {
            SayPart::Words(words) => Some(words.text.as_str()),
            SayPart::Pause(_) => None,
        });
        let text = words.collect::<Vec<_>>().join(" ");
        let how = attribute(node, "interpret-as").unwrap_or_default().trim();
        let language = self.manner.language.as_deref().unwrap_or(self.language);
        match say_as::read(how, attribute(node, "format"), &text, language) {
            Reading::Words(read) => {
                self.blank = true;
                self.words(&read);
                self.blank |= say_as::is_spelled(how);
            }
            Reading::Plain(why) => {
                let message = format!("<say-as interpret-as=\"{}\"> {why}", shorten(how));
                self.odd.insert(format!("{message}: its words are said plainly"));
                self.words(&text);
            }
        }
    }

    /// Adds text, collapsing blanks across pieces.
    fn words(&mut self, text: &str) {
        self.blank |= text.starts_with(char::is_whitespace);
        for (at, word) in text.split_whitespace().enumerate() {
            self.blank |= at > 0;
            self.word(word);
        }
        self.blank |= text.ends_with(char::is_whitespace);
    }

    fn word(&mut self, word: &str) {
        let blank = std::mem::replace(&mut self.blank, false);
        let manner = &self.manner;
        let alike = |words: &Words| words.language == manner.language && words.delivery == manner.delivery;
        let must = self.parts.len() >= SAY_PARTS_MAX;
        let last = match self.parts.last_mut() {
            Some(SayPart::Words(words)) if must || alike(words) => Some(words),
            _ => None,
        };
        if must && last.as_ref().is_some_and(|words| !alike(words)) {
            self.odd.insert(too_many());
        }
        let blank = usize::from(blank && last.is_some());
        let room = SAY_CHARS_MAX.saturating_sub(self.chars + blank);
        let fits = word.char_indices().nth(room).map_or(word, |(end, _)| &word[..end]);
        self.full |= fits.len() < word.len();
        if fits.is_empty() {
            return;
        }
        self.chars += blank + fits.chars().count();
        self.between = false;
        match last {
            Some(words) => {
                words.text.push_str(&" "[..blank]);
                words.text.push_str(fits);
            }
            None => {
                let Manner { language, delivery } = self.manner.clone();
                self.parts.push(SayPart::Words(Words { text: fits.to_owned(), language, delivery }));
            }
        }
    }
}

fn too_many() -> String {
    format!("<Say> has more than {SAY_PARTS_MAX} parts; the rest is said as the last")
}

/// By its local name: `xml:lang` and `lang` are the same here.
fn attribute<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    debug_assert!(knows(node.tag_name().name(), name), "{name} is not in the vocabulary");
    node.attributes().find(|attribute| attribute.name() == name).map(|attribute| attribute.value())
}

fn combine(own: Delivery, rate: u16, pitch: u16, volume: i8) -> Delivery {
    let times = |own: u16, by: u16, (least, most): (u16, u16)| {
        let product = u32::from(own) * u32::from(by) / 100;
        u16::try_from(product).unwrap_or(most).clamp(least, most)
    };
    let volume = match (own.volume, volume) {
        (Delivery::SILENT, _) | (_, Delivery::SILENT) => Delivery::SILENT,
        (own, by) => own.saturating_add(by).clamp(VOLUME.0, VOLUME.1),
    };
    Delivery { rate: times(own.rate, rate, RATE), pitch: times(own.pitch, pitch, PITCH), volume }
}

/// `80%` of the voice's own; `+10%` and `-10%` more and less than that, the only form of a pitch.
fn percent(text: &str, signed_only: bool) -> Option<u16> {
    let number = text.strip_suffix('%')?.trim();
    let value: f32 = number.parse().ok().filter(|value: &f32| value.is_finite())?;
    let signed = number.starts_with(['+', '-']);
    let value = match (signed, signed_only) {
        (true, _) => 100.0 + value,
        (false, false) => value,
        // A pitch without a sign is meant as one more than its own.
        (false, true) => 100.0 + value,
    };
    Some(value.clamp(1.0, 1_000.0) as u16)
}

/// `+6dB`
fn decibels(text: &str) -> Option<i8> {
    let number = text.strip_suffix("dB").or_else(|| text.strip_suffix("db"))?.trim();
    let value: f32 = number.parse().ok().filter(|value: &f32| value.is_finite())?;
    Some(value.clamp(f32::from(VOLUME.0), f32::from(VOLUME.1)) as i8)
}

/// `500ms`, `1.5s`
fn time(text: &str) -> Option<Duration> {
    const SECONDS_MAX: f64 = 3_600.0;
    let text = text.trim();
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 0.001),
        None => (text.strip_suffix('s')?, 1.0),
    };
    let digits = |c: char| c.is_ascii_digit() || matches!(c, '.' | '+');
    let value: f64 = Some(number.trim()).filter(|n| n.chars().all(digits))?.parse().ok()?;
    Some(Duration::from_secs_f64((value * unit).min(SECONDS_MAX)))
}
