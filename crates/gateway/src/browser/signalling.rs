//! The switch of all browsers: one task that holds their websockets, legs and stations, and follows the Voice SDK's
//! protocol (reference: voice §6).

use super::connection::{ConnectionId, Outgoing};
use super::customers::Called;
use super::frames::{Frame, Payload, SignalError, frame, parameters, query};
use super::legs::{Leg, Line, Stage, Station, fingerprint};
use super::peers::{PeerEvent, PeerId, Peers};
use super::{BrowserSettings, INBOUND_LEGS, Party, VoiceAccess};
use crate::media::MediaPlane;
use base::{AccountSid, CallSid, Mono};
use serde_json::json;
use sip::port::{Cause, Command, Destination, Event, LegId, Progress, client};
use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info};

/// What the switch takes.
#[derive(Debug)]
pub(super) enum Input {
    Opened {
        id: ConnectionId,
        out: mpsc::Sender<Outgoing>,
    },
    Closed {
        id: ConnectionId,
    },
    Listen {
        id: ConnectionId,
        access: Result<Box<VoiceAccess>, SignalError>,
        hold: Duration,
    },
    Frame {
        id: ConnectionId,
        frame: Frame,
    },
    /// What an account asks of a browser's leg.
    Command(AccountSid, Command),
    Drain,
    Stop(oneshot::Sender<()>),
}

/// What the switch shares with its handles.
#[derive(Clone, Default)]
pub(super) struct Shared {
    /// Outbound legs that are browsers'.
    pub legs: Arc<Mutex<HashSet<LegId>>>,
    /// Numbers of the simulated customers that can be called.
    pub customers: Arc<Mutex<HashSet<String>>>,
    /// Legs that are not over.
    pub live: Arc<AtomicUsize>,
}

pub(super) struct Switch {
    pub(super) settings: BrowserSettings,
    pub(super) media: MediaPlane,
    pub(super) peers: Peers,
    events: mpsc::Sender<Event>,
    media_events: mpsc::Sender<media::control::Event>,
    pub(super) shared: Shared,
    pub(super) lines: BTreeMap<ConnectionId, Line>,
    pub(super) legs: BTreeMap<LegId, Leg>,
    pub(super) stations: BTreeMap<Party, Station>,
    next_leg: u64,
    next_peer: u64,
    draining: bool,
}

impl Switch {
    pub fn new(
        settings: BrowserSettings,
        media: MediaPlane,
        peers: Peers,
        events: mpsc::Sender<Event>,
        media_events: mpsc::Sender<media::control::Event>,
        shared: Shared,
    ) -> Self {
        Self {
            settings,
            media,
            peers,
            events,
            media_events,
            shared,
            lines: BTreeMap::new(),
            legs: BTreeMap::new(),
            stations: BTreeMap::new(),
            next_leg: INBOUND_LEGS + 1,
            next_peer: 0,
            draining: false,
        }
    }

