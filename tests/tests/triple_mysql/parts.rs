//! A database with large tables, which several programs dump at once.

use std::fs;
use std::process::Command;
use std::thread;

use batt_tests::drop_in::chmod;
use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::process::until;
use batt_tests::server::mariadb::MariaDb;

use crate::content::configure;
use crate::held::{Running, holding};

/// Tables above the limit with keys of every kind, and what has none; and smaller ones, and all else that a database has.
const ODD: &str = "
    CREATE DATABASE a; USE a;
    CREATE TABLE `Odd ``%_ näme` (`the \\\\ key` BIGINT PRIMARY KEY, a VARCHAR(300), b BLOB, g INT AS (LENGTH(a)) STORED, v INT AS (g + 1), h INT INVISIBLE DEFAULT 4);
    INSERT INTO `Odd ``%_ näme` (`the \\\\ key`, a, b, h) SELECT CAST(seq * seq * 1000003 AS SIGNED) - 90000000000, CONCAT('it''s\\n', REPEAT(MD5(seq), 8)), UNHEX(CONCAT(MD5(seq), '5c0a27')), seq FROM seq_1_to_14000;
    CREATE TABLE positive (id BIGINT UNSIGNED PRIMARY KEY, filler TEXT);
    INSERT INTO positive SELECT 18446744073709551615 - seq * IF(seq % 3, 7, 900000000000000), REPEAT('u', 300) FROM seq_1_to_6000;
    CREATE TABLE digests (id BINARY(16), n TINYINT, filler VARCHAR(300), PRIMARY KEY (id, n));
    INSERT INTO digests SELECT UNHEX(MD5(seq DIV 2)), seq % 2, REPEAT(');\\n', 90) FROM seq_1_to_12000;
    CREATE TABLE names (name VARCHAR(60) CHARACTER SET latin1 COLLATE latin1_german2_ci PRIMARY KEY, filler VARCHAR(300));
    INSERT INTO names SELECT CONCAT(CHAR(97 + seq % 26 USING latin1), IF(seq % 5, '', 'ß'), seq), REPEAT('n', 280) FROM seq_1_to_12000;
    CREATE TABLE heap (x INT, filler VARCHAR(300)); INSERT INTO heap SELECT seq, REPEAT('h', 290) FROM seq_1_to_6000;
    CREATE TABLE parted (id INT PRIMARY KEY, filler VARCHAR(300)) PARTITION BY HASH (id) PARTITIONS 3;
    INSERT INTO parted SELECT seq, REPEAT('p', 290) FROM seq_1_to_12000;
    CREATE TABLE kept (id INT PRIMARY KEY, filler VARCHAR(300)) WITH SYSTEM VERSIONING;
    INSERT INTO kept SELECT seq, REPEAT('k', 290) FROM seq_1_to_6000; DELETE FROM kept WHERE id % 3 = 0;
    CREATE TABLE small (id INT PRIMARY KEY); INSERT INTO small VALUES (1), (2); CREATE TABLE empty (id INT);
    CREATE SEQUENCE numbers; CREATE VIEW middle AS SELECT * FROM small; CREATE VIEW above AS SELECT * FROM middle;
    CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM small;
    DELIMITER //
    CREATE TRIGGER loud BEFORE INSERT ON `Odd ``%_ näme` FOR EACH ROW SET NEW.a = 'changed'//
    CREATE PROCEDURE p() SELECT '
/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;
'//
    DELIMITER ;
    ANALYZE TABLE `Odd ``%_ näme`, positive, digests, names, heap, parted, kept;
";

const SPLIT: [(&str, &str); 2] = [("MYSQL_JOBS", "4"), ("MYSQL_SPLIT", "1")];

/// Returns how many programs have dumped rows of `a`.
#[track_caller]
fn parts(host: &Host) -> usize {
    let facts = host.facts("mysql", "parts.");
    let told = facts.get("parts.a");
    let log = || host.logs("mysql");
    told.unwrap_or_else(|| panic!("{}", log())).parse().unwrap()
}

