//! Routes to the phone network: who may call in, where calls go out, and how numbers are written.

use std::net::IpAddr;
use std::str::FromStr;

/// A range of addresses: `203.0.113.0/24`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// Why a text is not a [`Network`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not an address or a network such as 203.0.113.0/24")]
pub struct NetworkError;

/// How numbers are dialled on a trunk, and how they become E.164.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbering {
    /// What stands for `+`: `00` or `011`.
    pub international_prefix: String,
    /// What stands before a national number: `0`, `1`, or nothing.
    pub national_prefix: String,
    /// The country code a national number belongs to, without `+`; without it national numbers stay as they are.
    pub country_code: Option<String>,
}

/// What a trunk allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkRules {
    /// Whose INVITEs are calls from this trunk.
    pub sources: Vec<Network>,
    /// Prefixes of numbers that may be called, in E.164 (`+1`, `+4930`). Empty: none may.
    pub allowed_prefixes: Vec<String>,
    /// Prefixes that may not, even if allowed above.
    pub denied_prefixes: Vec<String>,
    /// How numbers are written on it.
    pub numbering: Numbering,
    /// How a number is changed before it is dialled.
    pub rewrite: Rewrite,
}

/// How an E.164 number becomes what a trunk wants to be dialled: `+49301234567` without `+49` and with `0` is
/// `0301234567`. Nothing changes by default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rewrite {
    /// Taken off the front, if it is there.
    pub strip: String,
    /// Put in front, if `strip` was taken off or is empty.
    pub prepend: String,
}

/// A trunk that a call could take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Which.
    pub trunk: usize,
    /// Whether it is known to work. One that is not is tried last.
    pub healthy: bool,
    /// The lowest goes first.
    pub priority: u16,
    /// Its share of the calls among trunks of one priority; 0 only if no other is left.
    pub weight: u16,
}

/// The order in which trunks are tried: healthy ones first, then by priority, then by chance in proportion to weight
/// (as RFC 2782 orders servers). `roll` answers a number below its argument, by chance.
pub fn order(mut candidates: Vec<Candidate>, mut roll: impl FnMut(u64) -> u64) -> Vec<usize> {
    candidates.sort_by_key(|candidate| (!candidate.healthy, candidate.priority));
    let mut ordered = Vec::with_capacity(candidates.len());
    while let Some(first) = candidates.first().copied() {
        let rank = |candidate: &Candidate| (candidate.healthy, candidate.priority);
        let peers = candidates.iter().take_while(|other| rank(other) == rank(&first)).count();
        let total: u64 = candidates[..peers].iter().map(|candidate| u64::from(candidate.weight)).sum();
        let mut left = roll(total.max(1));
        let chosen = candidates[..peers].iter().position(|candidate| {
            let weight = u64::from(candidate.weight);
            let hit = left < weight;
            left = left.saturating_sub(weight);
            hit
        });
        ordered.push(candidates.remove(chosen.unwrap_or(0)).trunk);
    }
    ordered
}

impl Rewrite {
    /// What is dialled for a number.
    pub fn apply(&self, number: &str) -> String {
        match number.strip_prefix(self.strip.as_str()) {
            Some(rest) => format!("{}{rest}", self.prepend),
            None => number.to_owned(),
        }
    }
}

impl Network {
    /// Whether `address` is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                u32::from(network) & mask == u32::from(address) & mask
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                u128::from(network) & mask == u128::from(address) & mask
            }
            _ => false,
        }
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self { address, bits: if address.is_ipv4() { 32 } else { 128 } }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((address, bits)) = text.split_once('/') else {
            return text.parse::<IpAddr>().map(Self::from).map_err(|_| NetworkError);
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let bits: u8 = bits.parse().map_err(|_| NetworkError)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        if bits > most { Err(NetworkError) } else { Ok(Self { address, bits }) }
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl Default for Numbering {
    fn default() -> Self {
        Self { international_prefix: "00".to_owned(), national_prefix: "0".to_owned(), country_code: None }
    }
}

impl Numbering {
    /// A number as it came from the trunk, in E.164 where that can be told: separators go, `00…` becomes `+…`, a
    /// national number gets its country. Anything that is not a number (`1001*`, `alice`) stays as it is.
    pub fn normalise(&self, number: &str) -> String {
        let bare: String = number.chars().filter(|c| !" -.()/".contains(*c)).collect();
        let (plus, digits) = match bare.strip_prefix('+') {
            Some(digits) => (true, digits),
            None => (false, bare.as_str()),
        };
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return number.to_owned();
        }
        if plus {
            return bare;
        }
        let rest =
            |prefix: &str| digits.strip_prefix(prefix).filter(|rest| !prefix.is_empty() && rest.len() >= 7);
        if let Some(rest) = rest(&self.international_prefix) {
            return format!("+{rest}");
        }
        if let Some(country) = &self.country_code {
            if let Some(rest) = rest(&self.national_prefix) {
                return format!("+{country}{rest}");
            }
            if digits.len() > 10 && digits.starts_with(country.as_str()) {
                return format!("+{digits}");
            }
        }
        bare
    }
}

