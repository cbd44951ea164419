//! Values of rows are data of a person. Engines tell them in what they complain of, and batt tells them nowhere: not in a log, a journal, a
//! report, a manifest. (`triple_mysql` has the same of MySQL and MariaDB.)
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::server::postgresql::Postgresql;
use batt_tests::server::sqlite;

const CANARY: &str = "canary@example.org";

#[track_caller]
fn assert_not_told(host: &Host, told: &Finished) {
    let said = told.said();
    assert!(!said.contains(CANARY), "{said}");
    host.assert_nowhere(CANARY);
}

/// What reaches a log, a journal, a fact and a report is hidden on its way, whatever passes it on.
#[test]
fn what_a_script_passes_on_of_an_engine_is_without_values() {
    let host = Host::new();
    host.drop_in(
        "app",
        r#"set -eu
value=canary; value=$value@example.org
batt store kept -- echo content
batt record warning.1 "a client said: Duplicate entry '$value' for key 'mail'"
batt missing -- lost "its dump failed: ERROR:  invalid input syntax for type integer: \"$value\""
cat >&2 <<END
ERROR 1062 (23000) at line 45: Duplicate entry '$value' for key 'mail'
ERROR:  could not create unique index "t_mail_key"
DETAIL:  Key (mail)=($value
$value) is duplicated.
CONTEXT:  COPY t, line 3, column mail: "$value"
1:M 02 Jan 2026 03:04:05.678 # RDB has duplicated key 'user:$value' in DB 0
END
exit 1"#,
    );
    let told = host.batt(&["app"]);
    let json = host.batt(&["--format", "json", "app"]);
    let log = host.logs("app");
    for line in [
        "ERROR 1062 (23000) at line 45: Duplicate entry '…' for key 'mail'\n",
        "DETAIL:  Key (mail)=(…) is duplicated.\nCONTEXT:  COPY t, line 3, column mail: \"…\"\n",
        "# RDB has duplicated key '…' in DB 0\n",
    ] {
        assert!(log.contains(line), "{log}");
    }
    told.says("invalid input syntax for type integer: \"…\"");
    assert_not_told(&host, &told);
    assert_not_told(&host, &json);
}

/// The index and the check say something else than they did when the rows came.
#[test]
fn what_postgresql_refuses_is_told_without_values() {
    let server = Postgresql::start();
    server.sql("postgres", "CREATE DATABASE shop");
    server.sql(
        "shop",
        "CREATE FUNCTION pick(id int, mail text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT id || mail';
         CREATE TABLE people (id int, mail text); CREATE UNIQUE INDEX picked ON people (pick(id, mail));
         INSERT INTO people VALUES (1, 'canary@example.org'), (2, 'canary@example.org');
         CREATE OR REPLACE FUNCTION pick(id int, mail text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT mail';
         CREATE FUNCTION fits(text) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT true';
         CREATE DOMAIN fitting AS text CHECK (public.fits(VALUE)); CREATE TABLE checked (mail fitting);
         INSERT INTO checked VALUES ('canary@example.org');
         CREATE TABLE whole (id int, mail text CHECK (public.fits(mail))); INSERT INTO whole VALUES (1, 'canary@example.org');
         CREATE OR REPLACE FUNCTION fits(text) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT false'",
    );
    let host = Host::new();
    host.lead_to("postgresql", &server.environment());
    host.batt_promised("postgresql", &["shop"]).code(0);
    let restore = host
        .batt(&[
            "restore",
            "postgresql",
            "--postgresql-db",
            "shop",
            "--into",
            "copy",
        ])
        .code(2);
    let drill = host.batt(&["drill", "postgresql"]).code(2);
    for told in [&drill, &restore] {
        told.says("=(…) is duplicated.");
        told.says("CONTEXT:  COPY checked, line 1, column mail: \"…\"");
        told.says("DETAIL:  Failing row contains (…).");
        assert_not_told(&host, told);
    }
}

#[test]
fn what_sqlite_finds_broken_is_told_without_values() {
    let host = Host::new();
    let file = host.scratch().join("broken.db");
    sqlite::sql(
        &file,
        "PRAGMA foreign_keys = OFF; CREATE TABLE p (id TEXT PRIMARY KEY); CREATE TABLE c (p TEXT REFERENCES p (id), n INT CHECK (n > 0));
         PRAGMA ignore_check_constraints = ON; INSERT INTO c VALUES ('canary@example.org', -1);",
    );
    host.promise("sqlite", &[file.to_str().unwrap()]);
    for arguments in [&["sqlite"][..], &["drill", "sqlite"], &["verify"]] {
        assert_not_told(&host, &host.batt(arguments));
    }
}
