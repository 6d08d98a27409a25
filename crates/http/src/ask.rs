//! What a handler is given: who asks, by which address, and with what.

use crate::answer::Failure;
use crate::desk::{self, Desks, Logins, access};
use crate::event_bridge::Bridge;
use crate::{Api, BODY_BYTES_MAX, address::Reached, auth};
use axum::body::{Bytes, HttpBody};
use axum::extract::{FromRequest, FromRequestParts, MatchedPath, Path, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use base::{AccountSid, Timestamp, WorkspaceSid};
use engine::routing::Workspace;
use engine::routing::command::{Answer as Decided, Command, RoutingError};
use serde::de::DeserializeOwned;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use store::model::User;
use wire::{Address, ApiError, Params};

/// How long a body that is too large is read all the same, up to twice what is allowed, so that its sender hears the refusal.
const REFUSED_BODY_MAX: Duration = Duration::from_secs(5);

/// What handlers share.
#[derive(Clone)]
pub(crate) struct App {
    pub api: Arc<Api>,
    /// The websockets of the TaskRouter JS SDK.
    pub bridge: Arc<Bridge>,
    /// The websockets of desks.
    pub desks: Arc<Desks>,
    /// What keeps guessers of passwords slow.
    pub logins: Arc<Logins>,
    /// Who has which secret.
    pub credentials: Arc<auth::Credentials>,
}

impl std::ops::Deref for App {
    type Target = Api;
    fn deref(&self) -> &Api {
        &self.api
    }
}

impl App {
    pub fn new(api: Api) -> Self {
        let desks = Arc::new(Desks::new(&api));
        let (bridge, logins) = (Arc::new(Bridge::new()), Arc::new(Logins::new()));
        Self { api: Arc::new(api), bridge, desks, logins, credentials: Arc::default() }
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now().wall
    }

    /// `ws` must be `account`'s.
    pub fn own(&self, account: AccountSid, ws: WorkspaceSid) -> Result<(), ApiError> {
        if self.workspaces.account_of(ws) == Some(account) { Ok(()) } else { Err(ApiError::not_found(ws)) }
    }

    /// Reads a workspace of the asking account.
    pub async fn read<R: Send + 'static>(
        &self,
        asked: &Asked,
        ws: WorkspaceSid,
        read: impl FnOnce(&Workspace, Timestamp) -> Result<R, ApiError> + Send + 'static,
    ) -> Result<R, ApiError> {
        self.own(asked.account, ws)?;
        self.workspaces.read(ws, read).await?
    }

    /// Asks a workspace of the asking account to change, and reads it as it is then.
    pub async fn change<R: Send + 'static>(
        &self,
        asked: &Asked,
        ws: WorkspaceSid,
        command: Command,
        read: impl FnOnce(&Workspace, Timestamp, &Decided) -> Result<R, ApiError> + Send + 'static,
    ) -> Result<R, ApiError> {
        self.own(asked.account, ws)?;
        self.workspaces.ask_and_read(ws, command, read).await?
    }

    /// The same, if `check` finds nothing against it in the state right before.
    pub async fn change_if<R: Send + 'static>(
        &self,
        asked: &Asked,
        ws: WorkspaceSid,
        check: impl FnOnce(&Workspace) -> Result<(), RoutingError> + Send + 'static,
        command: Command,
        read: impl FnOnce(&Workspace, Timestamp, &Decided) -> Result<R, ApiError> + Send + 'static,
    ) -> Result<R, ApiError> {
        self.own(asked.account, ws)?;
        self.workspaces.ask_if_and_read(ws, check, command, read).await?
    }

    /// Asks a workspace of the asking account to change.
    pub async fn ask(&self, asked: &Asked, ws: WorkspaceSid, command: Command) -> Result<(), ApiError> {
        self.own(asked.account, ws)?;
        self.workspaces.ask(ws, command).await?;
        Ok(())
    }
}

/// An authenticated request with its parameters.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Whose resources are meant.
    pub account: AccountSid,
    /// Whose credentials it came with: the account itself, or its owner.
    pub asker: AccountSid,
    /// They were an API key's.
    pub by_key: bool,
    /// Who signed in; `None` for whoever has the account's credentials.
    pub user: Option<User>,
    /// Root of the product's URLs, version included.
    pub at: Address,
    pub params: Params,
    /// `If-Match`, if it names a version.
    pub if_match: Option<u64>,
    /// The body as it came.
    pub body: Bytes,
}

