use std::time::Duration;

/// What went wrong for a scripted person. The text is meant to be the failure message of a test.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// A socket could not be opened or used.
    #[error("{name}: the network failed")]
    Network {
        /// Who.
        name: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The peer answered a request with an error.
    #[error("{name}: {what} was answered {code} {reason}")]
    Refused {
        /// Who.
        name: String,
        /// The request, such as `REGISTER`.
        what: String,
        /// SIP status code; 408 also when nothing answered.
        code: u16,
        /// Its reason phrase.
        reason: String,
    },
    /// Something did not happen in time.
    #[error("{name}: waited {waited:?} for {what}; {instead}")]
    Waited {
        /// Who.
        name: String,
        /// What should have happened.
        what: String,
        /// How long.
        waited: Duration,
        /// What happened instead.
        instead: String,
    },
    /// The server did not start, stopped early, or did not stop.
    #[error("the server {what}\n--- its log ---\n{log}")]
    Server {
        /// What it did or did not do.
        what: String,
        /// The end of its log.
        log: String,
    },
    /// An API request failed.
    #[error("{what} was answered {status}: {body}")]
    Api {
        /// Method and path.
        what: String,
        /// HTTP status; 0 when there was no answer.
        status: u16,
        /// Its body, or the error.
        body: String,
    },
}

impl Trouble {
    pub(crate) fn network(name: &str, source: std::io::Error) -> Self {
        Self::Network { name: name.to_owned(), source }
    }
}