/// Returns what an archive holds, sorted, but for how rows are laid together.
fn content(host: &Host, archive: &str) -> Vec<String> {
    let file = host.backup("mysql").join(format!("{archive}.zst"));
    let text = Finished::run(Command::new("zstd").arg("-dc").arg(file)).success();
    let mut lines: Vec<String> = text
        .lines()
        .map(|line| match line.split_once(" VALUES") {
            Some((head, row)) if head.starts_with("INSERT ") => row.trim(),
            _ => line,
        })
        .filter(|line| {
            !line.is_empty() && !line.starts_with("--") && !line.starts_with("/*!40000 ALTER TABLE")
        })
        .map(|line| line.trim_end_matches([',', ';']).to_owned())
        .collect();
    lines.sort();
    lines
}

#[test]
fn large_tables_are_dumped_by_several_programs_and_come_back() {
    let server = MariaDb::start_with(&["--log-bin=bin", "--server-id=7"]);
    server.sql(ODD);
    let whole = Host::new();
    configure(&whole, &server, &[("MYSQL_CHECKSUMS", "yes")]);
    whole.batt(&["--mysql-db", "a"]).code(0);

    let host = Host::new();
    configure(
        &host,
        &server,
        &[&SPLIT[..], &[("MYSQL_CHECKSUMS", "yes")]].concat(),
    );
    host.batt(&["mysql"]).code(0);
    let parts = parts(&host);
    assert!(parts >= 4, "{parts}");
    assert!(whole.facts("mysql", "parts.").is_empty());
    let difference = |one: &[String], other: &[String]| -> Vec<String> {
        let missing = one.iter().filter(|line| other.binary_search(line).is_err());
        missing
            .take(5)
            .map(|line| line.chars().take(200).collect())
            .collect()
    };
    let (expected, found) = (content(&whole, "a"), content(&host, "a"));
    assert!(
        expected == found,
        "{:#?}\n{:#?}\n{}",
        difference(&expected, &found),
        difference(&found, &expected),
        host.logs("mysql")
    );
    let facts = |host: &Host| {
        let archives = host.manifest("mysql")["archives"].clone();
        let found = archives.as_array().unwrap().iter().find(|one| one["name"] == "a");
        found.unwrap().clone()
    };
    assert_eq!(facts(&whole)["content"], facts(&host)["content"]);
    for key in ["binlog-position", "gtid-position"] {
        assert_eq!(facts(&whole)["facts"][key], facts(&host)["facts"][key], "{key}");
    }
    host.batt(&["verify"]).code(0);

    let empty = MariaDb::start();
    let options = empty.option_file("root", "");
    configure(
        &host,
        &server,
        &[("MYSQL_RESTORE_CREDS", options.to_str().unwrap())],
    );
    host.batt(&["restore", "mysql", "--mysql-db", "a"]).code(0);
    assert_eq!(empty.fingerprint("a"), server.fingerprint("a"));
    let history = "SELECT COUNT(*) FROM a.kept FOR SYSTEM_TIME ALL";
    assert_eq!(empty.sql(history), server.sql(history));
    host.batt(&["drill", "mysql"]).code(0);
}

/// What is moved between ranges, tables and databases, all the while: by one database alone between two of its tables.
const MOVED: &str = "
    CREATE DATABASE a; USE a; CREATE TABLE a.t (id INT PRIMARY KEY, v INT, filler VARCHAR(300));
    INSERT INTO a.t SELECT seq, 0, REPEAT('x', 290) FROM seq_1_to_12000;
    CREATE TABLE a.u LIKE a.t; INSERT INTO a.u SELECT * FROM a.t;
    CREATE DATABASE b; CREATE TABLE b.s (id INT PRIMARY KEY, v INT); INSERT INTO b.s VALUES (1, 0);
    ANALYZE TABLE a.t, a.u;
    CREATE DATABASE writer; CREATE TABLE writer.pause (wanted INT);
    DELIMITER //
    CREATE PROCEDURE writer.move_on() WHILE (SELECT COUNT(*) = 0 FROM writer.pause) DO
        START TRANSACTION;
        UPDATE a.t SET v = v - 2 WHERE id = 1; UPDATE a.t SET v = v + 1 WHERE id = 12000; UPDATE a.u SET v = v + 1 WHERE id = 6000;
        UPDATE a.u SET v = v - 1 WHERE id = 12000; UPDATE b.s SET v = v + 1 WHERE id = 1;
        COMMIT;
    END WHILE//
    DELIMITER ;
