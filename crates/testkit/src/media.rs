use crate::codec;
use crate::ear::{AMPLITUDE, Ear, FRAME, Heard, Tone};
use crate::sdp::Remote;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;
use tokio::sync::watch;

const TICK: Duration = Duration::from_millis(20);
/// How long each DTMF digit sounds, in ticks.
const DIGIT_TICKS: u32 = 8;
/// The pause after it, in ticks.
const DIGIT_PAUSE_TICKS: u32 = 4;

/// One call's RTP: sends the party's tone, listens with an [`Ear`].
pub struct Media {
    local: SocketAddr,
    shared: Arc<Shared>,
    tasks: Vec<tokio::task::AbortHandle>,
}

struct Shared {
    socket: UdpSocket,
    ear: Mutex<Ear>,
    heard: watch::Sender<u64>,
    sending: Mutex<Sending>,
}

struct Sending {
    tone: Option<Tone>,
    remote: Option<Remote>,
    /// Digits still to send, with the ticks done of the first.
    digits: Vec<char>,
    digit_ticks: u32,
    digit_timestamp: u32,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    phase: f64,
    packets: u64,
}

impl Media {
    /// Opens a port on `ip` and starts to listen. Must be called within a tokio runtime.
    pub fn open(ip: std::net::IpAddr, tone: Option<Tone>, ssrc: u32) -> std::io::Result<Self> {
        let socket = std::net::UdpSocket::bind((ip, 0))?;
        socket.set_nonblocking(true)?;
        let local = socket.local_addr()?;
        let sending = Sending {
            tone,
            remote: None,
            digits: Vec::new(),
            digit_ticks: 0,
            digit_timestamp: 0,
            sequence: ssrc as u16,
            timestamp: ssrc.rotate_left(7),
            ssrc,
            phase: 0.0,
            packets: 0,
        };
        let shared = Arc::new(Shared {
            socket: UdpSocket::from_std(socket)?,
            ear: Mutex::new(Ear::new(Instant::now())),
            heard: watch::channel(0).0,
            sending: Mutex::new(sending),
        });
        let listen = tokio::spawn(listen(shared.clone())).abort_handle();
        let speak = tokio::spawn(speak(shared.clone())).abort_handle();
        Ok(Self { local, shared, tasks: vec![listen, speak] })
    }

    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Where to send from now on; `None` stops.
    pub fn connect(&self, remote: Option<Remote>) {
        self.sending().remote = remote;
    }

    pub fn set_tone(&self, tone: Option<Tone>) {
        self.sending().tone = tone;
    }

    pub fn dial(&self, digits: &str) {
        self.sending().digits.extend(digits.chars());
    }

    pub fn dialling(&self) -> bool {
        !self.sending().digits.is_empty()
    }

    pub fn packets_sent(&self) -> u64 {
        self.sending().packets
    }

    pub fn ear(&self) -> MutexGuard<'_, Ear> {
        self.shared.ear.lock().expect("no panic while listening")
    }

    /// Waits until `heard` is what there is, counting only what comes after `since`.
    pub async fn hears(&self, heard: Heard, since: Instant, within: Duration) -> bool {
        self.until(within, |ear| ear.now_hears(heard, since, Instant::now()).then_some(())).await.is_some()
    }

    /// Waits until `question` has an answer; asked after every packet, and every 100 ms in silence.
    pub async fn until<T>(&self, within: Duration, mut question: impl FnMut(&Ear) -> Option<T>) -> Option<T> {
        let mut heard = self.shared.heard.subscribe();
        let deadline = Instant::now() + within;
        loop {
            if let Some(answer) = question(&self.ear()) {
                return Some(answer);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            let _ = tokio::time::timeout(left.min(TICK * 5), heard.changed()).await;
        }
    }

    fn sending(&self) -> MutexGuard<'_, Sending> {
        self.shared.sending.lock().expect("no panic while sending")
    }
}

impl Drop for Media {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::AbortHandle::abort);
    }
}

