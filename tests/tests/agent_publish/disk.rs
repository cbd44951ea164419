//! Disks that are full, fail or are not there.

use super::*;

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
            // What is said on one stream may be what the fault hit.
            let succeeded = finished.said().contains("succeeded");
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
