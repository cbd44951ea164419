//! The journal of a run: one JSON event per line. It is the run's truth; everything that is shown is read from it.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use batt_protocol::{Error, Event, EventKind};
use chrono::Utc;

use crate::files;

/// The most that a journal grows between two looks at it, in bytes: 64 services with as much of reasons and warnings as
/// one may have are a quarter of it.
const LIMIT: u64 = 16 << 20;

/// The journal of a run that is going on. One process writes it.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    sequence: u64,
    /// The bytes that were written. A disk that says so and has fewer loses events.
    length: u64,
}

impl Journal {
    /// Starts the journal of a new run.
    ///
    /// # Errors
    /// A journal that cannot be made: nothing may start then.
    pub(crate) fn create(path: &Path) -> Result<Self, Error> {
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|cause| Error::system(format!("cannot make the journal `{}`", path.display()), cause))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            sequence: 0,
            length: 0,
        })
    }

    /// Goes on with the journal of a run that was interrupted. A line that was cut off by the crash is left out.
    pub(crate) fn resume(path: &Path) -> Result<Self, Error> {
        let fail = |cause: std::io::Error| {
            Error::system(format!("cannot open the journal `{}`", path.display()), cause)
        };
        let mut follower = Follower::new(path);
        let sequence = follower.read_new()?.last().map_or(0, |event| event.sequence);
        let file = files::open_own(path, OpenOptions::new().append(true)).map_err(fail)?;
        file.set_len(follower.position).map_err(fail)?;
        Ok(Self {
            path: path.to_owned(),
            file,
            sequence,
            length: follower.position,
        })
    }

    /// Writes what happened, and returns it as it stands in the journal once it is on the disk.
    ///
    /// # Errors
    /// A disk that does not take it.
    pub(crate) fn append(&mut self, kind: EventKind) -> Result<Event, Error> {
        let event = Event {
            sequence: self.sequence + 1,
            at: Utc::now(),
            event: kind,
        };
        let fail = |cause: String| {
            Error::system(
                format!("cannot write the journal `{}`", self.path.display()),
                cause,
            )
        };
        let mut line = serde_json::to_vec(&event).map_err(|cause| fail(cause.to_string()))?;
        line.push(b'\n');
        let length = self
            .file
            .write_all(&line)
            .and_then(|()| self.file.sync_data())
            .and_then(|()| self.file.metadata())
            .map_err(|cause| fail(cause.to_string()))?
            .len();
        self.length += line.len() as u64;
        if length != self.length {
            return Err(fail(format!(
                "it has {length} bytes, and {} were written",
                self.length
            )));
        }
        self.sequence += 1;
        Ok(event)
    }
}

/// Reads a journal while it grows. What a crash cut off at its end is never seen.
#[derive(Debug)]
pub(crate) struct Follower {
    path: PathBuf,
    position: u64,
}

impl Follower {
    /// Returns a reader that has read nothing.
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            position: 0,
        }
    }

    /// Returns the events that were written since the last call. No journal yet is no event.
    ///
    /// # Errors
    /// A journal that cannot be read. A line that cannot be understood is passed over: a newer version wrote it.
    pub(crate) fn read_new(&mut self) -> Result<Vec<Event>, Error> {
        let fail = |cause| {
            Error::system(
                format!("cannot read the journal `{}`", self.path.display()),
                cause,
            )
        };
        let mut file = match files::open_own(&self.path, OpenOptions::new().read(true)) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(fail(error)),
        };
        let length = file.metadata().map_err(fail)?.len();
        let too_long = || fail(std::io::Error::other(format!("it is longer than {LIMIT} bytes")));
        let Some(new) = length.checked_sub(self.position) else {
            return Err(fail(std::io::Error::other("it was cut while it was read")));
        };
        if new > LIMIT {
            return Err(too_long());
        }
        file.seek(SeekFrom::Start(self.position)).map_err(fail)?;
        let mut bytes = Vec::new();
        // It may grow meanwhile.
        file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(fail)?;
        if bytes.len() as u64 > LIMIT {
            return Err(too_long());
        }
        let whole = bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |newline| newline + 1);
        self.position += whole as u64;
        Ok(events_of(&bytes[..whole]).collect())
    }
}

/// Returns the events that whole lines hold. What cannot be understood was written by a newer version, and is passed over.
pub(crate) fn events_of(lines: &[u8]) -> impl Iterator<Item = Event> {
    lines
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_a_crash_cut_off_is_not_seen_and_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let mut journal = Journal::create(&path).unwrap();
        journal.append(EventKind::CancelRequested).unwrap();
        OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"{\"sequence\":2,\"at")
            .unwrap();
        assert_eq!(Follower::new(&path).read_new().unwrap().len(), 1);
        let mut journal = Journal::resume(&path).unwrap();
        assert_eq!(journal.append(EventKind::CancelRequested).unwrap().sequence, 2);
        assert_eq!(Follower::new(&path).read_new().unwrap().len(), 2);
    }

    #[test]
    fn a_journal_that_was_cut_or_is_beyond_all_measure_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let mut journal = Journal::create(&path).unwrap();
        journal.append(EventKind::CancelRequested).unwrap();
        let mut follower = Follower::new(&path);
        assert_eq!(follower.read_new().unwrap().len(), 1);
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(3).unwrap();
        assert!(follower.read_new().unwrap_err().message().contains("was cut"));
        file.set_len(LIMIT + 4).unwrap();
        let error = Follower::new(&path).read_new().unwrap_err();
        assert!(error.message().contains("longer than"), "{error}");
    }

    #[test]
    fn a_follower_sees_each_event_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let mut follower = Follower::new(&path);
        assert_eq!(follower.read_new().unwrap(), []);
        let mut journal = Journal::create(&path).unwrap();
        journal.append(EventKind::CancelRequested).unwrap();
        assert_eq!(follower.read_new().unwrap().len(), 1);
        assert_eq!(follower.read_new().unwrap(), []);
        assert!(Journal::create(&path).is_err());
    }
}
