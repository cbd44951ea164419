//! Several databases at once, of one moment where the server lets others be held back until all of their transactions have begun.

use std::fs;
use std::path::PathBuf;
use std::thread;

use batt_tests::drop_in::chmod;
use batt_tests::host::Host;
use batt_tests::process::until;
use batt_tests::server::mariadb::MariaDb;

use crate::broken::{TOO_MANY, replace_client};
use crate::content::configure;
use crate::gate::Gate;
use crate::held::{Running, holding};

/// Three databases that are written together, and of which a dump takes a while.
const TOGETHER: &str = "
    CREATE DATABASE a; CREATE DATABASE b; CREATE DATABASE c;
    CREATE TABLE a.t (id INT, filler TEXT);
    INSERT INTO a.t WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < 1000)
        SELECT 0, REPEAT('x', 1000) FROM numbers JOIN (SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6) AS six;
    CREATE TABLE b.t AS SELECT * FROM a.t; CREATE TABLE c.t AS SELECT * FROM a.t;
    CREATE DATABASE writer; CREATE TABLE writer.pause (wanted INT);
    DELIMITER //
    CREATE PROCEDURE writer.write_on() WHILE (SELECT COUNT(*) = 0 FROM writer.pause) DO
        START TRANSACTION;
        INSERT INTO a.t VALUES (1, ''); INSERT INTO b.t VALUES (1, ''); INSERT INTO c.t VALUES (1, '');
        COMMIT;
    END WHILE//
    DELIMITER ;
";
const THEY: [&str; 6] = ["--mysql-db", "a", "--mysql-db", "b", "--mysql-db", "c"];

/// Does something while somebody writes to all three.
fn while_written<T>(server: &MariaDb, something: impl FnOnce() -> T) -> T {
    server.sql("DELETE FROM writer.pause");
    thread::scope(|scope| {
        let writer = scope.spawn(|| server.sql("CALL writer.write_on()"));
        server.wait_until(
            "SELECT id FROM information_schema.processlist WHERE info LIKE 'INSERT INTO c.t%' OR info = 'COMMIT'",
        );
        let done = something();
        server.sql("INSERT INTO writer.pause VALUES (1)");
        writer.join().unwrap();
        done
    })
}

/// Returns how many rows of each were dumped.
fn rows(host: &Host) -> Vec<String> {
    let rows = |name: &&str| host.content("mysql", name)["rows.t"].clone();
    ["a", "b", "c"].iter().map(rows).collect()
}

fn are_one(values: &[String]) -> bool {
    values.iter().all(|value| *value == values[0])
}

#[test]
fn databases_that_are_dumped_at_once_are_of_one_moment() {
    let server = MariaDb::start_with(&["--log-bin=bin", "--server-id=7"]);
    server.sql(TOGETHER);
    let host = Host::new();
    // One after the other they are not.
    configure(&host, &server, &[]);
    let gate = Gate::of_dumps(&host);
    let running = Running::start(&host, &THEY);
    gate.wait_for(&["a"]);
    server.sql(
        "INSERT INTO a.t VALUES (1, ''); INSERT INTO b.t VALUES (1, ''); INSERT INTO c.t VALUES (1, '')",
    );
    gate.open();
    running.end().code(0);
    assert!(!are_one(&rows(&host)), "{:?}", rows(&host));
    assert!(host.facts("mysql", "snapshot").is_empty());

    let host = Host::new();
    configure(&host, &server, &[("MYSQL_JOBS", "3")]);
    make_patient(&host);
    while_written(&server, || host.batt(&THEY).code(0));
    assert!(are_one(&rows(&host)), "{:?}\n{}", rows(&host), host.logs("mysql"));
    for name in ["a", "b", "c"] {
        assert_eq!(host.fact("mysql", &format!("snapshot.{name}")), "1");
    }
    let manifest = host.manifest("mysql");
    let positions: Vec<String> = manifest["archives"]
        .as_array()
        .unwrap()
        .iter()
        .map(|archive| archive["facts"]["binlog-position"].as_str().unwrap().to_owned())
        .collect();
    assert!(are_one(&positions), "{positions:?}");

    let empty = MariaDb::start();
    let options = empty.option_file("root", "");
    let to_empty = [("MYSQL_RESTORE_CREDS", options.to_str().unwrap())];
    configure(&host, &server, &to_empty);
    host.batt(&["restore", "mysql", THEY[0], "a", THEY[0], "b", THEY[0], "c"])
        .code(0);
    let counts = ["a", "b", "c"].map(|name| empty.sql(&format!("SELECT COUNT(*) FROM {name}.t")));
    assert!(are_one(&counts), "{counts:?}");
}

