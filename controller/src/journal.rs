//! The journal of a run: its events, a JSON line each. It is written before an order is sent, so that after any crash
//! it tells which hosts may have got one.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use batt_protocol::{Error, text};

use crate::event::FleetEvent;
use crate::state_folder::sync_folder;

/// The name of the journal in the folder of its run.
pub(crate) const NAME: &str = "events.jsonl";

/// An open journal. Only the dispatcher has one.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
}

/// Whether what was written has to outlive a power cut at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// It may wait: losing it changes nothing that was promised.
    Whenever,
    /// An order depends on it.
    Now,
}

impl Journal {
    /// Makes the journal of a new run in its folder.
    ///
    /// # Errors
    /// When it cannot be made. Nothing may be started then.
    pub(crate) fn create(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(NAME);
        let failed = |cause: io::Error| {
            Error::system(
                format!(
                    "cannot make the journal {}",
                    text::quoted(&path.to_string_lossy())
                ),
                cause,
            )
            .hint("A run whose journal cannot be kept is not started. `--state DIR` names another place.")
        };
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        sync_folder(folder).map_err(failed)?;
        Ok(Self { file, path })
    }

    /// Appends events, all of them in one write.
    ///
    /// # Errors
    /// When they are not all written. The journal then is of no further use: its last line may be broken.
    pub(crate) fn append<'a>(&mut self, events: impl IntoIterator<Item = &'a FleetEvent>) -> io::Result<()> {
        let mut lines = Vec::new();
        for event in events {
            serde_json::to_writer(&mut lines, event)?;
            lines.push(b'\n');
        }
        self.file.write_all(&lines)
    }

    /// Makes everything that was appended outlive a power cut.
    ///
    /// # Errors
    /// When it may not. The journal then is of no further use: a file system that lost a write once may call the next
    /// one good.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Returns a journal on a file that is there, for what a disk does to it.
    #[cfg(test)]
    pub(crate) fn on(path: &Path) -> Self {
        let file = OpenOptions::new().append(true).open(path).unwrap();
        let path = path.to_owned();
        Self { file, path }
    }

    /// Returns where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::clock::Clock;
    use crate::event::FleetEventKind;

    #[test]
    fn events_are_lines_in_a_private_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(folder.path()).unwrap();
        let event = FleetEvent {
            at: Clock::start().now(),
            host: Some("db1".parse().unwrap()),
            event: FleetEventKind::OrderSent,
        };
        journal.append([&event, &event]).unwrap();
        journal.sync().unwrap();
        journal.append([&event]).unwrap();
        let text = std::fs::read_to_string(journal.path()).unwrap();
        let read: Vec<FleetEvent> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(read, [event.clone(), event.clone(), event]);
        assert_eq!(
            journal.path().metadata().unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert!(
            Journal::create(folder.path()).is_err(),
            "a journal is never begun twice"
        );
    }
}
