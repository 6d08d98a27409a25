//! Calls that go out: to the trunk, to all phones of a user at once, or to a URI.

use super::edge::lock;
use super::leg::{self, End, Established, asked, description_of_response};
use super::locate::{Place, Wire};
use super::stack::{self, ALLOW};
use super::trunks::{self, Seat};
use super::{Invite, Order, Shared};
use base::Mono;
use rsipstack::dialog::authenticate::Credential;
use rsipstack::dialog::dialog::{DialogState, DialogStateReceiver, DialogStateSender};
use rsipstack::dialog::invitation::{InviteAsyncResult, InviteOption};
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Response, StatusCodeKind};
use rsipstack::transport::SipAddr;
use sip::address::Uri;
use sip::cause::cause_of;
use sip::offer::{Negotiator, Srtp};
use sip::port::{Cause, Destination, Event, LegId, Source};
use sip::registrar::{Binding, Transport};
use sip::timer::{MIN_SE_S, Refresher, SESSION_EXPIRES_S, SessionExpires, SessionTimer};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::{debug, info, warn};

/// Most headers of ours that are added to an INVITE, and the longest of them.
const HEADERS_MAX: usize = 32;
const HEADER_BYTES_MAX: usize = 1024;
/// Longest STIR signature (RFC 8224) that is passed on.
const IDENTITY_BYTES_MAX: usize = 4096;
/// How often an INVITE is sent again because its session interval was too small.
const RETRIES_MAX: u32 = 2;

/// Begins a call; a leg that cannot even begin ends at once, through the same door as all others.
pub(super) fn start(shared: &Arc<Shared>, leg: LegId, invite: Invite) {
    let targets = match targets(shared, &invite) {
        _ if !shared.has_room() => Err((Cause::Failed, 503)),
        other => other,
    };
    let plan = match targets {
        Ok(plan) => plan,
        Err((cause, status)) => {
            info!(leg = leg.0, call.sid = %invite.call, "leg {} of call {} cannot be called: {status}", leg.0, invite.call);
            return shared.refuse_leg(leg, cause, status);
        }
    };
    let srtp = plan.srtp(shared);
    let Some(negotiator) = shared.open_media(leg, srtp) else {
        return shared.refuse_leg(leg, Cause::Failed, 503);
    };
    let mut orders = shared.enlist(leg);
    let owner = shared.clone();
    shared.run_leg(leg, async move {
        let (sender, mut states) = owner.layer.new_dialog_state_channel();
        let call = Outbound::new(owner, leg, invite, negotiator, sender);
        call.run(plan, &mut orders, &mut states).await
    });
}

/// One place an INVITE goes to.
#[derive(Clone)]
struct Target {
    uri: rsipstack::sip::Uri,
    /// Where exactly, if that is known.
    place: Option<Place>,
    credentials: Option<Credential>,
    /// Which trunk it belongs to.
    trunk: Option<usize>,
    /// Its host is a name, or it is reached over TLS: where it is has yet to be found.
    sought: bool,
}

/// Where a call goes.
enum Plan {
    /// To all of these at once: the phones of a user.
    Together(Vec<Target>),
    /// To the first of these that takes it.
    InTurn(VecDeque<Target>),
}

impl Plan {
    /// Whether the audio is to be encrypted. Keys are not shown to everybody on the way.
    fn srtp(&self, shared: &Shared) -> Srtp {
        let (policy, secret) = match self {
            Plan::Together(phones) => {
                let secret = phones.iter().all(|phone| wire(phone).is_secret());
                (shared.settings.phones_srtp, secret)
            }
            Plan::InTurn(targets) => {
                let trunk = targets.front().and_then(|target| shared.settings.trunks.get(target.trunk?));
                let secret = targets.iter().all(|target| wire(target).is_secret());
                (trunk.map_or(Srtp::Offered, |trunk| trunk.srtp), secret)
            }
        };
        if policy == Srtp::Offered && !secret { Srtp::Off } else { policy }
    }
}

