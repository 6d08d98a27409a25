//! Browsers as phones: a websocket that the Voice SDK speaks (`/signal`), WebRTC audio on one UDP port, and stations.
//!
//! A browser's leg is a leg like any other: the engine sees [`sip::port`] commands and events, the media plane plain RTP.
//! A *station* is a browser that keeps one peer connection for a whole shift; legs come and go on it without a new
//! description (docs/reference/station.md).

mod connection;
mod customers;
mod frames;
mod impair;
mod legs;
mod peers;
mod signalling;
mod splice;
mod stations;

pub use frames::SignalError;

use crate::media::MediaPlane;
use base::{AccountSid, ApplicationSid, Clock, Entropy, Timestamp};
use peers::Peers;
use signalling::{Input, Shared, Switch};
use sip::port::{Command, Destination, Event, LegId};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tracing::error;

/// What an access token lets a browser do.
#[derive(Debug, Clone, PartialEq)]
pub struct VoiceAccess {
    /// Whose token it is.
    pub account: AccountSid,
    /// Who the browser is: `alice`.
    pub identity: String,
    /// Whether it may be called.
    pub incoming: bool,
    /// The TwiML application it may call, and the parameters that the token adds.
    pub outgoing: Option<(ApplicationSid, Vec<(String, String)>)>,
    /// The number of a simulated customer: whoever has this token calls from it as if over a trunk, and calls to it over a
    /// trunk ring there. Only in development.
    pub customer: Option<String>,
    /// When the token ends.
    pub expires: Timestamp,
    /// STUN and TURN servers for its connection, as the browser takes them.
    pub ice_servers: serde_json::Value,
}

impl VoiceAccess {
    fn party(&self) -> Party {
        Party { account: self.account, identity: self.identity.clone() }
    }
}

/// Whom browsers are: an identity means something within an account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Party {
    account: AccountSid,
    identity: String,
}

impl std::fmt::Display for Party {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.identity)
    }
}

/// Reads access tokens.
pub trait Doorkeeper: Send + Sync {
    /// What the token lets its bearer do.
    fn check<'a>(
        &'a self,
        token: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<VoiceAccess, SignalError>> + Send + 'a>>;
}

/// How browsers are served.
pub struct BrowserSettings {
    /// Where their media arrives: one UDP port for all.
    pub address: SocketAddr,
    /// The address browsers are told to send media to, if not the bound one (a public address before a NAT).
    pub advertised: Option<SocketAddr>,
    /// The domain of the addresses that stations dial.
    pub domain: String,
    /// The process's clock.
    pub clock: Clock,
    /// Seeds SIDs and reconnect tokens.
    pub entropy: Entropy,
    /// Who reads tokens.
    pub doorkeeper: Arc<dyn Doorkeeper>,
    /// Told whose browser makes a call, before the call is reported.
    pub claims: Claims,
}

/// Hears that a leg is a call of this account's browser.
pub type Claims = Arc<dyn Fn(LegId, AccountSid) + Send + Sync>;

/// The browsers: a handle, clones are the same.
#[derive(Clone)]
pub struct Browsers {
    inbox: mpsc::Sender<Input>,
    doorkeeper: Arc<dyn Doorkeeper>,
    peers: Peers,
    shared: Shared,
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Browsers {
    /// Binds the media port and starts. Must be called within a tokio runtime. `events` and `media_events` are what the
    /// engine is told by.
    pub fn start(
        settings: BrowserSettings,
        media: MediaPlane,
        events: mpsc::Sender<Event>,
        media_events: mpsc::Sender<::media::control::Event>,
    ) -> std::io::Result<Self> {
        let (peer_events, peer_inbox) = mpsc::channel(PEER_EVENTS_MAX);
        let peers = Peers::start(settings.address, settings.advertised, media.clone(), peer_events)?;
        let (inbox, messages) = mpsc::channel(INBOX_MAX);
        let shared = Shared::default();
        let doorkeeper = Arc::clone(&settings.doorkeeper);
        let switch = Switch::new(settings, media, peers.clone(), events, media_events, shared.clone());
        let task = tokio::spawn(switch.run(messages, peer_inbox));
        Ok(Self { inbox, doorkeeper, peers, shared, task: Arc::new(Mutex::new(Some(task))) })
    }

    /// Whether a command is for a browser's leg. An `Invite` to one makes it so.
    pub fn takes(&self, command: &Command) -> bool {
        // A leg that the engine calls; inbound ones are told by their number.
        let mut legs = self.shared.legs.lock().unwrap_or_else(PoisonError::into_inner);
        match command {
            Command::Invite { leg, to: Destination::Client(_), .. } => {
                legs.insert(*leg);
                true
            }
            Command::Invite { leg, to: Destination::Trunk(number), .. } => {
                let customers = self.shared.customers.lock().unwrap_or_else(PoisonError::into_inner);
                customers.contains(number) && legs.insert(*leg)
            }
            Command::Invite { .. } => false,
            Command::Progress { leg, .. }
            | Command::Answer { leg }
            | Command::Refuse { leg, .. }
            | Command::Referred { leg, .. }
            | Command::Refer { leg, .. }
            | Command::Hangup { leg }
            | Command::Take { leg } => leg.0 >= INBOUND_LEGS || legs.contains(leg),
        }
    }

    /// Does what `account` asks of a browser's leg: it calls browsers of its own, and simulated customers.
    pub fn command(&self, account: AccountSid, command: Command) {
        if let Err(refused) = self.inbox.try_send(Input::Command(account, command)) {
            error!(?refused, "an order for a browser is lost: there are too many");
        }
    }

    /// The UDP address of every browser's media.
    pub fn address(&self) -> SocketAddr {
        self.peers.address()
    }

    /// Legs that are not over.
    pub fn live_legs(&self) -> usize {
        self.shared.live.load(Ordering::Relaxed)
    }

    /// From now on new calls are refused.
    pub fn drain(&self) {
        // Calls of a switch that is this busy are refused for want of room.
        let _ = self.inbox.try_send(Input::Drain);
    }

    /// Ends every call and peer connection.
    pub async fn stop(&self) {
        let (done, told) = oneshot::channel();
        if self.inbox.send(Input::Stop(done)).await.is_ok() {
            // It has ended either way.
            let _ = told.await;
        }
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            error!(%error, "the browsers' switch had panicked");
        }
        let peers = self.peers.clone();
        if tokio::task::spawn_blocking(move || peers.shutdown()).await.is_err() {
            error!("the browsers' media could not be ended");
        }
    }

    /// The websocket, to be served at `/signal`.
    pub fn routes(&self) -> axum::Router {
        connection::routes(self.clone())
    }
}

/// Legs with this number and above are calls that browsers make; neither the SIP gateway nor a switchboard counts so far.
const INBOUND_LEGS: u64 = 1 << 62;
/// Messages that may wait for the switch.
const INBOX_MAX: usize = 16_384;
/// Reports of peer connections that may wait for it.
const PEER_EVENTS_MAX: usize = 16_384;
