//! Secure RTP and RTCP (RFC 3711) with the two suites that phones offer by SDES (RFC 4568 §6.2).
//!
//! One [`Srtp`] stands between a leg's sockets and the exchange: what goes out is encrypted and signed, what comes in is
//! checked, decrypted, and let in once.

use crate::rtp::{HEADER, PACKET_MAX};
use aes::Aes128;
use aes::cipher::{KeyIvInit, StreamCipher};
use hmac::{Hmac, Mac};
use sha1::Sha1;

/// Bytes of a master key and its salt, one after the other.
pub const KEY_AND_SALT: usize = 30;
/// Most bytes a packet grows by: an index and a tag.
pub const TRAILER_MAX: usize = 14;
/// Most bytes of a protected packet.
pub const SECURED_MAX: usize = PACKET_MAX + TRAILER_MAX;

/// A crypto suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Suite {
    /// `AES_CM_128_HMAC_SHA1_80`.
    Sha1_80,
    /// `AES_CM_128_HMAC_SHA1_32`: a short tag on RTP, the long one on RTCP.
    Sha1_32,
}

/// What both sides agreed on for one leg. Does not print its keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Keys {
    /// The suite, both ways.
    pub suite: Suite,
    /// Master key and salt of what we send.
    pub ours: [u8; KEY_AND_SALT],
    /// Of what the peer sends.
    pub theirs: [u8; KEY_AND_SALT],
}

/// Why a packet was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SrtpError {
    /// Too short to be what it should be, or longer than we carry.
    #[error("packet has no room for its header and tag")]
    Length,
    /// The tag does not fit: not from the peer, or changed on the way.
    #[error("packet is not authentic")]
    Forged,
    /// It came before, or is too old to tell.
    #[error("packet came before")]
    Replayed,
    /// More streams than a leg has.
    #[error("too many streams")]
    Streams,
}

/// Both directions of one leg.
pub struct Srtp {
    keys: Keys,
    sending: Direction,
    receiving: Direction,
}

struct Direction {
    rtp: SessionKeys,
    rtcp: SessionKeys,
    streams: Vec<Stream>,
    rtcp_sent: u32,
}

struct SessionKeys {
    cipher: [u8; 16],
    salt: [u8; 14],
    auth: Hmac<Sha1>,
    tag: usize,
}

/// One SSRC.
struct Stream {
    ssrc: u32,
    /// Highest index seen: rollovers and sequence number.
    highest: u64,
    begun: bool,
    /// Of the 64 indexes up to the highest, those that came.
    seen: u64,
    rtcp_highest: u32,
    rtcp_seen: u64,
}

impl Srtp {
    /// Begins with fresh counters.
    pub fn new(keys: Keys) -> Self {
        Self {
            keys,
            sending: Direction::new(keys.suite, &keys.ours),
            receiving: Direction::new(keys.suite, &keys.theirs),
        }
    }

    /// Changes to what was agreed anew; directions whose key stayed go on as they are.
    pub fn rekey(&mut self, keys: Keys) {
        if keys.suite != self.keys.suite || keys.ours != self.keys.ours {
            self.sending = Direction::new(keys.suite, &keys.ours);
        }
        if keys.suite != self.keys.suite || keys.theirs != self.keys.theirs {
            self.receiving = Direction::new(keys.suite, &keys.theirs);
        }
        self.keys = keys;
    }

