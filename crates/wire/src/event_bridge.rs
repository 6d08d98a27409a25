//! The realtime protocol of the TaskRouter JS SDK: the envelope of a request, and resources as it wants them. Times are
//! whole seconds since 1970, attributes are text in answers and objects in requests, and some names differ from REST's.

use crate::error::ApiError;
use crate::form::{PARAMETERS_MAX, Params};
use base::{Timestamp, WorkerSid};
use engine::routing::Workspace;
use engine::routing::model::*;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// A request: everything is in the body, whatever its content type says.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Envelope {
    /// `Workspaces/WS…/Workers/WK…`; the oldest clients send the whole URL.
    pub url: String,
    /// `GET` or `POST`; the request itself is always a POST.
    #[serde(default)]
    pub method: String,
    /// Typed parameters.
    #[serde(default)]
    pub params: Option<Map<String, Value>>,
    /// Who asks.
    #[serde(default)]
    pub token: String,
    /// Sent by the oldest clients, who want it back.
    #[serde(default)]
    pub event_type: Option<String>,
}

impl Envelope {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, ApiError> {
        serde_json::from_slice(body).map_err(|why| {
            ApiError::invalid(format!(
                "The request body must be a JSON object with url, method and params: {why}"
            ))
        })
    }

    /// The parameters as a form has them: objects are JSON text, lists are repeated.
    pub fn form(&self) -> Result<Params, ApiError> {
        let Some(params) = &self.params else { return Ok(Params::default()) };
        let mut pairs = Vec::new();
        for (name, value) in params {
            match value {
                Value::Array(values) => {
                    pairs.extend(values.iter().filter_map(|value| Some((name.clone(), text(value)?))));
                }
                value => pairs.extend(text(value).map(|text| (name.clone(), text))),
            }
            if pairs.len() > PARAMETERS_MAX {
                return Err(ApiError::invalid(format!("More than {PARAMETERS_MAX} parameters")));
            }
        }
        Ok(pairs.into_iter().collect())
    }
}

/// `null` is absent.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A good answer.
pub fn answer(event_type: Option<&str>, payload: Value) -> Value {
    match event_type {
        Some(event_type) => json!({ "event_type": event_type, "payload": payload }),
        None => json!({ "payload": payload }),
    }
}

/// What a websocket is told. `event_type` must not be `error`: the SDK would take it for its own.
pub fn message(event_type: &str, payload: &Value) -> String {
    #[derive(serde::Serialize)]
    struct Message<'a> {
        event_type: &'a str,
        payload: &'a Value,
    }
    // Values have no keys that are not text.
    serde_json::to_string(&Message { event_type, payload }).expect("JSON of JSON")
}

/// The first message of a websocket. `token_lifetime_ms` is what is left of the token.
pub fn init(of: &WorkspaceSettings, channel: &str, token_lifetime_ms: u64) -> Value {
    /// A longer timer fires at once in JavaScript.
    const TIMER_MS_MAX: u64 = 2_147_483_647;
    json!({
        "channel_id": channel,
        "account_sid": of.account,
        "workspace_sid": of.sid,
        "token_lifetime": token_lifetime_ms.min(TIMER_MS_MAX),
    })
}

/// A page of a list. `last` names the last of `contents` if there are more; `ordered` lists go on by `NextToken`.
pub fn list(contents: Vec<Value>, last: Option<String>, total: usize, ordered: bool) -> Value {
    let (after, next) = if ordered { (None, last) } else { (last, None) };
    json!({ "contents": contents, "after_sid": after, "total": total, "meta": { "next_token": next } })
}

/// The workspace itself.
pub fn workspace(of: &WorkspaceSettings) -> Value {
    json!({
        "sid": of.sid,
        "account_sid": of.account,
        "friendly_name": of.friendly_name,
        "default_activity_sid": of.default_activity,
        "timeout_activity_sid": of.timeout_activity,
        "multi_task_enabled": of.multi_task_enabled,
        "date_created": of.created.seconds(),
        "date_updated": of.updated.seconds(),
    })
}

