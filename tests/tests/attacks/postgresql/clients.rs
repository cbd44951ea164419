//! The clients that root runs as the account of the server: what that account finds in them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::thread;

use batt_tests::host::Host;
use batt_tests::server::postgresql::Postgresql;

use super::host_of;
use crate::clients::{assert_harmless, seen};

const SECRET: &str = "canary-9f1c-of-the-settings";

/// Whoever has an account can read the environment of its processes, what they hold open, and their arguments.
#[test]
fn the_account_of_a_server_gets_nothing_of_a_run() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can act as another account");
        return;
    }
    let server = Postgresql::start();
    server.sql("postgres", "CREATE SEQUENCE locked");
    for format in ["custom", "directory"] {
        let settings = [
            ("PGUSER", ""),
            ("BACKUP_USER", "postgres"),
            ("PG_FORMAT", format),
            ("OTHER_PASSWORD", SECRET),
        ];
        let host = host_of(&server, &settings);
        let release = server.make_folder(format).join("release");
        thread::scope(|scope| {
            // The dump waits for a lock that is held until a file is there.
            let wait = format!(
                "DO $$ BEGIN ALTER SEQUENCE locked RENAME TO moved;
                     WHILE NOT EXISTS (SELECT FROM pg_stat_file('{}', true) AS f WHERE f.size IS NOT NULL) LOOP PERFORM pg_sleep(0.05); END LOOP;
                     ALTER SEQUENCE moved RENAME TO locked; END $$",
                release.display()
            );
            let server = &server;
            scope.spawn(move || server.sql("postgres", &wait));
            server.wait_until(
                "postgres",
                "SELECT 1 FROM pg_locks WHERE relation = 'locked'::regclass AND granted AND mode = 'AccessExclusiveLock'",
            );
            let run = scope.spawn(|| host.batt(&["postgresql"]));
            server.wait_until(
                "postgres",
                "SELECT 1 FROM pg_locks WHERE relation = 'locked'::regclass AND NOT granted",
            );
            let clients = clients_of(&server.environment()[0].1);
            fs::write(&release, "x").unwrap();
            run.join().unwrap().code(0);

            assert!(
                clients.iter().any(|client| client.name == "pg_dump"),
                "{clients:?}"
            );
            for client in &clients {
                assert_ne!(client.user, 0, "{client:?}");
                for setting in [SECRET, "BATT_DEST", "BATT_HOME", "TMPDIR"] {
                    assert!(!client.environment.contains(setting), "{setting}: {client:?}");
                }
                let of_run = client.open.iter().filter(|path| {
                    path.starts_with(host.root().to_str().unwrap()) && !path.contains("/tmp/dump.")
                });
                assert_eq!(of_run.count(), 0, "{client:?}");
                assert!(client.status.contains("NoNewPrivs:\t1"), "{client:?}");
            }
        });
    }
}

#[derive(Debug)]
struct Client {
    name: String,
    user: u32,
    environment: String,
    open: Vec<String>,
    status: String,
}

/// Returns the clients that run now and were led to a server.
fn clients_of(folder: &str) -> Vec<Client> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let process = entry.path();
        let read = |name: &str| {
            fs::read(process.join(name)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        };
        let (Ok(environment), Ok(name), Ok(status)) = (read("environ"), read("comm"), read("status")) else {
            continue;
        };
        let is_client = ["pg_dump", "psql"].contains(&name.trim());
        if !is_client || !environment.contains(folder) {
            continue;
        }
        let user = status.lines().find_map(|line| line.strip_prefix("Uid:\t"));
        let user = user.and_then(|user| user.split('\t').next()?.parse().ok());
        found.push(Client {
            name: name.trim().to_owned(),
            user: user.unwrap_or(0),
            environment,
            open: open_files(&process),
            status,
        });
    }
    found
}

fn open_files(process: &Path) -> Vec<String> {
    let entries = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| Some(fs::read_link(entry.path()).ok()?.to_string_lossy().into_owned()))
        .collect()
}

