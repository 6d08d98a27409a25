//! How PostgreSQL is spoken to.
//!
//! One transaction at a time writes to a schema, whichever node it comes from: it begins with an advisory lock. So a
//! question that reads, decides and writes means the same here as in SQLite, and what a node has to wait for others it
//! makes up for by committing in groups. The fence does not rest on the lock: it is the journal's sequence number.

mod migrations;
mod tls;
mod url;

use crate::StoreError;
use crate::db::{Answer, Db, Refusal, Row, Value};
use crate::threads::Purpose;
use postgres::error::SqlState;
use postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use postgres::{Client, NoTls, Statement};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::error::Error;
use std::time::{Duration, Instant};
use tokio_postgres_rustls::MakeRustlsConnect;
use tracing::{info, warn};
pub(crate) use url::Address;

/// Prepared statements kept per connection.
const STATEMENTS_CACHED: usize = 256;
/// Rows fetched at once when a whole table is read.
const SCAN_ROWS: i32 = 1_000;
/// How every session begins. A node that went away in the middle of writing does not hold up the others for long.
const SESSION: &str = "SET lock_timeout = '20s'; SET idle_in_transaction_session_timeout = '60s';
    SET client_min_messages = 'warning'; SET standard_conforming_strings = on;";

/// Between two tries to connect again: at first, and at most. In between, whoever asks is told at once.
const RECONNECT_PAUSE: Duration = Duration::from_millis(100);
const RECONNECT_PAUSE_MAX: Duration = Duration::from_secs(2);

/// A connection to a schema, made again when it is lost.
pub(crate) struct Postgres {
    address: Address,
    purpose: Purpose,
    begin: String,
    session: RefCell<Session>,
    /// Something failed as it does when a connection is gone.
    broken: Cell<bool>,
    /// Between `begin` and the end.
    inside: Cell<bool>,
    outage: RefCell<Option<Outage>>,
}

/// The database could not be reached when it was last tried.
struct Outage {
    error: StoreError,
    pause: Duration,
    again: Instant,
}

#[expect(clippy::disallowed_methods, reason = "how long not to try again; nothing is decided by it")]
fn now() -> Instant {
    Instant::now()
}

struct Session {
    client: Client,
    statements: HashMap<String, Statement>,
}

/// Connects, and brings the schema up to date if it is to be written.
pub(crate) fn connect(address: &Address, purpose: Purpose) -> Answer<Box<dyn Db>> {
    let mut session = Session::open(address)?;
    migrations::check(&mut session.client)?;
    if purpose == Purpose::Migrate {
        migrations::run(&mut session.client, address.schema.as_deref())?;
    }
    let row = session
        .client
        .query_one("SELECT hashtextextended('tandem:' || coalesce(current_schema(), ''), 0)", &[]);
    let key: i64 = row.and_then(|row| row.try_get(0)).map_err(failed)?;
    let begin = format!("BEGIN; SELECT pg_advisory_xact_lock({key})");
    Ok(Box::new(Postgres {
        address: address.clone(),
        purpose,
        begin,
        session: RefCell::new(session),
        broken: Cell::new(false),
        inside: Cell::new(false),
        outage: RefCell::new(None),
    }))
}

impl Session {
    fn open(address: &Address) -> Answer<Self> {
        let connected = match &address.tls {
            Some(tls) => address.config.connect(MakeRustlsConnect::new(tls.clone())),
            None => address.config.connect(NoTls),
        };
        let mut client = connected.map_err(|error| {
            StoreError::Unreachable(format!("no connection to PostgreSQL at {address}: {}", text_of(&error)))
        })?;
        client.batch_execute(SESSION).map_err(failed)?;
        if let Some(schema) = &address.schema {
            // The name was checked when the address was read.
            client.batch_execute(&format!("SET search_path TO \"{schema}\"")).map_err(failed)?;
        }
        Ok(Self { client, statements: HashMap::new() })
    }

    fn statement(&mut self, sql: &str) -> Result<Statement, postgres::Error> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(&numbered(sql))?;
        if self.statements.len() >= STATEMENTS_CACHED {
            self.statements.clear();
        }
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    fn rows(&mut self, sql: &str, params: &[Value]) -> Answer<Vec<Row>> {
        let statement = self.statement(sql).map_err(failed)?;
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|value| value as _).collect();
        let rows = self.client.query(&statement, &params).map_err(failed)?;
        rows.iter().map(row).collect()
    }
}

impl Postgres {
    /// Notes a connection that is gone.
    fn note<T>(&self, answer: Answer<T>) -> Answer<T> {
        if let Err(StoreError::Unreachable(_)) = &answer {
            self.broken.set(true);
        }
        answer
    }

