//! The peer connections: one UDP port for all browsers, and the thread that owns it.
//!
//! Only this file names the WebRTC crate. A peer connection hears one leg at a time ([`Peers::attach`]); what its browser
//! says is handed to that leg's media thread as plain RTP.

use super::impair::Impairment;
use super::splice::Splice;
use crate::media::{BY_WIRE, MediaPlane, Wire};
use media::dtmf::EventReceiver;
use media::rtp::{PACKET_MAX, Packet};
use media::session::{Codec, Session};
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};
use std::collections::{BTreeSet, HashMap};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::format::{Codec as RtcCodec, FormatParams};
use str0m::media::{Direction, Frequency, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc};
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, error, info, warn};

/// One peer connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PeerId(pub u64);

/// What a peer connection reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PeerEvent {
    /// Audio can flow.
    Up(PeerId),
    /// The browser is not heard any more; it may come back.
    Down(PeerId),
    /// It will not.
    Lost(PeerId),
    /// It was sent the tone of a key.
    Key(PeerId, char),
}

impl PeerEvent {
    /// Whose it is.
    pub fn peer(self) -> PeerId {
        match self {
            Self::Up(id) | Self::Down(id) | Self::Lost(id) | Self::Key(id, _) => id,
        }
    }
}

/// Why a description could not be agreed upon.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NegotiationError {
    /// Not SDP, or not what we can do.
    #[error("the description cannot be used: {0}")]
    Description(String),
    /// No codec in common.
    #[error("no codec in common")]
    NoCodec,
    /// Too many peer connections, or the thread does not keep up.
    #[error("no room for another browser")]
    Busy,
    /// The peer connection is gone.
    #[error("the peer connection is gone")]
    Gone,
}

/// What was agreed.
#[derive(Debug, Clone)]
pub(super) struct Agreed {
    /// Our answer, if we answered.
    pub sdp: String,
    /// For the media plane.
    pub session: Session,
}

type Reply<T> = oneshot::Sender<Result<T, NegotiationError>>;

enum Order {
    Answer { peer: PeerId, offer: String, reply: Reply<Agreed> },
    Offer { peer: PeerId, reply: Reply<String> },
    Answered { peer: PeerId, answer: String, reply: Reply<Agreed> },
    Attach { peer: PeerId, leg: Option<u64> },
    Rtp { peer: PeerId, leg: u64, packet: Box<[u8]> },
    Impair { peer: PeerId, loss: u8 },
    Close { peer: PeerId },
    Stop,
}

/// A handle of the thread; clones speak to the same one.
#[derive(Clone)]
pub(super) struct Peers {
    post: Post,
    address: SocketAddr,
    thread: Arc<std::sync::Mutex<Option<JoinHandle<()>>>>,
}

#[derive(Clone)]
struct Post {
    orders: SyncSender<Order>,
    waker: Arc<Waker>,
    woken: Arc<AtomicBool>,
    audio: Arc<AtomicUsize>,
}

impl Post {
    fn send(&self, order: Order) -> Result<(), NegotiationError> {
        let audio = matches!(order, Order::Rtp { .. });
        if audio && self.audio.load(Ordering::Relaxed) >= AUDIO_MAX {
            return Err(NegotiationError::Busy);
        }
        self.orders.try_send(order).map_err(|_| NegotiationError::Busy)?;
        if audio {
            self.audio.fetch_add(1, Ordering::Relaxed);
        }
        if !self.woken.swap(true, Ordering::AcqRel) && self.waker.wake().is_err() {
            self.woken.store(false, Ordering::Release);
        }
        Ok(())
    }
}

/// A leg's way to its browser.
struct PeerWire {
    peer: PeerId,
    leg: u64,
    post: Post,
}

impl Wire for PeerWire {
    fn send(&self, packet: &[u8]) {
        // Dropped when the thread does not keep up, like any packet.
        let _ = self.post.send(Order::Rtp { peer: self.peer, leg: self.leg, packet: packet.into() });
    }
}

