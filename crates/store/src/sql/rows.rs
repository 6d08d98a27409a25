//! What every question needs: records as JSON, SIDs as text, pages, and the rows of a commit.

use super::{calls, config, deliveries, journal, recordings, resources, sync, voicemails};
use crate::db::{Db, Params, Refusal, Row as SqlRow, ToValue, Value};
use crate::model::Row;
use crate::{AppendError, Commit, Page, Rows, Seq, Start, StoreError};
use base::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Display;
use std::str::FromStr;

pub(crate) use crate::db::Answer;

/// Writes everything in `commit`, or (by an error) nothing.
pub(crate) fn commit(db: &dyn Db, commit: &Commit) -> Result<Seq, AppendError> {
    let seq = commit.append.as_ref().map_or(Ok(Seq(0)), |append| journal::append(db, append))?;
    for row in &commit.rows {
        match row {
            Row::Call { account, record } => calls::save(db, account, record)?,
            Row::Conference { account, record } => calls::conference_save(db, account, record)?,
            Row::Recording { account, record } => recordings::save(db, account, record)?,
            Row::TaskParticipant { account, participant } => sync::participant(db, account, participant)?,
            Row::Voicemail { account, record } => voicemails::save(db, account, record)?,
            Row::VoicemailTranscript(record) => voicemails::transcribed(db, record)?,
            Row::Resource(resource) => resources::put(db, resource)?,
            Row::Queue(queue) => config::queue_on_demand(db, queue)?,
            Row::Timeline { sid, entry } => calls::timeline_add(db, sid, entry)?,
            Row::Notification(notification) => calls::notification_add(db, notification)?,
            Row::Delivery(delivery) => deliveries::add(db, delivery)?,
        }
    }
    Ok(seq)
}

pub(crate) fn json<T: Serialize>(record: &T) -> Answer<String> {
    serde_json::to_string(record).map_err(|e| StoreError::Corrupt(e.to_string()))
}

/// The word that serde gives a unit variant.
pub(crate) fn word<T: Serialize>(value: &T) -> Answer<String> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        other => Err(StoreError::Corrupt(format!("{other:?} is not a word"))),
    }
}

/// A record from the JSON in column `index`.
pub(crate) fn record<T: DeserializeOwned>(row: &SqlRow, index: usize) -> Answer<T> {
    serde_json::from_str(row.text(index)?).map_err(unreadable)
}

/// A record from the JSON in the first column.
pub(crate) fn first<T: DeserializeOwned>(row: &SqlRow) -> Answer<T> {
    record(row, 0)
}

/// A SID (or other parsed text) from column `index`.
pub(crate) fn parsed<T: FromStr>(row: &SqlRow, index: usize) -> Answer<T>
where
    T::Err: std::error::Error,
{
    row.text(index)?.parse().map_err(unreadable)
}

pub(crate) fn at(row: &SqlRow, index: usize) -> Answer<Timestamp> {
    row.get(index).map(Timestamp)
}

pub(crate) fn maybe_at(row: &SqlRow, index: usize) -> Answer<Option<Timestamp>> {
    Ok(row.get::<Option<i64>>(index)?.map(Timestamp))
}

fn unreadable(e: impl std::error::Error) -> StoreError {
    StoreError::Corrupt(e.to_string())
}

/// The one row of `sql`, if there is one.
pub(crate) fn maybe<T>(
    db: &dyn Db,
    sql: &str,
    params: impl Params,
    read: impl FnMut(&SqlRow) -> Answer<T>,
) -> Answer<Option<T>> {
    Ok(all(db, sql, params, read)?.into_iter().next())
}

/// All rows of `sql`.
pub(crate) fn all<T>(
    db: &dyn Db,
    sql: &str,
    params: impl Params,
    mut read: impl FnMut(&SqlRow) -> Answer<T>,
) -> Answer<Vec<T>> {
    let mut rows = Vec::new();
    db.query(sql, &params.values(), &mut |row| {
        rows.push(read(row)?);
        Ok(())
    })?;
    Ok(rows)
}

