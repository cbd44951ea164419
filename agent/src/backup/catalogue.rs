//! The catalogue: which backups this home has published, wherever their path had put them.
//!
//! Lines are only added, each one thing that became known of a backup. It remembers, and proves nothing: what it names is
//! looked for on the disk before it is shown.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use batt_protocol::{BackupReport, BackupState, Error, RunId, Service};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Manifest;
use crate::files;
use crate::home::Home;

const LIMIT: u64 = 1 << 30;

/// One backup that was published, and what is known of it since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) run: RunId,
    pub(crate) service: Service,
    pub(crate) items: Vec<String>,
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) time: DateTime<Utc>,
    pub(crate) state: BackupState,
    /// The SHA-256 of its manifest in lower-case hexadecimal, so that a manifest that was edited shows.
    pub(crate) manifest_sha256: String,
    /// When it was last read whole and found good.
    pub(crate) verified: Option<DateTime<Utc>>,
    /// The last rehearsal of its restore that told something about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) drill: Option<Drill>,
    /// When a person took a suspicious one as the new normal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) accepted: Option<DateTime<Utc>>,
}

/// The receipt of a rehearsed restore.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Drill {
    pub(crate) at: DateTime<Utc>,
    /// Whether everything came back as it was recorded.
    pub(crate) proven: bool,
    /// How long the restore took.
    pub(crate) seconds: f64,
    /// How many recorded facts were compared.
    pub(crate) compared: usize,
    /// What the drill script recorded, as versions of the engine.
    pub(crate) facts: BTreeMap<String, String>,
    /// What is wrong, when it is not proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// One line of the catalogue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
pub(crate) enum Line {
    /// A backup was published, or found on the disk.
    Published(Entry),
    /// It was read whole: when, or that it is not good.
    Verified { id: String, at: Option<DateTime<Utc>> },
    /// Its restore was rehearsed.
    Drilled { id: String, drill: Drill },
    /// A person took it as the new normal.
    Accepted { id: String, at: DateTime<Utc> },
    /// It was removed.
    Removed { id: String, at: DateTime<Utc> },
}

impl Entry {
    /// Returns the entry of a backup that was judged, and published at `path`.
    ///
    /// # Errors
    /// A manifest that cannot be read.
    pub(crate) fn read(path: PathBuf) -> Result<Self, Error> {
        let (manifest, manifest_sha256) = Manifest::read_hashed(&path)?;
        Ok(Self {
            run: manifest.run.clone(),
            service: manifest.service.clone(),
            items: manifest.items.clone(),
            path,
            bytes: manifest.bytes(),
            time: manifest.started,
            state: manifest.state,
            manifest_sha256,
            verified: manifest.verified.then_some(manifest.ended),
            drill: None,
            accepted: None,
        })
    }

    /// Tells whether it counts: whole, read again, complete, as it was expected, and not shown to be bad by a drill.
    pub(crate) fn counts(&self) -> bool {
        self.can_be_drilled() && self.drill.as_ref().is_none_or(|drill| drill.proven)
    }

    /// Tells whether it counts but for what its last drill told.
    pub(crate) fn can_be_drilled(&self) -> bool {
        let expected = match self.state {
            BackupState::Good => true,
            BackupState::Partial => false,
            BackupState::Suspicious => self.accepted.is_some(),
        };
        expected && self.verified.is_some()
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

    /// Returns its manifest, when it is there as it was published.
    pub(crate) fn manifest(&self) -> Option<Manifest> {
        let (manifest, sha256) = Manifest::read_hashed(&self.path).ok()?;
        (sha256 == self.manifest_sha256).then_some(manifest)
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
            drilled: self
                .drill
                .as_ref()
                .filter(|drill| drill.proven)
                .map(|drill| drill.at),
            state: self.state,
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
        let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
        for line in bytes.split(|byte| *byte == b'\n') {
            match serde_json::from_slice(line) {
                Ok(Line::Published(entry)) => {
                    entries.insert(entry.id(), entry);
                }
                Ok(Line::Removed { id, .. }) => {
                    entries.remove(&id);
                }
                Ok(Line::Verified { id, at }) => {
                    entries.entry(id).and_modify(|entry| entry.verified = at);
                }
                Ok(Line::Drilled { id, drill }) => {
                    entries.entry(id).and_modify(|entry| entry.drill = Some(drill));
                }
                Ok(Line::Accepted { id, at }) => {
                    entries.entry(id).and_modify(|entry| entry.accepted = Some(at));
                }
                Err(_) => {}
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

    /// Returns the newest backup of the same items of a service that counts.
    pub(crate) fn last(&self, service: &Service, items: &[String]) -> Option<&Entry> {
        self.entries()
            .rev()
            .find(|entry| entry.service == *service && entry.items == items && entry.counts())
    }

    /// Returns the manifest of the newest backup of the same items of a service that counts and is there.
    pub(crate) fn last_manifest(&self, service: &Service, items: &[String]) -> Option<Manifest> {
        self.entries()
            .rev()
            .filter(|entry| entry.service == *service && entry.items == items && entry.counts())
            .find_map(Entry::manifest)
    }
}

/// Remembers a backup, or what is newly known of it.
///
/// # Errors
/// A disk that does not take it.
pub(crate) fn remember(home: &Home, known: &Line) -> Result<(), Error> {
    let path = home.catalogue();
    let fail =
        |cause: String| Error::system(format!("cannot write the catalogue `{}`", path.display()), cause);
    let mut line = vec![b'\n'];
    // A newline before it too: a line that a crash cut off ends there.
    serde_json::to_writer(&mut line, known).map_err(|cause| fail(cause.to_string()))?;
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
            state: BackupState::Good,
            manifest_sha256: String::new(),
            verified: None,
            drill: None,
            accepted: None,
        };
        remember(&home, &Line::Published(entry.clone())).unwrap();
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
        let verified = Line::Verified {
            id: entry.id(),
            at: later.verified,
        };
        remember(&home, &verified).unwrap();
        let catalogue = Catalogue::read(&home).unwrap();
        assert_eq!(catalogue.entries().collect::<Vec<_>>(), [&later]);
        assert_eq!(catalogue.last(&entry.service, &["a".to_owned()]), Some(&later));
        assert_eq!(catalogue.last(&entry.service, &[]), None);
        assert!(!later.is_there());
        let (id, at) = (later.id(), DateTime::default());
        remember(&home, &Line::Removed { id, at }).unwrap();
        assert_eq!(Catalogue::read(&home).unwrap().entries().count(), 0);
    }
}
