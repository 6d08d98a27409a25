//! Sync v1: services, maps and map items.

use crate::answer::{Answer, Outcome, created, deleted, ok};
use crate::ask::{App, Asked, At};
use crate::routes::routes;
use crate::store_page;
use axum::extract::State;
use base::*;
use store::model::*;
use store::{Rows, StoreError};
use tracing::info;
use wire::ApiError;
use wire::page::{Listing, Page, PageQuery, SYNC_SIZE_MAX, Token};
use wire::sync::{self, ServiceForm};

routes! {
    "/Services" => get list_services, post create_service;
    "/Services/{is}" => get fetch_service, post update_service, delete remove_service;
    "/Services/{is}/Maps" => get list_maps, post create_map;
    "/Services/{is}/Maps/{mp}" => get fetch_map, post update_map, delete remove_map;
    "/Services/{is}/Maps/{mp}/Items" => get list_items, post create_item;
    "/Services/{is}/Maps/{mp}/Items/{key}" => get fetch_item, post update_item, delete remove_item;
}

/// Name of the service that every account has.
const DEFAULT: &str = "default";
/// Who writes over REST.
const SYSTEM: &str = "system";

/// A service by SID or unique name. The default one is made when it is first asked for.
async fn service(app: &App, asked: &Asked, name: &str) -> Result<SyncService, ApiError> {
    let account = asked.account;
    if let Some(found) = app.store.sync_service(account, name.to_owned()).await? {
        return Ok(found);
    }
    if name != DEFAULT {
        return Err(ApiError::not_found(name));
    }
    let mut new = sync::new_service(app.sids.make(ServiceSid::generate), account, Some(DEFAULT), app.now());
    "Default Service".clone_into(&mut new.friendly_name);
    match app.store.sync_service_add(new).await {
        // Made by somebody else at the same time.
        Ok(()) | Err(StoreError::Conflict { .. }) => {}
        Err(other) => return Err(other.into()),
    }
    app.store.sync_service(account, DEFAULT.to_owned()).await?.ok_or_else(|| ApiError::not_found(name))
}

async fn map(app: &App, asked: &Asked, is: &str, mp: &str) -> Result<(SyncService, SyncMap), ApiError> {
    let service = service(app, asked, is).await?;
    let found = app.store.sync_map(service.sid, mp.to_owned(), app.now()).await?;
    Ok((service, found.ok_or_else(|| ApiError::not_found(mp))?))
}

// --- Services -------------------------------------------------------------------------------------------------

async fn list_services(State(app): State<App>, asked: Asked) -> Outcome {
    let query = PageQuery::parse(&asked.params, SYNC_SIZE_MAX)?;
    let rows = app.store.sync_services(asked.account, store_page::ask(&query)).await?;
    let page = store_page::page(&query, rows, |s| s.sid, |s| sync::service(&asked.at, &s));
    let path = asked.at.url("/Services");
    Ok(ok(Listing { path, key: "services", filters: Vec::new(), query }.v1(page)))
}

async fn create_service(State(app): State<App>, asked: Asked) -> Outcome {
    let (form, now) = (ServiceForm::parse(&asked.params)?, app.now());
    let mut new = sync::new_service(app.sids.make(ServiceSid::generate), asked.account, None, now);
    form.apply(&mut new, now);
    app.store.sync_service_add(new.clone()).await?;
    info!(service.sid = %new.sid, account.sid = %asked.account, "Sync service {} was created", new.sid);
    Ok(created(sync::service(&asked.at, &new)))
}

async fn fetch_service(State(app): State<App>, At(is): At<String>, asked: Asked) -> Outcome {
    Ok(ok(sync::service(&asked.at, &service(&app, &asked, &is).await?)))
}

async fn update_service(State(app): State<App>, At(is): At<String>, asked: Asked) -> Outcome {
    let (form, now) = (ServiceForm::parse(&asked.params)?, app.now());
    let found = service(&app, &asked, &is).await?;
    let changed = app.store.sync_service_update(found.sid, move |service| form.apply(service, now)).await?;
    Ok(ok(sync::service(&asked.at, &changed)))
}

