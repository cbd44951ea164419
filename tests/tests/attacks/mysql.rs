//! Accounts, dumps and servers of MySQL that want more than they have.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::sync::Arc;

use batt_tests::host::Host;
use batt_tests::server::fake_mysql::{FakeMysql, Reply};
use batt_tests::server::mariadb::MariaDb;

use crate::clients::{assert_harmless, seen};
use crate::lures::Stage;

/// What an honest server answers to the statements of the scripts that hold a text. The first that fits is meant.
const HONEST: [(&str, &[&str]); 17] = [
    ("SELECT '--'", &["--"]),
    (
        "SLAVES STATUS",
        &["x\n Seconds_Behind_Master: 0\n Last_SQL_Error: none"],
    ),
    ("plugin_library", &["auth_ed25519.so"]),
    ("SHOW GRANTS FOR", &["GRANT USAGE ON *.* TO `a`@`localhost`"]),
    (
        "SHOW GRANTS",
        &["GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost`"],
    ),
    (
        "LEFT JOIN",
        &[
            "utf8mb4",
            "utf8mb4_general_ci",
            "1",
            "InnoDB",
            "0",
            "0",
            "0",
            "1",
            "1 1",
            "1",
            "a@b",
            "of people",
        ],
    ),
    ("c.character_set_name IN", &["part", "c", "sjis"]),
    ("USING sjis", &["`part`.`c`"]),
    ("SELECT view_definition", &["select 1"]),
    ("FROM information_schema.views", &["shop", "other"]),
    ("CONCAT('CHECKSUM TABLE", &["CHECKSUM TABLE part;"]),
    ("CONCAT('rows.", &["SELECT 1;"]),
    ("SELECT table_name FROM", &["part"]),
    ("'SYSTEM VERSIONED', 'yes'", &["no", "part"]),
    ("SELECT schema_name FROM", &["shop"]),
    ("FROM mysql.user", &["account", "a", "localhost"]),
    ("UNION ALL", &["table.part", "InnoDB"]),
];

/// What it has one of, in one row.
const ONE_EACH: [(&str, &str); 5] = [
    ("VERSION()", "10.11.19-MariaDB-0+deb12u1"),
    ("@@SESSION.sql_select_limit", "18446744073709551615"),
    ("@@log_bin", "0"),
    ("@@lower_case_table_names", "0"),
    ("@@max_allowed_packet", "16777216"),
];

/// Variables, a row each.
const VARIABLES: [(&str, &str); 2] = [("innodb_page_size", "16384"), ("innodb_strict_mode", "ON")];

/// A server that is honest but for one answer, or one of the values above.
fn server_that_says(needle: &str, lure: &str) -> FakeMysql {
    let (needle, lure) = (needle.to_owned(), lure.to_owned());
    FakeMysql::start(Arc::new(move |statement| reply(statement, &needle, &lure)))
}

/// What such a server answers.
pub(crate) fn reply(statement: &str, needle: &str, lure: &str) -> Reply {
    let told = |(name, value): &(&str, &str)| {
        let value = if needle == *name { lure } else { *value };
        value.as_bytes().to_vec()
    };
    if statement.contains("VERSION()") {
        return Reply::Rows(vec![ONE_EACH.iter().map(told).collect()]);
    }
    if statement.contains("SHOW VARIABLES") {
        let row = |variable: &(&str, &str)| vec![variable.0.as_bytes().to_vec(), told(variable)];
        return Reply::Rows(VARIABLES.iter().map(row).collect());
    }
    let Some((about, row)) = HONEST.iter().find(|(about, _)| statement.contains(about)) else {
        return Reply::Done;
    };
    let mut row: Vec<Vec<u8>> = row.iter().map(|text| text.as_bytes().to_vec()).collect();
    if *about == needle {
        // The kind of an account or a table is one of ours; what has a name comes last.
        let first = row.len() / 3;
        row[first..].fill(lure.as_bytes().to_vec());
    }
    Reply::Rows(vec![row])
}