/// Where a call goes, or why it may not.
fn targets(shared: &Shared, invite: &Invite) -> Result<Plan, (Cause, u16)> {
    let credential = |(user, password): &(String, base::Secret<String>)| Credential {
        username: user.clone(),
        password: password.expose().clone(),
        realm: None,
        auth_username: None,
    };
    let own = invite.credentials.as_ref().map(credential);
    match &invite.to {
        Destination::Trunk(number) => {
            let trunks = &shared.settings.trunks;
            if trunks.is_empty() {
                return Err((Cause::Failed, 404));
            }
            let dialable = |at: &usize| trunks[*at].rules.dialable(number).is_some();
            let order = shared.trunks.order(shared, (0..trunks.len()).filter(dialable), now(shared));
            if order.is_empty() {
                return Err((Cause::Failed, 403));
            }
            let target = |at: usize| {
                let trunk = &trunks[at];
                let number = trunk.rules.dialable(number).ok_or((Cause::Failed, 403))?;
                let mut uri = parse(&trunk.uri)?;
                let user = trunk.rules.rewrite.apply(&number);
                uri.auth = Some(rsipstack::sip::Auth { user, password: None });
                let credentials = own.clone().or_else(|| trunk.credentials.as_ref().map(credential));
                let sought = is_sought(&uri);
                Ok(Target { uri, place: None, credentials, trunk: Some(at), sought })
            };
            order.into_iter().map(target).collect::<Result<_, _>>().map(Plan::InTurn)
        }
        Destination::Phone(user) => phones(shared, user),
        // A browser's leg is none of ours.
        Destination::Client(_) => Err((Cause::Failed, 404)),
        Destination::Uri(text) => {
            let parts = Uri::parse(text).ok_or((Cause::Failed, 400))?;
            if !matches!(parts.scheme.as_str(), "sip" | "sips") {
                return Err((Cause::Failed, 416));
            }
            let user = parts.user.clone().unwrap_or_default();
            let registered = || !lock(&shared.registrar).bindings(&user, now(shared)).is_empty();
            if shared.domain_rules(&parts.host).is_some() {
                // Users of a SIP domain are none of the server's own.
                return phones(shared, &format!("{user}@{}", parts.host.to_ascii_lowercase()));
            }
            if shared.is_ours(&parts.host) && parts.port.is_none_or(|port| port == shared.address.port()) {
                return phones(shared, &user);
            }
            if shared.settings.domains.iter().any(|domain| domain.eq_ignore_ascii_case(&parts.host))
                && registered()
            {
                return phones(shared, &user);
            }
            if !callable(shared, &parts.host) {
                return Err((Cause::Failed, 403));
            }
            let bare = text.split('?').next().unwrap_or_default();
            let uri = parse(bare)?;
            let sought = is_sought(&uri);
            let target = Target { uri, place: None, credentials: own, trunk: None, sought };
            Ok(Plan::InTurn(VecDeque::from([target])))
        }
    }
}

fn now(shared: &Shared) -> Mono {
    shared.settings.clock.now().mono
}

fn parse(text: &str) -> Result<rsipstack::sip::Uri, (Cause, u16)> {
    rsipstack::sip::Uri::try_from(text).map_err(|_| (Cause::Failed, 400))
}

/// Whether a URI's place has to be found before it is called: a name, or a TLS peer.
fn is_sought(uri: &rsipstack::sip::Uri) -> bool {
    let named = matches!(uri.host_with_port.host, rsipstack::sip::Host::Domain(_));
    named || Wire::of(transport_of(uri)) == Wire::Tls || uri.scheme == Some(rsipstack::sip::Scheme::Sips)
}

fn transport_of(uri: &rsipstack::sip::Uri) -> Option<rsipstack::sip::transport::Transport> {
    uri.params.iter().find_map(|param| match param {
        rsipstack::sip::Param::Transport(transport) => Some(*transport),
        _ => None,
    })
}

fn callable(shared: &Shared, host: &str) -> bool {
    let loopback = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    (shared.settings.dev && loopback)
        || shared.settings.callable_hosts.iter().any(|known| known == "*" || known.eq_ignore_ascii_case(host))
}

