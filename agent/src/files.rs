//! Reading and writing files with errors that name the file, and replacing them so that a crash leaves the old or the new.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use batt_protocol::Error;

/// Reads a text file of at most `limit` bytes.
///
/// # Errors
/// A file that cannot be read, is longer, or is no UTF-8. Absence is `None`.
pub(crate) fn read_text(path: &Path, limit: u64) -> Result<Option<String>, Error> {
    let Some(bytes) = read_bytes(path, limit)? else {
        return Ok(None);
    };
    String::from_utf8(bytes).map(Some).map_err(|error| {
        Error::usage(format!(
            "`{}` is not UTF-8: {}",
            path.display(),
            error.utf8_error()
        ))
    })
}

/// Reads a file of at most `limit` bytes; absence is `None`.
pub(crate) fn read_bytes(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    let fail = |cause: std::io::Error| Error::system(format!("cannot read `{}`", path.display()), cause);
    let file = match open_regular(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fail(error)),
    };
    let too_long = || Error::usage(format!("`{}` is longer than {limit} bytes", path.display()));
    // Before a byte of it takes memory.
    if file.metadata().map_err(fail)?.len() > limit {
        return Err(too_long());
    }
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > limit {
        return Err(too_long());
    }
    Ok(Some(bytes))
}

/// Opens a file for reading, and refuses what is no regular file without waiting on it.
pub(crate) fn open_regular(path: &Path) -> std::io::Result<File> {
    // A FIFO would block an open for reading until somebody writes.
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    require_regular(
        OpenOptions::new()
            .read(true)
            .custom_flags(nonblocking)
            .open(path)?,
    )
}

/// Opens a file that batt keeps for itself, as `options` say. Whatever lies there instead is neither followed nor waited
/// on: a link would lead what is written elsewhere, a FIFO would stop everything.
///
/// # Errors
/// What is no regular file, as well.
pub(crate) fn open_own(path: &Path, options: &mut OpenOptions) -> std::io::Result<File> {
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW;
    require_regular(options.custom_flags(flags.bits().cast_signed()).open(path)?)
}

fn require_regular(file: File) -> std::io::Result<File> {
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    Ok(file)
}

/// Makes a folder and those above it, each 0700 when it is new.
pub(crate) fn make_private_folder(path: &Path) -> Result<(), Error> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|cause| Error::system(format!("cannot make the folder `{}`", path.display()), cause))
}

/// Puts `content` at `path` so that a reader, or a crash, sees the old file or the new one, whole.
pub(crate) fn replace(path: &Path, content: &[u8], mode: u32) -> Result<(), Error> {
    replace_by(path, content, mode, Sync::Waited)
}

/// Does what [`replace`] does, without waiting for the disk: a power cut may leave the old one, or nothing that can be
/// understood.
pub(crate) fn replace_unsynced(path: &Path, content: &[u8], mode: u32) -> Result<(), Error> {
    replace_by(path, content, mode, Sync::Left)
}

/// Whether a change waits until it is on the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sync {
    Waited,
    Left,
}

fn replace_by(path: &Path, content: &[u8], mode: u32, sync: Sync) -> Result<(), Error> {
    let fail = |cause: std::io::Error| Error::system(format!("cannot write `{}`", path.display()), cause);
    let folder = path.parent().unwrap_or(Path::new("/"));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let partial = folder.join(format!(".{name}.{}.partial", std::process::id()));
    let written = (|| {
        // What a dead process of this number left, or somebody put there.
        match fs::remove_file(&partial) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => return Err(cause),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&partial)?;
        file.write_all(content)?;
        // The mode of `open` is subject to the umask.
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
        if sync == Sync::Left {
            return fs::rename(&partial, path);
        }
        file.sync_all()?;
        fs::rename(&partial, path)?;
        File::open(folder)?.sync_all()
    })();
    written.map_err(|cause| {
        let _ = fs::remove_file(&partial);
        fail(cause)
    })
}

/// Waits until the entries of a folder are on the disk.
pub(crate) fn sync_folder(path: &Path) -> Result<(), Error> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(|cause| Error::system(format!("cannot sync the folder `{}`", path.display()), cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_is_whole_and_nothing_stays_beside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        replace(&path, b"old", 0o600).unwrap();
        replace(&path, b"new", 0o644).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_lies_in_the_place_of_a_file_of_ours_is_neither_followed_nor_waited_on() {
        let folder = tempfile::tempdir().unwrap();
        let (victim, link) = (folder.path().join("victim"), folder.path().join("link"));
        fs::write(&victim, "x").unwrap();
        std::os::unix::fs::symlink(&victim, &link).unwrap();
        let fifo = folder.path().join("fifo");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        for place in [&link, &fifo, &folder.path().to_owned()] {
            assert!(open_own(place, OpenOptions::new().append(true).create(true)).is_err());
            assert!(open_own(place, OpenOptions::new().write(true).truncate(true).create(true)).is_err());
            assert!(open_own(place, OpenOptions::new().read(true)).is_err());
        }
        assert_eq!(fs::read(&victim).unwrap(), b"x");
        open_own(&victim, OpenOptions::new().append(true)).unwrap();
    }

    #[test]
    fn a_fifo_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fifo");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        assert!(
            read_text(&path, 10)
                .unwrap_err()
                .to_string()
                .contains("not a regular file")
        );
    }
}
