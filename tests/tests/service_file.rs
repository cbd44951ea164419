//! The file service: trees come back by the commands of RESTORE.md, with everything that a file is.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use rustix::fs::{XattrFlags, lgetxattr, setxattr};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn run(program: &str, arguments: &[&str]) -> String {
    Finished::run(Command::new(program).args(arguments)).success()
}

const ATTRIBUTES: [&str; 2] = ["user.colour", "system.posix_acl_access"];

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

/// Returns a fingerprint of a tree: names, kinds, modes, owners, times, links, ACLs, extended attributes, content.
fn fingerprint(tree: &Path) -> String {
    let format = "%P %y %m %U %G %T@ %l %n\\n";
    let mut lines: Vec<_> = run("find", &[text(tree), "-printf", format])
        .lines()
        .map(str::to_owned)
        .collect();
    lines.sort_unstable();
    for attribute in ATTRIBUTES {
        let mut value = [0; 256];
        let length = lgetxattr(tree.join("second"), attribute, &mut value).unwrap();
        lines.push(format!("{attribute} {:?}", &value[..length]));
    }
    let mut shell = Command::new("bash");
    shell
        .args(["-c", "find . -type f -exec sha256sum {} + | sort"])
        .current_dir(tree);
    lines.join("\n") + &Finished::run(&mut shell).success()
}

/// A tree with everything that a careless copy loses.
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
    ] {
        fs::write(tree.join("folder").join(name), name).unwrap();
    }
    symlink("plain", tree.join("folder/link")).unwrap();
    symlink("/nonexistent", tree.join("folder/dangling")).unwrap();
    fs::hard_link(tree.join("folder/plain"), tree.join("second")).unwrap();
    run("mkfifo", &[text(&tree.join("fifo"))]);
    fs::set_permissions(tree.join("folder"), fs::Permissions::from_mode(0o2750)).unwrap();
    fs::set_permissions(tree.join("folder/plain"), fs::Permissions::from_mode(0o4711)).unwrap();
    fs::File::create(tree.join("sparse"))
        .unwrap()
        .set_len(64 << 20)
        .unwrap();
    run(
        "touch",
        &[
            "-d",
            "2001-02-03 04:05:06.789 UTC",
            text(&tree.join("folder/plain")),
        ],
    );
    for (attribute, value) in ATTRIBUTES.into_iter().zip([b"blue".to_vec(), access_list()]) {
        setxattr(tree.join("second"), attribute, &value, XattrFlags::empty()).unwrap();
    }
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(tree.join("folder/-rf"), Some(12345), Some(54321)).unwrap();
    }
}

#[test]
fn everything_comes_back_equal() {
    let host = Host::new();
    let tree = host.scratch().join("a tree; $(touch pwned) 'of' \"files\"");
    let single = host.scratch().join("-single");
    plant(&tree);
    fs::write(&single, "alone").unwrap();
    let before = fingerprint(&tree);

    host.batt(&["--file", text(&tree), "--file", text(&single)])
        .code(0);
    fs::remove_dir_all(&tree).unwrap();
    fs::remove_file(&single).unwrap();
    host.batt(&["verify"]).code(0);
    host.restore(&host.backup("file"), &[("into", "/".to_owned())]);

    assert_eq!(fingerprint(&tree), before);
    assert_eq!(fs::read_to_string(&single).unwrap(), "alone");
    let sparse = fs::metadata(tree.join("sparse")).unwrap();
    assert!(
        sparse.blocks() * 512 < sparse.len() / 2,
        "the hole was filled: {} blocks",
        sparse.blocks()
    );
    assert!(!host.scratch().join("pwned").exists());
}

