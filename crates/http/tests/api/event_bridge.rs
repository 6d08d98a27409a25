//! The envelope of the TaskRouter JS SDK, tokens of both kinds, API keys, and who may do what.

use crate::house::{ACCOUNT, Got, House, STRANGER, TOKEN};
use axum::body::Body;
use axum::http::Request;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::time::Duration;

const NOW: i64 = 1_774_432_800;

fn jwt(secret: &str, claims: &Value) -> String {
    let header = json!({ "typ": "JWT", "alg": "HS256", "cty": "twilio-fpa;v=1" });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// A house with a workspace, an API key and two workers, who are available.
struct Bridge {
    house: House,
    key: (String, String),
    ws: String,
    ana: String,
    bo: String,
    workflow: String,
}

impl Bridge {
    async fn open() -> Self {
        let house = House::open().await;
        let made = house
            .post(&format!("/2010-04-01/Accounts/{ACCOUNT}/Keys.json"), &[("FriendlyName", "desk")])
            .await;
        let key = (made.is(201).sid(), made.at("secret"));
        let ws = house.post("/taskrouter/v1/Workspaces", &[("FriendlyName", "W")]).await.is(201).sid();
        let at = format!("/taskrouter/v1/Workspaces/{ws}");
        let activities = house.all(&format!("{at}/Activities"), "activities").await;
        let available = activities.iter().find(|a| a["available"] == true).unwrap()["sid"].as_str().unwrap();
        let mut workers = Vec::new();
        for name in ["ana", "bo"] {
            let form = [("FriendlyName", name), ("ActivitySid", available)];
            workers.push(house.post(&format!("{at}/Workers"), &form).await.is(201).sid());
        }
        let expression = r#"name == "nobody""#;
        let form = [("FriendlyName", "Q"), ("TargetWorkers", expression)];
        let queue = house.post(&format!("{at}/TaskQueues"), &form).await.is(201).sid();
        let configuration =
            json!({ "task_routing": { "filters": [], "default_filter": { "queue": queue } } }).to_string();
        let form = [("FriendlyName", "F"), ("Configuration", configuration.as_str())];
        let workflow = house.post(&format!("{at}/Workflows"), &form).await.is(201).sid();
        let [ana, bo] = workers.try_into().unwrap();
        Self { house, key, ws, ana, bo, workflow }
    }

    fn claims(&self, worker: &str, role: &str) -> Value {
        json!({
            "jti": format!("{}-{NOW}", self.key.0), "iss": self.key.0, "sub": ACCOUNT,
            "iat": NOW, "exp": NOW + 3600,
            "grants": { "identity": "ana", "task_router": {
                "workspace_sid": self.ws, "worker_sid": worker, "role": role } },
        })
    }

    fn token(&self, worker: &str, role: &str) -> String {
        jwt(&self.key.1, &self.claims(worker, role))
    }

    async fn raw(&self, path: &str, body: &str, headers: &[(&str, &str)]) -> Got {
        let mut request = Request::builder().method("POST").uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.house.raw(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// As the SDK does it: JSON that is announced as a form.
    async fn ask(&self, token: &str, method: &str, url: &str, params: Value) -> Got {
        let body = json!({ "url": url, "method": method, "params": params, "token": token }).to_string();
        let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("apiVersion", "v1")];
        self.raw("/event-bridge/v1/wschannels", &body, &headers).await
    }

    fn of_worker(&self, worker: &str) -> String {
        format!("Workspaces/{}/Workers/{worker}", self.ws)
    }
}

#[tokio::test]
async fn tokens_are_refused_with_their_documented_codes() {
    let bridge = Bridge::open().await;
    let me = bridge.of_worker(&bridge.ana);
    let good = bridge.claims(&bridge.ana, "worker");
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        jwt(&bridge.key.1, &claims)
    };
    let grant = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims["grants"]["task_router"][name] = value;
        jwt(&bridge.key.1, &claims)
    };
    let foreign =
        bridge.house.ask(STRANGER, "POST", "/taskrouter/v1/Workspaces", "FriendlyName=X", &[]).await;
    for (token, code) in [
        (String::new(), 20101),
        ("nonsense".to_owned(), 20101),
        (with("iss", json!("SK00000000000000000000000000000009")), 20103),
        (with("iss", json!("ana")), 20103),
        (with("sub", json!(STRANGER)), 20103),
        (with("exp", json!(NOW - 1)), 20104),
        (with("exp", Value::Null), 20104),
        (with("nbf", json!(NOW + 3600)), 20105),
        (with("exp", json!(NOW + 90_000)), 20157),
        (with("grants", json!({})), 20106),
        (with("grants", Value::Null), 20106),
        (grant("workspace_sid", Value::Null), 20106),
        (grant("workspace_sid", json!(foreign.sid())), 20106),
        (grant("worker_sid", json!("ana")), 20106),
        (grant("role", json!("king")), 20106),
        (jwt("another secret", &good), 20107),
        (jwt(TOKEN, &good), 20107),
    ] {
        let got = bridge.ask(&token, "GET", &me, json!({})).await;
        assert!(!got.headers.contains_key("www-authenticate"), "a browser would ask for a password");
        got.refused(401, code);
        let path = format!("/event-bridge/v1/wschannels?token={token}");
        bridge.house.get(&path).await.refused(401, code);
    }
    bridge.ask(&bridge.token(&bridge.ana, "worker"), "GET", &me, json!({})).await.is(200);
    let key = format!("/2010-04-01/Accounts/{ACCOUNT}/Keys/{}.json", bridge.key.0);
    bridge.house.delete(&key).await.is(204);
    bridge.ask(&bridge.token(&bridge.ana, "worker"), "GET", &me, json!({})).await.refused(401, 20103);
}

