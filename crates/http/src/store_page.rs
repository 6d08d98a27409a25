//! Pages that the store cuts.

use base::AccountSid;
use serde_json::Value;
use std::fmt::Display;
use store::{Page, Rows, Start};
use wire::page::{PageQuery, Token};

/// What to ask the store for.
pub(crate) fn ask(query: &PageQuery) -> Page {
    let start = match &query.token {
        None => Start::First,
        Some(Token::After(key)) => Start::After(key.clone()),
        Some(Token::Before(key)) => Start::Before(key.clone()),
    };
    Page { limit: u32::try_from(query.size).unwrap_or(store::PAGE_ROWS_MAX), start }
}

/// The store's rows as a page, rendered.
pub(crate) fn page<T, K: Display>(
    query: &PageQuery,
    rows: Rows<T>,
    key: impl Fn(&T) -> K,
    render: impl FnMut(T) -> Value,
) -> wire::page::Page<Value> {
    let (before, after) = match &query.token {
        None => (false, rows.more),
        Some(Token::After(_)) => (true, rows.more),
        Some(Token::Before(_)) => (rows.more, true),
    };
    wire::page::Page::of(rows.rows, before, after, key).map(render)
}

/// `/2010-04-01/Accounts/AC…/{rest}`
pub(crate) fn uri(account: AccountSid, rest: impl Display) -> String {
    format!("{}/{account}/{rest}", wire::api2010::ROOT)
}
