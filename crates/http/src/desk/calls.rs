//! Several calls per agent: live, ringing, parked; park, pick up, swap, answer-and-park.

use super::{audit, fields};
use crate::answer::{Answer, Outcome, ok};
use crate::ask::{App, Asked, At};
use axum::extract::State;
use base::*;
use engine::routing::command::{Command, ConferenceInstruction, Instruction};
use engine::routing::model::{ReservationStatus, TransferMode, TransferTarget};
use engine::routing::{AgentCall, AgentCallState, Workspace};
use serde_json::{Value, json};
use tracing::info;
use wire::{ApiError, tandem};

/// An agent's calls, with what the store knows of the callers.
pub(super) async fn show(
    app: &App,
    asked: &Asked,
    ws: WorkspaceSid,
    wk: WorkerSid,
) -> Result<Answer, ApiError> {
    let calls = app.read(asked, ws, move |w, _| calls_of(w, wk)).await?;
    let mut shown = Vec::with_capacity(calls.len());
    for call in &calls {
        let record = match call.call {
            Some(sid) => app.store.call(asked.account, sid).await?,
            None => None,
        };
        shown.push(tandem::agent_call(call, record.as_ref()));
    }
    Ok(ok(json!({ "worker_sid": wk, "workspace_sid": ws, "calls": shown })))
}

fn calls_of(w: &Workspace, wk: WorkerSid) -> Result<Vec<AgentCall>, ApiError> {
    w.worker(wk).ok_or_else(|| ApiError::not_found(wk))?;
    Ok(w.calls_of(wk))
}

pub(super) async fn list(
    State(app): State<App>,
    At((ws, wk)): At<(WorkspaceSid, WorkerSid)>,
    asked: Asked,
) -> Outcome {
    Ok(show(&app, &asked, ws, wk).await?)
}

/// Asks for something to be done with a call of this worker, and shows the worker's calls as they are then.
pub(super) async fn act(
    app: &App,
    asked: &Asked,
    (ws, wk, wr): (WorkspaceSid, WorkerSid, ReservationSid),
    what: &'static str,
    command: Command,
) -> Outcome {
    known(app, asked, (ws, wk, wr)).await?;
    app.ask(asked, ws, command).await?;
    info!(worker.sid = %wk, reservation.sid = %wr, "{what} was asked for {wr} of {wk}");
    Ok(show(app, asked, ws, wk).await?)
}

/// 404 unless the reservation is this worker's.
pub(super) async fn known(
    app: &App,
    asked: &Asked,
    (ws, wk, wr): (WorkspaceSid, WorkerSid, ReservationSid),
) -> Result<(), ApiError> {
    let known = move |w: &Workspace, _| {
        let found = w.reservation(wr).filter(|r| r.worker == wk);
        found.map(drop).ok_or_else(|| ApiError::not_found(wr))
    };
    app.read(asked, ws, known).await
}

pub(super) async fn park(
    State(app): State<App>,
    At((ws, wk, wr)): At<(WorkspaceSid, WorkerSid, ReservationSid)>,
    asked: Asked,
) -> Outcome {
    if has_policy(&app, &asked, ws).await? {
        return act(&app, &asked, (ws, wk, wr), "a park", Command::Park { reservation: wr }).await;
    }
    known(&app, &asked, (ws, wk, wr)).await?;
    transfer_park(&app, &asked, ws, wr).await?;
    Ok(show(&app, &asked, ws, wk).await?)
}

async fn has_policy(app: &App, asked: &Asked, ws: WorkspaceSid) -> Result<bool, ApiError> {
    app.read(asked, ws, |w, _| Ok(w.settings().voice_policy.is_some())).await
}

/// A park where there is no voice policy: the task is transferred to its own worker, whose first reservation completes
/// while the second waits. The caller stays on hold in the conference.
async fn transfer_park(
    app: &App,
    asked: &Asked,
    ws: WorkspaceSid,
    reservation: ReservationSid,
) -> Result<(), ApiError> {
    let read = move |w: &Workspace, _| {
        let of = w.reservation(reservation).ok_or_else(|| ApiError::not_found(reservation))?;
        let task = w.task(of.task).ok_or_else(|| ApiError::not_found(reservation))?;
        let contact = w.worker(of.worker).and_then(|of| of.attributes.map().get("contact_uri").cloned());
        let attributes = task.attributes.with("workerParked", json!(true));
        let attributes = attributes.with("targetWorkerContactUri", contact.unwrap_or_default());
        Ok((task.sid, of.worker, attributes))
    };
    let (task, worker, attributes) = app.read(asked, ws, read).await?;
    let transfer = Command::CreateTransfer {
        reservation,
        task,
        to: TransferTarget::Worker(worker),
        attributes: Some(attributes),
        mode: TransferMode::Cold,
        priority: None,
    };
    app.ask(asked, ws, transfer).await?;
    let status = ReservationStatus::Completed;
    let done = Command::UpdateReservation { sid: reservation, if_match: None, status, activity: None };
    app.ask(asked, ws, done).await?;
    info!(worker.sid = %worker, reservation.sid = %reservation, "{worker} parked the call of {reservation} by transfer");
    Ok(())
}

