//! The API over HTTP: addresses, credentials, and one thin handler per operation.
//!
//! [`router`] answers for every product at its path prefix (`/taskrouter/v1/…`) and at its host label
//! (`taskrouter.example.com/v1/…`). Handlers authenticate, parse, ask the owner, and render; what a body looks like is
//! `wire`'s, what happens is the engine's.
//!
//! - [`twilio`]: the compatible products. [`event_bridge`]: what the TaskRouter JS SDK talks to. [`desk`]: our own API under `/tandem/v1`.
//! - [`web`]: the pages of the desk.
//! - [`door`]: what every request passes: addressing, panics, errors, CORS, counting, the log.

mod address;
mod answer;
mod ask;
mod auth;
mod desk;
mod door;
mod event_bridge;
mod file;
mod health;
mod metrics;
mod prompts;
mod retention;
mod routes;
mod store_page;
mod sweep;
mod token;
mod twilio;
mod validations;
mod web;

pub use desk::{Lines, NoLines, Oidc, OidcSettings, PhoneLine, TrunkLine, TrunkRegistered};
pub use health::{Readiness, State as ReadyState};
pub use metrics::{Metrics, count_decisions};
pub use prompts::{KeptPrompt, NoPrompts, PROMPT_BYTES_MAX, PromptMedia, PromptWords};
pub use retention::{Retention, retain, retain_once};
pub use routes::{Route, all_routes};
pub use sweep::sweep;
pub use token::{IceSettings, VoiceGrant, ice_json, voice_grant};
pub use validations::{Entered, VALIDATION_DOCUMENTS, VALIDATION_ENDED, Validation, Validations};

use axum::serve::ListenerExt;
use base::{AccountSid, Clock, Entropy, PhoneNumber, RecordingSid};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use store::Store;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::debug;
use wire::ApiError;

/// Largest request body, in bytes: a form with the longest workflow configuration fits.
pub const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Everything the API needs.
#[derive(Clone)]
pub struct Api {
    /// The owners of the workspaces.
    pub workspaces: owner::Workspaces,
    /// The owners of the calls.
    pub voices: owner::Voices,
    /// What requests to applications are signed with; told of every new account.
    pub tokens: webhook::Tokens,
    /// Documents and records.
    pub store: Store,
    /// The process's clock.
    pub clock: Clock,
    /// How others reach us, without a trailing slash: `http://127.0.0.1:8080`.
    pub public_url: String,
    /// Development: any E.164 number can be created.
    pub dev: bool,
    /// Numbers that may be created outside development, beside those that are there already.
    pub number_pool: Vec<PhoneNumber>,
    /// The realm that phones hash their passwords with.
    pub sip_realm: String,
    /// What phones prove to know; told of every change of a SIP account.
    pub phones: owner::Phones,
    /// Who may call and register at SIP domains; told of every change of them.
    pub sip_directory: owner::SipDirectory,
    /// Caller IDs that somebody is proving to be theirs.
    pub validations: Validations,
    /// Serving, or not yet, or no more.
    pub readiness: Readiness,
    /// What is counted.
    pub metrics: Metrics,
    /// The media of recordings.
    pub recordings: Arc<dyn RecordingMedia>,
    /// The audio of prompts.
    pub prompts: Arc<dyn PromptMedia>,
    /// Signing in by another's word; `None`: by passwords only.
    pub oidc: Option<Arc<Oidc>>,
    /// STUN and TURN servers that browsers are told of.
    pub ice: IceSettings,
    /// How trunks and registered phones are.
    pub lines: Arc<dyn Lines>,
    /// Where new SIDs come from.
    pub sids: Sids,
}

impl Api {
    /// The calls of an account.
    pub(crate) fn voice(&self, account: AccountSid) -> Result<owner::Voice, ApiError> {
        self.voices.any_of(account).ok_or_else(|| ApiError::of(20005))
    }

    /// The same for an account that may make calls.
    pub(crate) fn active_voice(&self, account: AccountSid) -> Result<owner::Voice, ApiError> {
        self.voices.of(account).ok_or_else(|| ApiError::of(20005))
    }
}

/// What comes of a question that takes time.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, String>> + Send + 'a>>;

/// In which form a recording is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaForm {
    /// 16-bit PCM.
    Wav,
    /// MPEG layer III.
    Mp3,
}

/// Where the media of recordings is kept. Errors are for the operator.
pub trait RecordingMedia: Send + Sync {
    /// The file of a recording in this form, made if need be; `mono`: in one channel. `None` if there is none.
    fn file(&self, recording: RecordingSid, form: MediaForm, mono: bool) -> Pending<'_, Option<PathBuf>>;
    /// Removes everything there is of it.
    fn remove(&self, recording: RecordingSid) -> Pending<'_, ()>;
}

/// No recordings: an API without telephony.
#[derive(Debug, Clone, Copy)]
pub struct NoRecordings;

impl RecordingMedia for NoRecordings {
    fn file(&self, _: RecordingSid, _: MediaForm, _: bool) -> Pending<'_, Option<PathBuf>> {
        Box::pin(async { Ok(None) })
    }

    fn remove(&self, _: RecordingSid) -> Pending<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// A source of SIDs for documents, shared by the handlers.
#[derive(Clone)]
pub struct Sids(Arc<Mutex<Entropy>>);

impl Sids {
    /// SIDs as unpredictable as `entropy`.
    pub fn new(entropy: Entropy) -> Self {
        Self(Arc::new(Mutex::new(entropy)))
    }

    pub(crate) fn make<T>(&self, generate: impl FnOnce(&mut Entropy) -> T) -> T {
        generate(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

/// Ends websockets when the server stops.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stopping(pub CancellationToken);

/// The whole API.
pub fn router(api: Api) -> axum::Router {
    door::router(api)
}

/// `router`, whose websockets end by themselves when `stop` is cancelled: they outlive a server's own wait for requests.
pub fn stopping(router: axum::Router, stop: &CancellationToken) -> axum::Router {
    router.layer(axum::Extension(Stopping(stop.clone())))
}

/// Serves until `stop`, then finishes what was begun.
pub async fn serve(
    listener: TcpListener,
    router: axum::Router,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let router = stopping(router, &stop);
    // An answer, or a notice on a websocket, is small: it must not wait for the acknowledgement of the one before.
    let listener = listener.tap_io(|stream| {
        if let Err(why) = stream.set_nodelay(true) {
            debug!("a connection sends in its own time: {why}");
        }
    });
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}
