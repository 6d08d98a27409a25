//! A scripted RTP peer with a real socket, which shares no code with the sending side under test.

use media::codec::{DECODED_MAX, Decoder, ENCODED_MAX, Encoder};
use media::detect::share;
use media::dtmf::{EventReceiver, TelephoneEvent, event_of};
use media::g711::FRAME;
use media::rtp::{PACKET_MAX, Packet};
use media::session::{Codec, Session};
use media::tone::{Tone, render};
use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Sends 20 ms of its tone at a time and keeps what it hears.
pub struct Phone {
    pub codec: Codec,
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    done: Arc<std::sync::atomic::AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// A packet as it arrived.
#[derive(Debug, Clone, Copy)]
pub struct Arrived {
    pub at: Instant,
    pub seq: u16,
    pub timestamp: u32,
    pub marker: bool,
    pub ssrc: u32,
}

struct State {
    remote: Option<SocketAddr>,
    tone: Vec<i16>,
    presses: VecDeque<Vec<u8>>,
    samples: VecDeque<i16>,
    arrived: Vec<Arrived>,
    digits: String,
    receiver: EventReceiver,
}

impl Phone {
    pub fn new(codec: Codec) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State {
            remote: None,
            tone: vec![],
            presses: VecDeque::new(),
            samples: VecDeque::new(),
            arrived: vec![],
            digits: String::new(),
            receiver: EventReceiver::default(),
        }));
        let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let run = Run { socket, codec, state: Arc::clone(&state), done: Arc::clone(&done) };
        let thread = Some(std::thread::spawn(move || run.run()));
        Self { codec, address, state, done, thread }
    }

    /// What SDP would have agreed with it.
    pub fn session(&self) -> Session {
        let payload_type = payload_type(self.codec);
        Session {
            remote: self.address,
            codec: self.codec,
            payload_type,
            dtmf_payload_type: Some(101),
            comfort_noise: false,
            send: true,
            receive: true,
        }
    }

    /// From now on sends this tone there; 0 is silence.
    pub fn says(&self, hertz: f64, to: SocketAddr) {
        let mut state = self.state.lock().unwrap();
        state.remote = Some(to);
        // A second of a whole number of periods: it repeats without a click, apart from its soft edges.
        state.tone = render(&[Tone { hertz: [hertz, 0.0], ms: 10_000 }], -12.0);
    }

    pub fn falls_silent(&self) {
        self.state.lock().unwrap().remote = None;
    }

    /// Presses a key: five packets of the event, of which the last two ends are lost.
    pub fn presses(&self, digit: char) {
        let event = event_of(digit).unwrap();
        let packets = [(160, false), (320, false), (480, false), (640, false), (800, true)]
            .map(|(duration, end)| TelephoneEvent { event, end, volume: 10, duration }.bytes().to_vec());
        self.state.lock().unwrap().presses.extend(packets);
    }

    /// Whether the last 0.3 s were this tone, and nearly nothing else.
    pub fn hears(&self, hertz: f64) -> bool {
        self.share(hertz) > 0.9
    }

    /// How much of the last 0.3 s was this tone.
    pub fn share(&self, hertz: f64) -> f64 {
        let samples = self.last(2_400);
        if samples.len() < 2_400 { 0.0 } else { share(&samples, hertz) }
    }

    /// Whether the last 0.3 s were sent, and were nothing but the faint noise of an open line.
    pub fn hears_nothing(&self) -> bool {
        let samples = self.last(2_400);
        samples.len() == 2_400 && samples.iter().all(|s| s.unsigned_abs() <= 64)
    }

    /// The last samples it heard.
    pub fn last(&self, count: usize) -> Vec<i16> {
        let state = self.state.lock().unwrap();
        state.samples.iter().skip(state.samples.len().saturating_sub(count)).copied().collect()
    }

    pub fn forgets(&self) {
        let mut state = self.state.lock().unwrap();
        state.samples.clear();
        state.arrived.clear();
    }

    pub fn arrived(&self) -> Vec<Arrived> {
        self.state.lock().unwrap().arrived.clone()
    }

    pub fn digits(&self) -> String {
        self.state.lock().unwrap().digits.clone()
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.done.store(true, std::sync::atomic::Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Run {
    socket: UdpSocket,
    codec: Codec,
    state: Arc<Mutex<State>>,
    done: Arc<std::sync::atomic::AtomicBool>,
}

impl Run {
    fn run(self) {
        let mut next = Instant::now();
        let (mut seq, mut timestamp, mut event_at) = (1_000u16, 50_000u32, 0);
        let mut at = 0;
        let mut encoder = Encoder::new(self.codec).unwrap();
        let mut decoder = Decoder::new(self.codec).unwrap();
        let ticks = self.codec.frame_ticks();
        let ssrc = u32::from(self.socket.local_addr().unwrap().port());
        let mut bytes = [0; PACKET_MAX];
        while !self.done.load(std::sync::atomic::Ordering::Relaxed) {
            let pause = next.saturating_duration_since(Instant::now());
            if pause.is_zero() {
                next += Duration::from_millis(20);
                let mut state = self.state.lock().unwrap();
                let Some(remote) = state.remote else {
                    timestamp = timestamp.wrapping_add(ticks);
                    continue;
                };
                let (payload_type, payload, stamp) = match state.presses.pop_front() {
                    Some(event) => {
                        if event[2..4] == [0, 160] {
                            event_at = timestamp;
                        }
                        (101, event, event_at)
                    }
                    None => {
                        let count = state.tone.len();
                        let samples = std::array::from_fn(|i| state.tone[(at + i) % count]);
                        let mut payload = [0; ENCODED_MAX];
                        let length = encoder.encode(&samples, &mut payload).unwrap();
                        at += FRAME;
                        (payload_type(self.codec), payload[..length].to_vec(), timestamp)
                    }
                };
                drop(state);
                let packet =
                    Packet { marker: false, payload_type, seq, timestamp: stamp, ssrc, payload: &payload };
                let mut buffer = [0; PACKET_MAX];
                self.socket.send_to(packet.write(&mut buffer), remote).unwrap();
                (seq, timestamp) = (seq.wrapping_add(1), timestamp.wrapping_add(ticks));
                continue;
            }
            self.socket.set_read_timeout(Some(pause)).unwrap();
            let Ok((length, _)) = self.socket.recv_from(&mut bytes) else { continue };
            let packet = Packet::parse(&bytes[..length]).expect("only RTP is sent to a phone");
            let mut state = self.state.lock().unwrap();
            let Packet { seq, timestamp, marker, payload_type, ssrc, payload } = packet;
            state.arrived.push(Arrived { at: Instant::now(), seq, timestamp, marker, ssrc });
            if payload_type == 101 {
                let digit = state.receiver.receive(ssrc, timestamp, payload);
                state.digits.extend(digit);
            } else {
                assert_eq!(payload_type, self::payload_type(self.codec), "a codec nobody agreed");
                let mut samples = [0; DECODED_MAX];
                let count = decoder.decode(payload, &mut samples).expect("a packet of the codec");
                state.samples.extend(&samples[..count]);
                let surplus = state.samples.len().saturating_sub(16_000);
                state.samples.drain(..surplus);
            }
        }
    }
}

fn payload_type(codec: Codec) -> u8 {
    match codec {
        Codec::Pcmu => 0,
        Codec::Pcma => 8,
        Codec::G722 => 9,
        Codec::Opus => 111,
    }
}
