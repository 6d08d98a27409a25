//! Task transfers: what the EventBridge sends and takes (reference: TaskRouter §4.6, §10.5-10.7), and our own API with it.

use crate::error::ApiError;
use crate::form::{Params, bad};
use base::*;
use engine::routing::Workspace;
use engine::routing::command::Command;
use engine::routing::model::{Attributes, Transfer, TransferMode, TransferTarget};
use serde_json::{Value, json};

/// How the parameters of a transfer are called.
#[derive(Debug, Clone, Copy)]
pub struct Names {
    /// The transferor's reservation.
    pub reservation: &'static str,
    /// The task.
    pub task: &'static str,
    /// A worker's or a queue's SID.
    pub to: &'static str,
    /// Replace the task's.
    pub attributes: &'static str,
    /// `WARM` (the default) or `COLD`.
    pub mode: &'static str,
    /// Replaces the task's.
    pub priority: &'static str,
}

/// As the EventBridge has them.
pub const BRIDGE: Names = Names {
    reservation: "ReservationSid",
    task: "TaskSid",
    to: "To",
    attributes: "Attributes",
    mode: "Mode",
    priority: "Priority",
};
/// As our own API has them.
pub const OURS: Names = Names {
    reservation: "reservation_sid",
    task: "task_sid",
    to: "to",
    attributes: "attributes",
    mode: "mode",
    priority: "priority",
};

const MODES: &[(&str, TransferMode)] = &[("WARM", TransferMode::Warm), ("COLD", TransferMode::Cold)];

/// The command that `params` ask for. `task` where the path names it.
pub fn create(params: &Params, names: &Names, task: Option<TaskSid>) -> Result<Command, ApiError> {
    let to = params.required(names.to)?;
    let to = match (to.parse(), to.parse()) {
        (Ok(worker), _) => TransferTarget::Worker(worker),
        (_, Ok(queue)) => TransferTarget::Queue(queue),
        _ => return Err(bad(names.to, to, "is neither a worker's nor a queue's SID")),
    };
    let attributes = match params.filled(names.attributes) {
        Some(text) => Some(Attributes::parse(text).map_err(|why| bad(names.attributes, text, why))?),
        None => None,
    };
    Ok(Command::CreateTransfer {
        reservation: params.required_parsed(names.reservation)?,
        task: match task {
            Some(task) => task,
            None => params.required_parsed(names.task)?,
        },
        to,
        attributes,
        mode: params.one_of(names.mode, MODES)?.unwrap_or(TransferMode::Warm),
        priority: params.number32(names.priority, 0, engine::routing::limits::PRIORITY_MAX)?,
    })
}

/// A transfer as answers and events carry it, and reservations as `task_transfer`. Times are epoch seconds.
pub fn payload(w: &Workspace, of: &Transfer) -> Value {
    let mut value = json!({
        "sid": of.sid,
        "account_sid": w.settings().account,
        "workspace_sid": w.settings().sid,
        "task_sid": of.task,
        "transfer_mode": of.mode.as_str(),
        "transfer_type": of.to.type_str(),
        "transfer_to": of.to.to_string(),
        "transfer_status": of.status.as_str(),
        "initiating_reservation_sid": of.initiating_reservation,
        "initiating_worker_sid": of.initiating_worker,
        "initiating_queue_sid": of.initiating_queue,
        "initiating_workflow_sid": of.initiating_workflow,
        "date_created": of.created.seconds(),
        "date_updated": of.updated.seconds(),
    });
    if let Some(reason) = &of.failed_reason {
        value["transfer_failed_reason"] = reason.as_str().into();
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    const WK: &str = "WK0123456789abcdef0123456789abcdef";
    const WQ: &str = "WQ0123456789abcdef0123456789abcdef";
    const WR: &str = "WR0123456789abcdef0123456789abcdef";
    const WT: &str = "WT0123456789abcdef0123456789abcdef";

    #[test]
    fn a_transfer_is_warm_unless_it_says_cold_and_goes_to_a_worker_or_a_queue() {
        let asked =
            |to, mode| Params::of([("ReservationSid", WR), ("TaskSid", WT), ("To", to), ("Mode", mode)]);
        for (to, mode, warm) in [(WK, "", true), (WQ, "WARM", true), (WQ, "COLD", false)] {
            let command = create(&asked(to, mode), &BRIDGE, None).unwrap();
            let Command::CreateTransfer { to: target, mode, task, .. } = command else { panic!() };
            assert_eq!((target.to_string().as_str(), task.to_string().as_str()), (to, WT));
            assert_eq!(mode == TransferMode::Warm, warm);
        }
        for (to, mode) in [(WR, "WARM"), ("", "WARM"), (WK, "TEPID")] {
            assert_eq!(create(&asked(to, mode), &BRIDGE, None).unwrap_err().status, 400);
        }
    }
}
