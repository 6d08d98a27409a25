use base::{AccountSid, PhoneNumber};

/// Calls that may live at once before new ones get `503`.
const LIVE_CALLS_MAX: usize = 5_000;
/// Calls that may wait in a queue of which nobody said otherwise.
const QUEUE_SIZE: u32 = 100;

/// Numbers that a switchboard may give out: its legs, plays, mixers and the like. It never comes to the end of them.
const NUMBERS_BITS: u32 = 40;

/// One of the switchboards of a process, which share a gateway: what it numbers begins with it, so that no two of them call
/// different things the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Series(pub u32);

impl Series {
    /// The switchboard that has given out this number.
    pub fn of(number: u64) -> Self {
        Self(u32::try_from(number >> NUMBERS_BITS).unwrap_or(u32::MAX))
    }

    /// What its numbers follow.
    pub(super) fn first(self) -> u64 {
        u64::from(self.0) << NUMBERS_BITS
    }
}

/// What one account's switchboard needs to know and never changes.
#[derive(Debug, Clone, PartialEq)]
pub struct SwitchboardSettings {
    /// Whose calls these are.
    pub account: AccountSid,
    /// Which of the process's switchboards it is.
    pub series: Series,
    /// `ApiVersion` in every webhook.
    pub api_version: String,
    /// Domains whose users are our registered phones: `sip:ana@pbx.example` with `pbx.example` here rings `ana`.
    pub sip_domains: Vec<String>,
    /// Where we are reached over HTTP, for links.
    pub public_url: String,
    /// Size limit of a queue made on demand.
    pub queue_size_default: u32,
    /// Calls beyond this many are refused with `503`.
    pub live_calls_max: usize,
    /// A phone that is no agent's may call public numbers.
    pub phones_dial_out: bool,
    /// Caller ID of calls to the outside that bring none of their own.
    pub caller_id: Option<PhoneNumber>,
    /// Ringing tone that a caller hears, by country.
    pub ring_tone: String,
    /// There is somebody to write recordings down.
    pub transcribes: bool,
    /// There is somebody to recognise what callers say.
    pub recognises: bool,
    /// A task that is canceled while its caller waits ends the wait (the call goes on after `<Enqueue>`). Off, as documented.
    pub canceled_task_releases_caller: bool,
}

impl SwitchboardSettings {
    /// The documented defaults for this account.
    pub fn new(account: AccountSid, public_url: impl Into<String>) -> Self {
        Self {
            account,
            series: Series::default(),
            api_version: "2010-04-01".to_owned(),
            sip_domains: Vec::new(),
            public_url: public_url.into(),
            queue_size_default: QUEUE_SIZE,
            live_calls_max: LIVE_CALLS_MAX,
            phones_dial_out: true,
            caller_id: None,
            ring_tone: "us".to_owned(),
            transcribes: false,
            recognises: false,
            canceled_task_releases_caller: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_a_series_tell_it() {
        for series in [Series(0), Series(1), Series(70_000)] {
            assert_eq!(
                (Series::of(series.first()), Series::of(series.first() + 1_000_000_000_000)),
                (series, series)
            );
        }
    }
}
