//! `tandem apply`: makes a running Tandem look like a file. Creates what is not there, changes what differs, leaves
//! alone what the file does not mention, and does nothing the second time.

mod client;
mod document;

pub use client::{ApiClient, ApiFailure};
pub use document::Document;

pub(crate) use client::{Body, text};
use document::Kind;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What was done, in order.
#[derive(Debug, Default)]
pub struct Report {
    /// One per thing in the file.
    pub lines: Vec<Line>,
}

/// What happened to one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Where it stands in the file, `workers: ana`.
    pub place: String,
    /// Its SID.
    pub sid: String,
    /// What was done.
    pub done: Done,
}

/// What was done to one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// It was not there.
    Created,
    /// It differed.
    Updated,
    /// It was as the file says.
    Unchanged,
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for Line { place, sid, done } in &self.lines {
            let done = match done {
                Done::Created => "created",
                Done::Updated => "updated",
                Done::Unchanged => "unchanged",
            };
            writeln!(f, "{done:<9}  {sid:<34}  {place}")?;
        }
        Ok(())
    }
}

/// A file could not be applied: everything before `place` was.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The server refused, or did not answer.
    #[error("could not apply {place}")]
    Api {
        /// Where in the file.
        place: String,
        /// What was answered.
        #[source]
        source: ApiFailure,
    },
    /// Something exists and cannot become what the file says.
    #[error("could not apply {place}: {why}")]
    Fixed {
        /// Where in the file.
        place: String,
        /// Why not.
        why: String,
    },
}

