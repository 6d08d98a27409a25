//! `tandem explain`: why a task is where it is, for people.

use crate::apply::{ApiClient, ApiFailure, Body, text};
use base::{TaskSid, Timestamp};
use serde_json::Value;
use std::fmt::Write;

/// Workers that are printed; the others are counted.
const WORKERS_PRINTED_MAX: usize = 20;

/// Why there is no explanation.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// A request failed.
    #[error("could not ask for the explanation")]
    Api(#[from] ApiFailure),
    /// No workspace of the account has it.
    #[error("task {0} is in no workspace of this account (finished tasks are forgotten after five minutes)")]
    Missing(TaskSid),
}

/// Looks for the task in the account's workspaces and prints why it is where it is.
pub async fn explain(client: &ApiClient, task: TaskSid) -> Result<String, ExplainError> {
    for workspace in client.list("/taskrouter/v1/Workspaces?PageSize=100", "workspaces").await? {
        let path = format!("/tandem/v1/Workspaces/{}/Tasks/{task}/Explanation", text(&workspace, "sid"));
        match client.send("GET", &path, Body::Empty).await {
            Ok(explanation) => return Ok(print(&explanation)),
            Err(ApiFailure::Refused { status: 404, .. }) => {}
            Err(failure) => return Err(failure.into()),
        }
    }
    Err(ExplainError::Missing(task))
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A time without its fraction.
fn time(value: &Value) -> Option<String> {
    Some(Timestamp::parse(value.as_str()?)?.iso8601())
}

/// The explanation in lines: summary, filters, steps, workers, what would make it route.
fn print(explanation: &Value) -> String {
    let mut lines = String::new();
    // Writing into a String cannot fail.
    let _ = writeln!(lines, "Task {} {}", text(explanation, "task"), text(explanation, "summary"));
    heading(&mut lines, "Filters tried", list(explanation, "filters"), filter);
    heading(&mut lines, "Targets entered", list(explanation, "steps"), step);
    let workers = list(explanation, "workers");
    heading(&mut lines, "Workers considered", &workers[..workers.len().min(WORKERS_PRINTED_MAX)], worker);
    if let Some(counts) = explanation.get("ruled_out").and_then(Value::as_object).filter(|c| !c.is_empty()) {
        let counts: Vec<String> = counts.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        let _ = writeln!(lines, "  in all: {}", counts.join(", "));
    }
    heading(&mut lines, "It would route now if", list(explanation, "would_route"), |way| {
        way.as_str().unwrap_or_default().to_owned()
    });
    lines
}

fn heading(lines: &mut String, title: &str, entries: &[Value], line: impl Fn(&Value) -> String) {
    if entries.is_empty() {
        return;
    }
    let _ = writeln!(lines, "{title}:");
    for entry in entries {
        let _ = writeln!(lines, "  - {}", line(entry));
    }
}

fn filter(filter: &Value) -> String {
    let label = match (filter.get("friendly_name").and_then(Value::as_str), filter.get("filter")) {
        (Some(name), _) => format!("'{name}' "),
        (None, Some(Value::Number(at))) => format!("#{} ", at.as_u64().unwrap_or(0) + 1),
        _ => String::new(),
    };
    let expression = text(filter, "expression");
    match filter.get("matched").and_then(Value::as_bool) {
        Some(true) => format!("{label}{expression}: matched"),
        _ => format!("{label}{expression}: no, {}", text(filter, "because")),
    }
}

fn step(step: &Value) -> String {
    let inside = step.get("step").unwrap_or(step);
    let filter = match inside.get("filter").and_then(Value::as_u64) {
        Some(at) => format!("filter #{}", at + 1),
        None => "default filter".to_owned(),
    };
    let target = inside.get("target").and_then(Value::as_u64).unwrap_or(0) + 1;
    let entered = inside.get("entered").and_then(time).unwrap_or_default();
    let left = step.get("left").and_then(time);
    let until = inside.get("until").and_then(time);
    let then = match (text(step, "outcome"), left, until) {
        ("here", _, Some(until)) => format!("is in it until {until}"),
        ("here", _, None) => "is in it".to_owned(),
        (outcome, Some(left), _) => format!("{} at {left}", outcome.replace('-', " ")),
        (outcome, None, _) => outcome.replace('-', " "),
    };
    format!("{filter}, target {target}, queue '{}': entered {entered}, {then}", text(step, "queue_name"))
}

fn worker(considered: &Value) -> String {
    let name = text(considered, "friendly_name");
    let Some(out) = considered.get("ruled_out").filter(|out| !out.is_null()) else {
        return format!("{name}: would get it");
    };
    let number = |field: &str| out.get(field).and_then(Value::as_u64).unwrap_or(0);
    let because = text(out, "because");
    let reason = match text(out, "reason") {
        "has-it-already" => "has it, or is being offered it".to_owned(),
        "not-the-known-worker" => "another worker is asked for".to_owned(),
        "not-in-queue" => format!("is not in the queue: {because}"),
        "target-expression" => format!("does not match the target: {because}"),
        "activity" => format!("is {}", text(out, "activity")),
        "channel-unavailable" => "is not available on the task's channel".to_owned(),
        "no-capacity" => format!("has {} of {} tasks", number("used"), number("configured")),
        "voice-policy" => format!("cannot take another call: {because}"),
        "cooling-down" => {
            let until = out.get("until").and_then(time).unwrap_or_default();
            format!("did not take it a moment ago, may be asked again at {until}")
        }
        other => other.to_owned(),
    };
    format!("{name}: {reason}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_explanation_is_printed_for_people() {
        let at = "2026-03-25T10:00:00.000001Z";
        let printed = print(&json!({
            "task": "WT1", "summary": "waits in queue 'de', 0 ahead; workers ruled out: 1 activity",
            "filters": [
                {"filter": 0, "friendly_name": "VIP", "expression": "vip == true", "matched": false, "because": "vip is null"},
                {"filter": null, "friendly_name": null, "expression": "default_filter", "matched": true, "because": null}],
            "steps": [
                {"step": {"filter": 0, "target": 0, "entered": at, "until": at}, "left": "2026-03-25T10:00:30Z",
                 "outcome": "timed-out", "queue_name": "experts"},
                {"step": {"filter": null, "target": 0, "entered": at, "until": null}, "left": null,
                 "outcome": "here", "queue_name": "de"}],
            "workers": [
                {"worker": "WK1", "friendly_name": "kim", "ruled_out": {"reason": "activity", "activity": "Lunch"}},
                {"worker": "WK2", "friendly_name": "bo", "ruled_out": {"reason": "no-capacity", "used": 2, "configured": 2}},
                {"worker": "WK3", "friendly_name": "ana", "ruled_out": {"reason": "not-in-queue", "because": "lang is 'fr'"}}],
            "ruled_out": {"activity": 1, "no-capacity": 1, "not-in-queue": 1},
            "would_route": ["kim leaves Lunch for an available activity"]
        }));
        assert_eq!(
            printed,
            "Task WT1 waits in queue 'de', 0 ahead; workers ruled out: 1 activity\n\
             Filters tried:\n\
             \x20 - 'VIP' vip == true: no, vip is null\n\
             \x20 - default_filter: matched\n\
             Targets entered:\n\
             \x20 - filter #1, target 1, queue 'experts': entered 2026-03-25T10:00:00Z, timed out at 2026-03-25T10:00:30Z\n\
             \x20 - default filter, target 1, queue 'de': entered 2026-03-25T10:00:00Z, is in it\n\
             Workers considered:\n\
             \x20 - kim: is Lunch\n\
             \x20 - bo: has 2 of 2 tasks\n\
             \x20 - ana: is not in the queue: lang is 'fr'\n\
             \x20 in all: 1 activity, 1 no-capacity, 1 not-in-queue\n\
             It would route now if:\n\
             \x20 - kim leaves Lunch for an available activity\n"
        );
    }
}
