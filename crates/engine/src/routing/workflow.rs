//! Workflow documents: parsed once, checked with the place of every fault, and ready to be evaluated.

use super::model::Mailbox;
use base::{TaskQueueSid, WorkerSid};
use expr::{Context, Expression, OrderBy, Path};
use serde_json::{Map, Value};
use std::time::Duration;

/// Longest configuration text (reference: TaskRouter limits).
pub const CONFIGURATION_BYTES_MAX: usize = 1_038_576;
/// Most filters of one workflow.
pub const FILTERS_MAX: usize = 10_000;
/// Most targets of one filter.
pub const TARGETS_MAX: usize = 1_000;
/// Most steps of one redirection.
const REDIRECTIONS_MAX: usize = 10;
/// How long the number of a redirection rings unless it says otherwise, and the longest.
const RING: Duration = Duration::from_secs(20);
const RING_SECONDS_MAX: u32 = 600;
/// Longest text that is said.
const SAID_CHARS_MAX: usize = 4_096;

/// A workflow's configuration, checked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Definition {
    /// Tried from the top; the first whose expression is true takes the task.
    pub filters: Vec<Filter>,
    /// Takes what no filter took, and what was skipped out of one.
    pub default: Option<Target>,
}

/// Which tasks, and where they go.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// Its label, if it has one.
    pub friendly_name: Option<String>,
    /// Over the task's attributes.
    pub expression: Expression,
    /// The routing steps, at least one.
    pub targets: Vec<Target>,
}

/// One routing step.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The queue; where the document names none, the one of the target before.
    pub queue: TaskQueueSid,
    /// A further condition on task and worker.
    pub expression: Option<Expression>,
    /// The task's priority from here on.
    pub priority: Option<u32>,
    /// How long the task stays; `None` is as long as it lives.
    pub timeout: Option<Duration>,
    /// Which of the candidates goes first.
    pub order_by: Option<OrderBy>,
    /// Leave at once if nobody could be reserved and this is true.
    pub skip_if: Option<Expression>,
    /// The one worker who may take it.
    pub known_worker: Option<KnownWorker>,
    /// For whom it names and nobody else: left at once when none of them is at work, and when they refuse.
    pub direct: bool,
    /// Where a call that gets here goes, one after the other until somebody takes it. Its task is over then.
    pub redirect: Vec<Redirection>,
}

/// Where a call goes for which its workflow has nobody: an extension of ours to the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redirection {
    /// This number is called; who answers has the call.
    Number {
        /// E.164, or a SIP address.
        to: String,
        /// How long it rings.
        timeout: Duration,
        /// Shown there; the caller's own if absent.
        caller_id: Option<String>,
    },
    /// The call runs the document at this URL.
    Url {
        /// `http://…`
        url: String,
        /// Asked with GET, else with POST.
        get: bool,
    },
    /// The caller may leave a message.
    Voicemail(MailboxName),
    /// A sentence.
    Say {
        /// What is said.
        text: String,
        /// BCP-47; English if absent.
        language: Option<String>,
    },
    /// An audio file.
    Play(String),
    /// The document that put the call in the queue goes on.
    Continue,
}

/// How a redirection names a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailboxName {
    /// The one worker whom the direct target before it was for.
    Agent,
    /// The target's own queue.
    Queue,
    /// This one.
    Fixed(Mailbox),
    /// Whose SID is in this attribute of the task.
    Attribute(Path),
}

/// How a target names one worker.
#[derive(Debug, Clone, PartialEq)]
pub enum KnownWorker {
    /// `known_worker_sid` with a `task.` path.
    Sid(Path),
    /// `known_worker_friendly_name` with a `task.` path.
    FriendlyName(Path),
    /// `known_worker_sid` with a SID written into the document.
    Literal(WorkerSid),
}

/// Why a text is no workflow configuration: what is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", if .place.is_empty() { String::new() } else { format!("{}: ", .place) })]
pub struct DefinitionError {
    /// `task_routing.filters[0].targets[1].timeout`; empty for the document itself.
    pub place: String,
    /// What is wrong there.
    pub message: String,
}

type Result<T> = std::result::Result<T, DefinitionError>;

fn wrong<T>(place: impl Into<String>, message: impl Into<String>) -> Result<T> {
    Err(DefinitionError { place: place.into(), message: message.into() })
}

