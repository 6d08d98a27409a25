//! Who is reachable where: the bindings of registered users (RFC 3261 §10).

use crate::address::Address;
use base::Mono;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// Shortest lifetime a phone may ask for (except zero, which unregisters).
pub const EXPIRES_MIN: Duration = Duration::from_secs(60);
/// Longest lifetime that is granted, and what a phone that asks for none gets.
pub const EXPIRES_MAX: Duration = Duration::from_secs(3600);
/// Most bindings one user may have.
pub const BINDINGS_PER_USER_MAX: usize = 10;
/// Most users with bindings.
pub const USERS_MAX: usize = 100_000;

/// How a phone's packets travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A connection.
    Tcp,
    /// An encrypted connection.
    Tls,
    /// A websocket (RFC 7118).
    Ws,
    /// An encrypted websocket.
    Wss,
}

/// One place a user is reachable at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The Contact URI as the phone wrote it: where requests are addressed to.
    pub contact: String,
    /// Where the REGISTER came from: where requests are sent to. Behind NAT the two differ.
    pub received: SocketAddr,
    /// How it came.
    pub transport: Transport,
    /// Preference in thousandths; higher rings first where that matters.
    pub q_milli: u16,
    /// When it lapses.
    pub expires: Mono,
    call_id: String,
    cseq: u32,
}

/// A REGISTER request, as far as bindings are concerned.
#[derive(Debug, Clone)]
pub struct Register<'a> {
    /// The registered user.
    pub user: &'a str,
    /// Values of all Contact headers, joined by commas; empty if there are none.
    pub contacts: &'a str,
    /// Value of the Expires header.
    pub expires: Option<&'a str>,
    /// The Call-ID.
    pub call_id: &'a str,
    /// The CSeq number.
    pub cseq: u32,
    /// Where it came from.
    pub received: SocketAddr,
    /// How it came.
    pub transport: Transport,
}

/// What became of a REGISTER.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// All bindings of the user now, for the 200's Contact headers.
    pub bindings: Vec<Binding>,
    /// Whether a binding came or went (a refresh is no change).
    pub changed: bool,
}

/// Why a REGISTER was refused. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// A Contact could not be read, or `*` came with others or without `Expires: 0`. (400)
    #[error("the contacts are malformed")]
    Malformed,
    /// A lifetime below [`EXPIRES_MIN`]. (423 with Min-Expires)
    #[error("the lifetime is too brief")]
    TooBrief,
    /// A request that was overtaken by a later one of the same Call-ID. (500)
    #[error("the request is out of order")]
    OutOfOrder,
    /// Too many bindings or users. (503)
    #[error("there are too many bindings")]
    Full,
}

impl RegisterError {
    /// The status to refuse with.
    pub fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::TooBrief => 423,
            Self::OutOfOrder => 500,
            Self::Full => 503,
        }
    }
}

/// The bindings of all users.
#[derive(Debug, Default)]
pub struct Registrar {
    users: BTreeMap<String, Vec<Binding>>,
}

impl Registrar {
    /// Takes a REGISTER whose sender has been authenticated. All of its contacts are bound, or none is.
    pub fn register(&mut self, request: &Register<'_>, now: Mono) -> Result<Registered, RegisterError> {
        self.forget_lapsed(request.user, now);
        let before: Vec<Binding> = self.bindings(request.user, now);
        let mut after = before.clone();
        match request.contacts.trim() {
            "" => {}
            "*" => {
                if request.expires.map(str::trim) != Some("0") {
                    return Err(RegisterError::Malformed);
                }
                for binding in &before {
                    in_order(binding, request)?;
                }
                after.clear();
            }
            contacts => {
                let contacts = Address::parse_list(contacts).ok_or(RegisterError::Malformed)?;
                for contact in &contacts {
                    apply(&mut after, contact, request, now)?;
                }
            }
        }
        if after.len() > BINDINGS_PER_USER_MAX || (before.is_empty() && self.users.len() >= USERS_MAX) {
            return Err(RegisterError::Full);
        }
        let key = |bindings: &[Binding]| {
            let mut keys: Vec<_> = bindings.iter().map(|b| (b.contact.clone(), b.received)).collect();
            keys.sort();
            keys
        };
        let changed = key(&before) != key(&after);
        if after.is_empty() {
            self.users.remove(request.user);
        } else {
            self.users.insert(request.user.to_owned(), after.clone());
        }
        Ok(Registered { bindings: after, changed })
    }