#[test]
fn no_answer_of_a_server_is_evaluated() {
    let stage = Stage::new();
    let values = ONE_EACH.iter().chain(&VARIABLES).map(|(name, _)| *name);
    let answers = values.chain(HONEST.iter().map(|(about, _)| *about));
    for (position, about) in answers.enumerate() {
        for lure in &stage.lures(position) {
            let server = server_that_says(about, lure);
            let port = server.port().to_string();
            let settings = [
                ("MYSQL_HOST", "127.0.0.1"),
                ("MYSQL_TCP_PORT", port.as_str()),
                ("MYSQL_CHECKSUMS", "yes"),
            ];
            stage.run("backup-mysql", &[], &settings, &format!("{about}: {lure}"));
        }
    }
}

/// A client that reads statements takes `\!` and `system` for its own commands.
#[test]
fn names_that_are_commands_of_the_client_are_names() {
    let stage = Stage::new();
    let commands = [
        "FROM mysql.user",
        "SELECT table_name FROM",
        "CONCAT('CHECKSUM TABLE",
    ];
    for (about, lure) in commands
        .iter()
        .flat_map(|about| stage.commands().into_iter().map(move |lure| (about, lure)))
    {
        let server = server_that_says(about, &lure);
        let port = server.port().to_string();
        let settings = [
            ("MYSQL_HOST", "127.0.0.1"),
            ("MYSQL_TCP_PORT", port.as_str()),
            ("MYSQL_CHECKSUMS", "yes"),
        ];
        stage.run(
            "backup-mysql",
            &["shop", "mysql"],
            &settings,
            &format!("{about}: {lure}"),
        );
    }
}

#[test]
fn nothing_that_a_manifest_or_a_server_says_is_evaluated_by_a_restore() {
    let stage = Stage::new();
    let answers = [
        "VERSION()",
        "information_schema.engines",
        "'SYSTEM VERSIONED', 'yes'",
        "SELECT table_name FROM",
        "CONCAT('rows.",
        "UNION ALL",
    ];
    let lures: Vec<String> = (0..2).flat_map(|position| stage.lures(position)).collect();
    for (position, lure) in stage.commands().iter().chain(&lures).enumerate() {
        fs::write(stage.folder().join("recalled"), lure).unwrap();
        stage.batt("case $verb in recall) cat \"$TMPDIR/recalled\" ;; esac");
        let server = server_that_says(answers[position * 2 % answers.len() + position / 3 % 2], lure);
        let port = server.port().to_string();
        let settings = [("MYSQL_HOST", "127.0.0.1"), ("MYSQL_TCP_PORT", port.as_str())];
        stage.run("restore-mysql", &["shop", "other"], &settings, lure);

        // A manifest that says nothing: what the server answers is gone through to the end.
        stage.batt("case $verb in recall) case \"$*\" in *checksums*) echo yes ;; esac ;; esac");
        stage.run("restore-mysql", &["shop", "other"], &settings, lure);
    }
}

/// Who can write the option file can have the client of root load a library, or talk to a server of his.
#[test]
fn an_option_file_that_others_can_change_is_refused() {
    let server = MariaDb::start();
    let host = Host::new();
    let options = server.option_file("root", "");
    let places: [(&str, u32, u32, u32, i32); 4] = [
        ("trusted", 0, 0o700, 0o600, 0),
        ("of-another", 4711, 0o700, 0o600, 2),
        ("open", 0, 0o777, 0o600, 2),
        ("writable", 0, 0o700, 0o622, 2),
    ];
    for (name, owner, folder_mode, mode, code) in places {
        let folder = host.scratch().join(name);
        fs::create_dir(&folder).unwrap();
        let path = folder.join("my.cnf");
        fs::copy(&options, &path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(folder_mode)).unwrap();
        chown(&folder, Some(owner), None).unwrap();
        host.configure("mysql", &[("MYSQL_CREDS", path.to_str().unwrap())]);
        let finished = host.batt(&["--mysql-db", "mysql"]);
        assert_eq!(finished.code, Some(code), "{name}: {}", finished.said());
        if code != 0 {
            finished.says("is not safe to use");
        }
    }
}

