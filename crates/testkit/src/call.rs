use crate::client::Challenge;
use crate::dialog::{Dialog, route_set};
use crate::ear::{Ear, Heard, Tone};
use crate::endpoint::{Running, T1, TRANSACTION_MAX};
use crate::media::Media;
use crate::message::{Message, uri_of};
use crate::sdp::{self, Direction};
use crate::trouble::Trouble;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// We sent BYE.
    WeHungUp,
    /// They sent BYE.
    TheyHungUp,
    /// The one who called gave up before an answer.
    Canceled,
    /// We refused it with this code.
    WeRefused(u16),
    /// They refused it with this code.
    Refused(u16),
    /// Nothing answered our INVITE.
    Lost,
}

/// Where a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The INVITE is on its way.
    Trying,
    /// It rings, there or here.
    Ringing,
    /// Answered.
    Up,
    /// Over.
    Ended(End),
}

/// A party's end of one call. Cheap to clone. A taken call that nobody holds any more is silent and deaf.
#[derive(Clone)]
pub struct Call {
    pub(crate) core: Arc<Core>,
}

/// What calls need to know about whoever makes or takes them.
#[derive(Clone)]
pub(crate) struct Party {
    pub name: String,
    pub user: String,
    pub domain: String,
    pub password: Option<String>,
    pub tone: Option<Tone>,
    pub codecs: Vec<u8>,
    pub running: Arc<Running>,
    pub server: SocketAddr,
}

pub(crate) struct Core {
    party: Party,
    media: Media,
    phase: watch::Sender<Phase>,
    /// What was said of a REFER of ours.
    fragments: watch::Sender<Vec<String>>,
    acked: watch::Sender<bool>,
    inner: Mutex<Inner>,
    opened: Instant,
}

struct Inner {
    dialog: Dialog,
    /// Theirs if they called, ours if we did: with its Via.
    invite: Message,
    invite_from: SocketAddr,
    direction: Direction,
    /// What the peer last wrote about itself.
    peer: Option<Direction>,
    sdp_version: u32,
    answered: Option<Instant>,
    progressed: bool,
}

impl Call {
    /// Sends an INVITE to `to` (a number, a user name or a whole `sip:` URI).
    pub(crate) fn place(party: Party, to: &str) -> Result<Self, Trouble> {
        let endpoint = party.running.endpoint.clone();
        let uri = if to.starts_with("sip:") { to.to_owned() } else { format!("sip:{to}@{}", party.domain) };
        let dialog = Dialog {
            call_id: endpoint.token(),
            local: format!(
                "\"{}\" <sip:{}@{}>;tag={}",
                party.name,
                party.user,
                party.domain,
                endpoint.token()
            ),
            remote: format!("<{uri}>"),
            target: uri,
            routes: Vec::new(),
            cseq: 0,
            peer: party.server,
            contact: format!("<sip:{}@{}>", party.user, endpoint.local),
        };
        let media = Media::open(endpoint.local.ip(), party.tone, endpoint.number())
            .map_err(|e| Trouble::network(&party.name, e))?;
        let core = Core::new(party, media, dialog, Message::request("INVITE", ""), endpoint.local);
        endpoint.add_call(&core.inner().dialog.call_id.clone(), &core);
        tokio::spawn(invite(core.clone()));
        Ok(Self { core })
    }

