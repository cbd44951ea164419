mod bulk_load;
mod needs;
mod routines;
mod stages;

use super::super::super::fixtures::fixture;
use super::*;

/// Hands a dump on in pieces; returns what passed, and the objection.
fn handed(content: Content, dump: &[u8], piece: usize) -> (Vec<u8>, Option<String>) {
    let mut gate = Gate::new(content);
    let mut passed = Vec::new();
    for piece in dump.chunks(piece) {
        if let Err(reason) = gate.take(piece, &mut passed) {
            return (passed, Some(reason));
        }
    }
    let end = gate.finish().err();
    (passed, end)
}

/// Hands a dump on in pieces of several sizes, and expects one verdict.
fn verdict(content: Content, dump: &[u8]) -> (Vec<u8>, Option<String>) {
    let first = handed(content, dump, dump.len());
    for piece in [1, 7, 100] {
        let (passed, objection) = handed(content, dump, piece);
        assert_eq!(
            objection.is_some(),
            first.1.is_some(),
            "pieces of {piece}: {objection:?} {:?}",
            first.1
        );
        assert!(objection.is_some() || passed == first.0, "pieces of {piece}");
    }
    first
}

fn passes(dump: &str) {
    let (passed, objection) = verdict(Content::Database, dump.as_bytes());
    assert_eq!(objection, None, "{dump}");
    assert_eq!(String::from_utf8_lossy(&passed), dump);
}

#[track_caller]
fn stops(dump: &str) {
    let (passed, objection) = verdict(Content::Database, dump.as_bytes());
    let objection = objection.unwrap_or_else(|| panic!("it passed: {dump}"));
    assert!(dump.as_bytes().starts_with(&passed), "{dump}");
    assert!(
        objection.starts_with("statement ") || objection.contains("ends within"),
        "{objection}"
    );
}

/// The beginning of an archive, up to the first table.
const HEAD: &str = "-- MariaDB dump by mariadb-dump\n\
    CREATE DATABASE `shop` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin; USE `shop`;\n\
    /*M!999999\\- enable the sandbox mode */ \n-- Server version\t10.11\n\n\
    /*!40101 SET NAMES utf8mb4 */;\n\
    /*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;\n\
    CREATE TABLE `t` (\n  `a` int(11) DEFAULT NULL\n) ENGINE=InnoDB;\n";

#[test]
fn rows_between_a_setting_of_autocommit_and_a_commit_pass() {
    passes(&format!(
        "{HEAD}SET @OLD_AUTOCOMMIT=@@AUTOCOMMIT, @@AUTOCOMMIT=0;\n\
         /*!40000 ALTER TABLE `t` DISABLE KEYS */;\nINSERT INTO `t` VALUES\n(1);\n\
         /*!40000 ALTER TABLE `t` ENABLE KEYS */;\nCOMMIT;\nSET AUTOCOMMIT=@OLD_AUTOCOMMIT;\n-- Dump completed\n"
    ));
    stops(&format!("{HEAD}COMMIT AND CHAIN;\n-- Dump completed\n"));
    stops(&format!(
        "{HEAD}SET AUTOCOMMIT=@OLD_SQL_MODE;\n-- Dump completed\n"
    ));
}

#[test]
fn what_dump_programs_write_passes_as_it_is() {
    for name in [
        "mariadb-app.sql",
        "mariadb-undated.sql",
        "mariadb-compact.sql",
        "mariadb-shop.sql",
    ] {
        let dump = fixture(name);
        let (passed, objection) = verdict(Content::Database, &dump);
        assert_eq!(objection, None, "{name}");
        // But for the name of the database, where its collation is changed.
        let dump = String::from_utf8_lossy(&dump).replace("ALTER DATABASE `shop` ", "ALTER DATABASE  ");
        assert!(String::from_utf8_lossy(&passed) == dump, "{name}");
    }
    let dump = fixture("mariadb-accounts-as-stored.sql");
    let (passed, objection) = verdict(Content::Accounts, &dump);
    assert_eq!(objection, None);
    assert!(passed == dump);
}

