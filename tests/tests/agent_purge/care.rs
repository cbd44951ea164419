//! What a purge must not touch, and what stops it.

use super::*;

#[test]
fn a_backup_of_another_host_is_never_touched() {
    let host = january();
    let other = Published {
        host_id: Some("f".repeat(32)),
        ..Published::of("data", "2025-06-01T02:30:00Z")
    };
    let place = host.publish(&other);
    host.rebuild();
    // It is not even in the catalogue; and what took the place of one that is there after it was entered is refused.
    assert!(!host.ids().contains(&other.id()));
    let taken = host.backup_root().join("2026/01/02/data");
    let manifest = fs::read_to_string(taken.join("manifest.json")).unwrap();
    fs::write(
        taken.join("manifest.json"),
        manifest.replace(&host.id(), &"f".repeat(32)),
    )
    .unwrap();
    host.batt(&["purge", "-n", "--keep-last", "1"])
        .code(0)
        .says("a backup of another host");
    host.batt(&["purge", "--keep-last", "1"]).code(0);
    assert!(place.join("data.txt").exists() && taken.join("data.txt").exists());
    assert_eq!(days(&host, "data"), ["2025-06-01", "2026-01-02", "2026-01-31"]);
}

#[test]
fn a_folder_of_a_date_that_became_a_link_is_not_followed() {
    let host = january();
    let (day, moved) = (
        host.backup_root().join("2026/01/02"),
        host.scratch().join("moved"),
    );
    fs::rename(&day, &moved).unwrap();
    std::os::unix::fs::symlink(&moved, &day).unwrap();
    host.batt(&["purge", "--keep-last", "1"])
        .code(77)
        .says("leads through the link");
    assert!(moved.join("data/data.txt").exists());
    assert_eq!(days(&host, "data"), ["2026-01-02", "2026-01-31"]);
    // The backup itself a link.
    fs::remove_file(&day).unwrap();
    fs::create_dir(&day).unwrap();
    std::os::unix::fs::symlink(moved.join("data"), day.join("data")).unwrap();
    host.batt(&["purge", "--keep-last", "1"]).code(77);
    assert!(moved.join("data/data.txt").exists() && day.join("data").is_symlink());
}

#[test]
fn a_catalogue_that_names_something_else_deletes_nothing() {
    let host = january();
    let victim = host.scratch().join("victim");
    fs::create_dir(&victim).unwrap();
    // A folder with a manifest of ours in it, under a name that no backup has.
    let manifest = host.backup_root().join("2026/01/02/data/manifest.json");
    fs::copy(&manifest, victim.join("manifest.json")).unwrap();
    let catalogue = host.home().join("var/catalogue.jsonl");
    let text = fs::read_to_string(&catalogue).unwrap();
    let place = host.backup_root().join("2026/01/02/data");
    let turned = text.replace(place.to_str().unwrap(), victim.to_str().unwrap());
    assert_ne!(turned, text);
    fs::write(&catalogue, turned).unwrap();
    host.batt(&["purge", "--keep-last", "1"])
        .code(77)
        .says("is not where a backup of `data` lies");
    assert!(victim.join("manifest.json").exists() && place.exists());
}

#[test]
fn a_purge_while_a_run_of_the_service_goes_on_is_busy_and_waits_when_told_to() {
    let host = january();
    host.publish(&Published::of("other", "2026-01-01T02:30:00Z"));
    host.publish(&Published::of("other", "2026-01-02T02:30:00Z"));
    host.rebuild();
    let waits = host.scratch().join("waits");
    let body = format!(
        "echo x > $BATT_DEST/data/a; touch {0}; while [ -e {0} ]; do sleep 0.02; done",
        waits.display()
    );
    host.drop_in("data", &body);
    let mut run = host.batt_command(&["data"]);
    let mut run = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("the script waits", || waits.exists());
    let before = days(&host, "data");
    // Another service is purged all the same.
    host.batt(&["purge", "--keep-last", "1"])
        .code(75)
        .says("holds its lock");
    assert_eq!(days(&host, "data"), before);
    assert_eq!(days(&host, "other"), ["2026-01-02"]);
    let mut purge = host.batt_command(&["purge", "data", "--keep-last", "2", "--wait", "10m"]);
    let purge = purge
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lock = host.home().join("var/locks/data.lock");
    until("the purge waits", || {
        let open = fs::read_dir(format!("/proc/{}/fd", purge.id()))
            .into_iter()
            .flatten()
            .flatten();
        open.filter_map(|fd| fs::read_link(fd.path()).ok())
            .any(|path| path == lock)
    });
    fs::remove_file(&waits).unwrap();
    assert!(run.wait().unwrap().success());
    let purge = purge.wait_with_output().unwrap();
    assert!(
        purge.status.success(),
        "{}",
        String::from_utf8_lossy(&purge.stderr)
    );
    // The backup of that run is there by now, and counted: it and one of January.
    assert_eq!(days(&host, "data").len(), 2);
    assert!(days(&host, "data").contains(&"2026-01-31".to_owned()));
    host.batt(&["verify", "--all"]).code(0);
}

#[test]
fn two_purges_at_once_remove_each_backup_once() {
    let host = january();
    let start = || {
        let mut purge =
            host.batt_command(&["--format", "json", "purge", "--keep-last", "3", "--wait", "10m"]);
        purge
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let (first, second) = (start(), start());
    let mut removed = 0;
    for purge in [first, second] {
        let output = purge.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        removed += told["removed"].as_u64().unwrap();
    }
    assert_eq!(removed, 28);
    assert_eq!(days(&host, "data"), ["2026-01-29", "2026-01-30", "2026-01-31"]);
    host.batt(&["verify", "--all"]).code(0);
}

#[test]
fn a_clock_that_jumped_and_backups_from_the_future_stop_a_purge_until_a_person_says_it_is_right() {
    let host = january();
    host.batt(&["purge", "--keep-last", "20"]).code(0);
    let memory = host.home().join("var/clock.json");
    let text = fs::read_to_string(&memory).unwrap();
    // As if the clock had been years on when it was last looked at: it has jumped back since. Four years, for a leap day.
    let year = text.split("\"time\":\"").nth(1).unwrap()[..4].to_owned();
    let later = text.replacen(&year, &(year.parse::<u32>().unwrap() + 4).to_string(), 1);
    fs::write(&memory, later).unwrap();
    let before = host.published();
    for dry in [
        vec!["purge", "--keep-last", "3"],
        vec!["purge", "-n", "--keep-last", "3"],
    ] {
        host.batt(&dry).code(2).says("--clock-is-right");
    }
    assert_eq!(host.published(), before);
    // A run by such a clock does not make it right.
    host.drop_in("data", "echo x > $BATT_DEST/data/a");
    host.batt(&["data"]).code(0);
    host.batt(&["purge", "--keep-last", "3"]).code(2);
    host.batt(&["check"]).says("--clock-is-right");
    host.batt(&["purge", "--clock-is-right", "--keep-last", "19"])
        .code(0);
    host.batt(&["purge", "--keep-last", "18"]).code(0);

    host.publish(&Published::of("data", "2100-01-01T02:30:00Z"));
    host.rebuild();
    host.batt(&["purge", "--keep-last", "3"])
        .code(2)
        .says("dated ahead of the clock");
    host.batt(&["purge", "--keep-last", "3", "--clock-is-right"])
        .code(0);
    // It stays, takes no slot, and is known from then on.
    host.batt(&["purge", "--keep-last", "2"]).code(0);
    assert_eq!(days(&host, "data").len(), 3);
    assert!(days(&host, "data").contains(&"2100-01-01".to_owned()));
}
