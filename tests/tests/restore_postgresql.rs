//! PostgreSQL on a real server: one command brings everything back, one database comes back under another name, and a drill
//! proves a backup or names what is wrong with it.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::Path;

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::server::postgresql::Postgresql;
use serde_json::Value;

const ROLES: &str = "
    CREATE ROLE readers; CREATE ROLE app LOGIN PASSWORD 'secret of app' CONNECTION LIMIT 7; GRANT readers TO app;
    CREATE ROLE \"we;ird\nrole \"\"x\" NOINHERIT; GRANT app TO \"we;ird\nrole \"\"x\";
    ALTER ROLE app SET search_path = 'public';
    CREATE DATABASE shop OWNER app TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
    ALTER DATABASE shop SET work_mem = '8MB';
    CREATE DATABASE \"o'ld $(x)\" TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C';
";
const SHOP: &str = "
    CREATE EXTENSION hstore; CREATE EXTENSION pg_trgm;
    CREATE TABLE article (id serial PRIMARY KEY, title text NOT NULL, extra hstore, changed timestamptz);
    INSERT INTO article (title, extra, changed)
        SELECT E'näme 🙂\\n' || n, hstore('n', n::text), '2024-02-29 12:00+01'::timestamptz + n * interval '1 minute'
        FROM generate_series(1, 3000) n;
    CREATE INDEX ON article USING gin (title gin_trgm_ops);
    CREATE TABLE part (id int, section int) PARTITION BY RANGE (section);
    CREATE TABLE part_low PARTITION OF part FOR VALUES FROM (0) TO (5);
    INSERT INTO part SELECT n, n % 5 FROM generate_series(1, 500) n;
    CREATE VIEW recent AS SELECT id, title FROM article WHERE id > 2990;
    CREATE MATERIALIZED VIEW counted AS SELECT section, count(*) FROM part GROUP BY section;
    CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.title := upper(NEW.title); RETURN NEW; END $$;
    CREATE TRIGGER shout BEFORE INSERT ON article FOR EACH ROW EXECUTE FUNCTION shout();
    CREATE PROCEDURE clean(older_than interval) LANGUAGE sql AS 'DELETE FROM article WHERE changed < now() - $1';
    CREATE TYPE mood AS ENUM ('well', 'ill');
    CREATE SEQUENCE counter INCREMENT -3 START -5; SELECT nextval('counter'), nextval('counter');
    CREATE SEQUENCE unused;
    ALTER TABLE article ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON article FOR SELECT TO readers USING (id < 10);
    GRANT SELECT ON article TO readers; ALTER TABLE article OWNER TO app;
    SELECT lo_from_bytea(4711, '\\x00ff10');
    CREATE SCHEMA \"a.b\"; CREATE TABLE \"a.b\".\"we\\ird\ntab\tle\" AS SELECT 1 AS x; CREATE UNLOGGED TABLE empty ();
";

fn shop() -> Postgresql {
    let server = Postgresql::start();
    server.sql("postgres", ROLES);
    server.sql("shop", SHOP);
    server.sql("o'ld $(x)", "CREATE TABLE \"tä\" AS SELECT chr(228) AS letter");
    server.sql("postgres", "CREATE TABLE stray AS SELECT 7 AS id");
    server
}

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

fn drop_everything(server: &Postgresql) {
    server.sql(
        "template1",
        "DROP DATABASE shop; DROP DATABASE \"o'ld $(x)\"; DROP DATABASE postgres; CREATE DATABASE postgres;
         DROP ROLE \"we;ird\nrole \"\"x\"; DROP ROLE app; DROP ROLE readers;",
    );
}

/// Returns the content that the manifest tells of one archive.
fn content(host: &Host, name: &str) -> Value {
    let manifest = host.manifest("postgresql");
    let archives = manifest["archives"].as_array().unwrap();
    archives.iter().find(|archive| archive["name"] == name).unwrap()["content"].clone()
}

/// Changes the manifest of a backup, and the sums with it, as somebody who wants to deceive would.
fn doctor(backup: &Path, from: &str, to: &str) {
    let path = backup.join("manifest.json");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from} is not in:\n{text}");
    fs::write(&path, text.replacen(from, to, 1)).unwrap();
    let sums = fs::read_to_string(backup.join("SHA256SUMS")).unwrap();
    let kept: String = sums
        .lines()
        .filter(|line| !line.ends_with("  manifest.json"))
        .map(|line| format!("{line}\n"))
        .collect();
    let digest = Finished::run(std::process::Command::new("sha256sum").arg(&path)).success();
    let digest = digest.split_whitespace().next().unwrap();
    fs::write(
        backup.join("SHA256SUMS"),
        format!("{kept}{digest}  manifest.json\n"),
    )
    .unwrap();
}

