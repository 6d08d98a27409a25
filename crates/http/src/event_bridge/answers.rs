//! What an ask that is allowed is answered.

use super::access::Caller;
use super::ask::{Ask, Asked, Within};
use crate::ask::App;
use crate::twilio::taskrouter::{queues, workers};
use base::*;
use engine::call::{Method, Request, Response, SeatChange, TalkParty, Webhook};
use engine::routing::Workspace;
use engine::routing::command::{Answer as Decided, Command};
use engine::routing::model::{Reservation, ReservationStatus, TaskQueue, Worker};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use wire::event_bridge as show;
use wire::form::bad;
use wire::instruction::{ReservationUpdate, reservation_update};
use wire::{ApiError, Params, taskrouter, transfer};

/// Items of a page when nothing is said, and at most.
const PAGE_DEFAULT: u32 = 50;
const PAGE_MAX: u32 = 1_000;

/// Does what is asked, and shows it.
pub(super) async fn answer(
    app: &App,
    caller: &Caller,
    asked: Asked,
    params: Params,
    if_match: Option<u64>,
) -> Result<Value, ApiError> {
    let ws = asked.workspace;
    let from = Answering { app, ws };
    match asked.ask {
        Ask::ReadWorkspace => from.read(|w, _| Ok(show::workspace(w.settings()))).await,
        Ask::ListActivities => from.activities(params).await,
        Ask::ListWorkers => from.workers(params).await,
        Ask::ReadWorker(wk) => from.read(move |w, _| worker(w, wk)).await,
        Ask::UpdateWorker(wk) => {
            // The SDK names the version of its own worker whoever it changes.
            let own = caller.worker == Some(wk);
            from.update_worker(wk, own, if_match.filter(|_| own), &params).await
        }
        Ask::ListChannels(wk) => from.channels(wk, params).await,
        Ask::ListReservations(wk) => from.reservations(wk, caller.worker == Some(wk), params).await,
        Ask::ReadReservation(wk, wr) => from.read(move |w, now| of_worker(w, wk, wr, now)).await,
        Ask::UpdateReservation(wk, wr) => {
            if params.filled("Instruction").is_some_and(|name| name.eq_ignore_ascii_case("supervise")) {
                return Err(bad("Instruction", "supervise", "is for the reservations of a task"));
            }
            let if_match = if_match.filter(|_| caller.worker == Some(wk));
            from.update_reservation(wr, if_match, &params, move |w, now| of_worker(w, wk, wr, now)).await
        }
        Ask::CreateTransfer(wk) => from.create_transfer(wk, &params).await,
        Ask::UpdateTransfer(wk, tt) => from.update_transfer(wk, tt, &params).await,
        Ask::Talk(wk, within) => from.talk(wk, within, &params).await,
        Ask::ListTaskQueues => from.task_queues(params).await,
        Ask::ReadTaskQueue(wq) => {
            let read = move |w: &Workspace, _| {
                w.task_queue(wq)
                    .map(|queue| show::task_queue(w, queue))
                    .ok_or_else(|| ApiError::not_found(wq))
            };
            from.read(read).await
        }
        Ask::CreateTask { .. } => from.create_task(params).await,
        Ask::ReadTask(wt) => from.read(move |w, now| task(w, wt, now)).await,
        Ask::UpdateTask(wt) => {
            let change = taskrouter::task_change(&params, app.now())?;
            let command = Command::UpdateTask { sid: wt, if_match, change };
            from.change(command, move |w, now, _| task(w, wt, now)).await
        }
        Ask::ReadTaskReservation(wt, wr) => from.read(move |w, now| of_task(w, wt, wr, now)).await,
        Ask::UpdateTaskReservation { task, reservation: wr, .. } => {
            from.update_reservation(wr, None, &params, move |w, now| of_task(w, task, wr, now)).await
        }
    }
}

