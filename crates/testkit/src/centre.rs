use crate::rest::Rest;
use crate::trouble::Trouble;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How often something that only the API shows is asked for.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// The demo contact centre, by the names in its file.
#[derive(Debug, Clone)]
pub struct Centre {
    /// SIDs that were looked up before, by list and name.
    known: Arc<Mutex<HashMap<(String, String), String>>>,
    /// For everything that has no method here.
    pub rest: Rest,
    /// `WS…`
    pub workspace: String,
}

impl Centre {
    /// Finds the workspace called `name`.
    pub async fn named(rest: Rest, name: &str) -> Result<Self, Trouble> {
        let all = rest.list("/taskrouter/v1/Workspaces", "workspaces").await?;
        let workspace = sid_named(&all, "friendly_name", name)
            .ok_or_else(|| missing(&rest, &format!("a workspace called '{name}'"), &all))?;
        Ok(Self { known: Arc::default(), rest, workspace })
    }

    /// The demo's.
    pub async fn demo(rest: Rest) -> Result<Self, Trouble> {
        Self::named(rest, "Flex Task Assignment").await
    }

    /// `/taskrouter/v1/Workspaces/WS…` and `rest`.
    pub fn path(&self, rest: &str) -> String {
        format!("/taskrouter/v1/Workspaces/{}{rest}", self.workspace)
    }

    /// `/tandem/v1/Workspaces/WS…` and `rest`.
    pub fn own_path(&self, rest: &str) -> String {
        format!("/tandem/v1/Workspaces/{}{rest}", self.workspace)
    }

    /// SID of the item of `list` (`Workers`, `workers`) that has this friendly name.
    pub async fn sid(&self, list: &str, key: &str, name: &str) -> Result<String, Trouble> {
        let asked = (list.to_owned(), name.to_owned());
        if let Some(sid) = self.known.lock().expect("only added to").get(&asked) {
            return Ok(sid.clone());
        }
        let all = self.rest.list(&self.path(&format!("/{list}")), key).await?;
        let sid = sid_named(&all, "friendly_name", name)
            .ok_or_else(|| missing(&self.rest, &format!("'{name}' in {list}"), &all))?;
        self.known.lock().expect("only added to").insert(asked, sid.clone());
        Ok(sid)
    }

    /// SID of a worker.
    pub async fn worker(&self, name: &str) -> Result<String, Trouble> {
        self.sid("Workers", "workers", name).await
    }

    /// A worker as the API shows it.
    pub async fn worker_now(&self, name: &str) -> Result<Value, Trouble> {
        let sid = self.worker(name).await?;
        self.rest.fetch(&self.path(&format!("/Workers/{sid}"))).await?.ok()
    }

    /// Sets what a worker says they do.
    pub async fn says(&self, worker: &str, activity: &str) -> Result<(), Trouble> {
        let sid = self.worker(worker).await?;
        let activity = self.sid("Activities", "activities", activity).await?;
        self.rest.post(&self.path(&format!("/Workers/{sid}")), &[("ActivitySid", &activity)]).await?.ok()?;
        Ok(())
    }

    /// An agent's calls: ringing, live, parked and what is left of them.
    pub async fn calls(&self, worker: &str) -> Result<Vec<Value>, Trouble> {
        let sid = self.worker(worker).await?;
        self.rest.list(&self.own_path(&format!("/Workers/{sid}/Calls")), "calls").await
    }

    /// Reservations of an agent's calls in `state`: `ringing`, `live`, `parked`, `hung-up`, `wrap-up`.
    pub async fn calls_in(&self, worker: &str, state: &str) -> Result<Vec<String>, Trouble> {
        let calls = self.calls(worker).await?;
        let fits = |call: &&Value| call.get("state").and_then(Value::as_str) == Some(state);
        let sid = |call: &Value| call.get("reservation_sid").and_then(Value::as_str).map(str::to_owned);
        Ok(calls.iter().filter(fits).filter_map(sid).collect())
    }

    /// Parks the agent's live call and picks up the one parked longest.
    pub async fn swap(&self, worker: &str) -> Result<(), Trouble> {
        let sid = self.worker(worker).await?;
        self.rest.post(&self.own_path(&format!("/Workers/{sid}/Calls/Swap")), &[]).await?.ok()?;
        Ok(())
    }

    /// Parks the call of a reservation.
    pub async fn park(&self, worker: &str, reservation: &str) -> Result<(), Trouble> {
        self.of_call(worker, reservation, "Park").await
    }

    /// Picks up the parked call of a reservation.
    pub async fn pick_up(&self, worker: &str, reservation: &str) -> Result<(), Trouble> {
        self.of_call(worker, reservation, "PickUp").await
    }

    /// Says "done" to what is left of the agent's calls, wrap-ups and notices of callers who hung up, and waits until
    /// nothing is left.
    pub async fn wraps_up(&self, worker: &str, within: Duration) -> Result<(), Trouble> {
        let started = Instant::now();
        loop {
            // A call that has just ended is one of them a moment later.
            let open = self.calls(worker).await?;
            for state in ["wrap-up", "hung-up"] {
                for reservation in self.calls_in(worker, state).await? {
                    self.of_call(worker, &reservation, "Complete").await?;
                }
            }
            if open.is_empty() {
                return Ok(());
            }
            if started.elapsed() > within {
                return Err(Trouble::Waited {
                    name: worker.to_owned(),
                    what: "to be done with every call".to_owned(),
                    waited: within,
                    instead: format!("there are {open:?}"),
                });
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    async fn of_call(&self, worker: &str, reservation: &str, action: &str) -> Result<(), Trouble> {
        let sid = self.worker(worker).await?;
        let path = self.own_path(&format!("/Workers/{sid}/Calls/{reservation}/{action}"));
        self.rest.post(&path, &[]).await?.ok()?;
        Ok(())
    }

    /// Waits until the agent has exactly `count` calls in `state`.
    pub async fn has_calls(
        &self,
        worker: &str,
        state: &str,
        count: usize,
        within: Duration,
    ) -> Result<Vec<String>, Trouble> {
        let started = Instant::now();
        loop {
            let calls = self.calls_in(worker, state).await?;
            if calls.len() == count {
                return Ok(calls);
            }
            if started.elapsed() > within {
                return Err(Trouble::Waited {
                    name: worker.to_owned(),
                    what: format!("{count} calls in state {state}"),
                    waited: within,
                    instead: format!("there are {:?}", self.calls(worker).await?),
                });
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    /// Waits until `path` answers with a body that fits.
    pub async fn until(
        &self,
        path: &str,
        what: &str,
        within: Duration,
        fits: impl Fn(&Value) -> bool,
    ) -> Result<Value, Trouble> {
        let started = Instant::now();
        loop {
            let answer = self.rest.fetch(path).await?;
            if answer.status == 200 && fits(&answer.body) {
                return Ok(answer.body);
            }
            if started.elapsed() > within {
                let (name, instead) = (path.to_owned(), format!("{} {}", answer.status, answer.text));
                return Err(Trouble::Waited { name, what: what.to_owned(), waited: within, instead });
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }
}

fn sid_named(all: &[Value], field: &str, name: &str) -> Option<String> {
    let found = all.iter().find(|item| item.get(field).and_then(Value::as_str) == Some(name))?;
    found.get("sid").and_then(Value::as_str).map(str::to_owned)
}

fn missing(rest: &Rest, what: &str, all: &[Value]) -> Trouble {
    Trouble::Api {
        what: format!("{what} at {}", rest.account()),
        status: 404,
        body: format!("there are {all:?}"),
    }
}
