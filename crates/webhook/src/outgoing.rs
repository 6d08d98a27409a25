//! Documents from applications.

use crate::error::{Cause, Trouble};
use crate::guard::{GuardedResolver, Policy};
use crate::jars::Jars;
use crate::overrides::{CONNECT_TIMEOUT, TOTAL_TIMEOUT};
use crate::request::{Answer, Question, USER_AGENT};
use crate::signature::signature;
use crate::tokens::Tokens;
use base::{AccountSid, CallSid, Entropy};
use engine::call::port::{Document, FetchError, Webhook};
use reqwest::Client;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use url::Url;

/// Largest document (11750 beyond).
pub const DOCUMENT_BYTES_MAX: usize = 64 * 1024;
/// Where our own documents live, under the public URL.
pub const LOCAL_DOCUMENTS_PATH: &str = "/tandem/v1/TwimlBins/";
/// Most clients with a connect timeout of their own that are kept.
const CLIENTS_MAX: usize = 16;
/// Connections that are kept open per host.
const IDLE_PER_HOST_MAX: usize = 16;

/// A future in a box.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Told of a request for a document that failed when the fallback stood in for it: an application error that nobody else
/// hears of. Whose call, the call, the request that failed, and why.
pub type FailureHook = Arc<dyn Fn(AccountSid, CallSid, &Webhook, &FetchError) + Send + Sync>;

/// Documents that we hold ourselves.
pub trait LocalDocuments: Send + Sync {
    /// `account`'s document at `url`, which is below [`LOCAL_DOCUMENTS_PATH`], filled with `parameters` (those of its query
    /// first). `None` answers 404.
    fn document<'a>(
        &'a self,
        account: AccountSid,
        url: &'a str,
        parameters: &'a [(String, String)],
    ) -> Boxed<'a, Option<Document>>;
}

/// How requests are made.
#[derive(Clone)]
pub struct OutgoingSettings {
    /// What requests are signed with: the primary token of the account that they are made for.
    pub tokens: Tokens,
    /// Where requests may go.
    pub policy: Policy,
    /// Our own public URL: documents below it are not requested but asked of `documents`.
    pub public_url: String,
    /// Our own documents.
    pub documents: Option<Arc<dyn LocalDocuments>>,
    /// For idempotency tokens.
    pub entropy: Entropy,
    /// Told of failures.
    pub on_failure: Option<FailureHook>,
    /// Authorities (certificates in DER) that are believed beside the public ones.
    pub authorities: Vec<Vec<u8>>,
}

impl OutgoingSettings {
    /// With everything else at its default: no private addresses, no documents of our own.
    pub fn new(tokens: Tokens, public_url: impl Into<String>, entropy: Entropy) -> Self {
        Self {
            tokens,
            policy: Policy::default(),
            public_url: public_url.into(),
            documents: None,
            entropy,
            on_failure: None,
            authorities: Vec::new(),
        }
    }
}

