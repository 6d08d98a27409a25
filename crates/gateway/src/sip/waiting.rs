//! The lamp of a phone: how many messages wait for its user (RFC 3842, subscriptions as RFC 6665 has them).

use super::Shared;
use super::edge::lock;
use super::locate::Wire;
use super::register;
use super::stack;
use super::trunks::transact;
use base::Mono;
use rsipstack::sip::prelude::{HeadersExt, ToTypedHeader};
use rsipstack::sip::typed::{From, To};
use rsipstack::sip::{CallId, Header, Method, Uri};
use rsipstack::transaction::transaction::Transaction;
use rsipstack::transport::SipAddr;
use sip::address::Address;
use sip::registrar::Binding;
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tracing::{debug, info};

/// The one event package we have.
const PACKAGE: &str = "message-summary";
const BODY: &str = "application/simple-message-summary";
/// How long a subscription lasts unless it says otherwise, and at most.
const EXPIRES: Duration = Duration::from_secs(3_600);
const EXPIRES_MAX: Duration = Duration::from_secs(86_400);
/// Subscriptions at a time, and phones of one user among them.
const SUBSCRIPTIONS_MAX: usize = 20_000;
const PER_USER_MAX: usize = 10;

/// How many messages a user has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waiting {
    /// Not heard yet.
    pub new: u64,
    /// Heard and kept.
    pub old: u64,
}

/// Whose lamp says what, and who wants to know.
#[derive(Default)]
pub(super) struct Lamps {
    waiting: HashMap<String, Waiting>,
    /// By Call-ID and our tag.
    subscriptions: HashMap<(String, String), Subscription>,
    /// Users whose phone said with its registration that it takes notice without having subscribed.
    unasked: HashSet<String>,
}

/// A phone that is told of every change.
#[derive(Clone)]
struct Subscription {
    user: String,
    call_id: CallId,
    /// Ours, with its tag.
    from: From,
    /// The phone's, with its tag.
    to: To,
    target: Uri,
    routes: Vec<String>,
    peer: SipAddr,
    wire: Wire,
    cseq: u32,
    until: Mono,
}

impl Lamps {
    fn of(&self, user: &str) -> Waiting {
        self.waiting.get(user).copied().unwrap_or_default()
    }

    /// A subscription that is known lasts until then; false if it is not, or somebody else's.
    fn goes_on(&mut self, key: &(String, String), user: &str, now: Mono, until: Mono) -> bool {
        let known = self.subscriptions.get_mut(key).filter(|s| s.user == user && s.until > now);
        known.map(|known| known.until = until).is_some()
    }

    /// False if there are too many already.
    fn takes(&mut self, key: (String, String), new: Subscription, now: Mono) -> bool {
        self.subscriptions.retain(|_, s| s.until > now);
        let room = self.subscriptions.len() < SUBSCRIPTIONS_MAX
            && self.subscriptions.values().filter(|s| s.user == new.user).count() < PER_USER_MAX;
        if room {
            self.subscriptions.insert(key, new);
        }
        room
    }
}

/// A SUBSCRIBE: a phone asks for its user's lamp, or goes on or ceases to.
pub(super) async fn subscribe(shared: &Arc<Shared>, mut tx: Transaction) {
    let Some(peer) = stack::source_of(&tx) else { return shared.refuse(tx, 400).await };
    let package = stack::value(&tx.original, "Event").or_else(|| stack::value(&tx.original, "o"));
    let package = package.as_deref().and_then(|event| event.split(';').next()).unwrap_or_default();
    if !package.trim().eq_ignore_ascii_case(PACKAGE) {
        return shared.reply(tx, 489, vec![stack::header("Allow-Events", PACKAGE)]).await;
    }
    let user = match register::prove(shared, &tx.original, peer) {
        Ok(user) => user,
        Err(refusal) => return shared.reply(tx, refusal.status, refusal.headers).await,
    };
    let asked = stack::value(&tx.original, "Expires").and_then(|text| text.trim().parse().ok());
    let expires = asked.map_or(EXPIRES, Duration::from_secs).min(EXPIRES_MAX);
    let now = shared.settings.clock.now().mono;
    let call_id = stack::call_id(&tx.original);
    let tag = tx.original.to_header().ok().and_then(|to| to.tag().ok().flatten());
    let key = match tag {
        Some(tag) => {
            let key = (call_id.clone(), tag.to_string());
            if !lock(&shared.lamps).goes_on(&key, &user, now, now + expires) {
                return shared.refuse(tx, 481).await;
            }
            key
        }
        None => {
            let fresh = format!("{:x}", lock(&shared.entropy).next_u64());
            let Some(new) = begin(shared, &tx, &user, &fresh, peer, now + expires) else {
                return shared.refuse(tx, 400).await;
            };
            if let Ok(to) = tx.original.to_header() {
                let to = to.clone().with_tag(fresh.clone().into());
                tx.original.headers.unique_push(to.into());
            }
            let key = (call_id.clone(), fresh);
            if !lock(&shared.lamps).takes(key.clone(), new, now) {
                return shared.refuse(tx, 503).await;
            }
            key
        }
    };
    info!(sip.call_id = %call_id, peer = %peer, "{user} asks for its lamp for {expires:?}");
    let contact = format!("<{}>", shared.contact(stack::wire_of(&tx)));
    let headers = vec![
        stack::header("Expires", expires.as_secs().to_string()),
        stack::header("Contact", contact),
        stack::header("Allow-Events", PACKAGE),
    ];
    shared.reply(tx, 200, headers).await;
    tell(shared, &key, expires).await;
}

