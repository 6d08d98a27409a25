//! One play of the recorded time.

use super::ReplayError;
use super::course::{Course, Courses};
use super::people::{People, Reply};
use crate::routing::command::*;
use crate::routing::decide::{Deciding, flow};
use crate::routing::event::{Event, Recorded};
use crate::routing::model::*;
use crate::routing::workspace::Workspace;
use base::*;
use std::collections::{BTreeMap, BTreeSet};

/// Steps of a play for each recorded event, besides [`STEPS_MIN`]: what a play makes of an event by itself.
const STEPS_PER_EVENT: usize = 16;
/// Steps that every play may have.
const STEPS_MIN: usize = 100_000;

/// What somebody is going to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Todo {
    Accept(ReservationSid),
    Reject(ReservationSid),
    Complete(TaskSid),
}

/// The workspace, the recorded events to come, and what people are going to do.
pub(super) struct Play<'a> {
    workspace: Workspace,
    now: Timestamp,
    until: Timestamp,
    entropy: Entropy,
    events: &'a [Recorded],
    next: usize,
    /// Events that the rules caused in the recorded time: they follow by themselves here.
    caused: BTreeSet<usize>,
    people: &'a People,
    /// The workflow whose changes do not count, because a draft stands in its place.
    drafted: Option<WorkflowSid>,
    agenda: BTreeSet<(Timestamp, u64, Todo)>,
    planned: u64,
    met: BTreeMap<(TaskSid, WorkerSid), usize>,
    courses: Courses,
    not_played: usize,
}

/// How a play went.
pub(super) struct Played {
    pub end: Workspace,
    pub courses: BTreeMap<TaskSid, Course>,
    pub not_played: usize,
}

impl<'a> Play<'a> {
    pub fn new(
        workspace: Workspace,
        since: Timestamp,
        until: Timestamp,
        events: &'a [Recorded],
        people: &'a People,
        drafted: Option<WorkflowSid>,
    ) -> Self {
        Self {
            caused: caused(&workspace, events),
            workspace,
            now: since,
            until,
            entropy: Entropy::seeded(super::SEED),
            events,
            next: 0,
            people,
            drafted,
            agenda: BTreeSet::new(),
            planned: 0,
            met: BTreeMap::new(),
            courses: Courses::default(),
            not_played: 0,
        }
    }

    pub fn run(mut self) -> Result<Played, ReplayError> {
        self.look_around();
        let most = STEPS_MIN + self.events.len() * STEPS_PER_EVENT;
        for _ in 0..most {
            if !self.step() {
                let courses = self.courses.done(self.until);
                return Ok(Played { end: self.workspace, courses, not_played: self.not_played });
            }
        }
        Err(ReplayError::TooMuch { what: "steps", most })
    }

    /// Offers and work that are under way at the start go on.
    fn look_around(&mut self) {
        let workers: Vec<WorkerSid> = self.workspace.workers().map(|worker| worker.sid).collect();
        for worker in workers {
            let open: Vec<Reservation> =
                self.workspace.reservations_of(worker).filter(|r| r.status.is_open()).cloned().collect();
            for reservation in open {
                match reservation.status {
                    ReservationStatus::Pending => self.offered(&reservation, reservation.created),
                    _ => {
                        let done = reservation.updated + self.people.handling(reservation.task);
                        self.plan(done, Todo::Complete(reservation.task));
                    }
                }
            }
        }
    }

    fn plan(&mut self, at: Timestamp, todo: Todo) {
        self.planned += 1;
        self.agenda.insert((at.max(self.now), self.planned, todo));
    }

    /// The next thing that happens: a recorded event, then what somebody does, then a timer. False when time is over.
    fn step(&mut self) -> bool {
        let event = self.events.get(self.next).map(|recorded| recorded.at);
        let todo = self.agenda.first().map(|(at, ..)| *at);
        let timer = self.workspace.next_deadline();
        let Some(at) = [event, todo, timer].into_iter().flatten().min().filter(|at| *at <= self.until) else {
            return false;
        };
        self.now = self.now.max(at);
        if event == Some(at) {
            let (index, recorded) = (self.next, &self.events[self.next]);
            self.next += 1;
            if !self.caused.contains(&index) {
                self.happens(&recorded.event);
            }
        } else if todo == Some(at)
            && let Some((_, _, todo)) = self.agenda.pop_first()
        {
            self.does(todo);
        } else {
            self.decide(Command::Tick);
        }
        true
    }

