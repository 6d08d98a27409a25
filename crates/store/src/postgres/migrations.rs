//! Numbered steps from an empty schema to today's, each recorded in the table `migrations`. Beside every one stands its
//! twin for SQLite. Expand, move, contract: the program before and the program after a step both work with it.

use super::failed;
use crate::StoreError;
use crate::db::Answer;
use postgres::Client;

/// In order: number and name are its file's. A number that is missing is nobody's.
const STEPS: &[(i32, &str, &str)] = &[
    (1, "foundation", include_str!("../../migrations/0001_foundation.postgres.sql")),
    (2, "event_data", include_str!("../../migrations/0002_event_data.postgres.sql")),
    (3, "recordings", include_str!("../../migrations/0003_recordings.postgres.sql")),
    (4, "applications", include_str!("../../migrations/0004_applications.postgres.sql")),
    (5, "timeline_sid", include_str!("../../migrations/0005_timeline_sid.postgres.sql")),
    (6, "users", include_str!("../../migrations/0006_users.postgres.sql")),
    (7, "journal_rows", include_str!("../../migrations/0007_journal_rows.postgres.sql")),
    (8, "audit", include_str!("../../migrations/0008_audit.postgres.sql")),
    (10, "voicemail", include_str!("../../migrations/0010_voicemail.postgres.sql")),
    (11, "resources", include_str!("../../migrations/0011_resources.postgres.sql")),
    (12, "prompts", include_str!("../../migrations/0012_prompts.postgres.sql")),
];

/// Held while the schema is brought up to date, so that nodes that start together do not race. Any number, always the same.
const LOCK: i64 = 0x7461_6e64_656d;

/// The number of the last step.
pub(crate) fn known() -> u32 {
    STEPS.iter().filter_map(|(number, ..)| u32::try_from(*number).ok()).max().unwrap_or_default()
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
    let done = row.try_get::<_, i32>(0).map_err(failed)?;
    for (number, name, step) in STEPS.iter().filter(|(number, ..)| *number > done) {
        tx.batch_execute(step).map_err(failed)?;
        tx.execute("INSERT INTO migrations (number, name) VALUES ($1, $2)", &[number, name])
            .map_err(failed)?;
    }
    tx.commit().map_err(failed)
}
