//! Offer and answer (RFC 3264) for one audio stream: what we offer, how we answer, and what both sides agreed on.
//!
//! A [`Negotiator`] belongs to one leg. It keeps the session's identity and version, so that every description of a
//! leg differs from the one before only where something changed, as §8 asks.

use crate::crypto::{self, Crypto, MasterKey, SUITES};
use crate::sdp::{Attribute, Description, Direction, Host, Media, Origin};
use std::net::{IpAddr, SocketAddr};

/// A voice codec our media plane speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// G.711 µ-law, static payload type 0.
    Pcmu,
    /// G.711 A-law, static payload type 8.
    Pcma,
    /// G.722, static payload type 9. Its clock is 8 kHz by decree (RFC 3551 §4.5.2).
    G722,
    /// Opus (RFC 7587).
    Opus,
}

/// Whether the audio of a leg is encrypted with keys in the SDP (RFC 4568).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Srtp {
    /// Never, even if the peer offers.
    Off,
    /// If the peer can: offered beside plain RTP (RFC 8643), taken when offered.
    #[default]
    Offered,
    /// Always: a peer that cannot gets no call.
    Required,
}

/// What both sides agreed on, from our point of view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreed {
    /// Where our packets go.
    pub remote: SocketAddr,
    /// The codec in both directions.
    pub codec: Codec,
    /// Its payload type.
    pub payload_type: u8,
    /// The payload type of telephone events, if the peer takes them.
    pub dtmf_payload_type: Option<u8>,
    /// Whether both sides take comfort noise.
    pub comfort_noise: bool,
    /// Which way we send and receive.
    pub direction: Direction,
    /// The peer put us on hold: it neither wants our audio nor, perhaps, sends any.
    pub held: bool,
    /// Packet time the peer asked for, in milliseconds.
    pub ptime_ms: Option<u16>,
    /// The keys of both sides, if the audio is encrypted.
    pub crypto: Option<Crypto>,
}

/// Why a description leads to no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// No audio line over plain RTP, or it was rejected with port zero.
    #[error("there is no audio line over RTP/AVP")]
    NoAudio,
    /// The peer would encrypt and we may not, or the other way about, or no suite is common.
    #[error("there is no agreement on encryption")]
    Encryption,
    /// No codec in common.
    #[error("there is no codec in common")]
    NoCodec,
    /// The address is a name or is missing.
    #[error("the media address is missing or is not an IP address")]
    NoAddress,
    /// An answer came to no offer of ours.
    #[error("there is no offer to answer")]
    NotOffered,
}

/// The payload type we offer telephone events under.
pub const DTMF_PAYLOAD_TYPE: u8 = 101;
/// The static payload type of comfort noise.
pub const COMFORT_NOISE_PAYLOAD_TYPE: u8 = 13;
/// The packet time we send and ask for.
pub const PTIME_MS: u16 = 20;

/// What is on a line beside its codecs.
struct Extras {
    dtmf: Option<u8>,
    comfort_noise: bool,
}

/// The offers and answers of one leg.
#[derive(Debug, Clone)]
pub struct Negotiator {
    address: SocketAddr,
    codecs: Vec<Codec>,
    session: u64,
    version: u64,
    last: Option<Description>,
    offered: bool,
    agreed: Option<Agreed>,
    /// The profile of the session's media line, kept in later offers.
    profile: Option<String>,
    comfort_noise: bool,
    srtp: Srtp,
    /// Master key and salt of what we send, one for each suite.
    keys: [MasterKey; SUITES.len()],
}

impl Codec {
    /// The payload type RFC 3551 gives it; for Opus, the one most others use.
    pub fn usual_payload_type(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
            Self::G722 => 9,
            Self::Opus => 111,
        }
    }

    fn encoding(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU/8000",
            Self::Pcma => "PCMA/8000",
            Self::G722 => "G722/8000",
            Self::Opus => "opus/48000/2",
        }
    }

    fn named(encoding: &str) -> Option<Self> {
        // `PCMU/8000/1` is the same thing with its one channel spelled out.
        let encoding = encoding.strip_suffix("/1").unwrap_or(encoding);
        [Self::Pcmu, Self::Pcma, Self::G722, Self::Opus]
            .into_iter()
            .find(|codec| encoding.eq_ignore_ascii_case(codec.encoding()))
    }
}

