//! Tables that the server itself cannot read.

use std::fs;
use std::path::Path;

use batt_tests::drop_in::chmod;
use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;

use crate::content::configure;
use crate::held::holding;

#[test]
fn tables_that_cannot_be_read_are_foreseen_and_cost_nothing_but_themselves_and_what_shows_them() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE d; USE d; CREATE TABLE good (id INT PRIMARY KEY); INSERT INTO good VALUES (1); CREATE VIEW v AS SELECT id FROM good;
         CREATE TABLE gone (id INT PRIMARY KEY); CREATE VIEW shows_gone AS SELECT id FROM gone; CREATE VIEW shows_view AS SELECT id FROM shows_gone;
         CREATE TABLE child (id INT, FOREIGN KEY (id) REFERENCES gone (id)); INSERT INTO child VALUES (NULL);
         CREATE TRIGGER of_gone BEFORE INSERT ON gone FOR EACH ROW SET @a = 1; CREATE TRIGGER of_good BEFORE INSERT ON good FOR EACH ROW SET @a = 1;
         SET foreign_key_checks = 0; ALTER TABLE gone DISCARD TABLESPACE;
         CREATE TABLE `odd``\nname` (id INT);
         CREATE TABLE sound (id INT) ENGINE=MyISAM; INSERT INTO sound VALUES (1), (2);
         CREATE TABLE crashed (id INT, KEY (id)) ENGINE=MyISAM; INSERT INTO crashed VALUES (1);
         CREATE VIEW shows_crashed AS SELECT id FROM crashed; FLUSH TABLES;
         CREATE DATABASE e; CREATE TABLE e.t (id INT); INSERT INTO e.t VALUES (1); CREATE VIEW e.elsewhere AS SELECT id FROM d.crashed",
    );
    server.sql("FLUSH TABLES");
    let data = server.sql("SELECT @@datadir");
    let index = Path::new(data.trim_end()).join("d/crashed.MYI");
    fs::write(index, "garbage").unwrap();
    let host = Host::new();
    configure(
        &host,
        &server,
        &[("MYSQL_COUNT", "exact"), ("MYSQL_CHECKSUMS", "yes")],
    );
    host.batt(&["enable", "mysql"]).code(0);

    let named = [
        "the table `crashed` in `d` cannot be read by the server, and is not in the dump: ",
        "the table `gone` in `d` cannot be read by the server, and is not in the dump: Tablespace has been discarded",
        "hint: repair it (REPAIR TABLE), bring it back from a backup, or drop it",
    ];
    let (foreseen, told) = (host.batt(&["check"]).code(2), host.batt(&["mysql"]).code(2));
    for words in named {
        foreseen.says(words);
        told.says(words);
    }
    for finished in [&foreseen, &told] {
        let said = finished.said();
        assert!(
            !said.contains("table `good`") && !said.contains("`odd") && !said.contains("`sound`"),
            "{said}"
        );
    }
    told.says("only a part is proven, 3 archives");
    told.says("warning: the view `elsewhere` in `e` cannot be opened by the server: its text");
    told.says("warning: the view `shows_view` in `d` shows what the server cannot read: its text is among the facts of this backup, and not in the dump");
    let listed = host.listed();
    let partial = listed.last().unwrap()["id"].as_str().unwrap();
    server.sql("DROP DATABASE d; DROP DATABASE e");
    host.batt_restore(&[], &["mysql", "--from", partial]).code(0);
    assert_eq!(
        server.sql("SELECT table_name FROM information_schema.tables WHERE table_schema = 'd' ORDER BY BINARY table_name"),
        "child\ngood\nodd`\nname\nsound\nv\n"
    );
    assert_eq!(
        server.sql("SELECT * FROM d.v; SELECT * FROM d.sound; SELECT * FROM e.t"),
        "1\n1\n2\n1\n"
    );
    assert_eq!(
        server.sql("SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = 'd'"),
        "of_good\n"
    );
    host.batt(&["check"]).code(0);
    host.batt(&["mysql"]).code(0);
}

/// A dump program takes names that differ in case alone for one, so what is sound vanishes with what is not.
#[test]
fn a_sound_table_that_is_left_out_with_a_broken_one_is_missed() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE d; USE d; CREATE TABLE kept (id INT) ENGINE=MyISAM; INSERT INTO kept VALUES (1);
         CREATE TABLE Kept (id INT) ENGINE=MyISAM; INSERT INTO Kept VALUES (1); FLUSH TABLES;
         CREATE DATABASE e; CREATE VIEW e.shown AS SELECT 1; CREATE TABLE e.t (id INT); CREATE VIEW e.Shown AS SELECT id FROM e.t; DROP TABLE e.t",
    );
    let data = server.sql("SELECT @@datadir");
    fs::write(Path::new(data.trim_end()).join("d/Kept.MYI"), "garbage").unwrap();
    let host = Host::new();
    configure(&host, &server, &[]);
    let told = host.batt(&["mysql"]).code(2);
    told.says("the server has what is not in it: table `kept`");
    told.says("the server has what is not in it: view `shown`");
}

