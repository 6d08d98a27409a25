use crate::errands::{Errand, Errands, refused};
use crate::sip_directory::sip_domain_settings;
use crate::{AskError, Directory, Workspaces, timers};
use base::*;
use engine::call::port::*;
use engine::call::{Switchboard, SwitchboardSettings};
use engine::routing::command::Command;
use engine::routing::effect::VoiceOrder;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::model::{
    Application, DeliveryKind, IncomingNumber, NewDelivery, Notification, Prompt, Row, SipAccount, VoiceQueue,
};
use store::resource::Resource;
use store::{AppendError, Commit, Page, Rows, Seq, Store, StoreError};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tracing::{error, info, warn};

/// Inputs that may wait.
const INBOX_MAX: usize = 8_192;
/// Orders of workspaces that may wait.
const ORDERS_MAX: usize = 4_096;
/// Most inputs handled in one batch.
const BATCH_MAX: usize = 512;
/// Requests of the API that may be under way.
const REQUESTS_MAX: usize = 10_000;
/// How often the rows of a batch are tried before the calls go on without them.
const COMMIT_ATTEMPTS_MAX: u32 = 4;
/// Rows that are kept while the database cannot be reached, to be written when it is back: some thousands of calls.
const OWED_MAX: usize = 50_000;
/// Between two tries to write what is owed.
const OWED_PAUSE: Duration = Duration::from_secs(1);
/// Between two tries.
const COMMIT_PAUSE: Duration = Duration::from_millis(100);
/// No two timer ticks are closer than this.
const TICK_MIN: Duration = Duration::from_millis(1);

/// What the voice side of an account needs.
#[derive(Clone)]
pub struct VoiceSettings {
    /// Rows.
    pub store: Store,
    /// The one clock.
    pub clock: Clock,
    /// For SIDs.
    pub entropy: Entropy,
    /// Who routes.
    pub workspaces: Workspaces,
    /// Where numbers and SIP domains are noted, for [`Voices`](crate::Voices).
    pub directory: Directory,
    /// The switchboard's own, with the account.
    pub switchboard: SwitchboardSettings,
}

/// Where effects go. Whoever is at the other end takes them whatever it waits for itself: the voice side waits while one of
/// these is full.
#[derive(Debug, Clone)]
pub struct VoiceOutputs {
    /// To the SIP gateway.
    pub sip: mpsc::Sender<sip::port::Command>,
    /// To the media plane.
    pub media: mpsc::Sender<media::control::Command>,
    /// To whoever fetches TwiML.
    pub fetch: mpsc::Sender<DocumentOrder>,
    /// To whoever listens to callers; answered with [`Input::Heard`].
    pub listen: mpsc::Sender<ListenOrder>,
    /// To whoever carries audio to applications; answered with [`Input::Stream`].
    pub streams: mpsc::Sender<StreamOrder>,
    /// To whoever writes down what recordings say; answered with [`Input::Transcribed`].
    pub transcribe: mpsc::Sender<RecordingSid>,
}

/// What whoever fetches TwiML is told.
#[derive(Debug, Clone, PartialEq)]
pub enum DocumentOrder {
    /// To be answered with [`Input::Fetched`].
    Fetch(Box<FetchOrder>),
    /// The call is over: no more will be fetched for it, and what is kept for it can go.
    Ended(CallSid),
}

/// A TwiML document to be fetched (see `Effect::Fetch` of the switchboard).
#[derive(Debug, Clone, PartialEq)]
pub struct FetchOrder {
    /// Whose token signs it.
    pub account: AccountSid,
    /// Goes back with the outcome.
    pub fetch: FetchId,
    /// The cookie jar.
    pub call: CallSid,
    /// What to ask.
    pub webhook: Webhook,
    /// What to ask when that fails.
    pub fallback: Option<Webhook>,
    /// Form parameters, in order.
    pub parameters: Vec<(String, String)>,
}

/// The calls of one account. A cheap handle.
#[derive(Clone)]
pub struct Voice {
    inbox: mpsc::Sender<Message>,
    account: AccountSid,
    _running: Arc<Mutex<JoinSet<()>>>,
}

