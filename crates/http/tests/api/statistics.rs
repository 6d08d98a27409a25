//! Events and statistics of TaskRouter (reference §1.10, §1.11).

use crate::house::{ACCOUNT, House, STRANGER};
use serde_json::{Value, json};
use std::time::Duration;

/// A day on which ana took one task after 7 seconds, a second one waits, and a third was canceled after 20.
struct Day {
    house: House,
    at: String,
    wq: String,
    ww: String,
    wk: String,
    tasks: Vec<String>,
}

impl Day {
    async fn new() -> Self {
        let house = House::open().await;
        let ws = house.post("/taskrouter/v1/Workspaces", &[("FriendlyName", "W")]).await.is(201).sid();
        let at = format!("/taskrouter/v1/Workspaces/{ws}");
        let ready = house.all(&format!("{at}/Activities?FriendlyName=Available"), "activities").await;
        let ready = ready[0]["sid"].as_str().unwrap().to_owned();
        let wq = house.post(&format!("{at}/TaskQueues"), &[("FriendlyName", "All")]).await.is(201).sid();
        let empty = [("FriendlyName", "Nobody"), ("TargetWorkers", "1==2")];
        house.post(&format!("{at}/TaskQueues"), &empty).await.is(201);
        let routing = json!({"task_routing": {"filters": [], "default_filter": {"queue": wq}}}).to_string();
        let workflow = [("FriendlyName", "Main"), ("Configuration", routing.as_str())];
        let ww = house.post(&format!("{at}/Workflows"), &workflow).await.is(201).sid();
        let wk = house.post(&format!("{at}/Workers"), &[("FriendlyName", "ana")]).await.is(201).sid();
        house.later(Duration::from_secs(10));
        house.post(&format!("{at}/Workers/{wk}"), &[("ActivitySid", &ready)]).await.is(200);
        let mut tasks = Vec::new();
        for channel in ["voice", "chat"] {
            let new = [("TaskChannel", channel), ("Priority", "3")];
            tasks.push(house.post(&format!("{at}/Tasks"), &new).await.is(201).sid());
        }
        // No room for another one on voice.
        tasks.push(house.post(&format!("{at}/Tasks"), &[("TaskChannel", "voice")]).await.is(201).sid());
        house.later(Duration::from_secs(7));
        let day = Self { house, at, wq, ww, wk, tasks };
        let list = format!("{}/Tasks/{}/Reservations", day.at, day.tasks[0]);
        let wr = day.house.all(&list, "reservations").await[0]["sid"].as_str().unwrap().to_owned();
        let accept = format!("{}/Tasks/{}/Reservations/{wr}", day.at, day.tasks[0]);
        day.house.post(&accept, &[("ReservationStatus", "accepted")]).await.is(200);
        day.house.later(Duration::from_secs(13));
        let cancel = [("AssignmentStatus", "canceled"), ("Reason", "gone")];
        day.house.post(&format!("{}/Tasks/{}", day.at, day.tasks[2]), &cancel).await.is(200);
        day
    }

    async fn get(&self, path: &str) -> Value {
        self.house.get(&format!("{}/{path}", self.at)).await.is(200).json()
    }

