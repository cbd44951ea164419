//! What batt keeps for itself, broken in every way: it runs all the same or says what is wrong, and it never waits.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::extent::is_full;
use super::invariants::Watched;

/// The ways to break a file.
#[derive(Debug, Clone, Copy)]
enum Broken {
    Garbage,
    Nothing,
    Cut,
    Folder,
    Fifo,
    Link,
    Dangling,
    Huge,
}

const WAYS: [Broken; 8] = [
    Broken::Garbage,
    Broken::Nothing,
    Broken::Cut,
    Broken::Folder,
    Broken::Fifo,
    Broken::Link,
    Broken::Dangling,
    Broken::Huge,
];

/// Breaks a file; `victim` is what a link leads to.
fn break_it(path: &Path, way: Broken, victim: &Path) {
    let content = fs::read(path).unwrap_or_default();
    let _ = fs::remove_file(path);
    match way {
        Broken::Garbage => fs::write(path, b"\xff\0{\"record\":\n]]\n{}\n\x1b[31m\n").unwrap(),
        Broken::Nothing => fs::write(path, "").unwrap(),
        Broken::Cut => fs::write(path, &content[..content.len() / 2]).unwrap(),
        Broken::Folder => fs::create_dir(path).unwrap(),
        Broken::Fifo => mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap(),
        Broken::Link => symlink(victim, path).unwrap(),
        Broken::Dangling => symlink("/nowhere/at/all", path).unwrap(),
        Broken::Huge => fs::File::create(path).unwrap().set_len(1 << 40).unwrap(),
    }
}

fn put_back(path: &Path, aside: &Path) {
    if path.is_dir() && !path.is_symlink() {
        fs::remove_dir_all(path).unwrap();
    } else {
        let _ = fs::remove_file(path);
    }
    if aside.exists() {
        fs::copy(aside, path).unwrap();
    }
}

/// Removes what was put aside because it was too long.
fn remove_huge(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry
            .metadata()
            .is_ok_and(|metadata| metadata.is_file() && metadata.len() > 1 << 30)
        {
            fs::remove_file(entry.path()).unwrap();
        }
    }
}

#[test]
fn broken_files_of_a_home_are_told_or_passed_over_and_nothing_waits_on_them() {
    let mut watched = Watched::new();
    let var = watched.host.home().join("var");
    let old = fs::read_dir(var.join("runs"))
        .unwrap()
        .flatten()
        .next()
        .unwrap()
        .path();
    let files: [PathBuf; 10] = [
        var.join("catalogue.jsonl"),
        var.join("places"),
        var.join("locks/data.lock"),
        var.join("locks/home.lock"),
        var.join("host-id"),
        var.join("bundle.json"),
        old.join("events.jsonl"),
        old.join("order.json"),
        old.join("active"),
        old.join("data.log"),
    ];
    let scratch = watched.host.scratch();
    let (aside, victim) = (scratch.join("aside"), scratch.join("victim"));
    for (number, file) in files.iter().enumerate() {
        for (other, way) in WAYS.into_iter().enumerate() {
            // In the short form each file in some ways, and each way with some files.
            if !is_full() && (number + other) % 3 != 0 {
                continue;
            }
            let what = format!("{way:?} in the place of {}", file.display());
            let _ = fs::remove_file(&aside);
            if file.exists() {
                fs::copy(file, &aside).unwrap();
            }
            fs::write(&victim, "not batt's").unwrap();
            break_it(file, way, &victim);
            let finished = watched
                .host
                .batt_within("timeout", &["300"], &["--format", "json", "data"]);
            assert_ne!(finished.code, Some(124), "{what}: it waits for ever");
            for command in [&["runs"][..], &["backups"], &["verify"], &["check"], &["logs"]] {
                let told = watched.host.batt_within("timeout", &["300"], command);
                assert_ne!(told.code, Some(124), "{what}: `{command:?}` waits for ever");
                assert!(told.code.is_some(), "{what}: `{command:?}` was killed");
            }
            assert!(finished.code.is_some(), "{what}: batt was killed");
            if matches!(way, Broken::Link) {
                let content = fs::read_to_string(&victim).unwrap();
                assert_eq!(
                    content, "not batt's",
                    "{what}: what the link leads to was changed"
                );
            }
            if matches!(way, Broken::Huge) {
                // Whoever looks for a secret in it would read for hours.
                put_back(file, &aside);
                remove_huge(&var);
            }
            watched.hold_at_once(&what, Some(&finished));
            put_back(file, &aside);
            let _ = fs::remove_file(old.join("active"));
            watched.host.batt(&["backups", "--rebuild"]);
            watched.invariants(&what, None);
        }
    }
}

#[test]
fn leftovers_of_others_in_the_tree_of_backups_stay() {
    let mut watched = Watched::new();
    let backup = watched.host.backup("data");
    let day = backup.parent().unwrap();
    let foreign = [
        "notes.txt",
        ".hidden",
        ".data.batt-not-a-run",
        ".data.batt-20200101T000000Z-ffffff.old",
    ];
    for name in foreign {
        fs::write(day.join(name), "mine").unwrap();
    }
    fs::create_dir(day.join(".snapshots")).unwrap();
    let finished = watched.host.batt(&["--format", "json", "data"]).code(0);
    watched.hold_at_once("foreign files", Some(&finished));
    for name in foreign {
        assert_eq!(fs::read_to_string(day.join(name)).unwrap(), "mine");
        fs::remove_file(day.join(name)).unwrap();
    }
    fs::remove_dir(day.join(".snapshots")).unwrap();
    watched.invariants("foreign files", Some(&finished));
}
