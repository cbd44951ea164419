//! I6: memory is bounded, whatever passes.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::process::living_with;

use super::extent::is_full;

/// What batt may take, in KiB.
const MOST: u64 = 64 << 10;

/// Runs batt and returns also how much memory each of its calls took at most, in KiB, by the words of the call.
fn measured(host: &Host, arguments: &[&str]) -> (Finished, BTreeMap<String, u64>) {
    let root = host.root().display().to_string();
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut peaks = BTreeMap::<String, u64>::new();
            while !ended.load(Ordering::SeqCst) {
                for pid in living_with(&root) {
                    if let Some((call, peak)) = peak_of(pid) {
                        let known = peaks.entry(call).or_default();
                        *known = peak.max(*known);
                    }
                }
                // The kernel keeps the peak: looking often only matters just before the end.
                std::thread::sleep(Duration::from_millis(10));
            }
            peaks
        });
        let finished = host.batt(arguments);
        ended.store(true, Ordering::SeqCst);
        (finished, watcher.join().unwrap())
    })
}

/// Returns the call of batt that a process is, and the most memory that it had.
fn peak_of(pid: i32) -> Option<(String, u64)> {
    let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
    let program = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    if !program.ends_with("batt-under-test") {
        return None;
    }
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let peak = peak.trim().strip_suffix(" kB")?.parse().ok()?;
    let own = ["store", "load", "verify", "restore", "drill"];
    let call = line
        .split('\0')
        .find(|word| own.contains(word))
        .unwrap_or("run")
        .to_owned();
    Some((call, peak))
}

#[track_caller]
fn assert_small(peaks: &BTreeMap<String, u64>, expected: &[&str]) {
    eprintln!("peaks in KiB: {peaks:?}");
    for call in expected {
        assert!(peaks.contains_key(*call), "`{call}` was not seen: {peaks:?}");
    }
    for (call, peak) in peaks {
        assert!(*peak < MOST, "`{call}` took {peak} KiB");
    }
}

#[test]
fn a_stream_of_any_length_takes_little_memory_to_store_verify_and_restore() {
    let host = Host::new();
    let mebibytes = if is_full() { 4096 } else { 256 };
    // Half of it random, so that it does not vanish when it is compressed; in pieces that are cheap to make.
    let body = format!(
        "head -c 1M /dev/urandom > $TMPDIR/piece; head -c 1M /dev/zero >> $TMPDIR/piece
         batt store large -- sh -c 'for i in $(seq {}); do cat $TMPDIR/piece; done'",
        mebibytes / 2
    );
    host.drop_in("large", &body);
    host.companion(
        "restore-large",
        "batt load large -- dd of=\"$BATT_TARGET/large\" bs=1M status=none",
    );
    let (stored, peaks) = measured(&host, &["large"]);
    stored.success();
    assert_small(&peaks, &["run", "store"]);
    let (verified, peaks) = measured(&host, &["verify"]);
    verified.success();
    assert_small(&peaks, &["verify"]);
    let target = host.scratch().join("target");
    fs::create_dir(&target).unwrap();
    let (restored, peaks) = measured(&host, &["restore", "large", "--into", target.to_str().unwrap()]);
    restored.success();
    assert_small(&peaks, &["restore", "load"]);
    let length = fs::metadata(target.join("large")).unwrap().len();
    assert_eq!(length, mebibytes << 20);
}

#[test]
fn what_no_check_expects_takes_little_memory_either() {
    let host = Host::new();
    let mebibytes = if is_full() { 512 } else { 48 };
    // One line without an end, after the first words of each kind that is text or says how long its parts are.
    let heads = [
        (
            "mysql",
            "-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB\\n--\\nINSERT INTO `t` VALUES (",
        ),
        (
            "postgresql-plain",
            "--\\n-- PostgreSQL database dump\\n--\\n\\nCOPY public.t (a) FROM stdin;\\n",
        ),
        (
            "postgresql-globals",
            "--\\n-- PostgreSQL database cluster dump\\n--\\n",
        ),
        ("postgresql", "PGDMP\\001\\016\\000\\004\\010\\003\\001\\001\\000"),
        ("rdb", "REDIS0010\\372\\200\\177\\377\\377\\377"),
        ("tar", "x"),
        ("sqlite", "SQLite format 3\\000\\020\\000"),
    ];
    for (kind, head) in heads {
        for filler in ["(1),", "\\\\x00", "a\t"]
            .iter()
            .take(if is_full() { 3 } else { 1 })
        {
            let dump = format!("printf -- '{head}'; yes '{filler}' | tr -d '\\n' | head -c {mebibytes}M");
            fs::write(host.scratch().join("dump"), dump).unwrap();
            let dump = host.scratch().join("dump").display().to_string();
            let body = format!("batt store --check {kind} large -- sh {dump}");
            host.drop_in("large", &body);
            let (finished, peaks) = measured(&host, &["large"]);
            assert_ne!(finished.code, Some(0), "{kind}: {}", finished.said());
            assert_small(&peaks, &["store"]);
        }
    }
}
