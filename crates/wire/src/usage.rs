//! Usage records: how many calls there were, and how long they were, by category and time.
//!
//! Calls that were answered count, in the time in which they began; every begun minute of each is a minute of usage. Nothing
//! has a price.

use crate::api2010::ROOT;
use crate::error::ApiError;
use crate::form::{Params, bad};
use base::{AccountSid, Timestamp};
use engine::call::port::{CallDirection, CallRecord, RecordingRecord};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Most days, months or years of one list.
pub const INTERVALS_MAX: usize = 1_000;
const DAY_US: i64 = 86_400_000_000;

/// What is counted apart.
#[derive(Debug, Clone, Copy)]
pub struct Category {
    /// `calls-inbound`
    pub name: &'static str,
    description: &'static str,
    unit: &'static str,
    holds: fn(&Event) -> bool,
}

/// Something that counts.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A call that was answered.
    Call(&'a CallRecord),
    /// A recording.
    Recording(&'a RecordingRecord),
}

/// Every category.
pub const CATEGORIES: &[Category] = &[
    category("calls", "Voice Minutes", "calls", |of| call(of, |_| true)),
    category("calls-client", "Client Minutes", "calls", |of| call(of, |call| is(call, "client:"))),
    category("calls-inbound", "Inbound Voice Minutes", "calls", |of| {
        call(of, |call| call.direction == CallDirection::Inbound && by_number(call))
    }),
    category("calls-outbound", "Outbound Voice Minutes", "calls", |of| {
        call(of, |call| call.direction != CallDirection::Inbound && by_number(call))
    }),
    category("calls-sip", "SIP Minutes", "calls", |of| call(of, |call| is(call, "sip:"))),
    category("calls-sip-inbound", "Inbound SIP Minutes", "calls", |of| {
        call(of, |call| call.direction == CallDirection::Inbound && is(call, "sip:"))
    }),
    category("calls-sip-outbound", "Outbound SIP Minutes", "calls", |of| {
        call(of, |call| call.direction != CallDirection::Inbound && is(call, "sip:"))
    }),
    category("calls-recordings", "Call Recordings", "recordings", |of| matches!(of, Event::Recording(_))),
    category("recordings", "Recordings", "recordings", |of| matches!(of, Event::Recording(_))),
    category("totalprice", "Total Price", "", |_| false),
];

const fn category(
    name: &'static str,
    description: &'static str,
    unit: &'static str,
    holds: fn(&Event) -> bool,
) -> Category {
    Category { name, description, unit, holds }
}

fn call(of: &Event, holds: impl Fn(&CallRecord) -> bool) -> bool {
    matches!(of, Event::Call(call) if holds(call))
}

/// Whether the far end is addressed like this.
fn is(call: &CallRecord, scheme: &str) -> bool {
    let far = if call.direction == CallDirection::Inbound { &call.from } else { &call.to };
    far.starts_with(scheme)
}

fn by_number(call: &CallRecord) -> bool {
    !is(call, "client:") && !is(call, "sip:") && !is(call, "sips:")
}

/// Into what the time is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interval {
    /// Not at all.
    Whole,
    /// By the day.
    Day,
    /// By the month.
    Month,
    /// By the year.
    Year,
}

/// A time that usage is asked about: whole days, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// Midnight, when it begins.
    pub from: Timestamp,
    /// Midnight, when it is over.
    pub until: Timestamp,
}

impl Range {
    /// `StartDate` and `EndDate` (`2026-03-25`, or days from today: `-30days`); from `since` until today if they do not say.
    pub fn parse(form: &Params, since: Timestamp, now: Timestamp) -> Result<Self, ApiError> {
        let from = date(form, "StartDate", now)?.unwrap_or_else(|| midnight(since));
        let until = after(date(form, "EndDate", now)?.unwrap_or_else(|| midnight(now)));
        match from < until {
            true => Ok(Self { from, until }),
            false => Err(bad("EndDate", &day(before(until)), "is before StartDate")),
        }
    }

    /// The day that `days` before today is.
    pub fn day(now: Timestamp, days: i64) -> Self {
        let from = Timestamp(midnight(now).0 - days * DAY_US);
        Self { from, until: after(from) }
    }

    /// This month, or the one before.
    pub fn month(now: Timestamp, last: bool) -> Self {
        let first = begin(now, Interval::Month);
        match last {
            true => Self { from: begin(before(first), Interval::Month), until: first },
            false => Self { from: first, until: next(first, Interval::Month) },
        }
    }
}

/// `2026-03-25`
fn day(at: Timestamp) -> String {
    at.iso8601().chars().take("2026-03-25".len()).collect()
}

