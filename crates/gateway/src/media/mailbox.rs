//! How everybody reaches a media thread: a bounded queue and a waker.

use super::ports::Lease;
use media::control::{LegId, RecordingId};
use media::exchange::Order;
use media::srtp::Keys;
use mio::Waker;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};

/// Where the packets of a leg go that has no sockets of its own: a browser's, behind encryption.
///
/// Called by the media thread for every packet, so it must not wait.
pub trait Wire: Send {
    /// Takes an RTP packet for the peer.
    fn send(&self, packet: &[u8]);
}

/// What a media thread is told.
pub(super) enum Message {
    /// A leg with its sockets.
    Open {
        leg: LegId,
        rtp: UdpSocket,
        rtcp: UdpSocket,
        lease: Lease,
    },
    /// A leg whose packets come and go by other ways than a socket.
    OpenWire {
        leg: LegId,
        wire: Box<dyn Wire>,
    },
    /// An RTP packet that came by such a way. May be dropped when there are too many.
    Packet {
        leg: LegId,
        bytes: Box<[u8]>,
    },
    /// What comes of this recording goes to whoever listens, not to the disk.
    Tap {
        tap: RecordingId,
        sink: tokio::sync::mpsc::Sender<Vec<i16>>,
    },
    /// From now on the leg's packets are protected by these keys, or no longer.
    Secure {
        leg: LegId,
        keys: Option<Box<Keys>>,
    },
    /// The leg is over, and its sockets with it.
    Close {
        leg: LegId,
    },
    Order(Order),
    /// End every leg, report, and return.
    Stop,
}

impl Message {
    fn is_audio(&self) -> bool {
        match self {
            Message::Order(order) => order.is_audio(),
            Message::Packet { .. } => true,
            Message::Open { .. }
            | Message::OpenWire { .. }
            | Message::Tap { .. }
            | Message::Secure { .. }
            | Message::Close { .. }
            | Message::Stop => false,
        }
    }
}

/// The sending end. Never waits.
#[derive(Clone)]
pub(super) struct Mailbox {
    queue: SyncSender<Message>,
    gauge: Arc<Gauge>,
    waker: Arc<Waker>,
}

/// The receiving end.
pub(super) struct Inbox {
    queue: Receiver<Message>,
    gauge: Arc<Gauge>,
}

#[derive(Default)]
struct Gauge {
    waiting: AtomicUsize,
    audio: AtomicUsize,
    woken: AtomicBool,
}

/// The media thread is too far behind, or gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("media thread does not keep up")]
pub(super) struct Overloaded;

pub(super) fn mailbox(waker: Waker) -> (Mailbox, Inbox) {
    let (sender, receiver) = sync_channel(ORDERS_MAX + ENDINGS_MAX);
    let gauge = Arc::new(Gauge::default());
    let mailbox = Mailbox { queue: sender, gauge: Arc::clone(&gauge), waker: Arc::new(waker) };
    (mailbox, Inbox { queue: receiver, gauge })
}

impl Mailbox {
    /// Sends an order, or gives it back; audio has a smaller share of the queue.
    pub(super) fn order(&self, order: Order) -> Result<(), Message> {
        let audio = order.is_audio();
        let waiting = self.gauge.waiting.load(Ordering::Relaxed);
        let full = waiting >= ORDERS_MAX || (audio && self.gauge.audio.load(Ordering::Relaxed) >= AUDIO_MAX);
        if full {
            return Err(Message::Order(order));
        }
        self.push(Message::Order(order))
    }

    /// Sends a packet that came by a wire, unless there is too much audio already.
    pub(super) fn packet(&self, leg: LegId, bytes: &[u8]) -> Result<(), Overloaded> {
        if self.gauge.audio.load(Ordering::Relaxed) >= AUDIO_MAX {
            return Err(Overloaded);
        }
        self.push(Message::Packet { leg, bytes: bytes.into() }).map_err(|_| Overloaded)
    }

    /// Sends what begins a leg.
    pub(super) fn open(&self, message: Message) -> Result<(), Overloaded> {
        if self.gauge.waiting.load(Ordering::Relaxed) >= ORDERS_MAX {
            return Err(Overloaded);
        }
        self.push(message).map_err(|_| Overloaded)
    }

    /// Sends what ends something that was begun, for which room is kept.
    pub(super) fn end(&self, message: Message) -> Result<(), Overloaded> {
        self.push(message).map_err(|_| Overloaded)
    }

    fn push(&self, message: Message) -> Result<(), Message> {
        let audio = message.is_audio();
        self.gauge.waiting.fetch_add(1, Ordering::Relaxed);
        if audio {
            self.gauge.audio.fetch_add(1, Ordering::Relaxed);
        }
        match self.queue.try_send(message) {
            Ok(()) => {
                if !self.gauge.woken.swap(true, Ordering::AcqRel) && self.waker.wake().is_err() {
                    // It wakes with its next tick anyway.
                    self.gauge.woken.store(false, Ordering::Release);
                }
                Ok(())
            }
            Err(TrySendError::Full(message) | TrySendError::Disconnected(message)) => {
                self.gauge.taken(audio);
                Err(message)
            }
        }
    }
}

impl Gauge {
    fn taken(&self, audio: bool) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        if audio {
            self.audio.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Inbox {
    /// From now on a message wakes the thread again. To be called before the queue is emptied.
    pub(super) fn awake(&self) {
        self.gauge.woken.store(false, Ordering::Release);
    }

    /// The next message, if there is one. An abandoned queue says to stop.
    pub(super) fn next(&self) -> Option<Message> {
        match self.queue.try_recv() {
            Ok(message) => {
                self.gauge.taken(message.is_audio());
                Some(message)
            }
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Message::Stop),
        }
    }
}

/// Messages that may wait for one thread.
const ORDERS_MAX: usize = 16_384;
/// Room kept beyond them for what ends legs and playings.
const ENDINGS_MAX: usize = 16_384;
/// Packets from other threads that may wait for one thread.
const AUDIO_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;
    use media::control::{MixerId, Route};
    use media::exchange::Mixed;
    use media::g711::FRAME;

    #[test]
    fn a_full_queue_refuses_orders_and_audio_and_still_takes_endings() {
        let poll = mio::Poll::new().unwrap();
        let (mailbox, inbox) = mailbox(Waker::new(poll.registry(), mio::Token(0)).unwrap());
        let audio =
            || Order::Mixed { leg: 1, mixer: MixerId(1), audio: Box::new(Mixed::Samples([0; FRAME])) };
        let taken = (0..).take_while(|_| mailbox.order(audio()).is_ok()).count();
        assert_eq!(taken, AUDIO_MAX);
        while mailbox.order(Order::Route { leg: 1, route: Route::Silence }).is_ok() {}
        assert!(mailbox.end(Message::Close { leg: 1 }).is_ok());
        assert!(matches!(inbox.next(), Some(Message::Order(Order::Mixed { .. }))));
        assert!(mailbox.order(audio()).is_err(), "the queue as a whole is still full");
        let waiting = std::iter::from_fn(|| inbox.next()).count();
        assert_eq!(waiting, ORDERS_MAX);
        assert!(mailbox.order(audio()).is_ok());
    }
}
