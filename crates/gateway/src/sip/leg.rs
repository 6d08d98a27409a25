//! What inbound and outbound legs have in common: their mailbox, their end, and their life after the answer.

use super::edge::lock;
use super::refer::{self, Referring};
use super::stack::{self, ALLOW, SUPPORTED};
use super::{Order, Shared};
use base::Mono;
use media::session::{Codec as MediaCodec, Session};
use media::srtp::{self, Keys};
use rsipstack::dialog::DialogId;
use rsipstack::dialog::dialog::{
    Dialog, DialogState, DialogStateReceiver, TerminatedReason, TransactionHandle,
};
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Method, Request, Response, StatusCodeKind};
use rsipstack::transaction::key::TransactionRole;
use sip::crypto::{self, MasterKey, SUITES};
use sip::offer::{Agreed, Codec, Negotiator, Srtp};
use sip::port::{Cause, Event, LegId, Source};
use sip::sdp::{self, Description};
use sip::timer::{Asked, Refresher, SessionExpires, SessionTimer, TimerAction};
use std::future::Future;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::{debug, error, info, warn};

/// Orders that may wait for a leg. A leg that falls so far behind is ended.
pub(super) const ORDERS_MAX: usize = 32;

/// How a leg ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub(super) cause: Cause,
    pub(super) status: Option<u16>,
}

impl End {
    pub(super) fn new(cause: Cause, status: Option<u16>) -> Self {
        Self { cause, status }
    }
}

/// A live leg as the gateway knows it.
pub(super) struct Entry {
    pub(super) orders: mpsc::Sender<Order>,
    pub(super) dialogs: Vec<DialogId>,
    /// Who is at its other end, where that is known: they alone may put another leg in its place.
    pub(super) party: Option<Source>,
    /// It is answered.
    pub(super) up: bool,
}

impl Shared {
    /// Gives a leg its mailbox.
    pub(super) fn enlist(&self, leg: LegId) -> mpsc::Receiver<Order> {
        let (orders, mailbox) = mpsc::channel(ORDERS_MAX);
        lock(&self.legs).insert(leg, Entry { orders, dialogs: Vec::new(), party: None, up: false });
        mailbox
    }

    /// Lets in-dialog requests find their leg, before and after it is answered.
    pub(super) fn know_dialog(&self, leg: LegId, id: DialogId) {
        lock(&self.dialogs).insert((id.call_id.clone(), id.local_tag.clone()), leg);
        if let Some(entry) = lock(&self.legs).get_mut(&leg) {
            entry.dialogs.push(id);
        }
    }

    /// Says who is at the other end of a leg.
    pub(super) fn know_party(&self, leg: LegId, party: Source) {
        if let Some(entry) = lock(&self.legs).get_mut(&leg) {
            entry.party = Some(party);
        }
    }

    /// Runs a leg to its end, and reports that end exactly once: even if the leg panics.
    pub(super) fn run_leg(self: &Arc<Self>, leg: LegId, run: impl Future<Output = End> + Send + 'static) {
        let shared = self.clone();
        let running = self.tasks.spawn(run);
        self.tasks.spawn(async move {
            let end = running.await.unwrap_or_else(|failure| {
                error!(leg = leg.0, "leg {} came to an unplanned end: {failure}", leg.0);
                End::new(Cause::Failed, Some(500))
            });
            shared.release(leg);
            let End { cause, status } = end;
            info!(leg = leg.0, ?cause, ?status, "leg {} is gone: {cause:?}", leg.0);
            shared.report(Event::Gone { leg, cause, status }).await;
        });
    }

    fn release(&self, leg: LegId) {
        self.media.close(leg.0);
        let entry = lock(&self.legs).remove(&leg);
        for id in entry.into_iter().flat_map(|entry| entry.dialogs) {
            lock(&self.dialogs).remove(&(id.call_id.clone(), id.local_tag.clone()));
            self.layer.remove_dialog(&id);
        }
    }

