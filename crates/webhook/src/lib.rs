//! Requests to applications: documents are fetched, callbacks are delivered.
//!
//! [`Outgoing`] makes one signed request with the documented time limits, redirects, cookies and overrides, and refuses
//! addresses that applications have no business with. [`deliveries`] sends the callbacks that were written to the store
//! first, in order per lane, and keeps at it as each kind allows.

pub mod deliveries;
mod error;
mod guard;
mod jars;
mod outgoing;
mod overrides;
mod request;
mod signature;
mod socket;
mod tokens;

pub use error::Trouble;
pub use guard::Policy;
pub use outgoing::{
    Boxed, DOCUMENT_BYTES_MAX, FailureHook, Fetch, LOCAL_DOCUMENTS_PATH, LocalDocuments, Outgoing,
    OutgoingError, OutgoingSettings,
};
pub use overrides::{CALL_CONTROL_TIME_MAX, CONNECT_TIMEOUT, TOTAL_TIMEOUT};
pub use request::{REDIRECTS_MAX, USER_AGENT};
pub use signature::{matches, signature};
pub use socket::{Io, MESSAGE_BYTES_MAX, Socket};
pub use tokens::Tokens;
