//! Numbered steps from an empty file to today's schema. Expand, move, contract: the program before and the program
//! after a step both work with it.

use crate::StoreError;
use rusqlite::{Connection, TransactionBehavior};

/// In order; the number of a step is its place, counted from one, and its file's.
const STEPS: &[&str] = &[
    include_str!("../../migrations/0001_foundation.sqlite.sql"),
    include_str!("../../migrations/0002_event_data.sqlite.sql"),
    include_str!("../../migrations/0003_recordings.sqlite.sql"),
    include_str!("../../migrations/0004_applications.sqlite.sql"),
    include_str!("../../migrations/0005_timeline_sid.sqlite.sql"),
    include_str!("../../migrations/0006_users.sqlite.sql"),
    include_str!("../../migrations/0007_journal_rows.sqlite.sql"),
    include_str!("../../migrations/0008_audit.sqlite.sql"),
];

/// The number of the last step.
pub(crate) fn known() -> u32 {
    u32::try_from(STEPS.len()).unwrap_or(u32::MAX)
}

/// Runs the steps that the file has not seen yet, in one transaction.
pub(crate) fn run(connection: &mut Connection) -> Result<(), StoreError> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done: usize = tx.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    for (index, step) in STEPS.iter().enumerate().skip(done) {
        tx.execute_batch(step)?;
        tx.pragma_update(None, "user_version", index + 1)?;
    }
    Ok(tx.commit()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_twice_changes_nothing_the_second_time() {
        let mut connection = Connection::open_in_memory().unwrap();
        run(&mut connection).unwrap();
        connection.execute("INSERT INTO settings (name, value) VALUES ('a', 'b')", []).unwrap();
        run(&mut connection).unwrap();
        let kept: String = connection
            .query_row("SELECT value FROM settings WHERE name = 'a'", [], |row| row.get(0))
            .unwrap();
        assert_eq!(kept, "b");
    }
}
