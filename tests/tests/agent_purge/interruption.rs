//! Purges that die on the way.

use super::*;

const MUTATING: &str = "renameat,renameat2,unlinkat,fsync,fdatasync,write,mkdir,mkdirat,openat";

/// Purges under strace, which kills it at the n-th call of a kind; tells whether it did.
fn killed(host: &Host, call: &str, when: usize) -> bool {
    killed_while(host, &["purge", "--keep-last", "2"], call, when)
}

fn killed_while(host: &Host, arguments: &[&str], call: &str, when: usize) -> bool {
    let trace = host.scratch().join("trace");
    let options = [
        "-f",
        "-q",
        "-e",
        &format!("trace={MUTATING}"),
        "-e",
        &format!("inject={call}:signal=SIGKILL:when={when}"),
        "-o",
        trace.to_str().unwrap(),
    ];
    host.batt_within("strace", &options, arguments);
    fs::read_to_string(&trace)
        .unwrap_or_default()
        .contains("killed by SIGKILL")
}

/// Returns what lies hidden below the folder for backups.
fn hidden(host: &Host) -> Vec<PathBuf> {
    let published = host.published();
    let paths = published
        .keys()
        .filter(|path| path.display().to_string().contains("/."));
    paths.cloned().collect()
}

#[test]
fn killed_at_any_call_that_changes_something_all_that_is_visible_is_whole_and_the_next_purge_finishes() {
    let all = ["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"];
    let (mut hits, mut left) = (0, 0);
    for call in ["renameat,renameat2", "unlinkat", "fsync", "fdatasync", "write"] {
        let host = with_days(&all);
        for when in 1.. {
            if !killed(&host, call, when) {
                break;
            }
            hits += 1;
            let what = format!("{call} {when}");
            assert_whole(&host, &what);
            left += hidden(&host).len();
            for kept in ["2026-01-03", "2026-01-04"] {
                assert!(days(&host, "data").contains(&kept.to_owned()), "{what}");
            }
            // What is listed is there, and what is there is listed.
            let listed = host.ids().len();
            assert_eq!(listed, days(&host, "data").len(), "{what}");
            host.batt(&["verify", "--all"]).code(0);
            // The next purge finishes it; the next case has all again.
            host.batt(&["purge", "--keep-last", "2"]).code(0);
            assert_eq!(hidden(&host), [] as [PathBuf; 0], "{what}");
            assert_eq!(days(&host, "data"), ["2026-01-03", "2026-01-04"], "{what}");
            for day in &all[..2] {
                host.publish(&Published::of("data", &format!("{day}T02:30:00Z")));
            }
            host.rebuild();
        }
    }
    assert!(hits > 20 && left > 5, "{hits} {left}");
}

#[test]
fn a_run_that_is_killed_while_it_purges_has_published_and_the_next_one_finishes() {
    let mut left = 0;
    for when in 1..=8 {
        let host = with_days(&["2026-01-01", "2026-01-02", "2026-01-03"]);
        host.settings("[retention]\nkeep_last = 2\n");
        host.drop_in("data", "echo x > $BATT_DEST/data/a");
        // Each thread has a counter of its own; that of the service also removes the staging folder of a run.
        let hit = killed_while(&host, &["data"], "unlinkat", when);
        let what = format!("unlinkat {when}");
        assert_whole(&host, &what);
        left += usize::from(hit && host.backups("data").len() > 1 && !hidden(&host).is_empty());
        assert!(days(&host, "data").contains(&"2026-01-03".to_owned()), "{what}");
        host.batt(&["data"]).code(0);
        assert_eq!(hidden(&host), [] as [PathBuf; 0], "{what}");
        // Today's two: the earlier one has stepped aside.
        assert_eq!(host.ids().len(), 2, "{what}");
        host.batt(&["verify", "--all"]).code(0);
    }
    assert!(left > 2, "{left}");
}

#[test]
fn the_recovery_of_the_next_run_finishes_a_purge_that_was_killed() {
    let host = with_days(&["2026-01-01", "2026-01-02", "2026-01-03"]);
    let mut purge = 0;
    // The second deletion: it was renamed by then.
    while hidden(&host).is_empty() {
        purge += 1;
        assert!(purge < 10, "nothing is ever hidden");
        assert!(killed(&host, "unlinkat", purge));
    }
    host.drop_in("other", "echo x > $BATT_DEST/other/a");
    host.batt(&["other"]).code(0);
    assert_eq!(hidden(&host), [] as [PathBuf; 0]);
    host.assert_sound();
}

#[test]
fn a_disk_that_fails_while_a_purge_goes_on_is_told_and_all_that_is_visible_is_whole() {
    for (call, error) in [
        ("renameat,renameat2", "EROFS"),
        ("unlinkat", "EIO"),
        ("fsync", "EIO"),
        ("fdatasync", "ENOSPC"),
    ] {
        let host = with_days(&["2026-01-01", "2026-01-02", "2026-01-03"]);
        let fault = format!("inject={call}:error={error}:when=1+");
        let options = [
            "-f",
            "-q",
            "-e",
            &format!("trace={call}"),
            "-e",
            &fault,
            "-o",
            "/dev/null",
        ];
        let purge = host.batt_within("strace", &options, &["purge", "--keep-last", "1"]);
        assert_eq!(purge.code, Some(1), "{call}: {}", purge.said());
        assert_whole(&host, call);
        assert!(days(&host, "data").contains(&"2026-01-03".to_owned()));
        host.batt(&["purge", "--keep-last", "1"]).code(0);
        assert_eq!(days(&host, "data"), ["2026-01-03"], "{call}");
        assert_eq!(hidden(&host), [] as [PathBuf; 0], "{call}");
    }
}