    /// Takes an INVITE that came from `from`, and rings. `None` when the offer cannot be spoken (it was refused).
    pub(crate) async fn take(party: Party, request: Message, from: SocketAddr) -> Option<Self> {
        let endpoint = party.running.endpoint.clone();
        let remote = sdp::parse(&request.body, &party.codecs);
        if remote.is_none() && !request.body.is_empty() {
            let response = Message::response(&request, 488, "Not Acceptable Here");
            endpoint.respond(&request, response, from).await;
            return None;
        }
        let media = Media::open(endpoint.local.ip(), party.tone, endpoint.number()).ok()?;
        let dialog = Dialog {
            call_id: request.header("Call-ID")?.to_owned(),
            local: format!("{};tag={}", request.header("To")?, endpoint.token()),
            remote: request.header("From")?.to_owned(),
            target: uri_of(request.header("Contact").unwrap_or_default()).to_owned(),
            routes: route_set(&request),
            cseq: 100,
            peer: from,
            contact: format!("<sip:{}@{}>", party.user, endpoint.local),
        };
        let core = Core::new(party, media, dialog, request, from);
        endpoint.add_call(&core.inner().dialog.call_id.clone(), &core);
        core.inner().peer = remote.map(|r| r.direction);
        core.respond_to_invite(180, "Ringing", None).await;
        core.phase.send_replace(Phase::Ringing);
        Some(Self { core })
    }

    /// Whose end this is.
    pub fn name(&self) -> &str {
        &self.core.party.name
    }

    /// Where the call is.
    pub fn phase(&self) -> Phase {
        *self.core.phase.borrow()
    }

    /// When it was answered.
    pub fn answered_at(&self) -> Option<Instant> {
        self.core.inner().answered
    }

    /// When it was placed, or arrived.
    pub fn opened_at(&self) -> Instant {
        self.core.opened
    }

    /// The INVITE: theirs if they called.
    pub fn invite(&self) -> Message {
        self.core.inner().invite.clone()
    }

    /// Who calls, by the user part of From.
    pub fn caller(&self) -> String {
        self.invite().user("From").unwrap_or_default().to_owned()
    }

    /// Number that was dialled, by the user part of the request URI.
    pub fn dialled(&self) -> String {
        self.invite().user("").unwrap_or_default().to_owned()
    }

    /// The SIP Call-ID.
    pub fn sip_call_id(&self) -> String {
        self.core.inner().dialog.call_id.clone()
    }

    /// Answers a ringing call with 200 and waits for the ACK.
    pub async fn answers(self) -> Result<Self, Trouble> {
        let core = &self.core;
        let invite = self.invite();
        let remote = sdp::parse(&invite.body, &core.party.codecs);
        let direction = remote.map_or(Direction::SendRecv, |r| r.direction.mirrored());
        let codecs = remote.map_or(core.party.codecs.clone(), |r| vec![r.codec]);
        let body = core.describe(&codecs, direction);
        core.connect(remote.map(|r| sdp::Remote { direction, ..r }));
        core.inner().answered = Some(Instant::now());
        let answering = tokio::spawn(repeat_200(core.clone(), body));
        self.phase_in(|phase| phase != Phase::Ringing && phase != Phase::Trying, TRANSACTION_MAX, "the ACK")
            .await?;
        answering.abort();
        self.still_up()?;
        Ok(self)
    }

    /// Refuses a ringing call: 486 busy, 603 decline, 480 unavailable.
    pub async fn declines(self, code: u16) {
        let reason = match code {
            486 => "Busy Here",
            603 => "Decline",
            480 => "Temporarily Unavailable",
            _ => "Refused",
        };
        self.core.respond_to_invite(code, reason, None).await;
        self.core.end(End::WeRefused(code));
    }

    /// Waits until the other side rings (180 or 183), or has answered.
    pub async fn rings(&self, within: Duration) -> Result<(), Trouble> {
        self.phase_in(|phase| phase != Phase::Trying, within, "ringing").await?;
        match self.phase() {
            Phase::Ended(end) => Err(self.trouble("ringing", within, format!("the call ended: {end:?}"))),
            _ => Ok(()),
        }
    }

    /// Waits until the call is answered.
    pub async fn answered(&self, within: Duration) -> Result<(), Trouble> {
        self.phase_in(|phase| matches!(phase, Phase::Up | Phase::Ended(_)), within, "an answer").await?;
        self.still_up()
    }

