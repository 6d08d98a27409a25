//! Sends the callbacks that were written to the store.
//!
//! The rows come first: whoever decides that an application is to be told writes a delivery with the decision, and this
//! worker claims it, sends it with a deadline, and writes down what came of it. A delivery whose claim runs out (the
//! process was killed) is claimed again, so each is sent at least once. One delivery per lane is in flight.

use crate::error::{Cause, Trouble};
use crate::outgoing::{Boxed, Outgoing, media_type};
use crate::overrides::TOTAL_TIMEOUT;
use crate::request::{Answer, Question};
use base::Clock;
use engine::call::port::Webhook;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use store::model::{AssignmentRef, CLAIM_LEASE, Delivery, DeliveryKind, DeliveryOutcome};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// An assignment callback must be answered within this.
pub const ASSIGNMENT_TIMEOUT: Duration = Duration::from_secs(5);
/// Most times that an assignment callback is sent because nobody could take its answer.
pub const ASSIGNMENT_ATTEMPTS_MAX: u32 = 10;
/// How long a delivery that cannot be handed on (the store or the owner is busy) waits.
const BUSY_DELAY: Duration = Duration::from_secs(1);
/// The worker looks again after this, whatever it was told: clocks jump.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How long deliveries in flight may take when the process ends; what is not done is claimed again at the next start.
const DRAIN_TIME: Duration = Duration::from_secs(10);
/// Most of an answer that is written down, in characters.
const SNIPPET_CHARS_MAX: usize = 300;

/// How eagerly deliveries are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliverySettings {
    /// Most deliveries in flight.
    pub in_flight_max: u32,
    /// Most sendings of one event callback.
    pub event_attempts_max: u32,
    /// Delay before the second sending of an event; doubled for each further one, up to `event_delay_max`.
    pub event_delay: Duration,
    /// Longest delay between two sendings.
    pub event_delay_max: Duration,
}

impl Default for DeliverySettings {
    fn default() -> Self {
        Self {
            in_flight_max: 64,
            event_attempts_max: 5,
            event_delay: Duration::from_secs(1),
            event_delay_max: Duration::from_secs(60),
        }
    }
}

/// Hears what came of deliveries.
pub trait Listener: Send + Sync {
    /// An application answered an assignment callback (or failed to). An error means that nobody could take the answer
    /// now: the callback is sent again in a moment.
    fn assignment(&self, answer: AssignmentAnswer) -> Boxed<'_, Result<(), String>>;

    /// Something for the list of application errors and warnings.
    fn notice(&self, notice: Notice) -> Boxed<'_, ()>;

    /// A sending ended like this. For counting.
    fn settled(&self, _outcome: &DeliveryOutcome) {}
}

/// What an application says about a reservation.
#[derive(Debug, Clone, PartialEq)]
pub struct AssignmentAnswer {
    /// Which.
    pub assignment: AssignmentRef,
    /// What.
    pub outcome: AssignmentOutcome,
}

/// The answer to an assignment callback.
#[derive(Debug, Clone, PartialEq)]
pub enum AssignmentOutcome {
    /// Nothing to do: the reservation stays pending.
    Nothing,
    /// A JSON object with an `instruction`.
    Instruction(Map<String, Value>),
    /// Neither URL gave a usable answer: the reservation is canceled.
    Failed {
        /// The documented code.
        code: u32,
        /// What happened.
        message: String,
    },
}

/// An application error or warning about a delivery.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// Which delivery.
    pub delivery: Box<Delivery>,
    /// An error, not a warning.
    pub error: bool,
    /// The documented code.
    pub code: u32,
    /// What happened.
    pub message: String,
    /// The URL that was asked.
    pub url: String,
}

/// The worker.
#[derive(Clone)]
pub struct Deliveries {
    store: Store,
    outgoing: Outgoing,
    clock: Clock,
    settings: DeliverySettings,
    listener: Arc<dyn Listener>,
}

impl Deliveries {
    /// A worker over the rows of `store`.
    pub fn new(
        store: Store,
        outgoing: Outgoing,
        clock: Clock,
        settings: DeliverySettings,
        listener: Arc<dyn Listener>,
    ) -> Self {
        Self { store, outgoing, clock, settings, listener }
    }

    /// Delivers until `stop`; then lets what is in flight finish, within [`DRAIN_TIME`].
    pub async fn run(self, stop: CancellationToken) {
        let mut changed = self.store.deliveries_watch();
        let mut flying = JoinSet::new();
        while !stop.is_cancelled() {
            changed.borrow_and_update();
            let wait = self.launch(&mut flying).await;
            self.rest(wait, &mut changed, &mut flying, &stop).await;
        }
        let drained = timeout(DRAIN_TIME, async { while flying.join_next().await.is_some() {} }).await;
        if drained.is_err() {
            let left = flying.len();
            tracing::warn!(
                left,
                "{left} deliveries were still in flight; they are sent again at the next start"
            );
        }
    }

