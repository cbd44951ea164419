//! Completeness of tar archives: the walk from header to header up to the two zero blocks that end it. Knows v7, ustar,
//! pax and GNU, with their long names and sparse files (POSIX.1-2024 pax; the manual of GNU tar, appendix D).

mod base_backup;
mod header;
mod pax;
mod plain;

use super::walk::{Format, Walker, Want};
use super::{CheckFacts, StreamCheck};
pub(super) use base_backup::base_backup_check;
use header::{BLOCK, Header, padded};
pub(super) use plain::{Files, walk_files};

/// Extended headers are read whole to find a size in them; those with the attributes of a file are a few KiB.
const EXTENSION_LIMIT: u64 = 8 << 20;

/// Returns the check of one archive.
pub(super) fn tar_check() -> Box<dyn StreamCheck> {
    Box::new(Walker::new(Archive::default(), Want::Take(BLOCK)))
}

/// What is read next.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Reading {
    #[default]
    Header,
    /// The second of the two zero blocks.
    SecondZeroBlock,
    /// A pax header for the next member, of this length.
    Extension(u64),
    /// More of the map of a sparse file in GNU's old form, before the data of this length.
    SparseMap(u64),
    /// What belongs to a member or to a header whose content does not matter here.
    Content,
    End,
}

/// The walk through one archive.
#[derive(Default)]
struct Archive {
    reading: Reading,
    /// The size that a pax header gives to the next member.
    next_size: Option<u64>,
    /// Headers that describe a member were read, and the member is still to come.
    owes_member: bool,
    members: u64,
    bytes: u64,
}

impl Archive {
    fn header(&mut self, block: &[u8]) -> Result<Want, String> {
        let Some(header) = Header::parse(block)? else {
            if self.owes_member {
                return Err("it ends between an extended header and its member".to_owned());
            }
            self.reading = Reading::SecondZeroBlock;
            return Ok(Want::Take(BLOCK));
        };
        match header.kind {
            b'x' | b'X' => {
                if header.size > EXTENSION_LIMIT {
                    return Err(format!("an extended header of {} bytes", header.size));
                }
                self.owes_member = true;
                self.reading = Reading::Extension(header.size);
                let length = usize::try_from(padded(header.size)?).map_err(|error| error.to_string())?;
                return Ok(Want::Take(length));
            }
            // GNU's long name and long link target.
            b'L' | b'K' => {
                self.owes_member = true;
                return self.content(header.size);
            }
            // Settings for all that follows, and GNU's name of the volume: no members.
            b'g' | b'V' => return self.content(header.size),
            _ => {}
        }
        let size = self.next_size.take().unwrap_or(header.size);
        let size = if header.has_content() { size } else { 0 };
        self.owes_member = false;
        self.members += 1;
        self.bytes = self.bytes.checked_add(size).ok_or("sizes that cannot be")?;
        if header.sparse_map_goes_on {
            self.reading = Reading::SparseMap(size);
            return Ok(Want::Take(BLOCK));
        }
        self.content(size)
    }

    fn content(&mut self, size: u64) -> Result<Want, String> {
        self.reading = Reading::Content;
        Ok(Want::Skip(padded(size)?))
    }
}

impl Format for Archive {
    fn step(&mut self, taken: &[u8]) -> Result<Want, String> {
        match self.reading {
            Reading::Header => self.header(taken),
            Reading::SecondZeroBlock => {
                if taken.iter().any(|byte| *byte != 0) {
                    return Err("a lone block of zeros stands before a member".to_owned());
                }
                self.reading = Reading::End;
                Ok(Want::Zeros)
            }
            Reading::Extension(length) => {
                let length = usize::try_from(length).map_err(|error| error.to_string())?;
                self.next_size = pax::size(&taken[..length])?.or(self.next_size);
                self.reading = Reading::Header;
                Ok(Want::Take(BLOCK))
            }
            Reading::SparseMap(size) => {
                if header::map_goes_on(taken) {
                    return Ok(Want::Take(BLOCK));
                }
                self.content(size)
            }
            Reading::Content => {
                self.reading = Reading::Header;
                Ok(Want::Take(BLOCK))
            }
            Reading::End => Ok(Want::Zeros),
        }
    }

