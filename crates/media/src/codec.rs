//! The codecs of a leg, to and from what the media plane works with: 20 ms of one channel at 8 kHz.
//!
//! G.711 needs no state (see [`Law`](crate::g711::Law)); G.722 and Opus do, one [`Encoder`] and one [`Decoder`] per stream. Between
//! two legs of one codec packets are forwarded as they are, in the codec's full band; only what is mixed, played,
//! recorded or transcoded passes through 8 kHz. Opus codes at 8 kHz by itself; of G.722 the lower band is used.

use crate::g711::{FRAME, Frame, Law};
use crate::g722::LowerBand;
use crate::rtp::PAYLOAD_MAX;
use crate::session::Codec;

/// Most bytes 20 ms take in any codec of ours.
pub const ENCODED_MAX: usize = 400;
/// Most samples a packet decodes to: 200 ms of G.711. Opus packets have 120 ms at most.
pub const DECODED_MAX: usize = PAYLOAD_MAX;

/// Why audio could not be encoded or decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The encoder or decoder could not be made.
    #[error("codec could not be set up")]
    Setup,
    /// The bytes are no packet of this codec.
    #[error("payload is no packet of its codec")]
    Payload,
}

/// Encodes one stream, 20 ms at a time.
pub struct Encoder(Encoding);

enum Encoding {
    G711(Law),
    G722(Box<LowerBand>),
    Opus(Box<opus::Encoder>),
}

impl Encoder {
    /// A fresh stream.
    pub fn new(codec: Codec) -> Result<Self, CodecError> {
        Ok(Self(match codec {
            Codec::Pcmu => Encoding::G711(Law::Mu),
            Codec::Pcma => Encoding::G711(Law::A),
            Codec::G722 => Encoding::G722(Box::default()),
            Codec::Opus => Encoding::Opus(Box::new(opus_encoder().map_err(|_| CodecError::Setup)?)),
        }))
    }

    /// Encodes the next 20 ms and answers how many bytes they take.
    pub fn encode(&mut self, frame: &Frame, bytes: &mut [u8; ENCODED_MAX]) -> Result<usize, CodecError> {
        match &mut self.0 {
            Encoding::G711(law) => {
                law.encode_into(frame, bytes);
                Ok(FRAME)
            }
            Encoding::G722(band) => {
                band.encode(frame, bytes);
                Ok(FRAME)
            }
            Encoding::Opus(encoder) => encoder.encode(frame, bytes).map_err(|_| CodecError::Payload),
        }
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Encoding::G711(_) => "Encoder(G.711)",
            Encoding::G722(_) => "Encoder(G.722)",
            Encoding::Opus(_) => "Encoder(Opus)",
        })
    }
}

/// Decodes one stream.
pub struct Decoder(Decoding);

enum Decoding {
    G711(Law),
    G722(Box<LowerBand>),
    Opus(Box<opus::Decoder>),
}

impl Decoder {
    /// A fresh stream.
    pub fn new(codec: Codec) -> Result<Self, CodecError> {
        Ok(Self(match codec {
            Codec::Pcmu => Decoding::G711(Law::Mu),
            Codec::Pcma => Decoding::G711(Law::A),
            Codec::G722 => Decoding::G722(Box::default()),
            Codec::Opus => {
                let decoder = opus::Decoder::new(8_000, opus::Channels::Mono);
                Decoding::Opus(Box::new(decoder.map_err(|_| CodecError::Setup)?))
            }
        }))
    }

    /// Decodes the next packet and answers how many samples it has.
    pub fn decode(&mut self, payload: &[u8], samples: &mut [i16; DECODED_MAX]) -> Result<usize, CodecError> {
        if payload.is_empty() {
            return Err(CodecError::Payload);
        }
        match &mut self.0 {
            Decoding::G711(law) => {
                law.decode_into(payload, samples);
                Ok(payload.len().min(DECODED_MAX))
            }
            Decoding::G722(band) => {
                band.decode(payload, samples);
                Ok(payload.len().min(DECODED_MAX))
            }
            Decoding::Opus(decoder) => {
                decoder.decode(payload, samples, false).map_err(|_| CodecError::Payload)
            }
        }
    }

    /// Makes up for packets that were lost just before `next`, whose own samples [`decode`](Self::decode) brings
    /// afterwards: `samples` holds what is missing. Opus guesses, and takes the last 20 ms of it from the spare copy
    /// in `next` where the sender put one (RFC 6716 §2.1.7). Answers whether the codec could.
    pub fn recover(&mut self, next: &[u8], samples: &mut [i16]) -> bool {
        let Decoding::Opus(decoder) = &mut self.0 else { return false };
        let (guessed, spared) = samples.split_at_mut(samples.len().saturating_sub(FRAME));
        (guessed.is_empty() || decoder.decode(&[], guessed, false).is_ok())
            && decoder.decode(next, spared, true).is_ok()
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Decoding::G711(_) => "Decoder(G.711)",
            Decoding::G722(_) => "Decoder(G.722)",
            Decoding::Opus(_) => "Decoder(Opus)",
        })
    }
}

