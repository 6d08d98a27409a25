//! The SIP edge: no bytes panic, a message has one plain spelling, a frame lies within its buffer, and what we answer is SIP ourselves.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sip::address::{Address, Uri};
use sip::canonical::canonical;
use sip::digest::Credentials;
use sip::raw::{self, Frame, Verdict};
use sip::replaces::Replaces;
use sip::timer::SessionExpires;

fuzz_target!(|message: &[u8]| {
    let source = std::net::SocketAddr::from(([198, 51, 100, 9], 4711));
    match raw::frame(message) {
        Frame::Message(length) | Frame::KeepAlive { length, .. } => assert!(length <= message.len()),
        Frame::Incomplete | Frame::Broken => {}
    }
    let _ = raw::call_id(message);
    let verdict = raw::inspect(message);
    let (status, reason) = match verdict {
        Verdict::Answer { status, reason } => (status, reason),
        Verdict::Pass | Verdict::Drop(_) => (400, "Bad Request"),
    };
    if let Some(reply) = raw::reply(message, source, status, reason, &[]) {
        assert!(reply.starts_with(b"SIP/2.0 ") && reply.ends_with(b"\r\n\r\n"));
        if verdict == Verdict::Pass {
            let again = raw::inspect(&reply);
            assert_eq!(again, Verdict::Pass, "{}", String::from_utf8_lossy(&reply));
        }
    }
    let plain = canonical(message);
    assert_eq!(canonical(&plain), plain, "once is enough");
    let _ = raw::inspect(&plain);
    let Ok(text) = std::str::from_utf8(message) else { return };
    for line in text.lines().take(raw::HEADERS_MAX) {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        for address in Address::parse_list(value).into_iter().flatten() {
            let _ = (address.param("tag"), address.uri());
        }
        let _ = (Uri::parse(value), Credentials::parse(value).map(|c| c.user()));
        let _ = (SessionExpires::parse(value), Replaces::parse(value));
        let _ = sip::dtmf::digit(value, message);
        let _ = sip::dtmf::digit("application/dtmf-relay", name.as_bytes());
    }
});
