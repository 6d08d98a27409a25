//! The API alone, without telephony: `cargo run -p tandem-http --example api_only -- 127.0.0.1:8080 [folder]`.
//!
//! For trying the API and for the SDK suites in `tests/sdk`. Calls can be created and never ring: nobody takes what the
//! switchboard tells the SIP gateway.

extern crate tandem_http as http_api;

use base::*;
use engine::call::{Series, SwitchboardSettings};
use http_api::{Api, Metrics, NoLines, NoPrompts, NoRecordings, Readiness, ReadyState, Sids, Validations};
use owner::{
    Directory, Opener, Opening, Phones, Voice, VoiceOutputs, VoiceSettings, Voices, Workspaces,
    WorkspacesSettings,
};
use std::path::PathBuf;
use std::time::{Instant, SystemTime};
use store::model::{Account, AccountStatus};
use store::{Options, Store, StoreError};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const ACCOUNT: &str = "AC00000000000000000000000000000001";
const TOKEN: &str = "tandem-dev-token";

#[expect(clippy::disallowed_methods, reason = "an example is a program: its clock is the machine's")]
fn clock() -> Clock {
    let start = Instant::now();
    Clock::new(move || {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Now {
            mono: Mono(u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX)),
            wall: Timestamp(i64::try_from(wall.as_micros()).unwrap_or(i64::MAX)),
        }
    })
}

/// Takes whatever comes, so that nobody waits.
fn ignored<T: Send + 'static>() -> mpsc::Sender<T> {
    let (sender, mut inbox) = mpsc::channel(1000);
    tokio::spawn(async move { while inbox.recv().await.is_some() {} });
    sender
}

/// Opens switchboards to which nobody listens.
struct Ignored(VoiceSettings, VoiceOutputs);

impl Opener for Ignored {
    fn open(&self, account: AccountSid, series: Series) -> Opening<'_> {
        let mut settings = self.0.clone();
        settings.switchboard.account = account;
        settings.switchboard.series = series;
        settings.entropy = Entropy::seeded(settings.clock.now().wall.0.unsigned_abs());
        Box::pin(Voice::start(settings, self.1.clone()))
    }

    fn refuse(&self, _: sip::port::LegId, _: u16) {}
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let folder = arguments.next().map_or_else(|| std::env::temp_dir().join("tandem-api-only"), PathBuf::from);
    std::fs::create_dir_all(&folder)?;
    let listener = TcpListener::bind(&address).await?;
    let public_url = format!("http://{}", listener.local_addr()?);
    let store = Store::open(&Options::file(folder.join("tandem.db")))?;
    let (account, clock) = (ACCOUNT.parse()?, clock());
    let now = clock.now().wall;
    let row = Account {
        owner: None,
        sid: account,
        friendly_name: "Development".to_owned(),
        status: AccountStatus::Active,
        auth_token: Secret::new(TOKEN.to_owned()),
        created: now,
        updated: now,
    };
    match store.account_add(row).await {
        Ok(()) | Err(StoreError::Conflict { .. }) => {}
        Err(other) => return Err(other.into()),
    }
    let mut entropy = Entropy::seeded(now.0.unsigned_abs());
    let workspaces = Workspaces::start(WorkspacesSettings {
        store: store.clone(),
        clock: clock.clone(),
        entropy: entropy.fork(),
    })
    .await?;
    let directory = Directory::default();
    let settings = VoiceSettings {
        store: store.clone(),
        clock: clock.clone(),
        entropy: entropy.fork(),
        workspaces: workspaces.clone(),
        directory: directory.clone(),
        switchboard: SwitchboardSettings::new(account, &public_url),
    };
    let outputs = VoiceOutputs {
        sip: ignored(),
        media: ignored(),
        fetch: ignored(),
        streams: ignored(),
        listen: ignored(),
        transcribe: ignored(),
    };
    let voice = Voice::start(settings.clone(), outputs.clone()).await?;
    let phones = Phones::default();
    let voices = Voices::new(voice, Ignored(settings, outputs), directory, phones.clone());
    let readiness = Readiness::default();
    readiness.set(ReadyState::Serving);
    let stop = CancellationToken::new();
    let sweeping = tokio::spawn(http_api::sweep(store.clone(), clock.clone(), stop.clone()));
    let api = Api {
        workspaces,
        voices,
        tokens: webhook::Tokens::default(),
        store,
        clock,
        public_url: public_url.clone(),
        dev: true,
        number_pool: Vec::new(),
        sip_realm: "tandem".to_owned(),
        phones,
        sip_directory: owner::SipDirectory::default(),
        validations: Validations::default(),
        readiness,
        metrics: Metrics::default(),
        recordings: std::sync::Arc::new(NoRecordings),
        prompts: std::sync::Arc::new(NoPrompts),
        oidc: None,
        ice: http_api::IceSettings::default(),
        lines: std::sync::Arc::new(NoLines),
        sids: Sids::new(entropy),
    };
    eprintln!("the API is at {public_url}, account {ACCOUNT}, token {TOKEN}");
    http_api::serve(listener, http_api::router(api), stop.clone()).await?;
    stop.cancel();
    Ok(sweeping.await?)
}
