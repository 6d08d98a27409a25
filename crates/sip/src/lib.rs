//! What SIP means to Tandem: the port between call logic and the stack, SDP offer and answer, digest checks, the
//! registrar's bindings and trunk rules. No sockets, no tasks, no clock.
//!
//! The stack itself is a crate that only the gateway names; what it lacks or gets wrong is decided here, in code that
//! a test can drive without a network.

pub mod address;
pub mod canonical;
pub mod cause;
pub mod crypto;
pub mod digest;
pub mod dtmf;
pub mod locate;
pub mod offer;
#[allow(missing_docs, reason = "fields are named after what they hold; variants carry the documentation")]
pub mod port;
pub mod raw;
pub mod registrar;
pub mod reliable;
pub mod replaces;
pub mod sdp;
pub mod timer;
pub mod trunk;
