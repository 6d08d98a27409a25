//! What the operator says: flags, then environment, then `tandem.toml`, then defaults.

use crate::sign_on::{self, OidcFile, OidcFlags};
use crate::telephony::{CodecName, Encryption, NameServer, SipWebSocket, Sips, Telephony, Trunk};
use base::{AccountSid, PhoneNumber, Secret};
use clap::Args;
use http_api::{IceSettings, OidcSettings};
use serde::Deserialize;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

/// The account of `--dev`.
pub const DEV_ACCOUNT: &str = "AC00000000000000000000000000000001";
/// Its token. Only ever valid with `--dev`.
pub const DEV_TOKEN: &str = "tandem-dev-token";
/// Where everything is kept unless something else is said.
const DATA: &str = "data";
/// The SQLite file in the data folder.
const STORE_FILE: &str = "tandem.sqlite";
/// How long events are kept.
const EVENT_RETENTION_DAYS: u32 = 30;
/// How long an operator can look at finished deliveries.
const DELIVERY_RETENTION_DAYS: u32 = 7;
/// What STUN and TURN servers' URLs begin with (RFC 7064, RFC 7065).
const ICE_SCHEMES: &[&str] = &["stun:", "stuns:", "turn:", "turns:"];
/// How long credentials for TURN are good: a browser is told new ones every hour.
const TURN_LIFE_S: u32 = 2 * 3_600;
/// A call that begins with the oldest must still be able to.
const TURN_LIFE_S_MIN: u32 = 3_600;
/// Read when present and no `--config` is given.
const CONFIG_FILE: &str = "tandem.toml";

/// Flags of `tandem serve`. Every one has an environment variable, and a key of the same name in `tandem.toml`.
#[derive(Debug, Args, Default)]
pub struct ServeFlags {
    /// A demo contact centre with known credentials, loopback only.
    #[arg(long, env = "TANDEM_DEV", num_args = 0..=1, default_missing_value = "true")]
    pub dev: Option<bool>,
    /// Where the API listens.
    #[arg(long, env = "TANDEM_HTTP", value_name = "ADDR")]
    pub http: Option<SocketAddr>,
    /// Where SIP listens, over UDP and TCP.
    #[arg(long, env = "TANDEM_SIP", value_name = "ADDR")]
    pub sip: Option<SocketAddr>,
    /// Ports for RTP, on the SIP address.
    #[arg(long, env = "TANDEM_RTP", value_name = "LO-HI")]
    pub rtp: Option<PortRange>,
    /// Where browsers reach the API and `/signal` over TLS, with a certificate of the data folder's own CA; `off` for
    /// nowhere. Their audio goes to the UDP port of the same number, unless `--webrtc` says otherwise.
    #[arg(long, env = "TANDEM_HTTPS", value_name = "ADDR")]
    pub https: Option<Listen>,
    /// UDP address of every browser's audio.
    #[arg(long, env = "TANDEM_WEBRTC", value_name = "ADDR")]
    pub webrtc: Option<SocketAddr>,
    /// The address browsers are told to send audio to, where it is not the one that is listened on.
    #[arg(long, env = "TANDEM_WEBRTC_PUBLIC", value_name = "ADDR")]
    pub webrtc_public: Option<SocketAddr>,
    /// Folder for the store, prompts and recordings.
    #[arg(long, env = "TANDEM_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// A PostgreSQL database instead of the file in the data folder: postgres://user:password@host/database.
    #[arg(long, env = "TANDEM_DATABASE_URL", value_name = "URL", hide_env_values = true, value_parser = secret)]
    pub database: Option<Secret<String>>,
    /// Days that events are kept; 0 is for ever.
    #[arg(long, env = "TANDEM_EVENT_RETENTION_DAYS", value_name = "DAYS")]
    pub event_retention_days: Option<u32>,
    /// Days that finished deliveries of webhooks are kept; 0 is for ever.
    #[arg(long, env = "TANDEM_DELIVERY_RETENTION_DAYS", value_name = "DAYS")]
    pub delivery_retention_days: Option<u32>,
    /// The account that the API answers for.
    #[arg(long, env = "TANDEM_ACCOUNT_SID", value_name = "AC…")]
    pub account_sid: Option<AccountSid>,
    /// Its token.
    #[arg(long, env = "TANDEM_AUTH_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub auth_token: Option<String>,
    /// How others reach the API; used in links and signatures.
    #[arg(long, env = "TANDEM_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,
    /// Where calls to the outside go.
    #[arg(long, env = "TANDEM_TRUNK", value_name = "sip:HOST:PORT")]
    pub trunk: Option<String>,
    /// Settings file.
    #[arg(long, env = "TANDEM_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// STUN and TURN servers that browsers are told of: `stun:host:3478,turn:host:3478?transport=udp`.
    #[arg(long, env = "TANDEM_ICE_SERVERS", value_name = "URL,…", value_delimiter = ',')]
    pub ice_servers: Vec<String>,
    /// What credentials for TURN are made with: coturn's `static-auth-secret`.
    #[arg(long, env = "TANDEM_TURN_SECRET", value_name = "SECRET", hide_env_values = true, value_parser = secret)]
    pub turn_secret: Option<Secret<String>>,
    /// How long those are good, in seconds.
    #[arg(long, env = "TANDEM_TURN_LIFE_S", value_name = "SECONDS")]
    pub turn_life_s: Option<u32>,
    /// A TURN user that never changes, where there is no secret.
    #[arg(long, env = "TANDEM_TURN_USERNAME", value_name = "NAME")]
    pub turn_username: Option<String>,
    /// That user's credential.
    #[arg(long, env = "TANDEM_TURN_CREDENTIAL", value_name = "SECRET", hide_env_values = true, value_parser = secret)]
    pub turn_credential: Option<Secret<String>>,
    /// Single sign-on.
    #[command(flatten)]
    pub oidc: OidcFlags,
}

