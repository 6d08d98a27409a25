//! `<Say>`: words, the pauses between them, and how they are said.

use std::time::Duration;

/// Longest text of one `<Say>`, in characters.
pub const SAY_CHARS_MAX: usize = 4096;
/// Most parts of one `<Say>`; what comes after is said as the last of them.
pub const SAY_PARTS_MAX: usize = 100;
/// Longest pause that one `<break>` makes.
pub const BREAK_MAX: Duration = Duration::from_secs(10);

/// `<Say>`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Say {
    /// What is said, in order; with words in it, and at most [`SAY_PARTS_MAX`].
    pub parts: Vec<SayPart>,
    /// `man`, `woman`, `Polly.Joanna`, …; `None` is the default voice.
    pub voice: Option<String>,
    /// `en-US`
    pub language: String,
    /// How often; `loop="0"` is [`crate::LOOP_MAX`].
    pub times: u32,
}

impl Say {
    /// Plain words, once, in the default voice and language.
    pub fn plain(text: impl Into<String>) -> Self {
        let words = Words { text: text.into(), language: None, delivery: Delivery::default() };
        Self { parts: vec![SayPart::Words(words)], voice: None, language: "en-US".to_owned(), times: 1 }
    }

    /// The words alone, without their markup.
    pub fn text(&self) -> String {
        let words = self.parts.iter().filter_map(|part| match part {
            SayPart::Words(words) => Some(words.text.as_str()),
            SayPart::Pause(_) => None,
        });
        words.collect::<Vec<_>>().join(" ")
    }
}

/// One after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SayPart {
    /// Words that are said alike.
    Words(Words),
    /// Silence.
    Pause(Duration),
}

/// Words that are said alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// Without markup; not empty.
    pub text: String,
    /// Another language than the rest: `de-DE`.
    pub language: Option<String>,
    /// How.
    pub delivery: Delivery,
}

/// How words are said, beside their voice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Delivery {
    /// Speed in percent of the voice's own: 20 to 200.
    pub rate: u16,
    /// Pitch in percent of the voice's own: 67 to 150.
    pub pitch: u16,
    /// Louder or quieter than the voice's own, in dB: -40 to 20; [`Delivery::SILENT`] is not heard.
    pub volume: i8,
}

impl Delivery {
    /// The volume of what is not heard.
    pub const SILENT: i8 = i8::MIN;
}

impl Default for Delivery {
    fn default() -> Self {
        Self { rate: 100, pitch: 100, volume: 0 }
    }
}
