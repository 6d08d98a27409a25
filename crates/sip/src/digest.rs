//! Digest authentication (RFC 7616, RFC 8760): our challenges, our check of the answers, our own nonces.
//!
//! The check hashes the header's own text. In particular `nc` is never turned into a number and printed again: a
//! stack that does so refuses a phone at its tenth request under one nonce.

use base::{Secret, Timestamp};
use hmac::{Hmac, Mac};
use md5::{Digest, Md5};
use sha2::Sha256;
use std::collections::HashMap;
use std::time::Duration;
use subtle::ConstantTimeEq;

/// How long a nonce is good for. After that the phone is challenged again with `stale=true`, which it answers alone.
pub const NONCE_LIFETIME: Duration = Duration::from_secs(600);
/// Most nonces whose counts are remembered. Only a right answer is remembered, so only a real phone uses a place.
pub const NONCES_MAX: usize = 20_000;
/// How far behind the highest count a late request may be.
const REPLAY_WINDOW: u32 = 64;
/// Longest header value that is looked at, in bytes.
const VALUE_BYTES_MAX: usize = 4096;

/// The hash of a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// What every phone speaks.
    Md5,
    /// RFC 8760.
    Sha256,
}

/// What a user proves to know.
#[derive(Debug, Clone)]
pub enum PhoneSecret {
    /// The password itself.
    Password(Secret<String>),
    /// `H(user:realm:password)` in hex, per algorithm: what a store may keep.
    Ha1 {
        /// MD5, 32 hex digits.
        md5: Secret<String>,
        /// SHA-256, 64 hex digits, if the password was set after we began to make it.
        sha256: Option<Secret<String>>,
    },
}

/// The parameters of an `Authorization` or `Proxy-Authorization` header, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials<'a> {
    /// User name between its quotes.
    pub username: &'a str,
    /// Realm between its quotes.
    pub realm: &'a str,
    /// Nonce between its quotes.
    pub nonce: &'a str,
    /// Digest URI between its quotes.
    pub uri: &'a str,
    /// The answer, in hex.
    pub response: &'a str,
    /// The hash; MD5 if absent.
    pub algorithm: Algorithm,
    /// `auth`, with its two companions, if the peer uses RFC 2617 and later.
    pub qop: Option<Qop<'a>>,
}

/// The parameters that come with `qop=auth`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Qop<'a> {
    /// Eight hex digits by the letter, as written in fact.
    pub nc: &'a str,
    /// The client's nonce.
    pub cnonce: &'a str,
}

/// Why credentials were not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// Not a digest header, or one without its required parameters.
    #[error("the credentials are malformed")]
    Malformed,
    /// `auth-int`, or a hash we do not offer.
    #[error("the credentials use an algorithm or quality of protection that was not offered")]
    Unsupported,
    /// They answer a challenge of somebody else, or of ours before a restart.
    #[error("the nonce is not one of ours")]
    ForeignNonce,
    /// They are right, but the nonce is too old: challenge again with `stale=true`.
    #[error("the nonce is stale")]
    Stale,
    /// They are right, but their count was used before.
    #[error("the nonce count was used before")]
    Replayed,
    /// The answer is wrong.
    #[error("the answer is wrong")]
    Wrong,
}

/// Issues challenges and checks answers, for one realm.
#[derive(Debug)]
pub struct Guard {
    realm: String,
    algorithms: Vec<Algorithm>,
    nonces: Nonces,
}

impl Guard {
    /// A guard whose nonces are signed with `key`: a restart with the same key keeps them good.
    /// `algorithms` are offered in this order. Either is checked; phones of some years ago give up on a challenge
    /// that has SHA-256 in it, even beside MD5 (baresip 1.0 does).
    pub fn new(realm: impl Into<String>, key: [u8; 32], algorithms: Vec<Algorithm>) -> Self {
        Self { realm: realm.into(), algorithms, nonces: Nonces::new(key) }
    }

