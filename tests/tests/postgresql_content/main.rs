//! What a restore of PostgreSQL is held to, on databases that are not simple: a good backup of them is proven, from a primary
//! and from a standby, and what is lost is named.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod edits;

use std::process::Command;

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::server::postgresql::Postgresql;

const EVERYTHING: &str = include_str!("everything.sql");

fn server() -> Postgresql {
    let server = Postgresql::start();
    server.sql("postgres", "CREATE DATABASE complex");
    server.sql("complex", EVERYTHING);
    server
}

fn configure(host: &Host, server: &Postgresql) {
    let environment = server.environment();
    let mut settings: Vec<(&str, &str)> = environment
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    settings.push(("PG_CHECKSUMS", "yes"));
    host.configure("postgresql", &settings);
}

#[test]
fn a_database_with_things_of_every_kind_is_proven() {
    let server = server();
    let host = Host::new();
    configure(&host, &server);
    // The folder of a tablespace is the real server's: a drill makes one of its own.
    let folder = server.make_folder("tablespace");
    server.sql(
        "postgres",
        &format!("CREATE TABLESPACE fast LOCATION '{}'", folder.display()),
    );
    server.sql("postgres", "ALTER DATABASE complex SET TABLESPACE fast");
    host.batt(&["postgresql"]).code(0);

    host.batt(&["drill", "postgresql"]).code(0).says("proven");

    let lost = [
        ("index", "DROP INDEX ord_total_idx", "table.public.ord"),
        ("trigger", "DROP TRIGGER ct ON cust", "trigger.public.cust.ct"),
        ("grant", "REVOKE UPDATE ON cust FROM app", "table.public.cust"),
        ("owner", "ALTER SEQUENCE app.sq OWNER TO app", "sequence.app.sq"),
        (
            "body",
            "CREATE OR REPLACE FUNCTION et() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN NULL; END'",
            "function.public.et",
        ),
        ("value", "SELECT setval('app.sq', 100)", "sequence-value.app.sq"),
        (
            "row",
            "ALTER TABLE app.\"T.t\" REPLICA IDENTITY FULL; UPDATE app.\"T.t\" SET t = 4",
            "checksum.app.T%5C.t",
        ),
    ];
    // What the scripts tell of a database that lacks something differs from what they told before, by just that.
    let before = host.manifest("postgresql");
    for (_, statement, _) in lost {
        server.sql("complex", statement);
    }
    let other = Host::new();
    configure(&other, &server);
    other.batt(&["postgresql"]).code(0);
    let after = other.manifest("postgresql");
    for (what, _, key) in lost {
        assert_ne!(told(&before, key), told(&after, key), "{what}");
    }
}

/// Returns what a manifest tells of the database under keys that begin so.
fn told(manifest: &serde_json::Value, key: &str) -> Vec<String> {
    let archives = manifest["archives"].as_array().unwrap();
    let archive = archives
        .iter()
        .find(|archive| archive["name"] == "complex")
        .unwrap();
    let content = archive["content"].as_object().unwrap();
    let told: Vec<String> = content
        .iter()
        .filter(|(other, _)| other.starts_with(key))
        .map(|(key, value)| format!("{key} {value}"))
        .collect();
    told
}

#[test]
fn a_standby_is_backed_up_as_its_primary_is() {
    let primary = server();
    let folder = tempfile::Builder::new()
        .prefix("batt-")
        .tempdir_in("/tmp")
        .unwrap();
    let cluster = folder.path().join("cluster");
    let mut copy = Command::new("pg_basebackup");
    copy.args(["--write-recovery-conf", "--checkpoint=fast", "--pgdata"])
        .arg(&cluster)
        .envs(primary.environment());
    Finished::run(&mut copy).success();
    let standby = Postgresql::start_on(&cluster);
    assert_eq!(standby.sql("postgres", "SELECT pg_is_in_recovery()"), "t\n");
    let host = Host::new();
    configure(&host, &standby);

    host.batt(&["postgresql"]).code(0);

    assert!(
        host.fact("postgresql", "server.role")
            .starts_with("standby, as of ")
    );
    // Its unlogged tables hold nothing there, and nothing is in the backup.
    let manifest = host.manifest("postgresql");
    assert_eq!(told(&manifest, "rows.public.quick"), ["rows.public.quick \"0\""]);
    host.batt(&["drill", "postgresql"]).code(0).says("proven");
}
