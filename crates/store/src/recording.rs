use crate::{JournalFilter, Seq, Store, StoreError};
use base::{Timestamp, WorkflowSid, WorkspaceSid};
use engine::routing::replay::{Bounds, Recording, ReplayError};

/// Events read at once.
const EVENTS_PER_READ: u32 = 1_000;

/// Why a recorded time could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The store failed.
    #[error("could not read the journal")]
    Store(#[from] StoreError),
    /// There is no such recording.
    #[error(transparent)]
    Replay(#[from] ReplayError),
}

impl Store {
    /// The workspace as it was at `since` (or when `workflow` was made), and what happened from then until now, for a replay. Reads the journal from
    /// its first event; other readers and the writer go on meanwhile.
    pub async fn recording(
        &self,
        workspace: WorkspaceSid,
        workflow: WorkflowSid,
        since: Timestamp,
        bounds: Bounds,
    ) -> Result<Recording, RecordingError> {
        let end = self.journal_seq(workspace).await?;
        let mut recording = Recording::new(workflow, since, bounds);
        let mut read = 0;
        while read < end.0 {
            let before = Seq(read + u64::from(EVENTS_PER_READ) + 1);
            let filter = JournalFilter::default();
            let rows = self.journal(workspace, filter, Some(before), EVENTS_PER_READ).await?;
            for row in rows.into_iter().rev() {
                // A journal whose older part was removed begins later.
                if row.seq.0 != read + 1 {
                    return Err(ReplayError::NoBeginning.into());
                }
                read = row.seq.0;
                recording.push(row.recorded)?;
            }
            if read + 1 < before.0 && read < end.0 {
                return Err(ReplayError::NoBeginning.into());
            }
        }
        Ok(recording)
    }
}
