//! The catalogue: which backups this home has published, wherever their path had put them.
//!
//! Lines are only added, each one thing that became known of a backup. It remembers, and proves nothing: what it names is
//! looked for on the disk before it is shown. When it has grown far beyond what it says it is written anew
//! (`catalogue/rewrite.rs`); when it is lost or broken it is made again from manifests (`rebuild.rs`).

mod rewrite;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use batt_protocol::{Error, Service};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub(crate) use rewrite::{is_wordy, rewrite};

use super::identity::Seen;
use super::{Drill, Entry};
use crate::home::Home;
use crate::scope::Scope;
use crate::{files, lock};

/// The longest file that is read: a hundred times what twenty thousand backups take. A longer one is broken.
const LIMIT: u64 = 512 << 20;
/// The longest line: no manifest names more items.
const LINE_LIMIT: u64 = 16 << 20;
/// How many lines of a later version are carried along.
const MOST_UNKNOWN: usize = 10_000;

/// One line of the catalogue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
#[allow(clippy::large_enum_variant, reason = "a line lives as long as it is written")]
pub(crate) enum Line {
    /// A backup was published, or found on the disk.
    Published(Entry),
    /// It was read whole: when, or that it is not good.
    Verified { id: String, at: Option<DateTime<Utc>> },
    /// Its restore was rehearsed.
    Drilled { id: String, drill: Drill },
    /// A person took it as the new normal.
    Accepted { id: String, at: DateTime<Utc> },
    /// Its manifest was looked at.
    Seen { id: String, seen: Seen },
    /// It stands at another place now.
    Moved { id: String, path: PathBuf },
    /// It was removed.
    Removed { id: String, at: DateTime<Utc> },
}

/// A line that cannot be understood, as far as it can.
#[derive(Deserialize)]
struct AnyLine {
    record: String,
}

impl AnyLine {
    /// What this version writes. A line that says so and is not understood is broken.
    const OWN: [&str; 7] = [
        "published",
        "verified",
        "drilled",
        "accepted",
        "seen",
        "moved",
        "removed",
    ];
}

/// The backups that this home has published, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    entries: Vec<Entry>,
    removed: Vec<(Entry, DateTime<Utc>)>,
    /// Lines of a later version, which are none of our business.
    unknown: Vec<Vec<u8>>,
    lines: usize,
    broken: usize,
}

impl Catalogue {
    /// Reads the catalogue of a home. A line that cannot be understood is passed over: a crash cut it, or a later
    /// version wrote it.
    ///
    /// # Errors
    /// A file that is none, cannot be read or is longer than any catalogue. No file is an empty catalogue.
    pub(crate) fn read(home: &Home) -> Result<Self, Error> {
        let path = home.catalogue();
        let fail = |cause: String| {
            Error::system(format!("cannot read the catalogue `{}`", path.display()), cause)
                .hint("The next run, or `batt backups --rebuild`, makes it again from the manifests.")
        };
        match files::open_own(&path, OpenOptions::new().read(true)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(fail(error.to_string())),
            Ok(file) if file.metadata().is_ok_and(|metadata| metadata.len() > LIMIT) => {
                Err(fail(format!("it is longer than {LIMIT} bytes")))
            }
            Ok(file) => Self::parse(file).map_err(|cause| fail(cause.to_string())),
        }
    }

    /// Does what [`Catalogue::read`] does; one that cannot be read is empty, and the error is returned beside it.
    pub(crate) fn read_or_tell(home: &Home) -> (Self, Option<Error>) {
        match Self::read(home) {
            Ok(catalogue) => (catalogue, None),
            Err(error) => (Self::default(), Some(error)),
        }
    }

    fn parse(file: File) -> std::io::Result<Self> {
        let mut known = Known::default();
        let mut reader = BufReader::with_capacity(256 << 10, file);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = std::io::Read::take(&mut reader, LINE_LIMIT).read_until(b'\n', &mut line)?;
            match read {
                0 => break,
                _ if line.last() == Some(&b'\n') => known.take(&line[..line.len() - 1]),
                _ => {
                    known.take(&line);
                    skip_line(&mut reader)?;
                }
            }
        }
        Ok(known.catalogue())
    }

    /// Returns what was published, oldest first.
    pub(crate) fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Returns what was published, oldest first, to be kept longer than the catalogue.
    pub(super) fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    /// Returns what was removed since the file was written anew: a crash may have left some of it behind.
    pub(crate) fn removed(&self) -> impl Iterator<Item = &Entry> {
        self.removed.iter().map(|(entry, _)| entry)
    }

    /// Returns how many lines cannot be understood, and are of no later version either.
    pub(crate) fn broken_lines(&self) -> usize {
        self.broken
    }

    /// Returns the backups of a service that count and cover what is asked for, newest first.
    pub(crate) fn covering<'a>(
        &'a self,
        service: &'a Service,
        asked: &'a Scope,
    ) -> impl Iterator<Item = &'a Entry> {
        self.entries()
            .rev()
            .filter(move |entry| entry.service == *service && entry.counts() && entry.scope().covers(asked))
    }
}

