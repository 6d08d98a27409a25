use base::WorkspaceSid;
use engine::routing::command::RoutingError;
use store::{AppendError, StoreError};

/// Why an owner did not do what it was asked. Nothing has changed, except that after [`AskError::Busy`] from an owner that
/// fell over in between, the answer may have been lost: ask again only what may be done twice.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AskError {
    /// There is no such workspace (404).
    #[error("workspace {0} was not found")]
    Missing(WorkspaceSid),
    /// Too much is waiting, or the owner is being replaced (503; try again).
    #[error("too much is waiting to be done")]
    Busy,
    /// The program is about to stop (503).
    #[error("the program is about to stop")]
    Draining,
    /// The machine said no.
    #[error(transparent)]
    Refused(#[from] RoutingError),
    /// The database cannot be reached (503; try again). As with [`AskError::Busy`], the answer may have been lost.
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    /// It could not be made durable (500).
    #[error("could not be recorded: {0}")]
    Store(String),
}

impl From<StoreError> for AskError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => Self::Busy,
            StoreError::Unreachable(why) => Self::Unreachable(why),
            // This process is about to end.
            StoreError::Overtaken => Self::Draining,
            other => Self::Store(other.to_string()),
        }
    }
}

impl From<AppendError> for AskError {
    fn from(error: AppendError) -> Self {
        match error {
            // Whoever owns it now can be asked in a moment.
            AppendError::Fenced { .. } => Self::Busy,
            AppendError::Store(error) => error.into(),
        }
    }
}
