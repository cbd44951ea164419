//! The accounts of Redis, which are in no RDB file, come back as they were.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::fs;

use batt_tests::host::Host;
use batt_tests::server::fake_redis::{Answers, FakeRedis};
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

/// The throw-away server has no modules: what it does not know of theirs is no fault of the accounts.
#[test]
fn a_rule_of_a_module_says_nothing_of_the_accounts() {
    let told = Redis::start(CANARY).run("INFO server\n");
    let version = told
        .lines()
        .find_map(|line| line.strip_prefix("redis_version:"))
        .unwrap();
    let listed = b"user app on nopass ~* -@all +json.get\nuser default on nopass ~* &* +@all";
    let server = FakeRedis::start(Answers::from([
        ("INFO redis_version".to_owned(), version.trim().into()),
        ("INFO db0".to_owned(), b"keys=0,expires=0,avg_ttl=0".to_vec()),
        ("ACL LIST".to_owned(), listed.to_vec()),
    ]));
    let host = Host::new();
    host.configure("redis", &[("REDIS_PORT", &server.port().to_string())]);
    host.batt(&["redis"]).code(0);
    assert!(host.content("redis", "users.acl").contains_key("account.app"));

    host.batt(&["drill", "redis"])
        .code(69)
        .says("it is one of a module");
    let folder = Redis::empty_folder();
    let into = folder.path().to_str().unwrap();
    host.batt(&["restore", "redis", "--into", into]).code(69);
    // The data came all the same.
    assert!(folder.path().join("dump.rdb").is_file());
    assert!(!folder.path().join("users.acl").exists());
}

/// It may have been led astray by the file that it reads.
#[test]
fn the_throw_away_server_is_given_no_password_of_a_server() {
    let server = Redis::start(CANARY);
    create_accounts(&server);
    let host = host_of(&server, &[]);
    host.batt(&["redis"]).code(0);
    let seen = host.scratch().join("seen");
    let script = host.home().join("scripts-available/restore-redis");
    let text = fs::read_to_string(&script).unwrap();
    let before = "    # Keys with an end of life are left out of what is compared";
    // What it begins with: a server writes its title over that. What it says comes into a log.
    let starts = "bash -c 'exec -a ";
    let look = format!("    cat -- \"$log\" >'{}'\n", seen.display());
    assert!(text.contains(before) && text.contains(starts));
    let told = text
        .replace(starts, "bash -c 'env; exec -a ")
        .replace(before, &format!("{look}{before}"));
    fs::write(&script, told).unwrap();

    let folder = Redis::empty_folder();
    host.batt(&["restore", "redis", "--into", folder.path().to_str().unwrap()])
        .code(0);

    let seen = fs::read_to_string(seen).unwrap();
    assert!(seen.contains("PATH="), "the throw-away server is there");
    assert!(!seen.contains(CANARY), "{seen}");
}
