//! What another workflow would have done with the tasks of a recorded time.
//!
//! The journal is read into a [`Recording`]: the workspace as it was at the start, and the events since. From these
//! [`replay`] plays the time twice, once with the workflow as it was and once with the draft, with the same callers and
//! the same people: tasks are created and given up when they were, workers change activity, attributes and capacity
//! when they did, an offer is answered as that worker answered that task (or, if it never met them, as somebody answered
//! it, or after the usual time), and work on a task takes as long as it took. What differs between the two plays is
//! therefore the draft's doing. How well the first play matches what really happened is told beside it
//! ([`Report::as_recorded`]).
//!
//! Not played: transfers (the first worker keeps the task until its end), parked calls, a supervisor's hand. An offer that
//! was being carried out beyond its time is answered just before that time.
//!
//! The same recording and draft give the same report, word for word.

mod course;
mod people;
mod play;

pub use course::{Course, Ending};

use super::command::{Command, RoutingError, WorkflowChange};
use super::event::{Event, Recorded};
use super::workspace::Workspace;
use base::*;
use course::Courses;
use people::People;
use play::Play;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// Tasks that one replay may create.
pub const REPLAY_TASKS_MAX: usize = 50_000;
/// Events of the recorded time that one replay may read.
pub const REPLAY_EVENTS_MAX: usize = 1_000_000;
/// Events before the recorded time that one replay may read to find its beginning.
pub const REPLAY_HISTORY_MAX: usize = 10_000_000;
/// Tasks that a report lists; the others are counted.
pub const REPLAY_LISTED_MAX: usize = 1_000;
/// Seed of the plays: their new SIDs never leave them.
const SEED: u64 = 0;

/// How much one replay may read and play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Tasks created in the recorded time.
    pub tasks_max: usize,
    /// Events of the recorded time.
    pub events_max: usize,
    /// Events before it.
    pub history_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { tasks_max: REPLAY_TASKS_MAX, events_max: REPLAY_EVENTS_MAX, history_max: REPLAY_HISTORY_MAX }
    }
}

/// A recorded time of a workflow: the workspace at its start, and what happened since.
#[derive(Debug, Clone)]
pub struct Recording {
    workflow: WorkflowSid,
    since: Timestamp,
    bounds: Bounds,
    before: usize,
    tasks: usize,
    start: Option<Workspace>,
    events: Vec<Recorded>,
}

/// Why there is no report.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ReplayError {
    /// The journal does not begin with the workspace's creation: its older part was removed.
    #[error("the journal does not reach back to the workspace's creation")]
    NoBeginning,
    /// There was no such workflow in the recorded time, or it has gone again.
    #[error("there was no workflow {0} in the recorded time")]
    NoWorkflow(WorkflowSid),
    /// The draft is no valid configuration.
    #[error("the draft was refused: {0}")]
    Draft(#[source] RoutingError),
    /// More than the bounds allow.
    #[error("more than {most} {what} in the recorded time: choose a later start")]
    TooMuch {
        /// Tasks, events, steps.
        what: &'static str,
        /// The bound.
        most: usize,
    },
}

/// What another workflow would have done.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The workflow that the draft would replace.
    pub workflow: WorkflowSid,
    /// The recorded time's start.
    pub since: Timestamp,
    /// Its end.
    pub until: Timestamp,
    /// Tasks created in it.
    pub tasks: usize,
    /// Tasks whose queue and worker are the same in the first play and in the recording: how far to trust the plays.
    pub as_recorded: usize,
    /// Tasks that would have gone to another queue or worker, or ended otherwise.
    pub elsewhere: usize,
    /// Tasks that would have waited longer.
    pub waited_longer: usize,
    /// Tasks that would have waited less.
    pub waited_less: usize,
    /// Events of the recorded time that could not be played (a change that was refused in the play).
    pub not_played: usize,
    /// Those that would have gone elsewhere, in the order of their creation; at most [`REPLAY_LISTED_MAX`].
    pub changed: Vec<Changed>,
    /// Sums per queue in which tasks were taken or left, with the workflow as it was and with the draft.
    pub queues: Vec<QueueSums>,
}

/// A task that would have gone elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Changed {
    /// The task.
    pub task: TaskSid,
    /// When it was created.
    pub created: Timestamp,
    /// What really happened.
    pub recorded: Course,
    /// With the workflow as it was.
    pub before: Course,
    /// With the draft.
    pub after: Course,
}

/// Sums of one queue.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueueSums {
    /// The queue; `None` for tasks that were in none.
    pub queue: Option<TaskQueueSid>,
    /// Its name.
    pub friendly_name: String,
    /// With the workflow as it was.
    pub before: Sums,
    /// With the draft.
    pub after: Sums,
}

/// Sums over tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Sums {
    /// Tasks that were taken from there, or left it, or still wait there.
    pub tasks: usize,
    /// Those that were taken.
    pub taken: usize,
    /// Waiting times together, in milliseconds.
    pub waited_ms: u64,
    /// The longest, in milliseconds.
    pub waited_max_ms: u64,
}

