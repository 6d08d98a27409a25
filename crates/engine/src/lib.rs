//! The contact centre as machines that take input and time, and answer with effects. Nothing inside waits.
//!
//! - [`routing`]: TaskRouter. One [`routing::Workspace`] decides for one workspace; its events are its journal.
//! - [`call`]: voice. One [`call::Switchboard`] holds an account's live calls, queues and conferences.

pub mod call;
pub mod routing;
