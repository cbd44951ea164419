//! Storage engines that come in packages of their own.

use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;

use crate::content::configure;

const WITH_ROCKSDB: [&str; 1] = ["--plugin-load-add=ha_rocksdb"];

#[test]
fn tables_of_rocksdb_are_backed_up_without_a_lock_and_rehearsed_and_come_back() {
    let server = MariaDb::start_with(&WITH_ROCKSDB);
    server.sql(
        "CREATE DATABASE d; USE d;
         CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, word VARCHAR(30) COLLATE utf8mb4_bin, KEY by_word (word) COMMENT 'a_family') ENGINE=RocksDB;
         INSERT INTO t SELECT seq, CONCAT('word ', seq) FROM seq_1_to_5000;
         CREATE TABLE parts (id INT PRIMARY KEY, amount DOUBLE) ENGINE=RocksDB PARTITION BY HASH (id) PARTITIONS 3;
         INSERT INTO parts SELECT seq, seq / 3 FROM seq_1_to_100",
    );
    let before = server.fingerprint("d");
    let host = Host::new();
    configure(&host, &server, &[]);

    let told = host.batt(&["mysql"]).code(0).said();
    assert!(!told.contains("lock"), "{told}");
    assert_eq!(host.content("mysql", "d")["rows.t"], "5000");
    host.batt(&["verify"]).code(0);
    host.batt_drill("mysql").code(0).says("proven");

    server.sql("DROP DATABASE d");
    host.batt_restore(&[], &["mysql", "--mysql-db", "d"]).code(0);
    assert_eq!(server.fingerprint("d"), before);

    let without = MariaDb::start();
    configure(&host, &without, &[]);
    host.batt_restore(&[], &["mysql", "--mysql-db", "d"])
        .code(69)
        .says("the server has no engine `ROCKSDB`, which `d` needs");
    assert_eq!(without.sql("SHOW DATABASES LIKE 'd'"), "");
}

#[test]
fn tables_of_connect_show_files_that_are_not_backed_up_and_that_is_said() {
    let server = MariaDb::start();
    server.sql(
        "INSTALL SONAME 'ha_connect'; CREATE DATABASE d; USE d; CREATE TABLE plain (id INT); INSERT INTO plain VALUES (7);
         CREATE TABLE list (id INT NOT NULL, word VARCHAR(30) NOT NULL) ENGINE=CONNECT TABLE_TYPE=CSV FILE_NAME='list.csv';
         INSERT INTO list VALUES (1, 'a'), (2, 'b');
         CREATE TABLE shown ENGINE=CONNECT TABLE_TYPE=PROXY TABNAME='plain' DBNAME='d'",
    );
    let host = Host::new();
    configure(&host, &server, &[]);
    let left_out = "tables of `d` show rows of another server or of a file, which are not in the backup: `list` (CONNECT), `shown` (CONNECT)";
    host.batt(&["enable", "mysql"]).code(0);
    host.batt(&["check"]).says(left_out);
    host.batt(&["mysql"]).code(0);
    assert_eq!(host.fact("mysql", "warning.1"), left_out);
    host.batt_drill("mysql").code(0).says("proven");
    host.batt_restore(&[], &["mysql", "--mysql-db", "d", "--into", "e"])
        .code(0);
    assert_eq!(server.sql("SELECT id FROM e.plain"), "7\n");

    // A drill reaches no file of the host.
    let place = server.make_folder("elsewhere").join("far.csv");
    server.sql(&format!(
        "USE d; CREATE TABLE far (id INT NOT NULL) ENGINE=CONNECT TABLE_TYPE=CSV FILE_NAME='{}'",
        place.display()
    ));
    host.batt(&["mysql"]).code(0);
    host.batt_drill("mysql")
        .code(69)
        .says("`d` has tables of FEDERATED, CONNECT or SPIDER");
}