impl Definition {
    /// Reads and checks `text`. That its queues exist is for the caller to see ([`Definition::queues`]).
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > CONFIGURATION_BYTES_MAX {
            return wrong("", format!("the configuration is longer than {CONFIGURATION_BYTES_MAX} bytes"));
        }
        let document: Value = match serde_json::from_str(text) {
            Ok(document) => document,
            Err(fault) => return wrong("", format!("the configuration is not valid JSON: {fault}")),
        };
        let Some(root) = document.as_object() else {
            return wrong("", "the configuration must be a JSON object");
        };
        let Some(routing) = root.get("task_routing") else { return wrong("", "task_routing is missing") };
        let routing = object(routing, "task_routing")?;
        let filters = match routing.get("filters") {
            None | Some(Value::Null) => Vec::new(),
            Some(filters) => {
                let place = "task_routing.filters";
                let filters = array(filters, place, FILTERS_MAX)?;
                each(filters, place, Filter::read)?
            }
        };
        let default = match routing.get("default_filter") {
            None | Some(Value::Null) => None,
            Some(default) => {
                let place = "task_routing.default_filter";
                Some(Target { timeout: None, ..Target::read(object(default, place)?, place, None)? })
            }
        };
        if filters.is_empty() && default.is_none() {
            return wrong("task_routing", "needs filters or a default_filter");
        }
        Ok(Self { filters, default })
    }

    /// Every queue it names, with the place, each as often as it is named.
    pub fn queues(&self) -> impl Iterator<Item = (TaskQueueSid, String)> + '_ {
        let filters = self.filters.iter().enumerate().flat_map(|(f, filter)| {
            filter.targets.iter().enumerate().map(move |(t, target)| {
                (target.queue, format!("task_routing.filters[{f}].targets[{t}].queue"))
            })
        });
        let default = self.default.iter().map(|t| (t.queue, "task_routing.default_filter.queue".to_owned()));
        filters.chain(default)
    }

    /// A target by its filter (`None` is the default filter) and place.
    pub fn target(&self, filter: Option<usize>, target: usize) -> Option<&Target> {
        match filter {
            Some(filter) => self.filters.get(filter)?.targets.get(target),
            None => self.default.as_ref().filter(|_| target == 0),
        }
    }

    /// Every target, the default filter's last.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        self.filters.iter().flat_map(|filter| &filter.targets).chain(&self.default)
    }
}

impl Filter {
    fn read(value: &Value, place: &str) -> Result<Self> {
        let filter = object(value, place)?;
        let named = |key: &str| filter.get(key).and_then(Value::as_str).map(str::to_owned);
        let friendly_name = named("filter_friendly_name")
            .or_else(|| named("friendly_name"))
            .or_else(|| named("friendlyName"));
        let Some(expression) = expression(filter, "expression", place, Context::Task)? else {
            return wrong(format!("{place}.expression"), "is missing");
        };
        let place = format!("{place}.targets");
        let Some(list) = filter.get("targets") else { return wrong(place, "is missing") };
        let list = array(list, &place, TARGETS_MAX)?;
        if list.is_empty() {
            return wrong(place, "needs at least one target");
        }
        let mut targets: Vec<Target> = Vec::with_capacity(list.len());
        for (at, value) in list.iter().enumerate() {
            let place = format!("{place}[{at}]");
            let inherited = targets.last().map(|target| target.queue);
            targets.push(Target::read(object(value, &place)?, &place, inherited)?);
        }
        Ok(Self { friendly_name, expression, targets })
    }
}

