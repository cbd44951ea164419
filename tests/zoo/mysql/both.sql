-- What MariaDB and MySQL have in common: one of everything that a server can hold.
CREATE DATABASE zoo CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE DATABASE old CHARACTER SET latin1 COLLATE latin1_german1_ci;
CREATE DATABASE `empty`;
CREATE DATABASE `-rf`;
CREATE DATABASE `--force`;
CREATE DATABASE `a``b`;
CREATE DATABASE `it's "q" \\b`;
CREATE DATABASE `größe 動物園`;
CREATE DATABASE `two
lines`;
CREATE DATABASE `a	tab`;
CREATE DATABASE `%s;DROP DATABASE zoo;--`;
CREATE DATABASE `*`;
CREATE DATABASE `x/*!y*/`;
CREATE DATABASE `under_score`;
CREATE DATABASE `underXscore`;
CREATE DATABASE `動物園の動物たちは皆元気`;

USE zoo;
SET NAMES utf8mb4;
SET time_zone = '+00:00';
CREATE TABLE animal (
    id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY COMMENT 'it''s "the" key; -- \\ ',
    name VARCHAR(100) NOT NULL DEFAULT 'no''name',
    upper_name VARCHAR(100) GENERATED ALWAYS AS (UPPER(name)) STORED,
    short_name VARCHAR(10) GENERATED ALWAYS AS (LEFT(name, 10)) VIRTUAL,
    t TINYINT, s SMALLINT, m MEDIUMINT, i INT ZEROFILL, b BIT(17), ok BOOL,
    f FLOAT, d DOUBLE, dec_ DECIMAL(40, 10), y YEAR,
    da DATE, ti TIME(6), dt DATETIME(6), ts TIMESTAMP(3) NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
    c CHAR(10) CHARACTER SET latin1 COLLATE latin1_bin, bi BINARY(5), vb VARBINARY(100), bl LONGBLOB, te LONGTEXT,
    tt TINYTEXT DEFAULT (CONCAT('a', 'b')),
    e ENUM('a', 'it''s', 'größe', 'c,d'), se SET('x', 'y', 'z''s'),
    j JSON, g GEOMETRY, p POINT, po POLYGON,
    `odd ``column`` it's` INT,
    `größe 動物` INT,
    positive INT CHECK (positive > 0),
    KEY by_name (name(5)), UNIQUE KEY `odd ``key`` it's` (`odd ``column`` it's`), KEY two (t, s DESC), FULLTEXT KEY words (te),
    CONSTRAINT `odd check` CHECK (name <> 'x''y')
) ENGINE=InnoDB COMMENT='all; it''s -- \\ "there"' ROW_FORMAT=DYNAMIC AUTO_INCREMENT=7;
INSERT INTO animal (name, t, s, m, i, b, ok, f, d, dec_, y, da, ti, dt, ts, c, bi, vb, bl, te, e, se, j, g, p, po, `odd ``column`` it's`, `größe 動物`, positive) VALUES
    ('näme 🙂', -128, -32768, -8388608, 7, b'10101010101010101', TRUE, 1.5e-38, 1.7976931348623157e308, 123456789012345678901234567890.0123456789, 2024, '2024-02-29', '-838:59:59.000000', '9999-12-31 23:59:59.999999', '2038-01-19 03:14:07.999', 'ä', X'00FF', X'', X'00FF1A0A0D225C27', 'line\nfeed\r\ttab\\back\0zero\Zsub', 'it''s', 'x,z''s', '{"a": [1, null, "\\u00e4"]}', ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1))'), ST_GeomFromText('POINT(1 2)'), ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))'), 1, 2, 3),
    ('', 127, 32767, 8388607, 4294967295, b'0', NULL, -1.5, -0.0, 0, 1901, '1000-01-01', '838:59:59', '1000-01-01 00:00:00', '1970-01-01 00:00:01', '', '', NULL, NULL, NULL, NULL, '', 'null', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO animal (name, te) SELECT CONCAT('animal ', a.n * 100 + b.n * 10 + c.n), REPEAT('-- Dump completed on 2020-01-01\n', 3) FROM
    (SELECT 0 AS n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4) a, (SELECT 0 AS n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4) b,
    (SELECT 0 AS n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5) c;
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES';
CREATE TABLE zero (id INT AUTO_INCREMENT PRIMARY KEY, d DATE DEFAULT '0000-00-00', dt DATETIME DEFAULT '0000-00-00 00:00:00');
INSERT INTO zero VALUES (0, '0000-00-00', '2024-02-31 00:00:00'), (1, '2024-00-00', '0000-00-00 00:00:00');
SET sql_mode = DEFAULT;
CREATE TABLE keeper (id INT PRIMARY KEY, animal BIGINT UNSIGNED, boss INT, CONSTRAINT of_animal FOREIGN KEY (animal) REFERENCES animal (id) ON DELETE CASCADE ON UPDATE SET NULL,
    CONSTRAINT `odd ``foreign`` key` FOREIGN KEY (boss) REFERENCES keeper (id));
INSERT INTO keeper VALUES (1, 7, NULL), (2, NULL, 1);
CREATE TABLE ring_a (id INT PRIMARY KEY, b INT);
CREATE TABLE ring_b (id INT PRIMARY KEY, a INT, FOREIGN KEY (a) REFERENCES ring_a (id));
ALTER TABLE ring_a ADD FOREIGN KEY (b) REFERENCES ring_b (id);
CREATE TABLE old.across (id INT PRIMARY KEY, animal BIGINT UNSIGNED, FOREIGN KEY (animal) REFERENCES zoo.animal (id));
INSERT INTO old.across VALUES (1, 7);
CREATE TABLE old.western (letter VARCHAR(10)) CHARACTER SET latin1;
INSERT INTO old.western VALUES ('ä'), ('ß');
CREATE TABLE no_key (a INT, b TEXT);
INSERT INTO no_key VALUES (1, 'a'), (1, 'a');
CREATE TABLE myisam (id INT, t TEXT, KEY (id)) ENGINE=MyISAM CHECKSUM=1 DELAY_KEY_WRITE=1 PACK_KEYS=1 MAX_ROWS=1000 AVG_ROW_LENGTH=100;
INSERT INTO myisam VALUES (1, 'one'), (2, 'two');
CREATE TABLE myisam_2 LIKE myisam;
CREATE TABLE merged (id INT, t TEXT, KEY (id)) ENGINE=MERGE UNION=(myisam, myisam_2) INSERT_METHOD=LAST;
CREATE TABLE memory (id INT, KEY (id) USING BTREE) ENGINE=MEMORY;
INSERT INTO memory VALUES (1), (2);
CREATE TABLE csv (id INT NOT NULL, t VARCHAR(20) NOT NULL) ENGINE=CSV;
INSERT INTO csv VALUES (1, 'a,"b"');
CREATE TABLE compressed (id INT, t TEXT) ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=8;
CREATE TABLE redundant (id INT) ROW_FORMAT=REDUNDANT STATS_PERSISTENT=1 STATS_AUTO_RECALC=0 STATS_SAMPLE_PAGES=10;
CREATE TABLE ranged (id INT, d DATE) PARTITION BY RANGE COLUMNS (d) (PARTITION p0 VALUES LESS THAN ('2020-01-01') COMMENT 'it''s old', PARTITION `odd p` VALUES LESS THAN (MAXVALUE));
INSERT INTO ranged VALUES (1, '2019-01-01'), (2, '2021-01-01');
CREATE TABLE listed (id INT) PARTITION BY LIST (id % 3) SUBPARTITION BY HASH (id) SUBPARTITIONS 2 (PARTITION a VALUES IN (0, 1), PARTITION b VALUES IN (2));
CREATE TABLE hashed (id INT PRIMARY KEY) PARTITION BY LINEAR KEY (id) PARTITIONS 3;
INSERT INTO hashed VALUES (1), (2), (3);
CREATE TABLE `odd.``table`` it's; DROP TABLE x; --` (`a	tab` INT, `two
lines` INT, `\\` TEXT);
INSERT INTO `odd.``table`` it's; DROP TABLE x; --` VALUES (1, 2, '\\');
CREATE TABLE `select` (`from` INT, `where` INT);
CREATE TABLE `größe 動物` (`ñ` INT);
CREATE TABLE `a table whose name is as long as names can be, which is sixty-4` (id INT);
CREATE TABLE wide (id INT, t LONGTEXT);
INSERT INTO wide VALUES (1, REPEAT('x', 3000000)), (2, REPEAT('\'', 500000));
CREATE TABLE hidden (id INT);

-- Routines.
DELIMITER //
CREATE FUNCTION twice(n INT) RETURNS INT DETERMINISTIC NO SQL SQL SECURITY INVOKER COMMENT 'it''s twice'
BEGIN
    -- A comment; with 'quotes' and "more" and `backticks` and \backslashes\
    /* another; DELIMITER // */
    RETURN n * 2;
END//
CREATE PROCEDURE tidy(IN a INT, OUT b INT, INOUT c VARCHAR(20) CHARACTER SET utf8mb4)
MODIFIES SQL DATA
label: BEGIN
    DECLARE done INT DEFAULT 0;
    DECLARE x INT;
    DECLARE some CURSOR FOR SELECT id FROM keeper;
    DECLARE CONTINUE HANDLER FOR NOT FOUND SET done = 1;
    OPEN some;
    REPEAT FETCH some INTO x; SET b = x; UNTIL done END REPEAT;
    CLOSE some;
    IF a > 5 THEN LEAVE label; ELSEIF a = 4 THEN SET c = 'it''s'; ELSE SET c = "q"; END IF;
    CASE a WHEN 1 THEN SELECT 1; ELSE BEGIN END; END CASE;
    WHILE b > 0 DO SET b = b - 1; END WHILE;
END//
CREATE PROCEDURE `odd ``procedure`` it's`() SELECT 'a;b', "c", `odd ``column`` it's` FROM animal//
CREATE FUNCTION `größe`() RETURNS VARCHAR(20) CHARSET utf8mb4 DETERMINISTIC RETURN 'größe 🙂'//
SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'//
CREATE FUNCTION other_mode() RETURNS VARCHAR(20) DETERMINISTIC RETURN 'a\' || 'b'//
CREATE PROCEDURE "other quotes"() SELECT "id", 'x\' FROM "keeper"//
SET sql_mode = DEFAULT//

-- Triggers and events.
CREATE TRIGGER shout BEFORE INSERT ON keeper FOR EACH ROW SET NEW.boss = IF(NEW.boss = 99, NULL, NEW.boss)//
CREATE TRIGGER `odd ``trigger`` it's` BEFORE INSERT ON keeper FOR EACH ROW PRECEDES shout BEGIN SET @a = 'x;y'; -- done
END//
CREATE TRIGGER after_update AFTER UPDATE ON keeper FOR EACH ROW BEGIN INSERT INTO no_key VALUES (OLD.id, 'u'); END//
CREATE TRIGGER after_delete AFTER DELETE ON animal FOR EACH ROW DELETE FROM no_key WHERE a = OLD.id//
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2020-01-01 03:00:00' ENDS '2037-01-01 00:00:00' ON COMPLETION PRESERVE DISABLE COMMENT 'it''s night' DO BEGIN DELETE FROM no_key WHERE a = 99; END//
CREATE EVENT `odd ``event`` it's` ON SCHEDULE EVERY '1:30' HOUR_MINUTE DISABLE DO SELECT ';'//
CREATE EVENT once ON SCHEDULE AT '2036-01-01 00:00:00' ON COMPLETION PRESERVE ENABLE DO SET @x = 1//
DELIMITER ;

-- Views.
CREATE VIEW some AS SELECT id, name FROM animal WHERE name LIKE 'animal %' WITH CASCADED CHECK OPTION;
CREATE ALGORITHM=TEMPTABLE SQL SECURITY INVOKER VIEW `odd ``view`` it's` AS SELECT 1 AS `a ``b```, 'it''s' AS c;
CREATE ALGORITHM=MERGE VIEW over_view AS SELECT some.id, twice(some.id) AS double_id FROM some JOIN `odd ``view`` it's`;
CREATE VIEW before_it AS SELECT * FROM keeper;
CREATE VIEW old.into_zoo AS SELECT name FROM zoo.animal;
CREATE VIEW recursive_one AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i, ROW_NUMBER() OVER (ORDER BY i) AS r FROM n;

-- Accounts.
CREATE USER app@'%' IDENTIFIED BY 'it''s "secret"' REQUIRE SSL WITH MAX_QUERIES_PER_HOUR 7 MAX_USER_CONNECTIONS 3;
CREATE USER app@localhost IDENTIFIED BY 'x' ACCOUNT LOCK;
CREATE USER ''@'10.0.0.0/255.0.0.0';
CREATE USER `odd ``user`` it's`@'%.example.org' PASSWORD EXPIRE INTERVAL 90 DAY;
CREATE USER `größe`@`host_with_%`;
CREATE USER `a b`@localhost REQUIRE SUBJECT '/CN=it is' ISSUER '/CN=ca' CIPHER 'AES128-SHA';
GRANT ALL PRIVILEGES ON zoo.* TO app@'%' WITH GRANT OPTION;
GRANT SELECT (name, id), UPDATE (name) ON zoo.animal TO app@localhost;
GRANT SELECT ON `under\_score`.* TO app@localhost;
GRANT SELECT ON `underXscor%`.* TO app@localhost;
GRANT EXECUTE ON FUNCTION zoo.twice TO app@localhost;
GRANT EXECUTE, ALTER ROUTINE ON PROCEDURE zoo.`odd ``procedure`` it's` TO `odd ``user`` it's`@'%.example.org';
GRANT SELECT ON zoo.`odd.``table`` it's; DROP TABLE x; --` TO `größe`@`host_with_%`;
GRANT PROCESS, RELOAD ON *.* TO `a b`@localhost;
CREATE ROLE reader, `odd ``role`` it's`;
GRANT SELECT ON zoo.* TO reader;
GRANT reader TO app@localhost WITH ADMIN OPTION;
GRANT `odd ``role`` it's` TO reader;
