//! Applications: TwiML applications, which answer the calls of browsers.

use super::own;
use crate::answer::{Outcome, created, deleted, ok};
use crate::ask::{App, Asked, At};
use crate::store_page;
use axum::extract::State;
use base::{AccountSid, ApplicationSid};
use engine::call::port::Input;
use store::model::Application;
use tracing::info;
use wire::ApiError;
use wire::api2010::{self, ApplicationForm};
use wire::page::{Listing, PageQuery, SIZE_MAX};

/// Most applications of an account.
const APPLICATIONS_MAX: u32 = 1_000;

pub(super) async fn list(State(app): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
    own(&asked, ac)?;
    let query = PageQuery::parse(&asked.params, SIZE_MAX)?;
    let name = asked.params.filled("FriendlyName").map(str::to_owned);
    let rows = app.store.applications(ac, name, store_page::ask(&query)).await?;
    let page = store_page::page(&query, rows, |a| a.sid, |a| api2010::application(&a));
    let filters = asked.params.filters(&["FriendlyName"]);
    let path = store_page::uri(ac, "Applications.json");
    Ok(ok(Listing { path, key: "applications", filters, query }.v2010(page)))
}

async fn find(app: &App, ac: AccountSid, ap: ApplicationSid) -> Result<Application, ApiError> {
    let application = app.store.application(ap).await?;
    application.filter(|application| application.account == ac).ok_or_else(|| ApiError::not_found(ap))
}

async fn tell(app: &App, application: &Application) -> Result<(), ApiError> {
    Ok(app
        .voice(application.account)?
        .input(Input::Application(owner::application_settings(application)))
        .await?)
}

pub(super) async fn create(State(app): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
    own(&asked, ac)?;
    let form = ApplicationForm::parse(&asked.params)?;
    let all = store::Page { limit: APPLICATIONS_MAX, start: store::Start::First };
    if app.store.applications(ac, None, all).await?.rows.len() >= APPLICATIONS_MAX as usize {
        let text = format!("An account has at most {APPLICATIONS_MAX} applications");
        return Err(ApiError::invalid(text).into());
    }
    let sid = app.sids.make(ApplicationSid::generate);
    let application = form.create(sid, ac, app.now());
    app.store.application_add(application.clone()).await?;
    tell(&app, &application).await?;
    info!(application.sid = %sid, account.sid = %ac, "application {sid} was created");
    Ok(created(api2010::application(&application)))
}

pub(super) async fn fetch(
    State(app): State<App>,
    At((ac, ap)): At<(AccountSid, ApplicationSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    Ok(ok(api2010::application(&find(&app, ac, ap).await?)))
}

pub(super) async fn update(
    State(app): State<App>,
    At((ac, ap)): At<(AccountSid, ApplicationSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    find(&app, ac, ap).await?;
    let (form, now) = (ApplicationForm::parse(&asked.params)?, app.now());
    let application =
        app.store.application_update(ap, move |application| form.apply(application, now)).await?;
    tell(&app, &application).await?;
    info!(application.sid = %ap, account.sid = %ac, "application {ap} was changed");
    Ok(ok(api2010::application(&application)))
}

pub(super) async fn remove(
    State(app): State<App>,
    At((ac, ap)): At<(AccountSid, ApplicationSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    find(&app, ac, ap).await?;
    app.store.application_remove(ap).await?;
    app.voice(ac)?.input(Input::ApplicationRemoved(ap)).await?;
    info!(application.sid = %ap, account.sid = %ac, "application {ap} was deleted");
    Ok(deleted())
}
