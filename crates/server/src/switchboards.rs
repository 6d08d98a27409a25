//! Opens the switchboards of accounts: each has channels and carriers of its own, to a gateway that all of them share.

use crate::mailboxes;
use base::{AccountSid, CallSid, Clock, Entropy};
use engine::call::port::Input;
use engine::call::{Series, SwitchboardSettings};
use gateway::browser::Browsers;
use gateway::media::MediaPlane;
use gateway::recognition::{Recogniser, RecognitionCommand};
use gateway::recordings::Shelf;
use gateway::sip::SipGateway;
use gateway::transcripts::{Transcriber, TranscriptCommand};
use owner::{
    Directory, DocumentOrder, FetchOrder, Opener, Opening, Phones, Voice, VoiceOutputs, VoiceSettings,
    Voices, Workspaces,
};
use sip::port::{Cause, Command, Destination, Event, LegId};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::Store;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};
use webhook::{Fetch, Outgoing};

/// Events of a part of the gateway that may wait for the voice side.
pub const EVENTS_MAX: usize = 8_192;
/// Orders of the voice side that may wait for a part of the gateway.
pub const ORDERS_MAX: usize = 8_192;
/// Documents that may be asked for at once, per account.
const FETCHES_MAX: usize = 512;
/// How long one recording may take to be written down.
const TRANSCRIPT_MAX: Duration = Duration::from_secs(600);
/// Recordings that are written down at a time: each may keep a processor busy.
const TRANSCRIPTS_MAX: usize = 2;
/// How long it may take to know what a caller said.
const RECOGNITION_MAX: Duration = Duration::from_secs(30);

/// What a switchboard tells SIP phones, trunks and browsers, and whose it is.
pub type SipOrder = (AccountSid, Command);

/// What all switchboards share.
pub struct Shared {
    pub store: Store,
    pub clock: Clock,
    pub workspaces: Workspaces,
    /// Which account has which number.
    pub directory: Directory,
    /// Of the first account; the others differ in the account and the series.
    pub settings: SwitchboardSettings,
    pub media: MediaPlane,
    pub outgoing: Outgoing,
    pub shelf: Shelf,
    pub sip_orders: mpsc::Sender<SipOrder>,
    pub media_orders: mpsc::Sender<media::control::Command>,
    /// Words of the program that writes recordings down.
    pub transcription: Option<Vec<String>>,
    /// Words of the program that recognises what callers say.
    pub recognition: Option<Vec<String>>,
}

/// Opens switchboards and owns what carries their orders and events.
pub struct Switchboards {
    shared: Shared,
    entropy: Mutex<Entropy>,
    transcriber: Option<Arc<dyn Transcriber>>,
    recogniser: Option<Arc<dyn Recogniser>>,
    transcripts: Arc<Semaphore>,
    /// Carry what applications and listeners report, until `stop`.
    carriers: Mutex<JoinSet<()>>,
    stop: CancellationToken,
    /// Carry orders, for as long as there are calls.
    orders: Mutex<JoinSet<()>>,
}

impl Switchboards {
    /// With none open. `stop` ends what carries events.
    pub fn new(shared: Shared, entropy: Entropy, stop: CancellationToken) -> Self {
        let transcriber = shared.transcription.clone().map(|words| {
            Arc::new(TranscriptCommand { words, timeout: TRANSCRIPT_MAX }) as Arc<dyn Transcriber>
        });
        let recogniser = shared.recognition.clone().map(|words| {
            Arc::new(RecognitionCommand { words, timeout: RECOGNITION_MAX }) as Arc<dyn Recogniser>
        });
        Self {
            shared,
            entropy: Mutex::new(entropy),
            transcriber,
            recogniser,
            transcripts: Arc::new(Semaphore::new(TRANSCRIPTS_MAX)),
            carriers: Mutex::default(),
            stop,
            orders: Mutex::default(),
        }
    }

    /// What carries events, to be waited for once it was told to stop.
    pub fn take_carriers(&self) -> JoinSet<()> {
        std::mem::take(&mut *lock(&self.carriers))
    }

    /// Carries no more orders.
    pub fn abort(&self) {
        lock(&self.orders).abort_all();
    }