fn phones(shared: &Shared, user: &str) -> Result<Plan, (Cause, u16)> {
    let bindings = lock(&shared.registrar).bindings(user, now(shared));
    if bindings.is_empty() {
        let known = shared.phones.secret(user, &shared.settings.realm()).is_some();
        return Err((Cause::Failed, if known { 480 } else { 404 }));
    }
    let targets: Vec<Target> = bindings.iter().filter_map(|binding| phone(shared, binding)).collect();
    if targets.is_empty() { Err((Cause::Failed, 480)) } else { Ok(Plan::Together(targets)) }
}

fn phone(shared: &Shared, binding: &Binding) -> Option<Target> {
    let uri = rsipstack::sip::Uri::try_from(binding.contact.as_str()).ok()?;
    // A TCP phone is reached over the connection it keeps open; if that is gone, its Contact is worth a try.
    let gone = binding.transport != Transport::Udp && !shared.edge.is_connected(binding.received);
    if gone && matches!(binding.transport, Transport::Ws | Transport::Wss) {
        // Nobody can connect to a browser.
        return None;
    }
    let place = (!gone).then(|| Place {
        address: SipAddr {
            r#type: Some(Wire::from(binding.transport).transport()),
            addr: binding.received.into(),
        },
        host: uri.host_with_port.host.to_string(),
    });
    Some(Target {
        uri,
        place,
        credentials: None,
        trunk: None,
        sought: gone && binding.transport == Transport::Tls,
    })
}

struct Outbound {
    shared: Arc<Shared>,
    leg: LegId,
    invite: Invite,
    negotiator: Negotiator,
    sender: DialogStateSender,
    branches: Vec<Branch>,
    tries: JoinSet<(usize, InviteAsyncResult)>,
    rings: bool,
    early_media: bool,
    retries: u32,
    redirects: u32,
    failures: Vec<(Cause, u16)>,
    /// Those still to be tried when the ones before have not taken the call.
    then: VecDeque<Target>,
    /// A peer that has said nothing at all by now is given up for the next.
    silent_from: Option<Mono>,
    /// The place on a trunk that the call has.
    seat: Option<Seat>,
}

/// One ringing place.
struct Branch {
    target: Target,
    dialog: InviteDialog,
    tag: String,
    heard: bool,
    over: bool,
}

impl Outbound {
    fn new(
        shared: Arc<Shared>,
        leg: LegId,
        invite: Invite,
        negotiator: Negotiator,
        sender: DialogStateSender,
    ) -> Self {
        Self {
            shared,
            leg,
            invite,
            negotiator,
            sender,
            branches: Vec::new(),
            tries: JoinSet::new(),
            rings: false,
            early_media: false,
            retries: 0,
            redirects: 0,
            failures: Vec::new(),
            then: VecDeque::new(),
            silent_from: None,
            seat: None,
        }
    }

    async fn run(
        mut self,
        plan: Plan,
        orders: &mut mpsc::Receiver<Order>,
        states: &mut DialogStateReceiver,
    ) -> End {
        let offer = self.negotiator.offer();
        let until = now(&self.shared) + self.invite.timeout;
        match plan {
            Plan::Together(targets) => {
                for target in targets {
                    self.call(target, &offer, SESSION_EXPIRES_S);
                }
            }
            Plan::InTurn(targets) => self.then = targets,
        }
        loop {
            if self.branches.iter().all(|branch| branch.over) {
                let Some(target) = self.then.pop_front() else { return self.failed() };
                let shared = self.shared.clone();
                let mut turn = std::pin::pin!(self.turn_to(target, &offer));
                loop {
                    tokio::select! {
                        () = &mut turn => break,
                        order = orders.recv() => {
                            if matches!(order, None | Some(Order::Hangup | Order::Refuse(_))) {
                                return End::new(Cause::WeHungUp, Some(487));
                            }
                        }
                        () = shared.until(Some(until)) => return End::new(Cause::NoAnswer, Some(487)),
                    }
                }
                continue;
            }
            tokio::select! {
                order = orders.recv() => match order {
                    None | Some(Order::Hangup | Order::Refuse(_)) => {
                        self.give_up(None);
                        return End::new(Cause::WeHungUp, Some(487));
                    }
                    Some(other) => debug!(leg = self.leg.0, "leg {} is outbound and does not {other:?}", self.leg.0),
                },
                Some(state) = states.recv() => {
                    let Some(at) = self.branches.iter().position(|branch| branch.tag == state.id().local_tag) else {
                        continue;
                    };
                    match state {
                        // It works on it, however long that takes.
                        DialogState::Trying(_) => self.silent_from = None,
                        DialogState::Early(_, response) => self.progress(at, &response).await,
                        DialogState::Confirmed(_, response) => {
                            return self.answered(at, &response, orders, states).await;
                        }
                        _ => {}
                    }
                }
                Some(done) = self.tries.join_next() => self.tried(done, &offer),
                () = self.shared.until(Some(until)) => {
                    self.give_up(None);
                    return End::new(Cause::NoAnswer, Some(487));
                }
                () = self.shared.until(self.silent_from) => self.pass_over_silent(),
            }
        }
    }

