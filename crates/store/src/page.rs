/// Most rows that one question answers.
pub const PAGE_ROWS_MAX: u32 = 1_000;

/// One page of a list: how many rows, and where it begins. Keyset paging: positions are SIDs (or keys), never counts,
/// so a page stays right while rows come and go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// At most so many rows; more than [`PAGE_ROWS_MAX`] counts as that.
    pub limit: u32,
    /// Where the page begins.
    pub start: Start,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// At the beginning of the list.
    First,
    /// With the row that follows this SID.
    After(String),
    /// So that it ends right before this SID.
    Before(String),
}

/// The rows of one page, in the list's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// More rows follow in the direction of travel: after the last one, or before the first for [`Start::Before`].
    pub more: bool,
}

impl Page {
    /// The first `limit` rows.
    pub fn first(limit: u32) -> Self {
        Self { limit, start: Start::First }
    }

    /// The `limit` rows that follow `sid`.
    pub fn after(limit: u32, sid: impl std::fmt::Display) -> Self {
        Self { limit, start: Start::After(sid.to_string()) }
    }

    /// The `limit` rows right before `sid`.
    pub fn before(limit: u32, sid: impl std::fmt::Display) -> Self {
        Self { limit, start: Start::Before(sid.to_string()) }
    }

    /// As many rows as one question may answer.
    pub fn all() -> Self {
        Self::first(PAGE_ROWS_MAX)
    }

    pub(crate) fn rows_max(&self) -> usize {
        self.limit.min(PAGE_ROWS_MAX) as usize
    }
}
