//! What goes into the switchboard and what comes out of it.

mod audio;
mod records;
mod setup;
mod views;

use crate::routing::command::{CallEnd, Command as RoutingCommand, VoiceReport};
use crate::routing::effect::VoiceOrder;
pub use crate::routing::model::Mailbox;
use base::*;
use media::control as media_port;
use serde::{Deserialize, Serialize};
use sip::port as sip_port;
use std::time::Duration;

pub use audio::*;
pub use media_port::{MachinePlan, Pause};
pub use records::*;
pub use setup::*;
pub use sip_port::LegId;
pub use views::*;

/// Asks for a document; chosen by the switchboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FetchId(pub u64);

/// Asks something of the routing side; chosen by the switchboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoutingRequestId(pub u64);

/// Asked by somebody outside (HTTP); chosen by the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "inputs are handled one by one, and orders are the rare ones")]
pub enum Input {
    /// Fire every timer that is due. Sent when `Switchboard::next_deadline` has passed.
    Tick,
    Sip(sip_port::Event),
    Media(media_port::Event),
    /// What came of a [`Effect::Fetch`].
    Fetched {
        fetch: FetchId,
        outcome: Result<Document, FetchError>,
    },
    /// What came of a [`Effect::Routing`] that has a request number.
    Routed {
        request: RoutingRequestId,
        outcome: Result<RoutingAnswer, RoutingRefusal>,
    },
    /// An order from a workspace, after its decision was committed.
    Order(VoiceOrder),
    /// From the API.
    Request {
        request: RequestId,
        what: Request,
    },
    /// Configuration that calls depend on, sent at start and at every change.
    Number(NumberSettings),
    NumberRemoved(PhoneNumber),
    /// A number that somebody has proved to be theirs, which calls may show.
    CallerId(PhoneNumber),
    CallerIdRemoved(PhoneNumber),
    /// A TwiML application: what answers the calls of browsers.
    Application(ApplicationSettings),
    ApplicationRemoved(ApplicationSid),
    /// A SIP domain and what answers its calls.
    SipDomain(SipDomainSettings),
    /// By its name.
    SipDomainRemoved(String),
    /// A configured voice queue (its size limit); created on demand if never configured.
    Queue(QueueSettings),
    QueueRemoved(QueueSid),
    /// What was said in a recording (see [`Effect::Transcribe`]), or why nobody knows.
    Transcribed {
        recording: RecordingSid,
        outcome: Result<String, String>,
    },
    /// How a mailbox greets; one of which nothing is said has a greeting of ours.
    Mailbox(MailboxSettings),
    MailboxRemoved(Mailbox),
    /// What callers hear who are held, parked or in a queue, by URL; `None`: our own music.
    HoldMusic(Option<String>),
    /// What came of a [`ListenOrder::Begin`].
    Heard(ListenEvent),
    /// What became of a [`StreamOrder::Open`].
    Stream(StreamEvent),
    /// Which workspace a SIP user works in, so that a phone's own calls and feature codes reach the right workspace.
    Agent(AgentSettings),
    AgentRemoved {
        user: String,
    },
}

/// A document as it was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Where it came from after redirects: the base of its relative URLs.
    pub url: String,
    pub content_type: Option<String>,
    pub body: String,
}

/// Why it could not be fetched: the documented code and a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchError {
    pub code: u32,
    pub message: String,
}

#[derive(Debug, Clone, PartialEq)]
pub enum RoutingAnswer {
    Task { workspace: WorkspaceSid, task: TaskSid },
    Done,
}

/// The documented code and a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutingRefusal {
    pub code: u32,
    pub message: String,
}

/// How an HTTP request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    Get,
    #[default]
    Post,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    pub url: String,
    pub method: Method,
}

