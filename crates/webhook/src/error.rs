//! What can go wrong with a request.

use engine::call::port::FetchError;

/// Why a request did not give what was asked for: the documented code and a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Trouble {
    /// 11200, 11205, 11210, 11215, 11750, 12300, 11770, …
    pub code: u32,
    /// What happened.
    pub message: String,
    /// What kind of failure it was.
    pub(crate) cause: Cause,
}

/// Kinds of failure, as retries tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// TCP or TLS.
    Connect,
    /// Too slow, or broken off.
    Read,
    /// Not asked at all: a URL or an address that we do not go to.
    Refused,
    /// Answered with this status.
    Answer(u16),
}

impl Trouble {
    pub(crate) fn new(code: u32, cause: Cause, message: impl Into<String>) -> Self {
        Self { code, cause, message: message.into() }
    }

    /// The HTTP status, if there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self.cause {
            Cause::Answer(status) => Some(status),
            Cause::Connect | Cause::Read | Cause::Refused => None,
        }
    }

    /// Asking again later may help: nobody answered, or the server had a bad moment.
    pub fn is_passing(&self) -> bool {
        match self.cause {
            Cause::Connect | Cause::Read => true,
            Cause::Answer(status) => status >= 500 || status == 429,
            Cause::Refused => false,
        }
    }
}

impl From<Trouble> for FetchError {
    fn from(trouble: Trouble) -> Self {
        Self { code: trouble.code, message: trouble.message }
    }
}
