//! What a dump carries only when that is seen to, and what none can carry: the former comes back, the latter is said.

use std::fs;

use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;

use super::content::configure;

#[test]
fn comments_of_databases_come_back() {
    let server = MariaDb::start();
    let comment = r#"it''s "of" `us`; */ -- \\ /* # größe"#;
    server.sql(&format!(
        "CREATE DATABASE d COMMENT '{comment}'; CREATE TABLE d.t (id INT); CREATE DATABASE plain; CREATE TABLE plain.t (id INT);
         CREATE DATABASE `a``b` COMMENT 'x'"
    ));
    let told = |name: &str| server.sql(&format!("SHOW CREATE DATABASE `{name}`"));
    let before = [told("d"), told("plain"), told("a``b")];
    assert!(before[0].contains("größe"), "{before:?}");
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt(&["mysql"]).code(0);
    host.batt_drill("mysql").code(0).says("proven");

    let drop_all = "DROP DATABASE d; DROP DATABASE plain; DROP DATABASE `a``b`";
    server.sql(drop_all);
    host.batt(&["restore", "mysql"]).code(0);
    assert_eq!([told("d"), told("plain"), told("a``b")], before);

    host.batt(&["restore", "mysql", "--mysql-db", "d", "--into", "e"])
        .code(0);
    assert_eq!(told("e").replace("`e`", "`d`").replace("e\t", "d\t"), before[0]);

    // What takes the place of another one has its own.
    server.sql("ALTER DATABASE d COMMENT = 'another'");
    host.batt(&["restore", "mysql", "--mysql-db", "d", "--replace"])
        .code(0);
    assert_eq!(told("d"), before[0]);

    server.sql(drop_all);
    let options = format!("[client]\nuser=root\nsocket={}\n", server.socket().display());
    fs::write(host.user_home().join(".my.cnf"), options).unwrap();
    host.restore(&host.backup("mysql"), &[]);
    assert_eq!([told("d"), told("plain"), told("a``b")], before);
}

#[test]
fn digits_and_characters_that_no_dump_holds_are_told() {
    let server = MariaDb::start();
    // 0x81AD is a character of no meaning there; U+3042 is a letter.
    server.sql(
        "CREATE DATABASE d; USE d;
         CREATE TABLE floats (a FLOAT, b FLOAT, c DOUBLE, d FLOAT(7,2)); CREATE TABLE more (a FLOAT); INSERT INTO more VALUES (16777216);
         CREATE TABLE letters (a INT, t TEXT CHARACTER SET sjis); INSERT INTO letters VALUES (1, _sjis 0x82A0);
         CREATE TABLE odd (a INT, `t``t` TEXT CHARACTER SET sjis); INSERT INTO odd VALUES (1, _sjis 0x82A0), (2, _sjis 0x81AD);
         CREATE DATABASE e; CREATE TABLE e.t (d FLOAT(7,2), t TEXT CHARACTER SET big5); INSERT INTO e.t VALUES (1.5, 'x')",
    );
    let host = Host::new();
    configure(&host, &server, &[]);
    let told = host.batt(&["mysql"]).code(0);
    told.says("`d` has columns of type FLOAT (3, in 2 of its tables and views)");
    told.says("characters that Unicode has no partner of their own for");
    told.says("`odd`.`t`t`");
    let said = told.said();
    assert!(
        !said.contains("`letters`") && !said.contains("`e`"),
        "what comes back is no matter of a warning:\n{said}"
    );
}

/// What docs/restore.md offers for a database, word for word.
fn offered(database: &str) -> String {
    let docs = include_str!("../../../docs/restore.md");
    let (_, query) = docs.split_once("```sql\n").unwrap();
    let (query, _) = query.split_once("```").unwrap();
    assert!(query.contains("'shop'"), "{query}");
    query.replace("'shop'", &format!("'{database}'"))
}

/// Of a column of which more is said than a statement of these would keep nothing is changed.
#[test]
fn columns_of_float_that_are_more_than_numbers_stay_as_they_are() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE d; CREATE TABLE d.t (a INT, w FLOAT, e FLOAT DEFAULT (a + 1), f FLOAT NOT NULL DEFAULT (RAND()),
             stored FLOAT AS (a * 1.5) STORED, computed FLOAT AS (a) VIRTUAL, hidden FLOAT INVISIBLE, counted FLOAT AUTO_INCREMENT, KEY (counted))",
    );
    let told = || server.sql("SHOW CREATE TABLE d.t");
    let before = told();
    let statements = server.sql(&offered("d"));
    assert_eq!(statements.lines().count(), 3, "{statements}");
    server.sql(&statements);
    let mut expected = before.clone();
    for name in ["w", "e", "f"] {
        expected = expected.replace(&format!("`{name}` float"), &format!("`{name}` double"));
    }
    assert_ne!(expected, before);
    assert_eq!(told(), expected);
}

