//! TaskRouter v1: forms that are accepted, and resources as they are shown.

use crate::address::Address;
use crate::error::ApiError;
use crate::form::{NAME_CHARS_MAX, Params, bad, quoted};
use base::*;
use engine::routing::command::*;
pub use engine::routing::limits::{
    CAPACITY_MAX, PRIORITY_MAX, RESERVATION_TIMEOUT_MAX, RESERVED_WORKERS_MAX, TASK_TIMEOUT_MAX,
};
use engine::routing::model::*;
use serde_json::{Value, json};
use std::time::Duration;

/// Most seconds a task may wait (reference: TaskRouter limits).
pub const TASK_TIMEOUT_S_MAX: u64 = TASK_TIMEOUT_MAX.as_secs();
/// Seconds a task waits when nothing is said.
pub const TASK_TIMEOUT_S_DEFAULT: u64 = 86_400;
/// Most seconds of a reservation timeout.
pub const RESERVATION_TIMEOUT_S_MAX: u64 = RESERVATION_TIMEOUT_MAX.as_secs();
/// Seconds of a reservation timeout when nothing is said.
pub const RESERVATION_TIMEOUT_S_DEFAULT: u64 = 120;

const ORDERS: &[(&str, QueueOrder)] = &[("FIFO", QueueOrder::Fifo), ("LIFO", QueueOrder::Lifo)];

// --- Forms ----------------------------------------------------------------------------------------------------

/// `POST /Workspaces`
pub fn new_workspace(form: &Params) -> Result<NewWorkspace, ApiError> {
    Ok(NewWorkspace {
        friendly_name: form.required_name("FriendlyName")?,
        event_callback_url: form.url("EventCallbackUrl", 20001)?.flatten().unwrap_or_default(),
        events_filter: form.filled("EventsFilter").map(str::to_owned),
        multi_task_enabled: form.boolean("MultiTaskEnabled").unwrap_or(true),
        fifo_template: form.one_of("Template", &[("NONE", false), ("FIFO", true)])?.unwrap_or(false),
        prioritize_queue_order: form.one_of("PrioritizeQueueOrder", ORDERS)?.unwrap_or_default(),
    })
}

/// `POST /Workspaces/{Sid}`
pub fn workspace_change(form: &Params) -> Result<WorkspaceChange, ApiError> {
    Ok(WorkspaceChange {
        friendly_name: form.name("FriendlyName")?,
        event_callback_url: form.url("EventCallbackUrl", 20001)?.map(Option::unwrap_or_default),
        events_filter: form.text("EventsFilter").map(|text| Some(text.to_owned()).filter(|t| !t.is_empty())),
        default_activity: form.parsed("DefaultActivitySid")?,
        timeout_activity: form.parsed("TimeoutActivitySid")?,
        multi_task_enabled: form.boolean("MultiTaskEnabled"),
        prioritize_queue_order: form.one_of("PrioritizeQueueOrder", ORDERS)?,
        voice_policy: None,
    })
}

/// `POST …/Activities`
pub fn new_activity(form: &Params) -> Result<Command, ApiError> {
    Ok(Command::CreateActivity {
        friendly_name: form.required_name("FriendlyName")?,
        available: form.boolean("Available").unwrap_or(false),
    })
}

/// `POST …/Activities/{Sid}`. `Available` cannot change and is ignored, as documented; the engine warns of it.
pub fn activity_change(sid: ActivitySid, form: &Params) -> Result<Command, ApiError> {
    let available = form.boolean("Available");
    Ok(Command::UpdateActivity { sid, friendly_name: form.name("FriendlyName")?, available })
}

/// `POST …/TaskChannels`
pub fn new_task_channel(form: &Params) -> Result<Command, ApiError> {
    let unique_name = form.required("UniqueName")?;
    let mut letters = unique_name.chars();
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let starts_well = letters.next().is_some_and(|c| word(c) && !c.is_numeric());
    if !starts_well || !letters.all(word) || unique_name.chars().count() > NAME_CHARS_MAX {
        let why = "must be letters, digits, _ and $, without a digit in front";
        return Err(bad("UniqueName", unique_name, why));
    }
    Ok(Command::CreateTaskChannel {
        unique_name: unique_name.to_owned(),
        friendly_name: form.required_name("FriendlyName")?,
        channel_optimized_routing: form.boolean("ChannelOptimizedRouting").unwrap_or(false),
    })
}

