//! What is published, and what is not: whatever fails or dies on the way, an earlier backup is there and whole.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a panic is how a test fails"
)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use batt_tests::drop_in::told;
use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::process::{assert_none_lives, signal, until};
use rustix::process::Signal;

/// A service with a file for each item; of all of `a` and `b` when none is named. What it writes differs at each run.
const DATA: &str =
    "for item in ${@:-a b}; do echo \"$item of $BATT_RUN_ID\" > $BATT_DEST/data/$item.txt; done";

fn data() -> Host {
    let host = Host::new();
    host.drop_in_raw("data", format!("#!/bin/bash\n{DATA}\n").as_bytes(), 0o755);
    host
}

/// Makes `data` wait until the returned file is gone; the file appears when the script waits.
fn waiting(host: &Host) -> PathBuf {
    let waits = host.scratch().join("waits");
    let body = format!(
        "#!/bin/bash\n{DATA}\ntouch {0}\nwhile [ -e {0} ]; do sleep 0.02; done\n",
        waits.display()
    );
    host.drop_in_raw("data", body.as_bytes(), 0o755);
    waits
}

fn start(host: &Host, arguments: &[&str]) -> Child {
    host.batt_command(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn finish(child: Child) -> Finished {
    let output = child.wait_with_output().unwrap();
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Tells whether a process has a file open whose path ends so.
fn has_open(child: &Child, path: &Path) -> bool {
    let open = fs::read_dir(format!("/proc/{}/fd", child.id()))
        .into_iter()
        .flatten()
        .flatten();
    open.filter_map(|fd| fs::read_link(fd.path()).ok())
        .any(|target| target.ends_with(path))
}

#[test]
fn a_noon_run_of_one_item_takes_nothing_from_the_backup_of_all() {
    let host = data();
    let night = host.told("data", &["data"]);
    let night = night.succeeded();
    let before = host.published();
    let noon = host.told("data", &["--data-db", "a"]);
    assert_eq!(
        noon.succeeded(),
        night.with_file_name(format!("data~{}", noon.run))
    );
    assert!(noon.warnings.contains("published beside"), "{noon:?}");
    for (path, content) in &before {
        assert_eq!(
            fs::read(path).ok().as_ref().filter(|_| path.is_file()),
            Some(content).filter(|_| path.is_file())
        );
    }
    // One of all again covers last night's and takes its place; what stood beside stays.
    let evening = host.told("data", &["data"]);
    assert_eq!(evening.succeeded(), night);
    assert!(
        fs::read_to_string(night.join("a.txt"))
            .unwrap()
            .contains(&evening.run)
    );
    assert!(noon.succeeded().exists());
    let backups = host.batt(&["backups"]).success();
    assert_eq!(backups.lines().count(), 2, "{backups}");
    host.assert_sound();
}

#[test]
fn what_is_published_is_private_and_can_be_checked_without_batt() {
    let host = data();
    let all = "umask 0; mkdir -p $BATT_DEST/data/deep/er; echo x > $BATT_DEST/data/deep/er/x; chmod 777 $BATT_DEST/data/deep";
    let odd = "echo x > \"$BATT_DEST/data/new\nline\"; echo x > '$BATT_DEST/data/back\\slash' 2>/dev/null; echo x > \"$BATT_DEST/data/back\\\\slash\"; echo x > $BATT_DEST/data/-dash";
    let outcome = host.try_script("data", &format!("{all}\n{odd}\nexit 0"));
    let place = outcome.succeeded();
    for (path, _) in host.published() {
        let metadata = fs::metadata(&path).unwrap();
        let expected = if metadata.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(
            metadata.permissions().mode() & 0o7777,
            expected,
            "{}",
            path.display()
        );
    }
    let mut check = Command::new("sha256sum");
    Finished::run(check.args(["--strict", "-c", "SHA256SUMS"]).current_dir(place)).success();
    host.batt(&["verify"]).success();
    for paper in ["RESTORE.md", "manifest.json", "SHA256SUMS"] {
        assert!(place.join(paper).is_file());
    }
}

#[test]
fn the_backup_of_another_host_is_never_replaced() {
    let (host, other) = (data(), data());
    let pattern = host.root().join("backup/%Y/%m/%d");
    host.told("data", &["data"]).succeeded();
    let before = host.published();
    let finished = other.batt_at(&pattern, &["--format", "json", "data"]);
    told("data", finished).ended("refused", 77, &["backup of another host"]);
    assert_eq!(host.published(), before);
    // What batt has not made is kept as well.
    let place = host.backup("data");
    fs::remove_file(place.join("manifest.json")).unwrap();
    let outcome = host.told("data", &["data"]);
    assert_eq!(
        outcome.succeeded(),
        place.with_file_name(format!("data~{}", outcome.run))
    );
    assert!(place.join("a.txt").exists());
}

#[test]
fn a_failure_leaves_the_earlier_backup_as_it_is_and_nothing_else() {
    let host = data();
    host.told("data", &["data"]).succeeded();
    let before = host.published();
    for end in [
        "exit 1",
        "kill -9 $$",
        "rm -rf $BATT_DEST/data/*",
        "chmod 0 $BATT_DEST/data $BATT_DEST/tmp; exit 5",
    ] {
        let body = format!("#!/bin/bash\n{DATA}\nmkdir -p $TMPDIR/deep; echo x > $TMPDIR/deep/x\n{end}\n");
        host.drop_in_raw("data", body.as_bytes(), 0o755);
        host.told("data", &["data"]).failed(&[]);
        assert_eq!(host.published(), before, "{end}");
    }
}

#[test]
fn two_runs_at_once_are_one_run_and_a_busy_one() {
    let host = data();
    let waits = waiting(&host);
    let first = start(&host, &["--format", "json", "data"]);
    until("the script waits", || waits.exists());
    host.told("data", &["data"])
        .ended("busy", 75, &["holds its lock"]);
    host.told("data", &["--wait", "1s", "data"])
        .ended("busy", 75, &[]);
    // Another service is not kept waiting.
    host.try_script("other", "echo x > $BATT_DEST/other/a")
        .succeeded();
    let second = start(&host, &["--wait", "30s", "--format", "json", "data"]);
    until("the second one waits", || {
        has_open(&second, &host.home().join("var/locks/data.lock"))
    });
    // The second one takes the file again when its turn comes.
    fs::remove_file(&waits).unwrap();
    told("data", finish(first)).succeeded();
    until("the second one had its turn", || waits.exists());
    fs::remove_file(&waits).unwrap();
    told("data", finish(second)).succeeded();
    host.assert_sound();
}

#[test]
fn signals_end_a_run_with_all_of_its_processes_and_a_hangup_does_not() {
    let host = data();
    host.told("data", &["data"]).succeeded();
    let waits = waiting(&host);
    for (sent, exit) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let before = host.published();
        let child = start(&host, &["--format", "json", "data"]);
        until("the script waits", || waits.exists());
        signal(&child, Signal::HUP);
        signal(&child, sent);
        told("data", finish(child)).ended("cancelled", exit, &[]);
        assert_none_lives(&host.root().display().to_string());
        assert_eq!(host.published(), before);
        fs::remove_file(&waits).unwrap();
    }
    let child = start(&host, &["--format", "json", "data"]);
    until("the script waits", || waits.exists());
    signal(&child, Signal::HUP);
    fs::remove_file(&waits).unwrap();
    told("data", finish(child)).succeeded();
}

#[test]
fn a_run_that_was_killed_is_healed_by_the_next_one() {
    let host = data();
    host.told("data", &["data"]).succeeded();
    let earlier = host.published();
    let waits = waiting(&host);
    let mut child = start(&host, &["data"]);
    until("the script waits", || waits.exists());
    child.kill().unwrap();
    child.wait().unwrap();
    let runs = host.batt(&["runs"]).success();
    assert!(runs.lines().next().unwrap().contains("interrupted"), "{runs}");
    assert!(
        host.published().len() > earlier.len(),
        "its staging folder is still there"
    );
    // The script that lost its supervisor is still there; the next run must not share the service with it.
    let next = host.try_script("data", "touch $BATT_DEST/data/x; exit 1");
    next.failed(&["exit code 1"]);
    assert_none_lives(&waits.display().to_string());
    assert_none_lives(&host.root().display().to_string());
    assert_eq!(host.published(), earlier);
    let runs = host.batt(&["--format", "json", "runs"]).success();
    let runs: serde_json::Value = serde_json::from_str(&runs).unwrap();
    assert_eq!(runs["runs"][1]["exit"], 1, "{runs}");
}

const MUTATING: &str = "openat,write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,ftruncate,symlink,symlinkat,linkat,chmod,fchmod,fchmodat";

/// Runs `batt data` under strace with a fault injected into batt alone; returns how it ended, and whether the fault came.
fn with_fault(host: &Host, fault: &str) -> (Finished, bool) {
    let trace = host.scratch().join("fault");
    let options = [
        "-q",
        "-e",
        &format!("trace={MUTATING}"),
        "-e",
        fault,
        "-o",
        trace.to_str().unwrap(),
    ];
    // Only the program itself is traced, with its threads: `-f` would follow the script too, so the calls that count
    // are made by the main thread or by the one thread that backs up. Each has a counter of its own.
    let follow: Vec<&str> = ["-f"].into_iter().chain(options).collect();
    let finished = host.batt_within("strace", &follow, &["--format", "json", "data"]);
    let text = fs::read_to_string(&trace).unwrap_or_default();
    (
        finished,
        text.contains("INJECTED") || text.contains("killed by SIGKILL"),
    )
}

/// Asserts what must hold whatever happened: what is visible verifies, and of the earlier backup nothing is gone unless
/// a newer one of all has taken its place.
#[track_caller]
fn assert_nothing_is_lost(host: &Host, what: &str) {
    let place = host.backup("data");
    let mut check = Command::new("sha256sum");
    let sums = Finished::run(
        check
            .args(["--strict", "--quiet", "-c", "SHA256SUMS"])
            .current_dir(&place),
    );
    assert_eq!(sums.code, Some(0), "{what}: {}", sums.said());
    for item in ["a.txt", "b.txt"] {
        assert!(place.join(item).exists(), "{what}: {item} is gone");
    }
    let beside = fs::read_dir(place.parent().unwrap()).unwrap().flatten();
    for entry in beside.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.')) {
        assert_eq!(entry.path(), place, "{what}");
    }
}

#[test]
fn killed_at_any_call_that_changes_something_nothing_is_lost() {
    let host = data();
    host.told("data", &["data"]).succeeded();
    let mut killed = 0;
    for call in [
        "fsync",
        "fdatasync",
        "rename,renameat,renameat2",
        "mkdir,mkdirat",
        "unlink,unlinkat,rmdir",
        "write",
        "fchmod,chmod,fchmodat",
    ] {
        for when in [1, 2, 3, 5, 8, 13, 21] {
            let (_, hit) = with_fault(&host, &format!("inject={call}:signal=SIGKILL:when={when}"));
            assert_nothing_is_lost(&host, &format!("{call} {when}"));
            killed += usize::from(hit);
            if !hit {
                break;
            }
        }
    }
    assert!(killed > 20, "{killed}");
    host.told("data", &["data"]).succeeded();
    host.assert_sound();
    assert_none_lives(&host.root().display().to_string());
}

#[test]
fn killed_at_random_moments_nothing_is_lost() {
    let host = data();
    host.told("data", &["data"]).succeeded();
    for step in 0..20u64 {
        let mut child = start(&host, &["data"]);
        // The moments are spread over the whole run; which of them is hit is left to chance.
        std::thread::sleep(std::time::Duration::from_micros(step * 4_000));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_nothing_is_lost(&host, &format!("after {step}"));
    }
    host.told("data", &["data"]).succeeded();
    host.assert_sound();
    assert_none_lives(&host.root().display().to_string());
}

#[test]
fn a_disk_that_fails_at_any_call_is_told_and_nothing_is_lost() {
    let host = data();
    host.told("data", &["data"]).succeeded();
    let faults = [
        ("fsync", "EIO"),
        ("fdatasync", "EIO"),
        ("write", "ENOSPC"),
        ("rename,renameat,renameat2", "EIO"),
        ("mkdir,mkdirat", "ENOSPC"),
        ("fchmod,chmod,fchmodat", "EROFS"),
    ];
    let mut told_of = 0;
    for (call, error) in faults {
        for when in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16] {
            let what = format!("{call} {error} {when}");
            let before = host.published();
            let (finished, hit) = with_fault(&host, &format!("inject={call}:error={error}:when={when}"));
            assert_nothing_is_lost(&host, &what);
            if !hit {
                break;
            }
            // Good is what is published and verified; and whatever is not good has changed nothing.
            let code = finished.code.expect("batt ends by itself");
            let succeeded = finished.stdout.contains("\"succeeded\"");
            let replaced = text_of(&host.published()) != text_of(&before);
            assert_eq!(replaced, succeeded, "{what}: exit {code}\n{}", finished.said());
            assert!(code != 0 || succeeded, "{what}: exit {code}\n{}", finished.said());
            told_of += usize::from(code != 0);
        }
    }
    assert!(told_of > 20, "{told_of}");
    host.told("data", &["data"]).succeeded();
    host.assert_sound();
}

