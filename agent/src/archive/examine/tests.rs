//! Examines whole and damaged files: real ones, cut at every offset, with flipped bits, with something behind them.

use std::io::{Seek, Write};

use super::super::fixtures::{decompressed_bytes, fixture, fixture_path};
use super::*;

fn examine_bytes(name: &str, bytes: &[u8], kind: Option<Kind>) -> Result<Examined, Damage> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    examine(file, name, kind)
}

/// Files with two members, frames or streams each, and where the second begins.
const DOUBLES: [(&str, Compression, usize); 4] = [
    ("two-members.txt.gz", Compression::Gzip, 24),
    ("two-streams.txt.xz", Compression::Xz, 60),
    ("two-streams.txt.bz2", Compression::Bzip2, 42),
    ("two-frames.txt.zst", Compression::Zstd, 17),
];

#[test]
fn every_compression_is_read_to_its_end_and_hashed() {
    for (name, compression, _) in DOUBLES {
        let file = File::open(fixture_path(name)).unwrap();
        let examined = examine(file, name, None).unwrap_or_else(|damage| panic!("{name}: {damage}"));
        assert_eq!(examined.compression, Some(compression));
        assert_eq!(examined.raw_bytes, 8, "{name}: both parts count");
        assert_eq!(examined.bytes, fixture(name).len() as u64);
        let mut digest = Digest::default();
        digest.update(&fixture(name));
        assert_eq!(examined.sha256, digest.hex());
        assert_eq!((examined.kind, examined.facts.iter().count()), (None, 0));
    }
}

#[test]
fn every_cut_is_damage() {
    for (name, _, second) in DOUBLES {
        let bytes = fixture(name);
        // A cut right between two parts leaves a whole file: only the hash can tell.
        for cut in (0..bytes.len()).filter(|cut| *cut != second) {
            assert!(
                examine_bytes(name, &bytes[..cut], None).is_err(),
                "{name} cut at {cut}"
            );
        }
        assert!(
            examine_bytes(name, &bytes[..second], None).is_ok(),
            "{name} cut at {second}"
        );
    }
    for name in [
        "no-checksum.txt.zst",
        "ustar.tar.zst",
        "posix.tar.gz",
        "gnu.tar.xz",
        "v7.tar.bz2",
    ] {
        let bytes = fixture(name);
        examine_bytes(name, &bytes, None).unwrap();
        for cut in 0..bytes.len() {
            assert!(
                examine_bytes(name, &bytes[..cut], None).is_err(),
                "{name} cut at {cut}"
            );
        }
    }
}

#[test]
fn something_behind_the_end_is_damage() {
    for (name, ..) in DOUBLES {
        for tail in [
            b"x".as_slice(),
            b"garbage of more than a few bytes",
            b"\x1f\x8b",
            b"BZh9",
            b"\xfd7zXZ",
        ] {
            let mut bytes = fixture(name);
            bytes.extend_from_slice(tail);
            let damage = examine_bytes(name, &bytes, None).unwrap_err();
            assert!(
                matches!(damage, Damage::Broken { .. }),
                "{name} and {}: {damage}",
                tail.escape_ascii()
            );
        }
    }
}

#[test]
fn flipped_bits_in_the_content_are_damage() {
    // Behind the headers, whose times and names are not summed up.
    for (name, from) in [
        ("posix.tar.gz", 10),
        ("gnu.tar.xz", 0),
        ("v7.tar.bz2", 0),
        ("ustar.tar.zst", 9),
    ] {
        let bytes = fixture(name);
        let content = decompressed_bytes(name, &bytes).unwrap();
        for offset in from..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[offset] ^= 0x10;
            // A few bits tell the decoder nothing: codes that are not used, padding within a byte.
            let harmless = decompressed_bytes(name, &damaged).is_ok_and(|damaged| damaged == content);
            assert_eq!(
                examine_bytes(name, &damaged, None).is_ok(),
                harmless,
                "{name} at {offset}"
            );
        }
    }
}

#[test]
fn nothing_and_the_compressed_form_of_nothing_are_damage() {
    assert_eq!(examine_bytes("a.sql", b"", None), Err(Damage::Empty));
    for name in ["nothing.gz", "nothing.xz", "nothing.bz2", "nothing.zst"] {
        let damage = examine_bytes(name, &fixture(name), None).unwrap_err();
        assert!(matches!(damage, Damage::EmptyInside(_)), "{name}: {damage}");
    }
}

#[test]
fn the_name_and_the_content_must_agree() {
    let gzip = fixture("two-members.txt.gz");
    let damage = examine_bytes("a.zst", &gzip, None).unwrap_err();
    assert_eq!(damage.to_string(), "named as zstd, but its content is gzip");
    let damage = examine_bytes("a.gz", b"CREATE TABLE t", None).unwrap_err();
    assert_eq!(damage.to_string(), "named as gzip, but its content is not");
}

