//! Subaccounts: calls of their own, with documents of their own that their own token signs.

use crate::scene::*;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Heard, Rest, Server, ServerOptions, Trunk, WITHIN, WebhookReceiver};

/// A number of the subaccount.
const THEIRS: &str = "+15550188001";
/// Who calls it.
const CUSTOMER: &str = "+15557771001";
/// As long as a call would have taken to ring.
const QUIET: Duration = Duration::from_secs(1);

/// A subaccount of the scene's account: its SID, and a client with its own token.
async fn subaccount(it: &Scene, name: &str) -> (String, String, Rest) {
    let made = it.rest.post("/2010-04-01/Accounts.json", &[("FriendlyName", name)]).await.unwrap();
    assert_eq!(made.status, 201, "{made:?}");
    let (sid, token) = (text(&made.body, "sid"), text(&made.body, "auth_token"));
    assert_eq!(made.body["owner_account_sid"], json!(it.rest.account()));
    let theirs = Rest::new(&it.server.url(), &sid, &token);
    (sid, token, theirs)
}

fn text(of: &Value, name: &str) -> String {
    of[name].as_str().unwrap_or_default().to_owned()
}

/// The calls of an account, as whoever asks sees them.
async fn calls(rest: &Rest, account: &str) -> Vec<Value> {
    rest.list(&format!("/2010-04-01/Accounts/{account}/Calls.json"), "calls").await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subaccount_has_numbers_documents_and_calls_of_its_own_until_it_is_closed() {
    let it = Scene::start().await;
    let parent = it.rest.account().to_owned();
    let (sub, token, theirs) = subaccount(&it, "Branch").await;
    let app = WebhookReceiver::start(&token).await.unwrap();
    app.answers_twiml("/branch", &format!("<Response>{}</Response>", it.play(FIRST)));
    app.answers_twiml("/out", &format!("<Response>{}</Response>", it.play(ELSEWHERE)));

    // A number that the parent has, and gives away.
    let (url, ended) = (app.url("/branch"), app.url("/ended"));
    let form = [("PhoneNumber", THEIRS), ("VoiceUrl", &*url), ("StatusCallback", &*ended)];
    let numbers = it.rest.account_path("/IncomingPhoneNumbers.json");
    let number = it.rest.post(&numbers, &form).await.unwrap().ok().unwrap();
    let one = it.rest.account_path(&format!("/IncomingPhoneNumbers/{}.json", text(&number, "sid")));
    let moved = it.rest.post(&one, &[("AccountSid", &sub)]).await.unwrap().ok().unwrap();
    assert_eq!(moved["account_sid"], json!(sub));
    assert_eq!(it.rest.fetch(&one).await.unwrap().code(), Some(20404), "it is the parent's no more");

    // A call in runs on the subaccount's switchboard, and the subaccount's token signs what is asked for it.
    let call = it.trunk.caller(CUSTOMER, CALLER).dials(THEIRS).await.unwrap();
    call.hears(FIRST, WITHIN).await.unwrap();
    let asked = app.receives("/branch", WITHIN, |_| true).await.unwrap();
    assert!(asked.signed, "{asked:?}");
    assert_eq!(asked.parameter("AccountSid"), sub);
    let live = calls(&theirs, &sub).await;
    assert_eq!((live.len(), &live[0]["status"]), (1, &json!("in-progress")));
    assert_eq!(calls(&it.rest, &sub).await, live, "the parent sees them by their path");
    let ours = calls(&it.rest, &parent).await;
    assert!(ours.iter().all(|of| of["sid"] != live[0]["sid"]), "and not among its own");

    // A call out, by the parent for the subaccount; its keys are told apart from those of the call in.
    let path = format!("/2010-04-01/Accounts/{sub}/Calls.json");
    let out = app.url("/out");
    let form = [("To", FRIEND), ("From", THEIRS), ("Url", &*out)];
    let made = it.rest.post(&path, &form).await.unwrap().ok().unwrap();
    let friend = it.trunk.receives(WITHIN).await.unwrap();
    friend.hears(ELSEWHERE, WITHIN).await.unwrap();
    let asked = app.receives("/out", WITHIN, |_| true).await.unwrap();
    assert!(asked.signed, "{asked:?}");
    assert_eq!((asked.parameter("CallSid"), asked.parameter("AccountSid")), (&*text(&made, "sid"), &*sub));
    call.hears(FIRST, WITHIN).await.unwrap();

    // The parent's calls go on beside them, and neither ends the other's.
    it.says("/mine", &it.play(SECOND));
    it.number("+15550188002", "/mine", &[]).await;
    let own = it.trunk.caller("+15557771002", CALLER).dials("+15550188002").await.unwrap();
    own.hears(SECOND, WITHIN).await.unwrap();
    let of_sub = theirs.account_path(&format!("/Calls/{}.json", text(&made, "sid")));
    assert_eq!(theirs.post(&of_sub, &[("Status", "completed")]).await.unwrap().status, 200);
    friend.ends(WITHIN).await.unwrap();

    // Suspended: what lives goes on, nothing begins, and the credentials are good for nothing.
    let account = format!("/2010-04-01/Accounts/{sub}.json");
    let suspended = it.rest.post(&account, &[("Status", "suspended")]).await.unwrap().ok().unwrap();
    assert_eq!(suspended["status"], "suspended");
    assert_eq!(theirs.fetch(&account).await.unwrap().code(), Some(20003));
    assert_eq!(it.rest.post(&path, &form).await.unwrap().code(), Some(20005));
    let refused = it.trunk.caller("+15557771003", CALLER).dials(THEIRS).await.unwrap();
    refused.ends(WITHIN).await.unwrap();
    call.hears(FIRST, WITHIN).await.unwrap();
    let active = it.rest.post(&account, &[("Status", "active")]).await.unwrap().ok().unwrap();
    assert_eq!(active["status"], "active");
    assert_eq!(theirs.fetch(&account).await.unwrap().status, 200);

    // Closed: its calls end, its number is nobody's, and there is no way back.
    it.rest.post(&account, &[("Status", "closed")]).await.unwrap().ok().unwrap();
    call.ends(WITHIN).await.unwrap();
    let told = app.receives("/ended", WITHIN, |of| of.parameter("CallStatus") == "completed").await.unwrap();
    assert!(told.signed, "{told:?}");
    assert_eq!(it.rest.post(&account, &[("Status", "active")]).await.unwrap().code(), Some(20005));
    assert_eq!(theirs.fetch(&account).await.unwrap().code(), Some(20003));
    own.hears(SECOND, WITHIN).await.unwrap();
    it.rest.post(&numbers, &[("PhoneNumber", THEIRS)]).await.unwrap().ok().unwrap();
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_keep_to_themselves() {
    let it = Scene::start().await;
    let (one, _, first) = subaccount(&it, "One").await;
    let (two, _, second) = subaccount(&it, "Two").await;
    let parent = it.rest.account().to_owned();
    for (who, whose) in [(&first, &two), (&second, &one), (&first, &parent)] {
        for path in ["", "/Calls", "/IncomingPhoneNumbers", "/Queues", "/Keys"] {
            let path = format!("/2010-04-01/Accounts/{whose}{path}.json");
            assert_eq!(who.fetch(&path).await.unwrap().code(), Some(20404), "{path}");
        }
    }
    // A key acts for its own account alone, even the parent's.
    let keys = it.rest.account_path("/Keys.json");
    let key = it.rest.post(&keys, &[]).await.unwrap().ok().unwrap();
    let by_key = Rest::new(&it.server.url(), &text(&key, "sid"), &text(&key, "secret"));
    assert_eq!(by_key.fetch(&it.rest.account_path("/Calls.json")).await.unwrap().status, 200);
    let of_one = format!("/2010-04-01/Accounts/{one}/Calls.json");
    assert_eq!(by_key.fetch(&of_one).await.unwrap().code(), Some(20404));
    assert_eq!(by_key.post("/2010-04-01/Accounts.json", &[]).await.unwrap().code(), Some(20003));
    assert_eq!(first.post("/2010-04-01/Accounts.json", &[]).await.unwrap().code(), Some(20403));
    let own = format!("/2010-04-01/Accounts/{one}.json");
    assert_eq!(first.post(&own, &[("Status", "closed")]).await.unwrap().code(), Some(20403));

    // Each has workspaces of its own, which its credentials choose.
    let workspaces = "/taskrouter/v1/Workspaces";
    let made = first.post(workspaces, &[("FriendlyName", "Theirs")]).await.unwrap().ok().unwrap();
    assert_eq!(made["account_sid"], json!(one));
    let of_it = format!("{workspaces}/{}", text(&made, "sid"));
    assert_eq!(first.fetch(&of_it).await.unwrap().status, 200);
    for stranger in [&it.rest, &second] {
        assert_eq!(stranger.fetch(&of_it).await.unwrap().code(), Some(20404));
    }
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subaccount_answers_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let trunk = Trunk::open().await.unwrap();
    let options = || ServerOptions {
        trunk: Some(trunk.uri()),
        data: Some(folder.path().to_owned()),
        ..Default::default()
    };
    let server = Server::start(options()).await.unwrap();
    let rest = server.rest();
    let made = rest.post("/2010-04-01/Accounts.json", &[]).await.unwrap().ok().unwrap();
    let (sub, token) = (text(&made, "sid"), text(&made, "auth_token"));
    let app = WebhookReceiver::start(&token).await.unwrap();
    app.answers_twiml("/voice", "<Response><Say>hello</Say><Pause length=\"20\"/></Response>");
    let url = app.url("/voice");
    let numbers = format!("/2010-04-01/Accounts/{sub}/IncomingPhoneNumbers.json");
    rest.post(&numbers, &[("PhoneNumber", THEIRS), ("VoiceUrl", &*url)]).await.unwrap().ok().unwrap();
    server.stop().await.unwrap();

    let server = Server::start(options()).await.unwrap();
    trunk.serves(server.sip());
    let call = trunk.caller(CUSTOMER, CALLER).dials(THEIRS).await.unwrap();
    call.hears(Heard::Speech, WITHIN).await.unwrap();
    let asked = app.receives("/voice", WITHIN, |_| true).await.unwrap();
    assert!(asked.signed, "{asked:?}");
    assert_eq!(asked.parameter("AccountSid"), sub);
    call.hangs_up().await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_rings_no_phone_of_another() {
    let it = Scene::start().await;
    let (_, _, theirs) = subaccount(&it, "Neighbour").await;
    let ana = it.phone("ana", AGENT).await;
    let form = [
        ("To", "sip:ana@tandem.localhost"),
        ("From", "sip:neighbour@tandem.localhost"),
        ("Twiml", "<Response/>"),
    ];
    let made = theirs.post(&theirs.account_path("/Calls.json"), &form).await.unwrap().ok().unwrap();
    let path = theirs.account_path(&format!("/Calls/{}.json", text(&made, "sid")));
    eventually("the call has failed", async || {
        theirs.fetch(&path).await.unwrap().ok().unwrap()["status"] == "failed"
    })
    .await;
    // It rings for the account that it belongs to, and that is the first time.
    it.rest.post(&it.rest.account_path("/Calls.json"), &form).await.unwrap().ok().unwrap();
    let call = ana.rings(WITHIN).await.unwrap().answers().await.unwrap();
    call.ends(WITHIN).await.unwrap();
    ana.stays_quiet(QUIET).await.unwrap();
    it.stop().await;
}