    /// Where `user` is reachable, most preferred first.
    pub fn bindings(&self, user: &str, now: Mono) -> Vec<Binding> {
        let mut bindings: Vec<Binding> =
            self.users.get(user).into_iter().flatten().filter(|b| b.expires > now).cloned().collect();
        bindings.sort_by_key(|b| std::cmp::Reverse(b.q_milli));
        bindings
    }

    /// Every user who is reachable, by name, with where; at most `most` users.
    pub fn all(&self, now: Mono, most: usize) -> Vec<(String, Vec<Binding>)> {
        let there = self.users.keys().map(|user| (user.clone(), self.bindings(user, now)));
        there.filter(|(_, bindings)| !bindings.is_empty()).take(most).collect()
    }

    /// Whether a request from `source` can come from a registered phone: its REGISTER came from there.
    pub fn is_phone(&self, source: SocketAddr, now: Mono) -> bool {
        self.users.values().flatten().any(|b| b.received == source && b.expires > now)
    }

    /// Forgets a binding that proved unreachable for good: its TCP connection is gone and cannot be made again.
    /// Answers whether the user has any left, if the binding was there.
    pub fn forget(&mut self, user: &str, contact: &str) -> Option<bool> {
        let bindings = self.users.get_mut(user)?;
        let before = bindings.len();
        bindings.retain(|b| b.contact != contact);
        let (changed, bound) = (bindings.len() != before, !bindings.is_empty());
        if !bound {
            self.users.remove(user);
        }
        changed.then_some(bound)
    }

    /// Drops what has lapsed, and names the users that lost a binding: whether they have any left.
    pub fn expire(&mut self, now: Mono) -> Vec<(String, bool)> {
        let mut lost = Vec::new();
        self.users.retain(|user, bindings| {
            let before = bindings.len();
            bindings.retain(|b| b.expires > now);
            if bindings.len() != before {
                lost.push((user.clone(), !bindings.is_empty()));
            }
            !bindings.is_empty()
        });
        lost
    }

    /// When the next binding lapses.
    pub fn next_expiry(&self) -> Option<Mono> {
        self.users.values().flatten().map(|b| b.expires).min()
    }

    fn forget_lapsed(&mut self, user: &str, now: Mono) {
        if let Some(bindings) = self.users.get_mut(user) {
            bindings.retain(|b| b.expires > now);
            if bindings.is_empty() {
                self.users.remove(user);
            }
        }
    }
}

fn in_order(binding: &Binding, request: &Register<'_>) -> Result<(), RegisterError> {
    let overtaken = binding.call_id == request.call_id && request.cseq <= binding.cseq;
    if overtaken { Err(RegisterError::OutOfOrder) } else { Ok(()) }
}