fn text_of(published: &BTreeMap<PathBuf, Vec<u8>>) -> Vec<(&PathBuf, &Vec<u8>)> {
    let visible = |path: &&PathBuf| !path.display().to_string().contains("/.");
    published.iter().filter(|(path, _)| visible(path)).collect()
}

/// Runs a shell command in a mount namespace of its own, with `$BATT` as the words that call batt on the host. None, and
/// a loud word, where that is not allowed.
fn in_mounts(host: &Host, script: &str) -> Option<Finished> {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can mount");
        return None;
    }
    let command = host.batt_command(&[]);
    let words: Vec<String> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| format!("'{}'", word.to_str().unwrap()))
        .collect();
    let script = format!("set -e; batt() {{ {} \"$@\"; }}\n{script}", words.join(" "));
    let mut unshare = Command::new("unshare");
    unshare
        .args(["-m", "sh", "-c", &script])
        .env("HOME", host.user_home());
    Some(Finished::run(&mut unshare))
}

#[test]
fn a_full_or_readonly_destination_is_told_and_changes_nothing() {
    let host = data();
    let target = host.root().join("backup");
    fs::create_dir_all(&target).unwrap();
    let shown = target.display();
    let cases = [
        (
            "size=200k",
            "head -c 500000 /dev/urandom > $BATT_DEST/data/big",
            "2",
            "No space left",
        ),
        (
            "size=200k",
            "batt store big -- head -c 500000 /dev/urandom",
            "2",
            "o space left",
        ),
        (
            "size=8m,nr_inodes=20",
            "for i in $(seq 40); do echo x > $BATT_DEST/data/$i || exit 1; done",
            "2",
            "No space left",
        ),
    ];
    for (options, body, exit, words) in cases {
        host.drop_in_raw(
            "data",
            format!("#!/bin/bash\n{DATA}\n[ -e {shown}/fill ] && {{ {body}; exit; }}\nexit 0\n").as_bytes(),
            0o755,
        );
        let script = format!(
            "mount -t tmpfs -o {options},mode=700 tmpfs {shown}
             batt data >/dev/null 2>&1
             (cd {shown}; find . -type f | sort | xargs sha256sum) > {scratch}/before
             touch {shown}/fill; code=0; batt data || code=$?; rm {shown}/fill
             test $code = {exit}
             (cd {shown}; find . -type f | sort | xargs sha256sum) | cmp - {scratch}/before
             test $(ls -A {shown}/*/*/* | wc -l) = 1
             batt verify",
            scratch = host.scratch().display()
        );
        let Some(finished) = in_mounts(&host, &script) else {
            return;
        };
        assert_eq!(finished.code, Some(0), "{options}: {}", finished.said());
        finished.says(words);
    }
    host.drop_in_raw("data", format!("#!/bin/bash\n{DATA}\n").as_bytes(), 0o755);
    let script = format!(
        "mount -t tmpfs tmpfs {shown}; batt data >/dev/null 2>&1; mount -o remount,ro {shown}
         code=0; batt data || code=$?; test $code = 2; batt verify || true"
    );
    let Some(finished) = in_mounts(&host, &script) else {
        return;
    };
    assert_eq!(finished.code, Some(0), "{}", finished.said());
    finished.says("Read-only file system");
}

