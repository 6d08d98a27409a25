//! Routing, told as facts. `day` sets the scene; each module is a chapter.

#![expect(clippy::unwrap_used, reason = "a story that lacks what it speaks of has failed")]

extern crate engine;

mod day;
mod explained;
mod limits;
mod promises;
mod redirections;
mod replayed;
mod tasks;
mod told;
mod transfers;
mod voice;
mod workflows;
