//! People and peers for tests: scripted phones with an ear, a trunk that plays the outside world, a started server, a
//! REST client and a webhook receiver.
//!
//! The phone is written from the RFCs and shares no code with the SIP and media crates of Tandem, nor with the SIP
//! stack they use: a mistake made there cannot hide behind the same mistake here. Tests read like people:
//!
//! ```no_run
//! # async fn story(server: std::net::SocketAddr) -> Result<(), tandem_testkit::Trouble> {
//! use tandem_testkit::{Phone, Tone, WITHIN};
//! let ana = Phone::registered("ana", "ana-demo-phone", server, Tone(440)).await?;
//! let caller = Phone::unregistered("+15557770001", server, Tone(800)).await?;
//! let call = caller.dials("+15550100001").await?;
//! let talk = ana.rings(WITHIN).await?.answers().await?;
//! call.hears(Tone(440), WITHIN).await?;
//! talk.hears(Tone(800), WITHIN).await?;
//! # Ok(()) }
//! ```
#![expect(
    clippy::disallowed_methods,
    reason = "phones and ears live in real time; waits are bounded by deadlines"
)]

mod baresip;
mod browser;
mod call;
mod centre;
mod client;
mod cluster;
mod codec;
mod database;
mod dialog;
mod ear;
mod endpoint;
mod media;
mod message;
mod phone;
mod rest;
mod sdp;
mod server;
mod socket;
mod trouble;
mod trunk;
mod webhook;

pub use baresip::Baresip;
pub use browser::{Browser, access_token, voice_token};
pub use call::{Call, End, Phase};
pub use centre::Centre;
pub use cluster::Cluster;
pub use codec::{alaw_encode, ulaw_decode, ulaw_encode};
pub use database::Schema;
pub use ear::{Ear, Heard, Span, TONES, Tone, Tones};
pub use message::{Message, Start};
pub use phone::Phone;
pub use rest::{Answer, Rest};
pub use server::{DEV_ACCOUNT, DEV_TOKEN, Server, ServerOptions, binary, free_tcp_port, free_udp_port};
pub use socket::{Frame, Socket};
pub use trouble::Trouble;
pub use trunk::{Outside, Trunk};
pub use webhook::{Received, WebhookReceiver};

/// How long a test waits for something that should happen at once, on a busy machine.
pub const WITHIN: std::time::Duration = std::time::Duration::from_secs(10);
