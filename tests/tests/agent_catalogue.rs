//! The catalogue: made again from manifests when it is lost or broken, and never in the way of a backup.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

use std::fs;
use std::path::{Path, PathBuf};

use batt_tests::host::Host;
use batt_tests::published::Published;
use serde_json::Value;

fn catalogue(host: &Host) -> PathBuf {
    host.home().join("var/catalogue.jsonl")
}

/// A host with one run of `data` by its usual path, and one by a path of its own.
fn with_two_places() -> (Host, Vec<String>) {
    let host = Host::new();
    host.drop_in("data", "echo $BATT_RUN_ID > $BATT_DEST/data/a");
    host.batt(&["data"]).code(0);
    let elsewhere = host.scratch().join("elsewhere/{host}/%Y-%m");
    host.batt_at(&elsewhere, &["data"]).code(0);
    let ids = host.ids();
    assert_eq!(ids.len(), 2);
    (host, ids)
}

fn listed(host: &Host) -> Vec<Value> {
    let said = host.batt(&["--format", "json", "backups"]).code(0);
    let said: Value = serde_json::from_str(&said.stdout).unwrap();
    said["backups"].as_array().unwrap().clone()
}

#[test]
fn a_lost_catalogue_is_made_again_wherever_the_path_had_put_backups() {
    let (host, ids) = with_two_places();
    let before = listed(&host);
    host.batt(&["pin", &ids[0]]).code(0);
    fs::remove_file(catalogue(&host)).unwrap();
    let again = host.batt(&["backups"]).code(0);
    again.says("the catalogue was lost");
    again.says("2 backups found, 2 of them new to it");
    let after = listed(&host);
    assert_eq!(after.len(), 2);
    for (before, after) in before.iter().zip(&after) {
        for field in ["id", "service", "path", "time", "bytes", "verified", "state"] {
            assert_eq!(before[field], after[field], "{field}");
        }
    }
    assert_eq!(
        (&after[0]["pinned"], &after[1]["pinned"]),
        (&true.into(), &false.into())
    );
    // Said once, and not again.
    assert!(!host.batt(&["backups"]).code(0).stderr.contains("lost"));
    // Without what runs have remembered, their journals tell.
    fs::remove_file(catalogue(&host)).unwrap();
    fs::remove_file(host.home().join("var/places")).unwrap();
    host.batt(&["backups", "--rebuild"])
        .code(0)
        .says("2 backups found");
    assert_eq!(host.ids(), ids);
}

#[test]
fn a_broken_catalogue_is_told_set_aside_and_healed_and_backups_run_all_the_same() {
    type Break = fn(&Path);
    let breaks: [(&str, Break); 5] = [
        ("garbage in the middle", |path| {
            let text = fs::read_to_string(path).unwrap();
            let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
            let broken = format!(
                "{}\n\u{0}\u{1}garbage{{\n{}\n",
                &lines[0][..40],
                lines[1..].join("\n")
            );
            fs::write(path, broken).unwrap();
        }),
        ("a folder", |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
            fs::write(path.join("x"), "").unwrap();
        }),
        ("a FIFO", |path| {
            fs::remove_file(path).unwrap();
            let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
            rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        }),
        ("a GiB", |path| {
            let file = fs::OpenOptions::new().write(true).open(path).unwrap();
            file.set_len(1 << 30).unwrap();
        }),
        ("a link that leads nowhere", |path| {
            fs::remove_file(path).unwrap();
            std::os::unix::fs::symlink("/nowhere/at/all", path).unwrap();
        }),
    ];
    for (what, break_it) in breaks {
        let (host, ids) = with_two_places();
        break_it(&catalogue(&host));
        let check = host.batt(&["check"]);
        assert!(check.said().contains("catalogue"), "{what}: {}", check.said());
        host.drop_in("other", "echo x > $BATT_DEST/other/a");
        let run = host.batt(&["other"]).code(0);
        assert!(run.stderr.contains("2 backups found"), "{what}: {}", run.said());
        let now = host.ids();
        assert!(
            ids.iter().all(|id| now.contains(id)) && now.len() == 3,
            "{what}: {now:?}"
        );
        host.batt(&["verify", "--all"]).code(0);
        host.batt(&["check"]);
        let healed = host.batt(&["backups"]).code(0);
        assert!(!healed.stderr.contains("catalogue"), "{what}: {}", healed.stderr);
        assert!(
            host.home()
                .join("var/catalogue.jsonl.broken-1")
                .symlink_metadata()
                .is_ok(),
            "{what}"
        );
    }
}

