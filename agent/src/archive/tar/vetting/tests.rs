//! Archives made byte by byte.

use super::super::super::Kind;
use super::super::super::fixtures::decompressed;
use super::{LINKS_LIMIT, Vetting};
use crate::archive::tar::member::{Member, MemberKind};

const BLOCK: usize = 512;

/// A header block and the content behind it.
pub(super) fn entry(kind: u8, name: &[u8], link: &[u8], content: &[u8]) -> Vec<u8> {
    let mut block = vec![0; BLOCK];
    block[..name.len()].copy_from_slice(name);
    block[100..107].copy_from_slice(b"0000644");
    block[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    block[148..156].fill(b' ');
    block[156] = kind;
    block[157..157 + link.len()].copy_from_slice(link);
    block[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block.extend_from_slice(content);
    block.resize(block.len().next_multiple_of(BLOCK), 0);
    block
}

fn file(name: &str) -> Vec<u8> {
    entry(b'0', name.as_bytes(), b"", b"content")
}

fn symbolic(name: &str, to: &str) -> Vec<u8> {
    entry(b'2', name.as_bytes(), to.as_bytes(), b"")
}

pub(super) fn pax(record: &[u8]) -> Vec<u8> {
    let mut length = record.len() + 3;
    while length != record.len() + 2 + length.to_string().len() {
        length += 1;
    }
    let content = [format!("{length} ").as_bytes(), record, b"\n"].concat();
    entry(b'x', b"PaxHeaders/x", b"", &content)
}

pub(super) fn archive(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut archive = entries.concat();
    archive.resize(archive.len() + 2 * BLOCK, 0);
    archive
}

/// Returns what vetting says of an archive, and expects that a check without it finds nothing.
fn vetted(entries: &[Vec<u8>]) -> Result<(), String> {
    let archive = archive(entries);
    let mut plain = Kind::Tar.stream_check();
    plain.feed(&archive);
    plain.finish().unwrap();
    let mut check = Kind::Tar.restore_check();
    check.feed(&archive);
    let objection = check.objection().map(str::to_owned);
    let verdict = check.finish().map(drop);
    assert_eq!(verdict.clone().err(), objection);
    verdict
}

#[track_caller]
fn refused(entries: &[Vec<u8>], reason: &str) {
    let error = vetted(entries).unwrap_err();
    assert!(error.contains(reason), "{error}");
}

#[test]
fn archives_of_every_form_may_be_unpacked() {
    for name in [
        "posix.tar.gz",
        "gnu.tar.xz",
        "v7.tar.bz2",
        "ustar.tar.zst",
        "posix-sparse-0.1.tar.gz",
    ] {
        let mut check = Kind::Tar.restore_check();
        check.feed(&decompressed(name));
        check.finish().unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn names_that_lead_out_are_refused() {
    for name in ["../a", "a/../../b", "a/..", ".."] {
        refused(&[file(name)], "goes through `..`");
    }
    for name in ["/etc/passwd", "//a", "/"] {
        refused(&[entry(b'5', name.as_bytes(), b"", b"")], "is an absolute name");
    }
    refused(&[file("")], "has no name");
    refused(&[file(".")], "would take the place of the folder itself");
    refused(
        &[symbolic("./", "/etc")],
        "would take the place of the folder itself",
    );
    vetted(&[
        entry(b'5', b"./", b"", b""),
        file("./..a"),
        file("a../b"),
        file("..."),
    ])
    .unwrap();
}

#[test]
fn what_would_be_unpacked_through_a_link_is_refused() {
    refused(
        &[symbolic("a", "/etc"), file("a/passwd")],
        "through a symbolic link",
    );
    refused(
        &[symbolic("a/b", "../c"), file("./a//b/./c/d")],
        "through a symbolic link",
    );
    refused(
        &[symbolic("a", "/etc"), symbolic("a/b", "c")],
        "through a symbolic link",
    );
    refused(&[symbolic("a", "/etc/passwd"), file("a")], "comes again");
    refused(
        &[symbolic("a", "/etc"), entry(b'5', b"a/", b"", b""), file("a/b")],
        "comes again",
    );
    // A second name of a link is a link.
    refused(
        &[
            symbolic("a", "/etc"),
            entry(b'1', b"b", b"a", b""),
            file("b/passwd"),
        ],
        "through a symbolic link",
    );
    vetted(&[
        symbolic("a", "/etc"),
        symbolic("b", "../.."),
        file("ab"),
        file("c/a"),
    ])
    .unwrap();
}

#[test]
fn hard_links_to_what_is_outside_are_refused() {
    refused(&[entry(b'1', b"a", b"/etc/passwd", b"")], "is an absolute name");
    refused(&[entry(b'1', b"a", b"b/../../c", b"")], "goes through `..`");
    refused(&[entry(b'1', b"a", b"", b"")], "has no name");
    refused(
        &[symbolic("a", "/etc"), entry(b'1', b"b", b"a/shadow", b"")],
        "leads through a symbolic link",
    );
    vetted(&[file("a"), entry(b'1', b"b", b"a", b"")]).unwrap();
}

#[test]
fn names_of_extended_headers_are_the_ones_that_count() {
    refused(&[pax(b"path=../a"), file("a")], "goes through `..`");
    refused(&[pax(b"path=a\0b"), file("a")], "zero byte");
    refused(&[pax(b"GNU.sparse.name=/a"), file("a")], "is an absolute name");
    refused(
        &[pax(b"linkpath=/etc"), entry(b'1', b"a", b"b", b"")],
        "is an absolute name",
    );
    refused(
        &[entry(b'L', b"././@LongLink", b"", b"../a\0"), file("a")],
        "goes through `..`",
    );
    refused(
        &[
            entry(b'K', b"././@LongLink", b"", b"/a\0"),
            entry(b'1', b"a", b"b", b""),
        ],
        "is an absolute name",
    );
    refused(
        &[entry(b'L', b"././@LongLink", b"", b"a\0/../b\0"), file("a")],
        "zero byte",
    );
    refused(
        &[entry(b'g', b"pax_global", b"", b"12 path=abc\n"), file("a")],
        "global header",
    );
    vetted(&[
        entry(b'g', b"pax_global", b"", b"13 comment=a\n"),
        pax(b"path=b"),
        file("../a"),
    ])
    .unwrap();
    refused(
        &[
            pax(format!("path={}", "a/".repeat(600_000)).as_bytes()),
            file("a"),
        ],
        "a name longer than a path can be",
    );
}

#[test]
fn what_can_be_read_in_two_ways_is_refused() {
    for entries in [
        vec![pax(b"path=a"), pax(b"path=b"), file("c")],
        vec![
            entry(b'L', b"l", b"", b"a\0"),
            entry(b'L', b"l", b"", b"b\0"),
            file("c"),
        ],
        vec![entry(b'L', b"l", b"", b"a\0"), pax(b"path=b"), file("c")],
        vec![pax(b"size=512"), entry(b'2', b"a", b"b", b"")],
        vec![pax(b"size=512"), entry(b'1', b"a", b"b", b"")],
    ] {
        refused(&entries, "can be read in two ways");
    }
    let twice = entry(b'x', b"x", b"", b"9 path=a\n9 path=b\n");
    refused(&[twice, file("c")], "can be read in two ways");
    refused(&[file("folder/")], "a file by its type and a folder by its name");
    for kind in [b'D', b'M', b'N', b'A'] {
        refused(&[entry(kind, b"a", b"", b"")], "of a type that no backup holds");
    }
}

#[test]
fn a_name_is_shown_without_what_a_terminal_obeys() {
    let error = vetted(&[file("a\n\u{1b}[2J/../b")]).unwrap_err();
    assert_eq!(error, "`a\\n\\u{1b}[2J/../b` goes through `..`");
    vetted(&[file("two\nlines\u{1b}")]).unwrap();
}

#[test]
fn links_are_watched_up_to_a_bound() {
    let mut vetting = Vetting::default();
    let link = |number: usize| Member {
        kind: MemberKind::SymbolicLink,
        name: format!("link {number}").into_bytes(),
        link: b"x".to_vec(),
        stored: 0,
        size: 0,
        is_ambiguous: false,
    };
    for number in 0..LINKS_LIMIT {
        vetting.member(&link(number)).unwrap();
    }
    assert!(
        vetting
            .member(&link(LINKS_LIMIT))
            .unwrap_err()
            .contains("symbolic links")
    );
}