type Release = Box<dyn FnOnce(Result<(), AskError>) + Send>;

/// Looks at the switchboard and says whom to tell.
type Read = Box<dyn FnOnce(&Switchboard, Now) -> Release + Send>;

enum Message {
    Input(Box<Input>),
    Request { what: Box<Request>, tell: oneshot::Sender<Result<Response, AskError>> },
    Read(Read),
    Wake,
}

impl Voice {
    /// Closes what a crash left behind (live calls of the store end now; every workspace of the account settles the tasks of
    /// calls that are gone), configures the switchboard from the store and starts it.
    pub async fn start(settings: VoiceSettings, outputs: VoiceOutputs) -> Result<Self, StoreError> {
        let account = settings.switchboard.account;
        let now = settings.clock.now();
        let closed = settings.store.calls_close(account, now.wall).await?;
        if !closed.is_empty() {
            info!(
                calls = closed.len(),
                "closed {} calls that were live when the program ended",
                closed.len()
            );
        }
        let (orders, order_inbox) = mpsc::channel(ORDERS_MAX);
        settings.workspaces.attach_voice(account, orders);
        for workspace in settings.workspaces.list(account) {
            let settle = Command::SettleLostCalls { alive: Vec::new() };
            if let Err(error) = settings.workspaces.ask(workspace, settle).await {
                error!(workspace.sid = %workspace, %error, "could not settle the lost calls of {workspace}: {error}");
            }
        }
        let mut entropy = settings.entropy;
        let configured = configuration(&settings.store, account, &settings.switchboard.public_url).await?;
        let mut switchboard = Switchboard::new(settings.switchboard, entropy.fork());
        let mut effects = Vec::new();
        for input in configured {
            settings.directory.note(account, &input);
            switchboard.handle(now, input, &mut effects);
        }
        let (inbox, messages) = mpsc::channel(INBOX_MAX);
        let (errands, routed) = Errands::new(settings.workspaces.clone());
        let desk = Desk {
            account,
            store: settings.store,
            clock: settings.clock,
            entropy,
            switchboard,
            workspaces: settings.workspaces,
            directory: settings.directory,
            outputs,
            errands,
            waiting: HashMap::new(),
            requests: 0,
            ticked: Mono(0),
            pending: Batch::default(),
            owed: Vec::new(),
            owing: false,
        };
        let running = Arc::new(Mutex::new(JoinSet::new()));
        let started = desk.run(effects, Inboxes { messages, orders: order_inbox, routed });
        running.lock().unwrap_or_else(PoisonError::into_inner).spawn(started);
        Ok(Self { inbox, account, _running: running })
    }

    /// Whose calls these are.
    pub fn account(&self) -> AccountSid {
        self.account
    }

    /// Asks something of the switchboard; answered after its rows are durable.
    pub async fn request(&self, what: Request) -> Result<Response, AskError> {
        let (tell, told) = oneshot::channel();
        let message = Message::Request { what: Box::new(what), tell };
        self.inbox.try_send(message).map_err(|_| AskError::Busy)?;
        told.await.map_err(|_| AskError::Busy)?
    }

    /// Hands over what the SIP gateway, the media plane or a fetch reports, or what was configured. Waits for room. An error
    /// means that the voice side has gone.
    pub async fn input(&self, input: Input) -> Result<(), AskError> {
        self.inbox.send(Message::Input(Box::new(input))).await.map_err(|_| AskError::Draining)
    }

    /// Reads the switchboard after everything that was handed over before; answered once the rows of that are durable.
    pub async fn read<R: Send + 'static>(
        &self,
        read: impl FnOnce(&Switchboard, Now) -> R + Send + 'static,
    ) -> Result<R, AskError> {
        let (tell, told) = oneshot::channel::<Result<R, AskError>>();
        let message = Message::Read(Box::new(move |switchboard, now| {
            let value = read(switchboard, now);
            // A caller that no longer waits does not want to know.
            Box::new(move |committed| drop(tell.send(committed.map(|()| value))))
        }));
        self.inbox.try_send(message).map_err(|_| AskError::Busy)?;
        told.await.map_err(|_| AskError::Busy)?
    }

    /// Makes it look at its timers: a virtual clock was moved.
    pub fn wake(&self) {
        // With a full inbox it is awake.
        let _ = self.inbox.try_send(Message::Wake);
    }
}