#[test]
fn a_mount_that_is_missing_and_a_reserve_that_is_not_there_are_told_before_anything_runs() {
    let host = data();
    host.settings("require_mount = true\n");
    let mounted = host.told("data", &["data"]);
    if mounted.outcome == "succeeded" {
        eprintln!("SKIPPED: the temporary folder is a mount of its own");
    } else {
        mounted.ended("refused", 77, &["nothing is mounted"]);
    }
    host.settings("reserve = \"900TiB\"\n");
    host.told("data", &["data"]).failed(&["no room", "900"]);
}

#[test]
fn without_a_journal_nothing_runs_and_without_its_end_nothing_is_called_good() {
    let host = data();
    let (runs, ran) = (host.home().join("var/runs"), host.scratch().join("ran"));
    host.drop_in(
        "data",
        &format!("touch {}; echo x > $BATT_DEST/data/a", ran.display()),
    );
    // A file where the folder of the runs should be.
    let _ = fs::remove_dir_all(&runs);
    fs::write(&runs, "").unwrap();
    host.batt(&["data"]).code(1).says(&runs.display().to_string());
    assert!(!ran.exists());
    fs::remove_file(&runs).unwrap();

    // The journal goes to a disk that is full by then.
    let script = format!(
        "mkdir -p {runs}; mount -t tmpfs -o size=64k,mode=700 tmpfs {runs}
         head -c 60k /dev/zero > {runs}/fill 2>/dev/null || true
         code=0; batt data || code=$?; test $code = 1; test ! -e {ran}",
        runs = runs.display(),
        ran = ran.display()
    );
    let Some(finished) = in_mounts(&host, &script) else {
        return;
    };
    assert_eq!(finished.code, Some(0), "{}", finished.said());
}

