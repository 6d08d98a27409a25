//! The checked expression: a tree of comparisons, evaluated against a [`Scope`].

use crate::path::{Builtin, ChannelFigure, Count, Path, Side, Step};
use crate::scope::Scope;
use crate::value::Value;
use serde_json::Value as Json;
use std::fmt;

/// Where an expression stands, which decides what its names mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Context {
    /// A task queue's `TargetWorkers` and the workers' list filter: bare names are worker attributes and built-ins.
    Worker,
    /// A workflow filter: bare names are task attributes.
    Task,
    /// A workflow target: every name begins with `task.` or `worker.`.
    Target,
    /// A target's `skip_if`: `workers.available`, `workers.unavailable`, `workers.WA…`.
    Skip,
}

/// A parsed and checked expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    pub(crate) text: Box<str>,
    pub(crate) context: Context,
    pub(crate) root: Node,
    pub(crate) reads: Box<[Path]>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    /// At least two.
    All(Vec<Node>),
    /// At least two.
    Any(Vec<Node>),
    Compare(Box<Comparison>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Comparison {
    pub(crate) left: Operand,
    pub(crate) operator: Operator,
    pub(crate) right: Operand,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    Contains,
    Has,
    In,
    NotIn,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    /// A scalar or a list of scalars.
    Constant(Json),
    Path {
        name: Name,
        /// What it means unless `literal` applies.
        path: Path,
        /// `worker.x` where bare names are worker attributes: an attribute literally called `worker` wins.
        literal: Option<Path>,
    },
}

/// A path as it was written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Name {
    pub(crate) root: Box<str>,
    pub(crate) steps: Box<[Step]>,
}

impl Expression {
    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether `other` is the same expression, however it was written.
    pub fn same_tree(&self, other: &Self) -> bool {
        self.context == other.context && self.root == other.root
    }

    /// What it was parsed for.
    pub fn context(&self) -> Context {
        self.context
    }

    /// Every path it reads, each once.
    pub fn reads(&self) -> &[Path] {
        &self.reads
    }

    /// A change of this root attribute can change its value.
    pub fn reads_attribute(&self, side: Side, root: &str) -> bool {
        self.reads.iter().any(|path| path.side() == side && path.root() == Some(root))
    }

    /// A change of a worker's activity can change its value.
    pub fn reads_activity(&self) -> bool {
        self.reads.iter().any(Path::is_activity)
    }

    /// A change of a worker's load or capacity can change its value.
    pub fn reads_channels(&self) -> bool {
        self.reads.iter().any(Path::is_channel)
    }

    /// A change of a worker's friendly name can change its value.
    pub fn reads_friendly_name(&self) -> bool {
        self.reads.contains(&Path::Builtin(Builtin::FriendlyName))
    }

    /// Whether it holds. Never fails: a comparison of what cannot be compared is false.
    pub fn eval(&self, scope: &dyn Scope) -> bool {
        self.root.eval(scope)
    }

    /// The comparisons `task.x == worker.y` without which the expression cannot be true, as (task path, worker path).
    ///
    /// An index of workers by the value at the worker path, looked up with the value at the task path
    /// ([`Value::key`]), finds every worker who can match. Beware that null equals null: a task without `x`
    /// matches workers without `y`.
    pub fn equalities(&self) -> Vec<(Path, Path)> {
        let mut found = Vec::new();
        self.root.equalities(&mut found);
        found
    }
}

impl Node {
    pub(crate) fn eval(&self, scope: &dyn Scope) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|node| node.eval(scope)),
            Self::Any(nodes) => nodes.iter().any(|node| node.eval(scope)),
            Self::Compare(comparison) => comparison.eval(scope),
        }
    }

    fn equalities(&self, found: &mut Vec<(Path, Path)>) {
        match self {
            Self::All(nodes) => nodes.iter().for_each(|node| node.equalities(found)),
            Self::Any(_) => {}
            Self::Compare(comparison) => found.extend(comparison.equality()),
        }
    }

    pub(crate) fn each_operand<'t>(&'t self, visit: &mut dyn FnMut(&'t Operand)) {
        match self {
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().for_each(|node| node.each_operand(visit)),
            Self::Compare(comparison) => {
                visit(&comparison.left);
                visit(&comparison.right);
            }
        }
    }
}

impl Comparison {
    pub(crate) fn eval(&self, scope: &dyn Scope) -> bool {
        let (left, right) = (self.left.value(scope), self.right.value(scope));
        match self.operator {
            Operator::Equal => left.equals(&right),
            Operator::NotEqual => left.differs(&right),
            Operator::Greater => left.order(&right).is_some_and(|order| order.is_gt()),
            Operator::GreaterEqual => left.order(&right).is_some_and(|order| order.is_ge()),
            Operator::Less => left.order(&right).is_some_and(|order| order.is_lt()),
            Operator::LessEqual => left.order(&right).is_some_and(|order| order.is_le()),
            Operator::Contains => left.contains(&right),
            Operator::Has => left.holds(&right).unwrap_or(false),
            Operator::In => left.is_scalar() && right.holds(&left).unwrap_or(false),
            Operator::NotIn => left.is_scalar() && right.holds(&left).is_some_and(|held| !held),
        }
    }

    fn equality(&self) -> Option<(Path, Path)> {
        let (Operator::Equal, Operand::Path { path: left, .. }, Operand::Path { path: right, .. }) =
            (self.operator, &self.left, &self.right)
        else {
            return None;
        };
        match (left.side(), right.side()) {
            (Side::Task, Side::Worker) => Some((left.clone(), right.clone())),
            (Side::Worker, Side::Task) => Some((right.clone(), left.clone())),
            _ => None,
        }
    }
}

