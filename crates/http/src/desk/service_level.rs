//! Service levels: how many of a queue's callers are to be answered within how many seconds.

use crate::answer::{Outcome, deleted, ok};
use crate::ask::{App, Asked, At};
use axum::extract::State;
use base::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use wire::ApiError;

/// Longest wait that may be a target, in seconds.
const SECONDS_MAX: u32 = 86_400;
/// Most queues that have a target of their own.
const QUEUES_MAX: usize = 1_000;

/// `percent` of 100 are answered within `seconds`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    seconds: u32,
    percent: u32,
}

/// The target of every queue, and those of queues that have their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Targets {
    seconds: u32,
    percent: u32,
    #[serde(default)]
    queues: BTreeMap<TaskQueueSid, Target>,
}

impl Default for Targets {
    /// What most contact centres begin with: 80 of 100 within 20 s.
    fn default() -> Self {
        Self { seconds: 20, percent: 80, queues: BTreeMap::new() }
    }
}

impl Targets {
    fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let targets: Self = serde_json::from_slice(body).map_err(|why| {
            ApiError::invalid(format!("The body must be {{seconds, percent, queues}}: {why}"))
        })?;
        let common = Target { seconds: targets.seconds, percent: targets.percent };
        for Target { seconds, percent } in targets.queues.values().copied().chain([common]) {
            if !(1..=SECONDS_MAX).contains(&seconds) || !(1..=100).contains(&percent) {
                let why = format!("seconds must be from 1 to {SECONDS_MAX}, and percent from 1 to 100");
                return Err(ApiError::invalid(why));
            }
        }
        if targets.queues.len() > QUEUES_MAX {
            return Err(ApiError::invalid(format!(
                "More than {QUEUES_MAX} queues have targets of their own"
            )));
        }
        Ok(targets)
    }
}

fn setting(ws: WorkspaceSid) -> String {
    format!("service_level {ws}")
}

async fn kept(app: &App, ws: WorkspaceSid) -> Result<Targets, ApiError> {
    match app.store.setting(setting(ws)).await?.filter(|kept| !kept.is_empty()) {
        Some(kept) => serde_json::from_str(&kept).map_err(ApiError::internal),
        None => Ok(Targets::default()),
    }
}

pub(super) async fn fetch(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    app.own(asked.account, ws)?;
    Ok(ok(json!(kept(&app, ws).await?)))
}

pub(super) async fn set(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    let targets = Targets::parse(&asked.body)?;
    let named: Vec<TaskQueueSid> = targets.queues.keys().copied().collect();
    app.read(&asked, ws, move |w, _| {
        let missing = named.into_iter().find(|sid| w.task_queue(*sid).is_none());
        missing.map_or(Ok(()), |sid| Err(ApiError::not_found(sid)))
    })
    .await?;
    let text = serde_json::to_string(&targets).map_err(ApiError::internal)?;
    app.store.setting_save(setting(ws), text).await?;
    Ok(ok(json!(targets)))
}

/// The usual target for every queue again.
pub(super) async fn remove(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    app.own(asked.account, ws)?;
    app.store.setting_save(setting(ws), String::new()).await?;
    Ok(deleted())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_share_within_a_time() {
        let queue = format!("WQ{}", "1".repeat(32));
        let own =
            format!(r#"{{"seconds":30,"percent":90,"queues":{{"{queue}":{{"seconds":10,"percent":95}}}}}}"#);
        assert_eq!(Targets::parse(own.as_bytes()).unwrap().queues.len(), 1);
        for wrong in [
            "{}",
            r#"{"seconds":0,"percent":80}"#,
            r#"{"seconds":20,"percent":101}"#,
            r#"{"seconds":20,"percent":80,"queues":{"WQ1":{"seconds":1,"percent":1}}}"#,
            r#"{"seconds":20,"percent":80,"more":1}"#,
        ] {
            assert_eq!(Targets::parse(wrong.as_bytes()).unwrap_err().status, 400, "{wrong}");
        }
    }
}
