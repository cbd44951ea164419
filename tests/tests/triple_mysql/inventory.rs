//! The stream of a dump is held to what the server says is there.

use std::fs;
use std::thread;

use batt_tests::drop_in::chmod;
use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;

use crate::astray::Astray;

#[test]
fn a_dump_without_what_the_server_has_is_no_backup() {
    let astray = Astray::new();
    for (words, said) in [
        ("--ignore-table=okdb.u", "table `u`"),
        ("--ignore-table=okdb.v", "view `v`"),
        ("--no-create-info", "table `t`, table `u`"),
        ("--skip-triggers", "trigger `g`"),
        ("--skip-routines", "procedure `p`, function `f`"),
        ("--skip-events", "event `e`"),
    ] {
        // Before the name of the database, which stands behind `--`.
        let command = format!("exec /usr/bin/mariadb-dump \"${{@:1:$#-2}}\" {words} -- okdb");
        astray.dump_by(&command, &[]);
        let finished = astray.host.batt(&["--mysql-db", "okdb"]).code(2);
        finished.says("the server has what is not in it");
        finished.says(said);
    }
    assert!(astray.host.backups("mysql").is_empty());
}

#[test]
fn a_dump_that_reaches_out_of_its_database_is_no_backup() {
    let astray = Astray::new();
    for statement in [
        "USE mysql;",
        "DROP DATABASE other;",
        "CREATE DATABASE other;",
        "\\\\! id;",
    ] {
        let command = format!("/usr/bin/mariadb-dump \"$@\" | sed '$i {statement}'");
        astray.dump_by(&command, &[]);
        let finished = astray.host.batt(&["--mysql-db", "okdb"]).code(2);
        finished.says("it is no dump of one database");
    }
    assert!(astray.host.backups("mysql").is_empty());
}

#[test]
fn rows_are_held_to_what_the_server_counts() {
    let astray = Astray::new();
    let few = "exec /usr/bin/mariadb-dump \"${@:1:$#-2}\" '--where=id<3' -- okdb";
    astray.dump_by(few, &[("MYSQL_COUNT", "exact")]);
    // A table that was just written to may be written to again within the second.
    astray.server.wait_until(
        "SELECT 1 FROM information_schema.tables WHERE table_schema = 'okdb' AND table_name = 't' AND update_time < NOW() - INTERVAL 3 SECOND",
    );
    let finished = astray.host.batt(&["--mysql-db", "okdb"]).code(2);
    finished.says("the server counts 3 rows in `t`, and it holds 2");
    // Under the lock, those that keep count are always held to it.
    astray
        .server
        .sql("CREATE TABLE okdb.m (id INT) ENGINE=MyISAM; INSERT INTO okdb.m VALUES (1), (2), (3), (4)");
    astray.dump_by(few, &[]);
    let finished = astray.host.batt(&["--mysql-db", "okdb"]).code(2);
    finished.says("the server counts 4 rows in `m`, and it holds 2");
    astray.dump_by("exec /usr/bin/mariadb-dump \"$@\"", &[("MYSQL_COUNT", "exact")]);
    astray.host.batt(&["--mysql-db", "okdb"]).code(0);
}

#[test]
fn what_is_written_meanwhile_fails_no_backup() {
    let astray = Astray::new();
    astray.server.sql(
        "CREATE DATABASE writer; USE writer; CREATE TABLE pause (wanted INT) ENGINE=InnoDB;
         DELIMITER //
         CREATE PROCEDURE write_on() BEGIN
             SET @n = 0;
             WHILE (SELECT COUNT(*) = 0 FROM pause) DO
                 SET @n = @n + 1;
                 INSERT INTO okdb.u VALUES (@n);
                 DELETE FROM okdb.u WHERE id = @n - 3;
             END WHILE;
         END//",
    );
    astray.dump_by("exec /usr/bin/mariadb-dump \"$@\"", &[("MYSQL_COUNT", "exact")]);
    thread::scope(|scope| {
        let writer = scope.spawn(|| astray.server.sql("CALL writer.write_on()"));
        astray.server.wait_until("SELECT id FROM okdb.u LIMIT 1");
        let finished = astray.host.batt(&["--mysql-db", "okdb"]);
        astray.server.sql("INSERT INTO writer.pause VALUES (1)");
        writer.join().unwrap();
        finished.code(0);
    });
}

