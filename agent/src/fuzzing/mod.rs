//! What must hold of each parser that reads what others wrote, for any bytes. Our tests drive these properties with
//! proptest, the targets in `fuzz/` with libFuzzer.
//!
//! A property that does not hold panics.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a property fails"
)]
#![allow(unreachable_pub, reason = "the targets in `fuzz/` are another crate")]

mod state;
#[cfg(test)]
mod tests;

pub use state::{bundle_record, journal, order, session};

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek, Write};
use std::path::{Component, Path};

use batt_protocol::wire::{Greeting, LineReader, MAX_LINE, Reply, Request};
use chrono::{FixedOffset, TimeZone};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::archive::{CheckFacts, Kind, examine_while};
use crate::backup::{Line, Manifest, Sums, sum_line};
use crate::conf_file::Conf;
use crate::fact::FactKey;
use crate::ledger::Ledger;
use crate::pattern::Pattern;
use crate::script::Header;
use crate::settings::Settings;

/// How many kinds of content there are.
pub const KINDS: usize = Kind::ALL.len();

/// Names that tell how a file is compressed, or what is in it.
pub const NAMES: [&str; 9] = [
    "a",
    "a.sql.gz",
    "a.tgz",
    "a.zst",
    "a.tar.zst",
    "a.xz",
    "a.bz2",
    "a.tar",
    "a.tar.bz2",
];

/// batt.toml: it is understood, or told where not.
pub fn settings(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Err(error) = Settings::parse(Path::new("batt.toml"), text) {
        assert_showable(error.message());
        assert!(error.message().contains("batt.toml"), "{error}");
    }
}

/// A conf file: no value comes out of a line that a shell would have to execute, and none names a variable of batt.
pub fn conf_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let mut conf = Conf::default();
    if let Err(error) = conf.add(Path::new("x.conf"), text) {
        assert!(error.message().starts_with("x.conf:"), "{error}");
    }
    let lines = text.lines().count();
    assert!(conf.values().len() + conf.odd_lines().len() <= lines);
    for (key, value) in conf.values() {
        assert!(!key.starts_with("BATT_"), "{key}");
        assert!(
            key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !key.is_empty(),
            "{key}"
        );
        assert!(text.len() >= value.len() + key.len(), "{key}={value}");
    }
    for odd in conf.odd_lines() {
        assert!((1..=lines).contains(&odd.line));
    }
}

/// manifest.json: what is understood is written as it was meant.
pub fn manifest(bytes: &[u8]) {
    match Manifest::parse(bytes, "manifest.json") {
        Ok(manifest) => assert_stable(&manifest),
        Err(error) => assert!(error.message().starts_with("`manifest.json`"), "{error}"),
    }
}

/// SHA256SUMS: what is understood comes back line by line.
pub fn sums(bytes: &[u8]) {
    let Ok(sums) = Sums::parse(bytes) else { return };
    let again: String = sums.iter().map(|(name, sum)| sum_line(sum, name)).collect();
    assert_eq!(Sums::parse(again.as_bytes()), Ok(sums));
    // Another order is all that can differ, and how a carriage return stands in a name.
    let count = |text: &[u8]| text.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(count(bytes), count(again.as_bytes()));
}

/// One line of the catalogue: what is understood is written as it was meant.
pub fn catalogue_line(bytes: &[u8]) {
    if let Ok(line) = serde_json::from_slice::<Line>(bytes) {
        assert_stable(&line);
    }
}

/// The ledger of a script: nothing in it is passed over, and what is kept is bounded.
pub fn ledger(bytes: &[u8]) {
    let ledger = Ledger::of(bytes);
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
    let contents: usize = ledger.contents.values().map(BTreeMap::len).sum();
    assert!(ledger.stores.len() + ledger.facts.len() + contents <= lines);
    for line in bytes.split(|byte| *byte == b'\n') {
        if !line.is_empty() && serde_json::from_slice::<serde_json::Value>(line).is_err() {
            assert!(
                !ledger.failures().is_empty(),
                "a line that is none was passed over"
            );
        }
    }
    for failure in ledger.failures() {
        let _ = failure.to_string();
    }
}

/// The header of a script: an option has a name that can be one, and complaints name lines.
pub fn script_header(bytes: &[u8]) {
    let header = Header::parse(bytes);
    if let Some(option) = header.item_option("x") {
        assert!(
            option
                .name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'),
            "{option:?}"
        );
    }
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
    for (line, _) in &header.complaints {
        assert!((1..=lines).contains(line));
    }
}

/// A pattern for the place of backups: what is taken can be expanded at any time, to an absolute path that leads nowhere
/// else.
pub fn path_pattern(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let pattern = match text.parse::<Pattern>() {
        Ok(pattern) => pattern,
        Err(error) => return assert_showable(error.message()),
    };
    assert_eq!(pattern.as_str(), text);
    for (seconds, nanos) in [
        (0, 0),
        (951_782_400, 1),
        (1_793_511_000, 0),
        (4_102_444_799, 999_999_999),
    ] {
        let time = FixedOffset::west_opt(4 * 3600)
            .and_then(|zone| zone.timestamp_opt(seconds, nanos).single())
            .unwrap();
        let path = match pattern.expand(time, "host") {
            Ok(path) => path,
            Err(error) => return assert_showable(error.message()),
        };
        assert!(path.is_absolute(), "{path:?}");
        let plain = |part: Component<'_>| matches!(part, Component::RootDir | Component::Normal(_));
        assert!(path.components().all(plain), "{path:?}");
    }
}

