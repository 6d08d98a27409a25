//! The trunks as they are just now: which of them answer, and how many calls each carries.

use super::Shared;
use super::budget::Bucket;
use super::edge::lock;
use super::leg::pause;
use super::settings::TrunkSettings;
use base::Mono;
use rsipstack::dialog::authenticate::Credential;
use rsipstack::dialog::registration::Registration;
use rsipstack::sip::typed::{Contact, From, To};
use rsipstack::sip::{Host, Method, Request, SipMessage, StatusCodeKind, Uri};
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use rsipstack::transaction::transaction::Transaction;
use rsipstack::transport::SipAddr;
use sip::trunk::{Candidate, order};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing::{info, warn};

/// A trunk that let a call down is asked last for so long.
const REST: Duration = Duration::from_secs(30);
/// How long an OPTIONS may go unanswered.
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a name may take to be resolved.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(3);
/// Most addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;
/// What is waited after a registration that failed: from this on, doubled each time, up to [`RETRY_MAX`].
const RETRY: Duration = Duration::from_secs(5);
const RETRY_MAX: Duration = Duration::from_secs(300);

/// All trunks, in the order of the settings.
pub(super) struct Trunks(Mutex<Vec<State>>);

struct State {
    answers: bool,
    rests_until: Mono,
    calls: usize,
    begun: Bucket,
    /// Until when it knows us, or why not.
    registration: Option<Result<Mono, String>>,
}

/// A trunk as it is just now, for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkState {
    /// Its name in the settings.
    pub name: String,
    /// Where it is.
    pub uri: String,
    /// Lower is asked first.
    pub priority: u16,
    /// Its share among those of one priority.
    pub weight: u16,
    /// It is asked after its health.
    pub watched: bool,
    /// It answered when it was asked last; true if nobody asks.
    pub answers: bool,
    /// It let a call down a moment ago: the others go first.
    pub rests: bool,
    /// Calls that it carries.
    pub calls: usize,
    /// How many it may.
    pub calls_max: Option<usize>,
    /// How the registration with it stands, if there is to be one.
    pub registration: Option<TrunkRegistration>,
}

/// How a registration with a trunk stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrunkRegistration {
    /// Not answered yet.
    Pending,
    /// It knows us for so long.
    Registered(Duration),
    /// It does not, and why.
    Failed(String),
}

/// One call's place on a trunk, until it is dropped.
pub(super) struct Seat {
    trunks: Arc<Trunks>,
    at: usize,
}

impl Trunks {
    pub(super) fn new(settings: &[TrunkSettings], now: Mono) -> Arc<Self> {
        let fresh = |trunk: &TrunkSettings| State {
            answers: true,
            rests_until: now,
            calls: 0,
            begun: Bucket::full(trunk.calls_per_second_max.unwrap_or(u32::MAX), now),
            registration: None,
        };
        Arc::new(Self(Mutex::new(settings.iter().map(fresh).collect())))
    }

    /// These trunks as they are to be tried: those that answer first, then by priority, shuffled by weight.
    pub(super) fn order(&self, shared: &Shared, among: impl Iterator<Item = usize>, now: Mono) -> Vec<usize> {
        let states = lock(&self.0);
        let candidates = among.map(|at| {
            let trunk = &shared.settings.trunks[at];
            let healthy = states[at].answers && states[at].rests_until <= now;
            Candidate { trunk: at, healthy, priority: trunk.priority, weight: trunk.weight }
        });
        let candidates = candidates.collect();
        drop(states);
        let mut entropy = lock(&shared.entropy);
        order(candidates, |below| entropy.next_u64() % below.max(1))
    }

    /// A place for one more call, if the trunk's caps have room.
    pub(super) fn seat(self: &Arc<Self>, at: usize, trunk: &TrunkSettings, now: Mono) -> Option<Seat> {
        let mut states = lock(&self.0);
        let state = states.get_mut(at)?;
        if trunk.calls_max.is_some_and(|most| state.calls >= most) {
            return None;
        }
        if let Some(rate) = trunk.calls_per_second_max
            && !state.begun.take(rate, Duration::from_secs(1), now)
        {
            return None;
        }
        state.calls += 1;
        Some(Seat { trunks: self.clone(), at })
    }

    /// The trunk let a call down: for a while the others go first.
    pub(super) fn rest(&self, at: usize, now: Mono) {
        if let Some(state) = lock(&self.0).get_mut(at) {
            state.rests_until = now + REST;
        }
    }

