//! One backup in the catalogue: what was published, and what is known of it since.

use std::path::PathBuf;

use batt_protocol::{BackupReport, BackupState, Error, RunId, Service};
use chrono::{DateTime, Local, Utc};
use serde::{Deserialize, Serialize};

use super::identity::{Identity, Seen};
use super::{BackupFolder, Drill, Manifest, Mark, marks, removal_name};
use crate::scope::Scope;

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
    /// Whether it was found damaged when it was last read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) damaged: bool,
    /// The last rehearsal of its restore that told something about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) drill: Option<Drill>,
    /// When a person took a suspicious one as the new normal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) accepted: Option<DateTime<Utc>>,
    /// Its manifest, as it was when it was last looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seen: Option<Seen>,
}

impl Entry {
    /// Returns the entry of a backup that was judged, and published at `path`.
    ///
    /// # Errors
    /// A manifest that cannot be read.
    pub(crate) fn read(path: PathBuf) -> Result<Self, Error> {
        let (manifest, manifest_sha256) = Manifest::read_hashed(&path)?;
        // One that cannot be read is none: what it would let count does not.
        let accepted = marks::get(&path, Mark::Accepted).ok().flatten();
        // Nor one that others could have set.
        let accepted = accepted.filter(|_| BackupFolder::is_ours_alone(&path));
        Ok(Self {
            accepted: accepted.map(|marked| marked.at),
            ..Self::published(path, &manifest, manifest_sha256)
        })
    }

    /// Returns the entry of a backup that was published with this very manifest.
    pub(crate) fn published(path: PathBuf, manifest: &Manifest, manifest_sha256: String) -> Self {
        let seen = Identity::read(&path).map(|(_, seen)| seen).ok();
        Self {
            run: manifest.run.clone(),
            service: manifest.service.clone(),
            items: manifest.items.clone(),
            path,
            bytes: manifest.bytes(),
            time: manifest.started,
            state: manifest.state,
            manifest_sha256,
            verified: manifest.verified.then_some(manifest.ended),
            damaged: false,
            drill: None,
            accepted: None,
            seen,
        }
    }

    /// Tells whether it counts: whole, read again, complete, as it was expected, and not shown to be bad by a drill.
    pub(crate) fn counts(&self) -> bool {
        self.can_be_drilled() && self.drill.as_ref().is_none_or(|drill| drill.verdict.is_good())
    }

    /// Tells whether it differed much from those before it, and nobody has accepted it.
    pub(crate) fn is_suspicious(&self) -> bool {
        self.state == BackupState::Suspicious && self.accepted.is_none()
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

    /// Returns the last rehearsal and the evidence against the backup, where it failed.
    pub(crate) fn failed_drill(&self) -> Option<(&Drill, &str)> {
        let drill = self.drill.as_ref()?;
        drill.verdict.reason().map(|reason| (drill, reason))
    }

    /// Returns in words that its last rehearsal failed, since when and why.
    pub(crate) fn failure_of_drill(&self) -> Option<String> {
        let drill = self.drill.as_ref()?;
        let since = drill.at.with_timezone(&Local).format("%Y-%m-%d %H:%M");
        let evidence = drill.verdict.evidence()?;
        Some(format!("its drill failed on {since}: {evidence}"))
    }

    /// Returns why it does not count, in a word or a few; of one that counts this says nothing.
    pub(crate) fn shortcoming(&self) -> &'static str {
        match self.state {
            BackupState::Partial => "partial",
            BackupState::Suspicious if self.accepted.is_none() => "suspicious",
            _ if self.damaged => "damaged",
            _ if self.verified.is_none() => "not verified",
            _ => "its drill failed",
        }
    }

    /// Returns what it was asked for.
    pub(crate) fn scope(&self) -> Scope {
        Scope::of(&self.service, &self.items)
    }

    /// Returns the backup's id.
    pub(crate) fn id(&self) -> String {
        format!("{}.{}", self.run, self.service)
    }

    /// Returns the offset of local time from UTC when it was made, in seconds, where that is known.
    pub(crate) fn utc_offset(&self) -> Option<i32> {
        self.seen.as_ref().map(|seen| seen.utc_offset)
    }

    /// Tells whether this very backup still lies at its path.
    pub(crate) fn is_there(&self) -> bool {
        self.is_as_seen(BackupFolder::open(&self.path).ok().as_ref()) || self.look().is_some()
    }

    /// Tells whether the manifest in its folder, which is there and open, is the file that was seen.
    pub(super) fn is_as_seen(&self, folder: Option<&BackupFolder>) -> bool {
        let seen = self.seen.as_ref().zip(folder);
        seen.is_some_and(|(seen, folder)| seen.is_in(folder))
    }

    /// Tells whether what lies at its path, as far as was seen, is this very backup and of this host: what anybody could
    /// have put there is not.
    pub(crate) fn is_ours(&self, host_id: &str) -> bool {
        !host_id.is_empty()
            && self.seen.as_ref().is_some_and(|seen| {
                seen.host_id == host_id && seen.manifest_sha256.as_ref() == Some(&self.manifest_sha256)
            })
    }

    /// Refuses what lies at its path and is another backup, or was changed.
    ///
    /// # Errors
    /// A refusal (77).
    pub(crate) fn require_unchanged(&self) -> Result<(), Error> {
        if self.manifest().is_some() {
            return Ok(());
        }
        Err(Error::refused(format!(
            "what lies at `{}` is not the backup `{}` as it was published",
            self.path.display(),
            self.id()
        ))
        .hint(format!(
            "`batt verify {}` tells what is wrong with it.",
            self.service
        )))
    }

    /// Tells whether a purge has taken it out of sight and not deleted all of it yet: it is none any more.
    pub(crate) fn is_being_removed(&self) -> bool {
        let hidden = removal_name(&self.service, &self.run);
        std::fs::symlink_metadata(self.path.with_file_name(hidden)).is_ok()
    }

    /// Reads the manifest at its path, and returns what to remember of it when it is that of this very backup.
    pub(crate) fn look(&self) -> Option<Seen> {
        let (identity, seen) = Identity::read(&self.path).ok()?;
        (identity.run == self.run && identity.service == self.service).then_some(seen)
    }

    /// Returns its manifest, when it is there as it was published.
    pub(crate) fn manifest(&self) -> Option<Manifest> {
        let (manifest, sha256) = Manifest::read_hashed(&self.path).ok()?;
        (sha256 == self.manifest_sha256).then_some(manifest)
    }

    /// Returns the line of `batt backups`.
    pub(crate) fn report(&self) -> BackupReport {
        let drill = self.drill.as_ref();
        BackupReport {
            id: self.id(),
            service: self.service.clone(),
            items: self.items.clone(),
            path: self.path.display().to_string(),
            time: self.time,
            bytes: self.bytes,
            verified: self.verified,
            damaged: self.damaged,
            drilled: drill
                .filter(|drill| drill.verdict.is_good())
                .map(|drill| drill.at),
            drill_failed: self.failed_drill().map(|(drill, _)| drill.at),
            drill: drill.map(|drill| drill.verdict.outcome()),
            drill_reason: self.failed_drill().map(|(_, reason)| reason.to_owned()),
            state: self.state,
            accepted: self.accepted,
            pinned: false,
            latest: false,
            kept_by: None,
        }
    }
}
