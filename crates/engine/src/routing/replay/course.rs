use crate::routing::event::{Event, Recorded};
use base::*;
use serde::Serialize;
use std::collections::BTreeMap;

/// What became of a task: where it went, who took it, how long it waited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Course {
    /// The first queue it was in.
    pub first_queue: Option<TaskQueueSid>,
    /// The queue from which it was taken, or the last one.
    pub queue: Option<TaskQueueSid>,
    /// Who took it.
    pub worker: Option<WorkerSid>,
    /// From its creation until it was taken or canceled, else until the end, in milliseconds.
    pub waited_ms: u64,
    /// How the waiting ended.
    pub ending: Ending,
}

/// How a task's waiting ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// A worker took it.
    Taken,
    /// It was canceled, or deleted.
    Canceled,
    /// It still waits.
    Waiting,
    /// It could not have been created: no filter takes it.
    Refused,
}

impl Course {
    pub(super) fn refused() -> Self {
        Self { first_queue: None, queue: None, worker: None, waited_ms: 0, ending: Ending::Refused }
    }

    /// Same queues, same worker, same ending.
    pub(super) fn goes_where(&self, other: &Self) -> bool {
        let way = |c: &Self| (c.first_queue, c.queue, c.worker, c.ending);
        way(self) == way(other)
    }
}

/// The courses of the tasks that were created while it watched.
#[derive(Debug, Default)]
pub(super) struct Courses {
    tasks: BTreeMap<TaskSid, (Timestamp, Course)>,
    offers: BTreeMap<ReservationSid, (TaskSid, WorkerSid)>,
}

impl Courses {
    pub fn note(&mut self, recorded: &Recorded) {
        match &recorded.event {
            Event::TaskCreated { task } => {
                let course = Course { ending: Ending::Waiting, ..Course::refused() };
                self.tasks.insert(task.sid, (recorded.at, course));
            }
            Event::TaskQueueEntered { task, queue } => self.waiting(*task, |_, course| {
                course.first_queue.get_or_insert(*queue);
                course.queue = Some(*queue);
            }),
            Event::ReservationCreated { reservation } => {
                self.offers.insert(reservation.sid, (reservation.task, reservation.worker));
            }
            Event::ReservationAccepted { reservation } => {
                if let Some((task, worker)) = self.offers.get(reservation).copied() {
                    self.waiting(task, |created, course| {
                        course.worker = Some(worker);
                        end(course, Ending::Taken, created, recorded.at);
                    });
                }
            }
            Event::TaskCanceled { task, .. } | Event::TaskDeleted { task, .. } => {
                self.waiting(*task, |created, course| end(course, Ending::Canceled, created, recorded.at));
            }
            _ => {}
        }
    }

    /// Lends the course of a task that still waits.
    fn waiting(&mut self, task: TaskSid, change: impl FnOnce(Timestamp, &mut Course)) {
        if let Some((created, course)) = self.tasks.get_mut(&task)
            && course.ending == Ending::Waiting
        {
            change(*created, course);
        }
    }

    pub fn done(self, until: Timestamp) -> BTreeMap<TaskSid, Course> {
        let settle = |(task, (created, mut course)): (TaskSid, (Timestamp, Course))| {
            if course.ending == Ending::Waiting {
                end(&mut course, Ending::Waiting, created, until);
            }
            (task, course)
        };
        self.tasks.into_iter().map(settle).collect()
    }
}

fn end(course: &mut Course, ending: Ending, created: Timestamp, at: Timestamp) {
    course.ending = ending;
    course.waited_ms = u64::try_from(at.since(created).as_millis()).unwrap_or(u64::MAX);
}
