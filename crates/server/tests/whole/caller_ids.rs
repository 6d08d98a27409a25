//! Caller IDs, proved by a call and a code.

use crate::scene::*;
use serde_json::json;
use testkit::{Heard, WITHIN};

// covers: GET /2010-04-01/Accounts/{AccountSid}/OutgoingCallerIds.json, POST /2010-04-01/Accounts/{AccountSid}/OutgoingCallerIds.json
// covers: GET /2010-04-01/Accounts/{AccountSid}/OutgoingCallerIds/{Sid}.json, POST /2010-04-01/Accounts/{AccountSid}/OutgoingCallerIds/{Sid}.json
// covers: DELETE /2010-04-01/Accounts/{AccountSid}/OutgoingCallerIds/{Sid}.json
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_id_is_theirs_who_enter_its_code() {
    let it = Scene::start().await;
    let ids = it.rest.account_path("/OutgoingCallerIds.json");
    let verified = it.app.url("/verified");
    let form = [("PhoneNumber", FRIEND), ("FriendlyName", "Friend"), ("StatusCallback", &*verified)];
    let asked = it.rest.post(&ids, &form).await.unwrap().ok().unwrap();
    let code = asked["validation_code"].as_str().unwrap().to_owned();
    assert_eq!((code.len(), &asked["phone_number"]), (6, &json!(FRIEND)));
    let friend = it.trunk.receives(WITHIN).await.unwrap();
    friend.hears(Heard::Speech, WITHIN).await.unwrap();
    assert!(it.rest.list(&ids, "outgoing_caller_ids").await.unwrap().is_empty(), "nothing is proved yet");

    // A slip first.
    let wrong = if code == "000000" { "111111" } else { "000000" };
    friend.presses(wrong).await;
    friend.hears(Heard::Speech, WITHIN).await.unwrap();
    friend.presses(&code).await;
    let told = it.app.receives("/verified", WITHIN * 2, |_| true).await.unwrap();
    assert!(told.signed, "{told:?}");
    assert_eq!(told.parameter("VerificationStatus"), "success", "{told:?}");
    assert_eq!(told.parameter("CallSid"), asked["call_sid"]);
    friend.ends(WITHIN).await.unwrap();

    let by_number = format!("{ids}?PhoneNumber={}", FRIEND.replace('+', "%2B"));
    let found = it.rest.list(&by_number, "outgoing_caller_ids").await.unwrap();
    let sid = found[0]["sid"].as_str().unwrap().to_owned();
    assert_eq!(told.parameter("OutgoingCallerIdSid"), sid);
    assert!(it.rest.list(&format!("{ids}?FriendlyName=x"), "outgoing_caller_ids").await.unwrap().is_empty());
    let one = it.rest.account_path(&format!("/OutgoingCallerIds/{sid}.json"));
    let renamed = it.rest.post(&one, &[("FriendlyName", "Old friend")]).await.unwrap().ok().unwrap();
    assert_eq!(renamed["friendly_name"], "Old friend");
    assert_eq!(it.rest.fetch(&one).await.unwrap().ok().unwrap()["phone_number"], FRIEND);
    assert_eq!(it.rest.delete(&one).await.unwrap().status, 204);
    assert_eq!(it.rest.fetch(&one).await.unwrap().code(), Some(20404));
    assert_eq!(it.rest.post(&ids, &[("PhoneNumber", "555")]).await.unwrap().code(), Some(21421));
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validation_that_comes_to_nothing_is_told() {
    const NOBODY: &str = "+15557779011";
    let it = Scene::start().await;
    it.trunk.expects(NOBODY, testkit::Outside::Declines);
    let ids = it.rest.account_path("/OutgoingCallerIds.json");
    let (declined, wrong) = (it.app.url("/declined"), it.app.url("/wrong"));
    it.rest
        .post(&ids, &[("PhoneNumber", NOBODY), ("StatusCallback", &*declined)])
        .await
        .unwrap()
        .ok()
        .unwrap();
    let _declined = it.trunk.receives(WITHIN).await.unwrap();
    let told = it.app.receives("/declined", WITHIN * 2, |_| true).await.unwrap();
    assert_eq!((told.parameter("VerificationStatus"), told.parameter("To")), ("failed", NOBODY), "{told:?}");
    assert!(told.signed, "{told:?}");

    let form = [("PhoneNumber", FRIEND), ("StatusCallback", &*wrong)];
    let asked = it.rest.post(&ids, &form).await.unwrap().ok().unwrap();
    let code = if asked["validation_code"] == "000000" { "111111" } else { "000000" };
    let friend = it.trunk.receives(WITHIN).await.unwrap();
    for _ in 0..3 {
        friend.hears(Heard::Speech, WITHIN).await.unwrap();
        friend.presses(code).await;
    }
    let told = it.app.receives("/wrong", WITHIN * 2, |_| true).await.unwrap();
    assert_eq!(told.parameter("VerificationStatus"), "failed", "{told:?}");
    assert_eq!(told.parameter("OutgoingCallerIdSid"), "", "{told:?}");
    friend.ends(WITHIN).await.unwrap();
    assert_eq!(it.app.received("/wrong").len(), 1, "told once");
    assert!(it.rest.list(&ids, "outgoing_caller_ids").await.unwrap().is_empty());
    it.stop().await;
}