impl std::fmt::Debug for Voice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Voice({})", self.account)
    }
}

/// What the switchboard needs to know of a number.
pub fn number_settings(number: &IncomingNumber) -> NumberSettings {
    let webhook = |url: &str, method| (!url.is_empty()).then(|| Webhook { url: url.to_owned(), method });
    NumberSettings {
        sid: number.sid,
        number: number.number.clone(),
        voice: webhook(&number.voice_url, number.voice_method),
        voice_fallback: webhook(&number.voice_fallback_url, number.voice_fallback_method),
        status_callback: webhook(&number.status_callback, number.status_callback_method),
        application: number.voice_application,
    }
}

/// What the switchboard needs to know of a TwiML application.
pub fn application_settings(application: &Application) -> ApplicationSettings {
    let webhook = |url: &str, method| (!url.is_empty()).then(|| Webhook { url: url.to_owned(), method });
    ApplicationSettings {
        sid: application.sid,
        voice: webhook(&application.voice_url, application.voice_method),
        voice_fallback: webhook(&application.voice_fallback_url, application.voice_fallback_method),
        status_callback: webhook(&application.status_callback, application.status_callback_method),
    }
}

/// What the switchboard needs to know of a phone; `None` for one that is no agent's.
pub fn agent_settings(sip: &SipAccount) -> Option<AgentSettings> {
    Some(AgentSettings {
        user: sip.user.clone(),
        extension: sip.extension.clone(),
        workspace: sip.workspace?,
        worker: sip.worker?,
        outbound_workflow: sip.outbound_workflow,
        caller_id: sip.caller_id.clone(),
    })
}

/// Everything that is configured in the store, as inputs.
async fn configuration(
    store: &Store,
    account: AccountSid,
    public_url: &str,
) -> Result<Vec<Input>, StoreError> {
    let mut inputs = Vec::new();
    let mut page = Page::all();
    loop {
        let Rows { rows, more } = store.numbers(account, Default::default(), page).await?;
        page = next_page(rows.last().map(|number| number.sid.to_string()));
        inputs.extend(rows.iter().map(number_settings).map(Input::Number));
        if !more {
            break;
        }
    }
    page = Page::all();
    loop {
        let Rows { rows, more } = store.applications(account, None, page).await?;
        page = next_page(rows.last().map(|application| application.sid.to_string()));
        inputs.extend(rows.iter().map(application_settings).map(Input::Application));
        if !more {
            break;
        }
    }
    page = Page::all();
    loop {
        let Rows { rows, more } = store.queues(account, page).await?;
        page = next_page(rows.last().map(|queue| queue.sid.to_string()));
        inputs.extend(rows.iter().map(VoiceQueue::settings).map(Input::Queue));
        if !more {
            break;
        }
    }
    page = Page::all();
    loop {
        let Rows { rows, more } = store.sip_accounts(account, page).await?;
        page = next_page(rows.last().map(|sip| sip.sid.to_string()));
        inputs.extend(rows.iter().filter_map(agent_settings).map(Input::Agent));
        if !more {
            break;
        }
    }
    let domains =
        store.resources_of_account(account).await?.into_iter().filter_map(|resource| match resource {
            Resource::Domain(domain) => Some(Input::SipDomain(sip_domain_settings(&domain))),
            Resource::CallerId(id) => Some(Input::CallerId(id.phone_number)),
            _ => None,
        });
    inputs.extend(domains);
    inputs.extend(store.mailboxes(account).await?.into_iter().map(Input::Mailbox));
    let music = store.setting(hold_music_setting(account)).await?.unwrap_or_default();
    inputs.push(Input::HoldMusic(hold_music_url(public_url, &music)));
    Ok(inputs)
}

