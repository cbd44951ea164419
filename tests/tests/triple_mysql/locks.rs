//! What a backup keeps others from meanwhile, and for how long.

use std::thread;

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;

use crate::content::configure;
use crate::gate::Gate;
use crate::held::{Running, holding, wait_for};

/// A database of which a dump takes a while, with tables of every kind that no transaction holds still.
const MIXED: &str = "
    CREATE DATABASE old; USE old;
    CREATE TABLE a (id INT, filler TEXT) ENGINE=MyISAM;
    INSERT INTO a SELECT seq, REPEAT('x', 2000) FROM seq_1_to_40000;
    CREATE TABLE b (id INT) ENGINE=Aria; INSERT INTO b VALUES (1);
    CREATE TABLE c (id INT NOT NULL) ENGINE=CSV; INSERT INTO c VALUES (1);
    CREATE TABLE d (id INT) ENGINE=MEMORY; INSERT INTO d VALUES (1);
    CREATE TABLE e (id INT) ENGINE=InnoDB; INSERT INTO e VALUES (1);
    CREATE TABLE `f``
t` (id INT) ENGINE=MyISAM; INSERT INTO `f``
t` VALUES (1);
    CREATE TABLE g (id INT) ENGINE=MyISAM PARTITION BY HASH (id) PARTITIONS 2; INSERT INTO g VALUES (1);
    CREATE TABLE h (id INT, filler TEXT) ENGINE=MERGE UNION=(a);
    CREATE SEQUENCE s ENGINE=MyISAM;
    CREATE DATABASE shop; CREATE TABLE shop.t (id INT) ENGINE=InnoDB; CREATE TABLE shop.m (id INT) ENGINE=MyISAM;
";

/// Starts a backup of `old`, does something in the middle of the dump of its first table, and lets it go on.
fn while_dumping<T>(host: &Host, meanwhile: impl FnOnce() -> T) -> (Finished, T) {
    let gate = Gate::of_dumps(host);
    let running = Running::start(host, &["--mysql-db", "old"]);
    gate.wait_for(&["old"]);
    let done = meanwhile();
    gate.open();
    (running.end(), done)
}

#[test]
fn a_dump_keeps_others_from_writing_to_its_own_unsteady_tables_alone() {
    let server = MariaDb::start();
    server.sql(MIXED);
    let host = Host::new();
    configure(&host, &server, &[]);
    let (finished, ()) = while_dumping(&host, || {
        // Whoever waits in vain is told after a while.
        server.sql(
            "SET SESSION lock_wait_timeout = 60;
             INSERT INTO shop.t VALUES (1); INSERT INTO shop.m VALUES (1); CREATE TABLE shop.new (id INT); DROP TABLE shop.new;
             INSERT INTO old.e VALUES (2); DO NEXT VALUE FOR old.s; SELECT COUNT(*) FROM old.d, old.a;",
        );
        for table in ["a", "b", "c", "d", "`f``\nt`", "g"] {
            let refused = server.sql_all(&format!(
                "SET SESSION lock_wait_timeout = 1; INSERT INTO old.{table} (id) VALUES (2)"
            ));
            refused.says("Lock wait timeout exceeded");
        }
    });
    finished.code(0);
    assert_eq!(host.fact("mysql", "consistency.old"), "tables");
    let content = &host.manifest("mysql")["archives"][0]["content"];
    assert_eq!(content["rows.e"], "1", "that of the moment");
    assert_eq!(content["rows.d"], "1");
    assert_eq!(
        server.sql("INSERT INTO old.d VALUES (2); SELECT COUNT(*) FROM old.d"),
        "2\n"
    );
}

/// Writers that wait for a table go before those who come to read it, in some servers: as the dump does.
#[test]
fn writers_that_wait_do_not_hold_the_dump_up() {
    let server = MariaDb::start();
    server.sql(MIXED);
    let host = Host::new();
    configure(&host, &server, &[]);
    thread::scope(|scope| {
        let (finished, writer) = while_dumping(&host, || {
            let writer = scope.spawn(|| server.sql("INSERT INTO old.d VALUES (2)"));
            server.wait_until(
                "SELECT id FROM information_schema.processlist WHERE state LIKE 'Waiting for table%' AND info LIKE 'INSERT INTO old.d%'",
            );
            writer
        });
        finished.code(0);
        writer.join().unwrap();
    });
    assert_eq!(host.manifest("mysql")["archives"][0]["content"]["rows.d"], "1");
}

