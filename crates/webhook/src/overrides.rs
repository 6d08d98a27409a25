//! Connection overrides: the fragment of a URL, never sent, says how patient we are.

use crate::error::{Cause, Trouble};
use std::time::Duration;

/// TCP and TLS connect, each time.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// From the start to the whole answer, retries included.
pub const TOTAL_TIMEOUT: Duration = Duration::from_secs(15);
/// What no override can exceed.
pub const CALL_CONTROL_TIME_MAX: Duration = Duration::from_secs(15);
/// Retries that an override can ask for.
const RETRIES_MAX: u32 = 5;

/// How one request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patience {
    pub(crate) connect: Duration,
    /// To the first byte, and between packets.
    pub(crate) read: Duration,
    pub(crate) total: Duration,
    pub(crate) retries: u32,
    pub(crate) retry_on: RetryOn,
}

/// Which failures are retried at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RetryOn {
    pub(crate) client_errors: bool,
    pub(crate) server_errors: bool,
    pub(crate) connect: bool,
    pub(crate) read: bool,
}

impl Patience {
    /// The documented defaults, with this much time in all.
    pub(crate) fn within(total: Duration) -> Self {
        Self {
            connect: CONNECT_TIMEOUT,
            read: CALL_CONTROL_TIME_MAX,
            total,
            retries: 1,
            retry_on: RetryOn { connect: true, ..RetryOn::default() },
        }
    }

    /// With the overrides of a URL's fragment. Keys that are none are ignored: not every fragment is ours.
    pub(crate) fn overridden(mut self, fragment: &str) -> Result<Self, Trouble> {
        for (key, value) in fragment.split('&').filter_map(|pair| pair.split_once('=')) {
            match key {
                "ct" => self.connect = millis(key, value, 100..=10_000)?,
                "rt" => self.read = millis(key, value, 100..=15_000)?,
                "tt" => self.total = millis(key, value, 100..=15_000)?,
                "rc" => {
                    self.retries = value
                        .parse()
                        .ok()
                        .filter(|count| *count <= RETRIES_MAX)
                        .ok_or_else(|| invalid(key, value))?;
                }
                "rp" => self.retry_on = RetryOn::parse(value)?,
                // Server name indication is always sent, and there is one edge.
                "sni" if matches!(value, "y" | "n") => {}
                "sni" => return Err(invalid(key, value)),
                _ => {}
            }
        }
        Ok(self)
    }
}

impl RetryOn {
    fn parse(list: &str) -> Result<Self, Trouble> {
        let mut on = Self::default();
        for word in list.split(',') {
            match word {
                "4xx" => on.client_errors = true,
                "5xx" => on.server_errors = true,
                "ct" => on.connect = true,
                "rt" => on.read = true,
                "all" => on = Self { client_errors: true, server_errors: true, connect: true, read: true },
                _ => return Err(invalid("rp", list)),
            }
        }
        Ok(on)
    }

    /// Whether an answer with this status is asked for again.
    pub(crate) fn status(self, status: u16) -> bool {
        (self.client_errors && (400..500).contains(&status)) || (self.server_errors && status >= 500)
    }

    /// Whether a request that failed like this is made again.
    pub(crate) fn cause(self, cause: Cause) -> bool {
        match cause {
            Cause::Connect => self.connect,
            Cause::Read => self.read,
            Cause::Refused | Cause::Answer(_) => false,
        }
    }
}

fn millis(key: &str, value: &str, range: std::ops::RangeInclusive<u64>) -> Result<Duration, Trouble> {
    let number = value.parse().ok().filter(|number| range.contains(number));
    number.map(Duration::from_millis).ok_or_else(|| invalid(key, value))
}

fn invalid(key: &str, value: &str) -> Trouble {
    let value: String = value.chars().take(40).collect();
    Trouble::new(11243, Cause::Refused, format!("the connection override {key}={value} is not valid"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(fragment: &str) -> Result<Patience, Trouble> {
        Patience::within(TOTAL_TIMEOUT).overridden(fragment)
    }

    #[test]
    fn a_fragment_overrides_the_defaults() {
        assert_eq!(parse(""), Ok(Patience::within(TOTAL_TIMEOUT)));
        assert_eq!(parse("top").map(|p| p.retries), Ok(1));
        let patience = parse("ct=2000&rt=300&tt=10000&rc=2&rp=5xx,ct&e=ashburn&sni=n").unwrap();
        assert_eq!(patience.connect, Duration::from_secs(2));
        assert_eq!(patience.read, Duration::from_millis(300));
        assert_eq!(patience.total, Duration::from_secs(10));
        assert_eq!(patience.retries, 2);
        let on = patience.retry_on;
        assert!(on.status(503) && !on.status(404) && on.cause(Cause::Connect) && !on.cause(Cause::Read));
        let all = parse("rc=5&rp=all").unwrap().retry_on;
        assert!(all.status(404) && all.status(500) && !all.status(302) && all.cause(Cause::Read));
        assert!(!all.cause(Cause::Refused));
    }

    #[test]
    fn overrides_out_of_range_are_refused() {
        for fragment in
            ["ct=99", "ct=10001", "rt=x", "tt=15001", "rc=6", "rc=-1", "rp=6xx", "rp=", "sni=maybe"]
        {
            assert_eq!(parse(fragment).unwrap_err().code, 11243, "{fragment}");
        }
    }
}
