//! `<Dial>` and its nouns.

use crate::verb::{EnqueueTask, Hook, Method, Wait};
use base::{ActivitySid, CallSid, ReservationSid, WorkflowSid};
use std::time::Duration;

/// Most numbers, clients and SIP addresses of one `<Dial>`.
pub const NOUNS_MAX: usize = 10;
/// Most participants of a conference.
pub const PARTICIPANTS_MAX: u32 = 250;

/// `<Dial>`
#[derive(Debug, Clone, PartialEq)]
pub struct Dial {
    /// Requested when the dialled call ends.
    pub action: Option<Hook>,
    /// The caller keeps hearing ringing from their own network until somebody answers.
    pub answer_on_bridge: bool,
    /// As written.
    pub caller_id: Option<String>,
    /// How long it rings.
    pub timeout: Duration,
    /// How long the parties may talk.
    pub time_limit: Duration,
    /// `*` from the caller drops the callee.
    pub hangup_on_star: bool,
    /// Whether and from when it is recorded.
    pub record: DialRecord,
    /// Trims silence off recordings.
    pub trim: bool,
    /// Which side of the caller is recorded.
    pub recording_track: RecordingTrack,
    /// Told about the recording.
    pub recording_status: Option<StatusHook<RecordingEvent>>,
    /// Two letters of the country whose ringing is played.
    pub ring_tone: Option<String>,
    /// One after the other instead of all at once.
    pub sequential: bool,
    /// Asked when the callee sends REFER.
    pub refer: Option<Hook>,
    /// Whom.
    pub target: DialTarget,
}

/// Whom `<Dial>` calls.
#[derive(Debug, Clone, PartialEq)]
pub enum DialTarget {
    /// The first who answers; empty when nobody (usable) was named. At most [`NOUNS_MAX`].
    Parties(Vec<Party>),
    /// Joins a conference.
    Conference(Conference),
    /// Takes a waiting caller.
    Queue(QueueNoun),
}

/// `<Number>`, `<Client>` or `<Sip>`
#[derive(Debug, Clone, PartialEq)]
pub struct Party {
    /// Who.
    pub address: Address,
    /// A document run on the callee before the parties are joined.
    pub whisper: Option<Hook>,
    /// Told about the call's progress.
    pub status: Option<StatusHook<CallEvent>>,
    /// Answering machine detection.
    pub machine_detection: Option<MachineDetection>,
}

/// Where a party is.
#[derive(Debug, Clone, PartialEq)]
pub enum Address {
    /// A phone number, without blanks and punctuation.
    Number {
        /// `+15550100001`
        number: String,
        /// Tones sent when answered.
        send_digits: Option<String>,
    },
    /// A browser.
    Client {
        /// Who.
        identity: String,
        /// `<Parameter>`s for it.
        parameters: Vec<(String, String)>,
    },
    /// A SIP address.
    Sip {
        /// As written, with its header parameters.
        uri: String,
        /// For digest authentication.
        username: Option<String>,
        /// For digest authentication.
        password: Option<base::Secret<String>>,
    },
}

/// A status callback and the events it wants, each once, in the order of the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusHook<E> {
    /// Where.
    pub hook: Hook,
    /// Which.
    pub events: Vec<E>,
}

/// An event of a call's progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallEvent {
    /// `initiated`
    Initiated,
    /// `ringing`
    Ringing,
    /// `answered`
    Answered,
    /// `completed`
    Completed,
}

/// An event of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordingEvent {
    /// `in-progress`
    InProgress,
    /// `completed`
    Completed,
    /// `absent`
    Absent,
}

/// An event of a conference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConferenceEvent {
    /// `start`
    Start,
    /// `end`
    End,
    /// `join`
    Join,
    /// `leave`
    Leave,
    /// `mute`
    Mute,
    /// `hold`
    Hold,
    /// `modify`
    Modify,
    /// `speaker`
    Speaker,
    /// `announcement`
    Announcement,
}