    /// The realm phones hash their passwords with.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// Values of the `WWW-Authenticate` headers of a challenge, one per algorithm on offer. `salt` makes nonces differ within a second.
    pub fn challenges(&self, now: Timestamp, salt: u64, stale: bool) -> Vec<String> {
        let nonce = self.nonces.issue(now, salt);
        let stale = if stale { ", stale=true" } else { "" };
        self.algorithms
            .iter()
            .map(|algorithm| {
                let (realm, algorithm) = (&self.realm, algorithm.name());
                format!(
                    r#"Digest realm="{realm}", nonce="{nonce}", algorithm={algorithm}, qop="auth"{stale}"#
                )
            })
            .collect()
    }

    /// Checks credentials for a request of `method`. `secret` is the named user's, or `None` if there is no such user
    /// (which takes as long, and reads the same, as a wrong password).
    pub fn check(
        &mut self,
        credentials: &Credentials<'_>,
        method: &str,
        secret: Option<&PhoneSecret>,
        now: Timestamp,
    ) -> Result<(), DigestError> {
        if credentials.realm != self.realm {
            return Err(DigestError::ForeignNonce);
        }
        let issued = self.nonces.issued_at(credentials.nonce).ok_or(DigestError::ForeignNonce)?;
        let nobody = PhoneSecret::Password(Secret::new(String::new()));
        let known = secret.is_some();
        let expected =
            credentials.expected(method, secret.unwrap_or(&nobody)).ok_or(DigestError::Unsupported)?;
        let given = credentials.response.to_ascii_lowercase();
        let right = bool::from(expected.as_bytes().ct_eq(given.as_bytes()));
        if !(right && known) {
            return Err(DigestError::Wrong);
        }
        if now.since(issued) > NONCE_LIFETIME || issued > now + Duration::from_secs(1) {
            return Err(DigestError::Stale);
        }
        self.nonces.accept(credentials.nonce, issued, credentials.qop.map(|q| q.nc), now)
    }
}

impl Algorithm {
    /// As it stands in a header.
    pub fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Md5, Self::Sha256].into_iter().find(|a| name.eq_ignore_ascii_case(a.name()))
    }

    /// `H(parts joined by colons)` in hex.
    fn hash(self, parts: &[&str]) -> String {
        let text = parts.join(":");
        match self {
            Self::Md5 => hex(&Md5::digest(text)),
            Self::Sha256 => hex(&Sha256::digest(text)),
        }
    }
}

/// `H(user:realm:password)` for both algorithms: what a store keeps instead of a password.
pub fn ha1(user: &str, realm: &str, password: &Secret<String>) -> PhoneSecret {
    let of = |algorithm: Algorithm| Secret::new(algorithm.hash(&[user, realm, password.expose()]));
    PhoneSecret::Ha1 { md5: of(Algorithm::Md5), sha256: Some(of(Algorithm::Sha256)) }
}

impl<'a> Credentials<'a> {
    /// Reads the value of an `Authorization` header.
    pub fn parse(value: &'a str) -> Result<Self, DigestError> {
        let params = challenge_params(value).ok_or(DigestError::Malformed)?;
        let find =
            |name: &str| params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| *v);
        let need = |name: &str| find(name).ok_or(DigestError::Malformed);
        let algorithm = match find("algorithm") {
            Some(name) => Algorithm::named(name).ok_or(DigestError::Unsupported)?,
            None => Algorithm::Md5,
        };
        let qop = match find("qop") {
            Some(qop) if qop.eq_ignore_ascii_case("auth") => {
                Some(Qop { nc: need("nc")?, cnonce: need("cnonce")? })
            }
            Some(_) => return Err(DigestError::Unsupported),
            None => None,
        };
        Ok(Self {
            username: need("username")?,
            realm: need("realm")?,
            nonce: need("nonce")?,
            uri: need("uri")?,
            response: need("response")?,
            algorithm,
            qop,
        })
    }

    /// The user these credentials are for, with quoted characters undone.
    pub fn user(&self) -> String {
        self.username.replace("\\\"", "\"").replace("\\\\", "\\")
    }

    fn expected(&self, method: &str, secret: &PhoneSecret) -> Option<String> {
        let ha1 = match (secret, self.algorithm) {
            (PhoneSecret::Password(password), algorithm) => {
                algorithm.hash(&[self.username, self.realm, password.expose()])
            }
            (PhoneSecret::Ha1 { md5, .. }, Algorithm::Md5) => md5.expose().to_ascii_lowercase(),
            (PhoneSecret::Ha1 { sha256, .. }, Algorithm::Sha256) => {
                sha256.as_ref()?.expose().to_ascii_lowercase()
            }
        };
        let ha2 = self.algorithm.hash(&[method, self.uri]);
        Some(match self.qop {
            Some(Qop { nc, cnonce }) => self.algorithm.hash(&[&ha1, self.nonce, nc, cnonce, "auth", &ha2]),
            None => self.algorithm.hash(&[&ha1, self.nonce, &ha2]),
        })
    }
}

