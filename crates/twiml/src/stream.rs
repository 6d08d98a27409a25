//! `<Start>`, `<Connect>`, `<Stop>` and what stands in them.

use crate::verb::Hook;

/// Most streams of a call at a time.
pub const STREAMS_MAX: usize = 4;
/// Most parameters of one stream.
pub const PARAMETERS_MAX: usize = 99;

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
