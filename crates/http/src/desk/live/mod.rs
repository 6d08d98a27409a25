//! `GET /tandem/v1/desk`: a websocket that tells a signed-in user what they may see: everything once, then each change
//! with its number (`docs/reference/desk-protocol.md`).
//!
//! - `hub`: one task per workspace, which knows what each desk was told last. `view`: what there is to tell. `socket`: one
//!   connection.

mod hub;
mod socket;
mod view;

pub(crate) use hub::Desks;

use super::access;
use crate::Stopping;
use crate::answer::Failure;
use crate::ask::App;
use axum::extract::{FromRequestParts, Request, State, WebSocketUpgrade};
use axum::http::Method;
use axum::response::Response;
use wire::{ApiError, Params};

/// `since=EPOCH.SEQ`: the last event that the client had.
pub(super) async fn listen(State(app): State<App>, request: Request) -> Result<Response, Failure> {
    let (mut parts, _) = request.into_parts();
    let signed_in = access::signed_in(&app, &Method::GET, &parts.headers).await?;
    let workspace = signed_in.user.workspace;
    let workspace = workspace.filter(|ws| app.workspaces.account_of(*ws) == Some(signed_in.user.account));
    let workspace = workspace.ok_or_else(|| ApiError::invalid("You do not work in a workspace"))?;
    let params = Params::parse(parts.uri.query().unwrap_or_default(), b"")?;
    let since = params.filled("since").and_then(|text| {
        let (epoch, seq) = text.rsplit_once('.')?;
        Some((epoch.to_owned(), seq.parse().ok()?))
    });
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &app)
        .await
        .map_err(|why| ApiError::invalid(format!("This address is for websockets: {why}")))?;
    let stop = parts.extensions.get::<Stopping>().cloned().unwrap_or_default().0;
    Ok(upgrade
        .max_message_size(socket::INCOMING_BYTES_MAX)
        .max_frame_size(socket::INCOMING_BYTES_MAX)
        .read_buffer_size(socket::INCOMING_BYTES_MAX)
        .on_upgrade(move |socket| socket::run(app, workspace, signed_in, since, socket, stop)))
}
