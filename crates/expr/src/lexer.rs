//! Text into words.

use crate::parse::ExprError;
use crate::path::{PATH_STEPS_MAX, Step};
use crate::tree::Name;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    Open,
    Close,
    ListOpen,
    ListClose,
    Comma,
    Equal,
    NotEqual,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    And,
    Or,
    Not,
    In,
    Has,
    Contains,
    True,
    False,
    Null,
    Text(Box<str>),
    Integer(i64),
    Float(f64),
    Name(Name),
    End,
}

impl Token {
    /// As a message names it.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Open => "'('".into(),
            Self::Close => "')'".into(),
            Self::ListOpen => "'['".into(),
            Self::ListClose => "']'".into(),
            Self::Comma => "','".into(),
            Self::Equal => "'=='".into(),
            Self::NotEqual => "'!='".into(),
            Self::Greater => "'>'".into(),
            Self::GreaterEqual => "'>='".into(),
            Self::Less => "'<'".into(),
            Self::LessEqual => "'<='".into(),
            Self::And => "AND".into(),
            Self::Or => "OR".into(),
            Self::Not => "NOT".into(),
            Self::In => "IN".into(),
            Self::Has => "HAS".into(),
            Self::Contains => "CONTAINS".into(),
            Self::True => "true".into(),
            Self::False => "false".into(),
            Self::Null => "null".into(),
            Self::Text(text) => format!("the text '{}'", shorten(text)),
            Self::Integer(number) => format!("the number {number}"),
            Self::Float(number) => format!("the number {number}"),
            Self::Name(name) => format!("'{}'", shorten(&name.to_string())),
            Self::End => "the end".into(),
        }
    }
}

fn shorten(text: &str) -> String {
    const SHOWN: usize = 40;
    match text.char_indices().nth(SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

pub(crate) struct Lexer<'t> {
    text: &'t str,
    /// Byte offset of what comes next.
    at: usize,
}

impl<'t> Lexer<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// The next word and the byte offset where it begins.
    pub(crate) fn next(&mut self) -> Result<(Token, usize), ExprError> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
        let start = self.at;
        let Some(first) = self.rest().chars().next() else { return Ok((Token::End, start)) };
        let token = match first {
            '\'' | '"' => self.string(first)?,
            '-' | '0'..='9' => self.number()?,
            c if begins_name(c) => self.word()?,
            _ => self.sign(first)?,
        };
        Ok((token, start))
    }

    pub(crate) fn error(&self, at: usize, message: impl Into<String>) -> ExprError {
        ExprError { column: self.text[..at].chars().count() + 1, message: message.into() }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn sign(&mut self, first: char) -> Result<Token, ExprError> {
        let rest = self.rest();
        let (token, length) = match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '[' => (Token::ListOpen, 1),
            ']' => (Token::ListClose, 1),
            ',' => (Token::Comma, 1),
            '=' if rest.starts_with("==") => (Token::Equal, 2),
            '=' => (Token::Equal, 1),
            '!' if rest.starts_with("!=") => (Token::NotEqual, 2),
            '>' if rest.starts_with(">=") => (Token::GreaterEqual, 2),
            '>' => (Token::Greater, 1),
            '<' if rest.starts_with("<=") => (Token::LessEqual, 2),
            '<' if rest.starts_with("<>") => {
                return Err(self.error(self.at, "'<>' is not an operator; use '!='"));
            }
            '<' => (Token::Less, 1),
            '&' => return Err(self.error(self.at, "'&' is not an operator; use AND")),
            '|' => return Err(self.error(self.at, "'|' is not an operator; use OR")),
            other => return Err(self.error(self.at, format!("unexpected character '{other}'"))),
        };
        self.at += length;
        Ok(token)
    }

    /// `'…'` or `"…"`. A backslash escapes itself and both quotes, and is itself before anything else.
    fn string(&mut self, quote: char) -> Result<Token, ExprError> {
        let start = self.at;
        let mut text = String::new();
        let mut chars = self.rest()[1..].char_indices().peekable();
        while let Some((offset, c)) = chars.next() {
            match (c, chars.peek()) {
                ('\\', Some(&(_, escaped @ ('\\' | '\'' | '"')))) => {
                    text.push(escaped);
                    chars.next();
                }
                (c, _) if c == quote => {
                    self.at += 1 + offset + 1;
                    return Ok(Token::Text(text.into()));
                }
                (c, _) => text.push(c),
            }
        }
        Err(self.error(start, format!("the text that begins here has no closing {quote}")))
    }

    fn number(&mut self) -> Result<Token, ExprError> {
        let (start, rest) = (self.at, self.rest());
        let digits_from = usize::from(rest.starts_with('-'));
        let whole = digits(&rest[digits_from..]);
        if whole == 0 {
            return Err(self.error(start, "'-' must be followed by digits"));
        }
        let mut end = digits_from + whole;
        let mut fraction = 0;
        if rest[end..].starts_with('.') {
            fraction = digits(&rest[end + 1..]);
            if fraction == 0 {
                return Err(self.error(start + end, "'.' in a number must be followed by digits"));
            }
            end += 1 + fraction;
        }
        self.at += end;
        let text = &rest[..end];
        if fraction == 0
            && let Ok(number) = text.parse()
        {
            return Ok(Token::Integer(number));
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Token::Float(number)),
            _ => Err(self.error(start, "the number is too large")),
        }
    }

    fn word(&mut self) -> Result<Token, ExprError> {
        let root = self.ident();
        Ok(match root.to_ascii_lowercase().as_str() {
            "and" => Token::And,
            "or" => Token::Or,
            "not" => Token::Not,
            "in" => Token::In,
            "has" => Token::Has,
            "contains" => Token::Contains,
            "true" => Token::True,
            "false" => Token::False,
            "null" => Token::Null,
            _ => Token::Name(Name { root: root.into(), steps: self.steps()? }),
        })
    }

    /// `.key` and `[0]`, written without blanks.
    fn steps(&mut self) -> Result<Box<[Step]>, ExprError> {
        let mut steps = Vec::new();
        loop {
            if steps.len() >= PATH_STEPS_MAX {
                return Err(self.error(self.at, format!("a path has at most {PATH_STEPS_MAX} steps")));
            }
            let rest = self.rest();
            if let Some(after) = rest.strip_prefix('.') {
                self.at += 1;
                if !after.starts_with(begins_name) {
                    return Err(self.error(self.at, "a name must follow '.'"));
                }
                steps.push(Step::Key(self.ident().into()));
            } else if let Some(after) = rest.strip_prefix('[') {
                let count = digits(after);
                let index = after[..count].parse().ok().filter(|_| after[count..].starts_with(']'));
                let Some(index) = index else {
                    return Err(self.error(self.at + 1, "an index must be a whole number followed by ']'"));
                };
                self.at += count + 2;
                steps.push(Step::Index(index));
            } else {
                return Ok(steps.into());
            }
        }
    }

    /// The longest name here; the caller has seen that one begins.
    fn ident(&mut self) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c| !continues_name(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }
}

fn begins_name(c: char) -> bool {
    c.is_alphabetic() || c == '_' || c == '$'
}

fn continues_name(c: char) -> bool {
    begins_name(c) || c.is_numeric()
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}
