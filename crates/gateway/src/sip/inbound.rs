//! Calls that come in: from the INVITE to the ACK of our answer.

use super::edge::lock;
use super::leg::{self, End, Established, answer_headers, description_of_request};
use super::stack::{self};
use super::{Order, Shared};
use base::Mono;
use rsipstack::dialog::dialog::{DialogState, DialogStateReceiver, TerminatedReason};
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Method, Request};
use rsipstack::transaction::transaction::Transaction;
use sip::address::Address;
use sip::offer::{Agreed, Negotiator, Srtp};
use sip::port::{Cause, Event, LegId, Progress, Source};
use sip::reliable::{Due, Reliable};
use sip::sdp::Description;
use sip::timer::{Refresher, SessionExpires, SessionTimer};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::mpsc;
use tracing::{debug, info};

/// Most headers of an INVITE that are handed to the engine, and the longest of them.
const HEADERS_MAX: usize = 32;
const HEADER_BYTES_MAX: usize = 1024;
/// Longest STIR signature (RFC 8224) that is handed on.
const IDENTITY_BYTES_MAX: usize = 4096;
/// What a trunk says beside that of a call: who signed its number, and who it was for before it was diverted.
const TRUSTED_HEADERS: [&str; 2] = ["Identity", "Diversion"];

/// Takes an INVITE that passed admission: gives it a leg and tells the engine.
pub(super) async fn start(
    shared: Arc<Shared>,
    mut tx: Transaction,
    source: Source,
    peer: SocketAddr,
    offer: Option<Description>,
    timer: Option<SessionExpires>,
    replaced: Option<LegId>,
) {
    let leg = shared.next_inbound_leg();
    let call_id = stack::call_id(&tx.original);
    let srtp = match &source {
        Source::Trunk(name) => shared.trunk(name).map_or(Srtp::Offered, |trunk| trunk.srtp),
        Source::Phone(_) | Source::Client { .. } | Source::Domain { .. } => shared.settings.phones_srtp,
    };
    // A caller without an offer gets ours, and over UDP and TCP its keys could be read by everybody on the way.
    let shown = offer.is_none() && srtp == Srtp::Offered && !stack::wire_of(&tx).is_secret();
    let srtp = if shown { Srtp::Off } else { srtp };
    let Some(mut negotiator) = shared.open_media(leg, srtp) else { return shared.refuse(tx, 503).await };
    let answer = match offer.as_ref().map(|offer| negotiator.answer(offer)).transpose() {
        Ok(answer) => answer,
        Err(failure) => {
            info!(sip.call_id = %call_id, peer = %peer, "a call from {peer} is refused with 488: {failure}");
            shared.media.close(leg.0);
            return shared.refuse(tx, 488).await;
        }
    };
    let (sender, mut states) = shared.layer.new_dialog_state_channel();
    let contact = shared.contact(stack::wire_of(&tx));
    let dialog = match shared.layer.get_or_create_server_invite(&tx, sender, None, Some(contact)) {
        Ok(dialog) => dialog,
        Err(failure) => {
            info!(sip.call_id = %call_id, peer = %peer, "a call from {peer} is refused with 400: {failure}");
            shared.media.close(leg.0);
            return shared.refuse(tx, 400).await;
        }
    };
    let party = source.clone();
    let event = match replaced {
        Some(replaced) => Event::Replacing { leg, replaced, peer: peer.to_string() },
        None => incoming(&shared, leg, &tx.original, source, peer),
    };
    info!(leg = leg.0, sip.call_id = %call_id, peer = %peer, "leg {} is a call from {peer}", leg.0);
    let mut orders = shared.enlist(leg);
    shared.know_party(leg, party);
    shared.know_dialog(leg, dialog.id());
    let takes_update = stack::list(&tx.original, "Allow").to_ascii_uppercase().contains("UPDATE");
    let reliable = stack::lists(&tx.original, "Require", "100rel")
        .then(|| Reliable::new(stack::cseq(&tx.original), lock(&shared.entropy).next_u64() as u32));
    let mut handler = dialog.clone();
    shared.tasks.spawn(async move {
        if let Err(failure) = handler.handle(&mut tx).await {
            debug!(sip.call_id = %call_id, "an INVITE transaction failed: {failure}");
        }
    });
    shared.report(event).await;
    let call = Inbound {
        shared: shared.clone(),
        leg,
        dialog,
        negotiator,
        answer,
        timer,
        takes_update,
        reliable,
        progress: None,
        sent: None,
        stage: Stage::Ringing { to_answer: false },
    };
    shared.run_leg(leg, async move { call.run(&mut orders, &mut states).await });
}

