//! HTTP Basic: account SID and token, or API key SID and secret.

use crate::Api;
use axum::http::{HeaderMap, header};
use base::{AccountSid, ApiKeySid, Secret};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use store::model::AccountStatus;
use subtle::ConstantTimeEq;
use wire::ApiError;

/// The account that the credentials belong to, or 401.
pub(crate) async fn authenticate(api: &Api, headers: &HeaderMap) -> Result<AccountSid, ApiError> {
    let refused = || ApiError::of(20003);
    let (user, password) = credentials(headers).ok_or_else(refused)?;
    if let Ok(sid) = user.parse::<AccountSid>() {
        let account = api.store.account(sid).await?.ok_or_else(refused)?;
        let good = same(&password, &account.auth_token) && account.status == AccountStatus::Active;
        return good.then_some(sid).ok_or_else(refused);
    }
    let sid = user.parse::<ApiKeySid>().map_err(|_| refused())?;
    let key = api.store.api_key(sid).await?.ok_or_else(refused)?;
    let account = api.store.account(key.account).await?.ok_or_else(refused)?;
    let good = same(&password, &key.secret) && account.status == AccountStatus::Active;
    good.then_some(key.account).ok_or_else(refused)
}

fn credentials(headers: &HeaderMap) -> Option<(String, Secret<String>)> {
    let header = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), Secret::new(password.to_owned())))
}

/// Whether both are the same, in a time that does not tell how much of them is.
fn same(given: &Secret<String>, kept: &Secret<String>) -> bool {
    !kept.expose().is_empty() && bool::from(given.expose().as_bytes().ct_eq(kept.expose().as_bytes()))
}
