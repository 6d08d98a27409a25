//! A contact centre set up over the API as the published solution sets it up, and the acts of its desktop and functions.

use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Call, Phone, Rest, Server, ServerOptions, Tone, Trunk, WITHIN, WebhookReceiver};

const TOKEN: &str = "tandem-dev-token";
const PASSWORD: &str = "phone-Password-1";
const POLL: Duration = Duration::from_millis(40);

pub struct Solution {
    server: Server,
    pub trunk: Trunk,
    pub functions: WebhookReceiver,
    pub agent_phone: Phone,
    rest: Rest,
    workspace: String,
    worker: String,
    workflow: String,
    sync: String,
    hold_file: String,
    pub acd_number: String,
    pub direct_number: String,
}

/// Waits until `holds`, for as long as tests wait for anything.
#[expect(clippy::disallowed_methods, reason = "polls a condition until a deadline")]
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(WITHIN, async {
        while !holds().await {
            tokio::time::sleep(POLL).await;
        }
    });
    assert!(waited.await.is_ok(), "never: {what}");
}

/// A loopback web server with one WAV file of this tone.
async fn serve_tone(tone: Tone) -> String {
    let samples: Vec<u8> = (0..8000 * 4)
        .flat_map(|n| {
            let angle = f64::from(n) * f64::from(tone.0) * std::f64::consts::TAU / 8000.0;
            ((angle.sin() * 6000.0) as i16).to_le_bytes()
        })
        .collect();
    let size = u32::try_from(samples.len()).expect("short");
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((size + 36).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16u32.to_le_bytes());
    wav.extend([1, 0, 1, 0]);
    wav.extend(8000u32.to_le_bytes());
    wav.extend(16000u32.to_le_bytes());
    wav.extend([2, 0, 16, 0]);
    wav.extend(b"data");
    wav.extend(size.to_le_bytes());
    wav.extend(samples);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let app = axum::Router::new().route(
        "/hold_music_1.wav",
        axum::routing::get(move || async move { ([("content-type", "audio/wav")], wav) }),
    );
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}/hold_music_1.wav")
}

fn sid(body: &Value) -> String {
    body["sid"].as_str().expect("a sid").to_owned()
}

