//! Signing in with somebody else's word for it: OpenID Connect, authorization code with PKCE (RFC 7636), state and nonce.
//!
//! What has to be remembered between going and coming back is in a cookie of the browser that goes, so that any server of a
//! cluster can take it back, and only that browser can finish what it began.

mod id_token;
mod provider;

use super::access::{self, random_token};
use super::session;
use crate::answer::{Failure, Outcome, ok};
use crate::ask::App;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base::{Secret, UserSid, WorkspaceSid};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use engine::routing::Workspace;
use provider::Provider;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use store::model::{Role, User};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use tracing::{info, warn};
use url::Url;
use wire::ApiError;

/// The cookie between going and coming back: state, nonce and verifier.
const COOKIE: &str = "tandem_sign_in";
/// How long somebody may take at their provider, in seconds.
const AWAY_S: u32 = 600;
/// People whose codes are redeemed at once.
const SIGN_INS_MAX: usize = 16;
const START: &str = "/tandem/v1/Session/SingleSignOn";
const CALLBACK: &str = "/tandem/v1/Session/SingleSignOn/Callback";

/// A provider of identities, and what its claims mean here.
#[derive(Debug, Clone)]
pub struct OidcSettings {
    /// `https://id.example/realms/support`, as the provider itself writes it.
    pub issuer: String,
    /// Who we are there.
    pub client_id: String,
    /// What proves it; `None` for a public client.
    pub client_secret: Option<Secret<String>>,
    /// What the button at the desk says.
    pub name: String,
    /// What is asked for, with spaces between.
    pub scopes: String,
    /// The claim that is the user's login here.
    pub login_claim: String,
    /// The claim, a text or a list of texts, that says what they are here; `None`: what the user has already.
    pub role_claim: Option<String>,
    /// Values of that claim and the role each gives; of several the highest counts.
    pub roles: Vec<(String, Role)>,
    /// Whoever has a role and no user yet gets one in this workspace; `None`: nobody does.
    pub create_in: Option<WorkspaceSid>,
}

/// Single sign-on with one provider.
pub struct Oidc {
    settings: OidcSettings,
    provider: Provider,
    turns: Semaphore,
}

impl Oidc {
    /// Ready to send people to the provider. Nothing is asked of it before somebody signs in.
    pub fn new(settings: OidcSettings) -> Result<Self, String> {
        let provider = Provider::new().map_err(|why| why.to_string())?;
        Ok(Self { settings, provider, turns: Semaphore::new(SIGN_INS_MAX) })
    }
}

/// Why somebody is back without being signed in; the desk has words for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Back {
    /// The provider cannot be asked, or says what it must not.
    Failed,
    /// They, or the provider, said no.
    Refused,
    /// It took too long, or another browser began it.
    Late,
    /// They are nobody here.
    Unknown,
}

impl Back {
    fn response(self, app: &App) -> Response {
        let word = match self {
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Late => "late",
            Self::Unknown => "unknown",
        };
        leave(app, &format!("/desk?sign-in={word}"), "", 0)
    }
}

/// How people may sign in: `password`, and `single_sign_on` with the name of its button.
pub(super) async fn methods(State(app): State<App>) -> Outcome {
    let other = app.oidc.as_ref().map(|oidc| json!({ "name": oidc.settings.name, "start": START }));
    Ok(ok(json!({ "password": true, "single_sign_on": other })))
}

/// Sends the browser to the provider.
pub(super) async fn start(
    State(app): State<App>,
    Query(asked): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let oidc = app.oidc.clone().ok_or_else(|| ApiError::not_found(""))?;
    // The cookie has to be where the provider sends the browser back to.
    if !is_home(&app, &headers) && !asked.contains_key("home") {
        return Ok(see_other(&format!("{}{START}?home=1", app.public_url)));
    }
    let known = match oidc.provider.known(&oidc.settings, app.clock.now().mono).await {
        Ok(known) => known,
        Err(why) => {
            warn!("nobody can sign in with {}: {}", oidc.settings.issuer, causes(&why));
            return Ok(Back::Failed.response(&app));
        }
    };
    let Ok(mut url) = Url::parse(&known.authorization) else {
        warn!("{} names no address to sign in at", oidc.settings.issuer);
        return Ok(Back::Failed.response(&app));
    };
    let [state, nonce, verifier] = [(); 3].map(|()| random_token(&app));
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose().as_bytes()));
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", &oidc.settings.client_id)
        .append_pair("redirect_uri", &format!("{}{CALLBACK}", app.public_url))
        .append_pair("scope", &oidc.settings.scopes)
        .append_pair("state", state.expose())
        .append_pair("nonce", nonce.expose())
        .append_pair("code_challenge", &challenge)
        .append_pair("code_challenge_method", "S256");
    let kept = [state, nonce, verifier].map(|one| one.expose().clone()).join(".");
    Ok(leave(&app, url.as_str(), &kept, AWAY_S))
}

