//! Files and folders are lost and come back, with everything that a file is.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::process::{signal, until};
use rustix::fs::{XattrFlags, lgetxattr, setxattr};
use rustix::process::Signal;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn run(program: &str, arguments: &[&str]) -> String {
    Finished::run(Command::new(program).args(arguments)).success()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

const ATTRIBUTES: [&str; 3] = ["user.colour", "system.posix_acl_access", "security.capability"];

/// An ACL that lets user 12345 read, write and run, in the kernel's form (acl(5), version 2).
fn access_list() -> Vec<u8> {
    const NOBODY: u32 = u32::MAX;
    let entries: [(u16, u16, u32); 5] = [
        (0x01, 6, NOBODY),
        (0x02, 7, 12345),
        (0x04, 4, NOBODY),
        (0x10, 7, NOBODY),
        (0x20, 0, NOBODY),
    ];
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(permissions.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

/// The right to open low ports, as a program has it (capability.h, version 2).
fn capability() -> Vec<u8> {
    let words: [u32; 5] = [0x0200_0001, 1 << 10, 0, 0, 0];
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// A tree with everything that a careless copy loses. Only root can plant all of it.
fn plant(tree: &Path) {
    fs::create_dir_all(tree.join("folder/empty")).unwrap();
    for name in [
        "plain",
        "-rf",
        "$(touch pwned)",
        "it's; \"quoted\"",
        "größe",
        "two\nlines",
        "back\\slash",
        "a\\tb",
    ] {
        fs::write(tree.join("folder").join(name), name).unwrap();
    }
    let long = tree.join("long").join("x".repeat(120)).join("y".repeat(150));
    fs::create_dir_all(&long).unwrap();
    fs::write(long.join("z".repeat(200)), "deep").unwrap();
    symlink("plain", tree.join("folder/link")).unwrap();
    symlink("/nonexistent", tree.join("folder/dangling")).unwrap();
    symlink("../../..", tree.join("folder/upwards")).unwrap();
    fs::hard_link(tree.join("folder/plain"), tree.join("second")).unwrap();
    fs::hard_link(tree.join("folder/link"), tree.join("second link")).unwrap();
    run("mkfifo", &[text(&tree.join("fifo"))]);
    fs::set_permissions(tree.join("folder"), fs::Permissions::from_mode(0o2750)).unwrap();
    fs::set_permissions(tree.join("folder/plain"), fs::Permissions::from_mode(0o4711)).unwrap();
    fs::set_permissions(tree.join("folder/-rf"), fs::Permissions::from_mode(0o0)).unwrap();
    let sparse = fs::File::create(tree.join("sparse")).unwrap();
    sparse.set_len(64 << 20).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, b"island", 20 << 20).unwrap();
    fs::write(tree.join("second attributes"), "x").unwrap();
    for (attribute, value) in [
        ("user.colour", b"blue".to_vec()),
        ("system.posix_acl_access", access_list()),
    ] {
        setxattr(
            tree.join("second attributes"),
            attribute,
            &value,
            XattrFlags::empty(),
        )
        .unwrap();
    }
    if is_root() {
        setxattr(
            tree.join("second attributes"),
            "security.capability",
            &capability(),
            XattrFlags::empty(),
        )
        .unwrap();
        run("mknod", &[text(&tree.join("device")), "c", "1", "3"]);
        std::os::unix::fs::chown(tree.join("folder/-rf"), Some(12345), Some(54321)).unwrap();
        rustix::fs::chownat(
            rustix::fs::CWD,
            tree.join("folder/dangling"),
            Some(rustix::fs::Uid::from_raw(12345)),
            None,
            rustix::fs::AtFlags::SYMLINK_NOFOLLOW,
        )
        .unwrap();
    }
    for (path, time) in [
        ("folder/plain", "2001-02-03 04:05:06.789"),
        ("folder", "2002-02-03 04:05:06"),
        ("", "2003-02-03 04:05:06.123456789"),
    ] {
        run("touch", &["-d", &format!("{time} UTC"), text(&tree.join(path))]);
    }
}

/// Returns a fingerprint of a tree: names, kinds, modes, owners, times, links, devices, holes, attributes, content.
fn fingerprint(tree: &Path) -> Vec<String> {
    let format = "%P|%y %m %U %G %T@ %l %n %s\\0";
    let listing = Finished::run(Command::new("find").args([text(tree), "-printf", format])).success();
    let mut lines: Vec<String> = listing.split_terminator('\0').map(str::to_owned).collect();
    for line in &mut lines {
        let path = tree.join(line.split('|').next().unwrap());
        let metadata = fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() {
            // The size of a folder is a matter of the file system.
            *line = line.rsplit_once(' ').unwrap().0.to_owned();
        }
        line.push_str(&format!(" {:x}", metadata.rdev()));
        if metadata.is_file() {
            let content = fs::read(&path).unwrap_or_default();
            let sum = content.iter().fold(7_u64, |sum, byte| {
                sum.wrapping_mul(1_099_511_628_211) ^ u64::from(*byte)
            });
            let sparse = metadata.blocks() * 512 < metadata.len() / 2;
            line.push_str(&format!(" {sum:x} {sparse}"));
            for attribute in ATTRIBUTES {
                let mut value = [0; 256];
                if let Ok(length) = lgetxattr(&path, attribute, &mut value) {
                    line.push_str(&format!(" {attribute}={:?}", &value[..length]));
                }
            }
        }
    }
    lines.sort();
    lines
}

/// The fingerprint without what makes a file more than a file: setuid and setgid bits of files, capabilities.
fn harmless(fingerprint: &[String]) -> Vec<String> {
    fingerprint
        .iter()
        .map(|line| {
            let line = line.replace("|f 4711 ", "|f 711 ");
            line.split(" security.capability").next().unwrap().to_owned()
        })
        .collect()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_lost_tree_comes_back_in_its_place_with_everything() {
    let host = Host::new();
    let scratch = host.scratch();
    let tree = scratch.join("a tree; $(touch pwned) 'of' \"files\"\\tand\nmore");
    let single = scratch.join("-single");
    fs::write(&single, "alone").unwrap();
    plant(&tree);
    let before = fingerprint(&tree);
    host.batt_promised("file", &[text(&tree), text(&single)]).code(0);
    host.batt_drill("file").code(0).says("proven");

    fs::remove_dir_all(&tree).unwrap();
    fs::remove_file(&single).unwrap();
    let finished = host.batt_restore(&[], &["file"]).code(0);
    finished.says("6 facts compared, no difference");
    assert_eq!(fingerprint(&tree), before);
    assert_eq!(fs::read_to_string(&single).unwrap(), "alone");
    assert_eq!(names(&scratch).len(), 2, "{:?}", names(&scratch));
}

#[test]
fn what_is_recorded_is_what_find_counts() {
    let host = Host::new();
    let tree = host.scratch().join("tree");
    plant(&tree);
    host.batt_promised("file", &[text(&tree)]).code(0);
    let content = host.content("file", text(&tree));
    let count = |test: &[&str]| {
        run("find", &[&[text(&tree)], test, &["-printf", "x"]].concat())
            .len()
            .to_string()
    };
    assert_eq!(content["members.folders"], count(&["-type", "d"]));
    assert_eq!(content["members.others"], count(&["!", "-type", "d"]));
    // Holes are bytes, and a file with two names is one file.
    assert!(content["bytes.files"].parse::<u64>().unwrap() > 64 << 20);
    assert_eq!(content.len(), 3);
}

#[test]
fn into_a_folder_nothing_comes_back_that_is_more_than_a_file() {
    let host = Host::new();
    let tree = host.scratch().join("tree");
    plant(&tree);
    let before = fingerprint(&tree);
    host.batt_promised("file", &[text(&tree)]).code(0);
    let into = host.scratch().join("into/this");
    let arguments = ["file", "--into", text(&into)];
    if is_root() {
        let finished = host.batt_restore(&[], &arguments).code(2);
        finished.says("holds device files");
        finished.says("FILE_RESTORE_SPECIAL=yes");
        assert!(!into.exists());
        host.batt_restore(&[("FILE_RESTORE_SPECIAL", "yes")], &arguments)
            .code(0);
        let there = into.join(text(&tree).trim_start_matches('/'));
        assert_eq!(fingerprint(&there), before);
        assert_eq!(fs::metadata(&into).unwrap().mode() & 0o777, 0o700);

        fs::remove_file(tree.join("device")).unwrap();
        run("touch", &["-d", "2003-02-03 04:05:06.123456789 UTC", text(&tree)]);
        host.batt_promised("file", &[text(&tree)]).code(0);
        fs::remove_dir_all(&into).unwrap();
    }
    let before = fingerprint(&tree);
    host.batt_restore(&[], &arguments).code(0).says("no difference");
    let there = into.join(text(&tree).trim_start_matches('/'));
    assert_eq!(fingerprint(&there), harmless(&before));
}

#[test]
fn nothing_that_is_there_is_written_over_or_mixed_in() {
    let host = Host::new();
    let tree = host.scratch().join("tree");
    let single = host.scratch().join("single");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("a"), "old").unwrap();
    fs::write(&single, "old").unwrap();
    host.batt_promised("file", &[text(&tree), text(&single)]).code(0);
    fs::write(tree.join("a"), "new").unwrap();
    fs::write(tree.join("b"), "new").unwrap();
    fs::remove_file(&single).unwrap();

    host.batt_restore(&[], &["file"])
        .code(2)
        .says("is there, and is no empty folder");
    assert_eq!(names(&tree), ["a", "b"]);
    assert_eq!(fs::read_to_string(tree.join("a")).unwrap(), "new");
    assert!(!single.exists(), "a part was restored");

    host.batt_restore(&[], &["file", "--replace"]).code(0);
    assert_eq!(names(&tree), ["a"]);
    assert_eq!(fs::read_to_string(tree.join("a")).unwrap(), "old");
    assert_eq!(fs::read_to_string(&single).unwrap(), "old");
    let kept: Vec<String> = names(&host.scratch())
        .into_iter()
        .filter(|name| name.starts_with("tree.batt-"))
        .collect();
    assert_eq!(names(&host.scratch().join(&kept[0])), ["a", "b"]);

    // A link in the place of a folder would lead elsewhere.
    fs::remove_dir_all(&tree).unwrap();
    fs::remove_file(&single).unwrap();
    symlink(host.scratch(), &tree).unwrap();
    for more in [&[][..], &["--replace"]] {
        host.batt_restore(&[], &[&["file"], more].concat())
            .code(2)
            .says("is a symbolic link");
    }
    for (into, words) in [
        ("relative", "is no absolute path"),
        ("/", "cannot restore into `/`"),
    ] {
        host.batt_restore(&[], &["file", "--into", into])
            .code(2)
            .says(words);
    }
    host.batt_restore(&[], &["file", "--into", text(&host.home())])
        .code(2)
        .says("is no empty folder");
}

#[test]
fn one_of_many_comes_back_alone_and_one_below_another_comes_after_it() {
    let host = Host::new();
    let (outer, inner) = (host.scratch().join("outer"), host.scratch().join("outer/inner"));
    fs::create_dir_all(&inner).unwrap();
    fs::write(outer.join("a"), "a").unwrap();
    fs::write(inner.join("b"), "b").unwrap();
    host.batt_promised("file", &[text(&inner), text(&outer)]).code(0);
    let before = fingerprint(&outer);

    fs::remove_dir_all(&inner).unwrap();
    host.batt_restore(&[], &["--file", text(&inner)]).code(0);
    assert_eq!(names(&outer), ["a", "inner"]);
    assert_eq!(names(&inner), ["b"]);

    fs::remove_dir_all(&outer).unwrap();
    host.batt_restore(&[], &["file"]).code(0).says("no difference");
    let after: Vec<String> = fingerprint(&outer);
    assert_eq!(after.len(), before.len());
    assert_eq!(fs::read_to_string(inner.join("b")).unwrap(), "b");
    host.batt_drill("file").code(0).says("proven");
}

#[test]
fn a_file_system_that_is_mounted_for_it_is_filled() {
    if !is_root() {
        eprintln!("only root can mount: not tried");
        return;
    }
    let host = Host::new();
    let tree = host.scratch().join("a tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("a"), "old").unwrap();
    fs::set_permissions(&tree, fs::Permissions::from_mode(0o3751)).unwrap();
    std::os::unix::fs::chown(&tree, Some(12345), Some(54321)).unwrap();
    run("touch", &["-d", "2003-02-03 04:05:06 UTC", text(&tree)]);
    let before = fingerprint(&tree);
    host.batt_promised("file", &[text(&tree)]).code(0);
    fs::remove_file(tree.join("a")).unwrap();

    let within =
        "mount -t tmpfs none \"$0\" && \"$@\" && cp --archive --no-target-directory \"$0\" \"$0.copy\"";
    let wrapper = ["--mount", "bash", "-c", within, text(&tree)];
    host.workshop();
    host.batt_within("unshare", &wrapper, &["restore", "file"])
        .code(0);
    assert_eq!(fingerprint(&host.scratch().join("a tree.copy")), before);
    assert_eq!(names(&tree), [""; 0], "it went below what was mounted");

    // What is mounted there cannot be moved away, and is not half replaced.
    let within = "mount -t tmpfs none \"$0\" && : >\"$0/foreign\" && ! \"$@\" && [ -e \"$0/foreign\" ]";
    let wrapper = ["--mount", "bash", "-c", within, text(&tree)];
    let finished = host.batt_within("unshare", &wrapper, &["restore", "file", "--replace"]);
    finished.code(0).says("file systems are mounted");
}

#[test]
fn what_takes_more_room_than_there_is_is_not_begun() {
    if !is_root() {
        eprintln!("only root can mount: not tried");
        return;
    }
    let host = Host::new();
    let tree = host.scratch().join("tree");
    fs::create_dir(&tree).unwrap();
    // It is a few KiB in the backup.
    fs::write(tree.join("zeros"), vec![0; 64 << 20]).unwrap();
    host.batt_promised("file", &[text(&tree)]).code(0);
    let small = host.scratch().join("small");
    fs::create_dir(&small).unwrap();
    let within = "mount -t tmpfs -o size=8m none \"$0\" && ! \"$@\" && [ ! -e \"$0/into\" ]";
    let wrapper = ["--mount", "bash", "-c", within, text(&small)];
    let into = small.join("into");
    host.workshop();
    let finished = host.batt_within("unshare", &wrapper, &["restore", "file", "--into", text(&into)]);
    finished.code(0).says("are free");
}

#[test]
fn what_is_missing_in_the_tree_is_a_difference() {
    let host = Host::new();
    let tree = host.scratch().join("tree");
    fs::create_dir(&tree).unwrap();
    for name in ["a", "b", "c"] {
        fs::write(tree.join(name), name).unwrap();
    }
    host.batt_promised("file", &[text(&tree)]).code(0);
    // A tar that leaves a file out, and says nothing.
    let script = host.home().join("scripts-available/restore-file");
    let body = fs::read_to_string(&script).unwrap();
    let worse = body.replace("options=(--extract ", "options=(--extract --exclude=b ");
    assert_ne!(worse, body);
    fs::write(&script, worse).unwrap();
    let into = host.scratch().join("into");
    host.batt_restore(&[], &["file", "--into", text(&into)])
        .code(2)
        .says("`members.others` is `2` instead of `3`");
    host.batt_drill("file").code(2);
}

#[test]
fn a_folder_that_is_not_there_is_found_before_the_night() {
    let host = Host::new();
    let missing = host.scratch().join("missing");
    let both = format!("{} {}", text(&host.scratch()), text(&missing));
    host.configure("file", &[("FILE_DATA_DIRS", &both)]);
    host.batt(&["enable", "file"]).code(0);
    host.batt(&["check"])
        .code(2)
        .says(&format!("`{}`: there is no such file or folder", text(&missing)));
    assert!(host.backups("file").is_empty());
    fs::create_dir(&missing).unwrap();
    host.batt(&["check"]).code(0);
}

/// GNU tar leaves out what it cannot read and goes on; its exit code alone tells.
#[test]
fn a_file_that_cannot_be_read_fails_the_backup() {
    let host = Host::new();
    let tree = host.scratch().join("tree");
    fs::create_dir(&tree).unwrap();
    for name in ["sound", "torn"] {
        fs::write(tree.join(name), vec![b'x'; 100_000]).unwrap();
    }
    let torn = tree.join("torn");
    let inject = ["-e", "trace=read", "-e", "inject=read:error=EIO"];
    let wrapper = [&["-f", "-qq", "-o", "/dev/null", "-P", text(&torn)][..], &inject].concat();
    let finished = host.batt_within("strace", &wrapper, &["--file", text(&tree)]);
    let finished = finished.code(2);
    assert!(
        host.logs("file").contains("torn: Read error"),
        "{}",
        finished.said()
    );
    assert!(host.backups("file").is_empty());
    host.batt_promised("file", &[text(&tree)]).code(0);
}

#[test]
fn a_restore_that_is_interrupted_leaves_nothing_in_place() {
    let host = Host::new();
    let tree = host.scratch().join("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("a"), "a").unwrap();
    host.batt_promised("file", &[text(&tree)]).code(0);
    fs::remove_dir_all(&tree).unwrap();
    // It waits when everything is unpacked, and not yet in place.
    let waits = host.root().join("waits");
    let script = host.home().join("scripts-available/restore-file");
    let body = fs::read_to_string(&script).unwrap();
    let slow = body.replace(
        "exit \"$status\"\n'",
        &format!(
            "touch {0}\nwhile [ -e {0} ]; do sleep 0.02; done\nexit 0\n'",
            text(&waits)
        ),
    );
    assert_ne!(slow, body);
    fs::write(&script, slow).unwrap();
    let mut restore = host.batt_command(&["restore", "file"]);
    restore
        .env("TMPDIR", host.workshop())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut restore = restore.spawn().unwrap();
    until("everything is unpacked", || waits.exists());
    assert_eq!(names(&host.scratch()).len(), 1, "the private folder alone");
    signal(&restore, Signal::INT);
    assert_eq!(restore.wait().unwrap().code(), Some(130));
    assert_eq!(names(&host.scratch()), [""; 0]);

    fs::write(&script, body).unwrap();
    host.batt_restore(&[], &["file"]).code(0);
    assert_eq!(names(&tree), ["a"]);
}
