//! Media streams of live calls.

use super::own;
use crate::answer::{Outcome, ok};
use crate::ask::{App, Asked, At};
use axum::extract::State;
use base::{AccountSid, CallSid};
use engine::call::port::{Request, Response};
use tracing::info;
use wire::ApiError;
use wire::streams;

/// What the switchboard answered, as a stream.
async fn answered(app: &App, ac: AccountSid, ca: CallSid, what: Request) -> Outcome {
    match app.voice(ac)?.request(what).await? {
        Response::Stream(stream) => {
            info!(stream.sid = %stream.sid, call.sid = %ca, "stream {} is live: {}", stream.sid, stream.live);
            Ok(ok(streams::stream(ac, &stream)))
        }
        // The switchboard forgets calls; the store tells an ended call from none.
        Response::Refused { status: 404, .. } if app.store.call(ac, ca).await?.is_none() => {
            Err(ApiError::not_found(ca).into())
        }
        Response::Refused { status, code, message } => Err(ApiError::refused(status, code, message).into()),
        other => {
            Err(ApiError::internal(format_args!("a stream was asked for and answered with {other:?}")).into())
        }
    }
}

pub(super) async fn create(
    State(app): State<App>,
    At((ac, ca)): At<(AccountSid, CallSid)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    let new = streams::new_stream(&asked.params)?;
    answered(&app, ac, ca, Request::StartStream { call: ca, new }).await
}

pub(super) async fn update(
    State(app): State<App>,
    At((ac, ca, stream)): At<(AccountSid, CallSid, String)>,
    asked: Asked,
) -> Outcome {
    own(&asked, ac)?;
    streams::stopped(&asked.params)?;
    answered(&app, ac, ca, Request::StopStream { call: ca, stream }).await
}