fn midnight(at: Timestamp) -> Timestamp {
    Timestamp(at.0.div_euclid(DAY_US) * DAY_US)
}

fn after(midnight: Timestamp) -> Timestamp {
    Timestamp(midnight.0 + DAY_US)
}

fn before(midnight: Timestamp) -> Timestamp {
    Timestamp(midnight.0 - DAY_US)
}

/// When the interval that `at` is in begins.
fn begin(at: Timestamp, interval: Interval) -> Timestamp {
    let text = day(at);
    let first = match interval {
        Interval::Whole | Interval::Day => return midnight(at),
        Interval::Month => text.get(..7).map(|month| format!("{month}-01")),
        Interval::Year => text.get(..4).map(|year| format!("{year}-01-01")),
    };
    first.and_then(|text| Timestamp::parse(&text)).unwrap_or_else(|| midnight(at))
}

/// When the interval after the one that begins at `first` begins.
fn next(first: Timestamp, interval: Interval) -> Timestamp {
    // Into the next one, from wherever it ends.
    let days = match interval {
        Interval::Whole | Interval::Day => 1,
        Interval::Month => 31,
        Interval::Year => 366,
    };
    begin(Timestamp(first.0 + days * DAY_US), interval)
}

fn date(form: &Params, name: &str, now: Timestamp) -> Result<Option<Timestamp>, ApiError> {
    /// A hundred years.
    const OFFSET_MAX: i64 = 36_500;
    let Some(text) = form.filled(name) else { return Ok(None) };
    let offset = text.strip_suffix("days").or_else(|| text.strip_suffix("day"));
    let at = match offset.and_then(|days| days.parse::<i64>().ok()) {
        Some(days) if days.abs() <= OFFSET_MAX => Some(Timestamp(midnight(now).0 + days * DAY_US)),
        Some(_) => None,
        None => Timestamp::parse(text).filter(|_| text.len() == "2026-03-25".len()),
    };
    at.map(Some)
        .ok_or_else(|| bad(name, text, "is neither a date like 2026-03-25 nor an offset like -30days"))
}

/// The categories that are asked for.
pub fn categories(form: &Params) -> Result<Vec<Category>, ApiError> {
    let Some(wanted) = form.filled("Category") else { return Ok(CATEGORIES.to_vec()) };
    let found: Vec<Category> = CATEGORIES.iter().filter(|of| of.name == wanted).copied().collect();
    match found.is_empty() {
        true => Err(bad("Category", wanted, "is not counted here")),
        false => Ok(found),
    }
}

/// What there was, by interval.
#[derive(Debug)]
pub struct Usage {
    interval: Interval,
    range: Range,
    /// By the begin of the interval, then as in [`CATEGORIES`].
    counted: BTreeMap<Timestamp, Vec<Tally>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tally {
    count: u64,
    minutes: u64,
}

impl Usage {
    /// Nothing yet, in any interval of `range`.
    pub fn new(range: Range, interval: Interval) -> Result<Self, ApiError> {
        let mut counted = BTreeMap::new();
        let mut at = if interval == Interval::Whole { range.from } else { begin(range.from, interval) };
        while at < range.until {
            if counted.len() >= INTERVALS_MAX {
                let why =
                    format!("There are at most {INTERVALS_MAX} records of a category: say a later StartDate");
                return Err(ApiError::invalid(why));
            }
            counted.insert(at, vec![Tally::default(); CATEGORIES.len()]);
            at = if interval == Interval::Whole { range.until } else { next(at, interval) };
        }
        Ok(Self { interval, range, counted })
    }

    /// Counts a call, if it was answered.
    pub fn call(&mut self, call: &CallRecord) {
        let Some(answered) = call.answered else { return };
        let length = call.ended.map_or(0, |ended| ended.since(answered).as_secs().max(1));
        self.add(&Event::Call(call), call.created, length);
    }

    /// Counts a recording.
    pub fn recording(&mut self, recording: &RecordingRecord) {
        self.add(&Event::Recording(recording), recording.created, recording.duration_s.unwrap_or_default());
    }

    fn add(&mut self, event: &Event, at: Timestamp, seconds: u64) {
        if at < self.range.from || at >= self.range.until {
            return;
        }
        let Some((_, tallies)) = self.counted.range_mut(..=at).next_back() else { return };
        for (tally, category) in tallies.iter_mut().zip(CATEGORIES) {
            if (category.holds)(event) {
                tally.count += 1;
                tally.minutes += seconds.div_ceil(60);
            }
        }
    }

