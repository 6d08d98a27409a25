//! A process made to be killed: opens the store in a folder, lives through tasks on all sides at once, and says on standard
//! output what was acknowledged, one line each, at once. `tests/kill9.rs` kills it and looks at what is left.
//!
//! `journal_load STORE SEED`, where the store is a folder or `postgres://…`. Lines: `workspace WS…`, `created WT…`, `accepted WR… WT…`, `completed WT…`.

extern crate tandem_owner as owner;

use base::*;
use engine::routing::Workspace;
use engine::routing::command::*;
use engine::routing::model::{ReservationStatus, TaskStatus};
use owner::{AskError, Workspaces, WorkspacesSettings};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use store::{Options, Store};
use tokio::task::JoinSet;

/// Task lives under way at once.
const LIVES: usize = 24;
/// More workers than lives, so that every task is offered at once.
const WORKERS: u32 = 32;
const TASK_TIMEOUT: Duration = Duration::from_secs(3_600);

type Failed = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let mut args = std::env::args().skip(1);
    let place = args.next().ok_or("which store?")?;
    let seed: u64 = args.next().ok_or("which seed?")?.parse()?;
    let options = match place.starts_with("postgres://") {
        true => Options::database(place),
        false => Options::file(PathBuf::from(place).join("tandem.sqlite")),
    };
    let store = Store::open(&options)?;
    let settings = WorkspacesSettings { store, clock: clock(), entropy: Entropy::seeded(seed) };
    let workspaces = Workspaces::start(settings).await?;
    let account = AccountSid([1; 16]);
    let sid = match workspaces.list(account).first() {
        Some(sid) => *sid,
        None => furnish(&workspaces, account).await?,
    };
    tell(format_args!("workspace {sid}"))?;
    finish_what_others_left(&workspaces, sid).await?;
    let mut lives = JoinSet::new();
    for _ in 0..LIVES {
        lives.spawn(live(workspaces.clone(), sid));
    }
    while let Some(ended) = lives.join_next().await {
        ended??;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "this is a whole program, with the machine's clock")]
fn clock() -> Clock {
    let start = Instant::now();
    Clock::new(move || {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let wall = i64::try_from(micros(wall)).unwrap_or(i64::MAX);
        Now { mono: Mono(micros(start.elapsed())), wall: Timestamp(wall) }
    })
}

/// One whole line: a killed process leaves no half ones before the last.
fn tell(line: std::fmt::Arguments<'_>) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes())?;
    out.flush()
}

/// A workspace with workers, a queue and a workflow. Being killed half-way leaves one without; the next process adds
/// what is missing.
async fn furnish(workspaces: &Workspaces, account: AccountSid) -> Result<WorkspaceSid, Failed> {
    let new = NewWorkspace {
        friendly_name: "Load".to_owned(),
        multi_task_enabled: true,
        event_callback_url: "http://127.0.0.1:9/events".to_owned(),
        events_filter: Some("reservation.accepted".to_owned()),
        fifo_template: true,
        ..Default::default()
    };
    Ok(workspaces.create(account, new).await?)
}

async fn finish_what_others_left(workspaces: &Workspaces, sid: WorkspaceSid) -> Result<(), Failed> {
    let (names, available) = workspaces
        .read(sid, |state, _| {
            let names: Vec<String> = state.workers().map(|worker| worker.friendly_name.clone()).collect();
            (names, state.activities().find(|activity| activity.available).map(|activity| activity.sid))
        })
        .await?;
    let mut hiring = JoinSet::new();
    for friendly_name in (0..WORKERS).map(|n| format!("worker {n}")).filter(|name| !names.contains(name)) {
        let (workspaces, attributes) = (workspaces.clone(), Default::default());
        let command = Command::CreateWorker { friendly_name, activity: available, attributes };
        hiring.spawn(async move { workspaces.ask(sid, command).await });
    }
    while let Some(hired) = hiring.join_next().await {
        hired??;
    }
    let open: Vec<TaskSid> = workspaces
        .read(sid, |state, _| {
            state.tasks().filter(|task| !task.status.is_terminal()).map(|task| task.sid).collect()
        })
        .await?;
    for task in open {
        end(workspaces, sid, task).await?;
    }
    Ok(())
}

/// Offered, accepted, completed, again and again.
async fn live(workspaces: Workspaces, sid: WorkspaceSid) -> Result<(), Failed> {
    loop {
        let new = NewTask {
            workflow: None,
            attributes: Default::default(),
            priority: 0,
            timeout: TASK_TIMEOUT,
            channel: None,
            virtual_start: None,
            routing_target: None,
            ignore_capacity: None,
            queue: None,
        };
        let created = workspaces
            .ask_and_read(sid, Command::CreateTask(new), |state, _, answer| match answer {
                Answer::Task(task) => Some((*task, offer_of(state, *task))),
                _ => None,
            })
            .await?;
        let (task, offer) = created.ok_or("a task was not answered with a task")?;
        tell(format_args!("created {task}"))?;
        if let Some(reservation) = offer {
            let accept = Command::UpdateReservation {
                sid: reservation,
                if_match: None,
                status: ReservationStatus::Accepted,
                activity: None,
            };
            match workspaces.ask(sid, accept).await {
                Ok(_) => tell(format_args!("accepted {reservation} {task}"))?,
                Err(AskError::Refused(_)) => {}
                Err(other) => return Err(other.into()),
            }
        }
        end(&workspaces, sid, task).await?;
    }
}

fn offer_of(state: &Workspace, task: TaskSid) -> Option<ReservationSid> {
    let task = state.task(task)?;
    let offers = task.reservations.iter().filter_map(|sid| state.reservation(*sid));
    offers.filter(|one| one.status == ReservationStatus::Pending).map(|one| one.sid).next()
}

/// Completes an assigned task, cancels one that is not.
async fn end(workspaces: &Workspaces, sid: WorkspaceSid, task: TaskSid) -> Result<(), Failed> {
    let mut refused = None;
    for (status, word) in [(TaskStatus::Completed, "completed"), (TaskStatus::Canceled, "canceled")] {
        let reason = Some("load".to_owned());
        let change = TaskChange { status: Some(status), reason, ..Default::default() };
        match workspaces.ask(sid, Command::UpdateTask { sid: task, if_match: None, change }).await {
            Ok(_) => {
                tell(format_args!("{word} {task}"))?;
                return Ok(());
            }
            Err(AskError::Refused(why)) => refused = Some(why),
            Err(other) => return Err(other.into()),
        }
    }
    Err(format!("{task} can be neither completed nor canceled: {refused:?}").into())
}
