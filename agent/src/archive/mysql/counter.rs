//! Which number comes next: of a table with AUTO_INCREMENT, and of a sequence.

use super::table_name::Naming;
use super::tables::Tables;
use super::token::Token;

/// Longer numbers are none.
const DIGITS: usize = 20;

/// `AUTO_INCREMENT=42` behind the columns of a table, as far as it has been read.
#[derive(Debug, Default)]
pub(super) enum AutoIncrement {
    #[default]
    Awaited,
    Announced,
    Equals,
    Known(String),
}

impl AutoIncrement {
    /// Takes the next token of `CREATE TABLE`.
    pub(super) fn take(&mut self, token: Token<'_>) {
        *self = match (std::mem::take(self), token) {
            (AutoIncrement::Known(next), _) => AutoIncrement::Known(next),
            (AutoIncrement::Announced, Token::Mark(b'=')) => AutoIncrement::Equals,
            (AutoIncrement::Equals, Token::Word(word)) => {
                number(word).map_or(AutoIncrement::Awaited, AutoIncrement::Known)
            }
            (_, Token::Word(word)) if word.eq_ignore_ascii_case(b"AUTO_INCREMENT") => {
                AutoIncrement::Announced
            }
            _ => AutoIncrement::Awaited,
        };
    }

    /// Returns the number.
    pub(super) fn next(self) -> Option<String> {
        match self {
            AutoIncrement::Known(next) => Some(next),
            _ => None,
        }
    }
}

/// Which way a sequence goes: `increment by -1`, as far as it has been read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    #[default]
    Up,
    Announced,
    By,
    Down,
}

impl Direction {
    /// Takes the next token of `CREATE SEQUENCE`.
    pub(super) fn take(&mut self, token: Token<'_>) {
        *self = match (*self, token) {
            (Direction::Down, _) | (Direction::Announced | Direction::By, Token::Mark(b'-')) => {
                Direction::Down
            }
            (Direction::Announced, Token::Word(word)) if word.eq_ignore_ascii_case(b"BY") => Direction::By,
            (_, Token::Word(word)) if word.eq_ignore_ascii_case(b"INCREMENT") => Direction::Announced,
            _ => Direction::Up,
        };
    }
}

/// A call of a function: `SETVAL(name, 42, 0)` says that the next number is 42.
#[derive(Debug, Default)]
pub(super) struct Call {
    tokens: usize,
    is_setval: bool,
    /// How many commas there were.
    arguments: usize,
    name: Naming,
    value: String,
    is_unused: bool,
}

impl Call {
    /// Takes the next token.
    pub(super) fn take(&mut self, token: Token<'_>) {
        self.tokens += 1;
        if self.tokens == 1 {
            self.is_setval = matches!(token, Token::Word(word) if word.eq_ignore_ascii_case(b"SETVAL"));
        }
        if !self.is_setval || self.tokens <= 2 {
            return;
        }
        match (self.arguments, token) {
            (_, Token::Mark(b',')) => self.arguments += 1,
            (0, token) => self.name.take(token),
            (1, Token::Mark(b'-')) if self.value.is_empty() => self.value.push('-'),
            (1, Token::Word(word)) => self.value.push_str(&number(word).unwrap_or_default()),
            (2, Token::Word(word)) => self.is_unused = word == b"0",
            _ => {}
        }
    }

    /// Tells what the next number is.
    pub(super) fn finish(self, tables: &mut Tables) {
        if let Some(name) = self.name.name()
            && self.is_setval
            && self.is_unused
            && self.value.ends_with(|last: char| last.is_ascii_digit())
        {
            tables.go_on_from(&name, self.value);
        }
    }
}

fn number(word: &[u8]) -> Option<String> {
    let is_number = word.len() <= DIGITS && word.iter().all(u8::is_ascii_digit);
    is_number.then(|| String::from_utf8_lossy(word).into_owned())
}
