//! TwiML documents kept in Tandem, so that a number works without any web server.

use super::fields;
use crate::answer::{Failure, Outcome, created, deleted, ok};
use crate::ask::{App, Asked, At, read_body};
use crate::store_page;
use crate::{auth, door};
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use base::{AccountSid, TwimlBinSid};
use store::model::TwimlBin;
use subtle::ConstantTimeEq;
use tracing::info;
use wire::page::{Listing, PageQuery, SIZE_MAX};
use wire::tandem::BIN_BYTES_MAX;
use wire::{ApiError, Params, tandem};

pub(super) async fn list(State(app): State<App>, asked: Asked) -> Outcome {
    let query = PageQuery::parse(&asked.params, SIZE_MAX)?;
    let rows = app.store.twiml_bins(asked.account, store_page::ask(&query)).await?;
    let page = store_page::page(
        &query,
        rows,
        |bin| bin.sid,
        |bin| tandem::twiml_bin(&asked.at, &app.public_url, &bin),
    );
    let path = asked.at.url("/TwimlBins");
    Ok(ok(Listing { path, key: "twiml_bins", filters: Vec::new(), query }.v1(page)))
}

async fn find(app: &App, account: AccountSid, eh: TwimlBinSid) -> Result<TwimlBin, ApiError> {
    let bin = app.store.twiml_bin(eh).await?;
    bin.filter(|bin| bin.account == account).ok_or_else(|| ApiError::not_found(eh))
}

/// A document that parses once its parameters are filled in (with nothing).
fn checked(twiml: &str) -> Result<(), ApiError> {
    if twiml.len() > BIN_BYTES_MAX {
        return Err(ApiError::invalid(format!("twiml is longer than {BIN_BYTES_MAX} bytes")));
    }
    let invalid = |why: &dyn std::fmt::Display| ApiError::invalid(format!("twiml is not valid TwiML: {why}"));
    let filled = twiml::fill(twiml, &[]).map_err(|why| invalid(&why))?;
    twiml::Document::parse(&filled).map(drop).map_err(|why| invalid(&why))
}

pub(super) async fn create(State(app): State<App>, asked: Asked) -> Outcome {
    let form = fields(&asked)?;
    let twiml = form.required("twiml")?;
    checked(twiml)?;
    let (sid, now) = (app.sids.make(TwimlBinSid::generate), app.now());
    let bin = TwimlBin {
        sid,
        account: asked.account,
        friendly_name: form.required_name("friendly_name")?,
        body: twiml.to_owned(),
        created: now,
        updated: now,
    };
    app.store.twiml_bin_add(bin.clone()).await?;
    info!(bin.sid = %sid, account.sid = %asked.account, "TwiML bin {sid} was created");
    Ok(created(tandem::twiml_bin(&asked.at, &app.public_url, &bin)))
}

pub(super) async fn fetch(State(app): State<App>, At(eh): At<TwimlBinSid>, asked: Asked) -> Outcome {
    Ok(ok(tandem::twiml_bin(&asked.at, &app.public_url, &find(&app, asked.account, eh).await?)))
}

pub(super) async fn update(State(app): State<App>, At(eh): At<TwimlBinSid>, asked: Asked) -> Outcome {
    find(&app, asked.account, eh).await?;
    let form = fields(&asked)?;
    let (name, twiml, now) =
        (form.name("friendly_name")?, form.filled("twiml").map(str::to_owned), app.now());
    twiml.as_deref().map_or(Ok(()), checked)?;
    let change = move |bin: &mut TwimlBin| {
        bin.friendly_name = name.unwrap_or_else(|| std::mem::take(&mut bin.friendly_name));
        bin.body = twiml.unwrap_or_else(|| std::mem::take(&mut bin.body));
        bin.updated = now;
    };
    let bin = app.store.twiml_bin_update(eh, change).await?;
    info!(bin.sid = %eh, account.sid = %asked.account, "TwiML bin {eh} was changed");
    Ok(ok(tandem::twiml_bin(&asked.at, &app.public_url, &bin)))
}

pub(super) async fn remove(State(app): State<App>, At(eh): At<TwimlBinSid>, asked: Asked) -> Outcome {
    find(&app, asked.account, eh).await?;
    if !app.store.twiml_bin_remove(eh).await? {
        return Err(ApiError::not_found(eh).into());
    }
    info!(bin.sid = %eh, account.sid = %asked.account, "TwiML bin {eh} was deleted");
    Ok(deleted())
}

/// The document with the request's parameters in it. Asked for by a call, which signs its request, or by whoever has the
/// account's credentials.
pub(super) async fn document(
    State(app): State<App>,
    At(eh): At<TwimlBinSid>,
    request: Request,
) -> Result<Response, Failure> {
    let (parts, body) = request.into_parts();
    let body = read_body(&parts.headers, body).await?;
    let query = parts.uri.query().unwrap_or_default();
    let params = Params::parse(query, &body)?;
    let bin = app.store.twiml_bin(eh).await?;
    let signature = parts.headers.get("x-twilio-signature").and_then(|value| value.to_str().ok());
    let bin = match (bin, signature) {
        (Some(bin), Some(signature)) => {
            let account = app.store.account(bin.account).await?.ok_or_else(|| ApiError::not_found(eh))?;
            let posted = Params::parse("", &body)?;
            let reached = door::reached(&parts.extensions);
            let mut path =
                reached.map_or_else(|| parts.uri.path().to_owned(), |reached| reached.came.clone());
            if !query.is_empty() {
                path = format!("{path}?{query}");
            }
            let came_by = reached.map(|reached| reached.origin.as_str());
            let signed =
                [came_by, Some(app.public_url.trim_end_matches('/'))].into_iter().flatten().any(|origin| {
                    let url = format!("{origin}{path}");
                    let right = webhook::signature(account.auth_token.expose(), &url, posted.pairs());
                    bool::from(right.as_bytes().ct_eq(signature.as_bytes()))
                });
            if !signed {
                return Err(ApiError::with(20403, "The signature of the request is not valid").into());
            }
            bin
        }
        (bin, _) => {
            let account = auth::authenticate(&app, &parts.headers).await?.account;
            bin.filter(|bin| bin.account == account).ok_or_else(|| ApiError::not_found(eh))?
        }
    };
    let filled = twiml::fill(&bin.body, params.pairs())
        .map_err(|why| ApiError::invalid(format!("The document cannot be filled in: {why}")))?;
    Ok(([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], filled).into_response())
}
