//! Sync services, maps and their items. A record whose time is over is not there, even before it is swept away.

use super::rows::*;
use crate::db::{Db, Row as SqlRow, ToValue, params};
use crate::model::*;
use crate::{Page, Rows, StoreError};
use base::*;
use engine::call::port::TaskParticipant;
use std::time::Duration;

const MAP: &str = "sid, service, unique_name, revision, expires, created_by, created, updated";
const ITEM: &str = "map, key, revision, data, expires, created_by, created, updated";
const SERVICE_UNIQUE: &[(&str, &str)] =
    &[("sync_services.unique_name", "unique_name"), ("sync_services.sid", "sid")];
const MAP_UNIQUE: &[(&str, &str)] = &[("sync_maps.unique_name", "unique_name"), ("sync_maps.sid", "sid")];
const ITEM_UNIQUE: &[(&str, &str)] = &[("sync_items.key", "key")];

fn map_row(row: &SqlRow) -> Answer<SyncMap> {
    Ok(SyncMap {
        sid: parsed(row, 0)?,
        service: parsed(row, 1)?,
        unique_name: row.get(2)?,
        revision: row.get(3)?,
        expires: maybe_at(row, 4)?,
        created_by: row.get(5)?,
        created: at(row, 6)?,
        updated: at(row, 7)?,
    })
}

fn item_row(row: &SqlRow) -> Answer<SyncItem> {
    Ok(SyncItem {
        map: parsed(row, 0)?,
        key: row.get(1)?,
        revision: row.get(2)?,
        data: row.get(3)?,
        expires: maybe_at(row, 4)?,
        created_by: row.get(5)?,
        created: at(row, 6)?,
        updated: at(row, 7)?,
    })
}

// Services.

pub(crate) fn service_add(db: &dyn Db, service: &SyncService) -> Answer<()> {
    let sql =
        "INSERT INTO sync_services (sid, account, unique_name, created, record) VALUES (?1, ?2, ?3, ?4, ?5)";
    let params = params![
        service.sid.to_string(),
        service.account.to_string(),
        service.unique_name,
        service.created.0,
        json(service)?
    ];
    run_unique(db, sql, params, SERVICE_UNIQUE).map(|_| ())
}

pub(crate) fn service(db: &dyn Db, account: &AccountSid, name: &String) -> Answer<Option<SyncService>> {
    let sql = "SELECT record FROM sync_services WHERE account = ?1 AND (sid = ?2 OR unique_name = ?2)";
    maybe(db, sql, [&account.to_string(), name], first)
}

pub(crate) fn services(db: &dyn Db, account: &AccountSid, page: &Page) -> Answer<Rows<SyncService>> {
    List::of("sync_services", "record", true).sid("account", account).page(db, page, first)
}

pub(crate) fn service_update(
    db: &dyn Db,
    sid: &ServiceSid,
    change: impl FnOnce(&mut SyncService),
) -> Answer<SyncService> {
    let sql = "SELECT record FROM sync_services WHERE sid = ?1";
    let record: Option<SyncService> = maybe(db, sql, [sid.to_string()], first)?;
    let mut record = record.ok_or(StoreError::Missing { what: "service" })?;
    let account = record.account;
    change(&mut record);
    (record.sid, record.account) = (*sid, account);
    let sql = "UPDATE sync_services SET unique_name = ?2, record = ?3 WHERE sid = ?1";
    run_unique(db, sql, params![sid.to_string(), record.unique_name, json(&record)?], SERVICE_UNIQUE)?;
    Ok(record)
}

pub(crate) fn service_remove(db: &dyn Db, sid: &ServiceSid) -> Answer<bool> {
    let sid = sid.to_string();
    run(db, "DELETE FROM sync_items WHERE map IN (SELECT sid FROM sync_maps WHERE service = ?1)", [&sid])?;
    run(db, "DELETE FROM sync_maps WHERE service = ?1", [&sid])?;
    Ok(run(db, "DELETE FROM sync_services WHERE sid = ?1", [&sid])? > 0)
}

// Maps.

