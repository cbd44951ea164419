//! PostgreSQL: a database that is restored under another name lets in whom the original did, and what of it leads back to the
//! original is named. A dump is held to what the server was asked apart.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::thread;

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
         CREATE SUBSCRIPTION feed CONNECTION 'host=/nowhere dbname=shop' PUBLICATION p WITH (connect = false, slot_name = 'feed');
         CREATE PUBLICATION \"all of it\" FOR ALL TABLES; CREATE PUBLICATION parts;",
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
        "`copy` still refers to `shop`: publication \"all of it\", as it is called there, too",
        "`copy` still refers to `shop`: publication parts, as it is called there, too",
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
fn put_a_short_dump(host: &Host, short: &str) {
    put_a_dump(host, &format!("exec \"$real\" \"$@\" {short}"));
}

/// Puts a command in the way of `pg_dump`, which it finds as `$real`.
fn put_a_dump(host: &Host, command: &str) {
    let programs = host.scratch().join("programs");
    fs::create_dir_all(&programs).unwrap();
    let real = newest_programs();
    for name in ["psql", "pg_dumpall", "pg_restore"] {
        let _ = std::os::unix::fs::symlink(real.join(name), programs.join(name));
    }
    let path = programs.join("pg_dump");
    let real = real.join("pg_dump");
    let text = format!(
        "#!/bin/bash\nreal={}\ncase \"$*\" in *--version*) exec \"$real\" --version ;; esac\n{command}\n",
        real.display()
    );
    fs::write(&path, text).unwrap();
    chmod(&path, 0o755);
    // The script looks where the package puts them first.
    let script = host.home().join("scripts-available/backup-postgresql");
    let text = fs::read_to_string(&script).unwrap();
    let programs = format!("{}/", programs.display());
    fs::write(
        &script,
        text.replace("/usr/lib/postgresql/$major/bin/", &programs),
    )
    .unwrap();
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
            put_a_short_dump(&host, short);
            let told = host.told("postgresql", &["--postgresql-db", "shop"]);
            told.beside("partial", &["`shop.zst` is without what the server has", lacking]);
        }
    }
    let host = host_of(&server, &[("PG_COUNT", "exact")]);
    host.batt(&["postgresql"]).code(0);
    host.batt(&["drill", "postgresql"]).code(0);
}

