//! ID tokens of a provider: signed with one of its keys, for us, now, and for the request that we made (OpenID Connect Core
//! 1.0 §3.1.3.7). Symmetric algorithms and `none` are never taken: only who has the provider's private key signs.

use base::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde_json::{Map, Value};
use std::time::Duration;

/// Longest token that is looked at, in bytes.
const LENGTH_MAX: usize = 64 * 1024;
/// How far the provider's clock may be off.
const SKEW: Duration = Duration::from_secs(60);
/// Most keys of a provider that are kept.
const KEYS_MAX: usize = 50;

/// A public key of a provider (RFC 7517).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    id: Option<String>,
    /// The only algorithm it is for, if it says so.
    algorithm: Option<String>,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// An uncompressed point.
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// What a token has to be.
pub(super) struct Expected<'a> {
    pub issuer: &'a str,
    pub client: &'a str,
    pub nonce: &'a str,
    pub now: Timestamp,
}

/// Why a token is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum IdTokenError {
    #[error("the ID token is not a signed token")]
    Malformed,
    #[error("the ID token is signed with {0}, which is not taken")]
    Algorithm(String),
    #[error("the ID token is signed with a key that the provider does not show")]
    UnknownKey,
    #[error("the signature of the ID token is not right")]
    Signature,
    #[error("the claim {0} of the ID token is not as it must be")]
    Claim(&'static str),
}

/// The keys of a JWK set that can be used; what is unknown or broken is passed over.
pub(super) fn keys(set: &Value) -> Vec<Key> {
    let all = set.get("keys").and_then(Value::as_array);
    all.into_iter().flatten().filter_map(key).take(KEYS_MAX).collect()
}

fn key(of: &Value) -> Option<Key> {
    let text = |name: &str| of.get(name).and_then(Value::as_str);
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?.trim_end_matches('=')).ok();
    if text("use").is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    let point = |size: usize| {
        let (x, y) = (bytes("x")?, bytes("y")?);
        (x.len() == size && y.len() == size).then(|| [vec![4], x, y].concat())
    };
    let kind = match (text("kty")?, text("crv")) {
        ("RSA", _) => Kind::Rsa { n: bytes("n")?, e: bytes("e")? },
        ("EC", Some("P-256")) => Kind::P256(point(32)?),
        ("EC", Some("P-384")) => Kind::P384(point(48)?),
        ("OKP", Some("Ed25519")) => Kind::Ed25519(bytes("x")?),
        _ => return None,
    };
    Some(Key { id: text("kid").map(str::to_owned), algorithm: text("alg").map(str::to_owned), kind })
}

impl Key {
    /// Whether it signed this; `None` if it is for another algorithm.
    fn signed(&self, algorithm: &str, text: &[u8], given: &[u8]) -> Option<bool> {
        if self.algorithm.as_deref().is_some_and(|only| only != algorithm) {
            return None;
        }
        let good = match (&self.kind, algorithm) {
            (Kind::Rsa { n, e }, _) => {
                let how = match algorithm {
                    "RS256" => &signature::RSA_PKCS1_2048_8192_SHA256,
                    "RS384" => &signature::RSA_PKCS1_2048_8192_SHA384,
                    "RS512" => &signature::RSA_PKCS1_2048_8192_SHA512,
                    "PS256" => &signature::RSA_PSS_2048_8192_SHA256,
                    "PS384" => &signature::RSA_PSS_2048_8192_SHA384,
                    "PS512" => &signature::RSA_PSS_2048_8192_SHA512,
                    _ => return None,
                };
                RsaPublicKeyComponents { n, e }.verify(how, text, given).is_ok()
            }
            (Kind::P256(point), "ES256") => {
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point).verify(text, given).is_ok()
            }
            (Kind::P384(point), "ES384") => {
                UnparsedPublicKey::new(&signature::ECDSA_P384_SHA384_FIXED, point).verify(text, given).is_ok()
            }
            (Kind::Ed25519(point), "EdDSA" | "Ed25519") => {
                UnparsedPublicKey::new(&signature::ED25519, point).verify(text, given).is_ok()
            }
            _ => return None,
        };
        Some(good)
    }
}

const TAKEN: &[&str] =
    &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "Ed25519"];

/// The claims of a token that is signed with one of `keys` and is as it must be.
pub(super) fn verified(
    token: &str,
    keys: &[Key],
    expected: &Expected<'_>,
) -> Result<Map<String, Value>, IdTokenError> {
    let claims = read(token, keys).ok_or(IdTokenError::Malformed)??;
    check(&claims, expected)?;
    Ok(claims)
}

/// `None` for what is no token.
fn read(token: &str, keys: &[Key]) -> Option<Result<Map<String, Value>, IdTokenError>> {
    if token.len() > LENGTH_MAX {
        return None;
    }
    let (signed, given) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let object = |part: &str| -> Option<Map<String, Value>> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
    };
    let header = object(header)?;
    let algorithm = header.get("alg")?.as_str()?.to_owned();
    let id = header.get("kid").and_then(Value::as_str).map(str::to_owned);
    let (claims, given) = (object(claims)?, URL_SAFE_NO_PAD.decode(given).ok()?);
    if !TAKEN.contains(&algorithm.as_str()) || header.contains_key("crit") {
        return Some(Err(IdTokenError::Algorithm(algorithm)));
    }
    let named = |key: &&Key| id.is_none() || key.id.is_none() || key.id == id;
    let tried: Vec<bool> = keys
        .iter()
        .filter(named)
        .filter_map(|key| key.signed(&algorithm, signed.as_bytes(), &given))
        .collect();
    Some(match tried {
        tried if tried.is_empty() => Err(IdTokenError::UnknownKey),
        tried if tried.contains(&true) => Ok(claims),
        _ => Err(IdTokenError::Signature),
    })
}

