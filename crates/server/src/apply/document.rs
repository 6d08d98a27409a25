//! The file that `tandem apply` reads: names that refer to names. `docs/guides/apply.md` explains it to its writers.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A whole file. Every part may be left out.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The workspace that everything of TaskRouter's belongs to.
    pub workspace: Workspace,
    /// What a worker may say they do.
    #[serde(default)]
    pub activities: Vec<Activity>,
    /// Kinds of work.
    #[serde(default)]
    pub channels: Vec<Channel>,
    /// Several calls per agent; absent leaves the workspace's policy as it is.
    pub voice_policy: Option<Map<String, Value>>,
    /// Workers that may take a task.
    #[serde(default)]
    pub queues: Vec<Queue>,
    /// How queues are chosen.
    #[serde(default)]
    pub workflows: Vec<Workflow>,
    /// Who takes tasks.
    #[serde(default)]
    pub workers: Vec<Worker>,
    /// With what phones register.
    #[serde(default)]
    pub sip_accounts: Vec<SipAccount>,
    /// Who signs in to the desk.
    #[serde(default)]
    pub users: Vec<User>,
    /// TwiML kept in Tandem.
    #[serde(default)]
    pub twiml_bins: Vec<TwimlBin>,
    /// Phone numbers that are ours.
    #[serde(default)]
    pub numbers: Vec<Number>,
}

/// The workspace itself.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workspace {
    /// Friendly name; how it is found again.
    pub name: String,
    /// Activity of a new worker.
    pub default_activity: Option<String>,
    /// Activity of a worker who does not answer an offer.
    pub timeout_activity: Option<String>,
    /// Workers may have several tasks at once.
    #[serde(default = "yes")]
    pub multi_task: bool,
}

/// What a worker may say they do.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Activity {
    /// Friendly name.
    pub name: String,
    /// Takes offers. Cannot change once the activity exists.
    pub available: bool,
}

/// A kind of work.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// Unique name.
    pub name: String,
    /// For people; the unique name if absent.
    pub friendly_name: Option<String>,
}

/// Workers that may take a task.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// Friendly name.
    pub name: String,
    /// Expression over the worker.
    pub target_workers: String,
    /// How many are offered a task at once.
    #[serde(default = "one")]
    pub max_reserved_workers: u32,
    /// `FIFO` or `LIFO`.
    #[serde(default = "fifo")]
    pub task_order: String,
}

/// How queues are chosen.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workflow {
    /// Friendly name.
    pub name: String,
    /// Seconds an offer lasts.
    pub reservation_timeout: Option<u32>,
    /// Asked for instructions on every offer.
    pub assignment_callback_url: Option<String>,
    /// Filters and the default.
    pub configuration: Configuration,
}

/// Filters, first match wins, and where everything else goes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// In order.
    #[serde(default)]
    pub filters: Vec<Filter>,
    /// For tasks no filter takes; without it they are canceled.
    pub default: Option<Target>,
}

/// Tasks of one kind.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// For people.
    pub name: String,
    /// Expression over the task.
    pub expression: String,
    /// Tried in order.
    pub targets: Vec<Target>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Queue, by name.
    pub queue: String,
    /// Expression over task and worker that narrows the queue.
    pub expression: Option<String>,
    /// The task's priority from this step on.
    pub priority: Option<u32>,
    /// Seconds until the next step.
    pub timeout: Option<u32>,
    /// Which worker first.
    pub order_by: Option<String>,
    /// Expression that skips the step.
    pub skip_if: Option<String>,
    /// Expression whose value is a worker SID: only that worker.
    pub known_worker: Option<String>,
    /// Expression whose value is a worker's friendly name: only that worker.
    pub known_worker_name: Option<String>,
    /// For whom it names and nobody else: left when none of them is at work, and when they refuse.
    #[serde(default)]
    pub direct: bool,
    /// Where a call that gets here goes, one after the other until somebody takes it.
    #[serde(default)]
    pub redirect: Vec<Map<String, Value>>,
}