    /// Calls the next in turn: finds where it is, and takes a place on its trunk. A peer with several addresses is
    /// as many in turn.
    async fn turn_to(&mut self, mut target: Target, offer: &str) {
        if target.sought {
            let mut places = self.shared.locator.places(&target.uri).await.into_iter();
            target.place = places.next();
            target.sought = false;
            if target.place.is_none() {
                self.rest(&target);
                return self.failures.push((Cause::Failed, 503));
            }
            for place in places.rev() {
                self.then.push_front(Target { place: Some(place), ..target.clone() });
            }
        }
        if let Some(place) = &target.place
            && let Err(failure) = trunks::reach(&self.shared, place).await
        {
            warn!(leg = self.leg.0, "{} could not be reached: {failure}", place.host);
            self.rest(&target);
            return self.failures.push((Cause::Failed, 503));
        }
        if let Some(at) = target.trunk {
            let trunk = &self.shared.settings.trunks[at];
            self.seat = None;
            self.seat = self.shared.trunks.seat(at, trunk, now(&self.shared));
            if self.seat.is_none() {
                info!(leg = self.leg.0, "trunk {} has no room for leg {}", trunk.name, self.leg.0);
                return self.failures.push((Cause::Failed, 503));
            }
        }
        self.silent_from = (!self.then.is_empty()).then(|| now(&self.shared) + SILENCE_MAX);
        self.call(target, offer, SESSION_EXPIRES_S);
    }

    /// Nobody is there: others go first for a while. A trunk with another address to try is not given up.
    fn rest(&self, target: &Target) {
        if let Some(place) = &target.place {
            self.shared.locator.rest(&place.address);
        }
        let Some(at) = target.trunk else { return };
        if self.then.front().is_none_or(|next| next.trunk != target.trunk) {
            self.shared.trunks.rest(at, now(&self.shared));
        }
    }

    /// Whoever has not said a word is given up, so that the next in turn is called.
    fn pass_over_silent(&mut self) {
        self.silent_from = None;
        for at in 0..self.branches.len() {
            let branch = &mut self.branches[at];
            if branch.over || branch.heard {
                continue;
            }
            branch.over = true;
            let (dialog, target) = (branch.dialog.clone(), branch.target.clone());
            self.rest(&target);
            self.failures.push((Cause::Failed, 408));
            self.shared.tasks.spawn(async move {
                if let Err(failure) = dialog.cancel().await {
                    debug!("a silent branch was not cancelled: {failure}");
                }
            });
        }
    }

    /// A 3xx: the places it names, as far as a call may go there, are next in turn. Whether it led anywhere.
    fn redirected(&mut self, at: usize, response: &Response) -> bool {
        if self.redirects >= REDIRECTS_MAX {
            return false;
        }
        self.redirects += 1;
        let from = self.branches[at].target.clone();
        let own_host = from.uri.host_with_port.host.to_string();
        let contacts = stack::list(response, "Contact");
        let addresses = sip::address::Address::parse_list(&contacts).unwrap_or_default();
        let mut next: Vec<Target> = Vec::new();
        for contact in addresses.into_iter().take(CONTACTS_MAX) {
            let (Some(parts), Ok(mut uri)) = (contact.uri(), parse(&contact.uri)) else { continue };
            uri.headers.clear();
            let trunk = from.trunk.and_then(|trunk| self.shared.settings.trunks.get(trunk));
            // A trunk may name another of its servers, not another number: that would be paid by us.
            let same_number =
                uri.auth.as_ref().map(|auth| &auth.user) == from.uri.auth.as_ref().map(|auth| &auth.user);
            let dialable = parts
                .user
                .as_deref()
                .is_some_and(|user| trunk.is_some_and(|trunk| trunk.rules.dialable(user).is_some()));
            let allowed = match trunk {
                Some(_) => same_number || dialable,
                None => parts.host == own_host || callable(&self.shared, &parts.host),
            };
            if allowed {
                let sought = is_sought(&uri);
                next.push(Target { uri, place: None, sought, ..from.clone() });
            }
        }
        info!(leg = self.leg.0, "leg {} is redirected to {} places", self.leg.0, next.len());
        let led = !next.is_empty();
        next.into_iter().rev().for_each(|target| self.then.push_front(target));
        led
    }