/// What the API asks.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "requests come one by one, and boxed")]
pub enum Request {
    CreateCall(NewCall),
    UpdateCall {
        call: CallSid,
        change: CallChange,
    },
    /// Takes a waiting call (`None`: the one in front) out of a queue and runs a document on it.
    DequeueMember {
        queue: QueueSid,
        call: Option<CallSid>,
        webhook: Webhook,
    },
    /// Changes what one party of the conversation of a reservation hears, and who hears it.
    UpdateTalk {
        reservation: ReservationSid,
        party: TalkParty,
        change: SeatChange,
    },
    /// Calls somebody into a conference: one that lives, by SID or name, or a new one of that name.
    AddParticipant {
        conference: String,
        new: Box<NewParticipant>,
    },
    /// `participant` is the SID of its call, or its label.
    UpdateParticipant {
        conference: ConferenceSid,
        participant: String,
        change: ParticipantChange,
    },
    /// Takes a participant out of a conference.
    RemoveParticipant {
        conference: ConferenceSid,
        participant: String,
    },
    /// Records both sides of a call from now on.
    StartRecording {
        call: CallSid,
        new: NewRecording,
    },
    /// Changes a recording under way; `None` is the one that was begun last.
    UpdateRecording {
        of: RecordingOf,
        recording: Option<RecordingSid>,
        change: RecordingChange,
    },
    UpdateConference {
        conference: ConferenceSid,
        change: ConferenceChange,
    },
    /// Has an application hear a call from now on.
    StartStream {
        call: CallSid,
        new: NewStream,
    },
    /// Calls a worker's SIP phone, to stay connected for the shift (see [`LineView`]).
    OpenLine {
        workspace: WorkspaceSid,
        worker: WorkerSid,
        /// As `contact_uri` has it: `sip:ana@pbx.example`.
        to: String,
    },
    /// Hangs up a worker's line.
    CloseLine {
        worker: WorkerSid,
    },
    /// Ends a stream of a call, by its SID or its name.
    StopStream {
        call: CallSid,
        stream: String,
    },
}

/// Somebody in the conversation of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TalkParty {
    /// The reservation's own agent.
    Agent,
    Customer,
    /// Another worker in the same conference, agent or supervisor.
    Worker(WorkerSid),
    /// Somebody outside who was called into it.
    Outside(CallSid),
}

/// What changes about a seat in a conference; `None`: nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SeatChange {
    pub muted: Option<bool>,
    pub hold: Option<bool>,
    /// TwiML or audio for a hold; ours if absent.
    pub hold_music: Option<Webhook>,
    /// The conference ends when it leaves.
    pub ends: Option<bool>,
    pub beep_on_exit: Option<bool>,
    /// It is put out. Nothing else counts then.
    pub leave: bool,
}

/// What the API is answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Response {
    Call(Box<CallRecord>),
    Conference(Box<ConferenceRecord>),
    Participant(Box<ParticipantView>),
    Recording(Box<RecordingRecord>),
    Stream(Box<StreamView>),
    Member {
        queue: QueueSid,
        member: MemberView,
    },
    Done,
    /// HTTP status, documented code, message.
    Refused {
        status: u16,
        code: u32,
        message: String,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct NewCall {
    pub to: String,
    pub from: String,
    /// What it runs once answered.
    pub program: Program,
    pub fallback: Option<Webhook>,
    pub status_callback: Option<StatusCallback>,
    pub send_digits: Option<String>,
    pub timeout: Duration,
    pub time_limit: Option<Duration>,
    pub sip_credentials: Option<(String, Secret<String>)>,
    /// Both sides are recorded from the answer.
    pub record: Option<NewRecording>,
    /// Somebody wants to know who answers.
    pub machine: Option<MachineDetection>,
}

/// Finding out whether a person or a machine answers.
#[derive(Debug, Clone, PartialEq)]
pub struct MachineDetection {
    pub plan: media_port::MachinePlan,
    /// The document does not wait for it.
    pub in_background: bool,
    /// Told who answered.
    pub callback: Option<Webhook>,
}

/// How something is to be recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRecording {
    /// 1, or 2: each side on its own.
    pub channels: u16,
    pub track: RecordingTrack,
    /// Silence at both ends is left out.
    pub trim: bool,
    /// Told about it; `events` are `in-progress completed absent`.
    pub callback: Option<StatusCallback>,
}

/// Which side of a call is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordingTrack {
    /// What the party says.
    Inbound,
    /// What the party hears.
    Outbound,
    Both,
}

/// Whose recording is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordingOf {
    Call(CallSid),
    Conference(ConferenceSid),
}

/// What to do with a recording under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordingChange {
    Pause(media_port::Pause),
    Resume,
    Stop,
}