    fn does(&mut self, todo: Todo) {
        let set = |sid, status| Command::UpdateReservation { sid, if_match: None, status, activity: None };
        match todo {
            Todo::Accept(sid) => self.if_pending(sid, set(sid, ReservationStatus::Accepted)),
            Todo::Reject(sid) => self.if_pending(sid, set(sid, ReservationStatus::Rejected)),
            Todo::Complete(sid) => {
                let open = |task: &Task| matches!(task.status, TaskStatus::Assigned | TaskStatus::Wrapping);
                if self.workspace.task(sid).is_some_and(open) {
                    self.set_task(sid, TaskStatus::Completed, "completed");
                }
            }
        }
    }

    fn if_pending(&mut self, sid: ReservationSid, command: Command) {
        let pending = |r: &Reservation| r.status == ReservationStatus::Pending;
        if self.workspace.reservation(sid).is_some_and(pending) {
            self.decide(command);
        }
    }

    fn set_task(&mut self, sid: TaskSid, status: TaskStatus, reason: &str) {
        let change =
            TaskChange { status: Some(status), reason: Some(reason.to_owned()), ..TaskChange::default() };
        self.decide(Command::UpdateTask { sid, if_match: None, change });
    }

    fn decide(&mut self, command: Command) {
        match self.workspace.decide(command, self.now, &mut self.entropy) {
            Ok(decision) => self.follow(&decision.events),
            Err(_) => self.not_played += 1,
        }
    }

    /// Takes a recorded event as it is.
    fn take(&mut self, event: &Event) {
        let mut deciding = Deciding::new(&mut self.workspace, self.now, &mut self.entropy);
        deciding.take(event.clone());
        let (events, _) = deciding.done();
        self.follow(&events);
    }

    fn follow(&mut self, events: &[Recorded]) {
        for recorded in events {
            self.courses.note(recorded);
            match &recorded.event {
                Event::ReservationCreated { reservation } => self.offered(reservation, self.now),
                Event::ReservationAccepted { reservation } => {
                    if let Some(task) = self.workspace.reservation(*reservation).map(|r| r.task) {
                        self.plan(self.now + self.people.handling(task), Todo::Complete(task));
                    }
                }
                _ => {}
            }
        }
    }

    fn offered(&mut self, reservation: &Reservation, since: Timestamp) {
        let nth = self.met.entry((reservation.task, reservation.worker)).or_default();
        let reply = self.people.replies(reservation.task, reservation.worker, *nth, reservation.timeout);
        *nth += 1;
        match reply {
            Reply::Accept(after) => self.plan(since + after, Todo::Accept(reservation.sid)),
            Reply::Reject(after) => self.plan(since + after, Todo::Reject(reservation.sid)),
            Reply::Ignore => {}
        }
    }

    /// A recorded event, as far as somebody did it: what the rules made of it follows from the play itself.
    fn happens(&mut self, event: &Event) {
        match event {
            Event::TaskCreated { task } => {
                let task = Task { created: self.now, updated: self.now, ..task.clone() };
                let mut deciding = Deciding::new(&mut self.workspace, self.now, &mut self.entropy);
                let _refused_is_a_course = deciding.take_task(task);
                let (events, _) = deciding.done();
                self.follow(&events);
            }
            Event::WorkflowUpdated { workflow } if self.drafted == Some(workflow.sid) => {}
            Event::WorkspaceUpdated { .. }
            | Event::ActivityCreated { .. }
            | Event::ActivityUpdated { .. }
            | Event::TaskChannelCreated { .. }
            | Event::TaskChannelUpdated { .. }
            | Event::WorkerCreated { .. }
            | Event::TaskQueueCreated { .. }
            | Event::TaskQueueUpdated { .. }
            | Event::WorkflowCreated { .. }
            | Event::WorkflowUpdated { .. } => self.take(event),
            Event::ActivityDeleted { sid } => self.decide(Command::DeleteActivity { sid: *sid }),
            Event::TaskChannelDeleted { sid } => self.decide(Command::DeleteTaskChannel { sid: *sid }),
            Event::WorkerDeleted { sid } => {
                self.decide(Command::DeleteWorker { sid: *sid, if_match: None });
            }
            Event::TaskQueueDeleted { sid } => self.decide(Command::DeleteTaskQueue { sid: *sid }),
            Event::WorkflowDeleted { sid } => self.decide(Command::DeleteWorkflow { sid: *sid }),
            event => self.happens_to_worker_or_task(event),
        }
    }

