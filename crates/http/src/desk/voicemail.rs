//! Messages for agents and queues: listed, heard, removed, played, and how each mailbox greets.

use super::fields;
use crate::answer::{Failure, Outcome, deleted, ok};
use crate::ask::{App, Asked, At};
use crate::twilio::api2010::recordings;
use crate::{MediaForm, store_page};
use axum::extract::{Request, State};
use axum::response::Response;
use base::{VoicemailSid, WorkspaceSid};
use engine::call::port::{Greeting, Input, Mailbox, MailboxSettings, VoicemailRecord};
use std::time::Duration;
use store::model::VoicemailFilter;
use tracing::info;
use wire::form::bad;
use wire::page::{Listing, PageQuery, SIZE_MAX};
use wire::tandem::{self, GREETING_CHARS_MAX, MESSAGE_S_MAX};
use wire::{ApiError, Params};

/// The workspace is the asking account's, and the mailbox is somebody's in it.
async fn known(app: &App, asked: &Asked, ws: WorkspaceSid, mailbox: Mailbox) -> Result<(), ApiError> {
    app.read(asked, ws, move |w, _| {
        let there = match mailbox {
            Mailbox::Worker(worker) => w.worker(worker).is_some(),
            Mailbox::Queue(queue) => w.task_queue(queue).is_some(),
        };
        if there { Ok(()) } else { Err(ApiError::not_found(mailbox)) }
    })
    .await
}

/// A boolean that is nothing but one.
fn truth(params: &Params, name: &str) -> Result<Option<bool>, ApiError> {
    match params.filled(name) {
        None => Ok(None),
        Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
        Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
        Some(text) => Err(bad(name, text, "must be true or false")),
    }
}

async fn find(
    app: &App,
    asked: &Asked,
    (ws, mailbox, vm): (WorkspaceSid, Mailbox, VoicemailSid),
) -> Result<VoicemailRecord, ApiError> {
    app.own(asked.account, ws)?;
    let record = app.store.voicemail(asked.account, vm).await?;
    record.filter(|r| r.workspace == ws && r.mailbox == mailbox).ok_or_else(|| ApiError::not_found(vm))
}

async fn listed(
    app: &App,
    asked: &Asked,
    ws: WorkspaceSid,
    mailbox: Option<Mailbox>,
    path: String,
) -> Outcome {
    let query = PageQuery::parse(&asked.params, SIZE_MAX)?;
    let heard = truth(&asked.params, "Heard")?;
    let filter = VoicemailFilter { workspace: ws, mailbox, heard };
    let rows = app.store.voicemails(asked.account, filter, store_page::ask(&query)).await?;
    let show = |r: VoicemailRecord| tandem::voicemail(&asked.at, asked.account, &r);
    let page = store_page::page(&query, rows, |r| r.sid, show);
    let filters = asked.params.filters(&["Heard"]);
    Ok(ok(Listing { path, key: "voicemails", filters, query }.v1(page)))
}

/// Every message of the workspace.
pub(super) async fn list_all(State(app): State<App>, At(ws): At<WorkspaceSid>, asked: Asked) -> Outcome {
    app.own(asked.account, ws)?;
    let path = asked.at.url(format_args!("/Workspaces/{ws}/Voicemail"));
    listed(&app, &asked, ws, None, path).await
}

pub(super) async fn list(
    State(app): State<App>,
    At((ws, mailbox)): At<(WorkspaceSid, Mailbox)>,
    asked: Asked,
) -> Outcome {
    known(&app, &asked, ws, mailbox).await?;
    let path = asked.at.url(tandem::mailbox_path(ws, mailbox));
    listed(&app, &asked, ws, Some(mailbox), path).await
}

pub(super) async fn fetch(
    State(app): State<App>,
    At(path): At<(WorkspaceSid, Mailbox, VoicemailSid)>,
    asked: Asked,
) -> Outcome {
    let record = find(&app, &asked, path).await?;
    Ok(ok(tandem::voicemail(&asked.at, asked.account, &record)))
}

/// Marks a message as heard, or as new again.
pub(super) async fn update(
    State(app): State<App>,
    At(path): At<(WorkspaceSid, Mailbox, VoicemailSid)>,
    asked: Asked,
) -> Outcome {
    let before = find(&app, &asked, path).await?;
    let form = fields(&asked)?;
    form.required("heard")?;
    let heard = truth(&form, "heard")?.unwrap_or_default();
    let now = app.now();
    let change = move |record: &mut VoicemailRecord| {
        record.heard = heard.then(|| record.heard.unwrap_or(now));
        record.updated = now;
    };
    let record = app.store.voicemail_update(before.sid, change).await?;
    app.store.voicemails_changed();
    Ok(ok(tandem::voicemail(&asked.at, asked.account, &record)))
}