    /// Does what changes nothing, or begins; once more over a new connection if this one turns out to be gone, as it does
    /// after the server was restarted.
    fn twice<T>(&self, what: impl Fn() -> Answer<T>) -> Answer<T> {
        match what() {
            Err(StoreError::Unreachable(_)) => {
                self.revive()?;
                what()
            }
            other => other,
        }
    }

    fn rows(&self, sql: &str, params: &[Value]) -> Answer<Vec<Row>> {
        let rows = self.session.borrow_mut().rows(sql, params);
        self.note(rows)
    }

    fn enter(&self, sql: &str) -> Answer<()> {
        self.twice(|| self.batch(sql))?;
        self.inside.set(true);
        Ok(())
    }
}

impl Db for Postgres {
    fn query(&self, sql: &str, params: &[Value], each: &mut dyn FnMut(&Row) -> Answer<()>) -> Answer<()> {
        let rows = if self.purpose == Purpose::Read && !self.inside.get() {
            self.twice(|| self.rows(sql, params))?
        } else {
            self.rows(sql, params)?
        };
        rows.iter().try_for_each(each)
    }

    fn scan(&self, sql: &str, each: &mut dyn FnMut(&Row) -> Answer<()>) -> Answer<()> {
        self.batch(&format!("DECLARE scan NO SCROLL CURSOR FOR {sql}"))?;
        loop {
            let rows = self.session.borrow_mut().client.query(&format!("FETCH {SCAN_ROWS} FROM scan"), &[]);
            let rows = self.note(rows.map_err(failed))?;
            if rows.is_empty() {
                return self.batch("CLOSE scan");
            }
            for one in &rows {
                each(&row(one)?)?;
            }
        }
    }

    fn execute(&self, sql: &str, params: &[Value]) -> Result<usize, Refusal> {
        let mut session = self.session.borrow_mut();
        let refusal =
            |error| Refusal::Other(self.note::<()>(Err(failed(error))).err().unwrap_or(StoreError::Closed));
        let statement = session.statement(sql).map_err(refusal)?;
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|value| value as _).collect();
        match session.client.execute(&statement, &params) {
            Ok(rows) => Ok(usize::try_from(rows).unwrap_or(usize::MAX)),
            Err(error) => Err(match error.as_db_error() {
                Some(db) if *db.code() == SqlState::UNIQUE_VIOLATION => {
                    Refusal::Unique(db.constraint().unwrap_or_default().to_owned())
                }
                _ => refusal(error),
            }),
        }
    }

    fn batch(&self, sql: &str) -> Answer<()> {
        let done = self.session.borrow_mut().client.batch_execute(sql).map_err(failed);
        self.note(done)
    }

    fn revive(&self) -> Answer<()> {
        if !self.broken.get() && !self.session.borrow().client.is_closed() {
            return Ok(());
        }
        let mut outage = self.outage.borrow_mut();
        let pause = match outage.as_ref() {
            Some(outage) if now() < outage.again => return Err(outage.error.clone()),
            Some(outage) => (outage.pause * 2).min(RECONNECT_PAUSE_MAX),
            None => RECONNECT_PAUSE,
        };
        match Session::open(&self.address) {
            Ok(session) => {
                *self.session.borrow_mut() = session;
                self.broken.set(false);
                self.inside.set(false);
                *outage = None;
                info!("connected again to PostgreSQL at {}", self.address);
                Ok(())
            }
            Err(error) => {
                // Whatever kept the session from being made, the database is of no use now.
                let error = match error {
                    unreachable @ StoreError::Unreachable(_) => unreachable,
                    other => StoreError::Unreachable(other.to_string()),
                };
                if outage.is_none() {
                    warn!(%error, "lost the connection to PostgreSQL; trying again until it is back: {error}");
                }
                *outage = Some(Outage { error: error.clone(), pause, again: now() + pause });
                Err(error)
            }
        }
    }

    fn begin(&self) -> Answer<()> {
        self.enter(&self.begin)
    }

    fn begin_frozen(&self) -> Answer<()> {
        self.enter("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    }

    fn commit(&self) -> Answer<()> {
        self.inside.set(false);
        self.batch("COMMIT")
    }

    fn rollback(&self) -> Answer<()> {
        self.inside.set(false);
        // Outside a transaction this is a warning.
        self.batch("ROLLBACK")
    }

    fn next_job(&self) -> Answer<()> {
        self.batch("RELEASE job; SAVEPOINT job")
    }

    fn tables(&self) -> Answer<Vec<(String, Vec<String>)>> {
        let sql = "SELECT table_name::text, column_name::text FROM information_schema.columns
                   WHERE table_schema = current_schema() AND table_name <> 'migrations'
                   ORDER BY table_name::text COLLATE \"C\", ordinal_position";
        crate::db::columns_of(self, sql)
    }

    fn counters_catch_up(&self) -> Answer<()> {
        let sql = "SELECT format('SELECT setval(%L, (SELECT coalesce(max(%I), 0) + 1 FROM %I), false)',
                   pg_get_serial_sequence(quote_ident(table_name), column_name), column_name, table_name)
                   FROM information_schema.columns WHERE table_schema = current_schema() AND is_identity = 'YES'";
        let mut counters = Vec::new();
        self.query(sql, &[], &mut |row| {
            counters.push(row.text(0)?.to_owned());
            Ok(())
        })?;
        counters.iter().try_for_each(|sql| self.batch(sql))
    }

    fn known(&self) -> u32 {
        migrations::known()
    }

    fn version(&self) -> Answer<u32> {
        let there = self.rows("SELECT to_regclass('migrations') IS NOT NULL", &[])?;
        if there.first().map_or(Ok(0), |row| row.get::<i64>(0))? == 0 {
            return Ok(0);
        }
        let rows = self.rows("SELECT max(number) FROM migrations", &[])?;
        rows.first().map_or(Ok(0), |row| Ok(row.get::<Option<u32>>(0)?.unwrap_or(0)))
    }
}

