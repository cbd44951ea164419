//! `manifest.json`: what a backup is, written last and read first.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use batt_protocol::{BackupState, Error, RunId, Service};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{BackupFolder, MANIFEST};
use crate::archive::{Digest, Kind};
use crate::scope::{Scope, plain};

/// The format that this version writes. A reader refuses one that it does not know.
const FORMAT: u32 = 1;

/// What a backup is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The version of this format.
    pub(crate) format: u32,
    /// The version of batt that wrote it.
    pub(crate) batt: String,
    /// The host's name.
    pub(crate) host: String,
    /// The host's id: only its own backups are ever replaced.
    pub(crate) host_id: String,
    /// The service.
    pub(crate) service: Service,
    /// The items that were asked for; none means what the script decided.
    pub(crate) items: Vec<String>,
    /// The run.
    pub(crate) run: RunId,
    /// When its script was started, in UTC.
    pub(crate) started: DateTime<Utc>,
    /// When it was judged, in UTC.
    pub(crate) ended: DateTime<Utc>,
    /// The offset of the host's local time from UTC that expanded the path, in seconds.
    pub(crate) utc_offset: i32,
    /// The archives, by name.
    pub(crate) archives: Vec<ArchiveRecord>,
    /// What made them.
    pub(crate) script: ScriptRecord,
    /// Whether all of it is here, and as it was expected.
    #[serde(default)]
    pub(crate) state: BackupState,
    /// Why it is not good: what failed and is missing, or how it differs from the last good one. One line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) shortcomings: Vec<String>,
    /// Whether everything was read again before it was published. Earlier versions always did.
    #[serde(default = "yes")]
    pub(crate) verified: bool,
    /// Since when, as far as is known, the sizes and the content of its archives are what they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unchanged_since: Option<DateTime<Utc>>,
    /// What the script recorded of the whole.
    pub(crate) facts: BTreeMap<String, String>,
    /// What a person should know.
    pub(crate) warnings: Vec<String>,
}

/// One archive of a backup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ArchiveRecord {
    /// The path in the backup's folder.
    pub(crate) file: String,
    /// The name that the script gave it, where `batt store` wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// What its content was checked to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) check: Option<Kind>,
    /// Its length in bytes.
    pub(crate) bytes: u64,
    /// The length of what it holds, decompressed.
    pub(crate) raw_bytes: u64,
    /// Its SHA-256 in lower-case hexadecimal.
    pub(crate) sha256: String,
    /// What the check found in it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) facts: BTreeMap<String, String>,
    /// What it holds, as the script and the check told: a restore is held to it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) content: BTreeMap<String, String>,
}

impl ArchiveRecord {
    /// Returns the name by which it is asked for: that it was stored under, or that of its file.
    pub(crate) fn called(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.file)
    }
}

/// The script that made a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ScriptRecord {
    /// Its path on the host.
    pub(crate) path: String,
    /// Its SHA-256 in lower-case hexadecimal.
    pub(crate) sha256: String,
}

fn yes() -> bool {
    true
}

impl Manifest {
    /// The format that this version writes.
    pub(crate) const FORMAT: u32 = FORMAT;
    /// The largest manifest that is read, and written, in bytes. What is in it takes several times as much memory.
    pub(crate) const LIMIT: u64 = 16 << 20;
    /// The most archives that a manifest may name.
    pub(crate) const MOST_ARCHIVES: usize = 1_000_000;

    /// Reads the manifest of the backup in `folder`.
    ///
    /// # Errors
    /// A manifest that is missing, cannot be read, or was written by a later version.
    pub(crate) fn read(folder: &Path) -> Result<Self, Error> {
        Self::read_hashed(folder).map(|(manifest, _)| manifest)
    }

    /// Does what [`Manifest::read`] does, and returns the SHA-256 of the file too.
    pub(crate) fn read_hashed(folder: &Path) -> Result<(Self, String), Error> {
        let opened = BackupFolder::open(folder)
            .map_err(|why| Error::program(format!("`{}`: {why}", folder.display())))?;
        Self::read_in(&opened, folder)
    }

