//! Conferences and who is in them.

use super::{caller_ids, own};
use crate::answer::{Outcome, created, deleted, ok};
use crate::ask::{App, Asked, At};
use crate::store_page;
use axum::extract::State;
use base::{AccountSid, CallSid, ConferenceSid};
use engine::call::port::{ConferenceRecord, ParticipantView, Request, Response};
use tracing::info;
use wire::ApiError;
use wire::conferences as shown;
use wire::page::{Listing, Page, PageQuery, SIZE_MAX};

pub(super) async fn list(State(app): State<App>, At(ac): At<AccountSid>, asked: Asked) -> Outcome {
    own(&asked, ac)?;
    let query = PageQuery::parse(&asked.params, SIZE_MAX)?;
    let filter = shown::conference_filter(&asked.params)?;
    let rows = app.store.conferences(ac, filter, store_page::ask(&query)).await?;
    let page = store_page::page(&query, rows, |c| c.sid, |c| shown::conference(ac, &c));
    let filters = asked.params.filters(shown::CONFERENCE_FILTERS);
    let path = store_page::uri(ac, "Conferences.json");
    Ok(ok(Listing { path, key: "conferences", filters, query }.v2010(page)))
}

pub(super) async fn find(app: &App, ac: AccountSid, cf: ConferenceSid) -> Result<ConferenceRecord, ApiError> {
    app.store.conference(ac, cf).await?.ok_or_else(|| ApiError::not_found(cf))
}

pub(super) async fn fetch(
    State(app): State<App>,
    At((ac, cf)): At<(AccountSid, ConferenceSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    Ok(ok(shown::conference(ac, &find(&app, ac, cf).await?)))
}

pub(super) async fn update(
    State(app): State<App>,
    At((ac, cf)): At<(AccountSid, ConferenceSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    let record = find(&app, ac, cf).await?;
    let change = shown::conference_change(&asked.params)?;
    if record.status == "completed" {
        // It cannot be ended twice, and there is nobody to hear anything.
        if change.announce.is_some() {
            return Err(ApiError::of(16001).into());
        }
        return Ok(ok(shown::conference(ac, &record)));
    }
    let ended = change.end;
    match app.voice(ac)?.request(Request::UpdateConference { conference: cf, change }).await? {
        Response::Conference(record) => {
            if ended {
                info!(conference.sid = %cf, account.sid = %ac, "conference {cf} was ended over the API");
            }
            Ok(ok(shown::conference(ac, &record)))
        }
        other => Err(unexpected(other).into()),
    }
}

// --- Participants ---------------------------------------------------------------------------------------------

fn unexpected(response: Response) -> ApiError {
    match response {
        Response::Refused { status, code, message } => ApiError::refused(status, code, message),
        _ => ApiError::internal("the calls answered another question"),
    }
}

fn participant(response: Response) -> Result<Box<ParticipantView>, ApiError> {
    match response {
        Response::Participant(view) => Ok(view),
        other => Err(unexpected(other)),
    }
}

/// The participants of a live conference; none of one that is over.
async fn participants(
    app: &App,
    ac: AccountSid,
    cf: ConferenceSid,
) -> Result<Vec<ParticipantView>, ApiError> {
    find(app, ac, cf).await?;
    let view = app.voice(ac)?.read(move |switchboard, _| switchboard.conference(cf)).await?;
    Ok(view.map(|view| view.participants).unwrap_or_default())
}

pub(super) async fn list_participants(
    State(app): State<App>,
    At((ac, cf)): At<(AccountSid, ConferenceSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    let query = PageQuery::parse(&asked.params, SIZE_MAX)?;
    let mut all = participants(&app, ac, cf).await?;
    all.retain(|participant| shown::is_asked_for(&asked.params, participant));
    let page = Page::cut(
        all,
        &query,
        |a, b| (a.created, a.call).cmp(&(b.created, b.call)),
        |participant| participant.call,
        |participant, text| text.parse().is_ok_and(|call: CallSid| call == participant.call),
    );
    let page = page.map(|participant| shown::participant(ac, &participant));
    let filters = asked.params.filters(shown::PARTICIPANT_FILTERS);
    let path = store_page::uri(ac, format_args!("Conferences/{cf}/Participants.json"));
    Ok(ok(Listing { path, key: "participants", filters, query }.v2010(page)))
}

/// The conference is named by its SID, or by its friendly name, under which it is made if there is none.
pub(super) async fn create_participant(
    State(app): State<App>,
    At((ac, conference)): At<(AccountSid, String)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    let new = Box::new(shown::new_participant(&asked.params)?);
    let voice = app.active_voice(ac)?;
    caller_ids::check(&app, ac, &new.call.to, &new.call.from).await?;
    let made = participant(voice.request(Request::AddParticipant { conference, new }).await?)?;
    info!(call.sid = %made.call, conference.sid = %made.conference, "call {} was made to conference {}", made.call,
        made.conference);
    Ok(created(shown::participant(ac, &made)))
}

pub(super) async fn fetch_participant(
    State(app): State<App>,
    At((ac, cf, name)): At<(AccountSid, ConferenceSid, String)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    let call = name.parse::<CallSid>().ok();
    let all = participants(&app, ac, cf).await?;
    let is = |p: &&ParticipantView| Some(p.call) == call || p.label.as_ref() == Some(&name);
    let found = all.iter().find(is).ok_or_else(|| ApiError::not_found(&name))?;
    Ok(ok(shown::participant(ac, found)))
}

pub(super) async fn update_participant(
    State(app): State<App>,
    At((ac, cf, name)): At<(AccountSid, ConferenceSid, String)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    let change = shown::participant_change(&asked.params)?;
    find(&app, ac, cf).await?;
    let request = Request::UpdateParticipant { conference: cf, participant: name, change };
    let changed = participant(app.voice(ac)?.request(request).await?)?;
    Ok(ok(shown::participant(ac, &changed)))
}

pub(super) async fn remove_participant(
    State(app): State<App>,
    At((ac, cf, name)): At<(AccountSid, ConferenceSid, String)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    find(&app, ac, cf).await?;
    let request = Request::RemoveParticipant { conference: cf, participant: name };
    match app.voice(ac)?.request(request).await? {
        Response::Done => Ok(deleted()),
        other => Err(unexpected(other).into()),
    }
}
