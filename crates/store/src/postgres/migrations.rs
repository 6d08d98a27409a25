//! Numbered steps from an empty schema to today's, each recorded in the table `migrations`. Beside every one stands its
//! twin for SQLite. Expand, move, contract: the program before and the program after a step both work with it.

use super::failed;
use crate::StoreError;
use crate::db::Answer;
use postgres::Client;

/// In order: number (its place, counted from one) and name are its file's.
const STEPS: &[(&str, &str)] = &[
    ("foundation", include_str!("../../migrations/0001_foundation.postgres.sql")),
    ("event_data", include_str!("../../migrations/0002_event_data.postgres.sql")),
    ("recordings", include_str!("../../migrations/0003_recordings.postgres.sql")),
    ("applications", include_str!("../../migrations/0004_applications.postgres.sql")),
    ("timeline_sid", include_str!("../../migrations/0005_timeline_sid.postgres.sql")),
    ("users", include_str!("../../migrations/0006_users.postgres.sql")),
    ("journal_rows", include_str!("../../migrations/0007_journal_rows.postgres.sql")),
    ("audit", include_str!("../../migrations/0008_audit.postgres.sql")),
];

/// Held while the schema is brought up to date, so that nodes that start together do not race. Any number, always the same.
const LOCK: i64 = 0x7461_6e64_656d;

/// The number of the last step.
pub(crate) fn known() -> u32 {
    u32::try_from(STEPS.len()).unwrap_or(u32::MAX)
}

/// Refuses a schema that a newer program has made.
pub(crate) fn check(client: &mut Client) -> Answer<()> {
    let there = client.query_one("SELECT to_regclass('migrations') IS NOT NULL", &[]).map_err(failed)?;
    if !there.try_get::<_, bool>(0).map_err(failed)? {
        return Ok(());
    }
    let row = client.query_one("SELECT coalesce(max(number), 0) FROM migrations", &[]).map_err(failed)?;
    let found = u32::try_from(row.try_get::<_, i32>(0).map_err(failed)?).unwrap_or(0);
    if found > known() { Err(StoreError::Newer { found, known: known() }) } else { Ok(()) }
}

/// Runs the steps that the schema has not seen yet, in one transaction.
pub(crate) fn run(client: &mut Client, schema: Option<&str>) -> Answer<()> {
    let mut tx = client.transaction().map_err(failed)?;
    tx.batch_execute(&format!("SELECT pg_advisory_xact_lock({LOCK})")).map_err(failed)?;
    if let Some(schema) = schema {
        tx.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\"")).map_err(failed)?;
    }
    tx.batch_execute(
        "CREATE TABLE IF NOT EXISTS migrations (
             number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied TIMESTAMPTZ NOT NULL DEFAULT now())",
    )
    .map_err(failed)?;
    let row = tx.query_one("SELECT coalesce(max(number), 0) FROM migrations", &[]).map_err(failed)?;
    let done = usize::try_from(row.try_get::<_, i32>(0).map_err(failed)?).unwrap_or(0);
    for (index, (name, step)) in STEPS.iter().enumerate().skip(done) {
        let number = i32::try_from(index + 1).map_err(|e| StoreError::Backend(e.to_string()))?;
        tx.batch_execute(step).map_err(failed)?;
        tx.execute("INSERT INTO migrations (number, name) VALUES ($1, $2)", &[&number, name])
            .map_err(failed)?;
    }
    tx.commit().map_err(failed)
}
