//! Why a selection cannot be made: what, where in the pattern, and what to do.

use std::fmt;
use std::ops::Range;

use crate::error::Excerpt;

/// What kind of trouble a selection is in. A caller makes an exit code of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelectionErrorKind {
    /// The pattern cannot be read, or could be read in two ways: an error of usage.
    Pattern,
    /// A group that was asked for by name does not exist.
    UnknownGroup,
    /// A term of a pattern matches nothing.
    NoMatch,
    /// Each term matches something, and nothing is left of it all.
    Empty,
    /// A group source could not tell a group.
    Source,
}

/// A selection that cannot be made. `Display` shows the message, the pattern with carets, and a hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectionError {
    kind: SelectionErrorKind,
    message: String,
    excerpt: Option<Box<Excerpt>>,
    hint: String,
}

impl SelectionError {
    pub(crate) fn new(kind: SelectionErrorKind, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            excerpt: None,
            hint: hint.into(),
        }
    }

    /// Shows the pattern with carets under a range of its bytes.
    pub(crate) fn at(mut self, pattern: &str, span: Range<usize>) -> Self {
        let count = |range: Range<usize>| pattern.get(range).map_or(0, |part| part.chars().count());
        self.excerpt = Some(Box::new(Excerpt::new(pattern, count(0..span.start), count(span))));
        self
    }

    /// Returns what kind of trouble it is.
    pub fn kind(&self) -> SelectionErrorKind {
        self.kind
    }

    /// Returns what is wrong, as a fragment in lower case.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns what to do about it.
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

impl fmt::Display for SelectionError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}", self.message)?;
        if let Some(excerpt) = &self.excerpt {
            excerpt.write(out, "")?;
        }
        write!(out, "hint: {}", self.hint)
    }
}

impl std::error::Error for SelectionError {}
