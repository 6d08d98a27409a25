//! What is told of recordings. Their media is elsewhere.

use super::rows::*;
use crate::db::{Db, params};
use crate::model::RecordingFilter;
use crate::{Page, Rows};
use base::*;
use engine::call::port::{RecordingRecord, RecordingStatus};

pub(crate) fn save(db: &dyn Db, account: &AccountSid, record: &RecordingRecord) -> Answer<()> {
    run(
        db,
        "INSERT INTO recordings (sid, account, call, conference, status, deleted, created, record)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (sid) DO UPDATE SET call = excluded.call, conference = excluded.conference,
         status = excluded.status, deleted = excluded.deleted, created = excluded.created, record = excluded.record",
        params![
            record.sid.to_string(),
            account.to_string(),
            record.call.map(|sid| sid.to_string()),
            record.conference.map(|sid| sid.to_string()),
            word(&record.status)?,
            record.deleted.map(|at| at.0),
            record.created.0,
            json(record)?
        ],
    )
    .map(|_| ())
}

pub(crate) fn one(db: &dyn Db, account: &AccountSid, sid: &RecordingSid) -> Answer<Option<RecordingRecord>> {
    let sql = "SELECT record FROM recordings WHERE sid = ?1 AND account = ?2";
    maybe(db, sql, [sid.to_string(), account.to_string()], first)
}

pub(crate) fn list(
    db: &dyn Db,
    account: &AccountSid,
    filter: &RecordingFilter,
    page: &Page,
) -> Answer<Rows<RecordingRecord>> {
    let live = (!filter.deleted).then_some("deleted");
    List::of("recordings", "record", true)
        .sid("account", account)
        .when_some("call = ?", filter.call.map(|sid| sid.to_string()))
        .when_some("conference = ?", filter.conference.map(|sid| sid.to_string()))
        .when_some("created >= ?", filter.created_from.map(|at| at.0))
        .when_some("created < ?", filter.created_before.map(|at| at.0))
        .when_some("status <> ?", live)
        .page(db, page, first)
}

pub(crate) fn remove(db: &dyn Db, account: &AccountSid, sid: &RecordingSid, now: &Timestamp) -> Answer<bool> {
    let Some(mut record) = one(db, account, sid)?.filter(|r| r.deleted.is_none() && r.status.is_final())
    else {
        return Ok(false);
    };
    record.status = RecordingStatus::Deleted;
    record.deleted = Some(*now);
    record.updated = *now;
    save(db, account, &record)?;
    Ok(true)
}

/// Recordings that were under way when the program ended have no file that can be read.
pub(crate) fn close(db: &dyn Db, account: &AccountSid, now: &Timestamp) -> Answer<()> {
    let sql = "SELECT record FROM recordings
               WHERE account = ?1 AND status IN ('in-progress', 'paused', 'stopped', 'processing')";
    let open: Vec<RecordingRecord> = all(db, sql, [account.to_string()], first)?;
    for mut record in open {
        record.status = RecordingStatus::Absent;
        record.updated = *now;
        save(db, account, &record)?;
    }
    Ok(())
}
