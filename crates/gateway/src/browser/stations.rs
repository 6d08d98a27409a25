//! Stations: one peer connection for a whole shift, on which legs come and go (docs/reference/station.md).

use super::Party;
use super::connection::ConnectionId;
use super::frames::{Payload, SignalError};
use super::legs::{Leg, Stage, Station, fingerprint};
use super::peers::PeerEvent;
use super::signalling::Switch;
use base::{CallSid, Mono};
use serde_json::{Value, json};
use sip::port::{Cause, Event, LegId, Source, client};
use std::time::Duration;
use tracing::info;

/// A page that is loaded again has this long to come back before its calls end.
const GRACE: Duration = Duration::from_secs(20);
/// How long a station waits for audio that stopped.
const MEDIA_GRACE: Duration = Duration::from_secs(30);
/// Stations at once.
const STATIONS_MAX: usize = 4_000;
/// Calls that one station may have.
const LEGS_PER_STATION_MAX: usize = 20;

impl Switch {
    /// The station whose websocket this is.
    fn station_of(&self, id: ConnectionId) -> Option<Party> {
        let party = self.access(id)?.party();
        self.stations.get(&party).filter(|station| station.line == Some(id)).map(|_| party.clone())
    }

    /// A browser becomes the station of its identity, comes back as it, or restarts ICE.
    pub(super) async fn station(&mut self, id: ConnectionId, payload: Payload) {
        let Some(access) = self.access(id).filter(|access| access.incoming) else {
            return self.say(id, "error", json!({ "error": SignalError::of(31201) }));
        };
        let party = access.party();
        let Some(offer) = payload.sdp else {
            return self.say(id, "error", json!({ "error": SignalError::of(31101) }));
        };
        let print = fingerprint(&offer);
        let old = self.stations.get(&party).map(|old| (old.peer, old.line, old.fingerprint == print));
        let full = old.is_none() && self.stations.len() >= STATIONS_MAX;
        if full || (old.is_none() && self.is_draining()) {
            return self.say(id, "error", json!({ "error": SignalError::of(31480) }));
        }
        let peer = match old {
            Some((peer, _, true)) => peer,
            _ => self.fresh_peer(),
        };
        let agreed = match self.peers.answer(peer, offer).await {
            Ok(agreed) => agreed,
            Err(error) => {
                info!(%error, "the offer of a station was refused: {error}");
                let error = SignalError { code: 31100, message: error.to_string() };
                return self.say(id, "error", json!({ "error": error }));
            }
        };
        let sdp = agreed.sdp.clone();
        if let Some((before, line, _)) = old {
            if before != peer {
                self.peers.close(before);
            }
            if let Some(line) = line.filter(|line| *line != id) {
                self.say(line, "taken", json!({}));
            }
        }
        let hears = self.stations.get(&party).and_then(|old| old.hears);
        let up = old.is_some_and(|(before, ..)| before == peer);
        let station = Station { line: Some(id), peer, agreed, fingerprint: print, up, hears, deadline: None };
        self.stations.insert(party.clone(), station);
        for leg in self.legs_at(&party) {
            if self.legs.get(&leg).is_some_and(|known| known.stage != Stage::Ringing) {
                self.wire(&party, leg);
            }
        }
        self.hear(&party, hears);
        let calls: Vec<Value> =
            self.legs_at(&party).iter().filter_map(|leg| self.legs.get(leg)).map(shown).collect();
        let heard = hears.and_then(|leg| self.legs.get(&leg)).map(|leg| leg.call);
        self.say(id, "station", json!({"sdp": sdp, "calls": calls, "hears": heard}));
    }

    fn legs_at(&self, party: &Party) -> Vec<LegId> {
        let theirs = self.legs.iter().filter(|(_, leg)| leg.at_station && leg.party == *party);
        theirs.map(|(leg, _)| *leg).collect()
    }

    /// Gives a leg the station's peer connection for its way.
    fn wire(&mut self, party: &Party, leg: LegId) -> bool {
        let Some(station) = self.stations.get(party) else { return false };
        let opened = self.media.open_wire(leg.0, self.peers.wire(station.peer, leg.0));
        self.media.connect(leg.0, station.agreed.session);
        opened
    }

