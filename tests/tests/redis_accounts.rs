//! The accounts of Redis, which are in no RDB file, come back as they were.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::fs;

use batt_tests::host::Host;
use batt_tests::server::redis::Redis;

const CANARY: &str = "canary-52ad-redis";

fn host_of(server: &Redis, more: &[(&str, &str)]) -> Host {
    let host = Host::new();
    let socket = server.socket().display().to_string();
    let mut settings = vec![("REDIS_SOCKET", socket.as_str()), ("REDISCLI_AUTH", CANARY)];
    settings.extend_from_slice(more);
    host.configure("redis", &settings);
    host
}

fn guide(host: &Host) -> String {
    fs::read_to_string(host.backup("redis").join("RESTORE.md")).unwrap()
}

/// The accounts of a server, with the words of each in order: a server tells of rules in any order that means the same.
fn accounts(server: &Redis) -> BTreeSet<Vec<String>> {
    let told = server.run("ACL LIST\n");
    let words = |line: &str| {
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        words.sort();
        words
    };
    told.lines().map(words).collect()
}

/// Accounts of several kinds: with two passwords, off, with patterns and channels, and with a selector.
fn create_accounts(server: &Redis) {
    server.run(
        "ACL SETUSER app on >canary-app >canary-other ~app:* &news:* +@read +set -@dangerous\n\
         ACL SETUSER gone off ~* +@all\n\
         ACL SETUSER reader on nopass %R~log:* +get (~cache:* +@write)\n\
         ACL SETUSER \"a@b.example\" on >canary-odd resetkeys +ping\nSET a 1\n",
    );
}

#[test]
fn accounts_come_back_as_they_were() {
    let server = Redis::start(CANARY);
    create_accounts(&server);
    let host = host_of(&server, &[]);

    host.batt(&["redis"]).code(0);
    let content = host.content("redis", "users.acl");
    assert_eq!(
        content.keys().map(String::as_str).collect::<Vec<_>>(),
        [
            "account.a@b.example",
            "account.app",
            "account.default",
            "account.gone",
            "account.reader"
        ]
    );
    host.batt(&["drill", "redis"]).code(0).says("proven");

    let folder = Redis::empty_folder();
    let into = folder.path().to_str().unwrap().to_owned();
    host.batt(&["restore", "redis", "--into", &into])
        .code(0)
        .says(&format!("The accounts need `aclfile {into}/users.acl`"));

    let file = format!("{into}/users.acl");
    let restored = Redis::start_with(folder, CANARY, &["--aclfile", &file]);
    assert_eq!(accounts(&restored), accounts(&server));
    assert_eq!(
        restored.run("GET a\nAUTH app canary-other\nSET app:b 2\n"),
        "1\nOK\nOK\n"
    );
}

#[test]
fn accounts_come_back_by_hand() {
    let server = Redis::start(CANARY);
    create_accounts(&server);
    let host = host_of(&server, &[]);
    host.batt(&["redis"]).code(0);

    let folder = Redis::empty_folder();
    let into = folder.path().display().to_string();
    host.restore(&host.backup("redis"), &[("dir", into.clone())]);

    let file = format!("{into}/users.acl");
    let restored = Redis::start_with(folder, CANARY, &["--aclfile", &file]);
    assert_eq!(accounts(&restored), accounts(&server));
}

#[test]
fn accounts_that_are_there_are_kept() {
    let server = Redis::start(CANARY);
    create_accounts(&server);
    let host = host_of(&server, &[]);
    host.batt(&["redis"]).code(0);
    let folder = Redis::empty_folder();
    let into = folder.path().to_str().unwrap();
    let file = folder.path().join("users.acl");
    fs::write(&file, "user default on nopass ~* &* +@all\n").unwrap();

    host.batt(&["restore", "redis", "--into", into])
        .code(2)
        .says("there are accounts already: ");
    assert_eq!(fs::read_dir(into).unwrap().count(), 1);

    host.batt(&["restore", "redis", "--into", into, "--replace"])
        .code(0);
    assert!(fs::read_to_string(&file).unwrap().contains("user app on "));
    let names = fs::read_dir(into)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let kept = names.filter(|name| name.to_str().unwrap().starts_with("users.acl.batt-"));
    assert_eq!(kept.count(), 1);
}

#[test]
fn a_server_without_accounts_has_nothing_of_them_to_store() {
    let server = Redis::start(CANARY);
    server.run("SET a 1\n");
    let host = host_of(&server, &[]);

    host.batt(&["redis"]).code(0);

    assert!(!host.backup("redis").join("users.acl.zst").exists());
    assert!(!guide(&host).contains("Also needed"));
}

#[test]
fn an_account_that_may_not_list_them_is_told_what_lacks() {
    let server = Redis::start(CANARY);
    create_accounts(&server);
    server.run(&format!(
        "ACL SETUSER weak on >{CANARY} +info +ping +sync +psync +replconf\n"
    ));
    let host = host_of(&server, &[("REDIS_USER", "weak")]);

    host.batt(&["redis"]).code(0);

    assert!(!host.backup("redis").join("users.acl.zst").exists());
    let told = guide(&host);
    assert!(
        told.contains("accounts: the accounts of the server, which"),
        "{told}"
    );
    host.batt(&[
        "restore",
        "redis",
        "--into",
        Redis::empty_folder().path().to_str().unwrap(),
    ])
    .code(0)
    .says("accounts of the server");
}
