//! Values and how they compare.

use base::{ActivitySid, WorkerSid};
use serde_json::Value as Json;
use std::cmp::Ordering;
use std::fmt::{self, Write as _};

/// A value as a comparison sees it: borrowed, or small enough to be copied.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    /// JSON null, and every path that leads nowhere.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i128),
    /// A number with a fraction (or too large to be whole).
    Float(f64),
    /// Text.
    Text(&'a str),
    /// A SID, printed in place.
    Sid(SidText),
    /// A JSON array.
    Array(&'a [Json]),
    /// A JSON object: equal to nothing, different from everything.
    Object,
}

/// A SID as text, 34 characters, without an allocation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SidText {
    bytes: [u8; 34],
    length: u8,
}

impl SidText {
    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).expect("written by Display as text")
    }

    fn of(sid: impl fmt::Display) -> Self {
        let mut text = Self { bytes: [0; 34], length: 0 };
        write!(text, "{sid}").expect("a SID has 34 characters");
        text
    }
}

impl fmt::Write for SidText {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let from = usize::from(self.length);
        let room = self.bytes.get_mut(from..from + part.len()).ok_or(fmt::Error)?;
        room.copy_from_slice(part.as_bytes());
        self.length += u8::try_from(part.len()).map_err(|_| fmt::Error)?;
        Ok(())
    }
}

impl fmt::Debug for SidText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<WorkerSid> for Value<'_> {
    fn from(sid: WorkerSid) -> Self {
        Self::Sid(SidText::of(sid))
    }
}

impl From<ActivitySid> for Value<'_> {
    fn from(sid: ActivitySid) -> Self {
        Self::Sid(SidText::of(sid))
    }
}

impl<'a> From<&'a Json> for Value<'a> {
    fn from(json: &'a Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(b) => Self::Bool(*b),
            Json::Number(n) => match (n.as_i64(), n.as_u64()) {
                (Some(i), _) => Self::Integer(i.into()),
                (None, Some(u)) => Self::Integer(u.into()),
                (None, None) => Self::Float(n.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(s) => Self::Text(s),
            Json::Array(items) => Self::Array(items),
            Json::Object(_) => Self::Object,
        }
    }
}

impl<'a> From<Option<&'a Json>> for Value<'a> {
    fn from(json: Option<&'a Json>) -> Self {
        json.map_or(Self::Null, Self::from)
    }
}

/// What an index can file a value under: values that `==` finds equal always have the same key.
///
/// Very large numbers may share a key without being equal, so whoever was found by key is still evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ScalarKey {
    /// Null or missing. Note that a missing value equals a missing value.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number, by the bits of its nearest double.
    Number(u64),
    /// Text.
    Text(Box<str>),
}

