//! Servers that answer without end: what scripts of root keep of an answer is bounded, in memory and in their folders.

use std::path::Path;
use std::sync::Arc;

use batt_tests::server::FLOOD;
use batt_tests::server::fake_mysql::{FakeMysql, Reply};
use batt_tests::server::fake_postgresql::FakePostgresql;
use batt_tests::server::fake_redis::FakeRedis;

use crate::lures::Stage;
use crate::mysql::answers::{KEPT_CHECKSUMS, reply};
use crate::postgresql::answers::honest;

/// More than any script keeps of one answer, and of the files that come of it.
const KEPT: u64 = 80 << 20;

#[test]
fn rows_of_mysql_without_end_are_not_kept() {
    let stage = Stage::new();
    stage.batt_that_recalls(
        KEPT_CHECKSUMS,
        "as) until [ \"$1\" = -- ]; do shift; done; shift; exec \"$@\" ;;\n\
         store) until [ \"$1\" = -- ]; do shift; done; shift; exec \"$@\" >/dev/null ;;",
    );
    for (script, about) in [
        ("backup-mysql", "VERSION()"),
        ("backup-mysql", "SHOW VARIABLES"),
        ("backup-mysql", "SLAVES STATUS"),
        ("backup-mysql", "SHOW GRANTS"),
        // What the dump program asks is bounded by the disk alone.
        ("backup-mysql", "is_versioned,"),
        ("backup-mysql", "FROM mysql.user"),
        ("backup-mysql", "SHOW GRANTS FOR"),
        ("backup-mysql", "SELECT table_name FROM"),
        ("backup-mysql", "UNION ALL"),
        ("restore-mysql", "VERSION()"),
        ("restore-mysql", "UNION ALL"),
        ("restore-mysql", "'SYSTEM VERSIONED', 'yes'"),
        ("restore-mysql", "FROM information_schema.engines"),
    ] {
        let server = FakeMysql::start(Arc::new(move |statement| {
            let honest = if statement.contains("things") {
                Reply::text("0")
            } else {
                reply(statement, "", "")
            };
            if !statement.contains(about) {
                return honest;
            }
            let mut row = match honest {
                Reply::Rows(mut rows) => rows.swap_remove(0),
                _ => vec![b"InnoDB".to_vec()],
            };
            row.push(vec![b'x'; 1 << 10]);
            Reply::WithoutEnd(row)
        }));
        let port = server.port().to_string();
        let settings = [
            ("MYSQL_HOST", "127.0.0.1"),
            ("MYSQL_TCP_PORT", port.as_str()),
            ("MYSQL_CHECKSUMS", "yes"),
        ];
        stage.run(script, &["shop", "mysql"], &settings, about);
        let told = server.flooded();
        assert!(told > 0, "{script} never asked for {about}");
        assert!(told < FLOOD, "{script} took all of {about}");
        assert_kept_little(&stage, about);
    }
}

#[test]
fn rows_of_postgresql_without_end_are_not_kept() {
    let stage = Stage::new();
    for (script, about) in [
        ("backup-postgresql", "SHOW search_path"),
        ("backup-postgresql", "rolcanlogin"),
        ("backup-postgresql", "pg_export_snapshot"),
        ("backup-postgresql", "WITH space AS"),
        ("backup-postgresql-base", "FROM pg_settings WHERE name IN"),
        ("restore-postgresql", "format('%s, %s relations in all'"),
    ] {
        let long = Arc::new(move |query: &str| {
            let mut rows = honest(query);
            if query.contains(about)
                && let Some(last) = rows.last_mut().and_then(|row| row.last_mut())
            {
                last.push_str(&"x".repeat(1 << 10));
            }
            rows
        });
        let server = FakePostgresql::start("15.1", long);
        server.flood(about);
        let environment = server.environment();
        let mut settings: Vec<(&str, &str)> = environment
            .iter()
            .map(|(key, value)| (*key, value.as_str()))
            .collect();
        settings.extend([("PG_CHECKSUMS", "yes"), ("BATT_VERB", "restore")]);
        let items: &[&str] = if script.ends_with("-base") { &[] } else { &["shop"] };
        let finished = stage.run(script, items, &settings, about);
        assert!(server.flooded() > 0, "{script} never asked for {about}");
        // psql reads such an answer to its end, and keeps nothing of it.
        finished.says("out of memory for query result");
        assert_kept_little(&stage, about);
    }
}

#[test]
fn more_of_postgresql_than_a_script_can_take_is_refused() {
    let stage = Stage::new();
    for (about, rows) in [
        ("WITH space AS", vec![vec!["x".repeat(1 << 20)]; 20]),
        ("rolcanlogin", vec![vec![String::new(); 1000]; 1001]),
    ] {
        let answers = move |query: &str| {
            if query.contains(about) {
                rows.clone()
            } else {
                honest(query)
            }
        };
        let server = FakePostgresql::start("15.1", Arc::new(answers));
        let environment = server.environment();
        let settings: Vec<(&str, &str)> = environment
            .iter()
            .map(|(key, value)| (*key, value.as_str()))
            .collect();
        let finished = stage.run("backup-postgresql", &["shop"], &settings, about);
        finished.says("the server answers without end");
        assert_kept_little(&stage, about);
    }
}

/// A session may end before the script has looked at it, which is told as any other failure.
#[test]
fn a_session_that_dies_at_once_is_a_failure_with_the_words_of_the_server() {
    let stage = Stage::new();
    let server = FakePostgresql::start("15.1", Arc::new(honest));
    server.refuse("SET idle_in_transaction_session_timeout");
    // The script goes on when bash has seen the end of the session.
    let late = stage.folder().join("late");
    std::fs::write(
        &late,
        "set -T\ntrap 'case $BASH_COMMAND in keeper=*) while [ -n \"${KEEPER_PID:-}\" ]; do :; done ;; esac' DEBUG\n",
    )
    .unwrap();
    let environment = server.environment();
    let mut settings: Vec<(&str, &str)> = environment
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    settings.push(("BASH_ENV", late.to_str().unwrap()));
    let finished = stage.run("backup-postgresql", &["shop"], &settings, "a session that dies");
    finished.says("no more of you");
    finished.says("`shop`: no snapshot of it can be taken");
}

/// The client of Redis reads an answer to its end before it tells anything of it.
#[test]
fn an_answer_of_redis_without_end_is_not_kept() {
    let stage = Stage::new();
    for about in ["INFO", "ACL DRYRUN DEFAULT BGSAVE", "CONFIG GET DIR"] {
        let server = FakeRedis::flooding(about);
        let port = server.port().to_string();
        let settings = [
            ("REDIS_PORT", port.as_str()),
            ("REDIS_METHOD", "bgsave"),
            ("REDIS_DATA_DIR", "/var/lib/redis"),
        ];
        stage.run("backup-redis", &[], &settings, about);
        let told = server.flooded();
        assert!(told > 0, "the script never asked for {about}");
        assert!(told < FLOOD, "the script took all of {about}");
        assert_kept_little(&stage, about);
    }
}

#[track_caller]
fn assert_kept_little(stage: &Stage, about: &str) {
    let kept = size_of(&stage.folder());
    assert!(kept < KEPT, "{kept} bytes of {about} are on the disk");
}

fn size_of(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    entries
        .map(|entry| {
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() {
                size_of(&entry.path())
            } else {
                metadata.len()
            }
        })
        .sum()
}
