//! Answers against the shapes that the official specification gives them (`tests/openapi/taskrouter_v1.fields.json`).

use crate::house::{ACCOUNT, Got, House, form};
use http_api::all_routes;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// `"POST /v1/…"` and what its answer has.
fn operations() -> Map<String, Value> {
    let text = include_str!("../../../../tests/openapi/taskrouter_v1.fields.json");
    serde_json::from_str(text).expect("a JSON object of operations")
}

/// A path with its parameters unnamed, so that ours and the specification's compare.
fn bare(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect::<Vec<_>>().join("/")
}

fn is_served(operation: &str) -> bool {
    let (method, path) = operation.split_once(' ').expect("method and path");
    let path = bare(&format!("/taskrouter{path}"));
    all_routes()
        .iter()
        .any(|(route, methods)| bare(route) == path && methods.iter().any(|m| m.eq_ignore_ascii_case(method)))
}

fn is_of(value: &Value, kind: &str) -> bool {
    let (kind, nullable) = kind.strip_suffix('?').map_or((kind, false), |kind| (kind, true));
    match value {
        Value::Null => nullable,
        Value::String(_) => kind == "string" || kind == "any",
        Value::Number(n) => {
            (n.is_i64() || n.is_u64()) && kind == "integer" || kind == "number" || kind == "any"
        }
        Value::Bool(_) => kind == "boolean" || kind == "any",
        Value::Object(_) => kind == "object" || kind == "any",
        Value::Array(_) => kind == "array" || kind == "any",
    }
}

/// Says what is wrong with `value`: a field that is missing, or of another type.
fn check(operation: &str, value: &Value, fields: &Value) -> Vec<String> {
    let fields = fields.as_object().expect("fields");
    fields
        .iter()
        .filter_map(|(name, kind)| match value.get(name) {
            None => Some(format!("{operation}: {name} is missing")),
            Some(value) if !is_of(value, kind.as_str().expect("a type")) => {
                Some(format!("{operation}: {name} should be {kind} and is {value}"))
            }
            Some(_) => None,
        })
        .collect()
}

/// One of everything, so that every path can be filled.
struct Everything {
    house: House,
    sids: BTreeMap<&'static str, String>,
}

impl Everything {
    async fn open() -> Self {
        let house = House::open().await;
        let mut sids = BTreeMap::new();
        let ws = house.post("/taskrouter/v1/Workspaces", &[("FriendlyName", "Support")]).await.is(201).sid();
        let at = |rest: &str| format!("/taskrouter/v1/Workspaces/{ws}{rest}");
        let free = house.post(&at("/Activities"), &[("FriendlyName", "Free"), ("Available", "true")]).await;
        let free = free.is(201).sid();
        let spare = house.post(&at("/Activities"), &[("FriendlyName", "Spare")]).await.is(201).sid();
        let fax = [("FriendlyName", "Fax"), ("UniqueName", "fax")];
        let fax = house.post(&at("/TaskChannels"), &fax).await.is(201).sid();
        let wq = house.post(&at("/TaskQueues"), &[("FriendlyName", "All")]).await.is(201).sid();
        let spare_queue = house.post(&at("/TaskQueues"), &[("FriendlyName", "Spare")]).await.is(201).sid();
        let routing = json!({"task_routing": {"default_filter": {"queue": wq}}}).to_string();
        let flow = [("FriendlyName", "Main"), ("Configuration", routing.as_str())];
        let ww = house.post(&at("/Workflows"), &flow).await.is(201).sid();
        let spare_flow = house.post(&at("/Workflows"), &flow).await.is(201).sid();
        let ana = [("FriendlyName", "ana"), ("ActivitySid", free.as_str())];
        let wk = house.post(&at("/Workers"), &ana).await.is(201).sid();
        let wt = house.post(&at("/Tasks"), &[("WorkflowSid", &ww)]).await.is(201).sid();
        let offers = house.all(&at(&format!("/Tasks/{wt}/Reservations")), "reservations").await;
        let wr = offers[0]["sid"].as_str().expect("an offer").to_owned();
        sids.extend([
            ("Workspaces", ws),
            ("Activities", spare),
            ("TaskChannels", fax),
            ("TaskQueues", spare_queue),
            ("Workflows", spare_flow),
            ("Workers", wk),
            ("Tasks", wt),
            ("Reservations", wr),
            ("Channels", "voice".to_owned()),
            ("flow in use", ww),
            ("queue in use", wq),
        ]);
        Self { house, sids }
    }

