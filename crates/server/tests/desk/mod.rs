//! Two agents, Ana and Bo (`anna`, `bob`: the demo has taken the others), with phones, and one number: set up over the API,
//! without a voice policy.

pub mod js;

use js::Js;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Call, Phone, Rest, Server, ServerOptions, Tone, Trunk, WITHIN, WebhookReceiver};

pub const NUMBER: &str = "+15550109001";
const TOKEN: &str = "tandem-dev-token";
const PASSWORD: &str = "phone-Password-1";
const POLL: Duration = Duration::from_millis(40);

pub struct Agent {
    pub worker: String,
    pub phone: Phone,
}

pub struct Desk {
    server: Server,
    pub trunk: Trunk,
    _app: WebhookReceiver,
    rest: Rest,
    workspace: String,
    /// Ana's alone.
    pub queue: String,
    pub ana: Agent,
    pub bo: Agent,
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

fn sid(body: &Value) -> String {
    body["sid"].as_str().expect("a sid").to_owned()
}

async fn make(rest: &Rest, path: &str, form: &[(&str, &str)]) -> Value {
    rest.post(path, form).await.expect("sent").ok().expect("created")
}

async fn hire(rest: &Rest, server: &Server, base: &str, available: &str, name: &str, tone: Tone) -> Agent {
    let attributes = json!({"name": name, "contact_uri": format!("sip:{name}@tandem.localhost")}).to_string();
    let form = [("FriendlyName", name), ("ActivitySid", available), ("Attributes", &*attributes)];
    let worker = sid(&make(rest, &format!("{base}/Workers"), &form).await);
    let channel = format!("{base}/Workers/{worker}/Channels/voice");
    make(rest, &channel, &[("Capacity", "2")]).await;
    make(rest, "/tandem/v1/SipAccounts", &[("User", name), ("Password", PASSWORD)]).await;
    let phone = Phone::registered(name, PASSWORD, server.sip(), tone).await.expect("the phone registers");
    Agent { worker, phone }
}

impl Desk {
    pub async fn open() -> Self {
        let trunk = Trunk::open().await.expect("a trunk");
        let options = ServerOptions { trunk: Some(trunk.uri()), ..Default::default() };
        let server = Server::start(options).await.expect("a server");
        trunk.serves(server.sip());
        let rest = server.rest();
        let app = WebhookReceiver::start(TOKEN).await.expect("a receiver");
        let form = [("FriendlyName", "Transfers"), ("Template", "NONE")];
        let workspace = sid(&make(&rest, "/taskrouter/v1/Workspaces", &form).await);
        let base = format!("/taskrouter/v1/Workspaces/{workspace}");
        let activities = rest.list(&format!("{base}/Activities"), "activities").await.expect("listed");
        let available = sid(activities.iter().find(|a| a["friendly_name"] == "Available").expect("seeded"));
        let form = [("FriendlyName", "Ana's"), ("TargetWorkers", "name == 'anna'")];
        let queue = sid(&make(&rest, &format!("{base}/TaskQueues"), &form).await);
        let configuration = json!({"task_routing": {"default_filter": {"queue": queue}}}).to_string();
        let form = [("FriendlyName", "Calls"), ("Configuration", &*configuration)];
        let flow = sid(&make(&rest, &format!("{base}/Workflows"), &form).await);
        let number = format!("/2010-04-01/Accounts/{}/IncomingPhoneNumbers.json", rest.account());
        make(&rest, &number, &[("PhoneNumber", NUMBER), ("VoiceUrl", &*app.url("/voice"))]).await;
        let twiml = format!(r#"<Response><Enqueue workflowSid="{flow}"/></Response>"#);
        app.answers_twiml("/voice", &twiml);
        let ana = hire(&rest, &server, &base, &available, "anna", Tone(440)).await;
        let bo = hire(&rest, &server, &base, &available, "bob", Tone(620)).await;
        Self { server, trunk, _app: app, rest, workspace, queue, ana, bo }
    }

    pub async fn close(self) {
        drop((self.ana, self.bo, self.trunk));
        self.server.stop().await.expect("drains and exits with 0");
    }

    /// The agent's client of the official package, ready.
    pub async fn client(&self, agent: &Agent, role: &str) -> Js {
        Js::of(&self.rest, &self.server.url(), TOKEN, &self.workspace, &agent.worker, role).await
    }

    /// Another mode for whoever supervises a reservation.
    pub async fn supervises(&self, task: &str, reservation: &str, supervisor: &Agent, mode: &str) {
        let path = format!("{}/Tasks/{task}/Reservations/{reservation}", self.base());
        let form =
            [("Instruction", "supervise"), ("Supervisor", &*supervisor.worker), ("SupervisorMode", mode)];
        make(&self.rest, &path, &form).await;
    }

    fn base(&self) -> String {
        format!("/taskrouter/v1/Workspaces/{}", self.workspace)
    }

    async fn get(&self, path: &str) -> Value {
        self.rest.fetch(path).await.expect("sent").ok().expect("found")
    }

    pub async fn task(&self, task: &str) -> Value {
        self.get(&format!("{}/Tasks/{task}", self.base())).await
    }

    pub async fn open_tasks(&self) -> usize {
        let path = format!("{}/Tasks?AssignmentStatus=pending,reserved,assigned,wrapping", self.base());
        self.rest.list(&path, "tasks").await.expect("listed").len()
    }

    /// The SID of the conference that the task names.
    pub async fn conference(&self, task: &str) -> String {
        let attributes = self.task(task).await["attributes"].as_str().expect("text").to_owned();
        let attributes: Value = serde_json::from_str(&attributes).expect("JSON");
        attributes["conference"]["sid"].as_str().unwrap_or_else(|| panic!("{attributes}")).to_owned()
    }

    /// Waits for the worker's one pending offer: its task and reservation.
    pub async fn offered(&self, worker: &str) -> (String, String) {
        let path = format!("{}/Workers/{worker}/Reservations?ReservationStatus=pending", self.base());
        let mut found = Vec::new();
        eventually("an offer", async || {
            found = self.rest.list(&path, "reservations").await.expect("listed");
            found.len() == 1
        })
        .await;
        (found[0]["task_sid"].as_str().expect("a task").to_owned(), sid(&found[0]))
    }

    /// A conference instruction; the agent's phone rings and is answered.
    pub async fn accepts(&self, agent: &Agent, task: &str, reservation: &str) -> Call {
        let path = format!("{}/Tasks/{task}/Reservations/{reservation}", self.base());
        let form = [
            ("Instruction", "conference"),
            ("From", NUMBER),
            ("Beep", "false"),
            ("BeepOnCustomerEntrance", "false"),
            ("EndConferenceOnExit", "true"),
            ("EndConferenceOnCustomerExit", "true"),
        ];
        make(&self.rest, &path, &form).await;
        let call = agent.phone.rings(WITHIN).await.expect("the phone rings");
        let call = call.answers().await.expect("it is answered");
        self.reservation_is(reservation, "accepted").await;
        call
    }

    async fn reservation(&self, reservation: &str) -> Value {
        for agent in [&self.ana, &self.bo] {
            let path = format!("{}/Workers/{}/Reservations/{reservation}", self.base(), agent.worker);
            let answer = self.rest.fetch(&path).await.expect("sent");
            if answer.status == 200 {
                return answer.ok().expect("found");
            }
        }
        panic!("{reservation} is nobody's")
    }

    pub async fn reservation_is(&self, reservation: &str, status: &str) {
        let shown = async || self.reservation(reservation).await["reservation_status"] == status;
        eventually(&format!("{reservation} is {status}"), shown).await;
    }

    pub async fn completes(&self, reservation: &str) {
        let worker = self.reservation(reservation).await["worker_sid"].as_str().expect("a worker").to_owned();
        let path = format!("{}/Workers/{worker}/Reservations/{reservation}", self.base());
        make(&self.rest, &path, &[("ReservationStatus", "completed")]).await;
    }

    fn of(&self, task: &str) -> String {
        format!("/tandem/v1/Workspaces/{}/Tasks/{task}/Transfers", self.workspace)
    }

    pub async fn transfers(&self, task: &str, reservation: &str, to: &str, mode: &str) -> Value {
        let form = [("ReservationSid", reservation), ("To", to), ("Mode", mode)];
        make(&self.rest, &self.of(task), &form).await
    }

    pub async fn transfer_is(&self, task: &str, transfer: &Value, status: &str) {
        let path = format!("{}/{}", self.of(task), sid(transfer));
        let shown = async || self.get(&path).await["transfer_status"] == status;
        eventually(&format!("the transfer is {status}"), shown).await;
    }
}