impl Peers {
    /// Binds the port and starts the thread. `advertised` is what browsers are told, if not the bound address.
    pub fn start(
        address: SocketAddr,
        advertised: Option<SocketAddr>,
        media: MediaPlane,
        events: mpsc::Sender<PeerEvent>,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let socket = std::net::UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        let bound = socket.local_addr()?;
        let mut socket = UdpSocket::from_std(socket);
        poll.registry().register(&mut socket, SOCKET, Interest::READABLE)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let (orders, inbox) = sync_channel(ORDERS_MAX);
        let post = Post { orders, waker, woken: Arc::default(), audio: Arc::default() };
        str0m::crypto::from_feature_flags().install_process_default();
        let thread = PeerThread {
            poll,
            socket,
            candidate: advertised.unwrap_or(bound),
            inbox,
            woken: Arc::clone(&post.woken),
            audio: Arc::clone(&post.audio),
            peers: HashMap::new(),
            by_address: HashMap::new(),
            deadlines: BTreeSet::new(),
            media,
            events,
        };
        let thread = std::thread::Builder::new().name("browsers".to_owned()).spawn(move || thread.run())?;
        Ok(Self { post, address: bound, thread: Arc::new(std::sync::Mutex::new(Some(thread))) })
    }

    /// The UDP address of every browser's media.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers a browser's offer: makes the peer connection, or agrees anew with the one there is (ICE restart).
    pub async fn answer(&self, peer: PeerId, offer: String) -> Result<Agreed, NegotiationError> {
        self.ask(|reply| Order::Answer { peer, offer, reply }).await
    }

    /// Makes a peer connection and an offer for the browser.
    pub async fn offer(&self, peer: PeerId) -> Result<String, NegotiationError> {
        self.ask(|reply| Order::Offer { peer, reply }).await
    }

    /// Takes the browser's answer to [`offer`](Self::offer).
    pub async fn answered(&self, peer: PeerId, answer: String) -> Result<Agreed, NegotiationError> {
        self.ask(|reply| Order::Answered { peer, answer, reply }).await
    }

    async fn ask<T>(&self, order: impl FnOnce(Reply<T>) -> Order) -> Result<T, NegotiationError> {
        let (reply, answer) = oneshot::channel();
        self.post.send(order(reply))?;
        answer.await.map_err(|_| NegotiationError::Gone)?
    }

    /// From now on the browser hears `leg` and is heard on it; `None`: nobody.
    pub fn attach(&self, peer: PeerId, leg: Option<u64>) {
        if self.post.send(Order::Attach { peer, leg }).is_err() {
            error!(
                peer = peer.0,
                "a browser could not be connected with its leg: its thread does not keep up"
            );
        }
    }

    /// Where the media thread sends a leg's packets.
    pub fn wire(&self, peer: PeerId, leg: u64) -> Box<dyn Wire> {
        Box::new(PeerWire { peer, leg, post: self.post.clone() })
    }

    /// From now on so many of 100 packets to and from this browser are lost.
    pub fn impair(&self, peer: PeerId, loss: u8) {
        if self.post.send(Order::Impair { peer, loss }).is_err() {
            warn!(peer = peer.0, "a browser's network is left as it is: its thread does not keep up");
        }
    }

    /// Ends a peer connection. Harmless if it is gone.
    pub fn close(&self, peer: PeerId) {
        if self.post.send(Order::Close { peer }).is_err() {
            warn!(peer = peer.0, "a peer connection is left to its timeout: its thread does not keep up");
        }
    }

    /// Ends every peer connection and waits for the thread.
    pub fn shutdown(&self) {
        // A full queue empties; a thread that has gone needs no word.
        while matches!(self.post.orders.try_send(Order::Stop), Err(std::sync::mpsc::TrySendError::Full(_))) {
            std::thread::yield_now();
        }
        let _ = self.post.waker.wake();
        let thread = self.thread.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            error!("the thread of the browsers had panicked");
        }
    }
}

struct Peer {
    rtc: Rtc,
    deadline: Instant,
    pending: Option<SdpPendingOffer>,
    mid: Option<Mid>,
    session: Option<Session>,
    leg: Option<u64>,
    splice: Splice,
    /// Which keys it was sent.
    keys: EventReceiver,
    /// What is done to its packets, for a simulated customer.
    impairment: Impairment,
    /// DTLS is done.
    secured: bool,
    up: bool,
}

