//! What every request passes: addresses, credentials, errors in the API's own form, limits, CORS, health.

use crate::house::{ACCOUNT, BASE, House, STRANGER, TOKEN, form};
use axum::body::Body;
use axum::http::Request;
use base64::Engine;
use http_api::{ReadyState, all_routes};
use serde_json::json;
use std::time::Duration;

/// A path with every parameter filled with a SID (or name) that is right in form and that nobody has.
fn filled(path: &str, account: &str) -> String {
    path.split('/')
        .map(|segment| match segment {
            "{ac}" => account.to_owned(),
            // `{ws}` is a SID that begins with WS.
            _ if segment.len() == 4 && segment.starts_with('{') => {
                let prefix = segment.trim_matches(['{', '}']).to_uppercase();
                format!("{prefix}{}", "0".repeat(32))
            }
            "{sid}" => format!("WA{}", "0".repeat(32)),
            "{key}" => "nothing".to_owned(),
            other => other.to_owned(),
        })
        .collect::<Vec<_>>()
        .join("/")
}

#[tokio::test]
async fn every_route_wants_credentials() {
    let house = House::open().await;
    for (path, methods) in all_routes() {
        for method in methods {
            let uri = filled(&path, ACCOUNT);
            let request = Request::builder().method(method.to_uppercase().as_str()).uri(&uri);
            let got = house.raw(request.body(Body::empty()).unwrap()).await;
            let open = match (*method, &*uri) {
                // Says who is signed in: nobody.
                ("get", "/tandem/v1/Session") => Some((200, json!(null))),
                ("get", "/tandem/v1/Session/Methods") => {
                    Some((200, json!({ "password": true, "single_sign_on": null })))
                }
                // There is no provider to be sent to.
                ("get", "/tandem/v1/Session/SingleSignOn" | "/tandem/v1/Session/SingleSignOn/Callback") => {
                    got.refused(404, 20404);
                    continue;
                }
                _ => None,
            };
            if let Some(open) = open {
                assert_eq!((got.status, got.json()), open);
                continue;
            }
            let message = got.refused(401, 20003);
            assert_eq!(message, "Authenticate", "{method} {uri}");
            assert_eq!(got.headers["www-authenticate"], "Basic realm=\"Twilio API\"");
        }
    }
}

#[tokio::test]
async fn wrong_credentials_are_refused_and_api_keys_are_good() {
    let house = House::open().await;
    let key = store::model::ApiKey {
        sid: "SK00000000000000000000000000000001".parse().unwrap(),
        account: ACCOUNT.parse().unwrap(),
        friendly_name: "CI".into(),
        secret: base::Secret::new("a-secret".into()),
        created: base::Timestamp(0),
        updated: base::Timestamp(0),
    };
    house.store.api_key_add(key).await.unwrap();
    for (credentials, status) in [
        (format!("{ACCOUNT}:{TOKEN}"), 200),
        ("SK00000000000000000000000000000001:a-secret".to_owned(), 200),
        ("SK00000000000000000000000000000001:a-token".to_owned(), 401),
        (format!("{ACCOUNT}:other"), 401),
        (format!("{ACCOUNT}:"), 401),
        ("AC00000000000000000000000000000009:a-token".to_owned(), 401),
        ("ana:a-token".to_owned(), 401),
    ] {
        let encoded = base64::engine::general_purpose::STANDARD.encode(&credentials);
        let request = Request::builder()
            .uri("/taskrouter/v1/Workspaces")
            .header("Authorization", format!("Basic {encoded}"))
            .body(Body::empty());
        assert_eq!(house.raw(request.unwrap()).await.status, status, "{credentials}");
    }
    // What another process changes in the store counts after a second at most.
    house.get("/taskrouter/v1/Workspaces").await.is(200);
    let change =
        |account: &mut store::model::Account| account.auth_token = base::Secret::new("another".into());
    house.store.account_update(ACCOUNT.parse().unwrap(), change).await.unwrap();
    house.later(Duration::from_secs(1));
    house.get("/taskrouter/v1/Workspaces").await.refused(401, 20003);
    for header in ["Bearer x", "Basic", "Basic !!!", "Basic QUM="] {
        let request = Request::builder()
            .uri("/taskrouter/v1/Workspaces")
            .header("Authorization", header)
            .body(Body::empty());
        house.raw(request.unwrap()).await.refused(401, 20003);
    }
}

