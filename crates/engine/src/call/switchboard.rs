use super::conference::Conference;
use super::port::*;
use super::queue::Queue;
use super::recording::Tape;
use super::settings::SwitchboardSettings;
use super::state::*;
use super::talk::Talk;
use base::*;
use media::control as media_port;
use media::control::{MixerId, PlayId};
use serde_json::json;
use sip::port as sip_port;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// Ended calls that are remembered, to tell "is over" from "never was".
const ENDED_MAX: usize = 10_000;
/// Closed legs that are remembered for the report on their media.
const PAST_LEGS_MAX: usize = 1_000;
/// How long routing may take to answer.
const ROUTING_WAIT: Duration = Duration::from_secs(10);
/// Calls advanced in answer to one input; beyond it the rest runs at the next tick.
const ADVANCES_PER_INPUT_MAX: usize = 10_000;
/// A leg that we ended and that is not reported gone is forgotten after this long.
const CLOSING_MAX: Duration = Duration::from_secs(120);

/// All live calls of one account: what each leg does and hears, the TwiML it runs, the queues and conferences it is in.
///
/// A machine: [`handle`](Self::handle) takes one input and the time, and appends what must be done to `out`, in order.
/// It never waits, reads no clock, and the same seed and inputs give the same story.
pub struct Switchboard {
    pub(super) settings: SwitchboardSettings,
    pub(super) entropy: Entropy,
    pub(super) now: Now,
    pub(super) out: Vec<Effect>,
    pub(super) numbers: BTreeMap<PhoneNumber, NumberSettings>,
    /// Numbers that are not ours and that calls may show.
    pub(super) caller_ids: BTreeSet<PhoneNumber>,
    pub(super) agents: BTreeMap<String, AgentSettings>,
    pub(super) applications: BTreeMap<ApplicationSid, ApplicationSettings>,
    /// By name.
    pub(super) domains: BTreeMap<String, SipDomainSettings>,
    pub(super) queues: BTreeMap<QueueSid, Queue>,
    pub(super) calls: BTreeMap<CallSid, Call>,
    pub(super) legs: BTreeMap<LegId, CallSid>,
    /// Legs whose call is over and that are not reported gone yet.
    pub(super) closing: BTreeSet<LegId>,
    /// Whose the last closed legs were: their media reports come late.
    pub(super) past_legs: BTreeMap<LegId, CallSid>,
    past_legs_order: VecDeque<LegId>,
    pub(super) ended: BTreeSet<CallSid>,
    pub(super) ended_order: VecDeque<CallSid>,
    pub(super) conferences: BTreeMap<ConferenceSid, Conference>,
    pub(super) conference_names: BTreeMap<String, ConferenceSid>,
    /// The seat that somebody has just left.
    pub(super) last_unseated: Option<super::conference::Seat>,
    /// Mixers to be closed once their legs hear something else.
    pub(super) done_mixers: Vec<MixerId>,
    pub(super) talks: BTreeMap<ReservationSid, Talk>,
    /// Tasks on their way to a colleague who is on the line already.
    pub(super) attended: BTreeMap<TaskSid, super::attended::Attended>,
    /// Phones of agents that stay connected.
    pub(super) lines: BTreeMap<WorkerSid, super::lines::Line>,
    /// The reservation for which an agent asked to be rung just now: they have said yes already.
    pub(super) asked_for: Option<ReservationSid>,
    pub(super) fetches: BTreeMap<FetchId, (CallSid, FetchUse, Webhook)>,
    /// The request for a document that is being looked at, which notifications are about.
    pub(super) about: Option<Webhook>,
    pub(super) asked: BTreeMap<RoutingRequestId, Asked>,
    /// Recordings under way.
    pub(super) tapes: BTreeMap<RecordingSid, Tape>,
    /// Whom somebody listens to.
    pub(super) listens: BTreeMap<ListenId, CallSid>,
    /// Audio that applications hear.
    pub(super) streams: BTreeMap<StreamSid, super::streams::Stream>,
    /// Mailboxes of which somebody has said something.
    pub(super) mailboxes: BTreeMap<Mailbox, MailboxSettings>,
    /// Music that somebody has chosen.
    pub(super) hold_music: Option<String>,
    /// Recordings that are being written down, and who wants to know.
    pub(super) transcripts: BTreeMap<RecordingSid, super::divert::TranscriptWish>,
    /// Messages being left, by what they are recorded in.
    pub(super) messages: BTreeMap<RecordingSid, VoicemailRecord>,
    timers: BTreeMap<(Mono, u64), Timer>,
    armed: BTreeMap<Timer, (Mono, u64)>,
    ready: VecDeque<CallSid>,
    pub(super) dirty: BTreeSet<CallSid>,
    next_id: u64,
    next_leg: u64,
}