    /// Every trunk as it is now, in the order of the settings.
    pub(super) fn states(&self, settings: &[TrunkSettings], now: Mono) -> Vec<TrunkState> {
        let states = lock(&self.0);
        let show = |(trunk, state): (&TrunkSettings, &State)| TrunkState {
            name: trunk.name.clone(),
            uri: trunk.uri.clone(),
            priority: trunk.priority,
            weight: trunk.weight,
            watched: trunk.ping_every.is_some(),
            answers: state.answers,
            rests: state.rests_until > now,
            calls: state.calls,
            calls_max: trunk.calls_max,
            registration: trunk.register_for.map(|_| match &state.registration {
                None => TrunkRegistration::Pending,
                Some(Ok(until)) => TrunkRegistration::Registered(until.since(now)),
                Some(Err(why)) => TrunkRegistration::Failed(why.clone()),
            }),
        };
        settings.iter().zip(states.iter()).map(show).collect()
    }

    fn set_registration(&self, at: usize, registration: Result<Mono, String>) {
        if let Some(state) = lock(&self.0).get_mut(at) {
            state.registration = Some(registration);
        }
    }

    fn set_answers(&self, at: usize, answers: bool) -> bool {
        lock(&self.0)
            .get_mut(at)
            .is_some_and(|state| std::mem::replace(&mut state.answers, answers) != answers)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(state) = lock(&self.trunks.0).get_mut(self.at) {
            state.calls = state.calls.saturating_sub(1);
        }
    }
}

/// Registers with those trunks that want it and asks those after their health that should be, until the gateway stops.
pub(super) fn keep(shared: &Arc<Shared>) {
    for (at, trunk) in shared.settings.trunks.iter().enumerate() {
        if let Some(every) = trunk.ping_every {
            let shared = shared.clone();
            let stop = shared.stop.clone();
            shared
                .tasks
                .clone()
                .spawn(async move { stop.run_until_cancelled(ping(shared, at, every)).await });
        }
        if let Some(expires) = trunk.register_for {
            let shared = shared.clone();
            let stop = shared.stop.clone();
            shared.tasks.clone().spawn(async move {
                stop.run_until_cancelled(register(shared, at, expires)).await;
            });
        }
    }
}

async fn ping(shared: Arc<Shared>, at: usize, every: Duration) {
    let trunk = &shared.settings.trunks[at];
    loop {
        let answers = match tokio::time::timeout(PING_TIMEOUT, options(&shared, &trunk.uri)).await {
            Ok(Some(status)) => !matches!(status, 408 | 503),
            Ok(None) | Err(_) => false,
        };
        if shared.trunks.set_answers(at, answers) {
            match answers {
                true => info!(trunk = trunk.name, "trunk {} answers again", trunk.name),
                false => warn!(trunk = trunk.name, "trunk {} does not answer", trunk.name),
            }
        }
        pause(every).await;
    }
}

/// Asks by OPTIONS; the status of the answer.
async fn options(shared: &Arc<Shared>, uri: &str) -> Option<u16> {
    let uri = Uri::try_from(uri).ok()?;
    let place = places(shared, &uri).await.into_iter().next()?;
    reach(shared, &place).await.ok()?;
    let our = From { display_name: None, uri: shared.contact(place.wire()), params: vec![] };
    let our = our.with_tag(format!("{:x}", lock(&shared.entropy).next_u64()).into());
    let to = To { display_name: None, uri: uri.clone(), params: vec![] };
    let via = shared.endpoint.get_via(shared.listener(place.wire()), None).ok()?;
    let request = shared.endpoint.make_request(Method::Options, uri, via, our, to, 1, None);
    transact(shared, request, place.address).await
}

/// Sends a request outside of dialogs; the status of its final answer.
pub(super) async fn transact(shared: &Shared, request: Request, to: SipAddr) -> Option<u16> {
    let key = TransactionKey::from_request(&request, TransactionRole::Client).ok()?;
    let mut tx = Transaction::new_client(key, request, shared.endpoint.clone(), None);
    tx.destination = Some(to);
    tx.send().await.ok()?;
    while let Some(message) = tx.receive().await {
        if let SipMessage::Response(response) = message
            && response.status_code.kind() != StatusCodeKind::Provisional
        {
            return Some(response.status_code.code());
        }
    }
    None
}

async fn register(shared: Arc<Shared>, at: usize, expires: Duration) {
    let trunk = &shared.settings.trunks[at];
    let credential = trunk.credentials.as_ref().map(|(user, password)| Credential {
        username: user.clone(),
        password: password.expose().clone(),
        realm: None,
        auth_username: None,
    });
    let user = trunk.credentials.as_ref().map_or("tandem", |(user, _)| user).to_owned();
    let mut registration = Registration::new(shared.endpoint.clone(), credential);
    let mut wait = RETRY;
    loop {
        let next = match attempt(&shared, trunk, &user, &mut registration, expires).await {
            Ok(granted) => {
                info!(trunk = trunk.name, "registered with trunk {} for {granted:?}", trunk.name);
                let until = shared.settings.clock.now().mono + granted;
                shared.trunks.set_registration(at, Ok(until));
                wait = RETRY;
                // Well before it lapses, and never in a hurry.
                (granted * 4 / 5).max(Duration::from_secs(10))
            }
            Err(why) => {
                warn!(trunk = trunk.name, "could not register with trunk {}: {why}", trunk.name);
                shared.trunks.set_registration(at, Err(why));
                let now = wait;
                wait = (wait * 2).min(RETRY_MAX);
                now
            }
        };
        pause(next).await;
    }
}

