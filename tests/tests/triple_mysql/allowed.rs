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
         CREATE PROCEDURE of_letters() BEGIN SELECT 'a\\\\\\'; b', \"x\\\\\\\"y\", 1 AS `q``z`, 2 AS a]b; END//\nDELIMITER ;",
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
         CREATE DATABASE d; CREATE TABLE d.t (a INT, b INT); CREATE TABLE d.`x``y` (a INT); CREATE USER app@localhost; CREATE USER `z``z`@localhost;
         GRANT SELECT ON gone.t TO app@localhost; GRANT UPDATE (a) ON gone.t TO `z``z`@localhost; GRANT EXECUTE ON PROCEDURE gone.p TO app@localhost;
         GRANT INSERT, DELETE ON d.`x``y` TO `z``z`@localhost WITH GRANT OPTION; GRANT UPDATE (a, b) ON d.t TO app@localhost;
         GRANT SELECT ON d.t TO `z``z`@localhost; DROP DATABASE gone; DROP TABLE d.`x``y`",
    );
    let told =
        |server: &MariaDb| server.sql("SHOW GRANTS FOR app@localhost; SHOW GRANTS FOR `z``z`@localhost");
    let before = told(&server);
    assert!(before.contains("ON PROCEDURE `gone`.`p`") && before.contains("UPDATE (`a`) ON `gone`.`t`"));
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt(&["mysql"])
        .code(0)
        .says("which is not in the backup: `gone`.`t`, PROCEDURE `gone`.`p`");
    host.batt_drill("mysql").code(0).says("proven");
    let other = MariaDb::start();
    configure(&host, &other, &[]);
    host.batt_restore(&[], &["mysql"]).code(0);
    let of_routine = |line: &&str| !line.contains("`gone`.`p`") && !line.contains("(`a`) ON `gone`");
    let kept: BTreeSet<&str> = before.lines().filter(of_routine).collect();
    assert_eq!(told(&other).lines().collect::<BTreeSet<_>>(), kept);
}

/// In strict mode a server makes no table of which the longest row would not fit into half a page. A session may say otherwise, and rows that
/// are shorter are there.
#[test]
fn a_table_whose_rows_may_be_too_long_for_its_format_comes_back() {
    let server = MariaDb::start();
    let columns = |kind: &str, count: usize| -> String {
        let columns: Vec<String> = (1..=count).map(|number| format!("c{number} {kind}")).collect();
        columns.join(", ")
    };
    server.sql(&format!(
        "CREATE DATABASE d; USE d; SET SESSION innodb_strict_mode = OFF;
         CREATE TABLE wide ({}) CHARACTER SET latin1 ROW_FORMAT=COMPACT; INSERT INTO wide (c1, c40) VALUES ('first', 'last');
         CREATE TABLE texts (id INT PRIMARY KEY AUTO_INCREMENT, {}) ROW_FORMAT=REDUNDANT; INSERT INTO texts (c1, c20) VALUES (REPEAT('x', 5000), 'y')",
        columns("VARCHAR(255)", 40),
        columns("TEXT", 20),
    ));
    let refused = server.sql_all(&format!(
        "CREATE TABLE d.strict ({}) CHARACTER SET latin1 ROW_FORMAT=COMPACT",
        columns("VARCHAR(255)", 40)
    ));
    refused.says("ERROR 1118 ");
    let before = server.fingerprint("d");
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt(&["mysql"]).code(0);
    host.batt_drill("mysql").code(0).says("proven");
    host.batt_restore(&[], &["mysql", "--mysql-db", "d", "--replace"])
        .code(0);
    assert_eq!(server.fingerprint("d"), before);
    server.sql("DROP DATABASE d");
    host.batt_restore(&[], &["mysql", "--mysql-db", "d"]).code(0);
    assert_eq!(server.fingerprint("d"), before);
}
