//! `--replace`: what is there stays until what comes is there whole, whatever happens.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;

use crate::content::{configure, fingerprint};
use crate::held::{Running, holding, wait_for, while_loading};

/// One of each that is moved in its own way, and a view that needs another database.
const LIVE: &str = "CREATE DATABASE other; CREATE TABLE other.t (id INT); CREATE USER app@localhost;
    CREATE DATABASE live CHARACTER SET latin1; USE live;
    CREATE TABLE a_first (id INT); INSERT INTO a_first VALUES (1);
    CREATE TABLE big AS SELECT seq AS id, REPEAT('x', 200) AS t FROM seq_1_to_150000;
    CREATE TABLE parent (id INT PRIMARY KEY, words TEXT, FULLTEXT (words)); INSERT INTO parent VALUES (1, 'some words');
    CREATE TABLE child (id INT, FOREIGN KEY (id) REFERENCES parent (id)); INSERT INTO child VALUES (1);
    CREATE TABLE keyed (t VARCHAR(700) PRIMARY KEY) CHARSET utf8mb4;
    CREATE TABLE part (id INT) PARTITION BY HASH (id) PARTITIONS 3; INSERT INTO part VALUES (1), (2), (3);
    CREATE TABLE versions (a INT) WITH SYSTEM VERSIONING; INSERT INTO versions VALUES (1); UPDATE versions SET a = 2;
    CREATE TABLE my (id INT) ENGINE=MyISAM; INSERT INTO my VALUES (1); CREATE TABLE both_ (id INT) ENGINE=MERGE UNION=(my);
    CREATE SEQUENCE sq; CREATE TABLE numbered (id BIGINT DEFAULT nextval(sq)); INSERT INTO numbered VALUES ();
    CREATE TRIGGER shout BEFORE INSERT ON parent FOR EACH ROW SET NEW.words = 'it''s; \\\\';
    CREATE VIEW own AS SELECT * FROM parent; CREATE VIEW far AS SELECT * FROM other.t;
    CREATE PROCEDURE tidy() DELETE FROM part; CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO CALL tidy();
    GRANT SELECT ON live.* TO app@localhost; GRANT INSERT ON live.part TO app@localhost; GRANT EXECUTE ON PROCEDURE live.tidy TO app@localhost";

/// A server on which `live` has changed since it was backed up.
struct Live {
    server: MariaDb,
    host: Host,
    backed_up: String,
    changed: String,
}

impl Live {
    fn new() -> Self {
        let server = MariaDb::start();
        server.sql(LIVE);
        let host = Host::new();
        configure(&host, &server, &[]);
        host.batt_promised("mysql", &["live"]).code(0);
        let backed_up = fingerprint(&server, "live");
        server.sql(
            "USE live; DELETE FROM part; DROP VIEW far; CREATE TABLE later (id INT); DROP EVENT nightly;
             CREATE VIEW z_later AS SELECT * FROM later; CREATE VIEW a_later AS SELECT * FROM z_later;
             DELIMITER //
             CREATE FUNCTION kept() RETURNS TEXT RETURN 'it''s \\\\ kept' /* as it is; */ //
             CREATE TRIGGER loud AFTER INSERT ON part FOR EACH ROW BEGIN SET @a = ';'; END//
             SET sql_mode = ORACLE//
             CREATE PACKAGE bag AS PROCEDURE p1; END//
             CREATE PACKAGE BODY bag AS PROCEDURE p1 AS BEGIN NULL; END; END//
             SET sql_mode = DEFAULT//",
        );
        let changed = fingerprint(&server, "live");
        Self {
            server,
            host,
            backed_up,
            changed,
        }
    }

    /// Returns what of a replacement is left in the server and on the host.
    fn left(&self) -> String {
        let traces = fs::read_dir(self.host.home().join("var/restore-mysql")).map_or(0, Iterator::count);
        let names = self.server.sql(
            "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'batt-%'
             UNION ALL SELECT user FROM mysql.user WHERE user LIKE 'batt-%'",
        );
        format!("{traces} {names}")
    }

    #[track_caller]
    fn assert_as_it_was(&self, finished: &Finished) {
        assert_eq!(
            fingerprint(&self.server, "live"),
            self.changed,
            "{}",
            finished.said()
        );
        assert_eq!(self.left(), "0 ", "{}", finished.said());
    }

    /// Asserts that the next restore puts back what a killed one has left, and returns it. It is refused then, since everything is there.
    #[track_caller]
    fn assert_put_back(&self, killed: &Finished) -> Finished {
        assert_ne!(self.left(), "0 ", "{}", killed.said());
        let next = self.host.batt(&["restore", "mysql"]).code(2);
        next.says("the database `live` exists");
        assert_eq!(
            fingerprint(&self.server, "live"),
            self.changed,
            "{}\n{}",
            killed.said(),
            next.said()
        );
        next
    }
}