";
const MOVING: &str =
    "SELECT id FROM information_schema.processlist WHERE info LIKE 'UPDATE b.s%' OR info = 'COMMIT'";

#[test]
fn all_parts_are_of_one_moment_and_that_of_other_databases() {
    let server = MariaDb::start();
    server.sql(MOVED);
    for they in [&["--mysql-db", "a"][..], &["--mysql-db", "a", "--mysql-db", "b"]] {
        let host = Host::new();
        configure(&host, &server, &SPLIT);
        server.sql("DELETE FROM writer.pause");
        thread::scope(|scope| {
            let writer = scope.spawn(|| server.sql("CALL writer.move_on()"));
            server.wait_until(MOVING);
            host.batt(they).code(0);
            server.sql("INSERT INTO writer.pause VALUES (1)");
            writer.join().unwrap();
        });
        let parts = parts(&host);
        assert!(parts >= 4, "{parts}");
        let empty = MariaDb::start();
        let options = empty.option_file("root", "");
        configure(
            &host,
            &server,
            &[("MYSQL_RESTORE_CREDS", options.to_str().unwrap())],
        );
        let restore: Vec<&str> = ["restore", "mysql"].iter().chain(they).copied().collect();
        host.batt(&restore).code(0);
        let value = |what: &str| -> i64 { empty.sql(&format!("SELECT {what}")).trim().parse().unwrap() };
        let moved = value("v FROM a.t WHERE id = 12000");
        assert!(moved > 0);
        assert_eq!(value("SUM(v) FROM a.t"), -moved);
        assert_eq!(value("v FROM a.u WHERE id = 6000"), moved);
        assert_eq!(value("SUM(v) FROM a.u"), 0);
        if they.len() > 2 {
            assert_eq!(value("v FROM b.s"), moved);
            for name in ["snapshot.a", "snapshot.b"] {
                assert_eq!(host.fact("mysql", name), "1", "{}", host.logs("mysql"));
            }
        }
    }
}

/// One table, of which a dump that is slowed down takes a while.
const LARGE: &str = "
    CREATE DATABASE a; USE a; CREATE TABLE a.t (id INT PRIMARY KEY, filler TEXT);
    INSERT INTO a.t SELECT seq, REPEAT('x', 1000) FROM seq_1_to_24000; CREATE TABLE a.other (id INT); ANALYZE TABLE a.t;
";
const DUMPED: &str = "SELECT 1 FROM information_schema.processlist WHERE info LIKE 'SELECT /*!40001 SQL_NO_CACHE */%' AND info LIKE '% WHERE %' HAVING COUNT(*) >= 2";

fn assert_nobody_is_left(server: &MariaDb) {
    until("its sessions are over", || {
        server.sql("SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND user <> 'system user'")
            .is_empty()
    });
    server.sql("SET SESSION lock_wait_timeout = 1; INSERT INTO a.other VALUES (1); CREATE TABLE a.new (id INT); DROP TABLE a.new");
}

#[test]
fn nothing_stays_of_parts_that_are_interrupted_or_whose_server_dies() {
    let server = MariaDb::start();
    server.sql(LARGE);
    let host = Host::new();
    host.settings("[service.mysql]\nmax_rate = \"1MiB\"\n");
    configure(&host, &server, &SPLIT);
    let running = Running::start(&host, &["--mysql-db", "a"]);
    server.wait_until(DUMPED);
    server.sql("SET SESSION lock_wait_timeout = 1; INSERT INTO a.t VALUES (0, ''); CREATE TABLE a.new (id INT); DROP TABLE a.new");
    running.interrupt();
    assert_ne!(running.end().code, Some(0));
    assert_nobody_is_left(&server);
    assert!(host.backups("mysql").is_empty());

    let running = Running::start(&host, &["--mysql-db", "a"]);
    server.wait_until(DUMPED);
    server.kill();
    running.end().code(2);
    assert!(host.backups("mysql").is_empty());
}