/// Takes a call where there is no voice policy: what is live is parked first, then the worker's phone is called into the
/// task's conference.
async fn take(app: &App, asked: &Asked, (ws, wk, wr): (WorkspaceSid, WorkerSid, ReservationSid)) -> Outcome {
    let seen = move |w: &Workspace, _| {
        let calls = calls_of(w, wk)?;
        let live = calls.iter().find(|call| call.state == AgentCallState::Live).map(|call| call.reservation);
        let attributes = calls.iter().find(|call| call.reservation == wr).map(|call| call.attributes.clone());
        let from = attributes.as_ref().and_then(|of| of.map().get("from")).and_then(Value::as_str);
        Ok((live.filter(|live| *live != wr), from.map(str::to_owned)))
    };
    known(app, asked, (ws, wk, wr)).await?;
    let (live, from) = app.read(asked, ws, seen).await?;
    if let Some(live) = live {
        transfer_park(app, asked, ws, live).await?;
    }
    let instruction = Instruction::Conference(ConferenceInstruction {
        // The agent's phone shows who calls.
        from,
        beep: "false".to_owned(),
        beep_on_customer_entrance: false,
        end_conference_on_customer_exit: true,
        ..ConferenceInstruction::default()
    });
    act(app, asked, (ws, wk, wr), "a call", Command::Instruct { reservation: wr, instruction }).await
}

/// `By`: a colleague; else the call's own agent.
pub(super) async fn pick_up(
    State(app): State<App>,
    At((ws, wk, wr)): At<(WorkspaceSid, WorkerSid, ReservationSid)>,
    asked: Asked,
) -> Outcome {
    if !has_policy(&app, &asked, ws).await? {
        return take(&app, &asked, (ws, wk, wr)).await;
    }
    let by = fields(&asked)?.parsed("by")?.unwrap_or(wk);
    if by != wk {
        // Agents fetch for themselves; whose call it is, the policy decides.
        if asked.user.as_ref().is_some_and(|user| user.worker != Some(by)) {
            return Err(ApiError::of(20403).into());
        }
        audit::note(&app, &asked, Some(ws), "call.pick-up", wr, Some(format!("parked by {wk}"))).await?;
    }
    act(&app, &asked, (ws, wk, wr), "a pick-up", Command::PickUp { reservation: wr, by }).await
}

/// A parked call goes back to its queue, before everything that waits there.
pub(super) async fn return_to_queue(
    State(app): State<App>,
    At((ws, wk, wr)): At<(WorkspaceSid, WorkerSid, ReservationSid)>,
    asked: Asked,
) -> Outcome {
    audit::note_of_other(&app, &asked, (ws, wk), "call.return-to-queue", Some(wr.to_string())).await?;
    let command = Command::ReturnToQueue { reservation: wr };
    act(&app, &asked, (ws, wk, wr), "its queue", command).await
}

pub(super) async fn answer(
    State(app): State<App>,
    At((ws, wk, wr)): At<(WorkspaceSid, WorkerSid, ReservationSid)>,
    asked: Asked,
) -> Outcome {
    if !has_policy(&app, &asked, ws).await? {
        return take(&app, &asked, (ws, wk, wr)).await;
    }
    act(&app, &asked, (ws, wk, wr), "an answer", Command::AnswerAndPark { reservation: wr }).await
}

/// Parks the live call, if there is one, and picks up the one that was parked last (or the one that is named).
pub(super) async fn swap(
    State(app): State<App>,
    At((ws, wk)): At<(WorkspaceSid, WorkerSid)>,
    asked: Asked,
) -> Outcome {
    let named = fields(&asked)?.parsed::<ReservationSid>("reservation_sid")?;
    let find = move |w: &Workspace, _| {
        let calls = calls_of(w, wk)?;
        let parked = calls.iter().filter(|call| call.state == AgentCallState::Parked);
        match named {
            Some(wr) => parked.map(|call| call.reservation).find(|found| *found == wr),
            None => parked.max_by_key(|call| (call.since, call.reservation)).map(|call| call.reservation),
        }
        .ok_or_else(|| ApiError::invalid("There is no parked call to swap with"))
    };
    let wr = app.read(&asked, ws, find).await?;
    act(&app, &asked, (ws, wk, wr), "a swap", Command::PickUp { reservation: wr, by: wk }).await
}
