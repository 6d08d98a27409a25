//! Replays over HTTP: what a changed workflow would have done.

use crate::house::{ACCOUNT, Got, House};
use serde_json::{Value, json};

async fn ask(house: &House, path: &str, body: &Value) -> Got {
    house.ask(ACCOUNT, "POST", path, &body.to_string(), &[]).await
}

#[tokio::test]
async fn a_draft_is_replayed_over_the_time_since() {
    let house = House::open().await;
    let ws = house.post("/taskrouter/v1/Workspaces", &[("FriendlyName", "W")]).await.is(201).sid();
    let at = format!("/taskrouter/v1/Workspaces/{ws}");
    let activities = house.all(&format!("{at}/Activities"), "activities").await;
    let available = activities.iter().find(|a| a["available"] == true).expect("there is one");
    let available = available["sid"].as_str().unwrap();
    let mut queues = Vec::new();
    for team in ["a", "b"] {
        let attributes = format!(r#"{{"team":"{team}"}}"#);
        let worker = [("FriendlyName", team), ("Attributes", &attributes), ("ActivitySid", available)];
        house.post(&format!("{at}/Workers"), &worker).await.is(201);
        let target = format!("team == '{team}'");
        let queue = [("FriendlyName", team), ("TargetWorkers", target.as_str())];
        queues.push(house.post(&format!("{at}/TaskQueues"), &queue).await.is(201).sid());
    }
    let to = |queue: &str| json!({"task_routing": {"default_filter": {"queue": queue}}});
    let configuration = to(&queues[0]).to_string();
    let workflow = [("FriendlyName", "F"), ("Configuration", configuration.as_str())];
    let ww = house.post(&format!("{at}/Workflows"), &workflow).await.is(201).sid();
    let wt = house.post(&format!("{at}/Tasks"), &[("WorkflowSid", &ww)]).await.is(201).sid();

    let path = format!("/tandem/v1/Workspaces/{ws}/Workflows/{ww}/Replay");
    let since = "2020-01-01T00:00:00Z";
    let same = json!({"configuration": to(&queues[0]), "since": since});
    let report = ask(&house, &path, &same).await.is(200).json();
    assert_eq!((&report["tasks"], &report["elsewhere"]), (&json!(1), &json!(0)), "{report}");
    let swapped = json!({"configuration": to(&queues[1]).to_string(), "since": since});
    let report = ask(&house, &path, &swapped).await.is(200).json();
    assert_eq!(report["elsewhere"], 1, "{report}");
    assert!(report["since"].as_str().unwrap().ends_with('Z'), "{report}");
    let changed = &report["changed"][0];
    assert!(changed["created"].as_str().unwrap().ends_with('Z'), "{changed}");
    assert_eq!(changed["task"], wt.as_str());
    assert_eq!(changed["before"]["first_queue"], queues[0].as_str());
    assert_eq!(changed["after"]["first_queue"], queues[1].as_str());

    // Nothing was changed by asking.
    let task = house.get(&format!("{at}/Tasks/{wt}")).await.is(200).json();
    assert_eq!(task["task_queue_sid"], queues[0].as_str());
    for wrong in [
        json!({"configuration": {}, "since": since}),
        json!({"configuration": to(&queues[0]), "since": "yesterday"}),
        json!({"configuration": to(&queues[0]), "since": "2999-01-01T00:00:00Z"}),
        json!({"configuration": to(&queues[0])}),
    ] {
        ask(&house, &path, &wrong).await.refused(400, 20001);
    }
    let other = "WW00000000000000000000000000000009";
    let path = format!("/tandem/v1/Workspaces/{ws}/Workflows/{other}/Replay");
    ask(&house, &path, &same).await.refused(404, 20404);
}
