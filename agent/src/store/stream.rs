//! The way of a stream into its file, in bounded memory: one thread reads the pipe, compresses (zstd has two more
//! threads of its own) and writes; another hashes what was read and checks that it is complete; a third waits for the
//! disk.
//!
//! ```text
//! command ── pipe ── read ──┬── zstd (2 workers) ── SHA-256 ── file ── disk
//!                           └── channel ── SHA-256, check
//! ```

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use zstd::stream::write::Encoder;
use zstd::zstd_safe::CParameter;

use super::archive_file::ArchiveFile;
use crate::archive::{CheckFacts, Digest, StreamCheck};

/// As much as a pipe hands over at once when it is as large as we ask for.
const CHUNK: usize = 512 << 10;
/// Chunks between the two threads. They even out short waits; more would only be memory.
const CHUNKS_AHEAD: usize = 4;
/// What zstd takes by default, and where its speed is that of disks.
const LEVEL: i32 = 3;
const WORKERS: u32 = 2;
/// What a worker compresses at once: half of zstd's choice, for half of its memory.
const PART: u32 = 4 << 20;
/// zstd keeps back megabytes until they fill a part for a worker. A slow stream shall be seen to grow by those who
/// watch the file, for a stall or for a bar, so what came is written out when the file has not grown for this long.
const GROWTH: Duration = Duration::from_secs(2);

/// A stream that was written to its end.
pub(super) struct Streamed {
    /// The length of the stream.
    pub(super) raw_bytes: u64,
    /// Its SHA-256.
    pub(super) raw_sha256: String,
    /// The length of the file.
    pub(super) bytes: u64,
    /// Its SHA-256.
    pub(super) sha256: String,
    /// What the check says of the stream.
    pub(super) verdict: Result<CheckFacts, String>,
}

/// Writes a stream compressed into a file, to the end of the stream and onto the disk.
///
/// # Errors
///
/// Those of reading the stream and of writing the file. The other end of the stream may still be alive then.
pub(super) fn write(
    stream: impl Read,
    file: File,
    check: Option<Box<dyn StreamCheck>>,
) -> io::Result<Streamed> {
    thread::scope(|scope| {
        let (chunks, received) = sync_channel(CHUNKS_AHEAD);
        let witness = thread::Builder::new()
            .name("hash".to_owned())
            .spawn_scoped(scope, || hash(received, check))?;
        let written = compress(stream, file, chunks);
        let hashed = witness
            .join()
            .map_err(|_| io::Error::other("the thread that hashes has died"));
        let (archive, raw_bytes) = written?;
        let (raw_sha256, verdict) = hashed?;
        let (bytes, sha256) = archive.finish()?;
        Ok(Streamed {
            raw_bytes,
            raw_sha256,
            bytes,
            sha256,
            verdict,
        })
    })
}

/// Hashes and checks chunks until the channel is closed.
fn hash(
    chunks: Receiver<Chunk>,
    mut check: Option<Box<dyn StreamCheck>>,
) -> (String, Result<CheckFacts, String>) {
    let mut digest = Digest::default();
    for chunk in chunks {
        let bytes = &chunk.buffer[..chunk.length];
        digest.update(bytes);
        if let Some(check) = &mut check {
            check.feed(bytes);
        }
    }
    (
        digest.hex(),
        check.map_or_else(|| Ok(CheckFacts::default()), |check| check.finish()),
    )
}

/// What was read at once.
struct Chunk {
    buffer: Arc<Vec<u8>>,
    length: usize,
}

