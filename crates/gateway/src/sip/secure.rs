//! TLS for SIP: what we show to those who connect, and whom we believe when we connect.

use super::settings::TlsListener;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

/// The provider is named each time: a process that has linked two must not be asked which it means.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Accepts connections with the certificate and key of a listener.
pub(super) fn acceptor(listener: &TlsListener) -> io::Result<TlsAcceptor> {
    let chain = certificates(&listener.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&listener.key)
        .map_err(|error| unreadable(&listener.key, &error.to_string()))?;
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| unreadable(&listener.certificate, &error.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Connects to peers whose certificate one of the public authorities, or one in the file `own`, has signed.
pub(super) fn connector(own: Option<&Path>) -> io::Result<TlsConnector> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for certificate in own.map(certificates).transpose()?.unwrap_or_default() {
        roots.add(certificate).map_err(io::Error::other)?;
    }
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The handshake of a connection that came in.
pub(super) async fn accept(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
) -> io::Result<server::TlsStream<TcpStream>> {
    tokio::time::timeout(super::edge::HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await?
}

/// A connection to `peer`, which must prove to be `name`.
pub(super) async fn connect(
    connector: &TlsConnector,
    peer: SocketAddr,
    name: &str,
) -> io::Result<client::TlsStream<TcpStream>> {
    let name = ServerName::try_from(name.trim_matches(['[', ']']).to_owned()).map_err(io::Error::other)?;
    let connected = async {
        let stream = TcpStream::connect(peer).await?;
        connector.connect(name, stream).await
    };
    tokio::time::timeout(super::edge::HANDSHAKE_TIMEOUT, connected).await?
}

fn certificates(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) => Err(unreadable(path, "it has no certificate")),
        Err(error) => Err(unreadable(path, &error.to_string())),
    }
}

fn unreadable(path: &Path, why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{}: {why}", path.display()))
}
