//! Workflows: filters, targets, skipping and timing out (reference: TaskRouter §3.2).

use super::*;
use crate::routing::effect::Diversion;
use crate::routing::limits::ASSIGNMENTS_MAX;
use crate::routing::model::*;
use crate::routing::scope::task_matches;
use crate::routing::statistics::Scope;
use crate::routing::waiting::{Named, Rank};
use crate::routing::workflow::{Definition, MailboxName, Redirection, Target};
use crate::routing::workspace::call_of;
use expr::{Path, SkipScope};
use std::sync::Arc;

/// Why filters are being looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scan {
    Match,
    AfterSkip,
    AfterTimeout,
}

/// The reason of a task that ran out of steps (reference: TaskRouter §3.2).
const EXHAUSTED: &str = "Task canceled on Workflow timeout";
const SKIPPED: &str = "Task canceled on Workflow skip";
const REDIRECTED: &str = "Task redirected by its Workflow";
const UNMATCHED: &str = "Task does not match any filter of its Workflow";
const WORN_OUT: &str = "Task TTL Exceeded or Max assignment count exceeded";
/// Begins the reason of a task whose one worker did not take it.
const REFUSED: &str = "RoutingTarget not available for Reservation acceptance";

/// The rules canceled a task with this reason, not whoever made it.
pub(in crate::routing) fn is_by_rule(reason: &str) -> bool {
    [EXHAUSTED, SKIPPED, REDIRECTED, UNMATCHED, WORN_OUT, super::timers::UNREACHED, super::timers::EXPIRED]
        .contains(&reason)
        || reason.starts_with(REFUSED)
}

/// The filter that takes a task, from `from` on; `Some(None)` is the default filter.
fn find(definition: &Definition, attributes: &Attributes, from: usize, mode: Scan) -> Option<Option<usize>> {
    let rest = definition.filters.iter().enumerate().skip(from);
    let mut matching = rest.filter(|(_, filter)| task_matches(attributes, &filter.expression));
    match matching.next() {
        Some((at, _)) => Some(Some(at)),
        None => (mode != Scan::AfterTimeout && definition.default.is_some()).then_some(None),
    }
}

