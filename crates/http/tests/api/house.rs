//! A whole API in a temporary folder, with a clock that stands still until it is moved.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use base::*;
use base64::Engine;
use engine::call::{Series, SwitchboardSettings};
use http_api::{Api, Metrics, NoLines, NoRecordings, Readiness, ReadyState, Sids, Validations, router};
use owner::{
    Directory, Opener, Opening, Phones, Voice, VoiceOutputs, VoiceSettings, Voices, Workspaces,
    WorkspacesSettings,
};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use store::model::{Account, AccountStatus};
use store::{Options, Store};
use tokio::sync::mpsc;
use tower::ServiceExt;

pub const ACCOUNT: &str = "AC00000000000000000000000000000001";
pub const TOKEN: &str = "a-token";
pub const STRANGER: &str = "AC00000000000000000000000000000002";
pub const BASE: &str = "http://127.0.0.1:8080";
/// 2026-03-25T10:00:00Z
const START: i64 = 1_774_432_800_000_000;

pub struct House {
    pub router: Router,
    pub store: Store,
    pub api: Api,
    clock: Arc<AtomicI64>,
    pub sip: mpsc::Receiver<sip::port::Command>,
    _media: mpsc::Receiver<media::control::Command>,
    _fetch: mpsc::Receiver<owner::DocumentOrder>,
    _folder: tempfile::TempDir,
}

/// Opens switchboards that tell what the first one tells.
struct Shared(VoiceSettings, VoiceOutputs);

impl Opener for Shared {
    fn open(&self, account: AccountSid, series: Series) -> Opening<'_> {
        let mut settings = self.0.clone();
        settings.switchboard.account = account;
        settings.switchboard.series = series;
        settings.entropy = Entropy::seeded(1_000 + u64::from(series.0));
        Box::pin(Voice::start(settings, self.1.clone()))
    }

    fn refuse(&self, leg: sip::port::LegId, status: u16) {
        let order = sip::port::Command::Refuse { leg, status };
        self.1.sip.try_send(order).expect("a test reads what is told");
    }
}

/// What came back.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Got {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|why| panic!("{why}: {}", self.text))
    }

    /// The text member `name`.
    pub fn at(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_else(|| panic!("no text {name} in {}", self.text)).to_owned()
    }

    pub fn sid(&self) -> String {
        self.at("sid")
    }

    pub fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// An error in the documented form.
    pub fn refused(&self, status: u16, code: u32) -> String {
        let json = self.json();
        assert_eq!((self.status, &json["code"]), (status, &Value::from(code)), "{}", self.text);
        assert_eq!(json["status"], status);
        assert_eq!(json["more_info"], format!("https://www.twilio.com/docs/errors/{code}"));
        json["message"].as_str().unwrap().to_owned()
    }
}

/// Form text: names and values are encoded here.
pub fn form(pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        let encode = |part: &str| {
            percent_encoding::utf8_percent_encode(part, percent_encoding::NON_ALPHANUMERIC).to_string()
        };
        text.push_str(&format!(
            "{}{}={}",
            if text.is_empty() { "" } else { "&" },
            encode(name),
            encode(value)
        ));
    }
    text
}