fn check(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), IdTokenError> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let time =
        |name: &str| claims.get(name).and_then(Value::as_i64).map(|s| Timestamp(s.saturating_mul(1_000_000)));
    let that = |holds: bool, name| if holds { Ok(()) } else { Err(IdTokenError::Claim(name)) };
    that(text("iss") == Some(expected.issuer), "iss")?;
    let audience: Vec<&str> = match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    that(audience.contains(&expected.client), "aud")?;
    // With several audiences the token says whom it was given to.
    that(audience.len() == 1 || text("azp").is_some(), "azp")?;
    that(text("azp").is_none_or(|to| to == expected.client), "azp")?;
    that(text("nonce") == Some(expected.nonce), "nonce")?;
    that(text("sub").is_some_and(|sub| !sub.is_empty()), "sub")?;
    that(time("exp").is_some_and(|end| end + SKEW > expected.now), "exp")?;
    that(time("iat").is_some_and(|made| made <= expected.now + SKEW), "iat")?;
    that(time("nbf").is_none_or(|from| from <= expected.now + SKEW), "nbf")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
    use serde_json::json;

    const NOW: Timestamp = Timestamp(1_774_432_800_000_000);

    struct Signer(EcdsaKeyPair, SystemRandom);

    impl Signer {
        fn new() -> Self {
            let random = SystemRandom::new();
            let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random);
            Self(pair.unwrap(), random)
        }

        fn shown(&self, id: &str) -> Value {
            let point = self.0.public_key().as_ref();
            let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
            json!({"kty": "EC", "crv": "P-256", "kid": id, "use": "sig", "alg": "ES256", "x": x, "y": y})
        }

        fn signs(&self, header: &Value, claims: &Value) -> String {
            let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let signed = format!("{}.{}", encode(header), encode(claims));
            let signature = self.0.sign(&self.1, signed.as_bytes()).unwrap();
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
        }
    }

    fn claims() -> Value {
        let now = NOW.seconds();
        json!({"iss": "https://id.example", "aud": "tandem", "sub": "7", "nonce": "n", "iat": now, "exp": now + 300})
    }

    fn expected() -> Expected<'static> {
        Expected { issuer: "https://id.example", client: "tandem", nonce: "n", now: NOW }
    }

    #[test]
    fn a_token_of_the_provider_for_us_is_believed_and_no_other() {
        let (ours, theirs) = (Signer::new(), Signer::new());
        let shown = keys(
            &json!({"keys": [ours.shown("a"), {"kty": "oct", "k": "AAAA"}, {"kty": "EC", "crv": "P-256"}]}),
        );
        assert_eq!(shown.len(), 1);
        let header = json!({"alg": "ES256", "kid": "a"});
        let token = ours.signs(&header, &claims());
        assert_eq!(verified(&token, &shown, &expected()).unwrap()["sub"], "7");

        let forged = theirs.signs(&header, &claims());
        assert_eq!(verified(&forged, &shown, &expected()), Err(IdTokenError::Signature));
        let other = ours.signs(&json!({"alg": "ES256", "kid": "b"}), &claims());
        assert_eq!(verified(&other, &shown, &expected()), Err(IdTokenError::UnknownKey));
        for algorithm in ["none", "HS256"] {
            let token = ours.signs(&json!({"alg": algorithm, "kid": "a"}), &claims());
            assert_eq!(
                verified(&token, &shown, &expected()),
                Err(IdTokenError::Algorithm(algorithm.to_owned()))
            );
        }
        // The key is for ES256 only.
        let token = ours.signs(&json!({"alg": "RS256", "kid": "a"}), &claims());
        assert_eq!(verified(&token, &shown, &expected()), Err(IdTokenError::UnknownKey));
        let (head, _) = token.rsplit_once('.').unwrap();
        for broken in ["", "a.b", "a.b.c", head, &format!("{head}.")] {
            let why = verified(broken, &shown, &expected()).unwrap_err();
            assert!(matches!(why, IdTokenError::Malformed | IdTokenError::UnknownKey), "{broken}: {why}");
        }
    }

    #[test]
    fn every_claim_is_looked_at() {
        let ours = Signer::new();
        let shown = keys(&json!({"keys": [ours.shown("a")]}));
        let now = NOW.seconds();
        for (name, value, wrong) in [
            ("iss", json!("https://evil.example"), "iss"),
            ("aud", json!("another"), "aud"),
            ("aud", json!(["tandem", "another"]), "azp"),
            ("azp", json!("another"), "azp"),
            ("nonce", json!("m"), "nonce"),
            ("nonce", Value::Null, "nonce"),
            ("sub", json!(""), "sub"),
            ("exp", json!(now - 61), "exp"),
            ("exp", Value::Null, "exp"),
            ("iat", json!(now + 120), "iat"),
            ("nbf", json!(now + 120), "nbf"),
        ] {
            let mut claims = claims();
            claims[name] = value.clone();
            let token = ours.signs(&json!({"alg": "ES256"}), &claims);
            let found = verified(&token, &shown, &expected());
            assert_eq!(found, Err(IdTokenError::Claim(wrong)), "{name}: {value}");
        }
        let mut claims = claims();
        (claims["aud"], claims["azp"], claims["exp"]) =
            (json!(["tandem", "x"]), json!("tandem"), json!(now - 30));
        let token = ours.signs(&json!({"alg": "ES256"}), &claims);
        verified(&token, &shown, &expected()).expect("within the skew");
    }
}
