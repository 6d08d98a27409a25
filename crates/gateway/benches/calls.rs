//! What calls cost the media plane, over real sockets on loopback: bridged calls, conferences, callers on hold music.
//!
//! One media thread serves all legs; a sender and two receivers play their peers. Of the media thread the processor time
//! is measured, of what it sends the loss and the jitter. `BENCH_SECONDS` (5) is how long each measurement takes,
//! `BENCH_LEGS` (`100,400,1000,2000`) how many legs there are. Needs two open files per leg.

#![allow(missing_docs, reason = "a program")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what goes wrong ends the measurement, with its reason"
)]
#![allow(clippy::disallowed_methods, reason = "what is measured is the machine's time")]

use base::{Clock, Entropy, Mono, Now, Timestamp};
use media::control::{Command, MixerId, PlayId, Prompt, Route, Turns};
use media::rtp::{PACKET_MAX, Packet};
use media::session::{Codec, Session};
use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tandem_gateway::media::{MediaPlane, MediaSettings};
use tokio::sync::mpsc;

/// What the legs do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scene {
    /// Two by two they talk to each other; packets are forwarded.
    Bridged,
    /// The same with a codec that differs between the two.
    Transcoded,
    /// Ten by ten they are in a conference, and all talk.
    Conference,
    /// They hear hold music and say nothing.
    Parked,
}

/// What the receivers saw.
#[derive(Default)]
struct Seen {
    packets: u64,
    /// How far from the ideal each packet came, in microseconds.
    off_us: Vec<u32>,
}

