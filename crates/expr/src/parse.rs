//! Words into a tree.

use crate::lexer::{Lexer, Token};
use crate::path::Path;
use crate::tree::{Comparison, Context, Expression, Node, Operand, Operator};
use serde_json::Value as Json;

/// Deepest nesting of parentheses.
pub const DEPTH_MAX: usize = 100;

/// Longest expression: the documented limit of a whole workflow.
pub const TEXT_BYTES_MAX: usize = 1_038_576;

/// Why a text is not an expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (column {column})")]
pub struct ExprError {
    /// Where, counted in characters from 1.
    pub column: usize,
    /// What is wrong, for the client who wrote it.
    pub message: String,
}

impl Expression {
    /// Parses `text` and checks that its names mean something in `context`.
    pub fn parse(text: &str, context: Context) -> Result<Self, ExprError> {
        let mut parser = Parser::new(text, context)?;
        let root = parser.any(0)?;
        parser.expect(Token::End, "AND, OR or the end")?;
        let reads = paths_of(&root);
        Ok(Self { text: text.into(), context, root, reads })
    }
}

fn paths_of(root: &Node) -> Box<[Path]> {
    let mut seen = std::collections::HashSet::new();
    let mut reads = Vec::new();
    root.each_operand(&mut |operand| {
        reads.extend(operand.paths().filter(|path| seen.insert(*path)).cloned())
    });
    reads.into()
}

struct Parser<'t> {
    lexer: Lexer<'t>,
    context: Context,
    token: Token,
    /// Byte offset of `token`.
    at: usize,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str, context: Context) -> Result<Self, ExprError> {
        if text.len() > TEXT_BYTES_MAX {
            let message = format!("an expression has at most {TEXT_BYTES_MAX} bytes");
            return Err(ExprError { column: 1, message });
        }
        let mut lexer = Lexer::new(text);
        let (token, at) = lexer.next()?;
        Ok(Self { lexer, context, token, at })
    }

    fn advance(&mut self) -> Result<Token, ExprError> {
        let (token, at) = self.lexer.next()?;
        self.at = at;
        Ok(std::mem::replace(&mut self.token, token))
    }

    fn accept(&mut self, token: Token) -> Result<bool, ExprError> {
        let accepted = self.token == token;
        if accepted {
            self.advance()?;
        }
        Ok(accepted)
    }

    fn expect(&mut self, token: Token, wanted: &str) -> Result<(), ExprError> {
        if self.token == Token::End && token == Token::End {
            return Ok(());
        }
        if self.accept(token)? { Ok(()) } else { Err(self.unexpected(wanted)) }
    }

    fn unexpected(&self, wanted: &str) -> ExprError {
        self.lexer.error(self.at, format!("unexpected {}, expected {wanted}", self.token.shown()))
    }

    fn any(&mut self, depth: usize) -> Result<Node, ExprError> {
        let first = self.all(depth)?;
        let mut nodes = vec![first];
        while self.accept(Token::Or)? {
            nodes.push(self.all(depth)?);
        }
        Ok(one_or(nodes, Node::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Node, ExprError> {
        let first = self.primary(depth)?;
        let mut nodes = vec![first];
        while self.accept(Token::And)? {
            nodes.push(self.primary(depth)?);
        }
        Ok(one_or(nodes, Node::All))
    }

    fn primary(&mut self, depth: usize) -> Result<Node, ExprError> {
        if self.token != Token::Open {
            return self.comparison();
        }
        if depth >= DEPTH_MAX {
            return Err(self.lexer.error(self.at, format!("parentheses nest at most {DEPTH_MAX} deep")));
        }
        self.advance()?;
        let node = self.any(depth + 1)?;
        self.expect(Token::Close, "AND, OR or ')'")?;
        Ok(node)
    }

    fn comparison(&mut self) -> Result<Node, ExprError> {
        let left = self.operand("a name or a constant")?;
        let operator = self.operator()?;
        let right = self.operand("a name or a constant after the operator")?;
        Ok(Node::Compare(Box::new(Comparison { left, operator, right })))
    }

    fn operator(&mut self) -> Result<Operator, ExprError> {
        let operator = match self.token {
            Token::Equal => Operator::Equal,
            Token::NotEqual => Operator::NotEqual,
            Token::Greater => Operator::Greater,
            Token::GreaterEqual => Operator::GreaterEqual,
            Token::Less => Operator::Less,
            Token::LessEqual => Operator::LessEqual,
            Token::Contains => Operator::Contains,
            Token::Has => Operator::Has,
            Token::In => Operator::In,
            Token::Not => {
                self.advance()?;
                self.expect(Token::In, "IN after NOT")?;
                return Ok(Operator::NotIn);
            }
            _ => return Err(self.unexpected("a comparison operator")),
        };
        self.advance()?;
        Ok(operator)
    }

    fn operand(&mut self, wanted: &str) -> Result<Operand, ExprError> {
        let at = self.at;
        if let Some(constant) = self.constant()? {
            return Ok(Operand::Constant(constant));
        }
        match &self.token {
            Token::ListOpen => self.list(),
            Token::Name(_) => match self.advance()? {
                Token::Name(name) => {
                    name.resolve(self.context).map_err(|message| self.lexer.error(at, message))
                }
                _ => Err(self.unexpected(wanted)),
            },
            _ => Err(self.unexpected(wanted)),
        }
    }

    fn list(&mut self) -> Result<Operand, ExprError> {
        self.advance()?;
        let mut items = Vec::new();
        if self.accept(Token::ListClose)? {
            return Ok(Operand::Constant(Json::Array(items)));
        }
        loop {
            match self.constant()? {
                Some(item) => items.push(item),
                None => return Err(self.unexpected("a constant in the list")),
            }
            if self.accept(Token::ListClose)? {
                return Ok(Operand::Constant(Json::Array(items)));
            }
            self.expect(Token::Comma, "',' or ']'")?;
        }
    }

    fn constant(&mut self) -> Result<Option<Json>, ExprError> {
        let constant = match &self.token {
            Token::Text(text) => Json::from(&**text),
            Token::Integer(number) => Json::from(*number),
            Token::Float(number) => Json::from(*number),
            Token::True => Json::Bool(true),
            Token::False => Json::Bool(false),
            Token::Null => Json::Null,
            _ => return Ok(None),
        };
        self.advance()?;
        Ok(Some(constant))
    }
}

fn one_or(mut nodes: Vec<Node>, many: impl FnOnce(Vec<Node>) -> Node) -> Node {
    match nodes.pop() {
        Some(only) if nodes.is_empty() => only,
        last => {
            nodes.extend(last);
            many(nodes)
        }
    }
}
