//! `batt drill mysql`.

use std::fs;
use std::process::Command;

use batt_tests::drop_in::chmod;
use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;
use serde_json::Value;

use crate::content::{DATABASES, Shop, configure};
use crate::forgery::Forgery;

/// Runs a drill and returns its exit code and what is told of it.
fn drill(shop: &Shop) -> (i32, Value, String) {
    let finished = shop.host.batt(&["--format", "json", "drill", "mysql"]);
    let report: Value =
        serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {}", finished.said()));
    (
        finished.code.unwrap(),
        report["drills"][0].clone(),
        finished.said(),
    )
}

#[test]
fn a_whole_backup_is_proven_and_the_running_server_is_not_touched() {
    let shop = Shop::backed_up();
    shop.server.sql("FLUSH TABLES");
    let before = (
        Shop::fingerprints(&shop.server),
        shop.server.sql("SHOW GLOBAL STATUS LIKE 'Connections'"),
    );

    let (exit, told, said) = drill(&shop);

    assert_eq!((exit, told["outcome"].as_str()), (0, Some("proven")), "{said}");
    let expected: usize = DATABASES
        .iter()
        .chain(&["mysql"])
        .map(|name| shop.content(name).len())
        .sum();
    assert_eq!(told["compared"].as_u64(), Some(expected as u64), "{said}");
    // Only our own two looks at it came between.
    let connections = |text: &str| -> u64 { text.split_whitespace().last().unwrap().parse().unwrap() };
    let now = shop.server.sql("SHOW GLOBAL STATUS LIKE 'Connections'");
    assert_eq!(connections(&now), connections(&before.1) + 1);
    assert_eq!(Shop::fingerprints(&shop.server), before.0);
    let catalogue = fs::read_to_string(shop.host.home().join("var/catalogue.jsonl")).unwrap();
    assert!(catalogue.contains("\"engine\":\"MariaDB 10."), "{catalogue}");
}

#[test]
fn a_drill_needs_a_server_that_is_no_older() {
    let shop = Shop::backed_up();
    let forgery = Forgery::of(&shop.host.backup("mysql"))
        .doctor("\"server.version\": \"1", "\"server.version\": \"991");
    forgery.drill().code(69).says("which is older");
}

/// The path of the socket would be too long for one, too.
#[test]
fn a_drill_leaves_nothing_behind() {
    let shop = Shop::backed_up();
    let place = tempfile::Builder::new()
        .prefix(&"a-long-name-".repeat(6))
        .tempdir_in("/tmp")
        .unwrap();
    chmod(place.path(), 0o711);
    shop.host
        .settings(&format!("[drill]\nscratch = \"{}\"\n", place.path().display()));
    shop.host.batt(&["drill", "mysql"]).code(0);

    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    let sockets = fs::read_dir("/tmp").unwrap().flatten();
    let left: Vec<_> = sockets
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("batt-drill."))
        .collect();
    assert_eq!(left, [""; 0]);
    let processes = Finished::run(Command::new("ps").args(["-eo", "args"])).success();
    assert!(!processes.contains(place.path().to_str().unwrap()), "{processes}");
}

/// What a fresh server has not by itself: time zones with names, pages of another size, rows that it would refuse.
#[test]
fn a_throw_away_server_is_made_like_the_one_that_was_backed_up() {
    let server = MariaDb::start();
    let zones = Command::new("mariadb-tzinfo-to-sql")
        .arg("/usr/share/zoneinfo")
        .output()
        .unwrap()
        .stdout;
    server.sql(&format!("USE mysql; {}", String::from_utf8_lossy(&zones)));
    let columns: Vec<String> = (0..40).map(|number| format!("c{number} VARCHAR(500)")).collect();
    server.sql(&format!(
        "INSTALL SONAME 'ha_archive'; INSTALL SONAME 'auth_ed25519';
         CREATE USER e@localhost IDENTIFIED VIA ed25519 USING PASSWORD('x') REQUIRE SSL WITH MAX_USER_CONNECTIONS 3;
         SET GLOBAL innodb_strict_mode = OFF; SET SESSION innodb_strict_mode = OFF;
         CREATE DATABASE d; USE d; CREATE TABLE wide ({}) ROW_FORMAT=COMPACT CHARACTER SET latin1;
         CREATE TABLE t (id INT) ENGINE=ARCHIVE; SET time_zone = 'Europe/Berlin';
         CREATE EVENT e ON SCHEDULE EVERY 1 DAY STARTS '2024-01-01 03:00:00' DO DELETE FROM t",
        columns.join(", ")
    ));
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt(&["mysql"]).code(0);
    host.batt(&["drill", "mysql"]).code(0);
}

