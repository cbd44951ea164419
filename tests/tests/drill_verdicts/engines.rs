//! The throw-away engine is ended in the middle: that says nothing of the backup.

use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;
use batt_tests::server::postgresql::Postgresql;
use batt_tests::server::redis::Redis;

use crate::{assert_failed, assert_not_possible, insert};

/// Sends a signal to every process in the cell whose name begins so, once there is one.
pub(crate) fn sending(signal: &str, name: &str) -> String {
    format!(
        "killed=''
until [ -n \"$killed\" ]; do
    for process in /proc/[0-9]*; do
        case $(cat \"$process/comm\" 2>/dev/null) in
        {name}*) kill -{signal} \"${{process#/proc/}}\" && killed=yes ;;
        esac
    done
done"
    )
}

/// Sends a signal to a process of the server of PostgreSQL, which is not its first.
fn to_checkpointer(signal: &str) -> String {
    format!(
        "for process in /proc/[0-9]*; do
    case $(tr '\\0' ' ' <\"$process/cmdline\" 2>/dev/null) in
    *checkpointer*) kill -{signal} \"${{process#/proc/}}\" ;;
    esac
done"
    )
}

#[test]
fn a_server_of_mysql_that_was_killed() {
    let server = MariaDb::start();
    server.sql("CREATE DATABASE d; USE d; CREATE TABLE t (id INT); INSERT INTO t VALUES (1)");
    let host = Host::new();
    let options = server.option_file("root", "");
    host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
    host.batt(&["mysql"]).code(0);
    let restored = "RESTORE_MYSQL_STEP=feed batt load --check mysql";
    let shipped = host.home().join("scripts-available/restore-mysql");
    let text = std::fs::read(&shipped).unwrap();
    insert(&host, "restore-mysql", restored, &sending("KILL", "maria"));
    assert_not_possible(&host, "mysql", "the throw-away server has ended");

    // What content does that it cannot bear.
    std::fs::write(&shipped, text).unwrap();
    insert(&host, "restore-mysql", restored, &sending("SEGV", "maria"));
    assert_failed(&host, "mysql", "the server crashed on what it was given");
}

/// Tables that a drill cannot make do not excuse it.
#[test]
fn a_server_of_mysql_that_crashes_after_a_table_that_lies_elsewhere() {
    let server = MariaDb::start();
    server.sql(&format!(
        "INSTALL SONAME 'ha_federatedx'; CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY); CREATE DATABASE e; CREATE TABLE e.t (id INT);
         CREATE SERVER self FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'localhost', DATABASE 'd', USER 'root', SOCKET '{}');
         CREATE TABLE d.shown (id INT PRIMARY KEY) ENGINE=FEDERATED CONNECTION='self/t'",
        server.socket().display()
    ));
    let host = Host::new();
    let options = server.option_file("root", "");
    host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
    host.batt(&["mysql"]).code(0);
    assert_not_possible(&host, "mysql", "has tables of FEDERATED");
    let crash = format!("if [ \"$1\" = e ]; then\n{}\nfi", sending("SEGV", "maria"));
    insert(
        &host,
        "restore-mysql",
        "RESTORE_MYSQL_STEP=feed batt load --check mysql",
        &crash,
    );
    assert_failed(&host, "mysql", "the server crashed on what it was given");
}

fn postgresql(service: &str) -> Host {
    let server = Postgresql::start();
    server.sql("postgres", "CREATE DATABASE shop");
    server.sql("shop", "CREATE TABLE t AS SELECT generate_series(1, 9) n");
    let host = Host::new();
    let environment = server.environment();
    let settings: Vec<(&str, &str)> = environment
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    host.configure(service, &settings);
    host.batt(&[service]).code(0);
    host
}

#[test]
fn a_server_of_postgresql_that_was_killed_or_one_of_its_processes() {
    let whole = postgresql("postgresql");
    insert(
        &whole,
        "restore-postgresql",
        "batt load --check postgresql \"${seekable[@]}\" \"$1\" -- ",
        &sending("KILL", "postgres"),
    );
    assert_not_possible(&whole, "postgresql", "the throw-away server has ended");

    // What the kernel does where memory lacks: the server goes on, and starts anew.
    let part = postgresql("postgresql");
    insert(
        &part,
        "restore-postgresql",
        "batt load --check postgresql \"${seekable[@]}\" \"$1\" -- ",
        &to_checkpointer("KILL"),
    );
    assert_not_possible(&part, "postgresql", "the throw-away server has ended");
}

