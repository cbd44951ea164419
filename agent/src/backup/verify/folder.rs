//! What lies in the folder of a backup beside what belongs there.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

use batt_protocol::text::quoted;
use rustix::fs::{AtFlags, Dir, FileType, Mode, openat, statat};
use rustix::io::Errno;

use super::Damages;
use crate::backup::folder::{BackupFolder, FOLDER};
use crate::backup::{MOST_DEPTH, Mark};

/// As many entries as are looked at: four times the files that a backup may have.
const MOST_ENTRIES: usize = 400_000;

/// Reports what lies here beside the files that are known, and the marks of a person.
pub(super) fn report_others(
    opened: &BackupFolder,
    known: &BTreeSet<&str>,
    goes_on: &dyn Fn() -> bool,
    damages: &mut Damages,
) {
    let mut walk = Walk {
        known,
        goes_on,
        damages,
        entries: 0,
    };
    walk.folder(opened.folder(), &mut Vec::new(), 0);
}

struct Walk<'a> {
    known: &'a BTreeSet<&'a str>,
    goes_on: &'a dyn Fn() -> bool,
    damages: &'a mut Damages,
    entries: usize,
}

impl Walk<'_> {
    /// Looks at one folder, whose path from the top is `path`, with a slash at its end.
    fn folder(&mut self, folder: BorrowedFd<'_>, path: &mut Vec<u8>, depth: usize) {
        let shown = |path: &[u8]| quoted(&OsStr::from_bytes(path).to_string_lossy());
        let entries = match Dir::read_from(folder) {
            Ok(entries) => entries,
            Err(cause) => return self.cannot_read(path, cause),
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(cause) => return self.cannot_read(path, cause),
            };
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            self.entries += 1;
            if !(self.goes_on)() || self.entries > MOST_ENTRIES {
                if self.entries == MOST_ENTRIES + 1 {
                    self.damages.push(format!(
                        "more than {MOST_ENTRIES} files lie in it; not all were looked at"
                    ));
                }
                return;
            }
            let length = path.len();
            path.extend_from_slice(name.to_bytes());
            match self.kind(folder, &entry) {
                Ok(FileType::Directory) if depth == MOST_DEPTH => self.damages.push(format!(
                    "folders are nested more than {MOST_DEPTH} deep, from {} on",
                    shown(path)
                )),
                Ok(FileType::Directory) => match openat(folder, name, FOLDER, Mode::empty()) {
                    Ok(inner) => {
                        path.push(b'/');
                        self.folder(inner.as_fd(), path, depth + 1);
                    }
                    Err(cause) => self.cannot_read(path, cause),
                },
                Ok(kind) if self.belongs(path, kind) => {}
                Ok(_) => self
                    .damages
                    .push(format!("{} is not part of the backup", shown(path))),
                Err(cause) => self.cannot_read(path, cause),
            }
            path.truncate(length);
        }
    }

    fn kind(&self, folder: BorrowedFd<'_>, entry: &rustix::fs::DirEntry) -> Result<FileType, Errno> {
        match entry.file_type() {
            // Not every file system tells it along with the name.
            FileType::Unknown => statat(folder, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)
                .map(|found| FileType::from_raw_mode(found.st_mode)),
            kind => Ok(kind),
        }
    }

    /// What is known by name and no regular file is told where it is opened.
    fn belongs(&self, path: &[u8], kind: FileType) -> bool {
        std::str::from_utf8(path).is_ok_and(|name| {
            self.known.contains(name) || (kind == FileType::RegularFile && Mark::owns(name))
        })
    }

    fn cannot_read(&mut self, path: &[u8], cause: Errno) {
        let name = OsStr::from_bytes(path).to_string_lossy();
        let place = if name.is_empty() {
            "the folder".to_owned()
        } else {
            quoted(&name)
        };
        self.damages
            .push(format!("{place} cannot be read: {}", std::io::Error::from(cause)));
    }
}
