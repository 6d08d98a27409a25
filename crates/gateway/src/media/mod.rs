//! RTP sockets and the threads that own them.

mod mailbox;
mod ports;
mod recorder;
mod thread;

use crate::prompts::{PromptLoader, PromptSettings};
use base::{Clock, Entropy};
use mailbox::{Mailbox, Message, mailbox};
use media::clip::Piece;
use media::control::{
    Command, Event, LegId, PlayEnd, PlayId, Prompt, RecordPlan, RecordSource, Recorded, RecordingId, Sides,
};
use media::exchange::{Ear, Exchange, Order, Place};
use media::session::Session;
use media::srtp::Keys;
use mio::{Poll, Waker};
use ports::Ports;
use recorder::Recorder;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use thread::{MediaThread, Outbox, WAKE};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tracing::error;

pub use mailbox::Wire;
pub use ports::NoPort;
pub(crate) use recorder::{header as wav_header, header_at as wav_header_at};
pub use thread::{BY_WIRE, MediaCounters};

/// How the media plane is set up.
#[derive(Debug, Clone)]
pub struct MediaSettings {
    /// Address the RTP sockets are bound to. Loopback unless configured.
    pub ip: IpAddr,
    /// UDP ports for RTP (even) and RTCP (the odd one above).
    pub ports: RangeInclusive<u16>,
    /// Media threads; `None`: one less than there are cores, at least one.
    pub threads: Option<usize>,
    /// A peer that should send and does not for this long is reported as `Silent`.
    pub rtp_timeout: Duration,
    /// Where recordings go.
    pub recordings: PathBuf,
    /// Where prompts come from.
    pub prompts: PromptSettings,
    /// Seeds SSRCs and first sequence numbers.
    pub entropy: Entropy,
    /// The wall clock in RTCP reports.
    pub clock: Clock,
}

impl MediaSettings {
    /// Loopback, ports 20000-29999, threads by the number of cores.
    pub fn new(entropy: Entropy, clock: Clock) -> Self {
        Self {
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            ports: 20_000..=29_999,
            threads: None,
            rtp_timeout: RTP_TIMEOUT,
            recordings: PathBuf::from("recordings"),
            prompts: PromptSettings::default(),
            entropy,
            clock,
        }
    }
}

/// The media threads: every leg's RTP, what it hears, and what is heard from it.
///
/// A handle; clones speak to the same threads. Nothing here waits for a media thread.
#[derive(Clone)]
pub struct MediaPlane {
    shared: Arc<Shared>,
}

struct Shared {
    ports: Ports,
    open: Mutex<HashMap<LegId, SocketAddr>>,
    mailboxes: Vec<Mailbox>,
    place: Place,
    events: mpsc::Sender<Event>,
    counters: Arc<MediaCounters>,
    prompts: PromptLoader,
    recorder: Recorder,
    loads: Arc<Semaphore>,
    runtime: Handle,
    threads: Mutex<Vec<JoinHandle<()>>>,
    recorder_thread: Mutex<Option<JoinHandle<()>>>,
}