/// Who takes tasks.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worker {
    /// Friendly name.
    pub name: String,
    /// Activity when the worker is created; not touched afterwards.
    pub activity: Option<String>,
    /// Attributes that must be there; others stay.
    #[serde(default)]
    pub attributes: Map<String, Value>,
    /// Capacity by channel.
    #[serde(default)]
    pub capacities: BTreeMap<String, u32>,
}

/// With what a phone registers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SipAccount {
    /// User name.
    pub user: String,
    /// Password.
    pub password: String,
    /// Whose phone it is.
    pub worker: Option<String>,
    /// Workflow of the calls made with it.
    pub outbound_workflow: Option<String>,
    /// Number shown by the calls made with it.
    pub caller_id: Option<String>,
}

/// Who signs in to the desk.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// What they sign in with.
    pub login: String,
    /// Password.
    pub password: String,
    /// `agent`, `supervisor` or `admin`.
    pub role: String,
    /// Who they are in the workspace, if they take work.
    pub worker: Option<String>,
}

/// TwiML kept in Tandem.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwimlBin {
    /// Friendly name.
    pub name: String,
    /// TwiML, with `${kind:NAME}` for what `apply` fills in and `{{Parameter}}` for what each request brings.
    pub document: String,
}

/// A phone number that is ours.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    /// E.164.
    pub number: String,
    /// Friendly name; the number if absent.
    pub name: Option<String>,
    /// The bin that answers its calls.
    pub voice_bin: Option<String>,
    /// Or the URL that does.
    pub voice_url: Option<String>,
    /// Told when its calls end.
    pub status_callback: Option<String>,
}

/// Why a file cannot be applied; nothing was asked of the server yet.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// Not YAML, or not this shape. The cause names line and column.
    #[error("is not a contact-centre file")]
    Shape(#[from] serde_yaml_ng::Error),
    /// Two things of one kind have the same name.
    #[error("{place} is there twice")]
    Twice {
        /// `queues: Sales`
        place: String,
    },
    /// A name that nothing in the file has.
    #[error("{place} refers to {kind} '{name}', which is not in the file")]
    Unknown {
        /// Where the name is used.
        place: String,
        /// What it should name.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// A `${` that is not `${kind:NAME}`.
    #[error(
        "{place} has '{text}', which is none of ${{workflow:…}}, ${{queue:…}}, ${{worker:…}}, ${{bin:…}}"
    )]
    Reference {
        /// Which bin.
        place: String,
        /// What stands there.
        text: String,
    },
}

/// What a `${kind:NAME}` in a bin refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A workflow's SID.
    Workflow,
    /// A queue's SID.
    Queue,
    /// A worker's SID.
    Worker,
    /// A bin's URL.
    Bin,
}

impl Kind {
    fn parse(text: &str) -> Option<(Self, &'static str)> {
        Some(match text {
            "workflow" => (Self::Workflow, "workflow"),
            "queue" => (Self::Queue, "queue"),
            "worker" => (Self::Worker, "worker"),
            "bin" => (Self::Bin, "TwiML bin"),
            _ => return None,
        })
    }
}

impl Document {
    /// Reads and checks a file: every name that is used is there, once.
    pub fn parse(yaml: &str) -> Result<Self, DocumentError> {
        let document: Self = serde_yaml_ng::from_str(yaml)?;
        document.check()?;
        Ok(document)
    }

