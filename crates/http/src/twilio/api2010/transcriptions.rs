//! What is said in recordings, written down by the operator's program.

use super::sip::{find, listed};
use super::{own, recordings};
use crate::answer::{Outcome, deleted, ok};
use crate::ask::{App, Asked, At};
use axum::extract::State;
use base::{AccountSid, RecordingSid, TranscriptionSid};
use engine::call::port::TranscriptionRecord;
use serde_json::{Value, json};
use store::resource::{Resource, ResourceKind};
use tracing::info;
use wire::ApiError;
use wire::api2010::ROOT;

async fn one(app: &App, ac: AccountSid, tr: TranscriptionSid) -> Result<TranscriptionRecord, ApiError> {
    match find(app, ac, &tr.to_string()).await? {
        Resource::Transcription(transcription) => Ok(transcription),
        _ => Err(ApiError::not_found(tr)),
    }
}

async fn of_recording(
    app: &App,
    ac: AccountSid,
    re: RecordingSid,
    tr: TranscriptionSid,
) -> Result<TranscriptionRecord, ApiError> {
    let found = one(app, ac, tr).await?;
    if found.recording == re { Ok(found) } else { Err(ApiError::not_found(tr)) }
}

fn shown(transcription: &TranscriptionRecord) -> Value {
    json!({
        "sid": transcription.sid,
        "account_sid": transcription.account,
        "api_version": "2010-04-01",
        "recording_sid": transcription.recording,
        "status": transcription.status,
        "transcription_text": transcription.text,
        "duration": transcription.duration_s.to_string(),
        "type": "fast",
        "price": null,
        "price_unit": "USD",
        "date_created": transcription.created.rfc2822(),
        "date_updated": transcription.updated.rfc2822(),
        "uri": format!("{ROOT}/{}/Transcriptions/{}.json", transcription.account, transcription.sid),
    })
}

fn show(resource: Resource) -> Value {
    match resource {
        Resource::Transcription(transcription) => shown(&transcription),
        _ => Value::Null,
    }
}

async fn remove_one(app: &App, ac: AccountSid, tr: TranscriptionSid) -> Outcome {
    app.store.resource_remove(tr.to_string()).await?;
    info!(transcription.sid = %tr, account.sid = %ac, "transcription {tr} was deleted");
    Ok(deleted())
}

pub(super) async fn list(State(app): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
    own(&asked, ac)?;
    let at = ("Transcriptions.json", "transcriptions");
    listed(&app, (ac, ResourceKind::Transcription, None), &asked, at, show).await
}

pub(super) async fn fetch(
    State(app): State<App>,
    At((ac, tr)): At<(AccountSid, TranscriptionSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    Ok(ok(shown(&one(&app, ac, tr).await?)))
}

pub(super) async fn remove(
    State(app): State<App>,
    At((ac, tr)): At<(AccountSid, TranscriptionSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    one(&app, ac, tr).await?;
    remove_one(&app, ac, tr).await
}

pub(super) async fn list_of_recording(
    State(app): State<App>,
    At((ac, re)): At<(AccountSid, RecordingSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    recordings::find(&app, ac, re).await?;
    let path = format!("Recordings/{re}/Transcriptions.json");
    let of = (ac, ResourceKind::Transcription, Some(re.to_string()));
    listed(&app, of, &asked, (&path, "transcriptions"), show).await
}

pub(super) async fn fetch_of_recording(
    State(app): State<App>,
    At((ac, re, tr)): At<(AccountSid, RecordingSid, TranscriptionSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    Ok(ok(shown(&of_recording(&app, ac, re, tr).await?)))
}

pub(super) async fn remove_of_recording(
    State(app): State<App>,
    At((ac, re, tr)): At<(AccountSid, RecordingSid, TranscriptionSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    of_recording(&app, ac, re, tr).await?;
    remove_one(&app, ac, tr).await
}
