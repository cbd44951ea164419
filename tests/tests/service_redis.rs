//! The redis service on a real server: the RDB file comes back by the commands of RESTORE.md and is equal.
#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a panic is how a test fails, and what is skipped is reported loudly"
)]

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::server::redis::Redis;

const CANARY: &str = "canary-7d20-redis";

fn host_of(server: &Redis, password: &str) -> Host {
    let host = Host::new();
    configure(&host, server, password);
    host
}

fn configure(host: &Host, server: &Redis, password: &str) {
    let socket = server.socket().display().to_string();
    host.configure("redis", &[("REDIS_SOCKET", &socket), ("REDISCLI_AUTH", password)]);
}

/// Keys of every type, in two databases.
fn fill(server: &Redis) {
    let strings: String = (0..2000)
        .map(|n| format!("SET key:{n} {}\n", "v".repeat(n % 300 + 1)))
        .collect();
    server.run(&strings);
    server.run(
        "SETEX brief 86400 x\nRPUSH list a b c\nSADD set 1 2 three\nZADD sorted 1 one 2.5 two\nHSET hash a 1 b two\n\
         XADD stream 1-1 field value\nPFADD counted a b c\nSELECT 5\nSET \"with blank\" \"\\x00\\xff\"\n",
    );
}

#[test]
fn everything_comes_back_equal() {
    let server = Redis::start(CANARY);
    fill(&server);
    let host = host_of(&server, CANARY);

    let (finished, started) = host.batt_traced(&["redis"]);
    finished.code(0);

    assert!(started.contains("--rdb"), "{started}");
    assert!(!started.contains(CANARY));
    host.assert_nowhere(CANARY);
    assert_eq!(host.fact("redis", "keys.db0"), "2007");
    assert_eq!(host.fact("redis", "keys.db5"), "1");
    assert_eq!(host.fact("redis", "aof_enabled"), "0");

    let folder = Redis::empty_folder();
    host.batt(&["verify"]).code(0);
    host.restore(
        &host.backup("redis"),
        &[("dir", folder.path().display().to_string())],
    );
    let restored = Redis::start_on(folder, CANARY);
    for database in [0, 5] {
        assert_eq!(restored.fingerprint(database), server.fingerprint(database));
    }
}

#[test]
fn a_server_that_does_not_send_its_data_set_is_asked_to_save_it() {
    let options = ["--rename-command", "SYNC", "", "--rename-command", "PSYNC", ""];
    let server = Redis::start_with(Redis::empty_folder(), CANARY, &options);
    fill(&server);
    let host = host_of(&server, CANARY);

    let finished = host.batt(&["--format", "json", "redis"]).code(0);

    finished.says("the server did not send its data set");
    assert_eq!(host.content("redis", "dump.rdb")["keys.db5"], "1");
    assert_eq!(host.fact("redis", "dbfilename"), "dump.rdb");
}

/// The account of the server controls its folder: what root wrote there could land anywhere.
#[test]
fn the_commands_of_the_guide_write_as_the_server_and_through_no_link() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("only root can act as another account: not tried");
        return;
    }
    let server = Redis::start(CANARY);
    server.run("SET a 1\n");
    let host = host_of(&server, CANARY);
    host.batt(&["redis"]).code(0);
    let guide = std::fs::read_to_string(host.backup("redis").join("RESTORE.md")).unwrap();
    let commands: Vec<&str> = guide
        .lines()
        .skip_while(|line| *line != "## Restore")
        .filter(|line| !line.starts_with(['#', '`', 'I']))
        .collect();
    let folder = Redis::empty_folder();
    let of_root = host.scratch().join("of-root");
    std::os::unix::fs::symlink(&of_root, folder.path().join("dump.rdb")).unwrap();

    let finished = Finished::run(
        Command::new("bash")
            .args(["-euo", "pipefail", "-c", &commands.join("\n")])
            .env("dir", folder.path())
            .current_dir(host.backup("redis")),
    );

    assert!(!of_root.exists(), "{commands:?}");
    assert_ne!(finished.code, Some(0), "{commands:?}");
}

#[test]
fn there_are_no_items() {
    let server = Redis::start(CANARY);
    let host = host_of(&server, CANARY);

    host.batt(&["--redis-db", "5"])
        .code(64)
        .says("unexpected argument `--redis-db`");
    let help = host.batt(&["--help"]).success();
    assert!(
        help.contains("--mysql-db") && !help.contains("--redis-db"),
        "{help}"
    );
    assert!(host.backups("redis").is_empty());
}