    /// Protects an RTP packet of ours and answers it.
    pub fn protect<'b>(
        &mut self,
        packet: &[u8],
        buffer: &'b mut [u8; SECURED_MAX],
    ) -> Result<&'b [u8], SrtpError> {
        let payload = rtp_header(packet)?;
        let length = packet.len();
        if length > PACKET_MAX {
            return Err(SrtpError::Length);
        }
        buffer[..length].copy_from_slice(packet);
        let (ssrc, seq) = ssrc_and_seq(packet);
        let Direction { rtp, streams, .. } = &mut self.sending;
        let stream = stream(streams, ssrc)?;
        let index = stream.guess(seq);
        stream.take(index);
        rtp.crypt(ssrc, index, &mut buffer[payload..length]);
        let roc = (index >> 16) as u32;
        let tag = rtp.sign(&buffer[..length], roc);
        buffer[length..length + rtp.tag].copy_from_slice(&tag[..rtp.tag]);
        Ok(&buffer[..length + rtp.tag])
    }

    /// Opens an RTP packet of the peer's, in place, and answers how long it is now.
    pub fn unprotect(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let Direction { rtp, streams, .. } = &mut self.receiving;
        let length = packet.len().checked_sub(rtp.tag).ok_or(SrtpError::Length)?;
        let payload = rtp_header(&packet[..length])?;
        let (ssrc, seq) = ssrc_and_seq(packet);
        let known = streams.iter().position(|stream| stream.ssrc == ssrc);
        let fresh = Stream::new(ssrc);
        let stream = known.map_or(&fresh, |at| &streams[at]);
        let index = stream.guess(seq);
        if !stream.is_new(index) {
            return Err(SrtpError::Replayed);
        }
        let tag = rtp.sign(&packet[..length], (index >> 16) as u32);
        if !same(&tag[..rtp.tag], &packet[length..]) {
            return Err(SrtpError::Forged);
        }
        rtp.crypt(ssrc, index, &mut packet[payload..length]);
        self::stream(streams, ssrc)?.take(index);
        Ok(length)
    }

    /// Protects an RTCP packet of ours and answers it.
    pub fn protect_rtcp<'b>(
        &mut self,
        packet: &[u8],
        buffer: &'b mut [u8; SECURED_MAX],
    ) -> Result<&'b [u8], SrtpError> {
        let length = packet.len();
        if !(RTCP_HEADER..=PACKET_MAX).contains(&length) {
            return Err(SrtpError::Length);
        }
        buffer[..length].copy_from_slice(packet);
        let ssrc = word(&packet[4..8]);
        let Direction { rtcp, rtcp_sent, .. } = &mut self.sending;
        *rtcp_sent = (*rtcp_sent + 1) & !ENCRYPTED;
        let index = *rtcp_sent;
        rtcp.crypt(ssrc, u64::from(index), &mut buffer[RTCP_HEADER..length]);
        buffer[length..length + 4].copy_from_slice(&(index | ENCRYPTED).to_be_bytes());
        let mut mac = rtcp.auth.clone();
        mac.update(&buffer[..length + 4]);
        let tag = mac.finalize().into_bytes();
        buffer[length + 4..length + 4 + rtcp.tag].copy_from_slice(&tag[..rtcp.tag]);
        Ok(&buffer[..length + 4 + rtcp.tag])
    }

    /// Opens an RTCP packet of the peer's, in place, and answers how long it is now.
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let Direction { rtcp, streams, .. } = &mut self.receiving;
        let signed = packet.len().checked_sub(rtcp.tag).ok_or(SrtpError::Length)?;
        let length =
            signed.checked_sub(4).filter(|length| *length >= RTCP_HEADER).ok_or(SrtpError::Length)?;
        let mut mac = rtcp.auth.clone();
        mac.update(&packet[..signed]);
        let tag = mac.finalize().into_bytes();
        if !same(&tag[..rtcp.tag], &packet[signed..]) {
            return Err(SrtpError::Forged);
        }
        let ssrc = word(&packet[4..8]);
        let trailer = word(&packet[length..signed]);
        let index = trailer & !ENCRYPTED;
        let stream = stream(streams, ssrc)?;
        let age = stream.rtcp_highest.wrapping_sub(index);
        if index > stream.rtcp_highest {
            let ahead = index - stream.rtcp_highest;
            stream.rtcp_seen = if ahead < 64 { (stream.rtcp_seen << ahead) | 1 } else { 1 };
            stream.rtcp_highest = index;
        } else if age >= 64 || stream.rtcp_seen & (1 << age) != 0 {
            return Err(SrtpError::Replayed);
        } else {
            stream.rtcp_seen |= 1 << age;
        }
        if trailer & ENCRYPTED != 0 {
            rtcp.crypt(ssrc, u64::from(index), &mut packet[RTCP_HEADER..length]);
        }
        Ok(length)
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({:?}, …)", self.suite)
    }
}

impl std::fmt::Debug for Srtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Srtp({:?})", self.keys.suite)
    }
}

impl Direction {
    fn new(suite: Suite, master: &[u8; KEY_AND_SALT]) -> Self {
        let tag = match suite {
            Suite::Sha1_80 => 10,
            Suite::Sha1_32 => 4,
        };
        Self {
            rtp: SessionKeys::derive(master, 0, tag),
            rtcp: SessionKeys::derive(master, 3, 10),
            streams: Vec::new(),
            rtcp_sent: 0,
        }
    }
}

impl SessionKeys {
    /// §4.3.1, without rekeying: three labels from `first` on.
    fn derive(master: &[u8; KEY_AND_SALT], first: u8, tag: usize) -> Self {
        let (mut cipher, mut auth, mut salt) = ([0; 16], [0; 20], [0; 14]);
        stretch(master, first, &mut cipher);
        stretch(master, first + 1, &mut auth);
        stretch(master, first + 2, &mut salt);
        let auth = <Hmac<Sha1> as Mac>::new_from_slice(&auth).expect("HMAC takes keys of any length");
        Self { cipher, salt, auth, tag }
    }

