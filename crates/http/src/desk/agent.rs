//! What an agent does at the desk beside parking and picking up: turn down, hold, mute, hand over, end, wrap up, dial,
//! change activity; and what they look up.

use super::calls::{act, known, show};
use super::{audit, fields};
use crate::answer::{Outcome, created, ok};
use crate::ask::{App, Asked, At};
use axum::extract::State;
use base::*;
use engine::call::port::{
    CallChange, EndStatus, Program, Request, Response, SeatChange, TalkParty, TalkView, TimelineEntry,
};
use engine::routing::Workspace;
use engine::routing::command::{
    Answer as Decided, Command, ConferenceInstruction, Instruction, NewTask, TaskChange, WorkerChange,
};
use engine::routing::model::{
    Attributes, ReservationStatus, RoutingTarget, Task, TaskStatus, TransferMode, TransferTarget, VoiceState,
};
use serde_json::{Map, Value, json};
use std::time::Duration;
use store::model::NumberFilter;
use store::{Page, ToldFilter};
use tracing::info;
use wire::desk::{DeskGone, MissedCall};
use wire::form::bad;
use wire::{ApiError, Params, tandem};

pub(super) type OfCall = (WorkspaceSid, WorkerSid, ReservationSid);

/// How long the task of a call out may live.
const OUTBOUND_TASK: Duration = Duration::from_secs(3_600);
/// Missed calls that one answer tells of.
const MISSED_MAX: u32 = 50;
/// Numbers that one answer tells of.
const CALLER_IDS_MAX: u32 = 200;
/// Longest note, in characters: it becomes part of the task's attributes.
const NOTE_CHARS_MAX: usize = 1_000;

/// `activity_sid`: what the worker does from now on. `reject_pending`: offers that are open are turned down.
pub(super) async fn activity(
    State(app): State<App>,
    At((ws, wk)): At<(WorkspaceSid, WorkerSid)>,
    asked: Asked,
) -> Outcome {
    let form = fields(&asked)?;
    let change = WorkerChange {
        activity: Some(form.required_parsed("activity_sid")?),
        reject_pending: form.boolean("reject_pending").unwrap_or(false),
        ..WorkerChange::default()
    };
    let wanted = change.activity;
    let command = Command::UpdateWorker { sid: wk, if_match: None, change };
    let read = move |w: &Workspace, _, _: &Decided| {
        let worker = w.worker(wk).ok_or_else(|| ApiError::not_found(wk))?;
        Ok(json!({ "worker_sid": wk, "activity_sid": worker.activity }))
    };
    let changed = app.change(&asked, ws, command, read).await?;
    let detail = wanted.map(|activity| activity.to_string());
    audit::note_of_other(&app, &asked, (ws, wk), "worker.activity", detail).await?;
    Ok(ok(changed))
}

pub(super) async fn reject(State(app): State<App>, At(at): At<OfCall>, asked: Asked) -> Outcome {
    let status = ReservationStatus::Rejected;
    let command = Command::UpdateReservation { sid: at.2, if_match: None, status, activity: None };
    act(&app, &asked, at, "a rejection", command).await
}

/// `party` (`me`, `customer`, or a colleague's SID), and what becomes of them: `hold`, `muted`, `leave`.
pub(super) async fn talk(State(app): State<App>, At(at): At<OfCall>, asked: Asked) -> Outcome {
    let (ws, wk, wr) = at;
    let form = fields(&asked)?;
    let party = match form.filled("party").unwrap_or("customer") {
        "me" => TalkParty::Agent,
        "customer" => TalkParty::Customer,
        sid => match (sid.parse(), sid.parse()) {
            (Ok(worker), _) => TalkParty::Worker(worker),
            (_, Ok(call)) => TalkParty::Outside(call),
            _ => return Err(bad("party", sid, "is nobody in this call").into()),
        },
    };
    let change = SeatChange {
        muted: form.boolean("muted"),
        hold: form.boolean("hold"),
        leave: form.boolean("leave").unwrap_or(false),
        ..SeatChange::default()
    };
    known(&app, &asked, at).await?;
    done(app.voice(asked.account)?.request(Request::UpdateTalk { reservation: wr, party, change }).await?)?;
    info!(worker.sid = %wk, reservation.sid = %wr, "{wk} changed the conversation of {wr}");
    app.desks.touch(ws, wk).await;
    Ok(show(&app, &asked, ws, wk).await?)
}

pub(super) fn done(response: Response) -> Result<(), ApiError> {
    match response {
        Response::Refused { status, code, message } => Err(ApiError::refused(status, code, message)),
        _ => Ok(()),
    }
}