/// Not without end: the dump never ends by itself, and each time somebody comes.
#[test]
fn a_dump_that_has_to_give_way_each_time_is_no_backup() {
    let astray = Astray::new();
    astray.server.sql("CREATE TABLE okdb.m (id INT) ENGINE=MyISAM");
    let command = "/usr/bin/mariadb \"$1\" --execute='TRUNCATE TABLE okdb.m' </dev/null >/dev/null 2>&1 &\nexec sleep 3600";
    astray.dump_by(command, &[]);
    let finished = astray.host.batt(&["--mysql-db", "okdb"]).code(2);
    finished.says("somebody waits to change a table of `okdb` that is locked for its dump, and readers wait behind: TRUNCATE TABLE ..., by root");
    assert!(astray.host.backups("mysql").is_empty());
    astray
        .server
        .sql("SET SESSION lock_wait_timeout = 60; INSERT INTO okdb.m VALUES (1)");
}

/// A view without its column, and one over a function whose definer is gone. The rest is whole, so it counts.
#[test]
fn a_view_that_the_server_cannot_open_costs_no_backup() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE f; USE f; CREATE TABLE t (a INT, b INT); INSERT INTO t VALUES (1, 2); CREATE VIEW good AS SELECT a FROM t;
         CREATE VIEW `broken``
one` AS SELECT a, b FROM t; ALTER TABLE t DROP COLUMN b;
         CREATE USER gone@localhost; GRANT ALL ON *.* TO gone@localhost;
         CREATE DEFINER=gone@localhost FUNCTION fn() RETURNS INT RETURN 1; CREATE VIEW `with.fn` AS SELECT fn() AS x;
         CREATE VIEW last AS SELECT * FROM good; DROP USER gone@localhost; CREATE DATABASE other; CREATE TABLE other.t (id INT)",
    );
    let host = Host::new();
    crate::content::configure(&host, &server, &[]);
    host.batt(&["enable", "mysql"]).code(0);
    let checked = host.batt(&["check"]).code(2);
    checked.says("the view `with.fn` in `f` cannot be opened by the server");
    checked.says("the view `broken`\\none` in `f`");

    host.batt(&["mysql"]).code(0).says("the view `with.fn` in `f`");

    let facts = host.facts("mysql", "broken-view.");
    assert_eq!(facts.len(), 2, "{facts:?}");
    assert_eq!(facts["broken-view.f.with.fn"], "select `fn`() AS `x`");
    let manifest = host.manifest("mysql");
    let archives = manifest["archives"].as_array().unwrap();
    let f = archives.iter().find(|archive| archive["name"] == "f").unwrap();
    assert_eq!(f["content"]["rows.t"], "1");
    assert_eq!(f["content"]["view.last"], "yes");
    assert!(f["content"].get("view.with.fn").is_none());
    host.batt(&["drill", "mysql"]).code(0);
    server.sql("DROP DATABASE f");
    host.batt(&["restore", "mysql", "--mysql-db", "f"]).code(0);
    assert_eq!(server.sql("SELECT * FROM f.last"), "1\n");
}

/// What keeps a view from being looked at for the moment says nothing of the view, and one session asks for all of them.
#[test]
fn a_view_that_could_not_be_looked_at_is_not_left_out() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE f; USE f; CREATE TABLE t (a INT);
         CREATE VIEW v1 AS SELECT a FROM t; CREATE VIEW v2 AS SELECT a FROM t; CREATE VIEW v3 AS SELECT a FROM t;
         CREATE TABLE u (a INT); CREATE VIEW v4 AS SELECT a FROM u; DROP TABLE u",
    );
    let host = Host::new();
    let tools = host.scratch().join("tools");
    fs::create_dir(&tools).unwrap();
    let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", tools.display());
    let options = server.option_file("root", "");
    host.configure(
        "mysql",
        &[("MYSQL_CREDS", options.to_str().unwrap()), ("PATH", &path)],
    );
    let client = tools.join("mariadb");
    let fails =
        |number: u32| format!("SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {number}, MESSAGE_TEXT = 'not now'");
    for (statement, said) in [
        ("KILL CONNECTION_ID()".to_owned(), "ERROR "),
        (fails(1205), "ERROR 1205 (HY000): not now"),
        (fails(1969), "ERROR 1969 (HY000): not now"),
        (fails(1429), "ERROR 1429 (HY000): not now"),
    ] {
        // The second view is asked for in a line of its own, behind that.
        fs::write(
            &client,
            format!(
                "#!/bin/bash\nset -o pipefail\ncase $* in *--force*) sed \"2s/^/{statement}; /\" | /usr/bin/mariadb \"$@\"; exit ;; esac\n\
                 exec /usr/bin/mariadb \"$@\"\n"
            ),
        )
        .unwrap();
        chmod(&client, 0o755);
        let finished = host.batt(&["--mysql-db", "f"]).code(2);
        finished.says("the views in `f` could not be looked at");
        finished.says(said);
        assert!(host.backups("mysql").is_empty(), "{statement}");
    }
    fs::remove_file(&client).unwrap();
    host.batt(&["--mysql-db", "f"]).code(0);
    let manifest = host.manifest("mysql");
    assert_eq!(manifest["archives"][0]["content"]["view.v3"], "yes");
}