/// Under which name the store keeps the music of those who wait: a prompt's SID, a URL, or nothing for our own.
pub fn hold_music_setting(account: AccountSid) -> String {
    format!("hold_music {account}")
}

/// The URL of what is kept there.
pub fn hold_music_url(public_url: &str, kept: &str) -> Option<String> {
    match kept.parse() {
        Ok(prompt) => Some(Prompt::media_url(public_url, prompt)),
        Err(_) => (!kept.is_empty()).then(|| kept.to_owned()),
    }
}

fn next_page(last: Option<String>) -> Page {
    last.map_or_else(Page::all, |sid| Page::after(store::PAGE_ROWS_MAX, sid))
}

/// The task: the switchboard and what is decided but not done yet.
struct Desk {
    account: AccountSid,
    store: Store,
    clock: Clock,
    entropy: Entropy,
    switchboard: Switchboard,
    workspaces: Workspaces,
    directory: Directory,
    outputs: VoiceOutputs,
    errands: Errands,
    waiting: HashMap<RequestId, oneshot::Sender<Result<Response, AskError>>>,
    requests: u64,
    ticked: Mono,
    pending: Batch,
    /// Rows of batches that were performed while the database could not be reached, oldest first.
    owed: Vec<Row>,
    /// There were such rows, and nothing was written since.
    owing: bool,
}

struct Inboxes {
    messages: mpsc::Receiver<Message>,
    orders: mpsc::Receiver<VoiceOrder>,
    routed: mpsc::Receiver<Input>,
}

#[derive(Default)]
struct Batch {
    rows: Vec<Row>,
    /// To be done, in this order, after `rows` are durable.
    acts: Vec<Effect>,
    releases: Vec<Release>,
    inputs: usize,
}

struct InFlight {
    outcome: Pin<Box<dyn Future<Output = Result<Seq, AppendError>> + Send>>,
    batch: Batch,
    attempts: u32,
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.acts.is_empty() && self.releases.is_empty()
    }
}

impl Desk {
    async fn run(mut self, first: Vec<Effect>, mut from: Inboxes) {
        self.take_effects(first, self.clock.now().wall);
        let mut in_flight: Option<InFlight> = None;
        loop {
            if in_flight.is_none() && !self.pending.is_empty() {
                let ready = std::mem::take(&mut self.pending);
                if ready.rows.is_empty() {
                    self.perform(ready, Ok(())).await;
                    continue;
                }
                in_flight = Some(self.commit(ready, 1));
            } else if in_flight.is_none() && !self.owed.is_empty() {
                in_flight = Some(self.commit(Batch::default(), COMMIT_ATTEMPTS_MAX));
            }
            let room = self.pending.inputs < BATCH_MAX;
            tokio::select! {
                biased;
                committed = outcome(&mut in_flight) => {
                    let done = in_flight.take().expect("its outcome has just come");
                    in_flight = self.committed(done, committed).await;
                }
                Some(input) = from.routed.recv(), if room => self.handle(input),
                Some(order) = from.orders.recv(), if room => self.handle(Input::Order(order)),
                message = from.messages.recv(), if room => {
                    let Some(message) = message else { break };
                    self.take(message);
                    while self.pending.inputs < BATCH_MAX && let Ok(message) = from.messages.try_recv() {
                        self.take(message);
                    }
                }
                () = timers::mono(&self.clock, self.next_tick()), if room => {
                    self.ticked = self.clock.now().mono;
                    self.handle(Input::Tick);
                }
            }
        }
    }

