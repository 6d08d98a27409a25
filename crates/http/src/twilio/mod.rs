//! The compatible products.

pub(crate) mod api2010;
pub(crate) mod sync;
pub(crate) mod taskrouter;
