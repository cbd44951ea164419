//! `batt restore mysql`.

use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;

use crate::content::{DATABASES, Shop, configure};

#[test]
fn everything_that_was_dropped_comes_back() {
    let shop = Shop::backed_up();
    let before = (Shop::fingerprints(&shop.server), shop.server.accounts());
    for database in DATABASES {
        let quoted = database.replace('`', "``");
        shop.server.sql(&format!("DROP DATABASE `{quoted}`"));
    }
    shop.server
        .sql("DROP ROLE reader; DROP USER app@'%', \"o'b`r\"@localhost");

    let told = shop.host.batt(&["restore", "mysql"]).code(0).said();

    assert!(told.contains("facts"), "{told}");
    assert_eq!(Shop::fingerprints(&shop.server), before.0);
    assert_eq!(shop.server.accounts(), before.1);
    shop.host.assert_nowhere("canary-password-of-app");
}

#[test]
fn one_of_several_comes_back_under_another_name_on_another_server() {
    let shop = Shop::backed_up();
    let other = MariaDb::start();
    shop.restore_to(&other);
    let name = "new `one`;";
    shop.host
        .batt(&["restore", "mysql", "--mysql-db", "shop", "--into", name])
        .code(0);
    let as_shop = other
        .fingerprint(name)
        .replace("`new ``one``;`", "`shop`")
        .replace("new `one`;.", "shop.")
        .replace("\tDISABLED\t", "\tENABLED\t");
    assert_eq!(as_shop, shop.server.fingerprint("shop"));
    assert_eq!(
        other.sql("SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name IN ('shop', 'old')"),
        "0\n"
    );

    let refused = shop.host.batt(&["restore", "mysql", "--into", "x"]).code(2);
    refused.says("another name can be given to one database");
}

#[test]
fn what_is_there_goes_only_when_that_was_said() {
    let shop = Shop::backed_up();
    let before = Shop::fingerprints(&shop.server);
    shop.server
        .sql("DELETE FROM shop.part; CREATE TABLE shop.later (a INT)");
    let changed = shop.server.fingerprint("shop");

    let refused = shop.host.batt(&["restore", "mysql"]).code(2);
    refused.says("exists, with");
    refused.says("--replace");
    assert_eq!(shop.server.fingerprint("shop"), changed);

    let replaced = shop.host.batt(&["restore", "mysql", "--replace"]).code(0);
    replaced.says("what was in `shop` before was dropped");
    assert_eq!(Shop::fingerprints(&shop.server), before);

    // One that is there and empty is no obstacle.
    shop.server
        .sql("DROP DATABASE old; CREATE DATABASE old CHARACTER SET utf8mb4");
    shop.host.batt(&["restore", "mysql", "--mysql-db", "old"]).code(0);
    assert_eq!(shop.server.fingerprint("old"), before["old"]);
}

#[test]
fn accounts_that_are_there_keep_their_passwords() {
    let shop = Shop::backed_up();
    shop.server
        .sql("SET PASSWORD FOR app@'%' = PASSWORD('another'); REVOKE INSERT ON shop.article FROM app@'%'");
    let password = "SELECT authentication_string FROM mysql.user WHERE user = 'app'";
    let kept = shop.server.sql(password);
    shop.server.sql("CREATE USER stranger@localhost");

    shop.host
        .batt(&["restore", "mysql", "--mysql-db", "mysql"])
        .code(0);

    assert_eq!(shop.server.sql(password), kept);
    assert!(
        shop.server
            .sql("SHOW GRANTS FOR app@'%'")
            .contains("GRANT SELECT, INSERT ON `shop`.`article`")
    );

    // What the backup did not grant is a difference.
    shop.server.sql("GRANT DELETE ON shop.* TO app@'%'");
    let differs = shop
        .host
        .batt(&["restore", "mysql", "--mysql-db", "mysql"])
        .code(2);
    differs.says("`account.app@%25` is ");
}

#[test]
fn whose_rights_are_missing_is_said() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE d; CREATE DEFINER=gone@localhost PROCEDURE d.p() SELECT 1; CREATE TABLE d.t (a INT)",
    );
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt_promised("mysql", &["d"]).code(0);
    server.sql("DROP DATABASE d");
    host.batt(&["restore", "mysql"]).code(0).says("gone@localhost");
}

#[test]
fn databases_come_back_in_the_order_in_which_their_views_need_them() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE a; CREATE DATABASE b; CREATE DATABASE `c``;`;
         CREATE TABLE a.t (id INT); CREATE TABLE `c``;`.t (id INT);
         CREATE VIEW b.v AS SELECT * FROM `c``;`.t; CREATE VIEW a.v AS SELECT * FROM b.v",
    );
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt(&["mysql"]).code(0);
    server.sql("DROP DATABASE a; DROP DATABASE b; DROP DATABASE `c``;`");
    let items = ["--mysql-db", "a", "--mysql-db", "b", "--mysql-db", "c`;"];
    host.batt(&[&["restore", "mysql"], &items[..]].concat()).code(0);
    assert_eq!(server.sql("SELECT COUNT(*) FROM a.v"), "0\n");
}