/// What a document is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FetchUse {
    Main,
    /// Stands in for one that could not be run.
    Fallback,
    Side,
    /// To be said to everybody in a conference.
    Announcement(ConferenceSid),
}

/// What was asked of routing.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Asked {
    /// A task for a call in `<Enqueue>`; `abandoned`: what became of the call meanwhile.
    Task { call: CallSid, abandoned: Option<CallEnd> },
    /// A task for the call that an agent makes from their phone.
    OutboundTask { agent: CallSid, to: String },
    /// Whether agent and caller may talk.
    Connected(ReservationSid),
    /// A feature code; a refusal is told to the agent on this leg.
    Feature(CallSid),
    /// A reservation that a `<Dial><Queue>` wants to accept.
    Accept {
        call: CallSid,
        reservation: ReservationSid,
        /// Workspaces to be asked after one that does not know it.
        rest: VecDeque<WorkspaceSid>,
    },
    /// A task for a call in `<Conference workflowSid>`.
    ConferenceTask(CallSid),
    /// That the task of a call that has left its queue or conference is over. `code` is that of a refusal.
    TaskLeft { call: CallSid, code: u32 },
    /// A transfer that the agent on this leg asked for with their phone.
    Refer(CallSid),
    /// Attributes for a task. Whatever is answered, nothing follows from it.
    Attributes,
}

pub(super) use crate::routing::command::CallEnd;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The running verb.
    Step(CallSid),
    /// A leg that is to be answered.
    Guard(CallSid),
    /// The longest a call, or the dialled part of it, may last.
    Limit(CallSid),
    DialLimit(CallSid),
    DialWait(CallSid),
    /// The digit after a `*`.
    Star(CallSid),
    /// An agent's leg between two calls.
    Idle(CallSid),
    /// An offer that rings, or waits for routing to answer.
    Talk(ReservationSid),
    Closing(LegId),
    Asked(RoutingRequestId),
    /// Who answered is not known yet.
    Machine(CallSid),
    /// A recording that was ended, and whose file is awaited.
    Tape(RecordingSid),
}

impl Switchboard {
    /// An idle switchboard without numbers, queues or agents.
    pub fn new(settings: SwitchboardSettings, entropy: Entropy) -> Self {
        let first = settings.series.first();
        Self {
            settings,
            entropy,
            now: Now { mono: Mono(0), wall: Timestamp(0) },
            out: Vec::new(),
            numbers: BTreeMap::new(),
            caller_ids: BTreeSet::new(),
            agents: BTreeMap::new(),
            applications: BTreeMap::new(),
            domains: BTreeMap::new(),
            queues: BTreeMap::new(),
            calls: BTreeMap::new(),
            legs: BTreeMap::new(),
            closing: BTreeSet::new(),
            past_legs: BTreeMap::new(),
            past_legs_order: VecDeque::new(),
            ended: BTreeSet::new(),
            ended_order: VecDeque::new(),
            conferences: BTreeMap::new(),
            conference_names: BTreeMap::new(),
            last_unseated: None,
            done_mixers: Vec::new(),
            talks: BTreeMap::new(),
            attended: BTreeMap::new(),
            lines: BTreeMap::new(),
            asked_for: None,
            fetches: BTreeMap::new(),
            about: None,
            asked: BTreeMap::new(),
            tapes: BTreeMap::new(),
            listens: BTreeMap::new(),
            streams: BTreeMap::new(),
            mailboxes: BTreeMap::new(),
            hold_music: None,
            transcripts: BTreeMap::new(),
            messages: BTreeMap::new(),
            timers: BTreeMap::new(),
            armed: BTreeMap::new(),
            ready: VecDeque::new(),
            dirty: BTreeSet::new(),
            next_id: first,
            next_leg: first,
        }
    }

