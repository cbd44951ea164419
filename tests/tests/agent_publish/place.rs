//! Where a backup is published, and what it may replace.

use super::*;

#[test]
fn a_noon_run_of_one_item_takes_nothing_from_the_backup_of_all() {
    let host = data();
    let night = host.told("data", &["data"]);
    let night_run = night.run.clone();
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
    // One of all again takes the usual place. Last night's steps aside, and is what it was; nothing is gone.
    let evening = host.told("data", &["data"]);
    assert_eq!(evening.succeeded(), night);
    assert!(
        fs::read_to_string(night.join("a.txt"))
            .unwrap()
            .contains(&evening.run)
    );
    assert!(noon.succeeded().exists());
    let aside = night.with_file_name(format!("data~{night_run}"));
    for (path, content) in before.iter().filter(|(path, _)| path.is_file()) {
        let moved = aside.join(path.strip_prefix(night).unwrap());
        assert_eq!(&fs::read(moved).unwrap(), content);
    }
    let backups = host.batt(&["backups"]).success();
    assert_eq!(backups.lines().count(), 4, "a header, and {backups}");
    assert!(backups.contains(&aside.display().to_string()), "{backups}");
    host.batt(&["verify", "--all"]).success();
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
