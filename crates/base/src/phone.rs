use serde::{Deserialize, Serialize};

/// Longest E.164 number, digits only (ITU-T E.164 §6).
const DIGITS_MAX: usize = 15;
/// Shortest that we take for a public number rather than an extension.
const DIGITS_MIN: usize = 7;

/// A public phone number in E.164 form, `+15550100001`.
///
/// `Debug` shows only its last two digits (`…01`), so that it can stand in a log; `Display` prints it whole.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PhoneNumber(String);

/// Why a text is not an E.164 number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a phone number in E.164 form, such as +15550100001")]
pub struct PhoneNumberError;

impl PhoneNumber {
    /// The number with its leading `+`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for PhoneNumber {
    type Err = PhoneNumberError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix('+').ok_or(PhoneNumberError)?;
        let long_enough = (DIGITS_MIN..=DIGITS_MAX).contains(&digits.len());
        if long_enough && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0') {
            Ok(Self(text.to_owned()))
        } else {
            Err(PhoneNumberError)
        }
    }
}

impl TryFrom<String> for PhoneNumber {
    type Error = PhoneNumberError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PhoneNumber> for String {
    fn from(number: PhoneNumber) -> Self {
        number.0
    }
}

impl std::fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "…{}", &self.0[self.0.len() - 2..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_e164_is_a_phone_number() {
        assert!("+15550100001".parse::<PhoneNumber>().is_ok());
        for text in ["15550100001", "+1555010000a", "+", "", "+0123456789", "+1234567890123456", "client:ana"]
        {
            assert_eq!(text.parse::<PhoneNumber>(), Err(PhoneNumberError), "{text}");
        }
    }

    #[test]
    fn a_log_shows_two_digits() {
        assert_eq!(format!("{:?}", "+15550100042".parse::<PhoneNumber>().unwrap()), "…42");
    }
}