    /// Claims and sends what is due, as far as there is room. Answers how long there is nothing to do.
    async fn launch(&self, flying: &mut JoinSet<()>) -> Duration {
        let in_flight = u32::try_from(flying.len()).unwrap_or(u32::MAX);
        let room = self.settings.in_flight_max.saturating_sub(in_flight);
        if room == 0 {
            return LOOK_AGAIN;
        }
        let now = self.clock.now().wall;
        let claimed = match self.store.deliveries_claim(now, CLAIM_LEASE, room).await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::warn!(%error, "could not claim deliveries: {error}");
                return BUSY_DELAY;
            }
        };
        for delivery in claimed {
            let worker = self.clone();
            flying.spawn(async move { worker.deliver(delivery).await });
        }
        match self.store.deliveries_next().await {
            Ok(Some(next)) => next.since(self.clock.now().wall).min(LOOK_AGAIN),
            Ok(None) => LOOK_AGAIN,
            Err(_) => BUSY_DELAY,
        }
    }

    async fn rest(
        &self,
        wait: Duration,
        changed: &mut watch::Receiver<u64>,
        flying: &mut JoinSet<()>,
        stop: &CancellationToken,
    ) {
        let full = flying.len() >= self.settings.in_flight_max as usize;
        let something = async {
            tokio::select! {
                () = stop.cancelled() => {}
                _ = changed.changed(), if !full => {}
                Some(_) = flying.join_next() => {}
            }
        };
        // Elapsed means that something is due.
        let _ = timeout(wait, something).await;
        while flying.try_join_next().is_some() {}
    }

    async fn deliver(&self, delivery: Delivery) {
        let outcome = match delivery.order.kind {
            DeliveryKind::Assignment => self.assignment(&delivery).await,
            DeliveryKind::Event => self.event(&delivery).await,
            DeliveryKind::Status => self.status(&delivery).await,
        };
        let sid = delivery.order.sid;
        self.listener.settled(&outcome);
        if let Err(error) = self.store.delivery_done(sid, outcome, self.clock.now().wall).await {
            tracing::warn!(delivery.sid = %sid, %error, "could not record what came of delivery {sid}: {error}");
        }
    }

    /// Sent once (the URL may ask for more); a bad answer is a warning and nothing else.
    async fn status(&self, delivery: &Delivery) -> DeliveryOutcome {
        let trouble = match self.send_anywhere(delivery).await {
            Ok(status) => return DeliveryOutcome::Delivered { status },
            Err(trouble) => trouble,
        };
        self.notice(delivery, 15003, &trouble).await;
        DeliveryOutcome::Failed { status: trouble.status(), error: trouble.message }
    }

    /// Sent again with growing delays while the application is away or broken.
    async fn event(&self, delivery: &Delivery) -> DeliveryOutcome {
        let trouble = match self.send_anywhere(delivery).await {
            Ok(status) => return DeliveryOutcome::Delivered { status },
            Err(trouble) => trouble,
        };
        let (status, error) = (trouble.status(), trouble.message.clone());
        if trouble.is_passing() && delivery.attempts < self.settings.event_attempts_max {
            let at = self.clock.now().wall + self.event_delay(delivery.attempts);
            return DeliveryOutcome::Retry { at, status, error };
        }
        self.notice(delivery, trouble.code, &trouble).await;
        DeliveryOutcome::Failed { status, error }
    }

    /// After `attempts` sendings.
    fn event_delay(&self, attempts: u32) -> Duration {
        let doublings = attempts.saturating_sub(1).min(16);
        (self.settings.event_delay * 2u32.pow(doublings)).min(self.settings.event_delay_max)
    }

    /// To the URL, else to its fallback.
    async fn send_anywhere(&self, delivery: &Delivery) -> Result<u16, Trouble> {
        let first = match self.send(delivery, &delivery.order.webhook, TOTAL_TIMEOUT).await {
            Ok(answer) => return Ok(answer.status),
            Err(trouble) => trouble,
        };
        match &delivery.order.fallback {
            Some(fallback) => self.send(delivery, fallback, TOTAL_TIMEOUT).await.map(|answer| answer.status),
            None => Err(first),
        }
    }

    async fn assignment(&self, delivery: &Delivery) -> DeliveryOutcome {
        let Some(assignment) = delivery.order.assignment else {
            return DeliveryOutcome::Failed { status: None, error: "it names no reservation".to_owned() };
        };
        let (outcome, done) = self.ask_for_instruction(delivery).await;
        match self.listener.assignment(AssignmentAnswer { assignment, outcome }).await {
            Ok(()) => done,
            Err(error) => {
                let error = format!("nobody took the answer: {error}");
                if delivery.attempts >= ASSIGNMENT_ATTEMPTS_MAX {
                    return DeliveryOutcome::Failed { status: None, error };
                }
                DeliveryOutcome::Retry { at: self.clock.now().wall + BUSY_DELAY, status: None, error }
            }
        }
    }

    async fn ask_for_instruction(&self, delivery: &Delivery) -> (AssignmentOutcome, DeliveryOutcome) {
        let mut failed = Trouble::new(11200, Cause::Refused, "there is no URL");
        for webhook in [Some(&delivery.order.webhook), delivery.order.fallback.as_ref()].into_iter().flatten()
        {
            let asked = self.send(delivery, webhook, ASSIGNMENT_TIMEOUT).await;
            match asked.and_then(|answer| instruction(&answer).map(|read| (answer.status, read))) {
                Ok((status, Instruction { outcome, warning })) => {
                    if let Some((code, message)) = warning {
                        let trouble = Trouble::new(code, Cause::Answer(status), message);
                        self.notice(delivery, code, &trouble).await;
                    }
                    return (outcome, DeliveryOutcome::Delivered { status });
                }
                Err(trouble) => {
                    self.notice_from(delivery, webhook, trouble.code, &trouble).await;
                    failed = trouble;
                }
            }
        }
        let outcome = AssignmentOutcome::Failed { code: failed.code, message: failed.message.clone() };
        (outcome, DeliveryOutcome::Failed { status: failed.status(), error: failed.message })
    }

    /// One request; anything but 2xx is an error.
    async fn send(&self, delivery: &Delivery, webhook: &Webhook, total: Duration) -> Result<Answer, Trouble> {
        let token = delivery.order.sid.to_string();
        let (account, parameters) = (delivery.order.account, &delivery.order.parameters);
        let question = Question { account, webhook, parameters, token: &token, call: None, total };
        let answer = self.outgoing.ask(&question).await?;
        if (200..300).contains(&answer.status) {
            return Ok(answer);
        }
        let snippet = snippet(&answer.body);
        let message =
            format!("answered {}{}{snippet}", answer.status, if snippet.is_empty() { "" } else { ": " });
        Err(Trouble::new(11200, Cause::Answer(answer.status), message))
    }

    async fn notice(&self, delivery: &Delivery, code: u32, trouble: &Trouble) {
        self.notice_from(delivery, &delivery.order.webhook, code, trouble).await;
    }

    async fn notice_from(&self, delivery: &Delivery, webhook: &Webhook, code: u32, trouble: &Trouble) {
        const WARNINGS: [u32; 3] = [15003, 40001, 40005];
        let sid = delivery.order.sid;
        tracing::info!(delivery.sid = %sid, error.code = code, "delivery {sid}: {}", trouble.message);
        let notice = Notice {
            delivery: Box::new(delivery.clone()),
            error: !WARNINGS.contains(&code),
            code,
            message: trouble.message.clone(),
            url: webhook.url.clone(),
        };
        self.listener.notice(notice).await;
    }
}