/// The same in `tandem.toml`, and what has no flag.
#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    dev: Option<bool>,
    http: Option<SocketAddr>,
    sip: Option<SocketAddr>,
    rtp: Option<PortRange>,
    https: Option<Listen>,
    webrtc: Option<SocketAddr>,
    webrtc_public: Option<SocketAddr>,
    data: Option<PathBuf>,
    database: Option<String>,
    event_retention_days: Option<u32>,
    delivery_retention_days: Option<u32>,
    account_sid: Option<AccountSid>,
    auth_token: Option<String>,
    public_url: Option<String>,
    trunk: Option<String>,
    /// Routes to the phone network, beside the flag's.
    #[serde(default)]
    trunks: Vec<Trunk>,
    /// Where SIP over TLS listens.
    #[serde(default)]
    sips: Vec<Sips>,
    /// Where SIP over WebSocket listens.
    #[serde(default)]
    sip_websockets: Vec<SipWebSocket>,
    /// Name servers that are asked where trunks are; without it those of the system.
    #[serde(default)]
    name_servers: Vec<NameServer>,
    /// Certificates that are believed when we connect by TLS, besides the public authorities'.
    sips_authorities: Option<PathBuf>,
    /// What we offer and take, most preferred first.
    #[serde(default)]
    codecs: Vec<CodecName>,
    /// Comfort noise instead of silence for those who take it.
    comfort_noise: Option<bool>,
    /// Whether the audio of phones is encrypted.
    phones_srtp: Option<Encryption>,
    /// SIP domains that are ours, beside the address SIP listens on.
    sip_domains: Option<Vec<String>>,
    /// Prefixes of numbers that may be called over the trunk; none may without it, outside `--dev`.
    allowed_prefixes: Option<Vec<String>>,
    /// A program that prints what a WAV file says, with its arguments: `{file}` is the file.
    transcription_command: Option<Vec<String>>,
    /// A program that prints what a caller said, as text or as JSON with `text` and `confidence`: `{file}` is the WAV file,
    /// `{language}`, `{hints}` and `{model}` are those of the `<Gather>`.
    recognition_command: Option<Vec<String>>,
    /// Webhooks may point to private networks.
    private_webhooks: Option<bool>,
    /// A PEM file of authorities that applications' certificates may be signed by, beside the public ones.
    webhook_authorities: Option<PathBuf>,
    /// Numbers that our trunk brings: those that may be created over the API, outside `--dev`.
    numbers: Option<Vec<PhoneNumber>>,
    /// STUN and TURN servers that browsers are told of.
    #[serde(default)]
    ice_servers: Vec<String>,
    turn_secret: Option<String>,
    turn_life_s: Option<u32>,
    turn_username: Option<String>,
    turn_credential: Option<String>,
    /// Single sign-on.
    #[serde(default)]
    oidc: OidcFile,
}

