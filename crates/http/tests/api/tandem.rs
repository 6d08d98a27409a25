//! Our own API: policies, bins, phones, records.

use crate::house::{ACCOUNT, BASE, House, STRANGER, TOKEN, form};
use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use store::model::DeliveryOutcome;

async fn workspace(house: &House) -> (String, String) {
    let ws = house.post("/taskrouter/v1/Workspaces", &[("FriendlyName", "W")]).await.is(201).sid();
    let wk = house
        .post(&format!("/taskrouter/v1/Workspaces/{ws}/Workers"), &[("FriendlyName", "ana")])
        .await
        .sid();
    (ws, wk)
}

#[tokio::test]
async fn a_policy_is_off_until_set_and_can_be_removed() {
    let house = House::open().await;
    let (ws, wk) = workspace(&house).await;
    let path = format!("/tandem/v1/Workspaces/{ws}/VoicePolicy");
    house.get(&path).await.refused(404, 20404);
    let set = house.ask(ACCOUNT, "PUT", &path, r#"{"parked_max":2,"wrap_up_s":5}"#, &[]).await.is(200).json();
    assert_eq!((&set["parked_max"], &set["live_max"], &set["wrap_up_s"]), (&2.into(), &1.into(), &5.into()));
    assert_eq!(house.get(&path).await.is(200).json(), set);
    for bad in [r#"{"direct":"a =="}"#, r#"{"live_max":0}"#, r#"{"nonsense":1}"#, "{"] {
        house.ask(ACCOUNT, "PUT", &path, bad, &[]).await.refused(400, 20001);
    }
    let of = format!("/tandem/v1/Workspaces/{ws}/Workers/{wk}/VoicePolicy");
    assert!(house.get(&of).await.is(200).json()["live_max"].is_null());
    let set = house.ask(ACCOUNT, "PUT", &of, r#"{"parked_max":1}"#, &[]).await.is(200).json();
    assert_eq!(set["parked_max"], 1);
    house.ask(ACCOUNT, "PUT", &of, r#"{"live_max":0}"#, &[]).await.refused(400, 20001);
    house.delete(&of).await.is(204);
    assert!(house.get(&of).await.json()["parked_max"].is_null());
    house.delete(&path).await.is(204);
    house.get(&path).await.refused(404, 20404);
}

#[tokio::test]
async fn an_agents_calls_are_listed_and_acts_on_none_are_refused() {
    let house = House::open().await;
    let (ws, wk) = workspace(&house).await;
    let calls = format!("/tandem/v1/Workspaces/{ws}/Workers/{wk}/Calls");
    assert_eq!(house.get(&calls).await.is(200).json()["calls"], json!([]));
    house.post(&format!("{calls}/Swap"), &[]).await.refused(400, 20001);
    house.post(&format!("{calls}/Swap"), &[("ReservationSid", "x")]).await.refused(400, 20001);
    for act in ["Park", "PickUp", "Answer"] {
        house.post(&format!("{calls}/WR{}/{act}", "0".repeat(32)), &[]).await.refused(404, 20404);
    }
}

#[tokio::test]
async fn a_bin_serves_its_document_to_signed_requests_and_to_its_owner() {
    let house = House::open().await;
    let twiml = "<Response><Say>Hello {{From}}</Say></Response>";
    let body = json!({"friendly_name": "Hello", "twiml": twiml}).to_string();
    let made = house.ask(ACCOUNT, "POST", "/tandem/v1/TwimlBins", &body, &[]).await;
    let eh = made.is(201).sid();
    let url = made.at("document_url");
    assert_eq!(url, format!("{BASE}/tandem/v1/TwimlBins/{eh}/Document"));
    let path = url.strip_prefix(BASE).unwrap();
    let shown = house.post(path, &[("From", "a<b")]).await;
    assert_eq!(shown.is(200).text, "<Response><Say>Hello a&lt;b</Say></Response>");
    assert_eq!(shown.headers["content-type"], "text/xml; charset=utf-8");

    let pairs = [("From".to_owned(), "+15550100001".to_owned())];
    let signature = webhook::signature(TOKEN, &url, &pairs);
    let ask = |signature: String| {
        let request = Request::builder()
            .method("POST")
            .uri(path)
            .header("Host", "127.0.0.1:8080")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .header("X-Twilio-Signature", signature);
        request.body(Body::from(form(&[("From", "+15550100001")]))).unwrap()
    };
    assert_eq!(
        house.raw(ask(signature)).await.is(200).text,
        "<Response><Say>Hello +15550100001</Say></Response>"
    );
    house.raw(ask("bm90IGl0".to_owned())).await.refused(403, 20403);

    for bad in ["<Response>", "<Nope/>", ""] {
        let body = json!({"friendly_name": "x", "twiml": bad}).to_string();
        house.ask(ACCOUNT, "POST", "/tandem/v1/TwimlBins", &body, &[]).await.refused(400, 20001);
    }
    let one = format!("/tandem/v1/TwimlBins/{eh}");
    let changed = house.post(&one, &[("Twiml", "<Response/>")]).await.is(200).json();
    assert_eq!((&changed["twiml"], &changed["friendly_name"]), (&"<Response/>".into(), &"Hello".into()));
    assert_eq!(house.all("/tandem/v1/TwimlBins", "twiml_bins").await.len(), 1);
    house.delete(&one).await.is(204);
    house.get(&one).await.refused(404, 20404);
    house.get(path).await.refused(404, 20404);
}

#[tokio::test]
async fn a_phones_password_is_kept_as_digests_only() {
    let house = House::open().await;
    let (ws, wk) = workspace(&house).await;
    let path = "/tandem/v1/SipAccounts";
    let body = json!({"user": "ana", "password": "correct horse", "workspace_sid": ws, "worker_sid": wk,
        "extension": "1001", "caller_id": "+15550100001"});
    let made = house.ask(ACCOUNT, "POST", path, &body.to_string(), &[]).await;
    let cr = made.is(201).sid();
    assert!(!made.text.contains("horse"));
    assert_eq!((made.at("extension"), made.at("caller_id")), ("1001".into(), "+15550100001".into()));
    let kept = house.store.sip_account_of("ana".into()).await.unwrap().unwrap();
    assert_eq!(kept.ha1_md5.expose().len(), 32);
    assert_eq!(kept.ha1_sha256.expose().len(), 64);
    house.ask(ACCOUNT, "POST", path, &body.to_string(), &[]).await.refused(409, 20409);
    for (name, value) in [
        ("user", "Ana B"),
        ("password", "short"),
        ("workspace_sid", "WS00000000000000000000000000000000"),
        ("worker_sid", "WK00000000000000000000000000000000"),
        ("outbound_workflow_sid", "WW00000000000000000000000000000000"),
        ("extension", "10a"),
        ("caller_id", "555"),
    ] {
        let mut body = body.clone();
        body["user"] = "bo".into();
        body[name] = value.into();
        let message = house.ask(ACCOUNT, "POST", path, &body.to_string(), &[]).await.refused(400, 20001);
        assert!(message.contains(name), "{message}");
    }
    let one = format!("{path}/{cr}");
    let changed = house.post(&one, &[("Password", "battery staple"), ("Extension", "")]).await.is(200).json();
    assert!(changed["extension"].is_null());
    let after = house.store.sip_account_of("ana".into()).await.unwrap().unwrap();
    assert_ne!(after.ha1_md5, kept.ha1_md5);
    house.post(&one, &[("User", "other")]).await.refused(400, 20001);
    assert_eq!(house.all(path, "sip_accounts").await.len(), 1);
    house.delete(&one).await.is(204);
    house.get(&one).await.refused(404, 20404);
}

#[tokio::test]
async fn a_call_has_a_timeline_and_a_task_an_explanation() {
    let house = House::open().await;
    let numbers = format!("/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json");
    house.post(&numbers, &[("PhoneNumber", "+15550100001")]).await.is(201);
    let new = [("To", "+15550199999"), ("From", "+15550100001"), ("Twiml", "<Response/>")];
    let ca = house.post(&format!("/2010-04-01/Accounts/{ACCOUNT}/Calls.json"), &new).await.is(201).sid();
    let story = house.get(&format!("/tandem/v1/Calls/{ca}/Timeline")).await.is(200).json();
    assert_eq!(story["call_sid"], ca.as_str());
    let entries = story["timeline"].as_array().unwrap();
    assert!(entries.iter().all(|entry| entry["at"].is_string() && entry["kind"].is_string()));
    // Nobody has heard anything yet.
    let quality = house.get(&format!("/tandem/v1/Calls/{ca}/Quality")).await.is(200).json();
    assert_eq!((&quality["call_sid"], &quality["quality"]), (&ca.as_str().into(), &serde_json::Value::Null));
    let unknown = "CA00000000000000000000000000000000";
    house.get(&format!("/tandem/v1/Calls/{unknown}/Quality")).await.refused(404, 20404);

    let ws =
        house.post("/taskrouter/v1/Workspaces", &[("FriendlyName", "W"), ("Template", "FIFO")]).await.sid();
    let at = format!("/taskrouter/v1/Workspaces/{ws}");
    house.post(&format!("{at}/Workers"), &[("FriendlyName", "ana")]).await.is(201);
    let wt = house.post(&format!("{at}/Tasks"), &[]).await.is(201).sid();
    let why = house.get(&format!("/tandem/v1/Workspaces/{ws}/Tasks/{wt}/Explanation")).await;
    assert!(why.is(200).json().is_object(), "{}", why.text);
}

#[tokio::test]
async fn outgoing_webhooks_can_be_seen() {
    let house = House::open().await;
    let new = [("FriendlyName", "W"), ("EventCallbackUrl", "http://127.0.0.1:9/events")];
    let ws = house.post("/taskrouter/v1/Workspaces", &new).await.is(201).sid();
    house.post(&format!("/taskrouter/v1/Workspaces/{ws}/Workers"), &[("FriendlyName", "ana")]).await.is(201);
    let all = house.all("/tandem/v1/WebhookDeliveries?State=waiting", "webhook_deliveries").await;
    let created = all.iter().find(|d| d["parameters"]["EventType"] == "worker.created").expect("an event");
    assert_eq!(
        (&created["webhook_url"], &created["attempts"]),
        (&"http://127.0.0.1:9/events".into(), &0.into())
    );
    let one = format!("/tandem/v1/WebhookDeliveries/{}", created["sid"].as_str().unwrap());
    assert_eq!(house.get(&one).await.is(200).at("state"), "waiting");
    house.post(&format!("{one}/Replay"), &[]).await.refused(409, 20409);
    assert_eq!(house.all("/tandem/v1/WebhookDeliveries?State=failed", "webhook_deliveries").await.len(), 0);
    house.get("/tandem/v1/WebhookDeliveries?State=odd").await.refused(400, 20001);
}

#[tokio::test]
async fn a_failed_webhook_is_shown_with_its_reason_and_replayed() {
    let house = House::open().await;
    let new = [("FriendlyName", "W"), ("EventCallbackUrl", "http://127.0.0.1:9/events")];
    house.post("/taskrouter/v1/Workspaces", &new).await.is(201);
    let now = house.api.clock.now().wall;
    let lease = std::time::Duration::from_secs(60);
    let claimed = house.store.deliveries_claim(now, lease, 1).await.unwrap().remove(0).order.sid;
    let failed = DeliveryOutcome::Failed { status: Some(500), error: "500 Internal Server Error".into() };
    assert_eq!(house.store.delivery_done(claimed, failed, now).await, Ok(true));
    let one = format!("/tandem/v1/WebhookDeliveries/{claimed}");
    let shown = house.get(&one).await.is(200).json();
    assert_eq!(
        (&shown["state"], &shown["attempts"], &shown["last_status"], &shown["last_error"]),
        (&"failed".into(), &1.into(), &500.into(), &"500 Internal Server Error".into())
    );
    assert!(shown["next_attempt"].is_null());
    house.ask(STRANGER, "GET", &one, "", &[]).await.refused(404, 20404);
    house.ask(STRANGER, "POST", &format!("{one}/Replay"), "", &[]).await.refused(404, 20404);
    let replayed = house.post(&format!("{one}/Replay"), &[]).await.is(200).json();
    assert_eq!((&replayed["sid"], &replayed["state"]), (&shown["sid"], &"waiting".into()));
    assert_eq!(replayed["parameters"], shown["parameters"]);
    house.post(&format!("{one}/Replay"), &[]).await.refused(409, 20409);
    house
        .post(&format!("/tandem/v1/WebhookDeliveries/WD{}/Replay", "0".repeat(32)), &[])
        .await
        .refused(404, 20404);
}

#[tokio::test]
async fn what_workspaces_decide_is_counted() {
    let house = House::open().await;
    let stop = tokio_util::sync::CancellationToken::new();
    let ws =
        house.post("/taskrouter/v1/Workspaces", &[("FriendlyName", "W"), ("Template", "FIFO")]).await.sid();
    let at = format!("/taskrouter/v1/Workspaces/{ws}");
    let counting = tokio::spawn(http_api::count_decisions(
        house.api.metrics.clone(),
        house.api.workspaces.clone(),
        stop.clone(),
    ));
    let available = house.all(&format!("{at}/Activities?FriendlyName=Available"), "activities").await;
    let available = available[0]["sid"].as_str().unwrap();
    house
        .post(&format!("{at}/Workers"), &[("FriendlyName", "ana"), ("ActivitySid", available)])
        .await
        .is(201);
    let counted = async {
        loop {
            // A task offered, rejected by its deletion, until the counter has begun.
            let wt = house.post(&format!("{at}/Tasks"), &[]).await.is(201).sid();
            house.delete(&format!("{at}/Tasks/{wt}")).await.is(204);
            let text = house.get("/metrics").await.text;
            if text.contains("tandem_offers_total{kind=\"created\"}")
                && !text.contains("tandem_decisions_total 0")
            {
                return;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), counted).await.expect("offers are counted");
    stop.cancel();
    counting.await.unwrap();
}

#[tokio::test]
async fn a_task_is_transferred_listed_and_canceled_once() {
    let house = House::open().await;
    let (ws, _) = workspace(&house).await;
    let base = format!("/taskrouter/v1/Workspaces/{ws}");
    let activities = house.get(&format!("{base}/Activities")).await.json();
    let available = activities["activities"].as_array().unwrap().iter().find(|a| a["available"] == true);
    let available = available.unwrap()["sid"].as_str().unwrap().to_owned();
    let hire = async |name: &str| {
        let form = [("FriendlyName", name), ("ActivitySid", &*available)];
        house.post(&format!("{base}/Workers"), &form).await.is(201).sid()
    };
    let zoe = hire("zoe").await;
    let form = [("FriendlyName", "All"), ("TargetWorkers", "1==1")];
    let wq = house.post(&format!("{base}/TaskQueues"), &form).await.sid();
    let configuration = json!({"task_routing": {"default_filter": {"queue": wq}}}).to_string();
    let form = [("FriendlyName", "Flow"), ("Configuration", &*configuration)];
    house.post(&format!("{base}/Workflows"), &form).await.is(201);
    let wt = house.post(&format!("{base}/Tasks"), &[]).await.is(201).sid();
    let list = house.get(&format!("{base}/Tasks/{wt}/Reservations")).await.json();
    let wr = list["reservations"][0]["sid"].as_str().unwrap().to_owned();
    let accept = [("ReservationStatus", "accepted")];
    house.post(&format!("{base}/Workers/{zoe}/Reservations/{wr}"), &accept).await.is(200);
    let transfers = format!("/tandem/v1/Workspaces/{ws}/Tasks/{wt}/Transfers");
    let yan = hire("yan").await;
    for bad in [("To", "nobody"), ("To", &*zoe), ("Mode", "TEPID")] {
        house.post(&transfers, &[("ReservationSid", &*wr), bad]).await.refused(400, 20001);
    }
    assert_eq!(house.get(&transfers).await.is(200).json()["transfers"], json!([]));
    let form = [("ReservationSid", &*wr), ("To", &*yan), ("Priority", "7")];
    let made = house.post(&transfers, &form).await.is(201).json();
    assert_eq!((&made["transfer_status"], &made["transfer_type"]), (&"initiated".into(), &"WORKER".into()));
    assert_eq!((&made["initiating_reservation_sid"], &made["transfer_to"]), (&json!(wr), &json!(yan)));
    assert_eq!(house.get(&format!("{base}/Tasks/{wt}")).await.json()["priority"], 7);
    let one = format!("{transfers}/{}", made["sid"].as_str().unwrap());
    house.post(&one, &[("Status", "complete")]).await.refused(400, 20001);
    let canceled = house.post(&one, &[("Status", "canceled")]).await.is(200).json();
    assert_eq!(canceled["transfer_status"], "canceled");
    house.post(&one, &[("Status", "canceled")]).await.refused(400, 20001);
    assert_eq!(house.get(&transfers).await.json()["transfers"], json!([canceled]));
    house.get(&format!("{transfers}/TT{}", "0".repeat(32))).await.refused(404, 20404);
}

#[tokio::test]
async fn service_levels_are_kept_and_checked() {
    let house = House::open().await;
    let (ws, _) = workspace(&house).await;
    let path = format!("/tandem/v1/Workspaces/{ws}/ServiceLevel");
    let usual = house.ask(ACCOUNT, "GET", &path, "", &[]).await.is(200).json();
    assert_eq!((&usual["seconds"], &usual["percent"]), (&20.into(), &80.into()));
    house.ask(ACCOUNT, "PUT", &path, r#"{"seconds":30,"percent":90}"#, &[]).await.is(200);
    assert_eq!(house.ask(ACCOUNT, "GET", &path, "", &[]).await.json()["percent"], 90);
    let nobody = format!(
        r#"{{"seconds":1,"percent":1,"queues":{{"WQ{}":{{"seconds":1,"percent":1}}}}}}"#,
        "0".repeat(32)
    );
    house.ask(ACCOUNT, "PUT", &path, &nobody, &[]).await.refused(404, 20404);
    house.ask(ACCOUNT, "PUT", &path, r#"{"seconds":30}"#, &[]).await.refused(400, 20001);
    house.ask(STRANGER, "GET", &path, "", &[]).await.refused(404, 20404);
    house.ask(ACCOUNT, "DELETE", &path, "", &[]).await.is(204);
    assert_eq!(house.ask(ACCOUNT, "GET", &path, "", &[]).await.json()["percent"], 80);
}

#[tokio::test]
async fn a_workflow_has_its_published_documents_newest_first() {
    let house = House::open().await;
    let (ws, _) = workspace(&house).await;
    let base = format!("/taskrouter/v1/Workspaces/{ws}");
    let queue = house.post(&format!("{base}/TaskQueues"), &[("FriendlyName", "Sales")]).await.sid();
    let document = |name: &str| {
        format!(r#"{{"task_routing":{{"default_filter":{{"queue":"{queue}","note":"{name}"}}}}}}"#)
    };
    let made = [("FriendlyName", "Calls"), ("Configuration", &*document("one"))];
    let workflow = house.post(&format!("{base}/Workflows"), &made).await.sid();
    let path = format!("{base}/Workflows/{workflow}");
    house.later(std::time::Duration::from_secs(60));
    house.post(&path, &[("Configuration", &*document("two")), ("Reason", "why not")]).await.is(200);
    // Another name is no other document.
    house.post(&path, &[("FriendlyName", "Other")]).await.is(200);
    let own = format!("/tandem/v1/Workspaces/{ws}/Workflows/{workflow}/Revisions");
    let told = house.ask(ACCOUNT, "GET", &own, "", &[]).await.is(200).json();
    let documents: Vec<&str> = told["revisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["configuration"].as_str().unwrap())
        .collect();
    assert_eq!(documents, [document("two"), document("one")]);
    assert_eq!(told["revisions"][0]["login"], serde_json::Value::Null, "over the API nobody signed in");
    let other = own.replace(&workflow, &format!("WW{}", "0".repeat(32)));
    house.ask(ACCOUNT, "GET", &other, "", &[]).await.refused(404, 20404);
}
