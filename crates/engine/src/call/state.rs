//! What is known of one live call. Every state is a variant here; what a leg hears follows from it (`audio`).

use super::conference::{ConferencePlan, Seat};
use super::port::*;
use super::recording::RecordStep;
use super::supervise::Supervisor;
use base::*;
use media::control::{PlayId, Route};
use sip::port::{Destination, Progress};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// How far a leg has come. A leg that is gone has no call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Inbound, unanswered; what the peer was told last.
    Incoming(Option<Progress>),
    /// Inbound, our answer is on its way.
    Answering,
    /// Outbound, nothing heard yet.
    Dialing,
    /// Outbound, the peer rings.
    Ringing,
    /// Both ways.
    Up,
}

/// One live call: a leg and what it does.
#[derive(Debug)]
pub(super) struct Call {
    pub record: CallRecord,
    pub leg: LegId,
    pub stage: Stage,
    /// Additional standard parameters of a SIP caller (`SipDomain`, `SipHeader_X-…`).
    pub sip_parameters: Vec<(String, String)>,
    /// The registered phone at the other end.
    pub phone: Option<String>,
    pub fallback: Option<Webhook>,
    /// What the last request for a document said beside the standard parameters, for the fallback to hear too.
    pub asked_with: Vec<(String, String)>,
    pub status_callback: Option<CallbackPlan>,
    /// Fired status callbacks.
    pub sequence: u32,
    pub answered_mono: Option<Mono>,
    /// Run at answer.
    pub at_answer: Option<Program>,
    pub send_digits: Option<String>,
    pub main: Option<Frame>,
    pub side: Option<Side>,
    pub step: Step,
    pub doing: Doing,
    pub join: Join,
    /// The reservation that this leg is live or parked in.
    pub talk: Option<ReservationSid>,
    /// A task that nothing else settles when this call ends: redirected by its offer, or called for an agent.
    pub owes: Option<TaskLink>,
    /// Somebody wants to know who answers.
    pub machine: Option<MachineDetection>,
    /// What is told of that, once it is known.
    pub detection: Vec<(String, String)>,
    /// Both sides are to be recorded once it is answered.
    pub to_record: Option<NewRecording>,
    /// Recordings that its document asked for before it was answered.
    pub tapes_wanted: Vec<super::beside::WantedTape>,
    /// What it is recorded in, for its status callback to say.
    pub recording: Option<RecordingSid>,
    /// It has been told that its application failed.
    pub apologised: bool,
    /// The peer put us on hold.
    pub peer_held: bool,
    /// The peer sends audio before it answers.
    pub early_media: bool,
    pub audio: Audio,
    /// What its workflow wants it to do next.
    pub diversions: Diversions,
    /// The message that it leaves, once it has come that far.
    pub message: Option<super::divert::MessagePlan>,
    /// Where the API last sent it, and when, while it runs that document.
    pub sent_to: Option<(Webhook, Mono)>,
    /// Documents fetched or redirected to since the start of the current minute.
    pub documents: (Mono, u32),
    /// A `*` that may begin a feature code.
    pub star: bool,
    /// The worker whose line it is.
    pub line: Option<WorkerSid>,
}

/// Where a call goes that nobody took.
#[derive(Debug, Default)]
pub(super) struct Diversions {
    /// The task that it came from.
    pub task: Option<TaskSid>,
    pub steps: VecDeque<crate::routing::effect::Diversion>,
    /// Where its document goes on, if it is to.
    pub resume: Option<Box<Resume>>,
}

/// A document that was left in its `<Enqueue>`.
#[derive(Debug)]
pub(super) struct Resume {
    pub frame: Option<Frame>,
    pub action: Option<Webhook>,
    pub parameters: super::parameters::Parameters,
}

/// Whom to tell about a call's progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CallbackPlan {
    pub webhook: Webhook,
    /// `initiated ringing answered completed`; empty means `completed`.
    pub events: Vec<String>,
    pub extra: Vec<(String, String)>,
}

/// A document and how far it has run.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub document: Arc<twiml::Document>,
    /// Where it came from; `None` for one that was given inline.
    pub base: Option<String>,
    /// What was asked to get it.
    pub asked: Option<Webhook>,
    pub next: usize,
}

