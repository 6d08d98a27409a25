//! The torture messages of RFC 4475, one by one, before the first look at what arrives (`canonical` and `raw::inspect`): what may pass on
//! to the stack, what deserves which answer, and what none.

#![allow(clippy::unwrap_used, reason = "in a test, what is not there fails the test")]

mod torture;

use tandem_sip::canonical::canonical;
use tandem_sip::raw::{self, Verdict};
use torture::{Deserves, MESSAGES};

#[test]
fn every_torture_message_gets_what_it_deserves() {
    let mut wrong = Vec::new();
    for (name, message, deserves) in MESSAGES {
        let bytes = torture::bytes(message);
        let verdict = raw::inspect(&canonical(&bytes));
        let right = match (&verdict, deserves) {
            (Verdict::Pass, Deserves::Pass) | (Verdict::Drop(_), Deserves::Silence) => true,
            (Verdict::Answer { status, .. }, Deserves::Answer(wanted)) => status == wanted,
            _ => false,
        };
        if !right {
            wrong.push(format!("{name}: {verdict:?}, and deserves {deserves:?}"));
        }
        if let Verdict::Answer { status, reason } = verdict {
            let reply = raw::reply(&bytes, ([192, 0, 2, 9], 5060).into(), status, reason, &[]);
            let text = reply.map(|reply| String::from_utf8_lossy(&reply).into_owned());
            let begins = text.as_ref().is_none_or(|text| text.starts_with(&format!("SIP/2.0 {status} ")));
            assert!(begins, "{name}: {text:?}");
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
