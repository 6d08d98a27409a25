//! What an access token lets a browser's phone do (reference: voice §5.1).

use super::{Access, Token, verify};
use crate::Api;
use base::{AccountSid, ApplicationSid, Timestamp};
use serde_json::{Map, Value};
use wire::ApiError;

/// Longest identity, in characters.
const IDENTITY_CHARS_MAX: usize = 256;

/// The voice grant of an access token that is good now.
#[derive(Debug, Clone, PartialEq)]
pub struct VoiceGrant {
    /// Whose token it is.
    pub account: AccountSid,
    /// Who the browser is: `alice`.
    pub identity: String,
    /// Whether it may be called.
    pub incoming: bool,
    /// The TwiML application it may call, and the parameters that the token adds.
    pub outgoing: Option<(ApplicationSid, Vec<(String, String)>)>,
    /// When the token ends.
    pub expires: Timestamp,
}

/// Reads an access token and its voice grant. Errors bear the codes of the REST API: 20101 for what is no token, 20104 for one
/// that has ended, 20106 for one without a voice grant, and so on.
pub async fn voice_grant(api: &Api, token: &str) -> Result<VoiceGrant, ApiError> {
    match verify(api, token).await? {
        Token::Access(access) => granted(&access).ok_or_else(|| ApiError::of(20106)),
        Token::Capability(_) => Err(ApiError::of(20106)),
    }
}

fn granted(access: &Access) -> Option<VoiceGrant> {
    let identity = match access.grants.get("identity")? {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if identity.is_empty()
        || identity.chars().count() > IDENTITY_CHARS_MAX
        || identity.contains(char::is_whitespace)
    {
        return None;
    }
    let voice = access.grants.get("voice")?.as_object()?;
    let incoming = voice.get("incoming").and_then(|incoming| incoming.get("allow")).and_then(Value::as_bool);
    let outgoing = voice.get("outgoing").and_then(Value::as_object).and_then(|outgoing| {
        let sid = outgoing.get("application_sid")?.as_str()?.parse().ok()?;
        let own = outgoing.get("params").and_then(Value::as_object).map(pairs).unwrap_or_default();
        Some((sid, own))
    });
    let (account, expires) = (access.account, access.expires);
    Some(VoiceGrant { account, identity, incoming: incoming.unwrap_or(false), outgoing, expires })
}

fn pairs(params: &Map<String, Value>) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    params.iter().map(|(name, value)| (name.clone(), text(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(grants: Value) -> Option<VoiceGrant> {
        let account = format!("AC{}", "1".repeat(32)).parse().unwrap();
        let grants = grants.as_object().unwrap().clone();
        granted(&Access { account, grants, expires: Timestamp(5) })
    }

    #[test]
    fn a_grant_says_who_may_be_called_and_what_may_be_called() {
        let application = format!("AP{}", "2".repeat(32));
        let grant = of(json!({"identity": "alice", "voice": {"incoming": {"allow": true},
            "outgoing": {"application_sid": application, "params": {"a": "b", "n": 1}}}}))
        .unwrap();
        assert!(grant.incoming);
        let (sid, own) = grant.outgoing.unwrap();
        assert_eq!(sid.to_string(), application);
        assert_eq!(own, [("a".to_owned(), "b".to_owned()), ("n".to_owned(), "1".to_owned())]);
        let bare = of(json!({"identity": 7, "voice": {}})).unwrap();
        assert_eq!((bare.identity.as_str(), bare.incoming, bare.outgoing), ("7", false, None));
        assert!(of(json!({"identity": "alice", "chat": {}})).is_none());
        assert!(of(json!({"identity": "two words", "voice": {}})).is_none());
    }
}
