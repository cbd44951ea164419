//! What the owner of a database puts where a session of a superuser looks: settings, and objects named like those of the server.

use std::path::PathBuf;

use batt_tests::server::postgresql::Postgresql;

use super::host_of;

/// A role without rights, and a database of its own.
const MALLORY: &str = "
    CREATE ROLE mallory LOGIN PASSWORD 'x'; CREATE ROLE other;
    CREATE DATABASE shop OWNER mallory TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
";

/// A function that runs a program of the server's host where its caller may, also in a transaction that only reads; in a schema of
/// the role's own.
const GRAB: &str = "
    SET SESSION AUTHORIZATION mallory;
    CREATE SCHEMA evil;
    CREATE FUNCTION evil.grab() RETURNS bool LANGUAGE plpgsql AS $$ BEGIN
        IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) current_user) THEN COPY (SELECT 1) TO PROGRAM 'touch CANARY'; END IF;
        RETURN false; END $$;
    CREATE TABLE public.article AS SELECT n AS id, 'title' AS title FROM generate_series(1, 9) n;
";

/// Returns a server where a role without rights has put something into a database, and the file that is there once it has more.
fn attacked(database: &str, before: &str, planted: &str) -> (Postgresql, PathBuf) {
    let server = Postgresql::start();
    let canary = server.make_folder("canary").join("file");
    server.sql("postgres", MALLORY);
    let grab = GRAB.replace("CANARY", canary.to_str().unwrap());
    server.sql(database, &format!("{before}{grab}{planted}"));
    (server, canary)
}

/// Objects that stand for those of the server where their schema comes first.
const PLANTED: [&str; 6] = [
    "CREATE VIEW evil.pg_largeobject_metadata AS SELECT 0::oid AS oid, 0::oid AS lomowner WHERE evil.grab()",
    "CREATE VIEW evil.pg_class AS SELECT * FROM pg_catalog.pg_class WHERE NOT evil.grab()",
    "CREATE FUNCTION evil.pg_get_userbyid(oid) RETURNS name LANGUAGE sql AS 'SELECT CASE WHEN NOT evil.grab() THEN pg_catalog.pg_get_userbyid($1) END'",
    "CREATE FUNCTION evil.current_database() RETURNS name LANGUAGE sql AS 'SELECT CASE WHEN NOT evil.grab() THEN pg_catalog.current_database() END'",
    "CREATE FUNCTION evil.same(name, name) RETURNS bool LANGUAGE sql AS 'SELECT NOT evil.grab() AND $1 OPERATOR(pg_catalog.=) $2';
     CREATE OPERATOR evil.= (LEFTARG = name, RIGHTARG = name, FUNCTION = evil.same)",
    "CREATE FUNCTION evil.joined(text, text) RETURNS text LANGUAGE sql AS 'SELECT CASE WHEN NOT evil.grab() THEN pg_catalog.concat($1, $2) END';
     CREATE OPERATOR evil.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.joined)",
];

/// Checks, backs up and restores, and requires that nothing was gained.
fn nothing_is_gained((server, canary): &(Postgresql, PathBuf), what: &str) {
    let host = host_of(server, &[("PG_CHECKSUMS", "yes")]);
    let gained = |verb: &str| assert!(!canary.exists(), "{verb} ran a program: {what}");
    host.batt(&["enable", "postgresql"]).code(0);
    host.batt(&["check"]);
    gained("check");
    let backup = host.batt(&["--postgresql-db", "shop"]);
    gained("backup");
    backup.code(0);
    host.batt(&["restore", "postgresql", "--postgresql-db", "shop"])
        .code(2)
        .says("is not empty");
    gained("a refused restore");
    let restore = host.batt(&["restore", "postgresql", "--postgresql-db", "shop", "--replace"]);
    gained("restore");
    restore.code(0);
}

#[test]
fn objects_of_a_database_do_not_stand_for_those_of_the_server() {
    let path = "ALTER DATABASE shop SET search_path = evil, pg_catalog, public";
    let planted = format!("{}; {path}", PLANTED.join(";"));
    nothing_is_gained(&attacked("shop", "", &planted), "objects in the path");
}

