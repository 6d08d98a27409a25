//! Sync objects whose time is over go away by themselves.

use base::Clock;
use std::time::Duration;
use store::Store;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error};

/// How often the store is asked; an object is gone at most this long after its time (readers never see it late).
const EVERY: Duration = Duration::from_secs(1);
/// Objects removed in one transaction.
const AT_ONCE: u32 = 1_000;

/// Removes expired maps and items until `stop`.
pub async fn sweep(store: Store, clock: Clock, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let swept = sweep_once(&store, &clock).await;
        // Said once for as long as it goes on.
        if let Err(why) = &swept
            && !failing
        {
            error!("could not remove expired Sync objects: {why}; trying again every second");
        }
        failing = swept.is_err();
    }
}

async fn sweep_once(store: &Store, clock: &Clock) -> Result<(), store::StoreError> {
    while store.sync_next_expiry().await?.is_some_and(|at| at <= clock.now().wall) {
        let removed = store.sync_sweep(clock.now().wall, AT_ONCE).await?;
        if removed.is_empty() {
            break;
        }
        debug!(removed = removed.len(), "removed {} expired Sync objects", removed.len());
    }
    Ok(())
}
