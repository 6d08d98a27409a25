//! Keys of secure RTP in session descriptions (SDES, RFC 4568): `a=crypto` lines.

use crate::sdp::Attribute;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A master key of 16 bytes and its salt of 14.
pub type MasterKey = [u8; 30];

/// A crypto suite of RFC 4568 §6.2 that we speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// `AES_CM_128_HMAC_SHA1_80`.
    Sha1_80,
    /// `AES_CM_128_HMAC_SHA1_32`.
    Sha1_32,
}

/// The suites we offer, most preferred first.
pub const SUITES: [Suite; 2] = [Suite::Sha1_80, Suite::Sha1_32];

/// What two lines agreed on. Does not print its keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Crypto {
    /// The tag of the line that was offered.
    pub tag: u32,
    /// The suite, both ways.
    pub suite: Suite,
    /// What we encrypt with.
    pub ours: MasterKey,
    /// What the peer encrypts with.
    pub theirs: MasterKey,
}

impl std::fmt::Debug for Crypto {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Crypto({} {:?} …)", self.tag, self.suite)
    }
}

impl Suite {
    fn name(self) -> &'static str {
        match self {
            Self::Sha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::Sha1_32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }
}

/// Reads the value of a line: its tag, suite and key. `None` for what we could not keep to: another suite, several
/// keys, key identifiers, session parameters (§6.3 forbids to ignore them).
pub fn parse(value: &str) -> Option<(u32, Suite, MasterKey)> {
    let mut words = value.split_ascii_whitespace();
    let (tag, suite, key) = (words.next()?, words.next()?, words.next()?);
    if words.any(|parameter| !parameter.starts_with("WSH=")) || tag.len() > 9 {
        return None;
    }
    let suite = SUITES.into_iter().find(|known| known.name().eq_ignore_ascii_case(suite))?;
    let mut parts = key.strip_prefix("inline:")?.split('|');
    let key = STANDARD.decode(parts.next()?).ok()?.try_into().ok()?;
    // A lifetime may follow; `1:4` would be a key identifier that every packet carries.
    if parts.any(|part| part.contains(':')) {
        return None;
    }
    Some((tag.parse().ok()?, suite, key))
}

/// Writes a line.
pub(crate) fn print(tag: u32, suite: Suite, key: &MasterKey) -> Attribute {
    Attribute::with("crypto", format!("{tag} {} inline:{}", suite.name(), STANDARD.encode(key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

    #[test]
    fn lines_are_read_as_the_standard_writes_them() {
        let (tag, suite, key) = parse(&format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20")).unwrap();
        assert_eq!((tag, suite), (1, Suite::Sha1_80));
        assert_eq!(print(tag, suite, &key).value.unwrap(), format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"));
        for refused in [
            format!("1 F8_128_HMAC_SHA1_80 inline:{KEY}"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY};inline:{KEY}"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTP"),
            "1 AES_CM_128_HMAC_SHA1_80 inline:AAAA".to_owned(),
            "x".to_owned(),
            String::new(),
        ] {
            assert_eq!(parse(&refused), None, "{refused}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_the_same(tag in 0_u32..1_000_000, key: [u8; 30], short: bool) {
            let suite = SUITES[usize::from(short)];
            let line = print(tag, suite, &key);
            prop_assert_eq!(parse(line.value.as_deref().unwrap()), Some((tag, suite, key)));
        }
    }
}
