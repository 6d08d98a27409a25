//! Sockets and timers: SIP over UDP and TCP, browsers over WebRTC, RTP, prompts and speech, audio for applications.
//!
//! **Invariant:** a media thread never waits for anything but its sockets and its next 20 ms.

pub mod browser;
pub mod hearing;
pub mod media;
pub mod prompts;
pub mod recognition;
pub mod recordings;
pub mod sip;
pub mod speech;
pub mod streams;
pub mod transcripts;
