//! The disk of the backups is full while a client of a service writes its copy there. Some clients end well all the same:
//! then a copy that is cut must be found by what is in it.
#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a panic is how a test fails, and what is skipped is told loudly"
)]

use std::fs;
use std::path::Path;

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::server::redis::Redis;
use batt_tests::server::sqlite;

const PASSWORD: &str = "canary-44ab-redis";

/// Runs batt with 3 MiB for backups; `None` when nobody here may mount.
fn with_little_room(host: &Host, arguments: &[&str]) -> Option<Finished> {
    with_room(host, 3, arguments)
}

/// Runs batt with so many MiB for backups; `None` when nobody here may mount.
fn with_room(host: &Host, mebibytes: u32, arguments: &[&str]) -> Option<Finished> {
    if !rustix::process::geteuid().is_root() {
        eprintln!("only root can mount: not tried");
        return None;
    }
    let backups = host.root().join("backup");
    fs::create_dir_all(&backups).unwrap();
    let mounted = format!("mount -t tmpfs -o size={mebibytes}m,mode=700 none \"$0\" && exec \"$@\"");
    let wrapper = ["--mount", "bash", "-c", &mounted, path(&backups)];
    Some(host.batt_within("unshare", &wrapper, arguments))
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_copy_of_a_database_that_does_not_fit_is_no_backup() {
    let host = Host::new();
    let file = host.scratch().join("app.db");
    sqlite::sql(
        &file,
        "CREATE TABLE t (x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
         INSERT INTO t SELECT randomblob(1000) FROM n",
    );
    let arguments = ["--sqlite-db", path(&file)];
    if let Some(finished) = with_little_room(&host, &arguments) {
        finished.code(2).says("full");
    }
    host.batt(&arguments).code(0);
}

/// The owner of a database copies it, and root copies that: never is there all of both.
#[test]
fn a_large_database_needs_room_for_one_copy_and_not_for_two() {
    let host = Host::new();
    let file = host.scratch().join("large.db");
    sqlite::sql(
        &file,
        "CREATE TABLE t (x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250)
         INSERT INTO t SELECT zeroblob(1 << 20) FROM n",
    );
    if let Some(finished) = with_room(&host, 350, &["--sqlite-db", path(&file)]) {
        finished.code(0);
    }
}

#[test]
fn a_data_set_that_does_not_fit_is_no_backup() {
    let server = Redis::start(PASSWORD);
    let keys: String = (0..500)
        .map(|n| format!("SET {n} \"{}\"\n", "0123456789abcdef".repeat(600)))
        .collect();
    server.run("CONFIG SET rdbcompression no\n");
    server.run(&keys);
    let host = Host::new();
    let socket = server.socket().display().to_string();
    host.configure("redis", &[("REDIS_SOCKET", &socket), ("REDISCLI_AUTH", PASSWORD)]);
    if let Some(finished) = with_little_room(&host, &["redis"]) {
        finished.code(2).says("the server did not send its data set");
    }
    host.batt(&["redis"]).code(0);
}
