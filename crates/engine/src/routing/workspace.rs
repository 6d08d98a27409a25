use super::command::*;
use super::decide::Deciding;
use super::effect::Effect;
use super::event::{Event, Recorded};
use super::explain::{self, Explanation};
use super::index::Index;
use super::model::*;
use super::state::{Snapshot, State};
use super::workflow::Definition;
use base::*;
use expr::Expression;
use serde::Serialize;
use std::sync::Arc;

/// One workspace: its workers, queues, workflows, tasks and reservations, and the rule who gets what.
///
/// [`decide`](Self::decide) takes a command with the time and entropy, applies what follows from it, and returns the
/// events (to be journalled) and effects (to be performed once they are). Every change goes through an event:
/// [`replay`](Self::replay) of the journal and [`restore`](Self::restore) of a snapshot give the same workspace.
#[derive(Debug, Clone)]
pub struct Workspace {
    pub(super) state: State,
    pub(super) index: Index,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// For whoever asked.
    pub answer: Answer,
    /// For the journal, in order. Already applied.
    pub events: Vec<Recorded>,
    /// To be performed once the events are committed, in order.
    pub effects: Vec<Effect>,
}

/// A phone call that an agent has to do with, as the desk shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgentCall {
    /// The offer or the work.
    pub reservation: ReservationSid,
    /// What it is about.
    pub task: TaskSid,
    /// Whose it is.
    pub worker: WorkerSid,
    /// Where it is.
    pub state: AgentCallState,
    /// Since when it is there.
    pub since: Timestamp,
    /// When that ends by itself: an offer's timeout, a park's recall, a notice's end.
    pub until: Option<Timestamp>,
    /// The caller, if the task names one.
    pub call: Option<CallSid>,
    /// The task's queue.
    pub queue: Option<TaskQueueSid>,
    /// Meant for this agent (or extension) rather than for whoever is free.
    pub direct: bool,
    /// The task's attributes.
    #[serde(skip)]
    pub attributes: Attributes,
}

/// Where an agent's call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgentCallState {
    /// Offered: not answered yet.
    Ringing,
    /// The agent talks (or holds).
    Live,
    /// Waits under the agent's name, with music.
    Parked,
    /// On its way back to an agent.
    PickingUp,
    /// The caller hung up while parked: a notice.
    HungUp,
    /// The call is over, the work after it is not.
    WrapUp,
}

impl Workspace {
    /// A new workspace with its seed data: three activities, five task channels, and for the FIFO template a queue
    /// and a workflow. The events are its journal's first.
    pub fn create(
        sid: WorkspaceSid,
        account: AccountSid,
        new: NewWorkspace,
        now: Timestamp,
        entropy: &mut Entropy,
    ) -> (Self, Vec<Recorded>, Vec<Effect>) {
        let [offline, available, unavailable] = [(); 3].map(|()| ActivitySid::generate(entropy));
        let settings = WorkspaceSettings {
            sid,
            account,
            friendly_name: new.friendly_name,
            event_callback_url: new.event_callback_url,
            events_filter: new.events_filter,
            multi_task_enabled: new.multi_task_enabled,
            prioritize_queue_order: new.prioritize_queue_order,
            default_activity: offline,
            timeout_activity: offline,
            voice_policy: None,
            created: now,
            updated: now,
        };
        let first = Recorded {
            sid: EventSid::generate_at(now, entropy),
            at: now,
            event: Event::WorkspaceCreated { settings: settings.clone() },
        };
        let mut workspace = Self::born(settings);
        let mut deciding = Deciding::new(&mut workspace, now, entropy);
        deciding.created(first);
        deciding.seed(
            [(offline, "Offline"), (available, "Available"), (unavailable, "Unavailable")],
            new.fifo_template,
        );
        let (events, effects) = deciding.done();
        (workspace, events, effects)
    }

    /// Before anything but its settings is known.
    fn born(settings: WorkspaceSettings) -> Self {
        let state = State {
            settings,
            activities: Default::default(),
            channels: Default::default(),
            workers: Default::default(),
            queues: Default::default(),
            workflows: Default::default(),
            retired: Default::default(),
            tasks: Default::default(),
            reservations: Default::default(),
            transfers: Default::default(),
            tasks_created: 0,
            deleted: false,
        };
        Self { index: Index::build(&state), state }
    }

