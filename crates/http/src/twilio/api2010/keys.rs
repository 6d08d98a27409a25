//! API keys: what signs access tokens, and what servers authenticate with instead of the account's own token.

use super::own;
use crate::answer::{Outcome, created, deleted, ok};
use crate::ask::{App, Asked, At};
use crate::store_page;
use axum::extract::State;
use base::{AccountSid, ApiKeySid, Secret};
use store::model::ApiKey;
use tracing::info;
use wire::ApiError;
use wire::api2010;
use wire::page::{Listing, PageQuery, SIZE_MAX};

/// Most keys of an account.
const KEYS_MAX: u32 = 1_000;

pub(super) async fn list(State(app): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
    listed(app, ac, asked, ("Keys.json", "keys")).await
}

/// Signing keys are API keys by another name.
pub(super) async fn list_signing(State(app): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
    listed(app, ac, asked, ("SigningKeys.json", "signing_keys")).await
}

async fn listed(app: App, ac: AccountSid, asked: Asked, (path, key): (&str, &'static str)) -> Outcome {
    own(&asked, ac)?;
    let query = PageQuery::parse(&asked.params, SIZE_MAX)?;
    let rows = app.store.api_keys(ac, store_page::ask(&query)).await?;
    let page = store_page::page(&query, rows, |key| key.sid, |key| api2010::api_key(&key));
    let path = store_page::uri(ac, path);
    Ok(ok(Listing { path, key, filters: Vec::new(), query }.v2010(page)))
}

/// The only answer that tells the secret.
pub(super) async fn create(State(app): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
    own(&asked, ac)?;
    let friendly_name = asked.params.name("FriendlyName")?.unwrap_or_default();
    let all = store::Page { limit: KEYS_MAX, start: store::Start::First };
    if app.store.api_keys(ac, all).await?.rows.len() >= KEYS_MAX as usize {
        return Err(ApiError::invalid(format!("An account has at most {KEYS_MAX} API keys")).into());
    }
    let (sid, secret) = app.sids.make(|entropy| (ApiKeySid::generate(entropy), entropy.bytes::<16>()));
    let secret = secret.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let now = app.now();
    let key =
        ApiKey { sid, account: ac, friendly_name, secret: Secret::new(secret), created: now, updated: now };
    app.store.api_key_add(key.clone()).await?;
    info!(key.sid = %sid, account.sid = %ac, "API key {sid} was created");
    Ok(created(api2010::new_api_key(&key)))
}

async fn one(app: &App, ac: AccountSid, sk: ApiKeySid) -> Result<ApiKey, ApiError> {
    let found = app.store.api_key(sk).await?.filter(|key| key.account == ac);
    found.ok_or_else(|| ApiError::not_found(sk))
}

pub(super) async fn fetch(
    State(app): State<App>,
    At((ac, sk)): At<(AccountSid, ApiKeySid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    Ok(ok(api2010::api_key(&one(&app, ac, sk).await?)))
}

/// A key has nothing but its name to change.
pub(super) async fn update(
    State(app): State<App>,
    At((ac, sk)): At<(AccountSid, ApiKeySid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    let mut key = one(&app, ac, sk).await?;
    if let Some(name) = asked.params.name("FriendlyName")? {
        key.friendly_name = name;
        key.updated = app.now();
        if !app.store.api_key_update(key.clone()).await? {
            return Err(ApiError::not_found(sk).into());
        }
    }
    Ok(ok(api2010::api_key(&key)))
}

pub(super) async fn remove(
    State(app): State<App>,
    At((ac, sk)): At<(AccountSid, ApiKeySid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    one(&app, ac, sk).await?;
    let removed = app.store.api_key_remove(sk).await;
    app.credentials.forget();
    removed?;
    info!(key.sid = %sk, account.sid = %ac, "API key {sk} was deleted");
    Ok(deleted())
}