    /// Waits until the call is over, however.
    pub async fn ends(&self, within: Duration) -> Result<End, Trouble> {
        match self.phase_in(|phase| matches!(phase, Phase::Ended(_)), within, "the end of the call").await? {
            Phase::Ended(end) => Ok(end),
            _ => unreachable!("the phase was waited for"),
        }
    }

    /// Ends the call from here: BYE when up, CANCEL while it rings there, 480 while it rings here.
    pub async fn hangs_up(&self) -> Result<(), Trouble> {
        let core = &self.core;
        match self.phase() {
            Phase::Ended(_) => return Ok(()),
            Phase::Up => {}
            Phase::Trying | Phase::Ringing if core.they_called() => {
                self.clone().declines(480).await;
                return Ok(());
            }
            Phase::Trying | Phase::Ringing => return self.cancels().await,
        }
        let (request, to) = core.in_dialog("BYE");
        core.end(End::WeHungUp);
        let response = core.party.running.endpoint.transact(request, to).await;
        match response.as_ref().and_then(Message::code) {
            Some(code) if code < 300 || code == 481 => Ok(()),
            code => Err(core.refused("BYE", code, response.as_ref())),
        }
    }

    /// Gives up before an answer: CANCEL, then waits for the end.
    pub async fn cancels(&self) -> Result<(), Trouble> {
        let core = &self.core;
        // RFC 3261 §9.1: no CANCEL before a provisional response.
        let mut phase = core.phase.subscribe();
        let deadline = tokio::time::Instant::now() + TRANSACTION_MAX;
        loop {
            let (progressed, now) = (core.inner().progressed, *phase.borrow_and_update());
            match now {
                Phase::Ended(_) => return Ok(()),
                Phase::Up => return Box::pin(self.hangs_up()).await,
                _ if progressed => break,
                _ => {}
            }
            if tokio::time::timeout_at(deadline, phase.changed()).await.is_err() {
                return Err(self.trouble("a provisional response", TRANSACTION_MAX, "nothing came".into()));
            }
        }
        let (request, to) = {
            let inner = core.inner();
            let mut request = inner.invite.clone();
            if let crate::message::Start::Request { method, .. } = &mut request.start {
                *method = "CANCEL".to_owned();
            }
            request.body.clear();
            request.headers.retain(|(name, _)| {
                ["via", "from", "to", "call-id", "max-forwards", "route"]
                    .contains(&name.to_ascii_lowercase().as_str())
            });
            let cseq = format!("{} CANCEL", inner.invite.cseq().map_or(1, |(n, _)| n));
            (request.with("CSeq", cseq), inner.dialog.peer)
        };
        let response = core.party.running.endpoint.transact(request, to).await;
        match response.as_ref().and_then(Message::code) {
            Some(200) => {}
            code => return Err(core.refused("CANCEL", code, response.as_ref())),
        }
        if self.ends(TRANSACTION_MAX).await? == End::Refused(487) {
            core.phase.send_replace(Phase::Ended(End::Canceled));
        }
        Ok(())
    }

    /// Puts the other side on hold: re-INVITE with `sendonly`. Our tone goes on.
    pub async fn holds(&self) -> Result<(), Trouble> {
        self.renegotiates(Direction::SendOnly).await
    }

    /// Takes it back from hold.
    pub async fn resumes(&self) -> Result<(), Trouble> {
        self.renegotiates(Direction::SendRecv).await
    }

    /// Dials digits (RFC 4733) and waits until they are sent.
    pub async fn presses(&self, digits: &str) {
        self.core.media.dial(digits);
        let mut pause = tokio::time::interval(Duration::from_millis(20));
        while self.core.media.dialling() && !matches!(self.phase(), Phase::Ended(_)) {
            pause.tick().await;
        }
    }

