//! Voice queues and who waits in them.

use super::own;
use crate::answer::{Outcome, created, deleted, ok};
use crate::ask::{App, Asked, At};
use crate::store_page;
use axum::extract::State;
use base::{AccountSid, CallSid, QueueSid};
use engine::call::port::{Input, MemberView, QueueView, Request, Response};
use store::model::VoiceQueue;
use store::{Rows, StoreError};
use tracing::info;
use wire::ApiError;
use wire::api2010;
use wire::page::{Listing, Page, PageQuery, SIZE_MAX};

async fn find(app: &App, ac: AccountSid, qu: QueueSid) -> Result<VoiceQueue, ApiError> {
    let row = app.store.queue(qu).await?;
    row.filter(|row| row.account == ac).ok_or_else(|| ApiError::not_found(qu))
}

async fn view(app: &App, ac: AccountSid, qu: QueueSid) -> Result<Option<QueueView>, ApiError> {
    Ok(app.voice(ac)?.read(move |switchboard, _| switchboard.queue(qu)).await?)
}

pub(super) async fn list(State(app): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
    own(&asked, ac)?;
    let query = PageQuery::parse(&asked.params, SIZE_MAX)?;
    let rows = match asked.params.filled("FriendlyName") {
        Some(name) => {
            let named = app.store.queue_named(ac, name.to_owned()).await?;
            Rows { rows: named.into_iter().collect(), more: false }
        }
        None => app.store.queues(ac, store_page::ask(&query)).await?,
    };
    let sids: Vec<_> = rows.rows.iter().map(|row| row.sid).collect();
    let views: Vec<_> = app
        .voice(ac)?
        .read(move |switchboard, _| sids.into_iter().map(|sid| switchboard.queue(sid)).collect())
        .await?;
    let mut views = views.into_iter();
    let show = |row: VoiceQueue| api2010::queue(&row, views.next().flatten().as_ref());
    let page = store_page::page(&query, rows, |row| row.sid, show);
    let filters = asked.params.filters(&["FriendlyName"]);
    Ok(ok(Listing { path: store_page::uri(ac, "Queues.json"), key: "queues", filters, query }.v2010(page)))
}

pub(super) async fn create(State(app): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
    own(&asked, ac)?;
    let (friendly_name, max_size) = api2010::new_queue(&asked.params)?;
    let (sid, now) = (app.sids.make(QueueSid::generate), app.now());
    let row = VoiceQueue { sid, account: ac, friendly_name, max_size, created: now, updated: now };
    app.store.queue_add(row.clone()).await?;
    app.voice(ac)?.input(Input::Queue(row.settings())).await?;
    info!(queue.sid = %sid, account.sid = %ac, "queue {sid} was created");
    Ok(created(api2010::queue(&row, None)))
}

pub(super) async fn fetch(
    State(app): State<App>,
    At((ac, qu)): At<(AccountSid, QueueSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    let row = find(&app, ac, qu).await?;
    Ok(ok(api2010::queue(&row, view(&app, ac, qu).await?.as_ref())))
}

pub(super) async fn update(
    State(app): State<App>,
    At((ac, qu)): At<(AccountSid, QueueSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    find(&app, ac, qu).await?;
    let ((name, size), now) = (api2010::queue_change(&asked.params)?, app.now());
    let change = move |row: &mut VoiceQueue| {
        row.friendly_name = name.unwrap_or_else(|| std::mem::take(&mut row.friendly_name));
        row.max_size = size.unwrap_or(row.max_size);
        row.updated = now;
    };
    let row = app.store.queue_update(qu, change).await?;
    app.voice(ac)?.input(Input::Queue(row.settings())).await?;
    Ok(ok(api2010::queue(&row, view(&app, ac, qu).await?.as_ref())))
}

pub(super) async fn remove(
    State(app): State<App>,
    At((ac, qu)): At<(AccountSid, QueueSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    find(&app, ac, qu).await?;
    if view(&app, ac, qu).await?.is_some_and(|view| view.current_size > 0) {
        return Err(ApiError::of(22001).into());
    }
    if !app.store.queue_remove(qu).await? {
        return Err(StoreError::Missing { what: "queue" }.into());
    }
    app.voice(ac)?.input(Input::QueueRemoved(qu)).await?;
    info!(queue.sid = %qu, account.sid = %ac, "queue {qu} was deleted");
    Ok(deleted())
}

// --- Members --------------------------------------------------------------------------------------------------

async fn members(app: &App, ac: AccountSid, qu: QueueSid) -> Result<Vec<MemberView>, ApiError> {
    Ok(view(app, ac, qu).await?.map(|view| view.members).unwrap_or_default())
}

pub(super) async fn list_members(
    State(app): State<App>,
    At((ac, qu)): At<(AccountSid, QueueSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    find(&app, ac, qu).await?;
    let query = PageQuery::parse(&asked.params, SIZE_MAX)?;
    let page = Page::cut(
        members(&app, ac, qu).await?,
        &query,
        |a, b| a.position.cmp(&b.position),
        |member| member.call,
        |member, text| text.parse().is_ok_and(|call: CallSid| call == member.call),
    );
    let page = page.map(|member| api2010::member(ac, qu, &member));
    let path = store_page::uri(ac, format_args!("Queues/{qu}/Members.json"));
    Ok(ok(Listing { path, key: "queue_members", filters: Vec::new(), query }.v2010(page)))
}

/// `Front`, or a call.
fn which(name: &str) -> Result<Option<CallSid>, ApiError> {
    if name == "Front" {
        return Ok(None);
    }
    name.parse().map(Some).map_err(|_| ApiError::not_found(name))
}

pub(super) async fn fetch_member(
    State(app): State<App>,
    At((ac, qu, name)): At<(AccountSid, QueueSid, String)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    find(&app, ac, qu).await?;
    let call = which(&name)?;
    let waiting = members(&app, ac, qu).await?;
    let found = waiting.iter().find(|member| call.is_none_or(|call| call == member.call));
    let member = found.ok_or_else(|| ApiError::not_found(&name))?;
    Ok(ok(api2010::member(ac, qu, member)))
}

pub(super) async fn dequeue(
    State(app): State<App>,
    At((ac, qu, name)): At<(AccountSid, QueueSid, String)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    find(&app, ac, qu).await?;
    let webhook = api2010::dequeue(&asked.params)?;
    let request = Request::DequeueMember { queue: qu, call: which(&name)?, webhook };
    match app.voice(ac)?.request(request).await? {
        Response::Member { queue, member } => {
            info!(queue.sid = %queue, call.sid = %member.call, "call {} left {queue} over the API", member.call);
            Ok(ok(api2010::member(ac, queue, &member)))
        }
        Response::Refused { status, code, message } => Err(ApiError::refused(status, code, message).into()),
        other => {
            Err(ApiError::internal(format_args!("a member was asked for and answered with {other:?}")).into())
        }
    }
}
