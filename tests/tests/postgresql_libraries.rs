//! What a server of PostgreSQL loads at its start, and event triggers: a drill has what the content needs, and a restore says what lacks
//! before it begins.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;

use batt_tests::host::Host;
use batt_tests::server::postgresql::Postgresql;

/// pg_cron works in one database alone, and holds it.
fn audited() -> Postgresql {
    let server =
        Postgresql::start_with(&["shared_preload_libraries=pgaudit,$libdir/pg_cron , pg_stat_statements"]);
    server.sql(
        "postgres",
        "CREATE EXTENSION pg_cron; CREATE TABLE t AS SELECT 1 AS n; SELECT cron.schedule('* * * * *', 'DELETE FROM t'); CREATE DATABASE shop; CREATE DATABASE plain",
    );
    server.sql("plain", "CREATE TABLE t AS SELECT 1 AS n");
    server.sql(
        "shop",
        "CREATE EXTENSION pgaudit; CREATE EXTENSION pg_stat_statements; CREATE TABLE t AS SELECT 1 AS n;
         CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM t; CREATE FUNCTION forbid() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no DDL here''; END';
         CREATE EVENT TRIGGER \"no changes\" ON ddl_command_start EXECUTE FUNCTION forbid()",
    );
    server
}

fn host_of(server: &Postgresql) -> Host {
    let host = Host::new();
    host.lead_to("postgresql", &server.environment());
    host
}

#[test]
fn a_drill_loads_what_the_server_of_the_backup_loads() {
    let server = audited();
    let host = host_of(&server);
    host.batt(&["postgresql"]).code(0);
    assert_eq!(
        host.fact("postgresql", "needs-preload.shop"),
        "pg_stat_statements,pgaudit"
    );
    assert_eq!(host.fact("postgresql", "needs-preload.postgres"), "pg_cron");
    assert_eq!(host.fact("postgresql", "needs-preload.plain"), "");
    host.batt(&["drill", "postgresql"]).code(0).says("proven");

    // A host where one of them is not installed says nothing of the backup.
    let script = host.home().join("scripts-available/drill-postgresql");
    let text = fs::read_to_string(&script).unwrap();
    let asks = "[ -e \"$folder/$library.so\" ]";
    assert!(text.contains(asks));
    fs::write(&script, text.replace(asks, "[ \"$library\" != pgaudit ]")).unwrap();
    let lacking = host.batt(&["drill", "postgresql"]).code(69);
    lacking.says("`shop` needs the library `pgaudit`, which the server of the backup loads at its start");
}

#[test]
fn a_restore_says_what_the_server_does_not_load_before_it_begins() {
    let server = audited();
    let host = host_of(&server);
    host.batt(&["postgresql"]).code(0);
    let bare = Postgresql::start();
    host.lead_to("postgresql", &bare.environment());
    let restore = [
        "restore",
        "postgresql",
        "--postgresql-db",
        "shop",
        "--postgresql-db",
        "plain",
    ];
    let words = "`shop` needs a server that loads `pgaudit` at its start, which this one does not";

    host.batt(&[&restore[..], &["-n"]].concat()).code(69).says(words);
    let there = "SELECT count(*) FROM pg_database WHERE datname IN ('shop', 'plain')";
    assert_eq!(bare.sql("postgres", there), "0\n");
    let restored = host.batt(&restore).code(69);

    restored.says(words);
    restored.says("loads `pg_stat_statements` at its start, which `shop` uses");
    restored.says("not whole: `shop`; whole: `plain`");
    assert_eq!(bare.sql("plain", "SELECT n FROM t"), "1\n");
    assert_eq!(bare.sql("postgres", there), "1\n");

    // pg_cron is of one database.
    let other = Postgresql::start_with(&["shared_preload_libraries=pg_cron", "cron.database_name=jobs"]);
    host.lead_to("postgresql", &other.environment());
    host.batt(&["restore", "postgresql", "--postgresql-db", "postgres"])
        .code(69)
        .says("`postgres` has pg_cron, which works in the database `jobs` alone, and not in `postgres`");
    host.batt(&[
        "restore",
        "postgresql",
        "--postgresql-db",
        "postgres",
        "--into",
        "jobs",
    ])
    .code(0);
}

#[test]
fn a_library_that_each_session_loads_has_to_be_there() {
    let server = Postgresql::start();
    server.sql("postgres", "CREATE DATABASE shop; CREATE DATABASE good");
    server.sql("shop", "CREATE TABLE t AS SELECT 1 AS n");
    let host = host_of(&server);
    server.sql(
        "postgres",
        "ALTER DATABASE good SET session_preload_libraries = 'auto_explain'",
    );
    host.batt(&["postgresql"]).code(0);
    host.batt(&["drill", "postgresql"]).code(0).says("proven");
    server.sql("postgres", "DROP DATABASE shop; DROP DATABASE good");
    // As where the package is not installed.
    let script = host.home().join("scripts-available/restore-postgresql");
    let text = fs::read_to_string(&script).unwrap();
    let asks = "name = 'PKGLIBDIR' AND ";
    assert!(text.contains(asks));
    fs::write(
        &script,
        text.replace(asks, "name = 'PKGLIBDIR' AND file <> 'auto_explain.so' AND "),
    )
    .unwrap();
    let told = host.batt(&["restore", "postgresql"]).code(69);
    told.says("sessions of `good` load the library `auto_explain` (session_preload_libraries), which the server does not have");
    told.says("not whole: `good`; whole: `postgres`, `shop`");
}