    /// Sends a digit in an INFO request, as phones do that do not know RFC 4733.
    pub async fn presses_in_info(&self, digit: char) -> Result<(), Trouble> {
        let core = &self.core;
        let (mut request, to) = core.in_dialog("INFO");
        request.body = format!("Signal={digit}\r\nDuration=160\r\n");
        let request = request.with("Content-Type", "application/dtmf-relay");
        let response = core.party.running.endpoint.transact(request, to).await;
        match response.as_ref().and_then(Message::code) {
            Some(200) => Ok(()),
            code => Err(core.refused("INFO", code, response.as_ref())),
        }
    }

    /// Asks the other side to call somebody else in our place (RFC 3515); answers the status of the REFER.
    pub async fn refers(&self, to: &str) -> Result<u16, Trouble> {
        let core = &self.core;
        let (request, server) = core.in_dialog("REFER");
        let target = match to.contains(':') {
            true => to.to_owned(),
            false => format!("sip:{to}@{}", core.party.domain),
        };
        self.sends_refer(request, server, format!("<{target}>")).await
    }

    /// Asks the other side to go on with whom we talk to in another call, in our place there (RFC 5589 §7.1); answers
    /// the status of the REFER.
    pub async fn refers_to_partner_of(&self, other: &Call) -> Result<u16, Trouble> {
        let (of_other, _) = other.core.in_dialog("ACK");
        let tag = |value: Option<&str>| {
            let tag = value.and_then(|value| value.split_once("tag=")).map_or("", |(_, tag)| tag);
            tag.split([';', '>']).next().unwrap_or_default().to_owned()
        };
        let (theirs, ours) = (tag(of_other.header("To")), tag(of_other.header("From")));
        let replaces = format!("{};to-tag={theirs};from-tag={ours}", other.sip_call_id());
        let escaped = replaces.replace('@', "%40").replace(';', "%3B").replace('=', "%3D");
        let (request, server) = self.core.in_dialog("REFER");
        let to = format!("<sip:partner@{}?Replaces={escaped}>", self.core.party.domain);
        self.sends_refer(request, server, to).await
    }

    async fn sends_refer(
        &self,
        mut request: Message,
        server: std::net::SocketAddr,
        to: String,
    ) -> Result<u16, Trouble> {
        let core = &self.core;
        request.headers.push(("Refer-To".to_owned(), to));
        let response = core.party.running.endpoint.transact(request, server).await;
        let code = response.as_ref().and_then(Message::code);
        code.ok_or_else(|| core.refused("REFER", code, response.as_ref()))
    }

    /// Waits until this was said of our REFER: the first line of a `message/sipfrag`.
    pub async fn is_told(&self, line: &str, within: Duration) -> Result<(), Trouble> {
        let mut fragments = self.core.fragments.subscribe();
        let said = fragments.wait_for(|all| all.iter().any(|fragment| fragment == line));
        match tokio::time::timeout(within, said).await {
            Ok(Ok(_)) => Ok(()),
            _ => {
                let all = self.core.fragments.borrow().join(", ");
                Err(self.trouble(&format!("'{line}' about its REFER"), within, format!("it was told {all}")))
            }
        }
    }

    /// Changes the tone we send; `None` is silence.
    pub fn sings(&self, tone: Option<Tone>) {
        self.core.media.set_tone(tone);
    }

    /// Waits until this is what is heard, from now on.
    pub async fn hears(&self, heard: impl Into<Heard>, within: Duration) -> Result<(), Trouble> {
        let heard = heard.into();
        let since = Instant::now();
        if self.core.media.hears(heard, since, within).await {
            return Ok(());
        }
        let heard_instead = self.ear().timeline(since, Instant::now());
        Err(self.trouble(
            &format!("{heard} to be heard"),
            within,
            format!(
                "phase {:?}, heard {heard_instead}\n{}",
                self.phase(),
                self.core.party.running.endpoint.wire()
            ),
        ))
    }

