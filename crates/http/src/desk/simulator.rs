//! Simulated customers, who call from a page (`/phone`): what they may dial, and the tokens they call with. In development
//! only; elsewhere none of this exists.

use super::access;
use crate::answer::{Failure, ok};
use crate::ask::{App, read_body};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use base::PhoneNumber;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;
use store::Page;
use store::model::NumberFilter;
use wire::ApiError;

/// Numbers that are offered to be dialled.
const NUMBERS_MAX: u32 = 50;
/// How long a token is good: the page asks for another.
const TOKEN: Duration = Duration::from_secs(3_600);

fn in_development(app: &App) -> Result<(), ApiError> {
    if app.dev { Ok(()) } else { Err(ApiError::not_found("")) }
}

fn private(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// `GET /tandem/v1/Simulator`: the numbers that customers may dial.
pub(super) async fn show(State(app): State<App>, headers: HeaderMap) -> Result<Response, Failure> {
    in_development(&app)?;
    let signed_in = access::signed_in(&app, &Method::GET, &headers).await?;
    let page = Page::first(NUMBERS_MAX);
    let mut rows = app.store.numbers(signed_in.user.account, NumberFilter::default(), page).await?.rows;
    rows.sort_by(|a, b| a.number.as_str().cmp(b.number.as_str()));
    let shown: Vec<Value> =
        rows.iter().map(|of| json!({ "number": of.number.as_str(), "name": of.friendly_name })).collect();
    Ok(private(ok(json!({ "numbers": shown })).into_response()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCustomer {
    number: String,
}

/// `POST /tandem/v1/Simulator/Customers`: a token to call from `number` with.
pub(super) async fn customer(State(app): State<App>, request: Request) -> Result<Response, Failure> {
    in_development(&app)?;
    let (parts, body) = request.into_parts();
    let signed_in = access::signed_in(&app, &Method::POST, &parts.headers).await?;
    let body = read_body(&parts.headers, body).await?;
    let NewCustomer { number } = serde_json::from_slice(&body)
        .map_err(|why| ApiError::invalid(format!("The body is not {{\"number\": …}}: {why}")))?;
    let number: PhoneNumber = number
        .parse()
        .map_err(|_| ApiError::invalid("number must be one of the phone network: +15550200001"))?;
    let account = signed_in.user.account;
    let filter = NumberFilter { number: Some(number.to_string()), ..NumberFilter::default() };
    if !app.store.numbers(account, filter, Page::first(1)).await?.rows.is_empty() {
        return Err(ApiError::invalid("number must not be one of the contact centre's own").into());
    }
    let account = app.store.account(account).await?.ok_or_else(|| ApiError::of(20003))?;
    let expires = signed_in.session.expires.min(app.now() + TOKEN);
    let token = crate::token::customer_token(account.sid, &account.auth_token, &number, expires);
    let ice_servers = app.ice.servers(number.as_str(), app.now());
    let shown = json!({
        "number": number.as_str(),
        "token": token,
        "expires": wire::desk::at(expires),
        "ice_servers": crate::token::ice_json(&ice_servers),
    });
    Ok(private(ok(shown).into_response()))
}