impl House {
    pub async fn open() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Api)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Options::file(folder.path().join("tandem.db"))).unwrap();
        let at = Arc::new(AtomicI64::new(START));
        let reads = at.clone();
        let clock = Clock::new(move || {
            let wall = reads.load(Ordering::SeqCst);
            Now { mono: Mono((wall - START) as u64 + 1), wall: Timestamp(wall) }
        });
        for sid in [ACCOUNT, STRANGER] {
            let account = Account {
                owner: None,
                sid: sid.parse().unwrap(),
                friendly_name: "Test".into(),
                status: AccountStatus::Active,
                auth_token: Secret::new(TOKEN.into()),
                created: Timestamp(START),
                updated: Timestamp(START),
            };
            store.account_add(account).await.unwrap();
        }
        let mut entropy = Entropy::seeded(7);
        let settings =
            WorkspacesSettings { store: store.clone(), clock: clock.clone(), entropy: entropy.fork() };
        let workspaces = Workspaces::start(settings).await.unwrap();
        let (sip, sip_inbox) = mpsc::channel(1000);
        let (media, media_inbox) = mpsc::channel(1000);
        let (fetch, fetch_inbox) = mpsc::channel(1000);
        let (listen, _) = mpsc::channel(1000);
        let (streams, _) = mpsc::channel(1000);
        let (transcribe, _) = mpsc::channel(1000);
        let (directory, phones) = (Directory::default(), Phones::default());
        let settings = VoiceSettings {
            directory: directory.clone(),
            store: store.clone(),
            clock: clock.clone(),
            entropy: entropy.fork(),
            workspaces: workspaces.clone(),
            switchboard: SwitchboardSettings::new(ACCOUNT.parse().unwrap(), BASE),
        };
        let outputs = VoiceOutputs { sip, media, fetch, listen, streams, transcribe };
        let voice = Voice::start(settings.clone(), outputs.clone()).await.unwrap();
        let voices = Voices::new(voice, Shared(settings, outputs), directory, phones.clone());
        voices.open(STRANGER.parse().unwrap(), true).await.unwrap();
        let mut api = Api {
            workspaces,
            voices,
            tokens: webhook::Tokens::default(),
            store: store.clone(),
            clock,
            public_url: BASE.into(),
            dev: true,
            number_pool: Vec::new(),
            sip_realm: "tandem".into(),
            phones,
            sip_directory: owner::SipDirectory::default(),
            validations: Validations::default(),
            readiness: Readiness::default(),
            metrics: Metrics::default(),
            recordings: Arc::new(NoRecordings),
            prompts: Arc::new(http_api::NoPrompts),
            oidc: None,
            ice: http_api::IceSettings::default(),
            lines: Arc::new(NoLines),
            sids: Sids::new(entropy.fork()),
        };
        api.readiness.set(ReadyState::Serving);
        change(&mut api);
        Self {
            router: router(api.clone()),
            store,
            api,
            clock: at,
            sip: sip_inbox,
            _media: media_inbox,
            _fetch: fetch_inbox,
            _folder: folder,
        }
    }

    /// Moves the clock on and lets every timer look at it.
    pub fn later(&self, by: Duration) {
        self.clock.fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
        self.api.workspaces.wake();
        self.api.voices.all().iter().for_each(Voice::wake);
    }

    pub async fn raw(&self, request: Request<Body>) -> Got {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Got {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    /// One request of `account`, with more headers.
    pub async fn ask(
        &self,
        account: &str,
        method: &str,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Got {
        let credentials = base64::engine::general_purpose::STANDARD.encode(format!("{account}:{TOKEN}"));
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "127.0.0.1:8080")
            .header(header::AUTHORIZATION, format!("Basic {credentials}"))
            .header(
                header::CONTENT_TYPE,
                if body.starts_with('{') { "application/json" } else { "application/x-www-form-urlencoded" },
            );
        for (name, value) in headers {
            if *name == "Host" {
                request.headers_mut().unwrap().remove(header::HOST);
            }
            request = request.header(*name, *value);
        }
        self.raw(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Got {
        self.ask(ACCOUNT, "GET", path, "", &[]).await
    }

    pub async fn post(&self, path: &str, pairs: &[(&str, &str)]) -> Got {
        self.ask(ACCOUNT, "POST", path, &form(pairs), &[]).await
    }

    pub async fn delete(&self, path: &str) -> Got {
        self.ask(ACCOUNT, "DELETE", path, "", &[]).await
    }

    /// What a list shows under `key`, over all its pages.
    pub async fn all(&self, path: &str, key: &str) -> Vec<Value> {
        let mut found = Vec::new();
        let mut next = Some(path.to_owned());
        while let Some(path) = next {
            let page = self.get(path.strip_prefix(BASE).unwrap_or(&path)).await;
            let json = page.is(StatusCode::OK.as_u16()).json();
            found.extend(json[key].as_array().unwrap().iter().cloned());
            let url = json.pointer("/meta/next_page_url").or_else(|| json.get("next_page_uri"));
            next = url.and_then(Value::as_str).map(str::to_owned);
        }
        found
    }
}