/// Everything settled.
#[derive(Debug, Clone)]
pub struct Config {
    /// Known credentials, demo, loopback only.
    pub dev: bool,
    /// Where the API listens.
    pub http: SocketAddr,
    /// Where SIP listens.
    pub sip: SocketAddr,
    /// Ports for RTP.
    pub rtp: RangeInclusive<u16>,
    /// Where browsers reach us over TLS.
    pub https: Option<SocketAddr>,
    /// UDP address of browsers' audio.
    pub webrtc: SocketAddr,
    /// What browsers are told instead.
    pub webrtc_public: Option<SocketAddr>,
    /// Nobody said where browsers are served: if the usual port is taken, another will do.
    pub browsers_anywhere: bool,
    /// Folder for everything kept.
    pub data: PathBuf,
    /// Where the store is.
    pub place: Place,
    /// How long events are kept; `None`: for ever.
    pub event_retention: Option<Duration>,
    /// How long finished deliveries are kept; `None`: for ever.
    pub delivery_retention: Option<Duration>,
    /// The account.
    pub account: AccountSid,
    /// Its token.
    pub token: Secret<String>,
    /// How others reach the API, without a final slash; `None`: the address that `http` gets.
    pub public_url: Option<String>,
    /// Where calls to the outside go, `host:port`.
    pub trunk: Option<String>,
    /// What the file says about SIP beside that.
    pub telephony: Telephony,
    /// SIP domains that are ours.
    pub sip_domains: Vec<String>,
    /// Number prefixes that may be called; empty with `dev` means every number.
    pub allowed_prefixes: Vec<String>,
    /// A program that prints what a WAV file says; `None`: recordings are not transcribed.
    pub transcription_command: Option<Vec<String>>,
    /// A program that prints what a caller said; `None`: speech is no input.
    pub recognition_command: Option<Vec<String>>,
    /// Webhooks may point to private networks.
    pub private_webhooks: bool,
    /// Authorities that applications' certificates may be signed by, beside the public ones: certificates in DER.
    pub webhook_authorities: Vec<Vec<u8>>,
    /// Numbers that may be created outside `--dev`.
    pub numbers: Vec<PhoneNumber>,
    /// STUN and TURN servers that browsers are told of.
    pub ice: IceSettings,
    /// Single sign-on; `None`: by passwords only.
    pub oidc: Option<OidcSettings>,
}

/// Where a store is: a PostgreSQL database, or the SQLite file in the data folder.
#[derive(Debug, Clone)]
pub struct Place {
    database: Option<Secret<String>>,
    data: PathBuf,
}

impl Place {
    /// How to open it.
    pub fn options(&self) -> store::Options {
        match &self.database {
            Some(url) => store::Options::database(url.expose()),
            None => store::Options::file(self.file()),
        }
    }

    /// The data folder.
    pub fn folder(&self) -> &Path {
        &self.data
    }

    fn file(&self) -> PathBuf {
        self.data.join(STORE_FILE)
    }

    /// Whether there can be a store: a database must be asked, a file must be there. The error says where it is not.
    pub fn there(&self) -> Result<(), String> {
        if self.database.is_some() || self.file().is_file() { Ok(()) } else { Err(self.to_string()) }
    }

    /// Makes the folder of a file.
    pub fn make(&self) -> std::io::Result<()> {
        if self.database.is_some() { Ok(()) } else { std::fs::create_dir_all(&self.data) }
    }
}

/// Without credentials.
impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.database {
            Some(url) => f.write_str(&store::Options::database(url.expose()).shown()),
            None => write!(f, "{}", self.file().display()),
        }
    }
}

/// Which store a command works on: the one that `tandem serve` with the same flags, environment and file would open.
#[derive(Debug, Args)]
pub struct StoreFlags {
    /// Folder of the SQLite file.
    #[arg(long, env = "TANDEM_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// A PostgreSQL database instead.
    #[arg(long, env = "TANDEM_DATABASE_URL", value_name = "URL", hide_env_values = true, value_parser = secret)]
    database: Option<Secret<String>>,
    /// Settings file.
    #[arg(long, env = "TANDEM_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl StoreFlags {
    /// Settles flags, environment, file and defaults.
    pub fn settle(self) -> Result<Place, ConfigError> {
        let file = read_file(self.config.as_deref())?;
        Ok(place(self.database, file.database, self.data.or(file.data)))
    }
}

