//! Purging: what the rules allow to go goes, nothing else does, and whatever happens on the way nothing half is visible.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a panic is how a test fails, and what is skipped is told loudly"
)]

mod care;
mod interruption;
mod rot;
mod run;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::process::until;
use batt_tests::published::Published;
use serde_json::Value;

/// A host with a backup of `data` on each of these days, and a catalogue that knows them.
fn with_days(days: &[&str]) -> Host {
    let host = Host::new();
    for day in days {
        host.publish(&Published::of("data", &format!("{day}T02:30:00Z")));
    }
    host.rebuild();
    host
}

fn days_of_january() -> Vec<String> {
    (1..=31).map(|day| format!("2026-01-{day:02}")).collect()
}

fn january() -> Host {
    let days = days_of_january();
    with_days(&days.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Returns the days of the backups of a service that are there, by the folders.
fn days(host: &Host, service: &str) -> Vec<String> {
    let mut days: Vec<String> = host
        .backups(service)
        .iter()
        .map(|path| {
            let day = path.parent().unwrap().strip_prefix(host.backup_root()).unwrap();
            day.to_str().unwrap().replace('/', "-")
        })
        .collect();
    days.sort();
    days
}

fn json(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {}", finished.said()))
}

/// Asserts that every backup that is visible is whole, by other means than batt's.
#[track_caller]
fn assert_whole(host: &Host, what: &str) {
    let mut folders = vec![host.backup_root()];
    while let Some(folder) = folders.pop() {
        if folder.join("SHA256SUMS").exists() || folder.join("manifest.json").exists() {
            let mut check = Command::new("sha256sum");
            check
                .args(["--strict", "--quiet", "-c", "SHA256SUMS"])
                .current_dir(&folder);
            let sums = Finished::run(&mut check);
            assert_eq!(
                sums.code,
                Some(0),
                "{what}: {}: {}",
                folder.display(),
                sums.said()
            );
            continue;
        }
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            if !hidden && entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            }
        }
    }
}

#[test]
fn the_rules_of_the_command_line_keep_what_they_say_and_the_reason_is_told_of_each() {
    let host = january();
    let rules = ["--keep-last", "2", "--keep-weekly", "3", "--keep-monthly", "1"];
    let before = host.published();
    let mut dry = vec!["--format", "json", "purge", "-n"];
    dry.extend(rules);
    let told = json(&host.batt(&dry).code(0));
    assert_eq!(host.published(), before, "-n changes nothing");
    assert_eq!(
        (told["kept"].as_u64(), told["removed"].as_u64()),
        (Some(4), Some(27))
    );
    let of = |day: &str| {
        let all = told["backups"].as_array().unwrap();
        let found = all
            .iter()
            .find(|backup| backup["time"].as_str().unwrap().starts_with(day));
        (
            found.unwrap()["decision"].as_str().unwrap().to_owned(),
            found.unwrap()["reasons"].to_string(),
        )
    };
    let (decision, reasons) = of("2026-01-31");
    assert_eq!(decision, "kept");
    for word in [
        "keep_last",
        "keep_weekly (2026-W05)",
        "keep_monthly (2026-01)",
        "the last verified one",
    ] {
        assert!(reasons.contains(word), "{reasons}");
    }
    assert_eq!(of("2026-01-25").0, "kept");
    assert_eq!(
        of("2026-01-24"),
        ("removed".to_owned(), "[\"no rule keeps it\"]".to_owned())
    );

    let mut real = vec!["purge"];
    real.extend(rules);
    let said = host.batt(&real).success();
    assert!(
        said.contains("4 backups kept, 27 removed, 26.4 KiB freed"),
        "{said}"
    );
    assert_eq!(
        days(&host, "data"),
        ["2026-01-18", "2026-01-25", "2026-01-30", "2026-01-31"]
    );
    host.batt(&["verify", "--all"]).code(0);
    // Folders of dates that are empty went too; what is above them did not.
    assert!(!host.backup_root().join("2026/01/01").exists());
    assert!(host.backup_root().join("2026/01").exists());
    // Once more changes nothing.
    host.batt(&real).code(0).says("4 backups kept, 0 removed");
}

#[test]
fn without_rules_nothing_is_purged_and_the_toml_to_write_is_told() {
    let host = january();
    let before = host.published();
    host.batt(&["purge"]).code(64).says("[retention]\nkeep_last = 3");
    host.batt(&["purge", "data"]).code(64).says("no rule for `data`");
    host.batt(&["purge", "--keep-last", "3", "nothing"]).code(65);
    host.batt(&["purge", "--keep-last", "-1"]).code(64);
    host.batt(&["purge", "--keep-within", "1w"])
        .code(64)
        .says("not a duration");
    assert_eq!(host.published(), before);
    host.settings("[service.data.retention]\nkeep_daily = 5\n");
    host.batt(&["purge"]).code(0);
    assert_eq!(days(&host, "data").len(), 5);
    // Rules of the command line stand in place of those.
    host.batt(&["purge", "--keep-last", "2"]).code(0);
    assert_eq!(days(&host, "data"), ["2026-01-30", "2026-01-31"]);
}