async fn attempt(
    shared: &Arc<Shared>,
    trunk: &TrunkSettings,
    user: &str,
    registration: &mut Registration,
    expires: Duration,
) -> Result<Duration, String> {
    let uri = Uri::try_from(trunk.uri.as_str()).map_err(|error| error.to_string())?;
    let place = places(shared, &uri).await.into_iter().next().ok_or("its name has no address")?;
    reach(shared, &place).await.map_err(|error| error.to_string())?;
    let mut contact = shared.contact(place.wire());
    contact.auth = Some(rsipstack::sip::Auth { user: user.to_owned(), password: None });
    registration.contact = Some(Contact { display_name: None, uri: contact, params: vec![] });
    let wanted = u32::try_from(expires.as_secs()).unwrap_or(3_600);
    let response = registration.register(uri, Some(wanted)).await.map_err(|error| error.to_string())?;
    match response.status_code.kind() {
        StatusCodeKind::Successful => Ok(Duration::from_secs(registration.expires().min(wanted).into())),
        _ => Err(format!("it answered {}", response.status_code.code())),
    }
}

/// One address of a host, and the name it must prove to be.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) address: SipAddr,
    pub(super) host: String,
}

impl Place {
    pub(super) fn wire(&self) -> Wire {
        Wire::of(self.address.r#type)
    }
}

/// How messages travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    Udp,
    Tcp,
    Tls,
    Ws,
    Wss,
}

impl Wire {
    /// Whether nobody on the way can read it.
    pub(super) fn is_secret(self) -> bool {
        matches!(self, Self::Tls | Self::Wss)
    }

    pub(super) fn of(transport: Option<rsipstack::sip::transport::Transport>) -> Self {
        match transport {
            Some(rsipstack::sip::transport::Transport::Tcp) => Self::Tcp,
            Some(rsipstack::sip::transport::Transport::Tls) => Self::Tls,
            Some(rsipstack::sip::transport::Transport::Ws) => Self::Ws,
            Some(rsipstack::sip::transport::Transport::Wss) => Self::Wss,
            _ => Self::Udp,
        }
    }
}

/// Where a URI leads, most preferred first: its address, or those that SRV and address records give its name
/// (RFC 3263 §4.2, §4.3).
pub(super) async fn places(shared: &Shared, uri: &Uri) -> Vec<Place> {
    use rsipstack::sip::transport::Transport;
    let named = uri.params.iter().find_map(|param| match param {
        rsipstack::sip::Param::Transport(transport) => Some(*transport),
        _ => None,
    });
    let secure = uri.scheme == Some(rsipstack::sip::Scheme::Sips) || named == Some(Transport::Tls);
    let transport = if secure { Some(Transport::Tls) } else { named };
    let host = uri.host_with_port.host.to_string();
    let port = uri.host_with_port.port.as_ref().map(|port| u16::from(*port));
    let usual = port.unwrap_or(if secure { 5061 } else { 5060 });
    let place = |ip: std::net::IpAddr, port: u16, transport: Option<Transport>| Place {
        address: SipAddr {
            r#type: transport.or(Some(Transport::Udp)),
            addr: SocketAddr::new(ip, port).into(),
        },
        host: host.clone(),
    };
    let domain = match &uri.host_with_port.host {
        Host::IpAddr(ip) => return vec![place(*ip, usual, transport)],
        Host::Domain(domain) if domain.0.eq_ignore_ascii_case("localhost") => {
            return vec![place(std::net::Ipv4Addr::LOCALHOST.into(), usual, transport)];
        }
        Host::Domain(domain) => domain,
    };
    let lookup = shared.resolver.lookup(domain, port.map(Into::into), transport, secure);
    match tokio::time::timeout(RESOLVE_TIMEOUT, lookup).await {
        Ok(Ok(found)) => found
            .into_iter()
            .take(ADDRESSES_MAX)
            .map(|target| place(target.addr.ip(), target.addr.port(), Some(target.transport)))
            .collect(),
        Ok(Err(why)) => {
            warn!("{host} has no address: {why}");
            Vec::new()
        }
        Err(_) => {
            warn!("{host} was not resolved in time");
            Vec::new()
        }
    }
}

/// Makes sure that a place can be sent to: a TLS peer needs its connection first.
pub(super) async fn reach(shared: &Arc<Shared>, place: &Place) -> std::io::Result<()> {
    if place.wire() != Wire::Tls {
        return Ok(());
    }
    let peer = place.address.get_socketaddr().map_err(std::io::Error::other)?;
    if shared.edge.is_connected(peer) {
        return Ok(());
    }
    let stream = super::secure::connect(&shared.connector, peer, &place.host).await?;
    super::edge::adopt(shared, stream, peer).await
}