#[test]
fn statements_of_earlier_and_other_programs_pass() {
    for statement in [
        "/*!50503 SET character_set_client = utf8mb4 */;",
        "/*!50001 CREATE TABLE `v` (\n  `a` tinyint NOT NULL\n) ENGINE=MyISAM */;",
        "/*!50001 CREATE VIEW `v` AS SELECT \n 1 AS `a`*/;",
        "CREATE TABLE `p` (\n  `a` int\n)\n/*!50100 PARTITION BY RANGE (`a`)\n(PARTITION x VALUES LESS THAN (5) ENGINE = InnoDB) */;",
        "CREATE TABLE `p` (\n  `a` int /*!80023 INVISIBLE */\n) ENGINE=InnoDB /*!80016 DEFAULT ENCRYPTION='N' */;",
        "INSERT  IGNORE INTO `t` (`a`, `b``c`) VALUES (1,-2.5e-7),(NULL,_binary 'x\\'; DROP'),(0xAB,b'01');",
        "REPLACE INTO `t` VALUES ('it''s',_utf8mb4'y');",
        "/*!50003 DROP PROCEDURE IF EXISTS `p` */;\nDELIMITER ;;\n/*!50003 CREATE*/ /*!50020 DEFINER=`a`@`%`*/ /*!50003 PROCEDURE `p`()\nBEGIN\nSELECT 1; END */;;\nDELIMITER ;",
        "/*!50106 CREATE*/ /*!50117 DEFINER=`a`@`%`*/ /*!50106 EVENT `e` ON SCHEDULE EVERY 1 DAY DO SELECT 1 */;",
        "SELECT SETVAL(`s`, 1000, 0);",
        "/*M!100616 SET @OLD_NOTE_VERBOSITY=@@NOTE_VERBOSITY, NOTE_VERBOSITY=0 */;",
        "/*M!101100 SET @old_system_versioning_insert_history=@@session.system_versioning_insert_history, @@session.system_versioning_insert_history=1 */;",
    ] {
        passes(&format!("{HEAD}{statement}\n-- Dump completed\n"));
    }
}

#[test]
fn the_collation_of_the_database_is_changed_without_its_name() {
    let dump = format!("{HEAD}ALTER DATABASE `shop` CHARACTER SET latin1 COLLATE latin1_bin ;\n");
    let (passed, objection) = verdict(Content::Database, dump.as_bytes());
    assert_eq!(objection, None);
    assert!(passed.ends_with(b"ALTER DATABASE  CHARACTER SET latin1 COLLATE latin1_bin ;\n"));
    stops(&format!(
        "{HEAD}ALTER DATABASE `other` CHARACTER SET latin1 COLLATE latin1_bin ;\n"
    ));
}

