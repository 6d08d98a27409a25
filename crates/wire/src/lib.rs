//! Every body that Tandem accepts or emits, and the one table of error answers.
//!
//! Nothing here waits or looks anything up: a form goes in and a parsed value comes out, a record goes in and JSON
//! comes out. Handlers (`http`) sit between this and the owners of the state.
//!
//! - [`error`]: errors as clients read them, with their documented codes.
//! - [`form`]: request parameters.
//! - [`page`]: lists, in both generations of paging.
//! - [`address`]: the URL a request came by, so that every URL in its answer leads back to us.
//! - [`taskrouter`], [`instruction`], [`statistics`]: TaskRouter v1. [`event_bridge`]: its realtime protocol. [`api2010`], [`conferences`], [`recordings`], [`notifications`]: the 2010 API. [`sync`]: Sync v1. [`tandem`]: our own. [`desk`]: what the desk is told.
//! - [`openapi`]: the document that describes our own API.

// The OpenAPI document is one literal.
#![recursion_limit = "256"]

pub mod address;
pub mod api2010;
pub mod conferences;
pub mod desk;
pub mod error;
pub mod event_bridge;
pub mod form;
pub mod instruction;
pub mod notifications;
pub mod numbering;
pub mod openapi;
pub mod page;
pub mod recordings;
pub mod sip;
pub mod statistics;
pub mod streams;
pub mod sync;
pub mod tandem;
pub mod taskrouter;
pub mod transfer;
pub mod usage;

pub use address::Address;
pub use error::ApiError;
pub use form::{Params, without_nul};
