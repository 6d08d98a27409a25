//! Tasks, reservations and workers through their lives over HTTP: every legal and every illegal transition, timeouts,
//! capacity, order, and where a task goes (reference: TaskRouter §3-§6). The rules themselves are tested in the engine;
//! here their answers are.

use crate::house::{ACCOUNT, House};
use serde_json::{Value, json};
use std::time::Duration;

const V1: &str = "/taskrouter/v1/Workspaces";

struct Floor {
    house: House,
    ws: String,
    available: String,
    offline: String,
}

impl Floor {
    async fn open() -> Self {
        Self::with(&[]).await
    }

    /// A workspace with further settings.
    async fn with(settings: &[(&str, &str)]) -> Self {
        let house = House::open().await;
        let mut pairs = vec![("FriendlyName", "Support")];
        pairs.extend(settings);
        let ws = house.post(V1, &pairs).await.is(201).sid();
        let activities = house.all(&format!("{V1}/{ws}/Activities"), "activities").await;
        let named = |name: &str| {
            let found = activities.iter().find(|a| a["friendly_name"] == name).expect("a seeded activity");
            found["sid"].as_str().unwrap().to_owned()
        };
        let (available, offline) = (named("Available"), named("Offline"));
        Self { house, ws, available, offline }
    }

    fn at(&self, rest: &str) -> String {
        format!("{V1}/{}{rest}", self.ws)
    }

    async fn get(&self, rest: &str) -> Value {
        self.house.get(&self.at(rest)).await.is(200).json()
    }

    async fn make(&self, rest: &str, pairs: &[(&str, &str)]) -> String {
        self.house.post(&self.at(rest), pairs).await.is(201).sid()
    }

    async fn set(&self, rest: &str, pairs: &[(&str, &str)]) -> Value {
        self.house.post(&self.at(rest), pairs).await.is(200).json()
    }

    async fn refused(&self, rest: &str, pairs: &[(&str, &str)]) -> String {
        self.house.post(&self.at(rest), pairs).await.refused(400, 20001)
    }

    async fn worker(&self, name: &str, attributes: Value) -> String {
        let (attributes, available) = (attributes.to_string(), &self.available);
        let pairs = [("FriendlyName", name), ("Attributes", &attributes), ("ActivitySid", available)];
        self.make("/Workers", &pairs).await
    }

    async fn queue(&self, pairs: &[(&str, &str)]) -> String {
        let mut all = vec![("FriendlyName", "Queue")];
        all.extend(pairs);
        self.make("/TaskQueues", &all).await
    }

    async fn workflow(&self, routing: Value) -> String {
        let configuration = json!({ "task_routing": routing }).to_string();
        self.make("/Workflows", &[("FriendlyName", "Flow"), ("Configuration", &configuration)]).await
    }

    /// A queue for everybody and the workflow into it.
    async fn everybody(&self) -> (String, String) {
        let wq = self.queue(&[]).await;
        let ww = self.workflow(json!({"default_filter": {"queue": wq}})).await;
        (wq, ww)
    }

    async fn task(&self, ww: &str, pairs: &[(&str, &str)]) -> String {
        let mut all = vec![("WorkflowSid", ww)];
        all.extend(pairs);
        self.make("/Tasks", &all).await
    }

    async fn status(&self, wt: &str) -> String {
        self.get(&format!("/Tasks/{wt}")).await["assignment_status"].as_str().unwrap().to_owned()
    }

    /// Reservations of a task: (worker, status).
    async fn offers(&self, wt: &str) -> Vec<(String, String)> {
        let all = self.house.all(&self.at(&format!("/Tasks/{wt}/Reservations")), "reservations").await;
        let text = |item: &Value, name: &str| item[name].as_str().unwrap().to_owned();
        all.iter().map(|r| (text(r, "worker_sid"), text(r, "reservation_status"))).collect()
    }

    /// Path of the pending reservation of a task.
    async fn offer(&self, wt: &str) -> String {
        let path = format!("/Tasks/{wt}/Reservations?ReservationStatus=pending");
        let found = self.house.all(&self.at(&path), "reservations").await;
        assert_eq!(found.len(), 1, "one pending offer of {wt}");
        format!("/Tasks/{wt}/Reservations/{}", found[0]["sid"].as_str().unwrap())
    }

    async fn reserve(&self, offer: &str, status: &str) {
        let set = self.set(offer, &[("ReservationStatus", status)]).await;
        assert_eq!(set["reservation_status"], status);
    }

    async fn end(&self, wt: &str, status: &str) {
        self.set(&format!("/Tasks/{wt}"), &[("AssignmentStatus", status), ("Reason", "over")]).await;
    }

    /// Moves the clock and waits until `path` shows `value` under `name`.
    async fn later(&self, seconds: u64, path: &str, name: &str, value: &str) {
        self.house.later(Duration::from_secs(seconds));
        let seen = async {
            while self.get(path).await[name] != value {
                tokio::task::yield_now().await;
            }
        };
        let seen = tokio::time::timeout(Duration::from_secs(30), seen).await;
        assert!(seen.is_ok(), "{path} should show {value}: {}", self.get(path).await);
    }

