//! What every request passes on its way in and out: which product it is for, panics, errors in the API's own form, CORS,
//! counting and the log.

use crate::address::{Public, Reached};
use crate::answer::Failure;
use crate::ask::App;
use crate::{Api, desk, event_bridge, health, twilio, web};
use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::convert::Infallible;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;
use tower::ServiceExt;
use tracing::{error, info};
use wire::ApiError;

/// Route of a request that none is for, in metrics.
const NO_ROUTE: &str = "none";
/// Seconds after which a refused client should try again.
const RETRY_AFTER_S: HeaderValue = HeaderValue::from_static("1");

pub(crate) fn router(api: Api) -> Router {
    let public = Arc::new(Public::new(&api.public_url));
    let dev = api.dev;
    let app = App::new(api);
    let metrics = app.metrics.clone();
    let inner: Router = Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .nest("/taskrouter/v1", twilio::taskrouter::router())
        .nest("/event-bridge/v1", event_bridge::router())
        .nest("/api/2010-04-01", twilio::api2010::router())
        .nest("/sync/v1", twilio::sync::router())
        .nest("/tandem/v1", desk::router().route("/openapi.json", get(openapi)))
        .merge(web::router(dev))
        .fallback(no_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn(remember_route))
        .with_state(app);
    let outer = move |request: Request| {
        let (inner, public, metrics) = (inner.clone(), public.clone(), metrics.clone());
        async move {
            let response = pass(inner, &public, request).await;
            metrics.answered(route_of(&response), response.status().as_u16());
            response
        }
    };
    Router::new().fallback(outer)
}

async fn openapi() -> Json<serde_json::Value> {
    Json(wire::openapi::document())
}

async fn no_route() -> Failure {
    ApiError::not_found("").into()
}

async fn wrong_method() -> Failure {
    ApiError::of(20004).into()
}

/// The route that matched, kept for whoever counts.
#[derive(Clone)]
struct Route(MatchedPath);

async fn remember_route(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned().map(Route);
    let mut response = next.run(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}

fn route_of(response: &Response) -> &str {
    response.extensions().get::<Route>().map_or(NO_ROUTE, |route| route.0.as_str())
}

async fn pass(inner: Router, public: &Public, mut request: Request) -> Response {
    if request.method() == Method::OPTIONS {
        return cors(StatusCode::NO_CONTENT.into_response());
    }
    let reached = public.reached(host(&request), request.uri().path());
    let asked_path = resource_path(&reached.path);
    let method = request.method().clone();
    let by_script = is_by_script(request.headers());
    match rewritten(request.uri(), &reached.path) {
        Some(uri) => *request.uri_mut() = uri,
        None => return refuse(ApiError::not_found(""), &method, NO_ROUTE, &asked_path),
    }
    request.extensions_mut().insert(reached);
    let response = caught(inner, request).await.unwrap_or_else(|panicked| panicked.into_response());
    let route = route_of(&response).to_owned();
    let (mut parts, body) = response.into_parts();
    let response = match parts.extensions.remove::<Failure>() {
        Some(Failure(error)) => {
            let mut response = refuse(error, &method, &route, &asked_path);
            if by_script {
                response.headers_mut().remove(header::WWW_AUTHENTICATE);
            }
            response.extensions_mut().extend(parts.extensions);
            return cors(response);
        }
        None => Response::from_parts(parts, body),
    };
    cors(response)
}

/// Runs the handler; a panic is an answer, and ends this request only.
async fn caught(inner: Router, request: Request<Body>) -> Result<Response, Failure> {
    let mut answer = Box::pin(inner.oneshot(request));
    let answered: Result<Result<Response, Infallible>, ()> =
        poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(_) => Poll::Ready(Err(())),
        })
        .await;
    match answered {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(never)) => match never {},
        Err(()) => Err(ApiError::internal("a handler panicked").into()),
    }
}

