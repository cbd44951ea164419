//! Files that come back in part, or in part only here: what is odd is named, and costs nothing else.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;

use batt_tests::drop_in::chmod;
use batt_tests::finished::Finished;
use batt_tests::host::Host;
use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Makes a folder in a folder, with a file in it, and returns it.
fn deeper(above: &OwnedFd, name: &str) -> OwnedFd {
    const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);
    mkdirat(above, name, Mode::RWXU).unwrap();
    let folder = openat(above, name, FOLDER, Mode::empty()).unwrap();
    let file = openat(&folder, "file", OFlags::CREATE | OFlags::WRONLY, Mode::RUSR).unwrap();
    rustix::io::write(file, b"text").unwrap();
    folder
}

#[test]
fn a_path_that_is_too_long_is_named_and_all_others_come_back() {
    let host = Host::new();
    let tree = host.scratch().join("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("beside"), "beside").unwrap();
    let mut folder = openat(CWD, &tree, OFlags::RDONLY, Mode::empty()).unwrap();
    for _ in 0..30 {
        folder = deeper(&folder, &"n".repeat(200));
    }
    host.settings(&format!("[service.file]\nitems = [\"{}\"]\n", text(&tree)));
    host.batt(&["file"])
        .code(0)
        .says("files and folders have a path of more than 4,095 bytes, and cannot be restored by it");
    let content = host.content("file", text(&tree));
    let long: usize = content["members.too-long"].parse().unwrap();
    let others: usize = content["members.others"].parse().unwrap();
    let folders: usize = content["members.folders"].parse().unwrap();
    assert_eq!(long + others + folders, 62);
    assert!((18..=24).contains(&long), "{long}");

    host.batt_drill("file").code(0).says("proven");
    let into = host.scratch().join("into");
    let restored = host.batt_restore(&[], &["file", "--into", text(&into)]).code(0);
    restored.says(&format!("left out: {long} files and folders"));
    restored.says("File name too long");
    restored.says("no difference");
    let there = into.join(text(&tree).trim_start_matches('/'));
    assert_eq!(fs::read_to_string(there.join("beside")).unwrap(), "beside");
    let count = Command::new("find")
        .arg(&there)
        .args(["-type", "f"])
        .output()
        .unwrap()
        .stdout;
    assert_eq!(String::from_utf8_lossy(&count).lines().count(), others);
}

#[test]
fn a_device_that_may_not_be_made_and_a_remark_of_tar_are_no_evidence() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let host = Host::new();
    let tree = host.scratch().join("tree");
    fs::create_dir(&tree).unwrap();
    let run = |program: &str, arguments: &[&str]| {
        Finished::run(Command::new(program).args(arguments)).success();
    };
    run("mknod", &[text(&tree.join("null")), "c", "1", "3"]);
    for (name, time) in [("later", "2099-01-01"), ("earlier", "1938-01-01")] {
        fs::write(tree.join(name), name).unwrap();
        run("touch", &["-d", time, text(&tree.join(name))]);
    }
    host.batt_promised("file", &[text(&tree)]).code(0);
    let drilled = host.batt_drill("file").code(0);
    drilled.says("proven");
    drilled.says("in the future");
    drilled.says("not made in a drill: 1 device files");
}

#[test]
fn what_a_file_is_called_is_no_word_of_tar() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let host = Host::new();
    let tree = host.scratch().join("tree");
    let remark = tree.join("folder: implausibly old time stamp ");
    fs::create_dir_all(&remark).unwrap();
    for (folder, name) in [
        (&tree, "later: Cannot mknod: x"),
        (&remark, "kept"),
        (&remark, "lost"),
    ] {
        fs::write(folder.join(name), name).unwrap();
        Finished::run(Command::new("touch").args(["-d", "2099-01-01", text(&folder.join(name))])).success();
    }
    host.batt_promised("file", &[text(&tree)]).code(0);
    host.batt_drill("file").code(0).says("proven");

    // A tar that cannot make one of the files, and says so.
    let programs = host.scratch().join("programs");
    fs::create_dir(&programs).unwrap();
    let lost = remark.join("lost");
    let script = format!(
        "#!/bin/bash\n/usr/bin/tar \"$@\" || exit\ncase \"$*\" in *--file=-*) ;; *) exit 0 ;; esac\n\
         rm '{lost}'\necho 'tar: {told}: Cannot open: Permission denied' >&2\n\
         echo 'tar: Exiting with failure status due to previous errors' >&2\nexit 2\n",
        lost = text(&lost).trim_start_matches('/'),
        told = text(&lost).trim_start_matches('/').replace(':', "\\:")
    );
    fs::write(programs.join("tar"), script).unwrap();
    chmod(&programs.join("tar"), 0o755);
    let script = host.home().join("scripts-available/restore-file");
    let body = fs::read_to_string(&script).unwrap();
    let first = format!("set -euo pipefail\nPATH={}:$PATH\n", text(&programs));
    fs::write(&script, body.replacen("set -euo pipefail\n", &first, 1)).unwrap();
    let into = host.scratch().join("into");
    let restored = host.batt_restore(&[], &["file", "--into", text(&into)]).code(2);
    restored.says("Cannot open: Permission denied");
    assert!(!into.exists(), "{}", restored.said());
}