    /// A task in each state, its accepted (or pending) reservation beside it.
    async fn in_state(&self, ww: &str, state: &str) -> (String, Option<String>) {
        let wt = self.task(ww, &[]).await;
        let offer = match state {
            "pending" => None,
            _ => Some(self.offer(&wt).await),
        };
        match (state, &offer) {
            ("assigned" | "wrapping" | "completed", Some(offer)) => self.reserve(offer, "accepted").await,
            ("canceled", _) => self.end(&wt, "canceled").await,
            _ => {}
        }
        if matches!(state, "wrapping" | "completed") {
            self.end(&wt, state).await;
        }
        assert_eq!(self.status(&wt).await, state);
        (wt, offer)
    }
}

/// Reference §4.1: `POST Tasks` answers the task as it was created, the next reading as it is.
// covers: POST /v1/Workspaces/{WorkspaceSid}/Tasks, GET /v1/Workspaces/{WorkspaceSid}/Tasks/{Sid}
#[tokio::test]
async fn a_task_is_answered_pending_and_reserved_at_once() {
    let f = Floor::open().await;
    let (_, ww) = f.everybody().await;
    f.worker("ana", json!({})).await;
    let made = f.house.post(&f.at("/Tasks"), &[("WorkflowSid", &ww)]).await;
    assert_eq!(made.is(201).at("assignment_status"), "pending");
    let read = f.house.get(&f.at(&format!("/Tasks/{}", made.sid()))).await;
    assert_eq!(read.is(200).at("assignment_status"), "reserved");
    assert_eq!(made.headers["etag"], read.headers["etag"], "an update right after it is not stale");
    let exhausted = f.queue(&[("TargetWorkers", "1==2")]).await;
    let target = json!([{"queue": exhausted, "skip_if": "1==1"}]);
    let skipping = f.workflow(json!({"filters": [{"expression": "1==1", "targets": target}]})).await;
    let made = f.house.post(&f.at("/Tasks"), &[("WorkflowSid", &skipping)]).await;
    let json = made.is(201).json();
    assert_eq!((&json["assignment_status"], &json["reason"]), (&"pending".into(), &Value::Null));
    assert_eq!(f.status(&made.sid()).await, "canceled");
}

/// Reference §4.3: every pair of states, in the words of the service.
// covers: POST /v1/Workspaces/{WorkspaceSid}/Tasks/{Sid}
#[tokio::test]
async fn a_task_changes_only_along_its_states() {
    const STATES: [&str; 6] = ["pending", "reserved", "assigned", "wrapping", "completed", "canceled"];
    let f = Floor::open().await;
    let (_, ww) = f.everybody().await;
    let nobody = f.queue(&[("TargetWorkers", "1==2")]).await;
    let waiting = f.workflow(json!({"default_filter": {"queue": nobody}})).await;
    let wk = f.worker("ana", json!({})).await;
    f.set(&format!("/Workers/{wk}/Channels/default"), &[("Capacity", "100")]).await;
    for from in STATES {
        for to in STATES {
            let flow = if from == "pending" { &waiting } else { &ww };
            let (wt, offer) = f.in_state(flow, from).await;
            let change = [("AssignmentStatus", to), ("Reason", "because")];
            let got = f.house.post(&f.at(&format!("/Tasks/{wt}")), &change).await;
            let told = |verb: &str, why: &str| {
                let ws = &f.ws;
                format!(
                    "Cannot {verb} task {wt} in workspace {ws} for account {ACCOUNT} because it is {why}."
                )
            };
            let legal = matches!(
                (from, to),
                ("pending" | "reserved", "canceled")
                    | ("assigned", "wrapping" | "completed")
                    | ("wrapping", "completed")
            );
            match to {
                _ if legal => {
                    let json = got.is(200).json();
                    assert_eq!(
                        (&json["assignment_status"], &json["reason"]),
                        (&to.into(), &"because".into())
                    );
                    if let Some(offer) = offer {
                        assert_eq!(f.get(&offer).await["reservation_status"], to);
                    }
                }
                "canceled" => {
                    assert_eq!(got.refused(400, 20001), told("cancel", "not pending or reserved"));
                }
                "completed" => {
                    assert_eq!(got.refused(400, 20001), told("complete", "not currently assigned"));
                }
                "wrapping" => {
                    assert_eq!(got.refused(400, 20001), told("wrap up", "not currently assigned"));
                }
                _ => assert!(got.refused(400, 20001).contains(to)),
            }
            f.house.delete(&f.at(&format!("/Tasks/{wt}"))).await.is(204);
        }
    }
}

/// Reference §4.3: `Reason` is required to cancel and to complete, not to wrap up.
#[tokio::test]
async fn an_ending_needs_its_reason() {
    let f = Floor::open().await;
    let (_, ww) = f.everybody().await;
    f.worker("ana", json!({})).await;
    let (wt, offer) = f.in_state(&ww, "reserved").await;
    let path = format!("/Tasks/{wt}");
    assert!(f.refused(&path, &[("AssignmentStatus", "canceled")]).await.contains("Reason"));
    f.reserve(&offer.unwrap(), "accepted").await;
    assert!(f.refused(&path, &[("AssignmentStatus", "completed"), ("Reason", " ")]).await.contains("Reason"));
    assert!(f.set(&path, &[("AssignmentStatus", "wrapping")]).await["reason"].is_null());
}

