//! What the voice side asks of workspaces: in order per workspace, many at a time, never blocking the calls.

use crate::{AskError, Workspaces, timers};
use base::WorkspaceSid;
use engine::call::port::{Input, RoutingAnswer, RoutingRefusal, RoutingRequestId};
use engine::routing::command::{Answer, Command, RoutingError};
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tracing::error;

/// Errands that may wait to be put into one workspace's mailbox.
const ERRANDS_WAITING_MAX: usize = 4_096;
/// Answers that may wait for the voice side to look at them.
const ANSWERS_WAITING_MAX: usize = 4_096;
/// How often a report is tried while its workspace is being loaded again.
const REPORT_ATTEMPTS_MAX: u32 = 6;
/// Before the second try of a report; each further one waits twice as long.
const REPORT_PAUSE: Duration = Duration::from_millis(100);
/// The code of a refusal that is nobody's fault.
const UNAVAILABLE: u32 = 20503;

/// One thing to ask of a workspace.
pub(crate) struct Errand {
    pub(crate) request: RoutingRequestId,
    pub(crate) command: Command,
    /// A report of what has already happened: it is tried again while the workspace cannot take it.
    pub(crate) report: bool,
}

/// Runs errands and brings the answers back.
pub(crate) struct Errands {
    workspaces: Workspaces,
    lanes: HashMap<WorkspaceSid, mpsc::Sender<Errand>>,
    runners: JoinSet<()>,
    answers: mpsc::Sender<Input>,
}

impl Errands {
    /// The answers come out of the receiver, as inputs of the switchboard.
    pub(crate) fn new(workspaces: Workspaces) -> (Self, mpsc::Receiver<Input>) {
        let (answers, answered) = mpsc::channel(ANSWERS_WAITING_MAX);
        (Self { workspaces, lanes: HashMap::new(), runners: JoinSet::new(), answers }, answered)
    }

    /// Sends one out. Never waits; what cannot be taken is refused at once.
    pub(crate) fn run(&mut self, workspace: WorkspaceSid, errand: Errand) -> Option<Input> {
        let lane = self.lanes.entry(workspace).or_insert_with(|| {
            let (lane, errands) = mpsc::channel(ERRANDS_WAITING_MAX);
            self.runners.spawn(run_lane(self.workspaces.clone(), workspace, errands, self.answers.clone()));
            lane
        });
        match lane.try_send(errand) {
            Ok(()) => None,
            Err(mpsc::error::TrySendError::Full(errand) | mpsc::error::TrySendError::Closed(errand)) => {
                error!(
                    workspace.sid = %workspace,
                    "workspace {workspace} has too many errands waiting; one was refused"
                );
                Some(refused(errand.request, UNAVAILABLE, "The workspace has too much to do"))
            }
        }
    }
}

/// A refusal, as the switchboard hears it.
pub(crate) fn refused(request: RoutingRequestId, code: u32, message: impl Into<String>) -> Input {
    Input::Routed { request, outcome: Err(RoutingRefusal { code, message: message.into() }) }
}

async fn run_lane(
    workspaces: Workspaces,
    workspace: WorkspaceSid,
    mut errands: mpsc::Receiver<Errand>,
    answers: mpsc::Sender<Input>,
) {
    let mut under_way = JoinSet::new();
    loop {
        tokio::select! {
            errand = errands.recv() => {
                let Some(errand) = errand else { break };
                let Errand { request, command, report } = errand;
                let again = report.then(|| command.clone());
                // Here the order is kept: the next errand goes into the mailbox after this one.
                let first = workspaces.submit(workspace, command).await;
                let (workspaces, answers) = (workspaces.clone(), answers.clone());
                under_way.spawn(async move {
                    let outcome = settle(&workspaces, workspace, first, again).await;
                    // The voice side may have gone.
                    let _ = answers.send(routed(workspace, request, outcome)).await;
                });
            }
            Some(_) = under_way.join_next() => {}
        }
    }
    while under_way.join_next().await.is_some() {}
}

/// The answer to an errand; a report (`again`) is tried anew while the workspace is busy or being loaded.
async fn settle(
    workspaces: &Workspaces,
    workspace: WorkspaceSid,
    first: Result<oneshot::Receiver<Result<Answer, AskError>>, AskError>,
    again: Option<Command>,
) -> Result<Answer, AskError> {
    let mut outcome = match first {
        Ok(told) => told.await.unwrap_or(Err(AskError::Busy)),
        Err(error) => Err(error),
    };
    let mut pause = REPORT_PAUSE;
    for _ in 1..REPORT_ATTEMPTS_MAX {
        let (Err(AskError::Busy | AskError::Store(_) | AskError::Unreachable(_)), Some(command)) =
            (&outcome, &again)
        else {
            break;
        };
        timers::pause(pause).await;
        pause *= 2;
        outcome = match workspaces.submit(workspace, command.clone()).await {
            Ok(told) => told.await.unwrap_or(Err(AskError::Busy)),
            Err(error) => Err(error),
        };
    }
    if let (Err(error @ (AskError::Busy | AskError::Store(_) | AskError::Unreachable(_))), Some(_)) =
        (&outcome, &again)
    {
        error!(workspace.sid = %workspace, %error, "workspace {workspace} did not take a report: {error}");
    }
    outcome
}

fn routed(workspace: WorkspaceSid, request: RoutingRequestId, outcome: Result<Answer, AskError>) -> Input {
    let outcome = match outcome {
        Ok(Answer::Task(task)) => Ok(RoutingAnswer::Task { workspace, task }),
        Ok(_) => Ok(RoutingAnswer::Done),
        Err(error) => Err(refusal(&error)),
    };
    Input::Routed { request, outcome }
}

fn refusal(error: &AskError) -> RoutingRefusal {
    let code = match error {
        AskError::Missing(_) | AskError::Refused(RoutingError::Missing { .. }) => 20404,
        AskError::Refused(RoutingError::VersionMismatch { .. }) => 20412,
        AskError::Refused(RoutingError::Refused { code, .. }) => *code,
        AskError::Busy | AskError::Draining | AskError::Store(_) | AskError::Unreachable(_) => UNAVAILABLE,
    };
    RoutingRefusal { code, message: error.to_string() }
}