/// What the provider sends the browser back with.
#[derive(Deserialize)]
pub(super) struct Returned {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
}

/// Takes the browser back from the provider, signed in or not.
pub(super) async fn callback(
    State(app): State<App>,
    Query(returned): Query<Returned>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let oidc = app.oidc.clone().ok_or_else(|| ApiError::not_found(""))?;
    match finish(&app, &oidc, returned, &headers).await? {
        Ok((user, id_token)) => {
            info!(user.sid = %user.sid, "{} signed in by {}", user.login, oidc.settings.issuer);
            let mut response = leave(&app, "/desk", "", 0);
            session::enter(&app, &user, Some(id_token)).await?.set(&app, &mut response);
            Ok(response)
        }
        Err(back) => Ok(back.response(&app)),
    }
}

async fn finish(
    app: &App,
    oidc: &Oidc,
    returned: Returned,
    headers: &HeaderMap,
) -> Result<Result<(User, Secret<String>), Back>, ApiError> {
    let kept = access::named_cookie(headers, COOKIE).unwrap_or_default();
    let [state, nonce, verifier] =
        <[&str; 3]>::try_from(kept.split('.').collect::<Vec<_>>()).unwrap_or_default();
    let given = returned.state.unwrap_or_default();
    if state.is_empty() || !bool::from(given.as_bytes().ct_eq(state.as_bytes())) {
        warn!("somebody came back from {} whom we have not sent", oidc.settings.issuer);
        return Ok(Err(Back::Late));
    }
    let Some(code) = returned.code.filter(|_| returned.error.is_none()) else {
        let why: String = returned.error.unwrap_or_default().chars().take(100).collect();
        info!("somebody was not signed in by {}: {why:?}", oidc.settings.issuer);
        return Ok(Err(Back::Refused));
    };
    let _turn = oidc.turns.acquire().await.map_err(ApiError::internal)?;
    let redirect = format!("{}{CALLBACK}", app.public_url);
    let asked = (code.as_str(), verifier, nonce);
    let (claims, id_token) =
        match oidc.provider.claims(&oidc.settings, &redirect, asked, app.clock.now()).await {
            Ok(claims) => claims,
            Err(why) => {
                warn!("the word of {} was not taken: {}", oidc.settings.issuer, causes(&why));
                return Ok(Err(Back::Failed));
            }
        };
    match who(&oidc.settings, &claims) {
        Ok(who) => Ok(user(app, &oidc.settings, who).await?.map(|user| (user, id_token))),
        Err(why) => {
            warn!("somebody whom {} knows may not sign in: {why}", oidc.settings.issuer);
            Ok(Err(Back::Unknown))
        }
    }
}

/// Where somebody whose session began with this ID token signs out at the provider as well; `None`: it has no such place, or
/// cannot be asked now, and they are signed out here only.
pub(super) async fn end_session(app: &App, id_token: &Secret<String>) -> Option<String> {
    let oidc = app.oidc.clone()?;
    let known = match oidc.provider.known(&oidc.settings, app.clock.now().mono).await {
        Ok(known) => known,
        Err(why) => {
            warn!("somebody is not signed out at {}: {}", oidc.settings.issuer, causes(&why));
            return None;
        }
    };
    let mut url = Url::parse(known.end_session.as_deref()?).ok()?;
    url.query_pairs_mut()
        .append_pair("id_token_hint", id_token.expose())
        .append_pair("client_id", &oidc.settings.client_id)
        .append_pair("post_logout_redirect_uri", &format!("{}/desk", app.public_url));
    Some(url.to_string())
}

/// Who the claims say they are here.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Who {
    login: String,
    /// `None`: what they have already.
    role: Option<Role>,
}

