//! What was recorded of a worker's calls, for whoever may read their timelines.

use super::agent::{OfCall, story};
use crate::MediaForm;
use crate::answer::Failure;
use crate::ask::{App, Asked, At};
use crate::twilio::api2010::recordings;
use axum::extract::{FromRequest, Request, State};
use axum::response::Response;
use base::{RecordingSid, ReservationSid, WorkerSid, WorkspaceSid};
use serde_json::Value;
use wire::ApiError;

/// `GET …/Calls/{wr}/Recordings/{re}/Media`: a recording that the call's timeline names, as WAV.
pub(super) async fn media(
    State(app): State<App>,
    At((ws, wk, wr, re)): At<(WorkspaceSid, WorkerSid, ReservationSid, RecordingSid)>,
    request: Request,
) -> Result<Response, Failure> {
    let headers = request.headers().clone();
    let asked = <Asked as FromRequest<App>>::from_request(request, &app).await?;
    let of: OfCall = (ws, wk, wr);
    let (_, entries) = story(&app, &asked, of).await?;
    let named = entries.iter().filter_map(|entry| entry.data.get("recording_sid").and_then(Value::as_str));
    let sid = re.to_string();
    if !named.into_iter().any(|name| name == sid) {
        return Err(ApiError::not_found(re).into());
    }
    recordings::media(&app, re, MediaForm::Wav, false, &headers).await
}