/// An activity.
pub fn activity(w: &Workspace, activity: &Activity) -> Value {
    json!({
        "sid": activity.sid,
        "account_sid": w.settings().account,
        "workspace_sid": w.settings().sid,
        "friendly_name": activity.friendly_name,
        "available": activity.available,
        "date_created": activity.created.seconds(),
        "date_updated": activity.updated.seconds(),
    })
}

/// A worker.
pub fn worker(w: &Workspace, worker: &Worker) -> Value {
    let activity = w.activity(worker.activity);
    json!({
        "sid": worker.sid,
        "account_sid": w.settings().account,
        "workspace_sid": w.settings().sid,
        "friendly_name": worker.friendly_name,
        "attributes": worker.attributes.text(),
        "activity_sid": worker.activity,
        "activity_name": activity.map(|a| a.friendly_name.as_str()),
        "available": activity.is_some_and(|a| a.available),
        "date_created": worker.created.seconds(),
        "date_updated": worker.updated.seconds(),
        "date_status_changed": worker.status_changed.seconds(),
        "version": worker.version,
    })
}

/// A worker's share of a task channel. `last_reserved_time` alone is in milliseconds.
pub fn worker_channel(w: &Workspace, worker: WorkerSid, channel: &WorkerChannel) -> Value {
    let named = w.task_channels().find(|c| c.sid == channel.task_channel);
    json!({
        "sid": channel.sid,
        "account_sid": w.settings().account,
        "workspace_sid": w.settings().sid,
        "worker_sid": worker,
        "task_channel_sid": channel.task_channel,
        "task_channel_unique_name": named.map(|c| c.unique_name.as_str()),
        "configured_capacity": channel.configured_capacity,
        "available": channel.available,
        "assigned_tasks": channel.assigned_tasks,
        "available_capacity_percentage": channel.available_capacity_percentage(),
        "last_reserved_time": channel.last_reserved.map(Timestamp::millis),
        "date_created": channel.created.seconds(),
        "date_updated": channel.updated.seconds(),
    })
}

/// A task queue.
pub fn task_queue(w: &Workspace, queue: &TaskQueue) -> Value {
    let name = |sid: Option<base::ActivitySid>| Some(w.activity(sid?)?.friendly_name.as_str());
    let lifo = queue.task_order == QueueOrder::Lifo;
    json!({
        "sid": queue.sid,
        "account_sid": w.settings().account,
        "workspace_sid": w.settings().sid,
        "friendly_name": queue.friendly_name,
        "target_workers": queue.target_workers,
        "max_reserved_workers": queue.max_reserved_workers,
        "task_order": if lifo { "LIFO" } else { "FIFO" },
        "lifo_queue": lifo,
        "reservation_activity_sid": queue.reservation_activity,
        "reservation_activity_name": name(queue.reservation_activity),
        "assignment_activity_sid": queue.assignment_activity,
        "assignment_activity_name": name(queue.assignment_activity),
        "date_created": queue.created.seconds(),
        "date_updated": queue.updated.seconds(),
    })
}

/// A task. `now` is for its age.
pub fn task(w: &Workspace, task: &Task, now: Timestamp) -> Value {
    let channel = w.task_channels().find(|c| c.sid == task.channel);
    let target = task.routing_target.map(|target| match target {
        RoutingTarget::Worker(sid) => sid.to_string(),
        RoutingTarget::Queue(sid) => sid.to_string(),
        RoutingTarget::Workflow(sid) => sid.to_string(),
    });
    json!({
        "sid": task.sid,
        "account_sid": w.settings().account,
        "workspace_sid": w.settings().sid,
        "assignment_status": task.status.as_str(),
        "attributes": task.attributes.text(),
        "addons": "{}",
        "age": now.since(task.created).as_secs(),
        "priority": task.priority,
        "reason": task.reason,
        "timeout": task.timeout.as_secs(),
        "routing_target": target,
        "queue_sid": task.queue,
        "queue_name": task.queue.and_then(|sid| Some(w.task_queue(sid)?.friendly_name.as_str())),
        "workflow_sid": task.workflow,
        "workflow_name": w.workflow(task.workflow).map(|flow| flow.friendly_name.as_str()),
        "task_channel_sid": task.channel,
        "task_channel_unique_name": channel.map(|c| c.unique_name.as_str()),
        "counter": task.assignments,
        "version": task.version,
        "virtual_start_time": task.virtual_start.seconds(),
        "date_created": task.created.seconds(),
        "date_updated": task.updated.seconds(),
    })
}

