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

    let backup = host.told("postgresql", &["postgresql"]);
    backup.succeeded();
    let words = "without their rows, which are on the primary alone: the unlogged tables `public.quick`";
    assert!(backup.warnings.contains(words), "{}", backup.warnings);

    assert!(
        host.fact("postgresql", "server.role")
            .starts_with("standby, as of ")
    );
    // Its unlogged tables hold nothing there, and nothing is in the backup.
    let manifest = host.manifest("postgresql");
    assert_eq!(told(&manifest, "rows.public.quick"), ["rows.public.quick \"0\""]);
    host.batt(&["drill", "postgresql"]).code(0).says("proven");
}

#[test]
fn of_a_large_table_a_sample_is_compared_that_its_key_chooses() {
    let server = Postgresql::start();
    server.sql("postgres", "CREATE DATABASE shop");
    server.sql(
        "shop",
        "CREATE TABLE large (part int, \"na.me\" text, f float8, r real, filler text DEFAULT repeat('x', 500), PRIMARY KEY (\"na.me\", part));
         INSERT INTO large SELECT n, 'it''s ' || n, n / 7.0, n / 3.0 FROM generate_series(1, 2000) n; INSERT INTO large VALUES (0, 'odd', '-0', 'NaN'), (0, '', 5e-324, '-Infinity');
         CREATE TABLE keyless AS SELECT n, repeat('x', 500) FROM generate_series(1, 2000) n; CREATE TABLE small AS SELECT 0.1::float8 AS f",
    );
    let settings = [("PG_CHECKSUMS", "yes"), ("PG_CHECKSUMS_UP_TO", "200kB")];
    let backed_up = |settings: &[(&str, &str)]| {
        let host = Host::new();
        let environment = server.environment();
        let mut all: Vec<(&str, &str)> = environment
            .iter()
            .map(|(key, value)| (*key, value.as_str()))
            .collect();
        all.extend_from_slice(settings);
        host.configure("postgresql", &all);
        host
    };
    let content = |host: &Host, key: &str| {
        let manifest = host.manifest("postgresql");
        let archives = manifest["archives"].as_array().unwrap();
        let shop = archives.iter().find(|archive| archive["name"] == "shop").unwrap();
        shop["content"][key].as_str().map(str::to_owned)
    };
    let host = backed_up(&settings);
    host.batt_promised("postgresql", &["shop"]).code(0);
    let sample = content(&host, "checksum-1-of-8.public.large").expect("1.2 MB are read as a sixth of it");
    assert_ne!(sample, "0");
    assert!(content(&host, "checksum.public.large").is_none());
    for whole in ["keyless", "small"] {
        assert!(
            content(&host, &format!("checksum.public.{whole}")).is_some(),
            "{whole}"
        );
    }
    host.batt(&["drill", "postgresql"]).code(0).says("proven");

    // The same rows, in another order and with other columns beside the key, are chosen; and each of them counts.
    server.sql(
        "shop",
        "CREATE TABLE moved AS SELECT * FROM large ORDER BY r; TRUNCATE large; INSERT INTO large SELECT * FROM moved; DROP TABLE moved",
    );
    let moved = backed_up(&settings);
    moved.batt_promised("postgresql", &["shop"]).code(0);
    assert_eq!(
        content(&moved, "checksum-1-of-8.public.large"),
        Some(sample.clone())
    );
    server.sql("shop", "UPDATE large SET f = f + 1e-9 WHERE part > 1900");
    let changed = backed_up(&settings);
    changed.batt_promised("postgresql", &["shop"]).code(0);
    assert_ne!(content(&changed, "checksum-1-of-8.public.large"), Some(sample));
    let refused = backed_up(&[("PG_CHECKSUMS_UP_TO", "much")]);
    refused
        .batt(&["postgresql"])
        .code(2)
        .says("PG_CHECKSUMS_UP_TO is `much`");
}