#[test]
fn tables_that_somebody_goes_on_writing_to_are_waited_for_a_while() {
    let server = MariaDb::start();
    server.sql(MIXED);
    let host = Host::new();
    configure(&host, &server, &[("MYSQL_LOCK_WAIT", "2")]);
    let in_use = "START TRANSACTION; INSERT INTO old.b VALUES (2)";
    let (finished, others) = holding(&server, in_use, || {
        let finished = host.batt(&["--mysql-db", "old"]);
        // Neither is anybody left waiting.
        let others = server.sql_all(
            "SET SESSION lock_wait_timeout = 60; INSERT INTO old.a VALUES (1, ''); INSERT INTO old.b VALUES (1)",
        );
        (finished, others)
    });
    finished.code(2).says("could not be locked within 2 s");
    others.code(0);
    // One that goes away in time is none; nor are those who only read.
    configure(&host, &server, &[("MYSQL_LOCK_WAIT", "300")]);
    let running = holding(&server, in_use, || {
        let running = Running::start(&host, &["--mysql-db", "old"]);
        server.wait_until(
            "SELECT id FROM information_schema.processlist WHERE state LIKE 'Waiting for table%' AND info LIKE 'FLUSH TABLES%'",
        );
        running
    });
    running.end().code(0);
    let read = holding(&server, "START TRANSACTION; SELECT * FROM old.b", || {
        host.batt(&["--mysql-db", "old"])
    });
    read.code(0);
}

/// He waits for the lock, and whoever reads waits behind him: the dump, too, which would never end.
#[test]
fn who_wants_a_locked_table_for_himself_gets_it_soon() {
    let server = MariaDb::start();
    server.sql(MIXED);
    for (statement, told, count) in [
        ("TRUNCATE old.d", "TRUNCATE old.d", "0\n"),
        ("REPAIR TABLE old.g", "REPAIR TABLE", "1\n"),
    ] {
        let host = Host::new();
        configure(&host, &server, &[]);
        let table = &statement[statement.len() - 1..];
        thread::scope(|scope| {
            let (finished, other) = while_dumping(&host, || {
                let other = scope.spawn(|| server.sql(statement));
                wait_for(&server, &format!("{statement}%"));
                other
            });
            other.join().unwrap();
            finished.code(0);
        });
        let told = format!(
            "somebody waits to change a table of `old` that is locked for its dump, and readers wait behind: {told} ..., by root\n"
        );
        assert!(host.logs("mysql").contains(&told), "{}", host.logs("mysql"));
        let content = host.content("mysql", "old");
        assert_eq!(content[format!("rows.{table}").as_str()], count.trim_end());
        assert_eq!(server.sql(&format!("SELECT COUNT(*) FROM old.{table}")), count);
    }
}

/// It comes into the dump of a database that needed no lock.
#[test]
fn a_table_that_needs_a_lock_and_comes_meanwhile_is_locked() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE old; USE old; CREATE TABLE a (id INT, filler TEXT) ENGINE=InnoDB;
         INSERT INTO a SELECT seq, REPEAT('x', 2000) FROM seq_1_to_40000",
    );
    let comes = "CREATE TABLE old.m (id INT) ENGINE=MyISAM; INSERT INTO old.m VALUES (1)";
    for (consistency, code, fact) in [
        ("auto", 0, "tables"),
        ("transaction", 0, "transaction"),
        ("refuse", 2, ""),
    ] {
        let host = Host::new();
        configure(&host, &server, &[("MYSQL_CONSISTENCY", consistency)]);
        let (finished, _) = while_dumping(&host, || server.sql(comes));
        let finished = finished.code(code);
        server.sql("DROP TABLE old.m");
        if code != 0 {
            finished.says("need a lock, and MYSQL_CONSISTENCY is refuse: `m` (MyISAM)");
            assert!(host.backups("mysql").is_empty());
            continue;
        }
        assert_eq!(host.fact("mysql", "consistency.old"), fact);
        assert_eq!(host.fact("mysql", "engines.old"), "InnoDB,MyISAM");
        assert_eq!(host.fact("mysql", "tables.old"), "2");
        let is_said = finished
            .said()
            .contains("has tables by now that no transaction holds still (InnoDB,MyISAM)");
        assert_eq!(is_said, consistency == "transaction", "{}", finished.said());
    }
}