fn apply(
    bindings: &mut Vec<Binding>,
    contact: &Address,
    request: &Register<'_>,
    now: Mono,
) -> Result<(), RegisterError> {
    let uri = contact.uri().filter(|uri| uri.scheme != "tel").ok_or(RegisterError::Malformed)?;
    let seconds = contact.param("expires").or(request.expires).map(str::trim);
    let lifetime = match seconds {
        // "A value that cannot be read is taken as 3600" (RFC 3261 §10.3).
        Some(text) => {
            text.parse::<u32>().map_or(EXPIRES_MAX, |s| Duration::from_secs(s.into())).min(EXPIRES_MAX)
        }
        None => EXPIRES_MAX,
    };
    let at = bindings.iter().position(|b| same_contact(&b.contact, &contact.uri, &uri));
    if let Some(at) = at {
        in_order(&bindings[at], request)?;
    }
    if lifetime.is_zero() {
        if let Some(at) = at {
            bindings.remove(at);
        }
        return Ok(());
    }
    if lifetime < EXPIRES_MIN {
        return Err(RegisterError::TooBrief);
    }
    let binding = Binding {
        contact: contact.uri.clone(),
        received: request.received,
        transport: request.transport,
        q_milli: contact.param("q").map_or(1000, q_milli),
        expires: now + lifetime,
        call_id: request.call_id.to_owned(),
        cseq: request.cseq,
    };
    match at {
        Some(at) => bindings[at] = binding,
        None => bindings.push(binding),
    }
    Ok(())
}

/// Equality as far as a registrar needs it: same text, or same user, host, port and transport (RFC 3261 §19.1.4
/// compares more, but a phone that changes other parameters means the same place).
fn same_contact(bound: &str, text: &str, uri: &crate::address::Uri) -> bool {
    if bound == text {
        return true;
    }
    crate::address::Uri::parse(bound).is_some_and(|bound| {
        (&bound.scheme, &bound.user, &bound.host, bound.port) == (&uri.scheme, &uri.user, &uri.host, uri.port)
            && bound.param("transport").map(str::to_ascii_lowercase)
                == uri.param("transport").map(str::to_ascii_lowercase)
    })
}

