//! Notifications of application errors, and the requests that were made for a call.

use super::own;
use crate::answer::{Outcome, ok};
use crate::ask::{App, Asked, At};
use crate::store_page;
use axum::extract::State;
use base::{AccountSid, CallSid, NotificationSid};
use store::model::Notification;
use wire::ApiError;
use wire::notifications as shown;
use wire::page::{Listing, Page, PageQuery, SIZE_MAX};

async fn listed(app: &App, ac: AccountSid, call: Option<CallSid>, asked: &Asked) -> Outcome {
    let query = PageQuery::parse(&asked.params, SIZE_MAX)?;
    let filter = shown::notification_filter(&asked.params, call)?;
    let rows = app.store.notifications(ac, filter, store_page::ask(&query)).await?;
    let page = store_page::page(&query, rows, |n| n.sid, |n| shown::notification(&n, false));
    let filters = asked.params.filters(shown::NOTIFICATION_FILTERS);
    let path = match call {
        Some(call) => store_page::uri(ac, format_args!("Calls/{call}/Notifications.json")),
        None => store_page::uri(ac, "Notifications.json"),
    };
    Ok(ok(Listing { path, key: "notifications", filters, query }.v2010(page)))
}

async fn find(app: &App, ac: AccountSid, no: NotificationSid) -> Result<Notification, ApiError> {
    app.store.notification(ac, no).await?.ok_or_else(|| ApiError::not_found(no))
}

async fn known_call(app: &App, ac: AccountSid, ca: CallSid) -> Result<(), ApiError> {
    app.store.call(ac, ca).await?.map(|_| ()).ok_or_else(|| ApiError::not_found(ca))
}

pub(super) async fn list(State(app): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
    own(&asked, ac)?;
    listed(&app, ac, None, &asked).await
}

pub(super) async fn fetch(
    State(app): State<App>,
    At((ac, no)): At<(AccountSid, NotificationSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    Ok(ok(shown::notification(&find(&app, ac, no).await?, true)))
}

pub(super) async fn list_of_call(
    State(app): State<App>,
    At((ac, ca)): At<(AccountSid, CallSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    known_call(&app, ac, ca).await?;
    listed(&app, ac, Some(ca), &asked).await
}

pub(super) async fn fetch_of_call(
    State(app): State<App>,
    At((ac, ca, no)): At<(AccountSid, CallSid, NotificationSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    let found = find(&app, ac, no).await?;
    if found.call != Some(ca) {
        return Err(ApiError::not_found(no).into());
    }
    Ok(ok(shown::notification(&found, true)))
}

/// Every request for a document of the call, the first one first.
pub(super) async fn events(
    State(app): State<App>,
    At((ac, ca)): At<(AccountSid, CallSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    known_call(&app, ac, ca).await?;
    let query = PageQuery::parse(&asked.params, SIZE_MAX)?;
    let asked_for =
        |entry: &engine::call::port::TimelineEntry| entry.kind == "webhook" && entry.data["url"].is_string();
    let timeline = app.store.timeline(ca).await?;
    let entries: Vec<_> = timeline.into_iter().filter(asked_for).enumerate().collect();
    let page = Page::cut(
        entries,
        &query,
        |a, b| a.0.cmp(&b.0),
        |(number, _)| *number,
        |(number, _), text| text.parse() == Ok(*number),
    );
    let page = page.map(|(_, entry)| shown::call_event(&entry));
    let path = store_page::uri(ac, format_args!("Calls/{ca}/Events.json"));
    Ok(ok(Listing { path, key: "events", filters: Vec::new(), query }.v2010(page)))
}
