//! The verbs.

use crate::dial::{Dial, RecordingEvent, StatusHook};
use crate::say::Say;
use crate::stream::{Connect, Started, Stopped};
use base::WorkflowSid;
use std::time::Duration;

/// How often `loop="0"` plays.
pub const LOOP_MAX: u32 = 1000;
/// Longest queue name, in characters.
pub const QUEUE_NAME_CHARS_MAX: usize = 64;
/// Most hints of one `<Gather>`.
pub const HINTS_MAX: usize = 500;
/// Longest hint, in characters.
pub const HINT_CHARS_MAX: usize = 100;

/// One step of a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Verb {
    /// Speaks.
    Say(Say),
    /// Plays a file or digits.
    Play(Play),
    /// Waits in silence.
    Pause(Pause),
    /// Collects digits or speech.
    Gather(Gather),
    /// Records the caller.
    Record(Record),
    /// Calls somebody.
    Dial(Box<Dial>),
    /// Waits in a queue.
    Enqueue(Enqueue),
    /// Has an application hear the call, or records it, from now on and beside what follows.
    Start(Vec<Started>),
    /// Ends streams and recordings by their names.
    Stop(Vec<Stopped>),
    /// Talks with an application until that ends it.
    Connect(Connect),
    /// Leaves the queue whose wait document this is.
    Leave,
    /// Goes on with another document.
    Redirect(Redirect),
    /// Ends the call.
    Hangup,
    /// Refuses the call without answering it.
    Reject(Reject),
    /// Asks the caller's SIP phone to call somebody else.
    Refer(Refer),
    /// A verb of the language that is not performed here; a warning was given, and the document goes on.
    Unsupported {
        /// `Pay`, `Sms`, …
        name: String,
    },
    /// A verb with a value that is an error, not a warning: reaching it is an application error.
    Failed {
        /// The documented code.
        code: u32,
        /// What is wrong.
        message: String,
    },
}

/// `<Refer>`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refer {
    /// Told what came of it; its reply goes on.
    pub action: Option<Hook>,
    /// Whom to call: a `sip:` or `sips:` address, with its headers if any.
    pub uri: String,
}

/// How a URL is requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Method {
    /// `GET`
    Get,
    /// `POST`
    #[default]
    Post,
}

/// A URL as written (relative or absolute, see [`crate::resolve`]) and how it is requested.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hook {
    /// As written, trimmed. Empty means the current document where the reference says so.
    pub url: String,
    /// How.
    pub method: Method,
}

/// `<Play>`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Play {
    /// What is played.
    pub source: PlaySource,
    /// How often; `loop="0"` is [`LOOP_MAX`].
    pub times: u32,
}

/// What `<Play>` plays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaySource {
    /// A file, as written: requested with GET.
    Url(String),
    /// Tones: `0-9A-D*#`, `w` half a second, `W` a second.
    Digits(String),
}

/// `<Pause>`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// How long.
    pub length: Duration,
}

/// `<Gather>`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gather {
    /// Where the input goes; `None` is the current document.
    pub action: Option<String>,
    /// How.
    pub method: Method,
    /// Listens for digits.
    pub dtmf: bool,
    /// Listens for speech.
    pub speech: bool,
    /// Silence that ends it, from the end of the nested verbs.
    pub timeout: Duration,
    /// The key that ends it; `None` takes every key as input.
    pub finish_on_key: Option<char>,
    /// It ends with this many.
    pub num_digits: Option<u32>,
    /// The action is requested even without input.
    pub action_on_empty_result: bool,
    /// Silence that ends speech.
    pub speech_timeout: SpeechTimeout,
    /// Longest speech.
    pub max_speech_time: Duration,
    /// Recogniser.
    pub speech_model: String,
    /// A better recogniser.
    pub enhanced: bool,
    /// Words that are likely.
    pub hints: Vec<String>,
    /// `en-US`
    pub language: String,
    /// Masks rude words.
    pub profanity_filter: bool,
    /// Told while the caller speaks.
    pub partial_result_callback: Option<Hook>,
    /// Speech stops the prompt.
    pub barge_in: bool,
    /// Played first.
    pub prompts: Vec<Prompt>,
}

/// When speech is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpeechTimeout {
    /// As `timeout`.
    Timeout,
    /// The recogniser knows.
    Auto,
    /// After this much silence.
    After(Duration),
}

/// A verb inside `<Gather>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// Speaks.
    Say(Say),
    /// Plays a file.
    Play(Play),
    /// Waits.
    Pause(Pause),
}

/// `<Record>`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where the recording is told; `None` is the current document.
    pub action: Option<String>,
    /// How.
    pub method: Method,
    /// Silence that ends it; `None` waits without end.
    pub timeout: Option<Duration>,
    /// The keys that end it.
    pub finish_on_key: String,
    /// Longest recording.
    pub max_length: Duration,
    /// A beep first.
    pub play_beep: bool,
    /// Trims silence off the recording.
    pub trim: bool,
    /// Told about the recording.
    pub recording_status: Option<StatusHook<RecordingEvent>>,
    /// To be written down.
    pub transcribe: bool,
    /// Told what was said.
    pub transcribe_callback: Option<String>,
}

/// `<Redirect>`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// As written; empty is the current document.
    pub url: String,
    /// How.
    pub method: Method,
}

/// `<Reject>`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reject {
    /// What the caller is told.
    pub reason: RejectReason,
}

/// What a rejected caller is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RejectReason {
    /// Not in service.
    #[default]
    Rejected,
    /// Busy.
    Busy,
}

/// `<Enqueue>`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enqueue {
    /// Which queue.
    pub queue: EnqueueTarget,
    /// Requested when the call leaves the queue.
    pub action: Option<Hook>,
    /// What the caller hears.
    pub wait: Wait,
    /// The queue is full at this many.
    pub max_queue_size: Option<u32>,
}

/// Where `<Enqueue>` puts the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnqueueTarget {
    /// A plain queue by name, made on demand.
    Queue(String),
    /// A TaskRouter workflow: a task is made, and the queue bears the workflow's SID.
    Workflow {
        /// The workflow.
        workflow: WorkflowSid,
        /// What `<Task>` says.
        task: EnqueueTask,
    },
}

/// `<Task>` in `<Enqueue>`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EnqueueTask {
    /// A JSON object, checked; `None` where none was given.
    pub attributes: Option<String>,
    /// Its priority.
    pub priority: Option<i64>,
    /// Its time to live.
    pub timeout: Option<Duration>,
}

/// What a waiting caller hears.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Wait {
    /// The default music.
    #[default]
    Music,
    /// `waitUrl=""`
    Silence,
    /// A document or a file.
    Url(Hook),
}
