//! The owners of live state: one task per workspace, one per account's calls.
//!
//! An owner drains its mailbox, decides a batch in pure code, **commits it, and only then** answers and releases effects.
//! While one batch commits the next is decided, so a synced write costs its time once per batch, not once per command.
//!
//! - [`Workspaces`]: routing. State in memory, journal in the store; the journal's sequence number is the fence.
//! - [`Voice`]: the calls of an account. Rows are written before anything another party can see.
//! - [`Voices`]: those of all accounts, and whom an event of the gateway concerns.
//!
//! **Invariant:** nobody hears of a decision that is not durable. **Invariant:** two owners are never both believed.

mod assignment;
mod batch;
mod effects;
mod errands;
mod error;
mod owner;
mod phones;
mod sip_directory;
mod timers;
mod voice;
mod voices;
mod workspaces;

pub use assignment::AssignmentFailure;
pub use error::AskError;
pub use phones::Phones;
pub use sip_directory::{SipDirectory, SipDomainRules, sip_domain_settings};
pub use voice::{
    DocumentOrder, FetchOrder, Voice, VoiceOutputs, VoiceSettings, agent_settings, application_settings,
    hold_music_setting, hold_music_url, number_settings,
};
pub use voices::{Directory, OpenError, Opener, Opening, SUBACCOUNTS_MAX, Voices};
pub use workspaces::{Tell, Watcher, Workspaces, WorkspacesSettings};
