//! Fleet folders, good and bad.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;

fn write(folder: &Path, path: &str, content: &[u8]) {
    let file = folder.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, content).unwrap();
}

fn read(folder: &Path) -> Result<FleetFolder, Error> {
    FleetFolder::read(
        folder,
        |group| ["db", "prod"].contains(&group),
        |host| ["db1", "db2"].contains(&host),
    )
}

fn text_of(bundle: &Bundle, name: &str) -> String {
    let content = bundle
        .content(BundleFolder::Conf, &name.parse().unwrap())
        .unwrap();
    String::from_utf8(content.bytes.clone()).unwrap()
}

#[test]
fn later_groups_lie_over_earlier_ones_and_the_host_over_all() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write(folder, "scripts-available/backup-app", b"#!/bin/sh\n");
    write(folder, "scripts-available/.gitkeep", b"");
    for (path, value) in [
        ("conf/backup.conf", "base"),
        ("conf/backup-app.conf", "base"),
        ("conf/groups/db/backup-app.conf", "db"),
        ("conf/groups/prod/backup-app.conf", "prod"),
        ("conf/groups/prod/batt.toml", "prod"),
        ("conf/hosts/db1/backup-app.conf", "db1"),
    ] {
        write(folder, path, value.as_bytes());
    }
    let fleet = read(folder).unwrap();
    let bundle = |host: &str, groups: &[&str]| fleet.bundle(host, groups.iter().copied()).unwrap();
    assert_eq!(text_of(&bundle("db1", &["db", "prod"]), "backup-app.conf"), "db1");
    assert_eq!(
        text_of(&bundle("db2", &["db", "prod"]), "backup-app.conf"),
        "prod"
    );
    assert_eq!(text_of(&bundle("db2", &["prod", "db"]), "backup-app.conf"), "db");
    assert_eq!(text_of(&bundle("db2", &["prod", "db"]), "batt.toml"), "prod");
    assert_eq!(bundle("db2", &[]).files().len(), 3);
    assert_eq!(
        bundle("db1", &["db"]).digest(),
        bundle("db1", &["db"]).digest(),
        "the digest tells the content, nothing else"
    );
    assert_ne!(bundle("db1", &["db"]).digest(), bundle("db2", &["db"]).digest());
    assert_eq!(fleet.scripts().count(), 1);
}

#[test]
fn contents_are_shared_between_hosts() {
    let place = tempfile::tempdir().unwrap();
    write(place.path(), "conf/backup.conf", b"x");
    let fleet = read(place.path()).unwrap();
    let (one, two) = (fleet.bundle("db1", []).unwrap(), fleet.bundle("db2", []).unwrap());
    assert!(Arc::ptr_eq(&one.files()[0].1, &two.files()[0].1));
}

#[test]
fn the_digest_is_that_of_sha256sum() {
    let place = tempfile::tempdir().unwrap();
    write(place.path(), "conf/backup.conf", b"");
    let bundle = read(place.path()).unwrap().bundle("db1", []).unwrap();
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(
        bundle.digest(),
        sha256(format!("{empty}  conf/backup.conf\n").as_bytes())
    );
}

#[test]
fn what_cannot_be_pushed_is_named_before_any_connection() {
    type Spoil = fn(&Path);
    let cases: [(&str, &str, Spoil); 9] = [
        ("scripts-available/backup-x", "no regular file", |path| {
            symlink("/bin/sh", path).unwrap()
        }),
        ("conf/backup.conf", "no regular file", |path| {
            fs::create_dir(path).unwrap()
        }),
        ("conf/fifo", "no regular file", |path| {
            let status = std::process::Command::new("mkfifo").arg(path).status().unwrap();
            assert!(status.success());
        }),
        ("conf/large", "larger than 4 MiB", |path| {
            fs::write(path, vec![0; (4 << 20) + 1]).unwrap()
        }),
        ("conf/.hidden", "cannot be the name", |path| {
            fs::write(path, b"").unwrap()
        }),
        ("conf/backup-x.local.conf", "belongs to the host", |path| {
            fs::write(path, b"").unwrap()
        }),
        ("conf/groups/web", "not in the inventory", |path| {
            fs::create_dir(path).unwrap()
        }),
        ("conf/hosts/db3", "not in the inventory", |path| {
            fs::create_dir(path).unwrap()
        }),
        ("conf/hosts/db1", "no folder", |path| {
            fs::write(path, b"").unwrap()
        }),
    ];
    for (path, message, spoil) in cases {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        spoil(&file);
        let error = read(place.path()).unwrap_err();
        assert!(error.message().contains(message), "{path}: {error}");
        assert!(error.message().contains(path), "{path}: {error}");
    }
}

#[test]
fn a_folder_that_is_a_link_is_not_followed() {
    let place = tempfile::tempdir().unwrap();
    symlink("/etc", place.path().join("conf")).unwrap();
    assert!(FleetFolder::is_one(place.path()));
    assert!(read(place.path()).unwrap_err().message().contains("no folder"));
}