/// How long a packet is, in ticks of its codec's RTP clock; `None` if it is no packet of that codec.
pub fn packet_ticks(codec: Codec, payload: &[u8]) -> Option<u32> {
    match codec {
        Codec::Pcmu | Codec::Pcma | Codec::G722 => u32::try_from(payload.len()).ok(),
        Codec::Opus => opus::packet::get_nb_samples(payload, 48_000).ok()?.try_into().ok(),
    }
}

fn opus_encoder() -> opus::Result<opus::Encoder> {
    let mut encoder = opus::Encoder::new(8_000, opus::Channels::Mono, opus::Application::Voip)?;
    encoder.set_bitrate(opus::Bitrate::Bits(OPUS_BITRATE))?;
    encoder.set_complexity(OPUS_COMPLEXITY)?;
    encoder.set_inband_fec(true)?;
    encoder.set_packet_loss_perc(OPUS_LOSS_PERCENT)?;
    Ok(encoder)
}

/// Enough for one voice in telephone band with a spare copy of every frame.
const OPUS_BITRATE: i32 = 24_000;
/// Half the time of libopus's default of 9, and hardly to be told from it in telephone band.
const OPUS_COMPLEXITY: i32 = 5;
/// The loss the encoder prepares for.
const OPUS_LOSS_PERCENT: i32 = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{level, share};
    use crate::tone::{Tone, render};
    use proptest::prelude::*;

    const ALL: [Codec; 4] = [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus];

    /// One second of a tone as packets.
    fn packets(codec: Codec, hertz: f64) -> Vec<Vec<u8>> {
        let samples = render(&[Tone { hertz: [hertz, 0.0], ms: 1_000 }], -12.0);
        let mut encoder = Encoder::new(codec).unwrap();
        let encode = |frame: &[i16]| {
            let mut bytes = [0; ENCODED_MAX];
            let length = encoder.encode(frame.try_into().unwrap(), &mut bytes).unwrap();
            bytes[..length].to_vec()
        };
        samples.chunks(FRAME).map(encode).collect()
    }

    #[test]
    fn a_tone_survives_every_codec_at_its_pitch_and_loudness() {
        for codec in ALL {
            for hertz in [300.0, 1_000.0, 2_500.0] {
                let mut decoder = Decoder::new(codec).unwrap();
                let mut heard = Vec::new();
                for packet in packets(codec, hertz) {
                    let mut samples = [0; DECODED_MAX];
                    let count = decoder.decode(&packet, &mut samples).unwrap();
                    assert_eq!(count, FRAME, "{codec:?}");
                    assert_eq!(packet_ticks(codec, &packet), Some(codec.frame_ticks()), "{codec:?}");
                    heard.extend_from_slice(&samples[..count]);
                }
                let settled = &heard[1_600..];
                assert!(share(settled, hertz) > 0.95, "{codec:?} {hertz}: {}", share(settled, hertz));
                let sent = level(&render(&[Tone { hertz: [hertz, 0.0], ms: 1_000 }], -12.0));
                assert!((level(settled) - sent).abs() < 2.0, "{codec:?} {hertz}: {} {sent}", level(settled));
            }
        }
    }

    #[test]
    fn opus_makes_up_for_a_lost_packet() {
        let packets = packets(Codec::Opus, 440.0);
        let mut decoder = Decoder::new(Codec::Opus).unwrap();
        let (mut samples, mut missing) = ([0; DECODED_MAX], [0; 2 * FRAME]);
        for packet in &packets[..20] {
            decoder.decode(packet, &mut samples).unwrap();
        }
        assert!(decoder.recover(&packets[22], &mut missing));
        assert!(share(&missing, 440.0) > 0.7, "{}", share(&missing, 440.0));
        assert!(!Decoder::new(Codec::G722).unwrap().recover(&[0; 160], &mut missing));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_decoded_or_refused(payload in proptest::collection::vec(any::<u8>(), 0..PAYLOAD_MAX)) {
            let mut samples = [0; DECODED_MAX];
            for codec in ALL {
                let mut decoder = Decoder::new(codec).unwrap();
                if let Ok(count) = decoder.decode(&payload, &mut samples) {
                    prop_assert!(count <= DECODED_MAX);
                }
                let _ = decoder.recover(&payload, &mut samples[..FRAME]);
                let _ = packet_ticks(codec, &payload);
            }
        }
    }
}