    /// Waits until `tone` is heard in sound that came after `since`, and says when it began.
    pub async fn first_hears(
        &self,
        tone: Tone,
        since: Instant,
        within: Duration,
    ) -> Result<Instant, Trouble> {
        match self.core.media.until(within, |ear| ear.first(tone, since)).await {
            Some(at) => Ok(at),
            None => {
                let instead = self.ear().timeline(since, Instant::now());
                Err(self.trouble(&format!("{} Hz", tone.0), within, format!("heard {instead}")))
            }
        }
    }

    /// Waits until these digits have been heard since the call began.
    pub async fn hears_digits(&self, digits: &str, within: Duration) -> Result<(), Trouble> {
        match self.core.media.until(within, |ear| (ear.digits() == digits).then_some(())).await {
            Some(()) => Ok(()),
            None => {
                let instead = format!("heard '{}'", self.ear().digits());
                Err(self.trouble(&format!("the digits {digits}"), within, instead))
            }
        }
    }

    /// From now on a party's tone counts at any level: for phones that are not ours.
    pub fn listens_at_any_level(&self) {
        self.ear().accept_any_level();
    }

    /// Everything heard so far.
    pub fn ear(&self) -> MutexGuard<'_, Ear> {
        self.core.media.ear()
    }

    /// RTP packets sent so far.
    pub fn packets_sent(&self) -> u64 {
        self.core.media.packets_sent()
    }

    /// Whether the other side said that it holds us (`sendonly` or `inactive`).
    pub fn is_held(&self) -> bool {
        matches!(self.core.inner().peer, Some(Direction::SendOnly | Direction::Inactive))
    }

    async fn renegotiates(&self, direction: Direction) -> Result<(), Trouble> {
        let core = &self.core;
        let body = core.describe(&core.party.codecs, direction);
        let (request, to) = core.in_dialog("INVITE");
        let endpoint = &core.party.running.endpoint;
        let response = core.transact_authorised(request.with_sdp(body), to).await;
        let code = response.as_ref().and_then(Message::code);
        let (Some(200..=299), Some(response)) = (code, response.as_ref()) else {
            return Err(core.refused("re-INVITE", code, response.as_ref()));
        };
        let (mut ack, to) = core.in_dialog("ACK");
        ack.set("CSeq", format!("{} ACK", response.cseq().map_or(0, |(n, _)| n)));
        ack.headers.insert(0, ("Via".into(), endpoint.via()));
        endpoint.send(&ack, to).await;
        let remote = sdp::parse(&response.body, &core.party.codecs);
        core.connect(remote.map(|r| sdp::Remote { direction, ..r }));
        let mut inner = core.inner();
        inner.direction = direction;
        inner.peer = remote.map(|r| r.direction);
        Ok(())
    }

    async fn phase_in(
        &self,
        wanted: impl Fn(Phase) -> bool,
        within: Duration,
        what: &str,
    ) -> Result<Phase, Trouble> {
        let mut phase = self.core.phase.subscribe();
        let outcome = match tokio::time::timeout(within, phase.wait_for(|p| wanted(*p))).await {
            Ok(Ok(phase)) => Some(*phase),
            _ => None,
        };
        outcome.ok_or_else(|| {
            let wire = self.core.party.running.endpoint.wire();
            self.trouble(what, within, format!("the call is {:?}\n{wire}", self.phase()))
        })
    }

    fn still_up(&self) -> Result<(), Trouble> {
        match self.phase() {
            Phase::Ended(End::Refused(code)) => Err(self.core.refused("INVITE", Some(code), None)),
            Phase::Ended(end) => {
                Err(self.trouble("the call to be up", Duration::ZERO, format!("it ended: {end:?}")))
            }
            _ => Ok(()),
        }
    }

    fn trouble(&self, what: &str, waited: Duration, instead: String) -> Trouble {
        Trouble::Waited { name: self.name().to_owned(), what: what.to_owned(), waited, instead }
    }
}

