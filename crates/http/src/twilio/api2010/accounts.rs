//! Accounts: one's own.

use super::own;
use crate::answer::{Outcome, ok};
use crate::ask::{App, Asked, At};
use axum::extract::State;
use base::AccountSid;
use tracing::info;
use wire::ApiError;
use wire::api2010::{self, ROOT};
use wire::page::{Listing, Page, PageQuery, SIZE_MAX};

pub(super) async fn list(State(app): State<App>, asked: Asked) -> Outcome {
    let query = PageQuery::parse(&asked.params, SIZE_MAX)?;
    let name = asked.params.filled("FriendlyName");
    let own = app.store.account(asked.account).await?;
    let shown = own.filter(|account| name.is_none_or(|name| name == account.friendly_name));
    let page = Page { items: shown.iter().map(api2010::account).collect(), next: None, previous: None };
    let filters = asked.params.filters(&["FriendlyName", "Status"]);
    let listing = Listing { path: format!("{ROOT}.json"), key: "accounts", filters, query };
    Ok(ok(listing.v2010(page)))
}

pub(super) async fn fetch(State(app): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
    own(&asked, ac)?;
    let account = app.store.account(ac).await?.ok_or_else(|| ApiError::not_found(ac))?;
    Ok(ok(api2010::account(&account)))
}

pub(super) async fn update(State(app): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
    own(&asked, ac)?;
    let (name, now) = (asked.params.name("FriendlyName")?, app.now());
    let change = move |account: &mut store::model::Account| {
        if let Some(name) = name {
            account.friendly_name = name;
            account.updated = now;
        }
    };
    let account = app.store.account_update(ac, change).await?;
    info!(account.sid = %ac, "account {ac} was renamed");
    Ok(ok(api2010::account(&account)))
}