/// Views of each look into the other, and tables of each take their numbers from the other.
#[test]
fn databases_that_need_each_other_come_back() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE xa; CREATE DATABASE xb; CREATE TABLE xb.t (id INT); INSERT INTO xb.t VALUES (1), (2);
         CREATE VIEW xa.v AS SELECT * FROM xb.t; CREATE VIEW xb.v AS SELECT * FROM xa.v; CREATE VIEW xa.w AS SELECT * FROM xb.v;
         CREATE SEQUENCE xa.sq; CREATE SEQUENCE xb.sq START WITH 50;
         CREATE TABLE xa.o (id BIGINT PRIMARY KEY DEFAULT nextval(xb.sq), x INT); INSERT INTO xa.o (x) VALUES (1), (2);
         CREATE TABLE xb.o (id BIGINT PRIMARY KEY DEFAULT nextval(xa.sq), x INT); INSERT INTO xb.o (x) VALUES (3);
         CREATE TRIGGER xb.g BEFORE INSERT ON xb.o FOR EACH ROW SET NEW.x = NEW.x + 1",
    );
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt_promised("mysql", &["xa", "xb"]).code(0);
    let before = (server.fingerprint("xa"), server.fingerprint("xb"));
    host.batt(&["drill", "mysql"]).code(0);
    server.sql("DROP DATABASE xa; DROP DATABASE xb");
    host.batt(&["restore", "mysql"]).code(0);
    assert_eq!((server.fingerprint("xa"), server.fingerprint("xb")), before);
    server.sql("INSERT INTO xa.o (x) VALUES (5); INSERT INTO xb.o (x) VALUES (6)");
    assert_eq!(
        server.sql("SELECT COUNT(*) FROM xa.w; SELECT COUNT(*) FROM xa.o; SELECT MAX(x) FROM xb.o"),
        "2\n3\n7\n"
    );
    host.batt(&["restore", "mysql", "--replace"]).code(0);
    assert_eq!((server.fingerprint("xa"), server.fingerprint("xb")), before);
}

/// Only a default that takes numbers from a sequence is an other database's: a server writes its name.
#[test]
fn tables_that_take_numbers_from_another_database_come_after_it() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE a; CREATE DATABASE b; CREATE SEQUENCE b.sq; CREATE TABLE a.o (id BIGINT DEFAULT nextval(b.sq))",
    );
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt_promised("mysql", &["a", "b"]).code(0);
    server.sql("DROP DATABASE a; DROP DATABASE b");
    host.batt(&["restore", "mysql"]).code(0);
    server.sql("INSERT INTO a.o VALUES ()");
}

#[test]
fn a_copy_that_leads_to_the_original_is_warned_of_by_name() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE s1; USE s1; CREATE SEQUENCE sq; CREATE TABLE orders (id BIGINT PRIMARY KEY DEFAULT nextval(sq), x INT);
         CREATE TABLE quiet (id INT DEFAULT 1); CREATE VIEW own AS SELECT * FROM s1.quiet;
         CREATE TRIGGER g BEFORE INSERT ON orders FOR EACH ROW INSERT INTO s1.quiet VALUES (2);
         CREATE TRIGGER harmless BEFORE INSERT ON quiet FOR EACH ROW SET NEW.id = 3;
         CREATE PROCEDURE p() SELECT * FROM `s1` . quiet; CREATE FUNCTION f() RETURNS INT RETURN 1 + 0.5;
         CREATE PROCEDURE q() SELECT 's1', x_s1.id FROM quiet AS x_s1;
         CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM s1.quiet",
    );
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt_promised("mysql", &["s1"]).code(0);
    let told = host
        .batt(&["restore", "mysql", "--mysql-db", "s1", "--into", "s1_copy"])
        .code(0);
    told.says("what is in `s1_copy` now still refers to `s1`: event `e`, procedure `p`, table `orders`, trigger `g`");
    server.sql("DROP DATABASE s1");
    let told = host.batt(&["restore", "mysql"]).code(0).said();
    assert!(!told.contains("still refers"), "{told}");
}