#[test]
fn a_wrong_password_and_a_server_that_is_gone_fail_and_keep_the_earlier_backup() {
    let server = Redis::start(CANARY);
    server.run("SET a 1\n");
    let host = host_of(&server, CANARY);
    host.batt(&["redis"]).code(0);
    let manifest = host.backup("redis").join("manifest.json");
    let before = std::fs::read(&manifest).unwrap();

    configure(&host, &server, "canary-wrong-password");
    let finished = host.batt(&["redis"]).code(2);
    finished.says("cannot ask the server");
    host.assert_nowhere("canary-wrong-password");

    configure(&host, &server, CANARY);
    server.kill();
    host.batt(&["redis"]).code(2);
    assert_eq!(std::fs::read(&manifest).unwrap(), before);
}

#[test]
fn another_folder_than_the_configured_one_is_a_warning() {
    let server = Redis::start(CANARY);
    let host = Host::new();
    let socket = server.socket().display().to_string();
    let mut settings = vec![
        ("REDIS_SOCKET", socket.as_str()),
        ("REDISCLI_AUTH", CANARY),
        ("REDIS_DATA_DIR", "/nonexistent"),
    ];
    host.configure("redis", &settings);
    let finished = host.batt(&["--format", "json", "redis"]).code(0);
    finished.says("is it the right one?");

    let folder = format!("{}/", server.folder().display());
    settings[2].1 = &folder;
    host.configure("redis", &settings);
    let finished = host.batt(&["--format", "json", "redis"]).code(0);
    assert!(
        !finished.stdout.contains("is it the right one?"),
        "{}",
        finished.stdout
    );
}

/// A host on which the client takes the data set of another server than the one that it asks.
fn led_astray(server: &Redis, other: &Redis) -> Host {
    let host = Host::new();
    let tools = host.scratch().join("tools");
    std::fs::create_dir(&tools).unwrap();
    let (asked, sent) = (server.socket(), other.socket());
    let client = format!(
        "#!/bin/bash\nwords=(\"$@\")\ncase \" $* \" in *' --rdb '*) for n in \"${{!words[@]}}\"; do [ \"${{words[n]}}\" != {} ] || words[n]={}; done ;; esac\nexec /usr/bin/redis-cli \"${{words[@]}}\"\n",
        asked.display(),
        sent.display()
    );
    std::fs::write(tools.join("redis-cli"), client).unwrap();
    for path in [host.root(), &host.scratch(), &tools, &tools.join("redis-cli")] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:/usr/bin:/bin", tools.display());
    let socket = asked.display().to_string();
    host.configure(
        "redis",
        &[
            ("REDIS_SOCKET", &socket),
            ("REDISCLI_AUTH", CANARY),
            ("PATH", &path),
        ],
    );
    host
}

#[test]
fn a_data_set_without_keys_that_the_server_counts_is_no_backup() {
    let (server, other) = (Redis::start(CANARY), Redis::start(CANARY));
    fill(&server);
    fill(&other);
    let host = led_astray(&server, &other);
    host.batt(&["redis"]).code(0);
    other.run("DEL key:7\n");

    let finished = host.batt(&["redis"]).code(2);
    finished.says("the server counts 2007 keys in database 0, and it holds 2006");

    // What ends by itself is counted as long as it is there.
    other.run("SET key:7 v\nDEL brief\n");
    host.batt(&["redis"]).code(2).says("and it holds 2006");
    other.run("SETEX brief 86400 x\nSELECT 5\nFLUSHDB\n");
    host.batt(&["redis"])
        .code(2)
        .says("the server counts 1 keys in database 5, and it holds 0");
    assert_eq!(host.backups("redis").len(), 1);
}

#[test]
fn a_server_that_is_written_to_is_backed_up_and_so_is_one_that_saves() {
    let many: [&str; 4] = ["--databases", "64", "--repl-diskless-sync", "no"];
    let server = Redis::start_with(Redis::empty_folder(), CANARY, &many);
    fill(&server);
    server.run("SELECT 40\nSET k v\n");
    let host = host_of(&server, CANARY);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut round = 0_u32;
            while !is_over.load(Ordering::Relaxed) {
                round += 1;
                server.run(&format!(
                    "SET more:{round} v\nDEL key:{round}\nPSETEX e:{round} 2 v\n"
                ));
            }
        });
        for method in ["replication", "bgsave"] {
            let socket = server.socket().display().to_string();
            host.configure(
                "redis",
                &[
                    ("REDIS_SOCKET", &socket),
                    ("REDISCLI_AUTH", CANARY),
                    ("REDIS_METHOD", method),
                ],
            );
            let finished = host.batt(&["redis"]);
            is_over.store(method == "bgsave", Ordering::Relaxed);
            finished.code(0);
            let manifest = host.manifest("redis");
            assert_eq!(
                manifest["archives"][0]["facts"]["keys-held-to-the-server"], "yes",
                "{method}"
            );
        }
    });
}
