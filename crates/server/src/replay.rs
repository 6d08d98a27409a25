//! `tandem replay`: what another workflow would have done with the tasks of the last hours.

use crate::config::Place;
use base::{Timestamp, WorkflowSid, WorkspaceSid};
use engine::routing::replay::{Bounds, Changed, Course, Ending, ReplayError, Report, Sums, replay};
use engine::routing::{Workspace, workflow::Definition};
use std::fmt::Write;
use std::time::Duration;
use store::{Loaded, RecordingError, Store, StoreError};

/// Longest time that can be replayed.
const SINCE_MAX: Duration = Duration::from_secs(366 * 86_400);

/// What is to be replayed.
pub struct Asked<'a> {
    /// Where the store is.
    pub place: &'a Place,
    /// The workspace.
    pub workspace: WorkspaceSid,
    /// The workflow to replace; may be left out where there is only one that fits.
    pub workflow: Option<WorkflowSid>,
    /// The draft's text.
    pub configuration: String,
    /// From when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// There is no store there.
    #[error("there is no store in {0}")]
    NoStore(String),
    /// It cannot be opened or read.
    #[error("could not read the store")]
    Store(#[from] StoreError),
    /// There is no workspace of this SID.
    #[error("there is no workspace {0}")]
    NoWorkspace(WorkspaceSid),
    /// No recording.
    #[error("could not read what was recorded")]
    Recording(#[from] RecordingError),
    /// It cannot be replayed.
    #[error("could not replay")]
    Replay(#[from] ReplayError),
    /// Not clear which workflow is meant.
    #[error("the workspace has {0} workflows: name the one to replace with --replaces WW…")]
    WhichWorkflow(usize),
}

/// `24h`, `90m`, `7d`, `30s`: how long before now.
pub fn span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("'{text}' is not a time such as 24h, 90m or 7d");
    let (number, unit) = text.split_at(text.len() - text.chars().next_back().map_or(0, char::len_utf8));
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    match number.checked_mul(unit).map(Duration::from_secs) {
        Some(span) if !span.is_zero() && span <= SINCE_MAX => Ok(span),
        _ => Err(format!("'{text}' is not between 1s and 366d")),
    }
}

/// Reads the store (which a running server may have open) and prints what the draft would have changed.
pub async fn run(asked: Asked<'_>) -> Result<String, Trouble> {
    asked.place.there().map_err(Trouble::NoStore)?;
    let store = Store::open(&asked.place.options())?;
    let report = of(&store, asked).await;
    tokio::task::block_in_place(|| store.close());
    report
}

async fn of(store: &Store, asked: Asked<'_>) -> Result<String, Trouble> {
    let loaded = store.load(asked.workspace).await?.ok_or(Trouble::NoWorkspace(asked.workspace))?;
    let now = present(loaded)?.ok_or(Trouble::NoWorkspace(asked.workspace))?;
    let workflow = match asked.workflow {
        Some(workflow) => workflow,
        None => only_workflow(&now, &asked.configuration)?,
    };
    let recording = store.recording(asked.workspace, workflow, asked.since, Bounds::default()).await?;
    let report = replay(recording, &asked.configuration, asked.until)?;
    Ok(print(&now, &report))
}

/// The workspace as it is now, for its names.
fn present(loaded: Loaded) -> Result<Option<Workspace>, StoreError> {
    let Some((_, json)) = loaded.snapshot else { return Ok(Workspace::replay(loaded.tail)) };
    let snapshot = serde_json::from_str(&json).map_err(|why| StoreError::Corrupt(why.to_string()))?;
    let mut workspace = Workspace::restore(snapshot);
    loaded.tail.iter().for_each(|recorded| workspace.apply(recorded));
    Ok(Some(workspace))
}

/// The only workflow, or the only one that shares a queue with the draft.
fn only_workflow(workspace: &Workspace, configuration: &str) -> Result<WorkflowSid, Trouble> {
    let queues = |definition: &Definition| definition.queues().map(|(queue, _)| queue).collect::<Vec<_>>();
    let wanted = Definition::parse(configuration).map(|draft| queues(&draft)).unwrap_or_default();
    let all: Vec<WorkflowSid> = workspace.workflows().map(|workflow| workflow.sid).collect();
    let related: Vec<WorkflowSid> = (all.iter().copied())
        .filter(|sid| {
            let named = workspace.definition(*sid).map(|definition| queues(definition)).unwrap_or_default();
            named.iter().any(|queue| wanted.contains(queue))
        })
        .collect();
    match (all.as_slice(), related.as_slice()) {
        ([only], _) | (_, [only]) => Ok(*only),
        _ => Err(Trouble::WhichWorkflow(all.len())),
    }
}

fn print(workspace: &Workspace, report: &Report) -> String {
    let mut lines = String::new();
    // Writing into a String cannot fail.
    let _ = writeln!(
        lines,
        "{} tasks from {} to {}; {} would have gone elsewhere, {} would have waited longer, {} less.",
        report.tasks,
        report.since.iso8601(),
        report.until.iso8601(),
        report.elsewhere,
        report.waited_longer,
        report.waited_less
    );
    let _ = writeln!(
        lines,
        "The replay of the workflow as it was agrees with what happened for {} of {} tasks.",
        report.as_recorded, report.tasks
    );
    if report.not_played > 0 {
        let _ = writeln!(lines, "{} recorded changes could not be replayed.", report.not_played);
    }
    for changed in &report.changed {
        let _ = writeln!(lines, "  {}", line(workspace, changed));
    }
    if report.elsewhere > report.changed.len() {
        let _ = writeln!(lines, "  … and {} more", report.elsewhere - report.changed.len());
    }
    if !report.queues.is_empty() {
        let _ = writeln!(lines, "Per queue, as it was and with the draft:");
    }
    for queue in &report.queues {
        let name = if queue.queue.is_none() { "(no queue)" } else { &queue.friendly_name };
        let _ = writeln!(lines, "  {name}: {} -> {}", sums(&queue.before), sums(&queue.after));
    }
    lines
}

fn sums(sums: &Sums) -> String {
    let (mean, most) = (sums.waited_mean(), Duration::from_millis(sums.waited_max_ms));
    format!(
        "{} tasks, {} taken, waited {} s on average and {} s at most",
        sums.tasks,
        sums.taken,
        tenths(mean),
        tenths(most)
    )
}

fn tenths(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64())
}

