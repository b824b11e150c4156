//! As much of GraphQL's grammar as executable documents need; schema definitions and directives are refused.
//!
//! Source: <https://spec.graphql.org/October2021/#sec-Document-Syntax>

use std::iter::Peekable;
use std::vec::IntoIter;

/// Documents with more tokens than this are refused unread.
const MAX_TOKENS: usize = 20_000;
/// Deeper nesting of selections or values is refused.
const MAX_DEPTH: usize = 25;

/// What kind of operation a document holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Query,
    Mutation,
}

/// A parsed document.
#[derive(Debug, Default)]
pub(crate) struct Document {
    pub(crate) operations: Vec<Operation>,
    pub(crate) fragments: Vec<Fragment>,
}

/// One query or mutation.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) kind: Kind,
    pub(crate) variables: Vec<Variable>,
    pub(crate) selections: Vec<Selection>,
}

/// A declared variable; `required` when it is non-null and has no default.
#[derive(Debug)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) required: bool,
}

/// A named fragment.
#[derive(Debug)]
pub(crate) struct Fragment {
    pub(crate) name: String,
    pub(crate) on: String,
    pub(crate) selections: Vec<Selection>,
}

/// What is selected of an object.
#[derive(Debug)]
pub(crate) enum Selection {
    Field { name: String, arguments: Vec<(String, Literal)>, selections: Vec<Selection> },
    Spread(String),
    Inline { on: Option<String>, selections: Vec<Selection> },
}

/// A value as it is written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Variable(String),
    Enum(String),
    Text(String),
    Number(String),
    Bool,
    Null,
    List(Vec<Literal>),
    Object(Vec<(String, Literal)>),
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Name(String),
    Text(String),
    Number(String),
    Mark(char),
    Spread,
}

/// Reads a document; the error says what was expected.
pub(crate) fn parse(text: &str) -> Result<Document, String> {
    let mut parser = Parser { tokens: tokens(text)?.into_iter().peekable() };
    let mut document = Document::default();
    while let Some(token) = parser.tokens.peek().cloned() {
        let keyword = if let Token::Name(word) = &token { word.as_str() } else { "" };
        match keyword {
            "query" => document.operations.push(parser.operation(Kind::Query)?),
            "mutation" => document.operations.push(parser.operation(Kind::Mutation)?),
            "fragment" => document.fragments.push(parser.fragment()?),
            _ if token == Token::Mark('{') => {
                let selections = parser.selections(0)?;
                document.operations.push(Operation { kind: Kind::Query, variables: Vec::new(), selections });
            }
            _ => return Err(format!("expected a query, a mutation or a fragment, found {token:?}")),
        }
    }
    Ok(document)
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut found = Vec::new();
    let mut rest = text.trim_start_matches('\u{feff}');
    while let Some(first) = rest.chars().next() {
        let length = match first {
            ' ' | '\t' | '\n' | '\r' | ',' => 1,
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '"' => {
                let (token, length) = string(rest)?;
                found.push(token);
                length
            }
            '.' if rest.starts_with("...") => {
                found.push(Token::Spread);
                3
            }
            '{' | '}' | '(' | ')' | '[' | ']' | ':' | '$' | '!' | '=' => {
                found.push(Token::Mark(first));
                1
            }
            _ => {
                let word = |c: char| c.is_ascii_alphanumeric() || "_-+.".contains(c);
                let length = rest.find(|c| !word(c)).unwrap_or(rest.len());
                let (text, _) = rest.split_at(length);
                found.push(match first {
                    'a'..='z' | 'A'..='Z' | '_' => Token::Name(text.to_owned()),
                    '-' | '0'..='9' if text.parse::<f64>().is_ok() => Token::Number(text.to_owned()),
                    _ => return Err(format!("unexpected character {first:?}")),
                });
                length
            }
        };
        rest = rest.get(length..).unwrap_or_default();
        if found.len() > MAX_TOKENS {
            return Err(format!("more than {MAX_TOKENS} tokens"));
        }
    }
    Ok(found)
}

/// A string at the start of `text` and its length in bytes. Escapes are kept: no check reads into texts.
fn string(text: &str) -> Result<(Token, usize), String> {
    let quote = if text.starts_with("\"\"\"") { "\"\"\"" } else { "\"" };
    let mut at = quote.len();
    loop {
        let rest = text.get(at..).unwrap_or_default();
        if rest.starts_with(quote) {
            let inner = text.get(quote.len()..at).unwrap_or_default().to_owned();
            return Ok((Token::Text(inner), at + quote.len()));
        }
        let mut characters = rest.chars();
        at += match characters.next() {
            Some('\\') => 1 + characters.next().map_or(0, char::len_utf8),
            Some('\n') if quote.len() == 1 => return Err("a string goes over the end of its line".to_owned()),
            Some(character) => character.len_utf8(),
            None => return Err("a string has no end".to_owned()),
        };
    }
}

