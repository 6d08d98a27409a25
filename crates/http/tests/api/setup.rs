//! What administrators ask: expressions, trials, lines; who may, and what is kept of it.

use crate::house::{ACCOUNT, Got, House};
use axum::body::Body;
use axum::http::Request;
use http_api::{Lines, PhoneLine, TrunkLine, TrunkRegistered};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Somebody who signed in.
struct Visitor<'a> {
    house: &'a House,
    cookie: String,
    csrf: String,
}

impl<'a> Visitor<'a> {
    async fn enters(house: &'a House, ws: &str, role: &str, worker: Option<&str>) -> Self {
        let mut user = json!({"login": role, "password": "a long secret", "role": role, "workspace_sid": ws});
        if let Some(worker) = worker {
            user["worker_sid"] = worker.into();
        }
        house.ask(ACCOUNT, "POST", "/tandem/v1/Users", &user.to_string(), &[]).await.is(201);
        let body = json!({"login": role, "password": "a long secret"}).to_string();
        let request =
            Request::builder().method("POST").uri("/tandem/v1/Session").header("Host", "127.0.0.1:8080");
        let got = house.raw(request.body(Body::from(body)).unwrap()).await;
        got.is(200);
        let cookie = got.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        Self { house, cookie, csrf: got.at("csrf") }
    }

    async fn asks(&self, method: &str, path: &str, body: &str) -> Got {
        let kind =
            if body.starts_with('{') { "application/json" } else { "application/x-www-form-urlencoded" };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("Host", "127.0.0.1:8080")
            .header("Cookie", &self.cookie)
            .header("X-Tandem-Csrf", &self.csrf)
            .header("Content-Type", kind);
        self.house.raw(request.body(Body::from(body.to_owned())).unwrap()).await
    }
}

struct Floor {
    ws: String,
    ana: String,
    bo: String,
    everyone: String,
    billing: String,
}

