//! How SQLite is spoken to.
//!
//! WAL with `synchronous=FULL`: a commit is on the disk when it is answered.

mod migrations;

use crate::StoreError;
use crate::db::{Answer, Db, Refusal, Row, Value};
use crate::threads::Purpose;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, params_from_iter};
use std::path::Path;
use std::time::Duration;

/// How long a statement waits for another process that has the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Prepared statements kept per connection.
const STATEMENTS_CACHED: usize = 128;

/// Pages that the writer keeps in memory, in KiB: what a group of writes changes must fit, or pages of it are written several
/// times before it is committed.
const WRITER_CACHE_KIB: i64 = 32 * 1_024;
/// Pages of the write-ahead log after which they are moved into the file: the more, the more often the same page is moved once
/// instead of many times.
const CHECKPOINT_PAGES: i64 = 8_192;

/// A connection to a file.
pub(crate) struct Sqlite(Connection);

/// Connects to the file, which is made if it is not there, and brings its schema up to date if it is to be written.
pub(crate) fn connect(file: &Path, purpose: Purpose) -> Answer<Box<dyn Db>> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if purpose == Purpose::Migrate {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    let mut connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What a savepoint keeps of the pages as they were goes nowhere but back: not into a file.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    if purpose != Purpose::Read {
        connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    }
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    let found: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > migrations::known() {
        return Err(StoreError::Newer { found, known: migrations::known() });
    }
    match purpose {
        Purpose::Migrate => migrations::run(&mut connection)?,
        Purpose::Write => {}
        Purpose::Read => connection.pragma_update(None, "query_only", true)?,
    }
    Ok(Box::new(Sqlite(connection)))
}

impl Db for Sqlite {
    fn query(&self, sql: &str, params: &[Value], each: &mut dyn FnMut(&Row) -> Answer<()>) -> Answer<()> {
        let mut statement = self.0.prepare_cached(sql)?;
        let columns = statement.column_count();
        let mut rows = statement.query(params_from_iter(params))?;
        while let Some(row) = rows.next()? {
            let mut values = Vec::with_capacity(columns);
            for column in 0..columns {
                values.push(match row.get_ref(column)? {
                    ValueRef::Null => Value::Null,
                    ValueRef::Integer(n) => Value::Int(n),
                    ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
                    other => return Err(StoreError::Corrupt(format!("column {column} is {other:?}"))),
                });
            }
            each(&Row(values))?;
        }
        Ok(())
    }

    fn scan(&self, sql: &str, each: &mut dyn FnMut(&Row) -> Answer<()>) -> Answer<()> {
        self.query(sql, &[], each)
    }

    fn execute(&self, sql: &str, params: &[Value]) -> Result<usize, Refusal> {
        let mut statement = self.0.prepare_cached(sql).map_err(|e| Refusal::Other(e.into()))?;
        statement.execute(params_from_iter(params)).map_err(|error| match error {
            rusqlite::Error::SqliteFailure(code, Some(text))
                if code.code == ErrorCode::ConstraintViolation =>
            {
                Refusal::Unique(text)
            }
            other => Refusal::Other(other.into()),
        })
    }

    fn batch(&self, sql: &str) -> Answer<()> {
        Ok(self.0.prepare_cached(sql)?.execute([]).map(|_| ())?)
    }

    fn revive(&self) -> Answer<()> {
        Ok(())
    }

    fn begin(&self) -> Answer<()> {
        self.batch("BEGIN IMMEDIATE")
    }

    fn begin_frozen(&self) -> Answer<()> {
        self.batch("BEGIN")
    }

    fn commit(&self) -> Answer<()> {
        self.batch("COMMIT")
    }

    fn next_job(&self) -> Answer<()> {
        self.batch("RELEASE job")?;
        self.batch("SAVEPOINT job")
    }

    fn rollback(&self) -> Answer<()> {
        if self.0.is_autocommit() { Ok(()) } else { self.batch("ROLLBACK") }
    }

    fn tables(&self) -> Answer<Vec<(String, Vec<String>)>> {
        let sql = "SELECT t.name, c.name FROM sqlite_master t, pragma_table_info(t.name) c
                   WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' ORDER BY t.name, c.cid";
        crate::db::columns_of(self, sql)
    }

    fn counters_catch_up(&self) -> Answer<()> {
        Ok(())
    }

    fn known(&self) -> u32 {
        migrations::known()
    }

    fn version(&self) -> Answer<u32> {
        Ok(self.0.query_row("PRAGMA user_version", [], |row| row.get(0))?)
    }
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(n) => ValueRef::Integer(*n),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}
