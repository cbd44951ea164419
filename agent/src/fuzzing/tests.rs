//! The properties over random bytes, over text of the words that each parser knows, and over real files with random damage.

mod state;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::archive::fixtures::{decompressed, fixture};

/// A change of a file at a place that is a share of its length.
#[derive(Debug, Clone)]
enum Damage {
    Flip(f64, u8),
    Cut(f64),
    Remove(f64, usize),
    Insert(f64, Vec<u8>),
    Repeat(f64, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let place = 0.0..1.0;
    prop_oneof![
        4 => (place.clone(), 1u8..).prop_map(|(place, mask)| Damage::Flip(place, mask)),
        1 => place.clone().prop_map(Damage::Cut),
        2 => (place.clone(), 1usize..600).prop_map(|(place, length)| Damage::Remove(place, length)),
        2 => (place.clone(), vec(any::<u8>(), 1..60)).prop_map(|(place, bytes)| Damage::Insert(place, bytes)),
        1 => (place, 1usize..2000).prop_map(|(place, length)| Damage::Repeat(place, length)),
    ]
}

fn damaged(mut bytes: Vec<u8>, damages: &[Damage]) -> Vec<u8> {
    for damage in damages {
        let at = |place: &f64| ((bytes.len() as f64 * place) as usize).min(bytes.len());
        match damage {
            Damage::Flip(place, mask) => {
                let at = at(place);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= mask;
                }
            }
            Damage::Cut(place) => bytes.truncate(at(place)),
            Damage::Remove(place, length) => {
                let start = at(place);
                let end = (start + length).min(bytes.len());
                bytes.drain(start..end);
            }
            Damage::Insert(place, more) => {
                let at = at(place);
                bytes.splice(at..at, more.iter().copied());
            }
            Damage::Repeat(place, length) => {
                let start = at(place);
                let end = (start + length).min(bytes.len());
                let piece = bytes[start..end].to_vec();
                bytes.splice(start..start, piece);
            }
        }
    }
    bytes
}

/// Text of the words and marks that a parser knows, and of any characters.
fn text_of(words: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        6 => select(words).prop_map(str::to_owned),
        2 => select(&["\n", " ", "=", "\"", "'", "\\", "#", "{", "}", "[", "]", ",", ":", "%", "/", "\t"][..])
            .prop_map(str::to_owned),
        1 => "\\PC{0,4}",
        1 => any::<char>().prop_map(String::from),
    ];
    vec(word, 0..60).prop_map(|words| words.concat().into_bytes())
}

/// Real content of each kind.
fn content() -> impl Strategy<Value = (usize, Vec<u8>)> {
    let place = |kind: Kind| Kind::ALL.iter().position(|known| *known == kind).unwrap();
    let plain = [
        (Kind::Mysql, "mariadb-app.sql"),
        (Kind::Mysql, "mariadb-undated.sql"),
        (Kind::Mysql, "mariadb-accounts.sql"),
        (Kind::Postgresql, "postgresql-piped.dump"),
        (Kind::Postgresql, "postgresql-seekable.dump"),
        (Kind::Postgresql, "postgresql-uncompressed.dump"),
        (Kind::Postgresql, "postgresql-schema.dump"),
        (Kind::PostgresqlPlain, "postgresql-plain.sql"),
        (Kind::PostgresqlGlobals, "postgresql-globals.sql"),
        (Kind::Rdb, "redis-checksum.rdb"),
        (Kind::Rdb, "redis-no-checksum.rdb"),
        (Kind::Rdb, "redis-cli.rdb"),
        (Kind::Sqlite, "sqlite.db"),
        (Kind::Sqlite, "sqlite-backup.db"),
    ];
    let packed = [
        (Kind::Tar, "posix.tar.gz"),
        (Kind::Tar, "ustar.tar.zst"),
        (Kind::Tar, "gnu-incremental.tar.xz"),
        (Kind::Tar, "v7.tar.bz2"),
        (Kind::PostgresqlBase, "gnu.tar.xz"),
    ];
    let mut contents: Vec<(usize, Vec<u8>)> = plain
        .iter()
        .map(|(kind, name)| (place(*kind), fixture(name)))
        .collect();
    contents.extend(
        packed
            .iter()
            .map(|(kind, name)| (place(*kind), decompressed(name))),
    );
    select(contents)
}

/// Real files, and the name of each by its place.
fn file() -> impl Strategy<Value = (usize, Vec<u8>)> {
    let names = [
        (1, "two-members.txt.gz"),
        (1, "nothing.gz"),
        (2, "posix.tar.gz"),
        (3, "two-frames.txt.zst"),
        (3, "no-checksum.txt.zst"),
        (3, "wide-window.zst"),
        (4, "ustar.tar.zst"),
        (5, "two-streams.txt.xz"),
        (5, "wide-dictionary.xz"),
        (6, "two-streams.txt.bz2"),
        (8, "v7.tar.bz2"),
        (0, "postgresql-globals.sql"),
        (0, "mariadb-undated.sql"),
    ];
    let files: Vec<_> = names.iter().map(|(name, file)| (*name, fixture(file))).collect();
    select(files)
}