/// Applies `file` to the server behind `client`.
pub async fn apply(client: &ApiClient, file: &Document) -> Result<Report, ApplyError> {
    let mut run =
        Run { client, file, report: Report::default(), workspace: String::new(), sids: BTreeMap::new() };
    run.workspace().await?;
    run.activities().await?;
    run.workspace_activities().await?;
    run.channels().await?;
    run.voice_policy().await?;
    run.queues().await?;
    run.workflows().await?;
    run.workers().await?;
    run.sip_accounts().await?;
    run.users().await?;
    run.bins().await?;
    run.numbers().await?;
    Ok(run.report)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Noun {
    Activity,
    Channel,
    Queue,
    Workflow,
    Worker,
    /// Its document's URL.
    Bin,
}

struct Run<'a> {
    client: &'a ApiClient,
    file: &'a Document,
    report: Report,
    /// `/taskrouter/v1/Workspaces/WS…`
    workspace: String,
    sids: BTreeMap<(Noun, &'a str), String>,
}

/// Fields of a form that differ from what the server has.
struct Wanted<'a> {
    place: String,
    /// Where new ones are posted.
    list: String,
    /// The one that is there.
    existing: Option<&'a Value>,
    /// Form name, the answer's field, value.
    fields: Vec<(&'static str, &'static str, String)>,
    /// Fields sent on creation only.
    creation: Vec<(&'static str, String)>,
}

impl<'a> Run<'a> {
    async fn workspace(&mut self) -> Result<(), ApplyError> {
        let wanted = &self.file.workspace;
        let place = format!("workspace: {}", wanted.name);
        let list = "/taskrouter/v1/Workspaces";
        let all = self.list(&place, list, "workspaces").await?;
        let found = self.settle(Wanted {
            place,
            list: list.to_owned(),
            existing: all.iter().find(|w| text(w, "friendly_name") == wanted.name),
            fields: vec![("MultiTaskEnabled", "multi_task_enabled", wanted.multi_task.to_string())],
            creation: vec![("FriendlyName", wanted.name.clone()), ("Template", "NONE".to_owned())],
        });
        let sid = text(&found.await?, "sid").to_owned();
        self.workspace = format!("{list}/{sid}");
        Ok(())
    }

    async fn activities(&mut self) -> Result<(), ApplyError> {
        let list = format!("{}/Activities", self.workspace);
        let all = self.list("activities", &list, "activities").await?;
        for activity in &self.file.activities {
            let place = format!("activities: {}", activity.name);
            let existing = all.iter().find(|a| text(a, "friendly_name") == activity.name);
            if let Some(existing) = existing
                && existing.get("available").and_then(Value::as_bool) != Some(activity.available)
            {
                let why = "it exists, and whether an activity is available cannot change".to_owned();
                return Err(ApplyError::Fixed { place, why });
            }
            let found = self.settle(Wanted {
                place,
                list: list.clone(),
                existing,
                fields: Vec::new(),
                creation: vec![
                    ("FriendlyName", activity.name.clone()),
                    ("Available", activity.available.to_string()),
                ],
            });
            let sid = text(&found.await?, "sid").to_owned();
            self.sids.insert((Noun::Activity, &activity.name), sid);
        }
        Ok(())
    }

    /// The workspace's own activities, which exist only now.
    async fn workspace_activities(&mut self) -> Result<(), ApplyError> {
        let wanted = &self.file.workspace;
        let place = format!("workspace: {}", wanted.name);
        let mut fields = Vec::new();
        let activities = [
            ("DefaultActivitySid", "default_activity_sid", &wanted.default_activity),
            ("TimeoutActivitySid", "timeout_activity_sid", &wanted.timeout_activity),
        ];
        for (name, field, activity) in activities {
            if let Some(activity) = activity {
                fields.push((name, field, self.sid(Noun::Activity, activity)));
            }
        }
        let path = self.workspace.clone();
        let existing = self.client.send("GET", &path, Body::Empty).await.map_err(at(&place))?;
        let changed: Vec<_> = differing(&existing, &fields);
        if !changed.is_empty() {
            self.client.send("POST", &path, Body::Form(&changed)).await.map_err(at(&place))?;
        }
        Ok(())
    }

    async fn channels(&mut self) -> Result<(), ApplyError> {
        let list = format!("{}/TaskChannels", self.workspace);
        let all = self.list("channels", &list, "channels").await?;
        for channel in &self.file.channels {
            let name = channel.friendly_name.as_ref().unwrap_or(&channel.name);
            let existing = all.iter().find(|c| text(c, "unique_name") == channel.name);
            let found = self.settle(Wanted {
                place: format!("channels: {}", channel.name),
                list: list.clone(),
                existing,
                // The channels that a workspace is born with keep their names.
                fields: Vec::new(),
                creation: vec![("FriendlyName", name.clone()), ("UniqueName", channel.name.clone())],
            });
            let sid = text(&found.await?, "sid").to_owned();
            self.sids.insert((Noun::Channel, &channel.name), sid);
        }
        Ok(())
    }

    async fn voice_policy(&mut self) -> Result<(), ApplyError> {
        let Some(policy) = &self.file.voice_policy else { return Ok(()) };
        let place = "voice_policy".to_owned();
        let workspace = self.workspace.rsplit('/').next().unwrap_or_default().to_owned();
        let path = format!("/tandem/v1/Workspaces/{workspace}/VoicePolicy");
        let existing = match self.client.send("GET", &path, Body::Empty).await {
            Ok(existing) => existing,
            Err(ApiFailure::Refused { status: 404, .. }) => Value::Null,
            Err(source) => return Err(ApplyError::Api { place, source }),
        };
        let same = policy.iter().all(|(key, value)| existing.get(key) == Some(value));
        let done = match (&existing, same) {
            (_, true) => Done::Unchanged,
            (Value::Null, false) => Done::Created,
            (_, false) => Done::Updated,
        };
        if !same {
            let body = Value::Object(policy.clone());
            self.client.send("PUT", &path, Body::Json(&body)).await.map_err(at(&place))?;
        }
        self.report.lines.push(Line { place, sid: workspace, done });
        Ok(())
    }

    async fn queues(&mut self) -> Result<(), ApplyError> {
        let list = format!("{}/TaskQueues", self.workspace);
        let all = self.list("queues", &list, "task_queues").await?;
        for queue in &self.file.queues {
            let found = self.settle(Wanted {
                place: format!("queues: {}", queue.name),
                list: list.clone(),
                existing: all.iter().find(|q| text(q, "friendly_name") == queue.name),
                fields: vec![
                    ("TargetWorkers", "target_workers", queue.target_workers.clone()),
                    ("MaxReservedWorkers", "max_reserved_workers", queue.max_reserved_workers.to_string()),
                    ("TaskOrder", "task_order", queue.task_order.clone()),
                ],
                creation: vec![("FriendlyName", queue.name.clone())],
            });
            let sid = text(&found.await?, "sid").to_owned();
            self.sids.insert((Noun::Queue, &queue.name), sid);
        }
        Ok(())
    }

    async fn workflows(&mut self) -> Result<(), ApplyError> {
        let list = format!("{}/Workflows", self.workspace);
        let all = self.list("workflows", &list, "workflows").await?;
        for workflow in &self.file.workflows {
            let existing = all.iter().find(|w| text(w, "friendly_name") == workflow.name);
            let configuration = workflow.configuration_json(|queue| self.sid(Noun::Queue, queue));
            let has = existing.and_then(|e| serde_json::from_str::<Value>(text(e, "configuration")).ok());
            let mut fields = Vec::new();
            // Compared as JSON, so that another order of keys is no difference.
            if has.as_ref() != Some(&configuration) {
                fields.push(("Configuration", "", configuration.to_string()));
            }
            if let Some(seconds) = workflow.reservation_timeout {
                fields.push(("TaskReservationTimeout", "task_reservation_timeout", seconds.to_string()));
            }
            if let Some(url) = &workflow.assignment_callback_url {
                fields.push(("AssignmentCallbackUrl", "assignment_callback_url", url.clone()));
            }
            let found = self.settle(Wanted {
                place: format!("workflows: {}", workflow.name),
                list: list.clone(),
                existing,
                fields,
                creation: vec![("FriendlyName", workflow.name.clone())],
            });
            let sid = text(&found.await?, "sid").to_owned();
            self.sids.insert((Noun::Workflow, &workflow.name), sid);
        }
        Ok(())
    }

    async fn workers(&mut self) -> Result<(), ApplyError> {
        let list = format!("{}/Workers", self.workspace);
        let all = self.list("workers", &list, "workers").await?;
        for worker in &self.file.workers {
            let place = format!("workers: {}", worker.name);
            let existing = all.iter().find(|w| text(w, "friendly_name") == worker.name);
            let has: Map<String, Value> =
                existing.and_then(|e| serde_json::from_str(text(e, "attributes")).ok()).unwrap_or_default();
            let mut wanted = has.clone();
            wanted.extend(worker.attributes.clone());
            let mut fields = Vec::new();
            if wanted != has {
                fields.push(("Attributes", "", Value::Object(wanted).to_string()));
            }
            let mut creation = vec![("FriendlyName", worker.name.clone())];
            if let Some(activity) = &worker.activity {
                creation.push(("ActivitySid", self.sid(Noun::Activity, activity)));
            }
            let at_line = self.report.lines.len();
            let found =
                self.settle(Wanted { place: place.clone(), list: list.clone(), existing, fields, creation });
            let sid = text(&found.await?, "sid").to_owned();
            if self.capacities(&place, &format!("{list}/{sid}/Channels"), &worker.capacities).await?
                && let Some(line) = self.report.lines.get_mut(at_line)
                && line.done == Done::Unchanged
            {
                line.done = Done::Updated;
            }
            self.sids.insert((Noun::Worker, &worker.name), sid);
        }
        Ok(())
    }

    /// Sets a worker's capacities; true if one differed.
    async fn capacities(
        &self,
        place: &str,
        path: &str,
        capacities: &BTreeMap<String, u32>,
    ) -> Result<bool, ApplyError> {
        let mut changed = false;
        if capacities.is_empty() {
            return Ok(changed);
        }
        let channels = self.list(place, path, "channels").await?;
        for (name, capacity) in capacities {
            // Under a voice policy the engine keeps it, by the calls that the worker has.
            if name == "voice" && self.file.voice_policy.is_some() {
                continue;
            }
            let Some(channel) = channels.iter().find(|c| text(c, "task_channel_unique_name") == name) else {
                let why = format!("the worker has no channel '{name}'");
                return Err(ApplyError::Fixed { place: place.to_owned(), why });
            };
            let has = channel.get("configured_capacity").and_then(Value::as_u64).unwrap_or(0);
            if has != u64::from(*capacity) {
                let path = format!("{path}/{}", text(channel, "sid"));
                let form = [("Capacity", capacity.to_string())];
                self.client.send("POST", &path, Body::Form(&form)).await.map_err(at(place))?;
                changed = true;
            }
        }
        Ok(changed)
    }

    async fn sip_accounts(&mut self) -> Result<(), ApplyError> {
        let list = "/tandem/v1/SipAccounts";
        if self.file.sip_accounts.is_empty() {
            return Ok(());
        }
        let all = self.list("sip_accounts", list, "sip_accounts").await?;
        let workspace = self.workspace.rsplit('/').next().unwrap_or_default().to_owned();
        for account in &self.file.sip_accounts {
            let place = format!("sip_accounts: {}", account.user);
            let existing = all.iter().find(|a| text(a, "user") == account.user);
            let mut body = json!({ "user": account.user, "workspace_sid": workspace });
            if let Some(worker) = &account.worker {
                body["worker_sid"] = self.sid(Noun::Worker, worker).into();
            }
            if let Some(workflow) = &account.outbound_workflow {
                body["outbound_workflow_sid"] = self.sid(Noun::Workflow, workflow).into();
            }
            if let Some(number) = &account.caller_id {
                body["caller_id"] = number.as_str().into();
            }
            self.settle_json(place, list, existing, body, ("password", account.password.as_str())).await?;
        }
        Ok(())
    }

    async fn users(&mut self) -> Result<(), ApplyError> {
        let list = "/tandem/v1/Users";
        if self.file.users.is_empty() {
            return Ok(());
        }
        let all = self.list("users", list, "users").await?;
        let workspace = self.workspace.rsplit('/').next().unwrap_or_default().to_owned();
        for user in &self.file.users {
            let place = format!("users: {}", user.login);
            let existing = all.iter().find(|u| text(u, "login") == user.login);
            let mut body = json!({ "login": user.login, "workspace_sid": workspace, "role": user.role });
            if let Some(worker) = &user.worker {
                body["worker_sid"] = self.sid(Noun::Worker, worker).into();
            }
            self.settle_json(place, list, existing, body, ("password", user.password.as_str())).await?;
        }
        Ok(())
    }

    async fn bins(&mut self) -> Result<(), ApplyError> {
        let list = "/tandem/v1/TwimlBins";
        if self.file.twiml_bins.is_empty() {
            return Ok(());
        }
        let mut all = self.list("twiml_bins", list, "twiml_bins").await?;
        // Bins may point to each other: first each gets an address, then its text.
        let mut new = Vec::new();
        for bin in &self.file.twiml_bins {
            let place = format!("twiml_bins: {}", bin.name);
            if !all.iter().any(|b| text(b, "friendly_name") == bin.name) {
                let body = json!({ "friendly_name": bin.name, "twiml": "<Response/>" });
                let made = self.client.send("POST", list, Body::Json(&body)).await.map_err(at(&place))?;
                all.push(made);
                new.push(bin.name.as_str());
            }
            let found = all.iter().find(|b| text(b, "friendly_name") == bin.name);
            let url = found.map(|b| text(b, "document_url").to_owned()).unwrap_or_default();
            if url.is_empty() {
                let source =
                    ApiFailure::Incomplete { request: format!("POST {list}"), field: "document_url" };
                return Err(ApplyError::Api { place, source });
            }
            self.sids.insert((Noun::Bin, &bin.name), url);
        }
        for bin in &self.file.twiml_bins {
            let place = format!("twiml_bins: {}", bin.name);
            let twiml = bin
                .fill(|kind, name| Ok(self.reference(kind, name)))
                .map_err(|e| ApplyError::Fixed { place: place.clone(), why: e.to_string() })?;
            let Some(existing) = all.iter().find(|b| text(b, "friendly_name") == bin.name) else { continue };
            let sid = text(existing, "sid").to_owned();
            let is_new = new.contains(&bin.name.as_str());
            let differs = text(existing, "twiml") != twiml;
            if differs {
                let body = json!({ "friendly_name": bin.name, "twiml": twiml });
                let path = format!("{list}/{sid}");
                self.client.send("POST", &path, Body::Json(&body)).await.map_err(at(&place))?;
            }
            let done = match (is_new, differs) {
                (true, _) => Done::Created,
                (false, true) => Done::Updated,
                (false, false) => Done::Unchanged,
            };
            self.report.lines.push(Line { place, sid, done });
        }
        Ok(())
    }

    async fn numbers(&mut self) -> Result<(), ApplyError> {
        let list = self.client.account_path("/IncomingPhoneNumbers");
        let all =
            self.list("numbers", &format!("{list}.json?PageSize=1000"), "incoming_phone_numbers").await?;
        for number in &self.file.numbers {
            let url = match (&number.voice_bin, &number.voice_url) {
                (Some(bin), _) => Some(self.sid(Noun::Bin, bin)),
                (None, url) => url.clone(),
            };
            let mut fields = Vec::new();
            if let Some(name) = &number.name {
                fields.push(("FriendlyName", "friendly_name", name.clone()));
            }
            if let Some(url) = url {
                fields.push(("VoiceUrl", "voice_url", url));
            }
            if let Some(url) = &number.status_callback {
                fields.push(("StatusCallback", "status_callback", url.clone()));
            }
            self.settle(Wanted {
                place: format!("numbers: {}", number.number),
                list: list.clone(),
                existing: all.iter().find(|n| text(n, "phone_number") == number.number),
                fields,
                creation: vec![("PhoneNumber", number.number.clone())],
            })
            .await?;
        }
        Ok(())
    }

    /// Creates or updates one thing of a form API, and reports it. The answer's body.
    async fn settle(&mut self, wanted: Wanted<'_>) -> Result<Value, ApplyError> {
        let Wanted { place, list, existing, fields, creation } = wanted;
        let suffix = if list.starts_with("/2010-04-01") { ".json" } else { "" };
        let (answer, done) = match existing {
            Some(existing) => {
                let changed = differing(existing, &fields);
                if changed.is_empty() {
                    (existing.clone(), Done::Unchanged)
                } else {
                    let path = format!("{list}/{}{suffix}", text(existing, "sid"));
                    let answer = self.client.send("POST", &path, Body::Form(&changed)).await;
                    (answer.map_err(at(&place))?, Done::Updated)
                }
            }
            None => {
                let form: Vec<_> = creation
                    .into_iter()
                    .chain(fields.into_iter().map(|(name, _, value)| (name, value)))
                    .collect();
                let answer = self.client.send("POST", &format!("{list}{suffix}"), Body::Form(&form)).await;
                (answer.map_err(at(&place))?, Done::Created)
            }
        };
        if text(&answer, "sid").is_empty() {
            let source = ApiFailure::Incomplete { request: format!("POST {list}"), field: "sid" };
            return Err(ApplyError::Api { place, source });
        }
        self.report.lines.push(Line { place, sid: text(&answer, "sid").to_owned(), done });
        Ok(answer)
    }

    /// The same for our own JSON API. `secret` cannot be read back, so it is sent every time.
    async fn settle_json(
        &mut self,
        place: String,
        list: &str,
        existing: Option<&Value>,
        mut body: Value,
        secret: (&str, &str),
    ) -> Result<(), ApplyError> {
        let same = existing.is_some_and(|existing| {
            body.as_object()
                .is_some_and(|wanted| wanted.iter().all(|(key, value)| existing.get(key) == Some(value)))
        });
        body[secret.0] = secret.1.into();
        let (path, done) = match existing {
            None => (list.to_owned(), Done::Created),
            Some(existing) => {
                let done = if same { Done::Unchanged } else { Done::Updated };
                (format!("{list}/{}", text(existing, "sid")), done)
            }
        };
        let answer = self.client.send("POST", &path, Body::Json(&body)).await.map_err(at(&place))?;
        self.report.lines.push(Line { place, sid: text(&answer, "sid").to_owned(), done });
        Ok(())
    }

    async fn list(&self, place: &str, path: &str, key: &'static str) -> Result<Vec<Value>, ApplyError> {
        self.client.list(path, key).await.map_err(at(place))
    }

    fn reference(&self, kind: Kind, name: &str) -> String {
        match kind {
            Kind::Workflow => self.sid(Noun::Workflow, name),
            Kind::Queue => self.sid(Noun::Queue, name),
            Kind::Worker => self.sid(Noun::Worker, name),
            Kind::Bin => path_of(&self.sid(Noun::Bin, name)).to_owned(),
        }
    }

    /// The SID of a name that [`Document::parse`] found in the file, and that was settled before.
    fn sid(&self, noun: Noun, name: &str) -> String {
        let found = self.sids.iter().find(|((n, called), _)| *n == noun && *called == name);
        found.map(|(_, sid)| sid.clone()).unwrap_or_default()
    }
}

/// A bin's URL without its host: relative to whatever host the referring document was asked from.
fn path_of(url: &str) -> &str {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    url[after_scheme..].find('/').map_or(url, |at| &url[after_scheme + at..])
}

/// The form fields whose value in `existing` is another. A field that is not in the answer always differs.
fn differing(
    existing: &Value,
    fields: &[(&'static str, &'static str, String)],
) -> Vec<(&'static str, String)> {
    let same = |field: &str, value: &str| match existing.get(field) {
        Some(Value::String(has)) => has == value,
        Some(has) => {
            // Numbers and booleans are sent as the text that JSON writes.
            let has = has.to_string();
            has == value
        }
        None => false,
    };
    fields.iter().filter(|(_, field, value)| !same(field, value)).map(|(n, _, v)| (*n, v.clone())).collect()
}

fn at(place: &str) -> impl Fn(ApiFailure) -> ApplyError {
    let place = place.to_owned();
    move |source| ApplyError::Api { place: place.clone(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_sent() {
        let existing = json!({ "max_reserved_workers": 1, "task_order": "FIFO", "multi_task_enabled": true });
        let fields = [
            ("MaxReservedWorkers", "max_reserved_workers", "1".to_owned()),
            ("TaskOrder", "task_order", "LIFO".to_owned()),
            ("MultiTaskEnabled", "multi_task_enabled", "true".to_owned()),
            ("Configuration", "", "{}".to_owned()),
        ];
        let sent = differing(&existing, &fields);
        assert_eq!(sent, [("TaskOrder", "LIFO".to_owned()), ("Configuration", "{}".to_owned())]);
    }

    #[test]
    fn bins_refer_to_each_other_by_path() {
        assert_eq!(
            path_of("http://127.0.0.1:8080/tandem/v1/TwimlBins/EH1/Document"),
            "/tandem/v1/TwimlBins/EH1/Document"
        );
        assert_eq!(path_of("/a/b"), "/a/b");
        assert_eq!(path_of("http://host"), "http://host");
    }
}