pub(crate) fn map_add(db: &dyn Db, new: &NewSyncMap, now: &Timestamp) -> Answer<SyncMap> {
    if let Some(name) = &new.unique_name {
        let sql = "SELECT sid FROM sync_maps WHERE service = ?1 AND unique_name = ?2 AND expires <= ?3";
        let over = maybe(db, sql, params![new.service.to_string(), name, now.0], |row| parsed(row, 0))?;
        if let Some(over) = over {
            map_remove(db, &over)?;
        }
    }
    let sql = "INSERT INTO sync_maps (sid, service, unique_name, revision, items, expires, created_by, created, updated)
               VALUES (?1, ?2, ?3, 0, 0, ?4, ?5, ?6, ?6)";
    let params = params![
        new.sid.to_string(),
        new.service.to_string(),
        new.unique_name,
        new.expires.map(|at| at.0),
        new.created_by,
        now.0
    ];
    run_unique(db, sql, params, MAP_UNIQUE)?;
    by_sid(db, &new.sid)?.ok_or(StoreError::Missing { what: "map" })
}

fn by_sid(db: &dyn Db, sid: &SyncMapSid) -> Answer<Option<SyncMap>> {
    maybe(db, &format!("SELECT {MAP} FROM sync_maps WHERE sid = ?1"), [sid.to_string()], map_row)
}

pub(crate) fn map(
    db: &dyn Db,
    service: &ServiceSid,
    name: &String,
    now: &Timestamp,
) -> Answer<Option<SyncMap>> {
    let sql = format!(
        "SELECT {MAP} FROM sync_maps WHERE service = ?1 AND (sid = ?2 OR unique_name = ?2)
         AND (expires IS NULL OR expires > ?3)"
    );
    maybe(db, &sql, params![service.to_string(), name, now.0], map_row)
}

pub(crate) fn maps(db: &dyn Db, service: &ServiceSid, page: &Page, now: &Timestamp) -> Answer<Rows<SyncMap>> {
    List::of("sync_maps", MAP, true)
        .sid("service", service)
        .when("(expires IS NULL OR expires > ?)", now.0)
        .page(db, page, map_row)
}

pub(crate) fn map_expire(
    db: &dyn Db,
    map: &SyncMapSid,
    expires: &Option<Timestamp>,
    now: &Timestamp,
) -> Answer<SyncMap> {
    touch(db, map, 0, Some(*expires), *now)?;
    by_sid(db, map)?.ok_or(StoreError::Missing { what: "map" })
}

/// A write to a map that is there: the next revision, `items` more (or fewer), and its expiry if that changes.
fn touch(
    db: &dyn Db,
    map: &SyncMapSid,
    items: i64,
    expires: Option<Option<Timestamp>>,
    now: Timestamp,
) -> Answer<()> {
    let sql = "UPDATE sync_maps SET revision = revision + 1, items = items + ?2, updated = ?3,
               expires = CASE WHEN ?4 THEN ?5 ELSE expires END
               WHERE sid = ?1 AND (expires IS NULL OR expires > ?3)";
    let at = expires.flatten().map(|at| at.0);
    match run(db, sql, params![map.to_string(), items, now.0, expires.is_some(), at])? {
        0 => Err(StoreError::Missing { what: "map" }),
        _ => Ok(()),
    }
}

pub(crate) fn map_remove(db: &dyn Db, map: &SyncMapSid) -> Answer<Option<SyncMap>> {
    let was = by_sid(db, map)?;
    run(db, "DELETE FROM sync_items WHERE map = ?1", [map.to_string()])?;
    run(db, "DELETE FROM sync_maps WHERE sid = ?1", [map.to_string()])?;
    Ok(was)
}

// Items.

pub(crate) fn item_add(db: &dyn Db, new: &NewSyncItem, now: &Timestamp) -> Answer<SyncItem> {
    check_size(&new.data)?;
    let map = new.map.to_string();
    let over = run(
        db,
        "DELETE FROM sync_items WHERE map = ?1 AND key = ?2 AND expires <= ?3",
        params![map, new.key, now.0],
    )?;
    touch(db, &new.map, 1 - over as i64, new.map_expires, *now)?;
    let items: u64 =
        maybe(db, "SELECT items FROM sync_maps WHERE sid = ?1", [&map], |row| row.get(0))?.unwrap_or(0);
    if items > SYNC_ITEMS_MAX {
        return Err(StoreError::TooLarge { what: "map" });
    }
    let sql = "INSERT INTO sync_items (map, key, revision, data, expires, created_by, created, updated)
               VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6, ?6)";
    let params = params![map, new.key, new.data, new.expires.map(|at| at.0), new.created_by, now.0];
    run_unique(db, sql, params, ITEM_UNIQUE)?;
    item(db, &new.map, &new.key, now)?.ok_or(StoreError::Missing { what: "item" })
}

