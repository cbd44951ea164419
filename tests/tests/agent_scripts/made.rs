//! What a script made: whole, or never published.

use std::time::{Duration, Instant};

use super::*;

#[test]
fn what_is_no_whole_regular_file_is_never_published() {
    let host = Host::new();
    let cases = [
        ("nothing", ":", "the script wrote nothing"),
        ("emptyfile", ": > $BATT_DEST/emptyfile/a.sql", "`a.sql` is empty"),
        (
            "secondempty",
            "cd $BATT_DEST/secondempty; echo x > a; : > b",
            "`b` is empty",
        ),
        ("link", "ln -s /etc/hostname $BATT_DEST/link/a", "`a` is a link"),
        ("ring", "ln -s . $BATT_DEST/ring/a", "`a` is a link"),
        ("fifo", "mkfifo $BATT_DEST/fifo/a", "`a` is a FIFO"),
        (
            "hard",
            "echo x > $BATT_DEST/out; ln $BATT_DEST/out $BATT_DEST/hard/a",
            "`a` is a hard link",
        ),
        (
            "cut",
            "head -c 100000 /dev/urandom | gzip | head -c 5000 > $BATT_DEST/cut/a.gz",
            "`a.gz`",
        ),
        (
            "tail",
            "(echo x | gzip; echo junk) > $BATT_DEST/tail/a.gz",
            "`a.gz`",
        ),
        (
            "void",
            "gzip < /dev/null > $BATT_DEST/void/a.sql.gz",
            "`a.sql.gz`",
        ),
        ("voidxz", "xz < /dev/null > $BATT_DEST/voidxz/a.xz", "`a.xz`"),
        (
            "voidzst",
            "zstd -q < /dev/null > $BATT_DEST/voidzst/a.zst",
            "`a.zst`",
        ),
        ("notgzip", "echo x > $BATT_DEST/notgzip/a.gz", "`a.gz`"),
        (
            "paper",
            "echo x > $BATT_DEST/paper/manifest.json",
            "batt itself uses",
        ),
        ("gone", "rm -rf $BATT_DEST", "cannot read"),
        (
            "elsewhere",
            "cd $BATT_DEST; rmdir elsewhere; ln -s /etc elsewhere",
            "no folder any more",
        ),
        (
            "odd",
            "printf x > $BATT_DEST/odd/$(printf 'a\\377')",
            "is not UTF-8",
        ),
    ];
    for (service, body, words) in cases {
        host.try_script(service, body).failed(&[words]);
        assert_eq!(host.backups(service), [] as [&Path; 0]);
    }
    if rustix::process::geteuid().is_root() {
        host.try_script("device", "mknod $BATT_DEST/device/a c 1 3")
            .failed(&["`a` is a device"]);
    }
    host.try_script(
        "socket",
        "exec perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Listen => 1, Local => \"$ENV{BATT_DEST}/socket/a\")'",
    )
    .failed(&["`a` is a socket"]);
    host.assert_sound();
}

/// A script as they were written in 2014: unquoted, a pipe without a care, and always content.
const LEGACY: &str = r#"#!/bin/bash

SERVICE="legacy"
CONF_DIR="/opt/batt/conf"
if [ -n "$BATT_CONF" ]; then CONF_DIR=$BATT_CONF; fi

. $CONF_DIR/backup.conf
. $CONF_DIR/backup-$SERVICE.conf

DEST_FOLDER=$BATT_DEST/$SERVICE
mkdir -p $DEST_FOLDER

dump() { $DUMP_COMMAND $1; }

if [ -z "$1" ]; then
  databases="$ALL"
else
  databases="$@"
fi
for db in $databases; do
  dump $db | gzip > $DEST_FOLDER/$db.sql.gz
done

exit 0
"#;

#[test]
fn a_script_of_2014_works_unmodified_and_is_not_believed() {
    let host = Host::new();
    host.drop_in_raw("legacy", LEGACY.as_bytes(), 0o755);
    host.conf(
        "backup-legacy.conf",
        "ALL=\"a b\"\nDUMP_COMMAND=\"echo dump of\"\n",
    );
    let outcome = host.told("legacy", &["legacy"]);
    let place = outcome.succeeded().to_owned();
    let unpacked = Finished::run(Command::new("gzip").args(["-dc"]).arg(place.join("b.sql.gz"))).success();
    assert_eq!(unpacked, "dump of b\n");
    let before = host.published();

    host.conf("backup-legacy.conf", "ALL=\"a b\"\nDUMP_COMMAND=\"false\"\n");
    host.told("legacy", &["legacy"]).failed(&["`a.sql.gz`"]);
    // One of two is enough to fail it.
    host.conf(
        "backup-legacy.conf",
        "ALL=\"a b\"\nDUMP_COMMAND=\"grep -H b --label=x - /dev/null\"\n",
    );
    host.told("legacy", &["legacy"]).failed(&[".sql.gz`"]);
    host.conf(
        "backup-legacy.conf",
        "ALL=\"a b\"\nDUMP_COMMAND=/nowhere/mysqldump\n",
    );
    host.told("legacy", &["legacy"]).failed(&["/nowhere/mysqldump"]);
    assert_eq!(host.published(), before);
}

