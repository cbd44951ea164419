//! Base backups of a real PostgreSQL server: a server that is started on the copy is the one that was copied, and every byte
//! of it was held against the manifest that came with it.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::server::postgresql::Postgresql;

const CONTENT: &str = "
    CREATE TABLE article (id serial PRIMARY KEY, title text);
    INSERT INTO article (title) SELECT 'x' || n FROM generate_series(1, 20000) n;
    CREATE VIEW recent AS SELECT * FROM article; SELECT lo_from_bytea(4711, '\\x00ff10');
";

fn server() -> Postgresql {
    let server = Postgresql::start();
    server.sql("postgres", "CREATE ROLE app; CREATE DATABASE shop OWNER app");
    server.sql("shop", CONTENT);
    server
}

fn host_of(server: &Postgresql) -> Host {
    let host = Host::new();
    host.lead_to("postgresql-base", &server.environment());
    host
}

/// Returns a folder that the account of the server can reach.
fn reachable() -> tempfile::TempDir {
    let folder = tempfile::Builder::new()
        .prefix("batt-")
        .tempdir_in("/tmp")
        .unwrap();
    fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    folder
}

#[test]
fn a_server_on_the_copy_is_the_one_that_was_copied() {
    let server = server();
    let host = host_of(&server);
    host.batt(&["postgresql-base"]).code(0);
    host.batt(&["verify"]).code(0);
    let (before, roles) = (server.fingerprint("shop"), server.roles());
    let folder = reachable();
    let into = folder.path().join("cluster");
    server.kill();

    let restore = ["restore", "postgresql-base", "--into", into.to_str().unwrap()];
    host.batt(&restore).code(0).says("no difference");

    let copy = Postgresql::start_on(&into);
    assert_eq!(copy.fingerprint("shop"), before);
    assert_eq!(copy.roles(), roles);
    // What is there is not written over, and on request stays beside.
    host.batt(&restore).code(2).says("is no empty folder");
    fs::write(into.join("precious"), "x").unwrap();
    let replace: Vec<&str> = restore.into_iter().chain(["--replace"]).collect();
    host.batt(&replace).code(0);
    assert!(!into.join("precious").exists());
    let beside: Vec<PathBuf> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path().join("precious"))
        .filter(|path| path.exists())
        .collect();
    assert_eq!(beside.len(), 1);
    host.batt(&["restore", "postgresql-base"])
        .code(2)
        .says("needs a folder");
}

#[test]
fn the_commands_of_the_guide_restore_it_without_batt() {
    let server = server();
    let host = host_of(&server);
    host.batt(&["postgresql-base"]).code(0);
    let folder = Postgresql::empty_folder();
    let into = folder.path().to_str().unwrap().to_owned();

    host.restore(&host.backup("postgresql-base"), &[("PGDATA", into)]);

    let copy = Postgresql::start_on(folder.path());
    assert_eq!(copy.fingerprint("shop"), server.fingerprint("shop"));
}

#[test]
fn a_drill_starts_the_copy_and_holds_it_to_what_was_recorded() {
    let server = server();
    // A setting of the cluster that must not be followed: nothing is archived by a copy.
    let trap = reachable();
    let touch = format!("touch {}/archived", trap.path().display());
    server.sql("postgres", "ALTER SYSTEM SET archive_mode = 'on'");
    server.sql(
        "postgres",
        &format!("ALTER SYSTEM SET archive_command = '{touch}'"),
    );
    let host = host_of(&server);
    host.batt(&["postgresql-base"]).code(0);
    server.kill();

    host.batt(&["drill", "postgresql-base"]).code(0).says("proven");
    assert!(!trap.path().join("archived").exists());

    // Elsewhere nobody knows that the manifest was changed.
    let backup = host.backup("postgresql-base");
    let path = backup.join("manifest.json");
    let text = fs::read_to_string(&path).unwrap();
    let relations = host.fact("postgresql-base", "relations.shop");
    let (was, is) = (
        format!("\"relations.shop\": \"{relations}\""),
        "\"relations.shop\": \"17\"",
    );
    assert!(text.contains(&was), "{text}");
    fs::write(&path, text.replace(&was, is)).unwrap();
    rehash(&backup, "manifest.json");
    let drill = ["drill", "postgresql-base", "--from", backup.to_str().unwrap()];
    let finished = Host::new().batt(&drill).code(2);
    finished.says(&format!(
        "`shop` has {relations} tables, views and sequences, and had 17"
    ));
}

