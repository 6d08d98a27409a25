//! Users: who may sign in, and as what.

use super::access::hex;
use super::fields;
use super::session::PASSWORD_CHARS;
use crate::answer::{Outcome, created, deleted, ok};
use crate::ask::{App, Asked, At};
use crate::store_page;
use axum::extract::State;
use base::*;
use serde_json::{Value, json};
use store::model::{Role, User};
use tracing::info;
use wire::form::bad;
use wire::page::{Listing, PageQuery, SIZE_MAX};
use wire::{Address, ApiError, Params, desk};

/// Longest login.
const LOGIN_CHARS_MAX: usize = 64;

fn show(at: &Address, of: &User) -> Value {
    json!({
        "sid": of.sid,
        "account_sid": of.account,
        "login": of.login,
        "role": of.role.as_str(),
        "workspace_sid": of.workspace,
        "worker_sid": of.worker,
        "date_created": of.created.iso8601(),
        "date_updated": of.updated.iso8601(),
        "url": at.url(format_args!("/Users/{}", of.sid)),
    })
}

pub(super) async fn list(State(app): State<App>, asked: Asked) -> Outcome {
    let query = PageQuery::parse(&asked.params, SIZE_MAX)?;
    let rows = app.store.users(asked.account, store_page::ask(&query)).await?;
    let page = store_page::page(&query, rows, |of| of.sid, |of| show(&asked.at, &of));
    let path = asked.at.url("/Users");
    Ok(ok(Listing { path, key: "users", filters: Vec::new(), query }.v1(page)))
}

async fn find(app: &App, asked: &Asked, us: UserSid) -> Result<User, ApiError> {
    let found = app.store.user(us).await?;
    found.filter(|of| of.account == asked.account).ok_or_else(|| ApiError::not_found(us))
}

fn login(form: &Params) -> Result<String, ApiError> {
    let login = form.required("login")?.trim().to_lowercase();
    let plain = |c: char| c.is_alphanumeric() || "-_.@+".contains(c);
    if login.is_empty() || login.chars().count() > LOGIN_CHARS_MAX || !login.chars().all(plain) {
        let why = format!("must be at most {LOGIN_CHARS_MAX} letters, digits, '-', '_', '.', '@' and '+'");
        return Err(bad("login", &login, why));
    }
    Ok(login)
}

fn password(form: &Params) -> Result<Option<Secret<String>>, ApiError> {
    let Some(text) = form.filled("password") else { return Ok(None) };
    if PASSWORD_CHARS.contains(&text.chars().count()) {
        return Ok(Some(Secret::new(text.to_owned())));
    }
    let (least, most) = PASSWORD_CHARS.into_inner();
    Err(ApiError::invalid(format!("password must have from {least} to {most} characters")))
}

fn role(form: &Params) -> Result<Option<Role>, ApiError> {
    let Some(word) = form.filled("role") else { return Ok(None) };
    let found = desk::role(word).ok_or_else(|| bad("role", word, "must be agent, supervisor or admin"))?;
    Ok(Some(found))
}

/// The workspace is the account's own, and the worker is in it.
async fn check(app: &App, asked: &Asked, user: &User) -> Result<(), ApiError> {
    let worker = user.worker;
    match (user.workspace, worker) {
        (None, None) if user.role == Role::Admin => Ok(()),
        (None, _) => Err(ApiError::invalid("workspace_sid is missing")),
        (Some(ws), worker) => {
            let inside = move |w: &engine::routing::Workspace, _| match worker {
                Some(wk) if w.worker(wk).is_none() => {
                    Err(bad("worker_sid", &wk.to_string(), "is not in the workspace"))
                }
                _ => Ok(()),
            };
            app.read(asked, ws, inside).await
        }
    }
}

pub(super) async fn create(State(app): State<App>, asked: Asked) -> Outcome {
    let form = fields(&asked)?;
    let now = app.now();
    let given = password(&form)?.ok_or_else(|| ApiError::invalid("password is missing"))?;
    let mut user = User {
        sid: app.sids.make(UserSid::generate),
        account: asked.account,
        login: login(&form)?,
        password: Secret::new(hex(b"")),
        role: role(&form)?.unwrap_or(Role::Agent),
        workspace: form.parsed("workspace_sid")?,
        worker: form.parsed("worker_sid")?,
        created: now,
        updated: now,
    };
    check(&app, &asked, &user).await?;
    user.password = app.logins.hash(&app, given).await?;
    app.store.user_add(user.clone()).await?;
    info!(user.sid = %user.sid, "user {} was created", user.login);
    Ok(created(show(&asked.at, &user)))
}

pub(super) async fn fetch(State(app): State<App>, At(us): At<UserSid>, asked: Asked) -> Outcome {
    Ok(ok(show(&asked.at, &find(&app, &asked, us).await?)))
}

/// A changed password or role ends the user's sessions.
pub(super) async fn update(State(app): State<App>, At(us): At<UserSid>, asked: Asked) -> Outcome {
    let mut user = find(&app, &asked, us).await?;
    let form = fields(&asked)?;
    let given = password(&form)?;
    let role = role(&form)?;
    let before = user.role;
    user.role = role.unwrap_or(user.role);
    if form.text("workspace_sid").is_some() {
        user.workspace = form.parsed("workspace_sid")?;
    }
    if form.text("worker_sid").is_some() {
        user.worker = form.parsed("worker_sid")?;
    }
    if form.text("login").is_some() {
        user.login = login(&form)?;
    }
    check(&app, &asked, &user).await?;
    // The password that they have already changes nothing.
    let given = match given {
        Some(given) if app.logins.verify(Some(&user), given.clone()).await? => None,
        other => other,
    };
    let ends = given.is_some() || user.role != before;
    if let Some(given) = given {
        user.password = app.logins.hash(&app, given).await?;
    }
    user.updated = app.now();
    let changed = user.clone();
    let user = app.store.user_update(us, move |kept| *kept = changed).await?;
    if ends {
        app.store.user_sessions_remove(us).await?;
    }
    info!(user.sid = %us, "user {} was changed", user.login);
    Ok(ok(show(&asked.at, &user)))
}

pub(super) async fn remove(State(app): State<App>, At(us): At<UserSid>, asked: Asked) -> Outcome {
    let user = find(&app, &asked, us).await?;
    app.store.user_remove(us).await?;
    info!(user.sid = %us, "user {} was removed", user.login);
    Ok(deleted())
}
