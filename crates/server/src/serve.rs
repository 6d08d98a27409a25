//! `tandem serve`: joins the parts, and takes them apart again in the right order.

use crate::clock;
use crate::config::Config;
use crate::mailboxes;
use crate::seams::{self, Bins, Heard, KnownPhones, OurLines, PromptFolder, RecordingFolder};
use crate::switchboards::{EVENTS_MAX, ORDERS_MAX, Shared, Switchboards, route, sip_orders as sip_orders_of};
use crate::tls;
use base::{AccountSid, Clock, Entropy};
use engine::call::port::Input;
use engine::call::{Series, SwitchboardSettings};
use gateway::browser::{BrowserSettings, Browsers};
use gateway::media::{MediaPlane, MediaSettings};
use gateway::prompts::{PromptSettings, PromptShelf};
use gateway::recordings::Shelf;
use gateway::sip::{Limits, SipGateway, SipSettings};
use http_api::{Api, Metrics, Oidc, Readiness, ReadyState, Sids, Validations};
use owner::{Directory, OpenError, Opener, Phones, SipDirectory, Voices, Workspaces, WorkspacesSettings};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use store::model::{Account, AccountStatus};
use store::{Store, StoreError};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use webhook::deliveries::{Deliveries, DeliverySettings};
use webhook::{Outgoing, OutgoingSettings, Policy, Tokens};

/// Folder of recordings in the data folder.
const RECORDINGS: &str = "recordings";
/// Folder of prompts in the data folder.
const PROMPTS: &str = "prompts";
/// How long live calls may go on after SIGTERM.
const DRAIN_MAX: Duration = Duration::from_secs(30);
/// How long requests in flight may take to finish after that.
const FINISH_MAX: Duration = Duration::from_secs(10);
/// How often a server makes sure that it still is the one that serves its store.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often a draining server looks whether the last call has ended.
const DRAIN_POLL: Duration = Duration::from_millis(200);

