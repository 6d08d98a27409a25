//! What the settings file says about SIP: trunks, TLS listeners, codecs, encryption.

use crate::config::{Config, ConfigError};
use base::Secret;
use gateway::sip::{SipSettings, TlsListener, TrunkSettings, WebSocketListener};
use serde::Deserialize;
use sip::offer::{Codec, Srtp};
use sip::trunk::{Network, Rewrite};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// A `[[trunks]]` table: a route to the phone network.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Trunk {
    /// Its name in logs and webhooks.
    pub name: String,
    /// Where its calls go: `sip:host:port`, with `;transport=tcp` or `;transport=tls`.
    pub uri: String,
    /// The lowest goes first (10).
    priority: Option<u16>,
    /// Its share among trunks of one priority (1).
    weight: Option<u16>,
    /// Addresses and networks whose calls are calls from this trunk; that of the URI if it is an address.
    sources: Option<Vec<String>>,
    /// Prefixes of numbers that may be called over it, in E.164; those of the whole file if not given.
    allowed_prefixes: Option<Vec<String>>,
    /// Prefixes that may not, even if allowed.
    denied_prefixes: Option<Vec<String>>,
    /// Taken off a number's front before it is dialled.
    strip: Option<String>,
    /// Put there instead.
    prepend: Option<String>,
    /// What stands for `+` in numbers that come in (`00`).
    international_prefix: Option<String>,
    /// What stands before national numbers that come in (`0`).
    national_prefix: Option<String>,
    /// The country they belong to, without `+`.
    country_code: Option<String>,
    /// Where the trunk challenges us.
    username: Option<String>,
    /// Its password.
    password: Option<String>,
    /// Register there, so that it knows where we are.
    register: Option<bool>,
    /// Seconds between two OPTIONS; none are sent if not given.
    ping_s: Option<u64>,
    /// Most calls out at a time.
    calls_max: Option<usize>,
    /// Most calls out begun in a second.
    calls_per_second_max: Option<u32>,
    /// `off`, `offered` or `required`.
    srtp: Option<Encryption>,
    /// Tell it who calls by P-Asserted-Identity.
    assert_identity: Option<bool>,
}

/// A `[[sips]]` table: a TLS listener.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Sips {
    /// Where it listens.
    listen: SocketAddr,
    /// PEM file with the certificate chain.
    certificate: PathBuf,
    /// PEM file with the private key.
    key: PathBuf,
}

/// A `[[sip-websockets]]` table: a listener for SIP over WebSocket.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SipWebSocket {
    /// Where it listens.
    listen: SocketAddr,
    /// PEM file with the certificate chain, for WSS.
    certificate: Option<PathBuf>,
    /// PEM file with the private key, for WSS.
    key: Option<PathBuf>,
}

/// The address of a name server: `10.0.0.53`, or `10.0.0.53:5353`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct NameServer(pub SocketAddr);

impl TryFrom<String> for NameServer {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let address = text.parse().or_else(|_| text.parse().map(|ip: IpAddr| SocketAddr::new(ip, 53)));
        address
            .map(Self)
            .map_err(|_| format!("'{text}' is not an address such as 10.0.0.53 or 10.0.0.53:5353"))
    }
}

/// Whether audio is encrypted.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encryption {
    /// Never.
    Off,
    /// If the peer can, and nobody on the way reads the keys.
    Offered,
    /// Always.
    Required,
}

/// A codec by its name in SDP.
#[derive(Debug, Clone, Copy, Deserialize)]
#[allow(missing_docs, reason = "the names of the codecs")]
pub enum CodecName {
    #[serde(rename = "PCMU")]
    Pcmu,
    #[serde(rename = "PCMA")]
    Pcma,
    #[serde(rename = "G722")]
    G722,
    #[serde(rename = "opus")]
    Opus,
}

/// The part of the settings file that is about SIP, beside the flags.
#[derive(Debug, Clone, Default)]
pub struct Telephony {
    /// `[[trunks]]`.
    pub trunks: Vec<Trunk>,
    /// `[[sips]]`.
    pub sips: Vec<Sips>,
    /// `[[sip-websockets]]`.
    pub websockets: Vec<SipWebSocket>,
    /// `sips-authorities`: a PEM file of certificates we believe beside the public authorities.
    pub authorities: Option<PathBuf>,
    /// `name-servers`: who is asked where trunks are.
    pub name_servers: Vec<NameServer>,
    /// `codecs`, most preferred first.
    pub codecs: Vec<CodecName>,
    /// `comfort-noise`: whether silence is sent as such.
    pub comfort_noise: bool,
    /// `phones-srtp`.
    pub phones_srtp: Option<Encryption>,
}

impl From<Encryption> for Srtp {
    fn from(encryption: Encryption) -> Self {
        match encryption {
            Encryption::Off => Srtp::Off,
            Encryption::Offered => Srtp::Offered,
            Encryption::Required => Srtp::Required,
        }
    }
}