/// A document that runs beside the call's own: while it waits, or before it is connected.
#[derive(Debug, Clone)]
pub(super) struct Side {
    pub purpose: Purpose,
    /// `None` while its document is being fetched for the first time.
    pub frame: Option<Frame>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// `waitUrl` of a queue.
    QueueWait,
    /// `waitUrl` of a conference that has not begun.
    ConferenceWait,
    /// `HoldUrl` of somebody on hold in a conference.
    Hold,
    /// `AnnounceUrl`: to one participant.
    Announce,
    /// `url` of a dialled noun, on the callee before they are connected.
    Screen,
    /// `url` of a `<Queue>` noun, on the waiting caller before they are connected with this call.
    Whisper(CallSid),
}

/// What the running verb waits for.
#[derive(Debug)]
pub(super) enum Step {
    /// Nothing: the next verb may run.
    Ready,
    /// The leg to be answered.
    Answering,
    Fetching(FetchId),
    Playing(PlayId),
    Pausing,
    Gathering(Box<Gather>),
    Recording(Box<RecordStep>),
    Referring(Box<super::refer_verb::Referring>),
}

/// A running `<Gather>`.
#[derive(Debug)]
pub(super) struct Gather {
    pub action: Webhook,
    pub timeout: Duration,
    pub finish_on: Option<char>,
    pub digits_max: Option<u32>,
    pub action_on_empty: bool,
    /// Speech is taken too.
    pub hearing: Option<super::listen::Hearing>,
    /// Keys are taken.
    pub keys: bool,
    /// The prompt that still plays.
    pub prompt: Option<PlayId>,
    pub digits: String,
}

/// What the call is busy with, beneath its document.
#[derive(Debug)]
pub(super) enum Doing {
    /// Its document.
    Program,
    Dial(Box<Dial>),
    DialQueue(Box<DialQueue>),
    /// In a conference by `<Dial><Conference>`, or on the way there: a reservation is accepted first.
    Conference {
        action: Option<Webhook>,
        accepts: Option<Box<Accepts>>,
    },
    Queue(Box<Waiting>),
    /// Talks with an application by `<Connect><Stream>`.
    Connected {
        stream: StreamSid,
        action: Option<Webhook>,
    },
    /// Dialled by another call; `screen` runs before the two are connected.
    Child {
        parent: CallSid,
        screen: Option<Webhook>,
    },
    Agent(AgentLeg),
    Supervisor(Supervisor),
    /// Talks with an agent and has no document to go back to.
    Customer,
    /// Called to this conference over the API; it has no document.
    Participant(ConferenceSid),
}

/// What a `<Conference reservationSid>` waits for, and where it leads.
#[derive(Debug, Clone)]
pub(super) struct Accepts {
    pub reservation: ReservationSid,
    pub post_work: Option<ActivitySid>,
    pub room: String,
    pub seat: Seat,
    pub plan: ConferencePlan,
}

/// A running `<Dial>` of numbers and SIP addresses.
#[derive(Debug)]
pub(super) struct Dial {
    pub action: Option<Webhook>,
    pub from: String,
    pub timeout: Duration,
    pub time_limit: Option<Duration>,
    pub hangup_on_star: bool,
    /// Asked when the other side refers us to somebody.
    pub refer: Option<Webhook>,
    pub ring_tone: Option<String>,
    /// Still to be called, one after the other.
    pub rest: VecDeque<Target>,
    /// Ringing, or being screened.
    pub children: Vec<CallSid>,
    pub bridged: Option<(CallSid, Mono)>,
    /// It is to be recorded; `true`: from the first ring.
    pub record: Option<(NewRecording, bool)>,
    /// What it is recorded in.
    pub recording: Option<RecordingSid>,
    /// What became of the last that failed.
    pub failed: Option<(CallSid, DialStatus)>,
}

/// Someone to call.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub to: String,
    pub destination: Destination,
    pub screen: Option<Webhook>,
    pub send_digits: Option<String>,
    pub callback: Option<CallbackPlan>,
    pub credentials: Option<(String, Secret<String>)>,
    pub headers: Vec<(String, String)>,
    pub machine: Option<MachineDetection>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DialStatus {
    Completed,
    Busy,
    NoAnswer,
    Failed,
    Canceled,
}

