//! Whole stores as JSON lines, the same from either database.
//!
//! ```text
//! {"tandem-backup":1,"schema":1}                 format, number of the last migration
//! {"table":"settings","columns":["name","value"]}
//! ["instance_secret","…"]                        its rows, until the next table
//! {"end":1}                                      how many rows there were
//! ```

use crate::db::{Answer, Db, Value};
use crate::sql::rows::{all, frozen};
use crate::threads::Failure;
use crate::{Store, StoreError};
use serde_json::{Value as Json, json};
use std::io::{BufRead, Write};

/// The format that is written, and the only one that is read.
const FORMAT: u64 = 1;

/// Why a store was not backed up or restored. A restore leaves nothing behind then.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file could not be read or written.
    #[error("the backup could not be read or written")]
    Io(#[from] std::io::Error),
    /// Restoring is for empty stores only.
    #[error("the store is not empty: there are rows in {table}")]
    NotEmpty {
        /// The first table that has rows.
        table: String,
    },
    /// Not a backup, or one that was cut short.
    #[error("line {line} of the backup: {what}")]
    Format {
        /// Counted from one.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl Failure for BackupError {}

impl Store {
    /// Writes everything the store holds, as it is at one moment, while others go on working. Answers how many rows.
    pub async fn backup(&self, mut out: impl Write + Send + 'static) -> Result<u64, BackupError> {
        let work = move |db: &dyn Db| {
            let mut failed = None;
            let rows = frozen(db, || write_all(db, &mut out, &mut failed));
            Ok(match (rows, failed) {
                (_, Some(error)) => Err(BackupError::Io(error)),
                (rows, None) => rows.map_err(BackupError::from),
            })
        };
        self.threads.read(work).await?
    }

    /// Fills an empty store with what [`Store::backup`] wrote, from this database or the other. Answers how many rows.
    pub async fn restore(&self, from: impl BufRead + Send + 'static) -> Result<u64, BackupError> {
        self.threads.write(move |db| read_all(db, from)).await
    }

    /// The same for a store that is not empty: what it holds is lost, unless the backup cannot be read to its end.
    pub async fn replace(&self, from: impl BufRead + Send + 'static) -> Result<u64, BackupError> {
        let work = move |db: &dyn Db| {
            for (table, _) in db.tables()? {
                db.execute(&format!("DELETE FROM \"{table}\""), &[]).map_err(StoreError::from)?;
            }
            read_all(db, from)
        };
        self.threads.write(work).await
    }

    /// The number of the last migration that this program knows.
    pub async fn schema_known(&self) -> Result<u32, StoreError> {
        self.threads.read(|db| Ok(db.known())).await
    }

    /// The number of the last migration that was run.
    pub async fn schema_version(&self) -> Result<u32, StoreError> {
        self.threads.read(|db| db.version()).await
    }
}

fn write_all(db: &dyn Db, out: &mut dyn Write, failed: &mut Option<std::io::Error>) -> Answer<u64> {
    let mut write = |line: Json| {
        writeln!(out, "{line}").map_err(|error| {
            let text = error.to_string();
            *failed = Some(error);
            StoreError::Backend(text)
        })
    };
    write(json!({ "tandem-backup": FORMAT, "schema": db.version()? }))?;
    let mut rows = 0;
    for (table, columns) in db.tables()? {
        write(json!({ "table": table, "columns": columns }))?;
        db.scan(&format!("SELECT {} FROM \"{table}\"", quoted(&columns)), &mut |row| {
            rows += 1;
            write(row.0.iter().map(to_json).collect())
        })?;
    }
    write(json!({ "end": rows }))?;
    out.flush().map_err(|error| {
        let text = error.to_string();
        *failed = Some(error);
        StoreError::Backend(text)
    })?;
    Ok(rows)
}

fn read_all(db: &dyn Db, from: impl BufRead) -> Result<u64, BackupError> {
    let tables = db.tables()?;
    for (table, _) in &tables {
        if !all(db, &format!("SELECT 1 FROM \"{table}\" LIMIT 1"), Vec::new(), |_| Ok(()))?.is_empty() {
            return Err(BackupError::NotEmpty { table: table.clone() });
        }
    }
    let mut rows = 0;
    let mut insert: Option<(String, usize)> = None;
    let mut line = 0;
    for text in from.lines() {
        line += 1;
        let wrong = |what: String| BackupError::Format { line, what };
        let json: Json = serde_json::from_str(&text?).map_err(|e| wrong(e.to_string()))?;
        if line == 1 {
            check_head(&json, db.version()?).map_err(wrong)?;
        } else if let Some(end) = json.get("end") {
            db.counters_catch_up()?;
            return if end.as_u64() == Some(rows) {
                Ok(rows)
            } else {
                Err(wrong(format!("there were {rows} rows, not {end}")))
            };
        } else if let Json::Array(values) = &json {
            let (sql, columns) = insert.as_ref().ok_or_else(|| wrong("a row of no table".to_owned()))?;
            let values: Option<Vec<Value>> = values.iter().map(from_json).collect();
            let values = values.filter(|values| values.len() == *columns);
            let values = values.ok_or_else(|| wrong("a row that does not fit its table".to_owned()))?;
            db.execute(sql, &values).map_err(StoreError::from)?;
            rows += 1;
        } else {
            insert = Some(insert_into(&json, &tables).map_err(wrong)?);
        }
    }
    Err(BackupError::Format { line, what: "the backup ends before its end".to_owned() })
}

fn check_head(head: &Json, ours: u32) -> Result<(), String> {
    let number = |name| head.get(name).and_then(Json::as_u64);
    match (number("tandem-backup"), number("schema")) {
        (Some(FORMAT), Some(schema)) if schema <= u64::from(ours) => Ok(()),
        (Some(FORMAT), Some(schema)) => Err(format!(
            "it is of schema {schema}, and this program knows {ours}: restore it with a newer one"
        )),
        (Some(other), _) => Err(format!("its format is {other}, and this program knows {FORMAT}")),
        _ => Err("this is not a backup".to_owned()),
    }
}

/// The statement for the rows of a table, and how many columns they have. Only names that the schema has get into it.
fn insert_into(head: &Json, tables: &[(String, Vec<String>)]) -> Result<(String, usize), String> {
    let name = head.get("table").and_then(Json::as_str).ok_or("neither table nor row")?;
    let (table, known) = tables.iter().find(|(table, _)| table == name).ok_or(format!("no table {name}"))?;
    let mut columns = Vec::new();
    for column in head.get("columns").and_then(Json::as_array).ok_or("a table without columns")? {
        let column = column.as_str().unwrap_or_default();
        if !known.iter().any(|known| known == column) {
            return Err(format!("{table} has no column {column}"));
        }
        columns.push(column.to_owned());
    }
    let places = vec!["?"; columns.len()].join(", ");
    Ok((format!("INSERT INTO \"{table}\" ({}) VALUES ({places})", quoted(&columns)), columns.len()))
}

fn quoted(columns: &[String]) -> String {
    columns.iter().map(|column| format!("\"{column}\"")).collect::<Vec<_>>().join(", ")
}

fn to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Int(n) => json!(n),
        Value::Text(text) => json!(text),
    }
}

fn from_json(json: &Json) -> Option<Value> {
    match json {
        Json::Null => Some(Value::Null),
        Json::Number(n) => n.as_i64().map(Value::Int),
        Json::String(text) => Some(Value::Text(text.clone())),
        _ => None,
    }
}
