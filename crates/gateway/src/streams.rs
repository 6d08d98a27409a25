//! Media streams: the audio of a call to an application over a websocket, and the application's to the call
//! (reference: voice §2.8). µ-law at 8 kHz, 20 ms in a message.

mod playout;
mod said;

use crate::media::{BY_WIRE, MediaPlane, Wire};
use engine::call::port::{FetchError, StreamEvent, StreamOrder, StreamPlan};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use media::control::Sides;
use media::g711::{FRAME, Law};
use media::rtp::{PACKET_MAX, Packet};
use media::session::{Codec, Session};
use playout::{Next, Playout};
use said::{Heard, Said, Track, read};
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_tungstenite::tungstenite::Message;
use tracing::{info, warn};
use webhook::{Outgoing, Socket};

/// Frames of 20 ms that may wait for a stream; what comes beyond is dropped.
const FRAMES_MAX: usize = 100;
/// Messages that may wait for a slow application: five seconds of one track.
const MESSAGES_MAX: usize = 250;
/// Keys and the like that may wait for a stream.
const WORDS_MAX: usize = 64;
/// How long the last message may take to be sent.
const FAREWELL_MAX: Duration = Duration::from_secs(2);
const FRAME_TIME: Duration = Duration::from_millis(20);

/// What a stream is told.
enum Word {
    Digit(char),
    Close,
}

/// Opens streams as ordered until there are no more orders, and says what becomes of them. Streams that live then end.
pub async fn run(
    mut orders: mpsc::Receiver<StreamOrder>,
    media: MediaPlane,
    outgoing: Outgoing,
    events: mpsc::Sender<StreamEvent>,
) {
    let mut open: HashMap<base::StreamSid, mpsc::Sender<Word>> = HashMap::new();
    let mut running = JoinSet::new();
    loop {
        let order = tokio::select! {
            order = orders.recv() => order,
            Some(done) = running.join_next() => {
                if let Ok(stream) = done {
                    open.remove(&stream);
                }
                continue;
            }
        };
        match order {
            Some(StreamOrder::Open(plan)) => {
                let stream = plan.stream;
                let (words, heard) = mpsc::channel(WORDS_MAX);
                open.insert(stream, words);
                let line = Line { plan: *plan, media: media.clone(), events: events.clone() };
                let outgoing = outgoing.clone();
                running.spawn(async move {
                    line.carry(&outgoing, heard).await;
                    stream
                });
            }
            Some(StreamOrder::Digit { stream, digit }) => {
                if let Some(words) = open.get(&stream) {
                    // A stream that does not keep up with keys misses one.
                    let _ = words.try_send(Word::Digit(digit));
                }
            }
            Some(StreamOrder::Close { stream }) => {
                if let Some(words) = open.remove(&stream) {
                    // A full channel closes as this sender goes.
                    let _ = words.try_send(Word::Close);
                }
            }
            None => break,
        }
    }
    open.clear();
    while running.join_next().await.is_some() {}
}

/// Why a stream is over.
enum Over {
    /// The engine said so, or the leg has gone.
    Told,
    /// The application has gone; whether it said goodbye.
    App { politely: bool },
}

struct Line {
    plan: StreamPlan,
    media: MediaPlane,
    events: mpsc::Sender<StreamEvent>,
}

impl Line {
    async fn carry(self, outgoing: &Outgoing, mut words: mpsc::Receiver<Word>) {
        let stream = self.plan.stream;
        let opening = outgoing.socket(self.plan.account, &self.plan.url);
        let socket = tokio::select! {
            socket = opening => socket,
            () = closed(&mut words) => return,
        };
        let socket = match socket {
            Ok(socket) => socket,
            Err(trouble) => {
                info!(stream.sid = %stream, code = trouble.code, "stream {stream} got no application: {trouble}");
                return self.tell(StreamEvent::Ended { stream, error: Some(trouble.into()) }).await;
            }
        };
        self.tell(StreamEvent::Started { stream }).await;
        let over = self.talk(socket, words).await;
        if let Over::App { politely } = over {
            let connected = self.plan.voice.is_some();
            let message = "the application closed the websocket".to_owned();
            let error = (!politely || !connected).then_some(FetchError { code: 31921, message });
            self.tell(StreamEvent::Ended { stream, error }).await;
        }
    }

    async fn tell(&self, event: StreamEvent) {
        if self.events.send(event).await.is_err() {
            warn!("what became of a stream could not be told: the calls have gone");
        }
    }

    async fn talk(&self, socket: Socket, words: mpsc::Receiver<Word>) -> Over {
        let sides = match self.plan.track {
            twiml::StreamTrack::Inbound => Sides::Said,
            twiml::StreamTrack::Outbound => Sides::Heard,
            twiml::StreamTrack::Both => Sides::Apart,
        };
        let (sink, frames) = mpsc::channel(FRAMES_MAX);
        self.media.tap(self.plan.tap, self.plan.leg.0, sides, sink);
        if let Some(voice) = self.plan.voice {
            self.media.open_wire(voice.0, Box::new(Nowhere));
            self.media.connect(voice.0, session());
        }
        let (out, inbound) = socket.split();
        let (messages, waiting) = mpsc::channel(MESSAGES_MAX);
        let mut writers = JoinSet::new();
        writers.spawn(write(out, waiting));
        let mut talk = Talk {
            line: self,
            said: Said::new(&self.plan),
            messages,
            playout: Playout::default(),
            warned: false,
            ticks: 0,
        };
        let over = talk.run(frames, words, inbound).await;
        drop(talk);
        self.media.untap(self.plan.tap, self.plan.leg.0);
        if let Some(voice) = self.plan.voice {
            self.media.close(voice.0);
        }
        // What waits is sent, the end last; an application that does not take it is left.
        if tokio::time::timeout(FAREWELL_MAX, writers.join_next()).await.is_err() {
            writers.abort_all();
        }
        over
    }
}

