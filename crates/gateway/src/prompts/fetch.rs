//! Prompts over HTTP: GET, without parameters, with limits.

use super::{PromptError, PromptSettings};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

/// What a server calls this version of a body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Validators {
    etag: Option<String>,
    last_modified: Option<String>,
}

impl Validators {
    /// What a file of our own is told from another by.
    pub(super) fn of_file(path: &std::path::Path) -> Self {
        Self { etag: Some(path.display().to_string()), last_modified: None }
    }
}

/// What came of a request.
pub(super) enum Fetched {
    /// The same as before.
    Unchanged {
        freshness: Duration,
    },
    Body {
        bytes: Vec<u8>,
        content_type: Option<String>,
        validators: Validators,
        freshness: Duration,
    },
}

/// Fetches within limits, and not from private networks unless allowed.
pub(super) struct Fetcher {
    client: Client,
    private_networks: bool,
    bytes_max: usize,
}

impl Fetcher {
    pub(super) fn new(settings: &PromptSettings) -> Result<Self, PromptError> {
        let private_networks = settings.private_networks;
        let redirects = Policy::custom(move |attempt| {
            if attempt.previous().len() > REDIRECTS_MAX {
                attempt.error(TooManyRedirects)
            } else if let Err(error) = admit(attempt.url(), private_networks) {
                attempt.error(error)
            } else {
                attempt.follow()
            }
        });
        let mut client = Client::builder()
            .user_agent(concat!("tandem/", env!("CARGO_PKG_VERSION")))
            .timeout(settings.fetch_timeout)
            .connect_timeout(settings.fetch_timeout.min(CONNECT_TIMEOUT))
            .redirect(redirects);
        if !private_networks {
            client = client.dns_resolver(Arc::new(PublicResolver)).no_proxy();
        }
        for authority in &settings.authorities {
            let certificate = reqwest::Certificate::from_der(authority);
            client = client
                .add_root_certificate(certificate.map_err(|error| PromptError::Client(error.to_string()))?);
        }
        let client = client.build().map_err(|error| PromptError::Client(error.to_string()))?;
        Ok(Self { client, private_networks, bytes_max: settings.body_bytes_max })
    }

    /// Gets a prompt, or hears that it is what `known` says.
    pub(super) async fn fetch(&self, url: &str, known: &Validators) -> Result<Fetched, PromptError> {
        let url = Url::parse(url).map_err(|_| PromptError::Url(url.to_owned()))?;
        admit(&url, self.private_networks)?;
        let mut request = self.client.get(url);
        if let Some(etag) = &known.etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        if let Some(last_modified) = &known.last_modified {
            request = request.header(IF_MODIFIED_SINCE, last_modified);
        }
        let mut response = request.send().await.map_err(failure)?;
        let freshness = freshness(response.headers());
        if response.status() == StatusCode::NOT_MODIFIED {
            return Ok(Fetched::Unchanged { freshness });
        }
        if !response.status().is_success() {
            return Err(PromptError::Status(response.status().as_u16()));
        }
        let content_type = text(response.headers(), CONTENT_TYPE);
        if let Some(kind) = content_type.as_deref().filter(|kind| super::decode::format_of(kind).is_none()) {
            return Err(PromptError::ContentType(kind.to_owned()));
        }
        let validators = Validators {
            etag: text(response.headers(), ETAG),
            last_modified: text(response.headers(), LAST_MODIFIED),
        };
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failure)? {
            if bytes.len() + chunk.len() > self.bytes_max {
                return Err(PromptError::TooLong(self.bytes_max));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Fetched::Body { bytes, content_type, validators, freshness })
    }
}

/// How long nobody need ask again: what the server says within reason, and long enough for those who waited for the
/// same prompt.
fn freshness(headers: &HeaderMap) -> Duration {
    let control = text(headers, CACHE_CONTROL).unwrap_or_default().to_ascii_lowercase();
    let directives = || control.split(',').map(str::trim);
    if directives().any(|directive| directive == "no-store" || directive == "no-cache") {
        return FRESH_MIN;
    }
    let seconds = directives().find_map(|directive| directive.strip_prefix("max-age=")?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(0)).clamp(FRESH_MIN, FRESH_MAX)
}

