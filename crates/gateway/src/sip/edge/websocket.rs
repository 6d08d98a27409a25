//! SIP over WebSocket (RFC 7118): each message of the socket is one of SIP. It carries signalling only; audio is agreed
//! in SDP as over every other transport.

use super::{Edge, OUTBOX_MESSAGES_MAX, Sorted, WRITE_TIMEOUT, lock};
use axum::Router;
use axum::extract::connect_info::Connected;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::serve::{IncomingStream, Listener};
use rsipstack::sip::transport::Transport as SipTransport;
use rsipstack::transaction::endpoint::EndpointInnerRef;
use rsipstack::transport::channel::ChannelConnection;
use rsipstack::transport::{SipAddr, SipConnection, TransportEvent};
use sip::canonical::canonical;
use sip::raw::MESSAGE_BYTES_MAX;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

/// The subprotocol (RFC 7118 §4).
const SUBPROTOCOL: &str = "sip";
/// TLS handshakes at a time.
const HANDSHAKES_MAX: usize = 256;
/// A socket that could not be accepted is followed by the next after this long.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Takes websockets until `stop`.
pub(in crate::sip) async fn listen(
    tcp: TcpListener,
    acceptor: Option<TlsAcceptor>,
    edge: Arc<Edge>,
    endpoint: EndpointInnerRef,
    stop: CancellationToken,
) {
    let transport = if acceptor.is_some() { SipTransport::Wss } else { SipTransport::Ws };
    let house = House { edge, endpoint, transport, stop: stop.clone() };
    let router = Router::new().fallback(upgrade).with_state(house.clone());
    let places = Arc::new(Semaphore::new(house.edge.limits.connections.min(Semaphore::MAX_PERMITS)));
    let door = Door { tcp, acceptor, places, handshakes: JoinSet::new() };
    let service = router.into_make_service_with_connect_info::<Peer>();
    let served = axum::serve(door, service).with_graceful_shutdown(stop.cancelled_owned());
    if let Err(failure) = served.await {
        warn!("SIP over WebSocket ended: {failure}");
    }
}

#[derive(Clone)]
struct House {
    edge: Arc<Edge>,
    endpoint: EndpointInnerRef,
    transport: SipTransport,
    stop: CancellationToken,
}

/// Where a websocket comes from.
#[derive(Debug, Clone, Copy)]
struct Peer(SocketAddr);

impl Connected<IncomingStream<'_, Door>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        Self(*stream.remote_addr())
    }
}

async fn upgrade(
    State(house): State<House>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    socket: WebSocketUpgrade,
) -> Response {
    if house.edge.is_banned(peer.ip()) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let socket = socket.protocols([SUBPROTOCOL]).max_message_size(MESSAGE_BYTES_MAX);
    if socket.selected_protocol().is_none() {
        return (StatusCode::BAD_REQUEST, "the subprotocol is sip (RFC 7118)\n").into_response();
    }
    let token = house.stop.child_token();
    if !house.edge.admit(peer, &token) {
        warn!(peer = %peer, "the SIP websocket from {peer} is one too many");
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let place = Admitted { edge: house.edge.clone(), peer, token: token.clone() };
    socket.on_upgrade(async move |socket| {
        let _place = place;
        if let Err(failure) = serve(socket, peer, &house, &token).await {
            debug!(peer = %peer, "the SIP websocket from {peer} ended: {failure}");
        }
    })
}

/// A place among the connections, given back however the websocket ends: even if it never begins.
struct Admitted {
    edge: Arc<Edge>,
    peer: SocketAddr,
    token: CancellationToken,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.token.cancel();
        lock(&self.edge.connections).remove(&self.peer);
    }
}

