//! REFER both ways (RFC 3515): a peer that hands us on, and a peer that we ask to call somebody else.

use super::edge::lock;
use super::leg::{Established, respond};
use super::{Shared, stack};
use rsipstack::dialog::dialog::TransactionHandle;
use rsipstack::sip::{Header, Request, Response};
use sip::address::Address;
use sip::port::{Event, LegId};
use sip::replaces::Replaces;
use std::time::Duration;
use tokio::task::JoinHandle;
use tracing::{debug, info};

/// How long a REFER may take to be settled, and each word about it to be answered.
const REFER_MAX: Duration = Duration::from_secs(60);
const NOTICE_MAX: Duration = Duration::from_secs(2);
/// What says how a REFER goes.
const FRAGMENT: &str = "message/sipfrag";

/// Our REFER on its way; `None` for the status of one that nobody answered.
pub(super) type Referring = JoinHandle<Option<u16>>;

/// Whom a REFER names.
pub(super) struct Target {
    /// As a phone of ours would dial them; else their SIP URI.
    to: String,
    /// The leg whose place the new call takes.
    replaces: Option<LegId>,
}

impl Target {
    /// `Err` is the status that the REFER deserves.
    fn of(shared: &Shared, request: &Request) -> Result<Self, u16> {
        let value =
            stack::value(request, "Refer-To").or_else(|| stack::value(request, "r")).ok_or(400_u16)?;
        let address = Address::parse(&value).ok_or(400_u16)?;
        let uri = address.uri().ok_or(400_u16)?;
        let replaces = Replaces::of_uri(&uri)
            .map(|replaces| shared.leg_of_dialog(&replaces.ok_or(400_u16)?))
            .transpose()?;
        let to = match uri.user {
            Some(user) if shared.is_ours(&uri.host) => user,
            Some(user) if uri.scheme == "tel" => user,
            Some(_) => address.uri.split('?').next().unwrap_or_default().to_owned(),
            // Who is to be replaced need not have a name.
            None if replaces.is_some() => String::new(),
            None => return Err(400),
        };
        Ok(Self { to, replaces })
    }
}

impl Shared {
    /// The leg that a `Replaces` names; `Err` is what whoever sent it is told (RFC 3891 §3).
    pub(super) fn leg_of_dialog(&self, replaces: &Replaces) -> Result<LegId, u16> {
        let key = (replaces.call_id.clone(), replaces.to_tag.clone());
        let leg = lock(&self.dialogs).get(&key).copied().ok_or(481_u16)?;
        let legs = lock(&self.legs);
        let entry = legs.get(&leg).ok_or(481_u16)?;
        let is = |id: &rsipstack::dialog::DialogId| {
            id.call_id == replaces.call_id
                && id.local_tag == replaces.to_tag
                && id.remote_tag == replaces.from_tag
        };
        match entry.dialogs.iter().any(is) {
            true if !entry.up => Err(481),
            true if replaces.early_only => Err(486),
            true => Ok(leg),
            false => Err(481),
        }
    }
}

impl Established {
    /// A REFER of the peer.
    pub(super) async fn referred(&self, request: &Request, handle: TransactionHandle) {
        match Target::of(&self.shared, request) {
            Ok(Target { to, replaces }) => {
                respond(&handle, 202, Vec::new(), None).await;
                sent(&handle).await;
                self.tell_referrer(100, &format!("active;expires={}", REFER_MAX.as_secs())).await;
                self.shared.report(Event::Referred { leg: self.leg, to, replaces }).await;
            }
            Err(status) => {
                info!(leg = self.leg.0, "leg {} refers to nobody we know: {status}", self.leg.0);
                respond(&handle, status, Vec::new(), None).await;
            }
        }
    }

