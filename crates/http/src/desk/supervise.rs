//! What a supervisor does with a colleague's live call: listen, whisper, join, take over, leave.

use super::agent::done;
use super::audit;
use super::calls::{act, known};
use super::fields;
use crate::answer::{Outcome, ok};
use crate::ask::{App, Asked, At};
use axum::extract::State;
use base::*;
use engine::call::port::{Request, SeatChange, TalkParty};
use engine::routing::Workspace;
use engine::routing::command::{Command, Instruction, SuperviseInstruction, SuperviseMode, Supervisor};
use engine::routing::model::{TransferMode, TransferTarget};
use serde_json::json;
use tracing::info;
use wire::ApiError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Be(SuperviseMode, &'static str),
    TakeOver,
    Leave,
}

/// `mode`: `listen` (heard by nobody), `whisper` (by the agent), `join` (by both), `take-over` (the task is theirs from
/// now on), `leave`. On the phone of whoever asks; `by` names another's for whoever has the account's credentials.
pub(super) async fn supervise(
    State(app): State<App>,
    At((ws, wk, wr)): At<(WorkspaceSid, WorkerSid, ReservationSid)>,
    asked: Asked,
) -> Outcome {
    let form = fields(&asked)?;
    let modes = [
        ("listen", What::Be(SuperviseMode::Monitor, "call.listen")),
        ("whisper", What::Be(SuperviseMode::Whisper, "call.whisper")),
        ("join", What::Be(SuperviseMode::Barge, "call.join")),
        ("take-over", What::TakeOver),
        ("leave", What::Leave),
    ];
    let what = form.one_of("mode", &modes)?.ok_or_else(|| ApiError::invalid("mode is missing"))?;
    let by = match &asked.user {
        Some(user) => user.worker,
        None => form.parsed("by")?,
    };
    let by = by.ok_or_else(|| ApiError::invalid("You have no phone that could be called into this call"))?;
    if by == wk {
        return Err(ApiError::invalid("This is your own call").into());
    }
    known(&app, &asked, (ws, wk, wr)).await?;
    let name = match what {
        What::Be(_, name) => name,
        What::TakeOver => "call.take-over",
        What::Leave => "call.leave",
    };
    audit::note(&app, &asked, Some(ws), name, wr, Some(format!("of {wk}"))).await?;
    match what {
        What::Be(mode, _) => {
            let instruction = Instruction::Supervise(SuperviseInstruction {
                supervisor: Supervisor::Worker(by),
                mode,
                timeout: None,
                status_callback: None,
                status_callback_events: Vec::new(),
            });
            app.ask(&asked, ws, Command::Instruct { reservation: wr, instruction }).await?;
        }
        What::TakeOver => {
            let read = move |w: &Workspace, _| {
                w.reservation(wr).map(|r| r.task).ok_or_else(|| ApiError::not_found(wr))
            };
            let task = app.read(&asked, ws, read).await?;
            // Whoever listens already would hear themselves ring.
            let _ = leave(&app, asked.account, wr, by).await?;
            let to = TransferTarget::Worker(by);
            let mode = TransferMode::Cold;
            let command =
                Command::CreateTransfer { reservation: wr, task, to, attributes: None, mode, priority: None };
            return act(&app, &asked, (ws, wk, wr), "a take-over", command).await;
        }
        What::Leave => {
            leave(&app, asked.account, wr, by)
                .await?
                .map_err(|message| ApiError::refused(400, 20001, message))?;
        }
    }
    info!(worker.sid = %by, reservation.sid = %wr, "{by} supervises {wr} of {wk}: {name}");
    app.desks.touch(ws, wk).await;
    Ok(ok(json!({ "reservation_sid": wr, "worker_sid": wk, "supervisor_sid": by })))
}

/// A supervisor leaves; why not, if they were not there.
async fn leave(
    app: &App,
    account: AccountSid,
    wr: ReservationSid,
    by: WorkerSid,
) -> Result<Result<(), String>, ApiError> {
    let change = SeatChange { leave: true, ..SeatChange::default() };
    let request = Request::UpdateTalk { reservation: wr, party: TalkParty::Worker(by), change };
    Ok(done(app.voice(account)?.request(request).await?).map_err(|refused| refused.message))
}