/// One that fails, one with a table that needs a lock, one without anything, names of every kind.
#[test]
fn several_at_once_come_back_and_one_that_fails_costs_no_other() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE broken; CREATE TABLE broken.t (id INT) ENGINE=MyISAM; INSERT INTO broken.t VALUES (1);
         CREATE DATABASE a; CREATE TABLE a.t (id INT); INSERT INTO a.t VALUES (1); CREATE VIEW a.v AS SELECT id FROM a.t;
         CREATE PROCEDURE a.p() SELECT 1;
         CREATE DATABASE old; CREATE TABLE old.m (id INT) ENGINE=MyISAM; INSERT INTO old.m VALUES (1), (2); CREATE TABLE old.i (id INT);
         CREATE DATABASE empty CHARACTER SET latin1; CREATE DATABASE `two\nlines -- Retrieving`;
         CREATE TABLE `two\nlines -- Retrieving`.`-- t\nmariadb-dump: Error (1146)\n x` (id INT);
         INSERT INTO `two\nlines -- Retrieving`.`-- t\nmariadb-dump: Error (1146)\n x` VALUES (7);
         CREATE DATABASE z; CREATE TABLE z.t (id INT); INSERT INTO z.t VALUES (1), (2), (3);
         FLUSH TABLES",
    );
    fs::remove_file(server.socket().with_file_name("data/broken/t.MYD")).unwrap();
    let host = Host::new();
    configure(&host, &server, &[("MYSQL_JOBS", "3")]);
    make_patient(&host);
    let others = ["a", "old", "empty", "two\nlines -- Retrieving", "z"];
    let arguments: Vec<String> = ["broken"]
        .iter()
        .chain(&others)
        .map(|name| format!("--mysql-db={name}"))
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let told = host.told("mysql", &arguments);
    assert_eq!(told.outcome, "partial", "{}", told.reason);
    let log = host.logs("mysql");
    assert!(log.contains("t.MYD"), "{log}");

    server.sql("DROP DATABASE broken");
    host.batt(&arguments[1..]).code(0);
    let log = &host.logs("mysql")[log.len()..];
    assert!(!log.contains("1146") && !log.contains("-- "), "{log}");
    let group = |name: &str| host.fact("mysql", &format!("snapshot.{name}"));
    assert_eq!(
        others.map(|name| group(&name.replace('\n', "%0A"))),
        ["1", "1", "1", "2", "2"]
    );
    assert_eq!(host.fact("mysql", "consistency.old"), "tables");
    assert_eq!(host.fact("mysql", "consistency.a"), "transaction");
    host.batt(&["verify"]).code(0);
    let empty = MariaDb::start();
    let options = empty.option_file("root", "");
    configure(
        &host,
        &server,
        &[("MYSQL_RESTORE_CREDS", options.to_str().unwrap())],
    );
    let restore: Vec<&str> = ["restore", "mysql"]
        .iter()
        .chain(&arguments[1..])
        .copied()
        .collect();
    host.batt(&restore).code(0);
    for name in ["a", "old", "empty", "z"] {
        assert_eq!(empty.fingerprint(name), server.fingerprint(name), "{name}");
    }
    let odd = "SELECT id FROM `two\nlines -- Retrieving`.`-- t\nmariadb-dump: Error (1146)\n x`";
    assert_eq!(empty.sql(odd), "7\n");
}

/// Asserts that nobody but this is on the server, and that everybody may write.
fn assert_nobody_is_left(server: &MariaDb) {
    until("its sessions are over", || {
        server.sql("SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND user <> 'system user'")
            .is_empty()
    });
    server.sql("SET SESSION lock_wait_timeout = 60; INSERT INTO a.t VALUES (2, ''); CREATE TABLE a.new (id INT); DROP TABLE a.new");
}

/// Has the script wait for dumps that begin together for as long as it takes, where it gives up after seconds: no matter of the test, and
/// they may pass on a machine that is busy.
fn make_patient(host: &Host) {
    let script = host.home().join("scripts-available/backup-mysql");
    let mut text = fs::read_to_string(&script).unwrap();
    for bound in ["SECONDS - since))\" -lt 10 ]", "SECONDS - since))\" -lt 5 ]"] {
        assert_eq!(text.matches(bound).count(), 1, "{bound}");
        text = text.replace(bound, "SECONDS - since))\" -lt 600 ]");
    }
    fs::write(&script, text).unwrap();
}

