//! Workspace, activities, task channels, task queues, workflows.

use super::*;
use crate::routing::limits::*;
use crate::routing::model::*;
use crate::routing::workflow::Definition;
use expr::{Context, Expression};
use std::time::Duration;

/// The task channels every workspace has.
const CHANNELS: [(&str, &str); 5] = [
    ("default", "Default"),
    ("voice", "Voice"),
    ("chat", "Programmable Chat"),
    ("sms", "SMS"),
    ("video", "Video"),
];

/// Refuses one more than `most`.
fn bounded(count: usize, most: usize, what: &str) -> Decided<()> {
    if count < most {
        return Ok(());
    }
    Err(RoutingError::refused(format!(
        "the workspace already has {most} {what}, which is the most it may have"
    )))
}

/// The code of the warning that a parameter was ignored, or that an expression cannot match: there is no documented one.
const IGNORED: u32 = 20001;
/// Max concurrent workers exceeded.
const TOO_MANY_ACTIVE: u32 = 14240;
/// Workers that a queue's expression is tried on to say why it matches nobody.
const MISMATCHED_WORKERS_MAX: usize = 100;

impl Deciding<'_> {
    /// What every workspace begins with.
    pub fn seed(&mut self, activities: [(ActivitySid, &str); 3], fifo: bool) {
        for (sid, name) in activities {
            let activity = Activity {
                sid,
                friendly_name: name.to_owned(),
                available: name == "Available",
                created: self.now,
                updated: self.now,
            };
            self.emit(Event::ActivityCreated { activity });
        }
        for (unique_name, friendly_name) in CHANNELS {
            let channel = self.new_channel(unique_name.to_owned(), friendly_name.to_owned(), false);
            self.emit(Event::TaskChannelCreated { channel, worker_channels: Vec::new() });
        }
        if fifo {
            let queue = TaskQueue {
                sid: TaskQueueSid::generate(self.entropy),
                friendly_name: "Sample Queue".to_owned(),
                target_workers: "1==1".to_owned(),
                max_reserved_workers: 1,
                task_order: QueueOrder::Fifo,
                reservation_activity: None,
                assignment_activity: None,
                created: self.now,
                updated: self.now,
            };
            let configuration = format!(
                r#"{{"task_routing":{{"filters":[],"default_filter":{{"queue":"{}"}}}}}}"#,
                queue.sid
            );
            self.emit(Event::TaskQueueCreated { queue });
            let workflow = Workflow {
                sid: WorkflowSid::generate(self.entropy),
                friendly_name: "Default Fifo Workflow".to_owned(),
                configuration,
                assignment_callback_url: None,
                fallback_assignment_callback_url: None,
                task_reservation_timeout: Duration::from_secs(120),
                revision: 1,
                created: self.now,
                updated: self.now,
            };
            self.emit(Event::WorkflowCreated { workflow });
        }
    }

    pub(super) fn update_workspace(&mut self, change: WorkspaceChange) -> Decided {
        let mut settings = self.ws.state.settings.clone();
        if let Some(friendly_name) = change.friendly_name {
            settings.friendly_name = name(friendly_name)?;
        }
        for activity in [change.default_activity, change.timeout_activity].into_iter().flatten() {
            self.known_activity(activity)?;
        }
        if let Some(policy) = change.voice_policy {
            if let Some(policy) = &policy {
                check_policy(policy)?;
            }
            settings.voice_policy = policy;
        }
        settings.default_activity = change.default_activity.unwrap_or(settings.default_activity);
        settings.timeout_activity = change.timeout_activity.unwrap_or(settings.timeout_activity);
        settings.event_callback_url = change.event_callback_url.unwrap_or(settings.event_callback_url);
        settings.events_filter = change.events_filter.unwrap_or(settings.events_filter);
        settings.multi_task_enabled = change.multi_task_enabled.unwrap_or(settings.multi_task_enabled);
        settings.prioritize_queue_order =
            change.prioritize_queue_order.unwrap_or(settings.prioritize_queue_order);
        settings.updated = self.now;
        let policy_changed = settings.voice_policy != self.ws.state.settings.voice_policy;
        self.emit(Event::WorkspaceUpdated { settings });
        if policy_changed {
            self.voice_policy_changed();
        }
        Ok(Answer::Done)
    }

    /// Refuses an activity that is not there, naming it.
    pub(super) fn known_activity(&self, sid: ActivitySid) -> Decided<()> {
        match self.ws.state.activities.contains_key(&sid) {
            true => Ok(()),
            false => Err(RoutingError::refused(format!("ActivitySid {sid} is invalid"))),
        }
    }

    pub(super) fn create_activity(&mut self, friendly_name: String, available: bool) -> Decided {
        bounded(self.ws.state.activities.len(), ACTIVITIES_MAX, "activities")?;
        let activity = Activity {
            friendly_name: name(friendly_name)?,
            sid: ActivitySid::generate(self.entropy),
            available,
            created: self.now,
            updated: self.now,
        };
        let sid = activity.sid;
        self.emit(Event::ActivityCreated { activity });
        Ok(Answer::Activity(sid))
    }

    pub(super) fn update_activity(
        &mut self,
        sid: ActivitySid,
        friendly_name: Option<String>,
        available: Option<bool>,
    ) -> Decided {
        let mut activity =
            self.ws.state.activities.get(&sid).cloned().ok_or_else(|| RoutingError::missing(sid))?;
        if let Some(friendly_name) = friendly_name {
            activity.friendly_name = name(friendly_name)?;
        }
        if available.is_some_and(|available| available != activity.available) {
            let message = format!(
                "Available of activity {} ({sid}) cannot change and was ignored: make another activity",
                activity.friendly_name
            );
            self.effects.push(Effect::Notify { code: IGNORED, message, resource: sid.to_string() });
        }
        activity.updated = self.now;
        self.emit(Event::ActivityUpdated { activity });
        Ok(Answer::Activity(sid))
    }

    pub(super) fn delete_activity(&mut self, sid: ActivitySid) -> Decided {
        let state = &self.ws.state;
        if !state.activities.contains_key(&sid) {
            return Err(RoutingError::missing(sid));
        }
        let of_queue =
            |q: &TaskQueue| q.reservation_activity == Some(sid) || q.assignment_activity == Some(sid);
        let user = if state.settings.default_activity == sid {
            Some("it is the workspace's default activity".to_owned())
        } else if state.settings.timeout_activity == sid {
            Some("it is the workspace's timeout activity".to_owned())
        } else if let Some(queue) = state.queues.values().find(|queue| of_queue(queue)) {
            Some(format!("task queue {} uses it", queue.sid))
        } else if self.ws.index.is_in_use(sid) {
            Some("workers are in it".to_owned())
        } else {
            None
        };
        if let Some(user) = user {
            return Err(RoutingError::refused(format!("Cannot delete activity {sid} because {user}")));
        }
        self.emit(Event::ActivityDeleted { sid });
        Ok(Answer::Done)
    }

    fn new_channel(&mut self, unique_name: String, friendly_name: String, optimized: bool) -> TaskChannel {
        TaskChannel {
            sid: TaskChannelSid::generate(self.entropy),
            unique_name,
            friendly_name,
            channel_optimized_routing: optimized,
            created: self.now,
            updated: self.now,
        }
    }

    pub(super) fn create_channel(
        &mut self,
        unique_name: String,
        friendly: String,
        optimized: bool,
    ) -> Decided {
        bounded(self.ws.state.channels.len(), CHANNELS_MAX, "task channels")?;
        let identifier = |text: &str| {
            let mut chars = text.chars();
            let begins = |c: char| c.is_ascii_alphabetic() || c == '_' || c == '$';
            chars.next().is_some_and(begins) && chars.all(|c| begins(c) || c.is_ascii_digit())
        };
        if !identifier(&unique_name) || unique_name.chars().count() > NAME_CHARS_MAX {
            return Err(RoutingError::refused(
                "UniqueName must consist of letters, digits, '_' and '$' and must not begin with a digit",
            ));
        }
        if self.ws.state.channel_named(&unique_name).is_some() {
            return Err(RoutingError::refused(format!(
                "a task channel with UniqueName '{unique_name}' already exists"
            )));
        }
        let friendly_name = channel_name(friendly)?;
        let channel = self.new_channel(unique_name, friendly_name, optimized);
        let sid = channel.sid;
        let workers: Vec<_> = self.ws.state.workers.keys().copied().collect();
        let worker_channels =
            workers.into_iter().map(|worker| (worker, WorkerChannelSid::generate(self.entropy))).collect();
        self.emit(Event::TaskChannelCreated { channel, worker_channels });
        Ok(Answer::TaskChannel(sid))
    }

    pub(super) fn update_channel(
        &mut self,
        sid: TaskChannelSid,
        friendly_name: Option<String>,
        optimized: Option<bool>,
    ) -> Decided {
        let mut channel =
            self.ws.state.channels.get(&sid).cloned().ok_or_else(|| RoutingError::missing(sid))?;
        if let Some(friendly_name) = friendly_name {
            channel.friendly_name = channel_name(friendly_name)?;
        }
        channel.channel_optimized_routing = optimized.unwrap_or(channel.channel_optimized_routing);
        channel.updated = self.now;
        self.emit(Event::TaskChannelUpdated { channel });
        Ok(Answer::TaskChannel(sid))
    }

    pub(super) fn delete_channel(&mut self, sid: TaskChannelSid) -> Decided {
        let channel = self.ws.state.channels.get(&sid).ok_or_else(|| RoutingError::missing(sid))?;
        let refuse =
            |why: &str| Err(RoutingError::refused(format!("Cannot delete task channel {sid} because {why}")));
        if CHANNELS.iter().any(|(name, _)| *name == channel.unique_name) {
            return refuse("every workspace has it");
        }
        if self.ws.state.tasks.values().any(|task| task.task.channel == sid) {
            return refuse("tasks use it");
        }
        self.emit(Event::TaskChannelDeleted { sid });
        Ok(Answer::Done)
    }

    pub(super) fn create_queue(&mut self, new: NewTaskQueue) -> Decided {
        bounded(self.ws.state.queues.len(), QUEUES_MAX, "task queues")?;
        let friendly_name = name(new.friendly_name)?;
        check_target_workers(&new.target_workers)?;
        check_reserved_workers(new.max_reserved_workers)?;
        for activity in [new.reservation_activity, new.assignment_activity].into_iter().flatten() {
            self.known_activity(activity)?;
        }
        let queue = TaskQueue {
            sid: TaskQueueSid::generate(self.entropy),
            friendly_name,
            target_workers: new.target_workers,
            max_reserved_workers: new.max_reserved_workers,
            task_order: new.task_order,
            reservation_activity: new.reservation_activity,
            assignment_activity: new.assignment_activity,
            created: self.now,
            updated: self.now,
        };
        let sid = queue.sid;
        self.emit(Event::TaskQueueCreated { queue });
        self.report_mismatch(sid);
        Ok(Answer::TaskQueue(sid))
    }

    pub(super) fn update_queue(&mut self, sid: TaskQueueSid, change: TaskQueueChange) -> Decided {
        let mut queue = self.ws.state.queues.get(&sid).cloned().ok_or_else(|| RoutingError::missing(sid))?;
        if let Some(friendly_name) = change.friendly_name {
            queue.friendly_name = name(friendly_name)?;
        }
        if let Some(target_workers) = &change.target_workers {
            check_target_workers(target_workers)?;
        }
        if let Some(most) = change.max_reserved_workers {
            check_reserved_workers(most)?;
        }
        for activity in [change.reservation_activity, change.assignment_activity].into_iter().flatten() {
            self.known_activity(activity)?;
        }
        let expression_changed =
            change.target_workers.as_ref().is_some_and(|text| *text != queue.target_workers);
        queue.target_workers = change.target_workers.unwrap_or(queue.target_workers);
        queue.max_reserved_workers = change.max_reserved_workers.unwrap_or(queue.max_reserved_workers);
        queue.task_order = change.task_order.unwrap_or(queue.task_order);
        queue.reservation_activity = change.reservation_activity.or(queue.reservation_activity);
        queue.assignment_activity = change.assignment_activity.or(queue.assignment_activity);
        queue.updated = self.now;
        self.emit(Event::TaskQueueUpdated { queue, expression_changed });
        if expression_changed {
            self.report_mismatch(sid);
        }
        Ok(Answer::TaskQueue(sid))
    }

    pub(super) fn delete_queue(&mut self, sid: TaskQueueSid) -> Decided {
        let state = &self.ws.state;
        if !state.queues.contains_key(&sid) {
            return Err(RoutingError::missing(sid));
        }
        let refuse =
            |why: String| Err(RoutingError::refused(format!("Cannot delete task queue {sid} because {why}")));
        if let Some(task) =
            state.tasks.values().find(|t| t.task.queue == Some(sid) && !t.task.status.is_terminal())
        {
            return refuse(format!("task {} is in it", task.task.sid));
        }
        let names = |workflow: WorkflowSid, revision: u64| {
            let definition = self.ws.index.definition(workflow, revision);
            definition.is_some_and(|definition| definition.queues().any(|(queue, _)| queue == sid))
        };
        if let Some(workflow) = state.workflows.values().find(|w| names(w.sid, w.revision)) {
            return refuse(format!("workflow {} uses it", workflow.sid));
        }
        let retired = state.retired.iter().flat_map(|(w, of)| of.keys().map(|revision| (*w, *revision)));
        if let Some((workflow, _)) = retired.into_iter().find(|(w, revision)| names(*w, *revision)) {
            return refuse(format!(
                "tasks are in an earlier configuration of workflow {workflow} that uses it"
            ));
        }
        self.emit(Event::TaskQueueDeleted { sid });
        Ok(Answer::Done)
    }

    /// A configuration that parses and whose queues are ours.
    fn check_configuration(&self, text: &str) -> Decided<()> {
        let definition = Definition::parse(text)
            .map_err(|fault| RoutingError::refused(format!("Configuration is invalid: {fault}")))?;
        let mut queues = definition.queues();
        match queues.find(|(queue, _)| !self.ws.state.queues.contains_key(queue)) {
            None => Ok(()),
            Some((queue, place)) => Err(RoutingError::refused(format!(
                "Configuration is invalid: {place}: there is no task queue {queue} in this workspace"
            ))),
        }
    }

    pub(super) fn create_workflow(&mut self, new: NewWorkflow) -> Decided {
        bounded(self.ws.state.workflows.len(), WORKFLOWS_MAX, "workflows")?;
        let friendly_name = name(new.friendly_name)?;
        self.check_configuration(&new.configuration)?;
        check_timeout(new.task_reservation_timeout)?;
        let workflow = Workflow {
            sid: WorkflowSid::generate(self.entropy),
            friendly_name,
            configuration: new.configuration,
            assignment_callback_url: new.assignment_callback_url.filter(|url| !url.is_empty()),
            fallback_assignment_callback_url: new
                .fallback_assignment_callback_url
                .filter(|url| !url.is_empty()),
            task_reservation_timeout: new.task_reservation_timeout,
            revision: 1,
            created: self.now,
            updated: self.now,
        };
        let sid = workflow.sid;
        self.emit(Event::WorkflowCreated { workflow });
        Ok(Answer::Workflow(sid))
    }

    pub(super) fn update_workflow(&mut self, sid: WorkflowSid, change: WorkflowChange) -> Decided {
        let mut workflow =
            self.ws.state.workflows.get(&sid).cloned().ok_or_else(|| RoutingError::missing(sid))?;
        if let Some(friendly_name) = change.friendly_name {
            workflow.friendly_name = name(friendly_name)?;
        }
        if let Some(configuration) = change.configuration {
            self.check_configuration(&configuration)?;
            if configuration != workflow.configuration {
                workflow.revision += 1;
                workflow.configuration = configuration;
            }
        }
        if let Some(timeout) = change.task_reservation_timeout {
            check_timeout(timeout)?;
            workflow.task_reservation_timeout = timeout;
        }
        let set = |kept: &mut Option<String>, change: Option<Option<String>>| {
            if let Some(url) = change {
                *kept = url.filter(|url| !url.is_empty());
            }
        };
        set(&mut workflow.assignment_callback_url, change.assignment_callback_url);
        set(&mut workflow.fallback_assignment_callback_url, change.fallback_assignment_callback_url);
        workflow.updated = self.now;
        self.emit(Event::WorkflowUpdated { workflow });
        if change.re_evaluate {
            self.re_evaluate_workflow(sid);
        }
        Ok(Answer::Workflow(sid))
    }

    pub(super) fn delete_workflow(&mut self, sid: WorkflowSid) -> Decided {
        if !self.ws.state.workflows.contains_key(&sid) {
            return Err(RoutingError::missing(sid));
        }
        let mut tasks = self.ws.state.tasks.values();
        if let Some(task) = tasks.find(|t| t.task.workflow == sid && !t.task.status.is_terminal()) {
            return Err(RoutingError::refused(format!(
                "Cannot delete workflow {sid} because task {} is in it",
                task.task.sid
            )));
        }
        self.emit(Event::WorkflowDeleted { sid });
        Ok(Answer::Done)
    }

    /// There is room for one more worker.
    pub(super) fn room_for_worker(&self) -> Decided<()> {
        bounded(self.ws.state.workers.len(), WORKERS_MAX, "workers")
    }

    /// There is room for one more worker in this activity, if it is an available one.
    pub(super) fn room_in_activity(&self, activity: ActivitySid) -> Decided<()> {
        let available = self.ws.state.activities.values().filter(|activity| activity.available);
        let active: u64 = available.map(|activity| self.ws.index.in_activity(activity.sid)).sum();
        if active < ACTIVE_WORKERS_MAX || !self.ws.state.activity_available(activity) {
            return Ok(());
        }
        Err(RoutingError::Refused {
            code: TOO_MANY_ACTIVE,
            message: format!(
                "Max concurrent Workers exceeded: {ACTIVE_WORKERS_MAX} are in available activities"
            ),
        })
    }

    /// Warns of a queue that nobody serves because its expression compares what cannot be compared (`HAS` on what is no
    /// list), which elsewhere goes unsaid.
    pub(super) fn report_mismatch(&mut self, sid: TaskQueueSid) {
        if self.ws.index.eligible(sid).next().is_some() {
            return;
        }
        let Some(expression) = self.ws.index.queue_expression(sid) else { return };
        let state = &self.ws.state;
        let mut workers = state.workers.values().map(|entry| &entry.worker).take(MISMATCHED_WORKERS_MAX);
        let found = workers.find_map(|worker| Some((worker, state.mismatch(worker, expression)?)));
        let Some((worker, mismatch)) = found else { return };
        let message = format!(
            "TaskQueue {sid} serves nobody: {mismatch}, for example for worker {} ({})",
            worker.friendly_name, worker.sid
        );
        self.effects.push(Effect::Notify { code: IGNORED, message, resource: sid.to_string() });
    }
}

