//! Callbacks: rows in a real store, requests to a real server on loopback.
#![allow(clippy::unwrap_used, reason = "a test ends there")]

mod support;

use base::{DeliverySid, Entropy, ReservationSid, Timestamp, WorkspaceSid};
use engine::call::port::{Method, Webhook};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::model::*;
use store::{Options, Store};
use support::*;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use webhook::deliveries::*;

const ASSIGNMENT: AssignmentRef =
    AssignmentRef { workspace: WorkspaceSid([2; 16]), reservation: ReservationSid([3; 16]) };

/// What a listener was told.
#[derive(Debug, Clone, Default)]
struct Heard {
    outcomes: Vec<AssignmentOutcome>,
    notices: Vec<(u32, bool, String)>,
}

struct Ear {
    heard: watch::Sender<Heard>,
    /// Refuses this many answers first.
    busy: Mutex<u32>,
}

impl Listener for Ear {
    fn assignment(&self, answer: AssignmentAnswer) -> webhook::Boxed<'_, Result<(), String>> {
        Box::pin(async move {
            assert_eq!(answer.assignment, ASSIGNMENT);
            let mut busy = self.busy.lock().unwrap();
            if *busy > 0 {
                *busy -= 1;
                return Err("busy".to_owned());
            }
            self.heard.send_modify(|heard| heard.outcomes.push(answer.outcome));
            Ok(())
        })
    }

    fn notice(&self, notice: Notice) -> webhook::Boxed<'_, ()> {
        Box::pin(async move {
            let line = (notice.code, notice.error, notice.url);
            self.heard.send_modify(|heard| heard.notices.push(line));
        })
    }
}

/// A store, a clock, an application and a worker.
struct Post {
    store: Store,
    server: Server,
    ear: Arc<Ear>,
    hands: Hands,
    entropy: Entropy,
    stop: CancellationToken,
    worker: Option<JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

impl Post {
    async fn with(answers: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Options::file(folder.path().join("store.db"))).unwrap();
        let ear = Arc::new(Ear { heard: watch::Sender::default(), busy: Mutex::new(0) });
        let mut post = Self {
            store,
            server: Server::start(answers).await,
            ear,
            hands: Hands::default(),
            entropy: Entropy::seeded(5),
            stop: CancellationToken::new(),
            worker: None,
            _folder: folder,
        };
        post.start();
        post
    }

    fn start(&mut self) {
        let settings = DeliverySettings { in_flight_max: 8, ..DeliverySettings::default() };
        self.stop = CancellationToken::new();
        let (clock, listener) = (self.hands.clock(), self.ear.clone());
        let worker = Deliveries::new(self.store.clone(), outgoing(), clock, settings, listener);
        self.worker = Some(tokio::spawn(worker.run(self.stop.clone())));
    }

    async fn stop(&mut self) {
        self.stop.cancel();
        timeout(PATIENCE, self.worker.take().unwrap()).await.expect("it stops").unwrap();
    }

    fn order(&mut self, kind: DeliveryKind, lane: &str, path: &str) -> NewDelivery {
        NewDelivery {
            sid: DeliverySid::generate(&mut self.entropy),
            account: ACCOUNT,
            kind,
            lane: lane.to_owned(),
            webhook: Webhook { url: self.server.url(path), method: Method::Post },
            fallback: None,
            parameters: pairs(&[("EventType", "task.created"), ("TaskSid", "WT1")]),
            assignment: (kind == DeliveryKind::Assignment).then_some(ASSIGNMENT),
            created: Timestamp(0),
        }
    }

    async fn deliver(&mut self, kind: DeliveryKind, lane: &str, path: &str) -> DeliverySid {
        let order = self.order(kind, lane, path);
        let sid = order.sid;
        self.store.deliver(vec![order]).await.unwrap();
        sid
    }

    async fn ask_assignment(&mut self, path: &str, fallback: Option<&str>) -> DeliverySid {
        let mut order = self.order(DeliveryKind::Assignment, "WR", path);
        order.fallback = fallback.map(|path| Webhook { url: self.server.url(path), method: Method::Post });
        let sid = order.sid;
        self.store.deliver(vec![order]).await.unwrap();
        sid
    }

