//! Files that come back in part, or in part only here: what is odd is named, and costs nothing else.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;

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
