//! Our own sockets in front of the stack: what is malformed, too much or not SIP ends here, with an answer where one
//! is due and a line in the log that names the call.

pub(super) mod websocket;

use super::Shared;
use super::budget::Budget;
use super::settings::Limits;
use base::{Clock, Mono};
use rsipstack::platform::net::UdpSocket as StackSocket;
use rsipstack::sip::SipMessage;
use rsipstack::sip::transport::Transport as SipTransport;
use rsipstack::transaction::endpoint::EndpointInnerRef;
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use rsipstack::transport::channel::ChannelConnection;
use rsipstack::transport::{SipAddr, SipConnection, TransportEvent};
use sip::canonical::canonical;
use sip::raw::{self, Frame, Verdict};
use sip::trunk::Network;
use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

/// Largest datagram that is read; longer ones are cut off by the kernel and refused for their length.
const DATAGRAM_BYTES_MAX: usize = 65_535;
/// Messages that may wait for a slow TCP peer. One that reads slower is cut off.
const OUTBOX_MESSAGES_MAX: usize = 256;
/// How long one write to a TCP peer may take.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a TLS handshake may take.
pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Most sources that are banned at a time.
const BANNED_MAX: usize = 10_000;
/// Programs that only ever look for open doors. Their first message is their last.
const SCANNERS: [&str; 8] = [
    "friendly-scanner",
    "sipvicious",
    "sipcli",
    "sundayddr",
    "pplsip",
    "sip-scan",
    "smap",
    "vaxsipuseragent",
];
/// How often per second a faulty message is logged, over all sources.
const FAULTS_LOGGED_PER_SECOND: u32 = 10;

/// What both listeners share.
pub(super) struct Edge {
    clock: Clock,
    limits: Limits,
    requests: Mutex<Budget>,
    logged: Mutex<Budget>,
    connections: Mutex<HashMap<SocketAddr, CancellationToken>>,
    offences: Mutex<Budget>,
    banned: Mutex<HashMap<IpAddr, Mono>>,
    /// Never banned: a carrier's address may carry everybody's calls, those of fools too.
    trusted: Vec<Network>,
}

/// What the edge did with a message.
enum Sorted {
    Pass(Box<SipMessage>),
    Answer(Vec<u8>),
    Nothing,
}

impl Edge {
    pub(super) fn new(limits: Limits, clock: Clock, trusted: Vec<Network>) -> Self {
        let second = Duration::from_secs(1);
        Self {
            clock,
            limits,
            requests: Mutex::new(Budget::new(limits.requests_per_second_per_source, second)),
            logged: Mutex::new(Budget::new(FAULTS_LOGGED_PER_SECOND, second)),
            connections: Mutex::new(HashMap::new()),
            offences: Mutex::new(Budget::new(limits.offences_per_minute_per_source, Duration::from_secs(60))),
            banned: Mutex::new(HashMap::new()),
            trusted,
        }
    }

    /// Takes note of something no honest peer does often. Too much of it and the source is not heard any more.
    pub(super) fn offended(&self, source: IpAddr, why: &str) {
        if !lock(&self.offences).take(source, self.clock.now().mono) {
            self.ban(source, why);
        }
    }

    fn ban(&self, source: IpAddr, why: &str) {
        let unlimited = self.limits.offences_per_minute_per_source == u32::MAX;
        if unlimited || self.trusted.iter().any(|network| network.contains(source)) {
            return;
        }
        let now = self.clock.now().mono;
        let mut banned = lock(&self.banned);
        if banned.len() >= BANNED_MAX {
            banned.retain(|_, until| *until > now);
        }
        if banned.len() < BANNED_MAX && banned.insert(source, now + self.limits.ban).is_none() {
            warn!(peer = %source, "{source} is not heard for {:?}: {why}", self.limits.ban);
        }
        drop(banned);
        for (peer, token) in lock(&self.connections).iter() {
            if peer.ip() == source {
                token.cancel();
            }
        }
    }

    /// Whether a source is banned now.
    pub(super) fn is_banned(&self, source: IpAddr) -> bool {
        let mut banned = lock(&self.banned);
        match banned.get(&source) {
            Some(until) if *until > self.clock.now().mono => true,
            Some(_) => {
                banned.remove(&source);
                false
            }
            None => false,
        }
    }

