//! SIP over UDP, TCP, TLS and WebSocket: the shell around the stack.
//!
//! Every message passes [`edge`] first; [`requests`] decides who may ask for what; every leg is one task
//! ([`inbound`], [`outbound`]) with a bounded mailbox, which ends with exactly one [`Event::Gone`].

mod budget;
mod edge;
mod inbound;
mod leg;
mod locate;
mod outbound;
mod refer;
mod register;
mod requests;
mod secure;
mod settings;
mod stack;
mod trunks;
mod waiting;

use crate::media::MediaPlane;
use base::{CallSid, Entropy, Secret};
use budget::{Bucket, Budget};
use edge::{Edge, EdgeSocket, lock};
use leg::{End, Entry};
use locate::{Locator, Wire};
use rsipstack::dialog::dialog_layer::DialogLayer;
use rsipstack::transaction::endpoint::EndpointInnerRef;
use rsipstack::transaction::transaction::Transaction;
use rsipstack::transport::SipAddr;
use sip::digest::Guard;
use sip::port::{Cause, Command, Destination, Event, LegId, Progress};
use sip::registrar::{Binding, Registrar};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};
use trunks::Trunks;

pub use settings::{
    DomainRules, Limits, PhoneDirectory, SipSettings, TlsListener, TrunkError, TrunkSettings,
    WebSocketListener,
};
pub use trunks::{TrunkRegistration, TrunkState};
pub use waiting::Waiting;

/// How long [`SipGateway::stop`] waits for BYEs to be answered.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// The SIP gateway. A handle: clones speak to the same sockets.
#[derive(Clone)]
pub struct SipGateway {
    shared: Arc<Shared>,
}

/// Where a registered user is reachable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reachable {
    /// The Contact that was registered.
    pub contact: String,
    /// Where requests are sent to.
    pub received: SocketAddr,
    /// How.
    pub transport: sip::registrar::Transport,
    /// How long it still counts.
    pub expires_in: Duration,
}

/// What an order asks of one leg.
enum Order {
    Progress(Progress),
    Answer,
    Refuse(u16),
    Hangup,
    Referred(u16),
    Refer(String),
    /// A PRACK or an early UPDATE, which the stack would answer over our heads or not at all.
    Request(Box<Transaction>),
}

/// An outbound call to be made.
struct Invite {
    call: CallSid,
    to: Destination,
    from: String,
    from_name: Option<String>,
    headers: Vec<(String, String)>,
    credentials: Option<(String, Secret<String>)>,
    timeout: Duration,
}

/// Addresses of the first listeners for SIP over WebSocket.
#[derive(Debug, Clone, Copy, Default)]
struct WebSockets {
    plain: Option<SocketAddr>,
    secret: Option<SocketAddr>,
}

/// What all tasks of the gateway share. The locks guard tables that are looked into for a moment, never across a wait.
struct Shared {
    settings: SipSettings,
    address: SocketAddr,
    /// Address of the first TLS listener.
    tls: Option<SocketAddr>,
    websockets: WebSockets,
    layer: Arc<DialogLayer>,
    endpoint: EndpointInnerRef,
    connector: TlsConnector,
    locator: Arc<Locator>,
    trunks: Arc<Trunks>,
    edge: Arc<Edge>,
    media: MediaPlane,
    phones: Arc<dyn PhoneDirectory>,
    events: mpsc::Sender<Event>,
    tasks: TaskTracker,
    stop: CancellationToken,
    draining: AtomicBool,
    next_leg: AtomicU64,
    entropy: Mutex<Entropy>,
    guard: Mutex<Guard>,
    registrar: Mutex<Registrar>,
    registered: tokio::sync::Notify,
    failures: Mutex<Budget>,
    invites: Mutex<Bucket>,
    legs: Mutex<HashMap<LegId, Entry>>,
    dialogs: Mutex<HashMap<(String, String), LegId>>,
    lamps: Mutex<waiting::Lamps>,
}

