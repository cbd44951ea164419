//! Values that a server takes as other ones, with a warning.

use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;

use crate::content::configure;
use crate::forgery::Forgery;

/// Backs up `shop`, which some statements have filled.
fn backed_up(server: &MariaDb, statements: &str) -> Host {
    server.sql(&format!("CREATE DATABASE shop; USE shop; {statements}"));
    let host = Host::new();
    configure(&host, server, &[]);
    host.batt_promised("mysql", &["shop"]).code(0);
    host
}

/// A row that the server changes, what it says, and the table.
const CHANGED: [(&str, &str, &str); 9] = [
    ("a TINYINT", "(300)", "(1264)"),
    ("a VARCHAR(3)", "('long')", "(1265)"),
    ("a SET('x')", "('y')", "(1265)"),
    ("a DATE", "('2024-02-40')", "(1265)"),
    ("a DATETIME", "('2024-13-01 00:00:00')", "(1265)"),
    ("a INT", "('x')", "(1366)"),
    ("a VARCHAR(9) CHARACTER SET latin1", "('\u{4e2d}')", "(1366)"),
    ("a DECIMAL(3,1)", "(123.4)", "(1264)"),
    ("a TIME", "('900:00:00')", "(1264)"),
];

/// Names, numbers and definitions say nothing of it.
#[test]
fn a_value_that_the_server_changes_is_a_failure() {
    let server = MariaDb::start();
    let tables: String = (0..CHANGED.len())
        .map(|number| {
            let (column, _, _) = CHANGED[number];
            format!("CREATE TABLE `it's {number}` ({column}); INSERT INTO `it's {number}` VALUES (NULL);")
        })
        .collect();
    let host = backed_up(&server, &tables);
    let other = MariaDb::start();
    let mut forgery = Forgery::of(&host.backup("mysql"));
    let mut said = Vec::new();
    for (number, (_, row, code)) in CHANGED.iter().enumerate() {
        let rows = format!("\"rows.it%27s {number}\": \"1\"");
        forgery = forgery
            .append(
                "shop.zst",
                &format!("INSERT INTO `it's {number}` VALUES {row},{row};"),
            )
            .doctor(&rows, &rows.replace("\"1\"", "\"3\""));
        said.push((
            format!(
                "`shop`.`it's {number}`: the server has not taken 2 values of `a` as they are in the dump: "
            ),
            format!(" {code}"),
        ));
    }
    let told = [
        forgery.drill().code(2),
        forgery.restore_to(&other, &[]).code(2),
        {
            other.sql("CREATE TABLE shop.own (id INT)");
            forgery.restore_to(&other, &["--replace"]).code(2)
        },
    ];
    for told in told {
        let told = told.said();
        for (table, code) in &said {
            let line = told.lines().find(|line| line.contains(table));
            assert!(
                line.is_some_and(|line| line.contains(code)),
                "{table} {code}\n{told}"
            );
        }
    }
    assert_eq!(other.sql("SHOW TABLES IN shop LIKE 'own'"), "own\n");
}

/// The server tells of values in its warnings, and the client prints a statement that is refused.
#[test]
fn values_are_not_told() {
    let server = MariaDb::start();
    let host = backed_up(
        &server,
        "CREATE TABLE t (a VARCHAR(99) CHARACTER SET latin1); INSERT INTO t VALUES (NULL);
         CREATE TABLE u (a INT); INSERT INTO u VALUES (1)",
    );
    let changed = |table: &str, statement: &str| {
        let rows = format!("\"rows.{table}\": \"1\"");
        Forgery::of(&host.backup("mysql"))
            .append("shop.zst", statement)
            .doctor(&rows, &rows.replace('1', "2"))
            .drill()
            .code(2)
    };
    let told = changed(
        "t",
        "INSERT INTO `t` VALUES ('\u{4e2d} for column `shop`.`t`.`secret` at row 1');",
    );
    told.says("`shop`.`t`: the server has not taken 1 values of `a` as they are in the dump: not of that type or character set (1366)");
    let refused = changed("u", "INSERT INTO `u` VALUES (1,'secret');");
    refused.says("ERROR 1136");
    for told in [told.said(), refused.said()] {
        assert!(!told.contains("secret") && !told.contains("xE4"), "{told}");
    }
}

