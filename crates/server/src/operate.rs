//! `tandem backup`, `tandem restore`, `tandem migrate`: what an operator does to a store, beside a server or without one.

use crate::config::Place;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use store::{BackupError, Store, StoreError};

/// Backups hold tokens and phone numbers: for their owner only.
const MODE: u32 = 0o600;

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// There is nothing in that place.
    #[error("there is no store in {0}")]
    NoStore(String),
    /// The folder or the file.
    #[error("could not write {path}")]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file.
    #[error("could not read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The store.
    #[error("could not open the store in {place}")]
    Open {
        /// Which, without credentials.
        place: String,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// Rows in the way.
    #[error(
        "the store in {0} is not empty: --replace makes it what the backup is, and what it holds is lost"
    )]
    NotEmpty(String),
    /// Anything else.
    #[error("could not be done")]
    Backup(#[from] BackupError),
    /// Anything else.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

/// Writes everything into `file` (`-`: standard output). The file is there whole or not at all.
pub async fn backup(place: &Place, file: &Path) -> Result<String, Trouble> {
    place.there().map_err(Trouble::NoStore)?;
    let store = open(place, false)?;
    if store.schema_version().await? == 0 {
        return Err(Trouble::NoStore(place.to_string()));
    }
    if file == Path::new("-") {
        let rows = store.backup(BufWriter::new(std::io::stdout())).await?;
        close(store);
        return Ok(format!("{rows} rows were written\n"));
    }
    let wrong = |source| Trouble::Write { path: file.to_owned(), source };
    let mut part = file.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let open_part = || OpenOptions::new().write(true).create(true).truncate(true).mode(MODE).open(&part);
    let out = open_part().map_err(wrong)?;
    let kept = out.try_clone().map_err(wrong)?;
    let written = store.backup(BufWriter::new(out)).await;
    close(store);
    let rows = match written {
        Ok(rows) => rows,
        Err(why) => {
            // What is left of it is of no use; that it could not be written is what matters.
            let _ = std::fs::remove_file(&part);
            return Err(why.into());
        }
    };
    kept.sync_all().and_then(|()| std::fs::rename(&part, file)).map_err(wrong)?;
    Ok(format!("{rows} rows of the store in {place} were written to {}\n", file.display()))
}

/// Fills the store from `file` (`-`: standard input).
pub async fn restore(place: &Place, file: &Path, replace: bool) -> Result<String, Trouble> {
    let from: Box<dyn std::io::Read + Send> = if file == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(File::open(file).map_err(|source| Trouble::Read { path: file.to_owned(), source })?)
    };
    place.make().map_err(|source| Trouble::Write { path: place.folder().to_owned(), source })?;
    let store = open(place, true)?;
    let from = BufReader::new(from);
    let restored = if replace { store.replace(from).await } else { store.restore(from).await };
    close(store);
    match restored {
        Ok(rows) => Ok(format!("{rows} rows were restored into the store in {place}\n")),
        Err(BackupError::NotEmpty { .. }) => Err(Trouble::NotEmpty(place.to_string())),
        Err(other) => Err(other.into()),
    }
}

/// Brings the schema up to date, or says what that would do.
pub async fn migrate(place: &Place, dry_run: bool) -> Result<String, Trouble> {
    if dry_run {
        place.there().map_err(Trouble::NoStore)?;
    }
    let before = match place.there() {
        Ok(()) => {
            let store = open(place, false)?;
            let versions = (store.schema_version().await?, store.schema_known().await?);
            close(store);
            if dry_run {
                let (found, known) = versions;
                let left = known.saturating_sub(found);
                return Ok(format!(
                    "the store in {place} is of schema {found} of {known}: {left} steps to go\n"
                ));
            }
            versions.0
        }
        Err(_) => 0,
    };
    place.make().map_err(|source| Trouble::Write { path: place.folder().to_owned(), source })?;
    let store = open(place, true)?;
    let after = store.schema_version().await?;
    close(store);
    Ok(if before == after {
        format!("the store in {place} is of schema {after} already\n")
    } else {
        format!("the store in {place} went from schema {before} to {after}\n")
    })
}

/// Writes what was done where it does not mix with a backup.
pub fn say(text: &str) {
    // Nobody may be listening.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

fn open(place: &Place, migrate: bool) -> Result<Store, Trouble> {
    let options = store::Options { migrate, ..place.options() };
    Store::open(&options).map_err(|source| Trouble::Open { place: place.to_string(), source })
}

fn close(store: Store) {
    tokio::task::block_in_place(|| store.close());
}
