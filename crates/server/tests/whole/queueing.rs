//! A call that waits for a worker, from its TwiML to what the API shows of it (scenarios S2).

use crate::assignment::{Desk, sid};
use crate::scene::*;
use serde_json::{Value, json};
use testkit::{Call, End, Heard, WITHIN};

/// What every waiting call's task says of its call (scenarios S2.A.2).
const STANDARD: [&str; 25] = [
    "account_sid",
    "api_version",
    "call_sid",
    "call_status",
    "called",
    "called_city",
    "called_country",
    "called_state",
    "called_zip",
    "caller",
    "caller_city",
    "caller_country",
    "caller_state",
    "caller_zip",
    "direction",
    "from",
    "from_city",
    "from_country",
    "from_state",
    "from_zip",
    "to",
    "to_city",
    "to_country",
    "to_state",
    "to_zip",
];

impl Desk<'_> {
    /// A workflow with the desk's one queue.
    async fn workflow(&self, name: &str, more: &[(&str, &str)]) -> String {
        let filters =
            json!({"task_routing": {"filters": [], "default_filter": {"queue": self.queue}}}).to_string();
        let form = [&[("FriendlyName", name), ("Configuration", &*filters)], more].concat();
        sid(&self.it.rest.post(&format!("{}/Workflows", self.base), &form).await.unwrap().ok().unwrap())
    }

    /// Somebody calls a number that runs these verbs.
    async fn runs(&self, n: u8, verbs: &str) -> (Call, String) {
        let (path, number) = (format!("/runs{n}"), format!("+155501500{n:02}"));
        self.it.says(&path, verbs);
        self.it.number(&number, &path, &[]).await;
        self.it.caller(&format!("+155588900{n:02}"), CALLER, &number).await
    }

    async fn tasks(&self) -> Vec<Value> {
        self.it.rest.list(&format!("{}/Tasks", self.base), "tasks").await.unwrap()
    }

    /// The task that waits for this call.
    async fn task_of(&self, call: &str) -> Value {
        let mut found = Value::Null;
        eventually(&format!("a task of {call}"), async || {
            let theirs = |t: &&Value| attributes(t)["call_sid"] == call;
            found = self.tasks().await.iter().find(theirs).cloned().unwrap_or_default();
            !found.is_null()
        })
        .await;
        found
    }

    /// The queue of waiting calls that has this name.
    async fn line(&self, name: &str) -> Value {
        let path = self.it.rest.account_path(&format!("/Queues.json?FriendlyName={name}"));
        let queues = self.it.rest.list(&path, "queues").await.unwrap();
        assert_eq!(queues.len(), 1, "{queues:?}");
        queues[0].clone()
    }

    async fn worker_activity(&self) -> Value {
        self.get(&format!("/Workers/{}", self.worker)).await["activity_sid"].clone()
    }
}

