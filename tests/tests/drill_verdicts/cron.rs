//! A night under cron is as the day in a shell: every drill proves there what it proves by hand.

use std::path::Path;

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;
use batt_tests::server::postgresql::Postgresql;
use batt_tests::server::redis::Redis;
use batt_tests::server::sqlite;

/// Calls batt with what cron gives a command, and nothing else.
fn by_cron(host: &Host, arguments: &[&str]) -> Finished {
    let home = format!("HOME={}", host.user_home().display());
    let bare = ["-i", "PATH=/usr/bin:/bin", &home];
    host.batt_within("env", &bare, arguments)
}

#[track_caller]
fn assert_proven(host: &Host, service: &str) {
    by_cron(host, &[service]).code(0);
    by_cron(host, &["drill", service]).code(0).says("proven");
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn files_and_databases_in_files() {
    let host = Host::new();
    let tree = host.scratch().join("tree");
    std::fs::create_dir(&tree).unwrap();
    std::fs::write(tree.join("a"), "a").unwrap();
    host.configure("file", &[("FILE_DATA_DIRS", text(&tree))]);
    assert_proven(&host, "file");
    let database = host.scratch().join("a.db");
    sqlite::sql(&database, "CREATE TABLE t (a); INSERT INTO t VALUES (1)");
    host.configure("sqlite", &[("SQLITE_DATABASES", text(&database))]);
    assert_proven(&host, "sqlite");
}

#[test]
fn mysql() {
    let server = MariaDb::start();
    server.sql("CREATE DATABASE d; USE d; CREATE TABLE t (id INT); INSERT INTO t VALUES (1)");
    let host = Host::new();
    let options = server.option_file("root", "");
    // A PATH that somebody took from a crontab.
    let settings = [("MYSQL_CREDS", text(&options)), ("PATH", "/usr/bin:/bin")];
    host.configure("mysql", &settings);
    assert_proven(&host, "mysql");
}

#[test]
fn postgresql_both_ways() {
    let server = Postgresql::start();
    server.sql("postgres", "CREATE DATABASE shop");
    server.sql("shop", "CREATE TABLE t AS SELECT 1 AS n");
    let host = Host::new();
    let environment = server.environment();
    let settings: Vec<(&str, &str)> = environment
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    for service in ["postgresql", "postgresql-base"] {
        host.configure(service, &settings);
        assert_proven(&host, service);
    }
}

#[test]
fn redis() {
    let server = Redis::start("");
    server.run("SET a 1\n");
    let host = Host::new();
    host.configure("redis", &[("REDIS_SOCKET", text(&server.socket()))]);
    assert_proven(&host, "redis");
}
