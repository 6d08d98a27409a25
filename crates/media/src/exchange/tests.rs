use super::*;
use crate::clip::Clip;
use crate::control::{RecordPlan, RecordSource, RecordingId, Sides, Turns};
use crate::dtmf::{TelephoneEvent, event_of};
use crate::g711::Law;
use crate::reel::{Batch, Tape};
use crate::rtcp::Report;
use crate::rtp::Packet;
use crate::stats::ReportBlock;
use base::Timestamp;
use proptest::prelude::*;
use std::sync::Arc;

mod noise;

/// Some exchanges, their virtual time, and everything that came out of them.
struct World {
    exchanges: Vec<Exchange>,
    now: Now,
    out: Sink,
}

#[derive(Default)]
struct Sink {
    sent: Vec<Sent>,
    reports: Vec<(LegId, SocketAddr, Report)>,
    events: Vec<Event>,
    passed: VecDeque<(usize, Order)>,
    recorded: Vec<Batch>,
    ended: Vec<RecordingId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Sent {
    leg: LegId,
    to: SocketAddr,
    at: Mono,
    payload_type: u8,
    marker: bool,
    seq: u16,
    timestamp: u32,
    payload: Vec<u8>,
}

impl Tape for (&mut Sink, Mono) {
    fn recorded(&mut self, batch: Batch) -> bool {
        self.0.recorded.push(batch);
        true
    }

    fn record_ended(&mut self, recording: RecordingId) {
        self.0.ended.push(recording);
    }
}

impl Out for (&mut Sink, Mono) {
    fn rtp(&mut self, leg: LegId, to: SocketAddr, packet: &[u8]) {
        let Packet { marker, payload_type, seq, timestamp, payload, .. } = Packet::parse(packet).unwrap();
        let payload = payload.to_vec();
        self.0.sent.push(Sent { leg, to, at: self.1, payload_type, marker, seq, timestamp, payload });
    }

    fn rtcp(&mut self, leg: LegId, to: SocketAddr, packet: &[u8]) {
        self.0.reports.push((leg, to, Report::parse(packet).unwrap()));
    }

    fn event(&mut self, event: Event) {
        self.0.events.push(event);
    }

    fn pass(&mut self, exchange: usize, order: Order) {
        self.0.passed.push_back((exchange, order));
    }
}

impl World {
    fn new(count: usize) -> Self {
        let exchange = |index| {
            Exchange::new(Place { index, count }, Duration::from_secs(10), Entropy::seeded(index as u64))
        };
        let now = Now { mono: Mono(5_000_000), wall: Timestamp(0) };
        Self { exchanges: (0..count).map(exchange).collect(), now, out: Sink::default() }
    }

    fn home(&mut self, leg: LegId) -> usize {
        self.exchanges[0].place.of_leg(leg)
    }

    fn at(&mut self, exchange: usize, order: Order) {
        self.exchanges[exchange].order(self.now, order, &mut (&mut self.out, self.now.mono));
        self.settle();
    }

    fn order(&mut self, leg: LegId, order: Order) {
        let home = self.home(leg);
        self.at(home, order);
    }

    fn settle(&mut self) {
        while let Some((exchange, order)) = self.out.passed.pop_front() {
            self.exchanges[exchange].order(self.now, order, &mut (&mut self.out, self.now.mono));
        }
    }

    fn leg(&mut self, leg: LegId, codec: Codec) {
        self.order(leg, Order::Open { leg });
        self.order(leg, Order::Connect { leg, session: session(leg, codec) });
    }

    fn route(&mut self, leg: LegId, route: Route) {
        self.order(leg, Order::Route { leg, route });
    }

    fn play(&mut self, leg: LegId, play: u64, pieces: Vec<Option<Piece>>, turns: Turns) {
        self.order(leg, Order::Play { leg, play: PlayId(play), pieces, turns });
    }

    /// `leg`'s peer sends a packet.
    fn says(&mut self, leg: LegId, seq: u16, payload_type: u8, timestamp: u32, payload: &[u8]) {
        let packet = Packet { marker: false, payload_type, seq, timestamp, ssrc: leg as u32, payload };
        let mut buffer = [0; PACKET_MAX];
        let home = self.home(leg);
        let bytes = packet.write(&mut buffer);
        self.exchanges[home].packet(self.now, leg, peer(leg), bytes, &mut (&mut self.out, self.now.mono));
        self.settle();
    }