fn text(headers: &HeaderMap, name: reqwest::header::HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn failure(error: reqwest::Error) -> PromptError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if inner.is::<TooManyRedirects>() {
            return PromptError::Redirects;
        }
        if let Some(ours) = inner.downcast_ref::<PromptError>() {
            return ours.clone();
        }
        if inner.to_string().contains("dns error") {
            let host = error.url().and_then(Url::host_str).unwrap_or_default();
            return PromptError::Host(format!("host {host} is unknown"));
        }
        cause = inner.source();
    }
    PromptError::Connection(if error.is_timeout() {
        "it took too long".to_owned()
    } else {
        error.to_string()
    })
}

#[derive(Debug, thiserror::Error)]
#[error("too many redirects")]
struct TooManyRedirects;

/// Judges a URL by what can be seen of it; names are judged when they are resolved.
fn admit(url: &Url, private_networks: bool) -> Result<(), PromptError> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(PromptError::Url(url.to_string()));
    }
    let host = url.host_str().unwrap_or_default();
    let address: Option<IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
    match address {
        Some(address) if !private_networks && !is_public(address) => {
            Err(PromptError::Host(format!("{address} is in a private network, which is not allowed")))
        }
        _ => Ok(()),
    }
}

/// Resolves names to public addresses only, so that a name cannot lead inside.
struct PublicResolver;

impl Resolve for PublicResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<_> = tokio::net::lookup_host((host.as_str(), 0))
                .await
                .map_err(|_| PromptError::Host(format!("host {host} is unknown")))?
                .filter(|address| is_public(address.ip()))
                .collect();
            if found.is_empty() {
                let refusal = format!("host {host} is in a private network, which is not allowed");
                return Err(PromptError::Host(refusal).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped().or_else(|| embedded(v6)) {
            Some(v4) => is_public_v4(v4),
            None => {
                let local = v6.is_loopback() || v6.is_unspecified() || v6.is_multicast();
                let inside = v6.is_unique_local() || v6.is_unicast_link_local();
                let documentation = v6.segments()[..2] == [0x2001, 0x0db8];
                !(local || inside || documentation)
            }
        },
    }
}

/// The IPv4 address in a NAT64 or 6to4 one.
fn embedded(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let pair = match (a, b) {
        (0x64, 0xff9b) if [c, d, e, f] == [0; 4] => (g, h),
        (0x2002, high) => (high, c),
        _ => return None,
    };
    let [w, x] = pair.0.to_be_bytes();
    let [y, z] = pair.1.to_be_bytes();
    Some(Ipv4Addr::new(w, x, y, z))
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, ..] = v4.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let benchmark = a == 198 && (18..20).contains(&b);
    let reserved = a == 0 || a >= 240;
    let protocol = v4.octets()[..3] == [192, 0, 0];
    let local = v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_multicast();
    !(local || shared || benchmark || reserved || protocol || v4.is_documentation())
}

const REDIRECTS_MAX: usize = 5;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
pub(super) const FRESH_MIN: Duration = Duration::from_secs(1);
const FRESH_MAX: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_told_from_public_ones() {
        let private = "127.0.0.1 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1 \
            255.255.255.255 ::1 :: fe80::1 fd00::1 ::ffff:127.0.0.1 64:ff9b::7f00:1 2002:7f00:1::";
        for address in private.split_whitespace() {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in ["1.1.1.1", "2606:4700::1", "::ffff:8.8.8.8"] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[tokio::test]
    async fn a_private_prompt_is_refused_before_anybody_is_asked() {
        let fetcher = Fetcher::new(&PromptSettings::default()).unwrap();
        for (url, code) in [
            ("http://127.0.0.1:1/x.mp3", 11_210),
            ("http://[::1]/x.mp3", 11_210),
            ("http://localhost:1/x.mp3", 11_210),
            ("file:///etc/passwd", 11_100),
            ("nonsense", 11_100),
        ] {
            let refused = fetcher.fetch(url, &Validators::default()).await.err().map(|error| error.code());
            assert_eq!(refused, Some(code), "{url}");
        }
    }

    #[test]
    fn freshness_is_what_the_server_says_within_reason() {
        let of = |value: &str| freshness(&HeaderMap::from_iter([(CACHE_CONTROL, value.parse().unwrap())]));
        assert_eq!(of("public, max-age=60"), Duration::from_secs(60));
        assert_eq!(of("max-age=9999999"), FRESH_MAX);
        assert_eq!(of("no-store, max-age=60"), FRESH_MIN);
        assert_eq!(freshness(&HeaderMap::new()), FRESH_MIN);
    }
}
