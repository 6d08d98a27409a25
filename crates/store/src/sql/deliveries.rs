//! Outgoing webhooks: rows first, claimed in the order of their lanes.

use super::rows::*;
use crate::db::{Db, Row as SqlRow, ToValue, params};
use crate::model::{Delivery, DeliveryOutcome, DeliveryState, NewDelivery};
use crate::{Page, Rows, Start};
use base::*;
use std::time::Duration;

const COLUMNS: &str =
    "seq, record, state, attempts, next_attempt, claimed_until, last_status, last_error, updated";

fn delivery(row: &SqlRow) -> Answer<Delivery> {
    Ok(Delivery {
        seq: row.get(0)?,
        order: record(row, 1)?,
        state: match row.text(2)? {
            "waiting" => DeliveryState::Waiting,
            "delivered" => DeliveryState::Delivered,
            _ => DeliveryState::Failed,
        },
        attempts: row.get(3)?,
        next_attempt: at(row, 4)?,
        claimed_until: maybe_at(row, 5)?,
        last_status: row.get(6)?,
        last_error: row.get(7)?,
        updated: at(row, 8)?,
    })
}

/// One that is there already (written before the connection broke) stays as it is.
pub(crate) fn add(db: &dyn Db, order: &NewDelivery) -> Answer<()> {
    let sql = "INSERT INTO deliveries (sid, account, lane, head, state, attempts, next_attempt, updated, record)
               VALUES (?1, ?2, ?3, CASE WHEN EXISTS (SELECT 1 FROM deliveries WHERE lane = ?3 AND state = 'waiting') THEN 0 ELSE 1 END,
               'waiting', 0, ?4, ?4, ?5) ON CONFLICT DO NOTHING";
    let params =
        params![order.sid.to_string(), order.account.to_string(), order.lane, order.created.0, json(order)?];
    run(db, sql, params).map(|_| ())
}

pub(crate) fn claim(db: &dyn Db, now: &Timestamp, lease: &Duration, limit: &u32) -> Answer<Vec<Delivery>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM deliveries WHERE state = 'waiting' AND head = 1 AND next_attempt <= ?1
         AND (claimed_until IS NULL OR claimed_until <= ?1) ORDER BY next_attempt, seq LIMIT ?2"
    );
    let mut claimed = all(db, &sql, params![now.0, limit], delivery)?;
    let until = *now + *lease;
    for one in &mut claimed {
        one.attempts += 1;
        one.claimed_until = Some(until);
        run(
            db,
            "UPDATE deliveries SET attempts = ?2, claimed_until = ?3 WHERE seq = ?1",
            params![one.seq, one.attempts, until.0],
        )?;
    }
    Ok(claimed)
}

pub(crate) fn next(db: &dyn Db) -> Answer<Option<Timestamp>> {
    let sql = "SELECT min(CASE WHEN claimed_until > next_attempt THEN claimed_until ELSE next_attempt END) FROM deliveries
               WHERE state = 'waiting' AND head = 1";
    Ok(maybe(db, sql, params![], |row| maybe_at(row, 0))?.flatten())
}

pub(crate) fn done(
    db: &dyn Db,
    sid: &DeliverySid,
    outcome: &DeliveryOutcome,
    now: &Timestamp,
) -> Answer<bool> {
    let (state, status, error, next_attempt) = match outcome {
        DeliveryOutcome::Delivered { status } => ("delivered", Some(*status), None, None),
        DeliveryOutcome::Retry { at, status, error } => ("waiting", *status, Some(error), Some(at.0)),
        DeliveryOutcome::Failed { status, error } => ("failed", *status, Some(error), None),
    };
    let sql = "UPDATE deliveries SET state = ?2, last_status = ?3, last_error = ?4, updated = ?5,
               next_attempt = coalesce(?6, next_attempt), claimed_until = NULL, head = CASE WHEN ?2 = 'waiting' THEN 1 ELSE 0 END
               WHERE sid = ?1 AND state = 'waiting' RETURNING lane";
    let params = params![sid.to_string(), state, status, error, now.0, next_attempt];
    let Some(lane) = maybe(db, sql, params, |row| row.get::<String>(0))? else {
        return Ok(false);
    };
    if state != "waiting" {
        let sql = "UPDATE deliveries SET head = 1 WHERE seq =
                   (SELECT min(seq) FROM deliveries WHERE lane = ?1 AND state = 'waiting')";
        run(db, sql, [lane])?;
    }
    Ok(true)
}

/// A failed delivery is written anew, so that it stands at the end of its lane; the old row goes.
pub(crate) fn again(db: &dyn Db, account: &AccountSid, sid: &DeliverySid, now: &Timestamp) -> Answer<bool> {
    let sql = "DELETE FROM deliveries WHERE sid = ?1 AND account = ?2 AND state = 'failed' RETURNING record";
    let order: Option<NewDelivery> = maybe(db, sql, [sid.to_string(), account.to_string()], first)?;
    let Some(order) = order else { return Ok(false) };
    add(db, &order)?;
    let sql = "UPDATE deliveries SET next_attempt = ?2, updated = ?2 WHERE sid = ?1";
    run(db, sql, params![sid.to_string(), now.0])?;
    Ok(true)
}

pub(crate) fn one(db: &dyn Db, account: &AccountSid, sid: &DeliverySid) -> Answer<Option<Delivery>> {
    let sql = format!("SELECT {COLUMNS} FROM deliveries WHERE sid = ?1 AND account = ?2");
    maybe(db, &sql, [sid.to_string(), account.to_string()], delivery)
}

pub(crate) fn list(
    db: &dyn Db,
    account: &AccountSid,
    state: &Option<DeliveryState>,
    page: &Page,
) -> Answer<Rows<Delivery>> {
    let mut conditions = vec!["account = ?".to_owned()];
    let mut values = vec![account.to_string().to_value()];
    if let Some(state) = state {
        conditions.push("state = ?".to_owned());
        values.push(word(state)?.to_value());
    }
    let backwards = matches!(page.start, Start::Before(_));
    if let Start::After(sid) | Start::Before(sid) = &page.start {
        let sign = if backwards { '>' } else { '<' };
        conditions.push(format!("seq {sign} (SELECT seq FROM deliveries WHERE sid = ?)"));
        values.push(sid.to_value());
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM deliveries WHERE {} ORDER BY seq {} LIMIT {}",
        conditions.join(" AND "),
        if backwards { "ASC" } else { "DESC" },
        page.rows_max() + 1
    );
    let mut rows = all(db, &sql, values, delivery)?;
    let more = rows.len() > page.rows_max();
    rows.truncate(page.rows_max());
    if backwards {
        rows.reverse();
    }
    Ok(Rows { rows, more })
}

pub(crate) fn purge(db: &dyn Db, before: &Timestamp, limit: &u32) -> Answer<u64> {
    let sql = "DELETE FROM deliveries WHERE seq IN
               (SELECT seq FROM deliveries WHERE state <> 'waiting' AND updated < ?1 ORDER BY updated LIMIT ?2)";
    Ok(run(db, sql, params![before.0, limit])? as u64)
}