/// Nobody's settings are needed: a function whose types fit better is taken before that of the server.
#[test]
fn a_function_that_fits_better_is_not_called() {
    let (server, canary) = attacked(
        "postgres",
        "GRANT CREATE ON DATABASE postgres TO mallory; GRANT ALL ON SCHEMA public TO mallory;",
        "CREATE FUNCTION public.replace(name, text, text) RETURNS text LANGUAGE sql
             AS 'SELECT CASE WHEN NOT evil.grab() THEN pg_catalog.replace($1::text, $2, $3) END';
         CREATE FUNCTION public.quote_ident(name) RETURNS text LANGUAGE sql
             AS 'SELECT CASE WHEN NOT evil.grab() THEN pg_catalog.quote_ident($1::text) END';",
    );
    let host = host_of(&server, &[]);

    host.batt(&["postgresql"]).code(0);
    assert!(!canary.exists(), "backup");
    host.batt(&["restore", "postgresql", "--replace"]).code(0);
    assert!(!canary.exists(), "restore");
}

/// Whoever owns a table owns the type of its rows, and may say how that becomes a text.
#[test]
fn a_cast_of_the_owner_of_a_table_is_not_called() {
    let attacked = attacked(
        "shop",
        "",
        "CREATE FUNCTION evil.as_text(public.article) RETURNS text LANGUAGE sql AS 'SELECT CASE WHEN NOT evil.grab() THEN $1.title END';
         CREATE CAST (public.article AS text) WITH FUNCTION evil.as_text(public.article);",
    );
    nothing_is_gained(&attacked, "a cast");
}

/// A setting that its owner gave to a database spoils no backup and no restore of it.
#[test]
fn settings_of_a_database_are_not_those_of_our_sessions() {
    let server = Postgresql::start();
    server.sql("postgres", MALLORY);
    server.sql(
        "shop",
        "CREATE TABLE article AS SELECT 10 AS id, E'back\\\\slash ''quoted''' AS title; ALTER TABLE article OWNER TO mallory",
    );
    for setting in [
        "statement_timeout = 1",
        "lock_timeout = 1",
        "idle_in_transaction_session_timeout = 1",
        "default_transaction_read_only = on",
        "default_transaction_isolation = serializable",
        "standard_conforming_strings = off",
        "quote_all_identifiers = on",
        "row_security = off",
        "client_min_messages = debug5",
        "exit_on_error = on",
        "datestyle = 'SQL, DMY'",
        "role = mallory",
    ] {
        server.sql(
            "postgres",
            &format!("SET SESSION AUTHORIZATION mallory; ALTER DATABASE shop SET {setting}"),
        );
    }
    let host = host_of(&server, &[("PG_CHECKSUMS", "yes")]);

    host.batt(&["--postgresql-db", "shop"]).code(0);
    let told = "SET ROLE NONE; SET statement_timeout = 0; SET client_min_messages = error;
        SELECT * FROM public.article; SELECT setconfig FROM pg_db_role_setting";
    let before = server.sql("shop", told);
    host.batt(&["restore", "postgresql", "--postgresql-db", "shop", "--replace"])
        .code(0)
        .says("no difference");

    assert_eq!(server.sql("shop", told), before);
}

/// What the host's own settings say is heard all the same, but for where names are looked up.
#[test]
fn options_of_the_host_are_heard() {
    let (server, canary) = attacked("shop", "", PLANTED[1]);
    let options = "-c work_mem=77MB -c search_path=evil,pg_catalog -c log_statement=all";
    let host = host_of(&server, &[("PGOPTIONS", options)]);

    host.batt(&["--postgresql-db", "shop"]).code(0);

    assert!(!canary.exists());
    let log = server.log();
    assert!(
        log.contains("pg_export_snapshot"),
        "log_statement was not heard:\n{log}"
    );
}