/// Reference §5.1: every pair of reservation states, from both views.
// covers: POST /v1/Workspaces/{WorkspaceSid}/Tasks/{TaskSid}/Reservations/{Sid}
// covers: POST /v1/Workspaces/{WorkspaceSid}/Workers/{WorkerSid}/Reservations/{Sid}
#[tokio::test]
async fn a_reservation_changes_only_along_its_states() {
    const FROM: [&str; 6] = ["pending", "accepted", "wrapping", "completed", "rejected", "canceled"];
    const TO: [&str; 8] =
        ["pending", "accepted", "rejected", "timeout", "canceled", "rescinded", "wrapping", "completed"];
    let f = Floor::open().await;
    let (_, ww) = f.everybody().await;
    let wk = f.worker("ana", json!({})).await;
    f.set(&format!("/Workers/{wk}/Channels/default"), &[("Capacity", "100")]).await;
    for (n, from) in FROM.into_iter().enumerate() {
        for (m, to) in TO.into_iter().enumerate() {
            let wt = f.task(&ww, &[]).await;
            let offer = f.offer(&wt).await;
            let wr = offer.rsplit('/').next().unwrap();
            match from {
                "pending" => {}
                "canceled" => f.end(&wt, "canceled").await,
                "rejected" => f.reserve(&offer, "rejected").await,
                _ => f.reserve(&offer, "accepted").await,
            }
            if matches!(from, "wrapping" | "completed") {
                f.reserve(&offer, from).await;
            }
            let of_worker = format!("/Workers/{wk}/Reservations/{wr}");
            let path = if (n + m) % 2 == 0 { &offer } else { &of_worker };
            let got = f.house.post(&f.at(path), &[("ReservationStatus", to)]).await;
            let legal = matches!(
                (from, to),
                ("pending", "accepted" | "rejected")
                    | ("accepted", "wrapping" | "completed")
                    | ("wrapping", "completed")
            );
            if legal {
                assert_eq!(got.is(200).at("reservation_status"), to);
            } else {
                let told =
                    format!("Reservation {wr} is already in state [{from}] and cannot be updated to [{to}]");
                assert_eq!(got.refused(400, 20001), told);
            }
            f.house.delete(&f.at(&format!("/Tasks/{wt}"))).await.is(204);
        }
    }
}

/// Reference §5.1, §6.3: what a reservation takes and gives back, in both numbers of a channel.
// covers: GET /v1/Workspaces/{WorkspaceSid}/Workers/{WorkerSid}/Channels/{Sid}
// covers: POST /v1/Workspaces/{WorkspaceSid}/Workers/{WorkerSid}/Channels/{Sid}
#[tokio::test]
async fn capacity_counts_pending_accepted_and_wrapping() {
    let f = Floor::open().await;
    let (_, ww) = f.everybody().await;
    let wk = f.worker("ana", json!({})).await;
    let channel = format!("/Workers/{wk}/Channels/default");
    f.set(&channel, &[("Capacity", "3")]).await;
    let load = async || {
        let c = f.get(&channel).await;
        (c["assigned_tasks"].as_u64().unwrap(), c["available_capacity_percentage"].as_u64().unwrap())
    };
    assert_eq!(load().await, (0, 100));
    let wt = f.task(&ww, &[]).await;
    let offer = f.offer(&wt).await;
    assert_eq!(load().await, (0, 66));
    f.reserve(&offer, "accepted").await;
    let (second, third, fourth) = (f.task(&ww, &[]).await, f.task(&ww, &[]).await, f.task(&ww, &[]).await);
    assert_eq!(load().await, (1, 0));
    assert_eq!(f.status(&fourth).await, "pending");
    f.reserve(&offer, "wrapping").await;
    assert_eq!(load().await, (0, 0), "wrapping still takes its place");
    f.reserve(&offer, "completed").await;
    assert_eq!(f.status(&wt).await, "completed");
    assert_eq!(f.status(&fourth).await, "reserved");
    f.set(&channel, &[("Capacity", "0")]).await;
    assert_eq!(load().await.1, 0);
    for wt in [second, third, fourth] {
        f.end(&wt, "canceled").await;
    }
    let last = f.task(&ww, &[]).await;
    assert_eq!(f.status(&last).await, "pending", "no capacity, no offer");
    f.set(&channel, &[("Capacity", "1"), ("Available", "false")]).await;
    assert_eq!(f.status(&last).await, "pending", "the channel is closed");
    f.set(&channel, &[("Available", "true")]).await;
    assert_eq!(f.status(&last).await, "reserved");
}