    fn ticks(&mut self, count: u64) {
        for _ in 0..count {
            self.now = self.now + Duration::from_millis(20);
            for exchange in &mut self.exchanges {
                exchange.tick(self.now, &mut (&mut self.out, self.now.mono));
            }
            self.settle();
        }
    }

    fn close_all(&mut self) {
        for exchange in &mut self.exchanges {
            exchange.close_all(&mut (&mut self.out, self.now.mono));
        }
        self.settle();
    }

    fn sent_to(&self, leg: LegId) -> Vec<Sent> {
        self.out.sent.iter().filter(|sent| sent.leg == leg).cloned().collect()
    }

    fn ends_of(&self, wanted: u64) -> Vec<PlayEnd> {
        let end = |event: &Event| match event {
            Event::PlayEnded { play, end, .. } if play.0 == wanted => Some(end.clone()),
            _ => None,
        };
        self.out.events.iter().filter_map(end).collect()
    }
}

fn peer(leg: LegId) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 40_000 + leg as u16 * 2))
}

fn session(leg: LegId, codec: Codec) -> Session {
    let payload_type = if codec == Codec::Pcmu { 0 } else { 8 };
    Session {
        remote: peer(leg),
        codec,
        payload_type,
        dtmf_payload_type: Some(101),
        comfort_noise: false,
        send: true,
        receive: true,
    }
}

fn clip(frames: usize, value: i16) -> Option<Piece> {
    Some(Piece::Clip(Arc::new(Clip::new(&vec![value; frames * FRAME]))))
}

#[test]
fn a_bridged_packet_is_forwarded_at_once_and_transcoded_where_codecs_differ() {
    for count in [1, 2] {
        let mut world = World::new(count);
        world.leg(1, Codec::Pcmu);
        world.leg(2, Codec::Pcma);
        world.leg(3, Codec::Pcmu);
        world.route(2, Route::Bridge(1));
        world.route(3, Route::Bridge(1));
        let said = Law::Mu.encode(1_000);
        world.says(1, 7, 0, 160, &[said; FRAME]);
        let (two, three) = (world.sent_to(2), world.sent_to(3));
        assert_eq!((two.len(), three.len()), (1, 1));
        assert_eq!((two[0].payload_type, three[0].payload_type), (8, 0));
        assert_eq!(two[0].payload, [Law::A.encode(Law::Mu.decode(said)); FRAME]);
        assert_eq!(three[0].payload, [said; FRAME]);
        assert_eq!(two[0].to, peer(2));
        assert!(world.sent_to(1).is_empty());
    }
}

/// The samples of a recording: every other one from the `channel`th of `channels`.
fn channel(world: &World, recording: u64, channel: usize, channels: usize) -> Vec<i16> {
    let batches = world.out.recorded.iter().filter(|batch| batch.recording == RecordingId(recording));
    batches.flat_map(|batch| batch.samples.iter().skip(channel).step_by(channels).copied()).collect()
}

#[test]
fn a_leg_is_recorded_on_two_channels_and_a_mixer_on_one() {
    for count in [1, 2] {
        let mut world = World::new(count);
        let plan =
            |sides| Arc::new(RecordPlan { name: "x".into(), sides, trim: false, quiet: None, live: false });
        for leg in [1, 2, 3] {
            world.leg(leg, Codec::Pcmu);
            world.route(leg, Route::Mixer(MixerId(7)));
        }
        let (leg, mixer) = (RecordSource::Leg(1), RecordSource::Mixer(MixerId(7)));
        let record = |recording, source, sides| Order::Record {
            recording: RecordingId(recording),
            source,
            plan: plan(sides),
        };
        world.order(1, record(1, leg, Sides::Apart));
        let home = world.exchanges[0].place.of_mixer(MixerId(7));
        world.at(home, record(2, mixer, Sides::Both));
        // The third whispers to the second.
        world.order(3, Order::Whisper { leg: 3, only: Some(2) });
        let (said, other, whisper) = (Law::Mu.encode(1_000), Law::Mu.encode(3_000), Law::Mu.encode(9_000));
        for i in 0..50u16 {
            let timestamp = u32::from(i) * 160;
            world.says(1, i, 0, timestamp, &[said; FRAME]);
            world.says(2, i, 0, timestamp, &[other; FRAME]);
            world.says(3, i, 0, timestamp, &[whisper; FRAME]);
            world.ticks(1);
        }
        let (a, b) = (Law::Mu.decode(said), Law::Mu.decode(other));
        world.order(1, Order::Close { leg: 1 });
        world.at(home, Order::CloseMixer { mixer: MixerId(7) });
        assert_eq!(world.out.ended, [RecordingId(1), RecordingId(2)]);
        let middle = |samples: Vec<i16>| samples[samples.len() / 2];
        assert_eq!(middle(channel(&world, 1, 0, 2)), a);
        assert!((middle(channel(&world, 1, 1, 2)) - b).abs() < 100);
        assert!((middle(channel(&world, 2, 0, 1)) - a - b).abs() < 100, "without the whisper");
    }
}