/// `POST …/TaskChannels/{Sid}`
pub fn task_channel_change(sid: TaskChannelSid, form: &Params) -> Result<Command, ApiError> {
    Ok(Command::UpdateTaskChannel {
        sid,
        friendly_name: form.name("FriendlyName")?,
        channel_optimized_routing: form.boolean("ChannelOptimizedRouting"),
    })
}

/// `POST …/Workers`
pub fn new_worker(form: &Params) -> Result<Command, ApiError> {
    Ok(Command::CreateWorker {
        friendly_name: form.required_name("FriendlyName")?,
        activity: form.parsed("ActivitySid")?,
        attributes: form.attributes("Attributes")?.unwrap_or_default(),
    })
}

/// `POST …/Workers/{Sid}`
pub fn worker_change(form: &Params) -> Result<WorkerChange, ApiError> {
    Ok(WorkerChange {
        friendly_name: form.name("FriendlyName")?,
        activity: form.parsed("ActivitySid")?,
        attributes: form.attributes("Attributes")?,
        reject_pending: form.boolean("RejectPendingReservations").unwrap_or(false),
    })
}

/// `POST …/Workers/{Sid}/Channels/{Sid}`: capacity and availability.
pub fn worker_channel_change(form: &Params) -> Result<(Option<u32>, Option<bool>), ApiError> {
    Ok((form.number32("Capacity", 0, CAPACITY_MAX)?, form.boolean("Available")))
}

/// `POST …/TaskQueues`
pub fn new_task_queue(form: &Params) -> Result<NewTaskQueue, ApiError> {
    Ok(NewTaskQueue {
        friendly_name: form.required_name("FriendlyName")?,
        target_workers: form.text("TargetWorkers").unwrap_or("1==1").to_owned(),
        max_reserved_workers: form.number32("MaxReservedWorkers", 1, RESERVED_WORKERS_MAX)?.unwrap_or(1),
        task_order: form.one_of("TaskOrder", ORDERS)?.unwrap_or_default(),
        reservation_activity: form.parsed("ReservationActivitySid")?,
        assignment_activity: form.parsed("AssignmentActivitySid")?,
    })
}

/// `POST …/TaskQueues/{Sid}`
pub fn task_queue_change(form: &Params) -> Result<TaskQueueChange, ApiError> {
    Ok(TaskQueueChange {
        friendly_name: form.name("FriendlyName")?,
        target_workers: form.text("TargetWorkers").map(str::to_owned),
        max_reserved_workers: form.number32("MaxReservedWorkers", 1, RESERVED_WORKERS_MAX)?,
        task_order: form.one_of("TaskOrder", ORDERS)?,
        reservation_activity: form.parsed("ReservationActivitySid")?,
        assignment_activity: form.parsed("AssignmentActivitySid")?,
    })
}

fn reservation_timeout(form: &Params) -> Result<Option<Duration>, ApiError> {
    form.seconds("TaskReservationTimeout", 1, RESERVATION_TIMEOUT_S_MAX)
}

/// `POST …/Workflows`
pub fn new_workflow(form: &Params) -> Result<NewWorkflow, ApiError> {
    Ok(NewWorkflow {
        friendly_name: form.required_name("FriendlyName")?,
        configuration: form.required("Configuration")?.to_owned(),
        assignment_callback_url: form.url("AssignmentCallbackUrl", 20001)?.flatten(),
        fallback_assignment_callback_url: form.url("FallbackAssignmentCallbackUrl", 20001)?.flatten(),
        task_reservation_timeout: reservation_timeout(form)?
            .unwrap_or(Duration::from_secs(RESERVATION_TIMEOUT_S_DEFAULT)),
    })
}

/// `POST …/Workflows/{Sid}`
pub fn workflow_change(form: &Params) -> Result<WorkflowChange, ApiError> {
    Ok(WorkflowChange {
        friendly_name: form.name("FriendlyName")?,
        configuration: form.filled("Configuration").map(str::to_owned),
        assignment_callback_url: form.url("AssignmentCallbackUrl", 20001)?,
        fallback_assignment_callback_url: form.url("FallbackAssignmentCallbackUrl", 20001)?,
        task_reservation_timeout: reservation_timeout(form)?,
        re_evaluate: form.boolean("ReEvaluateTasks").unwrap_or(false),
    })
}

