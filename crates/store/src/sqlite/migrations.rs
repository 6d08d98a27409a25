//! Numbered steps from an empty file to today's schema. Expand, move, contract: the program before and the program
//! after a step both work with it.

use crate::StoreError;
use rusqlite::{Connection, TransactionBehavior};

/// In order, each with its file's number. A number that is missing is nobody's.
const STEPS: &[(u32, &str)] = &[
    (1, include_str!("../../migrations/0001_foundation.sqlite.sql")),
    (2, include_str!("../../migrations/0002_event_data.sqlite.sql")),
    (3, include_str!("../../migrations/0003_recordings.sqlite.sql")),
    (4, include_str!("../../migrations/0004_applications.sqlite.sql")),
    (5, include_str!("../../migrations/0005_timeline_sid.sqlite.sql")),
    (6, include_str!("../../migrations/0006_users.sqlite.sql")),
    (7, include_str!("../../migrations/0007_journal_rows.sqlite.sql")),
    (8, include_str!("../../migrations/0008_audit.sqlite.sql")),
    (10, include_str!("../../migrations/0010_voicemail.sqlite.sql")),
    (11, include_str!("../../migrations/0011_resources.sqlite.sql")),
    (12, include_str!("../../migrations/0012_prompts.sqlite.sql")),
];

/// The number of the last step.
pub(crate) fn known() -> u32 {
    STEPS.iter().map(|(number, _)| *number).max().unwrap_or_default()
}

/// Runs the steps that the file has not seen yet, in one transaction.
pub(crate) fn run(connection: &mut Connection) -> Result<(), StoreError> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done: u32 = tx.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    for (number, step) in STEPS.iter().filter(|(number, _)| *number > done) {
        tx.execute_batch(step)?;
        tx.pragma_update(None, "user_version", number)?;
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