/// The value of an `Authorization` header that answers `challenge` (the value of a `WWW-Authenticate` header): our
/// side as a client, and what the tests play a phone with.
pub fn authorize(
    challenge: &str,
    method: &str,
    uri: &str,
    user: &str,
    password: &Secret<String>,
    cnonce: &str,
    count: u32,
) -> Result<String, DigestError> {
    let params = challenge_params(challenge).ok_or(DigestError::Malformed)?;
    let find = |name: &str| params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| *v);
    let (realm, nonce) =
        (find("realm").ok_or(DigestError::Malformed)?, find("nonce").ok_or(DigestError::Malformed)?);
    let algorithm = match find("algorithm") {
        Some(name) => Algorithm::named(name).ok_or(DigestError::Unsupported)?,
        None => Algorithm::Md5,
    };
    let with_qop = match find("qop") {
        Some(offered) if offered.split(',').any(|q| q.trim().eq_ignore_ascii_case("auth")) => true,
        Some(_) => return Err(DigestError::Unsupported),
        None => false,
    };
    let nc = format!("{count:08x}");
    let ha1 = algorithm.hash(&[user, realm, password.expose()]);
    let ha2 = algorithm.hash(&[method, uri]);
    let response = if with_qop {
        algorithm.hash(&[&ha1, nonce, &nc, cnonce, "auth", &ha2])
    } else {
        algorithm.hash(&[&ha1, nonce, &ha2])
    };
    let mut value = format!(
        r#"Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", response="{response}", algorithm={}"#,
        algorithm.name()
    );
    if with_qop {
        value.push_str(&format!(r#", qop=auth, nc={nc}, cnonce="{cnonce}""#));
    }
    if let Some(opaque) = find("opaque") {
        value.push_str(&format!(r#", opaque="{opaque}""#));
    }
    Ok(value)
}

/// `Digest a="b", c=d` as pairs of slices; a quoted value without its quotes.
fn challenge_params(value: &str) -> Option<Vec<(&str, &str)>> {
    let value = value.trim();
    if value.len() > VALUE_BYTES_MAX {
        return None;
    }
    let (scheme, mut rest) = value.split_once(char::is_whitespace)?;
    if !scheme.eq_ignore_ascii_case("digest") {
        return None;
    }
    let mut params = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',', '\r', '\n']);
        if rest.is_empty() {
            return Some(params);
        }
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => {
                let end = end_of_quoted(quoted)?;
                (&quoted[..end], &quoted[end + 1..])
            }
            None => {
                let end = after.find([',', ' ', '\t']).unwrap_or(after.len());
                (&after[..end], &after[end..])
            }
        };
        params.push((name.trim(), value));
        rest = after;
    }
}

fn end_of_quoted(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at),
            _ => {}
        }
    }
    None
}

/// Nonces that carry their own date and signature, and the counts seen under each.
struct Nonces {
    key: [u8; 32],
    seen: HashMap<String, Seen>,
}

struct Seen {
    issued: Timestamp,
    highest: u32,
    /// Bit `n`: the count `highest - n` was used.
    window: u64,
}

impl std::fmt::Debug for Nonces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Nonces({} seen)", self.seen.len())
    }
}

impl Nonces {
    fn new(key: [u8; 32]) -> Self {
        Self { key, seen: HashMap::new() }
    }

    fn sign(&self, dated: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        mac.update(dated.as_bytes());
        hex(&mac.finalize().into_bytes()[..16])
    }

    fn issue(&self, now: Timestamp, salt: u64) -> String {
        let dated = format!("{:016x}{salt:016x}", now.0);
        format!("{dated}{}", self.sign(&dated))
    }

