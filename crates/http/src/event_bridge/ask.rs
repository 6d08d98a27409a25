//! What an envelope asks for: its URL and method, parsed.

use crate::token::{Method, path_of};
use base::*;
use wire::{ApiError, Params};

/// Everything the protocol can ask about a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    ReadWorkspace,
    ListActivities,
    ListWorkers,
    ReadWorker(WorkerSid),
    UpdateWorker(WorkerSid),
    ListChannels(WorkerSid),
    ListReservations(WorkerSid),
    ReadReservation(WorkerSid, ReservationSid),
    UpdateReservation(WorkerSid, ReservationSid),
    CreateTransfer(WorkerSid),
    UpdateTransfer(WorkerSid, TransferSid),
    /// Participants, hold and kick: what a worker does within the call of a task.
    Talk(WorkerSid, Within),
    ListTaskQueues,
    ReadTaskQueue(TaskQueueSid),
    /// `target`: the worker it is routed to.
    CreateTask {
        target: Option<WorkerSid>,
    },
    ReadTask(TaskSid),
    UpdateTask(TaskSid),
    ReadTaskReservation(TaskSid, ReservationSid),
    /// `supervisor`: who supervises, if that is what is asked for.
    UpdateTaskReservation {
        task: TaskSid,
        reservation: ReservationSid,
        supervisor: Option<WorkerSid>,
    },
}

/// What a worker changes within the call of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Within {
    /// Their own leg: mute, and what becomes of the conference when it leaves.
    Own,
    /// Hold of the customer.
    Customer,
    /// Hold of a colleague.
    HoldWorker,
    /// A colleague is put out.
    KickWorker,
}

/// An ask with the workspace it is about, and the path that policies name it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub workspace: WorkspaceSid,
    pub path: String,
    pub method: Method,
    pub ask: Ask,
}

impl Asked {
    /// Reads `url` (relative, or absolute as the oldest clients send it) and `method`.
    pub fn parse(url: &str, method: &str, params: &Params) -> Result<Self, ApiError> {
        let method = match method {
            method if method.eq_ignore_ascii_case("GET") => Method::Get,
            method if method.eq_ignore_ascii_case("POST") => Method::Post,
            _ => return Err(ApiError::of(20004)),
        };
        let path = path_of(url).trim_matches('/');
        let path = path.strip_prefix("v1/").or_else(|| path.strip_prefix("v2/")).unwrap_or(path);
        let missing = || ApiError::not_found(format_args!("/{path}"));
        let mut segments = path.split('/');
        if segments.next() != Some("Workspaces") {
            return Err(missing());
        }
        let workspace = segments.next().and_then(|sid| sid.parse().ok()).ok_or_else(missing)?;
        let rest: Vec<&str> = segments.collect();
        let ask = ask(&rest, method, params).ok_or_else(missing)?;
        Ok(Self { workspace, path: format!("/v1/{path}"), method, ask })
    }
}

fn ask(rest: &[&str], method: Method, params: &Params) -> Option<Ask> {
    use Method::{Get, Post};
    Some(match (method, rest) {
        (Get, []) => Ask::ReadWorkspace,
        (Get, ["Activities"]) => Ask::ListActivities,
        (Get, ["Workers"]) => Ask::ListWorkers,
        (Get, ["Workers", wk]) => Ask::ReadWorker(wk.parse().ok()?),
        (Post, ["Workers", wk]) => Ask::UpdateWorker(wk.parse().ok()?),
        (Get, ["Workers", wk, "WorkerChannels" | "Channels"]) => Ask::ListChannels(wk.parse().ok()?),
        (Get, ["Workers", wk, "Reservations"]) => Ask::ListReservations(wk.parse().ok()?),
        (Get, ["Workers", wk, "Reservations", wr]) => {
            Ask::ReadReservation(wk.parse().ok()?, wr.parse().ok()?)
        }
        (Post, ["Workers", wk, "Reservations", wr]) => {
            Ask::UpdateReservation(wk.parse().ok()?, wr.parse().ok()?)
        }
        (Post, ["Workers", wk, "Transfers"]) => Ask::CreateTransfer(wk.parse().ok()?),
        (Post, ["Workers", wk, "Transfers", tt]) => Ask::UpdateTransfer(wk.parse().ok()?, tt.parse().ok()?),
        (Post, ["Workers", wk, "WorkerParticipant"]) => Ask::Talk(wk.parse().ok()?, Within::Own),
        (Post, ["Workers", wk, "CustomerParticipant"]) => Ask::Talk(wk.parse().ok()?, Within::Customer),
        (Post, ["Workers", wk, "HoldWorkerParticipant"]) => Ask::Talk(wk.parse().ok()?, Within::HoldWorker),
        (Post, ["Workers", wk, "KickWorkerParticipant"]) => Ask::Talk(wk.parse().ok()?, Within::KickWorker),
        (Get, ["TaskQueues"]) => Ask::ListTaskQueues,
        (Get, ["TaskQueues", wq]) => Ask::ReadTaskQueue(wq.parse().ok()?),
        (Post, ["Tasks"]) => {
            Ask::CreateTask { target: params.filled("RoutingTarget").and_then(|sid| sid.parse().ok()) }
        }
        (Get, ["Tasks", wt]) => Ask::ReadTask(wt.parse().ok()?),
        (Post, ["Tasks", wt]) => Ask::UpdateTask(wt.parse().ok()?),
        (Get, ["Tasks", wt, "Reservations", wr]) => {
            Ask::ReadTaskReservation(wt.parse().ok()?, wr.parse().ok()?)
        }
        (Post, ["Tasks", wt, "Reservations", wr]) => Ask::UpdateTaskReservation {
            task: wt.parse().ok()?,
            reservation: wr.parse().ok()?,
            supervisor: params
                .filled("Instruction")
                .filter(|name| name.eq_ignore_ascii_case("supervise"))
                .and_then(|_| params.filled("Supervisor")?.parse().ok()),
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_relative_or_whole_and_lead_to_one_ask() {
        let sid = |prefix: &str| format!("{prefix}{}", "1".repeat(32));
        let (ws, wk, wr) = (sid("WS"), sid("WK"), sid("WR"));
        let of = |url: &str, method: &str| Asked::parse(url, method, &Params::default());
        let relative = of(&format!("Workspaces/{ws}/Workers/{wk}/Reservations/{wr}"), "POST").unwrap();
        let whole = of(
            &format!("https://taskrouter.twilio.com/v1/Workspaces/{ws}/Workers/{wk}/Reservations/{wr}"),
            "POST",
        );
        assert_eq!(relative, whole.unwrap());
        assert_eq!(relative.ask, Ask::UpdateReservation(wk.parse().unwrap(), wr.parse().unwrap()));
        assert_eq!(relative.path, format!("/v1/Workspaces/{ws}/Workers/{wk}/Reservations/{wr}"));
        for (url, method, code) in [
            (format!("Workspaces/{ws}/Workers/{wk}"), "DELETE", 20004),
            (format!("Workspaces/{ws}/Workers/WKx"), "GET", 20404),
            (format!("Workspaces/{ws}/Nonsense"), "GET", 20404),
            (format!("Services/{ws}"), "GET", 20404),
            ("".into(), "GET", 20404),
        ] {
            assert_eq!(of(&url, method).unwrap_err().code, code, "{method} {url}");
        }
    }
}