fn channel_name(text: String) -> Decided<String> {
    if text.contains('-') {
        return Err(RoutingError::refused("FriendlyName of a task channel must not contain '-'"));
    }
    name(text)
}

fn check_target_workers(text: &str) -> Decided<()> {
    if text.trim().is_empty() {
        return Ok(());
    }
    match Expression::parse(text, Context::Worker) {
        Ok(_) => Ok(()),
        Err(fault) => Err(RoutingError::refused(format!("TargetWorkers is invalid: {fault}"))),
    }
}

fn check_reserved_workers(most: u32) -> Decided<()> {
    match (1..=RESERVED_WORKERS_MAX).contains(&most) {
        true => Ok(()),
        false => {
            Err(RoutingError::refused(format!("MaxReservedWorkers must be from 1 to {RESERVED_WORKERS_MAX}")))
        }
    }
}

fn check_timeout(timeout: Duration) -> Decided<()> {
    match (Duration::from_secs(1)..=RESERVATION_TIMEOUT_MAX).contains(&timeout) {
        true => Ok(()),
        false => Err(RoutingError::refused("TaskReservationTimeout must be from 1 to 86400 seconds")),
    }
}

fn check_policy(policy: &VoicePolicy) -> Decided<()> {
    if let Err(fault) = Expression::parse(&policy.direct, Context::Task) {
        return Err(RoutingError::refused(format!("the voice policy's 'direct' is invalid: {fault}")));
    }
    if policy.live_max == 0 {
        return Err(RoutingError::refused("the voice policy's 'live_max' must be at least 1"));
    }
    let second = Duration::from_secs(1);
    if policy.park_recall < second || policy.recall_ring < second || policy.hangup_notice < second {
        return Err(RoutingError::refused("the voice policy's times must be at least one second"));
    }
    Ok(())
}