#[tokio::test]
async fn an_envelope_is_json_whatever_it_is_announced_as() {
    let bridge = Bridge::open().await;
    let token = bridge.token(&bridge.ana, "worker");
    let me = bridge.of_worker(&bridge.ana);
    let body = json!({ "url": me, "method": "GET", "token": token }).to_string();
    for content_type in ["application/x-www-form-urlencoded", "text/plain;charset=UTF-8", "application/json"]
    {
        let headers = [("Content-Type", content_type)];
        let got = bridge.raw("/event-bridge/v1/wschannels", &body, &headers).await;
        assert_eq!(got.is(200).json()["payload"]["sid"], bridge.ana, "{content_type}");
        assert_eq!(got.headers["access-control-allow-origin"], "*");
    }
    let label = bridge.raw("/v1/wschannels", &body, &[("Host", "event-bridge.localhost:8080")]).await;
    assert_eq!(label.is(200).json()["payload"]["friendly_name"], "ana");
    let long = format!("/event-bridge/v1/wschannels/{ACCOUNT}/{}", bridge.ana);
    bridge.raw(&long, &body, &[]).await.is(200);
    let other = format!("/event-bridge/v1/wschannels/{ACCOUNT}/{}", bridge.bo);
    bridge.raw(&other, &body, &[]).await.refused(403, 20403);
    for broken in ["", "{}", "url=x&method=GET", "[1]"] {
        bridge.raw("/event-bridge/v1/wschannels", broken, &[]).await.refused(400, 20001);
    }
    for (method, url, code) in
        [("DELETE", me.as_str(), (405, 20004)), ("GET", "Nonsense", (404, 20404)), ("GET", "", (404, 20404))]
    {
        bridge.ask(&token, method, url, json!({})).await.refused(code.0, code.1);
    }
    // Not a websocket.
    let path = format!("/event-bridge/v1/wschannels?token={token}");
    bridge.house.get(&path).await.refused(400, 20001);
    let preflight = Request::builder()
        .method("OPTIONS")
        .uri("/event-bridge/v1/wschannels")
        .header("Access-Control-Request-Headers", "clientversion,apiversion,if-match,content-type");
    let got = bridge.house.raw(preflight.body(Body::empty()).unwrap()).await;
    let allowed = got.headers["access-control-allow-headers"].to_str().unwrap().to_lowercase();
    for header in ["clientversion", "apiversion", "if-match", "content-type"] {
        assert!(allowed.split(", ").any(|name| name.trim() == header), "{header} in {allowed}");
    }
}

