//! The postgresql service on a real server: what was dumped comes back by the commands of RESTORE.md and is equal.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::thread;

use batt_tests::host::Host;
use batt_tests::server::postgresql::Postgresql;

const CANARY: &str = "canary-51ab-postgresql";

/// Roles, and content of every kind that a dump may lose.
const ROLES: &str = "
    CREATE ROLE readers; CREATE ROLE app LOGIN PASSWORD 'secret of app'; GRANT readers TO app;
    CREATE DATABASE shop OWNER app TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
    ALTER DATABASE shop SET work_mem = '8MB';
    CREATE DATABASE old TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C';
";
const SHOP: &str = "
    CREATE TABLE article (id serial PRIMARY KEY, title text NOT NULL, picture bytea, changed timestamptz);
    INSERT INTO article (title, picture, changed)
        SELECT 'näme 🙂 ' || n, decode(md5(n::text), 'hex'), '2024-02-29 12:00+01'::timestamptz + n * interval '1 minute'
        FROM generate_series(1, 5000) n;
    CREATE TABLE part (id int, section int) PARTITION BY RANGE (section);
    CREATE TABLE part_low PARTITION OF part FOR VALUES FROM (0) TO (5);
    INSERT INTO part SELECT n, n % 5 FROM generate_series(1, 500) n;
    CREATE VIEW recent AS SELECT id, title FROM article WHERE id > 4990;
    CREATE MATERIALIZED VIEW counted AS SELECT section, count(*) FROM part GROUP BY section;
    CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.title := upper(NEW.title); RETURN NEW; END $$;
    CREATE TRIGGER shout BEFORE INSERT ON article FOR EACH ROW EXECUTE FUNCTION shout();
    CREATE TYPE mood AS ENUM ('well', 'ill');
    CREATE INDEX lower_title ON article (lower(title));
    ALTER TABLE article ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON article FOR SELECT TO readers USING (id < 10);
    GRANT SELECT ON article TO readers;
    SELECT lo_from_bytea(4711, '\\x00ff10');
    COMMENT ON TABLE article IS 'it''s for sale';
";

fn host_of(server: &Postgresql) -> Host {
    let host = Host::new();
    configure(&host, &server.environment());
    host
}

fn configure(host: &Host, environment: &[(&str, String)]) {
    let settings: Vec<(&str, &str)> = environment
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    host.configure("postgresql", &settings);
}

#[test]
fn everything_comes_back_equal() {
    let server = Postgresql::start();
    server.sql("postgres", ROLES);
    server.sql("shop", SHOP);
    server.sql("old", "CREATE TABLE t AS SELECT chr(228) AS letter");
    server.sql("postgres", "CREATE TABLE stray (id int)");
    let host = host_of(&server);

    host.batt(&["postgresql"]).code(0);

    assert_eq!(host.fact("postgresql", "tables.shop"), "4");
    assert_eq!(host.fact("postgresql", "large-objects.shop"), "1");
    assert_eq!(host.fact("postgresql", "encoding.old"), "LATIN1 C");

    let empty = Postgresql::start();
    host.batt(&["verify"]).code(0);
    host.restore(&host.backup("postgresql"), &empty.environment());
    for database in ["shop", "old", "postgres"] {
        assert_eq!(empty.fingerprint(database), server.fingerprint(database));
    }
    assert_eq!(empty.roles(), server.roles());
}

