//! What a person decided about one backup: a small file in its folder, so that the decision survives a lost catalogue.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use batt_protocol::{AskedBy, Error};
use chrono::{DateTime, Utc};
use rustix::fs::{AtFlags, Mode, OFlags, fsync, openat, renameat, unlinkat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::destination::open_folder;

/// More than who and when can take.
const LIMIT: u64 = 64 << 10;

/// A decision about a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A suspicious one is taken as the new normal.
    Accepted,
    /// It is never removed by a purge.
    Pinned,
}

/// What the file of a mark says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marked {
    /// When it was decided.
    pub(crate) at: DateTime<Utc>,
    /// Who decided it.
    pub(crate) by: AskedBy,
}

impl Mark {
    /// Every mark that there is.
    pub(crate) const ALL: [Self; 2] = [Self::Accepted, Self::Pinned];

    /// Returns the name of its file in the backup's folder.
    pub(crate) fn file_name(self) -> &'static str {
        match self {
            Self::Accepted => "ACCEPTED",
            Self::Pinned => "PINNED",
        }
    }

    /// Returns the name of its file while it is written. A crash may leave it; it says nothing.
    fn partial_name(self) -> &'static str {
        match self {
            Self::Accepted => ".ACCEPTED.partial",
            Self::Pinned => ".PINNED.partial",
        }
    }

    /// Tells whether a file at the top of a backup's folder belongs to a mark: it is no part of the backup, and no
    /// damage of it either.
    pub(crate) fn owns(file: &str) -> bool {
        Self::ALL
            .iter()
            .any(|mark| [mark.file_name(), mark.partial_name()].contains(&file))
    }
}

/// Sets a mark on the backup in `folder`: after a crash it is there whole, or not at all. One that is set is replaced.
///
/// # Errors
/// A link on the way to the folder, and a disk that does not take it.
pub(crate) fn set(folder: &Path, mark: Mark, by: &AskedBy, at: DateTime<Utc>) -> Result<(), Error> {
    let fail = |cause: String| cannot("write", folder, mark, cause);
    let marked = Marked { at, by: by.clone() };
    let content = serde_json::to_vec(&marked).map_err(|cause| fail(cause.to_string()))?;
    let opened = open_folder(folder)?;
    let written = (|| {
        remove_entry(&opened, mark.partial_name())?;
        let new = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(openat(
            &opened,
            mark.partial_name(),
            new,
            Mode::RUSR | Mode::WUSR,
        )?);
        file.write_all(&content)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        renameat(&opened, mark.partial_name(), &opened, mark.file_name())?;
        fsync(&opened)?;
        Ok::<(), std::io::Error>(())
    })();
    written.map_err(|cause| {
        let _ = remove_entry(&opened, mark.partial_name());
        fail(cause.to_string())
    })
}

/// Removes a mark from the backup in `folder`; that it was not set is no error.
///
/// # Errors
/// A link on the way to the folder, and a disk that does not take it.
pub(crate) fn remove(folder: &Path, mark: Mark) -> Result<(), Error> {
    let opened = open_folder(folder)?;
    remove_entry(&opened, mark.file_name())
        .and_then(|()| fsync(&opened))
        .map_err(|cause| cannot("remove", folder, mark, std::io::Error::from(cause).to_string()))
}

/// Returns who set a mark on the backup in `folder` and when; none when it is not set.
///
/// # Errors
/// A link on the way to the folder, a folder that is not there, and a mark that cannot be read: it was set, and must not
/// count as one that was not.
pub(crate) fn get(folder: &Path, mark: Mark) -> Result<Option<Marked>, Error> {
    let fail = |cause: String| cannot("read", folder, mark, cause);
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(open_folder(folder)?, mark.file_name(), flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(None),
        Err(cause) => return Err(fail(std::io::Error::from(cause).to_string())),
    };
    let mut content = Vec::new();
    match file.metadata() {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Err(fail("it is no regular file".to_owned())),
        Err(cause) => return Err(fail(cause.to_string())),
    }
    file.take(LIMIT)
        .read_to_end(&mut content)
        .map_err(|cause| fail(cause.to_string()))?;
    serde_json::from_slice(&content)
        .map(Some)
        .map_err(|cause| fail(cause.to_string()))
}