/// Reference §3.2: timeouts lead through the targets, past the default filter, to the end.
#[tokio::test]
async fn a_task_escalates_through_its_targets_and_ends() {
    let f = Floor::open().await;
    let first = f.queue(&[("TargetWorkers", "level > 5")]).await;
    let second = f.queue(&[("TargetWorkers", "level > 3")]).await;
    let rest = f.queue(&[]).await;
    let targets = json!([{"queue": first, "timeout": 5, "priority": 10}, {"queue": second, "timeout": 7}]);
    let routing = json!({"filters": [{"expression": "vip == true", "targets": targets}],
        "default_filter": {"queue": rest}});
    let ww = f.workflow(routing).await;
    f.worker("ana", json!({"level": 1})).await;
    let wt = f.task(&ww, &[("Attributes", r#"{"vip":true}"#)]).await;
    let path = format!("/Tasks/{wt}");
    let shown = f.get(&path).await;
    assert_eq!((&shown["task_queue_sid"], &shown["priority"]), (&first.into(), &10.into()));
    f.later(5, &path, "task_queue_sid", &second).await;
    assert_eq!(f.get(&path).await["priority"], 10, "a target without a priority keeps the one before");
    f.later(7, &path, "assignment_status", "canceled").await;
    assert_eq!(f.get(&path).await["reason"], "Task canceled on Workflow timeout");
    let other = f.task(&ww, &[]).await;
    assert_eq!(f.status(&other).await, "reserved", "what matches no filter takes the default");
}

/// Reference §4.2, §4.1: time to live, and five minutes of memory.
#[tokio::test]
async fn a_task_that_nobody_takes_ends_with_its_time_and_is_forgotten() {
    let f = Floor::open().await;
    let (_, ww) = f.everybody().await;
    let wt = f.task(&ww, &[("Timeout", "60")]).await;
    let path = format!("/Tasks/{wt}");
    f.later(60, &path, "assignment_status", "canceled").await;
    assert_eq!(f.get(&path).await["reason"], "Task TTL Exceeded");
    f.house.later(Duration::from_secs(301));
    let gone = async {
        while f.house.get(&f.at(&path)).await.status != 404 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone).await.expect("the task is purged");
}

/// Reference §5.2, §3.4: a timeout moves the worker; the next offer goes to somebody else with the new time.
#[tokio::test]
async fn an_unanswered_offer_moves_on_and_its_worker_away() {
    let f = Floor::open().await;
    let (_, ww) = f.everybody().await;
    let ana = f.worker("ana", json!({})).await;
    f.house.later(Duration::from_secs(1));
    let bo = f.worker("bo", json!({})).await;
    f.set(&format!("/Workflows/{ww}"), &[("TaskReservationTimeout", "15")]).await;
    let wt = f.task(&ww, &[]).await;
    assert_eq!(f.offers(&wt).await, [(ana.clone(), "pending".into())]);
    f.set(&format!("/Workflows/{ww}"), &[("TaskReservationTimeout", "30")]).await;
    f.later(15, &format!("/Workers/{ana}"), "activity_name", "Offline").await;
    assert_eq!(f.offers(&wt).await, [(ana.clone(), "timeout".into()), (bo.clone(), "pending".into())]);
    f.house.later(Duration::from_secs(29));
    assert_eq!(f.offers(&wt).await[1].1, "pending", "the workflow's time when the offer was made");
    f.later(1, &format!("/Workers/{bo}"), "activity_name", "Offline").await;
    assert_eq!(f.status(&wt).await, "pending");
}

/// Reference §4.4: FIFO by priority, then virtual start; LIFO by virtual start alone.
// covers: POST /v1/Workspaces/{WorkspaceSid}/TaskQueues, POST /v1/Workspaces/{WorkspaceSid}/TaskQueues/{Sid}
#[tokio::test]
async fn waiting_tasks_are_offered_in_the_order_of_their_queue() {
    let f = Floor::open().await;
    for (order, expected) in [("FIFO", ["c", "b", "a"]), ("LIFO", ["a", "c", "b"])] {
        let wq = f.queue(&[("TargetWorkers", &format!("of == '{order}'")), ("TaskOrder", order)]).await;
        let ww = f.workflow(json!({"default_filter": {"queue": wq}})).await;
        let mut tasks = Vec::new();
        for (name, priority, start) in [
            ("a", "1", "2026-03-25T09:00:00Z"),
            ("b", "5", "2026-03-25T08:30:00Z"),
            ("c", "9", "2026-03-25T08:45:00Z"),
        ] {
            let pairs = [("Priority", priority), ("VirtualStartTime", start)];
            tasks.push((f.task(&ww, &pairs).await, name));
        }
        let wk = f.worker(&format!("of {order}"), json!({"of": order})).await;
        let mut seen = Vec::new();
        for _ in 0..3 {
            let of = format!("/Workers/{wk}/Reservations?ReservationStatus=pending");
            let pending = f.house.all(&f.at(&of), "reservations").await;
            let wt = pending[0]["task_sid"].as_str().unwrap().to_owned();
            seen.push(tasks.iter().find(|(sid, _)| *sid == wt).unwrap().1);
            f.end(&wt, "canceled").await;
        }
        assert_eq!(seen, expected, "{order}");
    }
}

/// Reference §5.3: several offers at once; the first acceptance rescinds the others.
#[tokio::test]
async fn of_many_offers_one_is_accepted() {
    let f = Floor::open().await;
    let wq = f.queue(&[("MaxReservedWorkers", "2")]).await;
    let ww = f.workflow(json!({"default_filter": {"queue": wq}})).await;
    for name in ["ana", "bo", "cy"] {
        f.worker(name, json!({})).await;
    }
    let wt = f.task(&ww, &[]).await;
    let pending = f.house.all(&f.at(&format!("/Tasks/{wt}/Reservations")), "reservations").await;
    assert_eq!(pending.len(), 2);
    let chosen = &pending[1];
    f.reserve(&format!("/Tasks/{wt}/Reservations/{}", chosen["sid"].as_str().unwrap()), "accepted").await;
    let mut statuses: Vec<_> = f.offers(&wt).await.into_iter().map(|(_, status)| status).collect();
    statuses.sort();
    assert_eq!(statuses, ["accepted", "rescinded"]);
    assert_eq!(f.status(&wt).await, "assigned");
    let of = format!("/Tasks/{wt}/Reservations?WorkerSid={}", chosen["worker_sid"].as_str().unwrap());
    assert_eq!(f.house.all(&f.at(&of), "reservations").await.len(), 1);
}

/// Reference §3.3: a known worker, by SID and by name.
#[tokio::test]
async fn a_known_worker_is_the_only_one_who_is_asked() {
    let f = Floor::open().await;
    let (wq, _) = f.everybody().await;
    f.worker("ana", json!({})).await;
    let bo = f.worker("Bo", json!({})).await;
    for (key, value) in [("known_worker_sid", bo.as_str()), ("known_worker_friendly_name", "bo")] {
        let target = json!([{"queue": wq, key: "task.agent"}]);
        let ww = f.workflow(json!({"filters": [{"expression": "agent != null", "targets": target}]})).await;
        let attributes = json!({ "agent": value }).to_string();
        let wt = f.task(&ww, &[("Attributes", &attributes)]).await;
        assert_eq!(f.offers(&wt).await, [(bo.clone(), "pending".into())], "{key}");
        let waiting = f.task(&ww, &[("Attributes", &attributes)]).await;
        assert!(f.offers(&waiting).await.is_empty(), "it waits, though ana is free");
        f.end(&wt, "canceled").await;
        f.end(&waiting, "canceled").await;
        let unmatched = f.house.post(&f.at("/Tasks"), &[("WorkflowSid", &ww)]).await;
        unmatched.refused(400, 20001);
    }
}

/// Reference §4.5: a worker as target, with and without regard to capacity; and its refusals.
#[tokio::test]
async fn a_task_for_one_worker_is_theirs_or_nobodys() {
    let f = Floor::open().await;
    let (wq, ww) = f.everybody().await;
    let ana = f.worker("ana", json!({})).await;
    f.set(&format!("/Workers/{ana}"), &[("ActivitySid", &f.offline)]).await;
    let path = f.at("/Tasks");
    let pairs = [("WorkflowSid", ww.as_str()), ("RoutingTarget", &ana), ("TaskQueueSid", &wq)];
    let made = f.house.post(&path, &pairs).await.is(201).json();
    assert_eq!(
        (&made["ignore_capacity"], &made["routing_target"], &made["task_queue_sid"]),
        (&true.into(), &ana.as_str().into(), &wq.as_str().into())
    );
    let wt = made["sid"].as_str().unwrap();
    assert_eq!(f.offers(wt).await, [(ana.clone(), "pending".into())], "though they are offline");
    f.reserve(&f.offer(wt).await, "rejected").await;
    let over = f.get(&format!("/Tasks/{wt}")).await;
    assert_eq!(over["assignment_status"], "canceled");
    let reason = format!("RoutingTarget not available for Reservation acceptance: {ana}");
    assert_eq!(over["reason"], reason);
    let minding = [("RoutingTarget", ana.as_str()), ("IgnoreCapacity", "false"), ("Timeout", "30")];
    let late = f.task(&ww, &minding).await;
    assert!(f.offers(&late).await.is_empty());
    f.later(30, &format!("/Tasks/{late}"), "assignment_status", "canceled").await;
    let reason = f.get(&format!("/Tasks/{late}")).await["reason"].clone();
    assert_eq!(reason, "RoutingTarget SLA for Reservation creation was not met");
    let failed = f.at(&format!("/Events?EventType=reservation.failed&TaskSid={late}"));
    let failed = f.house.all(&failed, "events").await;
    assert_eq!(failed.len(), 1);
    let told = &failed[0];
    assert_eq!((&told["resource_type"], &told["resource_sid"]), (&"task".into(), &late.as_str().into()));
    assert_eq!(told["event_data"]["worker_sid"], ana.as_str());
    assert_eq!(told["event_data"]["task_canceled_reason"], reason);
    let of = f.house.all(&f.at(&format!("/Tasks?RoutingTarget={ana}")), "tasks").await;
    assert_eq!(of.len(), 2);
    for target in [&wq, &ww] {
        let pairs = [("RoutingTarget", target.as_str()), ("WorkflowSid", &ww), ("IgnoreCapacity", "true")];
        assert!(f.house.post(&path, &pairs).await.refused(400, 20001).contains("IgnoreCapacity"));
        let made = f.house.post(&path, &pairs[..2]).await.is(201).json();
        assert_eq!(
            (&made["routing_target"], &made["ignore_capacity"]),
            (&target.as_str().into(), &false.into())
        );
    }
    for pairs in [
        [("RoutingTarget", "WWnope"), ("Priority", "1")],
        [("RoutingTarget", ana.as_str()), ("WorkflowSid", "WWnope")],
    ] {
        let told = format!(
            "Value 'WWnope' provided for WorkflowSid as RoutingTarget has an invalid format. WorkspaceSid: {}, AccountSid: {ACCOUNT}",
            f.ws
        );
        assert_eq!(f.house.post(&path, &pairs).await.refused(400, 20001), told);
    }
}

/// Reference §3.5: `ReEvaluateTasks`, and attributes of a waiting task.
// covers: POST /v1/Workspaces/{WorkspaceSid}/Workflows/{Sid}
#[tokio::test]
async fn waiting_tasks_follow_a_changed_workflow_only_when_told() {
    let f = Floor::open().await;
    let (first, ww) = f.everybody().await;
    let second = f.queue(&[]).await;
    let wt = f.task(&ww, &[]).await;
    let path = format!("/Tasks/{wt}");
    let flow = format!("/Workflows/{ww}");
    let filters = json!([{"expression": "vip == true", "targets": [{"queue": second}]}]);
    let routing =
        json!({"task_routing": {"filters": filters, "default_filter": {"queue": second}}}).to_string();
    f.set(&flow, &[("Configuration", &routing)]).await;
    assert_eq!(f.get(&path).await["task_queue_sid"], first);
    assert_eq!(f.get(&format!("/Tasks/{}", f.task(&ww, &[]).await)).await["task_queue_sid"], second);
    f.set(&flow, &[("ReEvaluateTasks", "true")]).await;
    assert_eq!(f.get(&path).await["task_queue_sid"], second);
    let back = json!({"task_routing": {"filters": filters, "default_filter": {"queue": first}}}).to_string();
    f.set(&flow, &[("Configuration", &back), ("ReEvaluateTasks", "yes")]).await;
    assert_eq!(f.get(&path).await["task_queue_sid"], first);
    f.set(&path, &[("Attributes", r#"{"vip":true}"#)]).await;
    assert_eq!(
        f.get(&path).await["task_queue_sid"],
        second,
        "new attributes start again at the first filter"
    );
}

/// Reference §1.3: `RejectPendingReservations` goes with an unavailable activity, in both kinds of workspace.
// covers: POST /v1/Workspaces/{WorkspaceSid}/Workers/{Sid}
#[tokio::test]
async fn going_away_rejects_what_is_offered_and_stays_away() {
    for multi in ["true", "false"] {
        let f = Floor::with(&[("MultiTaskEnabled", multi)]).await;
        let (_, ww) = f.everybody().await;
        let wk = f.worker("ana", json!({})).await;
        let wt = f.task(&ww, &[]).await;
        let path = format!("/Workers/{wk}");
        for pairs in [
            vec![("RejectPendingReservations", "true")],
            vec![("RejectPendingReservations", "true"), ("ActivitySid", f.available.as_str())],
        ] {
            assert!(f.refused(&path, &pairs).await.contains("RejectPendingReservations"));
        }
        f.set(&path, &[("RejectPendingReservations", "true"), ("ActivitySid", &f.offline)]).await;
        assert_eq!(f.offers(&wt).await, [(wk, "rejected".into())]);
        assert_eq!(f.get(&path).await["activity_name"], "Offline", "MultiTaskEnabled={multi}");
        assert_eq!(f.status(&wt).await, "pending");
    }
}

/// Reference §6.2, §5.1: in a single-tasking workspace the activity follows the reservation.
// covers: POST /v1/Workspaces
#[tokio::test]
async fn a_single_tasking_worker_moves_with_their_reservation() {
    let f = Floor::with(&[("MultiTaskEnabled", "false")]).await;
    assert_eq!(f.get("").await["multi_task_enabled"], false);
    let reserved = f.make("/Activities", &[("FriendlyName", "Reserved")]).await;
    let busy = f.make("/Activities", &[("FriendlyName", "Busy")]).await;
    let wq = f.queue(&[("ReservationActivitySid", &reserved), ("AssignmentActivitySid", &busy)]).await;
    let shown = f.get(&format!("/TaskQueues/{wq}")).await;
    assert_eq!(
        (&shown["reservation_activity_name"], &shown["assignment_activity_name"]),
        (&"Reserved".into(), &"Busy".into())
    );
    assert!(shown["links"]["reservation_activity"].as_str().unwrap().ends_with(&reserved));
    let ww = f.workflow(json!({"default_filter": {"queue": wq}})).await;
    let wk = f.worker("ana", json!({})).await;
    let path = format!("/Workers/{wk}");
    let activity = async || f.get(&path).await["activity_name"].as_str().unwrap().to_owned();
    let wt = f.task(&ww, &[]).await;
    assert_eq!(activity().await, "Reserved");
    f.end(&wt, "canceled").await;
    assert_eq!(activity().await, "Available", "back to what it was before");
    let wt = f.task(&ww, &[]).await;
    f.reserve(&f.offer(&wt).await, "accepted").await;
    assert_eq!(activity().await, "Busy");
    f.end(&wt, "completed").await;
    assert_eq!(activity().await, "Busy", "the application moves them on");
    for used in [&reserved, &busy] {
        f.house.delete(&f.at(&format!("/Activities/{used}"))).await.refused(400, 20001);
    }
}

/// Reference §1.1: multitasking is given up only where another workspace of the account has it off.
// covers: POST /v1/Workspaces/{Sid}
#[tokio::test]
async fn a_workspace_becomes_single_tasking_only_beside_another() {
    let f = Floor::open().await;
    assert!(f.refused("", &[("MultiTaskEnabled", "false")]).await.contains("MultiTaskEnabled"));
    assert_eq!(f.get("").await["multi_task_enabled"], true);
    f.house.post(V1, &[("FriendlyName", "Old"), ("MultiTaskEnabled", "false")]).await.is(201);
    assert_eq!(f.set("", &[("MultiTaskEnabled", "false")]).await["multi_task_enabled"], false);
    assert_eq!(f.set("", &[("MultiTaskEnabled", "false")]).await["multi_task_enabled"], false, "as it was");
    assert_eq!(f.set("", &[("MultiTaskEnabled", "true")]).await["multi_task_enabled"], true);
}

/// Reference §1.6: which queues would serve a worker, by attributes and by expression.
// covers: GET /v1/Workspaces/{WorkspaceSid}/TaskQueues
#[tokio::test]
async fn queues_are_found_by_the_workers_they_serve() {
    let f = Floor::open().await;
    let english = f.queue(&[("TargetWorkers", "lang == 'en'")]).await;
    let french = f.queue(&[("TargetWorkers", "lang == 'fr'")]).await;
    let nobody = f.queue(&[("TargetWorkers", "")]).await;
    let ana = f.worker("ana", json!({"lang": "en", "level": 3})).await;
    let find = async |filter: &str| -> Vec<String> {
        let found = f.house.all(&f.at(&format!("/TaskQueues?{filter}")), "task_queues").await;
        found.iter().map(|queue| queue["sid"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(find("EvaluateWorkerAttributes=%7B%22lang%22%3A%22fr%22%7D").await, [french]);
    assert_eq!(find("EvaluateWorkerAttributes=level+%3E+2").await, std::slice::from_ref(&english));
    assert!(find("EvaluateWorkerAttributes=level+%3E+5").await.is_empty());
    assert_eq!(find(&format!("WorkerSid={ana}")).await, std::slice::from_ref(&english));
    assert!(find(&format!("WorkerSid=WK{}", "0".repeat(32))).await.is_empty());
    assert_eq!(f.get(&format!("/TaskQueues/{nobody}")).await["target_workers"], "");
    f.house.later(Duration::from_secs(1));
    f.set(&format!("/TaskQueues/{english}"), &[("FriendlyName", "English")]).await;
    assert_eq!(find("Ordering=DateUpdated:desc").await[0], english);
    assert_eq!(find("Ordering=DateUpdated:asc").await[2], english);
    for bad in ["Ordering=Name:asc", "EvaluateWorkerAttributes=%7B", "WorkerSid=WQx"] {
        f.house.get(&f.at(&format!("/TaskQueues?{bad}"))).await.refused(400, 20001);
    }
}

/// Reference §1.8: `VirtualStartTime` has been, and not before 1900.
#[tokio::test]
async fn a_virtual_start_has_been() {
    let f = Floor::open().await;
    let (_, ww) = f.everybody().await;
    let wt = f.task(&ww, &[("VirtualStartTime", "2026-03-25T08:00:00Z")]).await;
    let path = format!("/Tasks/{wt}");
    assert_eq!(f.get(&path).await["virtual_start_time"], "2026-03-25T08:00:00Z");
    for bad in ["2026-03-26T08:00:00Z", "1899-12-31T23:59:59Z", "yesterday"] {
        let message = f.refused(&path, &[("VirtualStartTime", bad)]).await;
        assert_eq!(message.contains("future"), bad.starts_with("2026"), "{message}");
    }
    let shown = f.set(&path, &[("VirtualStartTime", "1900-01-01T00:00:00Z")]).await;
    assert_eq!(shown["virtual_start_time"], "1900-01-01T00:00:00Z");
}

/// Reference §4.3: a status and attributes in one request are both applied, the status first (an extension).
#[tokio::test]
async fn a_task_is_completed_and_annotated_in_one_request() {
    let f = Floor::open().await;
    let (_, ww) = f.everybody().await;
    f.worker("ana", json!({})).await;
    let (wt, _) = f.in_state(&ww, "assigned").await;
    let pairs = [("AssignmentStatus", "completed"), ("Reason", "sold"), ("Attributes", r#"{"sold":true}"#)];
    let shown = f.set(&format!("/Tasks/{wt}"), &pairs).await;
    assert_eq!(
        (&shown["assignment_status"], &shown["attributes"]),
        (&"completed".into(), &r#"{"sold":true}"#.into())
    );
}

/// Reference §5.5: who is not in a conversation cannot be supervised, in whatever other state they are.
#[tokio::test]
async fn only_an_accepted_reservation_is_supervised() {
    let f = Floor::open().await;
    let (_, ww) = f.everybody().await;
    let wk = f.worker("ana", json!({"contact_uri": "sip:ana@tandem.localhost"})).await;
    let pairs = [("Instruction", "supervise"), ("Supervisor", wk.as_str()), ("SupervisorMode", "barge")];
    for (status, code) in [
        ("reserved", 40146),
        ("assigned", 40148),
        ("wrapping", 40146),
        ("completed", 40146),
        ("canceled", 40146),
    ] {
        let (wt, offer) = f.in_state(&ww, status).await;
        let Some(offer) = offer else { continue };
        f.house.post(&f.at(&offer), &pairs).await.refused(400, code);
        assert_eq!(f.status(&wt).await, status, "nothing has changed");
        f.house.delete(&f.at(&format!("/Tasks/{wt}"))).await.is(204);
    }
}

/// Reference §0.3: versions of tasks and workers, and 412 without a change.
#[tokio::test]
async fn a_version_counts_changes_and_nothing_else() {
    let f = Floor::open().await;
    let (_, ww) = f.everybody().await;
    let wk = f.worker("ana", json!({"a": 1})).await;
    let path = format!("/Workers/{wk}");
    let version = async |path: &str| -> u64 {
        let got = f.house.get(&f.at(path)).await;
        got.headers["etag"].to_str().unwrap().trim_matches('"').parse().unwrap()
    };
    let mut at = version(&path).await;
    let mut expect = async |by: u64, what: &str| {
        let now = version(&path).await;
        assert_eq!(now, at + by, "{what}");
        at = now;
    };
    f.set(&path, &[("Attributes", r#"{"a":1}"#)]).await;
    expect(0, "the same attributes").await;
    f.set(&path, &[("Attributes", r#"{"a":2}"#)]).await;
    expect(1, "other attributes").await;
    let wt = f.task(&ww, &[]).await;
    expect(1, "a reservation is made").await;
    let task = version(&format!("/Tasks/{wt}")).await;
    f.reserve(&f.offer(&wt).await, "rejected").await;
    f.end(&wt, "canceled").await;
    assert!(version(&format!("/Tasks/{wt}")).await > task);
    let before = version(&path).await;
    f.set(&format!("{path}/Channels/chat"), &[("Capacity", "2")]).await;
    assert_eq!(version(&path).await, before + 1, "a channel's capacity");
    f.house
        .ask(ACCOUNT, "POST", &f.at(&path), "FriendlyName=x", &[("If-Match", "\"0\"")])
        .await
        .refused(412, 20412);
    f.house.ask(ACCOUNT, "DELETE", &f.at(&path), "", &[("If-Match", "0")]).await.refused(412, 20412);
    assert_eq!(f.get(&path).await["friendly_name"], "ana");
}

/// Warnings and errors of the account, newest first: code, resource.
async fn notices(f: &Floor) -> Vec<(u32, bool, String)> {
    let account = ACCOUNT.parse().unwrap();
    let all = f.house.store.notifications(account, Default::default(), store::Page::all()).await.unwrap();
    all.rows.into_iter().map(|n| (n.code, n.error, n.resource.unwrap_or_default())).collect()
}

/// Reference §3.3: whose worker it is that a task names.
#[tokio::test]
async fn a_known_worker_of_another_workspace_is_told_from_one_of_nobodys() {
    let f = Floor::open().await;
    let elsewhere = f.house.post(V1, &[("FriendlyName", "Elsewhere")]).await.is(201).sid();
    let workers = format!("{V1}/{elsewhere}/Workers");
    let theirs = f.house.post(&workers, &[("FriendlyName", "zoe")]).await.is(201).sid();
    let wq = f.queue(&[]).await;
    let target = json!({"queue": wq, "known_worker_sid": "task.agent"});
    let ww = f.workflow(json!({"filters": [{"expression": "1==1", "targets": [target]}]})).await;
    let nobody = format!("WK{}", "0".repeat(32));
    for (named, code) in [
        (json!(theirs), Some(40155)),
        (json!(nobody), Some(40154)),
        (json!("zoe"), Some(40154)),
        (json!(7), Some(40154)),
        (Value::Null, None),
    ] {
        let attributes = json!({ "agent": named }).to_string();
        let wt = f.task(&ww, &[("Attributes", &attributes)]).await;
        let codes: Vec<_> = notices(&f)
            .await
            .into_iter()
            .filter(|(.., of)| *of == wt)
            .map(|(code, error, _)| (code, error))
            .collect();
        assert_eq!(codes, code.map(|code| (code, false)).into_iter().collect::<Vec<_>>(), "{named}");
        assert_eq!(f.status(&wt).await, "pending");
    }
    f.house.delete(&format!("{workers}/{theirs}")).await.is(204);
    let attributes = json!({ "agent": theirs }).to_string();
    let wt = f.task(&ww, &[("Attributes", &attributes)]).await;
    assert!(notices(&f).await.contains(&(40154, false, wt)), "gone since");
}

/// Reference §1.2 and §11.2: the answer is as before, and an operator can see why nothing happened.
#[tokio::test]
async fn an_activity_keeps_its_availability_and_a_warning_says_so() {
    let f = Floor::open().await;
    let wa = f.make("/Activities", &[("FriendlyName", "Lunch"), ("Available", "false")]).await;
    let at = format!("/Activities/{wa}");
    assert_eq!(f.set(&at, &[("Available", "false")]).await["available"], false);
    assert!(notices(&f).await.is_empty(), "nothing was ignored");
    let changed = f.set(&at, &[("Available", "true"), ("FriendlyName", "Dinner")]).await;
    assert_eq!((&changed["available"], &changed["friendly_name"]), (&false.into(), &"Dinner".into()));
    assert_eq!(notices(&f).await, [(20001, false, wa)]);
}
