//! The 2010 API: accounts, numbers, calls, queues.

use crate::house::{ACCOUNT, House};

fn at(rest: &str) -> String {
    format!("/2010-04-01/Accounts/{ACCOUNT}{rest}")
}

#[tokio::test]
async fn an_account_shows_and_renames_itself() {
    let house = House::open().await;
    let list = house.get("/2010-04-01/Accounts.json").await.is(200).json();
    assert_eq!(list["accounts"].as_array().unwrap().len(), 1);
    let own = house.get(&at(".json")).await.is(200).json();
    assert_eq!(
        (&own["sid"], &own["status"], &own["type"]),
        (&ACCOUNT.into(), &"active".into(), &"Full".into())
    );
    assert_eq!(own["subresource_uris"]["calls"], at("/Calls.json"));
    let renamed = house.post(&at(".json"), &[("FriendlyName", "Acme")]).await;
    assert_eq!(renamed.is(200).at("friendly_name"), "Acme");
    house.post(&at(".json"), &[("FriendlyName", " ")]).await.refused(400, 20001);
    assert_eq!(house.get("/api/2010-04-01/Accounts.json?FriendlyName=Acme").await.json()["end"], 0);
}

#[tokio::test]
async fn numbers_are_bought_pointed_listed_and_released() {
    let house = House::open().await;
    let numbers = at("/IncomingPhoneNumbers.json");
    let new = [("PhoneNumber", "+15550100001"), ("VoiceUrl", "http://127.0.0.1:9/voice")];
    let made = house.post(&numbers, &new).await;
    let pn = made.is(201).sid();
    assert_eq!((made.at("friendly_name"), made.at("voice_method")), ("(555) 010-0001".into(), "POST".into()));
    assert_eq!(made.at("uri"), at(&format!("/IncomingPhoneNumbers/{pn}.json")));
    house.post(&numbers, &new).await.refused(400, 21422);
    house.post(&numbers, &[]).await.refused(400, 21421);
    house.post(&numbers, &[("PhoneNumber", "555")]).await.refused(400, 21421);
    house.post(&numbers, &[("PhoneNumber", "+15550100009"), ("VoiceUrl", "x")]).await.refused(400, 21502);
    let one = at(&format!("/IncomingPhoneNumbers/{pn}.json"));
    let changed = house.post(&one, &[("FriendlyName", "ACD"), ("VoiceMethod", "GET")]).await.is(200).json();
    assert_eq!((&changed["friendly_name"], &changed["voice_method"]), (&"ACD".into(), &"GET".into()));
    house.post(&one, &[("VoiceMethod", "PUT")]).await.refused(400, 21209);
    house.post(&numbers, &[("PhoneNumber", "+15550100002")]).await.is(201);
    assert_eq!(house.all(&format!("{numbers}?PageSize=1"), "incoming_phone_numbers").await.len(), 2);
    assert_eq!(house.all(&format!("{numbers}?PhoneNumber=100002"), "incoming_phone_numbers").await.len(), 1);
    assert_eq!(house.all(&format!("{numbers}?FriendlyName=ACD"), "incoming_phone_numbers").await.len(), 1);
    house.delete(&one).await.is(204);
    house.get(&one).await.refused(404, 20404);
    house.post(&one, &[]).await.refused(404, 20404);
}

#[tokio::test]
async fn outside_development_only_pooled_numbers_can_be_had() {
    let house = House::with(|api| {
        api.dev = false;
        api.number_pool = vec!["+15550100007".parse().unwrap()];
    })
    .await;
    let numbers = at("/IncomingPhoneNumbers.json");
    house.post(&numbers, &[("PhoneNumber", "+15550100001")]).await.refused(400, 21422);
    house.post(&numbers, &[("PhoneNumber", "+15550100007")]).await.is(201);
}

#[tokio::test]
async fn a_call_is_made_shown_changed_and_ended() {
    let mut house = House::open().await;
    house.post(&at("/IncomingPhoneNumbers.json"), &[("PhoneNumber", "+15550100001")]).await.is(201);
    let new = [("To", "+15550199999"), ("From", "+15550100001"), ("Twiml", "<Response><Pause/></Response>")];
    let made = house.post(&at("/Calls.json"), &new).await;
    let ca = made.is(201).sid();
    let json = made.json();
    assert_eq!(
        (&json["status"], &json["direction"], &json["duration"]),
        (&"queued".into(), &"outbound-api".into(), &serde_json::Value::Null)
    );
    let dialled = house.sip.recv().await.expect("the gateway is told to dial");
    assert!(format!("{dialled:?}").contains("Trunk"), "{dialled:?}");
    let one = at(&format!("/Calls/{ca}.json"));
    assert_eq!(house.get(&one).await.is(200).sid(), ca);
    assert_eq!(house.all(&at("/Calls.json?To=%2B15550199999"), "calls").await.len(), 1);
    assert_eq!(house.all(&at("/Calls.json?To=%2B15550199998"), "calls").await.len(), 0);
    assert_eq!(house.all(&at("/Calls.json?Status=completed"), "calls").await.len(), 0);
    house.delete(&one).await.refused(400, 20009);
    let ended = house.post(&one, &[("Status", "canceled")]).await;
    assert_eq!(ended.is(200).at("status"), "canceled");
    house.post(&one, &[("Twiml", "<Response/>")]).await.refused(400, 21220);
    assert_eq!(house.get(&one).await.at("duration"), "0");
    house.delete(&one).await.is(204);
    house.get(&one).await.refused(404, 20404);
    house.post(&one, &[("Status", "completed")]).await.refused(404, 20404);
}