/// Why requests cannot be made at all.
#[derive(Debug, thiserror::Error)]
pub enum OutgoingError {
    /// The HTTP client does not start.
    #[error("the HTTP client does not start")]
    Client(#[source] reqwest::Error),
    /// Our own URL is none.
    #[error("the public URL '{0}' is not a URL")]
    PublicUrl(String),
}

/// A document to be fetched.
#[derive(Debug, Clone, PartialEq)]
pub struct Fetch {
    /// Whose token signs it.
    pub account: AccountSid,
    /// Whose cookies are used.
    pub call: CallSid,
    /// Where.
    pub webhook: Webhook,
    /// Asked on failure, with `ErrorCode` and `ErrorUrl`.
    pub fallback: Option<Webhook>,
    /// In order.
    pub parameters: Vec<(String, String)>,
}

/// Makes requests. Cheap to clone.
#[derive(Clone)]
pub struct Outgoing {
    shared: Arc<Shared>,
    pub(crate) jars: Arc<Jars>,
}

struct Shared {
    tokens: Tokens,
    policy: Policy,
    public_url: Url,
    documents: Option<Arc<dyn LocalDocuments>>,
    entropy: Mutex<Entropy>,
    on_failure: Option<FailureHook>,
    authorities: Vec<Vec<u8>>,
    client: Client,
    /// By connect timeout.
    impatient: Mutex<HashMap<Duration, Client>>,
}

impl Outgoing {
    /// Ready to make requests.
    pub fn new(settings: OutgoingSettings) -> Result<Self, OutgoingError> {
        let client =
            client(settings.policy, CONNECT_TIMEOUT, &settings.authorities).map_err(OutgoingError::Client)?;
        let public_url =
            Url::parse(&settings.public_url).map_err(|_| OutgoingError::PublicUrl(settings.public_url))?;
        let shared = Shared {
            tokens: settings.tokens,
            policy: settings.policy,
            public_url,
            documents: settings.documents,
            entropy: Mutex::new(settings.entropy),
            on_failure: settings.on_failure,
            authorities: settings.authorities,
            client,
            impatient: Mutex::default(),
        };
        Ok(Self { shared: Arc::new(shared), jars: Arc::default() })
    }

    /// Gets a TwiML document (or the URL of audio), from the fallback if need be. The error is that of the first
    /// request, which is what went wrong; what the fallback said is appended.
    pub async fn fetch(&self, fetch: Fetch) -> Result<Document, FetchError> {
        let first = match self.document(&fetch, &fetch.webhook, &fetch.parameters).await {
            Ok(document) => return Ok(document),
            Err(trouble) => log(fetch.call, trouble),
        };
        let Some(fallback) = &fetch.fallback else { return Err(first) };
        let mut parameters = fetch.parameters.clone();
        parameters.push(("ErrorCode".to_owned(), first.code.to_string()));
        parameters.push(("ErrorUrl".to_owned(), fetch.webhook.url.clone()));
        match self.document(&fetch, fallback, &parameters).await {
            Ok(document) => {
                if let Some(told) = &self.shared.on_failure {
                    told(fetch.account, fetch.call, &fetch.webhook, &first);
                }
                Ok(document)
            }
            Err(trouble) => {
                let second = log(fetch.call, trouble);
                let message = format!("{}; the fallback failed too: {}", first.message, second.message);
                Err(FetchError { code: first.code, message })
            }
        }
    }

    /// The call is over: its cookies are dropped.
    pub fn forget(&self, call: CallSid) {
        self.jars.forget(call);
    }

    async fn document(
        &self,
        of: &Fetch,
        webhook: &Webhook,
        parameters: &[(String, String)],
    ) -> Result<Document, Trouble> {
        let token = self.idempotency_token();
        let (account, call) = (of.account, Some(of.call));
        let question = Question { account, webhook, parameters, token: &token, call, total: TOTAL_TIMEOUT };
        self.ask(&question).await.and_then(as_document)
    }

