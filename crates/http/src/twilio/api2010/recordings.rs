//! Recordings: what is told of them, and their media.

use super::conferences;
use super::own;
use crate::answer::{Failure, Outcome, created, deleted, ok};
use crate::ask::{App, Asked, At};
use crate::file::served;
use crate::{MediaForm, store_page};
use axum::extract::{Request as HttpRequest, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response as HttpResponse};
use base::{AccountSid, CallSid, ConferenceSid, RecordingSid};
use engine::call::port::{RecordingOf, RecordingRecord, RecordingStatus, Request, Response};
use store::model::RecordingFilter;
use tracing::info;
use wire::ApiError;
use wire::page::{Listing, PageQuery, SIZE_MAX};
use wire::recordings as shown;

/// The recording that is under way, by the SDKs' name for it.
const CURRENT: &str = "Twilio.CURRENT";

/// The recording, also of media that was removed, or 404.
pub(super) async fn find(app: &App, ac: AccountSid, re: RecordingSid) -> Result<RecordingRecord, ApiError> {
    app.store.media_recording(ac, re).await?.ok_or_else(|| ApiError::not_found(re))
}

fn is_of(record: &RecordingRecord, of: RecordingOf) -> bool {
    match of {
        RecordingOf::Call(call) => record.call == Some(call),
        RecordingOf::Conference(conference) => record.conference == Some(conference),
    }
}

/// The page of those that fit, at `path`.
async fn listed(app: &App, ac: AccountSid, asked: &Asked, path: &str, filter: RecordingFilter) -> Outcome {
    let query = PageQuery::parse(&asked.params, SIZE_MAX)?;
    let rows = app.store.media_recordings(ac, filter, store_page::ask(&query)).await?;
    let show = |r: RecordingRecord| shown::recording(ac, &app.public_url, &r);
    let page = store_page::page(&query, rows, |r| r.sid, show);
    let filters = asked.params.filters(shown::RECORDING_FILTERS);
    Ok(ok(Listing { path: store_page::uri(ac, path), key: "recordings", filters, query }.v2010(page)))
}

pub(super) async fn list(State(app): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
    own(&asked, ac)?;
    let filter = shown::recording_filter(&asked.params)?;
    listed(&app, ac, &asked, "Recordings.json", filter).await
}

