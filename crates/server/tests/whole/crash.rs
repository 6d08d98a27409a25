//! The program dies, or is asked to go, in the middle of its work.

use crate::scene::*;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use testkit::{Centre, End, Heard, Server, ServerOptions, Trunk, WITHIN};

/// What was answered with 2xx, and must be there after a crash.
#[derive(Default)]
struct Promised {
    /// Tasks, with the attributes that they were given last.
    tasks: Mutex<Vec<(String, String)>>,
    accepted: Mutex<BTreeSet<String>>,
    completed: Mutex<BTreeSet<String>>,
    over: AtomicBool,
}

/// Makes tasks and changes them until the server is gone.
async fn writes(centre: &Centre, workflow: &str, writer: usize, promised: &Promised) {
    for n in 0.. {
        if promised.over.load(Ordering::Relaxed) {
            return;
        }
        let attributes = format!(r#"{{"writer":{writer},"n":{n}}}"#);
        let form = [("WorkflowSid", workflow), ("TaskChannel", "chat"), ("Attributes", &attributes)];
        let Ok(made) = centre.rest.post(&centre.path("/Tasks"), &form).await else { return };
        if made.status != 201 {
            continue;
        }
        let task = made.body["sid"].as_str().unwrap().to_owned();
        promised.tasks.lock().unwrap().push((task.clone(), attributes));
        if n % 3 == 0 {
            let changed = format!(r#"{{"writer":{writer},"n":{n},"changed":true}}"#);
            let path = centre.path(&format!("/Tasks/{task}"));
            let Ok(answer) = centre.rest.post(&path, &[("Attributes", &*changed)]).await else {
                // It may have been recorded or not: nobody was told.
                promised.tasks.lock().unwrap().retain(|(sid, _)| *sid != task);
                return;
            };
            if answer.status == 200 {
                let mut tasks = promised.tasks.lock().unwrap();
                if let Some(entry) = tasks.iter_mut().find(|(sid, _)| *sid == task) {
                    entry.1 = changed;
                }
            }
        }
    }
}

/// Ana accepts what she is offered; every second one she completes.
async fn works(centre: &Centre, worker: &str, promised: &Promised) {
    let pending = centre.path(&format!("/Workers/{worker}/Reservations?ReservationStatus=pending"));
    while !promised.over.load(Ordering::Relaxed) {
        let Ok(offers) = centre.rest.list(&pending, "reservations").await else { return };
        for offer in offers {
            let reservation = offer["sid"].as_str().unwrap();
            let path = centre.path(&format!("/Workers/{worker}/Reservations/{reservation}"));
            for (status, kept) in [("accepted", &promised.accepted), ("completed", &promised.completed)] {
                let Ok(answer) = centre.rest.post(&path, &[("ReservationStatus", status)]).await else {
                    return;
                };
                if answer.status == 200 {
                    kept.lock().unwrap().insert(reservation.to_owned());
                }
                if kept.lock().unwrap().len() % 4 == 3 {
                    break;
                }
            }
        }
    }
}

/// Everything that was answered is there, and no task was offered twice.
async fn verify(centre: &Centre, promised: &Promised) {
    let tasks: Vec<Value> = centre.rest.list(&centre.path("/Tasks?PageSize=1000"), "tasks").await.unwrap();
    let find = |sid: &str| tasks.iter().find(|task| task["sid"] == sid);
    let mut wrote = BTreeSet::new();
    for task in &tasks {
        let attributes: Value = serde_json::from_str(task["attributes"].as_str().unwrap()).unwrap();
        if let (Some(writer), Some(n)) = (attributes["writer"].as_u64(), attributes["n"].as_u64()) {
            assert!(wrote.insert((writer, n)), "made twice: {attributes}");
        }
    }
    for (sid, attributes) in promised.tasks.lock().unwrap().iter() {
        let task = find(sid).unwrap_or_else(|| panic!("task {sid} was answered and is lost"));
        let now: Value = serde_json::from_str(task["attributes"].as_str().unwrap()).unwrap();
        assert_eq!(now, serde_json::from_str::<Value>(attributes).unwrap(), "{sid}");
    }
    let path = centre.path("/Workers/WORKER/Reservations?PageSize=1000");
    let worker = centre.worker("ana").await.unwrap();
    let offers = centre.rest.list(&path.replace("WORKER", &worker), "reservations").await.unwrap();
    let mut open = BTreeSet::new();
    for offer in &offers {
        let (sid, status) = (offer["sid"].as_str().unwrap(), offer["reservation_status"].as_str().unwrap());
        if ["pending", "accepted", "wrapping"].contains(&status) {
            assert!(open.insert(offer["task_sid"].as_str().unwrap()), "offered twice: {offer}");
        }
        if promised.completed.lock().unwrap().contains(sid) {
            assert_eq!(status, "completed", "{offer}");
        } else if promised.accepted.lock().unwrap().contains(sid) {
            assert!(["accepted", "completed"].contains(&status), "{offer}");
        }
    }
    let seen = |sid: &String| offers.iter().any(|offer| offer["sid"] == **sid);
    assert!(promised.accepted.lock().unwrap().iter().all(seen), "an accepted offer is lost");
    let capacity = offers
        .iter()
        .filter(|o| o["reservation_status"] == "pending" || o["reservation_status"] == "accepted");
    assert!(capacity.count() <= 3, "more chats than ana takes");
}

async fn start(data: &Path, trunk: &Trunk) -> Server {
    // One name for it whatever its port is: the numbers' documents are at it.
    let flags = vec!["--public-url".to_owned(), "http://tandem.example".to_owned()];
    let (data, trunk) = (Some(data.to_owned()), Some(trunk.uri()));
    let options = ServerOptions { data, trunk, flags, ..Default::default() };
    Server::start(options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_what_was_answered_is_there_and_calls_are_settled() {
    let data = tempfile::tempdir().unwrap();
    let promised = Promised::default();
    let mut lost: Vec<String> = Vec::new();
    for round in 0..3 {
        let trunk = Trunk::open().await.unwrap();
        let it = Scene::around(start(data.path(), &trunk).await, trunk).await;
        verify(&it.centre, &promised).await;
        for sid in lost.drain(..) {
            it.becomes(&sid, "completed").await;
        }
        let calls =
            it.rest.list(&it.rest.account_path("/Calls.json?Status=in-progress"), "calls").await.unwrap();
        assert!(calls.is_empty(), "{calls:?}");
        let path = it.centre.path("/Tasks?AssignmentStatus=pending,reserved,assigned&PageSize=1000");
        let none = |tasks: &Value| {
            let mut tasks = tasks["tasks"].as_array().unwrap().iter();
            tasks.all(|task| task["task_channel_unique_name"] != "voice")
        };
        it.centre.until(&path, "no task of a call that is gone", WITHIN * 2, none).await.unwrap();

        it.centre.wraps_up("ana", WITHIN).await.unwrap();

        // One caller talks to ana, another waits; tasks come in from three sides.
        let ana = it.phone("ana", AGENT).await;
        it.centre.says("ana", "Available").await.unwrap();
        let (talking, first) = it.caller(&format!("+1555889100{round}"), CALLER, "+15550100001").await;
        let talk = ana.rings(WITHIN * 2).await.unwrap().answers().await.unwrap();
        talking.hears(AGENT, WITHIN).await.unwrap();
        let (waiting, second) = it.caller(&format!("+1555889200{round}"), SECOND, "+15550100001").await;
        waiting.hears(Heard::Music, WITHIN * 2).await.unwrap();
        promised.over.store(false, Ordering::Relaxed);
        let workflow = it.centre.sid("Workflows", "workflows", "Outbound").await.unwrap();
        // Nobody goes offline for a chat that was left when the program died.
        let patient = it.centre.path(&format!("/Workflows/{workflow}"));
        it.rest.post(&patient, &[("TaskReservationTimeout", "3600")]).await.unwrap().ok().unwrap();
        let worker = it.centre.worker("ana").await.unwrap();
        let Scene { centre, server, trunk, .. } = it;
        let enough = promised.tasks.lock().unwrap().len() + 40;
        let killer = async {
            eventually("tasks are written", async || promised.tasks.lock().unwrap().len() >= enough).await;
            server.kill().await.unwrap();
            promised.over.store(true, Ordering::Relaxed);
        };
        tokio::join!(
            killer,
            writes(&centre, &workflow, round * 10, &promised),
            writes(&centre, &workflow, round * 10 + 1, &promised),
            writes(&centre, &workflow, round * 10 + 2, &promised),
            works(&centre, &worker, &promised),
        );
        lost.extend([first, second]);
        drop((talk, talking, waiting, trunk));
    }
    let trunk = Trunk::open().await.unwrap();
    let it = Scene::around(start(data.path(), &trunk).await, trunk).await;
    verify(&it.centre, &promised).await;
    for sid in lost {
        it.becomes(&sid, "completed").await;
    }
    it.centre.has_calls("ana", "live", 0, WITHIN).await.unwrap();
    assert!(promised.tasks.lock().unwrap().len() >= 100 && !promised.completed.lock().unwrap().is_empty());
    let (caller, _) = it.caller("+15558893000", CALLER, "+15550100004").await;
    caller.hears(Heard::Speech, WITHIN).await.unwrap();
    caller.hangs_up().await.unwrap();
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_drains_refuses_new_calls_and_lets_the_live_one_talk() {
    let it = Scene::start().await;
    it.says("/voice", &format!(r#"<Dial action="/dialled">{FRIEND}</Dial>"#));
    it.says("/dialled", "<Hangup/>");
    it.number("+15550123001", "/voice", &[]).await;
    let (caller, _) = it.caller("+15558894001", CALLER, "+15550123001").await;
    caller.hears(OUTSIDE, WITHIN).await.unwrap();
    let friend = it.trunk.receives(WITHIN).await.unwrap();
    it.server.drains().await.unwrap();
    let ready = format!("{}/readyz", it.server.url());
    eventually("not ready any more", async || {
        reqwest::get(&ready).await.is_ok_and(|answer| answer.status() == 503)
    })
    .await;
    let alive = reqwest::get(format!("{}/healthz", it.server.url())).await.unwrap();
    assert_eq!(alive.status(), 200, "alive, and saying so");
    let refused = it.trunk.caller("+15558894002", SECOND).dials("+15550123001").await.unwrap();
    assert_eq!(refused.ends(WITHIN).await.unwrap(), End::Refused(503));
    let path = it.rest.account_path("/Calls.json");
    let form = [("To", FRIEND), ("From", "+15550100001"), ("Twiml", "<Response><Pause/></Response>")];
    let made = it.rest.post(&path, &form).await.unwrap();
    assert_eq!(made.status, 503, "{made:?}");
    // Both still hear each other, and go on with their document when one of them leaves.
    caller.hears(OUTSIDE, WITHIN).await.unwrap();
    friend.hears(CALLER, WITHIN).await.unwrap();
    friend.hangs_up().await.unwrap();
    assert_eq!(it.posted("/dialled", "DialCallStatus").await, "completed");
    assert_eq!(caller.ends(WITHIN).await.unwrap(), End::TheyHungUp);
    it.server.has_drained().await.unwrap();
}
