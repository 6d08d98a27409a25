//! What calls leave behind: call and conference records, timelines, notifications.

use super::rows::*;
use crate::db::{Db, params};
use crate::model::{CallFilter, ConferenceFilter, Notification, NotificationFilter};
use crate::{Page, Rows, StoreError};
use base::*;
use engine::call::port::{CallRecord, CallStatus, ConferenceRecord, TimelineEntry};

/// Longest timeline that one question answers.
const TIMELINE_ROWS_MAX: u32 = 10_000;

pub(crate) fn save(db: &dyn Db, account: &AccountSid, record: &CallRecord) -> Answer<()> {
    run(
        db,
        "INSERT INTO calls (sid, account, parent, callee, caller, status, created, ended, record)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (sid) DO UPDATE SET parent = excluded.parent, callee = excluded.callee, caller = excluded.caller,
         status = excluded.status, created = excluded.created, ended = excluded.ended, record = excluded.record",
        params![
            record.sid.to_string(),
            account.to_string(),
            record.parent.map(|sid| sid.to_string()),
            record.to,
            record.from,
            word(&record.status)?,
            record.created.0,
            record.ended.map(|at| at.0),
            json(record)?
        ],
    )
    .map(|_| ())
}

pub(crate) fn one(db: &dyn Db, account: &AccountSid, sid: &CallSid) -> Answer<Option<CallRecord>> {
    let sql = "SELECT record FROM calls WHERE sid = ?1 AND account = ?2";
    maybe(db, sql, [sid.to_string(), account.to_string()], first)
}

pub(crate) fn list(
    db: &dyn Db,
    account: &AccountSid,
    filter: &CallFilter,
    page: &Page,
) -> Answer<Rows<CallRecord>> {
    let status = filter.status.as_ref().map(word).transpose()?;
    List::of("calls", "record", true)
        .sid("account", account)
        .when_some("callee = ?", filter.to.clone())
        .when_some("caller = ?", filter.from.clone())
        .when_some("parent = ?", filter.parent.map(|sid| sid.to_string()))
        .when_some("status = ?", status)
        .when_some("created >= ?", filter.started_from.map(|at| at.0))
        .when_some("created < ?", filter.started_before.map(|at| at.0))
        .when_some("ended >= ?", filter.ended_from.map(|at| at.0))
        .when_some("ended < ?", filter.ended_before.map(|at| at.0))
        .page(db, page, first)
}

pub(crate) fn remove(db: &dyn Db, account: &AccountSid, sid: &CallSid) -> Answer<bool> {
    let sql = "DELETE FROM calls WHERE sid = ?1 AND account = ?2 AND ended IS NOT NULL";
    let removed = run(db, sql, [sid.to_string(), account.to_string()])? > 0;
    if removed {
        run(db, "DELETE FROM timeline WHERE call = ?1", [sid.to_string()])?;
    }
    Ok(removed)
}

pub(crate) fn close(db: &dyn Db, account: &AccountSid, now: &Timestamp) -> Answer<Vec<CallSid>> {
    let sql = "SELECT record FROM calls WHERE account = ?1 AND ended IS NULL";
    let live: Vec<CallRecord> = all(db, sql, [account.to_string()], first)?;
    let mut closed = Vec::with_capacity(live.len());
    for mut call in live {
        call.status = match call.status {
            CallStatus::InProgress | CallStatus::Completed => CallStatus::Completed,
            CallStatus::Queued | CallStatus::Ringing => CallStatus::Failed,
            ended => ended,
        };
        call.ended = Some(*now);
        call.updated = *now;
        save(db, account, &call)?;
        closed.push(call.sid);
    }
    let sql = "SELECT record FROM conferences WHERE account = ?1 AND status <> 'completed'";
    let open: Vec<ConferenceRecord> = all(db, sql, [account.to_string()], first)?;
    for mut conference in open {
        conference.status = "completed".to_owned();
        conference.updated = *now;
        conference_save(db, account, &conference)?;
    }
    super::recordings::close(db, account, now)?;
    Ok(closed)
}

