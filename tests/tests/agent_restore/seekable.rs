//! `batt load --seekable`: a dump of PostgreSQL as a file that several processes can read.

use std::fs;
use std::path::{Path, PathBuf};

use batt_tests::host::Host;

/// Returns the path of a dump as pg_dump wrote it.
fn dump(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../agent/fixtures/archives")
        .join(name)
}

/// What tells of a restore that it is the dump.
const TOLD: &str = "batt record --of dump large-objects 2; batt record --of dump sequence-value.public.q 1";

/// A host with a backup of a dump that was written through a pipe.
fn host_with(dump: &Path) -> Host {
    let host = Host::new();
    let store = format!("batt store --check postgresql dump -- cat '{}'", dump.display());
    host.drop_in("dump", &store);
    host.batt(&["dump"]).code(0);
    host
}

#[test]
fn the_command_gets_the_dump_that_pg_dump_writes_into_a_file() {
    let host = host_with(&dump("postgresql-piped.dump"));
    let out = host.scratch();
    host.companion(
        "restore-dump",
        &format!(
            "set -e; cd '{}'
             batt load --check postgresql --seekable 11790 dump -- sh -ec '
                 [ \"$BATT_SEEKABLE\" = yes ]; [ \"$BATT_RAW_BYTES\" = 11790 ]
                 cat /proc/self/fd/0 > once; cat /proc/self/fd/0 > twice
                 readlink /proc/self/fd/0 > name; stat -L -c \"%h %a\" /proc/self/fd/0 > mode'
             {TOLD}",
            out.display()
        ),
    );

    host.batt(&["restore", "dump"]).code(0).says("no difference");

    let seekable = fs::read(dump("postgresql-seekable.dump")).unwrap();
    assert!(fs::read(out.join("once")).unwrap() == seekable);
    assert!(fs::read(out.join("twice")).unwrap() == seekable);
    let read = |name: &str| fs::read_to_string(out.join(name)).unwrap();
    assert!(read("name").ends_with(" (deleted)\n"), "{}", read("name"));
    assert_eq!(read("mode"), "0 444\n");
}

#[test]
fn the_file_is_read_by_the_account_of_the_command_and_written_by_nobody() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can act as another account");
        return;
    }
    let host = host_with(&dump("postgresql-piped.dump"));
    let out = host.scratch();
    host.companion(
        "restore-dump",
        &format!(
            "batt load --check postgresql --seekable 1 dump -- setpriv --reuid 54321 --regid 54321 --clear-groups sh -ec '
                 cat /proc/self/fd/0
                 if sh -c \": >>/proc/self/fd/0\" 2>/dev/null; then exit 1; fi
                 if sh -c \"echo x >&0\" 2>/dev/null; then exit 1; fi' >'{}/read' && {TOLD}",
            out.display()
        ),
    );
    host.batt(&["restore", "dump"]).code(0);
    assert!(fs::read(out.join("read")).unwrap() == fs::read(dump("postgresql-seekable.dump")).unwrap());
}

#[test]
fn a_dump_that_is_too_small_comes_through_a_pipe() {
    let host = host_with(&dump("postgresql-piped.dump"));
    host.companion(
        "restore-dump",
        &format!(
            "export BATT_SEEKABLE=yes
             batt load --check postgresql --seekable 11791 dump -- sh -ec '
                 [ -p /proc/self/fd/0 ]; [ -z \"${{BATT_SEEKABLE:-}}\" ]; cat >/dev/null' && {TOLD}"
        ),
    );
    let restored = host.batt(&["restore", "dump"]).code(0);
    assert!(!restored.said().contains("as it comes"), "{}", restored.said());
}

/// What is not a whole dump does not reach the command at all.
#[test]
fn a_command_does_not_begin_with_what_is_not_sound() {
    let other = Host::new();
    other.drop_in("dump", "batt store dump -- echo no dump");
    other.batt(&["dump"]).code(0);
    let changed = host_with(&dump("postgresql-piped.dump"));
    for (host, before, why) in [
        (&other, "", "not a complete `postgresql`"),
        (&changed, "printf x >>\"$BATT_SOURCE/dump.zst\"", "`dump.zst`"),
    ] {
        let began = host.scratch().join("began");
        host.companion(
            "restore-dump",
            &format!(
                "{before}\nbatt load --check postgresql --seekable 1 dump -- touch '{}'; exit 0",
                began.display()
            ),
        );
        let restored = host.batt(&["restore", "dump"]);
        assert_ne!(restored.code, Some(0));
        restored.says(why);
        assert!(!began.exists(), "{}", restored.said());
    }
}

#[test]
fn a_command_that_fails_fails_the_restore() {
    let host = host_with(&dump("postgresql-piped.dump"));
    for (command, why) in [
        ("sh -c 'exit 7'", "`sh` ended with exit code 7"),
        ("no-such-command", "cannot start `no-such-command`"),
    ] {
        host.companion(
            "restore-dump",
            &format!("batt load --check postgresql --seekable 1 dump -- {command}; {TOLD}; exit 0"),
        );
        let restored = host.batt(&["restore", "dump"]);
        restored.says(why);
        assert_ne!(restored.code, Some(0));
    }
}

#[test]
fn what_has_no_places_cannot_be_asked_for_as_a_file() {
    let host = host_with(&dump("postgresql-piped.dump"));
    for (options, why) in [
        ("--seekable 1", "--check"),
        ("--check tar --seekable 1", "only what is checked as `postgresql`"),
        ("--check postgresql --seekable many", "invalid value"),
    ] {
        host.companion(
            "restore-dump",
            &format!("batt load {options} dump -- cat >/dev/null; {TOLD}; exit 0"),
        );
        let restored = host.batt(&["restore", "dump"]);
        restored.says(why);
        assert_ne!(restored.code, Some(0));
    }
}

/// Where a file cannot be written to its end, the dump comes all the same.
#[test]
fn without_room_it_comes_through_a_pipe_and_says_why() {
    let host = host_with(&dump("postgresql-piped.dump"));
    let load = format!(
        "batt load --check postgresql --seekable 1 dump -- sh -ec '[ -p /proc/self/fd/0 ]; cat >/dev/null' && {TOLD}"
    );
    // The limit is met while it is copied.
    host.companion(
        "restore-dump",
        &format!(
            "trap '' XFSZ\nbash -c 'ulimit -f 4; exec \"$@\"' bash sh -c \"$(cat <<'END'\n{load}\nEND\n)\""
        ),
    );
    host.batt(&["restore", "dump"])
        .code(0)
        .says("`dump` is read as it comes, by one process: ");
    // It is known beforehand.
    host.companion("restore-dump", &load);
    let small = host.scratch().join("small");
    fs::create_dir(&small).unwrap();
    let restored = host.in_mounts(&format!(
        "mount -t tmpfs -o size=44k none '{0}'; export TMPDIR='{0}'; batt restore dump",
        small.display()
    ));
    if let Some(restored) = restored {
        restored.code(0).says("which is more than a quarter of the ");
    }
}
