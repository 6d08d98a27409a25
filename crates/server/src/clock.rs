//! The machine's clock: the one place where time is read.

use base::{Clock, Entropy, Mono, Now, Timestamp};
use std::io::Read;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The machine's clock. Wall time follows the system's, monotonic time starts at zero.
#[expect(clippy::disallowed_methods, reason = "time enters the process here")]
pub fn system() -> Clock {
    let start = Instant::now();
    Clock::new(move || {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let mono = Instant::now().duration_since(start);
        Now {
            mono: Mono(u64::try_from(mono.as_micros()).unwrap_or(u64::MAX)),
            wall: Timestamp(i64::try_from(wall.as_micros()).unwrap_or(i64::MAX)),
        }
    })
}

/// Entropy from the operating system.
pub fn entropy() -> std::io::Result<Entropy> {
    let mut seed = [0; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut seed)?;
    Ok(Entropy::from_seed(seed))
}