#[test]
fn numbers_of_float_keep_all_their_digits_as_double() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE d; CREATE TABLE d.`it's` (id INT, `f``1` FLOAT NOT NULL DEFAULT 1.5 COMMENT 'it''s', g FLOAT UNSIGNED, h FLOAT(7,2));
         INSERT INTO d.`it's` VALUES (1, 16777216, 0.1, 1.25), (2, 3.4028234e38, 1.1754944e-38, 2.5)",
    );
    let numbers = "SELECT id, CAST(`f``1` AS DOUBLE), CAST(g AS DOUBLE), h FROM d.`it's` ORDER BY id";
    let before = server.sql(numbers);
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt(&["enable", "mysql"]).code(0);
    host.batt(&["check"])
        .says("`d` has columns of type FLOAT (2, in 1 of its tables and views)");

    let statements = server.sql(&offered("d"));
    assert_eq!(statements.lines().count(), 2, "{statements}");
    server.sql(&statements);
    let backed_up = host.batt_promised("mysql", &["d"]).code(0).said();
    assert!(!backed_up.contains("FLOAT"), "{backed_up}");
    server.sql("DROP DATABASE d");
    host.batt(&["restore", "mysql"]).code(0);
    assert_eq!(server.sql(numbers), before);
    server.sql("ALTER TABLE d.`it's` MODIFY `f``1` FLOAT, MODIFY g FLOAT");
    assert_eq!(server.sql(numbers), before);
}

#[test]
fn a_server_of_another_kind_is_told_before_anything_is_loaded() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE d; CREATE TABLE d.t (id INT); INSERT INTO d.t VALUES (1);
         CREATE SERVER far FOREIGN DATA WRAPPER mysql OPTIONS (HOST '127.0.0.1')",
    );
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt(&["mysql"]).code(0);

    let other = MariaDb::start_with(&["--skip-log-bin", "--lower-case-table-names=1"]);
    configure(&host, &other, &[]);
    let told = host.batt(&["restore", "mysql"]).code(0);
    told.says("names of tables that differ in their case alone are one name here");
    told.says(
        "has servers of tables elsewhere (CREATE SERVER) that this one lacks, and that no backup holds: far",
    );
    assert_eq!(other.sql("SELECT * FROM d.t"), "1\n");

    // The same kind of server has nothing to say.
    server.sql("DROP DATABASE d");
    configure(&host, &server, &[]);
    let told = host.batt(&["restore", "mysql"]).code(0);
    assert!(
        !told.said().contains("lower_case") && !told.said().contains("that this one lacks"),
        "{}",
        told.said()
    );
}

#[test]
fn what_a_server_takes_only_without_its_checks_comes_back() {
    let plugin = "INSTALL SONAME 'ha_archive'";
    let server = MariaDb::start();
    server.sql(plugin);
    server.sql(
        "CREATE DATABASE d; USE d;
         CREATE TABLE checked (a INT CHECK (a > 10)); SET check_constraint_checks = OFF; INSERT INTO checked VALUES (1), (11);
         CREATE TABLE archived (n INT AUTO_INCREMENT, t TEXT, KEY (n)) ENGINE=ARCHIVE; INSERT INTO archived (t) VALUES ('a'), ('b')",
    );
    let rows = |server: &MariaDb| server.sql("SELECT * FROM d.checked; SELECT * FROM d.archived");
    let before = rows(&server);
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt(&["mysql"]).code(0);
    host.batt_drill("mysql").code(0).says("proven");
    server.sql("DROP DATABASE d");
    host.batt(&["restore", "mysql"]).code(0);
    assert_eq!(rows(&server), before);
    // The next number is the next one.
    server.sql("INSERT INTO d.archived (t) VALUES ('c')");
    assert_eq!(server.sql("SELECT n FROM d.archived WHERE t = 'c'"), "3\n");
    let refused = server.sql_all("INSERT INTO d.checked VALUES (2)");
    refused.says("CONSTRAINT");
}