#[test]
fn a_server_without_an_engine_or_a_way_to_log_in_is_not_the_place() {
    let server = MariaDb::start();
    server.sql(
        "INSTALL SONAME 'ha_archive'; CREATE DATABASE d; CREATE TABLE d.t (id INT) ENGINE=ARCHIVE;
         INSTALL SONAME 'auth_ed25519'; CREATE USER e@localhost IDENTIFIED VIA ed25519 USING PASSWORD('x')",
    );
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt(&["mysql"]).code(0);
    let other = MariaDb::start();
    let options = other.option_file("root", "");
    configure(
        &host,
        &server,
        &[("MYSQL_RESTORE_CREDS", options.to_str().unwrap())],
    );
    for (item, said) in [
        ("d", "no engine `ARCHIVE`"),
        ("mysql", "lacks the plugin `ed25519`"),
    ] {
        let finished = host.batt(&["restore", "mysql", "--mysql-db", item]);
        finished.code(69).says(said);
    }
    assert_eq!(other.sql("SHOW DATABASES LIKE 'd'"), "");
    assert_eq!(other.sql("SELECT user FROM mysql.user WHERE user = 'e'"), "");
}

/// Names and texts may hold the words by which a statement tells how an account logs in.
#[test]
fn accounts_whose_names_read_like_ways_to_log_in_come_back() {
    let server = MariaDb::start();
    server.sql(
        "CREATE USER 'a OR b'@localhost; CREATE USER 'c VIA d'@'%' IDENTIFIED BY 'x' REQUIRE ISSUER '/CN=it''s OR e';
         CREATE USER 'f IDENTIFIED WITH g'@localhost",
    );
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt_promised("mysql", &["mysql"]).code(0);
    let before = server.accounts();
    host.batt(&["drill", "mysql"]).code(0);
    server.sql("DROP USER 'a OR b'@localhost, 'c VIA d'@'%', 'f IDENTIFIED WITH g'@localhost");
    host.batt(&["restore", "mysql"]).code(0);
    assert_eq!(server.accounts(), before);
}

/// Grants on what is not there are named; all else of the accounts is restored.
#[test]
fn accounts_come_back_though_a_database_does_not() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE a; CREATE TABLE a.t (id INT); CREATE DATABASE b; CREATE TABLE b.large (t VARCHAR(700) PRIMARY KEY) CHARSET utf8mb4;
         CREATE TABLE b.later (id INT);
         CREATE USER app@localhost; GRANT SELECT (t) ON b.large TO app@localhost; GRANT SELECT ON b.later TO app@localhost; GRANT SELECT ON a.t TO app@localhost",
    );
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt(&["mysql"]).code(0);
    let other = MariaDb::start_with(&["--skip-log-bin", "--innodb-default-row-format=compact"]);
    let options = other.option_file("root", "");
    let restore_as = ("MYSQL_RESTORE_CREDS", options.to_str().unwrap());
    configure(&host, &server, &[restore_as]);
    let restored = host.batt(&["restore", "mysql"]).code(2);
    restored
        .says("`b` is not whole now: 1 of its statements was refused by the server, and the rest is there");
    restored.says("of the accounts was not restored: 1146");
    let grants = other.sql("SHOW GRANTS FOR app@localhost");
    assert!(grants.contains("GRANT SELECT ON `a`.`t`"), "{grants}");
    assert!(grants.contains("GRANT SELECT ON `b`.`later`"), "{grants}");
    assert_eq!(other.sql("SELECT COUNT(*) FROM a.t"), "0\n");
}

/// They would do again what those of the original do, and are those of the same accounts.
#[test]
fn events_of_a_copy_do_nothing() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE s1; USE s1; CREATE TABLE t (id INT); CREATE USER 'o''fx'@localhost;
         CREATE DEFINER='o''fx'@localhost EVENT `e ``1` ON SCHEDULE EVERY 1 DAY DO DELETE FROM s1.t;
         CREATE EVENT off ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1",
    );
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt_promised("mysql", &["s1"]).code(0);
    for account in ["yes", "no"] {
        configure(&host, &server, &[("MYSQL_RESTORE_ACCOUNT", account)]);
        let told = host
            .batt(&["restore", "mysql", "--mysql-db", "s1", "--into", "copy"])
            .code(0);
        told.says("the events of `copy` are disabled, since those of `s1` do the same: `e `1`");
        let events = "SELECT event_schema, event_name, status, definer, event_definition FROM information_schema.events ORDER BY 1, 2";
        assert_eq!(
            server.sql(events),
            "copy\te `1\tDISABLED\to'fx@localhost\tDELETE FROM s1.t\ncopy\toff\tDISABLED\troot@localhost\tSELECT 1\n\
             s1\te `1\tENABLED\to'fx@localhost\tDELETE FROM s1.t\ns1\toff\tDISABLED\troot@localhost\tSELECT 1\n"
        );
        server.sql("DROP DATABASE copy");
    }
    server.sql("DROP DATABASE s1");
    host.batt(&["restore", "mysql"]).code(0);
    let enabled = server.sql("SELECT event_name FROM information_schema.events WHERE status = 'ENABLED'");
    assert_eq!(enabled, "e `1\n");
}
