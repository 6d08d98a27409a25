//! The whole product with real phones: one program, so that it is linked once.
#![expect(clippy::unwrap_used, reason = "a test ends there")]

mod assignment;
mod bad_input;
mod callbacks;
mod caller_ids;
mod conference;
mod crash;
mod documents;
mod escalation;
mod lines;
mod live_update;
mod machine;
mod parking;
mod prompts;
mod queueing;
mod recording;
mod refer;
mod restart;
mod scene;
mod sip_domains;
mod speech;
mod streams;
mod subaccounts;
mod voicemail;