#[test]
fn a_quiet_peer_is_filled_in_for_and_its_return_bears_a_marker() {
    let mut world = World::new(1);
    world.leg(1, Codec::Pcmu);
    world.leg(2, Codec::Pcmu);
    world.route(2, Route::Bridge(1));
    for i in 0..3u16 {
        world.says(1, i, 0, u32::from(i) * 160, &[1; FRAME]);
        world.ticks(1);
    }
    assert_eq!(world.sent_to(2).len(), 3, "nothing is filled in while the peer speaks");
    world.ticks(20);
    let filled = world.sent_to(2).split_off(3);
    assert!((9..=12).contains(&filled.len()), "{}", filled.len());
    assert!(filled[0].marker && !filled[1].marker);
    world.says(1, 3, 0, 480 + 20 * 160, &[1; FRAME]);
    assert!(world.sent_to(2).last().unwrap().marker);
}

#[test]
fn a_prompt_covers_the_bridge_and_ends_once() {
    let mut world = World::new(1);
    world.leg(1, Codec::Pcmu);
    world.leg(2, Codec::Pcmu);
    world.route(2, Route::Bridge(1));
    world.play(2, 1, vec![clip(3, 500)], Turns::Times(1));
    for i in 0..5u16 {
        world.ticks(1);
        world.says(1, i, 0, u32::from(i) * 160, &[1; FRAME]);
    }
    let heard: Vec<_> = world.sent_to(2).iter().map(|sent| sent.payload[0]).collect();
    let prompt = Law::Mu.encode(500);
    assert_eq!((&heard[..3], &heard[4..]), (&[prompt; 3][..], &[1, 1][..]));
    assert_eq!(world.ends_of(1), [PlayEnd::Finished]);
}

#[test]
fn packets_kept_back_by_a_prompt_of_nothing_are_no_loss() {
    let mut world = World::new(1);
    world.leg(1, Codec::Pcmu);
    world.leg(2, Codec::Pcmu);
    world.route(2, Route::Bridge(1));
    for i in 0..3u16 {
        if i == 1 {
            world.play(2, 1, vec![], Turns::Times(1));
        }
        world.says(1, i, 0, u32::from(i) * 160, &[1; FRAME]);
        world.ticks(1);
    }
    let sent = world.sent_to(2);
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[1].seq, sent[0].seq.wrapping_add(1));
    assert!(sent[1].marker);
}

#[test]
fn a_prompt_that_cannot_be_had_fails_with_its_code_and_a_late_one_is_passed_over() {
    let mut world = World::new(1);
    world.leg(1, Codec::Pcmu);
    world.play(1, 1, vec![None, None], Turns::Forever);
    world.ticks(3);
    let supply =
        |play: u64, index, piece| Order::Supply { ear: Ear::Leg(1), play: PlayId(play), index, piece };
    world.order(1, supply(9, 0, Ok(Piece::Silence(1))));
    world.order(1, supply(1, 7, Ok(Piece::Silence(1))));
    world.order(1, supply(1, 1, Err((11_200, "HTTP status 404".into()))));
    world.order(1, supply(1, 0, Ok(Piece::Silence(1))));
    assert_eq!(world.ends_of(1), [PlayEnd::Failed { code: 11_200, reason: "HTTP status 404".into() }]);
}

