//! Requests from outside: who sent them, whether they may, and which leg they belong to.

use super::edge::lock;
use super::leg::{asked, description_of_request};
use super::locate::Wire;
use super::register::Refusal;
use super::settings::{DomainRules, TrunkSettings};
use super::stack::{self, ALLOW, SUPPORTED};
use super::{Order, Shared, inbound, register, waiting};
use rsipstack::dialog::DialogId;
use rsipstack::dialog::dialog::Dialog;
use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Method, Request};
use rsipstack::transaction::TransactionReceiver;
use rsipstack::transaction::key::TransactionRole;
use rsipstack::transaction::transaction::Transaction;
use sip::address::Address;
use sip::port::{LegId, Source};
use sip::replaces::Replaces;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tracing::{debug, info, warn};

/// Requests that may be worked on at a time. Beyond it new ones are refused.
const REQUESTS_MAX: usize = 10_000;
/// What a refused caller is told to wait, in seconds.
const RETRY_AFTER_S: u32 = 5;
/// Extensions we can be required to know.
const KNOWN_EXTENSIONS: [&str; 3] = ["100rel", "timer", "replaces"];
/// How often, and how long apart, a dialog is looked for that a confirmed call may be about to enter.
const LOOKUPS: u32 = 5;
const LOOKUP_PAUSE: Duration = Duration::from_millis(40);

/// Where an INVITE came from, before its sender proved anything.
enum Origin {
    Trunk(String),
    /// It must prove to be a phone.
    Phone,
    Stranger,
    /// It calls a SIP domain, which says itself who may.
    Domain(DomainRules, String),
}

/// Takes requests from the stack until it stops.
pub(super) async fn serve(shared: Arc<Shared>, mut incoming: TransactionReceiver) {
    loop {
        let tx = tokio::select! {
            () = shared.stop.cancelled() => return,
            tx = incoming.recv() => tx,
        };
        let Some(tx) = tx else { return };
        let handler = shared.clone();
        if shared.tasks.len() >= REQUESTS_MAX {
            warn!(sip.call_id = %stack::call_id(&tx.original), "a request is refused: too many are being worked on");
            shared.tasks.spawn(async move { handler.refuse(tx, 503).await });
            continue;
        }
        shared.tasks.spawn(async move { request(handler, tx).await });
    }
}

async fn request(shared: Arc<Shared>, tx: Transaction) {
    let in_dialog = tx.original.to_header().is_ok_and(|to| to.tag().is_ok_and(|tag| tag.is_some()));
    match (tx.original.method, in_dialog) {
        (Method::Register, _) => register::register(&shared, tx).await,
        (Method::Subscribe, _) => waiting::subscribe(&shared, tx).await,
        (Method::Options, false) => shared.options(tx).await,
        (_, true) => shared.in_dialog(tx).await,
        (Method::Invite, false) => invite(shared, tx).await,
        (Method::Ack, false) => {}
        (Method::Bye | Method::Cancel | Method::PRack | Method::Update | Method::Info, false) => {
            shared.refuse(tx, 481).await;
        }
        _ => {
            let allow = vec![Header::Allow(ALLOW.into())];
            shared.reply(tx, 405, allow).await;
        }
    }
}

impl Shared {
    /// Answers a request for good.
    pub(super) async fn reply(&self, mut tx: Transaction, status: u16, headers: Vec<Header>) {
        let call_id = stack::call_id(&tx.original);
        if let Err(failure) = tx.reply_with(stack::status(status), headers, None).await {
            debug!(sip.call_id = %call_id, "a {status} could not be sent: {failure}");
            return;
        }
        if tx.original.method == Method::Invite {
            // Kept until the ACK, so that a lost answer is repeated.
            let window = self.settings.t1 * 64;
            let acknowledged = async { while tx.receive().await.is_some() {} };
            if tokio::time::timeout(window, acknowledged).await.is_err() {
                debug!(sip.call_id = %call_id, "the {status} was never acknowledged");
            }
        }
    }

    pub(super) async fn refuse(&self, tx: Transaction, status: u16) {
        let headers = match status {
            503 => vec![Header::RetryAfter(RETRY_AFTER_S.to_string().into())],
            415 => vec![Header::Accept("application/sdp".into())],
            _ => Vec::new(),
        };
        self.reply(tx, status, headers).await;
    }

    async fn options(&self, tx: Transaction) {
        let headers = vec![
            Header::Allow(ALLOW.into()),
            Header::Accept("application/sdp".into()),
            Header::Supported(SUPPORTED.into()),
        ];
        self.reply(tx, 200, headers).await;
    }