impl From<CodecName> for Codec {
    fn from(name: CodecName) -> Self {
        match name {
            CodecName::Pcmu => Codec::Pcmu,
            CodecName::Pcma => Codec::Pcma,
            CodecName::G722 => Codec::G722,
            CodecName::Opus => Codec::Opus,
        }
    }
}

impl Telephony {
    /// Puts it into the gateway's settings. `prefixes` may be called over trunks that name none.
    pub fn apply(&self, settings: &mut SipSettings, prefixes: &[String]) -> Result<(), ConfigError> {
        for trunk in &self.trunks {
            if settings.trunks.iter().any(|known| known.name == trunk.name) {
                return Err(ConfigError::Trunk(format!("{}' is there twice: '{}", trunk.name, trunk.uri)));
            }
            settings.trunks.push(trunk.settle(prefixes)?);
        }
        let listener = |sips: &Sips| TlsListener {
            bind: sips.listen,
            certificate: sips.certificate.clone(),
            key: sips.key.clone(),
        };
        settings.tls = self.sips.iter().map(listener).collect();
        settings.websockets = self.websockets.iter().map(SipWebSocket::settle).collect::<Result<_, _>>()?;
        settings.tls_authorities = self.authorities.clone();
        settings.name_servers = self.name_servers.iter().map(|server| server.0).collect();
        if !self.codecs.is_empty() {
            settings.codecs = self.codecs.iter().map(|name| Codec::from(*name)).collect();
        }
        settings.comfort_noise = self.comfort_noise;
        if let Some(encryption) = self.phones_srtp {
            settings.phones_srtp = encryption.into();
        }
        Ok(())
    }
}

impl SipWebSocket {
    fn settle(&self) -> Result<WebSocketListener, ConfigError> {
        let identity = match (&self.certificate, &self.key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
            _ => return Err(ConfigError::SipWebSocket(self.listen)),
        };
        Ok(WebSocketListener { bind: self.listen, identity })
    }
}

impl Trunk {
    fn settle(&self, prefixes: &[String]) -> Result<TrunkSettings, ConfigError> {
        let bad = |_| ConfigError::Trunk(self.uri.clone());
        let allowed = self.allowed_prefixes.clone().unwrap_or_else(|| prefixes.to_vec());
        let mut trunk = TrunkSettings::from_uri(&self.name, &self.uri, allowed).map_err(bad)?;
        if let Some(sources) = &self.sources {
            let network =
                |text: &String| text.parse::<Network>().map_err(|_| ConfigError::Trunk(text.clone()));
            trunk.rules.sources = sources.iter().map(network).collect::<Result<_, _>>()?;
        }
        trunk.rules.denied_prefixes = self.denied_prefixes.clone().unwrap_or_default();
        trunk.rules.rewrite = Rewrite {
            strip: self.strip.clone().unwrap_or_default(),
            prepend: self.prepend.clone().unwrap_or_default(),
        };
        let numbering = &mut trunk.rules.numbering;
        for (given, known) in [
            (&self.international_prefix, &mut numbering.international_prefix),
            (&self.national_prefix, &mut numbering.national_prefix),
        ] {
            if let Some(given) = given {
                known.clone_from(given);
            }
        }
        numbering.country_code.clone_from(&self.country_code);
        trunk.credentials =
            self.username.clone().map(|user| (user, Secret::new(self.password.clone().unwrap_or_default())));
        trunk.priority = self.priority.unwrap_or(trunk.priority);
        trunk.weight = self.weight.unwrap_or(trunk.weight);
        trunk.calls_max = self.calls_max;
        trunk.calls_per_second_max = self.calls_per_second_max;
        trunk.register_for = self.register.unwrap_or(false).then_some(REGISTER_FOR);
        trunk.ping_every = self.ping_s.map(|seconds| Duration::from_secs(seconds.max(1)));
        trunk.srtp = self.srtp.map_or(trunk.srtp, Srtp::from);
        trunk.asserts_identity = self.assert_identity.unwrap_or(false);
        Ok(trunk)
    }
}

/// Adds the trunk of the `--trunk` flag, and what the file says.
pub(crate) fn settle(config: &Config, settings: &mut SipSettings) -> Result<(), ConfigError> {
    let mut prefixes = config.allowed_prefixes.clone();
    if prefixes.is_empty() && config.dev {
        prefixes.push(EVERY_NUMBER.to_owned());
    }
    if let Some(trunk) = &config.trunk {
        let uri = format!("sip:{trunk}");
        let flag = TrunkSettings::from_uri("trunk", &uri, prefixes.clone());
        settings.trunks.push(flag.map_err(|_| ConfigError::Trunk(uri))?);
    }
    config.telephony.apply(settings, &prefixes)
}

/// A prefix of every E.164 number.
const EVERY_NUMBER: &str = "+";
/// How long a registration is asked for.
const REGISTER_FOR: Duration = Duration::from_secs(600);
