//! The engine is well, and the content is not; or what the content needs is not here.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;
use batt_tests::server::postgresql::{Postgresql, newest_programs};

use crate::engines::sending;
use crate::{assert_failed, assert_not_possible, drill, insert};

fn host_of(server: &Postgresql, service: &str) -> Host {
    let host = Host::new();
    let environment = server.environment();
    let settings: Vec<(&str, &str)> = environment
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    host.configure(service, &settings);
    host
}

#[test]
fn a_library_that_is_missing_says_nothing_of_the_backup() {
    let server = Postgresql::start();
    server.sql("postgres", "CREATE DATABASE shop");
    let library = server.make_folder("library").join("not-in-a-cell.so");
    fs::copy(newest_programs().join("../lib/fuzzystrmatch.so"), &library).unwrap();
    fs::set_permissions(&library, fs::Permissions::from_mode(0o755)).unwrap();
    server.sql(
        "shop",
        &format!(
            "CREATE FUNCTION f(text) RETURNS text LANGUAGE c IMMUTABLE STRICT AS '{}', 'soundex';
             CREATE TABLE t AS SELECT 'name' AS name; CREATE INDEX ON t (f(name))",
            library.display()
        ),
    );
    let host = host_of(&server, "postgresql");
    host.batt(&["postgresql"]).code(0);
    assert_not_possible(&host, "postgresql", "a library is missing");
}

#[test]
fn a_base_backup_on_which_no_server_starts_is_evidence() {
    let server = Postgresql::start();
    server.sql("postgres", "CREATE DATABASE shop");
    let host = host_of(&server, "postgresql-base");
    host.batt(&["postgresql-base"]).code(0);
    let shipped = host.home().join("scripts-available/drill-postgresql-base");
    let text = fs::read(&shipped).unwrap();
    // Where no server starts at all it is not for the copy.
    insert(
        &host,
        "drill-postgresql-base",
        "started=yes",
        "printf 'no_such_setting = 1\\n' >>\"$BATT_SCRATCH/settings/postgresql.conf\"",
    );
    assert_not_possible(&host, "postgresql-base", "with an empty cluster neither");

    fs::write(&shipped, text).unwrap();
    // The log that the copy needs to be consistent.
    insert(
        &host,
        "drill-postgresql-base",
        "started=yes",
        "rm -f -- \"$data\"/pg_wal/0*",
    );
    assert_failed(&host, "postgresql-base", "a server does not start on the copy");
}

#[test]
fn a_table_with_a_folder_of_its_own_is_drilled_without_it_and_a_bad_database_keeps_no_other() {
    let server = MariaDb::start();
    let folder = server.socket().parent().unwrap().join("elsewhere");
    fs::create_dir(&folder).unwrap();
    let owner = fs::metadata(folder.parent().unwrap()).unwrap();
    std::os::unix::fs::chown(&folder, Some(owner.uid()), Some(owner.gid())).unwrap();
    server.sql(&format!(
        "CREATE DATABASE a; CREATE TABLE a.t (id INT); INSERT INTO a.t VALUES (1), (2);
         CREATE DATABASE b; CREATE TABLE b.t (id INT) DATA DIRECTORY = '{}'; INSERT INTO b.t VALUES (1);
         CREATE DATABASE c; CREATE TABLE c.t (id INT); INSERT INTO c.t VALUES (1)",
        folder.display()
    ));
    let host = Host::new();
    let options = server.option_file("root", "");
    host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
    host.batt(&["mysql"]).code(0);
    let (exit, told) = drill(&host, "mysql");
    assert_eq!((exit, told["outcome"].as_str()), (0, Some("proven")), "{told:#}");

    // It cannot be loaded, and the server is well.
    let gone = "[ \"$1\" != b ] || query 'DROP DATABASE b'";
    insert(&host, "restore-mysql", "exec {rest}<&0", gone);
    assert_failed(&host, "mysql", "loaded whole: `a`, `c`, `mysql`; not: `b`");
}

#[test]
fn what_a_server_of_mysql_refused_is_not_hidden_by_a_client_that_was_killed() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE a; CREATE TABLE a.t (id INT); INSERT INTO a.t VALUES (1);
         CREATE DATABASE b; CREATE TABLE b.t (id INT); INSERT INTO b.t VALUES (1)",
    );
    let host = Host::new();
    let options = server.option_file("root", "");
    host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
    host.batt(&["mysql"]).code(0);
    // The first cannot be loaded, and the client of the second is killed.
    insert(
        &host,
        "restore-mysql",
        "exec {rest}<&0",
        "[ \"$1\" != a ] || query 'DROP DATABASE a'\n[ \"$1\" != b ] || kill -KILL \"$$\"",
    );
    assert_failed(&host, "mysql", "`batt load a` failed: ");
}

/// The server was well when it refused the first, and ends at the second.
#[test]
fn what_a_server_of_mysql_refused_is_not_hidden_by_its_end() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE a; CREATE TABLE a.t (id INT); INSERT INTO a.t VALUES (1);
         CREATE DATABASE b; CREATE TABLE b.t (id INT); INSERT INTO b.t VALUES (1)",
    );
    let host = Host::new();
    let options = server.option_file("root", "");
    host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
    host.batt(&["mysql"]).code(0);
    let killing = sending("KILL", "maria");
    insert(
        &host,
        "restore-mysql",
        "exec {rest}<&0",
        &format!("[ \"$1\" != a ] || query 'DROP DATABASE a'\nif [ \"$1\" = b ]; then\n{killing}\nfi"),
    );
    assert_failed(&host, "mysql", "while it was well, it had refused: a");
}
