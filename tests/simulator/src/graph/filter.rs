//! `$filter`, as far as clients use it on events and users (OData 4.01, URL conventions 5.1.1).

use std::cmp::Ordering;

use serde_json::Value;

use super::GraphError;
use super::extended;
use super::query::{compare, property};

/// Longest filter that is read.
const FILTER_BYTES_MAX: usize = 8_192;
/// Deepest nesting that is read.
const DEPTH_MAX: usize = 32;

/// A condition on an entity.
#[derive(Debug, Clone)]
pub(super) enum Filter {
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    Compare(String, Operator, Value),
    StartsWith(String, String),
    Contains(String, String),
    /// Whether a member of the collection fulfils the condition.
    Any(String, Box<Filter>),
    /// `property in ('a', 'b')`.
    In(String, Vec<Value>),
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Open,
    Close,
    Comma,
    Colon,
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// When it is not understood.
    pub(super) fn read(text: &str) -> Result<Self, GraphError> {
        let mut parser = Parser { tokens: tokens(text)?, at: 0, variables: Vec::new(), depth: 0 };
        let filter = parser.either()?;
        if parser.at == parser.tokens.len() { Ok(filter) } else { Err(invalid()) }
    }

    /// Whether an entity fulfils it.
    pub(super) fn holds(&self, entity: &Value) -> bool {
        match self {
            Self::And(one, other) => one.holds(entity) && other.holds(entity),
            Self::Or(one, other) => one.holds(entity) || other.holds(entity),
            Self::Not(inner) => !inner.holds(entity),
            Self::Compare(path, operator, wanted) => {
                let found = property(entity, path);
                let order = compare(found, wanted);
                match operator {
                    Operator::Eq => order == Some(Ordering::Equal),
                    Operator::Ne => order != Some(Ordering::Equal),
                    Operator::Gt => order == Some(Ordering::Greater),
                    Operator::Ge => {
                        matches!(order, Some(Ordering::Greater | Ordering::Equal))
                    }
                    Operator::Lt => order == Some(Ordering::Less),
                    Operator::Le => matches!(order, Some(Ordering::Less | Ordering::Equal)),
                }
            }
            Self::StartsWith(path, start) => {
                lower(property(entity, path)).starts_with(&start.to_lowercase())
            }
            Self::Contains(path, part) => {
                lower(property(entity, path)).contains(&part.to_lowercase())
            }
            Self::Any(path, inner) => property(entity, path)
                .as_array()
                .is_some_and(|list| list.iter().any(|member| inner.holds(member))),
            Self::In(path, list) => {
                list.iter().any(|one| compare(property(entity, path), one) == Some(Ordering::Equal))
            }
        }
    }
}

fn lower(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_lowercase()
}