#[test]
fn others_write_on_while_several_are_dumped_and_nothing_stays_when_they_are_interrupted() {
    let server = MariaDb::start();
    server.sql(TOGETHER);
    server.sql("CREATE TABLE b.m (id INT) ENGINE=MyISAM; CREATE TABLE c.free (f FLOAT) ENGINE=MyISAM");
    let host = Host::new();
    configure(&host, &server, &[("MYSQL_JOBS", "3")]);
    make_patient(&host);
    let gate = Gate::of_dumps(&host);
    let running = Running::start(&host, &THEY);
    gate.wait_for(&["a", "b", "c"]);
    server.sql(
        "SET SESSION lock_wait_timeout = 60; INSERT INTO a.t VALUES (1, ''); CREATE TABLE writer.new (id INT)",
    );
    let refused = server.sql_all("SET SESSION lock_wait_timeout = 1; INSERT INTO b.m VALUES (1)");
    refused.says("Lock wait timeout exceeded");
    running.interrupt();
    let finished = running.end();
    assert_ne!(finished.code, Some(0));
    assert_nobody_is_left(&server);
    assert!(host.backups("mysql").is_empty());
    // What they had said by then is not lost.
    assert!(
        host.logs("mysql").contains("`c` has columns of type FLOAT"),
        "{}",
        host.logs("mysql")
    );
}

#[test]
fn a_server_that_dies_ends_all_of_them() {
    let server = MariaDb::start();
    server.sql(TOGETHER);
    let host = Host::new();
    configure(&host, &server, &[("MYSQL_JOBS", "3")]);
    make_patient(&host);
    let gate = Gate::of_dumps(&host);
    let running = Running::start(&host, &THEY);
    gate.wait_for(&["a", "b", "c"]);
    server.kill();
    gate.open();
    running.end().code(2);
    assert!(host.backups("mysql").is_empty());
    let log = host.logs("mysql");
    assert_eq!(
        log.matches("Lost connection to server during query").count(),
        3,
        "{log}"
    );
}

/// Its dump is of another moment than the others'.
#[test]
fn one_whose_dump_is_repeated_is_not_said_to_be_of_their_moment() {
    let server = MariaDb::start();
    server.sql(TOGETHER);
    let host = Host::new();
    configure(&host, &server, &[("MYSQL_JOBS", "3")]);
    make_patient(&host);
    let gate = Gate::of_dumps(&host);
    let running = Running::start(&host, &THEY);
    gate.wait_for(&["a", "b", "c"]);
    server.sql("CREATE TABLE b.late (id INT)");
    gate.open();
    running.end().code(0);
    assert_eq!(
        ["a", "b", "c"].map(|name| host.fact("mysql", &format!("snapshot.{name}"))),
        ["1", "own", "1"]
    );
    assert!(
        host.logs("mysql")
            .contains("definitions in `b` were changed during its dump")
    );
}

#[test]
fn where_commits_cannot_be_held_back_each_is_of_its_own_moment_and_that_is_said() {
    let server = MariaDb::start();
    server.sql(TOGETHER);
    server.sql(
        "CREATE USER few@localhost IDENTIFIED BY 'x'; GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON *.* TO few@localhost",
    );
    let host = Host::new();
    let own = |host: &Host| {
        let facts = host.facts("mysql", "snapshot.");
        assert!(
            facts.len() == 3 && facts.values().all(|fact| fact == "own"),
            "{facts:?}"
        );
    };
    let options = server.option_file("few", "x");
    host.configure(
        "mysql",
        &[("MYSQL_CREDS", options.to_str().unwrap()), ("MYSQL_JOBS", "3")],
    );
    host.batt(&THEY).code(0);
    own(&host);
    let told = "each database has a snapshot of its own, though several are dumped at once (MYSQL_JOBS): the account lacks RELOAD";
    assert!(host.logs("mysql").contains(told), "{}", host.logs("mysql"));
    host.batt(&["enable", "mysql"]).code(0);
    host.batt(&["check"]).says(told);

    // As another program that backs up does.
    let host = Host::new();
    configure(&host, &server, &[("MYSQL_JOBS", "3"), ("MYSQL_LOCK_WAIT", "1")]);
    holding(&server, "BACKUP STAGE START", || host.batt(&THEY).code(0));
    own(&host);
    let is_said = |host: &Host, why: &str| {
        let warnings = host.manifest("mysql")["warnings"].to_string();
        let said = format!("commits could not be held back: {why}");
        assert!(warnings.contains(&said), "{warnings}");
    };
    is_said(&host, "another session did not let that be had");
    // And a statement that goes on writing to a table without transactions.
    let host = Host::new();
    configure(&host, &server, &[("MYSQL_JOBS", "3"), ("MYSQL_LOCK_WAIT", "2")]);
    server.sql("CREATE TABLE writer.m (id INT) ENGINE=MyISAM");
    thread::scope(|scope| {
        let writer = scope.spawn(|| server.sql_all("INSERT INTO writer.m SELECT SLEEP(3600)"));
        let writes = "SELECT id FROM information_schema.processlist WHERE info LIKE 'INSERT INTO writer.m%'";
        server.wait_until(writes);
        host.batt(&THEY).code(0);
        server.sql(&format!("KILL {}", server.sql(writes).trim()));
        writer.join().unwrap();
    });
    own(&host);
    is_said(&host, "another session did not let that be had");
    assert_nobody_is_left(&server);
    // And where something else keeps it from that.
    let host = Host::new();
    replace_client(&host, &server, "3", &[("--unbuffered", TOO_MANY)]);
    host.batt(&THEY).code(0);
    own(&host);
    is_said(&host, "ERROR 1226 (42000): User 'root' has exceeded");
}