    /// What the station hears from now on.
    pub(super) fn hear(&mut self, party: &Party, leg: Option<LegId>) {
        let Some(station) = self.stations.get_mut(party) else { return };
        let changed = station.hears != leg;
        station.hears = leg;
        let (peer, line) = (station.peer, station.line);
        self.peers.attach(peer, leg.map(|leg| leg.0));
        let call = leg.and_then(|leg| self.legs.get(&leg)).map(|leg| leg.call);
        if let Some(line) = line.filter(|_| changed) {
            self.say(line, "hears", json!({ "callsid": call }));
        }
    }

    /// Rings the station of a leg's identity; whether there is one.
    pub(super) fn ring_station(&mut self, leg: &Leg) -> bool {
        let Some(station) = self.stations.get(&leg.party) else { return false };
        if self.legs_at(&leg.party).len() >= LEGS_PER_STATION_MAX {
            return false;
        }
        if let Some(line) = station.line {
            self.say(line, "ring", shown(leg));
        }
        true
    }

    /// The agent takes a call that rings: it is there at once.
    pub(super) async fn station_answers(&mut self, id: ConnectionId, payload: Payload) {
        let Some(party) = self.station_of(id) else { return };
        let leg = self.leg_of(id, &payload);
        if !self.takes(&party, leg).await {
            self.say(id, "hangup", json!({ "callsid": payload.callsid }));
        }
    }

    /// A call that rings at a station is there at once. False if it does not ring.
    async fn takes(&mut self, party: &Party, leg: Option<LegId>) -> bool {
        let rings = |leg: &LegId| {
            self.legs.get(leg).is_some_and(|known| known.stage == Stage::Ringing && known.at_station)
        };
        let Some(leg) = leg.filter(rings) else { return false };
        let line = self.stations.get(party).and_then(|station| station.line);
        self.stop_ringing(leg, line);
        if let Some(known) = self.legs.get_mut(&leg) {
            known.stage = Stage::Connecting;
            known.at_station = true;
        }
        if !self.wire(party, leg) {
            self.gone(leg, Cause::Failed, Some(503)).await;
            return true;
        }
        self.hear(party, Some(leg));
        self.up(leg).await;
        true
    }

    /// A call that the agent asked for does not wait for another yes.
    pub(super) async fn answer_asked(&mut self, leg: LegId) {
        let asked = |known: &&Leg| {
            let mut parameters = known.parameters.iter();
            known.at_station
                && parameters.any(|(name, value)| name == client::ANSWER && value == client::ANSWER_AT_ONCE)
        };
        if self.legs.get(&leg).is_some_and(|known| asked(&known)) {
            self.take_at_station(leg).await;
        }
    }

    /// A call that rings is taken by the station of its identity, if audio flows there.
    pub(super) async fn take_at_station(&mut self, leg: LegId) {
        let Some(known) = self.legs.get(&leg).filter(|known| known.at_station) else { return };
        let (party, call) = (known.party.clone(), known.call);
        let station = self.stations.get(&party);
        let Some(line) = station.filter(|station| station.up).and_then(|station| station.line) else {
            return;
        };
        if self.takes(&party, Some(leg)).await {
            self.say(line, "answer", json!({ "callsid": call }));
        }
    }

    /// The agent calls somebody: a number, a colleague's extension, a feature code.
    pub(super) async fn station_dials(&mut self, id: ConnectionId, payload: Payload) {
        let (Some(party), Some(to)) = (self.station_of(id), payload.to) else { return };
        let told = payload.callsid;
        if self.is_draining() || self.legs_at(&party).len() >= LEGS_PER_STATION_MAX {
            return self.say(id, "hangup", json!({"callsid": told, "error": SignalError::of(31480)}));
        }
        let call = CallSid::generate(&mut self.settings.entropy);
        let leg = self.fresh_leg();
        let known = Leg {
            call,
            told,
            party: party.clone(),
            reconnect: String::new(),
            offers: Vec::new(),
            at_station: true,
            line: None,
            peer: None,
            agreed: None,
            fingerprint: None,
            stage: Stage::Calling,
            from: format!("client:{party}"),
            to: to.clone(),
            parameters: Vec::new(),
            deadline: None,
        };
        self.say(id, "dialing", shown(&known));
        self.keep(leg, known);
        self.wire(&party, leg);
        (self.settings.claims)(leg, party.account);
        self.tell(Event::Incoming {
            leg,
            source: Source::Phone(party.identity.clone()),
            to,
            to_domain: self.settings.domain.clone(),
            from: party.identity,
            from_name: None,
            verstat: None,
            call_id: call.to_string(),
            headers: Vec::new(),
            peer: "browser".to_owned(),
        })
        .await;
    }