#[test]
fn one_command_brings_everything_back() {
    let server = shop();
    let host = host_of(&server, &[("PG_CHECKSUMS", "yes")]);
    host.batt(&["postgresql"]).code(0);
    let told = content(&host, "shop");
    assert_eq!(told["rows.public.article"], "3000");
    assert_eq!(told["large-objects"], "1");
    assert_eq!(told["sequence-value.public.counter"], "-8");
    assert_eq!(told["sequence-value.public.unused"], "1 not called");
    assert_eq!(told["rows.a%5C.b.we%5C%5Cird%5Cntab%5Ctle"], "1");
    assert_eq!(told["policy.public.article.own"], "r");
    assert!(told["checksum.public.article"].is_string());
    let databases = ["shop", "o'ld $(x)", "postgres"];
    let before: Vec<String> = databases.iter().map(|name| server.fingerprint(name)).collect();
    let roles = server.roles();
    drop_everything(&server);
    assert_ne!(server.roles(), roles);

    let finished = host.batt(&["restore", "postgresql"]).code(0);

    finished.says("no difference");
    let after: Vec<String> = databases.iter().map(|name| server.fingerprint(name)).collect();
    assert_eq!(after, before);
    assert_eq!(server.roles(), roles);
    assert_eq!(
        server.sql("shop", "SELECT nextval('counter'), nextval('unused')"),
        "-11|1\n"
    );
}

#[test]
fn one_database_comes_back_under_another_name_and_nothing_else_is_touched() {
    let server = shop();
    let host = host_of(&server, &[]);
    host.batt(&["postgresql"]).code(0);
    let rows = "SELECT count(*), md5(string_agg(a::text, '' ORDER BY id)) FROM article a";
    let before = server.sql("shop", rows);
    server.sql("shop", "DELETE FROM article");

    let into = [
        "restore",
        "postgresql",
        "--postgresql-db",
        "shop",
        "--into",
        "shop of yesterday",
    ];
    host.batt(&into).code(0);

    assert_eq!(server.sql("shop of yesterday", rows), before);
    assert_eq!(server.sql("shop", "SELECT count(*) FROM article"), "0\n");
    assert_eq!(
        server.sql(
            "postgres",
            "SELECT pg_get_userbyid(datdba), datcollate FROM pg_database WHERE datname = 'shop of yesterday'"
        ),
        "app|C\n"
    );
    host.batt(&into).code(2).says("is not empty");
    // A name for one database is none for all of them.
    host.batt(&["restore", "postgresql", "--into", "x"])
        .code(2)
        .says("can be the new name of one database");
}

#[test]
fn a_database_with_content_is_refused_and_replaced_only_on_request() {
    let server = shop();
    let host = host_of(&server, &[]);
    host.batt(&["postgresql"]).code(0);
    let before = server.fingerprint("shop");
    server.sql("shop", "CREATE TABLE later AS SELECT 1; DROP TABLE part CASCADE");
    let changed = server.fingerprint("shop");

    let one = ["restore", "postgresql", "--postgresql-db", "shop"];
    let finished = host.batt(&one).code(2);
    finished.says("the database `shop` is there, and is not empty");
    assert_eq!(server.fingerprint("shop"), changed);

    host.batt(&["restore", "postgresql", "--postgresql-db", "shop", "--replace"])
        .code(0);
    assert_eq!(server.fingerprint("shop"), before);
    let databases = "SELECT count(*) FROM pg_database WHERE datname LIKE 'batt-%'";
    assert_eq!(server.sql("postgres", databases), "0\n");
}

#[test]
fn what_a_failing_restore_was_to_replace_is_as_it_was() {
    let server = Postgresql::start();
    server.sql("postgres", "CREATE DATABASE shop");
    // The check held when the row came, and does not hold when it is restored.
    server.sql(
        "shop",
        "CREATE FUNCTION good() RETURNS bool LANGUAGE sql AS 'SELECT true';
         CREATE TABLE t (id int CHECK (good())); INSERT INTO t VALUES (1);
         CREATE OR REPLACE FUNCTION good() RETURNS bool LANGUAGE sql AS 'SELECT false';",
    );
    let host = host_of(&server, &[]);
    host.batt(&["postgresql"]).code(0);
    let before = server.fingerprint("shop");

    let finished = host
        .batt(&["restore", "postgresql", "--postgresql-db", "shop", "--replace"])
        .code(2);

    finished.says("t_check");
    finished.says("is as it was before");
    assert_eq!(server.fingerprint("shop"), before);
    // The server takes back what is in it; the backup cannot be restored, and a drill finds that out.
    host.batt(&["drill", "postgresql"]).code(2).says("t_check");
}

