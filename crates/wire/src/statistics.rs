//! TaskRouter's Events and statistics.

use crate::address::Address;
use crate::error::ApiError;
use crate::form::{Params, bad};
use base::*;
use engine::routing::model::{TaskStatus, WorkspaceSettings};
use engine::routing::statistics::{Cumulative, Heads, Side, Split, Spread, TasksNow};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use store::Told;

/// Minutes looked back when nothing is said.
pub const MINUTES_DEFAULT: u64 = 15;
/// Days that statistics reach back (reference: TaskRouter limits).
pub const DAYS_MAX: u64 = 30;
const MINUTES_MAX: u64 = DAYS_MAX * 24 * 60;
/// Most thresholds of one request.
pub const SPLITS_MAX: usize = 16;
/// Most queues of one bulk request.
pub const BULK_QUEUES_MAX: usize = 200;

/// A stretch of time: from (inclusive) until (exclusive).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// From this moment.
    pub from: Timestamp,
    /// Until this one.
    pub until: Timestamp,
}

impl Window {
    /// `Minutes`, or `StartDate` and `EndDate`; the last 15 minutes if none is there.
    pub fn parse(params: &Params, now: Timestamp) -> Result<Self, ApiError> {
        let minutes = params.number("Minutes", 1, MINUTES_MAX)?.unwrap_or(MINUTES_DEFAULT);
        // What happens at this moment is in: seconds are all that clients can write.
        let until = params.time("EndDate")?.unwrap_or(now + Duration::from_micros(1));
        let from = match params.time("StartDate")? {
            Some(from) => from,
            None => {
                Timestamp(until.0.saturating_sub(i64::try_from(minutes * 60_000_000).unwrap_or(i64::MAX)))
            }
        };
        if from >= until {
            let text = params.text("StartDate").or(params.text("EndDate")).unwrap_or_default();
            return Err(bad("StartDate", text, "must be before EndDate and not in the future"));
        }
        Ok(Self { from, until })
    }

    /// The same; further back than statistics reach is refused (14241).
    pub fn of_statistics(params: &Params, now: Timestamp) -> Result<Self, ApiError> {
        let window = Self::parse(params, now)?;
        // A client that asks for exactly 30 days took its time to ask.
        let reach = Duration::from_secs(DAYS_MAX * 24 * 60 * 60 + 60);
        if now.since(window.from) > reach {
            return Err(ApiError::of(14241));
        }
        Ok(window)
    }
}

/// `SplitByWaitTime`: a comma list of seconds.
pub fn thresholds(params: &Params) -> Result<BTreeSet<u64>, ApiError> {
    let Some(text) = params.filled("SplitByWaitTime") else { return Ok(BTreeSet::new()) };
    let parsed: Option<BTreeSet<u64>> = text.split(',').map(|word| word.trim().parse().ok()).collect();
    match parsed {
        Some(parsed) if parsed.len() <= SPLITS_MAX => Ok(parsed),
        _ => Err(bad(
            "SplitByWaitTime",
            text,
            format_args!("must be at most {SPLITS_MAX} whole seconds, separated by commas"),
        )),
    }
}

// --- Events ---------------------------------------------------------------------------------------------------