/// An empty address is none: an environment may set the variable to nothing.
fn place(flag: Option<Secret<String>>, file: Option<String>, data: Option<PathBuf>) -> Place {
    let database = flag.or(file.map(Secret::new)).filter(|url| !url.expose().is_empty());
    Place { database, data: data.unwrap_or_else(|| PathBuf::from(DATA)) }
}

fn secret(text: &str) -> Result<Secret<String>, std::convert::Infallible> {
    Ok(Secret::new(text.to_owned()))
}

/// How long something is kept: so many days, or with 0 for ever.
fn kept(days: u32) -> Option<Duration> {
    (days > 0).then(|| Duration::from_secs(u64::from(days) * 86_400))
}

/// An address to listen on, or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Listen(pub Option<SocketAddr>);

impl std::str::FromStr for Listen {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self(None));
        }
        text.parse()
            .map(|address| Self(Some(address)))
            .map_err(|_| format!("'{text}' is neither host:port nor off"))
    }
}

impl TryFrom<String> for Listen {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// `20000-29999`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PortRange(pub RangeInclusive<u16>);

impl std::str::FromStr for PortRange {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (low, high) = text.split_once('-').ok_or("a port range looks like 20000-29999")?;
        let port = |part: &str| part.trim().parse::<u16>().map_err(|_| format!("'{part}' is not a port"));
        let (low, high) = (port(low)?, port(high)?);
        if low == 0 || high < low { Err(format!("{low}-{high} is no range")) } else { Ok(Self(low..=high)) }
    }
}

impl TryFrom<String> for PortRange {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// Why Tandem cannot start with these settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there or cannot be read.
    #[error("could not read {path}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file says something we do not understand.
    #[error("could not understand {path}: {message}")]
    Parse {
        /// Which file.
        path: PathBuf,
        /// Where and what.
        message: String,
    },
    /// Outside `--dev` there are no default credentials.
    #[error("no account: run `tandem init`, or give --account-sid and --auth-token (or use --dev)")]
    NoAccount,
    /// `--dev` with an address that others can reach.
    #[error("--dev listens on loopback only, and {address} is not: leave out --dev to serve others")]
    DevNotLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// `--trunk` is not a SIP URI.
    #[error("the trunk '{0}' is not of the form sip:host:port")]
    Trunk(String),
    /// STUN and TURN servers.
    #[error("servers for browsers behind NAT: {0}")]
    Ice(String),
    /// Single sign-on.
    #[error("single sign-on: {0}")]
    SignOn(String),
    /// Half an identity.
    #[error("the SIP websocket on {0} has a certificate or a key alone: WSS needs both, WS none")]
    SipWebSocket(SocketAddr),
}