#[tokio::test]
async fn calls_refuse_what_they_must() {
    let house = House::open().await;
    let (to, from, twiml) = (("To", "+15550199999"), ("From", "+15550100001"), ("Twiml", "<Response/>"));
    for (pairs, code) in [
        (vec![from, twiml], 21201),
        (vec![to, twiml], 21213),
        (vec![("To", "x"), from, twiml], 21211),
        (vec![to, ("From", "x"), twiml], 21212),
        (vec![to, from], 21205),
        (vec![to, from, ("Url", "/relative")], 21205),
        (vec![to, from, twiml, ("Timeout", "0")], 21208),
        (vec![to, from, twiml, ("SendDigits", "hello")], 21206),
        (vec![to, from, ("ApplicationSid", "AP1")], 21218),
        (vec![to, from, twiml], 21210),
        (vec![to, ("From", "sip:desk@pbx.example"), ("CallerId", "+15550100001"), twiml], 21210),
    ] {
        house.post(&at("/Calls.json"), &pairs).await.refused(400, code);
    }
    house.get(&at("/Calls.json?Status=odd")).await.refused(400, 20001);
    house.get(&at("/Calls.json?StartTime=soon")).await.refused(400, 20001);
    house.get(&at("/Calls.json?StartTime%3E=2026-03-01&StartTime%3C=2026-04-01")).await.is(200);
}

#[tokio::test]
async fn queues_are_made_found_by_name_and_deleted_empty() {
    let house = House::open().await;
    let queues = at("/Queues.json");
    let made = house.post(&queues, &[("FriendlyName", "support")]).await;
    let qu = made.is(201).sid();
    assert_eq!((&made.json()["max_size"], &made.json()["current_size"]), (&100.into(), &0.into()));
    house.post(&queues, &[("FriendlyName", "support")]).await.refused(400, 22003);
    house.post(&queues, &[]).await.refused(400, 20001);
    house.post(&queues, &[("FriendlyName", "x"), ("MaxSize", "5001")]).await.refused(400, 20001);
    house.post(&queues, &[("FriendlyName", "sales")]).await.is(201);
    assert_eq!(house.all(&format!("{queues}?FriendlyName=support"), "queues").await[0]["sid"], qu.as_str());
    assert_eq!(house.all(&format!("{queues}?FriendlyName=supp"), "queues").await.len(), 0);
    assert_eq!(house.all(&format!("{queues}?PageSize=1"), "queues").await.len(), 2);
    let one = at(&format!("/Queues/{qu}.json"));
    let changed = house.post(&one, &[("MaxSize", "7"), ("FriendlyName", "help")]).await.is(200).json();
    assert_eq!((&changed["max_size"], &changed["friendly_name"]), (&7.into(), &"help".into()));
    house.post(&one, &[("FriendlyName", "sales")]).await.refused(400, 22003);
    let members = at(&format!("/Queues/{qu}/Members.json"));
    assert_eq!(house.all(&members, "queue_members").await.len(), 0);
    let front = at(&format!("/Queues/{qu}/Members/Front.json"));
    house.get(&front).await.refused(404, 20404);
    house.post(&front, &[]).await.refused(400, 21205);
    house.post(&front, &[("Url", "http://127.0.0.1:9/")]).await.refused(404, 20404);
    house
        .post(&at(&format!("/Queues/{qu}/Members/nobody.json")), &[("Url", "http://127.0.0.1:9/")])
        .await
        .refused(404, 20404);
    house.delete(&one).await.is(204);
    house.get(&one).await.refused(404, 20404);
}

