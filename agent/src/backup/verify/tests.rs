//! Each way to damage a backup is found and told by the name of the file.

mod small;

use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::*;
use crate::archive::Kind;

use small::{Small, write_papers};

const FIRST: &str = "20260131T023000Z-00000a";
const SECOND: &str = "20260201T023000Z-00000b";

/// Changes the manifest as somebody would who makes the sums fit.
fn edit(folder: &Path, change: impl FnOnce(&mut Manifest)) {
    let mut manifest = Manifest::read(folder).unwrap();
    change(&mut manifest);
    write_papers(folder, &manifest);
}

fn sha256(path: &Path) -> String {
    digest_of(fs::File::open(path).unwrap()).unwrap()
}

fn damages(folder: &Path) -> Vec<String> {
    verify(folder).damages
}

/// Asserts that exactly these are told.
#[track_caller]
fn assert_told(folder: &Path, expected: &[&str]) {
    assert_eq!(damages(folder), expected);
}

/// Returns each file of the backup, and the words that it is told by.
fn files() -> [(&'static str, &'static str); 5] {
    [
        ("app.sql.zst", "`app.sql.zst`"),
        ("deep/notes of\n1", "`deep/notes of\\n1`"),
        (MANIFEST, "`manifest.json`"),
        (SUMS, "`SHA256SUMS`"),
        (GUIDE, "`RESTORE.md`"),
    ]
}

#[test]
fn a_backup_as_it_was_made_verifies() {
    let small = Small::new();
    let found = verify(&small.folder());
    assert_eq!(found.damages, [] as [String; 0]);
    assert_eq!(found.remarks, [] as [String; 0]);
    assert_eq!(found.id.unwrap(), format!("{FIRST}.mysql"));
    assert_eq!(found.host.unwrap().0, "db1");
}

#[test]
fn every_flipped_byte_of_every_file_is_found_by_name() {
    let small = Small::new();
    let folder = small.folder();
    let manifest_sha256 = sha256(&folder.join(MANIFEST));
    let id = format!("{FIRST}.mysql");
    let known = Expected {
        id: &id,
        manifest_sha256: &manifest_sha256,
    };
    let mut flips = 0;
    for (file, words) in files() {
        let path = folder.join(file);
        let whole = fs::read(&path).unwrap();
        for offset in 0..whole.len() {
            for (mask, expected) in [(1 << (offset % 8), None), (0x20, Some(known))] {
                let mut damaged = whole.clone();
                damaged[offset] ^= mask;
                fs::write(&path, &damaged).unwrap();
                let told = verify_while(&folder, expected, &|| true).unwrap().damages;
                assert!(
                    told.iter().any(|damage| damage.contains(words)),
                    "{file} at {offset} by {mask:#x}: {told:?}"
                );
                flips += 1;
            }
        }
        fs::write(&path, &whole).unwrap();
    }
    assert!(flips > 5_000, "{flips}");
    assert_told(&folder, &[]);
}

#[test]
fn every_cut_and_every_added_byte_of_every_file_is_found_by_name() {
    let small = Small::new();
    let folder = small.folder();
    for (file, words) in files() {
        let path = folder.join(file);
        let whole = fs::read(&path).unwrap();
        let longer = [b"\n".as_slice(), b" ", b"\0"].map(|more| [&whole, more].concat());
        let cuts = (0..whole.len()).map(|length| whole[..length].to_vec());
        for content in cuts.chain(longer) {
            fs::write(&path, &content).unwrap();
            let told = damages(&folder);
            assert!(
                told.iter().any(|damage| damage.contains(words)),
                "{file} of {} bytes instead of {}: {told:?}",
                content.len(),
                whole.len()
            );
        }
        fs::write(&path, &whole).unwrap();
    }
    assert_told(&folder, &[]);
}

