//! Small adapters where one part asks for something that another part has.

use base::{
    AccountSid, Clock, DeliverySid, Entropy, NotificationSid, PhoneNumberSid, RecordingSid, TwimlBinSid,
};
use engine::call::port::{Document, Input};
use gateway::browser::{Doorkeeper, SignalError, VoiceAccess};
use gateway::prompts::{KeepError, KeptAudio, KeptPrompts, PromptShelf};
use gateway::recordings::Shelf;
use gateway::sip::{DomainRules, PhoneDirectory, SipGateway, TrunkRegistration};
use gateway::speech::Utterance;
use http_api::{
    Api, Entered, KeptPrompt, Lines, MediaForm, Metrics, Pending, PhoneLine, PromptMedia, PromptWords,
    RecordingMedia, TrunkLine, TrunkRegistered, VALIDATION_DOCUMENTS, VALIDATION_ENDED, Validation,
    Validations,
};
use owner::{AssignmentFailure, Phones, SipDirectory, SipDomainRules, Voices, Workspaces};
use sip::digest::PhoneSecret;
use sip::registrar::Transport;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use store::model::{DeliveryKind, DeliveryOutcome, NewDelivery, Notification, Prompt};
use store::resource::Resource;
use store::{Store, StoreError};
use tokio::sync::mpsc;
use tracing::error;
use webhook::deliveries::{AssignmentAnswer, AssignmentOutcome, Listener, Notice};
use webhook::{Boxed, FailureHook, LOCAL_DOCUMENTS_PATH, LocalDocuments};

/// Phones that may register: the store's SIP accounts, and the users of its SIP domains.
pub struct KnownPhones(pub Phones, pub SipDirectory);

impl PhoneDirectory for KnownPhones {
    fn secret(&self, user: &str, realm: &str) -> Option<PhoneSecret> {
        self.0.secret(user, realm)
    }

    fn domain(&self, name: &str) -> Option<DomainRules> {
        let SipDomainRules { sid, registers, secure, by_password, networks } = self.1.rules(name)?;
        Some(DomainRules { sid, registers, secure, by_password, networks })
    }

    fn domain_secret(&self, domain: &str, user: &str, realm: &str, registers: bool) -> Option<PhoneSecret> {
        self.1.secret(domain, user, realm, registers)
    }

    fn serves(&self, domain: &str) -> bool {
        self.1.rules(domain).is_some()
    }
}

/// Access tokens of browsers, read by the API's own rules.
pub struct Tokens(pub Api);

impl Doorkeeper for Tokens {
    fn check<'a>(&'a self, token: &'a str) -> Boxed<'a, Result<VoiceAccess, SignalError>> {
        Box::pin(async move {
            let grant = http_api::voice_grant(&self.0, token).await.map_err(|error| {
                // What the Voice SDK calls the same (reference: voice §6.6).
                SignalError::of(match error.code {
                    20101 => 31204,
                    20104 => 31205,
                    20107 => 31202,
                    20103 => 31203,
                    20157 => 31207,
                    _ => 31201,
                })
            })?;
            let servers = self.0.ice.servers(&grant.identity, self.0.clock.now().wall);
            Ok(VoiceAccess {
                ice_servers: http_api::ice_json(&servers),
                account: grant.account,
                identity: grant.identity,
                incoming: grant.incoming,
                outgoing: grant.outgoing,
                customer: grant.customer,
                expires: grant.expires,
            })
        })
    }
}

/// TwiML bins, so that a number works without any web server.
pub struct Bins {
    store: Store,
    validations: Validations,
    /// Told of new caller IDs; there since before the first call.
    voices: Arc<OnceLock<Voices>>,
    clock: Clock,
    entropy: Mutex<Entropy>,
}

impl Bins {
    /// The bins of accounts, and the documents of their validation calls.
    pub fn new(
        store: Store,
        validations: Validations,
        voices: Arc<OnceLock<Voices>>,
        clock: Clock,
        entropy: Entropy,
    ) -> Self {
        Self { store, validations, voices, clock, entropy: Mutex::new(entropy) }
    }