    /// Does what [`Manifest::read_hashed`] does in a folder that is open; `folder` names it.
    ///
    /// # Errors
    /// Those of [`Manifest::read`].
    pub(crate) fn read_in(opened: &BackupFolder, folder: &Path) -> Result<(Self, String), Error> {
        let path = folder.join(MANIFEST);
        let text = opened
            .read(MANIFEST, Self::LIMIT)
            .map_err(|why| Error::program(format!("`{}`: {why}", folder.display())))?;
        let manifest = Self::parse(&text, &path.display().to_string())?;
        Ok((manifest, Digest::of(&text)))
    }

    /// Parses the manifest that lies at `place`.
    ///
    /// # Errors
    /// What is no manifest, or was written by a later version.
    pub(crate) fn parse(text: &[u8], place: &str) -> Result<Self, Error> {
        let manifest: Self = serde_json::from_slice(text)
            .map_err(|cause| Error::program(format!("`{place}` cannot be understood: {cause}")))?;
        if manifest.format > FORMAT {
            return Err(Error::program(format!(
                "`{place}` has the format {}, later than ours",
                manifest.format
            ))
            .hint("A later version of batt wrote it; use that one."));
        }
        if manifest.archives.len() > Self::MOST_ARCHIVES {
            return Err(Error::program(format!(
                "`{place}` names more than {} archives",
                Self::MOST_ARCHIVES
            )));
        }
        Ok(manifest)
    }

    /// Returns the backup's id.
    pub(crate) fn id(&self) -> String {
        format!("{}.{}", self.run, self.service)
    }

    /// Returns the archive that was stored under a name, else the one whose file has it.
    pub(crate) fn archive_named(&self, name: &str) -> Option<&ArchiveRecord> {
        let named = |archive: &&ArchiveRecord| archive.name.as_deref() == Some(name);
        let filed = |archive: &&ArchiveRecord| archive.file == name;
        self.archives
            .iter()
            .find(named)
            .or_else(|| self.archives.iter().find(filed))
    }

    /// Returns the bytes of all archives.
    pub(crate) fn bytes(&self) -> u64 {
        self.archives.iter().map(|archive| archive.bytes).sum()
    }

    /// Returns this backup as far as one of `items` can be held against it, whose archives are `other`: where it was asked for
    /// more, only what was asked for there too, and what both have.
    pub(crate) fn narrowed_to(mut self, items: &[String], other: &[ArchiveRecord]) -> Self {
        if Scope::of(&self.service, &self.items) == Scope::of(&self.service, items) {
            return self;
        }
        let asked: BTreeSet<_> = items.iter().map(|item| plain(&self.service, item)).collect();
        let files: BTreeSet<&str> = other.iter().map(|archive| archive.file.as_str()).collect();
        self.archives
            .retain(|archive| asked.contains(archive.called()) || files.contains(archive.file.as_str()));
        self
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn manifest(run: &str, items: &[&str], archives: &[&str]) -> Manifest {
        Manifest {
            format: FORMAT,
            batt: "0".to_owned(),
            host: "h".to_owned(),
            host_id: "1".to_owned(),
            service: "mysql".parse().unwrap(),
            items: items.iter().map(ToString::to_string).collect(),
            run: run.parse().unwrap(),
            started: DateTime::default(),
            ended: DateTime::default(),
            utc_offset: 0,
            archives: archives
                .iter()
                .map(|file| ArchiveRecord {
                    file: (*file).to_owned(),
                    name: None,
                    check: None,
                    bytes: 1,
                    raw_bytes: 1,
                    sha256: String::new(),
                    facts: BTreeMap::new(),
                    content: BTreeMap::new(),
                })
                .collect(),
            script: ScriptRecord {
                path: String::new(),
                sha256: String::new(),
            },
            state: BackupState::Good,
            shortcomings: Vec::new(),
            verified: true,
            unchanged_since: None,
            facts: BTreeMap::new(),
            warnings: Vec::new(),
        }
    }
}