    fn call(&mut self, target: Target, offer: &str, session_expires_s: u32) {
        let invite = match self.option(&target, offer, session_expires_s) {
            Some(option) => self.shared.layer.do_invite_async(option, self.sender.clone()),
            None => return self.failures.push((Cause::Failed, 400)),
        };
        let (dialog, handle) = match invite {
            Ok(begun) => begun,
            Err(failure) => {
                warn!(leg = self.leg.0, "leg {} could not be called: {failure}", self.leg.0);
                return self.failures.push((Cause::Failed, 400));
            }
        };
        let at = self.branches.len();
        let id = dialog.id();
        self.shared.know_dialog(self.leg, id.clone());
        self.branches.push(Branch { target, dialog, tag: id.local_tag, heard: false, over: false });
        self.tries.spawn(async move {
            match handle.await {
                Ok(result) => (at, result),
                Err(failure) => (at, Err(rsipstack::Error::Error(failure.to_string()))),
            }
        });
    }

    fn option(&self, target: &Target, offer: &str, session_expires_s: u32) -> Option<InviteOption> {
        let wire = wire(target);
        let host = self.shared.settings.domains.first().cloned();
        let host = host.unwrap_or_else(|| match self.shared.settings.advertised {
            std::net::IpAddr::V6(ip) => format!("[{ip}]"),
            ip => ip.to_string(),
        });
        let from = self.invite.from.trim();
        let anonymous = from.is_empty() || from.eq_ignore_ascii_case("anonymous");
        let caller = match from {
            _ if anonymous => rsipstack::sip::Uri::try_from("sip:anonymous@anonymous.invalid").ok()?,
            uri if uri.starts_with("sip:") => {
                let bare = uri.split(['?', ';']).next().unwrap_or_default();
                rsipstack::sip::Uri::try_from(bare).ok()?
            }
            user => {
                let mut uri = rsipstack::sip::Uri::try_from(format!("sip:{host}")).ok()?;
                uri.auth = Some(rsipstack::sip::Auth { user: plain(user), password: None });
                uri
            }
        };
        let name = self.invite.from_name.as_deref().map(|name| plain(name).replace(['"', '\\'], "'"));
        let mut headers = vec![
            Header::Allow(ALLOW.into()),
            stack::header("Supported", "timer, replaces"),
            Header::SessionExpires(session_expires_s.to_string().into()),
            Header::MinSE(MIN_SE_S.to_string().into()),
        ];
        if anonymous {
            headers.push(Header::Privacy("id".into()));
        }
        let trunk = target.trunk.and_then(|trunk| self.shared.settings.trunks.get(trunk));
        if !anonymous && trunk.is_some_and(|trunk| trunk.asserts_identity) {
            headers.push(stack::header("P-Asserted-Identity", format!("<{caller}>")));
        }
        headers.extend(self.added_headers());
        Some(InviteOption {
            caller_display_name: name.filter(|name| !name.is_empty()),
            caller,
            callee: target.uri.clone(),
            destination: target.place.as_ref().map(|place| place.address.clone()),
            content_type: Some("application/sdp".to_owned()),
            offer: Some(offer.as_bytes().to_vec()),
            contact: self.shared.contact(wire),
            credential: target.credentials.clone(),
            headers: Some(headers),
            support_prack: true,
            ..InviteOption::default()
        })
    }