fn routing_target(form: &Params) -> Result<Option<RoutingTarget>, ApiError> {
    let Some(text) = form.filled("RoutingTarget") else { return Ok(None) };
    let parsed = match text.get(..2) {
        Some("WK") => text.parse().map(RoutingTarget::Worker).ok(),
        Some("WQ") => text.parse().map(RoutingTarget::Queue).ok(),
        Some("WW") => text.parse().map(RoutingTarget::Workflow).ok(),
        _ => None,
    };
    parsed
        .map(Some)
        .ok_or_else(|| bad("RoutingTarget", text, "must be the SID of a Worker, a TaskQueue or a Workflow"))
}

/// A workflow SID that is none, where a task is told its target, is refused in words of its own (reference: §4.5).
pub fn check_target_workflow(form: &Params, ws: WorkspaceSid, account: AccountSid) -> Result<(), ApiError> {
    let target = form.filled("RoutingTarget");
    let value = match (target, form.filled("WorkflowSid")) {
        (Some(target), _) if target.starts_with("WW") => target,
        (Some(_), Some(workflow)) => workflow,
        _ => return Ok(()),
    };
    if value.parse::<WorkflowSid>().is_ok() {
        return Ok(());
    }
    Err(ApiError::invalid(format!(
        "Value '{}' provided for WorkflowSid as RoutingTarget has an invalid format. WorkspaceSid: {ws}, \
         AccountSid: {account}",
        quoted(value)
    )))
}

/// A moment that has been, and not before 1900. `now` is for telling.
fn virtual_start(form: &Params, now: Timestamp) -> Result<Option<Timestamp>, ApiError> {
    const YEAR_1900: Timestamp = Timestamp(-2_208_988_800_000_000);
    let Some(at) = form.time("VirtualStartTime")? else { return Ok(None) };
    let text = form.text("VirtualStartTime").unwrap_or_default();
    if at > now + Duration::from_secs(1) {
        return Err(bad("VirtualStartTime", text, "must not be in the future"));
    }
    if at < YEAR_1900 {
        return Err(bad("VirtualStartTime", text, "must not be before the year 1900"));
    }
    Ok(Some(at))
}

/// `POST …/Tasks`
pub fn new_task(form: &Params, now: Timestamp) -> Result<NewTask, ApiError> {
    Ok(NewTask {
        workflow: form.parsed("WorkflowSid")?,
        attributes: form.attributes("Attributes")?.unwrap_or_default(),
        priority: form.number32("Priority", 0, PRIORITY_MAX)?.unwrap_or(0),
        timeout: form
            .seconds("Timeout", 1, TASK_TIMEOUT_S_MAX)?
            .unwrap_or(Duration::from_secs(TASK_TIMEOUT_S_DEFAULT)),
        channel: form.filled("TaskChannel").map(str::to_owned),
        virtual_start: virtual_start(form, now)?,
        routing_target: routing_target(form)?,
        ignore_capacity: form.boolean("IgnoreCapacity"),
        queue: form.parsed("TaskQueueSid")?,
    })
}

const TASK_STATUSES: &[(&str, TaskStatus)] = &[
    ("pending", TaskStatus::Pending),
    ("reserved", TaskStatus::Reserved),
    ("assigned", TaskStatus::Assigned),
    ("wrapping", TaskStatus::Wrapping),
    ("completed", TaskStatus::Completed),
    ("canceled", TaskStatus::Canceled),
];

/// `POST …/Tasks/{Sid}`
pub fn task_change(form: &Params, now: Timestamp) -> Result<TaskChange, ApiError> {
    Ok(TaskChange {
        attributes: form.attributes("Attributes")?,
        merge: None,
        status: form.one_of("AssignmentStatus", TASK_STATUSES)?,
        reason: form.filled("Reason").map(str::to_owned),
        priority: form.number32("Priority", 0, PRIORITY_MAX)?,
        channel: form.filled("TaskChannel").map(str::to_owned),
        virtual_start: virtual_start(form, now)?,
    })
}

