//! Tables and rows are loaded by an account of their own, which may do nothing elsewhere.

use std::process::Command;

use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;

use crate::content::configure;
use crate::held::while_loading;

const OURS: &str = "SELECT user FROM mysql.user WHERE user LIKE 'batt-restore-%'";
const PLAIN: &str = "CREATE DATABASE my_d; USE my_d; CREATE TABLE p (id INT PRIMARY KEY); INSERT INTO p VALUES (1), (2);
    CREATE TABLE c (id INT, FOREIGN KEY (id) REFERENCES p (id)); INSERT INTO c VALUES (1);
    CREATE SEQUENCE s; CREATE TABLE h (a INT) WITH SYSTEM VERSIONING; INSERT INTO h VALUES (1); UPDATE h SET a = 2";
/// Enough that its load can be caught.
const BIG: &str = "CREATE TABLE big AS SELECT seq AS id, REPEAT('x', 200) AS t FROM seq_1_to_300000";

/// Returns a server that writes down what it is asked, with a database of these statements, and a host that has a backup of it. The server has lost
/// it since.
fn lost(options: &[&str], statements: &str) -> (MariaDb, Host) {
    let log = ["--general-log=1", "--log-output=TABLE"];
    let server = MariaDb::start_with(&[&log, options].concat());
    server.sql(statements);
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt_promised("mysql", &["my_d"]).code(0);
    server.sql("DROP DATABASE my_d; TRUNCATE mysql.general_log");
    (server, host)
}

/// Returns who has run a statement that begins like this: names of accounts, without what no other restore has.
fn who_ran(server: &MariaDb, beginning: &str) -> String {
    server.sql(&format!(
        "SELECT DISTINCT REGEXP_REPLACE(SUBSTRING_INDEX(user_host, '[', 1), '[0-9a-f]{{12}}', 'RUN') FROM mysql.general_log
             WHERE command_type = 'Query' AND argument LIKE '{beginning}%'"
    ))
}

#[test]
fn tables_and_rows_are_loaded_by_an_account_for_this_database_alone() {
    let (server, host) = lost(&["--skip-log-bin"], PLAIN);
    let accounts = server.accounts();

    let (restored, started) = host.batt_traced(&["restore", "mysql"]);

    let told = restored.code(0).said();
    assert!(!told.contains("by the account that restores"), "{told}");
    for statement in [
        "CREATE TABLE `c`",
        "INSERT INTO `p`",
        "DROP SEQUENCE",
        "INSERT INTO `h`",
    ] {
        assert_eq!(
            who_ran(&server, statement),
            "batt-restore-RUN-0\n",
            "{statement}\n{told}"
        );
    }
    assert_eq!(who_ran(&server, "CREATE DATABASE"), "root\n");
    assert_eq!(server.accounts(), accounts);
    // Its password is nowhere: neither in a command line, nor in a log of the server or of batt.
    assert!(!started.contains("Batt-9q_"));
    let logged = server
        .sql("SELECT argument FROM mysql.general_log WHERE argument LIKE '%Batt-9q%' AND argument NOT LIKE '%general_log%'");
    assert_eq!(logged, "");
    let found = Command::new("grep")
        .args(["-rlE", "Batt-9q_[0-9a-f]{9}"])
        .arg(host.root())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
    let clients = started
        .lines()
        .filter(|line| line.contains("execve(\"/usr/bin/mariadb\"") && line.ends_with("= 0"));
    // Of these three are what the account costs: it is made, tried and dropped. One asks for the numbers that come next.
    assert!(clients.count() <= 15, "{started}");
}

#[test]
fn the_account_may_do_what_it_likes_in_its_database_and_nothing_elsewhere() {
    let (server, host) = lost(
        &["--skip-log-bin"],
        &format!("CREATE DATABASE my_d; USE my_d; {BIG}"),
    );
    let (restored, grants) = while_loading(&host, &server, "my_d", &["restore", "mysql"], |_, _| {
        let account = server.sql(
            "SELECT CONCAT(QUOTE(user), '@', QUOTE(host)) FROM mysql.user WHERE user LIKE 'batt-restore-%'",
        );
        server.sql(&format!("SHOW GRANTS FOR {account}"))
    });
    restored.end().code(0);
    let (all, one) = grants.split_once('\n').unwrap();
    assert!(all.starts_with("GRANT USAGE ON *.* TO `batt-restore-"), "{all}");
    assert!(
        one.starts_with("GRANT ALL PRIVILEGES ON `my\\_d`.* TO `batt-restore-"),
        "{one}"
    );
    assert!(!one.contains("GRANT OPTION"), "{one}");
    assert_eq!(one.lines().count(), 1, "{one}");
    assert_eq!(server.sql(OURS), "");
}

