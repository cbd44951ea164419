//! Servers of MySQL whose answers are more than answers.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use batt_tests::host::Host;
use batt_tests::server::fake_mysql::{FakeMysql, Reply};
use batt_tests::server::mariadb::MariaDb;

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
        "is_versioned,",
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
            "0",
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

/// What a manifest says that has checksums and nothing else: a command for [`Stage::batt_that_recalls`].
pub(crate) const KEPT_CHECKSUMS: &str = "case $key in checksums.*) echo yes ;; esac";

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
        stage.batt_that_recalls("cat \"$TMPDIR/recalled\"", "");
        let server = server_that_says(answers[position * 2 % answers.len() + position / 3 % 2], lure);
        let port = server.port().to_string();
        let settings = [("MYSQL_HOST", "127.0.0.1"), ("MYSQL_TCP_PORT", port.as_str())];
        stage.run("restore-mysql", &["shop", "other"], &settings, lure);

        // A manifest that says nothing: what the server answers is gone through to the end.
        stage.batt_that_recalls(KEPT_CHECKSUMS, "");
        stage.run("restore-mysql", &["shop", "other"], &settings, lure);
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
