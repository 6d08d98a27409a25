use crate::model::Row;
use base::*;
use engine::routing::effect::Parameters;
use engine::routing::event::Recorded;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many events a journal holds: the number of its last event, counted from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seq(pub u64);

impl Seq {
    /// This many events later.
    #[must_use]
    pub fn plus(self, events: usize) -> Seq {
        Seq(self.0 + events as u64)
    }
}

impl std::fmt::Display for Seq {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Events for the journal of one workspace.
#[derive(Debug, Clone, PartialEq)]
pub struct Append {
    /// Whose journal.
    pub workspace: WorkspaceSid,
    /// Where the journal must be, or nothing is written. Zero begins a journal: the first event must then be
    /// `WorkspaceCreated`.
    pub expected: Seq,
    /// At least one.
    pub events: Vec<Arc<Recorded>>,
    /// What the API tells of those events that it knows.
    pub told: BTreeMap<EventSid, Telling>,
}

/// What the API tells of an event, beside when it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telling {
    /// The API's type, `reservation.accepted`.
    pub event_type: String,
    /// The parameters of its callback. Of a name that comes twice the last counts.
    pub parameters: Parameters,
}

impl Telling {
    /// The last value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// An event as the Events resource shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The event.
    pub sid: EventSid,
    /// When.
    pub at: Timestamp,
    /// What is told of it.
    pub telling: Telling,
}

/// Which events the API is asked for: every condition that is set must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ToldFilter {
    /// Of one of these types; empty is all.
    pub event_types: Vec<String>,
    /// This event.
    pub sid: Option<EventSid>,
    /// About this task.
    pub task: Option<TaskSid>,
    /// About this worker.
    pub worker: Option<WorkerSid>,
    /// About this reservation.
    pub reservation: Option<ReservationSid>,
    /// About this queue, or a task in it.
    pub queue: Option<TaskQueueSid>,
    /// About this workflow, or a task of it.
    pub workflow: Option<WorkflowSid>,
    /// About this task channel, or a task on it.
    pub channel: Option<TaskChannelSid>,
    /// At or after.
    pub from: Option<Timestamp>,
    /// Before.
    pub before: Option<Timestamp>,
}

/// Things that are written together or not at all.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Commit {
    /// Events, with their fence.
    pub append: Option<Append>,
    /// Rows, in order.
    pub rows: Vec<Row>,
}

/// A journal, as an owner needs it to begin.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The last snapshot and the sequence number it was taken at.
    pub snapshot: Option<(Seq, String)>,
    /// The events after the snapshot, oldest first.
    pub tail: Vec<Recorded>,
    /// Where the journal is.
    pub seq: Seq,
}

/// A workspace that has a journal and was not deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkspaceEntry {
    /// The workspace.
    pub sid: WorkspaceSid,
    /// Whose it is.
    pub account: AccountSid,
    /// Where its journal is.
    pub seq: Seq,
}

/// One row of a journal.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalRow {
    /// Its number in its workspace.
    pub seq: Seq,
    /// What happened.
    pub recorded: Recorded,
}

/// Which rows of a journal: every condition that is set must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JournalFilter {
    /// The journal's name of an event type, `task-created`.
    pub event_type: Option<String>,
    /// About this task.
    pub task: Option<TaskSid>,
    /// About this worker.
    pub worker: Option<WorkerSid>,
    /// About this reservation.
    pub reservation: Option<ReservationSid>,
    /// At or after.
    pub from: Option<Timestamp>,
    /// Before.
    pub before: Option<Timestamp>,
}
