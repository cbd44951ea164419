//! I6: memory is bounded, whatever passes.

use std::fs;

use batt_tests::finished::Finished;
use batt_tests::host::Host;

use super::extent::is_full;

/// What batt may take, in KiB.
const MOST: u64 = 64 << 10;

/// Runs a command, and writes down how much memory the one of all its processes took that took most, in KiB: getrusage(2) of children that
/// were waited for, and of theirs. `perl` has no name for it.
const MEASURE: &str = r#"
my ($number, $file) = (shift, shift);
my $ended = system { $ARGV[0] } @ARGV;
my $usage = "\0" x 256;
syscall($number, -1, $usage) == 0 or die "getrusage: $!";
open my $told, ">", $file or die "$file: $!";
print $told +(unpack "q5", $usage)[4];
close $told or die $!;
exit($ended & 127 ? 128 + ($ended & 127) : $ended >> 8);
"#;
const GETRUSAGE: &str = if cfg!(target_arch = "x86_64") { "98" } else { "165" };

/// Runs batt and returns also how much memory was taken by whichever of its calls, or of the programs of its scripts, took most, in KiB.
fn measured(host: &Host, arguments: &[&str]) -> (Finished, u64) {
    let told = host.scratch().join("peak");
    let wrapper = ["-e", MEASURE, GETRUSAGE, told.to_str().unwrap()];
    let finished = host.batt_within("perl", &wrapper, arguments);
    let peak = fs::read_to_string(&told).unwrap().parse().unwrap();
    fs::remove_file(told).unwrap();
    (finished, peak)
}

#[track_caller]
fn assert_small(what: &str, peak: u64) {
    eprintln!("{what}: at most {peak} KiB");
    assert!(peak < MOST, "{what} took {peak} KiB");
}

#[test]
fn whoever_takes_much_is_seen() {
    let host = Host::new();
    host.drop_in(
        "large",
        "batt store a -- perl -e '$all = q(x) x (100 << 20); print length $all'",
    );
    let (stored, peak) = measured(&host, &["large"]);
    stored.success();
    assert!(peak > 100 << 10, "{peak}");
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
    let (stored, peak) = measured(&host, &["large"]);
    stored.success();
    assert_small("a backup", peak);
    let (verified, peak) = measured(&host, &["verify"]);
    verified.success();
    assert_small("a look at it", peak);
    let target = host.scratch().join("target");
    fs::create_dir(&target).unwrap();
    let (restored, peak) = measured(&host, &["restore", "large", "--into", target.to_str().unwrap()]);
    restored.success();
    assert_small("a restore", peak);
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
            let (finished, peak) = measured(&host, &["large"]);
            assert_ne!(finished.code, Some(0), "{kind}: {}", finished.said());
            assert_small(kind, peak);
        }
    }
}
