//! Archives as they were verified: which file each of them was, so that the very one is loaded.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use batt_protocol::Error;
use batt_protocol::text::quoted;
use rustix::fs::{CWD, Mode, OFlags, fstatvfs, openat};
use serde::{Deserialize, Serialize};

use super::{ArchiveRecord, BackupFolder};
use crate::archive::Digest;
use crate::files;
use crate::safe_path::is_ours;

/// The file of a work folder that tells which files were verified.
const VERIFIED: &str = "verified.json";
/// More than the stamps of all archives that a manifest can name.
const LIMIT: u64 = 64 << 20;
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Which file it was, and in which state. Whoever writes to it changes the time of its last change, which only the kernel sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// The files of archives that were verified, by their paths in the backup.
pub(crate) type Stamps = BTreeMap<String, Stamp>;

impl Stamp {
    /// Returns the stamp of an open file.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

/// Remembers in a work folder which files were verified.
///
/// # Errors
/// A disk that does not take it.
pub(crate) fn write_stamps(work: &Path, stamps: &Stamps) -> Result<(), Error> {
    let text = serde_json::to_vec(stamps)
        .map_err(|cause| Error::system("cannot write which files were verified", cause))?;
    files::replace_unsynced(&work.join(VERIFIED), &text, 0o600)
}

/// Opens an archive of a backup that was verified.
///
/// Where it is the file that was verified, unchanged, and only root or the caller can write to it, it is that one. Else what it
/// holds now is hashed before anybody gets it: into a copy that nobody else can write to, where there is room for one.
///
/// # Errors
/// Why not, with the file's name.
pub(crate) fn open_verified(source: &Path, work: &Path, record: &ArchiveRecord) -> Result<File, String> {
    let shown = quoted(&record.file);
    let cannot = |cause: io::Error| format!("{shown} cannot be read: {cause}");
    let mut file = BackupFolder::open(source)?.file(&record.file)?;
    let known = stamps(work).and_then(|mut stamps| stamps.remove(&record.file));
    let metadata = file.metadata().map_err(cannot)?;
    let is_private = is_ours(metadata.uid()) && metadata.mode() & WRITABLE_BY_OTHERS == 0;
    if is_private && known == Some(Stamp::of(&file).map_err(cannot)?) {
        return Ok(file);
    }
    let mut copy = private_copy(work, metadata.len());
    let digest = hash_into(&mut file, copy.as_mut());
    let (digest, mut loaded) = match digest {
        Ok(digest) => (digest, copy.unwrap_or(file)),
        // A disk that is full after all.
        Err(_) => {
            file.seek(SeekFrom::Start(0)).map_err(cannot)?;
            (hash_into(&mut file, None).map_err(cannot)?, file)
        }
    };
    if digest != record.sha256 {
        return Err(format!(
            "{shown} is not what was verified: it was replaced or changed since"
        ));
    }
    loaded.seek(SeekFrom::Start(0)).map_err(cannot)?;
    Ok(loaded)
}

fn stamps(work: &Path) -> Option<Stamps> {
    let text = files::read_bytes(&work.join(VERIFIED), LIMIT).ok()??;
    serde_json::from_slice(&text).ok()
}

/// Returns a file without a name for so many bytes; none where it would take more than half of the room.
fn private_copy(work: &Path, bytes: u64) -> Option<File> {
    let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
    let file = openat(CWD, work, flags, Mode::RUSR | Mode::WUSR).ok()?;
    let numbers = fstatvfs(&file).ok()?;
    let room = numbers.f_bavail.saturating_mul(numbers.f_frsize);
    (bytes <= room / 2).then(|| File::from(file))
}

fn hash_into(file: &mut File, mut copy: Option<&mut File>) -> io::Result<String> {
    let mut digest = Digest::default();
    let mut buffer = vec![0u8; 256 << 10];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(digest.hex()),
            Ok(length) => {
                digest.update(&buffer[..length]);
                if let Some(copy) = &mut copy {
                    copy.write_all(&buffer[..length])?;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