    /// A record for every interval, the latest first, and every one of these categories.
    pub fn records(&self, account: AccountSid, wanted: &[Category], now: Timestamp) -> Vec<Value> {
        let mut all = Vec::new();
        for (from, tallies) in self.counted.iter().rev() {
            let until = match self.interval {
                Interval::Whole => self.range.until,
                interval => next(*from, interval),
            };
            let tallied = CATEGORIES.iter().zip(tallies);
            let asked = tallied.filter(|(category, _)| wanted.iter().any(|of| of.name == category.name));
            all.extend(asked.map(|(category, tally)| record(account, category, *tally, (*from, until), now)));
        }
        all
    }
}

fn record(
    account: AccountSid,
    of: &Category,
    tally: Tally,
    (from, until): (Timestamp, Timestamp),
    now: Timestamp,
) -> Value {
    const UNDER: [(&str, &str); 8] = [
        ("all_time", "AllTime"),
        ("daily", "Daily"),
        ("last_month", "LastMonth"),
        ("monthly", "Monthly"),
        ("this_month", "ThisMonth"),
        ("today", "Today"),
        ("yearly", "Yearly"),
        ("yesterday", "Yesterday"),
    ];
    let (start, end) = (day(from), day(before(until)));
    let root = format!("{ROOT}/{account}/Usage/Records");
    let name = of.name;
    let under: Map<String, Value> = UNDER
        .iter()
        .map(|(key, path)| ((*key).to_owned(), format!("{root}/{path}.json?Category={name}").into()))
        .collect();
    let is_price = name == "totalprice";
    json!({
        "account_sid": account,
        "api_version": "2010-04-01",
        "as_of": now.iso8601(),
        "category": name,
        "count": if is_price { "0".to_owned() } else { tally.count.to_string() },
        "count_unit": of.unit,
        "description": of.description,
        "end_date": end,
        "price": 0,
        "price_unit": "usd",
        "start_date": start,
        "subresource_uris": under,
        "uri": format!("{root}.json?Category={name}&StartDate={start}&EndDate={end}"),
        "usage": if is_price { "0".to_owned() } else { tally.minutes.to_string() },
        "usage_unit": if is_price { "usd" } else { "minutes" },
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends there")]
mod tests {
    use super::*;

    const NOW: &str = "2026-03-25T10:00:00Z";

    fn now() -> Timestamp {
        Timestamp::parse(NOW).unwrap()
    }

    fn spans(range: Range, interval: Interval) -> Vec<(String, String)> {
        let usage = Usage::new(range, interval).unwrap();
        let records = usage.records(AccountSid([1; 16]), &CATEGORIES[..1], now());
        let text = |record: &Value, name: &str| record[name].as_str().unwrap().to_owned();
        records.iter().map(|of| (text(of, "start_date"), text(of, "end_date"))).collect()
    }

    #[test]
    fn time_is_cut_at_the_ends_of_days_months_and_years() {
        let pairs = |all: &[(&str, &str)]| -> Vec<(String, String)> {
            all.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
        };
        assert_eq!(spans(Range::day(now(), 0), Interval::Whole), pairs(&[("2026-03-25", "2026-03-25")]));
        assert_eq!(spans(Range::month(now(), true), Interval::Whole), pairs(&[("2026-02-01", "2026-02-28")]));
        let form = Params::of([("StartDate", "2025-12-30"), ("EndDate", "-84days")]);
        let range = Range::parse(&form, now(), now()).unwrap();
        assert_eq!(
            spans(range, Interval::Month),
            pairs(&[("2025-12-01", "2025-12-31")]),
            "the 84th day before is the last of the year"
        );
        let range = Range { until: now(), ..range };
        assert_eq!(
            spans(range, Interval::Year),
            pairs(&[("2026-01-01", "2026-12-31"), ("2025-01-01", "2025-12-31")])
        );
        assert_eq!(spans(range, Interval::Day).len(), 86);
    }

    #[test]
    fn dates_and_categories_that_are_none_are_refused() {
        for (name, value) in [("StartDate", "soon"), ("EndDate", "2026-13-01"), ("StartDate", "9999999days")]
        {
            assert_eq!(Range::parse(&Params::of([(name, value)]), now(), now()).unwrap_err().code, 20001);
        }
        let form = Params::of([("EndDate", "-10days")]);
        assert_eq!(Range::parse(&form, now(), now()).unwrap_err().code, 20001);
        assert_eq!(categories(&Params::of([("Category", "sms")])).unwrap_err().code, 20001);
        assert_eq!(categories(&Params::of([("Category", "calls-sip")])).unwrap().len(), 1);
        let range = Range { from: Timestamp(0), until: now() };
        assert_eq!(Usage::new(range, Interval::Day).unwrap_err().code, 20001);
    }
}
