//! TaskRouter v1.

pub(crate) mod events;
pub(crate) mod queues;
pub(crate) mod statistics;
pub(crate) mod tasks;
pub(crate) mod workers;
pub(crate) mod workspaces;

use crate::answer::{Answer, ok};
use crate::ask::{App, Asked};
use base::{Timestamp, WorkspaceSid};
use engine::routing::Workspace;
use engine::routing::command::Answer as Decided;
use engine::routing::model::WorkspaceSettings;
use serde_json::Value;
use std::cmp::Ordering;
use std::fmt::Display;
use std::str::FromStr;
use wire::page::{Listing, Page, PageQuery, SIZE_MAX};
use wire::{Address, ApiError};

pub(crate) fn router() -> axum::Router<App> {
    workspaces::router()
        .merge(workers::router())
        .merge(queues::router())
        .merge(tasks::router())
        .merge(events::router())
        .merge(statistics::router())
}

/// The owner answered a command with something that belongs to another.
fn unexpected(answer: &Decided) -> ApiError {
    ApiError::internal(format_args!("a command was answered with {answer:?}"))
}

/// What a list shows, and how its URLs are made.
struct List {
    listing: Listing<'static>,
    at: Address,
}

impl List {
    /// Reads the page that is asked for. `path` is under the workspace; `filters` are echoed.
    fn new(
        asked: &Asked,
        ws: WorkspaceSid,
        path: impl Display,
        key: &'static str,
        filters: &[&str],
    ) -> Result<Self, ApiError> {
        let at = asked.at.clone();
        Ok(Self {
            listing: Listing {
                path: at.url(format_args!("/Workspaces/{ws}/{path}")),
                key,
                filters: asked.params.filters(filters),
                query: PageQuery::parse(&asked.params, SIZE_MAX)?,
            },
            at,
        })
    }

    /// Cuts the page and renders it.
    fn show<T, K: Display + FromStr + PartialEq>(
        &self,
        items: Vec<T>,
        order: impl Fn(&T, &T) -> Ordering,
        key: impl Fn(&T) -> K,
        mut render: impl FnMut(&Address, T) -> Value,
    ) -> Value {
        let is = |item: &T, text: &str| text.parse().is_ok_and(|named: K| named == key(item));
        let page = Page::cut(items, &self.listing.query, order, &key, is);
        self.listing.v1(page.map(|item| render(&self.at, item)))
    }
}

impl App {
    /// A list of what `select` finds in a workspace.
    async fn list(
        &self,
        asked: &Asked,
        ws: WorkspaceSid,
        read: impl FnOnce(&Workspace, Timestamp) -> Result<Value, ApiError> + Send + 'static,
    ) -> Result<Answer, ApiError> {
        self.read(asked, ws, read).await.map(ok)
    }
}

/// Oldest first.
fn by_age<K: Ord>(created: Timestamp, sid: K) -> (Timestamp, K) {
    (created, sid)
}

fn activity_name(w: &Workspace, sid: Option<base::ActivitySid>) -> Option<&str> {
    Some(w.activity(sid?)?.friendly_name.as_str())
}

fn settings(w: &Workspace) -> &WorkspaceSettings {
    w.settings()
}