impl Sums {
    fn add(&mut self, course: &Course) {
        self.tasks += 1;
        self.taken += usize::from(course.ending == Ending::Taken);
        self.waited_ms += course.waited_ms;
        self.waited_max_ms = self.waited_max_ms.max(course.waited_ms);
    }

    /// The mean waiting time.
    pub fn waited_mean(&self) -> Duration {
        Duration::from_millis(self.waited_ms.checked_div(self.tasks as u64).unwrap_or(0))
    }
}

impl Recording {
    /// A recording that starts at `since`, or when `workflow` was created if that was later. Push the whole journal,
    /// from its first event.
    pub fn new(workflow: WorkflowSid, since: Timestamp, bounds: Bounds) -> Self {
        Self { workflow, since, bounds, before: 0, tasks: 0, start: None, events: Vec::new() }
    }

    /// Takes the journal's next event.
    pub fn push(&mut self, recorded: Recorded) -> Result<(), ReplayError> {
        let has_begun = !self.events.is_empty()
            || recorded.at >= self.since
                && self.start.as_ref().is_some_and(|start| start.workflow(self.workflow).is_some());
        if has_begun { self.keep(recorded) } else { self.go_on(&recorded) }
    }

    fn keep(&mut self, recorded: Recorded) -> Result<(), ReplayError> {
        self.tasks += usize::from(matches!(recorded.event, Event::TaskCreated { .. }));
        if self.tasks > self.bounds.tasks_max {
            return Err(ReplayError::TooMuch { what: "tasks", most: self.bounds.tasks_max });
        }
        if self.events.len() == self.bounds.events_max {
            return Err(ReplayError::TooMuch { what: "events", most: self.bounds.events_max });
        }
        self.events.push(recorded);
        Ok(())
    }

    /// Brings the workspace to the start.
    fn go_on(&mut self, recorded: &Recorded) -> Result<(), ReplayError> {
        if self.before == self.bounds.history_max {
            return Err(ReplayError::TooMuch { what: "earlier events", most: self.bounds.history_max });
        }
        self.before += 1;
        match &mut self.start {
            Some(start) => start.apply(recorded),
            None => self.start = Some(Workspace::replay([recorded.clone()]).ok_or(ReplayError::NoBeginning)?),
        }
        self.since = self.since.max(recorded.at);
        Ok(())
    }
}

/// Plays the recorded time, up to `until`, with the workflow as it was and with `draft`, a workflow document, in
/// its place.
pub fn replay(recording: Recording, draft: &str, until: Timestamp) -> Result<Report, ReplayError> {
    let Recording { workflow, since, start, events, .. } = recording;
    let start =
        start.filter(|start| start.workflow(workflow).is_some()).ok_or(ReplayError::NoWorkflow(workflow))?;
    let until = until.max(since);
    let mut drafted = start.clone();
    let change = WorkflowChange { configuration: Some(draft.to_owned()), ..WorkflowChange::default() };
    let update = Command::UpdateWorkflow { sid: workflow, change };
    drafted.decide(update, since, &mut Entropy::seeded(SEED)).map_err(ReplayError::Draft)?;

    let people = People::watch(&start, &events, until);
    let mut recorded = Courses::default();
    events.iter().for_each(|event| recorded.note(event));
    let recorded = recorded.done(until);
    let before = Play::new(start, since, until, &events, &people, None).run()?;
    let after = Play::new(drafted, since, until, &events, &people, Some(workflow)).run()?;

    let mut report = Report {
        workflow,
        since,
        until,
        tasks: recorded.len(),
        as_recorded: 0,
        elsewhere: 0,
        waited_longer: 0,
        waited_less: 0,
        not_played: before.not_played.max(after.not_played),
        changed: Vec::new(),
        queues: Vec::new(),
    };
    let mut queues: BTreeMap<Option<TaskQueueSid>, (Sums, Sums)> = BTreeMap::new();
    let mut created = events.iter().filter_map(|recorded| match &recorded.event {
        Event::TaskCreated { task } => Some((task.sid, recorded.at)),
        _ => None,
    });
    created.by_ref().for_each(|(task, created)| {
        let refused = Course::refused();
        let of = |courses: &BTreeMap<TaskSid, Course>| courses.get(&task).cloned().unwrap_or(refused.clone());
        let (was, first, second) = (of(&recorded), of(&before.courses), of(&after.courses));
        report.as_recorded += usize::from(was.goes_where(&first));
        report.waited_longer += usize::from(second.waited_ms > first.waited_ms);
        report.waited_less += usize::from(second.waited_ms < first.waited_ms);
        queues.entry(first.queue).or_default().0.add(&first);
        queues.entry(second.queue).or_default().1.add(&second);
        if !first.goes_where(&second) {
            report.elsewhere += 1;
            if report.changed.len() < REPLAY_LISTED_MAX {
                report.changed.push(Changed { task, created, recorded: was, before: first, after: second });
            }
        }
    });
    report.queues = queues
        .into_iter()
        .map(|(queue, (first, second))| QueueSums {
            queue,
            friendly_name: queue
                .and_then(|sid| after.end.task_queue(sid).or_else(|| before.end.task_queue(sid)))
                .map_or_else(String::new, |queue| queue.friendly_name.clone()),
            before: first,
            after: second,
        })
        .collect();
    Ok(report)
}