impl TrunkRules {
    /// Whether an INVITE from `address` is a call from this trunk.
    pub fn is_source(&self, address: IpAddr) -> bool {
        self.sources.iter().any(|network| network.contains(address))
    }

    /// The number to dial for `number`, if it may be called: E.164, allowed and not denied.
    pub fn dialable(&self, number: &str) -> Option<String> {
        let number = self.numbering.normalise(number);
        let begins = |prefixes: &[String]| prefixes.iter().any(|prefix| number.starts_with(prefix.as_str()));
        let allowed = number.starts_with('+') && begins(&self.allowed_prefixes);
        (allowed && !begins(&self.denied_prefixes)).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rules() -> TrunkRules {
        TrunkRules {
            sources: vec!["203.0.113.0/28".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
            allowed_prefixes: vec!["+49".into(), "+1".into()],
            denied_prefixes: vec!["+49900".into()],
            numbering: Numbering { country_code: Some("49".into()), ..Numbering::default() },
            rewrite: Rewrite::default(),
        }
    }

    #[test]
    fn calls_come_from_the_trunks_addresses_only() {
        let rules = rules();
        for (address, known) in [
            ("203.0.113.15", true),
            ("::ffff:203.0.113.1", true),
            ("203.0.113.16", false),
            ("2001:db8:7::1", true),
            ("2001:db9::1", false),
        ] {
            assert_eq!(rules.is_source(address.parse().unwrap()), known, "{address}");
        }
    }

    #[test]
    fn numbers_become_e164() {
        let numbering = rules().numbering;
        for (dialled, number) in [
            ("+49 (30) 123-4567", "+49301234567"),
            ("0049301234567", "+49301234567"),
            ("0301234567", "+49301234567"),
            ("49301234567", "+49301234567"),
            ("1001", "1001"),
            ("ana", "ana"),
            ("*2", "*2"),
            ("", ""),
        ] {
            assert_eq!(numbering.normalise(dialled), number, "{dialled}");
        }
    }

    #[test]
    fn only_allowed_prefixes_are_dialled() {
        let rules = rules();
        assert_eq!(rules.dialable("030 1234567").as_deref(), Some("+49301234567"));
        for number in ["+49900123456", "+8816123456", "1001", "sip:x@y", ""] {
            assert_eq!(rules.dialable(number), None, "{number}");
        }
        assert_eq!(TrunkRules { allowed_prefixes: vec![], ..rules }.dialable("+15550100001"), None);
    }

    #[test]
    fn a_number_is_dialled_as_the_trunk_wants_it() {
        let rewrite = |strip: &str, prepend: &str| Rewrite { strip: strip.into(), prepend: prepend.into() };
        assert_eq!(rewrite("", "").apply("+49301"), "+49301");
        assert_eq!(rewrite("+", "00").apply("+49301"), "0049301");
        assert_eq!(rewrite("+49", "0").apply("+49301"), "0301");
        assert_eq!(rewrite("+49", "0").apply("+1555"), "+1555");
    }

    #[test]
    fn trunks_are_tried_by_health_then_priority_then_weight() {
        let candidate = |trunk, healthy, priority, weight| Candidate { trunk, healthy, priority, weight };
        let all = vec![
            candidate(0, true, 2, 1),
            candidate(1, false, 1, 1),
            candidate(2, true, 1, 1),
            candidate(3, true, 1, 3),
            candidate(4, true, 1, 0),
        ];
        assert_eq!(order(all.clone(), |_| 0), [2, 3, 4, 0, 1]);
        assert_eq!(order(all.clone(), |below| below - 1), [3, 2, 4, 0, 1]);
        let mut at = 0;
        let first: Vec<usize> = (0..400)
            .map(|_| {
                at += 1;
                order(all.clone(), |below| at % below)[0]
            })
            .collect();
        assert_eq!(first.iter().filter(|trunk| **trunk == 3).count(), 300);
        assert!(order(vec![], |_| 0).is_empty());
    }

    #[test]
    fn networks_are_checked() {
        for text in ["", "203.0.113.0/33", "203.0.113/24", "x/8", "::/129"] {
            assert_eq!(text.parse::<Network>(), Err(NetworkError), "{text}");
        }
        assert!("0.0.0.0/0".parse::<Network>().unwrap().contains("8.8.8.8".parse().unwrap()));
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing_more(number in "[+0-9 ()-]{0,18}") {
            let numbering = rules().numbering;
            let once = numbering.normalise(&number);
            prop_assert_eq!(numbering.normalise(&once), once.clone());
        }
    }
}