#[test]
fn a_table_that_comes_while_the_lock_is_waited_for_is_locked() {
    let server = MariaDb::start();
    server.sql(MIXED);
    let host = Host::new();
    configure(&host, &server, &[]);
    let in_use = "START TRANSACTION; INSERT INTO old.b VALUES (2)";
    let running = holding(&server, in_use, || {
        let running = Running::start(&host, &["--mysql-db", "old"]);
        wait_for(&server, "FLUSH TABLES%");
        server.sql("CREATE TABLE old.late (id INT) ENGINE=MyISAM");
        running
    });
    running.end().code(0);
    let told = "came while the lock was waited for, and are not locked: `late` (MyISAM)";
    assert!(host.logs("mysql").contains(told), "{}", host.logs("mysql"));
    assert_eq!(host.fact("mysql", "tables.old"), "10");
}

#[test]
fn who_will_wait_is_told_before() {
    let server = MariaDb::start();
    server.sql(MIXED);
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt(&["enable", "mysql"]).code(0);
    let told = host.batt(&["check"]).code(0);
    told.says("`old`: while it is dumped (8");
    told.says("nobody can write to tables that no transaction holds still: `a` (MyISAM), `b` (Aria), `c` (CSV), `d` (MEMORY), `f`\\nt` (MyISAM), `g` (MyISAM)");
    told.says("`shop`: while it is dumped (less than 1 MB), nobody can write to");
    configure(&host, &server, &[("MYSQL_CONSISTENCY", "lock")]);
    let told = host.batt(&["check"]).code(0);
    told.says("`old`: while it is dumped (8");
    told.says("nobody can write to the server, for MYSQL_CONSISTENCY is lock");
    host.batt(&["--mysql-db", "shop"]).code(0);
    assert_eq!(host.fact("mysql", "consistency.shop"), "lock");
    server.sql("DROP TABLE shop.m");
    configure(&host, &server, &[]);
    host.batt(&["--mysql-db", "shop"]).code(0);
    assert_eq!(host.fact("mysql", "consistency.shop"), "transaction");
}

/// The dump program of MariaDB crashes of an answer that the server does not have then.
#[test]
fn a_wide_row_in_the_binary_log_costs_no_backup() {
    let server = MariaDb::start_with(&[
        "--log-bin=bin",
        "--binlog-format=ROW",
        "--server-id=7",
        "--max-allowed-packet=1M",
    ]);
    server.sql(
        "CREATE DATABASE shop; USE shop; CREATE TABLE t (id INT, a MEDIUMBLOB, b MEDIUMBLOB);
         INSERT INTO t VALUES (1, REPEAT('a', 900000), REPEAT('b', 900000)); UPDATE t SET a = '', b = '';
         CREATE DATABASE old; CREATE TABLE old.t (id INT) ENGINE=MyISAM; CREATE TABLE shop.more (id INT)",
    );
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt(&["mysql"]).code(0);
    let status = server.sql("SHOW MASTER STATUS");
    let mut status = status.split('\t');
    let expected = format!(
        "{}, MASTER_LOG_POS={}",
        status.next().unwrap(),
        status.next().unwrap()
    );
    for name in ["shop", "old"] {
        assert_eq!(host.fact("mysql", &format!("binlog_position.{name}")), expected);
        assert!(
            host.fact("mysql", &format!("gtid_position.{name}"))
                .starts_with("0-7-")
        );
    }
    let manifest = host.manifest("mysql");
    assert_eq!(manifest["archives"].as_array().unwrap().len(), 3);
    // Where the server wrote meanwhile, it is not known.
    let host = Host::new();
    configure(&host, &server, &[]);
    let running = holding(&server, "LOCK TABLES shop.t WRITE", || {
        let running = Running::start(&host, &["--mysql-db", "shop"]);
        server.wait_until(
            "SELECT id FROM information_schema.processlist WHERE state LIKE 'Waiting for table%' AND info LIKE 'SELECT /*!40001%'",
        );
        server.sql("INSERT INTO shop.more VALUES (1)");
        running
    });
    running.end().code(0);
    let warnings = host.manifest("mysql")["warnings"].to_string();
    assert!(
        warnings.contains("at which position in the binary log `shop` was dumped is not known"),
        "{warnings}"
    );
}