fn incoming(shared: &Shared, leg: LegId, request: &Request, source: Source, peer: SocketAddr) -> Event {
    let (to, to_domain) = stack::uri_of(request);
    let from = request.from_header().ok().and_then(|from| Address::parse(from.value()));
    let asserted = match &source {
        Source::Trunk(_) => stack::value(request, "P-Asserted-Identity").and_then(|value| {
            Address::parse_list(&value)
                .and_then(|list| list.into_iter().find(|address| address.uri().is_some()))
        }),
        Source::Phone(_) | Source::Client { .. } | Source::Domain { .. } => None,
    };
    let identity = asserted.or(from);
    let verstat = match &source {
        Source::Trunk(_) => identity.as_ref().and_then(Address::verstat),
        Source::Phone(_) | Source::Client { .. } | Source::Domain { .. } => None,
    };
    let user = identity.as_ref().and_then(Address::uri).and_then(|uri| uri.user).unwrap_or_default();
    let withheld = stack::value(request, "Privacy").is_some_and(|privacy| {
        privacy
            .split(';')
            .any(|value| matches!(value.trim().to_ascii_lowercase().as_str(), "id" | "user" | "full"))
    });
    let anonymous = withheld || user.is_empty() || user.eq_ignore_ascii_case("anonymous");
    let trunk = match &source {
        Source::Trunk(name) => shared.trunk(name),
        Source::Phone(_) | Source::Client { .. } | Source::Domain { .. } => None,
    };
    let normalise = |number: String| match trunk {
        Some(trunk) => trunk.rules.numbering.normalise(&number),
        None => number,
    };
    let headers = request
        .headers
        .iter()
        .map(|header| (stack::name_of(header), stack::text(header)))
        .filter(|(name, value)| {
            let passed = |known: &&str| name.eq_ignore_ascii_case(known);
            let trunk = matches!(source, Source::Trunk(_));
            let wanted = name.to_ascii_lowercase().starts_with("x-")
                || name.eq_ignore_ascii_case("User-to-User")
                || (trunk && TRUSTED_HEADERS.iter().any(passed));
            let most = if passed(&"Identity") { IDENTITY_BYTES_MAX } else { HEADER_BYTES_MAX };
            wanted && value.len() <= most
        })
        .take(HEADERS_MAX)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    Event::Incoming {
        leg,
        to: normalise(to),
        to_domain,
        from: if anonymous { "anonymous".to_owned() } else { normalise(user) },
        from_name: if withheld { None } else { identity.and_then(|identity| identity.name) },
        verstat,
        call_id: stack::call_id(request),
        headers,
        peer: peer.to_string(),
        source,
    }
}

enum Stage {
    /// Not answered yet; or to be answered as soon as a reliable provisional is acknowledged.
    Ringing { to_answer: bool },
    /// The 200 is sent, its ACK is not here.
    Answered,
}

struct Inbound {
    shared: Arc<Shared>,
    leg: LegId,
    dialog: InviteDialog,
    negotiator: Negotiator,
    /// Our answer to the INVITE's offer; without one, the 200 carries ours.
    answer: Option<(String, Agreed)>,
    timer: Option<SessionExpires>,
    takes_update: bool,
    reliable: Option<Reliable>,
    /// What the engine wants the caller to be told next, while a reliable provisional is in flight.
    progress: Option<Progress>,
    /// The reliable provisional in flight.
    sent: Option<(Progress, u32)>,
    stage: Stage,
}