/// Compresses the stream into the file and gives every chunk away for hashing.
fn compress(mut stream: impl Read, file: File, chunks: SyncSender<Chunk>) -> io::Result<(ArchiveFile, u64)> {
    let mut encoder = Encoder::new(ArchiveFile::new(file)?, LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.multithread(WORKERS)?;
    encoder.set_parameter(CParameter::JobSize(PART))?;
    let mut buffers = Buffers::default();
    let mut growth = Growth {
        bytes: 0,
        since: Instant::now(),
    };
    let mut raw_bytes = 0;
    loop {
        let (buffer, length) = match buffers.filled_from(&mut stream) {
            Ok((_, 0)) => break,
            Ok(filled) => filled,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        raw_bytes += length as u64;
        let chunk = Chunk {
            buffer: Arc::clone(&buffer),
            length,
        };
        chunks
            .send(chunk)
            .map_err(|_| io::Error::other("the thread that hashes has died"))?;
        encoder.write_all(&buffer[..length])?;
        if growth.stalls(encoder.get_ref().bytes(), Instant::now()) {
            encoder.flush()?;
        }
        buffers.put_back(buffer);
    }
    drop(chunks);
    Ok((encoder.finish()?, raw_bytes))
}

/// Buffers that go round: by the time one comes up again, the other thread is done with it.
#[derive(Default)]
struct Buffers(VecDeque<Arc<Vec<u8>>>);

impl Buffers {
    /// Reads once into a free buffer.
    fn filled_from(&mut self, stream: &mut impl Read) -> io::Result<(Arc<Vec<u8>>, usize)> {
        // In use may be those that wait in the channel and the one that is hashed.
        let free = if self.0.len() > CHUNKS_AHEAD + 1 {
            self.0.pop_front()
        } else {
            None
        };
        let mut buffer = free.unwrap_or_else(|| Arc::new(vec![0; CHUNK]));
        let length = stream.read(Arc::make_mut(&mut buffer).as_mut_slice())?;
        Ok((buffer, length))
    }

    fn put_back(&mut self, buffer: Arc<Vec<u8>>) {
        self.0.push_back(buffer);
    }
}

/// Watches whether a file grows.
struct Growth {
    bytes: u64,
    since: Instant,
}

impl Growth {
    /// Returns whether the file, which has `bytes` now, has not grown for too long. Asked again, it counts from now.
    fn stalls(&mut self, bytes: u64, now: Instant) -> bool {
        let stalls = bytes == self.bytes && now.duration_since(self.since) >= GROWTH;
        if stalls || bytes != self.bytes {
            *self = Growth { bytes, since: now };
        }
        stalls
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, SeekFrom};

    use super::*;
    use crate::archive::{Kind, examine};

    /// Hands a stream out in pieces of changing size.
    struct Pieces<'a>(&'a [u8]);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = (self.0.len() % 70_001 + 1).min(self.0.len()).min(buffer.len());
            let (piece, rest) = self.0.split_at(length);
            buffer[..length].copy_from_slice(piece);
            self.0 = rest;
            Ok(length)
        }
    }

    /// Bytes that compress a little.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8 & 0x3f
        };
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn what_was_written_is_what_was_read_and_both_hashes_are_right() {
        let raw = noise(20_000_003);
        let mut file = tempfile::tempfile().unwrap();
        let streamed = write(Pieces(&raw), file.try_clone().unwrap(), None).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        let mut written = Vec::new();
        file.read_to_end(&mut written).unwrap();
        assert_eq!(
            (streamed.raw_bytes, streamed.bytes),
            (raw.len() as u64, written.len() as u64)
        );
        assert!(zstd::decode_all(&written[..]).unwrap() == raw);
        let digest = |bytes: &[u8]| {
            let mut digest = Digest::default();
            digest.update(bytes);
            digest.hex()
        };
        assert_eq!(
            (streamed.sha256, streamed.raw_sha256),
            (digest(&written), digest(&raw))
        );
        // The frame ends with a checksum: a flipped bit in the content is noticed without the ledger.
        assert_eq!(written[4] & 0b100, 0b100);
        file.seek(SeekFrom::Start(0)).unwrap();
        assert_eq!(examine(file, "a.zst", None).unwrap().raw_bytes, raw.len() as u64);
    }

    #[test]
    fn the_check_sees_the_stream_as_it_passes() {
        let dump = std::fs::read(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/fixtures/archives/postgresql-piped.dump"
        ))
        .unwrap();
        let verdict = |bytes: &[u8]| {
            let check = Some(Kind::Postgresql.stream_check());
            write(Pieces(bytes), tempfile::tempfile().unwrap(), check)
                .unwrap()
                .verdict
        };
        assert_eq!(verdict(&dump).unwrap().get("database"), Some("app"));
        assert!(verdict(&dump[..dump.len() / 2]).is_err());
    }

    #[test]
    fn a_file_that_cannot_be_written_is_an_error() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let error = write(Pieces(&noise(3_000_000)), full, None).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn a_stream_that_cannot_be_read_is_an_error() {
        let error = write(File::open("/").unwrap(), tempfile::tempfile().unwrap(), None)
            .err()
            .unwrap();
        assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
    }

    #[test]
    fn a_slow_stream_is_seen_to_grow() {
        let start = Instant::now();
        let mut growth = Growth {
            bytes: 0,
            since: start,
        };
        assert!(!growth.stalls(0, start + GROWTH / 2));
        assert!(growth.stalls(0, start + GROWTH));
        assert!(
            !growth.stalls(0, start + GROWTH),
            "what is written out has time to arrive"
        );
        assert!(!growth.stalls(7, start + GROWTH * 3), "it has grown");
        assert!(growth.stalls(7, start + GROWTH * 4));
    }

    /// Counts the bytes that reached the file when the stream had handed over its first piece.
    #[test]
    fn flushing_brings_what_came_into_the_file() {
        let archive = ArchiveFile::new(tempfile::tempfile().unwrap()).unwrap();
        let mut encoder = Encoder::new(archive, LEVEL).unwrap();
        encoder.multithread(WORKERS).unwrap();
        encoder.write_all(&noise(1000)).unwrap();
        encoder.flush().unwrap();
        assert!(encoder.get_ref().bytes() > 500);
    }
}