/// Passes over the rest of a line that is longer than any.
fn skip_line(reader: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(buffer.len(), |end| end + 1);
        reader.consume(length);
        if end.is_some() {
            return Ok(());
        }
    }
}

/// What the lines said so far.
#[derive(Default)]
struct Known {
    entries: BTreeMap<String, Entry>,
    removed: BTreeMap<String, (Entry, DateTime<Utc>)>,
    unknown: Vec<Vec<u8>>,
    lines: usize,
    broken: usize,
}

impl Known {
    fn take(&mut self, line: &[u8]) {
        if line.is_empty() {
            return;
        }
        self.lines += 1;
        match serde_json::from_slice(line) {
            Ok(Line::Published(entry)) => {
                self.removed.remove(&entry.id());
                self.entries.insert(entry.id(), entry);
            }
            Ok(Line::Removed { id, at }) => {
                let entry = self.entries.remove(&id);
                self.removed.extend(entry.map(|entry| (id, (entry, at))));
            }
            Ok(Line::Verified { id, at }) => self.learn(&id, |entry| {
                (entry.verified, entry.damaged) = (at, at.is_none());
            }),
            Ok(Line::Drilled { id, drill }) => self.learn(&id, |entry| entry.drill = Some(drill)),
            Ok(Line::Accepted { id, at }) => self.learn(&id, |entry| entry.accepted = Some(at)),
            Ok(Line::Moved { id, path }) => self.learn(&id, |entry| entry.path = path),
            Ok(Line::Seen { id, seen }) => self.learn(&id, |entry| entry.seen = Some(seen)),
            Err(_) => match serde_json::from_slice::<AnyLine>(line) {
                Ok(any) if !AnyLine::OWN.contains(&any.record.as_str()) => {
                    if self.unknown.len() < MOST_UNKNOWN {
                        self.unknown.push(line.to_owned());
                    }
                }
                _ => self.broken += 1,
            },
        }
    }

    fn learn(&mut self, id: &str, what: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.entries.get_mut(id) {
            what(entry);
        }
    }

    fn catalogue(self) -> Catalogue {
        let mut entries: Vec<Entry> = self.entries.into_values().collect();
        // By time: the ids of runs of the same second say nothing about their order.
        entries.sort_by(|a, b| (a.time, &a.run).cmp(&(b.time, &b.run)));
        Catalogue {
            entries,
            removed: self.removed.into_values().collect(),
            unknown: self.unknown,
            lines: self.lines,
            broken: self.broken,
        }
    }
}

/// Begins the catalogue where there is none.
///
/// # Errors
/// A disk that does not take it.
pub(crate) fn begin(home: &Home) -> Result<(), Error> {
    match std::fs::symlink_metadata(home.catalogue()) {
        Ok(_) => Ok(()),
        Err(_) => remember_all(home, &[]),
    }
}

/// Remembers a backup, or what is newly known of it.
///
/// # Errors
/// A disk that does not take it.
pub(crate) fn remember(home: &Home, known: &Line) -> Result<(), Error> {
    remember_all(home, std::slice::from_ref(known))
}

/// Remembers many things at once. What is there already is not read.
///
/// # Errors
/// A disk that does not take it.
pub(crate) fn remember_all(home: &Home, known: &[Line]) -> Result<(), Error> {
    let path = home.catalogue();
    let fail =
        |cause: String| Error::system(format!("cannot write the catalogue `{}`", path.display()), cause);
    // A newline before it too: a line that a crash cut off ends there.
    let mut text = vec![b'\n'];
    for line in known {
        serde_json::to_writer(&mut text, line).map_err(|cause| fail(cause.to_string()))?;
        text.push(b'\n');
    }
    files::make_private_folder(&home.var())?;
    // Whoever writes the file anew must not lose it.
    let _lock = lock::catalogue(home)?;
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    files::open_own(&path, &mut options)
        .and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_data()))
        .map_err(|cause| fail(cause.to_string()))
}

#[cfg(test)]
mod tests;