/// Why the contact centre could not be started or ended badly.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The data folder cannot be made.
    #[error("could not make the data folder {path}")]
    Data {
        /// Which.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The store cannot be opened or read.
    #[error("could not open the store in {place}")]
    Open {
        /// Which, without credentials.
        place: String,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// The store cannot be read or written.
    #[error("could not begin with what the store holds")]
    Store(#[from] StoreError),
    /// An address is taken or not ours.
    #[error("could not listen for {what} on {address}")]
    Listen {
        /// HTTP or SIP.
        what: &'static str,
        /// Where.
        address: std::net::SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A trunk of the settings.
    #[error("could not set up the trunks")]
    Trunk(#[from] crate::config::ConfigError),
    /// Certificates for browsers.
    #[error("could not set up TLS for browsers")]
    Tls(#[from] crate::tls::TlsError),
    /// The client for single sign-on.
    #[error("could not set up single sign-on: {0}")]
    SignOn(String),
    /// The client for outgoing requests.
    #[error("could not set up outgoing requests")]
    Outgoing(#[from] webhook::OutgoingError),
    /// The demo is part of the program, so this is a defect of it.
    #[error("could not apply the demo contact centre")]
    Demo(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Somebody else serves the store.
    #[error("another tandem has taken over the store in {0}: this one has ended without finishing its calls")]
    Overtaken(String),
    /// Anything the operating system refused.
    #[error("could not start")]
    System(#[from] std::io::Error),
}

/// Everything that runs, in the order in which it has to end.
struct Running {
    config: Config,
    store: Store,
    workspaces: Workspaces,
    voices: Voices,
    switchboards: Arc<Switchboards>,
    sip: SipGateway,
    browsers: Browsers,
    media: MediaPlane,
    readiness: Readiness,
    /// Carry events of the gateway to the calls.
    carriers: JoinSet<()>,
    stop_carriers: CancellationToken,
    /// Carry orders of the calls to the gateway and to applications, for as long as there are calls.
    orders: JoinSet<()>,
    /// What goes on in the background until `stop_tasks`.
    tasks: JoinSet<()>,
    stop_tasks: CancellationToken,
    stop_http: CancellationToken,
    http: tokio::task::JoinHandle<std::io::Result<()>>,
    public_url: String,
    /// Where we reach ourselves, whatever others call us.
    own_url: String,
}

/// Serves until SIGTERM (drains) or SIGINT (drains too, a second one ends at once).
pub async fn serve(config: Config) -> Result<(), ServeError> {
    let running = start(config).await?;
    if running.config.dev {
        crate::demo::apply_if_empty(&running.store, &running.config, &running.own_url).await?;
    }
    running.readiness.set(ReadyState::Serving);
    crate::demo::greet(&running.config, &running.public_url);
    let mut overtaken = running.store.overtaken();
    let taken = async { overtaken.wait_for(|taken| *taken).await.is_ok() };
    tokio::select! {
        signal = wait_for_signal() => signal?,
        true = taken => return running.give_up().await,
    }
    running.drain().await;
    Ok(())
}

/// Finds out that another process serves the store, even while there is nothing to write.
async fn watch(store: Store, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        // Whoever waits for `overtaken` hears of it; that the database is away is seen by whoever needs it.
        let _ = store.look().await;
    }
}

async fn start(config: Config) -> Result<Running, ServeError> {
    std::fs::create_dir_all(&config.data)
        .map_err(|source| ServeError::Data { path: config.data.clone(), source })?;
    let clock = clock::system();
    let mut entropy = clock::entropy()?;
    let opening = |source| ServeError::Open { place: config.place.to_string(), source };
    let store = Store::open(&config.place.options()).map_err(opening)?;
    let token: String = entropy.bytes::<16>().iter().map(|byte| format!("{byte:02x}")).collect();
    store.take_over(token).await?;
    info!("the store is {}", config.place);
    keep_account(&store, &config, &clock).await?;

    let listening = |what, address| move |source| ServeError::Listen { what, address, source };
    let listener = TcpListener::bind(config.http).await.map_err(listening("HTTP", config.http))?;
    let own_url = format!("http://{}", listener.local_addr()?);
    let public_url = config.public_url.clone().unwrap_or_else(|| own_url.clone());

    let (media_events, media_inbox) = mpsc::channel(EVENTS_MAX);
    let (sip_events, sip_inbox) = mpsc::channel(EVENTS_MAX);
    let mut settings = media_settings(&config, entropy.fork(), clock.clone());
    let shelf = PromptShelf::new(config.data.join(PROMPTS), settings.prompts.speech.clone());
    let prompts = Arc::new(PromptFolder::new(shelf, store.clone()));
    settings.prompts.kept = Some(prompts.clone());
    let media = MediaPlane::start(settings, media_events.clone())?;
    let (browser_events, browser_media_events) = (sip_events.clone(), media_events.clone());
    let accounts = accounts(&store, config.account).await?;
    let (phones, sip_directory, tokens) = (Phones::default(), SipDirectory::default(), Tokens::default());
    for account in &accounts {
        tokens.set(account.sid, account.auth_token.clone());
        if account.status != AccountStatus::Closed {
            phones.load(&store, account.sid).await?;
            sip_directory.reload(&store, account.sid).await?;
        }
    }
    let settings = sip_settings(&config, entropy.fork(), clock.clone())?;
    let sip_realm = settings.realm();
    let sip = SipGateway::start(
        settings,
        media.clone(),
        Arc::new(KnownPhones(phones.clone(), sip_directory.clone())),
        sip_events,
    )
    .map_err(listening("SIP", config.sip))?;

    let workspaces = Workspaces::start(WorkspacesSettings {
        store: store.clone(),
        clock: clock.clone(),
        entropy: entropy.fork(),
    })
    .await?;
    let (sip_orders, sip_outbox) = mpsc::channel(ORDERS_MAX);
    let (media_orders, media_outbox) = mpsc::channel(ORDERS_MAX);
    let validations = Validations::default();
    let known_voices = Arc::new(OnceLock::new());
    let mut outgoing = OutgoingSettings::new(tokens.clone(), public_url.clone(), entropy.fork());
    outgoing.policy = Policy { allow_private: config.private_webhooks };
    outgoing.authorities.clone_from(&config.webhook_authorities);
    outgoing.documents = Some(Arc::new(Bins::new(
        store.clone(),
        validations.clone(),
        known_voices.clone(),
        clock.clone(),
        entropy.fork(),
    )));
    outgoing.on_failure = Some(seams::note_failures(store.clone(), clock.clone(), entropy.fork()));
    let outgoing = Outgoing::new(outgoing)?;
    let metrics = Metrics::default();
    let listener_of_deliveries = Arc::new(Heard::new(
        workspaces.clone(),
        store.clone(),
        metrics.clone(),
        clock.clone(),
        entropy.fork(),
    ));
    let deliveries = Deliveries::new(
        store.clone(),
        outgoing.clone(),
        clock.clone(),
        DeliverySettings::default(),
        listener_of_deliveries,
    );

    let (stop_carriers, stop_tasks, stop_http) =
        (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());
    let directory = Directory::default();
    let mut switchboard = SwitchboardSettings::new(config.account, public_url.clone());
    switchboard.sip_domains = config.sip_domains.clone();
    switchboard.transcribes = config.transcription_command.is_some();
    switchboard.recognises = config.recognition_command.is_some();
    let shared = Shared {
        store: store.clone(),
        clock: clock.clone(),
        workspaces: workspaces.clone(),
        directory: directory.clone(),
        settings: switchboard,
        media: media.clone(),
        outgoing: outgoing.clone(),
        shelf: Shelf::new(config.data.join(RECORDINGS)),
        sip_orders,
        media_orders,
        transcription: config.transcription_command.clone(),
        recognition: config.recognition_command.clone(),
    };
    let switchboards = Arc::new(Switchboards::new(shared, entropy.fork(), stop_carriers.clone()));
    let first = switchboards.open(config.account, Series::default()).await?;
    let voices = Voices::new(first, switchboards.clone(), directory, phones.clone());
    known_voices.get_or_init(|| voices.clone());
    for account in accounts.iter().filter(|account| account.status != AccountStatus::Closed) {
        match voices.open(account.sid, account.status == AccountStatus::Active).await {
            Ok(()) => {}
            Err(OpenError::Store(why)) => return Err(why.into()),
            Err(full @ OpenError::Full) => {
                error!(account.sid = %account.sid, "no calls for {}: {full}", account.sid)
            }
        }
    }
    let mut carriers = JoinSet::new();
    carriers.spawn(route(sip_inbox, voices.clone(), Input::Sip, stop_carriers.clone()));
    carriers.spawn(route(media_inbox, voices.clone(), Input::Media, stop_carriers.clone()));
    let mut tasks = JoinSet::new();
    tasks.spawn(deliveries.run(stop_tasks.clone()));
    tasks.spawn(http_api::sweep(store.clone(), clock.clone(), stop_tasks.clone()));
    let kept = http_api::Retention { events: config.event_retention, deliveries: config.delivery_retention };
    tasks.spawn(http_api::retain(
        store.clone(),
        workspaces.clone(),
        clock.clone(),
        metrics.clone(),
        kept,
        stop_tasks.clone(),
    ));
    tasks.spawn(watch(store.clone(), stop_tasks.clone()));
    tasks.spawn(mailboxes::light(store.clone(), voices.clone(), sip.clone(), stop_tasks.clone()));
    tasks.spawn(http_api::count_decisions(metrics.clone(), workspaces.clone(), stop_tasks.clone()));

    let readiness = Readiness::default();
    let api = Api {
        workspaces: workspaces.clone(),
        voices: voices.clone(),
        tokens,
        store: store.clone(),
        clock,
        public_url: public_url.clone(),
        dev: config.dev,
        number_pool: config.numbers.clone(),
        sip_realm,
        phones: phones.clone(),
        sip_directory,
        validations,
        readiness: readiness.clone(),
        metrics,
        recordings: Arc::new(RecordingFolder(Shelf::new(config.data.join(RECORDINGS)))),
        oidc: config
            .oidc
            .clone()
            .map(|settings| Oidc::new(settings).map(Arc::new))
            .transpose()
            .map_err(ServeError::SignOn)?,
        prompts: prompts.clone(),
        ice: config.ice.clone(),
        lines: Arc::new(OurLines(sip.clone())),
        sids: Sids::new(entropy.fork()),
    };
    let settings = BrowserSettings {
        address: match config.browsers_anywhere && std::net::UdpSocket::bind(config.webrtc).is_err() {
            true => std::net::SocketAddr::new(config.webrtc.ip(), 0),
            false => config.webrtc,
        },
        advertised: config.webrtc_public,
        domain: config.sip_domains.last().cloned().unwrap_or_default(),
        clock: api.clock.clone(),
        entropy: entropy.fork(),
        doorkeeper: Arc::new(seams::Tokens(api.clone())),
        claims: Arc::new({
            let voices = voices.clone();
            move |leg, account| voices.claim(leg, account)
        }),
    };
    let browsers = Browsers::start(settings, media.clone(), browser_events, browser_media_events)
        .map_err(listening("WebRTC", config.webrtc))?;
    let mut orders = JoinSet::new();
    orders.spawn(sip_orders_of(sip_outbox, sip.clone(), browsers.clone(), phones, voices.clone()));
    orders.spawn(hand_over(media_outbox, {
        let media = media.clone();
        move |order| media.command(order)
    }));
    let router = browsers.routes().fallback_service(http_api::router(api));
    if let Some(address) = config.https {
        let bound = match TcpListener::bind(address).await {
            Err(taken) if config.browsers_anywhere => {
                warn!("browsers are not served on https://{address}: {taken}");
                TcpListener::bind((address.ip(), 0)).await
            }
            bound => bound,
        };
        let listener = bound.map_err(listening("HTTPS", address))?;
        let host = config.public_url.as_deref().and_then(tls::host_of);
        let acceptor = tls::acceptor(&config.data, host.as_deref())?;
        info!("browsers are served on https://{}", listener.local_addr()?);
        let router = http_api::stopping(router.clone(), &stop_http);
        tasks.spawn(tls::serve(listener, acceptor, router, stop_http.clone()));
    }
    let http = tokio::spawn(http_api::serve(listener, router, stop_http.clone()));
    info!("the API listens on {}", config.http);
    Ok(Running {
        config,
        store,
        workspaces,
        voices,
        switchboards,
        sip,
        browsers,
        media,
        readiness,
        carriers,
        stop_carriers,
        orders,
        tasks,
        stop_tasks,
        stop_http,
        http,
        public_url,
        own_url,
    })
}

impl Running {
    /// Another process serves the store: nothing can be recorded any more, so nothing may be done any more.
    async fn give_up(mut self) -> Result<(), ServeError> {
        let place = self.config.place.to_string();
        error!("another tandem has taken over the store in {place}; this one ends now");
        self.readiness.set(ReadyState::Draining);
        self.stop_http.cancel();
        self.stop_tasks.cancel();
        self.stop_carriers.cancel();
        self.tasks.abort_all();
        self.orders.abort_all();
        self.switchboards.abort();
        // Ends the legs: their parties hear a BYE rather than nothing.
        self.sip.stop().await;
        self.media.shutdown();
        Err(ServeError::Overtaken(place))
    }

    /// Refuses new calls, lets live ones finish (for [`DRAIN_MAX`] at most), then ends every part, the store last.
    async fn drain(mut self) {
        info!("draining: new calls are refused, live ones may finish within {DRAIN_MAX:?}");
        self.readiness.set(ReadyState::Draining);
        self.sip.drain();
        self.browsers.drain();
        let quiet = async {
            let mut poll = tokio::time::interval(DRAIN_POLL);
            while self.sip.live_legs() + self.browsers.live_legs() > 0 {
                poll.tick().await;
            }
        };
        if tokio::time::timeout(DRAIN_MAX, quiet).await.is_err() {
            let legs = self.sip.live_legs() + self.browsers.live_legs();
            warn!(legs, "{legs} legs are ended: their time is over");
        }
        self.browsers.stop().await;
        self.sip.stop().await;
        self.stop_http.cancel();
        if let Err(why) = self.http.await {
            error!("the API ended badly: {why}");
        }
        self.stop_carriers.cancel();
        while self.carriers.join_next().await.is_some() {}
        let mut carriers = self.switchboards.take_carriers();
        while carriers.join_next().await.is_some() {}
        // Answered once everything before it is written: the ends of the last calls are.
        for voice in self.voices.all() {
            if let Err(why) = voice.read(|_, _| ()).await {
                error!("the calls ended badly: {why}");
            }
        }
        self.workspaces.drain().await;
        self.stop_tasks.cancel();
        self.orders.abort_all();
        self.switchboards.abort();
        let finished = async { while self.tasks.join_next().await.is_some() {} };
        // Deliveries finish what is in flight; the rest has nobody left to listen to.
        if tokio::time::timeout(FINISH_MAX, finished).await.is_err() {
            self.tasks.abort_all();
        }
        self.media.shutdown();
        let store = self.store;
        if tokio::task::spawn_blocking(move || store.close()).await.is_err() {
            error!("the store could not be closed");
        }
        info!("drained");
    }
}

/// The account of the settings is the one that the store has, with the token of today.
async fn keep_account(store: &Store, config: &Config, clock: &Clock) -> Result<(), StoreError> {
    let now = clock.now().wall;
    let token = config.token.clone();
    match store.account(config.account).await? {
        Some(kept) if kept.auth_token == token => Ok(()),
        Some(_) => {
            let change = move |account: &mut Account| {
                account.auth_token = token;
                account.updated = now;
            };
            store.account_update(config.account, change).await.map(drop)
        }
        None => {
            let account = Account {
                sid: config.account,
                owner: None,
                friendly_name: "Tandem".to_owned(),
                status: AccountStatus::Active,
                auth_token: token,
                created: now,
                updated: now,
            };
            store.account_add(account).await
        }
    }
}

/// The first account and its subaccounts, oldest first.
async fn accounts(store: &Store, first: AccountSid) -> Result<Vec<Account>, StoreError> {
    let mut found = Vec::new();
    let mut page = store::Page::all();
    loop {
        let rows = store.accounts(page).await?;
        let last = rows.rows.last().filter(|_| rows.more).map(|last| last.sid);
        found.extend(rows.rows.into_iter().filter(|of| of.sid == first || of.owner == Some(first)));
        match last {
            Some(last) => page = store::Page::after(store::PAGE_ROWS_MAX, last),
            None => return Ok(found),
        }
    }
}

fn media_settings(config: &Config, entropy: Entropy, clock: Clock) -> MediaSettings {
    let mut settings = MediaSettings::new(entropy, clock);
    settings.ip = config.sip.ip();
    settings.ports = config.rtp.clone();
    settings.recordings = config.data.join(RECORDINGS);
    settings.prompts = PromptSettings {
        private_networks: config.private_webhooks,
        authorities: config.webhook_authorities.clone(),
        ..PromptSettings::default()
    };
    settings
}

fn sip_settings(config: &Config, entropy: Entropy, clock: Clock) -> Result<SipSettings, ServeError> {
    let mut settings = SipSettings::new(config.sip, entropy, clock);
    settings.domains = config.sip_domains.clone();
    settings.dev = config.dev;
    if config.dev {
        settings.limits = Limits::unthrottled();
    }
    crate::telephony::settle(config, &mut settings)?;
    Ok(settings)
}

/// Hands orders of the voice side to a part of the gateway, in order.
async fn hand_over<O: Send + 'static>(mut orders: mpsc::Receiver<O>, to: impl Fn(O) + Send + 'static) {
    while let Some(order) = orders.recv().await {
        to(order);
    }
}

async fn wait_for_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tokio::spawn(async move {
        if interrupt.recv().await.is_some() {
            std::process::exit(130);
        }
    });
    Ok(())
}
