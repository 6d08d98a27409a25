//! What a token lets a browser's phone do: an access token by its voice grant, a capability token by its scopes (reference:
//! voice §5).

use super::{Access, Capability, Jwt, Token, verify};
use crate::Api;
use base::{AccountSid, ApplicationSid, PhoneNumber, Secret, Timestamp};
use serde_json::{Map, Value, json};
use wire::{ApiError, Params};

/// Longest identity, in characters.
const IDENTITY_CHARS_MAX: usize = 256;

/// What a capability token may do.
const INCOMING: &str = "scope:client:incoming";
const OUTGOING: &str = "scope:client:outgoing";
/// Our own: a simulated customer. Believed in development only.
const CUSTOMER: &str = "scope:tandem:customer";

/// What a token that is good now says of voice.
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
    /// The number of a simulated customer, who calls and is called as if over a trunk. Only in development.
    pub customer: Option<String>,
    /// When the token ends.
    pub expires: Timestamp,
}

/// A capability token by which `identity` may be called until `expires`.
pub(crate) fn station_token(
    account: AccountSid,
    auth_token: &Secret<String>,
    identity: &str,
    expires: Timestamp,
) -> String {
    let escaped: String = url::form_urlencoded::byte_serialize(identity.as_bytes()).collect();
    let scope = format!("{INCOMING}?clientName={escaped}");
    let claims = json!({ "scope": scope, "iss": account, "exp": expires.0 / 1_000_000 });
    Jwt::sign(&claims, auth_token.expose())
}

/// A capability token of a simulated customer with this number.
pub(crate) fn customer_token(
    account: AccountSid,
    auth_token: &Secret<String>,
    number: &PhoneNumber,
    expires: Timestamp,
) -> String {
    let escaped: String = url::form_urlencoded::byte_serialize(number.as_str().as_bytes()).collect();
    let scope = format!("{CUSTOMER}?number={escaped}");
    let claims = json!({ "scope": scope, "iss": account, "exp": expires.0 / 1_000_000 });
    Jwt::sign(&claims, auth_token.expose())
}

/// Reads a token and what it says of voice. Errors bear the codes of the REST API: 20101 for what is no token, 20104 for one
/// that has ended, 20106 for one without a voice grant, and so on.
pub async fn voice_grant(api: &Api, token: &str) -> Result<VoiceGrant, ApiError> {
    let grant = match verify(api, token).await? {
        Token::Access(access) => granted(&access),
        Token::Capability(token) => scoped(&token).filter(|grant| api.dev || grant.customer.is_none()),
    };
    grant.ok_or_else(|| ApiError::of(20106))
}

/// `scope:client:incoming?clientName=alice scope:client:outgoing?appSid=AP…&clientName=alice&appParams=k%3Dv`
fn scoped(token: &Capability) -> Option<VoiceGrant> {
    let mut grant = VoiceGrant {
        account: token.account,
        identity: String::new(),
        incoming: false,
        outgoing: None,
        customer: None,
        expires: token.expires,
    };
    for scope in token.claims.get("scope")?.as_str()?.split(' ') {
        let (name, query) = scope.split_once('?').unwrap_or((scope, ""));
        let said = Params::parse(query, b"").ok()?;
        match name {
            INCOMING => grant.incoming = true,
            CUSTOMER => {
                let number: PhoneNumber = said.text("number")?.parse().ok()?;
                grant.identity = format!("customer:{number}");
                grant.customer = Some(number.to_string());
                grant.incoming = true;
            }
            OUTGOING => {
                let own = Params::parse(said.text("appParams").unwrap_or_default(), b"").ok()?;
                let own = own.pairs().iter().map(|(name, value)| (name.clone(), value.clone())).collect();
                grant.outgoing = Some((said.text("appSid")?.parse().ok()?, own));
            }
            _ => continue,
        }
        if let Some(identity) = said.text("clientName") {
            grant.identity = identity.to_owned();
        }
    }
    Some(grant).filter(|grant| (grant.incoming || grant.outgoing.is_some()) && is_identity(&grant.identity))
}

fn is_identity(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= IDENTITY_CHARS_MAX && !text.contains(char::is_whitespace)
}

fn granted(access: &Access) -> Option<VoiceGrant> {
    let identity = match access.grants.get("identity")? {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if !is_identity(&identity) {
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
    let incoming = incoming.unwrap_or(false);
    Some(VoiceGrant { account, identity, incoming, outgoing, customer: None, expires })
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

    fn scopes(scope: &str) -> Option<VoiceGrant> {
        let account = format!("AC{}", "1".repeat(32)).parse().unwrap();
        let claims = json!({ "scope": scope }).as_object().unwrap().clone();
        scoped(&Capability { account, claims, policies: Vec::new(), expires: Timestamp(5) })
    }

    #[test]
    fn a_capability_token_says_the_same_in_scopes() {
        let application = format!("AP{}", "2".repeat(32));
        let grant = scopes(&format!(
            "scope:client:incoming?clientName=alice \
             scope:client:outgoing?appSid={application}&clientName=alice&appParams=k%3Dv%26n%3D1"
        ))
        .unwrap();
        assert_eq!((grant.identity.as_str(), grant.incoming), ("alice", true));
        let (sid, own) = grant.outgoing.unwrap();
        assert_eq!(sid.to_string(), application);
        assert_eq!(own, [("k".to_owned(), "v".to_owned()), ("n".to_owned(), "1".to_owned())]);
        for scope in
            ["", "scope:stream:subscribe?path=/x", "scope:client:incoming", "scope:client:outgoing?appSid=x"]
        {
            assert!(scopes(scope).is_none(), "{scope}");
        }
    }

    #[test]
    fn a_stations_token_names_it_and_may_only_be_called() {
        let account: AccountSid = format!("AC{}", "1".repeat(32)).parse().unwrap();
        let text = station_token(account, &Secret::new("secret".to_owned()), "a+b@c.d", Timestamp(7_000_000));
        let jwt = Jwt::parse(&text).unwrap();
        let grant = scopes(jwt.text("scope").unwrap()).unwrap();
        assert_eq!((grant.identity.as_str(), grant.incoming, grant.outgoing), ("a+b@c.d", true, None));
    }

    #[test]
    fn a_simulated_customers_token_names_their_number() {
        let account: AccountSid = format!("AC{}", "1".repeat(32)).parse().unwrap();
        let number = "+15550200001".parse().unwrap();
        let text = customer_token(account, &Secret::new("secret".to_owned()), &number, Timestamp(7_000_000));
        let jwt = Jwt::parse(&text).unwrap();
        let grant = scopes(jwt.text("scope").unwrap()).unwrap();
        assert_eq!((grant.identity.as_str(), grant.incoming), ("customer:+15550200001", true));
        assert_eq!((grant.customer.as_deref(), grant.outgoing), (Some("+15550200001"), None));
        assert!(scopes("scope:tandem:customer?number=1001").is_none(), "nobody calls from what is no number");
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
