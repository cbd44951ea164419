//! Dumps and accounts of MySQL that want more than they have.

use std::fs;

use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;

/// What a forged dump tries, and what it would leave behind.
const FORGED: [(&str, &str); 8] = [
    (
        "LOAD DATA LOCAL INFILE 'SECRET' INTO TABLE t;",
        "SELECT 1 FROM information_schema.tables WHERE table_schema = 'd' AND table_name = 't' AND table_rows > 0",
    ),
    (
        "DROP DATABASE other;",
        "SELECT 'gone' WHERE NOT EXISTS (SELECT 1 FROM information_schema.schemata WHERE schema_name = 'other')",
    ),
    (
        "GRANT ALL ON *.* TO evil@localhost IDENTIFIED BY 'x';",
        "SELECT user FROM mysql.user WHERE user = 'evil'",
    ),
    (
        "INSERT INTO other.t VALUES ('evil');",
        "SELECT * FROM other.t WHERE a = 'evil'",
    ),
    (
        "/*!50001 CREATE DATABASE evil */;",
        "SELECT 1 FROM information_schema.schemata WHERE schema_name = 'evil'",
    ),
    (
        "DELIMITER ;;\nCREATE PROCEDURE p() SELECT 1; CREATE DATABASE evil;;\nDELIMITER ;",
        "SELECT 1 FROM information_schema.schemata WHERE schema_name = 'evil'",
    ),
    (
        "CREATE TABLE m (a TEXT) ENGINE=MERGE UNION=(other.t) INSERT_METHOD=LAST;\nINSERT INTO m VALUES ('evil');",
        "SELECT * FROM other.t WHERE a = 'evil'",
    ),
    (
        "/*!50003 CREATE*/ /*!50003 TRIGGER x BEFORE INSERT ON t FOR EACH ROW INSERT INTO other.t VALUES ('evil') */;\n\
         INSERT INTO `t` VALUES ('x');",
        "SELECT * FROM other.t WHERE a = 'evil'",
    ),
];

/// Whoever can put a dump in the place of another, with all sums right, has the rights of who restores: so only what dumps hold
/// passes.
#[test]
fn a_forged_dump_reaches_nothing_but_its_database() {
    let server = MariaDb::start_with(&["--skip-log-bin", "--local-infile=ON"]);
    server.sql("CREATE DATABASE other; CREATE TABLE other.t (a TEXT) ENGINE=MyISAM");
    let options = server.option_file("root", "");
    for (statement, found) in FORGED {
        // One of its own for each, so that nothing is compared with an earlier backup.
        let host = Host::new();
        host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
        let secret = host.scratch().join("secret");
        fs::write(&secret, "canary of root\n").unwrap();
        let forged = host.scratch().join("forged.sql");
        let statement = statement.replace("SECRET", secret.to_str().unwrap());
        let dump = format!(
            "-- MariaDB dump by nobody\nCREATE DATABASE `d` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin; USE `d`;\n\
             -- Server version\t10.11\n\nCREATE TABLE `t` (\n  `a` text DEFAULT NULL\n) ENGINE=MyISAM;\n{statement}\n-- Dump completed\n"
        );
        fs::write(&forged, dump).unwrap();
        // A backup that this host has made itself, by another script.
        host.drop_in(
            "mysql",
            &format!("batt store --check mysql d -- cat '{}'", forged.display()),
        );
        host.batt(&["mysql"]).code(0);
        let finished = host.batt(&["restore", "mysql", "--replace"]);
        assert_eq!(server.sql(found), "", "{statement}\n{}", finished.said());
        finished.code(2).says("is none of a dump");
    }
}

/// What is known of statements may not be all: where a table of the dump leads elsewhere in a way that no dump program writes, and that nobody looks for,
/// the server itself refuses the account that loads it.
#[test]
fn a_statement_that_slips_through_reaches_nothing_but_its_database() {
    let server = MariaDb::start();
    server.sql("CREATE DATABASE other; CREATE TABLE other.t (a TEXT) ENGINE=MyISAM; CREATE TABLE other.p (a INT PRIMARY KEY); CREATE SEQUENCE other.s");
    let options = server.option_file("root", "");
    for table in [
        "CREATE TABLE `m` (\n  `a` text\n) ENGINE=MERGE UNION=(other.t);",
        "CREATE TABLE `m` (\n  `a` int REFERENCES other.p (a)\n) ENGINE=InnoDB;",
        "CREATE TABLE `m` (\n  `a` int DEFAULT nextval(other.s)\n) ENGINE=InnoDB;",
    ] {
        let host = Host::new();
        host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
        let forged = host.scratch().join("forged.sql");
        let dump = format!(
            "-- MariaDB dump by nobody\nCREATE DATABASE `d` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin; USE `d`;\n\
             -- Server version\t10.11\n\n{table}\n-- Dump completed\n"
        );
        fs::write(&forged, dump).unwrap();
        host.drop_in(
            "mysql",
            &format!("batt store --check mysql d -- cat '{}'", forged.display()),
        );
        host.batt(&["mysql"]).code(0);
        let finished = host.batt(&["restore", "mysql"]).code(2);
        finished.says("command denied to user 'batt-restore-");
        let made = server.sql("SELECT table_name FROM information_schema.tables WHERE table_schema = 'd'");
        assert_eq!(made, "", "{table}");
        server.sql("DROP DATABASE d");
    }
}

