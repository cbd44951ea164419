//! A server with content of every kind that a dump may lose, and a host that backs it up.

use std::collections::BTreeMap;
use std::path::PathBuf;

use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;

/// The databases that `SHOP` makes.
pub(crate) const DATABASES: [&str; 4] = ["shop", "old", "it's `q`\tgröße;", "two\nlines"];

const SHOP: &str = r#"
    CREATE DATABASE shop CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
    USE shop;
    CREATE TABLE article (id INT PRIMARY KEY AUTO_INCREMENT, title VARCHAR(80), picture BLOB, changed TIMESTAMP,
        price DECIMAL(5,1) DEFAULT 1.5, words INT AS (LENGTH(title)) STORED, parity INT AS (id % 2) VIRTUAL, place POINT) ENGINE=InnoDB;
    INSERT INTO article (title, picture, changed, place)
        SELECT CONCAT('näme'' \\ "),(\n🙂 ', seq), UNHEX(SHA1(seq)), '2024-02-29 12:00:00' + INTERVAL seq MINUTE, POINT(seq, 1)
        FROM seq_1_to_5000;
    CREATE TABLE part (id INT, section INT) ENGINE=InnoDB PARTITION BY HASH (section) PARTITIONS 4;
    INSERT INTO part SELECT seq, seq % 7 FROM seq_1_to_500;
    CREATE TABLE `we``ird "t'a` (`a``b` INT, `c d` TEXT COMMENT 'CREATE TABLE `x` (') COMMENT='INSERT INTO `part` VALUES (1);';
    INSERT INTO `we``ird "t'a` VALUES (1, 'x;\n-- Dump completed on 2024-01-01  1:00:00\n'), (2, ''), (3, NULL);
    CREATE TABLE `größe\t1` (a INT); INSERT INTO `größe\t1` VALUES (1);
    CREATE TABLE nothing (a INT);
    CREATE TABLE versions (a INT) WITH SYSTEM VERSIONING;
    INSERT INTO versions VALUES (1), (2); UPDATE versions SET a = 3 WHERE a = 1; DELETE FROM versions WHERE a = 2;
    CREATE SEQUENCE numbers START WITH 100; DO NEXT VALUE FOR numbers;
    CREATE VIEW recent AS SELECT id, title FROM article WHERE id > 4990;
    CREATE FUNCTION twice(x INT) RETURNS INT DETERMINISTIC RETURN 2 * x;
    CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO CALL tidy();
    CREATE EVENT once ON SCHEDULE AT CURRENT_TIMESTAMP + INTERVAL 1 DAY DO CALL tidy();
    DELIMITER //
    CREATE PROCEDURE tidy()
    BEGIN
        -- it's a comment; INSERT INTO nothing VALUES (1);
        INSERT INTO nothing VALUES (1), (2);
        /* ;; */ DELETE FROM nothing WHERE ';;' = "'";
    END//
    CREATE TRIGGER shout BEFORE INSERT ON article FOR EACH ROW BEGIN SET NEW.title = UPPER(NEW.title); /* ; */ END//
    SET sql_mode = ORACLE//
    CREATE PACKAGE bag AS PROCEDURE p1; END//
    CREATE PACKAGE BODY bag AS PROCEDURE p1 AS BEGIN NULL; END; END//
    SET sql_mode = DEFAULT//
    DELIMITER ;
    CREATE DATABASE old CHARACTER SET latin1;
    CREATE TABLE old.visits (id INT PRIMARY KEY, page TEXT) ENGINE=MyISAM;
    INSERT INTO old.visits SELECT seq, REPEAT('x', seq) FROM seq_1_to_300;
    CREATE TABLE old.more LIKE old.visits; INSERT INTO old.more VALUES (1, 'y');
    CREATE TABLE old.both (id INT PRIMARY KEY, page TEXT) ENGINE=MERGE UNION=(old.visits, old.more);
    CREATE TABLE old.notes (id INT PRIMARY KEY) ENGINE=Aria;
    CREATE DATABASE `it's ``q``	größe;`; CREATE TABLE `it's ``q``	größe;`.t AS SELECT seq FROM seq_1_to_3;
    CREATE DATABASE `two
lines`; CREATE TABLE `two
lines`.t AS SELECT seq FROM seq_1_to_2;
"#;

