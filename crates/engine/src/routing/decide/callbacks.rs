//! Event callbacks: the parameters of every event, all of them strings (reference: TaskRouter §7). They are put together
//! whether anybody listens or not: the Events resource shows the same.

use super::*;
use crate::routing::effect::Parameters;
use crate::routing::model::*;
use crate::routing::waiting::Named;
use std::time::Duration;

/// What must be read before an event is applied because the event takes it away.
#[derive(Default)]
pub(super) struct Before {
    parameters: Parameters,
    description: String,
}

/// Parameters as they are gathered.
#[derive(Default)]
struct Form(Parameters);

impl Form {
    fn put(&mut self, name: &'static str, value: impl ToString) {
        self.0.push((name.into(), value.to_string()));
    }
}

/// What a callback is about.
struct About {
    event_type: &'static str,
    resource_type: &'static str,
    resource: String,
    lane: String,
    description: String,
}

impl Deciding<'_> {
    /// Reads what the event is about to take away or replace.
    pub(super) fn callback_before(&self, event: &Event) -> Before {
        let mut form = Form::default();
        let mut description = String::new();
        let state = &self.ws.state;
        match event {
            Event::ActivityDeleted { sid } => self.activity(&mut form, *sid),
            Event::TaskChannelDeleted { sid } => self.channel(&mut form, *sid, true),
            Event::TaskQueueDeleted { sid } => self.queue(&mut form, *sid),
            Event::WorkflowDeleted { sid } => self.workflow(&mut form, *sid),
            Event::WorkerDeleted { sid } => self.worker(&mut form, *sid),
            Event::TaskDeleted { task, .. } => self.task(&mut form, *task),
            Event::WorkerActivityUpdated { sid, activity } => {
                let worker = state.worker(*sid);
                let spent = self.now.since(worker.status_changed);
                form.put("WorkerPreviousActivitySid", worker.activity);
                form.put("WorkerPreviousActivityName", self.activity_name(worker.activity));
                form.put("WorkerTimeInPreviousActivity", spent.as_secs());
                form.put("WorkerTimeInPreviousActivityMs", spent.as_millis());
                let name = self.activity_name(*activity);
                description = format!("Worker {} updated to {name} Activity", worker.friendly_name);
            }
            Event::WorkerCapacityUpdated { sid, channel, .. } => {
                if let Some(of) = state.worker(*sid).channels.get(channel) {
                    form.put("WorkerChannelPreviousCapacity", of.configured_capacity);
                }
            }
            _ => {}
        }
        Before { parameters: form.0, description }
    }

    /// Adds the effect for an event that was applied.
    pub(super) fn callback_after(&mut self, recorded: &Recorded, before: Before) {
        let Some(about) = self.about(&recorded.event) else { return };
        let settings = &self.ws.state.settings;
        let mut form = Form::default();
        form.put("EventType", about.event_type);
        form.put("AccountSid", settings.account);
        form.put("WorkspaceSid", settings.sid);
        form.put("WorkspaceName", &settings.friendly_name);
        form.put("OperatingUnitSid", settings.operating_unit());
        let description = if before.description.is_empty() { about.description } else { before.description };
        form.put("EventDescription", description);
        form.put("ResourceType", about.resource_type);
        form.put("ResourceSid", about.resource);
        form.put("Timestamp", self.now.seconds());
        form.put("TimestampMs", self.now.millis());
        form.put("Sid", recorded.sid);
        self.of_event(&mut form, &recorded.event);
        form.0.extend(before.parameters);
        let (event, event_type, lane) = (recorded.sid, about.event_type, about.lane);
        self.effects.push(Effect::Callback { event, event_type, lane, parameters: form.0 });
    }

    fn about(&self, event: &Event) -> Option<About> {
        let state = &self.ws.state;
        let of = |event_type, resource_type, sid: String, description: String| {
            Some(About { event_type, resource_type, lane: sid.clone(), resource: sid, description })
        };
        let named = |event_type: &'static str, resource_type, sid: String, name: &str| {
            let verb = event_type.rsplit('.').next().unwrap_or_default();
            of(event_type, resource_type, sid, format!("{} {name} {verb}", title(resource_type)))
        };
        let task = |event_type, task: &TaskSid, description: &str| {
            of(event_type, "task", task.to_string(), description.to_owned())
        };
        let worker_name =
            |sid: &WorkerSid| state.workers.get(sid).map_or("", |w| w.worker.friendly_name.as_str());
        let worker = |event_type, sid: &WorkerSid, what: &str| {
            of(event_type, "worker", sid.to_string(), format!("Worker {} {what}", worker_name(sid)))
        };
        let reservation = |event_type, sid: &ReservationSid| {
            let reservation = state.reservations.get(sid)?;
            let status = reservation.status.as_str();
            Some(About {
                event_type,
                resource_type: "reservation",
                resource: sid.to_string(),
                lane: reservation.task.to_string(),
                description: format!("Reservation {sid} is {status}"),
            })
        };
        let workspace = |event_type, what: &str| {
            let settings = &state.settings;
            of(
                event_type,
                "workspace",
                settings.sid.to_string(),
                format!("Workspace {} {what}", settings.friendly_name),
            )
        };
        let queue = |event_type, task: &TaskSid, queue: &TaskQueueSid, what: &str| {
            let name = state.queues.get(queue).map_or("", |q| q.friendly_name.as_str());
            of(event_type, "task", task.to_string(), format!("Task {what} TaskQueue {name}"))
        };
        match event {
            Event::WorkspaceCreated { .. } => workspace("workspace.created", "created"),
            Event::WorkspaceUpdated { .. } => workspace("workspace.updated", "updated"),
            Event::WorkspaceDeleted => workspace("workspace.deleted", "deleted"),
            Event::ActivityCreated { activity } => {
                named("activity.created", "activity", activity.sid.to_string(), &activity.friendly_name)
            }
            Event::ActivityUpdated { activity } => {
                named("activity.updated", "activity", activity.sid.to_string(), &activity.friendly_name)
            }
            Event::ActivityDeleted { sid } => named("activity.deleted", "activity", sid.to_string(), ""),
            Event::TaskChannelCreated { channel, .. } => {
                named("task-channel.created", "taskchannel", channel.sid.to_string(), &channel.friendly_name)
            }
            Event::TaskChannelUpdated { channel } => {
                named("task-channel.updated", "taskchannel", channel.sid.to_string(), &channel.friendly_name)
            }
            Event::TaskChannelDeleted { sid } => {
                named("task-channel.deleted", "taskchannel", sid.to_string(), "")
            }
            Event::WorkerCreated { worker: new } => worker("worker.created", &new.sid, "created"),
            Event::WorkerActivityUpdated { sid, .. } => worker("worker.activity.update", sid, "updated"),
            Event::WorkerAttributesUpdated { sid, .. } => {
                worker("worker.attributes.update", sid, "updated attributes")
            }
            Event::WorkerCapacityUpdated { sid, .. } => {
                worker("worker.capacity.update", sid, "updated capacity")
            }
            Event::WorkerChannelAvailabilityUpdated { sid, .. } => {
                worker("worker.channel.availability.update", sid, "updated channel availability")
            }
            Event::WorkerDeleted { sid } => worker("worker.deleted", sid, "deleted"),
            Event::TaskQueueCreated { queue } => {
                named("task-queue.created", "taskqueue", queue.sid.to_string(), &queue.friendly_name)
            }
            Event::TaskQueueUpdated { queue, expression_changed: true } => named(
                "task-queue.expression.updated",
                "taskqueue",
                queue.sid.to_string(),
                &queue.friendly_name,
            ),
            Event::TaskQueueDeleted { sid } => named("task-queue.deleted", "taskqueue", sid.to_string(), ""),
            Event::WorkflowCreated { workflow } => {
                named("workflow.created", "workflow", workflow.sid.to_string(), &workflow.friendly_name)
            }
            Event::WorkflowUpdated { workflow } => {
                named("workflow.updated", "workflow", workflow.sid.to_string(), &workflow.friendly_name)
            }
            Event::WorkflowDeleted { sid } => named("workflow.deleted", "workflow", sid.to_string(), ""),
            Event::TaskCreated { task: new } => task("task.created", &new.sid, "Task created"),
            Event::TaskUpdated { task: sid, .. } => task("task.updated", sid, "Task updated"),
            Event::TaskCanceled { task: sid, reason } => {
                task("task.canceled", sid, &format!("Task canceled: {reason}"))
            }
            Event::TaskWrapup { task: sid, .. } => task("task.wrapup", sid, "Task wrapping"),
            Event::TaskCompleted { task: sid, .. } => task("task.completed", sid, "Task completed"),
            Event::TaskDeleted { task: sid, by_system: false } => task("task.deleted", sid, "Task deleted"),
            Event::TaskDeleted { task: sid, by_system: true } => {
                task("task.system-deleted", sid, "Task deleted by the system")
            }
            Event::WorkflowEntered { task: sid } => task("workflow.entered", sid, "Task entered Workflow"),
            Event::WorkflowTargetMatched { task: sid, .. } => {
                task("workflow.target-matched", sid, "Task matched a Workflow target")
            }
            Event::WorkflowTimeout { task: sid } => {
                task("workflow.timeout", sid, "Task timed out of Workflow")
            }
            Event::WorkflowSkipped { task: sid } => {
                task("workflow.skipped", sid, "Task was skipped out of Workflow")
            }
            Event::ReservationFailed { task: sid, .. } => {
                task("reservation.failed", sid, "Reservation could not be created")
            }
            Event::TaskQueueEntered { task, queue: sid } => queue("task-queue.entered", task, sid, "entered"),
            Event::TaskQueueMoved { task, from } => queue("task-queue.moved", task, from, "moved out of"),
            Event::TaskQueueTimeout { task, queue: sid } => {
                queue("task-queue.timeout", task, sid, "timed out in")
            }
            Event::ReservationCreated { reservation: new } => reservation("reservation.created", &new.sid),
            Event::ReservationAccepted { reservation: sid } => reservation("reservation.accepted", sid),
            Event::ReservationRejected { reservation: sid } => reservation("reservation.rejected", sid),
            Event::ReservationTimeout { reservation: sid } => reservation("reservation.timeout", sid),
            Event::ReservationCanceled { reservation: sid, .. } => reservation("reservation.canceled", sid),
            Event::ReservationRescinded { reservation: sid } => reservation("reservation.rescinded", sid),
            Event::ReservationWrapup { reservation: sid } => reservation("reservation.wrapup", sid),
            Event::ReservationCompleted { reservation: sid } => reservation("reservation.completed", sid),
            Event::TransferInitiated { transfer, .. } => {
                self.about_transfer("task.transfer-initiated", transfer.sid)
            }
            Event::TransferAttemptFailed { transfer, .. } => {
                self.about_transfer("task.transfer-attempt-failed", *transfer)
            }
            Event::TransferFailed { transfer, .. } => self.about_transfer("task.transfer-failed", *transfer),
            Event::TransferCanceled { transfer, .. } => {
                self.about_transfer("task.transfer-canceled", *transfer)
            }
            Event::TransferCompleted { transfer, .. } => {
                self.about_transfer("task.transfer-completed", *transfer)
            }
            Event::TaskReturned { task: sid, .. } => task("task.updated", sid, "Task waits again"),
            _ => None,
        }
    }

    fn about_transfer(&self, event_type: &'static str, sid: TransferSid) -> Option<About> {
        let transfer = self.ws.transfer(sid)?;
        Some(About {
            event_type,
            resource_type: "task",
            resource: transfer.task.to_string(),
            lane: transfer.task.to_string(),
            description: format!(
                "Transfer {sid} of Task {} to {} is {}",
                transfer.task,
                transfer.to,
                transfer.status.as_str()
            ),
        })
    }

    fn transfer(&self, form: &mut Form, sid: TransferSid) {
        let Some(transfer) = self.ws.transfer(sid) else { return };
        form.put("TransferSid", sid);
        form.put("TransferMode", transfer.mode.as_str());
        form.put("TransferType", transfer.to.type_str());
        form.put("TransferTo", transfer.to);
        form.put("TransferStatus", transfer.status.as_str());
        form.put("TransferInitiatingReservationSid", transfer.initiating_reservation);
        form.put("TransferInitiatingWorkerSid", transfer.initiating_worker);
        form.put("TransferInitiatingWorkflowSid", transfer.initiating_workflow);
        if let Some(queue) = transfer.initiating_queue {
            form.put("TransferInitiatingQueueSid", queue);
        }
        if let Some(reason) = &transfer.failed_reason {
            form.put("TransferFailedReason", reason);
        }
    }

    /// The group of parameters that belongs to an event.
    fn of_event(&self, form: &mut Form, event: &Event) {
        match event {
            Event::ActivityCreated { activity } | Event::ActivityUpdated { activity } => {
                self.activity(form, activity.sid)
            }
            Event::TaskChannelCreated { channel, .. } | Event::TaskChannelUpdated { channel } => {
                self.channel(form, channel.sid, true);
            }
            Event::TaskQueueCreated { queue } | Event::TaskQueueUpdated { queue, .. } => {
                self.queue(form, queue.sid)
            }
            Event::WorkflowCreated { workflow } | Event::WorkflowUpdated { workflow } => {
                self.workflow(form, workflow.sid);
            }
            Event::WorkerCreated { worker } => self.worker(form, worker.sid),
            Event::WorkerActivityUpdated { sid, .. } | Event::WorkerAttributesUpdated { sid, .. } => {
                self.worker(form, *sid);
            }
            Event::WorkerCapacityUpdated { sid, channel, .. }
            | Event::WorkerChannelAvailabilityUpdated { sid, channel, .. } => {
                self.worker(form, *sid);
                self.channel(form, *channel, false);
                if let Some(of) = self.ws.state.worker(*sid).channels.get(channel) {
                    form.put("WorkerChannelAvailable", of.available);
                    form.put(
                        "WorkerChannelAvailableCapacity",
                        of.configured_capacity.saturating_sub(of.used_capacity),
                    );
                    form.put("WorkerChannelCapacity", of.configured_capacity);
                    form.put("WorkerChannelTaskCount", of.assigned_tasks);
                }
            }
            Event::TaskCreated { task } => self.task(form, task.sid),
            Event::TaskUpdated { task, .. }
            | Event::TaskCanceled { task, .. }
            | Event::TaskWrapup { task, .. }
            | Event::TaskCompleted { task, .. }
            | Event::WorkflowEntered { task }
            | Event::WorkflowTargetMatched { task, .. }
            | Event::WorkflowTimeout { task }
            | Event::WorkflowSkipped { task }
            | Event::TaskQueueEntered { task, .. }
            | Event::TaskReturned { task, .. }
            | Event::TaskQueueTimeout { task, .. } => self.task(form, *task),
            Event::ReservationFailed { task, worker } => {
                self.task(form, *task);
                self.worker(form, *worker);
            }
            Event::TransferInitiated { transfer, .. } => self.transferred(form, transfer.sid),
            Event::TransferAttemptFailed { transfer, .. }
            | Event::TransferFailed { transfer, .. }
            | Event::TransferCanceled { transfer, .. }
            | Event::TransferCompleted { transfer, .. } => self.transferred(form, *transfer),
            // It has left the queue by now; the event says which.
            Event::TaskQueueMoved { task, from } => {
                self.task(form, *task);
                self.queue(form, *from);
            }
            Event::ReservationCreated { reservation } => self.reservation(form, reservation.sid),
            Event::ReservationAccepted { reservation }
            | Event::ReservationRejected { reservation }
            | Event::ReservationTimeout { reservation }
            | Event::ReservationCanceled { reservation, .. }
            | Event::ReservationRescinded { reservation }
            | Event::ReservationWrapup { reservation }
            | Event::ReservationCompleted { reservation } => self.reservation(form, *reservation),
            _ => {}
        }
    }

    /// The task's parameters and the transfer's.
    fn transferred(&self, form: &mut Form, sid: TransferSid) {
        let Some(transfer) = self.ws.transfer(sid) else { return };
        self.task(form, transfer.task);
        form.put("ReservationSid", transfer.initiating_reservation);
        self.worker(form, transfer.initiating_worker);
        self.transfer(form, sid);
    }

    fn activity_name(&self, sid: ActivitySid) -> &str {
        self.ws.state.activities.get(&sid).map_or("", |activity| &activity.friendly_name)
    }

    fn activity(&self, form: &mut Form, sid: ActivitySid) {
        if let Some(activity) = self.ws.state.activities.get(&sid) {
            form.put("ActivitySid", sid);
            form.put("ActivityName", &activity.friendly_name);
            form.put("ActivityAvailable", activity.available);
        }
    }

    fn channel(&self, form: &mut Form, sid: TaskChannelSid, whole: bool) {
        if let Some(channel) = self.ws.state.channels.get(&sid) {
            form.put("TaskChannelSid", sid);
            form.put("TaskChannelUniqueName", &channel.unique_name);
            if whole {
                form.put("TaskChannelName", &channel.friendly_name);
                form.put("TaskChannelOptimizedRouting", channel.channel_optimized_routing);
            }
        }
    }

    fn queue(&self, form: &mut Form, sid: TaskQueueSid) {
        if let Some(queue) = self.ws.state.queues.get(&sid) {
            form.put("TaskQueueSid", sid);
            form.put("TaskQueueName", &queue.friendly_name);
            form.put("TaskQueueTargetExpression", &queue.target_workers);
        }
    }

    fn workflow(&self, form: &mut Form, sid: WorkflowSid) {
        form.put("WorkflowSid", sid);
        if let Some(workflow) = self.ws.state.workflows.get(&sid) {
            form.put("WorkflowName", &workflow.friendly_name);
        }
    }

    fn worker(&self, form: &mut Form, sid: WorkerSid) {
        let Some(worker) = self.ws.worker(sid) else { return };
        form.put("WorkerSid", sid);
        form.put("WorkerName", &worker.friendly_name);
        form.put("WorkerAttributes", worker.attributes.text());
        form.put("WorkerActivitySid", worker.activity);
        form.put("WorkerActivityName", self.activity_name(worker.activity));
        form.put("WorkerVersion", worker.version);
    }

    fn task(&self, form: &mut Form, sid: TaskSid) {
        let Some(task) = self.ws.task(sid) else { return };
        form.put("TaskSid", sid);
        form.put("TaskAttributes", task.attributes.text());
        form.put("TaskAge", age(self.now, task));
        form.put("TaskPriority", task.priority);
        form.put("TaskAssignmentStatus", task.status.as_str());
        form.put("TaskVersion", task.version);
        form.put("TaskDateCreated", task.created.seconds());
        form.put("TaskVirtualStartTime", task.virtual_start.seconds());
        form.put("TaskIgnoreCapacity", task.ignore_capacity);
        if let Some(entered) = task.queue_entered {
            form.put("TaskQueueEnteredDate", entered.seconds());
        }
        if let Some(reason) = &task.reason {
            form.put("Reason", reason);
            match task.status {
                TaskStatus::Canceled => form.put("TaskCanceledReason", reason),
                TaskStatus::Completed => form.put("TaskCompletedReason", reason),
                _ => {}
            }
        }
        self.channel(form, task.channel, false);
        if let Some(queue) = task.queue {
            self.queue(form, queue);
        }
        self.workflow(form, task.workflow);
        if let Some(target) = self.ws.index.target(task)
            && let Named::Worker(worker) = self.ws.index.named(&self.ws.state, task, target)
        {
            form.put("known_worker_sid", worker);
            form.put("KnownWorkerSid", worker);
        }
    }

    fn reservation(&self, form: &mut Form, sid: ReservationSid) {
        let Some(reservation) = self.ws.reservation(sid) else { return };
        self.task(form, reservation.task);
        self.worker(form, reservation.worker);
        form.put("ReservationSid", sid);
        form.put("ReservationVersion", reservation.version);
        if let Some(code) = reservation.canceled_reason_code {
            form.put("CanceledReasonCode", code);
        }
        if let Some(transfer) = reservation.transfer {
            self.transfer(form, transfer);
        }
        let channel = self.ws.task(reservation.task).map(|task| task.channel);
        if let Some(of) = channel
            .zip(self.ws.worker(reservation.worker))
            .and_then(|(channel, worker)| worker.channels.get(&channel))
        {
            form.put("WorkerChannelCapacity", of.configured_capacity);
            form.put("WorkerChannelConsumedCapacity", of.used_capacity);
        }
    }

    /// The parameters of the assignment callback (reference: TaskRouter §5.4).
    pub(super) fn assignment_parameters(&self, reservation: &Reservation) -> Parameters {
        let mut form = Form::default();
        let settings = &self.ws.state.settings;
        form.put("Timestamp", self.now.seconds());
        form.put("AccountSid", settings.account);
        form.put("WorkspaceSid", settings.sid);
        if let Some(task) = self.ws.task(reservation.task) {
            form.put("WorkflowSid", task.workflow);
            form.put("TaskQueueSid", task.queue.map(|queue| queue.to_string()).unwrap_or_default());
            form.put("TaskSid", task.sid);
            form.put("TaskAttributes", task.attributes.text());
            form.put("TaskAge", age(self.now, task));
            form.put("TaskPriority", task.priority);
        }
        if let Some(worker) = self.ws.worker(reservation.worker) {
            form.put("WorkerSid", worker.sid);
            form.put("WorkerName", &worker.friendly_name);
            form.put("WorkerAttributes", worker.attributes.text());
        }
        form.put("ReservationSid", reservation.sid);
        form.0
    }
}

fn age(now: Timestamp, task: &Task) -> u64 {
    let age: Duration = now.since(task.created);
    age.as_secs()
}

fn title(resource_type: &str) -> &'static str {
    match resource_type {
        "activity" => "Activity",
        "taskchannel" => "TaskChannel",
        "taskqueue" => "TaskQueue",
        "workflow" => "Workflow",
        _ => "Resource",
    }
}