fn begin(
    shared: &Shared,
    tx: &Transaction,
    user: &str,
    tag: &str,
    peer: SocketAddr,
    until: Mono,
) -> Option<Subscription> {
    let request = &tx.original;
    let contact = Address::parse(&stack::value(request, "Contact")?)?;
    let from = request.to_header().ok()?.typed().ok()?;
    let to = request.from_header().ok()?.typed().ok()?;
    let wire = stack::wire_of(tx);
    Some(Subscription {
        user: user.to_owned(),
        call_id: request.call_id_header().ok()?.clone(),
        from: From { display_name: None, uri: from.uri, params: Vec::new() }.with_tag(tag.to_owned().into()),
        to: To { display_name: None, uri: to.uri, params: to.params },
        target: Uri::try_from(contact.uri.as_str()).ok()?,
        routes: request
            .headers
            .iter()
            .filter(|header| matches!(header, Header::RecordRoute(_)))
            .map(|header| stack::text(header).to_owned())
            .collect(),
        peer: SipAddr { r#type: shared.listener(wire).and_then(|l| l.r#type), addr: peer.into() },
        wire,
        cseq: 0,
        until,
    })
}

/// Tells one subscriber how things are; the last word if its time is over.
async fn tell(shared: &Arc<Shared>, key: &(String, String), left: Duration) {
    let (subscription, waiting) = {
        let mut lamps = lock(&shared.lamps);
        let Some(subscription) = lamps.subscriptions.get_mut(key) else { return };
        subscription.cseq += 1;
        let subscription = subscription.clone();
        if left.is_zero() {
            lamps.subscriptions.remove(key);
        }
        (subscription.clone(), lamps.of(&subscription.user))
    };
    let state = match left.is_zero() {
        true => "terminated;reason=timeout".to_owned(),
        false => format!("active;expires={}", left.as_secs()),
    };
    let notice = Notice { subscription: &subscription, state, waiting };
    let status = notice.send(shared).await;
    if matches!(status, None | Some(404 | 405 | 481 | 489)) {
        debug!("{} does not want to know about its lamp any more: {status:?}", subscription.user);
        lock(&shared.lamps).subscriptions.remove(key);
    }
}

/// A NOTIFY to be sent.
struct Notice<'a> {
    subscription: &'a Subscription,
    state: String,
    waiting: Waiting,
}

impl Notice<'_> {
    /// The status of its answer.
    async fn send(&self, shared: &Arc<Shared>) -> Option<u16> {
        let to = self.subscription;
        let via = shared.endpoint.get_via(shared.listener(to.wire), None).ok()?;
        let (endpoint, call_id) = (&shared.endpoint, Some(to.call_id.clone()));
        let mut request = endpoint.make_request(
            Method::Notify,
            to.target.clone(),
            via,
            to.from.clone(),
            to.to.clone(),
            to.cseq,
            call_id,
        );
        let body = summary(self.waiting, &shared.settings.realm(), &to.user);
        let fixed = [
            ("Event", PACKAGE.to_owned()),
            ("Subscription-State", self.state.clone()),
            ("Contact", format!("<{}>", shared.contact(to.wire))),
            ("Content-Type", BODY.to_owned()),
            ("Content-Length", body.len().to_string()),
        ];
        let routes = to.routes.iter().map(|route| ("Route", route.clone()));
        for (name, value) in routes.chain(fixed) {
            request.headers.push(stack::header(name, value));
        }
        request.body = body.into_bytes();
        transact(shared, request, to.peer.clone()).await
    }
}