    /// Waits until the row satisfies `when`.
    async fn row(&self, sid: DeliverySid, when: impl Fn(&Delivery) -> bool) -> Delivery {
        let mut changed = self.store.deliveries_watch();
        let found = timeout(PATIENCE, async {
            loop {
                changed.borrow_and_update();
                let row = self.store.delivery(ACCOUNT, sid).await.unwrap().unwrap();
                if when(&row) {
                    return row;
                }
                changed.changed().await.unwrap();
            }
        });
        found.await.expect("the row gets there")
    }

    async fn finished(&self, sid: DeliverySid) -> Delivery {
        self.row(sid, |row| row.state != DeliveryState::Waiting).await
    }

    /// Waits until the row is to be sent again, and lets that time come.
    async fn retried(&self, sid: DeliverySid, attempts: u32) -> Delivery {
        let row = self.row(sid, |row| row.attempts == attempts && row.claimed_until.is_none()).await;
        assert_eq!(row.state, DeliveryState::Waiting, "{row:?}");
        self.hands.forward(Duration::from_secs(60));
        // Any write wakes the worker, so that it sees the clock.
        self.store.delivery_again(ACCOUNT, DeliverySid([0; 16]), Timestamp(0)).await.unwrap();
        row
    }

    async fn heard(&self, when: impl Fn(&Heard) -> bool) -> Heard {
        let mut watch = self.ear.heard.subscribe();
        let waited = timeout(PATIENCE, watch.wait_for(|heard| when(heard))).await;
        match waited {
            Ok(Ok(heard)) => heard.clone(),
            _ => panic!("heard only {:?}", self.ear.heard.borrow()),
        }
    }
}

fn json(body: &str) -> Reply {
    reply(200, &[("Content-Type", "application/json; charset=utf-8")], body)
}

#[tokio::test]
async fn a_callback_is_sent_signed_and_recorded() {
    let mut post = Post::with(|_| reply(204, &[], "")).await;
    let sid = post.deliver(DeliveryKind::Status, "CA1", "/status?x=1").await;
    let row = post.finished(sid).await;
    assert_eq!((row.state, row.last_status, row.attempts), (DeliveryState::Delivered, Some(204), 1));
    let asked = &post.server.asked()[0];
    assert_eq!(asked.form(), row.order.parameters);
    assert_eq!(asked.header("i-twilio-idempotency-token"), sid.to_string());
    let url = post.server.url("/status?x=1");
    assert!(webhook::matches(TOKEN, &url, &asked.form(), asked.header("x-twilio-signature")));
    post.stop().await;
}

#[tokio::test]
async fn a_lane_keeps_its_order_and_lanes_do_not_wait_for_each_other() {
    let mut post = Post::with(|asked| match asked.path() {
        "/stuck" => Reply::Silence,
        _ => reply(200, &[], ""),
    })
    .await;
    let stuck = post.order(DeliveryKind::Status, "slow", "/stuck");
    let behind = post.order(DeliveryKind::Status, "slow", "/behind");
    let mut orders = vec![stuck, behind];
    for number in 0..40 {
        orders.push(post.order(DeliveryKind::Event, "quick", &format!("/{number:02}")));
    }
    post.store.deliver(orders).await.unwrap();
    let asked = post.server.asked_times(41).await;
    let quick: Vec<_> = asked.iter().map(Asked::path).filter(|path| *path != "/stuck").collect();
    let expected: Vec<_> = (0..40).map(|number| format!("/{number:02}")).collect();
    assert_eq!(quick, expected);
    assert!(!post.server.paths().contains(&"/behind".to_owned()));
}

#[tokio::test]
async fn an_event_is_sent_again_while_the_application_is_broken() {
    let mut post = Post::with(|asked| match asked.turn {
        1 => reply(500, &[("Content-Type", "text/plain")], "stack\n trace"),
        2 => Reply::Close,
        3 => reply(503, &[], ""),
        _ => reply(200, &[], ""),
    })
    .await;
    let sid = post.deliver(DeliveryKind::Event, "WT1", "/events").await;
    let first = post.retried(sid, 1).await;
    assert_eq!(
        (first.last_status, first.last_error.as_deref()),
        (Some(500), Some("answered 500: stack trace"))
    );
    assert_eq!(first.next_attempt.since(Timestamp(0)), Duration::from_secs(1));
    let second = post.retried(sid, 2).await;
    assert_eq!(second.last_status, None);
    let third = post.retried(sid, 3).await;
    let delay = third.next_attempt.since(third.updated);
    assert_eq!(delay, Duration::from_secs(4), "delays double");
    let row = post.finished(sid).await;
    assert_eq!((row.state, row.attempts), (DeliveryState::Delivered, 4));
    let tokens: Vec<_> =
        post.server.asked().iter().map(|a| a.header("i-twilio-idempotency-token").to_owned()).collect();
    assert!(tokens.iter().all(|token| *token == sid.to_string()));
    assert!(post.ear.heard.borrow().notices.is_empty());
    post.stop().await;
}