impl Core {
    fn new(
        party: Party,
        media: Media,
        dialog: Dialog,
        invite: Message,
        invite_from: SocketAddr,
    ) -> Arc<Self> {
        let inner = Inner {
            dialog,
            invite,
            invite_from,
            direction: Direction::SendRecv,
            peer: None,
            sdp_version: 0,
            answered: None,
            progressed: false,
        };
        Arc::new(Self {
            party,
            media,
            phase: watch::channel(Phase::Trying).0,
            fragments: watch::Sender::default(),
            acked: watch::channel(false).0,
            inner: Mutex::new(inner),
            opened: Instant::now(),
        })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no panic while a call changes")
    }

    fn they_called(&self) -> bool {
        self.inner().invite_from != self.party.running.endpoint.local
    }

    fn in_dialog(&self, method: &str) -> (Message, SocketAddr) {
        let mut inner = self.inner();
        (inner.dialog.request(method), inner.dialog.destination())
    }

    fn describe(&self, codecs: &[u8], direction: Direction) -> String {
        let mut inner = self.inner();
        inner.sdp_version += 1;
        sdp::write(self.media.local(), inner.sdp_version, codecs, direction)
    }

    fn connect(&self, remote: Option<sdp::Remote>) {
        if remote.is_some() {
            self.media.connect(remote);
        }
    }

    fn end(&self, end: End) {
        self.media.connect(None);
        self.phase.send_if_modified(|phase| {
            let live = !matches!(phase, Phase::Ended(_));
            if live {
                *phase = Phase::Ended(end);
            }
            live
        });
    }

    fn refused(&self, what: &str, code: Option<u16>, response: Option<&Message>) -> Trouble {
        let reason = match response.map(|r| &r.start) {
            Some(crate::message::Start::Response { reason, .. }) => reason.clone(),
            _ => String::new(),
        };
        Trouble::Refused {
            name: self.party.name.clone(),
            what: what.to_owned(),
            code: code.unwrap_or(408),
            reason: format!("{reason}\n{}", self.party.running.endpoint.wire()),
        }
    }

    async fn respond_to_invite(&self, code: u16, reason: &str, sdp: Option<String>) {
        let (invite, from, local, contact) = {
            let inner = self.inner();
            (
                inner.invite.clone(),
                inner.invite_from,
                inner.dialog.local.clone(),
                inner.dialog.contact.clone(),
            )
        };
        let mut response = Message::response(&invite, code, reason).with("Contact", contact);
        response.set("To", local);
        if let Some(sdp) = sdp {
            response = response.with("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS").with_sdp(sdp);
        }
        self.party.running.endpoint.respond(&invite, response, from).await;
    }

    pub(crate) fn on_ack(&self) {
        self.acked.send_replace(true);
        self.phase.send_if_modified(|phase| {
            let answered = *phase == Phase::Ringing && self.inner().answered.is_some();
            if answered {
                *phase = Phase::Up;
            }
            answered
        });
    }

    pub(crate) async fn on_request(self: Arc<Self>, request: Message, from: SocketAddr) {
        let endpoint = &self.party.running.endpoint;
        let tagged = |mut response: Message| {
            if response.tag("To").is_none() {
                response.set("To", self.inner().dialog.local.clone());
            }
            response
        };
        match request.method().unwrap_or_default() {
            "BYE" => {
                endpoint.respond(&request, tagged(Message::response(&request, 200, "OK")), from).await;
                self.end(End::TheyHungUp);
            }
            "CANCEL" => {
                endpoint.respond(&request, tagged(Message::response(&request, 200, "OK")), from).await;
                if self.inner().answered.is_none() {
                    self.respond_to_invite(487, "Request Terminated", None).await;
                    self.end(End::Canceled);
                }
            }
            "INVITE" | "UPDATE" => self.on_offer(request, from).await,
            "OPTIONS" | "INFO" | "NOTIFY" => {
                if let Some(line) = request.body.lines().next().filter(|line| line.starts_with("SIP/2.0 ")) {
                    self.fragments.send_modify(|all| all.push(line.to_owned()));
                }
                endpoint.respond(&request, tagged(Message::response(&request, 200, "OK")), from).await;
            }
            _ => {
                endpoint
                    .respond(&request, tagged(Message::response(&request, 501, "Not Implemented")), from)
                    .await;
            }
        }
    }