#[test]
fn what_is_asked_of_a_leg_before_it_opens_waits_for_it_but_not_forever() {
    let mut world = World::new(1);
    world.route(2, Route::Bridge(1));
    world.play(2, 1, vec![clip(2, 500)], Turns::Times(1));
    world.play(4, 2, vec![clip(2, 500)], Turns::Times(1));
    world.ticks(10);
    assert!(world.out.sent.is_empty());
    world.leg(1, Codec::Pcmu);
    world.leg(2, Codec::Pcmu);
    world.ticks(3);
    assert_eq!(world.ends_of(1), [PlayEnd::Finished]);
    world.says(1, 0, 0, 0, &[1; FRAME]);
    assert_eq!(world.sent_to(2).last().unwrap().payload, [1; FRAME]);
    world.ticks(30 * 50);
    assert_eq!(world.ends_of(2), [PlayEnd::Stopped]);
    // And of one that is closed, nothing any more.
    world.order(2, Order::Close { leg: 2 });
    world.play(2, 3, vec![clip(2, 500)], Turns::Forever);
    assert_eq!(world.ends_of(3), [PlayEnd::Stopped]);
    assert_eq!(world.exchanges[0].legs(), 1);
}

#[test]
fn silence_is_reported_once_and_again_after_the_peer_was_heard() {
    let mut world = World::new(1);
    world.leg(1, Codec::Pcmu);
    world.ticks(30 * 50);
    assert_eq!(world.out.events, [Event::Silent { leg: 1 }]);
    world.says(1, 0, 13, 0, &[0]);
    world.ticks(11 * 50);
    assert_eq!(world.out.events[1..], [Event::Heard { leg: 1 }, Event::Silent { leg: 1 }]);
    let held = Session { receive: false, ..session(1, Codec::Pcmu) };
    world.order(1, Order::Connect { leg: 1, session: held });
    world.ticks(30 * 50);
    world.order(1, Order::Connect { leg: 1, session: session(1, Codec::Pcmu) });
    world.ticks(9 * 50);
    assert_eq!(world.out.events.len(), 3);
    world.ticks(2 * 50);
    assert_eq!(world.out.events[3..], [Event::Silent { leg: 1 }]);
}

#[test]
fn nothing_is_sent_to_a_peer_that_holds_us_and_its_prompt_goes_on() {
    let mut world = World::new(1);
    world.leg(1, Codec::Pcmu);
    let held = Session { send: false, ..session(1, Codec::Pcmu) };
    world.order(1, Order::Connect { leg: 1, session: held });
    world.play(1, 1, vec![clip(5, 500), Some(Piece::Digits("1".into()))], Turns::Times(1));
    world.ticks(40);
    assert!(world.out.sent.is_empty());
    assert_eq!(world.ends_of(1), [PlayEnd::Finished]);
}

#[test]
fn a_new_codec_is_heard_from_a_mixer_at_once() {
    for count in [1, 3] {
        let mut world = World::new(count);
        let mixer = MixerId(5);
        for leg in [1, 3] {
            world.route(leg, Route::Mixer(mixer));
            world.leg(leg, Codec::Pcmu);
        }
        world.ticks(2);
        assert!(world.sent_to(1).iter().all(|sent| sent.payload_type == 0));
        assert!(!world.sent_to(1).is_empty());
        world.out.sent.clear();
        world.order(1, Order::Connect { leg: 1, session: session(1, Codec::Pcma) });
        world.ticks(2);
        assert!(world.sent_to(1).iter().all(|sent| sent.payload_type == 8));
        assert_eq!(world.sent_to(1).len(), 2);
        // The mixer is forgotten with its last leg.
        world.route(1, Route::Silence);
        world.order(3, Order::Close { leg: 3 });
        world.ticks(1);
        assert!(world.exchanges.iter().all(|exchange| exchange.rooms.is_empty() && exchange.ears.is_empty()));
    }
}

