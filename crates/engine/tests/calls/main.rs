//! The switchboard's stories, with scripted phones, media and applications, in virtual time.

#![expect(clippy::unwrap_used, reason = "a story that lacks what it speaks of has failed")]
#![expect(clippy::manual_is_multiple_of, reason = "a die is thrown: the remainder is what is meant")]

mod applications;
mod attributes;
mod conference_tasks;
mod conferences;
mod day;
mod diversions;
mod handover;
mod instructed;
mod lines;
mod machine;
mod parking;
mod random;
mod recordings;
mod refers;
mod speech;
mod streams;
mod supervise;
mod tasks;
mod updates;
mod verbs;
