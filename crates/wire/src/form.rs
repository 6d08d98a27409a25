//! Request parameters: PascalCase names, repeated keys, and errors that name the parameter and the bad value.

use crate::error::ApiError;
use base::{PhoneNumber, Timestamp};
use engine::routing::model::Attributes;
use std::str::FromStr;
use std::time::Duration;

/// Most parameters of one request; more is nobody's form.
pub const PARAMETERS_MAX: usize = 1000;
/// Longest friendly name (reference: TaskRouter limits).
pub const NAME_CHARS_MAX: usize = engine::routing::limits::NAME_CHARS_MAX;
/// Longest URL we keep.
pub const URL_CHARS_MAX: usize = 4096;
/// Longest bad value quoted back to the client.
const QUOTED_CHARS_MAX: usize = 120;

/// The parameters of a request, query and body together, in the order they came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Reads `application/x-www-form-urlencoded` text.
    pub fn parse(query: &str, body: &[u8]) -> Result<Self, ApiError> {
        let both = url::form_urlencoded::parse(query.as_bytes()).chain(url::form_urlencoded::parse(body));
        let pairs: Vec<_> = both
            .take(PARAMETERS_MAX + 1)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        if pairs.len() > PARAMETERS_MAX {
            return Err(ApiError::invalid(format!("More than {PARAMETERS_MAX} parameters")));
        }
        pairs.iter().try_for_each(|(name, value)| without_nul(name, value))?;
        Ok(Self(pairs))
    }

    /// Parameters made by hand, in tests and templates.
    pub fn of<const N: usize>(pairs: [(&str, &str); N]) -> Self {
        Self(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    /// All of them.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// The value of `name` as it came. Of several the last one counts.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Like [`Params::text`], with an empty text as absent.
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.text(name).filter(|text| !text.is_empty())
    }

    /// A parameter that must be there and not empty.
    pub fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.filled(name)
            .ok_or_else(|| ApiError::invalid(format!("Missing required parameter {name} in the post body")))
    }

    /// Every value of a repeatable parameter.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a parameter that may be repeated, and each of them a list separated by commas or blanks.
    pub fn words<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.all(name).flat_map(|text| text.split([',', ' '])).map(str::trim).filter(|w| !w.is_empty())
    }

    /// `true`, `1` and `yes` in any case are true, every other text is false.
    pub fn boolean(&self, name: &str) -> Option<bool> {
        self.text(name).map(lenient_boolean)
    }

    /// A friendly name of at most [`NAME_CHARS_MAX`] characters; if given, it cannot be empty.
    pub fn name(&self, name: &str) -> Result<Option<String>, ApiError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        if text.trim().is_empty() {
            return Err(ApiError::invalid(format!("{name} cannot be empty")));
        }
        self.text_max(name, NAME_CHARS_MAX)
    }

    /// As [`Params::name`], and it must be there.
    pub fn required_name(&self, name: &str) -> Result<String, ApiError> {
        self.required(name)?;
        Ok(self.name(name)?.unwrap_or_default())
    }

    /// A text of at most `max` characters.
    pub fn text_max(&self, name: &str, max: usize) -> Result<Option<String>, ApiError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        if text.chars().count() > max {
            return Err(ApiError::invalid(format!("{name} is longer than {max} characters")));
        }
        Ok(Some(text.to_owned()))
    }

    /// A whole number within bounds.
    pub fn number(&self, name: &str, min: u64, max: u64) -> Result<Option<u64>, ApiError> {
        let Some(text) = self.filled(name) else { return Ok(None) };
        match text.trim().parse::<u64>() {
            Ok(number) if (min..=max).contains(&number) => Ok(Some(number)),
            _ => Err(bad(name, text, format_args!("must be a whole number from {min} to {max}"))),
        }
    }

    /// As [`Params::number`], for values that fit 32 bits.
    pub fn number32(&self, name: &str, min: u32, max: u32) -> Result<Option<u32>, ApiError> {
        let number = self.number(name, u64::from(min), u64::from(max))?;
        Ok(number.and_then(|n| u32::try_from(n).ok()))
    }

    /// Whole seconds within bounds.
    pub fn seconds(&self, name: &str, min: u64, max: u64) -> Result<Option<Duration>, ApiError> {
        Ok(self.number(name, min, max)?.map(Duration::from_secs))
    }

    /// A SID, or anything else that parses from a text; an empty text is absent.
    pub fn parsed<T: FromStr>(&self, name: &str) -> Result<Option<T>, ApiError>
    where
        T::Err: std::fmt::Display,
    {
        let Some(text) = self.filled(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|why| bad(name, text, why))
    }

    /// As [`Params::parsed`], and it must be there.
    pub fn required_parsed<T: FromStr>(&self, name: &str) -> Result<T, ApiError>
    where
        T::Err: std::fmt::Display,
    {
        let text = self.required(name)?;
        text.parse().map_err(|why| bad(name, text, why))
    }

    /// A JSON object as text.
    pub fn attributes(&self, name: &str) -> Result<Option<Attributes>, ApiError> {
        let Some(text) = self.filled(name) else { return Ok(None) };
        Attributes::parse(text).map(Some).map_err(|why| bad(name, text, why))
    }

    /// One of a few words, in any case.
    pub fn one_of<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Option<T>, ApiError> {
        let Some(text) = self.filled(name) else { return Ok(None) };
        if let Some((_, value)) = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)) {
            return Ok(Some(*value));
        }
        let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        Err(bad(name, text, format_args!("must be one of {}", known.join(", "))))
    }

    /// A moment: ISO 8601.
    pub fn time(&self, name: &str) -> Result<Option<Timestamp>, ApiError> {
        let Some(text) = self.filled(name) else { return Ok(None) };
        Timestamp::parse(text)
            .map(Some)
            .ok_or_else(|| bad(name, text, "must be a date and time such as 2026-03-25T10:00:00Z"))
    }

    /// An absolute `http` or `https` URL, or one that a product accepts beside it; an empty text clears it
    /// (`Some(None)`). `code` is the error's.
    pub fn url(&self, name: &str, code: u32) -> Result<Option<Option<String>>, ApiError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        if text.is_empty() {
            return Ok(Some(None));
        }
        let absolute = url::Url::parse(text)
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some());
        if absolute && text.len() <= URL_CHARS_MAX {
            Ok(Some(Some(text.to_owned())))
        } else {
            let message = format!("{name} '{}' is not a valid URL", quoted(text));
            Err(ApiError::with(code, message))
        }
    }

    /// An E.164 number.
    pub fn phone(&self, name: &str, code: u32) -> Result<Option<PhoneNumber>, ApiError> {
        let Some(text) = self.filled(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|why| ApiError::with(code, format!("{name} '{}' {why}", quoted(text))))
    }

    /// The parameters that are list filters: `names` in their order, as they came. Echoed into page URLs.
    pub fn filters(&self, names: &[&str]) -> Vec<(String, String)> {
        self.0.iter().filter(|(name, _)| names.contains(&name.as_str())).cloned().collect()
    }
}