    /// A re-INVITE: we agree with whatever direction it wants.
    async fn on_offer(&self, request: Message, from: SocketAddr) {
        let endpoint = &self.party.running.endpoint;
        if matches!(*self.phase.borrow(), Phase::Ended(_)) {
            let gone = Message::response(&request, 481, "Call/Transaction Does Not Exist");
            return endpoint.respond(&request, gone, from).await;
        }
        let ours = self.inner().direction;
        let remote = sdp::parse(&request.body, &self.party.codecs);
        let Some(remote) = remote else {
            let response = if request.body.is_empty() {
                let body = self.describe(&self.party.codecs, ours);
                Message::response(&request, 200, "OK")
                    .with("Contact", self.inner().dialog.contact.clone())
                    .with_sdp(body)
            } else {
                Message::response(&request, 488, "Not Acceptable Here")
            };
            return endpoint.respond(&request, response, from).await;
        };
        let mut direction = remote.direction.mirrored();
        if ours == Direction::SendOnly {
            // We hold them, and go on holding.
            direction = if direction.sends() { Direction::SendOnly } else { Direction::Inactive };
        }
        self.connect(Some(sdp::Remote { direction, ..remote }));
        self.inner().peer = Some(remote.direction);
        let body = self.describe(&[remote.codec], direction);
        let contact = self.inner().dialog.contact.clone();
        let response = Message::response(&request, 200, "OK").with("Contact", contact).with_sdp(body);
        endpoint.respond(&request, response, from).await;
    }

    /// Sends a request, and once more with credentials if it is challenged.
    async fn transact_authorised(&self, request: Message, to: SocketAddr) -> Option<Message> {
        let endpoint = &self.party.running.endpoint;
        let response = endpoint.transact(request.clone(), to).await?;
        if !matches!(response.code(), Some(401 | 407)) {
            return Some(response);
        }
        let mut again = self.authorise(&request, &response)?;
        let number = {
            let mut inner = self.inner();
            inner.dialog.cseq += 1;
            inner.dialog.cseq
        };
        again.set("CSeq", format!("{number} {}", request.method()?));
        endpoint.transact(again, to).await
    }

    fn authorise(&self, request: &Message, response: &Message) -> Option<Message> {
        let password = self.party.password.as_ref()?;
        let challenge = Challenge::of(response)?;
        let crate::message::Start::Request { method, uri } = &request.start else { return None };
        let cnonce = self.party.running.endpoint.token();
        let (name, value) = challenge.answer(&self.party.user, password, method, uri, &cnonce, 1);
        let mut again = request.clone();
        again.headers.retain(|(n, _)| !n.eq_ignore_ascii_case("Via"));
        Some(again.with(&name, value))
    }
}

/// Sends 200 until the ACK (RFC 3261 §13.3.1.4).
async fn repeat_200(core: Arc<Core>, body: String) {
    let mut acked = core.acked.subscribe();
    let mut wait = T1;
    let started = Instant::now();
    while started.elapsed() < TRANSACTION_MAX {
        core.respond_to_invite(200, "OK", Some(body.clone())).await;
        if tokio::time::timeout(wait, acked.wait_for(|acked| *acked)).await.is_ok() {
            return;
        }
        wait *= 2;
    }
    core.end(End::Lost);
}