/// Our placeholders (`?`, `?2`) as PostgreSQL's (`$1`, `$2`). No text in our SQL holds a question mark.
fn numbered(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len() + 8);
    let mut next = 1;
    let mut chars = sql.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '?' {
            out.push(c);
            continue;
        }
        out.push('$');
        if !chars.peek().is_some_and(char::is_ascii_digit) {
            out.push_str(&next.to_string());
            next += 1;
        }
    }
    out
}

fn row(row: &postgres::Row) -> Answer<Row> {
    let value = |(index, column): (usize, &postgres::Column)| {
        let int = |n: Option<i64>| n.map_or(Value::Null, Value::Int);
        Ok(match *column.type_() {
            Type::INT8 => int(row.try_get(index)?),
            Type::INT4 => int(row.try_get::<_, Option<i32>>(index)?.map(i64::from)),
            Type::BOOL => int(row.try_get::<_, Option<bool>>(index)?.map(i64::from)),
            _ => row.try_get::<_, Option<String>>(index)?.map_or(Value::Null, Value::Text),
        })
    };
    let values: Result<_, postgres::Error> = row.columns().iter().enumerate().map(value).collect();
    values.map(Row).map_err(|error| StoreError::Corrupt(text_of(&error)))
}

impl ToSql for Value {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut postgres::types::private::BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(n) if *ty == Type::BOOL => (*n != 0).to_sql(ty, out),
            Self::Int(n) if *ty == Type::INT4 => i32::try_from(*n)?.to_sql(ty, out),
            Self::Int(n) if *ty == Type::INT8 => n.to_sql(ty, out),
            // PostgreSQL's text holds no NUL. The API refuses it; what comes from elsewhere (a header of a peer's) must not
            // keep a whole batch from being written.
            Self::Text(text) if <&str as ToSql>::accepts(ty) && text.contains('\0') => {
                text.replace('\0', "\u{fffd}").as_str().to_sql(ty, out)
            }
            Self::Text(text) if <&str as ToSql>::accepts(ty) => text.as_str().to_sql(ty, out),
            other => Err(format!("{other:?} is no {ty}").into()),
        }
    }

    fn accepts(ty: &Type) -> bool {
        [Type::BOOL, Type::INT4, Type::INT8].contains(ty) || <&str as ToSql>::accepts(ty)
    }

    to_sql_checked!();
}

fn failed(error: postgres::Error) -> StoreError {
    let text = text_of(&error);
    match error.code() {
        Some(code) if *code == SqlState::LOCK_NOT_AVAILABLE => StoreError::Busy,
        // Class 08: connection; 25P03: idle for too long; 57P01 to 57P03, 57P05: the server ends, or is not up yet.
        Some(code)
            if code.code().starts_with("08")
                || ["25P03", "57P01", "57P02", "57P03", "57P05"].contains(&code.code()) =>
        {
            StoreError::Unreachable(text)
        }
        Some(_) => StoreError::Backend(text),
        None if error.is_closed() || error.source().is_some_and(|cause| cause.is::<std::io::Error>()) => {
            StoreError::Unreachable(text)
        }
        None => StoreError::Backend(text),
    }
}

/// What the server says is in the cause.
fn text_of(error: &postgres::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::numbered;

    #[test]
    fn placeholders_are_numbered_as_postgresql_wants_them() {
        assert_eq!(numbered("a = ? AND b IN (?, ?)"), "a = $1 AND b IN ($2, $3)");
        assert_eq!(numbered("a = ?2 AND b = ?12 OR c = ?1"), "a = $2 AND b = $12 OR c = $1");
    }
}
