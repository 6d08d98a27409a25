use base::{Clock, Entropy, Secret};
use sip::address::Uri;
use sip::digest::{Algorithm, PhoneSecret};
use sip::offer::{Codec, Srtp};
use sip::trunk::{Network, Numbering, Rewrite, TrunkRules};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// How the SIP gateway is set up.
#[derive(Debug, Clone)]
pub struct SipSettings {
    /// Address of the UDP and the TCP listener. Port 0 takes a free one (the same for both).
    pub bind: SocketAddr,
    /// The address peers are told: in Via, Contact and SDP. Usually that of `bind`; another behind NAT.
    pub advertised: IpAddr,
    /// The domains whose users register here. The first is the realm of passwords.
    pub domains: Vec<String>,
    /// The hashes phones are challenged with, in this order. MD5 alone unless configured: older phones give up on a
    /// challenge that names SHA-256 beside it.
    pub algorithms: Vec<Algorithm>,
    /// TLS listeners.
    pub tls: Vec<TlsListener>,
    /// WebSocket listeners (RFC 7118).
    pub websockets: Vec<WebSocketListener>,
    /// A file of certificates that are believed besides the public authorities', when we connect by TLS.
    pub tls_authorities: Option<PathBuf>,
    /// The routes to the phone network.
    pub trunks: Vec<TrunkSettings>,
    /// The name servers that are asked where trunks are; those of the system if there are none.
    pub name_servers: Vec<SocketAddr>,
    /// The codecs we offer and take, in this order.
    pub codecs: Vec<Codec>,
    /// Whether comfort noise (RFC 3389) is negotiated: who takes it is sent a packet now and then instead of silence. It is understood in
    /// any case.
    pub comfort_noise: bool,
    /// Whether audio from and to phones is encrypted. What is only offered is not offered over UDP and TCP, where
    /// everybody on the way could read the keys.
    pub phones_srtp: Srtp,
    /// Whether calls from loopback count as calls from a trunk named `dev`, unless they come from a known phone.
    pub dev: bool,
    /// Hosts that may be called by URI, besides our own domains; `*` is any. In dev loopback always may.
    pub callable_hosts: Vec<String>,
    /// What one gateway takes on.
    pub limits: Limits,
    /// T1 of RFC 3261: the first retransmission; 64 of them and a peer that says nothing is given up.
    pub t1: Duration,
    /// Keys the nonces, and makes Call-IDs, tags and session numbers that nobody can guess.
    pub entropy: Entropy,
    /// The one clock.
    pub clock: Clock,
}

/// Where SIP over TLS is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsListener {
    /// Address of the listener.
    pub bind: SocketAddr,
    /// PEM file with the certificate chain, our own certificate first.
    pub certificate: PathBuf,
    /// PEM file with its private key.
    pub key: PathBuf,
}

/// Where SIP over WebSocket is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSocketListener {
    /// Address of the listener.
    pub bind: SocketAddr,
    /// PEM files with the certificate chain and its private key: WSS; without them WS.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// A route to the phone network.
#[derive(Debug, Clone)]
pub struct TrunkSettings {
    /// Its name in logs and in [`sip::port::Source::Trunk`].
    pub name: String,
    /// Where its calls go: `sip:host:port`, with `;transport=tcp` if so wanted. A name without port is looked up as RFC 3263 says: its
    /// domain chooses the servers, and the transport if the URI does not.
    pub uri: String,
    /// User name and password if it challenges us.
    pub credentials: Option<(String, Secret<String>)>,
    /// Who may call in, and what may be called.
    pub rules: TrunkRules,
    /// The lowest goes first; the next are tried when it cannot take a call.
    pub priority: u16,
    /// Its share among trunks of one priority.
    pub weight: u16,
    /// Most calls out at a time.
    pub calls_max: Option<usize>,
    /// Most calls out begun in a second.
    pub calls_per_second_max: Option<u32>,
    /// Register there with the credentials, for so long at a time.
    pub register_for: Option<Duration>,
    /// Ask by OPTIONS so often whether it answers; one that does not is tried last.
    pub ping_every: Option<Duration>,
    /// Whether its audio is encrypted.
    pub srtp: Srtp,
    /// Whether it is told who calls even if the caller withholds the number from the callee: `P-Asserted-Identity`
    /// (RFC 3325), for trunks that are trusted to keep it.
    pub asserts_identity: bool,
}

/// Why a trunk cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrunkError {
    /// The URI is not one.
    #[error("{0} is not a SIP URI such as sip:192.0.2.1:5060")]
    BadUri(String),
}

/// What one gateway takes on. Beyond it, INVITEs get `503` with `Retry-After`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Live legs, inbound and outbound.
    pub legs: usize,
    /// New INVITEs per second, from everybody.
    pub invites_per_second: u32,
    /// Requests per second from one source address.
    pub requests_per_second_per_source: u32,
    /// Offences per minute from one source address, before it is banned: calls from nowhere, foreign domains, wrong
    /// passwords, users that are not there.
    pub offences_per_minute_per_source: u32,
    /// For how long it then is not heard at all.
    pub ban: Duration,
    /// Wrong passwords per minute from one source address, before it is ignored for the rest of the minute.
    pub failures_per_minute_per_source: u32,
    /// TCP connections, and how many of them from one address.
    pub connections: usize,
    /// TCP connections from one address.
    pub connections_per_source: usize,
    /// A TCP connection that says nothing for this long is closed.
    pub connection_idle: Duration,
}