impl Negotiator {
    /// A leg whose packets arrive at `address`. `codecs` are offered in this order; `session` should differ between
    /// legs (any random number).
    pub fn new(address: SocketAddr, codecs: Vec<Codec>, session: u64) -> Self {
        // RFC 3264 §5 wants both to fit in a signed 64 bit number; some phones parse 32.
        let session = session % (1 << 31);
        Self {
            address,
            codecs,
            session,
            version: session,
            last: None,
            offered: false,
            agreed: None,
            profile: None,
            comfort_noise: false,
            srtp: Srtp::Off,
            keys: [[0; 30]; SUITES.len()],
        }
    }

    /// With encryption as `srtp` says; `keys` are secrets nobody else knows, one for each of [`SUITES`].
    pub fn with_srtp(mut self, srtp: Srtp, keys: [MasterKey; SUITES.len()]) -> Self {
        (self.srtp, self.keys) = (srtp, keys);
        self
    }

    /// With comfort noise (RFC 3389) beside codecs whose clock is 8 kHz.
    pub fn with_comfort_noise(mut self, wanted: bool) -> Self {
        self.comfort_noise = wanted;
        self
    }

    /// What is agreed so far.
    pub fn agreed(&self) -> Option<&Agreed> {
        self.agreed.as_ref()
    }

    /// Our offer: first, or again in a re-INVITE that asked us for one. An offer in an agreed session names the
    /// agreed codec first and keeps its direction.
    pub fn offer(&mut self) -> String {
        let mut codecs = self.codecs.clone();
        if let Some(agreed) = &self.agreed {
            codecs.sort_by_key(|codec| *codec != agreed.codec);
        }
        let payload = |codec: &Codec| match &self.agreed {
            Some(agreed) if agreed.codec == *codec => agreed.payload_type,
            _ => codec.usual_payload_type(),
        };
        let dtmf = self.agreed.as_ref().and_then(|a| a.dtmf_payload_type).unwrap_or(DTMF_PAYLOAD_TYPE);
        let direction = self.agreed.as_ref().map(|a| a.direction).unwrap_or_default();
        let codecs: Vec<(u8, Codec)> = codecs.iter().map(|codec| (payload(codec), *codec)).collect();
        let secured = self.agreed.as_ref().is_some_and(|agreed| agreed.crypto.is_some());
        let profile = if self.srtp == Srtp::Required { "RTP/SAVP" } else { "RTP/AVP" };
        let profile = self.profile.as_deref().filter(|_| secured).unwrap_or(profile).to_owned();
        let extras = Extras { dtmf: Some(dtmf), comfort_noise: self.comfort_noise };
        let mut audio = self.audio(self.address.port(), &profile, &codecs, extras, direction);
        // A session that has begun in the clear goes on in the clear.
        if self.srtp != Srtp::Off && (secured || self.agreed.is_none()) {
            let lines = (1..).zip(SUITES.iter().zip(&self.keys));
            audio.attributes.extend(lines.map(|(tag, (suite, key))| crypto::print(tag, *suite, key)));
        }
        self.offered = true;
        self.print(vec![audio])
    }

    /// Answers an offer. Every media line gets one in return: the first audio we can speak is taken, all others are
    /// refused with port zero. Nothing changes on an error; the offer then deserves `488 Not Acceptable Here`.
    pub fn answer(&mut self, offer: &Description) -> Result<(String, Agreed), OfferError> {
        let mut chosen = None;
        let mut why = OfferError::NoAudio;
        for (index, media) in offer.media.iter().enumerate() {
            match self.agreement(offer, media, false) {
                Ok(agreed) => {
                    chosen = Some((index, agreed));
                    break;
                }
                // The most telling reason wins: a codec we lack over a line we would not take anyway.
                Err(OfferError::NoAudio) => {}
                Err(other) => why = other,
            }
        }
        let (chosen, agreed) = chosen.ok_or(why)?;
        let media = offer
            .media
            .iter()
            .enumerate()
            .map(
                |(index, media)| {
                    if index == chosen { self.accepting(media, &agreed) } else { refusing(media) }
                },
            )
            .collect();
        self.offered = false;
        self.agreed = Some(agreed);
        self.profile = offer.media.get(chosen).map(|media| media.protocol.clone());
        Ok((self.print(media), agreed))
    }

