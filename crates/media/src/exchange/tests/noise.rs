//! Comfort noise: of a peer that sends it (RFC 3389), and of ours where a listener would hear nothing at all.

use super::*;
use crate::detect::share;
use crate::tone::{Tone, render};

/// What a leg was sent, as samples.
fn heard_by(sent: &[Sent]) -> Vec<i16> {
    let audio = sent.iter().filter(|sent| matches!(sent.payload_type, 0 | 8));
    audio
        .flat_map(|sent| {
            let law = if sent.payload_type == 0 { Law::Mu } else { Law::A };
            sent.payload.iter().map(move |byte| law.decode(*byte))
        })
        .collect()
}

/// Mean power in dB below overload.
fn level_of(samples: &[i16]) -> f64 {
    let power: f64 = samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64;
    -10.0 * (power / 32_768_f64.powi(2)).log10()
}

/// A bridge in which leg 1 speaks for 400 ms at 440 Hz and then sends one packet of noise of this level.
fn talk_and_rest(codec: Codec, level: u8) -> World {
    let mut world = World::new(1);
    world.leg(1, Codec::Pcmu);
    world.leg(2, codec);
    world.route(2, Route::Bridge(1));
    let tone = render(&[Tone { hertz: [440.0, 0.0], ms: 400 }], -10.0);
    for (i, chunk) in tone.chunks(FRAME).enumerate() {
        let payload: Vec<u8> = chunk.iter().map(|sample| Law::Mu.encode(*sample)).collect();
        world.says(1, i as u16, 0, (i * FRAME) as u32, &payload);
        world.ticks(1);
    }
    world.out.sent.clear();
    world.says(1, 20, 13, 20 * 160, &[level]);
    world
}

#[test]
fn the_noise_a_peer_announces_is_heard_at_its_level_until_it_speaks_again() {
    for codec in [Codec::Pcmu, Codec::Pcma] {
        let mut world = talk_and_rest(codec, 50);
        world.ticks(50);
        let noise = world.sent_to(2);
        assert_eq!(noise.len(), 50, "no gap: it is heard from the next tick");
        let samples = heard_by(&noise);
        assert!((level_of(&samples) - 50.0).abs() < 2.0, "{}", level_of(&samples));
        assert!(share(&samples, 440.0) < 0.05, "the last word is not repeated");
        world.says(1, 21, 0, 71 * 160, &[1; FRAME]);
        world.ticks(1);
        let after = world.sent_to(2).split_off(50);
        assert_eq!(after.len(), 1, "and no noise beside the voice");
        assert!(after[0].marker);
    }
}

#[test]
fn noise_passes_through_a_change_of_codec_too() {
    // Opus and G.722 are decoded into a buffer first; noise keeps its place in it.
    let mut world = World::new(1);
    world.leg(1, Codec::Pcmu);
    world.order(2, Order::Open { leg: 2 });
    let wide = Session { codec: Codec::G722, payload_type: 9, ..session(2, Codec::Pcmu) };
    world.order(2, Order::Connect { leg: 2, session: wide });
    world.route(2, Route::Bridge(1));
    for i in 0..20_u16 {
        world.says(1, i, 0, u32::from(i) * 160, &[Law::Mu.encode(9_000); FRAME]);
        world.ticks(1);
    }
    world.says(1, 20, 13, 20 * 160, &[50]);
    // What lies in the buffer is heard first.
    world.ticks(10);
    world.out.sent.clear();
    world.ticks(50);
    let mut decoder = crate::codec::Decoder::new(Codec::G722).unwrap();
    let mut samples = Vec::new();
    for sent in world.sent_to(2) {
        let mut frame = [0; crate::codec::DECODED_MAX];
        let count = decoder.decode(&sent.payload, &mut frame).unwrap();
        samples.extend_from_slice(&frame[..count]);
    }
    assert!(samples.len() >= 49 * FRAME, "{}", samples.len());
    let level = level_of(&samples[800..]);
    assert!((level - 50.0).abs() < 4.0, "{level}");
}

