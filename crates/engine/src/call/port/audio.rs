//! Streams to applications, and listening to callers.

use super::*;

/// A stream that is to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewStream {
    /// `wss://…`
    pub url: String,
    pub name: Option<String>,
    pub track: twiml::StreamTrack,
    /// Told of its beginning and end.
    pub callback: Option<Webhook>,
    /// What the application is told first, in order.
    pub parameters: Vec<(String, String)>,
}

/// What whoever carries audio to applications is told.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamOrder {
    Open(Box<StreamPlan>),
    /// The party of the call pressed a key.
    Digit {
        stream: StreamSid,
        digit: char,
    },
    /// Ends it. Nothing more is told of it.
    Close {
        stream: StreamSid,
    },
}

/// A stream to be opened.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamPlan {
    pub stream: StreamSid,
    pub account: AccountSid,
    pub call: CallSid,
    /// `wss://…`
    pub url: String,
    pub track: twiml::StreamTrack,
    pub parameters: Vec<(String, String)>,
    /// Whose audio it is.
    pub leg: LegId,
    /// By which the leg's audio is had; never used twice.
    pub tap: media_port::RecordingId,
    /// The leg by which the application speaks, if it does. The call is told to hear it; nobody else knows it.
    pub voice: Option<LegId>,
}

/// Listens to a caller; chosen by the switchboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenId(pub u64);

/// What whoever listens to callers is told.
#[derive(Debug, Clone, PartialEq)]
pub enum ListenOrder {
    /// Until something was said; then nobody listens any more.
    Begin(Box<ListenPlan>),
    /// Nobody needs to know any more.
    End { listen: ListenId },
}

/// How somebody is listened to.
#[derive(Debug, Clone, PartialEq)]
pub struct ListenPlan {
    pub listen: ListenId,
    pub call: CallSid,
    pub leg: LegId,
    /// By which the leg's audio is had; never used twice.
    pub tap: media_port::RecordingId,
    pub language: String,
    /// Words that are likely.
    pub hints: Vec<String>,
    pub model: String,
    /// Silence that ends what is said.
    pub quiet: Duration,
    /// It ends after this long anyway.
    pub longest: Duration,
    /// Guesses are wanted while the caller speaks.
    pub partial: bool,
}

/// What was heard.
#[derive(Debug, Clone, PartialEq)]
pub enum ListenEvent {
    /// The caller begins to speak.
    Spoke { listen: ListenId },
    /// What has been said so far, as far as can be guessed.
    Partial { listen: ListenId, text: String },
    /// What was said, or why nobody knows. The last event.
    Recognised { listen: ListenId, outcome: Result<Recognised, String> },
}

/// What was said.
#[derive(Debug, Clone, PartialEq)]
pub struct Recognised {
    /// Empty if nothing.
    pub text: String,
    /// From 0 to 1, if the recogniser says.
    pub confidence: Option<f64>,
}

/// What became of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamEvent {
    /// The application listens.
    Started { stream: StreamSid },
    /// The application sent something that is not understood; told once.
    Warned { stream: StreamSid, code: u32, message: String },
    /// It is over, though nobody here wanted that. With a documented code and a sentence if it never began or broke.
    Ended { stream: StreamSid, error: Option<FetchError> },
}
