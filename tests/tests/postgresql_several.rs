//! Several databases of PostgreSQL at once: one that cannot be restored is named with its reason and the others come, and `-n`
//! says before what would be refused.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::server::postgresql::Postgresql;

const TABLE: &str = "CREATE TABLE t AS SELECT 1 AS n";
/// A function that names no schema finds nothing while a dump is restored.
const LATE: &str = "CREATE TABLE t AS SELECT 1 AS n; CREATE FUNCTION number() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM t';
    CREATE MATERIALIZED VIEW numbers AS SELECT number() AS n";

/// Four databases and their backup; then one is there, the owner of one is gone, and one has an object that does not come back.
fn several(settings: &[(&'static str, &str)]) -> (Postgresql, Host) {
    let server = Postgresql::start();
    server.sql("postgres", "CREATE ROLE gone; CREATE ROLE kept");
    for (name, owner, content) in [
        ("there", "kept", TABLE),
        ("whole", "kept", TABLE),
        ("orphan", "gone", TABLE),
        ("late", "kept", LATE),
        ("other", "kept", LATE),
    ] {
        server.sql("postgres", &format!("CREATE DATABASE {name} OWNER {owner}"));
        server.sql(name, content);
    }
    let host = Host::new();
    let environment = server.environment();
    let mut all: Vec<(&str, &str)> = environment
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    all.extend_from_slice(settings);
    host.configure("postgresql", &all);
    host.batt(&["postgresql"]).code(0);
    for name in ["whole", "orphan", "late", "other"] {
        server.sql("postgres", &format!("DROP DATABASE {name}"));
    }
    server.sql("postgres", "DROP ROLE gone");
    (server, host)
}

/// Restores these databases.
fn restore(host: &Host, names: &[&str], more: &[&str]) -> Finished {
    let mut arguments = vec!["restore", "postgresql"];
    arguments.extend(names.iter().flat_map(|name| ["--postgresql-db", name]));
    arguments.extend_from_slice(more);
    host.batt(&arguments)
}

fn databases(server: &Postgresql) -> String {
    server.sql(
        "postgres",
        "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database WHERE datname !~ '^(template|postgres)'",
    )
}

const THERE: &str = "the database `there` is there, and is not empty: it holds public.t";
const ORPHAN: &str = "`orphan` needs roles that are not there: gone";

#[test]
fn one_that_cannot_be_restored_keeps_no_other_from_it() {
    for format in ["custom", "directory"] {
        let (server, host) = several(&[("PG_FORMAT", format)]);
        let names = ["there", "late", "orphan", "other", "whole"];

        let before = restore(&host, &names, &["-n"]).code(2);

        for words in [
            THERE,
            ORPHAN,
            "not whole: `orphan`, `there`; whole: `late`, `other`, `whole`",
        ] {
            before.says(words);
        }
        before.says("`postgresql` would be refused; nothing was done");
        assert_eq!(databases(&server), "there\n");

        let restored = restore(&host, &names, &[]).code(2);

        for words in [
            THERE,
            ORPHAN,
            "not restored: `REFRESH MATERIALIZED VIEW public.numbers;`: relation \"t\" does not exist",
            "all else was restored, and is kept as the database `late`",
            "restore-postgresql: `other`: not restored: `REFRESH",
            "not whole: `orphan`, `there`, `late`, `other`; whole: `whole`",
        ] {
            restored.says(words);
        }
        assert_eq!(databases(&server), "late other there whole\n");
        for name in ["late", "other", "there", "whole"] {
            assert_eq!(server.sql(name, "SELECT n FROM t"), "1\n", "{name}");
        }
    }
}

#[test]
fn what_comes_with_the_roles_lacks_nothing() {
    let (server, host) = several(&[]);
    let all = ["pg_dumpall-globals", "orphan", "whole"];
    restore(&host, &all, &["-n"]).code(0).says("nothing was done");
    assert_eq!(
        server.sql("postgres", "SELECT count(*) FROM pg_roles WHERE rolname = 'gone'"),
        "0\n"
    );
    restore(&host, &all, &[]).code(0).says("no difference");
    assert_eq!(databases(&server), "orphan there whole\n");

    // Where no database can come, nothing is touched.
    server.sql("postgres", "DROP DATABASE orphan; DROP ROLE gone");
    let refused = restore(&host, &["pg_dumpall-globals", "there"], &[]).code(2);
    refused.says(THERE);
    refused.says("`pg_dumpall-globals`: left as it is, since no database can be restored");
    assert_eq!(
        server.sql("postgres", "SELECT count(*) FROM pg_roles WHERE rolname = 'gone'"),
        "0\n"
    );
}

#[test]
fn a_dry_run_says_what_the_call_would_refuse() {
    let (server, host) = several(&[]);
    let folder = server.make_folder("space");
    server.sql(
        "postgres",
        &format!("CREATE TABLESPACE fast LOCATION '{}'", folder.display()),
    );
    server.sql("postgres", "CREATE DATABASE fast TABLESPACE fast OWNER kept");
    host.batt(&["--postgresql-db", "fast"]).code(0);
    server.sql("postgres", "DROP DATABASE fast");
    server.sql("postgres", "DROP TABLESPACE fast");
    server.sql(
        "postgres",
        "CREATE ROLE poor LOGIN PASSWORD 'x'; CREATE ROLE maker LOGIN CREATEDB PASSWORD 'x'",
    );
    let as_role = |role: &'static str| {
        let mut environment = server.environment();
        environment.retain(|(key, _)| *key != "PGUSER");
        environment.extend([("PGUSER", role.to_owned()), ("PGPASSWORD", "x".to_owned())]);
        host.lead_to("postgresql", &environment);
    };
    let both = |names: &[&str], more: &[&str], words: &str| {
        let dry = [more, &["-n"]].concat();
        for more in [dry.as_slice(), more] {
            let finished = restore(&host, names, more).code(2);
            finished.says(words);
        }
    };
    both(&["there"], &[], THERE);
    both(&["orphan"], &[], ORPHAN);
    both(
        &["fast"],
        &[],
        "`fast` needs the tablespace `fast`, which is not there",
    );
    restore(&host, &["fast"], &["--into", "slow", "-n"]).code(0);
    restore(&host, &["there"], &["--replace", "-n"]).code(0);
    as_role("poor");
    both(
        &["whole"],
        &[],
        "the role `poor` cannot restore `whole`: it may not make databases",
    );
    as_role("maker");
    both(
        &["there"],
        &["--replace"],
        "the role `maker` cannot restore `there`: it may not put another in its place",
    );
    restore(&host, &["whole"], &["--into", "copy", "-n"]).code(0);
    assert_eq!(databases(&server), "there\n");
}