    /// The engine's headers, as far as they cannot break the message: names are tokens, values have one line.
    fn added_headers(&self) -> impl Iterator<Item = Header> + '_ {
        self.invite
            .headers
            .iter()
            .filter(|(name, value)| {
                let token = !name.is_empty()
                    && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.!%*+`'~".contains(&b));
                token
                    && value.len()
                        <= if name.eq_ignore_ascii_case("Identity") {
                            IDENTITY_BYTES_MAX
                        } else {
                            HEADER_BYTES_MAX
                        }
                    && !STRUCTURAL.iter().any(|taken| name.eq_ignore_ascii_case(taken))
            })
            .take(HEADERS_MAX)
            .map(|(name, value)| stack::header(name, plain(value)))
    }

    async fn progress(&mut self, at: usize, response: &Response) {
        self.branches[at].heard = true;
        self.silent_from = None;
        let status = response.status_code.code();
        // One branch's audio at most, and the first to send any keeps the line until somebody answers.
        let media =
            description_of_response(response).and_then(|answer| self.negotiator.preview(&answer).ok());
        if let Some(agreed) = media
            && !self.early_media
        {
            self.shared.connect(self.leg, &agreed);
            self.early_media = true;
            self.rings = true;
            self.shared.report(Event::Ringing { leg: self.leg, early_media: true }).await;
        } else if !self.rings && matches!(status, 180..=182) {
            self.rings = true;
            self.shared.report(Event::Ringing { leg: self.leg, early_media: false }).await;
        }
    }

    /// A branch came to its end without an answer.
    fn tried(&mut self, done: Result<(usize, InviteAsyncResult), tokio::task::JoinError>, offer: &str) {
        let Ok((at, result)) = done else { return };
        let (cause, status) = match result {
            // The stack confirms a dialog by its 200 and takes no other 2xx for an answer.
            Ok((_, Some(response))) if response.status_code.code() == 200 => return,
            Ok((_, Some(response))) if response.status_code.kind() == StatusCodeKind::Successful => {
                (Cause::Failed, response.status_code.code())
            }
            Ok((_, Some(response))) => {
                let status = response.status_code.code();
                if status == 422 && self.retries < RETRIES_MAX {
                    self.retries += 1;
                    self.branches[at].over = true;
                    let least = asked(&response).min_se_s.unwrap_or(SESSION_EXPIRES_S).max(SESSION_EXPIRES_S);
                    let target = self.branches[at].target.clone();
                    return self.call(target, offer, least);
                }
                if (300..400).contains(&status) && self.redirected(at, &response) {
                    self.branches[at].over = true;
                    return;
                }
                // The stack's own "timeout" has no tag and came of silence: nobody is there.
                let silent = status == 408
                    && !self.branches[at].heard
                    && !response.to_header().is_ok_and(|to| to.tag().is_ok_and(|tag| tag.is_some()));
                if silent { (Cause::Failed, 408) } else { (cause_of(status), status) }
            }
            Ok((_, None)) => (Cause::Failed, 500),
            Err(failure) => {
                warn!(leg = self.leg.0, "leg {} failed: {failure}", self.leg.0);
                (Cause::Failed, 500)
            }
        };
        if self.branches[at].over {
            // Passed over already.
            return;
        }
        self.branches[at].over = true;
        self.failures.push((cause, status));
        if matches!(status, 408 | 500 | 502 | 503 | 504) && cause == Cause::Failed {
            self.rest(&self.branches[at].target);
        } else if !TRUNK_FAULTS.contains(&status) {
            // The callee's answer, not the trunk's: nobody else would give another.
            self.then.clear();
        }
    }

    /// Nobody answered: the most telling reason of all branches.
    fn failed(&self) -> End {
        let rank = |cause: &Cause| match cause {
            Cause::Declined => 0,
            Cause::Busy => 1,
            Cause::NoAnswer => 2,
            _ => 3,
        };
        let best = self.failures.iter().min_by_key(|(cause, _)| rank(cause));
        let (cause, status) = best.copied().unwrap_or((Cause::Failed, 500));
        End::new(cause, Some(status))
    }

    /// CANCELs every branch but `winner`. One that answers all the same gets an ACK and a BYE, by the stack.
    fn give_up(&mut self, winner: Option<usize>) {
        for (at, branch) in self.branches.iter().enumerate() {
            if Some(at) == winner || branch.over {
                continue;
            }
            let (dialog, leg) = (branch.dialog.clone(), self.leg);
            self.shared.tasks.spawn(async move {
                // A branch that has answered meanwhile is past cancelling.
                let ended =
                    if dialog.state().is_confirmed() { dialog.bye().await } else { dialog.cancel().await };
                if let Err(failure) = ended {
                    debug!(leg = leg.0, "a branch of leg {} was not cancelled: {failure}", leg.0);
                }
            });
        }
        // The tries go on by themselves: a CANCELed INVITE still has to get its final answer.
        self.tries.detach_all();
    }

    /// Who is at the other end of a branch, as they would be known if they called.
    fn party(&self, at: usize) -> Option<Source> {
        let trunk = self.branches[at].target.trunk.and_then(|at| self.shared.settings.trunks.get(at));
        match (&self.invite.to, trunk) {
            (Destination::Phone(user), _) => Some(Source::Phone(user.clone())),
            (_, Some(trunk)) => Some(Source::Trunk(trunk.name.clone())),
            _ => None,
        }
    }

    async fn answered(
        mut self,
        at: usize,
        response: &Response,
        orders: &mut mpsc::Receiver<Order>,
        states: &mut DialogStateReceiver,
    ) -> End {
        self.give_up(Some(at));
        // Its place on the trunk is the call's until it ends.
        let _seat = self.seat.take();
        let dialog = self.branches[at].dialog.clone();
        self.shared.know_dialog(self.leg, dialog.id());
        if let Some(party) = self.party(at) {
            self.shared.know_party(self.leg, party);
        }
        let answer = description_of_response(response);
        let agreed = answer
            .ok_or("it has none")
            .and_then(|answer| self.negotiator.accept(&answer).map_err(|_| "it does not fit our offer"));
        let agreed = match agreed {
            Ok(agreed) => agreed,
            Err(why) => {
                info!(
                    leg = self.leg.0,
                    "leg {} ends: the answer's description is of no use, {why}", self.leg.0
                );
                leg::bye(&self.shared, dialog);
                return End::new(Cause::Failed, Some(488));
            }
        };
        self.shared.connect(self.leg, &agreed);
        self.shared.report(Event::Answered { leg: self.leg }).await;
        let timer = asked(response).session_expires.map(|agreed| {
            let agreed = SessionExpires { seconds: agreed.seconds, ..agreed };
            SessionTimer::start(agreed, Refresher::Uac, now(&self.shared))
        });
        let established = Established {
            shared: self.shared,
            leg: self.leg,
            dialog,
            negotiator: self.negotiator,
            timer,
            takes_update: stack::list(response, "Allow").to_ascii_uppercase().contains("UPDATE"),
            held: false,
            offered_in: None,
            referring: None,
            refers: false,
        };
        established.run(orders, states).await
    }
}

/// Final answers that say something about the trunk rather than about the callee: the next trunk may do better.
const TRUNK_FAULTS: [u16; 10] = [401, 403, 407, 408, 488, 500, 502, 503, 504, 513];
/// A peer that has said nothing for so long is given up, if there is another.
const SILENCE_MAX: Duration = Duration::from_secs(4);
/// How often a call is redirected, and to how many places at a time.
const REDIRECTS_MAX: u32 = 3;
const CONTACTS_MAX: usize = 5;

/// Headers that are the stack's or ours to write.
const STRUCTURAL: [&str; 20] = [
    "Via",
    "From",
    "To",
    "Call-ID",
    "CSeq",
    "Contact",
    "Content-Length",
    "Content-Type",
    "Max-Forwards",
    "Route",
    "Record-Route",
    "Allow",
    "Supported",
    "Require",
    "Session-Expires",
    "Min-SE",
    "Authorization",
    "Proxy-Authorization",
    "User-Agent",
    "Privacy",
];

fn wire(target: &Target) -> Wire {
    match &target.place {
        Some(place) => place.wire(),
        None if target.uri.scheme == Some(rsipstack::sip::Scheme::Sips) => Wire::Tls,
        None => Wire::of(transport_of(&target.uri)),
    }
}

/// Text without anything that could end a line.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}