#[test]
fn missing_roles_are_named_before_anything_is_made() {
    let server = shop();
    let host = host_of(&server, &[]);
    host.batt(&["postgresql"]).code(0);
    drop_everything(&server);

    let finished = host
        .batt(&["restore", "postgresql", "--postgresql-db", "shop"])
        .code(2);

    finished.says("needs roles that are not there: app readers");
    let there = "SELECT count(*) FROM pg_database WHERE datname = 'shop'";
    assert_eq!(server.sql("postgres", there), "0\n");
}

#[test]
fn a_drill_proves_a_backup_and_leaves_the_running_server_alone() {
    let server = shop();
    let host = host_of(&server, &[("PG_CHECKSUMS", "yes")]);
    host.batt(&["postgresql"]).code(0);
    let before = server.fingerprint("shop");
    // Nothing of a drill comes here.
    let activity = "SELECT sum(xact_commit) FROM pg_stat_database WHERE datname = 'shop'";
    // Those of this test count when they are over, which is a moment after their clients have gone.
    server.wait_until(
        "postgres",
        "SELECT 1 WHERE NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = 'shop')",
    );
    let seen = server.sql("postgres", activity);

    host.batt(&["drill", "postgresql"]).code(0).says("proven");

    assert_eq!(server.sql("postgres", activity), seen);
    assert_eq!(server.fingerprint("shop"), before);
    server.kill();
    host.batt(&["drill", "postgresql"]).code(0).says("proven");
}

#[test]
fn a_drill_names_what_is_not_as_it_was() {
    let server = shop();
    let host = host_of(&server, &[("PG_CHECKSUMS", "yes")]);
    host.batt(&["postgresql"]).code(0);
    let backup = host.backup("postgresql");
    // The host that made it would know that its manifest was changed.
    let elsewhere = Host::new();
    let from = ["drill", "postgresql", "--from", backup.to_str().unwrap()];
    let untouched = fs::read_to_string(backup.join("manifest.json")).unwrap();
    let checksum = content(&host, "shop")["checksum.public.article"]
        .as_str()
        .unwrap()
        .to_owned();
    let doctored = [
        (
            "trigger.public.article.gone",
            "\"trigger.public.article.shout\"".to_owned(),
            "\"trigger.public.article.gone\"",
        ),
        ("checksum.public.article", format!("\"{checksum}\""), "\"17\""),
        (
            "role.app",
            "\"role.app\": \"login, password".to_owned(),
            "\"role.app\": \"superuser, login",
        ),
    ];
    // What the archive itself tells is known before anything is restored.
    doctor(
        &backup,
        "\"rows.public.article\": \"3000\"",
        "\"rows.public.article\": \"3001\"",
    );
    elsewhere.batt(&from).code(2).says("rows.public.article");
    doctor(
        &backup,
        "\"rows.public.article\": \"3001\"",
        "\"rows.public.article\": \"3000\"",
    );
    for (_, was, is) in &doctored {
        doctor(&backup, was, is);
    }
    let finished = elsewhere.batt(&from).code(2);
    for (named, _, _) in doctored {
        finished.says(named);
    }
    let all = fs::read_to_string(backup.join("manifest.json")).unwrap();
    doctor(&backup, &all, &untouched);
    elsewhere.batt(&from).code(0);
}

#[test]
fn what_is_recorded_is_of_the_snapshot_of_the_dump() {
    let server = shop();
    server.sql("shop", "CREATE TABLE moving (id int)");
    let host = host_of(&server, &[("PG_CHECKSUMS", "yes")]);
    // Rows come all the time; a count or a checksum of any other moment would differ from the dump.
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                server.sql("shop", "INSERT INTO moving SELECT generate_series(1, 100)");
            }
        });
        host.batt_promised("postgresql", &["shop"]).code(0);
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    host.batt(&["drill", "postgresql"]).code(0).says("proven");
}