#[test]
fn where_nothing_can_be_healed_a_backup_is_made_and_that_is_told() {
    let host = Host::new();
    host.drop_in("data", "echo x > $BATT_DEST/data/a");
    host.batt(&["data"]).code(0);
    // The catalogue is a folder that nobody can move: the lock of the catalogue cannot be had.
    fs::remove_file(catalogue(&host)).unwrap();
    fs::create_dir(catalogue(&host)).unwrap();
    let lock = host.home().join("var/locks/catalogue.lock");
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    let run = host.batt(&["--format", "json", "data"]).code(0);
    let told: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(told["services"][0]["outcome"], "succeeded");
    assert!(
        told["services"][0]["warnings"].to_string().contains("catalogue"),
        "{told}"
    );
}

#[test]
fn only_backups_of_this_host_are_entered_and_no_link_is_followed() {
    let host = Host::new();
    let own = Published::of("data", "2026-01-01T02:30:00Z");
    host.publish(&own);
    host.publish(&Published {
        host_id: Some("f".repeat(32)),
        ..Published::of("data", "2026-01-02T02:30:00Z")
    });
    let elsewhere = host.scratch().join("elsewhere");
    host.publish_below(&elsewhere, &Published::of("data", "2026-01-03T02:30:00Z"));
    let day = host.backup_root().join("2026/01/03");
    std::os::unix::fs::symlink(elsewhere.join("2026/01/03"), &day).unwrap();
    // A manifest that lies under another name than its own, one that is nonsense, and a copy.
    let place = host.publish(&Published::of("data", "2026-01-04T02:30:00Z"));
    fs::rename(&place, place.with_file_name("else")).unwrap();
    let place = host.publish(&Published::of("data", "2026-01-05T02:30:00Z"));
    fs::write(place.join("manifest.json"), "{").unwrap();
    let copy = host.backup_root().join("2026/01/06");
    fs::create_dir_all(&copy).unwrap();
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .arg(own.place(&host.backup_root()))
        .arg(copy.join("data"))
        .status();
    assert!(copied.unwrap().success());
    host.rebuild();
    assert_eq!(host.ids(), [own.id()]);
    assert_eq!(
        listed(&host)[0]["path"],
        own.place(&host.backup_root()).to_str().unwrap()
    );
}

#[test]
fn what_was_learnt_is_kept_when_it_is_made_again_and_backups_that_moved_are_found() {
    let (host, ids) = with_two_places();
    host.batt(&["verify", "--all"]).code(0);
    let verified: Vec<Value> = listed(&host)
        .iter()
        .map(|backup| backup["verified"].clone())
        .collect();
    host.rebuild();
    let after: Vec<Value> = listed(&host)
        .iter()
        .map(|backup| backup["verified"].clone())
        .collect();
    assert_eq!(verified, after);
    // The whole tree to another disk.
    let moved = host.scratch().join("moved");
    fs::rename(host.backup_root(), &moved).unwrap();
    assert_eq!(host.ids().len(), 1);
    let pattern = format!("{}/%Y/%m/%d", moved.display());
    host.batt(&["backups", "--rebuild", "--path", &pattern]).code(0);
    assert_eq!(host.ids(), ids);
    assert_eq!(listed(&host)[0]["verified"], verified[0]);
    host.batt(&["verify", "--all"]).code(0);
}

