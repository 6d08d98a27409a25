//! A workflow's application decides in its assignment callback what happens to each offer of a call.

use crate::scene::*;
use serde_json::{Value, json};
use testkit::{Call, End, Heard, Phone, WITHIN};

const PASSWORD: &str = "phone-Password-1";

/// A workspace of its own with one worker and their phone.
pub struct Desk<'a> {
    pub it: &'a Scene,
    pub base: String,
    pub worker: String,
    pub queue: String,
    pub available: String,
    pub unavailable: String,
    pub phone: Phone,
}

/// SID of what was made.
pub fn sid(body: &Value) -> String {
    body["sid"].as_str().unwrap().to_owned()
}

impl<'a> Desk<'a> {
    /// A workspace without a voice policy: nothing rings unless the application says so. Its one worker is `user`.
    pub async fn open(it: &'a Scene, user: &str) -> Self {
        let make = async |path: &str, form: &[(&str, &str)]| -> Value {
            it.rest.post(path, form).await.unwrap().ok().unwrap()
        };
        let workspace = sid(&make("/taskrouter/v1/Workspaces", &[("FriendlyName", "Assigning")]).await);
        let base = format!("/taskrouter/v1/Workspaces/{workspace}");
        let activities = it.rest.list(&format!("{base}/Activities"), "activities").await.unwrap();
        let activity = |name: &str| sid(activities.iter().find(|a| a["friendly_name"] == name).unwrap());
        let (available, unavailable) = (activity("Available"), activity("Unavailable"));
        let form = [("FriendlyName", "All"), ("TargetWorkers", "1==1")];
        let queue = sid(&make(&format!("{base}/TaskQueues"), &form).await);
        let attributes = json!({"contact_uri": format!("sip:{user}@tandem.localhost")}).to_string();
        let form = [("FriendlyName", user), ("ActivitySid", &*available), ("Attributes", &*attributes)];
        let worker = sid(&make(&format!("{base}/Workers"), &form).await);
        make("/tandem/v1/SipAccounts", &[("User", user), ("Password", PASSWORD)]).await;
        let phone = Phone::registered(user, PASSWORD, it.server.sip(), AGENT).await.unwrap();
        Self { base, worker, queue, available, unavailable, phone, it }
    }

