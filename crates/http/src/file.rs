//! Audio files, whole or the part that is asked for.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use std::path::PathBuf;
use tower::ServiceExt;
use tower_http::services::ServeFile;

/// The file as `kind`, or the range that `headers` ask for, so that a player can seek.
pub(crate) async fn served(file: PathBuf, kind: HeaderValue, headers: &HeaderMap) -> Response {
    let mut inner = Request::new(Body::empty());
    for name in [header::RANGE, header::IF_MODIFIED_SINCE, header::IF_RANGE] {
        inner.headers_mut().extend(headers.get(&name).map(|value| (name, value.clone())));
    }
    let mut response = match ServeFile::new(file).oneshot(inner).await {
        Ok(response) => response.map(Body::new),
        Err(never) => match never {},
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private"));
    response
}
