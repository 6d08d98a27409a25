//! A call that nobody accepts goes from queue to queue and then to a number outside (scenarios S3). The published
//! function that hears of it is played by the test.

use crate::assignment::sid;
use crate::scene::*;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Call, End, Heard, Phone, Received, WITHIN};

const EVENTS: &str = "/tr-event-callback";
const REDIRECT: &str = "/twiml-redirect-call";
const PASSWORD: &str = "phone-Password-1";
const NUMBER: &str = "+15550160001";

/// A workspace with four queues, of which the last matches nobody.
struct House<'a> {
    it: &'a Scene,
    base: String,
    queues: [String; 4],
    worker: String,
    available: String,
    phone: Phone,
    function: Option<tokio::task::JoinHandle<()>>,
}

impl Drop for House<'_> {
    fn drop(&mut self) {
        self.function.take().inspect(tokio::task::JoinHandle::abort);
    }
}

impl<'a> House<'a> {
    /// `steps`: how long a call stays in each of the first three queues, in seconds; `None` leaves the queue out.
    async fn open(it: &'a Scene, steps: [Option<u32>; 3], reservation_timeout: &str) -> Self {
        let make = async |path: &str, form: &[(&str, &str)]| -> Value {
            it.rest.post(path, form).await.unwrap().ok().unwrap()
        };
        let events = it.app.url(EVENTS);
        let form = [
            ("FriendlyName", "Escalating"),
            ("EventCallbackUrl", &*events),
            ("EventsFilter", "task-queue.entered"),
        ];
        let base =
            format!("/taskrouter/v1/Workspaces/{}", sid(&make("/taskrouter/v1/Workspaces", &form).await));
        let activities = it.rest.list(&format!("{base}/Activities"), "activities").await.unwrap();
        let available = sid(activities.iter().find(|a| a["friendly_name"] == "Available").unwrap());
        let mut queues = Vec::new();
        for (name, who) in [
            ("Sales", "skills HAS 'sales'"),
            ("Support", "skills HAS 'support'"),
            ("Everyone", ""),
            ("Call Redirection", "1==2"),
        ] {
            let form = [("FriendlyName", name), ("TargetWorkers", who)];
            let given = if who.is_empty() { &form[..1] } else { &form[..] };
            queues.push(sid(&make(&format!("{base}/TaskQueues"), given).await));
        }
        let queues: [String; 4] = queues.try_into().unwrap();
        let stays = steps.iter().zip(&queues).filter_map(|(step, queue)| Some((queue, (*step)?)));
        let mut targets: Vec<_> = stays.map(|(queue, s)| json!({"queue": queue, "timeout": s})).collect();
        targets.push(json!({"queue": queues[3]}));
        let filters = json!({"task_routing": {"filters": [{"expression": "1==1", "targets": targets}]}});
        let assign = it.app.url("/assign");
        let form = [
            ("FriendlyName", "Escalation"),
            ("Configuration", &*filters.to_string()),
            ("AssignmentCallbackUrl", &*assign),
            ("TaskReservationTimeout", reservation_timeout),
        ];
        let workflow = sid(&make(&format!("{base}/Workflows"), &form).await);
        let attributes =
            json!({"contact_uri": "sip:wes@tandem.localhost", "skills": ["support"]}).to_string();
        let worker =
            sid(&make(&format!("{base}/Workers"), &[("FriendlyName", "wes"), ("Attributes", &attributes)])
                .await);
        make("/tandem/v1/SipAccounts", &[("User", "wes"), ("Password", PASSWORD)]).await;
        let phone = Phone::registered("wes", PASSWORD, it.server.sip(), AGENT).await.unwrap();
        // The worker's own desktop says what happens to an offer.
        it.app.answers("/assign", 200, "application/json", "{}");
        it.says("/escalate", &format!(r#"<Enqueue workflowSid="{workflow}"/>"#));
        it.number(NUMBER, "/escalate", &[]).await;
        it.says(REDIRECT, &format!("<Dial>{FRIEND}</Dial>"));
        Self { it, base, queues, worker, available, phone, function: None }
    }

    /// The published function: sends the call of a task that enters the last queue to the document with the number.
    fn has_its_function(&mut self) {
        let (app, rest) = (self.it.app.clone(), self.it.rest.clone());
        let (last, url) = (self.queues[3].clone(), self.it.app.url(REDIRECT));
        self.function = Some(tokio::spawn(async move {
            let mut seen = 0;
            loop {
                let all = app.received_at_least(EVENTS, seen + 1).await;
                for event in &all[seen..] {
                    let attributes: Value = serde_json::from_str(event.parameter("TaskAttributes")).unwrap();
                    let Some(call) = attributes["call_sid"].as_str() else { continue };
                    if event.signed && event.parameter("TaskQueueSid") == last {
                        let path = rest.account_path(&format!("/Calls/{call}.json"));
                        // A caller who has gone is nobody to redirect.
                        let _ = rest.post(&path, &[("Url", &*url), ("Method", "GET")]).await.unwrap();
                    }
                }
                seen = all.len();
            }
        }));
    }

    /// The worker takes the offer of a task: true if it was still to be had.
    async fn takes(&self, task: &str, reservation: &str) -> bool {
        let path = format!("{}/Tasks/{task}/Reservations/{reservation}", self.base);
        let form = [
            ("Instruction", "conference"),
            ("From", "+15550100001"),
            ("EndConferenceOnExit", "true"),
            ("EndConferenceOnCustomerExit", "true"),
        ];
        let answer = self.it.rest.post(&path, &form).await.unwrap();
        assert!([200, 400].contains(&answer.status), "{answer:?}");
        answer.status == 200
    }

    /// Reservation and task of an offer that was not told of before.
    async fn offered(&self, before: usize) -> (String, String) {
        let all = tokio::time::timeout(WITHIN, self.it.app.received_at_least("/assign", before + 1));
        let all = all.await.unwrap();
        let offer = &all[before];
        (offer.parameter("ReservationSid").to_owned(), offer.parameter("TaskSid").to_owned())
    }

    async fn becomes_available(&self) {
        let path = format!("{}/Workers/{}", self.base, self.worker);
        self.it.rest.post(&path, &[("ActivitySid", &self.available)]).await.unwrap().ok().unwrap();
    }

    /// The event of this task entering queue number `n`.
    async fn enters(&self, task: Option<&str>, n: usize) -> Received {
        let fits = |event: &Received| {
            event.parameter("TaskQueueSid") == self.queues[n]
                && task.is_none_or(|task| event.parameter("TaskSid") == task)
        };
        self.it.app.receives(EVENTS, WITHIN * 2, fits).await.unwrap()
    }

    /// How many different events said that this task enters queue number `n`.
    fn entered(&self, task: &str, n: usize) -> usize {
        let all = self.it.app.received(EVENTS);
        let theirs = all.iter().filter(|event| {
            event.parameter("TaskSid") == task && event.parameter("TaskQueueSid") == self.queues[n]
        });
        theirs.map(|event| event.parameter("Sid").to_owned()).collect::<std::collections::BTreeSet<_>>().len()
    }

    async fn task(&self, task: &str) -> Value {
        self.it.rest.fetch(&format!("{}/Tasks/{task}", self.base)).await.unwrap().ok().unwrap()
    }

    async fn task_is(&self, task: &str, status: &str) {
        let what = format!("{task} is {status}");
        eventually(&what, async || self.task(task).await["assignment_status"] == status).await;
    }

    /// The call was redirected: the friend talks with the caller, and the task is over.
    async fn is_redirected(&self, caller: &Call, task: &str) -> Call {
        let friend = self.it.trunk.receives(WITHIN * 2).await.unwrap();
        assert_eq!(friend.dialled(), FRIEND);
        caller.hears(OUTSIDE, WITHIN).await.unwrap();
        friend.hears(CALLER, WITHIN).await.unwrap();
        self.task_is(task, "canceled").await;
        friend
    }

    /// Nobody has an open reservation, and no task waits in any queue.
    async fn nothing_is_open(&self) {
        let path = format!("{}/Tasks?AssignmentStatus=pending,reserved,assigned,wrapping", self.base);
        eventually("no open task", async || {
            let open = self.it.rest.list(&path, "tasks").await.unwrap();
            for task in &open {
                if ["assigned", "wrapping"].iter().any(|status| task["assignment_status"] == *status) {
                    let path = format!("{}/Tasks/{}", self.base, sid(task));
                    // Refused while the call is on its way out.
                    let form = [("AssignmentStatus", "completed"), ("Reason", "done")];
                    let _ = self.it.rest.post(&path, &form).await.unwrap();
                }
            }
            open.is_empty()
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_1_and_s3_2_nobody_accepts_and_the_fourth_queue_sends_the_call_outside() {
    let it = Scene::start().await;
    let mut house = House::open(&it, [Some(5), Some(5), Some(10)], "120").await;
    house.has_its_function();
    let (caller, call) = it.caller("+15558880001", CALLER, NUMBER).await;
    let began = tokio::time::Instant::now();
    caller.hears(Heard::Music, WITHIN).await.unwrap();
    let first = house.enters(None, 0).await;
    let task = first.parameter("TaskSid").to_owned();
    for (n, name, at) in
        [(0, "Sales", 0), (1, "Support", 5), (2, "Everyone", 10), (3, "Call Redirection", 20)]
    {
        let event = house.enters(Some(&task), n).await;
        let late = began.elapsed().as_secs_f64() - f64::from(at);
        assert!(late.abs() < 2.0, "{name} after {:?}", began.elapsed());
        assert!(event.signed && event.method == "POST", "{event:?}");
        assert!(event.headers["content-type"].starts_with("application/x-www-form-urlencoded"));
        assert_eq!(event.parameter("EventType"), "task-queue.entered");
        assert_eq!(event.parameter("TaskQueueName"), name);
        assert!(
            house.base.ends_with(event.parameter("WorkspaceSid"))
                && !event.parameter("WorkspaceSid").is_empty()
        );
        for parameter in ["WorkflowSid", "EventDescription", "TaskAttributes", "Sid", "Timestamp"] {
            assert!(!event.parameter(parameter).is_empty(), "{parameter} in {event:?}");
        }
        let attributes: Value = serde_json::from_str(event.parameter("TaskAttributes")).unwrap();
        assert_eq!(attributes["call_sid"], call);
    }
    let friend = house.is_redirected(&caller, &task).await;
    let asked = &it.app.received(REDIRECT)[0];
    assert_eq!((asked.method.as_str(), asked.parameter("CallSid"), asked.signed), ("GET", &*call, true));
    assert_eq!(it.call(&call).await["status"], "in-progress", "the caller's leg stays up");
    let path = format!("{}/Workflows/{}/RealTimeStatistics", house.base, first.parameter("WorkflowSid"));
    let now = it.rest.fetch(&path).await.unwrap().ok().unwrap();
    assert_eq!(now["total_tasks"], 0, "it has left all queues: {now}");
    caller.hangs_up().await.unwrap();
    assert_eq!(friend.ends(WITHIN).await.unwrap(), End::TheyHungUp);
    house.nothing_is_open().await;
    drop(house);
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_3_and_s3_5_whoever_is_helped_in_time_and_whatever_is_no_call_is_not_redirected() {
    let it = Scene::start().await;
    let mut house = House::open(&it, [Some(1), Some(2), Some(1)], "30").await;
    house.has_its_function();
    let (caller, _) = it.caller("+15558880001", CALLER, NUMBER).await;
    let event = house.enters(None, 1).await;
    let task = event.parameter("TaskSid").to_owned();
    house.becomes_available().await;
    let (reservation, offered) = house.offered(0).await;
    assert_eq!(offered, task);
    assert!(house.takes(&task, &reservation).await);
    let talk = house.phone.rings(WITHIN).await.unwrap().answers().await.unwrap();
    caller.hears(AGENT, WITHIN).await.unwrap();
    talk.hears(CALLER, WITHIN).await.unwrap();

    // A chat goes through all the queues meanwhile, and nothing is to be redirected for it.
    let form =
        [("TaskChannel", "chat"), ("WorkflowSid", event.parameter("WorkflowSid")), ("Attributes", "{}")];
    // Their hands are full with one task on the channel: the chat is offered to nobody.
    let chat =
        it.rest.fetch(&format!("{}/Workers/{}/Channels/chat", house.base, house.worker)).await.unwrap();
    let channel = chat.ok().unwrap();
    let path = format!("{}/Workers/{}/Channels/{}", house.base, house.worker, sid(&channel));
    it.rest.post(&path, &[("Capacity", "0")]).await.unwrap().ok().unwrap();
    let made = it.rest.post(&format!("{}/Tasks", house.base), &form).await.unwrap().ok().unwrap();
    let chat = sid(&made);
    let last = house.enters(Some(&chat), 3).await;
    assert!(last.signed && !last.parameter("TaskAttributes").contains("call_sid"), "{last:?}");
    assert_eq!(house.task(&chat).await["assignment_status"], "pending", "it goes on waiting");

    // The chat took longer than the call's steps would have.
    assert_eq!((house.entered(&task, 2), house.entered(&task, 3)), (0, 0), "the call stays where it is");
    assert!(it.app.received(REDIRECT).is_empty());
    assert_eq!(house.task(&task).await["assignment_status"], "assigned");
    caller.hears(AGENT, WITHIN).await.unwrap();
    caller.hangs_up().await.unwrap();
    talk.ends(WITHIN).await.unwrap();
    let form = [("AssignmentStatus", "canceled"), ("Reason", "done")];
    it.rest.post(&format!("{}/Tasks/{chat}", house.base), &form).await.unwrap().ok().unwrap();
    house.nothing_is_open().await;
    drop(house);
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_4_an_answer_at_the_last_moment_is_either_a_conversation_or_a_redirect() {
    const STEP: Duration = Duration::from_secs(2);
    let it = Scene::start().await;
    let mut house = House::open(&it, [None, None, Some(2)], "2").await;
    house.has_its_function();
    let mut outcomes = [0, 0];
    for (round, offset_ms) in [-300_i64, -60, 0, 60, 300].into_iter().enumerate() {
        house.becomes_available().await;
        let before = it.app.received("/assign").len();
        let (caller, _) = it.caller(&format!("+1555888000{round}"), CALLER, NUMBER).await;
        // The offer and the step begin in one decision, and end together.
        let (reservation, task) = house.offered(before).await;
        let until = STEP.as_millis() as i64 + offset_ms;
        pass(Duration::from_millis(until.unsigned_abs())).await;
        let taken = house.takes(&task, &reservation).await;
        let path = format!("{}/Tasks/{task}/Reservations", house.base);
        if taken {
            outcomes[0] += 1;
            let talk = house.phone.rings(WITHIN).await.unwrap().answers().await.unwrap();
            caller.hears(AGENT, WITHIN).await.unwrap();
            talk.hears(CALLER, WITHIN).await.unwrap();
            assert_eq!(house.entered(&task, 3), 0, "no redirect beside a conversation ({offset_ms} ms)");
            let all = it.rest.list(&path, "reservations").await.unwrap();
            assert!(all.iter().all(|r| r["reservation_status"] == "accepted"), "{all:?}");
            caller.hangs_up().await.unwrap();
            talk.ends(WITHIN).await.unwrap();
        } else {
            outcomes[1] += 1;
            let friend = house.is_redirected(&caller, &task).await;
            assert_eq!(house.entered(&task, 3), 1, "{offset_ms} ms");
            let all = it.rest.list(&path, "reservations").await.unwrap();
            assert!(all.iter().all(|r| r["reservation_status"] == "timeout"), "{all:?}");
            house.phone.stays_quiet(Duration::from_millis(300)).await.unwrap();
            caller.hangs_up().await.unwrap();
            friend.ends(WITHIN).await.unwrap();
        }
        house.nothing_is_open().await;
    }
    assert!(outcomes[0] > 0 && outcomes[1] > 0, "both sides of the moment were seen: {outcomes:?}");
    drop(house);
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_7_an_event_that_is_told_again_redirects_the_call_once() {
    let it = Scene::start().await;
    let mut house = House::open(&it, [Some(1), None, None], "30").await;
    // The function acts each time, and its answer is lost each time but the last.
    for status in [204, 500, 500, 500, 204] {
        it.app.answers(EVENTS, status, "text/plain", "");
    }
    house.has_its_function();
    let (caller, call) = it.caller("+15558880001", CALLER, NUMBER).await;
    let task = house.enters(None, 3).await.parameter("TaskSid").to_owned();
    let friend = house.is_redirected(&caller, &task).await;
    let told = || {
        let mut all = it.app.received(EVENTS);
        all.retain(|event| event.parameter("TaskQueueSid") == house.queues[3]);
        all
    };
    eventually("three retries", async || told().len() == 4).await;
    for event in told() {
        assert!(event.signed);
        assert_eq!(event.parameter("Sid"), told()[0].parameter("Sid"), "the same event");
        let token = |event: &Received| event.headers["i-twilio-idempotency-token"].clone();
        assert_eq!(token(&event), token(&told()[0]));
    }
    // Acted upon four times, and nobody noticed.
    caller.hears(OUTSIDE, WITHIN).await.unwrap();
    friend.hears(CALLER, WITHIN).await.unwrap();
    assert_eq!(it.app.received(REDIRECT).len(), 1, "the document was asked for once");
    let path = it.rest.account_path(&format!("/Calls.json?ParentCallSid={call}"));
    assert_eq!(it.rest.list(&path, "calls").await.unwrap().len(), 1, "and one number dialled");
    caller.hangs_up().await.unwrap();
    friend.ends(WITHIN).await.unwrap();
    house.nothing_is_open().await;
    drop(house);
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_6_an_event_that_is_not_signed_rightly_is_refused_and_nothing_happens() {
    let it = Scene::start().await;
    it.app.refuses_unsigned(EVENTS);
    let mut house = House::open(&it, [Some(8), None, None], "30").await;
    house.has_its_function();
    let (caller, call) = it.caller("+15558880001", CALLER, NUMBER).await;
    let real = house.enters(None, 0).await;
    assert!(real.signed);
    let task = real.parameter("TaskSid").to_owned();
    // The same event with another queue in it: what would send the call outside.
    let told = |(name, value): &(String, String)| match name.as_str() {
        "TaskQueueSid" => (name.clone(), house.queues[3].clone()),
        _ => (name.clone(), value.clone()),
    };
    let forged: Vec<(String, String)> = real.parameters.iter().map(told).collect();
    let client = reqwest::Client::new();
    let post = async |form: &[(String, String)], signature: Option<&str>| {
        let request = client.post(it.app.url(EVENTS)).form(form);
        let request = match signature {
            Some(signature) => request.header("X-Twilio-Signature", signature),
            None => request,
        };
        request.send().await.unwrap().status().as_u16()
    };
    let signature = real.headers["x-twilio-signature"].clone();
    assert_eq!(post(&forged, None).await, 403, "no signature");
    assert_eq!(post(&forged, Some("bm9uc2Vuc2Ugb2YgdHdlbnR5IGI=")).await, 403, "a wrong one");
    assert_eq!(post(&forged, Some(&signature)).await, 403, "that of another event");
    assert_eq!(post(&real.parameters, Some(&signature)).await, 204, "the event itself, as it was");
    assert!(it.app.received(REDIRECT).is_empty());
    assert_eq!(house.task(&task).await["assignment_status"], "pending");
    assert_eq!(it.call(&call).await["status"], "in-progress");
    caller.hears(Heard::Music, WITHIN).await.unwrap();

    // What the service itself tells is believed.
    let believed = |e: &Received| e.signed && e.parameter("TaskQueueSid") == house.queues[3];
    it.app.receives(EVENTS, WITHIN * 2, believed).await.unwrap();
    let friend = house.is_redirected(&caller, &task).await;
    caller.hangs_up().await.unwrap();
    friend.ends(WITHIN).await.unwrap();
    house.nothing_is_open().await;
    drop(house);
    it.stop().await;
}