    fn check(&self) -> Result<(), DocumentError> {
        let activities = names("activities", self.activities.iter().map(|a| &a.name))?;
        let channels = names("channels", self.channels.iter().map(|c| &c.name))?;
        let queues = names("queues", self.queues.iter().map(|q| &q.name))?;
        let workflows = names("workflows", self.workflows.iter().map(|w| &w.name))?;
        let workers = names("workers", self.workers.iter().map(|w| &w.name))?;
        let bins = names("twiml_bins", self.twiml_bins.iter().map(|b| &b.name))?;
        names("sip_accounts", self.sip_accounts.iter().map(|s| &s.user))?;
        names("users", self.users.iter().map(|u| &u.login))?;
        names("numbers", self.numbers.iter().map(|n| &n.number))?;

        let workspace = &self.workspace;
        for name in [&workspace.default_activity, &workspace.timeout_activity].into_iter().flatten() {
            known(&activities, "activity", name, || "workspace".to_owned())?;
        }
        for workflow in &self.workflows {
            for target in workflow.targets() {
                known(&queues, "queue", &target.queue, || format!("workflows: {}", workflow.name))?;
            }
        }
        for worker in &self.workers {
            let place = || format!("workers: {}", worker.name);
            worker.activity.iter().try_for_each(|name| known(&activities, "activity", name, place))?;
            worker.capacities.keys().try_for_each(|name| known(&channels, "channel", name, place))?;
        }
        for account in &self.sip_accounts {
            let place = || format!("sip_accounts: {}", account.user);
            account.worker.iter().try_for_each(|name| known(&workers, "worker", name, place))?;
            account
                .outbound_workflow
                .iter()
                .try_for_each(|name| known(&workflows, "workflow", name, place))?;
        }
        for user in &self.users {
            let place = || format!("users: {}", user.login);
            user.worker.iter().try_for_each(|name| known(&workers, "worker", name, place))?;
        }
        for bin in &self.twiml_bins {
            bin.fill(|kind, name| {
                let (among, what) = match kind {
                    Kind::Workflow => (&workflows, "workflow"),
                    Kind::Queue => (&queues, "queue"),
                    Kind::Worker => (&workers, "worker"),
                    Kind::Bin => (&bins, "TwiML bin"),
                };
                known(among, what, name, || format!("twiml_bins: {}", bin.name)).map(|()| String::new())
            })?;
        }
        for number in &self.numbers {
            let place = || format!("numbers: {}", number.number);
            number.voice_bin.iter().try_for_each(|name| known(&bins, "TwiML bin", name, place))?;
        }
        Ok(())
    }
}

impl Workflow {
    fn targets(&self) -> impl Iterator<Item = &Target> {
        let filters = self.configuration.filters.iter().flat_map(|f| &f.targets);
        filters.chain(&self.configuration.default)
    }

    /// The JSON that the API takes, with `sid` for each queue name.
    pub fn configuration_json(&self, sid: impl Fn(&str) -> String) -> Value {
        let target = |target: &Target| {
            let mut json = Map::new();
            json.insert("queue".to_owned(), sid(&target.queue).into());
            let texts = [
                ("expression", &target.expression),
                ("order_by", &target.order_by),
                ("skip_if", &target.skip_if),
                ("known_worker_sid", &target.known_worker),
                ("known_worker_friendly_name", &target.known_worker_name),
            ];
            for (key, value) in texts {
                if let Some(value) = value {
                    json.insert(key.to_owned(), value.clone().into());
                }
            }
            for (key, value) in [("priority", target.priority), ("timeout", target.timeout)] {
                if let Some(value) = value {
                    json.insert(key.to_owned(), value.into());
                }
            }
            let mut own = Map::new();
            if target.direct {
                own.insert("direct".to_owned(), true.into());
            }
            if !target.redirect.is_empty() {
                own.insert("redirect".to_owned(), json!(target.redirect));
            }
            if !own.is_empty() {
                json.insert("tandem".to_owned(), own.into());
            }
            Value::Object(json)
        };
        let filters: Vec<Value> = self
            .configuration
            .filters
            .iter()
            .map(|f| {
                let targets: Vec<Value> = f.targets.iter().map(target).collect();
                json!({ "filter_friendly_name": f.name, "expression": f.expression, "targets": targets })
            })
            .collect();
        let mut routing = Map::new();
        routing.insert("filters".to_owned(), filters.into());
        if let Some(default) = &self.configuration.default {
            routing.insert("default_filter".to_owned(), target(default));
        }
        json!({ "task_routing": routing })
    }
}