/// Hangs up on the caller, whether live, parked or still being called.
pub(super) async fn end(State(app): State<App>, At(at): At<OfCall>, asked: Asked) -> Outcome {
    let (ws, wk, wr) = at;
    let found = move |w: &Workspace, _| {
        let reservation = w.reservation(wr).filter(|r| r.worker == wk);
        let reservation = reservation.ok_or_else(|| ApiError::not_found(wr))?;
        let task = w.task(reservation.task).ok_or_else(|| ApiError::not_found(wr))?;
        Ok((task.sid, reservation.status, call_sid(task), is_outbound(task)))
    };
    let (task, status, call, outbound) = app.read(&asked, ws, found).await?;
    let talk: Option<TalkView> = app.voice(asked.account)?.read(move |calls, _| calls.talk(wr)).await?;
    let call = talk.and_then(|talk| talk.customer).or(call);
    match (status, call) {
        (ReservationStatus::Pending, call) if outbound => {
            if let Some(call) = call {
                hang_up(&app, asked.account, call).await?;
            }
            let change = TaskChange {
                status: Some(TaskStatus::Canceled),
                reason: Some("The agent gave up".to_owned()),
                ..TaskChange::default()
            };
            // The far end's own end may have settled it.
            let _ = app.ask(&asked, ws, Command::UpdateTask { sid: task, if_match: None, change }).await;
        }
        (ReservationStatus::Accepted, Some(call)) => hang_up(&app, asked.account, call).await?,
        _ => {
            return Err(ApiError::invalid(format!("Reservation {wr} has no call that could be ended")).into());
        }
    }
    info!(worker.sid = %wk, reservation.sid = %wr, "{wk} ended the call of {wr}");
    Ok(show(&app, &asked, ws, wk).await?)
}

/// A call that has just ended by itself is as good.
async fn hang_up(app: &App, account: AccountSid, call: CallSid) -> Result<(), ApiError> {
    let change = CallChange { status: Some(EndStatus::Completed), ..CallChange::default() };
    match app.voice(account)?.request(Request::UpdateCall { call, change }).await? {
        Response::Refused { code: 21220, .. } | Response::Refused { status: 404, .. } => Ok(()),
        other => done(other),
    }
}

fn call_sid(task: &Task) -> Option<CallSid> {
    task.attributes.map().get("call_sid").and_then(Value::as_str).and_then(|text| text.parse().ok())
}

fn is_outbound(task: &Task) -> bool {
    task.attributes.map().contains_key("outbound_to")
}

/// Ends wrap-up (or a notice). `outcome` and `notes` become part of the task's attributes first.
pub(super) async fn complete(State(app): State<App>, At(at): At<OfCall>, asked: Asked) -> Outcome {
    let (ws, _, wr) = at;
    known(&app, &asked, at).await?;
    let form = fields(&asked)?;
    let outcome = form.text_max("outcome", NOTE_CHARS_MAX)?.filter(|text| !text.is_empty());
    let notes = form.text_max("notes", NOTE_CHARS_MAX)?.filter(|text| !text.is_empty());
    if outcome.is_some() || notes.is_some() {
        let read = move |w: &Workspace, _| {
            let task = w.reservation(wr).and_then(|r| w.task(r.task));
            let task = task.ok_or_else(|| ApiError::not_found(wr))?;
            Ok((task.sid, task.attributes.map().get("conversations").cloned()))
        };
        let (task, conversations) = app.read(&asked, ws, read).await?;
        let mut merge = Map::new();
        if let Some(outcome) = outcome {
            let mut all = match conversations {
                Some(Value::Object(all)) => all,
                _ => Map::new(),
            };
            all.insert("outcome".to_owned(), outcome.into());
            merge.insert("conversations".to_owned(), Value::Object(all));
        }
        if let Some(notes) = notes {
            merge.insert("notes".to_owned(), notes.into());
        }
        let change = TaskChange { merge: Some(merge), ..TaskChange::default() };
        app.ask(&asked, ws, Command::UpdateTask { sid: task, if_match: None, change }).await?;
    }
    let status = ReservationStatus::Completed;
    let command = Command::UpdateReservation { sid: wr, if_match: None, status, activity: None };
    act(&app, &asked, at, "completion", command).await
}

