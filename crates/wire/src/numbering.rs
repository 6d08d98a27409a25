//! The 2010 API: numbers that can be had (reference: voice §4.5). What can be told of a number is told by its digits
//! (ITU-T E.164): its country, and whether calls to it are free of charge.

use crate::api2010::{ROOT, formatted};
use base::{AccountSid, PhoneNumber};
use serde_json::{Value, json};

/// A country by its calling code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Country {
    /// Digits after `+`.
    pub calling_code: &'static str,
    /// ISO 3166-1, two letters.
    pub code: &'static str,
    /// In English.
    pub name: &'static str,
}

const fn country(calling_code: &'static str, code: &'static str, name: &'static str) -> Country {
    Country { calling_code, code, name }
}

/// Calling codes that several countries share belong to the largest of them.
const COUNTRIES: &[Country] = &[
    country("1", "US", "United States"),
    country("7", "RU", "Russia"),
    country("20", "EG", "Egypt"),
    country("27", "ZA", "South Africa"),
    country("30", "GR", "Greece"),
    country("31", "NL", "Netherlands"),
    country("32", "BE", "Belgium"),
    country("33", "FR", "France"),
    country("34", "ES", "Spain"),
    country("36", "HU", "Hungary"),
    country("39", "IT", "Italy"),
    country("40", "RO", "Romania"),
    country("41", "CH", "Switzerland"),
    country("43", "AT", "Austria"),
    country("44", "GB", "United Kingdom"),
    country("45", "DK", "Denmark"),
    country("46", "SE", "Sweden"),
    country("47", "NO", "Norway"),
    country("48", "PL", "Poland"),
    country("49", "DE", "Germany"),
    country("52", "MX", "Mexico"),
    country("54", "AR", "Argentina"),
    country("55", "BR", "Brazil"),
    country("56", "CL", "Chile"),
    country("57", "CO", "Colombia"),
    country("60", "MY", "Malaysia"),
    country("61", "AU", "Australia"),
    country("62", "ID", "Indonesia"),
    country("63", "PH", "Philippines"),
    country("64", "NZ", "New Zealand"),
    country("65", "SG", "Singapore"),
    country("66", "TH", "Thailand"),
    country("81", "JP", "Japan"),
    country("82", "KR", "South Korea"),
    country("84", "VN", "Vietnam"),
    country("86", "CN", "China"),
    country("90", "TR", "Turkey"),
    country("91", "IN", "India"),
    country("351", "PT", "Portugal"),
    country("352", "LU", "Luxembourg"),
    country("353", "IE", "Ireland"),
    country("354", "IS", "Iceland"),
    country("358", "FI", "Finland"),
    country("359", "BG", "Bulgaria"),
    country("370", "LT", "Lithuania"),
    country("371", "LV", "Latvia"),
    country("372", "EE", "Estonia"),
    country("380", "UA", "Ukraine"),
    country("385", "HR", "Croatia"),
    country("386", "SI", "Slovenia"),
    country("420", "CZ", "Czechia"),
    country("421", "SK", "Slovakia"),
    country("852", "HK", "Hong Kong"),
    country("886", "TW", "Taiwan"),
    country("971", "AE", "United Arab Emirates"),
    country("972", "IL", "Israel"),
];

/// The country of a number; `None` for one that is not in the table.
pub fn country_of(number: &PhoneNumber) -> Option<Country> {
    let digits = number.as_str().trim_start_matches('+');
    // No calling code begins another.
    COUNTRIES.iter().copied().find(|country| digits.starts_with(country.calling_code))
}

/// A country by its two letters.
pub fn country_called(code: &str) -> Option<Country> {
    COUNTRIES.iter().copied().find(|country| country.code.eq_ignore_ascii_case(code))
}

/// The first five characters of numbers that are free of charge to call, where a country has such numbers.
pub const TOLL_FREE: &[&str] =
    &["+1800", "+1833", "+1844", "+1855", "+1866", "+1877", "+1888", "+4480", "+4980", "+3380", "+6118"];

/// Whether whoever calls this number does not pay.
pub fn is_toll_free(number: &PhoneNumber) -> bool {
    TOLL_FREE.iter().any(|prefix| number.as_str().starts_with(prefix))
}

/// Whether `number` fits a search: `contains` has digits and `*` for any one digit, anywhere in the number.
pub fn fits(number: &PhoneNumber, area_code: Option<&str>, contains: Option<&str>) -> bool {
    let digits = number.as_str().trim_start_matches('+');
    let calling_code = country_of(number).map_or("", |country| country.calling_code);
    let national = digits.strip_prefix(calling_code).unwrap_or(digits);
    area_code.is_none_or(|area| national.starts_with(area)) && contains.is_none_or(|text| holds(digits, text))
}

fn holds(digits: &str, pattern: &str) -> bool {
    let pattern: Vec<u8> = pattern.bytes().filter(|b| b.is_ascii_digit() || *b == b'*').collect();
    let same = |(digit, wanted): (&u8, &u8)| *wanted == b'*' || digit == wanted;
    pattern.is_empty()
        || digits.as_bytes().windows(pattern.len()).any(|window| window.iter().zip(&pattern).all(same))
}

/// A country in which numbers can be had.
pub fn shown_country(account: AccountSid, country: Country) -> Value {
    let own = format!("{ROOT}/{account}/AvailablePhoneNumbers/{}", country.code);
    json!({
        "country_code": country.code,
        "country": country.name,
        "beta": false,
        "uri": format!("{own}.json"),
        "subresource_uris": {
            "local": format!("{own}/Local.json"),
            "mobile": format!("{own}/Mobile.json"),
            "toll_free": format!("{own}/TollFree.json"),
        },
    })
}

/// A number that can be had.
pub fn shown_number(number: &PhoneNumber) -> Value {
    json!({
        "friendly_name": formatted(number.as_str()),
        "phone_number": number,
        "lata": null,
        "locality": null,
        "rate_center": null,
        "latitude": null,
        "longitude": null,
        "region": null,
        "postal_code": null,
        "iso_country": country_of(number).map(|country| country.code),
        "address_requirements": "none",
        "beta": false,
        "capabilities": { "voice": true, "SMS": true, "MMS": false, "fax": false },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> PhoneNumber {
        text.parse().unwrap()
    }

    #[test]
    fn no_calling_code_begins_another() {
        for country in COUNTRIES {
            let begins = |other: &&Country| other.calling_code.starts_with(country.calling_code);
            assert_eq!(COUNTRIES.iter().filter(begins).count(), 1, "{country:?}");
        }
    }

    #[test]
    fn a_number_is_found_by_its_country_and_digits() {
        assert_eq!(country_of(&number("+15550100001")).unwrap().code, "US");
        assert_eq!(country_of(&number("+493012345678")).unwrap().code, "DE");
        assert_eq!(country_of(&number("+3531234567")).unwrap().code, "IE");
        assert!(is_toll_free(&number("+18005550100")) && !is_toll_free(&number("+15550100001")));
        let one = number("+15550100042");
        assert!(fits(&one, Some("555"), None) && !fits(&one, Some("010"), None));
        assert!(fits(&one, None, Some("0100*42")) && fits(&one, None, Some("555")));
        assert!(!fits(&one, None, Some("999")));
        assert!(fits(&one, None, None));
    }
}
