//! Sockets and timers: SIP over UDP and TCP, browsers over WebRTC, RTP, prompts and speech.
//!
//! **Invariant:** a media thread never waits for anything but its sockets and its next 20 ms.

pub mod browser;
pub mod media;
pub mod prompts;
pub mod recordings;
pub mod sip;
pub mod speech;
pub mod transcripts;
