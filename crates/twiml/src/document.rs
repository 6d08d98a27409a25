//! A whole document: what is checked before its verbs are read.

use crate::read;
use crate::verb::Verb;
use roxmltree::ParsingOptions;

/// Largest document (11750 beyond).
pub const BYTES_MAX: usize = 64 * 1024;
/// Deepest nesting of elements.
pub const DEPTH_MAX: usize = 32;
/// Most XML nodes.
pub const NODES_MAX: u32 = 8_000;
/// Most attributes of one element.
pub const ATTRIBUTES_MAX: usize = 64;
/// Most verbs.
pub const VERBS_MAX: usize = 1_000;
/// Most warnings that are kept.
pub const WARNINGS_MAX: usize = 100;

/// `<Response>` and its verbs, in order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Document {
    /// The steps.
    pub verbs: Vec<Verb>,
}

/// A document and what was odd about it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Parsed {
    /// The document.
    pub document: Document,
    /// At most [`WARNINGS_MAX`], in document order.
    pub warnings: Vec<Warning>,
}

/// Something odd that did not stop the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The documented code.
    pub code: u32,
    /// A sentence.
    pub message: String,
    /// From 1.
    pub line: u32,
}

/// Why a text is not a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (line {line})")]
pub struct TwimlError {
    /// The documented code: 11750, 11770, 12100, 12101 or 12102.
    pub code: u32,
    /// What is wrong.
    pub message: String,
    /// From 1.
    pub line: u32,
}

impl Document {
    /// Reads a document.
    pub fn parse(text: &str) -> Result<Parsed, TwimlError> {
        check_size(text)?;
        check_version(text)?;
        check_shape(text)?;
        let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX };
        let xml = roxmltree::Document::parse_with_options(text, options).map_err(|error| match error {
            roxmltree::Error::NodesLimitReached => too_large(format!("it has more than {NODES_MAX} nodes")),
            other => TwimlError { code: 12100, line: other.pos().row, message: other.to_string() },
        })?;
        let root = xml.root_element();
        if root.tag_name().name() != "Response" {
            let message = format!("the root element is <{}>, not <Response>", root.tag_name().name());
            return Err(TwimlError { code: 12102, message, line: xml.text_pos_at(root.range().start).row });
        }
        let parsed = read::response(&xml);
        if parsed.document.verbs.len() > VERBS_MAX {
            return Err(too_large(format!("it has more than {VERBS_MAX} verbs")));
        }
        Ok(parsed)
    }
}

fn check_size(text: &str) -> Result<(), TwimlError> {
    if text.len() > BYTES_MAX {
        return Err(too_large(format!("it has {} bytes, more than {BYTES_MAX}", text.len())));
    }
    if text.trim().is_empty() {
        return Err(TwimlError { code: 11770, message: "the document is empty".to_owned(), line: 1 });
    }
    Ok(())
}

fn too_large(message: String) -> TwimlError {
    TwimlError { code: 11750, message: format!("the document is too large: {message}"), line: 1 }
}

/// The XML declaration may say 1.0 only (12101).
fn check_version(text: &str) -> Result<(), TwimlError> {
    let declaration = text.trim_start_matches('\u{feff}').strip_prefix("<?xml ");
    let Some(declaration) = declaration.and_then(|rest| rest.split("?>").next()) else { return Ok(()) };
    let version = declaration.trim_start().strip_prefix("version").map(str::trim_start);
    let Some(value) = version.and_then(|rest| rest.strip_prefix('=')).map(str::trim_start) else {
        return Ok(());
    };
    let quoted = value.chars().next().filter(|quote| matches!(quote, '"' | '\''));
    match quoted.and_then(|quote| value[1..].split(quote).next()) {
        Some("1.0") | None => Ok(()),
        Some(other) => Err(TwimlError {
            code: 12101,
            message: format!("XML version '{}' is not 1.0", other.chars().take(20).collect::<String>()),
            line: 1,
        }),
    }
}

/// Bounds nesting and attributes before the XML parser sees the text: it recurses once per level and compares every
/// attribute of an element with every other.
fn check_shape(text: &str) -> Result<(), TwimlError> {
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(open) = text[at..].find('<') {
        let start = at + open;
        let rest = &text[start..];
        let line = || u32::try_from(text[..start].matches('\n').count() + 1).unwrap_or(u32::MAX);
        let refuse = |message: String| Err(TwimlError { code: 12100, message, line: line() });
        let skipped = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>")]
            .into_iter()
            .find(|(begin, _)| rest.starts_with(begin))
            .map(|(begin, end)| rest[begin.len()..].find(end).map(|found| begin.len() + found + end.len()));
        let length = match skipped {
            Some(Some(length)) => length,
            // Unterminated: the XML parser says so.
            Some(None) => return Ok(()),
            None => {
                let Some(tag) = Tag::scan(rest) else { return Ok(()) };
                if tag.attributes > ATTRIBUTES_MAX {
                    return refuse(format!("an element has more than {ATTRIBUTES_MAX} attributes"));
                }
                if tag.closes {
                    depth = depth.saturating_sub(1);
                } else {
                    depth += 1;
                    if depth > DEPTH_MAX {
                        return refuse(format!("elements nest deeper than {DEPTH_MAX}"));
                    }
                    if tag.empty {
                        depth -= 1;
                    }
                }
                tag.length
            }
        };
        at = start + length;
    }
    Ok(())
}

/// A tag as [`check_shape`] sees it.
struct Tag {
    length: usize,
    attributes: usize,
    closes: bool,
    empty: bool,
}

impl Tag {
    /// `text` begins with `<`; `None` when the tag does not end.
    fn scan(text: &str) -> Option<Self> {
        let mut quote = None;
        let mut attributes = 0;
        let mut before = b'<';
        for (at, byte) in text.bytes().enumerate().skip(1) {
            match (quote, byte) {
                (Some(open), _) if open == byte => quote = None,
                (Some(_), _) => {}
                (None, b'"' | b'\'') => {
                    quote = Some(byte);
                    attributes += 1;
                }
                (None, b'>') => {
                    let closes = text.as_bytes().get(1) == Some(&b'/');
                    return Some(Self { length: at + 1, attributes, closes, empty: before == b'/' });
                }
                (None, _) => {}
            }
            before = byte;
        }
        None
    }
}
