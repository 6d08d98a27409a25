//! Records and transactions: the journals of the workspaces, and the documents.
//!
//! A [`Store`] is a cheap handle. Behind it sits SQLite or PostgreSQL, with one writer that **commits in groups** (everything
//! that waits is written in one transaction and made durable by one sync) and a few readers. An answered write survives
//! `kill -9` and loss of power.
//!
//! - The **journal** of a workspace is appended with the expected sequence number, which is the fence: an owner that
//!   was overtaken is refused ([`AppendError::Fenced`]).
//! - A [`Commit`] carries journal events and rows (webhooks to send, call records) in one transaction.
//! - Documents are typed records ([`model`]), one function per question.
//!
//! - A whole store is [backed up](Store::backup) as JSON lines, which either database restores.
//!
//! Plain SQL, in `src/sql/`, that both databases understand; `src/sqlite/` and `src/postgres/` say how each is spoken to.
//! Migrations come in pairs, `migrations/NNNN_name.sqlite.sql` and `.postgres.sql`.

#[allow(missing_docs, reason = "fields are named after the API's; types carry the documentation")]
pub mod model;
pub mod resource;

mod backup;
mod commit;
mod db;
mod error;
mod page;
mod postgres;
mod questions;
mod recording;
mod sql;
mod sqlite;
mod store;
mod threads;

pub use backup::BackupError;
pub use commit::{
    Append, Commit, JournalFilter, JournalRow, Loaded, Seq, Telling, Told, ToldFilter, WorkspaceEntry,
};
pub use error::{AppendError, StoreError};
pub use page::{PAGE_ROWS_MAX, Page, Rows, Start};
pub use recording::RecordingError;
pub use store::{CommitGate, Counts, Options, Store};