impl SipGateway {
    /// Binds the listeners and begins to serve. Must be called within a tokio runtime.
    pub fn start(
        settings: SipSettings,
        media: MediaPlane,
        phones: Arc<dyn PhoneDirectory>,
        events: mpsc::Sender<Event>,
    ) -> io::Result<SipGateway> {
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let (udp, tcp) = edge::bind(settings.bind)?;
        let address = udp.local_addr()?;
        let trusted = settings.trunks.iter().flat_map(|trunk| trunk.rules.sources.clone()).collect();
        let edge = Arc::new(Edge::new(settings.limits, settings.clock.clone(), trusted));
        let connector = secure::connector(settings.tls_authorities.as_deref())?;
        let mut secured = Vec::new();
        for tls in &settings.tls {
            let acceptor = secure::acceptor(tls)?;
            let listener = std::net::TcpListener::bind(tls.bind)?;
            listener.set_nonblocking(true)?;
            secured.push((tokio::net::TcpListener::from_std(listener)?, acceptor));
        }
        let tls = secured.first().map(|(listener, _)| listener.local_addr()).transpose()?;
        let (mut websockets, mut doors) = (WebSockets::default(), Vec::new());
        for door in &settings.websockets {
            let identity = door.identity.clone();
            let acceptor = identity
                .map(|(certificate, key)| {
                    secure::acceptor(&TlsListener { bind: door.bind, certificate, key })
                })
                .transpose()?;
            let listener = std::net::TcpListener::bind(door.bind)?;
            listener.set_nonblocking(true)?;
            let of_kind = if acceptor.is_some() { &mut websockets.secret } else { &mut websockets.plain };
            of_kind.get_or_insert(listener.local_addr()?);
            doors.push((tokio::net::TcpListener::from_std(listener)?, acceptor));
        }
        let socket = Arc::new(EdgeSocket::new(udp, edge.clone())?);
        let now = settings.clock.now().mono;
        let mut entropy = settings.entropy.clone();
        let locator = Arc::new(Locator::new(&settings.name_servers, entropy.fork(), settings.clock.clone()));
        let stack = stack::build(&settings, locator.clone(), socket, address, &stop)?;
        let shared = Arc::new(Shared {
            address,
            tls,
            websockets,
            layer: stack.dialogs,
            endpoint: stack.endpoint.clone(),
            connector,
            locator,
            trunks: Trunks::new(&settings.trunks, now),
            edge: edge.clone(),
            media,
            phones,
            events,
            tasks: tasks.clone(),
            stop: stop.clone(),
            draining: AtomicBool::new(false),
            next_leg: AtomicU64::new(1),
            guard: Mutex::new(Guard::new(settings.realm(), entropy.bytes(), settings.algorithms.clone())),
            entropy: Mutex::new(entropy),
            registrar: Mutex::new(Registrar::default()),
            registered: tokio::sync::Notify::new(),
            failures: Mutex::new(Budget::new(
                settings.limits.failures_per_minute_per_source,
                Duration::from_secs(60),
            )),
            invites: Mutex::new(Bucket::full(settings.limits.invites_per_second, now)),
            legs: Mutex::new(HashMap::new()),
            dialogs: Mutex::new(HashMap::new()),
            lamps: Mutex::default(),
            settings,
        });
        let endpoint = stack.endpoint.clone();
        tasks.spawn(async move {
            if let Err(failure) = endpoint.serve().await {
                error!("the SIP stack stopped: {failure}");
            }
        });
        let listener = tokio::net::TcpListener::from_std(tcp)?;
        for (listener, acceptor) in secured {
            let (edge, endpoint) = (edge.clone(), stack.endpoint.clone());
            info!("SIP listens on {}, TLS", listener.local_addr()?);
            tasks.spawn(edge::listen(listener, Some(acceptor), edge, endpoint, tasks.clone(), stop.clone()));
        }
        for (listener, acceptor) in doors {
            let kind = if acceptor.is_some() { "WSS" } else { "WS" };
            info!("SIP listens on {}, {kind}", listener.local_addr()?);
            let (edge, endpoint) = (edge.clone(), stack.endpoint.clone());
            tasks.spawn(edge::websocket::listen(listener, acceptor, edge, endpoint, stop.clone()));
        }
        tasks.spawn(edge::listen(listener, None, edge, stack.endpoint, tasks.clone(), stop.clone()));
        trunks::keep(&shared);
        tasks.spawn(requests::serve(shared.clone(), stack.incoming));
        tasks.spawn(register::forget_lapsed(shared.clone()));
        info!("SIP listens on {address}, UDP and TCP");
        Ok(Self { shared })
    }

