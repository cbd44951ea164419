//! What `backup-mysql` records, and what it does when the server changes under it.

use std::thread;

use batt_tests::server::mariadb::MariaDb;

use crate::astray::Astray;
use crate::content::{Shop, configure};
use crate::forgery::Forgery;
use crate::gate::Gate;
use crate::held::Running;
use batt_tests::host::Host;

#[test]
fn every_object_is_recorded_and_every_row_counted() {
    let shop = Shop::backed_up();
    let content = shop.content("shop");
    let keys = content.keys().map(String::as_str);
    let keys: Vec<&str> = keys.filter(|key| !key.starts_with("definition-")).collect();
    assert_eq!(
        keys,
        [
            "auto-increment.article",
            "collation",
            "event.nightly",
            "function.twice",
            "next-value.numbers",
            "package-body.bag",
            "package.bag",
            "procedure.tidy",
            "rows.article",
            "rows.gr%C3%B6%C3%9Fe%5Ct1",
            "rows.nothing",
            "rows.part",
            "rows.versions",
            "rows.we%60ird %22t%27a",
            "sequence.numbers",
            "table.article",
            "table.gr%C3%B6%C3%9Fe%5Ct1",
            "table.nothing",
            "table.part",
            "table.versions",
            "table.we%60ird %22t%27a",
            "trigger.shout",
            "view.recent",
        ]
    );
    let value = |key: &str| content[key].as_str();
    assert_eq!(value("rows.article"), "5000");
    assert_eq!(value("rows.nothing"), "0");
    assert_eq!(value("rows.versions"), "3", "with its history");
    assert_eq!(value("rows.we%60ird %22t%27a"), "3");
    assert_eq!(value("collation"), "utf8mb4 utf8mb4_unicode_ci");
    assert_eq!(shop.content("old")["table.both"], "MRG_MyISAM");
    assert!(!shop.content("old").contains_key("rows.both"));
    let accounts = shop.content("mysql");
    assert_eq!(accounts["account.app@%25"].len(), 64);
    assert_eq!(accounts["role.reader"].len(), 64);
    assert_eq!(accounts["account.root@localhost"], "yes");
    assert_eq!(shop.host.fact("mysql", "server.role"), "primary");
}

/// Waits until somebody holds the lock, and returns the id of that session.
fn holder(server: &MariaDb) -> String {
    let query = "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(3600)%'";
    server.wait_until(query);
    server.sql(query).trim().to_owned()
}

const WAITING: &str = "SELECT id FROM information_schema.processlist WHERE state LIKE 'Waiting for table%'";

#[test]
fn a_definition_that_changes_during_a_dump_is_noticed_and_the_dump_made_once_more() {
    let server = MariaDb::start();
    server.sql("CREATE DATABASE shop; CREATE TABLE shop.a (id INT); INSERT INTO shop.a VALUES (1)");
    let host = Host::new();
    configure(&host, &server, &[]);

    let finished = thread::scope(|scope| {
        scope.spawn(|| server.hold("LOCK TABLES shop.a WRITE"));
        let id = holder(&server);
        let run = scope.spawn(|| host.batt(&["--mysql-db", "shop"]));
        server.wait_until(WAITING);
        server.sql("CREATE TABLE shop.b (id INT)");
        server.sql(&format!("KILL {id}"));
        run.join().unwrap()
    });

    finished.code(0);
    assert!(
        host.logs("mysql")
            .contains("definitions in `shop` were changed during its dump")
    );
    assert!(host.logs("mysql").contains("table.b"));
    assert_eq!(
        host.facts("mysql", "tables.")["tables.shop"],
        "2",
        "as it was at the second attempt"
    );
    let manifest = host.manifest("mysql");
    let content = &manifest["archives"][0]["content"];
    assert_eq!(content["rows.b"], "0");
    assert_eq!(content["table.b"], "InnoDB");
    assert_eq!(content["rows.a"], "1", "the first attempt is gone");
}

/// Each dump finds one more table when it ends than there was when it began.
#[test]
fn definitions_that_change_all_the_time_are_no_backup() {
    let astray = Astray::new();
    let account = astray.server.option_file("root", "");
    astray.dump_by(
        &format!(
            "/usr/bin/mariadb-dump \"$@\"\nexec /usr/bin/mariadb --defaults-file={} --execute=\"CREATE TABLE okdb.made_by_$$ (id INT)\"",
            account.display()
        ),
        &[],
    );
    let finished = astray.host.batt(&["--mysql-db", "okdb"]).code(2);
    finished.says("definitions in `okdb` were changed during its dump");
    assert!(astray.host.backups("mysql").is_empty());
    assert_eq!(
        astray.server.sql("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'okdb' AND table_name LIKE 'made_by_%'"),
        "2\n",
        "it was tried once more"
    );
}

