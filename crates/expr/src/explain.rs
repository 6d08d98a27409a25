//! Why an expression is false.

use crate::scope::Scope;
use crate::tree::{Comparison, Expression, Node};
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

impl Node {
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