impl Inbound {
    async fn run(mut self, orders: &mut mpsc::Receiver<Order>, states: &mut DialogStateReceiver) -> End {
        loop {
            let due = self.reliable.as_ref().and_then(Reliable::next);
            let end = tokio::select! {
                order = orders.recv() => self.order(order).await,
                state = states.recv() => match state {
                    Some(DialogState::Confirmed(..)) => match self.acknowledged().await {
                        Ok(()) => break,
                        Err(end) => Some(end),
                    },
                    Some(DialogState::Terminated(_, reason)) => Some(ended(&reason)),
                    Some(_) => None,
                    None => Some(End::new(Cause::Lost, None)),
                },
                () = self.shared.until(due) => self.reliable_due(),
            };
            if let Some(end) = end {
                return end;
            }
        }
        let now = self.now();
        let timer = self.timer.map(|agreed| SessionTimer::start(agreed, Refresher::Uas, now));
        let established = Established {
            shared: self.shared,
            leg: self.leg,
            dialog: self.dialog,
            negotiator: self.negotiator,
            timer,
            takes_update: self.takes_update,
            held: false,
            offered_in: None,
            referring: None,
            refers: false,
        };
        established.run(orders, states).await
    }

    async fn order(&mut self, order: Option<Order>) -> Option<End> {
        match order {
            Some(Order::Progress(progress)) => {
                self.tell(progress);
                None
            }
            Some(Order::Answer) => {
                match self.stage {
                    Stage::Ringing { .. } if self.in_flight() => {
                        self.stage = Stage::Ringing { to_answer: true }
                    }
                    Stage::Ringing { .. } => self.accept(),
                    Stage::Answered => {}
                }
                None
            }
            Some(Order::Refuse(status)) if matches!(self.stage, Stage::Ringing { .. }) => {
                let status = if (300..700).contains(&status) { status } else { 480 };
                Some(self.refuse(Cause::WeHungUp, status))
            }
            Some(Order::Refuse(_) | Order::Hangup) | None => match self.stage {
                Stage::Ringing { .. } => Some(self.refuse(Cause::WeHungUp, 480)),
                Stage::Answered => {
                    leg::bye(&self.shared, self.dialog.clone());
                    Some(End::new(Cause::WeHungUp, None))
                }
            },
            // Nobody is referred before the answer.
            Some(Order::Referred(_) | Order::Refer(_)) => None,
            Some(Order::Request(tx)) => {
                self.acknowledge(*tx).await;
                None
            }
        }
    }

    fn refuse(&self, cause: Cause, status: u16) -> End {
        if let Err(failure) = self.dialog.reject(Some(stack::status(status)), None) {
            debug!(leg = self.leg.0, "leg {} could not be refused: {failure}", self.leg.0);
        }
        End::new(cause, Some(status))
    }

    fn in_flight(&self) -> bool {
        self.reliable.as_ref().is_some_and(Reliable::in_flight)
    }

    /// 180 or 183. Reliable where the peer required it: one after the other then.
    fn tell(&mut self, progress: Progress) {
        if !matches!(self.stage, Stage::Ringing { .. }) {
            return;
        }
        if self.in_flight() {
            self.progress = Some(progress);
            return;
        }
        let now = self.now();
        let rseq = self.reliable.as_mut().and_then(|reliable| reliable.send(now));
        self.send(progress, rseq);
        if let Some(rseq) = rseq {
            self.sent = Some((progress, rseq));
        }
    }

    fn send(&mut self, progress: Progress, rseq: Option<u32>) {
        let body = match (progress, &self.answer, rseq) {
            (Progress::EarlyMedia, Some((answer, agreed)), _) => {
                self.shared.connect(self.leg, agreed);
                Some(answer.clone())
            }
            // The first reliable response to an INVITE without an offer must carry one (RFC 3262 §5).
            (_, None, Some(_)) if self.negotiator.agreed().is_none() => {
                Some(self.negotiator.last().unwrap_or_else(|| self.negotiator.offer()))
            }
            // Without an offer there is nothing to answer early: the caller is told that it rings.
            _ => None,
        };
        let mut headers = answer_headers(None, body.is_some());
        if let Some(rseq) = rseq {
            headers.push(Header::Require("100rel".into()));
            headers.push(Header::RSeq(rseq.to_string().into()));
        }
        if let Err(failure) = self.dialog.ringing(Some(headers), body.map(String::into_bytes)) {
            debug!(leg = self.leg.0, "leg {} could not be told to wait: {failure}", self.leg.0);
        }
    }