#[tokio::test]
async fn what_nobody_has_is_not_found_and_named_by_its_path() {
    let house = House::open().await;
    for (path, methods) in all_routes() {
        if !path.contains('{') || !methods.contains(&"get") {
            continue;
        }
        let uri = filled(&path, ACCOUNT);
        // The account itself and its lists are there.
        if path.matches('{').count() == 1 && uri.contains(ACCOUNT) {
            continue;
        }
        let message = house.get(&uri).await.refused(404, 20404);
        assert!(
            message.starts_with("The requested resource /") && message.ends_with(" was not found"),
            "{message}"
        );
        let malformed = uri.replace("00000000000000000000000000000000", "x");
        if malformed != uri {
            house.get(&malformed).await.refused(404, 20404);
        }
    }
    let message = house.get(&format!("/2010-04-01/Accounts/{ACCOUNT}/Calls/CA{}.json", "0".repeat(32))).await;
    assert_eq!(
        message.refused(404, 20404),
        format!(
            "The requested resource /2010-04-01/Accounts/{ACCOUNT}/Calls/CA{}.json was not found",
            "0".repeat(32)
        )
    );
    let message = house.get("/taskrouter/v1/Nonsense").await.refused(404, 20404);
    assert_eq!(message, "The requested resource /Nonsense was not found");
    house.get("/nowhere").await.refused(404, 20404);
}

#[tokio::test]
async fn another_accounts_things_are_not_found() {
    let house = House::open().await;
    let ws = house.post("/taskrouter/v1/Workspaces", &[("FriendlyName", "W")]).await.is(201).sid();
    for path in [format!("/taskrouter/v1/Workspaces/{ws}"), format!("/taskrouter/v1/Workspaces/{ws}/Workers")]
    {
        house.get(&path).await.is(200);
        house.ask(STRANGER, "GET", &path, "", &[]).await.refused(404, 20404);
    }
    let path = format!("/taskrouter/v1/Workspaces/{ws}");
    house.ask(STRANGER, "DELETE", &path, "", &[]).await.refused(404, 20404);
    house.get(&format!("/2010-04-01/Accounts/{STRANGER}/Calls.json")).await.refused(404, 20404);
    assert_eq!(
        house.ask(STRANGER, "GET", "/taskrouter/v1/Workspaces", "", &[]).await.json()["workspaces"],
        serde_json::json!([])
    );
}

#[tokio::test]
async fn a_method_that_a_path_does_not_take_is_20004() {
    let house = House::open().await;
    for (path, _) in all_routes() {
        house.ask(ACCOUNT, "PATCH", &filled(&path, ACCOUNT), "", &[]).await.refused(405, 20004);
    }
}

#[tokio::test]
async fn every_product_answers_at_its_prefix_and_its_label() {
    let house = House::open().await;
    let ws = house.post("/taskrouter/v1/Workspaces", &[("FriendlyName", "W")]).await.is(201).sid();
    for (host, path, url) in [
        ("127.0.0.1:8080", "/taskrouter/v1", format!("{BASE}/taskrouter/v1/Workspaces/{ws}")),
        ("localhost:8080", "/taskrouter/v1", format!("http://localhost:8080/taskrouter/v1/Workspaces/{ws}")),
        ("taskrouter.localhost:8080", "/v1", format!("http://taskrouter.localhost:8080/v1/Workspaces/{ws}")),
        ("taskrouter.us1.localhost", "/v1", format!("http://taskrouter.us1.localhost/v1/Workspaces/{ws}")),
        ("elsewhere.example", "/taskrouter/v1", format!("{BASE}/taskrouter/v1/Workspaces/{ws}")),
    ] {
        let got = house.ask(ACCOUNT, "GET", &format!("{path}/Workspaces/{ws}"), "", &[("Host", host)]).await;
        assert_eq!(got.is(200).at("url"), url, "{host}");
    }
    for (host, path) in [
        ("api.localhost", format!("/2010-04-01/Accounts/{ACCOUNT}.json")),
        ("127.0.0.1:8080", format!("/api/2010-04-01/Accounts/{ACCOUNT}.json")),
        ("127.0.0.1:8080", format!("/2010-04-01/Accounts/{ACCOUNT}.json")),
        ("sync.localhost", "/v1/Services/default".to_owned()),
        ("127.0.0.1:8080", "/sync/v1/Services/default".to_owned()),
    ] {
        house.ask(ACCOUNT, "GET", &path, "", &[("Host", host)]).await.is(200);
    }
}

