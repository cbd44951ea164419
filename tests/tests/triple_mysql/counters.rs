//! Which number comes next: of a table with AUTO_INCREMENT, and of a sequence. One that is behind gives numbers twice.

use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;

use crate::content::configure;
use crate::forgery::Forgery;

/// The rows with the highest numbers are gone, so nothing but the counter tells of them.
const COUNTED: &str = r#"
    CREATE DATABASE shop; USE shop;
    CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, word TEXT) COMMENT 'AUTO_INCREMENT=3';
    INSERT INTO t SELECT seq, 'x' FROM seq_1_to_5000; DELETE FROM t WHERE id > 10;
    CREATE TABLE emptied (id INT PRIMARY KEY AUTO_INCREMENT); INSERT INTO emptied VALUES (41); DELETE FROM emptied;
    CREATE TABLE fresh (id INT PRIMARY KEY AUTO_INCREMENT);
    CREATE TABLE my (id INT PRIMARY KEY AUTO_INCREMENT) ENGINE=MyISAM; INSERT INTO my VALUES (7), (99); DELETE FROM my WHERE id = 99;
    CREATE TABLE aria (id INT PRIMARY KEY AUTO_INCREMENT) ENGINE=Aria; INSERT INTO aria VALUES (7), (99); DELETE FROM aria WHERE id = 99;
    CREATE TABLE held (id INT PRIMARY KEY AUTO_INCREMENT) ENGINE=MEMORY; INSERT INTO held VALUES (7), (99); DELETE FROM held WHERE id = 99;
    CREATE TABLE parts (id INT PRIMARY KEY AUTO_INCREMENT) PARTITION BY HASH (id) PARTITIONS 3; INSERT INTO parts VALUES (7), (99); DELETE FROM parts WHERE id = 99;
    CREATE TABLE of_each (kind INT, id INT AUTO_INCREMENT, PRIMARY KEY (kind, id)) ENGINE=MyISAM; INSERT INTO of_each (kind) VALUES (1), (1), (2);
    CREATE TABLE used_up (id TINYINT UNSIGNED PRIMARY KEY AUTO_INCREMENT); INSERT INTO used_up VALUES (255);
    CREATE TABLE largest (id BIGINT UNSIGNED PRIMARY KEY AUTO_INCREMENT); INSERT INTO largest VALUES (18446744073709551614);
    CREATE TABLE part_of (id FLOAT PRIMARY KEY AUTO_INCREMENT); INSERT INTO part_of VALUES (7);
    CREATE TABLE versions (id INT PRIMARY KEY AUTO_INCREMENT) WITH SYSTEM VERSIONING; INSERT INTO versions VALUES (7), (99); DELETE FROM versions WHERE id = 99;
    CREATE TABLE moved (id INT PRIMARY KEY AUTO_INCREMENT); INSERT INTO moved VALUES (1); UPDATE moved SET id = 4711;
    CREATE SEQUENCE up START WITH 100 CACHE 10; DO NEXTVAL(up);
    CREATE SEQUENCE down START WITH -1 INCREMENT BY -2 MINVALUE -1000 MAXVALUE -1 CACHE 10; DO NEXTVAL(down); DO SETVAL(down, -41);
    CREATE SEQUENCE ended MAXVALUE 3 NOCACHE; DO NEXTVAL(ended); DO NEXTVAL(ended); DO NEXTVAL(ended);
    CREATE SEQUENCE round START WITH 2 MINVALUE 1 MAXVALUE 4 NOCACHE CYCLE; DO NEXTVAL(round); DO NEXTVAL(round); DO NEXTVAL(round); DO NEXTVAL(round);
    CREATE SEQUENCE later NOCACHE; DO NEXTVAL(later); ALTER SEQUENCE later START WITH 50;
    CREATE SEQUENCE `it's ``odd``	one`; DO NEXTVAL(`it's ``odd``	one`);
"#;

/// Where numbers come from next.
fn counters(server: &MariaDb, database: &str) -> String {
    let tables = server.sql(&format!(
        "SELECT table_name, auto_increment FROM information_schema.tables WHERE table_schema = '{database}' AND auto_increment IS NOT NULL ORDER BY 1"
    ));
    let sequences = ["up", "down", "`it's ``odd``\tone`"]
        .map(|name| server.sql(&format!("SELECT next_not_cached_value FROM {database}.{name}")));
    format!("{tables}{}", sequences.concat())
}