    async fn start(&self, account: AccountSid, series: Series) -> Result<Voice, store::StoreError> {
        let of = &self.shared;
        let (sip, mut sip_outbox) = mpsc::channel(ORDERS_MAX);
        let (fetches, fetch_outbox) = mpsc::channel(ORDERS_MAX);
        let (listen, listen_outbox) = mpsc::channel(ORDERS_MAX);
        let (streams, stream_outbox) = mpsc::channel(ORDERS_MAX);
        let (transcribe, transcript_outbox) = mpsc::channel(ORDERS_MAX);
        let settings = VoiceSettings {
            store: of.store.clone(),
            clock: of.clock.clone(),
            entropy: lock(&self.entropy).fork(),
            workspaces: of.workspaces.clone(),
            directory: of.directory.clone(),
            switchboard: SwitchboardSettings { account, series, ..of.settings.clone() },
        };
        let outputs =
            VoiceOutputs { sip, media: of.media_orders.clone(), fetch: fetches, listen, streams, transcribe };
        let voice = Voice::start(settings, outputs).await?;
        let (heard_events, heard_inbox) = mpsc::channel(EVENTS_MAX);
        let (stream_events, stream_inbox) = mpsc::channel(EVENTS_MAX);
        let mut carriers = lock(&self.carriers);
        carriers.spawn(carry(heard_inbox, voice.clone(), Input::Heard, self.stop.clone()));
        carriers.spawn(carry(stream_inbox, voice.clone(), Input::Stream, self.stop.clone()));
        drop(carriers);
        let mut orders = lock(&self.orders);
        let all = of.sip_orders.clone();
        orders.spawn(async move {
            while let Some(order) = sip_outbox.recv().await {
                if all.send((account, order)).await.is_err() {
                    return;
                }
            }
        });
        let (media, outgoing) = (of.media.clone(), of.outgoing.clone());
        orders.spawn(gateway::hearing::run(
            listen_outbox,
            media.clone(),
            self.recogniser.clone(),
            heard_events,
        ));
        orders.spawn(gateway::streams::run(stream_outbox, media, outgoing.clone(), stream_events));
        orders.spawn(fetch(fetch_outbox, outgoing, voice.clone()));
        orders.spawn(mailboxes::transcribe(
            transcript_outbox,
            of.shelf.clone(),
            self.transcriber.clone(),
            self.transcripts.clone(),
            voice.clone(),
        ));
        Ok(voice)
    }
}

impl Opener for Switchboards {
    fn open(&self, account: AccountSid, series: Series) -> Opening<'_> {
        Box::pin(self.start(account, series))
    }

    fn refuse(&self, leg: LegId, status: u16) {
        let account = self.shared.settings.account;
        if self.shared.sip_orders.try_send((account, Command::Refuse { leg, status })).is_err() {
            error!("a call to an account that is not active rings on: too many orders wait");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Hands what switchboards order to SIP and to browsers. An account rings no phone of another.
pub async fn sip_orders(
    mut orders: mpsc::Receiver<SipOrder>,
    sip: SipGateway,
    browsers: Browsers,
    phones: Phones,
    voices: Voices,
) {
    while let Some((account, order)) = orders.recv().await {
        if let Command::Invite { leg, to: Destination::Phone(user), .. } = &order
            && phones.account_of(user).is_some_and(|of| of != account)
        {
            info!(account.sid = %account, "account {account} cannot ring the phone {user} of another");
            let gone = Event::Gone { leg: *leg, cause: Cause::Failed, status: Some(404) };
            voices.route(Input::Sip(gone)).await;
            continue;
        }
        match browsers.takes(&order) {
            true => browsers.command(account, order),
            false => sip.command(order),
        }
    }
}

/// Carries events of the gateway to the switchboards that they concern, in order, until `stop`; what has come by then is
/// still carried.
pub async fn route<E: Send + 'static>(
    mut events: mpsc::Receiver<E>,
    voices: Voices,
    input: fn(E) -> Input,
    stop: CancellationToken,
) {
    stop.run_until_cancelled(async {
        while let Some(event) = events.recv().await {
            voices.route(input(event)).await;
        }
    })
    .await;
    while let Ok(event) = events.try_recv() {
        voices.route(input(event)).await;
    }
}

/// The same for events of which it is known whose they are.
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
    let FetchOrder { account, fetch, call, webhook, fallback, parameters } = order;
    let outcome = outgoing.fetch(Fetch { account, call, webhook, fallback, parameters }).await;
    if let Err(why) = voice.input(Input::Fetched { fetch, outcome }).await {
        error!(call.sid = %call, "a document could not be handed to {call}: {why}");
    }
    call
}
