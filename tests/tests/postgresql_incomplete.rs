//! A dump of PostgreSQL of which the server refuses a part: all else is kept, and what is missing is named.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::thread;

use batt_tests::drop_in::chmod;
use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::server::postgresql::{Postgresql, newest_programs};

/// Functions that name no schema: while a dump is restored they find nothing.
const SHOP: &str = "
    CREATE TABLE article AS SELECT generate_series(1, 5) AS id;
    CREATE FUNCTION number() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM article';
    CREATE MATERIALIZED VIEW numbers AS SELECT number() AS n;
    CREATE FUNCTION plus(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1';
    CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT plus(plus($1))';
    CREATE FUNCTION fits(int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN plus($1) > 0; END';
    CREATE TABLE indexed AS SELECT generate_series(1, 7) AS id; CREATE INDEX by_twice ON indexed (twice(id));
    CREATE TABLE checked (id int CHECK (fits(id))); INSERT INTO checked VALUES (1);
    CREATE TABLE made (id int, more int GENERATED ALWAYS AS (twice(id)) STORED); INSERT INTO made VALUES (1);
    CREATE VIEW seen AS SELECT * FROM article;
";
const MEND: &str = "
    ALTER FUNCTION number() SET search_path = public; ALTER FUNCTION twice(int) SET search_path = public;
    ALTER FUNCTION fits(int) SET search_path = public;
";

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

fn shop() -> Postgresql {
    let server = Postgresql::start();
    server.sql("postgres", "CREATE DATABASE shop");
    server.sql("shop", SHOP);
    server
}

fn databases(server: &Postgresql) -> Vec<String> {
    let names = server.sql(
        "postgres",
        "SELECT datname FROM pg_database WHERE datname !~ '^(template|postgres)' ORDER BY 1",
    );
    names.lines().map(str::to_owned).collect()
}

/// Asserts that what is missing is named with the words of the server, and how to have it.
#[track_caller]
fn assert_told(finished: &Finished) {
    for words in [
        "not restored: the rows of \"checked\": function plus(integer) does not exist",
        "`CREATE TABLE public.made (`: function plus(integer) does not exist",
        "ALTER FUNCTION ... SET search_path",
    ] {
        finished.says(words);
    }
}

#[track_caller]
fn assert_kept(server: &Postgresql, database: &str) {
    let rows = "SELECT (SELECT count(*) FROM article), (SELECT count(*) FROM indexed), (SELECT count(*) FROM checked), (SELECT count(*) FROM seen)";
    assert_eq!(server.sql(database, rows), "5|7|0|5\n");
}

#[test]
fn what_was_restored_is_kept_where_nothing_was() {
    for format in ["custom", "directory"] {
        let server = shop();
        server.sql("postgres", "CREATE DATABASE other");
        server.sql("other", "CREATE TABLE t AS SELECT 1 AS n");
        let host = host_of(&server, &[("PG_FORMAT", format)]);
        host.batt_promised("postgresql", &["shop", "other"]).code(0);

        server.sql("postgres", "DROP DATABASE shop; CREATE DATABASE shop");
        server.sql("postgres", "DROP DATABASE other");
        let restore = host
            .batt(&[
                "restore",
                "postgresql",
                "--postgresql-db",
                "shop",
                "--postgresql-db",
                "other",
            ])
            .code(2);
        assert_told(&restore);
        restore.says("all else was restored, and is kept as the database `shop`");
        assert_kept(&server, "shop");
        assert_eq!(
            server.sql("other", "SELECT n FROM t"),
            "1\n",
            "one bad database is one bad database"
        );
        assert_eq!(databases(&server), ["other", "shop"]);
        let drill = host.batt(&["drill", "postgresql"]).code(2);
        assert_told(&drill);
        drill.says("all else was restored");
        // By hand, as it was told.
        server.sql(
            "shop",
            &format!(
                "{MEND} REFRESH MATERIALIZED VIEW numbers; CREATE INDEX by_twice ON indexed (twice(id))"
            ),
        );

        // Mended where it comes from, nothing is missing any more.
        server.sql("postgres", "DROP DATABASE shop; CREATE DATABASE shop");
        server.sql("shop", &format!("{SHOP} {MEND}"));
        host.batt(&["postgresql"]).code(0);
        host.batt(&["drill", "postgresql"]).code(0);
    }
}

#[test]
fn what_is_incomplete_takes_the_place_of_nothing() {
    let server = shop();
    let host = host_of(&server, &[]);
    host.batt_promised("postgresql", &["shop"]).code(0);
    server.sql("shop", "CREATE TABLE later AS SELECT 1 AS n");

    let restore = host
        .batt(&["restore", "postgresql", "--postgresql-db", "shop", "--replace"])
        .code(2);
    assert_told(&restore);
    restore.says("`shop` is as it was before");
    let there = databases(&server);
    let [kept, own] = there.as_slice() else {
        panic!("{there:?}")
    };
    assert_eq!(own, "shop");
    assert!(kept.starts_with("batt-incomplete-"), "{kept}");
    restore.says(&format!("is kept as the database `{kept}`"));
    assert_kept(&server, kept);
    assert_eq!(
        server.sql("shop", "SELECT n, (SELECT count(*) FROM checked) FROM later"),
        "1|1\n"
    );

    let into = host
        .batt(&[
            "restore",
            "postgresql",
            "--postgresql-db",
            "shop",
            "--into",
            "copy",
        ])
        .code(2);
    assert_told(&into);
    assert_kept(&server, "copy");
}

#[test]
fn a_table_of_which_no_checksum_can_be_made_is_named_and_dumped() {
    let server = shop();
    let host = host_of(&server, &[("PG_CHECKSUMS", "yes")]);
    let told = host.told("postgresql", &["--postgresql-db", "shop"]);
    told.succeeded();
    assert!(
        told.warnings
            .contains("no checksum can be made of `public.indexed`"),
        "{told:?}"
    );
    let manifest = host.manifest("postgresql");
    let archives = manifest["archives"].as_array().unwrap();
    let shop = archives.iter().find(|archive| archive["name"] == "shop").unwrap();
    assert!(shop["content"]["checksum.public.article"].is_string(), "{shop:#}");
    assert!(shop["content"]["checksum.public.indexed"].is_null(), "{shop:#}");
    assert_eq!(shop["content"]["rows.public.indexed"], "7");
}

/// Puts a `psql` in the way that cannot connect to a database that was set aside.
fn close_what_is_aside(host: &Host) {
    let closed = "case \"$*\" in *\"dbname='batt-aside-\"*) echo 'too many connections' >&2; exit 2 ;; esac\nexec \"$real\" \"$@\"";
    put_in_the_way(host, &[("psql", closed)]);
}

/// Puts commands in the way of clients of a restore, which they find as `$real`.
fn put_in_the_way(host: &Host, commands: &[(&str, &str)]) {
    let programs = host.scratch().join("programs");
    fs::create_dir(&programs).unwrap();
    let real = newest_programs();
    for name in ["psql", "pg_dump", "pg_dumpall", "pg_restore"] {
        symlink(real.join(name), programs.join(name)).unwrap();
    }
    for (name, command) in commands {
        let path = programs.join(name);
        fs::remove_file(&path).unwrap();
        let text = format!("#!/bin/bash\nreal={}\n{command}\n", real.join(name).display());
        fs::write(&path, text).unwrap();
        chmod(&path, 0o755);
    }
    let script = host.home().join("scripts-available/restore-postgresql");
    let programs = format!("{}/", programs.display());
    let text = fs::read_to_string(&script).unwrap();
    fs::write(
        &script,
        text.replace("/usr/lib/postgresql/$newest/bin/", &programs),
    )
    .unwrap();
}

#[test]
fn a_database_that_cannot_be_looked_into_is_not_taken_for_an_empty_one() {
    let server = shop();
    let host = host_of(&server, &[]);
    host.batt_promised("postgresql", &["shop"]).code(0);
    let number = || server.sql("postgres", "SELECT oid FROM pg_database WHERE datname = 'shop'");
    // What is restored is incomplete, and then whole.
    for mend in ["", MEND] {
        if !mend.is_empty() {
            server.sql("postgres", "DROP DATABASE shop; CREATE DATABASE shop");
            server.sql("shop", &format!("{SHOP} {mend}"));
            host.batt(&["postgresql"]).code(0);
        }
        server.sql("postgres", "DROP DATABASE shop; CREATE DATABASE shop");
        let before = number();
        if mend.is_empty() {
            close_what_is_aside(&host);
        }
        let restore = host
            .batt(&["restore", "postgresql", "--postgresql-db", "shop"])
            .code(2);
        restore.says("cannot look into `batt-aside-");
        restore.says("`shop` is as it was before");
        assert_eq!(number(), before);
        assert_eq!(databases(&server), ["shop"]);
    }
}

#[test]
fn a_server_that_is_gone_leaves_a_word_of_what_was_set_aside() {
    let server = Postgresql::start();
    server.sql("postgres", "CREATE DATABASE \"a \"\"shop\"\"\"");
    let host = host_of(&server, &[]);
    host.batt(&["postgresql"]).code(0);
    let gone = host.scratch().join("gone");
    let (psql, pg_restore) = (
        format!(
            "[ ! -e {0} ] || {{ echo 'the server is gone' >&2; exit 2; }}\nexec \"$real\" \"$@\"",
            gone.display()
        ),
        format!(
            "case $* in *--version*) exec \"$real\" \"$@\" ;; esac\n: >{0}\nexit 1",
            gone.display()
        ),
    );
    put_in_the_way(&host, &[("psql", &psql), ("pg_restore", &pg_restore)]);
    chmod(&host.scratch(), 0o777);

    let restore = host
        .batt(&[
            "restore",
            "postgresql",
            "--postgresql-db",
            "a \"shop\"",
            "--replace",
        ])
        .code(2);

    let there = databases(&server);
    let [aside] = there.as_slice() else {
        panic!("{there:?}")
    };
    assert!(aside.starts_with("batt-aside-"), "{aside}");
    restore.says(&format!(
        "the earlier `a \"shop\"` is there under the name `{aside}`"
    ));
    let by_hand = format!(
        "DROP DATABASE IF EXISTS \"a \"\"shop\"\"\"; ALTER DATABASE \"{aside}\" RENAME TO \"a \"\"shop\"\"\";"
    );
    restore.says(&by_hand);
    for statement in by_hand.split_inclusive(';') {
        server.sql("postgres", statement);
    }
    assert_eq!(databases(&server), ["a \"shop\""]);
}

#[test]
fn a_process_of_pg_restore_that_was_killed_says_nothing_of_the_backup() {
    let server = Postgresql::start();
    server.sql("postgres", "CREATE DATABASE shop");
    // It goes on for long while it is restored, and not while it is made.
    server.sql(
        "shop",
        "CREATE TABLE pause (seconds int); INSERT INTO pause VALUES (0); CREATE TABLE article AS SELECT 1 AS id;
         CREATE MATERIALIZED VIEW slow AS SELECT pg_sleep(seconds)::text FROM pause; UPDATE pause SET seconds = 600",
    );
    let host = host_of(&server, &[("PG_FORMAT", "directory")]);
    host.batt(&["postgresql"]).code(0);
    server.sql("postgres", "DROP DATABASE shop");
    let killing = "case $* in *--jobs*) ;; *) exec \"$real\" \"$@\" ;; esac\n\"$real\" \"$@\" &\n\
                   until worker=$(pgrep -P \"$!\" | tail -n 1) && [ -n \"$worker\" ]; do :; done\nkill -KILL \"$worker\"\nwait \"$!\"";
    put_in_the_way(&host, &[("pg_restore", killing)]);

    let restore = host
        .batt(&["restore", "postgresql", "--postgresql-db", "shop"])
        .code(69);

    restore.says("a process of pg_restore was killed");
    assert!(databases(&server).is_empty());
}

#[test]
fn a_database_that_does_not_come_back_keeps_no_other_from_it() {
    let server = Postgresql::start();
    for name in ["a", "b", "c", "d"] {
        server.sql("postgres", &format!("CREATE DATABASE {name}"));
        server.sql(name, "CREATE TABLE t AS SELECT 1 AS n");
    }
    let host = host_of(&server, &[]);
    host.batt_promised("postgresql", &["a", "b", "c", "d"]).code(0);
    for name in ["a", "b", "c", "d"] {
        server.sql("postgres", &format!("DROP DATABASE {name}"));
    }
    // Somebody is in one of them, and it cannot be made anew.
    server.sql("postgres", "CREATE DATABASE a");
    let (restore, there) = thread::scope(|scope| {
        scope.spawn(|| server.hold("a", "SELECT 1"));
        server.wait_until(
            "postgres",
            "SELECT 1 FROM pg_stat_activity WHERE datname = 'a' AND query ~ 'pg_sleep'",
        );
        let restore = host.batt(&["restore", "postgresql"]);
        let there = ["b", "c", "d"].map(|name| {
            let number = "SELECT count(*) FROM pg_database d WHERE datname = ";
            (server.sql("postgres", &format!("{number}'{name}'")) == "1\n")
                .then(|| server.sql(name, "SELECT n FROM t"))
        });
        server.kill();
        (restore, there)
    });

    let restore = restore.code(2);
    restore.says("the database `a` is in use");
    restore.says("not whole: `a`; whole: `b`, `c`, `d`");
    assert_eq!(
        there,
        [const { Some("1\n") }; 3].map(|rows| rows.map(str::to_owned))
    );
}

/// Runs the commands of the guide as a person does: the next one whatever became of the one before.
fn by_hand(host: &Host, server: &Postgresql) -> Finished {
    let backup = host.backup("postgresql");
    let guide = fs::read_to_string(backup.join("RESTORE.md")).unwrap();
    let commands: Vec<&str> = guide
        .lines()
        .skip_while(|line| *line != "## Restore")
        .filter(|line| !line.starts_with(['#', '`', 'I']))
        .collect();
    let mut shell = Command::new("bash");
    shell
        .args(["-o", "pipefail", "-c", &commands.join("\n")])
        .current_dir(backup);
    Finished::run(shell.envs(server.environment()))
}

#[test]
fn by_hand_all_that_the_server_takes_comes_and_what_is_there_is_left_alone() {
    for format in ["custom", "directory"] {
        let server = shop();
        let host = host_of(&server, &[("PG_FORMAT", format)]);
        host.batt_promised("postgresql", &["shop"]).code(0);
        let empty = Postgresql::start();

        let first = by_hand(&host, &empty);

        assert_ne!(first.code, Some(0));
        for words in [
            "relation \"public.made\"",
            "COPY failed for table \"checked\"",
            "errors ignored on restore",
        ] {
            first.says(words);
        }
        assert_kept(&empty, "shop");

        empty.sql("shop", "DROP TABLE article CASCADE");
        by_hand(&host, &empty).says("shop is there already");
        assert_eq!(empty.sql("shop", "SELECT to_regclass('article') IS NULL"), "t\n");
    }
}