/// The error as the client reads it; said once in the log, without what the client sent.
fn refuse(error: ApiError, method: &Method, route: &str, path: &str) -> Response {
    let error = error.about_path(path);
    let sids = sids(path);
    if error.status >= 500 {
        let cause = error.operator.as_deref().unwrap_or("no cause was given");
        error!(%method, route, %sids, status = error.status, code = error.code, "{method} {route} failed: {cause}");
    } else {
        info!(%method, route, %sids, status = error.status, code = error.code, "{method} {route} was refused with {}", error.code);
    }
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Json(error.body())).into_response();
    let headers = response.headers_mut();
    // A page whose token is bad must not make the browser ask its user for a password.
    if status == StatusCode::UNAUTHORIZED && !route.starts_with("/event-bridge") {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"Twilio API\""));
    }
    if matches!(error.status, 429 | 503) {
        headers.insert(header::RETRY_AFTER, RETRY_AFTER_S);
    }
    response
}

/// A page's script asked, which must not make the browser ask its user for a password. Browsers say so themselves.
fn is_by_script(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-mode").is_some_and(|mode| mode != "navigate")
}

/// The SIDs that a path names, for the log.
fn sids(path: &str) -> String {
    let is_sid = |segment: &&str| {
        segment.len() == 34
            && segment.bytes().take(2).all(|b| b.is_ascii_uppercase())
            && segment.bytes().skip(2).all(|b| b.is_ascii_hexdigit())
    };
    path.split(['/', '.']).filter(is_sid).collect::<Vec<_>>().join(" ")
}

/// The path as error messages name it: without product and version, except for the 2010 API, which keeps its version
/// and suffix.
fn resource_path(path: &str) -> String {
    if let Some(rest) = path.strip_prefix("/api/2010-04-01") {
        return format!("/2010-04-01{rest}.json");
    }
    let rest = path.splitn(4, '/').nth(3);
    rest.map_or_else(|| path.to_owned(), |rest| format!("/{rest}"))
}

fn host(request: &Request) -> Option<&str> {
    let header = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    request.uri().authority().map(|authority| authority.as_str()).or(header)
}

fn rewritten(uri: &Uri, path: &str) -> Option<Uri> {
    let path = if path.is_empty() { "/" } else { path };
    match uri.query() {
        Some(query) => format!("{path}?{query}").parse().ok(),
        None => path.parse().ok(),
    }
}

/// Browsers of any origin may ask; credentials are in a header, never in a cookie.
fn cors(mut response: Response) -> Response {
    const HEADERS: &[(header::HeaderName, &str)] = &[
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, DELETE, OPTIONS"),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "Accept, Authorization, Content-Type, If-Match, If-Modified-Since, If-None-Match, \
             If-Unmodified-Since, Idempotency-Key, clientVersion, apiVersion",
        ),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, "ETag"),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    let headers: &mut HeaderMap = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name.clone(), HeaderValue::from_static(value));
    }
    response
}

/// Where a request came by, for handlers that need the server's own address.
pub(crate) fn reached(extensions: &axum::http::Extensions) -> Option<&Reached> {
    extensions.get::<Reached>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_answered_and_ends_nothing_else() {
        async fn panics() -> &'static str {
            panic!("a broken invariant")
        }
        let inner =
            Router::new().route("/tandem/v1/Panics", get(panics)).route("/healthz", get(health::healthz));
        let public = Public::new("http://127.0.0.1:8080");
        let ask = |path: &str| {
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            pass(inner.clone(), &public, request)
        };
        let response = ask("/tandem/v1/Panics").await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&body).unwrap(), ApiError::of(20500).body());
        assert_eq!(ask("/healthz").await.status(), StatusCode::OK);
    }

    #[test]
    fn a_log_names_the_sids_of_a_path_and_nothing_else() {
        let ca = format!("CA{}", "0".repeat(32));
        assert_eq!(sids(&format!("/2010-04-01/Accounts/x/Calls/{ca}.json")), ca);
        assert_eq!(sids("/Services/default/Maps/+15550100001"), "");
    }
}