fn invalid() -> GraphError {
    GraphError::query("Invalid filter clause: the expression is not supported.")
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    /// Names of the members of collections that are looked at, inner ones last.
    variables: Vec<String>,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Result<Token, GraphError> {
        let token = self.peek().cloned().ok_or_else(invalid)?;
        self.at += 1;
        Ok(token)
    }

    fn expect(&mut self, wanted: &Token) -> Result<(), GraphError> {
        if self.next()? == *wanted { Ok(()) } else { Err(invalid()) }
    }

    fn takes_word(&mut self, wanted: &str) -> bool {
        let here =
            matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(wanted));
        self.at += usize::from(here);
        here
    }

    fn either(&mut self) -> Result<Filter, GraphError> {
        let mut one = self.both()?;
        while self.takes_word("or") {
            one = Filter::Or(Box::new(one), Box::new(self.both()?));
        }
        Ok(one)
    }

    fn both(&mut self) -> Result<Filter, GraphError> {
        let mut one = self.single()?;
        while self.takes_word("and") {
            one = Filter::And(Box::new(one), Box::new(self.single()?));
        }
        Ok(one)
    }

    fn single(&mut self) -> Result<Filter, GraphError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(invalid());
        }
        let found = self.single_inner();
        self.depth -= 1;
        found
    }

    fn single_inner(&mut self) -> Result<Filter, GraphError> {
        if self.takes_word("not") {
            return Ok(Filter::Not(Box::new(self.single()?)));
        }
        match self.next()? {
            Token::Open => {
                let inner = self.either()?;
                self.expect(&Token::Close)?;
                Ok(inner)
            }
            Token::Word(word) if self.peek() == Some(&Token::Open) => self.call(&word),
            Token::Word(path) => {
                let path = self.path(&path);
                self.comparison(path)
            }
            _ => Err(invalid()),
        }
    }

    /// `startswith(path,'x')`, `contains(path,'x')`, `path/any(v: …)`.
    fn call(&mut self, name: &str) -> Result<Filter, GraphError> {
        self.expect(&Token::Open)?;
        let collection = name.rsplit_once('/').filter(|(_, last)| last.eq_ignore_ascii_case("any"));
        if let Some((collection, _)) = collection {
            let collection = self.path(collection);
            let Token::Word(variable) = self.next()? else {
                return Err(invalid());
            };
            self.expect(&Token::Colon)?;
            self.variables.push(variable);
            let inner = self.either()?;
            self.variables.pop();
            self.expect(&Token::Close)?;
            return Ok(Filter::Any(collection, Box::new(inner)));
        }
        let Token::Word(path) = self.next()? else {
            return Err(invalid());
        };
        let path = self.path(&path);
        self.expect(&Token::Comma)?;
        let Token::Text(text) = self.next()? else {
            return Err(invalid());
        };
        self.expect(&Token::Close)?;
        match name.to_ascii_lowercase().as_str() {
            "startswith" => Ok(Filter::StartsWith(path, text)),
            "contains" => Ok(Filter::Contains(path, text)),
            _ => Err(invalid()),
        }
    }

    fn comparison(&mut self, path: String) -> Result<Filter, GraphError> {
        let Token::Word(word) = self.next()? else {
            return Err(invalid());
        };
        let operator = match word.to_ascii_lowercase().as_str() {
            "eq" => Operator::Eq,
            "ne" => Operator::Ne,
            "gt" => Operator::Gt,
            "ge" => Operator::Ge,
            "lt" => Operator::Lt,
            "le" => Operator::Le,
            "in" => return self.list(path),
            _ => return Err(invalid()),
        };
        let token = self.next()?;
        let value = self.literal(token, &path)?;
        Ok(Filter::Compare(path, operator, value))
    }

    fn list(&mut self, path: String) -> Result<Filter, GraphError> {
        self.expect(&Token::Open)?;
        let mut list = Vec::new();
        loop {
            let token = self.next()?;
            list.push(self.literal(token, &path)?);
            match self.next()? {
                Token::Comma => {}
                Token::Close => return Ok(Filter::In(path, list)),
                _ => return Err(invalid()),
            }
        }
    }

    /// Ids of extended properties are brought into their one spelling.
    fn literal(&self, token: Token, path: &str) -> Result<Value, GraphError> {
        match token {
            Token::Text(text) if path == "id" && !self.variables.is_empty() => {
                Ok(extended::canonical(&text).into())
            }
            Token::Text(text) => Ok(text.into()),
            Token::Word(word) => Ok(match word.as_str() {
                "true" => true.into(),
                "false" => false.into(),
                "null" => Value::Null,
                number => match number.parse::<i64>() {
                    Ok(number) => number.into(),
                    // A time stands without quotes.
                    Err(_) => word.into(),
                },
            }),
            Token::Open | Token::Close | Token::Comma | Token::Colon => Err(invalid()),
        }
    }

    /// A path without the name of the innermost collection's member.
    fn path(&self, text: &str) -> String {
        let (first, rest) = text.split_once('/').unwrap_or((text, ""));
        match self.variables.last() {
            Some(variable) if variable == first => rest.to_owned(),
            _ => text.to_owned(),
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, GraphError> {
    if text.len() > FILTER_BYTES_MAX {
        return Err(invalid());
    }
    let mut tokens = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' => {}
            '(' => tokens.push(Token::Open),
            ')' => tokens.push(Token::Close),
            ',' => tokens.push(Token::Comma),
            ':' => tokens.push(Token::Colon),
            '\'' => {
                let mut inside = String::new();
                loop {
                    match letters.next() {
                        Some('\'') if letters.peek() == Some(&'\'') => {
                            letters.next();
                            inside.push('\'');
                        }
                        Some('\'') => break,
                        Some(other) => inside.push(other),
                        None => return Err(invalid()),
                    }
                }
                tokens.push(Token::Text(inside));
            }
            first => {
                let mut word = String::from(first);
                while let Some(next) = letters.peek().copied() {
                    let of_time = next == ':' && word.starts_with(|c: char| c.is_ascii_digit());
                    let ends = matches!(next, ' ' | '(' | ')' | ',' | '\'' | '\t');
                    if ends || (next == ':' && !of_time) {
                        break;
                    }
                    word.push(next);
                    letters.next();
                }
                tokens.push(Token::Word(word));
            }
        }
    }
    Ok(tokens)
}