    fn idempotency_token(&self) -> String {
        let bytes: [u8; 16] = self.shared.entropy.lock().unwrap_or_else(PoisonError::into_inner).bytes();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The signature of a request that is made for `account`.
    pub(crate) fn sign(
        &self,
        account: AccountSid,
        url: &str,
        parameters: &[(String, String)],
    ) -> Result<String, Trouble> {
        let token = self.shared.tokens.of(account);
        let token = token.ok_or_else(|| {
            Trouble::new(11200, Cause::Refused, format!("account {account} has no token to sign with"))
        })?;
        Ok(signature(token.expose(), url, parameters))
    }

    pub(crate) fn policy(&self) -> Policy {
        self.shared.policy
    }

    /// A client with this connect timeout.
    pub(crate) fn client(&self, connect: Duration) -> Result<Client, Trouble> {
        if connect == CONNECT_TIMEOUT {
            return Ok(self.shared.client.clone());
        }
        let mut impatient = self.shared.impatient.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = impatient.get(&connect) {
            return Ok(client.clone());
        }
        let made = client(self.shared.policy, connect, &self.shared.authorities)
            .map_err(|error| Trouble::new(12400, Cause::Refused, format!("no HTTP client: {error}")))?;
        if impatient.len() >= CLIENTS_MAX {
            impatient.clear();
        }
        impatient.insert(connect, made.clone());
        Ok(made)
    }

    pub(crate) fn authorities(&self) -> &[Vec<u8>] {
        &self.shared.authorities
    }

    /// Who may have the document at `url`, and whether nobody else can. An address that was ours once, before the port
    /// or the public URL changed, still names a document of ours by its SID.
    pub(crate) fn local_documents(&self, url: &Url) -> Option<(&dyn LocalDocuments, bool)> {
        let ours = &self.shared.public_url;
        let documents = self.shared.documents.as_deref()?;
        let below =
            |root: &str| url.path().strip_prefix(root).is_some_and(|p| p.starts_with(LOCAL_DOCUMENTS_PATH));
        let only_here = url.origin() == ours.origin() && below(ours.path().trim_end_matches('/'));
        (only_here || below("")).then_some((documents, only_here))
    }
}

fn client(policy: Policy, connect: Duration, authorities: &[Vec<u8>]) -> Result<Client, reqwest::Error> {
    let mut builder = Client::builder();
    for authority in authorities {
        builder = builder.add_root_certificate(reqwest::Certificate::from_der(authority)?);
    }
    builder
        .user_agent(USER_AGENT)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(connect)
        .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
        .no_proxy()
        .dns_resolver(Arc::new(GuardedResolver(policy)))
        .build()
}

/// What an answer to a request for TwiML is, by its status and content type.
fn as_document(answer: Answer) -> Result<Document, Trouble> {
    let Answer { url, status, content_type, body } = answer;
    let shown = Url::parse(&url).map_or_else(|_| url.clone(), |url| crate::request::shown(&url));
    let refuse = |code, message| Err(Trouble::new(code, Cause::Answer(status), message));
    if !(200..300).contains(&status) {
        return refuse(11200, format!("{shown} answered {status}"));
    }
    let kind = content_type.as_deref().map(media_type);
    if kind.as_deref().is_some_and(is_audio) {
        return Ok(Document { url, content_type, body: String::new() });
    }
    if body.iter().all(u8::is_ascii_whitespace) {
        return refuse(11770, format!("{shown} answered with an empty body"));
    }
    let body = text(content_type.as_deref(), body);
    let is_twiml = match kind.as_deref() {
        Some("text/xml" | "application/xml" | "text/html" | "text/plain") => true,
        Some(_) => false,
        None => body.trim_start_matches('\u{feff}').trim_start().starts_with('<'),
    };
    if !is_twiml {
        let named = content_type.as_deref().unwrap_or("none");
        return refuse(12300, format!("{shown} answered with content type {named}"));
    }
    Ok(Document { url, content_type, body })
}

/// `text/xml` of `Text/XML; charset=utf-8`
pub(crate) fn media_type(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn is_audio(kind: &str) -> bool {
    const AUDIO: [&str; 13] = [
        "mpeg", "mp3", "wav", "wave", "x-wav", "aiff", "x-aifc", "x-aiff", "x-gsm", "gsm", "ulaw", "basic",
        "x-mpeg",
    ];
    kind.strip_prefix("audio/").is_some_and(|name| AUDIO.contains(&name))
}

/// UTF-8, or Latin-1 where the content type says so; what is neither is replaced.
fn text(content_type: Option<&str>, body: Vec<u8>) -> String {
    let is_latin1 = content_type.is_some_and(|kind| {
        let kind = kind.to_ascii_lowercase();
        kind.contains("iso-8859-1") || kind.contains("windows-1252")
    });
    if is_latin1 {
        return body.into_iter().map(char::from).collect();
    }
    String::from_utf8(body).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn log(call: CallSid, trouble: Trouble) -> FetchError {
    let error = FetchError::from(trouble);
    tracing::info!(call.sid = %call, error.code = error.code, "call {call} got no document: {}", error.message);
    error
}
