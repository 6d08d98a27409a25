//! The attributes of one element, as the types they stand for.

use super::{Failure, Notes, shorten};
use crate::dial::StatusHook;
use crate::verb::{Hook, LOOP_MAX, Method};
use crate::vocabulary::knows;
use roxmltree::Node;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Codes that are documented as errors among those that a wrong value can have; every other code is a warning.
const ERRORS: &[u32] = &[
    11100, 13224, 13231, 13238, 13239, 13240, 13247, 13257, 13338, 13420, 13621, 14201, 14202, 14203, 14204,
    14205, 14206, 14210, 14211, 14212, 14213, 14215, 14216, 14220, 14221, 14230, 14231, 14232, 14233, 14236,
    14237, 14300, 16023,
];

pub(super) struct Element<'a, 'i, 'n> {
    pub(super) node: Node<'a, 'i>,
    pub(super) notes: &'n mut Notes,
    failure: Option<Failure>,
}

impl<'a, 'i, 'n> Element<'a, 'i, 'n> {
    pub(super) fn new(node: Node<'a, 'i>, notes: &'n mut Notes) -> Self {
        Self { node, notes, failure: None }
    }

    /// A wrong value: fails the verb if its code is an error, else is a warning.
    pub(super) fn illegal(&mut self, code: u32, message: impl Into<String>) {
        if ERRORS.contains(&code) {
            let message = message.into();
            self.failure.get_or_insert(Failure { code, message });
        } else {
            self.notes.warn(self.node, code, message);
        }
    }

    /// The value as written.
    pub(super) fn raw(&mut self, name: &'static str) -> Option<&'a str> {
        debug_assert!(knows(self.name(), name), "<{}> {name} is not in the vocabulary", self.name());
        self.node.attributes().find(|a| a.namespace().is_none() && a.name() == name).map(|a| a.value())
    }

    /// The trimmed value, unless it is empty.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        self.raw(name).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// The value through `read`; a warning or failure with `code` and `None` where it cannot be read.
    pub(super) fn parse<T>(
        &mut self,
        name: &'static str,
        code: u32,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.raw(name)?.trim();
        let value = read(text);
        if value.is_none() {
            let message = format!("{name}=\"{}\" is not valid in <{}>", shorten(text), self.name());
            self.illegal(code, message);
        }
        value
    }

    pub(super) fn flag(&mut self, name: &'static str, default: bool, code: u32) -> bool {
        self.choice(name, &[("true", true), ("false", false)], default, code)
    }

    pub(super) fn whole(&mut self, name: &'static str, range: RangeInclusive<u32>, code: u32) -> Option<u32> {
        self.parse(name, code, |text| text.parse().ok().filter(|number| range.contains(number)))
    }

    pub(super) fn seconds(
        &mut self,
        name: &'static str,
        range: RangeInclusive<u32>,
        default: Duration,
        code: u32,
    ) -> Duration {
        self.whole(name, range, code).map_or(default, |seconds| Duration::from_secs(seconds.into()))
    }

    /// `loop`: zero is without end.
    pub(super) fn times(&mut self, code: u32) -> u32 {
        match self.whole("loop", 0..=u32::MAX, code) {
            None => 1,
            Some(0) => LOOP_MAX,
            Some(times) => times.min(LOOP_MAX),
        }
    }

    pub(super) fn method(&mut self, name: &'static str, default: Method, code: u32) -> Method {
        let read = |text: &str| match text.to_ascii_uppercase().as_str() {
            "GET" => Some(Method::Get),
            "POST" => Some(Method::Post),
            _ => None,
        };
        self.parse(name, code, read).unwrap_or(default)
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        name: &'static str,
        words: &[(&str, T)],
        default: T,
        code: u32,
    ) -> T {
        let read = |text: &str| words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        self.parse(name, code, read).unwrap_or(default)
    }

    /// Some of a few words, blanks between them; in the order of `T`, each once. Unknown words are left out.
    pub(super) fn choices<T: Copy + Ord>(
        &mut self,
        name: &'static str,
        words: &[(&str, T)],
        default: &[T],
        code: u32,
    ) -> Vec<T> {
        let Some(text) = self.raw(name) else { return default.to_vec() };
        let mut chosen = Vec::new();
        for given in text.split_whitespace() {
            match words.iter().find(|(word, _)| *word == given) {
                Some((_, value)) => chosen.push(*value),
                None => self.illegal(code, format!("{name} has no '{}'", shorten(given))),
            }
        }
        chosen.sort_unstable();
        chosen.dedup();
        if chosen.is_empty() { default.to_vec() } else { chosen }
    }

    /// A URL and its method; `None` without a URL.
    pub(super) fn hook(&mut self, url: &'static str, method: &'static str, code: u32) -> Option<Hook> {
        let method = self.method(method, Method::Post, code);
        self.text(url).map(|url| Hook { url, method })
    }

    /// A status callback. `names` are those of its URL, method and events; `codes` of the latter two.
    pub(super) fn status<T: Copy + Ord>(
        &mut self,
        names: [&'static str; 3],
        words: &[(&str, T)],
        default: &[T],
        codes: [u32; 2],
    ) -> Option<StatusHook<T>> {
        let hook = self.hook(names[0], names[1], codes[0]);
        let events = self.choices(names[2], words, default, codes[1]);
        hook.map(|hook| StatusHook { hook, events })
    }

    /// The element's own text, trimmed.
    pub(super) fn content(&self) -> String {
        content(self.node)
    }

    pub(super) fn name(&self) -> &'a str {
        self.node.tag_name().name()
    }

    /// Warns of attributes that are not known.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        self.finish_attributes();
        self.failure.map_or(Ok(()), Err)
    }

    /// [`Element::finish`] where no code in use is an error.
    pub(super) fn finish_unless_failed(mut self) {
        self.finish_attributes();
    }

    fn finish_attributes(&mut self) {
        for attribute in self.node.attributes().filter(|attribute| attribute.namespace().is_none()) {
            if !knows(self.name(), attribute.name()) {
                let message = format!(
                    "<{}> has no attribute '{}'; it is ignored",
                    self.name(),
                    shorten(attribute.name())
                );
                self.notes.warn(self.node, 12200, message);
            }
        }
    }
}

/// The node's own text, without that of its children, trimmed.
pub(super) fn content(node: Node<'_, '_>) -> String {
    let mut text = String::new();
    for part in node.children().filter(Node::is_text) {
        text.push_str(part.text().unwrap_or_default());
    }
    text.trim().to_owned()
}
