//! What scripts may do to `batt`: each way of going wrong is told for what it is, and nothing of it is published.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use batt_tests::drop_in::{chmod, told};
use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::process::{assert_none_lives, kill, living_with, until};

#[test]
fn a_script_that_the_kernel_cannot_start_is_told_with_its_cause_and_the_others_run() {
    let host = Host::new();
    host.drop_in("sound", "echo x > $BATT_DEST/sound/a");
    let whole = b"#!/bin/sh\necho x > $BATT_DEST/x\n";
    let cases: [(&str, &[u8], u32, &str); 7] = [
        ("modeless", whole, 0o644, "is not executable"),
        ("shebangless", b"echo x\n", 0o755, "names no interpreter"),
        ("windows", b"#!/bin/sh\r\necho x\r\n", 0o755, "carriage return"),
        (
            "lost",
            b"#!/nowhere/python\n",
            0o755,
            "the interpreter `/nowhere/python`",
        ),
        ("void", b"", 0o755, "is empty"),
        (
            "elf",
            b"\x7fELFnothing more",
            0o755,
            "no program that this machine can run",
        ),
        ("nameless", b"#!\necho\n", 0o755, "interpreter"),
    ];
    for (service, content, mode, words) in cases {
        host.drop_in_raw(service, content, mode);
        let finished = host.batt(&["--format", "json", service, "sound"]);
        assert!(finished.stdout.contains("\"succeeded\""), "{}", finished.said());
        told(service, finished).failed(&[words]);
    }
    fs::create_dir(host.home().join("scripts-available/backup-folder")).unwrap();
    host.told("folder", &["folder"]).failed(&["not a regular file"]);
    host.assert_sound();
}

#[test]
fn a_script_that_is_being_written_is_told_so() {
    let host = Host::new();
    let path = host.drop_in("busy", "");
    fs::remove_file(&path).unwrap();
    // Only a binary can be busy for writing: the kernel looks at the file that it executes, and at its interpreter.
    fs::copy("/bin/true", &path).unwrap();
    chmod(&path, 0o755);
    let _writer = fs::OpenOptions::new().append(true).open(&path).unwrap();
    host.told("busy", &["busy"]).failed(&["is being written"]);
}

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

#[test]
fn exit_codes_and_signals_are_told_as_they_are() {
    let host = Host::new();
    for code in [1, 2, 42, 126, 127, 130, 143, 255] {
        host.try_script(
            "x",
            &format!("echo x > $BATT_DEST/x/a; echo last words; exit {code}"),
        )
        .failed(&[&format!("exit code {code}\n"), "| last words"]);
    }
    for signal in [1, 2, 9, 11, 15] {
        host.try_script("x", &format!("echo x > $BATT_DEST/x/a; kill -{signal} $$"))
            .failed(&[&format!("killed by signal {signal}")]);
    }
    host.assert_sound();
}

#[test]
fn a_flood_of_output_takes_neither_memory_nor_disk_and_is_counted() {
    let host = Host::new();
    host.settings("log_limit = \"1MiB\"\n");
    // One line of 300 MB without an end, and as much in short lines.
    host.drop_in(
        "flood",
        "head -c 300000000 /dev/zero; yes | head -c 300000000; echo the end; echo x > $BATT_DEST/flood/a",
    );
    let limit = "ulimit -v 600000; exec \"$@\"";
    let finished = host.batt_within("sh", &["-c", limit, "sh"], &["--format", "json", "flood"]);
    told("flood", finished).succeeded();
    let kept: u64 = fs::read_dir(host.home().join("var/runs"))
        .unwrap()
        .flat_map(|run| fs::read_dir(run.unwrap().path()).unwrap())
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum();
    assert!(kept < (1 << 20) + 100_000, "{kept}");
    let log = host.batt(&["logs", "--last"]).success();
    let note = log
        .lines()
        .find(|line| line.contains("bytes were dropped"))
        .expect("it says so");
    let dropped: usize = note.split(['[', ' ']).nth(1).unwrap().parse().unwrap();
    let note = note.len() + 2;
    assert_eq!(dropped + log.len() - note, 600_000_000 + "the end\n".len());
    assert!(log.ends_with("y\nthe end\n"));
}

