//! What the machine, or whoever calls, does not let a drill have: an engine that starts, files of any length, shared memory.

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;
use batt_tests::server::postgresql::Postgresql;
use serde_json::Value;

use crate::{assert_not_possible, insert};

/// Of this no file under a hundred KiB can hold a dump.
const LARGE: &str =
    "CREATE DATABASE d; USE d; CREATE TABLE t AS SELECT seq, SHA2(seq, 512) AS text FROM seq_1_to_5000";

/// Calls batt from a shell whose files have at most so many KiB.
fn limited(host: &Host, kib: u32, arguments: &[&str]) -> Finished {
    let shell = format!("ulimit -f {kib}; exec \"$@\"");
    host.batt_within("bash", &["-c", &shell, "bash"], arguments)
}

#[test]
fn a_server_that_refuses_its_options_says_nothing_of_the_backup() {
    let server = MariaDb::start();
    server.sql("CREATE DATABASE d; CREATE TABLE d.t AS SELECT 1 AS n");
    let host = Host::new();
    let options = server.option_file("root", "");
    host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
    host.batt(&["mysql"]).code(0);
    insert(
        &host,
        "drill-mysql",
        "\"$server\" \"${arguments[@]}\" \"${same[@]}\"",
        "arguments+=(--plugin-load-add=no_such_plugin --no-such-plugin=FORCE)",
    );
    assert_not_possible(&host, "mysql", "the throw-away server does not start");
}

#[test]
fn files_that_may_not_be_long_fail_a_backup_clearly_and_say_nothing_of_one() {
    let server = MariaDb::start();
    server.sql(LARGE);
    let host = Host::new();
    let options = server.option_file("root", "");
    host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);

    let backup = limited(&host, 64, &["--format", "json", "mysql"]);
    assert_eq!(backup.code, Some(2), "{}", backup.said());
    let told: Value = serde_json::from_str(&backup.stdout).unwrap();
    let reason = told["services"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("File too large"), "{reason}");
    host.batt(&["mysql"]).code(0);

    let drill = limited(&host, 1024, &["--format", "json", "drill", "mysql"]);
    assert_eq!(drill.code, Some(69), "{}", drill.said());
    host.batt(&["drill", "mysql"]).code(0).says("proven");
}

#[test]
fn shared_memory_that_cannot_be_written_is_no_matter_of_a_backup() {
    let server = Postgresql::start();
    server.sql("postgres", "CREATE DATABASE shop");
    server.sql("shop", "CREATE TABLE t AS SELECT generate_series(1, 9) n");
    let host = Host::new();
    host.lead_to("postgresql", &server.environment());
    host.batt(&["postgresql"]).code(0);
    let script = "mount -t tmpfs -o ro none /dev/shm; batt --format json drill postgresql";
    let Some(finished) = host.in_mounts(script) else {
        return;
    };
    let told: Value = serde_json::from_str(&finished.stdout).unwrap();
    let outcome = told["drills"][0]["outcome"].as_str().unwrap();
    assert!(["proven", "not-possible"].contains(&outcome), "{told:#}");
}
