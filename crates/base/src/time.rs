use ::time::format_description::{BorrowedFormatItem, well_known::Rfc3339};
use ::time::macros::format_description;
use ::time::{OffsetDateTime, PrimitiveDateTime};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The two readings of the one clock, taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now {
    /// Never goes back. For timers of calls and media.
    pub mono: Mono,
    /// Wall time. For records, the journal, and timers that outlive the process.
    pub wall: Timestamp,
}

/// Monotonic time: microseconds since an arbitrary start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Mono(pub u64);

/// Wall time: microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

const ISO_SECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
const RFC2822: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] +0000"
);
const DATE: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");

impl Mono {
    /// Time from `earlier` to this; zero if `earlier` is later.
    pub fn since(self, earlier: Mono) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl std::ops::Add<Duration> for Mono {
    type Output = Mono;
    fn add(self, by: Duration) -> Mono {
        Mono(self.0.saturating_add(u64::try_from(by.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Timestamp;
    fn add(self, by: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl std::ops::Add<Duration> for Now {
    type Output = Now;
    fn add(self, by: Duration) -> Now {
        Now { mono: self.mono + by, wall: self.wall + by }
    }
}

impl Timestamp {
    /// Time from `earlier` to this; zero if `earlier` is later.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Whole seconds since 1970, rounded down.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Whole milliseconds since 1970, rounded down.
    pub fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    fn utc(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// `2026-03-25T10:00:00Z`: the dates of the v1 products.
    pub fn iso8601(self) -> String {
        self.utc().format(ISO_SECONDS).unwrap_or_default()
    }

    /// `2026-03-25T10:00:00.123456Z`: ISO 8601 with its fraction.
    pub fn iso8601_precise(self) -> String {
        self.utc().format(&Rfc3339).unwrap_or_default()
    }

    /// `Wed, 25 Mar 2026 10:00:00 +0000`: the dates of the 2010 API.
    pub fn rfc2822(self) -> String {
        self.utc().format(RFC2822).unwrap_or_default()
    }

    /// Reads `2026-03-25T10:00:00Z` (with or without fraction or offset) or `2026-03-25` (midnight UTC).
    pub fn parse(text: &str) -> Option<Self> {
        let at = OffsetDateTime::parse(text, &Rfc3339).ok().or_else(|| {
            let day = ::time::Date::parse(text, DATE).ok()?;
            Some(PrimitiveDateTime::new(day, ::time::Time::MIDNIGHT).assume_utc())
        })?;
        i64::try_from(at.unix_timestamp_nanos() / 1_000).ok().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_date_forms_are_as_the_apis_print_them() {
        let at = Timestamp(1_774_432_800_123_456);
        assert_eq!(at.iso8601(), "2026-03-25T10:00:00Z");
        assert_eq!(at.rfc2822(), "Wed, 25 Mar 2026 10:00:00 +0000");
        assert_eq!(Timestamp::parse("2026-03-25T10:00:00.123456Z"), Some(at));
        assert_eq!(Timestamp::parse("2026-03-25"), Some(Timestamp(1_774_396_800_000_000)));
        assert_eq!(Timestamp::parse("soon"), None);
    }

    #[test]
    fn time_since_something_later_is_zero() {
        assert_eq!(Mono(5).since(Mono(9)), Duration::ZERO);
        assert_eq!((Mono(5) + Duration::from_micros(4)).since(Mono(5)), Duration::from_micros(4));
    }
}