impl FromRequest<App> for Asked {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self, Failure> {
        let (mut parts, body) = request.into_parts();
        let Asking { account, asker, by_key, user, act } = account(&mut parts, app).await?;
        let body = read_body(&parts.headers, body).await?;
        let is_json = content_type(&parts.headers).contains("json");
        let form: &[u8] = if is_json { b"" } else { &body };
        let if_match = parts.headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok());
        let asked = Self {
            account,
            asker,
            by_key,
            user,
            at: address(&parts),
            params: Params::parse(parts.uri.query().unwrap_or_default(), form)?,
            if_match: if_match.and_then(wire::taskrouter::if_match),
            body,
        };
        if let Some(act) = act {
            desk::note_act(app, &asked, act).await?;
        }
        Ok(asked)
    }
}

/// Who asks.
struct Asking {
    account: AccountSid,
    asker: AccountSid,
    by_key: bool,
    user: Option<User>,
    /// What they change in the set-up, to be kept before it is done.
    act: Option<desk::Act>,
}

/// The account that a request may act for, by its credentials, else by the session of a user who may do this.
async fn account(parts: &mut Parts, app: &App) -> Result<Asking, ApiError> {
    let signs_in =
        !parts.headers.contains_key(header::AUTHORIZATION) && access::cookie(&parts.headers).is_some();
    let by = match signs_in {
        true => None,
        false => Some(auth::authenticate(app, &parts.headers).await?),
    };
    let names = RawPathParams::from_request_parts(parts, app).await.ok();
    let named = |name: &str| {
        let mut pairs = names.iter().flat_map(|params| params.iter());
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
    };
    if let Some(by) = by {
        let ac = named("ac").and_then(|text| text.parse().ok());
        let account = auth::addressed(app, by, ac, &parts.method).await?;
        return Ok(Asking { account, asker: by.account, by_key: by.by_key, user: None, act: None });
    }
    let user = access::signed_in(app, &parts.method, &parts.headers).await?.user;
    let route = parts.extensions.get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route.unwrap_or_default();
    if !access::permitted(&user, &parts.method, &route, named) {
        return Err(ApiError::of(20403));
    }
    let act =
        access::changes_setup(&parts.method, &route).then(|| desk::Act::of(&parts.method, &route, named));
    let account = user.account;
    Ok(Asking { account, asker: account, by_key: false, user: Some(user), act: act.flatten() })
}

/// The product's root with the version that the path names.
pub(crate) fn address(parts: &Parts) -> Address {
    let reached = parts.extensions.get::<Reached>();
    let version = reached.and_then(|reached| reached.path.split('/').nth(2)).unwrap_or_default();
    let root = reached.map(|reached| reached.root.as_str()).unwrap_or_default();
    Address::new(format!("{root}/{version}"))
}

fn content_type(headers: &HeaderMap) -> &str {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The whole body, or 413.
pub(crate) async fn read_body(headers: &HeaderMap, body: axum::body::Body) -> Result<Bytes, ApiError> {
    read_body_of(headers, body, BODY_BYTES_MAX).await
}

/// The same for a body of at most so many bytes.
pub(crate) async fn read_body_of(
    headers: &HeaderMap,
    body: axum::body::Body,
    bytes_max: usize,
) -> Result<Bytes, ApiError> {
    let announced =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if let Some(length) = announced.filter(|length| *length > bytes_max) {
        if length <= bytes_max.saturating_mul(2) {
            let _ = tokio::time::timeout(REFUSED_BODY_MAX, discard(body)).await;
        }
        return Err(ApiError::of(20413));
    }
    match axum::body::to_bytes(body, bytes_max).await {
        Ok(bytes) => Ok(bytes),
        Err(error) if is_too_long(&error) => Err(ApiError::of(20413)),
        Err(_) => Err(ApiError::invalid("The request body could not be read")),
    }
}

/// Reads a body that is refused to its end: who is cut off while they send do not hear why.
async fn discard(mut body: axum::body::Body) {
    while let Some(Ok(_)) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {}
}

fn is_too_long(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(|cause| cause.to_string().contains("length limit"))
}

/// What the path names. A text that is no SID of its kind names nothing: 404.
pub(crate) struct At<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for At<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        match Path::<T>::from_request_parts(parts, app).await {
            Ok(Path(named)) => Ok(Self(named)),
            Err(_) => Err(ApiError::not_found("").into()),
        }
    }
}
