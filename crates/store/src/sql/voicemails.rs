//! Messages that callers left, and how mailboxes greet. The media of a message is its recording's.

use super::rows::*;
use crate::db::{Db, params};
use crate::model::{VoicemailCounts, VoicemailFilter};
use crate::{Page, Rows, StoreError};
use base::*;
use engine::call::port::{Mailbox, MailboxSettings, VoicemailRecord};

pub(crate) fn save(db: &dyn Db, account: &AccountSid, record: &VoicemailRecord) -> Answer<()> {
    let sql = "INSERT INTO voicemails (sid, account, workspace, mailbox, recording, heard, created, record)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (sid) DO UPDATE SET heard = excluded.heard, record = excluded.record";
    let params = params![
        record.sid.to_string(),
        account.to_string(),
        record.workspace.to_string(),
        record.mailbox.to_string(),
        record.recording.to_string(),
        record.heard.map(|at| at.0),
        record.created.0,
        json(record)?
    ];
    run(db, sql, params).map(|_| ())
}

pub(crate) fn one(db: &dyn Db, account: &AccountSid, sid: &VoicemailSid) -> Answer<Option<VoicemailRecord>> {
    let sql = "SELECT record FROM voicemails WHERE sid = ?1 AND account = ?2";
    maybe(db, sql, [sid.to_string(), account.to_string()], first)
}

pub(crate) fn list(
    db: &dyn Db,
    account: &AccountSid,
    filter: &VoicemailFilter,
    page: &Page,
) -> Answer<Rows<VoicemailRecord>> {
    let list = List::of("voicemails", "record", true)
        .sid("account", account)
        .sid("workspace", &filter.workspace)
        .when_some("mailbox = ?", filter.mailbox.map(|mailbox| mailbox.to_string()));
    // The moment itself is in the record.
    let list = match filter.heard {
        None => list,
        Some(true) => list.when("heard >= ?", 0i64),
        Some(false) => list.when("coalesce(heard, -1) = ?", -1i64),
    };
    list.page(db, page, first)
}

pub(crate) fn update(
    db: &dyn Db,
    sid: &VoicemailSid,
    change: impl FnOnce(&mut VoicemailRecord),
) -> Answer<VoicemailRecord> {
    let sql = "SELECT record FROM voicemails WHERE sid = ?1";
    let mut record: VoicemailRecord =
        maybe(db, sql, [sid.to_string()], first)?.ok_or(StoreError::Missing { what: "voicemail" })?;
    change(&mut record);
    record.sid = *sid;
    let sql = "UPDATE voicemails SET heard = ?2, record = ?3 WHERE sid = ?1";
    run(db, sql, params![sid.to_string(), record.heard.map(|at| at.0), json(&record)?])?;
    Ok(record)
}

/// Whoever heard or removed it meanwhile is not overruled.
pub(crate) fn transcribed(db: &dyn Db, of: &VoicemailRecord) -> Answer<()> {
    let change = |record: &mut VoicemailRecord| {
        record.transcript = of.transcript.clone();
        record.updated = of.updated;
    };
    match update(db, &of.sid, change) {
        Err(StoreError::Missing { .. }) => Ok(()),
        other => other.map(drop),
    }
}

pub(crate) fn remove(db: &dyn Db, account: &AccountSid, sid: &VoicemailSid) -> Answer<bool> {
    let sql = "DELETE FROM voicemails WHERE sid = ?1 AND account = ?2";
    Ok(run(db, sql, [sid.to_string(), account.to_string()])? > 0)
}

pub(crate) fn counts(db: &dyn Db, account: &AccountSid) -> Answer<Vec<(Mailbox, VoicemailCounts)>> {
    let sql = "SELECT mailbox, count(*), count(heard) FROM voicemails WHERE account = ?1 GROUP BY mailbox";
    all(db, sql, [account.to_string()], |row| {
        let (count, heard): (i64, i64) = (row.get(1)?, row.get(2)?);
        let counts = VoicemailCounts { new: (count - heard).max(0) as u64, heard: heard.max(0) as u64 };
        Ok((parsed(row, 0)?, counts))
    })
}

pub(crate) fn mailbox_save(db: &dyn Db, account: &AccountSid, settings: &MailboxSettings) -> Answer<()> {
    let sql = "INSERT INTO mailboxes (mailbox, account, record) VALUES (?1, ?2, ?3)
         ON CONFLICT (mailbox) DO UPDATE SET account = excluded.account, record = excluded.record";
    run(db, sql, params![settings.mailbox.to_string(), account.to_string(), json(settings)?]).map(|_| ())
}

pub(crate) fn mailbox(
    db: &dyn Db,
    account: &AccountSid,
    mailbox: &Mailbox,
) -> Answer<Option<MailboxSettings>> {
    let sql = "SELECT record FROM mailboxes WHERE mailbox = ?1 AND account = ?2";
    maybe(db, sql, [mailbox.to_string(), account.to_string()], first)
}

pub(crate) fn mailboxes(db: &dyn Db, account: &AccountSid) -> Answer<Vec<MailboxSettings>> {
    all(db, "SELECT record FROM mailboxes WHERE account = ?1 ORDER BY mailbox", [account.to_string()], first)
}

pub(crate) fn mailbox_remove(db: &dyn Db, account: &AccountSid, mailbox: &Mailbox) -> Answer<bool> {
    let sql = "DELETE FROM mailboxes WHERE mailbox = ?1 AND account = ?2";
    Ok(run(db, sql, [mailbox.to_string(), account.to_string()])? > 0)
}