    /// Takes the peer's answer to our offer.
    pub fn accept(&mut self, answer: &Description) -> Result<Agreed, OfferError> {
        if !self.offered {
            return Err(OfferError::NotOffered);
        }
        let media = answer.media.first().ok_or(OfferError::NoAudio)?;
        let agreed = self.agreement(answer, media, true)?;
        self.offered = false;
        self.agreed = Some(agreed);
        Ok(agreed)
    }

    /// Like [`Negotiator::accept`], for a description that may be replaced later: early media of one of several
    /// ringing branches. Our offer stays open.
    pub fn preview(&self, answer: &Description) -> Result<Agreed, OfferError> {
        let media = answer.media.first().ok_or(OfferError::NoAudio)?;
        self.agreement(answer, media, true)
    }

    /// Our description as it was last sent, to repeat in a retransmission or a refresh without change.
    pub fn last(&self) -> Option<String> {
        self.last.as_ref().map(Description::to_string)
    }

    fn agreement(&self, theirs: &Description, media: &Media, to_ours: bool) -> Result<Agreed, OfferError> {
        let secure = match media.protocol.as_str() {
            "RTP/AVP" | "RTP/AVPF" => false,
            "RTP/SAVP" | "RTP/SAVPF" => true,
            _ => return Err(OfferError::NoAudio),
        };
        if media.kind != "audio" || media.port == 0 {
            return Err(OfferError::NoAudio);
        }
        let crypto = self.crypto(media, to_ours);
        if (secure || self.srtp == Srtp::Required) && crypto.is_none() {
            return Err(OfferError::Encryption);
        }
        let types =
            || media.formats.iter().filter_map(|format| format.parse::<u8>().ok()).filter(|pt| *pt < 128);
        let (payload_type, codec) = types()
            .find_map(|pt| {
                let codec = Codec::named(media.encoding(pt)?)?;
                self.codecs.contains(&codec).then_some((pt, codec))
            })
            .ok_or(OfferError::NoCodec)?;
        let dtmf_payload_type = types().find(|pt| {
            media.encoding(*pt).is_some_and(|encoding| {
                encoding.eq_ignore_ascii_case("telephone-event/8000")
                    || encoding.eq_ignore_ascii_case("telephone-event/8000/1")
            })
        });
        let comfort_noise =
            self.comfort_noise && codec != Codec::Opus && types().any(|pt| pt == COMFORT_NOISE_PAYLOAD_TYPE);
        let Some(Host::Ip(ip)) = theirs.host_of(media) else { return Err(OfferError::NoAddress) };
        let theirs = theirs.direction_of(media);
        // RFC 2543's hold: the address says "send nothing", whatever the direction says.
        let nowhere = ip.is_unspecified();
        let direction = match theirs.reversed() {
            Direction::SendRecv if nowhere => Direction::RecvOnly,
            Direction::SendOnly if nowhere => Direction::Inactive,
            direction => direction,
        };
        Ok(Agreed {
            remote: SocketAddr::new(*ip, media.port),
            codec,
            payload_type,
            dtmf_payload_type,
            comfort_noise,
            direction,
            held: !theirs.receives() || nowhere,
            ptime_ms: media.attribute("ptime").and_then(|ms| ms.trim().parse().ok()),
            crypto,
        })
    }

    /// The first of the peer's lines that we can meet. In an answer its tag says which of ours it took.
    fn crypto(&self, media: &Media, to_ours: bool) -> Option<Crypto> {
        if self.srtp == Srtp::Off {
            return None;
        }
        let lines = media.attributes.iter().filter(|attribute| attribute.name == "crypto");
        lines.filter_map(|line| crypto::parse(line.value.as_deref()?)).find_map(|(tag, suite, theirs)| {
            let at = SUITES.iter().position(|known| *known == suite)?;
            let fits = !to_ours || usize::try_from(tag).ok() == Some(at + 1);
            fits.then(|| Crypto { tag, suite, ours: self.keys[at], theirs })
        })
    }

