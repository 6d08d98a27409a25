//! Small configuration that other records refer to.

use super::rows::*;
use crate::db::{Db, params};
use crate::resource::{Resource, ResourceKind};
use crate::{Page, Rows};
use base::AccountSid;

const UNIQUE: &[(&str, &str)] = &[("resources.name", "name"), ("resources.sid", "sid")];

pub(crate) fn add(db: &dyn Db, resource: &Resource) -> Answer<()> {
    let sql = "INSERT INTO resources (sid, account, kind, parent, name, created, record)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let params = params![
        resource.sid(),
        resource.account().to_string(),
        word(&resource.kind())?,
        resource.parent(),
        resource.name(),
        resource.created().0,
        json(resource)?
    ];
    run_unique(db, sql, params, UNIQUE).map(|_| ())
}

pub(crate) fn find(db: &dyn Db, sid: &str) -> Answer<Option<Resource>> {
    maybe(db, "SELECT record FROM resources WHERE sid = ?1", [sid], first)
}

pub(crate) fn list(
    db: &dyn Db,
    account: &AccountSid,
    kind: &ResourceKind,
    parent: &Option<String>,
    page: &Page,
) -> Answer<Rows<Resource>> {
    List::of("resources", "record", true)
        .sid("account", account)
        .when("kind = ?", word(kind)?)
        .when_some("parent = ?", parent.clone())
        .page(db, page, first)
}

pub(crate) fn of_account(db: &dyn Db, account: &AccountSid) -> Answer<Vec<Resource>> {
    all(db, "SELECT record FROM resources WHERE account = ?1", [account.to_string()], first)
}

pub(crate) fn save(db: &dyn Db, resource: &Resource) -> Answer<bool> {
    let sql = "UPDATE resources SET name = ?2, record = ?3 WHERE sid = ?1";
    let params = params![resource.sid(), resource.name(), json(resource)?];
    Ok(run_unique(db, sql, params, UNIQUE)? > 0)
}

/// Adds it, or changes what is there.
pub(crate) fn put(db: &dyn Db, resource: &Resource) -> Answer<()> {
    if save(db, resource)? { Ok(()) } else { add(db, resource) }
}

/// With everything that is in it.
pub(crate) fn remove(db: &dyn Db, sid: &str) -> Answer<bool> {
    run(db, "DELETE FROM resources WHERE parent = ?1", [sid])?;
    Ok(run(db, "DELETE FROM resources WHERE sid = ?1", [sid])? > 0)
}