fn worker(w: &Workspace, wk: WorkerSid) -> Result<Value, ApiError> {
    w.worker(wk).map(|worker| show::worker(w, worker)).ok_or_else(|| ApiError::not_found(wk))
}

fn task(w: &Workspace, wt: TaskSid, now: Timestamp) -> Result<Value, ApiError> {
    w.task(wt).map(|task| show::task(w, task, now)).ok_or_else(|| ApiError::not_found(wt))
}

fn reservation(
    w: &Workspace,
    wr: ReservationSid,
    now: Timestamp,
    is: impl FnOnce(&Reservation) -> bool,
) -> Result<Value, ApiError> {
    let found = w.reservation(wr).filter(|r| is(r)).and_then(|r| show::reservation(w, r, now));
    found.ok_or_else(|| ApiError::not_found(wr))
}

fn of_worker(w: &Workspace, wk: WorkerSid, wr: ReservationSid, now: Timestamp) -> Result<Value, ApiError> {
    reservation(w, wr, now, |r| r.worker == wk)
}

fn of_task(w: &Workspace, wt: TaskSid, wr: ReservationSid, now: Timestamp) -> Result<Value, ApiError> {
    reservation(w, wr, now, |r| r.task == wt)
}

fn transfer_of(w: &Workspace, wk: WorkerSid, tt: TransferSid) -> Result<Value, ApiError> {
    let found = w.transfer(tt).filter(|of| of.initiating_worker == wk);
    found.map(|of| transfer::payload(w, of)).ok_or_else(|| ApiError::not_found(tt))
}

struct Answering<'a> {
    app: &'a App,
    ws: WorkspaceSid,
}

