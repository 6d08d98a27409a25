//! TaskRouter over the API: good and bad input of every operation.

use crate::house::{ACCOUNT, Got, House};
use serde_json::Value;
use std::time::Duration;

const V1: &str = "/taskrouter/v1/Workspaces";

/// A workspace with one worker and one queue, and a workflow that sends everything there.
struct Centre {
    house: House,
    ws: String,
    wk: String,
    wq: String,
    ww: String,
    available: String,
    offline: String,
}

impl Centre {
    async fn open() -> Self {
        let house = House::open().await;
        let ws = house.post(V1, &[("FriendlyName", "Support")]).await.is(201).sid();
        let at = format!("{V1}/{ws}");
        let activity = |name: &'static str| {
            let (house, at) = (&house, &at);
            async move {
                let found = house.all(&format!("{at}/Activities?FriendlyName={name}"), "activities").await;
                found[0]["sid"].as_str().unwrap().to_owned()
            }
        };
        let (available, offline) = (activity("Available").await, activity("Offline").await);
        let wq = house.post(&format!("{at}/TaskQueues"), &[("FriendlyName", "All")]).await.is(201).sid();
        let configuration =
            format!(r#"{{"task_routing":{{"filters":[],"default_filter":{{"queue":"{wq}"}}}}}}"#);
        let flow = [("FriendlyName", "Main"), ("Configuration", configuration.as_str())];
        let ww = house.post(&format!("{at}/Workflows"), &flow).await.is(201).sid();
        let ana = [("FriendlyName", "ana"), ("Attributes", r#"{"lang":"en"}"#), ("ActivitySid", &available)];
        let wk = house.post(&format!("{at}/Workers"), &ana).await.is(201).sid();
        Self { house, ws, wk, wq, ww, available, offline }
    }

    fn at(&self, rest: &str) -> String {
        format!("{V1}/{}{rest}", self.ws)
    }

    async fn get(&self, rest: &str) -> Got {
        self.house.get(&self.at(rest)).await
    }

    async fn post(&self, rest: &str, pairs: &[(&str, &str)]) -> Got {
        self.house.post(&self.at(rest), pairs).await
    }

    async fn delete(&self, rest: &str) -> Got {
        self.house.delete(&self.at(rest)).await
    }

    /// SIDs of a list, one page.
    async fn sids(&self, rest: &str, key: &str) -> Vec<String> {
        let json = self.get(rest).await.is(200).json();
        json[key].as_array().unwrap().iter().map(|item| item["sid"].as_str().unwrap().to_owned()).collect()
    }

    /// The SID of the only reservation of a task.
    async fn offer(&self, wt: &str) -> String {
        let all =
            self.sids(&format!("/Tasks/{wt}/Reservations?ReservationStatus=pending"), "reservations").await;
        assert_eq!(all.len(), 1, "one pending offer");
        all[0].clone()
    }
}

#[tokio::test]
async fn a_task_is_driven_from_creation_to_completion() {
    let c = Centre::open().await;
    let task = c.post("/Tasks", &[("Attributes", r#"{"from":"x"}"#), ("WorkflowSid", &c.ww)]).await;
    let wt = task.is(201).sid();
    assert_eq!(task.json()["attributes"], r#"{"from":"x"}"#);
    let wr = c.offer(&wt).await;
    assert_eq!(c.get(&format!("/Tasks/{wt}")).await.at("assignment_status"), "reserved");
    let of_task = format!("/Tasks/{wt}/Reservations/{wr}");
    let of_worker = format!("/Workers/{}/Reservations/{wr}", c.wk);
    let (a, b) = (c.get(&of_task).await.json(), c.get(&of_worker).await.json());
    assert_ne!(a["url"], b["url"]);
    assert_eq!((&a["worker_name"], &a["links"]), (&Value::from("ana"), &b["links"]));
    c.post(&of_worker, &[("ReservationStatus", "accepted")]).await.is(200);
    assert_eq!(c.get(&of_task).await.at("reservation_status"), "accepted");
    assert_eq!(c.get(&format!("/Tasks/{wt}")).await.at("assignment_status"), "assigned");
    let channel = c.get(&format!("/Workers/{}/Channels/default", c.wk)).await.json();
    assert_eq!(
        (&channel["assigned_tasks"], &channel["available_capacity_percentage"]),
        (&1.into(), &0.into())
    );
    let again = c.post(&of_task, &[("ReservationStatus", "accepted")]).await.refused(400, 20001);
    assert_eq!(
        again,
        format!("Reservation {wr} is already in state [accepted] and cannot be updated to [accepted]")
    );
    let done = [("AssignmentStatus", "completed"), ("Reason", "done")];
    let done = c.post(&format!("/Tasks/{wt}"), &done).await;
    assert_eq!(
        (done.is(200).at("assignment_status"), done.at("reason")),
        ("completed".into(), "done".into())
    );
    assert_eq!(c.get(&of_task).await.at("reservation_status"), "completed");
    let over = c.post(&format!("/Tasks/{wt}"), &[("AssignmentStatus", "canceled"), ("Reason", "x")]).await;
    assert_eq!(
        over.refused(400, 20001),
        format!(
            "Cannot cancel task {wt} in workspace {} for account {ACCOUNT} because it is not pending or reserved.",
            c.ws
        )
    );
}

#[tokio::test]
async fn versions_guard_tasks_workers_and_reservations() {
    let c = Centre::open().await;
    let made = c.post("/Tasks", &[]).await;
    let wt = made.is(201).sid();
    let path = format!("/Tasks/{wt}");
    let version = |got: &Got| got.headers["etag"].to_str().unwrap().to_owned();
    let now = version(&c.get(&path).await);
    let ask = |path: String, if_match: String, body: &'static str| {
        let (house, path) = (&c.house, c.at(&path));
        async move { house.ask(ACCOUNT, "POST", &path, body, &[("If-Match", &if_match)]).await }
    };
    ask(path.clone(), "\"99\"".into(), "Priority=5").await.refused(412, 20412);
    assert_eq!(c.get(&path).await.json()["priority"], 0);
    let changed = ask(path.clone(), now.clone(), "Priority=5").await;
    assert_eq!(changed.is(200).json()["priority"], 5);
    assert_ne!(version(&changed), now);
    ask(path.clone(), format!("W/{}", version(&changed)), "Priority=6").await.is(200);
    ask(path.clone(), now, "Priority=7").await.refused(412, 20412);

    let worker = format!("/Workers/{}", c.wk);
    ask(worker.clone(), "77".into(), "Attributes=%7B%7D").await.refused(412, 20412);
    let bare = version(&c.get(&worker).await).trim_matches('"').to_owned();
    ask(worker, bare, "Attributes=%7B%7D").await.is(200);

    let wr = c.offer(&wt).await;
    let offer = format!("/Tasks/{wt}/Reservations/{wr}");
    ask(offer.clone(), "77".into(), "ReservationStatus=accepted").await.refused(412, 20412);
    let current = version(&c.get(&offer).await);
    ask(offer, current, "ReservationStatus=accepted").await.is(200);
    let path = c.at(&path);
    c.house.ask(ACCOUNT, "DELETE", &path, "", &[("If-Match", "77")]).await.refused(412, 20412);
    c.house.delete(&path).await.is(204);
    c.house.get(&path).await.refused(404, 20404);
}

#[tokio::test]
async fn workspaces_are_made_changed_listed_and_deleted() {
    let c = Centre::open().await;
    let fifo = [("FriendlyName", "Fifo"), ("Template", "FIFO"), ("EventsFilter", "task.created")];
    let made = c.house.post(V1, &fifo).await;
    let ws = made.is(201).sid();
    let json = made.json();
    assert_eq!(
        (&json["multi_task_enabled"], &json["default_activity_name"]),
        (&true.into(), &"Offline".into())
    );
    let queues = c.house.all(&format!("{V1}/{ws}/TaskQueues"), "task_queues").await;
    assert_eq!(
        (&queues[0]["friendly_name"], &queues[0]["target_workers"]),
        (&"Sample Queue".into(), &"1==1".into())
    );
    let channels = c.house.all(&format!("{V1}/{ws}/TaskChannels"), "channels").await;
    assert_eq!(channels.len(), 5);
    let named = c.house.all(&format!("{V1}?FriendlyName=Fifo"), "workspaces").await;
    assert_eq!(named.len(), 1);
    let change = [("FriendlyName", "Renamed"), ("PrioritizeQueueOrder", "LIFO"), ("EventsFilter", "")];
    let changed = c.house.post(&format!("{V1}/{ws}"), &change).await.is(200).json();
    assert_eq!(
        (&changed["friendly_name"], &changed["prioritize_queue_order"]),
        (&"Renamed".into(), &"LIFO".into())
    );
    assert!(changed["events_filter"].is_null());
    c.house.post(V1, &[]).await.refused(400, 20001);
    c.house.post(V1, &[("FriendlyName", "x"), ("Template", "LIFO")]).await.refused(400, 20001);
    c.house.post(V1, &[("FriendlyName", "x"), ("EventCallbackUrl", "nope")]).await.refused(400, 20001);
    c.house.post(&format!("{V1}/{ws}"), &[("DefaultActivitySid", "WAx")]).await.refused(400, 20001);
    c.house.delete(&format!("{V1}/{ws}")).await.is(204);
    c.house.get(&format!("{V1}/{ws}")).await.refused(404, 20404);
    c.house.delete(&format!("{V1}/{ws}")).await.refused(404, 20404);
}

#[tokio::test]
async fn activities_keep_their_availability_and_stay_while_in_use() {
    let c = Centre::open().await;
    let made = c.post("/Activities", &[("FriendlyName", "Break"), ("Available", "no")]).await;
    let wa = made.is(201).sid();
    assert_eq!(made.json()["available"], false);
    let changed =
        c.post(&format!("/Activities/{wa}"), &[("FriendlyName", "Lunch"), ("Available", "true")]).await;
    assert_eq!(
        (&changed.is(200).json()["friendly_name"], &changed.json()["available"]),
        (&"Lunch".into(), &false.into())
    );
    assert_eq!(c.sids("/Activities?Available=true", "activities").await, std::slice::from_ref(&c.available));
    c.post("/Activities", &[]).await.refused(400, 20001);
    c.delete(&format!("/Activities/{}", c.offline)).await.refused(400, 20001);
    c.delete(&format!("/Activities/{}", c.available)).await.refused(400, 20001);
    c.delete(&format!("/Activities/{wa}")).await.is(204);
    c.get(&format!("/Activities/{wa}")).await.refused(404, 20404);
}

#[tokio::test]
async fn channels_are_found_by_name_and_every_worker_has_one() {
    let c = Centre::open().await;
    let made = c.post("/TaskChannels", &[("FriendlyName", "Fax"), ("UniqueName", "fax")]).await;
    let tc = made.is(201).sid();
    assert_eq!(c.get("/TaskChannels/fax").await.is(200).sid(), tc);
    let own = c.get(&format!("/Workers/{}/Channels/fax", c.wk)).await;
    let wc = own.is(200).sid();
    assert_eq!(own.json()["configured_capacity"], 1);
    for name in [wc.as_str(), tc.as_str(), "fax"] {
        let path = format!("/Workers/{}/Channels/{name}", c.wk);
        let set = c.post(&path, &[("Capacity", "3"), ("Available", "false")]).await.is(200).json();
        assert_eq!((&set["configured_capacity"], &set["available"]), (&3.into(), &false.into()));
    }
    c.post(&format!("/Workers/{}/Channels/fax", c.wk), &[("Capacity", "-1")]).await.refused(400, 20001);
    c.post(&format!("/Workers/{}/Channels/nope", c.wk), &[("Capacity", "1")]).await.refused(404, 20404);
    let renamed = c.post("/TaskChannels/fax", &[("ChannelOptimizedRouting", "true")]).await.is(200).json();
    assert_eq!(renamed["channel_optimized_routing"], true);
    c.post("/TaskChannels", &[("FriendlyName", "Fax"), ("UniqueName", "fa-x")]).await.refused(400, 20001);
    c.delete("/TaskChannels/fax").await.is(204);
    c.get("/TaskChannels/fax").await.refused(404, 20404);
}

#[tokio::test]
async fn workers_are_listed_by_every_filter() {
    let c = Centre::open().await;
    let bo = [("FriendlyName", "bo"), ("Attributes", r#"{"lang":"fr","level":3}"#)];
    let bo = c.post("/Workers", &bo).await.is(201).sid();
    let french =
        c.post("/TaskQueues", &[("FriendlyName", "French"), ("TargetWorkers", "lang == 'fr'")]).await.sid();
    let ana = c.wk.clone();
    for (filter, found) in [
        ("FriendlyName=bo".to_owned(), vec![&bo]),
        ("FriendlyName=b".to_owned(), vec![]),
        ("ActivityName=Available".to_owned(), vec![&ana]),
        (format!("ActivitySid={}", c.offline), vec![&bo]),
        ("Available=1".to_owned(), vec![&ana]),
        ("Available=0".to_owned(), vec![&bo]),
        ("TargetWorkersExpression=lang+IN+%5B'fr'%5D".to_owned(), vec![&bo]),
        (format!("TargetWorkersExpression=sid+IN+%5B'{ana}'%5D"), vec![&ana]),
        (format!("TaskQueueSid={french}"), vec![&bo]),
        ("TaskQueueName=All".to_owned(), vec![&ana, &bo]),
        ("TaskQueueName=None".to_owned(), vec![]),
    ] {
        let mut shown = c.sids(&format!("/Workers?{filter}"), "workers").await;
        let mut found: Vec<String> = found.into_iter().cloned().collect();
        shown.sort();
        found.sort();
        assert_eq!(shown, found, "{filter}");
    }
    c.house.later(Duration::from_secs(5));
    c.post(&format!("/Workers/{bo}"), &[("ActivitySid", &c.available)]).await.is(200);
    assert_eq!(
        c.sids("/Workers?Ordering=DateStatusChanged:desc", "workers").await,
        [bo.clone(), ana.clone()]
    );
    assert_eq!(c.sids("/Workers?Ordering=DateStatusChanged:asc", "workers").await, [ana, bo]);
    let echoed = c.get("/Workers?FriendlyName=bo&PageSize=1").await.json();
    assert!(echoed["meta"]["url"].as_str().unwrap().ends_with("/Workers?FriendlyName=bo&PageSize=1&Page=0"));
    c.get("/Workers?ActivitySid=WAxxx").await.refused(400, 20001);
    c.get("/Workers?TargetWorkersExpression=lang+%3D%3D").await.refused(400, 20001);
    c.get("/Workers?Ordering=Name:asc").await.refused(400, 20001);
}

#[tokio::test]
async fn workers_refuse_what_they_must() {
    let c = Centre::open().await;
    let message = c.post("/Workers", &[("FriendlyName", "ANA")]).await.refused(400, 20001);
    assert!(!message.is_empty());
    c.post("/Workers", &[]).await.refused(400, 20001);
    for bad in ["[]", "{", "5", &format!("{{\"a\":\"{}\"}}", "x".repeat(4096))] {
        c.post("/Workers", &[("FriendlyName", "x"), ("Attributes", bad)]).await.refused(400, 20001);
    }
    let unknown = format!("WA{}", "0".repeat(32));
    let message =
        c.post(&format!("/Workers/{}", c.wk), &[("ActivitySid", &unknown)]).await.refused(400, 20001);
    assert!(message.contains(&unknown), "{message}");
    let change = [("RejectPendingReservations", "true"), ("ActivitySid", c.available.as_str())];
    c.post(&format!("/Workers/{}", c.wk), &change).await.refused(400, 20001);
    let wt = c.post("/Tasks", &[]).await.sid();
    let wr = c.offer(&wt).await;
    let change = [("RejectPendingReservations", "true"), ("ActivitySid", c.offline.as_str())];
    c.post(&format!("/Workers/{}", c.wk), &change).await.is(200);
    assert_eq!(c.get(&format!("/Tasks/{wt}/Reservations/{wr}")).await.at("reservation_status"), "rejected");
    c.delete(&format!("/Workers/{}", c.wk)).await.is(204);
    c.get(&format!("/Workers/{}", c.wk)).await.refused(404, 20404);
}

#[tokio::test]
async fn queues_are_made_listed_changed_and_kept_while_in_use() {
    let c = Centre::open().await;
    let sales = [
        ("FriendlyName", "Sales"),
        ("TargetWorkers", "dept == 'sales'"),
        ("MaxReservedWorkers", "3"),
        ("TaskOrder", "LIFO"),
    ];
    let made = c.post("/TaskQueues", &sales).await;
    let wq = made.is(201).sid();
    assert_eq!(
        (&made.json()["task_order"], &made.json()["max_reserved_workers"]),
        (&"LIFO".into(), &3.into())
    );
    let serving = "/TaskQueues?EvaluateWorkerAttributes=%7B%22dept%22%3A%22sales%22%7D";
    assert_eq!(c.sids(serving, "task_queues").await.len(), 2);
    assert_eq!(
        c.sids(&format!("/TaskQueues?WorkerSid={}", c.wk), "task_queues").await,
        std::slice::from_ref(&c.wq)
    );
    assert_eq!(c.sids("/TaskQueues?FriendlyName=Sales", "task_queues").await, std::slice::from_ref(&wq));
    let changed = c.post(&format!("/TaskQueues/{wq}"), &[("TargetWorkers", "lang == 'en'")]).await;
    assert_eq!(changed.is(200).at("target_workers"), "lang == 'en'");
    assert_eq!(c.sids(&format!("/TaskQueues?WorkerSid={}", c.wk), "task_queues").await.len(), 2);
    for (name, value) in [
        ("TargetWorkers", "dept =="),
        ("MaxReservedWorkers", "51"),
        ("MaxReservedWorkers", "0"),
        ("TaskOrder", "x"),
    ] {
        c.post(&format!("/TaskQueues/{wq}"), &[(name, value)]).await.refused(400, 20001);
        c.post("/TaskQueues", &[("FriendlyName", "X"), (name, value)]).await.refused(400, 20001);
    }
    c.get("/TaskQueues?EvaluateWorkerAttributes=nope").await.refused(400, 20001);
    c.delete(&format!("/TaskQueues/{}", c.wq)).await.refused(400, 20001);
    c.delete(&format!("/TaskQueues/{wq}")).await.is(204);
    c.get(&format!("/TaskQueues/{wq}")).await.refused(404, 20404);
}

#[tokio::test]
async fn workflows_are_checked_when_they_are_saved() {
    let c = Centre::open().await;
    let path = format!("/Workflows/{}", c.ww);
    let shown = c.get(&path).await.json();
    assert_eq!(
        (&shown["task_reservation_timeout"], &shown["document_content_type"]),
        (&120.into(), &"application/json".into())
    );
    let change = [("TaskReservationTimeout", "15"), ("AssignmentCallbackUrl", "http://127.0.0.1:1/assign")];
    let changed = c.post(&path, &change).await.is(200).json();
    assert_eq!(
        (&changed["task_reservation_timeout"], &changed["assignment_callback_url"]),
        (&15.into(), &"http://127.0.0.1:1/assign".into())
    );
    assert!(
        c.post(&path, &[("AssignmentCallbackUrl", "")]).await.json()["assignment_callback_url"].is_null()
    );
    c.post("/Workflows", &[("FriendlyName", "x")]).await.refused(400, 20001);
    for bad in ["{", "[]", r#"{"task_routing":{"filters":[{"expression":"a =="}]}}"#] {
        c.post("/Workflows", &[("FriendlyName", "x"), ("Configuration", bad)]).await.refused(400, 20001);
    }
    for (name, value) in
        [("TaskReservationTimeout", "0"), ("TaskReservationTimeout", "86401"), ("AssignmentCallbackUrl", "x")]
    {
        c.post(&path, &[(name, value)]).await.refused(400, 20001);
    }
    assert_eq!(c.sids("/Workflows?FriendlyName=Main", "workflows").await, std::slice::from_ref(&c.ww));
    assert!(c.sids("/Workflows?FriendlyName=Other", "workflows").await.is_empty());
    c.delete(&path).await.is(204);
    c.get(&path).await.refused(404, 20404);
}

#[tokio::test]
async fn tasks_are_listed_by_every_filter_and_order() {
    let c = Centre::open().await;
    c.post(&format!("/Workers/{}", c.wk), &[("ActivitySid", &c.offline)]).await.is(200);
    let mut made = Vec::new();
    for (priority, attributes) in [("1", r#"{"t":1}"#), ("9", r#"{"t":2}"#), ("5", r#"{"t":3}"#)] {
        made.push(
            c.post("/Tasks", &[("Priority", priority), ("Attributes", attributes)]).await.is(201).sid(),
        );
        c.house.later(Duration::from_secs(1));
    }
    let pick = |which: &[usize]| which.iter().map(|at| made[*at].clone()).collect::<Vec<_>>();
    c.post(&format!("/Tasks/{}", made[2]), &[("AssignmentStatus", "canceled"), ("Reason", "x")])
        .await
        .is(200);
    for (filter, found) in [
        (String::new(), vec![0, 1, 2]),
        ("Ordering=Priority:desc".to_owned(), vec![1, 2, 0]),
        ("Ordering=DateCreated:desc".to_owned(), vec![2, 1, 0]),
        ("Ordering=Priority:asc,DateCreated:asc".to_owned(), vec![0, 2, 1]),
        ("Priority=9".to_owned(), vec![1]),
        ("AssignmentStatus=pending".to_owned(), vec![0, 1]),
        ("AssignmentStatus=canceled,reserved".to_owned(), vec![2]),
        ("AssignmentStatus=canceled&AssignmentStatus=pending".to_owned(), vec![0, 1, 2]),
        ("EvaluateTaskAttributes=t+%3E%3D+2".to_owned(), vec![1, 2]),
        (format!("WorkflowSid={}", c.ww), vec![0, 1, 2]),
        ("WorkflowName=Main".to_owned(), vec![0, 1, 2]),
        ("WorkflowName=Other".to_owned(), vec![]),
        ("TaskQueueName=All&AssignmentStatus=pending".to_owned(), vec![0, 1]),
        (format!("TaskQueueSid={}&Priority=1", c.wq), vec![0]),
        ("HasAddons=true".to_owned(), vec![]),
        (format!("RoutingTarget={}", c.wk), vec![]),
    ] {
        assert_eq!(c.sids(&format!("/Tasks?{filter}"), "tasks").await, pick(&found), "{filter}");
    }
    for bad in [
        "Ordering=DateCreated:asc,VirtualStartTime:asc",
        "AssignmentStatus=odd",
        "EvaluateTaskAttributes=t+%3D%3D",
        "Priority=x",
        "WorkflowSid=x",
    ] {
        c.get(&format!("/Tasks?{bad}")).await.refused(400, 20001);
    }
    let paged: Vec<_> = c.house.all(&c.at("/Tasks?PageSize=1&Ordering=Priority:desc"), "tasks").await;
    let sids: Vec<_> = paged.iter().map(|task| task["sid"].as_str().unwrap().to_owned()).collect();
    assert_eq!(sids, pick(&[1, 2, 0]));
}

#[tokio::test]
async fn tasks_refuse_what_they_must() {
    let c = Centre::open().await;
    for (name, value) in [
        ("WorkflowSid", "WWx"),
        ("Attributes", "[]"),
        ("Priority", "high"),
        ("Timeout", "0"),
        ("TaskChannel", "nope"),
        ("VirtualStartTime", "2099-01-01T00:00:00Z"),
        ("RoutingTarget", "x"),
        ("IgnoreCapacity", "true"),
    ] {
        let message = c.post("/Tasks", &[(name, value)]).await.refused(400, 20001);
        assert!(!message.is_empty(), "{name}");
    }
    let configuration = format!(r#"{{"task_routing":{{"default_filter":{{"queue":"{}"}}}}}}"#, c.wq);
    c.post("/Workflows", &[("FriendlyName", "Two"), ("Configuration", &configuration)]).await.is(201);
    let message = c.post("/Tasks", &[]).await.refused(400, 20001);
    assert!(message.contains("WorkflowSid"), "{message}");
    let wt = c.post("/Tasks", &[("WorkflowSid", &c.ww)]).await.is(201).sid();
    for (name, value) in [
        ("AssignmentStatus", "assigned"),
        ("AssignmentStatus", "odd"),
        ("AssignmentStatus", "completed"),
        ("Priority", "-1"),
    ] {
        c.post(&format!("/Tasks/{wt}"), &[(name, value)]).await.refused(400, 20001);
    }
}

#[tokio::test]
async fn reservations_refuse_what_they_must() {
    let c = Centre::open().await;
    let wt = c.post("/Tasks", &[]).await.sid();
    let other = c.post("/Tasks", &[]).await.sid();
    let wr = c.offer(&wt).await;
    let path = format!("/Tasks/{wt}/Reservations/{wr}");
    c.get(&format!("/Tasks/{other}/Reservations/{wr}")).await.refused(404, 20404);
    c.post(&format!("/Tasks/{other}/Reservations/{wr}"), &[("ReservationStatus", "accepted")])
        .await
        .refused(404, 20404);
    c.post(&path, &[]).await.refused(400, 20001);
    c.post(&path, &[("ReservationStatus", "odd")]).await.refused(400, 20001);
    c.post(&path, &[("ReservationStatus", "completed")]).await.refused(400, 20001);
    c.post(&path, &[("Instruction", "dance")]).await.refused(400, 55555);
    c.post(&path, &[("Instruction", "dequeue")]).await.refused(400, 40140);
    c.post(&path, &[("Instruction", "call"), ("CallFrom", "+15550100001")]).await.refused(400, 40112);
    c.post(&path, &[("Instruction", "redirect"), ("RedirectUrl", "http://127.0.0.1/")])
        .await
        .refused(400, 40121);
    let conference = [("Instruction", "conference"), ("From", "+15550100001"), ("To", "client:ana")];
    c.post(&path, &conference).await.refused(400, 40142);
    c.get(&format!("/Tasks/{wt}/Reservations?ReservationStatus=odd")).await.refused(400, 20001);
    let rejected =
        c.post(&path, &[("ReservationStatus", "rejected"), ("WorkerActivitySid", &c.offline)]).await;
    assert_eq!(rejected.is(200).at("reservation_status"), "rejected");
    assert_eq!(c.get(&format!("/Workers/{}", c.wk)).await.at("activity_name"), "Offline");
    c.post(&path, &[("Instruction", "dequeue")]).await.refused(400, 40135);
}

#[tokio::test]
async fn an_offer_that_times_out_moves_its_worker_away() {
    let c = Centre::open().await;
    let wt = c.post("/Tasks", &[]).await.sid();
    let wr = c.offer(&wt).await;
    c.house.later(Duration::from_secs(121));
    let path = format!("/Tasks/{wt}/Reservations/{wr}");
    let timed_out = async {
        while c.get(&path).await.at("reservation_status") != "timeout" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), timed_out).await.expect("the offer times out");
    assert_eq!(c.get(&format!("/Workers/{}", c.wk)).await.at("activity_name"), "Offline");
    assert_eq!(c.get(&format!("/Tasks/{wt}")).await.at("assignment_status"), "pending");
}