const REPLACE: [&str; 3] = ["restore", "mysql", "--replace"];

#[test]
fn a_database_is_replaced_in_a_moment() {
    let live = Live::new();
    let grants = live.server.accounts();
    let (replaced, ()) = while_loading(&live.host, &live.server, "batt-beside-%", &REPLACE, |_, _| {
        assert_eq!(fingerprint(&live.server, "live"), live.changed);
    });
    let told = replaced.end().code(0);
    told.says("is dropped when the backup is there whole");
    told.says("what was in `live` before was dropped");
    assert_eq!(
        fingerprint(&live.server, "live"),
        live.backed_up,
        "{}",
        told.said()
    );
    assert_eq!(live.server.accounts(), grants);
    assert_eq!(live.left(), "0 ");
    // The keys are those of the new tables.
    live.server
        .sql("INSERT INTO live.parent VALUES (2, ''); INSERT INTO live.child VALUES (2)");
    let keys = live
        .server
        .sql("SHOW CREATE TABLE live.child; SHOW CREATE TABLE live.both_");
    assert!(!keys.contains("batt-"), "{keys}");
}

#[test]
fn what_cannot_be_loaded_replaces_nothing() {
    let live = Live::new();
    // Which takes no key as long as that of `keyed`.
    live.server.sql("SET GLOBAL innodb_default_row_format = compact");
    let failed = live.host.batt(&REPLACE).code(2);
    failed.says("`live` could not be restored");
    live.assert_as_it_was(&failed);
}

/// The tables have changed places by then.
#[test]
fn what_cannot_be_made_in_the_end_replaces_nothing() {
    let live = Live::new();
    live.server.sql("DROP DATABASE other");
    let failed = live.host.batt(&REPLACE).code(2);
    failed.says("`live` is as it was before");
    live.assert_as_it_was(&failed);
}

/// What the server cannot open cannot be made again: its text is all there is.
#[test]
fn what_was_broken_before_is_kept_as_text() {
    let live = Live::new();
    live.server.sql(
        "USE live; CREATE TABLE gone (id INT); CREATE VIEW broken AS SELECT id FROM gone; DROP TABLE gone",
    );
    live.server.sql("DROP DATABASE other");
    let finished = live.host.batt(&REPLACE).code(2);
    let aside = live
        .server
        .sql("SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'batt-%'");
    assert!(aside.starts_with("batt-aside-"), "{aside}\n{}", finished.said());
    finished.says(&format!(
        "is kept as text in `{}`.`batt-note`: VIEW broken",
        aside.trim()
    ));
    let text = live.server.sql(&format!(
        "SELECT body FROM `{}`.`batt-note` WHERE name = 'broken'",
        aside.trim()
    ));
    assert!(text.contains("VIEW `broken` AS select"), "{text}");
    assert_eq!(live.server.sql("SELECT COUNT(*) FROM live.later"), "0\n");
}

/// Such a file keeps a database from being dropped, when its tables are gone already.
#[test]
fn a_file_of_somebody_in_the_folder_of_a_database_loses_nothing() {
    let live = Live::new();
    let data = live.server.sql("SELECT @@datadir");
    fs::write(format!("{}/live/README", data.trim()), "not the server's").unwrap();
    let finished = live.host.batt(&REPLACE).code(2);
    finished.says("1010");
    live.assert_as_it_was(&finished);
}

#[test]
fn what_is_not_what_was_backed_up_replaces_nothing() {
    let live = Live::new();
    let script = live.host.home().join("scripts-available/restore-mysql");
    let text = fs::read_to_string(&script).unwrap();
    let before = "    measure \"$1\" \"${place_of[\"=$1\"]}\" >";
    let fault = "query \"DELETE FROM \\`${place_of[\"=$1\"]}\\`.my\"\n";
    assert!(text.contains(before));
    fs::write(&script, text.replace(before, &format!("{fault}{before}"))).unwrap();
    let failed = live.host.batt(&REPLACE).code(2);
    failed.says("is not what was backed up: `rows.my` is `0` instead of `1`");
    live.assert_as_it_was(&failed);
}