#[test]
fn what_no_dump_program_writes_stops() {
    for statement in [
        "LOAD DATA LOCAL INFILE '/etc/shadow' INTO TABLE `t`;",
        "LOAD DATA INFILE '/etc/passwd' INTO TABLE `t`;",
        "/*!50001 LOAD DATA LOCAL INFILE '/etc/shadow' INTO TABLE `t` */;",
        "SELECT 1 INTO OUTFILE '/tmp/x';",
        "SELECT * FROM `t` INTO DUMPFILE '/tmp/x';",
        "DROP DATABASE `other`;",
        "DROP DATABASE `shop`;",
        "/*!40000 DROP DATABASE IF EXISTS `other`*/;",
        "/*M!100100 DROP DATABASE `other` */;",
        "CREATE DATABASE `other`;",
        "USE `other`;",
        "GRANT ALL ON *.* TO `evil`@`%`;",
        "CREATE USER `evil`@`%`;",
        "SET PASSWORD = '';",
        "SET GLOBAL general_log = 1;",
        "SET @@GLOBAL.general_log = 1;",
        "/*!40101 SET @@global.sql_mode='' */;",
        "SET @x = (SELECT 1);",
        "SET @OLD_SQL_MODE = 'x';",
        "SET PERSIST x = 1;",
        "INSTALL PLUGIN x SONAME 'y';",
        "INSTALL SONAME 'y';",
        "CREATE FUNCTION x RETURNS STRING SONAME 'lib.so';",
        "CREATE AGGREGATE FUNCTION x RETURNS STRING SONAME 'lib.so';",
        "\\! touch /tmp/x",
        "\\! touch /tmp/x\n;",
        "system touch /tmp/x\n;",
        "source /tmp/x\n;",
        "charset gbk\n;",
        "\\C gbk\n;",
        "DELIMITER $$\nSELECT 1 $$",
        "delimiter ;;\nSELECT 1;;",
        " DELIMITER ;;\nSELECT 1;;",
        "EXECUTE IMMEDIATE 'DROP DATABASE other';",
        "PREPARE x FROM 'DROP DATABASE other';",
        "HANDLER `t` OPEN;",
        "CALL p();",
        "DO SLEEP(10);",
        "DO SETVAL(`s`, (SELECT 1), 0);",
        "BEGIN NOT ATOMIC DROP DATABASE other; END;",
        "FLUSH PRIVILEGES;",
        "KILL 1;",
        "SHUTDOWN;",
        "DELETE FROM `t`;",
        "TRUNCATE TABLE `t`;",
        "RENAME TABLE `t` TO `other`.`t`;",
        "DROP TABLE IF EXISTS `other`.`t`;",
        "DROP TABLE IF EXISTS `t`, `other`.`t`;",
        "DROP TABLE `t`;",
        "ALTER TABLE `t` ENGINE=FEDERATED;",
        "LOCK TABLES `t` WRITE, `other`.`t` WRITE;",
        "CREATE TABLE `other`.`t` (a int);",
        "CREATE TABLE `u` (a int) SELECT * FROM other.t;",
        "CREATE TABLE `u` (a int) AS SELECT f();",
        "CREATE TABLE `u` (a int) /*!50001 SELECT 1 */;",
        "CREATE TABLE `u` AS SELECT 1;",
        "CREATE TABLE `u` (LIKE other.t);",
        "CREATE TABLE `u` LIKE other.t;",
        "CREATE TABLE `u` (a int) TABLE other.t;",
        "CREATE TABLE `u` (a int) VALUES ROW(1);",
        "CREATE OR REPLACE TABLE `u` (a int);",
        "CREATE VIEW `other`.`v` AS SELECT 1;",
        "CREATE VIEW `v` AS SELECT 1; DROP DATABASE other;",
        "CREATE PROCEDURE `other`.`p`() SELECT 1;",
        "CREATE TABLESPACE x ADD DATAFILE 'y';",
        "CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'x');",
        "CHANGE MASTER TO MASTER_HOST='x';",
        "/*!99999 SET @x=1 */;",
        "/*! DROP DATABASE other */;",
        "/*!50001 SET @saved_sql_mode = @@sql_mode */ ; DROP DATABASE other;",
        ";",
        "# x\nDROP DATABASE other;",
        "-- x\nDROP DATABASE other;",
        "--DROP\nDROP DATABASE other;",
        "/* x */ DROP DATABASE other;",
        "`t`;",
    ] {
        stops(&format!("{HEAD}{statement}\n-- Dump completed\n"));
    }
}

#[test]
fn rows_are_values() {
    for rows in [
        "INSERT INTO `t` VALUES (LOAD_FILE('/etc/passwd'));",
        "INSERT INTO `t` VALUES ((SELECT 1));",
        "INSERT INTO `t` VALUES (f());",
        "INSERT INTO `t` VALUES (@x);",
        "INSERT INTO `t` VALUES (@@hostname);",
        "INSERT INTO `t` VALUES (1) ON DUPLICATE KEY UPDATE a=f();",
        "INSERT INTO `t` VALUES (1) RETURNING f();",
        "INSERT INTO `t` VALUES (1)\n; DROP DATABASE other;",
        "INSERT INTO `t` VALUES (SLEEP);",
        "INSERT INTO `t` VALUES ('a' 'b');",
        "INSERT INTO `t` VALUES (\"a\");",
        "INSERT INTO `t` VALUES (1 /*! ,f() */);",
        "INSERT INTO `t` VALUES (1); -- x",
        "INSERT INTO `t` VALUES (_binary f());",
        "INSERT INTO `t` SELECT * FROM other.t;",
        "INSERT INTO `t` SET a=1;",
        "INSERT INTO `other`.`t` VALUES (1);",
        "INSERT INTO `t` (`a`) SELECT 1;",
        "INSERT INTO `unknown` VALUES (1);",
        "insert into `other`.`t` values (1);",
    ] {
        let is_end = rows.ends_with("-- x");
        let dump = format!("{HEAD}{rows}\n-- Dump completed\n");
        if is_end {
            passes(&dump.replace(" -- x", "")); // what follows on the line is not its end
        } else {
            stops(&dump);
        }
    }
}