impl Target {
    fn read(target: &Map<String, Value>, place: &str, inherited: Option<TaskQueueSid>) -> Result<Self> {
        let at = |key: &str| format!("{place}.{key}");
        let queue = match (text(target, "queue", place)?, inherited) {
            (Some(queue), _) => match queue.parse() {
                Ok(queue) => queue,
                Err(fault) => return wrong(at("queue"), format!("{fault}")),
            },
            (None, Some(queue)) => queue,
            (None, None) => return wrong(at("queue"), "is missing"),
        };
        let timeout = match number(target, "timeout", place)? {
            Some(0) => return wrong(at("timeout"), "must be greater than 0"),
            seconds => seconds.map(|seconds| Duration::from_secs(seconds.into())),
        };
        let own = match target.get("tandem") {
            None | Some(Value::Null) => None,
            Some(own) => Some(object(own, &at("tandem"))?),
        };
        let order_by = match text(target, "order_by", place)? {
            None => None,
            Some(order) => match OrderBy::parse(order) {
                Ok(order) => Some(order),
                Err(fault) => return wrong(at("order_by"), format!("{fault}")),
            },
        };
        Ok(Self {
            queue,
            expression: expression(target, "expression", place, Context::Target)?,
            priority: number(target, "priority", place)?,
            timeout,
            order_by,
            skip_if: expression(target, "skip_if", place, Context::Skip)?,
            known_worker: KnownWorker::read(target, place)?,
            direct: own.is_some_and(|own| own.get("direct") == Some(&Value::Bool(true))),
            redirect: match own.and_then(|own| own.get("redirect")) {
                None | Some(Value::Null) => Vec::new(),
                Some(list) => {
                    let place = at("tandem.redirect");
                    each(array(list, &place, REDIRECTIONS_MAX)?, &place, Redirection::read)?
                }
            },
        })
    }
}

impl Redirection {
    fn read(value: &Value, place: &str) -> Result<Self> {
        let step = object(value, place)?;
        let own = |key: &str| text(step, key, place).map(|t| t.map(str::to_owned));
        let kinds = ["number", "url", "voicemail", "say", "play", "continue"];
        let named: Vec<_> = kinds.into_iter().filter(|kind| step.contains_key(*kind)).collect();
        let [kind] = named[..] else {
            return wrong(place, "needs exactly one of number, url, voicemail, say, play, continue");
        };
        let Some(what) = text(step, kind, place)? else {
            return wrong(format!("{place}.{kind}"), "is empty");
        };
        match kind {
            "number" => {
                let seconds = number(step, "timeout", place)?;
                if seconds.is_some_and(|s| !(1..=RING_SECONDS_MAX).contains(&s)) {
                    return wrong(
                        format!("{place}.timeout"),
                        format!("must be from 1 to {RING_SECONDS_MAX}"),
                    );
                }
                let timeout = seconds.map_or(RING, |s| Duration::from_secs(s.into()));
                Ok(Self::Number { to: what.to_owned(), timeout, caller_id: own("caller_id")? })
            }
            "url" => {
                if !what.starts_with("http://") && !what.starts_with("https://") {
                    return wrong(format!("{place}.url"), "must be an http or https URL");
                }
                let get = match text(step, "method", place)?.map(str::to_ascii_uppercase).as_deref() {
                    None | Some("POST") => false,
                    Some("GET") => true,
                    Some(_) => return wrong(format!("{place}.method"), "must be GET or POST"),
                };
                Ok(Self::Url { url: what.to_owned(), get })
            }
            "voicemail" => Ok(Self::Voicemail(MailboxName::read(what, &format!("{place}.voicemail"))?)),
            "say" if what.chars().count() > SAID_CHARS_MAX => {
                wrong(format!("{place}.say"), format!("is longer than {SAID_CHARS_MAX} characters"))
            }
            "say" => Ok(Self::Say { text: what.to_owned(), language: own("language")? }),
            "continue" if what == "document" => Ok(Self::Continue),
            "continue" => wrong(format!("{place}.continue"), "must be document"),
            _ => Ok(Self::Play(what.to_owned())),
        }
    }
}

impl MailboxName {
    fn read(name: &str, place: &str) -> Result<Self> {
        match name {
            "agent" => Ok(Self::Agent),
            "queue" => Ok(Self::Queue),
            _ => match name.parse() {
                Ok(mailbox) => Ok(Self::Fixed(mailbox)),
                Err(_) => task_path(name, place).map(Self::Attribute),
            },
        }
    }
}

impl KnownWorker {
    fn read(target: &Map<String, Value>, place: &str) -> Result<Option<Self>> {
        let sid = text(target, "known_worker_sid", place)?;
        let name = text(target, "known_worker_friendly_name", place)?;
        match (sid, name) {
            (Some(_), Some(_)) => {
                wrong(place, "known_worker_sid and known_worker_friendly_name exclude each other")
            }
            (Some(sid), None) => match sid.parse() {
                Ok(sid) => Ok(Some(Self::Literal(sid))),
                Err(_) => Ok(Some(Self::Sid(task_path(sid, &format!("{place}.known_worker_sid"))?))),
            },
            (None, Some(name)) => {
                Ok(Some(Self::FriendlyName(task_path(name, &format!("{place}.known_worker_friendly_name"))?)))
            }
            (None, None) => Ok(None),
        }
    }
}