#[test]
fn a_compressed_file_is_recognised_without_an_extension() {
    for (name, compression, _) in DOUBLES {
        let bytes = fixture(name);
        assert_eq!(
            examine_bytes("dump", &bytes, None).unwrap().compression,
            Some(compression)
        );
        assert!(examine_bytes("dump", &bytes[..bytes.len() - 1], None).is_err());
    }
}

#[test]
fn a_tar_inside_is_walked_when_the_name_says_so() {
    let examined = examine_bytes("etc.tar.gz", &fixture("posix.tar.gz"), None).unwrap();
    assert_eq!(
        (examined.kind, examined.facts.get("members")),
        (Some(Kind::Tar), Some("14"))
    );
    assert_eq!(
        examine_bytes("etc.gz", &fixture("posix.tar.gz"), None)
            .unwrap()
            .kind,
        None
    );

    // A whole gzip around half a tar: `tar c / | gzip` after tar was killed.
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder
        .write_all(&super::super::fixtures::decompressed("posix.tar.gz")[..3000])
        .unwrap();
    let half = encoder.finish().unwrap();
    for name in ["etc.tar.gz", "etc.tgz"] {
        let damage = examine_bytes(name, &half, None).unwrap_err();
        assert!(
            matches!(damage, Damage::Incomplete { kind: Kind::Tar, .. }),
            "{damage}"
        );
    }
    examine_bytes("etc.gz", &half, None).unwrap();
}

#[test]
fn a_plain_file_is_hashed_and_checked_by_its_kind() {
    let dump = fixture("mariadb-app.sql");
    let examined = examine_bytes("app.sql", &dump, None).unwrap();
    assert_eq!(
        (examined.compression, examined.raw_bytes),
        (None, dump.len() as u64)
    );
    let examined = examine_bytes("app.sql", &dump, Some(Kind::Mysql)).unwrap();
    assert_eq!(examined.facts.get("database"), Some("app"));
    let damage = examine_bytes("app.sql", &dump[..5000], Some(Kind::Mysql)).unwrap_err();
    assert_eq!(
        damage.to_string(),
        "not a complete `mysql`: its last line is not `-- Dump completed`"
    );
}

#[test]
fn what_store_wrote_is_checked_inside() {
    let dump = zstd::encode_all(&fixture("postgresql-piped.dump")[..], 3).unwrap();
    let examined = examine_bytes("app.dump.zst", &dump, Some(Kind::Postgresql)).unwrap();
    assert_eq!(examined.facts.get("database"), Some("app"));
    let half = zstd::encode_all(&fixture("postgresql-piped.dump")[..9000], 3).unwrap();
    examine_bytes("app.dump.zst", &half, Some(Kind::Postgresql)).unwrap_err();
}

#[test]
fn a_file_that_asks_for_too_much_memory_is_refused() {
    let damage = examine_bytes("a.zst", &fixture("wide-window.zst"), None).unwrap_err();
    assert_eq!(damage, Damage::TooWide(Compression::Zstd));
    let damage = examine_bytes("a.xz", &fixture("wide-dictionary.xz"), None).unwrap_err();
    assert_eq!(damage, Damage::TooWide(Compression::Xz));
}

#[test]
fn a_file_that_cannot_be_read_is_not_called_cut() {
    // Reading a folder fails with EISDIR.
    let damage = examine(File::open("/").unwrap(), "a.gz", None).unwrap_err();
    assert!(matches!(damage, Damage::Unreadable(_)), "{damage}");
}

#[test]
fn a_dump_that_names_itself_is_checked_though_nobody_said_what_it_is() {
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    for (name, kind) in [
        ("mariadb-app.sql", Kind::Mysql),
        ("postgresql-plain.sql", Kind::PostgresqlPlain),
        ("postgresql-globals.sql", Kind::PostgresqlGlobals),
        ("postgresql-piped.dump", Kind::Postgresql),
    ] {
        let dump = fixture(name);
        let file = format!("{name}.gz");
        let examined =
            examine_bytes(&file, &gzip(&dump), None).unwrap_or_else(|damage| panic!("{name}: {damage}"));
        assert_eq!(examined.kind, Some(kind));
        let half = gzip(&dump[..dump.len() / 2]);
        assert!(
            matches!(examine_bytes(&file, &half, None), Err(Damage::Incomplete { .. })),
            "the dump died half way, and the gzip around it is whole: {name}"
        );
    }
    // Without comments it names itself nowhere, and nobody can tell.
    let compact = examine_bytes("x.sql", &fixture("mariadb-compact.sql"), None).unwrap();
    assert_eq!(compact.kind, None);
}
