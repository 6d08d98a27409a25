//! Sync v1: services, maps, items; times to live, revisions and conflicts.

use crate::house::{ACCOUNT, House};
use serde_json::json;
use std::time::Duration;

const MAPS: &str = "/sync/v1/Services/default/Maps";

#[tokio::test]
async fn services_are_made_changed_and_deleted_and_default_is_there() {
    let house = House::open().await;
    let default = house.get("/sync/v1/Services/default").await.is(200).json();
    assert_eq!(
        (&default["unique_name"], &default["reachability_debouncing_window"]),
        (&"default".into(), &5000.into())
    );
    let made = house.post("/sync/v1/Services", &[("FriendlyName", "Park"), ("AclEnabled", "true")]).await;
    let is = made.is(201).sid();
    assert_eq!(
        (&made.json()["acl_enabled"], &made.json()["webhook_url"]),
        (&true.into(), &serde_json::Value::Null)
    );
    let one = format!("/sync/v1/Services/{is}");
    let changed = house
        .post(&one, &[("WebhookUrl", "http://127.0.0.1:9/s"), ("ReachabilityDebouncingWindow", "2000")])
        .await;
    assert_eq!(changed.is(200).at("webhook_url"), "http://127.0.0.1:9/s");
    house.post(&one, &[("ReachabilityDebouncingWindow", "1")]).await.refused(400, 20001);
    assert_eq!(house.all("/sync/v1/Services?PageSize=1", "services").await.len(), 2);
    house.get("/sync/v1/Services?PageSize=101").await.refused(400, 20007);
    house.delete(&one).await.is(204);
    house.get(&one).await.refused(404, 20404);
}

#[tokio::test]
async fn maps_are_found_by_sid_and_name_and_names_are_unique() {
    let house = House::open().await;
    let made = house.post(MAPS, &[("UniqueName", "WK1.ParkedCalls"), ("Ttl", "604800")]).await;
    let mp = made.is(201).sid();
    let json = made.json();
    assert_eq!(
        (&json["date_expires"], &json["created_by"]),
        (&"2026-04-01T10:00:00Z".into(), &"system".into())
    );
    assert!(json["revision"].is_string());
    for name in [mp.as_str(), "WK1.ParkedCalls"] {
        assert_eq!(house.get(&format!("{MAPS}/{name}")).await.is(200).sid(), mp);
    }
    house.post(MAPS, &[("UniqueName", "WK1.ParkedCalls")]).await.refused(409, 54301);
    house.post(MAPS, &[("UniqueName", &mp)]).await.refused(400, 20001);
    house.post(MAPS, &[("Ttl", "x")]).await.refused(400, 20001);
    house.post(MAPS, &[]).await.is(201);
    assert_eq!(house.all(&format!("{MAPS}?PageSize=1"), "maps").await.len(), 2);
    let one = format!("{MAPS}/WK1.ParkedCalls");
    assert!(house.post(&one, &[("Ttl", "0")]).await.is(200).json()["date_expires"].is_null());
    assert_eq!(
        house.post(&one, &[("CollectionTtl", "60")]).await.is(200).at("date_expires"),
        "2026-03-25T10:01:00Z"
    );
    house.delete(&one).await.is(204);
    house.get(&one).await.refused(404, 20404);
    house.delete(&one).await.refused(404, 20404);
}

