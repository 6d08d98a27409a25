//! People who sign in to the desk, and their sessions.

use super::rows::*;
use crate::db::{Db, params};
use crate::model::{AuditEntry, User, UserSession};
use crate::{Page, Rows, StoreError};
use base::*;

const UNIQUE: &[(&str, &str)] = &[("users.login", "login"), ("users.sid", "sid")];

pub(crate) fn add(db: &dyn Db, user: &User) -> Answer<()> {
    let sql = "INSERT INTO users (sid, account, login, created, record) VALUES (?1, ?2, ?3, ?4, ?5)";
    let params =
        params![user.sid.to_string(), user.account.to_string(), user.login, user.created.0, json(user)?];
    run_unique(db, sql, params, UNIQUE).map(|_| ())
}

pub(crate) fn one(db: &dyn Db, sid: &UserSid) -> Answer<Option<User>> {
    maybe(db, "SELECT record FROM users WHERE sid = ?1", [sid.to_string()], first)
}

pub(crate) fn named(db: &dyn Db, login: &String) -> Answer<Option<User>> {
    maybe(db, "SELECT record FROM users WHERE login = ?1", [login], first)
}

pub(crate) fn list(db: &dyn Db, account: &AccountSid, page: &Page) -> Answer<Rows<User>> {
    List::of("users", "record", true).sid("account", account).page(db, page, first)
}

pub(crate) fn update(db: &dyn Db, sid: &UserSid, change: impl FnOnce(&mut User)) -> Answer<User> {
    let mut record = one(db, sid)?.ok_or(StoreError::Missing { what: "user" })?;
    let account = record.account;
    change(&mut record);
    (record.sid, record.account) = (*sid, account);
    let sql = "UPDATE users SET login = ?2, record = ?3 WHERE sid = ?1";
    run_unique(db, sql, params![sid.to_string(), record.login, json(&record)?], UNIQUE)?;
    Ok(record)
}

pub(crate) fn remove(db: &dyn Db, sid: &UserSid) -> Answer<bool> {
    sessions_remove(db, sid)?;
    Ok(run(db, "DELETE FROM users WHERE sid = ?1", [sid.to_string()])? > 0)
}

pub(crate) fn session_add(db: &dyn Db, session: &UserSession) -> Answer<()> {
    // What is over goes when something new comes.
    run(db, "DELETE FROM user_sessions WHERE expires < ?1", params![session.created.0])?;
    let sql = "INSERT INTO user_sessions (digest, owner, expires, record) VALUES (?1, ?2, ?3, ?4)";
    let params = params![session.digest, session.user.to_string(), session.expires.0, json(session)?];
    run_unique(db, sql, params, &[("user_sessions.digest", "digest")]).map(|_| ())
}

pub(crate) fn session(db: &dyn Db, digest: &String, now: &Timestamp) -> Answer<Option<UserSession>> {
    let sql = "SELECT record FROM user_sessions WHERE digest = ?1 AND expires > ?2";
    maybe(db, sql, params![digest, now.0], first)
}

pub(crate) fn session_remove(db: &dyn Db, digest: &String) -> Answer<bool> {
    Ok(run(db, "DELETE FROM user_sessions WHERE digest = ?1", [digest])? > 0)
}

pub(crate) fn sessions_remove(db: &dyn Db, user: &UserSid) -> Answer<u64> {
    Ok(run(db, "DELETE FROM user_sessions WHERE owner = ?1", [user.to_string()])? as u64)
}

pub(crate) fn audit_add(db: &dyn Db, entry: &AuditEntry) -> Answer<()> {
    let sql = "INSERT INTO audit (sid, account, workspace, created, record) VALUES (?1, ?2, ?3, ?4, ?5)";
    let workspace = entry.workspace.map(|sid| sid.to_string());
    let (sid, account) = (entry.sid.to_string(), entry.account.to_string());
    run(db, sql, params![sid, account, workspace, entry.created.0, json(entry)?]).map(|_| ())
}

pub(crate) fn audit(db: &dyn Db, workspace: &WorkspaceSid, page: &Page) -> Answer<Rows<AuditEntry>> {
    List::of("audit", "record", true).sid("workspace", workspace).page(db, page, first)
}