#[tokio::test]
async fn the_second_page_comes_back_by_the_same_address() {
    let house = House::open().await;
    for name in ["a", "b", "c"] {
        house.post("/taskrouter/v1/Workspaces", &[("FriendlyName", name)]).await.is(201);
    }
    let host = [("Host", "taskrouter.localhost:9")];
    let first = house.ask(ACCOUNT, "GET", "/v1/Workspaces?PageSize=2", "", &host).await.json();
    let next = first["meta"]["next_page_url"].as_str().unwrap();
    let path = next.strip_prefix("http://taskrouter.localhost:9").expect(next);
    let second = house.ask(ACCOUNT, "GET", path, "", &host).await.json();
    assert_eq!(second["workspaces"].as_array().unwrap().len(), 1);
    assert!(second["meta"]["next_page_url"].is_null());
    assert!(second["meta"]["previous_page_url"].as_str().unwrap().contains("PageToken=PBWS"));
}

#[tokio::test]
async fn a_body_over_the_limit_is_413() {
    let house = House::open().await;
    let body = format!("FriendlyName={}", "x".repeat(http_api::BODY_BYTES_MAX));
    house.ask(ACCOUNT, "POST", "/taskrouter/v1/Workspaces", &body, &[]).await.refused(413, 20413);
    let announced = [("Content-Length", "99999999")];
    house
        .ask(ACCOUNT, "POST", "/taskrouter/v1/Workspaces", "FriendlyName=x", &announced)
        .await
        .refused(413, 20413);
}

#[tokio::test]
async fn bad_pages_are_refused_by_every_list() {
    let house = House::open().await;
    let ws = house.post("/taskrouter/v1/Workspaces", &[("FriendlyName", "W")]).await.sid();
    let wk = house
        .post(&format!("/taskrouter/v1/Workspaces/{ws}/Workers"), &[("FriendlyName", "ana")])
        .await
        .sid();
    let lists = [
        "/taskrouter/v1/Workspaces".to_owned(),
        format!("/taskrouter/v1/Workspaces/{ws}/Activities"),
        format!("/taskrouter/v1/Workspaces/{ws}/TaskChannels"),
        format!("/taskrouter/v1/Workspaces/{ws}/Workers"),
        format!("/taskrouter/v1/Workspaces/{ws}/Workers/{wk}/Channels"),
        format!("/taskrouter/v1/Workspaces/{ws}/Workers/{wk}/Reservations"),
        format!("/taskrouter/v1/Workspaces/{ws}/TaskQueues"),
        format!("/taskrouter/v1/Workspaces/{ws}/Workflows"),
        format!("/taskrouter/v1/Workspaces/{ws}/Tasks"),
        format!("/2010-04-01/Accounts/{ACCOUNT}/Calls.json"),
        format!("/2010-04-01/Accounts/{ACCOUNT}/Queues.json"),
        format!("/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json"),
        "/sync/v1/Services".to_owned(),
        "/sync/v1/Services/default/Maps".to_owned(),
        "/tandem/v1/TwimlBins".to_owned(),
        "/tandem/v1/SipAccounts".to_owned(),
        "/tandem/v1/WebhookDeliveries".to_owned(),
    ];
    for list in lists {
        house.get(&list).await.is(200);
        house.get(&format!("{list}?PageSize=0")).await.refused(400, 20007);
        house.get(&format!("{list}?PageSize=1001")).await.refused(400, 20007);
        house.get(&format!("{list}?Page=1")).await.refused(400, 40153);
        house.get(&format!("{list}?Page=0&PageSize=1")).await.is(200);
        house.get(&format!("{list}?Page=1&PageToken=nonsense")).await.refused(400, 20001);
    }
}