impl MediaPlane {
    /// Starts the media threads. Must be called within a tokio runtime: prompts are loaded there.
    pub fn start(mut settings: MediaSettings, events: mpsc::Sender<Event>) -> io::Result<MediaPlane> {
        let runtime = Handle::try_current().map_err(io::Error::other)?;
        let prompts = PromptLoader::new(settings.prompts.clone()).map_err(io::Error::other)?;
        let count = settings.threads.unwrap_or_else(spare_cores).clamp(1, THREADS_MAX);
        let counters = Arc::new(MediaCounters::default());
        let recordings = settings.recordings.clone();
        let (recorder, recorder_thread) = Recorder::start(recordings, events.clone(), Arc::clone(&counters))?;
        let mut polls = Vec::new();
        let mut mailboxes = Vec::new();
        for _ in 0..count {
            let poll = Poll::new()?;
            let (mailbox, inbox) = mailbox(Waker::new(poll.registry(), WAKE)?);
            polls.push((poll, inbox));
            mailboxes.push(mailbox);
        }
        let epoch = epoch();
        let mut threads = Vec::new();
        for (index, (poll, inbox)) in polls.into_iter().enumerate() {
            let place = Place { index, count };
            let thread = MediaThread {
                poll,
                inbox,
                exchange: Exchange::new(place, settings.rtp_timeout, settings.entropy.fork()),
                outbox: Outbox::new(
                    mailboxes.clone(),
                    events.clone(),
                    recorder.clone(),
                    Arc::clone(&counters),
                ),
                clock: settings.clock.clone(),
                epoch,
            };
            let name = format!("media-{index}");
            threads.push(std::thread::Builder::new().name(name).spawn(move || thread.run())?);
        }
        let shared = Shared {
            ports: Ports::new(settings.ip, settings.ports),
            open: Mutex::new(HashMap::new()),
            mailboxes,
            place: Place { index: 0, count },
            events,
            counters,
            prompts,
            recorder,
            loads: Arc::new(Semaphore::new(LOADS_MAX)),
            runtime,
            threads: Mutex::new(threads),
            recorder_thread: Mutex::new(Some(recorder_thread)),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Binds an RTP port for a leg and answers its address, for SDP. Asked again, it answers the same address.
    pub fn open(&self, leg: u64) -> Result<SocketAddr, NoPort> {
        let shared = &self.shared;
        let mut open = shared.open.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(address) = open.get(&leg) {
            return Ok(*address);
        }
        let (rtp, rtcp, lease) = shared.ports.bind()?;
        let address = lease.address();
        if let Err(error) = shared.home(leg).open(Message::Open { leg, rtp, rtcp, lease }) {
            error!(leg, %error, "could not open leg {leg}: {error}");
            return Err(shared.ports.none());
        }
        open.insert(leg, address);
        Ok(address)
    }

    /// Begins a leg whose packets go to `wire`; what comes from its peer is handed to [`packet`](Self::packet). False
    /// if the media thread does not keep up.
    pub fn open_wire(&self, leg: u64, wire: Box<dyn Wire>) -> bool {
        self.shared.home(leg).open(Message::OpenWire { leg, wire }).is_ok()
    }

    /// Takes an RTP packet of a leg that was opened with [`open_wire`](Self::open_wire).
    pub fn packet(&self, leg: u64, bytes: &[u8]) {
        if self.shared.home(leg).packet(leg, bytes).is_err() {
            self.shared.counters.audio_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Hands what a leg says, hears, or both (then interleaved) to `sink` every 20 ms, as 16-bit samples at 8 kHz. The sink
    /// is dropped at the end: of the leg, by [`untap`](Self::untap), or at once if the leg is tapped too often already.
    pub fn tap(&self, tap: RecordingId, leg: u64, sides: Sides, sink: mpsc::Sender<Vec<i16>>) {
        let shared = &self.shared;
        let plan = RecordPlan { name: "".into(), sides, trim: false, quiet: None, live: true };
        let source = RecordSource::Leg(leg);
        let order = Order::Record { recording: tap, source, plan: Arc::new(plan) };
        // Room is kept for what ends something; a sink that nothing comes for would wait for ever.
        let told = shared.home(leg).end(Message::Tap { tap, sink });
        if let Err(error) = told.and_then(|()| shared.home(leg).end(Message::Order(order))) {
            error!(leg, %error, "could not tap leg {leg}: {error}");
        }
    }

    /// Ends a [`tap`](Self::tap); harmless if it has ended.
    pub fn untap(&self, tap: RecordingId, leg: u64) {
        let order = Order::StopRecording { recording: tap, source: RecordSource::Leg(leg) };
        if let Err(error) = self.shared.home(leg).end(Message::Order(order)) {
            error!(leg, %error, "could not stop tapping leg {leg}: {error}");
        }
    }

    /// From now on the leg's packets are protected by these keys, both ways; without keys they are plain.
    pub fn secure(&self, leg: u64, keys: Option<Keys>) {
        let message = Message::Secure { leg, keys: keys.map(Box::new) };
        if let Err(error) = self.shared.home(leg).end(message) {
            error!(leg, %error, "could not secure leg {leg}: {error}");
        }
    }

    /// Gives a leg what SDP agreed; again after every re-INVITE.
    pub fn connect(&self, leg: u64, session: Session) {
        self.shared.order(leg, Order::Connect { leg, session });
    }

    /// Ends a leg's session and frees its port. Harmless if it is not open.
    pub fn close(&self, leg: u64) {
        self.shared.open.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).remove(&leg);
        if let Err(error) = self.shared.home(leg).end(Message::Close { leg }) {
            error!(leg, %error, "could not close leg {leg}: {error}");
        }
    }

    /// Does what the engine asks. A command that a media thread has no room for is counted and logged; what it should
    /// have played is reported as failed.
    pub fn command(&self, command: Command) {
        let shared = &self.shared;
        match command {
            Command::Route { leg, route } => shared.order(leg, Order::Route { leg, route }),
            Command::Mute { leg, muted } => shared.order(leg, Order::Mute { leg, muted }),
            Command::Whisper { leg, only } => shared.order(leg, Order::Whisper { leg, only }),
            Command::Stop { leg } => shared.order(leg, Order::Stop { leg }),
            Command::Play { leg, play, prompts, turns } => {
                shared.play(Ear::Leg(leg), play, prompts, |pieces| Order::Play { leg, play, pieces, turns })
            }
            Command::Announce { mixer, play, prompts } => {
                shared.play(Ear::Mixer(mixer), play, prompts, |pieces| Order::Announce {
                    mixer,
                    play,
                    pieces,
                });
            }
            Command::Watch { leg, watched } => shared.order(leg, Order::Watch { leg, watched }),
            Command::Detect { leg, plan } => shared.order(leg, Order::Detect { leg, plan }),
            Command::Record { recording, source, plan } => shared.record(recording, source, plan),
            Command::PauseRecording { recording, source, pause } => {
                shared.send(shared.home_of(source), Order::PauseRecording { recording, source, pause });
            }
            Command::StopRecording { recording, source } => {
                let order = Order::StopRecording { recording, source };
                // Room is kept for what ends something.
                if let Err(error) = shared.mailboxes[shared.home_of(source)].end(Message::Order(order)) {
                    error!(%error, "could not end a recording: {error}");
                }
            }
            Command::CloseMixer { mixer } => {
                shared.send(shared.place.of_mixer(mixer), Order::CloseMixer { mixer });
            }
        }
    }

    /// What the media threads have counted.
    pub fn counters(&self) -> &MediaCounters {
        &self.shared.counters
    }

    /// Ends every leg, reports what must be reported, and waits for the threads to be gone. Blocks for at most a tick.
    pub fn shutdown(&self) {
        self.shared.stop();
        let threads = std::mem::take(&mut *self.shared.threads.lock().unwrap_or_else(|p| p.into_inner()));
        for thread in threads {
            if thread.join().is_err() {
                error!("a media thread had panicked");
            }
        }
        let recorder =
            self.shared.recorder_thread.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        if let Some(recorder) = recorder {
            self.shared.recorder.stop();
            if recorder.join().is_err() {
                error!("the recorder had panicked");
            }
        }
    }
}

impl Shared {
    fn home(&self, leg: LegId) -> &Mailbox {
        &self.mailboxes[self.place.of_leg(leg)]
    }

    fn home_of(&self, source: RecordSource) -> usize {
        match source {
            RecordSource::Leg(leg) => self.place.of_leg(leg),
            RecordSource::Mixer(mixer) => self.place.of_mixer(mixer),
        }
    }

    /// Has the file begun before anything can come for it.
    fn record(&self, recording: RecordingId, source: RecordSource, plan: Arc<RecordPlan>) {
        let begun = self.recorder.begin(recording, Arc::clone(&plan));
        if begun && self.send(self.home_of(source), Order::Record { recording, source, plan }) {
            return;
        }
        if begun {
            self.recorder.end(recording);
            return;
        }
        let error = Some("the recorder does not keep up".to_owned());
        let outcome = Recorded { length: Duration::ZERO, heard: false, error };
        self.tell(Event::Recorded { recording, outcome });
    }

    fn order(&self, leg: LegId, order: Order) {
        self.send(self.place.of_leg(leg), order);
    }

    fn send(&self, home: usize, order: Order) -> bool {
        let refused = self.mailboxes[home].order(order).is_err();
        if refused {
            self.counters.commands_refused.fetch_add(1, Ordering::Relaxed);
            error!("could not pass on a media command: the media thread does not keep up");
        }
        !refused
    }

    /// Plays at once what is at hand, and has the rest loaded.
    fn play(
        &self,
        ear: Ear,
        play: PlayId,
        prompts: Vec<Prompt>,
        order: impl FnOnce(Vec<Option<Piece>>) -> Order,
    ) {
        let (leg, home) = match ear {
            Ear::Leg(leg) => (Some(leg), self.place.of_leg(leg)),
            Ear::Mixer(mixer) => (None, self.place.of_mixer(mixer)),
        };
        let pieces: Vec<_> = prompts.iter().map(|prompt| self.prompts.ready(prompt)).collect();
        let missing: Vec<_> =
            (0..).zip(&pieces).filter(|(_, piece)| piece.is_none()).map(|(i, _)| i).collect();
        let permit = if missing.is_empty() {
            None
        } else if let Ok(permit) = Arc::clone(&self.loads).try_acquire_owned() {
            Some(permit)
        } else {
            return self.failed(leg, play, "too many prompts are being loaded");
        };
        if !self.send(home, order(pieces)) {
            return self.failed(leg, play, "the media thread does not keep up");
        }
        let Some(permit) = permit else { return };
        let (loader, mailbox) = (self.prompts.clone(), self.mailboxes[home].clone());
        self.runtime.spawn(async move {
            for index in missing {
                let piece =
                    loader.load(&prompts[index]).await.map_err(|error| (error.code(), error.to_string()));
                let failed = piece.is_err();
                let supply = Order::Supply { ear, play, index, piece };
                if let Err(error) = mailbox.end(Message::Order(supply)) {
                    error!(%error, "could not supply a prompt: {error}");
                }
                if failed {
                    break;
                }
            }
            drop(permit);
        });
    }

    fn failed(&self, leg: Option<LegId>, play: PlayId, reason: &str) {
        let end = PlayEnd::Failed { code: INTERNAL_FAILURE, reason: reason.to_owned() };
        self.tell(Event::PlayEnded { leg, play, end });
    }

    fn tell(&self, event: Event) {
        if self.events.try_send(event).is_err() {
            self.counters.events_dropped.fetch_add(1, Ordering::Relaxed);
            error!("the engine does not take media events; the end of something is lost");
        }
    }

    fn stop(&self) {
        for mailbox in &self.mailboxes {
            // If it is gone already, so much the better.
            let _ = mailbox.end(Message::Stop);
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.stop();
    }
}

fn spare_cores() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get() - 1)
}

#[expect(
    clippy::disallowed_methods,
    reason = "media is paced by the machine's own clock, even if calls are not"
)]
fn epoch() -> Instant {
    Instant::now()
}

const RTP_TIMEOUT: Duration = Duration::from_secs(60);
const THREADS_MAX: usize = 64;
/// Playings whose prompts are being loaded at a time.
const LOADS_MAX: usize = 1_024;
/// "Internal failure" of the documented codes.
const INTERNAL_FAILURE: u32 = 12_400;
