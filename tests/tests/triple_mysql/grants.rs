//! What the account of a backup may dump, told before it does.

use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;

/// What a dump needs of a database whose tables are all InnoDB.
const ENOUGH: &str = "SELECT, SHOW VIEW, TRIGGER, EVENT, EXECUTE";

/// Has the mysql service log in as an account without a password.
fn log_in(host: &Host, server: &MariaDb, user: &str) {
    let options = server.option_file(user, "");
    host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
}

fn server() -> MariaDb {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE shop_1; CREATE TABLE shop_1.t (id INT); INSERT INTO shop_1.t VALUES (1);
         CREATE TRIGGER shop_1.g BEFORE INSERT ON shop_1.t FOR EACH ROW SET NEW.id = 2;
         CREATE EVENT shop_1.e ON SCHEDULE EVERY 1 DAY DO DELETE FROM shop_1.t WHERE id < 0;
         CREATE DATABASE shopx1; CREATE TABLE shopx1.t (id INT); CREATE DATABASE other",
    );
    server
}

#[test]
fn grants_on_names_with_wildcards_are_those_that_the_server_heeds() {
    let server = server();
    let host = Host::new();
    for (user, grants, may, may_not) in [
        // In a grant `_` is any sign, unless behind a backslash.
        ("one", vec!["`shop\\_1`"], vec!["shop_1"], vec!["shopx1", "other"]),
        ("two", vec!["`shop_1`"], vec!["shop_1", "shopx1"], vec!["other"]),
        (
            "three",
            vec!["`shop\\_%`"],
            vec!["shop_1"],
            vec!["shopx1", "other"],
        ),
        ("four", vec!["`s%1`"], vec!["shop_1", "shopx1"], vec!["other"]),
        ("five", vec!["`%`"], vec!["shop_1", "shopx1", "other"], vec![]),
        (
            "six",
            vec!["`%o%x_`", "`ot%r`"],
            vec!["shopx1", "other"],
            vec!["shop_1"],
        ),
    ] {
        server.sql(&format!("CREATE USER {user}@localhost"));
        for name in grants {
            server.sql(&format!("GRANT {ENOUGH} ON {name}.* TO {user}@localhost"));
        }
        log_in(&host, &server, user);
        for name in may {
            host.batt(&["--mysql-db", name]).code(0);
        }
        for name in may_not {
            host.batt(&["--mysql-db", name]).code(2);
        }
    }
}

/// Of several grants that fit a database the server takes one.
#[test]
fn a_grant_that_another_one_hides_does_not_count() {
    let server = server();
    server.sql(&format!(
        "CREATE USER narrow@localhost; GRANT {ENOUGH} ON `shop%`.* TO narrow@localhost;
         GRANT SELECT ON `shop\\_1`.* TO narrow@localhost"
    ));
    let host = Host::new();
    log_in(&host, &server, "narrow");
    let told = host.batt(&["--mysql-db", "shop_1"]).code(2);
    told.says("lacks privileges (SHOW VIEW, TRIGGER, EVENT, ROUTINES) on `shop_1`");
    told.says("the most specific alone counts, that on `shop\\_1`");
    host.batt(&["--mysql-db", "shopx1"]).code(0);
    host.batt(&["enable", "mysql"]).code(0);
    host.batt(&["check"])
        .code(2)
        .says("the account may not see all databases");
}

#[test]
fn roles_count_when_the_account_has_them_by_default() {
    let server = server();
    server.sql(&format!(
        "CREATE ROLE outer_one; CREATE ROLE inner_one; GRANT inner_one TO outer_one;
         GRANT {ENOUGH} ON `shop\\_%`.* TO inner_one; CREATE USER worker@localhost; GRANT outer_one TO worker@localhost"
    ));
    let host = Host::new();
    log_in(&host, &server, "worker");
    host.batt(&["--mysql-db", "shop_1"]).code(2);
    let told = host.batt(&["mysql"]).code(2);
    told.says("the account has roles that it does not have by default (`outer_one`)");
    server.sql("SET DEFAULT ROLE outer_one FOR worker@localhost");
    host.batt(&["--mysql-db", "shop_1"]).code(0);
    let content = &host.manifest("mysql")["archives"][0]["content"];
    assert!(content["trigger.g"].is_string(), "{content}");
    assert!(content["event.e"].is_string(), "{content}");
    // All of them, by a role.
    server.sql(&format!("GRANT {ENOUGH} ON *.* TO inner_one"));
    host.batt(&["mysql"]).code(0);
}

#[test]
fn what_everybody_may_counts() {
    let server = server();
    server.sql(&format!(
        "CREATE USER anybody@localhost; GRANT {ENOUGH} ON `shop%`.* TO PUBLIC"
    ));
    let host = Host::new();
    log_in(&host, &server, "anybody");
    host.batt(&["--mysql-db", "shop_1"]).code(0);
    host.batt(&["--mysql-db", "other"]).code(2);
}

/// Names are seen by whoever may call a routine, bodies by fewer.
#[test]
fn routines_that_may_not_be_read_are_told_before() {
    let server = server();
    server.sql(&format!(
        "CREATE PROCEDURE shop_1.tidy() SELECT 1; CREATE USER caller@localhost; GRANT {ENOUGH} ON shop_1.* TO caller@localhost;
         GRANT {ENOUGH} ON shopx1.* TO caller@localhost"
    ));
    let host = Host::new();
    log_in(&host, &server, "caller");
    host.batt(&["--mysql-db", "shop_1"])
        .code(2)
        .says("the account may not read routines of `shop_1`: procedure `tidy`");
    host.batt(&["--mysql-db", "shopx1"]).code(0);
    server.sql("GRANT SELECT ON mysql.proc TO caller@localhost");
    host.batt(&["--mysql-db", "shop_1"]).code(0);
}