#[tokio::test]
async fn an_event_is_given_up_after_its_attempts_and_at_once_when_refused() {
    let mut post = Post::with(|asked| match asked.path() {
        "/gone" => reply(410, &[], ""),
        _ => reply(500, &[], ""),
    })
    .await;
    let gone = post.deliver(DeliveryKind::Event, "a", "/gone").await;
    assert_eq!(post.finished(gone).await.attempts, 1);
    let sid = post.deliver(DeliveryKind::Event, "b", "/broken").await;
    for attempt in 1..DeliverySettings::default().event_attempts_max {
        post.retried(sid, attempt).await;
    }
    let row = post.finished(sid).await;
    assert_eq!((row.state, row.attempts, row.last_status), (DeliveryState::Failed, 5, Some(500)));
    let heard = post.heard(|heard| heard.notices.len() == 2).await;
    assert!(heard.notices.iter().all(|(code, error, _)| *code == 11200 && *error), "{heard:?}");
    post.stop().await;
}

#[tokio::test]
async fn a_status_callback_is_asked_once_and_a_bad_answer_is_a_warning() {
    let mut post = Post::with(|_| reply(500, &[], "no")).await;
    let sid = post.deliver(DeliveryKind::Status, "CA1", "/status").await;
    let row = post.finished(sid).await;
    assert_eq!((row.state, row.attempts), (DeliveryState::Failed, 1));
    assert_eq!(post.server.asked().len(), 1);
    let heard = post.heard(|heard| !heard.notices.is_empty()).await;
    assert_eq!(heard.notices, [(15003, false, post.server.url("/status"))]);
    let insistent = post.deliver(DeliveryKind::Status, "CA1", "/more#rc=2&rp=5xx").await;
    post.finished(insistent).await;
    assert_eq!(post.server.asked().len(), 4, "unless the URL asks for more");
    post.stop().await;
}

