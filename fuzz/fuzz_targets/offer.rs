//! Offer and answer: no description and no `a=crypto` panics, and what is answered has one answer to each line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sip::offer::{Codec, Negotiator, Srtp};

fuzz_target!(|text: &str| {
    if let Some((tag, suite, _)) = sip::crypto::parse(text) {
        assert!(tag < 1_000_000_000, "{suite:?}");
    }
    let Ok(offer) = sip::sdp::parse(text) else { return };
    for srtp in [Srtp::Off, Srtp::Offered, Srtp::Required] {
        let codecs = vec![Codec::Pcmu, Codec::Opus, Codec::G722];
        let keys = [[1; 30], [2; 30]];
        let mut leg = Negotiator::new(([192, 0, 2, 1], 4000).into(), codecs, 1).with_srtp(srtp, keys);
        if let Ok((answer, agreed)) = leg.answer(&offer) {
            let answer = sip::sdp::parse(&answer).expect("we write SDP");
            assert_eq!(answer.media.len(), offer.media.len());
            assert_eq!(answer.media.iter().filter(|media| media.port != 0).count(), 1);
            assert!(agreed.payload_type < 128);
            assert!(srtp != Srtp::Off || agreed.crypto.is_none());
            assert!(srtp != Srtp::Required || agreed.crypto.is_some());
        }
        leg.offer();
        let _ = leg.preview(&offer);
        let _ = leg.accept(&offer);
    }
});