#[tokio::test]
async fn browsers_of_any_origin_may_ask() {
    let house = House::open().await;
    let request = Request::builder().method("OPTIONS").uri("/taskrouter/v1/Workspaces").body(Body::empty());
    let got = house.raw(request.unwrap()).await;
    assert_eq!(got.status, 204);
    assert_eq!(got.headers["access-control-allow-origin"], "*");
    assert!(got.headers["access-control-allow-headers"].to_str().unwrap().contains("Authorization"));
    assert_eq!(house.get("/nowhere").await.headers["access-control-allow-origin"], "*");
}

#[tokio::test]
async fn readiness_follows_the_life_of_the_process() {
    let house = House::open().await;
    house.get("/healthz").await.is(200);
    for (state, status, text) in [
        (ReadyState::Starting, 503, "starting\n"),
        (ReadyState::Serving, 200, "ready\n"),
        (ReadyState::Draining, 503, "draining\n"),
    ] {
        house.api.readiness.set(state);
        let got = house.get("/readyz").await;
        assert_eq!((got.status, got.text.as_str()), (status, text));
    }
}

#[tokio::test]
async fn requests_are_counted_by_route_and_status() {
    let house = House::open().await;
    let path = "/taskrouter/v1/Workspaces";
    let ws = house.post(path, &[("FriendlyName", "W")]).await.sid();
    house.get(&format!("{path}/{ws}")).await.is(200);
    house.get("/nowhere").await.refused(404, 20404);
    let text = house.get("/metrics").await.text;
    assert!(
        text.contains("tandem_http_requests_total{route=\"/taskrouter/v1/Workspaces\",status=\"201\"} 1"),
        "{text}"
    );
    assert!(text.contains("route=\"/taskrouter/v1/Workspaces/{ws}\",status=\"200\"} 1"), "{text}");
    assert!(text.contains("route=\"none\",status=\"404\"} 1"), "{text}");
    assert!(text.contains("tandem_live_calls 0") && text.contains("tandem_store_commits"), "{text}");
    assert!(!text.contains(&ws), "a SID is not a label");
}

#[tokio::test]
async fn the_document_names_every_route_of_our_own_api() {
    let house = House::open().await;
    let document = house.get("/tandem/v1/openapi.json").await.json();
    let mut described = 0;
    for (path, methods) in all_routes() {
        let Some(path) = path.strip_prefix("/tandem/v1") else { continue };
        for method in methods {
            let operation = &document["paths"][path][method];
            assert!(operation["summary"].is_string(), "{method} {path} is not described");
            described += 1;
        }
    }
    let paths = document["paths"].as_object().unwrap();
    let written: usize = paths
        .values()
        .map(|item| item.as_object().unwrap().keys().filter(|key| *key != "parameters").count())
        .sum();
    assert_eq!(written, described, "and describes no other");
}

#[tokio::test]
async fn unknown_parameters_are_ignored_and_a_flood_is_refused() {
    let house = House::open().await;
    let body = form(&[("FriendlyName", "W"), ("OperatingUnitSid", "OU1")]);
    house.ask(ACCOUNT, "POST", "/taskrouter/v1/Workspaces", &body, &[]).await.is(201);
    let flood = "a=1&".repeat(2000);
    house.ask(ACCOUNT, "POST", "/taskrouter/v1/Workspaces", &flood, &[]).await.refused(400, 20001);
}