    fn accepting(&self, offered: &Media, agreed: &Agreed) -> Media {
        let codecs = [(agreed.payload_type, agreed.codec)];
        let port = self.address.port();
        let extras = Extras { dtmf: agreed.dtmf_payload_type, comfort_noise: agreed.comfort_noise };
        let mut audio = self.audio(port, &offered.protocol, &codecs, extras, agreed.direction);
        if let Some(Crypto { tag, suite, ours, .. }) = &agreed.crypto {
            audio.attributes.push(crypto::print(*tag, *suite, ours));
        }
        audio
    }

    fn audio(
        &self,
        port: u16,
        protocol: &str,
        codecs: &[(u8, Codec)],
        extras: Extras,
        direction: Direction,
    ) -> Media {
        let Extras { dtmf, comfort_noise } = extras;
        let noise = comfort_noise.then_some(COMFORT_NOISE_PAYLOAD_TYPE);
        let formats =
            codecs.iter().map(|(pt, _)| *pt).chain(noise).chain(dtmf).map(|pt| pt.to_string()).collect();
        let mut attributes: Vec<Attribute> = codecs
            .iter()
            .map(|(pt, codec)| Attribute::with("rtpmap", format!("{pt} {}", codec.encoding())))
            .collect();
        for (pt, _) in codecs.iter().filter(|(_, codec)| *codec == Codec::Opus) {
            attributes.push(Attribute::with("fmtp", format!("{pt} useinbandfec=1")));
        }
        if let Some(pt) = noise {
            attributes.push(Attribute::with("rtpmap", format!("{pt} CN/8000")));
        }
        if let Some(pt) = dtmf {
            attributes.push(Attribute::with("rtpmap", format!("{pt} telephone-event/8000")));
            attributes.push(Attribute::with("fmtp", format!("{pt} 0-15")));
        }
        attributes.push(Attribute::with("ptime", PTIME_MS.to_string()));
        attributes.push(Attribute::flag(direction.name()));
        Media {
            kind: "audio".to_owned(),
            port,
            protocol: protocol.to_owned(),
            formats,
            connection: None,
            attributes,
        }
    }

    fn print(&mut self, media: Vec<Media>) -> String {
        let ip: IpAddr = self.address.ip();
        let mut description = Description {
            origin: Origin {
                username: "tandem".to_owned(),
                session: self.session.to_string(),
                version: self.version,
                host: Host::Ip(ip),
            },
            connection: Some(Host::Ip(ip)),
            attributes: Vec::new(),
            media,
        };
        if self.last.as_ref().is_some_and(|last| *last != description) {
            self.version += 1;
            description.origin.version = self.version;
        }
        let text = description.to_string();
        self.last = Some(description);
        text
    }
}