/// The key of a fact: what is encoded is a key, and two texts never become one.
pub fn fact_key(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(key) = FactKey::encoded(text) {
        let written = String::from(key);
        assert!(
            written
                .bytes()
                .all(|byte| byte.is_ascii_graphic() || byte == b' ')
        );
        assert_eq!(decoded(&written).as_deref(), Some(bytes));
        assert!(FactKey::try_from(written).is_ok());
    }
}

/// Undoes `%XX`.
fn decoded(key: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = key;
    while let Some(first) = rest.chars().next() {
        let length = if first == '%' { 3 } else { 1 };
        let (piece, after) = rest.split_at_checked(length)?;
        bytes.push(match first {
            '%' => u8::from_str_radix(&piece[1..], 16).ok()?,
            c => u8::try_from(c).ok()?,
        });
        rest = after;
    }
    Some(bytes)
}

/// The check of a kind of content: one verdict, however the stream is cut into pieces. `cuts` are the lengths of the
/// pieces, over and over.
pub fn archive_stream(kind: usize, stream: &[u8], cuts: &[u8]) {
    let kind = Kind::ALL[kind % KINDS];
    let whole = verdict(kind, std::iter::once(stream));
    let mut lengths = cuts.iter().map(|cut| usize::from(*cut) + 1).cycle();
    let mut rest = stream;
    let pieces = std::iter::from_fn(|| {
        let length = lengths.next().unwrap_or(1).min(rest.len());
        let (piece, after) = rest.split_at(length);
        rest = after;
        (!piece.is_empty()).then_some(piece)
    });
    let in_pieces = verdict(kind, pieces);
    match (&whole, &in_pieces) {
        // The words of a damage may tell how far it was read.
        (Err(_), Err(_)) => {}
        _ => assert_eq!(whole, in_pieces, "{kind}"),
    }
}

fn verdict<'a>(kind: Kind, pieces: impl Iterator<Item = &'a [u8]>) -> Result<CheckFacts, String> {
    let mut check = kind.stream_check();
    pieces.for_each(|piece| check.feed(piece));
    check.finish()
}

/// A file as a script leaves it, compressed or not: it is whole and its length told, or it is damaged.
pub fn archive_file(name: usize, bytes: &[u8]) {
    let name = NAMES[name % NAMES.len()];
    let memory = rustix::fs::memfd_create("archive", rustix::fs::MemfdFlags::CLOEXEC).expect("memory");
    let mut file = File::from(memory);
    file.write_all(bytes)
        .and_then(|()| file.rewind())
        .expect("memory");
    match examine_while(file, name, None, &|| true) {
        Ok(examined) => {
            assert_eq!(examined.bytes, bytes.len() as u64);
            assert!(examined.raw_bytes > 0, "nothing is in it");
        }
        Err(damage) => assert!(!damage.to_string().is_empty()),
    }
}

/// A stream from the other end of a line: the same lines and messages, however it is cut into pieces; and never more is held
/// than a line and what was just fed.
pub fn wire(stream: &[u8], cuts: &[u8]) {
    let whole = lines_of(std::iter::once(stream));
    let mut lengths = cuts.iter().map(|cut| usize::from(*cut) + 1).cycle();
    let mut rest = stream;
    let pieces = std::iter::from_fn(|| {
        let length = lengths.next().unwrap_or(1).min(rest.len());
        let (piece, after) = rest.split_at(length);
        rest = after;
        (!piece.is_empty()).then_some(piece)
    });
    assert_eq!(lines_of(pieces), whole);
    for line in whole.0 {
        message::<Request>(&line);
        message::<Reply>(&line);
        message::<Greeting>(&line);
    }
}

/// Returns the lines, and whether one was too long.
fn lines_of<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, bool) {
    let mut reader = LineReader::new();
    let mut lines = Vec::new();
    for piece in pieces {
        reader.feed(piece);
        loop {
            match reader.next_line() {
                Ok(Some(line)) => lines.push(line.to_vec()),
                Ok(None) => break,
                Err(_) => return (lines, true),
            }
        }
        assert!(reader.rest().len() < MAX_LINE);
    }
    (lines, false)
}

fn message<T: Serialize + DeserializeOwned>(line: &[u8]) {
    if let Ok(message) = serde_json::from_slice::<T>(line) {
        assert_stable(&message);
    }
}

/// What was understood is written, and that is understood as the same.
fn assert_stable<T: Serialize + DeserializeOwned>(value: &T) {
    let written = serde_json::to_vec(value).expect("what was read can be written");
    let again: T = serde_json::from_slice(&written).expect("what was written can be read");
    assert_eq!(serde_json::to_vec(&again).expect("and written again"), written);
}

/// A terminal is not driven by what it shows.
fn assert_showable(message: &str) {
    let active = message
        .chars()
        .find(|c| c.is_control() && !matches!(c, '\n' | '\t'));
    assert_eq!(active, None, "{message:?}");
}
