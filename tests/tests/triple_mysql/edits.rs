//! An edit of a definition that leaves names and numbers as they were is found: as somebody could make them in a dump.

use batt_tests::digests::assert_edits_are_found;
use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;

use crate::content::configure;

/// The key of what is edited, without its form, what makes it, and the edit.
const EDITS: [(&str, &str, &str); 44] = [
    (
        "table.a1",
        "CREATE TABLE a1 (a INT DEFAULT 1)",
        "ALTER TABLE a1 ALTER a SET DEFAULT 2",
    ),
    (
        "table.a2",
        "CREATE TABLE a2 (a INT NOT NULL)",
        "ALTER TABLE a2 MODIFY a INT",
    ),
    (
        "table.a3",
        "CREATE TABLE a3 (a INT)",
        "ALTER TABLE a3 MODIFY a BIGINT",
    ),
    (
        "table.a4",
        "CREATE TABLE a4 (a VARCHAR(20))",
        "ALTER TABLE a4 MODIFY a VARCHAR(30)",
    ),
    (
        "table.a5",
        "CREATE TABLE a5 (a INT, CONSTRAINT k CHECK (a > 0))",
        "ALTER TABLE a5 DROP CONSTRAINT k; ALTER TABLE a5 ADD CONSTRAINT k CHECK (a > -1)",
    ),
    (
        "table.a6",
        "CREATE TABLE a6 (a INT, b INT, KEY i (a))",
        "ALTER TABLE a6 DROP KEY i, ADD KEY i (b)",
    ),
    (
        "table.a7",
        "CREATE TABLE a7 (a INT, UNIQUE KEY i (a))",
        "ALTER TABLE a7 DROP KEY i, ADD KEY i (a)",
    ),
    (
        "table.a8",
        "CREATE TABLE a8 (a VARCHAR(20), KEY i (a(5)))",
        "ALTER TABLE a8 DROP KEY i, ADD KEY i (a(6))",
    ),
    (
        "table.a9",
        "CREATE TABLE a9 (a INT, b INT, KEY i (a, b))",
        "ALTER TABLE a9 DROP KEY i, ADD KEY i (b, a)",
    ),
    (
        "table.b1",
        "CREATE TABLE b1 (a INT, CONSTRAINT b1_k FOREIGN KEY (a) REFERENCES one (a))",
        "ALTER TABLE b1 DROP FOREIGN KEY b1_k; ALTER TABLE b1 ADD CONSTRAINT b1_k FOREIGN KEY (a) REFERENCES one (a) ON DELETE CASCADE",
    ),
    (
        "table.b2",
        "CREATE TABLE b2 (a INT, CONSTRAINT b2_k FOREIGN KEY (a) REFERENCES one (a))",
        "ALTER TABLE b2 DROP FOREIGN KEY b2_k; ALTER TABLE b2 ADD CONSTRAINT b2_k FOREIGN KEY (a) REFERENCES other (a)",
    ),
    (
        "table.b3",
        "CREATE TABLE b3 (a VARCHAR(9) COLLATE utf8mb4_bin)",
        "ALTER TABLE b3 MODIFY a VARCHAR(9) COLLATE utf8mb4_general_ci",
    ),
    (
        "table.b4",
        "CREATE TABLE b4 (a INT, b INT AS (a + 1))",
        "ALTER TABLE b4 MODIFY b INT AS (a + 2)",
    ),
    (
        "table.b5",
        "CREATE TABLE b5 (a INT, b INT AS (a + 1) VIRTUAL)",
        "ALTER TABLE b5 DROP b, ADD b INT AS (a + 1) STORED",
    ),
    (
        "table.b6",
        "CREATE TABLE b6 (a INT PRIMARY KEY AUTO_INCREMENT)",
        "ALTER TABLE b6 MODIFY a INT",
    ),
    (
        "table.b7",
        "CREATE TABLE b7 (a INT) COMMENT 'x'",
        "ALTER TABLE b7 COMMENT 'y'",
    ),
    (
        "table.b8",
        "CREATE TABLE b8 (a INT COMMENT 'x')",
        "ALTER TABLE b8 MODIFY a INT COMMENT 'y'",
    ),
    (
        "table.b9",
        "CREATE TABLE b9 (a INT) ROW_FORMAT=DYNAMIC",
        "ALTER TABLE b9 ROW_FORMAT=COMPACT",
    ),
    (
        "table.c1",
        "CREATE TABLE c1 (a INT) COLLATE utf8mb4_bin",
        "ALTER TABLE c1 COLLATE utf8mb4_general_ci",
    ),
    (
        "table.c2",
        "CREATE TABLE c2 (a INT) PARTITION BY RANGE (a) (PARTITION p VALUES LESS THAN (10))",
        "ALTER TABLE c2 REORGANIZE PARTITION p INTO (PARTITION p VALUES LESS THAN (20))",
    ),
    (
        "table.c3",
        "CREATE TABLE c3 (a INT, b INT) PARTITION BY HASH (a) PARTITIONS 2",
        "ALTER TABLE c3 PARTITION BY HASH (b) PARTITIONS 2",
    ),
    (
        "table.c4",
        "CREATE TABLE c4 (a TIMESTAMP NULL DEFAULT NULL)",
        "ALTER TABLE c4 MODIFY a TIMESTAMP NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP",
    ),
    (
        "table.c5",
        "CREATE TABLE c5 (a INT)",
        "ALTER TABLE c5 CHANGE a b INT",
    ),
    (
        "table.c6",
        "CREATE TABLE c6 (a ENUM('x', 'y'))",
        "ALTER TABLE c6 MODIFY a ENUM('x', 'z')",
    ),
    (
        "table.c7",
        "CREATE TABLE c7 (a INT UNSIGNED)",
        "ALTER TABLE c7 MODIFY a INT",
    ),
    (
        "table.c8",
        "CREATE TABLE c8 (a DECIMAL(5, 2))",
        "ALTER TABLE c8 MODIFY a DECIMAL(5, 1)",
    ),
    (
        "table.c9",
        "CREATE TABLE c9 (a INT, KEY i (a) COMMENT 'x')",
        "ALTER TABLE c9 DROP KEY i, ADD KEY i (a) COMMENT 'y'",
    ),
    (
        "table.d1",
        "CREATE TABLE d1 (a INT, KEY i (a))",
        "ALTER TABLE d1 DROP KEY i",
    ),
    (
        "view.d2",
        "CREATE VIEW d2 AS SELECT 1 AS a",
        "ALTER VIEW d2 AS SELECT 2 AS a",
    ),
    (
        "view.d3",
        "CREATE SQL SECURITY DEFINER VIEW d3 AS SELECT 1 AS a",
        "CREATE OR REPLACE SQL SECURITY INVOKER VIEW d3 AS SELECT 1 AS a",
    ),
    (
        "view.d4",
        "CREATE VIEW d4 AS SELECT a FROM one",
        "ALTER VIEW d4 AS SELECT a FROM one WHERE a = 1",
    ),
    (
        "view.d5",
        "CREATE VIEW d5 AS SELECT a FROM one WITH LOCAL CHECK OPTION",
        "ALTER VIEW d5 AS SELECT a FROM one",
    ),
    (
        "view.d6",
        "CREATE DEFINER = root@localhost VIEW d6 AS SELECT 1 AS a",
        "ALTER DEFINER = somebody@localhost VIEW d6 AS SELECT 1 AS a",
    ),
    (
        "function.d7",
        "CREATE FUNCTION d7() RETURNS INT RETURN 1",
        "ALTER FUNCTION d7 SQL SECURITY INVOKER",
    ),
    (
        "function.d8",
        "CREATE FUNCTION d8() RETURNS INT RETURN 1",
        "DROP FUNCTION d8; CREATE FUNCTION d8() RETURNS BIGINT RETURN 1",
    ),
    (
        "function.d9",
        "CREATE FUNCTION d9(a INT) RETURNS INT RETURN 1",
        "DROP FUNCTION d9; CREATE FUNCTION d9(a BIGINT) RETURNS INT RETURN 1",
    ),
    (
        "function.e1",
        "CREATE FUNCTION e1() RETURNS INT DETERMINISTIC RETURN 1",
        "DROP FUNCTION e1; CREATE FUNCTION e1() RETURNS INT RETURN 1",
    ),
    (
        "procedure.e2",
        "CREATE PROCEDURE e2(IN a INT) SELECT 1",
        "DROP PROCEDURE e2; CREATE PROCEDURE e2(OUT a INT) SELECT 1",
    ),
    (
        "procedure.e3",
        "CREATE DEFINER = root@localhost PROCEDURE e3() SELECT 1",
        "DROP PROCEDURE e3; CREATE DEFINER = somebody@localhost PROCEDURE e3() SELECT 1",
    ),
    (
        "procedure.e4",
        "CREATE PROCEDURE e4() SELECT 1",
        "DROP PROCEDURE e4; SET sql_mode = ''; CREATE PROCEDURE e4() SELECT 1",
    ),
    (
        "trigger.e5",
        "CREATE DEFINER = root@localhost TRIGGER e5 BEFORE INSERT ON one FOR EACH ROW SET NEW.a = 1",
        "DROP TRIGGER e5; CREATE DEFINER = somebody@localhost TRIGGER e5 BEFORE INSERT ON one FOR EACH ROW SET NEW.a = 1",
    ),
    (
        "event.e6",
        "CREATE DEFINER = root@localhost EVENT e6 ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01' DO SELECT 1",
        "ALTER DEFINER = somebody@localhost EVENT e6 ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01'",
    ),
    (
        "event.e7",
        "CREATE EVENT e7 ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01' DO SELECT 1",
        "ALTER EVENT e7 ON SCHEDULE EVERY 1 DAY STARTS '2031-01-01'",
    ),
    (
        "event.e8",
        "CREATE EVENT e8 ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01' ON COMPLETION PRESERVE DO SELECT 1 ",
        "ALTER EVENT e8 ON COMPLETION NOT PRESERVE",
    ),
];
const BEFORE: &str = "CREATE TABLE one (a INT PRIMARY KEY); CREATE TABLE other (a INT PRIMARY KEY); CREATE VIEW kept AS SELECT a FROM one;";

#[test]
fn edits_of_definitions_are_found() {
    let server = MariaDb::start();
    server.sql("CREATE USER somebody@localhost");
    for database in ["shop", "edited"] {
        server.sql(&format!(
            "CREATE DATABASE {database} COLLATE utf8mb4_general_ci; USE {database}; {BEFORE}"
        ));
        for (_, make, _) in EDITS {
            server.sql(&format!("USE {database}; {make}"));
        }
    }
    for (_, _, edit) in EDITS {
        server.sql(&format!("USE edited; {edit}"));
    }
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt(&["mysql"]).code(0);

    let edited = EDITS.map(|(key, _, _)| key);
    let kept = &["table.one", "table.other", "view.kept"];
    assert_edits_are_found(&host, "mysql", ["shop", "edited"], &edited, kept);
    // And what comes back is what was, under another name too.
    host.batt_drill("mysql").code(0).says("proven");
    let copied = host.batt_restore(&[], &["mysql", "--mysql-db", "shop", "--into", "copied"]);
    copied.code(0).says("no difference");
}
