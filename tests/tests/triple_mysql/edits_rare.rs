//! Edits of what few people use: of sequences, versions, periods, options of engines, programs in other ways, and of accounts.

use batt_tests::digests::assert_edits_are_found;
use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;

use crate::content::configure;

/// The key of what is edited, without its form, what makes it, and the edit.
const EDITS: [(&str, &str, &str); 55] = [
    (
        "sequence.a1",
        "CREATE SEQUENCE a1",
        "ALTER SEQUENCE a1 INCREMENT 7",
    ),
    (
        "sequence.a2",
        "CREATE SEQUENCE a2",
        "ALTER SEQUENCE a2 MAXVALUE 1000",
    ),
    (
        "sequence.a3",
        "CREATE SEQUENCE a3 START 5",
        "ALTER SEQUENCE a3 MINVALUE 3",
    ),
    (
        "sequence.a4",
        "CREATE SEQUENCE a4 MAXVALUE 9",
        "ALTER SEQUENCE a4 CYCLE",
    ),
    ("sequence.a5", "CREATE SEQUENCE a5", "ALTER SEQUENCE a5 CACHE 3"),
    (
        "sequence.a6 b",
        "CREATE SEQUENCE `a6 b`",
        "ALTER SEQUENCE `a6 b` START 5",
    ),
    (
        "table.b1",
        "CREATE TABLE b1 (a INT, b INT)",
        "ALTER TABLE b1 MODIFY b INT FIRST",
    ),
    (
        "table.b2",
        "CREATE TABLE b2 (a INT, b INT)",
        "ALTER TABLE b2 MODIFY b INT INVISIBLE",
    ),
    (
        "table.b3",
        "CREATE TABLE b3 (a INT, KEY i (a))",
        "ALTER TABLE b3 ALTER INDEX i IGNORED",
    ),
    (
        "table.b4",
        "CREATE TABLE b4 (a INT) WITH SYSTEM VERSIONING",
        "ALTER TABLE b4 DROP SYSTEM VERSIONING",
    ),
    (
        "table.b5",
        "CREATE TABLE b5 (a INT, b INT) WITH SYSTEM VERSIONING",
        "SET system_versioning_alter_history = KEEP; ALTER TABLE b5 MODIFY b INT WITHOUT SYSTEM VERSIONING",
    ),
    (
        "table.b6",
        "CREATE TABLE b6 (s DATE, e DATE, PERIOD FOR p (s, e))",
        "ALTER TABLE b6 DROP PERIOD FOR p",
    ),
    (
        "parts-of-table.b7",
        "CREATE TABLE b7 (a INT, s DATE, e DATE, PERIOD FOR p (s, e), UNIQUE KEY i (a, p WITHOUT OVERLAPS))",
        "DROP TABLE b7; CREATE TABLE b7 (a INT, s DATE, e DATE, PERIOD FOR p (s, e), UNIQUE KEY i (a, e, s))",
    ),
    (
        "table.b8",
        "CREATE TABLE b8 (a INT NOT NULL, PRIMARY KEY (a))",
        "ALTER TABLE b8 DROP PRIMARY KEY, ADD UNIQUE KEY i (a)",
    ),
    (
        "table.b9",
        "CREATE TABLE b9 (a CHAR(36) DEFAULT (UUID()))",
        "ALTER TABLE b9 ALTER a SET DEFAULT (MD5(1))",
    ),
    (
        "table.c1",
        "CREATE TABLE c1 (a INT DEFAULT 1)",
        "ALTER TABLE c1 ALTER a DROP DEFAULT",
    ),
    (
        "table.c2",
        "CREATE TABLE c2 (a INT) PARTITION BY LIST (a) (PARTITION p VALUES IN (1, 2))",
        "ALTER TABLE c2 REORGANIZE PARTITION p INTO (PARTITION p VALUES IN (1, 3))",
    ),
    (
        "table.c3",
        "CREATE TABLE c3 (a INT, b INT) PARTITION BY RANGE (a) SUBPARTITION BY HASH (b) SUBPARTITIONS 2 (PARTITION p VALUES LESS THAN (9))",
        "ALTER TABLE c3 PARTITION BY RANGE (a) SUBPARTITION BY HASH (a) SUBPARTITIONS 2 (PARTITION p VALUES LESS THAN (9))",
    ),
    (
        "parts-of-table.c4",
        "CREATE TABLE c4 (a INT) WITH SYSTEM VERSIONING PARTITION BY SYSTEM_TIME LIMIT 10 (PARTITION h HISTORY, PARTITION c CURRENT)",
        "ALTER TABLE c4 PARTITION BY SYSTEM_TIME LIMIT 20 (PARTITION h HISTORY, PARTITION c CURRENT)",
    ),
    (
        "table.c5",
        "CREATE TABLE c5 (a INT)",
        "ALTER TABLE c5 ENGINE=MyISAM",
    ),
    (
        "table.c6",
        "CREATE TABLE c6 (a INT)",
        "ALTER TABLE c6 STATS_PERSISTENT=0",
    ),
    (
        "table.c7",
        "CREATE TABLE c7 (a INT) ENGINE=MyISAM",
        "ALTER TABLE c7 CHECKSUM=1",
    ),
    (
        "table.c8",
        "CREATE TABLE c8 (a INT) ENGINE=MyISAM",
        "ALTER TABLE c8 DELAY_KEY_WRITE=1",
    ),
    (
        "parts-of-table.c9",
        "CREATE TABLE c9 (a INT) ENGINE=MERGE UNION=(my, your)",
        "ALTER TABLE c9 UNION=(my)",
    ),
    (
        "parts-of-table.d1",
        "CREATE TABLE d1 (a INT) ENGINE=MERGE UNION=(my)",
        "ALTER TABLE d1 INSERT_METHOD=LAST",
    ),
    (
        "table.d2",
        "CREATE TABLE d2 (a INT) ENGINE=MyISAM",
        "ALTER TABLE d2 MAX_ROWS=7",
    ),
    (
        "table.d3",
        "CREATE TABLE d3 (a INT, CONSTRAINT d3_k FOREIGN KEY (a) REFERENCES one (a))",
        "ALTER TABLE d3 DROP FOREIGN KEY d3_k; ALTER TABLE d3 ADD CONSTRAINT d3_k FOREIGN KEY (a) REFERENCES one (a) ON UPDATE SET NULL",
    ),
    (
        "table.d4",
        "CREATE TABLE d4 (a TIMESTAMP(3) NULL)",
        "ALTER TABLE d4 MODIFY a TIMESTAMP(6) NULL",
    ),
    (
        "table.d5",
        "CREATE TABLE d5 (a BLOB)",
        "ALTER TABLE d5 MODIFY a BLOB COMPRESSED",
    ),
    (
        "table.d6",
        "CREATE TABLE d6 (a INT)",
        "ALTER TABLE d6 MODIFY a INT ZEROFILL",
    ),
    (
        "table.d7",
        "CREATE TABLE d7 (a TEXT, b TEXT, FULLTEXT KEY i (a))",
        "ALTER TABLE d7 DROP KEY i, ADD FULLTEXT KEY i (b)",
    ),
    (
        "table.d8",
        "CREATE TABLE d8 (a INT CHECK (a > 0))",
        "ALTER TABLE d8 MODIFY a INT",
    ),
    (
        "table.e1",
        "CREATE TABLE e1 (a INT, KEY i (a)) ENGINE=MEMORY",
        "ALTER TABLE e1 DROP KEY i, ADD KEY i (a) USING BTREE",
    ),
    (
        "table.e2",
        "CREATE TABLE e2 (a VARCHAR(9) CHARACTER SET latin1)",
        "ALTER TABLE e2 MODIFY a VARCHAR(9) CHARACTER SET utf8mb3",
    ),
    (
        "table.e3",
        "CREATE TABLE e3 (a INT, KEY i (a))",
        "ALTER TABLE e3 DROP KEY i, ADD KEY j (a)",
    ),
    (
        "table.e4",
        "CREATE TABLE e4 (a INT) PAGE_COMPRESSED=1",
        "ALTER TABLE e4 PAGE_COMPRESSED=0",
    ),
    (
        "table.e5",
        "CREATE TABLE e5 (a INT) ENGINE=Aria TRANSACTIONAL=1",
        "ALTER TABLE e5 TRANSACTIONAL=0",
    ),
    (
        "view.f1",
        "CREATE ALGORITHM = MERGE VIEW f1 AS SELECT a FROM one",
        "ALTER ALGORITHM = TEMPTABLE VIEW f1 AS SELECT a FROM one",
    ),
    (
        "view.f2",
        "CREATE VIEW f2 AS SELECT a FROM one WITH CASCADED CHECK OPTION",
        "ALTER VIEW f2 AS SELECT a FROM one WITH LOCAL CHECK OPTION",
    ),
    (
        "view.f3",
        "CREATE VIEW f3 AS SELECT a FROM one",
        "ALTER VIEW f3 AS SELECT a AS b FROM one",
    ),
    (
        "view.f4",
        "SET NAMES utf8mb4; CREATE VIEW f4 AS SELECT a FROM one WHERE 'x' = 'X'",
        "SET NAMES utf8mb4 COLLATE utf8mb4_bin; ALTER VIEW f4 AS SELECT a FROM one WHERE 'x' = 'X'; SET NAMES utf8mb4",
    ),
    (
        "procedure.f5",
        "CREATE PROCEDURE f5() COMMENT 'x' SELECT 1",
        "ALTER PROCEDURE f5 COMMENT 'y'",
    ),
    (
        "procedure.f6",
        "CREATE PROCEDURE f6() SELECT 1",
        "ALTER PROCEDURE f6 MODIFIES SQL DATA",
    ),
    (
        "procedure.f7",
        "CREATE PROCEDURE f7() SELECT 1",
        "DROP PROCEDURE f7; CREATE PROCEDURE f7() SELECT 2",
    ),
    (
        "procedure.f8",
        "CREATE PROCEDURE f8() SELECT 'x' = 'X'",
        "DROP PROCEDURE f8; SET NAMES utf8mb4 COLLATE utf8mb4_bin; CREATE PROCEDURE f8() SELECT 'x' = 'X'; SET NAMES utf8mb4",
    ),
    (
        "package.f9",
        "SET sql_mode = ORACLE;\nDELIMITER //\nCREATE PACKAGE f9 AS PROCEDURE p; END//\nDELIMITER ;\nSET sql_mode = DEFAULT",
        "SET sql_mode = ORACLE;\nDELIMITER //\nCREATE OR REPLACE PACKAGE f9 AS PROCEDURE q; END//\nDELIMITER ;\nSET sql_mode = DEFAULT",
    ),
    (
        "package-body.g1",
        "SET sql_mode = ORACLE;\nDELIMITER //\nCREATE PACKAGE g1 AS PROCEDURE p; END//\nCREATE PACKAGE BODY g1 AS PROCEDURE p AS BEGIN NULL; END; END//\nDELIMITER ;\nSET sql_mode = DEFAULT",
        "SET sql_mode = ORACLE;\nDELIMITER //\nCREATE OR REPLACE PACKAGE BODY g1 AS PROCEDURE p AS BEGIN SELECT 1; END; END//\nDELIMITER ;\nSET sql_mode = DEFAULT",
    ),
    (
        "trigger.g2",
        "CREATE TRIGGER g2 BEFORE INSERT ON one FOR EACH ROW SET @a = 1",
        "DROP TRIGGER g2; CREATE TRIGGER g2 AFTER INSERT ON one FOR EACH ROW SET @a = 1",
    ),
    (
        "trigger.g3",
        "CREATE TRIGGER g3 BEFORE INSERT ON other FOR EACH ROW SET @a = 1",
        "DROP TRIGGER g3; CREATE TRIGGER g3 BEFORE INSERT ON third FOR EACH ROW SET @a = 1",
    ),
    (
        "trigger.g4",
        "CREATE TRIGGER g4 BEFORE UPDATE ON one FOR EACH ROW SET @a = 1; CREATE TRIGGER g5 BEFORE UPDATE ON one FOR EACH ROW SET @a = 2",
        "DROP TRIGGER g4; CREATE TRIGGER g4 BEFORE UPDATE ON one FOR EACH ROW FOLLOWS g5 SET @a = 1",
    ),
    (
        "trigger.g6",
        "CREATE TRIGGER g6 BEFORE DELETE ON one FOR EACH ROW SET @a = 'x' = 'X'",
        "DROP TRIGGER g6; SET sql_mode = ''; CREATE TRIGGER g6 BEFORE DELETE ON one FOR EACH ROW SET @a = 'x' = 'X'; SET sql_mode = DEFAULT",
    ),
    (
        "event-state.h1",
        "CREATE EVENT h1 ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01' DO SELECT 1",
        "ALTER EVENT h1 DISABLE",
    ),
    (
        "event.h2",
        "CREATE EVENT h2 ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01' DO SELECT 1",
        "ALTER EVENT h2 ON SCHEDULE EVERY 2 DAY STARTS '2030-01-01'",
    ),
    (
        "event.h3",
        "CREATE EVENT h3 ON SCHEDULE AT '2037-01-01' ON COMPLETION PRESERVE DO SELECT 1",
        "ALTER EVENT h3 ON SCHEDULE AT '2036-01-01'",
    ),
    (
        "event.h4",
        "CREATE EVENT h4 ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01' DO SELECT 1",
        "ALTER EVENT h4 DO SELECT 2",
    ),
];
const BEFORE: &str = "CREATE TABLE one (a INT PRIMARY KEY); CREATE TABLE other (a INT PRIMARY KEY); CREATE TABLE third (a INT PRIMARY KEY);
    CREATE TABLE my (a INT) ENGINE=MyISAM; CREATE TABLE your (a INT) ENGINE=MyISAM; CREATE SEQUENCE kept";

#[test]
fn edits_of_what_few_people_use_are_found() {
    let server = MariaDb::start();
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
    let kept = &["table.one", "table.my", "sequence.kept"];
    assert_edits_are_found(&host, "mysql", ["shop", "edited"], &edited, kept);
    // And what comes back is what was, under another name too.
    host.batt_drill("mysql").code(0).says("proven");
    let copied = host.batt_restore(&[], &["mysql", "--mysql-db", "shop", "--into", "copied"]);
    copied.code(0).says("no difference");
    server.sql("DROP DATABASE shop");
    let restored = host.batt_restore(&[], &["mysql", "--mysql-db", "shop"]);
    restored.code(0).says("no difference");
}
