//! The catalogue: which backups this home has published, wherever their path had put them.
//!
//! Lines are only added; of several about one backup the last counts. It remembers, and proves nothing: what it names is
//! looked for on the disk before it is shown.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use batt_protocol::{BackupReport, Error, RunId, Service};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Manifest;
use crate::files;
use crate::home::Home;

const LIMIT: u64 = 1 << 30;

/// One backup that was published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) run: RunId,
    pub(crate) service: Service,
    pub(crate) items: Vec<String>,
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) time: DateTime<Utc>,
    /// When it was last read whole and found good.
    pub(crate) verified: Option<DateTime<Utc>>,
}

impl Entry {
    /// Returns the entry of a backup that was judged, and published at `path`.
    pub(crate) fn of(manifest: &Manifest, path: PathBuf) -> Self {
        Self {
            run: manifest.run.clone(),
            service: manifest.service.clone(),
            items: manifest.items.clone(),
            path,
            bytes: manifest.bytes(),
            time: manifest.started,
            verified: Some(manifest.ended),
        }
    }

    /// Returns the backup's id.
    pub(crate) fn id(&self) -> String {
        format!("{}.{}", self.run, self.service)
    }

    /// Tells whether this very backup still lies at its path.
    pub(crate) fn is_there(&self) -> bool {
        Manifest::read(&self.path)
            .is_ok_and(|manifest| manifest.run == self.run && manifest.service == self.service)
    }

    /// Returns the line of `batt backups`.
    pub(crate) fn report(&self) -> BackupReport {
        BackupReport {
            id: self.id(),
            service: self.service.clone(),
            path: self.path.display().to_string(),
            time: self.time,
            bytes: self.bytes,
            verified: self.verified,
            drilled: None,
        }
    }
}

/// The backups that this home has published, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    entries: Vec<Entry>,
}

impl Catalogue {
    /// Reads the catalogue of a home. A line that cannot be understood is passed over: a crash cut it, or a later
    /// version wrote it.
    pub(crate) fn read(home: &Home) -> Result<Self, Error> {
        let bytes = files::read_bytes(&home.catalogue(), LIMIT)?.unwrap_or_default();
        let mut entries = BTreeMap::new();
        for line in bytes.split(|byte| *byte == b'\n') {
            if let Ok(entry) = serde_json::from_slice::<Entry>(line) {
                entries.insert((entry.run.clone(), entry.service.clone()), entry);
            }
        }
        let mut entries: Vec<Entry> = entries.into_values().collect();
        // By time: the ids of runs of the same second say nothing about their order.
        entries.sort_by(|a, b| (a.time, &a.run).cmp(&(b.time, &b.run)));
        Ok(Self { entries })
    }

    /// Returns what was published, oldest first.
    pub(crate) fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Returns the newest backup of the same items of a service.
    pub(crate) fn last(&self, service: &Service, items: &[String]) -> Option<&Entry> {
        self.entries()
            .rev()
            .find(|entry| entry.service == *service && entry.items == items)
    }
}

/// Remembers a backup, or what is newly known of it.
///
/// # Errors
/// A disk that does not take it.
pub(crate) fn remember(home: &Home, entry: &Entry) -> Result<(), Error> {
    let path = home.catalogue();
    let fail =
        |cause: String| Error::system(format!("cannot write the catalogue `{}`", path.display()), cause);
    let mut line = vec![b'\n'];
    // A newline before it too: a line that a crash cut off ends there.
    serde_json::to_writer(&mut line, entry).map_err(|cause| fail(cause.to_string()))?;
    line.push(b'\n');
    files::make_private_folder(&home.var())?;
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.write_all(&line).and_then(|()| file.sync_data()))
        .map_err(|cause| fail(cause.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_about_a_backup_counts_and_a_broken_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let entry = Entry {
            run: "20260131T023000Z-00000a".parse().unwrap(),
            service: "mysql".parse().unwrap(),
            items: vec!["a".to_owned()],
            path: folder.path().join("b"),
            bytes: 5,
            time: DateTime::default(),
            verified: None,
        };
        remember(&home, &entry).unwrap();
        OpenOptions::new()
            .append(true)
            .open(home.catalogue())
            .unwrap()
            .write_all(b"{\"run\":")
            .unwrap();
        let later = Entry {
            verified: Some(DateTime::default()),
            ..entry.clone()
        };
        remember(&home, &later).unwrap();
        let catalogue = Catalogue::read(&home).unwrap();
        assert_eq!(catalogue.entries().collect::<Vec<_>>(), [&later]);
        assert_eq!(catalogue.last(&entry.service, &["a".to_owned()]), Some(&later));
        assert_eq!(catalogue.last(&entry.service, &[]), None);
        assert!(!later.is_there());
    }
}
