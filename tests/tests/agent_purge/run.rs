//! Retention within a run: after a backup that is good, and before one that has no room.

use super::*;

#[test]
fn a_good_backup_is_followed_by_a_purge_of_its_service_and_a_failed_one_is_not() {
    let host = january();
    host.publish(&Published::of("other", "2026-01-01T02:30:00Z"));
    host.publish(&Published::of("other", "2026-01-02T02:30:00Z"));
    host.rebuild();
    host.settings("[retention]\nkeep_last = 2\n");
    host.drop_in("data", "exit 1");
    host.batt(&["data"]).code(2);
    assert_eq!(days(&host, "data").len(), 31);
    host.drop_in("data", "echo x > $BATT_DEST/data/a");
    let run = host.batt(&["data"]).code(0);
    run.says("purged 30 earlier backups");
    // The new one and one of January; another service is left to its own runs.
    assert_eq!(days(&host, "data").len(), 2);
    assert_eq!(days(&host, "other").len(), 2);
    let runs = host.home().join("var/runs");
    let journals: String = fs::read_dir(runs)
        .unwrap()
        .flatten()
        .map(|run| fs::read_to_string(run.path().join("events.jsonl")).unwrap())
        .collect();
    assert!(
        journals.contains("\"kind\":\"service-purged\",\"service\":\"data\",\"kept\":2,\"removed\":30"),
        "{journals}"
    );
    host.assert_sound();
}

#[test]
fn a_purge_that_cannot_run_is_a_warning_and_the_exit_code_of_the_run() {
    let host = january();
    host.settings("[retention]\nkeep_last = 2\n");
    host.drop_in("data", "echo x > $BATT_DEST/data/a");
    host.publish(&Published::of("data", "2100-01-01T02:30:00Z"));
    host.rebuild();
    let run = host.batt(&["--format", "json", "data"]).code(1);
    let told = json(&run);
    assert_eq!(told["services"][0]["outcome"], "succeeded");
    let warnings = told["services"][0]["warnings"].to_string();
    assert!(
        warnings.contains("could not be purged") && warnings.contains("ahead of the clock"),
        "{warnings}"
    );
    assert_eq!(days(&host, "data").len(), 33);
    // One backup that cannot be removed keeps no other from it.
    fs::remove_dir_all(host.backup_root().join("2100")).unwrap();
    let (day, moved) = (
        host.backup_root().join("2026/01/02"),
        host.scratch().join("moved"),
    );
    fs::rename(&day, &moved).unwrap();
    std::os::unix::fs::symlink(&moved, &day).unwrap();
    let told = json(&host.batt(&["--format", "json", "data"]).code(1));
    let warnings = told["services"][0]["warnings"].to_string();
    assert!(
        warnings.contains("1 earlier backup could not be purged"),
        "{warnings}"
    );
    assert!(days(&host, "data").len() <= 3);
}

#[test]
fn on_a_full_disk_what_the_rules_allow_to_go_makes_room_and_nothing_else_does() {
    let host = Host::new();
    for day in ["2026-01-01", "2026-01-02", "2026-01-03"] {
        let backup = Published {
            bytes: 300_000,
            ..Published::of("data", &format!("{day}T02:30:00Z"))
        };
        host.publish_below(&host.scratch().join("seed"), &backup);
    }
    host.id();
    host.drop_in("data", "head -c 300000 /dev/urandom > $BATT_DEST/data/big");
    let script = |toml: &str, then: &str| {
        format!(
            "mount -t tmpfs -o size=1100k,mode=700 tmpfs {root}
             cp -a {seed}/. {root}/
             printf '{toml}' > {home}/conf/batt.toml; chmod 600 {home}/conf/batt.toml
             batt backups --rebuild >/dev/null
             {then}
             test -e {root}/2026/01/03/data/data.txt
             batt verify --all >/dev/null",
            root = host.backup_root().display(),
            seed = host.scratch().join("seed").display(),
            home = host.home().display(),
        )
    };
    fs::create_dir_all(host.backup_root()).unwrap();
    let pattern = format!("path = \"{}/%%Y/%%m/%%d\"\\n", host.backup_root().display());
    // Without rules nothing goes, and the backup has no room.
    let none = script(
        &pattern,
        "code=0; batt data || code=$?; test $code = 2; test $(ls -d $ROOT/2026/01/*/data | wc -l) = 3",
    )
    .replace("$ROOT", host.backup_root().to_str().unwrap());
    let Some(finished) = host.in_mounts(&none) else {
        return;
    };
    assert_eq!(finished.code, Some(0), "{}", finished.said());
    finished.says("no room");
    // With rules the two that may go do, and the backup is made.
    let some = script(
        &format!("{pattern}[retention]\\nkeep_last = 1\\n"),
        "batt data; test ! -e $ROOT/2026/01/01; test ! -e $ROOT/2026/01/02",
    )
    .replace("$ROOT", host.backup_root().to_str().unwrap());
    // The new one is the last; the one of January is kept by nothing but that it was needed until then.
    let some = some.replace("test -e", "test ! -e");
    let finished = host.in_mounts(&some).unwrap();
    assert_eq!(finished.code, Some(0), "{}", finished.said());
    finished.says("purged 2 earlier backups");
    finished.says("purged 1 earlier backup");
}