#[test]
fn a_server_that_cannot_be_locked_goes_on_after_a_while() {
    let server = MariaDb::start();
    server
        .sql("CREATE DATABASE old; CREATE TABLE old.t (id INT) ENGINE=MyISAM; INSERT INTO old.t VALUES (1)");
    let host = Host::new();
    configure(&host, &server, &[("MYSQL_LOCK_WAIT", "1")]);
    let finished = thread::scope(|scope| {
        // A statement that writes for longer than anybody waits.
        let writer = scope.spawn(|| {
            server.hold("UPDATE old.t SET id = id + SLEEP(3600)");
        });
        let query = "SELECT id FROM information_schema.processlist WHERE state LIKE 'User sleep%'";
        server.wait_until(query);
        let id = server.sql(query);
        let finished = host.batt(&["--mysql-db", "old"]);
        // Nobody waits any more, though that statement goes on.
        assert_eq!(server.sql(WAITING), "");
        server.sql(&format!("KILL {}", id.trim()));
        writer.join().unwrap();
        finished
    });
    finished.code(2).says("could not be locked within 1 s");
    configure(&host, &server, &[("MYSQL_CONSISTENCY", "refuse")]);
    let refused = host.batt(&["--mysql-db", "old"]).code(2);
    refused.says("MYSQL_CONSISTENCY is refuse");
}

#[test]
fn only_a_replica_is_backed_up_where_that_was_said() {
    let server = MariaDb::start();
    server.sql("CREATE DATABASE shop");
    let host = Host::new();
    configure(&host, &server, &[("MYSQL_ONLY_ON_REPLICA", "yes")]);
    host.batt(&["mysql"]).code(2).says("this server is no replica");
    server.sql("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=1, MASTER_USER='x'");
    host.batt(&["mysql"]).code(0);
    assert_eq!(host.fact("mysql", "server.role"), "replica");
    assert!(
        host.manifest("mysql")["warnings"][0]
            .as_str()
            .unwrap()
            .contains("does not follow")
    );
}

#[test]
fn a_look_backs_nothing_up() {
    let shop = Shop::open();
    shop.host.batt(&["enable", "mysql"]).code(0);
    shop.host.batt(&["check"]).code(0).says("may dump 5");
    shop.server
        .sql("CREATE USER short@localhost IDENTIFIED BY 'x'; GRANT SELECT ON *.* TO short@localhost");
    let options = shop.server.option_file("short", "x");
    shop.host
        .configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
    shop.host
        .batt(&["check"])
        .code(2)
        .says("lacks privileges (SHOW VIEW, TRIGGER, EVENT, LOCK TABLES, RELOAD) on `old`");
    assert!(shop.host.backups("mysql").is_empty());
}

#[test]
fn checksums_of_quiet_tables_are_kept_and_compared() {
    let shop = Shop::open();
    shop.configure(&[("MYSQL_CHECKSUMS", "yes")]);
    shop.host.batt(&["mysql"]).code(0);
    let content = shop.content("shop");
    assert!(content["checksum.article"].parse::<u64>().is_ok());
    assert!(
        content.contains_key("checksum.gr%C3%B6%C3%9Fe%5Ct1"),
        "{content:?}"
    );
    shop.host.batt(&["drill", "mysql"]).code(0);
    let sum = format!("\"checksum.part\": \"{}\"", content["checksum.part"]);
    let forgery = Forgery::of(&shop.host.backup("mysql")).doctor(&sum, "\"checksum.part\": \"1\"");
    forgery.drill().code(2).says("`checksum.part` is ");
}

