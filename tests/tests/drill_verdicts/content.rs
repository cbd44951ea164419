//! The engine is well, and the content is not; or what the content needs is not here.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use batt_tests::host::Host;
use batt_tests::server::postgresql::{Postgresql, newest_programs};

use crate::{assert_failed, assert_not_possible, insert};

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
