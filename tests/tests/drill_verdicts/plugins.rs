//! What a server had loaded is loaded into the throw-away one, too, and may not bear it.

use std::fs;
use std::process::Command;

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;

use crate::insert;

const CRASH: &str =
    "#include <signal.h>\n__attribute__((constructor)) static void crash(void) { raise(SIGSEGV); }\n";

#[test]
fn a_plugin_that_crashes_the_server_says_nothing_of_the_backup() {
    let server = MariaDb::start();
    server.sql("CREATE DATABASE d; USE d; CREATE TABLE t (id INT); INSERT INTO t VALUES (1)");
    let folder = server.sql("SELECT @@plugin_dir");
    let host = Host::new();
    let options = server.option_file("root", "");
    host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
    host.batt(&["mysql"]).code(0);
    let place = host.workshop();
    let source = host.scratch().join("crash.c");
    fs::write(&source, CRASH).unwrap();
    let library = place.join("batt_crash.so");
    Finished::run(
        Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .arg(&library)
            .arg(&source),
    )
    .success();
    // On a server that was backed up it would be among the facts, and no crash.
    insert(
        &host,
        "drill-mysql",
        "for plugin in \"${plugins[@]}\"",
        "plugins=(batt_crash.so)",
    );

    let script = format!(
        "chmod 755 {place}; mount --bind {place} {folder}; batt --format json drill mysql",
        place = place.display(),
        folder = folder.trim()
    );
    let Some(finished) = host.in_mounts(&script) else {
        return;
    };

    let told: serde_json::Value = serde_json::from_str(&finished.code(69).stdout).unwrap();
    let drill = &told["drills"][0];
    assert_eq!(drill["outcome"], "not-possible", "{drill:#}");
    let reason = drill["reason"].as_str().unwrap();
    assert!(reason.contains("the plugin `batt_crash.so`"), "{reason}");
}