#[test]
fn events_are_forwarded_with_the_listeners_payload_type() {
    let mut world = World::new(2);
    world.leg(1, Codec::Pcmu);
    world.leg(2, Codec::Pcma);
    let other = Session { dtmf_payload_type: Some(96), ..session(2, Codec::Pcma) };
    world.order(2, Order::Connect { leg: 2, session: other });
    world.route(2, Route::Bridge(1));
    let press =
        |duration, end| TelephoneEvent { event: event_of('*').unwrap(), end, volume: 10, duration }.bytes();
    world.says(1, 0, 0, 0, &[1; FRAME]);
    for (seq, duration, end) in
        [(1, 160, false), (2, 320, false), (3, 480, true), (4, 480, true), (5, 480, true)]
    {
        world.says(1, seq, 101, 160, &press(duration, end));
    }
    world.says(1, 6, 0, 640, &[1; FRAME]);
    let sent = world.sent_to(2);
    assert_eq!(sent.iter().map(|s| s.payload_type).collect::<Vec<_>>(), [8, 96, 96, 96, 96, 96, 8]);
    let stamps: Vec<_> = sent.iter().map(|s| s.timestamp.wrapping_sub(sent[0].timestamp)).collect();
    assert_eq!(stamps, [0, 160, 160, 160, 160, 160, 640]);
    assert_eq!(sent[3].payload, press(480, true));
    let digits: Vec<_> = world.out.events.iter().filter(|e| matches!(e, Event::Digit { .. })).collect();
    assert_eq!(digits, [&Event::Digit { leg: 1, digit: '*' }]);
}

#[test]
fn reports_go_out_every_five_seconds_and_the_session_is_summed_up() {
    let mut world = World::new(1);
    world.leg(1, Codec::Pcmu);
    for i in 0..600u16 {
        if i % 100 != 50 {
            world.says(1, i, 0, u32::from(i) * 160, &[1; FRAME]);
        }
        world.ticks(1);
    }
    assert_eq!(world.out.reports.len(), 2);
    let (_, to, report) = world.out.reports[1];
    assert_eq!(to.port(), peer(1).port() + 1);
    let block = report.block.unwrap();
    assert_eq!((block.ssrc, block.lost, block.jitter), (1, 5, 0));
    assert_eq!(report.sender.unwrap().packets, 500);
    world.order(1, Order::Close { leg: 1 });
    let quality = world.out.events.iter().find_map(|event| match event {
        Event::Quality { leg: 1, quality } => Some(*quality),
        _ => None,
    });
    let quality = quality.unwrap();
    assert_eq!((quality.received, quality.sent, quality.lost, quality.jitter_us), (594, 600, 6, 0));
}