fn check_size(data: &str) -> Answer<()> {
    if data.len() > SYNC_DATA_BYTES_MAX { Err(StoreError::TooLarge { what: "data" }) } else { Ok(()) }
}

pub(crate) fn item(db: &dyn Db, map: &SyncMapSid, key: &String, now: &Timestamp) -> Answer<Option<SyncItem>> {
    let sql = format!(
        "SELECT {ITEM} FROM sync_items WHERE map = ?1 AND key = ?2 AND (expires IS NULL OR expires > ?3)"
    );
    maybe(db, &sql, params![map.to_string(), key, now.0], item_row)
}

pub(crate) fn items(
    db: &dyn Db,
    map: &SyncMapSid,
    query: &SyncItemsQuery,
    now: &Timestamp,
) -> Answer<Rows<SyncItem>> {
    let mut conditions = vec!["map = ?", "(expires IS NULL OR expires > ?)"];
    let mut values = vec![map.to_string().to_value(), now.0.to_value()];
    if let Some(from) = &query.from {
        conditions.push(match (query.descending, query.exclusive) {
            (false, false) => "key >= ?",
            (false, true) => "key > ?",
            (true, false) => "key <= ?",
            (true, true) => "key < ?",
        });
        values.push(from.to_value());
    }
    let limit = Page::first(query.limit).rows_max();
    let sql = format!(
        "SELECT {ITEM} FROM sync_items WHERE {} ORDER BY key {} LIMIT {}",
        conditions.join(" AND "),
        if query.descending { "DESC" } else { "ASC" },
        limit + 1
    );
    let mut rows = all(db, &sql, values, item_row)?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    Ok(Rows { rows, more })
}

/// The item if it is there and has the revision that was named.
fn matching(
    db: &dyn Db,
    map: &SyncMapSid,
    key: &String,
    if_match: Option<u64>,
    now: &Timestamp,
) -> Answer<SyncItem> {
    let item = item(db, map, key, now)?.ok_or(StoreError::Missing { what: "item" })?;
    match if_match {
        Some(revision) if revision != item.revision => Err(StoreError::Revision { current: item.revision }),
        _ => Ok(item),
    }
}

pub(crate) fn item_update(
    db: &dyn Db,
    map: &SyncMapSid,
    key: &String,
    change: &SyncItemChange,
    now: &Timestamp,
) -> Answer<SyncItem> {
    let mut item = matching(db, map, key, change.if_match, now)?;
    if let Some(data) = &change.data {
        check_size(data)?;
        item.data.clone_from(data);
    }
    if let Some(expires) = change.expires {
        item.expires = expires;
    }
    item.revision += 1;
    item.updated = *now;
    touch(db, map, 0, change.map_expires, *now)?;
    let sql = "UPDATE sync_items SET revision = ?3, data = ?4, expires = ?5, updated = ?6
               WHERE map = ?1 AND key = ?2";
    let expires = item.expires.map(|at| at.0);
    run(db, sql, params![map.to_string(), key, item.revision, item.data, expires, now.0])?;
    Ok(item)
}

pub(crate) fn item_remove(
    db: &dyn Db,
    map: &SyncMapSid,
    key: &String,
    if_match: &Option<u64>,
    now: &Timestamp,
) -> Answer<SyncItem> {
    let item = matching(db, map, key, *if_match, now)?;
    touch(db, map, -1, None, *now)?;
    run(db, "DELETE FROM sync_items WHERE map = ?1 AND key = ?2", [&map.to_string(), key])?;
    Ok(item)
}

// Tasks.

/// How long the map of a task's conference is kept after its last change.
const TASK_MAP_KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// Who writes it.
const WRITER: &str = "system";

