//! Signing in with a login and a password, and out again.

use super::access::{self, COOKIE, SignedIn};
use crate::answer::{Failure, deleted, ok};
use crate::ask::{App, read_body};
use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use base::{AuditSid, Secret, Timestamp};
use engine::call::port::Request as CallRequest;
use engine::routing::Workspace;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use store::model::{AuditEntry, User, UserSession};
use tokio::sync::Semaphore;
use tracing::{info, warn};
use wire::ApiError;
use wire::desk::{SessionView, VoiceToken};

/// How long a session lasts: a shift with its overtime.
const SESSION: Duration = Duration::from_secs(14 * 3_600);
/// How long a station's token is good: a page renews it.
const VOICE_TOKEN: Duration = Duration::from_secs(3_600);
/// Passwords hashed at once: each takes 19 MiB and a core for a while.
const HASHES_MAX: usize = 2;
/// Wrong passwords for one login within [`FAILURES_FOR`] before it has to wait.
const FAILURES_MAX: u32 = 10;
const FAILURES_FOR: Duration = Duration::from_secs(60);
/// Logins whose failures are remembered.
const LOGINS_MAX: usize = 10_000;
/// Bounds of a password, in characters.
pub(super) const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 8..=128;

/// What keeps guessers slow.
pub(crate) struct Logins {
    hashing: Semaphore,
    failures: Mutex<HashMap<String, (u32, Timestamp)>>,
}

impl Logins {
    pub fn new() -> Self {
        Self { hashing: Semaphore::new(HASHES_MAX), failures: Mutex::default() }
    }

    fn check(&self, login: &str, now: Timestamp) -> Result<(), ApiError> {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.retain(|_, (_, last)| now.since(*last) < FAILURES_FOR);
        let too_many = failures.get(login).is_some_and(|(count, _)| *count >= FAILURES_MAX);
        if too_many || failures.len() >= LOGINS_MAX {
            return Err(ApiError::with(20429, "Too many attempts to sign in: wait a minute"));
        }
        Ok(())
    }

    fn failed(&self, login: &str, now: Timestamp) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = failures.entry(login.to_owned()).or_insert((0, now));
        *entry = (entry.0 + 1, now);
    }

    fn succeeded(&self, login: &str) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(login);
    }

    /// argon2id of a password, as a PHC string.
    pub async fn hash(&self, app: &App, password: Secret<String>) -> Result<Secret<String>, ApiError> {
        let salt = app.sids.make(|entropy| entropy.bytes::<16>());
        let _turn = self.hashing.acquire().await.map_err(ApiError::internal)?;
        let hashed = tokio::task::spawn_blocking(move || {
            let salt = SaltString::encode_b64(&salt)?;
            let hashed = Argon2::default().hash_password(password.expose().as_bytes(), &salt)?;
            Ok::<_, argon2::password_hash::Error>(hashed.to_string())
        });
        let hashed = hashed.await.map_err(ApiError::internal)?.map_err(ApiError::internal)?;
        Ok(Secret::new(hashed))
    }

    /// Whether `password` is the user's. For nobody it is never, and takes as long.
    pub(super) async fn verify(
        &self,
        user: Option<&User>,
        password: Secret<String>,
    ) -> Result<bool, ApiError> {
        let kept = user.map_or_else(|| NOBODY.to_owned(), |user| user.password.expose().clone());
        let _turn = self.hashing.acquire().await.map_err(ApiError::internal)?;
        let verified = tokio::task::spawn_blocking(move || {
            PasswordHash::new(&kept).is_ok_and(|hash| {
                Argon2::default().verify_password(password.expose().as_bytes(), &hash).is_ok()
            })
        });
        Ok(verified.await.map_err(ApiError::internal)? && user.is_some())
    }
}

/// A hash of nothing that anybody knows, with the parameters of real ones.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdA$\
                      6J1r1oDdPp0J1k4dQ0l0Vb0m0gqJ0y3m1x0o7Jm1l5o";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    login: String,
    password: Secret<String>,
}

/// `POST /tandem/v1/Session`
pub(super) async fn begin(State(app): State<App>, request: Request) -> Result<Response, Failure> {
    let (parts, body) = request.into_parts();
    let body = read_body(&parts.headers, body).await?;
    if !access::same_origin(&parts.headers) {
        return Err(ApiError::of(20403).into());
    }
    let Ok(SignIn { login, password }) = serde_json::from_slice(&body) else {
        return Err(ApiError::of(20003).into());
    };
    let login = login.trim().to_lowercase();
    let now = app.now();
    app.logins.check(&login, now)?;
    let user = app.store.user_named(login.clone()).await?;
    let good = app.logins.verify(user.as_ref(), password).await?;
    let Some(user) = user.filter(|_| good) else {
        app.logins.failed(&login, now);
        warn!("somebody could not sign in as {login:?}");
        return Err(ApiError::with(20003, "The name or the password is not right").into());
    };
    app.logins.succeeded(&login);
    let entered = enter(&app, &user, None).await?;
    info!(user.sid = %user.sid, "{} signed in", user.login);
    let view = view(&SignedIn { user, session: entered.session.clone() });
    let mut response = ok(json!(view)).into_response();
    entered.set(&app, &mut response);
    Ok(response)
}

/// A session that was begun a moment ago.
pub(super) struct Entered {
    session: UserSession,
    token: Secret<String>,
}