    fn part(&self) -> &'static str {
        match self.reading {
            Reading::Header if self.owes_member => "the header of a member",
            Reading::Header => "the header of a member, without the two blocks of zeros that end an archive",
            Reading::SecondZeroBlock => "the two blocks of zeros that end an archive",
            Reading::Extension(_) => "an extended header",
            Reading::SparseMap(_) => "the map of a sparse file",
            Reading::Content => "the content of a member",
            Reading::End => "the padding",
        }
    }

    fn finish(self, total: u64) -> Result<CheckFacts, String> {
        if !total.is_multiple_of(BLOCK as u64) {
            return Err(format!(
                "it has {total} bytes, which are no whole blocks of {BLOCK}"
            ));
        }
        let mut facts = CheckFacts::default();
        facts.insert_count("members", self.members);
        facts.insert_count("bytes", self.bytes);
        Ok(facts)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::super::fixtures::{check, decompressed};

    const ARCHIVES: [(&str, &str); 7] = [
        ("posix.tar.gz", "14"),
        ("gnu.tar.xz", "14"),
        ("v7.tar.bz2", "5"),
        ("ustar.tar.zst", "6"),
        ("posix-sparse-0.1.tar.gz", "3"),
        ("gnu-incremental.tar.xz", "12"),
        ("nothing.tar.bz2", "0"),
    ];

    #[test]
    fn archives_of_every_form_are_complete_and_their_members_counted() {
        for (name, members) in ARCHIVES {
            let facts =
                check(Kind::Tar, &decompressed(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(facts.get("members"), Some(members), "{name}");
        }
    }

    /// Cuts in the padding behind the two zero blocks lose nothing; cuts within a block are noticed even there.
    #[test]
    fn every_cut_before_the_end_is_noticed() {
        for (name, _) in ARCHIVES {
            let archive = decompressed(name);
            let content = archive
                .iter()
                .rposition(|byte| *byte != 0)
                .map_or(0, |last| last / 512 * 512 + 512);
            // The long archives are mostly one file.
            let step = 1 + archive.len() / 512 / 50;
            let cuts = (0..archive.len()).filter(|cut| cut / 512 % step == 0);
            let cuts = cuts.filter(|cut| cut % 512 < 2 || cut % 512 == 511);
            for cut in cuts.filter(|cut| *cut < content + 1024 || cut % 512 != 0) {
                let mut check = Kind::Tar.stream_check();
                check.feed(&archive[..cut]);
                assert!(
                    check.finish().is_err(),
                    "{name} cut at {cut} of {}",
                    archive.len()
                );
            }
        }
    }

    #[test]
    fn a_flipped_bit_in_a_header_is_noticed() {
        let archive = decompressed("ustar.tar.zst");
        for offset in 0..512 {
            let mut damaged = archive.clone();
            damaged[offset] ^= 1;
            assert!(check(Kind::Tar, &damaged).is_err(), "byte {offset}");
        }
    }

    #[test]
    fn what_follows_the_end_is_noticed() {
        let mut archive = decompressed("ustar.tar.zst");
        archive.extend_from_slice(&[b'x'; 512]);
        assert!(
            check(Kind::Tar, &archive)
                .unwrap_err()
                .contains("something follows its end")
        );
    }

    #[test]
    fn a_lone_block_of_zeros_is_noticed() {
        let archive = decompressed("ustar.tar.zst");
        let mut damaged = vec![0; 512];
        damaged.extend_from_slice(&archive);
        assert!(
            check(Kind::Tar, &damaged)
                .unwrap_err()
                .contains("lone block of zeros")
        );
    }

    #[test]
    fn what_is_no_tar_is_noticed() {
        assert!(
            check(Kind::Tar, &[b'a'; 10_240])
                .unwrap_err()
                .contains("checksum")
        );
        assert!(check(Kind::Tar, &[0; 512]).is_err());
    }
}