/// `AssignmentStatus` of a list: repeated, or separated by commas.
pub fn task_statuses(form: &Params) -> Result<Vec<TaskStatus>, ApiError> {
    form.words("AssignmentStatus")
        .map(|word| Params::of([("AssignmentStatus", word)]).one_of("AssignmentStatus", TASK_STATUSES))
        .filter_map(Result::transpose)
        .collect()
}

const RESERVATION_STATUSES: &[(&str, ReservationStatus)] = &[
    ("pending", ReservationStatus::Pending),
    ("accepted", ReservationStatus::Accepted),
    ("rejected", ReservationStatus::Rejected),
    ("timeout", ReservationStatus::Timeout),
    ("canceled", ReservationStatus::Canceled),
    ("rescinded", ReservationStatus::Rescinded),
    ("wrapping", ReservationStatus::Wrapping),
    ("completed", ReservationStatus::Completed),
];

/// `ReservationStatus`, as an update or a filter.
pub fn reservation_status(form: &Params) -> Result<Option<ReservationStatus>, ApiError> {
    form.one_of("ReservationStatus", RESERVATION_STATUSES)
}

// --- Resources ------------------------------------------------------------------------------------------------

/// A workspace with the names of its two activities.
pub fn workspace(
    at: &Address,
    of: &WorkspaceSettings,
    default_activity_name: Option<&str>,
    timeout_activity_name: Option<&str>,
) -> Value {
    let url = at.url(format_args!("/Workspaces/{}", of.sid));
    let under = |name: &str| format!("{url}/{name}");
    json!({
        "sid": of.sid,
        "account_sid": of.account,
        "friendly_name": of.friendly_name,
        "default_activity_sid": of.default_activity,
        "default_activity_name": default_activity_name,
        "timeout_activity_sid": of.timeout_activity,
        "timeout_activity_name": timeout_activity_name,
        "event_callback_url": of.event_callback_url,
        "events_filter": of.events_filter,
        "multi_task_enabled": of.multi_task_enabled,
        "prioritize_queue_order": order(of.prioritize_queue_order),
        "date_created": of.created.iso8601(),
        "date_updated": of.updated.iso8601(),
        "url": url,
        "links": {
            "activities": under("Activities"),
            "statistics": under("Statistics"),
            "real_time_statistics": under("RealTimeStatistics"),
            "cumulative_statistics": under("CumulativeStatistics"),
            "task_queues": under("TaskQueues"),
            "tasks": under("Tasks"),
            "workers": under("Workers"),
            "workflows": under("Workflows"),
            "task_channels": under("TaskChannels"),
            "events": under("Events"),
        },
    })
}

fn order(order: QueueOrder) -> &'static str {
    match order {
        QueueOrder::Fifo => "FIFO",
        QueueOrder::Lifo => "LIFO",
    }
}

fn workspace_url(at: &Address, of: &WorkspaceSettings) -> String {
    at.url(format_args!("/Workspaces/{}", of.sid))
}

/// An activity.
pub fn activity(at: &Address, of: &WorkspaceSettings, activity: &Activity) -> Value {
    let workspace = workspace_url(at, of);
    json!({
        "sid": activity.sid,
        "account_sid": of.account,
        "workspace_sid": of.sid,
        "friendly_name": activity.friendly_name,
        "available": activity.available,
        "date_created": activity.created.iso8601(),
        "date_updated": activity.updated.iso8601(),
        "url": format!("{workspace}/Activities/{}", activity.sid),
        "links": { "workspace": workspace },
    })
}

/// A task channel.
pub fn task_channel(at: &Address, of: &WorkspaceSettings, channel: &TaskChannel) -> Value {
    let workspace = workspace_url(at, of);
    json!({
        "sid": channel.sid,
        "account_sid": of.account,
        "workspace_sid": of.sid,
        "unique_name": channel.unique_name,
        "friendly_name": channel.friendly_name,
        "channel_optimized_routing": channel.channel_optimized_routing,
        "date_created": channel.created.iso8601(),
        "date_updated": channel.updated.iso8601(),
        "url": format!("{workspace}/TaskChannels/{}", channel.sid),
        "links": { "workspace": workspace },
    })
}