#[test]
fn manifests_that_were_looked_at_are_not_read_again_and_one_that_changed_is() {
    let host = Host::new();
    for day in 1..=9 {
        host.publish(&Published::of("data", &format!("2026-01-0{day}T02:30:00Z")));
    }
    host.rebuild();
    let reads = |arguments: &[&str]| {
        let trace = host.scratch().join("trace");
        let options = ["-f", "-q", "-e", "trace=openat", "-o", trace.to_str().unwrap()];
        host.batt_within("strace", &options, arguments);
        let text = fs::read_to_string(&trace).unwrap();
        text.lines()
            .filter(|line| line.contains("manifest.json\""))
            .count()
    };
    assert_eq!(reads(&["backups"]), 0);
    assert_eq!(reads(&["purge", "-n", "--keep-last", "2"]), 0);
    let manifest = host.backup_root().join("2026/01/05/data/manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, format!("{text} ")).unwrap();
    assert_eq!(reads(&["backups"]), 1);
    assert_eq!(reads(&["backups"]), 0);
    assert_eq!(host.ids().len(), 9);
    // What became another backup is none of ours any more.
    fs::write(&manifest, text.replace("20260105T", "20260106T")).unwrap();
    assert_eq!(host.ids().len(), 8);
    fs::remove_file(&manifest).unwrap();
    assert_eq!(host.ids().len(), 8);
}

#[test]
fn a_list_shows_what_each_is_worth_and_what_keeps_it() {
    let host = Host::new();
    for (day, state) in [
        ("01", "good"),
        ("02", "partial"),
        ("03", "suspicious"),
        ("04", "good"),
    ] {
        let mut backup = Published::of("data", &format!("2026-01-{day}T02:30:00Z"));
        backup.state = state.to_owned();
        backup.beside = state != "good";
        host.publish(&backup);
    }
    host.rebuild();
    let drilled = format!(
        "\n{{\"record\":\"drilled\",\"id\":\"{}\",\"drill\":{{\"at\":\"2026-01-09T12:00:00Z\",\"proven\":false,\
         \"seconds\":1.0,\"compared\":1,\"facts\":{{}},\"reason\":\"rows\"}}}}\n",
        Published::of("data", "2026-01-04T02:30:00Z").id()
    );
    let mut text = fs::read_to_string(catalogue(&host)).unwrap();
    text.push_str(&drilled);
    fs::write(catalogue(&host), text).unwrap();
    let plain = listed(&host);
    assert_eq!(plain[0]["kept_by"], Value::Null);
    host.settings("[retention]\nkeep_last = 5\n");
    let said = host.batt(&["backups"]).code(0).stdout;
    let (header, rest) = said.split_once('\n').unwrap();
    assert!(header.starts_with("ID ") && header.ends_with(" PATH"), "{said}");
    let lines: Vec<&str> = rest.lines().collect();
    assert!(
        lines[0].contains("good") && lines[0].contains("latest, last-verified, keep_last"),
        "{said}"
    );
    assert!(
        lines[1].contains("partial") && lines[1].contains("not-outlived"),
        "{said}"
    );
    assert!(lines[2].contains("suspicious"), "{said}");
    assert!(
        lines[3].contains("drill failed 2026-01-09") && lines[3].contains("last-verified"),
        "{said}"
    );
    let told = listed(&host);
    assert_eq!(told[3]["drill_failed"], "2026-01-09T12:00:00Z");
    assert_eq!(told[3]["drilled"], Value::Null);
    assert_eq!(told[3]["drill"], "failed");
    assert_eq!(told[3]["drill_reason"], "rows");
    assert_eq!(told[0]["kept_by"][0], "last-verified");
    let latest: Vec<bool> = told.iter().map(|backup| backup["latest"] == true).collect();
    assert_eq!(latest, [true, false, false, false]);
    assert_eq!(told[0]["items"], serde_json::json!([]));
}

#[test]
fn check_tells_of_age_room_rules_pins_and_the_clock() {
    let host = Host::new();
    host.drop_in("data", "echo x > $BATT_DEST/data/a");
    host.batt(&["enable", "data"]).code(0);
    let old = host.publish(&Published::of("data", "2026-01-01T02:30:00Z"));
    host.publish(&Published {
        bytes: 2_000_000,
        ..Published::of("data", "2026-01-02T02:30:00Z")
    });
    host.rebuild();
    host.settings("[defaults]\nmax_age = \"26h\"\n");
    host.batt(&["check"])
        .code(2)
        .says("the last good backup of `data`, everything, is");
    host.settings("reserve = \"900TiB\"\n");
    host.batt(&["check"]).code(2).says("the reserve is");
    let manifest = host.backup_root().join("2026/01/02/data/manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(
        &manifest,
        text.replace("\"bytes\": 2000000", "\"bytes\": 2000000000000000000"),
    )
    .unwrap();
    host.settings("");
    host.rebuild();
    host.batt(&["check"])
        .code(2)
        .says("for the next backup of `data`");
    fs::write(&manifest, text).unwrap();
    host.rebuild();
    host.batt(&["check"]).code(0);
    host.settings("[retention]\nkeep_monthly = 12\nmax_days = 14\n");
    host.batt(&["check"])
        .says("`keep_monthly` = 12 reaches further back than `max_days` = 14");
    host.settings("[retention]\nkeep_last = 0\n");
    host.batt(&["check"]).says("keep nothing but the last good ones");
    let id = Published::of("data", "2026-01-01T02:30:00Z").id();
    host.batt(&["pin", &id]).code(0);
    fs::remove_file(old.join("manifest.json")).unwrap();
    host.batt(&["check"])
        .says("is pinned, and no backup is there any more");
    host.publish(&Published::of("data", "2100-01-01T02:30:00Z"));
    host.rebuild();
    host.batt(&["check"]).code(2).says("dated ahead of the clock");
}

#[test]
fn a_home_whose_first_runs_failed_has_lost_nothing() {
    let host = Host::new();
    host.batt(&["backups"]).code(0).says("nothing is published yet");
    host.batt(&["purge", "-n", "--keep-last", "1"]).code(0);
    assert!(
        !host.home().join("var/clock.json").exists(),
        "looking makes nothing"
    );
    host.drop_in("data", "exit 1");
    for _ in 0..2 {
        let run = host.batt(&["data"]).code(2);
        assert!(!run.said().contains("catalogue"), "{}", run.said());
    }
}
