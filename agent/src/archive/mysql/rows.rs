//! Counts the rows of each table while a dump passes.

use super::super::{CheckFacts, LARGEST_STATEMENT};
use super::routines::{Routines, delimiter_of};
use super::statement::{Next, Statement};
use super::tables::Tables;
use super::token::{Reader, Token};
use super::values::Values;

/// As much of a line of `DELIMITER` as is kept.
const LINE_LIMIT: usize = 64;

/// The rows of a dump.
#[derive(Debug, Default)]
pub(super) struct Rows {
    tables: Tables,
    statement: Statement,
    lengths: Lengths,
    part: Part,
}

/// How long statements are, with the blanks and comments before them, which clients may send along. What stands between lines of
/// `DELIMITER` is one statement.
#[derive(Debug, Default)]
struct Lengths {
    /// That of the one that is passing, as far as it has come.
    current: u64,
    largest: u64,
}

impl Lengths {
    fn add(&mut self, bytes: usize) {
        self.current += bytes as u64;
    }

    fn end(&mut self) {
        self.largest = self.largest.max(std::mem::take(&mut self.current));
    }
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
            Part::Tokens(reader) => feed_tokens(
                reader,
                &mut self.statement,
                (&mut self.tables, &mut self.lengths),
                bytes,
            ),
            Part::Values(values) => {
                let used = values.feed(bytes);
                self.lengths.add(used.unwrap_or(bytes.len()));
                let used = used?;
                self.lengths.end();
                self.statement.end_values(values.rows(), &mut self.tables);
                Some((used, Part::default()))
            }
            Part::DelimiterLine(line) => {
                let used = feed_line(line, bytes)?;
                self.lengths.end();
                let routines = delimiter_of(line).and_then(Routines::after);
                Some((used, routines.map_or_else(Part::default, Part::Routines)))
            }
            Part::Routines(routines) => {
                let used = routines.feed(bytes);
                self.lengths.add(used.unwrap_or(bytes.len()));
                let used = used?;
                self.lengths.end();
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
        facts.insert_count(LARGEST_STATEMENT, self.lengths.largest);
        Ok(())
    }
}

/// Takes bytes up to the end of what is made of tokens; returns how many, and what follows.
fn feed_tokens(
    reader: &mut Reader,
    statement: &mut Statement,
    (tables, lengths): (&mut Tables, &mut Lengths),
    bytes: &[u8],
) -> Option<(usize, Part)> {
    let mut at = 0;
    let mut begun = 0;
    let next = loop {
        if at == bytes.len() {
            break None;
        }
        let (token, is_taken) = reader.take(bytes[at]);
        at += usize::from(is_taken);
        let Some(token) = token else { continue };
        let is_end = token == Token::Mark(b';');
        match statement.take(token, tables) {
            Next::Tokens if is_end => {
                lengths.add(at - begun);
                lengths.end();
                begun = at;
            }
            Next::Tokens => {}
            Next::Values => break Some((at, Part::Values(Values::default()))),
            Next::Delimiter => break Some((at, Part::DelimiterLine(b"DELIMITER".to_vec()))),
        }
    };
    lengths.add(at - begun);
    next
}

/// Takes bytes up to the end of a line; returns how many when it ends in them.
fn feed_line(line: &mut Vec<u8>, bytes: &[u8]) -> Option<usize> {
    let end = memchr::memchr(b'\n', bytes);
    let part = &bytes[..end.unwrap_or(bytes.len())];
    let room = LINE_LIMIT.saturating_sub(line.len());
    line.extend_from_slice(&part[..room.min(part.len())]);
    end.map(|end| end + 1)
}