#[tokio::test]
async fn an_assignment_answer_is_handed_on() {
    let mut post = Post::with(|asked| match asked.path() {
        "/accept" => json(r#"{"instruction":"accept","x":[1]}"#),
        "/empty-object" => json("{}"),
        "/nothing" => reply(204, &[], ""),
        "/no-instruction" => json(r#"{"activity_sid":"WA1"}"#),
        "/bad" => json("{nope"),
        _ => json("[]"),
    })
    .await;
    let answers = [
        ("/accept", None),
        ("/empty-object", None),
        ("/nothing", None),
        ("/no-instruction", Some(40005)),
        ("/bad", Some(40001)),
        ("/list", Some(40001)),
    ];
    for (before, (path, warning)) in answers.into_iter().enumerate() {
        let sid = post.ask_assignment(path, None).await;
        assert_eq!(post.finished(sid).await.state, DeliveryState::Delivered, "{path}");
        let heard = post.heard(|heard| heard.outcomes.len() == before + 1).await;
        match (path, heard.outcomes.last().unwrap()) {
            ("/accept", AssignmentOutcome::Instruction(object)) => {
                assert_eq!(object["instruction"], "accept")
            }
            (_, AssignmentOutcome::Nothing) => {}
            other => panic!("{other:?}"),
        }
        let warned = heard.notices.iter().find(|(_, _, url)| *url == post.server.url(path));
        assert_eq!(
            warned.map(|(code, error, _)| (*code, *error)),
            warning.map(|code| (code, false)),
            "{path}"
        );
    }
    post.stop().await;
}

#[tokio::test]
async fn an_assignment_goes_to_the_fallback_and_then_fails() {
    let mut post = Post::with(|asked| match asked.path() {
        "/slow" => Reply::Silence,
        "/html" => reply(200, &[("Content-Type", "text/html")], "<h1>hi</h1>"),
        "/broken" => reply(500, &[], ""),
        _ => json(r#"{"instruction":"reject"}"#),
    })
    .await;
    for (path, code) in [("/html", 40000), ("/broken", 11200), ("/slow#tt=200", 11205)] {
        let sid = post.ask_assignment(path, Some("/fallback")).await;
        assert_eq!(post.finished(sid).await.state, DeliveryState::Delivered, "{path}");
        let url = post.server.url(path);
        let heard = post.heard(|heard| heard.notices.iter().any(|(_, _, told)| *told == url)).await;
        assert!(
            matches!(heard.outcomes.last(), Some(AssignmentOutcome::Instruction(_))),
            "{path}: {heard:?}"
        );
        assert!(heard.notices.contains(&(code, true, url)), "{path}: {heard:?}");
    }
    let sid = post.ask_assignment("/html", Some("/broken")).await;
    let row = post.finished(sid).await;
    assert_eq!((row.state, row.last_status), (DeliveryState::Failed, Some(500)));
    let heard = post.heard(|heard| heard.outcomes.len() == 4).await;
    assert!(matches!(heard.outcomes[3], AssignmentOutcome::Failed { code: 11200, .. }), "{heard:?}");
    post.stop().await;
}

#[tokio::test]
async fn an_answer_that_nobody_could_take_is_asked_for_again() {
    let mut post = Post::with(|_| json(r#"{"instruction":"accept"}"#)).await;
    *post.ear.busy.lock().unwrap() = 1;
    let sid = post.ask_assignment("/accept", None).await;
    post.retried(sid, 1).await;
    assert_eq!(post.finished(sid).await.attempts, 2);
    assert_eq!(post.heard(|heard| !heard.outcomes.is_empty()).await.outcomes.len(), 1);

    *post.ear.busy.lock().unwrap() = u32::MAX;
    let sid = post.ask_assignment("/accept", None).await;
    for attempt in 1..ASSIGNMENT_ATTEMPTS_MAX {
        post.retried(sid, attempt).await;
    }
    let row = post.finished(sid).await;
    assert_eq!((row.state, row.attempts), (DeliveryState::Failed, ASSIGNMENT_ATTEMPTS_MAX));
    assert_eq!(row.last_error.as_deref(), Some("nobody took the answer: busy"));
    post.stop().await;
}

#[tokio::test]
async fn what_was_in_flight_when_the_process_died_is_sent_by_the_next() {
    let mut post = Post::with(|asked| match (asked.path(), asked.turn) {
        ("/status", 1) => Reply::Silence,
        _ => reply(200, &[], ""),
    })
    .await;
    let first = post.deliver(DeliveryKind::Status, "CA1", "/status").await;
    let second = post.deliver(DeliveryKind::Status, "CA1", "/after").await;
    post.server.asked_times(1).await;
    post.worker.take().unwrap().abort();
    post.hands.forward(CLAIM_LEASE);
    post.start();
    let row = post.finished(first).await;
    assert_eq!((row.state, row.attempts), (DeliveryState::Delivered, 2));
    assert_eq!(post.finished(second).await.state, DeliveryState::Delivered);
    assert_eq!(post.server.paths(), ["/status", "/status", "/after"]);
    post.stop().await;
}

#[tokio::test]
async fn a_stopping_worker_finishes_what_is_in_flight_and_begins_nothing_new() {
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let (told, mut begun) = watch::channel(false);
    let waiting = gate.clone();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 4096];
        assert!(stream.read(&mut buffer).await.unwrap() > 0);
        told.send_replace(true);
        let _permit = waiting.acquire().await.unwrap();
        stream.write_all(b"HTTP/1.1 204 X\r\n\r\n").await.unwrap();
    });
    let mut post = Post::with(|_| reply(200, &[], "")).await;
    let mut order = post.order(DeliveryKind::Status, "CA1", "/");
    order.webhook.url = format!("http://127.0.0.1:{port}/");
    let (first, second) = (order.clone(), post.order(DeliveryKind::Status, "CA1", "/later"));
    post.store.deliver(vec![order, second.clone()]).await.unwrap();
    timeout(PATIENCE, begun.wait_for(|begun| *begun)).await.unwrap().unwrap();
    post.stop.cancel();
    gate.add_permits(1);
    post.stop().await;
    let row = |sid| post.store.delivery(ACCOUNT, sid);
    assert_eq!(row(first.sid).await.unwrap().unwrap().state, DeliveryState::Delivered);
    let later = row(second.sid).await.unwrap().unwrap();
    assert_eq!((later.state, later.attempts), (DeliveryState::Waiting, 0));
    assert_eq!(post.server.asked().len(), 0);
}
