//! Tokens: the operator's STUN and TURN servers, with credentials that are good for a while (reference: voice §4.6).

use super::own;
use crate::answer::{Outcome, created};
use crate::ask::{App, Asked, At};
use axum::extract::State;
use base::AccountSid;
use serde_json::{Value, json};
use std::time::Duration;

/// How long a token is good unless it is said, and at most, in seconds.
const TTL_S: u64 = 86_400;

pub(super) async fn create(State(app): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
    own(&asked, ac)?;
    let ttl = asked.params.number("Ttl", 1, TTL_S)?.unwrap_or(TTL_S);
    let now = app.now();
    let mut ice = app.ice.clone();
    ice.life = Duration::from_secs(ttl);
    let servers = ice.servers(&ac.to_string(), now);
    let relay = servers.iter().find(|server| server.username.is_some());
    let shown: Vec<Value> = servers
        .iter()
        .flat_map(|server| {
            server.urls.iter().map(|url| {
                let mut shown = json!({"url": url, "urls": url});
                if let (Some(username), Some(credential)) = (&server.username, &server.credential) {
                    shown["username"] = Value::from(username.as_str());
                    shown["credential"] = Value::from(credential.as_str());
                }
                shown
            })
        })
        .collect();
    Ok(created(json!({
        "account_sid": ac,
        "username": relay.and_then(|server| server.username.clone()).unwrap_or_default(),
        "password": relay.and_then(|server| server.credential.clone()).unwrap_or_default(),
        "ttl": ttl.to_string(),
        "ice_servers": shown,
        "date_created": now.rfc2822(),
        "date_updated": now.rfc2822(),
    })))
}