#[test]
fn definitions_that_change_meanwhile_are_noticed() {
    let server = MariaDb::start();
    server.sql(LARGE);
    let host = Host::new();
    host.settings("[service.mysql]\nmax_rate = \"4MiB\"\n");
    configure(&host, &server, &SPLIT);
    let running = Running::start(&host, &["--mysql-db", "a"]);
    server.wait_until(DUMPED);
    server.sql("CREATE TABLE a.late (id INT)");
    running.end().code(0);
    let log = host.logs("mysql");
    assert!(
        log.contains("definitions in `a` were changed during its dump"),
        "{log}"
    );
    let parts = parts(&host);
    assert!(parts >= 4, "{parts}");
    let archive = host.manifest("mysql")["archives"][0].clone();
    assert_eq!(archive["content"]["rows.late"], "0");
    assert_eq!(archive["content"]["rows.t"], "24000");
}

#[test]
fn a_part_that_fails_fails_its_database_and_names_the_table() {
    let server = MariaDb::start();
    server.sql(LARGE);
    server.sql("CREATE DATABASE b; CREATE TABLE b.t (id INT)");
    let host = Host::new();
    let fails = "echo 'mariadb-dump: Error 1105: of its own' >&2; exit 3";
    replace_dump(&host, &server, "*--where=*", fails, &[]);
    let told = host.told("mysql", &["--mysql-db", "a", "--mysql-db", "b"]);
    assert_eq!(told.outcome, "partial", "{}", told.reason);
    let log = host.logs("mysql");
    assert!(
        log.contains("mariadb-dump: Error 1105: of its own (in the dump of `t`, range "),
        "{log}"
    );
    assert_nobody_is_left(&server);
}

/// Has the dump program do something else when its words are like this.
fn replace_dump(host: &Host, server: &MariaDb, words: &str, instead: &str, settings: &[(&str, &str)]) {
    let tools = host.scratch().join("tools");
    fs::create_dir_all(&tools).unwrap();
    let program = tools.join("mariadb-dump");
    let script =
        format!("#!/bin/bash\ncase $* in {words}) {instead} ;; esac\nexec /usr/bin/mariadb-dump \"$@\"\n");
    fs::write(&program, script).unwrap();
    chmod(&program, 0o755);
    let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", tools.display());
    configure(host, server, &[&SPLIT[..], settings, &[("PATH", &path)]].concat());
}

/// Has the script wait for parts that begin as long as it takes.
const PATIENT: (&str, &str) = ("hear_all begun 5", "hear_all begun 600");

/// Changes the script.
fn change_script(host: &Host, changes: &[(&str, &str)]) {
    let script = host.home().join("scripts-available/backup-mysql");
    let mut text = fs::read_to_string(&script).unwrap();
    for (from, to) in changes {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text = text.replace(from, to);
    }
    fs::write(&script, text).unwrap();
}

/// As a dump program of another release may.
#[test]
fn where_a_part_holds_what_no_rows_have_one_program_dumps_all() {
    let server = MariaDb::start();
    server.sql(LARGE);
    let host = Host::new();
    replace_dump(&host, &server, "*--where=*", "echo 'DO 0;'", &[]);
    host.batt(&["--mysql-db", "a"]).code(0);
    let log = host.logs("mysql");
    assert!(
        log.contains("is dumped by one program all the same: ")
            && log.contains("is not what it has to be: it has a line that no dump of rows has"),
        "{log}"
    );
    assert!(host.facts("mysql", "parts.").is_empty());
    let archive = host.manifest("mysql")["archives"][0].clone();
    assert_eq!(archive["content"]["rows.t"], "24000");
}

