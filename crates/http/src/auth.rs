//! HTTP Basic: account SID and token, or API key SID and secret.

use crate::Api;
use crate::ask::App;
use axum::http::{HeaderMap, Method, header};
use base::{AccountSid, Mono, Secret};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::StoreError;
use store::model::AccountStatus;
use subtle::ConstantTimeEq;
use wire::ApiError;

/// How long a user's secret is believed to be what it was.
const BELIEVED: Duration = Duration::from_secs(1);
/// Users whose secrets are remembered; one more, and all are asked for again.
const USERS_MAX: usize = 1_024;

/// Who has which secret, as it was in the store a moment ago: a busy client's every request would ask for the same row.
///
/// What this process changes is forgotten at once; what another one changes counts after [`BELIEVED`]. Only users that are
/// there are remembered.
#[derive(Default)]
pub(crate) struct Credentials(Mutex<HashMap<String, (Mono, Arc<User>)>>);

/// Whom a user name may act for, and what proves it.
struct User {
    account: AccountSid,
    secret: Secret<String>,
    active: bool,
    /// It is a key, not the account itself.
    is_key: bool,
}

/// Whose credentials were good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Authenticated {
    /// The account that they act for.
    pub account: AccountSid,
    /// They are an API key's.
    pub by_key: bool,
}

impl Credentials {
    /// Accounts or keys were changed.
    pub(crate) fn forget(&self) {
        self.known().clear();
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, (Mono, Arc<User>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn user(&self, api: &Api, name: &str) -> Result<Option<Arc<User>>, StoreError> {
        let now = api.clock.now().mono;
        if let Some((asked, user)) = self.known().get(name)
            && now.since(*asked) < BELIEVED
        {
            return Ok(Some(user.clone()));
        }
        let Some(user) = User::ask(api, name).await?.map(Arc::new) else { return Ok(None) };
        let mut known = self.known();
        if known.len() >= USERS_MAX {
            known.clear();
        }
        known.insert(name.to_owned(), (now, user.clone()));
        Ok(Some(user))
    }
}

impl User {
    async fn ask(api: &Api, name: &str) -> Result<Option<Self>, StoreError> {
        let (sid, secret) = match (name.parse(), name.parse()) {
            (Ok(account), _) => (account, None),
            (_, Ok(key)) => match api.store.api_key(key).await? {
                Some(key) => (key.account, Some(key.secret)),
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        let Some(account) = api.store.account(sid).await? else { return Ok(None) };
        let is_key = secret.is_some();
        let secret = secret.unwrap_or(account.auth_token);
        Ok(Some(Self { account: sid, secret, active: account.status == AccountStatus::Active, is_key }))
    }
}

/// The account that the credentials belong to, or 401.
pub(crate) async fn authenticate(app: &App, headers: &HeaderMap) -> Result<Authenticated, ApiError> {
    let refused = || ApiError::of(20003);
    let (name, password) = credentials(headers).ok_or_else(refused)?;
    let user = app.credentials.user(app, &name).await?.ok_or_else(refused)?;
    let good = same(&password, &user.secret) && user.active;
    good.then_some(Authenticated { account: user.account, by_key: user.is_key }).ok_or_else(refused)
}

/// The account whose resources a path names: the one that asks, or a subaccount of it. An account that asks for what is
/// another's is answered by the handlers, which find nothing. Keys act for their own account only.
///
/// A suspended account is still set up by its owner; of one that is closed there is nothing but to be read.
pub(crate) async fn addressed(
    app: &App,
    by: Authenticated,
    named: Option<AccountSid>,
    method: &Method,
) -> Result<AccountSid, ApiError> {
    let Some(named) = named.filter(|named| !by.by_key && *named != by.account) else {
        return Ok(by.account);
    };
    let owned = app.store.account(named).await?.filter(|account| account.owner == Some(by.account));
    match owned {
        Some(closed) if closed.status == AccountStatus::Closed && *method != Method::GET => {
            Err(ApiError::with(20005, "The account is closed, for good"))
        }
        Some(account) => Ok(account.sid),
        None => Ok(by.account),
    }
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