    /// When this nonce was issued; `None` if we never did.
    fn issued_at(&self, nonce: &str) -> Option<Timestamp> {
        if nonce.len() != 64 || !nonce.is_ascii() {
            return None;
        }
        let (dated, signature) = nonce.split_at(32);
        if !bool::from(self.sign(dated).as_bytes().ct_eq(signature.as_bytes())) {
            return None;
        }
        i64::from_str_radix(&dated[..16], 16).ok().map(Timestamp)
    }

    fn accept(
        &mut self,
        nonce: &str,
        issued: Timestamp,
        nc: Option<&str>,
        now: Timestamp,
    ) -> Result<(), DigestError> {
        // Without qop there is no count: such a nonce is good for one request, and the next is told "stale".
        let count = match nc {
            Some(nc) => u32::from_str_radix(nc.trim(), 16).map_err(|_| DigestError::Malformed)?,
            None => 1,
        };
        if let Some(seen) = self.seen.get_mut(nonce) {
            return match seen.accept(count) {
                true => Ok(()),
                false if nc.is_none() => Err(DigestError::Stale),
                false => Err(DigestError::Replayed),
            };
        }
        if self.seen.len() >= NONCES_MAX {
            self.seen.retain(|_, seen| now.since(seen.issued) <= NONCE_LIFETIME);
        }
        if self.seen.len() >= NONCES_MAX {
            return Err(DigestError::Stale);
        }
        self.seen.insert(nonce.to_owned(), Seen { issued, highest: count, window: 1 });
        Ok(())
    }
}

impl Seen {
    fn accept(&mut self, count: u32) -> bool {
        if count > self.highest {
            let by = count - self.highest;
            self.window = if by >= REPLAY_WINDOW { 1 } else { (self.window << by) | 1 };
            self.highest = count;
            return true;
        }
        let back = self.highest - count;
        if back >= REPLAY_WINDOW || self.window & (1 << back) != 0 {
            return false;
        }
        self.window |= 1 << back;
        true
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp(1_774_432_800_000_000);

    fn guard() -> Guard {
        Guard::new("tandem", [7; 32], vec![Algorithm::Md5, Algorithm::Sha256])
    }

    fn password() -> Secret<String> {
        Secret::new("open sesame".to_owned())
    }

    fn answer(challenge: &str, count: u32) -> String {
        authorize(challenge, "REGISTER", "sip:tandem", "ana", &password(), "c0ffee", count).unwrap()
    }

    fn check(guard: &mut Guard, header: &str, now: Timestamp) -> Result<(), DigestError> {
        let secret = PhoneSecret::Password(password());
        guard.check(&Credentials::parse(header)?, "REGISTER", Some(&secret), now)
    }

    #[test]
    fn the_examples_of_rfc_7616_come_out() {
        for (algorithm, response) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let header = format!(
                r#"Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm={algorithm},
                nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001,
                cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="{response}""#
            );
            let credentials = Credentials::parse(&header).unwrap();
            let secret = PhoneSecret::Password(Secret::new("Circle of Life".to_owned()));
            assert_eq!(credentials.expected("GET", &secret).unwrap(), response);
        }
    }

    #[test]
    fn the_right_password_passes_under_both_algorithms_and_both_kinds_of_secret() {
        for secret in [PhoneSecret::Password(password()), ha1("ana", "tandem", &password())] {
            let mut guard = guard();
            for challenge in guard.challenges(NOW, 1, false) {
                let header = answer(&challenge, if challenge.contains("SHA") { 2 } else { 1 });
                let credentials = Credentials::parse(&header).unwrap();
                assert_eq!(guard.check(&credentials, "REGISTER", Some(&secret), NOW), Ok(()), "{challenge}");
                assert_eq!(guard.check(&credentials, "INVITE", Some(&secret), NOW), Err(DigestError::Wrong));
                assert_eq!(guard.check(&credentials, "REGISTER", None, NOW), Err(DigestError::Wrong));
            }
        }
    }

    #[test]
    fn one_nonce_serves_far_more_than_nine_requests_and_no_count_twice() {
        let mut guard = guard();
        let challenge = guard.challenges(NOW, 1, false).remove(0);
        for count in 1..=300 {
            assert_eq!(check(&mut guard, &answer(&challenge, count), NOW), Ok(()), "nc {count:08x}");
        }
        assert_eq!(check(&mut guard, &answer(&challenge, 300), NOW), Err(DigestError::Replayed));
        assert_eq!(check(&mut guard, &answer(&challenge, 7), NOW), Err(DigestError::Replayed));
        assert_eq!(check(&mut guard, &answer(&challenge, 310), NOW), Ok(()));
        assert_eq!(check(&mut guard, &answer(&challenge, 305), NOW), Ok(()), "late but not used before");
    }

