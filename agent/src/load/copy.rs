//! A copy of an archive that can be read anywhere, by several processes: a file without a name, which nobody finds who was not given it, and
//! which is gone with the last process that has it.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use batt_protocol::HumanBytes;
use batt_protocol::text::quoted;
use rustix::fs::{FallocateFlags, Mode, OFlags, fallocate, fchmod, fstatvfs, open};
use rustix::io::Errno;

use crate::archive::{Places, check_places};

/// A copy takes at most this part of what is free: on the same file system may lie the server, which makes two to three times as much of it.
const PART: u64 = 4;

/// The copy, while it is written.
#[derive(Debug)]
pub(super) struct Copy(File);

impl Copy {
    /// Begins a copy of so many bytes.
    ///
    /// # Errors
    /// Why there can be none.
    pub(super) fn of(bytes: u64, folder: &Path) -> Result<Self, String> {
        let failed = |cause: Errno| {
            let cause = io::Error::from(cause);
            format!(
                "there can be no copy of it in {}: {cause}",
                quoted(&folder.to_string_lossy())
            )
        };
        // Without a name for good: it can be given none.
        let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = File::from(open(folder, flags, Mode::RUSR | Mode::WUSR).map_err(failed)?);
        let numbers = fstatvfs(&file).map_err(failed)?;
        let room = numbers.f_bavail.saturating_mul(numbers.f_frsize);
        if bytes > room / PART {
            return Err(format!(
                "a copy of it has {}, which is more than a quarter of the {} that are free in {}",
                HumanBytes(bytes),
                HumanBytes(room),
                quoted(&folder.to_string_lossy())
            ));
        }
        match fallocate(&file, FallocateFlags::KEEP_SIZE, 0, bytes) {
            // What it cannot reserve, a file system tells when it is written.
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(Self(file)),
            Err(cause) => Err(failed(cause)),
        }
    }

    /// Writes into a whole copy where its data lie, and returns it as a file that can be read and not written.
    ///
    /// # Errors
    /// A file that is not as it was written.
    pub(super) fn finish(self, places: &Places) -> io::Result<File> {
        for (at, bytes) in places.patches() {
            self.0.write_all_at(&bytes, at)?;
        }
        // The processes that read it may be those of another account, and open it anew. They cannot write it, and others do not find it.
        fchmod(&self.0, Mode::RUSR | Mode::RGRP | Mode::ROTH)?;
        let again = format!("/proc/self/fd/{}", self.0.as_raw_fd());
        let mut file = File::open(again)?;
        check_places(&mut file)?;
        io::Seek::rewind(&mut file)?;
        Ok(file)
    }
}

impl Write for Copy {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::archive::fixtures::fixture;

    fn copy_of(dump: &[u8]) -> Copy {
        let folder = tempfile::tempdir().unwrap();
        let mut copy = Copy::of(dump.len() as u64, folder.path()).unwrap();
        copy.write_all(dump).unwrap();
        copy
    }

    #[test]
    fn what_is_handed_over_is_read_and_not_written() {
        let dump = fixture("postgresql-seekable.dump");
        let mut file = copy_of(&dump).finish(&Places::default()).unwrap();
        let mut read = Vec::new();
        file.read_to_end(&mut read).unwrap();
        assert!(read == dump);
        file.write_all(b"x").unwrap_err();
        let numbers = rustix::fs::fstat(&file).unwrap();
        assert_eq!((numbers.st_nlink, numbers.st_mode & 0o7777), (0, 0o444));
    }

    #[test]
    fn a_copy_that_tells_a_wrong_place_is_not_handed_over() {
        let dump = fixture("postgresql-seekable.dump");
        let mut damaged = dump;
        let half = damaged.len() / 2;
        damaged[half..].fill(0);
        let error = copy_of(&damaged).finish(&Places::default()).unwrap_err();
        assert!(
            error.to_string().contains("there are no data of entry"),
            "{error}"
        );
    }

    #[test]
    fn there_is_none_without_room_or_without_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let why = Copy::of(u64::MAX, folder.path()).unwrap_err();
        assert!(why.contains("more than a quarter of the "), "{why}");
        let why = Copy::of(1, &folder.path().join("gone")).unwrap_err();
        assert!(why.contains("there can be no copy of it in"), "{why}");
    }
}