    /// The address of the UDP and the TCP listener.
    pub fn local_addr(&self) -> SocketAddr {
        self.shared.address
    }

    /// The address of the first TLS listener.
    pub fn tls_addr(&self) -> Option<SocketAddr> {
        self.shared.tls
    }

    /// The address of the first WebSocket listener, without TLS and with.
    pub fn websocket_addr(&self, secret: bool) -> Option<SocketAddr> {
        let WebSockets { plain, secret: encrypted } = self.shared.websockets;
        if secret { encrypted } else { plain }
    }

    /// Does what the engine asks. Never waits: a leg that is gone takes no orders any more, and one that does not
    /// take its orders is ended.
    pub fn command(&self, command: Command) {
        let (leg, order) = match command {
            Command::Progress { leg, progress } => (leg, Order::Progress(progress)),
            Command::Answer { leg } => (leg, Order::Answer),
            Command::Refuse { leg, status } => (leg, Order::Refuse(status)),
            Command::Hangup { leg } => (leg, Order::Hangup),
            Command::Referred { leg, status } => (leg, Order::Referred(status)),
            Command::Refer { leg, to } => (leg, Order::Refer(to)),
            // Who has a phone picks it up.
            Command::Take { .. } => return,
            Command::Invite { leg, call, to, from, from_name, headers, credentials, timeout } => {
                let invite = Invite { call, to, from, from_name, headers, credentials, timeout };
                return outbound::start(&self.shared, leg, invite);
            }
        };
        let mailbox = lock(&self.shared.legs).get(&leg).map(|entry| entry.orders.clone());
        let Some(mailbox) = mailbox else { return };
        if let Err(mpsc::error::TrySendError::Full(_)) = mailbox.try_send(order) {
            warn!(leg = leg.0, "leg {} does not take its orders and is ended", leg.0);
            // It takes a closed mailbox for a hangup.
            if let Some(entry) = lock(&self.shared.legs).get_mut(&leg) {
                entry.orders = mpsc::channel(1).0;
            }
        }
    }

    /// How many messages a user has; their phones are told if that is news.
    pub fn messages(&self, user: &str, waiting: Waiting) {
        waiting::changed(&self.shared, user, waiting);
    }

    /// Where a registered user is reachable, most preferred first.
    pub fn bindings(&self, user: &str) -> Vec<Binding> {
        lock(&self.shared.registrar).bindings(user, self.shared.settings.clock.now().mono)
    }

    /// Every registered user with where they are reachable, by name; at most `most` users.
    pub fn registrations(&self, most: usize) -> Vec<(String, Vec<Reachable>)> {
        let now = self.shared.settings.clock.now().mono;
        let all = lock(&self.shared.registrar).all(now, most);
        let show = |binding: Binding| Reachable {
            contact: binding.contact,
            received: binding.received,
            transport: binding.transport,
            expires_in: binding.expires.since(now),
        };
        all.into_iter().map(|(user, bindings)| (user, bindings.into_iter().map(show).collect())).collect()
    }

    /// Every trunk as it is now, in the order of the settings.
    pub fn trunks(&self) -> Vec<TrunkState> {
        self.shared.trunks.states(&self.shared.settings.trunks, self.shared.settings.clock.now().mono)
    }

    /// How many legs are live.
    pub fn live_legs(&self) -> usize {
        lock(&self.shared.legs).len()
    }

    /// From now on new INVITEs are refused with 503; live dialogs go on.
    pub fn drain(&self) {
        self.shared.draining.store(true, Ordering::Relaxed);
    }

