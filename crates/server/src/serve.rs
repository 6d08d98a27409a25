//! `tandem serve`: joins the parts, and takes them apart again in the right order.

use crate::clock;
use crate::config::Config;
use crate::mailboxes;
use crate::seams::{self, Bins, Heard, KnownPhones, OurLines, RecordingFolder, Tokens};
use crate::tls;
use base::{CallSid, Clock, Entropy};
use engine::call::SwitchboardSettings;
use engine::call::port::Input;
use gateway::browser::{BrowserSettings, Browsers};
use gateway::media::{MediaPlane, MediaSettings};
use gateway::prompts::PromptSettings;
use gateway::recognition::{Recogniser, RecognitionCommand};
use gateway::recordings::Shelf;
use gateway::sip::{Limits, SipGateway, SipSettings};
use gateway::transcripts::{Transcriber, TranscriptCommand};
use http_api::{Api, Metrics, Oidc, Readiness, ReadyState, Sids, Validations};
use owner::{
    DocumentOrder, FetchOrder, Phones, SipDirectory, Voice, VoiceOutputs, VoiceSettings, Workspaces,
    WorkspacesSettings,
};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;
use store::model::{Account, AccountStatus};
use store::{Store, StoreError};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use webhook::deliveries::{Deliveries, DeliverySettings};
use webhook::{Fetch, Outgoing, OutgoingSettings, Policy};

/// Events of the gateway that may wait for the voice side.
const EVENTS_MAX: usize = 8_192;
/// Orders of the voice side that may wait for the gateway.
const ORDERS_MAX: usize = 8_192;
/// Documents that may be asked for at once.
const FETCHES_MAX: usize = 512;
/// Folder of recordings in the data folder.
const RECORDINGS: &str = "recordings";
/// How long one recording may take to be written down.
const TRANSCRIPT_MAX: Duration = Duration::from_secs(600);
/// How long it may take to know what a caller said.
const RECOGNITION_MAX: Duration = Duration::from_secs(30);
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
    voice: Voice,
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
    let media =
        MediaPlane::start(media_settings(&config, entropy.fork(), clock.clone()), media_events.clone())?;
    let (browser_events, browser_media_events) = (sip_events.clone(), media_events.clone());
    let phones = Phones::load(&store, config.account).await?;
    let sip_directory = SipDirectory::load(&store, config.account).await?;
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
    let (fetch_orders, fetch_outbox) = mpsc::channel(ORDERS_MAX);
    let mut switchboard = SwitchboardSettings::new(config.account, public_url.clone());
    switchboard.sip_domains = config.sip_domains.clone();
    switchboard.transcribes = config.transcription_command.is_some();
    switchboard.recognises = config.recognition_command.is_some();
    let (transcript_orders, transcript_outbox) = mpsc::channel(ORDERS_MAX);
    let (listen_orders, listen_outbox) = mpsc::channel(ORDERS_MAX);
    let (stream_orders, stream_outbox) = mpsc::channel(ORDERS_MAX);
    let voice = Voice::start(
        VoiceSettings {
            store: store.clone(),
            clock: clock.clone(),
            entropy: entropy.fork(),
            workspaces: workspaces.clone(),
            switchboard,
        },
        VoiceOutputs {
            sip: sip_orders,
            media: media_orders,
            fetch: fetch_orders,
            listen: listen_orders,
            streams: stream_orders,
            transcribe: transcript_orders,
        },
    )
    .await?;

    let validations = Validations::default();
    let mut outgoing = OutgoingSettings::new(config.token.clone(), public_url.clone(), entropy.fork());
    outgoing.policy = Policy { allow_private: config.private_webhooks };
    outgoing.documents = Some(Arc::new(Bins::new(
        store.clone(),
        config.account,
        validations.clone(),
        clock.clone(),
        entropy.fork(),
    )));
    outgoing.on_failure =
        Some(seams::note_failures(store.clone(), config.account, clock.clone(), entropy.fork()));
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
    let mut carriers = JoinSet::new();
    carriers.spawn(carry(sip_inbox, voice.clone(), Input::Sip, stop_carriers.clone()));
    carriers.spawn(carry(media_inbox, voice.clone(), Input::Media, stop_carriers.clone()));
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
    tasks.spawn(mailboxes::light(store.clone(), config.account, sip.clone(), stop_tasks.clone()));
    tasks.spawn(http_api::count_decisions(
        metrics.clone(),
        workspaces.clone(),
        config.account,
        stop_tasks.clone(),
    ));

    let readiness = Readiness::default();
    let api = Api {
        workspaces: workspaces.clone(),
        voice: voice.clone(),
        store: store.clone(),
        clock,
        public_url: public_url.clone(),
        dev: config.dev,
        number_pool: config.numbers.clone(),
        sip_realm,
        phones,
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
        doorkeeper: Arc::new(Tokens(api.clone())),
    };
    let browsers = Browsers::start(settings, media.clone(), browser_events, browser_media_events)
        .map_err(listening("WebRTC", config.webrtc))?;
    let mut orders = JoinSet::new();
    orders.spawn(hand_over(sip_outbox, {
        let (sip, browsers) = (sip.clone(), browsers.clone());
        move |order| if browsers.takes(&order) { browsers.command(order) } else { sip.command(order) }
    }));
    orders.spawn(hand_over(media_outbox, {
        let media = media.clone();
        move |order| media.command(order)
    }));
    let recogniser = config
        .recognition_command
        .clone()
        .map(|words| Arc::new(RecognitionCommand { words, timeout: RECOGNITION_MAX }) as Arc<dyn Recogniser>);
    let (heard_events, heard_inbox) = mpsc::channel(EVENTS_MAX);
    carriers.spawn(carry(heard_inbox, voice.clone(), Input::Heard, stop_carriers.clone()));
    orders.spawn(gateway::hearing::run(listen_outbox, media.clone(), recogniser, heard_events));
    let (stream_events, stream_inbox) = mpsc::channel(EVENTS_MAX);
    carriers.spawn(carry(stream_inbox, voice.clone(), Input::Stream, stop_carriers.clone()));
    orders.spawn(gateway::streams::run(stream_outbox, media.clone(), outgoing.clone(), stream_events));
    orders.spawn(fetch(fetch_outbox, outgoing, voice.clone()));
    let transcriber = config
        .transcription_command
        .clone()
        .map(|words| Arc::new(TranscriptCommand { words, timeout: TRANSCRIPT_MAX }) as Arc<dyn Transcriber>);
    let shelf = Shelf::new(config.data.join(RECORDINGS));
    orders.spawn(mailboxes::transcribe(transcript_outbox, shelf, transcriber, voice.clone()));
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
        voice,
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
        // Answered once everything before it is written: the ends of the last calls are.
        if let Err(why) = self.voice.read(|_, _| ()).await {
            error!("the calls ended badly: {why}");
        }
        self.workspaces.drain().await;
        self.stop_tasks.cancel();
        self.orders.abort_all();
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

