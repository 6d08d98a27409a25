//! How the people behaved: what workers did with their offers, how long work took.

use crate::routing::event::{Event, Recorded};
use crate::routing::model::*;
use crate::routing::workspace::Workspace;
use base::*;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long an offer rings where nobody has ever accepted one.
const ANSWER_USUAL: Duration = Duration::from_secs(5);
/// How long work takes where none has ever ended.
const HANDLING_USUAL: Duration = Duration::from_secs(180);
/// Kept between an answer and the end of an offer's time.
const MARGIN: Duration = Duration::from_millis(1);

/// What a worker does with an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply {
    /// Takes it after this long.
    Accept(Duration),
    /// Turns it down after this long.
    Reject(Duration),
    /// Lets it ring.
    Ignore,
}

/// How everybody behaved in the recorded time.
#[derive(Debug, Default)]
pub(super) struct People {
    replies: BTreeMap<(TaskSid, WorkerSid), Vec<Reply>>,
    answers: BTreeMap<TaskSid, Duration>,
    handling: BTreeMap<TaskSid, Duration>,
    answer_usual: Duration,
    handling_usual: Duration,
}

struct Seen {
    task: TaskSid,
    worker: WorkerSid,
    created: Timestamp,
}

impl People {
    pub fn watch(start: &Workspace, events: &[Recorded], until: Timestamp) -> Self {
        let mut people = Self::default();
        let mut offers: BTreeMap<ReservationSid, Seen> = BTreeMap::new();
        let mut taken: BTreeMap<TaskSid, Timestamp> = BTreeMap::new();
        for worker in start.workers() {
            for r in start.reservations_of(worker.sid).filter(|r| r.status.is_open()) {
                offers.insert(r.sid, Seen { task: r.task, worker: r.worker, created: r.created });
                if r.status != ReservationStatus::Pending {
                    taken.entry(r.task).or_insert(r.updated);
                }
            }
        }
        for Recorded { at, event, .. } in events {
            match event {
                Event::ReservationCreated { reservation: r } => {
                    offers.insert(r.sid, Seen { task: r.task, worker: r.worker, created: *at });
                }
                Event::ReservationAccepted { reservation } => {
                    if let Some(seen) = offers.get(reservation) {
                        let after = at.since(seen.created);
                        people.reply(seen, Reply::Accept(after));
                        people.answers.entry(seen.task).or_insert(after);
                        taken.entry(seen.task).or_insert(*at);
                    }
                }
                Event::ReservationRejected { reservation } => {
                    if let Some(seen) = offers.get(reservation) {
                        people.reply(seen, Reply::Reject(at.since(seen.created)));
                    }
                }
                Event::ReservationTimeout { reservation } => {
                    if let Some(seen) = offers.get(reservation) {
                        people.reply(seen, Reply::Ignore);
                    }
                }
                Event::TaskCompleted { task, .. }
                | Event::TaskCanceled { task, .. }
                | Event::TaskDeleted { task, .. } => {
                    if let Some(since) = taken.remove(task) {
                        people.handling.insert(*task, at.since(since));
                    }
                }
                _ => {}
            }
        }
        people.answer_usual = median(&people.answers).unwrap_or(ANSWER_USUAL);
        people.handling_usual = median(&people.handling).unwrap_or(HANDLING_USUAL);
        // Work that had not ended took at least so long.
        for (task, since) in taken {
            let at_least = until.since(since).max(people.handling_usual);
            people.handling.insert(task, at_least);
        }
        people
    }

    fn reply(&mut self, seen: &Seen, reply: Reply) {
        self.replies.entry((seen.task, seen.worker)).or_default().push(reply);
    }

    /// What `worker` does with the `nth` offer (from 0) of `task`, which ends by itself after `timeout`.
    pub fn replies(&self, task: TaskSid, worker: WorkerSid, nth: usize, timeout: Duration) -> Reply {
        let theirs = self.replies.get(&(task, worker)).and_then(|replies| replies.get(nth)).copied();
        let reply = theirs
            .unwrap_or_else(|| Reply::Accept(self.answers.get(&task).copied().unwrap_or(self.answer_usual)));
        match reply {
            Reply::Accept(after) => Reply::Accept(after.min(timeout.saturating_sub(MARGIN))),
            Reply::Reject(after) => Reply::Reject(after.min(timeout.saturating_sub(MARGIN))),
            Reply::Ignore => Reply::Ignore,
        }
    }

    /// How long work on `task` takes.
    pub fn handling(&self, task: TaskSid) -> Duration {
        self.handling.get(&task).copied().unwrap_or(self.handling_usual)
    }
}

fn median(times: &BTreeMap<TaskSid, Duration>) -> Option<Duration> {
    let mut times: Vec<Duration> = times.values().copied().collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}
