//! What is counted, as Prometheus text. Every label has few values: routes, statuses, event kinds.

use crate::Api;
use base::WorkspaceSid;
use engine::routing::event::{Event, Recorded};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::error;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

/// The counters of a process. A cheap handle.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    decisions: Counter,
    offers: Family<KindLabels, Counter>,
    lease_expiries: Family<KindLabels, Counter>,
    deliveries: Family<KindLabels, Counter>,
    live_calls: Gauge,
    store_commits: Gauge,
    store_writes: Gauge,
    store_waiting: Gauge,
    store_up: Gauge,
    pruned: Family<KindLabels, Counter>,
    event_bridge_sockets: Gauge,
    event_bridge_messages: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut inner = Inner {
            registry: Registry::with_prefix("tandem"),
            requests: Family::default(),
            decisions: Counter::default(),
            offers: Family::default(),
            lease_expiries: Family::default(),
            deliveries: Family::default(),
            live_calls: Gauge::default(),
            store_commits: Gauge::default(),
            store_writes: Gauge::default(),
            store_waiting: Gauge::default(),
            store_up: Gauge::default(),
            pruned: Family::default(),
            event_bridge_sockets: Gauge::default(),
            event_bridge_messages: Counter::default(),
        };
        let registry = &mut inner.registry;
        registry.register("http_requests", "Answered requests by route and status", inner.requests.clone());
        registry.register("decisions", "Routing events committed", inner.decisions.clone());
        registry.register("offers", "Reservations by what became of them", inner.offers.clone());
        registry.register("lease_expiries", "States ended by their timer", inner.lease_expiries.clone());
        registry.register("webhook_deliveries", "Outgoing webhooks by outcome", inner.deliveries.clone());
        registry.register("live_calls", "Calls that are up or ringing", inner.live_calls.clone());
        registry.register("store_commits", "Transactions committed since start", inner.store_commits.clone());
        registry.register("store_writes", "Writes in those transactions", inner.store_writes.clone());
        let waiting = inner.store_waiting.clone();
        registry.register("store_waiting", "Writes that wait for the database", waiting);
        registry.register("store_up", "1 if the database answers, else 0", inner.store_up.clone());
        let pruned = inner.pruned.clone();
        registry.register("retention_pruned", "Rows removed because their time was over, by kind", pruned);
        let sockets = inner.event_bridge_sockets.clone();
        registry.register("event_bridge_sockets", "Websockets of the TaskRouter JS SDK", sockets);
        let messages = inner.event_bridge_messages.clone();
        registry.register("event_bridge_messages", "Events told to workers on websockets", messages);
        Self(Arc::new(inner))
    }
}

impl Metrics {
    pub(crate) fn answered(&self, route: &str, status: u16) {
        self.0.requests.get_or_create(&RequestLabels { route: route.to_owned(), status }).inc();
    }

    /// A routing event was committed.
    pub fn routed(&self, recorded: &Recorded) {
        self.0.decisions.inc();
        let offer = match &recorded.event {
            Event::ReservationCreated { .. } => "created",
            Event::ReservationAccepted { .. } => "accepted",
            Event::ReservationRejected { .. } => "rejected",
            Event::ReservationTimeout { .. } => "timeout",
            Event::ReservationCanceled { .. } => "canceled",
            Event::ReservationRescinded { .. } => "rescinded",
            Event::LeaseExpired { what, .. } => {
                let kind = LEASES.iter().find(|kind| what.contains(*kind)).copied().unwrap_or("other");
                self.0.lease_expiries.get_or_create(&KindLabels { kind }).inc();
                return;
            }
            _ => return,
        };
        self.0.offers.get_or_create(&KindLabels { kind: offer }).inc();
    }

    /// Rows of this kind were removed: their time was over.
    pub(crate) fn pruned(&self, kind: &'static str, rows: u64) {
        self.0.pruned.get_or_create(&KindLabels { kind }).inc_by(rows);
    }

    /// A websocket has come (1) or gone (-1).
    pub(crate) fn sockets_changed(&self, by: i64) {
        self.0.event_bridge_sockets.inc_by(by);
    }

    /// A worker was told of an event.
    pub(crate) fn told_worker(&self) {
        self.0.event_bridge_messages.inc();
    }

    /// A webhook was delivered, is to be tried again, or was given up.
    pub fn delivered(&self, outcome: &store::model::DeliveryOutcome) {
        use store::model::DeliveryOutcome::{Delivered, Failed, Retry};
        let kind = match outcome {
            Delivered { .. } => "delivered",
            Retry { .. } => "retried",
            Failed { .. } => "failed",
        };
        self.0.deliveries.get_or_create(&KindLabels { kind }).inc();
    }

    /// The text, with what is read rather than counted as it is now.
    pub(crate) async fn render(&self, api: &Api) -> String {
        let mut live = 0;
        for voice in api.voices.all() {
            live += voice.read(|switchboard, _| switchboard.live_calls().len()).await.unwrap_or_default();
        }
        self.0.live_calls.set(i64::try_from(live).unwrap_or(i64::MAX));
        let counts = api.store.counts();
        self.0.store_commits.set(i64::try_from(counts.commits).unwrap_or(i64::MAX));
        self.0.store_writes.set(i64::try_from(counts.writes).unwrap_or(i64::MAX));
        self.0.store_waiting.set(i64::try_from(api.store.waiting()).unwrap_or(i64::MAX));
        self.0.store_up.set(i64::from(crate::health::reachable(&api.store).await));
        let mut text = String::new();
        if let Err(why) = encode(&mut text, &self.0.registry) {
            error!("could not write the metrics: {why}");
        }
        text
    }
}

/// How often new workspaces are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Counts what all workspaces decide, until `stop`.
pub async fn count_decisions(metrics: Metrics, workspaces: owner::Workspaces, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut counting: JoinSet<WorkspaceSid> = JoinSet::new();
    let mut known = BTreeSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            Some(ended) = counting.join_next() => {
                // Deleted, or its owner was replaced: found again by the next look if it is there.
                if let Ok(ws) = ended {
                    known.remove(&ws);
                }
            }
            _ = ticks.tick() => {
                for ws in workspaces.all() {
                    if known.insert(ws) {
                        let (metrics, events) = (metrics.clone(), workspaces.subscribe(ws));
                        counting.spawn(async move {
                            count_of(&metrics, events).await;
                            ws
                        });
                    }
                }
            }
        }
    }
}

async fn count_of(metrics: &Metrics, mut events: broadcast::Receiver<Arc<Recorded>>) {
    loop {
        match events.recv().await {
            Ok(recorded) => metrics.routed(&recorded),
            Err(broadcast::error::RecvError::Lagged(missed)) => drop(metrics.0.decisions.inc_by(missed)),
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

/// Kinds of leases, as far as metrics tell them apart.
const LEASES: &[&str] =
    &["reservation", "instruction", "park", "recall", "notice", "wrap", "task", "target", "step"];