impl Config {
    /// Settles flags, environment (which clap has already put into the flags), file and defaults.
    pub fn settle(flags: ServeFlags) -> Result<Self, ConfigError> {
        let file = read_file(flags.config.as_deref())?;
        let dev = flags.dev.or(file.dev).unwrap_or(false);
        let place = place(flags.database, file.database, flags.data.or(file.data));
        let data = place.data.clone();
        let events = flags.event_retention_days.or(file.event_retention_days).unwrap_or(EVENT_RETENTION_DAYS);
        let deliveries =
            flags.delivery_retention_days.or(file.delivery_retention_days).unwrap_or(DELIVERY_RETENTION_DAYS);
        let http = flags.http.or(file.http).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080)));
        let sip = flags.sip.or(file.sip).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 5060)));
        let browsers_anywhere =
            flags.https.or(file.https).is_none() && flags.webrtc.or(file.webrtc).is_none();
        let https =
            flags.https.or(file.https).unwrap_or(Listen(Some(SocketAddr::from(([127, 0, 0, 1], 8443))))).0;
        let beside = https.unwrap_or_else(|| SocketAddr::new(sip.ip(), 8443));
        let webrtc = flags.webrtc.or(file.webrtc).unwrap_or(beside);
        let all = [Some(http), Some(sip), https, Some(webrtc)];
        if dev && let Some(address) = all.into_iter().flatten().find(|a| !a.ip().is_loopback()) {
            return Err(ConfigError::DevNotLoopback { address });
        }
        let (account, token) = credentials(
            dev,
            flags.account_sid.or(file.account_sid),
            flags.auth_token.or(file.auth_token),
            &data,
        )?;
        let trunk =
            flags.trunk.or(file.trunk).filter(|t| !t.is_empty()).map(|t| trunk_address(&t)).transpose()?;
        let ice = ice(
            if flags.ice_servers.is_empty() { file.ice_servers } else { flags.ice_servers },
            flags.turn_secret.or(file.turn_secret.map(Secret::new)),
            flags.turn_life_s.or(file.turn_life_s),
            flags.turn_username.or(file.turn_username),
            flags.turn_credential.or(file.turn_credential.map(Secret::new)),
        )?;
        let mut sip_domains = file.sip_domains.unwrap_or_default();
        sip_domains.extend([sip.ip().to_string(), sip.to_string(), "tandem.localhost".to_owned()]);
        Ok(Self {
            dev,
            http,
            sip,
            https,
            webrtc,
            webrtc_public: flags.webrtc_public.or(file.webrtc_public),
            browsers_anywhere,
            rtp: flags.rtp.or(file.rtp).map_or(20000..=29999, |range| range.0),
            data,
            place,
            event_retention: kept(events),
            delivery_retention: kept(deliveries),
            account,
            token,
            public_url: flags.public_url.or(file.public_url).map(|url| url.trim_end_matches('/').to_owned()),
            trunk,
            telephony: Telephony {
                trunks: file.trunks,
                sips: file.sips,
                websockets: file.sip_websockets,
                authorities: file.sips_authorities,
                name_servers: file.name_servers,
                codecs: file.codecs,
                comfort_noise: file.comfort_noise.unwrap_or(false),
                phones_srtp: file.phones_srtp,
            },
            sip_domains,
            allowed_prefixes: file.allowed_prefixes.unwrap_or_default(),
            transcription_command: file.transcription_command.filter(|words| !words.is_empty()),
            recognition_command: file.recognition_command.filter(|words| !words.is_empty()),
            private_webhooks: file.private_webhooks.unwrap_or(dev),
            webhook_authorities: file.webhook_authorities.map(authorities).transpose()?.unwrap_or_default(),
            numbers: file.numbers.unwrap_or_default(),
            ice,
            oidc: sign_on::settle(flags.oidc, file.oidc).map_err(ConfigError::SignOn)?,
        })
    }
}

/// The certificates in a PEM file, of which there must be one.
fn authorities(path: PathBuf) -> Result<Vec<Vec<u8>>, ConfigError> {
    let text = std::fs::read(&path).map_err(|source| ConfigError::Read { path: path.clone(), source })?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match read {
        Ok(all) if !all.is_empty() => Ok(all.iter().map(|certificate| certificate.to_vec()).collect()),
        Ok(_) => Err(ConfigError::Parse { path, message: "it has no certificate".to_owned() }),
        Err(error) => Err(ConfigError::Parse { path, message: error.to_string() }),
    }
}

/// STUN and TURN servers, if they fit together: TURN needs a secret, or a user with a credential.
fn ice(
    urls: Vec<String>,
    secret: Option<Secret<String>>,
    life_s: Option<u32>,
    username: Option<String>,
    credential: Option<Secret<String>>,
) -> Result<IceSettings, ConfigError> {
    let urls: Vec<String> =
        urls.iter().map(|url| url.trim().to_owned()).filter(|url| !url.is_empty()).collect();
    let wrong = |why: String| Err(ConfigError::Ice(why));
    if let Some(url) = urls.iter().find(|url| !ICE_SCHEMES.iter().any(|scheme| url.starts_with(scheme))) {
        return wrong(format!("{url:?} is neither a stun nor a turn URL"));
    }
    let secret = secret.filter(|secret| !secret.expose().is_empty());
    let fixed = match (username.filter(|name| !name.is_empty()), credential) {
        (Some(name), Some(credential)) => Some((name, credential)),
        (None, None) => None,
        _ => return wrong("a TURN user has a name and a credential".to_owned()),
    };
    let relays = urls.iter().any(|url| url.starts_with("turn"));
    if relays && secret.is_none() && fixed.is_none() {
        return wrong(
            "a TURN server needs --turn-secret, or --turn-username and --turn-credential".to_owned(),
        );
    }
    let life_s = life_s.unwrap_or(TURN_LIFE_S);
    if life_s < TURN_LIFE_S_MIN {
        return wrong(format!("credentials for TURN must be good for at least {TURN_LIFE_S_MIN} s"));
    }
    Ok(IceSettings { urls, secret, life: Duration::from_secs(life_s.into()), fixed })
}

