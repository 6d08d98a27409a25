//! The API as clients meet it: the real router over a temporary store and the real owners, without sockets.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

extern crate tandem_http as http_api;

mod api2010;
mod door;
mod event_bridge;
mod golden;
mod house;
mod lifecycle;
mod replay;
mod setup;
mod shapes;
mod statistics;
mod sync;
mod tandem;
mod taskrouter;