struct PeerThread {
    poll: Poll,
    socket: UdpSocket,
    candidate: SocketAddr,
    inbox: Receiver<Order>,
    woken: Arc<AtomicBool>,
    audio: Arc<AtomicUsize>,
    peers: HashMap<PeerId, Peer>,
    by_address: HashMap<SocketAddr, PeerId>,
    deadlines: BTreeSet<(Instant, PeerId)>,
    media: MediaPlane,
    events: mpsc::Sender<PeerEvent>,
}

#[expect(
    clippy::disallowed_methods,
    reason = "media is paced by the machine's own clock, even if calls are not"
)]
fn instant() -> Instant {
    Instant::now()
}

impl PeerThread {
    fn run(mut self) {
        let mut events = Events::with_capacity(16);
        let mut bytes = [0; DATAGRAM_MAX];
        let mut more = false;
        loop {
            let due = self.deadlines.first().map(|(at, _)| at.saturating_duration_since(instant()));
            let pause = if more { Duration::ZERO } else { due.unwrap_or(IDLE).min(IDLE) };
            if let Err(error) = self.poll.poll(&mut events, Some(pause))
                && error.kind() != ErrorKind::Interrupted
            {
                error!(%error, "could not wait for browsers: {error}");
                return;
            }
            more = self.read(&mut bytes);
            self.woken.store(false, Ordering::Release);
            for _ in 0..ORDERS_PER_TURN {
                let Ok(order) = self.inbox.try_recv() else { break };
                if !self.obey(order) {
                    return;
                }
            }
            self.fire();
        }
    }

    /// Reads datagrams; answers whether there may be more.
    fn read(&mut self, bytes: &mut [u8]) -> bool {
        for _ in 0..DATAGRAMS_PER_TURN {
            let (length, from) = match self.socket.recv_from(bytes) {
                Ok(received) => received,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                // An ICMP answer to something we sent: the next read may have a packet.
                Err(_) => continue,
            };
            self.datagram(from, &bytes[..length]);
        }
        true
    }

    fn datagram(&mut self, from: SocketAddr, bytes: &[u8]) {
        let now = instant();
        let Ok(receive) = Receive::new(Protocol::Udp, from, self.candidate, bytes) else { return };
        let input = Input::Receive(now, receive);
        let known = self.by_address.get(&from).copied();
        let accepts = |id: &PeerId| self.peers.get(id).is_some_and(|peer| peer.rtc.accepts(&input));
        let id = known.filter(accepts).or_else(|| {
            let mut all = self.peers.iter();
            all.find(|(_, peer)| peer.rtc.accepts(&input)).map(|(id, _)| *id)
        });
        let Some(id) = id else { return };
        if known != Some(id) {
            self.by_address.insert(from, id);
        }
        if self.peers.get_mut(&id).is_some_and(|peer| peer.impairment.loses_received()) {
            return;
        }
        self.change(id, |peer| {
            if let Err(error) = peer.rtc.handle_input(input) {
                debug!(peer = id.0, %error, "a datagram of a browser was refused: {error}");
            }
        });
    }