/// The body: whether, for whom and how many.
fn summary(waiting: Waiting, domain: &str, user: &str) -> String {
    let lit = if waiting.new > 0 { "yes" } else { "no" };
    format!(
        "Messages-Waiting: {lit}\r\nMessage-Account: sip:{user}@{domain}\r\nVoice-Message: {}/{} (0/0)\r\n",
        waiting.new, waiting.old
    )
}

/// A phone has registered: whether it takes notice without asking, and what its lamp says then.
pub(super) fn registered(shared: &Arc<Shared>, user: &str, allows: bool) {
    let mut lamps = lock(&shared.lamps);
    match allows {
        true => drop(lamps.unasked.insert(user.to_owned())),
        false => drop(lamps.unasked.remove(user)),
    }
    drop(lamps);
    if allows {
        tell_unasked(shared, user);
    }
}

/// Tells everybody who wants to know of this user.
pub(super) fn changed(shared: &Arc<Shared>, user: &str, waiting: Waiting) {
    let now = shared.settings.clock.now().mono;
    let (subscribed, unasked) = {
        let mut lamps = lock(&shared.lamps);
        if lamps.waiting.insert(user.to_owned(), waiting) == Some(waiting) {
            return;
        }
        let theirs = lamps.subscriptions.iter().filter(|(_, s)| s.user == user && s.until > now);
        let subscribed: Vec<_> = theirs.map(|(key, s)| (key.clone(), s.until.since(now))).collect();
        (subscribed, lamps.unasked.contains(user))
    };
    for (key, left) in subscribed {
        let sender = shared.clone();
        shared.tasks.spawn(async move { tell(&sender, &key, left).await });
    }
    if unasked {
        tell_unasked(shared, user);
    }
}

fn tell_unasked(shared: &Arc<Shared>, user: &str) {
    let now = shared.settings.clock.now().mono;
    let bindings = lock(&shared.registrar).bindings(user, now);
    let (waiting, subscribed) = {
        let lamps = lock(&shared.lamps);
        let theirs = lamps.subscriptions.values().filter(|s| s.user == user && s.until > now);
        (lamps.of(user), theirs.map(|s| s.peer.addr.clone()).collect::<Vec<_>>())
    };
    // Where somebody has subscribed, the subscription is told.
    for binding in bindings.into_iter().filter(|b| !subscribed.contains(&b.received.into())) {
        let Some(to) = unasked(shared, user, &binding) else { continue };
        let sender = shared.clone();
        shared.tasks.spawn(async move {
            let notice = Notice { subscription: &to, state: "active".to_owned(), waiting };
            let status = notice.send(&sender).await;
            debug!("{} was told of its lamp: {status:?}", to.user);
        });
    }
}

/// Where a notice goes that nobody subscribed to.
fn unasked(shared: &Shared, user: &str, binding: &Binding) -> Option<Subscription> {
    let address = Uri::try_from(format!("sip:{user}@{}", shared.settings.realm()).as_str()).ok()?;
    let tag = format!("{:x}", lock(&shared.entropy).next_u64());
    let wire = Wire::from(binding.transport);
    Some(Subscription {
        user: user.to_owned(),
        call_id: CallId::from(format!("{:x}", lock(&shared.entropy).next_u64())),
        from: From { display_name: None, uri: address.clone(), params: Vec::new() }.with_tag(tag.into()),
        to: To { display_name: None, uri: address, params: Vec::new() },
        target: Uri::try_from(binding.contact.as_str()).ok()?,
        routes: Vec::new(),
        peer: SipAddr { r#type: shared.listener(wire).and_then(|l| l.r#type), addr: binding.received.into() },
        wire,
        cseq: 1,
        until: Mono(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_says_whether_for_whom_and_how_many() {
        let text = summary(Waiting { new: 2, old: 8 }, "pbx.example", "ana");
        assert_eq!(
            text,
            "Messages-Waiting: yes\r\nMessage-Account: sip:ana@pbx.example\r\nVoice-Message: 2/8 (0/0)\r\n"
        );
        assert!(summary(Waiting::default(), "pbx.example", "ana").starts_with("Messages-Waiting: no\r\n"));
    }
}