/// Calls `to`: the live call, if any, is parked; the agent's phone rings, then the far end is called.
pub(super) async fn dial(
    State(app): State<App>,
    At((ws, wk)): At<(WorkspaceSid, WorkerSid)>,
    asked: Asked,
) -> Outcome {
    let form = fields(&asked)?;
    let to = form.phone("to", 21211)?.ok_or_else(|| ApiError::of(21201))?;
    let phone = app.voice(asked.account)?.read(move |calls, _| calls.agent_settings(wk)).await?;
    let from = caller_id(&app, &asked, wk, &form).await?;
    park_live(&app, &asked, ws, wk).await?;
    let workflow = phone.and_then(|p| p.outbound_workflow);
    let command = Command::CreateTask(outbound_task(wk, &to, &from, workflow));
    let read = move |w: &Workspace, _, made: &Decided| {
        let Decided::Task(task) = made else { return Err(ApiError::internal("no task was made")) };
        Ok((*task, w.task(*task).and_then(|task| task.reservations.first().copied())))
    };
    let (task, offered) = app.change(&asked, ws, command, read).await?;
    let Some(reservation) = offered else {
        let status = Some(TaskStatus::Canceled);
        let reason = Some("The agent was not free to call".to_owned());
        let change = TaskChange { status, reason, ..TaskChange::default() };
        app.ask(&asked, ws, Command::UpdateTask { sid: task, if_match: None, change }).await?;
        return Err(ApiError::invalid("You cannot call while you are not available, or busy").into());
    };
    let instruction = Instruction::Conference(ConferenceInstruction {
        from: Some(from.to_string()),
        beep: "false".to_owned(),
        beep_on_customer_entrance: false,
        end_conference_on_exit: true,
        end_conference_on_customer_exit: true,
        ..ConferenceInstruction::default()
    });
    app.ask(&asked, ws, Command::Instruct { reservation, instruction }).await?;
    info!(worker.sid = %wk, task.sid = %task, "{wk} calls out");
    Ok(created(json!({ "task_sid": task, "reservation_sid": reservation })))
}

async fn park_live(app: &App, asked: &Asked, ws: WorkspaceSid, wk: WorkerSid) -> Result<(), ApiError> {
    let live = move |w: &Workspace, _| {
        let of = w.reservations_of(wk).find(|r| matches!(r.voice, Some(VoiceState::Live { .. })));
        Ok(of.filter(|r| r.status == ReservationStatus::Accepted).map(|r| r.sid))
    };
    match app.read(asked, ws, live).await? {
        Some(reservation) => app.ask(asked, ws, Command::Park { reservation }).await,
        None => Ok(()),
    }
}

fn outbound_task(
    wk: WorkerSid,
    to: &PhoneNumber,
    from: &PhoneNumber,
    workflow: Option<WorkflowSid>,
) -> NewTask {
    let attributes = [
        ("direction", json!("outbound")),
        ("outbound_to", json!(to.as_str())),
        ("to", json!(to.as_str())),
        ("from", json!(from.as_str())),
        ("name", json!(to.as_str())),
        ("targetWorker", json!(wk)),
    ];
    NewTask {
        workflow,
        attributes: Attributes::from_map(
            attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        ),
        priority: 0,
        timeout: OUTBOUND_TASK,
        channel: Some("voice".to_owned()),
        virtual_start: None,
        routing_target: Some(RoutingTarget::Worker(wk)),
        ignore_capacity: Some(true),
        queue: None,
    }
}

/// `to` (a worker, a queue, or a number), `mode` (`send`: the agent leaves at once; `consult`: when they like), `note`.
pub(super) async fn transfer(State(app): State<App>, At(at): At<OfCall>, asked: Asked) -> Outcome {
    let (ws, wk, wr) = at;
    let form = fields(&asked)?;
    let to = form.required("to")?;
    let mode = form.one_of("mode", &[("send", TransferMode::Cold), ("consult", TransferMode::Warm)])?;
    let mode = mode.unwrap_or(TransferMode::Cold);
    let target = match (to.parse(), to.parse()) {
        (Ok(worker), _) => TransferTarget::Worker(worker),
        (_, Ok(queue)) => TransferTarget::Queue(queue),
        _ => return outside(&app, &asked, at, &form, mode).await,
    };
    if target == TransferTarget::Worker(wk) {
        return Err(bad("to", to, "is you").into());
    }
    let note = form.text_max("note", NOTE_CHARS_MAX)?;
    let read = move |w: &Workspace, _| {
        let reservation = w.reservation(wr).filter(|r| r.worker == wk);
        let task = reservation.and_then(|r| w.task(r.task)).ok_or_else(|| ApiError::not_found(wr))?;
        Ok((task.sid, task.attributes.with("transfer_note", json!(note.unwrap_or_default()))))
    };
    let (task, attributes) = app.read(&asked, ws, read).await?;
    let command = Command::CreateTransfer {
        reservation: wr,
        task,
        to: target,
        attributes: Some(attributes),
        mode,
        priority: None,
    };
    act(&app, &asked, at, "a transfer", command).await
}

