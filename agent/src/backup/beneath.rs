//! Opening a file of a backup by what its manifest says, which others may have written: never out of its folder, never
//! through a link, never waiting on what is no file.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path};

use rustix::fs::{CWD, Mode, OFlags, openat};

/// Opens the regular file at `file` below `folder`.
///
/// # Errors
/// A name that would lead out of the folder, a link on the way, what is no regular file, and those of the file system.
pub(crate) fn open_beneath(folder: &Path, file: &str) -> io::Result<File> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_owned());
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut reached: OwnedFd = openat(
        CWD,
        folder,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let mut parts = Path::new(file).components().peekable();
    while let Some(part) = parts.next() {
        let Component::Normal(name) = part else {
            return Err(invalid("it is no name of a file in a backup"));
        };
        if parts.peek().is_some() {
            reached = openat(&reached, name, flags | OFlags::DIRECTORY, Mode::empty())?;
            continue;
        }
        let file = File::from(openat(&reached, name, flags, Mode::empty())?);
        if !file.metadata()?.is_file() {
            return Err(invalid("it is no regular file"));
        }
        return Ok(file);
    }
    Err(invalid("it is no name of a file in a backup"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_below_the_folder_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("backup");
        std::fs::create_dir_all(root.join("app.dir")).unwrap();
        std::fs::write(root.join("a.zst"), "a").unwrap();
        std::fs::write(root.join("app.dir/toc.dat"), "t").unwrap();
        std::fs::write(folder.path().join("outside"), "o").unwrap();
        std::os::unix::fs::symlink("../outside", root.join("link")).unwrap();
        std::os::unix::fs::symlink("..", root.join("up")).unwrap();
        open_beneath(&root, "a.zst").unwrap();
        open_beneath(&root, "app.dir/toc.dat").unwrap();
        for name in [
            "",
            ".",
            "..",
            "../outside",
            "/etc/passwd",
            "link",
            "up/outside",
            "app.dir",
            "app.dir/../a.zst/..",
            "missing",
        ] {
            assert!(open_beneath(&root, name).is_err(), "{name}");
        }
    }
}
