//! Session timers (RFC 4028): both sides agree how often a call proves that it is still there, and who does it.

use base::Mono;
use std::time::Duration;

/// Shortest interval we accept, in seconds (RFC 4028 §5).
pub const MIN_SE_S: u32 = 90;
/// The interval we propose, in seconds.
pub const SESSION_EXPIRES_S: u32 = 1800;

/// The `refresher` parameter: which side of the INVITE refreshes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresher {
    /// Who sent the request.
    Uac,
    /// Who answered it.
    Uas,
}

/// A `Session-Expires` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionExpires {
    /// The interval.
    pub seconds: u32,
    /// Who refreshes, if said.
    pub refresher: Option<Refresher>,
}

/// What a request of the peer says about session timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asked {
    /// Its `Session-Expires`.
    pub session_expires: Option<SessionExpires>,
    /// Its `Min-SE`.
    pub min_se_s: Option<u32>,
    /// Whether `Supported` lists `timer`.
    pub supported: bool,
}

/// The interval is below [`MIN_SE_S`]: refuse with `422` and `Min-SE: 90`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session interval is too small")]
pub struct TooSmall;

/// What an agreed timer wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimerAction {
    /// Our turn: send a re-INVITE or UPDATE, and tell the timer about its success.
    Refresh,
    /// The peer's refresh never came, or ours failed: end the call.
    Expire,
}

/// The timer of one agreed session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionTimer {
    interval: Duration,
    ours: bool,
    since: Mono,
    asked: bool,
}

impl SessionExpires {
    /// Reads the header's value: `1800;refresher=uac`.
    pub fn parse(value: &str) -> Option<Self> {
        let mut parts = value.split(';').map(str::trim);
        let seconds = parts.next()?.parse().ok()?;
        let refresher = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case("refresher").then(|| value.trim().to_ascii_lowercase())
        });
        let refresher = match refresher.as_deref() {
            Some("uac") => Some(Refresher::Uac),
            Some("uas") => Some(Refresher::Uas),
            _ => None,
        };
        Some(Self { seconds, refresher })
    }
}

impl std::fmt::Display for SessionExpires {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.seconds)?;
        match self.refresher {
            Some(Refresher::Uac) => f.write_str(";refresher=uac"),
            Some(Refresher::Uas) => f.write_str(";refresher=uas"),
            None => Ok(()),
        }
    }
}

/// The `Session-Expires` of our 2xx to a request, if there is to be a timer: the peer's wish, or ours if the peer can
/// do timers at all. A peer that can does the refreshing unless it asked otherwise.
pub fn answer(asked: &Asked) -> Result<Option<SessionExpires>, TooSmall> {
    let Some(wish) = asked.session_expires else {
        // A peer that can do timers but asks for none still gets one, refreshed by us: it costs two messages an hour
        // and finds calls whose other end has vanished.
        let seconds = SESSION_EXPIRES_S.max(asked.min_se_s.unwrap_or(0));
        return Ok(asked.supported.then_some(SessionExpires { seconds, refresher: Some(Refresher::Uas) }));
    };
    if wish.seconds < MIN_SE_S {
        return Err(TooSmall);
    }
    let default = if asked.supported { Refresher::Uac } else { Refresher::Uas };
    // Without support on its side the peer cannot refresh, whatever a proxy wrote in between.
    let refresher = if asked.supported { wish.refresher.unwrap_or(default) } else { default };
    Ok(Some(SessionExpires { seconds: wish.seconds, refresher: Some(refresher) }))
}

impl SessionTimer {
    /// The timer of a session whose 2xx said `agreed`; `we` is our side of that request.
    pub fn start(agreed: SessionExpires, we: Refresher, now: Mono) -> Self {
        // A 2xx must name the refresher; one that forgot leaves it to the side that sent the request.
        let ours = agreed.refresher.unwrap_or(Refresher::Uac) == we;
        let interval = Duration::from_secs(agreed.seconds.max(MIN_SE_S).into());
        Self { interval, ours, since: now, asked: false }
    }

