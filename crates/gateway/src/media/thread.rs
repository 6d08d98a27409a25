//! One media thread: it owns its sockets and its exchange, and waits for nothing but them and its next 20 ms.

use super::mailbox::{Inbox, Mailbox, Message, Wire};
use super::ports::Lease;
use super::recorder::Recorder;
use base::{Clock, Mono, Now};
use media::control::{Event, LegId, RecordingId};
use media::exchange::{Exchange, Order, Out};
use media::reel::{Batch, Tape};
use media::srtp::{Keys, SECURED_MAX, Srtp};
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tracing::{error, warn};

/// What the media threads count, since their start.
#[derive(Debug, Default)]
pub struct MediaCounters {
    /// Datagrams received on RTP ports.
    pub received: AtomicU64,
    /// RTP packets sent.
    pub sent: AtomicU64,
    /// Datagrams that were no RTP, from strangers, or of a payload nobody agreed.
    pub refused: AtomicU64,
    /// RTP packets that the network would not take.
    pub unsent: AtomicU64,
    /// Packets for legs of another thread that did not keep up.
    pub audio_dropped: AtomicU64,
    /// Events that the engine did not take.
    pub events_dropped: AtomicU64,
    /// Commands that a media thread did not take.
    pub commands_refused: AtomicU64,
    /// Batches of recorded audio that the disk did not take in time.
    pub recordings_late: AtomicU64,
    /// Ticks left out after a stall.
    pub ticks_skipped: AtomicU64,
}

pub(super) struct MediaThread {
    pub(super) poll: Poll,
    pub(super) inbox: Inbox,
    pub(super) exchange: Exchange,
    pub(super) outbox: Outbox,
    pub(super) clock: Clock,
    pub(super) epoch: Instant,
}

/// Everything that leaves the exchange.
pub(super) struct Outbox {
    lines: Vec<Option<Line>>,
    free: Vec<usize>,
    line_of: HashMap<LegId, usize>,
    /// Legs without sockets.
    wires: HashMap<LegId, Box<dyn Wire>>,
    peers: Vec<Mailbox>,
    /// What a peer's queue had no room for and must not be lost.
    unpassed: VecDeque<(usize, Order)>,
    events: mpsc::Sender<Event>,
    untold: VecDeque<Event>,
    recorder: Recorder,
    /// Whoever listens to legs, by what it is recorded as.
    taps: HashMap<RecordingId, mpsc::Sender<Vec<i16>>>,
    /// Recordings that are over and not ended at the recorder yet.
    unended: VecDeque<RecordingId>,
    counters: Arc<MediaCounters>,
}

/// A leg's sockets. The lease is the last field: it is returned when they are closed.
struct Line {
    leg: LegId,
    rtp: UdpSocket,
    rtcp: UdpSocket,
    /// Where agreed; packets that are not protected are then refused.
    srtp: Option<Box<Srtp>>,
    _lease: Lease,
}

/// The token of the waker; sockets have two per line.
pub(super) const WAKE: Token = Token(usize::MAX);

impl Outbox {
    pub(super) fn new(
        peers: Vec<Mailbox>,
        events: mpsc::Sender<Event>,
        recorder: Recorder,
        counters: Arc<MediaCounters>,
    ) -> Self {
        Self {
            lines: Vec::new(),
            free: Vec::new(),
            line_of: HashMap::new(),
            wires: HashMap::new(),
            peers,
            unpassed: VecDeque::new(),
            events,
            untold: VecDeque::new(),
            recorder,
            taps: HashMap::new(),
            unended: VecDeque::new(),
            counters,
        }
    }

    fn secure(&mut self, leg: LegId, keys: Option<Keys>) {
        let Some(line) = self.line_of.get(&leg).and_then(|&at| self.lines[at].as_mut()) else { return };
        match (&mut line.srtp, keys) {
            (Some(srtp), Some(keys)) => srtp.rekey(keys),
            (srtp, keys) => *srtp = keys.map(|keys| Box::new(Srtp::new(keys))),
        }
    }

    /// Tries again what could not be told or passed on.
    fn retry(&mut self) {
        while let Some(event) = self.untold.pop_front() {
            if let Err(refused) = self.events.try_send(event) {
                self.untold.push_front(refused.into_inner());
                break;
            }
        }
        while let Some(recording) = self.unended.pop_front() {
            if !self.recorder.end(recording) {
                self.unended.push_front(recording);
                break;
            }
        }
        for _ in 0..self.unpassed.len() {
            let Some((peer, order)) = self.unpassed.pop_front() else { break };
            if let Err(Message::Order(order)) = self.peers[peer].order(order) {
                self.unpassed.push_back((peer, order));
                break;
            }
        }
    }
}

impl Tape for Outbox {
    fn recorded(&mut self, batch: Batch) -> bool {
        match self.taps.get(&batch.recording) {
            // Who does not listen in time misses it.
            Some(tap) => tap.try_send(batch.samples).is_ok(),
            None => self.recorder.take(batch),
        }
    }

