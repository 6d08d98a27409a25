//! Who may do what: one question, one answer.
//!
//! Access tokens carry a role, and [`permitted`] is the whole rule. Capability tokens carry policies, which are matched
//! against the path, the method and the parameters.

use super::ask::{Ask, Asked};
use crate::Api;
use crate::token::{self, Access, Capability, Method, Policy, Token};
use base::*;
use engine::routing::Workspace;
use engine::routing::model::ReservationStatus;
use serde_json::Value;
use wire::{ApiError, Params};

/// What a bearer may do in their workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Worker,
    Supervisor,
    Admin,
}

#[derive(Debug, Clone, PartialEq)]
enum Power {
    Role(Role),
    Policies(Vec<Policy>),
}

/// The bearer of a good token.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Caller {
    pub account: AccountSid,
    pub workspace: WorkspaceSid,
    /// Who they are, if they are a worker.
    pub worker: Option<WorkerSid>,
    /// When their token ends.
    pub expires: Timestamp,
    /// What a websocket of theirs is about: their worker, or the workspace.
    pub channel: String,
    power: Power,
}

/// What [`permitted`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Yes,
    No,
    /// If the worker has, or had, a reservation of this task.
    Seen(TaskSid),
    /// If the worker has a reservation of this task that is open or that they completed.
    Holds(TaskSid),
}

/// May a bearer of `role`, who is the worker `own`, do this?
pub(super) fn permitted(role: Role, own: Option<WorkerSid>, ask: Ask) -> Verdict {
    let yes_if = |condition: bool| if condition { Verdict::Yes } else { Verdict::No };
    let supervises = role == Role::Supervisor;
    if role == Role::Admin {
        return Verdict::Yes;
    }
    match ask {
        Ask::ListActivities
        | Ask::ListWorkers
        | Ask::ReadWorker(_)
        | Ask::ListTaskQueues
        | Ask::ReadTaskQueue(_) => Verdict::Yes,
        Ask::ReadWorkspace => Verdict::No,
        Ask::UpdateWorker(worker) => yes_if(supervises || own == Some(worker)),
        Ask::ListChannels(worker) | Ask::ListReservations(worker) | Ask::ReadReservation(worker, _) => {
            yes_if(supervises || own == Some(worker))
        }
        Ask::UpdateReservation(worker, _)
        | Ask::CreateTransfer(worker)
        | Ask::UpdateTransfer(worker, _)
        | Ask::Talk(worker, _) => yes_if(own == Some(worker)),
        Ask::CreateTask { target } => yes_if(own.is_some() && target == own),
        Ask::ReadTask(task) if !supervises => Verdict::Seen(task),
        Ask::ReadTask(_) => Verdict::Yes,
        Ask::UpdateTask(task) => Verdict::Holds(task),
        Ask::ReadTaskReservation(..) => yes_if(supervises),
        Ask::UpdateTaskReservation { supervisor, .. } => {
            yes_if(supervises && own.is_some() && supervisor == own)
        }
    }
}

impl Caller {
    /// Who bears this token.
    pub async fn of(api: &Api, text: &str) -> Result<Self, ApiError> {
        let caller = match token::verify(api, text).await? {
            Token::Access(access) => Self::of_access(access)?,
            Token::Capability(capability) => Self::of_capability(capability)?,
        };
        if api.workspaces.account_of(caller.workspace) != Some(caller.account) {
            return Err(ApiError::of(20106));
        }
        Ok(caller)
    }

    fn of_access(access: Access) -> Result<Self, ApiError> {
        let invalid = || ApiError::of(20106);
        let grant = access.grants.get("task_router").ok_or_else(invalid)?;
        let workspace = sid(grant, "workspace_sid")?.ok_or_else(invalid)?;
        let worker: Option<WorkerSid> = sid(grant, "worker_sid")?;
        let role = match grant.get("role").and_then(Value::as_str) {
            None | Some("" | "worker") => Role::Worker,
            Some("supervisor") => Role::Supervisor,
            Some("admin") => Role::Admin,
            Some(_) => return Err(invalid()),
        };
        Ok(Self {
            account: access.account,
            workspace,
            worker,
            expires: access.expires,
            channel: worker.map_or_else(|| workspace.to_string(), |worker| worker.to_string()),
            power: Power::Role(role),
        })
    }

    fn of_capability(capability: Capability) -> Result<Self, ApiError> {
        let claims = Value::Object(capability.claims);
        let workspace = sid(&claims, "workspace_sid")?.ok_or_else(|| ApiError::of(20106))?;
        let channel = claims.get("channel").and_then(Value::as_str).unwrap_or_default();
        Ok(Self {
            account: capability.account,
            workspace,
            worker: sid(&claims, "worker_sid")?,
            expires: capability.expires,
            channel: channel.to_owned(),
            power: Power::Policies(capability.policies),
        })
    }

    /// May they use this address of ours? `suffix` is what came behind `/v1/wschannels`.
    pub fn may_use(&self, method: Method, suffix: Option<(AccountSid, &str)>) -> Result<(), ApiError> {
        if let Some((account, channel)) = suffix
            && (account != self.account || channel != self.channel)
        {
            return Err(ApiError::of(20403));
        }
        let path = format!("/v1/wschannels/{}/{}", self.account, self.channel);
        let good = match &self.power {
            Power::Role(_) => true,
            Power::Policies(policies) => Policy::permits(policies, method, &path, &Params::default()),
        };
        if good { Ok(()) } else { Err(ApiError::of(20403)) }
    }

