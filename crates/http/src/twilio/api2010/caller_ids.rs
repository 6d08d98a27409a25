//! Caller IDs that somebody has proved to be theirs.

use super::own;
use super::sip::{find, listed, removed};
use crate::answer::{Outcome, ok};
use crate::ask::{App, Asked, At};
use crate::store_page;
use crate::validations::{VALIDATION_DOCUMENTS, VALIDATION_ENDED, Validation};
use axum::extract::State;
use base::{AccountSid, PhoneNumber, PhoneNumberSid};
use engine::call::port::{Input, Method, NewCall, Program, Request, Response, StatusCallback, Webhook};
use serde_json::{Value, json};
use std::time::Duration;
use store::model::NumberFilter;
use store::resource::{OutgoingCallerId, Resource, ResourceKind};
use tracing::info;
use wire::ApiError;
use wire::api2010::{ROOT, formatted, status_hook};
use wire::page::{Listing, Page, PageQuery, SIZE_MAX};

/// How long the validation call rings.
const RINGS: Duration = Duration::from_secs(60);
/// Longest wait before the call's question, in seconds.
const DELAY_S_MAX: u64 = 60;

async fn one(app: &App, ac: AccountSid, pn: PhoneNumberSid) -> Result<OutgoingCallerId, ApiError> {
    match find(app, ac, &pn.to_string()).await? {
        Resource::CallerId(id) => Ok(id),
        _ => Err(ApiError::not_found(pn)),
    }
}

fn shown(id: &OutgoingCallerId) -> Value {
    json!({
        "sid": id.sid,
        "account_sid": id.account,
        "friendly_name": id.friendly_name,
        "phone_number": id.phone_number,
        "date_created": id.created.rfc2822(),
        "date_updated": id.updated.rfc2822(),
        "uri": format!("{ROOT}/{}/OutgoingCallerIds/{}.json", id.account, id.sid),
    })
}

pub(super) async fn list(State(app): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
    own(&asked, ac)?;
    let filters = asked.params.filters(&["PhoneNumber", "FriendlyName"]);
    if filters.iter().any(|(_, value)| !value.is_empty()) {
        return filtered(app, ac, asked, filters).await;
    }
    let show = |resource| match resource {
        Resource::CallerId(id) => shown(&id),
        _ => Value::Null,
    };
    let at = ("OutgoingCallerIds.json", "outgoing_caller_ids");
    listed(&app, (ac, ResourceKind::CallerId, None), &asked, at, show).await
}

/// Those of this number or name.
async fn filtered(app: App, ac: AccountSid, asked: Asked, filters: Vec<(String, String)>) -> Outcome {
    let query = PageQuery::parse(&asked.params, SIZE_MAX)?;
    let all = store::Page { limit: store::PAGE_ROWS_MAX, start: store::Start::First };
    let rows = app.store.resources(ac, ResourceKind::CallerId, None, all).await?.rows;
    let wanted = |name: &str, value: &str| asked.params.filled(name).is_none_or(|text| text == value);
    let fits = |id: &OutgoingCallerId| {
        wanted("PhoneNumber", id.phone_number.as_str()) && wanted("FriendlyName", &id.friendly_name)
    };
    let ids = rows.into_iter().filter_map(|resource| match resource {
        Resource::CallerId(id) => Some(id).filter(fits),
        _ => None,
    });
    let page = Page { items: ids.map(|id| shown(&id)).collect(), next: None, previous: None };
    let path = store_page::uri(ac, "OutgoingCallerIds.json");
    Ok(ok(Listing { path, key: "outgoing_caller_ids", filters, query }.v2010(page)))
}

/// Whether a call to `to` may show `from`: a number of the account's, or one that it has proved to be its own. Clients show
/// their names, and a SIP address is shown whatever one likes.
pub(super) async fn check(app: &App, ac: AccountSid, to: &str, from: &str) -> Result<(), ApiError> {
    let Ok(from) = from.parse::<PhoneNumber>() else { return Ok(()) };
    if to.starts_with("sip:") || to.starts_with("sips:") {
        return Ok(());
    }
    if app.store.number_called(from.clone()).await?.is_some_and(|of| of.account == ac) {
        return Ok(());
    }
    let all = store::Page { limit: store::PAGE_ROWS_MAX, start: store::Start::First };
    let proved = app.store.resources(ac, ResourceKind::CallerId, None, all).await?.rows;
    let is = |resource: &Resource| matches!(resource, Resource::CallerId(id) if id.phone_number == from);
    if proved.iter().any(is) { Ok(()) } else { Err(ApiError::of(21210)) }
}

