//! Tokens to an expression, one small parser for each form.

use std::ops::Range;

use crate::selection_error::SelectionError;
use crate::text::quoted;

use super::form::Form;
use super::token::{Kind, Token};
use super::{DEEPEST, Expression, Operand, Operator, Term, TermKind, unreadable};

/// Reads the tokens of a pattern in the form it is written in.
pub(crate) fn parse(text: &str, tokens: &[Token], form: Form) -> Result<Expression, SelectionError> {
    let mut reader = Reader { text, tokens, at: 0 };
    let expression = match form {
        Form::Common | Form::Ansible => reader.ansible()?,
        Form::ClusterShell => reader.cluster(0)?,
        Form::Words => reader.words(0)?,
    };
    match reader.peek() {
        None => Ok(expression),
        Some(Kind::Close) => Err(reader.wrong("a `)` without its `(`", "remove it")),
        Some(_) => Err(reader.wrong(
            "two terms with nothing between them",
            "join them: `a,b`, `a:&b` or `a and b`",
        )),
    }
}

struct Reader<'a> {
    text: &'a str,
    tokens: &'a [Token],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<&Kind> {
        self.tokens.get(self.at).map(|token| &token.kind)
    }

    fn take(&mut self, kind: &Kind) -> bool {
        let found = self.peek() == Some(kind);
        self.at += usize::from(found);
        found
    }

    fn here(&self) -> Range<usize> {
        self.tokens
            .get(self.at)
            .map_or(self.text.len()..self.text.len(), |token| token.span.clone())
    }

    fn wrong(&self, message: &str, hint: &str) -> SelectionError {
        unreadable(self.text, self.here(), message, hint)
    }

    fn term(&mut self) -> Result<Term, SelectionError> {
        let Some(token) = self.tokens.get(self.at) else {
            let message = if self.tokens.is_empty() {
                "the pattern is empty"
            } else {
                "the pattern ends where a term should be"
            };
            return Err(self.wrong(message, "write a host, a group or a range; `all` is every host"));
        };
        let kind = match &token.kind {
            Kind::Term(text) => self.term_kind(text, &token.span)?,
            Kind::Compare { key, value, equal } => TermKind::Variable {
                key: key.clone(),
                value: value.clone(),
                equal: *equal,
            },
            _ => {
                let sign = quoted(&self.text[token.span.clone()]);
                return Err(self.wrong(
                    &format!("{sign} where a term should be"),
                    "write a host, a group or a range",
                ));
            }
        };
        self.at += 1;
        Ok(Term {
            kind,
            span: token.span.clone(),
        })
    }

    fn term_kind(&self, text: &str, span: &Range<usize>) -> Result<TermKind, SelectionError> {
        if text.starts_with('~') {
            let hint = "write a glob, like `web*`, or a range, like `web[1-3]`";
            return Err(unreadable(
                self.text,
                span.clone(),
                "regular expressions are not read",
                hint,
            ));
        }
        let Some(name) = text.strip_prefix('@') else {
            return Ok(TermKind::Name(text.to_owned()));
        };
        if name.is_empty() {
            return Err(unreadable(
                self.text,
                span.clone(),
                "an `@` without a group",
                "write it like `@db`",
            ));
        }
        Ok(match name.split_once(':') {
            Some((source, name)) if !source.contains('[') => TermKind::Sourced {
                source: source.to_owned(),
                name: name.to_owned(),
            },
            _ => TermKind::Group(name.to_owned()),
        })
    }

    /// Ansible's order: what is united, then what limits, then what is taken away.
    fn ansible(&mut self) -> Result<Expression, SelectionError> {
        let (mut united, mut joined) = (Vec::new(), Vec::new());
        let mut taken_away = Vec::new();
        loop {
            if self.take(&Kind::Ampersand) {
                joined.push((Operator::And, Operand::Term(self.term()?)));
            } else if self.take(&Kind::Exclamation) {
                taken_away.push((Operator::ButNot, Operand::Term(self.term()?)));
            } else {
                united.push((Operator::Or, Operand::Term(self.term()?)));
            }
            if !self.take(&Kind::Colon) && !self.take(&Kind::Comma) {
                break;
            }
        }
        let mut rest: Vec<(Operator, Operand)> = united;
        let first = if rest.is_empty() {
            Operand::All
        } else {
            rest.remove(0).1
        };
        rest.append(&mut joined);
        rest.append(&mut taken_away);
        Ok(Expression { first, rest })
    }

    fn cluster(&mut self, depth: usize) -> Result<Expression, SelectionError> {
        let first = self.cluster_operand(depth)?;
        let mut rest = Vec::new();
        loop {
            let operator = match self.peek() {
                Some(Kind::Comma) => Operator::Or,
                Some(Kind::Ampersand) => Operator::And,
                Some(Kind::Exclamation) => Operator::ButNot,
                Some(Kind::Caret) => Operator::Xor,
                _ => return Ok(Expression { first, rest }),
            };
            self.at += 1;
            rest.push((operator, self.cluster_operand(depth)?));
        }
    }

    fn cluster_operand(&mut self, depth: usize) -> Result<Operand, SelectionError> {
        if self.peek() == Some(&Kind::Caret) {
            let hint = "`^` stands between two terms: in one of them, but not in both";
            return Err(self.wrong("a `^` where a term should be", hint));
        }
        if self.peek() != Some(&Kind::Open) {
            return Ok(Operand::Term(self.term()?));
        }
        self.nested(depth, Self::cluster)
    }

    fn nested(
        &mut self,
        depth: usize,
        inner: fn(&mut Self, usize) -> Result<Expression, SelectionError>,
    ) -> Result<Operand, SelectionError> {
        self.check_depth(depth)?;
        let open = self.here();
        self.at += 1;
        let expression = inner(self, depth + 1)?;
        if !self.take(&Kind::Close) {
            if self.peek().is_some() {
                return Err(self.wrong(
                    "two terms with nothing between them",
                    "join them: `a,b` or `a and b`",
                ));
            }
            return Err(unreadable(self.text, open, "a `(` without its `)`", "close it"));
        }
        Ok(Operand::Nested(Box::new(expression)))
    }

    fn check_depth(&self, depth: usize) -> Result<(), SelectionError> {
        if depth >= DEEPEST {
            let message = format!("the pattern nests deeper than {DEEPEST} levels");
            return Err(self.wrong(&message, "put these hosts into groups"));
        }
        Ok(())
    }

    fn words(&mut self, depth: usize) -> Result<Expression, SelectionError> {
        let first = self.words_and(depth)?;
        let mut rest = Vec::new();
        while self.take(&Kind::Or) {
            rest.push((Operator::Or, self.words_and(depth)?));
        }
        Ok(Expression { first, rest })
    }

    fn words_and(&mut self, depth: usize) -> Result<Operand, SelectionError> {
        let first = self.words_unit(depth)?;
        let mut rest = Vec::new();
        while self.take(&Kind::And) {
            rest.push((Operator::And, self.words_unit(depth)?));
        }
        Ok(if rest.is_empty() {
            first
        } else {
            Operand::Nested(Box::new(Expression { first, rest }))
        })
    }

    fn words_unit(&mut self, depth: usize) -> Result<Operand, SelectionError> {
        match self.peek() {
            Some(Kind::Not) => {
                self.check_depth(depth)?;
                self.at += 1;
                Ok(Operand::Not(Box::new(self.words_unit(depth + 1)?)))
            }
            Some(Kind::Open) => self.nested(depth, Self::words),
            _ => Ok(Operand::Term(self.term()?)),
        }
    }
}