    /// A call to a number whose workflow asks the application at `/assign-{name}`.
    async fn call(&self, n: u8, name: &str, more: &[(&str, &str)]) -> (Call, String) {
        let it = self.it;
        let filters =
            json!({"task_routing": {"filters": [], "default_filter": {"queue": self.queue}}}).to_string();
        let url = it.app.url(&format!("/assign-{name}"));
        let form =
            [&[("FriendlyName", name), ("Configuration", &filters), ("AssignmentCallbackUrl", &url)], more]
                .concat();
        let workflow =
            sid(&it.rest.post(&format!("{}/Workflows", self.base), &form).await.unwrap().ok().unwrap());
        let (path, number) = (format!("/voice-{name}"), format!("+1555014000{n}"));
        it.says(&path, &format!(r#"<Enqueue workflowSid="{workflow}" action="/after-{name}"/>"#));
        it.says(&format!("/after-{name}"), "<Hangup/>");
        it.number(&number, &path, &[]).await;
        it.caller(&format!("+1555887000{n}"), CALLER, &number).await
    }

    pub fn instructs(&self, name: &str, instruction: &Value) {
        let path = format!("/assign-{name}");
        self.it.app.answers(&path, 200, "application/json", &instruction.to_string());
    }

    /// The callback's reservation and task.
    pub async fn asked(&self, name: &str) -> (String, String) {
        let path = format!("/assign-{name}");
        let asked = self.it.app.receives(&path, WITHIN, |_| true).await.unwrap();
        assert!(asked.signed, "{asked:?}");
        assert_eq!(asked.parameter("WorkerSid"), self.worker);
        (asked.parameter("ReservationSid").to_owned(), asked.parameter("TaskSid").to_owned())
    }

    pub async fn get(&self, path: &str) -> Value {
        self.it.rest.fetch(&format!("{}{path}", self.base)).await.unwrap().ok().unwrap()
    }

    pub async fn reservation_becomes(&self, task: &str, reservation: &str, status: &str) {
        let path = format!("/Tasks/{task}/Reservations/{reservation}");
        eventually(&format!("{reservation} is {status}"), async || {
            self.get(&path).await["reservation_status"] == status
        })
        .await;
    }

    /// The task is over (or in wrap-up, which is then completed), and the worker free again.
    pub async fn settles(&self, task: &str) {
        let path = format!("/Tasks/{task}");
        eventually("the task is over", async || {
            let answer = self.it.rest.fetch(&format!("{}{path}", self.base)).await.unwrap();
            let status = answer.body["assignment_status"].as_str().unwrap_or("gone").to_owned();
            if ["assigned", "wrapping"].contains(&&*status) {
                let form = [("AssignmentStatus", "completed"), ("Reason", "done")];
                // Refused while the call is on its way out.
                let _ = self.it.rest.post(&format!("{}{path}", self.base), &form).await.unwrap();
            }
            ["completed", "canceled", "gone"].contains(&&*status)
        })
        .await;
        self.becomes_active(&self.available).await;
    }

    pub async fn becomes_active(&self, activity: &str) {
        let path = format!("{}/Workers/{}", self.base, self.worker);
        self.it.rest.post(&path, &[("ActivitySid", activity)]).await.unwrap().ok().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dequeue_and_conference_connect_the_agent() {
    let it = Scene::start().await;
    let desk = Desk::open(&it, "desk").await;
    desk.instructs(
        "dequeue",
        &json!({"instruction": "dequeue", "from": "+15550100001", "post_work_activity_sid": desk.unavailable}),
    );
    let (caller, caller_sid) = desk.call(1, "dequeue", &[]).await;
    let (reservation, task) = desk.asked("dequeue").await;
    let talk = desk.phone.rings(WITHIN).await.unwrap().answers().await.unwrap();
    caller.hears(AGENT, WITHIN).await.unwrap();
    talk.hears(CALLER, WITHIN).await.unwrap();
    desk.reservation_becomes(&task, &reservation, "accepted").await;
    let attributes: Value =
        serde_json::from_str(desk.get(&format!("/Tasks/{task}")).await["attributes"].as_str().unwrap())
            .unwrap();
    assert_eq!(attributes["call_sid"], caller_sid);
    assert!(attributes["worker_call_sid"].as_str().is_some_and(|sid| sid.starts_with("CA")), "{attributes}");
    caller.hangs_up().await.unwrap();
    talk.ends(WITHIN).await.unwrap();
    let worker = format!("/Workers/{}", desk.worker);
    eventually("the post-work activity", async || {
        desk.get(&worker).await["activity_sid"] == desk.unavailable
    })
    .await;
    assert_eq!(it.posted("/after-dequeue", "QueueResult").await, "bridged");
    desk.settles(&task).await;

    desk.instructs(
        "conference",
        &json!({"instruction": "conference", "from": "+15550100001",
        "end_conference_on_customer_exit": true}),
    );
    let (caller, _) = desk.call(2, "conference", &[]).await;
    let (reservation, task) = desk.asked("conference").await;
    let talk = desk.phone.rings(WITHIN).await.unwrap().answers().await.unwrap();
    caller.hears(AGENT, WITHIN).await.unwrap();
    talk.hears(CALLER, WITHIN).await.unwrap();
    desk.reservation_becomes(&task, &reservation, "accepted").await;
    caller.hangs_up().await.unwrap();
    talk.ends(WITHIN).await.unwrap();
    desk.settles(&task).await;
    drop(desk);
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redirect_accept_and_reject_do_as_they_say() {
    let it = Scene::start().await;
    let desk = Desk::open(&it, "desk").await;
    desk.instructs("accept", &json!({"instruction": "accept"}));
    let (caller, _) = desk.call(1, "accept", &[]).await;
    let (reservation, task) = desk.asked("accept").await;
    desk.reservation_becomes(&task, &reservation, "accepted").await;
    caller.hangs_up().await.unwrap();
    desk.settles(&task).await;

    // The instruction names the call, so this one waits for it.
    it.says("/elsewhere", &it.play(ELSEWHERE));
    let (caller, caller_sid) = desk.call(2, "late", &[]).await;
    let (reservation, task) = desk.asked("late").await;
    let form = [
        ("Instruction", "redirect"),
        ("RedirectCallSid", &*caller_sid),
        ("RedirectUrl", &*it.app.url("/elsewhere")),
        ("RedirectAccept", "true"),
    ];
    let path = format!("{}/Tasks/{task}/Reservations/{reservation}", desk.base);
    it.rest.post(&path, &form).await.unwrap().ok().unwrap();
    caller.hears(ELSEWHERE, WITHIN).await.unwrap();
    desk.reservation_becomes(&task, &reservation, "accepted").await;
    caller.hangs_up().await.unwrap();
    desk.settles(&task).await;

    desk.instructs("reject", &json!({"instruction": "reject", "activity_sid": desk.unavailable}));
    let (caller, _) = desk.call(3, "reject", &[]).await;
    let (reservation, task) = desk.asked("reject").await;
    desk.reservation_becomes(&task, &reservation, "rejected").await;
    let worker = format!("/Workers/{}", desk.worker);
    eventually("unavailable", async || desk.get(&worker).await["activity_sid"] == desk.unavailable).await;
    caller.hangs_up().await.unwrap();
    desk.settles(&task).await;
    drop(desk);
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_that_fails_goes_to_the_fallback_and_then_the_offer_is_canceled() {
    let it = Scene::start().await;
    let desk = Desk::open(&it, "desk").await;
    it.app.answers("/assign-failing", 500, "text/plain", "oh");
    it.app.answers("/spare", 200, "application/json", r#"{"instruction":"accept"}"#);
    let spare = it.app.url("/spare");
    let (caller, _) = desk.call(1, "failing", &[("FallbackAssignmentCallbackUrl", &spare)]).await;
    let (reservation, task) = desk.asked("failing").await;
    desk.reservation_becomes(&task, &reservation, "accepted").await;
    let fallback = it.app.receives("/spare", WITHIN, |_| true).await.unwrap();
    assert!(fallback.signed && fallback.parameter("ReservationSid") == reservation, "{fallback:?}");
    caller.hangs_up().await.unwrap();
    desk.settles(&task).await;

    it.app.answers("/assign-dead", 500, "text/plain", "oh");
    it.app.answers("/dead", 500, "text/plain", "oh");
    let dead = it.app.url("/dead");
    let (caller, _) = desk.call(2, "dead", &[("FallbackAssignmentCallbackUrl", &dead)]).await;
    let (reservation, task) = desk.asked("dead").await;
    desk.reservation_becomes(&task, &reservation, "canceled").await;
    caller.hangs_up().await.unwrap();
    eventually("the task is canceled", async || {
        let task = it.rest.fetch(&format!("{}/Tasks/{task}", desk.base)).await.unwrap();
        task.status == 404 || task.body["assignment_status"] == "canceled"
    })
    .await;
    drop(desk);
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_waiting_cancels_task_and_offer() {
    let it = Scene::start().await;
    let desk = Desk::open(&it, "desk").await;
    it.app.answers("/assign-idle", 200, "application/json", "{}");
    let (caller, sid) = desk.call(1, "idle", &[]).await;
    let (reservation, task) = desk.asked("idle").await;
    caller.hangs_up().await.unwrap();
    assert_eq!(it.posted("/after-idle", "QueueResult").await, "hangup");
    it.becomes(&sid, "completed").await;
    desk.reservation_becomes(&task, &reservation, "canceled").await;

    // The same by REST: the call goes elsewhere, the task with it.
    let (caller, sid) = desk.call(2, "taken", &[]).await;
    it.app.answers("/assign-taken", 200, "application/json", "{}");
    let (reservation, task) = desk.asked("taken").await;
    it.redirect(&sid, &it.play(ELSEWHERE)).await;
    caller.hears(ELSEWHERE, WITHIN).await.unwrap();
    desk.reservation_becomes(&task, &reservation, "canceled").await;
    assert_eq!(it.posted("/after-taken", "QueueResult").await, "redirected");
    caller.hangs_up().await.unwrap();
    let refused = it.trunk.caller("+15558879999", CALLER).dials("+15550149999").await.unwrap();
    assert!(matches!(refused.ends(WITHIN).await.unwrap(), End::Refused(_)), "a number nobody has");
    drop(desk);
    it.stop().await;
}

/// A document that connects with the caller of this reservation.
fn dials(it: &Scene, name: &str, reservation: &str) -> String {
    let path = format!("/worker-{name}");
    it.says(&path, &format!(
        r#"<Dial action="/dialled-{name}"><Queue reservationSid="{reservation}"/></Dial><Say>not here</Say>"#
    ));
    it.says(&format!("/dialled-{name}"), "<Hangup/>");
    it.app.url(&path)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dialled_reservation_is_accepted_in_its_own_workspace_and_a_taken_one_refused() {
    let it = Scene::start().await;
    let (one, two) = (Desk::open(&it, "desk").await, Desk::open(&it, "annex").await);
    let mut waiting = Vec::new();
    for (n, name, desk) in [(1, "one", &one), (2, "two", &two)] {
        desk.instructs(name, &json!({}));
        let (caller, _) = desk.call(n, name, &[]).await;
        let (reservation, task) = desk.asked(name).await;
        waiting.push((name, desk, caller, reservation, task));
    }
    // Callers wait in both workspaces; each reservation is found in its own.
    for (name, desk, caller, reservation, task) in waiting {
        let url = dials(&it, name, &reservation);
        let form = [("Instruction", "call"), ("CallFrom", "+15550100001"), ("CallUrl", &*url)];
        let path = format!("{}/Tasks/{task}/Reservations/{reservation}", desk.base);
        it.rest.post(&path, &form).await.unwrap().ok().unwrap();
        let talk = desk.phone.rings(WITHIN).await.unwrap().answers().await.unwrap();
        caller.hears(AGENT, WITHIN).await.unwrap();
        talk.hears(CALLER, WITHIN).await.unwrap();
        desk.reservation_becomes(&task, &reservation, "accepted").await;
        let attributes = desk.get(&format!("/Tasks/{task}")).await["attributes"].clone();
        assert!(attributes.as_str().unwrap().contains("worker_call_sid"), "{attributes}");
        caller.hangs_up().await.unwrap();
        assert_eq!(it.posted(&format!("/dialled-{name}"), "DialCallStatus").await, "completed");
        talk.ends(WITHIN).await.unwrap();
        assert_eq!(it.posted(&format!("/after-{name}"), "QueueResult").await, "bridged");
        desk.settles(&task).await;
    }

    // Accepted by other means: the caller is not to be had, and the document goes on after its `<Dial>`.
    one.instructs("taken", &json!({"instruction": "accept"}));
    let (caller, _) = one.call(3, "taken", &[]).await;
    let (reservation, task) = one.asked("taken").await;
    one.reservation_becomes(&task, &reservation, "accepted").await;
    let url = dials(&it, "taken", &reservation);
    let path = it.rest.account_path("/Calls.json");
    let form = [("To", "sip:desk@tandem.localhost"), ("From", "+15550100001"), ("Url", &*url)];
    let made = it.rest.post(&path, &form).await.unwrap().ok().unwrap();
    let talk = one.phone.rings(WITHIN).await.unwrap().answers().await.unwrap();
    let action = it.app.receives("/dialled-taken", WITHIN, |_| true).await.unwrap();
    assert!(action.signed && action.parameter("DialCallStatus") != "completed", "{action:?}");
    talk.ends(WITHIN).await.unwrap();
    caller.hears(Heard::Music, WITHIN).await.unwrap();
    let path = format!("/tandem/v1/Calls/{}/Timeline", sid(&made));
    let story = it.rest.fetch(&path).await.unwrap().ok().unwrap().to_string();
    assert!(story.contains("14217"), "{story}");
    caller.hangs_up().await.unwrap();
    one.settles(&task).await;
    drop((one, two));
    it.stop().await;
}
