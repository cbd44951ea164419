//! Real archives, as the programs of a Debian 12 wrote them (fixtures/archives/README.md), and the ways to damage them.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::{CheckFacts, Kind};

/// Returns the path of a fixture.
pub(crate) fn fixture_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/archives")
        .join(name)
}

/// Returns the bytes of a fixture.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(fixture_path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Returns what is in a compressed fixture.
pub(crate) fn decompressed(name: &str) -> Vec<u8> {
    decompressed_bytes(name, &fixture(name)).unwrap()
}

/// Decompresses bytes as the extension of `name` says.
pub(crate) fn decompressed_bytes(name: &str, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut reader: Box<dyn Read + '_> = match name.rsplit_once('.').unwrap().1 {
        "gz" => Box::new(flate2::read::MultiGzDecoder::new(bytes)),
        "xz" => Box::new(lzma_rust2::XzReader::new(bytes, true)),
        "bz2" => Box::new(bzip2::read::MultiBzDecoder::new(bytes)),
        "zst" => Box::new(zstd::stream::read::Decoder::new(bytes)?),
        other => panic!("{other}"),
    };
    let mut raw = Vec::new();
    reader.read_to_end(&mut raw)?;
    Ok(raw)
}

/// Runs the check of a kind over a whole stream, in pieces of three sizes, and expects one and the same verdict.
pub(crate) fn check(kind: Kind, stream: &[u8]) -> Result<CheckFacts, String> {
    let run = |piece: usize| {
        let mut check = kind.stream_check();
        stream.chunks(piece).for_each(|piece| check.feed(piece));
        check.finish()
    };
    let verdict = run(stream.len().max(1));
    for piece in [13, 512] {
        assert_eq!(run(piece).is_ok(), verdict.is_ok(), "pieces of {piece} bytes");
    }
    verdict
}

/// Expects that a stream cut anywhere is not complete.
pub(crate) fn every_cut_is_incomplete(kind: Kind, stream: &[u8]) {
    check(kind, stream).unwrap();
    for cut in 0..stream.len() {
        let mut check = kind.stream_check();
        check.feed(&stream[..cut]);
        assert!(check.finish().is_err(), "{kind} cut at {cut} of {}", stream.len());
    }
}

/// Expects that a stream with one flipped bit, wherever, is not complete.
pub(crate) fn every_flip_is_noticed(kind: Kind, stream: &[u8]) {
    check(kind, stream).unwrap();
    for offset in 0..stream.len() {
        let mut damaged = stream.to_vec();
        damaged[offset] ^= 1 << (offset % 8);
        let mut check = kind.stream_check();
        check.feed(&damaged);
        assert!(check.finish().is_err(), "{kind} with a flipped bit at {offset}");
    }
}
