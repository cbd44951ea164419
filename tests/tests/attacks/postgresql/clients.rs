//! The clients that root runs as the account of the server: what that account finds in them.

use std::fs;
use std::path::Path;
use std::thread;

use batt_tests::server::postgresql::Postgresql;

use super::host_of;

const SECRET: &str = "canary-9f1c-of-the-settings";

/// Whoever has an account can read the environment of its processes, what they hold open, and their arguments.
#[test]
fn the_account_of_a_server_gets_nothing_of_a_run() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can act as another account");
        return;
    }
    let server = Postgresql::start();
    server.sql("postgres", "CREATE TABLE locked (id int)");
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
                "DO $$ BEGIN LOCK TABLE locked IN ACCESS EXCLUSIVE MODE;
                     WHILE NOT EXISTS (SELECT FROM pg_stat_file('{}', true) AS f WHERE f.size IS NOT NULL) LOOP PERFORM pg_sleep(0.05); END LOOP; END $$",
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