#[test]
fn a_listener_never_hears_a_dead_line() {
    // A bridge whose other end sends nothing, and a mixer in which nobody speaks.
    for route in [Route::Bridge(1), Route::Mixer(MixerId(1))] {
        let mut world = World::new(2);
        for leg in [1, 2] {
            world.leg(leg, Codec::Pcma);
        }
        world.route(1, route);
        world.route(2, route);
        world.ticks(100);
        let sent = world.sent_to(2);
        assert!(sent.len() >= 88, "{route:?}: {}", sent.len());
        let level = level_of(&heard_by(&sent));
        assert!((60.0..72.0).contains(&level), "{route:?}: {level}");
    }
    // Who is by itself is waiting for a prompt, and hears nothing.
    let mut world = World::new(1);
    world.leg(1, Codec::Pcmu);
    world.ticks(50);
    assert!(world.sent_to(1).iter().all(|sent| sent.payload == [0xFF; FRAME]));
}

#[test]
fn a_member_that_sends_noise_counts_as_silent() {
    let mut world = World::new(1);
    for leg in [1, 2, 3] {
        world.leg(leg, Codec::Pcmu);
        world.route(leg, Route::Mixer(MixerId(1)));
    }
    // Loud noise, and yet nobody hears it: many lines would add up.
    world.says(1, 0, 13, 0, &[20]);
    world.ticks(50);
    assert!(level_of(&heard_by(&world.sent_to(2))) > 60.0);
    // It is no loss, and nothing of it is left when it ends.
    let tone = render(&[Tone { hertz: [440.0, 0.0], ms: 400 }], -10.0);
    world.out.sent.clear();
    for (i, chunk) in tone.chunks(FRAME).enumerate() {
        let payload: Vec<u8> = chunk.iter().map(|sample| Law::Mu.encode(*sample)).collect();
        world.says(1, 1 + i as u16, 0, 8_000 + (i * FRAME) as u32, &payload);
        world.ticks(1);
    }
    let samples = heard_by(&world.sent_to(2));
    assert!(share(&samples[4 * FRAME..], 440.0) > 0.9);
}

#[test]
fn a_peer_that_takes_noise_is_told_of_silence_instead_of_sent_it() {
    for route in [Route::Bridge(1), Route::Mixer(MixerId(1)), Route::Silence] {
        let mut world = World::new(1);
        world.leg(1, Codec::Pcmu);
        world.order(2, Order::Open { leg: 2 });
        let agreed = Session { comfort_noise: true, ..session(2, Codec::Pcmu) };
        world.order(2, Order::Connect { leg: 2, session: agreed });
        world.route(1, route);
        world.route(2, route);
        world.ticks(100);
        let sent = world.sent_to(2);
        assert!((3..=6).contains(&sent.len()), "{route:?}: {} packets in two seconds", sent.len());
        assert!(sent.iter().all(|sent| sent.payload_type == 13 && sent.payload.len() == 1 && !sent.marker));
        assert!(sent.windows(2).all(|pair| pair[1].timestamp.wrapping_sub(pair[0].timestamp) >= 20 * 160));
        // Speech begins a talk spurt.
        for i in 0..5_u16 {
            world.says(1, i, 0, u32::from(i) * 160, &[Law::Mu.encode(9_000); FRAME]);
            world.ticks(1);
        }
        let voice: Vec<_> = world.sent_to(2).into_iter().filter(|sent| sent.payload_type == 0).collect();
        assert_eq!(voice.is_empty(), route == Route::Silence, "{route:?}");
        assert!(voice.first().is_none_or(|first| first.marker), "{route:?}");
    }
    // A level the other end announced is passed on.
    let mut world = talk_and_rest(Codec::Pcmu, 44);
    let agreed = Session { comfort_noise: true, ..session(2, Codec::Pcmu) };
    world.order(2, Order::Connect { leg: 2, session: agreed });
    world.says(1, 21, 13, 21 * 160, &[44]);
    world.out.sent.clear();
    world.ticks(5);
    assert_eq!(world.sent_to(2)[0].payload, [44]);
}
