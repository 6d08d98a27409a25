//! What 20 ms of a call cost: codec, mixer, jitter buffer, forwarding, prompt.

#![allow(missing_docs, reason = "criterion_group! makes a public function")]

use base::{Entropy, Mono, Now, Timestamp};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tandem_media::clip::{Clip, Piece};
use tandem_media::codec::{DECODED_MAX, Decoder, ENCODED_MAX, Encoder};
use tandem_media::control::{Event, LegId, PlayId, Route, Turns};
use tandem_media::exchange::{Exchange, Order, Out, Place};
use tandem_media::g711::{FRAME, Law};
use tandem_media::jitter::JitterBuffer;
use tandem_media::mixer::Mixer;
use tandem_media::rtp::{PACKET_MAX, Packet};
use tandem_media::session::{Codec, Session};

/// Counts what would be sent.
#[derive(Default)]
struct Sink(u64);

impl tandem_media::reel::Tape for Sink {
    fn recorded(&mut self, _: tandem_media::reel::Batch) -> bool {
        true
    }
    fn record_ended(&mut self, _: tandem_media::control::RecordingId) {}
}

impl Out for Sink {
    fn rtp(&mut self, _: LegId, _: SocketAddr, packet: &[u8]) {
        self.0 += packet.len() as u64;
    }
    fn rtcp(&mut self, _: LegId, _: SocketAddr, packet: &[u8]) {
        self.0 += packet.len() as u64;
    }
    fn event(&mut self, _: Event) {}
    fn pass(&mut self, _: usize, _: Order) {}
}

fn now(tick: u64) -> Now {
    Now { mono: Mono(1_000_000 + tick * 20_000), wall: Timestamp(0) }
}

fn peer(leg: LegId) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 10_000 + leg as u16))
}

/// An exchange with so many legs, all PCMU but every second one if `mixed`.
fn exchange(legs: u64, mixed: bool) -> Exchange {
    let place = Place { index: 0, count: 1 };
    let mut exchange = Exchange::new(place, Duration::from_secs(60), Entropy::seeded(1));
    for leg in 0..legs {
        let codec = if mixed && leg % 2 == 1 { Codec::Pcma } else { Codec::Pcmu };
        let session = Session {
            remote: peer(leg),
            codec,
            payload_type: if codec == Codec::Pcmu { 0 } else { 8 },
            dtmf_payload_type: Some(101),
            comfort_noise: false,
            send: true,
            receive: true,
        };
        exchange.order(now(0), Order::Open { leg }, &mut Sink::default());
        exchange.order(now(0), Order::Connect { leg, session }, &mut Sink::default());
    }
    exchange
}

fn packet(seq: u16, buffer: &mut [u8; PACKET_MAX]) -> &[u8] {
    let payload = &[0x55; FRAME];
    let timestamp = u32::from(seq) * 160;
    Packet { marker: false, payload_type: 0, seq, timestamp, ssrc: 7, payload }.write(buffer)
}

fn codec(c: &mut Criterion) {
    let mut group = c.benchmark_group("codec");
    let samples: [i16; FRAME] = std::array::from_fn(|i| (i as i16 - 80) * 200);
    for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus] {
        let (mut bytes, mut decoded) = ([0; ENCODED_MAX], [0; DECODED_MAX]);
        let mut encoder = Encoder::new(codec).expect("codec is there");
        let mut decoder = Decoder::new(codec).expect("codec is there");
        let length = encoder.encode(&samples, &mut bytes).expect("samples are encoded");
        group.bench_function(BenchmarkId::new("encode", format!("{codec:?}")), |b| {
            let mut bytes = [0; ENCODED_MAX];
            b.iter(|| encoder.encode(black_box(&samples), black_box(&mut bytes)));
        });
        group.bench_function(BenchmarkId::new("decode", format!("{codec:?}")), |b| {
            b.iter(|| decoder.decode(black_box(&bytes[..length]), black_box(&mut decoded)));
        });
    }
    for law in [Law::Mu, Law::A] {
        let (bytes, mut other) = ([0x55; FRAME], [0; FRAME]);
        group.bench_function(BenchmarkId::new("transcode", format!("{law:?}")), |b| {
            b.iter(|| law.transcode_into(black_box(&bytes), black_box(&mut other)));
        });
    }
    group.finish();
}