/// A dump holds six digits of a FLOAT, so another sum of the same rows would come back; and a sum of all of a large table takes long.
#[test]
fn checksums_are_of_what_a_dump_holds_and_of_the_ends_of_large_tables() {
    let server = MariaDb::start_with(&["--default-time-zone=+05:00"]);
    server.sql(
        "CREATE DATABASE d; USE d; CREATE TABLE floats (`a``b` INT PRIMARY KEY, f FLOAT, n TEXT, g INT AS (`a``b` + 1), b BLOB);
         INSERT INTO floats (`a``b`, f, n, b) SELECT seq, seq / 7, IF(seq % 2, NULL, 'x'), UNHEX('ff00') FROM seq_1_to_50;
         CREATE TABLE large (k VARCHAR(9), i INT, v TEXT, PRIMARY KEY (k, i)); INSERT INTO large SELECT seq % 7, seq, MD5(seq) FROM seq_1_to_200;
         CREATE TABLE keyless (v INT); INSERT INTO keyless SELECT seq FROM seq_1_to_200; CREATE TABLE nothing (f FLOAT, at TIMESTAMP);
         INSERT INTO nothing VALUES (1.5, '2024-01-31 12:00:00');
         ANALYZE TABLE floats, large, keyless",
    );
    let host = Host::new();
    configure(
        &host,
        &server,
        &[("MYSQL_CHECKSUMS", "yes"), ("MYSQL_CHECKSUM_ROWS", "100")],
    );
    host.batt(&["mysql"]).code(0);
    let content = host.content("mysql", "d");
    let sums: Vec<&str> = content
        .keys()
        .map(String::as_str)
        .filter(|key| key.starts_with("checksum"))
        .collect();
    assert_eq!(
        sums,
        [
            "checksum-sample.large",
            "checksum-text.floats",
            "checksum-text.nothing",
            "checksum.keyless"
        ]
    );
    host.batt(&["drill", "mysql"]).code(0).says("proven");
    // A row at an end counts, one in the middle does not.
    let other = |statement: &str| {
        server.sql(&format!("USE d; {statement}"));
        host.batt(&["mysql"]).code(0);
        let other = host.content("mysql", "d");
        ["checksum-sample.large", "checksum-text.floats"].map(|key| other[key] == content[key])
    };
    assert_eq!(
        other("UPDATE large SET v = 'x' WHERE k = 3 AND i = 101"),
        [true, true]
    );
    assert_eq!(
        other("UPDATE large SET v = 'x' WHERE k = 0 AND i = 7"),
        [false, true]
    );
    assert_eq!(other("UPDATE floats SET f = f + 1 WHERE f > 7"), [false, false]);
}

#[test]
fn the_position_in_the_binary_log_is_that_of_the_snapshot() {
    let server = MariaDb::start_with(&["--log-bin=bin", "--server-id=7"]);
    server.sql(
        "CREATE DATABASE shop; CREATE TABLE shop.t (id INT); CREATE DATABASE old; CREATE TABLE old.t (id INT) ENGINE=MyISAM",
    );
    let position = server.sql("SHOW MASTER STATUS");
    let (file, position) = position.split_once('\t').unwrap();
    let position = position.split_whitespace().next().unwrap();
    let expected = format!("{file}, MASTER_LOG_POS={position}");
    let gtid = server.sql("SELECT @@gtid_binlog_pos");
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt_promised("mysql", &["shop", "old"]).code(0);
    let manifest = host.manifest("mysql");
    for archive in manifest["archives"].as_array().unwrap() {
        assert_eq!(archive["facts"]["binlog-position"], expected, "{archive}");
        assert_eq!(archive["facts"]["gtid-position"], gtid.trim(), "{archive}");
    }
    assert_eq!(manifest["archives"].as_array().unwrap().len(), 2);
    // What the lock added to the dump is no obstacle.
    host.batt(&["restore", "mysql", "--replace"]).code(0);
    host.batt(&["drill", "mysql"]).code(0);
}

/// Tables that are written together, and that no transaction holds still. Somebody ends the session that holds the lock.
#[test]
fn a_lock_that_is_lost_makes_no_backup() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE old; USE old; CREATE TABLE t (id INT, filler TEXT) ENGINE=MyISAM;
         INSERT INTO t SELECT seq, REPEAT('x', 2000) FROM seq_1_to_40000",
    );
    let host = Host::new();
    configure(&host, &server, &[]);
    let gate = Gate::of_dumps(&host);
    let running = Running::start(&host, &["--mysql-db", "old"]);
    gate.wait_for(&["old"]);
    let lock = server.sql("SELECT MIN(id) FROM information_schema.processlist WHERE command = 'Sleep'");
    server.sql(&format!("KILL {}", lock.trim()));
    gate.open();
    running.end().code(2).says("the lock was lost during the dump");
    assert!(host.backups("mysql").is_empty());
}