    /// A request inside a dialog goes to the stack's dialog, except for what the stack gets wrong.
    async fn in_dialog(&self, mut tx: Transaction) {
        let Ok(id) = DialogId::try_from(&tx) else { return self.refuse(tx, 400).await };
        let leg = lock(&self.dialogs).get(&(id.call_id.clone(), id.local_tag.clone())).copied();
        let mailbox = leg.and_then(|leg| lock(&self.legs).get(&leg).map(|entry| entry.orders.clone()));
        if tx.original.method == Method::PRack {
            return match mailbox {
                Some(mailbox) => {
                    if mailbox.send(Order::Request(Box::new(tx))).await.is_err() {
                        debug!(sip.call_id = %id.call_id, "a PRACK came for a leg that has just gone");
                    }
                }
                None => self.refuse(tx, 481).await,
            };
        }
        for attempt in 0..LOOKUPS {
            if let Some(mut dialog) = self.layer.match_dialog(&tx) {
                if !dialog.state().is_confirmed() && tx.original.method == Method::Update {
                    // The stack leaves it without an answer.
                    return self.refuse(tx, 491).await;
                }
                if tx.original.method == Method::Bye && given_up(&dialog) {
                    return self.refuse(tx, 200).await;
                }
                if let Err(failure) = dialog.handle(&mut tx).await {
                    debug!(sip.call_id = %id.call_id, "a {} inside a dialog failed: {failure}", tx.original.method);
                }
                return;
            }
            // Our ACK leaves before the stack has filed the dialog: a BYE as quick as that finds it a moment later.
            if mailbox.is_none() || attempt + 1 == LOOKUPS {
                break;
            }
            super::leg::pause(LOOKUP_PAUSE).await;
        }
        self.refuse(tx, 481).await;
    }

    /// A trunk by its name.
    pub(super) fn trunk(&self, name: &str) -> Option<&TrunkSettings> {
        self.settings.trunks.iter().find(|trunk| trunk.name == name)
    }

    fn origin_of(&self, request: &Request, source: SocketAddr, stream: bool) -> Origin {
        let now = self.settings.clock.now().mono;
        let from = request
            .from_header()
            .ok()
            .and_then(|from| Address::parse(from.value()))
            .and_then(|from| from.uri());
        let (user, host) = from.map(|uri| (uri.user.unwrap_or_default(), uri.host)).unwrap_or_default();
        let ours = self.is_ours(&host);
        let known = ours && self.phones.secret(&user, &self.settings.realm()).is_some();
        let proves = credentials_of(request).is_some();
        let registered = !stream && lock(&self.registrar).is_phone(source, now);
        if known || proves || registered {
            return Origin::Phone;
        }
        let of_source = self.settings.trunks.iter().find(|trunk| trunk.rules.is_source(source.ip()));
        if let Some(trunk) = of_source {
            return Origin::Trunk(trunk.name.clone());
        }
        match self.settings.dev && source.ip().is_loopback() {
            true => Origin::Trunk("dev".to_owned()),
            false if ours => Origin::Phone,
            false => Origin::Stranger,
        }
    }
}

/// A caller may give up by BYE instead of CANCEL before it is answered. The INVITE then deserves a 487 (RFC 3261
/// §15.1.2), which the stack does not send.
fn given_up(dialog: &Dialog) -> bool {
    let Dialog::Invite(invite) = dialog else { return false };
    let unanswered = invite.role() == TransactionRole::Server && invite.state().can_cancel();
    unanswered && invite.reject(Some(stack::status(487)), None).is_ok()
}

/// The value of the header with digest credentials.
pub(super) fn credentials_of(request: &Request) -> Option<String> {
    stack::value(request, "Authorization").or_else(|| stack::value(request, "Proxy-Authorization"))
}