    #[test]
    fn nc_is_hashed_as_it_is_written() {
        let mut guard = guard();
        let nonce_of = |challenge: &str| {
            challenge_params(challenge)
                .unwrap()
                .into_iter()
                .find(|(k, _)| *k == "nonce")
                .unwrap()
                .1
                .to_owned()
        };
        let nonce = nonce_of(&guard.challenges(NOW, 1, false)[0]);
        let (ha1, ha2) = (
            Algorithm::Md5.hash(&["ana", "tandem", "open sesame"]),
            Algorithm::Md5.hash(&["REGISTER", "sip:tandem"]),
        );
        // Upper case, and not eight digits long: odd, but what the phone hashed.
        let response = Algorithm::Md5.hash(&[&ha1, &nonce, "0000A", "x", "auth", &ha2]);
        let header = format!(
            r#"Digest username="ana",realm="tandem",nonce="{nonce}",uri="sip:tandem",response="{response}",qop=auth,nc=0000A,cnonce="x""#
        );
        assert_eq!(check(&mut guard, &header, NOW), Ok(()));
    }

    #[test]
    fn an_old_nonce_is_stale_and_a_foreign_one_is_foreign() {
        let mut guard = guard();
        let challenge = guard.challenges(NOW, 1, false).remove(0);
        let later = NOW + NONCE_LIFETIME + Duration::from_secs(1);
        assert_eq!(check(&mut guard, &answer(&challenge, 1), later), Err(DigestError::Stale));
        assert!(guard.challenges(later, 2, true)[0].contains("stale=true"));
        let foreign = Guard::new("tandem", [8; 32], vec![Algorithm::Md5]).challenges(NOW, 1, false).remove(0);
        assert_eq!(check(&mut guard, &answer(&foreign, 1), NOW), Err(DigestError::ForeignNonce));
    }

    #[test]
    fn a_peer_without_qop_is_challenged_for_every_request() {
        let mut guard = guard();
        let challenge = guard.challenges(NOW, 1, false).remove(0).replace(", qop=\"auth\"", "");
        assert_eq!(check(&mut guard, &answer(&challenge, 1), NOW), Ok(()));
        assert_eq!(check(&mut guard, &answer(&challenge, 1), NOW), Err(DigestError::Stale));
    }

    #[test]
    fn malformed_credentials_are_told_apart() {
        for (value, why) in [
            ("", DigestError::Malformed),
            ("Basic YTpi", DigestError::Malformed),
            ("Digest username=\"ana", DigestError::Malformed),
            ("Digest username=\"ana\"", DigestError::Malformed),
            (
                r#"Digest username="a",realm="b",nonce="c",uri="d",response="e",qop=auth-int"#,
                DigestError::Unsupported,
            ),
            (
                r#"Digest username="a",realm="b",nonce="c",uri="d",response="e",algorithm=MD5-sess"#,
                DigestError::Unsupported,
            ),
            (
                r#"Digest username="a",realm="b",nonce="c",uri="d",response="e",qop=auth"#,
                DigestError::Malformed,
            ),
        ] {
            assert_eq!(Credentials::parse(value).unwrap_err(), why, "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_header_panics(value in any::<String>(), tail in "[a-z]{1,6}=\"?[ -~]{0,20}") {
            let _ = Credentials::parse(&value);
            let tail = format!("Digest {tail}");
            if let Ok(credentials) = Credentials::parse(&tail) {
                let _ = guard().check(&credentials, "INVITE", None, NOW);
            }
        }

        #[test]
        fn a_count_is_accepted_at_most_once(counts in proptest::collection::vec(0_u32..200, 1..80)) {
            let mut guard = guard();
            let challenge = guard.challenges(NOW, 1, false).remove(0);
            let mut used = std::collections::HashSet::new();
            for count in counts {
                if check(&mut guard, &answer(&challenge, count), NOW).is_ok() {
                    prop_assert!(used.insert(count));
                }
            }
        }
    }
}