/// Has the client do something else when these words are among its arguments.
pub(crate) fn replace_client(host: &Host, server: &MariaDb, jobs: &str, cases: &[(&str, &str)]) {
    let tools = host.scratch().join("tools");
    fs::create_dir_all(&tools).unwrap();
    let client = tools.join("mariadb");
    let mut script = "#!/bin/bash\ncase $* in\n".to_owned();
    for (words, statements) in cases {
        script += &format!("*\"{words}\"*) {statements} ;;\n");
    }
    fs::write(&client, script + "esac\nexec /usr/bin/mariadb \"$@\"\n").unwrap();
    chmod(&client, 0o755);
    let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", tools.display());
    configure(host, server, &[("MYSQL_JOBS", jobs), ("PATH", &path)]);
}

pub(crate) const TOO_MANY: &str = "echo \"ERROR 1226 (42000): User 'root' has exceeded the 'max_user_connections' resource (current value: 2)\" >&2; exit 1";

#[test]
fn a_database_that_could_not_be_looked_at_is_named_with_why() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE a; CREATE TABLE a.t (id INT); CREATE DATABASE b; CREATE TABLE b.t (id INT);
         CREATE DATABASE c; CREATE TABLE c.t (id INT) ENGINE=MyISAM",
    );
    for jobs in ["1", "3"] {
        let host = Host::new();
        let look_at_b = ("WHERE schema_name = 'b'", TOO_MANY);
        replace_client(&host, &server, jobs, &[look_at_b]);
        let told = host.batt(&["mysql"]).code(2);
        told.says("3 archives, without `b`");
        told.says(
            "`b` could not be looked at, and is not dumped: ERROR 1226 (42000): User 'root' has exceeded",
        );
        host.batt(&["enable", "mysql"]).code(0);
        host.batt(&["check"])
            .code(2)
            .says("`b` could not be looked at, and is not dumped: ERROR 1226");
    }
    // What dumps `c` is killed.
    let host = Host::new();
    let look_at_c = (
        "WHERE schema_name = 'c'",
        "echo 'the last word' >&2; kill -9 $PPID; exit 1",
    );
    replace_client(&host, &server, "3", &[look_at_c]);
    let told = host.batt(&["mysql"]).code(2);
    told.says("3 archives, without `c`");
    told.says("`c` is not dumped: what was to dump it ended with 137");
}

/// A dump makes tables again that show what lies elsewhere: for that the server has to open them.
#[test]
fn a_table_that_shows_one_that_is_gone_is_foreseen_and_named() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE d; USE d; CREATE TABLE m1 (id INT) ENGINE=MyISAM; CREATE TABLE m2 (id INT) ENGINE=MyISAM;
         CREATE TABLE mrg (id INT) ENGINE=MRG_MyISAM UNION=(m1, m2); CREATE TABLE whole (id INT) ENGINE=MRG_MyISAM UNION=(m1);
         DROP TABLE m2; CREATE DATABASE e; CREATE TABLE e.t (id INT)",
    );
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt(&["enable", "mysql"]).code(0);
    let (foreseen, told) = (host.batt(&["check"]).code(2), host.batt(&["mysql"]).code(2));
    for finished in [&foreseen, &told] {
        finished.says("the table `mrg` in `d` cannot be read by the server, and is not in the dump: ");
        let said = finished.said();
        finished.says("hint: bring back what it shows");
        assert!(
            !said.contains("table `whole`") && !said.contains("table `m1`"),
            "{said}"
        );
    }
    told.says("only a part is proven, 3 archives");
}

/// Whoever holds a table, and whatever keeps the server from answering for the moment, says nothing of the table.
#[test]
fn a_table_that_is_held_is_not_broken() {
    let server = MariaDb::start();
    server.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT) ENGINE=MyISAM");
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt(&["enable", "mysql"]).code(0);
    holding(&server, "LOCK TABLES d.t WRITE", || {
        host.batt(&["check"]).code(0);
    });
    for error in [
        "1969 (70100) at line 1: Query execution was interrupted (max_statement_time exceeded)",
        "1317 (70100) at line 1: Query execution was interrupted",
        "1226 (42000) at line 1: User has exceeded a limit",
        "1040 (08004) at line 1: Too many connections",
        "23 (HY000) at line 1: Out of resources when opening file (Errcode: 24 \"Too many open files\")",
    ] {
        let fails = format!("echo 'ERROR {error}' >&2; exit 1");
        replace_client(&host, &server, "1", &[("--force", &fails)]);
        let said = host.batt(&["check"]).said();
        assert!(!said.contains("cannot be read by the server"), "{said}");
    }
}