/// JSON with `.json` behind the SID; else the media: WAV, or as the ending says.
pub(super) async fn fetch(
    State(app): State<App>,
    At((ac, name)): At<(AccountSid, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let came = crate::door::reached(request.extensions()).map(|r| r.came.clone()).unwrap_or_default();
    let headers = request.headers().clone();
    let asked = <Asked as axum::extract::FromRequest<App>>::from_request(request, &app).await?;
    own(&asked, ac)?;
    let (sid, form) = match name.split_once('.') {
        None => (name.as_str(), MediaForm::Wav),
        Some((sid, "wav")) => (sid, MediaForm::Wav),
        Some((sid, "mp3")) => (sid, MediaForm::Mp3),
        Some(_) => return Err(ApiError::not_found(&name).into()),
    };
    let sid: RecordingSid = sid.parse().map_err(|_| ApiError::not_found(&name))?;
    let record = find(&app, ac, sid).await?;
    let deleted = asked.params.boolean("IncludeSoftDeleted").unwrap_or(false);
    if came.trim_end_matches('/').ends_with(".json") {
        if record.deleted.is_some() && !deleted {
            return Err(ApiError::not_found(sid).into());
        }
        return Ok(ok(shown::recording(ac, &app.public_url, &record)).into_response());
    }
    if record.status != RecordingStatus::Completed {
        return Err(ApiError::not_found(sid).into());
    }
    let mono = asked.params.text("RequestedChannels") == Some("1");
    media(&app, sid, form, mono, &headers).await
}

/// The media of a recording, whole or the part that the headers ask for.
pub(crate) async fn media(
    app: &App,
    sid: RecordingSid,
    form: MediaForm,
    mono: bool,
    headers: &HeaderMap,
) -> Result<HttpResponse, Failure> {
    let file = app.recordings.file(sid, form, mono).await.map_err(ApiError::internal)?;
    let file = file.ok_or_else(|| ApiError::not_found(sid))?;
    let kind = match form {
        MediaForm::Wav => "audio/x-wav",
        MediaForm::Mp3 => "audio/mpeg",
    };
    Ok(served(file, HeaderValue::from_static(kind), headers).await)
}

/// The record stays, marked; the media goes.
async fn remove_one(app: &App, ac: AccountSid, re: RecordingSid) -> Outcome {
    if !app.store.media_recording_remove(ac, re, app.now()).await? {
        let record = find(app, ac, re).await?;
        return match record.deleted {
            Some(_) => Err(ApiError::not_found(re).into()),
            None => Err(ApiError::of(20009).into()),
        };
    }
    app.recordings.remove(re).await.map_err(ApiError::internal)?;
    // What was written down of it goes with it.
    app.store.resource_remove(re.to_string()).await?;
    info!(recording.sid = %re, account.sid = %ac, "recording {re} was deleted");
    Ok(deleted())
}

pub(super) async fn remove(
    State(app): State<App>,
    At((ac, re)): At<(AccountSid, RecordingSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    remove_one(&app, ac, re).await
}

// --- Of a call ------------------------------------------------------------------------------------------------

fn answered(response: Response) -> Result<Box<RecordingRecord>, ApiError> {
    match response {
        Response::Recording(record) => Ok(record),
        Response::Refused { status, code, message } => Err(ApiError::refused(status, code, message)),
        _ => Err(ApiError::internal("a recording was asked for and something else was answered")),
    }
}

async fn known_call(app: &App, ac: AccountSid, ca: CallSid) -> Result<(), ApiError> {
    app.store.call(ac, ca).await?.map(|_| ()).ok_or_else(|| ApiError::not_found(ca))
}

pub(super) async fn list_of_call(
    State(app): State<App>,
    At((ac, ca)): At<(AccountSid, CallSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    known_call(&app, ac, ca).await?;
    let filter = RecordingFilter { call: Some(ca), ..shown::recording_filter(&asked.params)? };
    listed(&app, ac, &asked, &format!("Calls/{ca}/Recordings.json"), filter).await
}

pub(super) async fn start(
    State(app): State<App>,
    At((ac, ca)): At<(AccountSid, CallSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    known_call(&app, ac, ca).await?;
    let new = shown::new_recording(&asked.params, false, "RecordingStatusCallback")?;
    let record = answered(app.voice(ac)?.request(Request::StartRecording { call: ca, new }).await?)?;
    info!(recording.sid = %record.sid, call.sid = %ca, "recording {} of call {ca} was begun", record.sid);
    Ok(created(shown::recording(ac, &app.public_url, &record)))
}

async fn fetch_of(app: &App, ac: AccountSid, of: RecordingOf, re: RecordingSid) -> Outcome {
    let record = find(app, ac, re).await?;
    if !is_of(&record, of) || record.deleted.is_some() {
        return Err(ApiError::not_found(re).into());
    }
    Ok(ok(shown::recording(ac, &app.public_url, &record)))
}

async fn update_of(app: &App, ac: AccountSid, of: RecordingOf, name: &str, asked: &Asked) -> Outcome {
    let change = shown::recording_change(&asked.params)?;
    let recording = match name {
        CURRENT => None,
        sid => Some(sid.parse::<RecordingSid>().map_err(|_| ApiError::not_found(name))?),
    };
    match answered(app.voice(ac)?.request(Request::UpdateRecording { of, recording, change }).await?) {
        Ok(record) => Ok(ok(shown::recording(ac, &app.public_url, &record))),
        // The switchboard forgets recordings that are over.
        Err(refused) if refused.status == 404 => {
            let Some(sid) = recording else { return Err(ApiError::not_found(name).into()) };
            match app.store.media_recording(ac, sid).await?.filter(|record| is_of(record, of)) {
                Some(_) => Err(ApiError::of(16114).into()),
                None => Err(ApiError::not_found(name).into()),
            }
        }
        Err(refused) => Err(refused.into()),
    }
}

async fn remove_of(app: &App, ac: AccountSid, of: RecordingOf, re: RecordingSid) -> Outcome {
    if !is_of(&find(app, ac, re).await?, of) {
        return Err(ApiError::not_found(re).into());
    }
    remove_one(app, ac, re).await
}

pub(super) async fn fetch_of_call(
    State(app): State<App>,
    At((ac, ca, re)): At<(AccountSid, CallSid, RecordingSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    fetch_of(&app, ac, RecordingOf::Call(ca), re).await
}

pub(super) async fn update_of_call(
    State(app): State<App>,
    At((ac, ca, name)): At<(AccountSid, CallSid, String)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    known_call(&app, ac, ca).await?;
    update_of(&app, ac, RecordingOf::Call(ca), &name, &asked).await
}

pub(super) async fn remove_of_call(
    State(app): State<App>,
    At((ac, ca, re)): At<(AccountSid, CallSid, RecordingSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    remove_of(&app, ac, RecordingOf::Call(ca), re).await
}

// --- Of a conference ------------------------------------------------------------------------------------------

pub(super) async fn list_of_conference(
    State(app): State<App>,
    At((ac, cf)): At<(AccountSid, ConferenceSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    conferences::find(&app, ac, cf).await?;
    let filter = RecordingFilter { conference: Some(cf), ..shown::recording_filter(&asked.params)? };
    listed(&app, ac, &asked, &format!("Conferences/{cf}/Recordings.json"), filter).await
}

pub(super) async fn fetch_of_conference(
    State(app): State<App>,
    At((ac, cf, re)): At<(AccountSid, ConferenceSid, RecordingSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    fetch_of(&app, ac, RecordingOf::Conference(cf), re).await
}

pub(super) async fn update_of_conference(
    State(app): State<App>,
    At((ac, cf, name)): At<(AccountSid, ConferenceSid, String)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    conferences::find(&app, ac, cf).await?;
    update_of(&app, ac, RecordingOf::Conference(cf), &name, &asked).await
}

pub(super) async fn remove_of_conference(
    State(app): State<App>,
    At((ac, cf, re)): At<(AccountSid, ConferenceSid, RecordingSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    remove_of(&app, ac, RecordingOf::Conference(cf), re).await
}
