//! Token buckets: how much one source may ask of us.

use base::Mono;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

/// Most sources that have a bucket of their own. The others share one.
const SOURCES_MAX: usize = 10_000;

/// A bucket per source: `rate` tokens flow in every `per`, and at most so many are kept.
#[derive(Debug)]
pub(super) struct Budget {
    rate: u32,
    per: Duration,
    sources: HashMap<IpAddr, Bucket>,
    rest: Bucket,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    /// In millionths of a token.
    level: u64,
    since: Mono,
}

const TOKEN: u64 = 1_000_000;

impl Bucket {
    pub(super) fn full(rate: u32, now: Mono) -> Self {
        Self { level: u64::from(rate) * TOKEN, since: now }
    }

    fn flow(&mut self, rate: u32, per: Duration, now: Mono) {
        let most = u64::from(rate) * TOKEN;
        let elapsed = u64::try_from(now.since(self.since).as_micros()).unwrap_or(u64::MAX);
        let per = u64::try_from(per.as_micros()).unwrap_or(u64::MAX).max(1);
        let flowed = u128::from(elapsed) * u128::from(most) / u128::from(per);
        self.level = self.level.saturating_add(u64::try_from(flowed).unwrap_or(u64::MAX)).min(most);
        self.since = now;
    }

    /// Takes a token if there is one.
    pub(super) fn take(&mut self, rate: u32, per: Duration, now: Mono) -> bool {
        self.flow(rate, per, now);
        let enough = self.level >= TOKEN;
        if enough {
            self.level -= TOKEN;
        }
        enough
    }
}

impl Budget {
    pub(super) fn new(rate: u32, per: Duration) -> Self {
        Self { rate, per, sources: HashMap::new(), rest: Bucket::full(rate, Mono(0)) }
    }

    /// Takes a token of `source`, if it has one left.
    pub(super) fn take(&mut self, source: IpAddr, now: Mono) -> bool {
        let (rate, per) = (self.rate, self.per);
        self.bucket(source, now).take(rate, per, now)
    }

    /// Whether `source` has a token left, without taking it.
    pub(super) fn has(&mut self, source: IpAddr, now: Mono) -> bool {
        let (rate, per) = (self.rate, self.per);
        let bucket = self.bucket(source, now);
        bucket.flow(rate, per, now);
        bucket.level >= TOKEN
    }

    fn bucket(&mut self, source: IpAddr, now: Mono) -> &mut Bucket {
        if self.sources.len() >= SOURCES_MAX && !self.sources.contains_key(&source) {
            // A bucket that had time to fill again says nothing that a new one would not.
            let per = self.per;
            self.sources.retain(|_, bucket| now.since(bucket.since) < per);
            if self.sources.len() >= SOURCES_MAX {
                return &mut self.rest;
            }
        }
        let rate = self.rate;
        self.sources.entry(source).or_insert_with(|| Bucket::full(rate, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_ms(ms: u64) -> Mono {
        Mono(ms * 1000)
    }

    #[test]
    fn a_source_gets_its_rate_and_others_are_not_touched() {
        let (a, b): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let mut budget = Budget::new(10, Duration::from_secs(1));
        assert_eq!((0..50).filter(|_| budget.take(a, at_ms(0))).count(), 10);
        assert!(!budget.has(a, at_ms(99)) && budget.has(a, at_ms(100)));
        assert_eq!((0..50).filter(|_| budget.take(a, at_ms(500))).count(), 5);
        assert_eq!((0..50).filter(|_| budget.take(b, at_ms(500))).count(), 10);
        assert_eq!(
            (0..50).filter(|_| budget.take(a, at_ms(60_000))).count(),
            10,
            "no more than a second's worth"
        );
    }

    #[test]
    fn sources_beyond_the_bound_share_a_bucket() {
        let mut budget = Budget::new(1, Duration::from_secs(1));
        for n in 0..u32::try_from(SOURCES_MAX).unwrap() {
            budget.take(IpAddr::from(n.to_be_bytes()), at_ms(1000));
        }
        let strangers = (0..100_u32).map(|n| IpAddr::from((0xdd00_0000 + n).to_be_bytes()));
        assert_eq!(strangers.filter(|ip| budget.take(*ip, at_ms(1000))).count(), 1);
        assert_eq!(budget.sources.len(), SOURCES_MAX);
    }
}