    /// Serves until it is told to stop.
    pub async fn run(mut self, mut inbox: mpsc::Receiver<Input>, mut peers: mpsc::Receiver<PeerEvent>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                Some(event) = peers.recv() => self.peer(event).await,
                input = inbox.recv() => match input {
                    Some(Input::Stop(done)) => {
                        self.stop().await;
                        // Whoever asked may have gone.
                        let _ = done.send(());
                        return;
                    }
                    Some(input) => self.take(input).await,
                    None => return self.stop().await,
                },
                _ = tick.tick() => self.tick().await,
            }
        }
    }

    async fn take(&mut self, input: Input) {
        match input {
            Input::Opened { id, out } => {
                if self.lines.len() < LINES_MAX {
                    let hold = Duration::ZERO;
                    let line = Line { out, access: None, registered: false, hold, expired: false };
                    self.lines.insert(id, line);
                }
            }
            Input::Closed { id } => self.closed(id).await,
            Input::Listen { id, access, hold } => self.listen(id, access, hold),
            Input::Frame { id, frame } => self.frame(id, frame).await,
            Input::Command(account, command) => self.command(account, command).await,
            Input::Drain => self.draining = true,
            Input::Stop(_) => {}
        }
    }

    // Websockets.

    pub(super) fn say(&mut self, id: ConnectionId, kind: &str, payload: serde_json::Value) {
        self.post(id, Outgoing::Text(frame(kind, payload)));
    }

    fn post(&mut self, id: ConnectionId, what: Outgoing) {
        let Some(line) = self.lines.get(&id) else { return };
        if line.out.try_send(what).is_err() {
            info!(connection = id.0, "a browser does not read its frames and is cut off");
            // Its task sees the end of the channel, and reports the websocket closed.
            if let Some(line) = self.lines.get_mut(&id) {
                line.out = mpsc::channel(1).0;
            }
        }
    }

    fn error(&mut self, id: ConnectionId, error: SignalError) {
        self.say(id, "error", json!({ "error": error }));
    }

    pub(super) fn access(&self, id: ConnectionId) -> Option<&VoiceAccess> {
        self.lines.get(&id).and_then(|line| line.access.as_deref())
    }

    fn listen(&mut self, id: ConnectionId, access: Result<Box<VoiceAccess>, SignalError>, hold: Duration) {
        let wall = self.settings.clock.now().wall;
        let Some(line) = self.lines.get_mut(&id) else { return };
        match access {
            Ok(access) => {
                line.hold = hold;
                line.expired = false;
                // A token of somebody else is a new browser.
                line.registered &= line.access.as_ref().is_some_and(|old| old.party() == access.party());
                let ttl = access.expires.since(wall).as_secs();
                let token = json!({"identity": access.identity, "ttl": ttl});
                let ice = access.ice_servers.clone();
                line.access = Some(access);
                // The SDK takes servers from its application only; other clients find ours here.
                let payload =
                    json!({"region": REGION, "edge": EDGE, "home": HOME, "token": token, "ice_servers": ice});
                self.say(id, "connected", payload);
            }
            Err(error) => {
                let expired = error.code == EXPIRED;
                let begins = line.access.is_none();
                self.error(id, error);
                if begins && !expired {
                    self.say(id, "close", json!({}));
                    self.post(id, Outgoing::Close(1000));
                }
            }
        }
    }

    async fn closed(&mut self, id: ConnectionId) {
        let gone = self.lines.remove(&id);
        let hold = gone.as_ref().map_or(Duration::ZERO, |line| line.hold);
        if gone.is_some_and(|line| line.access.is_some_and(|access| access.customer.is_some())) {
            self.note_customers();
        }
        let now = self.now();
        let theirs: Vec<LegId> = self
            .legs
            .iter()
            .filter(|(_, leg)| leg.line == Some(id) || leg.offers.iter().any(|(line, _)| *line == id))
            .map(|(leg, _)| *leg)
            .collect();
        for leg in theirs {
            self.withdraw(leg, id).await;
            let Some(known) = self.legs.get_mut(&leg).filter(|known| known.line == Some(id)) else {
                continue;
            };
            known.line = None;
            if hold.is_zero() {
                self.gone(leg, Cause::PeerHungUp, None).await;
            } else {
                known.deadline = Some(now + hold);
            }
        }
        self.station_line_closed(id);
    }

    /// One of several browsers that ring does not ring any more.
    async fn withdraw(&mut self, leg: LegId, id: ConnectionId) {
        let Some(known) = self.legs.get_mut(&leg) else { return };
        let Some(at) = known.offers.iter().position(|(line, _)| *line == id) else { return };
        let (_, peer) = known.offers.remove(at);
        self.peers.close(peer);
        if self
            .legs
            .get(&leg)
            .is_some_and(|leg| leg.stage == Stage::Ringing && leg.offers.is_empty() && !leg.at_station)
        {
            self.gone(leg, Cause::NoAnswer, Some(480)).await;
        }
    }

    // Frames.

    async fn frame(&mut self, id: ConnectionId, frame: Frame) {
        let Frame { kind, payload } = frame;
        if self.access(id).is_none() {
            return self.error(id, SignalError::of(31201));
        }
        match kind.as_str() {
            "register" => self.register(id, payload.media.is_some_and(|media| media.audio)),
            "invite" if payload.reconnect.is_some() => self.reconnect(id, payload).await,
            "invite" => self.invite(id, payload).await,
            "answer" if payload.sdp.is_some() => self.answer(id, payload).await,
            "answer" => self.station_answers(id, payload).await,
            "reject" => self.reject(id, payload).await,
            "hangup" => self.hang_up(id, payload).await,
            "dtmf" => self.digits(id, payload).await,
            "reinvite" => self.reinvite(id, payload).await,
            "station" => self.station(id, payload).await,
            "leave" => self.leave_station(id).await,
            "dial" => self.station_dials(id, payload).await,
            "network" => self.network(id, payload),
            _ => {}
        }
    }

    fn register(&mut self, id: ConnectionId, register: bool) {
        let Some(line) = self.lines.get_mut(&id) else { return };
        if !register {
            line.registered = false;
            self.say(id, "offline", json!({}));
        } else if line.access.as_ref().is_some_and(|access| access.incoming) {
            line.registered = true;
            self.say(id, "ready", json!({}));
        } else {
            self.error(id, SignalError::of(31201));
        }
        if self.access(id).is_some_and(|access| access.customer.is_some()) {
            self.note_customers();
        }
    }

    /// The leg that a browser means: by SID, or by what it called it before it knew.
    pub(super) fn leg_of(&self, id: ConnectionId, payload: &Payload) -> Option<LegId> {
        let party = self.access(id)?.party();
        let callsid = payload.callsid.as_deref()?;
        let sid = callsid.parse::<CallSid>().ok();
        let is = |leg: &&LegId| {
            self.legs.get(leg).is_some_and(|leg| {
                leg.party == party && (Some(leg.call) == sid || leg.told.as_deref() == Some(callsid))
            })
        };
        self.legs.keys().find(is).copied()
    }

    fn refuse(&mut self, id: ConnectionId, callsid: &str, error: SignalError) {
        self.say(id, "hangup", json!({"callsid": callsid, "error": error}));
    }

    /// A browser calls its TwiML application; a simulated customer calls a number.
    async fn invite(&mut self, id: ConnectionId, payload: Payload) {
        let (Some(told), Some(offer)) = (payload.callsid, payload.sdp) else {
            return self.error(id, SignalError::of(31101));
        };
        let given = payload.twilio.and_then(|twilio| twilio.params).map_or_else(Vec::new, |p| parameters(&p));
        let Some(access) = self.access(id).cloned() else { return };
        let Some(called) = Called::by(&access, given) else {
            return self.refuse(id, &told, SignalError::of(31002));
        };
        let busy = self.legs.values().filter(|leg| leg.line == Some(id)).count() >= LEGS_PER_LINE_MAX;
        if self.draining || busy || self.legs.len() >= LEGS_MAX {
            return self.refuse(id, &told, SignalError::of(31480));
        }
        let peer = self.fresh_peer();
        let fingerprint = fingerprint(&offer);
        let agreed = match self.peers.answer(peer, offer).await {
            Ok(agreed) => agreed,
            Err(error) => {
                info!(%error, "the offer of a browser was refused: {error}");
                return self.refuse(id, &told, SignalError { code: 31100, message: error.to_string() });
            }
        };
        let leg = self.fresh_leg();
        let call = CallSid::generate(&mut self.settings.entropy);
        let Called { source, from, shown, to, headers } = called;
        let known = Leg {
            call,
            told: Some(told.clone()),
            party: access.party(),
            reconnect: self.secret(),
            offers: Vec::new(),
            at_station: false,
            line: Some(id),
            peer: Some(peer),
            agreed: Some(agreed),
            fingerprint,
            stage: Stage::Calling,
            from: shown,
            to: to.clone(),
            parameters: Vec::new(),
            deadline: None,
        };
        if !self.open(leg, peer, &known) {
            self.peers.close(peer);
            return self.refuse(id, &told, SignalError::of(31480));
        }
        self.keep(leg, known);
        // A customer comes over the trunk, and is whose number they call.
        if access.customer.is_none() {
            (self.settings.claims)(leg, access.account);
        }
        self.tell(Event::Incoming {
            leg,
            source,
            to,
            to_domain: self.settings.domain.clone(),
            from,
            from_name: None,
            verstat: None,
            call_id: call.to_string(),
            headers,
            peer: "browser".to_owned(),
        })
        .await;
    }

    /// A browser that rings is answered.
    async fn answer(&mut self, id: ConnectionId, payload: Payload) {
        let leg = self.leg_of(id, &payload);
        let Some((leg, known)) = leg.and_then(|leg| self.legs.get(&leg).map(|known| (leg, known))) else {
            return self.late(id, payload.callsid);
        };
        let peer = known.offers.iter().find(|(line, _)| *line == id).map(|(_, peer)| *peer);
        let (Some(peer), Stage::Ringing) = (peer, known.stage) else { return self.late(id, payload.callsid) };
        let answer = payload.sdp.unwrap_or_default();
        let print = fingerprint(&answer);
        let agreed = match self.peers.answered(peer, answer).await {
            Ok(agreed) => agreed,
            Err(error) => {
                info!(%error, "the answer of a browser was refused: {error}");
                let error = SignalError { code: 31100, message: error.to_string() };
                self.refuse(id, &payload.callsid.unwrap_or_default(), error);
                return self.withdraw(leg, id).await;
            }
        };
        self.stop_ringing(leg, Some(id));
        let deadline = self.now() + CONNECT_TIME;
        let Some(known) = self.legs.get_mut(&leg) else { return };
        known.at_station = false;
        known.line = Some(id);
        known.peer = Some(peer);
        known.agreed = Some(agreed);
        known.fingerprint = print;
        known.stage = Stage::Connecting;
        known.deadline = Some(deadline);
        let Some(known) = self.legs.get(&leg) else { return };
        if !self.open(leg, peer, known) {
            self.gone(leg, Cause::Failed, Some(503)).await;
        }
    }

    /// What a browser says of a call that is over.
    fn late(&mut self, id: ConnectionId, callsid: Option<String>) {
        if let Some(callsid) = callsid {
            self.say(id, "hangup", json!({ "callsid": callsid }));
        }
    }

    /// Whoever rings for this leg stops, but for `except`.
    pub(super) fn stop_ringing(&mut self, leg: LegId, except: Option<ConnectionId>) {
        let Some(known) = self.legs.get_mut(&leg) else { return };
        let call = known.call;
        let party = known.party.clone();
        let at_station = known.at_station;
        let offers = std::mem::take(&mut known.offers);
        for (line, peer) in offers {
            if Some(line) != except {
                self.peers.close(peer);
                self.say(line, "cancel", json!({ "callsid": call }));
            }
        }
        let station = self.stations.get(&party).and_then(|station| station.line);
        if let Some(line) = station.filter(|line| at_station && Some(*line) != except) {
            self.say(line, "cancel", json!({ "callsid": call }));
        }
    }

    async fn reject(&mut self, id: ConnectionId, payload: Payload) {
        let Some(leg) = self.leg_of(id, &payload) else { return };
        let Some(known) = self.legs.get_mut(&leg).filter(|known| known.stage == Stage::Ringing) else {
            return;
        };
        if let Some(at) = known.offers.iter().position(|(line, _)| *line == id) {
            let (_, peer) = known.offers.remove(at);
            self.peers.close(peer);
        } else if self.stations.get(&known.party).is_some_and(|station| station.line == Some(id)) {
            known.at_station = false;
        }
        if self.legs.get(&leg).is_some_and(|known| known.offers.is_empty() && !known.at_station) {
            let busy = payload.reason.as_deref() == Some(BUSY);
            let (cause, status) = if busy { (Cause::Busy, Some(486)) } else { (Cause::Declined, None) };
            self.gone(leg, cause, status).await;
        }
    }

    async fn hang_up(&mut self, id: ConnectionId, payload: Payload) {
        let Some(leg) = self.leg_of(id, &payload) else { return };
        match self.legs.get(&leg).map(|known| known.stage) {
            Some(Stage::Ringing) => self.reject(id, payload).await,
            // It had answered, if not for long.
            Some(Stage::Connecting) => {
                self.up(leg).await;
                self.gone(leg, Cause::PeerHungUp, None).await;
            }
            Some(_) => self.gone(leg, Cause::PeerHungUp, None).await,
            None => {}
        }
    }

    async fn digits(&mut self, id: ConnectionId, payload: Payload) {
        let Some(leg) = self.leg_of(id, &payload) else { return };
        let digits = payload.dtmf.unwrap_or_default();
        let pressed = digits.chars().map(|digit| digit.to_ascii_uppercase());
        for digit in pressed.filter(|digit| "0123456789ABCD*#".contains(*digit)).take(DIGITS_MAX) {
            let event = media::control::Event::Digit { leg: leg.0, digit };
            if self.media_events.send(event).await.is_err() {
                return;
            }
        }
    }

    /// An ICE restart: the same peer connection agrees anew.
    async fn reinvite(&mut self, id: ConnectionId, payload: Payload) {
        let leg = self.leg_of(id, &payload);
        let peer = leg.and_then(|leg| self.legs.get(&leg)).and_then(|known| known.peer);
        let (Some(leg), Some(peer), Some(offer)) = (leg, peer, payload.sdp) else {
            return self.late(id, payload.callsid);
        };
        match self.peers.answer(peer, offer).await {
            Ok(agreed) => {
                self.media.connect(leg.0, agreed.session);
                self.say(id, "answer", json!({"callsid": payload.callsid, "sdp": agreed.sdp}));
            }
            Err(error) => {
                info!(leg = leg.0, %error, "an ICE restart was refused: {error}");
                let error = SignalError { code: 31100, message: error.to_string() };
                self.say(id, "error", json!({"error": error, "callsid": payload.callsid}));
            }
        }
    }

    /// A browser comes back for its call, on another websocket or as another page.
    async fn reconnect(&mut self, id: ConnectionId, payload: Payload) {
        let callsid = payload.callsid.clone().unwrap_or_default();
        let leg = self.leg_of(id, &payload);
        let known = leg.and_then(|leg| self.legs.get(&leg).map(|known| (leg, known)));
        let proved =
            known.filter(|(_, known)| payload.reconnect.as_deref() == Some(known.reconnect.as_str()));
        let Some((leg, known)) = proved else { return self.refuse(id, &callsid, SignalError::of(31209)) };
        let offer = payload.sdp.unwrap_or_default();
        let print = fingerprint(&offer);
        let same = print.is_none() || print == known.fingerprint;
        let old = known.peer;
        let token = self.secret();
        let mut answer = json!({"callsid": callsid, "reconnect": token});
        if !same {
            let peer = self.fresh_peer();
            let agreed = match self.peers.answer(peer, offer).await {
                Ok(agreed) => agreed,
                Err(error) => {
                    info!(leg = leg.0, %error, "a browser could not take its call over: {error}");
                    return self.refuse(id, &callsid, SignalError::of(31209));
                }
            };
            answer["sdp"] = agreed.sdp.clone().into();
            if let Some(known) = self.legs.get_mut(&leg) {
                known.peer = Some(peer);
                known.agreed = Some(agreed);
                known.fingerprint = print;
            }
            if let Some(known) = self.legs.get(&leg) {
                self.open(leg, peer, known);
            }
            if let Some(old) = old {
                self.peers.close(old);
            }
        }
        if let Some(known) = self.legs.get_mut(&leg) {
            known.line = Some(id);
            known.reconnect = token;
            if known.stage == Stage::Up {
                known.deadline = None;
            }
        }
        self.say(id, "answer", answer);
    }

    // The engine.

    async fn command(&mut self, account: AccountSid, command: Command) {
        match command {
            Command::Invite {
                leg, call, to: Destination::Client(identity), from, headers, timeout, ..
            } => {
                let party = Party { account, identity };
                self.ring(leg, call, party, from, headers, timeout).await;
            }
            Command::Invite { leg, call, to: Destination::Trunk(number), from, timeout, .. } => {
                let party = self.customer(account, &number);
                self.ring(leg, call, party, from, Vec::new(), timeout).await;
            }
            Command::Invite { .. } | Command::Referred { .. } => {}
            // A browser calls nobody because we ask it to.
            Command::Refer { leg, .. } => {
                self.tell(Event::ReferAnswered { leg, status: Some(501) }).await;
            }
            Command::Progress { leg, progress } => self.progress(leg, progress),
            Command::Answer { leg } => self.accept(leg).await,
            Command::Refuse { leg, status } => {
                let Some(known) = self.legs.get(&leg) else { return };
                if let Some(line) = self.line_of(known) {
                    let callsid = known.told.clone().unwrap_or_else(|| known.call.to_string());
                    self.refuse(line, &callsid, SignalError::of_status(status));
                }
                self.over(leg, Cause::WeHungUp, Some(status)).await;
            }
            Command::Hangup { leg } => {
                let Some(known) = self.legs.get(&leg) else { return };
                let callsid = json!({ "callsid": known.call });
                match known.stage {
                    Stage::Ringing => self.stop_ringing(leg, None),
                    _ => {
                        if let Some(line) = self.line_of(known) {
                            self.say(line, "hangup", callsid);
                        }
                    }
                }
                self.over(leg, Cause::WeHungUp, None).await;
            }
            Command::Take { leg } => self.take_at_station(leg).await,
        }
    }

    /// The websocket that has a leg, itself or as its station.
    pub(super) fn line_of(&self, leg: &Leg) -> Option<ConnectionId> {
        if leg.at_station { self.stations.get(&leg.party)?.line } else { leg.line }
    }

    async fn ring(
        &mut self,
        leg: LegId,
        call: CallSid,
        party: Party,
        from: String,
        headers: Vec<(String, String)>,
        timeout: Duration,
    ) {
        let is_theirs = |line: &&Line| {
            line.registered && line.access.as_ref().is_some_and(|access| access.party() == party)
        };
        let lines: Vec<ConnectionId> = self
            .lines
            .iter()
            .filter(|(_, line)| is_theirs(line))
            .map(|(id, _)| *id)
            .take(FORKS_MAX)
            .collect();
        let mut known = Leg {
            call,
            told: None,
            party: party.clone(),
            reconnect: self.secret(),
            offers: Vec::new(),
            at_station: false,
            line: None,
            peer: None,
            agreed: None,
            fingerprint: None,
            stage: Stage::Ringing,
            to: format!("client:{party}"),
            from,
            parameters: headers,
            deadline: Some(self.now() + timeout),
        };
        for line in lines {
            let peer = self.fresh_peer();
            let Ok(sdp) = self.peers.offer(peer).await else { continue };
            known.offers.push((line, peer));
            let parameters = json!({
                "CallSid": call, "AccountSid": party.account, "From": known.from, "To": known.to,
                "Params": query(known.parameters.iter().filter(|(name, _)| !name.starts_with(client::PREFIX))),
            });
            let payload =
                json!({"callsid": call, "sdp": sdp, "parameters": parameters, "reconnect": known.reconnect});
            self.say(line, "invite", payload);
        }
        known.at_station = self.ring_station(&known);
        let rings = known.at_station || !known.offers.is_empty();
        self.keep(leg, known);
        if rings {
            self.tell(Event::Ringing { leg, early_media: false }).await;
            self.answer_asked(leg).await;
        } else {
            self.gone(leg, Cause::NoAnswer, Some(480)).await;
        }
    }

    fn progress(&mut self, leg: LegId, progress: Progress) {
        let Some(known) = self.legs.get(&leg) else { return };
        let Some(line) = self.line_of(known) else { return };
        let mut payload = json!({ "callsid": known.call });
        if progress == Progress::EarlyMedia {
            if known.at_station {
                self.hear(&known.party.clone(), Some(leg));
            } else if let Some(agreed) = &known.agreed {
                payload["sdp"] = agreed.sdp.clone().into();
            }
        }
        self.say(line, "ringing", payload);
    }

    /// The call of a browser is answered.
    async fn accept(&mut self, leg: LegId) {
        let deadline = self.now() + CONNECT_TIME;
        let Some(known) = self.legs.get_mut(&leg).filter(|known| known.stage == Stage::Calling) else {
            return;
        };
        known.stage = Stage::Connecting;
        known.deadline = Some(deadline);
        let Some(known) = self.legs.get(&leg) else { return };
        let mut payload = json!({"callsid": known.call});
        if known.at_station {
            let party = known.party.clone();
            let line = self.line_of(known);
            self.hear(&party, Some(leg));
            if let Some(line) = line {
                self.say(line, "answer", payload);
            }
            return self.up(leg).await;
        }
        payload["reconnect"] = known.reconnect.clone().into();
        payload["sdp"] = known.agreed.as_ref().map(|agreed| agreed.sdp.clone()).unwrap_or_default().into();
        if let Some(line) = known.line {
            self.say(line, "answer", payload);
        }
    }

    // Peer connections.

    async fn peer(&mut self, event: PeerEvent) {
        let id = event.peer();
        let deadline = self.now() + MEDIA_GRACE;
        let leg = self.legs.iter().find(|(_, leg)| leg.peer == Some(id)).map(|(leg, _)| *leg);
        let Some(leg) = leg else { return self.station_peer(event) };
        let Some(known) = self.legs.get_mut(&leg) else { return };
        match event {
            PeerEvent::Up(_) => {
                if known.line.is_some() {
                    known.deadline = None;
                }
                if known.stage == Stage::Connecting {
                    self.up(leg).await;
                }
            }
            // Nobody answers, or the browser tries again with other candidates.
            PeerEvent::Down(_) => known.deadline = Some(known.deadline.unwrap_or(deadline)),
            PeerEvent::Lost(_) => self.gone(leg, Cause::Lost, None).await,
            PeerEvent::Key(_, key) => self.customer_hears(leg, key),
        }
    }

    /// Audio flows on an answered leg.
    pub(super) async fn up(&mut self, leg: LegId) {
        let Some(known) = self.legs.get_mut(&leg) else { return };
        known.stage = Stage::Up;
        known.deadline = None;
        self.tell(Event::Answered { leg }).await;
    }

    /// Gives a leg its way to and from a peer connection.
    pub(super) fn open(&self, leg: LegId, peer: PeerId, known: &Leg) -> bool {
        let Some(agreed) = &known.agreed else { return false };
        if !self.media.open_wire(leg.0, self.peers.wire(peer, leg.0)) {
            return false;
        }
        self.media.connect(leg.0, agreed.session);
        self.peers.attach(peer, Some(leg.0));
        true
    }

    // Ends.

    /// The leg is over for the browser; the engine is told.
    pub(super) async fn gone(&mut self, leg: LegId, cause: Cause, status: Option<u16>) {
        if let Some(known) = self.legs.get(&leg) {
            let callsid = json!({ "callsid": known.call });
            match (known.stage, self.line_of(known)) {
                (Stage::Ringing, _) => self.stop_ringing(leg, None),
                // It said so itself.
                (_, Some(line)) if cause != Cause::PeerHungUp => self.say(line, "hangup", callsid),
                _ => {}
            }
        }
        self.over(leg, cause, status).await;
    }

    async fn over(&mut self, leg: LegId, cause: Cause, status: Option<u16>) {
        let Some(known) = self.legs.remove(&leg) else { return };
        self.shared.live.store(self.legs.len(), Ordering::Relaxed);
        self.shared.legs.lock().unwrap_or_else(PoisonError::into_inner).remove(&leg);
        for peer in known.offers.iter().map(|(_, peer)| *peer).chain(known.peer) {
            self.peers.close(peer);
        }
        self.media.close(leg.0);
        self.station_leg_over(leg, &known);
        self.tell(Event::Gone { leg, cause, status }).await;
    }

    async fn tick(&mut self) {
        let now = self.now();
        let due: Vec<(LegId, Stage)> = self
            .legs
            .iter()
            .filter(|(_, leg)| leg.deadline.is_some_and(|at| at <= now))
            .map(|(leg, known)| (*leg, known.stage))
            .collect();
        for (leg, stage) in due {
            match stage {
                Stage::Ringing => self.gone(leg, Cause::NoAnswer, Some(408)).await,
                _ => self.gone(leg, Cause::Lost, None).await,
            }
        }
        let wall = self.settings.clock.now().wall;
        let expired: Vec<ConnectionId> = self
            .lines
            .iter()
            .filter(|(_, line)| {
                !line.expired && line.access.as_ref().is_some_and(|access| access.expires <= wall)
            })
            .map(|(id, _)| *id)
            .collect();
        for id in expired {
            if let Some(line) = self.lines.get_mut(&id) {
                line.expired = true;
                line.registered = false;
            }
            self.error(id, SignalError::of(EXPIRED));
            self.note_customers();
        }
        self.stations_tick(now).await;
    }

    async fn stop(&mut self) {
        for leg in self.legs.keys().copied().collect::<Vec<_>>() {
            self.gone(leg, Cause::WeHungUp, None).await;
        }
        for id in self.lines.keys().copied().collect::<Vec<_>>() {
            // The client connects again, to whoever serves then.
            self.post(id, Outgoing::Close(1012));
        }
    }

    // Small things.

    pub(super) fn keep(&mut self, leg: LegId, known: Leg) {
        self.legs.insert(leg, known);
        self.shared.live.store(self.legs.len(), Ordering::Relaxed);
    }

    pub(super) fn fresh_leg(&mut self) -> LegId {
        let leg = LegId(self.next_leg);
        self.next_leg += 2;
        leg
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining
    }

    pub(super) fn now(&self) -> Mono {
        self.settings.clock.now().mono
    }

    pub(super) fn fresh_peer(&mut self) -> PeerId {
        self.next_peer += 1;
        PeerId(self.next_peer)
    }

    pub(super) fn secret(&mut self) -> String {
        let bytes = self.settings.entropy.bytes::<16>();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(super) async fn tell(&self, event: Event) {
        if self.events.send(event).await.is_err() {
            error!("what a browser does could not be told: the calls have gone");
        }
    }
}

/// What `connected` says of where we are; the SDK takes these for names of places.
const REGION: &str = "US_EAST_VIRGINIA";
const EDGE: &str = "ashburn";
const HOME: &str = "us1";
/// The code of a token that has ended.
const EXPIRED: u32 = 31205;
const TICK: Duration = Duration::from_millis(200);
/// How long an answered browser may take until audio flows.
const CONNECT_TIME: Duration = Duration::from_secs(15);
/// How long a call waits for a browser that is not heard; the SDK tries for as long (reference: voice §6.5).
const MEDIA_GRACE: Duration = Duration::from_secs(30);
/// Websockets at once.
const LINES_MAX: usize = 10_000;
/// Legs at once.
const LEGS_MAX: usize = 10_000;
/// Calls that one websocket may have begun.
const LEGS_PER_LINE_MAX: usize = 10;
/// Browsers of one identity that ring at once.
const FORKS_MAX: usize = 10;
/// Why somebody who is called does not answer, if not because they decline.
const BUSY: &str = "busy";
/// Keys of one frame.
const DIGITS_MAX: usize = 64;