// covers: GET /2010-04-01/Accounts/{AccountSid}/AvailablePhoneNumbers.json
// covers: GET /2010-04-01/Accounts/{AccountSid}/AvailablePhoneNumbers/{CountryCode}.json
// covers: GET /2010-04-01/Accounts/{AccountSid}/AvailablePhoneNumbers/{CountryCode}/Local.json
// covers: GET /2010-04-01/Accounts/{AccountSid}/AvailablePhoneNumbers/{CountryCode}/MachineToMachine.json
// covers: GET /2010-04-01/Accounts/{AccountSid}/AvailablePhoneNumbers/{CountryCode}/Mobile.json
// covers: GET /2010-04-01/Accounts/{AccountSid}/AvailablePhoneNumbers/{CountryCode}/National.json
// covers: GET /2010-04-01/Accounts/{AccountSid}/AvailablePhoneNumbers/{CountryCode}/SharedCost.json
// covers: GET /2010-04-01/Accounts/{AccountSid}/AvailablePhoneNumbers/{CountryCode}/TollFree.json
// covers: GET /2010-04-01/Accounts/{AccountSid}/AvailablePhoneNumbers/{CountryCode}/Voip.json
#[tokio::test]
async fn numbers_of_the_pool_are_searched_and_bought_once() {
    let pool = ["+15550100007", "+15550100008", "+18005550100", "+493012345678"];
    let house = House::with(|api| {
        api.dev = false;
        api.number_pool = pool.iter().map(|number| number.parse().unwrap()).collect();
    })
    .await;
    let countries = house.get(&at("/AvailablePhoneNumbers.json")).await.is(200).json();
    let codes: Vec<_> =
        countries["countries"].as_array().unwrap().iter().map(|c| &c["country_code"]).collect();
    assert_eq!(codes, ["DE", "US"]);
    let germany = house.get(&at("/AvailablePhoneNumbers/DE.json")).await.is(200).json();
    assert_eq!(germany["subresource_uris"]["local"], at("/AvailablePhoneNumbers/DE/Local.json"));
    house.get(&at("/AvailablePhoneNumbers/FR.json")).await.refused(404, 20404);
    house.get(&at("/AvailablePhoneNumbers/XX/Local.json")).await.refused(404, 20404);
    let found = async |rest: &str| -> Vec<String> {
        let page = house.get(&at(&format!("/AvailablePhoneNumbers/{rest}"))).await.is(200).json();
        let numbers = page["available_phone_numbers"].as_array().unwrap();
        numbers.iter().map(|n| n["phone_number"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(found("US/Local.json").await, pool[..2]);
    assert_eq!(found("US/Mobile.json").await, pool[..2]);
    assert_eq!(found("US/National.json?PageSize=1").await, pool[..1]);
    assert_eq!(found("US/TollFree.json").await, pool[2..3]);
    assert_eq!(found("DE/Local.json").await, pool[3..]);
    assert_eq!(found("US/Local.json?Contains=*8").await, pool[1..2]);
    assert_eq!(found("US/Local.json?AreaCode=800").await, [""; 0]);
    for kind in ["Voip", "SharedCost", "MachineToMachine"] {
        assert_eq!(found(&format!("US/{kind}.json")).await, [""; 0], "{kind}");
    }
    let numbers = at("/IncomingPhoneNumbers.json");
    let bought = house.post(&numbers, &[("AreaCode", "555")]).await;
    assert_eq!(bought.is(201).at("phone_number"), pool[0]);
    assert_eq!(found("US/Local.json").await, pool[1..2], "what was bought is free no more");
    house.post(&numbers, &[("AreaCode", "999")]).await.refused(400, 21422);
    let free = at("/IncomingPhoneNumbers/TollFree.json");
    assert_eq!(house.post(&free, &[("PhoneNumber", pool[2])]).await.is(201).at("type"), "toll-free");
    assert_eq!(house.all(&free, "incoming_phone_numbers").await.len(), 1);
    let local = at("/IncomingPhoneNumbers/Local.json");
    assert_eq!(house.all(&local, "incoming_phone_numbers").await[0]["phone_number"], pool[0]);
}

// covers: POST /2010-04-01/Accounts/{AccountSid}/Tokens.json
#[tokio::test]
async fn a_token_has_the_operators_servers_and_is_good_for_a_while() {
    let house = House::with(|api| {
        api.ice.urls = vec!["stun:stun.example.com:3478".to_owned(), "turn:turn.example.com:3478".to_owned()];
        api.ice.secret = Some(base::Secret::new("s".to_owned()));
    })
    .await;
    let token = house.post(&at("/Tokens.json"), &[("Ttl", "600")]).await.is(201).json();
    assert_eq!((&token["ttl"], &token["account_sid"]), (&"600".into(), &ACCOUNT.into()));
    let servers = token["ice_servers"].as_array().unwrap();
    assert_eq!(
        (servers[0]["url"].as_str(), servers[0].get("credential")),
        (Some("stun:stun.example.com:3478"), None)
    );
    assert_eq!(servers[1]["urls"], "turn:turn.example.com:3478");
    // As RFC 5389 servers with a shared secret check it: HMAC-SHA1 of the user name, which begins with its end.
    let username = servers[1]["username"].as_str().unwrap();
    let until: i64 = username.split(':').next().unwrap().parse().unwrap();
    assert_eq!(until, house.api.clock.now().wall.seconds() + 600);
    assert_eq!(
        (&servers[1]["credential"], username),
        (&token["password"], token["username"].as_str().unwrap())
    );
    assert_eq!(token["password"].as_str().unwrap().len(), 28);
    house.post(&at("/Tokens.json"), &[("Ttl", "90000")]).await.refused(400, 20001);
}