    /// A code was entered in a validation call.
    async fn validate(&self, url: &str, parameters: &[(String, String)]) -> Option<Document> {
        let rest = url.split_once(VALIDATION_DOCUMENTS)?.1;
        let sid: PhoneNumberSid = rest.split(['/', '?', '#']).next()?.parse().ok()?;
        let digits =
            parameters.iter().find(|(name, _)| name == "Digits").map_or("", |(_, digits)| digits.as_str());
        let now = self.clock.now().wall;
        if rest.split(['?', '#']).next().is_some_and(|path| path.ends_with(VALIDATION_ENDED)) {
            if let Some(unanswered) = self.validations.give_up(sid) {
                self.told(&unanswered, false).await;
            }
            return Some(Document { url: url.to_owned(), content_type: None, body: String::new() });
        }
        let twiml = match self.validations.enter(sid, digits, now) {
            Entered::Right(validation) => {
                let resource = Resource::CallerId(validation.caller_id(now));
                let kept = self.store.resource_add(resource).await;
                // That it is one already is no reason to say no.
                let kept = matches!(kept, Ok(()) | Err(StoreError::Conflict { .. }));
                if let Some(voice) = self.voices.get().and_then(|voices| voices.any_of(validation.account)) {
                    let proved = Input::CallerId(validation.number.clone());
                    if let Err(why) = voice.input(proved).await {
                        error!(number.sid = %sid, "a caller ID is shown by no call yet: {why}");
                    }
                }
                self.told(&validation, kept).await;
                match kept {
                    true => "<Say>Thank you. Your caller ID is valid.</Say>".to_owned(),
                    false => "<Say>We are sorry. An error has occurred.</Say>".to_owned(),
                }
            }
            Entered::Wrong => format!(
                "<Gather numDigits=\"6\" timeout=\"10\" action=\"{url}\"><Say>That is not the code. Please enter it \
                 again.</Say></Gather>"
            ),
            Entered::Failed(validation) => {
                self.told(&validation, false).await;
                "<Say>That is not the code. Goodbye.</Say>".to_owned()
            }
            Entered::Unknown => "<Say>This code is not asked for any more. Goodbye.</Say>".to_owned(),
        };
        let body = format!("<Response>{twiml}</Response>");
        Some(Document { url: url.to_owned(), content_type: Some("text/xml".to_owned()), body })
    }

    /// Tells whoever wanted to know how a validation ended.
    async fn told(&self, validation: &Validation, valid: bool) {
        let Some(webhook) = validation.callback.clone() else { return };
        let mut parameters = vec![
            ("AccountSid".to_owned(), validation.account.to_string()),
            ("VerificationStatus".to_owned(), if valid { "success" } else { "failed" }.to_owned()),
            ("To".to_owned(), validation.number.to_string()),
        ];
        parameters.extend(validation.call.map(|call| ("CallSid".to_owned(), call.to_string())));
        parameters.extend(valid.then(|| ("OutgoingCallerIdSid".to_owned(), validation.sid.to_string())));
        let sid = DeliverySid::generate(&mut self.entropy.lock().unwrap_or_else(PoisonError::into_inner));
        let delivery = NewDelivery {
            sid,
            account: validation.account,
            kind: DeliveryKind::Status,
            lane: validation.sid.to_string(),
            webhook,
            fallback: None,
            parameters,
            assignment: None,
            created: self.clock.now().wall,
        };
        if let Err(why) = self.store.deliver(vec![delivery]).await {
            error!(number.sid = %validation.sid, "the end of a validation could not be told: {why}");
        }
    }

    async fn fill(
        &self,
        account: AccountSid,
        url: &str,
        parameters: &[(String, String)],
    ) -> Option<Document> {
        let path = url.split_once(LOCAL_DOCUMENTS_PATH)?.1;
        let sid: TwimlBinSid = path.split(['/', '?', '#']).next()?.parse().ok()?;
        let found = self.store.twiml_bin(sid).await;
        let bin = found
            .inspect_err(|why| error!(bin.sid = %sid, "could not read TwiML bin {sid}: {why}"))
            .ok()?
            .filter(|bin| bin.account == account)?;
        let body = twiml::fill(&bin.body, parameters)
            .inspect_err(|why| error!(bin.sid = %sid, "could not fill TwiML bin {sid}: {why}"))
            .ok()?;
        Some(Document { url: url.to_owned(), content_type: Some("text/xml".to_owned()), body })
    }
}