#[test]
fn a_view_over_one_that_runs_as_an_account_that_comes_back_comes_back() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE d; USE d; CREATE USER owner@localhost; CREATE USER reader@localhost;
         CREATE TABLE t (a INT); INSERT INTO t VALUES (1); GRANT SELECT ON d.t TO owner@localhost;
         CREATE DEFINER=owner@localhost VIEW inner_one AS SELECT a FROM t;
         CREATE VIEW outer_one AS SELECT a FROM inner_one; GRANT SELECT ON d.outer_one TO reader@localhost;
         CREATE PROCEDURE p() SELECT 1; GRANT EXECUTE ON PROCEDURE d.p TO reader@localhost",
    );
    let told = |server: &MariaDb| server.fingerprint("d") + &server.accounts();
    let before = told(&server);
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt(&["mysql"]).code(0);
    host.batt_drill("mysql").code(0).says("proven");

    let emptied = MariaDb::start();
    configure(&host, &emptied, &[]);
    host.batt(&["restore", "mysql"]).code(0);
    assert_eq!(told(&emptied), before);
    assert_eq!(emptied.sql("SELECT * FROM d.outer_one"), "1\n");
}

/// The server lists them in one order before they are opened, and in another one afterwards.
#[test]
fn tables_whose_names_differ_in_case_alone_are_backed_up() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE cases; USE cases; CREATE TABLE t1 (a INT NOT NULL) ENGINE=CSV; CREATE TABLE T1 (a INT NOT NULL) ENGINE=CSV;
         INSERT INTO t1 VALUES (10); INSERT INTO T1 VALUES (20)",
    );
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt_promised("mysql", &["cases"]).code(0);
    let content = host.content("mysql", "cases");
    assert_eq!(
        (content["rows.t1"].as_str(), content["rows.T1"].as_str()),
        ("1", "1")
    );
    host.batt_drill("mysql").code(0).says("proven");
}

/// The server tells some of it in the zone of who asks, and some at any length.
#[test]
fn what_a_server_tells_in_statements_alone_is_the_same_in_each_zone_and_at_any_length() {
    let server = MariaDb::start_with(&["--skip-log-bin", "--default-time-zone=+05:00"]);
    let mut statements = "CREATE DATABASE d; USE d;
         CREATE TABLE versions (a INT) WITH SYSTEM VERSIONING PARTITION BY SYSTEM_TIME INTERVAL 1 MONTH STARTS TIMESTAMP'2024-01-01 00:00:00'
             (PARTITION old HISTORY, PARTITION now CURRENT);"
        .to_owned();
    // The name of a table may have 64 characters: here with two bytes each.
    let merged: Vec<String> = (1..=180)
        .map(|number| format!("`{}{number:03}`", "ä".repeat(50)))
        .collect();
    for name in &merged {
        statements += &format!("CREATE TABLE {name} (a INT) ENGINE=MyISAM;");
    }
    statements += &format!(
        "CREATE TABLE many (a INT) ENGINE=MERGE UNION=({});",
        merged.join(",")
    );
    statements += &format!("CREATE TABLE few (a INT) ENGINE=MERGE UNION=({});", merged[0]);
    server.sql(&statements);
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt_promised("mysql", &["d"]).code(0);
    let content = host.content("mysql", "d");
    let parts = |table: &str| {
        let key = content
            .keys()
            .find(|key| key.ends_with(&format!(".parts-of-table.{table}")));
        content[key.unwrap()].clone()
    };
    assert!(
        parts("versions").contains("2023-12-31 19:00:00"),
        "{}",
        parts("versions")
    );
    assert!(parts("few").contains("UNION=("), "{}", parts("few"));
    let many = parts("many");
    assert!(
        many.len() == 64 && many.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{many}"
    );
    host.batt_drill("mysql").code(0).says("proven");
}

/// A definer may have any signs; as they are recorded, they are found again.
#[test]
fn each_account_as_which_views_run_is_known() {
    let server = MariaDb::start();
    server.sql(
        r"CREATE DATABASE d; USE d; CREATE USER one@localhost; CREATE USER 'b\\t''\tc'@localhost;
          CREATE DEFINER=one@localhost VIEW v1 AS SELECT 1; CREATE DEFINER='b\\t''\tc'@localhost VIEW v2 AS SELECT 1; CREATE VIEW v3 AS SELECT 1",
    );
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt(&["mysql"]).code(0);
    // Between tabs as the client prints each, which is how a restore asks for those that are there.
    assert_eq!(
        host.fact("mysql", "views_run_as.d")
            .split('\t')
            .collect::<Vec<_>>(),
        [r"b\\t'\tc@localhost", "one@localhost", "root@localhost"]
    );
    server.sql("DROP DATABASE d");
    host.batt(&["restore", "mysql"]).code(0);
}
