//! Completeness of tar archives: the walk from header to header up to the two zero blocks that end it. Knows v7, ustar,
//! pax and GNU, with their long names and sparse files (POSIX.1-2024 pax; the manual of GNU tar, appendix D).

mod base_backup;
mod header;
mod member;
mod pax;
mod plain;
mod vetting;

use super::walk::{Format, Walker, Want};
use super::{CheckFacts, StreamCheck};
pub(super) use base_backup::base_backup_check;
use header::{BLOCK, Header, padded};
use member::{Described, Member, MemberKind};
use pax::Records;
pub(super) use plain::{Files, walk_files};
use vetting::Vetting;

/// PATH_MAX of Linux, the zero byte at the end with it (limits.h).
const PATH_LIMIT: usize = 4096;
/// Extended headers are read whole; those with the attributes of a file are a few KiB.
const EXTENSION_LIMIT: u64 = 8 << 20;

/// Returns the check of one archive.
pub(super) fn tar_check() -> Box<dyn StreamCheck> {
    Box::new(Walker::new(Archive::default(), Want::Take(BLOCK)))
}

/// Returns the check of one archive that is about to be unpacked: it objects to a member that may not be.
pub(super) fn tar_vetting() -> Box<dyn StreamCheck> {
    let archive = Archive {
        vetting: Some(Vetting::default()),
        ..Archive::default()
    };
    Box::new(Walker::new(archive, Want::Take(BLOCK)))
}

/// What is read next.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Reading {
    #[default]
    Header,
    /// The second of the two zero blocks.
    SecondZeroBlock,
    /// A header about the next member, of this type and length.
    Extension(u8, u64),
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
    /// What headers told about the next member.
    described: Described,
    /// Headers that describe a member were read, and the member is still to come.
    owes_member: bool,
    vetting: Option<Vetting>,
    members: u64,
    folders: u64,
    /// Members that no path of the system reaches: they are in the archive, and no program unpacks them.
    too_long: u64,
    bytes: u64,
    /// The bytes of files, with their holes.
    file_bytes: u64,
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
                self.owes_member = true;
                return self.extension(&header);
            }
            // GNU's long name and long link target.
            b'L' | b'K' => {
                self.owes_member = true;
                return match self.vetting {
                    Some(_) => self.extension(&header),
                    None => self.content(header.size),
                };
            }
            // Settings for all that follows: no member.
            b'g' if self.vetting.is_some() => return self.extension(&header),
            // GNU's name of the volume: no member either.
            b'g' | b'V' => return self.content(header.size),
            _ => {}
        }
        let sparse_map_goes_on = header.sparse_map_goes_on;
        let member = Member::new(header, std::mem::take(&mut self.described));
        self.member(&member)?;
        if sparse_map_goes_on {
            self.reading = Reading::SparseMap(member.stored);
            return Ok(Want::Take(BLOCK));
        }
        self.content(member.stored)
    }

    fn member(&mut self, member: &Member) -> Result<(), String> {
        if let Some(vetting) = &mut self.vetting {
            vetting.member(member)?;
        }
        self.owes_member = false;
        self.members += 1;
        let sum = |sum: u64, size| sum.checked_add(size).ok_or("sizes that cannot be");
        self.bytes = sum(self.bytes, member.stored)?;
        if member.name.len() >= PATH_LIMIT {
            self.too_long += 1;
            return Ok(());
        }
        self.folders += u64::from(member.kind == MemberKind::Folder);
        if member.kind == MemberKind::File {
            self.file_bytes = sum(self.file_bytes, member.size)?;
        }
        Ok(())
    }

    fn extension(&mut self, header: &Header) -> Result<Want, String> {
        if header.size > EXTENSION_LIMIT {
            return Err(format!("an extended header of {} bytes", header.size));
        }
        self.reading = Reading::Extension(header.kind, header.size);
        let length = usize::try_from(padded(header.size)?).map_err(|error| error.to_string())?;
        Ok(Want::Take(length))
    }

    /// Takes the content of a header about the next member.
    fn describe(&mut self, kind: u8, content: &[u8]) -> Result<(), String> {
        let described = &mut self.described;
        let twice = match kind {
            b'L' => described.name.replace(ended_by_zero(content)?).is_some(),
            b'K' => described.link.replace(ended_by_zero(content)?).is_some(),
            b'g' if Records::parse(content)?.is_about_a_member() => {
                return Err("a global header that gives all members a name or a size".to_owned());
            }
            b'g' => false,
            _ => {
                // Only the sizes of an earlier one matter where names do not.
                let mut records = Records::parse(content)?;
                let earlier = described.records.take();
                if let Some(earlier) = &earlier {
                    records.size = records.size.or(earlier.size);
                    records.real_size = records.real_size.or(earlier.real_size);
                }
                described.records = Some(records);
                earlier.is_some() || kind == b'X'
            }
        };
        described.is_ambiguous |= twice;
        Ok(())
    }

    fn content(&mut self, size: u64) -> Result<Want, String> {
        self.reading = Reading::Content;
        Ok(Want::Skip(padded(size)?))
    }
}

/// Returns a text that ends with zero bytes, without them.
fn ended_by_zero(content: &[u8]) -> Result<Vec<u8>, String> {
    let end = content
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    if content[..end].contains(&0) {
        return Err("a long name with a zero byte in it".to_owned());
    }
    Ok(content[..end].to_vec())
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
            Reading::Extension(kind, length) => {
                let length = usize::try_from(length).map_err(|error| error.to_string())?;
                self.describe(kind, &taken[..length])?;
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
            Reading::Extension(..) => "an extended header",
            Reading::SparseMap(_) => "the map of a sparse file",
            Reading::Content => "the content of a member",
            Reading::End => "the padding",
        }
    }

    /// What is content can be counted again in the tree that was unpacked: hard links are names there like others, and
    /// holes count as bytes.
    fn finish(self, total: u64) -> Result<CheckFacts, String> {
        if !total.is_multiple_of(BLOCK as u64) {
            return Err(format!(
                "it has {total} bytes, which are no whole blocks of {BLOCK}"
            ));
        }
        let mut facts = CheckFacts::default();
        facts.insert_count("members", self.members);
        facts.insert_count("bytes", self.bytes);
        facts.insert_content("members", "folders", self.folders);
        facts.insert_content("members", "others", self.members - self.folders - self.too_long);
        if self.too_long > 0 {
            facts.insert_content("members", "too-long", self.too_long);
        }
        facts.insert_content("bytes", "files", self.file_bytes);
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
            let content: u64 = ["members.folders", "members.others"]
                .iter()
                .map(|key| facts.content()[*key].parse::<u64>().unwrap())
                .sum();
            assert_eq!(content.to_string(), *members, "{name}");
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