impl Answering<'_> {
    async fn read<R: Send + 'static>(
        &self,
        read: impl FnOnce(&Workspace, Timestamp) -> Result<R, ApiError> + Send + 'static,
    ) -> Result<R, ApiError> {
        self.app.workspaces.read(self.ws, read).await?
    }

    async fn change<R: Send + 'static>(
        &self,
        command: Command,
        read: impl FnOnce(&Workspace, Timestamp, &Decided) -> Result<R, ApiError> + Send + 'static,
    ) -> Result<R, ApiError> {
        self.app.workspaces.ask_and_read(self.ws, command, read).await?
    }

    async fn activities(&self, params: Params) -> Result<Value, ApiError> {
        let read = move |w: &Workspace, _| {
            let mut all: Vec<_> = w.activities().collect();
            all.sort_by_key(|a| (a.created, a.sid));
            page(&params, &all, |a| a.sid, |a| show::activity(w, a))
        };
        self.read(read).await
    }

    async fn workers(&self, params: Params) -> Result<Value, ApiError> {
        let (filter, order) = (workers::Filter::parse(&params)?, workers::ordering(&params)?);
        let read = move |w: &Workspace, _| {
            let mut found: Vec<&Worker> = filter.select(w);
            found.sort_by(order);
            page(&params, &found, |worker| worker.sid, |worker| show::worker(w, worker))
        };
        self.read(read).await
    }

    async fn task_queues(&self, params: Params) -> Result<Value, ApiError> {
        let order = queues::ordering(&params)?;
        let worker = params.parsed::<WorkerSid>("WorkerSid")?;
        let read = move |w: &Workspace, _| {
            let of_worker: Option<BTreeSet<_>> =
                worker.map(|wk| w.queues_of(wk).map(|queue| queue.sid).collect());
            let name = params.filled("FriendlyName");
            let admits = |queue: &&TaskQueue| {
                name.is_none_or(|name| name == queue.friendly_name)
                    && of_worker.as_ref().is_none_or(|queues| queues.contains(&queue.sid))
            };
            let mut found: Vec<_> = w.task_queues().filter(admits).collect();
            found.sort_by(order);
            page(&params, &found, |queue| queue.sid, |queue| show::task_queue(w, queue))
        };
        self.read(read).await
    }

    async fn channels(&self, wk: WorkerSid, params: Params) -> Result<Value, ApiError> {
        let read = move |w: &Workspace, _| {
            let worker = w.worker(wk).ok_or_else(|| ApiError::not_found(wk))?;
            let mut all: Vec<_> = worker.channels.values().collect();
            all.sort_by_key(|c| (c.created, c.sid));
            page(&params, &all, |c| c.sid, |c| show::worker_channel(w, wk, c))
        };
        self.read(read).await
    }

    /// `Active`: every open reservation, on one page: the SDK does not wait for a second one.
    async fn reservations(&self, wk: WorkerSid, own: bool, params: Params) -> Result<Value, ApiError> {
        if params.boolean("Active") != Some(true) {
            let status = taskrouter::reservation_status(&params)?;
            let read = move |w: &Workspace, now| {
                w.worker(wk).ok_or_else(|| ApiError::not_found(wk))?;
                let of = w.reservations_of(wk).filter(|r| status.is_none_or(|status| status == r.status));
                let shown: Vec<_> = of.filter_map(|r| Some((r.sid, show::reservation(w, r, now)?))).collect();
                page(&params, &shown, |(sid, _)| *sid, |(_, shown)| shown.clone())
            };
            return self.read(read).await;
        }
        let read = move |w: &Workspace, now| {
            w.worker(wk).ok_or_else(|| ApiError::not_found(wk))?;
            let open = w.reservations_of(wk).filter(|r| r.status.is_open());
            let shown: Vec<_> = open.filter_map(|r| Some((r.sid, show::reservation(w, r, now)?))).collect();
            Ok((shown, now))
        };
        let (shown, at) = self.read(read).await?;
        if own {
            let open: BTreeMap<_, _> = shown.iter().cloned().collect();
            self.app.bridge.listed(self.ws, wk, at, open).await;
        }
        let total = shown.len();
        Ok(show::list(shown.into_iter().map(|(_, shown)| shown).collect(), None, total, false))
    }

    async fn update_worker(
        &self,
        wk: WorkerSid,
        own: bool,
        if_match: Option<u64>,
        params: &Params,
    ) -> Result<Value, ApiError> {
        let change = taskrouter::worker_change(params)?;
        let acts = own && change.activity.is_some();
        if acts {
            self.app.bridge.acting(self.ws, wk).await;
        }
        let command = Command::UpdateWorker { sid: wk, if_match, change };
        let answer = self.change(command, move |w, _, _| worker(w, wk)).await;
        if acts {
            self.app.bridge.acted(self.ws, wk).await;
        }
        answer
    }

    async fn update_reservation(
        &self,
        wr: ReservationSid,
        if_match: Option<u64>,
        params: &Params,
        show: impl Fn(&Workspace, Timestamp) -> Result<Value, ApiError> + Clone + Send + 'static,
    ) -> Result<Value, ApiError> {
        let command = match reservation_update(params)? {
            ReservationUpdate::Status { status, activity } => {
                Command::UpdateReservation { sid: wr, if_match, status, activity }
            }
            ReservationUpdate::Instruct(instruction) => {
                Command::Instruct { reservation: wr, instruction: *instruction }
            }
        };
        let is_there = show.clone();
        self.read(move |w, now| is_there(w, now).map(drop)).await?;
        let read = move |w: &Workspace, now, _: &Decided| {
            let mut shown = show(w, now)?;
            // The SDK ignores the task of this answer, and stumbles over a transfer of it.
            if let Value::Object(members) = &mut shown {
                members.shift_remove("task_transfer");
                members.shift_remove("active_outgoing_task_transfer");
            }
            Ok(shown)
        };
        self.change(command, read).await
    }

    /// What happens within a call: the switchboard does it, for whoever has an accepted reservation of the task. The
    /// answer is the task, or the reservation that was named.
    async fn talk(&self, wk: WorkerSid, within: Within, params: &Params) -> Result<Value, ApiError> {
        let change = seat_change(within, params)?;
        let target = || params.required_parsed::<WorkerSid>("TargetWorkerSid");
        let party = match within {
            Within::Own => TalkParty::Agent,
            Within::Customer => TalkParty::Customer,
            Within::HoldWorker | Within::KickWorker => TalkParty::Worker(target()?),
        };
        let named = match within {
            Within::Own => Ok(params.required_parsed::<ReservationSid>("ReservationSid")?),
            _ => Err(params.required_parsed::<TaskSid>("TaskSid")?),
        };
        let read = move |w: &Workspace, _| {
            worker(w, wk)?;
            let accepted = |r: &&Reservation| r.worker == wk && r.status == ReservationStatus::Accepted;
            let missing = || ApiError::invalid(format!("Worker {wk} has no accepted reservation for this"));
            match named {
                Ok(wr) => {
                    let own = w.reservation(wr).filter(|r| r.worker == wk);
                    own.ok_or_else(|| ApiError::not_found(wr)).map(|r| (r.task, Some(r).filter(accepted)))
                }
                Err(wt) => {
                    let of = w.task(wt).ok_or_else(|| ApiError::not_found(wt))?;
                    let mut all = of.reservations.iter().filter_map(|sid| w.reservation(*sid));
                    Ok((wt, all.find(accepted)))
                }
            }
            .and_then(|(task, found)| Ok((task, found.ok_or_else(missing)?.sid)))
        };
        let (wt, reservation) = self.read(read).await?;
        let account = self.app.workspaces.account_of(self.ws).ok_or_else(|| ApiError::not_found(self.ws))?;
        let request = Request::UpdateTalk { reservation, party, change };
        match self.app.voice(account)?.request(request).await? {
            Response::Done => {}
            Response::Refused { status, code, message } => {
                return Err(ApiError::refused(status, code, message));
            }
            other => {
                return Err(ApiError::internal(format_args!(
                    "a talk was changed and answered with {other:?}"
                )));
            }
        }
        match within {
            Within::Own => self.read(move |w, now| of_worker(w, wk, reservation, now)).await,
            _ => self.read(move |w, now| task(w, wt, now)).await,
        }
    }

    async fn create_transfer(&self, wk: WorkerSid, params: &Params) -> Result<Value, ApiError> {
        let command = transfer::create(params, &transfer::BRIDGE, None)?;
        let from = params.required_parsed::<ReservationSid>("ReservationSid")?;
        let own = move |w: &Workspace, _| {
            w.reservation(from).filter(|r| r.worker == wk).map(drop).ok_or_else(|| ApiError::not_found(from))
        };
        self.read(own).await?;
        let read = move |w: &Workspace, _, answer: &Decided| match answer {
            Decided::Transfer(sid) => transfer_of(w, wk, *sid),
            other => {
                Err(ApiError::internal(format_args!("a transfer was asked for and answered with {other:?}")))
            }
        };
        self.change(command, read).await
    }

    /// A transfer can be canceled, nothing else.
    async fn update_transfer(
        &self,
        wk: WorkerSid,
        tt: TransferSid,
        params: &Params,
    ) -> Result<Value, ApiError> {
        let status = params.required("TransferStatus")?;
        if !status.eq_ignore_ascii_case("canceled") {
            return Err(bad("TransferStatus", status, "can only be canceled"));
        }
        self.read(move |w, _| transfer_of(w, wk, tt).map(drop)).await?;
        self.change(Command::CancelTransfer { sid: tt }, move |w, _, _| transfer_of(w, wk, tt)).await
    }

    async fn create_task(&self, params: Params) -> Result<Value, ApiError> {
        let channel = ["TaskChannel", "TaskChannelUniqueName", "TaskChannelSid"];
        let channel = channel.iter().find_map(|name| params.filled(name)).map(str::to_owned);
        let mut new = taskrouter::new_task(&params, self.app.now())?;
        new.channel = channel;
        let read = |w: &Workspace, now, answer: &Decided| match answer {
            Decided::Task(sid) => task(w, *sid, now),
            other => {
                Err(ApiError::internal(format_args!("a task was asked for and answered with {other:?}")))
            }
        };
        self.change(Command::CreateTask(new), read).await
    }
}

