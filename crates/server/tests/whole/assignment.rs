//! A workflow's application decides in its assignment callback what happens to each offer of a call.

use crate::scene::*;
use serde_json::{Value, json};
use testkit::{Call, End, Heard, Phone, Server, ServerOptions, Trunk, WITHIN};

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

impl Desk<'_> {
    /// Gives a reservation an instruction over REST.
    async fn instruct(&self, task: &str, reservation: &str, form: &[(&str, &str)]) {
        let path = format!("{}/Tasks/{task}/Reservations/{reservation}", self.base);
        self.it.rest.post(&path, form).await.unwrap().ok().unwrap();
    }

    /// What the event of the canceled reservation says of the reason.
    async fn canceled_because(&self, task: &str, reservation: &str) -> Value {
        self.reservation_becomes(task, reservation, "canceled").await;
        let path = format!("/Events?ReservationSid={reservation}&EventType=reservation.canceled");
        let events = self.get(&path).await;
        events["events"][0]["event_data"]["canceled_reason_code"].clone()
    }
}

/// A server that may only call North America.
async fn restricted() -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("tandem.toml");
    std::fs::write(&config, "allowed-prefixes = [\"+1\"]\n").unwrap();
    let trunk = Trunk::open().await.unwrap();
    let flags = vec!["--config".to_owned(), config.display().to_string()];
    let options = ServerOptions { trunk: Some(trunk.uri()), flags, ..Default::default() };
    let server = Server::start(options).await.unwrap();
    Scene::around(server, trunk).await
}

/// Reference §4.5, §5.6: 13223 for a number that nobody has, 21215 for one that may not be called; in the debugger 40145,
/// 40133, 40113 and 40122.
#[tokio::test(flavor = "multi_thread")]
async fn a_dial_that_fails_cancels_the_offer_and_says_why() {
    let it = restricted().await;
    let desk = Desk::open(&it, "desk").await;
    let (nobody, abroad, from) = ("sip:nobody@tandem.localhost", "+4930123456", "+15550100001");
    let url = it.app.url("/worker");
    let mut gone = String::new();
    // Name, form, the code in the debugger, and the reason of the reservation.
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], u32, u32);
    let cases: [Case<'_>; 4] = [
        ("unknown", &[("Instruction", "conference"), ("To", nobody), ("From", from)], 40145, 13223),
        ("abroad", &[("Instruction", "conference"), ("To", abroad), ("From", from)], 40145, 21215),
        ("dequeued", &[("Instruction", "dequeue"), ("DequeueTo", abroad)], 40133, 21215),
        (
            "called",
            &[
                ("Instruction", "call"),
                ("CallTo", nobody),
                ("CallFrom", from),
                ("CallUrl", &url),
                ("CallAccept", "true"),
            ],
            40113,
            13223,
        ),
    ];
    for (n, (name, form, code, reason)) in (1..).zip(cases) {
        desk.instructs(name, &json!({}));
        let (caller, caller_sid) = desk.call(n, name, &[]).await;
        let (reservation, task) = desk.asked(name).await;
        desk.instruct(&task, &reservation, form).await;
        assert_eq!(desk.canceled_because(&task, &reservation).await, reason.to_string(), "{name}");
        noted(&it, code).await;
        caller.hangs_up().await.unwrap();
        desk.settles(&task).await;
        gone = caller_sid;
    }
    desk.instructs("redirected", &json!({}));
    let (caller, _) = desk.call(7, "redirected", &[]).await;
    let (reservation, task) = desk.asked("redirected").await;
    let form = [
        ("Instruction", "redirect"),
        ("RedirectCallSid", &*gone),
        ("RedirectUrl", &*url),
        ("RedirectAccept", "true"),
    ];
    desk.instruct(&task, &reservation, &form).await;
    assert_eq!(desk.canceled_because(&task, &reservation).await, "40122");
    noted(&it, 40122).await;
    caller.hangs_up().await.unwrap();
    desk.settles(&task).await;

    // An outbound task: the worker answers, and the customer is not to be had.
    let attributes = json!({"outbound_to": abroad, "from": from}).to_string();
    let workflows = desk.get("/Workflows").await;
    let form = [
        ("WorkflowSid", workflows["workflows"][0]["sid"].as_str().unwrap()),
        ("RoutingTarget", &*desk.worker),
        ("TaskChannel", "voice"),
        ("Attributes", &*attributes),
    ];
    let task = sid(&it.rest.post(&format!("{}/Tasks", desk.base), &form).await.unwrap().ok().unwrap());
    let mut reservation = String::new();
    eventually("the worker is reserved", async || {
        let all = desk.get(&format!("/Tasks/{task}/Reservations")).await;
        reservation = all["reservations"][0]["sid"].as_str().unwrap_or_default().to_owned();
        !reservation.is_empty()
    })
    .await;
    desk.instruct(&task, &reservation, &[("Instruction", "conference"), ("From", from)]).await;
    let talk = desk.phone.rings(WITHIN).await.unwrap().answers().await.unwrap();
    assert_eq!(desk.canceled_because(&task, &reservation).await, "21215");
    talk.ends(WITHIN).await.unwrap();
    let over = desk.get(&format!("/Tasks/{task}")).await;
    let reason = format!("RoutingTarget not available for Reservation acceptance: {}", desk.worker);
    assert_eq!((&over["assignment_status"], &over["reason"]), (&json!("canceled"), &json!(reason)));
    drop(desk);
    it.stop().await;
}

