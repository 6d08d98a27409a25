//! TaskRouter: who gets the work. `decide(state, command, now) -> events`, `apply(state, event)`.
//!
//! - [`model`]: what a workspace is made of, as it can be read.
//! - [`command`]: what it can be asked, and what it answers.
//! - [`event`]: what happened: the journal. Replaying it gives the same state.
//! - [`effect`]: what the shell must do once the events are committed.
//! - [`workflow`]: workflow documents, parsed and checked.
//! - [`replay`]: what another workflow would have done with the tasks of a recorded time.
//! - [`trial`]: what a workflow would do with a task that is not there.
//! - [`statistics`]: figures about the present and the past.
//! - [`Workspace`]: the machine itself.

#[allow(missing_docs, reason = "fields are named after the API's; variants carry the documentation")]
pub mod command;
#[allow(missing_docs, reason = "fields are named after the API's; variants carry the documentation")]
pub mod effect;
#[allow(missing_docs, reason = "fields are named after the API's; variants carry the documentation")]
pub mod event;
pub mod limits;
#[allow(missing_docs, reason = "fields are named after the API's; variants carry the documentation")]
pub mod model;
pub mod workflow;

mod apply;
mod bitmap;
mod deadline;
mod decide;
mod explain;
mod index;
mod invariants;
pub mod replay;
mod scope;
mod state;
pub mod statistics;
mod tally;
pub mod trial;
mod waiting;
mod workspace;

pub use explain::{
    Considered, Explanation, FilterTried, RuledOut, StepOutcome, StepTaken, WORKERS_EXPLAINED_MAX,
};
pub use state::{Entered, Snapshot};
pub use workspace::{AgentCall, AgentCallState, Decision, Workspace};