/// Begins a session of somebody who has proven who they are; `id_token`: to a provider of identities.
pub(super) async fn enter(
    app: &App,
    user: &User,
    id_token: Option<Secret<String>>,
) -> Result<Entered, ApiError> {
    let (token, now) = (access::random_token(app), app.now());
    let session = UserSession {
        digest: access::digest(token.expose()),
        user: user.sid,
        csrf: access::random_token(app),
        id_token,
        created: now,
        expires: now + SESSION,
    };
    app.store.user_session_add(session.clone()).await?;
    Ok(Entered { session, token })
}

impl Entered {
    /// Gives the browser its cookie.
    pub(super) fn set(&self, app: &App, response: &mut Response) {
        set_cookie(app, response, self.token.expose(), SESSION);
    }
}

/// What is kept for somebody who has no password: nothing matches it, and it takes as long to find that out.
pub(super) fn nobodys_password() -> Secret<String> {
    Secret::new(NOBODY.to_owned())
}

/// Keeps what a provider's word changed about a user.
pub(super) async fn note_sign_on(app: &App, user: &User, act: &str, detail: String) -> Result<(), ApiError> {
    let entry = AuditEntry {
        sid: app.sids.make(AuditSid::generate),
        account: user.account,
        workspace: user.workspace,
        user: Some(user.sid),
        login: Some(user.login.clone()),
        act: act.to_owned(),
        subject: user.login.clone(),
        detail: Some(format!("by single sign-on, {detail}")),
        created: app.now(),
    };
    Ok(app.store.audit_add(entry).await?)
}

/// `GET /tandem/v1/Session`: null for nobody, which is no error for a page that asks who it is there for.
pub(super) async fn show(State(app): State<App>, headers: HeaderMap) -> Result<Response, Failure> {
    let seen = match access::signed_in(&app, &Method::GET, &headers).await {
        Ok(signed_in) => json!(view(&signed_in)),
        Err(refused) if refused.code == 20003 => Value::Null,
        Err(refused) => return Err(refused.into()),
    };
    let mut response = ok(seen).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// `POST /tandem/v1/Session/VoiceToken`: a token that opens the user's own station, and nothing else.
pub(super) async fn voice_token(State(app): State<App>, headers: HeaderMap) -> Result<Response, Failure> {
    let SignedIn { user, session } = access::signed_in(&app, &Method::POST, &headers).await?;
    let (Some(ws), Some(wk)) = (user.workspace, user.worker) else {
        return Err(ApiError::invalid("You take no calls").into());
    };
    app.own(user.account, ws)?;
    let read = move |w: &Workspace, _| {
        let worker = w.worker(wk).ok_or_else(|| ApiError::not_found(wk))?;
        Ok(super::phone::identity(worker))
    };
    let identity: String = app.workspaces.read::<Result<_, ApiError>>(ws, read).await??;
    let account = app.store.account(user.account).await?.ok_or_else(|| ApiError::of(20003))?;
    let expires = session.expires.min(app.now() + VOICE_TOKEN);
    let token = crate::token::station_token(account.sid, &account.auth_token, &identity, expires);
    let ice_servers = app.ice.servers(&identity, app.now());
    let shown = VoiceToken { token, identity, expires: wire::desk::at(expires), ice_servers };
    let mut response = ok(json!(shown)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// `DELETE /tandem/v1/Session`: 204, or 200 with `leave`, where the browser goes to sign out at the provider as well.
pub(super) async fn end(State(app): State<App>, headers: HeaderMap) -> Result<Response, Failure> {
    let SignedIn { user, session } = access::signed_in(&app, &Method::DELETE, &headers).await?;
    app.store.user_session_remove(session.digest).await?;
    if let Some(worker) = user.worker {
        // Their shift is over: the phone on the table is let go.
        app.voice(user.account)?.request(CallRequest::CloseLine { worker }).await?;
    }
    info!(user.sid = %user.sid, "{} signed out", user.login);
    let elsewhere = match &session.id_token {
        Some(id_token) => super::oidc::end_session(&app, id_token).await,
        None => None,
    };
    let answer = elsewhere.map_or_else(deleted, |leave| ok(json!({ "leave": leave })));
    Ok(with_cookie(&app, answer.into_response(), "", Duration::ZERO))
}

fn view(SignedIn { user, session }: &SignedIn) -> SessionView {
    SessionView {
        user_sid: user.sid.to_string(),
        login: user.login.clone(),
        role: user.role.as_str().to_owned(),
        workspace_sid: user.workspace.map(|sid| sid.to_string()),
        worker_sid: user.worker.map(|sid| sid.to_string()),
        csrf: session.csrf.expose().clone(),
        expires: wire::desk::at(session.expires),
    }
}

fn with_cookie(app: &App, mut response: Response, token: &str, age: Duration) -> Response {
    set_cookie(app, &mut response, token, age);
    response
}

fn set_cookie(app: &App, response: &mut Response, token: &str, age: Duration) {
    let secure = if app.public_url.starts_with("https:") { "; Secure" } else { "" };
    let age = age.as_secs();
    let text = format!("{COOKIE}={token}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}");
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobodys_hash_is_one_that_can_be_checked() {
        assert!(PasswordHash::new(NOBODY).is_ok());
    }

    #[test]
    fn a_login_that_fails_too_often_waits_a_minute() {
        let logins = Logins::new();
        for _ in 0..FAILURES_MAX {
            logins.check("ana", Timestamp(0)).unwrap();
            logins.failed("ana", Timestamp(0));
        }
        assert_eq!(logins.check("ana", Timestamp(1)).unwrap_err().code, 20429);
        logins.check("bo", Timestamp(1)).unwrap();
        logins.check("ana", Timestamp(0) + FAILURES_FOR).unwrap();
    }
}
