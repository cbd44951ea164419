//! A log in pieces: its head, and as many of the last pieces as the limit leaves room for.
//!
//! The head is `{service}.log`, a later piece `{service}.log.{position}`, where the position is the place of its first
//! byte in all that the script printed. Older pieces are removed as new ones come, so a reader knows from the positions
//! how many bytes are missing.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use batt_protocol::Error;

use crate::files;

/// A quarter of the limit is for the head; the tail has the rest in this many pieces.
const TAIL_PIECES: u64 = 8;

/// Writes a log within its limit.
#[derive(Debug)]
pub(crate) struct LogWriter {
    head: PathBuf,
    limit: u64,
    written: u64,
    piece: File,
    piece_end: u64,
    tail: std::collections::VecDeque<PathBuf>,
}

impl LogWriter {
    /// Starts a log.
    pub(crate) fn create(head: &Path, limit: u64) -> Result<Self, Error> {
        let limit = limit.max(4 * TAIL_PIECES);
        Ok(Self {
            piece: create(head)?,
            head: head.to_owned(),
            limit,
            written: 0,
            piece_end: limit / 4,
            tail: std::collections::VecDeque::new(),
        })
    }

    /// Adds bytes.
    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            if self.written == self.piece_end {
                self.start_piece()?;
            }
            let room = usize::try_from(self.piece_end - self.written).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.piece.write_all(now).map_err(|cause| {
                Error::system(format!("cannot write the log `{}`", self.head.display()), cause)
            })?;
            self.written += now.len() as u64;
            bytes = later;
        }
        Ok(())
    }

    fn start_piece(&mut self) -> Result<(), Error> {
        if self.tail.len() as u64 == TAIL_PIECES
            && let Some(oldest) = self.tail.pop_front()
        {
            let _ = fs::remove_file(oldest);
        }
        let path = piece_path(&self.head, self.written);
        self.piece = create(&path)?;
        self.tail.push_back(path);
        self.piece_end = self.written + (self.limit - self.limit / 4) / TAIL_PIECES;
        Ok(())
    }
}

fn create(path: &Path) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    files::open_own(path, &mut options)
        .map_err(|cause| Error::system(format!("cannot make the log `{}`", path.display()), cause))
}

fn piece_path(head: &Path, position: u64) -> PathBuf {
    let mut name = head.as_os_str().to_owned();
    name.push(format!(".{position:020}"));
    PathBuf::from(name)
}

/// Reads a log, while it grows or later.
#[derive(Debug)]
pub(crate) struct LogReader {
    head: PathBuf,
}

impl LogReader {
    /// Returns a reader of the log that begins in `head`.
    pub(crate) fn new(head: &Path) -> Self {
        Self {
            head: head.to_owned(),
        }
    }

    /// Returns the next bytes from `position` on and the place of the first of them, which is beyond `position` where
    /// bytes were dropped. None when there is nothing more now.
    pub(crate) fn read(&self, position: u64, most: usize) -> Result<Option<(u64, Vec<u8>)>, Error> {
        for (start, path) in self.pieces() {
            let Ok(mut file) = files::open_own(&path, OpenOptions::new().read(true)) else {
                continue;
            };
            let length = file.metadata().map_or(0, |metadata| metadata.len());
            if start + length <= position {
                continue;
            }
            let from = position.max(start);
            let mut bytes = Vec::new();
            file.seek(SeekFrom::Start(from - start))
                .and_then(|_| file.take(most as u64).read_to_end(&mut bytes))
                .map_err(|cause| Error::system(format!("cannot read the log `{}`", path.display()), cause))?;
            return Ok(Some((from, bytes)));
        }
        Ok(None)
    }

    /// Returns the last lines of the log, at most `lines` and 4 KiB.
    pub(crate) fn last_lines(&self, lines: usize) -> Vec<String> {
        self.last_lines_within(lines, 4 << 10)
    }

    /// Returns the last lines of the log, at most `lines` of its last `most` bytes.
    pub(crate) fn last_lines_within(&self, lines: usize, most: u64) -> Vec<String> {
        let end = self.pieces().last().map_or(0, |(start, path)| {
            start + fs::metadata(path).map_or(0, |metadata| metadata.len())
        });
        let mut bytes = Vec::new();
        let mut position = end.saturating_sub(most);
        while let Ok(Some((from, more))) = self.read(position, 64 << 10) {
            position = from + more.len() as u64;
            bytes.extend(more);
        }
        let text = String::from_utf8_lossy(&bytes);
        let all: Vec<&str> = text
            .lines()
            .map(str::trim_end)
            .filter(|line| !line.is_empty())
            .collect();
        all[all.len().saturating_sub(lines)..]
            .iter()
            .map(|line| (*line).to_owned())
            .collect()
    }

    fn pieces(&self) -> Vec<(u64, PathBuf)> {
        let mut pieces = vec![(0, self.head.clone())];
        let prefix = format!("{}.", self.head.file_name().unwrap_or_default().to_string_lossy());
        let folder = self.head.parent().unwrap_or(Path::new("/"));
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let position = name
                .to_str()
                .and_then(|name| name.strip_prefix(&prefix)?.parse().ok());
            pieces.extend(position.map(|position| (position, entry.path())));
        }
        pieces.sort();
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(reader: &LogReader) -> (Vec<u8>, u64) {
        let (mut all, mut position, mut dropped) = (Vec::new(), 0, 0);
        while let Some((from, bytes)) = reader.read(position, 7).unwrap() {
            dropped += from - position;
            position = from + bytes.len() as u64;
            all.extend(bytes);
        }
        (all, dropped)
    }

    #[test]
    fn a_flood_keeps_its_head_and_its_tail_and_counts_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let head = folder.path().join("x.log");
        let mut writer = LogWriter::create(&head, 1_000).unwrap();
        let text: Vec<u8> = (0..10_000u32)
            .flat_map(|number| format!("{number:05}\n").into_bytes())
            .collect();
        text.chunks(77).for_each(|chunk| writer.write(chunk).unwrap());
        let (kept, dropped) = read_all(&LogReader::new(&head));
        assert!(kept.len() <= 1_000 && kept.len() > 850, "{}", kept.len());
        assert_eq!(kept.len() as u64 + dropped, text.len() as u64);
        assert!(kept.starts_with(&text[..250]));
        assert!(text.ends_with(&kept[kept.len() - 600..]));
        assert_eq!(LogReader::new(&head).last_lines(2), ["09998", "09999"]);
    }

    #[test]
    fn a_short_log_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let head = folder.path().join("x.log");
        let mut writer = LogWriter::create(&head, 1_000).unwrap();
        assert_eq!(read_all(&LogReader::new(&head)), (Vec::new(), 0));
        writer.write(b"one\n\xff\x00two").unwrap();
        assert_eq!(
            read_all(&LogReader::new(&head)),
            (b"one\n\xff\x00two".to_vec(), 0)
        );
    }
}