/// Keys of a server are no part of a backup, and a rehearsal has its own.
#[test]
fn encrypted_tables_are_rehearsed_with_keys_of_the_drill() {
    let keys = tempfile::tempdir().unwrap();
    chmod(keys.path(), 0o755);
    let file = keys.path().join("keys");
    let key = |number: u32, digit: &str| format!("{number};{}\n", digit.repeat(64));
    fs::write(&file, key(1, "a") + &key(7, "b")).unwrap();
    chmod(&file, 0o644);
    let named = format!("--file-key-management-filename={}", file.display());
    let server = MariaDb::start_with(&["--skip-log-bin", "--plugin-load-add=file_key_management", &named]);
    server.sql(
        "CREATE DATABASE shop; CREATE TABLE shop.first (id INT) ENCRYPTED=YES; INSERT INTO shop.first VALUES (1);
         CREATE TABLE shop.seventh (id INT) ENCRYPTED=YES ENCRYPTION_KEY_ID=7; INSERT INTO shop.seventh VALUES (1), (2);
         CREATE DATABASE open; CREATE TABLE open.t (a VARCHAR(3))",
    );
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt_promised("mysql", &["open", "shop"]).code(0);
    assert_eq!(
        host.fact("mysql", "also_needed.plugins"),
        "file_key_management.so"
    );
    host.batt_drill("mysql").code(0).says("proven");

    let without_keys = "mount --bind /dev/null /usr/lib/mysql/plugin/file_key_management.so";
    let told = host.in_mounts(&format!("{without_keys}\nbatt drill mysql"));
    let Some(told) = told else { return };
    told.code(69).says("has no plugin that does");

    // What needs no keys is held to all the same.
    for (statement, said) in REFUSED {
        let told = Forgery::of(&host.backup("mysql"))
            .append("open.zst", statement)
            .doctor("\"rows.t\": \"0\"", "\"rows.t\": \"1\"")
            .drill_in_mounts(without_keys);
        told.unwrap().code(2).says(said);
    }
}

/// Rows of a table `t`, and what is said of them.
const REFUSED: [(&str, &str); 2] = [
    (
        "INSERT INTO `t` VALUES ('long');",
        "has not taken 1 values of `a` as they are in the dump",
    ),
    ("INSERT INTO `t` VALUES ('a',2);", "ERROR 1136"),
];

/// Whatever else is refused of a database with such tables is its fault.
#[test]
fn a_database_with_tables_that_lie_elsewhere_is_held_to_the_rest() {
    let server = MariaDb::start();
    server.sql("INSTALL SONAME 'ha_federatedx'; CREATE DATABASE shop; CREATE TABLE shop.t (a VARCHAR(3))");
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt_promised("mysql", &["shop"]).code(0);
    for (statement, said) in REFUSED {
        let forgery = Forgery::of(&host.backup("mysql"))
            .append("shop.zst", statement)
            .doctor("\"rows.t\": \"0\"", "\"rows.t\": \"1\"")
            .doctor(
                "\"engines.shop\": \"InnoDB\"",
                "\"engines.shop\": \"FEDERATED,InnoDB\"",
            )
            .doctor(
                "\"also_needed.plugins\": \"",
                "\"also_needed.plugins\": \"ha_federatedx.so, ",
            );
        forgery.drill().code(2).says(said);
    }
}

/// What such a table shows lies in another server, which a drill does not reach; and that says nothing of the backup.
#[test]
fn tables_that_lie_elsewhere_are_no_fault_of_a_backup() {
    let server = MariaDb::start();
    server.sql(&format!(
        "INSTALL SONAME 'ha_federatedx'; CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY); INSERT INTO shop.t VALUES (1);
         CREATE SERVER self FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'localhost', DATABASE 'shop', USER 'root', SOCKET '{}');
         CREATE TABLE shop.shown (id INT PRIMARY KEY) ENGINE=FEDERATED CONNECTION='self/t'; CREATE DATABASE other; CREATE TABLE other.t (id INT)",
        server.socket().display()
    ));
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt_promised("mysql", &["other", "shop"]).code(0);
    let told = host.batt_drill("mysql").code(69);
    told.says("`shop` has tables of FEDERATED, CONNECT or SPIDER");
    // Where it can be reached it comes back.
    server.sql("DROP TABLE shop.shown");
    host.batt(&["restore", "mysql", "--mysql-db", "shop", "--into", "copy"])
        .code(0);
    assert_eq!(server.sql("SELECT id FROM copy.shown"), "1\n");
}
