//! Which backups are of this host: those that its catalogue knows by id and hash, and not those that say so.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use batt_tests::drop_in::chmod;
use batt_tests::host::Host;
use batt_tests::published::Published;
use serde_json::Value;

use super::foreign::MALLORY;

/// A host whose `data` is restored by a script that notes what it was called with.
fn host() -> Host {
    let host = Host::new();
    host.drop_in("data", "echo x > \"$BATT_DEST/data/data.txt\"");
    let noted = host.scratch().join("noted");
    host.companion(
        "restore-data",
        &format!(
            "echo \"foreign=${{BATT_FOREIGN:-no}}\" > '{}'\nfor name in \"$@\"; do batt load \"$name\" -- dd of=/dev/null status=none; done",
            noted.display()
        ),
    );
    host
}

fn noted(host: &Host) -> Option<String> {
    fs::read_to_string(host.scratch().join("noted")).ok()
}

/// Writes a backup that says it is of this host and was never made here.
fn forged(host: &Host, below: &Path) -> PathBuf {
    host.id();
    let backup = Published {
        bytes: 20,
        ..Published::of("data", "2026-01-31T02:30:00Z")
    };
    host.publish_below(below, &backup)
}

#[test]
fn a_backup_that_says_it_is_of_this_host_is_not_believed() {
    let host = host();
    let backup = forged(&host, &host.root().join("usb"));
    let from = backup.to_str().unwrap();
    for arguments in [
        &["restore", "--from", from][..],
        &["restore", "data", "--from", from, "--replace"],
        &["restore", "-n", "--from", from],
        &["restore", "--from", from, "--into", "/nowhere/at/all"],
    ] {
        let told = host.batt(arguments).code(77);
        told.says("not known to this host");
        told.says("--foreign");
        assert_eq!(noted(&host), None, "{arguments:?}");
    }
    let told = host.batt(&["restore", "--foreign", "--from", from]).code(0);
    told.says("not known to this host");
    assert_eq!(noted(&host).unwrap(), "foreign=yes\n");
    // Without a home nothing is known.
    let elsewhere = host.root().join("no-home");
    let files = Published::of("file", "2026-01-31T02:30:00Z");
    let files = host.publish_below(&host.root().join("usb"), &files);
    let from = files.to_str().unwrap();
    let mut restore = host.batt_command(&["restore", "--from", from, "-n"]);
    restore.env("BATT_HOME", &elsewhere);
    let words: Vec<_> = restore.get_args().skip(4).map(ToOwned::to_owned).collect();
    let mut without = std::process::Command::new(restore.get_program());
    without
        .args(["--home".as_ref(), elsewhere.as_os_str()])
        .args(words);
    batt_tests::finished::Finished::run(&mut without)
        .code(77)
        .says("--foreign");
}

#[test]
fn a_backup_of_this_host_and_its_copy_are_known_by_id_and_hash() {
    let host = host();
    host.batt(&["data"]).success();
    host.batt(&["restore", "data"]).success();
    assert_eq!(noted(&host).unwrap(), "foreign=no\n");
    let copy = host.root().join("copy");
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .arg(host.backup("data"))
        .arg(&copy)
        .status();
    assert!(copied.unwrap().success());
    host.batt(&["restore", "--from", copy.to_str().unwrap()])
        .success();
    assert_eq!(noted(&host).unwrap(), "foreign=no\n");
    // With the id of a backup of ours and another content it is ours no more.
    let manifest = copy.join("manifest.json");
    let mut text: Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    text["warnings"] = serde_json::json!(["x"]);
    fs::write(&manifest, serde_json::to_vec(&text).unwrap()).unwrap();
    fs::remove_file(host.scratch().join("noted")).unwrap();
    for more in [&[][..], &["--foreign"]] {
        let arguments = [&["restore", "--from", copy.to_str().unwrap()], more].concat();
        let finished = host.batt(&arguments);
        assert!(matches!(finished.code, Some(2 | 77)), "{}", finished.said());
        assert_eq!(noted(&host), None);
    }
}

