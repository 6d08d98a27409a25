//! Telephone events: digits as RTP packets (RFC 4733).

/// The four bytes of a telephone event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TelephoneEvent {
    /// 0-9, 10 `*`, 11 `#`, 12-15 `A`-`D`; others are not digits.
    pub event: u8,
    /// The key was let go.
    pub end: bool,
    /// Loudness in −dBm0, 0 to 63.
    pub volume: u8,
    /// How long the key has been down, in 1/8000 s.
    pub duration: u16,
}

impl TelephoneEvent {
    /// Reads a payload; `None` if it is too short.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let ([event, flags, d0, d1], _) = payload.split_first_chunk::<4>()?;
        let duration = u16::from_be_bytes([*d0, *d1]);
        Some(Self { event: *event, end: flags & 0x80 != 0, volume: flags & 0x3F, duration })
    }

    /// The payload.
    pub fn bytes(&self) -> [u8; 4] {
        let [d0, d1] = self.duration.to_be_bytes();
        [self.event, (u8::from(self.end) << 7) | (self.volume & 0x3F), d0, d1]
    }

    /// The key, if the event is one.
    pub fn digit(&self) -> Option<char> {
        DIGITS.get(usize::from(self.event)).map(|&digit| char::from(digit))
    }
}

/// The event of a key: `0-9 * # A-D` (or lower case).
pub fn event_of(digit: char) -> Option<u8> {
    let digit = u8::try_from(digit).ok()?.to_ascii_uppercase();
    DIGITS.iter().position(|&d| d == digit).map(|at| at as u8)
}

const DIGITS: &[u8; 16] = b"0123456789*#ABCD";

/// Hears each press once, whatever is lost, doubled or late.
///
/// A press is known by its RTP timestamp; it is reported with its first packet that arrives, be it the last.
#[derive(Debug, Clone, Default)]
pub struct EventReceiver {
    last: Option<Press>,
}

#[derive(Debug, Clone, Copy)]
struct Press {
    ssrc: u32,
    timestamp: u32,
    event: u8,
    duration: u16,
}

impl EventReceiver {
    /// Takes a packet and answers the key if this is a new press.
    pub fn receive(&mut self, ssrc: u32, timestamp: u32, payload: &[u8]) -> Option<char> {
        let packet = TelephoneEvent::parse(payload)?;
        let digit = packet.digit()?;
        let press = Press { ssrc, timestamp, event: packet.event, duration: packet.duration };
        match &mut self.last {
            Some(last) if last.ssrc == ssrc => {
                let since = timestamp.wrapping_sub(last.timestamp);
                if since == 0 {
                    last.duration = last.duration.max(packet.duration);
                    return None;
                }
                if since > u32::MAX - LATE {
                    return None;
                }
                // A key held beyond 8 s goes on as a new event where the last one's duration ended (§2.5.1.3).
                let continues =
                    packet.event == last.event && last.duration == u16::MAX && since == u32::from(u16::MAX);
                *last = press;
                (!continues).then_some(digit)
            }
            _ => {
                self.last = Some(press);
                Some(digit)
            }
        }
    }
}

/// A packet up to this much older than the last press is a late one of an earlier press: 5 s.
const LATE: u32 = 40_000;

/// Sends one press: packets of growing duration every 20 ms, the last one three times.
#[derive(Debug, Clone)]
pub struct EventSender {
    event: u8,
    duration: u16,
    length: u16,
}

impl EventSender {
    /// A press of `digit` of the usual length.
    pub fn new(digit: char) -> Option<Self> {
        Some(Self { event: event_of(digit)?, duration: 0, length: PRESS })
    }

    /// The payload of the next 20 ms and how many times it is sent; `None` when the press is over.
    pub fn next_20_ms(&mut self) -> Option<(TelephoneEvent, u32)> {
        if self.duration >= self.length {
            return None;
        }
        self.duration += 160;
        let end = self.duration >= self.length;
        let event = TelephoneEvent { event: self.event, end, volume: VOLUME, duration: self.duration };
        Some((event, if end { END_PACKETS } else { 1 }))
    }

