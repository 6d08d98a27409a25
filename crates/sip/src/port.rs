//! The boundary between call logic and the SIP stack: what the engine says, and what it hears.
//!
//! Nothing above this names the stack, a socket or an SDP body. The gateway negotiates SDP and owns RTP; a leg here
//! is one SIP dialog with its one RTP session, known by its [`LegId`] on both sides.

use base::CallSid;
use std::fmt;
use std::time::Duration;

/// A user part with fewer digits is a name or an extension, not somebody's number.
const NUMBER_DIGITS_MIN: usize = 6;

/// One party's connection. The gateway numbers inbound legs (odd), the engine outbound ones (even); never reused
/// within a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegId(pub u64);

/// Where an inbound INVITE came from, as far as it could be established.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// From the address of a configured trunk (by its name).
    Trunk(String),
    /// A phone that proved, by digest, to be this SIP user (`ana`).
    Phone(String),
    /// A browser that proved, by an access token, to be this identity and that may call this TwiML application. Its
    /// `call_id` is the call SID it was told, its `headers` are the parameters it gives to the application.
    Client { identity: String, application: base::ApplicationSid },
    /// Somebody who may call a SIP domain: by where they are, or as the user that they proved to be.
    Domain { domain: base::SipDomainSid, user: Option<String> },
}

/// Who or what an outbound leg calls.
///
/// `Debug` shows only the last two digits of a number, so that it can stand in a log.
#[derive(Clone, PartialEq, Eq)]
pub enum Destination {
    /// A public number, through the configured trunk: `+15550100099`.
    Trunk(String),
    /// A registered phone by its user name: every current binding rings, the first to answer wins.
    Phone(String),
    /// A browser registered by this identity: every one rings, the first to answer wins. The `headers` of the command
    /// are the custom parameters it is told.
    Client(String),
    /// Any other SIP URI, called directly: `sip:bob@203.0.113.5:5060`.
    Uri(String),
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trunk(number) => write!(f, "Trunk({})", shown(number)),
            Self::Phone(user) => write!(f, "Phone({user})"),
            Self::Client(identity) => write!(f, "Client({identity})"),
            Self::Uri(uri) => {
                match uri.split_once(':').and_then(|(scheme, rest)| Some((scheme, rest.split_once('@')?))) {
                    Some((scheme, (user, host))) => write!(f, "Uri({scheme}:{}@{host})", shown(user)),
                    None => write!(f, "Uri({})", shown(uri)),
                }
            }
        }
    }
}

/// A user part as a log may have it: of a number, its last two digits.
fn shown(user: &str) -> String {
    let digits: Vec<char> = user.chars().filter(char::is_ascii_digit).collect();
    match digits.as_slice() {
        [.., tens, ones] if digits.len() >= NUMBER_DIGITS_MIN => format!("…{tens}{ones}"),
        _ => user.to_owned(),
    }
}

/// How loudly an unanswered inbound leg is told to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// `180 Ringing`, no media.
    Ringing,
    /// `183 Session Progress` with SDP: the caller hears what the leg is routed to.
    EarlyMedia,
}

/// What the engine tells a browser's leg beside the application's parameters, as headers of its [`Command::Invite`]. Only
/// stations hear of it.
pub mod client {
    /// The task that is offered.
    pub const TASK: &str = "Tandem-Task";
    /// The reservation that an answer accepts.
    pub const RESERVATION: &str = "Tandem-Reservation";
    /// [`ANSWER_AT_ONCE`] if the agent has asked for this call.
    pub const ANSWER: &str = "Tandem-Answer";
    /// No ring: the agent has said yes already.
    pub const ANSWER_AT_ONCE: &str = "at-once";
    /// What all of these begin with.
    pub const PREFIX: &str = "Tandem-";
}

/// What the engine asks of the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Tell the caller of an unanswered inbound leg that something happens. Reliable (PRACK) where the peer asks.
    Progress { leg: LegId, progress: Progress },
    /// Answer an inbound leg with `200 OK`; media flows from then on. Reported as [`Event::Answered`].
    Answer { leg: LegId },
    /// Refuse an inbound leg with this SIP status (`486`, `603`, `404`, `503`).
    Refuse { leg: LegId, status: u16 },
    /// Call somebody. `headers` are added to the INVITE (`X-…`, `User-to-User`).
    Invite {
        leg: LegId,
        call: CallSid,
        to: Destination,
        /// Caller ID: a number, an identity or a SIP URI; the gateway makes the `From` of it.
        from: String,
        from_name: Option<String>,
        headers: Vec<(String, String)>,
        /// User name and password for a peer that challenges.
        credentials: Option<(String, base::Secret<String>)>,
        /// Ringing longer than this ends the leg with [`Cause::NoAnswer`].
        timeout: Duration,
    },
    /// What came of [`Event::Referred`]: told to the peer as the last word about its REFER.
    Referred { leg: LegId, status: u16 },
    /// Ask the peer of an answered leg to call this SIP URI (REFER, RFC 3515). Reported as
    /// [`Event::ReferAnswered`], and as [`Event::ReferNotified`] for as long as the peer says how that goes.
    Refer { leg: LegId, to: String },
    /// End a leg in whatever state it is: CANCEL before the answer, BYE after it, a final response if inbound and
    /// unanswered (487 if the caller gave up, else 480). Always reported as [`Event::Gone`]; harmless if already gone.
    Hangup { leg: LegId },
    /// The person whom this leg rings has said yes elsewhere: a browser that is their station takes the call at once, every
    /// other phone goes on ringing.
    Take { leg: LegId },
}

