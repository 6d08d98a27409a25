//! Websockets to applications: guarded and signed as every other request.

use crate::error::{Cause, Trouble};
use crate::outgoing::Outgoing;
use crate::overrides::CONNECT_TIMEOUT;
use crate::request::USER_AGENT;
use base::AccountSid;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use url::Url;

/// Largest message of an application.
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// From the first packet to the end of the handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection, encrypted or not.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A websocket to an application.
pub type Socket = WebSocketStream<Box<dyn Io>>;

impl Outgoing {
    /// Opens a websocket for `account`, whose token signs the request. `ws://`, without encryption, only where private networks are allowed: that is, in development.
    ///
    /// The codes of trouble are those of media streams: 31901 timeout, 31902 refused, 31910 TLS, 31920 not a websocket,
    /// 31922 scheme, 31923 no URL; 11210 is a name that does not resolve, 11205 a network we do not go to.
    pub async fn socket(&self, account: AccountSid, url: &str) -> Result<Socket, Trouble> {
        let late = |_| Trouble::new(31901, Cause::Read, "the application did not answer in time");
        tokio::time::timeout(HANDSHAKE_TIMEOUT, self.open(account, url)).await.map_err(late)?
    }

    async fn open(&self, account: AccountSid, text: &str) -> Result<Socket, Trouble> {
        let malformed = || Trouble::new(31923, Cause::Refused, "the URL of the stream is malformed");
        let url = Url::parse(text).map_err(|_| malformed())?;
        let secure = match url.scheme() {
            "wss" => true,
            "ws" if self.policy().allow_private => false,
            other => {
                let message = format!("streams go to wss://, not to {other}://");
                return Err(Trouble::new(31922, Cause::Refused, message));
            }
        };
        let host = url.host_str().ok_or_else(malformed)?.to_owned();
        let port = url.port_or_known_default().ok_or_else(malformed)?;
        let signed = self.sign(account, text, &[])?;
        let request = request(signed, &url).ok_or_else(malformed)?;
        let stream = self.reach(host.trim_matches(['[', ']']), port).await?;
        let io: Box<dyn Io> = if secure {
            Box::new(encrypt(stream, &host, self.authorities()).await?)
        } else {
            Box::new(stream)
        };
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        match tokio_tungstenite::client_async_with_config(request, io, Some(config)).await {
            Ok((socket, _)) => Ok(socket),
            Err(Error::Http(answer)) => {
                let status = answer.status().as_u16();
                let message = format!("the application answered {status} where 101 was expected");
                Err(Trouble::new(31920, Cause::Answer(status), message))
            }
            Err(why) => Err(Trouble::new(31920, Cause::Read, format!("no websocket: {why}"))),
        }
    }

    /// A connection to an address that was looked at: the one that is checked is the one that is connected.
    async fn reach(&self, host: &str, port: u16) -> Result<TcpStream, Trouble> {
        let found: Vec<SocketAddr> = match tokio::net::lookup_host((host, port)).await {
            Ok(found) => found.collect(),
            Err(_) => Vec::new(),
        };
        if found.is_empty() {
            let message = format!("the host name {host} cannot be resolved");
            return Err(Trouble::new(11210, Cause::Connect, message));
        }
        let policy = self.policy();
        let allowed: Vec<SocketAddr> = found.into_iter().filter(|at| policy.allows(at.ip())).collect();
        if allowed.is_empty() {
            let message = format!("the host {host} is in a private network");
            return Err(Trouble::new(11205, Cause::Refused, message));
        }
        let connecting = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(allowed.as_slice())).await;
        let stream = connecting
            .map_err(|_| Trouble::new(31901, Cause::Connect, format!("{host}:{port} does not answer")))?
            .map_err(|why| Trouble::new(31902, Cause::Connect, format!("{host}:{port}: {why}")))?;
        // Audio is small and often: it is not to wait for more.
        stream.set_nodelay(true).map_err(|why| Trouble::new(31902, Cause::Connect, why.to_string()))?;
        Ok(stream)
    }
}

/// The request for a websocket, with its signature.
fn request(signed: String, url: &Url) -> Option<Request> {
    let mut bare = url.clone();
    bare.set_fragment(None);
    bare.set_username("").ok()?;
    bare.set_password(None).ok()?;
    let mut request = bare.as_str().into_client_request().ok()?;
    let headers = request.headers_mut();
    headers.insert("X-Twilio-Signature", HeaderValue::from_str(&signed).ok()?);
    headers.insert("User-Agent", HeaderValue::from_static(USER_AGENT));
    if !url.username().is_empty() {
        let decode = |text| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let pair = format!("{}:{}", decode(url.username()), decode(url.password().unwrap_or_default()));
        let value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair))).ok()?;
        headers.insert("Authorization", value);
    }
    Some(request)
}

async fn encrypt(
    stream: TcpStream,
    host: &str,
    authorities: &[Vec<u8>],
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, Trouble> {
    let failed = |why: String| Trouble::new(31910, Cause::Connect, format!("no TLS with {host}: {why}"));
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for authority in authorities {
        roots.add(CertificateDer::from(authority.clone())).map_err(|why| failed(why.to_string()))?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|why| failed(why.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned());
    let name = name.map_err(|why| failed(why.to_string()))?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|why| failed(why.to_string()))
}