/// A reservation with its task. `None` once the task has been forgotten.
pub fn reservation(w: &Workspace, reservation: &Reservation, now: Timestamp) -> Option<Value> {
    let of = w.task(reservation.task)?;
    let mut shown = json!({
        "sid": reservation.sid,
        "account_sid": w.settings().account,
        "workspace_sid": w.settings().sid,
        "worker_sid": reservation.worker,
        "worker_name": w.worker(reservation.worker).map(|worker| worker.friendly_name.as_str()),
        "worker_previous_activity_sid": reservation.previous_activity,
        "task_sid": reservation.task,
        "task_channel_sid": of.channel,
        "reservation_status": reservation.status.as_str(),
        "reservation_timeout": reservation.timeout.as_secs(),
        "version": reservation.version,
        "date_created": reservation.created.seconds(),
        "date_updated": reservation.updated.seconds(),
        "task": task(w, of, now),
    });
    if let Some(code) = reservation.canceled_reason_code {
        shown["canceled_reason_code"] = code.into();
    }
    // Left out rather than null, which the SDK would take for a transfer.
    if let Some(transfer) = reservation.transfer.and_then(|sid| w.transfer(sid)) {
        shown["task_transfer"] = crate::transfer::payload(w, transfer);
    }
    if let Some(outgoing) = w.open_transfer(of.sid).filter(|t| t.initiating_reservation == reservation.sid) {
        shown["active_outgoing_task_transfer"] = crate::transfer::payload(w, outgoing);
    }
    Some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{AccountSid, Entropy, WorkspaceSid};
    use engine::routing::command::{Answer, Command, NewTask, NewWorkspace};
    use std::time::Duration;

    const NOW: Timestamp = Timestamp(1_774_432_800_000_000);

    #[test]
    fn an_envelope_becomes_a_form() {
        let body = br#"{"url":"Workspaces/WS1","method":"POST","token":"t","params":{
            "Attributes":{"b":[1],"a":"x"},"RejectPendingReservations":true,"PageSize":1000,"Reason":null,
            "DequeueStatusCallbackEvents":["initiated","ringing"]}}"#;
        let envelope = Envelope::parse(body).unwrap();
        let form = envelope.form().unwrap();
        assert_eq!(form.attributes("Attributes").unwrap().unwrap().text(), r#"{"b":[1],"a":"x"}"#);
        assert_eq!(form.boolean("RejectPendingReservations"), Some(true));
        assert_eq!((form.text("PageSize"), form.text("Reason")), (Some("1000"), None));
        let events: Vec<_> = form.words("DequeueStatusCallbackEvents").collect();
        assert_eq!(events, ["initiated", "ringing"]);
        let bare = Envelope::parse(br#"{"url":"x"}"#).unwrap();
        assert_eq!((bare.form().unwrap(), bare.token.as_str()), (Params::default(), ""));
        for broken in [&b"url=x&method=GET"[..], b"[]", b"", b"{}", br#"{"url":"x","params":[]}"#] {
            let refused = Envelope::parse(broken).unwrap_err();
            assert_eq!((refused.status, refused.code), (400, 20001));
        }
    }

    #[test]
    fn resources_have_every_key_that_the_sdk_asks_for() {
        let mut entropy = Entropy::seeded(1);
        let (ws, ac) = (WorkspaceSid::generate(&mut entropy), AccountSid::generate(&mut entropy));
        let new = NewWorkspace { multi_task_enabled: true, fifo_template: true, ..Default::default() };
        let (mut w, ..) = Workspace::create(ws, ac, new, NOW, &mut entropy);
        let available = w.activities().find(|a| a.available).map(|a| a.sid);
        let hire = Command::CreateWorker {
            friendly_name: "ana".into(),
            activity: available,
            attributes: Attributes::default(),
        };
        w.decide(hire, NOW, &mut entropy).unwrap();
        let new = NewTask {
            workflow: None,
            attributes: Attributes::parse(r#"{ "lang": "en" }"#).unwrap(),
            priority: 0,
            timeout: Duration::from_secs(600),
            channel: None,
            virtual_start: None,
            routing_target: None,
            ignore_capacity: None,
            queue: None,
        };
        let decision = w.decide(Command::CreateTask(new), NOW, &mut entropy).unwrap();
        assert!(matches!(decision.answer, Answer::Task(_)));
        let ana = w.workers().next().unwrap();
        let offer = w.reservations_of(ana.sid).next().unwrap();
        let later = NOW + Duration::from_secs(13);
        let reservation = reservation(&w, offer, later).unwrap();
        let has = |what: &str, value: &Value, keys: &str| {
            for key in keys.split_whitespace() {
                assert!(value.get(key).is_some(), "{what} has no {key}");
            }
        };
        has(
            "worker",
            &worker(&w, ana),
            "account_sid activity_name activity_sid attributes available date_created date_status_changed \
             date_updated friendly_name sid workspace_sid version",
        );
        has(
            "activity",
            &activity(&w, w.activities().next().unwrap()),
            "account_sid available date_created date_updated friendly_name sid workspace_sid",
        );
        has(
            "worker channel",
            &worker_channel(&w, ana.sid, ana.channels.values().next().unwrap()),
            "account_sid assigned_tasks available available_capacity_percentage configured_capacity \
             date_created date_updated last_reserved_time sid task_channel_sid task_channel_unique_name \
             worker_sid workspace_sid",
        );
        has(
            "task queue",
            &task_queue(&w, w.task_queues().next().unwrap()),
            "friendly_name reservation_activity_name assignment_activity_name target_workers \
             max_reserved_workers task_order reservation_activity_sid assignment_activity_sid workspace_sid \
             account_sid sid date_created date_updated lifo_queue",
        );
        has(
            "reservation",
            &reservation,
            "account_sid date_created date_updated reservation_status sid task reservation_timeout worker_sid \
             workspace_sid version task_sid worker_name task_channel_sid worker_previous_activity_sid",
        );
        has(
            "task",
            &reservation["task"],
            "addons age attributes date_created date_updated priority queue_name queue_sid reason \
             routing_target sid assignment_status task_channel_unique_name task_channel_sid timeout \
             workflow_name workflow_sid version virtual_start_time",
        );
        assert!(
            reservation.get("task_transfer").is_none() && reservation.get("canceled_reason_code").is_none()
        );
        assert_eq!(reservation["task"]["attributes"], r#"{ "lang": "en" }"#, "as text, as it was sent");
        assert_eq!(reservation["date_created"], 1_774_432_800);
        assert_eq!(reservation["task"]["age"], 13);
    }

    #[test]
    fn lists_go_on_in_one_of_two_ways() {
        let plain = list(vec![], Some("WK1".into()), 3, false);
        assert_eq!((&plain["after_sid"], &plain["meta"]["next_token"]), (&json!("WK1"), &Value::Null));
        let ordered = list(vec![], Some("WK1".into()), 3, true);
        assert_eq!((&ordered["after_sid"], &ordered["meta"]["next_token"]), (&Value::Null, &json!("WK1")));
    }
}
