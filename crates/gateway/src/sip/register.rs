//! REGISTER, and the digest proof that REGISTER and a phone's INVITE share.

use super::Shared;
use super::edge::lock;
use super::requests::credentials_of;
use super::stack;
use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Request};
use rsipstack::transaction::transaction::Transaction;
use sip::address::Address;
use sip::digest::{Credentials, DigestError, PhoneSecret};
use sip::port::Event;
use sip::registrar::{EXPIRES_MIN, Register};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tracing::{info, warn};

/// The longest that lapsed bindings go unnoticed.
const SWEEP: Duration = Duration::from_secs(30);

/// What a request without proof is answered.
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) headers: Vec<Header>,
}

/// Checks that a request comes from a phone of ours: the user it proved to be, or how to refuse it.
pub(super) fn prove(shared: &Shared, request: &Request, peer: SocketAddr) -> Result<String, Refusal> {
    prove_by(shared, request, peer, |user, realm| shared.phones.secret(user, realm))
}

/// The same for a user of a SIP domain.
pub(super) fn prove_at(
    shared: &Shared,
    request: &Request,
    peer: SocketAddr,
    domain: &str,
    registers: bool,
) -> Result<String, Refusal> {
    prove_by(shared, request, peer, |user, realm| shared.phones.domain_secret(domain, user, realm, registers))
}

fn prove_by(
    shared: &Shared,
    request: &Request,
    peer: SocketAddr,
    secret_of: impl Fn(&str, &str) -> Option<PhoneSecret>,
) -> Result<String, Refusal> {
    let now = shared.settings.clock.now();
    let call_id = stack::call_id(request);
    let challenge = |stale: bool| challenge(shared, stale);
    if !lock(&shared.failures).has(peer.ip(), now.mono) {
        info!(sip.call_id = %call_id, peer = %peer, "{peer} has given too many wrong passwords and must wait");
        return Err(Refusal { status: 503, headers: vec![Header::RetryAfter("60".into())] });
    }
    let Some(value) = credentials_of(request) else { return Err(challenge(false)) };
    let credentials = Credentials::parse(&value).map_err(|failure| {
        warn!(sip.call_id = %call_id, peer = %peer, "{peer} was not authenticated: {failure}");
        match failure {
            DigestError::Unsupported => challenge(false),
            _ => Refusal { status: 400, headers: Vec::new() },
        }
    })?;
    let user = credentials.user();
    let method = request.method.to_string();
    // Looked up before the lock: the directory is not ours and may take its time.
    let secret = secret_of(&user, &shared.settings.realm());
    let checked = lock(&shared.guard).check(&credentials, &method, secret.as_ref(), now.wall);
    match checked {
        Ok(()) => Ok(user),
        Err(failure @ (DigestError::Wrong | DigestError::Unsupported | DigestError::Malformed)) => {
            lock(&shared.failures).take(peer.ip(), now.mono);
            if secret.is_none() {
                shared.edge.offended(peer.ip(), "it tries users that are not there");
            }
            warn!(sip.call_id = %call_id, peer = %peer, "{peer} is not {user}: {failure}");
            Err(Refusal { status: 403, headers: Vec::new() })
        }
        Err(DigestError::ForeignNonce) => Err(challenge(false)),
        Err(DigestError::Stale | DigestError::Replayed) => Err(challenge(true)),
    }
}

fn challenge(shared: &Shared, stale: bool) -> Refusal {
    let salt = lock(&shared.entropy).next_u64();
    let challenges = lock(&shared.guard).challenges(shared.settings.clock.now().wall, salt, stale);
    let headers = challenges.into_iter().map(|value| stack::header("WWW-Authenticate", value)).collect();
    Refusal { status: 401, headers }
}