#[test]
fn a_dump_without_one_of_several_functions_of_a_name_is_no_backup() {
    let server = Postgresql::start();
    server.sql("postgres", "CREATE DATABASE shop");
    server.sql(
        "shop",
        "CREATE FUNCTION plus(a int, b int DEFAULT 1) RETURNS int LANGUAGE sql AS 'SELECT $1 + $2';
         CREATE TYPE \"odd, type\" AS (n int); CREATE FUNCTION plus(VARIADIC many double precision[]) RETURNS int LANGUAGE sql AS 'SELECT 1';
         CREATE FUNCTION plus(\"odd, type\", OUT a text, INOUT b text) LANGUAGE sql AS $$SELECT '', ''$$;
         CREATE AGGREGATE total (int) (sfunc = int4pl, stype = int); CREATE AGGREGATE total (bigint) (sfunc = int8pl, stype = bigint);
         CREATE PROCEDURE clean(a int, OUT b int) LANGUAGE sql AS 'SELECT 1'; CREATE PROCEDURE clean() LANGUAGE sql AS 'SELECT 1'",
    );
    for format in ["custom", "directory"] {
        let host = host_of(&server, &[("PG_FORMAT", format)]);
        host.batt(&["postgresql"]).code(0);
    }
    for (dropped, lacking) in [
        (
            "FUNCTION public.plus(int, int)",
            "`function.public.plus%28a integer%2C b integer%29`",
        ),
        (
            "AGGREGATE public.total(bigint)",
            "`aggregate.public.total%28bigint%29`",
        ),
        ("PROCEDURE public.clean()", "`procedure.public.clean%28%29`"),
    ] {
        let host = host_of(&server, &[]);
        // Gone when the dump begins, and there when the server was asked.
        let command = format!(
            "words=()\nfor word; do case $word in --snapshot=*) ;; *) words+=(\"$word\") ;; esac; done\n\
             case $* in *shop*) psql --no-psqlrc --quiet --dbname=shop --command='DROP {dropped}' || exit 3 ;; esac\nexec \"$real\" \"${{words[@]}}\""
        );
        put_a_dump(&host, &command);
        let told = host.told("postgresql", &["--postgresql-db", "shop"]);
        told.beside("partial", &["`shop.zst` is without what the server has", lacking]);
    }
}

/// Names that a script, a dump and a key write in different ways.
const ODD_NAMES: [&str; 8] = [
    "sales (2024)",
    "closed)",
    "(opened",
    "100%28%",
    "tab\tand\tback\\slash(",
    "line\nfeed (\n)",
    "return\r(",
    "d.o.t(s).",
];

/// Returns what makes a thing of each kind under each name in a schema.
fn odd_things(schema: &str) -> String {
    let mut statements = format!("CREATE SCHEMA \"{schema}\"; SET search_path = \"{schema}\";");
    for name in ODD_NAMES {
        statements.push_str(&format!(
            "CREATE TABLE \"t {name}\" AS SELECT 1 AS n; CREATE VIEW \"v {name}\" AS SELECT 1 AS n;
             CREATE TABLE \"p {name}\" (n int) PARTITION BY RANGE (n); CREATE FOREIGN TABLE \"o {name}\" (n int) SERVER elsewhere;
             CREATE MATERIALIZED VIEW \"m {name}\" AS SELECT 1 AS n; CREATE SEQUENCE \"s {name}\";
             CREATE FUNCTION \"f {name}\"(a int, b text) RETURNS int LANGUAGE sql AS 'SELECT $1';
             CREATE PROCEDURE \"c {name}\"(a int) LANGUAGE sql AS 'SELECT $1';
             CREATE AGGREGATE \"a {name}\"(int) (sfunc = int4pl, stype = int);"
        ));
    }
    statements
}

#[test]
fn a_name_may_hold_anything() {
    let server = Postgresql::start();
    server.sql("postgres", "CREATE DATABASE shop");
    server.sql(
        "shop",
        "CREATE FOREIGN DATA WRAPPER wrapper; CREATE SERVER elsewhere FOREIGN DATA WRAPPER wrapper",
    );
    for schema in ["plain", "s(c)h%28e.m\\a"] {
        server.sql("shop", &odd_things(schema));
    }
    for format in ["custom", "directory"] {
        let host = host_of(&server, &[("PG_FORMAT", format)]);
        host.batt(&["postgresql"]).code(0);
        host.batt(&["drill", "postgresql"]).code(0).says("proven");
    }

    // A name up to its parenthesis is another name.
    server.sql("shop", "CREATE TABLE plain.\"t sales \" AS SELECT 1 AS n");
    let host = host_of(&server, &[]);
    put_a_short_dump(&host, "'--exclude-table=plain.\"t sales (2024)\"'");
    let told = host.told("postgresql", &["--postgresql-db", "shop"]);
    told.beside(
        "partial",
        &[
            "is without what the server has",
            "`table.plain.t sales %282024%29`",
        ],
    );
}

#[test]
fn what_is_not_read_again_is_held_to_the_server_when_it_is_verified() {
    let server = Postgresql::start();
    server.sql("postgres", "CREATE DATABASE shop");
    server.sql(
        "shop",
        "CREATE TABLE article AS SELECT 1 AS id; CREATE VIEW seen AS SELECT * FROM article",
    );
    let host = host_of(&server, &[]);
    host.settings("[service.postgresql]\nreread_every = \"7d\"\n");
    host.batt(&["postgresql"]).code(0);
    host.batt(&["verify", "postgresql"]).code(0);

    put_a_short_dump(&host, "--exclude-table=public.seen");
    let unread = host.told("postgresql", &["postgresql"]);
    assert!(unread.warnings.contains("was not read again"), "{unread:?}");
    host.batt(&["verify", "postgresql"])
        .code(2)
        .says("is without what the server had: `view.public.seen`");
    assert!(host.listed().last().unwrap()["verified"].is_null());
}

/// A table that is emptied or rewritten after the snapshot of a dump, and before the dump has locked it, would be dumped empty.
#[test]
fn between_the_snapshot_and_the_dump_no_table_can_be_emptied() {
    let server = Postgresql::start();
    server.sql("postgres", "CREATE DATABASE shop");
    server.sql(
        "shop",
        "CREATE TABLE article AS SELECT generate_series(1, 5) AS id; CREATE TABLE \"we:ird \"\"t\" AS SELECT 1 AS n;
         CREATE TABLE parts (id int) PARTITION BY RANGE (id); CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (9); INSERT INTO parts VALUES (1)",
    );
    let changes = [
        "TRUNCATE public.article",
        "ALTER TABLE public.article ALTER id TYPE bigint",
        "TRUNCATE public.\\\"we:ird \\\"\\\"t\\\"",
        "TRUNCATE public.parts",
        "DROP TABLE public.article",
    ];
    for format in ["custom", "directory"] {
        let host = host_of(&server, &[("PG_FORMAT", format), ("PG_CHECKSUMS", "yes")]);
        let done = host.scratch().join("done");
        let tries: String = changes
            .iter()
            .map(|change| {
                format!(
                    "psql --no-psqlrc --quiet --dbname=shop --command='SET lock_timeout = 100' --command=\"{change}\" && : >'{}'\n",
                    done.display()
                )
            })
            .collect();
        put_a_dump(
            &host,
            &format!("case $* in *shop*)\n{tries};; esac\nexec \"$real\" \"$@\""),
        );
        host.batt_promised("postgresql", &["shop"]).code(0);
        assert!(!done.exists(), "{}", host.logs("postgresql"));
        let manifest = host.manifest("postgresql");
        let archives = manifest["archives"].as_array().unwrap();
        let shop = archives.iter().find(|archive| archive["name"] == "shop").unwrap();
        assert_eq!(shop["content"]["rows.public.article"], "5");
        host.batt(&["drill", "postgresql"]).code(0).says("proven");
    }
}

/// What comes or goes while the tables are locked is locked too, or gone.
#[test]
fn tables_that_come_and_go_before_the_snapshot_keep_no_database_from_its_backup() {
    for (change, kept) in [
        ("CREATE TABLE late AS SELECT 1 AS n", true),
        ("DROP TABLE gone", false),
    ] {
        let server = Postgresql::start();
        server.sql("postgres", "CREATE DATABASE shop");
        server.sql(
            "shop",
            "CREATE TABLE article (id int); CREATE TABLE gone (id int)",
        );
        let host = host_of(&server, &[]);
        let done = host.scratch().join("done");
        put_a_dump(
            &host,
            &format!(
                "case $* in *shop*) psql --no-psqlrc --quiet --dbname=shop --command='SET lock_timeout = 100' --command='TRUNCATE public.late' && : >'{}' ;; esac\n\
                 exec \"$real\" \"$@\"",
                done.display()
            ),
        );
        thread::scope(|scope| {
            scope.spawn(|| server.hold("shop", "LOCK TABLE article IN ACCESS EXCLUSIVE MODE"));
            server.wait_until(
                "shop",
                "SELECT 1 FROM pg_locks WHERE relation = 'article'::regclass AND granted",
            );
            let run = scope.spawn(|| host.batt_promised("postgresql", &["shop"]));
            server.wait_until(
                "shop",
                "SELECT 1 FROM pg_locks WHERE relation = 'article'::regclass AND NOT granted",
            );
            server.sql("shop", change);
            server.sql(
                "shop",
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ 'pg_sleep' AND pid <> pg_backend_pid()",
            );
            run.join().unwrap().code(0);
        });
        assert!(!done.exists());
        let content = host.manifest("postgresql")["archives"].to_string();
        assert_eq!(content.contains("table.public.late"), kept, "{content}");
        assert_eq!(content.contains("table.public.gone"), kept, "{content}");
    }
}