fn main() {
    let seconds = std::env::var("BENCH_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(5);
    let counts = std::env::var("BENCH_LEGS").unwrap_or_else(|_| "100,400,1000,2000".to_owned());
    let counts: Vec<u64> = counts.split(',').filter_map(|count| count.trim().parse().ok()).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _entered = runtime.enter();
    println!("load average {}", std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim());
    println!(
        "| Legs | What they do | Media thread | At 100 % of a core | Lost | Sent off time, p50 / p99 | Memory per leg |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let all = [
        (Scene::Bridged, "bridged, PCMU"),
        (Scene::Transcoded, "bridged, PCMU to PCMA"),
        (Scene::Conference, "conferences of ten, all talking"),
        (Scene::Parked, "parked on hold music"),
    ];
    for (scene, name) in all {
        for legs in &counts {
            measure(scene, name, *legs, Duration::from_secs(seconds));
        }
    }
}

fn measure(scene: Scene, name: &str, legs: u64, time: Duration) {
    let epoch = Instant::now();
    let (events, mut heard) = mpsc::channel(100_000);
    tokio::spawn(async move { while heard.recv().await.is_some() {} });
    let clock = Clock::new(move || {
        let micros = u64::try_from(epoch.elapsed().as_micros()).unwrap();
        Now { mono: Mono(micros), wall: Timestamp(0) }
    });
    let mut settings = MediaSettings::new(Entropy::seeded(1), clock);
    settings.threads = Some(1);
    settings.ports = 20_000..=29_999;
    let plane = MediaPlane::start(settings, events).unwrap();
    let peers: [UdpSocket; 2] = std::array::from_fn(|_| UdpSocket::bind("127.0.0.1:0").unwrap());
    let before = resident();
    let ports: Vec<SocketAddr> = (0..legs)
        .map(|leg| {
            let address = plane.open(leg).expect("a port: raise the limit of open files");
            let codec = if scene == Scene::Transcoded && leg % 2 == 1 { Codec::Pcma } else { Codec::Pcmu };
            let session = Session {
                remote: peers[(leg % 2) as usize].local_addr().unwrap(),
                codec,
                payload_type: if codec == Codec::Pcma { 8 } else { 0 },
                dtmf_payload_type: Some(101),
                comfort_noise: false,
                send: true,
                receive: true,
            };
            plane.connect(leg, session);
            match scene {
                Scene::Bridged | Scene::Transcoded => {
                    plane.command(Command::Route { leg, route: Route::Bridge(leg ^ 1) });
                }
                Scene::Conference => {
                    plane.command(Command::Route { leg, route: Route::Mixer(MixerId(leg / 10)) });
                }
                Scene::Parked => {
                    let prompts = vec![Prompt::HoldMusic];
                    plane.command(Command::Play { leg, play: PlayId(leg), prompts, turns: Turns::Forever });
                }
            }
            address
        })
        .collect();
    let done = Arc::new(AtomicBool::new(false));
    let receivers: Vec<_> = peers
        .iter()
        .map(|peer| {
            let (peer, done) = (peer.try_clone().unwrap(), done.clone());
            std::thread::spawn(move || receive(&peer, epoch, scene, &done))
        })
        .collect();
    // Let the first second pass: prompts are loaded, buffers fill.
    let warm = talk(&peers, &ports, scene, epoch, Duration::from_secs(1));
    let memory = resident().saturating_sub(before) / legs;
    let (cpu, started) = (media_cpu(), Instant::now());
    let sent = warm + talk(&peers, &ports, scene, epoch, time);
    let (cpu, took) = (media_cpu() - cpu, started.elapsed());
    std::thread::sleep(Duration::from_millis(300));
    done.store(true, Ordering::Relaxed);
    let mut seen = Seen::default();
    for receiver in receivers {
        let part = receiver.join().unwrap();
        seen.packets += part.packets;
        seen.off_us.extend(part.off_us);
    }
    plane.shutdown();
    let share = cpu.as_secs_f64() / took.as_secs_f64();
    let lost = match scene {
        Scene::Bridged | Scene::Transcoded => {
            format!("{:.2} %", 100.0 * (1.0 - seen.packets as f64 / sent.max(1) as f64).max(0.0))
        }
        Scene::Conference | Scene::Parked => {
            let due = legs as f64 * (took.as_secs_f64() + 1.3) * 50.0;
            format!("{:.2} %", 100.0 * (1.0 - seen.packets as f64 / due).max(0.0))
        }
    };
    seen.off_us.sort_unstable();
    let at = |share: f64| {
        let place = (seen.off_us.len() as f64 * share) as usize;
        seen.off_us.get(place.min(seen.off_us.len().max(1) - 1)).map_or(0.0, |us| f64::from(*us) / 1_000.0)
    };
    let whole = legs as f64 / share.max(0.001);
    let whole = match scene {
        Scene::Bridged | Scene::Transcoded => format!("{:.0} calls", whole / 2.0),
        Scene::Conference | Scene::Parked => format!("{whole:.0} legs"),
    };
    println!(
        "| {legs} | {name} | {:.1} % | {whole} | {lost} | {:.2} / {:.2} ms | {} KiB |",
        share * 100.0,
        at(0.5),
        at(0.99),
        memory / 1_024
    );
}

/// Sends for every leg for so long, spread over each 20 ms; answers how many packets.
fn talk(peers: &[UdpSocket; 2], ports: &[SocketAddr], scene: Scene, epoch: Instant, time: Duration) -> u64 {
    let (started, mut sent, mut slot) = (Instant::now(), 0_u64, 0_u32);
    let mut buffer = [0; PACKET_MAX];
    let mut payload = [0xD5; 160];
    while started.elapsed() < time {
        let tick = epoch.elapsed().as_millis() as u64 / 20;
        for (leg, to) in ports.iter().enumerate().filter(|(leg, _)| *leg as u32 % SLOTS == slot % SLOTS) {
            if scene == Scene::Parked {
                continue;
            }
            payload[..8].copy_from_slice(&(epoch.elapsed().as_micros() as u64).to_be_bytes());
            let (seq, timestamp) = (tick as u16, (tick * 160) as u32);
            let pcma = scene == Scene::Transcoded && leg % 2 == 1;
            let payload_type = if pcma { 8 } else { 0 };
            let packet =
                Packet { marker: false, payload_type, seq, timestamp, ssrc: leg as u32, payload: &payload };
            sent += u64::from(peers[leg % 2].send_to(packet.write(&mut buffer), to).is_ok());
        }
        slot += 1;
        let next = started + Duration::from_millis(20) * slot / SLOTS;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    sent
}

fn receive(peer: &UdpSocket, epoch: Instant, scene: Scene, done: &AtomicBool) -> Seen {
    peer.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let (mut seen, mut bytes) = (Seen::default(), [0; PACKET_MAX]);
    let mut last: HashMap<u16, u64> = HashMap::new();
    while !done.load(Ordering::Relaxed) {
        let Ok((length, from)) = peer.recv_from(&mut bytes) else { continue };
        let now = epoch.elapsed().as_micros() as u64;
        let Ok(packet) = Packet::parse(&bytes[..length]) else { continue };
        // Silence that keeps a stream alive before its source has begun does not count.
        let stamped = packet.payload.first_chunk::<8>().map_or(0, |stamp| u64::from_be_bytes(*stamp));
        match scene {
            Scene::Bridged if stamped < now && now - stamped < 10_000_000 => {
                seen.packets += 1;
                seen.off_us.push((now - stamped) as u32);
            }
            Scene::Bridged => {}
            Scene::Transcoded | Scene::Conference | Scene::Parked => {
                seen.packets += 1;
                if let Some(before) = last.insert(from.port(), now) {
                    seen.off_us.push((now - before).abs_diff(20_000).min(10_000_000) as u32);
                }
            }
        }
    }
    seen
}

/// Processor time of the media threads so far.
fn media_cpu() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let of_media = tasks.filter(|task| {
        std::fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.starts_with("media-"))
    });
    let ticks: u64 = of_media
        .filter_map(|task| std::fs::read_to_string(task.path().join("stat")).ok())
        .filter_map(|stat| {
            let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
            Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
        })
        .sum();
    Duration::from_millis(ticks * 10)
}

/// Resident memory of this process, in bytes.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4_096
}

/// A peer's packets are spread over 20 ms in so many parts.
const SLOTS: u32 = 20;