    /// When [`SessionTimer::poll`] has something to say next.
    pub fn next(&self) -> Mono {
        if self.ours && !self.asked { self.since + self.interval / 2 } else { self.expiry() }
    }

    /// What is due.
    pub fn poll(&mut self, now: Mono) -> Option<TimerAction> {
        if now >= self.expiry() {
            return Some(TimerAction::Expire);
        }
        if self.ours && !self.asked && now >= self.since + self.interval / 2 {
            self.asked = true;
            return Some(TimerAction::Refresh);
        }
        None
    }

    /// A refresh of either side went through.
    pub fn refreshed(&mut self, now: Mono) {
        self.since = now;
        self.asked = false;
    }

    /// `min(32 s, interval / 3)` before the interval is over (RFC 4028 §10).
    fn expiry(&self) -> Mono {
        let early = (self.interval / 3).min(Duration::from_secs(32));
        self.since + (self.interval - early)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: u64) -> Mono {
        Mono(seconds * 1_000_000)
    }

    fn wish(seconds: u32, refresher: Option<Refresher>) -> Option<SessionExpires> {
        Some(SessionExpires { seconds, refresher })
    }

    #[test]
    fn the_header_is_read_and_printed() {
        for (text, value) in [
            ("1800;refresher=uac", wish(1800, Some(Refresher::Uac))),
            ("90 ; Refresher = UAS", wish(90, Some(Refresher::Uas))),
            ("600", wish(600, None)),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(SessionExpires::parse(text), value, "{text}");
        }
        assert_eq!(wish(90, Some(Refresher::Uas)).unwrap().to_string(), "90;refresher=uas");
    }

    #[test]
    fn our_answer_follows_the_table_of_rfc_4028() {
        let ask = |session_expires, supported| answer(&Asked { session_expires, min_se_s: None, supported });
        assert_eq!(ask(None, false), Ok(None));
        assert_eq!(ask(None, true), Ok(wish(SESSION_EXPIRES_S, Some(Refresher::Uas))));
        assert_eq!(ask(wish(89, None), true), Err(TooSmall));
        assert_eq!(ask(wish(600, None), true), Ok(wish(600, Some(Refresher::Uac))));
        assert_eq!(ask(wish(600, Some(Refresher::Uas)), true), Ok(wish(600, Some(Refresher::Uas))));
        assert_eq!(ask(wish(600, Some(Refresher::Uac)), false), Ok(wish(600, Some(Refresher::Uas))));
    }

    #[test]
    fn we_refresh_at_half_time_and_give_up_in_time() {
        let agreed = SessionExpires { seconds: 90, refresher: Some(Refresher::Uas) };
        let mut timer = SessionTimer::start(agreed, Refresher::Uas, at(0));
        assert_eq!((timer.next(), timer.poll(at(44))), (at(45), None));
        assert_eq!(timer.poll(at(45)), Some(TimerAction::Refresh));
        assert_eq!((timer.next(), timer.poll(at(46))), (at(60), None));
        timer.refreshed(at(46));
        assert_eq!(timer.poll(at(60)), None);
        assert_eq!(timer.poll(at(91)), Some(TimerAction::Refresh));
        assert_eq!(timer.poll(at(106)), Some(TimerAction::Expire));
    }

    #[test]
    fn a_peer_that_should_refresh_and_does_not_is_lost() {
        let agreed = SessionExpires { seconds: 1800, refresher: Some(Refresher::Uac) };
        let mut timer = SessionTimer::start(agreed, Refresher::Uas, at(0));
        assert_eq!((timer.next(), timer.poll(at(1700))), (at(1768), None));
        assert_eq!(timer.poll(at(1768)), Some(TimerAction::Expire));
    }

    proptest! {
        #[test]
        fn headers_never_panic_and_read_back(text in any::<String>(), seconds in any::<u32>()) {
            let _ = SessionExpires::parse(&text);
            let value = SessionExpires { seconds, refresher: Some(Refresher::Uac) };
            prop_assert_eq!(SessionExpires::parse(&value.to_string()), Some(value));
        }
    }
}
