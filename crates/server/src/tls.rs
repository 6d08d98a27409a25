//! TLS for browsers: a certificate authority of the data folder's own, and a listener that serves with it.
//!
//! `ca.pem` is made once and kept; whoever trusts it trusts this Tandem's names on this machine. Certificates are made anew at
//! every start and never written.

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// What is trusted, in the data folder.
pub const CA_FILE: &str = "ca.pem";
/// Its key; readable by its owner only.
const CA_KEY_FILE: &str = "ca-key.pem";
/// Names of this machine that certificates are for, besides the configured one.
const NAMES: [&str; 3] = ["localhost", "*.localhost", "*.tandem.localhost"];
/// Addresses of this machine.
const ADDRESSES: [&str; 2] = ["127.0.0.1", "::1"];
/// How long a handshake may take.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// Connections at once.
const CONNECTIONS_MAX: usize = 10_000;

/// What went wrong with certificates.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The files of the authority.
    #[error("could not read or write the certificate authority in the data folder")]
    File(#[from] io::Error),
    /// Its key or certificate.
    #[error("could not use the certificate authority in the data folder")]
    Certificate(#[from] rcgen::Error),
    /// The TLS library refuses what was made.
    #[error("could not set up TLS")]
    Setup(#[from] tokio_rustls::rustls::Error),
}

/// The TLS side of a listener: certificates for this machine's names and for `host`, signed by the authority in `data`.
pub fn acceptor(data: &Path, host: Option<&str>) -> Result<TlsAcceptor, TlsError> {
    let authority = authority(data)?;
    let mut names: Vec<String> = NAMES.iter().chain(&ADDRESSES).map(|name| (*name).to_owned()).collect();
    names.extend(host.map(str::to_owned));
    names.sort();
    names.dedup();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = named("Tandem");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &authority)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// The authority that is there, or a new one.
fn authority(data: &Path) -> Result<Issuer<'static, KeyPair>, TlsError> {
    let (path, key_path) = (data.join(CA_FILE), data.join(CA_KEY_FILE));
    if path.exists() && key_path.exists() {
        let key = KeyPair::from_pem(&std::fs::read_to_string(&key_path)?)?;
        return Ok(Issuer::from_ca_cert_pem(&std::fs::read_to_string(&path)?, key)?);
    }
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name = named("Tandem local CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = params.self_signed(&key)?;
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&key_path)?;
    io::Write::write_all(&mut file, key.serialize_pem().as_bytes())?;
    std::fs::write(&path, certificate.pem())?;
    Ok(Issuer::new(params, key))
}

/// The host of a URL, for the certificate; `None` for an address of this machine, which is in it anyway.
pub fn host_of(url: &str) -> Option<String> {
    let rest = url.split_once("://")?.1;
    let authority = rest.split(['/', '?']).next()?;
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next()?,
        None => authority.split(':').next()?,
    };
    let known = host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()) || NAMES.contains(&host);
    (!host.is_empty() && !known).then(|| host.to_owned())
}

/// Serves `router` over TLS until `stop`; connections that are open then are ended.
pub async fn serve(listener: TcpListener, acceptor: TlsAcceptor, router: Router, stop: CancellationToken) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => {
                // What is told on a websocket is small: it must not wait for the acknowledgement of what was told before.
                if let Err(error) = stream.set_nodelay(true) {
                    debug!(%error, "a connection sends in its own time: {error}");
                }
                stream
            }
            Err(error) => {
                warn!(%error, "a connection could not be accepted: {error}");
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            warn!("a connection is refused: there are {CONNECTIONS_MAX}");
            continue;
        };
        let (acceptor, router) = (acceptor.clone(), router.clone());
        connections.spawn(async move {
            let _permit = permit;
            let stream = match tokio::time::timeout(HANDSHAKE_TIME, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => return debug!(%error, "a TLS handshake failed: {error}"),
                Err(_) => return debug!("a TLS handshake took too long"),
            };
            let served = Builder::new(TokioExecutor::new())
                .serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(router))
                .await;
            if let Err(error) = served {
                debug!(%error, "a connection ended badly: {error}");
            }
        });
    }
    connections.abort_all();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_is_made_once_and_its_key_is_for_its_owner() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        acceptor(folder.path(), Some("cc.example.com")).unwrap();
        let made = std::fs::read(folder.path().join(CA_FILE)).unwrap();
        let mode = std::fs::metadata(folder.path().join(CA_KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        acceptor(folder.path(), None).unwrap();
        assert_eq!(std::fs::read(folder.path().join(CA_FILE)).unwrap(), made);
    }

    #[test]
    fn the_host_of_a_public_url_gets_into_the_certificate() {
        assert_eq!(host_of("https://cc.example.com:8443/x").as_deref(), Some("cc.example.com"));
        assert_eq!(host_of("https://[2001:db8::1]:1/").as_deref(), Some("2001:db8::1"));
        assert_eq!(host_of("http://127.0.0.1:8080"), None);
        assert_eq!(host_of("http://localhost:8080"), None);
    }
}