fn read_file(named: Option<&Path>) -> Result<File, ConfigError> {
    let path = named.unwrap_or(Path::new(CONFIG_FILE));
    match std::fs::read_to_string(path) {
        Ok(text) => toml::from_str(&text).map_err(|e| ConfigError::Parse {
            path: path.to_owned(),
            message: e.to_string().trim().to_owned(),
        }),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && named.is_none() => Ok(File::default()),
        Err(source) => Err(ConfigError::Read { path: path.to_owned(), source }),
    }
}

/// Flags win over what `tandem init` wrote; `--dev` fills what is left.
fn credentials(
    dev: bool,
    account: Option<AccountSid>,
    token: Option<String>,
    data: &Path,
) -> Result<(AccountSid, Secret<String>), ConfigError> {
    let written = crate::init::read(data)?;
    let account = account.or(written.as_ref().map(|w| w.account_sid));
    let token = token.or(written.map(|w| w.auth_token));
    match (account, token) {
        (Some(account), Some(token)) if !token.is_empty() => Ok((account, Secret::new(token))),
        (account, token) if dev => Ok((
            account.unwrap_or_else(|| DEV_ACCOUNT.parse().expect("a constant")),
            Secret::new(token.filter(|t| !t.is_empty()).unwrap_or_else(|| DEV_TOKEN.to_owned())),
        )),
        _ => Err(ConfigError::NoAccount),
    }
}