#[test]
fn a_catalogue_that_is_made_again_believes_only_what_root_alone_can_have_written() {
    let host = host();
    let root = host.backup_root();
    let make = |time: &str| {
        let backup = Published {
            bytes: 20,
            ..Published::of("data", time)
        };
        (backup.id(), host.publish(&backup))
    };
    let (ours, _) = make("2026-01-01T02:30:00Z");
    let (_, his) = make("2026-01-02T02:30:00Z");
    let (_, open) = make("2026-01-03T02:30:00Z");
    let (_, paper) = make("2026-01-04T02:30:00Z");
    let (_, below) = make("2026-02-05T02:30:00Z");
    let (_, marked) = make("2026-01-06T02:30:00Z");
    chown(&his, Some(MALLORY), None).unwrap();
    chmod(&open, 0o777);
    chown(paper.join("manifest.json"), Some(MALLORY), None).unwrap();
    chown(root.join("2026/02"), Some(MALLORY), None).unwrap();
    chmod(&marked.join("manifest.json"), 0o666);
    assert!(below.exists());
    let pattern = root.join("%Y/%m/%d");
    host.batt(&["backups", "--rebuild", "--path", pattern.to_str().unwrap()])
        .code(0)
        .says("5 that others could have written");
    assert_eq!(host.ids(), [ours]);
    let from = his.to_str().unwrap();
    host.batt(&["restore", "--from", from]).code(77).says("--foreign");
}

#[test]
fn what_lies_in_the_place_of_a_backup_of_ours_is_not_purged_pinned_or_restored() {
    let host = host();
    host.batt(&["data"]).success();
    let backup = host.backup("data");
    let id = host.ids().remove(0);
    // The same id, the same host, another content: a whole backup, with its sums, by somebody who could write there.
    let mut manifest: Value =
        serde_json::from_slice(&fs::read(backup.join("manifest.json")).unwrap()).unwrap();
    fs::write(backup.join("data.txt"), "y\n").unwrap();
    let sum = batt_tests::published::sha256(b"y\n");
    manifest["archives"][0]["sha256"] = sum.clone().into();
    let text = serde_json::to_vec_pretty(&manifest).unwrap();
    fs::write(backup.join("manifest.json"), &text).unwrap();
    let guide = batt_tests::published::sha256(&fs::read(backup.join("RESTORE.md")).unwrap());
    fs::write(
        backup.join("SHA256SUMS"),
        format!(
            "{sum}  data.txt\n{guide}  RESTORE.md\n{}  manifest.json\n",
            batt_tests::published::sha256(&text)
        ),
    )
    .unwrap();
    host.batt(&["restore", "data"]).code(2);
    assert_eq!(noted(&host), None);
    host.batt(&["verify", "data"]).code(2).says("manifest.json");
    host.batt(&["pin", &id]).code(77).says("is not the backup");
    assert!(!backup.join("PINNED").exists());
    // A newer one, so that the rules let it go: it is left alone.
    fs::rename(
        &backup,
        backup.with_file_name(format!("data~{}", id.split('.').next().unwrap())),
    )
    .unwrap();
    let aside = backup.with_file_name(format!("data~{}", id.split('.').next().unwrap()));
    fs::rename(&aside, &backup).unwrap();
    let next = host.told("data", &["data"]);
    assert_eq!(next.exit, 0, "{next:?}");
    host.batt(&["purge", "data", "--keep-last", "1"]);
    assert!(backup.join("data.txt").exists(), "what is not ours was removed");
    assert_eq!(fs::read_to_string(backup.join("data.txt")).unwrap(), "y\n");
}

#[test]
fn an_archive_that_is_swapped_after_it_was_verified_reaches_no_command() {
    for (how, owner) in [
        ("mv \"$evil\" \"$BATT_SOURCE/x.zst\"", 0),
        ("cat \"$evil\" > \"$BATT_SOURCE/x.zst\"", 0),
        ("cat \"$evil\" > \"$BATT_SOURCE/x.zst\"", MALLORY),
        ("cp -p \"$evil\" \"$BATT_SOURCE/x.zst\"", MALLORY),
    ] {
        let host = Host::new();
        let (evil, got) = (host.scratch().join("evil.zst"), host.scratch().join("got"));
        host.drop_in("data", "batt store x -- echo good");
        host.batt(&["data"]).success();
        let archive = host.backup("data").join("x.zst");
        let made = std::process::Command::new("sh")
            .args(["-c", "echo evil | zstd -q > \"$0\"", evil.to_str().unwrap()])
            .status();
        assert!(made.unwrap().success());
        chmod(&evil, 0o600);
        chown(&archive, Some(owner), None).unwrap();
        let load = format!(
            "batt load x -- sh -c 'cat >> \"$0\"' '{}' || true\n",
            got.display()
        );
        host.companion(
            "restore-data",
            &format!("evil='{}'\n{how}\n{load}", evil.display()),
        );
        host.batt(&["restore", "data"])
            .code(2)
            .says("is not what was verified");
        assert!(!got.exists(), "{how}: {}", fs::read_to_string(&got).unwrap());
    }
    // What another account owns and has not changed is loaded, from a copy.
    let host = Host::new();
    let got = host.scratch().join("got");
    host.drop_in("data", "batt store x -- echo good");
    host.companion(
        "restore-data",
        &format!("batt load x -- sh -c 'cat >> \"$0\"' '{}'", got.display()),
    );
    host.batt(&["data"]).success();
    chown(host.backup("data").join("x.zst"), Some(MALLORY), None).unwrap();
    host.batt(&["restore", "data"]).success();
    assert_eq!(fs::read_to_string(&got).unwrap(), "good\n");
}