pub(crate) fn conference_save(db: &dyn Db, account: &AccountSid, record: &ConferenceRecord) -> Answer<()> {
    run(
        db,
        "INSERT INTO conferences (sid, account, friendly_name, status, created, updated, record)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (sid) DO UPDATE SET friendly_name = excluded.friendly_name, status = excluded.status,
         created = excluded.created, updated = excluded.updated, record = excluded.record",
        params![
            record.sid.to_string(),
            account.to_string(),
            record.friendly_name,
            record.status,
            record.created.0,
            record.updated.0,
            json(record)?
        ],
    )
    .map(|_| ())
}

pub(crate) fn conference(
    db: &dyn Db,
    account: &AccountSid,
    sid: &ConferenceSid,
) -> Answer<Option<ConferenceRecord>> {
    let sql = "SELECT record FROM conferences WHERE sid = ?1 AND account = ?2";
    maybe(db, sql, [sid.to_string(), account.to_string()], first)
}

pub(crate) fn conferences(
    db: &dyn Db,
    account: &AccountSid,
    filter: &ConferenceFilter,
    page: &Page,
) -> Answer<Rows<ConferenceRecord>> {
    List::of("conferences", "record", true)
        .sid("account", account)
        .when_some("friendly_name = ?", filter.friendly_name.clone())
        .when_some("status = ?", filter.status.clone())
        .when_some("created >= ?", filter.created_from.map(|at| at.0))
        .when_some("created < ?", filter.created_before.map(|at| at.0))
        .when_some("updated >= ?", filter.updated_from.map(|at| at.0))
        .when_some("updated < ?", filter.updated_before.map(|at| at.0))
        .page(db, page, first)
}

pub(crate) fn timeline_add(db: &dyn Db, sid: &EventSid, entry: &TimelineEntry) -> Answer<()> {
    let sql = "INSERT INTO timeline (sid, call, at, kind, line, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
               ON CONFLICT DO NOTHING";
    let data = entry.data.to_string();
    let params = params![sid.to_string(), entry.call.to_string(), entry.at.0, entry.kind, entry.text, data];
    run(db, sql, params).map(|_| ())
}

pub(crate) fn timeline(db: &dyn Db, call: &CallSid) -> Answer<Vec<TimelineEntry>> {
    let sql = "SELECT at, kind, line, data FROM timeline WHERE call = ?1 ORDER BY seq LIMIT ?2";
    all(db, sql, params![call.to_string(), TIMELINE_ROWS_MAX], |row| {
        Ok(TimelineEntry {
            call: *call,
            at: at(row, 0)?,
            kind: row.get(1)?,
            text: row.get(2)?,
            data: record(row, 3)?,
        })
    })
}

pub(crate) fn notification_add(db: &dyn Db, notification: &Notification) -> Answer<()> {
    let sql = "INSERT INTO notifications (sid, account, call, error, created, record)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING";
    let params = params![
        notification.sid.to_string(),
        notification.account.to_string(),
        notification.call.map(|sid| sid.to_string()),
        notification.error,
        notification.created.0,
        json(notification)?
    ];
    run(db, sql, params).map(|_| ())
}

pub(crate) fn notification(
    db: &dyn Db,
    account: &AccountSid,
    sid: &NotificationSid,
) -> Answer<Option<Notification>> {
    let sql = "SELECT record FROM notifications WHERE sid = ?1 AND account = ?2";
    maybe(db, sql, [sid.to_string(), account.to_string()], first)
}

pub(crate) fn notifications(
    db: &dyn Db,
    account: &AccountSid,
    filter: &NotificationFilter,
    page: &Page,
) -> Result<Rows<Notification>, StoreError> {
    List::of("notifications", "record", true)
        .sid("account", account)
        .when_some("call = ?", filter.call.map(|sid| sid.to_string()))
        .when_some("error = ?", filter.error)
        .when_some("created >= ?", filter.created_from.map(|at| at.0))
        .when_some("created < ?", filter.created_before.map(|at| at.0))
        .page(db, page, first)
}