#[tokio::test]
async fn a_nul_is_refused_wherever_it_comes() {
    let house = House::open().await;
    let got = house.post("/taskrouter/v1/Workspaces", &[("FriendlyName", "a\0b")]).await;
    assert_eq!(got.refused(400, 20001), "Invalid FriendlyName: it holds the character U+0000");
    house.get("/taskrouter/v1/Workspaces?FriendlyName=%00").await.refused(400, 20001);
    // As an escape within JSON it is a character like any other: nothing of it is a NUL in the database.
    let ws = house.post("/taskrouter/v1/Workspaces", &[("FriendlyName", "ws")]).await.is(201).sid();
    let worker = [("FriendlyName", "ana"), ("Attributes", r#"{"a":"\u0000"}"#)];
    house.post(&format!("/taskrouter/v1/Workspaces/{ws}/Workers"), &worker).await.is(201);
}

#[tokio::test]
async fn what_is_old_is_removed_and_counted() {
    use http_api::{Retention, retain_once};
    let house = House::open().await;
    let ws = house.post("/taskrouter/v1/Workspaces", &[("FriendlyName", "ws")]).await.is(201).sid();
    let sid: base::WorkspaceSid = ws.parse().unwrap();
    house.post(&format!("/taskrouter/v1/Workspaces/{ws}/Activities"), &[("FriendlyName", "a")]).await.is(201);
    let order = store::model::NewDelivery {
        sid: base::DeliverySid([7; 16]),
        account: ACCOUNT.parse().unwrap(),
        kind: store::model::DeliveryKind::Event,
        lane: "lane".to_owned(),
        webhook: engine::call::port::Webhook {
            url: "http://127.0.0.1:9/".to_owned(),
            method: engine::call::port::Method::Post,
        },
        fallback: None,
        parameters: Vec::new(),
        assignment: None,
        created: house.api.clock.now().wall,
    };
    let delivery = order.sid;
    house.store.deliver(vec![order]).await.unwrap();
    let done = store::model::DeliveryOutcome::Delivered { status: 200 };
    house.store.delivery_done(delivery, done, house.api.clock.now().wall).await.unwrap();
    let day = Duration::from_secs(86_400);
    let kept = Retention { events: Some(30 * day), deliveries: Some(7 * day) };
    let look = async |kept| {
        let (store, workspaces) = (&house.store, &house.api.workspaces);
        retain_once(store, workspaces, &house.api.clock, &house.api.metrics, kept).await.unwrap();
        let held = house.store.journal(sid, Default::default(), None, 100).await.unwrap().len();
        (held, house.store.delivery(ACCOUNT.parse().unwrap(), delivery).await.unwrap().is_some())
    };
    let (all, there) = look(kept).await;
    assert!(all > 1 && there);
    house.later(8 * day);
    assert_eq!(look(Retention { deliveries: None, ..kept }).await, (all, true), "kept for ever");
    assert_eq!(look(kept).await, (all, false), "the delivery has gone");
    assert!(house.store.load(sid).await.unwrap().unwrap().snapshot.is_none(), "nothing asked for one yet");
    house.later(30 * day);
    house.post(&format!("/taskrouter/v1/Workspaces/{ws}/Activities"), &[("FriendlyName", "b")]).await.is(201);
    assert_eq!(look(Retention { events: None, ..kept }).await, (all + 1, false), "kept for ever");
    assert_eq!(
        look(kept).await,
        (1, false),
        "nobody has done anything for a month, and only the new event stays"
    );
    let loaded = house.store.load(sid).await.unwrap().unwrap();
    assert!(loaded.snapshot.is_some() && loaded.tail.is_empty(), "a restart needs none of them");
    // It goes on, and a new owner finds what the removed events had said.
    house.post(&format!("/taskrouter/v1/Workspaces/{ws}/Activities"), &[("FriendlyName", "c")]).await.is(201);
    let settings = owner::WorkspacesSettings {
        store: house.store.clone(),
        clock: house.api.clock.clone(),
        entropy: base::Entropy::seeded(9),
    };
    let again = owner::Workspaces::start(settings).await.unwrap();
    let names = |state: &engine::routing::Workspace, _| {
        let mut names: Vec<_> = state.activities().map(|one| one.friendly_name.clone()).collect();
        names.sort();
        names
    };
    let known = again.read(sid, names).await.unwrap();
    assert_eq!(known, house.api.workspaces.read(sid, names).await.unwrap());
    assert!(["a", "b", "c"].iter().all(|name| known.iter().any(|one| one == name)), "{known:?}");
    let text = house.get("/metrics").await.text;
    assert!(text.contains("tandem_retention_pruned_total{kind=\"delivery\"} 1"), "{text}");
    assert!(text.contains(&format!("tandem_retention_pruned_total{{kind=\"event\"}} {all}")), "{text}");
    assert!(text.contains("tandem_store_up 1"), "{text}");
}