fn who(settings: &OidcSettings, claims: &Map<String, Value>) -> Result<Who, String> {
    let name = settings.login_claim.as_str();
    let login = claims.get(name).and_then(Value::as_str).map(|text| text.trim().to_lowercase());
    let login = login.filter(|login| !login.is_empty()).ok_or_else(|| format!("they have no {name}"))?;
    // An address that its owner has not proven is anybody's.
    if name == "email" && claims.get("email_verified") != Some(&Value::Bool(true)) {
        return Err("their email is not verified".to_owned());
    }
    let Some(claim) = &settings.role_claim else { return Ok(Who { login, role: None }) };
    let values: Vec<&str> = match claims.get(claim) {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let given = settings.roles.iter().filter(|(value, _)| values.contains(&value.as_str()));
    let role = given.map(|(_, role)| *role).max_by_key(|role| match role {
        Role::Agent => 0,
        Role::Supervisor => 1,
        Role::Admin => 2,
    });
    role.map(|role| Who { login, role: Some(role) })
        .ok_or_else(|| format!("their {claim} gives them no role"))
}

/// The user with that login, as the claims say they are; a new one, where that is wanted.
async fn user(app: &App, settings: &OidcSettings, who: Who) -> Result<Result<User, Back>, ApiError> {
    match (app.store.user_named(who.login.clone()).await?, who.role) {
        (Some(user), Some(role)) if user.role != role => {
            let (sid, now) = (user.sid, app.now());
            let user =
                app.store.user_update(sid, move |kept| (kept.role, kept.updated) = (role, now)).await?;
            app.store.user_sessions_remove(sid).await?;
            session::note_sign_on(app, &user, "user.update", format!("role={}", role.as_str())).await?;
            Ok(Ok(user))
        }
        (Some(user), _) => Ok(Ok(user)),
        (None, Some(role)) => match settings.create_in {
            Some(ws) => create(app, ws, who.login, role).await.map(Ok),
            None => Ok(Err(Back::Unknown)),
        },
        (None, None) => {
            warn!("somebody signed in elsewhere as {:?}, who is nobody here", who.login);
            Ok(Err(Back::Unknown))
        }
    }
}

/// A user who works as the worker of the same name, if there is one.
async fn create(app: &App, ws: WorkspaceSid, login: String, role: Role) -> Result<User, ApiError> {
    let account = app.workspaces.account_of(ws).ok_or_else(|| ApiError::not_found(ws))?;
    let name = login.clone();
    let worker =
        app.workspaces.read(ws, move |w: &Workspace, _| w.worker_named(&name).map(|of| of.sid)).await?;
    let now = app.now();
    let user = User {
        sid: app.sids.make(UserSid::generate),
        account,
        login,
        // No password is theirs: they come by the provider only.
        password: session::nobodys_password(),
        role,
        workspace: Some(ws),
        worker,
        created: now,
        updated: now,
    };
    app.store.user_add(user.clone()).await?;
    session::note_sign_on(app, &user, "user.create", format!("role={}", role.as_str())).await?;
    Ok(user)
}

/// Whether the request came to the address that the provider knows.
fn is_home(app: &App, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    app.public_url.split_once("://").map(|(_, home)| home.split('/').next().unwrap_or(home)) == host
}

fn see_other(to: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    if let Ok(value) = HeaderValue::from_str(to) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// To another page, with the cookie set for `age_s` seconds. It has to come along from the provider's page: Lax.
fn leave(app: &App, to: &str, kept: &str, age_s: u32) -> Response {
    let mut response = see_other(to);
    let secure = if app.public_url.starts_with("https:") { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={kept}; Path={START}; Max-Age={age_s}; HttpOnly; SameSite=Lax{secure}");
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}

/// An error with its causes, on one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(role_claim: Option<&str>) -> OidcSettings {
        OidcSettings {
            issuer: "https://id.example".to_owned(),
            client_id: "tandem".to_owned(),
            client_secret: None,
            name: "Example".to_owned(),
            scopes: "openid".to_owned(),
            login_claim: "email".to_owned(),
            role_claim: role_claim.map(str::to_owned),
            roles: vec![("cc-agents".to_owned(), Role::Agent), ("cc-leads".to_owned(), Role::Supervisor)],
            create_in: None,
        }
    }

    fn of(settings: &OidcSettings, claims: Value) -> Result<Who, String> {
        who(settings, claims.as_object().unwrap())
    }

    #[test]
    fn claims_say_who_somebody_is_and_as_what() {
        let plain = settings(None);
        let ana = json!({"email": "Ana@Example.com", "email_verified": true});
        assert_eq!(of(&plain, ana).unwrap(), Who { login: "ana@example.com".to_owned(), role: None });
        of(&plain, json!({"email": "ana@example.com"})).unwrap_err();
        of(&plain, json!({"email": "ana@example.com", "email_verified": false})).unwrap_err();
        of(&plain, json!({"sub": "7"})).unwrap_err();
        let ranked = settings(Some("groups"));
        let with =
            |groups: Value| of(&ranked, json!({"email": "a@b", "email_verified": true, "groups": groups}));
        assert_eq!(with(json!("cc-agents")).unwrap().role, Some(Role::Agent));
        assert_eq!(with(json!(["x", "cc-leads", "cc-agents"])).unwrap().role, Some(Role::Supervisor));
        for none in [json!([]), json!("x"), json!(7), Value::Null] {
            with(none).unwrap_err();
        }
    }
}