/// Tells whether a mark is set on the backup in `folder`.
///
/// # Errors
/// Those of [`get`].
pub(crate) fn is_set(folder: &Path, mark: Mark) -> Result<bool, Error> {
    get(folder, mark).map(|marked| marked.is_some())
}

fn remove_entry(folder: &OwnedFd, name: &str) -> Result<(), Errno> {
    match unlinkat(folder, name, AtFlags::empty()) {
        Err(Errno::NOENT) => Ok(()),
        removed => removed,
    }
}

fn cannot(what: &str, folder: &Path, mark: Mark, cause: String) -> Error {
    Error::system(
        format!("cannot {what} `{}`", folder.join(mark.file_name()).display()),
        cause,
    )
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn somebody() -> AskedBy {
        AskedBy {
            user: "root".to_owned(),
            sudo_user: Some("ada".to_owned()),
            ..AskedBy::default()
        }
    }

    #[test]
    fn a_mark_is_set_and_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let backup = folder.path();
        for mark in Mark::ALL {
            assert!(!is_set(backup, mark).unwrap());
            set(backup, mark, &somebody(), DateTime::default()).unwrap();
            // Once more is no error: what it says is replaced.
            set(backup, mark, &somebody(), DateTime::default()).unwrap();
            let marked = get(backup, mark).unwrap().unwrap();
            assert_eq!((marked.at, marked.by), (DateTime::default(), somebody()));
            let metadata = fs::metadata(backup.join(mark.file_name())).unwrap();
            assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
            assert!(Mark::owns(mark.file_name()));
        }
        assert_eq!(fs::read_dir(backup).unwrap().count(), 2);
        for mark in Mark::ALL {
            remove(backup, mark).unwrap();
            remove(backup, mark).unwrap();
            assert!(!is_set(backup, mark).unwrap());
        }
        assert_eq!(fs::read_dir(backup).unwrap().count(), 0);
        assert!(!Mark::owns("deep/ACCEPTED"));
    }

    #[test]
    fn what_a_crash_left_is_no_mark_and_stops_none() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join(Mark::Pinned.partial_name());
        fs::write(&left, "{\"at\":").unwrap();
        assert!(!is_set(folder.path(), Mark::Pinned).unwrap());
        set(folder.path(), Mark::Pinned, &somebody(), DateTime::default()).unwrap();
        assert!(is_set(folder.path(), Mark::Pinned).unwrap() && !left.exists());
    }

    #[test]
    fn a_mark_that_cannot_be_read_does_not_count_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let backup = folder.path().join("real");
        fs::create_dir(&backup).unwrap();
        fs::write(backup.join("PINNED"), "nonsense").unwrap();
        let error = get(&backup, Mark::Pinned).unwrap_err();
        assert!(error.message().contains("PINNED"), "{error}");
        fs::remove_file(backup.join("PINNED")).unwrap();
        fs::create_dir(backup.join("PINNED")).unwrap();
        get(&backup, Mark::Pinned).unwrap_err();

        std::os::unix::fs::symlink("/etc/hostname", backup.join("ACCEPTED")).unwrap();
        get(&backup, Mark::Accepted).unwrap_err();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&backup, &link).unwrap();
        set(&link, Mark::Accepted, &somebody(), DateTime::default()).unwrap_err();
        // In place of a link a mark of its own, and not what it leads to.
        set(&backup, Mark::Accepted, &somebody(), DateTime::default()).unwrap();
        assert!(is_set(&backup, Mark::Accepted).unwrap());
    }
}
