//! Why a prompt cannot be had.

use crate::speech::SpeechError;

/// Why a prompt cannot be had; [`code`](Self::code) is what applications read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    /// Not an absolute http or https URL.
    #[error("{0} is not a URL of a prompt")]
    Url(String),
    /// The name is unknown, or all its addresses are private and that is not allowed.
    #[error("{0}")]
    Host(String),
    /// Anything but success.
    #[error("HTTP status {0}")]
    Status(u16),
    /// No connection, or it broke, or it took too long.
    #[error("could not fetch: {0}")]
    Connection(String),
    /// It leads from one address to the next without end.
    #[error("too many redirects")]
    Redirects,
    /// Larger than allowed.
    #[error("longer than {0} bytes")]
    TooLong(usize),
    /// No type of audio that can be played.
    #[error("content type {0} cannot be played")]
    ContentType(String),
    /// Not what its type says.
    #[error("audio cannot be decoded: {0}")]
    Undecodable(String),
    /// Text that could not be said.
    #[error("could not speak: {0}")]
    Speech(#[from] SpeechError),
    /// The HTTP client could not be set up.
    #[error("could not set up the HTTP client: {0}")]
    Client(String),
}

impl PromptError {
    /// The documented error code.
    pub fn code(&self) -> u32 {
        match self {
            Self::Url(_) => 11_100,
            Self::Status(_) | Self::TooLong(_) => 11_200,
            Self::Connection(_) => 11_205,
            Self::Host(_) => 11_210,
            Self::Redirects => 11_215,
            Self::ContentType(_) | Self::Undecodable(_) => 13_420,
            Self::Speech(SpeechError::NoEngine(_)) => 13_512,
            Self::Speech(SpeechError::Empty) => 13_520,
            Self::Speech(_) | Self::Client(_) => 12_400,
        }
    }
}