    /// AES in counter mode (§4.1.1): the same both ways.
    fn crypt(&self, ssrc: u32, index: u64, bytes: &mut [u8]) {
        let mut iv = [0; 16];
        iv[..14].copy_from_slice(&self.salt);
        iv[4..8].iter_mut().zip(ssrc.to_be_bytes()).for_each(|(iv, byte)| *iv ^= byte);
        iv[8..14].iter_mut().zip(&index.to_be_bytes()[2..]).for_each(|(iv, byte)| *iv ^= byte);
        keystream(&self.cipher, &iv, bytes);
    }

    fn sign(&self, bytes: &[u8], roc: u32) -> [u8; 20] {
        let mut mac = self.auth.clone();
        mac.update(bytes);
        mac.update(&roc.to_be_bytes());
        mac.finalize().into_bytes().into()
    }
}

impl Stream {
    fn new(ssrc: u32) -> Self {
        Self { ssrc, highest: 0, begun: false, seen: 0, rtcp_highest: 0, rtcp_seen: 1 }
    }

    /// The index of a sequence number: that nearest to the highest (§3.3.1).
    fn guess(&self, seq: u16) -> u64 {
        if !self.begun {
            return u64::from(seq);
        }
        let (roc, last) = (self.highest >> 16, (self.highest & 0xFFFF) as u16);
        let roc = if last < 0x8000 {
            if i32::from(seq) - i32::from(last) > 0x8000 { roc.saturating_sub(1) } else { roc }
        } else if i32::from(last) - 0x8000 > i32::from(seq) {
            roc + 1
        } else {
            roc
        };
        (roc << 16) | u64::from(seq)
    }

    fn is_new(&self, index: u64) -> bool {
        if !self.begun || index > self.highest {
            return true;
        }
        let age = self.highest - index;
        age < 64 && self.seen & (1 << age) == 0
    }

    fn take(&mut self, index: u64) {
        if !self.begun {
            (self.begun, self.highest, self.seen) = (true, index, 1);
        } else if index > self.highest {
            let ahead = index - self.highest;
            self.seen = if ahead < 64 { (self.seen << ahead) | 1 } else { 1 };
            self.highest = index;
        } else if let Some(bit) = 1_u64.checked_shl((self.highest - index).min(64) as u32) {
            self.seen |= bit;
        }
    }
}

fn stream(streams: &mut Vec<Stream>, ssrc: u32) -> Result<&mut Stream, SrtpError> {
    if let Some(at) = streams.iter().position(|stream| stream.ssrc == ssrc) {
        return Ok(&mut streams[at]);
    }
    if streams.len() >= STREAMS_MAX {
        return Err(SrtpError::Streams);
    }
    streams.push(Stream::new(ssrc));
    streams.last_mut().ok_or(SrtpError::Streams)
}

/// Fills `key` from the master key with this label.
fn stretch(master: &[u8; KEY_AND_SALT], label: u8, key: &mut [u8]) {
    let (cipher, salt) = master.split_at(16);
    let mut iv = [0; 16];
    iv[..14].copy_from_slice(salt);
    iv[7] ^= label;
    key.fill(0);
    keystream(cipher, &iv, key);
}

fn keystream(key: &[u8], iv: &[u8; 16], bytes: &mut [u8]) {
    let mut cipher = ctr::Ctr128BE::<Aes128>::new_from_slices(key, iv).expect("keys of 128 bits and a block");
    cipher.apply_keystream(bytes);
}

fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

fn word(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |word, &byte| (word << 8) | u32::from(byte))
}

fn ssrc_and_seq(packet: &[u8]) -> (u32, u16) {
    (word(&packet[8..12]), word(&packet[2..4]) as u16)
}

/// Where the payload begins, which alone is encrypted.
fn rtp_header(packet: &[u8]) -> Result<usize, SrtpError> {
    let flags = *packet.first().filter(|_| packet.len() >= HEADER).ok_or(SrtpError::Length)?;
    let mut at = HEADER + usize::from(flags & 0x0F) * 4;
    if flags & 0x10 != 0 {
        let words = packet.get(at + 2..at + 4).ok_or(SrtpError::Length)?;
        at += 4 + word(words) as usize * 4;
    }
    if at > packet.len() { Err(SrtpError::Length) } else { Ok(at) }
}