impl Operand {
    pub(crate) fn value<'a>(&'a self, scope: &'a dyn Scope) -> Value<'a> {
        match self {
            Self::Constant(constant) => constant.into(),
            Self::Path { name, path, literal } => match literal {
                Some(literal) if scope.has_attribute(&name.root) => scope.value(literal),
                _ => scope.value(path),
            },
        }
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        match self {
            Self::Constant(_) => [None, None],
            Self::Path { path, literal, .. } => [Some(path), literal.as_ref()],
        }
        .into_iter()
        .flatten()
    }
}

impl Name {
    /// What the name means in `context`, or why it means nothing.
    pub(crate) fn resolve(self, context: Context) -> Result<Operand, String> {
        let (path, literal) = match context {
            Context::Worker => match &*self.root {
                "worker" if self.steps.first().is_some_and(|s| matches!(s, Step::Key(_))) => {
                    (self.below_prefix(worker_path)?, Some(Path::Worker(self.attribute())))
                }
                _ => (bare_worker_path(self.attribute()), None),
            },
            Context::Task => match &*self.root {
                "task" if self.steps.first().is_some_and(|s| matches!(s, Step::Key(_))) => {
                    (self.below_prefix(Path::Task)?, Some(Path::Task(self.attribute())))
                }
                _ => (Path::Task(self.attribute()), None),
            },
            Context::Target => match &*self.root {
                "worker" => (self.below_prefix(worker_path)?, None),
                "task" => (self.below_prefix(Path::Task)?, None),
                _ => return Err(format!("'{self}' must begin with 'task.' or 'worker.' here")),
            },
            Context::Skip => (Path::Count(self.count()?), None),
        };
        Ok(Operand::Path { name: self, path, literal })
    }

    /// `worker.…` as `order_by` reads it.
    pub(crate) fn worker_only(&self) -> Result<Path, String> {
        match &*self.root {
            "worker" => self.below_prefix(worker_path),
            _ => Err(format!("'{self}' must begin with 'worker.' here")),
        }
    }

    fn attribute(&self) -> crate::Attribute {
        crate::Attribute { root: self.root.clone(), steps: self.steps.clone() }
    }

    fn below_prefix(&self, path: impl FnOnce(crate::Attribute) -> Path) -> Result<Path, String> {
        match self.steps.split_first() {
            Some((Step::Key(root), steps)) => {
                Ok(path(crate::Attribute { root: root.clone(), steps: steps.into() }))
            }
            _ => Err(format!("'{self}' names no attribute; write '{}.' and a name", self.root)),
        }
    }

    fn count(&self) -> Result<Count, String> {
        let key = match (&*self.root, &*self.steps) {
            ("workers", [Step::Key(key)]) => &**key,
            _ => "",
        };
        match key {
            "available" => Ok(Count::Available),
            "unavailable" => Ok(Count::Unavailable),
            sid => sid.parse().map(Count::Activity).map_err(|_| {
                format!(
                    "'{self}' is not workers.available, workers.unavailable or workers.WA… of an activity"
                )
            }),
        }
    }
}

/// A bare name: the built-ins without `channel`, which only `worker.channel.…` spells.
fn bare_worker_path(attribute: crate::Attribute) -> Path {
    match (&*attribute.root, attribute.steps.is_empty()) {
        ("sid", true) => Path::Builtin(Builtin::Sid),
        ("friendly_name", true) => Path::Builtin(Builtin::FriendlyName),
        ("activity_sid", true) => Path::Builtin(Builtin::ActivitySid),
        ("activity_name", true) => Path::Builtin(Builtin::ActivityName),
        _ => Path::Worker(attribute),
    }
}

/// What follows `worker.`.
fn worker_path(attribute: crate::Attribute) -> Path {
    if let ("channel", [Step::Key(channel), Step::Key(figure)]) = (&*attribute.root, &*attribute.steps)
        && let Some(figure) = ChannelFigure::named(figure)
    {
        return Path::Builtin(Builtin::Channel { channel: channel.clone(), figure });
    }
    bare_worker_path(attribute)
}

impl fmt::Display for Expression {
    /// In one spelling, which parses to the same tree.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (nodes, word) = match self {
            Self::All(nodes) => (nodes, " AND "),
            Self::Any(nodes) => (nodes, " OR "),
            Self::Compare(comparison) => return comparison.fmt(f),
        };
        for (at, node) in nodes.iter().enumerate() {
            if at > 0 {
                f.write_str(word)?;
            }
            match (self, node) {
                (_, Self::Compare(_)) | (Self::Any(_), Self::All(_)) => node.fmt(f)?,
                _ => write!(f, "({node})")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.left, self.operator, self.right)
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Contains => "CONTAINS",
            Self::Has => "HAS",
            Self::In => "IN",
            Self::NotIn => "NOT IN",
        })
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(constant) => print_constant(constant, f),
            Self::Path { name, .. } => name.fmt(f),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.attribute().fmt(f)
    }
}

fn print_constant(constant: &Json, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match constant {
        Json::String(text) => {
            write!(f, "'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
        }
        Json::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            // The language has no exponents, and a fraction tells it from a whole number.
            Some(float) if float.fract() == 0.0 => write!(f, "{float}.0"),
            Some(float) => write!(f, "{float}"),
            None => write!(f, "{number}"),
        },
        Json::Array(items) => {
            f.write_str("[")?;
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    f.write_str(", ")?;
                }
                print_constant(item, f)?;
            }
            f.write_str("]")
        }
        Json::Bool(_) | Json::Null | Json::Object(_) => write!(f, "{constant}"),
    }
}
