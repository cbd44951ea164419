//! What a server allows, and what the suite of MariaDB itself leaves behind: whatever is backed up comes back.

use std::collections::BTreeSet;

use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;

use crate::content::configure;

#[test]
fn what_few_people_write_comes_back() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE d; USE d;
         CREATE SEQUENCE counted COMMENT = 'counts; things'; SELECT NEXTVAL(counted);
         CREATE SEQUENCE packed ENGINE=InnoDB PAGE_COMPRESSED=1;
         SET SESSION innodb_strict_mode = OFF;
         CREATE TABLE odd (id INT PRIMARY KEY) ROW_FORMAT=DYNAMIC KEY_BLOCK_SIZE=4;
         INSERT INTO odd VALUES (1);
         SET SESSION sql_mode = '';
         CREATE TABLE computed (word VARCHAR(20), number INT AS (word + 1) PERSISTENT);
         INSERT INTO computed (word) VALUES ('7'), ('seven')",
    );
    server.sql(
        "USE d\nDELIMITER //\n
         CREATE PROCEDURE count_up(start INT, end INT) BEGIN WHILE start <= end DO SET start = start + 1; END WHILE; END//
         CREATE PROCEDURE both_of(v INT) BEGIN (SELECT v) UNION (SELECT v + 1); END//
         SET NAMES swe7//
         CREATE PROCEDURE of_letters() BEGIN SELECT 'a\\\\\\'; b', \"x\\\\\\\"y\", 1 AS `q``z`; END//\nDELIMITER ;",
    );
    let before = server.fingerprint("d");
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt(&["mysql"]).code(0);
    host.batt_drill("mysql").code(0).says("proven");
    server.sql("DROP DATABASE d");
    host.batt_restore(&[], &["mysql", "--mysql-db", "d"]).code(0);
    assert_eq!(server.fingerprint("d"), before);
}

/// A dump of accounts has them twice, the second time in a GRANT, which would set them for whom is there already.
#[test]
fn a_way_in_with_quotes_comes_back_once() {
    let server = MariaDb::start();
    server.sql(
        "CREATE USER `a\\b``c`@localhost IDENTIFIED VIA unix_socket USING 'o''br\\\\ien';
         GRANT SELECT, READ_ONLY ADMIN ON *.* TO `a\\b``c`@localhost REQUIRE SSL",
    );
    let told = |server: &MariaDb| {
        server.sql("SHOW CREATE USER `a\\b``c`@localhost; SHOW GRANTS FOR `a\\b``c`@localhost")
    };
    let before = told(&server);
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt(&["--mysql-db", "mysql"]).code(0);
    let other = MariaDb::start();
    configure(&host, &other, &[]);
    host.batt_restore(&[], &["mysql", "--mysql-db", "mysql"]).code(0);
    assert_eq!(told(&other), before);
}

/// What was granted on a table stays when that is dropped.
#[test]
fn what_is_granted_on_what_is_not_there_keeps_no_account_from_coming_back() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE gone; CREATE TABLE gone.t (a INT, b INT); CREATE PROCEDURE gone.p() SELECT 1;
         CREATE DATABASE d; CREATE TABLE d.t (a INT, b INT, c INT); CREATE TABLE d.`x``y` (a INT); CREATE USER app@localhost; CREATE USER `z``z`@localhost;
         GRANT SELECT ON gone.t TO app@localhost; GRANT DELETE, UPDATE (a) ON gone.t TO `z``z`@localhost; GRANT EXECUTE ON PROCEDURE gone.p TO app@localhost;
         GRANT INSERT, DELETE ON d.`x``y` TO `z``z`@localhost WITH GRANT OPTION; GRANT INSERT, UPDATE (c), SELECT (a, b) ON d.t TO app@localhost;
         GRANT SELECT (c) ON d.t TO `z``z`@localhost; CREATE ROLE lost; GRANT lost TO app@localhost; SET DEFAULT ROLE lost FOR app@localhost; DROP ROLE lost;
         CREATE ROLE kept; GRANT kept TO app@localhost; CREATE ROLE `it's`; GRANT `it's` TO `z``z`@localhost; SET DEFAULT ROLE `it's` FOR `z``z`@localhost; DROP ROLE `it's`;
         DROP DATABASE gone; DROP TABLE d.`x``y`; ALTER TABLE d.t DROP COLUMN a, DROP COLUMN c",
    );
    let told = |server: &MariaDb| {
        let grants = server.sql("SHOW GRANTS FOR app@localhost; SHOW GRANTS FOR `z``z`@localhost");
        grants.lines().map(str::to_owned).collect::<BTreeSet<String>>()
    };
    let before = told(&server);
    assert!(
        before.iter().any(|line| line.contains("ON PROCEDURE `gone`.`p`")),
        "{before:?}"
    );
    let host = Host::new();
    configure(&host, &server, &[]);
    let backed_up = host.batt(&["mysql"]).code(0);
    for gone in [
        "ROLE `lost`",
        "ROLE `it's`",
        "`gone`.`t`.`a`",
        "`d`.`t`.`a`",
        "`d`.`t`.`c`",
        "PROCEDURE `gone`.`p`",
    ] {
        backed_up.says(gone);
    }
    host.batt_drill("mysql").code(0).says("proven");
    let other = MariaDb::start();
    configure(&host, &other, &[]);
    host.batt_restore(&[], &["mysql"]).code(0);
    let kept = [
        "GRANT USAGE ON *.* TO `app`@`localhost`",
        "GRANT `kept` TO `app`@`localhost`",
        "GRANT SELECT ON `gone`.`t` TO `app`@`localhost`",
        "GRANT INSERT, SELECT (`b`) ON `d`.`t` TO `app`@`localhost`",
        "GRANT USAGE ON *.* TO `z``z`@`localhost`",
        "GRANT DELETE ON `gone`.`t` TO `z``z`@`localhost`",
        "GRANT INSERT, DELETE ON `d`.`x``y` TO `z``z`@`localhost` WITH GRANT OPTION",
    ];
    let of_table = |line: &String| line.replace("SELECT (`b`), INSERT", "INSERT, SELECT (`b`)");
    assert_eq!(
        told(&other).iter().map(of_table).collect::<BTreeSet<_>>(),
        kept.map(str::to_owned).into()
    );
}

/// What an account cannot see is not gone.
#[test]
fn what_is_granted_on_what_cannot_be_seen_stays() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE d; CREATE TABLE d.t (a INT); CREATE DATABASE hidden; CREATE TABLE hidden.h (a INT, b INT); CREATE USER app@localhost;
         GRANT INSERT, SELECT (b) ON hidden.h TO app@localhost; CREATE USER few@localhost IDENTIFIED BY 'x';
         GRANT SELECT ON mysql.* TO few@localhost; GRANT ALL ON d.* TO few@localhost; GRANT RELOAD ON *.* TO few@localhost",
    );
    let host = Host::new();
    let options = server.option_file("few", "x");
    host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
    let told = host.batt(&["--mysql-db", "d", "--mysql-db", "mysql"]).said();
    assert!(!told.contains("not there any more"), "{told}");
}
