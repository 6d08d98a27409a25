//! Frames in, frames out: RTP, jitter buffer, codecs, DTMF, prompts and mixer, without sockets, threads or a clock.

pub mod amd;
pub mod clip;
pub mod codec;
#[allow(missing_docs, reason = "fields are named after what they hold; variants carry the documentation")]
pub mod control;
pub mod detect;
pub mod dtmf;
pub mod egress;
pub mod exchange;
pub mod g711;
pub mod g722;
pub mod jitter;
pub mod latch;
pub mod mixer;
pub mod noise;
pub mod reel;
pub mod resample;
pub mod rtcp;
pub mod rtp;
pub mod session;
pub mod srtp;
pub mod stats;
pub mod tone;