#[test]
fn whatever_the_numbers_the_last_verified_one_stays_and_what_is_pinned() {
    let host = january();
    let pinned = Published::of("data", "2026-01-05T02:30:00Z").id();
    host.batt(&["pin", "nonsense"]).code(65);
    host.batt(&["pin", &pinned]).code(0).says("pinned");
    host.batt(&["pin", &pinned]).code(0).says("pinned already");
    host.batt(&["verify", "--all"]).code(0);
    let zeroes: Vec<String> = ["hourly", "daily", "weekly", "monthly", "yearly"]
        .iter()
        .flat_map(|rule| [format!("--keep-{rule}"), "0".to_owned()])
        .collect();
    let mut all: Vec<&str> = vec!["purge", "--max-days", "0", "--keep-within", "0"];
    all.extend(zeroes.iter().map(String::as_str));
    host.batt(&all).code(0).says("2 backups kept, 29 removed");
    assert_eq!(days(&host, "data"), ["2026-01-05", "2026-01-31"]);
    let listed = json(&host.batt(&["--format", "json", "backups"]).code(0));
    assert_eq!(listed["backups"][0]["pinned"], true);
    host.batt(&["unpin", &pinned]).code(0);
    host.batt(&all).code(0);
    assert_eq!(days(&host, "data"), ["2026-01-31"]);
}

#[test]
fn a_purge_after_a_month_of_failures_keeps_the_last_good_ones() {
    let host = with_days(&[
        "2025-12-01",
        "2025-12-28",
        "2025-12-29",
        "2025-12-30",
        "2025-12-31",
    ]);
    for day in days_of_january() {
        let mut failed = Published::of("data", &format!("{day}T02:30:00Z"));
        failed.state = "partial".to_owned();
        failed.beside = true;
        host.publish(&failed);
    }
    host.rebuild();
    host.settings("[retention]\nkeep_daily = 3\nkeep_within = \"2d\"\n");
    host.batt(&["purge"]).code(0).says("34 backups kept, 2 removed");
    // All that is good within the numbers, counted from the last good one; and all that no newer good one covers.
    assert_eq!(days(&host, "data"), ["2025-12-29", "2025-12-30", "2025-12-31"]);
    assert_eq!(host.ids().len(), 34);
    // With one that is good again the partial ones may go.
    host.publish(&Published::of("data", "2026-02-01T02:30:00Z"));
    host.rebuild();
    host.batt(&["purge"]).code(0);
    assert_eq!(days(&host, "data"), ["2025-12-30", "2025-12-31", "2026-02-01"]);
    // Within two days of the newest what is partial stays.
    assert_eq!(host.ids().len(), 3 + 2);
    host.batt(&["verify", "--all"]).code(0);
}

#[test]
fn services_instances_and_sets_of_items_are_kept_apart() {
    let host = Host::new();
    for day in ["2026-01-01", "2026-01-02", "2026-01-03"] {
        for (service, items) in [
            ("data", vec![]),
            ("data", vec!["b", "a"]),
            ("data@one", vec![]),
            ("other", vec![]),
        ] {
            let mut backup = Published::of(service, &format!("{day}T02:30:00Z"));
            backup.beside = !items.is_empty();
            backup.items = items.into_iter().map(str::to_owned).collect();
            host.publish(&backup);
        }
    }
    host.rebuild();
    host.batt(&["purge", "data", "--keep-last", "1"])
        .code(0)
        .says("2 backups kept, 4 removed");
    assert_eq!(host.ids().len(), 2 + 3 + 3);
    host.batt(&["purge", "--keep-last", "1"]).code(0);
    assert_eq!(host.ids().len(), 4);
    assert!(
        host.ids().iter().all(|id| id.starts_with("20260103T")),
        "{:?}",
        host.ids()
    );
}

#[test]
fn a_pattern_narrows_a_purge_to_what_lies_where_it_puts_backups() {
    let host = Host::new();
    let (daily, weekly) = (host.scratch().join("daily"), host.scratch().join("weekly"));
    for day in ["2026-01-04", "2026-01-11", "2026-01-18"] {
        for (root, hour) in [(&daily, "02"), (&weekly, "03")] {
            host.publish_below(root, &Published::of("data", &format!("{day}T{hour}:30:00Z")));
        }
    }
    let pattern = |root: &Path| format!("{}/%Y/%m/%d", root.display());
    for root in [&daily, &weekly] {
        host.batt(&["backups", "--rebuild", "--path", &pattern(root)])
            .code(0);
    }
    assert_eq!(host.ids().len(), 6);
    host.batt(&["purge", "--path", &pattern(&daily), "--keep-last", "1"])
        .code(0)
        .says("1 backup kept, 2 removed");
    assert_eq!(host.ids().len(), 4);
    assert!(daily.exists() && !daily.join("2026/01/04").exists());
}