const SETTINGS: &[&str] = &[
    "path = ",
    "\"/srv/{host}/%Y\"",
    "reserve = ",
    "\"1GiB\"",
    "jobs = ",
    "64",
    "-1",
    "[defaults]\n",
    "[service.mysql]\n",
    "[service.\"redis@1\"]\n",
    "items = ",
    "[\"a\"]",
    "max_duration = ",
    "\"6h\"",
    "max_shrink = ",
    "\"50%\"",
    "nice = ",
    "true",
    "[retention]\n",
    "keep_last = ",
    "max_days = ",
    "\u{1b}[31m",
    "unknown = ",
    "1e9",
    "log_limit = ",
    "[hooks]\n",
];
const CONF: &[&str] = &[
    "A",
    "B_1",
    "export ",
    "BATT_DEST",
    "=",
    "$HOME",
    "`id`",
    "$(id)",
    "'",
    "\"",
    "\\",
    "\n",
    " # ",
    "two words",
    "\r\n",
    "\u{feff}",
    "PASSWORD",
    ";",
    "|",
    "*",
];
const HEADER: &[&str] = &[
    "#!/bin/sh\n",
    "# batt: ",
    "summary ",
    "option ",
    "--mysql-db ",
    "NAME ",
    "needs ",
    "restore ",
    "pg_dump ",
    "\n",
    "echo x\n",
    "--X ",
    "#",
    "a|b",
    "\r",
    "secret ",
];
const PATTERN: &[&str] = &[
    "/", "%Y", "%m", "%d", "%", "%%", "{host}", "{", "}", "..", ".", "opt", "%-d", "%#z", "%:z", "%s", "%e",
    "%+", "%3f", "%.3f", "%c", "%n", "%t", "é", "//", "%D", "%x",
];
const SUMS: &[&str] = &[
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "  ",
    "a",
    "deep/b",
    "\n",
    "\\",
    "\\n",
    "\\\\",
    "*",
    "\r",
];
const LEDGER: &[&str] = &[
    r#"{"record":"store-began","name":"a","file":"a.zst"}"#,
    r#"{"record":"store-failed","name":"a","file":"a.zst","reason":"x"}"#,
    r#"{"record":"store-ended","name":"a","file":"a.zst","check":"mysql","raw_bytes":9,"bytes":8,"sha256":"s","raw_sha256":"r","seconds":0.5,"facts":{}}"#,
    r#"{"record":"fact","key":"rows a","value":"1"}"#,
    r#"{"record":"fact","of":"a","key":"rows.a","value":"1"}"#,
    r#"{"record":"call-refused","words":"store","reason":"x"}"#,
    r#"{"record":"missing","name":"a","reason":"x"}"#,
    r#"{"record":"fact-refused","of":"a","reason":"x"}"#,
    "\n",
    "\n",
    "\n",
    "{",
    "}",
    "[]",
    "null",
    "\u{1b}",
];
const JSON: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"record\"",
    "\"published\"",
    "\"verified\"",
    "\"removed\"",
    "\"id\"",
    "\"at\"",
    "null",
    "\"2026-01-31T02:30:00Z\"",
    "\"20260131T023000Z-00000a.mysql\"",
    "\"20260131T023000Z-00000a\"",
    "\"service\"",
    "\"mysql\"",
    "\"run\"",
    "1",
    "-1",
    "1e400",
    "\"request\"",
    "\"format\"",
    "\\u0000",
    "\n",
];

/// A manifest as it is written.
fn manifest_text() -> Vec<u8> {
    let manifest = crate::backup::manifest_of("20260131T023000Z-00000a", &["a"], &["a.zst", "b"]);
    serde_json::to_vec_pretty(&manifest).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn settings_of_any_text(words in text_of(SETTINGS), bytes in vec(any::<u8>(), 0..200)) {
        settings(&words);
        settings(&bytes);
    }

    #[test]
    fn conf_files_of_any_text(words in text_of(CONF), bytes in vec(any::<u8>(), 0..200)) {
        conf_file(&words);
        conf_file(&bytes);
    }

    #[test]
    fn headers_of_any_text(words in text_of(HEADER), bytes in vec(any::<u8>(), 0..200)) {
        script_header(&words);
        script_header(&bytes);
    }

    #[test]
    fn patterns_of_any_text(words in text_of(PATTERN), text in "/\\PC{0,20}") {
        path_pattern(&words);
        path_pattern(&[b"/".as_slice(), &words].concat());
        path_pattern(text.as_bytes());
    }

    #[test]
    fn sums_of_any_text(words in text_of(SUMS), bytes in vec(any::<u8>(), 0..200)) {
        sums(&words);
        sums(&bytes);
        let lines = [SUMS[0].as_bytes(), b"  ", &words, b"\n"].concat();
        sums(&lines);
    }

    #[test]
    fn ledgers_of_any_text(words in text_of(LEDGER), bytes in vec(any::<u8>(), 0..200)) {
        ledger(&words);
        ledger(&bytes);
    }

    #[test]
    fn lines_of_a_catalogue_and_of_a_wire_of_any_text(words in text_of(JSON), cuts in vec(any::<u8>(), 1..8)) {
        catalogue_line(&words);
        manifest(&words);
        wire(&words, &cuts);
    }

    #[test]
    fn keys_of_facts_of_any_text(text in "\\PC{0,40}", bytes in vec(any::<u8>(), 0..40)) {
        fact_key(text.as_bytes());
        fact_key(&bytes);
    }

    #[test]
    fn manifests_with_any_damage(damages in vec(damage(), 0..4)) {
        manifest(&damaged(manifest_text(), &damages));
    }

    #[test]
    fn streams_of_any_bytes(kind in 0..KINDS, stream in vec(any::<u8>(), 0..2000), cuts in vec(any::<u8>(), 1..8)) {
        archive_stream(kind, &stream, &cuts);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn real_streams_with_any_damage((kind, stream) in content(), damages in vec(damage(), 0..4), cuts in vec(any::<u8>(), 1..8)) {
        archive_stream(kind, &damaged(stream, &damages), &cuts);
    }

    #[test]
    fn real_files_with_any_damage((name, bytes) in file(), damages in vec(damage(), 0..4)) {
        archive_file(name, &damaged(bytes, &damages));
    }
}