#[test]
fn where_parts_can_be_of_no_common_moment_one_program_dumps_all_and_that_is_said() {
    let server = MariaDb::start();
    server.sql(LARGE);
    let undivided = |host: &Host, why: &str| {
        host.batt(&["--mysql-db", "a"]).code(0);
        let log = host.logs("mysql");
        let said =
            format!("`a` has tables of more than 1 MiB, and is dumped by one program all the same: {why}");
        assert!(log.contains(&said), "{log}");
        assert!(host.facts("mysql", "parts.").is_empty());
    };
    let host = Host::new();
    configure(
        &host,
        &server,
        &[&SPLIT[..], &[("MYSQL_LOCK_WAIT", "1")]].concat(),
    );
    holding(&server, "BACKUP STAGE START", || {
        undivided(&host, "commits could not be held back")
    });

    server.sql(
        "CREATE USER few@localhost IDENTIFIED BY 'x'; GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON *.* TO few@localhost",
    );
    let host = Host::new();
    let options = server.option_file("few", "x");
    host.configure(
        "mysql",
        &[&SPLIT[..], &[("MYSQL_CREDS", options.to_str().unwrap())]].concat(),
    );
    undivided(&host, "the account lacks RELOAD");

    server.sql("CREATE TABLE a.m (id INT) ENGINE=MyISAM");
    let host = Host::new();
    configure(&host, &server, &SPLIT);
    undivided(&host, "other tables in it need a lock");
    // Under a lock on the server there is one.
    let host = Host::new();
    configure(
        &host,
        &server,
        &[&SPLIT[..], &[("MYSQL_CONSISTENCY", "lock")]].concat(),
    );
    host.batt(&["--mysql-db", "a"]).code(0);
    let parts = parts(&host);
    assert!(parts >= 4, "{parts}");

    server.sql("DROP TABLE a.m; CREATE TABLE a.`two\nlines` (id INT)");
    let host = Host::new();
    configure(&host, &server, &SPLIT);
    undivided(&host, "the name of a table or column has several lines");
}

#[test]
fn a_limit_that_is_none_is_refused() {
    let server = MariaDb::start();
    let host = Host::new();
    for limit in ["0", "1GiB", "-1", "a[$(touch pwned)]"] {
        configure(&host, &server, &[("MYSQL_SPLIT", limit)]);
        host.batt(&["mysql"]).code(2).says("MYSQL_SPLIT is `");
    }
}

/// A dump program that is to leave one of them out leaves out both.
#[test]
fn a_database_with_names_that_differ_in_case_or_accents_alone_is_dumped_by_one_program() {
    let server = MariaDb::start();
    for [large, small] in [["Big", "big"], ["bär", "BAR"]] {
        server.sql(&format!(
            "CREATE OR REPLACE DATABASE a; USE a; CREATE TABLE {large} (id INT PRIMARY KEY, filler TEXT);
             INSERT INTO {large} SELECT seq, REPEAT('x', 1000) FROM seq_1_to_19993;
             CREATE TABLE {small} (id INT PRIMARY KEY); INSERT INTO {small} VALUES (1), (2); ANALYZE TABLE {large}"
        ));
        let host = Host::new();
        configure(&host, &server, &SPLIT);
        host.batt(&["--mysql-db", "a"]).code(0);
        let why = "the names of tables in it differ in case or accents alone, and the dump program takes them for one";
        let log = host.logs("mysql");
        assert!(
            log.contains(&format!("is dumped by one program all the same: {why}")),
            "{log}"
        );
        assert_eq!(host.fact("mysql", "undivided.a"), why);
        assert!(host.facts("mysql", "parts.").is_empty());
        let content = host.manifest("mysql")["archives"][0]["content"].clone();
        let rows = content
            .as_object()
            .unwrap()
            .iter()
            .filter(|(key, _)| key.starts_with("rows."));
        let mut rows: Vec<&str> = rows.map(|(_, count)| count.as_str().unwrap()).collect();
        rows.sort_unstable();
        assert_eq!(rows, ["19993", "2"]);
    }
}