#[test]
fn what_runs_with_other_rights_is_made_by_who_restores() {
    let (server, host) = lost(
        &["--skip-log-bin"],
        "CREATE USER o@localhost; CREATE DATABASE my_d; USE my_d; CREATE TABLE t (id INT); INSERT INTO t VALUES (1);
         CREATE DEFINER=o@localhost VIEW v AS SELECT * FROM t; CREATE DEFINER=o@localhost PROCEDURE p() SELECT 1;
         CREATE DEFINER=o@localhost TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.id = 7;
         CREATE DEFINER=o@localhost EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM t",
    );
    host.batt(&["restore", "mysql"]).code(0);
    assert_eq!(who_ran(&server, "INSERT INTO `t`"), "batt-restore-RUN-0\n");
    assert_eq!(
        who_ran(&server, "CREATE DEFINER=`o`@`localhost` PROCEDURE"),
        "root\n"
    );
    assert_eq!(server.sql("SELECT id FROM my_d.t"), "1\n");
    assert_eq!(
        server.sql(
            "SELECT DISTINCT definer FROM (SELECT definer FROM information_schema.views WHERE table_schema = 'my_d'
                UNION ALL SELECT definer FROM information_schema.routines WHERE routine_schema = 'my_d'
                UNION ALL SELECT definer FROM information_schema.triggers WHERE trigger_schema = 'my_d'
                UNION ALL SELECT definer FROM information_schema.events WHERE event_schema = 'my_d') AS d"
        ),
        "o@localhost\n"
    );
}

/// Each with the reason.
#[test]
fn where_no_account_will_do_who_restores_loads_and_says_why() {
    let needs = "CREATE DATABASE other; CREATE TABLE other.p (id INT PRIMARY KEY); CREATE DATABASE my_d;
        CREATE TABLE my_d.c (id INT, FOREIGN KEY (id) REFERENCES other.p (id)); INSERT INTO my_d.c VALUES (NULL)";
    let (server, host) = lost(&["--skip-log-bin"], needs);
    let restored = host.batt(&["restore", "mysql"]).code(0);
    restored.says("`my_d` is loaded by the account that restores: its tables need the database `other`");
    assert_eq!(who_ran(&server, "INSERT INTO `c`"), "root\n");

    let (server, host) = lost(&["--skip-log-bin"], PLAIN);
    // It may do all, and hand on nothing.
    server.sql(
        "CREATE USER limited@localhost IDENTIFIED BY 'l'; GRANT ALL PRIVILEGES ON *.* TO limited@localhost",
    );
    let options = server.option_file("limited", "l");
    let restore_as = ("MYSQL_RESTORE_CREDS", options.to_str().unwrap());
    configure(&host, &server, &[restore_as]);
    let restored = host.batt(&["restore", "mysql"]).code(0);
    restored.says("`my_d` is loaded by the account that restores: one of its own cannot be made, or does not get in: ERROR 1044");
    assert_eq!(who_ran(&server, "INSERT INTO `p`"), "limited\n");
    assert_eq!(server.sql(OURS), "");

    server.sql("DROP DATABASE my_d; SET GLOBAL read_only = 1");
    configure(&host, &server, &[]);
    let restored = host.batt(&["restore", "mysql"]).code(0);
    restored.says("the server is read-only for other accounts");

    server.sql("SET GLOBAL read_only = 0; DROP DATABASE my_d; TRUNCATE mysql.general_log");
    configure(&host, &server, &[("MYSQL_RESTORE_ACCOUNT", "no")]);
    let told = host.batt(&["restore", "mysql"]).code(0).said();
    assert!(!told.contains("by the account that restores"), "{told}");
    assert_eq!(who_ran(&server, "INSERT INTO `p`"), "root\n");
}

#[test]
fn replicas_hear_nothing_of_it() {
    let server = MariaDb::start_with(&["--log-bin", "--server-id=1"]);
    server.sql(PLAIN);
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt_promised("mysql", &["my_d"]).code(0);
    server.sql("DROP DATABASE my_d; RESET MASTER");
    let told = host.batt(&["restore", "mysql"]).code(0).said();
    assert!(!told.contains("by the account that restores"), "{told}");
    let events = server.sql("SHOW BINLOG EVENTS");
    assert!(events.contains("CREATE TABLE `c`"), "{events}");
    for unheard in ["batt-restore", "CREATE USER", "DROP USER", "GRANT"] {
        assert!(!events.contains(unheard), "{events}");
    }
}

#[test]
fn one_that_a_killed_restore_left_is_dropped_by_the_next() {
    let (server, host) = lost(
        &["--skip-log-bin"],
        &format!("CREATE DATABASE my_d; USE my_d; {BIG}"),
    );
    let (killed, ()) = while_loading(&host, &server, "my_d", &["restore", "mysql"], |running, _| {
        running.kill();
    });
    let killed = killed.end();
    assert_ne!(killed.code, Some(0));
    assert_ne!(server.sql(OURS), "", "{}", killed.said());
    // Not ours to drop: nobody knows of it here.
    server.sql("CREATE USER 'batt-restore-0123456789ab-0'@localhost");
    // A backup knows nothing of them.
    host.batt(&["--mysql-db", "mysql"]).code(0);
    let archive = host.manifest("mysql").to_string();
    assert!(!archive.contains("batt-restore"), "{archive}");
    server.sql("DROP DATABASE my_d");

    let restored = host.batt(&["restore", "mysql", "--mysql-db", "my_d"]);

    restored
        .code(0)
        .says("accounts that an interrupted restore had made for the while were dropped");
    assert_eq!(server.sql(OURS), "batt-restore-0123456789ab-0\n");
    let traces = host.home().join("var/restore-mysql");
    assert_eq!(std::fs::read_dir(traces).unwrap().count(), 0);
}