    /// Whether no packet has been asked for yet: the next one bears the marker.
    pub fn is_fresh(&self) -> bool {
        self.duration == 0
    }
}

/// The end of an event is sent so many times, lest it be lost (§2.5.1.4).
pub const END_PACKETS: u32 = 3;
/// Length of a press that we send: 100 ms.
pub const PRESS: u16 = 800;
const VOLUME: u8 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(digit: char, end: bool, duration: u16) -> [u8; 4] {
        TelephoneEvent { event: event_of(digit).unwrap(), end, volume: 10, duration }.bytes()
    }

    #[test]
    fn a_press_is_reported_once_by_whichever_packet_comes_first() {
        let mut receiver = EventReceiver::default();
        assert_eq!(receiver.receive(1, 100, &packet('5', false, 160)), Some('5'));
        assert_eq!(receiver.receive(1, 100, &packet('5', false, 320)), None);
        for _ in 0..3 {
            assert_eq!(receiver.receive(1, 100, &packet('5', true, 480)), None);
        }
        // Only the last packet of this one arrived.
        assert_eq!(receiver.receive(1, 2_000, &packet('5', true, 800)), Some('5'));
        assert_eq!(receiver.receive(1, 2_000, &packet('5', true, 800)), None);
        // The ends of this one are lost, the next press follows.
        assert_eq!(receiver.receive(1, 4_000, &packet('#', false, 160)), Some('#'));
        assert_eq!(receiver.receive(1, 6_000, &packet('#', false, 160)), Some('#'));
        // A late packet of an earlier press.
        assert_eq!(receiver.receive(1, 4_000, &packet('#', true, 800)), None);
    }

    #[test]
    fn timestamps_wrap_and_a_new_stream_starts_anew() {
        let mut receiver = EventReceiver::default();
        assert_eq!(receiver.receive(1, u32::MAX - 10, &packet('1', false, 160)), Some('1'));
        assert_eq!(receiver.receive(1, 990, &packet('1', false, 160)), Some('1'));
        assert_eq!(receiver.receive(2, 990, &packet('1', false, 160)), Some('1'));
    }

    #[test]
    fn a_key_held_beyond_the_longest_duration_is_one_press() {
        let mut receiver = EventReceiver::default();
        assert_eq!(receiver.receive(1, 0, &packet('0', false, 160)), Some('0'));
        assert_eq!(receiver.receive(1, 0, &packet('0', false, u16::MAX)), None);
        assert_eq!(receiver.receive(1, 65_535, &packet('0', false, 160)), None);
        assert_eq!(receiver.receive(1, 80_000, &packet('0', false, 160)), Some('0'));
    }

    #[test]
    fn what_is_not_a_digit_is_passed_over() {
        let mut receiver = EventReceiver::default();
        assert_eq!(receiver.receive(1, 0, &[16, 0, 0, 160]), None);
        assert_eq!(receiver.receive(1, 0, &[1, 0, 0]), None);
        assert_eq!(event_of('x'), None);
    }

    #[test]
    fn what_is_sent_is_heard_as_one_press() {
        for digit in "0123456789*#ABCD".chars() {
            let mut sender = EventSender::new(digit).unwrap();
            let mut receiver = EventReceiver::default();
            let (mut heard, mut sent, mut durations) = (vec![], 0, vec![]);
            while let Some((event, times)) = sender.next_20_ms() {
                durations.push(event.duration);
                assert_eq!(event.end, event.duration == PRESS);
                for _ in 0..times {
                    heard.extend(receiver.receive(1, 5, &event.bytes()));
                    sent += 1;
                }
            }
            assert_eq!((heard, sent), (vec![digit], 7));
            assert_eq!(durations, [160, 320, 480, 640, 800]);
        }
    }
}