/// Runs `sql`; answers how many rows it changed.
pub(crate) fn run(db: &dyn Db, sql: &str, params: impl Params) -> Answer<usize> {
    Ok(db.execute(sql, &params.values())?)
}

/// An insert or update in which something must be unique: `unique` pairs a column with its table (`numbers.number`: what
/// SQLite says, and what the constraint is called in PostgreSQL) with the word that the caller hears.
pub(crate) fn run_unique(
    db: &dyn Db,
    sql: &str,
    params: impl Params,
    unique: &[(&str, &'static str)],
) -> Answer<usize> {
    db.execute(sql, &params.values()).map_err(|refusal| match &refusal {
        Refusal::Unique(text) => unique
            .iter()
            .find(|(column, _)| text.split([' ', ',']).any(|word| word == *column))
            .map_or_else(|| refusal.into(), |(_, what)| StoreError::Conflict { what }),
        Refusal::Other(_) => refusal.into(),
    })
}

/// Reads what fits together: everything as it was at one moment.
pub(crate) fn frozen<T>(db: &dyn Db, read: impl FnOnce() -> Answer<T>) -> Answer<T> {
    db.begin_frozen()?;
    let answer = read();
    let ended = db.rollback();
    answer.and_then(|answer| ended.map(|()| answer))
}

/// A list question: conditions are collected, then one page is read.
pub(crate) struct List {
    table: &'static str,
    columns: &'static str,
    newest_first: bool,
    conditions: Vec<String>,
    values: Vec<Value>,
}

impl List {
    /// Rows of `table` in the order of `(created, sid)`.
    pub(crate) fn of(table: &'static str, columns: &'static str, newest_first: bool) -> Self {
        Self { table, columns, newest_first, conditions: Vec::new(), values: Vec::new() }
    }

    /// `condition` holds one `?`, which is `value`.
    pub(crate) fn when(mut self, condition: &str, value: impl ToValue) -> Self {
        self.conditions.push(condition.to_owned());
        self.values.push(value.to_value());
        self
    }

    /// The same if there is a value.
    pub(crate) fn when_some(self, condition: &str, value: Option<impl ToValue>) -> Self {
        match value {
            Some(value) => self.when(condition, value),
            None => self,
        }
    }

    /// `column` begins with one of `prefixes`, or (`with` is false) with none of them.
    pub(crate) fn begins(mut self, column: &str, with: bool, prefixes: &[&str]) -> Self {
        let one = format!("{column} LIKE ?");
        let any = vec![one.as_str(); prefixes.len()].join(" OR ");
        self.conditions.push(format!("{}({any})", if with { "" } else { "NOT " }));
        self.values.extend(prefixes.iter().map(|prefix| format!("{prefix}%").to_value()));
        self
    }

    pub(crate) fn sid(self, column: &str, sid: &impl Display) -> Self {
        self.when(&format!("{column} = ?"), sid.to_string())
    }

    pub(crate) fn page<T>(
        mut self,
        db: &dyn Db,
        page: &Page,
        read: impl FnMut(&SqlRow) -> Answer<T>,
    ) -> Answer<Rows<T>> {
        let backwards = matches!(page.start, Start::Before(_));
        let descending = self.newest_first != backwards;
        if let Start::After(sid) | Start::Before(sid) = &page.start {
            let sign = if descending { '<' } else { '>' };
            let edge =
                format!("(created, sid) {sign} (SELECT created, sid FROM {} WHERE sid = ?)", self.table);
            self = self.when(&edge, sid.clone());
        }
        let direction = if descending { "DESC" } else { "ASC" };
        let conditions =
            if self.conditions.is_empty() { "TRUE".to_owned() } else { self.conditions.join(" AND ") };
        let sql = format!(
            "SELECT {} FROM {} WHERE {conditions} ORDER BY created {direction}, sid {direction} LIMIT {}",
            self.columns,
            self.table,
            page.rows_max() + 1
        );
        let mut rows = all(db, &sql, self.values, read)?;
        let more = rows.len() > page.rows_max();
        rows.truncate(page.rows_max());
        if backwards {
            rows.reverse();
        }
        Ok(Rows { rows, more })
    }
}
