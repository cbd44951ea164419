//! What the regression suite of MariaDB leaves behind.
#![allow(
    clippy::print_stderr,
    reason = "the size of what was tried is for whoever asks"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;

use super::conversion::convert;
use super::tidy::{
    gather, take_away_what_is_broken, take_away_what_is_made_no_more, take_away_what_no_dump_carries,
};
use crate::difference::assert_same;
use crate::mysql;

/// The folders of the suite that are about what a database can hold, and with what the names of their files begin (any where nothing is
/// said): the others are about plans, replication, logs, recovery.
const FOLDERS: [(&str, &[&str]); 25] = [
    (
        "main",
        &[
            "alias",
            "alter",
            "ansi",
            "aria",
            "auto",
            "bigint",
            "binary",
            "bool",
            "case",
            "check",
            "column",
            "comment",
            "compound",
            "constraint",
            "create",
            "ctype",
            "custom",
            "date",
            "default",
            "drop",
            "endspace",
            "enforce",
            "events",
            "ext",
            "features",
            "foreign",
            "fulltext",
            "function",
            "func_json",
            "func_math",
            "gis",
            "grant",
            "host",
            "ignored",
            "implicit",
            "innodb",
            "insert",
            "invisible",
            "ipv",
            "key",
            "keywords",
            "large",
            "long",
            "lowercase",
            "max",
            "memory",
            "merge",
            "multi",
            "myisam",
            "name",
            "no",
            "null",
            "old",
            "parser",
            "partition",
            "precedence",
            "ps_ddl",
            "public",
            "row",
            "schema",
            "second",
            "sequence",
            "servers",
            "show",
            "sp",
            "sql_mode",
            "strict",
            "system",
            "tablespace",
            "temporal",
            "timezone",
            "trigger",
            "type",
            "union",
            "unique",
            "user",
            "varbinary",
            "view",
            "windows",
        ],
    ),
    ("plugin/type_inet/type_inet", &[]),
    ("plugin/type_uuid/type_uuid", &[]),
    ("suite/archive", &[]),
    ("suite/compat/oracle", &[]),
    ("suite/csv", &[]),
    ("suite/federated", &[]),
    ("suite/funcs_1", &[]),
    ("suite/gcol", &[]),
    ("suite/heap", &[]),
    (
        "suite/innodb",
        &[
            "add", "alter", "auto", "check", "col", "create", "default", "foreign", "index", "innodb",
            "instant", "page", "row", "table", "type",
        ],
    ),
    ("suite/innodb_fts", &[]),
    ("suite/innodb_gis", &[]),
    ("suite/innodb_zip", &[]),
    ("suite/jp", &[]),
    ("suite/json", &[]),
    ("suite/maria", &[]),
    ("suite/parts", &[]),
    ("suite/period", &[]),
    ("suite/plugins", &[]),
    ("suite/roles", &[]),
    ("suite/sql_sequence", &[]),
    ("suite/stress", &[]),
    ("suite/vcol", &[]),
    ("suite/versioning", &[]),
];

/// What a file is about that is about no content, or that needs another server than a plain one.
const ELSEWHERE: [&str; 16] = [
    "have_debug",
    "have_log_bin",
    "have_binlog",
    "big_test",
    "master-slave",
    "restart_mysqld",
    "shutdown_server",
    "kill_mysqld",
    "kill_and_restart",
    "have_wsrep",
    "have_perfschema",
    "valgrind_only",
    "mysqldump",
    "$MYSQL_DUMP",
    "rpl_init",
    "not_this_time",
];

/// Nothing of it has to outlive a loss of power.
const WITHOUT_WAITING: [&str; 2] = ["--innodb-flush-method=nosync", "--sync-frm=OFF"];

/// How long a file may take, in seconds: what it made by then is there.
const LIMIT: &str = "4";

/// A file with tests, and the name that its database gets.
struct Test {
    name: String,
    path: PathBuf,
}

fn tests(suite: &Path) -> Vec<Test> {
    // For a look at some of them: beginnings of names, between commas.
    let only = std::env::var("BATT_REGRESSION_ONLY").unwrap_or_default();
    let mut tests = Vec::new();
    for (folder, topics) in FOLDERS {
        let of_suite = suite.join("tests").join(folder);
        let deeper = of_suite.join("t");
        for entry in fs::read_dir(if deeper.is_dir() { deeper } else { of_suite }).unwrap() {
            let path = entry.unwrap().path();
            let stem = path.file_stem().unwrap().to_str().unwrap();
            let is_test = path.extension().is_some_and(|extension| extension == "test");
            let is_topic = topics.is_empty() || topics.iter().any(|topic| stem.starts_with(topic));
            if !is_test || !is_topic {
                continue;
            }
            let name = format!("{}_{stem}", folder.rsplit('/').next().unwrap()).replace(['-', '.'], "_");
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            let is_elsewhere = ELSEWHERE.iter().any(|word| text.contains(word));
            if !is_elsewhere && (only.is_empty() || only.split(',').any(|one| name.starts_with(one))) {
                tests.push(Test { name, path });
            }
        }
    }
    tests.sort_by(|one, other| one.name.cmp(&other.name));
    tests
}