fn refusing(media: &Media) -> Media {
    Media { port: 0, connection: None, attributes: Vec::new(), ..media.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Suite;
    use crate::sdp::parse;
    use proptest::prelude::*;

    fn negotiator() -> Negotiator {
        Negotiator::new("192.0.2.1:20000".parse().unwrap(), vec![Codec::Pcmu, Codec::Pcma], 7)
    }

    fn offer(media: &str) -> Description {
        parse(&format!(
            "v=0\r\no=- 1 1 IN IP4 198.51.100.9\r\ns=-\r\nc=IN IP4 198.51.100.9\r\nt=0 0\r\n{media}"
        ))
        .unwrap()
    }

    #[test]
    fn an_offer_is_answered_with_its_first_codec_we_speak_and_its_payload_types() {
        let theirs =
            offer("m=audio 4000 RTP/AVP 18 8 0 96\r\na=rtpmap:96 telephone-event/8000\r\na=ptime:30\r\n");
        let (text, agreed) = negotiator().answer(&theirs).unwrap();
        assert_eq!(agreed.remote, "198.51.100.9:4000".parse().unwrap());
        assert_eq!((agreed.codec, agreed.payload_type), (Codec::Pcma, 8));
        assert_eq!((agreed.dtmf_payload_type, agreed.ptime_ms), (Some(96), Some(30)));
        assert!(text.contains("m=audio 20000 RTP/AVP 8 96\r\n"), "{text}");
        assert!(text.contains("a=sendrecv\r\n"));
    }

    #[test]
    fn a_codec_under_a_dynamic_payload_type_is_taken() {
        let theirs = offer("m=audio 4000 RTP/AVP 97\r\na=rtpmap:97 pcmu/8000/1\r\n");
        let (_, agreed) = negotiator().answer(&theirs).unwrap();
        assert_eq!((agreed.codec, agreed.payload_type, agreed.dtmf_payload_type), (Codec::Pcmu, 97, None));
    }

    #[test]
    fn comfort_noise_is_agreed_where_both_sides_want_it() {
        let theirs = offer("m=audio 4000 RTP/AVP 0 13 96\r\na=rtpmap:96 telephone-event/8000\r\n");
        let (text, agreed) = negotiator().answer(&theirs).unwrap();
        assert!(!agreed.comfort_noise && text.contains("m=audio 20000 RTP/AVP 0 96\r\n"), "{text}");
        let mut wants = negotiator().with_comfort_noise(true);
        let (text, agreed) = wants.answer(&theirs).unwrap();
        assert!(agreed.comfort_noise && text.contains("m=audio 20000 RTP/AVP 0 13 96\r\n"), "{text}");
        assert!(text.contains("a=rtpmap:13 CN/8000\r\n"), "{text}");
        let (text, agreed) = wants.answer(&offer("m=audio 4000 RTP/AVP 0\r\n")).unwrap();
        assert!(!agreed.comfort_noise && text.contains("m=audio 20000 RTP/AVP 0\r\n"), "{text}");
        let mut offers = negotiator().with_comfort_noise(true);
        assert!(offers.offer().contains("m=audio 20000 RTP/AVP 0 8 13 101\r\n"));
        assert!(offers.accept(&offer("m=audio 4000 RTP/AVP 8 13\r\n")).unwrap().comfort_noise);
    }

    #[test]
    fn other_media_lines_are_refused_with_port_zero_and_keep_their_place() {
        let theirs = offer(
            "m=video 5000 RTP/AVP 97\r\nm=audio 4002 RTP/SAVP 0\r\nm=audio 4000 RTP/AVP 0\r\nm=audio 4004 RTP/AVP 0\r\n",
        );
        let (text, agreed) = negotiator().answer(&theirs).unwrap();
        assert_eq!(agreed.remote.port(), 4000);
        let lines: Vec<&str> = text.lines().filter(|l| l.starts_with("m=")).collect();
        assert_eq!(
            lines,
            [
                "m=video 0 RTP/AVP 97",
                "m=audio 0 RTP/SAVP 0",
                "m=audio 20000 RTP/AVP 0",
                "m=audio 0 RTP/AVP 0"
            ]
        );
    }

    const KEYS: [MasterKey; 2] = [[3; 30], [4; 30]];

    fn secured(srtp: Srtp) -> Negotiator {
        negotiator().with_srtp(srtp, KEYS)
    }

    #[test]
    fn keys_are_exchanged_as_the_policy_of_both_sides_says() {
        use Srtp::{Off, Offered, Required};
        for (ours, theirs, encrypted) in [
            (Required, Required, Ok(true)),
            (Required, Offered, Ok(true)),
            (Offered, Required, Ok(true)),
            (Offered, Offered, Ok(true)),
            (Off, Off, Ok(false)),
            (Offered, Off, Ok(false)),
            (Off, Offered, Ok(false)),
            (Required, Off, Err(OfferError::Encryption)),
            (Off, Required, Err(OfferError::Encryption)),
        ] {
            let (mut caller, mut callee) = (secured(ours), secured(theirs));
            callee.keys = [[5; 30], [6; 30]];
            let answered = callee.answer(&parse(&caller.offer()).unwrap());
            let Ok((answer, there)) = answered else {
                assert_eq!(
                    answered.map(|(_, agreed)| agreed.crypto.is_some()),
                    encrypted,
                    "{ours:?} {theirs:?}"
                );
                continue;
            };
            let here = caller.accept(&parse(&answer).unwrap()).unwrap();
            assert_eq!(encrypted, Ok(here.crypto.is_some()), "{ours:?} {theirs:?}");
            if let (Some(here), Some(there)) = (here.crypto, there.crypto) {
                assert_eq!((here.ours, here.theirs), (there.theirs, there.ours));
                let again = caller.offer();
                assert!(again.contains("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"), "{again}");
                let (repeated, _) = callee.answer(&parse(&again).unwrap()).unwrap();
                assert_eq!(repeated, answer, "a refresh changes nothing");
            }
        }
    }

    #[test]
    fn the_first_suite_that_both_know_is_taken_and_keeps_its_tag() {
        let key = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
        let theirs = offer(&format!(
            "m=audio 4000 RTP/SAVP 0\r\na=crypto:1 AEAD_AES_256_GCM inline:{key}\r\n\
             a=crypto:7 AES_CM_128_HMAC_SHA1_32 inline:{key}|2^31\r\n"
        ));
        let (text, agreed) = secured(Srtp::Offered).answer(&theirs).unwrap();
        assert!(text.contains("m=audio 20000 RTP/SAVP 0"), "{text}");
        assert!(text.contains("a=crypto:7 AES_CM_128_HMAC_SHA1_32 inline:"), "{text}");
        assert_eq!(agreed.crypto.map(|crypto| (crypto.suite, crypto.ours)), Some((Suite::Sha1_32, [4; 30])));
        let clear = offer("m=audio 4000 RTP/SAVP 0\r\n");
        assert_eq!(secured(Srtp::Offered).answer(&clear).unwrap_err(), OfferError::Encryption);
    }

    #[test]
    fn wideband_codecs_are_agreed_under_their_own_names_and_clocks() {
        let mut leg = Negotiator::new(
            "192.0.2.1:20000".parse().unwrap(),
            vec![Codec::Pcma, Codec::Opus, Codec::G722],
            7,
        );
        let text = leg.offer();
        assert!(text.contains("m=audio 20000 RTP/AVP 8 111 9 101\r\n"), "{text}");
        assert!(text.contains("a=rtpmap:111 opus/48000/2\r\n") && text.contains("a=rtpmap:9 G722/8000\r\n"));
        let theirs = offer("m=audio 4000 RTP/AVP 96 9 0\r\na=rtpmap:96 opus/48000/2\r\n");
        let (text, agreed) = leg.answer(&theirs).unwrap();
        assert_eq!((agreed.codec, agreed.payload_type), (Codec::Opus, 96));
        assert!(text.contains("a=fmtp:96 useinbandfec=1\r\n"), "{text}");
        let (_, agreed) = leg.answer(&offer("m=audio 4000 RTP/AVP 9 8\r\n")).unwrap();
        assert_eq!((agreed.codec, agreed.payload_type), (Codec::G722, 9));
        // RFC 7587: any other rate or channel count is another codec.
        let odd = offer("m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 opus/16000\r\n");
        assert_eq!(leg.answer(&odd).unwrap_err(), OfferError::NoCodec);
    }

    #[test]
    fn every_kind_of_hold_is_seen_and_answered() {
        for (attribute, connection, answered, sends) in [
            ("a=sendonly\r\n", "", Direction::RecvOnly, false),
            ("a=inactive\r\n", "", Direction::Inactive, false),
            ("", "c=IN IP4 0.0.0.0\r\n", Direction::RecvOnly, false),
            ("a=sendonly\r\n", "c=IN IP4 0.0.0.0\r\n", Direction::RecvOnly, false),
        ] {
            let mut leg = negotiator();
            leg.answer(&offer("m=audio 4000 RTP/AVP 0\r\n")).unwrap();
            let (text, agreed) =
                leg.answer(&offer(&format!("m=audio 4000 RTP/AVP 0\r\n{connection}{attribute}"))).unwrap();
            assert!(agreed.held, "{attribute}{connection}");
            assert_eq!((agreed.direction, agreed.direction.sends()), (answered, sends));
            assert!(text.contains(&format!("a={}\r\n", answered.name())));
            let (_, agreed) = leg.answer(&offer("m=audio 4000 RTP/AVP 0\r\n")).unwrap();
            assert!(!agreed.held && agreed.direction == Direction::SendRecv, "resumed");
        }
    }

    #[test]
    fn a_listening_peer_does_not_hold_us() {
        let (_, agreed) = negotiator().answer(&offer("m=audio 4000 RTP/AVP 0\r\na=recvonly\r\n")).unwrap();
        assert_eq!((agreed.held, agreed.direction), (false, Direction::SendOnly));
    }

    #[test]
    fn the_version_rises_only_when_something_changed() {
        let version = |text: &str| parse(text).unwrap().origin.version;
        let mut leg = negotiator();
        let plain = offer("m=audio 4000 RTP/AVP 0\r\n");
        let (first, _) = leg.answer(&plain).unwrap();
        let (again, _) = leg.answer(&plain).unwrap();
        assert_eq!(version(&first), version(&again));
        let (held, _) = leg.answer(&offer("m=audio 4000 RTP/AVP 0\r\na=sendonly\r\n")).unwrap();
        assert_eq!(version(&held), version(&first) + 1);
    }

    #[test]
    fn our_offer_is_taken_up() {
        let mut leg = negotiator();
        let text = leg.offer();
        assert!(text.contains("m=audio 20000 RTP/AVP 0 8 101\r\n"), "{text}");
        let agreed = leg
            .accept(&offer("m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"))
            .unwrap();
        assert_eq!((agreed.codec, agreed.dtmf_payload_type), (Codec::Pcma, Some(101)));
        assert_eq!(leg.accept(&offer("m=audio 4000 RTP/AVP 8\r\n")), Err(OfferError::NotOffered));
    }

    #[test]
    fn an_offer_we_cannot_meet_changes_nothing() {
        let mut leg = negotiator();
        leg.answer(&offer("m=audio 4000 RTP/AVP 0\r\n")).unwrap();
        let before = leg.agreed().copied();
        assert_eq!(leg.answer(&offer("m=audio 4000 RTP/AVP 18\r\n")).unwrap_err(), OfferError::NoCodec);
        assert_eq!(leg.answer(&offer("m=audio 0 RTP/AVP 0\r\n")).unwrap_err(), OfferError::NoAudio);
        assert_eq!(leg.answer(&offer("m=video 9 RTP/AVP 99\r\n")).unwrap_err(), OfferError::NoAudio);
        let named =
            parse("v=0\r\no=- 1 1 IN IP4 h\r\nc=IN IP4 pbx.example\r\nm=audio 4 RTP/AVP 0\r\n").unwrap();
        assert_eq!(leg.answer(&named).unwrap_err(), OfferError::NoAddress);
        assert_eq!(leg.agreed().copied(), before);
    }

    proptest! {
        #[test]
        fn an_answer_has_the_offers_lines_and_takes_at_most_one(
            ports in proptest::collection::vec(any::<u16>(), 1..6),
            kinds in proptest::collection::vec(0_usize..3, 6),
            formats in proptest::collection::vec(0_u8..128, 1..8),
        ) {
            let names = ["audio", "video", "image"];
            let formats: Vec<String> = formats.iter().map(u8::to_string).collect();
            let media: String = ports.iter().zip(&kinds)
                .map(|(port, kind)| format!("m={} {port} RTP/AVP {}\r\n", names[*kind], formats.join(" ")))
                .collect();
            let theirs = offer(&media);
            if let Ok((text, _)) = negotiator().answer(&theirs) {
                let ours = parse(&text).unwrap();
                prop_assert_eq!(ours.media.len(), theirs.media.len());
                prop_assert_eq!(ours.media.iter().filter(|m| m.port != 0).count(), 1);
                for (mine, yours) in ours.media.iter().zip(&theirs.media) {
                    prop_assert_eq!(&mine.kind, &yours.kind);
                }
            }
        }
    }
}