#[test]
fn a_restore_that_only_looks_ends_at_once_when_it_is_told() {
    let host = host();
    let backup = forged(&host, &host.root().join("usb"));
    // Few bytes that hold hours of content.
    let made = std::process::Command::new("sh")
        .args(["-c", "head -c 2000000000 /dev/zero | zstd -q -T1 > data.zst; for n in $(seq 10); do cat data.zst data.zst > d; mv d data.zst; done"])
        .current_dir(&backup)
        .status();
    assert!(made.unwrap().success());
    fs::remove_file(backup.join("data.txt")).unwrap();
    let mut manifest: Value =
        serde_json::from_slice(&fs::read(backup.join("manifest.json")).unwrap()).unwrap();
    let bytes = fs::metadata(backup.join("data.zst")).unwrap().len();
    manifest["archives"] = serde_json::json!([
        {"file": "data.zst", "bytes": bytes, "raw_bytes": 2_048_000_000_000u64, "sha256": "0"}
    ]);
    fs::write(
        backup.join("manifest.json"),
        serde_json::to_vec(&manifest).unwrap(),
    )
    .unwrap();
    let mut restore = host.batt_command(&["restore", "-n", "--foreign", "--from", backup.to_str().unwrap()]);
    let mut child = restore
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("verifying") {
        line.clear();
        assert!(std::io::BufRead::read_line(&mut said, &mut line).unwrap() > 0);
    }
    let begun = std::time::Instant::now();
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    // All of it would take many minutes.
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
}

#[test]
fn a_backup_without_archives_is_not_verified() {
    let host = host();
    host.id();
    let backup = forged(&host, &host.root().join("usb"));
    let mut manifest: Value =
        serde_json::from_slice(&fs::read(backup.join("manifest.json")).unwrap()).unwrap();
    manifest["archives"] = serde_json::json!([]);
    let text = serde_json::to_vec_pretty(&manifest).unwrap();
    fs::write(backup.join("manifest.json"), &text).unwrap();
    fs::remove_file(backup.join("data.txt")).unwrap();
    let guide = batt_tests::published::sha256(&fs::read(backup.join("RESTORE.md")).unwrap());
    fs::write(
        backup.join("SHA256SUMS"),
        format!(
            "{guide}  RESTORE.md\n{}  manifest.json\n",
            batt_tests::published::sha256(&text)
        ),
    )
    .unwrap();
    host.batt(&["verify", "--from", backup.to_str().unwrap()])
        .code(2)
        .says("no archive");
}

#[test]
fn a_manifest_has_a_bound_and_is_read_in_a_moment() {
    let host = host();
    let backup = forged(&host, &host.root().join("usb"));
    let from = backup.to_str().unwrap().to_owned();
    let mut manifest: Value =
        serde_json::from_slice(&fs::read(backup.join("manifest.json")).unwrap()).unwrap();
    let archives = |count: usize| -> Value {
        (0..count)
            .map(|n| serde_json::json!({"file": format!("{n}"), "bytes": 1, "raw_bytes": 1, "sha256": ""}))
            .collect::<Vec<_>>()
            .into()
    };
    // As many as fit, and a million, which do not.
    for (count, words) in [(100_000, "missing"), (1_000_000, "longer than")] {
        manifest["archives"] = archives(count);
        fs::write(
            backup.join("manifest.json"),
            serde_json::to_vec(&manifest).unwrap(),
        )
        .unwrap();
        for arguments in [
            &["verify", "--from", &from][..],
            &["restore", "-n", "--foreign", "--from", &from],
        ] {
            let begun = std::time::Instant::now();
            let finished = host.batt(arguments);
            let took = begun.elapsed();
            assert!(matches!(finished.code, Some(1 | 2)), "{}", finished.said());
            finished.says(words);
            assert!(took.as_secs() < 150, "{count} archives, {arguments:?}: {took:?}");
        }
    }
}
