//! Tokens that browsers carry: access tokens, signed with an API key's secret, and the older capability tokens, signed
//! with the account's auth token.

mod ice;
mod jwt;
mod policy;
mod voice;

pub(crate) use jwt::Jwt;
pub(crate) use policy::{Method, Policy, path_of};

pub use ice::{IceSettings, ice_json};
pub use voice::{VoiceGrant, voice_grant};
pub(crate) use voice::{customer_token, station_token};

use crate::Api;
use base::{AccountSid, ApiKeySid, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::time::Duration;
use store::model::AccountStatus;
use wire::ApiError;

/// Longest life of an access token.
const LIFE_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// How far the clock of whoever made a token may be off.
const SKEW: Duration = Duration::from_secs(60);

/// An access token that is good now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Access {
    /// Whose it is.
    pub account: AccountSid,
    /// What it lets its bearer do, by product.
    pub grants: Map<String, Value>,
    /// When it ends.
    pub expires: Timestamp,
}

/// A capability token that is good now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Capability {
    /// Whose it is.
    pub account: AccountSid,
    /// Everything it says.
    pub claims: Map<String, Value>,
    /// What it allows.
    pub policies: Vec<Policy>,
    /// When it ends.
    pub expires: Timestamp,
}

/// Either kind.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// Signed with an API key's secret.
    Access(Access),
    /// Signed with the account's auth token.
    Capability(Capability),
}

/// Reads and verifies a token of either kind. Which one it is, its issuer says.
pub(crate) async fn verify(api: &Api, text: &str) -> Result<Token, ApiError> {
    let jwt = Jwt::parse(text).ok_or_else(|| ApiError::of(20101))?;
    let issuer = jwt.text("iss").ok_or_else(|| ApiError::of(20103))?;
    if issuer.starts_with(AccountSid::PREFIX) {
        capability(api, &jwt, issuer).await.map(Token::Capability)
    } else {
        access(api, &jwt, issuer).await.map(Token::Access)
    }
}

async fn access(api: &Api, jwt: &Jwt<'_>, issuer: &str) -> Result<Access, ApiError> {
    let unknown = || ApiError::of(20103);
    let key = issuer.parse::<ApiKeySid>().map_err(|_| unknown())?;
    let key = api.store.api_key(key).await?.ok_or_else(unknown)?;
    if !jwt.is_signed_with(key.secret.expose()) {
        return Err(ApiError::of(20107));
    }
    let account = active(api, key.account).await?;
    if jwt.text("sub").is_none_or(|sub| sub != account.to_string()) {
        return Err(unknown());
    }
    let expires = life(jwt, api.clock.now().wall)?;
    let grants = jwt.claims.get("grants").and_then(Value::as_object).ok_or_else(|| ApiError::of(20106))?;
    Ok(Access { account, grants: grants.clone(), expires })
}

async fn capability(api: &Api, jwt: &Jwt<'_>, issuer: &str) -> Result<Capability, ApiError> {
    let unknown = || ApiError::of(20103);
    let sid = issuer.parse::<AccountSid>().map_err(|_| unknown())?;
    let account = api.store.account(sid).await?.ok_or_else(unknown)?;
    if !jwt.is_signed_with(account.auth_token.expose()) {
        return Err(ApiError::of(20107));
    }
    active(api, sid).await?;
    let expires = end(jwt, api.clock.now().wall)?;
    let policies = match jwt.claims.get("policies") {
        Some(policies) => Vec::deserialize(policies).map_err(|_| ApiError::of(20106))?,
        None => Vec::new(),
    };
    Ok(Capability { account: sid, claims: jwt.claims.clone(), policies, expires })
}

async fn active(api: &Api, sid: AccountSid) -> Result<AccountSid, ApiError> {
    let account = api.store.account(sid).await?.filter(|account| account.status == AccountStatus::Active);
    account.map(|account| account.sid).ok_or_else(|| ApiError::of(20103))
}

/// When the token ends; refused if that has been, if it has not begun, or if it lives too long.
fn life(jwt: &Jwt, now: Timestamp) -> Result<Timestamp, ApiError> {
    let expires = end(jwt, now)?;
    let begins = jwt.time("iat").unwrap_or(now).min(now);
    if expires > begins + LIFE_MAX + SKEW {
        return Err(ApiError::of(20157));
    }
    Ok(expires)
}

fn end(jwt: &Jwt, now: Timestamp) -> Result<Timestamp, ApiError> {
    let expires = jwt.time("exp").filter(|exp| *exp > now).ok_or_else(|| ApiError::of(20104))?;
    if jwt.time("nbf").is_some_and(|begins| begins > now + SKEW) {
        return Err(ApiError::of(20105));
    }
    Ok(expires)
}
