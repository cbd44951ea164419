//! A data set of Redis is lost and comes back, and is rehearsed without the server noticing.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use batt_tests::host::Host;
use batt_tests::process::until;
use batt_tests::server::redis::Redis;

const CANARY: &str = "canary-91fe-redis";

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn configure(host: &Host, server: &Redis, more: &[(&str, &str)]) {
    let socket = server.socket().display().to_string();
    let mut settings = vec![("REDIS_SOCKET", socket.as_str()), ("REDISCLI_AUTH", CANARY)];
    settings.extend_from_slice(more);
    host.configure("redis", &settings);
}

/// Keys of every type, in three databases, with functions, and keys that expire.
fn fill(server: &Redis) {
    let strings: String = (0..2000)
        .map(|n| format!("SET key:{n} {}\n", "v".repeat(n % 300 + 1)))
        .collect();
    server.run(&strings);
    server.run(
        "SETEX brief 86400 x\nRPUSH list a b c\nSADD set 1 2 three\nZADD sorted 1 one 2.5 two\nHSET hash a 1 b two\n\
         XADD stream 1-1 field value\nXGROUP CREATE stream readers 0\nXREADGROUP GROUP readers one COUNT 1 STREAMS stream >\n\
         PFADD counted a b c\nSELECT 5\nSET \"with blank\" \"\\x00\\xff\"\nSELECT 7\nSETEX short 86400 x\n",
    );
    server.run(
        "FUNCTION LOAD \"#!lua name=one\\nredis.register_function('f', function(k, a) return 7 end)\"\n",
    );
}

#[test]
fn a_lost_data_set_comes_back_equal_and_is_drilled_before() {
    let server = Redis::start(CANARY);
    fill(&server);
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt(&["redis"]).code(0);
    let content = host.content("redis", "dump.rdb");
    let content: Vec<String> = content
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    assert_eq!(content, ["functions.libraries=1", "keys.db0=2006", "keys.db5=1"]);

    let connections = || {
        let told = server.run("INFO stats\n");
        let line = told
            .lines()
            .find(|line| line.starts_with("total_connections_received:"));
        line.unwrap()
            .trim()
            .rsplit(':')
            .next()
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    let before = connections();
    let drilled = host.batt_drill("redis").code(0);
    drilled.says("proven");
    drilled.says("3 facts compared");
    assert_eq!(
        connections(),
        before + 1,
        "the drill has talked to the running server"
    );

    let all = [0, 5, 7].map(|database| server.fingerprint(database));
    let functions = server.run("FUNCTION LIST WITHCODE\n");
    server.kill();
    drop(server);
    let folder = Redis::empty_folder();
    let owner = fs::metadata(folder.path()).unwrap().uid();
    host.batt_restore(&[], &["redis", "--into", text(folder.path())])
        .code(0)
        .says("3 facts compared, no difference");
    let file = fs::metadata(folder.path().join("dump.rdb")).unwrap();
    assert_eq!((file.uid(), file.mode() & 0o777), (owner, 0o600));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let restored = Redis::start_on(folder, CANARY);
    assert_eq!([0, 5, 7].map(|database| restored.fingerprint(database)), all);
    assert_eq!(restored.run("FUNCTION LIST WITHCODE\n"), functions);
    host.assert_nowhere(CANARY);
}

#[test]
fn keys_that_expire_between_backup_and_restore_are_no_difference() {
    let server = Redis::start(CANARY);
    server.run("SET stays 1\nSET goes 1 PX 700\nSELECT 3\nSET goes 1 PX 700\n");
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt(&["redis"]).code(0);
    until("the keys have expired", || {
        server.run("SELECT 3\nEXISTS goes\n").ends_with("0\n")
    });

    host.batt_drill("redis").code(0).says("proven");
    let folder = Redis::empty_folder();
    host.batt_restore(&[], &["redis", "--into", text(folder.path())])
        .code(0);
    let restored = Redis::start_on(folder, CANARY);
    assert_eq!(restored.run("KEYS *\n"), "stays\n");
}

#[test]
fn nothing_that_is_there_is_written_over() {
    let server = Redis::start(CANARY);
    server.run("SET a 1\n");
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt(&["redis"]).code(0);

    // In the folder of a server that runs, not even when it is asked for.
    for arguments in [&["redis", "--into"][..], &["redis", "--replace", "--into"]] {
        let arguments = [arguments, &[text(server.folder())]].concat();
        let finished = host.batt_restore(&[], &arguments).code(2);
        finished.says("stop it first");
    }
    for name in ["dump.rdb", "appendonlydir", "appendonly.aof"] {
        let folder = Redis::empty_folder();
        fs::write(folder.path().join(name), "what was there").unwrap();
        let into = ["redis", "--into", text(folder.path())];
        host.batt_restore(&[], &into)
            .code(2)
            .says("there is a data set already");
        assert_eq!(fs::read(folder.path().join(name)).unwrap(), b"what was there");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

        host.batt_restore(&[], &[&into[..], &["--replace"]].concat())
            .code(0);
        let kept = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let kept: Vec<_> = kept
            .filter(|path| text(path).contains(&format!("{name}.batt-")))
            .collect();
        assert_eq!(kept.len(), 1);
        assert_eq!(fs::read(&kept[0]).unwrap(), b"what was there");
        assert_eq!(Redis::start_on(folder, CANARY).run("GET a\n"), "1\n");
    }
    for (into, words) in [
        (&["redis"][..], "the folder of the server is not named"),
        (&["redis", "--into", "folder"], "no absolute path"),
        (&["redis", "--into", "/nonexistent/folder"], "is no folder"),
    ] {
        host.batt_restore(&[], into).code(2).says(words);
    }
}

#[test]
fn the_servers_own_file_is_waited_for_and_taken() {
    let server = Redis::start(CANARY);
    fill(&server);
    // A whole file of an earlier time, which must not be taken for the one that was asked for.
    server.run("SAVE\n");
    server.run("SET late 1\n");
    let host = Host::new();
    configure(&host, &server, &[("REDIS_METHOD", "bgsave")]);

    let (finished, started) = host.batt_traced(&["redis"]);
    finished.code(0);
    assert!(!started.contains("--rdb"), "{started}");
    assert_eq!(host.content("redis", "dump.rdb")["keys.db0"], "2007");
    host.batt_drill("redis").code(0).says("proven");
}

#[test]
fn a_save_that_fails_is_no_backup_though_an_earlier_file_is_there() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("only root can take a folder away from the server: not tried");
        return;
    }
    let server = Redis::start(CANARY);
    server.run("SET a 1\nSAVE\n");
    let host = Host::new();
    configure(&host, &server, &[("REDIS_METHOD", "bgsave")]);
    let folder = server.folder();
    std::os::unix::fs::chown(folder, Some(0), Some(0)).unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();

    host.batt(&["redis"]).code(2).says("could not save its data set");
    assert!(host.backups("redis").is_empty());
}