/// Makes a superuser that logs in with a password, and a file that holds it.
fn keeper(server: &Postgresql, host: &Host) -> String {
    server.sql(
        "postgres",
        "CREATE ROLE keeper SUPERUSER LOGIN PASSWORD 'canary-of-keeper'",
    );
    let path = host.scratch().join("pgpass");
    fs::write(&path, "*:*:*:keeper:canary-of-keeper\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A server may send what its client does not expect, and a dump is code for it: so a client that needs nothing of root is nobody.
#[test]
fn a_client_that_logs_in_with_a_password_may_do_nothing_here() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can act as another account");
        return;
    }
    for format in ["custom", "directory"] {
        let server = Postgresql::start();
        server.sql(
            "postgres",
            "CREATE DATABASE shop; CREATE ROLE app; CREATE TABLE t AS SELECT 1 AS a",
        );
        server.sql(
            "shop",
            "CREATE TABLE t AS SELECT generate_series(1, 100000) AS a; CREATE INDEX ON t (a); ALTER TABLE t OWNER TO app",
        );
        let host = host_of(&server, &[]);
        let file = keeper(&server, &host);
        let folder = server.environment()[0].1.clone();
        host.configure(
            "postgresql",
            &[
                ("PGHOST", folder.as_str()),
                ("PGUSER", "keeper"),
                ("PGPASSFILE", &file),
                ("PG_FORMAT", format),
                ("OTHER_PASSWORD", SECRET),
            ],
        );
        let names = ["pg_dump", "psql", "pg_dumpall", "pg_restore"];
        let backing_up = seen(&host, &names, || {
            host.batt(&["postgresql"]).code(0);
        });
        let names = ["pg_restore", "psql", "pg_dump", "pg_dumpall"];
        let restoring = seen(&host, &names, || {
            server.sql("postgres", "DROP DATABASE shop");
            server.sql("postgres", "DROP ROLE app");
            let items = ["--postgresql-db", "shop", "--postgresql-db", "pg_dumpall-globals"];
            host.batt(&[&["restore", "postgresql"][..], &items].concat())
                .code(0);
        });
        assert_eq!(server.sql("shop", "SELECT count(*) FROM t"), "100000\n");
        for client in backing_up.iter().chain(&restoring) {
            assert_harmless(client, &host, SECRET);
        }
        host.assert_nowhere("canary-of-keeper");
    }
}

#[test]
fn the_client_that_copies_a_cluster_with_a_password_may_do_nothing_here() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can act as another account");
        return;
    }
    let server = Postgresql::start();
    let host = Host::new();
    let folder = server.environment()[0].1.clone();
    host.configure(
        "postgresql-base",
        &[
            ("PGHOST", folder.as_str()),
            ("PGUSER", "postgres"),
            ("PGPASSWORD", "canary-of-postgres"),
            ("OTHER_PASSWORD", SECRET),
        ],
    );
    let names = ["pg_basebackup", "psql"];
    let clients = seen(&host, &names, || {
        host.batt(&["postgresql-base"]).code(0);
    });
    for client in &clients {
        assert_harmless(client, &host, SECRET);
    }
}

/// It does not become root where it cannot get by as nobody, unless that is wanted.
#[test]
fn a_client_that_may_not_reach_the_socket_says_so() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can act as another account");
        return;
    }
    let server = Postgresql::start();
    let host = Host::new();
    let file = keeper(&server, &host);
    let folder = server.environment()[0].1.clone();
    let mut settings = vec![
        ("PGHOST", folder.as_str()),
        ("PGUSER", "keeper"),
        ("PGPASSFILE", file.as_str()),
    ];
    host.configure("postgresql", &settings);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    let finished = host.batt(&["postgresql"]).code(2);
    finished.says("Permission denied");
    finished.says("BACKUP_USER=root");
    settings.push(("BACKUP_USER", "root"));
    host.configure("postgresql", &settings);
    host.batt(&["postgresql"]).code(0);
}
