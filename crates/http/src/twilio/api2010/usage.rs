//! Usage records: what calls and recordings there were.

use super::accounts::family;
use super::own;
use crate::answer::{Outcome, ok};
use crate::ask::{App, Asked, At};
use crate::store_page;
use axum::extract::State;
use base::{AccountSid, Timestamp};
use store::model::{CallFilter, RecordingFilter};
use store::{PAGE_ROWS_MAX, Page};
use wire::page::{Listing, Page as Shown, PageQuery, SIZE_MAX};
use wire::usage::{INTERVALS_MAX, Interval, Range, Usage, categories};
use wire::{ApiError, Params};

/// What time is asked about: by its parameters, or by the path.
type Time = fn(&Params, Timestamp, Timestamp) -> Result<Range, ApiError>;

/// The records at `Usage/Records{path}.json`.
async fn listed(
    app: App,
    ac: AccountSid,
    asked: Asked,
    path: &str,
    interval: Interval,
    time: Time,
) -> Outcome {
    own(&asked, ac)?;
    let query = PageQuery::parse(&asked.params, SIZE_MAX)?;
    let wanted = categories(&asked.params)?;
    let now = app.now();
    let family = family(&app, ac).await?;
    let mut since = family.first().map_or(now, |first| first.created);
    if interval == Interval::Day {
        // What is asked without a date is always answered.
        let back = i64::try_from(INTERVALS_MAX).unwrap_or(i64::MAX) - 1;
        since = since.max(Range::day(now, back).from);
    }
    let range = time(&asked.params, since, now)?;
    let mut usage = Usage::new(range, interval)?;
    let with_subaccounts = asked.params.boolean("IncludeSubaccounts").unwrap_or(true);
    for account in family.iter().filter(|of| of.sid == ac || with_subaccounts) {
        count(&app, account.sid, range, &mut usage).await?;
    }
    let records = usage.records(ac, &wanted, now).into_iter().enumerate().collect();
    let page = Shown::cut(
        records,
        &query,
        |(a, _), (b, _)| a.cmp(b),
        |(at, _)| *at,
        |(at, _), text| text.parse() == Ok(*at),
    );
    let filters = asked.params.filters(&["Category", "StartDate", "EndDate", "IncludeSubaccounts"]);
    let path = store_page::uri(ac, format_args!("Usage/Records{path}.json"));
    Ok(ok(Listing { path, key: "usage_records", filters, query }.v2010(page.map(|(_, record)| record))))
}

/// Counts what began in this time.
async fn count(app: &App, ac: AccountSid, range: Range, usage: &mut Usage) -> Result<(), ApiError> {
    let (from, until) = (Some(range.from), Some(range.until));
    let mut page = Page::all();
    loop {
        let filter = CallFilter { started_from: from, started_before: until, ..CallFilter::default() };
        let rows = app.store.calls(ac, filter, page).await?;
        rows.rows.iter().for_each(|call| usage.call(call));
        match rows.rows.last().filter(|_| rows.more) {
            Some(last) => page = Page::after(PAGE_ROWS_MAX, last.sid),
            None => break,
        }
    }
    page = Page::all();
    loop {
        let filter =
            RecordingFilter { created_from: from, created_before: until, ..RecordingFilter::default() };
        let rows = app.store.media_recordings(ac, filter, page).await?;
        rows.rows.iter().for_each(|recording| usage.recording(recording));
        match rows.rows.last().filter(|_| rows.more) {
            Some(last) => page = Page::after(PAGE_ROWS_MAX, last.sid),
            None => return Ok(()),
        }
    }
}

/// Nothing is charged, so there is nothing that a trigger could wait for: an account has none.
pub(super) async fn triggers(State(_): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
    own(&asked, ac)?;
    let query = PageQuery::parse(&asked.params, SIZE_MAX)?;
    let filters = asked.params.filters(&["Recurring", "TriggerBy", "UsageCategory"]);
    let path = store_page::uri(ac, format_args!("Usage/Triggers.json"));
    let none = Shown { items: Vec::new(), next: None, previous: None };
    Ok(ok(Listing { path, key: "usage_triggers", filters, query }.v2010(none)))
}

pub(super) async fn trigger(At((ac, ut)): At<(AccountSid, String)>, asked: Asked) -> Outcome {
    own(&asked, ac)?;
    Err(ApiError::not_found(ut).into())
}

macro_rules! lists {
    ($($name:ident => $path:literal, $interval:ident, $time:expr;)*) => {$(
        pub(super) async fn $name(State(app): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
            listed(app, ac, asked, $path, Interval::$interval, $time).await
        }
    )*};
}

lists! {
    records => "", Whole, Range::parse;
    all_time => "/AllTime", Whole, Range::parse;
    daily => "/Daily", Day, Range::parse;
    monthly => "/Monthly", Month, Range::parse;
    yearly => "/Yearly", Year, Range::parse;
    today => "/Today", Whole, |_, _, now| Ok(Range::day(now, 0));
    yesterday => "/Yesterday", Whole, |_, _, now| Ok(Range::day(now, 1));
    this_month => "/ThisMonth", Whole, |_, _, now| Ok(Range::month(now, false));
    last_month => "/LastMonth", Whole, |_, _, now| Ok(Range::month(now, true));
}