    /// Tells the engine, waiting for room in its mailbox.
    pub(super) async fn report(&self, event: Event) {
        if self.events.send(event).await.is_err() && !self.stop.is_cancelled() {
            error!("the engine does not take SIP events any more");
        }
    }

    /// An RTP port for a leg, and its offers and answers. `None` if there is no port left.
    pub(super) fn open_media(&self, leg: LegId, srtp: Srtp) -> Option<Negotiator> {
        let address = match self.media.open(leg.0) {
            Ok(address) => address,
            Err(failure) => {
                warn!(leg = leg.0, "leg {} gets no RTP port: {failure}", leg.0);
                return None;
            }
        };
        let advertised = std::net::SocketAddr::new(self.settings.advertised, address.port());
        let mut entropy = lock(&self.entropy);
        let session = entropy.next_u64();
        let keys: [MasterKey; SUITES.len()] = SUITES.map(|_| entropy.bytes());
        let codecs = self.settings.codecs.clone();
        let negotiator = Negotiator::new(advertised, codecs, session).with_srtp(srtp, keys);
        Some(negotiator.with_comfort_noise(self.settings.comfort_noise))
    }

    /// Gives the media plane what was agreed.
    pub(super) fn connect(&self, leg: LegId, agreed: &Agreed) {
        let codec = match agreed.codec {
            Codec::Pcmu => MediaCodec::Pcmu,
            Codec::Pcma => MediaCodec::Pcma,
            Codec::G722 => MediaCodec::G722,
            Codec::Opus => MediaCodec::Opus,
        };
        let keys = agreed.crypto.map(|crypto| Keys {
            suite: match crypto.suite {
                crypto::Suite::Sha1_80 => srtp::Suite::Sha1_80,
                crypto::Suite::Sha1_32 => srtp::Suite::Sha1_32,
            },
            ours: crypto.ours,
            theirs: crypto.theirs,
        });
        self.media.secure(leg.0, keys);
        let session = Session {
            remote: agreed.remote,
            codec,
            payload_type: agreed.payload_type,
            dtmf_payload_type: agreed.dtmf_payload_type,
            comfort_noise: agreed.comfort_noise,
            send: agreed.direction.sends(),
            receive: agreed.direction.receives(),
        };
        self.media.connect(leg.0, session);
    }

