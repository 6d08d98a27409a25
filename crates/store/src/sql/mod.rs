//! The questions, in SQL that both databases understand.

pub(crate) mod accounts;
pub(crate) mod calls;
pub(crate) mod config;
pub(crate) mod deliveries;
pub(crate) mod journal;
pub(crate) mod prompts;
pub(crate) mod recordings;
pub(crate) mod resources;
pub(crate) mod rows;
pub(crate) mod sync;
pub(crate) mod users;
pub(crate) mod voicemails;
