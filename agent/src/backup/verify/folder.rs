//! The folder of a backup, held open. Nothing in it is reached through a link, and nothing that is no regular file is
//! opened: a FIFO would keep us waiting, and a device may act when it is opened.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use batt_protocol::text::quoted;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, fstat, openat, statat};
use rustix::io::Errno;

use super::Damages;
use crate::backup::{MOST_DEPTH, Mark};

/// As many entries as are looked at: four times the files that a backup may have.
const MOST_ENTRIES: usize = 400_000;

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// The folder of a backup.
#[derive(Debug)]
pub(super) struct BackupFolder {
    folder: OwnedFd,
}

impl BackupFolder {
    /// Opens it. A link in its place is not followed.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        match openat(CWD, path, FOLDER, Mode::empty()) {
            Ok(folder) => Ok(Self { folder }),
            Err(Errno::NOENT) => Err("the folder is missing".to_owned()),
            Err(Errno::NOTDIR | Errno::LOOP) => Err("it is no folder".to_owned()),
            Err(cause) => Err(format!(
                "the folder cannot be opened: {}",
                std::io::Error::from(cause)
            )),
        }
    }

    /// Opens a regular file by its path from here.
    ///
    /// # Errors
    /// Why not, with the file's name.
    pub(super) fn file(&self, name: &str) -> Result<File, String> {
        let shown = quoted(name);
        let cannot = |cause: Errno| match cause {
            Errno::NOENT => format!("{shown} is missing"),
            Errno::NOTDIR | Errno::LOOP => format!("{shown} lies behind what is no folder"),
            cause => format!("{shown} cannot be opened: {}", std::io::Error::from(cause)),
        };
        let mut parts: Vec<&str> = name.split('/').collect();
        let plain = |part: &&str| !matches!(*part, "" | "." | "..") && !part.contains('\0');
        if !parts.iter().all(plain) || parts.len() > MOST_DEPTH + 1 {
            return Err(format!("{shown} is no name of a file in a backup"));
        }
        let last = parts.pop().unwrap_or_default();
        let mut inner: Option<OwnedFd> = None;
        for part in parts {
            let folder = inner.as_ref().unwrap_or(&self.folder);
            inner = Some(openat(folder, part, FOLDER, Mode::empty()).map_err(cannot)?);
        }
        let folder = inner.as_ref().unwrap_or(&self.folder);
        let found = statat(folder, last, AtFlags::SYMLINK_NOFOLLOW).map_err(cannot)?;
        require_regular(&shown, FileType::from_raw_mode(found.st_mode))?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = openat(folder, last, flags, Mode::empty()).map_err(cannot)?;
        let opened = fstat(&file).map_err(cannot)?;
        require_regular(&shown, FileType::from_raw_mode(opened.st_mode))?;
        Ok(File::from(file))
    }

    /// Reports what lies here beside the files that are known, and the marks of a person.
    pub(super) fn report_others(
        &self,
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
        walk.folder(&self.folder, &mut Vec::new(), 0);
    }
}

fn require_regular(shown: &str, kind: FileType) -> Result<(), String> {
    let what = match kind {
        FileType::RegularFile => return Ok(()),
        FileType::Symlink => "a link",
        FileType::Directory => "a folder",
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        _ => "a device",
    };
    Err(format!("{shown} is {what} in the place of the file"))
}

struct Walk<'a> {
    known: &'a BTreeSet<&'a str>,
    goes_on: &'a dyn Fn() -> bool,
    damages: &'a mut Damages,
    entries: usize,
}

impl Walk<'_> {
    /// Looks at one folder, whose path from the top is `path`, with a slash at its end.
    fn folder(&mut self, folder: &OwnedFd, path: &mut Vec<u8>, depth: usize) {
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
                        self.folder(&inner, path, depth + 1);
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

    fn kind(&self, folder: &OwnedFd, entry: &rustix::fs::DirEntry) -> Result<FileType, Errno> {
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
