//! An agent's client of the official package `twilio-taskrouter`, in a Node process that does what it is told
//! (`tests/sdk/node/agent.js`).

use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use testkit::{Rest, WITHIN};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How long Node may take to load the packages and connect on a busy machine.
const START_WITHIN: Duration = Duration::from_secs(60);

pub struct Js {
    _child: Child,
    orders: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    heard: Vec<Value>,
    asked: u64,
}

impl Js {
    /// Waits until the client is ready.
    pub async fn of(rest: &Rest, url: &str, token: &str, workspace: &str, worker: &str, role: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/sdk/node");
        let mut child = Command::new("node")
            .args(["agent.js", workspace, worker, role])
            .current_dir(&folder)
            .env("NODE_PATH", "node_modules")
            .env("TANDEM_URL", url)
            .env("TANDEM_ACCOUNT_SID", rest.account())
            .env("TANDEM_AUTH_TOKEN", token)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node runs; `npm ci` in tests/sdk/node");
        let orders = child.stdin.take().expect("piped");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut js = Self { _child: child, orders, lines, heard: Vec::new(), asked: 0 };
        let ready = tokio::time::timeout(START_WITHIN, js.lines.next_line()).await;
        let ready = ready.expect("Node starts in time").expect("read").expect("the client lives");
        assert_eq!(ready, json!({"event": "ready"}).to_string());
        js
    }

    async fn next(&mut self) -> Value {
        let line = tokio::time::timeout(WITHIN, self.lines.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("the client says nothing; before: {:?}", self.heard));
        let line = line.expect("read").expect("the client lives");
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"))
    }

    /// Does something; the refusal is the client's own text.
    pub async fn tries(&mut self, name: &str, arguments: &[Value]) -> Result<(), String> {
        self.asked += 1;
        let id = self.asked;
        let order: Vec<Value> =
            [json!(id), json!(name)].into_iter().chain(arguments.iter().cloned()).collect();
        let line = format!("{}\n", Value::Array(order));
        self.orders.write_all(line.as_bytes()).await.expect("written");
        loop {
            let said = self.next().await;
            match said.get("id") {
                Some(of) if *of == id => {
                    return said
                        .get("error")
                        .map_or(Ok(()), |e| Err(e.as_str().unwrap_or_default().to_owned()));
                }
                _ => self.heard.push(said),
            }
        }
    }

    pub async fn does(&mut self, name: &str, arguments: &[Value]) {
        let done = self.tries(name, arguments).await;
        assert_eq!(done, Ok(()), "{name} {arguments:?}; heard {:?}", self.heard);
    }

    /// Waits for an event; each is heard once.
    pub async fn hears(&mut self, event: &str, is: impl Fn(&Value) -> bool) -> Value {
        loop {
            if let Some(at) = self.heard.iter().position(|said| said["event"] == event && is(said)) {
                return self.heard.remove(at);
            }
            let said = self.next().await;
            self.heard.push(said);
        }
    }

    /// Waits for something to happen to a reservation.
    pub async fn hears_of(&mut self, reservation: &str, event: &str) {
        self.hears(event, |said| said["sid"] == reservation).await;
    }

    /// Waits for an offer: its reservation and its task.
    pub async fn offered(&mut self) -> (String, String) {
        let said = self.hears("reservationCreated", |_| true).await;
        let text = |name: &str| said[name].as_str().expect("a sid").to_owned();
        (text("sid"), text("task"))
    }
}