#[test]
fn without_a_common_moment_the_next_does_not_wait_for_all_of_them() {
    let server = MariaDb::start();
    server.sql(TOGETHER);
    server.sql(
        "TRUNCATE b.t; CREATE USER few@localhost IDENTIFIED BY 'x'; GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON *.* TO few@localhost",
    );
    let host = Host::new();
    let options = server.option_file("few", "x");
    let settings = [("MYSQL_CREDS", options.to_str().unwrap()), ("MYSQL_JOBS", "2")];
    host.configure("mysql", &settings);
    let gate = Gate::of_dumps(&host);
    let running = Running::start(&host, &[&THEY[..], &["--mysql-db", "none"]].concat());
    gate.wait_for(&["a", "c"]);
    gate.open();
    // One of them fails, and the others are whole.
    running.end().code(2);
    let log = host.logs("mysql");
    assert!(log.contains("no such database: `none`"), "{log}");
    host.batt(&THEY).code(0);
    assert_eq!(host.facts("mysql", "snapshot.").len(), 3);
    assert_eq!(rows(&host), ["6000", "0", "6000"]);
}

/// Has the dump program wait until a file is there, once it would be asked for the moment.
fn delay_dumps(host: &Host, server: &MariaDb) -> (PathBuf, PathBuf) {
    let tools = host.scratch().join("tools");
    fs::create_dir_all(&tools).unwrap();
    let (waits, goes) = (host.scratch().join("waits"), host.scratch().join("goes"));
    let program = tools.join("mariadb-dump");
    let wait = format!(
        "#!/bin/bash\ncase $* in *--verbose*) : >>{}; until [ -e {} ]; do sleep 0.05; done ;; esac\nexec /usr/bin/mariadb-dump \"$@\"\n",
        waits.display(),
        goes.display()
    );
    fs::write(&program, wait).unwrap();
    chmod(&program, 0o755);
    let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", tools.display());
    configure(host, server, &[("MYSQL_JOBS", "3"), ("PATH", &path)]);
    (waits, goes)
}

const BLOCKED: &str = "SELECT id FROM information_schema.processlist WHERE state = 'Waiting for backup lock'";

#[test]
fn dumps_that_do_not_begin_hold_nobody_up_for_long() {
    let server = MariaDb::start();
    server.sql(TOGETHER);
    let host = Host::new();
    let (waits, goes) = delay_dumps(&host, &server);
    let running = Running::start(&host, &THEY);
    until("they would begin", || waits.exists());
    // It gets through while none of them has begun.
    server.sql("INSERT INTO a.t VALUES (1, '')");
    fs::write(goes, "").unwrap();
    running.end().code(0);
    let warnings = host.manifest("mysql")["warnings"].to_string();
    assert!(warnings.contains("had begun after 5 s"), "{warnings}");
    assert!(
        host.facts("mysql", "snapshot.")
            .values()
            .all(|fact| fact == "own")
    );
}

