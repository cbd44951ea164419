//! Clocks that jump, and the two nights of a year on which local time does.

use std::fs;
use std::path::Path;

use batt_tests::finished::Finished;
use batt_tests::process::until;
use serde_json::Value;

use super::invariants::Watched;

/// Runs batt at a time that `spec` tells (seconds since 1970 after an `@`), in New York.
fn run_at(watched: &Watched, spec: &str) -> Finished {
    let wrapper = [
        "TZ=America/New_York",
        "FAKETIME_FMT=%s",
        "DONT_FAKE_MONOTONIC=1",
        "faketime",
        "-f",
        spec,
    ];
    watched
        .host
        .batt_within("env", &wrapper, &["--format", "json", "data"])
}

fn report(finished: &Finished) -> (String, String) {
    let report: Value = serde_json::from_str(&finished.stdout).expect("a report");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&report["run"]), text(&report["services"][0]["path"]))
}

#[test]
fn both_nights_on_which_the_clock_is_changed() {
    let mut watched = Watched::new();
    // 2026-11-01 in New York: 01:59:59 EDT is 05:59:59 UTC, and 01:00 comes again. 2026-03-08: 02:00 EST is 07:00 UTC.
    let night = |times: &[u64], day: &str, watched: &mut Watched| {
        let mut runs: Vec<String> = Vec::new();
        for time in times {
            let finished = run_at(watched, &format!("@{time}"));
            assert_eq!(finished.code, Some(0), "{time}: {}", finished.said());
            let (run, path) = report(&finished);
            assert!(path.ends_with(&format!("{day}/data")), "{time}: {path}");
            assert!(!runs.contains(&run), "{run} twice");
            // The ids are in UTC: they go on as time does.
            assert!(
                runs.iter().all(|earlier| earlier.get(..16) < run.get(..16)),
                "{run}"
            );
            let manifest = fs::read_to_string(Path::new(&path).join("manifest.json")).unwrap();
            assert!(manifest.contains(&run), "{manifest}");
            watched.hold_at_once(&format!("at {time}"), Some(&finished));
            runs.push(run);
        }
    };
    let before = |watched: &Watched| watched.visible().len();
    let earlier = before(&watched);
    // Half past one in summer time, just before the change, half past one in winter time, and the next midnight.
    night(
        &[1_793_511_000, 1_793_512_798, 1_793_514_600],
        "2026/11/01",
        &mut watched,
    );
    night(
        &[1_772_951_400, 1_772_953_198, 1_772_953_260],
        "2026/03/08",
        &mut watched,
    );
    assert_eq!(
        before(&watched),
        earlier + 6,
        "three of each night: the later takes the usual place, and the earlier ones stand beside"
    );
    watched.invariants("two nights", None);
}

#[test]
fn a_clock_that_is_years_off_loses_nothing() {
    let mut watched = Watched::new();
    // 1970, 2001, the second before 2038-01-19 03:14:08, 2038 and 2100, and a leap day.
    for time in [
        5u64,
        1_000_000_000,
        2_147_483_647,
        2_147_490_000,
        4_102_444_800,
        1_835_395_200,
    ] {
        let finished = run_at(&watched, &format!("@{time}"));
        let what = format!("the clock at {time}");
        assert_eq!(finished.code, Some(0), "{what}: {}", finished.said());
        watched.hold_at_once(&what, Some(&finished));
        watched.invariants(&what, None);
    }
}

#[test]
fn a_clock_that_jumps_in_the_middle_of_a_run() {
    let mut watched = Watched::new();
    for jump in ["-3600", "+3600", "-86400000", "+86400000"] {
        let scratch = watched.host.scratch();
        let (waits, waiting, clock) = (
            scratch.join("waits"),
            scratch.join("waiting"),
            scratch.join("clock"),
        );
        fs::write(&waits, "").unwrap();
        let _ = fs::remove_file(&waiting);
        fs::write(&clock, "+0").unwrap();
        let told = format!("FAKETIME_TIMESTAMP_FILE={}", clock.display());
        let finished = std::thread::scope(|scope| {
            let run = scope.spawn(|| {
                // Without a time of its own, so that the file is asked.
                let wrapper = [
                    &told,
                    "FAKETIME_NO_CACHE=1",
                    "DONT_FAKE_MONOTONIC=1",
                    "sh",
                    "-c",
                    "LD_PRELOAD=$(ls /usr/lib/*/faketime/libfaketime.so.1) exec \"$@\"",
                    "sh",
                ];
                watched
                    .host
                    .batt_within("env", &wrapper, &["--format", "json", "data"])
            });
            until("the script waits", || waiting.exists());
            fs::write(&clock, jump).unwrap();
            fs::remove_file(&waits).unwrap();
            run.join().unwrap()
        });
        let what = format!("a jump of {jump} seconds");
        assert_eq!(finished.code, Some(0), "{what}: {}", finished.said());
        let report: Value = serde_json::from_str(&finished.stdout).unwrap();
        let seconds = report["services"][0]["seconds"].as_f64().unwrap();
        // The shortest jump is one of an hour.
        assert!((0.0..3000.0).contains(&seconds), "{what}: {seconds}");
        let started = fs::read_to_string(
            Path::new(report["services"][0]["path"].as_str().unwrap()).join("manifest.json"),
        )
        .unwrap();
        let manifest: Value = serde_json::from_str(&started).unwrap();
        assert_ne!(
            manifest["started"], manifest["ended"],
            "{what}: the clock did not jump"
        );
        watched.invariants(&what, Some(&finished));
    }
}