struct Parser {
    tokens: Peekable<IntoIter<Token>>,
}

impl Parser {
    fn name(&mut self) -> Result<String, String> {
        match self.tokens.next() {
            Some(Token::Name(name)) => Ok(name),
            other => Err(format!("expected a name, found {other:?}")),
        }
    }

    fn mark(&mut self, mark: char) -> Result<(), String> {
        match self.tokens.next() {
            Some(Token::Mark(found)) if found == mark => Ok(()),
            other => Err(format!("expected {mark:?}, found {other:?}")),
        }
    }

    fn skips(&mut self, mark: char) -> bool {
        self.tokens.next_if_eq(&Token::Mark(mark)).is_some()
    }

    fn operation(&mut self, kind: Kind) -> Result<Operation, String> {
        self.name()?;
        if matches!(self.tokens.peek(), Some(Token::Name(_))) {
            self.name()?;
        }
        let mut variables = Vec::new();
        if self.skips('(') {
            while !self.skips(')') {
                variables.push(self.variable()?);
            }
        }
        Ok(Operation { kind, variables, selections: self.selections(0)? })
    }

    fn variable(&mut self) -> Result<Variable, String> {
        self.mark('$')?;
        let name = self.name()?;
        self.mark(':')?;
        self.type_name(0)?;
        let required = self.skips('!');
        let default = self.skips('=');
        if default {
            self.literal(0)?;
        }
        Ok(Variable { name, required: required && !default })
    }

    fn type_name(&mut self, depth: usize) -> Result<(), String> {
        if !self.skips('[') {
            return self.name().map(|_| ());
        }
        within(depth)?;
        self.type_name(depth + 1)?;
        self.skips('!');
        self.mark(']')
    }

    fn fragment(&mut self) -> Result<Fragment, String> {
        self.name()?;
        let name = self.name()?;
        if self.name()? != "on" {
            return Err(format!("fragment {name} does not say on what"));
        }
        Ok(Fragment { name, on: self.name()?, selections: self.selections(0)? })
    }

    fn selections(&mut self, depth: usize) -> Result<Vec<Selection>, String> {
        within(depth)?;
        self.mark('{')?;
        let mut selections = Vec::new();
        while !self.skips('}') {
            selections.push(self.selection(depth)?);
        }
        if selections.is_empty() { Err("a selection is empty".to_owned()) } else { Ok(selections) }
    }

    fn selection(&mut self, depth: usize) -> Result<Selection, String> {
        if self.tokens.next_if_eq(&Token::Spread).is_some() {
            return match self.tokens.peek() {
                Some(Token::Name(name)) if name != "on" => Ok(Selection::Spread(self.name()?)),
                Some(Token::Name(_)) => {
                    self.name()?;
                    Ok(Selection::Inline { on: Some(self.name()?), selections: self.selections(depth + 1)? })
                }
                _ => Ok(Selection::Inline { on: None, selections: self.selections(depth + 1)? }),
            };
        }
        let mut name = self.name()?;
        if self.skips(':') {
            name = self.name()?;
        }
        let arguments = if self.skips('(') { self.pairs(')', depth)? } else { Vec::new() };
        let nested = self.tokens.peek() == Some(&Token::Mark('{'));
        let selections = if nested { self.selections(depth + 1)? } else { Vec::new() };
        Ok(Selection::Field { name, arguments, selections })
    }

    fn pairs(&mut self, end: char, depth: usize) -> Result<Vec<(String, Literal)>, String> {
        let mut pairs = Vec::new();
        while !self.skips(end) {
            let name = self.name()?;
            self.mark(':')?;
            pairs.push((name, self.literal(depth)?));
        }
        Ok(pairs)
    }

    fn literal(&mut self, depth: usize) -> Result<Literal, String> {
        within(depth)?;
        match self.tokens.next() {
            Some(Token::Mark('$')) => Ok(Literal::Variable(self.name()?)),
            Some(Token::Name(name)) => Ok(match name.as_str() {
                "true" | "false" => Literal::Bool,
                "null" => Literal::Null,
                _ => Literal::Enum(name),
            }),
            Some(Token::Text(text)) => Ok(Literal::Text(text)),
            Some(Token::Number(number)) => Ok(Literal::Number(number)),
            Some(Token::Mark('{')) => Ok(Literal::Object(self.pairs('}', depth + 1)?)),
            Some(Token::Mark('[')) => {
                let mut list = Vec::new();
                while !self.skips(']') {
                    list.push(self.literal(depth + 1)?);
                }
                Ok(Literal::List(list))
            }
            other => Err(format!("expected a value, found {other:?}")),
        }
    }
}

fn within(depth: usize) -> Result<(), String> {
    if depth < MAX_DEPTH { Ok(()) } else { Err(format!("nested deeper than {MAX_DEPTH}")) }
}
