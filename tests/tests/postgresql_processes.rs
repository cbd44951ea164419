//! Archives of one file (`pg_dump -Fc`) that several processes restore, on a real server.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use batt_tests::drop_in::chmod;
use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::process::signal;
use batt_tests::server::postgresql::{Postgresql, newest_programs};
use rustix::process::Signal;

const SHOP: &str = "
    CREATE TABLE article (id serial PRIMARY KEY, title text);
    INSERT INTO article (title) SELECT E'näme\\n' || n FROM generate_series(1, 3000) n;
    CREATE TABLE part (id int PRIMARY KEY, article int REFERENCES article); CREATE TABLE empty (id int);
    INSERT INTO part SELECT n, n FROM generate_series(1, 500) n;
    CREATE TABLE use (part int REFERENCES part, note text); INSERT INTO use SELECT n, repeat('x', n) FROM generate_series(1, 300) n;
    CREATE TABLE day (at date, n int) PARTITION BY RANGE (at);
    CREATE TABLE day1 PARTITION OF day FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
    CREATE TABLE day2 PARTITION OF day FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
    INSERT INTO day SELECT '2026-01-01'::date + n, n FROM generate_series(1, 50) n;
    CREATE VIEW recent AS SELECT * FROM article WHERE id > 2990;
    CREATE MATERIALIZED VIEW parts AS SELECT article.id, count(*) FROM article JOIN part ON article = article.id GROUP BY 1;
    CREATE INDEX ON parts (id); CREATE INDEX ON article (title);
    SELECT lo_from_bytea(4711, '\\x00ff10'), lo_create(4712);
";
/// What pg_restore says when it begins with several processes.
const SEVERAL: &str = "entering main parallel loop";
const RESTORE: [&str; 4] = ["restore", "postgresql", "--postgresql-db", "shop"];

fn shop() -> Postgresql {
    let server = Postgresql::start();
    server.sql("postgres", "CREATE ROLE app; CREATE DATABASE shop OWNER app");
    server.sql("shop", SHOP);
    server
}