/// The dump program says nothing when the server gives it one row of each table. One that takes no statement to begin with cannot help that.
#[test]
fn a_server_that_cuts_what_it_answers_is_not_backed_up() {
    let server = MariaDb::start();
    server.sql("CREATE DATABASE d; USE d; CREATE TABLE t AS SELECT seq FROM seq_1_to_500");
    let host = Host::new();
    let tools = host.scratch().join("tools");
    fs::create_dir(&tools).unwrap();
    let dump = tools.join("mariadb-dump");
    fs::write(
        &dump,
        "#!/bin/sh\necho 'mysqldump  Ver 8.0.36 for Linux on x86_64 (MySQL)'\n",
    )
    .unwrap();
    fs::set_permissions(&dump, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", tools.display());
    let options = server.option_file("root", "");
    let options = options.to_str().unwrap();
    host.configure("mysql", &[("MYSQL_CREDS", options), ("PATH", &path)]);
    server.sql("SET GLOBAL sql_select_limit = 1");
    let finished = host.batt(&["--mysql-db", "d"]).code(2);
    finished.says("sql_select_limit");
    host.configure("mysql", &[("MYSQL_CREDS", options)]);
    host.batt(&["--mysql-db", "d"]).code(0);
}

/// What a forged dump tries, and what it would leave behind.
const FORGED: [(&str, &str); 8] = [
    (
        "LOAD DATA LOCAL INFILE 'SECRET' INTO TABLE t;",
        "SELECT 1 FROM information_schema.tables WHERE table_schema = 'd' AND table_name = 't' AND table_rows > 0",
    ),
    (
        "DROP DATABASE other;",
        "SELECT 'gone' WHERE NOT EXISTS (SELECT 1 FROM information_schema.schemata WHERE schema_name = 'other')",
    ),
    (
        "GRANT ALL ON *.* TO evil@localhost IDENTIFIED BY 'x';",
        "SELECT user FROM mysql.user WHERE user = 'evil'",
    ),
    (
        "INSERT INTO other.t VALUES ('evil');",
        "SELECT * FROM other.t WHERE a = 'evil'",
    ),
    (
        "/*!50001 CREATE DATABASE evil */;",
        "SELECT 1 FROM information_schema.schemata WHERE schema_name = 'evil'",
    ),
    (
        "DELIMITER ;;\nCREATE PROCEDURE p() SELECT 1; CREATE DATABASE evil;;\nDELIMITER ;",
        "SELECT 1 FROM information_schema.schemata WHERE schema_name = 'evil'",
    ),
    (
        "CREATE TABLE m (a TEXT) ENGINE=MERGE UNION=(other.t) INSERT_METHOD=LAST;\nINSERT INTO m VALUES ('evil');",
        "SELECT * FROM other.t WHERE a = 'evil'",
    ),
    (
        "/*!50003 CREATE*/ /*!50003 TRIGGER x BEFORE INSERT ON t FOR EACH ROW INSERT INTO other.t VALUES ('evil') */;\n\
         INSERT INTO `t` VALUES ('x');",
        "SELECT * FROM other.t WHERE a = 'evil'",
    ),
];

/// Whoever can put a dump in the place of another, with all sums right, has the rights of who restores: so only what dumps hold
/// passes.
#[test]
fn a_forged_dump_reaches_nothing_but_its_database() {
    let server = MariaDb::start_with(&["--skip-log-bin", "--local-infile=ON"]);
    server.sql("CREATE DATABASE other; CREATE TABLE other.t (a TEXT) ENGINE=MyISAM");
    let options = server.option_file("root", "");
    for (statement, found) in FORGED {
        // One of its own for each, so that nothing is compared with an earlier backup.
        let host = Host::new();
        host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
        let secret = host.scratch().join("secret");
        fs::write(&secret, "canary of root\n").unwrap();
        let forged = host.scratch().join("forged.sql");
        let statement = statement.replace("SECRET", secret.to_str().unwrap());
        let dump = format!(
            "-- MariaDB dump by nobody\nCREATE DATABASE `d` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin; USE `d`;\n\
             -- Server version\t10.11\n\nCREATE TABLE `t` (\n  `a` text DEFAULT NULL\n) ENGINE=MyISAM;\n{statement}\n-- Dump completed\n"
        );
        fs::write(&forged, dump).unwrap();
        // A backup that this host has made itself, by another script.
        host.drop_in(
            "mysql",
            &format!("batt store --check mysql d -- cat '{}'", forged.display()),
        );
        host.batt(&["mysql"]).code(0);
        let finished = host.batt(&["restore", "mysql", "--replace"]);
        assert_eq!(server.sql(found), "", "{statement}\n{}", finished.said());
        finished.code(2).says("is none of a dump");
    }
}

/// What is known of statements may not be all: where a table of the dump leads elsewhere in a way that no dump program writes, and that nobody looks for,
/// the server itself refuses the account that loads it.
#[test]
fn a_statement_that_slips_through_reaches_nothing_but_its_database() {
    let server = MariaDb::start();
    server.sql("CREATE DATABASE other; CREATE TABLE other.t (a TEXT) ENGINE=MyISAM; CREATE TABLE other.p (a INT PRIMARY KEY); CREATE SEQUENCE other.s");
    let options = server.option_file("root", "");
    for table in [
        "CREATE TABLE `m` (\n  `a` text\n) ENGINE=MERGE UNION=(other.t);",
        "CREATE TABLE `m` (\n  `a` int REFERENCES other.p (a)\n) ENGINE=InnoDB;",
        "CREATE TABLE `m` (\n  `a` int DEFAULT nextval(other.s)\n) ENGINE=InnoDB;",
    ] {
        let host = Host::new();
        host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
        let forged = host.scratch().join("forged.sql");
        let dump = format!(
            "-- MariaDB dump by nobody\nCREATE DATABASE `d` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin; USE `d`;\n\
             -- Server version\t10.11\n\n{table}\n-- Dump completed\n"
        );
        fs::write(&forged, dump).unwrap();
        host.drop_in(
            "mysql",
            &format!("batt store --check mysql d -- cat '{}'", forged.display()),
        );
        host.batt(&["mysql"]).code(0);
        let finished = host.batt(&["restore", "mysql"]).code(2);
        finished.says("command denied to user 'batt-restore-");
        let made = server.sql("SELECT table_name FROM information_schema.tables WHERE table_schema = 'd'");
        assert_eq!(made, "", "{table}");
        server.sql("DROP DATABASE d");
    }
}

/// Who may make databases can make one that reads like what an interrupted restore has left, and account names that read like its accounts: nobody
/// here knows of them.
#[test]
fn what_reads_like_the_rest_of_a_replacement_is_nobody_s() {
    let server = MariaDb::start();
    server.sql("CREATE DATABASE d; CREATE TABLE d.t (a INT); CREATE DATABASE payroll; CREATE TABLE payroll.t (a INT)");
    let host = Host::new();
    let options = server.option_file("root", "");
    host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
    host.batt(&["--mysql-db", "d", "--mysql-db", "payroll"]).code(0);
    server.sql(
        "DROP DATABASE d; CREATE DATABASE `batt-aside-0123456789ab-1`; USE `batt-aside-0123456789ab-1`;
         CREATE TABLE `batt-note` (id INT AUTO_INCREMENT PRIMARY KEY, kind TEXT, name TEXT, mode TEXT, zone TEXT, spoken TEXT, collated TEXT, body TEXT);
         INSERT INTO `batt-note` (kind, name, collated) VALUES ('database', 'utf8mb4', 'utf8mb4_bin'), ('moved', 'payroll', NULL);
         CREATE USER 'batt-restore-0123456789ab-0'@localhost",
    );
    for items in [&["--mysql-db", "d"][..], &["--mysql-db", "payroll", "--replace"]] {
        host.batt(&[&["restore", "mysql"], items].concat()).code(0);
        let there = server.sql(
            "SELECT table_schema FROM information_schema.tables WHERE table_schema IN ('payroll', 'batt-aside-0123456789ab-1')
             UNION ALL SELECT user FROM mysql.user WHERE user LIKE 'batt-%' ORDER BY 1",
        );
        assert_eq!(
            there,
            "batt-aside-0123456789ab-1\nbatt-restore-0123456789ab-0\npayroll\n"
        );
    }
}

#[test]
fn forged_accounts_take_no_password_and_run_nothing() {
    let server = MariaDb::start();
    server.sql("CREATE USER app@localhost IDENTIFIED BY 'kept'");
    let password = "SELECT authentication_string FROM mysql.user WHERE user = 'app'";
    let kept = server.sql(password);
    let host = Host::new();
    let options = server.option_file("root", "");
    host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
    let forged = host.scratch().join("forged.sql");
    for statement in [
        "GRANT USAGE ON *.* TO app@localhost\nIDENTIFIED BY 'stolen';",
        "grant usage on *.* to app@localhost identified by 'stolen';",
        "ALTER USER app@localhost IDENTIFIED BY 'stolen';",
        "CREATE OR REPLACE USER app@localhost IDENTIFIED BY 'stolen';",
        "UPDATE mysql.global_priv SET priv = '{}' WHERE user = 'app';",
    ] {
        fs::write(
            &forged,
            format!("-- MariaDB dump of accounts\n{statement}\n-- Dump completed\n"),
        )
        .unwrap();
        host.drop_in(
            "mysql",
            &format!("batt store --check mysql mysql -- cat '{}'", forged.display()),
        );
        host.batt(&["mysql"]).code(0);
        let finished = host.batt(&["restore", "mysql"]);
        assert_eq!(server.sql(password), kept, "{statement}\n{}", finished.said());
        finished.code(2).says("is none of a dump");
    }
}

/// What was looked at is what is run: a name that reads like a password in a grant stays a name.
#[test]
fn names_of_accounts_do_not_end_where_a_password_would() {
    let server = MariaDb::start();
    server.sql("CREATE USER app@localhost IDENTIFIED BY 'kept'; CREATE DATABASE kept");
    let host = Host::new();
    let options = server.option_file("root", "");
    host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
    let forged = host.scratch().join("forged.sql");
    let text = "-- MariaDB dump of accounts\n\
        CREATE USER IF NOT EXISTS `a IDENTIFIED VIA unix_socket`@`h`;\n\
        CREATE USER IF NOT EXISTS `; DROP DATABASE kept; -- `@`h`;\n\
        GRANT USAGE ON *.* TO `a IDENTIFIED VIA unix_socket`@`h`;\n\
        GRANT USAGE ON *.* TO `; DROP DATABASE kept; -- `@`h`;\n-- Dump completed\n";
    fs::write(&forged, text).unwrap();
    host.drop_in(
        "mysql",
        &format!("batt store --check mysql mysql -- cat '{}'", forged.display()),
    );
    host.batt(&["mysql"]).code(0);
    let finished = host.batt(&["restore", "mysql"]);
    let there = server.sql("SELECT schema_name FROM information_schema.schemata WHERE schema_name = 'kept'");
    assert!(there.contains("kept"), "{}", finished.said());
    let made = server.sql("SELECT COUNT(*) FROM mysql.user WHERE host = 'h'");
    assert_eq!(made.trim(), "2", "{}", finished.said());
}

const SECRET: &str = "canary-5b71-of-the-settings";

/// A server may send what its client does not expect, and a dump may hold what its client takes for its own: so the client is nobody.
#[test]
fn a_client_that_logs_in_with_a_password_may_do_nothing_here() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can act as another account");
        return;
    }
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE shop; USE shop; CREATE TABLE t (id INT PRIMARY KEY, a TEXT);
         INSERT INTO t SELECT seq, REPEAT('x', 200) FROM seq_1_to_100000;
         CREATE TABLE m (id INT) ENGINE=MyISAM;
         CREATE USER keeper@localhost IDENTIFIED BY 'canary-of-keeper';
         GRANT ALL ON *.* TO keeper@localhost WITH GRANT OPTION; GRANT PROXY ON ''@'%' TO keeper@localhost WITH GRANT OPTION",
    );
    let host = Host::new();
    let options = server.option_file("keeper", "canary-of-keeper");
    // The file includes another, as Debian's do.
    let including = options.with_file_name("including.cnf");
    fs::write(
        &including,
        format!("[client]\nquick\n!include {}\nquick\n", options.display()),
    )
    .unwrap();
    let names = ["mariadb", "mariadb-dump", "mysql", "mysqldump"];

    for path in [&options, &including] {
        host.configure(
            "mysql",
            &[
                ("MYSQL_CREDS", path.to_str().unwrap()),
                ("OTHER_PASSWORD", SECRET),
            ],
        );
        let (clients, finished) = seen(&host, &names, || host.batt(&["mysql"]));
        finished.code(0);
        assert!(
            clients.iter().any(|client| client.name == "mariadb-dump"),
            "{clients:?}"
        );
        for client in &clients {
            assert_harmless(client, &host, SECRET);
            assert!(!client.arguments.contains("canary"), "{client:?}");
        }
    }

    let (clients, finished) = seen(&host, &names, || host.batt(&["restore", "mysql", "--replace"]));
    finished.code(0);
    assert!(!clients.is_empty());
    for client in &clients {
        assert_harmless(client, &host, SECRET);
    }
    host.assert_nowhere("canary-of-keeper");
}