    /// Takes one input and appends what must be done to `out`.
    pub fn handle(&mut self, now: Now, input: Input, out: &mut Vec<Effect>) {
        self.now = now;
        match input {
            Input::Tick => self.fire_timers(),
            Input::Sip(event) => self.on_sip(event),
            Input::Media(event) => self.on_media(event),
            Input::Fetched { fetch, outcome } => self.on_fetched(fetch, outcome),
            Input::Routed { request, outcome } => self.on_routed(request, outcome),
            Input::Order(order) => self.on_order(order),
            Input::Request { request, what } => {
                let response = self.on_request(what);
                self.settle();
                self.out.push(Effect::Respond { request, response });
            }
            Input::Number(number) => drop(self.numbers.insert(number.number.clone(), number)),
            Input::NumberRemoved(number) => drop(self.numbers.remove(&number)),
            Input::CallerId(number) => drop(self.caller_ids.insert(number)),
            Input::CallerIdRemoved(number) => drop(self.caller_ids.remove(&number)),
            Input::Application(application) => {
                drop(self.applications.insert(application.sid, application));
            }
            Input::ApplicationRemoved(sid) => drop(self.applications.remove(&sid)),
            Input::SipDomain(domain) => drop(self.domains.insert(domain.name.clone(), domain)),
            Input::SipDomainRemoved(name) => drop(self.domains.remove(&name)),
            Input::Agent(agent) => drop(self.agents.insert(agent.user.clone(), agent)),
            Input::AgentRemoved { user } => drop(self.agents.remove(&user)),
            Input::Transcribed { recording, outcome } => self.transcribed(recording, outcome),
            Input::Heard(event) => self.on_heard(event),
            Input::Stream(event) => self.on_stream(event),
            Input::Mailbox(settings) => drop(self.mailboxes.insert(settings.mailbox, settings)),
            Input::HoldMusic(url) => self.hold_music = url,
            Input::MailboxRemoved(mailbox) => drop(self.mailboxes.remove(&mailbox)),
            Input::Queue(queue) => self.configure_queue(queue),
            Input::QueueRemoved(queue) => self.remove_queue(queue),
        }
        self.settle();
        out.append(&mut self.out);
    }

    /// When the next timer is due; send [`Input::Tick`] then.
    pub fn next_deadline(&self) -> Option<Mono> {
        if !self.ready.is_empty() {
            return Some(self.now.mono);
        }
        self.timers.keys().next().map(|(at, _)| *at)
    }

    /// What it was made with.
    pub fn settings(&self) -> &SwitchboardSettings {
        &self.settings
    }

    /// Runs what became ready, then tells media what changed.
    fn settle(&mut self) {
        for _ in 0..ADVANCES_PER_INPUT_MAX {
            let Some(call) = self.ready.pop_front() else { break };
            self.advance(call);
        }
        self.show_participants();
        self.sync_audio();
    }

    /// `call` may run its next verb, once the current step is done.
    pub(super) fn make_ready(&mut self, call: CallSid) {
        if !self.ready.contains(&call) {
            self.ready.push_back(call);
        }
    }

    // Timers.

    pub(super) fn arm(&mut self, timer: Timer, after: Duration) {
        self.disarm(timer);
        let key = (self.now.mono + after, self.fresh());
        self.timers.insert(key, timer);
        self.armed.insert(timer, key);
    }

    pub(super) fn disarm(&mut self, timer: Timer) {
        if let Some(key) = self.armed.remove(&timer) {
            self.timers.remove(&key);
        }
    }

    fn fire_timers(&mut self) {
        let due: Vec<Timer> = {
            let later = self.timers.split_off(&(Mono(self.now.mono.0.saturating_add(1)), 0));
            std::mem::replace(&mut self.timers, later).into_values().collect()
        };
        for timer in &due {
            self.armed.remove(timer);
        }
        for timer in due {
            // Something that fired before it may have armed it anew.
            if !self.armed.contains_key(&timer) {
                self.on_timer(timer);
            }
        }
    }

    fn on_timer(&mut self, timer: Timer) {
        match timer {
            Timer::Step(call) => self.step_timed_out(call),
            Timer::Guard(call) => self.guard_timed_out(call),
            Timer::Limit(call) => {
                self.note(call, "sip", "reached its time limit", serde_json::Value::Null);
                self.end_line(call);
            }
            Timer::DialLimit(call) => self.dial_limit_reached(call),
            Timer::DialWait(call) => self.dial_queue_timed_out(call),
            Timer::Star(call) => self.star_alone(call),
            Timer::Idle(call) => self.agent_idle_too_long(call),
            Timer::Talk(reservation) => self.talk_timed_out(reservation),
            Timer::Closing(leg) => drop(self.closing.remove(&leg)),
            Timer::Machine(call) => self.detection_timed_out(call),
            Timer::Tape(recording) => self.file_never_came(recording),
            Timer::Asked(request) => {
                let message = "routing did not answer in time".to_owned();
                self.on_routed(request, Err(RoutingRefusal { code: 20503, message }));
            }
        }
    }