#[test]
fn no_row_goes_where_something_runs_or_elsewhere() {
    let trigger =
        "/*!50003 CREATE*/ /*!50003 TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET NEW.a = f() */;\n";
    stops(&format!("{HEAD}{trigger}INSERT INTO `t` VALUES (1);\n"));
    passes(&format!(
        "{HEAD}{trigger}CREATE TABLE `u` (a int);\nINSERT INTO `u` VALUES (1);\n"
    ));
    for table in [
        "CREATE TABLE `m` (a int) ENGINE=MERGE UNION=(`other`.`t`) INSERT_METHOD=LAST;",
        "CREATE TABLE `m` (a int) ENGINE='MRG_MyISAM' UNION=(`t`);",
        "CREATE TABLE `m` (a int) ENGINE `FEDERATED` CONNECTION='mysql://x/y/z';",
        "CREATE TABLE `m` (a int) /*!50001 ENGINE=CONNECT */ FILE_NAME='/etc/x';",
    ] {
        passes(&format!("{HEAD}{table}\n"));
        stops(&format!("{HEAD}{table}\nINSERT INTO `m` VALUES (1);\n"));
    }
}

#[test]
fn a_table_of_archive_is_made_without_its_counter() {
    let made = |table: &str| {
        let dump = format!("{HEAD}{table};\n");
        let (passed, objection) = verdict(Content::Database, dump.as_bytes());
        assert_eq!(objection, None, "{dump}");
        let passed = String::from_utf8(passed).unwrap();
        passed.strip_prefix(HEAD).unwrap().trim_end().to_owned()
    };
    let columns = "CREATE TABLE `a` (\n  `n` int(11) NOT NULL AUTO_INCREMENT COMMENT ') ENGINE=ARCHIVE AUTO_INCREMENT=1',\n  KEY `n` (`n`)\n)";
    assert_eq!(
        made(&format!(
            "{columns} ENGINE=ARCHIVE AUTO_INCREMENT=105 DEFAULT CHARSET=latin1"
        )),
        format!("{columns} ENGINE=ARCHIVE  DEFAULT CHARSET=latin1;")
    );
    for other in [
        "ENGINE=InnoDB AUTO_INCREMENT=105 COMMENT='ENGINE=ARCHIVE'",
        "ENGINE=ARCHIVE DEFAULT CHARSET=latin1",
    ] {
        assert_eq!(made(&format!("{columns} {other}")), format!("{columns} {other};"));
    }
}