    /// Waits until `at` by the one clock; for ever if there is nothing to wait for.
    pub(super) async fn until(&self, at: Option<Mono>) {
        match at {
            Some(at) => pause(at.since(self.settings.clock.now().mono)).await,
            None => std::future::pending().await,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the shell: a deadline of the leg's own")]
pub(super) async fn pause(length: std::time::Duration) {
    tokio::time::sleep(length).await;
}

/// The description in a message, or `Ok(None)` without one. `Err` is the status it deserves.
pub(super) fn description(content_type: Option<&str>, body: &[u8]) -> Result<Option<Description>, u16> {
    let Some(text) = stack::sdp_body(content_type, body).map_err(|()| 415_u16)? else { return Ok(None) };
    sdp::parse(&text).map(Some).map_err(|_| 400)
}

pub(super) fn description_of_request(request: &Request) -> Result<Option<Description>, u16> {
    description(stack::value(request, "Content-Type").as_deref(), &request.body)
}

pub(super) fn description_of_response(response: &Response) -> Option<Description> {
    description(stack::value(response, "Content-Type").as_deref(), &response.body).ok().flatten()
}

/// What a message says about session timers.
pub(super) fn asked(message: &impl rsipstack::sip::HasHeaders) -> Asked {
    Asked {
        session_expires: stack::value(message, "Session-Expires")
            .and_then(|value| SessionExpires::parse(&value)),
        min_se_s: stack::value(message, "Min-SE")
            .and_then(|value| value.split(';').next()?.trim().parse().ok()),
        supported: stack::lists(message, "Supported", "timer"),
    }
}

/// Headers of every 2xx of ours that carries a description.
pub(super) fn answer_headers(timer: Option<SessionExpires>, with_body: bool) -> Vec<Header> {
    let mut headers = vec![Header::Allow(ALLOW.into()), Header::Supported(SUPPORTED.into())];
    if with_body {
        headers.push(Header::ContentType("application/sdp".into()));
    }
    if let Some(timer) = timer {
        headers.push(Header::SessionExpires(timer.to_string().into()));
        if timer.refresher == Some(Refresher::Uac) {
            headers.push(Header::Require("timer".into()));
        }
    }
    headers
}

/// An answered leg.
pub(super) struct Established {
    pub(super) shared: Arc<Shared>,
    pub(super) leg: LegId,
    pub(super) dialog: InviteDialog,
    pub(super) negotiator: Negotiator,
    pub(super) timer: Option<SessionTimer>,
    /// Whether the peer's `Allow` lists UPDATE, which refreshes without talking about media.
    pub(super) takes_update: bool,
    pub(super) held: bool,
    /// A re-INVITE without an offer got ours; the answer comes with this CSeq number's ACK.
    pub(super) offered_in: Option<u32>,
    /// Our REFER, while it is not answered.
    pub(super) referring: Option<Referring>,
    /// The peer has been asked to call somebody else, and may say how that goes.
    pub(super) refers: bool,
}

type Refresh = JoinHandle<rsipstack::Result<Option<Response>>>;

impl Established {
    /// Lives until either side hangs up or the peer is lost.
    pub(super) async fn run(
        mut self,
        orders: &mut mpsc::Receiver<Order>,
        states: &mut DialogStateReceiver,
    ) -> End {
        let mut refresh: Option<Refresh> = None;
        if let Some(entry) = lock(&self.shared.legs).get_mut(&self.leg) {
            entry.up = true;
        }
        self.report_hold().await;
        loop {
            let due = self.timer.as_ref().map(SessionTimer::next);
            let end = tokio::select! {
                order = orders.recv() => self.order(order).await,
                state = states.recv() => match state {
                    Some(state) => self.state(state).await,
                    None => Some(End::new(Cause::Lost, None)),
                },
                () = self.shared.until(due) => self.timer_due(&mut refresh),
                done = finished(&mut refresh) => {
                    refresh = None;
                    self.refreshed(done)
                }
                status = answered(&mut self.referring) => {
                    self.referring = None;
                    self.refers = status.is_some_and(|status| (200..300).contains(&status));
                    self.shared.report(Event::ReferAnswered { leg: self.leg, status }).await;
                    None
                }
            };
            if let Some(end) = end {
                return end;
            }
        }
    }

    async fn order(&mut self, order: Option<Order>) -> Option<End> {
        match order {
            // The mailbox closes when the gateway stops.
            None | Some(Order::Hangup) => {
                self.bye();
                Some(End::new(Cause::WeHungUp, None))
            }
            Some(Order::Request(mut tx)) => {
                // A PRACK after the answer acknowledges nothing any more.
                let status = stack::status(481);
                if let Err(failure) = tx.reply(status).await {
                    debug!(leg = self.leg.0, "could not answer a late request: {failure}");
                }
                None
            }
            Some(Order::Refer(to)) => {
                self.refers = true;
                self.referring = Some(self.refer(&to));
                None
            }
            Some(Order::Referred(status)) => {
                self.tell_referrer(status, "terminated;reason=noresource").await;
                None
            }
            Some(other) => {
                debug!(leg = self.leg.0, "leg {} is answered already and does not {other:?}", self.leg.0);
                None
            }
        }
    }

    /// Sends a BYE, which takes as long as the peer takes to answer it; nobody waits for that.
    pub(super) fn bye(&self) {
        bye(&self.shared, self.dialog.clone());
    }

    async fn state(&mut self, state: DialogState) -> Option<End> {
        if state.id().local_tag != self.dialog.id().local_tag {
            // Another branch of a forked call. One that answered after the first is let go at once.
            return None;
        }
        match state {
            DialogState::Terminated(_, reason) => Some(self.terminated(&reason)),
            DialogState::Updated(_, request, handle) => {
                self.updated(&request, handle).await;
                None
            }
            DialogState::Confirmed(..) => self.acknowledged().await,
            DialogState::Info(_, request, handle) => {
                respond(&handle, 200, answer_headers(None, false), None).await;
                let kind = stack::value(&request, "Content-Type").unwrap_or_default();
                if let Some(digit) = sip::dtmf::digit(&kind, &request.body) {
                    self.shared.report(Event::Digit { leg: self.leg, digit }).await;
                }
                None
            }
            DialogState::Options(_, _, handle) => {
                respond(&handle, 200, answer_headers(None, false), None).await;
                None
            }
            DialogState::Refer(_, request, handle) => {
                self.referred(&request, handle).await;
                None
            }
            DialogState::Notify(_, request, handle) => {
                self.notified(&request, handle).await;
                None
            }
            DialogState::Message(_, _, handle) | DialogState::Publish(_, _, handle) => {
                respond(&handle, 405, refer::allowed(), None).await;
                None
            }
            DialogState::Calling(_)
            | DialogState::Trying(_)
            | DialogState::Early(..)
            | DialogState::WaitAck(..) => None,
        }
    }

    fn terminated(&self, reason: &TerminatedReason) -> End {
        let peers = match self.dialog.role() {
            TransactionRole::Server => matches!(reason, TerminatedReason::UacBye),
            TransactionRole::Client => matches!(reason, TerminatedReason::UasBye),
        };
        match reason {
            _ if peers => End::new(Cause::PeerHungUp, None),
            TerminatedReason::Timeout => End::new(Cause::Lost, Some(408)),
            _ => End::new(Cause::Lost, None),
        }
    }

    /// A re-INVITE or an UPDATE.
    async fn updated(&mut self, request: &Request, handle: TransactionHandle) {
        let asked = asked(request);
        let timer = match sip::timer::answer(&asked) {
            Ok(timer) => timer,
            Err(_) => {
                let least = vec![Header::MinSE(sip::timer::MIN_SE_S.to_string().into())];
                return respond(&handle, 422, least, None).await;
            }
        };
        if let Ok(contact) = request.contact_header() {
            self.retarget(contact.value());
        }
        let offer = match description_of_request(request) {
            Ok(offer) => offer,
            Err(status) => return respond(&handle, status, Vec::new(), None).await,
        };
        let body = match (&offer, request.method == Method::Invite) {
            (Some(offer), _) => match self.negotiator.answer(offer) {
                Ok((answer, agreed)) => {
                    self.shared.connect(self.leg, &agreed);
                    Some(answer)
                }
                Err(failure) => {
                    info!(leg = self.leg.0, "leg {} cannot take the peer's new offer: {failure}", self.leg.0);
                    return respond(&handle, 488, Vec::new(), None).await;
                }
            },
            (None, true) => {
                self.offered_in = Some(stack::cseq(request));
                Some(self.negotiator.offer())
            }
            (None, false) => None,
        };
        let headers = answer_headers(timer, body.is_some());
        respond(&handle, 200, headers, body.map(String::into_bytes)).await;
        self.timer = timer.map(|agreed| SessionTimer::start(agreed, Refresher::Uas, self.now()));
        self.report_hold().await;
    }

    /// The ACK of a re-INVITE; it carries the answer if our 2xx carried the offer.
    async fn acknowledged(&mut self) -> Option<End> {
        let wanted = self.offered_in?;
        let ack = self.dialog.last_remote_ack().filter(|ack| stack::cseq(ack) == wanted)?;
        self.offered_in = None;
        let answer = description_of_request(&ack).ok().flatten()?;
        match self.negotiator.accept(&answer) {
            Ok(agreed) => {
                self.shared.connect(self.leg, &agreed);
                self.report_hold().await;
            }
            Err(failure) => {
                warn!(leg = self.leg.0, "leg {} cannot take the peer's answer: {failure}", self.leg.0)
            }
        }
        None
    }

    async fn report_hold(&mut self) {
        let held = self.negotiator.agreed().is_some_and(|agreed| agreed.held);
        if held != self.held {
            self.held = held;
            self.shared.report(Event::PeerHold { leg: self.leg, held }).await;
        }
    }

    /// The stack does not take the new remote target of a target refresh; we do it for it.
    fn retarget(&self, contact: &str) {
        let uri = sip::address::Address::parse(contact)
            .and_then(|address| rsipstack::sip::Uri::try_from(address.uri.as_str()).ok());
        if let Some(uri) = uri {
            Dialog::Invite(self.dialog.clone()).set_remote_target(uri, Some(contact.into()));
        }
    }

    fn timer_due(&mut self, refresh: &mut Option<Refresh>) -> Option<End> {
        let now = self.now();
        let timer = self.timer.as_mut()?;
        match timer.poll(now)? {
            TimerAction::Expire => {
                info!(leg = self.leg.0, "leg {} was not refreshed in time", self.leg.0);
                self.bye();
                Some(End::new(Cause::Lost, Some(408)))
            }
            TimerAction::Refresh => {
                *refresh = Some(self.refresh());
                None
            }
        }
    }

    fn refresh(&mut self) -> Refresh {
        let dialog = self.dialog.clone();
        let ours = SessionExpires { seconds: sip::timer::SESSION_EXPIRES_S, refresher: Some(Refresher::Uac) };
        let mut headers = vec![
            Header::Supported(SUPPORTED.into()),
            Header::SessionExpires(ours.to_string().into()),
            Header::MinSE(sip::timer::MIN_SE_S.to_string().into()),
        ];
        let body = (!self.takes_update).then(|| self.negotiator.offer());
        if body.is_some() {
            headers.push(Header::ContentType("application/sdp".into()));
        }
        self.shared.tasks.spawn(async move {
            match body {
                Some(body) => dialog.reinvite(Some(headers), Some(body.into_bytes())).await,
                None => dialog.update(Some(headers), None).await,
            }
        })
    }

    fn refreshed(&mut self, done: rsipstack::Result<Option<Response>>) -> Option<End> {
        let response = match done {
            Ok(Some(response)) => response,
            Ok(None) => return None,
            Err(failure) => {
                warn!(leg = self.leg.0, "leg {} could not be refreshed: {failure}", self.leg.0);
                return None;
            }
        };
        let code = response.status_code.code();
        if response.status_code.kind() == StatusCodeKind::Successful {
            let agreed = asked(&response).session_expires;
            self.timer = agreed.map(|agreed| SessionTimer::start(agreed, Refresher::Uac, self.now()));
            if let Some(answer) = description_of_response(&response)
                && let Ok(agreed) = self.negotiator.accept(&answer)
            {
                self.shared.connect(self.leg, &agreed);
            }
            return None;
        }
        // 481 and 408 say that the call is no more at the other end (RFC 3261 §12.2.1.2). Anything else, glare most
        // of all, leaves the session as it is; if no refresh ever gets through, it expires.
        if matches!(code, 481 | 408) {
            self.bye();
            return Some(End::new(Cause::Lost, Some(code)));
        }
        None
    }

    fn now(&self) -> Mono {
        self.shared.settings.clock.now().mono
    }
}

/// Sends a BYE in a task of its own.
pub(super) fn bye(shared: &Shared, dialog: InviteDialog) {
    shared.tasks.spawn(async move {
        let id = dialog.id();
        if let Err(failure) = dialog.bye().await {
            debug!(sip.call_id = %id.call_id, "the BYE went unanswered: {failure}");
        }
    });
}

async fn finished(refresh: &mut Option<Refresh>) -> rsipstack::Result<Option<Response>> {
    match refresh {
        Some(handle) => handle.await.unwrap_or(Ok(None)),
        None => std::future::pending().await,
    }
}

async fn answered(referring: &mut Option<Referring>) -> Option<u16> {
    match referring {
        Some(handle) => handle.await.ok().flatten(),
        None => std::future::pending().await,
    }
}

pub(super) async fn respond(
    handle: &TransactionHandle,
    status: u16,
    headers: Vec<Header>,
    body: Option<Vec<u8>>,
) {
    if handle.respond(stack::status(status), Some(headers), body).await.is_err() {
        debug!("a request inside a dialog was over before it was answered");
    }
}