    fn next_tick(&self) -> Option<Mono> {
        self.switchboard.next_deadline().map(|deadline| deadline.max(self.ticked + TICK_MIN))
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Input(input) => self.handle(*input),
            Message::Request { what, tell } => {
                if self.waiting.len() >= REQUESTS_MAX {
                    // A caller that no longer waits does not want to know.
                    let _ = tell.send(Err(AskError::Busy));
                    return;
                }
                self.requests += 1;
                let request = RequestId(self.requests);
                self.waiting.insert(request, tell);
                self.handle(Input::Request { request, what: *what });
            }
            Message::Read(read) => {
                self.pending.inputs += 1;
                self.pending.releases.push(read(&self.switchboard, self.clock.now()));
            }
            Message::Wake => {}
        }
    }

    fn handle(&mut self, input: Input) {
        self.pending.inputs += 1;
        self.directory.note(self.account, &input);
        let now = self.clock.now();
        let mut effects = Vec::new();
        let handled = std::panic::catch_unwind(AssertUnwindSafe(|| {
            self.switchboard.handle(now, input, &mut effects);
        }));
        if handled.is_err() {
            // Losing every call of the account would be worse than going on with what the others left.
            error!("the switchboard panicked over one input; its other calls go on");
        }
        self.take_effects(effects, now.wall);
    }

    fn take_effects(&mut self, effects: Vec<Effect>, now: Timestamp) {
        for effect in effects {
            self.take_effect(effect, now);
        }
    }

    /// Notes an effect as a row, or as something to be done once the rows are durable.
    fn take_effect(&mut self, effect: Effect, now: Timestamp) {
        let account = self.account;
        let row = match effect {
            Effect::Record(Record::Call(record)) => {
                if record.ended.is_some() {
                    self.pending.acts.push(Effect::Record(Record::Call(record.clone())));
                }
                Row::Call { account, record }
            }
            Effect::Record(Record::Conference(record)) => Row::Conference { account, record },
            Effect::Record(Record::Recording(record)) => Row::Recording { account, record },
            Effect::Record(Record::TaskParticipant(participant)) => {
                Row::TaskParticipant { account, participant }
            }
            Effect::Record(Record::Voicemail(record)) => Row::Voicemail { account, record },
            Effect::Record(Record::Transcription(record)) => {
                Row::Resource(Box::new(Resource::Transcription(*record)))
            }
            Effect::Record(Record::VoicemailTranscript(record)) => Row::VoicemailTranscript(record),
            Effect::Record(Record::Timeline(entry)) => {
                Row::Timeline { sid: EventSid::generate(&mut self.entropy), entry }
            }
            Effect::Record(Record::Queue(queue)) => Row::Queue(VoiceQueue {
                sid: queue.sid,
                account,
                friendly_name: queue.friendly_name,
                max_size: queue.max_size,
                created: now,
                updated: now,
            }),
            Effect::Callback { lane, webhook, parameters } => Row::Delivery(Box::new(NewDelivery {
                sid: DeliverySid::generate(&mut self.entropy),
                account,
                kind: DeliveryKind::Status,
                lane,
                webhook,
                fallback: None,
                parameters,
                assignment: None,
                created: now,
            })),
            Effect::Notify { call, error, code, message, request } => Row::Notification(Notification {
                sid: NotificationSid::generate(&mut self.entropy),
                account,
                call: Some(call),
                error,
                code,
                message,
                method: request.as_ref().map(|request| request.method),
                url: request.map(|request| request.url),
                resource: None,
                created: now,
            }),
            act => return self.pending.acts.push(act),
        };
        self.pending.rows.push(row);
    }

    fn commit(&mut self, mut batch: Batch, attempts: u32) -> InFlight {
        let store = self.store.clone();
        let pause = match attempts {
            1 => None,
            _ if batch.rows.is_empty() => Some(OWED_PAUSE),
            _ => Some(COMMIT_PAUSE),
        };
        batch.rows.splice(0..0, std::mem::take(&mut self.owed));
        let commit = Commit { append: None, rows: batch.rows.clone() };
        let outcome = Box::pin(async move {
            if let Some(pause) = pause {
                timers::pause(pause).await;
            }
            store.commit(commit).await
        });
        InFlight { outcome, batch, attempts }
    }

    /// The rows are durable: act. Rows that cannot be written are tried again a few times; then the people on the phone go
    /// on without them, and whoever asked over the API is told. What could not be written because the database was away is
    /// written when it is back.
    async fn committed(&mut self, done: InFlight, outcome: Result<Seq, AppendError>) -> Option<InFlight> {
        let Err(failed) = outcome else {
            if std::mem::take(&mut self.owing) {
                info!("the rows of calls that were kept for the database are written");
            }
            self.perform(done.batch, Ok(())).await;
            return None;
        };
        if done.attempts < COMMIT_ATTEMPTS_MAX {
            if !self.owing {
                warn!(%failed, "could not record what happened on the calls: {failed}; trying again");
            }
            return Some(self.commit(done.batch, done.attempts + 1));
        }
        let mut batch = done.batch;
        let rows = std::mem::take(&mut batch.rows);
        if matches!(failed, AppendError::Store(StoreError::Unreachable(_))) && rows.len() <= OWED_MAX {
            if !self.owing {
                warn!(%failed, "rows of calls are kept until the database is back: {failed}");
            }
            self.owing = true;
            self.owed = rows;
        } else {
            self.owing = false;
            error!(%failed, rows = rows.len(), "gave up recording what happened on the calls: {failed}");
        }
        self.perform(batch, Err(failed.into())).await;
        None
    }

    async fn perform(&mut self, batch: Batch, recorded: Result<(), AskError>) {
        for act in batch.acts {
            self.act(act, &recorded).await;
        }
        for release in batch.releases {
            release(recorded.clone());
        }
    }

    async fn act(&mut self, act: Effect, recorded: &Result<(), AskError>) {
        let taken = match act {
            Effect::Sip(command) => self.outputs.sip.send(command).await.is_ok(),
            Effect::Media(command) => self.outputs.media.send(command).await.is_ok(),
            Effect::Fetch { fetch, call, webhook, fallback, parameters } => {
                let account = self.account;
                let order = FetchOrder { account, fetch, call, webhook, fallback, parameters };
                self.outputs.fetch.send(DocumentOrder::Fetch(Box::new(order))).await.is_ok()
            }
            Effect::Listen(order) => self.outputs.listen.send(order).await.is_ok(),
            Effect::Stream(order) => self.outputs.streams.send(order).await.is_ok(),
            Effect::Transcribe { recording } => self.outputs.transcribe.send(recording).await.is_ok(),
            Effect::Routing { request, target, command } => {
                self.route(request, target, *command);
                true
            }
            Effect::Report { request, workspace, report } => {
                let errand = Errand { request, command: Command::Voice(report), report: true };
                self.run_errand(workspace, errand);
                true
            }
            Effect::Respond { request, response } => {
                if let Some(tell) = self.waiting.remove(&request) {
                    // A caller that no longer waits does not want to know.
                    let _ = tell.send(recorded.clone().map(|()| response));
                }
                true
            }
            Effect::Record(Record::Call(record)) if record.ended.is_some() => {
                self.outputs.fetch.send(DocumentOrder::Ended(record.sid)).await.is_ok()
            }
            // Rows, all of them.
            Effect::Record(_) | Effect::Callback { .. } | Effect::Notify { .. } => true,
        };
        if !taken {
            error!("the gateway has gone; an order to it was lost");
        }
    }

    fn route(&mut self, request: RoutingRequestId, target: RoutingTargetRef, command: Command) {
        let workspace = match target {
            RoutingTargetRef::Workspace(workspace) => Some(workspace),
            RoutingTargetRef::WorkflowOf(workflow) => self.workspaces.workspace_of(workflow),
        };
        match workspace {
            Some(workspace) => self.run_errand(workspace, Errand { request, command, report: false }),
            None => self.handle(refused(request, 20404, "The workflow was not found")),
        }
    }

    fn run_errand(&mut self, workspace: WorkspaceSid, errand: Errand) {
        if let Some(refused) = self.errands.run(workspace, errand) {
            self.handle(refused);
        }
    }
}

async fn outcome(in_flight: &mut Option<InFlight>) -> Result<Seq, AppendError> {
    match in_flight {
        Some(in_flight) => in_flight.outcome.as_mut().await,
        None => std::future::pending().await,
    }
}