#[test]
fn names_of_databases_are_names_whatever_is_in_them() {
    let server = Postgresql::start();
    let names = [
        "-rf",
        "--all",
        "dbname=postgres",
        "postgresql://nowhere.invalid/x",
        "a; DROP DATABASE postgres",
        "$(touch pwned)",
        "../../etc",
        "it's \"quoted\"",
        "back\\slash",
        "@",
        "*",
        "größe",
        "two\nlines",
    ];
    for name in names {
        server.sql(
            "postgres",
            &format!("CREATE DATABASE \"{}\"", name.replace('"', "\"\"")),
        );
        server.sql(name, "CREATE TABLE t AS SELECT generate_series(1, 3) AS id");
    }
    let host = host_of(&server);

    let arguments: Vec<String> = names
        .iter()
        .map(|name| format!("--postgresql-db={name}"))
        .collect();
    host.batt(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
        .code(0);
    let empty = Postgresql::start();
    host.restore(&host.backup("postgresql"), &empty.environment());

    assert_eq!(host.facts("postgresql", "tables.").len(), names.len());
    for name in names {
        assert_eq!(
            empty.sql(name, "SELECT id FROM t ORDER BY id"),
            "1\n2\n3\n",
            "{name}"
        );
    }
}

#[test]
fn a_database_that_is_not_there_fails_by_its_name() {
    let server = Postgresql::start();
    let host = host_of(&server);

    for name in ["nosuch", "Postgres", "dbname=postgres", "two\nlines", "template0"] {
        let finished = host.batt(&["--postgresql-db", name]).code(2);
        finished.says("no such database");
    }
    assert!(host.backups("postgresql").is_empty());
}

#[test]
fn a_password_comes_from_its_file_and_is_nowhere_else() {
    let server = Postgresql::start();
    server.sql(
        "postgres",
        &format!("CREATE ROLE keeper LOGIN PASSWORD '{CANARY}'; GRANT pg_read_all_data TO keeper; CREATE TABLE t AS SELECT 1"),
    );
    let host = host_of(&server);
    let password_file = host.scratch().join("pgpass");
    let mut environment = server.environment();
    environment.retain(|(key, _)| *key != "PGUSER");
    environment.push(("PGUSER", "keeper".to_owned()));
    environment.push(("PGPASSFILE", password_file.display().to_string()));
    configure(&host, &environment);
    let write = |password: &str| {
        fs::write(&password_file, format!("*:*:*:keeper:{password}\n")).unwrap();
        fs::set_permissions(&password_file, fs::Permissions::from_mode(0o600)).unwrap();
    };

    write("wrong");
    let finished = host.batt(&["postgresql"]).code(2);
    finished.says("password authentication failed");

    write(CANARY);
    let (finished, started) = host.batt_traced(&["--format", "json", "postgresql"]);
    let finished = finished.code(0);
    assert!(started.contains("pg_dumpall"), "{started}");
    assert!(!started.contains(CANARY));
    // The scratch folder is not looked at: the password is in its file there.
    host.assert_nowhere(CANARY);
    // Not a superuser: the roles are there, their passwords are not, and that is said.
    finished.says("without their passwords");
}

#[test]
fn a_table_that_may_not_be_read_fails_the_backup() {
    let server = Postgresql::start();
    server.sql(
        "postgres",
        "CREATE ROLE poor LOGIN PASSWORD 'x'; CREATE TABLE t AS SELECT 1",
    );
    let host = host_of(&server);
    let mut environment = server.environment();
    environment.retain(|(key, _)| *key != "PGUSER");
    environment.push(("PGUSER", "poor".to_owned()));
    environment.push(("PGPASSWORD", "x".to_owned()));
    configure(&host, &environment);

    let finished = host.batt(&["postgresql"]).code(2);

    finished.says("permission denied for table t");
    assert!(host.backups("postgresql").is_empty());
}

#[test]
fn a_server_that_dies_in_mid_dump_fails_the_backup_and_keeps_the_earlier_one() {
    let server = Postgresql::start();
    server.sql("postgres", "CREATE TABLE t (id int)");
    let host = host_of(&server);
    host.batt(&["postgresql"]).code(0);
    let manifest = host.backup("postgresql").join("manifest.json");
    let before = fs::read(&manifest).unwrap();
    server.sql("postgres", "CREATE SEQUENCE locked");

    let finished = thread::scope(|scope| {
        // The lock is held until the server dies; the dump is known to be at work once it waits for it.
        let holder = scope.spawn(|| server.hold("postgres", "ALTER SEQUENCE locked RENAME TO moved"));
        server.wait_until(
            "postgres",
            "SELECT 1 FROM pg_locks WHERE relation = 'locked'::regclass AND granted",
        );
        let run = scope.spawn(|| host.batt(&["postgresql"]));
        server.wait_until(
            "postgres",
            "SELECT 1 FROM pg_locks WHERE relation = 'locked'::regclass AND NOT granted",
        );
        server.kill();
        holder.join().unwrap();
        run.join().unwrap()
    });

    finished.code(2);
    assert_eq!(fs::read(&manifest).unwrap(), before);
}

#[test]
fn root_asks_as_the_account_that_the_server_knows() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("only root can act as another account: not tried");
        return;
    }
    let server = Postgresql::start();
    let host = Host::new();
    let mut environment = server.environment();
    environment.retain(|(key, _)| *key != "PGUSER");

    // There is no role `root`.
    configure(&host, &environment);
    host.batt(&["postgresql"]).code(2);

    environment.push(("BACKUP_USER", "postgres".to_owned()));
    configure(&host, &environment);
    host.batt(&["postgresql"]).code(0);
    assert_eq!(host.fact("postgresql", "tables.postgres"), "0");
}

/// Returns a host whose role may read everything, and is no superuser.
fn reading(server: &Postgresql, database: &str) -> Host {
    server.sql(
        "postgres",
        "CREATE ROLE reader LOGIN PASSWORD 'x' BYPASSRLS; GRANT pg_read_all_data TO reader",
    );
    server.sql("postgres", &format!("CREATE DATABASE {database}"));
    let host = Host::new();
    let mut environment = server.environment();
    environment.retain(|(key, _)| *key != "PGUSER");
    environment.extend([("PGUSER", "reader".to_owned()), ("PGPASSWORD", "x".to_owned())]);
    configure(&host, &environment);
    host
}