#[test]
fn binary_output_is_kept_as_it_is_and_shown_escaped() {
    let host = Host::new();
    let body = "printf '\\033]0;owned\\007\\377\\000\\r\\342\\200\\256red\\n'; exit 1";
    let outcome = host.try_script("x", body);
    outcome.failed(&["exit code 1"]);
    let raw = host.home().join("var/runs").join(&outcome.run).join("x.log");
    assert_eq!(
        fs::read(raw).unwrap(),
        b"\x1b]0;owned\x07\xff\0\r\xe2\x80\xaered\n"
    );
    let shown = host.batt(&["x"]).code(2).said();
    for bad in ['\u{1b}', '\u{7}', '\0', '\r', '\u{202e}'] {
        assert!(!shown.contains(bad), "{shown:?}");
    }
    assert!(shown.contains("owned"), "{shown:?}");
}

#[test]
fn a_script_that_ignores_term_is_killed_when_its_time_is_over() {
    let host = Host::new();
    host.settings("[service.deaf]\nmax_duration = \"1s\"\n");
    let canary = format!("deaf-{}", std::process::id());
    let body = format!("trap '' TERM; echo x > $BATT_DEST/deaf/a; while :; do sleep 7; : {canary}; done");
    host.try_script("deaf", &body)
        .ended("timed-out", 8, &["max_duration"]);
    assert_none_lives(&host.root().display().to_string());
    host.assert_sound();
}

#[test]
fn a_script_that_stops_itself_or_stands_still_is_ended() {
    let host = Host::new();
    host.settings("[defaults]\nstall_timeout = \"1s\"\n");
    host.try_script("stopped", "kill -STOP $$")
        .ended("timed-out", 8, &["1 seconds"]);
    host.try_script("still", "echo begun; exec sleep 1000")
        .ended("timed-out", 8, &["| begun"]);
    // Whoever moves is left alone: the log, or a file in staging.
    let body = "for i in 1 2 3 4 5; do echo $i; echo $i >> $BATT_DEST/alive/a; sleep 0.4; done";
    host.try_script("alive", body).succeeded();
    assert_none_lives(&host.root().display().to_string());
    host.assert_sound();
}

#[test]
fn what_a_script_leaves_behind_is_killed_and_told() {
    let host = Host::new();
    let cases = [
        ("child", "sleep 1000 &"),
        ("quiet", "sleep 1000 > /dev/null 2>&1 &"),
        ("daemon", "setsid sleep 1000 > /dev/null 2>&1 < /dev/null &"),
        (
            "twice",
            "(setsid sh -c 'setsid sleep 1000 & exit' > /dev/null 2>&1 &)",
        ),
        ("unmarked", "env -i setsid /bin/sleep 1000 > /dev/null 2>&1 &"),
    ];
    for (service, line) in cases {
        let canary = format!("{}{}", 1000, std::process::id());
        let body = format!(
            "{}\necho x > $BATT_DEST/{service}/a",
            line.replace("1000", &canary)
        );
        let outcome = host.try_script(service, &body);
        outcome.succeeded();
        assert!(
            outcome.warnings.contains("behind, now killed"),
            "{service}: {outcome:?}"
        );
        assert_none_lives(&canary);
    }
    assert_none_lives(&host.root().display().to_string());
}

#[test]
fn without_control_groups_what_hides_is_ended_as_well() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can unmount");
        return;
    }
    let host = Host::new();
    let canary = format!("2000{}", std::process::id());
    // Without session, mark and parent: nothing tells it but that it is an orphan of ours.
    let hidden = format!(
        "env -i setsid /bin/sleep {canary} > /dev/null 2>&1 & env -i setsid sh -c 'setsid sleep {canary} & exit' > /dev/null 2>&1"
    );
    host.drop_in("x", &format!("{hidden}\necho x > $BATT_DEST/x/a"));
    let unmounted = "umount -a -t cgroup2; exec \"$@\"";
    let wrapper = ["-m", "sh", "-c", unmounted, "sh"];
    told(
        "x",
        host.batt_within("unshare", &wrapper, &["--format", "json", "x"]),
    )
    .succeeded();
    assert_none_lives(&canary);
    // Who was there before is left alone: here the one that reads what batt says.
    let reader = host.scratch().join("read");
    let shell = format!(
        "umount -a -t cgroup2; exec bash -c 'exec \"$@\" > >(sleep 0.2; cat > {})' bash \"$@\"",
        reader.display()
    );
    host.batt_within("unshare", &["-m", "sh", "-c", &shell, "sh"], &["x"])
        .success();
    until("everything was read", || {
        fs::read_to_string(&reader).is_ok_and(|text| text.contains("exit 0"))
    });
}

