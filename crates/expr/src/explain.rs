//! Why an expression is false.

use crate::scope::Scope;
use crate::tree::{Comparison, Expression, Node, Operator};
use crate::value::Value;
use std::fmt;

/// Most comparisons that one explanation lists.
pub const FINDINGS_MAX: usize = 8;

/// Whether an expression holds, and if not, because of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// It is true.
    pub holds: bool,
    /// The false comparisons that made it false: the first of an AND, every one of an OR. At most [`FINDINGS_MAX`].
    pub because: Vec<Finding>,
}

/// One comparison that was false, and what was compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The comparison, as text.
    pub comparison: String,
    /// The left value, as JSON.
    pub left: String,
    /// The right value, as JSON.
    pub right: String,
}

impl Expression {
    /// Evaluates and says which comparison made it false, with the values. Slower than [`Expression::eval`].
    pub fn explain(&self, scope: &dyn Scope) -> Explanation {
        let mut because = Vec::new();
        let holds = self.root.explain(scope, &mut because);
        Explanation { holds, because }
    }
}

impl Expression {
    /// What it compares that cannot be compared, if it is false because of that: a list with an operator for scalars, or
    /// `HAS`, `IN` and `NOT IN` where there is no list. Null is no mismatch: the attribute is missing.
    pub fn mismatch(&self, scope: &dyn Scope) -> Option<Finding> {
        self.root.mismatch(scope)
    }
}

impl Node {
    fn mismatch(&self, scope: &dyn Scope) -> Option<Finding> {
        match self {
            Self::All(nodes) => nodes.iter().find_map(|node| node.mismatch(scope)),
            Self::Any(nodes) if nodes.iter().any(|node| node.eval(scope)) => None,
            Self::Any(nodes) => nodes.iter().find_map(|node| node.mismatch(scope)),
            Self::Compare(comparison) => (!comparison.eval(scope) && comparison.is_mismatched(scope))
                .then(|| comparison.finding(scope)),
        }
    }

    fn explain(&self, scope: &dyn Scope, because: &mut Vec<Finding>) -> bool {
        let before = because.len();
        let holds = match self {
            Self::All(nodes) => nodes.iter().all(|node| node.explain(scope, because)),
            Self::Any(nodes) => nodes.iter().any(|node| node.explain(scope, because)),
            Self::Compare(comparison) => {
                let holds = comparison.eval(scope);
                if !holds && because.len() < FINDINGS_MAX {
                    because.push(comparison.finding(scope));
                }
                holds
            }
        };
        if holds {
            because.truncate(before);
        }
        holds
    }
}

impl Comparison {
    fn is_mismatched(&self, scope: &dyn Scope) -> bool {
        let (left, right) = (self.left.value(scope), self.right.value(scope));
        let no_list = |value: &Value<'_>| value.is_scalar() && !matches!(value, Value::Null);
        match self.operator {
            Operator::Has => no_list(&left),
            Operator::In | Operator::NotIn => no_list(&right) || !left.is_scalar(),
            _ => !left.is_scalar() || !right.is_scalar(),
        }
    }

    fn finding(&self, scope: &dyn Scope) -> Finding {
        Finding {
            comparison: self.to_string(),
            left: self.left.value(scope).to_string(),
            right: self.right.value(scope).to_string(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is false: {} against {}", self.comparison, self.left, self.right)
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.holds {
            return f.write_str("holds");
        }
        for (at, finding) in self.because.iter().enumerate() {
            let between = if at == 0 { "" } else { "; " };
            write!(f, "{between}{finding}")?;
        }
        Ok(())
    }
}
