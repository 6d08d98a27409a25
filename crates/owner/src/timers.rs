//! Waiting for a moment of the one clock.

use base::{Clock, Mono, Now, Timestamp};
use std::time::Duration;

/// Longest sleep before the clock is read again: wall time may be set, and a virtual clock may jump.
const STEP_MAX: Duration = Duration::from_secs(5);
/// Shortest sleep, so that a deadline in the past cannot make an owner spin.
const STEP_MIN: Duration = Duration::from_millis(1);

/// Waits until `reached` says that nothing is left to wait for. Safe to drop.
async fn wait(clock: &Clock, left: impl Fn(Now) -> Duration) {
    loop {
        let left = left(clock.now());
        if left.is_zero() {
            return;
        }
        pause(left.clamp(STEP_MIN, STEP_MAX)).await;
    }
}

/// Waits for wall time `deadline`; for ever without one.
pub(crate) async fn wall(clock: &Clock, deadline: Option<Timestamp>) {
    match deadline {
        Some(deadline) => wait(clock, |now| deadline.since(now.wall)).await,
        None => std::future::pending().await,
    }
}

/// Waits for monotonic time `deadline`; for ever without one.
pub(crate) async fn mono(clock: &Clock, deadline: Option<Mono>) {
    match deadline {
        Some(deadline) => wait(clock, |now| deadline.since(now.mono)).await,
        None => std::future::pending().await,
    }
}

/// Lets time pass before something that failed is tried again.
#[expect(clippy::disallowed_methods, reason = "the one place of this crate that waits for time")]
pub(crate) async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}
