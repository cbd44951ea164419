//! Hands the content of one file over as it is read: hashed before it is decompressed, so that whoever took the content
//! knows at the end whether it was that of the file it should be.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};

use super::examine::{BUFFER, Source};
use super::{Compression, Damage, Digest};

/// A file that was handed over to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unpacked {
    /// The length of the file.
    pub(crate) bytes: u64,
    /// The SHA-256 of the file, in hexadecimal digits.
    pub(crate) sha256: String,
    /// The length of its content.
    pub(crate) raw_bytes: u64,
}

/// Why a file was not handed over whole.
#[derive(Debug)]
pub(crate) enum UnpackError {
    /// The file is not whole.
    Damage(Damage),
    /// The other side did not take it.
    Taker(io::Error),
}

/// Reads a file to its end and writes its content, decompressed, into `taker`.
///
/// `name` is the file's name, whose extension says how it is compressed; a file that is not compressed so is damaged, and
/// one that is compressed without a name that says it is handed over as it is: its name would have told those who read it.
///
/// # Errors
/// A file that is not whole, and what the taker said. Some of the content may have been taken then.
pub(crate) fn unpack(file: File, name: &str, taker: &mut dyn Write) -> Result<Unpacked, UnpackError> {
    let mut source = Source {
        file,
        goes_on: &|| true,
        digest: Digest::default(),
        bytes: 0,
        failure: None,
    };
    let unreadable = |error: io::Error| UnpackError::Damage(Damage::Unreadable(error.to_string()));
    let head = source.head().map_err(unreadable)?;
    let (named, _) = Compression::of_name(name);
    let found = Compression::of_content(head.get_ref(), named);
    if let Some(named) = named.filter(|named| found != Some(*named)) {
        return Err(UnpackError::Damage(Damage::NotCompressed { named, found }));
    }
    let mut content = head.chain(BufReader::with_capacity(BUFFER, &mut source));
    let handed = match named {
        None => hand_over(&mut content, taker),
        Some(compression) => compression
            .decoder(&mut content)
            .map_err(HandOver::Content)
            .and_then(|mut decoder| hand_over(&mut decoder, taker)),
    };
    let rest = match handed {
        // A decoder that stopped early leaves bytes that are no part of the stream.
        Ok(_) => io::copy(&mut content, &mut io::sink()).unwrap_or(1),
        Err(_) => 0,
    };
    drop(content);
    if let Some(failure) = source.failure {
        return Err(UnpackError::Damage(Damage::Unreadable(failure)));
    }
    let raw_bytes = handed.map_err(|error| match (error, named) {
        (HandOver::Taker(error), _) => UnpackError::Taker(error),
        (HandOver::Content(error), Some(compression)) => UnpackError::Damage(compression.damage(&error)),
        (HandOver::Content(error), None) => unreadable(error),
    })?;
    if let Some(compression) = named.filter(|_| rest > 0) {
        return Err(UnpackError::Damage(Damage::Broken {
            compression,
            reason: "something follows its end".to_owned(),
        }));
    }
    Ok(Unpacked {
        bytes: source.bytes,
        sha256: source.digest.hex(),
        raw_bytes,
    })
}

enum HandOver {
    Content(io::Error),
    Taker(io::Error),
}

fn hand_over(content: &mut dyn Read, taker: &mut dyn Write) -> Result<u64, HandOver> {
    let mut buffer = vec![0; BUFFER];
    let mut bytes = 0;
    loop {
        let length = match content.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(HandOver::Content(error)),
        };
        taker.write_all(&buffer[..length]).map_err(HandOver::Taker)?;
        bytes += length as u64;
    }
    taker.flush().map_err(HandOver::Taker)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Seek as _;

    use super::*;

    fn file(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file.rewind().unwrap();
        file
    }

    fn unpacked(content: &[u8], name: &str) -> Result<(Unpacked, Vec<u8>), UnpackError> {
        let mut taken = Vec::new();
        unpack(file(content), name, &mut taken).map(|unpacked| (unpacked, taken))
    }

    #[test]
    fn what_is_handed_over_is_the_content_and_what_is_hashed_is_the_file() {
        let text = b"a line\n".repeat(100_000);
        let packed = zstd::encode_all(&text[..], 1).unwrap();
        let (told, taken) = unpacked(&packed, "a.zst").unwrap();
        let mut digest = Digest::default();
        digest.update(&packed);
        assert!(taken == text);
        assert_eq!(
            (told.bytes, told.raw_bytes, told.sha256),
            (packed.len() as u64, text.len() as u64, digest.hex())
        );
        let (told, taken) = unpacked(b"plain", "a.sql").unwrap();
        assert_eq!((told.raw_bytes, &taken[..]), (5, &b"plain"[..]));
    }

    #[test]
    fn a_file_that_is_not_whole_is_damaged_and_a_taker_that_stops_is_told_apart() {
        let packed = zstd::encode_all(&b"a line\n".repeat(100_000)[..], 1).unwrap();
        let damage = |content: &[u8], name: &str| match unpacked(content, name) {
            Err(UnpackError::Damage(damage)) => damage.to_string(),
            other => panic!("{other:?}"),
        };
        assert!(damage(&packed[..packed.len() - 1], "a.zst").contains("cut"));
        assert!(!damage(&[&packed[..], b"more"].concat(), "a.zst").is_empty());
        assert!(damage(b"plain", "a.gz").contains("gzip"));
        let mut full = File::options().write(true).open("/dev/full").unwrap();
        let told = unpack(file(&packed), "a.zst", &mut full);
        assert!(matches!(told, Err(UnpackError::Taker(_))), "{told:?}");
    }
}
