//! Bins: documents with `{{parameter}}` in them.

use crate::document::BYTES_MAX;
use crate::print::escape_into;

/// Why a template cannot be filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The document would be larger than any document may be.
    #[error("the filled document is larger than {BYTES_MAX} bytes")]
    TooLarge,
}

/// Puts the parameters of a request into `text`: `{{From}}` becomes the value of `From`, escaped for XML.
///
/// Names are compared exactly, blanks inside the braces do not matter, the first of repeated parameters counts, and a
/// parameter that was not sent is empty. Braces without a name between them stay.
pub fn fill(text: &str, params: &[(String, String)]) -> Result<String, TemplateError> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find("{{") {
        let (before, from_open) = rest.split_at(open);
        filled.push_str(before);
        let inside = &from_open[2..];
        let name = inside.find("}}").map(|close| (inside[..close].trim(), close));
        rest = match name.filter(|(name, _)| is_name(name)) {
            Some((name, close)) => {
                if let Some((_, value)) = params.iter().find(|(key, _)| key == name) {
                    escape_into(&mut filled, value);
                }
                &inside[close + 2..]
            }
            None => {
                // One brace only, so that the second may open a parameter: `{{{From}}`.
                filled.push('{');
                &from_open[1..]
            }
        };
        if filled.len() > BYTES_MAX {
            return Err(TemplateError::TooLarge);
        }
    }
    filled.push_str(rest);
    if filled.len() > BYTES_MAX { Err(TemplateError::TooLarge) } else { Ok(filled) }
}

fn is_name(name: &str) -> bool {
    const CHARS_MAX: usize = 128;
    let of_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    (1..=CHARS_MAX).contains(&name.len()) && name.chars().all(of_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn parameters_are_filled_in_and_escaped() {
        let params = params(&[("From", "+1555"), ("Evil", "</Say><Dial a=\"'\">&"), ("From", "second")]);
        for (template, expected) in [
            ("<Say>{{From}}</Say>", "<Say>+1555</Say>"),
            ("{{ From }}{{From}}", "+1555+1555"),
            ("{{Evil}}", "&lt;/Say&gt;&lt;Dial a=&quot;&apos;&quot;&gt;&amp;"),
            ("a{{missing}}b", "ab"),
            ("{{from}}", ""),
            ("{{}} {{ }} {{a b}} {{", "{{}} {{ }} {{a b}} {{"),
            ("{{{From}}", "{+1555"),
            ("{{a{{From}}", "{{a+1555"),
            ("plain }} text", "plain }} text"),
        ] {
            assert_eq!(fill(template, &params).as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn a_filled_document_is_bounded() {
        let params = params(&[("x", &"y".repeat(10_000))]);
        assert_eq!(fill(&"{{x}}".repeat(10_000), &params), Err(TemplateError::TooLarge));
    }
}