    async fn events(&self, query: &str) -> Vec<Value> {
        self.house.all(&format!("{}/Events?{query}", self.at), "events").await
    }
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["event_type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn events_carry_the_parameters_of_their_webhooks() {
    let day = Day::new().await;
    let found = day.events("EventType=worker.activity.update").await;
    assert_eq!(types(&found), ["worker.activity.update"]);
    let event = &found[0];
    assert_eq!(
        (&event["resource_type"], &event["resource_sid"], &event["event_date"], &event["event_date_ms"]),
        (&json!("worker"), &json!(day.wk), &json!("2026-03-25T10:00:10Z"), &json!(1_774_432_810_000_i64))
    );
    assert_eq!(event["description"], "Worker ana updated to Available Activity");
    let data = &event["event_data"];
    for (name, value) in [
        ("worker_sid", day.wk.as_str()),
        ("worker_name", "ana"),
        ("worker_attributes", "{}"),
        ("worker_activity_name", "Available"),
        ("worker_previous_activity_name", "Offline"),
        ("worker_time_in_previous_activity", "10"),
        ("worker_time_in_previous_activity_ms", "10000"),
        ("workspace_name", "W"),
    ] {
        assert_eq!(data[name], value, "{name}");
    }
    assert!(data.as_object().unwrap().values().all(Value::is_string));
    let url = event["url"].as_str().unwrap().strip_prefix(crate::house::BASE).unwrap();
    assert_eq!(&day.house.get(url).await.is(200).json(), event);
    assert_eq!(event["actor_url"], format!("{}{}", crate::house::BASE, day.at));
}

#[tokio::test]
async fn a_tasks_events_are_found_by_task_reservation_queue_workflow_worker_and_channel() {
    let day = Day::new().await;
    let of_task = day.events(&format!("TaskSid={}", day.tasks[0])).await;
    let names = types(&of_task);
    assert_eq!(names.last(), Some(&"task.created"), "newest first");
    for name in ["workflow.entered", "task-queue.entered", "reservation.created", "reservation.accepted"] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    let accepted = of_task.iter().find(|event| event["event_type"] == "reservation.accepted").unwrap();
    assert_eq!(accepted["event_data"]["task_age"], "7");
    let wr = accepted["resource_sid"].as_str().unwrap();
    assert_eq!(types(&day.events(&format!("ReservationSid={wr}")).await).len(), 2, "created and accepted");
    for (query, has, count) in [
        (format!("TaskQueueSid={}&EventType=reservation.accepted", day.wq), true, 1),
        (format!("WorkflowSid={}&EventType=reservation.created", day.ww), true, 2),
        (format!("WorkerSid={}&EventType=reservation.created", day.wk), true, 2),
        ("TaskChannel=voice&EventType=task.created".to_owned(), true, 2),
        ("TaskChannel=chat&EventType=task.created".to_owned(), true, 1),
        (format!("Sid={}", accepted["sid"].as_str().unwrap()), true, 1),
        ("StartDate=2026-03-25T09:00:00Z&EndDate=2026-03-25T10:00:00Z".to_owned(), false, 0),
        ("StartDate=2026-03-25T10:00:17Z&EndDate=2026-03-25T10:00:18Z".to_owned(), true, 1),
        ("EventType=nothing.happened".to_owned(), false, 0),
    ] {
        let found = day.events(&query).await;
        assert_eq!((!found.is_empty(), found.len()), (has, count), "{query}: {:?}", types(&found));
    }
}

#[tokio::test]
async fn events_page_both_ways_and_go_out_of_the_window() {
    let day = Day::new().await;
    let all = day.events("").await;
    assert!(all.len() > 12);
    let paged = day.events("PageSize=5").await;
    assert_eq!(types(&paged), types(&all));
    let first = day.get("Events?PageSize=5").await;
    let path = |page: &Value, name: &str| {
        page["meta"][name].as_str().unwrap().strip_prefix(crate::house::BASE).unwrap().to_owned()
    };
    let second = day.house.get(&path(&first, "next_page_url")).await.is(200).json();
    let back = day.house.get(&path(&second, "previous_page_url")).await.is(200).json();
    assert_eq!(back["events"], first["events"]);
    day.house.later(Duration::from_secs(16 * 60));
    assert_eq!(day.events("EventType=task.created").await.len(), 0, "15 minutes are usual");
    assert_eq!(day.events("EventType=task.created&Minutes=30").await.len(), 3);
    for (bad, code) in [("Minutes=x", 20001), ("WorkerSid=WK1", 20001), ("TaskChannel=fax", 20001)] {
        day.house.get(&format!("{}/Events?{bad}", day.at)).await.refused(400, code);
    }
    let none = format!("{}/Events/EV{}", day.at, "0".repeat(32));
    day.house.get(&none).await.refused(404, 20404);
    day.house.ask(STRANGER, "GET", &format!("{}/Events", day.at), "", &[]).await.refused(404, 20404);
    day.house.ask(ACCOUNT, "GET", "/taskrouter/v1/Workspaces/WS1/Events", "", &[]).await.refused(404, 20404);
}

fn keys(of: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = of.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[tokio::test]
async fn real_time_figures_are_of_this_moment() {
    let day = Day::new().await;
    let ws = day.get("RealTimeStatistics").await;
    assert_eq!((&ws["total_tasks"], &ws["total_workers"]), (&json!(2), &json!(1)));
    assert_eq!(ws["tasks_by_status"], json!({"pending": 0, "reserved": 1, "assigned": 1, "wrapping": 0}));
    assert_eq!(ws["tasks_by_priority"], json!({"3": 2}));
    assert_eq!(
        (&ws["longest_task_waiting_age"], &ws["longest_task_waiting_sid"]),
        (&json!(20), &json!(day.tasks[1]))
    );
    let available = |of: &Value| {
        of["activity_statistics"]
            .as_array()
            .unwrap()
            .iter()
            .find(|a| a["friendly_name"] == "Available")
            .unwrap()["workers"]
            .clone()
    };
    assert_eq!(available(&ws), 1);
    let voice = day.get("RealTimeStatistics?TaskChannel=voice").await;
    assert_eq!((&voice["total_tasks"], &voice["longest_task_waiting_age"]), (&json!(1), &json!(0)));
    assert_eq!(voice["longest_task_waiting_sid"], Value::Null);

    let queue = day.get(&format!("TaskQueues/{}/RealTimeStatistics", day.wq)).await;
    assert_eq!((&queue["total_eligible_workers"], &queue["total_available_workers"]), (&json!(1), &json!(1)));
    assert_eq!(queue["longest_relative_task_age_in_queue"], 20);
    assert_eq!(queue["longest_relative_task_sid_in_queue"], day.tasks[1].as_str());
    assert_eq!((&queue["total_tasks"], available(&queue)), (&json!(2), json!(1)));
    let workflow = day.get(&format!("Workflows/{}/RealTimeStatistics", day.ww)).await;
    assert_eq!((&workflow["total_tasks"], workflow.get("activity_statistics")), (&json!(2), None));
    let workers = day.get("Workers/RealTimeStatistics").await;
    assert_eq!(
        keys(&workers),
        ["account_sid", "activity_statistics", "total_workers", "url", "workspace_sid"]
    );
    assert_eq!((&workers["total_workers"], available(&workers)), (&json!(1), json!(1)));
}

#[tokio::test]
async fn cumulative_figures_are_of_their_window() {
    let day = Day::new().await;
    let queue = day.get(&format!("TaskQueues/{}/CumulativeStatistics?SplitByWaitTime=5,10", day.wq)).await;
    for (name, value) in [
        ("reservations_created", 2),
        ("reservations_accepted", 1),
        ("reservations_rejected", 0),
        ("tasks_entered", 3),
        ("tasks_canceled", 1),
        ("tasks_completed", 0),
        ("avg_task_acceptance_time", 7),
    ] {
        assert_eq!(queue[name], value, "{name}");
    }
    assert_eq!(queue["wait_duration_until_accepted"], json!({"avg": 7, "min": 7, "max": 7, "total": 7}));
    assert_eq!(queue["wait_duration_in_queue_until_accepted"]["total"], 7);
    assert_eq!(queue["wait_duration_until_canceled"]["max"], 20);
    assert_eq!(
        queue["split_by_wait_time"],
        json!({
            "5": {"above": {"tasks_canceled": 1, "reservations_accepted": 1}, "below": {"tasks_canceled": 0, "reservations_accepted": 0}},
            "10": {"above": {"tasks_canceled": 1, "reservations_accepted": 0}, "below": {"tasks_canceled": 0, "reservations_accepted": 1}},
        })
    );
    assert_eq!(queue["start_time"], "2026-03-25T09:45:30Z");
    let ws = day.get("CumulativeStatistics").await;
    assert_eq!((&ws["tasks_created"], &ws["split_by_wait_time"]), (&json!(3), &Value::Null));
    assert_eq!(day.get("CumulativeStatistics?TaskChannel=chat").await["tasks_created"], 1);
    let workflow = day.get(&format!("Workflows/{}/CumulativeStatistics", day.ww)).await;
    assert_eq!(
        (&workflow["tasks_entered"], &workflow["tasks_timed_out_in_workflow"]),
        (&json!(3), &json!(0))
    );
    let earlier = "StartDate=2026-03-25T09:00:00Z&EndDate=2026-03-25T10:00:00Z";
    assert_eq!(day.get(&format!("CumulativeStatistics?{earlier}")).await["tasks_created"], 0);
}

#[tokio::test]
async fn workers_have_figures_and_the_time_they_spent() {
    let day = Day::new().await;
    let of = |body: &Value, name: &str| {
        let all = body["activity_durations"].as_array().unwrap();
        all.iter().find(|a| a["friendly_name"] == name).unwrap_or_else(|| panic!("{name}"))["total"].clone()
    };
    let all = day.get("Workers/CumulativeStatistics").await;
    assert_eq!(
        (of(&all, "Offline"), of(&all, "Available"), of(&all, "Unavailable")),
        (json!(10), json!(20), json!(0))
    );
    assert_eq!((&all["reservations_created"], &all["reservations_accepted"]), (&json!(2), &json!(1)));
    assert_eq!(all.get("tasks_entered"), None);
    let both = day.get("Workers/Statistics?FriendlyName=ana").await;
    assert_eq!(
        (&both["realtime"]["total_workers"], of(&both["cumulative"], "Available")),
        (&json!(1), json!(20))
    );
    let nobody = day.get("Workers/Statistics?TaskQueueName=Nobody").await;
    assert_eq!(nobody["realtime"]["total_workers"], 0);
    assert_eq!(nobody["cumulative"]["reservations_created"], 0);
    let one = day.get(&format!("Workers/{}/Statistics", day.wk)).await;
    assert_eq!((&one["worker_sid"], one.get("realtime")), (&json!(day.wk), None));
    let figures = &one["cumulative"];
    assert_eq!((&figures["tasks_assigned"], &figures["reservations_wrapup"]), (&json!(1), &json!(0)));
    assert_eq!(of(figures, "Available"), 20);
    // The time before a change that came after the window is still known.
    let during = "StartDate=2026-03-25T10:00:00Z&EndDate=2026-03-25T10:00:05Z";
    let early = day.get(&format!("Workers/{}/Statistics?{during}", day.wk)).await;
    assert_eq!(of(&early["cumulative"], "Offline"), 5);
}

#[tokio::test]
async fn every_queue_is_listed_with_both_kinds_and_some_are_asked_for_at_once() {
    let day = Day::new().await;
    let list = format!("{}/TaskQueues/Statistics", day.at);
    let all = day.house.all(&format!("{list}?PageSize=1"), "task_queues_statistics").await;
    assert_eq!(all.len(), 2);
    let (busy, other) = if all[0]["task_queue_sid"] == day.wq.as_str() { (0, 1) } else { (1, 0) };
    assert_eq!(
        keys(&all[busy]),
        ["account_sid", "cumulative", "realtime", "task_queue_sid", "workspace_sid"]
    );
    assert_eq!(
        (&all[busy]["realtime"]["total_tasks"], &all[busy]["cumulative"]["tasks_entered"]),
        (&json!(2), &json!(3))
    );
    assert_eq!(all[other]["cumulative"]["tasks_entered"], 0);
    let named = day.house.all(&format!("{list}?FriendlyName=Nobody"), "task_queues_statistics").await;
    assert_eq!((named.len(), &named[0]["realtime"]["total_eligible_workers"]), (1, &json!(0)));

    let bulk = format!("{}/TaskQueues/RealTimeStatistics", day.at);
    let ask = async |body: Value| day.house.ask(ACCOUNT, "POST", &bulk, &body.to_string(), &[]).await;
    let got = ask(json!({"TaskQueueSids": [day.wq], "TaskChannel": "chat"})).await.is(200).json();
    assert_eq!(got["task_queue_response_count"], 1);
    assert_eq!(got["task_queue_data"][0]["task_queue_sid"], day.wq.as_str());
    assert_eq!(got["task_queue_data"][0]["total_tasks"], 1);
    assert_eq!(ask(json!({})).await.is(200).json()["task_queue_response_count"], 2);
    ask(json!({"TaskQueueSids": ["WQ1"]})).await.refused(400, 20001);
    ask(json!({"TaskQueueSids": [format!("WQ{}", "0".repeat(32))]})).await.refused(404, 20404);
}

#[tokio::test]
async fn combined_figures_nest_what_the_single_ones_say() {
    let day = Day::new().await;
    for of in [String::new(), format!("TaskQueues/{}/", day.wq), format!("Workflows/{}/", day.ww)] {
        let both = day.get(&format!("{of}Statistics?SplitByWaitTime=5")).await;
        let now = day.get(&format!("{of}RealTimeStatistics")).await;
        let past = day.get(&format!("{of}CumulativeStatistics?SplitByWaitTime=5")).await;
        for (part, whole) in [("realtime", &now), ("cumulative", &past)] {
            for (name, value) in both[part].as_object().unwrap() {
                assert_eq!(value, &whole[name], "{of}{part}.{name}");
            }
        }
        assert!(both["url"].as_str().unwrap().ends_with(&format!("{of}Statistics")));
    }
}

/// Reference §1.11: closed above 100 workers there, open here.
#[tokio::test]
async fn the_statistics_of_more_than_a_hundred_workers_are_open() {
    let day = Day::new().await;
    for n in 0..120 {
        let form = [("FriendlyName", format!("w{n}"))];
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        day.house.post(&format!("{}/Workers", day.at), &form).await.is(201);
    }
    assert_eq!(day.get("Workers/RealTimeStatistics").await["total_workers"], 121);
    assert_eq!(day.get("Workers/Statistics").await["realtime"]["total_workers"], 121);
    assert_eq!(day.get("Workers/CumulativeStatistics").await["reservations_accepted"], 1);
}

#[tokio::test]
async fn bad_windows_and_strangers_are_refused() {
    let day = Day::new().await;
    let nobody = "0".repeat(32);
    for path in ["CumulativeStatistics", "Workers/Statistics", "TaskQueues/Statistics"] {
        let at = format!("{}/{path}", day.at);
        day.house.get(&format!("{at}?StartDate=2026-01-01T00:00:00Z")).await.refused(400, 14241);
        day.house.get(&format!("{at}?Minutes=0")).await.refused(400, 20001);
        day.house.get(&format!("{at}?TaskChannel=fax")).await.refused(400, 20001);
        day.house.ask(STRANGER, "GET", &at, "", &[]).await.refused(404, 20404);
    }
    let many = (1..=17).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    for splits in ["soon", "5,-1", "1.5", many.as_str()] {
        let at = format!("{}/CumulativeStatistics?SplitByWaitTime={splits}", day.at);
        let message = day.house.get(&at).await.refused(400, 20001);
        assert!(message.contains("SplitByWaitTime"), "{message}");
    }
    for path in [
        format!("TaskQueues/WQ{nobody}/Statistics"),
        format!("Workflows/WW{nobody}/RealTimeStatistics"),
        format!("Workers/WK{nobody}/Statistics"),
    ] {
        day.house.get(&format!("{}/{path}", day.at)).await.refused(404, 20404);
    }
}