#[test]
fn a_check_tells_today_what_the_role_may_not_read_tonight() {
    let server = shop();
    server.sql(
        "postgres",
        "CREATE ROLE poor LOGIN PASSWORD 'x'; CREATE ROLE reader LOGIN PASSWORD 'x'; GRANT pg_read_all_data TO reader",
    );
    let host = Host::new();
    host.batt(&["enable", "postgresql"]).code(0);
    let check = |user: &str| {
        let mut environment = server.environment();
        environment.retain(|(key, _)| *key != "PGUSER");
        environment.extend([("PGUSER", user.to_owned()), ("PGPASSWORD", "x".to_owned())]);
        let settings: Vec<(&str, &str)> = environment
            .iter()
            .map(|(key, value)| (*key, value.as_str()))
            .collect();
        host.configure("postgresql", &settings);
        host.batt(&["check"])
    };
    check("postgres").code(0);
    check("poor").code(2).says("`public.stray` may not be read");
    let reader = check("reader").code(2);
    reader.says("`public.article` has row security");
    reader.says("BYPASSRLS");
    reader.says("`large object 4711` may not be read");
    server.sql("postgres", "ALTER ROLE reader BYPASSRLS");
    server.sql("shop", "GRANT SELECT ON LARGE OBJECT 4711 TO reader");
    check("reader").code(0).says("without their passwords");
    server.kill();
    check("reader").code(2).says("cannot ask the server");
}

/// What `pg_restore --list` and `psql` take for whole is not stored.
#[test]
fn a_dump_that_is_cut_or_flipped_is_no_backup() {
    let server = shop();
    let host = host_of(&server, &[]);
    let dump = host.scratch().join("whole.dump");
    let plain = host.scratch().join("whole.sql");
    let dump_into = |format: &str, file: &Path| {
        let mut command = std::process::Command::new("pg_dump");
        command.args([
            format,
            "--compress=0",
            "--username=postgres",
            "--dbname=shop",
            "--file",
        ]);
        command.arg(file).envs(server.environment());
        Finished::run(&mut command).success();
    };
    dump_into("-Fc", &dump);
    dump_into("-Fp", &plain);
    let whole = fs::read(&dump).unwrap();
    let sql = fs::read(&plain).unwrap();
    let mut flipped = whole.clone();
    // The number of bytes of a chunk: every later one is in another place.
    let row = whole
        .windows(6)
        .position(|bytes| bytes == b"\\.\n\n\n\0")
        .unwrap();
    flipped[row - 4] ^= 0x40;
    let cases = [
        ("postgresql", whole[..whole.len() / 2].to_vec()),
        ("postgresql", whole[..whole.len() * 9 / 10].to_vec()),
        ("postgresql", whole[..whole.len() * 99 / 100].to_vec()),
        ("postgresql", flipped),
        ("postgresql-plain", sql[..sql.len() * 6 / 10].to_vec()),
    ];
    let file = host.scratch().join("dump");
    let script = |kind: &str| format!("batt store --check {kind} shop -- cat '{}'", file.display());
    for (kind, bytes) in cases {
        fs::write(&file, &bytes).unwrap();
        let told = host.try_script("dump", &script(kind));
        assert_eq!(
            (told.exit, told.outcome.as_str()),
            (2, "failed"),
            "{}",
            told.reason
        );
        assert!(told.reason.contains("not a complete"), "{}", told.reason);
    }
    for (kind, bytes) in [("postgresql", whole), ("postgresql-plain", sql)] {
        fs::write(&file, &bytes).unwrap();
        let told = host.try_script(&format!("whole-{kind}"), &script(kind));
        assert_eq!(told.exit, 0, "{}", told.reason);
    }
}

/// What several scripts have in common stands between marks, and names them.
#[test]
fn what_scripts_have_in_common_is_the_same_in_each() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts-available");
    let names = [
        "backup-postgresql",
        "restore-postgresql",
        "backup-postgresql-base",
    ];
    let mut parts: Vec<(&str, String)> = Vec::new();
    for name in names {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        for part in text.split("\n# >>> ").skip(1) {
            parts.push((name, part.split_once("\n# <<<\n").unwrap().0.to_owned()));
        }
    }
    for (name, part) in &parts {
        let title = part.lines().next().unwrap();
        let there: Vec<&str> = parts
            .iter()
            .filter(|(_, other)| other == part)
            .map(|(other, _)| *other)
            .collect();
        let named: Vec<&str> = names
            .into_iter()
            .filter(|other| title.split([' ', ',', ':']).any(|word| word == *other))
            .collect();
        assert!(
            named.len() > 1 && named == there,
            "{name}: `{title}` is in {there:?}"
        );
    }
    assert_eq!(parts.len(), 5);
}