/// What a client says of a row that is refused has the value in it.
#[test]
fn a_value_that_is_there_twice_is_in_no_log_and_no_report() {
    let server = MariaDb::start();
    let host = backed_up(
        &server,
        "CREATE TABLE t (id INT PRIMARY KEY, mail VARCHAR(99), UNIQUE KEY by_mail (mail)); INSERT INTO t VALUES (1, 'canary@example.org\n1');
         CREATE TABLE u (a INT) PARTITION BY LIST (a) (PARTITION p VALUES IN (1)); INSERT INTO u VALUES (1)",
    );
    let other = MariaDb::start();
    for (table, row, said) in [
        (
            "t",
            "(2,'canary@example.org\\n1')",
            "Duplicate entry '…' for key ",
        ),
        ("u", "(1471100815)", "Table has no partition for value …"),
    ] {
        let rows = format!("\"rows.{table}\": \"1\"");
        let forgery = Forgery::of(&host.backup("mysql"))
            .append("shop.zst", &format!("INSERT INTO `{table}` VALUES {row};"))
            .doctor(&rows, &rows.replace('1', "2"));
        for told in [forgery.drill().code(2), forgery.restore_to(&other, &[]).code(2)] {
            told.says(said);
            for value in ["canary", "1471100815"] {
                assert!(!told.said().contains(value), "{}", told.said());
                forgery.assert_nowhere(value);
            }
        }
        other.sql("DROP DATABASE IF EXISTS shop");
    }
}

/// What a server makes of values by itself, it makes of the same values again.
#[test]
fn what_was_changed_when_it_was_written_comes_back_as_it_is() {
    let server = MariaDb::start();
    let host = backed_up(
        &server,
        "SET sql_mode = 'ALLOW_INVALID_DATES';
         CREATE TABLE t (n INT, e ENUM('a', 'b'), g TINYINT AS (n * 100) STORED, v VARCHAR(2) AS (CONCAT(n, 'xxx')) VIRTUAL, d DATE, z DATETIME NOT NULL);
         INSERT INTO t (n, e, d, z) VALUES (5, 'zzz', '2024-02-31', '0000-00-00'), (1, 'a', '2024-00-00', '2024-02-30 12:00:00')",
    );
    let before = server.fingerprint("shop");
    assert_eq!(
        server.sql("SELECT e, g, v FROM shop.t WHERE n = 5"),
        "\t127\t5x\n"
    );
    host.batt_drill("mysql").code(0).says("proven");
    server.sql("DROP DATABASE shop");
    host.batt(&["restore", "mysql"]).code(0);
    assert_eq!(server.fingerprint("shop"), before);
}

/// A generated column is what it was in the mode of the server, and an error in another one.
#[test]
fn rows_are_taken_in_the_mode_that_the_server_had() {
    let server = MariaDb::start();
    server.sql(
        "SET GLOBAL sql_mode = 'NO_UNSIGNED_SUBTRACTION,STRICT_ALL_TABLES,NO_ZERO_DATE,PIPES_AS_CONCAT'",
    );
    let host = backed_up(
        &server,
        "SET sql_mode = 'NO_UNSIGNED_SUBTRACTION';
         CREATE TABLE t (a INT UNSIGNED, b INT UNSIGNED, c BIGINT AS (a - b) STORED, d DATE); INSERT INTO t (a, b, d) VALUES (1, 2, '0000-00-00')",
    );
    assert_eq!(
        host.fact("mysql", "server.sql_mode"),
        "PIPES_AS_CONCAT,NO_UNSIGNED_SUBTRACTION,STRICT_ALL_TABLES,NO_ZERO_DATE"
    );
    let before = server.fingerprint("shop");
    host.batt_drill("mysql").code(0).says("proven");
    server.sql("DROP DATABASE shop");
    host.batt(&["restore", "mysql"]).code(0);
    assert_eq!(server.fingerprint("shop"), before);
}

/// By hand as well: with dates that do not exist, and rows that break a constraint.
#[test]
fn by_hand_values_come_back_as_they_are() {
    let server = MariaDb::start();
    let host = backed_up(
        &server,
        "SET sql_mode = 'ALLOW_INVALID_DATES', check_constraint_checks = OFF;
         CREATE TABLE t (a INT, d DATE, CONSTRAINT positive CHECK (a > 0)); INSERT INTO t VALUES (-1, '2024-02-31')",
    );
    let before = server.fingerprint("shop");
    server.sql("DROP DATABASE shop");
    let home = host.user_home().join(".my.cnf");
    std::fs::copy(server.option_file("root", ""), home).unwrap();
    host.restore(&host.backup("mysql"), &[]);
    assert_eq!(server.fingerprint("shop"), before);
}