/// A worker in its activity.
pub fn worker(at: &Address, of: &WorkspaceSettings, worker: &Worker, activity: Option<&Activity>) -> Value {
    let workspace = workspace_url(at, of);
    let workers = format!("{workspace}/Workers");
    let url = format!("{workers}/{}", worker.sid);
    json!({
        "sid": worker.sid,
        "account_sid": of.account,
        "workspace_sid": of.sid,
        "friendly_name": worker.friendly_name,
        "attributes": worker.attributes.text(),
        "activity_sid": worker.activity,
        "activity_name": activity.map(|a| a.friendly_name.as_str()),
        "available": activity.is_some_and(|a| a.available),
        "date_created": worker.created.iso8601(),
        "date_updated": worker.updated.iso8601(),
        "date_status_changed": worker.status_changed.iso8601(),
        "url": url,
        "links": {
            "channels": format!("{url}/Channels"),
            "activity": format!("{workspace}/Activities/{}", worker.activity),
            "workspace": workspace,
            "statistics": format!("{workers}/Statistics"),
            "real_time_statistics": format!("{workers}/RealTimeStatistics"),
            "cumulative_statistics": format!("{workers}/CumulativeStatistics"),
            "worker_statistics": format!("{url}/Statistics"),
            "worker_channels": format!("{url}/Channels"),
            "reservations": format!("{url}/Reservations"),
        },
    })
}

/// A worker's share of a task channel.
pub fn worker_channel(
    at: &Address,
    of: &WorkspaceSettings,
    worker: WorkerSid,
    channel: &WorkerChannel,
    unique_name: Option<&str>,
) -> Value {
    json!({
        "sid": channel.sid,
        "account_sid": of.account,
        "workspace_sid": of.sid,
        "worker_sid": worker,
        "task_channel_sid": channel.task_channel,
        "task_channel_unique_name": unique_name,
        "configured_capacity": channel.configured_capacity,
        "available": channel.available,
        "assigned_tasks": channel.assigned_tasks,
        "available_capacity_percentage": channel.available_capacity_percentage(),
        "date_created": channel.created.iso8601(),
        "date_updated": channel.updated.iso8601(),
        "url": at.url(format_args!("/Workspaces/{}/Workers/{worker}/Channels/{}", of.sid, channel.sid)),
    })
}

/// A task queue with the names of its two activities.
pub fn task_queue(
    at: &Address,
    of: &WorkspaceSettings,
    queue: &TaskQueue,
    reservation_activity_name: Option<&str>,
    assignment_activity_name: Option<&str>,
) -> Value {
    let workspace = workspace_url(at, of);
    let queues = format!("{workspace}/TaskQueues");
    let url = format!("{queues}/{}", queue.sid);
    let activity = |sid: Option<ActivitySid>| sid.map(|sid| format!("{workspace}/Activities/{sid}"));
    json!({
        "sid": queue.sid,
        "account_sid": of.account,
        "workspace_sid": of.sid,
        "friendly_name": queue.friendly_name,
        "target_workers": queue.target_workers,
        "max_reserved_workers": queue.max_reserved_workers,
        "task_order": order(queue.task_order),
        "reservation_activity_sid": queue.reservation_activity,
        "reservation_activity_name": reservation_activity_name,
        "assignment_activity_sid": queue.assignment_activity,
        "assignment_activity_name": assignment_activity_name,
        "date_created": queue.created.iso8601(),
        "date_updated": queue.updated.iso8601(),
        "url": url,
        "links": {
            "assignment_activity": activity(queue.assignment_activity),
            "reservation_activity": activity(queue.reservation_activity),
            "workspace": workspace,
            "statistics": format!("{url}/Statistics"),
            "real_time_statistics": format!("{url}/RealTimeStatistics"),
            "cumulative_statistics": format!("{url}/CumulativeStatistics"),
            "list_statistics": format!("{queues}/Statistics"),
            "bulk_real_time_statistics": format!("{queues}/RealTimeStatistics"),
        },
    })
}

