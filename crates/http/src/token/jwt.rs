//! A signed JSON document in three parts (RFC 7519), with HMAC signatures only.

use base::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde_json::{Map, Value};
use sha2::{Sha256, Sha384, Sha512};

/// Longest token that is looked at, in bytes.
const LENGTH_MAX: usize = 16 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Hs256,
    Hs384,
    Hs512,
}

/// What a token says, and what proves it. Nothing in it is to be believed before [`Jwt::is_signed_with`].
#[derive(Debug)]
pub(crate) struct Jwt<'a> {
    pub claims: Map<String, Value>,
    algorithm: Algorithm,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Jwt<'a> {
    /// Reads a token; `None` if it is not one, or names an algorithm that is not an HMAC.
    pub fn parse(text: &'a str) -> Option<Self> {
        if text.len() > LENGTH_MAX {
            return None;
        }
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let object = |part: &str| -> Option<Map<String, Value>> {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?).ok()
        };
        let algorithm = match object(header)?.get("alg")?.as_str()? {
            "HS256" => Algorithm::Hs256,
            "HS384" => Algorithm::Hs384,
            "HS512" => Algorithm::Hs512,
            _ => return None,
        };
        let signature = URL_SAFE_NO_PAD.decode(signature.trim_end_matches('=')).ok()?;
        Some(Self { claims: object(claims)?, algorithm, signed, signature })
    }

    /// Compared in a time that does not tell how much of the signature is right. An empty secret signs nothing.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        fn verify<M: Mac + hmac::digest::KeyInit>(secret: &str, signed: &str, signature: &[u8]) -> bool {
            <M as Mac>::new_from_slice(secret.as_bytes())
                .is_ok_and(|mac| mac.chain_update(signed).verify_slice(signature).is_ok())
        }
        let check = match self.algorithm {
            Algorithm::Hs256 => verify::<Hmac<Sha256>>,
            Algorithm::Hs384 => verify::<Hmac<Sha384>>,
            Algorithm::Hs512 => verify::<Hmac<Sha512>>,
        };
        !secret.is_empty() && check(secret, self.signed, &self.signature)
    }

    /// A token that says this, signed with `secret` (HS256).
    pub fn sign(claims: &Value, secret: &str) -> String {
        let header = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"HS256"}"#);
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let mac = <Hmac<Sha256> as hmac::digest::KeyInit>::new_from_slice(secret.as_bytes());
        let mac = mac.expect("HMAC takes keys of every length").chain_update(&signed);
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    /// A claim that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }

    /// A claim that is a moment: seconds since 1970.
    pub fn time(&self, name: &str) -> Option<Timestamp> {
        let value = self.claims.get(name)?;
        let seconds = value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64))?;
        seconds.checked_mul(1_000_000).map(Timestamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7515, appendix A.1.
    #[test]
    fn the_example_of_the_standard_is_good_with_its_key_only() {
        let text = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
                    eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
                    dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let jwt = Jwt::parse(text).unwrap();
        assert_eq!((jwt.text("iss"), jwt.time("exp")), (Some("joe"), Some(Timestamp(1_300_819_380_000_000))));
        assert!(!jwt.is_signed_with("another key") && !jwt.is_signed_with(""));
        let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
        let mut mac = Hmac::<Sha256>::new_from_slice(&URL_SAFE_NO_PAD.decode(key).unwrap()).unwrap();
        mac.update(jwt.signed.as_bytes());
        assert!(mac.verify_slice(&jwt.signature).is_ok());
    }

    #[test]
    fn what_we_sign_is_good_with_the_secret_that_signed_it_only() {
        let text = Jwt::sign(&serde_json::json!({"iss": "AC", "exp": 7}), "secret");
        let jwt = Jwt::parse(&text).unwrap();
        assert!(jwt.is_signed_with("secret") && !jwt.is_signed_with("secrets"));
        assert_eq!((jwt.text("iss"), jwt.time("exp")), (Some("AC"), Some(Timestamp(7_000_000))));
    }

    #[test]
    fn what_is_no_token_or_names_no_hmac_is_not_read() {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let none = format!("{}.{}.", part(r#"{"alg":"none"}"#), part("{}"));
        let rsa = format!("{}.{}.AAAA", part(r#"{"alg":"RS256"}"#), part("{}"));
        let list = format!("{}.{}.AAAA", part(r#"{"alg":"HS256"}"#), part("[]"));
        for text in ["", "a", "a.b", "a.b.c", "..", none.as_str(), &rsa, &list, &"x".repeat(20_000)] {
            assert!(Jwt::parse(text).is_none(), "{text:.60}");
        }
    }
}
