//! Prompts: audio that callers hear, kept here, and the music of those who wait.

use super::fields;
use crate::answer::{Failure, Outcome, created, deleted, ok};
use crate::ask::{App, Asked, At, read_body_of};
use crate::file::served;
use crate::prompts::{KeptPrompt, PROMPT_BYTES_MAX, PromptWords};
use crate::store_page;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use base::{PromptSid, Timestamp};
use engine::call::port::{Greeting, Input};
use store::model::Prompt;
use store::{PAGE_ROWS_MAX, Page, Rows};
use tracing::{error, info};
use wire::form::bad;
use wire::page::{Listing, PageQuery, SIZE_MAX};
use wire::tandem::{self, PROMPT_CHARS_MAX};
use wire::{ApiError, Params};

/// What a prompt is spoken in unless it says so.
const LANGUAGE: &str = "en-US";
/// Longest name of a language.
const LANGUAGE_CHARS_MAX: usize = 35;
/// Most users of a prompt that are named.
const USES_MAX: usize = 20;

/// What somebody wants to be heard.
enum Wanted {
    Audio(Bytes),
    Words(String),
}

/// A request whose body is an audio file, with its fields in the query, or a form or JSON with `text`.
async fn read(app: &App, request: Request) -> Result<(Asked, Params, Option<Wanted>), Failure> {
    let (mut parts, body) = request.into_parts();
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !kind.is_some_and(|kind| kind.starts_with("audio/") || kind.starts_with("application/octet-stream")) {
        let asked = Asked::from_request(Request::from_parts(parts, body), app).await?;
        let form = fields(&asked)?;
        let text = form.text_max("text", PROMPT_CHARS_MAX)?.filter(|text| !text.trim().is_empty());
        return Ok((asked, form, text.map(Wanted::Words)));
    }
    let headers = parts.headers.clone();
    // Who asks is settled before a large body is read.
    parts.headers.remove(header::CONTENT_LENGTH);
    let asked = Asked::from_request(Request::from_parts(parts, Body::empty()), app).await?;
    let form = fields(&asked)?;
    let audio = read_body_of(&headers, body, PROMPT_BYTES_MAX).await?;
    Ok((asked, form, Some(Wanted::Audio(audio))))
}

fn language(form: &Params) -> Result<Option<String>, ApiError> {
    let Some(text) = form.filled("language") else { return Ok(None) };
    let part = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric());
    if text.len() > LANGUAGE_CHARS_MAX || !text.split('-').all(part) {
        return Err(bad("language", text, "must be a language as in BCP 47, like en-US"));
    }
    Ok(Some(text.to_owned()))
}

/// Keeps what is wanted as a file that nothing else is called.
async fn keep(
    app: &App,
    sid: PromptSid,
    now: Timestamp,
    wanted: Wanted,
    language: &str,
) -> Result<(KeptPrompt, Option<String>), ApiError> {
    let name = format!("{sid}-{:x}", now.0);
    let (kept, text) = match wanted {
        Wanted::Audio(audio) => (app.prompts.keep(name, audio.to_vec()).await, None),
        Wanted::Words(text) => {
            let words = PromptWords { text: text.clone(), language: language.to_owned() };
            (app.prompts.speak(name, words).await, Some(text))
        }
    };
    let refused = |why| ApiError::invalid(format!("This cannot be a prompt: {why}"));
    Ok((kept.map_err(ApiError::internal)?.map_err(refused)?, text))
}

/// A file that no prompt names any more. That it could not be removed is the operator's concern.
async fn forget(app: &App, sid: PromptSid, file: String) {
    if let Err(why) = app.prompts.remove(file).await {
        error!(prompt.sid = %sid, "a file of prompt {sid} could not be removed: {why}");
    }
}

async fn find(app: &App, asked: &Asked, pr: PromptSid) -> Result<Prompt, ApiError> {
    let found = app.store.prompt(pr).await?;
    found.filter(|of| of.account == asked.account).ok_or_else(|| ApiError::not_found(pr))
}