/// Writes the sum of a file anew, as somebody who wants to deceive would.
fn rehash(backup: &Path, file: &str) {
    let sums = fs::read_to_string(backup.join("SHA256SUMS")).unwrap();
    let ending = format!("  {file}");
    let kept: String = sums
        .lines()
        .filter(|line| !line.ends_with(&ending))
        .map(|line| format!("{line}\n"))
        .collect();
    let digest = Finished::run(Command::new("sha256sum").arg(backup.join(file))).success();
    let digest = digest.split_whitespace().next().unwrap().to_owned();
    fs::write(backup.join("SHA256SUMS"), format!("{kept}{digest}{ending}\n")).unwrap();
}

#[test]
fn one_flipped_byte_and_one_missing_file_are_named() {
    let server = server();
    let host = host_of(&server);
    let tar = host.scratch().join("base.tar");
    let mut command = Command::new("pg_basebackup");
    command.args([
        "--pgdata=-",
        "--format=tar",
        "--wal-method=fetch",
        "--checkpoint=fast",
        "--manifest-checksums=SHA256",
    ]);
    command
        .envs(server.environment())
        .stdout(fs::File::create(&tar).unwrap());
    assert!(command.status().unwrap().success());
    let script = format!(
        "batt store --check postgresql-base cluster -- cat '{}'",
        tar.display()
    );
    let whole = fs::read(&tar).unwrap();
    // The header of this file, before its content.
    let header = whole
        .chunks(512)
        .position(|block| block.starts_with(b"global/1262\0"))
        .unwrap()
        * 512;

    let mut flipped = whole.clone();
    flipped[header + 512 + 100] ^= 1;
    fs::write(&tar, &flipped).unwrap();
    let told = host.try_script("copy", &script);
    assert_eq!(told.exit, 2);
    assert!(
        told.reason.contains("`global/1262` is not what"),
        "{}",
        told.reason
    );

    let mut without = whole[..header].to_vec();
    without.extend_from_slice(&whole[header + 512 + 8192..]);
    fs::write(&tar, &without).unwrap();
    let told = host.try_script("copy", &script);
    assert_eq!(told.exit, 2);
    assert!(
        told.reason.contains("`global/1262` is missing"),
        "{}",
        told.reason
    );

    fs::write(&tar, &whole).unwrap();
    assert_eq!(host.try_script("copy", &script).exit, 0);
}

#[test]
fn tablespaces_and_a_role_that_may_not_copy_are_refused_before_anything_is_copied() {
    let server = server();
    server.sql(
        "postgres",
        "CREATE ROLE poor LOGIN PASSWORD 'x'; SET allow_in_place_tablespaces = on; CREATE TABLESPACE fast LOCATION ''",
    );
    let host = host_of(&server);
    host.batt(&["postgresql-base"])
        .code(2)
        .says("tablespaces of its own, which lie elsewhere: fast");
    server.sql("postgres", "DROP TABLESPACE fast");
    let mut environment = server.environment();
    environment.retain(|(key, _)| *key != "PGUSER");
    environment.extend([("PGUSER", "poor".to_owned()), ("PGPASSWORD", "x".to_owned())]);
    let settings: Vec<(&str, &str)> = environment
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    host.configure("postgresql-base", &settings);
    host.batt(&["postgresql-base"])
        .code(2)
        .says("it needs REPLICATION");
    assert!(host.backups("postgresql-base").is_empty());
}
