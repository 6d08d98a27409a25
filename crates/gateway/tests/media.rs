//! The media plane with real sockets on loopback: what is sent is 440 Hz, what must be heard is 440 Hz.

#![expect(clippy::disallowed_methods, reason = "real sockets live in real time")]
#![expect(clippy::unwrap_used, reason = "a phone that fails fails its test")]

mod phone;

use base::{Clock, Entropy, Mono, Now, Timestamp};
use media::control::{Command, Event, MixerId, PlayEnd, PlayId, Prompt, Route, Turns};
use media::detect::level;
use media::g711::Law;
use media::session::{Codec, Session};
use phone::Phone;
use std::collections::HashSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};
use tandem_gateway::media::{MediaPlane, MediaSettings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

/// A media plane with a port range of its own, and what it reported.
struct Plane {
    plane: MediaPlane,
    events: mpsc::Receiver<Event>,
    seen: Vec<Event>,
}

impl Plane {
    fn start(threads: usize) -> Self {
        Self::with(threads, |_| {})
    }

    fn with(threads: usize, change: impl FnOnce(&mut MediaSettings)) -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let low = 18_000 + NEXT.fetch_add(1, Ordering::Relaxed) * 60;
        let clock = Clock::new(|| Now { mono: Mono(0), wall: Timestamp(0) });
        let mut settings = MediaSettings::new(Entropy::seeded(u64::from(low)), clock);
        settings.ports = low..=low + 59;
        settings.threads = Some(threads);
        settings.prompts.private_networks = true;
        change(&mut settings);
        let (sender, events) = mpsc::channel(1_024);
        Self { plane: MediaPlane::start(settings, sender).unwrap(), events, seen: vec![] }
    }

    fn leg(&self, leg: u64, phone: &Phone) -> SocketAddr {
        self.leg_with(leg, phone.session())
    }

    fn leg_with(&self, leg: u64, session: Session) -> SocketAddr {
        let address = self.plane.open(leg).unwrap();
        self.plane.connect(leg, session);
        address
    }

    fn bridge(&self, a: u64, b: u64) {
        self.plane.command(Command::Route { leg: a, route: Route::Bridge(b) });
        self.plane.command(Command::Route { leg: b, route: Route::Bridge(a) });
    }

    fn play(&self, leg: u64, play: u64, prompts: Vec<Prompt>, turns: Turns) {
        self.plane.command(Command::Play { leg, play: PlayId(play), prompts, turns });
    }

    /// The next event that `wanted` accepts; the others are kept.
    async fn event(&mut self, what: &str, wanted: impl Fn(&Event) -> bool) -> Event {
        if let Some(at) = self.seen.iter().position(&wanted) {
            return self.seen.remove(at);
        }
        let wait = async {
            loop {
                let event = self.events.recv().await.expect("the plane is gone");
                if wanted(&event) {
                    return event;
                }
                self.seen.push(event);
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
    }

    async fn end_of(&mut self, play: u64) -> PlayEnd {
        let event = self
            .event("the end of a playing", |e| matches!(e, Event::PlayEnded { play: p, .. } if p.0 == play));
        match event.await {
            Event::PlayEnded { end, .. } => end,
            other => panic!("{other:?}"),
        }
    }

    /// Everything reported until now and until all legs are closed.
    async fn rest(mut self) -> Vec<Event> {
        self.plane.shutdown();
        drop(self.plane);
        while let Some(event) = self.events.recv().await {
            self.seen.push(event);
        }
        self.seen
    }
}

const PATIENCE: Duration = Duration::from_secs(15);

/// Waits until it is so.
async fn until(what: &str, is: impl Fn() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn url(path: SocketAddr, file: &str) -> Prompt {
    Prompt::Url(format!("http://{path}/{file}").into())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_bridged_phones_hear_each_other_whatever_their_codecs_and_threads() {
    for threads in [1, 2, 3] {
        for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus] {
            let plane = Plane::start(threads);
            let (ana, bo) = (Phone::new(Codec::Pcmu), Phone::new(codec));
            ana.says(440.0, plane.leg(1, &ana));
            bo.says(660.0, plane.leg(2, &bo));
            plane.bridge(1, 2);
            until("both hear the other", || ana.hears(660.0) && bo.hears(440.0)).await;
            plane.plane.command(Command::Route { leg: 1, route: Route::Silence });
            until("ana hears nothing", || ana.hears_nothing()).await;
            assert!(bo.hears(440.0), "a route is one way");
            plane.plane.command(Command::Mute { leg: 1, muted: true });
            until("bo hears nothing", || bo.hears_nothing()).await;
            plane.plane.command(Command::Mute { leg: 1, muted: false });
            until("bo hears ana again", || bo.hears(440.0)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_pass_between_legs_whose_clocks_differ() {
    let plane = Plane::start(2);
    let (ana, bo) = (Phone::new(Codec::Opus), Phone::new(Codec::Pcma));
    ana.says(440.0, plane.leg(1, &ana));
    bo.says(660.0, plane.leg(2, &bo));
    plane.bridge(1, 2);
    until("both hear the other", || ana.hears(660.0) && bo.hears(440.0)).await;
    ana.presses('7');
    bo.presses('#');
    until("each is told the other's key", || ana.digits() == "#" && bo.digits() == "7").await;
    until("the voices go on", || ana.hears(660.0) && bo.hears(440.0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_announces_its_silence_is_heard_as_noise_of_that_level() {
    let plane = Plane::start(1);
    let ana = Phone::new(Codec::Pcma);
    plane.leg(1, &ana);
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let session =
        Session { remote: peer.local_addr().unwrap(), codec: Codec::Pcmu, payload_type: 0, ..ana.session() };
    let to = plane.leg_with(2, session);
    plane.bridge(1, 2);
    let send = |seq: u16, payload_type, payload: &[u8]| {
        let timestamp = u32::from(seq) * 160;
        let packet = media::rtp::Packet { marker: false, payload_type, seq, timestamp, ssrc: 9, payload };
        peer.send_to(packet.write(&mut [0; media::rtp::PACKET_MAX]), to).unwrap();
    };
    for seq in 0..5 {
        send(seq, 0, &[Law::Mu.encode(9_000); 160]);
    }
    send(5, 13, &[45]);
    let about = |wanted: f64| {
        let samples = ana.last(2_400);
        samples.len() == 2_400 && (level(&samples) - wanted).abs() < 4.0
    };
    until("noise of 45 dB below overload is heard", || about(-45.0)).await;
    send(30, 13, &[60]);
    until("and then of 60", || about(-60.0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_phone_hears_is_one_stream_through_every_change_of_source() {
    let mut plane = Plane::start(1);
    let (ana, bo, cy) = (Phone::new(Codec::Pcmu), Phone::new(Codec::Pcmu), Phone::new(Codec::Pcma));
    plane.leg(1, &ana);
    bo.says(660.0, plane.leg(2, &bo));
    cy.says(1_300.0, plane.leg(3, &cy));
    until("ana hears the silence", || ana.arrived().len() > 5).await;
    for turn in 0..4 {
        let (peer, hertz) = if turn % 2 == 0 { (2, 660.0) } else { (3, 1_300.0) };
        plane.plane.command(Command::Route { leg: 1, route: Route::Bridge(peer) });
        until("ana hears her peer", || ana.hears(hertz)).await;
        plane.play(1, turn, vec![Prompt::Beep], Turns::Times(1));
        assert_eq!(plane.end_of(turn).await, PlayEnd::Finished);
    }
    until("ana hears a peer again", || ana.hears(1_300.0)).await;
    let packets = ana.arrived();
    let ssrcs: HashSet<_> = packets.iter().map(|p| p.ssrc).collect();
    assert_eq!(ssrcs.len(), 1);
    for pair in packets.windows(2) {
        assert_eq!(pair[1].seq, pair[0].seq.wrapping_add(1), "{pair:?}");
        let advance = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
        assert!((160..8_000).contains(&advance), "{pair:?}");
    }
    // The stream's clock is the world's, give or take a packet and the machine's load.
    let (first, last) = (packets[0], packets[packets.len() - 1]);
    let stream_ms = last.timestamp.wrapping_sub(first.timestamp) / 8;
    let world_ms = last.at.duration_since(first.at).as_millis() as u32;
    assert!(stream_ms.abs_diff(world_ms) < 150, "{stream_ms} {world_ms}");
    // Silence, and four times a peer, a beep, and a peer again.
    assert!(packets.iter().filter(|p| p.marker).count() > 4 * 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn music_tones_and_speech_are_heard_and_end_once() {
    let mut plane = Plane::start(1);
    let ana = Phone::new(Codec::Pcma);
    plane.leg(1, &ana);
    plane.play(1, 1, vec![Prompt::HoldMusic], Turns::Forever);
    until("music is heard", || ana.last(16_000).len() == 16_000 && level(&ana.last(16_000)) > -30.0).await;
    plane.play(1, 2, vec![Prompt::Ringback("fr".into())], Turns::Forever);
    assert_eq!(plane.end_of(1).await, PlayEnd::Stopped);
    until("the tone is heard", || ana.hears(440.0)).await;
    plane.plane.command(Command::Stop { leg: 1 });
    assert_eq!(plane.end_of(2).await, PlayEnd::Stopped);
    until("silence is heard", || ana.hears_nothing()).await;

    let speech = Prompt::Speech {
        text: "Please hold.".into(),
        language: "en-US".into(),
        voice: "woman".into(),
        delivery: Default::default(),
    };
    ana.forgets();
    plane.play(
        1,
        3,
        vec![Prompt::Beep, speech, Prompt::Silence(Duration::from_millis(100))],
        Turns::Times(2),
    );
    assert_eq!(plane.end_of(3).await, PlayEnd::Finished);
    let loudest = ana.last(16_000).chunks(1_600).map(level).fold(-100.0, f64::max);
    assert!(loudest > -30.0, "{loudest}");

    let strange = Prompt::Speech {
        text: "x".into(),
        language: "tlh-QQ".into(),
        voice: "woman".into(),
        delivery: Default::default(),
    };
    plane.play(1, 4, vec![strange], Turns::Times(1));
    assert!(matches!(plane.end_of(4).await, PlayEnd::Failed { code: 13_512, .. }));
    plane.play(1, 5, vec![Prompt::HoldMusic], Turns::Forever);
    plane.play(9, 6, vec![Prompt::HoldMusic], Turns::Forever);
    plane.plane.close(1);
    assert_eq!(plane.end_of(5).await, PlayEnd::Stopped);
    let rest = plane.rest().await;
    let ends = rest.iter().filter(|e| matches!(e, Event::PlayEnded { .. })).count();
    assert_eq!(ends, 1, "leg 9 never opened, its playing ends with the plane: {rest:?}");
    assert!(rest.iter().any(|e| matches!(e, Event::Quality { leg: 1, quality } if quality.sent > 100)));
}

/// Serves `GET /tone.wav`, `/tone.mp3`, `/page.html`; remembers how it was asked.
async fn files() -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.unwrap());
            }
            let request = String::from_utf8(request).unwrap();
            let path = request.split(' ').nth(1).unwrap().to_owned();
            let known = request.to_ascii_lowercase().contains("if-none-match: \"v1\"");
            let (status, kind, body) = match path.as_str() {
                "/tone.wav" if known => ("304 Not Modified", "audio/wav", vec![]),
                "/tone.wav" => ("200 OK", "audio/wav", wav()),
                "/tone.mp3" => ("200 OK", "audio/mpeg", include_bytes!("tone-500.mp3").to_vec()),
                "/page.html" => ("200 OK", "text/html", b"<html>".to_vec()),
                _ => ("404 Not Found", "text/plain", vec![]),
            };
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nETag: \"v1\"\r\nConnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(&body).await.unwrap();
            asked.send(format!("{path} {status}")).unwrap();
        }
    });
    (address, requests)
}

/// A second of 700 Hz at 16 kHz.
fn wav() -> Vec<u8> {
    let samples: Vec<u8> = (0..16_000)
        .map(|i| (9_000.0 * (std::f64::consts::TAU * 700.0 * f64::from(i) / 16_000.0).sin()) as i16)
        .flat_map(i16::to_le_bytes)
        .collect();
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + samples.len() as u32).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    bytes.extend(16_000u32.to_le_bytes());
    bytes.extend(32_000u32.to_le_bytes());
    bytes.extend(b"\x02\0\x10\0data");
    bytes.extend((samples.len() as u32).to_le_bytes());
    bytes.extend(samples);
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn prompts_come_from_the_web_once_and_failures_have_their_codes() {
    let (server, mut requests) = files().await;
    let mut plane = Plane::start(1);
    let ana = Phone::new(Codec::Pcmu);
    plane.leg(1, &ana);
    plane.play(1, 1, vec![url(server, "tone.wav"), url(server, "tone.mp3")], Turns::Times(1));
    until("the WAV is heard", || ana.hears(700.0)).await;
    until("the MP3 is heard", || ana.hears(500.0)).await;
    assert_eq!(plane.end_of(1).await, PlayEnd::Finished);
    // A second has passed: the server is asked whether it is still the same.
    plane.play(1, 2, vec![url(server, "tone.wav")], Turns::Times(3));
    assert_eq!(plane.end_of(2).await, PlayEnd::Finished);
    let mut asked = vec![];
    while let Ok(request) = requests.try_recv() {
        asked.push(request);
    }
    assert_eq!(asked, ["/tone.wav 200 OK", "/tone.mp3 200 OK", "/tone.wav 304 Not Modified"]);
    for (play, file, code) in [(3, "gone.wav", 11_200), (4, "page.html", 13_420)] {
        plane.play(1, play, vec![url(server, file)], Turns::Forever);
        let end = plane.end_of(play).await;
        assert!(matches!(&end, PlayEnd::Failed { code: c, .. } if *c == code), "{end:?}");
    }
    let mut guarded = Plane::with(1, |settings| settings.prompts.private_networks = false);
    guarded.leg(1, &ana);
    guarded.play(1, 1, vec![url(server, "tone.wav")], Turns::Times(1));
    assert!(matches!(guarded.end_of(1).await, PlayEnd::Failed { code: 11_210, .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_reported_once_forwarded_and_played() {
    for threads in [1, 2] {
        let mut plane = Plane::start(threads);
        let (ana, bo) = (Phone::new(Codec::Pcmu), Phone::new(Codec::Pcma));
        ana.says(440.0, plane.leg(1, &ana));
        bo.says(660.0, plane.leg(2, &bo));
        plane.bridge(1, 2);
        until("both hear the other", || ana.hears(660.0) && bo.hears(440.0)).await;
        for digit in ['1', '1', '#'] {
            ana.presses(digit);
        }
        for wanted in ['1', '1', '#'] {
            let event = plane.event("a digit", |e| matches!(e, Event::Digit { .. })).await;
            assert_eq!(event, Event::Digit { leg: 1, digit: wanted });
        }
        until("bo got the keys", || bo.digits() == "11#").await;
        until("bo hears ana again", || bo.hears(440.0)).await;
        plane.play(2, 1, vec![Prompt::Digits("9w8".into())], Turns::Times(1));
        assert_eq!(plane.end_of(1).await, PlayEnd::Finished);
        until("bo got what was played", || bo.digits() == "11#98").await;
        assert!(plane.seen.iter().all(|e| !matches!(e, Event::Digit { .. })), "{:?}", plane.seen);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_without_events_presses_and_hears_keys_as_tones() {
    let mut plane = Plane::start(1);
    let (ana, old) = (Phone::new(Codec::Pcmu), Phone::new(Codec::Pcma));
    ana.says(440.0, plane.leg(1, &ana));
    let session = Session { dtmf_payload_type: None, ..old.session() };
    let address = plane.leg_with(2, session);
    plane.bridge(1, 2);
    until("the old phone hears ana", || old.arrived().len() > 20).await;
    ana.presses('6');
    // 770 and 1477 Hz for a tenth of a second, somewhere in the last half.
    until("the old phone hears a key", || {
        old.last(4_000).chunks(400).any(|c| {
            c.len() == 400 && media::detect::share(c, 770.0) > 0.3 && media::detect::share(c, 1_477.0) > 0.3
        })
    })
    .await;
    plane.event("ana's key", |e| *e == Event::Digit { leg: 1, digit: '6' }).await;

    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut buffer = [0; media::rtp::PACKET_MAX];
    let tone = media::tone::render(&media::tone::dtmf('B'), -10.0);
    for (i, frame) in tone.chunks(160).enumerate() {
        let mut payload = [0; 160];
        Law::A.encode_into(frame, &mut payload);
        let packet = media::rtp::Packet {
            marker: false,
            payload_type: 8,
            seq: i as u16,
            timestamp: i as u32 * 160,
            ssrc: 5,
            payload: &payload,
        };
        socket.send_to(packet.write(&mut buffer), address).unwrap();
    }
    plane.event("the old phone's key", |e| *e == Event::Digit { leg: 2, digit: 'B' }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_in_a_mixer_hear_the_two_others_and_announcements() {
    let g711 = [Codec::Pcmu, Codec::Pcma, Codec::Pcmu];
    let others = [Codec::G722, Codec::Opus, Codec::Pcmu];
    for (threads, codecs) in [(1, g711), (3, g711), (1, others), (3, others)] {
        let mut plane = Plane::start(threads);
        let hertz = [440.0, 660.0, 1_000.0];
        let phones = codecs.map(Phone::new);
        for (i, phone) in phones.iter().enumerate() {
            let leg = i as u64 * 2 + 1;
            phone.says(hertz[i], plane.leg(leg, phone));
            plane.plane.command(Command::Route { leg, route: Route::Mixer(MixerId(7)) });
        }
        let hears_others = |me: usize| {
            (0..3).all(|other| {
                let share = phones[me].share(hertz[other]);
                if me == other { share < 0.01 } else { share > 0.4 }
            })
        };
        until("each hears the others", || (0..3).all(hears_others)).await;
        plane.plane.command(Command::Mute { leg: 3, muted: true });
        until("nobody hears the second", || phones[0].hears(1_000.0) && phones[2].hears(440.0)).await;
        phones[0].falls_silent();
        phones[2].falls_silent();
        until("it is quiet", || phones.iter().all(Phone::hears_nothing)).await;
        let prompts = vec![Prompt::Beep, Prompt::Ringback("fr".into())];
        plane.plane.command(Command::Announce { mixer: MixerId(7), play: PlayId(1), prompts });
        until("all hear the announcement", || phones.iter().all(|phone| phone.hears(440.0))).await;
        plane.plane.command(Command::CloseMixer { mixer: MixerId(7) });
        assert_eq!(plane.end_of(1).await, PlayEnd::Stopped);
        assert!(plane.rest().await.iter().all(|e| !matches!(e, Event::PlayEnded { .. })));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_source_can_neither_speak_nor_listen() {
    let mut plane = Plane::start(1);
    // The peer is behind a NAT: it sends from another port than its SDP says.
    let (signalled, ana, thief, bo) =
        (Phone::new(Codec::Pcmu), Phone::new(Codec::Pcmu), Phone::new(Codec::Pcmu), Phone::new(Codec::Pcmu));
    let address = plane.leg_with(1, signalled.session());
    plane.leg(2, &bo);
    plane.bridge(1, 2);
    until("the signalled address gets silence", || signalled.hears_nothing()).await;
    ana.says(440.0, address);
    assert_eq!(
        plane.event("ana is heard", |e| matches!(e, Event::Heard { .. })).await,
        Event::Heard { leg: 1 }
    );
    until("ana is sent to", || ana.hears_nothing()).await;
    thief.says(1_000.0, address);
    until("bo hears ana", || bo.hears(440.0)).await;
    until("the thief was refused", || plane.plane.counters().refused.load(Ordering::Relaxed) > 50).await;
    assert!(bo.hears(440.0) && thief.arrived().is_empty());
    // Ana's own phone moves to another port: the old one is quiet, the new one steady.
    thief.falls_silent();
    ana.falls_silent();
    let moved = Phone::new(Codec::Pcmu);
    moved.says(660.0, address);
    until("bo hears ana's new port", || bo.hears(660.0)).await;
    until("the new port is sent to", || moved.hears_nothing()).await;
    // Noise that is no RTP harms nobody.
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for length in 0..200 {
        socket.send_to(&vec![0x80; length], address).unwrap();
    }
    assert!(bo.hears(660.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn ports_run_out_are_bounded_and_come_back() {
    let plane = Plane::with(1, |settings| settings.ports = 17_900..=17_907);
    let addresses: Vec<_> = (0..4).map(|leg| plane.plane.open(leg).unwrap()).collect();
    assert_eq!(addresses.iter().map(|a| a.port()).collect::<HashSet<_>>().len(), 4);
    assert!(addresses.iter().all(|a| a.port() % 2 == 0 && a.ip().is_loopback()));
    assert_eq!(plane.plane.open(2), Ok(addresses[2]));
    let refused = plane.plane.open(4).unwrap_err();
    assert_eq!(refused.to_string(), "no free RTP port in 17900-17907");
    plane.plane.close(2);
    until("the port is free again", || plane.plane.open(5).is_ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_falls_silent_is_reported_unless_it_is_held() {
    let mut plane = Plane::with(1, |settings| settings.rtp_timeout = Duration::from_millis(300));
    let (ana, bo) = (Phone::new(Codec::Pcmu), Phone::new(Codec::Pcmu));
    ana.says(440.0, plane.leg(1, &ana));
    plane.leg_with(2, Session { receive: false, send: false, ..bo.session() });
    plane.event("ana is heard", |e| *e == Event::Heard { leg: 1 }).await;
    ana.falls_silent();
    plane.event("ana's silence", |e| *e == Event::Silent { leg: 1 }).await;
    assert!(bo.arrived().is_empty(), "we send to somebody who holds us");
    assert!(!plane.seen.contains(&Event::Silent { leg: 2 }));
    plane.plane.connect(2, bo.session());
    until("bo is sent to after the hold", || !bo.arrived().is_empty()).await;
    plane.event("bo's silence", |e| *e == Event::Silent { leg: 2 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_heard_within_a_packet() {
    let plane = Plane::start(1);
    let (ana, bo) = (Phone::new(Codec::Pcmu), Phone::new(Codec::Pcmu));
    plane.leg(1, &ana);
    bo.says(660.0, plane.leg(2, &bo));
    until("ana hears the silence", || ana.arrived().len() > 10).await;
    let mut delays: Vec<_> = vec![];
    for _ in 0..21 {
        let start = Instant::now();
        plane.plane.command(Command::Route { leg: 1, route: Route::Bridge(2) });
        let before = ana.arrived().iter().filter(|p| p.marker).count();
        until("ana's peer is spliced in", || ana.arrived().iter().filter(|p| p.marker).count() > before)
            .await;
        delays.push(ana.arrived().iter().rfind(|p| p.marker).unwrap().at.saturating_duration_since(start));
        plane.plane.command(Command::Route { leg: 1, route: Route::Silence });
        let before = before + 1;
        until("ana hears silence", || ana.arrived().iter().filter(|p| p.marker).count() > before).await;
    }
    delays.sort();
    assert!(delays[delays.len() / 2] < Duration::from_millis(40), "{delays:?}");
}