/// Answers a REGISTER.
pub(super) async fn register(shared: &Arc<Shared>, tx: Transaction) {
    let Some(peer) = stack::source_of(&tx) else { return shared.refuse(tx, 400).await };
    let call_id = stack::call_id(&tx.original);
    let of = tx.original.to_header().ok().and_then(|to| Address::parse(to.value())).and_then(|to| to.uri());
    let Some(of) = of else { return shared.refuse(tx, 400).await };
    if !shared.is_ours(&of.host) {
        info!(sip.call_id = %call_id, peer = %peer, "{peer} would register with a domain that is not ours");
        shared.edge.offended(peer.ip(), "it would register with domains that are not ours");
        return shared.refuse(tx, 404).await;
    }
    let domain = shared.domain_rules(&of.host).map(|rules| (rules, of.host.to_ascii_lowercase()));
    if domain.as_ref().is_some_and(|(rules, _)| !rules.registers) {
        info!(sip.call_id = %call_id, peer = %peer, "{peer} would register with a domain that takes no phones");
        return shared.refuse(tx, 403).await;
    }
    let proved = match &domain {
        Some((_, domain)) => prove_at(shared, &tx.original, peer, domain, true),
        None => prove(shared, &tx.original, peer),
    };
    let user = match proved {
        Ok(user) if of.user.as_deref() == Some(user.as_str()) => match domain {
            // Users of different domains are different people.
            Some((_, domain)) => format!("{user}@{domain}"),
            None => user,
        },
        Ok(user) => {
            warn!(sip.call_id = %call_id, peer = %peer, "{user} would register somebody else");
            return shared.refuse(tx, 403).await;
        }
        Err(refusal) => return shared.reply(tx, refusal.status, refusal.headers).await,
    };
    let now = shared.settings.clock.now();
    let contacts = stack::list(&tx.original, "Contact");
    let expires = stack::value(&tx.original, "Expires");
    let request = Register {
        user: &user,
        contacts: &contacts,
        expires: expires.as_deref(),
        call_id: &call_id,
        cseq: stack::cseq(&tx.original),
        received: peer,
        transport: stack::wire_of(&tx).into(),
    };
    let registered = lock(&shared.registrar).register(&request, now.mono);
    let registered = match registered {
        Ok(registered) => registered,
        Err(failure) => {
            warn!(sip.call_id = %call_id, peer = %peer, "{user} was not registered: {failure}");
            let headers = match failure.status() {
                423 => vec![Header::MinExpires(EXPIRES_MIN.as_secs().to_string().into())],
                503 => vec![Header::RetryAfter("60".into())],
                _ => Vec::new(),
            };
            return shared.reply(tx, failure.status(), headers).await;
        }
    };
    let mut headers: Vec<Header> = registered
        .bindings
        .iter()
        .map(|binding| {
            let expires = binding.expires.since(now.mono).as_secs();
            stack::header("Contact", format!("<{}>;expires={expires}", binding.contact))
        })
        .collect();
    headers.push(stack::header("Date", now.wall.rfc2822().replace("+0000", "GMT")));
    let allows = stack::lists(&tx.original, "Allow-Events", "message-summary");
    shared.reply(tx, 200, headers).await;
    shared.registered.notify_one();
    super::waiting::registered(shared, &user, allows && !registered.bindings.is_empty());
    if registered.changed {
        let bound = !registered.bindings.is_empty();
        info!(sip.call_id = %call_id, peer = %peer, "{user} is registered at {} places", registered.bindings.len());
        shared.report(Event::Registration { user, bound }).await;
    }
}

/// Forgets bindings when their time is over, and says so.
pub(super) async fn forget_lapsed(shared: Arc<Shared>) {
    loop {
        let now = shared.settings.clock.now().mono;
        let next = lock(&shared.registrar).next_expiry().map_or(now + SWEEP, |next| next.min(now + SWEEP));
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = shared.registered.notified() => continue,
            () = shared.until(Some(next)) => {}
        }
        let lost = lock(&shared.registrar).expire(shared.settings.clock.now().mono);
        for (user, bound) in lost {
            info!("a binding of {user} lapsed");
            shared.report(Event::Registration { user, bound }).await;
        }
    }
}