/// What protects a SIP domain. A domain that nothing protects takes no calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainRules {
    /// Which.
    pub sid: base::SipDomainSid,
    /// Phones may register.
    pub registers: bool,
    /// Calls come over TLS only.
    pub secure: bool,
    /// Callers must know a password.
    pub by_password: bool,
    /// Where calls may come from; `None`: from anywhere.
    pub networks: Option<Vec<Network>>,
}

/// The phones that may register: the server's users.
pub trait PhoneDirectory: Send + Sync {
    /// What `user` proves to know, hashed for `realm` if it is hashed. `None`: no such phone.
    fn secret(&self, user: &str, realm: &str) -> Option<PhoneSecret>;

    /// What protects a SIP domain; `None`: there is none of this name.
    fn domain(&self, _name: &str) -> Option<DomainRules> {
        None
    }

    /// What `user` of a SIP domain proves to know, to call or (`registers`) to register there.
    fn domain_secret(
        &self,
        _domain: &str,
        _user: &str,
        _realm: &str,
        _registers: bool,
    ) -> Option<PhoneSecret> {
        None
    }

    /// Whether `domain` is one of ours, besides [`SipSettings::domains`].
    fn serves(&self, _domain: &str) -> bool {
        false
    }
}

impl SipSettings {
    /// A gateway at `bind` that advertises it, without trunk, with the limits of one machine.
    pub fn new(bind: SocketAddr, entropy: Entropy, clock: Clock) -> Self {
        Self {
            bind,
            advertised: bind.ip(),
            domains: Vec::new(),
            algorithms: vec![Algorithm::Md5],
            tls: Vec::new(),
            websockets: Vec::new(),
            tls_authorities: None,
            trunks: Vec::new(),
            name_servers: Vec::new(),
            codecs: vec![Codec::Pcmu, Codec::Pcma, Codec::Opus, Codec::G722],
            comfort_noise: false,
            phones_srtp: Srtp::Offered,
            dev: false,
            callable_hosts: Vec::new(),
            limits: Limits::default(),
            t1: T1,
            entropy,
            clock,
        }
    }

    /// The realm of phone passwords: the first domain, or `tandem`.
    pub fn realm(&self) -> String {
        self.domains.first().cloned().unwrap_or_else(|| "tandem".to_owned())
    }
}

impl TrunkSettings {
    /// A trunk known by the URI its calls go to. If its host is an address, calls may come from there. Numbers with
    /// one of `allowed_prefixes` (`+` for all) may be called.
    pub fn from_uri(name: &str, uri: &str, allowed_prefixes: Vec<String>) -> Result<Self, TrunkError> {
        let parts = Uri::parse(uri).filter(|uri| matches!(uri.scheme.as_str(), "sip" | "sips"));
        let host = parts.ok_or_else(|| TrunkError::BadUri(uri.to_owned()))?.host;
        let sources = host.parse::<IpAddr>().map(Network::from).into_iter().collect();
        Ok(Self {
            name: name.to_owned(),
            uri: uri.to_owned(),
            credentials: None,
            rules: TrunkRules {
                sources,
                allowed_prefixes,
                denied_prefixes: Vec::new(),
                numbering: Numbering::default(),
                rewrite: Rewrite::default(),
            },
            priority: 10,
            weight: 1,
            calls_max: None,
            calls_per_second_max: None,
            register_for: None,
            ping_every: None,
            srtp: Srtp::Offered,
            asserts_identity: false,
        })
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            legs: 2_000,
            invites_per_second: 100,
            requests_per_second_per_source: 50,
            failures_per_minute_per_source: 20,
            offences_per_minute_per_source: 10,
            ban: Duration::from_secs(600),
            connections: 2_000,
            connections_per_source: 200,
            connection_idle: Duration::from_secs(300),
        }
    }
}

impl Limits {
    /// For dev, where no artificial limit on rates applies; what protects the process itself stays.
    pub fn unthrottled() -> Self {
        Self {
            invites_per_second: u32::MAX,
            requests_per_second_per_source: u32::MAX,
            failures_per_minute_per_source: u32::MAX,
            offences_per_minute_per_source: u32::MAX,
            ..Self::default()
        }
    }
}

const T1: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trunk_is_known_by_its_uri() {
        let trunk =
            TrunkSettings::from_uri("carrier", "sip:203.0.113.9:5070;transport=tcp", vec!["+".into()])
                .unwrap();
        assert!(trunk.rules.is_source("203.0.113.9".parse().unwrap()));
        assert_eq!(trunk.rules.dialable("+15550100001").as_deref(), Some("+15550100001"));
        let named = TrunkSettings::from_uri("carrier", "sip:sbc.example.com", vec![]).unwrap();
        assert!(named.rules.sources.is_empty());
        for uri in ["203.0.113.9", "tel:+1555", "sip:", "http://h"] {
            assert_eq!(
                TrunkSettings::from_uri("x", uri, vec![]).unwrap_err(),
                TrunkError::BadUri(uri.into())
            );
        }
    }
}
