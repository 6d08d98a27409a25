//! `<Start>`, `<Connect>`, `<Stop>` and what stands in them.

use crate::dial::{RecordingEvent, RecordingTrack, StatusHook};
use crate::verb::Hook;

/// Most streams of a call at a time.
pub const STREAMS_MAX: usize = 4;
/// Most parameters of one stream.
pub const PARAMETERS_MAX: usize = 99;

/// What `<Start>` begins beside the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// An application hears the call.
    Stream(Stream),
    /// The call is recorded.
    Recording(CallRecording),
}

/// What `<Stop>` ends, by the name it was begun under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// A stream.
    Stream(String),
    /// A recording.
    Recording(String),
}

/// `<Recording>`: the call is recorded from now on, until it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecording {
    /// What `<Stop>` may call it.
    pub name: Option<String>,
    /// Each side has a channel of its own; else both are in one.
    pub dual: bool,
    /// Which side is recorded.
    pub track: RecordingTrack,
    /// Trims silence off both ends.
    pub trim: bool,
    /// Told about it.
    pub status: Option<StatusHook<RecordingEvent>>,
}

impl Default for CallRecording {
    fn default() -> Self {
        Self { name: None, dual: true, track: RecordingTrack::Both, trim: true, status: None }
    }
}

/// `<Connect>`: the call talks with an application until that ends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connect {
    /// Requested afterwards; `None` goes on with the next verb.
    pub action: Option<Hook>,
    /// The application.
    pub stream: Stream,
}

/// `<Stream>`: audio over a websocket.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stream {
    /// As written: `wss://…`
    pub url: String,
    /// What `<Stop>` and the API may call it.
    pub name: Option<String>,
    /// What the application hears.
    pub track: StreamTrack,
    /// Told of its beginning and end.
    pub status: Option<Hook>,
    /// What the application is told first, in order.
    pub parameters: Vec<(String, String)>,
}

/// Which audio of a call a stream has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum StreamTrack {
    /// What the party says.
    #[default]
    Inbound,
    /// What the party hears.
    Outbound,
    /// Both, apart.
    Both,
}
