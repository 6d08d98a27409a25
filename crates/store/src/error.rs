use crate::Seq;

/// Why the store could not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is no such record.
    #[error("there is no such {what}")]
    Missing {
        /// `map`, `item`, `account`, …
        what: &'static str,
    },
    /// Something else has this unique name, number, user or key.
    #[error("there is another {what}")]
    Conflict {
        /// `unique_name`, `number`, `user`, `key`, `friendly_name`, `sid`
        what: &'static str,
    },
    /// `If-Match` named another revision.
    #[error("revision {current} is not the one that was named")]
    Revision {
        /// The record's revision now.
        current: u64,
    },
    /// Over a limit of the store.
    #[error("{what} is too large")]
    TooLarge {
        /// `data`, `map`
        what: &'static str,
    },
    /// The database cannot be reached now, or the connection broke: what was being written may have been written or not.
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    /// Another process serves this store since; see [`crate::Store::take_over`].
    #[error("another process has taken over this store")]
    Overtaken,
    /// The schema was made by a newer program.
    #[error("the database is of schema {found}, and this program knows {known}: run a newer one")]
    Newer {
        /// The number of its last migration.
        found: u32,
        /// The number of ours.
        known: u32,
    },
    /// Too many writes or reads are waiting.
    #[error("the store has too much to do")]
    Busy,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// A row that this program cannot read.
    #[error("the store holds a row that cannot be read: {0}")]
    Corrupt(String),
    /// The database said no.
    #[error("the database failed: {0}")]
    Backend(String),
}

/// Why events were not appended to a journal. Nothing of the commit was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Somebody else has appended since: whoever tried no longer owns the workspace.
    #[error("the journal is at {current}, another owner has written to it")]
    Fenced {
        /// Where the journal is now; zero if the workspace has none.
        current: Seq,
    },
    /// The store failed.
    #[error("could not append to the journal")]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::FromSqlConversionFailure(..) | rusqlite::Error::InvalidColumnType(..) => {
                Self::Corrupt(error.to_string())
            }
            other => Self::Backend(other.to_string()),
        }
    }
}
