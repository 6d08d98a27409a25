//! TwiML documents and verbs: parse, validate, print.
//!
//! [`Document::parse`] turns text into typed verbs. What is wrong with the text as a whole is an error with its
//! documented code; what is wrong with one value is a warning, and the verb runs with the default. A wrong value whose
//! code is documented as an error becomes [`Verb::Failed`] in the place of its verb, because everything before it
//! still runs.

mod dial;
mod document;
mod print;
mod read;
mod say;
mod stream;
mod template;
mod uri;
mod verb;
mod vocabulary;

pub use dial::*;
pub use document::{
    ATTRIBUTES_MAX, BYTES_MAX, DEPTH_MAX, Document, NODES_MAX, Parsed, TwimlError, VERBS_MAX, WARNINGS_MAX,
    Warning,
};
pub use say::*;
pub use stream::{
    CallRecording, Connect, PARAMETERS_MAX, STREAMS_MAX, Started, Stopped, Stream, StreamTrack,
};
pub use template::{TemplateError, fill};
pub use uri::{ResolveError, resolve};
pub use verb::*;
pub use vocabulary::{SKIPPED_NOUNS, SKIPPED_PARTIES, SKIPPED_VERBS, UNHEARD_TAGS, VOCABULARY, Word};
