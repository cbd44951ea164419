//! Answers of a hostile Redis server.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::process::Command;

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::server::fake_redis::{Answers, FakeRedis, RDB};

use crate::lures::Stage;

/// Everything that backup-redis reads of an answer, with the method that asks for it.
const READ: [(&str, &str); 16] = [
    ("replication", "INFO loading"),
    ("replication", "INFO cluster_enabled"),
    ("replication", "INFO redis_version"),
    ("replication", "INFO role"),
    ("replication", "INFO master_link_status"),
    ("replication", "INFO aof_enabled"),
    ("replication", "INFO used_memory"),
    ("replication", "INFO db0"),
    ("replication", "ACL DRYRUN DEFAULT SYNC"),
    ("bgsave", "INFO rdb_last_bgsave_status"),
    ("bgsave", "LASTSAVE"),
    ("bgsave", "TIME"),
    ("bgsave", "CONFIG GET DIR"),
    ("bgsave", "CONFIG GET DBFILENAME"),
    ("bgsave", "ACL DRYRUN DEFAULT BGSAVE"),
    ("bgsave", "BGSAVE"),
];

#[test]
fn no_answer_is_evaluated() {
    let stage = Stage::new();
    for (position, (method, key)) in READ.into_iter().enumerate() {
        for lure in stage
            .lures(2 * position)
            .iter()
            .chain(&stage.lures(2 * position + 1))
        {
            let server = FakeRedis::start(Answers::from([(key.to_owned(), lure.clone().into())]));
            let port = server.port().to_string();
            let settings = [("REDIS_PORT", port.as_str()), ("REDIS_METHOD", method)];
            stage.run("backup-redis", &[], &settings, &format!("{key} {lure}"));
        }
    }
}

#[test]
fn an_honest_server_is_backed_up() {
    let stage = Stage::new();
    let server = FakeRedis::start(Answers::new());
    let port = server.port().to_string();
    let settings = [("REDIS_PORT", port.as_str())];
    stage.run("backup-redis", &[], &settings, "nothing").code(0);
}

/// The account of a hostile server, and the one of its neighbour.
const HOSTILE: u32 = 61_001;
const NEIGHBOUR: u32 = 61_002;

fn folder_of(path: &Path, owner: u32) {
    fs::create_dir(path).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
    chown(path, Some(owner), Some(owner)).unwrap();
}

/// A server says itself where its file is: root does not believe it.
#[test]
fn a_server_is_given_no_file_but_its_own() {
    let host = Host::new();
    let place = tempfile::Builder::new()
        .prefix("batt-attack-")
        .tempdir_in("/tmp")
        .unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let (own, other) = (place.path().join("own"), place.path().join("other"));
    folder_of(&own, HOSTILE);
    folder_of(&other, NEIGHBOUR);
    for (file, owner) in [
        (other.join("dump.rdb"), NEIGHBOUR),
        (own.join("dump.rdb"), HOSTILE),
    ] {
        fs::write(&file, RDB).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        chown(&file, Some(owner), Some(owner)).unwrap();
    }
    symlink(other.join("dump.rdb"), own.join("link.rdb")).unwrap();
    Finished::run(Command::new("mkfifo").arg(own.join("pipe.rdb"))).success();
    chown(own.join("pipe.rdb"), Some(HOSTILE), None).unwrap();

    for (number, (folder, file, code)) in [
        (&other, "dump.rdb", 2),
        (&own, "link.rdb", 2),
        (&own, "pipe.rdb", 2),
        (&own, "../other/dump.rdb", 2),
        (&own, "dump.rdb", 0),
    ]
    .into_iter()
    .enumerate()
    {
        let socket = place.path().join(format!("s{number}"));
        let answers = Answers::from([
            ("CONFIG GET DIR".to_owned(), folder.to_str().unwrap().into()),
            ("CONFIG GET DBFILENAME".to_owned(), file.into()),
        ]);
        let _server = FakeRedis::start_at(&socket, answers);
        chown(&socket, Some(HOSTILE), Some(HOSTILE)).unwrap();
        host.configure(
            "redis",
            &[
                ("REDIS_SOCKET", socket.to_str().unwrap()),
                ("REDIS_METHOD", "bgsave"),
            ],
        );
        let finished = host.batt_within("timeout", &["300"], &["redis"]);
        assert_eq!(finished.code, Some(code), "{file}: {}", finished.said());
    }
}

/// Who talks to a server that nobody may trust is nobody, and holds nothing of root's.
#[test]
fn the_client_of_a_server_at_a_port_is_nobody() {
    let host = Host::new();
    let server = FakeRedis::start(Answers::new());
    let port = server.port().to_string();
    host.configure(
        "redis",
        &[("REDIS_PORT", &port), ("REDISCLI_AUTH", "canary-of-redis")],
    );
    let trace = host.scratch().join("trace");
    let arguments = [
        "-f",
        "-qq",
        "-e",
        "trace=execve,setresuid,connect",
        "-o",
        trace.to_str().unwrap(),
    ];
    host.batt_within("strace", &arguments, &["redis"]).code(0);
    let trace = fs::read_to_string(trace).unwrap();
    let started = trace
        .lines()
        .filter(|line| line.contains("redis-cli\", [") && !line.contains("--rdb"));
    let mut clients = 0;
    for line in started {
        let process = line.split(' ').next().unwrap();
        let became = trace.lines().take_while(|one| *one != line).any(|one| {
            one.starts_with(&format!("{process} "))
                && (one.contains("\"--nobody\"") || one.contains("setresuid("))
        });
        assert!(became, "a client of root: {line}");
        clients += 1;
    }
    assert_eq!(
        clients, 4,
        "one asks what the server is, one what it allows, one for its accounts, one what it counts afterwards: {trace}"
    );
}