#[test]
fn an_unknown_method_is_refused() {
    let server = Redis::start(CANARY);
    server.run("SET a 1\n");
    let host = Host::new();
    configure(&host, &server, &[("REDIS_METHOD", "once")]);
    host.batt(&["redis"]).code(2).says("REDIS_METHOD is `once`");
}

#[test]
fn an_account_without_the_rights_is_told_what_it_lacks() {
    let server = Redis::start(CANARY);
    server.run("SET a 1\nACL SETUSER weak on >canary-weak +info +ping +acl|whoami +acl|dryrun\n");
    let host = Host::new();
    configure(
        &host,
        &server,
        &[("REDIS_USER", "weak"), ("REDISCLI_AUTH", "canary-weak")],
    );
    host.batt(&["redis"]).code(2).says("may not use SYNC");
    host.batt(&["enable", "redis"]).code(0);
    host.batt(&["check"]).code(2).says("may not use SYNC");
    server.run("ACL SETUSER weak +sync +psync +replconf\n");
    host.batt(&["check"]).code(0);
    host.batt(&["redis"]).code(0);
    host.assert_nowhere("canary-weak");
}

#[test]
fn an_append_only_file_is_told_of() {
    let server = Redis::start(CANARY);
    server.run("SET a 1\nCONFIG SET appendonly yes\n");
    until("the file is written", || {
        server
            .run("INFO persistence\n")
            .contains("aof_rewrite_in_progress:0")
    });
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt(&["redis"]).code(0);
    assert!(host.fact("redis", "append-only-file").contains("appendonly no"));
    let guide = fs::read_to_string(host.backup("redis").join("RESTORE.md")).unwrap();
    assert!(guide.contains("CONFIG SET appendonly yes"), "{guide}");
}

#[test]
fn a_file_that_no_server_here_can_read_says_nothing_of_the_backup() {
    let host = Host::new();
    // A snapshot of a version to come.
    let snapshot = host.scratch().join("snapshot");
    let mut bytes = b"REDIS0099\xff".to_vec();
    bytes.extend_from_slice(&[0; 8]);
    fs::write(&snapshot, bytes).unwrap();
    host.drop_in(
        "redis",
        &format!("batt store --check rdb dump.rdb -- cat {}", text(&snapshot)),
    );
    host.batt(&["redis"]).code(0);
    let folder = Redis::empty_folder();
    host.batt_restore(&[], &["redis", "--into", text(folder.path())])
        .code(69)
        .says("cannot read this file");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    host.batt_drill("redis").code(69).says("not possible here");
}