/// `WorkerTimeInPreviousActivity` becomes `worker_time_in_previous_activity`.
fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 8);
    for (at, c) in name.char_indices() {
        if c.is_ascii_uppercase() && at > 0 {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// Parameters that stand beside `event_data`.
const BESIDE: &[&str] = &["EventDescription", "ResourceType", "ResourceSid"];

/// An event. Whoever caused it, the actor is the workspace, which decided it.
pub fn event(at: &Address, of: &WorkspaceSettings, told: &Told) -> Value {
    let text = |name| told.telling.parameter(name);
    let ws = at.url(format_args!("/Workspaces/{}", of.sid));
    let mut data: Map<String, Value> = (told.telling.parameters.iter())
        .filter(|(name, _)| !BESIDE.contains(&name.as_ref()))
        .map(|(name, value)| (snake(name), value.as_str().into()))
        .collect();
    data.insert("workspace_sid".to_owned(), of.sid.to_string().into());
    data.insert("operating_unit_sid".to_owned(), of.operating_unit().into());
    let sid = text("ResourceSid").unwrap_or_default();
    let resource = match text("ResourceType").unwrap_or_default() {
        "task" => format!("{ws}/Tasks/{sid}"),
        "reservation" => format!("{ws}/Tasks/{}/Reservations/{sid}", text("TaskSid").unwrap_or_default()),
        "worker" => format!("{ws}/Workers/{sid}"),
        "activity" => format!("{ws}/Activities/{sid}"),
        "taskqueue" => format!("{ws}/TaskQueues/{sid}"),
        "taskchannel" => format!("{ws}/TaskChannels/{sid}"),
        "workflow" => format!("{ws}/Workflows/{sid}"),
        _ => ws.clone(),
    };
    json!({
        "sid": told.sid,
        "account_sid": of.account,
        "workspace_sid": of.sid,
        "event_type": told.telling.event_type,
        "event_data": data,
        "event_date": told.at.iso8601(),
        "event_date_ms": told.at.millis(),
        "description": text("EventDescription"),
        "actor_type": "workspace",
        "actor_sid": of.sid,
        "actor_url": ws,
        "resource_type": text("ResourceType"),
        "resource_sid": sid,
        "resource_url": resource,
        "source": "twilio",
        "source_ip_address": null,
        "url": format!("{ws}/Events/{}", told.sid),
    })
}

// --- Figures --------------------------------------------------------------------------------------------------

/// Whose figures: decides which keys there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The workspace's.
    Workspace,
    /// A queue's.
    Queue(TaskQueueSid),
    /// A workflow's.
    Workflow(WorkflowSid),
    /// Those of all workers, or of some.
    Workers,
    /// One worker's.
    Worker(WorkerSid),
}

impl Whose {
    fn path(self) -> String {
        match self {
            Self::Workspace => String::new(),
            Self::Queue(sid) => format!("/TaskQueues/{sid}"),
            Self::Workflow(sid) => format!("/Workflows/{sid}"),
            Self::Workers => "/Workers".to_owned(),
            Self::Worker(sid) => format!("/Workers/{sid}"),
        }
    }

    fn name(self, into: &mut Map<String, Value>) {
        let (key, sid) = match self {
            Self::Queue(sid) => ("task_queue_sid", sid.to_string()),
            Self::Workflow(sid) => ("workflow_sid", sid.to_string()),
            Self::Worker(sid) => ("worker_sid", sid.to_string()),
            Self::Workspace | Self::Workers => return,
        };
        into.insert(key.to_owned(), sid.into());
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn heads(heads: &[Heads]) -> Value {
    let one =
        |of: &Heads| json!({"sid": of.activity, "friendly_name": of.friendly_name, "workers": of.workers});
    heads.iter().map(one).collect()
}

/// Figures of this moment; `tasks` are not for workers, `activities` not for workflows.
pub fn real_time(whose: Whose, tasks: &TasksNow, activities: &[Heads], now: Timestamp) -> Map<String, Value> {
    let mut body = Map::new();
    if !matches!(whose, Whose::Workers | Whose::Worker(_)) {
        let by_status: Map<_, _> =
            [TaskStatus::Pending, TaskStatus::Reserved, TaskStatus::Assigned, TaskStatus::Wrapping]
                .map(|s| (s.as_str().to_owned(), tasks.by_status.get(&s).copied().unwrap_or(0).into()))
                .into_iter()
                .collect();
        let by_priority: Map<_, _> =
            tasks.by_priority.iter().map(|(p, count)| (p.to_string(), (*count).into())).collect();
        let age =
            |since: Option<(Timestamp, TaskSid)>| since.map_or(0, |(then, _)| now.since(then).as_secs());
        let sid = |since: Option<(Timestamp, TaskSid)>| since.map(|(_, sid)| sid);
        body.extend(object(json!({
            "total_tasks": tasks.total(),
            "tasks_by_status": by_status,
            "tasks_by_priority": by_priority,
            "longest_task_waiting_age": age(tasks.longest_waiting),
            "longest_task_waiting_sid": sid(tasks.longest_waiting),
        })));
        if let Whose::Queue(_) = whose {
            body.extend(object(json!({
                "longest_relative_task_age_in_queue": age(tasks.longest_queued),
                "longest_relative_task_sid_in_queue": sid(tasks.longest_queued),
            })));
        }
    }
    let total: u64 = activities.iter().map(|of| of.workers).sum();
    match whose {
        Whose::Workspace | Whose::Workers => {
            body.insert("total_workers".to_owned(), total.into());
        }
        Whose::Queue(_) => {
            let available: u64 = activities.iter().filter(|of| of.available).map(|of| of.workers).sum();
            body.insert("total_eligible_workers".to_owned(), total.into());
            body.insert("total_available_workers".to_owned(), available.into());
        }
        Whose::Workflow(_) | Whose::Worker(_) => return body,
    }
    body.insert("activity_statistics".to_owned(), heads(activities));
    body
}

fn spread(of: &Spread) -> Value {
    json!({"avg": of.avg(), "min": of.min, "max": of.max, "total": of.total})
}

fn split(of: &BTreeMap<u64, Split>) -> Value {
    let side = |of: Side| json!({"tasks_canceled": of.tasks_canceled, "reservations_accepted": of.reservations_accepted});
    let one = |(seconds, of): (&u64, &Split)| {
        (seconds.to_string(), json!({"above": side(of.above), "below": side(of.below)}))
    };
    Value::Object(of.iter().map(one).collect())
}

/// Figures of a window. `stays` are for workers: how long they were in each activity, which are named by `activities`.
pub fn cumulative(
    whose: Whose,
    window: Window,
    of: &Cumulative,
    stays: &BTreeMap<ActivitySid, Spread>,
    activities: &[Heads],
) -> Map<String, Value> {
    let mut body = object(json!({
        "start_time": window.from.iso8601(),
        "end_time": window.until.iso8601(),
        "reservations_created": of.reservations_created,
        "reservations_accepted": of.reservations_accepted,
        "reservations_rejected": of.reservations_rejected,
        "reservations_timed_out": of.reservations_timed_out,
        "reservations_canceled": of.reservations_canceled,
        "reservations_rescinded": of.reservations_rescinded,
    }));
    let mut put = |name: &str, value: Value| {
        body.insert(name.to_owned(), value);
    };
    match whose {
        Whose::Workers | Whose::Worker(_) => {
            let durations = activities.iter().map(|activity| {
                let stayed = stays.get(&activity.activity).copied().unwrap_or_default();
                let mut one = object(spread(&stayed));
                one.insert("sid".to_owned(), activity.activity.to_string().into());
                one.insert("friendly_name".to_owned(), activity.friendly_name.as_str().into());
                Value::Object(one)
            });
            put("activity_durations", durations.collect());
            if let Whose::Worker(_) = whose {
                put("tasks_assigned", of.reservations_accepted.into());
                put("reservations_completed", of.reservations_completed.into());
                put("reservations_wrapup", of.reservations_wrapup.into());
            }
        }
        Whose::Workspace | Whose::Queue(_) | Whose::Workflow(_) => {
            put("tasks_canceled", of.tasks_canceled.into());
            put("tasks_completed", of.tasks_completed.into());
            put("tasks_deleted", of.tasks_deleted.into());
            put("tasks_moved", of.tasks_moved.into());
            put("avg_task_acceptance_time", of.wait_until_accepted.avg().into());
            put("wait_duration_until_accepted", spread(&of.wait_until_accepted));
            put("wait_duration_until_canceled", spread(&of.wait_until_canceled));
            let asked = !of.split.is_empty();
            put("split_by_wait_time", if asked { split(&of.split) } else { Value::Null });
        }
    }
    match whose {
        Whose::Workspace => {
            put("tasks_created", of.tasks_created.into());
            put("tasks_timed_out_in_workflow", of.tasks_timed_out_in_workflow.into());
        }
        Whose::Queue(_) => {
            put("tasks_entered", of.tasks_entered.into());
            put("wait_duration_in_queue_until_accepted", spread(&of.wait_in_queue_until_accepted));
        }
        Whose::Workflow(_) => {
            put("tasks_entered", of.tasks_entered.into());
            put("tasks_timed_out_in_workflow", of.tasks_timed_out_in_workflow.into());
        }
        Whose::Workers | Whose::Worker(_) => {}
    }
    body
}

/// Which of the three forms is asked for; the name is the end of the path.
pub fn form(
    at: &Address,
    of: &WorkspaceSettings,
    whose: Whose,
    name: &str,
    body: Map<String, Value>,
) -> Map<String, Value> {
    let mut body = body;
    body.insert("account_sid".to_owned(), of.account.to_string().into());
    body.insert("workspace_sid".to_owned(), of.sid.to_string().into());
    whose.name(&mut body);
    let url = at.url(format_args!("/Workspaces/{}{}/{name}", of.sid, whose.path()));
    body.insert("url".to_owned(), url.into());
    body
}

/// `POST …/TaskQueues/RealTimeStatistics`: which queues, and on which channel.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(default)]
pub struct Bulk {
    /// The queues; none means all of them.
    #[serde(rename = "TaskQueueSids", alias = "task_queue_sids", alias = "queue_sids", alias = "QueueSids")]
    pub queues: Vec<String>,
    /// SID or unique name.
    #[serde(rename = "TaskChannel", alias = "task_channel")]
    pub channel: Option<String>,
}

impl Bulk {
    /// Reads a JSON body; an empty one asks for every queue.
    pub fn parse(body: &[u8]) -> Result<(Vec<TaskQueueSid>, Option<String>), ApiError> {
        let it: Self = if body.is_empty() {
            Self::default()
        } else {
            serde_json::from_slice(body)
                .map_err(|why| ApiError::invalid(format!("The body is not valid: {why}")))?
        };
        if it.queues.len() > BULK_QUEUES_MAX {
            return Err(ApiError::invalid(format!("More than {BULK_QUEUES_MAX} TaskQueueSids")));
        }
        let queues: Result<_, _> = it
            .queues
            .iter()
            .map(|text| text.parse().map_err(|why| bad("TaskQueueSids", text, why)))
            .collect();
        Ok((queues?, it.channel))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_774_432_800_000_000);

    #[test]
    fn names_become_snake_case() {
        assert_eq!(snake("WorkerTimeInPreviousActivityMs"), "worker_time_in_previous_activity_ms");
        assert_eq!(snake("known_worker_sid"), "known_worker_sid");
        assert_eq!(snake("Reason"), "reason");
    }

    #[test]
    fn a_window_is_fifteen_minutes_unless_something_is_said() {
        let of = |pairs: &[(&str, &str)]| {
            let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            Window::of_statistics(&Params::parse(&text, b"").unwrap(), NOW)
        };
        let length = |window: Window| window.until.since(window.from).as_secs() / 60;
        assert_eq!(length(of(&[]).unwrap()), 15);
        assert_eq!(length(of(&[("Minutes", "60")]).unwrap()), 60);
        let dates =
            [("StartDate", "2026-03-25T08:00:00Z"), ("EndDate", "2026-03-25T09:00:00Z"), ("Minutes", "5")];
        assert_eq!(length(of(&dates).unwrap()), 60);
        assert!(of(&[("Minutes", "43200")]).is_ok());
        assert_eq!(of(&[("StartDate", "2026-02-01T00:00:00Z")]).unwrap_err().code, 14241);
        assert_eq!(of(&[("EndDate", "2026-02-01T00:00:00Z")]).unwrap_err().code, 14241);
        for wrong in [
            [("Minutes", "0")].as_slice(),
            &[("Minutes", "many")],
            &[("StartDate", "yesterday")],
            &[("StartDate", "2026-03-26T08:00:00Z")],
            &[("StartDate", "2026-03-25T09:00:00Z"), ("EndDate", "2026-03-25T08:00:00Z")],
        ] {
            assert_eq!(of(wrong).unwrap_err().code, 20001, "{wrong:?}");
        }
    }

    #[test]
    fn thresholds_are_whole_seconds() {
        let of = |text| thresholds(&Params::of([("SplitByWaitTime", text)]));
        assert_eq!(of("5, 10,5").unwrap().into_iter().collect::<Vec<_>>(), [5, 10]);
        assert_eq!(of("").unwrap().len(), 0);
        assert!(of("5,soon").is_err() && of("1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17").is_err());
    }

    #[test]
    fn a_bulk_request_names_queues_or_means_all() {
        let sid = TaskQueueSid([1; 16]);
        let body = json!({"TaskQueueSids": [sid], "TaskChannel": "voice"}).to_string();
        assert_eq!(Bulk::parse(body.as_bytes()), Ok((vec![sid], Some("voice".to_owned()))));
        assert_eq!(Bulk::parse(b""), Ok((vec![], None)));
        assert!(Bulk::parse(b"{\"TaskQueueSids\":[\"WQ1\"]}").is_err());
        assert!(Bulk::parse(b"[").is_err());
    }
}
