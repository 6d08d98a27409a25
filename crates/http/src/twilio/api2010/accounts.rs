//! Accounts: one's own, and the subaccounts that it owns.

use super::own;
use crate::answer::{Outcome, created, ok};
use crate::ask::{App, Asked, At};
use axum::extract::State;
use base::{AccountSid, Secret};
use engine::call::port::Input;
use owner::{OpenError, SUBACCOUNTS_MAX};
use store::StoreError;
use store::model::{Account, AccountStatus, NumberFilter};
use tracing::info;
use wire::ApiError;
use wire::api2010::{self, ACCOUNT_STATUS, ROOT};
use wire::page::{Listing, Page, PageQuery, SIZE_MAX};

/// The account and those that it owns, oldest first.
pub(super) async fn family(app: &App, ac: AccountSid) -> Result<Vec<Account>, StoreError> {
    let mut found = Vec::new();
    let mut page = store::Page::all();
    loop {
        let rows = app.store.accounts(page).await?;
        let last = rows.rows.last().filter(|_| rows.more).map(|last| last.sid);
        found.extend(rows.rows.into_iter().filter(|of| of.sid == ac || of.owner == Some(ac)));
        match last {
            Some(last) => page = store::Page::after(store::PAGE_ROWS_MAX, last),
            None => return Ok(found),
        }
    }
}

pub(super) async fn list(State(app): State<App>, asked: Asked) -> Outcome {
    let query = PageQuery::parse(&asked.params, SIZE_MAX)?;
    let name = asked.params.filled("FriendlyName");
    let status = asked.params.one_of("Status", ACCOUNT_STATUS)?;
    let mut all = family(&app, asked.account).await?;
    all.retain(|of| {
        name.is_none_or(|name| name == of.friendly_name) && status.is_none_or(|status| status == of.status)
    });
    let page = Page::cut(
        all,
        &query,
        |a, b| (a.created, a.sid).cmp(&(b.created, b.sid)),
        |of| of.sid,
        |of, text| text.parse() == Ok(of.sid),
    );
    let filters = asked.params.filters(&["FriendlyName", "Status"]);
    let listing = Listing { path: format!("{ROOT}.json"), key: "accounts", filters, query };
    Ok(ok(listing.v2010(page.map(|of| api2010::account(&of)))))
}

/// Makes a subaccount, whose calls can begin at once.
pub(super) async fn create(State(app): State<App>, asked: Asked) -> Outcome {
    let parent = app.store.account(asked.account).await?.ok_or_else(|| ApiError::of(20003))?;
    if asked.by_key {
        return Err(ApiError::of(20003).into());
    }
    if parent.owner.is_some() {
        return Err(ApiError::with(20403, "A subaccount cannot have subaccounts").into());
    }
    let (sid, token) = app.sids.make(|entropy| (AccountSid::generate(entropy), entropy.bytes::<16>()));
    let token: Secret<String> = Secret::new(token.iter().map(|byte| format!("{byte:02x}")).collect());
    let now = app.now();
    let friendly_name = asked.params.name("FriendlyName")?.filter(|name| !name.is_empty());
    let account = Account {
        sid,
        owner: Some(parent.sid),
        friendly_name: friendly_name
            .unwrap_or_else(|| format!("SubAccount Created at {}", wire::desk::at(now))),
        status: AccountStatus::Active,
        auth_token: token.clone(),
        created: now,
        updated: now,
    };
    if family(&app, parent.sid).await?.iter().filter(|of| of.status != AccountStatus::Closed).count()
        > SUBACCOUNTS_MAX
    {
        return Err(full());
    }
    app.store.account_add(account.clone()).await?;
    app.tokens.set(sid, token);
    match app.voices.open(sid, true).await {
        Ok(()) => {}
        Err(OpenError::Full) => {
            app.store.account_update(sid, |of| of.status = AccountStatus::Closed).await?;
            return Err(full());
        }
        Err(OpenError::Store(why)) => return Err(why.into()),
    }
    info!(account.sid = %sid, owner.sid = %parent.sid, "account {sid} was created");
    Ok(created(api2010::account(&account)))
}

fn full() -> crate::answer::Failure {
    ApiError::invalid(format!("There are at most {SUBACCOUNTS_MAX} subaccounts")).into()
}

pub(super) async fn fetch(State(app): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
    own(&asked, ac)?;
    let account = app.store.account(ac).await?.ok_or_else(|| ApiError::not_found(ac))?;
    Ok(ok(api2010::account(&account)))
}

/// Renames an account. Its owner also suspends it, lets it go on, or closes it for good.
pub(super) async fn update(State(app): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
    own(&asked, ac)?;
    let (name, now) = (asked.params.name("FriendlyName")?, app.now());
    let status = asked.params.one_of("Status", ACCOUNT_STATUS)?;
    let before = app.store.account(ac).await?.ok_or_else(|| ApiError::not_found(ac))?;
    if before.status == AccountStatus::Closed {
        return Err(ApiError::with(20005, "The account is closed, for good").into());
    }
    if status.is_some() && before.owner != Some(asked.asker) {
        return Err(ApiError::with(20403, "The status of an account is changed by its owner").into());
    }
    let change = move |account: &mut Account| {
        account.friendly_name = name.unwrap_or_else(|| std::mem::take(&mut account.friendly_name));
        account.status = status.unwrap_or(account.status);
        account.updated = now;
    };
    let account = app.store.account_update(ac, change).await?;
    app.credentials.forget();
    match status {
        Some(AccountStatus::Active) => app.voices.set_active(ac, true),
        Some(AccountStatus::Suspended) => app.voices.set_active(ac, false),
        Some(AccountStatus::Closed) => close(&app, ac).await?,
        None => {}
    }
    info!(account.sid = %ac, "account {ac} was changed: it is {:?}", account.status);
    Ok(ok(api2010::account(&account)))
}

/// Ends the calls of an account that is closed now, and releases its numbers.
async fn close(app: &App, ac: AccountSid) -> Result<(), ApiError> {
    app.voices.close(ac).await;
    let voice = app.voice(ac)?;
    loop {
        let numbers = app.store.numbers(ac, NumberFilter::default(), store::Page::all()).await?.rows;
        if numbers.is_empty() {
            return Ok(());
        }
        for number in numbers {
            app.store.number_remove(number.sid).await?;
            voice.input(Input::NumberRemoved(number.number)).await?;
            info!(number.sid = %number.sid, account.sid = %ac, "number {} was released", number.sid);
        }
    }
}
