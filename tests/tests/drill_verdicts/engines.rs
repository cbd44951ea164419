//! The throw-away engine is ended in the middle: that says nothing of the backup.

use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;
use batt_tests::server::postgresql::Postgresql;
use batt_tests::server::redis::Redis;

use crate::{assert_not_possible, insert};

/// Kills every process in the cell whose name begins so, once there is one.
fn killing(name: &str) -> String {
    format!(
        "killed=''
until [ -n \"$killed\" ]; do
    for process in /proc/[0-9]*; do
        case $(cat \"$process/comm\" 2>/dev/null) in
        {name}*) kill -KILL \"${{process#/proc/}}\" && killed=yes ;;
        esac
    done
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
    insert(&host, "restore-mysql", restored, &killing("maria"));
    assert_not_possible(&host, "mysql", "the throw-away server has ended");
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
        "batt load --check postgresql \"$1\" -- ",
        &killing("postgres"),
    );
    assert_not_possible(&whole, "postgresql", "the throw-away server has ended");

    // What the kernel does where memory lacks: the server goes on, and starts anew.
    let part = postgresql("postgresql");
    let checkpointer = "for process in /proc/[0-9]*; do\n    case $(tr '\\0' ' ' <\"$process/cmdline\" 2>/dev/null) in *checkpointer*) kill -KILL \"${process#/proc/}\" ;; esac\ndone";
    insert(
        &part,
        "restore-postgresql",
        "batt load --check postgresql \"$1\" -- ",
        checkpointer,
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
        &killing("postgres"),
    );
    assert_not_possible(&host, "postgresql-base", "the throw-away server was ended");
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
        insert(&host, "restore-redis", before, &killing("redis-server"));
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