/// Rows of SPHINX are an answer of another server to the question in the column `query`; without one there are none.
#[test]
fn tables_of_sphinx_show_rows_that_are_not_backed_up_and_that_is_said() {
    let server = MariaDb::start();
    server.sql(
        "INSTALL SONAME 'ha_sphinx'; CREATE DATABASE d; USE d; CREATE TABLE plain (id INT); INSERT INTO plain VALUES (7);
         CREATE TABLE found (id BIGINT UNSIGNED NOT NULL, weight INT NOT NULL, query VARCHAR(3072) NOT NULL, INDEX (query)) ENGINE=SPHINX CONNECTION='sphinx://127.0.0.1:1/words'",
    );
    let host = Host::new();
    configure(&host, &server, &[]);
    let left_out = "tables of `d` show rows of another server or of a file, which are not in the backup: `found` (SPHINX)";
    host.batt(&["enable", "mysql"]).code(0);
    host.batt(&["check"]).says(left_out);
    let told = host.batt(&["mysql"]).code(0).said();
    assert!(!told.contains("lock"), "{told}");
    assert_eq!(host.fact("mysql", "warning.1"), left_out);
    assert_eq!(host.fact("mysql", "consistency.d"), "transaction");
    host.batt_drill("mysql").code(0).says("proven");
    server.sql("DROP DATABASE d");
    host.batt_restore(&[], &["mysql", "--mysql-db", "d"]).code(0);
    assert_eq!(
        server.sql("SELECT id FROM d.plain; SHOW TABLES IN d"),
        "7\nfound\nplain\n"
    );
}

/// The dump program refuses the history of all tables for one whose history is kept by transactions.
#[test]
fn a_table_with_a_history_by_transactions_keeps_no_database_from_being_backed_up() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE d; USE d; CREATE TABLE plain (id INT PRIMARY KEY) WITH SYSTEM VERSIONING; INSERT INTO plain VALUES (1), (2); DELETE FROM plain WHERE id = 2;
         CREATE TABLE precise (id INT PRIMARY KEY, word VARCHAR(9), begun BIGINT UNSIGNED GENERATED ALWAYS AS ROW START, ended BIGINT UNSIGNED GENERATED ALWAYS AS ROW END,
             PERIOD FOR SYSTEM_TIME (begun, ended)) WITH SYSTEM VERSIONING;
         INSERT INTO precise (id, word) VALUES (1, 'a'), (2, 'b'); UPDATE precise SET word = 'c' WHERE id = 2;
         CREATE DATABASE e; CREATE TABLE e.kept (id INT PRIMARY KEY) WITH SYSTEM VERSIONING; INSERT INTO e.kept VALUES (1), (2); DELETE FROM e.kept WHERE id = 2",
    );
    let host = Host::new();
    configure(&host, &server, &[("MYSQL_COUNT", "exact")]);
    let warning = "the history of the system-versioned tables in `d` is not in the dump: `precise` keeps it by transactions, and mariadb-dump has none of a database with such a table";
    host.batt(&["mysql"]).code(0);
    assert_eq!(host.fact("mysql", "warning.1"), warning);
    assert_eq!(host.content("mysql", "d")["rows.precise"], "2");
    host.batt_drill("mysql").code(0).says("proven");
    host.batt(&["enable", "mysql"]).code(0);
    host.batt(&["check"]).code(0).says(warning);

    let rows = |database: &str| {
        server.sql(&format!(
            "SELECT * FROM {database} FOR SYSTEM_TIME ALL ORDER BY 1"
        ))
    };
    let kept = rows("e.kept");
    server.sql("DROP DATABASE d; DROP DATABASE e");
    host.batt_restore(&[], &["mysql", "--mysql-db", "d", "--mysql-db", "e"])
        .code(0);
    assert_eq!(
        server.sql("SELECT id, word FROM d.precise ORDER BY id"),
        "1\ta\n2\tc\n"
    );
    assert_eq!(server.sql("SELECT id FROM d.plain"), "1\n");
    assert_eq!((rows("e.kept").lines().count(), kept.lines().count()), (2, 2));
}
