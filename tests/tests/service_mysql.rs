//! The mysql service on a real MariaDB server: what was dumped comes back by the commands of RESTORE.md and is equal.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::thread;

use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;

const CANARY: &str = "canary-93f1-mysql";

/// Content of every kind that a dump may lose.
const SHOP: &str = "
    CREATE DATABASE shop CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
    USE shop;
    CREATE TABLE article (id INT PRIMARY KEY AUTO_INCREMENT, title VARCHAR(80), picture BLOB, changed TIMESTAMP,
        words INT AS (LENGTH(title)) STORED) ENGINE=InnoDB;
    INSERT INTO article (title, picture, changed)
        SELECT CONCAT('näme 🙂 ', seq), UNHEX(SHA1(seq)), '2024-02-29 12:00:00' + INTERVAL seq MINUTE FROM seq_1_to_5000;
    CREATE TABLE part (id INT, section INT) ENGINE=InnoDB PARTITION BY HASH (section) PARTITIONS 4;
    INSERT INTO part SELECT seq, seq % 7 FROM seq_1_to_500;
    CREATE SEQUENCE numbers START WITH 100;
    SELECT NEXT VALUE FOR numbers;
    CREATE VIEW recent AS SELECT id, title FROM article WHERE id > 4990;
    CREATE PROCEDURE tidy() DELETE FROM part WHERE id < 0;
    CREATE FUNCTION twice(x INT) RETURNS INT DETERMINISTIC RETURN 2 * x;
    CREATE TRIGGER shout BEFORE INSERT ON article FOR EACH ROW SET NEW.title = UPPER(NEW.title);
    CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO CALL tidy();
    CREATE DATABASE old CHARACTER SET latin1;
    CREATE TABLE old.visits (id INT PRIMARY KEY, page TEXT) ENGINE=MyISAM;
    INSERT INTO old.visits SELECT seq, REPEAT('x', seq) FROM seq_1_to_300;
    CREATE TABLE old.notes (id INT PRIMARY KEY) ENGINE=Aria;
    SET SESSION sql_mode = 'ALLOW_INVALID_DATES'; CREATE TABLE old.days (day DATE) ENGINE=Aria;
    INSERT INTO old.days VALUES ('2023-02-31'); SET SESSION sql_mode = DEFAULT;
";

/// Accounts whose grants need the databases to be there.
const ACCOUNTS: &str = "
    CREATE ROLE reader; GRANT SELECT ON shop.* TO reader;
    CREATE USER app@'%' IDENTIFIED BY 'secret of app';
    GRANT SELECT, INSERT ON shop.article TO app@'%';
    GRANT EXECUTE ON PROCEDURE shop.tidy TO app@'%';
    GRANT reader TO app@'%';
";

/// Makes the account that a careful administrator makes for backups.
fn make_keeper(server: &MariaDb) {
    server.sql(&format!(
        "CREATE USER keeper@localhost IDENTIFIED BY '{CANARY}';
         GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, RELOAD, LOCK TABLES ON *.* TO keeper@localhost;"
    ));
}

/// Has the mysql service of a host log in to a server.
fn log_in(host: &Host, server: &MariaDb, user: &str, password: &str) {
    let options = server.option_file(user, password);
    host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
}

/// Points the clients of an administrator on this host to a server.
fn administer(host: &Host, server: &MariaDb) {
    let options = format!("[client]\nuser=root\nsocket={}\n", server.socket().display());
    std::fs::write(host.user_home().join(".my.cnf"), options).unwrap();
}

#[test]
fn a_backup_of_a_small_server_starts_few_programs() {
    let server = MariaDb::start();
    server.sql("CREATE DATABASE small; CREATE TABLE small.t (id INT) ENGINE=InnoDB");
    make_keeper(&server);
    let host = Host::new();
    log_in(&host, &server, "keeper", CANARY);
    let started = host.programs_started(&["mysql"]);
    // One of them asks whose the folders are that the option files of the machine include, before one is listed.
    assert!(started <= 67, "{started} programs");
}