    /// Whether a TCP connection from this peer is open.
    pub(super) fn is_connected(&self, peer: SocketAddr) -> bool {
        lock(&self.connections).contains_key(&peer)
    }

    fn sort(&self, message: &[u8], source: SocketAddr) -> Sorted {
        if self.is_banned(source.ip()) {
            return Sorted::Nothing;
        }
        let is_response = message.starts_with(b"SIP/");
        if !is_response && scans(message) {
            self.ban(source.ip(), "it is a scanner");
            if self.is_banned(source.ip()) {
                return Sorted::Nothing;
            }
        }
        let budget = is_response || lock(&self.requests).take(source.ip(), self.clock.now().mono);
        if !budget {
            self.log_fault(message, source, "it is more than its source may send");
            // Answering a flood would double it; only the start of a call is told to come back later.
            let refused = raw::inspect(message) == Verdict::Pass && message.starts_with(b"INVITE ");
            let retry = ["Retry-After: 5".to_owned()];
            let answer =
                refused.then(|| raw::reply(message, source, 503, "Too Many Requests", &retry)).flatten();
            return answer.map_or(Sorted::Nothing, Sorted::Answer);
        }
        let (status, reason) = match raw::inspect(message) {
            Verdict::Drop(why) => {
                self.log_fault(message, source, why);
                return Sorted::Nothing;
            }
            Verdict::Pass => match understood(message, source) {
                Some(message) => return Sorted::Pass(Box::new(message)),
                None if is_response || message.starts_with(b"ACK ") => {
                    self.log_fault(message, source, "the stack cannot read it");
                    return Sorted::Nothing;
                }
                None => (400, "Malformed Request"),
            },
            Verdict::Answer { status, reason } => (status, reason),
        };
        self.log_fault(message, source, reason);
        let extra = match status {
            501 => vec![format!("Allow: {}", super::stack::ALLOW)],
            _ => Vec::new(),
        };
        raw::reply(message, source, status, reason, &extra).map_or(Sorted::Nothing, Sorted::Answer)
    }

    fn log_fault(&self, message: &[u8], source: SocketAddr, why: &str) {
        if !lock(&self.logged).take(IpAddr::from([0; 4]), self.clock.now().mono) {
            return;
        }
        let call_id = raw::call_id(message).unwrap_or_else(|| "none".to_owned());
        warn!(sip.call_id = %call_id, peer = %source, "a message of {} bytes from {source} was not taken: {why}", message.len());
    }

    fn admit(&self, peer: SocketAddr, token: &CancellationToken) -> bool {
        let mut connections = lock(&self.connections);
        let of_source = connections.keys().filter(|other| other.ip() == peer.ip()).count();
        let room =
            connections.len() < self.limits.connections && of_source < self.limits.connections_per_source;
        if room {
            connections.insert(peer, token.clone());
        }
        room
    }
}

/// Whether a request says itself that it comes from a scanner.
fn scans(message: &[u8]) -> bool {
    let head = &message[..message.len().min(2_048)];
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let agent = head.lines().find_map(|line| line.strip_prefix("user-agent:"));
    agent.is_some_and(|agent| SCANNERS.iter().any(|scanner| agent.contains(scanner)))
}

/// Reads a message as the stack will, so that nothing it stumbles over gets further. A panic in its parsers costs the
/// one message.
fn understood(message: &[u8], source: SocketAddr) -> Option<SipMessage> {
    let read = || {
        let parsed = SipMessage::try_from(message).ok()?;
        let told = SipConnection::update_msg_received(parsed.clone(), source, SipTransport::Udp).ok()?;
        match &told {
            SipMessage::Request(request) => {
                TransactionKey::from_request(request, TransactionRole::Server).ok()?
            }
            SipMessage::Response(response) => {
                TransactionKey::from_response(response, TransactionRole::Client).ok()?
            }
        };
        Some(parsed)
    };
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read)).ok().flatten()
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is valid between any two statements.
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Binds the UDP and the TCP listener to one port.
pub(super) fn bind(address: SocketAddr) -> io::Result<(std::net::UdpSocket, std::net::TcpListener)> {
    const TRIES: u32 = 16;
    let mut last = None;
    for _ in 0..TRIES {
        let udp = std::net::UdpSocket::bind(address)?;
        let chosen = udp.local_addr()?;
        match std::net::TcpListener::bind(chosen) {
            Ok(tcp) => {
                udp.set_nonblocking(true)?;
                tcp.set_nonblocking(true)?;
                return Ok((udp, tcp));
            }
            // A free UDP port may be taken for TCP; only if we chose it is there another.
            Err(error) if address.port() == 0 => last = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::from(io::ErrorKind::AddrInUse)))
}