#[tokio::test]
async fn items_are_created_once_replaced_whole_and_guarded_by_revision() {
    let house = House::open().await;
    house.post(MAPS, &[("UniqueName", "m")]).await.is(201);
    let items = format!("{MAPS}/m/Items");
    let made = house.post(&items, &[("Key", "CA1"), ("Data", r#"{"a":1,"b":2}"#)]).await;
    let first = made.is(201).at("revision");
    assert_eq!((&made.json()["data"], &made.json()["key"]), (&json!({"a": 1, "b": 2}), &"CA1".into()));
    let conflict = house.post(&items, &[("Key", "CA1"), ("Data", "{}")]).await.refused(409, 54208);
    assert_eq!(conflict, "An Item with given key already exists");
    house.post(&items, &[("Key", "x")]).await.refused(400, 20001);
    house.post(&items, &[("Data", "{}")]).await.refused(400, 20001);
    house.post(&items, &[("Key", "x"), ("Data", "[")]).await.refused(400, 54008);
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(16 * 1024));
    house.post(&items, &[("Key", "x"), ("Data", &large)]).await.refused(413, 54006);
    let one = format!("{items}/CA1");
    let changed = house.post(&one, &[("Data", r#"{"c":3}"#)]).await.is(200).json();
    assert_eq!(changed["data"], json!({"c": 3}));
    assert_ne!(changed["revision"], first.as_str());
    let revision = changed["revision"].as_str().unwrap();
    house.ask(ACCOUNT, "POST", &one, "Data=%7B%7D", &[("If-Match", &first)]).await.refused(412, 54103);
    house.ask(ACCOUNT, "POST", &one, "Data=%7B%7D", &[("If-Match", revision)]).await.is(200);
    house.ask(ACCOUNT, "DELETE", &one, "", &[("If-Match", revision)]).await.refused(412, 54103);
    house.delete(&one).await.is(204);
    house.get(&one).await.refused(404, 20404);
    house.post(&one, &[("Data", "{}")]).await.refused(404, 20404);
}

#[tokio::test]
async fn items_are_paged_both_ways_in_the_order_of_their_keys() {
    let house = House::open().await;
    house.post(MAPS, &[("UniqueName", "m")]).await.is(201);
    let items = format!("{MAPS}/m/Items");
    for key in ["d", "a", "c/1", "b", "e é"] {
        house.post(&items, &[("Key", key), ("Data", "{}")]).await.is(201);
    }
    let keys = |query: &'static str| {
        let (house, items) = (&house, &items);
        async move {
            let all = house.all(&format!("{items}?{query}"), "items").await;
            all.iter().map(|item| item["key"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
        }
    };
    assert_eq!(keys("PageSize=2").await, "a b c/1 d e é");
    assert_eq!(keys("PageSize=2&Order=desc").await, "e é d c/1 b a");
    assert_eq!(keys("From=c/1&PageSize=1").await, "c/1 d e é");
    assert_eq!(keys("From=c/1&Bounds=exclusive").await, "d e é");
    assert_eq!(keys("From=b&Order=desc").await, "b a");
    let last = house.get(&format!("{items}?PageSize=2")).await.json();
    let second = last["meta"]["next_page_url"].as_str().unwrap().split_once("8080").unwrap().1.to_owned();
    let second = house.get(&second).await.json();
    let back = second["meta"]["previous_page_url"].as_str().unwrap().split_once("8080").unwrap().1.to_owned();
    let first = house.get(&back).await.json();
    assert_eq!(
        (&first["items"], &first["meta"]["previous_page_url"]),
        (&last["items"], &serde_json::Value::Null)
    );
    assert_eq!(house.get(&format!("{items}/c%2F1")).await.is(200).at("key"), "c/1");
    house.get(&format!("{items}?Order=up")).await.refused(400, 20001);
    house.get(&format!("{items}?PageSize=101")).await.refused(400, 20007);
}

#[tokio::test]
async fn an_item_goes_away_when_its_time_is_over() {
    let house = House::open().await;
    house.post(MAPS, &[("UniqueName", "m")]).await.is(201);
    let items = format!("{MAPS}/m/Items");
    let made =
        house.post(&items, &[("Key", "k"), ("Data", "{}"), ("Ttl", "5"), ("CollectionTtl", "60")]).await;
    assert_eq!(made.is(201).at("date_expires"), "2026-03-25T10:00:05Z");
    assert_eq!(house.get(&format!("{MAPS}/m")).await.at("date_expires"), "2026-03-25T10:01:00Z");
    house.later(Duration::from_secs(6));
    house.get(&format!("{items}/k")).await.refused(404, 20404);
    assert_eq!(house.all(&items, "items").await.len(), 0);
    let stop = tokio_util::sync::CancellationToken::new();
    let sweeping = tokio::spawn(http_api::sweep(house.store.clone(), house.api.clock.clone(), stop.clone()));
    let swept = async {
        while house.store.sync_next_expiry().await.unwrap() != base::Timestamp::parse("2026-03-25T10:01:00Z")
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), swept).await.expect("the sweep removes the item");
    stop.cancel();
    sweeping.await.unwrap();
}