#[test]
fn what_comes_next_is_told_by_the_dump_and_comes_back() {
    let server = MariaDb::start();
    server.sql(COUNTED);
    server.sql(
        "INSTALL SONAME 'ha_archive'; USE shop;
         CREATE TABLE kept (id INT PRIMARY KEY AUTO_INCREMENT) ENGINE=ARCHIVE AUTO_INCREMENT=50; INSERT INTO kept VALUES (51), (99)",
    );
    let before = counters(&server, "shop");
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt_promised("mysql", &["shop"]).code(0);
    let content = host.content("mysql", "shop");
    for (key, value) in [
        ("auto-increment.t", "5001"),
        ("auto-increment.emptied", "42"),
        ("auto-increment.my", "100"),
        ("auto-increment.largest", "18446744073709551615"),
        ("next-value.up", "110"),
        ("next-value.down", "-43 and down"),
        ("next-value.it%27s %60odd%60%09one", "1001"),
    ] {
        assert_eq!(content[key], value, "{key}");
    }
    host.batt_drill("mysql").code(0).says("proven");
    host.batt_restore(&[], &["mysql", "--mysql-db", "shop", "--replace"])
        .code(0);
    assert_eq!(counters(&server, "shop"), before);
    server.sql("DROP DATABASE shop");
    host.batt_restore(&[], &["mysql", "--mysql-db", "shop"]).code(0);
    assert_eq!(counters(&server, "shop"), before);
}

#[test]
fn a_counter_that_is_behind_or_another_one_is_found() {
    let server = MariaDb::start();
    server.sql(COUNTED);
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt_promised("mysql", &["shop"]).code(0);
    let backup = host.backup("mysql");
    let other = MariaDb::start();
    // The dump tells no number any more, and the server begins where rows, or the sequence, do.
    for (gone, key, found, recorded) in [
        (" AUTO_INCREMENT=5001", "auto-increment.t", "11", "5001"),
        ("DO SETVAL(`up`, 110, 0);", "next-value.up", "100", "110"),
        (
            "DO SETVAL(`down`, -43, 0);",
            "next-value.down",
            "-1 and down",
            "-43 and down",
        ),
    ] {
        let forgery = Forgery::of(&backup).replace("shop.zst", gone, "");
        let said = format!("`{key}` is `{found}` instead of `{recorded}`: numbers would be given twice");
        forgery.drill().code(2).says(&said);
        if key != "auto-increment.t" {
            continue;
        }
        forgery.restore_to(&other, &[]).code(2).says(&said);
        other.sql("DROP DATABASE shop; CREATE DATABASE shop; CREATE TABLE shop.own (id INT)");
        forgery.restore_to(&other, &["--replace"]).code(2).says(&said);
        assert_eq!(other.sql("SHOW TABLES IN shop"), "own\n");
        other.sql("DROP DATABASE shop");
    }
    // Another number, behind or ahead, is none that was recorded of this dump.
    for (from, to, key, recorded) in [
        (
            " AUTO_INCREMENT=42",
            " AUTO_INCREMENT=7",
            "auto-increment.emptied",
            "42",
        ),
        (
            " AUTO_INCREMENT=5001",
            " AUTO_INCREMENT=6001",
            "auto-increment.t",
            "5001",
        ),
        (
            "SETVAL(`up`, 110, 0)",
            "SETVAL(`up`, 107, 0)",
            "next-value.up",
            "110",
        ),
    ] {
        let forgery = Forgery::of(&backup).replace("shop.zst", from, to);
        let said = format!("`manifest.json` says `{recorded}` of `{key}` in `shop.zst`");
        forgery.drill().code(2).says(&said);
    }
    // An earlier backup tells of none.
    let earlier = Forgery::of(&backup)
        .replace("shop.zst", " AUTO_INCREMENT=5001", "")
        .doctor("\"auto-increment.t\": \"5001\",", "");
    earlier.drill().code(0).says("proven");
}
