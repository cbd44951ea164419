//! What root does by path in a backup and a drill of each service, as strace sees it: nothing below a folder that another account
//! controls. Restores are held to the same in `restores.rs`.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;
use batt_tests::server::postgresql::Postgresql;
use batt_tests::server::redis::Redis;
use batt_tests::server::sqlite;
use batt_tests::trace::Trace;
use tempfile::TempDir;

/// The account whose folders they are; nobody else has this number.
const USER: u32 = 60_423;

fn is_root() -> bool {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can be another account");
        return false;
    }
    true
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A folder of another account's that anybody can pass, with one in it.
fn foreign() -> (TempDir, PathBuf) {
    let folder = tempfile::Builder::new()
        .prefix("batt-traced-")
        .tempdir_in("/tmp")
        .unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let inner = folder.path().join("home/app");
    fs::create_dir_all(&inner).unwrap();
    let home = folder.path().join("home");
    for folder in [&home, &inner] {
        chown(folder, Some(USER), Some(USER)).unwrap();
    }
    (folder, home)
}

/// Backs up and drills with all calls traced: below `foreign`, and in a drill below what its account has, root goes by no path.
#[track_caller]
fn held_to_it(host: &Host, service: &str, foreign: &Path) {
    let (finished, trace) = Trace::of(host, &[service]);
    finished.code(0);
    trace.assert_no_trespass(foreign);
    let (finished, trace) = Trace::of(host, &["drill", service]);
    finished.code(0);
    trace.assert_no_trespass(foreign);
    let work = trace.folders(Path::new("/var/tmp"), "batt-work-");
    assert!(!work.is_empty(), "the drill worked nowhere");
    for folder in work {
        trace.assert_no_trespass(&folder.join("scratch"));
    }
}

#[test]
fn a_backup_and_a_drill_of_files() {
    if !is_root() {
        return;
    }
    let (_folder, home) = foreign();
    fs::write(home.join("app/a"), "content").unwrap();
    let host = Host::new();
    host.promise("file", &[text(&home.join("app"))]);
    held_to_it(&host, "file", &home);
}

#[test]
fn a_backup_and_a_drill_of_a_database_of_sqlite() {
    if !is_root() {
        return;
    }
    let (_folder, home) = foreign();
    let file = home.join("app/app.db");
    sqlite::sql(&file, "CREATE TABLE t (x); INSERT INTO t VALUES (1)");
    chown(&file, Some(USER), Some(USER)).unwrap();
    let host = Host::new();
    host.promise("sqlite", &[text(&file)]);
    held_to_it(&host, "sqlite", &home);
}

#[test]
fn a_backup_and_a_drill_of_redis() {
    if !is_root() {
        return;
    }
    let server = Redis::start("secret");
    server.run("SET a 1\n");
    let socket = server.socket().display().to_string();
    for method in ["replication", "bgsave"] {
        let host = Host::new();
        let settings = [
            ("REDIS_SOCKET", socket.as_str()),
            ("REDISCLI_AUTH", "secret"),
            ("REDIS_METHOD", method),
        ];
        host.configure("redis", &settings);
        held_to_it(&host, "redis", server.folder());
    }
}

#[test]
fn a_backup_and_a_drill_of_mysql() {
    if !is_root() {
        return;
    }
    let server = MariaDb::start();
    server.sql("CREATE DATABASE shop; CREATE TABLE shop.t (x INT); INSERT INTO shop.t VALUES (1)");
    let host = Host::new();
    let options = server.option_file("root", "");
    host.configure("mysql", &[("MYSQL_CREDS", text(&options))]);
    let folder = server.socket().parent().unwrap().to_owned();
    held_to_it(&host, "mysql", &folder);
}

fn with_postgresql(service: &str, further: &[(&str, &str)]) {
    if !is_root() {
        return;
    }
    let server = Postgresql::start();
    server.sql("postgres", "CREATE TABLE t (x int); INSERT INTO t VALUES (1)");
    let host = Host::new();
    let environment = server.environment();
    let settings: Vec<(&str, &str)> = environment
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .chain(further.iter().copied())
        .collect();
    host.configure(service, &settings);
    let socket = environment
        .iter()
        .find(|(key, _)| *key == "PGHOST")
        .map(|(_, value)| PathBuf::from(value))
        .unwrap();
    held_to_it(&host, service, &socket);
}

#[test]
fn a_backup_and_a_drill_of_postgresql() {
    with_postgresql("postgresql", &[]);
}

#[test]
fn a_backup_and_a_drill_of_folders_of_postgresql() {
    with_postgresql("postgresql", &[("PG_FORMAT", "directory")]);
}

#[test]
fn a_backup_and_a_drill_of_a_cluster_of_postgresql() {
    with_postgresql("postgresql-base", &[]);
}