/// `machineDetection` and its figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineDetection {
    /// Waits for the end of the greeting (`DetectMessageEnd`).
    pub until_message_end: bool,
    /// Gives up after this.
    pub timeout: Duration,
    /// Who talks for so long is a machine.
    pub speech: Duration,
    /// Silence for so long ends what is said.
    pub speech_end: Duration,
    /// Who says nothing for so long is not known.
    pub silence: Duration,
    /// Told who answered.
    pub callback: Option<Hook>,
}

/// `record` of `<Dial>`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DialRecord {
    /// `do-not-record`
    #[default]
    No,
    /// `record-from-answer`
    FromAnswer,
    /// `record-from-ringing`
    FromRinging,
    /// `record-from-answer-dual`
    FromAnswerDual,
    /// `record-from-ringing-dual`
    FromRingingDual,
}

/// `recordingTrack` of `<Dial>`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RecordingTrack {
    /// What the caller says.
    Inbound,
    /// What the caller hears.
    Outbound,
    /// Both.
    #[default]
    Both,
}

/// `<Conference>`
#[derive(Debug, Clone, PartialEq)]
pub struct Conference {
    /// Its name in the account.
    pub name: String,
    /// Joins muted.
    pub muted: bool,
    /// Who hears a beep.
    pub beep: Beep,
    /// Starts the conference.
    pub start_on_enter: bool,
    /// Ends it.
    pub end_on_exit: bool,
    /// The participant's name.
    pub participant_label: Option<String>,
    /// What is heard before it starts.
    pub wait: Wait,
    /// Full at this many.
    pub max_participants: u32,
    /// Recorded from its start.
    pub record: bool,
    /// Trims silence off recordings.
    pub trim: bool,
    /// Heard by this participant only.
    pub coach: Option<CallSid>,
    /// Told about the conference.
    pub status: Option<StatusHook<ConferenceEvent>>,
    /// Told about its recording.
    pub recording_status: Option<StatusHook<RecordingEvent>>,
    /// What TaskRouter has to do with it.
    pub routing: Option<ConferenceRouting>,
}

/// The TaskRouter attributes of `<Conference>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConferenceRouting {
    /// A task is made for the caller, who waits in the conference.
    Task {
        /// Routes it.
        workflow: WorkflowSid,
        /// What the task is made with.
        task: EnqueueTask,
    },
    /// Whoever runs this accepts the reservation, whose caller is in the conference.
    Reservation {
        /// A pending one.
        reservation: ReservationSid,
        /// The worker's activity afterwards.
        post_work_activity: Option<ActivitySid>,
    },
}

/// `beep` of `<Conference>`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Beep {
    /// `true`
    #[default]
    Both,
    /// `false`
    No,
    /// `onEnter`
    OnEnter,
    /// `onExit`
    OnExit,
}

/// `<Queue>` in `<Dial>`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueNoun {
    /// Which queue; empty where a reservation says it.
    pub name: String,
    /// A document run on the waiting caller before the parties are joined.
    pub whisper: Option<Hook>,
    /// The call of this reservation's task instead of the front of the queue.
    pub reservation: Option<ReservationSid>,
    /// The worker's activity afterwards.
    pub post_work_activity: Option<ActivitySid>,
}

impl Default for Dial {
    fn default() -> Self {
        Self {
            action: None,
            answer_on_bridge: false,
            caller_id: None,
            timeout: Duration::from_secs(30),
            time_limit: Duration::from_secs(14_400),
            hangup_on_star: false,
            record: DialRecord::No,
            trim: false,
            recording_track: RecordingTrack::Both,
            recording_status: None,
            ring_tone: None,
            sequential: false,
            refer: None,
            target: DialTarget::Parties(Vec::new()),
        }
    }
}

impl Conference {
    /// A conference with every default.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            muted: false,
            beep: Beep::Both,
            start_on_enter: true,
            end_on_exit: false,
            participant_label: None,
            wait: Wait::Music,
            max_participants: PARTICIPANTS_MAX,
            record: false,
            trim: true,
            coach: None,
            status: None,
            recording_status: None,
            routing: None,
        }
    }
}

impl Hook {
    /// `url`, requested with `method`.
    pub fn new(url: impl Into<String>, method: Method) -> Self {
        Self { url: url.into(), method }
    }
}