pub(super) async fn list(State(app): State<App>, asked: Asked) -> Outcome {
    let query = PageQuery::parse(&asked.params, SIZE_MAX)?;
    let rows = app.store.prompts(asked.account, store_page::ask(&query)).await?;
    let show = |of| tandem::prompt(&asked.at, &app.public_url, &of);
    let page = store_page::page(&query, rows, |of| of.sid, show);
    let path = asked.at.url("/Prompts");
    Ok(ok(Listing { path, key: "prompts", filters: Vec::new(), query }.v1(page)))
}

pub(super) async fn create(State(app): State<App>, request: Request) -> Outcome {
    let (asked, form, wanted) = read(&app, request).await?;
    let name = form.required_name("friendly_name")?;
    let language = language(&form)?.unwrap_or_else(|| LANGUAGE.to_owned());
    let wanted = wanted.ok_or_else(|| {
        ApiError::invalid("A prompt needs an audio file (a body of type audio/wav or audio/mpeg) or text")
    })?;
    let (sid, now) = (app.sids.make(PromptSid::generate), app.now());
    let (kept, text) = keep(&app, sid, now, wanted, &language).await?;
    let prompt = Prompt {
        sid,
        account: asked.account,
        friendly_name: name,
        language,
        text,
        file: kept.file,
        content_type: kept.content_type.to_owned(),
        bytes: kept.bytes,
        length: kept.length,
        created: now,
        updated: now,
    };
    if let Err(refused) = app.store.prompt_add(prompt.clone()).await {
        forget(&app, sid, prompt.file).await;
        return Err(ApiError::from(refused).into());
    }
    info!(prompt.sid = %sid, account.sid = %asked.account, "prompt {sid} was created");
    Ok(created(tandem::prompt(&asked.at, &app.public_url, &prompt)))
}

pub(super) async fn fetch(State(app): State<App>, At(pr): At<PromptSid>, asked: Asked) -> Outcome {
    Ok(ok(tandem::prompt(&asked.at, &app.public_url, &find(&app, &asked, pr).await?)))
}

/// Other audio, other words, another name. Whoever hears it now hears it to its end.
pub(super) async fn update(State(app): State<App>, At(pr): At<PromptSid>, request: Request) -> Outcome {
    let (asked, form, wanted) = read(&app, request).await?;
    let before = find(&app, &asked, pr).await?;
    let (name, language, now) = (form.name("friendly_name")?, language(&form)?, app.now());
    let spoken_in = language.clone().unwrap_or_else(|| before.language.clone());
    let same = matches!(&wanted, Some(Wanted::Words(text)) if before.text.as_ref() == Some(text))
        && spoken_in == before.language;
    // Words in another language are spoken anew.
    let wanted = match wanted {
        None if spoken_in != before.language => before.text.clone().map(Wanted::Words),
        wanted => wanted.filter(|_| !same),
    };
    let kept = match wanted {
        Some(wanted) => Some(keep(&app, pr, now, wanted, &spoken_in).await?),
        None => None,
    };
    let (file, replaced) = (kept.as_ref().map(|(kept, _)| kept.file.clone()), before.file);
    let change = move |prompt: &mut Prompt| {
        prompt.friendly_name = name.unwrap_or_else(|| std::mem::take(&mut prompt.friendly_name));
        prompt.language = spoken_in;
        if let Some((kept, text)) = kept {
            prompt.text = text;
            prompt.file = kept.file;
            prompt.content_type = kept.content_type.to_owned();
            prompt.bytes = kept.bytes;
            prompt.length = kept.length;
        }
        prompt.updated = now;
    };
    let changed = app.store.prompt_update(pr, change).await;
    let unused = if changed.is_ok() { file.map(|_| replaced) } else { file };
    if let Some(unused) = unused {
        forget(&app, pr, unused).await;
    }
    let prompt = changed?;
    info!(prompt.sid = %pr, account.sid = %asked.account, "prompt {pr} was changed");
    Ok(ok(tandem::prompt(&asked.at, &app.public_url, &prompt)))
}

/// Refused with 409 while something plays it.
pub(super) async fn remove(State(app): State<App>, At(pr): At<PromptSid>, asked: Asked) -> Outcome {
    let prompt = find(&app, &asked, pr).await?;
    let uses = uses(&app, &asked, pr).await?;
    if !uses.is_empty() {
        let why = format!("'{}' is still played by {}", prompt.friendly_name, uses.join(", "));
        return Err(ApiError::with(20409, why).into());
    }
    if !app.store.prompt_remove(pr).await? {
        return Err(ApiError::not_found(pr).into());
    }
    forget(&app, pr, prompt.file).await;
    info!(prompt.sid = %pr, account.sid = %asked.account, "prompt {pr} was deleted");
    Ok(deleted())
}

