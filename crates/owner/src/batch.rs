//! What an owner has decided and not told yet.

use crate::AskError;
use crate::workspaces::Tell;
use base::EventSid;
use engine::routing::effect::VoiceOrder;
use engine::routing::event::Recorded;
use std::collections::BTreeMap;
use std::sync::Arc;
use store::Telling;
use store::model::Row;

/// Tells one caller, once it is known whether the batch is durable.
pub(crate) type Release = Box<dyn FnOnce(Result<(), AskError>) + Send>;

/// A batch of a workspace owner.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) events: Vec<Arc<Recorded>>,
    /// What the API tells of the events.
    pub(crate) told: BTreeMap<EventSid, Telling>,
    pub(crate) rows: Vec<Row>,
    pub(crate) orders: Vec<VoiceOrder>,
    pub(crate) releases: Vec<Release>,
    /// What watchers saw of it.
    pub(crate) tells: Vec<Tell>,
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.releases.is_empty() && !self.writes() && self.orders.is_empty()
    }

    /// Whether there is something to commit.
    pub(crate) fn writes(&self) -> bool {
        !self.events.is_empty() || !self.rows.is_empty()
    }

    /// Tells everybody that it was not to be.
    pub(crate) fn fail(self, error: &AskError) {
        self.releases.into_iter().for_each(|release| release(Err(error.clone())));
    }
}