/// Every client tells itself who it is before it begins, also the one that a dump goes through.
#[test]
fn the_client_that_a_dump_is_fed_to_is_an_account_that_nobody_has() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can act as another account");
        return;
    }
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE shop; CREATE TABLE shop.t (id INT);
         CREATE USER keeper@localhost IDENTIFIED BY 'canary-of-keeper'; GRANT ALL ON *.* TO keeper@localhost",
    );
    let host = Host::new();
    fs::set_permissions(host.root(), fs::Permissions::from_mode(0o755)).unwrap();
    let (tools, told) = (host.root().join("tools"), host.root().join("told"));
    for (folder, mode) in [(&tools, 0o755), (&told, 0o1777)] {
        fs::create_dir(folder).unwrap();
        fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
    }
    let client = tools.join("mariadb");
    let text = format!(
        "#!/bin/sh\nfile=$(mktemp '{}/XXXXXXXX')\n{{ id -u; grep -E '^(NoNewPrivs|CapPrm)' /proc/self/status; echo \"$*\"; }} >\"$file\"\n\
         exec /usr/bin/mariadb \"$@\"\n",
        told.display()
    );
    fs::write(&client, text).unwrap();
    fs::set_permissions(&client, fs::Permissions::from_mode(0o755)).unwrap();
    let options = server.option_file("keeper", "canary-of-keeper");
    let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", tools.display());
    host.configure(
        "mysql",
        &[("MYSQL_CREDS", options.to_str().unwrap()), ("PATH", &path)],
    );
    host.batt_promised("mysql", &["shop"]).code(0);
    host.batt(&["restore", "mysql", "--replace"]).code(0);
    let mut feeding = 0;
    for entry in fs::read_dir(&told).unwrap() {
        let client = fs::read_to_string(entry.unwrap().path()).unwrap();
        // It is asked where its option files are, and neither reads one nor talks to anybody.
        if client.ends_with("\n--no-defaults --help\n") {
            continue;
        }
        let account: u32 = client.lines().next().unwrap().parse().unwrap();
        assert!((61_184..=65_519).contains(&account), "{client}");
        assert!(
            client.contains("CapPrm:\t0000000000000000\nNoNewPrivs:\t1\n"),
            "{client}"
        );
        feeding += usize::from(client.contains(" --comments "));
    }
    assert_eq!(feeding, 1);
}