/// `task.a.b`, read with the expression parser so that both spell paths alike.
fn task_path(text: &str, place: &str) -> Result<Path> {
    let parsed = Expression::parse(&format!("{text} == null"), Context::Target).ok();
    match parsed.as_ref().map(|e| e.reads()) {
        Some([path @ Path::Task(_)]) => Ok(path.clone()),
        _ => wrong(
            place,
            format!("'{text}' must be a task attribute, such as task.last_agent, or a worker SID"),
        ),
    }
}

fn object<'a>(value: &'a Value, place: &str) -> Result<&'a Map<String, Value>> {
    match value.as_object() {
        Some(object) => Ok(object),
        None => wrong(place, "must be a JSON object"),
    }
}

fn array<'a>(value: &'a Value, place: &str, most: usize) -> Result<&'a [Value]> {
    match value.as_array() {
        Some(array) if array.len() > most => wrong(place, format!("has more than {most} entries")),
        Some(array) => Ok(array),
        None => wrong(place, "must be an array"),
    }
}

fn each<T>(list: &[Value], place: &str, read: impl Fn(&Value, &str) -> Result<T>) -> Result<Vec<T>> {
    list.iter().enumerate().map(|(at, value)| read(value, &format!("{place}[{at}]"))).collect()
}

/// A text; absent, null and empty are the same.
fn text<'a>(from: &'a Map<String, Value>, key: &str, place: &str) -> Result<Option<&'a str>> {
    match from.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => wrong(format!("{place}.{key}"), "must be a string"),
    }
}

/// A whole number, also written as a string.
fn number(from: &Map<String, Value>, key: &str, place: &str) -> Result<Option<u32>> {
    let number = match from.get(key) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => return Ok(None),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(value) => value.as_u64(),
    };
    match number.filter(|n| *n <= i32::MAX as u64) {
        Some(number) => Ok(Some(number as u32)),
        None => wrong(format!("{place}.{key}"), "must be a whole number from 0 to 2147483647"),
    }
}

