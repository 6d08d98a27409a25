//! What a media thread does for every packet and every 20 ms takes no memory from the allocator, which could make it wait.

use allocation_counter::measure;
use base::{Entropy, Mono, Now, Timestamp};
use std::net::SocketAddr;
use std::time::Duration;
use tandem_media::codec::{ENCODED_MAX, Encoder};
use tandem_media::control::{Event, LegId, MixerId, RecordingId, Route};
use tandem_media::exchange::{Exchange, Order, Out, Place};
use tandem_media::g711::FRAME;
use tandem_media::reel::{Batch, Tape};
use tandem_media::rtp::{PACKET_MAX, Packet};
use tandem_media::session::{Codec, Session};

/// Counts what is sent, and keeps nothing.
#[derive(Default)]
struct Sent(u32);

impl Tape for Sent {
    fn recorded(&mut self, _: Batch) -> bool {
        true
    }

    fn record_ended(&mut self, _: RecordingId) {}
}

impl Out for Sent {
    fn rtp(&mut self, _: LegId, _: SocketAddr, _: &[u8]) {
        self.0 += 1;
    }

    fn rtcp(&mut self, _: LegId, _: SocketAddr, _: &[u8]) {}

    fn event(&mut self, _: Event) {}

    fn pass(&mut self, _: usize, _: Order) {}
}

fn payload_type(codec: Codec) -> u8 {
    match codec {
        Codec::Pcmu => 0,
        Codec::Pcma => 8,
        Codec::G722 => 9,
        Codec::Opus => 111,
    }
}

/// Allocations in two seconds of speech from every leg, after a second of it, and the packets that were sent meanwhile.
fn allocations(codecs: &[Codec], route: impl Fn(LegId) -> Route) -> (u64, u32) {
    let mut exchange =
        Exchange::new(Place { index: 0, count: 1 }, Duration::from_secs(10), Entropy::seeded(1));
    let (mut out, mut now) = (Sent::default(), Now { mono: Mono(5_000_000), wall: Timestamp(0) });
    let remote = |leg: LegId| SocketAddr::from(([127, 0, 0, 1], 40_000 + leg as u16 * 2));
    let legs: Vec<(LegId, Codec)> = (1..).zip(codecs.iter().copied()).collect();
    for &(leg, codec) in &legs {
        let session = Session {
            remote: remote(leg),
            codec,
            payload_type: payload_type(codec),
            dtmf_payload_type: Some(101),
            comfort_noise: false,
            send: true,
            receive: true,
        };
        exchange.order(now, Order::Open { leg }, &mut out);
        exchange.order(now, Order::Connect { leg, session }, &mut out);
        exchange.order(now, Order::Route { leg, route: route(leg) }, &mut out);
    }
    let voice: [i16; FRAME] = std::array::from_fn(|i| if i % 16 < 8 { 6_000 } else { -6_000 });
    let encoded: Vec<(LegId, Codec, Vec<u8>)> = legs
        .iter()
        .map(|&(leg, codec)| {
            let mut bytes = [0; ENCODED_MAX];
            let mut encoder = Encoder::new(codec).expect("an encoder");
            let length = encoder.encode(&voice, &mut bytes).expect("a frame is encoded");
            (leg, codec, bytes[..length].to_vec())
        })
        .collect();
    let mut seconds = |from: u16, to: u16, out: &mut Sent| {
        for seq in from * 50..to * 50 {
            for (leg, codec, payload) in &encoded {
                let timestamp = u32::from(seq) * codec.frame_ticks();
                let (payload_type, ssrc) = (payload_type(*codec), *leg as u32);
                let packet = Packet { marker: false, payload_type, seq, timestamp, ssrc, payload };
                let mut buffer = [0; PACKET_MAX];
                exchange.packet(now, *leg, remote(*leg), packet.write(&mut buffer), out);
            }
            now = now + Duration::from_millis(20);
            exchange.tick(now, out);
        }
    };
    seconds(0, 1, &mut out);
    let before = out.0;
    let counted = measure(|| seconds(1, 3, &mut out));
    (counted.count_total, out.0 - before)
}

#[test]
fn nothing_is_allocated_for_a_packet_of_a_bridge() {
    let one = measure(|| drop(std::hint::black_box(vec![0_u8; 9])));
    assert_eq!(one.count_total, 1, "what counts, counts");
    for codecs in [
        [Codec::Pcmu, Codec::Pcmu],
        [Codec::Pcmu, Codec::Pcma],
        [Codec::Opus, Codec::Opus],
        [Codec::Opus, Codec::Pcma],
        [Codec::G722, Codec::Pcmu],
    ] {
        let (count, sent) = allocations(&codecs, |leg| Route::Bridge(3 - leg));
        assert!(sent >= 195, "{codecs:?}: {sent}");
        assert_eq!(count, 0, "{codecs:?}");
    }
}

#[test]
fn nothing_is_allocated_for_20_ms_of_a_mixer() {
    let codecs = [Codec::Pcmu, Codec::Pcma, Codec::Opus, Codec::G722];
    let (count, sent) = allocations(&codecs, |_| Route::Mixer(MixerId(1)));
    assert!(sent >= 390, "{sent}");
    assert_eq!(count, 0);
}