    // Numbers of our own.

    pub(super) fn fresh(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    pub(super) fn fresh_leg(&mut self) -> LegId {
        self.next_leg += 2;
        sip_port::LegId(self.next_leg)
    }

    pub(super) fn fresh_play(&mut self) -> PlayId {
        PlayId(self.fresh())
    }

    pub(super) fn fresh_mixer(&mut self) -> MixerId {
        MixerId(self.fresh())
    }

    // Effects.

    pub(super) fn sip(&mut self, command: sip_port::Command) {
        self.out.push(Effect::Sip(command));
    }

    pub(super) fn media(&mut self, command: media_port::Command) {
        self.out.push(Effect::Media(command));
    }

    /// One line of a call's timeline.
    pub(super) fn note(
        &mut self,
        call: CallSid,
        kind: &str,
        text: impl Into<String>,
        data: serde_json::Value,
    ) {
        self.out.push(Effect::Record(Record::Timeline(TimelineEntry {
            call,
            at: self.now.wall,
            kind: kind.to_owned(),
            text: text.into(),
            data,
        })));
    }

    /// An application error of this call.
    pub(super) fn notify_error(&mut self, call: CallSid, code: u32, message: impl Into<String>) {
        self.notify(call, true, code, message.into());
    }

    /// Something of the application's that was put right or left out.
    pub(super) fn notify_warning(&mut self, call: CallSid, code: u32, message: impl Into<String>) {
        self.notify(call, false, code, message.into());
    }

    fn notify(&mut self, call: CallSid, error: bool, code: u32, message: String) {
        let running = || self.calls.get(&call).and_then(|c| c.running()?.asked.clone());
        let request = self.about.clone().or_else(running);
        let data = json!({"code": code, "level": if error { "error" } else { "warning" }});
        self.note(call, "twiml", message.clone(), data);
        self.out.push(Effect::Notify { call, error, code, message, request });
    }

    /// Writes the call's record as it is now.
    pub(super) fn record_call(&mut self, sid: CallSid) {
        let wall = self.now.wall;
        if let Some(call) = self.calls.get_mut(&sid) {
            call.record.updated = wall;
            self.out.push(Effect::Record(Record::Call(Box::new(call.record.clone()))));
        }
    }

    /// The leg is not ours any more; remembered until it is reported gone.
    pub(super) fn close_leg(&mut self, leg: LegId, call: CallSid) {
        self.legs.remove(&leg);
        self.remember_leg(leg, call);
        self.closing.insert(leg);
        self.arm(Timer::Closing(leg), CLOSING_MAX);
    }

    pub(super) fn remember_leg(&mut self, leg: LegId, call: CallSid) {
        self.past_legs.insert(leg, call);
        self.past_legs_order.push_back(leg);
        if self.past_legs_order.len() > PAST_LEGS_MAX
            && let Some(oldest) = self.past_legs_order.pop_front()
        {
            self.past_legs.remove(&oldest);
        }
    }

    pub(super) fn remember_ended(&mut self, call: CallSid) {
        self.ended.insert(call);
        self.ended_order.push_back(call);
        if self.ended_order.len() > ENDED_MAX
            && let Some(oldest) = self.ended_order.pop_front()
        {
            self.ended.remove(&oldest);
        }
    }

    /// Asks routing; the outcome comes back for what `asked` says.
    pub(super) fn ask_routing(
        &mut self,
        asked: Asked,
        target: RoutingTargetRef,
        command: crate::routing::command::Command,
    ) -> RoutingRequestId {
        let request = RoutingRequestId(self.fresh());
        self.asked.insert(request, asked);
        self.arm(Timer::Asked(request), ROUTING_WAIT);
        self.out.push(Effect::Routing { request, target, command: Box::new(command) });
        request
    }

    /// Tells a workspace; nobody here waits for the outcome.
    pub(super) fn report(
        &mut self,
        workspace: WorkspaceSid,
        report: crate::routing::command::VoiceReport,
    ) -> RoutingRequestId {
        let request = RoutingRequestId(self.fresh());
        self.out.push(Effect::Report { request, workspace, report });
        request
    }
}