fn attributes(task: &Value) -> Value {
    serde_json::from_str(task["attributes"].as_str().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_1_and_s2_2_a_waiting_call_is_one_task_with_what_is_known_of_it() {
    let it = Scene::start().await;
    let desk = Desk::open(&it, "desk").await;
    desk.becomes_active(&desk.unavailable).await;
    let workflow = desk.workflow("Waiting", &[]).await;
    let (first, call) = desk.runs(1, &format!(r#"<Enqueue workflowSid="{workflow}"/>"#)).await;
    first.hears(Heard::Music, WITHIN).await.unwrap();
    let task = desk.task_of(&call).await;
    assert_eq!(desk.tasks().await.len(), 1, "exactly one");
    let shown = ["assignment_status", "task_channel_unique_name", "workflow_sid", "task_queue_sid"];
    assert_eq!(shown.map(|k| task[k].as_str().unwrap()), ["pending", "voice", &workflow, &desk.queue]);
    let all = attributes(&task);
    for key in STANDARD {
        assert!(all[key].is_string(), "{key} in {all}");
    }
    assert_eq!((&all["from"], &all["to"]), (&json!("+15558890001"), &json!("+15550150001")));
    assert_eq!((&all["caller_city"], &all["direction"]), (&json!(""), &json!("inbound")));
    let line = desk.line(&workflow).await;
    assert_eq!((&line["current_size"], &line["max_size"]), (&json!(1), &json!(100)));

    let own = r#"<Task priority="5" timeout="200">{"account_number":"12345abcdef"}</Task>"#;
    let verbs = format!(r#"<Enqueue workflowSid="{workflow}">{own}</Enqueue>"#);
    let (second, call) = desk.runs(2, &verbs).await;
    let task = desk.task_of(&call).await;
    assert_eq!((&task["priority"], &task["timeout"]), (&json!(5), &json!(200)));
    let all = attributes(&task);
    assert_eq!(all["account_number"], "12345abcdef");
    assert!(STANDARD.iter().all(|key| all[*key].is_string()), "the standard ones are kept: {all}");
    assert_eq!(desk.line(&workflow).await["current_size"], 2);

    // The older spelling; and what is no object makes no task.
    let older = r#"<TaskAttributes>{"account_number":"older"}</TaskAttributes>"#;
    let verbs = format!(r#"<Enqueue workflowSid="{workflow}">{older}</Enqueue>"#);
    let (third, call) = desk.runs(3, &verbs).await;
    assert_eq!(attributes(&desk.task_of(&call).await)["account_number"], "older");
    let verbs = format!(r#"<Enqueue workflowSid="{workflow}" action="/wrong"><Task>["a"]</Task></Enqueue>"#);
    let (fourth, call) = desk.runs(4, &verbs).await;
    fourth.hears(Heard::Speech, WITHIN).await.unwrap();
    fourth.ends(WITHIN).await.unwrap();
    assert!(it.app.received("/wrong").is_empty(), "it never was in the queue");
    assert_eq!(desk.tasks().await.len(), 3, "none for the fourth");
    let path = it.rest.account_path(&format!("/Calls/{call}/Notifications.json"));
    eventually("a notice", async || {
        let notices = it.rest.list(&path, "notifications").await.unwrap();
        notices.iter().any(|n| n["error_code"] == "14221")
    })
    .await;
    for caller in [first, second, third] {
        caller.hangs_up().await.unwrap();
    }
    eventually("nobody waits", async || desk.line(&workflow).await["current_size"] == 0).await;
    for task in desk.tasks().await {
        assert_eq!((&task["assignment_status"], &task["reason"]), (&json!("canceled"), &json!("hangup")));
    }
    drop(desk);
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_3_the_wait_document_is_asked_for_again_until_somebody_takes_the_call() {
    let it = Scene::start().await;
    let desk = Desk::open(&it, "desk").await;
    desk.becomes_active(&desk.unavailable).await;
    let assign = it.app.url("/assign-waited");
    let workflow = desk.workflow("Waited", &[("AssignmentCallbackUrl", &assign)]).await;
    desk.instructs("waited", &json!({"instruction": "dequeue", "from": "+15550100001"}));
    it.says("/wait", &format!("<Play>{}</Play>", it.tone(FIRST)));
    it.says("/survey", &it.play(ELSEWHERE));
    let verbs = format!(r#"<Enqueue workflowSid="{workflow}" waitUrl="/wait" action="/survey"/>"#);
    let (caller, call) = desk.runs(1, &verbs).await;
    caller.hears(FIRST, WITHIN).await.unwrap();
    eventually("asked three times", async || it.app.received("/wait").len() >= 3).await;
    let line = desk.line(&workflow).await;
    let asked = it.app.received("/wait");
    for request in &asked {
        assert!(request.signed && request.method == "POST", "{request:?}");
        assert_eq!(request.parameter("CallSid"), call);
        assert_eq!(request.parameter("QueueSid"), line["sid"].as_str().unwrap());
        assert_eq!(request.parameter("QueuePosition"), "1");
        assert_eq!(request.parameter("CurrentQueueSize"), "1");
        assert_eq!(request.parameter("MaxQueueSize"), "100");
    }
    let seconds = |n: usize, name: &str| asked[n].parameter(name).parse::<u32>().unwrap();
    assert!(seconds(2, "QueueTime") > seconds(0, "QueueTime"), "{asked:?}");
    assert!(seconds(2, "AvgQueueTime") <= seconds(2, "QueueTime"));

    desk.becomes_active(&desk.available).await;
    let talk = desk.phone.rings(WITHIN).await.unwrap().answers().await.unwrap();
    caller.hears(AGENT, WITHIN).await.unwrap();
    let count = it.app.received("/wait").len();
    talk.hangs_up().await.unwrap();
    let left = it.app.receives("/survey", WITHIN, |_| true).await.unwrap();
    assert!(left.signed);
    assert_eq!((left.parameter("QueueResult"), left.parameter("CallSid")), ("bridged", &*call));
    assert_eq!(left.parameter("QueueSid"), line["sid"].as_str().unwrap());
    assert!(left.parameter("QueueTime").parse::<u32>().unwrap() >= seconds(2, "QueueTime"));
    caller.hears(ELSEWHERE, WITHIN).await.unwrap();
    assert_eq!(it.app.received("/wait").len(), count, "not asked for while they talk or after");
    caller.hangs_up().await.unwrap();
    drop(desk);
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_7_a_full_queue_makes_no_task() {
    let it = Scene::start().await;
    let desk = Desk::open(&it, "desk").await;
    desk.becomes_active(&desk.unavailable).await;
    let workflow = desk.workflow("Full", &[]).await;
    let verbs = format!(r#"<Enqueue workflowSid="{workflow}" action="/after-full"/>"#);
    it.says("/after-full", "<Hangup/>");
    let (first, call) = desk.runs(1, &verbs).await;
    desk.task_of(&call).await;
    // The limit is the application's to set, as the documentation tells it to.
    let queue = sid(&desk.line(&workflow).await);
    let path = it.rest.account_path(&format!("/Queues/{queue}.json"));
    it.rest.post(&path, &[("MaxSize", "2")]).await.unwrap().ok().unwrap();
    let (second, call) = desk.runs(2, &verbs).await;
    desk.task_of(&call).await;
    let (path, number) = ("/runs3", "+15550150003");
    it.says(path, &verbs);
    it.number(number, path, &[]).await;
    let third = it.trunk.caller("+15558890003", SECOND).dials(number).await.unwrap();
    let refused = it.app.receives("/after-full", WITHIN, |_| true).await.unwrap();
    assert_eq!(refused.parameter("QueueResult"), "queue-full");
    assert_eq!(refused.parameter("From"), "+15558890003");
    assert_eq!(third.ends(WITHIN).await.unwrap(), End::TheyHungUp);
    assert_eq!(desk.tasks().await.len(), 2, "no task for the third");
    assert_eq!(desk.line(&workflow).await["current_size"], 2);
    first.hears(Heard::Music, WITHIN).await.unwrap();
    second.hears(Heard::Music, WITHIN).await.unwrap();
    // One leaves, and there is room again.
    first.hangs_up().await.unwrap();
    eventually("room", async || desk.line(&workflow).await["current_size"] == 1).await;
    let (fourth, call) = desk.runs(4, &verbs).await;
    desk.task_of(&call).await;
    drop((second, fourth, desk));
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_8_a_worker_who_does_not_answer_is_set_aside_and_the_task_offered_again() {
    let it = Scene::start().await;
    let desk = Desk::open(&it, "desk").await;
    it.rest.post(&desk.base, &[("TimeoutActivitySid", &desk.unavailable)]).await.unwrap().ok().unwrap();
    let assign = it.app.url("/assign-quiet");
    let more = [("AssignmentCallbackUrl", &*assign), ("TaskReservationTimeout", "2")];
    let workflow = desk.workflow("Quiet", &more).await;
    // The first offer is left to the worker, who does nothing.
    desk.instructs("quiet", &json!({}));
    desk.instructs("quiet", &json!({"instruction": "dequeue", "from": "+15550100001"}));
    let (caller, call) = desk.runs(1, &format!(r#"<Enqueue workflowSid="{workflow}"/>"#)).await;
    let (reservation, task) = desk.asked("quiet").await;
    desk.reservation_becomes(&task, &reservation, "timeout").await;
    eventually("set aside", async || desk.worker_activity().await == *desk.unavailable).await;
    let waiting = desk.task_of(&call).await;
    assert_eq!(waiting["assignment_status"], "pending");
    caller.hears(Heard::Music, WITHIN).await.unwrap();

    desk.becomes_active(&desk.available).await;
    let talk = desk.phone.rings(WITHIN).await.unwrap().answers().await.unwrap();
    caller.hears(AGENT, WITHIN).await.unwrap();
    talk.hears(CALLER, WITHIN).await.unwrap();
    let again = it.app.receives("/assign-quiet", WITHIN, |r| r.parameter("ReservationSid") != reservation);
    assert_eq!(again.await.unwrap().parameter("TaskSid"), task, "the same task, another reservation");
    caller.hangs_up().await.unwrap();
    talk.ends(WITHIN).await.unwrap();
    desk.settles(&task).await;
    drop(desk);
    it.stop().await;
}