/// A notification with this code is there.
async fn noted(it: &Scene, code: u32) {
    let path = it.rest.account_path("/Notifications.json");
    let code = code.to_string();
    eventually(&format!("{code} is noted"), async || {
        let all = it.rest.list(&path, "notifications").await.unwrap();
        all.iter().any(|one| one["error_code"] == code.as_str())
    })
    .await;
}

/// Reference §5.5, §8.5: a conference instruction records the worker's leg and the conference, and the Sync map of the task
/// shows who is in it.
#[tokio::test(flavor = "multi_thread")]
async fn a_conference_is_recorded_as_its_instruction_says_and_shown_in_sync() {
    let it = Scene::start().await;
    let desk = Desk::open(&it, "desk").await;
    desk.instructs(
        "recorded",
        &json!({"instruction": "conference", "from": "+15550100001", "beep": "false",
        "end_conference_on_customer_exit": true, "beep_on_customer_entrance": "false",
        "record": true, "recording_channels": "dual", "recording_status_callback": it.app.url("/leg"),
        "conference_record": "true", "conference_recording_status_callback": it.app.url("/room"),
        "region": "de1", "jitter_buffer_size": "small"}),
    );
    let (caller, caller_sid) = desk.call(1, "recorded", &[]).await;
    let (reservation, task) = desk.asked("recorded").await;
    let talk = desk.phone.rings(WITHIN).await.unwrap().answers().await.unwrap();
    caller.hears(AGENT, WITHIN).await.unwrap();
    talk.hears(CALLER, WITHIN).await.unwrap();
    let workspace = desk.base.rsplit('/').next().unwrap();
    let path = format!("/sync/v1/Services/{workspace}.insights/Maps/{task}.CS/Items");
    let shown = async |kind: &str| -> Value {
        let items = it.rest.list(&path, "items").await.unwrap();
        let of_kind = |item: &&Value| item["data"]["participant_type"] == kind;
        items.iter().find(of_kind).map_or(Value::Null, |item| item["data"].clone())
    };
    eventually("both are shown", async || shown("worker").await["status"] == "joined").await;
    let worker = shown("worker").await;
    let named = (&worker["worker_sid"], &worker["reservation_sid"], &worker["hold"]);
    assert_eq!(named, (&json!(desk.worker), &json!(reservation), &json!(false)));
    let customer = shown("customer").await;
    assert_eq!((&customer["call_sid"], &customer["status"]), (&json!(caller_sid), &json!("joined")));
    // Long enough for both to be heard in what is recorded.
    caller.hears(AGENT, WITHIN).await.unwrap();
    caller.hangs_up().await.unwrap();
    talk.ends(WITHIN).await.unwrap();
    let leg = it.app.receives("/leg", WITHIN, |_| true).await.unwrap();
    let said = ["RecordingStatus", "RecordingChannels", "RecordingSource"]
        .map(|name| leg.parameter(name).to_owned());
    assert_eq!(said, ["completed", "2", "OutboundAPI"]);
    let room = it.app.receives("/room", WITHIN, |_| true).await.unwrap();
    let said = ["RecordingStatus", "RecordingChannels", "RecordingSource"]
        .map(|name| room.parameter(name).to_owned());
    assert_eq!(said, ["completed", "1", "Conference"]);
    eventually("both have left", async || {
        shown("worker").await["status"] == "left" && shown("customer").await["status"] == "left"
    })
    .await;
    desk.settles(&task).await;
    drop(desk);
    it.stop().await;
}
