//! TaskRouter expressions: parse, check, evaluate, explain.
//!
//! One small language decides which workers serve a queue, which filter takes a task, who may take it in a step and
//! when a step is skipped. It only compares: there is no arithmetic and no function call, so an expression is parsed
//! once and then evaluated as often as an attribute changes, without allocating.
//!
//! ```
//! use expr::{Context, Expression, TaskScope};
//! let vip = Expression::parse("tier == 'gold' AND type IN ['call', 'chat']", Context::Task)?;
//! let task = serde_json::json!({"tier": "gold", "type": "call"});
//! assert!(vip.eval(&TaskScope { attributes: &task }));
//! # Ok::<(), expr::ExprError>(())
//! ```

mod explain;
mod lexer;
mod order;
mod parse;
mod path;
mod scope;
mod tree;
mod value;

pub use explain::{Explanation, FINDINGS_MAX, Finding};
pub use order::{CLAUSES_MAX, OrderBy, OrderKey};
pub use parse::{DEPTH_MAX, ExprError, TEXT_BYTES_MAX};
pub use path::{Attribute, Builtin, ChannelFigure, Count, PATH_STEPS_MAX, Path, Side, Step};
pub use scope::{ChannelFigures, Scope, SkipScope, TargetScope, TaskScope, WorkerScope, no_channels};
pub use tree::{Context, Expression};
pub use value::{ScalarKey, SidText, Value};
