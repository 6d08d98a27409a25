//! The frames of the websocket: one JSON object each, with a type and a payload (reference: voice §6.2-§6.4).

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a browser says. Types we do not know are ignored, as the SDK ignores ours.
#[derive(Debug, Deserialize)]
pub(super) struct Frame {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub payload: Payload,
}

/// Everything a payload may have; which of it is there depends on the type.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Payload {
    pub token: Option<String>,
    #[serde(rename = "reconnectTimeout")]
    pub reconnect_timeout: Option<f64>,
    pub media: Option<Media>,
    pub callsid: Option<String>,
    pub sdp: Option<String>,
    pub reconnect: Option<String>,
    pub twilio: Option<Twilio>,
    pub dtmf: Option<String>,
    /// Of `dial`.
    pub to: Option<String>,
    /// Of a simulated customer's `reject`: `busy`, else they decline.
    pub reason: Option<String>,
    /// Of a simulated customer's `network`: of 100 packets, how many are lost, each way.
    pub loss: Option<u8>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Media {
    pub audio: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Twilio {
    /// `k=v&k2=v2`, URI-encoded.
    pub params: Option<String>,
}

/// A frame of ours as text.
pub(super) fn frame(kind: &str, payload: Value) -> String {
    json!({"type": kind, "payload": payload}).to_string()
}

/// An error as frames carry it (reference: voice §6.6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignalError {
    /// The documented code.
    pub code: u32,
    /// A sentence.
    pub message: String,
}

impl SignalError {
    /// An error with the text that belongs to its code.
    pub fn of(code: u32) -> Self {
        let message = match code {
            31002 => "Connection Declined",
            31003 => "Connection Timeout",
            31100 => "Malformed request",
            31101 => "Missing parameters",
            31102 => "Authorization token missing",
            31201 => "Authentication failed",
            31202 => "JWT signature validation failed",
            31203 => "No valid account",
            31204 => "Invalid JWT token",
            31205 => "JWT token expired",
            31206 => "Rate limit exceeded",
            31207 => "JWT token expiration too long",
            31209 => "Reconnect attempt is not authorized",
            31404 => "Not Found",
            31480 => "Temporarily Unavailable",
            31486 => "Busy Here",
            31603 => "Decline",
            _ => "The call could not be made",
        };
        Self { code, message: message.to_owned() }
    }

    /// What a refusal with a SIP status is to a browser.
    pub(super) fn of_status(status: u16) -> Self {
        Self::of(match status {
            404 => 31404,
            480 | 487 => 31480,
            486 | 600 => 31486,
            603 => 31603,
            408 => 31003,
            _ => 31002,
        })
    }
}

/// `k=v&k2=v2` as pairs, in order. `%` escapes are resolved, `+` is a blank.
pub(super) fn parameters(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .take(PARAMETERS_MAX)
        .map(|(name, value)| (unescape(name), unescape(value)))
        .collect()
}

/// Pairs as `k=v&k2=v2`; a name that comes twice is told once, with its last value.
pub(super) fn query<'a>(pairs: impl IntoIterator<Item = &'a (String, String)>) -> String {
    let last: BTreeMap<_, _> = pairs.into_iter().map(|(name, value)| (name, value)).collect();
    let pair = |(name, value): (&&String, &&String)| format!("{}={}", escape(name), escape(value));
    last.iter().map(pair).collect::<Vec<_>>().join("&")
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match (first, hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(first),
        }
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Parameters taken from one call.
const PARAMETERS_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_survive_their_way_through_a_query() {
        let pairs = parameters("To=%2B15550001111&note=two+words%21&empty=&bad");
        let want = [("To", "+15550001111"), ("note", "two words!"), ("empty", "")];
        assert_eq!(pairs, want.map(|(a, b)| (a.to_owned(), b.to_owned())));
        let mut back = parameters(&query(&pairs));
        back.sort();
        let mut sorted = pairs;
        sorted.sort();
        assert_eq!(back, sorted);
        assert_eq!(unescape("100%"), "100%");
    }

    #[test]
    fn a_frame_of_the_sdk_is_read_with_what_we_need_of_it() {
        let text = r#"{"type":"listen","version":"1.6","payload":{"browserinfo":{"p":"browser"},"reconnectTimeout":0,"token":"eyJ"}}"#;
        let frame: Frame = serde_json::from_str(text).unwrap();
        assert_eq!((frame.kind.as_str(), frame.payload.token.as_deref()), ("listen", Some("eyJ")));
        let text = r#"{"type":"invite","payload":{"callsid":"TJS1","sdp":"v=0","twilio":{"params":"a=b"}}}"#;
        let frame: Frame = serde_json::from_str(text).unwrap();
        assert_eq!(frame.payload.twilio.unwrap().params.as_deref(), Some("a=b"));
    }
}