const ACCOUNTS: &str = r#"
    CREATE ROLE reader; GRANT SELECT ON shop.* TO reader;
    CREATE USER app@'%' IDENTIFIED BY 'canary-password-of-app';
    GRANT SELECT, INSERT ON shop.article TO app@'%';
    GRANT EXECUTE ON PROCEDURE shop.tidy TO app@'%';
    GRANT reader TO app@'%'; SET DEFAULT ROLE reader FOR app@'%';
    CREATE USER "o'b`r"@localhost REQUIRE SSL WITH MAX_QUERIES_PER_HOUR 7;
"#;

/// A server with `SHOP` and its accounts, and a host whose mysql service logs in to it.
pub(crate) struct Shop {
    pub(crate) server: MariaDb,
    pub(crate) host: Host,
}

impl Shop {
    /// Fills a server, and points a host at it.
    pub(crate) fn open() -> Self {
        let server = MariaDb::start();
        server.sql(SHOP);
        server.sql(ACCOUNTS);
        let shop = Self {
            server,
            host: Host::new(),
        };
        shop.configure(&[]);
        shop
    }

    /// Fills a server, and backs it up.
    pub(crate) fn backed_up() -> Self {
        let shop = Self::open();
        shop.host.batt(&["mysql"]).code(0);
        shop
    }

    /// Sets more settings of the service.
    pub(crate) fn configure(&self, more: &[(&str, &str)]) {
        configure(&self.host, &self.server, more);
    }

    /// Points restores to another server.
    pub(crate) fn restore_to(&self, server: &MariaDb) {
        let options = server.option_file("root", "");
        self.configure(&[("MYSQL_RESTORE_CREDS", options.to_str().unwrap())]);
    }

    /// Returns what can be told of every database from outside.
    pub(crate) fn fingerprints(server: &MariaDb) -> BTreeMap<&'static str, String> {
        DATABASES
            .iter()
            .map(|database| (*database, fingerprint(server, database)))
            .collect()
    }

    /// Returns what is recorded of the content of an archive.
    pub(crate) fn content(&self, archive: &str) -> BTreeMap<String, String> {
        let manifest = self.host.manifest("mysql");
        let archives = manifest["archives"].as_array().unwrap();
        let found = archives.iter().find(|one| one["name"] == archive).unwrap();
        serde_json::from_value(found["content"].clone()).unwrap()
    }

    /// Returns the file of an archive.
    pub(crate) fn archive(&self, file: &str) -> PathBuf {
        self.host.backup("mysql").join(file)
    }
}

/// Has the mysql service of a host log in to a server as `root`.
pub(crate) fn configure(host: &Host, server: &MariaDb, more: &[(&str, &str)]) {
    let options = server.option_file("root", "");
    let mut settings = vec![("MYSQL_CREDS", options.to_str().unwrap())];
    settings.extend(more);
    host.configure("mysql", &settings);
}

/// A fingerprint with what the usual one leaves out: bodies of triggers and events with comments, sequences, the history of versioned
/// tables.
pub(crate) fn fingerprint(server: &MariaDb, database: &str) -> String {
    let mut fingerprint = server.fingerprint(database);
    if database == "shop" {
        fingerprint += &server.sql(
            "SELECT * FROM shop.versions FOR SYSTEM_TIME ALL ORDER BY a; SELECT COUNT(*) FROM shop.versions FOR SYSTEM_TIME ALL;
             SELECT next_not_cached_value, increment FROM shop.numbers; SHOW CREATE VIEW shop.recent",
        );
    }
    fingerprint
}
