//! The file of an archive, hashed as it is written, and brought onto the disk while the dump still runs: left to the end,
//! the disk would idle through the dump and the dump's caller would wait for the disk.

use std::fs::File;
use std::io::{self, Write};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use crate::archive::Digest;

/// After so many bytes the disk is given what there is. Small enough to leave little for the end, large enough for a
/// disk to be quick with it.
const PORTION: u64 = 32 << 20;

/// A file that is written.
pub(super) struct ArchiveFile {
    file: File,
    digest: Digest,
    bytes: u64,
    /// The length at which the disk was last given something to do.
    handed_over: u64,
    disk: Disk,
}

/// The thread that waits for the disk.
struct Disk {
    portions: SyncSender<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl ArchiveFile {
    /// Begins with an empty file.
    pub(super) fn new(file: File) -> io::Result<Self> {
        let same = file.try_clone()?;
        let (portions, received) = sync_channel(1);
        // An error of the disk is told once for all descriptors of the file, so this thread must keep it.
        let thread = thread::Builder::new()
            .name("disk".to_owned())
            .spawn(move || received.into_iter().try_for_each(|()| same.sync_data()))?;
        let disk = Disk { portions, thread };
        Ok(ArchiveFile {
            file,
            digest: Digest::default(),
            bytes: 0,
            handed_over: 0,
            disk,
        })
    }

    /// Returns the length so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Waits until everything is on the disk and returns the length and the SHA-256.
    pub(super) fn finish(self) -> io::Result<(u64, String)> {
        drop(self.disk.portions);
        self.disk
            .thread
            .join()
            .map_err(|_| io::Error::other("the thread of the disk has died"))??;
        self.file.sync_all()?;
        Ok((self.bytes, self.digest.hex()))
    }
}

impl Write for ArchiveFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.file.write(bytes)?;
        self.digest.update(&bytes[..length]);
        self.bytes += length as u64;
        if self.bytes - self.handed_over >= PORTION {
            match self.disk.portions.try_send(()) {
                Ok(()) => self.handed_over = self.bytes,
                // It is behind; the portion in the channel will bring this one along.
                Err(TrySendError::Full(())) => {}
                // It ended with an error, which `finish` returns; there is no use in writing on.
                Err(TrySendError::Disconnected(())) => return Err(io::Error::other("the disk failed")),
            }
        }
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek};

    use super::*;

    #[test]
    fn several_portions_are_on_the_disk_and_hashed() {
        let mut file = tempfile::tempfile().unwrap();
        let mut archive = ArchiveFile::new(file.try_clone().unwrap()).unwrap();
        let piece: Vec<u8> = (0..1 << 20).map(|number: u32| number as u8).collect();
        let mut digest = Digest::default();
        for _ in 0..70 {
            archive.write_all(&piece).unwrap();
            digest.update(&piece);
        }
        assert_eq!(archive.bytes(), 70 << 20);
        assert_eq!(archive.finish().unwrap(), (70 << 20, digest.hex()));
        file.rewind().unwrap();
        let mut first = vec![0; piece.len()];
        file.read_exact(&mut first).unwrap();
        assert!(first == piece);
    }

    /// A pipe can be written and not be synced (EINVAL), as a disk that fails.
    #[test]
    fn a_disk_that_fails_is_told() {
        let (_reader, writer) = std::io::pipe().unwrap();
        let writer = File::from(std::os::fd::OwnedFd::from(writer));
        let archive = ArchiveFile::new(writer).unwrap();
        archive.disk.portions.send(()).unwrap();
        assert_eq!(archive.finish().unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
