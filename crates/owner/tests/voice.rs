//! The owner of an account's calls: rows first, then whatever another party can see.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

extern crate tandem_owner as owner;

mod common;

use base::*;
use common::*;
use engine::call::SwitchboardSettings;
use engine::call::port::*;
use owner::{AskError, DocumentOrder, Voice, VoiceOutputs, VoiceSettings};
use sip::port::{Command as Sip, Event as SipEvent, Source};
use std::time::Duration;
use store::model::{CallFilter, IncomingNumber};
use store::{Page, Store};
use tokio::sync::mpsc;

struct Ends {
    sip: mpsc::Receiver<Sip>,
    media: mpsc::Receiver<media::control::Command>,
    fetch: mpsc::Receiver<DocumentOrder>,
}

on_both_stores! {
    a_call_is_a_row_before_anybody_else_hears_of_it
    a_fetched_document_is_played_to_the_caller_and_the_end_is_recorded
    a_call_made_over_the_api_is_recorded_when_it_is_answered
    people_on_the_phone_go_on_when_the_disk_does_not
    calls_that_a_crash_left_live_are_closed_at_the_start
}

async fn start(house: &House, store: &Store) -> (Voice, Ends) {
    let (sip, sip_end) = mpsc::channel(100);
    let (media, media_end) = mpsc::channel(100);
    let (fetch, fetch_end) = mpsc::channel(100);
    let settings = VoiceSettings {
        directory: owner::Directory::default(),
        store: store.clone(),
        clock: house.hands.clock(),
        entropy: house.entropy(),
        workspaces: house.workspaces(store).await,
        switchboard: SwitchboardSettings::new(account(), "http://127.0.0.1:8080"),
    };
    let (listen, _) = mpsc::channel(100);
    let (streams, _) = mpsc::channel(100);
    let (transcribe, _) = mpsc::channel(100);
    let voice = Voice::start(settings, VoiceOutputs { sip, media, fetch, listen, streams, transcribe })
        .await
        .unwrap();
    (voice, Ends { sip: sip_end, media: media_end, fetch: fetch_end })
}

fn number() -> IncomingNumber {
    IncomingNumber {
        sid: PhoneNumberSid([7; 16]),
        account: account(),
        number: "+15550100001".parse().unwrap(),
        friendly_name: "Inbound".to_owned(),
        voice_url: "http://127.0.0.1:9/voice".to_owned(),
        voice_method: Method::Post,
        voice_fallback_url: String::new(),
        voice_fallback_method: Method::Post,
        voice_application: None,
        voice_caller_id_lookup: false,
        status_callback: "http://127.0.0.1:9/status".to_owned(),
        status_callback_method: Method::Post,
        sms_url: String::new(),
        sms_method: Method::Post,
        sms_fallback_url: String::new(),
        sms_fallback_method: Method::Post,
        sms_application: None,
        created: Timestamp(1),
        updated: Timestamp(1),
    }
}

fn incoming(leg: u64) -> Input {
    Input::Sip(SipEvent::Incoming {
        leg: LegId(leg),
        source: Source::Trunk("demo".to_owned()),
        to: "+15550100001".to_owned(),
        to_domain: "127.0.0.1".to_owned(),
        from: "+15550200001".to_owned(),
        from_name: None,
        verstat: None,
        call_id: format!("call-{leg}"),
        headers: Vec::new(),
        peer: "127.0.0.1:5062".to_owned(),
    })
}

async fn soon<T>(receiver: &mut mpsc::Receiver<T>) -> T {
    tokio::time::timeout(PATIENCE, receiver.recv())
        .await
        .expect("it came in time")
        .expect("the voice side lives")
}

async fn calls(store: &Store) -> Vec<CallRecord> {
    store.calls(account(), CallFilter::default(), Page::all()).await.unwrap().rows
}

async fn a_call_is_a_row_before_anybody_else_hears_of_it(house: House) {
    let store = house.store();
    store.number_add(number()).await.unwrap();
    let (voice, mut ends) = start(&house, &store).await;
    house.gate.close();
    let seen = house.gate.seen();
    voice.input(incoming(1)).await.unwrap();
    until("a commit", || house.gate.seen() > seen).await;
    assert!(ends.fetch.try_recv().is_err() && ends.sip.try_recv().is_err() && ends.media.try_recv().is_err());
    assert_eq!(calls(&store).await, []);
    house.gate.open();
    let DocumentOrder::Fetch(order) = soon(&mut ends.fetch).await else { panic!("nothing is over") };
    assert_eq!(order.webhook.url, "http://127.0.0.1:9/voice");
    let rows = calls(&store).await;
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].sid, rows[0].to.as_str()), (order.call, "+15550100001"));
    assert!(order.parameters.contains(&("CallSid".to_owned(), order.call.to_string())));
    let live = voice.read(|switchboard, _| switchboard.live_calls().len()).await;
    assert_eq!(live, Ok(1));
}

