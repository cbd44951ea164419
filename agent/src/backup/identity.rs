//! Whose backup a folder holds, by its manifest, and how to tell later without reading it again that it is still there.

use std::path::Path;

use batt_protocol::{Error, RunId, Service};
use rustix::fs::{AtFlags, FileType, statat};
use serde::{Deserialize, Serialize};

use super::{BackupFolder, MANIFEST, Manifest};
use crate::archive::Digest;

/// What of a manifest tells whose backup it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Identity {
    pub(crate) host_id: String,
    pub(crate) run: RunId,
    pub(crate) service: Service,
    utc_offset: i32,
}

/// A manifest that was read, as it lay on the disk then, and what an entry keeps of it. Reading twenty thousand
/// manifests takes too long for every look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    inode: u64,
    /// When it was written, in seconds and nanoseconds of Unix time.
    modified: (i64, i64),
    /// Its length.
    bytes: u64,
    /// Its SHA-256 in lower-case hexadecimal; earlier versions did not remember it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) manifest_sha256: Option<String>,
    /// Whose backup it is.
    pub(crate) host_id: String,
    /// The offset of local time from UTC in the run, in seconds.
    pub(crate) utc_offset: i32,
}

impl Identity {
    /// Reads the manifest in the folder of a backup; `folder` names it.
    ///
    /// # Errors
    /// A manifest that is missing, cannot be read or cannot be understood.
    pub(crate) fn read_in(opened: &BackupFolder, folder: &Path) -> Result<(Self, Seen), Error> {
        let shown = folder.join(MANIFEST);
        let fail = |cause: String| Error::system(format!("cannot read `{}`", shown.display()), cause);
        // Looked at before it is read: what changes meanwhile is seen to have changed by the next look.
        let found = statat(opened.folder(), MANIFEST, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|cause| fail(std::io::Error::from(cause).to_string()))?;
        let text = opened.read(MANIFEST, Manifest::LIMIT).map_err(fail)?;
        let identity: Self = serde_json::from_slice(&text).map_err(|cause| fail(cause.to_string()))?;
        let seen = Seen {
            manifest_sha256: Some(Digest::of(&text)),
            host_id: identity.host_id.clone(),
            utc_offset: identity.utc_offset,
            inode: found.st_ino,
            modified: (found.st_mtime, found.st_mtime_nsec.cast_signed()),
            bytes: found.st_size.cast_unsigned(),
        };
        Ok((identity, seen))
    }

    /// Reads the manifest in the folder of this path.
    ///
    /// # Errors
    /// Those of [`Identity::read_in`].
    pub(crate) fn read(folder: &Path) -> Result<(Self, Seen), Error> {
        let opened = BackupFolder::open(folder)
            .map_err(|why| Error::program(format!("`{}`: {why}", folder.display())))?;
        Self::read_in(&opened, folder)
    }
}

impl Seen {
    /// Tells whether the very file that was read still lies in the folder, unchanged as far as its inode tells.
    pub(crate) fn is_in(&self, folder: &BackupFolder) -> bool {
        // An earlier version did not remember which one it was.
        self.manifest_sha256.is_some()
            && statat(folder.folder(), MANIFEST, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|found| {
                FileType::from_raw_mode(found.st_mode) == FileType::RegularFile
                    && found.st_ino == self.inode
                    && (found.st_mtime, found.st_mtime_nsec.cast_signed()) == self.modified
                    && found.st_size.cast_unsigned() == self.bytes
            })
    }
}
