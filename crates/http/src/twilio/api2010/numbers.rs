//! IncomingPhoneNumbers: numbers that are ours, and what answers them.

use super::{available, own};
use crate::answer::{Outcome, created, deleted, ok};
use crate::ask::{App, Asked, At};
use crate::store_page;
use axum::extract::State;
use base::{AccountSid, PhoneNumberSid};
use engine::call::port::Input;
use store::model::{Account, AccountStatus, IncomingNumber, NumberFilter};
use tracing::info;
use wire::ApiError;
use wire::api2010::{self, NumberForm};
use wire::numbering::{TOLL_FREE, fits};
use wire::page::{Listing, PageQuery, SIZE_MAX};

/// A page of them, at `path`; `toll_free`: only those that are, or are not.
async fn listed(app: App, ac: AccountSid, asked: Asked, path: &str, toll_free: Option<bool>) -> Outcome {
    own(&asked, ac)?;
    let query = PageQuery::parse(&asked.params, SIZE_MAX)?;
    let begins = toll_free.map(|with| (with, TOLL_FREE));
    let text = |name: &str| asked.params.filled(name).map(str::to_owned);
    let filter = NumberFilter { number: text("PhoneNumber"), friendly_name: text("FriendlyName"), begins };
    let rows = app.store.numbers(ac, filter, store_page::ask(&query)).await?;
    let page = store_page::page(&query, rows, |n| n.sid, |n| api2010::incoming_number(&n));
    let filters = asked.params.filters(&["PhoneNumber", "FriendlyName", "Beta", "Origin"]);
    let path = store_page::uri(ac, path);
    Ok(ok(Listing { path, key: "incoming_phone_numbers", filters, query }.v2010(page)))
}

pub(super) async fn list(State(app): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
    listed(app, ac, asked, "IncomingPhoneNumbers.json", None).await
}

pub(super) async fn list_local(State(app): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
    listed(app, ac, asked, "IncomingPhoneNumbers/Local.json", Some(false)).await
}

/// That a number is a mobile phone's cannot be told by its digits.
pub(super) async fn list_mobile(State(app): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
    listed(app, ac, asked, "IncomingPhoneNumbers/Mobile.json", Some(false)).await
}

pub(super) async fn list_toll_free(State(app): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
    listed(app, ac, asked, "IncomingPhoneNumbers/TollFree.json", Some(true)).await
}

async fn find(app: &App, ac: AccountSid, pn: PhoneNumberSid) -> Result<IncomingNumber, ApiError> {
    let number = app.store.number(pn).await?;
    number.filter(|number| number.account == ac).ok_or_else(|| ApiError::not_found(pn))
}

pub(super) async fn create(State(app): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
    own(&asked, ac)?;
    let form = NumberForm::parse(&asked.params)?;
    let number = match (asked.params.phone("PhoneNumber", 21421)?, asked.params.filled("AreaCode")) {
        (Some(number), _) => number,
        (None, Some(area)) => {
            let mut found = available::free(&app, 1, |number| fits(number, Some(area), None)).await?;
            found.pop().ok_or_else(|| ApiError::of(21422))?
        }
        (None, None) => {
            return Err(ApiError::with(21421, "PhoneNumber or AreaCode is required").into());
        }
    };
    if !app.dev && !app.number_pool.contains(&number) {
        return Err(ApiError::of(21422).into());
    }
    let sid = app.sids.make(PhoneNumberSid::generate);
    let number = form.create(sid, ac, number, app.now());
    app.store.number_add(number.clone()).await?;
    app.voice(ac)?.input(Input::Number(owner::number_settings(&number))).await?;
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
    let before = find(&app, ac, pn).await?;
    let (form, now) = (NumberForm::parse(&asked.params)?, app.now());
    let to = new_account(&app, &asked).await?.unwrap_or(ac);
    let change = move |number: &mut IncomingNumber| {
        form.apply(number, now);
        number.account = to;
    };
    let (from_voice, voice) = (app.voice(ac)?, app.voice(to)?);
    let number = app.store.number_update(pn, change).await?;
    if to != ac {
        from_voice.input(Input::NumberRemoved(before.number)).await?;
        info!(number.sid = %pn, account.sid = %ac, "number {pn} was given to account {to}");
    }
    voice.input(Input::Number(owner::number_settings(&number))).await?;
    info!(number.sid = %pn, account.sid = %ac, "number {pn} was changed");
    Ok(ok(api2010::incoming_number(&number)))
}

/// The account that a number is to be given to: that of whoever asks, or one that they own.
async fn new_account(app: &App, asked: &Asked) -> Result<Option<AccountSid>, ApiError> {
    let Some(to) = asked.params.parsed::<AccountSid>("AccountSid")? else { return Ok(None) };
    let found = app.store.account(to).await?;
    let ours = |of: &Account| {
        to == asked.account || (!asked.by_key && (to == asked.asker || of.owner == Some(asked.asker)))
    };
    match found.filter(ours) {
        Some(closed) if closed.status == AccountStatus::Closed => Err(ApiError::of(20005)),
        Some(account) => Ok(Some(account.sid)),
        None => Err(ApiError::invalid(format!("AccountSid {to} is no account of yours"))),
    }
}

pub(super) async fn remove(
    State(app): State<App>,
    At((ac, pn)): At<(AccountSid, PhoneNumberSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    find(&app, ac, pn).await?;
    let number = app.store.number_remove(pn).await?.ok_or_else(|| ApiError::not_found(pn))?;
    app.voice(ac)?.input(Input::NumberRemoved(number.number)).await?;
    info!(number.sid = %pn, account.sid = %ac, "number {pn} was released");
    Ok(deleted())
}
