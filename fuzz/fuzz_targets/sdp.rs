//! SDP: no body panics, and a description prints what parses back to it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sip::sdp::{self, SdpError};

fuzz_target!(|body: &str| {
    let Ok(description) = sdp::parse(body) else { return };
    for media in &description.media {
        description.host_of(media);
        description.direction_of(media).reversed();
        media.formats.iter().filter_map(|format| format.parse().ok()).for_each(|format| {
            media.encoding(format);
        });
    }
    let printed = description.to_string();
    match sdp::parse(&printed) {
        Ok(again) => assert_eq!(again, description, "{printed}"),
        // Printing adds the lines that a phone left out.
        Err(error) => assert!(matches!(error, SdpError::TooLong(_)), "{printed}: {error}"),
    }
});