impl Solution {
    pub async fn start() -> Self {
        let trunk = Trunk::open().await.expect("a trunk");
        let options = ServerOptions { trunk: Some(trunk.uri()), ..Default::default() };
        let server = Server::start(options).await.expect("a server");
        trunk.serves(server.sip());
        let rest = server.rest();
        let functions = WebhookReceiver::start(TOKEN).await.expect("a receiver");
        let make = async |path: &str, form: &[(&str, &str)]| -> Value {
            rest.post(path, form).await.expect("sent").ok().expect("created")
        };
        let workspace =
            sid(&make("/taskrouter/v1/Workspaces", &[("FriendlyName", "Published"), ("Template", "NONE")])
                .await);
        let base = format!("/taskrouter/v1/Workspaces/{workspace}");
        let activities = rest.list(&format!("{base}/Activities"), "activities").await.expect("listed");
        let available = sid(activities.iter().find(|a| a["friendly_name"] == "Available").expect("seeded"));
        let queue = async |name: &str, expression: &str| {
            let form = [("FriendlyName", name), ("TargetWorkers", expression)];
            sid(&make(&format!("{base}/TaskQueues"), &form).await)
        };
        let acd = queue("Inbound ACD", "isAcdReady == true").await;
        let pickup = queue("Park Pickup", "1 == 1").await;
        let everyone = queue("Everyone", "1 == 1").await;
        let parked = json!({"filter_friendly_name": "Parked",
            "expression": "isParkPickup == true OR isParkHangup == true",
            "targets": [{"queue": pickup, "known_worker_sid": "task.targetWorker"}]});
        let workflow = async |name: &str, target: Value, timeout: &str| {
            let filters =
                json!([parked, {"filter_friendly_name": "All", "expression": "1 == 1", "targets": [target]}]);
            let configuration = json!({"task_routing": {"filters": filters}}).to_string();
            let form = [
                ("FriendlyName", name),
                ("Configuration", &configuration),
                ("TaskReservationTimeout", timeout),
            ];
            sid(&make(&format!("{base}/Workflows"), &form).await)
        };
        let acd_flow = workflow("Inbound ACD", json!({"queue": acd}), "15").await;
        let by_extension =
            json!({"queue": everyone, "expression": "task.directExtension == worker.directExtension"});
        let direct_flow = workflow("Direct Extension", by_extension, "60").await;
        let attributes = json!({"directExtension": "1234", "isAcdReady": true,
            "contact_uri": "sip:published@tandem.localhost"});
        let form = [
            ("FriendlyName", "published"),
            ("ActivitySid", &*available),
            ("Attributes", &*attributes.to_string()),
        ];
        let worker = sid(&make(&format!("{base}/Workers"), &form).await);

        let account = rest.account().to_owned();
        for (number, path) in [("+15550109001", "/acd"), ("+15550109002", "/direct")] {
            let form = [("PhoneNumber", number), ("VoiceUrl", &*functions.url(path))];
            make(&format!("/2010-04-01/Accounts/{account}/IncomingPhoneNumbers.json"), &form).await;
        }
        functions
            .answers_twiml("/acd", &format!(r#"<Response><Enqueue workflowSid="{acd_flow}"/></Response>"#));
        functions.answers_twiml(
            "/direct",
            &format!(
                r#"<Response><Enqueue workflowSid="{direct_flow}"><Task priority="1000">{{"directExtension":"1234"}}</Task></Enqueue></Response>"#
            ),
        );
        functions.answers("/call-status-handler", 204, "text/plain", "");
        let sip = [("User", "published"), ("Password", PASSWORD)];
        make("/tandem/v1/SipAccounts", &sip).await;
        let sync = sid(&make("/sync/v1/Services", &[("FriendlyName", "Flex")]).await);
        let agent_phone = Phone::registered("published", PASSWORD, server.sip(), Tone(440))
            .await
            .expect("the phone registers");
        Self {
            trunk,
            functions,
            agent_phone,
            workspace: base,
            worker,
            workflow: acd_flow,
            sync: format!("/sync/v1/Services/{sync}"),
            hold_file: serve_tone(Tone(2100)).await,
            acd_number: "+15550109001".to_owned(),
            direct_number: "+15550109002".to_owned(),
            rest,
            server,
        }
    }

    pub async fn stop(self) {
        drop((self.agent_phone, self.trunk));
        self.server.stop().await.expect("drains and exits with 0");
    }

    async fn get(&self, path: &str) -> Value {
        self.rest.fetch(path).await.expect("sent").ok().expect("found")
    }

    async fn set(&self, path: &str, form: &[(&str, &str)]) -> Value {
        self.rest.post(path, form).await.expect("sent").ok().expect("accepted")
    }

    pub async fn task(&self, task: &str) -> Value {
        self.get(&format!("{}/Tasks/{task}", self.workspace)).await
    }

    pub async fn call(&self, call: &str) -> Value {
        self.get(&self.rest.account_path(&format!("/Calls/{call}.json"))).await
    }

    pub async fn pending_reservations(&self) -> Vec<Value> {
        let path =
            format!("{}/Workers/{}/Reservations?ReservationStatus=pending", self.workspace, self.worker);
        self.rest.list(&path, "reservations").await.expect("listed")
    }

    pub async fn pending_tasks(&self) -> Vec<Value> {
        let path = format!("{}/Tasks?AssignmentStatus=pending", self.workspace);
        self.rest.list(&path, "tasks").await.expect("listed")
    }

    pub async fn open_tasks(&self) -> usize {
        let path = format!("{}/Tasks?AssignmentStatus=pending,reserved,assigned,wrapping", self.workspace);
        self.rest.list(&path, "tasks").await.expect("listed").len()
    }

    /// Waits until exactly `count` offers are pending; the first one's reservation and task.
    pub async fn offered(&self, count: usize) -> (String, String) {
        eventually("an offer", async || self.pending_reservations().await.len() == count).await;
        let offer = self.pending_reservations().await.remove(0);
        (sid(&offer), offer["task_sid"].as_str().expect("a task").to_owned())
    }

    async fn reservation(&self, reservation: &str) -> Value {
        self.get(&format!("{}/Workers/{}/Reservations/{reservation}", self.workspace, self.worker)).await
    }

    pub async fn reservation_becomes(&self, reservation: &str, status: &str) {
        eventually(&format!("{reservation} is {status}"), async || {
            self.reservation(reservation).await["reservation_status"] == status
        })
        .await;
    }

    pub async fn set_reservation(&self, reservation: &str, status: &str) {
        let path = format!("{}/Workers/{}/Reservations/{reservation}", self.workspace, self.worker);
        self.set(&path, &[("ReservationStatus", status)]).await;
    }

    pub async fn completes(&self, reservation: &str) {
        self.set_reservation(reservation, "completed").await;
    }

    pub async fn set_task_status(&self, task: &str, status: &str) {
        let path = format!("{}/Tasks/{task}", self.workspace);
        self.set(&path, &[("AssignmentStatus", status), ("Reason", "test")]).await;
    }

    /// AcceptTask of the desktop: a conference instruction; the agent's phone rings and is answered.
    pub async fn accepts(&self, reservation: &str, task: &str) -> Call {
        let path = format!("{}/Tasks/{task}/Reservations/{reservation}", self.workspace);
        let form = [
            ("Instruction", "conference"),
            ("From", "+15550109001"),
            ("EndConferenceOnCustomerExit", "true"),
        ];
        self.set(&path, &form).await;
        let call = self.agent_phone.rings(WITHIN).await.expect("the phone rings");
        let call = call.answers().await.expect("it is answered");
        self.reservation_becomes(reservation, "accepted").await;
        call
    }

    pub async fn set_ready(&self, ready: bool) {
        let path = format!("{}/Workers/{}", self.workspace, self.worker);
        let worker = self.get(&path).await;
        let mut attributes: Value =
            serde_json::from_str(worker["attributes"].as_str().expect("text")).expect("JSON");
        attributes["isAcdReady"] = json!(ready);
        self.set(&path, &[("Attributes", &attributes.to_string())]).await;
    }

    pub async fn set_capacity(&self, capacity: u32) {
        let path = format!("{}/Workers/{}/Channels/voice", self.workspace, self.worker);
        let channel = self.set(&path, &[("Capacity", &capacity.to_string())]).await;
        assert_eq!(channel["configured_capacity"], capacity);
    }

    fn maps(&self) -> [String; 2] {
        [format!("{}.ParkedCalls", self.worker), "Global.ParkedCalls".to_owned()]
    }

    /// The park function: attributes, then both map items, then the leg goes to the hold file. Answers the call's SID.
    pub async fn park(&self, reservation: &str, task: &str) -> String {
        let view = self.task(task).await;
        let mut attributes: Value =
            serde_json::from_str(view["attributes"].as_str().expect("text")).expect("JSON");
        attributes["autoComplete"] = json!(true);
        attributes["conversations"] = json!({"conversation_id": task, "outcome": "Parked Call"});
        self.set(&format!("{}/Tasks/{task}", self.workspace), &[("Attributes", &attributes.to_string())])
            .await;
        let call = attributes
            .pointer("/conference/participants/customer")
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("no customer in {attributes} of {reservation}"))
            .to_owned();
        let twiml = format!(r#"<Response><Play loop="99">{}</Play></Response>"#, self.hold_file);
        let form = [("Twiml", &*twiml), ("StatusCallback", &*self.functions.url("/call-status-handler"))];
        self.set(&self.rest.account_path(&format!("/Calls/{call}.json")), &form).await;
        let item = json!({"attributes": attributes.to_string(), "callSid": call, "queueName": "Inbound ACD",
            "workerSid": self.worker, "workflowSid": self.workflow});
        for map in self.maps() {
            let path = format!("{}/Maps/{map}/Items", self.sync);
            let data = item.to_string();
            let form = [("Key", &*call), ("Data", &*data), ("ItemTtl", "86400")];
            let added = self.rest.post(&path, &form).await.expect("sent");
            if added.status == 404 {
                assert_eq!(added.code(), Some(20404), "{added:?}");
                self.set(&format!("{}/Maps", self.sync), &[("UniqueName", &map)]).await;
                self.set(&path, &form).await;
            } else {
                added.ok().expect("added");
            }
        }
        call
    }

    /// HTTP status of the call's item in both maps.
    pub async fn item_status(&self, call: &str) -> (u16, u16) {
        let mut status = Vec::new();
        for map in self.maps() {
            let path = format!("{}/Maps/{map}/Items/{call}", self.sync);
            status.push(self.rest.fetch(&path).await.expect("sent").status);
        }
        (status[0], status[1])
    }

    /// The pick-up function: the parked leg is enqueued again for this worker. Answers the new task's SID.
    pub async fn picks_up(&self, call: &str) -> String {
        let map = &self.maps()[0];
        let item = self.get(&format!("{}/Maps/{map}/Items/{call}", self.sync)).await;
        let attributes = item.pointer("/data/attributes").and_then(Value::as_str).expect("kept as text");
        let mut attributes: Value = serde_json::from_str(attributes).expect("JSON");
        let object = attributes.as_object_mut().expect("an object");
        object.remove("autoComplete");
        object.insert("autoAnswer".into(), json!(true));
        object.insert("isParkPickup".into(), json!(true));
        object.insert("targetWorker".into(), json!(self.worker));
        object.insert("conversations".into(), json!({"hold_time": 1, "queue_time": 0}));
        let twiml = format!(
            r#"<Response><Enqueue workflowSid="{}"><Task priority="1000">{}</Task></Enqueue></Response>"#,
            self.workflow,
            attributes.to_string().replace('&', "&amp;").replace('<', "&lt;")
        );
        self.set(&self.rest.account_path(&format!("/Calls/{call}.json")), &[("Twiml", &twiml)]).await;
        for map in self.maps() {
            let gone =
                self.rest.delete(&format!("{}/Maps/{map}/Items/{call}", self.sync)).await.expect("sent");
            assert_eq!(gone.status, 204);
        }
        let path = format!("{}/Tasks?AssignmentStatus=pending,reserved", self.workspace);
        let mut found = None;
        eventually("a task for the picked-up call", async || {
            let tasks = self.rest.list(&path, "tasks").await.expect("listed");
            found = tasks
                .iter()
                .find(|task| {
                    task["attributes"]
                        .as_str()
                        .is_some_and(|a| a.contains(call) && a.contains("isParkPickup"))
                })
                .map(sid);
            found.is_some()
        })
        .await;
        found.expect("just found")
    }

    /// The status handler: the global item goes, the worker's is marked, a wrap-up task is made.
    pub async fn handles_hang_up(&self, call: &str) {
        let [worker_map, global] = self.maps();
        let item = self.get(&format!("{}/Maps/{global}/Items/{call}", self.sync)).await;
        let gone =
            self.rest.delete(&format!("{}/Maps/{global}/Items/{call}", self.sync)).await.expect("sent");
        assert_eq!(gone.status, 204);
        let mut data = item["data"].clone();
        data["callerHangup"] = json!(true);
        data["isReservationPending"] = json!(true);
        let path = format!("{}/Maps/{worker_map}/Items/{call}", self.sync);
        let updated = self.set(&path, &[("Data", &data.to_string()), ("ItemTtl", "120")]).await;
        assert!(updated["date_expires"].is_string(), "{updated}");
        let mut attributes: Value =
            serde_json::from_str(data["attributes"].as_str().expect("text")).expect("JSON");
        attributes["isParkHangup"] = json!(true);
        attributes["targetWorker"] = json!(self.worker);
        let form = [
            ("WorkflowSid", &*self.workflow),
            ("TaskChannel", "voice"),
            ("Priority", "1000"),
            ("Attributes", &*attributes.to_string()),
        ];
        self.set(&format!("{}/Tasks", self.workspace), &form).await;
    }
}