impl TwimlBin {
    /// The document with every `${kind:NAME}` replaced by what `resolve` says, escaped for XML.
    pub fn fill(
        &self,
        mut resolve: impl FnMut(Kind, &str) -> Result<String, DocumentError>,
    ) -> Result<String, DocumentError> {
        let mut filled = String::with_capacity(self.document.len());
        let mut rest = self.document.as_str();
        while let Some(open) = rest.find("${") {
            filled.push_str(&rest[..open]);
            let inside = &rest[open + 2..];
            let reference = inside.split_once('}').and_then(|(reference, after)| {
                let (kind, name) = reference.split_once(':')?;
                Some((Kind::parse(kind)?.0, name, after))
            });
            let Some((kind, name, after)) = reference else {
                let text = rest[open..].chars().take(30).collect();
                return Err(DocumentError::Reference { place: format!("twiml_bins: {}", self.name), text });
            };
            filled.push_str(&resolve(kind, name)?.replace('&', "&amp;"));
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

fn names<'a>(part: &str, all: impl Iterator<Item = &'a String>) -> Result<BTreeSet<&'a str>, DocumentError> {
    let mut seen = BTreeSet::new();
    for name in all {
        if !seen.insert(name.as_str()) {
            return Err(DocumentError::Twice { place: format!("{part}: {name}") });
        }
    }
    Ok(seen)
}

fn known(
    names: &BTreeSet<&str>,
    kind: &'static str,
    name: &str,
    place: impl Fn() -> String,
) -> Result<(), DocumentError> {
    if names.contains(name) {
        return Ok(());
    }
    Err(DocumentError::Unknown { place: place(), kind, name: name.to_owned() })
}

fn yes() -> bool {
    true
}

fn one() -> u32 {
    1
}

fn fifo() -> String {
    "FIFO".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEMO: &str = include_str!("../../../../demo/contact-centre.yaml");

    #[test]
    fn the_demo_file_is_whole() {
        let demo = Document::parse(DEMO).unwrap();
        assert_eq!(demo.workspace.name, "Flex Task Assignment");
        assert_eq!((demo.workers.len(), demo.numbers.len(), demo.queues.len()), (3, 5, 6));
    }

    #[test]
    fn a_workflow_becomes_the_json_of_the_api() {
        let demo = Document::parse(DEMO).unwrap();
        let workflow = demo.workflows.iter().find(|w| w.name == "Inbound ACD").unwrap();
        let json = workflow.configuration_json(|name| format!("WQ-{name}"));
        assert_eq!(
            json["task_routing"]["filters"][0]["targets"][0],
            json!({"queue": "WQ-Park Pickup", "known_worker_sid": "task.targetWorker"})
        );
        assert_eq!(json["task_routing"].get("default_filter"), None);
    }

    #[test]
    fn references_in_a_bin_are_filled_and_escaped() {
        let bin = TwimlBin {
            name: "x".to_owned(),
            document: r#"<Gather action="${bin:Next}"/>{{Digits}}"#.to_owned(),
        };
        let filled = bin.fill(|kind, name| Ok(format!("http://h/{kind:?}/{name}?a=1&b=2"))).unwrap();
        assert_eq!(filled, r#"<Gather action="http://h/Bin/Next?a=1&amp;b=2"/>{{Digits}}"#);
        for wrong in ["${", "${bin}", "${who:Next}"] {
            let bin = TwimlBin { name: "x".to_owned(), document: wrong.to_owned() };
            assert!(
                matches!(bin.fill(|_, _| Ok(String::new())), Err(DocumentError::Reference { .. })),
                "{wrong}"
            );
        }
    }

    #[test]
    fn mistakes_name_their_place() {
        let message = |yaml: &str| Document::parse(yaml).map(|_| ()).unwrap_err().to_string();
        let twice = "workspace: {name: W}\nqueues: [{name: A, target_workers: 1==1}, {name: A, target_workers: 1==1}]";
        assert_eq!(message(twice), "queues: A is there twice");
        let unknown = "workspace: {name: W}\nnumbers: [{number: '+15550100001', voice_bin: Hello}]";
        assert_eq!(
            message(unknown),
            "numbers: +15550100001 refers to TwiML bin 'Hello', which is not in the file"
        );
        assert_eq!(message("workspace: {name: W}\nqueus: []"), "is not a contact-centre file");
    }
}