/// A number outside: the caller is sent there, and the agent is done with them; or (`consult`) it is called into the
/// conversation, with the caller on hold until the agent says otherwise.
async fn outside(app: &App, asked: &Asked, at: OfCall, form: &Params, mode: TransferMode) -> Outcome {
    let (ws, wk, wr) = at;
    let to = form.phone("to", 21211)?.ok_or_else(|| ApiError::of(21201))?;
    if mode == TransferMode::Warm {
        return consult_outside(app, asked, at, form, &to).await;
    }
    let found = move |w: &Workspace, _| {
        let reservation = w.reservation(wr).filter(|r| r.worker == wk);
        let reservation = reservation.ok_or_else(|| ApiError::not_found(wr))?;
        let live = reservation.status == ReservationStatus::Accepted;
        let call = w.task(reservation.task).and_then(call_sid).filter(|_| live);
        call.ok_or_else(|| ApiError::invalid(format!("Reservation {wr} has no call that could be sent")))
    };
    let call = app.read(asked, ws, found).await?;
    let twiml = format!("<Response><Dial><Number>{to}</Number></Dial></Response>");
    let change = CallChange { program: Some(Program::Inline(twiml)), ..CallChange::default() };
    done(app.voice(asked.account)?.request(Request::UpdateCall { call, change }).await?)?;
    info!(worker.sid = %wk, reservation.sid = %wr, "{wk} sent the call of {wr} outside");
    Ok(show(app, asked, ws, wk).await?)
}

async fn consult_outside(
    app: &App,
    asked: &Asked,
    (ws, wk, wr): OfCall,
    form: &Params,
    to: &PhoneNumber,
) -> Outcome {
    let from = caller_id(app, asked, wk, form).await?;
    let found = move |w: &Workspace, _| {
        let reservation = w.reservation(wr).filter(|r| r.worker == wk);
        reservation.map(|r| r.task).ok_or_else(|| ApiError::not_found(wr))
    };
    let task = app.read(asked, ws, found).await?;
    // A conversation of two becomes a conference, of the task's name.
    let change = SeatChange { hold: Some(true), ..SeatChange::default() };
    let hold = Request::UpdateTalk { reservation: wr, party: TalkParty::Customer, change };
    done(app.voice(asked.account)?.request(hold).await?)?;
    let (from, to) = (from.to_string(), to.to_string());
    let new =
        Params::of([("From", &*from), ("To", &to), ("Beep", "false"), ("EndConferenceOnExit", "false")]);
    let new = Box::new(wire::conferences::new_participant(&new)?);
    done(
        app.voice(asked.account)?
            .request(Request::AddParticipant { conference: task.to_string(), new })
            .await?,
    )?;
    info!(worker.sid = %wk, reservation.sid = %wr, "{wk} consults with somebody outside about {wr}");
    app.desks.touch(ws, wk).await;
    Ok(show(app, asked, ws, wk).await?)
}

/// The number that a worker's call out shows: the one that is asked for, else that of their phone.
async fn caller_id(app: &App, asked: &Asked, wk: WorkerSid, form: &Params) -> Result<PhoneNumber, ApiError> {
    let chosen = match form.phone("from", 21212)? {
        Some(chosen) => Some(chosen),
        None => app
            .voice(asked.account)?
            .read(move |calls, _| calls.agent_settings(wk))
            .await?
            .and_then(|p| p.caller_id),
    };
    let from = chosen.ok_or_else(|| ApiError::of(21213))?;
    match app.store.number_called(from.clone()).await? {
        Some(of) if of.account == asked.account => Ok(from),
        _ => Err(ApiError::of(21212)),
    }
}

pub(super) async fn cancel_transfer(State(app): State<App>, At(at): At<OfCall>, asked: Asked) -> Outcome {
    let (ws, wk, wr) = at;
    let open = move |w: &Workspace, _| {
        let reservation = w.reservation(wr).filter(|r| r.worker == wk);
        let task = reservation.ok_or_else(|| ApiError::not_found(wr))?.task;
        let open = w.open_transfer(task).filter(|t| t.initiating_reservation == wr);
        open.map(|t| t.sid).ok_or_else(|| ApiError::invalid("There is no transfer to cancel"))
    };
    let sid = app.read(&asked, ws, open).await?;
    act(&app, &asked, at, "the end of a transfer", Command::CancelTransfer { sid }).await
}