#[test]
fn a_store_that_failed_fails_the_service_whatever_the_script_says() {
    let host = Host::new();
    let cases = [
        (
            "dump",
            "batt store a -- sh -c 'echo x; exit 3'; exit 0",
            "exit code 3",
        ),
        ("none", "batt store a -- true; exit 0", "a"),
        (
            "killed",
            "batt store a -- sh -c 'echo x; kill -9 $$'; exit 0",
            "signal 9",
        ),
        ("absent", "batt store a -- /nowhere/dump; exit 0", "/nowhere/dump"),
        ("kind", "batt store --check mysql a -- echo no dump; exit 0", "a"),
        (
            "never",
            "(batt store a -- sh -c 'echo x; touch '$TMPDIR'/runs; sleep 1000') & until [ -e $TMPDIR/runs ]; do sleep 0.02; done; echo x > $BATT_DEST/never/b; kill -9 $!; exit 0",
            "a",
        ),
    ];
    for (service, body, words) in cases {
        host.try_script(service, body).failed(&[words]);
    }
    host.try_script("good", "batt store a -- echo x && batt record tables 3")
        .succeeded();
    assert_eq!(host.fact("good", "tables"), "3");
    host.assert_sound();
}

#[test]
fn a_call_that_has_no_meaning_fails_the_service_whatever_the_script_says() {
    let host = Host::new();
    let calls = [
        "batt store -- echo x",
        "batt store x",
        "batt store --chekc mysql x -- echo x",
        "batt stroe x -- echo x",
        "batt record tables",
    ];
    for call in calls {
        let body = format!("batt store good -- echo x; {call}; exit 0");
        let start: Vec<&str> = call.split(' ').take(2).collect();
        host.try_script("x", &body)
            .failed(&[&format!("`{}", start.join(" "))]);
    }
    // What it says of one archive takes that archive with it, and no other.
    let unknown = "batt store good -- echo x; batt store --check nonsense x -- echo x; exit 0";
    let told = host.try_script("x", unknown);
    assert_eq!((told.outcome.as_str(), told.exit), ("partial", 2), "{told:?}");
    assert!(told.reason.contains("unknown kind `nonsense`"), "{told:?}");
    host.assert_sound();
}

#[test]
fn what_is_mounted_in_the_backup_is_no_part_of_it() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can mount");
        return;
    }
    let host = Host::new();
    let mount = "cd $BATT_DEST/x; mkdir m; mount -t tmpfs tmpfs m; echo x > m/a; echo x > a";
    host.drop_in("x", mount);
    // The mount goes with the namespace that only this run of batt has.
    let finished = host.batt_within("unshare", &["-m"], &["--format", "json", "x"]);
    told("x", finished).failed(&["is on another file system"]);
}

#[test]
fn a_script_whose_dump_dies_is_reported_failed() {
    let host = Host::new();
    let started = host.scratch().join("started");
    let body = format!(
        "echo $$ > {0}.new; mv {0}.new {0}; echo x > $BATT_DEST/x/a; exec sleep 1000",
        started.display()
    );
    host.drop_in("x", &body);
    let child = host
        .batt_command(&["--format", "json", "x"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("the script runs", || started.exists());
    kill(fs::read_to_string(&started).unwrap().trim().parse().unwrap());
    let output = child.wait_with_output().unwrap();
    let finished = Finished {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::new(),
    };
    told("x", finished).failed(&["killed by signal 9"]);
    host.assert_sound();
}

#[test]
fn folders_nested_beyond_reason_are_refused_and_removed() {
    let host = Host::new();
    let nest =
        "perl -e 'for (1..900) { mkdir \"ddddd\"; chdir \"ddddd\" or die } open F, \">a\"; print F \"x\"'";
    let body = format!("cd $BATT_DEST/deep; {nest}");
    host.try_script("deep", &body)
        .failed(&["nested more than 100 deep"]);
    host.try_script("deep", &format!("{body}; exit 1"))
        .failed(&["exit code 1"]);
    host.assert_sound();
}

#[test]
fn a_stream_is_taken_no_faster_than_it_may() {
    let host = Host::new();
    host.settings("[service.slow]\nmax_rate = \"100KiB\"\n");

    host.drop_in("slow", "batt store zeros -- head -c 307200 /dev/zero");
    let start = Instant::now();
    host.batt(&["slow"]).code(0);

    // What a slow start has earned is the first second at the most.
    let took = start.elapsed();
    assert!(took >= Duration::from_secs(2), "{took:?}");
    assert_eq!(host.manifest("slow")["archives"][0]["raw_bytes"], 307_200);
}