/// A workflow.
pub fn workflow(at: &Address, of: &WorkspaceSettings, workflow: &Workflow) -> Value {
    let url = at.url(format_args!("/Workspaces/{}/Workflows/{}", of.sid, workflow.sid));
    json!({
        "sid": workflow.sid,
        "account_sid": of.account,
        "workspace_sid": of.sid,
        "friendly_name": workflow.friendly_name,
        "configuration": workflow.configuration,
        "document_content_type": "application/json",
        "task_reservation_timeout": workflow.task_reservation_timeout.as_secs(),
        "assignment_callback_url": workflow.assignment_callback_url,
        "fallback_assignment_callback_url": workflow.fallback_assignment_callback_url,
        "date_created": workflow.created.iso8601(),
        "date_updated": workflow.updated.iso8601(),
        "url": url,
        "links": {
            "statistics": format!("{url}/Statistics"),
            "real_time_statistics": format!("{url}/RealTimeStatistics"),
            "cumulative_statistics": format!("{url}/CumulativeStatistics"),
        },
    })
}

/// What a task's resource says beside the task itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct TaskNames<'a> {
    /// Friendly name of its queue.
    pub queue: Option<&'a str>,
    /// Unique name of its channel.
    pub channel: Option<&'a str>,
    /// Friendly name of its workflow.
    pub workflow: Option<&'a str>,
}

/// A task. `now` is for its age.
pub fn task(
    at: &Address,
    of: &WorkspaceSettings,
    task: &Task,
    names: TaskNames<'_>,
    now: Timestamp,
) -> Value {
    let workspace = workspace_url(at, of);
    let url = format!("{workspace}/Tasks/{}", task.sid);
    let target = task.routing_target.map(|target| match target {
        RoutingTarget::Worker(sid) => sid.to_string(),
        RoutingTarget::Queue(sid) => sid.to_string(),
        RoutingTarget::Workflow(sid) => sid.to_string(),
    });
    json!({
        "sid": task.sid,
        "account_sid": of.account,
        "workspace_sid": of.sid,
        "age": now.since(task.created).as_secs(),
        "assignment_status": task.status.as_str(),
        "attributes": task.attributes.text(),
        "addons": "{}",
        "priority": task.priority,
        "reason": task.reason,
        "task_queue_sid": task.queue,
        "task_queue_friendly_name": names.queue,
        "task_queue_entered_date": task.queue_entered.map(Timestamp::iso8601),
        "task_channel_sid": task.channel,
        "task_channel_unique_name": names.channel,
        "timeout": task.timeout.as_secs(),
        "workflow_sid": task.workflow,
        "workflow_friendly_name": names.workflow,
        "virtual_start_time": task.virtual_start.iso8601(),
        "routing_target": target,
        "ignore_capacity": task.ignore_capacity,
        "date_created": task.created.iso8601(),
        "date_updated": task.updated.iso8601(),
        "url": url,
        "links": {
            "task_queue": task.queue.map(|queue| format!("{workspace}/TaskQueues/{queue}")),
            "workflow": format!("{workspace}/Workflows/{}", task.workflow),
            "workspace": workspace,
            "reservations": format!("{url}/Reservations"),
        },
    })
}

/// From which side a reservation is looked at; only its `url` differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReservationView {
    /// `…/Tasks/{TaskSid}/Reservations/{Sid}`
    Task,
    /// `…/Workers/{WorkerSid}/Reservations/{Sid}`
    Worker,
}

/// A reservation.
pub fn reservation(
    at: &Address,
    of: &WorkspaceSettings,
    view: ReservationView,
    reservation: &Reservation,
    worker_name: Option<&str>,
) -> Value {
    let workspace = workspace_url(at, of);
    let task = format!("{workspace}/Tasks/{}", reservation.task);
    let worker = format!("{workspace}/Workers/{}", reservation.worker);
    let owner = if view == ReservationView::Task { &task } else { &worker };
    json!({
        "sid": reservation.sid,
        "account_sid": of.account,
        "workspace_sid": of.sid,
        "task_sid": reservation.task,
        "worker_sid": reservation.worker,
        "worker_name": worker_name,
        "reservation_status": reservation.status.as_str(),
        "date_created": reservation.created.iso8601(),
        "date_updated": reservation.updated.iso8601(),
        "url": format!("{owner}/Reservations/{}", reservation.sid),
        "links": { "task": task, "worker": worker, "workspace": workspace },
    })
}

