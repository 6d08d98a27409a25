//! Words that every other crate uses: SIDs, phone numbers, secrets, time and entropy.
//!
//! Nothing here reads a clock, opens a socket or keeps state of its own. Time arrives as [`Now`], randomness as
//! [`Entropy`]; a seeded entropy and a scripted clock replay a whole day exactly.

mod clock;
mod entropy;
mod phone;
mod secret;
mod sid;
mod time;

pub use clock::Clock;
pub use entropy::Entropy;
pub use phone::{PhoneNumber, PhoneNumberError};
pub use secret::Secret;
pub use sid::*;
pub use time::{Mono, Now, Timestamp};