    /// May they do this? 403 if not, and for other workspaces too.
    pub async fn may(&self, api: &Api, asked: &Asked, params: &Params) -> Result<(), ApiError> {
        let refused = || ApiError::of(20403);
        if asked.workspace != self.workspace {
            return Err(refused());
        }
        let verdict = match &self.power {
            Power::Role(role) => permitted(*role, self.worker, asked.ask),
            Power::Policies(policies) => {
                let good = Policy::permits(policies, asked.method, &asked.path, params);
                if good { Verdict::Yes } else { Verdict::No }
            }
        };
        let (task, open) = match verdict {
            Verdict::Yes => return Ok(()),
            Verdict::No => return Err(refused()),
            Verdict::Seen(task) => (task, false),
            Verdict::Holds(task) => (task, true),
        };
        let Some(worker) = self.worker else { return Err(refused()) };
        let read = move |w: &Workspace, _| {
            let mut own = w.task(task)?.reservations.iter().filter_map(|sid| w.reservation(*sid));
            Some(own.any(|r| {
                let holds = r.status.is_open() || r.status == ReservationStatus::Completed;
                r.worker == worker && (holds || !open)
            }))
        };
        match api.workspaces.read(self.workspace, read).await? {
            Some(true) => Ok(()),
            Some(false) => Err(refused()),
            None => Err(ApiError::not_found(task)),
        }
    }
}

/// A SID that a grant names; a text that is none is no grant.
fn sid<T: std::str::FromStr>(of: &Value, name: &str) -> Result<Option<T>, ApiError> {
    match of.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => text.parse().map(Some).map_err(|_| ApiError::of(20106)),
        Some(_) => Err(ApiError::of(20106)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::ask::Within;
    use super::*;

    /// Reference §9.1 as a table.
    #[test]
    fn who_may_do_what() {
        let (own, other) = (WorkerSid([1; 16]), WorkerSid([2; 16]));
        let (task, wr, tt) = (TaskSid([3; 16]), ReservationSid([4; 16]), TransferSid([6; 16]));
        let supervise = |supervisor| Ask::UpdateTaskReservation { task, reservation: wr, supervisor };
        use Verdict::{Holds, No, Seen, Yes};
        let queue = Ask::ReadTaskQueue(TaskQueueSid([5; 16]));
        #[rustfmt::skip]
        let table = [
            //                                                  worker       supervisor   admin
            (Ask::ReadWorkspace,                                No,          No,          Yes),
            (Ask::ListActivities,                               Yes,         Yes,         Yes),
            (Ask::ListWorkers,                                  Yes,         Yes,         Yes),
            (Ask::ReadWorker(own),                              Yes,         Yes,         Yes),
            (Ask::ReadWorker(other),                            Yes,         Yes,         Yes),
            (Ask::UpdateWorker(own),                            Yes,         Yes,         Yes),
            (Ask::UpdateWorker(other),                          No,          Yes,         Yes),
            (Ask::ListChannels(own),                            Yes,         Yes,         Yes),
            (Ask::ListChannels(other),                          No,          Yes,         Yes),
            (Ask::ListReservations(own),                        Yes,         Yes,         Yes),
            (Ask::ListReservations(other),                      No,          Yes,         Yes),
            (Ask::ReadReservation(own, wr),                     Yes,         Yes,         Yes),
            (Ask::ReadReservation(other, wr),                   No,          Yes,         Yes),
            (Ask::UpdateReservation(own, wr),                   Yes,         Yes,         Yes),
            (Ask::UpdateReservation(other, wr),                 No,          No,          Yes),
            (Ask::CreateTransfer(own),                          Yes,         Yes,         Yes),
            (Ask::CreateTransfer(other),                        No,          No,          Yes),
            (Ask::UpdateTransfer(own, tt),                      Yes,         Yes,         Yes),
            (Ask::UpdateTransfer(other, tt),                    No,          No,          Yes),
            (Ask::Talk(own, Within::Own),                       Yes,         Yes,         Yes),
            (Ask::Talk(other, Within::KickWorker),              No,          No,          Yes),
            (Ask::ListTaskQueues,                               Yes,         Yes,         Yes),
            (queue,                                             Yes,         Yes,         Yes),
            (Ask::CreateTask { target: Some(own) },             Yes,         Yes,         Yes),
            (Ask::CreateTask { target: Some(other) },           No,          No,          Yes),
            (Ask::CreateTask { target: None },                  No,          No,          Yes),
            (Ask::ReadTask(task),                               Seen(task),  Yes,         Yes),
            (Ask::UpdateTask(task),                             Holds(task), Holds(task), Yes),
            (Ask::ReadTaskReservation(task, wr),                No,          Yes,         Yes),
            (supervise(Some(own)),                              No,          Yes,         Yes),
            (supervise(Some(other)),                            No,          No,          Yes),
            (supervise(None),                                   No,          No,          Yes),
        ];
        for (ask, worker, supervisor, admin) in table {
            let of = |role| permitted(role, Some(own), ask);
            let got = (of(Role::Worker), of(Role::Supervisor), of(Role::Admin));
            assert_eq!(got, (worker, supervisor, admin), "{ask:?}");
        }
    }

    #[test]
    fn a_token_without_a_worker_owns_nothing() {
        let target = Ask::CreateTask { target: None };
        assert_eq!(permitted(Role::Worker, None, target), Verdict::No);
        assert_eq!(
            permitted(Role::Supervisor, None, Ask::Talk(WorkerSid([1; 16]), Within::Own)),
            Verdict::No
        );
    }
}