    /// Decides `command` and applies what follows. After an error nothing has changed.
    pub fn decide(
        &mut self,
        command: Command,
        now: Timestamp,
        entropy: &mut Entropy,
    ) -> Result<Decision, RoutingError> {
        if self.state.deleted {
            return Err(RoutingError::missing(self.state.settings.sid));
        }
        let mut deciding = Deciding::new(self, now, entropy);
        let answer = deciding.command(command)?;
        let (events, effects) = deciding.done();
        Ok(Decision { answer, events, effects })
    }

    /// Applies one journalled event, in order. The first of a journal is [`replay`](Self::replay)'s.
    pub fn apply(&mut self, recorded: &Recorded) {
        self.record(recorded);
        self.index.dirty.clear();
    }

    /// The workspace that this journal describes; `None` if it does not begin with its creation.
    pub fn replay(events: impl IntoIterator<Item = Recorded>) -> Option<Self> {
        let mut events = events.into_iter();
        let Event::WorkspaceCreated { settings } = events.next()?.event else { return None };
        let mut workspace = Self::born(settings);
        events.for_each(|recorded| workspace.apply(&recorded));
        Some(workspace)
    }

    /// A copy of everything it knows.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(self.state.clone())
    }

    /// The workspace that was copied.
    pub fn restore(Snapshot(state): Snapshot) -> Self {
        Self { index: Index::build(&state), state }
    }

    /// When the next timer is due; send [`Command::Tick`] then.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.index.deadlines.next().filter(|_| !self.state.deleted)
    }

    /// How much it holds: workers, tasks and reservations. What a snapshot costs grows with it.
    pub fn size(&self) -> usize {
        self.state.workers.len() + self.state.tasks.len() + self.state.reservations.len()
    }

    /// It has been deleted.
    pub fn is_deleted(&self) -> bool {
        self.state.deleted
    }

    /// Its own settings.
    pub fn settings(&self) -> &WorkspaceSettings {
        &self.state.settings
    }

    /// In SID order, as every list here.
    pub fn activities(&self) -> impl Iterator<Item = &Activity> {
        self.state.activities.values()
    }

    /// By SID.
    pub fn activity(&self, sid: ActivitySid) -> Option<&Activity> {
        self.state.activities.get(&sid)
    }

    /// Every task channel.
    pub fn task_channels(&self) -> impl Iterator<Item = &TaskChannel> {
        self.state.channels.values()
    }

    /// By SID or unique name.
    pub fn task_channel(&self, sid_or_name: &str) -> Option<&TaskChannel> {
        match sid_or_name.parse() {
            Ok(sid) => self.state.channels.get(&sid),
            Err(_) => self.state.channel_named(sid_or_name),
        }
    }

    /// Every worker.
    pub fn workers(&self) -> impl Iterator<Item = &Worker> {
        self.state.workers.values().map(|w| &w.worker)
    }

    /// By SID.
    pub fn worker(&self, sid: WorkerSid) -> Option<&Worker> {
        self.state.workers.get(&sid).map(|w| &w.worker)
    }

    /// By friendly name, in any case.
    pub fn worker_named(&self, name: &str) -> Option<&Worker> {
        self.worker(*self.index.by_name.get(&name.to_lowercase())?)
    }

    /// Every task queue.
    pub fn task_queues(&self) -> impl Iterator<Item = &TaskQueue> {
        self.state.queues.values()
    }

    /// By SID.
    pub fn task_queue(&self, sid: TaskQueueSid) -> Option<&TaskQueue> {
        self.state.queues.get(&sid)
    }

    /// Every workflow.
    pub fn workflows(&self) -> impl Iterator<Item = &Workflow> {
        self.state.workflows.values()
    }

    /// By SID.
    pub fn workflow(&self, sid: WorkflowSid) -> Option<&Workflow> {
        self.state.workflows.get(&sid)
    }

    /// A workflow's present configuration, parsed.
    pub fn definition(&self, sid: WorkflowSid) -> Option<&Arc<Definition>> {
        self.index.definition(sid, self.state.workflows.get(&sid)?.revision)
    }

    /// Every task that has not been purged.
    pub fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.state.tasks.values().map(|t| &t.task)
    }

    /// By SID.
    pub fn task(&self, sid: TaskSid) -> Option<&Task> {
        self.state.tasks.get(&sid).map(|t| &t.task)
    }

    /// By SID.
    pub fn reservation(&self, sid: ReservationSid) -> Option<&Reservation> {
        self.state.reservations.get(&sid).map(Arc::as_ref)
    }

    /// A worker's reservations, oldest first, as long as their tasks are there.
    pub fn reservations_of(&self, worker: WorkerSid) -> impl Iterator<Item = &Reservation> {
        self.index.reservations_of(worker).filter_map(|sid| self.reservation(sid))
    }

    /// By SID.
    pub fn transfer(&self, sid: TransferSid) -> Option<&Transfer> {
        self.state.transfers.get(&sid)
    }

    /// A task's transfers, oldest first.
    pub fn transfers_of(&self, task: TaskSid) -> impl Iterator<Item = &Transfer> {
        let of = self.state.tasks.get(&task).into_iter().flat_map(|t| &t.transfers);
        of.filter_map(|sid| self.state.transfers.get(sid))
    }

    /// The transfer of a task that is under way.
    pub fn open_transfer(&self, task: TaskSid) -> Option<&Transfer> {
        self.state.open_transfer(task)
    }

    /// A worker's phone calls: offered, live, parked, on their way back, hung up, wrapping. Oldest first.
    pub fn calls_of(&self, worker: WorkerSid) -> Vec<AgentCall> {
        self.reservations_of(worker)
            .filter(|r| r.status.is_open())
            .filter_map(|r| {
                let task = self.task(r.task).filter(|task| self.state.is_voice(task.channel))?;
                let (state, since, until) = match (r.status, r.voice) {
                    (ReservationStatus::Pending, _) if self.state.is_own_park(r) => {
                        (AgentCallState::Parked, r.created, r.expires)
                    }
                    (ReservationStatus::Pending, _) => (AgentCallState::Ringing, r.created, r.expires),
                    (_, Some(VoiceState::HungUp { since, until, .. })) => {
                        (AgentCallState::HungUp, since, Some(until))
                    }
                    (ReservationStatus::Wrapping, _) => (AgentCallState::WrapUp, r.updated, r.lease),
                    (_, Some(VoiceState::Parked { since, recall })) => {
                        (AgentCallState::Parked, since, Some(recall))
                    }
                    (_, Some(VoiceState::PickingUp { parked_since, until, .. })) => {
                        (AgentCallState::PickingUp, parked_since, Some(until))
                    }
                    (_, Some(VoiceState::Live { since })) => (AgentCallState::Live, since, None),
                    (_, None) => (AgentCallState::Live, r.updated, None),
                };
                Some(AgentCall {
                    reservation: r.sid,
                    task: r.task,
                    worker,
                    state,
                    since,
                    until,
                    call: call_of(&task.attributes),
                    queue: r.queue,
                    direct: self.index.is_direct(task),
                    attributes: task.attributes.clone(),
                })
            })
            .collect()
    }

    /// Workers whose attributes match the queue's expression, whatever their activity.
    pub fn eligible_workers(&self, queue: TaskQueueSid) -> impl Iterator<Item = &Worker> {
        self.index.eligible(queue).filter_map(|sid| self.worker(sid))
    }

    /// Workers that match an expression over a worker ([`expr::Context::Worker`]).
    pub fn matching_workers(&self, expression: &Expression) -> impl Iterator<Item = &Worker> {
        self.workers().filter(|worker| self.state.worker_matches(worker, expression))
    }

    /// Queues whose expression the worker matches.
    pub fn queues_of(&self, worker: WorkerSid) -> impl Iterator<Item = &TaskQueue> {
        self.index.queues_of(worker, &self.state).filter_map(|sid| self.task_queue(sid))
    }

    /// Tasks that wait in a queue, in the order in which they are offered.
    pub fn waiting_in(&self, queue: TaskQueueSid) -> impl Iterator<Item = &Task> {
        self.index.waiting_in(queue).into_iter().filter_map(|sid| self.task(sid))
    }

    /// Why a task is where it is: filters tried, steps entered, workers considered and what ruled each out, and what
    /// would make it route now. `None` for a task that is not there.
    pub fn explain(&self, task: TaskSid, now: Timestamp) -> Option<Explanation> {
        explain::explain(self, task, now)
    }
}

/// The `call_sid` of a task, if it is one.
pub(super) fn call_of(attributes: &Attributes) -> Option<CallSid> {
    attributes.map().get("call_sid")?.as_str()?.parse().ok()
}