#[test]
fn one_byte_that_was_cut_out_of_the_middle_is_found_by_name() {
    let small = Small::new();
    let folder = small.folder();
    for (file, words) in files() {
        let path = folder.join(file);
        let whole = fs::read(&path).unwrap();
        for offset in 0..whole.len() {
            let without = [&whole[..offset], &whole[offset + 1..]].concat();
            fs::write(&path, without).unwrap();
            let told = damages(&folder);
            assert!(
                told.iter().any(|damage| damage.contains(words)),
                "{file} without the byte at {offset}: {told:?}"
            );
        }
        fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn a_name_that_stands_at_the_file_of_another_is_told() {
    let small = Small::new();
    let folder = small.folder();
    for (name, told) in [
        ("app.sql", None),
        ("payroll", Some("`payroll`")),
        (&"app.sql".repeat(40), Some("`app.sqlapp.sql")),
    ] {
        edit(&folder, |manifest| {
            manifest.archives[0].name = Some(name.to_owned())
        });
        let found = damages(&folder);
        assert_eq!(found.len(), told.iter().len(), "{found:?}");
        assert!(
            told.is_none_or(
                |told| found[0].contains(&format!("says that `app.sql.zst` is the archive {told}"))
            ),
            "{found:?}"
        );
    }
}

#[test]
fn whatever_is_missing_is_told_and_the_rest_is_read_all_the_same() {
    for (file, words) in files() {
        let small = Small::new();
        let folder = small.folder();
        fs::remove_file(folder.join(file)).unwrap();
        assert_told(&folder, &[&format!("{words} is missing")]);
        // What else is wrong shows as well.
        if file != "app.sql.zst" {
            fs::write(folder.join("app.sql.zst"), "x").unwrap();
            let told = damages(&folder);
            assert_eq!(told.len(), 2, "{told:?}");
            assert!(
                told.iter().any(|damage| damage.contains("`app.sql.zst`")),
                "{told:?}"
            );
        }
    }
    let small = Small::new();
    fs::remove_dir_all(small.folder()).unwrap();
    assert_told(&small.folder(), &["the folder is missing"]);
    fs::create_dir(small.folder()).unwrap();
    assert_told(
        &small.folder(),
        &[
            "`SHA256SUMS` is missing",
            "`manifest.json` is missing",
            "`RESTORE.md` is missing",
        ],
    );
}

#[test]
fn a_file_of_another_day_is_found_in_both_places() {
    let small = Small::new();
    let (first, second) = (small.folder(), small.make("2026/02/01/mysql", SECOND));
    let swap = |file: &str| {
        let aside = small.root.path().join("aside");
        fs::rename(first.join(file), &aside).unwrap();
        fs::rename(second.join(file), first.join(file)).unwrap();
        fs::rename(aside, second.join(file)).unwrap();
    };
    for (file, words) in files() {
        // The two dumps are the same, byte by byte.
        let changes = file != "app.sql.zst";
        swap(file);
        for folder in [&first, &second] {
            let told = damages(folder);
            assert_eq!(
                told.iter().any(|damage| damage.contains(words)),
                changes,
                "{file}: {told:?}"
            );
        }
        swap(file);
    }
    assert_told(&first, &[]);
    assert_told(&second, &[]);
}

#[test]
fn a_folder_of_another_day_is_found_by_what_the_catalogue_knows_and_by_its_own_name() {
    let small = Small::new();
    let second = small.make("2026/02/01/mysql", SECOND);
    let id = format!("{FIRST}.mysql");
    let expected = Expected {
        id: &id,
        manifest_sha256: &sha256(&small.folder().join(MANIFEST)),
    };
    let found = verify_while(&second, Some(expected), &|| true).unwrap();
    assert_eq!(
        found.damages,
        [format!(
            "the backup `{SECOND}.mysql` lies here, and `{id}` should"
        )]
    );

    let beside = small.root.path().join(format!("2026/02/01/mysql~{FIRST}"));
    fs::rename(&second, &beside).unwrap();
    assert_told(
        &beside,
        &[&format!(
            "the backup `{SECOND}.mysql` lies here, and `{id}` should"
        )],
    );
    // A folder of a date may be where a person put a copy.
    let copied = small.root.path().join("2026/03/15/mysql");
    fs::create_dir_all(copied.parent().unwrap()).unwrap();
    fs::rename(&beside, &copied).unwrap();
    let found = verify(&copied);
    assert_eq!(found.damages, [] as [String; 0]);
    assert_eq!(
        found.remarks,
        ["it lies in the folder of 2026-03-15, and was made on 2026-02-01"]
    );
}

#[test]
fn an_edited_manifest_is_found_also_when_the_sums_fit() {
    let small = Small::new();
    let folder = small.folder();
    let id = format!("{FIRST}.mysql");
    let manifest_sha256 = sha256(&folder.join(MANIFEST));
    edit(&folder, |manifest| {
        manifest.warnings.push("all is well".to_owned())
    });
    assert_told(&folder, &[]);
    let expected = Expected {
        id: &id,
        manifest_sha256: &manifest_sha256,
    };
    assert_eq!(
        verify_while(&folder, Some(expected), &|| true).unwrap().damages,
        ["`manifest.json` was changed: its SHA-256 is not the one in the catalogue"]
    );
}

#[test]
fn a_manifest_that_says_otherwise_than_the_archive_is_found_without_a_catalogue() {
    type Change = fn(&mut Manifest);
    let changes: [(Change, &str); 7] = [
        (
            |manifest| manifest.archives[0].raw_bytes += 1,
            "bytes are in `app.sql.zst`",
        ),
        (|manifest| manifest.archives[0].bytes -= 1, "`app.sql.zst` has"),
        (
            |manifest| manifest.archives[1].check = Some(Kind::Tar),
            "not a complete `tar`",
        ),
        (
            |manifest| manifest.archives[1].sha256 = "0".repeat(64),
            "`deep/notes of\\n1` was changed",
        ),
        (
            |manifest| manifest.archives[1].file = "../outside".to_owned(),
            "`../outside` is no name of a file in a backup",
        ),
        (
            |manifest| manifest.archives.push(manifest.archives[0].clone()),
            "`app.sql.zst` twice",
        ),
        (
            |manifest| drop(manifest.archives.pop()),
            "`deep/notes of\\n1` is not part of the backup",
        ),
    ];
    for (change, words) in changes {
        let small = Small::new();
        let folder = small.folder();
        fs::write(folder.join("../outside"), "x").unwrap();
        edit(&folder, change);
        let told = damages(&folder);
        assert!(
            told.iter().any(|damage| damage.contains(words)),
            "{words}: {told:?}"
        );
    }
}

#[test]
fn what_lies_there_beside_is_told_and_the_marks_are_not() {
    let small = Small::new();
    let folder = small.folder();
    for mark in ["PINNED", "ACCEPTED"] {
        fs::write(folder.join(mark), "").unwrap();
    }
    assert_told(&folder, &[]);
    fs::write(folder.join("deep/PINNED"), "").unwrap();
    fs::write(folder.join("\u{1b}[31mred\u{202e}"), "").unwrap();
    std::os::unix::fs::symlink("/", folder.join("root")).unwrap();
    let mut told = damages(&folder);
    told.sort();
    assert_eq!(
        told,
        [
            "`\\x1b[31mred\\u{202e}` is not part of the backup",
            "`deep/PINNED` is not part of the backup",
            "`root` is not part of the backup",
        ]
    );
    fs::remove_file(folder.join("PINNED")).unwrap();
    mknodat(CWD, folder.join("PINNED"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    assert_eq!(damages(&folder).len(), 4);
}

#[test]
fn a_link_or_a_fifo_in_the_place_of_a_file_is_neither_followed_nor_waited_on() {
    for (file, words) in files() {
        let small = Small::new();
        let folder = small.folder();
        let (path, aside) = (folder.join(file), small.root.path().join("aside"));
        fs::rename(&path, &aside).unwrap();
        std::os::unix::fs::symlink(&aside, &path).unwrap();
        let told = damages(&folder);
        assert!(
            told.contains(&format!("{words} is a link in the place of the file")),
            "{told:?}"
        );
        fs::remove_file(&path).unwrap();
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR, 0).unwrap();
        let told = damages(&folder);
        assert!(
            told.contains(&format!("{words} is a FIFO in the place of the file")),
            "{told:?}"
        );
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let told = damages(&folder);
        assert!(
            told.contains(&format!("{words} is a folder in the place of the file")),
            "{told:?}"
        );
    }
    // A folder on the way, and the folder itself.
    let small = Small::new();
    let folder = small.folder();
    fs::rename(folder.join("deep"), small.root.path().join("deep")).unwrap();
    std::os::unix::fs::symlink(small.root.path().join("deep"), folder.join("deep")).unwrap();
    assert_told(
        &folder,
        &[
            "`deep/notes of\\n1` lies behind what is no folder",
            "`deep` is not part of the backup",
        ],
    );
    let link = small.root.path().join("link");
    std::os::unix::fs::symlink(&folder, &link).unwrap();
    assert_told(&link, &["it is no folder"]);
}

#[test]
fn what_is_nested_or_counted_beyond_reason_is_bounded() {
    let small = Small::new();
    let folder = small.folder();
    let deep: PathBuf = std::iter::repeat_n("d", 300).collect();
    fs::create_dir_all(folder.join(deep)).unwrap();
    let told = damages(&folder);
    assert_eq!(told.len(), 1);
    assert!(
        told[0].starts_with("folders are nested more than 100 deep"),
        "{told:?}"
    );
    fs::remove_dir_all(folder.join("d")).unwrap();
    for number in 0..500 {
        fs::write(folder.join(format!("more{number}")), "").unwrap();
    }
    let told = damages(&folder);
    assert_eq!(told.len(), 201);
    assert_eq!(told[200], "and 300 more");
}

#[test]
fn a_reading_that_was_stopped_says_nothing() {
    let small = Small::new();
    let folder = small.folder();
    fs::write(folder.join("app.sql.zst"), "x").unwrap();
    let asked = std::cell::Cell::new(0);
    // Whenever it is stopped, at the first question or at a later one.
    for most in 0..20 {
        asked.set(0);
        let goes_on = || {
            asked.set(asked.get() + 1);
            asked.get() <= most
        };
        let found = verify_while(&folder, None, &goes_on);
        assert_eq!(found.is_none(), asked.get() > most, "{most}: {found:?}");
    }
}