    /// Does something to a peer connection, and then everything that follows from it.
    fn change(&mut self, id: PeerId, change: impl FnOnce(&mut Peer)) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        self.deadlines.remove(&(peer.deadline, id));
        change(peer);
        let mut gone = false;
        let mut turns = 0;
        loop {
            match peer.rtc.poll_output() {
                Ok(Output::Timeout(at)) => {
                    let now = instant();
                    turns += 1;
                    // What was written is sent when the time moves.
                    if at <= now && turns < TURNS_MAX {
                        if peer.rtc.handle_input(Input::Timeout(now)).is_ok() {
                            continue;
                        }
                        gone = true;
                    }
                    peer.deadline = at;
                    break;
                }
                Ok(Output::Transmit(_)) if peer.impairment.loses_sent() => {}
                Ok(Output::Transmit(out)) => {
                    if let Err(error) = self.socket.send_to(&out.contents, out.destination) {
                        debug!(peer = id.0, %error, "could not send to a browser: {error}");
                    }
                }
                Ok(Output::Event(event)) => happened(id, peer, event, &self.media, &self.events),
                Err(error) => {
                    info!(peer = id.0, %error, "a peer connection failed: {error}");
                    gone = true;
                    break;
                }
            }
        }
        if gone || !peer.rtc.is_alive() {
            self.remove(id);
            tell(&self.events, PeerEvent::Lost(id));
        } else {
            self.deadlines.insert((peer.deadline, id));
        }
    }

    fn remove(&mut self, id: PeerId) {
        if let Some(peer) = self.peers.remove(&id) {
            self.deadlines.remove(&(peer.deadline, id));
            self.by_address.retain(|_, other| *other != id);
        }
    }

    fn fire(&mut self) {
        let now = instant();
        let due: Vec<PeerId> =
            self.deadlines.iter().take_while(|(at, _)| *at <= now).map(|(_, id)| *id).collect();
        for id in due {
            self.change(id, |peer| {
                if let Err(error) = peer.rtc.handle_input(Input::Timeout(now)) {
                    debug!(peer = id.0, %error, "a peer connection has a bad time: {error}");
                }
            });
        }
    }

    /// Does what the order says; false if it says stop.
    fn obey(&mut self, order: Order) -> bool {
        match order {
            Order::Rtp { peer, leg, packet } => {
                self.audio.fetch_sub(1, Ordering::Relaxed);
                let mut key = None;
                self.change(peer, |peer| key = speak(peer, leg, &packet));
                if let Some(key) = key {
                    tell(&self.events, PeerEvent::Key(peer, key));
                }
            }
            Order::Attach { peer, leg } => {
                if let Some(peer) = self.peers.get_mut(&peer) {
                    peer.leg = leg;
                }
            }
            Order::Impair { peer, loss } => {
                if let Some(peer) = self.peers.get_mut(&peer) {
                    peer.impairment = Impairment::of(loss);
                }
            }
            // Nobody waits for these answers once their call is over.
            Order::Answer { peer, offer, reply } => drop(reply.send(self.answer(peer, &offer))),
            Order::Offer { peer, reply } => drop(reply.send(self.offer(peer))),
            Order::Answered { peer, answer, reply } => drop(reply.send(self.answered(peer, &answer))),
            Order::Close { peer } => {
                self.change(peer, |peer| peer.rtc.disconnect());
                self.remove(peer);
            }
            Order::Stop => return false,
        }
        true
    }

    fn make(&mut self, id: PeerId, codecs: &[Codec]) -> Result<(), NegotiationError> {
        if self.peers.len() >= PEERS_MAX {
            return Err(NegotiationError::Busy);
        }
        let now = instant();
        let mut config = Rtc::builder().set_ice_lite(true).set_rtp_mode(true).clear_codecs();
        for codec in codecs {
            config = match codec {
                Codec::Opus => config.enable_opus(true, false),
                Codec::Pcma => config.enable_pcma(true, false),
                Codec::Pcmu | Codec::G722 => config.enable_pcmu(true, false),
            };
        }
        let events = FormatParams::default();
        config.codec_config().add_config(
            EVENTS.into(),
            None,
            RtcCodec::Tele,
            Frequency::EIGHT_KHZ,
            None,
            events,
        );
        let mut rtc = config.build(now);
        let candidate = Candidate::host(self.candidate, "udp")
            .map_err(|error| NegotiationError::Description(error.to_string()))?;
        rtc.add_local_candidate(candidate);
        let peer = Peer {
            rtc,
            deadline: now,
            pending: None,
            mid: None,
            session: None,
            leg: None,
            splice: Splice::default(),
            keys: EventReceiver::default(),
            impairment: Impairment::default(),
            secured: false,
            up: false,
        };
        self.deadlines.insert((now, id));
        self.peers.insert(id, peer);
        Ok(())
    }

    fn answer(&mut self, id: PeerId, offer: &str) -> Result<Agreed, NegotiationError> {
        let fresh = !self.peers.contains_key(&id);
        if fresh {
            let codec = audio_of(offer).first().map(|(codec, _)| *codec).ok_or(NegotiationError::NoCodec)?;
            self.make(id, &[codec])?;
        }
        let offer = SdpOffer::from_sdp_string(offer)
            .map_err(|error| NegotiationError::Description(error.to_string()))?;
        let mut agreed = Err(NegotiationError::Gone);
        self.change(id, |peer| {
            agreed = match peer.rtc.sdp_api().accept_offer(offer) {
                Ok(answer) => {
                    let sdp = answer.to_sdp_string();
                    session_of(&sdp).ok_or(NegotiationError::NoCodec).map(|session| Agreed { sdp, session })
                }
                Err(error) => Err(NegotiationError::Description(error.to_string())),
            };
            peer.session = agreed.as_ref().ok().map(|agreed| agreed.session).or(peer.session);
        });
        if agreed.is_err() && fresh {
            self.remove(id);
        }
        agreed
    }

    fn offer(&mut self, id: PeerId) -> Result<String, NegotiationError> {
        self.make(id, &[Codec::Pcmu, Codec::Opus])?;
        let mut sdp = Err(NegotiationError::Gone);
        self.change(id, |peer| {
            let mut api = peer.rtc.sdp_api();
            let name = Some("tandem".to_owned());
            peer.mid = Some(api.add_media(MediaKind::Audio, Direction::SendRecv, name.clone(), name, None));
            sdp = match api.apply() {
                Some((offer, pending)) => {
                    peer.pending = Some(pending);
                    Ok(offer.to_sdp_string())
                }
                None => Err(NegotiationError::Gone),
            };
        });
        sdp
    }

    fn answered(&mut self, id: PeerId, text: &str) -> Result<Agreed, NegotiationError> {
        let session = session_of(text).ok_or(NegotiationError::NoCodec)?;
        let answer = SdpAnswer::from_sdp_string(text)
            .map_err(|error| NegotiationError::Description(error.to_string()))?;
        let mut agreed = Err(NegotiationError::Gone);
        self.change(id, |peer| {
            let Some(pending) = peer.pending.take() else { return };
            agreed = match peer.rtc.sdp_api().accept_answer(pending, answer) {
                Ok(()) => Ok(Agreed { sdp: String::new(), session }),
                Err(error) => Err(NegotiationError::Description(error.to_string())),
            };
            peer.session = agreed.as_ref().ok().map(|agreed| agreed.session);
        });
        agreed
    }
}