#[test]
fn a_text_cannot_be_read_in_two_ways() {
    passes(&format!(
        "{HEAD}DELIMITER ;;\n/*!50003 CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET @a = 1 /* x */ */;;\n-- */ ;; x ;;\nDELIMITER ;\n"
    ));
    for statements in [
        // The server takes the backslash for itself, and the text for ended.
        "/*!50003 SET sql_mode = 'NO_BACKSLASH_ESCAPES' */ ;\nINSERT INTO `t` VALUES ('\\'),('; DROP DATABASE other; -- ');",
        "/*!50003 SET sql_mode = 'NO_BACKSLASH_ESCAPES' */ ;\n/*!99998 SET sql_mode = @saved_sql_mode */ ;\nINSERT INTO `t` VALUES (1);",
        "/*!50003 SET sql_mode = 'ANSI_QUOTES' */ ;\n/*!50003 SET @saved_sql_mode = @@sql_mode */ ;\n/*!50003 SET sql_mode = @saved_sql_mode */ ;",
        "/*!50003 SET sql_mode = 'ANSI_QUOTES' */ ;\nCREATE TABLE \"u\" (a int);",
        "SET NAMES gbk;",
        "/*!40101 SET NAMES sjis */;",
        "/*!50003 SET character_set_client = big5 */;\nINSERT INTO `t` VALUES (1);",
        "/*!50003 SET character_set_client = big5 */;\nCREATE TABLE `u` (a int);",
        "SET character_set_client = 'gbk';",
        "SET character_set_client = @saved_sql_mode;",
        // The server takes for a comment what the client takes for an end.
        "DELIMITER ;;\n/*!50003 SET @saved_sql_mode = @@sql_mode */ /*;;\n*/ DROP DATABASE other;;\nDELIMITER ;",
        "CREATE VIEW `v` AS SELECT /*+ ' */ 1 /* '; DROP DATABASE other; -- */;",
    ] {
        stops(&format!("{HEAD}{statements}\n-- Dump completed\n"));
    }
}

#[test]
fn accounts_are_made_and_granted_to_and_nothing_else() {
    let head = "-- MariaDB dump 10.19\n\n/*!40101 SET NAMES utf8mb4 */;\n";
    for statement in [
        "DROP USER `root`@`localhost`;",
        "DROP ROLE x;",
        "CREATE USER `root`@`localhost` IDENTIFIED BY 'x';",
        "CREATE OR REPLACE USER `root`@`localhost` IDENTIFIED BY 'x';",
        "ALTER USER `root`@`localhost` IDENTIFIED BY 'x';",
        "ALTER USER `root`@`localhost` IDENTIFIED BY 'x' DEFAULT ROLE NONE;",
        "SET PASSWORD FOR `root`@`localhost` = 'x';",
        "GRANT ALL ON *.* TO `root`@`localhost` IDENTIFIED BY 'x';",
        "grant usage on *.* to `root`@`localhost`\n identified by 'x';",
        "INSERT INTO `mysql`.`user` VALUES (1);",
        "CREATE TABLE `t` (a int);",
        "SET ROLE admin;",
        "EXECUTE IMMEDIATE CONCAT('DROP DATABASE ', @current_role);",
        "INSTALL SONAME 'x';",
        "DROP DATABASE shop;",
        "CREATE USER IF NOT EXISTS a; DROP DATABASE shop;",
        "/*!99999 CREATE USER */ DROP DATABASE shop;",
        "FLUSH PRIVILEGES;",
        "\\! touch /tmp/x\n;",
        "REVOKE ALL ON *.* FROM `root`@`localhost`;",
    ] {
        let dump = format!("{head}{statement}\n-- Dump completed\n");
        let (_, objection) = verdict(Content::Accounts, dump.as_bytes());
        assert!(objection.is_some(), "it passed: {statement}");
    }
    let dump = format!(
        "{head}CREATE USER IF NOT EXISTS 'a'@'%' IDENTIFIED WITH 'caching_sha2_password' AS 0x2441 REQUIRE NONE;\n\
         GRANT SELECT ON `shop`.* TO `a`@`%`;\nSET DEFAULT ROLE `r`@`%` TO 'a'@'%';\n-- Dump completed\n"
    );
    assert_eq!(
        verdict(Content::Accounts, dump.as_bytes()),
        (dump.into_bytes(), None)
    );
}

#[test]
fn what_has_no_end_is_not_held_for_ever() {
    let mut gate = Gate::new(Content::Database);
    let mut passed = Vec::new();
    gate.take(b"CREATE TABLE `t` (", &mut passed).unwrap();
    let piece = vec![b'x'; 1 << 20];
    let stopped = (0..6).find_map(|_| gate.take(&piece, &mut passed).err());
    assert!(stopped.is_some_and(|reason| reason.contains("no end")));
    assert!(passed.is_empty());
}