/// Copies the files that tests include, converted.
fn includes(suite: &Path, room: &Path) {
    let mut folders = vec![suite.join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = match path.extension().and_then(|extension| extension.to_str()) {
                Some("inc") => convert(&fs::read(&path).unwrap(), None).text,
                // What an answer has to be for a file to be run.
                Some("require") => fs::read(&path).unwrap(),
                _ => continue,
            };
            let target = room.join(path.strip_prefix(suite.join("tests")).unwrap());
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::write(target, text).unwrap();
        }
    }
}

/// Runs the suite. Many of its statements are meant to fail; what it asserts is none of our business.
fn run(server: &MariaDb, suite: &Path) {
    let room = server.make_folder("suite");
    includes(suite, &room);
    Finished::run(Command::new("chmod").args(["-R", "a+rX"]).arg(&room)).success();
    let variables = server.make_folder("variables");
    let mut left_out: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut endings: BTreeMap<String, usize> = BTreeMap::new();
    let tests = tests(suite);
    for Test { name, path } in &tests {
        let converted = convert(&fs::read(path).unwrap(), Some(name));
        for (kind, count) in converted.left_out {
            *left_out.entry(kind).or_default() += count;
        }
        let file = room.join(path.strip_prefix(suite.join("tests")).unwrap());
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, converted.text).unwrap();
        server.sql(&format!("CREATE DATABASE IF NOT EXISTS {name}"));
        let mut command = Command::new("timeout");
        command
            .args(["--signal=KILL", LIMIT])
            .arg(suite.join("mariadb-test"))
            .args([
                "--no-defaults",
                "--continue-on-error",
                "--silent",
                "--sleep=0",
                "--user=root",
                "--max-connect-retries=1",
            ])
            .arg(format!("--socket={}", server.socket().display()))
            .arg(format!("--basedir={}", room.display()))
            .arg(format!("--tmpdir={}", variables.display()))
            .arg(format!("--logdir={}", variables.display()))
            .arg(format!("--database={name}"))
            .arg(format!("--test-file={}", file.display()))
            .env_clear()
            .env("LD_LIBRARY_PATH", suite)
            .env("MYSQL_TEST_DIR", &room)
            .env("MYSQLTEST_VARDIR", &variables)
            .env("MYSQL_TMP_DIR", &variables)
            .env("MASTER_MYSOCK", server.socket())
            .env("MASTER_MYPORT", "3306")
            .env("PATH", "/usr/bin:/bin")
            .current_dir(&room);
        let ended = Finished::run(&mut command);
        let ending = match ended.code {
            Some(0) => "whole",
            Some(62) => "skipped: it asks for what this server has not",
            Some(137) | None => "not in time",
            _ => "up to an error of the program",
        };
        *endings.entry(ending.to_owned()).or_default() += 1;
        // Whatever a session of it still does.
        let others = server.sql("SELECT CONCAT('KILL ', id, ';') FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND user <> 'event_scheduler' AND command <> 'Daemon'");
        if !others.is_empty() {
            server.sql_all(&others);
        }
    }
    eprintln!("{} files: {endings:#?}\nleft out: {left_out:#?}", tests.len());
}

#[test]
#[ignore = "needs the packages of MariaDB's suite: `make regression` fetches them"]
fn what_the_suite_of_mariadb_creates_comes_back() {
    let suite =
        PathBuf::from(std::env::var_os("BATT_REGRESSION_MARIADB").expect("the folder of the suite is named"));
    let server = mysql::start_with(&WITHOUT_WAITING);
    server.sql("CREATE DATABASE test");
    run(&server, &suite);
    let lost = take_away_what_no_dump_carries(&server);
    eprintln!("what no dump carries: {lost:?}");
    let mut broken = take_away_what_is_broken(&server);
    eprintln!(
        "what the server makes no more: {:#?}",
        take_away_what_is_made_no_more(&server)
    );
    broken.extend(take_away_what_is_broken(&server));
    gather(&server);
    let counts = server.sql(
        "SELECT COUNT(*) FROM information_schema.schemata;
         SELECT COUNT(*) FROM information_schema.tables WHERE table_schema NOT IN ('information_schema', 'performance_schema', 'sys', 'mysql');
         SELECT COUNT(*) FROM information_schema.routines; SELECT COUNT(*) FROM information_schema.triggers;
         SELECT COUNT(*) FROM information_schema.events; SELECT COUNT(*) FROM mysql.user",
    );
    for reason in &broken {
        eprintln!("{reason}");
    }
    eprintln!(
        "broken: {}; databases, tables, routines, triggers, events, accounts: {}",
        broken.len(),
        counts.replace('\n', " ")
    );

    let host = Host::new();
    let configure = |server: &MariaDb| {
        let credentials = server.option_file("root", "");
        host.configure("mysql", &[("MYSQL_CREDS", credentials.to_str().unwrap())]);
    };
    configure(&server);
    let before = mysql::everything(&server);
    host.batt(&["mysql"]).code(0);
    host.batt(&["verify"]).code(0);
    host.batt_drill("mysql").code(0).says("proven");

    server.kill();
    let emptied = mysql::start_with(&WITHOUT_WAITING);
    configure(&emptied);
    host.batt_restore(&[], &["mysql"]).code(0);
    assert_same("what was restored", &before, &mysql::everything(&emptied));
}