#[tokio::test]
async fn roles_are_held_to_what_is_theirs() {
    let bridge = Bridge::open().await;
    let at = format!("/taskrouter/v1/Workspaces/{}", bridge.ws);
    let form = [("WorkflowSid", bridge.workflow.as_str())];
    let task = bridge.house.post(&format!("{at}/Tasks"), &form).await.is(201).sid();
    let task = format!("Workspaces/{}/Tasks/{task}", bridge.ws);
    let (me, other) = (bridge.of_worker(&bridge.ana), bridge.of_worker(&bridge.bo));
    let rename = || json!({ "Attributes": { "level": 1 } });
    let worker = bridge.token(&bridge.ana, "worker");
    let supervisor = bridge.token(&bridge.ana, "supervisor");
    let admin = bridge.token("", "admin");
    for (token, method, url, params, status) in [
        (&worker, "POST", &me, rename(), 200),
        (&worker, "POST", &other, rename(), 403),
        (&worker, "GET", &task, json!({}), 403),
        (&worker, "POST", &task, json!({ "AssignmentStatus": "canceled" }), 403),
        (&supervisor, "POST", &other, rename(), 200),
        (&supervisor, "GET", &task, json!({}), 200),
        (&supervisor, "POST", &task, json!({ "AssignmentStatus": "canceled" }), 403),
        (&admin, "POST", &task, json!({ "Attributes": { "by": "admin" } }), 200),
    ] {
        let got = bridge.ask(token, method, url, params).await;
        assert_eq!(got.status, status, "{method} {url}: {}", got.text);
    }
    let shown = bridge.ask(&admin, "GET", &task, json!({})).await.json();
    assert_eq!(shown["payload"]["attributes"], r#"{"by":"admin"}"#, "text in answers, an object in requests");
    let foreign = bridge.house.post("/taskrouter/v1/Workspaces", &[("FriendlyName", "V")]).await.sid();
    let url = format!("Workspaces/{foreign}/Activities");
    bridge.ask(&admin, "GET", &url, json!({})).await.refused(403, 20403);
}

/// Reference §10.5: what is refused before any call is touched. With real calls: `server/tests/within_a_call.rs`.
#[tokio::test]
async fn what_happens_within_a_call_needs_a_call_and_a_reservation_of_it() {
    let bridge = Bridge::open().await;
    let worker = bridge.token(&bridge.ana, "worker");
    let me = bridge.of_worker(&bridge.ana);
    let url = format!("Workspaces/{}/Tasks", bridge.ws);
    let target = |wk: &str| json!({ "WorkflowSid": bridge.workflow, "RoutingTarget": wk });
    let task = bridge.ask(&worker, "POST", &url, target(&bridge.ana)).await.is(200).json();
    let task = task["payload"]["sid"].as_str().unwrap().to_owned();
    let list = bridge.ask(&worker, "GET", &format!("{me}/Reservations"), json!({ "Active": "true" })).await;
    let wr = list.json()["payload"]["contents"][0]["sid"].as_str().unwrap().to_owned();
    let hold = json!({ "TaskSid": task, "Hold": true });
    let other = json!({ "TaskSid": task, "TargetWorkerSid": bridge.bo, "Hold": true });
    let own = json!({ "ReservationSid": wr, "Mute": true });
    let with = |name: &str, value: Value| {
        let mut params = other.clone();
        params[name] = value;
        params
    };
    // While it is pending, and once it is accepted without a call.
    for status in ["pending", "accepted"] {
        for (name, params) in [
            ("CustomerParticipant", &hold),
            ("HoldWorkerParticipant", &other),
            ("KickWorkerParticipant", &other),
            ("WorkerParticipant", &own),
        ] {
            let got = bridge.ask(&worker, "POST", &format!("{me}/{name}"), params.clone()).await;
            got.refused(400, 20001);
        }
        if status == "pending" {
            let accept = json!({ "ReservationStatus": "accepted" });
            bridge.ask(&worker, "POST", &format!("{me}/Reservations/{wr}"), accept).await.is(200);
        }
    }
    for (name, params, code) in [
        ("HoldWorkerParticipant", with("Hold", Value::Null), (400, 20001)),
        ("HoldWorkerParticipant", with("HoldUrl", json!("here")), (400, 20001)),
        ("HoldWorkerParticipant", with("HoldMethod", json!("PUT")), (400, 20001)),
        ("KickWorkerParticipant", with("TargetWorkerSid", json!("bo")), (400, 20001)),
        ("CustomerParticipant", json!({ "TaskSid": format!("WT{}", "0".repeat(32)) }), (404, 20404)),
        ("WorkerParticipant", json!({ "ReservationSid": format!("WR{}", "0".repeat(32)) }), (404, 20404)),
        ("Nonsense", json!({}), (404, 20404)),
    ] {
        bridge.ask(&worker, "POST", &format!("{me}/{name}"), params).await.refused(code.0, code.1);
    }
    let url = format!("{}/CustomerParticipant", bridge.of_worker(&bridge.bo));
    bridge.ask(&worker, "POST", &url, hold).await.refused(403, 20403);
}

/// Reference §5.5 supervise, with each of its codes; with real calls: `server/tests/within_a_call.rs`.
#[tokio::test]
async fn a_reservation_is_supervised_by_who_can_be_called() {
    let bridge = Bridge::open().await;
    let at = format!("/taskrouter/v1/Workspaces/{}", bridge.ws);
    let form = [("Attributes", r#"{"contact_uri":"sip:bo@tandem.localhost"}"#)];
    bridge.house.post(&format!("{at}/Workers/{}", bridge.bo), &form).await.is(200);
    let form = [("WorkflowSid", bridge.workflow.as_str()), ("RoutingTarget", bridge.ana.as_str())];
    let task = bridge.house.post(&format!("{at}/Tasks"), &form).await.is(201).sid();
    let all = bridge.house.all(&format!("{at}/Tasks/{task}/Reservations"), "reservations").await;
    let of = format!("Tasks/{task}/Reservations/{}", all[0]["sid"].as_str().unwrap());
    let boss = bridge.token(&bridge.bo, "supervisor");
    let url = format!("Workspaces/{}/{of}", bridge.ws);
    let supervise =
        |who: &str| json!({ "Instruction": "supervise", "Supervisor": who, "SupervisorMode": "monitor" });
    bridge.ask(&boss, "POST", &url, supervise(&bridge.bo)).await.refused(400, 40146);
    bridge.house.post(&format!("{at}/{of}"), &[("ReservationStatus", "accepted")]).await.is(200);
    bridge.ask(&boss, "POST", &url, supervise(&bridge.bo)).await.refused(400, 40148);
    let from = [("Attributes", r#"{"from":"+15550100009"}"#)];
    bridge.house.post(&format!("{at}/Tasks/{task}"), &from).await.is(200);
    bridge.ask(&boss, "POST", &url, supervise(&bridge.bo)).await.is(200);
    // In another's name, without a phone, or as a worker.
    bridge.ask(&boss, "POST", &url, supervise(&bridge.ana)).await.refused(403, 20403);
    let form = [("Instruction", "supervise"), ("Supervisor", bridge.ana.as_str())];
    bridge.house.post(&format!("{at}/{of}"), &form).await.refused(400, 40147);
    let worker = bridge.token(&bridge.bo, "worker");
    bridge.ask(&worker, "POST", &url, supervise(&bridge.bo)).await.refused(403, 20403);
    bridge.house.post(&format!("{at}/{of}"), &[("Instruction", "supervise")]).await.refused(400, 20001);
    let form = [("Instruction", "supervise"), ("Supervisor", "sip:kim@x"), ("SupervisorMode", "shout")];
    bridge.house.post(&format!("{at}/{of}"), &form).await.refused(400, 20001);
}

#[tokio::test]
async fn a_version_is_checked_for_ones_own_worker_only() {
    let bridge = Bridge::open().await;
    let token = bridge.token(&bridge.ana, "supervisor");
    let ask = async |worker: &str, version: &str| {
        let body = json!({ "url": bridge.of_worker(worker), "method": "POST", "token": token,
                           "params": { "Attributes": { "n": version } } });
        bridge.raw("/event-bridge/v1/wschannels", &body.to_string(), &[("If-Match", version)]).await
    };
    ask(&bridge.ana, "99").await.refused(412, 20412);
    ask(&bridge.bo, "99").await.is(200);
    let version = bridge.ask(&token, "GET", &bridge.of_worker(&bridge.ana), json!({})).await.json();
    ask(&bridge.ana, &version["payload"]["version"].to_string()).await.is(200);
}

#[tokio::test]
async fn a_reservation_is_listed_with_its_task_and_answered() {
    let bridge = Bridge::open().await;
    let token = bridge.token(&bridge.ana, "worker");
    let me = bridge.of_worker(&bridge.ana);
    let params = json!({ "WorkflowSid": bridge.workflow, "RoutingTarget": bridge.ana,
                         "Attributes": { "outbound_to": "+15550100001" } });
    let url = format!("Workspaces/{}/Tasks", bridge.ws);
    let other = json!({ "WorkflowSid": bridge.workflow, "RoutingTarget": bridge.bo });
    bridge.ask(&token, "POST", &url, other).await.refused(403, 20403);
    let task = bridge.ask(&token, "POST", &url, params).await;
    let task = task.is(200).json()["payload"]["sid"].as_str().unwrap().to_owned();
    bridge.house.later(Duration::from_secs(3));
    let url = format!("{me}/Reservations");
    let list = bridge.ask(&token, "GET", &url, json!({ "Active": "true", "PageSize": 1000 })).await.json();
    let [offer] = list["payload"]["contents"].as_array().unwrap().as_slice() else { panic!("{list}") };
    assert_eq!((offer["task"]["sid"].as_str(), &offer["task"]["age"]), (Some(task.as_str()), &json!(3)));
    assert_eq!(offer["date_created"], NOW);
    assert_eq!(list["payload"]["after_sid"], Value::Null);
    let one = format!("{url}/{}", offer["sid"].as_str().unwrap());
    let strange = format!("{}/Reservations/{}", bridge.of_worker(&bridge.bo), offer["sid"].as_str().unwrap());
    bridge
        .ask(&token, "POST", &strange, json!({ "ReservationStatus": "accepted" }))
        .await
        .refused(403, 20403);
    let supervise =
        json!({ "Instruction": "supervise", "Supervisor": bridge.ana, "SupervisorMode": "monitor" });
    bridge.ask(&token, "POST", &one, supervise).await.refused(400, 20001);
    let answer = bridge.ask(&token, "POST", &one, json!({ "ReservationStatus": "accepted" })).await;
    assert_eq!(answer.is(200).json()["payload"]["reservation_status"], "accepted");
    let url = format!("Workspaces/{}/Tasks/{task}", bridge.ws);
    let done = json!({ "AssignmentStatus": "completed", "Reason": "said" });
    assert_eq!(bridge.ask(&token, "POST", &url, done).await.is(200).json()["payload"]["reason"], "said");
}

#[tokio::test]
async fn a_capability_token_does_what_its_policies_say() {
    let bridge = Bridge::open().await;
    let (ws, ana) = (&bridge.ws, &bridge.ana);
    let eb = format!("https://event-bridge.twilio.com/v1/wschannels/{ACCOUNT}/{ana}");
    let tr = format!("https://taskrouter.twilio.com/v1/Workspaces/{ws}");
    let allow = |url: &str, method: &str| json!({ "url": url, "method": method, "allow": true });
    let mut activity = allow(&format!("{tr}/Workers/{ana}"), "POST");
    activity["post_filter"] = json!({ "ActivitySid": { "required": true } });
    let claims = json!({
        "iss": ACCOUNT, "exp": NOW + 3600, "version": "v1", "friendly_name": ana, "account_sid": ACCOUNT,
        "channel": ana, "workspace_sid": ws, "worker_sid": ana,
        "policies": [allow(&eb, "GET"), allow(&eb, "POST"), allow(&format!("{tr}/Workers/{ana}"), "GET"),
                     allow(&format!("{tr}/Activities"), "GET"), activity],
    });
    let token = jwt(TOKEN, &claims);
    let activities =
        bridge.ask(&token, "GET", &format!("Workspaces/{ws}/Activities"), json!({})).await.is(200).json();
    let offline = &activities["payload"]["contents"][0]["sid"];
    // As the oldest client asks: whole URLs, the channel in the path, the event's name in the body.
    let path = format!("/event-bridge/v1/wschannels/{ACCOUNT}/{ana}");
    let body = json!({ "url": format!("{tr}/Workers/{ana}"), "method": "POST", "token": token,
                       "event_type": "activityUpdate", "params": { "ActivitySid": offline } });
    let got = bridge.raw(&path, &body.to_string(), &[]).await.is(200).json();
    assert_eq!((&got["event_type"], &got["payload"]["activity_sid"]), (&json!("activityUpdate"), offline));
    for (method, url, params) in [
        ("POST", format!("Workspaces/{ws}/Workers/{ana}"), json!({ "Attributes": {} })),
        (
            "POST",
            format!("Workspaces/{ws}/Workers/{ana}"),
            json!({ "ActivitySid": offline, "Attributes": {} }),
        ),
        ("GET", format!("Workspaces/{ws}/Workers/{}", bridge.bo), json!({})),
        ("GET", format!("Workspaces/{ws}/Workers/{ana}/Reservations"), json!({})),
    ] {
        bridge.ask(&token, method, &url, params).await.refused(403, 20403);
    }
    let mut late = claims.clone();
    late["exp"] = json!(NOW);
    let me = bridge.of_worker(ana);
    bridge.ask(&jwt(TOKEN, &late), "GET", &me, json!({})).await.refused(401, 20104);
    bridge.ask(&jwt("other", &claims), "GET", &me, json!({})).await.refused(401, 20107);
    let mut mute = claims.clone();
    mute["policies"] = json!([allow(&format!("{tr}/Workers/{ana}"), "GET")]);
    bridge.ask(&jwt(TOKEN, &mute), "GET", &me, json!({})).await.refused(403, 20403);
}

#[tokio::test]
async fn a_key_tells_its_secret_once_and_opens_the_api() {
    let house = House::open().await;
    let keys = format!("/2010-04-01/Accounts/{ACCOUNT}/Keys");
    let made = house.post(&format!("{keys}.json"), &[("FriendlyName", "CI")]).await;
    let (sid, secret) = (made.is(201).sid(), made.at("secret"));
    assert!(sid.starts_with("SK") && secret.len() == 32);
    let shown = house.get(&format!("{keys}/{sid}.json")).await.is(200).json();
    assert_eq!((&shown["friendly_name"], shown.get("secret")), (&json!("CI"), None));
    let listed = house.all(&format!("{keys}.json"), "keys").await;
    assert_eq!(listed, [shown]);
    let credentials = base64::engine::general_purpose::STANDARD.encode(format!("{sid}:{secret}"));
    let with_key = async || {
        let request = Request::builder()
            .uri("/taskrouter/v1/Workspaces")
            .header("Authorization", format!("Basic {credentials}"));
        house.raw(request.body(Body::empty()).unwrap()).await
    };
    with_key().await.is(200);
    let at = format!("{keys}/{sid}.json");
    assert_eq!(house.post(&at, &[("FriendlyName", "Nightly")]).await.is(200).at("friendly_name"), "Nightly");
    assert_eq!(house.get(&at).await.is(200).at("friendly_name"), "Nightly");
    with_key().await.is(200);
    let foreign = format!("/2010-04-01/Accounts/{STRANGER}/Keys/{sid}.json");
    house.ask(STRANGER, "POST", &foreign, "FriendlyName=x", &[]).await.refused(404, 20404);
    house.ask(STRANGER, "GET", &foreign, "", &[]).await.refused(404, 20404);
    house.ask(STRANGER, "DELETE", &foreign, "", &[]).await.refused(404, 20404);
    house.delete(&format!("{keys}/{sid}.json")).await.is(204);
    house.get(&format!("{keys}/{sid}.json")).await.refused(404, 20404);
    with_key().await.refused(401, 20003);
}