#[test]
fn a_destination_that_leads_through_a_link_is_refused() {
    let host = data();
    let (real, link) = (host.scratch().join("real"), host.scratch().join("link"));
    fs::create_dir(&real).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let at = |pattern: PathBuf| told("data", host.batt_at(&pattern, &["--format", "json", "data"]));
    at(link.join("%Y")).ended(
        "refused",
        77,
        &["leads through the link", &real.display().to_string()],
    );
    assert_eq!(fs::read_dir(&real).unwrap().count(), 0);
    // A file on the way is no folder.
    fs::write(host.scratch().join("file"), "").unwrap();
    at(host.scratch().join("file/%Y")).failed(&["file"]);
}

#[test]
fn a_run_is_cancelled_while_it_reads_what_the_script_made_and_while_it_waits() {
    let host = data();
    // Sparse: made at once, and read for minutes.
    host.drop_in("data", "truncate -s 200G $BATT_DEST/data/a");
    let mut child = host.batt_command(&["--format", "json", "data"]);
    let child = child
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("batt reads the archive", || has_open(&child, Path::new("data/a")));
    // What waits for the service's lock is cancelled as well.
    let waits = start(&host, &["--wait", "10m", "--format", "json", "data"]);
    until("the second one waits", || {
        has_open(&waits, &host.home().join("var/locks/data.lock"))
    });
    signal(&waits, Signal::INT);
    told("data", finish(waits)).ended("not-started", 130, &[]);
    signal(&child, Signal::TERM);
    told("data", finish(child)).ended("cancelled", 143, &[]);
    assert_eq!(host.backups("data"), [] as [PathBuf; 0]);
    host.assert_sound();
}
