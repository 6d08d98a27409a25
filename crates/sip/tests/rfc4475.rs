//! The torture messages of RFC 4475, one by one, before the first look at what arrives (`raw::inspect`): what may pass on
//! to the stack, what deserves which answer, and what none.

#![allow(clippy::unwrap_used, reason = "in a test, what is not there fails the test")]

mod torture;

use tandem_sip::raw::{self, Verdict};
use torture::{Deserves, MESSAGES};

/// Where the first look falls short of the RFC, and what it does instead. Valid but hardly ever seen: blanks around the
/// slashes of a Via, a method of odd characters, a request without a From tag as before RFC 3261. The rest passes on to
/// the stack, which refuses or ignores it.
const FALLS_SHORT: [(&str, &str); 6] = [
    ("wsinv", "Answer 400"),
    ("intmeth", "Drop"),
    ("badinv01", "Pass"),
    ("scalarlg", "Pass"),
    ("quotbal", "Pass"),
    ("inv2543", "Answer 400"),
];

#[test]
fn every_torture_message_gets_what_it_deserves() {
    let mut wrong = Vec::new();
    for (name, message, deserves) in MESSAGES {
        let bytes = torture::bytes(message);
        let verdict = raw::inspect(&bytes);
        let right = match (&verdict, deserves) {
            (Verdict::Pass, Deserves::Pass) | (Verdict::Drop(_), Deserves::Silence) => true,
            (Verdict::Answer { status, .. }, Deserves::Answer(wanted)) => status == wanted,
            _ => false,
        };
        let done = match &verdict {
            Verdict::Pass => "Pass".to_owned(),
            Verdict::Drop(_) => "Drop".to_owned(),
            Verdict::Answer { status, .. } => format!("Answer {status}"),
        };
        let short = FALLS_SHORT.iter().find(|(short, _)| short == name);
        if right == short.is_some() || short.is_some_and(|(_, known)| *known != done) {
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
