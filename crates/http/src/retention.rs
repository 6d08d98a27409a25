//! What is kept only for a time: events of the journals, and deliveries that are finished.

use crate::Metrics;
use base::{Clock, Timestamp};
use owner::{AskError, Workspaces};
use std::time::Duration;
use store::{Store, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

/// How often is looked.
const EVERY: Duration = Duration::from_secs(600);
/// Rows removed in one transaction: others wait that long.
const AT_ONCE: u32 = 1_000;

/// How long things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Events of the journals; `None`: for ever.
    pub events: Option<Duration>,
    /// Outgoing webhooks that were delivered or given up; `None`: for ever.
    pub deliveries: Option<Duration>,
}

/// Removes what is over now and then, until `stop`.
pub async fn retain(
    store: Store,
    workspaces: Workspaces,
    clock: Clock,
    metrics: Metrics,
    kept: Retention,
    stop: CancellationToken,
) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let once = retain_once(&store, &workspaces, &clock, &metrics, kept);
        if let Some(Err(why)) = stop.run_until_cancelled(once).await {
            error!("could not remove what is no longer kept: {why}");
        }
    }
}

/// Removes everything that is over by `clock`, some at a time.
///
/// An event that a restart would need is only removed once a snapshot covers it. A busy workspace takes one now and then; a
/// quiet one is asked for one when its oldest event is over.
pub async fn retain_once(
    store: &Store,
    workspaces: &Workspaces,
    clock: &Clock,
    metrics: &Metrics,
    kept: Retention,
) -> Result<(), StoreError> {
    let now = clock.now().wall;
    if let Some(events) = kept.events {
        let before = before(now, events);
        for workspace in store.journal_uncovered(before).await? {
            match workspaces.keep_snapshot(workspace).await {
                Ok(()) => debug!(workspace.sid = %workspace, "kept a snapshot of workspace {workspace}"),
                // It was deleted a moment ago.
                Err(AskError::Missing(_)) => {}
                Err(why) => warn!(
                    workspace.sid = %workspace,
                    "old events of workspace {workspace} stay: no snapshot of it could be kept: {why}"
                ),
            }
        }
        let mut removed = 0;
        loop {
            let some = store.journal_prune(before, AT_ONCE).await?;
            metrics.pruned("event", some);
            removed += some;
            if some < u64::from(AT_ONCE) {
                break;
            }
        }
        if removed > 0 {
            info!(removed, "removed {removed} events that are no longer kept");
        }
    }
    let Some(deliveries) = kept.deliveries else { return Ok(()) };
    loop {
        let some = store.deliveries_purge(before(now, deliveries), AT_ONCE).await?;
        metrics.pruned("delivery", some);
        if some < u64::from(AT_ONCE) {
            return Ok(());
        }
    }
}

fn before(now: Timestamp, kept: Duration) -> Timestamp {
    Timestamp(now.0.saturating_sub(i64::try_from(kept.as_micros()).unwrap_or(i64::MAX)))
}