/// It does not become root where it cannot get by as nobody.
#[test]
fn a_client_that_may_not_reach_the_socket_says_so() {
    let server = MariaDb::start();
    server.sql("CREATE USER keeper@localhost IDENTIFIED BY 'x'; GRANT ALL ON *.* TO keeper@localhost");
    let host = Host::new();
    let options = server.option_file("keeper", "x");
    host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
    let socket = server.socket();
    let folder = socket.parent().unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
    host.batt(&["mysql"]).code(2).says("may not reach this socket");
    fs::set_permissions(folder, fs::Permissions::from_mode(0o711)).unwrap();
    host.batt(&["mysql"]).code(0);
}

/// What an option file includes is read by root, so it has to be root's, too.
#[test]
fn what_an_option_file_includes_is_root_s() {
    let server = MariaDb::start();
    let host = Host::new();
    let options = server.option_file("root", "");
    let included = host.scratch().join("included");
    fs::create_dir(&included).unwrap();
    fs::write(included.join("more.cnf"), "[client]\npassword=x\n").unwrap();
    let text = fs::read_to_string(&options).unwrap();
    for (line, owner) in [("!include ", 4711), ("!includedir ", 4711)] {
        let path = if line == "!include " {
            included.join("more.cnf")
        } else {
            included.clone()
        };
        fs::write(&options, format!("{text}{line}{}\n", path.display())).unwrap();
        host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
        chown(&included, Some(owner), None).unwrap();
        host.batt(&["mysql"]).code(2).says("is not safe to use");
    }
}
