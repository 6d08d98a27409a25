//! Accounts, API keys, and values kept under a name.

use super::rows::*;
use crate::db::{Db, params};
use crate::model::{Account, ApiKey};
use crate::{Page, Rows, StoreError};
use base::*;

pub(crate) fn add(db: &dyn Db, account: &Account) -> Answer<()> {
    let sql = "INSERT INTO accounts (sid, created, record) VALUES (?1, ?2, ?3)";
    let params = params![account.sid.to_string(), account.created.0, json(account)?];
    run_unique(db, sql, params, &[("accounts.sid", "sid")]).map(|_| ())
}

pub(crate) fn one(db: &dyn Db, sid: &AccountSid) -> Answer<Option<Account>> {
    maybe(db, "SELECT record FROM accounts WHERE sid = ?1", [sid.to_string()], first)
}

pub(crate) fn list(db: &dyn Db, page: &Page) -> Answer<Rows<Account>> {
    List::of("accounts", "record", false).page(db, page, first)
}

pub(crate) fn update(db: &dyn Db, sid: &AccountSid, change: impl FnOnce(&mut Account)) -> Answer<Account> {
    let mut account = one(db, sid)?.ok_or(StoreError::Missing { what: "account" })?;
    change(&mut account);
    account.sid = *sid;
    run(db, "UPDATE accounts SET record = ?2 WHERE sid = ?1", params![sid.to_string(), json(&account)?])?;
    Ok(account)
}

pub(crate) fn key_add(db: &dyn Db, key: &ApiKey) -> Answer<()> {
    let sql = "INSERT INTO api_keys (sid, account, created, record) VALUES (?1, ?2, ?3, ?4)";
    let params = params![key.sid.to_string(), key.account.to_string(), key.created.0, json(key)?];
    run_unique(db, sql, params, &[("api_keys.sid", "sid")]).map(|_| ())
}

pub(crate) fn key(db: &dyn Db, sid: &ApiKeySid) -> Answer<Option<ApiKey>> {
    maybe(db, "SELECT record FROM api_keys WHERE sid = ?1", [sid.to_string()], first)
}

pub(crate) fn keys(db: &dyn Db, account: &AccountSid, page: &Page) -> Answer<Rows<ApiKey>> {
    List::of("api_keys", "record", false).sid("account", account).page(db, page, first)
}

pub(crate) fn key_update(db: &dyn Db, key: &ApiKey) -> Answer<bool> {
    let params = params![key.sid.to_string(), json(key)?];
    Ok(run(db, "UPDATE api_keys SET record = ?2 WHERE sid = ?1", params)? > 0)
}

pub(crate) fn key_remove(db: &dyn Db, sid: &ApiKeySid) -> Answer<bool> {
    Ok(run(db, "DELETE FROM api_keys WHERE sid = ?1", [sid.to_string()])? > 0)
}

pub(crate) fn setting(db: &dyn Db, name: &String) -> Answer<Option<String>> {
    maybe(db, "SELECT value FROM settings WHERE name = ?1", [name], |row| row.get(0))
}

pub(crate) fn setting_save(db: &dyn Db, name: &String, value: &String) -> Answer<()> {
    let sql = "INSERT INTO settings (name, value) VALUES (?1, ?2)
               ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    run(db, sql, [name, value]).map(|_| ())
}

pub(crate) fn setting_or(db: &dyn Db, name: &String, value: &String) -> Answer<String> {
    run(db, "INSERT INTO settings (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING", [name, value])?;
    setting(db, name)?.ok_or(StoreError::Missing { what: "setting" })
}