/// Drives our INVITE to its end: provisionals, a challenge, the answer and its repetitions.
async fn invite(core: Arc<Core>) {
    let endpoint = core.party.running.endpoint.clone();
    let body = core.describe(&core.party.codecs, Direction::SendRecv);
    let mut request = {
        let mut inner = core.inner();
        inner.dialog.request("INVITE")
    }
    .with("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS")
    .with_sdp(body);
    let mut challenged = false;
    'attempt: loop {
        let to = core.party.server;
        let (sent, mut responses) = endpoint.start(request.clone(), to);
        core.inner().invite = sent.clone();
        loop {
            let Some(response) = next_response(&core, &mut responses).await else {
                core.end(End::Lost);
                return;
            };
            match response.code().unwrap_or(0) {
                100..=199 => on_progress(&core, &response),
                200..=299 => on_answer(&core, &response).await,
                code => {
                    acknowledge_refusal(&core, &sent, &response, to).await;
                    if matches!(code, 401 | 407)
                        && !challenged
                        && let Some(mut again) = core.authorise(&request, &response)
                    {
                        challenged = true;
                        let number = {
                            let mut inner = core.inner();
                            inner.dialog.cseq += 1;
                            inner.dialog.cseq
                        };
                        again.set("CSeq", format!("{number} INVITE"));
                        request = again;
                        continue 'attempt;
                    }
                    core.end(End::Refused(code));
                    return;
                }
            }
        }
    }
}

/// The next response of our INVITE; `None` when nothing ever answered, or the call is over.
async fn next_response(core: &Core, responses: &mut tokio::sync::mpsc::Receiver<Message>) -> Option<Message> {
    let mut phase = core.phase.subscribe();
    tokio::select! {
        response = responses.recv() => response,
        _ = phase.wait_for(|phase| matches!(phase, Phase::Ended(End::WeHungUp | End::TheyHungUp))) => None,
    }
}

fn on_progress(core: &Core, response: &Message) {
    if let Some(remote) = sdp::parse(&response.body, &core.party.codecs) {
        core.connect(Some(sdp::Remote { direction: remote.direction.mirrored(), ..remote }));
    }
    core.inner().progressed = true;
    let rings = response.code().is_some_and(|code| code > 100);
    core.phase.send_modify(|phase| {
        if *phase == Phase::Trying && rings {
            *phase = Phase::Ringing;
        }
    });
}

async fn on_answer(core: &Core, response: &Message) {
    let endpoint = &core.party.running.endpoint;
    let (mut ack, to) = {
        let mut inner = core.inner();
        inner.dialog.learn_from_response(response);
        (inner.dialog.request("ACK"), inner.dialog.destination())
    };
    ack.set("CSeq", format!("{} ACK", response.cseq().map_or(1, |(n, _)| n)));
    ack.headers.insert(0, ("Via".into(), endpoint.via()));
    endpoint.send(&ack, to).await;
    if core.inner().answered.is_some() {
        return;
    }
    let remote = sdp::parse(&response.body, &core.party.codecs);
    core.connect(remote.map(|r| sdp::Remote { direction: r.direction.mirrored(), ..r }));
    {
        let mut inner = core.inner();
        inner.peer = remote.map(|r| r.direction);
        inner.answered = Some(Instant::now());
    }
    core.phase.send_modify(|phase| {
        if !matches!(phase, Phase::Ended(_)) {
            *phase = Phase::Up;
        }
    });
}

/// ACK of a refusal: same branch, same CSeq number, their To (RFC 3261 §17.1.1.3).
async fn acknowledge_refusal(core: &Core, sent: &Message, response: &Message, to: SocketAddr) {
    let crate::message::Start::Request { uri, .. } = &sent.start else { return };
    let copy = |from: &Message, name: &str| from.header(name).unwrap_or_default().to_owned();
    let ack = Message::request("ACK", uri)
        .with("Via", copy(sent, "Via"))
        .with("Max-Forwards", "70")
        .with("From", copy(sent, "From"))
        .with("To", copy(response, "To"))
        .with("Call-ID", copy(sent, "Call-ID"))
        .with("CSeq", format!("{} ACK", sent.cseq().map_or(1, |(n, _)| n)));
    core.party.running.endpoint.send(&ack, to).await;
}