struct Talk<'a> {
    line: &'a Line,
    said: Said,
    messages: mpsc::Sender<String>,
    playout: Playout,
    warned: bool,
    ticks: u32,
}

impl Talk<'_> {
    async fn run(
        &mut self,
        mut frames: mpsc::Receiver<Vec<i16>>,
        mut words: mpsc::Receiver<Word>,
        mut inbound: SplitStream<Socket>,
    ) -> Over {
        let mut clock = tokio::time::interval(FRAME_TIME);
        clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let speaks = self.line.plan.voice.is_some();
        for message in self.said.beginning() {
            self.say(message);
        }
        loop {
            tokio::select! {
                frame = frames.recv() => match frame {
                    Some(samples) => self.hear(&samples),
                    None => {
                        self.end();
                        return Over::Told;
                    }
                },
                word = words.recv() => match word {
                    Some(Word::Digit(digit)) => {
                        let message = self.said.digit(digit);
                        self.say(message);
                    }
                    Some(Word::Close) | None => {
                        self.end();
                        return Over::Told;
                    }
                },
                _ = clock.tick(), if speaks => self.speak(),
                message = inbound.next() => match message {
                    Some(Ok(Message::Text(text))) => self.take(text.as_str()).await,
                    Some(Ok(Message::Close(_))) => return Over::App { politely: true },
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Over::App { politely: false },
                },
            }
        }
    }

    fn say(&self, message: String) {
        // What a slow application does not take in time is lost to it.
        let _ = self.messages.try_send(message);
    }

    fn end(&mut self) {
        let message = self.said.end();
        self.say(message);
    }

    /// 20 ms of the call.
    fn hear(&mut self, samples: &[i16]) {
        let tracks: &[Track] = match self.line.plan.track {
            twiml::StreamTrack::Inbound => &[Track::Inbound],
            twiml::StreamTrack::Outbound => &[Track::Outbound],
            twiml::StreamTrack::Both => &[Track::Inbound, Track::Outbound],
        };
        self.said.passed();
        for (at, track) in tracks.iter().enumerate() {
            let bytes: Vec<u8> =
                samples.iter().skip(at).step_by(tracks.len()).map(|s| Law::Mu.encode(*s)).collect();
            let message = self.said.media(*track, &bytes);
            self.say(message);
        }
    }

    /// 20 ms of the application, if it has said something.
    fn speak(&mut self) {
        self.ticks = self.ticks.wrapping_add(1);
        let mut frame = [0; FRAME];
        let next = self.playout.next_20_ms(&mut frame);
        for name in self.playout.passed() {
            let message = self.said.mark(&name);
            self.say(message);
        }
        let (Next::Frame { first }, Some(voice)) = (next, self.line.plan.voice) else { return };
        let packet = Packet {
            marker: first,
            payload_type: 0,
            seq: self.ticks as u16,
            timestamp: self.ticks.wrapping_mul(FRAME as u32),
            ssrc: voice.0 as u32,
            payload: &frame,
        };
        let mut buffer = [0; PACKET_MAX];
        self.line.media.packet(voice.0, packet.write(&mut buffer));
    }

    /// What the application says.
    async fn take(&mut self, text: &str) {
        let stream = self.line.plan.stream;
        let taken = match read(text, stream) {
            Ok(_) if self.line.plan.voice.is_none() => {
                Err("a stream of <Start> takes no messages".to_owned())
            }
            Ok(Heard::Media(bytes)) if self.playout.has_room(bytes.len()) => {
                self.playout.add(&bytes);
                Ok(())
            }
            Ok(Heard::Media(_)) => Err("too much audio waits to be played".to_owned()),
            Ok(Heard::Mark(name)) => match self.playout.mark(name) {
                true => Ok(()),
                false => Err("too many marks wait".to_owned()),
            },
            Ok(Heard::Clear) => {
                self.playout.clear();
                Ok(())
            }
            Err(why) => Err(why),
        };
        if let Err(message) = taken
            && !std::mem::replace(&mut self.warned, true)
        {
            self.line.tell(StreamEvent::Warned { stream, code: 31951, message }).await;
        }
    }
}

/// Sends what is said until there is no more, and then goodbye.
async fn write(mut out: SplitSink<Socket, Message>, mut waiting: mpsc::Receiver<String>) {
    while let Some(message) = waiting.recv().await {
        if out.send(Message::text(message)).await.is_err() {
            return;
        }
    }
    // An application that has gone already needs no goodbye.
    let _ = out.close().await;
}

/// Until the stream is to end.
async fn closed(words: &mut mpsc::Receiver<Word>) {
    while let Some(Word::Digit(_)) = words.recv().await {}
}

/// Applications speak by this leg; what it hears they get from the other.
struct Nowhere;

impl Wire for Nowhere {
    fn send(&self, _: &[u8]) {}
}

fn session() -> Session {
    Session {
        remote: BY_WIRE,
        codec: Codec::Pcmu,
        payload_type: 0,
        dtmf_payload_type: None,
        comfort_noise: false,
        send: false,
        receive: true,
    }
}