impl Value<'_> {
    /// Text or a SID.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Sid(sid) => Some(sid.as_str()),
            _ => None,
        }
    }

    /// The key that an equality index files it under; `None` for what equals nothing (arrays, objects).
    pub fn key(&self) -> Option<ScalarKey> {
        match *self {
            Self::Null => Some(ScalarKey::Null),
            Self::Bool(b) => Some(ScalarKey::Bool(b)),
            // Adding zero turns -0.0 into 0.0: they are equal.
            Self::Integer(i) => Some(ScalarKey::Number((i as f64 + 0.0).to_bits())),
            Self::Float(x) => Some(ScalarKey::Number((x + 0.0).to_bits())),
            Self::Text(_) | Self::Sid(_) => self.text().map(|text| ScalarKey::Text(text.into())),
            Self::Array(_) | Self::Object => None,
        }
    }

    /// The integer that `order_by` ranks by.
    pub(crate) fn integer(&self) -> Option<i128> {
        match *self {
            Self::Integer(i) => Some(i),
            Self::Float(x) if x.fract() == 0.0 && x.abs() < 1e18 => Some(x as i128),
            _ => None,
        }
    }

    pub(crate) fn is_scalar(&self) -> bool {
        !matches!(self, Self::Array(_) | Self::Object)
    }

    /// Strict equality of scalars; arrays and objects equal nothing.
    pub(crate) fn equals(&self, other: &Value<'_>) -> bool {
        match (self, other) {
            (Self::Null, Value::Null) => true,
            (Self::Bool(a), Value::Bool(b)) => a == b,
            _ => match (self.text(), other.text()) {
                (Some(a), Some(b)) => a == b,
                (None, None) => self.compare_numbers(other) == Some(Ordering::Equal),
                _ => false,
            },
        }
    }

    /// `!=`: false as soon as an array takes part.
    pub(crate) fn differs(&self, other: &Value<'_>) -> bool {
        !matches!(self, Self::Array(_)) && !matches!(other, Value::Array(_)) && !self.equals(other)
    }

    /// Order of two numbers or two texts; anything else has none.
    pub(crate) fn order(&self, other: &Value<'_>) -> Option<Ordering> {
        match (self.text(), other.text()) {
            (Some(a), Some(b)) => Some(a.cmp(b)),
            (None, None) => self.compare_numbers(other),
            _ => None,
        }
    }

    fn compare_numbers(&self, other: &Value<'_>) -> Option<Ordering> {
        match (*self, *other) {
            (Self::Integer(a), Value::Integer(b)) => Some(a.cmp(&b)),
            (Self::Integer(a), Value::Float(b)) => (a as f64).partial_cmp(&b),
            (Self::Float(a), Value::Integer(b)) => a.partial_cmp(&(b as f64)),
            (Self::Float(a), Value::Float(b)) => a.partial_cmp(&b),
            _ => None,
        }
    }

    /// `CONTAINS`: both as text, null being no text.
    pub(crate) fn contains(&self, other: &Value<'_>) -> bool {
        let (mut left, mut right) = (Room::default(), Room::default());
        match (self.as_text(&mut left), other.as_text(&mut right)) {
            (Some(left), Some(right)) => left.contains(right),
            _ => false,
        }
    }

    /// The array holds `other`.
    pub(crate) fn holds(&self, other: &Value<'_>) -> Option<bool> {
        match self {
            Self::Array(items) => Some(items.iter().any(|item| Value::from(item).equals(other))),
            _ => None,
        }
    }

    fn as_text<'s>(&'s self, room: &'s mut Room) -> Option<&'s str> {
        match self {
            Self::Bool(true) => Some("true"),
            Self::Bool(false) => Some("false"),
            Self::Text(_) | Self::Sid(_) => self.text(),
            Self::Integer(i) => room.print(format_args!("{i}")),
            Self::Float(x) => room.print(format_args!("{x}")),
            Self::Null | Self::Array(_) | Self::Object => None,
        }
    }
}

/// Where a number is printed to be searched.
#[derive(Default)]
struct Room(String);

impl Room {
    fn print(&mut self, number: fmt::Arguments<'_>) -> Option<&str> {
        self.0.write_fmt(number).ok()?;
        Some(&self.0)
    }
}

/// Longest text an explanation shows of one value, in characters.
const SHOWN_CHARS_MAX: usize = 80;

impl fmt::Display for Value<'_> {
    /// JSON, cut short after some 80 characters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = match self {
            Self::Null => return f.write_str("null"),
            Self::Bool(b) => return write!(f, "{b}"),
            Self::Integer(i) => return write!(f, "{i}"),
            Self::Float(x) => return write!(f, "{x}"),
            Self::Object => return f.write_str("an object"),
            Self::Text(_) | Self::Sid(_) => {
                let text = self.text().unwrap_or_default();
                return match text.char_indices().nth(SHOWN_CHARS_MAX) {
                    None => write!(f, "{}", Json::from(text)),
                    Some((end, _)) => write!(f, "{}…", Json::from(&text[..end])),
                };
            }
            Self::Array(items) => {
                let mut shown = String::from("[");
                for (at, item) in items.iter().enumerate() {
                    if shown.chars().count() > SHOWN_CHARS_MAX {
                        shown.push('…');
                        break;
                    }
                    let comma = if at == 0 { "" } else { ", " };
                    write!(shown, "{comma}{}", Value::from(item))?;
                }
                shown.push(']');
                shown
            }
        };
        f.write_str(&shown)
    }
}