#[test]
fn where_no_rows_come_of_a_table_that_has_some_one_program_dumps_all() {
    let server = MariaDb::start();
    server.sql(LARGE);
    server.sql("INSERT INTO a.other VALUES (1)");
    let host = Host::new();
    let without = "first=$1; shift; exec /usr/bin/mariadb-dump \"$first\" --ignore-table-data=a.other \"$@\"";
    replace_dump(&host, &server, "*--ignore-table-data=a.t*", without, &[]);
    change_script(&host, &[PATIENT]);
    host.batt(&["--mysql-db", "a"]).code(0);
    let why = "what the dumps are together is not what it has to be: it has no rows of `other`, and the server has some";
    let undivided = host.fact("mysql", "undivided.a");
    assert!(undivided.contains(why), "{undivided}");
    assert!(host.facts("mysql", "parts.").is_empty());
    let archive = host.manifest("mysql")["archives"][0].clone();
    assert_eq!(archive["content"]["rows.other"], "1");
    assert_eq!(archive["content"]["rows.t"], "24000");
}

#[test]
fn the_rows_of_all_parts_are_held_to_a_count() {
    let server = MariaDb::start();
    server.sql(LARGE);
    server.wait_until(
        "SELECT 1 FROM information_schema.tables WHERE table_name = 't' AND update_time < NOW() - INTERVAL 3 SECOND",
    );
    let host = Host::new();
    let empty = "first=$1; shift; exec /usr/bin/mariadb-dump \"$first\" --no-data \"$@\"";
    replace_dump(
        &host,
        &server,
        "*--where=*' AND '*",
        empty,
        &[("MYSQL_COUNT", "exact")],
    );
    change_script(&host, &[PATIENT]);
    host.batt(&["--mysql-db", "a"])
        .code(2)
        .says("the server counts 24000 rows in `t`, and it holds ");
    assert!(host.backups("mysql").is_empty());
}

/// Whatever it says meanwhile: each counts once, and only for what it says.
#[test]
fn parts_that_are_not_ready_or_begin_late_are_of_no_moment_and_that_is_said_and_recorded() {
    let server = MariaDb::start();
    server.sql(LARGE);
    server.sql("CREATE DATABASE b; CREATE TABLE b.t (id INT)");
    let undivided = |host: &Host, why: &str| {
        let said =
            format!("`a` has tables of more than 1 MiB, and is dumped by one program all the same: {why}");
        let log = host.logs("mysql");
        assert!(log.contains(&said), "{log}");
        assert_eq!(host.fact("mysql", "undivided.a"), why);
        assert!(host.facts("mysql", "parts.").is_empty());
        let archives = host.manifest("mysql")["archives"].clone();
        let found = archives.as_array().unwrap().iter().find(|one| one["name"] == "a");
        assert_eq!(found.unwrap()["content"]["rows.t"], "24000");
        assert_nobody_is_left(&server);
    };
    let host = Host::new();
    configure(&host, &server, &SPLIT);
    let never = "[ \"$1\" != rows-1 ] || while :; do sleep 0.05; done\n        tell_part ready \"$1\"";
    change_script(
        &host,
        &[
            ("hear_all ready 60", "hear_all ready 1"),
            ("tell_part ready \"$1\"", never),
        ],
    );
    host.batt(&["--mysql-db", "a"]).code(0);
    undivided(&host, "not all of the programs for that were ready after 60 s");

    for they in [&["--mysql-db", "a"][..], &["--mysql-db", "a", "--mysql-db", "b"]] {
        let host = Host::new();
        let wait = "while :; do sleep 0.05; done";
        replace_dump(&host, &server, "*--where=*", wait, &[]);
        let begin = "IFS= read -r -n 1 _ <&\"$gate\" || return\n";
        let late = format!("{begin}tell_part ready \"$1\"\n");
        change_script(&host, &[("hear_all begun 5", "hear_all begun 1"), (begin, &late)]);
        host.batt(they).code(0);
        let why = "not all of its dumps had begun while commits were held back";
        undivided(&host, why);
        if they.len() > 2 {
            assert_eq!(host.fact("mysql", "snapshot.a"), "own");
            let log = host.logs("mysql");
            assert!(
                log.contains("databases that were dumped at once are not of one moment"),
                "{log}"
            );
        }
    }
}
