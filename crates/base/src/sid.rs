use crate::Entropy;
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

fn print(f: &mut std::fmt::Formatter<'_>, prefix: &str, id: &[u8; 16]) -> std::fmt::Result {
    f.write_str(prefix)?;
    id.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

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
                to.collect_str(self)
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
    /// A recording.
    RecordingSid = "RE";
    /// A message that a caller left.
    VoicemailSid = "VM";
    /// An application error or warning.
    NotificationSid = "NO";
    /// A SIP account: a user name and password with which a phone registers.
    SipCredentialSid = "CR";
    /// Somebody who signs in to the desk.
    UserSid = "US";
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