async fn a_fetched_document_is_played_to_the_caller_and_the_end_is_recorded(house: House) {
    let store = house.store();
    store.number_add(number()).await.unwrap();
    let (voice, mut ends) = start(&house, &store).await;
    voice.input(incoming(1)).await.unwrap();
    let DocumentOrder::Fetch(order) = soon(&mut ends.fetch).await else { panic!("nothing is over") };
    let document = Document {
        url: order.webhook.url.clone(),
        content_type: Some("text/xml".to_owned()),
        body: "<Response><Say>Hello</Say></Response>".to_owned(),
    };
    voice.input(Input::Fetched { fetch: order.fetch, outcome: Ok(document) }).await.unwrap();
    loop {
        match soon(&mut ends.sip).await {
            Sip::Answer { leg } => {
                voice.input(Input::Sip(SipEvent::Answered { leg })).await.unwrap();
                break;
            }
            Sip::Progress { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    loop {
        if let media::control::Command::Play { .. } = soon(&mut ends.media).await {
            break;
        }
    }
    let gone = SipEvent::Gone { leg: LegId(1), cause: sip::port::Cause::PeerHungUp, status: None };
    voice.input(Input::Sip(gone)).await.unwrap();
    assert_eq!(voice.read(|switchboard, _| switchboard.live_calls().len()).await, Ok(0));
    let rows = calls(&store).await;
    assert_eq!((rows[0].status, rows[0].ended.is_some()), (CallStatus::Completed, true));
    let kinds: Vec<String> =
        store.timeline(order.call).await.unwrap().into_iter().map(|line| line.kind).collect();
    assert!(!kinds.is_empty());
    // The number's status callback is a row, in the lane of its call.
    let sent = store.deliveries(account(), None, Page::all()).await.unwrap().rows;
    assert!(sent.iter().any(|one| one.order.webhook.url.ends_with("/status")
        && one.order.lane == order.call.to_string()), "{sent:?}");
}

fn new_call() -> Request {
    Request::CreateCall(NewCall {
        to: "+15550200009".to_owned(),
        from: "+15550100001".to_owned(),
        program: Program::Inline("<Response><Pause/></Response>".to_owned()),
        fallback: None,
        status_callback: None,
        send_digits: None,
        timeout: Duration::from_secs(60),
        time_limit: None,
        sip_credentials: None,
        record: None,
        machine: None,
    })
}

async fn a_call_made_over_the_api_is_recorded_when_it_is_answered(house: House) {
    let store = house.store();
    store.number_add(number()).await.unwrap();
    let (voice, mut ends) = start(&house, &store).await;
    let Ok(Response::Call(made)) = voice.request(new_call()).await else { panic!("no call was made") };
    assert_eq!(store.call(account(), made.sid).await.unwrap().map(|call| call.sid), Some(made.sid));
    let Sip::Invite { call, .. } = soon(&mut ends.sip).await else { panic!("an INVITE") };
    assert_eq!(call, made.sid);
}

async fn people_on_the_phone_go_on_when_the_disk_does_not(house: House) {
    let store = house.store();
    store.number_add(number()).await.unwrap();
    let (voice, mut ends) = start(&house, &store).await;
    house.gate.fail(true);
    // Whoever asked over the API is told that it is not recorded.
    assert!(matches!(voice.request(new_call()).await, Err(AskError::Store(_))));
    // The calls themselves go on.
    voice.input(incoming(1)).await.unwrap();
    soon(&mut ends.fetch).await;
    house.gate.fail(false);
    voice.input(incoming(3)).await.unwrap();
    soon(&mut ends.fetch).await;
    assert!(!calls(&store).await.is_empty());
}

async fn calls_that_a_crash_left_live_are_closed_at_the_start(house: House) {
    let store = house.store();
    store.number_add(number()).await.unwrap();
    {
        let (voice, mut ends) = start(&house, &store).await;
        voice.input(incoming(1)).await.unwrap();
        soon(&mut ends.fetch).await;
    }
    let left = calls(&store).await;
    assert!(left[0].ended.is_none());
    let (_voice, _ends) = start(&house, &store).await;
    let closed = calls(&store).await;
    assert_eq!((closed[0].status, closed[0].ended.is_some()), (CallStatus::Failed, true));
}
