//! The built web, embedded in the binary: the desk under `/desk`, and in development the phone simulator under `/phone`. A
//! build without it shows how to build it.

use crate::ask::App;
use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use rust_embed::RustEmbed;
use std::borrow::Cow;

/// What `npm run build` made in `app/` of the desk; a debug build reads the folder as it is when it is asked.
#[derive(RustEmbed)]
#[folder = "../../apps/web/dist"]
struct Desk;

/// The same of the phone simulator.
#[derive(RustEmbed)]
#[folder = "../../apps/phone/dist"]
struct Phone;

const PAGE: &str = "app/index.html";
/// Shown while there is no page.
const PLACEHOLDER: &str = "placeholder.html";

/// Nothing from elsewhere, nothing inline, nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      font-src 'self'; connect-src 'self'; media-src 'self' blob:; worker-src 'self'; \
                      manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The pages; simulated customers only in development.
pub(crate) fn router(dev: bool) -> Router<App> {
    let desk = Router::new()
        .route("/", get(async || Redirect::temporary("/desk")))
        .route("/desk", get(async || page::<Desk>()))
        .route("/desk/{*path}", get(file::<Desk>));
    if !dev {
        return desk;
    }
    desk.route("/phone", get(async || page::<Phone>())).route("/phone/{*path}", get(file::<Phone>))
}

async fn file<Built: RustEmbed>(Path(path): Path<String>) -> Response {
    match Built::get(&format!("app/{path}")) {
        // Its name changes with its content.
        Some(found) => served(&path, found.data, path.starts_with("assets/")),
        None if path.starts_with("assets/") => StatusCode::NOT_FOUND.into_response(),
        // An address within the page.
        None => page::<Built>(),
    }
}

fn page<Built: RustEmbed>() -> Response {
    let found = Built::get(PAGE).or_else(|| Built::get(PLACEHOLDER));
    match found {
        Some(found) => served(PAGE, found.data, false),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn served(path: &str, data: Cow<'static, [u8]>, forever: bool) -> Response {
    let kind = match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json" | "webmanifest") => "application/json",
        Some("wav") => "audio/wav",
        Some("mp3") => "audio/mpeg",
        Some("woff2") => "font/woff2",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    };
    let keep = if forever { "public, max-age=31536000, immutable" } else { "no-cache" };
    let all = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, keep),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(self)"),
    ];
    let headers: HeaderMap =
        all.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect();
    (headers, data).into_response()
}