/// The message goes, and what was recorded with it.
pub(super) async fn remove(
    State(app): State<App>,
    At(path): At<(WorkspaceSid, Mailbox, VoicemailSid)>,
    asked: Asked,
) -> Outcome {
    let record = find(&app, &asked, path).await?;
    if !app.store.voicemail_remove(asked.account, record.sid).await? {
        return Err(ApiError::not_found(record.sid).into());
    }
    app.store.voicemails_changed();
    if app.store.media_recording_remove(asked.account, record.recording, app.now()).await? {
        app.recordings.remove(record.recording).await.map_err(ApiError::internal)?;
    }
    info!(voicemail.sid = %record.sid, account.sid = %asked.account, "message {} was deleted", record.sid);
    Ok(deleted())
}

/// What the caller said: WAV, or MP3 with `?Format=mp3`. Ranges are answered, so that a player can seek.
pub(super) async fn media(
    State(app): State<App>,
    At(path): At<(WorkspaceSid, Mailbox, VoicemailSid)>,
    request: Request,
) -> Result<Response, Failure> {
    let headers = request.headers().clone();
    let asked = <Asked as axum::extract::FromRequest<App>>::from_request(request, &app).await?;
    let record = find(&app, &asked, path).await?;
    let form = match asked.params.text("Format") {
        None | Some("" | "wav") => MediaForm::Wav,
        Some("mp3") => MediaForm::Mp3,
        Some(other) => return Err(bad("Format", other, "must be wav or mp3").into()),
    };
    recordings::media(&app, record.recording, form, true, &headers).await
}

// --- Greetings ------------------------------------------------------------------------------------------------

pub(super) async fn greeting(
    State(app): State<App>,
    At((ws, mailbox)): At<(WorkspaceSid, Mailbox)>,
    asked: Asked,
) -> Outcome {
    known(&app, &asked, ws, mailbox).await?;
    let settings = app.store.mailbox(asked.account, mailbox).await?;
    Ok(ok(tandem::mailbox(&asked.at, &settings.unwrap_or_else(|| MailboxSettings::new(ws, mailbox)))))
}

/// Says how the mailbox greets; what is not named is as in every mailbox.
pub(super) async fn set_greeting(
    State(app): State<App>,
    At((ws, mailbox)): At<(WorkspaceSid, Mailbox)>,
    asked: Asked,
) -> Outcome {
    known(&app, &asked, ws, mailbox).await?;
    let form = fields(&asked)?;
    let mut settings = MailboxSettings::new(ws, mailbox);
    settings.greeting = match (form.filled("greeting_text"), form.url("greeting_url", 20001)?.flatten()) {
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid("greeting_text and greeting_url exclude each other").into());
        }
        (Some(text), None) if text.chars().count() > GREETING_CHARS_MAX => {
            let why = format!("greeting_text is longer than {GREETING_CHARS_MAX} characters");
            return Err(ApiError::invalid(why).into());
        }
        (Some(text), None) => Some(Greeting::Say(text.to_owned())),
        (None, Some(url)) => Some(Greeting::Play(url)),
        (None, None) => None,
    };
    if let Some(seconds) = form.parsed::<u64>("length_max_s")? {
        if !(2..=MESSAGE_S_MAX).contains(&seconds) {
            let why = format!("must be from 2 to {MESSAGE_S_MAX} seconds");
            return Err(bad("length_max_s", &seconds.to_string(), why).into());
        }
        settings.length_max = Duration::from_secs(seconds);
    }
    settings.transcribe = truth(&form, "transcribe")?.unwrap_or_default();
    app.store.mailbox_save(asked.account, settings.clone()).await?;
    app.voice(asked.account)?.input(Input::Mailbox(settings.clone())).await?;
    info!(account.sid = %asked.account, "the greeting of {mailbox} was set");
    Ok(ok(tandem::mailbox(&asked.at, &settings)))
}

pub(super) async fn remove_greeting(
    State(app): State<App>,
    At((ws, mailbox)): At<(WorkspaceSid, Mailbox)>,
    asked: Asked,
) -> Outcome {
    known(&app, &asked, ws, mailbox).await?;
    if !app.store.mailbox_remove(asked.account, mailbox).await? {
        return Err(ApiError::not_found(mailbox).into());
    }
    app.voice(asked.account)?.input(Input::MailboxRemoved(mailbox)).await?;
    info!(account.sid = %asked.account, "the greeting of {mailbox} was removed");
    Ok(deleted())
}
