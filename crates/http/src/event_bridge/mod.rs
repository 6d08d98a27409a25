//! The realtime protocol of the TaskRouter JS SDK: every request is an envelope that is POSTed to one address, and what
//! happens is told over a websocket at the same address.
//!
//! - `access`: who may do what. `ask`: what an envelope asks for. `answers`: what it is answered.
//! - `hub`: one task per workspace that tells the sockets of its workers. `events`: what they are told. `socket`: one
//!   connection.

mod access;
mod answers;
mod ask;
mod events;
mod hub;
mod socket;

pub(crate) use hub::Bridge;

use crate::Stopping;
use crate::answer::{Failure, Outcome, ok};
use crate::ask::{App, At, read_body};
use crate::token::Method;
use access::Caller;
use axum::Router;
use axum::extract::{Request, State, WebSocketUpgrade};
use axum::http::header;
use axum::response::Response;
use axum::routing::post;
use base::AccountSid;
use socket::Wishes;
use wire::event_bridge::{Envelope, answer};
use wire::{ApiError, Params};

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/wschannels", post(ask_plain).get(listen_plain))
        .route("/wschannels/{ac}/{channel}", post(ask_of_channel).get(listen_of_channel))
}

async fn ask_plain(State(app): State<App>, request: Request) -> Outcome {
    ask(app, None, request).await
}

async fn ask_of_channel(
    State(app): State<App>,
    At((ac, channel)): At<(AccountSid, String)>,
    request: Request,
) -> Outcome {
    ask(app, Some((ac, channel)), request).await
}

async fn ask(app: App, suffix: Option<(AccountSid, String)>, request: Request) -> Outcome {
    let (parts, body) = request.into_parts();
    let body = read_body(&parts.headers, body).await?;
    let envelope = Envelope::parse(&body)?;
    let caller = Caller::of(&app, &envelope.token).await?;
    caller.may_use(Method::Post, suffix.as_ref().map(|(ac, channel)| (*ac, channel.as_str())))?;
    let params = envelope.form()?;
    let asked = ask::Asked::parse(&envelope.url, &envelope.method, &params)?;
    caller.may(&app, &asked, &params).await?;
    if let Some(worker) = caller.worker {
        app.bridge.token_seen(caller.workspace, worker, caller.expires);
    }
    let if_match = parts.headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok());
    let if_match = if_match.and_then(wire::taskrouter::if_match);
    let payload = answers::answer(&app, &caller, asked, params, if_match).await?;
    Ok(ok(answer(envelope.event_type.as_deref(), payload)))
}

async fn listen_plain(State(app): State<App>, request: Request) -> Result<Response, Failure> {
    listen(app, None, request).await
}

async fn listen_of_channel(
    State(app): State<App>,
    At((ac, channel)): At<(AccountSid, String)>,
    request: Request,
) -> Result<Response, Failure> {
    listen(app, Some((ac, channel)), request).await
}

async fn listen(
    app: App,
    suffix: Option<(AccountSid, String)>,
    request: Request,
) -> Result<Response, Failure> {
    let (mut parts, _) = request.into_parts();
    let params = Params::parse(parts.uri.query().unwrap_or_default(), b"")?;
    let caller = Caller::of(&app, params.text("token").unwrap_or_default()).await?;
    caller.may_use(Method::Get, suffix.as_ref().map(|(ac, channel)| (*ac, channel.as_str())))?;
    let wishes = Wishes {
        close_existing: params.boolean("closeExistingSessions").unwrap_or(false),
        offline_if_disconnected: params.boolean("setWorkerOfflineIfDisconnected").unwrap_or(false),
        loads: suffix.is_none(),
    };
    let upgrade =
        <WebSocketUpgrade as axum::extract::FromRequestParts<App>>::from_request_parts(&mut parts, &app)
            .await
            .map_err(|why| ApiError::invalid(format!("This address is for websockets: {why}")))?;
    let stop = parts.extensions.get::<Stopping>().cloned().unwrap_or_default().0;
    Ok(upgrade
        .max_message_size(socket::INCOMING_BYTES_MAX)
        .max_frame_size(socket::INCOMING_BYTES_MAX)
        .read_buffer_size(socket::INCOMING_BYTES_MAX)
        .on_upgrade(move |socket| socket::run(app, caller, wishes, socket, stop)))
}
