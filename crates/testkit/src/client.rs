//! The client's half of digest authentication (RFC 2617/7616, MD5).

use crate::message::Message;
use md5::{Digest, Md5};

/// A challenge, as WWW-Authenticate or Proxy-Authenticate brings it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    pub proxy: bool,
    pub realm: String,
    pub nonce: String,
    pub opaque: Option<String>,
    pub qop_auth: bool,
}

impl Challenge {
    /// The first MD5 challenge of a 401 or 407.
    pub fn of(response: &Message) -> Option<Self> {
        let proxy = response.code() == Some(407);
        let name = if proxy { "Proxy-Authenticate" } else { "WWW-Authenticate" };
        response.all(name).find_map(|value| {
            let parameters = parameters(value.trim().strip_prefix("Digest")?);
            let find = |key: &str| {
                parameters.iter().find(|(k, _)| k.eq_ignore_ascii_case(key)).map(|(_, v)| v.clone())
            };
            if find("algorithm").is_some_and(|a| !a.eq_ignore_ascii_case("MD5")) {
                return None;
            }
            Some(Self {
                proxy,
                realm: find("realm")?,
                nonce: find("nonce")?,
                opaque: find("opaque"),
                qop_auth: find("qop").is_some_and(|q| q.split(',').any(|v| v.trim() == "auth")),
            })
        })
    }

    /// Name and value of the header that answers it.
    pub fn answer(
        &self,
        user: &str,
        password: &str,
        method: &str,
        uri: &str,
        cnonce: &str,
        count: u32,
    ) -> (String, String) {
        let ha1 = md5_hex(&format!("{user}:{}:{password}", self.realm));
        let ha2 = md5_hex(&format!("{method}:{uri}"));
        let nc = format!("{count:08x}");
        let response = if self.qop_auth {
            md5_hex(&format!("{ha1}:{}:{nc}:{cnonce}:auth:{ha2}", self.nonce))
        } else {
            md5_hex(&format!("{ha1}:{}:{ha2}", self.nonce))
        };
        let mut value = format!(
            "Digest username=\"{user}\", realm=\"{}\", nonce=\"{}\", uri=\"{uri}\", response=\"{response}\", algorithm=MD5",
            self.realm, self.nonce
        );
        if self.qop_auth {
            value.push_str(&format!(", qop=auth, nc={nc}, cnonce=\"{cnonce}\""));
        }
        if let Some(opaque) = &self.opaque {
            value.push_str(&format!(", opaque=\"{opaque}\""));
        }
        (if self.proxy { "Proxy-Authorization" } else { "Authorization" }.to_owned(), value)
    }
}

fn md5_hex(text: &str) -> String {
    Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `key=value, key="quoted, value"`
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some((key, after)) = rest.split_once('=') {
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').map_or((after, ""), |(v, n)| (v, n)),
        };
        found.push((key.trim().to_owned(), value.trim().to_owned()));
        rest = next.trim_start_matches([',', ' ', '\t']);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_2617_comes_out() {
        let challenge = Challenge {
            proxy: false,
            realm: "testrealm@host.com".into(),
            nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093".into(),
            opaque: Some("5ccc069c403ebaf9f0171e9517f40e41".into()),
            qop_auth: true,
        };
        let (_, value) =
            challenge.answer("Mufasa", "Circle Of Life", "GET", "/dir/index.html", "0a4f113b", 1);
        assert!(value.contains("response=\"6629fae49393a05397450978507c4ef1\""), "{value}");
    }

    #[test]
    fn md5_is_chosen_among_several_challenges() {
        let response = Message::parse(b"SIP/2.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"1\", algorithm=SHA-256, qop=\"auth\"\r\nWWW-Authenticate: Digest realm=\"a, b\",nonce=\"2\", algorithm=MD5,qop=\"auth,auth-int\"\r\n\r\n").unwrap();
        let challenge = Challenge::of(&response).unwrap();
        assert_eq!(
            (challenge.realm.as_str(), challenge.nonce.as_str(), challenge.qop_auth),
            ("a, b", "2", true)
        );
    }
}
