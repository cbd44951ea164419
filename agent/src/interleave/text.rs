//! The dumps beside those of rows: what is made before rows come, and what after.

use std::io::{BufRead, Read as _, Write};

use super::error::Trouble;
use super::rows::Tables;
use super::sink::Sink;

/// How the last line of a dump begins.
pub(super) const COMPLETED: &str = "-- Dump completed";
/// The first line of what a dump sets back at its end.
const ENDS: &[u8] = b"/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;\n";
/// The last of what a dump keeps at its beginning, of earlier servers and of later ones.
const HAS_BEGUN: [&[u8]; 2] = [
    b"/*!40111 SET @OLD_SQL_NOTES=",
    b"/*M!100616 SET @OLD_NOTE_VERBOSITY=",
];
/// Before the views: all tables have come.
const VIEWS: &[u8] = b"-- Final view structure for view ";

/// The longest line: servers take no statement that is longer.
const LINE: u64 = 1 << 30;
/// More than the name of a table in a line of its own: 64 signs of four bytes, each of which may stand twice.
const LONGEST_NAME: usize = 1 << 10;
/// More than anybody's views.
const HELD: usize = 256 << 20;
/// More than what a dump sets back at its end.
const END: usize = 64 << 10;

/// Hands the tables of a dump without rows on, lets rows come, and returns what is to stand behind them.
pub(super) fn definitions<W: Write>(mut stream: impl BufRead, sink: &Sink<W>) -> Result<Vec<u8>, Trouble> {
    let (mut line, mut held) = (Vec::new(), Vec::new());
    loop {
        if !read_line(&mut stream, &mut line)? {
            return Err(Trouble::Incomplete("it has no end".to_owned()));
        }
        let has_tables = line.starts_with(VIEWS) || line == ENDS;
        // Comments belong to what follows them: before the end they tell the position in the binary log.
        if !has_tables && line != b"\n" && !line.starts_with(b"--") {
            sink.write(&held)?;
            held.clear();
            sink.write(&line)?;
            continue;
        }
        held.append(&mut line);
        if has_tables {
            break;
        }
    }
    sink.begin_rows();
    while read_line(&mut stream, &mut line)? {
        if held.len() + line.len() > HELD {
            return Err(Trouble::Content("its views have more than 256 MiB".to_owned()));
        }
        held.append(&mut line);
    }
    require_end(&held)?;
    Ok(held)
}

/// Hands what stands between the beginning and the end of a dump on.
pub(super) fn programs<W: Write>(mut stream: impl BufRead, sink: &Sink<W>) -> Result<(), Trouble> {
    let mut line = Vec::new();
    loop {
        if !read_line(&mut stream, &mut line)? {
            return Err(Trouble::Incomplete("it has no beginning".to_owned()));
        }
        if has_begun(&line) {
            break;
        }
        let is_known = line == b"\n" || line.starts_with(b"--") || is_setting(&line);
        if !is_known {
            return Err(Trouble::Content("it does not begin as a dump does".to_owned()));
        }
    }
    // What may be its end is held back until it is known: a routine may hold the same line.
    let mut held = Vec::new();
    while read_line(&mut stream, &mut line)? {
        if line == ENDS || held.len() > END {
            sink.write(&held)?;
            held.clear();
        }
        if line == ENDS || !held.is_empty() {
            held.append(&mut line);
        } else if !has_begun(&line) {
            sink.write(&line)?;
        }
    }
    if held.is_empty() {
        return Err(Trouble::Incomplete("it has no end".to_owned()));
    }
    require_end(&held)
}

/// Reads of which tables there are rows: the name of each in a line, quoted as in a dump.
pub(super) fn filled(mut stream: impl BufRead) -> Result<Tables, Trouble> {
    let (mut line, mut tables) = (Vec::new(), Tables::new());
    while read_line(&mut stream, &mut line)? {
        if line.starts_with(COMPLETED.as_bytes()) {
            return Ok(tables);
        }
        if !line.starts_with(b"`") || !line.ends_with(b"`\n") || line.len() > LONGEST_NAME {
            return Err(Trouble::Content(
                "it has a line that is no name of a table".to_owned(),
            ));
        }
        line.pop();
        tables.insert(std::mem::take(&mut line));
    }
    Err(Trouble::Incomplete(format!("its last line is not `{COMPLETED}`")))
}

/// What a dump sets and keeps at its beginning, and sets back at its end, and the line that forbids a client commands.
pub(super) fn is_setting(line: &[u8]) -> bool {
    let begins = |words: &[&str]| words.iter().any(|word| line.starts_with(word.as_bytes()));
    begins(&[
        "/*!40101 SET ",
        "/*!40103 SET ",
        "/*!40014 SET ",
        "/*!40111 SET ",
        "/*M!100616 SET ",
        "/*M!999999\\-",
        "/*!999999\\-",
    ])
}

fn has_begun(line: &[u8]) -> bool {
    HAS_BEGUN.iter().any(|beginning| line.starts_with(beginning))
}

fn require_end(held: &[u8]) -> Result<(), Trouble> {
    let last = held
        .strip_suffix(b"\n")
        .and_then(|held| held.rsplit(|byte| *byte == b'\n').next());
    if last.is_some_and(|last| last.starts_with(COMPLETED.as_bytes())) {
        return Ok(());
    }
    Err(Trouble::Incomplete(format!("its last line is not `{COMPLETED}`")))
}

/// Reads the next line; tells whether there was one.
fn read_line(stream: &mut impl BufRead, line: &mut Vec<u8>) -> Result<bool, Trouble> {
    line.clear();
    stream.take(LINE + 1).read_until(b'\n', line)?;
    if line.len() as u64 > LINE {
        return Err(Trouble::Content("it has a line of more than 1 GiB".to_owned()));
    }
    Ok(!line.is_empty())
}
