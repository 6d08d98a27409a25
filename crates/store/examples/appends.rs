//! How many events a store takes: `appends STORE WORKSPACES EVENTS SECONDS`.
//!
//! STORE is a folder or `postgres://…`, best with a schema of its own (`?schema=bench`). Every workspace appends EVENTS
//! events at a time and waits until they are durable, as its owner does. Two of these on one database show what its lock
//! costs.

extern crate tandem_store as store;

use base::*;
use engine::routing::event::{Event, Recorded};
use engine::routing::model::{Activity, QueueOrder, WorkspaceSettings};
use std::time::{Duration, Instant};
use store::{Options, Seq, Store};
use tokio::task::JoinSet;

type Failed = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "its answer")]
async fn main() -> Result<(), Failed> {
    let mut args = std::env::args().skip(1);
    let mut next = |what: &str| args.next().ok_or(format!("which {what}?"));
    let (place, workspaces) = (next("store")?, next("number of workspaces")?.parse::<u32>()?);
    let (events, seconds) = (next("number of events")?.parse::<u32>()?, next("seconds")?.parse::<u64>()?);
    let options = match place.starts_with("postgres") {
        true => Options::database(place),
        false => Options::file(std::path::PathBuf::from(place).join("bench.sqlite")),
    };
    let store = Store::open(&options)?;
    let mut entropy = Entropy::seeded(u64::from(std::process::id()));
    let started = now();
    let end = started + Duration::from_secs(seconds);
    let mut running: JoinSet<Result<u64, Failed>> = JoinSet::new();
    for _ in 0..workspaces {
        let (store, mut entropy) = (store.clone(), entropy.fork());
        running.spawn(async move {
            let sid = WorkspaceSid::generate(&mut entropy);
            let mut seq = store.append(sid, Seq(0), &[created(sid, &mut entropy)]).await?;
            let mut appends = 0;
            while now() < end {
                let some: Vec<_> = (0..events).map(|_| event(&mut entropy)).collect();
                seq = store.append(sid, seq, &some).await?;
                appends += 1;
            }
            Ok(appends)
        });
    }
    let mut appends = 0;
    while let Some(ended) = running.join_next().await {
        appends += ended??;
    }
    let took = started.elapsed().as_secs_f64();
    let counts = store.counts();
    println!(
        "{:.0} appends and {:.0} events a second, {:.0} commits a second of {:.1} appends each",
        appends as f64 / took,
        appends as f64 * f64::from(events) / took,
        counts.commits as f64 / took,
        counts.writes as f64 / counts.commits as f64
    );
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a program of its own that measures time")]
fn now() -> Instant {
    Instant::now()
}

fn created(sid: WorkspaceSid, entropy: &mut Entropy) -> Recorded {
    let activity = ActivitySid::generate(entropy);
    let settings = WorkspaceSettings {
        sid,
        account: AccountSid([1; 16]),
        friendly_name: "Bench".to_owned(),
        event_callback_url: String::new(),
        events_filter: None,
        multi_task_enabled: true,
        prioritize_queue_order: QueueOrder::Fifo,
        default_activity: activity,
        timeout_activity: activity,
        voice_policy: None,
        created: Timestamp(1),
        updated: Timestamp(1),
    };
    recorded(Event::WorkspaceCreated { settings }, entropy)
}

fn event(entropy: &mut Entropy) -> Recorded {
    let activity = Activity {
        sid: ActivitySid::generate(entropy),
        friendly_name: "an event about as long as most".to_owned(),
        available: true,
        created: Timestamp(1),
        updated: Timestamp(1),
    };
    recorded(Event::ActivityCreated { activity }, entropy)
}

fn recorded(event: Event, entropy: &mut Entropy) -> Recorded {
    Recorded { sid: EventSid::generate(entropy), at: Timestamp(1), event }
}