#[test]
fn without_room_for_both_nothing_is_replaced() {
    let live = Live::new();
    let tools = live.host.scratch().join("tools");
    fs::create_dir(&tools).unwrap();
    fs::write(tools.join("df"), "#!/bin/sh\necho Avail; echo 1000000\n").unwrap();
    fs::set_permissions(tools.join("df"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", tools.display());
    configure(&live.host, &live.server, &[("PATH", &path)]);
    let refused = live.host.batt(&REPLACE).code(69);
    refused.says("there is no room for a second `live` beside the one that is there");
    live.assert_as_it_was(&refused);
}

#[test]
fn what_other_databases_refer_to_is_not_replaced() {
    let live = Live::new();
    live.server
        .sql("CREATE TABLE other.child (id INT, FOREIGN KEY (id) REFERENCES live.parent (id))");
    let refused = live.host.batt(&REPLACE).code(2);
    refused.says("tables of other databases refer to it: `other`.`child`");
    assert_eq!(fingerprint(&live.server, "live"), live.changed);
}

#[test]
fn a_kill_while_it_is_loaded_loses_nothing() {
    let live = Live::new();
    let (killed, ()) = while_loading(
        &live.host,
        &live.server,
        "batt-beside-%",
        &REPLACE,
        |running, _| {
            running.kill();
        },
    );
    assert_eq!(fingerprint(&live.server, "live"), live.changed);
    let next = live.assert_put_back(&killed.end());
    live.assert_as_it_was(&next);
}

/// Whoever interrupts it waits until all is back.
#[test]
fn an_interrupted_replacement_is_taken_back() {
    let live = Live::new();
    let ended = holding(&live.server, "LOCK TABLES other.t WRITE", || {
        let running = Running::start(&live.host, &REPLACE);
        wait_for(&live.server, "%CREATE ALGORITHM%far%");
        running.interrupt();
        running.end()
    });
    let ended = ended.code(130);
    ended.says("`live` is as it was before");
    live.assert_as_it_was(&ended);
}

/// Kills a replacement when a statement like this waits for what somebody holds.
fn killed_at(live: &Live, hold: &str, statement: &str) -> Finished {
    let running = holding(&live.server, hold, || {
        let running = Running::start(&live.host, &REPLACE);
        wait_for(&live.server, statement);
        running.kill();
        running
    });
    running.end()
}

#[test]
fn a_kill_before_the_tables_change_places_loses_nothing() {
    let live = Live::new();
    let killed = killed_at(&live, "BEGIN; SELECT COUNT(*) FROM live.later", "RENAME TABLE%");
    let next = live.assert_put_back(&killed);
    next.says("`live` is as it was before");
    live.assert_as_it_was(&next);
}

#[test]
fn a_kill_after_the_tables_have_changed_places_loses_nothing() {
    let live = Live::new();
    let killed = killed_at(&live, "LOCK TABLES other.t WRITE", "%CREATE ALGORITHM%far%");
    live.server.sql("INSERT INTO live.part VALUES (77)");

    // Somebody may use it by now: who asks for something else is told.
    live.server
        .sql("CREATE DATABASE unrelated; CREATE TABLE unrelated.t (id INT)");
    let backed_up = live.host.batt(&["--mysql-db", "unrelated"]);
    backed_up.code(0);
    live.server.sql("DROP DATABASE unrelated");
    let told = live
        .host
        .batt(&["restore", "mysql", "--mysql-db", "unrelated"])
        .code(0);
    told.says("`live` was being replaced when a restore was killed");
    assert_eq!(live.server.sql("SELECT id FROM live.part WHERE id = 77"), "77\n");

    let next = live.assert_put_back(&killed);
    next.says("what was in `live` until now is in `batt-beside-");
    let beside = live
        .server
        .sql("SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'batt-%'");
    let kept = format!("SELECT id FROM `{}`.part WHERE id = 77", beside.trim_end());
    assert_eq!(live.server.sql(&kept), "77\n");
    live.server.sql(&format!("DROP DATABASE `{}`", beside.trim_end()));
    live.assert_as_it_was(&next);
}

/// The old tables are away, and the new ones are not there: somebody reads one of those.
#[test]
fn a_kill_between_the_tables_loses_nothing() {
    let live = Live::new();
    let server = &live.server;
    let killed = std::thread::scope(|scope| {
        let (running, ()) = while_loading(&live.host, server, "batt-beside-%", &REPLACE, |_, place| {
            let reading = format!("BEGIN; SELECT COUNT(*) FROM `{place}`.a_first");
            scope.spawn(move || server.hold(&reading));
            server.wait_until(
                "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(3600)%' HAVING COUNT(*) = 2",
            );
        });
        wait_for(server, "RENAME TABLE%`batt-beside-%TO `live`%");
        running.kill();
        assert_eq!(
            server.sql("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'live'"),
            "0\n"
        );
        // A server goes on though its client is gone.
        for statement in ["RENAME TABLE", "SELECT SLEEP(3600)"] {
            let session = server.sql(&format!(
                "SELECT id FROM information_schema.processlist WHERE info LIKE '{statement}%'"
            ));
            server.sql(&format!("KILL {}", session.trim_end()));
        }
        running.end()
    });
    let next = live.assert_put_back(&killed);
    next.says("`live` is as it was before");
    live.assert_as_it_was(&next);
}