#[test]
fn streams_are_what_a_script_may_rely_on() {
    let host = Host::new();
    let body = "exec >&- 2>&-; sleep 0.1; echo x > $BATT_DEST/mute/a";
    host.try_script("mute", body).succeeded();
    host.try_script(
        "reader",
        "cat > /dev/null; read x || echo end > $BATT_DEST/reader/a",
    )
    .succeeded();
    let body = "ls -l /proc/self/fd > $BATT_DEST/fds/a; umask > $BATT_DEST/fds/b; ps -o sid= $$ > $BATT_DEST/fds/c; echo $$ >> $BATT_DEST/fds/c; pwd > $BATT_DEST/fds/d";
    let outcome = host.try_script("fds", body);
    let place = outcome.succeeded();
    // Nothing that batt holds: a lock would outlive it, a journal could be written to.
    let open = fs::read_to_string(place.join("a")).unwrap();
    assert!(open.contains(" -> ") && !open.contains("/batt/var/"), "{open}");
    assert_eq!(fs::read_to_string(place.join("b")).unwrap(), "0077\n");
    let session: Vec<i32> = fs::read_to_string(place.join("c"))
        .unwrap()
        .split_whitespace()
        .map(|number| number.parse().unwrap())
        .collect();
    assert_eq!(session[0], session[1], "it leads a session of its own");
    assert_eq!(fs::read_to_string(place.join("d")).unwrap(), "/\n");
}

#[test]
fn items_reach_a_script_as_exactly_one_argument_each() {
    let host = Host::new();
    host.drop_in(
        "args",
        "for a in \"$@\"; do printf '%s\\0' \"$a\"; done > $BATT_DEST/args/a",
    );
    let items = [
        "a;b",
        "$(touch /tmp/x)",
        "../../etc",
        "new\nline",
        "-rf",
        "--help",
        "*",
        " ",
        "é",
    ];
    let mut arguments = vec!["--format", "json"];
    for item in items {
        arguments.extend(["--args-db", item]);
    }
    let outcome = told("args", host.batt(&arguments));
    let got = fs::read(outcome.succeeded().join("a")).unwrap();
    let expected: Vec<u8> = items
        .iter()
        .flat_map(|item| [item.as_bytes(), b"\0"].concat())
        .collect();
    assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(&expected));
}

#[test]
fn what_others_can_write_is_refused_by_name_and_nothing_runs() {
    let host = Host::new();
    let (ran, home) = (host.scratch().join("ran"), host.home());
    let body = format!("touch {}; echo x > $BATT_DEST/x/a", ran.display());
    let script = host.drop_in("x", &body);
    let conf = host.conf("backup-x.conf", "A=b\n");
    let common = home.join("conf/backup.conf");
    host.settings("jobs = 1\n");
    let places = [
        (script.clone(), 0o755),
        (home.join("scripts-available"), 0o755),
        (home.clone(), 0o755),
        (conf, 0o600),
        (common, 0o600),
        (home.join("conf"), 0o755),
        (home.join("conf/batt.toml"), 0o600),
    ];
    for (place, mode) in places {
        for open in [0o020, 0o002] {
            chmod(&place, mode | open);
            let finished = host.batt(&["x"]).code(77);
            finished.says(&format!("`{}` is not trusted", place.display()));
            assert!(!ran.exists(), "{}", place.display());
        }
        chmod(&place, mode);
    }
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&script, Some(65_534), None).unwrap();
        host.batt(&["x"]).code(77).says("belongs to user 65534");
        std::os::unix::fs::chown(&script, Some(0), None).unwrap();
    }
    // A refusal counts as failed beside another failure, and stops nobody.
    chmod(&script, 0o777);
    host.drop_in("bad", "exit 1");
    host.drop_in("good", "echo x > $BATT_DEST/good/a");
    let finished = host.batt(&["x", "good"]).code(77);
    finished.says("1 succeeded, 1 refused");
    host.batt(&["x", "bad", "good"]).code(2);
    assert!(!ran.exists());
}