/// Names may have 64 characters of any script, as far as the files of the server can have such names.
#[test]
fn a_database_with_a_long_name_is_one_like_any() {
    let server = MariaDb::start();
    let names = ["Документы".repeat(7), "数据库".repeat(15), "short".to_owned()];
    for name in &names {
        server.sql(&format!(
            "CREATE DATABASE `{name}`; CREATE TABLE `{name}`.`{name}` (id INT); INSERT INTO `{name}`.`{name}` VALUES (1), (2);
             CREATE TRIGGER `{name}`.`{name}` BEFORE INSERT ON `{name}`.`{name}` FOR EACH ROW SET NEW.id = 1;
             CREATE PROCEDURE `{name}`.`{name}`() SELECT 1"
        ));
    }
    let host = Host::new();
    crate::content::configure(&host, &server, &[]);
    host.batt(&["mysql"]).code(0);
    assert_eq!(host.facts("mysql", "tables.").len(), 3);
    host.batt(&["drill", "mysql"]).code(0);
    let before: Vec<String> = names.iter().map(|name| server.fingerprint(name)).collect();
    for name in &names {
        server.sql(&format!("DROP DATABASE `{name}`"));
    }
    host.batt(&["restore", "mysql"]).code(0);
    let after: Vec<String> = names.iter().map(|name| server.fingerprint(name)).collect();
    assert_eq!(after, before);
}

/// The others are published, and what is wrong with each is said in the report, with the way out.
#[test]
fn one_bad_database_is_one_bad_database() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE a; CREATE TABLE a.t (id INT); CREATE DATABASE b; CREATE TABLE b.t (id INT); CREATE DATABASE c; CREATE TABLE c.t (id INT);
         CREATE TABLE c.good (id INT); CREATE DEFINER=gone@localhost TRIGGER c.g BEFORE INSERT ON c.t FOR EACH ROW SET NEW.id = 1;
         CREATE USER short@localhost IDENTIFIED BY 'x'; GRANT SELECT, RELOAD ON *.* TO short@localhost;
         GRANT ALL ON a.* TO short@localhost; GRANT ALL ON c.* TO short@localhost",
    );
    // The definition of a table that cannot be read any more.
    let table = server.socket().with_file_name("data").join("c/t.frm");
    server.sql("FLUSH TABLES");
    fs::write(&table, b"nothing of a table").unwrap();
    let host = Host::new();
    let options = server.option_file("short", "x");
    host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
    let finished = host
        .batt(&[
            "--mysql-db",
            "a",
            "--mysql-db",
            "b",
            "--mysql-db",
            "c",
            "--mysql-db",
            "no",
        ])
        .code(2);
    finished.says("the account lacks privileges (SHOW VIEW, TRIGGER, EVENT) on `b`");
    finished.says("no such database: `no`");
    finished.says("only a part is proven, 2 archives, without `b` and `no`");
    finished.says("the table `t` in `c` cannot be read by the server, and is not in the dump: ");
    let published = fs::read_dir(host.root().join("backup")).unwrap();
    assert_eq!(published.count(), 1);
    let archive = std::process::Command::new("find")
        .arg(host.root().join("backup"))
        .args(["-name", "*.zst"])
        .output()
        .unwrap()
        .stdout;
    let archives = String::from_utf8(archive).unwrap();
    assert_eq!(archives.lines().count(), 2, "{archives}");
    assert!(
        archives.contains("/a.zst\n") && archives.contains("/c.zst\n"),
        "{archives}"
    );
}