    fn reliable_due(&mut self) -> Option<End> {
        let now = self.now();
        match self.reliable.as_mut()?.poll(now)? {
            Due::Repeat => {
                if let Some((progress, rseq)) = self.sent {
                    self.send(progress, Some(rseq));
                }
                None
            }
            Due::GiveUp => Some(self.refuse(Cause::Lost, 504)),
        }
    }

    /// A PRACK.
    async fn acknowledge(&mut self, mut tx: Transaction) {
        let rack = stack::value(&tx.original, "RAck").unwrap_or_default();
        let known = tx.original.method == Method::PRack
            && self.reliable.as_mut().is_some_and(|reliable| reliable.acknowledge(&rack));
        if !known {
            return self.shared.refuse(tx, 481).await;
        }
        self.sent = None;
        // The answer to the offer our reliable provisional made.
        if let Ok(Some(answer)) = description_of_request(&tx.original)
            && let Ok(agreed) = self.negotiator.accept(&answer)
        {
            self.shared.connect(self.leg, &agreed);
        }
        if let Err(failure) = tx.reply(stack::status(200)).await {
            debug!(leg = self.leg.0, "the PRACK of leg {} could not be answered: {failure}", self.leg.0);
        }
        if matches!(self.stage, Stage::Ringing { to_answer: true }) {
            self.accept();
        } else if let Some(progress) = self.progress.take() {
            self.tell(progress);
        }
    }

    fn accept(&mut self) {
        let body = match &self.answer {
            Some((answer, agreed)) => {
                self.shared.connect(self.leg, agreed);
                Some(answer.clone())
            }
            // Offer and answer were exchanged in a reliable provisional and its PRACK.
            None if self.negotiator.agreed().is_some() => None,
            None => Some(self.negotiator.offer()),
        };
        let headers = answer_headers(self.timer, body.is_some());
        self.stage = Stage::Answered;
        if let Err(failure) = self.dialog.accept(Some(headers), body.map(String::into_bytes)) {
            debug!(leg = self.leg.0, "leg {} could not be answered: {failure}", self.leg.0);
        }
    }

    /// The ACK, which carries the answer if our 200 carried the offer.
    async fn acknowledged(&mut self) -> Result<(), End> {
        if self.negotiator.agreed().is_none() {
            let answer =
                self.dialog.last_remote_ack().and_then(|ack| description_of_request(&ack).ok().flatten());
            let agreed = answer
                .ok_or("it has none")
                .and_then(|answer| self.negotiator.accept(&answer).map_err(|_| "it cannot be met"));
            match agreed {
                Ok(agreed) => self.shared.connect(self.leg, &agreed),
                Err(why) => {
                    info!(
                        leg = self.leg.0,
                        "leg {} ends: the answer in the ACK is of no use, {why}", self.leg.0
                    );
                    leg::bye(&self.shared, self.dialog.clone());
                    return Err(End::new(Cause::Failed, Some(488)));
                }
            }
        }
        self.shared.report(Event::Answered { leg: self.leg }).await;
        Ok(())
    }

    fn now(&self) -> Mono {
        self.shared.settings.clock.now().mono
    }
}

fn ended(reason: &TerminatedReason) -> End {
    match reason {
        // The second is a caller's early BYE; our own refusals end the leg before their state is seen.
        TerminatedReason::UacCancel | TerminatedReason::UasDecline => End::new(Cause::PeerHungUp, Some(487)),
        TerminatedReason::UacBye => End::new(Cause::PeerHungUp, None),
        TerminatedReason::Timeout => End::new(Cause::Lost, Some(408)),
        _ => End::new(Cause::Failed, None),
    }
}
