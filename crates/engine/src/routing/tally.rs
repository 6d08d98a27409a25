//! Unfinished tasks, counted: real-time statistics read these instead of going through a hundred thousand tasks.

use super::model::*;
use base::*;
use std::collections::{BTreeMap, BTreeSet};

/// The smallest group that any figure is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cell {
    pub queue: Option<TaskQueueSid>,
    pub workflow: WorkflowSid,
    pub channel: TaskChannelSid,
}

/// What is counted of one cell. A cell without tasks is not kept.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Counts {
    pub by_status: BTreeMap<TaskStatus, u64>,
    pub by_priority: BTreeMap<u32, u64>,
    /// Pending and reserved tasks by creation.
    pub waiting: BTreeSet<(Timestamp, TaskSid)>,
    /// The same by entry into their queue.
    pub queued: BTreeSet<(Timestamp, TaskSid)>,
}

/// As a task was counted.
#[derive(Debug, Clone, PartialEq)]
struct Counted {
    cell: Cell,
    status: TaskStatus,
    priority: u32,
    created: Timestamp,
    entered: Option<Timestamp>,
}

/// Counts by cell; a task that changes costs a few tree steps, whatever the size of the workspace.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Tally {
    cells: BTreeMap<Cell, Counts>,
    counted: BTreeMap<TaskSid, Counted>,
}

impl Tally {
    /// Counts the task as it is now. One that is finished is counted no more.
    pub fn note(&mut self, task: &Task) {
        let now = (!task.status.is_terminal()).then_some(Counted {
            cell: Cell { queue: task.queue, workflow: task.workflow, channel: task.channel },
            status: task.status,
            priority: task.priority,
            created: task.created,
            entered: task.queue_entered,
        });
        if self.counted.get(&task.sid) == now.as_ref() {
            return;
        }
        if let Some(before) = self.counted.remove(&task.sid) {
            self.take(task.sid, &before);
        }
        if let Some(now) = now {
            self.add(task.sid, &now);
            self.counted.insert(task.sid, now);
        }
    }

    /// The cells, those of one queue next to each other.
    pub fn cells(&self, queue: Option<TaskQueueSid>) -> impl Iterator<Item = (&Cell, &Counts)> {
        let first = Cell { queue, workflow: WorkflowSid([0; 16]), channel: TaskChannelSid([0; 16]) };
        let from = match queue {
            Some(_) => self.cells.range(first..),
            None => self.cells.range(..),
        };
        from.take_while(move |(cell, _)| queue.is_none() || cell.queue == queue)
    }

    fn add(&mut self, sid: TaskSid, of: &Counted) {
        let counts = self.cells.entry(of.cell).or_default();
        *counts.by_status.entry(of.status).or_default() += 1;
        *counts.by_priority.entry(of.priority).or_default() += 1;
        if waits(of.status) {
            counts.waiting.insert((of.created, sid));
            counts.queued.extend(of.entered.map(|entered| (entered, sid)));
        }
    }

    fn take(&mut self, sid: TaskSid, of: &Counted) {
        let Some(counts) = self.cells.get_mut(&of.cell) else { return };
        less(&mut counts.by_status, of.status);
        less(&mut counts.by_priority, of.priority);
        if waits(of.status) {
            counts.waiting.remove(&(of.created, sid));
            if let Some(entered) = of.entered {
                counts.queued.remove(&(entered, sid));
            }
        }
        if counts.by_status.is_empty() {
            self.cells.remove(&of.cell);
        }
    }
}

/// Nobody has taken it yet.
fn waits(status: TaskStatus) -> bool {
    matches!(status, TaskStatus::Pending | TaskStatus::Reserved)
}

fn less<K: Ord>(counts: &mut BTreeMap<K, u64>, key: K) {
    if let Some(count) = counts.get_mut(&key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&key);
        }
    }
}