fn line(workspace: &Workspace, changed: &Changed) -> String {
    let way = |course: &Course| {
        let queue = course.queue.and_then(|sid| workspace.task_queue(sid)).map(|q| q.friendly_name.as_str());
        let worker = course.worker.and_then(|sid| workspace.worker(sid)).map(|w| w.friendly_name.as_str());
        let queue = queue.unwrap_or("a queue that is gone");
        let wait = tenths(Duration::from_millis(course.waited_ms));
        match course.ending {
            Ending::Taken => format!("{queue}, {} after {wait} s", worker.unwrap_or("a worker who is gone")),
            Ending::Canceled => format!("{queue}, canceled after {wait} s"),
            Ending::Waiting => format!("{queue}, waits for {wait} s"),
            Ending::Refused => "refused: no filter takes it".to_owned(),
        }
    };
    format!(
        "{} of {}: {} -> {}",
        changed.task,
        changed.created.iso8601(),
        way(&changed.before),
        way(&changed.after)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_and_a_unit() {
        assert_eq!(span("24h"), Ok(Duration::from_secs(86_400)));
        assert_eq!(span("90m"), Ok(Duration::from_secs(5_400)));
        assert_eq!(span("7d"), Ok(Duration::from_secs(604_800)));
        for wrong in ["", "h", "24", "0h", "-1h", "400d", "1w", "2ü", "99999999999999999999s"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }
}
