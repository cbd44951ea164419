//! One member of a tar archive, as header block and extended headers together tell of it.

use super::header::Header;
use super::pax::Records;

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MemberKind {
    File,
    Folder,
    HardLink,
    SymbolicLink,
    Device,
    Fifo,
    /// A type of GNU or of another program, by its flag.
    Other(u8),
}

/// One member.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) kind: MemberKind,
    /// The name that it is unpacked as.
    pub(super) name: Vec<u8>,
    /// What a link leads to.
    pub(super) link: Vec<u8>,
    /// The length of what follows in the archive.
    pub(super) stored: u64,
    /// The length of the file, its holes with it.
    pub(super) size: u64,
    /// Lengths that it has no use for, or names that readers may take differently.
    pub(super) is_ambiguous: bool,
}

/// What stands in front of a member and is about it.
#[derive(Debug, Default)]
pub(super) struct Described {
    /// Records of a pax header.
    pub(super) records: Option<Records>,
    /// GNU's long name, and the long form of what a link leads to.
    pub(super) name: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    /// Some of it was there twice.
    pub(super) is_ambiguous: bool,
}

impl Member {
    /// Joins what is known of a member.
    pub(super) fn new(header: Header, described: Described) -> Member {
        let records = described.records.unwrap_or_default();
        let kind = match header.kind {
            b'0' | 0 | b'7' | b'S' => MemberKind::File,
            b'1' => MemberKind::HardLink,
            b'2' => MemberKind::SymbolicLink,
            b'3' | b'4' => MemberKind::Device,
            b'5' => MemberKind::Folder,
            b'6' => MemberKind::Fifo,
            other => MemberKind::Other(other),
        };
        let size = records.size.unwrap_or(header.size);
        let stored = if header.has_content() { size } else { 0 };
        let is_ambiguous = described.is_ambiguous
            || records.is_ambiguous
            || stored != size
            || (described.name.is_some() && (records.path.is_some() || records.sparse_name.is_some()))
            || (described.link.is_some() && records.link.is_some());
        Member {
            kind,
            stored,
            size: records.real_size.or(header.real_size).unwrap_or(stored),
            name: records
                .sparse_name
                .or(records.path)
                .or(described.name)
                .unwrap_or(header.name),
            link: records.link.or(described.link).unwrap_or(header.link),
            is_ambiguous,
        }
    }
}