/// Something the engine might do next.
#[derive(Debug, Clone)]
enum Act {
    Leg(u64, bool),
    Close(u64),
    Route(u64, Option<u64>, Option<u64>),
    Play(u64, Vec<usize>, bool, u32),
    Stop(u64),
    Announce(u64, Vec<usize>),
    CloseMixer(u64),
    Ticks(u64),
    Fail(u64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let leg = 0..6u64;
    let pieces = proptest::collection::vec(0usize..4, 0..3);
    let act = prop_oneof![
        3 => (leg.clone(), any::<bool>()).prop_map(|(leg, ulaw)| Act::Leg(leg, ulaw)),
        1 => leg.clone().prop_map(Act::Close),
        4 => (leg.clone(), proptest::option::of(0..6u64), proptest::option::of(0..2u64))
            .prop_map(|(leg, peer, mixer)| Act::Route(leg, peer, mixer)),
        4 => (leg.clone(), pieces.clone(), any::<bool>(), 1..3u32)
            .prop_map(|(leg, pieces, forever, times)| Act::Play(leg, pieces, forever, times)),
        1 => leg.prop_map(Act::Stop),
        1 => (0..2u64, pieces).prop_map(|(mixer, pieces)| Act::Announce(mixer, pieces)),
        1 => (0..2u64).prop_map(Act::CloseMixer),
        4 => (1..12u64).prop_map(Act::Ticks),
        1 => (0..40u64).prop_map(Act::Fail),
    ];
    proptest::collection::vec(act, 1..60)
}

fn piece(kind: usize) -> Option<Piece> {
    match kind {
        0 => clip(3, 500),
        1 => Some(Piece::Silence(2)),
        2 => Some(Piece::Digits("5".into())),
        _ => None,
    }
}

proptest! {
    #[test]
    fn every_playing_ends_exactly_once_and_every_stream_is_one(story in acts(), count in 1usize..4) {
        let mut world = World::new(count);
        let (mut plays, mut seq) = (0, 0u16);
        for act in story {
            match act {
                Act::Leg(leg, ulaw) => world.leg(leg, if ulaw { Codec::Pcmu } else { Codec::Pcma }),
                Act::Close(leg) => world.order(leg, Order::Close { leg }),
                Act::Route(leg, Some(peer), _) => world.route(leg, Route::Bridge(peer)),
                Act::Route(leg, None, Some(mixer)) => world.route(leg, Route::Mixer(MixerId(mixer))),
                Act::Route(leg, None, None) => world.route(leg, Route::Silence),
                Act::Play(leg, pieces, forever, times) => {
                    let turns = if forever { Turns::Forever } else { Turns::Times(times) };
                    world.play(leg, plays, pieces.into_iter().map(piece).collect(), turns);
                    plays += 1;
                }
                Act::Stop(leg) => world.order(leg, Order::Stop { leg }),
                Act::Announce(mixer, pieces) => {
                    let home = world.exchanges[0].place.of_mixer(MixerId(mixer));
                    let pieces = pieces.into_iter().map(piece).collect();
                    world.at(home, Order::Announce { mixer: MixerId(mixer), play: PlayId(plays), pieces });
                    plays += 1;
                }
                Act::CloseMixer(mixer) => {
                    let home = world.exchanges[0].place.of_mixer(MixerId(mixer));
                    world.at(home, Order::CloseMixer { mixer: MixerId(mixer) });
                }
                Act::Ticks(count) => {
                    for _ in 0..count {
                        for leg in 0..6 {
                            world.says(leg, seq, 0, u32::from(seq) * 160, &[1; FRAME]);
                        }
                        seq += 1;
                        world.ticks(1);
                    }
                }
                Act::Fail(play) => for leg in 0..6 {
                    let (play, piece) = (PlayId(play), Err((11_200, String::new())));
                    world.order(leg, Order::Supply { ear: Ear::Leg(leg), play, index: 0, piece });
                },
            }
        }
        world.close_all();
        for play in 0..plays {
            prop_assert_eq!(world.ends_of(play).len(), 1, "playing {}", play);
        }
        for leg in 0..6 {
            for pair in world.sent_to(leg).windows(2) {
                prop_assert_eq!(pair[1].seq, pair[0].seq.wrapping_add(1));
                prop_assert!((pair[1].timestamp.wrapping_sub(pair[0].timestamp) as i32) >= 0);
            }
        }
        prop_assert!(world.exchanges.iter().all(|e| e.legs.is_empty() && e.ears.is_empty()));
    }
}

#[test]
fn the_peers_report_tells_what_became_of_our_stream() {
    let mut world = World::new(1);
    world.leg(1, Codec::Pcmu);
    world.says(1, 1, 0, 0, &[1; FRAME]);
    // Until we have reported ourselves.
    world.ticks(260);
    let (_, _, ours) = world.out.reports[0];
    let sent = (ours.sender.unwrap().ntp >> 16) as u32;
    let block = ReportBlock {
        ssrc: ours.ssrc,
        fraction_lost: 3,
        lost: 7,
        highest_seq: 9,
        jitter: 80,
        last_report: sent,
        // Half a second less than has passed since.
        since_last_report: 0,
    };
    let passed = world.now.wall;
    let middle = (crate::rtcp::ntp(passed) >> 16) as u32;
    let block = ReportBlock { since_last_report: middle.wrapping_sub(sent).wrapping_sub(32_768), ..block };
    let mut buffer = [0; crate::rtcp::REPORT_MAX];
    let bytes = Report { ssrc: 1, sender: None, block: Some(block) }.write(&mut buffer);
    world.exchanges[0].control(world.now, 1, peer(1), bytes);
    world.order(1, Order::Close { leg: 1 });
    let quality = world.out.events.iter().find_map(|event| match event {
        Event::Quality { quality, .. } => Some(*quality),
        _ => None,
    });
    let quality = quality.unwrap();
    assert_eq!((quality.peer_lost, quality.peer_jitter_us, quality.round_trip_us), (7, 10_000, 500_000));
    assert!((300..438).contains(&quality.mos_x100), "{quality:?}");
}
