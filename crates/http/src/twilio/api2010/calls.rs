//! Calls: made, shown, and changed while they live.

use super::{caller_ids, own};
use crate::answer::{Outcome, created, deleted, ok};
use crate::ask::{App, Asked, At};
use crate::{ReadyState, store_page};
use axum::extract::State;
use base::{AccountSid, CallSid};
use engine::call::port::{CallRecord, Request, Response};
use tracing::info;
use wire::ApiError;
use wire::api2010;
use wire::page::{Listing, PageQuery, SIZE_MAX};

pub(super) async fn list(State(app): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
    own(&asked, ac)?;
    let query = PageQuery::parse(&asked.params, SIZE_MAX)?;
    let filter = api2010::call_filter(&asked.params)?;
    let rows = app.store.calls(ac, filter, store_page::ask(&query)).await?;
    let page = store_page::page(&query, rows, |call| call.sid, |call| api2010::call(ac, &call));
    let filters = asked.params.filters(api2010::CALL_FILTERS);
    let path = store_page::uri(ac, "Calls.json");
    Ok(ok(Listing { path, key: "calls", filters, query }.v2010(page)))
}

/// What the switchboard answered, as a call.
fn answered(response: Response) -> Result<Box<CallRecord>, ApiError> {
    match response {
        Response::Call(call) => Ok(call),
        Response::Refused { status, code, message } => Err(ApiError::refused(status, code, message)),
        other => Err(ApiError::internal(format_args!("a call was asked for and answered with {other:?}"))),
    }
}

pub(super) async fn create(State(app): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
    own(&asked, ac)?;
    let new = api2010::new_call(&asked.params)?;
    if app.readiness.state() == ReadyState::Draining {
        return Err(ApiError::unavailable("new calls are refused while the server drains").into());
    }
    let voice = app.active_voice(ac)?;
    caller_ids::check(&app, ac, &new.to, &new.from).await?;
    let call = answered(voice.request(Request::CreateCall(new)).await?)?;
    info!(call.sid = %call.sid, account.sid = %ac, "call {} was created", call.sid);
    Ok(created(api2010::call(ac, &call)))
}

pub(super) async fn fetch(
    State(app): State<App>,
    At((ac, ca)): At<(AccountSid, CallSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    let call = app.store.call(ac, ca).await?.ok_or_else(|| ApiError::not_found(ca))?;
    Ok(ok(api2010::call(ac, &call)))
}

pub(super) async fn update(
    State(app): State<App>,
    At((ac, ca)): At<(AccountSid, CallSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    let change = api2010::call_change(&asked.params)?;
    let response = app.voice(ac)?.request(Request::UpdateCall { call: ca, change }).await?;
    match answered(response) {
        Ok(call) => Ok(ok(api2010::call(ac, &call))),
        // The switchboard forgets calls and remembers deleted ones; the store tells an ended call from none.
        Err(refused) if refused.status == 404 || refused.code == 21220 => match app.store.call(ac, ca).await?
        {
            Some(_) if refused.code == 21220 => Err(refused.into()),
            Some(_) => Err(ApiError::of(21220).into()),
            None => Err(ApiError::not_found(ca).into()),
        },
        Err(refused) => Err(refused.into()),
    }
}

pub(super) async fn remove(
    State(app): State<App>,
    At((ac, ca)): At<(AccountSid, CallSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    if app.store.call_remove(ac, ca).await? {
        info!(call.sid = %ca, account.sid = %ac, "the record of call {ca} was deleted");
        return Ok(deleted());
    }
    match app.store.call(ac, ca).await? {
        Some(_) => Err(ApiError::of(20009).into()),
        None => Err(ApiError::not_found(ca).into()),
    }
}
