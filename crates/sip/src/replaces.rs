//! `Replaces` (RFC 3891): a new call that takes the place of one there is, which is how an attended transfer ends.

use crate::address::{Uri, unescape};

/// A dialog as the receiver of the header knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaces {
    /// Its Call-ID.
    pub call_id: String,
    /// The tag of whoever reads the header.
    pub to_tag: String,
    /// The tag of whoever the dialog is with.
    pub from_tag: String,
    /// Only a dialog that is not answered yet is meant.
    pub early_only: bool,
}

impl Replaces {
    /// Reads the value of the header. `None` if the Call-ID or a tag is missing or there twice.
    pub fn parse(value: &str) -> Option<Self> {
        let mut parts = value.split(';').map(str::trim);
        let call_id = parts.next().filter(|id| !id.is_empty() && !id.contains(char::is_whitespace))?;
        let (mut to_tag, mut from_tag, mut early_only) = (None, None, false);
        for part in parts {
            let (name, value) = part.split_once('=').map_or((part, ""), |(n, v)| (n.trim(), v.trim()));
            let tag = match name.to_ascii_lowercase().as_str() {
                "to-tag" => &mut to_tag,
                "from-tag" => &mut from_tag,
                "early-only" => {
                    early_only = true;
                    continue;
                }
                _ => continue,
            };
            if value.is_empty() || tag.replace(value.to_owned()).is_some() {
                return None;
            }
        }
        Some(Self { call_id: call_id.to_owned(), to_tag: to_tag?, from_tag: from_tag?, early_only })
    }

    /// What the URI of a Refer-To asks the new call to replace (RFC 5589 §7): `None` if nothing, `Some(None)` if that
    /// cannot be read.
    pub fn of_uri(uri: &Uri) -> Option<Option<Self>> {
        let mut named = uri
            .headers
            .as_ref()?
            .split('&')
            .filter_map(|header| header.split_once('='))
            .filter(|(name, _)| unescape(name).eq_ignore_ascii_case("Replaces"));
        let (_, value) = named.next()?;
        Some(Self::parse(&unescape(value)).filter(|_| named.next().is_none()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Replaces {
        Replaces {
            call_id: "425928@bobster.example.org".to_owned(),
            to_tag: "7743".to_owned(),
            from_tag: "6472".to_owned(),
            early_only: false,
        }
    }

    #[test]
    fn a_header_names_a_dialog_in_any_order() {
        for value in [
            "425928@bobster.example.org;to-tag=7743;from-tag=6472",
            " 425928@bobster.example.org ; FROM-tag = 6472 ;x=y; to-tag=7743",
        ] {
            assert_eq!(Replaces::parse(value), Some(known()), "{value}");
        }
        let early =
            Replaces::parse("425928@bobster.example.org;from-tag=6472;to-tag=7743;early-only").unwrap();
        assert_eq!(early, Replaces { early_only: true, ..known() });
    }

    #[test]
    fn half_a_dialog_is_none() {
        for value in [
            "",
            "id",
            "id;to-tag=1",
            "id;from-tag=1",
            "id;to-tag=;from-tag=1",
            ";to-tag=1;from-tag=2",
            "id;to-tag=1;to-tag=2;from-tag=3",
        ] {
            assert_eq!(Replaces::parse(value), None, "{value}");
        }
    }

    #[test]
    fn a_refer_to_may_carry_one() {
        let read = |uri: &str| Replaces::of_uri(&Uri::parse(uri).unwrap());
        let attended =
            "sip:bo@pbx?X=1&Replaces=425928%40bobster.example.org%3Bto-tag%3D7743%3Bfrom-tag%3D6472";
        assert_eq!(read(attended), Some(Some(known())));
        assert_eq!(read("sip:bo@pbx"), None);
        assert_eq!(read("sip:bo@pbx?Subject=hi"), None);
        assert_eq!(read("sip:bo@pbx?Replaces=nonsense"), Some(None));
        let twice = format!("{attended}&replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2");
        assert_eq!(read(&twice), Some(None));
    }
}