    /// Tells the peer how its REFER goes (RFC 3515 §2.4.4). A BYE that follows must not overtake it, so this waits for
    /// an answer, but not long.
    pub(super) async fn tell_referrer(&self, status: u16, state: &str) {
        let reason = match status {
            100 => "Trying",
            200 => "OK",
            403 => "Forbidden",
            404 => "Not Found",
            _ => "Decline",
        };
        let headers = vec![
            stack::header("Event", "refer"),
            stack::header("Subscription-State", state),
            stack::header("Content-Type", "message/sipfrag;version=2.0"),
        ];
        let body = format!("SIP/2.0 {status} {reason}\r\n").into_bytes();
        let told = tokio::time::timeout(NOTICE_MAX, self.dialog.notify(Some(headers), Some(body))).await;
        if !matches!(told, Ok(Ok(Some(_)))) {
            debug!(leg = self.leg.0, "leg {} was not told of its REFER: {status}", self.leg.0);
        }
    }

    /// Asks the peer to call somebody else. The answer takes as long as the peer takes.
    pub(super) fn refer(&self, to: &str) -> Referring {
        let dialog = self.dialog.clone();
        let (leg, refer_to) = (self.leg, format!("<{to}>"));
        let referred_by = self.shared.contact(super::locate::Wire::Udp);
        self.shared.tasks.spawn(async move {
            let headers = vec![
                stack::header("Refer-To", refer_to),
                stack::header("Referred-By", format!("<{referred_by}>")),
            ];
            match dialog.request(rsipstack::sip::Method::Refer, Some(headers), None).await {
                Ok(response) => response.map(|response: Response| response.status_code.code()),
                Err(failure) => {
                    info!(leg = leg.0, "the REFER of leg {} failed: {failure}", leg.0);
                    None
                }
            }
        })
    }

    /// A NOTIFY: the peer says how our REFER goes.
    pub(super) async fn notified(&self, request: &Request, handle: TransactionHandle) {
        let event = stack::value(request, "Event").or_else(|| stack::value(request, "o")).unwrap_or_default();
        let package = event.split([';', ' ']).next().unwrap_or_default();
        if !self.refers || !package.eq_ignore_ascii_case("refer") {
            // Nobody subscribed to anything else (RFC 6665 §4.1.3).
            return respond(&handle, 481, Vec::new(), None).await;
        }
        let kind = stack::value(request, "Content-Type").unwrap_or_default().to_ascii_lowercase();
        let status = fragment(&request.body).filter(|_| kind.starts_with(FRAGMENT));
        respond(&handle, 200, Vec::new(), None).await;
        sent(&handle).await;
        let state = stack::value(request, "Subscription-State").unwrap_or_default().to_ascii_lowercase();
        let over = state.trim_start().starts_with("terminated") || status.is_some_and(|code| code >= 200);
        if status.is_some() || over {
            self.shared.report(Event::ReferNotified { leg: self.leg, status, over }).await;
        }
    }
}

/// Waits until the final answer that was given is on its way: what we say next must not overtake it. The stack sends it in a task of
/// its own, and takes no more answers then; those given here are never sent.
async fn sent(handle: &TransactionHandle) {
    let answered = async { while handle.reply(stack::status(200)).await.is_ok() {} };
    if tokio::time::timeout(NOTICE_MAX, answered).await.is_err() {
        debug!("an answer was not sent in time");
    }
}

/// The status in a fragment of a response: `SIP/2.0 180 Ringing`.
fn fragment(body: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(body.get(..body.len().min(64))?).ok()?;
    let mut words = line.split_ascii_whitespace();
    let version = words.next()?;
    let status = words.next()?.parse().ok()?;
    (version.eq_ignore_ascii_case("SIP/2.0") && (100..700).contains(&status)).then_some(status)
}

/// Our `Allow`, where a method is not for this leg.
pub(super) fn allowed() -> Vec<Header> {
    vec![Header::Allow(stack::ALLOW.into())]
}

#[cfg(test)]
mod tests {
    use super::fragment;

    #[test]
    fn a_fragment_says_a_status() {
        assert_eq!(fragment(b"SIP/2.0 100 Trying\r\n"), Some(100));
        assert_eq!(fragment(b"SIP/2.0 603 Declined\r\nVia: x\r\n\r\n"), Some(603));
        assert_eq!(fragment(b"sip/2.0 486"), Some(486));
        for bad in
            [&b""[..], b"SIP/2.0", b"SIP/2.0 99 x", b"HTTP/1.1 200 OK", b"SIP/2.0 abc", b"\xff\xfe 200"]
        {
            assert_eq!(fragment(bad), None);
        }
    }
}