fn jitter(c: &mut Criterion) {
    let mut buffer = JitterBuffer::default();
    let (mut tick, mut frame) = (0u64, [0; FRAME]);
    c.bench_function("jitter buffer, 20 ms in and out", |b| {
        b.iter(|| {
            tick += 1;
            buffer.insert(now(tick).mono, 1, (tick * 160) as u32, Codec::Pcmu, black_box(&[0x55; FRAME]));
            black_box(buffer.next_20_ms(&mut frame))
        });
    });
}

fn mixer(c: &mut Criterion) {
    let mut group = c.benchmark_group("mixer, 20 ms for each member");
    for members in [3u64, 10, 50] {
        let mut mixer = Mixer::default();
        (0..members).for_each(|id| mixer.join(id).expect("there is room"));
        let (mut tick, mut bytes) = (0u64, [0; FRAME]);
        group.throughput(Throughput::Elements(members));
        group.bench_function(BenchmarkId::from_parameter(members), |b| {
            b.iter(|| {
                tick += 1;
                for id in 0..members {
                    let input = mixer.input(id).expect("it is in");
                    input.insert(now(tick).mono, 1, (tick * 160) as u32, Codec::Pcmu, &[0x55; FRAME]);
                }
                mixer.mix(&[]);
                for id in 0..members {
                    mixer.heard_by(id, Law::Mu, black_box(&mut bytes));
                }
            });
        });
    }
    group.finish();
}

fn forward(c: &mut Criterion) {
    let mut group = c.benchmark_group("bridge, one packet");
    for (name, mixed) in [("same codec", false), ("transcoded", true)] {
        for legs in [2u64, 1_000] {
            let mut exchange = exchange(legs, mixed);
            for leg in 0..legs {
                let route = Route::Bridge(leg ^ 1);
                exchange.order(now(0), Order::Route { leg, route }, &mut Sink::default());
            }
            let (mut out, mut count) = (Sink::default(), 0u64);
            group.bench_function(BenchmarkId::new(name, format!("{legs} legs")), |b| {
                b.iter(|| {
                    let (leg, tick) = (count % (legs / 2) * 2, count / (legs / 2));
                    count += 1;
                    let mut buffer = [0; PACKET_MAX];
                    let bytes = packet(tick as u16, &mut buffer);
                    exchange.packet(now(tick), leg, peer(leg), black_box(bytes), &mut out);
                });
            });
            assert!(out.0 > 0, "nothing was forwarded");
        }
    }
    group.finish();
}

fn waiting(c: &mut Criterion) {
    let mut group = c.benchmark_group("tick, 20 ms of every leg");
    for legs in [100u64, 1_000] {
        let mut exchange = exchange(legs, false);
        let music = Arc::new(Clip::new(&vec![900; FRAME * 1_200]));
        for leg in 0..legs {
            let pieces = vec![Some(Piece::Clip(Arc::clone(&music)))];
            let play = Order::Play { leg, play: PlayId(leg), pieces, turns: Turns::Forever };
            exchange.order(now(0), play, &mut Sink::default());
        }
        let (mut out, mut tick) = (Sink::default(), 0u64);
        group.throughput(Throughput::Elements(legs));
        group.bench_function(BenchmarkId::new("hold music", format!("{legs} legs")), |b| {
            b.iter(|| {
                tick += 1;
                exchange.tick(now(tick), &mut out);
            });
        });
        assert!(out.0 > 0, "nothing was played");
    }
    group.finish();
}

fn parse(c: &mut Criterion) {
    let mut buffer = [0; PACKET_MAX];
    let bytes = packet(1, &mut buffer).to_vec();
    c.bench_function("rtp, parse one packet", |b| b.iter(|| Packet::parse(black_box(&bytes))));
    let samples: Vec<f32> = (0..44_100).map(|i| (i % 100) as f32 / 100.0).collect();
    c.bench_function("resample, one second of 44.1 kHz", |b| {
        b.iter_batched(
            || samples.clone(),
            |samples| tandem_media::resample::to_8k(&samples, 44_100),
            BatchSize::LargeInput,
        );
    });
}

criterion_group!(benches, codec, jitter, mixer, forward, waiting, parse);
criterion_main!(benches);