async fn remove_service(State(app): State<App>, At(is): At<String>, asked: Asked) -> Outcome {
    let found = service(&app, &asked, &is).await?;
    if !app.store.sync_service_remove(found.sid).await? {
        return Err(ApiError::not_found(is).into());
    }
    info!(service.sid = %found.sid, account.sid = %asked.account, "Sync service {} was deleted", found.sid);
    Ok(deleted())
}

// --- Maps -----------------------------------------------------------------------------------------------------

async fn list_maps(State(app): State<App>, At(is): At<String>, asked: Asked) -> Outcome {
    let service = service(&app, &asked, &is).await?;
    let query = PageQuery::parse(&asked.params, SYNC_SIZE_MAX)?;
    let rows = app.store.sync_maps(service.sid, store_page::ask(&query), app.now()).await?;
    let page = store_page::page(&query, rows, |m| m.sid, |m| sync::map(&asked.at, asked.account, &m));
    let path = asked.at.url(format_args!("/Services/{}/Maps", service.sid));
    Ok(ok(Listing { path, key: "maps", filters: Vec::new(), query }.v1(page)))
}

async fn create_map(State(app): State<App>, At(is): At<String>, asked: Asked) -> Outcome {
    let service = service(&app, &asked, &is).await?;
    let now = app.now();
    let new = NewSyncMap {
        sid: app.sids.make(SyncMapSid::generate),
        service: service.sid,
        unique_name: sync::unique_name(&asked.params)?,
        expires: sync::map_expires(&asked.params, now)?.flatten(),
        created_by: SYSTEM.to_owned(),
    };
    let made = app.store.sync_map_add(new, now).await?;
    Ok(created(sync::map(&asked.at, asked.account, &made)))
}

async fn fetch_map(State(app): State<App>, At((is, mp)): At<(String, String)>, asked: Asked) -> Outcome {
    let (_, found) = map(&app, &asked, &is, &mp).await?;
    Ok(ok(sync::map(&asked.at, asked.account, &found)))
}

async fn update_map(State(app): State<App>, At((is, mp)): At<(String, String)>, asked: Asked) -> Outcome {
    let (_, mut found) = map(&app, &asked, &is, &mp).await?;
    let now = app.now();
    if let Some(expires) = sync::map_expires(&asked.params, now)? {
        found = app.store.sync_map_expire(found.sid, expires, now).await?;
    }
    Ok(ok(sync::map(&asked.at, asked.account, &found)))
}

async fn remove_map(State(app): State<App>, At((is, mp)): At<(String, String)>, asked: Asked) -> Outcome {
    let (_, found) = map(&app, &asked, &is, &mp).await?;
    app.store.sync_map_remove(found.sid).await?.ok_or_else(|| ApiError::not_found(mp))?;
    Ok(deleted())
}

// --- Items ----------------------------------------------------------------------------------------------------

