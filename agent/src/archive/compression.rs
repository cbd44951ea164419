//! How a file is compressed, by its name and by its first bytes, and the decoders. Their memory is bounded: what a file
//! asks for is not believed.

use std::fmt;
use std::io::{self, BufRead, Read};

use serde::{Deserialize, Serialize};

use super::Damage;

/// The largest window of zstd, as the exponent of two: 128 MiB, what `zstd -d` allows, too.
const ZSTD_WINDOW_LOG: u32 = 27;
/// The memory for the dictionary of xz, in KiB: 128 MiB and the decoder itself. `xz -9` takes half of it.
const XZ_MEMORY: u32 = 129 << 10;

/// A compressed format that is read to its end before it counts as whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Compression {
    /// RFC 1952, one member or several.
    Gzip,
    /// RFC 8878, one frame or several.
    Zstd,
    /// The .xz format, one stream or several.
    Xz,
    /// bzip2, one stream or several.
    Bzip2,
}

impl Compression {
    /// How many of the first bytes [`Compression::of_content`] needs.
    pub(super) const MAGIC: usize = 10;

    /// Returns what the name of a file says, and whether it says that a tar is inside.
    pub(super) fn of_name(name: &str) -> (Option<Compression>, Inside) {
        let name = name.to_ascii_lowercase();
        let Some((stem, extension)) = name.rsplit_once('.') else {
            return (None, Inside::Anything);
        };
        let inside = if stem.ends_with(".tar") {
            Inside::Tar
        } else {
            Inside::Anything
        };
        match extension {
            "tar" => (None, Inside::Tar),
            "gz" => (Some(Compression::Gzip), inside),
            "tgz" | "taz" => (Some(Compression::Gzip), Inside::Tar),
            "zst" => (Some(Compression::Zstd), inside),
            "tzst" => (Some(Compression::Zstd), Inside::Tar),
            "xz" => (Some(Compression::Xz), inside),
            "txz" => (Some(Compression::Xz), Inside::Tar),
            "bz2" => (Some(Compression::Bzip2), inside),
            "tbz" | "tbz2" | "tz2" => (Some(Compression::Bzip2), Inside::Tar),
            _ => (None, Inside::Anything),
        }
    }

    /// Returns what the first bytes of a file say, whose name says `named`.
    pub(super) fn of_content(head: &[u8], named: Option<Compression>) -> Option<Compression> {
        // bzip2: the level, then the mark of a block or of the end; `BZh` alone could begin a text.
        let bzip2 = |rest: &[u8]| {
            matches!(rest, [b'1'..=b'9', mark @ ..]
                if mark.starts_with(b"1AY&SY") || mark.starts_with(b"\x17\x72\x45\x38\x50\x90"))
        };
        match head {
            [0x1f, 0x8b, 8, ..] => Some(Compression::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Compression::Zstd),
            // A frame to skip, as some parallel compressors begin with. LZ4 has the same.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => named.filter(|named| *named == Compression::Zstd),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Compression::Xz),
            [b'B', b'Z', b'h', rest @ ..] if bzip2(rest) => Some(Compression::Bzip2),
            _ => None,
        }
    }

    /// Returns a reader of the decompressed content, over all members, frames or streams.
    pub(super) fn decoder<'a>(self, source: impl BufRead + 'a) -> io::Result<Box<dyn Read + 'a>> {
        Ok(match self {
            Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(source)),
            Compression::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(source)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Box::new(decoder)
            }
            Compression::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(source, true, XZ_MEMORY)),
            Compression::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(source)),
        })
    }

    /// Returns the damage that an error of the decoder stands for.
    pub(super) fn damage(self, error: &io::Error) -> Damage {
        let reason = error.to_string();
        // zstd gives its reasons as texts only.
        let lacks_memory = ["requires too much memory", "not enough memory"];
        if error.kind() == io::ErrorKind::OutOfMemory
            || lacks_memory.iter().any(|words| reason.contains(words))
        {
            return Damage::TooWide(self);
        }
        let reason = if error.kind() == io::ErrorKind::UnexpectedEof {
            "it is cut".to_owned()
        } else {
            reason
        };
        Damage::Broken {
            compression: self,
            reason,
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
            Compression::Xz => "xz",
            Compression::Bzip2 => "bzip2",
        })
    }
}

/// What the name of a file says about its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inside {
    /// A tar archive.
    Tar,
    /// Nothing that could be checked: `.sql` alone does not tell by which program.
    Anything,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_compression_and_a_tar() {
        let told = |name| Compression::of_name(name);
        assert_eq!(told("app.sql.gz"), (Some(Compression::Gzip), Inside::Anything));
        assert_eq!(told("etc.TAR.GZ"), (Some(Compression::Gzip), Inside::Tar));
        assert_eq!(told("etc.tgz"), (Some(Compression::Gzip), Inside::Tar));
        assert_eq!(told("etc.tar"), (None, Inside::Tar));
        assert_eq!(told("etc.tar.zst"), (Some(Compression::Zstd), Inside::Tar));
        assert_eq!(told("etc.txz"), (Some(Compression::Xz), Inside::Tar));
        assert_eq!(told("etc.tar.bz2"), (Some(Compression::Bzip2), Inside::Tar));
        assert_eq!(told("dump.rdb"), (None, Inside::Anything));
        assert_eq!(told("gz"), (None, Inside::Anything));
    }

    #[test]
    fn a_text_that_begins_as_bzip2_does_is_a_text() {
        assert_eq!(Compression::of_content(b"BZh9 is how bzip2 begins", None), None);
        assert_eq!(
            Compression::of_content(b"BZh91AY&SY", None),
            Some(Compression::Bzip2)
        );
        assert_eq!(Compression::of_content(b"", None), None);
    }

    #[test]
    fn a_frame_to_skip_is_of_zstd_when_the_name_says_so() {
        let head = [0x50, 0x2a, 0x4d, 0x18, 0, 0];
        assert_eq!(
            Compression::of_content(&head, Some(Compression::Zstd)),
            Some(Compression::Zstd)
        );
        assert_eq!(Compression::of_content(&head, None), None);
        assert_eq!(Compression::of_content(&head, Some(Compression::Gzip)), None);
    }
}
