//! A contact centre's day, made up from a seed: callers, agents, an application and the voice side, on a virtual
//! clock. A seed in, a story out; the same seed tells the same story on every machine.
//!
//! [`play`] checks what is promised at every step ([`Workspace::check_promises`]) and rebuilds everything now and then
//! ([`Workspace::check_invariants`]); at the end it replays the journal and compares.

mod actors;
mod day;
mod world;

pub use day::{Day, FULL_CHECK_EVERY, Report, play};