/// Keys in page tokens are hexadecimal: any character may stand in a key.
fn token(key: &str) -> String {
    key.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn key_of(token: &str) -> Result<String, ApiError> {
    let bad = || wire::form::bad("PageToken", token, "is not one of ours");
    if !token.is_ascii() || !token.len().is_multiple_of(2) {
        return Err(bad());
    }
    let byte = |at: usize| u8::from_str_radix(&token[at..at + 2], 16).map_err(|_| bad());
    let bytes: Result<Vec<u8>, _> = (0..token.len()).step_by(2).map(byte).collect();
    String::from_utf8(bytes?).map_err(|_| bad())
}

async fn list_items(State(app): State<App>, At((is, mp)): At<(String, String)>, asked: Asked) -> Outcome {
    let (service, of) = map(&app, &asked, &is, &mp).await?;
    let query = PageQuery::parse(&asked.params, SYNC_SIZE_MAX)?;
    let (descending, from, exclusive) = sync::items_query(&asked.params)?;
    let limit = u32::try_from(query.size).unwrap_or(u32::MAX);
    let page = match &query.token {
        None => {
            let ask = SyncItemsQuery { descending, from, exclusive, limit };
            let Rows { rows, more } = app.store.sync_items(of.sid, ask, app.now()).await?;
            Page::of(rows, false, more, |item| token(&item.key))
        }
        Some(Token::After(at)) => {
            let ask = SyncItemsQuery { descending, from: Some(key_of(at)?), exclusive: true, limit };
            let Rows { rows, more } = app.store.sync_items(of.sid, ask, app.now()).await?;
            Page::of(rows, true, more, |item| token(&item.key))
        }
        Some(Token::Before(at)) => {
            let ask =
                SyncItemsQuery { descending: !descending, from: Some(key_of(at)?), exclusive: true, limit };
            let Rows { mut rows, more } = app.store.sync_items(of.sid, ask, app.now()).await?;
            rows.reverse();
            let within = |item: &SyncItem| {
                from.as_ref().is_none_or(|from| match descending {
                    false => (item.key.as_str(), !exclusive) >= (from.as_str(), true),
                    true => item.key < *from || (!exclusive && item.key == *from),
                })
            };
            let all = rows.len();
            rows.retain(within);
            let more = more && rows.len() == all;
            Page::of(rows, more, true, |item| token(&item.key))
        }
    };
    let page = page.map(|item| sync::item(&asked.at, asked.account, service.sid, &item));
    let path = asked.at.url(format_args!("/Services/{}/Maps/{}/Items", service.sid, of.sid));
    let filters = asked.params.filters(sync::ITEM_FILTERS);
    Ok(ok(Listing { path, key: "items", filters, query }.v1(page)))
}

async fn create_item(State(app): State<App>, At((is, mp)): At<(String, String)>, asked: Asked) -> Outcome {
    let (service, of) = map(&app, &asked, &is, &mp).await?;
    let now = app.now();
    asked.params.required("Data")?;
    let (expires, map_expires) = sync::item_expires(&asked.params, now)?;
    let new = NewSyncItem {
        map: of.sid,
        key: sync::key(&asked.params)?,
        data: sync::data(&asked.params)?.unwrap_or_default(),
        expires: expires.flatten(),
        map_expires,
        created_by: SYSTEM.to_owned(),
    };
    let made = app.store.sync_item_add(new, now).await?;
    Ok(created(sync::item(&asked.at, asked.account, service.sid, &made)).version(made.revision))
}

async fn fetch_item(
    State(app): State<App>,
    At((is, mp, key)): At<(String, String, String)>,
    asked: Asked,
) -> Outcome {
    let (service, of) = map(&app, &asked, &is, &mp).await?;
    let found = app.store.sync_item(of.sid, key.clone(), app.now()).await?;
    let item = found.ok_or_else(|| ApiError::not_found(key))?;
    Ok(shown(&asked, service.sid, &item))
}

fn shown(asked: &Asked, service: ServiceSid, item: &SyncItem) -> Answer {
    ok(sync::item(&asked.at, asked.account, service, item)).version(item.revision)
}

async fn update_item(
    State(app): State<App>,
    At((is, mp, key)): At<(String, String, String)>,
    asked: Asked,
) -> Outcome {
    let (service, of) = map(&app, &asked, &is, &mp).await?;
    let now = app.now();
    let (expires, map_expires) = sync::item_expires(&asked.params, now)?;
    let change =
        SyncItemChange { if_match: asked.if_match, data: sync::data(&asked.params)?, expires, map_expires };
    let item = app.store.sync_item_update(of.sid, key, change, now).await?;
    Ok(shown(&asked, service.sid, &item))
}

async fn remove_item(
    State(app): State<App>,
    At((is, mp, key)): At<(String, String, String)>,
    asked: Asked,
) -> Outcome {
    let (_, of) = map(&app, &asked, &is, &mp).await?;
    app.store.sync_item_remove(of.sid, key, asked.if_match, app.now()).await?;
    Ok(deleted())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_key_survives_a_page_token() {
        for key in ["a", "é/ü?&", "CA0123", ""] {
            assert_eq!(key_of(&token(key)), Ok(key.to_owned()));
        }
        assert!(key_of("zz").is_err() && key_of("abc").is_err() && key_of("ff").is_err());
    }
}