impl Deciding<'_> {
    /// A workflow takes tasks with these attributes.
    pub(super) fn takes(&self, workflow: &Workflow, attributes: &Attributes) -> bool {
        let definition = self.ws.index.definition(workflow.sid, workflow.revision);
        definition.is_some_and(|definition| find(definition, attributes, 0, Scan::Match).is_some())
    }

    /// Starts (again) at the first filter of the workflow's present configuration.
    pub(super) fn route(&mut self, sid: TaskSid) {
        let task = &self.ws.state.task(sid).task;
        let Some(revision) = self.ws.workflow(task.workflow).map(|workflow| workflow.revision) else {
            return;
        };
        let before = task.step;
        self.emit(Event::WorkflowEntered { task: sid });
        self.scan(sid, revision, 0, Scan::Match, before);
    }

    /// Pending tasks of a workflow start again, oldest first.
    pub(super) fn re_evaluate_workflow(&mut self, workflow: WorkflowSid) {
        let by_workflow = |task: &Task| {
            !matches!(task.routing_target, Some(RoutingTarget::Worker(_) | RoutingTarget::Queue(_)))
        };
        let preferred = self.ws.state.settings.prioritize_queue_order;
        let mut tasks: Vec<_> = (self.ws.state.tasks.values())
            .filter(|t| {
                t.task.workflow == workflow
                    && t.task.status == TaskStatus::Pending
                    && t.transfer.is_none()
                    && by_workflow(&t.task)
            })
            .map(|t| (Rank::of(t, QueueOrder::Fifo, preferred), t.task.sid))
            .collect();
        tasks.sort_unstable();
        for (_, task) in tasks {
            if self.is_pending(task) {
                self.route(task);
            }
        }
    }

    pub(super) fn is_pending(&self, task: TaskSid) -> bool {
        self.ws.task(task).is_some_and(|task| task.status == TaskStatus::Pending)
    }

    fn scan(&mut self, sid: TaskSid, revision: u64, from: usize, mode: Scan, before: Option<Step>) {
        let task = &self.ws.state.task(sid).task;
        let Some(definition) = self.ws.index.definition(task.workflow, revision).cloned() else { return };
        match find(&definition, &task.attributes, from, mode) {
            Some(filter) => self.walk(sid, revision, &definition, filter, 0, before),
            None => match mode {
                Scan::AfterTimeout => {
                    self.emit(Event::WorkflowTimeout { task: sid });
                    self.cancel_task(sid, EXHAUSTED);
                }
                Scan::AfterSkip => {
                    self.emit(Event::WorkflowSkipped { task: sid });
                    self.cancel_task(sid, SKIPPED);
                }
                Scan::Match => self.cancel_task(sid, UNMATCHED),
            },
        }
    }

    /// Enters a target; goes on as long as nobody can be reserved and the target says to skip.
    fn walk(
        &mut self,
        sid: TaskSid,
        revision: u64,
        definition: &Arc<Definition>,
        mut filter: Option<usize>,
        mut target: usize,
        before: Option<Step>,
    ) {
        while let Some(entered) = definition.target(filter, target) {
            self.enter(
                sid,
                Step { filter, target, entered: self.now, until: None, revision },
                entered,
                before,
            );
            if self.divert(sid, revision, definition, filter, target) {
                return;
            }
            self.settle_workers();
            if !self.is_pending(sid) || self.offer(sid) > 0 {
                return;
            }
            if !self.skips(entered) && !self.is_out_of_reach(sid, entered) {
                return;
            }
            if definition.target(filter, target + 1).is_some() {
                target += 1;
                continue;
            }
            // Skipped out of the filter: as if it had not matched. The default filter is the last resort.
            let attributes = self.ws.state.task(sid).task.attributes.clone();
            let next = filter.and_then(|filter| find(definition, &attributes, filter + 1, Scan::AfterSkip));
            match next {
                Some(next) => (filter, target) = (next, 0),
                None => {
                    self.emit(Event::WorkflowSkipped { task: sid });
                    self.cancel_task(sid, SKIPPED);
                    return;
                }
            }
        }
    }

    fn enter(&mut self, sid: TaskSid, step: Step, target: &Target, before: Option<Step>) {
        let same = |before: &Step| {
            (before.filter, before.target, before.revision) == (step.filter, step.target, step.revision)
        };
        let step = match before.filter(same) {
            // The same step is matched again: its timer goes on.
            Some(before) => before,
            None => Step { until: target.timeout.map(|timeout| self.now + timeout), ..step },
        };
        self.emit(Event::WorkflowTargetMatched { task: sid, step, priority: target.priority });
        let left = self.ws.state.task(sid).task.queue;
        if left != Some(target.queue) {
            if let Some(from) = left {
                self.emit(Event::TaskQueueMoved { task: sid, from });
            }
            self.emit(Event::TaskQueueEntered { task: sid, queue: target.queue });
            // The first who waits in vain.
            if self.ws.tasks_now(&Scope::Queue(target.queue), None).total() == 1 {
                self.report_mismatch(target.queue);
            }
        }
        self.report_known_worker(sid, target);
    }

    fn report_known_worker(&mut self, sid: TaskSid, target: &Target) {
        let task = &self.ws.state.task(sid).task;
        let fault = match self.ws.index.named(&self.ws.state, task, target) {
            Named::Unknown(worker) => {
                return self.effects.push(Effect::UnknownWorker { task: sid, worker });
            }
            Named::Worker(worker) => {
                let slot = self.ws.state.workers[&worker].slot;
                let outside = !self.ws.index.is_eligible(target.queue, slot);
                outside.then(|| {
                    (40152, format!("Known worker {worker} of task {sid} is not in queue {}", target.queue))
                })
            }
            Named::Anyone | Named::Null => None,
        };
        if let Some((code, message)) = fault {
            self.effects.push(Effect::Notify { code, message, resource: sid.to_string() });
        }
    }

    fn skips(&self, target: &Target) -> bool {
        let Some(skip_if) = &target.skip_if else { return false };
        let (available, unavailable) = self.ws.index.head_counts(&self.ws.state, target.queue);
        let in_activity = |activity| self.ws.index.head_count(target.queue, activity);
        skip_if.eval(&SkipScope { available, unavailable, in_activity: &in_activity })
    }

    /// A direct target of which nobody whom it names is at work.
    fn is_out_of_reach(&self, sid: TaskSid, target: &Target) -> bool {
        let task = &self.ws.state.task(sid).task;
        let (true, Some(step)) = (target.direct, task.step) else { return false };
        let at_work = |worker: &WorkerSid| {
            let activity = self.ws.state.worker(*worker).activity;
            self.ws.state.activities.get(&activity).is_some_and(|activity| activity.available)
        };
        !self.ws.fitting(task, target, step).iter().any(at_work)
    }

    /// A call that has come to a target with a redirection leaves the workflow, and its task is over. Whatever is no
    /// call waits there like anywhere else.
    fn divert(
        &mut self,
        sid: TaskSid,
        revision: u64,
        definition: &Definition,
        filter: Option<usize>,
        target: usize,
    ) -> bool {
        let task = self.ws.state.task(sid).task.clone();
        let Some(entered) = definition.target(filter, target).filter(|t| !t.redirect.is_empty()) else {
            return false;
        };
        let call = call_of(&task.attributes).filter(|_| self.ws.state.is_voice(task.channel));
        let Some(call) = call else { return false };
        let before = (0..target).rev().filter_map(|at| Some((at, definition.target(filter, at)?)));
        let direct = before.filter(|(_, target)| target.direct).map(|(at, direct)| {
            let step = Step { filter, target: at, entered: self.now, until: None, revision };
            self.ws.fitting(&task, direct, step).first().copied()
        });
        let agent = direct.into_iter().next().flatten();
        let steps = entered.redirect.iter().filter_map(|step| self.diversion(&task, entered, agent, step));
        let steps: Vec<_> = steps.collect();
        // Whoever transferred it in vain may still wrap up.
        self.cancel_reservations(sid, None);
        self.emit(Event::TaskCanceled { task: sid, reason: REDIRECTED.to_owned() });
        self.effects.push(Effect::Voice(VoiceOrder::Divert { task: sid, call, steps }));
        true
    }

    /// A step of a redirection for this task; `None` if the mailbox it names is nobody's.
    fn diversion(
        &self,
        task: &Task,
        target: &Target,
        agent: Option<WorkerSid>,
        step: &Redirection,
    ) -> Option<Diversion> {
        let name = match step {
            Redirection::Voicemail(name) => name,
            Redirection::Number { .. }
            | Redirection::Url { .. }
            | Redirection::Say { .. }
            | Redirection::Play(_)
            | Redirection::Continue => {
                return Some(Diversion::Step(step.clone()));
            }
        };
        let state = &self.ws.state;
        let mailbox = match name {
            MailboxName::Agent => Mailbox::Worker(agent?),
            MailboxName::Queue => Mailbox::Queue(target.queue),
            MailboxName::Fixed(mailbox) => *mailbox,
            MailboxName::Attribute(Path::Task(path)) => {
                path.find(task.attributes.value())?.as_str()?.parse().ok()?
            }
            MailboxName::Attribute(_) => return None,
        };
        let name = match mailbox {
            Mailbox::Worker(worker) => {
                let worker = &state.workers.get(&worker)?.worker;
                let full = worker.attributes.map().get("full_name").and_then(|name| name.as_str());
                full.unwrap_or(&worker.friendly_name).to_owned()
            }
            Mailbox::Queue(queue) => state.queues.get(&queue)?.friendly_name.clone(),
        };
        Some(Diversion::Voicemail { workspace: state.settings.sid, mailbox, name })
    }

    /// The step's time is over while the task waits: on to the next.
    pub(super) fn step_timed_out(&mut self, sid: TaskSid) {
        if let Some(queue) = self.ws.state.task(sid).task.queue {
            self.emit(Event::TaskQueueTimeout { task: sid, queue });
            self.next_step(sid);
        }
    }

    fn next_step(&mut self, sid: TaskSid) {
        let task = &self.ws.state.task(sid).task;
        let Some(step) = task.step else { return };
        let workflow = task.workflow;
        let Some(definition) = self.ws.index.definition(workflow, step.revision).cloned() else { return };
        match (definition.target(step.filter, step.target + 1), step.filter) {
            (Some(_), _) => self.walk(sid, step.revision, &definition, step.filter, step.target + 1, None),
            (None, Some(filter)) => self.scan(sid, step.revision, filter + 1, Scan::AfterTimeout, None),
            (None, None) => self.scan(sid, step.revision, usize::MAX, Scan::AfterTimeout, None),
        }
    }

    /// A task that nobody took is pending again: the next step if this one's time is over, else another worker.
    pub(super) fn task_back(&mut self, sid: TaskSid) {
        if self.transfer_back(sid) {
            return;
        }
        if !self.is_pending(sid) {
            return;
        }
        let task = &self.ws.state.task(sid).task;
        if let Some(RoutingTarget::Worker(worker)) = task.routing_target {
            self.cancel_task(sid, &format!("{REFUSED}: {worker}"));
        } else if task.assignments >= ASSIGNMENTS_MAX {
            self.cancel_task(sid, WORN_OUT);
        } else if task.step.and_then(|step| step.until).is_some_and(|until| until <= self.now) {
            self.step_timed_out(sid);
        } else if self.ws.index.target(task).is_some_and(|target| target.direct) {
            // Whom it was for has said no: they are not asked again.
            self.next_step(sid);
        }
    }
}