impl FromIterator<(String, String)> for Params {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

/// `true`, `1` and `yes` are true.
pub fn lenient_boolean(text: &str) -> bool {
    ["true", "1", "yes"].iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// A value of `name` that cannot be used, and why.
pub fn bad(name: &str, value: &str, why: impl std::fmt::Display) -> ApiError {
    ApiError::invalid(format!("Invalid value '{}' for parameter {name}: {why}", quoted(value)))
}

/// A value as an error message shows it: not longer than is useful.
pub(crate) fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Which moments a date filter lets through: `StartTime=`, `StartTime<=`, `StartTime>=` arrive as the keys
/// `StartTime`, `StartTime<` and `StartTime>`. A date without a time is the whole day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DateFilter {
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl DateFilter {
    /// Reads the three keys of `name`.
    pub fn parse(params: &Params, name: &str) -> Result<Self, ApiError> {
        let span = |key: &str| -> Result<Option<(Timestamp, Timestamp)>, ApiError> {
            let Some(from) = params.time(key)? else { return Ok(None) };
            let whole_day = params.text(key).is_some_and(|text| !text.contains('T'));
            Ok(Some((from, if whole_day { from + DAY } else { from + Duration::from_secs(1) })))
        };
        // The SDKs send a date as its midnight.
        let on = span(name)?.map(|(from, until)| {
            let midnight = params.text(name).is_some_and(|text| text.ends_with("T00:00:00Z"));
            (from, if midnight { from + DAY } else { until })
        });
        let before = span(&format!("{name}<"))?;
        let after = span(&format!("{name}>"))?;
        let from = [on, after].into_iter().flatten().map(|(from, _)| from).max();
        let until = [on, before].into_iter().flatten().map(|(_, until)| until).min();
        Ok(Self { from, until })
    }

    /// From (inclusive) and until (exclusive).
    pub fn bounds(self) -> (Option<Timestamp>, Option<Timestamp>) {
        (self.from, self.until)
    }

    /// Whether `at` is within. A filter that says nothing lets everything through, even what has no date.
    pub fn admits(&self, at: Option<Timestamp>) -> bool {
        match at {
            None => self.from.is_none() && self.until.is_none(),
            Some(at) => self.from.is_none_or(|from| at >= from) && self.until.is_none_or(|until| at < until),
        }
    }
}

/// Refuses a text with a NUL (U+0000): no database keeps one in a text, and nothing that a person types has one. Both
/// stores would otherwise differ in what they give back.
pub fn without_nul(name: &str, value: &str) -> Result<(), ApiError> {
    if name.contains('\0') || value.contains('\0') {
        let name = name.replace('\0', "");
        return Err(ApiError::invalid(format!("Invalid {name}: it holds the character U+0000")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::WorkerSid;

    fn message<T: std::fmt::Debug>(result: Result<T, ApiError>) -> String {
        let error = result.unwrap_err();
        assert_eq!((error.status, error.code), (400, 20001));
        error.message
    }

    #[test]
    fn query_and_body_are_read_together_and_keys_may_repeat() {
        let params =
            Params::parse("PageSize=2", b"Status=a&Status=b,c&Name=%C3%A9+x&StartTime%3E=2026-03-01")
                .unwrap();
        assert_eq!(params.words("Status").collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(params.text("Name"), Some("é x"));
        assert_eq!(params.text("StartTime>"), Some("2026-03-01"));
        assert_eq!(params.number("PageSize", 1, 10), Ok(Some(2)));
    }

    #[test]
    fn a_flood_of_parameters_is_refused() {
        let body = "a=1&".repeat(PARAMETERS_MAX + 1);
        assert_eq!(message(Params::parse("", body.as_bytes())), "More than 1000 parameters");
    }

    #[test]
    fn booleans_are_lenient() {
        for (text, is) in [("true", true), ("1", true), ("YES", true), ("no", false), ("", false)] {
            assert_eq!(Params::of([("A", text)]).boolean("A"), Some(is), "{text}");
        }
        assert_eq!(Params::default().boolean("A"), None);
    }

    #[test]
    fn errors_name_the_parameter_and_its_value() {
        let params = Params::of([
            ("Priority", "high"),
            ("Worker", "WKx"),
            ("Attributes", "[]"),
            ("Order", "x"),
            ("At", "soon"),
        ]);
        assert_eq!(
            message(params.number("Priority", 0, 9)),
            "Invalid value 'high' for parameter Priority: must be a whole number from 0 to 9"
        );
        assert!(
            message(params.parsed::<WorkerSid>("Worker"))
                .starts_with("Invalid value 'WKx' for parameter Worker")
        );
        assert_eq!(
            message(params.attributes("Attributes")),
            "Invalid value '[]' for parameter Attributes: must be a JSON object"
        );
        assert_eq!(
            message(params.one_of("Order", &[("FIFO", 1), ("LIFO", 2)])),
            "Invalid value 'x' for parameter Order: must be one of FIFO, LIFO"
        );
        assert!(message(params.time("At")).contains("'soon'"));
        assert_eq!(
            message(params.required("FriendlyName")),
            "Missing required parameter FriendlyName in the post body"
        );
    }

    #[test]
    fn urls_are_absolute_and_an_empty_one_clears() {
        let params = Params::of([("A", "https://x.example/y"), ("B", ""), ("C", "/y"), ("D", "ftp://x")]);
        assert_eq!(params.url("A", 20001), Ok(Some(Some("https://x.example/y".into()))));
        assert_eq!(params.url("B", 20001), Ok(Some(None)));
        assert_eq!(params.url("C", 21205).unwrap_err().code, 21205);
        assert!(params.url("D", 20001).is_err());
        assert_eq!(params.url("E", 20001), Ok(None));
    }

    #[test]
    fn date_filters_read_the_sign_in_the_key() {
        let filter = |pairs| DateFilter::parse(&pairs, "StartTime").unwrap();
        let at = |text| Timestamp::parse(text);
        let day = filter(Params::of([("StartTime", "2026-03-01")]));
        assert!(day.admits(at("2026-03-01T23:59:59Z")) && !day.admits(at("2026-03-02T00:00:00Z")));
        let midnight = filter(Params::of([("StartTime", "2026-03-01T00:00:00Z")]));
        assert!(midnight.admits(at("2026-03-01T23:59:59Z")) && !midnight.admits(at("2026-03-02T00:00:00Z")));
        let since = filter(Params::of([("StartTime>", "2026-03-01")]));
        assert!(since.admits(at("2026-03-01T00:00:00Z")) && !since.admits(at("2026-02-28T23:59:59Z")));
        let until = filter(Params::of([("StartTime<", "2026-03-01")]));
        assert!(until.admits(at("2026-03-01T12:00:00Z")) && !until.admits(at("2026-03-02T00:00:01Z")));
        assert!(!until.admits(None) && DateFilter::default().admits(None));
    }
}
