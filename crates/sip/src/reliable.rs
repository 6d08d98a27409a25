//! Reliable provisional responses (RFC 3262), our side as the answerer: a 183 that is repeated until its PRACK comes.

use base::Mono;
use std::time::Duration;

const T1: Duration = Duration::from_millis(500);
/// How long an unacknowledged provisional is repeated before the INVITE is refused (64 × T1).
pub const GIVE_UP_AFTER: Duration = Duration::from_secs(32);

/// The reliable provisionals of one INVITE. One is in flight at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reliable {
    invite_cseq: u32,
    rseq: u32,
    flight: Option<Flight>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Flight {
    sent: Mono,
    wait: Duration,
    next: Mono,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Send the same response again.
    Repeat,
    /// No PRACK in [`GIVE_UP_AFTER`]: refuse the INVITE with a 504.
    GiveUp,
}

impl Reliable {
    /// For the INVITE with this CSeq number. `first` is where RSeq begins (RFC 3262 §3 wants it random).
    pub fn new(invite_cseq: u32, first: u32) -> Self {
        // Between 1 and 2^31 - 1; the room above is for the responses that follow.
        Self { invite_cseq, rseq: first % (1 << 30), flight: None }
    }

    /// A provisional is sent now: the value of its `RSeq` header. `None` while another is in flight.
    pub fn send(&mut self, now: Mono) -> Option<u32> {
        if self.flight.is_some() {
            return None;
        }
        self.rseq += 1;
        self.flight = Some(Flight { sent: now, wait: T1, next: now + T1 });
        Some(self.rseq)
    }

    /// Whether a response waits for its PRACK.
    pub fn in_flight(&self) -> bool {
        self.flight.is_some()
    }

    /// Takes a PRACK by the value of its `RAck` header (`776656 1 INVITE`). False if it acknowledges nothing in
    /// flight: the PRACK then deserves a 481.
    pub fn acknowledge(&mut self, rack: &str) -> bool {
        let words: Vec<&str> = rack.split_whitespace().collect();
        let [rseq, cseq, method] = words[..] else { return false };
        let matches = rseq.parse() == Ok(self.rseq)
            && cseq.parse() == Ok(self.invite_cseq)
            && method.eq_ignore_ascii_case("INVITE");
        matches && self.flight.take().is_some()
    }

    /// When [`Reliable::poll`] has something to say next.
    pub fn next(&self) -> Option<Mono> {
        self.flight.map(|flight| flight.next)
    }

    /// What is due.
    pub fn poll(&mut self, now: Mono) -> Option<Due> {
        let flight = self.flight.as_mut()?;
        if now.since(flight.sent) >= GIVE_UP_AFTER {
            self.flight = None;
            return Some(Due::GiveUp);
        }
        if now < flight.next {
            return None;
        }
        // Doubles without a ceiling (§3): half a second, one, two, four, …
        flight.wait *= 2;
        flight.next = (now + flight.wait).min(flight.sent + GIVE_UP_AFTER);
        Some(Due::Repeat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_ms(ms: u64) -> Mono {
        Mono(ms * 1000)
    }

    #[test]
    fn a_provisional_is_repeated_until_its_prack() {
        let mut reliable = Reliable::new(7, 41);
        assert_eq!(reliable.send(at_ms(0)), Some(42));
        assert_eq!(reliable.send(at_ms(1)), None, "one at a time");
        let mut repeats = Vec::new();
        for ms in 0..4000 {
            if reliable.poll(at_ms(ms)) == Some(Due::Repeat) {
                repeats.push(ms);
            }
        }
        assert_eq!(repeats, [500, 1500, 3500]);
        for wrong in ["42 7 BYE", "41 7 INVITE", "42 8 INVITE", "42 7", "", "x y z"] {
            assert!(!reliable.acknowledge(wrong), "{wrong}");
        }
        assert!(reliable.acknowledge("42 7 INVITE"));
        assert!(!reliable.acknowledge("42 7 INVITE"), "once");
        assert_eq!((reliable.next(), reliable.poll(at_ms(9000))), (None, None));
        assert_eq!(reliable.send(at_ms(9000)), Some(43));
    }

    #[test]
    fn without_a_prack_the_invite_is_given_up() {
        let mut reliable = Reliable::new(1, 0);
        reliable.send(at_ms(0));
        let mut now = 0;
        let mut repeats = 0;
        let end = loop {
            now = now.max(reliable.next().unwrap().0);
            match reliable.poll(Mono(now)) {
                Some(Due::Repeat) => repeats += 1,
                other => break other,
            }
        };
        assert_eq!((end, repeats, now), (Some(Due::GiveUp), 6, 32_000_000));
    }
}
