//! Disks without room, without inodes, and those that cannot be written; limits of the process.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use batt_tests::finished::Finished;

use super::extent::is_full;
use super::invariants::Watched;
use super::private_mounts::{enter, must};

const RUN: [&str; 3] = ["--format", "json", "data"];

/// Leaves so much room on the disk that a folder is on.
fn fill(folder: &Path, leave_kib: u64) {
    let fill = folder.join("fill");
    let room = || {
        let numbers = rustix::fs::statvfs(folder).unwrap();
        (numbers.f_bavail * numbers.f_frsize) >> 10
    };
    let file = fs::File::create(&fill).unwrap();
    let mut length = 0;
    while room() > leave_kib {
        length += (room() - leave_kib) << 10;
        // The file system itself may need the last blocks: it is full then as well.
        match rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, length) {
            Ok(()) => {}
            Err(rustix::io::Errno::NOSPC) => break,
            Err(cause) => panic!("{cause}"),
        }
    }
}

/// A whole host on a disk that is filled up: home, journal, catalogue and backups.
#[track_caller]
fn full_disk(watched: &mut Watched, folder: &Path) {
    let rooms = if is_full() {
        &[0, 4, 8, 12, 16, 20, 24, 32, 48, 64, 96, 128, 256][..]
    } else {
        &[0, 12, 48]
    };
    let mut failed = 0;
    for room in rooms {
        fill(folder, *room);
        let finished = watched.host.batt(&RUN);
        let what = format!("{room} KiB of room on {}", folder.display());
        watched.hold_at_once(&what, Some(&finished));
        failed += usize::from(finished.code != Some(0));
        fs::remove_file(folder.join("fill")).unwrap();
        watched.invariants(&what, None);
    }
    assert!(failed >= 2, "{failed}");
}

#[test]
fn a_full_disk_with_a_good_backup_on_it() {
    if !enter("room::a_full_disk_with_a_good_backup_on_it") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let shown = folder.path().to_str().unwrap();
    must(
        "mount",
        &["-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", shown],
    );
    let mut watched = Watched::new_in(folder.path());
    full_disk(&mut watched, folder.path());
    drop(watched);
    must("umount", &[shown]);

    // On ext4 the room is looked for when what was written goes to the disk.
    let image = tempfile::NamedTempFile::new().unwrap();
    let image = image.path().to_str().unwrap();
    must("truncate", &["-s", "8M", image]);
    must("mkfs.ext4", &["-q", "-m", "0", image]);
    must("mount", &["-o", "loop", image, shown]);
    let mut watched = Watched::new_in(folder.path());
    full_disk(&mut watched, folder.path());
    drop(watched);
    must("umount", &[shown]);
}

#[test]
fn a_disk_without_inodes_with_a_good_backup_on_it() {
    if !enter("room::a_disk_without_inodes_with_a_good_backup_on_it") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let shown = folder.path().to_str().unwrap();
    must(
        "mount",
        &[
            "-t",
            "tmpfs",
            "-o",
            "size=8m,nr_inodes=200,mode=700",
            "tmpfs",
            shown,
        ],
    );
    let mut watched = Watched::new_in(folder.path());
    let mut failed = 0;
    for leave in if is_full() { 0..24 } else { 3..12 } {
        let fill = folder.path().join("fill");
        fs::create_dir(&fill).unwrap();
        let mut number = 0;
        while rustix::fs::statvfs(&fill).unwrap().f_favail > leave {
            fs::write(fill.join(number.to_string()), "").unwrap();
            number += 1;
        }
        let finished = watched.host.batt(&RUN);
        let what = format!("{leave} inodes");
        watched.hold_at_once(&what, Some(&finished));
        failed += usize::from(finished.code != Some(0));
        fs::remove_dir_all(&fill).unwrap();
        watched.invariants(&what, None);
        // Journals take inodes too.
        let runs = watched.host.home().join("var/runs");
        for run in fs::read_dir(&runs).unwrap().flatten() {
            fs::remove_dir_all(run.path()).unwrap();
        }
    }
    assert!(failed > 5, "{failed}");
}

#[test]
fn what_cannot_be_written_is_told_at_once() {
    if !enter("room::what_cannot_be_written_is_told_at_once") {
        return;
    }
    let mut watched = Watched::new();
    let root = watched.host.root().to_owned();
    for (place, exit) in [("backup", 2), ("batt/var", 1), ("batt/var/runs", 1)] {
        let shown = root.join(place).display().to_string();
        must("mount", &["--bind", &shown, &shown]);
        must("mount", &["-o", "remount,bind,ro", &shown]);
        let begun = Instant::now();
        let finished = watched.host.batt(&RUN);
        // Who waits for a lock of the home does so for half a minute at least.
        assert!(begun.elapsed() < Duration::from_secs(25));
        watched.hold_at_once(&format!("{place} cannot be written"), Some(&finished));
        let finished = finished.code(exit);
        finished.says("Read-only file system");
        must("umount", &[&shown]);
        watched.invariants(&format!("{place} could not be written"), None);
    }
}

#[test]
fn limits_of_the_process() {
    let mut watched = Watched::new();
    let limits: &[(&str, &[u64])] = &[
        ("--fsize", &[100, 500, 1_500, 4_000, 40_000]),
        ("--nofile", &[5, 8, 10, 12, 16, 24]),
        ("--nproc", &[1]),
        ("--as", &[40 << 20, 200 << 20]),
    ];
    let mut failed = 0;
    for (limit, values) in limits {
        for value in values.iter().take(if is_full() { 10 } else { 3 }) {
            let finished = watched
                .host
                .batt_within("prlimit", &[&format!("{limit}={value}")], &RUN);
            failed += usize::from(finished.code != Some(0));
            watched.invariants(&format!("{limit}={value}"), Some(&finished));
        }
    }
    assert!(failed > 3, "{failed}");
}

#[test]
fn a_slow_disk_is_no_failure() {
    let mut watched = Watched::new();
    let slow = "inject=fsync,fdatasync:delay_enter=200000";
    let finished = watched.host.batt_within(
        "strace",
        &[
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "trace=fsync,fdatasync",
            "-e",
            slow,
        ],
        &RUN,
    );
    assert_eq!(finished.code, Some(0), "{}", Finished::said(&finished));
    watched.invariants("a slow disk", Some(&finished));
}