/// Somebody to be called into a conference.
#[derive(Debug, Clone, PartialEq)]
pub struct NewParticipant {
    /// The call. What it runs is not looked at: it joins the conference.
    pub call: NewCall,
    pub label: Option<String>,
    pub muted: bool,
    /// `true`, `false`, `onEnter` or `onExit`
    pub beep: String,
    pub start_on_enter: bool,
    pub end_on_exit: bool,
    /// What is heard before the conference begins; `None` is music, an empty URL silence.
    pub wait: Option<Webhook>,
    /// Who is alone in the conference hears this one ring.
    pub early_media: bool,
    /// Heard by this participant alone.
    pub coach: Option<CallSid>,
    pub seats_max: usize,
    /// Told about the conference, if it is made for this participant. `events` are `start end join leave …`
    pub conference_callback: Option<StatusCallback>,
    /// The conference is recorded, if it is made for this participant.
    pub conference_record: Option<NewRecording>,
}

/// What to change about a participant; `None` leaves it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ParticipantChange {
    pub muted: Option<bool>,
    pub hold: Option<bool>,
    /// What is heard on hold; `None` is music, an empty URL silence.
    pub hold_wait: Option<Webhook>,
    pub announce: Option<Webhook>,
    pub wait: Option<Webhook>,
    pub beep_on_exit: Option<bool>,
    pub end_on_exit: Option<bool>,
    /// `Some(None)` ends coaching.
    pub coach: Option<Option<CallSid>>,
}

/// What to do with a conference.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConferenceChange {
    /// Ends it.
    pub end: bool,
    /// Said to everybody in it.
    pub announce: Option<Webhook>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Program {
    Webhook(Webhook),
    /// A TwiML document as text.
    Inline(String),
    /// What this TwiML application says; its URLs take the place of the call's own.
    Application(ApplicationSid),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusCallback {
    pub webhook: Webhook,
    /// `initiated ringing answered completed`
    pub events: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct CallChange {
    pub program: Option<Program>,
    pub fallback: Option<Webhook>,
    pub status: Option<EndStatus>,
    pub status_callback: Option<Webhook>,
    pub time_limit: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndStatus {
    /// Ends a call that is queued or ringing.
    Canceled,
    /// Ends a call in any live state.
    Completed,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Rows to write. Committed before anything after it in the same batch is performed.
    Record(Record),
    Sip(sip_port::Command),
    Media(media_port::Command),
    /// Listen to what a caller says.
    Listen(ListenOrder),
    /// Carry audio of a call to an application.
    Stream(StreamOrder),
    /// Get a TwiML document: signed, with the standard parameters in `parameters`, within the call's cookie jar.
    /// On failure `fallback` is asked with `ErrorCode` and `ErrorUrl` added.
    Fetch {
        fetch: FetchId,
        call: CallSid,
        webhook: Webhook,
        fallback: Option<Webhook>,
        parameters: Vec<(String, String)>,
    },
    /// Tell an application; the answer is ignored. Durable; in order per lane, which is the SID of what it is about.
    Callback {
        lane: String,
        webhook: Webhook,
        parameters: Vec<(String, String)>,
    },
    /// Ask a workspace something and hear the outcome as [`Input::Routed`].
    Routing {
        request: RoutingRequestId,
        target: RoutingTargetRef,
        command: Box<RoutingCommand>,
    },
    /// Tell a workspace something. A refusal is heard as [`Input::Routed`] with this number too.
    Report {
        request: RoutingRequestId,
        workspace: WorkspaceSid,
        report: VoiceReport,
    },
    /// Write down what is said in a recording; heard as [`Input::Transcribed`].
    Transcribe {
        recording: RecordingSid,
    },
    /// An application error (`log` 0) or warning (1).
    Notify {
        call: CallSid,
        error: bool,
        code: u32,
        message: String,
        /// The document that it is about: what was asked, and how.
        request: Option<Webhook>,
    },
    Respond {
        request: RequestId,
        response: Response,
    },
}

/// Which workspace a routing request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoutingTargetRef {
    Workspace(WorkspaceSid),
    /// The workspace that has this workflow.
    WorkflowOf(WorkflowSid),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    Call(Box<CallRecord>),
    Conference(ConferenceRecord),
    Recording(Box<RecordingRecord>),
    /// Somebody in the conference of a task, as they are now.
    TaskParticipant(Box<TaskParticipant>),
    Voicemail(Box<VoicemailRecord>),
    /// What became of the transcript of a message; the rest of its row is left as it is.
    VoicemailTranscript(Box<VoicemailRecord>),
    Transcription(Box<TranscriptionRecord>),
    /// A queue made on demand by `<Enqueue>`.
    Queue(QueueSettings),
    Timeline(TimelineEntry),
}

/// Re-exported so that the shell needs one import for both sides.
pub type EndOfCall = CallEnd;