const RTCP_HEADER: usize = 8;
/// The bit that says that an RTCP packet is encrypted.
const ENCRYPTED: u32 = 0x8000_0000;
/// A peer changes its stream now and then; so often it does not in one call.
const STREAMS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::Packet;
    use proptest::prelude::*;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[i * 2..i * 2 + 2], 16).unwrap()).collect()
    }

    fn pair(suite: Suite) -> (Srtp, Srtp) {
        let (one, other) = ([7; KEY_AND_SALT], [9; KEY_AND_SALT]);
        (
            Srtp::new(Keys { suite, ours: one, theirs: other }),
            Srtp::new(Keys { suite, ours: other, theirs: one }),
        )
    }

    fn packet(seq: u16) -> Vec<u8> {
        let payload = &[seq as u8; 160];
        Packet { marker: false, payload_type: 0, seq, timestamp: 5, ssrc: 77, payload }
            .write(&mut [0; PACKET_MAX])
            .to_vec()
    }

    #[test]
    fn keys_are_derived_as_the_standard_lists_them() {
        // RFC 3711, appendix B.3.
        let master: [u8; KEY_AND_SALT] =
            bytes("E1F97A0D3E018BE0D64FA32C06DE41390EC675AD498AFEEBB6960B3AABE6").try_into().unwrap();
        let keys = SessionKeys::derive(&master, 0, 10);
        assert_eq!(keys.cipher.to_vec(), bytes("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(keys.salt.to_vec(), bytes("30CBBC08863D8C85D49DB34A9AE1"));
        let mut auth = [0; 20];
        stretch(&master, 1, &mut auth);
        assert_eq!(auth.to_vec(), bytes("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
    }

    #[test]
    fn the_keystream_is_as_the_standard_lists_it() {
        // RFC 3711, appendix B.2.
        let iv: [u8; 16] = bytes("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000").try_into().unwrap();
        let mut stream = [0; 32];
        keystream(&bytes("2B7E151628AED2A6ABF7158809CF4F3C"), &iv, &mut stream);
        assert_eq!(
            stream.to_vec(),
            bytes("E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB")
        );
    }

    #[test]
    fn packets_arrive_once_whatever_their_order_and_over_the_turn_of_the_numbers() {
        for suite in [Suite::Sha1_80, Suite::Sha1_32] {
            let (mut ana, mut bo) = pair(suite);
            let mut sent: Vec<Vec<u8>> = (65_500_u32..65_600)
                .map(|seq| ana.protect(&packet(seq as u16), &mut [0; SECURED_MAX]).unwrap().to_vec())
                .collect();
            sent.swap(35, 36);
            sent.swap(60, 64);
            for secured in &sent {
                let mut opened = secured.clone();
                let length = bo.unprotect(&mut opened).unwrap();
                let plain = Packet::parse(&opened[..length]).unwrap();
                assert!(plain.payload.iter().all(|&b| b == plain.seq as u8), "{suite:?}");
                assert_ne!(secured[12..28], opened[12..28], "the payload travels encrypted");
                assert_eq!(bo.unprotect(&mut secured.clone()), Err(SrtpError::Replayed));
            }
        }
    }

    #[test]
    fn a_changed_packet_and_one_of_another_key_stay_out() {
        let (mut ana, mut bo) = pair(Suite::Sha1_80);
        let secured = ana.protect(&packet(1), &mut [0; SECURED_MAX]).unwrap().to_vec();
        for at in [1, 5, 20, secured.len() - 1] {
            let mut changed = secured.clone();
            changed[at] ^= 1;
            assert_eq!(bo.unprotect(&mut changed), Err(SrtpError::Forged), "{at}");
        }
        assert_eq!(bo.unprotect(&mut packet(2)), Err(SrtpError::Forged), "plain RTP");
        assert!(bo.unprotect(&mut secured.clone()).is_ok());
        bo.rekey(Keys { theirs: [1; KEY_AND_SALT], ..bo.keys });
        let next = ana.protect(&packet(2), &mut [0; SECURED_MAX]).unwrap().to_vec();
        assert_eq!(bo.unprotect(&mut next.clone()), Err(SrtpError::Forged));
    }

    #[test]
    fn reports_travel_encrypted_and_once() {
        let (mut ana, mut bo) = pair(Suite::Sha1_32);
        let report = [&[0x80, 201, 0, 1, 0, 0, 0, 77][..], &[5; 24]].concat();
        for _ in 0..3 {
            let secured = ana.protect_rtcp(&report, &mut [0; SECURED_MAX]).unwrap().to_vec();
            assert_eq!(secured.len(), report.len() + 14);
            assert_ne!(secured[8..32], report[8..32]);
            let mut opened = secured.clone();
            let length = bo.unprotect_rtcp(&mut opened).unwrap();
            assert_eq!(opened[..length], report);
            assert_eq!(bo.unprotect_rtcp(&mut secured.clone()), Err(SrtpError::Replayed));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_let_in_by_chance(mut noise in proptest::collection::vec(any::<u8>(), 0..200)) {
            let (_, mut bo) = pair(Suite::Sha1_80);
            prop_assert!(bo.unprotect(&mut noise.clone()).is_err());
            prop_assert!(bo.unprotect_rtcp(&mut noise).is_err());
        }
    }
}
