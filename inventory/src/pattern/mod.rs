//! Patterns: one grammar with three ways to write it. A pattern is text until [`Pattern::parse`], and a set of hosts
//! after [`Pattern::hosts`].
//!
//! ```text
//! Ansible's       item { (":" | ",") item }         item = [ "&" | "!" ] term
//!                 unions first, then `&`, then `!`; only `!` means: all but these
//! ClusterShell's  operand { op operand }            op = "," | "&" | "!" | "^"   operand = term | "(" pattern ")"
//!                 strictly from left to right: or, and, but not, exclusive or
//! words           all { "or" all }                  all = unit { "and" unit }
//!                                                   unit = "not" unit | "(" words ")" | term | key "=" value | key "!=" value
//!
//! term            all, *           every host
//!                 ungrouped        hosts in no group
//!                 db1, db          a host or a group: their names never collide
//!                 @db              always a group, also with globs and ranges: @rack[1-3], @db*
//!                 @last:failed     a group of another source, the runs of this controller
//!                 web[01-12,20]    a range, every name of which must exist; also [1-9/2], [01:12]
//!                 web*, db?        a glob over hosts and groups
//!                 db[0], db[1:3]   in Ansible's form: hosts of a group by position, from 0, ends included
//! ```
//!
//! A `:`, or a `&` or `!` before a term, shows Ansible's form; `@`, `^` or a `&` or `!` between terms ClusterShell's;
//! `and`, `or`, `not`, `=` the words. Parentheses belong to the latter two, `@` may stand among words. A pattern that
//! shows two forms means different things to different readers and is refused. Every term must match something.

mod evaluate;
mod form;
mod glob;
mod parse;
mod set;
mod term;
mod token;

use std::ops::Range;

use crate::selection_error::{SelectionError, SelectionErrorKind};

pub(crate) use evaluate::Scope;
pub(crate) use form::Form;
pub(crate) use set::Set;

/// How long a pattern may be, in bytes.
const LONGEST: usize = 4096;
/// How deep parentheses and `not` may nest.
const DEEPEST: usize = 64;

/// A pattern that has been read.
#[derive(Debug)]
pub(crate) struct Pattern {
    text: String,
    form: Form,
    expression: Expression,
}

/// Operands and what joins them, from left to right.
#[derive(Debug)]
pub(crate) struct Expression {
    first: Operand,
    rest: Vec<(Operator, Operand)>,
}

#[derive(Debug)]
pub(crate) enum Operand {
    All,
    Term(Term),
    Not(Box<Operand>),
    Nested(Box<Expression>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Or,
    And,
    ButNot,
    Xor,
}

/// A term, and where it stands in the pattern.
#[derive(Debug)]
pub(crate) struct Term {
    kind: TermKind,
    span: Range<usize>,
}

#[derive(Debug)]
pub(crate) enum TermKind {
    /// A host or group, a range or glob of them.
    Name(String),
    /// `@name`.
    Group(String),
    /// `@source:name`.
    Sourced { source: String, name: String },
    /// `key=value` or `key!=value`.
    Variable { key: String, value: String, equal: bool },
}

impl Pattern {
    /// Reads a pattern.
    pub(crate) fn parse(text: &str) -> Result<Self, SelectionError> {
        if text.len() > LONGEST {
            let message = format!("a pattern of {} bytes is longer than {LONGEST}", text.len());
            return Err(SelectionError::new(
                SelectionErrorKind::Pattern,
                message,
                "put these hosts into a group",
            ));
        }
        let tokens = token::tokens(text)?;
        let form = form::detect(text, &tokens)?;
        let expression = parse::parse(text, &tokens, form)?;
        Ok(Self {
            text: text.to_owned(),
            form,
            expression,
        })
    }
}

/// A pattern that cannot be read, with the place in it.
pub(crate) fn unreadable(
    text: &str,
    span: Range<usize>,
    message: impl Into<String>,
    hint: &str,
) -> SelectionError {
    SelectionError::new(SelectionErrorKind::Pattern, message, hint).at(text, span)
}
