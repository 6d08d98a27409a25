use crate::{Entropy, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not the SID that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a SID of the form {prefix} and 32 hexadecimal digits")]
pub struct SidError {
    /// What was given.
    pub text: String,
    /// The two letters that were expected.
    pub prefix: &'static str,
}

fn parse(text: &str, prefix: &'static str) -> Option<[u8; 16]> {
    let digits = text.strip_prefix(prefix)?.as_bytes();
    if digits.len() != 32 {
        return None;
    }
    let nibble = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    let mut id = [0; 16];
    for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(id)
}

/// Bytes of a printed SID.
const PRINTED: usize = 34;

/// SIDs are printed many times for every event and every answer: digits come from a table, and in one piece.
fn printed(prefix: &str, id: &[u8; 16]) -> [u8; PRINTED] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'0'; PRINTED];
    let (letters, digits) = text.split_at_mut(2);
    letters.copy_from_slice(prefix.as_bytes());
    for (pair, byte) in digits.chunks_exact_mut(2).zip(id) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 0xf)];
    }
    text
}

fn print(f: &mut std::fmt::Formatter<'_>, prefix: &str, id: &[u8; 16]) -> std::fmt::Result {
    f.write_str(std::str::from_utf8(&printed(prefix, id)).expect("letters and digits are ASCII"))
}

/// Of a SID that says when it was made: milliseconds since 1970, until the year 10889.
const TIME_BYTES: usize = 6;

/// Declares SID types: two letters and 32 lower-case hexadecimal digits, 16 bytes in memory.
macro_rules! sids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// The two letters every such SID begins with.
            pub const PREFIX: &'static str = $prefix;

            /// A new one, as unpredictable as `entropy`.
            pub fn generate(entropy: &mut Entropy) -> Self {
                Self(entropy.bytes())
            }

            /// A new one that comes after those of earlier milliseconds: the time in front, then 80 bits as
            /// unpredictable as `entropy`. What is made many times a second is so added to the end of every index, not
            /// all over it.
            pub fn generate_at(at: Timestamp, entropy: &mut Entropy) -> Self {
                let mut id = entropy.bytes::<16>();
                let millis = u64::try_from(at.millis()).unwrap_or(0).to_be_bytes();
                id[..TIME_BYTES].copy_from_slice(&millis[8 - TIME_BYTES..]);
                Self(id)
            }
        }

        impl std::str::FromStr for $name {
            type Err = SidError;
            fn from_str(text: &str) -> Result<Self, SidError> {
                parse(text, $prefix).map(Self).ok_or_else(|| SidError { text: text.to_owned(), prefix: $prefix })
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                print(f, $prefix, &self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                print(f, $prefix, &self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(std::str::from_utf8(&printed($prefix, &self.0)).expect("letters and digits are ASCII"))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

sids! {
    /// An account.
    AccountSid = "AC";
    /// An API key.
    ApiKeySid = "SK";
    /// A TaskRouter workspace.
    WorkspaceSid = "WS";
    /// What a worker says they do.
    ActivitySid = "WA";
    /// Someone (or something) who takes tasks.
    WorkerSid = "WK";
    /// One worker's share of one task channel.
    WorkerChannelSid = "WC";
    /// A kind of work: voice, chat, sms.
    TaskChannelSid = "TC";
    /// Workers that may take a task.
    TaskQueueSid = "WQ";
    /// Filters and targets that choose queues.
    WorkflowSid = "WW";
    /// Work to be done.
    TaskSid = "WT";
    /// One offer of a task to one worker.
    ReservationSid = "WR";
    /// Something that happened in a workspace.
    EventSid = "EV";
    /// A task transfer.
    TransferSid = "TT";
    /// One leg of a phone conversation, as the 2010 API names it.
    CallSid = "CA";
    /// A conference.
    ConferenceSid = "CF";
    /// A queue of waiting calls.
    QueueSid = "QU";
    /// A phone number that is ours.
    PhoneNumberSid = "PN";
    /// A TwiML application.
    ApplicationSid = "AP";
    /// A TwiML document kept in Tandem.
    TwimlBinSid = "EH";
    /// Audio that callers hear, kept in Tandem.
    PromptSid = "PR";
    /// A recording.
    RecordingSid = "RE";
    /// What is said in a recording, written down.
    TranscriptionSid = "TR";
    /// A media stream of a call to an application.
    StreamSid = "MZ";
    /// A message that a caller left.
    VoicemailSid = "VM";
    /// An application error or warning.
    NotificationSid = "NO";
    /// A SIP account: a user name and password with which a phone registers.
    SipCredentialSid = "CR";
    /// A SIP domain.
    SipDomainSid = "SD";
    /// A list of SIP user names and passwords.
    CredentialListSid = "CL";
    /// A list of networks.
    IpAccessControlListSid = "AL";
    /// A network in such a list.
    IpAddressSid = "IP";
    /// Somebody who signs in to the desk.
    UserSid = "US";
    /// An entry of the audit list.
    AuditSid = "AE";
    /// A Sync (or chat) service.
    ServiceSid = "IS";
    /// A Sync map.
    SyncMapSid = "MP";
    /// An outgoing webhook.
    DeliverySid = "WD";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sids_made_later_come_later_and_no_two_are_the_same() {
        let mut entropy = Entropy::seeded(1);
        let mut made_at = |micros| TaskSid::generate_at(Timestamp(micros), &mut entropy);
        let sids = [1_000, 1_000, 2_000, 1_774_432_800_123_456, 1_774_432_800_124_000].map(&mut made_at);
        assert_ne!(sids[0], sids[1]);
        assert!(sids[0] < sids[2] && sids[1] < sids[2] && sids[2] < sids[3] && sids[3] < sids[4]);
        assert!(sids[3].to_string().starts_with("WT019d246fcd7b"), "{}", sids[3]);
        assert_eq!(made_at(-1).to_string()[..14], *"WT000000000000");
    }

    #[test]
    fn a_sid_prints_what_it_parsed() {
        let text = "WK0123456789abcdef0123456789abcdef";
        let sid: WorkerSid = text.parse().unwrap();
        assert_eq!(sid.to_string(), text);
        assert_eq!(serde_json_like(&sid), text);
    }

    fn serde_json_like(sid: &WorkerSid) -> String {
        format!("{sid:?}")
    }

    #[test]
    fn other_prefixes_lengths_and_cases_are_refused() {
        for text in
            ["WT0123456789abcdef0123456789abcdef", "WK0123", "WK0123456789ABCDEF0123456789abcdef", "WKé", ""]
        {
            assert!(text.parse::<WorkerSid>().is_err(), "{text}");
        }
    }

    #[test]
    fn generated_sids_come_from_the_seed() {
        let first = |seed| CallSid::generate(&mut Entropy::seeded(seed));
        assert_eq!(first(1), first(1));
        assert_ne!(first(1), first(2));
    }
}
