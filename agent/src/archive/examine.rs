//! Reads one file once, from its first byte to its last: hashes it, decompresses it and checks what is inside. What a
//! run judges and what `verify` reads again goes through here.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use super::compression::Inside;
use super::{CheckFacts, Compression, Damage, Digest, Kind};

/// Large enough that reading costs few calls, small beside what a decoder takes.
pub(super) const BUFFER: usize = 256 << 10;

/// A file that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Examined {
    /// The length of the file.
    pub(crate) bytes: u64,
    /// The SHA-256 of the file, in hexadecimal digits.
    pub(crate) sha256: String,
    /// How it is compressed, if it is.
    pub(crate) compression: Option<Compression>,
    /// The length of its content, decompressed.
    pub(crate) raw_bytes: u64,
    /// What its content was checked to be, if it was.
    pub(crate) kind: Option<Kind>,
    /// What the content told about itself.
    pub(crate) facts: CheckFacts,
}

/// Does what [`examine_while`] does, and goes on whatever comes.
#[cfg(test)]
pub(crate) fn examine(file: File, name: &str, kind: Option<Kind>) -> Result<Examined, Damage> {
    examine_while(file, name, kind, &|| true)
}

/// Reads a regular file from its beginning to its end while `goes_on` says so, and returns what it is, or why it is no
/// good archive.
///
/// `name` is the file's name, of which the extensions count: a `.gz` must be gzip, in a `.tar.gz` must be a whole
/// tar. A compressed file is recognised by its first bytes, too. `kind` is what the content is known to be.
/// Memory is bounded by the decoders' windows, at most about 130 MiB.
pub(crate) fn examine_while(
    file: File,
    name: &str,
    kind: Option<Kind>,
    goes_on: &dyn Fn() -> bool,
) -> Result<Examined, Damage> {
    let mut source = Source {
        file,
        goes_on,
        digest: Digest::default(),
        bytes: 0,
        failure: None,
    };
    let head = source
        .head()
        .map_err(|error| Damage::Unreadable(error.to_string()))?;
    if head.get_ref().is_empty() {
        return Err(Damage::Empty);
    }
    let (named, inside) = Compression::of_name(name);
    let found = Compression::of_content(head.get_ref(), named);
    if let Some(named) = named.filter(|named| found != Some(*named)) {
        return Err(Damage::NotCompressed { named, found });
    }
    let kind = kind.or((inside == Inside::Tar).then_some(Kind::Tar));

    let mut reader = BufReader::with_capacity(BUFFER, &mut source);
    let mut content = head.chain(&mut reader);
    let walked = match found {
        Some(compression) => walk_compressed(compression, &mut content, kind, goes_on),
        None => walk(&mut content, kind, goes_on).map_err(|error| Damage::Unreadable(error.to_string())),
    };
    drop(content);
    drop(reader);
    // An error of the disk reaches us through the decoder, as an error of the stream.
    if let Some(failure) = source.failure {
        return Err(Damage::Unreadable(failure));
    }
    let Walked {
        raw_bytes,
        kind,
        verdict,
    } = walked?;
    let facts = match (kind, verdict) {
        (_, Ok(facts)) => facts,
        (Some(kind), Err(reason)) => return Err(Damage::Incomplete { kind, reason }),
        (None, Err(reason)) => return Err(Damage::Unreadable(reason)),
    };
    Ok(Examined {
        bytes: source.bytes,
        sha256: source.digest.hex(),
        compression: found,
        raw_bytes,
        kind,
        facts,
    })
}

/// A content that was read to its end.
struct Walked {
    raw_bytes: u64,
    /// What it was known or recognised to be.
    kind: Option<Kind>,
    verdict: Result<CheckFacts, String>,
}

fn walk_compressed(
    compression: Compression,
    source: &mut dyn BufRead,
    kind: Option<Kind>,
    goes_on: &dyn Fn() -> bool,
) -> Result<Walked, Damage> {
    let mut decoder = compression
        .decoder(&mut *source)
        .map_err(|error| compression.damage(&error))?;
    let walked = walk(&mut decoder, kind, goes_on).map_err(|error| compression.damage(&error))?;
    drop(decoder);
    // A decoder that stopped early leaves bytes that are no part of the stream.
    match source.fill_buf() {
        Ok([]) => {}
        Ok(_) => {
            return Err(Damage::Broken {
                compression,
                reason: "something follows its end".to_owned(),
            });
        }
        Err(error) => return Err(Damage::Unreadable(error.to_string())),
    }
    if walked.raw_bytes == 0 {
        return Err(Damage::EmptyInside(compression));
    }
    Ok(walked)
}

/// Reads a content to its end and checks it, as the kind it is known to be or names itself.
fn walk(content: &mut dyn Read, kind: Option<Kind>, goes_on: &dyn Fn() -> bool) -> io::Result<Walked> {
    let mut head = Vec::new();
    content.take(Kind::HEAD as u64).read_to_end(&mut head)?;
    let kind = kind.or_else(|| Kind::of_content(&head));
    let mut check = kind.map(Kind::stream_check);
    let mut raw_bytes = head.len() as u64;
    if let Some(check) = &mut check {
        check.feed(&head);
    }
    let mut buffer = vec![0; BUFFER];
    loop {
        // A few bytes may hold hours of content.
        if !goes_on() {
            return Err(io::Error::other("the reading was stopped"));
        }
        let length = match content.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        raw_bytes += length as u64;
        if let Some(check) = &mut check {
            check.feed(&buffer[..length]);
        }
    }
    let verdict = check.map_or_else(|| Ok(CheckFacts::default()), |check| check.finish());
    Ok(Walked {
        raw_bytes,
        kind,
        verdict,
    })
}

/// The file, hashed as it is read.
pub(super) struct Source<'a> {
    pub(super) file: File,
    pub(super) goes_on: &'a dyn Fn() -> bool,
    pub(super) digest: Digest,
    pub(super) bytes: u64,
    pub(super) failure: Option<String>,
}

impl Source<'_> {
    /// Reads the first bytes, fewer than asked for only where the file ends.
    pub(super) fn head(&mut self) -> io::Result<io::Cursor<Vec<u8>>> {
        let mut head = Vec::new();
        self.by_ref()
            .take(Compression::MAGIC as u64)
            .read_to_end(&mut head)?;
        Ok(io::Cursor::new(head))
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !(self.goes_on)() {
            self.failure = Some("the reading was stopped".to_owned());
            return Err(io::Error::other("the reading was stopped"));
        }
        let length = self.file.read(buffer).inspect_err(|error| {
            if error.kind() != io::ErrorKind::Interrupted {
                self.failure = Some(error.to_string());
            }
        })?;
        self.digest.update(&buffer[..length]);
        self.bytes += length as u64;
        Ok(length)
    }
}

#[cfg(test)]
mod tests;