impl LocalDocuments for Bins {
    fn document<'a>(
        &'a self,
        account: AccountSid,
        url: &'a str,
        parameters: &'a [(String, String)],
    ) -> Boxed<'a, Option<Document>> {
        Box::pin(async move {
            match url.contains(VALIDATION_DOCUMENTS) {
                true => self.validate(url, parameters).await,
                false => self.fill(account, url, parameters).await,
            }
        })
    }
}

/// Trunks and registered phones, as the gateway knows them.
pub struct OurLines(pub SipGateway);

impl Lines for OurLines {
    fn trunks(&self) -> Vec<TrunkLine> {
        let show = |of: gateway::sip::TrunkState| TrunkLine {
            name: of.name,
            uri: of.uri,
            priority: of.priority,
            weight: of.weight,
            watched: of.watched,
            answers: of.answers,
            rests: of.rests,
            calls: of.calls,
            calls_max: of.calls_max,
            registration: of.registration.map(|registration| match registration {
                TrunkRegistration::Pending => TrunkRegistered::Pending,
                TrunkRegistration::Registered(left) => TrunkRegistered::For(left),
                TrunkRegistration::Failed(why) => TrunkRegistered::Failed(why),
            }),
        };
        self.0.trunks().into_iter().map(show).collect()
    }

    fn registrations(&self, most: usize) -> Vec<PhoneLine> {
        let of_user = |(user, bindings): (String, Vec<gateway::sip::Reachable>)| {
            bindings.into_iter().map(move |of| PhoneLine {
                user: user.clone(),
                contact: of.contact,
                received: of.received.to_string(),
                transport: match of.transport {
                    Transport::Udp => "udp",
                    Transport::Tcp => "tcp",
                    Transport::Tls => "tls",
                    Transport::Ws => "ws",
                    Transport::Wss => "wss",
                },
                expires_in: of.expires_in,
            })
        };
        self.0.registrations(most).into_iter().flat_map(of_user).collect()
    }
}

/// Recordings in the data folder.
pub struct RecordingFolder(pub Shelf);

impl RecordingFolder {
    /// Does something with the folder that may take its time.
    async fn with<T: Send + 'static>(
        &self,
        recording: RecordingSid,
        act: impl FnOnce(Shelf, String) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, String> {
        let shelf = self.0.clone();
        let done = tokio::task::spawn_blocking(move || act(shelf, recording.to_string())).await;
        match done {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(why)) => Err(format!("recording {recording}: {why}")),
            Err(why) => Err(format!("recording {recording}: {why}")),
        }
    }
}

impl RecordingMedia for RecordingFolder {
    fn file(&self, recording: RecordingSid, form: MediaForm, mono: bool) -> Pending<'_, Option<PathBuf>> {
        Box::pin(self.with(recording, move |shelf, name| match form {
            MediaForm::Wav => shelf.wav(&name, mono),
            MediaForm::Mp3 => shelf.mp3(&name, mono),
        }))
    }

    fn remove(&self, recording: RecordingSid) -> Pending<'_, ()> {
        Box::pin(self.with(recording, |shelf, name| shelf.remove(&name)))
    }
}

/// Prompts in the data folder.
pub struct PromptFolder {
    shelf: PromptShelf,
    store: Store,
}

impl PromptFolder {
    /// The files on this shelf, of which this store knows.
    pub fn new(shelf: PromptShelf, store: Store) -> Self {
        Self { shelf, store }
    }
}

/// What is kept, what is wrong with it, or why the server could not keep it.
fn kept(outcome: Result<KeptAudio, KeepError>) -> Result<Result<KeptPrompt, String>, String> {
    match outcome {
        Ok(KeptAudio { file, content_type, bytes, length }) => {
            Ok(Ok(KeptPrompt { file, content_type, bytes, length }))
        }
        Err(KeepError::Io(why)) => Err(format!("a prompt could not be written: {why}")),
        Err(unfit) => Ok(Err(unfit.to_string())),
    }
}

impl PromptMedia for PromptFolder {
    fn keep(&self, name: String, audio: Vec<u8>) -> Pending<'_, Result<KeptPrompt, String>> {
        Box::pin(async move { kept(self.shelf.keep(&name, audio).await) })
    }

    fn speak(&self, name: String, words: PromptWords) -> Pending<'_, Result<KeptPrompt, String>> {
        let PromptWords { text, language } = words;
        let words = Utterance { text, language, voice: "woman".to_owned(), delivery: Default::default() };
        Box::pin(async move { kept(self.shelf.speak(&name, &words).await) })
    }

    fn path(&self, file: &str) -> PathBuf {
        self.shelf.path(file)
    }

    fn remove(&self, file: String) -> Pending<'_, ()> {
        Box::pin(async move { self.shelf.remove(&file).await.map_err(|why| why.to_string()) })
    }
}

