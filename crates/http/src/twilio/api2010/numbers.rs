//! IncomingPhoneNumbers: numbers that are ours, and what answers them.

use super::own;
use crate::answer::{Outcome, created, deleted, ok};
use crate::ask::{App, Asked, At};
use crate::store_page;
use axum::extract::State;
use base::{AccountSid, PhoneNumberSid};
use engine::call::port::Input;
use store::model::{IncomingNumber, NumberFilter};
use tracing::info;
use wire::ApiError;
use wire::api2010::{self, NumberForm};
use wire::page::{Listing, PageQuery, SIZE_MAX};

pub(super) async fn list(State(app): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
    own(&asked, ac)?;
    let query = PageQuery::parse(&asked.params, SIZE_MAX)?;
    let text = |name: &str| asked.params.filled(name).map(str::to_owned);
    let filter = NumberFilter { number: text("PhoneNumber"), friendly_name: text("FriendlyName") };
    let rows = app.store.numbers(ac, filter, store_page::ask(&query)).await?;
    let page = store_page::page(&query, rows, |n| n.sid, |n| api2010::incoming_number(&n));
    let filters = asked.params.filters(&["PhoneNumber", "FriendlyName", "Beta", "Origin"]);
    let path = store_page::uri(ac, "IncomingPhoneNumbers.json");
    Ok(ok(Listing { path, key: "incoming_phone_numbers", filters, query }.v2010(page)))
}

async fn find(app: &App, ac: AccountSid, pn: PhoneNumberSid) -> Result<IncomingNumber, ApiError> {
    let number = app.store.number(pn).await?;
    number.filter(|number| number.account == ac).ok_or_else(|| ApiError::not_found(pn))
}

pub(super) async fn create(State(app): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
    own(&asked, ac)?;
    let form = NumberForm::parse(&asked.params)?;
    let Some(number) = asked.params.phone("PhoneNumber", 21421)? else {
        return Err(ApiError::with(21421, "PhoneNumber is required: area codes are not searched").into());
    };
    if !app.dev && !app.number_pool.contains(&number) {
        return Err(ApiError::of(21422).into());
    }
    let sid = app.sids.make(PhoneNumberSid::generate);
    let number = form.create(sid, ac, number, app.now());
    app.store.number_add(number.clone()).await?;
    app.voice.input(Input::Number(owner::number_settings(&number))).await?;
    info!(number.sid = %sid, account.sid = %ac, "number {sid} was created");
    Ok(created(api2010::incoming_number(&number)))
}

pub(super) async fn fetch(
    State(app): State<App>,
    At((ac, pn)): At<(AccountSid, PhoneNumberSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    Ok(ok(api2010::incoming_number(&find(&app, ac, pn).await?)))
}

pub(super) async fn update(
    State(app): State<App>,
    At((ac, pn)): At<(AccountSid, PhoneNumberSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    find(&app, ac, pn).await?;
    let (form, now) = (NumberForm::parse(&asked.params)?, app.now());
    let number = app.store.number_update(pn, move |number| form.apply(number, now)).await?;
    app.voice.input(Input::Number(owner::number_settings(&number))).await?;
    info!(number.sid = %pn, account.sid = %ac, "number {pn} was changed");
    Ok(ok(api2010::incoming_number(&number)))
}

pub(super) async fn remove(
    State(app): State<App>,
    At((ac, pn)): At<(AccountSid, PhoneNumberSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    find(&app, ac, pn).await?;
    let number = app.store.number_remove(pn).await?.ok_or_else(|| ApiError::not_found(pn))?;
    app.voice.input(Input::NumberRemoved(number.number)).await?;
    info!(number.sid = %pn, account.sid = %ac, "number {pn} was released");
    Ok(deleted())
}
