//! `X-Twilio-Signature`: how an application knows that a request is ours.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use std::collections::BTreeSet;
use subtle::ConstantTimeEq;

/// The signature of a request to `url` with the form `params` (none for GET: they are in the URL).
///
/// HMAC-SHA1 with the account's primary token over the URL without fragment and user information, and then every
/// parameter, sorted by name: name and value, without separators. Of a name that is repeated, the distinct values, sorted.
pub fn signature(token: &str, url: &str, params: &[(String, String)]) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(token.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(signed_url(url).as_bytes());
    let sorted: BTreeSet<(&str, &str)> = params.iter().map(|(name, value)| (&**name, &**value)).collect();
    for (name, value) in sorted {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Whether `given` is the signature of that request; takes as long for a wrong one as for the right one.
pub fn matches(token: &str, url: &str, params: &[(String, String)], given: &str) -> bool {
    signature(token, url, params).as_bytes().ct_eq(given.as_bytes()).into()
}

/// Without fragment and user information, which are never sent.
fn signed_url(url: &str) -> String {
    let url = url.split('#').next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// The example that the official SDKs test themselves with.
    #[test]
    fn the_published_example_has_the_published_signature() {
        let params = params(&[
            ("To", "+18005551212"),
            ("From", "+14158675309"),
            ("Digits", "1234"),
            ("Caller", "+14158675309"),
            ("CallSid", "CA1234567890ABCDE"),
        ]);
        let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
        assert_eq!(signature("12345", url, &params), "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
        assert!(matches("12345", url, &params, "RSOYDt4T1cUTdK1PDd93/VVr8B8="));
        assert!(!matches("12345", url, &params, "RSOYDt4T1cUTdK1PDd93/VVr8B9="));
        assert!(!matches("12345", url, &params, ""));
    }

    #[test]
    fn what_is_never_sent_is_not_signed() {
        assert_eq!(
            signed_url("https://user:pa@ss@app.example.com/voice?x=1#rc=2"),
            "https://app.example.com/voice?x=1"
        );
        assert_eq!(signed_url("https://app.example.com:8443?a=b@c#f"), "https://app.example.com:8443?a=b@c");
        assert_eq!(signed_url("https://app.example.com"), "https://app.example.com");
        let bare = signature("t", "https://a.example/x", &[]);
        assert_eq!(signature("t", "https://u:p@a.example/x#ct=1000", &[]), bare);
    }

    #[test]
    fn names_sort_by_case_and_repeated_names_count_their_distinct_values_sorted() {
        let written =
            signature("t", "https://a.example/", &params(&[("b", "2"), ("B", "1"), ("b", "1"), ("b", "2")]));
        let mut mac = Hmac::<Sha1>::new_from_slice(b"t").unwrap();
        mac.update(b"https://a.example/B1b1b2");
        assert_eq!(written, STANDARD.encode(mac.finalize().into_bytes()));
    }
}