#[test]
fn what_a_role_without_rights_leaves_out_is_told_and_how_to_make_it_again() {
    let server = Postgresql::start();
    let host = reading(&server, "shop");
    server.sql(
        "shop",
        "CREATE EXTENSION postgres_fdw; CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (dbname 'far');
         CREATE ROLE app; CREATE USER MAPPING FOR app SERVER far OPTIONS (user 'them', password 'secret');
         CREATE USER MAPPING FOR PUBLIC SERVER far OPTIONS (user 'all'); CREATE TABLE t AS SELECT 1 AS n;
         CREATE SUBSCRIPTION \"the feed\" CONNECTION 'host=/nowhere dbname=shop' PUBLICATION a, \"B c\" WITH (connect = false, slot_name = 'feed')",
    );
    let subscriptions =
        "not in its dump, since the role is not a superuser: the subscriptions `\"the feed\"`";
    let mappings = "the user mappings `app at far`, `public at far`";
    host.batt(&["enable", "postgresql"]).code(0);
    let check = host.batt(&["check"]).code(0);
    check.says(subscriptions);
    check.says(mappings);

    let told = host.told("postgresql", &["--postgresql-db", "shop"]);

    told.succeeded();
    for words in [subscriptions, mappings] {
        assert!(told.warnings.contains(words), "{}", told.warnings);
    }
    let guide = fs::read_to_string(host.backup("postgresql").join("RESTORE.md")).unwrap();
    let makes = "CREATE SUBSCRIPTION \"the feed\" CONNECTION '...' PUBLICATION a, \"B c\" WITH (connect = false, slot_name = 'feed')";
    for words in [
        makes,
        "ALTER USER MAPPING FOR app SERVER far OPTIONS (ADD user '...', ADD password '...')",
        "ALTER USER MAPPING FOR PUBLIC SERVER far",
    ] {
        assert!(guide.contains(words), "{guide}");
    }
    configure(&host, &server.environment());
    let restore = [
        "restore",
        "postgresql",
        "--postgresql-db",
        "shop",
        "--into",
        "copy",
    ];
    host.batt(&restore).code(0).says(makes);
    assert_eq!(
        server.sql("copy", "SELECT count(*), count(umoptions) FROM pg_user_mappings"),
        "2|0\n"
    );

    // A superuser loses none of it, and is held to it.
    let told = host.told("postgresql", &["--postgresql-db", "shop"]);
    assert!(!told.warnings.contains("the feed"), "{}", told.warnings);
    let content = host.manifest("postgresql")["archives"].to_string();
    for key in [
        "subscription.the feed",
        "user-mapping.far.app",
        "user-mapping.far.public",
    ] {
        assert!(content.contains(key), "{content}");
    }
    server.sql("postgres", "DROP DATABASE copy");
    host.batt(&restore).code(0).says("no difference");
    assert_eq!(
        server.sql("copy", "SELECT count(*), count(umoptions) FROM pg_user_mappings"),
        "2|2\n"
    );
}

#[test]
fn what_pg_dump_says_of_a_dump_that_it_makes_is_a_warning() {
    let server = Postgresql::start();
    server.sql(
        "postgres",
        "CREATE DATABASE shop TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'en'",
    );
    let host = host_of(&server);
    // As after another version of the library of collations came.
    server.sql(
        "postgres",
        "UPDATE pg_database SET datcollversion = '1' WHERE datname = 'shop'",
    );

    let told = host.told("postgresql", &["--postgresql-db", "shop"]);

    told.succeeded();
    let words =
        "`shop`: pg_dump says of its dump: WARNING:  database \"shop\" has a collation version mismatch";
    assert!(told.warnings.contains(words), "{}", told.warnings);
}

#[test]
fn a_check_foresees_schemas_and_large_objects_that_the_role_may_not_read() {
    let server = Postgresql::start();
    let host = reading(&server, "shop");
    host.batt(&["enable", "postgresql"]).code(0);
    host.batt(&["check"]).code(0);

    server.sql("shop", "SELECT lo_from_bytea(4711, 'x'), lo_from_bytea(4712, 'y'), lo_from_bytea(4713, 'z'); GRANT SELECT ON LARGE OBJECT 4711 TO PUBLIC");
    let check = host.batt(&["check"]).code(2);
    check.says("`shop`: `large object 4712 and 1 more` may not be read");
    check.says("GRANT SELECT for large objects");
    // As it is at night.
    host.batt(&["--postgresql-db", "shop"])
        .code(2)
        .says("permission denied for large object");
    server.sql(
        "shop",
        "GRANT SELECT ON LARGE OBJECT 4712 TO reader; ALTER LARGE OBJECT 4713 OWNER TO reader",
    );
    host.batt(&["check"]).code(0);
    host.batt(&["--postgresql-db", "shop"]).code(0);

    server.sql(
        "shop",
        "REVOKE pg_read_all_data FROM reader; CREATE SCHEMA closed; CREATE TABLE closed.t (id int); GRANT SELECT ON closed.t TO reader;
         GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader",
    );
    host.batt(&["check"])
        .code(2)
        .says("`shop`: `schema closed` holds tables, and may not be used");
    host.batt(&["--postgresql-db", "shop"])
        .code(2)
        .says("permission denied for schema closed");
}