/// An INVITE that would begin a call.
async fn invite(shared: Arc<Shared>, tx: Transaction) {
    let call_id = stack::call_id(&tx.original);
    let Some(peer) = stack::source_of(&tx) else { return shared.refuse(tx, 400).await };
    if let Err(status) = admissible(&shared, &tx.original) {
        info!(sip.call_id = %call_id, peer = %peer, "a call from {peer} is refused with {status}");
        if status == 420 {
            let unknown = unknown_extensions(&tx.original).join(", ");
            return shared.reply(tx, 420, vec![Header::Unsupported(unknown.into())]).await;
        }
        return shared.refuse(tx, status).await;
    }
    let domain = stack::uri_of(&tx.original).1;
    let rules = shared.domain_rules(&domain);
    let origin = match rules {
        Some(rules) => Origin::Domain(rules, domain),
        None => shared.origin_of(&tx.original, peer, stack::over_stream(&tx)),
    };
    let source = match origin {
        Origin::Domain(rules, domain) => match may_call(&shared, &tx, peer, &rules, &domain) {
            Ok(user) => Source::Domain { domain: rules.sid, user },
            Err(refusal) => return shared.reply(tx, refusal.status, refusal.headers).await,
        },
        Origin::Trunk(name) => Source::Trunk(name),
        Origin::Stranger => {
            info!(sip.call_id = %call_id, peer = %peer, "a call from {peer} is refused: neither trunk nor phone");
            shared.edge.offended(peer.ip(), "it calls and is neither trunk nor phone");
            return shared.refuse(tx, 403).await;
        }
        Origin::Phone => match register::prove(&shared, &tx.original, peer) {
            Ok(user) => Source::Phone(user),
            Err(refusal) => return shared.reply(tx, refusal.status, refusal.headers).await,
        },
    };
    let replaced = match replaced(&shared, &tx.original, &source) {
        Ok(replaced) => replaced,
        Err(status) => {
            info!(sip.call_id = %call_id, peer = %peer, "a call from {peer} may not replace what it names: {status}");
            return shared.refuse(tx, status).await;
        }
    };
    if let Err(status) = may_begin(&shared) {
        warn!(sip.call_id = %call_id, peer = %peer, "a call from {peer} is refused: no room");
        return shared.refuse(tx, status).await;
    }
    let offer = match description_of_request(&tx.original) {
        Ok(offer) => offer,
        Err(status) => {
            info!(sip.call_id = %call_id, peer = %peer, "a call from {peer} is refused with {status}: its body is not SDP");
            return shared.refuse(tx, status).await;
        }
    };
    let timer = match sip::timer::answer(&asked(&tx.original)) {
        Ok(timer) => timer,
        Err(_) => {
            let least = vec![Header::MinSE(sip::timer::MIN_SE_S.to_string().into())];
            return shared.reply(tx, 422, least).await;
        }
    };
    inbound::start(shared, tx, source, peer, offer, timer, replaced).await;
}

/// The leg whose place an INVITE is to take. Only its own party may name it: who else knows its tags has listened.
fn replaced(shared: &Shared, request: &Request, source: &Source) -> Result<Option<LegId>, u16> {
    let Some(value) = stack::value(request, "Replaces") else { return Ok(None) };
    let leg = shared.leg_of_dialog(&Replaces::parse(&value).ok_or(400_u16)?)?;
    let party = lock(&shared.legs).get(&leg).and_then(|entry| entry.party.clone());
    if party.as_ref() == Some(source) { Ok(Some(leg)) } else { Err(403) }
}

/// Who calls a SIP domain, if they may: lists of networks and of credentials must both be met where there are both, and a
/// domain without any takes no calls.
fn may_call(
    shared: &Shared,
    tx: &Transaction,
    peer: SocketAddr,
    rules: &DomainRules,
    domain: &str,
) -> Result<Option<String>, Refusal> {
    let forbidden = || Refusal { status: 403, headers: Vec::new() };
    if rules.secure && stack::wire_of(tx) != Wire::Tls {
        info!(peer = %peer, "a call from {peer} is refused: {domain} takes calls over TLS only");
        return Err(forbidden());
    }
    let elsewhere =
        rules.networks.as_ref().is_some_and(|all| !all.iter().any(|network| network.contains(peer.ip())));
    if elsewhere || (rules.networks.is_none() && !rules.by_password) {
        info!(peer = %peer, "a call from {peer} is refused: it is in no list of {domain}");
        shared.edge.offended(peer.ip(), "it calls a domain whose lists it is not in");
        return Err(forbidden());
    }
    match rules.by_password {
        true => register::prove_at(shared, &tx.original, peer, domain, false).map(Some),
        false => Ok(None),
    }
}

/// Cheap checks that need no secret: the status to refuse with, if any.
fn admissible(shared: &Shared, request: &Request) -> Result<(), u16> {
    if shared.draining.load(Ordering::Relaxed) {
        return Err(503);
    }
    if stack::value(request, "Max-Forwards").is_some_and(|forwards| forwards.trim() == "0") {
        return Err(483);
    }
    if !unknown_extensions(request).is_empty() {
        return Err(420);
    }
    Ok(())
}

fn unknown_extensions(request: &Request) -> Vec<String> {
    let known = |extension: &str| KNOWN_EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension));
    stack::list(request, "Require")
        .split(',')
        .map(str::trim)
        .filter(|extension| !extension.is_empty() && !known(extension))
        .map(str::to_owned)
        .collect()
}

fn may_begin(shared: &Shared) -> Result<(), u16> {
    let now = shared.settings.clock.now().mono;
    let rate = shared.settings.limits.invites_per_second;
    let begun = lock(&shared.invites).take(rate, Duration::from_secs(1), now);
    if begun && shared.has_room() { Ok(()) } else { Err(503) }
}
