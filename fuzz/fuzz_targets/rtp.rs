//! What arrives on RTP's sockets: no datagram panics the parsers, the jitter buffer, the decoders or SRTP, and none is let
//! in that was not signed.
#![no_main]

use base::Mono;
use libfuzzer_sys::fuzz_target;
use media::codec::packet_ticks;
use media::dtmf::TelephoneEvent;
use media::jitter::JitterBuffer;
use media::noise::{self, Level};
use media::rtcp::Report;
use media::rtp::{PACKET_MAX, Packet};
use media::session::Codec;
use media::srtp::{Keys, Srtp, Suite};
use media::stats::Reception;

const CODECS: [Codec; 4] = [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus];

fuzz_target!(|bytes: &[u8]| {
    let mut srtp = Srtp::new(Keys { suite: Suite::Sha1_80, ours: [1; 30], theirs: [2; 30] });
    assert!(srtp.unprotect(&mut bytes.to_vec()).is_err());
    assert!(srtp.unprotect_rtcp(&mut bytes.to_vec()).is_err());
    let _ = Report::parse(bytes);
    // A stream of packets: two bytes of length before each.
    let (mut buffer, mut reception) = (JitterBuffer::default(), Reception::default());
    let (mut rest, mut now, mut frame) = (bytes, 0, [0; 160]);
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(after.len()).min(400);
        let (datagram, after) = after.split_at(length);
        rest = after;
        now += 20_000;
        if let Ok(packet) = Packet::parse(datagram) {
            let codec = CODECS[usize::from(packet.payload_type) % CODECS.len()];
            packet_ticks(codec, packet.payload);
            TelephoneEvent::parse(packet.payload).and_then(|event| event.digit());
            reception.packet(Mono(now), packet.ssrc, packet.seq, packet.timestamp, packet.marker);
            match Level::of_packet(packet.payload).filter(|_| packet.payload_type == noise::PAYLOAD_TYPE) {
                Some(level) => buffer.rest(Mono(now), packet.ssrc, packet.timestamp, level),
                None => buffer.insert(Mono(now), packet.ssrc, packet.timestamp, codec, packet.payload),
            }
            let mut again = [0; PACKET_MAX];
            let written = packet.write(&mut again);
            assert_eq!(Packet::parse(written), Ok(packet));
        }
        buffer.next_20_ms(&mut frame);
        reception.report();
    }
    assert!(reception.received() <= bytes.len() as u64);
});