/// A host on which every archive is worth a copy, and pg_restore tells what it does.
fn host_of(server: &Postgresql, more: &[(&'static str, &str)]) -> Host {
    let host = Host::new();
    configure(&host, server, more);
    edit(&host, "worth_a_copy=67108864", "worth_a_copy=1");
    edit(
        &host,
        "pg_restore\" --no-password \"${@:2}\"",
        "pg_restore\" --no-password --verbose \"${@:2}\"",
    );
    host
}

fn configure(host: &Host, server: &Postgresql, more: &[(&'static str, &str)]) {
    let more = more.iter().map(|(key, value)| (*key, (*value).to_owned()));
    let settings: Vec<(&str, String)> = server.environment().into_iter().chain(more).collect();
    host.lead_to("postgresql", &settings);
}

/// Changes the shipped script of this host.
#[track_caller]
fn edit(host: &Host, before: &str, after: &str) {
    let script = host.home().join("scripts-available/restore-postgresql");
    let text = fs::read_to_string(&script).unwrap();
    assert!(text.contains(before), "{before}");
    fs::write(&script, text.replace(before, after)).unwrap();
}

#[test]
fn everything_comes_back_by_several_processes_and_a_drill_has_them_too() {
    let server = shop();
    let host = host_of(&server, &[("PG_CHECKSUMS", "yes"), ("PG_JOBS", "3")]);
    host.batt(&["postgresql"]).code(0);
    let before = server.fingerprint("shop");
    let drilled = host.batt(&["drill", "postgresql"]).code(0);
    drilled.says("proven");
    drilled.says(SEVERAL);
    server.sql("postgres", "DROP DATABASE shop; DROP ROLE app");

    let restored = host.batt(&["restore", "postgresql"]).code(0);

    restored.says("no difference");
    restored.says(SEVERAL);
    assert_eq!(server.fingerprint("shop"), before);
    let beside = host
        .batt(&[&RESTORE[..], &["--into", "a = \"b\""]].concat())
        .code(0);
    beside.says("no difference");
    beside.says(SEVERAL);
    assert_eq!(
        server.schema("a = \"b\"").lines().count(),
        server.schema("shop").lines().count()
    );
}

#[test]
fn one_process_or_a_small_archive_is_as_it_was() {
    let server = shop();
    let host = host_of(&server, &[("PG_JOBS", "1")]);
    host.batt(&["postgresql"]).code(0);
    let restore = [&RESTORE[..], &["--replace"]].concat();
    let alone = |host: &Host| {
        let restored = host.batt(&restore).code(0);
        restored.says("no difference");
        assert!(!restored.said().contains(SEVERAL), "{}", restored.said());
        assert!(!restored.said().contains("as it comes"), "{}", restored.said());
    };
    alone(&host);
    configure(&host, &server, &[]);
    edit(&host, "worth_a_copy=1\n", "worth_a_copy=67108864\n");
    alone(&host);
    configure(&host, &server, &[("PG_JOBS", "0")]);
    host.batt(&restore).code(2).says("PG_JOBS is `0`");
    // A role that may be there once.
    edit(&host, "worth_a_copy=67108864\n", "worth_a_copy=1\n");
    server.sql(
        "postgres",
        "CREATE ROLE once LOGIN CREATEDB CONNECTION LIMIT 2 PASSWORD 'x'; GRANT app TO once; ALTER DATABASE shop OWNER TO once",
    );
    let once = [("PGUSER", "once"), ("PGPASSWORD", "x"), ("PG_JOBS", "3")];
    configure(&host, &server, &once);
    let restored = host.batt(&restore);
    restored.says("pg_restore: connecting to database for restore");
    assert!(!restored.said().contains(SEVERAL), "{}", restored.said());
    assert!(
        !restored.said().contains("too many connections"),
        "{}",
        restored.said()
    );
}

#[test]
fn root_restores_as_the_account_that_the_server_knows_and_as_one_that_nobody_has() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can act as another account");
        return;
    }
    let server = shop();
    let host = host_of(&server, &[("PGUSER", ""), ("BACKUP_USER", "postgres")]);
    host.batt(&["postgresql"]).code(0);
    let before = server.fingerprint("shop");
    for settings in [
        [("PGUSER", ""), ("BACKUP_USER", "postgres")],
        [("PGPASSWORD", "x"), ("PG_JOBS", "2")],
    ] {
        configure(&host, &server, &settings);
        let restored = host.batt(&[&RESTORE[..], &["--replace"]].concat()).code(0);
        restored.says(SEVERAL);
        restored.says("no difference");
        assert!(!restored.said().contains("run as root"), "{}", restored.said());
        assert_eq!(server.fingerprint("shop"), before);
    }
}

/// Returns a dump without the seconds and hours in which it was made.
fn undated(mut dump: Vec<u8>) -> Vec<u8> {
    // Behind the first eleven bytes how it is compressed, then seven numbers.
    let begin = 11 + if dump[6] >= 15 { 1 } else { 5 };
    dump[begin..begin + 7 * 5].fill(0);
    dump
}

#[test]
fn the_copy_is_the_dump_that_pg_dump_writes_into_a_file() {
    let server = shop();
    let program = |name: &str| {
        let mut command = Command::new(newest_programs().join(name));
        command.envs(server.environment());
        command
    };
    for compress in ["0", "1"] {
        let host = Host::new();
        let folder = host.scratch();
        let written = folder.join("written");
        let arguments = ["-Fc", "-Z", compress, "--dbname=shop"];
        Finished::run(program("pg_dump").args(arguments).arg("--file").arg(&written)).success();
        host.drop_in(
            "dump",
            &format!(
                "batt store --check postgresql shop -- '{}' -h '{}' -U postgres {}",
                newest_programs().join("pg_dump").display(),
                server.environment()[0].1,
                arguments.join(" ")
            ),
        );
        host.companion(
            "restore-dump",
            &format!(
                "batt load --check postgresql --seekable 1 shop -- sh -c 'cat /proc/self/fd/0 >\"$0\"' '{}/copy'",
                folder.display()
            ),
        );
        host.batt(&["dump"]).code(0);
        // Nothing is told of what was restored.
        host.batt(&["restore", "dump"]).says("large-objects");

        let copy = fs::read(folder.join("copy")).unwrap();
        assert!(
            undated(copy) == undated(fs::read(&written).unwrap()),
            "-Z {compress}"
        );
        let list = |path: &Path| {
            let listed = Finished::run(program("pg_restore").arg("--list").arg(path)).success();
            let entries = listed.lines().filter(|line| !line.starts_with(';'));
            entries.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(list(&folder.join("copy")), list(&written));
        assert!(list(&written).len() > 30);
    }
}

/// Puts a `pg_restore` in the way of this host.
fn put_in_the_way(host: &Host, command: &str) {
    let programs = host.scratch().join("programs");
    fs::create_dir(&programs).unwrap();
    let real = newest_programs();
    symlink(real.join("psql"), programs.join("psql")).unwrap();
    let path = programs.join("pg_restore");
    let text = format!(
        "#!/bin/bash\nreal={}\n{command}\n",
        real.join("pg_restore").display()
    );
    fs::write(&path, text).unwrap();
    chmod(&path, 0o755);
    edit(
        host,
        "/usr/lib/postgresql/$newest/bin/",
        &format!("{}/", programs.display()),
    );
}

/// So long while it is restored, and not while it is made.
const SLOW: &str = "CREATE TABLE pause (seconds int); INSERT INTO pause VALUES (0); CREATE TABLE article AS SELECT 1 AS id;
    CREATE MATERIALIZED VIEW slow AS SELECT pg_sleep(seconds)::text FROM pause; UPDATE pause SET seconds = 600";

#[test]
fn a_process_that_was_killed_says_nothing_of_the_backup() {
    let server = Postgresql::start();
    server.sql("postgres", "CREATE DATABASE shop");
    server.sql("shop", SLOW);
    let host = host_of(&server, &[]);
    host.batt(&["postgresql"]).code(0);
    let before = server.sql("postgres", "SELECT oid FROM pg_database WHERE datname = 'shop'");
    // What runs in the background has no stdin of its own.
    let killing = "case $* in *--jobs*) ;; *) exec \"$real\" \"$@\" ;; esac\nexec {own}<&0\n\"$real\" \"$@\" <&\"$own\" &\n\
                   until worker=$(pgrep -P \"$!\" | tail -n 1) && [ -n \"$worker\" ]; do :; done\nkill -KILL \"$worker\"\nwait \"$!\"";
    put_in_the_way(&host, killing);

    let restored = host.batt(&[&RESTORE[..], &["--replace"]].concat()).code(69);

    restored.says("a process of pg_restore was killed");
    restored.says("`shop` is as it was before");
    let after = server.sql("postgres", "SELECT oid FROM pg_database WHERE datname = 'shop'");
    assert_eq!(after, before);
}

#[test]
fn a_restore_that_is_ended_in_the_middle_leaves_nothing() {
    let server = Postgresql::start();
    server.sql("postgres", "CREATE DATABASE shop");
    server.sql("shop", SLOW);
    let host = host_of(&server, &[]);
    host.batt(&["postgresql"]).code(0);
    server.sql("postgres", "DROP DATABASE shop");
    let place = host.scratch().join("place");
    fs::create_dir(&place).unwrap();
    let mut command = host.batt_command(&RESTORE);
    command
        .env("TMPDIR", &place)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    server.wait_until(
        "postgres",
        "SELECT 1 FROM pg_stat_activity WHERE datname = 'shop' AND wait_event = 'PgSleep'",
    );
    signal(&child, Signal::TERM);
    Finished::of(child).code(143);
    let there = server.sql("postgres", "SELECT 1 FROM pg_database WHERE datname = 'shop'");
    assert_eq!(there, "");
    assert_eq!(fs::read_dir(&place).unwrap().count(), 0);
}

#[test]
fn what_the_server_refuses_is_named_and_all_else_is_kept() {
    let server = Postgresql::start();
    server.sql("postgres", "CREATE DATABASE shop");
    server.sql(
        "shop",
        "CREATE TABLE article AS SELECT generate_series(1, 5) AS id; CREATE TABLE part AS SELECT * FROM article;
         CREATE FUNCTION number() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM article';
         CREATE MATERIALIZED VIEW numbers AS SELECT number() AS n",
    );
    let host = host_of(&server, &[]);
    host.batt(&["postgresql"]).code(0);
    server.sql("postgres", "DROP DATABASE shop");

    let restored = host.batt(&RESTORE).code(2);

    restored.says(SEVERAL);
    restored.says("not restored: `REFRESH MATERIALIZED VIEW public.numbers;");
    restored.says("all else was restored, and is kept as the database `shop`");
    assert_eq!(server.sql("shop", "SELECT count(*) FROM part"), "5\n");
}

#[test]
fn without_room_for_a_copy_one_process_restores_it_as_it_comes() {
    let server = shop();
    server.sql(
        "shop",
        "INSERT INTO use SELECT 1, repeat('y', 1000) FROM generate_series(1, 8000)",
    );
    let host = host_of(&server, &[]);
    host.batt(&["postgresql"]).code(0);
    let before = server.fingerprint("shop");
    server.sql("postgres", "DROP DATABASE shop");
    let small = host.scratch().join("small");
    fs::create_dir(&small).unwrap();
    let restored = host.in_mounts(&format!(
        "mount -t tmpfs -o size=16m,mode=1777 none '{0}'; export TMPDIR='{0}'; batt {1}",
        small.display(),
        RESTORE.join(" ")
    ));
    let Some(restored) = restored else { return };
    let restored = restored.code(0);
    restored.says("`shop` is read as it comes, by one process: a copy of it has ");
    restored.says("no difference");
    assert_eq!(server.fingerprint("shop"), before);
}