fn tell(events: &mpsc::Sender<PeerEvent>, event: PeerEvent) {
    if events.try_send(event).is_err() {
        error!(?event, "what a browser's connection does could not be told");
    }
}

fn happened(id: PeerId, peer: &mut Peer, event: Event, media: &MediaPlane, events: &mpsc::Sender<PeerEvent>) {
    match event {
        Event::Connected => {
            (peer.secured, peer.up) = (true, true);
            tell(events, PeerEvent::Up(id));
        }
        Event::IceConnectionStateChange(IceConnectionState::Disconnected) => {
            peer.up = false;
            tell(events, PeerEvent::Down(id));
        }
        Event::IceConnectionStateChange(state) if state.is_connected() && peer.secured && !peer.up => {
            peer.up = true;
            tell(events, PeerEvent::Up(id));
        }
        Event::MediaAdded(added) => peer.mid = Some(added.mid),
        Event::RtpPacket(packet) => {
            let (Some(leg), Some(session)) = (peer.leg, peer.session) else { return };
            let header = &packet.header;
            let mut buffer = [0; PACKET_MAX];
            let plain = Packet {
                marker: header.marker,
                payload_type: *header.payload_type,
                seq: header.sequence_number,
                timestamp: header.timestamp,
                ssrc: *header.ssrc,
                payload: &packet.payload,
            };
            let known = [Some(session.payload_type), session.dtmf_payload_type];
            if known.contains(&Some(plain.payload_type)) {
                media.packet(leg, plain.write(&mut buffer));
            }
        }
        _ => {}
    }
}