    /// The path with every parameter filled by the kind of thing before it.
    async fn fill(&self, path: &str) -> String {
        let mut filled = String::from("/taskrouter");
        let mut kind = "";
        for part in path.trim_start_matches('/').split('/') {
            let sid = match (part.starts_with('{'), kind) {
                (false, _) => part.to_owned(),
                (true, "Events") => {
                    let of = format!("/taskrouter/v1/Workspaces/{}/Events", self.sids["Workspaces"]);
                    let events = self.house.all(&of, "events").await;
                    events.first().expect("an event has happened")["sid"].as_str().unwrap().to_owned()
                }
                (true, kind) => self.sids[kind].clone(),
            };
            filled.push('/');
            filled.push_str(&sid);
            kind = part;
        }
        filled
    }

    fn body(&self, operation: &str) -> String {
        let routing = json!({"task_routing": {"default_filter": {"queue": self.sids["queue in use"]}}});
        let routing = routing.to_string();
        let (_, path) = operation.split_once(' ').expect("method and path");
        let last = path.rsplit('/').next().unwrap_or_default();
        let pairs: Vec<(&str, &str)> = match last {
            _ if path.ends_with("/TaskQueues/RealTimeStatistics") => {
                return json!({"TaskQueueSids": [self.sids["TaskQueues"]]}).to_string();
            }
            "TaskChannels" => vec![("FriendlyName", "Pigeon"), ("UniqueName", "pigeon")],
            "Workflows" => vec![("FriendlyName", "More"), ("Configuration", &routing)],
            "Tasks" => vec![("WorkflowSid", &self.sids["flow in use"])],
            "{Sid}" if path.contains("/Tasks/{TaskSid}/Reservations/") => {
                vec![("ReservationStatus", "accepted")]
            }
            "{Sid}" if path.contains("/Workers/{WorkerSid}/Reservations/") => {
                vec![("ReservationStatus", "wrapping")]
            }
            "{Sid}" => vec![("FriendlyName", "Changed")],
            _ => vec![("FriendlyName", "More")],
        };
        form(&pairs)
    }

    async fn ask(&self, operation: &str) -> Got {
        let (method, path) = operation.split_once(' ').expect("method and path");
        let path = self.fill(path).await;
        let body = if method == "POST" { self.body(operation) } else { String::new() };
        self.house.ask(ACCOUNT, method, &path, &body, &[]).await
    }
}

/// Reference §0-§1: statuses, the list envelope, and every field of every resource.
#[tokio::test]
async fn every_operation_answers_in_the_documented_shape() {
    let all = Everything::open().await;
    let operations = operations();
    let mut served: Vec<_> = operations.iter().filter(|(name, _)| is_served(name)).collect();
    // What is deleted is deleted last, and the inner before the outer.
    served
        .sort_by_key(|(name, _)| (name.starts_with("DELETE"), std::cmp::Reverse(name.matches('/').count())));
    assert!(served.len() >= 40, "most of the {} operations are served", operations.len());
    let mut wrong = Vec::new();
    for (operation, told) in served {
        let got = all.ask(operation).await;
        if got.status != told["status"].as_u64().map_or(0, |s| s as u16) {
            wrong.push(format!("{operation}: {} {}", got.status, got.text));
            continue;
        }
        let Some(fields) = told.get("fields") else {
            assert!(got.text.is_empty(), "{operation}: a deletion has no body");
            continue;
        };
        let json = got.json();
        match told["list"].as_str() {
            Some(key) => {
                let items = json[key].as_array().unwrap_or_else(|| panic!("{operation}: no {key}"));
                assert!(!items.is_empty(), "{operation}: a list to look at");
                wrong.extend(items.iter().flat_map(|item| check(operation, item, fields)));
                let meta = json!({"page": "integer", "page_size": "integer", "key": "string", "url": "string",
                    "first_page_url": "string", "next_page_url": "string?", "previous_page_url": "string?"});
                wrong.extend(check(operation, &json["meta"], &meta));
                assert_eq!(json["meta"]["key"], key, "{operation}");
            }
            None => wrong.extend(check(operation, &json, fields)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_missing_or_mistyped_field_is_found() {
    let fields = json!({"sid": "string", "age": "integer", "reason": "string?"});
    assert!(check("x", &json!({"sid": "WT", "age": 1, "reason": null, "more": 1}), &fields).is_empty());
    assert_eq!(check("x", &json!({"sid": null, "age": "1"}), &fields).len(), 3);
}