#[test]
fn a_restore_never_writes_over_what_is_there() {
    let host = Host::new();
    let tree = host.scratch().join("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("a"), "old").unwrap();
    host.batt(&["--file", text(&tree)]).code(0);
    fs::write(tree.join("a"), "new").unwrap();

    let guide = fs::read_to_string(host.backup("file").join("RESTORE.md")).unwrap();
    let command = guide.lines().find(|line| line.starts_with("zstd -dc")).unwrap();
    let finished = Finished::run(
        Command::new("bash")
            .args(["-c", command])
            .env("into", "/")
            .current_dir(host.backup("file")),
    );

    assert_ne!(finished.code, Some(0));
    assert_eq!(fs::read_to_string(tree.join("a")).unwrap(), "new");
}

#[test]
fn configured_folders_are_saved_without_what_is_excluded() {
    let host = Host::new();
    let tree = host.scratch().join("tree");
    for folder in ["cache", "deep/node_modules", "deep/cache", "tagged"] {
        fs::create_dir_all(tree.join(folder)).unwrap();
        fs::write(tree.join(folder).join("file"), "x").unwrap();
    }
    fs::write(tree.join("deep/note.swp"), "x").unwrap();
    fs::write(
        tree.join("tagged/CACHEDIR.TAG"),
        "Signature: 8a477f597d28d172789f06886806bc55\n",
    )
    .unwrap();
    let excludes = format!("{}/cache node_modules *.swp", text(&tree));
    host.configure(
        "file",
        &[("FILE_DATA_DIRS", text(&tree)), ("FILE_EXCLUDES", &excludes)],
    );

    host.batt(&["file"]).code(0);
    fs::remove_dir_all(&tree).unwrap();
    host.restore(&host.backup("file"), &[("into", "/".to_owned())]);

    let mut found: Vec<_> = run("find", &[text(&tree), "-type", "f", "-printf", "%P\n"])
        .lines()
        .map(str::to_owned)
        .collect();
    found.sort_unstable();
    assert_eq!(found, ["deep/cache/file", "tagged/CACHEDIR.TAG"]);
}

#[test]
fn what_cannot_be_a_path_or_is_not_there_fails_by_its_name() {
    let host = Host::new();
    let link = host.scratch().join("link");
    symlink("/etc", &link).unwrap();
    let missing = host.scratch().join("missing");
    let upwards = format!("{}/../x", text(&host.scratch()));
    for (item, reason) in [
        (text(&missing), "no such file or folder"),
        (text(&link), "is a symbolic link"),
        (upwards.as_str(), "goes through `..`"),
        ("relative", "is no absolute path"),
        ("-rf", "is no absolute path"),
        ("--checkpoint-action=exec=touch pwned", "is no absolute path"),
    ] {
        let finished = host.batt(&[&format!("--file={item}")]).code(2);
        finished.says(reason);
        finished.says(item);
    }
    let finished = host.batt(&["file"]).code(2);
    finished.says("FILE_DATA_DIRS");
    assert!(host.backups("file").is_empty());
}

#[test]
fn a_file_that_changes_while_it_is_read_is_kept_and_a_warning() {
    let host = Host::new();
    let tree = host.scratch().join("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("quiet"), "here").unwrap();
    let growing = tree.join("growing");
    fs::write(&growing, vec![7; 32 << 20]).unwrap();

    // Whether tar meets the change is a matter of chance: it is asked until it has.
    let stop = AtomicBool::new(false);
    let finished = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut file = fs::OpenOptions::new().append(true).open(&growing).unwrap();
            while !stop.load(Ordering::Relaxed) {
                file.write_all(b"more").unwrap();
            }
        });
        let runs = (0..20).map(|_| host.batt(&["--format", "json", "--file", text(&tree)]));
        let finished = runs
            .take_while(|finished| finished.code == Some(0))
            .find(|run| run.stdout.contains("changed"));
        stop.store(true, Ordering::Relaxed);
        finished
    });

    let finished = finished.expect("tar has never met the change, or a run has failed");
    let report: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
    let warnings = report["services"][0]["warnings"].to_string();
    assert!(warnings.contains("changed while they were read"), "{report:#}");
    assert!(host.logs("file").contains("growing"), "{}", finished.said());
    fs::remove_dir_all(&tree).unwrap();
    host.restore(&host.backup("file"), &[("into", "/".to_owned())]);
    assert_eq!(fs::read_to_string(tree.join("quiet")).unwrap(), "here");
}

#[test]
fn a_backup_does_not_swallow_itself() {
    let host = Host::new();
    let everything = host.home().parent().unwrap().to_owned();
    fs::write(host.scratch().join("wanted"), "x").unwrap();

    host.batt(&["--file", text(&everything)]).code(0);

    let archive = fs::read_dir(host.backup("file"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let archive = archive
        .into_iter()
        .find(|path| path.extension().is_some_and(|kind| kind == "zst"))
        .unwrap();
    let listing = format!("set -o pipefail; zstd -dc '{}' | tar --list", text(&archive));
    let members = run("bash", &["-c", &listing]);
    assert!(
        members.lines().any(|member| member.ends_with("scratch/wanted")),
        "{members}"
    );
    assert!(!members.contains(".zst"), "{members}");
}

/// Any account may have one, and root cannot look at it.
#[test]
fn a_file_system_of_somebodys_own_below_is_left_out_and_costs_nothing() {
    let host = Host::new();
    let tree = host.scratch().join("tree");
    let mount = tree.join("its *own* mount");
    fs::create_dir_all(&mount).unwrap();
    for name in ["own", "its very own mount"] {
        fs::write(tree.join(name), "x").unwrap();
    }
    if fs::File::open("/dev/fuse").is_err() {
        eprintln!("SKIPPED: there is no FUSE here");
        return;
    }
    let script = format!(
        "exec 9<>/dev/fuse\nmount -i -t fuse -o fd=9,rootmode=40000,user_id=61200,group_id=61200 none '{0}'\n! stat '{0}' 2>/dev/null\nbatt --format json --file '{1}'",
        text(&mount),
        text(&tree)
    );
    let Some(finished) = host.in_mounts(&script) else {
        return;
    };
    finished
        .code(0)
        .says("is without the file systems mounted below it");
    fs::remove_dir_all(&tree).unwrap();
    host.restore(&host.backup("file"), &[("into", "/".to_owned())]);
    for name in ["own", "its very own mount"] {
        assert!(tree.join(name).exists(), "{name}");
    }
    assert!(!mount.exists());
}

#[test]
fn file_systems_mounted_below_are_left_out_and_recorded() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("only root can mount: not tried");
        return;
    }
    let host = Host::new();
    let mount = host.scratch().join("tree/other disk");
    fs::create_dir_all(&mount).unwrap();
    let tree = mount.parent().unwrap();
    fs::write(tree.join("own"), "x").unwrap();

    let mounted = "mount -t tmpfs none \"$0\" && : >\"$0/foreign\" && exec \"$@\"";
    let wrapper = ["--mount", "bash", "-c", mounted, text(&mount)];
    host.batt_within("unshare", &wrapper, &["--file", text(tree)])
        .code(0);

    let skipped = host.facts("file", "skipped-mounts.");
    assert_eq!(skipped.values().collect::<Vec<_>>(), [text(&mount)]);
    fs::remove_dir_all(tree).unwrap();
    host.restore(&host.backup("file"), &[("into", "/".to_owned())]);
    assert_eq!(
        run(
            "find",
            &[text(tree), "-mindepth", "1", "-printf", "%f\n", "-prune"]
        )
        .lines()
        .count(),
        2
    );
    assert!(!mount.join("foreign").exists());
}