/// Who may make databases can make one that reads like what an interrupted restore has left, and account names that read like its accounts: nobody
/// here knows of them.
#[test]
fn what_reads_like_the_rest_of_a_replacement_is_nobody_s() {
    let server = MariaDb::start();
    server.sql("CREATE DATABASE d; CREATE TABLE d.t (a INT); CREATE DATABASE payroll; CREATE TABLE payroll.t (a INT)");
    let host = Host::new();
    let options = server.option_file("root", "");
    host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
    host.batt(&["--mysql-db", "d", "--mysql-db", "payroll"]).code(0);
    server.sql(
        "DROP DATABASE d; CREATE DATABASE `batt-aside-0123456789ab-1`; USE `batt-aside-0123456789ab-1`;
         CREATE TABLE `batt-note` (id INT AUTO_INCREMENT PRIMARY KEY, kind TEXT, name TEXT, mode TEXT, zone TEXT, spoken TEXT, collated TEXT, body TEXT);
         INSERT INTO `batt-note` (kind, name, collated) VALUES ('database', 'utf8mb4', 'utf8mb4_bin'), ('moved', 'payroll', NULL);
         CREATE USER 'batt-restore-0123456789ab-0'@localhost",
    );
    for items in [&["--mysql-db", "d"][..], &["--mysql-db", "payroll", "--replace"]] {
        host.batt(&[&["restore", "mysql"], items].concat()).code(0);
        let there = server.sql(
            "SELECT table_schema FROM information_schema.tables WHERE table_schema IN ('payroll', 'batt-aside-0123456789ab-1')
             UNION ALL SELECT user FROM mysql.user WHERE user LIKE 'batt-%' ORDER BY 1",
        );
        assert_eq!(
            there,
            "batt-aside-0123456789ab-1\nbatt-restore-0123456789ab-0\npayroll\n"
        );
    }
}

#[test]
fn forged_accounts_take_no_password_and_run_nothing() {
    let server = MariaDb::start();
    server.sql("CREATE USER app@localhost IDENTIFIED BY 'kept'");
    let password = "SELECT authentication_string FROM mysql.user WHERE user = 'app'";
    let kept = server.sql(password);
    let host = Host::new();
    let options = server.option_file("root", "");
    host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
    let forged = host.scratch().join("forged.sql");
    for statement in [
        "GRANT USAGE ON *.* TO app@localhost\nIDENTIFIED BY 'stolen';",
        "grant usage on *.* to app@localhost identified by 'stolen';",
        "ALTER USER app@localhost IDENTIFIED BY 'stolen';",
        "CREATE OR REPLACE USER app@localhost IDENTIFIED BY 'stolen';",
        "UPDATE mysql.global_priv SET priv = '{}' WHERE user = 'app';",
    ] {
        fs::write(
            &forged,
            format!("-- MariaDB dump of accounts\n{statement}\n-- Dump completed\n"),
        )
        .unwrap();
        host.drop_in(
            "mysql",
            &format!("batt store --check mysql mysql -- cat '{}'", forged.display()),
        );
        host.batt(&["mysql"]).code(0);
        let finished = host.batt(&["restore", "mysql"]);
        assert_eq!(server.sql(password), kept, "{statement}\n{}", finished.said());
        finished.code(2).says("is none of a dump");
    }
}

/// What was looked at is what is run: a name that reads like a password in a grant stays a name.
#[test]
fn names_of_accounts_do_not_end_where_a_password_would() {
    let server = MariaDb::start();
    server.sql("CREATE USER app@localhost IDENTIFIED BY 'kept'; CREATE DATABASE kept");
    let host = Host::new();
    let options = server.option_file("root", "");
    host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
    let forged = host.scratch().join("forged.sql");
    let text = "-- MariaDB dump of accounts\n\
        CREATE USER IF NOT EXISTS `a IDENTIFIED VIA unix_socket`@`h`;\n\
        CREATE USER IF NOT EXISTS `; DROP DATABASE kept; -- `@`h`;\n\
        GRANT USAGE ON *.* TO `a IDENTIFIED VIA unix_socket`@`h`;\n\
        GRANT USAGE ON *.* TO `; DROP DATABASE kept; -- `@`h`;\n-- Dump completed\n";
    fs::write(&forged, text).unwrap();
    host.drop_in(
        "mysql",
        &format!("batt store --check mysql mysql -- cat '{}'", forged.display()),
    );
    host.batt(&["mysql"]).code(0);
    let finished = host.batt(&["restore", "mysql"]);
    let there = server.sql("SELECT schema_name FROM information_schema.schemata WHERE schema_name = 'kept'");
    assert!(there.contains("kept"), "{}", finished.said());
    let made = server.sql("SELECT COUNT(*) FROM mysql.user WHERE host = 'h'");
    assert_eq!(made.trim(), "2", "{}", finished.said());
}