/// The story of the caller of one of the worker's own calls.
pub(super) async fn timeline(State(app): State<App>, At(of): At<OfCall>, asked: Asked) -> Outcome {
    let (call, entries) = story(&app, &asked, of).await?;
    let entries: Vec<Value> = entries.iter().map(tandem::timeline_entry).collect();
    Ok(ok(json!({ "call_sid": call, "timeline": entries })))
}

/// The caller of one of the worker's calls, and what happened to them.
pub(super) async fn story(
    app: &App,
    asked: &Asked,
    (ws, wk, wr): OfCall,
) -> Result<(Option<CallSid>, Vec<TimelineEntry>), ApiError> {
    let found = move |w: &Workspace, _| {
        let mine = w.reservation(wr).filter(|r| r.worker == wk).ok_or_else(|| ApiError::not_found(wr))?;
        // A call out that is only being prepared has no call yet.
        Ok(w.task(mine.task).and_then(call_sid))
    };
    let call = app.read(asked, ws, found).await?;
    let entries = match call {
        Some(call) => app.store.timeline(call).await?,
        None => Vec::new(),
    };
    Ok((call, entries))
}

/// Offers to this worker that came to nothing, newest first.
pub(super) async fn missed(
    State(app): State<App>,
    At((ws, wk)): At<(WorkspaceSid, WorkerSid)>,
    asked: Asked,
) -> Outcome {
    app.read(&asked, ws, move |w, _| w.worker(wk).map(drop).ok_or_else(|| ApiError::not_found(wk))).await?;
    const TYPES: &[(&str, DeskGone)] = &[
        ("reservation.timeout", DeskGone::Missed),
        ("reservation.rejected", DeskGone::Rejected),
        ("reservation.canceled", DeskGone::Canceled),
    ];
    let filter = ToldFilter {
        event_types: TYPES.iter().map(|(name, _)| (*name).to_owned()).collect(),
        worker: Some(wk),
        ..ToldFilter::default()
    };
    let rows = app.store.told(ws, filter, Page::first(MISSED_MAX)).await?;
    let missed: Vec<MissedCall> = rows
        .rows
        .iter()
        .filter_map(|told| {
            let text = |name: &str| told.telling.parameter(name).unwrap_or_default().to_owned();
            let (_, how) = TYPES.iter().find(|(name, _)| *name == told.telling.event_type)?;
            let attributes: Value = serde_json::from_str(&text("TaskAttributes")).ok()?;
            let member = |name: &str| attributes.get(name).and_then(Value::as_str).map(str::to_owned);
            if member("outbound_to").is_some() {
                return None;
            }
            let number = member("from").or_else(|| member("caller"))?;
            Some(MissedCall {
                reservation_sid: text("ReservationSid"),
                task_sid: text("TaskSid"),
                at: wire::desk::at(told.at),
                how: *how,
                name: member("name").filter(|name| *name != number),
                number,
                queue_name: Some(text("TaskQueueName")).filter(|name| !name.is_empty()),
                direct: member("directExtension").or_else(|| member("targetWorker")).is_some(),
            })
        })
        .collect();
    Ok(ok(json!({ "worker_sid": wk, "missed": missed })))
}

/// The numbers that a worker's calls out may show: the account's own, that of their phone first.
pub(super) async fn caller_ids(
    State(app): State<App>,
    At((ws, wk)): At<(WorkspaceSid, WorkerSid)>,
    asked: Asked,
) -> Outcome {
    app.read(&asked, ws, move |w, _| w.worker(wk).map(drop).ok_or_else(|| ApiError::not_found(wk))).await?;
    let own = app
        .voice(asked.account)?
        .read(move |calls, _| calls.agent_settings(wk))
        .await?
        .and_then(|p| p.caller_id);
    let rows =
        app.store.numbers(asked.account, NumberFilter::default(), Page::first(CALLER_IDS_MAX)).await?.rows;
    let mut shown: Vec<Value> = rows
        .iter()
        .map(|of| {
            let first = Some(&of.number) == own.as_ref();
            json!({ "number": of.number.as_str(), "name": of.friendly_name, "own": first })
        })
        .collect();
    shown.sort_by_key(|of| !of["own"].as_bool().unwrap_or_default());
    Ok(ok(json!({ "worker_sid": wk, "caller_ids": shown })))
}