/// The UDP socket the stack reads from: it sees only what [`Edge::sort`] lets pass.
pub(super) struct EdgeSocket {
    socket: UdpSocket,
    edge: Arc<Edge>,
}

impl EdgeSocket {
    pub(super) fn new(socket: std::net::UdpSocket, edge: Arc<Edge>) -> io::Result<Self> {
        Ok(Self { socket: UdpSocket::from_std(socket)?, edge })
    }

    async fn receive(&self, buffer: &mut [u8]) -> rsipstack::Result<(usize, SocketAddr)> {
        let mut datagram = vec![0; DATAGRAM_BYTES_MAX];
        loop {
            let (length, source) = self.socket.recv_from(&mut datagram).await?;
            let message = &*canonical(&datagram[..length]);
            // Keep-alives (RFC 5626) are the stack's to answer.
            let blank = message.iter().all(u8::is_ascii_whitespace);
            if !blank {
                match self.edge.sort(message, source) {
                    Sorted::Pass(_) => {}
                    Sorted::Answer(answer) => {
                        if let Err(error) = self.socket.send_to(&answer, source).await {
                            debug!(peer = %source, "could not answer {source}: {error}");
                        }
                        continue;
                    }
                    Sorted::Nothing => continue,
                }
            }
            let length = message.len().min(buffer.len());
            buffer[..length].copy_from_slice(&message[..length]);
            return Ok((length, source));
        }
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = rsipstack::Result<T>> + Send + 'a>>;

impl StackSocket for EdgeSocket {
    fn recv_from<'a, 'b, 'c>(&'a self, buffer: &'b mut [u8]) -> Boxed<'c, (usize, SocketAddr)>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(self.receive(buffer))
    }

    fn send_to<'a, 'b, 'c>(&'a self, bytes: &'b [u8], to: SocketAddr) -> Boxed<'c, usize>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(async move { Ok(self.socket.send_to(bytes, to).await?) })
    }

    fn local_addr(&self) -> rsipstack::Result<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }
}

/// Takes connections until `stop`, over TLS if there is an acceptor, and hands their messages to the stack.
pub(super) async fn listen(
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    edge: Arc<Edge>,
    endpoint: EndpointInnerRef,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, mostly: give those that close a moment.
                warn!("could not accept a SIP connection: {error}");
                wait(Duration::from_millis(100)).await;
                continue;
            }
        };
        let token = stop.child_token();
        if edge.is_banned(peer.ip()) {
            continue;
        }
        if !edge.admit(peer, &token) {
            warn!(peer = %peer, "the SIP connection from {peer} is one too many");
            continue;
        }
        let (edge, endpoint, acceptor) = (edge.clone(), endpoint.clone(), acceptor.clone());
        tasks.spawn(async move {
            let served = async {
                match &acceptor {
                    None => serve(stream, peer, SipTransport::Tcp, &edge, &endpoint, &token, None).await,
                    Some(acceptor) => {
                        let stream = super::secure::accept(acceptor, stream).await?;
                        serve(stream, peer, SipTransport::Tls, &edge, &endpoint, &token, None).await
                    }
                }
            };
            if let Err(error) = served.await {
                debug!(peer = %peer, "the SIP connection from {peer} ended: {error}");
            }
            token.cancel();
            lock(&edge.connections).remove(&peer);
        });
    }
}

/// Serves an encrypted connection of our own making; answers once messages can be sent over it.
pub(super) async fn adopt(
    shared: &Shared,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    peer: SocketAddr,
) -> io::Result<()> {
    let token = shared.stop.child_token();
    if !shared.edge.admit(peer, &token) {
        return Err(io::Error::other("there are too many connections"));
    }
    let (edge, endpoint) = (shared.edge.clone(), shared.endpoint.clone());
    let (ready, begun) = oneshot::channel();
    shared.tasks.spawn(async move {
        let served = serve(stream, peer, SipTransport::Tls, &edge, &endpoint, &token, Some(ready)).await;
        if let Err(error) = served {
            debug!(peer = %peer, "the SIP connection to {peer} ended: {error}");
        }
        token.cancel();
        lock(&edge.connections).remove(&peer);
    });
    begun.await.map_err(io::Error::other)
}