/// `sip:host:port` (port 5060 if absent) as `host:port`.
fn trunk_address(uri: &str) -> Result<String, ConfigError> {
    let host = uri.strip_prefix("sip:").ok_or_else(|| ConfigError::Trunk(uri.to_owned()))?;
    if host.is_empty() || host.contains(['/', '@', ' ']) {
        return Err(ConfigError::Trunk(uri.to_owned()));
    }
    Ok(if host.contains(':') { host.to_owned() } else { format!("{host}:5060") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dev(data: &Path) -> ServeFlags {
        ServeFlags { dev: Some(true), data: Some(data.to_owned()), ..Default::default() }
    }

    #[test]
    fn without_dev_there_are_no_default_credentials() {
        let folder = tempfile::tempdir().unwrap();
        let flags = ServeFlags { data: Some(folder.path().to_owned()), ..Default::default() };
        assert!(matches!(Config::settle(flags), Err(ConfigError::NoAccount)));
    }

    #[test]
    fn dev_has_the_documented_account_and_stays_on_loopback() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::settle(dev(folder.path())).unwrap();
        assert_eq!(config.account.to_string(), DEV_ACCOUNT);
        assert_eq!(config.token.expose(), DEV_TOKEN);
        let mut flags = dev(folder.path());
        flags.http = Some("0.0.0.0:8080".parse().unwrap());
        assert!(matches!(Config::settle(flags), Err(ConfigError::DevNotLoopback { .. })));
    }

    #[test]
    fn flags_win_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.toml");
        std::fs::write(
            &file,
            "rtp = \"30000-30010\"\ntrunk = \"sip:203.0.113.5\"\nallowed-prefixes = [\"+44\"]\n",
        )
        .unwrap();
        let mut flags = dev(folder.path());
        flags.config = Some(file);
        flags.rtp = Some("40000-40010".parse().unwrap());
        let config = Config::settle(flags).unwrap();
        assert_eq!(config.rtp, 40000..=40010);
        assert_eq!(config.trunk.as_deref(), Some("203.0.113.5:5060"));
        assert_eq!(config.allowed_prefixes, ["+44"]);
    }

    #[test]
    fn the_databases_address_comes_from_flag_or_file_and_is_never_shown_whole() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.toml");
        std::fs::write(&file, "database = \"postgres://ana:hush@db/desk\"\nevent-retention-days = 0\n")
            .unwrap();
        let mut flags = dev(folder.path());
        flags.config = Some(file.clone());
        let config = Config::settle(flags).unwrap();
        assert_eq!(config.place.to_string(), "db:5432/desk");
        assert!(!format!("{config:?}").contains("hush"));
        assert_eq!((config.event_retention, config.delivery_retention), (None, kept(7)));
        let mut flags = dev(folder.path());
        flags.config = Some(file);
        flags.database = Some(Secret::new("postgres://kim:hush@other/desk".to_owned()));
        flags.event_retention_days = Some(3);
        flags.delivery_retention_days = Some(0);
        assert!(!format!("{flags:?}").contains("hush"));
        let config = Config::settle(flags).unwrap();
        assert_eq!(config.place.to_string(), "other:5432/desk");
        assert_eq!((config.event_retention, config.delivery_retention), (kept(3), None));
        let config = Config::settle(dev(folder.path())).unwrap();
        assert!(config.place.to_string().ends_with("tandem.sqlite"));
        assert_eq!(config.event_retention, kept(30));
    }

    #[test]
    fn the_file_names_trunks_listeners_and_codecs() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.toml");
        let text = r#"
            allowed-prefixes = ["+49"]
            codecs = ["opus", "PCMA"]
            phones-srtp = "required"
            [[sip-websockets]]
            listen = "127.0.0.1:8088"
            [[sips]]
            listen = "127.0.0.1:5061"
            certificate = "cert.pem"
            key = "key.pem"
            [[trunks]]
            name = "carrier"
            uri = "sip:sbc.example.com;transport=tls"
            priority = 1
            sources = ["203.0.113.0/28"]
            strip = "+49"
            prepend = "0"
            country-code = "49"
            username = "u"
            password = "p"
            register = true
            ping-s = 30
            calls-max = 20
            srtp = "required"
            [[trunks]]
            name = "spare"
            uri = "sip:203.0.113.99"
            allowed-prefixes = ["+"]
        "#;
        std::fs::write(&file, text).unwrap();
        let flags = ServeFlags { config: Some(file), ..dev(folder.path()) };
        let config = Config::settle(flags).unwrap();
        let clock = base::Clock::new(|| base::Now { mono: base::Mono(0), wall: base::Timestamp(0) });
        let mut settings = gateway::sip::SipSettings::new(config.sip, base::Entropy::seeded(1), clock);
        crate::telephony::settle(&config, &mut settings).unwrap();
        let [carrier, spare] = &settings.trunks[..] else { panic!("{:?}", settings.trunks) };
        assert_eq!(carrier.rules.dialable("030 1234567").as_deref(), Some("+49301234567"));
        assert_eq!(carrier.rules.rewrite.apply("+49301234567"), "0301234567");
        assert!(carrier.rules.is_source("203.0.113.7".parse().unwrap()));
        assert_eq!((carrier.priority, carrier.calls_max), (1, Some(20)));
        assert_eq!(carrier.srtp, sip::offer::Srtp::Required);
        assert!(carrier.register_for.is_some() && spare.register_for.is_none());
        assert!(spare.rules.dialable("+15550100001").is_some());
        assert!(carrier.rules.dialable("+15550100001").is_none());
        assert_eq!(settings.codecs, [sip::offer::Codec::Opus, sip::offer::Codec::Pcma]);
        assert_eq!((settings.websockets.len(), &settings.websockets[0].identity), (1, &None));
        assert_eq!((settings.tls.len(), settings.phones_srtp), (1, sip::offer::Srtp::Required));
    }

    #[test]
    fn a_misspelt_key_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.toml");
        std::fs::write(&file, "htpp = \"127.0.0.1:1\"\n").unwrap();
        let flags = ServeFlags { config: Some(file), ..dev(folder.path()) };
        assert!(Config::settle(flags).unwrap_err().to_string().contains("htpp"));
    }

    #[test]
    fn a_backward_port_range_is_refused() {
        assert!("9-3".parse::<PortRange>().is_err());
        assert!("x".parse::<PortRange>().is_err());
    }
}
