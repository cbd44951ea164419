//! A dump of nothing but rows on its way into the one dump: whole statements go through; what the dump without rows has as well is left out, and
//! anything else is no dump of rows.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use super::error::Trouble;
use super::sink::Sink;
use super::text::{COMPLETED, is_setting};

/// As many bytes go through in one turn, where they come as fast.
const TURN: usize = 1 << 20;
/// A statement that is longer is handed on as it comes, and no other stream has its turn meanwhile.
const LONG: usize = 2 << 20;
/// As much is read at once.
const READ: usize = 256 << 10;
/// A slow stream is handed on after this time, so that all see that it goes on.
const PATIENCE: Duration = Duration::from_secs(2);

/// How statements with rows begin.
const ROWS: [&[u8]; 2] = [b"INSERT ", b"REPLACE "];
/// What ends the rows of a statement. Within a value dump programs write a line feed as `\n`.
const END: &[u8] = b");\n";

/// Names of tables, quoted as they stand in a dump.
pub(super) type Tables = BTreeSet<Vec<u8>>;

/// What is done with a statement or a line.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Passes,
    /// Rows, which pass.
    HasRows,
    /// The dump without rows has it as well, it says nothing to a server, or it is of a transaction. A session that rows of one table end, since the
    /// server refuses them, must not take those of another back, which came between them: each statement is committed for itself.
    IsLeftOut,
    /// The last one.
    Completes,
    IsUnknown,
}

/// Hands the rows of a dump on, as soon as there are tables for them, and returns whose they are.
pub(super) fn pass<W: Write>(mut stream: impl Read, sink: &Sink<W>) -> Result<Tables, Trouble> {
    let mut tables = Tables::new();
    let mut held = vec![0; LONG + READ];
    let mut filled = 0;
    let mut is_complete = false;
    let mut since = Instant::now();
    loop {
        let length = read(&mut stream, &mut held[filled..])?;
        filled += length;
        let is_due = length == 0 || filled >= TURN || since.elapsed() >= PATIENCE;
        if is_due && filled > 0 {
            let used = hand_on(&held[..filled], &mut is_complete, &mut tables, sink)?;
            held.copy_within(used..filled, 0);
            filled -= used;
            if filled > LONG {
                note(&held[..filled], &mut tables);
                filled = hand_on_long(&mut held, filled, &mut stream, sink)?;
                is_complete = false;
            }
            since = Instant::now();
        }
        if length == 0 {
            break;
        }
    }
    if filled > 0 || !is_complete {
        return Err(Trouble::Incomplete(
            "its last line is not `-- Dump completed`".to_owned(),
        ));
    }
    Ok(tables)
}

/// Hands whole statements on, those that lie beside each other at once, and returns their length.
fn hand_on<W: Write>(
    held: &[u8],
    is_complete: &mut bool,
    tables: &mut Tables,
    sink: &Sink<W>,
) -> Result<usize, Trouble> {
    let mut turn = sink.of_rows()?;
    let (mut begun, mut at) = (0, 0);
    while let Some(length) = length_of_first(&held[at..]) {
        let statement = &held[at..at + length];
        let kind = kind_of(statement);
        if !matches!(kind, Line::Passes | Line::HasRows) {
            turn.write(&held[begun..at])?;
            begun = at + length;
        }
        match kind {
            Line::Passes => *is_complete = false,
            Line::HasRows => {
                *is_complete = false;
                note(statement, tables);
            }
            Line::IsLeftOut => {}
            Line::Completes => *is_complete = true,
            Line::IsUnknown => return Err(unknown()),
        }
        at += length;
    }
    turn.write(&held[begun..at])?;
    Ok(at)
}

/// Keeps whose rows a statement has, where it says so as dump programs do.
fn note(statement: &[u8], tables: &mut Tables) {
    if let Some(table) = table_of(statement)
        && !tables.contains(table)
    {
        tables.insert(table.to_vec());
    }
}

/// Returns the name of a table, with its quotes: that before which nothing else stands between quotes.
fn table_of(statement: &[u8]) -> Option<&[u8]> {
    let from = memchr::memchr2(b'`', b'(', statement).filter(|from| statement[*from] == b'`')?;
    let mut to = from + 1;
    loop {
        to += memchr::memchr(b'`', statement.get(to..)?)? + 1;
        if statement.get(to) != Some(&b'`') {
            return Some(&statement[from..to]);
        }
        // Within a name it stands twice.
        to += 1;
    }
}

/// Returns the length of the first statement or line, when all of it is there.
fn length_of_first(held: &[u8]) -> Option<usize> {
    if ROWS.iter().any(|word| held.starts_with(word)) {
        memchr::memmem::find(held, END).map(|end| end + END.len())
    } else {
        memchr::memchr(b'\n', held).map(|end| end + 1)
    }
}

/// Hands a statement on that is longer than what is held of it, to its end. Returns how much of what follows it is held then.
fn hand_on_long<W: Write>(
    held: &mut [u8],
    mut filled: usize,
    stream: &mut impl Read,
    sink: &Sink<W>,
) -> Result<usize, Trouble> {
    if !ROWS.iter().any(|word| held.starts_with(word)) {
        return Err(unknown());
    }
    let mut turn = sink.of_rows()?;
    loop {
        if let Some(end) = memchr::memmem::find(&held[..filled], END) {
            let used = end + END.len();
            turn.write(&held[..used])?;
            held.copy_within(used..filled, 0);
            return Ok(filled - used);
        }
        // The end may come in two pieces.
        let used = filled.saturating_sub(END.len() - 1);
        turn.write(&held[..used])?;
        held.copy_within(used..filled, 0);
        filled -= used;
        let length = read(stream, &mut held[filled..])?;
        if length == 0 {
            return Err(Trouble::Incomplete("it ends within a statement".to_owned()));
        }
        filled += length;
    }
}

fn read(stream: &mut impl Read, buffer: &mut [u8]) -> Result<usize, Trouble> {
    let most = buffer.len().min(READ);
    loop {
        match stream.read(&mut buffer[..most]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => return Ok(read?),
        }
    }
}

/// What is not told: it may be a row, and rows are not for logs.
fn unknown() -> Trouble {
    Trouble::Content("it has a line that no dump of rows has".to_owned())
}

/// Tells what is done with a line by its beginning.
fn kind_of(line: &[u8]) -> Line {
    let begins = |words: &[&str]| words.iter().any(|word| line.starts_with(word.as_bytes()));
    if ROWS.iter().any(|word| line.starts_with(word)) {
        return Line::HasRows;
    }
    if begins(&["/*!40000 ALTER TABLE "]) {
        return Line::Passes;
    }
    if begins(&[COMPLETED]) {
        return Line::Completes;
    }
    // Around rows of tables that keep their history.
    let is_of_history = line.len() < 200
        && memchr::memmem::find(line, b"system_versioning_insert_history").is_some()
        && begins(&["/*M!", "/*!"]);
    if is_of_history {
        return Line::Passes;
    }
    let is_of_transaction =
        line == b"COMMIT;\n" || begins(&["SET @OLD_AUTOCOMMIT=", "SET AUTOCOMMIT=@OLD_AUTOCOMMIT;"]);
    if line == b"\n" || begins(&["--"]) || is_of_transaction || is_setting(line) {
        return Line::IsLeftOut;
    }
    Line::IsUnknown
}