/// What an answer to an assignment callback says, and what was odd about it.
struct Instruction {
    outcome: AssignmentOutcome,
    warning: Option<(u32, String)>,
}

/// A 2xx answer to an assignment callback. An error makes the fallback be asked.
fn instruction(answer: &Answer) -> Result<Instruction, Trouble> {
    let nothing = |warning| Ok(Instruction { outcome: AssignmentOutcome::Nothing, warning });
    if answer.body.iter().all(u8::is_ascii_whitespace) {
        return nothing(None);
    }
    let kind = answer.content_type.as_deref().map(media_type).unwrap_or_default();
    if kind != "application/json" {
        let named = if kind.is_empty() { "none" } else { &kind };
        let message = format!("the assignment callback answered with content type {named}");
        return Err(Trouble::new(40000, Cause::Answer(answer.status), message));
    }
    match serde_json::from_slice(&answer.body) {
        Ok(Value::Object(object)) if object.is_empty() => nothing(None),
        Ok(Value::Object(object)) if object.contains_key("instruction") => {
            Ok(Instruction { outcome: AssignmentOutcome::Instruction(object), warning: None })
        }
        Ok(Value::Object(_)) => {
            nothing(Some((40005, "the assignment callback's answer has no instruction".to_owned())))
        }
        _ => nothing(Some((
            40001,
            format!("the assignment callback's answer is not a JSON object: {}", snippet(&answer.body)),
        ))),
    }
}

/// The beginning of an answer, on one line.
fn snippet(body: &[u8]) -> String {
    let head = &body[..body.len().min(4 * SNIPPET_CHARS_MAX)];
    let text = String::from_utf8_lossy(head);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().filter(|c| !c.is_control()).take(SNIPPET_CHARS_MAX).collect()
}
