//! What happened: timelines, explanations, outgoing webhooks.

use crate::answer::{Outcome, ok};
use crate::ask::{App, Asked, At};
use crate::store_page;
use axum::extract::State;
use base::*;
use serde_json::{Value, json};
use wire::page::{Listing, PageQuery, SIZE_MAX};
use wire::{ApiError, tandem};

/// The story of a call, oldest first.
pub(super) async fn timeline(State(app): State<App>, At(ca): At<CallSid>, asked: Asked) -> Outcome {
    app.store.call(asked.account, ca).await?.ok_or_else(|| ApiError::not_found(ca))?;
    let entries: Vec<Value> = app.store.timeline(ca).await?.iter().map(tandem::timeline_entry).collect();
    Ok(ok(json!({ "call_sid": ca, "timeline": entries })))
}

/// What the audio of a call was like.
pub(super) async fn quality(State(app): State<App>, At(ca): At<CallSid>, asked: Asked) -> Outcome {
    app.store.call(asked.account, ca).await?.ok_or_else(|| ApiError::not_found(ca))?;
    Ok(ok(tandem::call_quality(ca, &app.store.timeline(ca).await?)))
}

/// Why a task is where it is.
pub(super) async fn explanation(
    State(app): State<App>,
    At((ws, wt)): At<(WorkspaceSid, TaskSid)>,
    asked: Asked,
) -> Outcome {
    let read =
        move |w: &engine::routing::Workspace, now| w.explain(wt, now).ok_or_else(|| ApiError::not_found(wt));
    let explanation = app.read(&asked, ws, read).await?;
    Ok(ok(tandem::explanation(&explanation)))
}

pub(super) async fn deliveries(State(app): State<App>, asked: Asked) -> Outcome {
    let query = PageQuery::parse(&asked.params, SIZE_MAX)?;
    let state = asked.params.one_of("State", tandem::DELIVERY_STATES)?;
    let rows = app.store.deliveries(asked.account, state, store_page::ask(&query)).await?;
    let page = store_page::page(&query, rows, |d| d.order.sid, |d| tandem::delivery(&asked.at, &d));
    let path = asked.at.url("/WebhookDeliveries");
    let filters = asked.params.filters(&["State"]);
    Ok(ok(Listing { path, key: "webhook_deliveries", filters, query }.v1(page)))
}

async fn find(app: &App, asked: &Asked, wd: DeliverySid) -> Result<Value, ApiError> {
    let found = app.store.delivery(asked.account, wd).await?.ok_or_else(|| ApiError::not_found(wd))?;
    Ok(tandem::delivery(&asked.at, &found))
}

pub(super) async fn delivery(State(app): State<App>, At(wd): At<DeliverySid>, asked: Asked) -> Outcome {
    Ok(ok(find(&app, &asked, wd).await?))
}

/// Sends a failed delivery again.
pub(super) async fn replay_delivery(
    State(app): State<App>,
    At(wd): At<DeliverySid>,
    asked: Asked,
) -> Outcome {
    find(&app, &asked, wd).await?;
    if !app.store.delivery_again(asked.account, wd, app.now()).await? {
        return Err(ApiError::with(20409, "Only a delivery that has failed can be sent again").into());
    }
    tracing::info!(delivery.sid = %wd, "webhook {wd} is to be sent again");
    Ok(ok(find(&app, &asked, wd).await?))
}