/// Sends a packet of the leg that the browser hears; answers the key whose tone begins with it.
fn speak(peer: &mut Peer, leg: u64, bytes: &[u8]) -> Option<char> {
    let (Some(mid), Some(session), true) = (peer.mid, peer.session, peer.up) else { return None };
    if peer.leg != Some(leg) {
        return None;
    }
    let packet = Packet::parse(bytes).ok()?;
    let now = instant();
    let numbers = peer.splice.place(now, &packet, session.codec.clock_khz())?;
    let payload_type = packet.payload_type;
    let event = Some(payload_type) == session.dtmf_payload_type;
    if payload_type != session.payload_type && !event {
        return None;
    }
    let mut api = peer.rtc.direct_api();
    let stream = api.stream_tx_by_mid(mid, None)?;
    let write = RtpWrite::new(
        payload_type.into(),
        numbers.seq.into(),
        numbers.timestamp,
        now,
        packet.payload.to_vec(),
    )
    .marker(packet.marker);
    stream.write_rtp(write);
    if event { peer.keys.receive(packet.ssrc, packet.timestamp, packet.payload) } else { None }
}

/// What a description calls each of its payload types: `111`, `opus/48000/2`.
fn rtpmaps(sdp: &str) -> impl Iterator<Item = (u8, String)> {
    sdp.lines().filter_map(|line| {
        let (payload_type, name) = line.strip_prefix("a=rtpmap:")?.trim().split_once(' ')?;
        Some((payload_type.parse().ok()?, name.to_ascii_lowercase()))
    })
}

/// The codecs that a description's audio has and we know, most wanted first, with their payload types.
fn audio_of(sdp: &str) -> Vec<(Codec, u8)> {
    let line = sdp.lines().find_map(|line| line.strip_prefix("m=audio ")).unwrap_or_default();
    let types = line.split_ascii_whitespace().skip(2).filter_map(|word| word.parse::<u8>().ok());
    let opus: Vec<u8> = rtpmaps(sdp)
        .filter(|(_, name)| name == "opus/48000/2")
        .map(|(payload_type, _)| payload_type)
        .collect();
    types
        .filter_map(|payload_type| match payload_type {
            0 => Some((Codec::Pcmu, 0)),
            8 => Some((Codec::Pcma, 8)),
            other => opus.contains(&other).then_some((Codec::Opus, other)),
        })
        .collect()
}

/// What the media plane needs to know of an answer. Events are taken at 8 kHz, whatever the codec beside them.
fn session_of(sdp: &str) -> Option<Session> {
    let (codec, payload_type) = *audio_of(sdp).first()?;
    let events =
        rtpmaps(sdp).find(|(_, name)| name == "telephone-event/8000" || name == "telephone-event/8000/1");
    let dtmf_payload_type = events.map(|(payload_type, _)| payload_type);
    Some(Session {
        remote: BY_WIRE,
        codec,
        payload_type,
        dtmf_payload_type,
        comfort_noise: false,
        send: true,
        receive: true,
    })
}

const SOCKET: Token = Token(0);
const WAKE: Token = Token(1);
/// Payload type of telephone events in our own offers.
const EVENTS: u8 = 101;
/// Most peer connections.
const PEERS_MAX: usize = 4_000;
/// Orders that may wait for the thread, audio included.
const ORDERS_MAX: usize = 32_768;
/// Packets among them.
const AUDIO_MAX: usize = 16_384;
const ORDERS_PER_TURN: usize = 4_096;
const DATAGRAMS_PER_TURN: usize = 256;
const DATAGRAM_MAX: usize = 2_048;
/// How often one change may move the time of a peer connection on.
const TURNS_MAX: usize = 8;
/// The longest the thread sleeps.
const IDLE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 0 8 110 126\r\na=rtpmap:111 opus/48000/2\r\n\
                         a=rtpmap:0 PCMU/8000\r\na=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\n";

    #[test]
    fn the_first_codec_of_a_description_that_we_know_is_taken_with_its_events() {
        let session = session_of(OFFER).unwrap();
        assert_eq!((session.codec, session.payload_type), (Codec::Opus, 111));
        assert_eq!(session.dtmf_payload_type, Some(126));
        let session = session_of(&OFFER.replace("SAVPF 111 0", "SAVPF 97 0 111")).unwrap();
        assert_eq!((session.codec, session.payload_type), (Codec::Pcmu, 0));
        assert!(session_of("v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 97\r\n").is_none());
        assert!(session_of("").is_none());
    }
}