/// A server opens a table for each question about it.
#[test]
fn what_a_database_costs_does_not_grow_with_those_beside_it() {
    let server = MariaDb::start();
    for number in 0..20 {
        let tables: String = (0..10)
            .map(|table| format!("CREATE TABLE app_{number}.t{table} (id INT) ENGINE=InnoDB;"))
            .collect();
        server.sql(&format!(
            "CREATE DATABASE app_{number}; {tables} CREATE VIEW app_{number}.v AS SELECT id FROM app_{number}.t1;
             CREATE PROCEDURE app_{number}.p() SELECT 1; CREATE TRIGGER app_{number}.g BEFORE INSERT ON app_{number}.t1 FOR EACH ROW SET NEW.id = 1"
        ));
    }
    make_keeper(&server);
    let host = Host::new();
    log_in(&host, &server, "keeper", CANARY);
    let opened = || -> usize {
        let told = server.sql("SHOW GLOBAL STATUS LIKE 'Opened_table_definitions'");
        told.split_whitespace().last().unwrap().parse().unwrap()
    };
    server.sql("FLUSH TABLES");
    let before = opened();
    let one = host.programs_started(&["mysql", "--mysql-db", "app_3"]);
    let tables = opened() - before;
    assert!(tables < 40, "{tables} tables");
    let three = host.programs_started(&[
        "mysql",
        "--mysql-db",
        "app_1",
        "--mysql-db",
        "app_2",
        "--mysql-db",
        "app_3",
    ]);
    // A client and the dump program, each as another account; a shell, and two calls of batt.
    assert!((three - one) / 2 <= 7, "{one} and {three} programs");
}

#[test]
fn everything_comes_back_equal() {
    let server = MariaDb::start();
    server.sql(SHOP);
    server.sql(ACCOUNTS);
    let host = Host::new();
    make_keeper(&server);
    log_in(&host, &server, "keeper", CANARY);

    let (finished, started) = host.batt_traced(&["mysql"]);
    finished.code(0);

    assert!(started.contains("mariadb-dump"), "{started}");
    assert!(!started.contains(CANARY));
    host.assert_nowhere(CANARY);
    assert_eq!(host.fact("mysql", "consistency.shop"), "transaction");
    assert_eq!(host.fact("mysql", "consistency.old"), "tables");
    assert_eq!(host.fact("mysql", "engines.old"), "Aria,MyISAM");
    assert_eq!(host.fact("mysql", "collation.shop"), "utf8mb4 utf8mb4_unicode_ci");

    let empty = MariaDb::start();
    administer(&host, &empty);
    host.batt(&["verify"]).code(0);
    host.restore(&host.backup("mysql"), &[]);
    for database in ["shop", "old"] {
        assert_eq!(empty.fingerprint(database), server.fingerprint(database));
    }
    assert_eq!(empty.accounts(), server.accounts());
}

#[test]
fn a_restore_never_runs_over_a_database_that_is_there() {
    let server = MariaDb::start();
    server.sql("CREATE DATABASE shop; CREATE TABLE shop.t (id INT); INSERT INTO shop.t VALUES (1)");
    let host = Host::new();
    log_in(&host, &server, "root", "");
    host.batt(&["--mysql-db", "shop"]).code(0);
    server.sql("INSERT INTO shop.t VALUES (2)");
    administer(&host, &server);

    let archive = host.backup("mysql").join("shop.zst");
    let load = format!("set -o pipefail; zstd -dc '{}' | mariadb", archive.display());
    let mut shell = std::process::Command::new("bash");
    shell.args(["-c", &load]).env("HOME", host.user_home());
    let finished = batt_tests::finished::Finished::run(&mut shell);

    assert_ne!(finished.code, Some(0));
    finished.says("database exists");
    assert_eq!(server.sql("SELECT id FROM shop.t ORDER BY id"), "1\n2\n");
}

