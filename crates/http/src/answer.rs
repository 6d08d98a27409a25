//! Answers: JSON with its status, and errors in the API's own form.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use wire::ApiError;

/// What a handler ends with.
pub(crate) type Outcome = Result<Answer, Failure>;

/// A good answer.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    body: Option<Value>,
    version: Option<u64>,
}

/// 200 with a body.
pub(crate) fn ok(body: Value) -> Answer {
    Answer { status: StatusCode::OK, body: Some(body), version: None }
}

/// 201 with a body.
pub(crate) fn created(body: Value) -> Answer {
    Answer { status: StatusCode::CREATED, ..ok(body) }
}

/// 204.
pub(crate) fn deleted() -> Answer {
    Answer { status: StatusCode::NO_CONTENT, body: None, version: None }
}

impl Answer {
    /// With an `ETag`.
    pub fn version(mut self, version: u64) -> Self {
        self.version = Some(version);
        self
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = match self.body {
            Some(body) => (self.status, Json(body)).into_response(),
            None => self.status.into_response(),
        };
        let etag = self.version.and_then(|v| HeaderValue::from_str(&wire::taskrouter::etag(v)).ok());
        if let Some(etag) = etag {
            response.headers_mut().insert(header::ETAG, etag);
        }
        response
    }
}

/// An error on its way out. The body is written at the door, where the path is known; see [`crate::door`].
#[derive(Debug, Clone)]
pub(crate) struct Failure(pub ApiError);

impl<E: Into<ApiError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