    fn happens_to_worker_or_task(&mut self, event: &Event) {
        let worker = |sid, change| Command::UpdateWorker { sid, if_match: None, change };
        let channel = |worker, channel, capacity, available| Command::UpdateWorkerChannel {
            worker,
            channel,
            capacity,
            available,
        };
        match event {
            Event::WorkerRenamed { sid, friendly_name } => {
                let change =
                    WorkerChange { friendly_name: Some(friendly_name.clone()), ..Default::default() };
                self.decide(worker(*sid, change));
            }
            Event::WorkerActivityUpdated { sid, activity } => {
                let change = WorkerChange { activity: Some(*activity), ..WorkerChange::default() };
                self.decide(worker(*sid, change));
            }
            Event::WorkerAttributesUpdated { sid, attributes, by_engine: false } => {
                let change = WorkerChange { attributes: Some(attributes.clone()), ..WorkerChange::default() };
                self.decide(worker(*sid, change));
            }
            Event::WorkerCapacityUpdated { sid, channel: of, capacity, by_engine: false } => {
                self.decide(channel(*sid, *of, Some(*capacity), None));
            }
            Event::WorkerChannelAvailabilityUpdated { sid, channel: of, available } => {
                self.decide(channel(*sid, *of, None, Some(*available)));
            }
            Event::VoiceOverridesSet { sid, voice } => {
                self.decide(Command::SetVoiceOverrides { worker: *sid, voice: *voice });
            }
            Event::TaskCanceled { task, reason } if !flow::is_by_rule(reason) => {
                let waits = |task: &Task| matches!(task.status, TaskStatus::Pending | TaskStatus::Reserved);
                if self.workspace.task(*task).is_some_and(waits) {
                    self.set_task(*task, TaskStatus::Canceled, "canceled as it was");
                }
            }
            Event::TaskDeleted { task, by_system: false } if self.workspace.task(*task).is_some() => {
                self.decide(Command::DeleteTask { sid: *task, if_match: None });
            }
            Event::TaskUpdated { task, attributes, priority, virtual_start, channel } => {
                let waits = |task: &Task| !task.status.is_terminal();
                if self.workspace.task(*task).is_some_and(waits) {
                    let change = TaskChange {
                        attributes: attributes.clone(),
                        priority: *priority,
                        virtual_start: *virtual_start,
                        channel: channel.map(|channel| channel.to_string()),
                        ..TaskChange::default()
                    };
                    self.decide(Command::UpdateTask { sid: *task, if_match: None, change });
                }
            }
            // Everything else follows from the rules and from what people do with their offers.
            _ => {}
        }
    }
}

/// Activity changes that the rules made: in the same instant as what caused them and after it, the beginning or end of
/// a worker's offer.
fn caused(start: &Workspace, events: &[Recorded]) -> BTreeSet<usize> {
    let workers = start.workers().map(|worker| worker.sid);
    let mut of: BTreeMap<ReservationSid, WorkerSid> = workers
        .flat_map(|worker| start.reservations_of(worker).map(move |reservation| (reservation.sid, worker)))
        .collect();
    let mut caused = BTreeSet::new();
    let mut instant = None;
    let mut touched: BTreeSet<WorkerSid> = BTreeSet::new();
    for (index, recorded) in events.iter().enumerate() {
        if instant.replace(recorded.at) != Some(recorded.at) {
            touched.clear();
        }
        let reservation = match &recorded.event {
            Event::ReservationCreated { reservation: r } => {
                of.insert(r.sid, r.worker);
                Some(&r.sid)
            }
            Event::ReservationTimeout { reservation }
            | Event::ReservationRejected { reservation }
            | Event::ReservationAccepted { reservation }
            | Event::ReservationCompleted { reservation }
            | Event::ReservationWrapup { reservation } => Some(reservation),
            Event::WorkerActivityUpdated { sid, .. } => {
                if touched.contains(sid) {
                    caused.insert(index);
                }
                None
            }
            _ => None,
        };
        if let Some(worker) = reservation.and_then(|reservation| of.get(reservation)) {
            touched.insert(*worker);
        }
    }
    caused
}