    fn record_ended(&mut self, recording: RecordingId) {
        if self.taps.remove(&recording).is_some() {
            return;
        }
        if !self.recorder.end(recording) {
            self.unended.push_back(recording);
        }
    }
}

impl Out for Outbox {
    fn rtp(&mut self, leg: LegId, to: SocketAddr, packet: &[u8]) {
        if let Some(wire) = self.wires.get(&leg) {
            self.counters.sent.fetch_add(1, Ordering::Relaxed);
            return wire.send(packet);
        }
        let Some(line) = self.line_of.get(&leg).and_then(|&at| self.lines[at].as_mut()) else { return };
        let mut buffer = [0; SECURED_MAX];
        let packet = match &mut line.srtp {
            Some(srtp) => match srtp.protect(packet, &mut buffer) {
                Ok(secured) => secured,
                Err(_) => return,
            },
            None => packet,
        };
        let counter = match line.rtp.send_to(packet, to) {
            Ok(_) => &self.counters.sent,
            Err(_) => &self.counters.unsent,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn rtcp(&mut self, leg: LegId, to: SocketAddr, packet: &[u8]) {
        let Some(line) = self.line_of.get(&leg).and_then(|&at| self.lines[at].as_mut()) else { return };
        let mut buffer = [0; SECURED_MAX];
        let packet = match &mut line.srtp {
            Some(srtp) => match srtp.protect_rtcp(packet, &mut buffer) {
                Ok(secured) => secured,
                Err(_) => return,
            },
            None => packet,
        };
        if line.rtcp.send_to(packet, to).is_err() {
            self.counters.unsent.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn event(&mut self, event: Event) {
        let refused = match self.untold.is_empty() {
            true => self.events.try_send(event).err().map(mpsc::error::TrySendError::into_inner),
            false => Some(event),
        };
        let Some(event) = refused else { return };
        if self.untold.len() >= UNTOLD_MAX {
            self.counters.events_dropped.fetch_add(1, Ordering::Relaxed);
            error!(?event, "the engine does not take media events; one is lost");
            return;
        }
        self.untold.push_back(event);
    }

    fn pass(&mut self, exchange: usize, order: Order) {
        let Some(peer) = self.peers.get(exchange) else { return };
        if order.is_audio() {
            if peer.order(order).is_err() {
                self.counters.audio_dropped.fetch_add(1, Ordering::Relaxed);
            }
            return;
        }
        // Behind what waits already: a listener that comes must not overtake the one that goes.
        if !self.unpassed.is_empty() {
            return self.unpassed.push_back((exchange, order));
        }
        if let Err(Message::Order(order)) = peer.order(order) {
            self.unpassed.push_back((exchange, order));
        }
    }
}

impl MediaThread {
    /// Works until it is told to stop.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS_PER_TURN);
        let mut ready = VecDeque::new();
        let mut bytes = [0; DATAGRAM_MAX];
        let mut next_tick = self.instant() + TICK;
        loop {
            let pause = if ready.is_empty() {
                next_tick.saturating_duration_since(self.instant())
            } else {
                Duration::ZERO
            };
            if let Err(error) = self.poll.poll(&mut events, Some(pause))
                && error.kind() != ErrorKind::Interrupted
            {
                error!(%error, "could not wait for media sockets: {error}");
                return self.exchange.close_all(&mut self.outbox);
            }
            ready.extend(events.iter().map(|event| event.token()).filter(|token| *token != WAKE));
            for _ in 0..ready.len() {
                let Some(token) = ready.pop_front() else { break };
                if self.read(token, &mut bytes) {
                    ready.push_back(token);
                }
            }
            if !self.obey() {
                self.exchange.close_all(&mut self.outbox);
                self.outbox.retry();
                return;
            }
            next_tick = self.tick(next_tick);
            self.outbox.retry();
        }
    }

    /// Ticks if it is time, and answers when the next tick is. A short delay is caught up; after a stall the ticks
    /// that were missed are left out, lest peers get them in a burst.
    fn tick(&mut self, due: Instant) -> Instant {
        let late = self.instant().saturating_duration_since(due);
        if late.is_zero() && self.instant() < due {
            return due;
        }
        self.exchange.tick(self.now(due), &mut self.outbox);
        let refused = self.exchange.take_dropped();
        self.outbox.counters.refused.fetch_add(refused, Ordering::Relaxed);
        let mut next = due + TICK;
        if late > STALL {
            let missed = (late.as_micros() / TICK.as_micros()) as u32;
            next += TICK * missed;
            self.outbox.counters.ticks_skipped.fetch_add(u64::from(missed), Ordering::Relaxed);
            warn!(late_ms = late.as_millis() as u64, "a media thread stalled for {late:?}");
        }
        next
    }

    /// Reads datagrams from one socket; answers whether there may be more.
    fn read(&mut self, token: Token, bytes: &mut [u8]) -> bool {
        for _ in 0..DATAGRAMS_PER_TURN {
            let Some(Some(line)) = self.outbox.lines.get_mut(token.0 / 2) else { return false };
            let leg = line.leg;
            let control = token.0 % 2 == 1;
            let socket = if control { &line.rtcp } else { &line.rtp };
            let (length, from) = match socket.recv_from(bytes) {
                Ok(received) => received,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                // An ICMP answer to something we sent: the next read may have a packet.
                Err(_) => continue,
            };
            let length = match &mut line.srtp {
                None => length,
                Some(srtp) => {
                    let packet = &mut bytes[..length];
                    let opened = if control { srtp.unprotect_rtcp(packet) } else { srtp.unprotect(packet) };
                    let Ok(length) = opened else {
                        self.outbox.counters.refused.fetch_add(1, Ordering::Relaxed);
                        continue;
                    };
                    length
                }
            };
            let now = self.now(self.instant());
            if control {
                self.exchange.control(now, leg, from, &bytes[..length]);
            } else {
                self.outbox.counters.received.fetch_add(1, Ordering::Relaxed);
                self.exchange.packet(now, leg, from, &bytes[..length], &mut self.outbox);
            }
        }
        true
    }

    /// Does what the messages say; false if one says stop.
    fn obey(&mut self) -> bool {
        self.inbox.awake();
        // The waker is edge-triggered: what is left after this many is taken in the next turn, at the latest at the
        // next tick.
        for _ in 0..MESSAGES_PER_TURN {
            let Some(message) = self.inbox.next() else { break };
            let now = self.now(self.instant());
            match message {
                Message::Open { leg, rtp, rtcp, lease } => match self.open(leg, rtp, rtcp, lease) {
                    Ok(()) => self.exchange.order(now, Order::Open { leg }, &mut self.outbox),
                    Err(error) => error!(leg, %error, "could not watch the sockets of leg {leg}: {error}"),
                },
                Message::OpenWire { leg, wire } => {
                    self.outbox.wires.insert(leg, wire);
                    self.exchange.order(now, Order::Open { leg }, &mut self.outbox);
                }
                Message::Tap { tap, sink } => drop(self.outbox.taps.insert(tap, sink)),
                Message::Packet { leg, bytes } => {
                    self.outbox.counters.received.fetch_add(1, Ordering::Relaxed);
                    self.exchange.packet(now, leg, BY_WIRE, &bytes, &mut self.outbox);
                }
                Message::Secure { leg, keys } => self.outbox.secure(leg, keys.map(|keys| *keys)),
                Message::Close { leg } => {
                    self.exchange.order(now, Order::Close { leg }, &mut self.outbox);
                    self.close(leg);
                }
                Message::Order(order) => self.exchange.order(now, order, &mut self.outbox),
                Message::Stop => return false,
            }
        }
        true
    }

    fn open(
        &mut self,
        leg: LegId,
        rtp: std::net::UdpSocket,
        rtcp: std::net::UdpSocket,
        lease: Lease,
    ) -> io::Result<()> {
        let outbox = &mut self.outbox;
        let mut line = Line {
            leg,
            rtp: UdpSocket::from_std(rtp),
            rtcp: UdpSocket::from_std(rtcp),
            srtp: None,
            _lease: lease,
        };
        let at = outbox.free.pop().unwrap_or(outbox.lines.len());
        let registry = self.poll.registry();
        registry.register(&mut line.rtp, Token(at * 2), Interest::READABLE)?;
        registry.register(&mut line.rtcp, Token(at * 2 + 1), Interest::READABLE)?;
        if at == outbox.lines.len() {
            outbox.lines.push(None);
        }
        outbox.lines[at] = Some(line);
        outbox.line_of.insert(leg, at);
        Ok(())
    }

    fn close(&mut self, leg: LegId) {
        self.outbox.wires.remove(&leg);
        let Some(at) = self.outbox.line_of.remove(&leg) else { return };
        if let Some(mut line) = self.outbox.lines[at].take() {
            for socket in [&mut line.rtp, &mut line.rtcp] {
                if let Err(error) = self.poll.registry().deregister(socket) {
                    warn!(leg, %error, "could not stop watching a socket of leg {leg}: {error}");
                }
            }
            self.outbox.free.push(at);
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "media is paced by the machine's own clock, even if calls are not"
    )]
    fn instant(&self) -> Instant {
        Instant::now()
    }

    fn now(&self, at: Instant) -> Now {
        let mono = Mono(at.saturating_duration_since(self.epoch).as_micros() as u64);
        Now { mono, wall: self.clock.now().wall }
    }
}

/// Where packets that came by a wire come from; also where a session by wire says that its peer receives.
pub const BY_WIRE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
const TICK: Duration = Duration::from_millis(20);
/// A tick later than this leaves out what was missed.
const STALL: Duration = Duration::from_millis(60);
const EVENTS_PER_TURN: usize = 1_024;
const DATAGRAMS_PER_TURN: usize = 64;
const MESSAGES_PER_TURN: usize = 4_096;
/// Longer datagrams are cut, and then refused as RTP of more than 200 ms.
const DATAGRAM_MAX: usize = 2_048;
/// Events that may wait for the engine.
const UNTOLD_MAX: usize = 65_536;