/// The audio, for whoever may read the prompt; ranges are answered.
pub(super) async fn media(
    State(app): State<App>,
    At(pr): At<PromptSid>,
    request: Request,
) -> Result<Response, Failure> {
    let headers = request.headers().clone();
    let asked = Asked::from_request(request, &app).await?;
    let prompt = find(&app, &asked, pr).await?;
    let kind = HeaderValue::from_str(&prompt.content_type).map_err(ApiError::internal)?;
    Ok(served(app.prompts.path(&prompt.file), kind, &headers).await)
}

/// What plays a prompt: documents, mailboxes, workflows, and the music of those who wait.
async fn uses(app: &App, asked: &Asked, pr: PromptSid) -> Result<Vec<String>, ApiError> {
    let (sid, account) = (pr.to_string(), asked.account);
    let mut uses = Vec::new();
    if app.store.setting(owner::hold_music_setting(account)).await?.is_some_and(|kept| kept.contains(&sid)) {
        uses.push("the hold music".to_owned());
    }
    let mut page = Page::all();
    loop {
        let Rows { rows, more } = app.store.twiml_bins(account, page).await?;
        let playing = rows.iter().filter(|bin| bin.body.contains(&sid));
        uses.extend(playing.map(|bin| format!("the document '{}'", bin.friendly_name)));
        let Some(last) = rows.last().filter(|_| more) else { break };
        page = Page::after(PAGE_ROWS_MAX, last.sid.to_string());
    }
    for settings in app.store.mailboxes(account).await? {
        if matches!(&settings.greeting, Some(Greeting::Play(url)) if url.contains(&sid)) {
            uses.push(format!("the mailbox of {}", settings.mailbox));
        }
    }
    for ws in app.store.workspaces(account).await? {
        let wanted = sid.clone();
        let playing = app.workspaces.read(ws, move |w, _| {
            let playing = w.workflows().filter(|of| of.configuration.contains(&wanted));
            playing.map(|of| format!("the workflow '{}'", of.friendly_name)).collect::<Vec<_>>()
        });
        uses.extend(playing.await?);
    }
    uses.truncate(USES_MAX);
    Ok(uses)
}

// --- What those who wait hear ---------------------------------------------------------------------------------

async fn music(app: &App, asked: &Asked) -> Result<serde_json::Value, ApiError> {
    let kept = app.store.setting(owner::hold_music_setting(asked.account)).await?;
    Ok(tandem::hold_music(&asked.at, kept.as_deref().filter(|kept| !kept.is_empty())))
}

async fn set_to(app: &App, asked: &Asked, kept: String) -> Outcome {
    let url = owner::hold_music_url(&app.public_url, &kept);
    app.store.setting_save(owner::hold_music_setting(asked.account), kept).await?;
    app.voice(asked.account)?.input(Input::HoldMusic(url)).await?;
    info!(account.sid = %asked.account, "the music of those who wait was set");
    Ok(ok(music(app, asked).await?))
}

pub(super) async fn hold_music(State(app): State<App>, asked: Asked) -> Outcome {
    Ok(ok(music(&app, &asked).await?))
}

/// A prompt of ours, or a URL.
pub(super) async fn set_hold_music(State(app): State<App>, asked: Asked) -> Outcome {
    let form = fields(&asked)?;
    let (prompt, url) = (form.parsed::<PromptSid>("prompt_sid")?, form.url("music_url", 20001)?.flatten());
    let kept = match (prompt, url) {
        (Some(pr), None) => find(&app, &asked, pr).await?.sid.to_string(),
        (None, Some(url)) => url,
        _ => return Err(ApiError::invalid("One of prompt_sid and music_url is needed").into()),
    };
    set_to(&app, &asked, kept).await
}

/// Our own music again.
pub(super) async fn remove_hold_music(State(app): State<App>, asked: Asked) -> Outcome {
    set_to(&app, &asked, String::new()).await.map(|_| deleted())
}