/// One websocket, until either side closes it.
async fn serve(
    mut socket: WebSocket,
    peer: SocketAddr,
    house: &House,
    token: &CancellationToken,
) -> io::Result<()> {
    let (to_stack, from_edge) = mpsc::unbounded_channel();
    let (from_stack, mut outbox) = mpsc::unbounded_channel();
    let address = SipAddr { r#type: Some(house.transport), addr: peer.into() };
    let channel =
        ChannelConnection::create_connection(from_edge, from_stack, address.clone(), Some(token.clone()))
            .await
            .map_err(io::Error::other)?;
    let connection = SipConnection::Channel(channel);
    house.endpoint.transport_layer.add_connection(connection.clone());
    info!(peer = %peer, "a SIP connection with {peer} over {}", house.transport);
    let idle = house.edge.limits.connection_idle;
    loop {
        let answer = tokio::select! {
            () = token.cancelled() => return Ok(()),
            event = outbox.recv() => {
                let Some(TransportEvent::Incoming(message, ..)) = event else { return Ok(()) };
                if outbox.len() > OUTBOX_MESSAGES_MAX {
                    return Err(io::Error::other("the peer does not read what it is sent"));
                }
                Some(message.to_bytes())
            }
            read = tokio::time::timeout(idle, socket.recv()) => {
                let message = match read {
                    Ok(Some(message)) => message.map_err(io::Error::other)?,
                    Ok(None) => return Ok(()),
                    Err(_) => return Err(io::Error::from(io::ErrorKind::TimedOut)),
                };
                let bytes = match &message {
                    Message::Text(text) => text.as_bytes(),
                    Message::Binary(bytes) => bytes,
                    Message::Ping(_) | Message::Pong(_) => continue,
                    Message::Close(_) => return Ok(()),
                };
                match taken(bytes, peer, house, &address, &connection) {
                    Taken::Message(event) => {
                        if to_stack.send(*event).is_err() {
                            return Ok(());
                        }
                        None
                    }
                    Taken::Nothing => None,
                    Taken::Answer(answer) => Some(answer),
                }
            }
        };
        if let Some(bytes) = answer {
            let message = match String::from_utf8(bytes) {
                Ok(text) => Message::Text(text.into()),
                Err(other) => Message::Binary(other.into_bytes().into()),
            };
            match tokio::time::timeout(WRITE_TIMEOUT, socket.send(message)).await {
                Ok(sent) => sent.map_err(io::Error::other)?,
                Err(_) => return Err(io::Error::from(io::ErrorKind::TimedOut)),
            }
        }
    }
}

enum Taken {
    Message(Box<TransportEvent>),
    Answer(Vec<u8>),
    Nothing,
}

/// What one message of the websocket is.
fn taken(
    bytes: &[u8],
    peer: SocketAddr,
    house: &House,
    address: &SipAddr,
    connection: &SipConnection,
) -> Taken {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        // A keep-alive as over TCP (RFC 5626 §3.5.1), which some clients send here too.
        return if bytes == b"\r\n\r\n" { Taken::Answer(b"\r\n".to_vec()) } else { Taken::Nothing };
    }
    match house.edge.sort(&canonical(bytes), peer) {
        Sorted::Answer(answer) => Taken::Answer(answer),
        Sorted::Nothing => Taken::Nothing,
        Sorted::Pass(message) => match SipConnection::update_msg_received(*message, peer, house.transport) {
            Ok(message) => Taken::Message(Box::new(TransportEvent::Incoming(
                message,
                connection.clone(),
                address.clone(),
            ))),
            Err(_) => Taken::Nothing,
        },
    }
}

/// A stream of bytes, encrypted or not.
trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection with its place among those there may be, whatever it turns out to be.
struct Held {
    stream: Box<dyn Duplex>,
    _place: OwnedSemaphorePermit,
}

impl AsyncRead for Held {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Held {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Where connections come in. A slow handshake keeps nobody waiting.
struct Door {
    tcp: TcpListener,
    acceptor: Option<TlsAcceptor>,
    /// One for each connection there may be.
    places: Arc<Semaphore>,
    handshakes: JoinSet<io::Result<(Held, SocketAddr)>>,
}

impl Listener for Door {
    type Io = Held;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            tokio::select! {
                Some(done) = self.handshakes.join_next() => match done {
                    Ok(Ok(ready)) => return ready,
                    Ok(Err(failure)) => debug!("a TLS handshake for SIP over WebSocket failed: {failure}"),
                    Err(failure) => warn!("a TLS handshake ended unplanned: {failure}"),
                },
                accepted = self.tcp.accept(), if self.handshakes.len() < HANDSHAKES_MAX => match accepted {
                    Ok((stream, peer)) => {
                        let Ok(place) = self.places.clone().try_acquire_owned() else {
                            warn!(peer = %peer, "the connection of {peer} to SIP over WebSocket is one too many");
                            continue;
                        };
                        let Some(acceptor) = self.acceptor.clone() else {
                            return (Held { stream: Box::new(stream), _place: place }, peer);
                        };
                        self.handshakes.spawn(async move {
                            let stream = Box::new(crate::sip::secure::accept(&acceptor, stream).await?);
                            Ok((Held { stream, _place: place }, peer))
                        });
                    }
                    Err(failure) => {
                        // Out of file descriptors, mostly: give those that close a moment.
                        warn!("could not accept a SIP websocket: {failure}");
                        super::wait(ACCEPT_AGAIN).await;
                    }
                },
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}
