//! Whose backup a folder holds, by its manifest, and how to tell later without reading it again that it is still there.

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use batt_protocol::{Error, RunId, Service};
use rustix::fs::{Mode, OFlags, openat};
use serde::{Deserialize, Serialize};

use super::{MANIFEST, open_file};

/// The largest manifest that is read.
const LIMIT: u64 = 256 << 20;

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
    /// Whose backup it is.
    pub(crate) host_id: String,
    /// The offset of local time from UTC in the run, in seconds.
    pub(crate) utc_offset: i32,
}

impl Identity {
    /// Reads the manifest in an open folder, without following a link.
    ///
    /// # Errors
    /// A manifest that is missing, cannot be read or cannot be understood; `folder` names it.
    pub(crate) fn read_in(opened: BorrowedFd<'_>, folder: &Path) -> Result<(Self, Seen), Error> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(opened, MANIFEST, flags, Mode::empty()).map_err(std::io::Error::from);
        Self::of(file.map(File::from), folder)
    }

    /// Reads the manifest in the folder of this path.
    ///
    /// # Errors
    /// Those of [`Identity::read_in`].
    pub(crate) fn read(folder: &Path) -> Result<(Self, Seen), Error> {
        Self::of(open_file(&folder.join(MANIFEST)), folder)
    }

    fn of(file: std::io::Result<File>, folder: &Path) -> Result<(Self, Seen), Error> {
        let shown = folder.join(MANIFEST);
        let fail = |cause: String| Error::system(format!("cannot read `{}`", shown.display()), cause);
        let file = file.map_err(|cause| fail(cause.to_string()))?;
        let metadata = file.metadata().map_err(|cause| fail(cause.to_string()))?;
        if !metadata.is_file() {
            return Err(fail("it is not a regular file".to_owned()));
        }
        let mut text = Vec::new();
        file.take(LIMIT)
            .read_to_end(&mut text)
            .map_err(|cause| fail(cause.to_string()))?;
        let identity: Self = serde_json::from_slice(&text).map_err(|cause| fail(cause.to_string()))?;
        let seen = Seen::of(&metadata, &identity);
        Ok((identity, seen))
    }
}

impl Seen {
    fn of(metadata: &Metadata, identity: &Identity) -> Self {
        Self {
            inode: metadata.ino(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            bytes: metadata.len(),
            host_id: identity.host_id.clone(),
            utc_offset: identity.utc_offset,
        }
    }

    /// Tells whether the very file that was read still lies in the folder, unchanged as far as its inode tells.
    pub(crate) fn is_there(&self, folder: &Path) -> bool {
        std::fs::symlink_metadata(folder.join(MANIFEST)).is_ok_and(|metadata| {
            metadata.is_file()
                && metadata.ino() == self.inode
                && (metadata.mtime(), metadata.mtime_nsec()) == self.modified
                && metadata.len() == self.bytes
        })
    }
}