/// A running `<Dial><Queue>`.
#[derive(Debug)]
pub(super) struct DialQueue {
    pub action: Option<Webhook>,
    pub queue: Option<QueueSid>,
    pub reservation: Option<ReservationSid>,
    pub post_work: Option<ActivitySid>,
    pub whisper: Option<Webhook>,
    pub hangup_on_star: bool,
    pub time_limit: Option<Duration>,
    /// The caller taken out of the queue: since when connected, and how long they had waited.
    pub partner: Option<Partner>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Partner {
    pub call: CallSid,
    pub waited: Duration,
    pub bridged: Option<Mono>,
}

/// A call in `<Enqueue>`.
#[derive(Debug)]
pub(super) struct Waiting {
    pub queue: QueueSid,
    pub since: Now,
    /// When it was first connected with somebody: how long it waited.
    pub waited: Option<Duration>,
    pub action: Option<Webhook>,
    pub wait: WaitPlan,
    pub task: Option<TaskLink>,
    pub place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The task is being made; counted as waiting.
    Creating(RoutingRequestId),
    /// In line.
    InLine,
    /// Out of the line: connected, about to be, or parked.
    Taken,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum WaitPlan {
    /// Ours.
    Music,
    Silence,
    Url(Webhook),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TaskLink {
    pub workspace: WorkspaceSid,
    pub task: TaskSid,
}

/// An agent's leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AgentLeg {
    pub workspace: WorkspaceSid,
    pub worker: WorkerSid,
    /// The far end this agent is calling: SID kept for a call that is not made before its task is.
    pub dialing: Option<CallSid>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Join {
    Nobody,
    Bridge(CallSid),
    Conference(ConferenceSid),
}

/// What media was told last.
#[derive(Debug)]
pub(super) struct Audio {
    pub route: Route,
    pub muted: bool,
    /// The leg that alone hears it.
    pub whispers_to: Option<u64>,
    /// Media tells when it begins and ends to speak.
    pub watched: bool,
    pub playing: Option<(PlayId, Sound)>,
    /// The configured hold music could not be had: ours from here on.
    pub music_failed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sound {
    /// Asked for by a document or a notice.
    Foreground,
    Background(Background),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Background {
    Music,
    Ringback(String),
}

/// Why what a call does is cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// A new document over the API.
    Redirected,
    /// The call is over: the peer left, or we end it.
    Ended,
}

impl Call {
    pub fn is_up(&self) -> bool {
        self.stage == Stage::Up
    }

    /// Its document wants to accept this reservation, and nothing came of it yet.
    pub fn asks_for(&self, reservation: ReservationSid) -> bool {
        match &self.doing {
            Doing::DialQueue(dial) => dial.reservation == Some(reservation) && dial.partner.is_none(),
            Doing::Conference { accepts: Some(accepts), .. } => accepts.reservation == reservation,
            _ => false,
        }
    }

    /// An inbound call that nobody has answered.
    pub fn is_incoming(&self) -> bool {
        matches!(self.stage, Stage::Incoming(_) | Stage::Answering)
    }

    pub fn agent(&self) -> Option<AgentLeg> {
        match self.doing {
            Doing::Agent(agent) => Some(agent),
            _ => None,
        }
    }

    pub fn waiting(&self) -> Option<&Waiting> {
        match &self.doing {
            Doing::Queue(waiting) => Some(waiting),
            _ => None,
        }
    }

    pub fn waiting_mut(&mut self) -> Option<&mut Waiting> {
        match &mut self.doing {
            Doing::Queue(waiting) => Some(waiting),
            _ => None,
        }
    }

    /// The document whose verbs run now.
    pub fn frame(&mut self) -> Option<&mut Frame> {
        match &mut self.side {
            Some(side) => side.frame.as_mut(),
            None if matches!(self.doing, Doing::Program) => self.main.as_mut(),
            None => None,
        }
    }

    /// The document that runs, its own or the one beside it.
    pub fn running(&self) -> Option<&Frame> {
        match &self.side {
            Some(side) => side.frame.as_ref(),
            None => self.main.as_ref(),
        }
    }

    /// The URL that a relative one in the running document is relative to.
    pub fn base(&self) -> Option<&str> {
        self.running().and_then(|f| f.base.as_deref())
    }
}

impl Purpose {
    /// It belongs to the conference that the call is in.
    pub fn is_conferences(self) -> bool {
        matches!(self, Self::ConferenceWait | Self::Hold | Self::Announce)
    }
}

impl DialStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Busy => "busy",
            Self::NoAnswer => "no-answer",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }
}

impl CallStatus {
    /// As parameters and records spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Ringing => "ringing",
            Self::InProgress => "in-progress",
            Self::Completed => "completed",
            Self::Busy => "busy",
            Self::Failed => "failed",
            Self::NoAnswer => "no-answer",
            Self::Canceled => "canceled",
        }
    }
}

impl CallDirection {
    /// As parameters and records spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::OutboundApi => "outbound-api",
            Self::OutboundDial => "outbound-dial",
        }
    }
}