/// Calls the number and asks for the code that is answered here.
pub(super) async fn create(State(app): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
    own(&asked, ac)?;
    let params = &asked.params;
    params.required("PhoneNumber")?;
    let number = params.phone("PhoneNumber", 21421)?.ok_or_else(|| ApiError::of(21421))?;
    let friendly_name = params.name("FriendlyName")?.unwrap_or_else(|| formatted(number.as_str()));
    let delay = params.number("CallDelay", 0, DELAY_S_MAX)?.unwrap_or(0);
    let extension = params.filled("Extension").map(str::to_owned);
    if extension.as_deref().is_some_and(|digits| !digits.bytes().all(|b| b.is_ascii_digit() || b == b'w')) {
        return Err(ApiError::of(21206).into());
    }
    let callback = status_hook(params)?;
    let (sid, draw) = app.sids.make(|e| (PhoneNumberSid::generate(e), u32::from_le_bytes(e.bytes::<4>())));
    let code = format!("{:06}", draw % 1_000_000);
    let now = app.now();
    let validation =
        Validation::new(sid, ac, number.clone(), friendly_name.clone(), code.clone(), callback, now);
    if !app.validations.begin(validation) {
        return Err(ApiError::unavailable("too many caller IDs are being validated").into());
    }
    let made = call(&app, ac, sid, &number, delay, extension).await;
    if made.is_err() {
        app.validations.give_up(sid);
    }
    let call = made?;
    app.validations.called(sid, call);
    info!(number.sid = %sid, account.sid = %ac, call.sid = %call, "caller ID {sid} is being validated by call {call}");
    Ok(ok(json!({
        "account_sid": ac,
        "call_sid": call,
        "friendly_name": friendly_name,
        "phone_number": number,
        "validation_code": code,
    })))
}

async fn call(
    app: &App,
    ac: AccountSid,
    sid: PhoneNumberSid,
    number: &PhoneNumber,
    delay: u64,
    extension: Option<String>,
) -> Result<base::CallSid, ApiError> {
    let first = store::Page { limit: 1, start: store::Start::First };
    let ours = app.store.numbers(ac, NumberFilter::default(), first).await?.rows.pop();
    let from = ours.map_or_else(|| number.to_string(), |ours| ours.number.to_string());
    let action = format!("{}{VALIDATION_DOCUMENTS}{sid}", app.public_url.trim_end_matches('/'));
    let ended = Webhook { url: format!("{action}{VALIDATION_ENDED}"), method: Method::Post };
    let pause = if delay > 0 { format!("<Pause length=\"{delay}\"/>") } else { String::new() };
    let twiml = format!(
        "<Response>{pause}<Gather numDigits=\"6\" timeout=\"10\" action=\"{action}\">\
         <Say loop=\"2\">Please enter your validation code.</Say></Gather></Response>"
    );
    let new = NewCall {
        to: number.to_string(),
        from,
        program: Program::Inline(twiml),
        fallback: None,
        status_callback: Some(StatusCallback { webhook: ended, events: vec!["completed".to_owned()] }),
        send_digits: extension,
        timeout: RINGS,
        time_limit: None,
        sip_credentials: None,
        record: None,
        machine: None,
    };
    match app.active_voice(ac)?.request(Request::CreateCall(new)).await? {
        Response::Call(call) => Ok(call.sid),
        Response::Refused { status, code, message } => Err(ApiError::refused(status, code, message)),
        other => Err(ApiError::internal(format_args!("a call was asked for and answered with {other:?}"))),
    }
}

pub(super) async fn fetch(
    State(app): State<App>,
    At((ac, pn)): At<(AccountSid, PhoneNumberSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    Ok(ok(shown(&one(&app, ac, pn).await?)))
}

pub(super) async fn update(
    State(app): State<App>,
    At((ac, pn)): At<(AccountSid, PhoneNumberSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    let mut id = one(&app, ac, pn).await?;
    if let Some(name) = asked.params.name("FriendlyName")? {
        id.friendly_name = name;
        id.updated = app.now();
        app.store.resource_save(Resource::CallerId(id.clone())).await?;
    }
    Ok(ok(shown(&id)))
}

pub(super) async fn remove(
    State(app): State<App>,
    At((ac, pn)): At<(AccountSid, PhoneNumberSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    let id = one(&app, ac, pn).await?;
    if let Ok(voice) = app.voice(ac) {
        voice.input(Input::CallerIdRemoved(id.phone_number)).await?;
    }
    removed(&app, ac, &pn.to_string()).await
}