async fn floor(house: &House) -> Floor {
    let ws = house.post("/taskrouter/v1/Workspaces", &[("FriendlyName", "W")]).await.is(201).sid();
    let at = format!("/taskrouter/v1/Workspaces/{ws}");
    let activities = house.all(&format!("{at}/Activities"), "activities").await;
    let available = activities.iter().find(|a| a["available"] == true).expect("there is one");
    let available = available["sid"].as_str().unwrap();
    let mut workers = Vec::new();
    for (name, level, activity) in [("ana", 4, Some(available)), ("bo", 2, None)] {
        let attributes = format!(r#"{{"level":{level}}}"#);
        let mut form = vec![("FriendlyName", name), ("Attributes", attributes.as_str())];
        form.extend(activity.map(|sid| ("ActivitySid", sid)));
        workers.push(house.post(&format!("{at}/Workers"), &form).await.is(201).sid());
    }
    let mut queues = Vec::new();
    for (name, target) in [("Everyone", "1==1"), ("Billing", "level > 1")] {
        let form = [("FriendlyName", name), ("TargetWorkers", target)];
        queues.push(house.post(&format!("{at}/TaskQueues"), &form).await.is(201).sid());
    }
    let [ana, bo] = <[String; 2]>::try_from(workers).unwrap();
    let [everyone, billing] = <[String; 2]>::try_from(queues).unwrap();
    Floor { ws, ana, bo, everyone, billing }
}

async fn own(house: &House, path: &str, body: &Value) -> Got {
    house.ask(ACCOUNT, "POST", path, &body.to_string(), &[]).await
}

#[tokio::test]
async fn an_expression_is_checked_at_the_character_and_says_whom_it_matches() {
    let house = House::open().await;
    let Floor { ws, ana, .. } = floor(&house).await;
    let path = format!("/tandem/v1/Workspaces/{ws}/Expressions/Check");
    let found = own(&house, &path, &json!({"expression": "level > 3"})).await.is(200).json();
    assert_eq!((&found["valid"], &found["matching"]), (&json!(true), &json!(1)), "{found}");
    let worker = &found["workers"][0];
    assert_eq!((&worker["worker_sid"], &worker["available"]), (&json!(ana), &json!(true)), "{found}");
    let found = own(&house, &path, &json!({"expression": "1==1"})).await.is(200).json();
    assert_eq!(found["matching"], 2);
    let found = own(&house, &path, &json!({"expression": "level > > 3"})).await.is(200).json();
    assert_eq!((&found["valid"], &found["column"]), (&json!(false), &json!(9)), "{found}");
    assert!(found["message"].as_str().unwrap().len() > 3 && found["workers"].is_null(), "{found}");
    for (context, text, valid) in [
        ("task", "skill == 'billing'", true),
        ("target", "level > 3", false),
        ("target", "task.skill IN worker.skills", true),
        ("skip", "workers.available == 0", true),
        ("skip", "level == 0", false),
        ("order", "worker.level DESC", true),
        ("order", "DESC worker.level", false),
    ] {
        let found = own(&house, &path, &json!({"expression": text, "context": context})).await.is(200).json();
        assert_eq!(found["valid"], valid, "{context} {text}: {found}");
        assert!(found["workers"].is_null());
    }
    own(&house, &path, &json!({"expression": "1==1", "context": "moon"})).await.refused(400, 20001);
    let elsewhere = "/tandem/v1/Workspaces/WS00000000000000000000000000000009/Expressions/Check";
    own(&house, elsewhere, &json!({"expression": "1==1"})).await.refused(404, 20404);
}

#[tokio::test]
async fn a_task_is_tried_on_a_draft_and_nothing_is_changed_by_it() {
    let house = House::open().await;
    let Floor { ws, ana, bo, everyone, billing } = floor(&house).await;
    let path = format!("/tandem/v1/Workspaces/{ws}/Workflows/Try");
    let configuration = json!({"task_routing": {
        "filters": [{
            "filter_friendly_name": "VIP billing",
            "expression": "skill == 'billing' AND vip == true",
            "targets": [
                {"queue": billing, "expression": "worker.level > 3", "timeout": 30, "order_by": "worker.level DESC"},
                {"queue": everyone, "priority": 20},
            ],
        }],
        "default_filter": {"queue": everyone},
    }});
    let vip = json!({"configuration": configuration, "attributes": {"skill": "billing", "vip": true}});
    let trial = own(&house, &path, &vip).await.is(200).json();
    assert_eq!(trial["offered"], json!([ana]), "{trial}");
    assert_eq!(trial["explanation"]["filters"][0]["matched"], true);
    let steps = trial["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 2, "{trial}");
    assert_eq!(
        (&steps[0]["from_s"], &steps[0]["timeout_s"], &steps[0]["free"]),
        (&json!(0), &json!(30), &json!(1))
    );
    assert_eq!(
        (&steps[0]["queue_name"], &steps[0]["workers"][0]["worker"]),
        (&json!("Billing"), &json!(ana))
    );
    let bos = steps[0]["workers"].as_array().unwrap().iter().find(|w| w["worker"] == bo.as_str()).unwrap();
    assert_eq!(bos["ruled_out"]["reason"], "target-expression", "{bos}");
    assert_eq!(
        (&steps[1]["from_s"], &steps[1]["timeout_s"], &steps[1]["priority"]),
        (&json!(30), &Value::Null, &json!(20))
    );
    let bos = steps[1]["workers"].as_array().unwrap().iter().find(|w| w["worker"] == bo.as_str()).unwrap();
    assert_eq!(bos["ruled_out"]["reason"], "activity", "{bos}");

    let plain = json!({"configuration": configuration.to_string(), "attributes": r#"{"skill":"billing"}"#});
    let trial = own(&house, &path, &plain).await.is(200).json();
    let filters = trial["explanation"]["filters"].as_array().unwrap();
    assert_eq!(
        (&filters[0]["matched"], &filters[1]["expression"]),
        (&json!(false), &json!("default_filter")),
        "{trial}"
    );
    assert!(filters[0]["because"].as_str().unwrap().contains("vip"), "{trial}");
    assert_eq!(trial["steps"].as_array().unwrap().len(), 1);

    for wrong in [
        json!({"configuration": {}}),
        json!({"configuration": configuration, "attributes": [1]}),
        json!({"configuration": configuration, "channel": "pigeons"}),
        json!({"attributes": {}}),
        json!({"configuration": {"task_routing": {"default_filter": {"queue": "WQ00000000000000000000000000000009"}}}}),
    ] {
        let got = own(&house, &path, &wrong).await;
        assert!((400..500).contains(&got.status), "{wrong}: {}", got.text);
    }
    let at = format!("/taskrouter/v1/Workspaces/{ws}");
    assert!(house.all(&format!("{at}/Tasks"), "tasks").await.is_empty());
    assert!(house.all(&format!("{at}/Workflows"), "workflows").await.is_empty());
    let reservations = house.all(&format!("{at}/Workers/{ana}/Reservations"), "reservations").await;
    assert!(reservations.is_empty(), "{reservations:?}");
}

struct TwoLines;

impl Lines for TwoLines {
    fn trunks(&self) -> Vec<TrunkLine> {
        let trunk = TrunkLine {
            name: "main".to_owned(),
            uri: "sip:trunk.example".to_owned(),
            priority: 1,
            weight: 10,
            watched: true,
            answers: true,
            rests: false,
            calls: 2,
            calls_max: Some(10),
            registration: Some(TrunkRegistered::For(Duration::from_secs(90))),
        };
        let failed = Some(TrunkRegistered::Failed("it answered 403".to_owned()));
        vec![
            trunk.clone(),
            TrunkLine { name: "spare".to_owned(), watched: false, registration: failed, ..trunk },
        ]
    }

    fn registrations(&self, _: usize) -> Vec<PhoneLine> {
        vec![PhoneLine {
            user: "ana".to_owned(),
            contact: "sip:ana@10.0.0.7".to_owned(),
            received: "192.0.2.7:5060".to_owned(),
            transport: "udp",
            expires_in: Duration::from_secs(120),
        }]
    }
}

#[tokio::test]
async fn the_state_of_trunks_and_phones_is_shown() {
    let house = House::with(|api| api.lines = Arc::new(TwoLines)).await;
    let trunks = house.get("/tandem/v1/Trunks").await.is(200).json();
    let [main, spare] = &trunks["trunks"].as_array().unwrap()[..] else { panic!("{trunks}") };
    assert_eq!((&main["state"], &main["registration_expires_in_s"]), (&json!("up"), &json!(90)));
    assert_eq!((&spare["state"], &spare["last_error"]), (&json!("down"), &json!("it answered 403")));
    let phones = house.get("/tandem/v1/Registrations").await.is(200).json();
    assert_eq!(phones["registrations"][0]["expires_in_s"], 120, "{phones}");
}

#[tokio::test]
async fn only_administrators_change_the_set_up_and_each_act_is_kept() {
    let house = House::open().await;
    let Floor { ws, ana, everyone, .. } = floor(&house).await;
    let agent = Visitor::enters(&house, &ws, "agent", Some(&ana)).await;
    let supervisor = Visitor::enters(&house, &ws, "supervisor", None).await;
    let admin = Visitor::enters(&house, &ws, "admin", None).await;
    let routing = format!("/taskrouter/v1/Workspaces/{ws}");
    let ours = format!("/tandem/v1/Workspaces/{ws}");
    let trial =
        json!({"configuration": {"task_routing": {"default_filter": {"queue": everyone}}}}).to_string();
    let expression = r#"{"expression":"1==1"}"#.to_owned();
    let user = json!({"login": "dee", "password": "a long secret", "workspace_sid": ws}).to_string();
    let number = format!("/api/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers");
    let mut acts = vec![
        ("POST", format!("{routing}/Workers"), "FriendlyName=dee&Attributes=%7B%7D".to_owned(), 201),
        ("POST", format!("{routing}/Workers/{ana}"), "FriendlyName=anna".to_owned(), 200),
        ("POST", format!("{routing}/Workers/{ana}/Channels/voice"), "Capacity=3".to_owned(), 200),
        ("POST", format!("{routing}/TaskQueues/{everyone}"), "TargetWorkers=2==2".to_owned(), 200),
        ("POST", format!("{routing}/Activities"), "FriendlyName=Lunch".to_owned(), 201),
        ("POST", format!("{ours}/Expressions/Check"), expression, 200),
        ("POST", format!("{ours}/Workflows/Try"), trial, 200),
        ("PUT", format!("{ours}/VoicePolicy"), r#"{"parked_max":2}"#.to_owned(), 200),
        ("POST", "/tandem/v1/Users".to_owned(), user, 201),
        ("GET", "/tandem/v1/Users".to_owned(), String::new(), 200),
        ("GET", "/tandem/v1/Trunks".to_owned(), String::new(), 200),
        ("GET", "/tandem/v1/Registrations".to_owned(), String::new(), 200),
        ("GET", format!("{number}.json"), String::new(), 200),
        ("POST", format!("{number}.json"), "PhoneNumber=%2B15550100009".to_owned(), 201),
    ];
    for visitor in [&agent, &supervisor] {
        for (method, path, body, _) in &acts {
            visitor.asks(method, path, body).await.refused(403, 20403);
        }
    }
    let kept = house.all(&format!("{ours}/Audit"), "audit").await;
    assert!(kept.is_empty(), "what is refused is not done: {kept:?}");
    for (method, path, body, status) in &acts {
        house.later(Duration::from_millis(1));
        admin.asks(method, path, body).await.is(*status);
    }
    // Without the proof that our page wrote it, nothing is done.
    let forged = Visitor { house: &house, cookie: admin.cookie.clone(), csrf: "guessed".to_owned() };
    acts.retain(|(method, ..)| *method != "GET");
    for (method, path, body, _) in &acts {
        forged.asks(method, path, body).await.refused(403, 20403);
    }
    let kept = house.all(&format!("{ours}/Audit"), "audit").await;
    let mut named: Vec<String> = kept.iter().map(|one| one["act"].as_str().unwrap().to_owned()).collect();
    named.reverse();
    let expected = [
        "worker.create",
        "worker.update",
        "capacity.update",
        "queue.update",
        "activity.create",
        "voice-policy.set",
        "user.create",
        "number.create",
    ];
    assert_eq!(named, expected);
    assert!(kept.iter().all(|one| one["login"] == "admin"), "{kept:?}");
    let of = |act: &str| kept.iter().find(|one| one["act"] == act).unwrap().clone();
    assert_eq!(of("queue.update")["subject"], everyone.as_str());
    assert_eq!(of("queue.update")["detail"], "target_workers=2==2");
    assert_eq!(of("user.create")["subject"], "dee");
    assert!(!kept.iter().any(|one| one.to_string().contains("a long secret")), "{kept:?}");
}