    /// The agent's shift ends.
    pub(super) async fn leave_station(&mut self, id: ConnectionId) {
        if let Some(party) = self.station_of(id) {
            self.end_station(&party).await;
        }
        self.say(id, "left", json!({}));
    }

    async fn end_station(&mut self, party: &Party) {
        for leg in self.legs_at(party) {
            let only_here = self.legs.get(&leg).is_some_and(|known| known.offers.is_empty());
            match self.legs.get_mut(&leg) {
                Some(known) if !only_here => known.at_station = false,
                Some(known) => {
                    let rings = known.stage == Stage::Ringing;
                    let (cause, status) =
                        if rings { (Cause::NoAnswer, Some(480)) } else { (Cause::PeerHungUp, None) };
                    self.gone(leg, cause, status).await;
                }
                None => {}
            }
        }
        if let Some(station) = self.stations.remove(party) {
            self.peers.close(station.peer);
        }
    }

    /// The page has gone, perhaps to be loaded again.
    pub(super) fn station_line_closed(&mut self, id: ConnectionId) {
        let deadline = self.now() + GRACE;
        for station in self.stations.values_mut().filter(|station| station.line == Some(id)) {
            station.line = None;
            station.deadline = Some(deadline);
        }
    }

    pub(super) fn station_peer(&mut self, event: PeerEvent) {
        let deadline = self.now() + MEDIA_GRACE;
        let id = event.peer();
        let Some(station) = self.stations.values_mut().find(|station| station.peer == id) else { return };
        let line = station.line;
        match event {
            PeerEvent::Up(_) if line.is_some() => station.deadline = None,
            PeerEvent::Up(_) => {}
            // Agents are shown no tones.
            PeerEvent::Key(..) => return,
            // The page sends `station` again, with new candidates or a new connection.
            PeerEvent::Down(_) | PeerEvent::Lost(_) => {
                station.deadline = Some(station.deadline.unwrap_or(deadline));
            }
        }
        let up = matches!(event, PeerEvent::Up(_));
        station.up = up;
        if let Some(line) = line {
            self.say(line, "audio", json!({ "up": up }));
        }
    }

    /// A leg has ended: the station hears another that it has, or nobody.
    pub(super) fn station_leg_over(&mut self, leg: LegId, known: &Leg) {
        let heard = self.stations.get(&known.party).is_some_and(|station| station.hears == Some(leg));
        if !known.at_station || !heard {
            return;
        }
        let up = |leg: &LegId| self.legs.get(leg).is_some_and(|known| known.stage == Stage::Up);
        let next = self.legs_at(&known.party).into_iter().rev().find(up);
        self.hear(&known.party.clone(), next);
    }

    pub(super) async fn stations_tick(&mut self, now: Mono) {
        let late: Vec<Party> = self
            .stations
            .iter()
            .filter(|(_, station)| station.deadline.is_some_and(|at| at <= now))
            .map(|(party, _)| party.clone())
            .collect();
        for party in late {
            info!("the station of {party} did not come back");
            self.end_station(&party).await;
        }
    }
}

/// A call as its station is told of it.
fn shown(leg: &Leg) -> Value {
    let of = |name: &str| leg.parameters.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    let own = leg.parameters.iter().filter(|(name, _)| !name.starts_with(client::PREFIX));
    let parameters: serde_json::Map<String, Value> =
        own.map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    json!({
        "callsid": leg.call, "state": leg.stage.as_str(), "from": leg.from, "to": leg.to,
        "parameters": parameters, "task_sid": of(client::TASK), "reservation_sid": of(client::RESERVATION),
    })
}