fn seat_change(within: Within, params: &Params) -> Result<SeatChange, ApiError> {
    let hold = || -> Result<SeatChange, ApiError> {
        let methods = [("GET", Method::Get), ("POST", Method::Post)];
        let method = params.one_of("HoldMethod", &methods)?.unwrap_or_default();
        let url = params.url("HoldUrl", 20001)?.flatten();
        let hold_music = url.map(|url| Webhook { url, method });
        Ok(SeatChange { hold: params.boolean("Hold"), hold_music, ..Default::default() })
    };
    match within {
        Within::Own => Ok(SeatChange {
            muted: params.boolean("Mute"),
            ends: params.boolean("EndConferenceOnExit"),
            beep_on_exit: params.boolean("BeepOnExit"),
            ..Default::default()
        }),
        Within::Customer => hold(),
        Within::HoldWorker => {
            params.required("Hold")?;
            hold()
        }
        Within::KickWorker => Ok(SeatChange { leave: true, ..Default::default() }),
    }
}

/// Cuts a page out of `items`, which are in their order. Ordered lists go on by `NextToken`, others by `AfterSid`; both
/// name the last item of the page before.
fn page<T, K: Display>(
    params: &Params,
    items: &[T],
    key: impl Fn(&T) -> K,
    show: impl Fn(&T) -> Value,
) -> Result<Value, ApiError> {
    let size = params.number32("PageSize", 1, PAGE_MAX)?.unwrap_or(PAGE_DEFAULT) as usize;
    let ordered = params.filled("Ordering").is_some();
    let name = if ordered { "NextToken" } else { "AfterSid" };
    let start = match params.filled(name) {
        None => 0,
        Some(cursor) => {
            let at = items.iter().position(|item| key(item).to_string() == cursor);
            at.ok_or_else(|| bad(name, cursor, "does not name an item of this list"))? + 1
        }
    };
    let rest = &items[start..];
    let shown = &rest[..rest.len().min(size)];
    let last = if shown.len() < rest.len() { shown.last().map(|item| key(item).to_string()) } else { None };
    Ok(show::list(shown.iter().map(show).collect(), last, items.len(), ordered))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(pairs: &[(&str, &str)]) -> Result<Value, ApiError> {
        let params = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        page(&params, &["a", "b", "c", "d", "e"], |item| *item, |item| Value::from(*item))
    }

    #[test]
    fn a_list_is_read_to_its_end_page_by_page() {
        for (cursor, next, ordering) in
            [("AfterSid", "/after_sid", ""), ("NextToken", "/meta/next_token", "DateUpdated:asc")]
        {
            let (mut got, mut after) = (Vec::new(), String::new());
            loop {
                let page = cut(&[("PageSize", "2"), (cursor, &after), ("Ordering", ordering)]).unwrap();
                assert_eq!(page["total"], 5);
                got.extend(page["contents"].as_array().unwrap().clone());
                match page.pointer(next).unwrap() {
                    Value::String(sid) => after.clone_from(sid),
                    other => break assert!(other.is_null()),
                }
            }
            assert_eq!(got, ["a", "b", "c", "d", "e"]);
        }
    }

    #[test]
    fn a_bad_cursor_or_size_is_refused() {
        for pair in [("AfterSid", "z"), ("PageSize", "0"), ("PageSize", "1001"), ("PageSize", "x")] {
            assert_eq!(cut(&[pair]).unwrap_err().code, 20001, "{pair:?}");
        }
    }
}
