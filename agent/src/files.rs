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
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > limit {
        return Err(Error::usage(format!(
            "`{}` is longer than {limit} bytes",
            path.display()
        )));
    }
    Ok(Some(bytes))
}

/// Opens a file for reading, and refuses what is no regular file without waiting on it.
pub(crate) fn open_regular(path: &Path) -> std::io::Result<File> {
    // A FIFO would block an open for reading until somebody writes.
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nonblocking)
        .open(path)?;
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
    let fail = |cause: std::io::Error| Error::system(format!("cannot write `{}`", path.display()), cause);
    let folder = path.parent().unwrap_or(Path::new("/"));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let partial = folder.join(format!(".{name}.{}.partial", std::process::id()));
    let written = (|| {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode)
            .open(&partial)?;
        file.write_all(content)?;
        // The mode of `open` is subject to the umask.
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
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