// --- Versions -------------------------------------------------------------------------------------------------

/// `ETag: "3"`
pub fn etag(version: u64) -> String {
    format!("\"{version}\"")
}

/// Reads `If-Match`: `3`, `"3"` and `W/"3"` are the same. Something else never matches, which is what `u64::MAX` says.
pub fn if_match(header: &str) -> Option<u64> {
    let text = header.trim();
    if text == "*" || text.is_empty() {
        return None;
    }
    let bare = text.strip_prefix("W/").unwrap_or(text).trim_matches('"');
    Some(bare.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused<T: std::fmt::Debug>(result: Result<T, ApiError>) -> String {
        let error = result.unwrap_err();
        assert_eq!((error.status, error.code), (400, 20001));
        error.message
    }

    const NOW: Timestamp = Timestamp(1_774_432_800_000_000);

    #[test]
    fn a_task_has_the_documented_defaults() {
        let task = new_task(&Params::default(), NOW).unwrap();
        assert_eq!((task.priority, task.timeout.as_secs(), task.attributes.text()), (0, 86_400, "{}"));
        assert_eq!((task.workflow, task.channel, task.ignore_capacity), (None, None, None));
    }

    #[test]
    fn bad_task_parameters_are_named() {
        for (name, value) in [
            ("WorkflowSid", "WK0"),
            ("Attributes", "{"),
            ("Priority", "-1"),
            ("Priority", "2147483648"),
            ("Timeout", "1209601"),
            ("VirtualStartTime", "tomorrow"),
            ("VirtualStartTime", "1899-12-31"),
            ("RoutingTarget", "WSaaaa"),
            ("TaskQueueSid", "x"),
        ] {
            let message = refused(new_task(&Params::of([(name, value)]), NOW));
            assert!(message.contains(name) && message.contains(value), "{message}");
        }
        let future = Params::of([("VirtualStartTime", "2026-03-25T10:05:00Z")]);
        assert!(refused(new_task(&future, NOW)).contains("future"));
    }

    #[test]
    fn task_channel_names_are_identifiers() {
        for name in ["1x", "a-b", "a b", "é!"] {
            assert!(
                refused(new_task_channel(&Params::of([("UniqueName", name), ("FriendlyName", "X")])))
                    .contains(name)
            );
        }
        assert!(new_task_channel(&Params::of([("UniqueName", "fax_2$"), ("FriendlyName", "X")])).is_ok());
    }

    #[test]
    fn names_are_asked_for_and_limited() {
        assert_eq!(
            refused(new_worker(&Params::default())),
            "Missing required parameter FriendlyName in the post body"
        );
        let long = "x".repeat(65);
        assert!(refused(new_worker(&Params::of([("FriendlyName", &long)]))).contains("64"));
    }

    #[test]
    fn statuses_are_repeated_or_separated_by_commas() {
        let form = Params::of([("AssignmentStatus", "pending,reserved"), ("AssignmentStatus", "assigned")]);
        let all = [TaskStatus::Pending, TaskStatus::Reserved, TaskStatus::Assigned];
        assert_eq!(task_statuses(&form).unwrap(), all);
        assert!(refused(task_statuses(&Params::of([("AssignmentStatus", "odd")]))).contains("'odd'"));
    }

    #[test]
    fn an_empty_url_or_filter_clears_and_an_absent_one_stays() {
        let change = workspace_change(&Params::of([("EventCallbackUrl", ""), ("EventsFilter", "")])).unwrap();
        assert_eq!((change.event_callback_url, change.events_filter), (Some(String::new()), Some(None)));
        let change = workflow_change(&Params::default()).unwrap();
        assert_eq!((change.assignment_callback_url, change.configuration), (None, None));
    }

    #[test]
    fn versions_are_read_in_every_spelling() {
        for (text, version) in [("3", Some(3)), ("\"3\"", Some(3)), ("W/\"3\"", Some(3)), ("*", None)] {
            assert_eq!(if_match(text), version, "{text}");
        }
        assert_eq!(if_match("abc"), Some(u64::MAX));
        assert_eq!(etag(3), "\"3\"");
    }
}