fn q_milli(text: &str) -> u16 {
    let q = text.trim().parse::<f32>().unwrap_or(1.0).clamp(0.0, 1.0);
    // In 0..=1000 by the clamp.
    (q * 1000.0) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn source() -> SocketAddr {
        "198.51.100.7:40001".parse().unwrap()
    }

    fn request<'a>(contacts: &'a str, expires: Option<&'a str>, cseq: u32) -> Register<'a> {
        Register {
            user: "ana",
            contacts,
            expires,
            call_id: "one",
            cseq,
            received: source(),
            transport: Transport::Udp,
        }
    }

    fn at(seconds: u64) -> Mono {
        Mono(seconds * 1_000_000)
    }

    #[test]
    fn a_phone_behind_nat_is_reached_where_it_came_from() {
        let mut registrar = Registrar::default();
        let done = registrar.register(&request("<sip:ana@10.0.0.5:5060>", Some("600"), 1), at(0)).unwrap();
        assert!(done.changed);
        let binding = &registrar.bindings("ana", at(1))[0];
        assert_eq!((binding.contact.as_str(), binding.received), ("sip:ana@10.0.0.5:5060", source()));
        assert!(registrar.is_phone(source(), at(1)));
        assert!(registrar.bindings("ana", at(600)).is_empty());
    }

    #[test]
    fn several_phones_ring_in_order_of_preference() {
        let mut registrar = Registrar::default();
        let contacts = "<sip:ana@10.0.0.5>;q=0.2, <sip:ana@10.0.0.6>;q=0.9;expires=60";
        registrar.register(&request(contacts, None, 1), at(0)).unwrap();
        let hosts: Vec<String> = registrar.bindings("ana", at(1)).into_iter().map(|b| b.contact).collect();
        assert_eq!(hosts, ["sip:ana@10.0.0.6", "sip:ana@10.0.0.5"]);
        assert_eq!(registrar.expire(at(61)), [("ana".to_owned(), true)]);
        assert_eq!(registrar.next_expiry(), Some(at(3600)));
        assert_eq!(registrar.expire(at(3601)), [("ana".to_owned(), false)]);
    }

    #[test]
    fn a_refresh_is_no_change_and_an_old_request_is_refused() {
        let mut registrar = Registrar::default();
        registrar.register(&request("<sip:ana@10.0.0.5>", None, 5), at(0)).unwrap();
        assert!(!registrar.register(&request("<sip:ana@10.0.0.5>", None, 6), at(9)).unwrap().changed);
        let late = registrar.register(&request("<sip:ana@10.0.0.5>;expires=0", None, 5), at(10));
        assert_eq!(late, Err(RegisterError::OutOfOrder));
        assert_eq!(registrar.bindings("ana", at(11)).len(), 1);
    }

    #[test]
    fn unregistering_one_or_all() {
        let mut registrar = Registrar::default();
        registrar.register(&request("<sip:ana@h1>, <sip:ana@h2>", None, 1), at(0)).unwrap();
        let done = registrar.register(&request("<sip:ana@h1>;expires=0", None, 2), at(1)).unwrap();
        assert_eq!((done.bindings.len(), done.changed), (1, true));
        assert_eq!(registrar.register(&request("*", None, 3), at(2)), Err(RegisterError::Malformed));
        assert_eq!(
            registrar.register(&request("*, <sip:a@h>", Some("0"), 3), at(2)),
            Err(RegisterError::Malformed)
        );
        assert_eq!(registrar.bindings("ana", at(2)).len(), 1);
        assert!(registrar.register(&request("*", Some("0"), 4), at(3)).unwrap().bindings.is_empty());
    }

    #[test]
    fn lifetimes_are_kept_within_bounds() {
        let mut registrar = Registrar::default();
        for brief in ["1", "59"] {
            let refused = registrar.register(&request("<sip:ana@h>", Some(brief), 1), at(0));
            assert_eq!(refused, Err(RegisterError::TooBrief));
        }
        for (asked, until) in [("60", 60), ("99999999", 3600), ("soon", 3600)] {
            let mut registrar = Registrar::default();
            registrar.register(&request("<sip:ana@h>", Some(asked), 1), at(0)).unwrap();
            assert_eq!(registrar.next_expiry(), Some(at(until)), "{asked}");
        }
        assert!(
            registrar.register(&request("", None, 1), at(0)).unwrap().bindings.is_empty(),
            "a query binds nothing"
        );
    }

    #[test]
    fn one_bad_contact_spoils_the_request_and_too_many_are_refused() {
        let mut registrar = Registrar::default();
        let spoiled = registrar.register(&request("<sip:ana@h1>, <mailto:ana@h>", None, 1), at(0));
        assert_eq!((spoiled, registrar.users.len()), (Err(RegisterError::Malformed), 0));
        let many: Vec<String> = (0..=BINDINGS_PER_USER_MAX).map(|n| format!("<sip:ana@h{n}>")).collect();
        assert_eq!(registrar.register(&request(&many.join(","), None, 1), at(0)), Err(RegisterError::Full));
    }

    proptest! {
        #[test]
        fn bindings_never_exceed_their_bound_or_outlive_their_time(
            story in proptest::collection::vec((0_u8..14, 0_u32..5000, 0_u64..400), 1..60)
        ) {
            let mut registrar = Registrar::default();
            let mut now = 0;
            for (cseq, (host, expires, later)) in story.into_iter().enumerate() {
                now += later;
                let (contact, expires) = (format!("<sip:ana@h{host}>"), expires.to_string());
                let cseq = u32::try_from(cseq).unwrap() + 1;
                let _ = registrar.register(&request(&contact, Some(&expires), cseq), at(now));
                let bindings = registrar.bindings("ana", at(now));
                prop_assert!(bindings.len() <= BINDINGS_PER_USER_MAX);
                prop_assert!(bindings.iter().all(|b| b.expires > at(now) && b.expires <= at(now + 3600)));
            }
            registrar.expire(at(now + 3601));
            prop_assert_eq!(registrar.next_expiry(), None);
        }

        #[test]
        fn no_contact_panics(contacts in any::<String>(), expires in proptest::option::of(any::<String>())) {
            let _ = Registrar::default().register(&request(&contacts, expires.as_deref(), 1), at(0));
        }
    }
}
