//! PostgreSQL: a database that is restored under another name lets in whom the original did, and what of it leads back to the
//! original is named. A dump is held to what the server was asked apart.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::Path;

use batt_tests::drop_in::chmod;
use batt_tests::host::Host;
use batt_tests::server::postgresql::{Postgresql, newest_programs};

fn host_of(server: &Postgresql, more: &[(&'static str, &str)]) -> Host {
    let host = Host::new();
    let environment = server.environment();
    let mut settings: Vec<(&str, &str)> = environment
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    settings.extend_from_slice(more);
    host.configure("postgresql", &settings);
    host
}

/// Returns who may do what with a database, and where it lies.
fn rights(server: &Postgresql, database: &str) -> String {
    server.sql(
        "postgres",
        &format!(
            "SELECT COALESCE(rolname, 'PUBLIC'), privilege_type, is_grantable, spcname, datallowconn
             FROM pg_database d JOIN pg_tablespace t ON t.oid = dattablespace, aclexplode(COALESCE(datacl, acldefault('d', datdba)))
             LEFT JOIN pg_roles r ON r.oid = grantee WHERE datname = '{database}' ORDER BY 1, 2"
        ),
    )
}

#[test]
fn a_copy_lets_in_whom_the_original_did_and_lies_where_it_lay() {
    let server = Postgresql::start();
    let folder = server.make_folder("tablespace");
    server.sql(
        "postgres",
        &format!("CREATE TABLESPACE fast LOCATION '{}'", folder.display()),
    );
    server.sql(
        "postgres",
        "CREATE ROLE app; CREATE ROLE \"we;ird \"\"x\" LOGIN; CREATE ROLE other; CREATE DATABASE closed OWNER app TABLESPACE fast; CREATE DATABASE open",
    );
    server.sql(
        "postgres",
        "REVOKE ALL ON DATABASE closed FROM PUBLIC; GRANT CONNECT ON DATABASE closed TO \"we;ird \"\"x\" WITH GRANT OPTION; GRANT CREATE ON DATABASE closed TO other",
    );
    for name in ["closed", "open"] {
        server.sql(name, "CREATE TABLE t AS SELECT 1 AS n");
    }
    let host = host_of(&server, &[]);
    host.batt(&["postgresql"]).code(0);

    for name in ["closed", "open"] {
        let copy = format!("{name}_copy");
        host.batt(&["restore", "postgresql", "--postgresql-db", name, "--into", &copy])
            .code(0);
        assert_eq!(rights(&server, &copy), rights(&server, name));
        assert!(!rights(&server, &copy).contains("PUBLIC|CONNECT") || name == "open");
    }
}

#[test]
fn what_of_a_copy_leads_to_the_original_is_named() {
    let server = Postgresql::start();
    server.sql("postgres", "CREATE DATABASE shop; CREATE DATABASE plain");
    server.sql("plain", "CREATE TABLE shop AS SELECT 1 AS n; CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT n FROM public.shop'");
    server.sql(
        "shop",
        "CREATE EXTENSION postgres_fdw; CREATE EXTENSION dblink;
         CREATE SERVER itself FOREIGN DATA WRAPPER postgres_fdw OPTIONS (dbname 'shop');
         CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (dbname 'stock');
         CREATE FUNCTION orders() RETURNS bigint LANGUAGE sql AS 'SELECT n FROM public.dblink(''dbname=shop'', ''SELECT 1'') AS t (n bigint)';
         CREATE VIEW seen AS SELECT n FROM dblink('dbname=shop', 'SELECT 1') AS t (n bigint);
         CREATE SUBSCRIPTION feed CONNECTION 'host=/nowhere dbname=shop' PUBLICATION p WITH (connect = false, slot_name = 'feed');",
    );
    let host = host_of(&server, &[]);
    host.batt(&["postgresql"]).code(0);

    let told = host
        .batt(&[
            "restore",
            "postgresql",
            "--postgresql-db",
            "shop",
            "--into",
            "copy",
        ])
        .code(0);
    for what in [
        "`copy` still refers to `shop`: server itself",
        "`copy` still refers to `shop`: public.orders()",
        "`copy` still refers to `shop`: view public.seen",
        "`copy` still refers to `shop`: subscription feed",
    ] {
        told.says(what);
    }
    assert!(!told.said().contains("elsewhere"), "{}", told.said());
    let told = host
        .batt(&[
            "restore",
            "postgresql",
            "--postgresql-db",
            "plain",
            "--into",
            "other",
        ])
        .code(0);
    assert!(!told.said().contains("still refers"), "{}", told.said());
}

/// Puts a `pg_dump` in the way that leaves something out, as a client of another version, or one with a setting, might.
fn with_a_short_dump(host: &Host, short: &str) -> String {
    let programs = host.scratch().join("programs");
    fs::create_dir_all(&programs).unwrap();
    let real = newest_programs();
    for name in ["psql", "pg_dumpall", "pg_restore"] {
        let _ = std::os::unix::fs::symlink(real.join(name), programs.join(name));
    }
    let path = programs.join("pg_dump");
    let real = real.join("pg_dump");
    let text = format!(
        "#!/bin/bash\ncase \"$*\" in *--version*) exec {real} --version ;; esac\nexec {real} \"$@\" {short}\n",
        real = real.display()
    );
    fs::write(&path, text).unwrap();
    chmod(&path, 0o755);
    text_of(&programs)
}

fn text_of(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_dump_is_held_to_what_the_server_was_asked_apart() {
    let server = Postgresql::start();
    server.sql("postgres", "CREATE DATABASE shop; CREATE DATABASE whole");
    server.sql(
        "shop",
        "CREATE TABLE article AS SELECT generate_series(1, 5) AS id; CREATE TABLE \"we.ird\\ t\" (); CREATE SCHEMA \"S p\";
         CREATE VIEW \"S p\".seen AS SELECT * FROM article; CREATE SEQUENCE numbers; CREATE TABLE parts (id int) PARTITION BY RANGE (id);
         CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (0) TO (9); CREATE TABLE own (id int GENERATED ALWAYS AS IDENTITY);
         CREATE FUNCTION plus(a int, b int DEFAULT 1) RETURNS int LANGUAGE sql AS 'SELECT $1 + $2'; CREATE AGGREGATE total (int) (sfunc = int4pl, stype = int);
         CREATE PROCEDURE clean() LANGUAGE sql AS 'DELETE FROM public.article'; CREATE MATERIALIZED VIEW kept AS SELECT 1 AS n",
    );
    for (short, lacking) in [
        ("--exclude-table=public.article", "`table.public.article`"),
        ("--exclude-schema='\"S p\"'", "`view.S p.seen`"),
        (
            "--exclude-table-data=public.article",
            "the rows of `table.public.article`",
        ),
        ("--schema-only", "the rows of `table.public.article`"),
        ("--exclude-table=public.numbers", "`sequence.public.numbers`"),
        ("--exclude-table=public.kept", "`materialized-view.public.kept`"),
        (
            "--table=public.article",
            "`function.public.plus%28a integer%2C b integer%29`",
        ),
    ] {
        for format in ["custom", "directory"] {
            let host = host_of(&server, &[("PG_FORMAT", format)]);
            let programs = with_a_short_dump(&host, short);
            // The script looks where the package puts them first.
            let script = host.home().join("scripts-available/backup-postgresql");
            let text = fs::read_to_string(&script).unwrap();
            fs::write(
                &script,
                text.replace("/usr/lib/postgresql/$major/bin/", &format!("{programs}/")),
            )
            .unwrap();
            let told = host.told("postgresql", &["--postgresql-db", "shop"]);
            told.beside("partial", &["`shop.zst` is without what the server has", lacking]);
        }
    }
    let host = host_of(&server, &[("PG_COUNT", "exact")]);
    host.batt(&["postgresql"]).code(0);
    host.batt(&["drill", "postgresql"]).code(0);
}
