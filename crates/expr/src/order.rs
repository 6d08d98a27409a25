//! `order_by`: which of the candidates goes first.

use crate::lexer::{Lexer, Token};
use crate::parse::ExprError;
use crate::path::Path;
use crate::scope::Scope;
use crate::value::Value;
use std::fmt;

/// Most clauses of one `order_by`.
pub const CLAUSES_MAX: usize = 16;

/// `worker.level DESC, worker.english ASC`: ranks workers by integer attributes or built-ins.
///
/// Ties go to the next clause and at the end to whoever has waited longest, which is the caller's part.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderBy {
    text: Box<str>,
    clauses: Box<[Clause]>,
}

#[derive(Debug, Clone, PartialEq)]
struct Clause {
    path: Path,
    descending: bool,
}

/// A worker's place in an [`OrderBy`]: the smallest goes first.
///
/// A worker without the attribute (or with one that is no integer) comes after all who have it, in both directions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderKey(Box<[Rank]>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Rank {
    /// Negated where the clause descends.
    Number(i128),
    Missing,
    NotAnInteger,
}

impl OrderBy {
    /// Parses a comma list of `worker.<path> [ASC|DESC]`.
    pub fn parse(text: &str) -> Result<Self, ExprError> {
        let mut lexer = Lexer::new(text);
        let mut clauses = Vec::new();
        loop {
            let (token, at) = lexer.next()?;
            let Token::Name(name) = token else {
                let message = format!("unexpected {}, expected 'worker.' and a name", token.shown());
                return Err(lexer.error(at, message));
            };
            if clauses.len() == CLAUSES_MAX {
                return Err(lexer.error(at, format!("order_by has at most {CLAUSES_MAX} clauses")));
            }
            let path = name.worker_only().map_err(|message| lexer.error(at, message))?;
            let (mut token, mut at) = lexer.next()?;
            let direction = match &token {
                Token::Name(word) if word.steps.is_empty() => Some(word.root.to_ascii_lowercase()),
                _ => None,
            };
            let descending = match direction.as_deref() {
                Some("asc") | None => false,
                Some("desc") => true,
                Some(_) => {
                    let message = format!("unexpected {}, expected ASC or DESC", token.shown());
                    return Err(lexer.error(at, message));
                }
            };
            if direction.is_some() {
                (token, at) = lexer.next()?;
            }
            clauses.push(Clause { path, descending });
            match token {
                Token::Comma => {}
                Token::End => return Ok(Self { text: text.into(), clauses: clauses.into() }),
                other => {
                    let message = format!("unexpected {}, expected ASC, DESC or ','", other.shown());
                    return Err(lexer.error(at, message));
                }
            }
        }
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Every path it reads: a change of one of them changes the worker's place.
    pub fn reads(&self) -> impl Iterator<Item = &Path> {
        self.clauses.iter().map(|clause| &clause.path)
    }

    /// A worker's place.
    pub fn key(&self, worker: &dyn Scope) -> OrderKey {
        OrderKey(self.clauses.iter().map(|clause| clause.rank(worker.value(&clause.path))).collect())
    }

    /// Sorts candidates, keeping the order of those who tie (so give them longest idle first).
    ///
    /// A clause that meets a value that is no integer among these candidates is ignored for all of them, as documented.
    pub fn sort<T>(&self, candidates: &mut [(OrderKey, T)]) {
        for clause in 0..self.clauses.len() {
            let ignored = candidates.iter().any(|(key, _)| key.0.get(clause) == Some(&Rank::NotAnInteger));
            if ignored {
                for rank in candidates.iter_mut().filter_map(|(key, _)| key.0.get_mut(clause)) {
                    *rank = Rank::Missing;
                }
            }
        }
        candidates.sort_by(|(a, _), (b, _)| a.cmp(b));
    }
}

impl Clause {
    fn rank(&self, value: Value<'_>) -> Rank {
        match (value.integer(), value) {
            (Some(number), _) => Rank::Number(if self.descending { -number } else { number }),
            (None, Value::Null) => Rank::Missing,
            (None, _) => Rank::NotAnInteger,
        }
    }
}

impl fmt::Display for OrderBy {
    /// In one spelling, which parses to the same clauses.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, clause) in self.clauses.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{} {}", clause.path, if clause.descending { "DESC" } else { "ASC" })?;
        }
        Ok(())
    }
}