    /// Ends every leg and closes the sockets. Waits a moment for BYEs to be answered.
    pub async fn stop(&self) {
        self.drain();
        let legs: Vec<LegId> = lock(&self.shared.legs).keys().copied().collect();
        for leg in legs {
            self.command(Command::Hangup { leg });
        }
        let quiet = async {
            while self.live_legs() > 0 {
                leg::pause(Duration::from_millis(20)).await;
            }
            // The BYEs are on their way; their answers are worth a round trip, not a retransmission.
            leg::pause(Duration::from_millis(100)).await;
        };
        if tokio::time::timeout(STOP_TIMEOUT, quiet).await.is_err() {
            warn!("some SIP legs did not end in time");
        }
        self.shared.stop.cancel();
        self.shared.tasks.close();
    }
}

impl Shared {
    /// Whether `host` is one of the names our users have.
    fn is_ours(&self, host: &str) -> bool {
        let host = host.trim_matches(['[', ']']);
        let ip = host.parse::<std::net::IpAddr>().ok();
        ip.is_some_and(|ip| ip == self.settings.advertised || ip == self.address.ip())
            || self.settings.domains.iter().any(|domain| domain.eq_ignore_ascii_case(host))
            || (self.settings.dev && (host == "localhost" || ip.is_some_and(|ip| ip.is_loopback())))
            || self.phones.serves(host)
    }

    /// What protects a SIP domain. A name of the server's own is none.
    fn domain_rules(&self, host: &str) -> Option<DomainRules> {
        let own = self.settings.domains.iter().any(|domain| domain.eq_ignore_ascii_case(host));
        if own { None } else { self.phones.domain(host) }
    }

    fn next_inbound_leg(&self) -> LegId {
        LegId(self.next_leg.fetch_add(2, Ordering::Relaxed))
    }

    /// Our Contact: where requests inside a dialog find us.
    fn contact(&self, wire: Wire) -> rsipstack::sip::Uri {
        use rsipstack::sip::Param;
        use rsipstack::sip::transport::Transport;
        let port = match (wire, self.tls) {
            (Wire::Tls, Some(tls)) => tls.port(),
            (Wire::Ws, _) => self.websockets.plain.map_or(self.address.port(), |address| address.port()),
            (Wire::Wss, _) => self.websockets.secret.map_or(self.address.port(), |address| address.port()),
            _ => self.address.port(),
        };
        let address = SocketAddr::new(self.settings.advertised, port);
        let params = match wire {
            Wire::Udp => Vec::new(),
            Wire::Tcp => vec![Param::Transport(Transport::Tcp)],
            Wire::Tls => vec![Param::Transport(Transport::Tls)],
            Wire::Ws | Wire::Wss => vec![Param::Transport(Transport::Ws)],
        };
        rsipstack::sip::Uri {
            scheme: Some(rsipstack::sip::Scheme::Sip),
            auth: Some(rsipstack::sip::Auth { user: "tandem".to_owned(), password: None }),
            host_with_port: address.into(),
            params,
            headers: Vec::new(),
        }
    }

    /// Our address for a Via of a request that travels like this; `None`: the stack's own choice.
    fn listener(&self, wire: Wire) -> Option<SipAddr> {
        let address = SocketAddr::new(self.settings.advertised, self.address.port());
        (wire != Wire::Udp).then(|| SipAddr { r#type: Some(wire.transport()), addr: address.into() })
    }

    fn has_room(&self) -> bool {
        lock(&self.legs).len() < self.settings.limits.legs
    }

    fn refuse_leg(self: &Arc<Self>, leg: LegId, cause: Cause, status: u16) {
        self.run_leg(leg, async move { End::new(cause, Some(status)) });
    }
}

impl std::fmt::Debug for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Progress(progress) => write!(f, "{progress:?}"),
            Self::Answer => f.write_str("Answer"),
            Self::Refuse(status) => write!(f, "Refuse({status})"),
            Self::Hangup => f.write_str("Hangup"),
            Self::Referred(status) => write!(f, "Referred({status})"),
            Self::Refer(_) => f.write_str("Refer"),
            Self::Request(tx) => write!(f, "{}", tx.original.method),
        }
    }
}
