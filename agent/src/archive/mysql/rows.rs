//! Counts the rows of each table while a dump passes.

use super::super::CheckFacts;
use super::routines::{Routines, delimiter_of};
use super::statement::{Next, Statement};
use super::tables::Tables;
use super::token::Reader;
use super::values::Values;

/// As much of a line of `DELIMITER` as is kept.
const LINE_LIMIT: usize = 64;

/// The rows of a dump.
#[derive(Debug, Default)]
pub(super) struct Rows {
    tables: Tables,
    statement: Statement,
    part: Part,
}

/// What the next bytes belong to.
#[derive(Debug)]
enum Part {
    /// Statements, and what is between them.
    Tokens(Reader),
    /// The rows of an `INSERT`.
    Values(Values),
    /// The rest of a line that began with `DELIMITER`.
    DelimiterLine(Vec<u8>),
    /// Bodies of routines.
    Routines(Routines),
}

impl Default for Part {
    fn default() -> Self {
        Part::Tokens(Reader::default())
    }
}

impl Rows {
    /// Takes the next bytes of the dump.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        while let Some((used, next)) = self.end_of_part(bytes) {
            self.part = next;
            bytes = &bytes[used..];
        }
    }

    /// Takes bytes up to the end of a part; returns how many, and what follows it, when it ends in them.
    fn end_of_part(&mut self, bytes: &[u8]) -> Option<(usize, Part)> {
        match &mut self.part {
            Part::Tokens(reader) => feed_tokens(reader, &mut self.statement, &mut self.tables, bytes),
            Part::Values(values) => {
                let used = values.feed(bytes)?;
                self.statement.end_values(values.rows(), &mut self.tables);
                Some((used, Part::default()))
            }
            Part::DelimiterLine(line) => {
                let used = feed_line(line, bytes)?;
                let routines = delimiter_of(line).and_then(Routines::after);
                Some((used, routines.map_or_else(Part::default, Part::Routines)))
            }
            Part::Routines(routines) => {
                let used = routines.feed(bytes)?;
                for (kind, name) in routines.made() {
                    self.tables.define(kind, name);
                }
                Some((used, Part::default()))
            }
        }
    }

    /// Tells the rows of each table.
    ///
    /// # Errors
    /// A dump that ends within a statement: its last line was part of one, whatever it says.
    pub(super) fn tell(&self, facts: &mut CheckFacts) -> Result<(), String> {
        let is_over = matches!(&self.part, Part::Tokens(reader) if reader.is_between());
        if !is_over || !self.statement.is_nothing() {
            return Err("it ends within a statement".to_owned());
        }
        self.tables.tell(facts);
        Ok(())
    }
}

/// Takes bytes up to the end of what is made of tokens; returns how many, and what follows.
fn feed_tokens(
    reader: &mut Reader,
    statement: &mut Statement,
    tables: &mut Tables,
    bytes: &[u8],
) -> Option<(usize, Part)> {
    let mut at = 0;
    while at < bytes.len() {
        let (token, is_taken) = reader.take(bytes[at]);
        at += usize::from(is_taken);
        match token.map_or(Next::Tokens, |token| statement.take(token, tables)) {
            Next::Tokens => {}
            Next::Values => return Some((at, Part::Values(Values::default()))),
            Next::Delimiter => return Some((at, Part::DelimiterLine(b"DELIMITER".to_vec()))),
        }
    }
    None
}

/// Takes bytes up to the end of a line; returns how many when it ends in them.
fn feed_line(line: &mut Vec<u8>, bytes: &[u8]) -> Option<usize> {
    let end = memchr::memchr(b'\n', bytes);
    let part = &bytes[..end.unwrap_or(bytes.len())];
    let room = LINE_LIMIT.saturating_sub(line.len());
    line.extend_from_slice(&part[..room.min(part.len())]);
    end.map(|end| end + 1)
}
