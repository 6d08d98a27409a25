//! Tasks: created, changed, ended (reference: TaskRouter §1.8, §4).

use super::*;
use crate::routing::limits::{PRIORITY_MAX, TASK_TIMEOUT_MAX, TASKS_MAX};
use crate::routing::model::*;
use crate::routing::workspace::call_of;
use serde_json::{Map, Value};

/// 1900-01-01T00:00:00Z.
const YEAR_1900: Timestamp = Timestamp(-2_208_988_800_000_000);

impl Deciding<'_> {
    pub(super) fn create_task(&mut self, new: NewTask) -> Decided {
        if self.ws.state.tasks.len() >= TASKS_MAX {
            return Err(RoutingError::refused(format!("the workspace already has {TASKS_MAX} tasks")));
        }
        let task = self.new_task(new)?;
        let sid = task.sid;
        self.begin_task(task);
        Ok(Answer::Task(sid))
    }

    fn begin_task(&mut self, task: Task) {
        let (sid, target) = (task.sid, task.routing_target);
        self.emit(Event::TaskCreated { task });
        match target {
            None | Some(RoutingTarget::Workflow(_)) => self.route(sid),
            Some(RoutingTarget::Queue(queue)) => self.emit(Event::TaskQueueEntered { task: sid, queue }),
            Some(RoutingTarget::Worker(_)) => {}
        }
    }

    /// Creates a task as it was created in another run of this workspace; whether its workflow takes it here.
    pub fn take_task(&mut self, task: Task) -> bool {
        let by_workflow = matches!(task.routing_target, None | Some(RoutingTarget::Workflow(_)));
        let workflow = self.ws.state.workflows.get(&task.workflow);
        let known = workflow.is_some_and(|workflow| !by_workflow || self.takes(workflow, &task.attributes));
        if known && !self.ws.state.tasks.contains_key(&task.sid) {
            self.begin_task(task);
            self.settle();
            return true;
        }
        false
    }

    /// A task as it would be created; everything that can be wrong with it is found here.
    fn new_task(&mut self, new: NewTask) -> Decided<Task> {
        let state = &self.ws.state;
        let refuse = |message: String| Err(RoutingError::refused(message));
        let (named, target) = match new.routing_target {
            Some(RoutingTarget::Workflow(workflow)) => (Some(workflow), new.routing_target),
            target => (new.workflow, target),
        };
        let workflow = match named {
            Some(sid) => match state.workflows.get(&sid) {
                Some(workflow) => workflow,
                None => {
                    return refuse(format!(
                        "WorkflowSid {sid} does not exist in workspace {}",
                        state.settings.sid
                    ));
                }
            },
            None if state.workflows.len() == 1 => state.workflows.values().next().expect("there is one"),
            None => return refuse("WorkflowSid field is required".to_owned()),
        };
        match target {
            Some(RoutingTarget::Worker(worker)) if !state.workers.contains_key(&worker) => {
                return refuse(format!("RoutingTarget {worker} does not exist"));
            }
            Some(RoutingTarget::Queue(queue)) if !state.queues.contains_key(&queue) => {
                return refuse(format!("RoutingTarget {queue} does not exist"));
            }
            _ => {}
        }
        let to_worker = matches!(target, Some(RoutingTarget::Worker(_)));
        if new.ignore_capacity.is_some() && !to_worker {
            return refuse("IgnoreCapacity can only be used when RoutingTarget is a worker".to_owned());
        }
        if let Some(queue) = new.queue.filter(|queue| !state.queues.contains_key(queue)) {
            return refuse(format!("TaskQueueSid {queue} does not exist"));
        }
        let channel = self.find_channel(new.channel.as_deref().unwrap_or("default"))?;
        check_priority(new.priority)?;
        if new.timeout.is_zero() || new.timeout > TASK_TIMEOUT_MAX {
            return refuse("Timeout must be from 1 to 1209600 seconds".to_owned());
        }
        if let Some(start) = new.virtual_start {
            self.check_virtual_start(start)?;
        }
        let by_workflow = matches!(target, None | Some(RoutingTarget::Workflow(_)));
        if by_workflow && !self.takes(workflow, &new.attributes) {
            return refuse(format!(
                "the task matches no filter of workflow {}, and the workflow has no default_filter",
                workflow.sid
            ));
        }
        Ok(Task {
            workflow: workflow.sid,
            sid: TaskSid::generate_at(self.now, self.entropy),
            attributes: new.attributes,
            status: TaskStatus::Pending,
            priority: new.priority,
            reason: None,
            channel,
            queue: new.queue.filter(|_| to_worker),
            queue_entered: None,
            step: None,
            timeout: new.timeout,
            virtual_start: new.virtual_start.unwrap_or(self.now),
            routing_target: target,
            ignore_capacity: to_worker && new.ignore_capacity.unwrap_or(true),
            assignments: 0,
            reservations: Vec::new(),
            version: 0,
            created: self.now,
            updated: self.now,
        })
    }

    fn find_channel(&self, name: &str) -> Decided<TaskChannelSid> {
        match self.ws.task_channel(name) {
            Some(channel) => Ok(channel.sid),
            None => Err(RoutingError::refused(format!("TaskChannel '{name}' does not exist"))),
        }
    }

    fn check_virtual_start(&self, start: Timestamp) -> Decided<()> {
        if start > self.now {
            return Err(RoutingError::refused("VirtualStartTime must not be in the future"));
        }
        if start < YEAR_1900 {
            return Err(RoutingError::refused("VirtualStartTime must not be before the year 1900"));
        }
        Ok(())
    }

    pub(super) fn known_task(&self, sid: TaskSid) -> Decided<&Task> {
        self.ws.task(sid).ok_or_else(|| RoutingError::missing(sid))
    }

    pub(super) fn update_task(&mut self, sid: TaskSid, if_match: Option<u64>, change: TaskChange) -> Decided {
        let task = self.known_task(sid)?.clone();
        matching(if_match, task.version)?;
        if let Some(status) = change.status {
            self.check_transition(&task, status, change.reason.as_deref())?;
        }
        let channel = match &change.channel {
            Some(name) => Some(self.find_channel(name)?).filter(|channel| *channel != task.channel),
            None => None,
        };
        if channel.is_some() && task.status != TaskStatus::Pending {
            return Err(RoutingError::refused("TaskChannel can only be changed while the task is pending"));
        }
        if let Some(priority) = change.priority {
            check_priority(priority)?;
        }
        if change.status == Some(TaskStatus::Completed)
            && let Some(parked) = self.cold_transferor(sid)
        {
            // The transferor is done with it; the task is somebody else's.
            self.complete(parked, change.reason);
            return Ok(Answer::Task(sid));
        }
        if let Some(start) = change.virtual_start {
            self.check_virtual_start(start)?;
        }
        match change.status {
            Some(TaskStatus::Canceled) => {
                self.cancel_task(sid, change.reason.as_deref().unwrap_or_default());
            }
            Some(TaskStatus::Wrapping) => self.wrap_task(sid, change.reason),
            Some(TaskStatus::Completed) => {
                let parked = self.has_parked_call(sid) || self.is_handed_over(sid);
                self.complete_task(sid, change.reason);
                if parked {
                    self.close_call(&task, true);
                }
            }
            _ => {}
        }
        let replaced = change.attributes.filter(|attributes| attributes.text() != task.attributes.text());
        let attributes = match (&replaced, change.merge) {
            (_, Some(merge)) => {
                let base = replaced.as_ref().unwrap_or(&task.attributes);
                Some(merged(base, merge)).filter(|attributes| *attributes != task.attributes)
            }
            (Some(replaced), None) => Some(replaced.clone()),
            (None, None) => None,
        };
        let priority = change.priority.filter(|priority| *priority != task.priority);
        let virtual_start = change.virtual_start.filter(|start| *start != task.virtual_start);
        if attributes.is_some() || priority.is_some() || virtual_start.is_some() || channel.is_some() {
            self.emit(Event::TaskUpdated { task: sid, attributes, priority, virtual_start, channel });
        }
        let by_workflow = matches!(task.routing_target, None | Some(RoutingTarget::Workflow(_)))
            && self.ws.open_transfer(sid).is_none();
        if replaced.is_some() && by_workflow && self.is_pending(sid) {
            self.route(sid);
        }
        Ok(Answer::Task(sid))
    }

    /// §4.3: which status a task may be given from which.
    fn check_transition(&self, task: &Task, to: TaskStatus, reason: Option<&str>) -> Decided<()> {
        let settings = &self.ws.state.settings;
        let refuse = |verb: &str, why: &str| {
            Err(RoutingError::refused(format!(
                "Cannot {verb} task {} in workspace {} for account {} because it is {why}.",
                task.sid, settings.sid, settings.account
            )))
        };
        use TaskStatus::*;
        let in_transfer = self.ws.open_transfer(task.sid).is_some();
        match (to, task.status) {
            (Canceled, _) if in_transfer => return refuse("cancel", "being transferred"),
            (Completed, _) if self.cold_transferor(task.sid).is_some() => {}
            (Canceled, Pending | Reserved) | (Completed, Assigned | Wrapping) | (Wrapping, Assigned) => {}
            // A task in transfer is reserved while an agent still has it: that agent may not wrap it up yet.
            (Canceled, _) => return refuse("cancel", "not pending or reserved"),
            (Completed, _) => return refuse("complete", "not currently assigned"),
            (Wrapping, _) => return refuse("wrap up", "not currently assigned"),
            (Pending | Reserved | Assigned, _) => {
                return Err(RoutingError::refused(format!(
                    "AssignmentStatus '{}' cannot be set; it follows from reservations",
                    to.as_str()
                )));
            }
        }
        let needs_reason = matches!(to, Canceled | Completed);
        if needs_reason && reason.is_none_or(|reason| reason.trim().is_empty()) {
            return Err(RoutingError::refused(format!(
                "Reason is required to set AssignmentStatus '{}'",
                to.as_str()
            )));
        }
        Ok(())
    }

    pub(super) fn delete_task(&mut self, sid: TaskSid, if_match: Option<u64>) -> Decided {
        let task = self.known_task(sid)?.clone();
        matching(if_match, task.version)?;
        let waits = matches!(task.status, TaskStatus::Pending | TaskStatus::Reserved)
            || self.has_parked_call(sid)
            || self.is_handed_over(sid);
        self.cancel_reservations(sid, None);
        self.emit(Event::TaskDeleted { task: sid, by_system: false });
        if waits {
            self.close_call(&task, false);
        }
        Ok(Answer::Done)
    }

    /// Cancels a task that nobody has taken, with its offers; its caller, if there is one, keeps waiting.
    pub(super) fn cancel_task(&mut self, sid: TaskSid, reason: &str) {
        self.cancel_reservations(sid, None);
        self.emit(Event::TaskCanceled { task: sid, reason: reason.to_owned() });
        let task = self.ws.state.task(sid).task.clone();
        self.close_call(&task, false);
    }

    /// Every open reservation of a task is canceled; the task itself stays to be ended by the caller.
    pub(super) fn cancel_reservations(&mut self, sid: TaskSid, code: Option<u32>) {
        let open: Vec<_> = self.ws.state.open_reservations(sid).map(|r| r.sid).collect();
        for reservation in open {
            self.end_offer(reservation, Event::ReservationCanceled { reservation, code });
        }
    }

    pub(super) fn wrap_task(&mut self, sid: TaskSid, reason: Option<String>) {
        let accepted: Vec<_> = (self.ws.state.open_reservations(sid))
            .filter(|r| r.status == ReservationStatus::Accepted)
            .map(|r| (r.sid, r.worker))
            .collect();
        for (reservation, worker) in accepted {
            self.emit(Event::ReservationWrapup { reservation });
            self.keep_ready(worker);
        }
        self.emit(Event::TaskWrapup { task: sid, reason });
    }

    /// Completes a task with every reservation that is open.
    pub(super) fn complete_task(&mut self, sid: TaskSid, reason: Option<String>) {
        let open: Vec<_> = self.ws.state.open_reservations(sid).map(|r| (r.sid, r.status)).collect();
        for (reservation, status) in open {
            match status {
                ReservationStatus::Pending => {
                    self.end_offer(reservation, Event::ReservationCanceled { reservation, code: None });
                }
                _ => self.end_offer(reservation, Event::ReservationCompleted { reservation }),
            }
        }
        self.emit(Event::TaskCompleted { task: sid, reason });
    }

    /// Tells the voice side that the task of a waiting call is over.
    pub(super) fn close_call(&mut self, task: &Task, release: bool) {
        if let Some(call) = call_of(&task.attributes).filter(|_| self.ws.state.is_voice(task.channel)) {
            self.effects.push(Effect::Voice(VoiceOrder::TaskClosed { task: task.sid, call, release }));
        }
    }

    /// Changes attributes of a task for the voice side, without routing it again.
    pub(super) fn merge_attributes(&mut self, sid: TaskSid, merge: Map<String, Value>) {
        let task = &self.ws.state.task(sid).task;
        let attributes = merged(&task.attributes, merge);
        if attributes != task.attributes {
            self.emit(Event::TaskUpdated {
                task: sid,
                attributes: Some(attributes),
                priority: None,
                virtual_start: None,
                channel: None,
            });
        }
    }
}

/// `base` with the members of `merge` laid over it.
fn merged(base: &Attributes, merge: Map<String, Value>) -> Attributes {
    if merge.iter().all(|(key, value)| base.map().get(key) == Some(value)) {
        return base.clone();
    }
    let mut map = base.map().clone();
    map.extend(merge);
    Attributes::from_map(map)
}

pub(super) fn check_priority(priority: u32) -> Decided<()> {
    if priority > PRIORITY_MAX {
        return Err(RoutingError::refused(format!("Priority must be from 0 to {PRIORITY_MAX}")));
    }
    Ok(())
}