#[test]
fn who_interrupts_while_commits_are_held_back_lets_them_go() {
    let server = MariaDb::start();
    server.sql(TOGETHER);
    let host = Host::new();
    let (waits, _) = delay_dumps(&host, &server);
    make_patient(&host);
    let running = Running::start(&host, &THEY);
    until("they would begin", || waits.exists());
    thread::scope(|scope| {
        let writer = scope.spawn(|| server.sql("INSERT INTO a.t VALUES (1, '')"));
        server.wait_until(BLOCKED);
        running.interrupt();
        writer.join().unwrap();
    });
    assert_ne!(running.end().code, Some(0));
    assert_nobody_is_left(&server);
}

/// Somebody writes to a table that has to be locked for one of them, and another has its lock already.
#[test]
fn who_is_not_ready_in_time_keeps_no_other_waiting() {
    let server = MariaDb::start();
    server.sql(TOGETHER);
    server.sql("CREATE TABLE b.m (id INT) ENGINE=MyISAM; CREATE TABLE c.m (id INT) ENGINE=MyISAM");
    let host = Host::new();
    configure(&host, &server, &[("MYSQL_JOBS", "3")]);
    let gate = Gate::of_dumps(&host);
    let running = holding(&server, "START TRANSACTION; INSERT INTO b.m VALUES (1)", || {
        let running = Running::start(&host, &THEY);
        gate.wait_for(&["a", "c"]);
        running
    });
    gate.open();
    running.end().code(0);
    let told = ["a", "b", "c"].map(|name| host.fact("mysql", &format!("snapshot.{name}")));
    assert_eq!(told, ["1", "own", "1"]);
    let warnings = host.manifest("mysql")["warnings"].to_string();
    assert!(
        warnings.contains("others that held locks already did not wait for more than 10 s for `b`"),
        "{warnings}"
    );
}

#[test]
fn under_locks_on_the_server_they_are_of_one_moment_too() {
    let server = MariaDb::start();
    server.sql(TOGETHER);
    let host = Host::new();
    configure(
        &host,
        &server,
        &[("MYSQL_JOBS", "3"), ("MYSQL_CONSISTENCY", "lock")],
    );
    make_patient(&host);
    while_written(&server, || host.batt(&THEY).code(0));
    assert!(are_one(&rows(&host)), "{:?}", rows(&host));
    assert_eq!(host.facts("mysql", "snapshot.").len(), 3);
    assert_eq!(host.fact("mysql", "snapshot.c"), "1");
}

#[test]
fn a_number_of_jobs_that_is_none_is_refused() {
    let server = MariaDb::start();
    let host = Host::new();
    for jobs in ["0", "100", "two", "a[$(touch pwned)]"] {
        configure(&host, &server, &[("MYSQL_JOBS", jobs)]);
        host.batt(&["mysql"]).code(2).says("MYSQL_JOBS is `");
    }
}

/// Where the dump program cannot ask for the position, what is written before all are ready does not count.
#[test]
fn a_position_that_is_asked_apart_is_that_of_their_moment() {
    let server = MariaDb::start_with(&[
        "--log-bin=bin",
        "--binlog-format=ROW",
        "--server-id=7",
        "--max-allowed-packet=1M",
    ]);
    server.sql(
        "CREATE DATABASE a; CREATE TABLE a.t (id INT, a MEDIUMBLOB, b MEDIUMBLOB);
         INSERT INTO a.t VALUES (1, REPEAT('a', 900000), REPEAT('b', 900000)); UPDATE a.t SET a = '', b = '';
         CREATE DATABASE b; CREATE TABLE b.t (id INT); CREATE DATABASE c; CREATE TABLE c.t (id INT);
         CREATE DATABASE d; CREATE TABLE d.m (id INT) ENGINE=MyISAM",
    );
    let host = Host::new();
    configure(&host, &server, &[("MYSQL_JOBS", "2")]);
    make_patient(&host);
    let running = holding(&server, "START TRANSACTION; INSERT INTO d.m VALUES (1)", || {
        let running = Running::start(&host, &[&THEY[..], &["--mysql-db", "d"]].concat());
        // The second attempt at its lock: `c` is ready by then.
        server.wait_until(
            "SELECT id FROM information_schema.processlist WHERE info LIKE 'FLUSH TABLES%' AND time_ms > 1200",
        );
        server.sql("INSERT INTO b.t VALUES (1)");
        running
    });
    running.end().code(0);
    let told = ["a", "b", "c", "d"].map(|name| host.fact("mysql", &format!("snapshot.{name}")));
    assert_eq!(told[2..], ["2", "2"]);
    let position = |name: &str| host.fact("mysql", &format!("binlog_position.{name}"));
    assert_eq!(position("c"), position("d"));
}
