//! The zoo of Redis and Valkey.

use batt_tests::host::Host;
use batt_tests::server::redis::Redis;

use super::difference::assert_same;

const PASSWORD: &str = "canary-zoo-redis";
const ALL: &str = include_str!("../../zoo/redis/all");
const DATABASES: u32 = 64;

/// What only newer servers have, by a command of it.
const NEWER: [(&str, &str); 2] = [
    ("HEXPIRE", include_str!("../../zoo/redis/ending-fields")),
    ("VADD", include_str!("../../zoo/redis/vectors")),
];

/// Each key with its type and its end; of a stream all there is, since the digest of a server leaves out who reads it.
const KEYS: &str = "local keys = redis.call('KEYS', '*') table.sort(keys) local lines = {} \
    local function flat(value) if type(value) ~= 'table' then return tostring(value) end \
        local parts = {} for n, part in ipairs(value) do parts[n] = flat(part) end return table.concat(parts, ' ') end \
    for _, key in ipairs(keys) do local kind = redis.call('TYPE', key).ok \
        local line = key .. ' ' .. kind .. ' ' .. redis.call('PEXPIRETIME', key) \
        if kind == 'stream' then line = line .. ' ' .. redis.sha1hex(flat(redis.call('XINFO', 'STREAM', key, 'FULL', 'COUNT', 0))) end \
        lines[#lines + 1] = line end return lines";

/// Each key of the first databases with its type and its end, a digest of all values in the server, and the functions.
pub(crate) fn everything(server: &Redis, databases: u32) -> String {
    // In any order: each server has its own.
    let functions = server.run("FUNCTION LIST WITHCODE\n");
    let mut lines: Vec<&str> = functions.lines().collect();
    lines.sort_unstable();
    let mut told = lines.join("\n");
    // Of all databases, whichever is selected.
    told += &server.run("DEBUG DIGEST\n");
    for database in 0..databases {
        let keys = server.run(&format!("SELECT {database}\nDBSIZE\n"));
        if keys.trim_end().ends_with("\n0") {
            continue;
        }
        told += &format!("--- {database}\n{keys}");
        told += &server.run(&format!("SELECT {database}\nEVAL \"{KEYS}\" 0\n"));
    }
    told
}

#[test]
fn everything_of_a_server_comes_back() {
    let options = [
        "--databases",
        "64",
        "--dbfilename",
        "app data.rdb",
        "--enable-debug-command",
        "yes",
    ];
    let server = Redis::start_with(Redis::empty_folder(), PASSWORD, &options);
    server.run(ALL);
    let has = |command: &str| {
        server
            .run(&format!("COMMAND INFO {command}\n"))
            .contains(&command.to_lowercase())
    };
    for (_, more) in NEWER.iter().filter(|(command, _)| has(command)) {
        server.run(more);
    }
    let ends = has("HEXPIRE");
    let before = everything(&server, DATABASES);
    let host = Host::new();
    let socket = server.socket().display().to_string();
    host.configure("redis", &[("REDIS_SOCKET", &socket), ("REDISCLI_AUTH", PASSWORD)]);

    let backup = host.batt(&["--format", "json", "redis"]).code(0);
    if ends && server.run("INFO server\n").contains("valkey_version") {
        backup.says("asked to save it (BGSAVE)");
    }
    let content = host.content("redis", "dump.rdb");
    assert_eq!(content["keys.db40"], "2");
    assert_eq!(
        content.get("keys.db7").map(String::as_str),
        ends.then_some("not compared")
    );
    host.batt(&["verify"]).code(0);
    host.batt_drill("redis").code(0).says("proven");
    server.kill();
    let folder = Redis::empty_folder();
    let place = folder.path().display().to_string();
    host.batt_restore(&[], &["redis", "--into", &place]).code(0);

    let restored = Redis::start_with(folder, PASSWORD, &options);
    assert_same("what was restored", &before, &everything(&restored, DATABASES));
}
