//! Voice: live calls, the TwiML each runs, the queues they wait in and the conferences they meet in.

mod announcement;
mod attended;
mod audio;
mod beside;
mod calls;
mod conference;
mod conference_tasks;
mod cut;
mod dial;
mod divert;
mod features;
mod gather;
mod handover;
mod inbound;
mod lines;
mod listen;
mod machine;
mod orders;
mod parameters;
mod participants;
#[allow(missing_docs, reason = "fields are named after the API's; variants carry the documentation")]
pub mod port;
mod program;
mod queue;
mod recording;
mod refer;
mod refer_verb;
mod requests;
mod roster;
mod seats;
mod settings;
mod shape;
mod state;
mod streams;
mod supervise;
mod switchboard;
mod talk;
mod views;

pub use inbound::public as dialled_number;
pub use port::*;
pub use settings::{Series, SwitchboardSettings};
pub use switchboard::Switchboard;