/// What the gateway reports to the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An INVITE that passed admission. Nothing but `100 Trying` has been sent.
    Incoming {
        leg: LegId,
        source: Source,
        /// User part of the request URI, or the number of a tel: URI: `+15550100001`, `1001`, `*2`.
        to: String,
        /// Domain of the request URI.
        to_domain: String,
        /// User part of the caller's identity (P-Asserted-Identity from a trunk, else From); `anonymous` if withheld.
        from: String,
        from_name: Option<String>,
        /// What a trunk found out about the caller's number: `TN-Validation-Passed` and its like (3GPP TS 24.229 §7.2A.20).
        verstat: Option<String>,
        /// SIP Call-ID, for logs and `SipCallId`.
        call_id: String,
        /// `X-…` and `User-to-User` headers.
        headers: Vec<(String, String)>,
        /// The peer's address, `ip:port`.
        peer: String,
    },
    /// An outbound leg rings. `early_media`: the peer sends audio before answering.
    Ringing { leg: LegId, early_media: bool },
    /// Media can flow: the peer answered our INVITE, or the ACK to our answer has arrived (or its first packet).
    Answered { leg: LegId },
    /// The peer sent a key of its telephone in an INFO request instead of in its audio.
    Digit { leg: LegId, digit: char },
    /// The peer put us on hold, or took us off it, by re-INVITE.
    PeerHold { leg: LegId, held: bool },
    /// The peer asks that whoever it talks with be connected with somebody else (RFC 3515). Answered with
    /// [`Command::Referred`].
    Referred {
        leg: LegId,
        /// What a phone of ours would dial: a number, a user, an extension; else a SIP URI.
        to: String,
        /// The peer's other leg with us that the new call is to take the place of (RFC 3891): an attended transfer.
        replaces: Option<LegId>,
    },
    /// A new, unanswered leg that is to take the place of one that is up (an INVITE with Replaces, RFC 3891). Its
    /// sender is the party of the leg it replaces. Answered like an [`Event::Incoming`].
    Replacing {
        leg: LegId,
        replaced: LegId,
        /// The peer's address, `ip:port`.
        peer: String,
    },
    /// The peer's final answer to our REFER; `None` if there was none.
    ReferAnswered { leg: LegId, status: Option<u16> },
    /// How our REFER goes: the status of the peer's new call, as far as it says. `over`: nothing more will be said.
    ReferNotified { leg: LegId, status: Option<u16>, over: bool },
    /// The leg is over. Exactly once for every leg; nothing follows for it.
    Gone { leg: LegId, cause: Cause, status: Option<u16> },
    /// The bindings of a registered user changed: `bound` says whether any are left.
    Registration { user: String, bound: bool },
}

/// Why a leg ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The peer sent BYE, or gave up an unanswered inbound call (CANCEL).
    PeerHungUp,
    /// We ended it.
    WeHungUp,
    /// 486, 600.
    Busy,
    /// 408, 480, 487, or our ring timeout.
    NoAnswer,
    /// 603 and 607: the person said no.
    Declined,
    /// Any other final response, no route, or a transport that failed.
    Failed,
    /// No ACK, a session timer that ran out, or no RTP for too long.
    Lost,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_in_a_log_keeps_numbers_to_itself() {
        let shown = |to: Destination| format!("{to:?}");
        assert_eq!(shown(Destination::Trunk("+15550100042".to_owned())), "Trunk(…42)");
        assert_eq!(shown(Destination::Phone("ana".to_owned())), "Phone(ana)");
        let uri = "sip:+15550100042@203.0.113.5:5060";
        assert_eq!(shown(Destination::Uri(uri.to_owned())), "Uri(sip:…42@203.0.113.5:5060)");
        assert_eq!(shown(Destination::Uri("sip:bob@pbx".to_owned())), "Uri(sip:bob@pbx)");
    }
}