#[test]
fn a_server_on_a_base_backup_that_was_killed() {
    let host = postgresql("postgresql-base");
    insert(
        &host,
        "drill-postgresql-base",
        "rows databases postgres",
        &sending("KILL", "postgres"),
    );
    assert_not_possible(&host, "postgresql-base", "the throw-away server was ended");
}

#[test]
fn a_server_of_postgresql_that_crashes_does_so_on_its_content() {
    let before = "batt load --check postgresql \"${seekable[@]}\" \"$1\" -- ";
    let whole = postgresql("postgresql");
    let shipped = whole.home().join("scripts-available/restore-postgresql");
    let text = std::fs::read(&shipped).unwrap();
    insert(&whole, "restore-postgresql", before, &to_checkpointer("SEGV"));
    assert_failed(&whole, "postgresql", "the server crashed on what it was given");

    // A statement that was refused stands in the log of the server.
    std::fs::write(&shipped, text).unwrap();
    let statement = "SELECT no_such('LOG:  process (PID 1) was terminated by signal 9: Killed')";
    let refused = format!("psql_in \"$maintenance\" <<<\"{statement}\" || fail 'no such content'");
    insert(&whole, "restore-postgresql", before, &refused);
    assert_failed(&whole, "postgresql", "no such content");

    let base = postgresql("postgresql-base");
    insert(
        &base,
        "drill-postgresql-base",
        "rows databases postgres",
        &to_checkpointer("SEGV"),
    );
    assert_failed(&base, "postgresql-base", "the server crashed on the copy");
}

#[test]
fn a_client_of_postgresql_that_was_killed_while_the_server_is_well() {
    let host = postgresql("postgresql");
    insert(
        &host,
        "restore-postgresql",
        "batt load --check postgresql \"${seekable[@]}\" \"$1\" -- ",
        "mkdir -- \"$BATT_SCRATCH/stub\"
printf '#!/bin/sh\\nkill -KILL $$\\n' >\"$BATT_SCRATCH/stub/pg_restore\"
chmod 755 -- \"$BATT_SCRATCH/stub/pg_restore\"
PATH=${PATH%%:*}:$BATT_SCRATCH/stub:${PATH#*:} folder=''",
    );
    assert_not_possible(&host, "postgresql", "was killed");
}

#[test]
fn a_server_of_redis_that_was_killed() {
    let server = Redis::start("");
    server.run("SET a 1\n");
    let host = Host::new();
    host.configure("redis", &[("REDIS_SOCKET", server.socket().to_str().unwrap())]);
    host.batt(&["redis"]).code(0);
    // Before it has read the file, and before it has counted.
    let shipped = host.home().join("scripts-available/restore-redis");
    let text = std::fs::read(&shipped).unwrap();
    for before in ["until [ \"$(ask INFO persistence", "keyspace=$(ask INFO keyspace"] {
        insert(&host, "restore-redis", before, &sending("KILL", "redis-server"));
        assert_not_possible(&host, "redis", "the throw-away server");
        std::fs::write(&shipped, &text).unwrap();
    }
}

#[test]
fn a_server_of_mysql_whose_room_is_full() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE d; USE d; CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, a LONGBLOB);
         INSERT INTO t (a) SELECT REPEAT(MD5(seq), 32768) FROM seq_1_to_50",
    );
    let host = Host::new();
    let options = server.option_file("root", "");
    host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
    host.batt(&["mysql"]).code(0);
    let place = host.workshop();
    host.settings(&format!(
        "reserve = \"0\"\n[drill]\nscratch = \"{}\"\n",
        place.display()
    ));
    // A new server takes some 130 MiB of it, and is well.
    let script = format!(
        "mount -t tmpfs -o size=165m,mode=711 none {}; batt --format json drill mysql",
        place.display()
    );
    let Some(finished) = host.in_mounts(&script) else {
        return;
    };
    let told: serde_json::Value = serde_json::from_str(&finished.code(69).stdout).unwrap();
    let drill = &told["drills"][0];
    assert_eq!(drill["outcome"], "not-possible", "{drill:#}");
    let reason = drill["reason"].as_str().unwrap();
    assert!(
        reason.contains("room") || reason.contains("has 0 B left"),
        "{reason}"
    );
    host.batt(&["drill", "mysql"]).code(0);
}
