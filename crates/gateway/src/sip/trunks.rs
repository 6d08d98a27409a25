//! The trunks as they are just now: which of them answer, and how many calls each carries.

use super::Shared;
use super::budget::Bucket;
use super::edge::lock;
use super::leg::pause;
use super::locate::{Place, Wire};
use super::settings::TrunkSettings;
use base::Mono;
use rsipstack::dialog::authenticate::Credential;
use rsipstack::dialog::registration::Registration;
use rsipstack::sip::typed::{Contact, From, To};
use rsipstack::sip::{Method, Param, Request, SipMessage, StatusCodeKind, Uri};
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use rsipstack::transaction::transaction::Transaction;
use rsipstack::transport::SipAddr;
use sip::trunk::{Candidate, order};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing::{info, warn};

/// A trunk that let a call down is asked last for so long.
const REST: Duration = Duration::from_secs(30);
/// How long an OPTIONS may go unanswered, and a REGISTER if there is another address to try.
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a REGISTER may go unanswered otherwise.
const REGISTER_TIMEOUT: Duration = Duration::from_secs(32);
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
        let answers = answers(&shared, &trunk.uri).await;
        if shared.trunks.set_answers(at, answers) {
            match answers {
                true => info!(trunk = trunk.name, "trunk {} answers again", trunk.name),
                false => warn!(trunk = trunk.name, "trunk {} does not answer", trunk.name),
            }
        }
        pause(every).await;
    }
}

/// Whether one of the addresses of a trunk answers. Those that do not are asked last for a while.
async fn answers(shared: &Arc<Shared>, uri: &str) -> bool {
    let Ok(uri) = Uri::try_from(uri) else { return false };
    for place in shared.locator.places(&uri).await {
        match tokio::time::timeout(PING_TIMEOUT, options(shared, &uri, &place)).await {
            Ok(Some(status)) if !matches!(status, 408 | 503) => return true,
            _ => shared.locator.rest(&place.address),
        }
    }
    false
}

/// Asks by OPTIONS; the status of the answer.
async fn options(shared: &Arc<Shared>, uri: &Uri, place: &Place) -> Option<u16> {
    reach(shared, place).await.ok()?;
    let our = From { display_name: None, uri: shared.contact(place.wire()), params: vec![] };
    let our = our.with_tag(format!("{:x}", lock(&shared.entropy).next_u64()).into());
    let to = To { display_name: None, uri: uri.clone(), params: vec![] };
    let via = shared.endpoint.get_via(shared.listener(place.wire()), None).ok()?;
    let request = shared.endpoint.make_request(Method::Options, uri.clone(), via, our, to, 1, None);
    transact(shared, request, place.address.clone()).await
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
    let mut why = "its name has no address".to_owned();
    let mut places = shared.locator.places(&uri).await.into_iter().peekable();
    while let Some(place) = places.next() {
        let register = register_at(shared, &place, &uri, user, registration, expires);
        let patience = if places.peek().is_some() { PING_TIMEOUT } else { REGISTER_TIMEOUT };
        match tokio::time::timeout(patience, register).await {
            Ok(Ok(granted)) => return Ok(granted),
            // A refusal is the domain's word, whichever server said it.
            Ok(Err(Unregistered::Refused(status))) => return Err(format!("it answered {status}")),
            Ok(Err(Unregistered::Unreachable(failure))) => why = failure,
            Err(_) => why = "it does not answer".to_owned(),
        }
        shared.locator.rest(&place.address);
    }
    Err(why)
}

/// Why a server did not register us.
enum Unregistered {
    Refused(u16),
    Unreachable(String),
}

async fn register_at(
    shared: &Arc<Shared>,
    place: &Place,
    uri: &Uri,
    user: &str,
    registration: &mut Registration,
    expires: Duration,
) -> Result<Duration, Unregistered> {
    let unreachable = |failure: String| Unregistered::Unreachable(failure);
    reach(shared, place).await.map_err(|failure| unreachable(failure.to_string()))?;
    // The stack tells by the URI how the address it is given is reached.
    let mut server = uri.clone();
    server.params.retain(|param| !matches!(param, Param::Transport(_)));
    if place.wire() != Wire::Udp {
        server.params.push(Param::Transport(place.wire().transport()));
    }
    registration.outbound_proxy = place.address.get_socketaddr().ok();
    let mut contact = shared.contact(place.wire());
    contact.auth = Some(rsipstack::sip::Auth { user: user.to_owned(), password: None });
    registration.contact = Some(Contact { display_name: None, uri: contact, params: vec![] });
    let wanted = u32::try_from(expires.as_secs()).unwrap_or(3_600);
    let response = registration.register(server, Some(wanted)).await;
    let response = response.map_err(|failure| unreachable(failure.to_string()))?;
    match response.status_code.code() {
        200..300 => Ok(Duration::from_secs(registration.expires().min(wanted).into())),
        status @ (408 | 503) => Err(unreachable(format!("it answered {status}"))),
        status => Err(Unregistered::Refused(status)),
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