/// Notes somebody in the conference of a task: in the map `{TaskSid}.CS` of the service `{WorkspaceSid}.insights`, under the
/// SID of their call. Service and map have the digits of workspace and task.
pub(crate) fn participant(db: &dyn Db, account: &AccountSid, of: &TaskParticipant) -> Answer<()> {
    let now = of.at;
    let name = format!("{}.insights", of.workspace);
    let service = match service(db, account, &name)? {
        Some(service) => service.sid,
        None => {
            let sid = ServiceSid(of.workspace.0);
            service_add(db, &insights(sid, *account, name, now))?;
            sid
        }
    };
    let name = format!("{}.CS", of.task);
    let expires = Some(now + TASK_MAP_KEPT);
    let map = match map(db, &service, &name, &now)? {
        Some(map) => map.sid,
        None => {
            let (sid, created_by) = (SyncMapSid(of.task.0), WRITER.to_owned());
            map_add(db, &NewSyncMap { sid, service, unique_name: Some(name), expires, created_by }, &now)?;
            sid
        }
    };
    let data = json(&serde_json::json!({
        "call_sid": of.call,
        "conference_sid": of.conference,
        "participant_type": of.participant_type,
        "worker_sid": of.worker,
        "reservation_sid": of.reservation,
        "status": if of.joined { "joined" } else { "left" },
        "hold": of.hold,
        "muted": of.muted,
    }))?;
    let key = of.call.to_string();
    if item(db, &map, &key, &now)?.is_some() {
        let change =
            SyncItemChange { data: Some(data), map_expires: Some(expires), ..SyncItemChange::default() };
        item_update(db, &map, &key, &change, &now)?;
    } else {
        let (map_expires, created_by) = (Some(expires), WRITER.to_owned());
        item_add(db, &NewSyncItem { map, key, data, expires: None, map_expires, created_by }, &now)?;
    }
    Ok(())
}

fn insights(sid: ServiceSid, account: AccountSid, name: String, now: Timestamp) -> SyncService {
    SyncService {
        sid,
        account,
        friendly_name: name.clone(),
        unique_name: Some(name),
        webhook_url: String::new(),
        webhooks_from_rest_enabled: false,
        reachability_webhooks_enabled: false,
        acl_enabled: false,
        reachability_debouncing_enabled: false,
        reachability_debouncing_window_ms: 5_000,
        created: now,
        updated: now,
    }
}

// Expiry.

pub(crate) fn sweep(db: &dyn Db, now: &Timestamp, limit: &u32) -> Answer<Vec<SyncRemoved>> {
    let sql = format!("SELECT {MAP} FROM sync_maps WHERE expires <= ?1 ORDER BY expires LIMIT ?2");
    let maps = all(db, &sql, params![now.0, limit], map_row)?;
    for map in &maps {
        map_remove(db, &map.sid)?;
    }
    let left = limit.saturating_sub(maps.len() as u32);
    let mut removed: Vec<SyncRemoved> = maps.into_iter().map(SyncRemoved::Map).collect();
    let sql = format!("SELECT {ITEM} FROM sync_items WHERE expires <= ?1 ORDER BY expires LIMIT ?2");
    for item in all(db, &sql, params![now.0, left], item_row)? {
        let map = item.map.to_string();
        run(db, "DELETE FROM sync_items WHERE map = ?1 AND key = ?2", [&map, &item.key])?;
        touch(db, &item.map, -1, None, *now)?;
        let sql = "SELECT service FROM sync_maps WHERE sid = ?1";
        if let Some(service) = maybe(db, sql, [&map], |row| parsed(row, 0))? {
            removed.push(SyncRemoved::Item { service, item });
        }
    }
    Ok(removed)
}

pub(crate) fn next_expiry(db: &dyn Db) -> Answer<Option<Timestamp>> {
    let sql = "SELECT min(at) FROM (SELECT min(expires) AS at FROM sync_maps WHERE expires IS NOT NULL
               UNION ALL SELECT min(expires) FROM sync_items WHERE expires IS NOT NULL) AS times";
    Ok(maybe(db, sql, params![], |row| maybe_at(row, 0))?.flatten())
}