fn expression(
    from: &Map<String, Value>,
    key: &str,
    place: &str,
    context: Context,
) -> Result<Option<Expression>> {
    match text(from, key, place)? {
        None => Ok(None),
        Some(text) => match Expression::parse(text, context) {
            Ok(expression) => Ok(Some(expression)),
            Err(fault) => wrong(format!("{place}.{key}"), format!("{fault}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const Q1: &str = "WQ00000000000000000000000000000001";
    const Q2: &str = "WQ00000000000000000000000000000002";

    fn fault(text: &str) -> String {
        Definition::parse(text).expect_err("this is wrong").to_string()
    }

    fn filter(targets: &str) -> String {
        format!(r#"{{"task_routing":{{"filters":[{{"expression":"1==1","targets":{targets}}}]}}}}"#)
    }

    #[test]
    fn the_documented_example_is_read_whole() {
        let text = format!(
            r#"{{"task_routing":{{"filters":[{{"filter_friendly_name":"VIP","expression":"tier == 'gold' AND type IN ['call','chat']",
            "targets":[{{"queue":"{Q1}","priority":50,"timeout":20,"known_worker_sid":"task.last_agent","skip_if":"workers.available == 0"}},
            {{"queue":"{Q2}","expression":"task.lang IN worker.languages","order_by":"worker.level DESC","timeout":"60"}},
            {{"priority":"90"}}]}}],"default_filter":{{"queue":"{Q1}"}}}}}}"#
        );
        let workflow = Definition::parse(&text).unwrap();
        let filter = &workflow.filters[0];
        assert_eq!(filter.friendly_name.as_deref(), Some("VIP"));
        let [first, second, third] = &filter.targets[..] else { panic!("three targets") };
        assert!(
            matches!(&first.known_worker, Some(KnownWorker::Sid(path)) if path.to_string() == "task.last_agent")
        );
        assert_eq!((first.priority, first.timeout), (Some(50), Some(Duration::from_secs(20))));
        assert_eq!(second.timeout, Some(Duration::from_secs(60)));
        assert_eq!((third.queue, third.priority, third.timeout), (second.queue, Some(90), None));
        assert!(third.expression.is_none() && third.order_by.is_none() && third.skip_if.is_none());
        assert_eq!(workflow.queues().count(), 4);
    }

    #[test]
    fn a_target_may_say_where_a_call_goes_that_nobody_takes() {
        let read = |redirect: &str| {
            let text =
                filter(&format!(r#"[{{"queue":"{Q1}","tandem":{{"direct":true,"redirect":{redirect}}}}}]"#));
            Definition::parse(&text).map(|workflow| workflow.filters[0].targets[0].clone())
        };
        let target = read(
            r#"[{"say":"Nobody is here.","language":"en-GB"},{"number":"+15557770100","timeout":"9","caller_id":"+15550100001"},
                {"voicemail":"agent"},{"voicemail":"task.owner"},{"url":"https://app/x","method":"get"},{"play":"https://app/a.wav"},
                {"continue":"document"}]"#,
        );
        let target = target.unwrap();
        assert!(target.direct);
        let [say, number, agent, owner, url, play, Redirection::Continue] = &target.redirect[..] else {
            panic!("{target:?}")
        };
        assert!(matches!(say, Redirection::Say { language: Some(language), .. } if language == "en-GB"));
        assert!(
            matches!(number, Redirection::Number { timeout, caller_id: Some(_), .. } if timeout.as_secs() == 9)
        );
        assert_eq!(*agent, Redirection::Voicemail(MailboxName::Agent));
        assert!(
            matches!(owner, Redirection::Voicemail(MailboxName::Attribute(path)) if path.to_string() == "task.owner")
        );
        assert!(matches!(url, Redirection::Url { get: true, .. }));
        assert!(matches!(play, Redirection::Play(_)));
        let fixed = read(&format!(r#"[{{"voicemail":"{Q2}"}}]"#)).unwrap();
        assert_eq!(
            fixed.redirect,
            [Redirection::Voicemail(MailboxName::Fixed(Mailbox::Queue(Q2.parse().unwrap())))]
        );
        for (redirect, expected) in [
            ("{}", "targets[0].tandem.redirect: must be an array"),
            ("[{}]", "redirect[0]: needs exactly one"),
            (r#"[{"say":"a","play":"b"}]"#, "redirect[0]: needs exactly one"),
            (r#"[{"number":"+1","timeout":0}]"#, "redirect[0].timeout: must be from 1 to 600"),
            (r#"[{"url":"ftp://a"}]"#, "redirect[0].url: must be an http"),
            (r#"[{"voicemail":"somebody"}]"#, "redirect[0].voicemail: 'somebody' must be"),
            (r#"[{"say":" "}]"#, "redirect[0].say: is empty"),
            (r#"[{"continue":"queue"}]"#, "redirect[0].continue: must be document"),
        ] {
            let fault = read(redirect).unwrap_err().to_string();
            assert!(fault.contains(expected), "{fault} for {redirect}");
        }
    }

    #[test]
    fn every_fault_names_its_place() {
        for (text, expected) in [
            ("{", "the configuration is not valid JSON"),
            ("[]", "must be a JSON object"),
            ("{}", "task_routing is missing"),
            (r#"{"task_routing":{}}"#, "task_routing: needs filters"),
            (&filter("[]"), "task_routing.filters[0].targets: needs at least one"),
            (&filter("[{}]"), "task_routing.filters[0].targets[0].queue: is missing"),
            (&filter(r#"[{"queue":"WQ1"}]"#), "targets[0].queue: 'WQ1' is not a SID"),
            (
                &filter(&format!(r#"[{{"queue":"{Q1}","timeout":0}}]"#)),
                "targets[0].timeout: must be greater than 0",
            ),
            (
                &filter(&format!(r#"[{{"queue":"{Q1}","timeout":-1}}]"#)),
                "targets[0].timeout: must be a whole number",
            ),
            (
                &filter(&format!(r#"[{{"queue":"{Q1}","expression":"lang == 1"}}]"#)),
                "targets[0].expression: ",
            ),
            (
                &filter(&format!(
                    r#"[{{"queue":"{Q1}","known_worker_sid":"task.a","known_worker_friendly_name":"task.b"}}]"#
                )),
                "targets[0]: known_worker_sid and known_worker_friendly_name",
            ),
            (
                &filter(&format!(r#"[{{"queue":"{Q1}","known_worker_sid":"agent"}}]"#)),
                "known_worker_sid: 'agent' must be",
            ),
        ] {
            let fault = fault(text);
            assert!(fault.contains(expected), "{fault} should say {expected}");
        }
    }
}