#[expect(clippy::disallowed_methods, reason = "this is the shell: a named pause, not a test's wait")]
async fn wait(pause: Duration) {
    tokio::time::sleep(pause).await;
}

/// One connection: the stack sees it as a channel of messages, we do the reading, cutting and writing.
async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: SocketAddr,
    transport: SipTransport,
    edge: &Edge,
    endpoint: &EndpointInnerRef,
    token: &CancellationToken,
    ready: Option<oneshot::Sender<()>>,
) -> io::Result<()> {
    let (to_stack, from_edge) = mpsc::unbounded_channel();
    let (from_stack, mut outbox) = mpsc::unbounded_channel();
    let address = SipAddr { r#type: Some(transport), addr: peer.into() };
    let channel =
        ChannelConnection::create_connection(from_edge, from_stack, address.clone(), Some(token.clone()))
            .await
            .map_err(io::Error::other)?;
    let connection = SipConnection::Channel(channel);
    endpoint.transport_layer.add_connection(connection.clone());
    info!(peer = %peer, "a SIP connection with {peer} over {transport}");
    if let Some(ready) = ready {
        // Whoever waited may have gone.
        let _ = ready.send(());
    }
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut buffer: Vec<u8> = Vec::new();
    let mut chunk = vec![0; 4096];
    loop {
        tokio::select! {
            () = token.cancelled() => return Ok(()),
            event = outbox.recv() => {
                let Some(TransportEvent::Incoming(message, ..)) = event else { return Ok(()) };
                if outbox.len() > OUTBOX_MESSAGES_MAX {
                    return Err(io::Error::other("the peer does not read what it is sent"));
                }
                write(&mut writer, &message.to_bytes()).await?;
            }
            read = tokio::time::timeout(edge.limits.connection_idle, reader.read(&mut chunk)) => {
                let length = match read {
                    Ok(length) => length?,
                    Err(_) => return Err(io::Error::from(io::ErrorKind::TimedOut)),
                };
                if length == 0 {
                    return Ok(());
                }
                buffer.extend_from_slice(&chunk[..length]);
                if !cut(&mut buffer, peer, edge, &to_stack, &connection, &address, &mut writer).await? {
                    return Err(io::Error::from(io::ErrorKind::InvalidData));
                }
            }
        }
    }
}

/// Hands on every whole message in `buffer`. False if the rest cannot be told into messages.
async fn cut(
    buffer: &mut Vec<u8>,
    peer: SocketAddr,
    edge: &Edge,
    to_stack: &mpsc::UnboundedSender<TransportEvent>,
    connection: &SipConnection,
    address: &SipAddr,
    writer: &mut (impl AsyncWrite + Unpin),
) -> io::Result<bool> {
    loop {
        match raw::frame(buffer) {
            Frame::Incomplete => return Ok(true),
            Frame::KeepAlive { length, ping } => {
                buffer.drain(..length);
                if ping {
                    write(writer, b"\r\n").await?;
                }
            }
            Frame::Broken => {
                edge.log_fault(buffer, peer, "its stream cannot be told into messages");
                if let Some(answer) = raw::reply(buffer, peer, 400, "Malformed Request", &[]) {
                    write(writer, &answer).await?;
                }
                return Ok(false);
            }
            Frame::Message(length) => {
                let message: Vec<u8> = buffer.drain(..length).collect();
                match edge.sort(&canonical(&message), peer) {
                    Sorted::Answer(answer) => write(writer, &answer).await?,
                    Sorted::Nothing => {}
                    Sorted::Pass(message) => {
                        let transport = address.r#type.unwrap_or(SipTransport::Tcp);
                        let told = SipConnection::update_msg_received(*message, peer, transport);
                        let Ok(message) = told else { continue };
                        let event = TransportEvent::Incoming(message, connection.clone(), address.clone());
                        if to_stack.send(event).is_err() {
                            return Ok(false);
                        }
                    }
                }
            }
        }
    }
}

async fn write(writer: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    let write = async {
        writer.write_all(bytes).await?;
        // TLS keeps what it has not been told to send.
        writer.flush().await
    };
    match tokio::time::timeout(WRITE_TIMEOUT, write).await {
        Ok(written) => written,
        Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut)),
    }
}