#[test]
fn names_of_databases_are_names_whatever_is_in_them() {
    let server = MariaDb::start();
    let names = [
        "-rf",
        "--all-databases",
        "a; DROP DATABASE mysql",
        "$(touch pwned)",
        "../../etc",
        "it's \"quoted\"",
        "back`tick",
        "back\\slash",
        "@",
        "*",
        "%s%n",
        "größe",
        "two\nlines",
    ];
    for name in names {
        let quoted = format!("`{}`", name.replace('`', "``"));
        server.sql(&format!(
            "CREATE DATABASE {quoted}; USE {quoted}; CREATE TABLE t AS SELECT seq FROM seq_1_to_3"
        ));
    }
    let host = Host::new();
    log_in(&host, &server, "root", "");

    let arguments: Vec<String> = names.iter().map(|name| format!("--mysql-db={name}")).collect();
    host.batt(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
        .code(0);
    let empty = MariaDb::start();
    administer(&host, &empty);
    host.restore(&host.backup("mysql"), &[]);

    assert_eq!(host.facts("mysql", "tables.").len(), names.len());
    for name in names {
        assert_eq!(empty.fingerprint(name), server.fingerprint(name), "{name}");
    }
}

#[test]
fn a_database_that_is_not_there_fails_by_its_name() {
    let server = MariaDb::start();
    server.sql("CREATE DATABASE shop");
    let host = Host::new();
    log_in(&host, &server, "root", "");

    let names = ["Shop", "shop%", "no\nsuch", "information_schema"];
    for name in names {
        let finished = host.batt(&["--mysql-db", name]).code(2);
        finished.says("no such database");
    }
    assert!(host.backups("mysql").is_empty());
}

#[test]
fn an_account_that_would_leave_things_out_is_refused() {
    let server = MariaDb::start();
    server.sql("CREATE DATABASE shop; CREATE TABLE shop.t (id INT); CREATE PROCEDURE shop.p() SELECT 1;
        CREATE USER short@localhost IDENTIFIED BY 'x'; GRANT SELECT, LOCK TABLES, SHOW VIEW ON shop.* TO short@localhost;
        CREATE USER own@localhost IDENTIFIED BY 'x'; GRANT ALL PRIVILEGES ON shop.* TO own@localhost;");
    let host = Host::new();

    log_in(&host, &server, "short", "x");
    let finished = host.batt(&["--mysql-db", "shop"]).code(2);
    finished.says("lacks privileges (TRIGGER, EVENT, ROUTINES) on `shop`");

    // It sees one database of several, and must not call that all.
    let finished = host.batt(&["mysql"]).code(2);
    finished.says("may not see all databases");

    // Somebody else's procedure cannot be read by it: mariadb-dump itself says so.
    log_in(&host, &server, "own", "x");
    let finished = host.batt(&["--mysql-db", "shop"]).code(2);
    finished.says("may not read routines of `shop`: procedure `p`");
    server.sql("DROP PROCEDURE shop.p");
    host.batt(&["--mysql-db", "shop"]).code(0);
}

#[test]
fn wrong_credentials_and_a_server_that_is_gone_fail_and_keep_the_earlier_backup() {
    let server = MariaDb::start();
    server.sql("CREATE DATABASE shop");
    make_keeper(&server);
    let host = Host::new();
    log_in(&host, &server, "keeper", CANARY);
    host.batt(&["mysql"]).code(0);
    let before = std::fs::read(host.backup("mysql").join("manifest.json")).unwrap();

    log_in(&host, &server, "nobody", "canary-wrong-password");
    let finished = host.batt(&["mysql"]).code(2);
    finished.says("Access denied");
    host.assert_nowhere("canary-wrong-password");

    host.configure("mysql", &[("MYSQL_CREDS", "/nonexistent/my.cnf")]);
    let finished = host.batt(&["mysql"]).code(2);
    finished.says("`/nonexistent/my.cnf`");

    log_in(&host, &server, "keeper", CANARY);
    server.kill();
    host.batt(&["mysql"]).code(2);
    assert_eq!(
        std::fs::read(host.backup("mysql").join("manifest.json")).unwrap(),
        before
    );
}

#[test]
fn a_server_that_dies_in_mid_dump_fails_the_backup_and_keeps_the_earlier_one() {
    let server = MariaDb::start();
    server.sql("CREATE DATABASE shop; CREATE TABLE shop.first (id INT); CREATE TABLE shop.second (id INT)");
    let host = Host::new();
    log_in(&host, &server, "root", "");
    host.batt(&["mysql"]).code(0);
    let manifest = host.backup("mysql").join("manifest.json");
    let before = std::fs::read(&manifest).unwrap();

    let finished = thread::scope(|scope| {
        // The dump is known to be at work once it waits for the lock, which is held until the server dies.
        let holder = scope.spawn(|| server.hold("LOCK TABLES shop.second WRITE"));
        server.wait_until(
            "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(3600)%'",
        );
        let run = scope.spawn(|| host.batt(&["mysql"]));
        server.wait_until(
            "SELECT id FROM information_schema.processlist WHERE state LIKE 'Waiting for table%'",
        );
        server.kill();
        holder.join().unwrap();
        run.join().unwrap()
    });

    finished.code(2);
    assert_eq!(std::fs::read(&manifest).unwrap(), before);
}

#[test]
fn tables_that_are_written_together_come_back_together() {
    let server = MariaDb::start();
    for (database, engine, other) in [
        ("transactional", "InnoDB", "InnoDB"),
        ("locked", "MyISAM", "MyISAM"),
        ("mixed", "InnoDB", "Aria"),
    ] {
        server.sql(&format!(
            "CREATE DATABASE {database}; USE {database};
             CREATE TABLE first (id INT, t VARCHAR(200)) ENGINE={engine};
             INSERT INTO first SELECT seq, REPEAT('x', 200) FROM seq_1_to_60000;
             CREATE TABLE second AS SELECT * FROM first;
             ALTER TABLE second ENGINE={other}"
        ));
    }
    server.sql(
        "CREATE DATABASE writer; USE writer;
         CREATE TABLE pause (wanted INT) ENGINE=InnoDB;
         DELIMITER //
         CREATE PROCEDURE write_on() WHILE (SELECT COUNT(*) = 0 FROM pause) DO
             START TRANSACTION;
             INSERT INTO transactional.first VALUES (0, 'y'); INSERT INTO transactional.second VALUES (0, 'y');
             COMMIT;
             INSERT INTO locked.first VALUES (0, 'y'); INSERT INTO locked.second VALUES (0, 'y');
             INSERT INTO mixed.first VALUES (0, 'y'); INSERT INTO mixed.second VALUES (0, 'y');
         END WHILE//",
    );
    let host = Host::new();
    log_in(&host, &server, "root", "");

    thread::scope(|scope| {
        let writer = scope.spawn(|| server.sql("CALL writer.write_on()"));
        server.wait_until("SELECT id FROM locked.second WHERE id = 0 LIMIT 1");
        let names = ["transactional", "locked", "mixed"];
        let arguments: Vec<String> = names.iter().map(|name| format!("--mysql-db={name}")).collect();
        host.batt(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
            .code(0);
        server.sql("INSERT INTO writer.pause VALUES (1)");
        writer.join().unwrap();
    });
    let empty = MariaDb::start();
    administer(&host, &empty);
    host.restore(&host.backup("mysql"), &[]);

    let ahead = |database: &str| {
        let query = format!(
            "SELECT (SELECT COUNT(*) FROM {database}.first) - (SELECT COUNT(*) FROM {database}.second)"
        );
        empty.sql(&query)
    };
    assert_eq!(ahead("transactional"), "0\n");
    // The lock may fall between the two statements, never further apart; what a transaction sees and what is locked are of one moment.
    for database in ["locked", "mixed"] {
        let ahead = ahead(database);
        assert!(["0\n", "1\n"].contains(&ahead.as_str()), "{database}: {ahead}");
    }
}

#[test]
fn a_folder_in_the_data_folder_and_a_version_with_words_behind_it_are_no_hindrance() {
    let server = MariaDb::start_with(&[
        "--skip-log-bin",
        "--version=10.11.99-MariaDB-0+deb12u1 from Debian",
    ]);
    server.sql("CREATE DATABASE shop; CREATE TABLE shop.article (id INT)");
    // As on a file system of its own.
    let data = server.socket().with_file_name("data");
    std::fs::create_dir(data.join("lost+found")).unwrap();
    let host = Host::new();
    log_in(&host, &server, "root", "");

    let finished = host.batt(&["--format", "json", "mysql"]).code(0);

    finished.says("the folder `lost+found` in the data folder");
    assert_eq!(host.fact("mysql", "server.version"), "10.11.99-MariaDB-0+deb12u1");
    let names = host.facts("mysql", "tables.");
    assert_eq!(names.keys().collect::<Vec<_>>(), ["tables.shop"]);
}