async fn listen(shared: Arc<Shared>) {
    let mut buffer = [0; 2048];
    let mut last_digit = None;
    loop {
        let Ok((length, _)) = shared.socket.recv_from(&mut buffer).await else { continue };
        let at = Instant::now();
        let packet = &buffer[..length];
        if length < 12 || packet[0] >> 6 != 2 {
            continue;
        }
        let header = 12 + 4 * usize::from(packet[0] & 0x0f);
        let Some(payload) = packet.get(header..) else { continue };
        let timestamp = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]);
        let mut ear = shared.ear.lock().expect("no panic while listening");
        match packet[1] & 0x7f {
            0 => ear.hear(at, &payload.iter().map(|b| codec::ulaw_decode(*b)).collect::<Vec<_>>()),
            8 => ear.hear(at, &payload.iter().map(|b| codec::alaw_decode(*b)).collect::<Vec<_>>()),
            96..=127 if payload.len() == 4 => {
                let stamp = (packet[1] & 0x7f, timestamp);
                if last_digit != Some(stamp)
                    && let Some(digit) = b"0123456789*#ABCD".get(usize::from(payload[0]))
                {
                    last_digit = Some(stamp);
                    ear.hear_digit(at, char::from(*digit));
                }
            }
            _ => continue,
        }
        drop(ear);
        shared.heard.send_modify(|count| *count += 1);
    }
}

async fn speak(shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let packets = shared.sending.lock().expect("no panic while sending").tick();
        if let Some((packets, to)) = packets {
            for packet in packets {
                // A peer that has gone away answers with ICMP; the call's end is told by SIP.
                let _ = shared.socket.send_to(&packet, to).await;
            }
        }
    }
}

impl Sending {
    fn tick(&mut self) -> Option<(Vec<Vec<u8>>, SocketAddr)> {
        self.timestamp = self.timestamp.wrapping_add(FRAME as u32);
        let remote = self.remote?;
        if !remote.direction.sends() || remote.address.port() == 0 {
            return None;
        }
        let mut packets = Vec::new();
        if let (Some(digit), Some(payload_type)) = (self.digits.first().copied(), remote.telephone_event) {
            packets.extend(self.digit_packets(digit, payload_type));
        }
        if packets.is_empty() {
            let (tone, law) = (self.tone, remote.codec);
            let frame: Vec<u8> = (0..FRAME).map(|_| encode(law, self.sample(tone))).collect();
            packets.push(self.packet(law, self.timestamp, self.packets == 0, &frame));
        }
        self.packets += packets.len() as u64;
        Some((packets, remote.address))
    }

    fn sample(&mut self, tone: Option<Tone>) -> i16 {
        let Some(Tone(hz)) = tone else { return 0 };
        self.phase = (self.phase + f64::from(hz) / 8000.0).fract();
        (AMPLITUDE * (std::f64::consts::TAU * self.phase).sin()) as i16
    }

    /// RFC 4733: the same timestamp throughout, a growing duration, the end three times. Then a pause of audio.
    fn digit_packets(&mut self, digit: char, payload_type: u8) -> Vec<Vec<u8>> {
        let event = "0123456789*#ABCD".find(digit.to_ascii_uppercase()).unwrap_or(0) as u8;
        if self.digit_ticks == 0 {
            self.digit_timestamp = self.timestamp;
        }
        self.digit_ticks += 1;
        let done = self.digit_ticks;
        if done >= DIGIT_TICKS + DIGIT_PAUSE_TICKS {
            self.digits.remove(0);
            self.digit_ticks = 0;
        }
        if done > DIGIT_TICKS {
            return Vec::new();
        }
        let duration = (done * FRAME as u32) as u16;
        let end = done == DIGIT_TICKS;
        let body = [event, if end { 0x8a } else { 0x0a }, (duration >> 8) as u8, duration as u8];
        let stamp = self.digit_timestamp;
        (0..if end { 3 } else { 1 }).map(|_| self.packet(payload_type, stamp, done == 1, &body)).collect()
    }

    fn packet(&mut self, payload_type: u8, timestamp: u32, marker: bool, payload: &[u8]) -> Vec<u8> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut packet = vec![0x80, payload_type | if marker { 0x80 } else { 0 }];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend(payload);
        packet
    }
}

fn encode(law: u8, sample: i16) -> u8 {
    if law == 8 { codec::alaw_encode(sample) } else { codec::ulaw_encode(sample) }
}