#[test]
fn a_link_that_does_not_lead_into_scripts_available_is_refused() {
    let host = Host::new();
    let ran = host.scratch().join("ran");
    let outside = host.scratch().join("backup-x");
    let body = format!("touch {}; echo x > $BATT_DEST/x/a", ran.display());
    let script = host.drop_in("x", &body);
    fs::copy(&script, &outside).unwrap();
    let enabled = host.home().join("scripts-enabled");
    let link = enabled.join("backup-x");
    let targets = [
        outside.clone(),
        "../../scratch/backup-x".into(),
        "../scripts-available/backup-y".into(),
    ];
    for target in targets {
        symlink(&target, &link).unwrap();
        host.batt(&[])
            .code(77)
            .says("backup-x` does not lead to `scripts-available/backup-x`");
        fs::remove_file(&link).unwrap();
    }
    fs::copy(&script, &link).unwrap();
    host.batt(&[]).code(77).says("is not a link");
    fs::remove_file(&link).unwrap();
    // A script that is itself a link is as good as what it leads to.
    fs::remove_file(&script).unwrap();
    symlink(&outside, &script).unwrap();
    chmod(&outside, 0o757);
    host.batt(&["x"]).code(77).says("is not trusted");
    // Others could enable what they like.
    host.batt(&["enable", "redis"]).success();
    chmod(&enabled, 0o777);
    host.batt(&[]).code(77).says("scripts-enabled` is not trusted");
    assert!(!ran.exists());
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
            "(batt store a -- sh -c 'echo x; sleep 1000') & sleep 0.5; echo x > $BATT_DEST/never/b; kill -9 $!; exit 0",
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
        "batt store --check nonsense x -- echo x",
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
fn secrets_stay_where_they_were_put() {
    let host = Host::new();
    let canary = format!("hunter2-{}", std::process::id());
    host.conf(
        "backup-x.conf",
        &format!("REDIS_PASSWORD=\"{canary}\"\nMY_SECRET={canary}s\nAPI_TOKEN='{canary}t'\n"),
    );
    let started = host.scratch().join("started");
    let body = format!(
        "echo \"connecting with $REDIS_PASSWORD\"; printf '%s' \"${{MY_SECRET%?????}}\"; sleep 0.1; echo \"${{MY_SECRET#????????}}\"; \
         touch {}; while [ -e {} ]; do sleep 0.02; done; echo x > $BATT_DEST/x/a; echo $API_TOKEN >&2; exit $FAIL",
        started.display(),
        started.display()
    );
    host.drop_in("x", &body);
    for code in [0, 3] {
        host.conf("backup-x.local.conf", &format!("FAIL={code}\n"));
        let child = host
            .batt_command(&["--format", "json", "x"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        until("the script runs", || started.exists());
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let shown = String::from_utf8_lossy(&line).into_owned();
            assert!(!shown.contains(&canary), "{shown}");
        }
        assert!(
            !living_with(&canary).is_empty(),
            "the script has it in its environment"
        );
        fs::remove_file(&started).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(!said.contains(&canary), "{said}");
        assert_eq!(said.contains("********"), code != 0, "{said}");
    }
    host.assert_nowhere(&canary);
    assert!(
        host.logs("x").contains("connecting with ********"),
        "{}",
        host.logs("x")
    );
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
fn a_script_that_changes_itself_is_recorded_as_it_was_started() {
    let host = Host::new();
    let script = host.drop_in("x", "echo '# more' >> $0; echo x > $BATT_DEST/x/a");
    let sum = Finished::run(Command::new("sha256sum").arg(&script)).success();
    host.told("x", &["x"]).succeeded();
    assert_eq!(
        host.manifest("x")["script"]["sha256"],
        sum.split(' ').next().unwrap()
    );
    assert_eq!(fs::metadata(&script).unwrap().permissions().mode() & 0o777, 0o755);
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