impl KeptPrompts for PromptFolder {
    fn file<'a>(&'a self, url: &'a str) -> Boxed<'a, Option<(PathBuf, String)>> {
        Box::pin(async move {
            let sid = Prompt::of_media_url(url)?;
            let found = self.store.prompt(sid).await;
            let prompt = found
                .inspect_err(|why| error!(prompt.sid = %sid, "could not read prompt {sid}: {why}"))
                .ok()??;
            Some((self.shelf.path(&prompt.file), prompt.content_type))
        })
    }
}

/// Hears what came of deliveries: instructions go to their workspace, trouble becomes notifications.
pub struct Heard {
    workspaces: Workspaces,
    store: Store,
    metrics: Metrics,
    clock: Clock,
    entropy: Mutex<Entropy>,
}

impl Heard {
    /// Tells these workspaces, this store and these metrics.
    pub fn new(
        workspaces: Workspaces,
        store: Store,
        metrics: Metrics,
        clock: Clock,
        entropy: Entropy,
    ) -> Self {
        Self { workspaces, store, metrics, clock, entropy: Mutex::new(entropy) }
    }

    async fn note(&self, notice: Notice) {
        let sid = NotificationSid::generate(&mut self.entropy.lock().unwrap_or_else(PoisonError::into_inner));
        let resource = notice.delivery.order.lane.clone();
        let notification = Notification {
            sid,
            account: notice.delivery.order.account,
            call: resource.parse().ok(),
            error: notice.error,
            code: notice.code,
            message: notice.message,
            method: Some(notice.delivery.order.method_of(&notice.url)),
            url: Some(notice.url),
            resource: Some(resource),
            created: self.clock.now().wall,
        };
        if let Err(why) = self.store.notification_add(notification).await {
            error!(notification.sid = %sid, "could not keep notification {sid}: {why}");
        }
    }
}

impl Listener for Heard {
    fn assignment(&self, answer: AssignmentAnswer) -> Boxed<'_, Result<(), String>> {
        Box::pin(async move {
            let said = match answer.outcome {
                AssignmentOutcome::Nothing => Ok(None),
                AssignmentOutcome::Instruction(object) => Ok(Some(serde_json::Value::Object(object))),
                AssignmentOutcome::Failed { code, message } => {
                    Err(AssignmentFailure::Failed { code, message })
                }
            };
            let at = answer.assignment;
            let heard = self.workspaces.assignment_answered(at.workspace, at.reservation, said).await;
            heard.map_err(|why| why.to_string())
        })
    }

    fn notice(&self, notice: Notice) -> Boxed<'_, ()> {
        Box::pin(self.note(notice))
    }

    fn settled(&self, outcome: &DeliveryOutcome) {
        self.metrics.delivered(outcome);
    }
}

/// Writes down documents that could not be had, even those that a fallback stood in for. At most [`FAILURES_MAX`] wait
/// to be written; more are only logged.
pub fn note_failures(store: Store, clock: Clock, mut entropy: Entropy) -> FailureHook {
    let (failures, mut waiting) = mpsc::channel::<Notification>(FAILURES_MAX);
    tokio::spawn(async move {
        while let Some(failure) = waiting.recv().await {
            if let Err(why) = store.notification_add(failure).await {
                error!("could not keep a notification: {why}");
            }
        }
    });
    let sids = Mutex::new(entropy.fork());
    Arc::new(move |account, call, asked, why| {
        let failure = Notification {
            sid: NotificationSid::generate(&mut sids.lock().unwrap_or_else(PoisonError::into_inner)),
            account,
            call: Some(call),
            error: true,
            code: why.code,
            message: why.message.clone(),
            url: Some(asked.url.clone()),
            method: Some(asked.method),
            resource: None,
            created: clock.now().wall,
        };
        if failures.try_send(failure).is_err() {
            error!(call.sid = %call, code = why.code, "a failure of {call} was not written down: too many wait");
        }
    })
}

/// Failures that may wait to be written down.
const FAILURES_MAX: usize = 1_000;