fn media_settings(config: &Config, entropy: Entropy, clock: Clock) -> MediaSettings {
    let mut settings = MediaSettings::new(entropy, clock);
    settings.ip = config.sip.ip();
    settings.ports = config.rtp.clone();
    settings.recordings = config.data.join(RECORDINGS);
    settings.prompts =
        PromptSettings { private_networks: config.private_webhooks, ..PromptSettings::default() };
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

/// Carries events of the gateway to the voice side, in order, until `stop`; what has come by then is still carried.
async fn carry<E: Send + 'static>(
    mut events: mpsc::Receiver<E>,
    voice: Voice,
    input: fn(E) -> Input,
    stop: CancellationToken,
) {
    stop.run_until_cancelled(async {
        while let Some(event) = events.recv().await {
            tell(&voice, input(event)).await;
        }
    })
    .await;
    while let Ok(event) = events.try_recv() {
        tell(&voice, input(event)).await;
    }
}

async fn tell(voice: &Voice, input: Input) {
    if let Err(why) = voice.input(input).await {
        error!("an event could not be handed to the calls: {why}");
    }
}

/// Hands orders of the voice side to a part of the gateway, in order.
async fn hand_over<O: Send + 'static>(mut orders: mpsc::Receiver<O>, to: impl Fn(O) + Send + 'static) {
    while let Some(order) = orders.recv().await {
        to(order);
    }
}

/// Fetches documents, many at once, and tells the voice side what came of each. What is kept for a call goes with it.
async fn fetch(mut orders: mpsc::Receiver<DocumentOrder>, outgoing: Outgoing, voice: Voice) {
    let mut under_way = JoinSet::new();
    // Requests per call, and whether the call is over.
    let mut calls: HashMap<CallSid, (usize, bool)> = HashMap::new();
    loop {
        tokio::select! {
            order = orders.recv(), if under_way.len() < FETCHES_MAX => match order {
                Some(DocumentOrder::Fetch(order)) => {
                    calls.entry(order.call).or_default().0 += 1;
                    under_way.spawn(fetch_one(*order, outgoing.clone(), voice.clone()));
                }
                Some(DocumentOrder::Ended(call)) => match calls.get_mut(&call) {
                    Some((_, over)) => *over = true,
                    None => outgoing.forget(call),
                },
                None => return,
            },
            Some(done) = under_way.join_next() => {
                // A panic has said so itself; its call is forgotten when its place is needed.
                let Ok(call) = done else { continue };
                if let Entry::Occupied(mut entry) = calls.entry(call) {
                    entry.get_mut().0 -= 1;
                    if let (0, over) = *entry.get() {
                        entry.remove();
                        if over {
                            outgoing.forget(call);
                        }
                    }
                }
            }
        }
    }
}

async fn fetch_one(order: FetchOrder, outgoing: Outgoing, voice: Voice) -> CallSid {
    let FetchOrder { fetch, call, webhook, fallback, parameters, .. } = order;
    let outcome = outgoing.fetch(Fetch { call, webhook, fallback, parameters }).await;
    if let Err(why) = voice.input(Input::Fetched { fetch, outcome }).await {
        error!(call.sid = %call, "a document could not be handed to {call}: {why}");
    }
    call
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
